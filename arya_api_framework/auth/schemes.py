"""The security schemes of OpenAPI: how a client can authenticate, declared without secrets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from ..client.shapes import is_tuple
from ..errors import ConfigurationError
from ..options import strict
from ..tls import TLS
from .base import Auth
from .digest import DigestAuth
from .fixed import ApiKeyAuth, BasicAuth, KeyLocation, check_key_name

__all__ = [
    "ApiKeyScheme",
    "BasicScheme",
    "BearerScheme",
    "DigestScheme",
    "MutualTLSScheme",
    "Scheme",
]


class Scheme:
    """One way to authenticate, as a client declares it in `security_schemes`.

    Attributes:
        header: The field that it fills, `None` where it fills none.
    """

    __slots__ = ()

    header: str | None = "Authorization"

    @abstractmethod
    def make(self, name: str, value: Any) -> Auth | TLS:
        """Return what a value given to `authenticate` means.

        Args:
            name: The name of the scheme, for errors.
            value: The value; an `Auth` is taken by every scheme but mutual TLS.

        Raises:
            ConfigurationError: It is no credential of this scheme.
        """


@strict
@dataclass(frozen=True, slots=True)
class BasicScheme(Scheme):
    """User and password (`type: http`, `scheme: basic`); takes `(user, password)`."""

    @override
    def make(self, name: str, value: Any) -> Auth:
        return _of_pair(BasicAuth, name, value)


@strict
@dataclass(frozen=True, slots=True)
class DigestScheme(Scheme):
    """User and password, proved (`type: http`, `scheme: digest`); takes `(user, password)`."""

    @override
    def make(self, name: str, value: Any) -> Auth:
        return _of_pair(DigestAuth, name, value)


@strict
@dataclass(frozen=True, slots=True)
class BearerScheme(Scheme):
    """A token (`type: http`, `scheme: bearer`; `oauth2`; `openIdConnect`).

    Attributes:
        prefix: What stands before the token. A token that is given with a word before it, such as
            `"Token abc"`, is sent as it is: no bearer token holds a blank (RFC 6750 2.1).
    """

    prefix: str | None = "Bearer"

    def __post_init__(self) -> None:
        _check_prefix("a BearerScheme", self.prefix)

    @override
    def make(self, name: str, value: Any) -> Auth:
        if isinstance(value, Auth):
            return value
        what = f"the token {name!r}"
        return _SchemeToken(what, value, name="Authorization", prefix=self.prefix)


@strict
@dataclass(frozen=True, slots=True)
class ApiKeyScheme(Scheme):
    """A key (`type: apiKey`); takes text, sent after the prefix.

    Attributes:
        name: The name of the header, of the parameter or of the cookie.
        location: `"header"`, `"query"` or `"cookie"`.
        prefix: What stands before the key, with a blank; `None` for nothing.
    """

    name: str
    location: KeyLocation = "header"
    prefix: str | None = None

    def __post_init__(self) -> None:
        where: object = self.location
        if where not in ("header", "query", "cookie"):
            raise ConfigurationError(
                f"location of an ApiKeyScheme must be 'header', 'query' or 'cookie', got {where!r}"
            )
        check_key_name(self.name, self.location)
        _check_prefix("an ApiKeyScheme", self.prefix)

    @property
    @override
    def header(self) -> str | None:  # type: ignore[override]
        return self.name if self.location == "header" else None

    @override
    def make(self, name: str, value: Any) -> Auth:
        if isinstance(value, Auth):
            return value
        what = f"the key {name!r}"
        return _SchemeKey(what, value, name=self.name, location=self.location, prefix=self.prefix)


@strict
@dataclass(frozen=True, slots=True)
class MutualTLSScheme(Scheme):
    """A certificate of the client (`type: mutualTLS`).

    Takes `(cert, key)` or `(cert, key, password)`, files in PEM, or a `TLS`. Requests that need it
    have connections of their own.
    """

    header = None

    @override
    def make(self, name: str, value: Any) -> TLS:
        if isinstance(value, TLS):
            if value.cert is None and value.context is None:
                raise ConfigurationError(
                    f"{name!r} takes a TLS with a `cert`, or with a `context` that holds one"
                )
            return value
        if not is_tuple(value) or not 2 <= len(value) <= 3:
            raise ConfigurationError(
                f"{name!r} takes (cert, key), (cert, key, password) or a TLS, got "
                f"{type(value).__name__}"
            )
        cert, key, *password = value
        return TLS(cert=cert, key=key, password=password[0] if password else None)


class _SchemeKey(ApiKeyAuth):
    """A key that errors call by the name of its scheme."""

    def __init__(self, what: str, key: Any, **place: Any) -> None:
        self._what = what
        super().__init__(key, **place)


class _SchemeToken(_SchemeKey):
    """A token that may have a word before it."""

    @override
    def _text(self, key: str) -> str:
        return key if " " in key else super()._text(key)


def _of_pair(make: Callable[[Any, Any], Auth], name: str, value: Any) -> Auth:
    if isinstance(value, Auth):
        return value
    if is_tuple(value) and len(value) == 2:
        return make(*value)
    # Not the value, which may be a secret.
    raise ConfigurationError(f"{name!r} takes (user, password), got {type(value).__name__}")


def _check_prefix(what: str, prefix: object) -> None:
    if prefix is None or (isinstance(prefix, str) and prefix and prefix == prefix.strip()):
        return
    raise ConfigurationError(
        f"prefix of {what} must be None, or text without blanks at its ends, got {prefix!r}"
    )
