"""Objects whose fields are sent under their own names, as in queries and urlencoded forms."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ..client.shapes import is_mapping, is_sequence
from .schemas import Schema, Schemas, either, is_nullable, without_null

__all__ = ["Field", "fields_of", "leaves_of"]


class Field(NamedTuple):
    """A field of an object: its name, its schema, and whether it is always there."""

    name: str
    schema: Schema
    is_required: bool


def fields_of(schema: Schema, schemas: Schemas) -> list[Field] | None:
    """Return the fields of an object, or of what may be one of several objects.

    Fields that are `None` are left out.

    Args:
        schema: That of the object.
        schemas: The schemas of the document, finished.

    Returns:
        `None` for what is no object, or whose fields may have any name.
    """
    found = schemas.resolve(schema)
    properties = found.get("properties")
    if is_mapping(properties):
        required = found.get("required", ())
        return [
            Field(name, without_null(one), name in required and not is_nullable(one))
            for name, one in properties.items()
        ]
    several = [fields_of(one, schemas) for one in _members(found)]
    known = [one for one in several if one is not None]
    if not known or len(known) < len(several):
        return None
    by_name: dict[str, list[Field]] = {}
    for one in (field for fields in known for field in fields):
        by_name.setdefault(one.name, []).append(one)
    return [
        Field(
            name,
            either(one.schema for one in same),
            len(same) == len(known) and all(one.is_required for one in same),
        )
        for name, same in by_name.items()
    ]


def leaves_of(
    schema: Schema,
    schemas: Schemas,
    *,
    kept: Collection[str] = (),
    above: frozenset[str] = frozenset(),
) -> list[Field] | None:
    """Return the fields of an object, those of objects in it with dots between their names.

    An object that holds itself ends where it begins again.

    Args:
        schema: That of the object.
        schemas: The schemas of the document, finished.
        kept: Fields that are not taken apart.
        above: References to the objects that it is in.

    Returns:
        `None` where `fields_of` does.
    """
    names = {str(one["$ref"]) for one in (schema, *_members(schema)) if "$ref" in one}
    fields = None if names & above else fields_of(schema, schemas)
    if fields is None:
        return None
    found: list[Field] = []
    for one in fields:
        inner = None
        if one.name not in kept:
            inner = leaves_of(one.schema, schemas, above=above | names)
        if inner is None:
            # Of an object of any names there is nothing under its own.
            is_open = schemas.resolve(one.schema).get("type") == "object" and one.name not in kept
            found.append(one._replace(is_required=one.is_required and not is_open))
            continue
        more = {"deprecated": True} if one.schema.get("deprecated") else {}
        found += [
            Field(
                f"{one.name}.{each.name}",
                {**each.schema, **more},
                one.is_required and each.is_required,
            )
            for each in inner
        ]
    return found


def _members(schema: Schema) -> list[Schema]:
    members = schema.get("anyOf", schema.get("oneOf"))
    return [*members] if is_sequence(members) else []
