"""`RateLimit`: a rate limit as a value of its own, which clients of both kinds can share."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ConfigurationError
from ..fork import start_over_in_child
from ..options import check_number, strict
from .window import SlidingWindow, normalise

if TYPE_CHECKING:
    from ..client.request import Request
    from .async_redis import SharedWindow as AsyncShare
    from .shared import RedisShare
    from .sync_redis import SharedWindow as SyncShare

__all__ = ["RateLimit"]

_serial = count()

_MOST_KEYS = 1000
"""From so many keys on, those that are idle are forgotten."""


@strict
class RateLimit:
    """At most `limit` requests in any half-open window of `per` seconds.

    Given as `rate_limit=` to any number of clients, synchronous and asynchronous, it counts for
    all of them together. Several of them in a list hold at once: a request is sent when all have a
    slot for it, and takes none before.

    Example:
        >>> limit = RateLimit(5, per=1)
        >>> limit.eta()
        0.0
    """

    def __init__(
        self,
        limit: float,
        per: float = 1.0,
        *,
        by: Literal["endpoint", "origin"] | Callable[[Request], Hashable] | None = None,
        only: Collection[str] | None = None,
        cost: Callable[[Request], int] | None = None,
        exact: Literal["send", "server"] = "send",
        follow_headers: bool = True,
        max_wait: float = 120.0,
        share: RedisShare | None = None,
    ) -> None:
        """Make a limit with all its slots free.

        Args:
            limit: Requests in one window; a fraction r per T means one per T / r.
            per: The length of the window in seconds.
            by: What has a window of its own: each `"endpoint"` (method and path template), each
                `"origin"`, or each value that a function returns for a request, such as the name
                of an account; a request for which it returns `None` is not limited. By default
                there is one window for all.
            only: The endpoints that are limited, such as `"/search"` or `"GET /users/{id}"`, as
                they are written in calls, with the path of `uri` before them where it has one.
            cost: Returns how many slots a request takes; by default `cost=` of the call, or 1.
            exact: `"send"` counts requests when they leave. `"server"` counts a request until its
                answer is there and for one window more, so that the limit holds where requests
                arrive, however long each of them travels; this costs one round trip per window.
                What is given up, by a timeout, a cancellation or a hedge, counts as arrived then: a
                server that stands still may read it later, together with others.
            follow_headers: Whether the `RateLimit` fields of responses, and those of older drafts
                (`RateLimit-Remaining`, `X-RateLimit-Remaining` and their `-Reset`), slow it down.
                They never make it faster.
            max_wait: The longest time, in seconds, for which a server may stop it.
            share: Where the slots are counted for several processes and machines; by default they
                are counted in this process.

        Raises:
            ConfigurationError: A value can never work.
        """
        normalise(limit, per, ("limit of a RateLimit", "per of a RateLimit"))
        self._window = SlidingWindow(limit, per, holds=exact == "server")
        self._given = limit, per
        if exact not in ("send", "server"):
            raise ConfigurationError(f"exact must be 'send' or 'server', got {exact!r}")
        if by is not None and by not in ("endpoint", "origin") and not callable(by):
            raise ConfigurationError(
                f"by must be 'endpoint', 'origin' or a function of a request, got {by!r}"
            )
        if cost is not None and not callable(cost):
            raise ConfigurationError(f"cost must be a function of a request, got {cost!r}")
        if follow_headers is not True and follow_headers is not False:
            raise ConfigurationError(
                f"follow_headers must be True or False, got {follow_headers!r}"
            )
        if share is not None:
            _check_share(share)
        if share is not None and exact == "server":
            raise ConfigurationError("a limit with a `share` is exact where requests are sent")
        self._share = share
        self._sync_shares: dict[Hashable, SyncShare] = {}
        self._async_shares: dict[Hashable, AsyncShare] = {}
        self._by: Callable[[Request], Hashable] | None
        self._by = _KEYS.get(by) if isinstance(by, str) else by
        self._only = None if only is None else _endpoints(only)
        self._cost = cost
        self._follows = follow_headers
        self._max_wait = check_number("max_wait of a RateLimit", max_wait)
        self._windows: dict[Hashable, SlidingWindow] = {}
        self._lock = threading.Lock()
        # Whoever needs several takes them in one order; narrow ones first, as who waits for a
        # narrow one then holds up nobody in a wide one.
        self.order = (by is None and only is None, next(_serial))
        start_over_in_child(self)

    def __repr__(self) -> str:
        limit, per = self._given
        return f"RateLimit({limit!r}, per={per!r})"

    def __copy__(self) -> RateLimit:
        return self  # Two of them would let twice as much through.

    def __deepcopy__(self, memo: dict[int, Any]) -> RateLimit:
        return self

    def __reduce_ex__(self, protocol: Any, /) -> Any:
        raise TypeError("a RateLimit cannot be pickled: its slots are counted in this process")

    @property
    def limit(self) -> float:
        """How many requests go through in one window, as it was given."""
        return self._given[0]

    @property
    def per(self) -> float:
        """The length of the window in seconds, as it was given."""
        return self._given[1]

    @property
    def _holds(self) -> bool:
        return self._window.holds

    def eta(self, cost: int = 1, *, priority: int = 0, key: Hashable = None) -> float:
        """Return the seconds until so many slots are free for a request made now.

        Args:
            cost: How many slots; more than `limit` are free only after several windows.
            priority: The priority of the request.
            key: Which window, where `by` is given: what its function returns, an origin such as
                `"https://api.test"`, or an endpoint such as `"GET /users/{id}"`.
        """
        check_cost(cost)
        if self._share is not None:
            raise ConfigurationError("when a shared limit has a slot, only Redis knows")
        window = self._window if self._by is None else self._windows.get(key)
        if window is None:
            window = SlidingWindow(*self._given)
        return window.eta(cost, priority)

    @property
    def is_shared(self) -> bool:
        """Whether other processes share it."""
        return self._share is not None

    @property
    def has_plain_keys(self) -> bool:
        """Whether its windows are told by origins or endpoints, which are no secret."""
        return self._by in _KEYS.values()

    def applies(self, request: Request) -> bool:
        """Return whether a request is limited."""
        if self._only is not None and not _is_one_of(request, self._only):
            return False
        return self._by is None or self._by(request) is not None

    def key_of(self, request: Request) -> Hashable:
        """Return what tells the window of a request from others, `None` where there is one."""
        return None if self._by is None else self._by(request)

    def find_window(self, key: Hashable) -> SlidingWindow:
        """Return the window of this process for a key."""
        if self._by is None:
            return self._window
        return self._windows.get(key) or self._open(key)

    def find_sync_share(self, key: Hashable) -> SyncShare:
        """Return the window for a key that other processes share, for threads."""
        from .sync_redis import SharedWindow

        with self._lock:
            share = self._sync_shares.get(key)
            if share is None:
                share = SharedWindow(self._share_of(key), *self._given)
                self._sync_shares[key] = share
            return share

    def find_async_share(self, key: Hashable) -> AsyncShare:
        """Return the window for a key that other processes share, for tasks."""
        from .async_redis import SharedWindow

        with self._lock:
            share = self._async_shares.get(key)
            if share is None:
                share = SharedWindow(self._share_of(key), *self._given)
                self._async_shares[key] = share
            return share

    def _share_of(self, key: Hashable) -> RedisShare:
        assert self._share is not None
        if key is None:
            return self._share
        return dataclasses.replace(self._share, name=f"{self._share.name}:{key}")

    def close(self) -> None:
        """Close the connections to Redis of threads; those of tasks end with their event loop."""
        with self._lock:
            shares = list(self._sync_shares.values())
            self._sync_shares = {}
        for share in shares:
            share.close()

    def cost_of(self, request: Request, cost: int) -> int:
        """Return how many slots a request takes.

        Args:
            request: The request.
            cost: What the call says.
        """
        return cost if self._cost is None else check_cost(self._cost(request))

    def follow(self, window: SlidingWindow, told: tuple[int, float] | None) -> None:
        """Slow down as a server tells.

        Args:
            window: The window of the request.
            told: How many requests are left for how many seconds.
        """
        if told is not None and self._follows:
            window.allow(told[0], min(told[1], self._max_wait))

    def stop(self, window: SlidingWindow, seconds: float) -> None:
        """Send nothing for so many seconds, but no longer than `max_wait`."""
        window.shut(min(seconds, self._max_wait))

    def _open(self, key: Hashable) -> SlidingWindow:
        with self._lock:
            if len(self._windows) >= _MOST_KEYS:
                for old, one in list(self._windows.items()):
                    if one.is_idle:
                        del self._windows[old]
            # Another thread may have been first.
            return self._windows.setdefault(key, SlidingWindow(*self._given, holds=self._holds))

    def start_over(self) -> None:
        """Free the lock, which a thread of the parent may have held."""
        self._lock = threading.Lock()


def _check_share(value: object) -> None:
    from .shared import RedisShare

    if not isinstance(value, RedisShare):
        raise ConfigurationError(f"share must be a RedisShare, got {type(value).__name__}")


def check_cost(value: Any) -> int:
    """Return the number of slots of a request.

    Raises:
        ConfigurationError: It is no whole number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"cost must be a whole number above 0, got {value!r}")
    return value


def check_rate_limits(value: Any) -> tuple[RateLimit, ...]:
    """Return the limits of a list, in the order in which everybody takes their slots.

    Raises:
        ConfigurationError: It holds something else, or one twice.
    """
    given: tuple[Any, ...] = (value,) if isinstance(value, RateLimit) else tuple(value)
    for one in given:
        if not isinstance(one, RateLimit):
            raise ConfigurationError(
                "rate_limit must be a number, a RateLimit, or a list of RateLimit values, got "
                f"{one!r} in a list"
            )
    if len(set(given)) < len(given):
        raise ConfigurationError("rate_limit holds the same RateLimit twice")
    return tuple(sorted(given, key=lambda one: one.order))


def read_rate_limit(headers: Mapping[str, str]) -> tuple[int, float] | None:
    """Return how many requests a response says are left, and for how many seconds.

    Read are `RateLimit` (`"policy";r=5;t=30`, or `limit=10, remaining=5, reset=30`), then
    `RateLimit-Remaining`, `X-RateLimit-Remaining` and the like with their `-Reset`. Of several
    policies the tightest counts. What is no such thing is nothing.
    """
    text = headers.get("RateLimit", "")[:4096]
    found = [(int(left), float(seconds)) for left, seconds in re.findall(_ITEM, text)]
    if not found and (parts := dict(re.findall(_PART, text))).keys() >= {"remaining", "reset"}:
        found = [(int(parts["remaining"]), float(parts["reset"]))]
    if found:
        return min(found, key=lambda one: (one[0], -one[1]))
    for prefix in ("RateLimit", "X-RateLimit", "X-Rate-Limit"):
        left, reset = headers.get(f"{prefix}-Remaining", ""), headers.get(f"{prefix}-Reset", "")
        if re.fullmatch("[0-9]{1,10}", left.strip()):
            seconds = _seconds(reset, headers.get("Date"))
            if seconds is not None:
                return int(left), seconds
    return None


def _seconds(text: str, date: str | None) -> float | None:
    import time

    from ..retry import read_reset

    return read_reset(text, date, time.time())


_ENDPOINT = re.compile(r"([A-Z][A-Z0-9\-]* )?/[^\s?#*]*")
_ITEM = r";\s*r=([0-9]{1,10})\s*;\s*t=([0-9]{1,10})(?![0-9])"
_PART = r"\b(remaining|reset)=([0-9]{1,10})(?![0-9])"


def _endpoints(given: Iterable[str]) -> frozenset[str]:
    if isinstance(given, str):
        given = (given,)
    found: frozenset[Any] = frozenset(given)
    for one in found:
        if not isinstance(one, str) or not _ENDPOINT.fullmatch(one):
            raise ConfigurationError(
                "only must hold endpoints, such as '/search' or 'GET /users/{id}': a path without "
                f"query, and a method in capitals before it if need be; got {one!r}"
            )
    return found


def _template(request: Request) -> str:
    return request.template or request.target.partition("?")[0]


def _endpoint(request: Request) -> str:
    return f"{request.method} {_template(request)}"


def _origin(request: Request) -> str:
    return request.origin.prefix


def _is_one_of(request: Request, endpoints: frozenset[str]) -> bool:
    return _template(request) in endpoints or _endpoint(request) in endpoints


_KEYS: dict[str, Callable[[Request], Hashable]] = {
    "endpoint": _endpoint,
    "origin": _origin,
}
