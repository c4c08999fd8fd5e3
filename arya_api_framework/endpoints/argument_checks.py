"""What arguments are refused, as they make no request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..client.encoding import encode_cookies, encode_header
from ..errors import ConfigurationError
from ..options import Unset
from .argument import Argument
from .kinds import OBJECTS, holds_lists, holds_only
from .markers import Body, Cookie, File, Form, Header, Marker, Part, Path, Query

if TYPE_CHECKING:
    from .declaration import Declaration

__all__ = ["check_arguments"]

_FORMS = (Form, File, Part)
_BYTES = (bytes, bytearray, memoryview)


def check_arguments(declaration: Declaration, arguments: list[Argument]) -> None:
    """Refuse arguments that make no request.

    Raises:
        ConfigurationError: They make none.
    """
    for one in arguments:
        _check_default(declaration, one)
    _check_path(declaration, [one for one in arguments if isinstance(one.marker, Path)])
    _check_body(declaration, arguments)
    for one in arguments:
        _check_kind(declaration, one)
    sent: dict[tuple[str, str], str] = {}
    for one in arguments:
        if one.is_whole:
            continue
        place = "form" if isinstance(one.marker, _FORMS) else one.place
        key = place, one.sent.lower() if place == "header" else one.sent
        if key in sent:
            raise declaration.error(
                f"{sent[key]!r} and {one.name!r} are both sent as {one.sent!r} in the {place}"
            )
        sent[key] = one.name


def _check_default(declaration: Declaration, argument: Argument) -> None:
    """Refuse a default that is none."""
    name, default = argument.name, argument.default
    is_class = isinstance(default, type)
    if isinstance(default, Marker) or (is_class and issubclass(default, Marker)):
        kind = default.__name__ if is_class else f"{type(default).__name__}(...)"
        raise declaration.error(
            f"{name!r} has its marker as its default; write `{name}: Annotated[..., {kind}]`"
        )
    if default is Unset:
        raise declaration.error(f"{name!r} has a type as its default; write `= UNSET`")
    if default is ...:
        raise declaration.error(
            f"{name!r} has the default `endpoint.result`, which is for an argument `*, result`, by "
            "name only, of a method with a body that is run after the call"
        )


def _check_path(declaration: Declaration, arguments: Iterable[Argument]) -> None:
    in_path = {one.sent for one in arguments}
    for field in declaration.fields:
        if field not in in_path:
            raise declaration.error(
                f"the path {declaration.whole_path!r} has {{{field}}}, and no argument is called "
                "that"
            )
    for parameter in declaration.parameters:
        name = parameter.name
        if re.search(rf"/:{re.escape(name)}(?=/|$)", declaration.whole_path):
            raise declaration.error(
                f"the path {declaration.whole_path!r} has ':{name}'; write {{{name}}}"
            )
    for one in arguments:
        # Above a sub-client there may be others with fields in their paths.
        if one.sent not in declaration.fields and not declaration.is_nested:
            raise declaration.error(
                f"{one.name!r} is marked as Path, and {declaration.path!r} has no {{{one.sent}}}"
            )
        if one.may_be_unset or one.default is None:
            raise declaration.error(f"{one.name!r} is in the path and cannot be left out")


def _check_body(declaration: Declaration, arguments: Iterable[Argument]) -> None:
    bodies = [one for one in arguments if isinstance(one.marker, Body)]
    forms = [one for one in arguments if isinstance(one.marker, _FORMS)]
    if len(bodies) > 1 and any(one.is_whole for one in bodies):
        raise declaration.error(
            f"{' and '.join(repr(one.name) for one in bodies)} are both the body; mark them as "
            "Body(embed=True) to make each a name of one JSON object"
        )
    types = {one.marker.content_type for one in bodies if isinstance(one.marker, Body)} - {None}
    if len(types) > 1:
        raise declaration.error(f"the body has several content types: {', '.join(map(str, types))}")
    if bodies and forms:
        raise declaration.error(
            f"{bodies[0].name!r} is the body, and {forms[0].name!r} a part of a form"
        )


def _check_kind(declaration: Declaration, argument: Argument) -> None:
    """Refuse an argument whose values do not fit its place."""
    name, marker, kinds = argument.name, argument.marker, argument.kinds
    if isinstance(marker, Path | Query | Header | Cookie) and "models" in kinds:
        raise declaration.error(
            f"{name!r} is a list of objects, which no {argument.place} can hold; mark it as Body()"
        )
    if isinstance(marker, Path | Query | Header) and holds_lists(argument.annotation):
        raise declaration.error(
            f"{name!r} is a list of lists, which no {argument.place} can hold; mark it as Body()"
        )
    if isinstance(marker, Body) and not marker.raw and holds_only(argument.annotation, *_BYTES):
        raise declaration.error(
            f"{name!r} is bytes, which JSON cannot hold; mark it as Body(raw=True)"
        )
    try:
        if isinstance(marker, Header):
            encode_header(argument.sent, "")
        elif isinstance(marker, Cookie):
            encode_cookies([(argument.sent, "")])
    except ConfigurationError as error:
        raise declaration.error(str(error)) from error
    is_joined = isinstance(marker, Cookie) and marker.explode is False
    if isinstance(marker, Cookie) and not is_joined and not kinds <= {"single", "any"}:
        raise declaration.error(
            f"{name!r} is a cookie, which holds a single value; Cookie(explode=False) joins items "
            "by commas"
        )
    if isinstance(marker, Query):
        style = marker.style
        if style == "deepObject" and not kinds <= OBJECTS | {"any"}:
            raise declaration.error(f"{name!r} has style='deepObject', which is for objects")
        if style in ("spaceDelimited", "pipeDelimited") and "single" in kinds:
            raise declaration.error(f"{name!r} has style={style!r}, which is for lists and objects")
    if argument.is_whole and marker.alias is not None and not isinstance(marker, Body):
        raise declaration.error(
            f"the fields of {name!r} are sent under their own names; leave out "
            f"alias={marker.alias!r}, or give a style such as 'deepObject'"
        )
