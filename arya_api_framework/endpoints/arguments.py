"""What each argument of a declared endpoint is in the request, by its name, type and marker."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union, get_args, get_origin

from typing_extensions import TypeAliasType, get_type_hints, is_typeddict

from ..options import UNSET, Unset
from .markers import Body, File, Form, Header, Marker, Part, Path, Query

if TYPE_CHECKING:
    from .declare import Declaration

__all__ = ["EMPTY", "Argument", "check_declaration", "find_arguments", "find_hints", "signature_of"]

EMPTY: Any = inspect.Parameter.empty
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FORMS = (Form, File, Part)


class Argument(NamedTuple):
    """One argument of an endpoint.

    Attributes:
        name: Its name in Python.
        marker: What it is in the request.
        sent: The name that is sent.
        annotation: Its type, without `Unset`, its marker and what else is noted on it.
        default: What it is when it is left out, `EMPTY` where it cannot be.
        is_named: Whether it is given by its name only.
    """

    name: str
    marker: Marker
    sent: str
    annotation: Any
    default: Any
    is_named: bool

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is EMPTY

    @property
    def place(self) -> str:
        """What it is, in small letters: `"path"`, `"query"`, `"header"`, ..."""
        return type(self.marker).__name__.lower()


def signature_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a method behind `self`."""
    return list(inspect.signature(function).parameters.values())[1:]


def find_hints(function: Callable[..., Any], owner: type[Any] | None) -> dict[str, Any]:
    """Return the annotations of a method, evaluated.

    Raises:
        NameError: One names what is not there yet.
    """
    local = {} if owner is None else {owner.__name__: owner, **vars(owner)}
    return get_type_hints(function, localns=local, include_extras=True)


def find_arguments(declaration: Declaration, hints: Mapping[str, Any]) -> tuple[Argument, ...]:
    """Return the arguments of an endpoint.

    Raises:
        ConfigurationError: They make no request.
    """
    found: list[Argument] = []
    for parameter in signature_of(declaration.function):
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
    marker, annotation = _take_marker(declaration, name, annotation)
    is_in_path = name in declaration.fields
    if marker is None:
        if is_in_path:
            marker = Path()
        elif declaration.method in WITH_BODY and (name == "body" or is_body_type(annotation)):
            marker = Body()
        else:
            marker = Query()
    elif is_in_path and not isinstance(marker, Path) and marker.alias is None:
        raise declaration.error(
            f"{name!r} is in the path {declaration.path!r}, and marked as {type(marker).__name__}"
        )
    sent = marker.alias or (name.replace("_", "-") if isinstance(marker, Header) else name)
    return Argument(
        name,
        marker,
        sent,
        annotation,
        parameter.default,
        parameter.kind is parameter.KEYWORD_ONLY,
    )


def _take_marker(declaration: Declaration, name: str, annotation: Any) -> tuple[Marker | None, Any]:
    """Return the marker of an annotation, and the type without it and without `Unset`."""
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
    annotation = _without_unset(annotation)
    marker = found[0] if found else None
    if marker is not None and (constraints := marker.constraints):
        from pydantic import Field

        notes.append(Field(**constraints))
    for note in notes:
        annotation = Annotated[annotation, note]
    return marker, annotation


def _without_unset(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        members = [one for one in get_args(annotation) if one is not Unset]
        if len(members) < len(get_args(annotation)):
            return Union[tuple(members)]  # noqa: UP007 - of as many as there are
    return annotation


def is_body_type(annotation: Any) -> bool:
    """Return whether values of a type are models, or lists of models."""
    if isinstance(annotation, TypeAliasType):
        return is_body_type(annotation.__value__)
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_body_type(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        members = [one for one in get_args(annotation) if one is not type(None)]
        return bool(members) and all(map(is_body_type, members))
    if origin in (list, tuple, set, frozenset):
        members = [one for one in get_args(annotation) if one is not ...]
        return bool(members) and all(map(is_body_type, members))
    kind: Any = origin or annotation
    return isinstance(kind, type) and (
        hasattr(kind, "__pydantic_validator__")
        or hasattr(kind, "__dataclass_fields__")
        or is_typeddict(kind)
    )


def _check(declaration: Declaration, arguments: Iterable[Argument]) -> None:
    """Refuse arguments that make no request."""
    arguments = list(arguments)
    in_path = {one.sent for one in arguments if isinstance(one.marker, Path)}
    for field in declaration.fields:
        if field not in in_path:
            raise declaration.error(
                f"the path {declaration.path!r} has {{{field}}}, and no argument is called that"
            )
    for one in arguments:
        if isinstance(one.marker, Path) and one.sent not in declaration.fields:
            raise declaration.error(
                f"{one.name!r} is marked as Path, and {declaration.path!r} has no {{{one.sent}}}"
            )
        if isinstance(one.marker, Path) and one.default is UNSET:
            raise declaration.error(f"{one.name!r} is in the path and cannot be left out")
    bodies = [one for one in arguments if isinstance(one.marker, Body)]
    whole = [one for one in bodies if not _is_embedded(one)]
    forms = [one for one in arguments if isinstance(one.marker, _FORMS)]
    if len(whole) > 1 or (whole and len(bodies) > 1):
        raise declaration.error(
            f"{' and '.join(repr(one.name) for one in bodies)} are both the body; mark them with "
            "Body(embed=True) to make each a name of one JSON object"
        )
    if bodies and forms:
        raise declaration.error(
            f"{bodies[0].name!r} is the body, and {forms[0].name!r} a part of a form"
        )
    sent: dict[tuple[str, str], str] = {}
    for one in arguments:
        place = "form" if isinstance(one.marker, _FORMS) else one.place
        key = place, one.sent.lower() if place == "header" else one.sent
        if place != "body" and key in sent:
            raise declaration.error(
                f"{sent[key]!r} and {one.name!r} are both sent as {one.sent!r} in the {place}"
            )
        sent[key] = one.name


def check_declaration(declaration: Declaration, owner: type[Any], is_async: bool | None) -> None:
    """Refuse a declaration that makes no endpoint of a class.

    Args:
        declaration: The declaration.
        owner: The class.
        is_async: Whether its calls are awaited, `None` where it serves both kinds.

    Raises:
        ConfigurationError: It makes none.
    """
    from .results import find_result

    try:
        hints = find_hints(declaration.function, owner)
    except NameError:  # What it names is defined later.
        return
    find_arguments(declaration, hints)
    result = find_result(declaration, hints)
    if is_async is False and result.is_async is True:
        raise declaration.error(
            f"{owner.__name__} is synchronous: write `def`, and the Sync... kind of what it returns"
        )
    if is_async is True and result.is_async is not True:
        raise declaration.error(
            f"{owner.__name__} is asynchronous: write `async def`, and the Async... kind of pages "
            "and streams"
        )


def _is_embedded(argument: Argument) -> bool:
    return isinstance(argument.marker, Body) and argument.marker.embed
