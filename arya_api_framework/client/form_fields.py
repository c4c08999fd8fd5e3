"""The fields of a form, from its values, and the body that is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple, cast

from ..errors import ConfigurationError
from ..forms import Encoding, Form, charset_of, choose_type
from ..streaming.multipart import MultipartBody, Part, field_part, file_part, is_json_type
from .body import Body, encode_text
from .checks import near_miss
from .encoding import Pairs, as_pairs, encode_form, encode_json, encode_scalar, reveal
from .form_values import (
    NO_SHAPE,
    PLAIN,
    Shape,
    form_pairs,
    holds_file,
    is_file,
    is_list,
    is_object,
    is_stream,
    shape_of,
)
from .shapes import is_bytes, is_form, is_model, is_tuple

__all__ = ["form_content"]

URLENCODED: Final = "application/x-www-form-urlencoded"

_DELIMITERS = {"comma": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_NO_ENCODING = Encoding()
_NO_FORM = Form()


class _JSON(NamedTuple):
    """A value that is written as JSON."""

    value: Any


class _File(NamedTuple):
    """A shape of `Files`."""

    shape: Any


class _Rule(NamedTuple):
    """How lists and objects are written, and whether single values are JSON."""

    lists: str
    objects: str
    is_json: bool = False


def form_content(data: Any, files: Any = None) -> tuple[bytes | Body, str]:
    """Return the body of a form and its media type.

    Args:
        data: The fields: a mapping, a model, a list of pairs, a `Form`, or `None`.
        files: Fields that are files, whatever they look like; `None` where all is in `data`.

    Raises:
        ConfigurationError: A value cannot be sent, or not in the way that was asked for.
    """
    form: Form = data if is_form(data) else _NO_FORM
    values: object = form.values if is_form(data) else data
    try:
        return _content(form, values, files)
    except RecursionError as error:
        raise ConfigurationError("a form is nested too deeply, or holds itself") from error


def _content(form: Form, values: object, files: Any) -> tuple[bytes | Body, str]:
    shape = shape_of(type(values)) if is_model(values) else NO_SHAPE
    pairs = [] if values is None else form_pairs("`data`", values)
    more = [] if files is None else as_pairs("`files`", files)
    encoding = form.encoding
    if encoding:
        _check_names(encoding, shape, [*pairs, *more])
    if shape.encoding:
        encoding = {**shape.encoding, **encoding}
    has_file = files is not None or any(
        holds_file(value) or (name in shape.files and value is not None) for name, value in pairs
    )
    if form.multipart is False and has_file:
        raise ConfigurationError(
            "the form holds a file, which only multipart/form-data can; leave out multipart=False"
        )
    # A model with fields for files is sent in one way, whether they are filled or not.
    is_multipart = form.multipart is not False and (
        has_file or form.multipart is True or bool(shape.files)
    )
    nested = form.nested or ("json" if is_multipart else "dots")
    usual = _Rule(form.lists, nested)
    fields: list[tuple[str, Any, Encoding]] = []
    for name, value in pairs:
        if value is None:
            continue
        if not encoding and value.__class__ in PLAIN and name not in shape.files:
            fields.append((name, value, _NO_ENCODING))
            continue
        one = encoding.get(name, _NO_ENCODING)
        if name in shape.files:
            found = _as_files(name, value, one, usual)
        else:
            found = _values(name, value, one, usual, is_multipart)
        fields.extend((key, leaf, one) for key, leaf in found)
    for name, value in more:
        one = encoding.get(name, _NO_ENCODING)
        fields.extend((key, leaf, one) for key, leaf in _as_files(name, value, one, usual))
    if is_multipart:
        body = _multipart(fields)
        return body, body.content_type
    return _urlencoded(fields), URLENCODED


def _check_names(encoding: Iterable[str], shape: Shape, pairs: Pairs) -> None:
    known = {name for name, _ in pairs}.union(shape.names.values())
    for name in encoding:
        if name not in known:
            sent = shape.names.get(name)
            hint = near_miss(name, known) if sent is None else f"; it is sent as {sent!r}"
            raise ConfigurationError(
                f"encoding of a Form names {name!r}, which is no field of the form{hint}"
            )


def _rule(one: Encoding, usual: _Rule) -> _Rule:
    """Return how a field is written, by its encoding and what is usual in the form."""
    style, explode = one.style, one.explode
    if style is None and explode is not None:
        style = "form"
    if style is None:
        if one.content_type is not None and is_json_type(one.content_type):
            return _Rule("repeat", "json", is_json=True)
        return usual
    if style == "json":
        return _Rule("json", "json", is_json=True)
    if style == "form":
        return _Rule("comma", "comma") if explode is False else _Rule("repeat", "form")
    if style == "deepObject":
        return _Rule(usual.lists, "deepObject")
    if style in _DELIMITERS:
        return _Rule("repeat", usual.objects) if explode else _Rule(style, style)
    return _Rule(style, usual.objects)


def _is_nested(value: object) -> bool:
    return is_list(value) or is_object(value)


def _is_no_object(value: object) -> bool:
    return not is_object(value)


_FITS: dict[str | None, tuple[str, Callable[[object], bool]]] = {
    "deepObject": ("objects", is_object),
    "spaceDelimited": ("lists and objects", _is_nested),
    "pipeDelimited": ("lists and objects", _is_nested),
    "repeat": ("lists", _is_no_object),
    "index": ("lists", is_list),
    "brackets": ("lists", is_list),
}


def _describe(value: object) -> str:
    return "a list" if is_list(value) else "an object" if is_object(value) else "a single value"


def _values(
    name: str, value: Any, one: Encoding, usual: _Rule, is_multipart: bool
) -> Iterator[tuple[str, Any]]:
    """Yield the fields that a value becomes."""
    if is_file(value) or (is_list(value) and value and all(map(is_file, value))):
        return _as_files(name, value, one, usual)
    kind, fits = _FITS.get(one.style, ("", None))
    if one.explode and one.style in _DELIMITERS:
        kind, fits = "lists where it is exploded", is_list
    if fits is not None and not fits(value):
        raise ConfigurationError(
            f"style={one.style!r} is for {kind}, and field {name!r} is {_describe(value)}"
        )
    if one.headers and not is_multipart:
        raise ConfigurationError(
            f"field {name!r} has headers of its own, which only a multipart form can send; give "
            "Form(..., multipart=True)"
        )
    rule = _rule(one, usual)
    if rule.objects == "json" and not rule.is_json and one.content_type is not None:
        _check_no_object(name, value, one.content_type)
    return _expand(name, value, rule, usual)


def _check_no_object(name: str, value: object, media_type: str) -> None:
    if is_object(value) or (is_list(value) and any(map(is_object, value))):
        raise ConfigurationError(
            f"field {name!r} holds an object, which is made JSON, but its type is "
            f"{media_type!r}; give it as text or bytes"
        )


def _expand(name: str, value: Any, rule: _Rule, usual: _Rule) -> Iterator[tuple[str, Any]]:
    if value is None:
        return
    if value.__class__ in PLAIN:
        yield name, _leaf(value, rule)
    elif is_file(value):
        yield name, _File(value)
    elif is_object(value):
        yield from _expand_object(name, value, rule, usual)
    elif is_list(value):
        yield from _expand_list(name, value, rule, usual)
    else:
        yield name, _leaf(value, rule)


def _leaf(value: Any, rule: _Rule) -> Any:
    # Bytes are taken for what is JSON already.
    return _JSON(value) if rule.is_json and not is_bytes(value) else value


def _expand_object(name: str, value: Any, rule: _Rule, usual: _Rule) -> Iterator[tuple[str, Any]]:
    how = rule.objects
    if how == "json":
        if holds_file(value):
            raise ConfigurationError(
                f"field {name!r} holds a file in an object, which is made JSON; give the file as a "
                "field of its own, or Form(..., nested='deepObject')"
            )
        yield name, _JSON(value)
        return
    pairs = form_pairs(f"field {name!r}", value)
    if how in _DELIMITERS:
        flat = [part for pair in pairs if pair[1] is not None for part in pair]
        if flat:
            yield name, _join(name, flat, how)
        return
    inside = usual if how == "form" else rule
    for key, item in pairs:
        inner = f"{name}.{key}" if how == "dots" else f"{name}[{key}]"
        yield from _expand(key if how == "form" else inner, item, inside, usual)


def _expand_list(
    name: str, value: Iterable[Any], rule: _Rule, usual: _Rule
) -> Iterator[tuple[str, Any]]:
    items = [item for item in value if item is not None]
    if is_tuple(value) and 0 < sum(map(is_file, items)) < len(items):
        raise ConfigurationError(
            f"field {name!r} must be a file or (name, file[, content type[, headers]]), got a "
            f"tuple of {len(value)}"
        )
    how = rule.lists
    if how == "json" and not any(map(holds_file, items)):
        yield name, _JSON(items if isinstance(value, set | frozenset) else value)
        return
    if how in _DELIMITERS:
        if items:
            yield name, _join(name, items, how)
        return
    for key, item in _numbered(name, items, how):
        if how == "repeat" and rule.objects != "json" and is_object(item):
            raise ConfigurationError(
                f"field {name!r} is a list of objects, whose names would not be told apart; write "
                "it as Form(..., lists='index')"
            )
        if is_list(item) and how != "index":
            if rule.objects != "json":
                raise ConfigurationError(
                    f"field {name!r} is a list of lists, which would not be told apart; write it "
                    "as Form(..., lists='index')"
                )
            yield key, _JSON(item)
        else:
            yield from _expand(key, item, rule, usual)


def _numbered(name: str, items: list[Any], how: str) -> Iterator[tuple[str, Any]]:
    for number, item in enumerate(items):
        yield {"index": f"{name}[{number}]", "brackets": f"{name}[]"}.get(how, name), item


def _join(name: str, items: list[Any], how: str) -> str:
    delimiter = _DELIMITERS[how]
    what = f"an item of field {name!r}"
    if any(map(is_file, items)):
        raise ConfigurationError(f"field {name!r} holds a file, which cannot be joined with others")
    texts = [encode_scalar(item, what) for item in items]
    if any(delimiter in text for text in texts):
        raise ConfigurationError(
            f"{what} holds {delimiter!r}, which stands between the items; repeat the name instead"
        )
    return delimiter.join(texts)


def _as_files(name: str, value: Any, one: Encoding, usual: _Rule) -> Iterator[tuple[str, _File]]:
    """Yield the files that a field of files holds: one, or those of a list."""
    rule = _rule(one, usual)
    is_files = is_tuple(value) and bool(value) and all(map(is_stream, value))
    if isinstance(value, list | set | frozenset) or is_files:
        files = [item for item in cast("Iterable[Any]", value) if item is not None]
        if one.style not in (None, "form", "repeat", "index", "brackets") or one.explode is False:
            raise _unfit(name, one)
        how = rule.lists if rule.lists in ("index", "brackets") else "repeat"
        yield from ((key, _File(item)) for key, item in _numbered(name, files, how))
    else:
        if one.style not in (None, "form", "repeat") or one.explode is False:
            raise _unfit(name, one)
        yield name, _File(value)


def _unfit(name: str, one: Encoding) -> ConfigurationError:
    written = "explode=False" if one.style in (None, "form") else f"style={one.style!r}"
    return ConfigurationError(f"{written} does not fit field {name!r}, which is a file")


def _content_of(name: str, value: Any) -> str | bytes:
    """Return a single value as text, or as the bytes that it is."""
    value = reveal(value)
    return bytes(value) if is_bytes(value) else encode_scalar(value, f"field {name!r}")


def _json(name: str, leaf: _JSON) -> bytes:
    return encode_json(leaf.value, f"field {name!r}")


def _urlencoded(fields: list[tuple[str, Any, Encoding]]) -> bytes:
    return encode_form(
        (
            name,
            _json(name, leaf) if isinstance(leaf, _JSON) else _content_of(name, leaf),
            one.allow_reserved,
        )
        for name, leaf, one in fields
    )


def _multipart(fields: list[tuple[str, Any, Encoding]]) -> MultipartBody:
    parts = [_part(*field) for field in fields]
    once: dict[int, str] = {}
    for (name, leaf, _), part in zip(fields, parts, strict=True):
        if isinstance(part.content, Body) and not part.content.replayable:
            shape = cast("_File", leaf).shape
            source = id(shape[1] if is_tuple(shape) else shape)
            if source in once:
                raise ConfigurationError(
                    f"fields {once[source]!r} and {name!r} are one file that can be read once"
                )
            once[source] = name
    return MultipartBody(parts)


def _part(name: str, leaf: Any, one: Encoding) -> Part:
    headers = cast("tuple[tuple[str, str], ...]", one.headers)
    if isinstance(leaf, _File):
        allowed = one.content_type
        choose = None if allowed is None else partial(choose_type, allowed)
        return file_part(name, leaf.shape, choose=choose, headers=headers)
    media_type = None if one.content_type is None else choose_type(one.content_type, None)
    if isinstance(leaf, _JSON):
        content = _json(name, leaf)
        media_type = media_type or "application/json"
    else:
        value = _content_of(name, leaf)
        charset = "utf-8" if media_type is None else charset_of(media_type)
        content = _in_charset(name, value, charset) if isinstance(value, str) else value
    return field_part(name, content, media_type, headers)


def _in_charset(name: str, text: str, charset: str) -> bytes:
    if charset.lower() == "utf-8":
        return encode_text(text, f"form field {name!r}")
    try:
        return text.encode(charset)
    except UnicodeEncodeError:
        # It would hold the text, which may be a secret.
        raise ConfigurationError(
            f"field {name!r} holds a character that {charset} has not"
        ) from None
