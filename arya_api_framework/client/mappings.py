"""The mappings that configure a client, and how one is laid over another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ..errors import ConfigurationError, HTTPError
from .encoding import as_pairs, encode_cookies, encode_header, flatten
from .shapes import is_mapping, is_model, is_sequence, is_tuple

__all__ = [
    "Values",
    "merge_cookies",
    "merge_error_responses",
    "merge_headers",
    "merge_parameters",
    "own_value",
    "status_key",
]

Values: TypeAlias = Mapping[Any, Any]

AUTOMATIC = frozenset({"accept", "accept-encoding", "user-agent"})
"""The headers that are sent without being asked for."""


def merge_headers(base: Values, values: Any) -> dict[str, Any]:
    """Lay header fields over others; names ignore case, `None` removes, pairs may repeat a name."""
    merged = dict(base)
    names = {name.lower(): name for name in merged}
    fresh: set[str] = set()
    for name, value in as_pairs("`headers`", values):
        lower = name.lower()
        if lower not in fresh:
            merged.pop(names.pop(lower, name), None)
        if value is None:
            encode_header(name, "")
            if lower in AUTOMATIC:
                # Sent unless it is known to be unwanted, so that is kept.
                merged[name] = None
                names[lower] = name
            continue
        many = _as_list(value)
        for one in many:
            encode_header(name, one)
        if lower in fresh:
            old = merged[names[lower]]
            merged[names[lower]] = [*_as_list(old), *many]
            continue
        merged[name] = own_value(value)
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
            value = [*_as_list(old), *_as_list(value)]
        merged[name] = own_value(value)
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
        status = status_key(key)
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
    if issubclass(kind, HTTPError):
        return
    from .formats import find_format
    from .outcome import is_factory

    if is_factory(value):
        return
    try:
        find_format(value)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"error_responses[{key!r}] must be a type that pydantic can validate, an HTTPError "
            f"class or a function that makes the exception, got {value!r}"
        ) from error


def status_key(key: Any) -> int | str:
    """Return the key of `error_responses` as it is kept: `404`, `"4XX"` or `"default"`.

    Raises:
        ConfigurationError: It is none of these.
    """
    if isinstance(key, str):
        text = key.strip().upper()
        if text == "DEFAULT":
            return "default"
        if len(text) == 3 and text[0] in "345" and text[1:] == "XX":
            return text
        if len(text) == 3 and text.isascii() and text.isdigit():
            key = int(text)
    if isinstance(key, int) and not isinstance(key, bool) and 300 <= key <= 599:
        return int(key)  # An `http.HTTPStatus` is one too.
    raise ConfigurationError(
        f"error_responses has the key {key!r}; "
        "it takes a status (404), a range ('4XX') or 'default'"
    )


def _as_list(value: Any) -> list[Any]:
    return list(value) if is_sequence(value) else [value]


def own_value(value: Any) -> Any:
    """Return the value, or a copy of one that could be changed in place."""
    kept = value
    if is_mapping(value):
        return {key: own_value(one) for key, one in value.items()}
    if is_sequence(value):
        copies = map(own_value, value)
        return tuple(copies) if is_tuple(value) else list(copies)
    if is_model(value):
        return value.model_copy(deep=True)
    return kept.copy() if isinstance(value, set | bytearray) else value
