"""The arguments of an endpoint as the body of an operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_args, get_origin

from ..client.encoding import as_pairs
from ..endpoints.markers import Body, File, Form, Part, QueryStyle
from ..options import UNSET
from .parameters import default_of, may_show
from .schemas import Schema, Schemas

if TYPE_CHECKING:
    from ..endpoints.argument import Argument
    from ..forms import Encoding

__all__ = ["FORMS", "JSON", "request_body"]

JSON = "application/json"
MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
OCTETS = "application/octet-stream"
FORMS = (URLENCODED, MULTIPART)

_FORM_MARKERS = (Form, File, Part)


def request_body(
    arguments: Iterable[Argument], schemas: Schemas, described: Mapping[str, str]
) -> dict[str, Any] | None:
    """Return the request body that arguments make, `None` where they make none."""
    arguments = list(arguments)
    bodies = [one for one in arguments if isinstance(one.marker, Body)]
    forms = [one for one in arguments if isinstance(one.marker, _FORM_MARKERS)]
    if forms:
        content, is_required = _form(forms, schemas, described)
        return {"content": content, **({"required": True} if is_required else {})}
    if not bodies:
        return None
    [first, *_] = bodies
    marker: Any = first.marker
    made: dict[str, Any] = {}
    if marker.embed:
        types = (getattr(one.marker, "content_type", None) for one in bodies)
        media_type = next(filter(None, types), JSON)
        schema = _object(bodies, schemas, described)
        return {"content": {media_type: {"schema": schema}}, "required": True}
    about = marker.description or described.get(first.name)
    if about:
        made["description"] = about
    if marker.raw:
        made["content"] = _raw(first, schemas)
    else:
        schema = schemas.add(first.annotation, "serialization")
        made["content"] = {marker.content_type or JSON: {"schema": schema}}
    if not first.may_be_unset:
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
        # Defaults are sent, too; what is `None` and files that are not given no form has.
        is_sent = one.is_required or not isinstance(one.marker, _FORM_MARKERS)
        if is_sent and not one.may_be_unset:
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
    whole = [one for one in arguments if one.is_whole]
    single = [one for one in arguments if not one.is_whole]
    encoding: dict[str, Any] = {}
    parts = [schemas.add(one.annotation, "serialization") for one in whole]
    for one in whole:
        noted, has_files = _noted(one.annotation)
        if len(arguments) == 1:  # Else it is the values alone that count.
            encoding |= noted
            is_multipart = is_multipart or has_files
    if single:
        parts.append(_object(single, schemas, described))
    for one in single:
        marker: Any = one.marker
        written = {} if isinstance(marker, File) else _written(marker.encoding)
        if written:
            encoding[one.sent] = written
    made: dict[str, Any] = {"schema": parts[0] if len(parts) == 1 else {"allOf": parts}}
    if encoding:
        made["encoding"] = encoding
    is_required = any(one.is_required and not one.may_be_unset for one in arguments)
    return {MULTIPART if is_multipart else URLENCODED: made}, is_required


_STYLES = {"repeat": ("form", True), "comma": ("form", False)}


def _written(encoding: Encoding | None) -> dict[str, Any]:
    """Return an encoding object, as far as OpenAPI has the style.

    Of header fields it has the names alone, as values may be secrets.
    """
    made: dict[str, Any] = {}
    if encoding is None:
        return made
    style, explode = _STYLES.get(encoding.style or "", (encoding.style, encoding.explode))
    content_type = JSON if style == "json" else encoding.content_type
    if content_type is not None:
        made["contentType"] = content_type
    if encoding.headers:
        made["headers"] = {
            name: {"schema": {"type": "string"}}
            for name, _ in as_pairs("headers", encoding.headers)
        }
    if style in get_args(QueryStyle):
        made["style"] = style
    if explode is not None:
        made["explode"] = explode
    if encoding.allow_reserved:
        made["allowReserved"] = True
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
                encoding[field.serialization_alias or name] = _written(note)
    return encoding, has_files
