"""`Credentials`: which key of a pool the next call takes; nothing here waits or sends."""

from __future__ import annotations

import copy
import heapq
import math
import threading
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..errors import ConfigurationError, CredentialsExhausted, RateLimitTimeout
from ..fork import start_over_in_child
from ..rate_limit import SlidingWindow
from ..rate_limit.limit import read_rate_limit
from ..retry import Retry, find_wait
from .body import Body
from .placed import KeyText
from .retries import COST

if TYPE_CHECKING:
    from pydantic import SecretStr

    from ..credentials import CredentialPool
    from .call import Call
    from .origins import Origins
    from .request import Request
    from .response import RawResponse

__all__ = ["Choice", "Credentials", "Trial"]

_UNAUTHORIZED = 401
_PAYMENT_REQUIRED = 402
_TOO_MANY = 429
_REFUSALS = (_UNAUTHORIZED, _PAYMENT_REQUIRED, _TOO_MANY)
_USUAL = Retry()


class Choice(NamedTuple):
    """Which key is the next one.

    Attributes:
        key: Its place in the pool, from 0.
        wait: Seconds until it can be used; 0 where it was taken, with a slot of its rate limit.
    """

    key: int
    wait: float


class Credentials:
    """The state of the keys of a pool: the slots of each, until when it rests, if it is revoked.

    Keys are known by their place in the pool, from 0, so that no secret gets into a message.

    Attributes:
        pool: The pool.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_lock",
        "_next",
        "_rests",
        "_revoked",
        "_windows",
        "pool",
    )

    def __init__(self, pool: CredentialPool, clock: Callable[[], float] = time.monotonic) -> None:
        self.pool = pool
        self._clock = clock
        # Re-entrant, for a signal handler that makes a call of its own.
        self._lock = threading.RLock()
        count = len(self._tokens)
        self._next = 0
        self._rests = [-math.inf] * count
        self._revoked: dict[int, float] = {}  # Until when; infinity for good.
        limit = pool.rate_limit
        self._windows = (
            None
            if limit is None
            else [SlidingWindow(limit, pool.rate_limit_interval, clock=clock) for _ in range(count)]
        )
        start_over_in_child(self)

    def __repr__(self) -> str:
        return f"Credentials(<{len(self._rests)} keys>)"

    def __len__(self) -> int:
        return len(self._rests)

    @property
    def _tokens(self) -> tuple[SecretStr, ...]:
        return cast("tuple[SecretStr, ...]", self.pool.tokens)

    def header(self, key: int) -> tuple[str, str]:
        """Return the name and the value of the field that carries a key: the secret itself."""
        token, scheme = self._tokens[key].get_secret_value(), self.pool.scheme
        return self.pool.header, token if scheme is None else f"{scheme} {token}"

    def choose(self, without: Collection[int] = ()) -> Choice:
        """Take the key that can be used first, in turns among equals.

        Where it says to wait nothing was taken: sleep, and ask again.

        Args:
            without: Keys that are taken only where there is no other.

        Raises:
            CredentialsExhausted: Every key is revoked.
        """
        with self._lock:
            choice = self._find(without)
            key, wait = choice
            if wait == 0:
                self._next = key + 1
                if self._windows is not None:
                    # It has a slot: nobody takes one without our lock.
                    self._windows[key].try_acquire()
            return choice

    def wait(self, without: Collection[int] = ()) -> float:
        """Return the seconds until `choose` takes a key, if nobody comes first.

        Raises:
            CredentialsExhausted: Every key is revoked.
        """
        with self._lock:
            return self._find(without).wait

    def wait_for_other(self, tried: Collection[int]) -> float | None:
        """Return the seconds until a key that was not tried can be used, `None` for never."""
        with self._lock:
            now = self._clock()
            usable = [key for key in self._usable(now) if key not in tried]
            return min((self._wait(key, now) for key in usable), default=None)

    def eta(self, calls: int = 1) -> float:
        """Return the seconds until so many requests made now are sent; infinity for never."""
        with self._lock:
            now = self._clock()
            frees = [self._free(key, now) for key in range(len(self._rests))]
        windows = self._windows
        if windows is None:
            return min(frees)
        # Each time the key that is free first, and then its next slot.
        heap = [(free, key) for key, free in enumerate(frees)]
        heapq.heapify(heap)
        sent: list[list[float]] = [[] for _ in frees]
        for _ in range(calls - 1):
            wait, key = heap[0]
            sent[key].append(wait)
            window, taken = windows[key], len(sent[key])
            wait = max(wait, window.eta(taken + 1))
            if taken >= window.limit:
                wait = max(wait, sent[key][-window.limit] + window.interval)
            heapq.heapreplace(heap, (wait, key))
        return heap[0][0]

    def rest(self, key: int, seconds: float) -> None:
        """Leave a key alone for so many seconds, as after 429; a shorter rest changes nothing.

        Raises:
            ConfigurationError: There is no such key, or that is no time.
        """
        self._check(key, seconds)
        with self._lock:
            self._rests[key] = max(self._rests[key], self._clock() + seconds)

    def revoke(self, key: int, seconds: float = math.inf) -> None:
        """Use a key no more, as after 401; or for so many seconds, as after 402 with a date.

        Raises:
            ConfigurationError: There is no such key, or that is no time.
        """
        self._check(key, seconds)
        with self._lock:
            until = self._clock() + seconds
            self._revoked[key] = max(until, self._revoked.get(key, until))

    def shorten(self, keys: Collection[int], seconds: float) -> None:
        """Let keys that are revoked be used again in so many seconds, if not before."""
        with self._lock:
            until = self._clock() + seconds
            for key in keys:
                if key in self._revoked:
                    self._revoked[key] = min(until, self._revoked[key])

    def restore(self, key: int) -> None:
        """Use a key again, that was revoked or rests; who waits for one does within a second.

        Raises:
            ConfigurationError: There is no such key.
        """
        self._check(key, 0)
        with self._lock:
            self._revoked.pop(key, None)
            self._rests[key] = -math.inf

    def _check(self, key: Any, seconds: Any) -> None:
        count = len(self._rests)
        if isinstance(key, bool) or not isinstance(key, int) or not 0 <= key < count:
            raise ConfigurationError(
                f"a key of the pool is a whole number from 0 to {count - 1}, got {key!r}"
            )
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
            raise ConfigurationError(f"seconds must be a number of at least 0, got {seconds!r}")

    def start_over(self) -> None:
        """Free the lock, which a thread of the parent may have held; the windows do it too."""
        self._lock = threading.RLock()

    def _find(self, without: Collection[int]) -> Choice:
        now = self._clock()
        usable = self._usable(now)
        if not usable:
            raise self._exhausted(now)
        usable = [key for key in usable if key not in without] or usable
        wait, _, key = min((self._wait(key, now), self._turn(key), key) for key in usable)
        # One that is revoked may be back before any other can be used.
        back = [self._free(one, now) for one, until in self._revoked.items() if until > now]
        return Choice(key, min([wait, *back]))

    def _usable(self, now: float) -> list[int]:
        return [key for key in range(len(self._rests)) if self._revoked.get(key, now) <= now]

    def _turn(self, key: int) -> int:
        return (key - self._next) % len(self._rests)

    def _wait(self, key: int, now: float) -> float:
        slot = 0.0 if self._windows is None else self._windows[key].eta()
        return max(self._rests[key] - now, slot, 0.0)

    def _free(self, key: int, now: float) -> float:
        """Return the seconds until a key can be used, revoked or not."""
        return max(self._wait(key, now), self._revoked.get(key, now) - now)

    def _exhausted(self, now: float) -> CredentialsExhausted:
        soonest = min(self._revoked.values()) - now
        error = CredentialsExhausted(
            f"all {len(self._rests)} keys of the pool are revoked; "
            + ("check them" if soonest == math.inf else f"the next is back in {soonest:.3f} s")
        )
        error.retry_after = None if soonest == math.inf else soonest
        return error


class Trial:
    """One request, tried with one key after the other until the server takes one.

    Attributes:
        rests: Whether the key of the last response was asked to rest.
    """

    __slots__ = ("_call", "_cost", "_credentials", "_key", "_refused", "_retry", "_text", "rests")

    def __init__(self, credentials: Credentials, call: Call, earlier: Trial | None = None) -> None:
        self._credentials = credentials
        self._call = call
        self._key = -1
        self._text = ""
        self._cost = 0.0
        # Those of the call: after a redirect, and in a further attempt, they are tried last.
        self._refused: set[int] = set() if earlier is None else earlier._refused
        self._retry = call.policy.retry or _USUAL
        self.rests = False

    def wait(self) -> float:
        """Return the seconds to wait for a key.

        Raises:
            CredentialsExhausted: Every key is revoked.
            RateLimitTimeout: The wait goes beyond the deadline.
        """
        wait = self._credentials.wait(self._refused)
        deadline = self._call.deadline
        if wait > 0 and deadline is not None and time.monotonic() + wait > deadline:
            raise RateLimitTimeout(
                f"no key of the pool can be used before the deadline, the next one in {wait:.3f} s",
                retry_after=wait,
            )
        return wait

    def take(self, request: Request) -> Request | None:
        """Return the request with a key that is now taken, `None` where none is free any more.

        Raises:
            CredentialsExhausted: Every key is revoked.
        """
        key, wait = self._credentials.choose(self._refused)
        if wait > 0:
            return None
        name, text = self._credentials.header(key)
        self._key, self._text = key, text
        self.rests = False
        # Not one that is shown somewhere: what is known of the errors of a call hides this one.
        request = self._call.request = copy.copy(request)
        request.headers[name] = KeyText(text)
        return request

    def hear(self, response: RawResponse) -> None:
        """Hear what the server said to the key."""
        credentials, key, pool = self._credentials, self._key, self._credentials.pool
        if not self._is_answered(response):
            return
        asked = find_wait(response.headers, self._retry.wait_headers)
        if asked is not None:
            asked = min(asked, pool.max_rest)
        if response.status in _REFUSALS:
            self._refused.add(key)
        if response.status == _TOO_MANY:
            self.rests = True
            self._rest(pool.rest_for if asked is None else asked, "after 429")
        elif response.status in (_UNAUTHORIZED, _PAYMENT_REQUIRED):
            seconds = math.inf if pool.revoke_for is None else pool.revoke_for
            if response.status == _PAYMENT_REQUIRED and asked is not None:
                seconds = asked
            credentials.revoke(key, seconds)
            until = "for good" if seconds == math.inf else f"for {seconds:.3f} s"
            self._tell("warning", f"is not used {until}, after {response.status}")
        elif pool.follow_headers:
            told = read_rate_limit(response.headers)
            if told is not None and told[0] == 0:
                self._rest(min(told[1], pool.max_rest), "as nothing is left for it")

    def goes_on(self, response: RawResponse, origins: Origins) -> bool:
        """Return whether the request is to be sent again at once, with a key not refused yet.

        After 402 and 429 that takes tokens of the retry budget, as any attempt again.
        """
        status, origin = response.status, response.request.origin.prefix
        if status not in _REFUSALS or not self._is_answered(response):
            if self._cost and status < 400:
                origins.give_back(origin, self._cost)
            return False
        pool, self._cost = self._credentials.pool, 0.0
        wait = self._credentials.wait_for_other(self._refused)
        if wait is None and status == _UNAUTHORIZED:
            # Whatever is asked for there, it is not one of the keys that is wrong.
            self._credentials.shorten(self._refused, pool.rest_for)
        # After 429 there is a wait either way, and when to wait and try again says the `Retry`.
        if wait is None or (status == _TOO_MANY and wait > 0):
            return False
        if not self._may_repeat(response.request, status):
            return False
        budget = self._retry.budget
        if status != _UNAUTHORIZED and budget is not None:
            self._cost = COST
            return origins.spend(origin, COST, budget)
        return True

    def eta(self) -> float:
        """Return the seconds until any key can be used; infinity for never."""
        return self._credentials.eta()

    def _is_answered(self, response: RawResponse) -> bool:
        """Return whether this is the answer to our key, not to one that a hook has given."""
        return response.request.headers.get(self._credentials.pool.header) == self._text

    def _may_repeat(self, request: Request, status: int) -> bool:
        if isinstance(request.body, Body) and request.body.is_spent:
            return False
        retry = self._retry
        return (
            status == _UNAUTHORIZED
            or self._credentials.pool.rejects_unprocessed
            or retry.rejects_unprocessed
            or request.method in retry.methods
            or retry.idempotency_header in request.headers
        )

    def _rest(self, seconds: float, why: str) -> None:
        self._credentials.rest(self._key, seconds)
        self._tell("info", f"rests for {seconds:.3f} s, {why}")

    def _tell(self, level: str, what: str) -> None:
        import logging

        count = len(self._credentials)
        logger = logging.getLogger("arya_api_framework.credentials")
        getattr(logger, level)("key %d of %d %s", self._key, count, what)
