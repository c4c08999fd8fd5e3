"""`Circuit`: the state of one circuit breaker; nothing here waits or sends."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from ..fork import start_over_in_child

if TYPE_CHECKING:
    from ..circuit_breaker import CircuitBreaker

__all__ = ["Circuit", "CircuitState", "Token"]

CircuitState = Literal["closed", "open", "half-open"]

_BUCKETS = 10
"""Into how many parts the window is cut: results are counted, not kept."""
_LEAST_PART = 1e-6
"""Seconds; with less the number of a part could be too large for a float."""


class Token:
    """What whoever was let in tells the end with.

    A probe whose token is gone, because a handler of a signal raised before it could tell, is not
    waited for any longer.
    """

    __slots__ = ("__weakref__",)


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
        "_lock",
        "_probe",
        "_token",
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
        self._token = Token()  # Of all who were let in since it was closed.
        self._until: float | None = None  # When an open circuit is half-open; None if closed.
        self._probe: weakref.ref[Token] | None = None
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

    @property
    def is_shut(self) -> bool:
        """Whether a call that came now would not be let in."""
        with self._lock:
            return self._until is not None and (self._is_probing or self._clock() < self._until)

    def try_enter(self) -> Token | None:
        """Return a token for `record` or `abandon`, `None` where the call must not be sent."""
        with self._lock:
            if self._until is None:
                return self._token
            if self.is_shut:
                return None
            # One of its own, so that nobody else can speak for the probe.
            token = Token()
            self._probe = weakref.ref(token)
            return token

    def record(self, token: Token, success: bool) -> None:
        """Count the result of a call; one that began before the state changed counts nothing."""
        with self._lock:
            if self._until is None:
                if token is self._token:
                    self._count(success)
            elif not self._is_probe(token):
                return
            elif success:
                self._close()
            else:
                self._open()

    def abandon(self, token: Token) -> None:
        """Take back a call that has no result, such as a cancelled one; a probe is free again."""
        with self._lock:
            if self._is_probe(token):
                self._probe = None

    @property
    def _is_probing(self) -> bool:
        return self._probe is not None and self._probe() is not None

    def _is_probe(self, token: Token) -> bool:
        return self._probe is not None and self._probe() is token

    def start_over(self) -> None:
        """Forget the calls of the parent; a circuit that is open stays open."""
        self._lock = threading.RLock()
        self._buckets = deque(maxlen=_BUCKETS)
        self._probe = None
        self._token = Token()

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
        self._probe = None
        self._token = Token()
