"""The fields and files of a form as the content of a request body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args, get_origin

from ..client.encoding import as_pairs
from ..client.form_values import shape_of
from ..client.shapes import is_mapping
from ..endpoints.kinds import members_of
from ..endpoints.markers import File, Form, Part, QueryStyle
from .objects import Field, fields_of, leaves_of
from .parameters import described_schema, schema_of
from .schemas import Schema, Schemas, is_nullable, without_null

if TYPE_CHECKING:
    from ..endpoints.argument import Argument
    from ..forms import Encoding

__all__ = ["FORMS", "JSON", "MARKERS", "OCTETS", "form_content"]

JSON = "application/json"
OCTETS = "application/octet-stream"
MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
FORMS = (URLENCODED, MULTIPART)
MARKERS = (Form, File, Part)

_FILE: Schema = {"type": "string", "contentMediaType": OCTETS}
_SINGLE = ("string", "integer", "number", "boolean")
_STYLES = {"repeat": ("form", True), "comma": ("form", False)}


def form_content(
    arguments: list[Argument], schemas: Schemas, said: Mapping[str, str]
) -> tuple[dict[str, Any], bool]:
    """Return the content of a form, and whether there is always one.

    Args:
        arguments: Those that are its fields and files.
        schemas: The schemas of the document.
        said: What the docstring says of arguments.
    """
    alone = arguments[0] if len(arguments) == 1 else None
    # Beside others it is the values of a model alone that count.
    encodings, files = _noted(alone.annotation) if alone and alone.is_whole else ({}, set[str]())
    is_multipart = bool(files) or any(isinstance(one.marker, File | Part) for one in arguments)
    places = [(one, schema_of(one, schemas)) for one in arguments]
    made: dict[str, Any] = {}

    def finish() -> None:
        form = _Form(schemas, is_multipart)
        for one, place in places:
            if one.is_whole:
                form.add_whole(one, place, encodings, files, is_alone=one is alone)
            else:
                form.add(one, place, said.get(one.name))
        whole = places[0][1] if alone is not None and alone.is_whole else None
        made.update(form.finish(whole))

    schemas.later(finish)
    is_required = any(
        one.is_required and not one.may_be_unset and type(None) not in members_of(one.annotation)
        for one in arguments
    )
    return {MULTIPART if is_multipart else URLENCODED: made}, is_required


class _Form:
    """The fields of one form."""

    def __init__(self, schemas: Schemas, is_multipart: bool) -> None:
        self._schemas = schemas
        self._is_multipart = is_multipart
        self._fields: list[Field] = []
        self._encoding: dict[str, Any] = {}
        self._patterns: dict[str, Schema] = {}

    def add(self, argument: Argument, place: Schema, about: str | None) -> None:
        """Add a field, part or file."""
        is_required = self._is_sent(argument, place)
        marker: Any = argument.marker
        if isinstance(marker, File):
            members = members_of(argument.annotation)
            is_list = any(get_origin(one) in (list, tuple) for one in members)
            schema = {"type": "array", "items": _FILE} if is_list else _FILE
            is_required = is_required and type(None) not in members
            notes = {key: place[key] for key in ("description",) if key in place}
            encoding, schema = None, {**schema, **notes}
        else:
            encoding, schema = marker.encoding, without_null(place)
        schema = described_schema(argument, schema, about, self._schemas)
        self._put(Field(argument.sent, schema, is_required), encoding)

    def add_whole(
        self,
        argument: Argument,
        place: Schema,
        encodings: Mapping[str, Encoding],
        files: set[str],
        *,
        is_alone: bool,
    ) -> None:
        """Add the fields of an object.

        Args:
            argument: The argument that is the object.
            place: Its schema.
            encodings: How its fields are written, by their names, where that is said.
            files: Which of them are files.
            is_alone: Whether it is the whole form.
        """
        schema = without_null(place)
        if self._is_multipart:  # Objects in it are parts of JSON.
            fields = fields_of(schema, self._schemas)
        else:
            fields = leaves_of(schema, self._schemas, kept=encodings)
        # Where it is the whole form, there is none without it.
        is_sent = is_alone or self._is_sent(argument, place)
        for one in fields or ():
            if one.name in files:
                one = one._replace(schema={**one.schema, **_FILE})
            one = one._replace(is_required=one.is_required and is_sent)
            self._put(one, encodings.get(one.name))

    @staticmethod
    def _is_sent(argument: Argument, place: Schema) -> bool:
        return argument.is_required and not argument.may_be_unset and not is_nullable(place)

    def _put(self, field: Field, encoding: Encoding | None) -> None:
        is_list = self._schemas.resolve(field.schema).get("type") == "array"
        style = encoding.style if encoding else None
        name = field.name
        if style == "index":
            items = field.schema.get("items", {})
            # Of objects and lists in it the names go on.
            is_single = self._schemas.resolve(items).get("type") in _SINGLE
            self._patterns[rf"^{re.escape(name)}\[\d+\]"] = items if is_single else {}
            return
        if style == "brackets":
            name = f"{name}[]"
        written = _written(encoding)
        if style == "json" and is_list:
            # A type of its own would be that of each item (OpenAPI 4.8.15.1).
            written.pop("contentType")
            notes = {k: one for k, one in field.schema.items() if k in ("title", "description")}
            text = {"type": "string", "contentMediaType": JSON, "contentSchema": field.schema}
            field = field._replace(schema={**notes, **text})
        elif is_list and not written and not self._is_multipart:
            written = {"style": "form", "explode": True}  # So is it read, too, where not by itself.
        self._fields.append(field._replace(name=name))
        if written:
            self._encoding[name] = written

    def finish(self, whole: Schema | None) -> dict[str, Any]:
        """Return what the content of the form is.

        Args:
            whole: The schema of the object that is the whole form.
        """
        schema: Schema = {
            "type": "object",
            "properties": {one.name: one.schema for one in self._fields},
        }
        if self._patterns:
            schema["patternProperties"] = self._patterns
        required = [one.name for one in self._fields if one.is_required]
        if required:
            schema["required"] = required
        if whole is not None and self._is_as_said(whole, schema):
            schema = without_null(whole)
        return {"schema": schema, **({"encoding": self._encoding} if self._encoding else {})}

    def _is_as_said(self, whole: Schema, schema: Schema) -> bool:
        """Return whether the fields are sent as the schema of the object has them."""
        found = self._schemas.resolve(without_null(whole))
        if not is_mapping(found.get("properties")):
            return not self._fields
        return all(found.get(key) == schema.get(key) for key in schema)


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


def _noted(annotation: Any) -> tuple[dict[str, Encoding], set[str]]:
    """Return what the annotations of a model say of its fields, and which of these are files."""
    encodings: dict[str, Encoding] = {}
    files: set[str] = set()
    for one in members_of(annotation):
        if hasattr(one, "__pydantic_validator__") and hasattr(one, "model_fields"):
            shape = shape_of(one)
            encodings |= shape.encoding
            files |= shape.files
    return encodings, files
