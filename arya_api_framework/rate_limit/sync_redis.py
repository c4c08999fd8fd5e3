"""A sliding window that processes share through Redis."""

import time
from collections.abc import Callable

from . import sync_wait
from .shared import Ask, Gone, RedisShare, Terms
from .sync_link import Link, Links, Place

__all__ = ["SharedWindow"]


class SharedWindow:
    """Let all processes together make at most `limit` calls in any window of `interval` seconds.

    Callers of one process get their slots in order of arrival, processes as they come.
    A forked child goes on sharing the limit.
    """

    def __init__(
        self,
        share: RedisShare,
        limit: float,
        interval: float = 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the window of this process; nothing is sent yet.

        Args:
            share: The Redis server, the name of the limit, and what happens without Redis.
            limit: Calls per interval; a fraction r of calls per T means one call per T / r.
            interval: The length of the window in seconds.
            clock: A clock that never goes back; deadlines are times of this clock.

        Raises:
            ConfigurationError: If a value can never work, or redis-py is not installed.
        """
        self._terms = Terms(share, limit, interval, clock)
        self._links = Links(self._terms)

    def __repr__(self) -> str:
        return f"SharedWindow({self._terms!r})"

    @property
    def limit(self) -> int:
        """How many calls go through in one interval."""
        return self._terms.limit

    @property
    def interval(self) -> float:
        """The length of the window in seconds."""
        return self._terms.interval

    def acquire(self, cost: int = 1, deadline: float | None = None) -> None:
        """Take slots, waiting in the order of arrival until they are free.

        An exception that ends the wait gives back what was taken.

        Args:
            cost: How many slots the call takes.
            deadline: A time of the window's clock; None waits as long as it takes.

        Raises:
            RateLimitTimeout: If the wait would pass the deadline, at once where that is known.
            LimiterUnavailable: If Redis is gone and calls are not to be sent without it.
            ConfigurationError: If `cost` is more than the limit, or no whole number above 0.
        """
        self._terms.check_cost(cost)
        link = self._links.here()
        ask = Ask(self._terms, cost)
        try:
            try:
                self._take(link, ask, deadline)
            except BaseException:
                if ask.unused:
                    link.abandon(ask)
                raise
        except Gone as gone:
            self._take_without(cost, deadline, gone)

    def eta(self, cost: int = 1) -> float:
        """Return the seconds that a call arriving now would wait for its slots.

        Raises:
            LimiterUnavailable: If Redis is gone and calls are not to be sent without it.
        """
        self._terms.check_cost(cost)
        try:
            return self._ask_wait(self._links.here(), cost)
        except Gone as gone:
            local = self._terms.without(gone)
            return local.eta() if local is not None else 0.0

    def close(self) -> None:
        """Close the connection to Redis; a window that is used again opens another."""
        self._links.close()

    def _take(self, link: Link, ask: Ask, deadline: float | None) -> None:
        turn, place = link.turn, Place(ask.cost)
        try:
            try:
                if deadline is not None and turn.ahead:
                    self._check(self._ask_wait(link, ask.cost), deadline)
                turn.enter(place, deadline)
                while (wait := ask.read(*link.send(ask))) is not None:
                    self._check(wait, deadline)
                    sync_wait.sleep(wait)
            finally:
                turn.leave(place)
        finally:
            turn.leave(place)  # again, for an interrupt that came while leaving

    def _check(self, wait: float, deadline: float | None) -> None:
        if deadline is not None and self._terms.clock() + wait > deadline:
            raise self._terms.late(wait)

    def _take_without(self, cost: int, deadline: float | None, gone: Gone) -> None:
        local = self._terms.without(gone)
        if local is not None:
            for _ in range(cost):
                sync_wait.acquire(local, deadline)

    def _ask_wait(self, link: Link, cost: int) -> float:
        """Ask how long the wait is behind all that are in the queue here."""
        rounds, rest = divmod(link.turn.ahead + cost - 1, self._terms.limit)
        ask = Ask(self._terms, rest + 1, takes=False)
        wait = ask.read(*link.send(ask)) or 0.0
        return wait + rounds * self._terms.interval
