"""`SyncWorkers`: the threads that make the calls of a map."""

from __future__ import annotations

import _thread
import contextvars
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from types import CoroutineType
from typing import Any

from ..client.hints import AsyncHint, is_async_iterable
from ..client.sync_threads import launch
from ..errors import ConfigurationError
from ..fork import start_over_in_child
from .batch import Batch
from .calls import has_method, no_call, not_awaited, not_iterable

__all__ = ["SyncWorkers"]


class SyncWorkers:
    """As many threads as calls are under way at once, each of which makes one after the other.

    Inputs are taken in the thread that reads the results, as what they come from, such as a
    connection to a database, may serve that one only.

    Raises:
        ConfigurationError: The inputs must be awaited.
    """

    def __init__(self, batch: Batch) -> None:
        inputs = batch.inputs
        is_plain = has_method(inputs, "__iter__") and not isinstance(inputs, AsyncHint)
        if is_async_iterable(inputs) and not is_plain:
            raise not_iterable(batch.inputs)
        self._batch = batch
        self._inputs: Iterator[Any] | None = None
        # Queues, as a handler of a signal may raise at any time: nothing stays locked.
        self._todo: SimpleQueue[Any] = SimpleQueue()
        self._done: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        self._gone: SimpleQueue[None] = SimpleQueue()
        self._hired = 0
        self._working: set[int] = set()
        self._has_left = False
        self._is_forked = False

    def begin(self) -> bool:
        """Begin the next call, and return whether there was one and it was its turn."""
        batch = self._batch
        if self._is_forked:
            raise ConfigurationError(
                "the calls of this map are made by the process that has begun to read its results, "
                "not by a child that was forked since; call `map` there"
            )
        while not self._done.empty():
            batch.end(*self._done.get())
        if not batch.wants_call():
            return False
        try:
            if self._inputs is None:
                start_over_in_child(self, "_start_over")
                self._inputs = iter(batch.inputs)
            given = next(self._inputs)
        except StopIteration:
            batch.exhaust()
            return False
        except Exception as error:  # noqa: BLE001 - raised after what is under way
            batch.exhaust(error)
            return False
        if batch.takes_calls and not callable(given):
            batch.exhaust(no_call(given))
            return False
        self._todo.put((batch.begin(), given, contextvars.copy_context()))
        if batch.begun - batch.ended > self._hired:
            self._hire()
        return True

    def wait(self) -> None:
        """Wait until a call ends."""
        self._batch.end(*self._done.get())

    def leave(self) -> None:
        """Begin nothing more, and let the threads end by themselves."""
        self._has_left = True
        self._todo.put(None)

    def close(self) -> None:
        """Begin nothing more, and wait until the calls that are under way have ended."""
        self.leave()
        if threading.get_ident() in self._working:
            return  # A call does not wait for its own end.
        while self._hired and not self._is_forked:
            self._hired -= 1  # First, as the wait may be broken off.
            self._gone.get()

    def _start_over(self) -> None:
        """Know that the threads have stayed with the parent of this process."""
        self._is_forked = self._has_left = True

    def _hire(self) -> None:
        # A daemon: a call does not keep a program that is over.
        thread = threading.Thread(target=self._work, name="call of a map", daemon=True)
        try:
            # Who starts a `Thread` waits for it, with a lock that a handler of a signal breaks.
            _thread.start_new_thread(launch, (thread,))
        except RuntimeError:  # There can be no thread more than there are.
            if not self._hired:
                self._done.put(self._call(*self._todo.get()))
        else:
            self._hired += 1

    def _work(self) -> None:
        self._working.add(threading.get_ident())
        while (job := self._todo.get()) is not None and not self._has_left:
            self._done.put(self._call(*job))
            job = None  # Nothing of it is kept while there is nothing to do.
        self._todo.put(None)  # For the next of them.
        self._working.discard(threading.get_ident())
        self._gone.put(None)

    def _call(self, number: int, given: Any, context: contextvars.Context) -> tuple[Any, ...]:
        """Make a call, in a context of its own, and return what `Batch.end` takes."""
        try:
            result = context.run(self._batch.function, given)
        except BaseException as error:  # noqa: BLE001 - raised where the results are read
            return number, given, None, error
        if type(result) is CoroutineType:
            return number, given, None, not_awaited(result), True
        return number, given, result, None
