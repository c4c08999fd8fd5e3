"""How many connections there are, who waits for them, and how long they are kept.

It has no asynchronous twin: aiohttp's connector has limits of its own.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from contextlib import suppress
from queue import Empty, Full, LifoQueue, SimpleQueue
from typing import Any

from ..connections import Pool

__all__ = ["Idle", "Limits", "Place", "Places", "Slots"]

_MOST = 65_536
"""More connections than there are ports."""


class Slots(LifoQueue[Any]):
    """The connections of a pool of the user's, the one used last first, without a lock to be held.

    A handler of a signal may raise between any two steps of Python; `queue.LifoQueue` would then
    stay locked for ever.
    """

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self._size = maxsize
        self._kept: deque[Any] = deque()
        self._tokens: SimpleQueue[None] = SimpleQueue()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take a connection; raises `queue.Empty` where none is free in time."""
        self._tokens.get(block, timeout)
        return self._kept.pop()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Give a connection back; raises `queue.Full` where all are there."""
        if len(self._kept) >= self._size:
            raise Full
        self._kept.append(item)
        self._tokens.put(None)

    def qsize(self) -> int:
        """Return how many are free."""
        return len(self._kept)


class Place:
    """A place for one connection in use, in the queue of those that are free or in somebody's hand.

    Where it is in neither any more, because a handler of a signal has raised between two steps of
    Python, there is a new one at once: so none is lost.
    """

    __slots__ = ("_places",)

    def __init__(self, places: weakref.ref[Places]) -> None:
        self._places = places

    def __del__(self) -> None:
        places = self._places()
        if places is not None:
            places.add()


class Places:
    """How many connections may be in use at once; who waits for one holds no lock."""

    def __init__(self, count: int) -> None:
        self._itself: weakref.ref[Places] = weakref.ref(self)
        self.free: SimpleQueue[Place | None] = SimpleQueue()
        for _ in range(count):
            self.add()

    def add(self) -> None:
        """Make one place more."""
        self.free.put(Place(self._itself))

    def take(self, block: bool, timeout: float | None) -> Place:
        """Take a place; raises `queue.Empty` where there is none in time, or never again."""
        place = self.free.get(block, timeout)
        if place is None:
            self.end()
            raise Empty
        return place

    def end(self) -> None:
        """Let all who wait, and who will, find none."""
        self.free.put(None)


class Limits:
    """What the pools of a client share.

    Attributes:
        keepalive: Seconds that an idle connection is kept.
        places: The connections that may be in use at once.
        per_host: How many of them to one origin, 0 for all.
        closed: Whether the client was closed.
    """

    def __init__(self, pool: Pool) -> None:
        self.keepalive = pool.keepalive
        self.places = Places(min(pool.total, _MOST))
        self.per_host = min(pool.per_host, _MOST)
        self.closed = False
        self._pools: list[tuple[weakref.ref[Idle], Places | None]] = []

    def add(self, idle: Idle, places: Places | None) -> None:
        """Take care of the idle connections of a pool, and of who waits for its places."""
        self._pools.append((weakref.ref(idle), places))

    def close_idle(self, now: float, empty: Idle) -> None:
        """Close the connections that were idle too long, and the oldest of too many.

        Args:
            now: The time on the monotonic clock.
            empty: What had no idle connection. One that came meanwhile belongs to a place that is
                not free yet.
        """
        idle: list[Idle] = []
        for entry in tuple(self._pools):
            one = entry[0]()
            if one is None:
                with suppress(ValueError):  # Another thread has seen it, too.
                    self._pools.remove(entry)
            elif one is not empty:
                idle.append(one)
        kept = sum(one.close_until(now - self.keepalive) for one in idle)
        # Those that are in use will be idle, too.
        for _ in range(kept - self.places.free.qsize()):
            min(idle, key=lambda one: one.idle_since).close_oldest()

    def close(self) -> None:
        """Tell those who wait for a connection that none will come."""
        self.closed = True
        for places in (self.places, *(one for _, one in tuple(self._pools))):
            if places is not None:
                places.end()


class Idle(LifoQueue[Any]):
    """The idle connections of a pool within limits, the one used last first."""

    def __init__(self, limits: Limits, kept: type[Any]) -> None:
        super().__init__()
        self._limits = limits
        self._kind = kept
        self._kept: deque[Any] = deque()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take a connection, `None` for a new one.

        Where it must not block, `queue.Empty` says that there is none: so urllib3 empties it.
        """
        now = time.monotonic()
        # Asked before: an exception that is handled here keeps the frames of those who call, and a
        # place in them, where an interruption comes before it is forgotten.
        while self._kept:
            try:
                conn = self._kept.pop()
            except IndexError:  # pragma: no cover - another thread was faster
                break
            if not block or now - conn.idle_since <= self._limits.keepalive:
                return conn
            conn.close()
        if not block:
            raise Empty
        self._limits.close_idle(now, self)
        return None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Keep a connection; one of a recorder is not for calls that come later."""
        if isinstance(item, self._kind):
            if item.sock is not None:
                item.idle_since = time.monotonic()
                self._kept.append(item)
        elif item is not None:
            item.close()

    def qsize(self) -> int:
        """Return how many there are."""
        return len(self._kept)

    @property
    def idle_since(self) -> float:
        """Since when the connection that is idle longest is."""
        try:
            return float(self._kept[0].idle_since)
        except IndexError:
            return float("inf")

    def close_until(self, since: float) -> int:
        """Close the connections that have been idle since some time; return how many others are."""
        while self.idle_since < since:
            self.close_oldest()
        return len(self._kept)

    def close_oldest(self) -> None:
        """Close the connection that is idle longest."""
        with suppress(IndexError):
            self._kept.popleft().close()
