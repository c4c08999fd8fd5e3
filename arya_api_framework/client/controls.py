"""`Controls`: what a request of a client must pass before it is sent, and what hears of its end."""

from __future__ import annotations

import copy
from collections.abc import Hashable
from typing import TYPE_CHECKING

from ..errors import CircuitOpenError, FrameworkException, PoolTimeout, TransportError
from ..rate_limit.limit import RateLimit, read_rate_limit
from ..rate_limit.window import SlidingWindow, Waiter, leave, release
from ..retry import find_wait
from .circuit import Circuit
from .credentials import Credentials, KeyText, Trial

if TYPE_CHECKING:
    from ..circuit_breaker import CircuitBreaker
    from .call import Call
    from .request import Request
    from .response import RawResponse

__all__ = ["NO_CONTROLS", "Controls", "Passage"]

_TOLD = (b"ratelimit", b"x-ratelimit", b"x-rate-limit")
_OVERLOADED = (429, 503)
_BROKEN = (500, 502, 503, 504)
_MOST_CIRCUITS = 1000


class Controls:
    """The rate limits, the circuit breaker and the keys of a client and its copies.

    Attributes:
        limits: The limits, in the order in which their slots are taken.
        credentials: The keys of the pool, `None` where there is none.
    """

    __slots__ = ("_breaker", "_circuits", "credentials", "limits")

    def __init__(
        self, limits: tuple[RateLimit, ...] = (), breaker: CircuitBreaker | None = None
    ) -> None:
        self.limits = limits
        self.credentials: Credentials | None = None
        self._breaker = breaker
        self._circuits: dict[str, Circuit] = {}

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
        if self._breaker is None:
            return None
        circuit = self._circuits.get(origin)
        if circuit is None:
            if len(self._circuits) >= _MOST_CIRCUITS:
                self._circuits.pop(next(iter(self._circuits)), None)
            circuit = self._circuits.setdefault(origin, Circuit(self._breaker))
        return circuit

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
        needs: The slots that it needs before it is sent.
        shared: Those of limits that other processes share: the limit, its key, how many.
        waiter: What took the slots.
    """

    __slots__ = (
        "_circuit",
        "_token",
        "_trial",
        "_windows",
        "needs",
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
        self.waiter: Waiter | None = None
        self._trial = trial
        self.needs: dict[SlidingWindow, int] = {}
        self.shared: list[tuple[RateLimit, Hashable, int]] = []
        self._windows: list[tuple[RateLimit, SlidingWindow]] = []
        cost = call.policy.cost
        if limiter is not None:
            self.needs[limiter] = cost
        for limit in controls.limits:
            if not limit.applies(request):
                continue
            key = limit.key_of(request)
            if limit.is_shared:
                self.shared.append((limit, key, limit.cost_of(request, cost)))
                continue
            window = limit.find_window(key)
            self.needs[window] = limit.cost_of(request, cost)
            self._windows.append((limit, window))
        # The last, as whoever has entered must tell how it ended.
        self._circuit = controls.find_circuit(request.origin.prefix)
        self._token = 0 if self._circuit is None else _enter(self._circuit, request)

    def take_key(self) -> bool:
        """Put a key into the request, if it needs one; return whether there was one.

        Where there was none the slots are given back: nobody keeps them while waiting for a key.
        """
        if self._trial is None:
            return True
        keyed = self._trial.take(self.request)
        if keyed is None:
            self._leave()
            self.shared = []  # Those are taken for good.
            return False
        self.request = keyed
        return True

    def give_back(self) -> None:
        """Take everything back: nothing was sent."""
        self._leave()
        if self._circuit is not None:
            self._circuit.abandon(self._token)

    def succeed(self, response: RawResponse) -> None:
        """Hear of a response, of any status."""
        if self.waiter is not None:
            release(self.waiter)
        if self._circuit is not None:
            self._circuit.record(self._token, response.status not in _BROKEN)
        if self._trial is not None:
            self._trial.hear(response)  # What it tells of limits is about the key.
        elif any(name.lower().startswith(_TOLD) for name, _ in response.raw_headers):
            told = read_rate_limit(response.headers)
            for limit, window in self._windows:
                limit.follow(window, told)
        if response.status in _OVERLOADED and not (self._trial and self._trial.rests):
            asked = find_wait(response.headers, ("retry-after-ms",))
            if asked is not None:
                for limit, window in self._windows:
                    limit.stop(window, asked)

    def _leave(self) -> None:
        if self.waiter is not None:
            leave(self.waiter)
            self.waiter = None

    def fail(self, error: BaseException) -> None:
        """Hear of what was raised in place of a response."""
        if self.waiter is not None:
            nothing_sent = isinstance(error, FrameworkException) and error.sent == "no"
            release(self.waiter, unused=nothing_sent)
        if self._circuit is None:
            return
        # What ends here, before it went anywhere, tells nothing of the origin.
        if isinstance(error, TransportError) and not isinstance(error, PoolTimeout):
            self._circuit.record(self._token, False)
        else:
            self._circuit.abandon(self._token)


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
