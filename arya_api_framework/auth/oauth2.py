"""OAuth 2 without a person: client credentials and refresh tokens (RFC 6749)."""

from __future__ import annotations

import base64
import json
import random
from abc import abstractmethod
from collections.abc import Generator, Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, Required, TypeAlias
from urllib.parse import quote_plus, urlencode

from multidict import CIMultiDict
from typing_extensions import TypedDict, Unpack, override

from ..client.request import Request
from ..errors import ConfigurationError, TokenRefreshError, TransportError
from ..retry import find_wait
from .base import Step
from .secret import Secret, SecretSource
from .token import Token, TokenAuth, is_own_end
from .token_endpoint import Endpoint, find_endpoint, read_answer, read_token

if TYPE_CHECKING:
    from yarl import URL

    from ..client.response import RawResponse
    from .token_store import TokenStore

__all__ = ["ClientAuth", "OAuth2", "OAuth2ClientCredentials", "OAuth2RefreshToken"]

ClientAuth: TypeAlias = Literal["basic", "post", "jwt"]
"""How a client tells who it is: in the field `Authorization`, in the form (RFC 6749 2.3.1), or
with a signed assertion in place of a secret (RFC 7523 2.2)."""

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ATTEMPTS = 3
_PASSING = (429, 500, 502, 503, 504)
_LONGEST_WAIT = 30.0


class OAuth2Options(TypedDict, total=False):
    """The arguments of `OAuth2`, for classes that add some of their own."""

    token_url: Required[str | URL]
    client_id: Required[str | None]
    client_secret: Secret | None
    scopes: Iterable[str]
    client_auth: ClientAuth
    parameters: Mapping[str, str] | None
    store: TokenStore | None
    skew: float


class OAuth2(TokenAuth):
    """What all grants of OAuth 2 share: how a token endpoint is asked, and what it answers.

    Subclass it for a grant that is not here, and override `fetch` with the help of `ask`.

    Args:
        token_url: The token endpoint, by https or on this machine.
        client_id: The name of the client.
        client_secret: Its secret; `None` for a public client.
        scopes: What is asked for; none asks for what the server gives by default.
        client_auth: `"basic"` or `"post"`; `"jwt"` where `client_secret` is a signed assertion,
            such as `signed_jwt` makes.
        parameters: Further fields of the form, such as `audience`.
        store: Where tokens are kept; by default in memory, for this object alone.
        skew: How long before its end a token is renewed, in seconds.

    Raises:
        ConfigurationError: A value can never work.
    """

    _needs_client = True
    _unscoped: frozenset[str] = frozenset()
    """Grants that were given their scope before."""

    def __init__(
        self,
        *,
        token_url: str | URL,
        client_id: str | None,
        client_secret: Secret | None = None,
        scopes: Iterable[str] = (),
        client_auth: ClientAuth = "basic",
        parameters: Mapping[str, str] | None = None,
        store: TokenStore | None = None,
        skew: float = 30.0,
    ) -> None:
        super().__init__(store=store, skew=skew)
        me = type(self).__name__
        self._endpoint = find_endpoint(me, "token_url", "token endpoint", token_url)
        if client_id is not None or self._needs_client or client_secret is not None:
            SecretSource(f"client_id of {me}", client_id)  # type: ignore[arg-type]
        self._client_id = client_id
        self._secret = (
            None if client_secret is None else SecretSource(f"client_secret of {me}", client_secret)
        )
        way: object = client_auth
        if way not in ("basic", "post", "jwt"):
            raise ConfigurationError(
                f"client_auth of {me} must be 'basic', 'post' or 'jwt', got {way!r}"
            )
        self._client_auth = client_auth
        self._scope = " ".join((scopes,) if isinstance(scopes, str) else scopes)
        self._parameters = dict(parameters or {})

    @property
    @override
    def key(self) -> str:
        """What its tokens are for, as a hash of endpoint, client, scopes and parameters."""
        parts = [
            type(self).__qualname__,
            self._endpoint.origin.prefix + self._endpoint.target,
            self._client_id,
            self._scope,
            sorted(self._parameters.items()),
            self._subject(),
        ]
        return sha256(json.dumps(parts).encode()).hexdigest()

    def _subject(self) -> str:
        """Return for whom its tokens are, where the client does not act for itself."""
        return ""

    @abstractmethod
    @override
    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]: ...

    def ask(self, form: Mapping[str, str]) -> Generator[Step, Any, Token]:
        """Send a form to the token endpoint, and return the token of the answer.

        What may pass, such as a lost connection or a 503, is tried again twice.

        Args:
            form: The fields of the grant; scope, further parameters and the client are added.

        Raises:
            TokenRefreshError: It gives none. It names what the server says, and shows no secret.
        """
        answer = yield from self._post(self._endpoint, form)
        return read_token(answer, self._clock(), self._endpoint.refusal)

    def refresh(self, refresh_token: str) -> Generator[Step, Any, Token]:
        """Return a token for a refresh token, which it keeps if it gets no new one (RFC 6749 6).

        Raises:
            TokenRefreshError: There is none; `refused` says whether another try can help.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        token = yield from self.ask(form)
        if token.refresh_token is not None:
            return token
        return Token(
            token.access_token, token.expires_at, refresh_token, token.issued_at, token.scope
        )

    def _post(
        self, endpoint: Endpoint, form: Mapping[str, str], attempts: int = _ATTEMPTS
    ) -> Generator[Step, Any, dict[str, Any]]:
        form = {**form, **self._parameters, **form}
        # A refresh token may be good once, and a lost answer have held the next one.
        may_repeat = form.get("grant_type", "client_credentials") == "client_credentials"
        for attempt in range(1, attempts):
            wait = random.uniform(0, 0.5 * 2**attempt)
            secret = None if self._secret is None else self._secret.get()
            try:
                response: RawResponse = yield self._request(endpoint, form, secret)
            except TransportError as error:
                if is_own_end(error) or not (may_repeat or error.sent == "no"):
                    raise
            else:
                asked = find_wait(response.headers)
                wait = wait if asked is None else asked
                if response.status not in _PASSING or wait > _LONGEST_WAIT:
                    return read_answer(endpoint, response, form, secret)
            yield wait
        secret = None if self._secret is None else self._secret.get()
        response = yield self._request(endpoint, form, secret)
        return read_answer(endpoint, response, form, secret)

    def _request(self, endpoint: Endpoint, form: Mapping[str, str], secret: str | None) -> Request:
        fields = dict(form)
        if self._scope and fields.get("grant_type") not in self._unscoped:
            fields.setdefault("scope", self._scope)
        headers = CIMultiDict(
            {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        )
        if secret is not None and self._client_auth == "basic":
            login = f"{quote_plus(self._client_id or '')}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        elif self._client_id is not None:
            fields["client_id"] = self._client_id
            if secret is not None and self._client_auth == "jwt":
                fields |= {"client_assertion_type": _ASSERTION, "client_assertion": secret}
            elif secret is not None:
                fields["client_secret"] = secret
        body = urlencode(fields).encode()
        return Request("POST", endpoint.origin, endpoint.target, headers, body)


class OAuth2ClientCredentials(OAuth2):
    """A client that acts for itself (RFC 6749 4.4).

    Example:
        ```python
        login = OAuth2ClientCredentials(
            token_url="https://login.test/token",
            client_id="shop",
            client_secret=from_env("SHOP_SECRET"),
            scopes=["orders"],
        )


        class Shop(AsyncClient, uri="https://api.test", auth=login): ...
        ```
    """

    @override
    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
        return (yield from self.ask({"grant_type": "client_credentials"}))


class OAuth2RefreshToken(OAuth2):
    """A client that was given a refresh token (RFC 6749 6).

    A new refresh token that comes with an answer takes the place of the one before, in the store
    too; where that is refused, the one given here is tried once more.

    Args:
        refresh_token: The refresh token.
        options: See `OAuth2`.
    """

    def __init__(self, refresh_token: Secret, **options: Unpack[OAuth2Options]) -> None:
        super().__init__(**options)
        self._given = SecretSource(f"refresh_token of {type(self).__name__}", refresh_token)

    @override
    def _subject(self) -> str:
        return self._given.get()

    @override
    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
        given = self._given.get()
        kept = given if token is None or token.refresh_token is None else token.refresh_token
        try:
            return (yield from self.refresh(kept))
        except TokenRefreshError as error:
            if kept == given or not error.refused:
                raise
        return (yield from self.refresh(given))
