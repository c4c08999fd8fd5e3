"""`AsyncDownloadTasks`: the connections of a download, each in a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["AsyncDownloadTasks"]

T = TypeVar("T")


class AsyncDownloadTasks:
    """The connections of a download that are under way at once.

    Attributes:
        batch: How many bytes are written at once.
    """

    batch = 1024 * 1024  # The way to a thread and back costs as much as half of that.

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._ended = asyncio.Event()

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function that blocks, in a thread; it is never left alone there."""
        running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            while not running.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([running])
            running.exception()  # Looked at, or asyncio would warn.
            raise

    async def rest(self, seconds: float) -> None:
        """Wait for so many seconds."""
        await asyncio.sleep(seconds)

    def check(self) -> None:
        """Do nothing: a task that goes no further is cancelled."""

    def watch(self, options: dict[str, Any]) -> None:
        """Do nothing: a call ends with its task."""

    def start(self, function: Callable[[], Awaitable[None]]) -> None:
        """Call a function while others run."""
        task = asyncio.ensure_future(function())
        task.add_done_callback(lambda _: self._ended.set())
        self._tasks.append(task)

    async def run(self, function: Callable[[], Awaitable[None]]) -> None:
        """Call a function, and wait for its end and for those that it started.

        Raises what the first of them raised that failed; then the others are broken off.
        """
        self.start(function)
        try:
            while not all(task.done() for task in self._tasks):
                await self._ended.wait()
                self._ended.clear()
                for task in self._tasks:
                    if task.done():
                        task.result()
        finally:
            await self._close()

    async def _close(self) -> None:
        """Cancel those that are under way, and wait for their end."""
        for task in self._tasks:
            task.cancel()
        while running := [task for task in self._tasks if not task.done()]:
            with suppress(asyncio.CancelledError):  # What ended the download is raised already.
                await asyncio.wait(running)
        for task in self._tasks:
            if not task.cancelled():
                task.exception()
