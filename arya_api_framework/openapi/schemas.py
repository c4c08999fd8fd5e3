"""The JSON schemas of a document, made by pydantic all at once: so no two have one name."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import PydanticUserError, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import PydanticOmit, SchemaError
from typing_extensions import TypeAliasType, override

from ..client.redaction import is_credential
from ..client.shapes import is_mapping, is_sequence

__all__ = [
    "Schema",
    "Schemas",
    "dumped",
    "either",
    "is_nullable",
    "members_of",
    "unique",
    "without_null",
]

Schema: TypeAlias = dict[str, Any]

_TEMPLATE = "#/components/schemas/{model}"
_PREFIX = _TEMPLATE.format(model="")
_NULL = {"type": "null"}
_SIDE = re.compile(r"-(Input|Output)(?=$|__)")


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, for which what JSON has no type for is anything."""

    ignored_warning_kinds = {  # noqa: RUF012 - as pydantic has it
        "non-serializable-default",
        "skipped-choice",
        "skipped-discriminator",
    }

    @override
    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}


class Schemas:
    """The schemas of all types of a document.

    Types are added while the document is made, and give a schema that is empty until `finish`.
    """

    def __init__(self) -> None:
        self._wanted: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = []
        self._places: dict[tuple[str, JsonSchemaMode], Schema] = {}
        self._later: list[Callable[[], None]] = []
        self._components: dict[str, Schema] = {}

    def add(self, annotation: Any, mode: JsonSchemaMode) -> Schema:
        """Return what will be the schema of a type.

        Args:
            annotation: The type.
            mode: `"validation"` of what comes, `"serialization"` of what is sent.
        """
        place: Schema = {}
        try:
            adapter = TypeAdapter[Any](annotation)
            adapter.rebuild(raise_errors=True)
        except (PydanticSchemaGenerationError, PydanticUserError, SchemaError, TypeError):
            return place  # Pydantic does not know it: it may be anything.
        key = f"schema{len(self._wanted)}"
        self._wanted.append((key, mode, adapter))
        self._places[key, mode] = place
        return place

    def later(self, act: Callable[[], None]) -> None:
        """Have something done when the schemas are there."""
        self._later.append(act)

    def finish(self) -> dict[str, Schema]:
        """Fill all schemas, and return those that have a name, by name."""
        if self._wanted:
            found, rest = TypeAdapter.json_schemas(
                self._wanted, ref_template=_TEMPLATE, schema_generator=_Generator
            )
            definitions = rest.get("$defs", {})
            names = _names(definitions)
            for key, place in self._places.items():
                place.update(_cleaned(found[key], names))
            for name in sorted(definitions):
                self._components[names[name]] = _cleaned(definitions[name], names)
        for place in self._places.values():
            target = self.resolve(place)
            if is_nullable(target):  # A name for what may be `None`, which is looked at here.
                place.update({**target, **place})
                place.pop("$ref", None)
        for act in self._later:
            act()
        return dict(sorted(self._components.items()))

    def resolve(self, schema: Schema) -> Schema:
        """Return a schema in the place of a reference to it; only once the schemas are there."""
        name = str(schema.get("$ref", "")).removeprefix(_PREFIX)
        return self._components.get(name, schema)


def _names(definitions: dict[str, Any]) -> dict[str, str]:
    """Return what to call the schemas that pydantic named.

    It calls what is validated the input. Of an API that is its output, so here they are called
    `Request` and `Response`.
    """
    sides = {"Input": "-Response", "Output": "-Request"}
    return {name: _SIDE.sub(lambda match: sides[match[1]], name) for name in definitions}


def _cleaned(value: Any, names: dict[str, str]) -> Any:
    """Return a schema with other names in its references, and no default that may be a secret."""
    if is_sequence(value):
        return [_cleaned(one, names) for one in value]
    if not is_mapping(value):
        return value
    cleaned: dict[str, Any] = {}
    for key, one in value.items():
        if key == "$ref" and isinstance(one, str) and one.startswith(_PREFIX):
            old = one.removeprefix(_PREFIX)
            cleaned[key] = _PREFIX + names.get(old, old)
        elif key == "mapping" and is_mapping(one):  # Of a discriminator.
            cleaned[key] = {tag: _cleaned({"$ref": ref}, names)["$ref"] for tag, ref in one.items()}
        elif key == "properties" and is_mapping(one):
            cleaned[key] = {
                name: _without_secret(name, _cleaned(schema, names)) for name, schema in one.items()
            }
        elif key in ("default", "const", "enum", "examples", "example"):
            cleaned[key] = one
        else:
            cleaned[key] = _cleaned(one, names)
    return cleaned


def _without_secret(name: str, schema: Any) -> Any:
    if is_mapping(schema) and (is_credential(name) or schema.get("format") == "password"):
        return {key: one for key, one in schema.items() if key not in _VALUES}
    return schema


_VALUES = frozenset({"default", "examples", "example"})


def is_nullable(schema: Schema) -> bool:
    """Return whether a schema has a place for `null`, beside others."""
    either, values = schema.get("anyOf"), schema.get("enum")
    return (is_sequence(either) and _NULL in either) or (is_sequence(values) and None in values)


def without_null(schema: Schema) -> Schema:
    """Return the schema of what is left out where it is `None`."""
    if not is_nullable(schema):
        return dict(schema)
    kept = {key: one for key, one in schema.items() if key not in ("anyOf", "enum")}
    if kept.get("default", ...) is None:
        del kept["default"]
    if "enum" in schema:
        return {**kept, "enum": [one for one in schema["enum"] if one is not None]}
    rest = [one for one in schema["anyOf"] if one != _NULL]
    if len(rest) > 1:
        return {**kept, "anyOf": rest}
    return {**rest[0], **kept} if rest else kept


def either(schemas: Iterable[Schema]) -> Schema:
    """Return the schema of what fits any of several."""
    several: list[Schema] = unique(schemas)
    bare: list[Schema] = unique(_without_default(one) for one in several)
    if len(bare) > 1:
        return {"anyOf": bare} if {} not in bare else {}
    return several[0] if len(several) == 1 else bare[0]


def _without_default(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "default"}


def unique(values: Iterable[Any]) -> list[Any]:
    """Return values without those that are there already, which need not be hashable."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def members_of(annotation: Any) -> list[Any]:
    """Return the types of a union, or the only one, without what is noted on them."""
    if get_origin(annotation) is Annotated:
        return members_of(get_args(annotation)[0])
    if isinstance(annotation, TypeAliasType):
        return members_of(annotation.__value__)
    if get_origin(annotation) in (Union, types.UnionType):
        return [one for part in get_args(annotation) for one in members_of(part)]
    return [type(None) if annotation is None else annotation]


def dumped(annotation: Any, value: Any) -> Any:
    """Return a value as JSON has it.

    Raises:
        PydanticOmit: JSON has no such value.
    """
    try:
        return TypeAdapter[Any](annotation).dump_python(
            value, mode="json", by_alias=True, warnings=False
        )
    except Exception as error:
        raise PydanticOmit from error
