"""How forms are written: `Form`, and the `Encoding` of each of its fields."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, get_args

from .client.checks import near_miss
from .client.encoding import as_pairs, encode_header
from .client.shapes import is_mapping, is_model, is_sequence
from .errors import ConfigurationError
from .options import strict
from .streaming.multipart import is_json_type

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .options import FileContent, FileTuple, Pairs

__all__ = ["FILE", "Encoding", "Form", "FormFile", "charset_of", "choose_type"]

Style: TypeAlias = Literal[
    "form",
    "spaceDelimited",
    "pipeDelimited",
    "deepObject",
    "repeat",
    "comma",
    "index",
    "brackets",
    "json",
]
Lists: TypeAlias = Literal["repeat", "comma", "index", "brackets", "json"]
Nested: TypeAlias = Literal["dots", "deepObject", "json"]

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_MEDIA_TYPE = re.compile(
    rf'({_TOKEN}/{_TOKEN})((?:\s*;\s*{_TOKEN}=(?:{_TOKEN}|"[^"\\\r\n]*"))*)\s*'
)
_CHARSET = re.compile(r';\s*charset="?([^\s;"]+)', re.IGNORECASE)


@strict
@dataclass(frozen=True, slots=True)
class Encoding:
    """How one field of a form is written, as the encoding object of OpenAPI says it.

    It is given by the name of the field to a `Form`, or stands in the annotation of a model's field
    as `Annotated[list[str], Encoding(style="comma")]`.

    Attributes:
        content_type: The media type of the part. One of JSON makes the value JSON; of several, or
            of one with a `*`, that counts which the name of the file suggests, else the first whole
            one. In a form that is not multipart it is not sent, but one of JSON counts.
        headers: Further header fields of the part; of multipart forms only.
        style: How lists and objects are written. OpenAPI's are `"form"`, `"spaceDelimited"`,
            `"pipeDelimited"` and `"deepObject"`. For lists there are also `"repeat"`, `"comma"`,
            `"index"` (`tags[0]`) and `"brackets"` (`tags[]`); and `"json"`, for any value.
        explode: Whether each item has a field of its own. Without a style it is that of `"form"`.
        allow_reserved: Leave the characters `:/?@!$'()*,;` as they are where the form is
            urlencoded.

    Example:
        >>> Encoding(style="form", explode=False)
        Encoding(content_type=None, style='form', explode=False, allow_reserved=False)
    """

    content_type: str | None = None
    headers: Mapping[str, Any] | Sequence[tuple[str, Any]] = field(default=(), repr=False)
    style: Style | None = None
    explode: bool | None = None
    allow_reserved: bool = False

    def __post_init__(self) -> None:
        _check_flag("explode", self.explode, (None, False, True))
        _check_flag("allow_reserved", self.allow_reserved, (False, True))
        _check_word("style of an Encoding", self.style, Style)
        if self.style not in _EXPLODED and self.explode is not None:
            raise ConfigurationError(
                f"explode goes with the styles of OpenAPI alone, and style={self.style!r} says it"
            )
        if self.style == "deepObject" and self.explode is False:
            raise ConfigurationError("style='deepObject' is always exploded; leave `explode` out")
        if self.content_type is not None:
            _check_media_types(self.content_type)
            if is_json_type(self.content_type) and self._is_text:
                raise ConfigurationError(
                    f"content_type={self.content_type!r} makes the value JSON, which "
                    f"style={self.style!r} does not; leave out one of them"
                )
        fields: list[tuple[str, str]] = []
        for name, value in as_pairs("headers of an Encoding", self.headers):
            if name.lower() in ("content-type", "content-disposition"):
                raise ConfigurationError(
                    f"headers of an Encoding cannot hold {name}: the type is `content_type`, and "
                    "the disposition is made from the names"
                )
            fields.append((name, encode_header(name, value)))
        object.__setattr__(self, "headers", tuple(fields))

    @property
    def _is_text(self) -> bool:
        return self.style not in (None, "json") or self.explode is not None


_EXPLODED = (None, "form", "spaceDelimited", "pipeDelimited", "deepObject")


@strict
@dataclass(frozen=True, slots=True)
class Form:
    """A form, given as `data`, with what the values alone do not say.

    Attributes:
        values: The fields: a mapping, a model or a list of pairs.
        encoding: How single fields are written, by the name that is sent; goes before what the
            annotations of a model say. May name fields of `files`, too.
        lists: How lists are written: `"repeat"` the name, join them by a `"comma"`, `"index"`
            (`tags[0]`), `"brackets"` (`tags[]`), or as one `"json"`.
        nested: How objects are written: `"dots"` (`address.city`), `"deepObject"`
            (`address[city]`) or `"json"`. When not given, a part of JSON where the form is
            multipart, else dots.
        multipart: Whether it is `multipart/form-data`; when not given, where it holds a file.

    Example:
        >>> form = Form({"tags": ["a", "b"]}, encoding={"tags": Encoding(explode=False)})
    """

    values: Mapping[str, Any] | BaseModel | Pairs = field(default=(), repr=False)
    encoding: Mapping[str, Encoding] = field(default_factory=dict[str, Encoding])
    lists: Lists = "repeat"
    nested: Nested | None = None
    multipart: bool | None = None

    def __post_init__(self) -> None:
        given: object = self.values
        is_pairs = is_sequence(given) and all(is_sequence(pair) for pair in given)
        if not (is_pairs or is_mapping(given) or is_model(given)):
            raise ConfigurationError(
                "the values of a Form must be a mapping, a model or a list of pairs, got "
                f"{type(given).__name__}"
            )
        encoding = as_pairs("encoding of a Form", self.encoding)
        for name, one in encoding:
            if not isinstance(one, Encoding):
                raise ConfigurationError(
                    f"encoding of a Form must hold Encoding values, got {type(one).__name__} for "
                    f"{name!r}"
                )
        object.__setattr__(self, "encoding", dict(encoding))
        if self.lists not in get_args(Lists):
            _refuse_word("lists of a Form", self.lists, Lists)
        _check_word("nested of a Form", self.nested, Nested)
        _check_flag("multipart", self.multipart, (None, False, True))


class _File:
    """What marks a field of a model as a file."""

    def __repr__(self) -> str:
        return "FILE"


FILE = _File()

if TYPE_CHECKING:
    FormFile: TypeAlias = FileContent | FileTuple
    """The type of a model's field that holds a file: bytes and text are its content."""
else:
    FormFile = Annotated[Any, FILE]


def _check_media_types(given: object) -> None:
    if not isinstance(given, str) or not all(map(_MEDIA_TYPE.fullmatch, _split(given))):
        raise ConfigurationError(
            f"content_type of an Encoding must be a media type such as 'image/png', got {given!r}"
        )
    for charset in _CHARSET.findall(given):
        try:
            codecs.lookup(charset)
        except LookupError:
            raise ConfigurationError(
                f"content_type of an Encoding names a charset that nobody knows, {charset!r}"
            ) from None


def _split(media_types: str) -> list[str]:
    return [one.strip() for one in media_types.split(",")]


def charset_of(media_type: str) -> str:
    """Return the charset that a media type names, UTF-8 where it names none."""
    found = _CHARSET.search(media_type)
    return found[1] if found else "utf-8"


def choose_type(media_types: str, guess: str | None) -> str | None:
    """Return the media type, of those an `Encoding` allows, that a part is sent with.

    Args:
        media_types: One, or several between commas; each may hold a `*`.
        guess: What the name of the file suggests.

    Returns:
        `None` where none is whole and the guess is none of them.
    """
    allowed = _split(media_types)
    if guess is not None and (len(allowed) > 1 or "*" in media_types):
        kind = guess.partition("/")[0]
        names = {one.partition(";")[0].strip().lower() for one in allowed}
        if names & {guess, f"{kind}/*", "*/*"}:
            return guess
    return next((one for one in allowed if "*" not in one), None)


def _check_flag(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if not any(value is one for one in allowed):
        raise ConfigurationError(f"{name} must be True or False, got {value!r}")


def _check_word(what: str, value: object, words: Any) -> None:
    if value is not None and value not in get_args(words):
        _refuse_word(what, value, words)


def _refuse_word(what: str, value: object, words: Any) -> None:
    known: tuple[str, ...] = get_args(words)
    hint = near_miss(value, known) if isinstance(value, str) else ""
    raise ConfigurationError(f"{what} must be one of {', '.join(known)}, got {value!r}{hint}")
