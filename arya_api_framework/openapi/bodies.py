"""The arguments of an endpoint as the body of an operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_args, get_origin

from ..client.encoding import as_pairs
from ..endpoints.markers import Body, File, Form, Part, QueryStyle
from ..options import UNSET
from .parameters import default_of, may_show
from .schemas import Schema, Schemas, is_nullable, members_of, without_null

if TYPE_CHECKING:
    from ..endpoints.arguments import Argument
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
    # A default of `None` is no body, and so is `None` where it would not be JSON.
    may_be_none = first.default is None or (
        marker.raw and type(None) in members_of(first.annotation)
    )
    schema = schemas.add(first.annotation, "serialization")

    def finish() -> None:
        about = marker.description or schema.pop("description", None) or described.get(first.name)
        if about:
            made["description"] = about
        if marker.raw:
            made["content"] = _raw(first, schema)
        else:
            found = without_null(schema) if may_be_none else schema
            made["content"] = {marker.content_type or JSON: {"schema": found}}
        if not (first.may_be_unset or may_be_none):
            made["required"] = True

    schemas.later(finish)
    return made


def _raw(argument: Argument, schema: Schema) -> dict[str, Any]:
    """Return the content of a body that is sent as it is; of what is no text nothing is known."""
    marker: Any = argument.marker
    members = [one for one in members_of(argument.annotation) if one is not type(None)]
    if members == [str]:
        return {marker.content_type or "text/plain": {"schema": without_null(schema)}}
    types = {str: "text/plain", Any: "*/*"}
    usual = (types.get(one, OCTETS) for one in members)
    return {one: {} for one in ([marker.content_type] if marker.content_type else usual)}


def _object(
    arguments: Iterable[Argument], schemas: Schemas, described: Mapping[str, str]
) -> Schema:
    """Return the schema of an object with a property of each argument."""
    arguments = list(arguments)
    made: Schema = {"type": "object"}
    places = [(one, _property(one, schemas)) for one in arguments]

    def finish() -> None:
        required: list[str] = []
        made["properties"] = {}
        for one, place in places:
            is_form = isinstance(one.marker, _FORM_MARKERS)
            # Defaults are sent, too; what is `None` and files that are not given no form has.
            is_sent = one.is_required and not is_nullable(place) if is_form else True
            if is_sent and not one.may_be_unset:
                required.append(one.sent)
            about = described.get(one.name)
            schema = without_null(place) if is_form else place
            made["properties"][one.sent] = _described(one, schema, about)
        if required:
            made["required"] = required

    schemas.later(finish)
    return made


def _property(one: Argument, schemas: Schemas) -> Schema:
    if not isinstance(one.marker, File):
        return schemas.add(one.annotation, "serialization")
    members = members_of(one.annotation)
    place: Schema = {"type": "string", "contentMediaType": OCTETS}
    if any(get_origin(each) in (list, tuple) for each in members):
        place = {"type": "array", "items": place}
    return {"anyOf": [place, {"type": "null"}]} if type(None) in members else place


def _described(one: Argument, schema: Schema, about: str | None) -> Schema:
    default = default_of(one) if may_show(one) else UNSET
    about = one.marker.description or schema.get("description") or about
    # A reference may have others beside it (JSON Schema 2020-12 8.2.3.1).
    return {
        **schema,
        **({} if default is UNSET else {"default": default}),
        **({"description": about} if about else {}),
        **({"deprecated": True} if one.marker.deprecated else {}),
    }


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
    is_required = any(
        one.is_required and not one.may_be_unset and type(None) not in members_of(one.annotation)
        for one in arguments
    )
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
