"""`Controls`: what a request of a client must pass before it is sent, and what hears of its end."""

from __future__ import annotations

import copy
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from ..errors import (
    CircuitOpenError,
    FrameworkException,
    PoolTimeout,
    RequestTimeout,
    TransportError,
)
from ..rate_limit.limit import RateLimit, read_rate_limit
from ..rate_limit.window import SlidingWindow, Waiter, leave, release, try_take
from ..retry import find_wait
from .circuit import Circuit, Token
from .concurrency import ConcurrencyLimit
from .credentials import Credentials, Trial
from .placed import KeyText

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
        self._circuits: OrderedDict[str, Circuit] = OrderedDict()
        self._concurrency: OrderedDict[str, ConcurrencyLimit] = OrderedDict()

    def with_credentials(self, credentials: Credentials | None) -> Controls:
        """Return these controls with other keys; all else is shared."""
        if credentials is self.credentials:
            return self
        other = copy.copy(self)
        other.credentials = credentials
        return other

    def share(self, other: Controls, own: Collection[str]) -> None:
        """Share what another client knows of origins, save by options that were given anew."""
        if "circuit_breaker" not in own:
            self._circuits = other._circuits
        if "concurrency" not in own:
            self._concurrency = other._concurrency

    def find_trial(self, request: Request, call: Call) -> Trial | None:
        """Return what chooses a key for a request, `None` where it is to carry none of the pool."""
        trial = None
        if self.credentials is not None:
            given = request.headers.get(self.credentials.pool.header)
            if isinstance(given, KeyText) and call.is_at_home(request.origin):
                trial = Trial(self.credentials, call, call.trial)
            call.trial = trial
        return trial

    def begin(
        self, request: Request, call: Call, limiter: SlidingWindow | None, trial: Trial | None
    ) -> Passage:
        """Return the passage of a request, which has taken nothing yet.

        Args:
            request: The request.
            call: Its call.
            limiter: The window of a client whose `rate_limit` is a number.
            trial: What chooses its key.
        """
        return Passage(self, request, call, limiter, trial)

    def find_circuit(self, origin: str) -> Circuit | None:
        """Return the circuit of an origin, `None` where the client has no circuit breaker."""
        breaker = self._breaker
        if breaker is None:
            return None
        return _find(self._circuits, origin, lambda: Circuit(breaker))

    def find_concurrency(self, origin: str) -> ConcurrencyLimit | None:
        """Return the concurrency limit of an origin, `None` where the client has none."""
        adaptive = self._adaptive
        if adaptive is None:
            return None
        return _find(self._concurrency, origin, lambda: ConcurrencyLimit(adaptive))

    def look_up(self, origin: str) -> tuple[Circuit | None, ConcurrencyLimit | None]:
        """Return what is known of an origin so far; nothing is made, or counted as used."""
        return self._circuits.get(origin), self._concurrency.get(origin)

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

    It takes slots, a key and a token of the circuit, and gives back what it has when it ends.

    Attributes:
        request: The request.
        waiter: What takes the slots that it needs before it is sent, `None` where it needs none.
        shared: Those of limits that other processes share, and that it has not yet: the limit, its
            key, how many.
        trial: What chooses its key, `None` where it carries none.
    """

    __slots__ = (
        "_circuit",
        "_concurrency",
        "_is_sent",
        "_started",
        "_token",
        "_windows",
        "request",
        "shared",
        "trial",
        "waiter",
    )

    def __init__(
        self,
        controls: Controls,
        request: Request,
        call: Call,
        limiter: SlidingWindow | None,
        trial: Trial | None,
    ) -> None:
        self.request = request
        self.trial = trial
        self.shared: list[tuple[RateLimit, Hashable, int]] = []
        self._is_sent = False
        self._started = (0.0, 0.0)
        self._token: Token | None = None
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
        self._circuit = controls.find_circuit(origin)

    def check_circuit(self) -> None:
        """Look at the circuit before anything is waited for.

        Raises:
            CircuitOpenError: It is open.
        """
        if self._circuit is not None and self._circuit.is_shut:
            raise _circuit_open(self._circuit, self.request)

    def try_enter(self) -> bool:
        """Take all that is needed, if everything is free now; return whether it was."""
        if self.shared or self.trial is not None:
            return False
        return self.waiter is None or try_take(self.waiter)

    def take_key(self) -> bool:
        """Put a key into the request, if it needs one; return whether there was one."""
        if self.trial is None:
            return True
        keyed = self.trial.take(self.request)
        if keyed is None:
            return False
        self.request = keyed
        return True

    def start(self) -> None:
        """Hear that the request is sent now.

        Raises:
            CircuitOpenError: The circuit has opened meanwhile, or another request tries it.
        """
        if self._circuit is not None:
            self._token = self._circuit.try_enter()
            if self._token is None:
                raise _circuit_open(self._circuit, self.request)
        if self._concurrency is not None:
            self._started = time.monotonic(), time.time()
        self._is_sent = True

    def leave_slots(self) -> None:
        """Give back the slots, as there is something else to wait for: nobody keeps any then."""
        if self.waiter is not None:
            leave(self.waiter)

    def give_back(self) -> None:
        """Take everything back: nothing was sent."""
        self.leave_slots()
        self._close_circuit(None)

    def succeed(self, response: RawResponse) -> None:
        """Hear of a response, of any status."""
        began, wall = self._started
        # What a hook answered itself, or kept, tells nothing of the server.
        is_new = response.received >= wall and not response.is_made
        latency = time.monotonic() - began if is_new else None
        is_overload = response.status in _OVERLOADED
        if self.trial is not None:
            self.trial.hear(response)
            is_overload = is_overload and not self.trial.rests
        self._end(is_overload, latency)
        if self.waiter is not None:
            release(self.waiter)
        self._close_circuit(response.status not in _BROKEN)
        # With a key it is about that one.
        if self._windows and self.trial is None:
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
        """Hear of what was raised in place of a response; after a response, of nothing more."""
        if not self._is_sent:
            self.give_back()
            return
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
        circuit, token = self._circuit, self._token
        if circuit is None or token is None:
            return
        if is_well is None:
            circuit.abandon(token)
        else:
            circuit.record(token, is_well)
        self._token = None


def _find(kept: OrderedDict[str, _Kept], origin: str, make: Callable[[], _Kept]) -> _Kept:
    """Return what is kept of an origin; where there are too many, that used last is forgotten."""
    one = kept.get(origin)
    if one is None:
        one = kept.setdefault(origin, make())  # Another thread may have been first.
        if len(kept) > _MOST_ORIGINS:
            kept.popitem(last=False)
        return one
    with suppress(KeyError):  # Another thread may have just let it go.
        kept.move_to_end(origin)
    return one


def _circuit_open(circuit: Circuit, request: Request) -> CircuitOpenError:
    left = circuit.retry_after
    when = "" if left is None else f", for {left:.3f} s more"
    return CircuitOpenError(
        f"the circuit breaker of {request.origin.prefix} is open{when}", retry_after=left
    )


NO_CONTROLS = Controls()
"""Of a client that has none of its own, but a budget around its calls."""
