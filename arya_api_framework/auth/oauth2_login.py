"""OAuth 2 with a person who logs in: the authorization code with PKCE (RFC 6749 4.1, RFC 7636)."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from abc import abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn

from typing_extensions import Unpack, override
from yarl import URL

from ..errors import ConfigurationError, OAuthStateError, TokenRefreshError, TransportError
from .base import Step
from .oauth2 import OAuth2, OAuth2Options
from .token import Token
from .token_endpoint import find_endpoint, is_here, tell_error

if TYPE_CHECKING:
    from .loopback import Listener, Loopback

__all__ = ["Authorization", "OAuth2AuthorizationCode", "OAuth2Login", "OAuth2LoginOptions"]

_RECENT = 60.0
"""Seconds in which a new token that is refused has nobody log in again: that would not help."""

_SCHEME = re.compile(r"[a-z][a-z0-9+\-]*\.[a-z0-9+\-.]+", re.IGNORECASE)
"""The scheme of an app, which has a dot as the name of a domain does (RFC 8252 7.1)."""


class OAuth2LoginOptions(OAuth2Options, total=False):
    """The arguments of `OAuth2Login`, for classes that add some of their own."""

    subject: str


class OAuth2Login(OAuth2):
    """What the grants share in which a person logs in: the refresh token is used while it lasts.

    Subclass it for a grant that is not here, and override `log_in`.

    Args:
        subject: For whom its tokens are, where one store holds those of several people.
        options: See `OAuth2`.
    """

    _unscoped = frozenset({"refresh_token"})

    def __init__(self, *, subject: str = "", **options: Unpack[OAuth2Options]) -> None:
        super().__init__(**options)
        self._person = subject

    @override
    def _subject(self) -> str:
        return self._person

    @override
    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
        refusal: TokenRefreshError | None = None
        if token is not None and token.refresh_token is not None:
            try:
                return (yield from self.refresh(token.refresh_token))
            except TokenRefreshError as error:
                if error.code != "invalid_grant":
                    raise
                refusal = error
        elif token is not None and self._is_new(token):
            raise TokenRefreshError(
                "the server refuses a token that was given just now: to log in again would not help"
            )
        try:
            return (yield from self.log_in())
        except TokenRefreshError as error:
            error.__cause__ = error.__cause__ or refusal
            raise

    @abstractmethod
    def log_in(self) -> Generator[Step, Any, Token]:
        """Have a person log in, as a generator that yields requests, futures and seconds.

        Raises:
            TokenRefreshError: Nobody has, or the server refuses.
        """

    def _is_new(self, token: Token) -> bool:
        now = self._clock()
        return (
            token.issued_at is not None
            and now - token.issued_at < _RECENT
            and token.is_fresh(now, self._skew)
        )


@dataclass(frozen=True, slots=True)
class Authorization:
    """A login that has begun; no text of it shows a secret.

    It is kept with the session of the person, as `dataclasses.asdict` gives it, until they are
    back, and is good for that once.

    Attributes:
        url: Where the person is sent to.
        redirect_uri: Where they come back to.
        state: What they must bring along (RFC 6749 10.12).
        verifier: What shows that the code is ours (RFC 7636 4.1).
        key: Whose login it is: the `key` of the `OAuth2AuthorizationCode` that began it.
    """

    url: str = field(repr=False)
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    key: str = field(repr=False)

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        raise TypeError("an Authorization holds secrets and cannot be pickled; keep its `asdict`")


class OAuth2AuthorizationCode(OAuth2Login):
    """A person who logs in with a browser (RFC 6749 4.1), always with PKCE (RFC 7636).

    A program of the command line gives a `loopback`: it opens the browser when there is no token,
    and receives the answer. A web application calls `begin`, sends the person to the `url` of what
    that returns, and gives what they come back with to `finish`; the next call redeems the code.
    One object stands for one person.

    Args:
        authorization_url: The authorization endpoint, by https or on this machine.
        loopback: What receives the answer on this machine; `None` where `finish` is called.
        issuer: The `iss` that answers must have (RFC 9207): to be given where people can log in
            with several servers.
        authorization_parameters: Further parameters for the authorization endpoint, such as
            `{"access_type": "offline"}`.
        options: See `OAuth2Login`.

    Raises:
        ConfigurationError: A value can never work, or there is a `store`, and neither a `loopback`
            nor a `subject`.

    Example:
        ```python
        login = OAuth2AuthorizationCode(
            authorization_url="https://login.test/authorize",
            token_url="https://login.test/token",
            client_id="notes",
            loopback=Loopback(),
            store=FileTokenStore("tokens.json"),
        )
        ```
    """

    _unscoped = frozenset({"refresh_token", "authorization_code"})

    def __init__(
        self,
        *,
        authorization_url: str | URL,
        loopback: Loopback | None = None,
        issuer: str | None = None,
        authorization_parameters: Mapping[str, str] | None = None,
        **options: Unpack[OAuth2LoginOptions],
    ) -> None:
        self._listener: Listener | None = None
        super().__init__(**options)
        me = type(self).__name__
        endpoint = find_endpoint(
            me, "authorization_url", "authorization endpoint", authorization_url
        )
        if loopback is None and options.get("store") is not None and not self._person:
            raise ConfigurationError(
                f"{me} with a store needs `subject`, the person whose tokens it keeps: others who "
                "log in have theirs there too"
            )
        self._authorization_url = endpoint.url
        self._loopback = loopback
        self._issuer = issuer
        self._more = dict(authorization_parameters or {})

    @override
    def start_over(self) -> None:
        """Forget what is under way: in a forked child nobody does it."""
        super().start_over()
        self._answer: dict[str, str] | None = None
        if self._listener is not None:
            self._listener.leave()
        self._listener = None

    def begin(self, redirect_uri: str) -> Authorization:
        """Begin a login, with a `state` and a verifier of its own.

        Args:
            redirect_uri: Where the person comes back to, as it is registered with the server.

        Raises:
            ConfigurationError: It is no absolute URI, has a fragment or a login (RFC 6749 3.1.2),
                or would have the answer sent in the clear.
        """
        _check_redirect(redirect_uri)
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        parameters = {
            **self._more,
            "response_type": "code",
            "client_id": self._client_id or "",
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        if self._scope:
            parameters["scope"] = self._scope
        url = self._authorization_url.update_query(parameters)
        return Authorization(str(url), redirect_uri, state, verifier, self.key)

    def finish(self, authorization: Authorization, url: str | URL) -> None:
        """Take what a person has come back with; the next call fetches their token.

        A token that is known is forgotten.

        Args:
            authorization: What `begin` of this object, or of one like it, returned for this person.
            url: The URL they came back to, with its query.

        Raises:
            OAuthStateError: It is not the answer to this login.
            TokenRefreshError: The login was refused, is of another issuer, or holds no code.
        """
        try:
            query = URL(url).query
        except ValueError:
            raise OAuthStateError("what the person came back to is no URL") from None
        answer = dict(query)
        state = answer.get("state", "").encode(errors="replace")
        if authorization.key != self.key or len(query.getall("state", [])) != 1:
            state = b""
        if not hmac.compare_digest(state, authorization.state.encode()):
            raise OAuthStateError(
                "the answer is not to this login: its `state` is another one, or missing"
            )
        if len(query) > len(answer):
            raise TokenRefreshError("the answer to the login names a parameter twice")
        if self._issuer is not None and answer.get("iss") != self._issuer:
            raise TokenRefreshError("the answer to the login is of another issuer, or names none")
        if "error" in answer:
            text, code = tell_error(answer, [authorization.state, authorization.verifier])
            refusal = TokenRefreshError(f"the login was refused{text}")
            refusal.refused, refusal.code = True, code
            raise refusal
        if not answer.get("code"):
            raise TokenRefreshError("the answer to the login holds no code")
        self._answer = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": authorization.redirect_uri,
            "code_verifier": authorization.verifier,
        }
        self.forget()

    @override
    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
        # A person who has just logged in may have allowed more than the last time.
        return (yield from super().fetch(None if self._answer is not None else token))

    @override
    def log_in(self) -> Generator[Step, Any, Token]:
        while self._answer is None:
            if self._loopback is None:
                raise TokenRefreshError(
                    "nobody has logged in: give `finish` what the person came back with, or give "
                    f"a program of the command line {type(self).__name__}(loopback=Loopback())"
                )
            # A login outlives the call that began it, so that the next goes on with it.
            listener = self._listener
            if listener is None or listener.answered.done():
                listener = self._listener = self._loopback.listen(self)
            while not listener.answered.done():
                yield listener.answered
            listener.answered.result()
        form, self._answer = self._answer, None  # A code is good once.
        try:
            return (yield from self.ask(form))
        except TransportError as error:
            if error.sent == "no" and self._answer is None:
                self._answer = form
            raise

    @override
    def _is_usable(self, token: Token, refused: Token | None) -> bool:
        return self._answer is None and super()._is_usable(token, refused)


def challenge_of(verifier: str) -> str:
    """Return the `S256` challenge of a verifier (RFC 7636 4.2).

    Example:
        >>> challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _check_redirect(uri: str) -> None:
    try:
        given = URL(uri)
        is_web = given.scheme == "https" or (given.scheme == "http" and is_here(given.host or ""))
        is_right = bool(given.host) if is_web else _SCHEME.fullmatch(given.scheme) is not None
    except ValueError:
        is_right = False
    else:
        is_right = is_right and given.user is None and given.password is None and "#" not in uri
    if not is_right:
        raise ConfigurationError(
            "redirect_uri must be an absolute URI by https, on this machine, or of an app, without "
            f"login and fragment, such as 'https://app.example.com/back', got {uri!r}"
        )
