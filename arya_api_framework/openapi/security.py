"""How a client authenticates, as the security schemes of OpenAPI; never with what."""

# What an `Auth` was made with is private, and partly a secret; what is no secret is read here.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..auth.digest import DigestAuth
from ..auth.fixed import ApiKeyAuth, BasicAuth, BearerAuth
from ..auth.netrc import NetrcAuth
from ..auth.oauth2 import OAuth2, OAuth2ClientCredentials
from ..auth.oauth2_login import OAuth2AuthorizationCode
from ..auth.schemes import (
    ApiKeyScheme,
    BasicScheme,
    BearerScheme,
    DigestScheme,
    MutualTLSScheme,
    Scheme,
)
from ..auth.token import TokenAuth
from ..client.checks import check_auth
from ..client.redaction import redact_url
from ..client.security import check_requirements
from .docstrings import read_docstring

if TYPE_CHECKING:
    from ..auth.base import Auth
    from ..client.config import ClientConfig

__all__ = ["SecuritySchemes"]


class SecuritySchemes:
    """The security schemes of a document.

    Attributes:
        found: The schemes by name, in the order in which they were found.
        required: What a call needs that says nothing else; `None` where the client says nothing.
    """

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self.found: dict[str, dict[str, Any]] = {
            name: _of_scheme(scheme) for name, scheme in config.security_schemes.items()
        }
        self.required: list[dict[str, list[str]]] | None = None
        if config.security is not None:
            self.required = _alternatives(config.security)
        elif config.bearer_token is not None:
            self.required = [self._named("bearerAuth", _http("bearer"))]
        elif config.auth is not None:
            self.required = [self._of_auth(config.auth)]
        if config.credentials is not None:
            pool = config.credentials
            if pool.header.lower() == "authorization" and (pool.scheme or "").lower() == "bearer":
                key = self._named("bearerAuth", _http("bearer"))
            else:
                key = self._named("apiKeyAuth", _key(pool.header, "header", pool.scheme))
            self.required = [{**one, **key} for one in self.required or [{}]]

    def of_endpoint(self, options: Mapping[str, Any]) -> list[dict[str, list[str]]] | None:
        """Return what the options of an endpoint ask for, `None` where they say nothing."""
        if "auth" in options:
            given = options["auth"]
            auth = check_auth(None, given)
            return [] if auth is None else [self._of_auth(auth)]
        if "security" in options:
            schemes = self._config.security_schemes
            return _alternatives(check_requirements(options["security"] or (), schemes))
        return None

    def _of_auth(self, auth: Auth) -> dict[str, list[str]]:
        if isinstance(auth, BasicAuth | NetrcAuth):
            return self._named("basicAuth", _http("basic"))
        if isinstance(auth, DigestAuth):
            return self._named("digestAuth", _http("digest"))
        if isinstance(auth, ApiKeyAuth):
            prefix = auth._prefix.strip()
            return self._named("apiKeyAuth", _key(auth.name, auth.location, prefix or None))
        if isinstance(auth, OAuth2AuthorizationCode | OAuth2ClientCredentials):
            return self._named("oauth2", _oauth2(auth), auth._scope.split())
        scheme = _http("bearer") if isinstance(auth, BearerAuth | TokenAuth) else None
        if scheme is None:
            scheme = _key(auth.header or "Authorization", "header", None)
        if not isinstance(auth, BearerAuth):
            about = read_docstring(type(auth).__doc__).summary
            scheme["description"] = (
                f"{type(auth).__name__}: {about}" if about else (type(auth).__name__)
            )
        name = "bearerAuth" if scheme["type"] == "http" else "headerAuth"
        return self._named(name, scheme)

    def _named(
        self, name: str, scheme: dict[str, Any], scopes: list[str] | None = None
    ) -> dict[str, list[str]]:
        """Return the requirement of a scheme, which is kept under a name of its own."""
        number, free = 1, name
        while self.found.setdefault(free, scheme) != scheme:
            number += 1
            free = f"{name}{number}"
        return {free: scopes or []}


def _alternatives(required: tuple[tuple[str, ...], ...]) -> list[dict[str, list[str]]]:
    return [{name: [] for name in names} for names in required]


def _of_scheme(scheme: Scheme) -> dict[str, Any]:
    if isinstance(scheme, BasicScheme):
        return _http("basic")
    if isinstance(scheme, DigestScheme):
        return _http("digest")
    if isinstance(scheme, MutualTLSScheme):
        return {"type": "mutualTLS"}
    if isinstance(scheme, ApiKeyScheme):
        return _key(scheme.name, scheme.location, scheme.prefix)
    if isinstance(scheme, BearerScheme) and (scheme.prefix or "").lower() == "bearer":
        return _http("bearer")
    prefix = scheme.prefix if isinstance(scheme, BearerScheme) else None
    return _key(scheme.header or "Authorization", "header", prefix)


def _http(scheme: str) -> dict[str, Any]:
    return {"type": "http", "scheme": scheme}


def _key(name: str, location: str, prefix: str | None) -> dict[str, Any]:
    key = {"type": "apiKey", "name": name, "in": location}
    if prefix:
        key["description"] = f"The key stands after {prefix!r} and a blank."
    return key


def _oauth2(auth: OAuth2) -> dict[str, Any]:
    flow: dict[str, Any] = {"tokenUrl": redact_url(str(auth._endpoint.url))}
    name = "clientCredentials"
    if isinstance(auth, OAuth2AuthorizationCode):
        name = "authorizationCode"
        flow = {"authorizationUrl": redact_url(str(auth._authorization_url)), **flow}
    flow["scopes"] = dict.fromkeys(auth._scope.split(), "")
    return {"type": "oauth2", "flows": {name: flow}}
