"""A window in a forked process."""

import threading
import time

import pytest

from arya_api_framework.rate_limit import SlidingWindow, sync_wait
from arya_api_framework.rate_limit.window import Waiter, _lock
from tests.conftest import needs_fork
from tests.forks import in_child

pytestmark = [
    needs_fork,
    # From Python 3.12 on, fork warns when there are threads: that is the case under test.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def test_a_child_is_a_limiter_of_its_own_that_starts_full() -> None:
    """It assumes the parent's slots used, then keeps its own limit, with its own queue."""
    window = SlidingWindow(3, 0.2)
    window.poll(Waiter(wake=lambda: True, owner="parent"))  # takes a slot
    for _ in range(2):
        assert window.try_acquire()
    window.poll(Waiter(wake=lambda: True, owner="parent"))  # waits

    def child() -> None:
        start = time.monotonic()
        assert not window.try_acquire()
        assert 0 < window.eta() <= 0.2
        for _ in range(3):
            sync_wait.acquire(window)
        assert 0.1 < time.monotonic() - start < 1
        assert not window.try_acquire()

    assert in_child(child) == ""
    assert window.waiting == 1, "the parent's queue is untouched"


def test_a_lock_held_while_forking_does_not_block_the_child() -> None:
    """Another thread of the parent may be in the middle of anything."""
    window = SlidingWindow(1, 0.05)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with _lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)

    def child() -> None:
        sync_wait.acquire(window, window.clock() + 5)

    try:
        assert in_child(child) == ""
    finally:
        release.set()
        thread.join()
