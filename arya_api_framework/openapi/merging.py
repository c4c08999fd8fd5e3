"""Endpoints that share a path and a method, as the one operation that OpenAPI has room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..client.shapes import is_mapping
from .bodies import FORMS
from .schemas import Schema, Schemas

__all__ = ["merge_operations"]

_MERGED = ("parameters", "requestBody", "responses", "security", "servers", "deprecated")
_OF_ALL = ("required", "deprecated")
"""What a parameter is only if that of each operation is."""
_NO_REQUIREMENT: list[Any] = [{}]


def merge_operations(
    operations: list[dict[str, Any]],
    schemas: Schemas,
    *,
    security: list[Any] | None,
    servers: list[Any],
) -> dict[str, Any]:
    """Return the operation that allows what any of several allow.

    What they are called is that of the first; all of them stand in its `x-alternatives`.

    Args:
        operations: Those of one path and method, finished.
        schemas: The schemas of the document, finished.
        security: What an operation needs that says nothing else, `None` for nothing.
        servers: Where an operation is that says nothing else.
    """
    first, *rest = operations
    if not rest:
        return first
    made = {name: value for name, value in first.items() if name not in _MERGED}
    parameters = _parameters(operations)
    if parameters:
        made["parameters"] = parameters
    body = _body(operations, schemas)
    if body:
        made["requestBody"] = body
    made["responses"] = _responses(operations)
    for name, usual in (("security", security or _NO_REQUIREMENT), ("servers", servers)):
        if any(name in one for one in operations):
            # An empty list asks for nothing, as does a requirement that is empty.
            made[name] = _unique(
                each for one in operations for each in one.get(name, usual) or _NO_REQUIREMENT
            )
    if all(one.get("deprecated") for one in operations):
        made["deprecated"] = True
    made["x-alternatives"] = operations
    return made


def _parameters(operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parameters of all; required is what all require."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in operations:
        for parameter in one.get("parameters", ()):
            found.setdefault((parameter["in"], parameter["name"]), []).append(parameter)
    merged: list[dict[str, Any]] = []
    for same in found.values():
        made = {k: value for k, value in same[0].items() if k not in (*_OF_ALL, "schema")}
        if len(same) == len(operations):
            made |= {flag: True for flag in _OF_ALL if all(one.get(flag) for one in same)}
        merged.append({**made, "schema": _either(one["schema"] for one in same)})
    return merged


def _body(operations: list[dict[str, Any]], schemas: Schemas) -> dict[str, Any] | None:
    bodies = [one["requestBody"] for one in operations if "requestBody" in one]
    if not bodies:
        return None
    made: dict[str, Any] = {**bodies[0], "content": _content(bodies)}
    for media_type in FORMS:
        if media_type in made["content"]:
            made["content"][media_type]["schema"] = _form(bodies, media_type, schemas)
    made.pop("required", None)
    if len(bodies) == len(operations) and all(one.get("required") for one in bodies):
        made["required"] = True
    return made


def _form(bodies: list[dict[str, Any]], media_type: str, schemas: Schemas) -> Schema:
    """Return one object with the fields of all: readers take forms apart by their `properties`."""
    found = [one["content"][media_type]["schema"] for one in bodies if media_type in one["content"]]
    flat = [schemas.resolve(one) for one in found]
    if len(_unique(found)) == 1 or not all(is_mapping(one.get("properties")) for one in flat):
        return _either(found)
    names = dict.fromkeys(name for one in flat for name in one["properties"])
    made: Schema = {
        "type": "object",
        "properties": {
            name: _either(one["properties"][name] for one in flat if name in one["properties"])
            for name in names
        },
    }
    required = [name for name in names if all(name in one.get("required", ()) for one in flat)]
    return {**made, "required": required} if required else made


def _responses(operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the responses of all: by each status those that any has for it."""
    every = [one["responses"] for one in operations]
    merged: dict[str, Any] = {}
    # Statuses come before ranges, as digits do before letters.
    for status in sorted({status for one in every for status in one}):
        of_range = f"{status[0]}XX"
        same = [found for one in every if (found := one.get(status) or one.get(of_range))]
        content = _content(same)
        about = next(one[status] for one in every if status in one)
        merged[status] = {**about, **({"content": content} if content else {})}
    return merged


def _content(bodies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the media types of all, each with the schemas that any has for it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in bodies:
        for media_type, media in one.get("content", {}).items():
            found.setdefault(media_type, []).append(media)
    merged: dict[str, Any] = {}
    for media_type, same in found.items():
        made: dict[str, Any] = {}
        if all("schema" in one for one in same):
            made["schema"] = _either(one["schema"] for one in same)
        for one in reversed(same):
            if "encoding" in one:
                made["encoding"] = {**made.get("encoding", {}), **one["encoding"]}
        merged[media_type] = made
    return merged


def _either(schemas: Iterable[Schema]) -> Schema:
    """Return the schema of what fits any of several."""
    several: list[Schema] = _unique(schemas)
    bare: list[Schema] = _unique(_without_default(one) for one in several)
    if len(bare) > 1:
        return {"anyOf": bare} if {} not in bare else {}
    return several[0] if len(several) == 1 else bare[0]


def _without_default(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "default"}


def _unique(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
