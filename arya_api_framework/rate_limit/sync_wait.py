"""Wait for a slot of a sliding window in a thread."""

import math
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue

from .window import SlidingWindow, Waiter, leave, poll

__all__ = ["acquire", "sleep", "take"]


def acquire(window: SlidingWindow, deadline: float | None = None) -> None:
    """Take a slot of `window`, waiting in the order of arrival until one is free.

    An exception that ends the wait, KeyboardInterrupt included, gives the slot back.

    Args:
        window: The window, shared with any other threads and event loops.
        deadline: A time of the window's clock; None waits as long as it takes.

    Raises:
        RateLimitTimeout: At once if the wait would pass the deadline; its `retry_after` is the
            wait it would have taken.
    """
    if not window.try_acquire():
        take({window: 1}, deadline)


def take(
    needs: dict[SlidingWindow, int], deadline: float | None = None, priority: int = 0
) -> Waiter:
    """Take slots of several windows at once, waiting until all are free.

    An exception that ends the wait gives all of them back.

    Args:
        needs: How many slots of each window, in an order that is the same for everybody.
        deadline: A time of the windows' clock; None waits as long as it takes.
        priority: Those of a higher priority go first.

    Returns:
        The waiter that has the slots, to be given to `release` where a window holds them.

    Raises:
        RateLimitTimeout: At once if the wait would pass the deadline; its `retry_after` is the
            wait it would have taken.
        ConfigurationError: More slots are needed than there are.
    """
    # A queue, as its `put` may be called anywhere, from a signal handler too.
    signal: SimpleQueue[None] = SimpleQueue()

    def wake() -> bool:
        signal.put(None)
        return True

    ends = math.inf if deadline is None else deadline
    waiter = Waiter(wake, owner=signal, deadline=ends, needs=needs, priority=priority)
    try:
        while (seconds := poll(waiter)) is not None:
            with suppress(Empty):
                signal.get(timeout=min(seconds, threading.TIMEOUT_MAX))
    except BaseException:
        leave(waiter)
        raise
    return waiter


def sleep(seconds: float) -> None:
    """Sleep for no less than so many seconds of the monotonic clock."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, threading.TIMEOUT_MAX))
