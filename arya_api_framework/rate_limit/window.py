"""The sliding log: at most `limit` calls in any half-open window of `interval` seconds.

Nothing here waits.
A caller that finds no slot makes a `Waiter`, asks `poll` how long to sleep, sleeps outside the lock
and asks again; `async_wait` and `sync_wait` are these two loops.
A slot is stamped by the caller that takes it, when it takes it: a timer that fires late makes the
next window start later and never lets one call too many through.

A waiter may need slots of several windows. It queues in one after the other, and enters the next
only when it is at the head of those before and they have a slot for it; then it takes all at once,
or none. Whoever needs several takes them in the same order, so that no two wait for each other.
"""

# The functions that deal with several windows at once are parts of all of them.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
import sys
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count, repeat

from ..errors import ConfigurationError, RateLimitTimeout
from ..fork import start_over_in_child

__all__ = [
    "FAIRNESS",
    "PATIENCE",
    "SlidingWindow",
    "Waiter",
    "leave",
    "normalise",
    "poll",
    "release",
    "restamp",
    "try_take",
]

PATIENCE = 1.0
"""How long the others let the head of the queue miss its turn before they look after it, in
seconds: long against any scheduling delay, short against a hang."""

FAIRNESS = 10
"""Every so many grants one goes to the waiter that came first, whatever its priority."""

_SAME_END = 2.0
"""How far two ends of a server's window, told in whole seconds, may be apart, in seconds."""

_tickets = count(1)

# One for all windows, as a waiter may need several. Nobody sleeps while holding it, and it is
# re-entrant, so that a signal handler that makes a call of its own does not deadlock.
_lock = threading.RLock()


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
        "_allowance",
        "_allowed_at",
        "_gone",
        "_held",
        "_interval",
        "_limit",
        "_log",
        "_name",
        "_passed",
        "_queues",
        "_shut",
        "_told",
        "_turn",
        "_until",
        "_waiting",
        "clock",
        "holds",
    )

    def __init__(
        self,
        limit: float,
        interval: float = 1.0,
        *,
        holds: bool = False,
        name: str = "rate limit",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a window with all its slots free.

        Args:
            limit: Calls per interval; a fraction r of calls per T means one call per T / r.
            interval: The length of the window in seconds.
            holds: Whether slots are held until they are released, and their interval counts from
                there; it may then be 0. Such slots are taken by waiters alone.
            name: What errors call it.
            clock: A clock that never goes back; deadlines are times of this clock.

        Raises:
            ConfigurationError: If either is not a finite number above 0.
        """
        if holds and not interval:
            self._limit, self._interval = int(limit), 0.0
        else:
            self._limit, self._interval = normalise(limit, interval)
        self._name = name
        self.clock = clock
        # When each of the slots that were taken last is free again, oldest first.
        self._log: deque[float] = deque(maxlen=min(self._limit, sys.maxsize))
        self.holds = holds
        # A waiter that is gone, because a handler of a signal raised before it could give its slots
        # back, holds them no longer.
        self._held: dict[weakref.ref[Waiter], int] = {}
        self._queues: dict[int, OrderedDict[Waiter, None]] = {}  # by priority
        self._waiting = 0  # how many slots the queues need
        self._gone = 0  # how many were needed by those who left the queues
        self._passed = 0  # how many turns the one who came first was not given
        self._turn: float = -math.inf  # when the head was told that it is the head
        self._shut: float = -math.inf  # until when no slot is given
        self._until: float = -math.inf  # until when no more than the allowance is
        self._told: float = -math.inf  # the later of both
        self._allowance = 0
        self._allowed_at: float = -math.inf  # when it was told
        start_over_in_child(self)
        start_over_in_child(_lock, "_at_fork_reinit")

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

    @property
    def waiting(self) -> int:
        """How many callers wait for a slot."""
        with _lock:
            return sum(map(len, self._queues.values()))

    @property
    def in_use(self) -> int:
        """How many slots are held."""
        with _lock:
            return self._in_use()

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits, and every slot is free."""
        with _lock:
            now = self.clock()
            is_free = not self._held and (not self._log or self._log[-1] <= now)
            return is_free and not self._queues and self._told <= now

    def try_acquire(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        with _lock:
            if self._queues:
                return False
            now = self.clock()
            log = self._log
            if len(log) == self._limit and now < log[0]:
                return False
            if now < self._told:
                if now < self._shut or self._allowance < 1:
                    return False
                self._allowance -= 1
            # As `_end` says; a call of it would cost a third of the whole.
            interval = self._interval
            end = now + interval
            if end - now < interval or end - interval < now:
                end = math.nextafter(end, math.inf)
            log.append(end)
            return True

    def eta(self, cost: int = 1, priority: int = 0) -> float:
        """Return the seconds that a call arriving now would wait for its slots."""
        with _lock:
            now = self.clock()
            return self._due(self._ahead(priority), cost, now, now + self._interval) - now

    def shut(self, seconds: float) -> None:
        """Give no slot for so many seconds from now, because a server asked for it."""
        with _lock:
            self._shut = max(self._shut, self.clock() + seconds)
            self._told = max(self._told, self._shut)

    def allow(self, slots: int, seconds: float) -> None:
        """Give no more than so many slots in so many seconds from now, as a server told.

        What was told before for the same time still counts where it is less.
        """
        with _lock:
            now = self.clock()
            until = now + seconds
            # A server tells whole seconds, so that one end may seem to be another.
            if now < self._until and abs(until - self._until) < _SAME_END:
                slots, until = min(slots, self._allowance), max(until, self._until)
            self._until, self._allowance, self._allowed_at = until, slots, now
            self._told = max(self._told, until)

    def resize(self, limit: int) -> None:
        """Change the limit of a window whose slots are held and whose interval is 0."""
        with _lock:
            is_more = limit > self._limit
            self._limit = limit
            if is_more:
                self._call_head(self.clock())

    def poll(self, waiter: Waiter) -> float | None:
        """Take a slot for `waiter` if it is its turn, else queue it: see the function `poll`."""
        waiter.needs = waiter.needs or {self: 1}
        return poll(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Give back place or slot of a waiter: see the function `leave`."""
        leave(waiter)

    # The parts of `poll`, `leave` and `release`, which hold the lock.

    def _approach(self, waiter: Waiter, now: float) -> float | None:
        """Queue a waiter; return how long to sleep, `None` if it is its turn and there are slots.

        Raises:
            RateLimitTimeout: There are none before its deadline.
        """
        cost = waiter.needs[self]
        head = self._head()
        if head is not None and head is not waiter:
            self._check_head(now)
        if waiter not in self._queues.get(waiter.priority, ()):
            self._enter(waiter, now)
        head = self._head()
        ahead = 0 if head is waiter else max(waiter.behind - self._gone, 0)
        due = self._due(ahead, cost, now, math.inf)
        is_known = due < math.inf
        if not is_known:
            due = self._due(ahead, cost, now, now + self._interval)
        if head is waiter and is_known and due <= now <= waiter.deadline:
            return None
        if now >= waiter.deadline:
            raise self._timeout(due - now)
        if head is not waiter or not is_known:
            due += PATIENCE  # woken when its turn comes; this is for a head that is gone
        return min(due, waiter.deadline) - now

    def _enter(self, waiter: Waiter, now: float) -> None:
        self._check_entry(waiter, now)
        cost = waiter.needs[self]
        waiter.behind = self._gone + self._ahead(waiter.priority)
        waiter.reminded = False
        self._queues.setdefault(waiter.priority, OrderedDict())[waiter] = None
        self._waiting += cost

    def _check_entry(self, waiter: Waiter, now: float) -> None:
        cost = waiter.needs[self]
        if cost > self._limit:
            raise ConfigurationError(
                f"a call that costs {cost} can never pass a {self._name} of {self._limit}"
            )
        due = self._due(self._ahead(waiter.priority), cost, now, now + self._interval)
        if due > waiter.deadline:
            raise self._timeout(due - now)

    def _exit(self, waiter: Waiter) -> bool:
        """Take a waiter from the queue; return whether it was the head."""
        queue: OrderedDict[Waiter, None] = self._queues.get(waiter.priority, OrderedDict())
        if waiter not in queue:
            return False
        was_head = self._head() is waiter
        cost = waiter.needs[self]
        self._gone += cost
        self._waiting -= cost
        queue.pop(waiter, None)
        if not queue:
            self._queues.pop(waiter.priority, None)
        if not self._queues:
            self._waiting = 0
        return was_head

    def _head(self) -> Waiter | None:
        """Return who is next: the first of the highest priority, or at times the first of all."""
        queues = self._queues
        if not queues:
            return None
        if len(queues) == 1:
            return next(iter(next(iter(queues.values()))))
        if self._passed >= FAIRNESS - 1:
            return self._oldest()
        return next(iter(queues[max(queues)]))

    def _oldest(self) -> Waiter:
        firsts = [next(iter(queue)) for queue in self._queues.values()]
        return min(firsts, key=lambda waiter: waiter.ticket)

    def _ahead(self, priority: int) -> int:
        """Return how many slots are taken before a newcomer's turn, if nobody leaves."""
        queues = self._queues
        if not queues or min(queues) >= priority:
            return self._waiting
        return sum(w.needs[self] for p, queue in queues.items() if p >= priority for w in queue)

    def _take(self, cost: int, now: float, waiter: Waiter | None = None) -> None:
        """Stamp slots that are free."""
        log = self._log
        if self.holds:
            for _ in range(len(log) + self._in_use() + cost - self._limit):
                log.popleft()
        if now < self._until:
            self._allowance -= cost
        if self.holds and waiter is not None:
            self._held[weakref.ref(waiter)] = cost
        elif cost == 1:
            log.append(self._end(now))
        else:
            log.extend(repeat(self._end(now), cost))

    def _in_use(self) -> int:
        held = self._held
        if not held:
            return 0
        for lost in [one for one in held if one() is None]:
            self._free(held.pop(lost))
        return sum(held.values())

    def _free(self, cost: int) -> None:
        """Let slots that were held be free after an interval."""
        if self._interval:
            self._log.extend(repeat(self._end(self.clock()), cost))

    def _undo(self, waiter: Waiter, end: float) -> None:
        """Give back slots that nothing was sent with, and what a server allowed for them."""
        if end - self._interval > self._allowed_at:
            self._allowance += waiter.needs[self]
        if self.holds:
            self._held.pop(weakref.ref(waiter), None)
            return
        for _ in range(waiter.needs[self]):
            with suppress(ValueError):  # interrupted before they were in the log
                self._log.remove(end)

    def _due(self, ahead: int, cost: int, now: float, unknown: float) -> float:
        """Return when so many slots are free, with others taken before, if nobody leaves.

        Args:
            ahead: How many are taken before.
            cost: How many are needed.
            now: The time; what is free already counts as free now.
            unknown: When slots are free that are held by calls under way.
        """
        rounds, index = divmod(ahead + cost - 1, self._limit)
        log = self._log
        index -= self._limit - len(log) - self._in_use()  # slots that were never used come first
        free = now if index < 0 else log[index] if index < len(log) else unknown
        due = max(free, now, self._shut) + rounds * self._interval
        if now < self._until and self._allowance < ahead + cost:
            due = max(due, self._until)
        return due

    def _grant(self, waiter: Waiter, now: float) -> None:
        # In this order, so that `leave` can undo it after a KeyboardInterrupt anywhere in between.
        waiter.slots[self] = self._end(now)
        self._take(waiter.needs[self], now, waiter)
        if len(self._queues) > 1:
            self._passed = 0 if self._oldest() is waiter else self._passed + 1
        self._exit(waiter)

    def _call_head(self, now: float) -> None:
        """Wake the first waiter that can still be woken, for it has become the head."""
        while (head := self._head()) is not None:
            self._turn = now
            if head.wake():
                return
            _drop(head, self, now)

    def _check_head(self, now: float) -> None:
        """Pass over a head that does not take its slot: its loop is closed, stopped or blocked.

        It is reminded first, as the whole process may have been stopped.
        Whoever was passed over and comes back queues again at the end.
        """
        head = self._head()
        assert head is not None, "somebody waits here"
        if head.place is not self and head.place is not None:
            head.place._check_head(now)  # It waits there.
            return
        free = self._due(0, head.needs[self], -math.inf, math.inf)
        if now - max(self._turn, free) <= PATIENCE:
            return
        if head.reminded:
            for waiter in [one for queue in self._queues.values() for one in queue]:
                if waiter.owner is head.owner:
                    _drop(waiter, self, now)
        head.reminded = True
        self._call_head(now)

    def _end(self, start: float) -> float:
        """Return the end of the window that starts at `start`, never rounded down."""
        end = start + self._interval
        # The difference to the larger of the two is exact (Fast2Sum), so this sees any rounding.
        if end - start < self._interval or end - self._interval < start:
            return math.nextafter(end, math.inf)
        return end

    def _timeout(self, wait: float) -> RateLimitTimeout:
        if not self._interval:
            return RateLimitTimeout(f"no slot of the {self._name} is free before the deadline")
        return RateLimitTimeout(
            f"no slot of the {self._name} is free before the deadline, the next one in "
            f"{wait:.3f} s",
            retry_after=wait,
        )

    def start_over(self) -> None:
        """Forget the parent's threads, and count its slots as taken just now."""
        self._queues = {}
        self._waiting = 0
        self._held = {}
        self._log.clear()
        self._shut = max(self._shut, self._end(self.clock()))
        self._told = max(self._told, self._shut)


@dataclass(slots=True, eq=False, weakref_slot=True)
class Waiter:
    """One caller, and the windows whose slots it needs.

    Attributes:
        needs: How many slots it needs of each window, in the order in which everybody takes them.
        wake: Ends the caller's sleep from any thread; False if nobody is left to be woken. Who
            waits sets it, and `owner`.
        owner: What runs the caller: its event loop, or for a thread anything of its own.
        deadline: The clock's time at which the caller gives up.
        priority: Those of a higher priority go first.
        ticket: Its number in order of arrival.
        place: The window in whose queue it waits.
        behind: Its place in that queue, as a number that the window counts up to.
        slots: When the slots that it took are free again, by window.
        reminded: Whether it was called a second time, because it missed its turn.
    """

    needs: dict[SlidingWindow, int] = field(default_factory=dict[SlidingWindow, int])
    wake: Callable[[], bool] = bool
    owner: object = None
    deadline: float = math.inf
    priority: int = 0
    ticket: int = field(default_factory=_tickets.__next__)
    place: SlidingWindow | None = None
    behind: int = 0
    slots: dict[SlidingWindow, float] = field(default_factory=dict[SlidingWindow, float])
    reminded: bool = False


def poll(waiter: Waiter) -> float | None:
    """Take the slots that `waiter` needs if it is its turn, else queue it.

    Returns:
        None when the slots are taken, else how many seconds to sleep before asking again, unless
        `waiter.wake` is called earlier.

    Raises:
        RateLimitTimeout: If there is no slot before the deadline of `waiter`.
        ConfigurationError: If it needs more slots than a window has.
    """
    with _lock:
        windows = tuple(waiter.needs)
        now = windows[0].clock()
        if waiter.place is None:
            for window in windows:
                window._check_entry(waiter, now)
        for index, window in enumerate(windows):
            waiter.place = window
            sleep = window._approach(waiter, now)
            if sleep is not None:
                # It lost its turn there, to a higher priority: nobody waits for it further on.
                for later in windows[index + 1 :]:
                    if later._exit(waiter):
                        later._call_head(now)
                return sleep
        for window in windows:
            window._grant(waiter, now)
        for window in windows:
            window._call_head(now)
        return None


def try_take(waiter: Waiter) -> bool:
    """Take the slots that `waiter` needs if all are free and nobody waits for one of them."""
    with _lock:
        now = 0.0
        for window, cost in waiter.needs.items():
            now = now or window.clock()
            if window._queues:
                return False
            # Slots that were never used are free where nobody holds one, and no server says no.
            is_new = len(window._log) + cost <= window._limit and window._told < now
            if (window._held or not is_new) and window._due(0, cost, now, math.inf) > now:
                return False
        for window, cost in waiter.needs.items():
            # In this order for the same reason as in `_grant`.
            waiter.slots[window] = window._end(now)
            window._take(cost, now, waiter)
        return True


def leave(waiter: Waiter) -> None:
    """Give back the places and the slots of a waiter that was interrupted."""
    with _lock:
        waiter.place = None
        for window in waiter.needs:
            concerns_others = window._exit(waiter)
            end = waiter.slots.pop(window, None)
            if end is not None:
                window._undo(waiter, end)
            if concerns_others or end is not None:
                window._call_head(window.clock())


def release(waiter: Waiter, *, unused: bool = False) -> None:
    """Give back the slots that a waiter held: free after an interval, or now if unused."""
    with _lock:
        itself = weakref.ref(waiter)
        for window in waiter.needs:
            if itself in window._held:
                if unused:
                    window._undo(waiter, waiter.slots[window])
                else:
                    window._free(window._held.pop(itself))
                window._call_head(window.clock())


def restamp(waiter: Waiter) -> bool:
    """Let the slots of a waiter count from now: it waited for something else since.

    Returns:
        Whether it has slots still. Where some were free again meanwhile, others may have taken
        them: then it has none any more, and queues anew.
    """
    with _lock:
        stamped = [window for window in waiter.slots if not window.holds]
        if any(waiter.slots[window] <= window.clock() for window in stamped):
            leave(waiter)
            return False
        for window in stamped:
            window._undo(waiter, waiter.slots[window])
            window._take(waiter.needs[window], now := window.clock())
            waiter.slots[window] = window._end(now)
        return True


def _drop(waiter: Waiter, by: SlidingWindow, now: float) -> None:
    """Take a waiter that does not come from every queue."""
    for window in waiter.needs:
        if window._exit(waiter) and window is not by:
            window._call_head(now)


def normalise(
    limit: float,
    interval: float,
    names: tuple[str, str] = ("`rate_limit`", "`rate_limit_interval`"),
) -> tuple[int, float]:
    """Return the whole number of calls and the seconds that a rate stands for.

    Args:
        limit: Calls per interval.
        interval: Its length in seconds.
        names: What to call the two in an error.

    Example:
        >>> normalise(2.5, 1)
        (1, 0.4)

    Raises:
        ConfigurationError: If either is not a finite number above 0.
    """
    _check(names[0], "calls", limit)
    _check(names[1], "seconds", interval)
    if limit == int(limit):
        return int(limit), float(interval)
    seconds = interval / limit
    _check(f"{names[1]} / {names[0]}", "seconds", seconds)
    return 1, seconds


def _check(name: str, unit: str, value: object) -> None:
    # A bool is an int, and NaN compares false with everything.
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value <= sys.float_info.max
    ):
        raise ConfigurationError(f"{name} needs a finite number of {unit} above 0, got {value!r}")
