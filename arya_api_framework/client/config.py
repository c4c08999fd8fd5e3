"""`ClientConfig`: the configuration of a client as one frozen value, and how two are merged."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..adaptive import AdaptiveConcurrency
from ..circuit_breaker import CircuitBreaker
from ..connections import Dns, Pool
from ..credentials import CredentialPool
from ..errors import ConfigurationError
from ..events import EVENTS
from ..hedge import Hedge
from ..options import (
    Compression,
    CookiePolicy,
    Egress,
    FollowRedirects,
    Timeout,
)
from ..rate_limit.limit import RateLimit
from ..retry import Retry
from .encoding import as_pairs
from .hook_chain import NO_HOOKS, HookChain
from .mappings import (
    Values,
    own_value,
)
from .proxies import Proxy, check_socks
from .redaction import HIDDEN, SAFE_PARAMETERS, is_safe_header, redact_url
from .server_variables import variable_names
from .shapes import is_mapping
from .url import Origin

if TYPE_CHECKING:
    from pydantic import SecretStr

    from ..auth.base import Auth
    from ..auth.schemes import Scheme
    from ..events import Events
    from ..tls import TLS
    from .security import Requirements

from .checks import CHECKS, near_miss, settle_hedge

__all__ = [
    "CONNECTION_OPTIONS",
    "WITH_KEYS",
    "ClientConfig",
    "check_async_connections",
    "check_credentials",
    "check_sync_connections",
    "freeze_options",
    "given_connections",
    "merge_config",
]

EMPTY: Values = MappingProxyType({})
DEFAULT_RESPONSE_SIZE = 64 * 1024 * 1024

CONNECTION_OPTIONS = frozenset(
    "tls proxy no_proxy trust_env pool dns unix_socket socket_options local_address egress".split()
)
"""What belongs to the connections: a copy that is given one of them has a pool of its own, and a
session that was brought has its own instead."""


WITH_KEYS = (
    "calls of a client with `credentials` are not hedged: a request whose key is refused is sent "
    "with the next one, in turn; give `hedge` or `credentials`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """The class keywords of a client, merged down its bases; see `ClientOptions` for each."""

    uri: str | None = None
    server_variables: Values = field(default_factory=lambda: EMPTY)
    headers: Values = field(default_factory=lambda: EMPTY)
    cookies: Values = field(default_factory=lambda: EMPTY)
    parameters: Values = field(default_factory=lambda: EMPTY)
    error_responses: Values = field(default_factory=lambda: EMPTY)
    bearer_token: SecretStr | None = None
    auth: Auth | None = None
    security_schemes: Mapping[str, Scheme] = field(default_factory=lambda: EMPTY)
    security: Requirements | None = None
    credentials: CredentialPool | None = None
    rate_limit: float | tuple[RateLimit, ...] | None = None
    rate_limit_interval: float = 1
    circuit_breaker: CircuitBreaker | None = None
    concurrency: AdaptiveConcurrency | None = None
    timeout: Timeout = field(default_factory=Timeout)
    deadline: float | None = None
    deadline_header: str | None = None
    retry: Retry | None = field(default_factory=Retry)
    hedge: Hedge | None = None
    allow_early_response: bool = False
    follow_redirects: FollowRedirects = "safe"
    max_redirects: int = 10
    trusted_origins: frozenset[Origin] = frozenset()
    max_response_size: int = DEFAULT_RESPONSE_SIZE
    json_content_types: tuple[str, ...] | None = None
    encoding: str | None = None
    compress: Compression | None = None
    tls: TLS | None = None
    proxy: Mapping[str, Proxy | None] = field(default_factory=lambda: EMPTY)
    no_proxy: tuple[str, ...] = ()
    trust_env: bool = True
    pool: Pool = field(default_factory=Pool)
    dns: Dns = field(default_factory=Dns)
    unix_socket: str | None = None
    socket_options: tuple[tuple[int, int, int | bytes], ...] = ()
    local_address: tuple[str, int] | None = None
    egress: Egress = "any"
    cookie_policy: CookiePolicy = "strict"
    hooks: HookChain = NO_HOOKS
    events: Events | None = None
    session: Any = None
    session_factory: Callable[..., Any] | None = None
    extensions: tuple[str | tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        shown: dict[str, Any] = {}
        for spec in dataclasses.fields(self):
            value = getattr(self, spec.name)
            if spec.name == "headers":
                value = {n: v if is_safe_header(n) else HIDDEN for n, v in value.items()}
            elif spec.name == "cookies":
                value = dict.fromkeys(value, HIDDEN)
            elif spec.name == "parameters":
                value = {n: v if n in SAFE_PARAMETERS else HIDDEN for n, v in value.items()}
            elif spec.name == "uri":
                value = None if value is None else redact_url(value)
            elif spec.name in _SHOWN_BY_CLASS:
                value = None if value is None else type(value).__name__
            elif is_mapping(value):
                value = dict(value)
            shown[spec.name] = value
        return f"ClientConfig({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def merge_config(base: ClientConfig, options: Mapping[str, Any], what: str) -> ClientConfig:
    """Return `base` with options laid over it: mappings key by key, anything else replaced.

    Args:
        base: The configuration of the base class, or of the class.
        options: What is laid over it; `None` for a mapping or for `uri` gives nothing.
        what: What to call an option in an error.

    Raises:
        ConfigurationError: A name is unknown or a value can never work.
    """
    changes: dict[str, Any] = {}
    for name, value in options.items():
        check = CHECKS.get(name)
        if check is None:
            raise ConfigurationError(f"got an unknown {what} {name!r}{near_miss(name, CHECKS)}")
        if value is None and name in _NONE_GIVES_NOTHING:
            continue
        merged = check(getattr(base, name), value)
        changes[name] = MappingProxyType({**merged}) if is_mapping(merged) else merged
    settle_hedge(changes)
    if isinstance(changes.get("rate_limit"), tuple) and "rate_limit_interval" in changes:
        raise ConfigurationError(
            "rate_limit_interval belongs to a number as rate_limit; a RateLimit has its own `per`"
        )
    if "security" in changes or "security_schemes" in changes:
        _settle_security(base, changes)
    if "server_variables" in changes:
        # A class may leave the `uri` to its subclasses, an instance has the last word.
        uri = changes.get("uri", base.uri if what == "option" else None)
        _check_variable_names(uri, options["server_variables"])
    return dataclasses.replace(base, **changes) if changes else base


def check_credentials(config: ClientConfig) -> None:
    """Refuse several ways to authenticate, two credentials for one field, and keys beside `hedge`.

    Raises:
        ConfigurationError: There is one.
    """
    several = {
        "auth": config.auth,
        "bearer_token": config.bearer_token,
        "security": config.security or None,
    }
    names = [name for name, value in several.items() if value is not None]
    if len(names) > 1:
        raise ConfigurationError(
            f"{' and '.join(names)} are given together; give None for all but one of them"
        )
    pool = config.credentials
    if pool is None:
        return
    if config.hedge is not None:
        raise ConfigurationError(WITH_KEYS)
    field = pool.header.lower()
    given = [
        f"the header {n}" for n, v in config.headers.items() if v is not None and n.lower() == field
    ]
    if config.bearer_token is not None and field == "authorization":
        given.append("bearer_token")
    if config.auth is not None and field == (config.auth.header or "").lower():
        given.append("auth")
    if given:
        raise ConfigurationError(
            f"credentials and {given[0]} are both for the field {pool.header}; give None for one "
            "of them"
        )


def freeze_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return class keywords as they are now, to be merged again for every subclass.

    Raises:
        ConfigurationError: What should be a mapping is none.
    """
    frozen: dict[str, Any] = {}
    for name, value in options.items():
        kept = value
        if name in _MAPPINGS and value is not None:
            kept = own_value(as_pairs(f"`{name}`", value))
        elif name in _LISTS and isinstance(value, Iterator | list):
            kept = tuple(kept)
        elif is_mapping(value):
            kept = dict(value)
        frozen[name] = kept
    return frozen


def given_connections(config: ClientConfig) -> list[str]:
    """Return the names of the options of connections that are not as they are by default."""
    usual = ClientConfig()
    names = sorted(CONNECTION_OPTIONS - {"trust_env"})
    return [name for name in names if getattr(config, name) != getattr(usual, name)]


def check_async_connections(config: ClientConfig) -> None:
    """Refuse options of connections that contradict, or that cannot work here.

    Raises:
        ConfigurationError: They can never work.
    """
    if config.unix_socket is not None:
        other = "proxy" if config.proxy else "egress" if config.egress != "any" else None
        other = "local_address" if config.local_address is not None else other
        if other is not None:
            raise ConfigurationError(
                f"all requests go through `unix_socket`; `{other}` contradicts"
            )
        import socket

        if not hasattr(socket, "AF_UNIX"):
            raise ConfigurationError("this system has no unix sockets; leave out `unix_socket`")
    check_socks(config.proxy.values())


def check_sync_connections(config: ClientConfig) -> None:
    """Refuse what an asynchronous client would refuse, and what has to be awaited.

    Raises:
        ConfigurationError: The options can never work.
    """
    check_async_connections(config)
    callbacks = {"resolver of dns": config.dns.resolver}
    for name in EVENTS:
        callbacks[f"on_{name} of events"] = getattr(config.events, f"on_{name}", None)
    for name, callback in callbacks.items():
        if inspect.iscoroutinefunction(callback):
            raise ConfigurationError(
                f"the {name} is a coroutine function, which a synchronous client cannot wait for"
            )


def _settle_security(base: ClientConfig, changes: dict[str, Any]) -> None:
    """Check the names in `security`, which must all be declared."""
    required = changes.get("security", base.security)
    if required is not None:
        from .security import check_requirements

        schemes = changes.get("security_schemes", base.security_schemes)
        changes["security"] = check_requirements(required, schemes)


def _check_variable_names(uri: str | None, variables: Any) -> None:
    if uri is None:
        return
    known = variable_names(uri)
    for name, value in as_pairs("`server_variables`", variables):
        if value is not None and name not in known:
            raise ConfigurationError(
                f"`uri` has no server variable {name!r}{near_miss(name, known)}"
            )


_MAPPINGS = frozenset("server_variables headers cookies parameters".split())
_LISTS = frozenset(
    "trusted_origins json_content_types no_proxy socket_options hooks extensions security".split()
)
_SHOWN_BY_CLASS = frozenset("session session_factory events".split())
_NONE_GIVES_NOTHING = frozenset(
    "uri server_variables headers cookies parameters error_responses security_schemes "
    "extensions".split()
)
