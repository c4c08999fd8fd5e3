"""Wait for a slot of a sliding window in a thread."""

import math
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue

from .window import SlidingWindow, Waiter

__all__ = ["acquire"]


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
    if window.try_acquire():
        return
    # A queue, as its `put` may be called anywhere, from a signal handler too.
    signal: SimpleQueue[None] = SimpleQueue()

    def wake() -> bool:
        signal.put(None)
        return True

    waiter = Waiter(wake, owner=signal, deadline=math.inf if deadline is None else deadline)
    try:
        while (seconds := window.poll(waiter)) is not None:
            with suppress(Empty):
                signal.get(timeout=min(seconds, threading.TIMEOUT_MAX))
    except BaseException:
        window.leave(waiter)
        raise
