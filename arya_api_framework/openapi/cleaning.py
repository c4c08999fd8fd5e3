"""Schemas without what no document may give out: credentials, and what JSON has no value for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any, cast

from pydantic_core import to_jsonable_python

from ..client.redaction import is_credential
from ..client.shapes import is_mapping, is_model, is_secret, is_sequence, is_tuple

__all__ = ["PREFIX", "SECRET", "Cleaner", "is_password", "is_public", "secret_names"]

PREFIX = "#/components/schemas/"
SECRET = "x-secret"
"""What notes that the values of a schema may be secrets; as its name is that of one, it is left
out of documents itself."""

_VALUES = frozenset({"default", "examples", "example"})
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas"})
_MEMBERS = ("anyOf", "oneOf", "allOf", "prefixItems")
_INNER = frozenset(
    """
    additionalProperties contains contentSchema discriminator else if items not propertyNames then
    unevaluatedItems unevaluatedProperties
    """.split()
)


class Cleaner:
    """Cleans the schemas of a document.

    Args:
        names: What to call components, by what pydantic calls them.
        secret: Names of properties that are secrets, beside those that look like it.
    """

    def __init__(self, names: Mapping[str, str], secret: Collection[str]) -> None:
        self._names = names
        self._secret = secret

    def clean(self, schema: Any, is_secret: bool = False) -> Any:
        """Return a schema with other names in its references, and no value that may be a secret.

        A default with a secret in it is left out as a whole: with less in it, it would be another.

        Args:
            schema: The schema, or a list of some.
            is_secret: Whether its values are secrets in any case.
        """
        if is_sequence(schema):
            return [self.clean(one, is_secret) for one in schema]
        if not is_mapping(schema):
            return schema
        is_secret = is_secret or bool(schema.get(SECRET)) or is_password(schema)
        cleaned: dict[str, Any] = {}
        for key, one in schema.items():
            if key == "$ref":
                cleaned[key] = self._renamed(one)
            elif key == "mapping" and is_mapping(one):  # Of a discriminator.
                cleaned[key] = {tag: self._renamed(ref) for tag, ref in one.items()}
            elif key in _NAMED and is_mapping(one):
                cleaned[key] = {
                    name: self.clean(each, is_secret or is_credential(name))
                    for name, each in one.items()
                }
            elif key in _INNER or key in _MEMBERS:
                cleaned[key] = self.clean(one, is_secret)
            elif not (is_credential(key) or (is_secret and key in _VALUES)):
                self._put(cleaned, key, one)
        return cleaned

    def _renamed(self, reference: Any) -> Any:
        old = str(reference).removeprefix(PREFIX)
        return PREFIX + self._names[old] if old in self._names else reference

    def _put(self, cleaned: dict[str, Any], key: str, value: Any) -> None:
        """Put a value where it is one of JSON and public; of a list of values those that are."""
        try:
            plain = to_jsonable_python(value)
        except ValueError:
            return
        if key in ("enum", "examples") and is_sequence(plain):
            plain = [one for one in plain if is_public(one, self._secret)]
            if plain or not value:
                cleaned[key] = plain
        elif is_public(plain, self._secret):
            cleaned[key] = plain


def is_password(schema: Any) -> bool:
    """Return whether a schema is that of a secret, or of what may be or hold some."""
    members = [one for key in _MEMBERS for one in schema.get(key, ())]
    return schema.get("format") == "password" or any(
        is_password(one) for one in (*members, schema.get("items")) if is_mapping(one)
    )


def secret_names(schema: Any) -> Iterator[str]:
    """Yield the names of all properties in a schema whose values are noted as secrets."""
    if is_sequence(schema):
        for one in schema:
            yield from secret_names(one)
    elif is_mapping(schema):
        properties = schema.get("properties")
        for name, one in properties.items() if is_mapping(properties) else ():
            if is_mapping(one) and (one.get(SECRET) or is_password(one)):
                yield name
        for one in schema.values():
            yield from secret_names(one)


def is_public(value: Any, secret: Collection[str] = ()) -> bool:
    """Return whether a value may be given out: no credential is in it, and JSON has its numbers.

    Args:
        value: A value of JSON, or of Python.
        secret: Names of secrets, beside those that look like it.
    """
    try:
        return _is_public(value, secret)
    except RecursionError:  # It holds itself, which JSON cannot.
        return False


def _is_public(value: Any, secret: Collection[str]) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if is_secret(value):
        return False
    named = _named(value)
    if named is not None:
        return all(
            one is None
            or (not is_credential(str(name)) and name not in secret and _is_public(one, secret))
            for name, one in named
        )
    items: Any = value
    if isinstance(items, list | tuple | set | frozenset):
        found: list[Any] = [*cast("Any", items)]
        return all(_is_public(one, secret) for one in found)
    return True


def _named(value: Any) -> list[tuple[Any, Any]] | None:
    """Return what stands in a value under names, `None` where that is no object."""
    if is_mapping(value):
        return [*value.items()]
    if is_model(value):
        return [*value]
    if is_dataclass(value) and not isinstance(value, type):
        return [(one.name, getattr(value, one.name, None)) for one in fields(value)]
    if is_tuple(value) and hasattr(type(value), "_fields"):
        return [*zip(getattr(value, "_fields"), value, strict=False)]  # noqa: B009
    return None
