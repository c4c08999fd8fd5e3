"""Credentials that every request carries alike: Basic, Bearer, API keys."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote, unquote_plus

from typing_extensions import override

from ..client.cookie_jar import CookieText
from ..client.encoding import encode_cookies, encode_header
from ..client.redaction import SAFE_PARAMETERS, is_safe_header
from ..errors import ConfigurationError, MissingCredentials
from .base import Auth
from .secret import Secret, SecretSource

if TYPE_CHECKING:
    from ..client.request import Request

__all__ = ["ApiKeyAuth", "BasicAuth", "BearerAuth", "KeyLocation"]

KeyLocation: TypeAlias = Literal["header", "query", "cookie"]


class BasicAuth(Auth):
    """User and password with every request, as UTF-8 (RFC 7617).

    Args:
        user: The user, who may have no colon in the name.
        password: The password; empty where the user is a token that needs none.

    Raises:
        ConfigurationError: One of them can never be sent.

    Example:
        ```python
        login = BasicAuth("ann", from_env("JIRA_PASSWORD"))


        class Jira(SyncClient, uri="https://jira.test", auth=login): ...
        ```
    """

    repeatable = True

    def __init__(self, user: Secret, password: Secret) -> None:
        self._user = SecretSource("user of a BasicAuth", user, may_be_empty=True)
        self._password = SecretSource("password of a BasicAuth", password, may_be_empty=True)
        if not self._user.is_read_late:
            _check_user(self._user.get(), ConfigurationError)

    @override
    def apply(self, request: Request) -> None:
        user = self._user.get()
        _check_user(user, MissingCredentials)
        login = f"{user}:{self._password.get()}".encode()
        request.headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"


def _check_user(user: str, error: type[ConfigurationError | MissingCredentials]) -> None:
    if ":" in user:
        raise error(
            "user of a BasicAuth holds a colon, where the server would take the password to begin "
            "(RFC 7617 2)"
        )


class BearerAuth(Auth):
    """A token with every request (RFC 6750 2.1).

    `bearer_token=` is the shortcut for a token that does not change.

    Args:
        token: The token, without `Bearer`.

    Raises:
        ConfigurationError: It can never be sent.
    """

    repeatable = True

    def __init__(self, token: Secret) -> None:
        self._token = SecretSource("token of a BearerAuth", token)
        if not self._token.is_read_late:
            _bearer(self._token.get(), ConfigurationError)

    @override
    def apply(self, request: Request) -> None:
        request.headers["Authorization"] = _bearer(self._token.get(), MissingCredentials)


def _bearer(token: str, error: type[ConfigurationError | MissingCredentials]) -> str:
    if token[:7].lower() == "bearer ":
        raise error("token of a BearerAuth starts with 'Bearer ', which is added; leave it out")
    field = _field("Authorization", "token of a BearerAuth", f"Bearer {token}", error)
    if " " in token:
        raise error("token of a BearerAuth holds a blank, which no such token can (RFC 6750 2.1)")
    return field


class ApiKeyAuth(Auth):
    """A key with every request, in a header, the query or a cookie.

    Args:
        key: The key.
        name: The name of the header, of the parameter or of the cookie.
        location: `"header"`, `"query"` or `"cookie"`.
        prefix: What stands before the key, with a blank: `"Token"` for `Token abc`; `None` for
            nothing.

    Raises:
        ConfigurationError: It can never be sent, or would be shown: names that logs show, such as
            `Accept` and `page`, are none of a key.

    Example:
        ```python
        key = ApiKeyAuth(from_env("WEATHER_KEY"), name="X-Api-Key")


        class Weather(AsyncClient, uri="https://weather.test", auth=key): ...
        ```
    """

    repeatable = True
    _what = "key of an ApiKeyAuth"

    def __init__(
        self,
        key: Secret,
        *,
        name: str,
        location: KeyLocation = "header",
        prefix: str | None = None,
    ) -> None:
        where: object = location
        if where not in ("header", "query", "cookie"):
            raise ConfigurationError(
                f"location of an ApiKeyAuth must be 'header', 'query' or 'cookie', got {where!r}"
            )
        check_key_name(name, location)
        given: object = prefix
        if given is not None and (not isinstance(given, str) or given != given.strip()):
            raise ConfigurationError(
                f"prefix of an ApiKeyAuth must be text without blanks at its ends, got {given!r}"
            )
        self.name = name
        self.location: KeyLocation = location
        self.header = name if location == "header" else None
        self._prefix = f"{prefix} " if prefix else ""
        self._key = SecretSource(self._what, key)
        if not self._key.is_read_late:
            self._value(ConfigurationError)

    @override
    def apply(self, request: Request) -> None:
        value = self._value(MissingCredentials)
        if self.location == "header":
            request.headers[self.name] = value
        elif self.location == "query":
            request.target = _with_parameter(request.target, self.name, value)
        else:
            _set_cookie(request, self.name, value)

    @override
    def __repr__(self) -> str:
        return f"<ApiKeyAuth {self.name!r} in {self.location}>"

    def _text(self, key: str) -> str:
        return self._prefix + key

    def _value(self, error: type[ConfigurationError | MissingCredentials]) -> str:
        value = self._text(self._key.get())
        if self.location == "query":
            return value
        if self.location == "header":
            return _field(self.name, self._what, value, error)
        try:
            encode_cookies([(self.name, value)])
        except ConfigurationError:
            raise error(
                f"{self._what} holds what no cookie can, such as a blank or a ';'"
            ) from None
        return value


def check_key_name(name: object, location: str) -> None:
    """Refuse a name that no key can have in a place.

    Raises:
        ConfigurationError: It cannot be sent there, or its value would be shown in logs.
    """
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"name of an ApiKeyAuth must be text, not empty, got {name!r}")
    if location == "header":
        encode_header(name, "1")
        is_shown = is_safe_header(name) or name.lower() == "cookie"
    else:
        is_shown = location == "query" and name in SAFE_PARAMETERS
        if location == "cookie":
            encode_cookies([(name, "1")])
    if is_shown:
        raise ConfigurationError(
            f"name of an ApiKeyAuth must be one whose value is kept secret, got {name!r}"
        )


def _field(
    name: str, what: str, value: str, error: type[ConfigurationError | MissingCredentials]
) -> str:
    try:
        return encode_header(name, value)
    except ConfigurationError:
        raise error(
            f"{what} holds a control character, a character beyond latin-1, or a blank at its end"
        ) from None


def _with_parameter(target: str, name: str, value: str) -> str:
    """Return a target with one parameter of a name, in place of any of that name."""
    path, _, query = target.partition("?")
    kept = [
        pair for pair in query.split("&") if pair and unquote_plus(pair.partition("=")[0]) != name
    ]
    kept.append(f"{quote(name, safe='')}={quote(value, safe='')}")
    return f"{path}?{'&'.join(kept)}"


def _set_cookie(request: Request, name: str, value: str) -> None:
    """Put a cookie into a request, in place of any of its name."""
    given = request.headers.get("Cookie") or CookieText.of("")
    made = _with_cookie(given, name, value)
    if isinstance(given, CookieText):
        # For the next hop a jar changes what it gave, before the key is put in again.
        own, made = given.own, CookieText(made)
        made.own = own
    request.headers.popall("Cookie", None)
    request.headers["Cookie"] = made


def _with_cookie(text: str, name: str, value: str) -> str:
    kept = [pair for pair in text.split("; ") if pair and pair.partition("=")[0] != name]
    return "; ".join([*kept, encode_cookies([(name, value)])])
