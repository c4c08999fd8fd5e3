"""What the values of an annotation look like: single ones, lists, objects, lists of objects."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from io import IOBase
from typing import (
    IO,
    Annotated,
    Any,
    Literal,
    NewType,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

from typing_extensions import TypeAliasType, is_typeddict

__all__ = [
    "OBJECTS",
    "UNIONS",
    "Kind",
    "holds_lists",
    "holds_only",
    "is_file",
    "is_plain",
    "is_stream",
    "is_unsendable",
    "kinds_of",
    "may_be",
    "members_of",
    "with_lists",
]

Kind: TypeAlias = Literal["single", "list", "model", "mapping", "models", "any"]
"""`"models"` are lists of models or mappings, `"any"` is what only the value tells."""

OBJECTS: frozenset[Kind] = frozenset({"model", "mapping"})

UNIONS = (Union, types.UnionType)
_LISTS = (list, tuple, set, frozenset, Sequence, AbstractSet, Iterable)
_PLAIN = (str, int, float, bytes, type(None), date, datetime, time, timedelta, Decimal, UUID, Enum)


def kinds_of(annotation: Any) -> frozenset[Kind]:
    """Return what values of a type look like, `None` left out; a union may have several kinds."""
    origin = get_origin(annotation)
    inner = _inside(annotation)
    if inner is not None:
        return kinds_of(inner)
    if origin in UNIONS:
        members = [one for one in get_args(annotation) if one is not type(None)]
        return frozenset(kind for one in members for kind in kinds_of(one))
    kind: Any = origin or annotation
    if kind in (Any, object) or isinstance(kind, TypeVar):
        return frozenset({"any"})
    if kind in _LISTS:
        items = [kinds_of(one) for one in get_args(annotation) if one is not ...]
        return frozenset({"models" if any(one & OBJECTS for one in items) else "list"})
    if is_model_type(kind):
        return frozenset({"model"})
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return frozenset({"mapping"})
    return frozenset({"single"})


def _inside(annotation: Any) -> Any:
    """Return what stands behind a name or a note, `None` where there is none."""
    if get_origin(annotation) is Annotated:
        return get_args(annotation)[0]
    if isinstance(annotation, TypeAliasType):
        return annotation.__value__
    if isinstance(annotation, NewType):
        return annotation.__supertype__
    if isinstance(annotation, TypeVar):
        return annotation.__bound__
    return None


def is_model_type(kind: Any) -> bool:
    """Return whether a type is a model: of pydantic's, a dataclass or a `TypedDict`."""
    return isinstance(kind, type) and (
        hasattr(kind, "__pydantic_validator__")
        or hasattr(kind, "__dataclass_fields__")
        or is_typeddict(kind)
    )


def is_plain(annotation: Any) -> bool:
    """Return whether pydantic can surely validate a type."""
    origin, given = get_origin(annotation), get_args(annotation)
    if origin in (*UNIONS, *_LISTS, dict):
        return all(one is ... or is_plain(one) for one in given)
    if origin is Literal or annotation is Any or isinstance(annotation, TypeVar):
        return True
    return isinstance(annotation, type) and (
        hasattr(annotation, "__pydantic_validator__") or issubclass(annotation, _PLAIN)
    )


def holds_only(annotation: Any, *kinds: type[Any]) -> bool:
    """Return whether the values of a type, other than `None`, are all of certain classes."""
    inner = _inside(annotation)
    if inner is not None:
        return holds_only(inner, *kinds)
    if get_origin(annotation) in UNIONS:
        members = [one for one in get_args(annotation) if one is not type(None)]
        return all(holds_only(one, *kinds) for one in members)
    return isinstance(annotation, type) and issubclass(annotation, kinds)


def members_of(annotation: Any) -> list[Any]:
    """Return the types of a union, or the only one, without what is noted on them."""
    if get_origin(annotation) is Annotated:
        return members_of(get_args(annotation)[0])
    if isinstance(annotation, TypeAliasType):
        return members_of(annotation.__value__)
    if get_origin(annotation) in UNIONS:
        return [one for part in get_args(annotation) for one in members_of(part)]
    return [type(None) if annotation is None else annotation]


def is_file(annotation: Any) -> bool:
    """Return whether the values of a type, or of its items, are files of a form."""
    from ..forms import FILE

    inner = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return FILE in inner[1:] or is_file(inner[0])
    is_outer = get_origin(annotation) in (*UNIONS, *_LISTS)
    return is_outer and any(map(is_file, inner))


def is_stream(annotation: Any) -> bool:
    """Return whether the values of a type are open files."""
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, IO | IOBase)


def holds_lists(annotation: Any) -> bool:
    """Return whether a type is that of lists in lists."""
    inner = _inside(annotation)
    if inner is not None:
        return holds_lists(inner)
    given = [one for one in get_args(annotation) if one is not ...]
    if get_origin(annotation) in _LISTS:
        return any("list" in kinds_of(one) for one in given)
    return get_origin(annotation) in UNIONS and any(map(holds_lists, given))


def with_lists(annotation: Any) -> Any:
    """Return a type with lists in the place of iterables, which pydantic would read only later."""
    origin, given = get_origin(annotation), get_args(annotation)
    if annotation is Iterable:
        return list
    if origin is Iterable:
        return list[given[0]]  # type: ignore[valid-type]
    if origin is Annotated:
        return Annotated[(with_lists(given[0]), *given[1:])]
    if origin in UNIONS:
        return Union[tuple(map(with_lists, given))]  # noqa: UP007 - of as many as there are
    return annotation


def may_be(annotation: Any, other: Any) -> bool:
    """Return whether what is of another type may be of this one, as far as their classes tell."""
    other = type(None) if other is None else other
    if annotation == other or Any in (annotation, other):
        return True
    inner, other_inner = _inside(annotation), _inside(other)
    if inner is not None:
        return may_be(inner, other)
    if other_inner is not None:
        return may_be(annotation, other_inner)
    if get_origin(other) in UNIONS:
        return all(may_be(annotation, one) for one in get_args(other))
    if get_origin(annotation) in UNIONS:
        return any(may_be(one, other) for one in get_args(annotation))
    wide, narrow = get_origin(annotation) or annotation, get_origin(other) or other
    try:
        return issubclass(narrow, wide)
    except TypeError:  # Not both are classes that can be asked.
        return not isinstance(narrow, type)


def is_unsendable(annotation: Any) -> bool:
    """Return whether nothing of a type can be sent, though pydantic can validate it."""
    kind = get_origin(annotation) or annotation
    return kind in (Callable, type, Iterator) or (
        isinstance(kind, type) and issubclass(kind, Iterator | types.FunctionType)
    )
