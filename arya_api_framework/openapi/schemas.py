"""The JSON schemas of a document, made by pydantic all at once: so no two have one name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from pydantic import PydanticUserError, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError
from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaMode,
    JsonSchemaValue,
    NoDefault,
)
from pydantic_core import PydanticOmit, SchemaError
from typing_extensions import override

from ..client.redaction import is_credential
from ..client.shapes import is_mapping, is_sequence
from .cleaning import PREFIX, SECRET, Cleaner, is_public, secret_names

__all__ = [
    "Schema",
    "Schemas",
    "dumped",
    "either",
    "is_nullable",
    "unique",
    "without_null",
]

Schema: TypeAlias = dict[str, Any]

_TEMPLATE = PREFIX + "{model}"
_NULL = {"type": "null"}
_SIDE = re.compile(r"-(Input|Output)(?=$|__)")


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, for which what JSON has no type for is anything.

    It notes which fields may be secrets: later their names may be gone, as an alias stands there.
    """

    ignored_warning_kinds = {  # noqa: RUF012 - as pydantic has it
        "non-serializable-default",
        "skipped-choice",
        "skipped-discriminator",
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._secret: dict[int, Any] = {}

    @override
    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        for names, part in _parts(schema):
            if any(map(is_credential, names)):
                self._secret[id(part)] = part
        made = super().generate_inner(schema)
        return {**made, SECRET: True} if id(schema) in self._secret else made

    @override
    def get_default_value(self, schema: Any) -> Any:
        default = super().get_default_value(schema)
        # A serializer may write out what a secret hides, so it is looked at before.
        return default if is_public(default) else NoDefault

    @override
    def field_is_required(self, field: Any, total: bool) -> bool:
        # A model may call its defaults required, but what is unset is not sent.
        is_unset = field["type"] == "model-field" and field["schema"]["type"] == "default"
        may_miss = field["type"] == "typed-dict-field" and not field.get("required", total)
        return not (is_unset or may_miss) and super().field_is_required(field, total)

    @override
    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}


def _parts(schema: Any) -> Iterator[tuple[list[str], Any]]:
    """Yield the fields that a core schema of pydantic's has, each with all its names."""
    fields = schema.get("fields", ())
    pairs: list[tuple[str, Any]] = (
        [*fields.items()]
        if is_mapping(fields)
        else [(one["name"], one) for one in fields if is_mapping(one)]
    )
    for name, field in pairs:
        aliases = (field.get("validation_alias"), field.get("serialization_alias"))
        # Of named tuples the type of a field is asked for, and not the field.
        is_item = field["type"] == "named-tuple-field"
        yield [name, *_texts(aliases)], field["schema"] if is_item else field
    for field in schema.get("computed_fields", ()):
        yield [field["property_name"]], field
    if schema.get("type") == "arguments":  # Of what a call makes, as older named tuples.
        for one in schema["arguments_schema"]:
            yield [one["name"]], one["schema"]


def _texts(value: Any) -> list[str]:
    """Return the texts in an alias, which may be several ones, and a path each."""
    if is_sequence(value):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


class Schemas:
    """The schemas of all types of a document.

    Types are added while the document is made, and give a schema that is empty until `finish`.
    """

    def __init__(self) -> None:
        self._wanted: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = []
        self._places: dict[tuple[str, JsonSchemaMode], tuple[Schema, bool]] = {}
        self._secret: set[str] = set()
        self._later: list[Callable[[], None]] = []
        self._components: dict[str, Schema] = {}

    def add(self, annotation: Any, mode: JsonSchemaMode, *, is_secret: bool = False) -> Schema:
        """Return what will be the schema of a type.

        Args:
            annotation: The type.
            mode: `"validation"` of what comes, `"serialization"` of what is sent.
            is_secret: Whether its values are not to be shown.
        """
        place: Schema = {}
        try:
            adapter = TypeAdapter[Any](annotation)
            adapter.rebuild(raise_errors=True)
        except (PydanticSchemaGenerationError, PydanticUserError, SchemaError, TypeError):
            return place  # Pydantic does not know it: it may be anything.
        key = f"schema{len(self._wanted)}"
        self._wanted.append((key, mode, adapter))
        self._places[key, mode] = place, is_secret
        return place

    def later(self, act: Callable[[], None]) -> None:
        """Have something done when the schemas are there."""
        self._later.append(act)

    def finish(self) -> dict[str, Schema]:
        """Fill all schemas, and return those that have a name, by name."""
        if self._wanted:
            self._fill()
        for act in self._later:
            act()
        return dict(sorted(self._components.items()))

    def _fill(self) -> None:
        found, rest = TypeAdapter.json_schemas(
            self._wanted, ref_template=_TEMPLATE, schema_generator=_Generator
        )
        definitions = rest.get("$defs", {})
        names = _names(definitions)
        self._secret.update(secret_names([*found.values(), *definitions.values()]))
        cleaner = Cleaner(names, self._secret)
        for name in sorted(definitions):
            self._components[names[name]] = cleaner.clean(definitions[name])
        for key, (place, is_secret) in self._places.items():
            place.update(cleaner.clean(found[key], is_secret))
            target = self.resolve(place)
            if is_nullable(target):  # A name for what may be `None`, which is looked at here.
                whole = cleaner.clean({**target, **place}, is_secret)
                whole.pop("$ref", None)
                place.clear()
                place.update(whole)

    def is_public(self, value: Any) -> bool:
        """Return whether a value has no secret in it; only once the schemas are there."""
        return is_public(value, self._secret)

    def resolve(self, schema: Schema) -> Schema:
        """Return a schema in the place of a reference to it; only once the schemas are there."""
        name = str(schema.get("$ref", "")).removeprefix(PREFIX)
        return self._components.get(name, schema)


def _names(definitions: dict[str, Any]) -> dict[str, str]:
    """Return what to call the schemas that pydantic named.

    It calls what is validated the input. Of an API that is its output, so here they are called
    `Request` and `Response`.
    """
    sides = {"Input": "-Response", "Output": "-Request"}
    return {name: _SIDE.sub(lambda match: sides[match[1]], name) for name in definitions}


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
