"""The arguments of an endpoint as the body of an operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_origin

from ..client.shapes import is_mapping
from ..endpoints.arguments import is_body_type
from ..endpoints.markers import Body, File, Form, Part
from ..options import UNSET
from .parameters import default_of, may_show
from .schemas import Schema, Schemas

if TYPE_CHECKING:
    from ..endpoints.arguments import Argument

__all__ = ["JSON", "request_body"]

JSON = "application/json"
MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
OCTETS = "application/octet-stream"

_FORMS = (Form, File, Part)


def request_body(
    arguments: Iterable[Argument], schemas: Schemas, described: Mapping[str, str]
) -> dict[str, Any] | None:
    """Return the request body that arguments make, `None` where they make none."""
    arguments = list(arguments)
    bodies = [one for one in arguments if isinstance(one.marker, Body)]
    forms = [one for one in arguments if isinstance(one.marker, _FORMS)]
    if forms:
        content, is_required = _form(forms, schemas, described)
        return {"content": content, **({"required": True} if is_required else {})}
    if not bodies:
        return None
    [first, *_] = bodies
    marker: Any = first.marker
    made: dict[str, Any] = {}
    if marker.embed:
        schema = _object(bodies, schemas, described)
        return {"content": {JSON: {"schema": schema}}, "required": True}
    about = marker.description or described.get(first.name)
    if about:
        made["description"] = about
    if marker.raw:
        made["content"] = _raw(first, schemas)
    else:
        schema = schemas.add(first.annotation, "serialization")
        made["content"] = {marker.content_type or JSON: {"schema": schema}}
    if first.default is not UNSET:
        made["required"] = True
    return made


def _raw(argument: Argument, schemas: Schemas) -> dict[str, Any]:
    marker: Any = argument.marker
    is_text = argument.annotation is str
    usual = "text/plain" if is_text else OCTETS
    schema = schemas.add(str, "serialization") if is_text else {}
    return {marker.content_type or usual: {"schema": schema} if is_text else {}}


def _object(
    arguments: Iterable[Argument], schemas: Schemas, described: Mapping[str, str]
) -> Schema:
    """Return the schema of an object with a property of each argument."""
    made: Schema = {"type": "object", "properties": {}}
    required: list[str] = []
    for one in arguments:
        made["properties"][one.sent] = _property(one, schemas, described)
        if one.is_required or (not isinstance(one.marker, _FORMS) and one.default is not UNSET):
            required.append(one.sent)
    if required:
        made["required"] = required
    return made


def _property(one: Argument, schemas: Schemas, described: Mapping[str, str]) -> Schema:
    if isinstance(one.marker, File):
        place: Schema = {"type": "string", "contentMediaType": OCTETS}
        if get_origin(one.annotation) in (list, tuple):
            place = {"type": "array", "items": place}
    else:
        place = schemas.add(one.annotation, "serialization")
    default = default_of(one) if may_show(one) else UNSET
    about = one.marker.description or described.get(one.name)

    def finish() -> None:
        # A reference may have others beside it (JSON Schema 2020-12 8.2.3.1).
        if default is not UNSET:
            place["default"] = default
        if about:
            place["description"] = about
        if one.marker.deprecated:
            place["deprecated"] = True

    schemas.later(finish)
    return place


def _form(
    arguments: list[Argument], schemas: Schemas, described: Mapping[str, str]
) -> tuple[dict[str, Any], bool]:
    """Return the content of a form, and whether there is always one."""
    is_multipart = any(isinstance(one.marker, File | Part) for one in arguments)
    fields = [one for one in arguments if isinstance(one.marker, Form)]
    encoding: dict[str, Any] = {}
    is_required = any(one.is_required for one in arguments)
    if len(fields) == len(arguments) == 1 and _is_whole(fields[0].annotation):
        schema = schemas.add(fields[0].annotation, "serialization")
        more, has_files = _noted(fields[0].annotation)
        encoding |= more
        is_multipart = is_multipart or has_files
    else:
        schema = _object(arguments, schemas, described)
        for one in arguments:
            written = _encoding(one)
            if written:
                encoding[one.sent] = written
    made: dict[str, Any] = {"schema": schema}
    if encoding:
        made["encoding"] = encoding
    return {MULTIPART if is_multipart else URLENCODED: made}, is_required


def _is_whole(annotation: Any) -> bool:
    """Return whether values of a type are all fields of a form."""
    kind = getattr(annotation, "__origin__", annotation)
    return is_body_type(annotation) or (isinstance(kind, type) and issubclass(kind, Mapping))


def _encoding(argument: Argument) -> dict[str, Any]:
    marker: Any = argument.marker
    if isinstance(marker, Part):
        return _written(marker.content_type, marker.headers, None, None)
    if isinstance(marker, Form):
        return _written(None, (), marker.style, marker.explode)
    return {}


def _written(
    content_type: str | None, headers: Any, style: str | None, explode: bool | None
) -> dict[str, Any]:
    """Return an encoding object; of header fields the names alone, as values may be secrets."""
    made: dict[str, Any] = {}
    if content_type is not None:
        made["contentType"] = content_type
    names = [name for name, _ in (headers.items() if is_mapping(headers) else headers)]
    if names:
        made["headers"] = {name: {"schema": {"type": "string"}} for name in names}
    if style is not None:
        made["style"] = style
    if explode is not None:
        made["explode"] = explode
    return made


def _noted(annotation: Any) -> tuple[dict[str, Any], bool]:
    """Return what the annotations of a model's fields say of a form, and whether it has files."""
    from ..forms import FILE, Encoding

    encoding: dict[str, Any] = {}
    has_files = False
    for name, field in getattr(annotation, "__pydantic_fields__", {}).items():
        has_files = has_files or FILE in field.metadata
        for note in field.metadata:
            if isinstance(note, Encoding):
                encoding[field.serialization_alias or name] = _written(
                    note.content_type, note.headers, note.style, note.explode
                )
    return encoding, has_files
