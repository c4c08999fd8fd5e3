"""OAuth 2 without a person: client credentials and refresh tokens (RFC 6749)."""

from __future__ import annotations

import base64
import json
import math
import random
from abc import abstractmethod
from collections.abc import Generator, Iterable, Mapping
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal, Required, TypeAlias, cast
from urllib.parse import quote, quote_plus, urlencode

from multidict import CIMultiDict
from typing_extensions import TypedDict, Unpack, override
from yarl import URL

from ..client.redaction import clean_text, hide_secrets
from ..client.request import Request
from ..client.url import Origin
from ..errors import ConfigurationError, TokenRefreshError, TransportError
from ..options import LARGEST
from ..retry import find_wait
from .base import Step
from .secret import Secret, SecretSource
from .token import Token, TokenAuth, can_be_sent, is_own_end

if TYPE_CHECKING:
    from ..client.response import RawResponse
    from .token_store import TokenStore

__all__ = ["ClientAuth", "OAuth2", "OAuth2ClientCredentials", "OAuth2RefreshToken"]

ClientAuth: TypeAlias = Literal["basic", "post"]
"""How a client tells who it is: in the field `Authorization`, or in the form (RFC 6749 2.3.1)."""

_GRANTS = ("client_credentials", "refresh_token")
_ATTEMPTS = 3
_PASSING = (429, 500, 502, 503, 504)
_LONGEST_WAIT = 30.0
_LONGEST_ANSWER = 64 * 1024


class OAuth2Options(TypedDict, total=False):
    """The arguments of `OAuth2`, for classes that add some of their own."""

    token_url: Required[str | URL]
    client_id: Required[str]
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
        client_auth: `"basic"` or `"post"`.
        parameters: Further fields of the form, such as `audience`.
        store: Where tokens are kept; by default in memory, for this object alone.
        skew: How long before its end a token is renewed, in seconds.

    Raises:
        ConfigurationError: A value can never work.
    """

    def __init__(
        self,
        *,
        token_url: str | URL,
        client_id: str,
        client_secret: Secret | None = None,
        scopes: Iterable[str] = (),
        client_auth: ClientAuth = "basic",
        parameters: Mapping[str, str] | None = None,
        store: TokenStore | None = None,
        skew: float = 30.0,
    ) -> None:
        super().__init__(store=store, skew=skew)
        me = type(self).__name__
        self._origin, self._target = _endpoint(me, token_url)
        SecretSource(f"client_id of {me}", client_id)
        self._client_id = client_id
        self._secret = (
            None if client_secret is None else SecretSource(f"client_secret of {me}", client_secret)
        )
        way: object = client_auth
        if way not in ("basic", "post"):
            raise ConfigurationError(f"client_auth of {me} must be 'basic' or 'post', got {way!r}")
        self._client_auth = client_auth
        self._scope = " ".join((scopes,) if isinstance(scopes, str) else scopes)
        self._parameters = dict(parameters or {})

    @property
    @override
    def key(self) -> str:
        """What its tokens are for, as a hash of endpoint, client, scopes and parameters."""
        parts = [
            type(self).__qualname__,
            self._origin.prefix + self._target,
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
        secret = None if self._secret is None else self._secret.get()
        for attempt in range(1, _ATTEMPTS + 1):
            request = self._request(form, secret)
            is_last = attempt == _ATTEMPTS
            wait = random.uniform(0, 0.5 * 2**attempt)
            try:
                response: RawResponse = yield request
            except TransportError as error:
                # A refresh token may be good once, and a lost answer have held the next one.
                may_repeat = error.sent == "no" or form.get("grant_type") == "client_credentials"
                if is_last or not may_repeat or is_own_end(error):
                    raise
            else:
                asked = find_wait(response.headers)
                wait = wait if asked is None else asked
                is_passing = response.status in _PASSING and wait <= _LONGEST_WAIT
                if is_last or not is_passing:
                    sent = (*form.values(), *self._parameters.values(), secret or "")
                    secrets = [text for text in sent if len(text) > 2 and text not in _GRANTS]
                    return self._read(response, secrets)
            yield wait
        raise AssertionError("the last attempt ends the loop")  # pragma: no cover

    def _request(self, form: Mapping[str, str], secret: str | None) -> Request:
        fields = {**form, **self._parameters}
        if self._scope:
            fields.setdefault("scope", self._scope)
        headers = CIMultiDict(
            {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        )
        if secret is not None and self._client_auth == "basic":
            login = f"{quote_plus(self._client_id)}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        else:
            fields["client_id"] = self._client_id
            if secret is not None:
                fields["client_secret"] = secret
        return Request("POST", self._origin, self._target, headers, urlencode(fields).encode())

    def _read(self, response: RawResponse, secrets: list[str]) -> Token:
        content = response.content
        try:
            data: Any = json.loads(content) if len(content) <= _LONGEST_ANSWER else None
        except (ValueError, RecursionError):
            data = None
        answer = cast("dict[str, Any]", data) if isinstance(data, dict) else None
        if response.status != 200:
            told = "" if answer is None else _told(answer, secrets)
            raise self._refusal(f"answered {response.status}{told}", response.status)
        if answer is None:
            raise self._refusal("gave no JSON object of at most 64 KiB")
        return _read_token(answer, self._clock(), self._refusal)

    def _refusal(self, what: str, status: int = 0) -> TokenRefreshError:
        error = TokenRefreshError(f"the token endpoint {self._origin.prefix} {what}")
        error.refused = status in (400, 401)
        return error


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
            found = yield from self._refresh(kept)
        except TokenRefreshError as error:
            if kept == given or not error.refused:
                raise
            found = yield from self._refresh(given)
        return found

    def _refresh(self, refresh_token: str) -> Generator[Step, Any, Token]:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        token = yield from self.ask(form)
        if token.refresh_token is not None:
            return token
        return Token(
            token.access_token, token.expires_at, refresh_token, token.issued_at, token.scope
        )


def _endpoint(me: str, url: object) -> tuple[Origin, str]:
    if not isinstance(url, str | URL):
        raise ConfigurationError(f"token_url of {me} must be a URL, got {type(url).__name__}")
    try:
        given = URL(url)
        origin = Origin.of(given)
    except (ConfigurationError, ValueError):
        raise ConfigurationError(f"token_url of {me} must be an absolute http(s) URL") from None
    if given.user is not None or given.password is not None or given.raw_fragment:
        raise ConfigurationError(f"token_url of {me} must hold no login and no fragment")
    if origin.scheme != "https" and not _is_here(origin.host):
        raise ConfigurationError(
            f"token_url of {me} must be https: the secrets of the client go there (RFC 6749 3.2)"
        )
    return origin, given.raw_path_qs


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _told(answer: Mapping[str, Any], secrets: Iterable[str]) -> str:
    """Return what an error answer says, without what it was sent (RFC 6749 5.2)."""
    texts = [answer.get(name) for name in ("error", "error_description")]
    forms = {form for one in secrets for form in (one, quote_plus(one), quote(one, safe=""))}
    ordered = sorted(forms, key=len, reverse=True)
    # Hidden before it is cut: half a secret would not be known as one.
    told = [clean_text(hide_secrets(one, ordered), 200) for one in texts if isinstance(one, str)]
    return f", {': '.join(filter(None, told))}" if any(told) else ""


def _read_token(answer: Mapping[str, Any], now: float, refuse: Any) -> Token:
    """Return the token of an answer (RFC 6749 5.1)."""
    token, kind = answer.get("access_token"), answer.get("token_type", "Bearer")
    if not isinstance(token, str) or not can_be_sent(token):
        raise refuse("gave no access_token that can be sent")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise refuse("gave a token of a type that is not Bearer")
    refresh, scope = answer.get("refresh_token"), answer.get("scope")
    return Token(
        token,
        _expires_at(answer.get("expires_in"), now, refuse),
        refresh if isinstance(refresh, str) and refresh else None,
        now,
        scope if isinstance(scope, str) else None,
    )


def _expires_at(given: object, now: float, refuse: Any) -> float | None:
    if given is None:
        return None
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 20:
        given = int(given)  # Some servers write it so.
    if isinstance(given, bool) or not isinstance(given, int | float) or not given >= 0:
        raise refuse("gave an expires_in that is no number of seconds")
    # What is longer than any program runs has no end.
    return None if given > LARGEST or math.isinf(given) else now + given
