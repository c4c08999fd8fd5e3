"""What each argument of a declared endpoint is in the request, by its name, type and marker."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from typing_extensions import Unpack

from ..options import UNSET, ItemOptions, Unset
from .argument import Argument
from .argument_checks import check_arguments
from .kinds import UNIONS, Kind, is_file, kinds_of
from .markers import Body, File, Header, Marker, Path, Query

if TYPE_CHECKING:
    from .declaration import Declaration

__all__ = ["find_arguments"]

_NAMES = frozenset(one.__name__ for one in Marker.__subclasses__())
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def find_arguments(declaration: Declaration, hints: Mapping[str, Any]) -> tuple[Argument, ...]:
    """Return the arguments of an endpoint.

    Raises:
        ConfigurationError: They make no request.
    """
    found: list[Argument] = []
    for parameter in declaration.parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            _check_options(declaration, parameter.name, hints.get(parameter.name, Any))
            continue
        if parameter.name == declaration.result_name:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise declaration.error(
                f"the argument *{parameter.name} has no place in a request; take a list"
            )
        found.append(_argument(declaration, parameter, hints.get(parameter.name, Any)))
    check_arguments(declaration, found)
    return tuple(found)


def _check_options(declaration: Declaration, name: str, annotation: Any) -> None:
    """Refuse `**options` that are not those of a call."""
    inner = get_args(annotation)[0] if get_origin(annotation) is Unpack else None
    names = getattr(inner, "__annotations__", None)
    if annotation is Any or (names and names.keys() <= ItemOptions.__optional_keys__):
        return
    raise declaration.error(
        f"**{name} are the options of a call: write `**{name}: Unpack[CallOptions]`, and "
        "arguments one by one"
    )


def _argument(declaration: Declaration, parameter: inspect.Parameter, annotation: Any) -> Argument:
    name = parameter.name
    marker, annotation, may_be_unset = _take_marker(declaration, name, annotation)
    may_be_unset = may_be_unset or parameter.default is UNSET
    kinds = kinds_of(annotation)
    is_in_path = name in declaration.fields
    if marker is None:
        marker = Path() if is_in_path else _default_marker(declaration, name, annotation, kinds)
    elif is_in_path and not isinstance(marker, Path) and marker.alias is None:
        raise declaration.error(
            f"{name!r} is in the path {declaration.path!r}, and marked as {type(marker).__name__}"
        )
    sent = marker.alias or (name.replace("_", "-") if isinstance(marker, Header) else name)
    default = parameter.default
    return Argument(name, marker, sent, annotation, default, parameter, kinds, may_be_unset)


def _default_marker(
    declaration: Declaration, name: str, annotation: Any, kinds: frozenset[Kind]
) -> Marker:
    if is_file(annotation):
        return File()
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
            if isinstance(note, type) and issubclass(note, Marker):
                note = note()
            if isinstance(note, Marker):
                if type(note) is Marker:
                    raise declaration.error(
                        f"{name!r} is marked as Marker, which says no place; write one of "
                        f"{', '.join(sorted(_NAMES))}"
                    )
                found.append(note)
                continue
            kind = note if isinstance(note, type) else type(note)
            if kind.__name__ in _NAMES:
                raise declaration.error(
                    f"{name!r} is marked as {kind.__module__}.{kind.__name__}, which is no marker; "
                    f"import {kind.__name__} from arya_api_framework.endpoints"
                )
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
    if get_origin(annotation) in UNIONS:
        members = [one for one in get_args(annotation) if one is not Unset]
        if members and len(members) < len(get_args(annotation)):
            return Union[tuple(members)]  # noqa: UP007 - of as many as there are
    return annotation
