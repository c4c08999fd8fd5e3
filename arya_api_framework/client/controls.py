"""`Controls`: what a request of a client must pass before it is sent, and what hears of its end."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from ..errors import CircuitOpenError, FrameworkException, PoolTimeout, TransportError
from ..rate_limit.limit import RateLimit, read_rate_limit
from ..rate_limit.window import SlidingWindow, Waiter, leave, release
from ..retry import find_wait
from .circuit import Circuit

if TYPE_CHECKING:
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
_MOST_CIRCUITS = 1000


class Controls:
    """The rate limits and the circuit breaker of a client and its copies.

    Attributes:
        limits: The limits, in the order in which their slots are taken.
    """

    __slots__ = ("_breaker", "_circuits", "limits")

    def __init__(
        self, limits: tuple[RateLimit, ...] = (), breaker: CircuitBreaker | None = None
    ) -> None:
        self.limits = limits
        self._breaker = breaker
        self._circuits: dict[str, Circuit] = {}

    def begin(self, request: Request, call: Call, limiter: SlidingWindow | None) -> Passage:
        """Return the passage of a request.

        Args:
            request: The request.
            call: Its call.
            limiter: The window of a client whose `rate_limit` is a number.

        Raises:
            CircuitOpenError: The circuit of the origin is open.
        """
        return Passage(self, request, call, limiter)

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
        return max((limit.eta(cost, priority=priority) for limit in self.limits), default=0.0)


class Passage:
    """One request on its way past the controls.

    Attributes:
        request: The request.
        waiter: What takes the slots that it needs before it is sent, `None` where it needs none.
        shared: Those of limits that other processes share: the limit, its key, how many.
    """

    __slots__ = ("_circuit", "_token", "_windows", "request", "shared", "waiter")

    def __init__(
        self, controls: Controls, request: Request, call: Call, limiter: SlidingWindow | None
    ) -> None:
        self.request = request
        self.shared: list[tuple[RateLimit, Hashable, int]] = []
        self._windows: list[tuple[RateLimit, SlidingWindow]] = []
        cost = call.policy.cost
        needs: dict[SlidingWindow, int] = {}
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
        self._circuit = controls.find_circuit(request.origin.prefix)
        self._token = 0 if self._circuit is None else _enter(self._circuit, request)

    def give_back(self) -> None:
        """Take everything back: nothing was sent."""
        if self.waiter is not None:
            leave(self.waiter)
        if self._circuit is not None:
            self._circuit.abandon(self._token)

    def succeed(self, response: RawResponse) -> None:
        """Hear of a response, of any status."""
        if self.waiter is not None:
            release(self.waiter)
        if self._circuit is not None:
            self._circuit.record(self._token, response.status not in _BROKEN)
        if self._windows:
            self._obey(response)

    def _obey(self, response: RawResponse) -> None:
        """Let the limits slow down as a response says."""
        for name, _ in response.raw_headers:
            if name[:1] in _FIRST and name.lower().startswith(_TOLD):
                told = read_rate_limit(response.headers)
                for limit, window in self._windows:
                    limit.follow(window, told)
                break
        if response.status in _OVERLOADED:
            asked = find_wait(response.headers, ("retry-after-ms",))
            if asked is not None:
                for limit, window in self._windows:
                    limit.stop(window, asked)

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
