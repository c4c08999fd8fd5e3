"""The sliding log: at most `limit` calls in any half-open window of `interval` seconds.

Nothing here waits.
A caller that finds no slot makes a `Waiter`, asks `SlidingWindow.poll` how long to sleep, sleeps
outside the lock and asks again; `async_wait` and `sync_wait` are these two loops.
A slot is stamped by the caller that takes it, when it takes it: a timer that fires late makes the
next window start later and never lets one call too many through.
"""

import math
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ..errors import ConfigurationError, RateLimitTimeout
from ..fork import start_over_in_child

__all__ = ["PATIENCE", "SlidingWindow", "Waiter", "normalise"]

# How long the others let the head of the queue miss its turn before they look after it, in seconds.
# Long against any scheduling delay, short against a hang.
PATIENCE = 1.0


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller in the queue of a window.

    Attributes:
        wake: Ends the caller's sleep from any thread; False if nobody is left to be woken.
        owner: What runs the caller: its event loop, or for a thread anything of its own.
        deadline: The clock's time at which the caller gives up.
        ticket: Its number in order of arrival.
        slot: When the slot it took is free again; None until it has one.
        reminded: Whether it was called a second time, because it missed its turn.
    """

    wake: Callable[[], bool]
    owner: object
    deadline: float = math.inf
    ticket: int = 0
    slot: float | None = None
    reminded: bool = False


class SlidingWindow:
    """Let at most `limit` calls through in any half-open window of `interval` seconds.

    One window serves any number of threads and event loops at once, first come, first served.
    A forked child gets a limiter of its own that starts with every slot taken.

    Example:
        >>> window = SlidingWindow(2, 1.0)
        >>> [window.try_acquire() for _ in range(3)]
        [True, True, False]
    """

    __slots__ = (
        "__weakref__",
        "_interval",
        "_limit",
        "_lock",
        "_log",
        "_queue",
        "_ticket",
        "_turn",
        "clock",
    )

    def __init__(
        self, limit: float, interval: float = 1.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Make a window with all its slots free.

        Args:
            limit: Calls per interval; a fraction r of calls per T means one call per T / r.
            interval: The length of the window in seconds.
            clock: A clock that never goes back; deadlines are times of this clock.

        Raises:
            ConfigurationError: If either is not a finite number above 0.
        """
        self._limit, self._interval = normalise(limit, interval)
        self.clock = clock
        # Re-entrant, so that a signal handler that makes a call of its own does not deadlock.
        self._lock = threading.RLock()
        # When each of the last `limit` slots is free again, oldest first.
        self._log: deque[float] = deque(maxlen=min(self._limit, sys.maxsize))
        self._queue: OrderedDict[Waiter, None] = OrderedDict()
        self._ticket = 0
        self._turn = -math.inf  # when the head was told that it is the head
        start_over_in_child(self)

    def __repr__(self) -> str:
        return f"SlidingWindow({self._limit}, {self._interval})"

    @property
    def limit(self) -> int:
        """How many calls go through in one interval."""
        return self._limit

    @property
    def interval(self) -> float:
        """The length of the window in seconds."""
        return self._interval

    def try_acquire(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        with self._lock:
            if self._queue:
                return False
            now = self.clock()
            log = self._log
            if len(log) == self._limit and now < log[0]:
                return False
            log.append(self._end(now))
            return True

    def eta(self) -> float:
        """Return the seconds that a call arriving now would wait for its slot."""
        with self._lock:
            now = self.clock()
            return self._due(len(self._queue), now) - now

    def poll(self, waiter: Waiter) -> float | None:
        """Take a slot for `waiter` if it is its turn, else queue it.

        Returns:
            None when the slot is taken, else how many seconds to sleep before asking again,
            unless `waiter.wake` is called earlier.

        Raises:
            RateLimitTimeout: If there is no slot before the deadline of `waiter`.
        """
        with self._lock:
            now = self.clock()
            queue = self._queue
            if queue and next(iter(queue)) is not waiter:
                self._check_head(now)
            if waiter not in queue:
                self._enter(waiter, now)
            head = next(iter(queue))
            # Those who left are still counted between two tickets, so this may be too high.
            position = min(waiter.ticket - head.ticket, len(queue) - 1)
            due = self._due(position, now)
            if head is waiter and due <= now <= waiter.deadline:
                self._grant(waiter, now)
                return None
            if now >= waiter.deadline:
                raise _timeout(due - now)
            if head is not waiter:
                due += PATIENCE  # woken when it is the head; this is for a head that is gone
            return min(due, waiter.deadline) - now

    def leave(self, waiter: Waiter) -> None:
        """Give back the place in the queue or the slot of a waiter that was interrupted."""
        with self._lock:
            queue = self._queue
            concerns_others = waiter.slot is not None or (
                bool(queue) and next(iter(queue)) is waiter
            )
            queue.pop(waiter, None)
            if waiter.slot is not None:
                with suppress(ValueError):  # interrupted before the slot was in the log
                    self._log.remove(waiter.slot)
            if concerns_others:
                self._call_head(self.clock())

    def _enter(self, waiter: Waiter, now: float) -> None:
        due = self._due(len(self._queue), now)
        if due > waiter.deadline:
            raise _timeout(due - now)
        self._ticket += 1
        waiter.ticket = self._ticket
        waiter.reminded = False
        self._queue[waiter] = None

    def _grant(self, waiter: Waiter, now: float) -> None:
        # In this order, so that `leave` can undo it after a KeyboardInterrupt anywhere in between.
        waiter.slot = self._end(now)
        self._log.append(waiter.slot)
        self._queue.pop(waiter, None)
        self._call_head(now)

    def _call_head(self, now: float) -> None:
        """Wake the first waiter that can still be woken, for it has become the head."""
        while self._queue:
            head = next(iter(self._queue))
            self._turn = now
            if head.wake():
                return
            self._queue.pop(head, None)

    def _check_head(self, now: float) -> None:
        """Pass over a head that does not take its slot: its loop is closed, stopped or blocked.

        It is reminded first, as the whole process may have been stopped.
        Whoever was passed over and comes back queues again at the end.
        """
        free = self._log[0] if len(self._log) == self._limit else -math.inf
        if now - max(self._turn, free) <= PATIENCE:
            return
        head = next(iter(self._queue))
        if head.reminded:
            for waiter in [waiter for waiter in self._queue if waiter.owner is head.owner]:
                self._queue.pop(waiter, None)
        head.reminded = True
        self._call_head(now)

    def _due(self, position: int, now: float) -> float:
        """Return when the waiter at `position` gets its slot if nobody before it leaves."""
        rounds, index = divmod(position, self._limit)
        index -= self._limit - len(self._log)  # slots that were never used come first
        free = self._log[index] if index >= 0 else now
        return max(free, now) + rounds * self._interval

    def _end(self, start: float) -> float:
        """Return the end of the window that starts at `start`, never rounded down."""
        end = start + self._interval
        # The difference to the larger of the two is exact (Fast2Sum), so this sees any rounding.
        if end - start < self._interval or end - self._interval < start:
            return math.nextafter(end, math.inf)
        return end

    def start_over(self) -> None:
        """Forget the parent's threads, and count its slots as taken just now."""
        self._lock = threading.RLock()
        self._queue = OrderedDict()
        self._log = deque([self._end(self.clock())] * self._limit, maxlen=self._limit)


def normalise(limit: float, interval: float) -> tuple[int, float]:
    """Return the whole number of calls and the seconds that a rate stands for.

    Example:
        >>> normalise(2.5, 1)
        (1, 0.4)

    Raises:
        ConfigurationError: If either is not a finite number above 0.
    """
    _check("rate_limit", "calls", limit)
    _check("rate_limit_interval", "seconds", interval)
    if limit == int(limit):
        return int(limit), float(interval)
    seconds = interval / limit
    _check("rate_limit_interval / rate_limit", "seconds", seconds)
    return 1, seconds


def _check(name: str, unit: str, value: object) -> None:
    # A bool is an int, and NaN compares false with everything.
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value <= sys.float_info.max
    ):
        raise ConfigurationError(f"`{name}` needs a finite number of {unit} above 0, got {value!r}")


def _timeout(wait: float) -> RateLimitTimeout:
    return RateLimitTimeout(
        f"no slot of the rate limit is free before the deadline, the next one in {wait:.3f} s",
        retry_after=wait,
    )
