"""`AsyncTasks`: the requests of a hedged call, each in a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from .hedging import Run

__all__ = ["AsyncTasks"]


class AsyncTasks:
    """The requests of a call that are under way at once."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, function: Callable[[Run], Awaitable[None]], run: Run) -> None:
        """Call a function, which raises nothing, in a task."""
        self._tasks.append(asyncio.create_task(self._do(function, run)))

    async def wait(self, seconds: float | None) -> None:
        """Wait until one ends, or for so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        self._ended.clear()

    async def close(self) -> None:
        """Cancel those that are under way, and wait for their end."""
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _do(self, function: Callable[[Run], Awaitable[None]], run: Run) -> None:
        run.claim()  # A task that was cancelled before does not come here.
        try:
            await function(run)
        finally:
            self._ended.set()
