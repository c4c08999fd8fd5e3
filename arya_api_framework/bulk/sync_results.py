"""`SyncResults`: what many calls return, read one after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from typing_extensions import override

from ..client.hints import SyncHint
from .batch import Batch
from .sync_workers import SyncWorkers

__all__ = ["SyncResults"]

T = TypeVar("T")


class SyncResults(SyncHint, Iterator[T]):
    """What many calls return, one after the other; also a context manager.

    Made by `map` of a client or sub-client, and by `map_calls`. Nothing is called before the first
    result is asked for.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._workers = SyncWorkers(batch)
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
    def __next__(self) -> T:
        result: T = next(self._results)
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, Exception):
            self.close()
        else:
            self._results.close()

    def close(self) -> None:
        """Begin nothing more, and wait until nothing is under way; what is left is not given.

        Tasks are cancelled. A thread cannot be: its call comes to its own end.
        """
        self._results.close()
        self._workers.close()
        self._batch.close()


def _read(batch: Batch, workers: SyncWorkers) -> Generator[Any]:
    """Begin calls and give their results, until there are no more."""
    try:
        batch.open()
        while True:
            # One at least, so that as many are under way when a result is there at once.
            while workers.begin() and not batch.has_result():
                pass
            batch.report()
            if batch.has_result():
                yield batch.pop()
            elif batch.is_done():
                break
            else:
                workers.wait()
        workers.close()
        batch.finish()
    except Exception:
        workers.close()
        raise
    finally:
        workers.leave()
        batch.close()
