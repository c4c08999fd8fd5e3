"""`Timer`: the time of calls in an event loop.

It has no synchronous twin: there each wait on a socket is given the time that is left.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from .call import Call

__all__ = ["Timer"]


class Timer:
    """One timer for all calls of a loop: a timer for each would cost each call several times more.

    A call that must end is cancelled as `asyncio.timeout` does it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._watched: dict[Call, tuple[float, asyncio.Task[Any], int]] = {}
        self._fired: dict[Call, tuple[asyncio.Task[Any], int]] = {}
        self._handle: asyncio.TimerHandle | None = None
        self._next = float("inf")
        self._idle: asyncio.Event | None = None
        self.bodies: WeakSet[Any] = WeakSet()
        """Bodies that are read piece by piece, and not at their end yet."""

    def watch(self, call: Call, until: float | None = None) -> None:
        """Cancel the current task when the time of a call is over, if it has an end.

        Args:
            call: The call.
            until: When the wait is over, on the monotonic clock, in place of the end of the call.
        """
        ends = call.ends if until is None else until
        if ends is None:
            ends = float("inf")
        task = asyncio.current_task(self.loop)
        assert task is not None, "a coroutine runs in a task"
        self._watched[call] = (ends, task, task.cancelling())
        if ends < self._next:
            self._schedule(ends)

    def forget(self, call: Call) -> None:
        """Stop watching; the timer goes on, and finds nothing to do."""
        self._watched.pop(call, None)
        if self._fired:
            self._fired.pop(call, None)
        if self._idle is not None and not self._watched:
            self._idle.set()

    async def settle(self, seconds: float) -> None:
        """Wait until no call is under way, or for so many seconds."""
        self._idle = asyncio.Event()
        if self._watched:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._idle.wait()

    def fire(self, call: Call) -> None:
        """End a call now."""
        found = self._watched.pop(call, None)
        if found is not None:
            _, task, cancelling = found
            self._fired[call] = (task, cancelling)
            task.cancel()

    def fired(self, call: Call) -> bool:
        """Return whether the time of a call was over."""
        return call in self._fired

    def absorb(self, call: Call) -> bool:
        """Take back the cancellation by this timer; return whether it was the only one."""
        found = self._fired.get(call)
        return found is not None and found[0].uncancel() <= found[1]

    def _schedule(self, ends: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._next = ends
        self._handle = self.loop.call_later(max(ends - time.monotonic(), 0), self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._next = float("inf")
        now = time.monotonic()
        for call, (ends, _, _) in list(self._watched.items()):
            if ends <= now:
                self.fire(call)
        ends = min((ends for ends, _, _ in self._watched.values()), default=self._next)
        if ends < self._next:
            self._schedule(ends)
