"""`AsyncResults`: what many calls return, read one after the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Any, Self, TypeVar

from typing_extensions import override

from ..client.hints import AsyncHint
from .async_workers import AsyncWorkers
from .batch import Batch

__all__ = ["AsyncResults"]

T = TypeVar("T")


class AsyncResults(AsyncHint, AsyncIterator[T]):
    """What many calls return, one after the other; also a context manager.

    Made by `map` of a client or sub-client, and by `map_calls`. Nothing is called before the first
    result is asked for.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._workers = AsyncWorkers(batch)
        batch.watch(self)
        # It knows nothing of this object, so that it ends with it.
        self._results = _read(batch, self._workers)

    @property
    def done(self) -> int:
        """How many calls have ended, as far as was seen when a result was asked for."""
        return self._batch.ended

    @property
    def total(self) -> int | None:
        """How many calls there are, `None` where the inputs have no length."""
        return self._batch.total

    @override
    async def __anext__(self) -> T:
        result: T = await anext(self._results)
        return result

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, Exception):
            await self.aclose()
        else:
            await self._results.aclose()

    async def aclose(self) -> None:
        """Begin nothing more, and wait until nothing is under way; what is left is not given.

        Tasks are cancelled. A thread cannot be: its call comes to its own end.
        """
        await self._results.aclose()
        await self._workers.close()
        self._batch.close()


async def _read(batch: Batch, workers: AsyncWorkers) -> AsyncGenerator[Any]:
    """Begin calls and give their results, until there are no more."""
    try:
        batch.open()
        while True:
            # One at least, so that as many are under way when a result is there at once.
            while await workers.begin() and not batch.has_result():
                pass
            batch.report()
            if batch.has_result():
                yield batch.pop()
            elif batch.is_done():
                break
            else:
                await workers.wait()
        await workers.close()
        batch.finish()
    except Exception:
        await workers.close()
        raise
    finally:
        await workers.leave()
        batch.close()
