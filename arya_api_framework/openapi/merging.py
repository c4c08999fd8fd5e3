"""Endpoints that share a path and a method, as the one operation that OpenAPI has room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..client.shapes import is_mapping
from .forms import FORMS
from .schemas import Schema, Schemas, either, unique

__all__ = ["merge_operations"]

_MERGED = ("parameters", "requestBody", "responses", "security", "servers", "deprecated")
_OF_ALL = ("required", "deprecated")
"""What a parameter is only if that of each operation is."""
_STYLE = ("style", "explode")
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
            made[name] = unique(
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
            name = parameter["name"]
            # Names of header fields are the same in any case.
            key = parameter["in"], name.lower() if parameter["in"] == "header" else name
            found.setdefault(key, []).append(parameter)
    merged: list[dict[str, Any]] = []
    for same in found.values():
        made = {k: value for k, value in same[0].items() if k not in (*_OF_ALL, "schema")}
        if len(same) == len(operations):
            made |= {flag: True for flag in _OF_ALL if all(one.get(flag) for one in same)}
        written = unique([one.get(key) for key in _STYLE] for one in same)
        if len(written) > 1:  # Nobody could take it apart.
            merged.append({k: v for k, v in made.items() if k not in _STYLE} | {"schema": {}})
        else:
            merged.append({**made, "schema": either(one["schema"] for one in same)})
    return merged


def _body(operations: list[dict[str, Any]], schemas: Schemas) -> dict[str, Any] | None:
    bodies = [one["requestBody"] for one in operations if "requestBody" in one]
    if not bodies:
        return None
    made: dict[str, Any] = {**bodies[0], "content": _content(bodies)}
    for media_type in FORMS:
        forms = [one["content"][media_type] for one in bodies if media_type in one["content"]]
        if len(unique(forms)) > 1:
            made["content"][media_type] = _form(forms, schemas)
    made.pop("required", None)
    if len(bodies) == len(operations) and all(one.get("required") for one in bodies):
        made["required"] = True
    return made


def _form(forms: list[dict[str, Any]], schemas: Schemas) -> dict[str, Any]:
    """Return one object with the fields of all: readers take forms apart by their `properties`."""
    flat = [schemas.resolve(one["schema"]) for one in forms]
    if not all(is_mapping(one.get("properties")) for one in flat):
        return {"schema": {"type": "object"}}  # Fields of any name, and of any type.
    schema: Schema = {"type": "object", "properties": {}}
    encoding: dict[str, Any] = {}
    for name in dict.fromkeys(name for one in flat for name in one["properties"]):
        having = [(one, form) for one, form in zip(flat, forms, strict=True) if _has(one, name)]
        written = unique(form.get("encoding", {}).get(name) for _, form in having)
        if len(written) > 1:  # Nobody could take it apart.
            schema["properties"][name] = {}
            continue
        schema["properties"][name] = either(one["properties"][name] for one, _ in having)
        if written[0] is not None:
            encoding[name] = written[0]
    patterns = [one["patternProperties"] for one in flat if "patternProperties" in one]
    if patterns:
        names = dict.fromkeys(name for one in patterns for name in one)
        schema["patternProperties"] = {
            name: either(one[name] for one in patterns if name in one) for name in names
        }
    required = [
        name
        for name in schema["properties"]
        if all(name in one.get("required", ()) for one in flat)
    ]
    if required:
        schema["required"] = required
    return {"schema": schema, **({"encoding": encoding} if encoding else {})}


def _has(schema: Schema, name: str) -> bool:
    return name in schema["properties"]


def _responses(operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the responses of all: by each status those that any has for it."""
    every = [one["responses"] for one in operations]
    merged: dict[str, Any] = {}
    # Statuses come before ranges, as digits do before letters.
    for status in sorted({status for one in every for status in one}):
        of_range = f"{status[0]}XX"
        # The default is that of errors: a success without a status is what `2XX` is.
        others = () if status[0] == "2" else ("default",)
        keys = status, of_range, *others
        firsts = (next((one[key] for key in keys if key in one), None) for one in every)
        same = [found for found in firsts if found is not None]
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
            made["schema"] = either(one["schema"] for one in same)
        if "encoding" in same[0]:
            made["encoding"] = same[0]["encoding"]
        merged[media_type] = made
    return merged
