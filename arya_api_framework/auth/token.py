"""`TokenAuth`: tokens that are fetched, kept and renewed, once for all who wait for them."""

from __future__ import annotations

import copy
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from typing_extensions import override

from ..errors import (
    AuthError,
    BudgetExhausted,
    ClientClosedError,
    ConfigurationError,
    DeadlineExceeded,
    FrameworkException,
    PoolTimeout,
    RateLimitTimeout,
    RequestTimeout,
    TokenRefreshError,
)
from ..fork import start_over_in_child
from ..options import check_number
from .base import Auth, Flow, Step

if TYPE_CHECKING:
    from ..client.request import Request
    from .token_store import TokenStore

__all__ = ["Token", "TokenAuth", "can_be_sent", "is_own_end"]

_POLL = 0.05
"""Seconds after which a store that another process uses is asked again."""

_REST = 1.0
"""Seconds for which a failure is the answer to all who ask: a server that fails is not stormed."""

_OWN_ENDS = (
    BudgetExhausted,
    CancelledError,
    ClientClosedError,
    DeadlineExceeded,
    PoolTimeout,
    RateLimitTimeout,
)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and what is known of it; no text of it shows a secret.

    What takes it apart does, such as `dataclasses.asdict`, pydantic and a debugger: so it is kept.

    Attributes:
        access_token: The token itself.
        expires_at: When it is over, in seconds since 1970; `None` where nobody said.
        refresh_token: What a new one is got with, `None` where there is nothing.
        issued_at: When it was got, in seconds since 1970.
        scope: What it allows, as the server put it.
    """

    access_token: str = field(repr=False)
    expires_at: float | None = None
    refresh_token: str | None = field(default=None, repr=False)
    issued_at: float | None = None
    scope: str | None = None

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        raise TypeError("a Token holds secrets and cannot be pickled; a FileTokenStore keeps it")

    def is_fresh(self, now: float, skew: float) -> bool:
        """Return whether it can be used for `skew` seconds more, or half its life if that is less.

        Args:
            now: The time, in seconds since 1970.
            skew: How long before its end it is renewed, in seconds.
        """
        if self.expires_at is None:
            return True
        if self.issued_at is not None:
            skew = min(skew, max(self.expires_at - self.issued_at, 0) / 2)
        return now < self.expires_at - skew


class _Failure(NamedTuple):
    error: FrameworkException
    until: float

    def copy(self) -> FrameworkException:
        """Return an error of its own for each who is told, as a call writes into it."""
        error = copy.copy(self.error)
        error.__cause__ = self.error.__cause__
        return error


class TokenAuth(Auth):
    """Sends a token that is fetched when it is needed; subclass it and override `fetch`.

    It is fetched before the first request, again before it expires, and once more when a server
    answers 401 to it. However many threads and tasks need it, one of them fetches it, and all
    others wait for that; with a store that processes share, one of these processes does. If it
    cannot be had, all who wait get the same error, and so do those who ask within a second: a
    `TokenRefreshError` with what `fetch` raised as its cause, or an `AuthError` or
    `ConfigurationError` of its own. What ends only the call of the one who fetches, as when its
    time is over, has the next one fetch it.

    Args:
        store: Where tokens are kept; by default in memory, for this object alone.
        skew: How long before its end a token is renewed, in seconds.

    Raises:
        ConfigurationError: `skew` is no number of seconds above 0, or there is a `store`, and the
            class does not override `key`.

    Example:
        ```python
        class Exchange(TokenAuth):
            def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
                answer = yield exchange_request()
                return Token(answer.json()["token"], expires_at=time.time() + 600)
        ```
    """

    repeatable = True

    def __init__(self, *, store: TokenStore | None = None, skew: float = 30.0) -> None:
        from .token_store import MemoryTokenStore

        if store is not None and type(self).key is TokenAuth.key:
            raise ConfigurationError(
                f"{type(self).__name__} with a store must override `key`, which tells its tokens "
                "from those of others in there"
            )
        self._store = MemoryTokenStore() if store is None else store
        self._skew = check_number(f"skew of {type(self).__name__}", skew)
        self._clock: Callable[[], float] = time.time
        self.start_over()
        start_over_in_child(self)

    @property
    def key(self) -> str:
        """What its tokens are for, so that one store can hold those of several objects.

        Override it for objects with a `store`: with what the tokens are got from, such as the
        address of the server and the name of the user. A file holds it as it is.
        """
        return type(self).__qualname__

    @abstractmethod
    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
        """Fetch a token, as a generator that yields requests and is given the responses.

        Args:
            token: The last one, which is over or was refused, with its refresh token; `None` where
                there was none.

        Raises:
            TokenRefreshError: There is none to be had. Whatever else is raised becomes the cause of
                one.
        """

    @override
    def flow(self, request: Request) -> Flow:
        """Send a request with a token, and again with another one if that is refused."""
        token = yield from self._find(None)
        request.headers["Authorization"] = f"Bearer {token.access_token}"
        response = yield request
        if response.status != 401 or not request.replayable:
            return
        token = yield from self._find(token)
        request.headers["Authorization"] = f"Bearer {token.access_token}"
        yield request

    def start_over(self) -> None:
        """Forget what is under way: in a forked child nobody does it."""
        self._lock = threading.RLock()
        self._token: Token | None = None
        self._fetching: Future[Token | _Failure | None] | None = None
        self._failure: _Failure | None = None
        self._turn = self._turn_of_fetching = 0

    def forget(self) -> None:
        """Forget the token that is known, and what is being fetched, for all calls to come."""
        with self._lock:
            self._token = self._failure = None
            self._turn += 1

    def _find(self, refused: Token | None) -> Generator[Step, Any, Token]:
        """Return a token that can be used, and is not the one that was refused."""
        while True:
            with self._lock:
                token, failure, future = self._token, self._failure, self._fetching
                turn = self._turn_of_fetching
                if token is not None and self._is_usable(token, refused):
                    return token
                if failure is not None and time.monotonic() < failure.until:
                    raise failure.copy()
                if future is None:
                    mine = self._fetching = Future[Token | _Failure | None]()
                    self._turn_of_fetching = self._turn
                    mine.set_running_or_notify_cancel()  # Nobody else can cancel it.
                    break
            yield future
            found = future.result() if future.done() and turn == self._turn else None
            if isinstance(found, _Failure):
                raise found.copy()
            # It may be short of life, or the same again: it is used as by the one who fetched it.
            if found is not None:
                return found
        return (yield from self._lead(mine, refused))

    def _lead(
        self, future: Future[Token | _Failure | None], refused: Token | None
    ) -> Generator[Step, Any, Token]:
        """Fetch a token for all who wait; what ends this call alone hands that to the next."""
        found: Token | _Failure | None = None
        turn = self._turn
        try:
            found = token = yield from self._renew(refused)
            return token
        except (AuthError, ConfigurationError) as error:
            failure = _Failure(error, time.monotonic() + _REST)
            found = failure._replace(error=failure.copy())
            raise
        finally:
            if self._fetching is future:  # A forked child has forgotten it.
                with self._lock:
                    self._fetching = None
                    if turn == self._turn:
                        self._failure = found if isinstance(found, _Failure) else None
                        self._token = found if isinstance(found, Token) else self._token
                future.set_result(found)

    def _renew(self, refused: Token | None) -> Generator[Step, Any, Token]:
        """Fetch a token; any failure but the end of this call is one that others can be told."""
        try:
            return (yield from self._load_or_fetch(refused))
        except (AuthError, ConfigurationError):
            raise
        except Exception as error:
            if is_own_end(error):
                raise
            # What others put into the text of an error may be secret.
            what = str(error) if isinstance(error, FrameworkException) else type(error).__name__
            raise TokenRefreshError(f"no token could be fetched: {what}") from error

    def _load_or_fetch(self, refused: Token | None) -> Generator[Step, Any, Token]:
        key, turn = self.key, self._turn
        while (release := self._store.try_lock(key)) is None:
            yield _POLL
        try:
            kept = self._store.load(key)
            if kept is not None and self._is_usable(kept, refused):
                return kept  # Another process was faster.
            token: object = yield from self.fetch(_newest(kept, self._token, refused))
            if not isinstance(token, Token):
                raise ConfigurationError(
                    f"fetch of {type(self).__name__} must return a Token, got "
                    f"{type(token).__name__}"
                )
            if turn == self._turn:
                self._token = token  # It is used, though it may turn out that it cannot be kept.
            self._store.save(key, token)
            return token
        finally:
            release()

    def _is_usable(self, token: Token, refused: Token | None) -> bool:
        return token.is_fresh(self._clock(), self._skew) and not _is_same(token, refused)


def is_own_end(error: Exception) -> bool:
    """Return whether an error ends a call by its own limits, and tells nothing of the server."""
    return isinstance(error, _OWN_ENDS) or type(error) is RequestTimeout


def can_be_sent(token: object) -> bool:
    """Return whether a text can be a bearer token: printable ASCII, no blank (RFC 6750 2.1)."""
    return (
        isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token
    ) and bool(token)


def _is_same(token: Token, other: Token | None) -> bool:
    return other is not None and token.access_token == other.access_token


def _newest(*tokens: Token | None) -> Token | None:
    """Return the one that was got last: a refresh token may be good once."""
    known = [one for one in tokens if one is not None]
    return max(known, key=lambda one: one.issued_at or 0, default=None)
