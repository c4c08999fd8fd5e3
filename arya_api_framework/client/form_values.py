"""What the values of a form are: files, lists, objects, and models that say it of themselves."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from datetime import datetime
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard, get_args, get_origin
from weakref import WeakKeyDictionary

from ..forms import FILE, Encoding
from .encoding import Pairs, as_pairs
from .shapes import is_bytes, is_mapping, is_model, is_sequence, is_tuple

if TYPE_CHECKING:
    import pydantic

__all__ = [
    "NO_SHAPE",
    "PLAIN",
    "Shape",
    "form_pairs",
    "holds_file",
    "is_file",
    "is_list",
    "is_object",
    "is_stream",
    "shape_of",
]

PLAIN = frozenset({str, int, float, bool, bytes, type(None), datetime})
_STREAMS = (PathLike, Iterator, AsyncIterable)


class Shape(NamedTuple):
    """What the fields of a model say of themselves, by the names that are sent.

    Attributes:
        names: The name that is sent, by the name of each field.
        encoding: How each is written, where that is said.
        files: Those that are files, whatever they look like.
    """

    names: dict[str, str]
    encoding: dict[str, Encoding]
    files: frozenset[str]


NO_SHAPE = Shape({}, {}, frozenset())
_shapes: WeakKeyDictionary[type, Shape] = WeakKeyDictionary()


def form_pairs(what: str, values: object) -> Pairs:
    """Return a mapping, model or list of pairs as pairs, those of a model as they were given.

    A dump turns files into something else, and models inside into what JSON would not make of them.
    """
    pairs = as_pairs(what, values)
    if not is_model(values):
        return pairs
    given = {sent: name for name, sent in shape_of(type(values)).names.items()}
    return [
        (name, _given(getattr(values, given[name]), value) if name in given else value)
        for name, value in pairs
    ]


def _given(raw: Any, dumped: Any) -> Any:
    """Return a value of a model as it was given, unless a serializer made another of it."""
    if raw.__class__ in PLAIN:
        return dumped
    if is_file(raw) and is_file(dumped):
        return raw
    if is_model(raw) and is_mapping(dumped):
        own = dict(as_pairs("`data`", raw))
        return raw if own.keys() == dumped.keys() and _are_equal(own, dumped) else dumped
    if is_sequence(raw) and is_sequence(dumped) and len(raw) == len(dumped):
        return [_given(*both) for both in zip(raw, dumped, strict=True)]
    if is_mapping(raw) and is_mapping(dumped) and raw.keys() == dumped.keys():
        return {key: _given(raw[key], value) for key, value in dumped.items()}
    return dumped


def _are_equal(own: dict[Any, Any], dumped: Any) -> bool:
    return all(
        value == dumped[key] or (is_file(value) and is_file(dumped[key]))
        for key, value in own.items()
    )


def _sent_name(name: str, field: pydantic.fields.FieldInfo) -> str:
    return field.serialization_alias or field.alias or name


def shape_of(model: type[pydantic.BaseModel]) -> Shape:
    """Return what the fields of a model say of themselves."""
    shape = _shapes.get(model)
    if shape is None:
        encoding: dict[str, Encoding] = {}
        files: set[str] = set()
        names: dict[str, str] = {}
        for name, field in model.model_fields.items():
            sent = names[name] = _sent_name(name, field)
            for note in (*field.metadata, *_notes(field.annotation)):
                if isinstance(note, Encoding):
                    encoding[sent] = note
                elif note is FILE:
                    files.add(sent)
        shape = _shapes[model] = Shape(names, encoding, frozenset(files))
    return shape


def _notes(annotation: Any) -> Iterator[Any]:
    """Yield what annotations inside of a type say, such as in `FormFile | None`."""
    yield from getattr(annotation, "__metadata__", ())
    if get_origin(annotation) is not None:
        for inner in get_args(annotation):
            yield from _notes(inner)


def is_file(value: object) -> bool:
    """Return whether a value among others is a file, or a tuple that describes one."""
    if value.__class__ in PLAIN:
        return False
    if not is_tuple(value):
        return is_stream(value)
    if not 2 <= len(value) <= 4 or not isinstance(value[0], str | None):
        return False
    if is_bytes(value[1]) or is_stream(value[1]):
        return True
    # Text in a tuple may be a value like the others, where nothing says that it is content.
    return (value[0] is None and len(value) > 2) or (len(value) == 4 and is_mapping(value[3]))


def is_stream(value: object) -> bool:
    """Return whether a value is a path, an open file or an iterator."""
    return isinstance(value, _STREAMS) or callable(getattr(value, "read", None))


def holds_file(value: Any) -> bool:
    """Return whether a value is a file, or has one inside."""
    if value.__class__ in PLAIN:
        return False
    if is_file(value):
        return True
    if is_list(value):
        return any(map(holds_file, value))
    if is_mapping(value):
        return any(map(holds_file, value.values()))
    return is_model(value) and any(holds_file(one) for _, one in value)


def is_object(value: object) -> bool:
    """Return whether a value is a mapping or a model."""
    return is_mapping(value) or is_model(value)


def is_list(value: object) -> TypeGuard[list[Any] | tuple[Any, ...] | set[Any] | frozenset[Any]]:
    """Return whether a value is a list, a set, or a tuple that is no file."""
    return isinstance(value, list | set | frozenset) or (is_tuple(value) and not is_file(value))
