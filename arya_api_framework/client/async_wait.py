"""Wait in a task for what another thread or task does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from ..fork import start_over_in_child

__all__ = ["rest", "wait_done"]

# A future keeps each callback until it is done, so that it is given one for all who wait.
_waiting: WeakKeyDictionary[Future[Any], dict[Callable[[], None], None]] = WeakKeyDictionary()
_mutex = threading.RLock()
start_over_in_child(_mutex, "_at_fork_reinit")


async def wait_done(future: Future[Any], seconds: float | None) -> None:
    """Wait until a future is done or cancelled, whatever its result, or so many seconds are over.

    A task that is cancelled leaves the future alone, for others who wait.
    """
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # The loop may be closed by now.
            loop.call_soon_threadsafe(done.set)

    with _mutex:
        is_first = future not in _waiting
        wakes = _waiting.setdefault(future, {})
        wakes[wake] = None
    try:
        if is_first:
            future.add_done_callback(_wake_all)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await done.wait()
    finally:
        with _mutex:
            wakes.pop(wake)


def _wake_all(future: Future[Any]) -> None:
    with _mutex:
        wakes = tuple(_waiting.pop(future, ()))
    for wake in wakes:
        wake()


async def rest() -> None:
    """Let others have their turn, where this would go on for long."""
    await asyncio.sleep(0)
