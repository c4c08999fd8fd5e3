"""What an argument of a declared endpoint is in the request: `Path`, `Query`, `Header`, ..."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from ..client.checks import near_miss
from ..client.shapes import is_mapping
from ..errors import ConfigurationError
from ..options import strict

if TYPE_CHECKING:
    from ..forms import Encoding, Style

__all__ = [
    "Body",
    "ByStatus",
    "Cookie",
    "File",
    "Form",
    "Header",
    "Marker",
    "Part",
    "Path",
    "Query",
]

PathStyle: TypeAlias = Literal["simple", "label", "matrix"]
QueryStyle: TypeAlias = Literal["form", "spaceDelimited", "pipeDelimited", "deepObject"]
HeaderStyle: TypeAlias = Literal["simple"]
CookieStyle: TypeAlias = Literal["form"]

_CONSTRAINTS = "gt ge lt le multiple_of min_length max_length pattern".split()


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What all markers have.

    Attributes:
        alias: The name that is sent, that of the argument when not given.
        description: What it is for, for documents made of the class.
        deprecated: Whether it should not be used any more.
        gt: The value must be greater.
        ge: The value must be greater or equal.
        lt: The value must be less.
        le: The value must be less or equal.
        multiple_of: The value must be a multiple of it.
        min_length: The least length of text or of a list.
        max_length: The most.
        pattern: What text must match.
    """

    alias: str | None = None
    description: str | None = None
    deprecated: bool = False
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def __post_init__(self) -> None:
        name: Any = self.alias
        if name is not None and (not isinstance(name, str) or not name):
            raise ConfigurationError(f"alias must be the name that is sent, got {name!r}")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ConfigurationError(
                    f"pattern must be a regular expression, got {self.pattern!r}: {error}"
                ) from error

    @property
    def constraints(self) -> dict[str, Any]:
        """What pydantic is to check."""
        given = {name: getattr(self, name) for name in _CONSTRAINTS}
        return {name: value for name, value in given.items() if value is not None}


def _check_style(style: object, styles: Any, what: str) -> None:
    known = get_args(styles)
    if style is not None and style not in known:
        hint = ""
        if isinstance(style, str):
            # A start is a near miss as well: "pipe", "deep".
            whole = next((one for one in known if style and one.startswith(style)), style)
            hint = near_miss(whole, known)
        raise ConfigurationError(
            f"style of {what} must be one of {', '.join(known)}, got {style!r}{hint}"
        )


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Path(Marker):
    """A value in the path.

    Attributes:
        style: How it is written (OpenAPI, "Style Values"): `"simple"`, when not given, `"label"`
            (`.a.b`) or `"matrix"` (`;name=a`).
        explode: Whether the items of a list, or the names of an object, are written one by one.
    """

    style: PathStyle | None = None
    explode: bool = False

    def __post_init__(self) -> None:
        Marker.__post_init__(self)
        _check_style(self.style, PathStyle, "Path")


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Marker):
    """A parameter of the query.

    Attributes:
        style: How lists and objects are written: `"form"`, `"spaceDelimited"`, `"pipeDelimited"` or
            `"deepObject"`; when not given, as `parameters` of a call.
        explode: Whether each item has a parameter of its own.
    """

    style: QueryStyle | None = None
    explode: bool | None = None

    def __post_init__(self) -> None:
        Marker.__post_init__(self)
        _check_style(self.style, QueryStyle, "Query")
        if self.style in ("spaceDelimited", "pipeDelimited") and self.explode:
            raise ConfigurationError(
                f"style={self.style!r} joins the items, and explode=True does not; leave out one"
            )
        if self.style == "deepObject" and self.explode is False:
            raise ConfigurationError("style='deepObject' is always exploded; leave `explode` out")


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Header(Marker):
    """A header field; underscores of the name of the argument become hyphens.

    Attributes:
        style: How lists and objects are written: `"simple"`, the only one of headers.
        explode: Whether the names of an object are written as `name=value`.
    """

    style: HeaderStyle | None = None
    explode: bool = False

    def __post_init__(self) -> None:
        Marker.__post_init__(self)
        _check_style(self.style, HeaderStyle, "Header")


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie(Marker):
    """A cookie.

    Attributes:
        style: How lists and objects are written: `"form"`, the only one of cookies.
        explode: Whether each item has a cookie of its own, which no list or object can have; with
            `False` the items are joined by commas.
    """

    style: CookieStyle | None = None
    explode: bool | None = None

    def __post_init__(self) -> None:
        Marker.__post_init__(self)
        _check_style(self.style, CookieStyle, "Cookie")


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Body(Marker):
    """The body, as JSON.

    Attributes:
        embed: Whether it is one name of a JSON object, together with others of its kind, in place
            of the whole body.
        raw: Whether it is sent as it is, as `data` of a call: bytes, text, a file, an iterator.
        content_type: Its media type, where it is not the usual one: of JSON, if it is not `raw`.
    """

    embed: bool = False
    raw: bool = False
    content_type: str | None = None

    def __post_init__(self) -> None:
        Marker.__post_init__(self)
        if self.embed and self.raw:
            raise ConfigurationError("a Body is one name of an object, or sent as it is, not both")
        given: object = self.content_type
        if given is not None and not isinstance(given, str):
            raise ConfigurationError(f"content_type must be a media type, got {given!r}")
        if given is not None and not self.raw and "json" not in given.lower():
            raise ConfigurationError(
                f"a Body is made JSON, which content_type={given!r} is not; add raw=True to send "
                "it as it is"
            )


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Form(Marker):
    """A field of a form; the fields of a model or mapping are sent under their own names.

    Attributes:
        style: How lists and objects are written, as in an `Encoding`.
        explode: Whether each item has a field of its own, as in an `Encoding`.
    """

    style: Style | None = None
    explode: bool | None = None

    def __post_init__(self) -> None:
        Marker.__post_init__(self)
        _ = self.encoding

    @property
    def encoding(self) -> Encoding | None:
        """How the field is written, `None` where that is not said."""
        if self.style is None and self.explode is None:
            return None
        from ..forms import Encoding

        return Encoding(style=self.style, explode=self.explode)


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class File(Marker):
    """A file of a form, which is sent as `multipart/form-data`."""


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Marker):
    """A part of a `multipart/form-data` body with a media type of its own.

    Attributes:
        content_type: The media type, as in an `Encoding`; one of JSON makes the value JSON.
        headers: Further header fields of the part.
    """

    content_type: str | None = None
    headers: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any], repr=False)

    def __post_init__(self) -> None:
        Marker.__post_init__(self)
        _ = self.encoding

    def __hash__(self) -> int:
        return hash((self.alias, self.content_type))

    @property
    def encoding(self) -> Encoding:
        """How the part is written."""
        from ..forms import Encoding

        return Encoding(content_type=self.content_type, headers=self.headers)


@strict
@dataclass(frozen=True, slots=True)
class ByStatus:
    """Which type a response of each status becomes.

    Attributes:
        types: Types by status. Those of error statuses are returned, and not raised.

    Example:
        `Annotated[User | Problem, ByStatus({200: User, 404: Problem})]`
    """

    types: Mapping[int, Any]

    def __post_init__(self) -> None:
        given: Any = self.types
        if not is_mapping(given) or not given:
            raise ConfigurationError(
                f"ByStatus takes a mapping from statuses to types, got {given!r}"
            )
        for status in given:
            if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status < 600:
                raise ConfigurationError(
                    f"ByStatus must name statuses from 200 to 599, got {status!r}"
                )
        object.__setattr__(self, "types", dict(given))

    def __hash__(self) -> int:
        return hash(frozenset(self.types))
