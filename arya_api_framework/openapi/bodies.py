"""The arguments of an endpoint as the body of an operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..endpoints.kinds import members_of
from ..endpoints.markers import Body
from .forms import JSON, MARKERS, OCTETS, form_content
from .parameters import described_schema, schema_of
from .schemas import Schema, Schemas, without_null

if TYPE_CHECKING:
    from ..endpoints.argument import Argument

__all__ = ["request_body"]


def request_body(
    arguments: Iterable[Argument],
    schemas: Schemas,
    described: Mapping[str, str],
    *,
    declared: str | None = None,
    usual: str | None = None,
) -> dict[str, Any] | None:
    """Return the request body that arguments make, `None` where they make none.

    Args:
        arguments: Those of the endpoint.
        schemas: The schemas of the document.
        described: What the docstring says of arguments.
        declared: The media type that the endpoint sends whatever its arguments are.
        usual: The one that the client sends where nothing else is said.
    """
    arguments = list(arguments)
    bodies = [one for one in arguments if isinstance(one.marker, Body)]
    forms = [one for one in arguments if isinstance(one.marker, MARKERS)]
    if forms:
        content, is_required = form_content(forms, schemas, described)
        return {"content": content, **({"required": True} if is_required else {})}
    if not bodies:
        return None
    [first, *_] = bodies
    marker: Any = first.marker
    made: dict[str, Any] = {}
    types = (getattr(one.marker, "content_type", None) for one in bodies)
    media_type = declared or next(filter(None, types), None) or usual
    if marker.embed:
        schema = _object(bodies, schemas, described)
        return {"content": {media_type or JSON: {"schema": schema}}, "required": True}
    # A default of `None` is no body, and so is `None` where it would not be JSON.
    may_be_none = first.default is None or (
        marker.raw and type(None) in members_of(first.annotation)
    )
    schema = schema_of(first, schemas)

    def finish() -> None:
        about = marker.description or schema.pop("description", None) or described.get(first.name)
        if about:
            made["description"] = about
        if marker.raw:
            made["content"] = _raw(first, schema, media_type)
        else:
            found = without_null(schema) if may_be_none else schema
            made["content"] = {media_type or JSON: {"schema": found}}
        if not (first.may_be_unset or may_be_none):
            made["required"] = True

    schemas.later(finish)
    return made


def _raw(argument: Argument, schema: Schema, media_type: str | None) -> dict[str, Any]:
    """Return the content of a body that is sent as it is; of what is no text nothing is known."""
    members = [one for one in members_of(argument.annotation) if one is not type(None)]
    if members == [str]:
        return {media_type or "text/plain": {"schema": without_null(schema)}}
    types = {str: "text/plain", Any: "*/*"}
    usual = (types.get(one, OCTETS) for one in members)
    return {one: {} for one in ([media_type] if media_type else usual)}


def _object(bodies: list[Argument], schemas: Schemas, described: Mapping[str, str]) -> Schema:
    """Return the schema of an object with a property of each argument."""
    made: Schema = {"type": "object", "properties": {}}
    places = [(one, schema_of(one, schemas)) for one in bodies]
    # Defaults are sent, too.
    required = [one.sent for one in bodies if not one.may_be_unset]
    if required:
        made["required"] = required

    def finish() -> None:
        for one, place in places:
            about = described.get(one.name)
            made["properties"][one.sent] = described_schema(one, place, about, schemas)

    schemas.later(finish)
    return made
