"""The waits of threads and tasks on one window, in real time."""

import asyncio
import contextlib
import math
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest

from arya_api_framework.errors import RateLimitTimeout
from arya_api_framework.rate_limit import SlidingWindow, async_wait, sync_wait
from arya_api_framework.rate_limit.window import PATIENCE, Waiter
from tests.patience import LATE, until


class Stamps:
    """A window, and when each of its slots was taken, to the float the window itself read.

    The last time that a thread reads the clock in `acquire` is the stamp of its slot.
    """

    def __init__(self, limit: int, interval: float) -> None:
        self._read = threading.local()
        self.readings = 0
        self.taken: list[float] = []
        self.window = SlidingWindow(limit, interval, clock=self._clock)

    def _clock(self) -> float:
        self.readings += 1
        self._read.last = time.monotonic()
        return float(self._read.last)

    def fill(self) -> None:
        """Take every slot."""
        while self.window.try_acquire():
            self.note()

    def note(self) -> None:
        """Keep the stamp of the slot that this thread has just taken."""
        self.taken.append(self._read.last)

    def acquire(self) -> None:
        """Wait in a thread."""
        sync_wait.acquire(self.window)
        self.note()

    async def acquire_async(self) -> None:
        """Wait in a task."""
        await async_wait.acquire(self.window)
        self.note()  # nothing else ran in this thread in between

    def check(self, count: int) -> None:
        """Every window is exact, and the whole took no longer than it must."""
        stamps = sorted(self.taken)
        assert len(stamps) == count
        limit, interval = self.window.limit, self.window.interval
        for first, beyond in zip(stamps, stamps[limit:], strict=False):
            assert Fraction(beyond) - Fraction(first) >= Fraction(interval)
        ideal = (math.ceil(count / limit) - 1) * interval
        assert ideal <= stamps[-1] - stamps[0] < ideal * 1.2 + LATE


def _waiting(window: SlidingWindow) -> int:
    return window.waiting


@contextlib.contextmanager
def _joined(threads: list[threading.Thread]) -> Iterator[None]:
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize("limit", [7, 40])
def test_64_threads_share_one_window(limit: int) -> None:
    """No window of time holds more than the limit, and nobody is left behind."""
    stamps = Stamps(limit, 0.1)
    calls = limit * 8
    with ThreadPoolExecutor(64) as pool:
        for done in [pool.submit(stamps.acquire) for _ in range(calls)]:
            done.result()
    stamps.check(calls)


async def test_tasks_share_one_window() -> None:
    """A burst of tasks is let through window by window; each sleeps and leaves no timer behind."""
    stamps = Stamps(20, 0.1)
    await asyncio.gather(*(stamps.acquire_async() for _ in range(100)))
    stamps.check(100)
    assert stamps.readings < 100 * 5
    timers = getattr(asyncio.get_running_loop(), "_scheduled")  # noqa: B009 - private
    assert all(timer.cancelled() for timer in timers)


def test_one_caller_at_a_time_is_between_reading_the_clock_and_taking_the_slot() -> None:
    """The clock is read under the lock, by every way into the window."""
    inside: list[int] = []
    crowds: list[int] = []

    def clock() -> float:
        inside.append(1)
        crowds.append(len(inside))
        time.sleep(1e-4)  # lets other threads run
        inside.pop()
        return time.monotonic()

    window = SlidingWindow(3, 0.01, clock=clock)

    def calls() -> None:
        for _ in range(10):
            window.try_acquire()
            window.eta()
            sync_wait.acquire(window)
            waiter = Waiter(wake=lambda: True, owner="test")
            window.poll(waiter)
            window.leave(waiter)

    with _joined([threading.Thread(target=calls) for _ in range(8)]):
        pass
    assert max(crowds) == 1


def test_two_loops_and_plain_threads_share_one_window() -> None:
    """Tasks of two event loops in two threads and plain threads wake each other, exactly."""
    stamps = Stamps(25, 0.1)

    async def tasks() -> None:
        await asyncio.gather(*(stamps.acquire_async() for _ in range(50)))

    def calls() -> None:
        for _ in range(10):
            stamps.acquire()

    threads = [threading.Thread(target=asyncio.run, args=(tasks(),)) for _ in range(2)]
    threads += [threading.Thread(target=calls) for _ in range(10)]
    with _joined(threads):
        pass
    stamps.check(200)


def test_attacks_at_the_edge_of_the_window_gain_nothing() -> None:
    """Neither an idle window nor calls crowded around its end give one slot more."""
    stamps = Stamps(5, 0.1)
    time.sleep(0.1)  # a bucket would have filled up
    start = time.monotonic()
    while time.monotonic() < start + 0.55:
        if stamps.window.try_acquire():
            stamps.note()
    assert 5 < len(stamps.taken) <= 30
    stamps.check(len(stamps.taken))


def test_threads_and_tasks_get_their_slots_in_order_of_arrival() -> None:
    """One queue for all: a task does not overtake a thread, nor a thread a task."""
    window = SlidingWindow(1, 0.05)
    assert window.try_acquire()
    order: list[int] = []

    def in_thread(number: int) -> None:
        sync_wait.acquire(window)
        order.append(number)

    def in_task(number: int) -> None:
        asyncio.run(async_wait.acquire(window))
        order.append(number)

    # A thread of the test in front holds the queue until all are in it.
    holder = Waiter(wake=lambda: True, owner="test")
    window.poll(holder)
    threads = [
        threading.Thread(target=(in_thread, in_task)[number % 2], args=(number,))
        for number in range(8)
    ]
    for number, thread in enumerate(threads):
        thread.start()
        until(lambda: _waiting(window) == number + 2)  # noqa: B023
    window.leave(holder)
    for thread in threads:
        thread.join(30)
    assert order == list(range(8))


async def test_a_storm_of_cancelled_tasks_uses_no_slot() -> None:
    """Of 300 waiting tasks 290 are cancelled: the rest goes on as if they had never been."""
    stamps = Stamps(5, 0.2)
    stamps.fill()
    start = time.monotonic()
    tasks = [asyncio.create_task(stamps.acquire_async()) for _ in range(300)]
    await asyncio.sleep(0)
    assert _waiting(stamps.window) == 300
    chosen = random.Random(1)
    kept = sorted(chosen.sample(range(300), 10))
    cancelled = [task for number, task in enumerate(tasks) if number not in kept]
    chosen.shuffle(cancelled)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*(tasks[number] for number in kept))
    assert time.monotonic() - start < 0.4 + LATE
    assert all(task.cancelled() for task in cancelled)
    stamps.check(15)
    assert _waiting(stamps.window) == 0


@pytest.fixture
def _nobody_looks_after_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not woken waits for longer than the test."""
    monkeypatch.setattr("arya_api_framework.rate_limit.window.PATIENCE", 3600.0)


@pytest.mark.usefixtures("_nobody_looks_after_the_head")
async def test_a_task_cancelled_around_its_grant_gives_the_slot_back() -> None:
    """However close to the grant a task is cancelled: it has the slot, or its successor gets it."""
    outcomes = set()
    for step in (*range(-12, 13), 2500):
        window = SlidingWindow(1, 0.01)
        assert window.try_acquire()
        task = asyncio.create_task(async_wait.acquire(window))
        successor = asyncio.create_task(async_wait.acquire(window))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(window.eta() - 0.02 + step * 2e-4, task.cancel)
        await asyncio.wait([task])
        outcomes.add(task.cancelled())
        await asyncio.wait_for(successor, 30)
    assert outcomes == {True, False}


@pytest.mark.usefixtures("_nobody_looks_after_the_head")
async def test_a_task_cancelled_when_it_was_already_woken_wakes_the_next() -> None:
    """The cancellation that comes between the wake-up and the task's next step loses no slot."""
    window = SlidingWindow(1, 0.02)
    assert window.try_acquire()
    first = asyncio.create_task(async_wait.acquire(window))
    second = asyncio.create_task(async_wait.acquire(window))
    await asyncio.sleep(0)
    time.sleep(0.03)  # noqa: ASYNC251 - the timer is due, and the loop has not run it yet
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert getattr(first, "_fut_waiter").done()  # noqa: B009 - private; its step comes next
    assert first.cancel()
    await asyncio.wait_for(second, 30)
    assert first.cancelled()


async def test_an_outer_timeout_ends_a_wait() -> None:
    """`asyncio.timeout` around a wait works and leaves the queue empty."""
    window = SlidingWindow(1, 30)
    assert window.try_acquire()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await async_wait.acquire(window)
    assert _waiting(window) == 0


def test_an_interrupt_ends_the_wait_of_a_thread() -> None:
    """KeyboardInterrupt in a sync wait leaves the queue, and the next in it moves up."""
    stamps = Stamps(1, 0.3)
    stamps.fill()
    behind = threading.Thread(target=stamps.acquire)

    def interrupt() -> None:
        until(lambda: _waiting(stamps.window) == 1)
        behind.start()
        until(lambda: _waiting(stamps.window) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        sync_wait.acquire(stamps.window)
    interrupter.join()
    behind.join()
    stamps.check(2)


async def _in_task(window: SlidingWindow, deadline: float | None = None) -> None:
    await async_wait.acquire(window, deadline)


async def _in_thread(window: SlidingWindow, deadline: float | None = None) -> None:
    await asyncio.to_thread(sync_wait.acquire, window, deadline)


both = pytest.mark.parametrize("acquire", [_in_task, _in_thread])


@both
async def test_a_deadline_before_the_slot_fails_at_once(
    acquire: Callable[..., Coroutine[None, None, None]],
) -> None:
    """The error comes without a wait and tells how long it would have been."""
    window = SlidingWindow(1, 60)
    await acquire(window, window.clock() + 30)
    start = time.monotonic()
    with pytest.raises(RateLimitTimeout) as caught:
        await acquire(window, window.clock() + 30)
    assert time.monotonic() - start < LATE
    assert caught.value.retry_after == pytest.approx(60, abs=LATE)
    assert window.eta() == pytest.approx(60, abs=LATE)


@both
async def test_a_deadline_after_the_slot_is_no_hindrance(
    acquire: Callable[..., Coroutine[None, None, None]],
) -> None:
    """A wait that ends before the deadline ends with a slot."""
    window = SlidingWindow(1, 0.05)
    start = window.clock()
    for _ in range(3):
        await acquire(window, start + 30)
    assert window.clock() - start >= 0.1


@both
async def test_a_deadline_holds_when_the_queue_stands_still(
    acquire: Callable[..., Coroutine[None, None, None]],
) -> None:
    """When the head does not come, the others fail at their deadlines, not after them."""
    window = SlidingWindow(1, 0.05)
    assert window.try_acquire()
    stopped = Waiter(wake=lambda: True, owner="stopped")
    window.poll(stopped)
    start = time.monotonic()
    with pytest.raises(RateLimitTimeout):
        await acquire(window, window.clock() + 0.2)
    assert 0.2 <= time.monotonic() - start < 0.2 + LATE
    assert _waiting(window) == 1


@both
async def test_an_interval_longer_than_any_timer_can_be_waited_for(
    acquire: Callable[..., Coroutine[None, None, None]],
) -> None:
    """What the system's timers cannot hold is slept in parts."""
    window = SlidingWindow(1, 1e300)
    holder = Waiter(wake=lambda: True, owner="test")
    assert window.poll(holder) is None
    wait = asyncio.ensure_future(acquire(window))
    await asyncio.to_thread(until, lambda: _waiting(window) == 1)
    window.leave(holder)
    await asyncio.wait_for(wait, 30)


def _closed_loop(window: SlidingWindow) -> "asyncio.Task[None]":
    """Return a task that waits for `window` in a loop that is closed."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(async_wait.acquire(window))
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert _waiting(window)
    return task


def _finish(task: "asyncio.Task[None]") -> None:
    """Drop a task of a closed loop, without asyncio's message about it."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_a_closed_loop_in_the_middle_of_the_queue_is_skipped() -> None:
    """A thread behind a waiter that died gets its slot at once."""
    stamps = Stamps(1, 0.1)
    stamps.fill()
    first = threading.Thread(target=stamps.acquire)
    first.start()
    until(lambda: _waiting(stamps.window) == 1)
    task = _closed_loop(stamps.window)
    stamps.acquire()
    first.join()
    stamps.check(3)
    _finish(task)


def test_a_closed_loop_at_the_head_of_the_queue_is_dropped() -> None:
    """A thread behind a head that died looks after it and goes on."""
    stamps = Stamps(1, 0.05)
    stamps.fill()
    task = _closed_loop(stamps.window)
    start = time.monotonic()
    stamps.acquire()
    assert time.monotonic() - start < 0.1 + PATIENCE + LATE
    assert _waiting(stamps.window) == 0
    _finish(task)


def test_windows_do_not_delay_each_other() -> None:
    """A crowd that waits for one window does not slow down another."""
    crowded, other = SlidingWindow(1, 0.5), SlidingWindow(1000, 30)
    assert crowded.try_acquire()
    deadline = crowded.clock() + 0.6
    with ThreadPoolExecutor(20) as pool:
        waits = [pool.submit(sync_wait.acquire, crowded, deadline) for _ in range(20)]
        until(lambda: sum(wait.done() for wait in waits) >= 19)
        start = time.monotonic()
        for _ in range(1000):
            sync_wait.acquire(other)
        assert time.monotonic() - start < LATE
    assert sum(wait.exception() is None for wait in waits) == 1


def test_a_sleep_of_centuries() -> None:
    """A server that asks for one is obeyed, until somebody interrupts."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for seconds in (1e9, 1e10, 2.6e11, 1e300, math.inf):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                sync_wait.sleep(seconds)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
