"""`ClientConfig`: the configuration of a client as one frozen value, and how two are merged."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import BaseModel, SecretStr
from yarl import URL

from ..errors import ConfigurationError, HTTPError
from ..options import FollowRedirects, ServerVariable, Timeout, check_number
from ..retry import Retry
from .encoding import as_pairs, encode_cookies, encode_header, flatten, reveal
from .redaction import HIDDEN, SAFE_PARAMETERS, is_safe_header
from .shapes import is_mapping, is_sequence, is_tuple
from .url import Origin

if TYPE_CHECKING:
    from ..tls import TLS

__all__ = ["ClientConfig", "merge_config", "near_miss"]

Values: TypeAlias = Mapping[Any, Any]
EMPTY: Values = MappingProxyType({})
DEFAULT_RESPONSE_SIZE = 64 * 1024 * 1024


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
    rate_limit: float | None = None
    rate_limit_interval: float = 1
    timeout: Timeout = field(default_factory=Timeout)
    deadline: float | None = None
    retry: Retry | None = field(default_factory=Retry)
    follow_redirects: FollowRedirects = "safe"
    max_redirects: int = 10
    trusted_origins: frozenset[Origin] = frozenset()
    max_response_size: int = DEFAULT_RESPONSE_SIZE
    json_content_types: tuple[str, ...] | None = None
    tls: TLS | None = None
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
        check = _CHECKS.get(name)
        if check is None:
            raise ConfigurationError(f"got an unknown {what} {name!r}{near_miss(name, _CHECKS)}")
        if value is None and name in _NONE_GIVES_NOTHING:
            continue
        merged = check(getattr(base, name), value)
        changes[name] = MappingProxyType({**merged}) if is_mapping(merged) else merged
    return dataclasses.replace(base, **changes) if changes else base


def near_miss(name: str, names: Iterable[str]) -> str:
    """Return `; did you mean '...'?` for the most similar name, if one is."""
    found = get_close_matches(name, list(names), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def merge_headers(base: Values, values: Any) -> dict[str, Any]:
    """Lay header fields over others; names ignore case, `None` removes, pairs may repeat a name."""
    merged = dict(base)
    names = {name.lower(): name for name in merged}
    fresh: set[str] = set()
    for name, value in as_pairs("`headers`", values):
        lower = name.lower()
        if value is None:
            encode_header(name, "")
            merged.pop(names.pop(lower, name), None)
            continue
        many: list[Any] = list(value) if is_sequence(value) else [value]
        for one in many:
            encode_header(name, one)
        if lower in fresh:
            old = merged[names[lower]]
            merged[names[lower]] = [*(old if is_sequence(old) else [old]), *many]
            continue
        merged.pop(names.get(lower, name), None)
        merged[name] = many if is_sequence(value) else value
        names[lower] = name
        fresh.add(lower)
    return merged


def merge_cookies(base: Values, values: Any) -> dict[str, Any]:
    """Lay cookies over others; `None` removes."""
    merged = dict(base)
    for name, value in as_pairs("`cookies`", values):
        merged.pop(name, None)
        if value is not None:
            encode_cookies([(name, value)])
            merged[name] = value
    return merged


def merge_parameters(base: Values, values: Any) -> dict[str, Any]:
    """Lay query parameters over others; `None` removes, pairs may repeat a name."""
    merged = dict(base)
    fresh: set[str] = set()
    for name, value in as_pairs("`parameters`", values):
        if name not in fresh:
            merged.pop(name, None)
        if value is None:
            continue
        flatten("`parameters`", [(name, value)])
        if name in fresh:
            old = merged[name]
            value = [*(old if is_sequence(old) else [old]), value]
        merged[name] = value
        fresh.add(name)
    return merged


def merge_error_responses(base: Values, values: Any) -> dict[Any, Any]:
    """Lay error responses over others; `None` removes."""
    if not is_mapping(values):
        raise ConfigurationError(
            f"`error_responses` must be a mapping, got {type(values).__name__}"
        )
    merged = dict(base)
    for key, value in values.items():
        status = _status_key(key)
        merged.pop(status, None)
        if value is None:
            continue
        _check_error_response(key, value)
        merged[status] = value
    return merged


def _check_error_response(key: Any, value: Any) -> None:
    kind: type[Any] = value if isinstance(value, type) else object
    if issubclass(kind, BaseException) and not issubclass(kind, HTTPError):
        raise ConfigurationError(
            f"error_responses[{key!r}] is {kind.__name__}, which is no HTTPError; "
            "subclass HTTPError, or give a function that makes the exception"
        )
    if issubclass(kind, BaseModel | HTTPError):
        return
    from .formats import find_format
    from .outcome import is_factory

    if not is_factory(value):
        find_format(value)


def _status_key(key: Any) -> int | str:
    if isinstance(key, HTTPStatus):
        return key.value
    if isinstance(key, str):
        text = key.strip().upper()
        if text == "DEFAULT":
            return "default"
        if len(text) == 3 and text[0] in "345" and text[1:] == "XX":
            return text
        if len(text) == 3 and text.isascii() and text.isdigit():
            key = int(text)
    if isinstance(key, int) and not isinstance(key, bool) and 300 <= key <= 599:
        return key
    raise ConfigurationError(
        f"error_responses has the key {key!r}; it takes a status (404), a range ('4XX') or 'default'"
    )


def make_timeout(base: Timeout, value: Any) -> Timeout:
    """Return the timeout that a number, `None` or a `Timeout` means."""
    if isinstance(value, Timeout):
        return value
    if value is not None:
        check_number("timeout", value, positive=True)
    return dataclasses.replace(base, total=value)


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
    if value is None or isinstance(value, Retry):
        return value
    raise ConfigurationError(f"retry must be None or a Retry, got {value!r}")


def check_deadline(_: Any, value: Any) -> float | None:
    """Return the deadline in seconds."""
    return None if value is None else check_number("deadline", value, positive=True)


def check_media_types(_: Any, value: Any) -> tuple[str, ...] | None:
    """Return the media types, in lower case."""
    if value is None:
        return None
    if isinstance(value, str) or not all(isinstance(one, str) and "/" in one for one in value):
        raise ConfigurationError(
            f"json_content_types must be media types, such as ('application/json',), got {value!r}"
        )
    return tuple(one.lower() for one in value)


def check_whole(name: str) -> Callable[[Any, Any], int]:
    """Return a check for a whole number of 0 or more."""

    def check(_: Any, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ConfigurationError(f"{name} must be a whole number of 0 or more, got {value!r}")
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
    if not isinstance(text, str) or not text:
        raise ConfigurationError(
            f"bearer_token must be text or a SecretStr, not empty, got {type(value).__name__}"
        )
    encode_header("Authorization", f"Bearer {text}")
    return SecretStr(text)


def _check_rate_limit(_: Any, value: Any) -> float | None:
    return None if value is None else check_number("rate_limit", value, positive=True)


def _check_interval(_: Any, value: Any) -> float:
    return check_number("rate_limit_interval", value, positive=True)


def _merge_variables(base: Values, value: Any) -> dict[str, ServerVariable | str]:
    merged = dict(base)
    for name, one in as_pairs("`server_variables`", value):
        if one is None:
            merged.pop(name, None)
            continue
        if isinstance(one, ServerVariable):
            merged[name] = one
            continue
        if not isinstance(one, str) or not one:
            raise ConfigurationError(
                f"server variable {name!r} must be text or a ServerVariable, got {one!r}"
            )
        if base and name not in base:
            raise ConfigurationError(f"got an unknown server variable {name!r}{near_miss(name, base)}")
        known = merged.get(name)
        allowed: Sequence[str] = known.enum if isinstance(known, ServerVariable) else ()
        if allowed and one not in allowed:
            raise ConfigurationError(
                f"server variable {name!r} must be one of {list(allowed)}, got {one!r}"
            )
        merged[name] = ServerVariable(default=one, enum=allowed)
    return merged


def _check_origins(_: Any, value: Any) -> frozenset[Origin]:
    if value is None:
        return frozenset()
    if isinstance(value, str | URL):
        raise ConfigurationError("trusted_origins must be a list of origins, got one")
    try:
        return frozenset(Origin.of(URL(one) if isinstance(one, str) else one) for one in value)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            "trusted_origins must be origins such as 'https://cdn.test'"
        ) from error


def _check_tls(_: Any, value: Any) -> Any:
    from ..tls import TLS

    if value is None or isinstance(value, TLS):
        return value
    raise ConfigurationError(f"tls must be a TLS value, got {type(value).__name__}")


def _check_factory(_: Any, value: Any) -> Any:
    if value is not None and not callable(value):
        raise ConfigurationError(f"session_factory must be callable, got {value!r}")
    return value


def _check_extensions(base: Any, value: Any) -> tuple[Any, ...]:
    if isinstance(value, str):
        raise ConfigurationError(f"extensions must be a list of names, got {value!r}")
    for one in value:
        if not isinstance(one, str) and not _is_name_and_package(one):
            raise ConfigurationError(f"an extension must be a name or (name, package), got {one!r}")
    return (*base, *(one for one in value if one not in base))


def _is_name_and_package(value: Any) -> bool:
    return is_tuple(value) and len(value) == 2 and all(isinstance(part, str) for part in value)


_CHECKS: dict[str, Callable[[Any, Any], Any]] = {
    "uri": _check_uri,
    "server_variables": _merge_variables,
    "headers": merge_headers,
    "cookies": merge_cookies,
    "parameters": merge_parameters,
    "error_responses": merge_error_responses,
    "bearer_token": _check_token,
    "rate_limit": _check_rate_limit,
    "rate_limit_interval": _check_interval,
    "timeout": make_timeout,
    "deadline": check_deadline,
    "retry": check_retry,
    "follow_redirects": check_redirects,
    "max_redirects": check_whole("max_redirects"),
    "trusted_origins": _check_origins,
    "max_response_size": check_whole("max_response_size"),
    "json_content_types": check_media_types,
    "tls": _check_tls,
    "session": lambda _, value: value,
    "session_factory": _check_factory,
    "extensions": _check_extensions,
}

_NONE_GIVES_NOTHING = frozenset(
    "uri server_variables headers cookies parameters error_responses extensions".split()
)
CLIENT_OPTIONS = frozenset(_CHECKS)
