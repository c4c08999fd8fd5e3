"""`AsyncWorkers`: the tasks that make the calls of a map."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import CoroutineType
from typing import Any

from ..client.hints import is_async_iterable
from .batch import Batch
from .calls import has_method, no_call, not_awaitable

__all__ = ["AsyncWorkers"]


class AsyncWorkers:
    """A task for each call, which has a context of its own.

    Inputs are taken in the task that reads the results; those that must be awaited in one task of
    their own, so that a result does not wait until there is a further input.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._awaits_inputs = is_async_iterable(batch.inputs)
        self._inputs: Iterator[Any] | None = None
        self._feeder: asyncio.Task[None] | None = None
        self._tasks: dict[asyncio.Task[None], Any] = {}
        self._change: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    async def begin(self) -> bool:
        """Begin the next call, and return whether there was one and it was its turn."""
        batch = self._batch
        if not batch.wants_call():
            return False
        if self._awaits_inputs:
            if self._feeder is None:
                self._feeder = asyncio.create_task(self._feed(), name="inputs of a map")
            _tell(self._room)
            return False
        try:
            if self._inputs is None:
                self._inputs = iter(batch.inputs)
            given = next(self._inputs)
        except StopIteration:
            batch.exhaust()
            return False
        except Exception as error:  # noqa: BLE001 - raised after what is under way
            batch.exhaust(error)
            return False
        return self._start(given)

    async def wait(self) -> None:
        """Wait until a call ends, or until it is known that there is no further input."""
        self._change = asyncio.get_running_loop().create_future()
        await self._change

    async def leave(self) -> None:
        """Begin nothing more, cancel the calls that are under way, and wait for their end."""
        self._batch.exhaust()
        running: set[asyncio.Task[None]] = {*self._tasks}
        if self._feeder is not None:
            running.add(self._feeder)
        running -= {task for task in running if task is asyncio.current_task()}
        for task in running:
            task.cancel()
        is_cancelled = False
        while running:
            try:
                await asyncio.wait(running)
            except asyncio.CancelledError:
                is_cancelled = True  # Nothing is left alone for it.
            running = {task for task in running if not task.done()}
        # What was never begun: awaitables would warn that nobody awaited them.
        for given in self._tasks.values():
            _discard(given)
        self._tasks.clear()
        rest: Any = self._inputs or self._batch.inputs
        if isinstance(self._batch.inputs, list | tuple):
            for given in rest:
                _discard(given)
        if is_cancelled:
            raise asyncio.CancelledError

    async def close(self) -> None:
        """Begin nothing more, cancel the calls that are under way, and wait for their end."""
        await self.leave()

    async def _feed(self) -> None:
        """Take the inputs, each when there is room for its call."""
        batch = self._batch
        loop = asyncio.get_running_loop()
        try:
            inputs = aiter(batch.inputs)
            while not batch.is_over:
                if batch.wants_call():
                    self._start(await anext(inputs))
                else:
                    self._room = loop.create_future()
                    await self._room
        except StopAsyncIteration:
            batch.exhaust()
        except BaseException as error:  # noqa: BLE001 - raised after what is under way
            batch.exhaust(error)
        _tell(self._change)

    def _start(self, given: Any) -> bool:
        """Begin a call in a task, and return whether it was begun."""
        batch = self._batch
        if batch.is_over:  # Meanwhile.
            _discard(given)
            return False
        if batch.takes_calls and not (callable(given) or _is_awaitable(given)):
            batch.exhaust(no_call(given))
            return False
        task = asyncio.create_task(self._call(batch.begin(), given), name="call of a map")
        if not task.done():  # A loop may begin its tasks at once.
            self._tasks[task] = given
        return True

    def _ask(self, given: Any) -> Any:
        """Return what is to be awaited."""
        is_call = callable(given) or not self._batch.takes_calls
        return self._batch.function(given) if is_call else given

    async def _call(self, number: int, given: Any) -> None:
        batch = self._batch
        result: Any = None
        error: BaseException | None = None
        is_misused = False
        try:
            answer = self._ask(given)
            if _is_awaitable(answer):
                result = await answer
            else:
                error, is_misused = not_awaitable(answer), True
        except BaseException as raised:  # noqa: BLE001 - raised where the results are read
            error = raised
        task: Any = asyncio.current_task()
        self._tasks.pop(task, None)
        batch.end(number, given, result, error, is_misused)
        del error  # It holds this frame, which would hold it.
        _tell(self._change)
        if batch.wants_call():
            _tell(self._room)


def _tell(future: asyncio.Future[None] | None) -> None:
    """Wake who waits."""
    if future is not None and not future.done():
        future.set_result(None)


def _is_awaitable(value: Any) -> bool:
    return type(value) is CoroutineType or has_method(value, "__await__")


def _discard(given: Any) -> None:
    """Let go of an input that is not used; a coroutine would warn that nobody awaited it."""
    if type(given) is CoroutineType:
        given.close()
