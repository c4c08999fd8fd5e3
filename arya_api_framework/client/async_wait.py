"""Wait in a task for what another thread or task does."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

__all__ = ["wait_done"]


async def wait_done(future: Future[Any], seconds: float | None) -> None:
    """Wait until a future is done, whatever its result, or so many seconds are over.

    A task that is cancelled leaves the future alone, for others who wait.
    """
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def wake(_: Future[Any]) -> None:
        with suppress(RuntimeError):  # The loop may be closed by now.
            loop.call_soon_threadsafe(done.set)

    future.add_done_callback(wake)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await done.wait()
