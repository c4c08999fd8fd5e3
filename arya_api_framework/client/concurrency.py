"""`ConcurrencyLimit`: how many calls may be in flight; nothing here waits or sends.

Results are taken in rounds of at least as many as the limit, so that a round is about the time of
one call, and is under one limit. The mean latency of a round is compared with a low one of the
latest rounds, which is what a call takes where none queues at the server.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from ..fork import start_over_in_child
from ..rate_limit.window import SlidingWindow

if TYPE_CHECKING:
    from ..adaptive import AdaptiveConcurrency

__all__ = ["ConcurrencyLimit"]

_ROUND = 50
"""The least results of a round: the mean of fewer says little."""
_KEPT = 40
"""Rounds that are remembered: some two times as many as lie between two shrinks."""
_LOW = 0.05
"""The part of these rounds that was faster than what counts as usual. The least of all would be
luck, where calls take anything from nothing to many times the mean."""
_TOLERANCE = 2.0
"""How many times that latency is too slow."""
_USED = 0.9
"""The part of the limit that must have been in flight, if the limit is to grow."""
_GROWTH = 0.05
"""The part of the limit that it grows by after a round, at least 1."""
_REFUSED = 0.75
"""What is left of the limit after a call was refused or timed out."""
_BELOW = 0.8
"""How far it shrinks below what the latency asks for, so that a queue at the server drains; else
one that was there from the first call on would be taken for the time that a call needs."""
_LEAST = 0.3
"""What is left of it at least, after one round that was slow; less than 1 / `_TOLERANCE`, as it
would otherwise never get below."""
_FEW = 1 / 8
_SAME = 0.5
"""With so few of the calls, latency that is still so much of what it was is not of our making."""


class ConcurrencyLimit:
    """A limit by additive increase and multiplicative decrease, between two bounds.

    Attributes:
        window: The places of calls in flight, held until a call ends.
    """

    __slots__ = (
        "__weakref__",
        "_adaptive",
        "_count",
        "_doubling",
        "_limit",
        "_lock",
        "_means",
        "_peak",
        "_skip",
        "_slow",
        "_sum",
        "window",
    )

    def __init__(self, adaptive: AdaptiveConcurrency) -> None:
        self._adaptive = adaptive
        # Re-entrant, for a signal handler that makes a call of its own.
        self._lock = threading.RLock()
        self._limit = float(adaptive.start)
        self.window = SlidingWindow(adaptive.start, 0, holds=True, name="concurrency limit")
        self._doubling = True  # Until the first sign of overload, as TCP's slow start.
        self._means: deque[float] = deque(maxlen=_KEPT)
        # The limit and the largest mean since rounds are slow, one after the other.
        self._slow: tuple[float, float] | None = None
        self._skip = 0  # Results to come of calls that began under a larger limit.
        self._sum, self._count, self._peak = 0.0, 0, 0
        start_over_in_child(self)

    @property
    def limit(self) -> int:
        """The most calls in flight."""
        return int(self._limit)

    def record(self, latency: float | None, in_flight: int, failed: bool) -> None:
        """Take the end of a call into account.

        Args:
            latency: Seconds that the request took; `None` where it was not answered, as after a
                cancellation or a refused connection.
            in_flight: The calls in flight when it ended, itself included.
            failed: Whether it ended as under overload: 429, 503 or a timeout.
        """
        with self._lock:
            if self._skip:
                self._skip -= 1
            elif failed:
                self._shrink(_REFUSED, in_flight)
            elif latency is not None:
                self._sum += latency
                self._count += 1
                self._peak = max(self._peak, in_flight)
                if self._count >= max(_ROUND, self._limit):
                    self._end_round(in_flight)
            if self.window.limit != self.limit:
                self.window.resize(self.limit)

    def start_over(self) -> None:
        """Forget the calls of the parent, which are not in flight here."""
        self._lock = threading.RLock()
        self._skip = 0
        self._reset()

    def _end_round(self, in_flight: int) -> None:
        mean, peak = self._sum / self._count, self._peak
        self._reset()
        self._means.append(mean)
        usual = sorted(self._means)[int(len(self._means) * _LOW)]
        if mean > usual * _TOLERANCE:
            limit, slowest = self._slow or (self._limit, mean)
            self._slow = limit, max(slowest, mean)
            fewest = max(limit * _FEW, self._adaptive.minimum)
            if self._limit <= fewest and mean > slowest * _SAME:
                self._learn(mean)
            else:
                self._shrink(max(usual / mean * _BELOW, _LEAST), in_flight)
            return
        self._slow = None
        if peak >= int(self._limit) * _USED:
            more = self._limit if self._doubling else max(self._limit * _GROWTH, 1.0)
            self._limit = min(self._limit + more, float(self._adaptive.maximum))

    def _learn(self, mean: float) -> None:
        """Take a latency for the usual one: the server is slower now, however few calls it has."""
        self._means.clear()
        self._means.append(mean)
        self._slow = None
        self._doubling = True

    def _shrink(self, part: float, in_flight: int) -> None:
        self._doubling = False
        self._limit = max(self._limit * part, float(self._adaptive.minimum))
        # Those that are still in flight tell about the old limit, and must not shrink it again.
        self._skip = max(in_flight - 1, 0)
        self._reset()

    def _reset(self) -> None:
        self._sum, self._count, self._peak = 0.0, 0, 0
