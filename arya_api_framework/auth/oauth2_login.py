"""OAuth 2 with a person who logs in: the authorization code with PKCE (RFC 6749 4.1, RFC 7636)."""

from __future__ import annotations

import base64
import hmac
import secrets
from abc import abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn

from typing_extensions import Unpack, override
from yarl import URL

from ..errors import ConfigurationError, OAuthStateError, TokenRefreshError
from .base import Step
from .oauth2 import OAuth2, OAuth2Options
from .token import Token
from .token_endpoint import find_endpoint, tell_error

if TYPE_CHECKING:
    from .loopback import Loopback

__all__ = ["Authorization", "OAuth2AuthorizationCode", "OAuth2Login", "OAuth2LoginOptions"]


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

    def __init__(self, *, subject: str = "", **options: Unpack[OAuth2Options]) -> None:
        super().__init__(**options)
        self._person = subject

    @override
    def _subject(self) -> str:
        return self._person

    @override
    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
        if token is not None and token.refresh_token is not None:
            try:
                return (yield from self.refresh(token.refresh_token))
            except TokenRefreshError as error:
                if not error.refused:
                    raise
        return (yield from self.log_in())

    @abstractmethod
    def log_in(self) -> Generator[Step, Any, Token]:
        """Have a person log in, as a generator that yields requests, futures and seconds.

        Raises:
            TokenRefreshError: Nobody has, or the server refuses.
        """


@dataclass(frozen=True, slots=True)
class Authorization:
    """A login that has begun; no text of it shows a secret.

    It is kept with the session of the person, as `dataclasses.asdict` gives it, until they are
    back.

    Attributes:
        url: Where the person is sent to.
        redirect_uri: Where they come back to.
        state: What they must bring along (RFC 6749 10.12).
        verifier: What shows that the code is ours (RFC 7636 4.1).
    """

    url: str = field(repr=False)
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)

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
        issuer: The `iss` that answers must have (RFC 9207).
        authorization_parameters: Further parameters for the authorization endpoint, such as
            `{"access_type": "offline"}`.
        options: See `OAuth2Login`.

    Raises:
        ConfigurationError: A value can never work.

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

    def __init__(
        self,
        *,
        authorization_url: str | URL,
        loopback: Loopback | None = None,
        issuer: str | None = None,
        authorization_parameters: Mapping[str, str] | None = None,
        **options: Unpack[OAuth2LoginOptions],
    ) -> None:
        super().__init__(**options)
        me = type(self).__name__
        endpoint = find_endpoint(
            me, "authorization_url", "authorization endpoint", authorization_url
        )
        self._authorization_url = endpoint.url
        self._loopback = loopback
        self._issuer = issuer
        self._more = dict(authorization_parameters or {})
        self._answer: dict[str, str] | None = None

    def begin(self, redirect_uri: str) -> Authorization:
        """Begin a login, with a `state` and a verifier of its own.

        Args:
            redirect_uri: Where the person comes back to, as it is registered with the server.

        Raises:
            ConfigurationError: It is no absolute URI, or has a fragment (RFC 6749 3.1.2).
        """
        given = URL(redirect_uri)
        if not given.scheme or "#" in redirect_uri:
            raise ConfigurationError(
                "redirect_uri must be an absolute URI without a fragment, such as "
                f"'https://app.example.com/back', got {redirect_uri!r}"
            )
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
        return Authorization(str(url), redirect_uri, state, verifier)

    def finish(self, authorization: Authorization, url: str | URL) -> None:
        """Take what a person has come back with; the next call fetches their token.

        Args:
            authorization: What `begin` returned for this person.
            url: The URL they came back to, with its query.

        Raises:
            OAuthStateError: It is not the answer to this login.
            TokenRefreshError: The login was refused, or the answer holds no code.
        """
        query = URL(url).query
        given = {name: query.getall(name) for name in query}
        if any(len(values) > 1 for values in given.values()):
            raise OAuthStateError("the answer to the login names a parameter twice (RFC 6749 3.1)")
        answer = {name: values[0] for name, values in given.items()}
        if not hmac.compare_digest(answer.get("state", "").encode(), authorization.state.encode()):
            raise OAuthStateError(
                "the answer is not to this login: its `state` is another one, or missing"
            )
        if self._issuer is not None and answer.get("iss") != self._issuer:
            raise OAuthStateError("the answer to the login is of another issuer, or names none")
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

    @override
    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
        # A person who has just logged in may have allowed more than the last time.
        return (yield from super().fetch(None if self._answer is not None else token))

    @override
    def log_in(self) -> Generator[Step, Any, Token]:
        if self._answer is None:
            if self._loopback is None:
                raise TokenRefreshError(
                    "nobody has logged in: give `finish` what the person came back with, or give "
                    f"a program of the command line {type(self).__name__}(loopback=Loopback())"
                )
            with self._loopback.listen(self) as answered:
                while not answered.done():
                    yield answered
                answered.result()
        form, self._answer = self._answer, None  # A code is good once.
        assert form is not None
        return (yield from self.ask(form))

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
