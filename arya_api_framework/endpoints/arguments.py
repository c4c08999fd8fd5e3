"""What each argument of a declared endpoint is in the request, by its name, type and marker."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union, get_args, get_origin

from ..options import UNSET, Unset
from .kinds import OBJECTS, Kind, kinds_of
from .markers import Body, Cookie, File, Form, Header, Marker, Part, Path, Query

if TYPE_CHECKING:
    from .declaration import Declaration

__all__ = ["EMPTY", "Argument", "find_arguments"]

EMPTY: Any = inspect.Parameter.empty
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FORMS = (Form, File, Part)


class Argument(NamedTuple):
    """One argument of an endpoint.

    Attributes:
        name: Its name in Python.
        marker: What it is in the request.
        sent: The name that is sent.
        annotation: Its type, without `Unset` and its marker, with the constraints of that.
        default: What it is when it is left out, `EMPTY` where it cannot be.
        parameter: How it is given: by position, by name, or both.
        kinds: What its values look like.
        may_be_unset: Whether it may be `UNSET`, which is not sent.
    """

    name: str
    marker: Marker
    sent: str
    annotation: Any
    default: Any
    parameter: inspect.Parameter
    kinds: frozenset[Kind]
    may_be_unset: bool

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is EMPTY

    @property
    def is_named(self) -> bool:
        """Whether it is given by its name only."""
        return self.parameter.kind is inspect.Parameter.KEYWORD_ONLY

    @property
    def is_whole(self) -> bool:
        """Whether its fields are sent under their own names, and not under that of the argument."""
        marker: Any = self.marker
        if isinstance(marker, Body):
            return not marker.embed
        return (
            isinstance(marker, Query | Form)
            and bool(self.kinds)
            and self.kinds <= OBJECTS
            and marker.style in (None, "form")
            and marker.explode is not False
        )

    @property
    def place(self) -> str:
        """What it is, in small letters: `"path"`, `"query"`, `"header"`, ..."""
        return type(self.marker).__name__.lower()


def find_arguments(declaration: Declaration, hints: Mapping[str, Any]) -> tuple[Argument, ...]:
    """Return the arguments of an endpoint.

    Raises:
        ConfigurationError: They make no request.
    """
    found: list[Argument] = []
    for parameter in declaration.parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            continue  # The options of a call.
        if parameter.name == declaration.result_name:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise declaration.error(
                f"the argument *{parameter.name} has no place in a request; take a list"
            )
        found.append(_argument(declaration, parameter, hints.get(parameter.name, Any)))
    _check(declaration, found)
    return tuple(found)


def _argument(declaration: Declaration, parameter: inspect.Parameter, annotation: Any) -> Argument:
    name = parameter.name
    marker, annotation, may_be_unset = _take_marker(declaration, name, annotation)
    may_be_unset = may_be_unset or parameter.default is UNSET
    kinds = kinds_of(annotation)
    is_in_path = name in declaration.fields
    if marker is None:
        marker = Path() if is_in_path else _default_marker(declaration, name, kinds)
    elif is_in_path and not isinstance(marker, Path) and marker.alias is None:
        raise declaration.error(
            f"{name!r} is in the path {declaration.path!r}, and marked as {type(marker).__name__}"
        )
    sent = marker.alias or (name.replace("_", "-") if isinstance(marker, Header) else name)
    default = parameter.default
    return Argument(name, marker, sent, annotation, default, parameter, kinds, may_be_unset)


def _default_marker(declaration: Declaration, name: str, kinds: frozenset[Kind]) -> Marker:
    if declaration.method in _WITH_BODY:
        if name == "body" or (kinds and kinds <= {"model", "models"}):
            return Body()
        if "mapping" in kinds or "models" in kinds:
            raise declaration.error(
                f"{name!r} may be the body or a part of the query; mark it as Body() or Query()"
            )
    return Query()


def _take_marker(
    declaration: Declaration, name: str, annotation: Any
) -> tuple[Marker | None, Any, bool]:
    """Return the marker of an annotation, its type without `Unset`, and whether that was there."""
    if get_origin(annotation) is not Annotated and any(map(_is_marked, get_args(annotation))):
        raise declaration.error(
            f"{name!r} has its marker inside of its type; write Annotated[..., ...] around the "
            "whole type, with `| None` and `| Unset` in it"
        )
    notes: list[Any] = []
    found: list[Marker] = []
    if get_origin(annotation) is Annotated:
        annotation, *given = get_args(annotation)
        for note in given:
            if isinstance(note, type) and issubclass(note, Marker) and note is not Marker:
                note = note()
            if isinstance(note, Marker):
                found.append(note)
            else:
                notes.append(note)
    if len(found) > 1:
        raise declaration.error(
            f"{name!r} is marked as {' and as '.join(type(one).__name__ for one in found)}"
        )
    given_type, annotation = annotation, _without_unset(annotation)
    may_be_unset = annotation is not given_type
    marker = found[0] if found else None
    if marker is not None and (constraints := marker.constraints):
        from pydantic import Field

        notes.append(Field(**constraints))
    for note in notes:
        annotation = Annotated[annotation, note]
    return marker, annotation, may_be_unset


def _is_marked(annotation: Any) -> bool:
    notes = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return any(
        isinstance(one, Marker) or (isinstance(one, type) and issubclass(one, Marker))
        for one in notes
    )


def _without_unset(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        members = [one for one in get_args(annotation) if one is not Unset]
        if members and len(members) < len(get_args(annotation)):
            return Union[tuple(members)]  # noqa: UP007 - of as many as there are
    return annotation


def _check(declaration: Declaration, arguments: list[Argument]) -> None:
    """Refuse arguments that make no request."""
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


def _check_path(declaration: Declaration, arguments: Iterable[Argument]) -> None:
    in_path = {one.sent for one in arguments}
    for field in declaration.fields:
        if field not in in_path:
            raise declaration.error(
                f"the path {declaration.whole_path!r} has {{{field}}}, and no argument is called "
                "that"
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
    if bodies and forms:
        raise declaration.error(
            f"{bodies[0].name!r} is the body, and {forms[0].name!r} a part of a form"
        )


def _check_kind(declaration: Declaration, argument: Argument) -> None:
    """Refuse an argument whose values do not fit its place."""
    name, marker, kinds = argument.name, argument.marker, argument.kinds
    if isinstance(marker, Path | Query | Header) and "models" in kinds:
        raise declaration.error(
            f"{name!r} is a list of objects, which no {argument.place} can hold; mark it as Body()"
        )
    if isinstance(marker, Cookie) and not kinds <= {"single", "any"}:
        raise declaration.error(f"{name!r} is a cookie, which holds a single value")
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
