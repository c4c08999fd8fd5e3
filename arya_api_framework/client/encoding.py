"""Values to text and bytes: headers, cookies, queries, forms and JSON."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterable, Iterable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import quote, quote_plus

from pydantic_core import (
    PydanticSerializationError,
    SchemaSerializer,
    from_json,
    to_jsonable_python,
)

from ..errors import ConfigurationError
from .hints import SyncHint
from .shapes import is_bytes, is_form, is_iterable, is_mapping, is_model, is_secret, is_sequence
from .url import Encoded

if TYPE_CHECKING:
    import pydantic

__all__ = [
    "as_pairs",
    "encode_cookies",
    "encode_form",
    "encode_header",
    "encode_json",
    "encode_query",
    "encode_scalar",
    "flatten",
    "reveal",
]

Pairs: TypeAlias = list[tuple[str, Any]]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(
    r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?"
)
_COOKIE_VALUE = re.compile(
    r'[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*|"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*"'
)

OUR_HEADERS = frozenset(
    "host content-length transfer-encoding connection te trailer upgrade expect keep-alive "
    "proxy-connection proxy-authorization".split()
)
"""Framing of the connection, which is the transport's to say (RFC 9110 7.6.1)."""

_NAMES_ONLY = frozenset({str})
_RESERVED = "*:/?@!$'(),;"
_NO_JSON = (PathLike, AsyncIterable)
_SECRET_SHOWN = b"**********"
_INF_NAN = "ser_json_inf_nan"


def reveal(value: object) -> object:
    """Return the value of a pydantic secret, anything else as it is."""
    if is_secret(value):
        return cast("object", value.get_secret_value())
    return value


def as_pairs(what: str, values: object) -> Pairs:
    """Return a mapping, model or list of pairs as pairs; models without their unset fields.

    Raises:
        ConfigurationError: It is none of these.
    """
    given: Any = values
    if given.__class__ is dict and _NAMES_ONLY.issuperset(map(type, given)):
        return list(given.items())
    given = _dump(what, values) if is_model(values) else values
    if is_mapping(given):
        pairs: Iterable[Any] = given.items()
    elif is_iterable(given) and not isinstance(given, str | bytes):
        pairs = given
    else:
        raise ConfigurationError(
            f"{what} must be a mapping, a model or a list of pairs, got {type(values).__name__}"
        )
    result: Pairs = []
    for pair in pairs:
        if not is_sequence(pair) or len(pair) != 2:
            raise ConfigurationError(
                f"{what} must be a list of pairs, got {type(pair).__name__} in it"
            )
        name, value = pair
        name = name.value if isinstance(name, Enum) else name
        if not isinstance(name, str):
            raise ConfigurationError(f"the names of {what} must be text, got {name!r}")
        result.append((name, value))
    return result


def _dump(what: str, model: pydantic.BaseModel) -> Any:
    try:
        return model.model_dump(by_alias=True, exclude_unset=True, warnings="none")
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{what} holds a {type(model).__name__} that does not serialise"
        ) from error


def encode_scalar(value: Any, what: str = "a value") -> str:
    """Return one value as text: `true`, ISO 8601 dates, the value of an enum or a secret.

    Raises:
        ConfigurationError: It is no single value, or a number that is not finite.
    """
    value = reveal(value.value if isinstance(value, Enum) else value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        try:
            return int.__repr__(value)
        except ValueError as error:
            raise ConfigurationError(f"{what} is a number of too many digits") from error
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ConfigurationError(f"{what} is {value!r}, which cannot be sent")
        return float.__repr__(value)
    if isinstance(value, Decimal) and not value.is_finite():
        raise ConfigurationError(f"{what} is {value!r}, which cannot be sent")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{what} holds bytes that are no UTF-8 text") from error
    try:
        plain = to_jsonable_python(value)
    except (PydanticSerializationError, ValueError) as error:
        raise ConfigurationError(
            f"{what} is a {type(value).__name__}, which cannot be sent"
        ) from error
    if not isinstance(plain, str | int | float):
        raise ConfigurationError(f"{what} is a {type(value).__name__}, but must be a single value")
    return encode_scalar(plain, what)


def flatten(what: str, values: object) -> list[tuple[str, str | None]]:
    """Return parameters as flat pairs: nested names joined by a dot, lists as repeated names.

    `None` stays, for the caller to read as "leave out" or "remove".

    Raises:
        ConfigurationError: A value cannot be sent.
    """
    try:
        return [
            (name, None if value is None else encode_scalar(value, f"{name!r} of {what}"))
            for name, value in _flat(what, as_pairs(what, values))
        ]
    except RecursionError as error:
        raise ConfigurationError(f"{what} is nested too deeply, or holds itself") from error


def _flat(what: str, pairs: Pairs, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in pairs:
        name = prefix + key
        if is_model(value):
            value = _dump(what, value)
        if is_mapping(value):
            yield from _flat(what, as_pairs(what, value), name + ".")
        elif isinstance(value, list | tuple | set | frozenset):
            items = cast("Iterable[Any]", value)
            yield from ((name, item) for item in items if item is not None)
        else:
            yield name, value


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a query, everything but unreserved characters percent-encoded (RFC 3986 2.3)."""
    try:
        return "&".join(
            f"{quote(name, safe='')}="
            f"{value if isinstance(value, Encoded) else quote(value, safe='')}"
            for name, value in pairs
        )
    except UnicodeEncodeError:
        raise ConfigurationError("a parameter is no valid text") from None


def encode_form(fields: Iterable[tuple[str, str | bytes, bool]]) -> bytes:
    """Return an `application/x-www-form-urlencoded` body (WHATWG URL 5.2).

    Args:
        fields: The name of each field, its value, and whether reserved characters in the value stay
            as they are, other than those that could end it.
    """
    try:
        text = "&".join(
            f"{quote_plus(name, safe='*')}={quote_plus(value, safe=_RESERVED if plain else '*')}"
            for name, value, plain in fields
        )
    except UnicodeEncodeError:
        raise ConfigurationError("a form field is no valid text") from None
    return text.replace("~", "%7E").encode("ascii")


is_field_value = _FIELD_VALUE.fullmatch
"""Tell whether text can be the value of a header field (RFC 9110 5.5)."""


def encode_header(name: str, value: Any) -> str:
    """Return the text of a header value, safe to be sent.

    Raises:
        ConfigurationError: The name is no token, is one of the transport's own, or the value holds
            what a field cannot (RFC 9110 5.5). The text does not show the value.
    """
    if not _TOKEN.fullmatch(name):
        raise ConfigurationError(f"header name {name!r} is no token (RFC 9110 5.6.2)")
    if name.lower() == "proxy-authorization":
        raise ConfigurationError(
            "Proxy-Authorization is for the proxy alone; give its credentials in the URL of `proxy`"
        )
    if name.lower() in OUR_HEADERS:
        raise ConfigurationError(f"header {name!r} is set by the transport and cannot be given")
    if isinstance(value, datetime):
        value = format_http_date(value)
    elif isinstance(value, bytes):
        try:
            value = value.decode()  # What is sent is UTF-8, and so the bytes that were given.
        except UnicodeDecodeError:
            raise ConfigurationError(f"the bytes of header {name!r} are no UTF-8 text") from None
    text = encode_scalar(value, f"header {name!r}")
    if not _FIELD_VALUE.fullmatch(text):
        raise ConfigurationError(
            f"the value of header {name!r} holds a control character, a character beyond latin-1, "
            "or a blank at its start or end"
        )
    return text


def format_http_date(moment: datetime) -> str:
    """Return a moment as an HTTP date (RFC 9110 5.6.7); naive ones are taken as local time."""
    from email.utils import format_datetime

    try:
        return format_datetime(moment.astimezone(UTC), usegmt=True)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(f"an HTTP date cannot hold {moment!r}") from error


def encode_cookies(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return the value of a Cookie header.

    Raises:
        ConfigurationError: A name is no token or a value holds what no cookie can (RFC 6265 4.1.1).
    """
    parts: list[str] = []
    for name, value in pairs:
        text = encode_scalar(value, f"cookie {name!r}")
        if not _TOKEN.fullmatch(name):
            raise ConfigurationError(f"cookie name {name!r} is no token (RFC 6265 4.1.1)")
        if not isinstance(text, Encoded) and not _COOKIE_VALUE.fullmatch(text):
            raise ConfigurationError(
                f"the value of cookie {name!r} holds a character no cookie can; percent-encode it"
            )
        parts.append(f"{name}={text}")
    return "; ".join(parts)


def encode_json(value: Any, what: str = "`body`") -> bytes:
    """Return a value as JSON: aliases used, unset fields left out, secrets as their values.

    Raises:
        ConfigurationError: Pydantic cannot serialise it, or JSON has no number for a float in it.
    """
    if is_bytes(value):
        raise ConfigurationError(f"{what} is bytes; {what} is made JSON, give bytes as `data`")
    given: object = value
    kind = type(given).__name__
    # The name goes first: it is there already.
    is_no_body = kind == "Form" and is_form(given)
    is_stream = isinstance(given, _NO_JSON) and not isinstance(given, SyncHint)
    if is_no_body or is_stream or hasattr(value, "read"):
        raise ConfigurationError(
            f"{what} is made JSON, which a {kind} is not; give forms, files and iterators as `data`"
        )
    try:
        if hasattr(value, "__next__"):
            value = list(value)  # It can be read once, and secrets in it take a second time.
        content = _any().to_json(value, by_alias=True, exclude_unset=True, warnings="none")
        if _SECRET_SHOWN in content:
            content = _any().to_json(_with_secrets(value, content))
        is_told = is_model(value) and _INF_NAN in value.model_config
        if b"NaN" in content or b"Infinity" in content:
            from_json(content, allow_inf_nan=False)
            if not is_told:
                _refuse_infinite(_plain(value), Decimal)  # It is text in JSON.
        if b"null" in content and not is_told:
            # Models write `null` for what JSON has no number for, unless they are told otherwise.
            _refuse_infinite(_plain(value), float)
    except ConfigurationError:
        raise
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(
            f"{what}, of type {type(value).__name__}, does not serialise as JSON: "
            f"{type(error).__name__}"
        ) from error
    return content


def _refuse_infinite(value: Any, kind: type[float | Decimal]) -> None:
    if isinstance(value, kind) and not math.isfinite(value):
        raise ValueError("JSON has no such number")
    if is_mapping(value):
        for one in value.values():
            _refuse_infinite(one, kind)
    elif is_sequence(value) or isinstance(value, set | frozenset):
        for one in cast("Iterable[Any]", value):
            _refuse_infinite(one, kind)


@cache
def _any() -> SchemaSerializer:
    return SchemaSerializer({"type": "any"}, {"ser_json_inf_nan": "constants"})


def _plain(value: Any) -> Any:
    return _any().to_python(value, by_alias=True, exclude_unset=True, warnings="none")


def _with_secrets(value: Any, content: bytes | None = None) -> Any:
    """Return the value as plain JSON data in which secrets are their values.

    Pydantic writes secrets as asterisks. Its "python" mode keeps them, so both forms are walked
    together and the secrets moved over.

    Args:
        value: The value.
        content: What pydantic wrote, if it has: iterators in the value are spent by that.
    """
    if content is None:
        content = _any().to_json(value, by_alias=True, exclude_unset=True, warnings="none")
    return _move_secrets(from_json(content), _plain(value))


def _move_secrets(shown: object, kept: object) -> Any:
    if (revealed := reveal(kept)) is not kept:
        return _with_secrets(revealed)
    if isinstance(kept, set | frozenset):
        return [_with_secrets(item) for item in cast("Iterable[Any]", kept)]
    if is_mapping(shown) and is_mapping(kept):
        both = zip(shown.items(), kept.values(), strict=False)
        return {key: _move_secrets(value, other) for (key, value), other in both}
    if is_sequence(shown) and is_sequence(kept):
        return [_move_secrets(value, other) for value, other in zip(shown, kept, strict=False)]
    if hasattr(kept, "__next__") and _SECRET_SHOWN in _any().to_json(shown):
        raise ConfigurationError(
            "an iterator in a JSON body holds secrets, which takes reading it twice; make it a list"
        )
    return shown
