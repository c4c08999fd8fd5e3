"""Wait for a slot of a sliding window in a thread."""

import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue

from .window import SlidingWindow, Waiter, leave, poll

__all__ = ["acquire", "sleep", "take"]

_DAY = 86_400.0


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
        waiter = Waiter({window: 1})
        if deadline is not None:
            waiter.deadline = deadline
        take(waiter)


def take(waiter: Waiter) -> None:
    """Take the slots that a waiter needs, all at once, waiting until all are free.

    An exception that ends the wait gives all of them back.

    Raises:
        RateLimitTimeout: At once if the wait would pass its deadline; its `retry_after` is the
            wait it would have taken.
        ConfigurationError: More slots are needed than there are.
    """
    # A queue, as its `put` may be called anywhere, from a signal handler too.
    signal: SimpleQueue[None] = SimpleQueue()

    def wake() -> bool:
        signal.put(None)
        return True

    waiter.wake, waiter.owner = wake, signal
    try:
        while (seconds := poll(waiter)) is not None:
            with suppress(Empty):
                signal.get(timeout=min(seconds, threading.TIMEOUT_MAX))
    except BaseException:
        leave(waiter)
        raise


def sleep(seconds: float) -> None:
    """Sleep for no less than so many seconds of the monotonic clock."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _DAY))  # Of centuries the system would raise an error.
