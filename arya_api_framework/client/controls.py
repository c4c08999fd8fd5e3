"""`Controls`: what a request of a client must pass before it is sent, and what hears of its end."""

from __future__ import annotations

import copy
import time
from collections.abc import Hashable
from typing import TYPE_CHECKING, TypeVar

from ..errors import (
    CircuitOpenError,
    FrameworkException,
    PoolTimeout,
    RequestTimeout,
    TransportError,
)
from ..rate_limit.limit import RateLimit, read_rate_limit
from ..rate_limit.window import SlidingWindow, Waiter, leave, release
from ..retry import find_wait
from .circuit import Circuit
from .concurrency import ConcurrencyLimit
from .credentials import Credentials, KeyText, Trial

if TYPE_CHECKING:
    from ..adaptive import AdaptiveConcurrency
    from ..circuit_breaker import CircuitBreaker
    from .call import Call
    from .request import Request
    from .response import RawResponse

__all__ = ["NO_CONTROLS", "Controls", "Passage"]

_TOLD = (b"ratelimit", b"x-ratelimit", b"x-rate-limit")
_FIRST = (b"r", b"R", b"x", b"X")
"""How such a name begins: most others do not, and are done with."""
_OVERLOADED = (429, 503)
_BROKEN = (500, 502, 503, 504)
_MOST_ORIGINS = 1000

_Kept = TypeVar("_Kept")


class Controls:
    """The rate limits, the circuit breaker, the concurrency limit and the keys of a client.

    Its copies share them.

    Attributes:
        limits: The limits, in the order in which their slots are taken.
        credentials: The keys of the pool, `None` where there is none.
    """

    __slots__ = ("_adaptive", "_breaker", "_circuits", "_concurrency", "credentials", "limits")

    def __init__(
        self,
        limits: tuple[RateLimit, ...] = (),
        breaker: CircuitBreaker | None = None,
        adaptive: AdaptiveConcurrency | None = None,
    ) -> None:
        self.limits = limits
        self.credentials: Credentials | None = None
        self._breaker = breaker
        self._adaptive = adaptive
        self._circuits: dict[str, Circuit] = {}
        self._concurrency: dict[str, ConcurrencyLimit] = {}

    def with_credentials(self, credentials: Credentials | None) -> Controls:
        """Return these controls with other keys; all else is shared."""
        if credentials is self.credentials:
            return self
        other = copy.copy(self)
        other.credentials = credentials
        return other

    def find_trial(self, request: Request, call: Call) -> Trial | None:
        """Return what chooses a key for a request, `None` where it is to carry none of the pool."""
        trial = None
        if self.credentials is not None:
            given = request.headers.get(self.credentials.pool.header)
            if isinstance(given, KeyText) and call.is_at_home(request.origin):
                trial = Trial(self.credentials, call)
            call.trial = trial
        return trial

    def begin(
        self,
        request: Request,
        call: Call,
        limiter: SlidingWindow | None,
        trial: Trial | None = None,
    ) -> Passage:
        """Return the passage of a request.

        Args:
            request: The request.
            call: Its call.
            limiter: The window of a client whose `rate_limit` is a number.
            trial: What chooses its key.

        Raises:
            CircuitOpenError: The circuit of the origin is open.
        """
        return Passage(self, request, call, limiter, trial)

    def find_circuit(self, origin: str) -> Circuit | None:
        """Return the circuit of an origin, `None` where the client has no circuit breaker."""
        breaker = self._breaker
        if breaker is None:
            return None
        return self._circuits.get(origin) or _keep(self._circuits, origin, Circuit(breaker))

    def find_concurrency(self, origin: str) -> ConcurrencyLimit | None:
        """Return the concurrency limit of an origin, `None` where the client has none."""
        adaptive = self._adaptive
        if adaptive is None:
            return None
        kept = self._concurrency
        return kept.get(origin) or _keep(kept, origin, ConcurrencyLimit(adaptive))

    @property
    def concurrency_limits(self) -> dict[str, int]:
        """The concurrency limits that were found so far, by origin."""
        return {origin: one.limit for origin, one in list(self._concurrency.items())}

    def eta(self, cost: int, priority: int) -> float:
        """Return the seconds until a request made now is sent."""
        waits = [limit.eta(cost, priority=priority) for limit in self.limits]
        if self.credentials is not None:
            waits.append(self.credentials.eta(cost))
        return max(waits, default=0.0)


class Passage:
    """One request on its way past the controls.

    Attributes:
        request: The request.
        waiter: What takes the slots that it needs before it is sent, `None` where it needs none.
        shared: Those of limits that other processes share: the limit, its key, how many.
    """

    __slots__ = (
        "_circuit",
        "_concurrency",
        "_started",
        "_token",
        "_trial",
        "_windows",
        "request",
        "shared",
        "waiter",
    )

    def __init__(
        self,
        controls: Controls,
        request: Request,
        call: Call,
        limiter: SlidingWindow | None,
        trial: Trial | None = None,
    ) -> None:
        self.request = request
        self._trial = trial
        self._started = (0.0, 0.0)
        self.shared: list[tuple[RateLimit, Hashable, int]] = []
        self._windows: list[tuple[RateLimit, SlidingWindow]] = []
        cost = call.policy.cost
        origin = request.origin.prefix
        needs: dict[SlidingWindow, int] = {}
        # The first: who waits here holds up nobody who waits for another origin.
        self._concurrency = controls.find_concurrency(origin)
        if self._concurrency is not None:
            needs[self._concurrency.window] = 1
        if limiter is not None:
            needs[limiter] = cost
        for limit in controls.limits:
            if not limit.applies(request):
                continue
            key = limit.key_of(request)
            if limit.is_shared:
                self.shared.append((limit, key, limit.cost_of(request, cost)))
                continue
            window = limit.find_window(key)
            needs[window] = limit.cost_of(request, cost)
            self._windows.append((limit, window))
        self.waiter = Waiter(needs, priority=call.policy.priority) if needs else None
        if self.waiter is not None and call.deadline is not None:
            self.waiter.deadline = call.deadline
        # The last, as whoever has entered must tell how it ended.
        self._circuit = controls.find_circuit(origin)
        self._token = 0 if self._circuit is None else _enter(self._circuit, request)

    def take_key(self) -> bool:
        """Put a key into the request, if it needs one; return whether there was one.

        Where there was none the slots are given back: nobody keeps them while waiting for a key.
        """
        if self._trial is None:
            return True
        keyed = self._trial.take(self.request)
        if keyed is None:
            if self.waiter is not None:
                leave(self.waiter)
                self.waiter.place = None  # It queues anew.
            self.shared = []  # Those are taken for good.
            return False
        self.request = keyed
        return True

    def start(self) -> None:
        """Hear that the request is sent now."""
        if self._concurrency is not None:
            self._started = time.monotonic(), time.time()

    def give_back(self) -> None:
        """Take everything back: nothing was sent."""
        if self.waiter is not None:
            leave(self.waiter)
        self._close_circuit(None)

    def succeed(self, response: RawResponse) -> None:
        """Hear of a response, of any status."""
        began, wall = self._started
        # What a hook answered itself, or kept, tells nothing of the server.
        is_new = response.received >= wall and not response.is_made
        latency = time.monotonic() - began if is_new else None
        is_overload = response.status in _OVERLOADED
        if self._trial is not None:
            self._trial.hear(response)
            is_overload = is_overload and not self._trial.rests
        self._end(is_overload, latency)
        if self.waiter is not None:
            release(self.waiter)
        self._close_circuit(response.status not in _BROKEN)
        # With a key it is about that one.
        if self._windows and self._trial is None:
            self._follow(response)
        if self._windows and is_overload:
            self._stop(response)

    def _follow(self, response: RawResponse) -> None:
        """Let the limits slow down as a response says."""
        for name, _ in response.raw_headers:
            if name[:1] in _FIRST and name.lower().startswith(_TOLD):
                told = read_rate_limit(response.headers)
                for limit, window in self._windows:
                    limit.follow(window, told)
                break

    def _stop(self, response: RawResponse) -> None:
        """Stop the limits for as long as a response asks."""
        asked = find_wait(response.headers, ("retry-after-ms",))
        if asked is not None:
            for limit, window in self._windows:
                limit.stop(window, asked)

    def fail(self, error: BaseException) -> None:
        """Hear of what was raised in place of a response; after an end of either kind, nothing."""
        self._end(isinstance(error, RequestTimeout) and not isinstance(error, PoolTimeout), None)
        if self.waiter is not None:
            nothing_sent = isinstance(error, FrameworkException) and error.sent == "no"
            release(self.waiter, unused=nothing_sent)
        # What ends here, before it went anywhere, tells nothing of the origin.
        is_fault = isinstance(error, TransportError) and not isinstance(error, PoolTimeout)
        self._close_circuit(False if is_fault else None)

    def _end(self, is_overload: bool, latency: float | None) -> None:
        """Tell the concurrency limit, once, how the request ended."""
        limit, self._concurrency = self._concurrency, None
        if limit is not None:
            limit.record(latency, limit.window.in_use, is_overload)

    def _close_circuit(self, is_well: bool | None) -> None:
        """Tell the circuit breaker, once, how the request ended, `None` where it tells nothing."""
        circuit, self._circuit = self._circuit, None
        if circuit is not None and is_well is None:
            circuit.abandon(self._token)
        elif circuit is not None and is_well is not None:
            circuit.record(self._token, is_well)


def _keep(kept: dict[str, _Kept], origin: str, one: _Kept) -> _Kept:
    """Keep what belongs to an origin, as many as there is room for; return what is kept of it."""
    if len(kept) >= _MOST_ORIGINS:
        kept.pop(next(iter(kept)), None)
    return kept.setdefault(origin, one)  # Another thread may have been first.


def _enter(circuit: Circuit, request: Request) -> int:
    token = circuit.try_enter()
    if token is None:
        left = circuit.retry_after
        when = "" if left is None else f", for {left:.3f} s more"
        raise CircuitOpenError(
            f"the circuit breaker of {request.origin.prefix} is open{when}", retry_after=left
        )
    return token


NO_CONTROLS = Controls()
"""Of a client that has none of its own, but a budget around its calls."""
