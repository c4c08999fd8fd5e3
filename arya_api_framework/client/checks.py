"""What each option of clients and calls takes, and in which form it is kept."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, cast

from yarl import URL

from ..adaptive import AdaptiveConcurrency
from ..circuit_breaker import CircuitBreaker
from ..connections import Dns, Pool
from ..credentials import CredentialPool
from ..errors import ConfigurationError
from ..events import EVENTS
from ..hedge import Hedge
from ..hooks import Hook
from ..options import (
    Compression,
    FollowRedirects,
    ServerVariable,
    Timeout,
    check_number,
)
from ..rate_limit.limit import RateLimit, check_rate_limits
from ..retry import Retry
from .codings import check_library
from .encoding import as_pairs, encode_header, reveal
from .hook_chain import HookChain
from .json_place import is_place
from .mappings import (
    Values,
    merge_cookies,
    merge_error_responses,
    merge_headers,
    merge_parameters,
)
from .proxies import check_no_proxy, check_proxies
from .redaction import redact_url
from .response import check_encoding
from .shapes import is_bytes, is_sequence, is_tuple
from .url import Origin

if TYPE_CHECKING:
    from pydantic import SecretStr

    from ..auth.base import Auth
    from ..tls import TLS


__all__ = [
    "CHECKS",
    "check_at",
    "check_auth",
    "check_callback",
    "check_checksum",
    "check_compress",
    "check_deadline",
    "check_deadline_header",
    "check_flag",
    "check_hedge",
    "check_hooks",
    "check_media_types",
    "check_priority",
    "check_progress",
    "check_redirects",
    "check_retry",
    "check_sends_body",
    "check_whole",
    "explain_arguments",
    "make_timeout",
    "near_miss",
    "settle_hedge",
    "with_pool_wait",
]

_ELSEWHERE: dict[str, str | tuple[str, ...]] = {
    "allow_redirects": "follow_redirects",
    "base_url": "uri",
    "ca": "tls=TLS(ca=...)",
    "cert": "tls=TLS(cert=..., key=...)",
    "content": "data",
    "json": "body",
    "max_retries": "retry",
    "params": "parameters",
    "path": "relative_path",
    "event_hooks": "hooks",
    "limits": "pool",
    "limit": "pool=Pool(total=...)",
    "limit_per_host": "pool=Pool(per_host=...)",
    "max_connections": "pool=Pool(total=...)",
    "pool_connections": "pool=Pool(total=...)",
    "pool_maxsize": "pool=Pool(total=...)",
    "keepalive_timeout": "pool=Pool(keepalive=...)",
    "ttl_dns_cache": "dns=Dns(ttl=...)",
    "ca_bundle": "tls=TLS(ca=...)",
    "client_cert": "tls=TLS(cert=..., key=...)",
    "cookie_jar": "cookie_policy",
    "connector": "session_factory",
    "mounts": "session_factory",
    "transport": "session_factory",
    "local_addr": "local_address",
    "proxies": "proxy",
    "resolver": "dns=Dns(resolver=...)",
    "source_address": "local_address",
    "trace_configs": "events",
    "uds": "unix_socket",
    "query": "parameters",
    "ssl": "tls=TLS(...)",
    "token": "bearer_token",
    "url": "uri",
    "verify": "tls=TLS(...)",
    "concurrency": ("connections", "ahead"),
    "dest": "to",
    "exist_ok": "overwrite",
    "filename": "to",
    "finished": "done",
    "max_workers": ("concurrency", "connections", "ahead"),
    "page_size": ("size", "limit"),
    "return_exceptions": "on_error='collect'",
}
"""What other libraries call an option, and what it is called here: of several names, the first that
there is."""

_A_TIME = 5e8
"""More seconds than any call has: what `time.time()` says is three times as much."""


def near_miss(name: str, names: Iterable[str]) -> str:
    """Return `; did you mean '...'?` for the name that was probably meant, if there is one."""
    from difflib import get_close_matches

    names = list(names)
    known = _ELSEWHERE.get(name, ())
    for here in (known,) if isinstance(known, str) else known:
        if here.partition("=")[0] in names:
            return f"; did you mean {here!r}?"
    found = get_close_matches(name, names, n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def explain_arguments(
    kind: type[Any], make: Any, values: tuple[Any, ...], named: Mapping[str, Any]
) -> None:
    """Raise an error that helps, where arguments do not fit what makes a value.

    Raises:
        ConfigurationError: They do not.
    """
    import inspect

    signature = inspect.signature(make)
    taken = [name for name in signature.parameters if name != "self"]
    takes = f"; it takes {', '.join(taken)}"
    unknown = next((name for name in named if name not in taken), None)
    if unknown is not None:
        hint = near_miss(unknown, taken) or takes
        text = f"{kind.__name__} got an unknown argument {unknown!r}{hint}"
        raise ConfigurationError(text) from None
    try:
        signature.bind(None, *values, **named)
    except TypeError as reason:
        raise ConfigurationError(f"{kind.__name__}: {reason}{takes}") from None


def make_timeout(base: Timeout, value: Any) -> Timeout:
    """Return the timeout that a number, `None` or a `Timeout` means."""
    if isinstance(value, Timeout):
        return value
    if is_sequence(value):
        raise ConfigurationError(
            f"timeout must be seconds, or Timeout(connect=..., read=...), got {value!r}"
        )
    if value is not None:
        check_number("timeout", value)
    return dataclasses.replace(base, total=value)


def with_pool_wait(timeout: Timeout, wait: float | None) -> Timeout:
    """Return a timeout with `Pool.wait`, unless it says how long to wait for a connection."""
    if wait is None or timeout.pool is not None:
        return timeout
    return dataclasses.replace(timeout, pool=wait)


def check_redirects(_: Any, value: Any) -> FollowRedirects:
    """Return the redirect policy, `True` as `"safe"`."""
    if value is True:
        return "safe"
    if value is False or value in ("safe", "same-origin"):
        return value  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"follow_redirects must be 'safe', 'same-origin', True or False, got {value!r}"
    )


def check_retry(_: Any, value: Any) -> Retry | None:
    """Return the retry policy."""
    if isinstance(value, Retry):
        encode_header(value.idempotency_header, "1")
    if value is None or isinstance(value, Retry):
        return value
    raise ConfigurationError(
        f"retry must be None or a Retry, such as Retry(attempts=3), got {value!r}"
    )


def check_hedge(_: Any, value: Any) -> Hedge | None:
    """Return when a second request is sent beside a slow one."""
    if value is None or isinstance(value, Hedge):
        return value
    raise ConfigurationError(
        f"hedge must be None or a Hedge, such as Hedge(after=0.2), got {value!r}"
    )


def settle_hedge(changes: dict[str, Any]) -> None:
    """Let a `retry`, and `retry=None` too, take the place of a `hedge` that was given before.

    Raises:
        ConfigurationError: Both are given together.
    """
    if "retry" not in changes:
        return
    if changes.get("hedge") is not None:
        if changes["retry"] is None:
            return
        raise ConfigurationError(
            "a call is sent again after a failure or hedged while it is slow, never both; give "
            "`retry` or `hedge`"
        )
    changes["hedge"] = None


def check_checksum(value: Any) -> Any:
    """Return the digests that `checksum` of a call asks for.

    Raises:
        ConfigurationError: It asks for none that there is.
    """
    from .checksums import as_checksums

    return as_checksums(value)


def check_compress(_: Any, value: Any) -> Compression | None:
    """Return the content coding of uploads."""
    if value is None or value in ("gzip", "deflate"):
        return value  # type: ignore[no-any-return]
    if value in ("br", "zstd"):
        check_library(value)
        return value  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"compress must be None, 'gzip', 'deflate', 'br' or 'zstd', got {value!r}"
    )


def check_hooks(base: HookChain, value: Any) -> HookChain:
    """Return the hooks with others added; `None` adds none."""
    given = _as_list("hooks", value) if value is not None else ()
    for one in given:
        if not isinstance(one, Hook):
            shown = one.__name__ if isinstance(one, type) else type(one).__name__
            raise ConfigurationError(f"hooks must hold objects of a subclass of Hook, got {shown}")
    return HookChain((*base, *given))


def check_deadline(_: Any, value: Any) -> float | None:
    """Return the deadline in seconds."""
    if value is None:
        return None
    seconds = check_number("deadline", value)
    if seconds > _A_TIME:
        raise ConfigurationError(f"deadline is seconds from now, not a time, got {value!r}")
    return seconds


def check_deadline_header(_: Any, value: Any) -> str | None:
    """Return the name of the field that tells the server how much time is left."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigurationError(f"deadline_header must be the name of a header, got {value!r}")
    try:
        encode_header(value, "1")
    except ConfigurationError as error:
        raise ConfigurationError(f"deadline_header cannot be {value!r}: {error}") from error
    return value


def check_media_types(_: Any, value: Any) -> tuple[str, ...] | None:
    """Return the media types, in lower case."""
    if value is None:
        return None
    given = _as_list("json_content_types", value)
    if not all(isinstance(one, str) and "/" in one for one in given):
        raise ConfigurationError(
            "json_content_types must be media types, such as ('application/json',), "
            f"got {list(given)!r}"
        )
    return tuple(one.lower() for one in given)


def check_progress(value: Any) -> bool | str | None:
    """Return what `progress` of a call is, if it can be.

    Raises:
        ConfigurationError: It is neither a description nor `True` or `False`.
    """
    if value is None or isinstance(value, bool | str):
        return value
    raise ConfigurationError(f"progress must be True, False or a description, got {value!r}")


def check_sends_body(options: Mapping[str, Any], instead: str) -> None:
    """Refuse to tell how much of a body is sent where there is none.

    Args:
        options: Those of a call.
        instead: What to use in place of it.

    Raises:
        ConfigurationError: `progress` or `on_progress` is there, and no body.
    """
    if not options.keys().isdisjoint(("body", "data", "files")):
        return
    for name in ("progress", "on_progress"):
        if options.get(name):
            raise ConfigurationError(
                f"{name!r} tells how much of a body is sent, and nothing is sent here; {instead}"
            )


def check_callback(name: str, value: Any) -> Callable[..., Any] | None:
    """Return a function of the user's that is called on the way, `None` where there is none.

    Args:
        name: What to call it in an error.
        value: What was given.

    Raises:
        ConfigurationError: It is no function, or one whose result would have to be awaited.
    """
    if value is None:
        return None
    if not callable(value):
        raise ConfigurationError(f"{name} must be a function, got {value!r}")
    kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    if any(is_one(part) for part in (value, type(value).__call__) for is_one in kinds):
        raise ConfigurationError(f"{name} must be a plain function, not one with `async def`")
    function: Callable[..., Any] = value
    return function


def check_priority(_: Any, value: Any) -> int:
    """Return the priority of a call."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"priority must be a whole number, got {value!r}")
    return value


def _as_list(name: str, value: Any) -> tuple[Any, ...]:
    given: Any = value
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{name} must be a list, got {given!r} alone")
    return tuple(given)


def check_at(value: Any) -> str | None:
    """Return where a list stands in JSON: a name, or names joined by dots.

    Raises:
        ConfigurationError: It is none of these.
    """
    if value is not None and not is_place(value):
        raise ConfigurationError(f"at must be a name, or names joined by dots, got {value!r}")
    place: str | None = value
    return place


def check_whole(name: str, least: int = 0) -> Callable[[Any, Any], int]:
    """Return a check for a whole number of `least` or more."""

    def check(_: Any, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigurationError(
                f"{name} must be a whole number of {least} or more, got {value!r}"
            )
        return value

    return check


def _check_uri(_: Any, value: Any) -> str:
    if not isinstance(value, str | URL):
        raise ConfigurationError(f"`uri` must be text or a URL, got {value!r}")
    return str(value)


def _check_token(_: Any, value: Any) -> SecretStr | None:
    if value is None:
        return None
    text = reveal(value)
    if not isinstance(text, str):
        raise ConfigurationError(
            f"bearer_token must be text or a SecretStr, got {type(value).__name__}"
        )
    if not text:
        raise ConfigurationError("bearer_token is empty; give None for no token")
    if text[:7].lower() == "bearer ":
        raise ConfigurationError("bearer_token starts with 'Bearer ', which is added; leave it out")
    try:
        encode_header("Authorization", f"Bearer {text}")
    except ConfigurationError as error:
        raise ConfigurationError(
            "bearer_token holds a control character, a character beyond latin-1, or a blank at "
            "its end"
        ) from error
    if " " in text:
        raise ConfigurationError("bearer_token holds a blank, which no such token can")
    from pydantic import SecretStr

    return SecretStr(text)


def check_auth(_: Any, value: Any) -> Auth | None:
    """Return what `auth` means: an `Auth`, or a pair of user and password for Basic.

    Raises:
        ConfigurationError: It is none of these.
    """
    if value is None:
        return None
    from ..auth.base import Auth

    if isinstance(value, Auth):
        methods = (value.apply, value.flow)
        if any(
            inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one) for one in methods
        ):
            raise ConfigurationError(
                f"apply and flow of {type(value).__name__} serve clients of both kinds and must be "
                "written with `def`; a flow yields what is to be sent or waited for"
            )
        return value
    if is_tuple(value) and len(value) == 2:
        from ..auth.fixed import BasicAuth

        user, password = value
        return BasicAuth(user, password)
    given: object = value
    if isinstance(given, list):
        raise ConfigurationError(
            "`auth` must be an Auth or a pair, got a list; write user and password as a tuple, "
            "(user, password), and declare what holds together in `security`"
        )
    # Not the value, which may be a secret.
    got = f"{type(given).__module__}.{type(given).__qualname__}"
    if isinstance(given, type):
        got = f"the class {given.__name__}"
    raise ConfigurationError(
        "`auth` must be an Auth, such as BasicAuth(user, password), or a pair of user and "
        f"password, got {got}"
    )


def _merge_schemes(base: Values, values: Any) -> Values:
    from ..auth.schemes import Scheme

    merged = dict(base)
    for name, scheme in as_pairs("`security_schemes`", values):
        if scheme is not None and not isinstance(scheme, Scheme):
            # Not the value, which may be a secret.
            raise ConfigurationError(
                f"security_schemes[{name!r}] must be a scheme, such as BearerScheme(), got "
                f"{type(scheme).__name__}; secrets are given to `authenticate`"
            )
        merged.pop(name, None)
        if scheme is not None:
            merged[name] = scheme
    return merged


def _check_rate_limit(_: Any, value: Any) -> float | tuple[RateLimit, ...] | None:
    if value is None:
        return None
    if isinstance(value, RateLimit) or is_sequence(value):
        return check_rate_limits(value)
    return check_number("rate_limit", value)


def _check_interval(_: Any, value: Any) -> float:
    return check_number("rate_limit_interval", value)


def _merge_variables(base: Values, value: Any) -> dict[str, ServerVariable]:
    merged = dict(base)
    for name, one in as_pairs("`server_variables`", value):
        if one is None:
            merged.pop(name, None)
        elif isinstance(one, ServerVariable):
            merged[name] = one
        else:
            known = merged.get(name, ServerVariable())
            known.check(one, f"server variable {name!r}")
            merged[name] = dataclasses.replace(known, default=one)
    return merged


def _check_origins(_: Any, value: Any) -> frozenset[Origin]:
    origins: set[Origin] = set()
    for one in _as_list("trusted_origins", value if value is not None else ()):
        try:
            url = URL(one) if isinstance(one, str) else one
            origins.add(Origin.of(url))
            if url.path not in ("", "/") or "?" in str(one):
                raise ValueError("an origin has no path")
        except (ValueError, TypeError, AttributeError) as error:
            shown = redact_url(str(one))
            raise ConfigurationError(
                f"trusted_origins must be origins such as 'https://cdn.test', got {shown!r}"
            ) from error
    return frozenset(origins)


def _check_tls(_: Any, value: Any) -> TLS | None:
    if value is None:
        return None
    from ..tls import TLS, InsecureTLSWarning

    if not isinstance(value, TLS):
        raise ConfigurationError(
            f"tls must be a TLS value, such as TLS(ca='ca.pem'), got {type(value).__name__}"
        )
    if not value.verifies:
        warnings.warn(
            "a client does not verify certificates: anyone on the way can read and change "
            "everything",
            InsecureTLSWarning,
            stacklevel=_depth_of_caller(),
        )
    return value


def _depth_of_caller() -> int:
    """Return the `stacklevel` of the line outside of this package that got us here."""
    depth, frame = 0, inspect.currentframe()
    package = __name__.partition(".")[0]
    while frame is not None and frame.f_globals.get("__name__", "").startswith(f"{package}."):
        depth, frame = depth + 1, frame.f_back
    return depth


def check_flag(name: str) -> Callable[[Any, Any], bool]:
    """Return a check for `True` or `False`."""

    def check(_: Any, value: Any) -> bool:
        if value is not True and value is not False:
            raise ConfigurationError(f"{name} must be True or False, got {value!r}")
        return value

    return check


def _check_choice(name: str, *allowed: str) -> Callable[[Any, Any], Any]:
    def check(_: Any, value: Any) -> Any:
        if not isinstance(value, str) or value not in allowed:
            raise ConfigurationError(f"{name} must be one of {list(allowed)}, got {value!r}")
        return value

    return check


def _check_optional(name: str, kind: type[Any], hint: str = "") -> Callable[[Any, Any], Any]:
    article = "an" if kind.__name__[0] in "AEIO" else "a"

    def check(_: Any, value: Any) -> Any:
        if value is None or isinstance(value, kind):
            return value
        # Not the value, which may be a secret.
        raise ConfigurationError(
            f"{name} must be None or {article} {kind.__name__}{hint}, got {type(value).__name__}"
        )

    return check


def _check_kind(name: str, kind: type[Any], example: str) -> Callable[[Any, Any], Any]:
    def check(_: Any, value: Any) -> Any:
        if value is None:
            return kind()
        if not isinstance(value, kind):
            raise ConfigurationError(
                f"{name} must be a {kind.__name__} value, such as {example}, got "
                f"{type(value).__name__}"
            )
        return value

    return check


def _check_unix_socket(_: Any, value: Any) -> str | None:
    if value is None:
        return None
    path = fspath(cast("PathLike[str]", value)) if isinstance(value, str | PathLike) else ""
    if not path or "\0" in path[1:]:
        raise ConfigurationError(f"unix_socket must be the path of a socket, got {value!r}")
    return path


def _check_socket_options(_: Any, value: Any) -> tuple[tuple[int, int, int | bytes], ...]:
    options = _as_list("socket_options", value) if value is not None else ()
    for one in options:
        if not (
            is_sequence(one)
            and len(one) == 3
            and all(isinstance(part, int) for part in one[:2])
            and (isinstance(one[2], int) or is_bytes(one[2]))
        ):
            raise ConfigurationError(
                "socket_options must hold (level, name, value) as setsockopt takes them, such as "
                f"(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), got {one!r}"
            )
    return tuple(tuple(one) for one in options)


def _check_local_address(_: Any, value: Any) -> tuple[str, int] | None:
    if value is None:
        return None
    pair = (value, 0) if isinstance(value, str) else value
    host, port = pair if is_tuple(pair) and len(pair) == 2 else ("", 0)
    try:
        ip_address(host)
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise ValueError("no port")
    except ValueError as error:
        raise ConfigurationError(
            f"local_address must be an IP address or (address, port), got {value!r}"
        ) from error
    return host, port


def _check_events(_: Any, value: Any) -> Any:
    if value is not None and (
        isinstance(value, type)
        or not any(callable(getattr(value, f"on_{name}", None)) for name in EVENTS)
    ):
        raise ConfigurationError(
            "events must be an object with methods such as on_request_start, as Events has them, "
            f"got {value!r}"
        )
    return value


def _check_factory(_: Any, value: Any) -> Any:
    if value is not None and not callable(value):
        raise ConfigurationError(f"session_factory must be callable, got {type(value).__name__}")
    return value


def _check_extensions(base: Any, value: Any) -> tuple[Any, ...]:
    given = _as_list("extensions", value)
    for one in given:
        if not isinstance(one, str) and not _is_name_and_package(one):
            raise ConfigurationError(f"an extension must be a name or (name, package), got {one!r}")
    return tuple(dict.fromkeys((*base, *given)))


def _is_name_and_package(value: Any) -> bool:
    return is_tuple(value) and len(value) == 2 and all(isinstance(part, str) for part in value)


CHECKS: dict[str, Callable[[Any, Any], Any]] = {
    "uri": _check_uri,
    "server_variables": _merge_variables,
    "headers": merge_headers,
    "cookies": merge_cookies,
    "parameters": merge_parameters,
    "error_responses": merge_error_responses,
    "bearer_token": _check_token,
    "auth": check_auth,
    "security_schemes": _merge_schemes,
    "security": lambda _, value: value,  # Names are checked when all schemes are known.
    "credentials": _check_optional("credentials", CredentialPool),
    "rate_limit": _check_rate_limit,
    "rate_limit_interval": _check_interval,
    "circuit_breaker": _check_optional(
        "circuit_breaker", CircuitBreaker, ", such as CircuitBreaker(open_for=30)"
    ),
    "concurrency": _check_optional(
        "concurrency", AdaptiveConcurrency, " (`Pool(total=...)` is a fixed limit)"
    ),
    "timeout": make_timeout,
    "deadline": check_deadline,
    "deadline_header": check_deadline_header,
    "retry": check_retry,
    "hedge": check_hedge,
    "allow_early_response": check_flag("allow_early_response"),
    "follow_redirects": check_redirects,
    "max_redirects": check_whole("max_redirects"),
    "trusted_origins": _check_origins,
    "max_response_size": check_whole("max_response_size"),
    "json_content_types": check_media_types,
    "encoding": check_encoding,
    "compress": check_compress,
    "tls": _check_tls,
    "proxy": lambda _, value: check_proxies(value),
    "no_proxy": lambda _, value: check_no_proxy(value),
    "trust_env": check_flag("trust_env"),
    "pool": _check_kind("pool", Pool, "Pool(total=10)"),
    "dns": _check_kind("dns", Dns, "Dns(ttl=60)"),
    "unix_socket": _check_unix_socket,
    "socket_options": _check_socket_options,
    "local_address": _check_local_address,
    "egress": _check_choice("egress", "any", "public"),
    "cookie_policy": _check_choice("cookie_policy", "strict", "any", "off"),
    "hooks": check_hooks,
    "events": _check_events,
    "session": lambda _, value: value,
    "session_factory": _check_factory,
    "extensions": _check_extensions,
}
