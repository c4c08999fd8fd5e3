"""The arithmetic of the sliding log, on a clock that only the test moves."""

import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arya_api_framework.errors import ConfigurationError, RateLimitTimeout
from arya_api_framework.rate_limit import SlidingWindow
from arya_api_framework.rate_limit.window import PATIENCE, Waiter, _lock, normalise


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time it was set to."""
        return self.now


class Caller(Waiter):
    """A waiter that notes when it is woken, or cannot be woken any more."""

    def __init__(self, deadline: float = math.inf, owner: object = None) -> None:
        super().__init__(wake=self._wake_up, owner=owner or self, deadline=deadline)
        self.woken = 0
        self.gone = False

    def _wake_up(self) -> bool:
        self.woken += 1
        return not self.gone


def _full_window(limit: int = 1, interval: float = 1.0) -> tuple[SlidingWindow, Clock]:
    clock = Clock()
    window = SlidingWindow(limit, interval, clock=clock)
    for _ in range(limit):
        assert window.try_acquire()
    return window, clock


@pytest.mark.parametrize(
    "limit", [0, -1, -0.5, math.nan, math.inf, -math.inf, True, False, "5", None, Decimal(5), [5]]
)
def test_a_limit_that_is_no_positive_number_is_refused(limit: Any) -> None:
    """The error names the option, what it needs and what came."""
    with pytest.raises(ConfigurationError) as caught:
        SlidingWindow(limit, 1)
    assert str(caught.value) == (
        f"`rate_limit` needs a finite number of calls above 0, got {limit!r}"
    )


@pytest.mark.parametrize(
    "interval", [0, -1, math.nan, math.inf, -math.inf, True, "1", None, Decimal(1), 10**400]
)
def test_an_interval_that_is_no_positive_number_is_refused(interval: Any) -> None:
    """The error names the option, what it needs and what came."""
    with pytest.raises(ConfigurationError) as caught:
        SlidingWindow(1, interval)
    assert str(caught.value) == (
        f"`rate_limit_interval` needs a finite number of seconds above 0, got {interval!r}"
    )


@pytest.mark.parametrize(("limit", "interval"), [(5e-324, 1), (2.5, 5e-324)])
def test_a_fraction_that_leaves_no_usable_interval_is_refused(
    limit: float, interval: float
) -> None:
    """A quotient that overflows or underflows is an error, not a limiter that never opens."""
    with pytest.raises(ConfigurationError, match=r"`rate_limit_interval` / `rate_limit`"):
        SlidingWindow(limit, interval)


@pytest.mark.parametrize(
    ("limit", "interval", "expected"),
    [
        (10, 1, (10, 1.0)),
        (10.0, 60, (10, 60.0)),
        (2.5, 1, (1, 0.4)),
        (0.5, 1, (1, 2.0)),
        (1.5, 60, (1, 40.0)),
        (1, 0.25, (1, 0.25)),
    ],
)
def test_a_fraction_of_calls_becomes_one_call_in_a_longer_interval(
    limit: float, interval: float, expected: tuple[int, float]
) -> None:
    """A rate of r per T with a fractional r is 1 per T / r; a whole rate stays as it is."""
    window = SlidingWindow(limit, interval)
    assert (window.limit, window.interval) == normalise(limit, interval) == expected
    assert type(window.limit) is int
    assert type(window.interval) is float
    assert repr(window) == f"SlidingWindow({expected[0]}, {expected[1]})"


def test_a_limit_beyond_any_container_is_no_limit() -> None:
    """A limit too large to be counted makes a window that always has a slot."""
    window = SlidingWindow(10**300, 1)
    assert all(window.try_acquire() for _ in range(10))
    assert window.eta() == 0


def test_a_slot_is_free_again_exactly_one_interval_later() -> None:
    """The window is half-open: not just before t + T, but at t + T."""
    window, clock = _full_window(limit=2, interval=0.5)
    clock.now = math.nextafter(100.5, 0)
    assert not window.try_acquire()
    clock.now = 100.5
    assert [window.try_acquire() for _ in range(3)] == [True, True, False]


@given(
    start=st.floats(0, 1e9),
    interval=st.floats(1e-3, 1e6),
    nudges=st.lists(st.integers(-2, 2), max_size=3),
)
def test_rounding_never_opens_the_window_early(
    start: float, interval: float, nudges: list[int]
) -> None:
    """Around t + T, a slot is given exactly when the true difference is T or more, to one ulp."""
    clock = Clock(start)
    window = SlidingWindow(1, interval, clock=clock)
    assert window.try_acquire()
    for nudge in sorted(nudges):
        at = start + interval
        for _ in range(abs(nudge)):
            at = math.nextafter(at, math.inf if nudge > 0 else -math.inf)
        clock.now = at
        passed = Fraction(at) - Fraction(start)
        if window.try_acquire():
            assert passed >= Fraction(interval)
            break
        assert Fraction(math.nextafter(at, 0)) - Fraction(start) < Fraction(interval)


def test_eta_counts_the_free_slots_and_those_who_wait() -> None:
    """It is 0 while a slot is free, then grows by one interval for every `limit` waiters."""
    clock = Clock()
    window = SlidingWindow(2, 10.0, clock=clock)
    etas = [window.eta()]
    for moment in (100.0, 103.0):
        clock.now = moment
        assert window.try_acquire()
        etas.append(window.eta())
    for _ in range(4):
        window.poll(Caller())
        etas.append(window.eta())
    assert etas == [0, 0, 7, 10, 17, 20, 27]


def test_nobody_overtakes_a_waiter() -> None:
    """While somebody waits, a free slot is not given to who comes without queueing."""
    window, clock = _full_window()
    first = Caller()
    assert window.poll(first) == 1.0
    clock.now += 1
    assert not window.try_acquire()
    assert window.poll(first) is None
    clock.now += 1
    assert window.try_acquire()


def test_only_the_head_sleeps_until_its_slot() -> None:
    """The second is woken when it becomes the head, and only looks after the head until then."""
    window, clock = _full_window()
    first, second = Caller(), Caller()
    assert window.poll(first) == 1.0
    assert window.poll(second) == 2.0 + PATIENCE
    assert (first.woken, second.woken) == (0, 0)
    clock.now += 1
    assert window.poll(first) is None
    assert second.woken == 1
    assert window.poll(second) == 1.0


def test_a_wait_beyond_the_deadline_fails_at_once() -> None:
    """The error tells the wait it would have taken, and the window and queue stay as they were."""
    window, clock = _full_window()
    window.poll(Caller(deadline=101.0))
    with pytest.raises(RateLimitTimeout, match=r"2\.000 s") as caught:
        window.poll(Caller(deadline=101.9))
    assert caught.value.retry_after == 2.0
    assert window.eta() == 2.0
    assert window.poll(Caller(deadline=102.0)) == 2.0
    assert clock.now == 100.0


def test_a_deadline_that_passes_in_the_queue_ends_the_wait() -> None:
    """A waiter that the others made late gets the error and no slot, though one is free."""
    window, clock = _full_window()
    late = Caller(deadline=101.5)
    assert window.poll(late) == 1.0
    clock.now = 101.6
    with pytest.raises(RateLimitTimeout) as caught:
        window.poll(late)
    assert caught.value.retry_after == 0
    window.leave(late)
    assert window.try_acquire()


def test_a_waiter_at_its_deadline_without_a_slot_gives_up() -> None:
    """At the deadline itself a free slot is still taken, but nothing is waited for any more."""
    window, clock = _full_window()
    first, second = Caller(deadline=101.0), Caller(deadline=102.0)
    window.poll(first)
    window.poll(second)
    clock.now = 101.0
    assert window.poll(first) is None
    third = Caller(deadline=103.0)
    window.poll(third)
    clock.now = 103.0
    with pytest.raises(RateLimitTimeout):
        window.poll(third)  # the head has not taken its slot yet


def test_a_waiter_that_leaves_moves_the_others_up() -> None:
    """The head wakes its successor when it leaves; anybody else leaves without a sound."""
    window, _ = _full_window()
    first, second, third = Caller(), Caller(), Caller()
    for caller in (first, second, third):
        window.poll(caller)
    window.leave(second)
    assert (first.woken, third.woken) == (0, 0)
    assert window.eta() == 3.0
    window.leave(first)
    assert third.woken == 1
    assert window.poll(third) == 1.0


def test_a_slot_given_back_is_free_for_the_next() -> None:
    """A waiter interrupted right after it took its slot leaves it to its successor."""
    window, clock = _full_window()
    first, second = Caller(), Caller()
    window.poll(first)
    window.poll(second)
    clock.now += 1
    assert window.poll(first) is None
    assert window.poll(second) == 1.0
    window.leave(first)
    assert second.woken == 2
    assert window.poll(second) is None


@pytest.mark.parametrize("successor", [False, True])
def test_an_interrupt_on_any_line_of_a_grant_loses_nothing(successor: bool) -> None:
    """A KeyboardInterrupt at any point of `poll`, then `leave`: the slot is free for the next."""
    parts = {"poll", "_check_head", "_enter", "_grant", "_call_head", "_due", "_end"}
    for stop_at in itertools.count(1):
        window, clock = _full_window()
        first, second = Caller(), Caller()
        window.poll(first)
        if successor:
            window.poll(second)
        clock.now += 1
        finished = interrupt(lambda: window.poll(first), parts, stop_at)  # noqa: B023
        if finished:
            break
        window.leave(first)
        assert second.woken >= successor
        assert window.poll(second) is None, f"lost at line event {stop_at}"
        clock.now += 1
        assert window.try_acquire(), f"lost at line event {stop_at}"
    assert stop_at > 20


def interrupt(action: Callable[[], object], parts: set[str], stop_at: int) -> bool:
    """Raise KeyboardInterrupt at the given line event of `action`; True if it ended before."""
    lines = itertools.count(1)

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_name not in parts:
            return None
        if event == "line" and next(lines) == stop_at:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except KeyboardInterrupt:
        return False
    finally:
        sys.settrace(before)
        # A trace may raise just before a `with` block releases its lock, where no signal would.
        while _lock._is_owned():  # type: ignore[attr-defined]
            _lock.release()
    return True


def test_a_waiter_whose_loop_is_closed_is_skipped() -> None:
    """Nobody waits for a waiter that cannot be woken: its turn goes to the next."""
    window, clock = _full_window()
    first, closed, third = Caller(), Caller(), Caller()
    for caller in (first, closed, third):
        window.poll(caller)
    closed.gone = True
    clock.now += 1
    assert window.poll(first) is None
    assert third.woken == 1
    assert window.eta() == 2.0


def test_a_head_whose_loop_was_closed_does_not_hold_up_a_newcomer() -> None:
    """A dead head that missed its turn is dropped by whoever comes next."""
    window, clock = _full_window()
    closed = Caller()
    window.poll(closed)
    closed.gone = True
    clock.now += 1 + PATIENCE + 0.001
    assert window.poll(Caller()) is None
    assert window.try_acquire() is False


def test_a_head_that_never_comes_is_passed_over_with_all_of_its_loop() -> None:
    """A stopped loop is reminded once, then its waiters lose their places, not their slots."""
    window, clock = _full_window(interval=0.5)
    stopped = [Caller(owner="loop"), Caller(owner="loop")]
    living = Caller()
    for caller in (*stopped, living):
        window.poll(caller)
    clock.now += 0.5 + PATIENCE
    assert window.poll(living) is not None, "the head still has its time"
    clock.now += 0.001
    assert window.poll(living) is not None
    assert stopped[0].woken == 1, "reminded"
    clock.now += PATIENCE
    assert window.poll(living) is not None, "the reminded head has its time again"
    clock.now += 0.001
    assert window.poll(living) is None
    assert window.poll(stopped[0]) == 0.5, "it came back and queued again"
    newcomer = Caller()
    window.poll(newcomer)
    clock.now += 0.5 + PATIENCE + 0.001
    assert window.poll(newcomer) is not None, "it is reminded anew"
    assert window.poll(stopped[0]) is None


def test_a_reminded_head_that_comes_keeps_its_place() -> None:
    """A process that stood still as a whole goes on in the order of before."""
    window, clock = _full_window()
    head, second = Caller(), Caller()
    window.poll(head)
    window.poll(second)
    clock.now += 60
    assert window.poll(second) is not None
    assert window.poll(head) is None
    assert window.poll(second) == 1.0


def test_a_child_starts_with_every_slot_taken() -> None:
    """What fork leaves behind: a full log of now, an empty queue, a lock that nobody holds."""
    window, clock = _full_window(limit=3)
    window.poll(Caller())
    clock.now += 5
    window.start_over()
    assert window.eta() == 1.0
    assert not window.try_acquire()
    clock.now += 1
    assert [window.try_acquire() for _ in range(4)] == [True, True, True, False]


def test_importing_loads_no_event_loop_and_registers_nothing() -> None:
    """The sync half needs no asyncio, and the fork hook is registered once, by the first window."""
    program = """
import os, sys
hooks = []
register = os.register_at_fork
os.register_at_fork = lambda **when: (hooks.append(when), register(**when))
from arya_api_framework.rate_limit import SlidingWindow, sync_wait
mine = lambda: sum(
    getattr(hook, "__module__", "").startswith("arya_api_framework")
    for when in hooks for hook in when.values()
)
assert mine() == 0
assert "asyncio" not in sys.modules
SlidingWindow(1), SlidingWindow(1)
assert mine() == 1
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
