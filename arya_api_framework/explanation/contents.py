"""What a value, or a type, holds: secrets, iterators, and nothing but what is written in code."""

from __future__ import annotations

import dataclasses
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, EnumMeta
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import BaseMetadata, GroupedMetadata
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from ..client.shapes import is_form, is_mapping, is_model, is_secret

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = ["contains_iterator", "contains_secret", "holds_secret", "is_closed", "is_iterator"]

_SMALL = 1000
"""The bounds of numbers that may be shown: no secret that is worth one has so few values."""

_LISTS = (list, tuple, set, frozenset)


def is_closed(annotation: Any) -> bool:
    """Return whether the values of a type are all written down in code, so that none is a secret.

    That is so for `bool`, enumerations, `Literal`, numbers with two small bounds, and what is made
    of these; not where a function of the user's has a say in what a value becomes.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *notes = get_args(annotation)
        if not all(map(_only_checks, notes)):
            return False
        return _is_small(notes) if inner is int else is_closed(inner)
    if origin is Literal:
        return True
    if origin in (Union, types.UnionType, *_LISTS):
        return all(is_closed(one) for one in get_args(annotation) if one is not ...)
    return annotation in (bool, None, types.NoneType) or _is_closed_enum(annotation)


def _is_closed_enum(kind: Any) -> bool:
    """Return whether an enumeration has no value beside its members."""
    if type(kind) is not EnumMeta or hasattr(kind, "__get_pydantic_core_schema__"):
        return False
    # That of a `Flag` makes members of what it is given.
    missing, usual = (getattr(one, "_missing_", None) for one in (kind, Enum))
    return getattr(missing, "__func__", None) is getattr(usual, "__func__", None)


def _only_checks(note: object) -> bool:
    """Return whether a note on a type changes no value."""
    if isinstance(note, FieldInfo):
        return note.default_factory is None and all(map(_only_checks, note.metadata))
    return isinstance(note, str | BaseMetadata | GroupedMetadata)


def _is_small(notes: Iterable[Any]) -> bool:
    found = [*_constraints(notes)]
    return all(
        any(_is_small_number(getattr(one, name, None)) for one in found for name in names)
        for names in (("ge", "gt"), ("le", "lt"))
    )


def _is_small_number(bound: object) -> bool:
    return isinstance(bound, int | float) and abs(bound) <= _SMALL


def _constraints(notes: Iterable[Any]) -> Iterator[Any]:
    for note in notes:
        yield note
        if isinstance(note, FieldInfo):
            yield from note.metadata


def holds_secret(annotation: Any) -> bool:
    """Return whether a type says that its values are secrets, or hold one."""
    left, seen = [annotation], list[Any]()
    while left:
        one = left.pop()
        left += get_args(one)
        kind = get_origin(one) or one
        if any(kind is known for known in seen):
            continue
        seen.append(kind)
        if isinstance(kind, type) and hasattr(kind, "get_secret_value"):
            return True
        left += _field_types(kind)
    return False


def _field_types(kind: Any) -> Iterable[Any]:
    """Return the types of the fields that the values of a type have."""
    aliased: Any = getattr(kind, "__value__", None) or getattr(kind, "__supertype__", None)
    if aliased is not None:
        return (aliased,)
    fields: Any = getattr(kind, "__pydantic_fields__", None)
    if is_mapping(fields):
        return [one.annotation for one in fields.values()]
    if is_typeddict(kind) or hasattr(kind, "__dataclass_fields__") or hasattr(kind, "_fields"):
        try:
            return get_type_hints(kind).values()
        except (
            NameError,
            AttributeError,
            TypeError,
        ):  # It names what is not known here, and may be anything.
            return (SecretStr,)
    return ()


def contains_secret(value: object) -> bool:
    """Return whether a value is a secret, or one is in it."""
    return _anywhere(value, lambda one: is_secret(one) or hasattr(one, "get_secret_value"))


def contains_iterator(value: object) -> bool:
    """Return whether a value is an iterator, which can be read once, or one is in it."""
    return _anywhere(value, is_iterator)


def is_iterator(value: object) -> TypeIs[Iterator[Any]]:
    """Return whether a value is an iterator, which can be read once; a file is none here."""
    return isinstance(value, Iterator) and not hasattr(cast("object", value), "read")


def _anywhere(value: object, test: Callable[[object], bool]) -> bool:
    left, seen = [value], dict[int, object]()
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        if test(one):
            return True
        left += _parts(one)
    return False


def _parts(value: Any) -> Iterable[Any]:
    """Return what a value holds."""
    if is_mapping(value):
        return value.values()
    if isinstance(value, (*_LISTS, deque)):
        return cast("Iterable[Any]", value)
    if is_model(value):
        return [*vars(value).values(), *(value.model_extra or {}).values()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, spec.name, None) for spec in dataclasses.fields(value)]
    if isinstance(value, Enum):
        return (value.value,)
    return (value.values,) if is_form(value) else ()
