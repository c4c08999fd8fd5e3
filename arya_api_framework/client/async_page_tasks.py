"""`AsyncPageTask`: the call for a page that is asked for ahead of its turn, in a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["AsyncPageTask"]


class AsyncPageTask:
    """A call that is under way."""

    def __init__(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        self._task = asyncio.ensure_future(function(*arguments))
        self._task.add_done_callback(_see)

    async def result(self) -> Any:
        """Wait for the end of the call, and return or raise what it did."""
        return await self._task

    async def cancel(self) -> None:
        """Break the call off, and wait for its end."""
        self._task.cancel()
        await asyncio.wait([self._task])


def _see(task: asyncio.Future[Any]) -> None:
    """Look at the error of a call, or asyncio would warn where nobody goes so far."""
    if not task.cancelled():
        task.exception()
