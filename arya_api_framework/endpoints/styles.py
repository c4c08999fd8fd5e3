"""How lists and objects are written in paths, queries and headers.

OpenAPI 3.1, "Style Values". Each item is percent-encoded by itself, so that none of them can hold
what stands between two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import quote

from ..client.encoding import as_pairs, encode_scalar
from ..client.shapes import is_mapping, is_model, is_secret
from ..client.url import Encoded, encode_value, holds_dot_segment
from ..errors import ConfigurationError

__all__ = ["fields_of", "write_cookie", "write_header", "write_path", "write_query"]

_SPACED = {"spaceDelimited": " ", "pipeDelimited": "|"}


def fields_of(what: str, value: object) -> list[tuple[str, Any]] | None:
    """Return the fields of an object, `None` for what is none.

    Those of a model that are unset are left out, as everywhere.
    """
    if is_model(value) or is_mapping(value):
        return as_pairs(what, value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields: Mapping[str, Any] = getattr(value, "__pydantic_fields__", {})
        return [
            (_alias(fields.get(one.name)) or one.name, getattr(value, one.name))
            for one in dataclasses.fields(value)
        ]
    return None


def _alias(field: Any) -> str | None:
    alias: str | None = getattr(field, "serialization_alias", None)
    return alias


def _items_of(value: object) -> list[Any] | None:
    if isinstance(value, list | tuple | set | frozenset):
        return [one for one in cast("Iterable[Any]", value) if one is not None]
    return None


def _parts_of(fields: list[tuple[str, Any]] | None, value: object) -> list[Any] | None:
    """Return names and values of an object in turn, or the items of a list."""
    if fields is None:
        return _items_of(value)
    return [part for pair in fields if pair[1] is not None for part in pair]


def write_path(name: str, value: object, style: str, explode: bool) -> Encoded:
    """Return what a value of the path is, percent-encoded.

    Args:
        name: The name that is sent.
        value: A single value, a list or an object.
        style: `"simple"`, `"label"` or `"matrix"`.
        explode: Whether the items, or fields, are written one by one.

    Raises:
        ConfigurationError: The value, or an item, is empty, holds a dot segment, or cannot be sent.
    """
    written = _write_path(name, value, style, explode)
    # What stands before and between the items could make one with them.
    if holds_dot_segment(written):
        raise ConfigurationError(
            f"path parameter {name!r} holds a dot segment in style {style!r}, which servers walk up"
        )
    parts = [value, *(_items_of(value) or ()), *(one for _, one in fields_of(name, value) or ())]
    secrets = [quote(encode_scalar(one), safe="") for one in parts if is_secret(one)]
    return Encoded(written, tuple(secrets))


def _write_path(name: str, value: object, style: str, explode: bool) -> str:
    what = f"path parameter {name!r}"
    key = quote(name, safe="")
    fields, items = fields_of(what, value), _items_of(value)
    if fields is None and items is None:
        if value is None:
            raise ConfigurationError(f"{what} is None; it needs a value")
        start = {"simple": "", "label": ".", "matrix": f";{key}="}[style]
        return start + _segment(name, value)
    between = {"simple": ",", "label": ".", "matrix": ";"}[style] if explode else ","
    if fields is not None:
        equals = "=" if explode else ","
        texts = [
            f"{_segment(name, one, between)}{equals}{_segment(name, inner, between)}"
            for one, inner in fields
            if inner is not None
        ]
    else:
        texts = [_segment(name, one, between) for one in items or ()]
        if style == "matrix" and explode:
            texts = [f"{key}={one}" for one in texts]
    if not texts:
        raise ConfigurationError(f"{what} is empty")
    start = {"simple": "", "label": ".", "matrix": ";" if explode else f";{key}="}[style]
    return start + between.join(texts)


def _segment(name: str, value: object, between: str | None = None) -> str:
    """Return a single value, percent-encoded, which does not hold what stands between two."""
    what = f"path parameter {name!r}"
    text = encode_value(name, encode_scalar(value, what))
    if between is not None and between in text:
        raise ConfigurationError(f"{what} holds {between!r}, which stands between its items")
    return text


def write_query(
    name: str, value: object, style: str | None, explode: bool | None
) -> dict[str, Any]:
    """Return the parameters of the query that a value becomes.

    Args:
        name: The name that is sent.
        value: A single value, a list or an object.
        style: `"form"`, `"spaceDelimited"`, `"pipeDelimited"` or `"deepObject"`.
        explode: Whether each item, or field, is a parameter of its own.

    Raises:
        ConfigurationError: The value does not fit the style, or an item cannot be sent.
    """
    if value is None:
        return {name: None}
    what = f"parameter {name!r}"
    fields = fields_of(what, value)
    if style == "deepObject":
        if fields is None:
            raise ConfigurationError(f"{what} must be an object, got a {type(value).__name__}")
        try:
            return dict(_deep(name, fields))
        except RecursionError as error:
            raise ConfigurationError(f"{what} is nested too deeply, or holds itself") from error
    if style not in _SPACED and explode is not False:
        return {name: value} if fields is None else dict(fields)
    items = _parts_of(fields, value)
    if items is None:
        return {name: value}
    if not items:
        return {}
    return {name: _joined(what, items, _SPACED.get(style or "form"))}


def _deep(name: str, fields: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    for key, value in fields:
        if "[" in key or "]" in key:
            raise ConfigurationError(
                f"parameter {name!r} has a field {key!r}, whose brackets would name another one"
            )
        inner = f"{name}[{key}]"
        deeper = fields_of(f"parameter {inner!r}", value)
        if deeper is None:
            yield inner, value
        else:
            yield from _deep(inner, deeper)


def _joined(what: str, items: list[Any], delimiter: str | None) -> Encoded:
    texts = [encode_scalar(one, f"an item of {what}") for one in items]
    if delimiter is not None and any(delimiter in text for text in texts):
        raise ConfigurationError(
            f"an item of {what} holds {delimiter!r}, which stands between the items"
        )
    between = "," if delimiter is None else quote(delimiter)
    try:
        return Encoded(between.join(quote(text, safe="") for text in texts))
    except UnicodeEncodeError:
        raise ConfigurationError(f"{what} is no valid text") from None


def write_header(name: str, value: object, explode: bool) -> Any:
    """Return the value of a header field: items between commas.

    Raises:
        ConfigurationError: An item could not be told apart, as it is empty, or holds a comma or a
            blank at its start or end (RFC 9110 5.6.1); or it cannot be sent.
    """
    what = f"header {name!r}"
    fields = fields_of(what, value)
    items = _parts_of(fields, value)
    if items is None:
        return value
    texts = [encode_scalar(one, f"an item of {what}") for one in items]
    if any("," in text for text in texts):
        raise ConfigurationError(f"an item of {what} holds ',', which stands between the items")
    if any(text != text.strip(" \t") for text in texts):
        raise ConfigurationError(
            f"an item of {what} holds a blank at its start or end, which servers strip"
        )
    if fields is not None and explode:
        names = texts[::2]
        if any("=" in one for one in names):
            raise ConfigurationError(f"a name in {what} holds '=', which stands behind the names")
        texts = [f"{one}={inner}" for one, inner in zip(names, texts[1::2], strict=True)]
    else:
        names = texts
    if not all(names):
        raise ConfigurationError(f"an item of {what} is empty, which servers leave out")
    return ",".join(texts) or None


def write_cookie(name: str, value: object) -> Any:
    """Return the value of a cookie: items between commas, `None` for none.

    Raises:
        ConfigurationError: An item cannot be sent.
    """
    what = f"cookie {name!r}"
    items = _parts_of(fields_of(what, value), value)
    if items is None:
        return value
    # The comma stays as it is, though RFC 6265 4.1.1 would not have it: servers split at it.
    return _joined(what, items, None) if items else None
