"""Wait for a slot of a sliding window in a task."""

import asyncio
import math

from .window import SlidingWindow, Waiter

__all__ = ["acquire"]


async def acquire(window: SlidingWindow, deadline: float | None = None) -> None:
    """Take a slot of `window`, waiting in the order of arrival until one is free.

    An exception that ends the wait, cancellation included, gives the slot back.

    Args:
        window: The window, shared with any other threads and event loops.
        deadline: A time of the window's clock; None waits as long as it takes.

    Raises:
        RateLimitTimeout: At once if the wait would pass the deadline; its `retry_after` is the
            wait it would have taken.
    """
    if window.try_acquire():
        return
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()

    def wake() -> bool:
        if _runs_here(loop):
            woken.set()  # the call below also writes to a socket, to end the loop's sleep
            return True
        try:
            loop.call_soon_threadsafe(woken.set)
        except RuntimeError:  # the loop is closed
            return False
        return True

    waiter = Waiter(wake, owner=loop, deadline=math.inf if deadline is None else deadline)
    try:
        # The slot is taken here and not by whoever wakes us, so a cancellation finds us either
        # without it or past this function.
        while (seconds := window.poll(waiter)) is not None:
            timer = loop.call_later(seconds, woken.set)
            try:
                await woken.wait()
            finally:
                timer.cancel()
            woken.clear()
    except BaseException:
        window.leave(waiter)
        raise


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:  # a thread without a loop
        return False
