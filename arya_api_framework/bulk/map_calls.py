"""`map_calls`: many calls, of whatever clients, a bounded number of them at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from typing_extensions import Unpack

from ..options import UNSET, MapOptions
from .batch import Batch

if TYPE_CHECKING:
    from .async_results import AsyncResults
    from .calls import AsyncCall, AsyncCalls, AsyncInputs, SyncCall, SyncCalls, SyncInputs
    from .outcome import Outcome
    from .sync_results import SyncResults

__all__ = ["map_calls"]

In = TypeVar("In")
T = TypeVar("T")


# What can be awaited is a result, too; of the overloads that fit, the first counts.
@overload
def map_calls(  # type: ignore[overload-overlap]
    function: Callable[[In], Awaitable[T]],
    inputs: AsyncInputs[In],
    /,
    *,
    on_error: Literal["collect"],
    **options: Unpack[MapOptions],
) -> AsyncResults[Outcome[In, T]]: ...
@overload
def map_calls(  # type: ignore[overload-overlap]
    function: Callable[[In], Awaitable[T]],
    inputs: AsyncInputs[In],
    /,
    *,
    on_error: Literal["raise"] = ...,
    **options: Unpack[MapOptions],
) -> AsyncResults[T]: ...
@overload
def map_calls(
    function: Callable[[In], T],
    inputs: SyncInputs[In],
    /,
    *,
    on_error: Literal["collect"],
    **options: Unpack[MapOptions],
) -> SyncResults[Outcome[In, T]]: ...
@overload
def map_calls(
    function: Callable[[In], T],
    inputs: SyncInputs[In],
    /,
    *,
    on_error: Literal["raise"] = ...,
    **options: Unpack[MapOptions],
) -> SyncResults[T]: ...
@overload
def map_calls(  # type: ignore[overload-overlap]
    calls: AsyncCalls[T], /, *, on_error: Literal["collect"], **options: Unpack[MapOptions]
) -> AsyncResults[Outcome[AsyncCall[T], T]]: ...
@overload
def map_calls(  # type: ignore[overload-overlap]
    calls: AsyncCalls[T], /, *, on_error: Literal["raise"] = ..., **options: Unpack[MapOptions]
) -> AsyncResults[T]: ...
@overload
def map_calls(
    calls: SyncCalls[T], /, *, on_error: Literal["collect"], **options: Unpack[MapOptions]
) -> SyncResults[Outcome[SyncCall[T], T]]: ...
@overload
def map_calls(
    calls: SyncCalls[T], /, *, on_error: Literal["raise"] = ..., **options: Unpack[MapOptions]
) -> SyncResults[T]: ...
def map_calls(calls: Any, inputs: Any = UNSET, /, **options: Any) -> Any:
    """Make many calls, which may belong to many clients, a bounded number of them at once.

    It is `map` of a client, without the client: `for` makes the calls in threads, `async for` in
    tasks.

    Args:
        calls: A function, which is called with each of the inputs; or, without inputs, the calls:
            functions without arguments.
        inputs: A list or any other iterable, which may be endless.
        options: See `MapOptions`; `on_error="collect"` gives an `Outcome` for each call, and raises
            the error of none.

    Returns:
        `SyncResults` for functions, `AsyncResults` for async functions.

    Raises:
        ConfigurationError: These are no calls, or an option can never work. While iterating: one of
            them is no call.

    Example:
        ```python
        accounts = [api.with_options(bearer_token=token) for token in tokens]
        for balance in map_calls(API.balance, accounts, concurrency=32):
            print(balance)
        ```
    """
    return _Results(Batch(calls, inputs, options))


class _Results:
    """What is `SyncResults` or `AsyncResults`, by how it is read first."""

    def __init__(self, batch: Batch) -> None:
        batch.watch(self)
        self._batch = batch
        self._results: Any = None

    def __iter__(self) -> Any:
        return self._in_threads()

    def __next__(self) -> Any:
        return next(self._in_threads())

    def __enter__(self) -> Any:
        return self._in_threads()

    def __exit__(self, *exception: object) -> None:
        self._in_threads().__exit__(*exception)

    def close(self) -> None:
        self._in_threads().close()

    def __aiter__(self) -> Any:
        return self._in_tasks()

    async def __anext__(self) -> Any:
        return await anext(self._in_tasks())

    async def __aenter__(self) -> Any:
        return self._in_tasks()

    async def __aexit__(self, *exception: object) -> None:
        await self._in_tasks().__aexit__(*exception)

    async def aclose(self) -> None:
        await self._in_tasks().aclose()

    @property
    def done(self) -> int:
        return self._batch.ended

    @property
    def total(self) -> int | None:
        return self._batch.total

    def _in_threads(self) -> Any:
        if self._results is None:
            from .sync_results import SyncResults

            self._batch.hand_over()
            self._results = SyncResults[Any](self._batch)
        return iter(self._results)  # Raises where it is read in tasks already.

    def _in_tasks(self) -> Any:
        if self._results is None:
            from .async_results import AsyncResults

            self._batch.hand_over()
            self._results = AsyncResults[Any](self._batch)
        return aiter(self._results)
