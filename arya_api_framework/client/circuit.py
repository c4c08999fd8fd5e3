"""`Circuit`: the state of one circuit breaker; nothing here waits or sends."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from ..fork import start_over_in_child

if TYPE_CHECKING:
    from ..circuit_breaker import CircuitBreaker

__all__ = ["Circuit", "CircuitState"]

CircuitState = Literal["closed", "open", "half-open"]

_BUCKETS = 10
"""Into how many parts the window is cut: results are counted, not kept."""
_LEAST_PART = 1e-6
"""Seconds; with less the number of a part could be too large for a float."""


class Circuit:
    """Whether calls go through, by what became of the latest ones.

    Whoever was let in says how it ended, by `record` or `abandon`, always: a half-open circuit
    waits for its probe.
    """

    __slots__ = (
        "__weakref__",
        "_breaker",
        "_buckets",
        "_clock",
        "_generation",
        "_lock",
        "_probing",
        "_until",
    )

    def __init__(
        self, breaker: CircuitBreaker, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._breaker = breaker
        self._clock = clock
        # Re-entrant, for a signal handler that makes a call of its own.
        self._lock = threading.RLock()
        # Number of a part of time, calls and failures in it, the oldest first.
        self._buckets: deque[list[int]] = deque(maxlen=_BUCKETS)
        self._generation = 1
        self._until: float | None = None  # When an open circuit is half-open; None if closed.
        self._probing = False
        start_over_in_child(self)

    @property
    def state(self) -> CircuitState:
        """Whether all calls go through, none, or one."""
        with self._lock:
            if self._until is None:
                return "closed"
            return "open" if self._clock() < self._until else "half-open"

    @property
    def retry_after(self) -> float | None:
        """Seconds until an open circuit is half-open; `None` in any other state.

        How long others wait for a probe to end, nobody knows.
        """
        with self._lock:
            left = 0.0 if self._until is None else self._until - self._clock()
            return left if left > 0 else None

    def try_enter(self) -> int | None:
        """Return a token for `record` or `abandon`, `None` where the call must not be sent."""
        with self._lock:
            if self._until is None:
                return self._generation
            if self._probing or self._clock() < self._until:
                return None
            # A number of its own, so that nobody else can speak for the probe.
            self._generation += 1
            self._probing = True
            return self._generation

    def record(self, token: int, success: bool) -> None:
        """Count the result of a call; one that began before the state changed counts nothing."""
        with self._lock:
            if token != self._generation:
                return
            if self._until is None:
                self._count(success)
            elif success:
                self._close()
            else:
                self._open()

    def abandon(self, token: int) -> None:
        """Take back a call that has no result, such as a cancelled one; a probe is free again."""
        with self._lock:
            if token == self._generation and self._probing:
                self._probing = False
                self._generation += 1

    def start_over(self) -> None:
        """Forget the calls of the parent; a circuit that is open stays open."""
        self._lock = threading.RLock()
        self._buckets = deque(maxlen=_BUCKETS)
        self._probing = False
        self._generation += 1

    def _count(self, success: bool) -> None:
        breaker, buckets = self._breaker, self._buckets
        part = int(self._clock() / max(breaker.window / _BUCKETS, _LEAST_PART))
        while buckets and buckets[0][0] <= part - _BUCKETS:
            buckets.popleft()
        if not buckets or buckets[-1][0] != part:
            buckets.append([part, 0, 0])
        buckets[-1][1] += 1
        buckets[-1][2] += not success
        calls = sum(bucket[1] for bucket in buckets)
        failures = sum(bucket[2] for bucket in buckets)
        if calls >= breaker.minimum_calls and failures / calls >= breaker.failure_rate:
            self._open()

    def _open(self) -> None:
        self._until = self._clock() + self._breaker.open_for
        self._change()

    def _close(self) -> None:
        self._until = None
        self._change()

    def _change(self) -> None:
        self._buckets.clear()
        self._probing = False
        self._generation += 1
