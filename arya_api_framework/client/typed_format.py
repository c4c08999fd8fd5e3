"""Formats of any type but the plain ones: JSON, validated by pydantic straight from the bytes."""

from __future__ import annotations

import copy
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from inspect import isabstract, isroutine
from itertools import repeat
from typing import TYPE_CHECKING, Any, NewType, Self, cast, get_args, get_origin

import pydantic
from pydantic import PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import SchemaError, SchemaValidator, from_json
from typing_extensions import TypedDict, override

from ..errors import ConfigurationError, ResponseParseError, ResponseValidationError
from ..models import Response, set_info
from ..options import UNSET
from .formats import Format, no_json, place, recode
from .json_place import split_place
from .redaction import clean_text
from .shapes import is_mapping, is_sequence, is_tuple
from .tie import NAME, Binding

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from .response import RawResponse, ResponseInfo

__all__ = [
    "TELLTALE",
    "ItemFormat",
    "ItemsFormat",
    "PartFormat",
    "TypedFormat",
    "binding",
    "first_errors",
    "item_format",
    "items_format",
    "names_in",
]

_make_dict: Any = TypedDict  # Names and types are known at run time only.

_SHOWN_LENGTH = 500
_MOST_ERRORS = 1000
"""How many errors of one body or item are told of; of more, how many there are."""
_QUALIFIER = re.compile(r"\b(?:[A-Za-z_]\w*\.(?:<locals>\.)?)+(?=[A-Za-z_])")


class TypedFormat(Format):
    """JSON validated by pydantic, straight from the bytes.

    Attributes:
        binds: Whether there are models in it that remember their client.
    """

    _suggests_list = True
    _option = "response_format"
    """What whoever gave the type calls it."""

    def __init__(self, target: Any, given: Any = UNSET) -> None:
        self.name = _name_of(target)
        given = target if given is UNSET else given
        if isroutine(given):
            raise ConfigurationError(
                f"{self._option} must be a type that pydantic can validate, got the function "
                f"{_name_of(given)}"
            )
        try:
            adapter = TypeAdapter[Any](target)
            adapter.rebuild(raise_errors=True)
            # Built here, not taken from the adapter: errors must not show the input, whatever
            # the model is configured to.
            validator = SchemaValidator(adapter.core_schema, {"hide_input_in_errors": True})
        except (
            PydanticUserError,
            PydanticUndefinedAnnotation,
            SchemaError,
            TypeError,
            KeyError,
        ) as error:
            raise ConfigurationError(
                f"{self._option} must be a type that pydantic can validate, got {_shown(given)}"
                f"{_written_otherwise(given)}"
            ) from error
        for model in _abstract_models(target):
            raise ConfigurationError(
                f"{self._option} {_name_of(given)} cannot be made: {model.__name__} is abstract, "
                f"it lacks {', '.join(sorted(model.__abstractmethods__))}"
            )
        self._validate = validator.validate_json
        self._single = _is_response(target)
        self._elements = get_origin(target) is list and any(map(_is_response, get_args(target)))
        self._carries = _may_carry(target)
        self._schema: Any = adapter.core_schema
        self.binds = any(map(_is_bound, _models_in(self._schema)))

    def bound_to(self, response: ResponseInfo) -> Self:
        """Return this format, whose models remember the client of a response."""
        found = response._client  # pyright: ignore[reportPrivateUsage]
        client = None if found is None else found()
        if client is None:
            return self
        bound = copy.copy(self)
        bound._validate = partial(self._validate, context=Binding({NAME: client._make_tie()}))
        return bound

    @override
    def parse(self, response: RawResponse) -> Any:
        content = response.content
        try:
            result = self._validate(content or b"null")
        except ValidationError as error:
            # UTF-8 is what JSON must be (RFC 8259 8.1); what is not gets a second look.
            recoded = recode(response)
            if recoded is None:
                explained, cause = self._explain(error, response, content)
                raise explained from cause
            try:
                result = self._validate(recoded)
            except ValidationError as second:
                explained, cause = self._explain(second, response, recoded)
                raise explained from cause
        try:
            if self._single:
                set_info(result, response.info)
            elif self._elements:
                deque(map(set_info, result, repeat(response.info)), maxlen=0)
            elif self._carries:
                _attach(result, response.info)
        except TypeError:
            # A validator of the user's put something else in the place of a model.
            _attach(result, response.info)
        return result

    def _explain(
        self, error: ValidationError, response: RawResponse, content: bytes
    ) -> tuple[ResponseParseError, ValidationError | None]:
        """Return the error for one of pydantic's, and that one if it may be shown."""
        if not content:
            nothing = ResponseParseError(
                f"{place(response)}: the response has no content, but response_format "
                f"{self.name} needs some",
                status=response.status,
            )
            return nothing, error
        found = first_errors(error)
        if found[0]["type"] == "json_invalid":
            return no_json(self, response), error
        rows = self._without_input(found, content)
        shown = "; ".join(
            f"{'.'.join(map(str, row['loc'])) or 'the whole'}: {row['msg']}" for row in rows[:3]
        )
        more = f"; and {error.error_count() - 3} more" if len(rows) > 3 else ""
        hint = ""
        if self._suggests_list and content.lstrip().startswith(b"[") and _missed_the_list(rows):
            hint = f" (the content is a list: use response_format=list[{self.name}])"
        explained = ResponseValidationError(
            f"{place(response)}: the response does not fit {self.name}: "
            f"{clean_text(shown, _SHOWN_LENGTH)}{more}{hint}",
            status=response.status,
            body=content,
            errors=rows,
        )
        shows = [(row["loc"], row["msg"]) for row in rows] != [
            (full["loc"], full["msg"]) for full in found
        ]
        return explained, None if shows else error

    def _without_input(self, found: Iterable[Any], content: bytes) -> list[dict[str, Any]]:
        """Return pydantic's errors without what the response held: no values, no keys of its own.

        Keys are part of the place of an error; those that are no names of fields are `*`.
        """
        rows = [{key: row[key] for key in ("type", "loc", "msg")} for row in found]
        for row, full in zip(rows, found, strict=True):
            if row["type"] in TELLTALE:
                row["msg"] = TELLTALE[row["type"]].format(**full.get("ctx", {}))
        if any(isinstance(part, str) for row in rows for part in row["loc"]):
            names = set(names_in(self._schema))
            data = from_json(content)
            for row in rows:
                row["loc"] = tuple(_without_keys(row["loc"], data, names))
        return rows


class _BoundFormat(Format):
    """A format whose models remember the client."""

    def __init__(self, target: TypedFormat) -> None:
        self.name = target.name
        self._target = target

    @override
    def parse(self, response: RawResponse) -> Any:
        return self._target.bound_to(response).parse(response)


def binding(target: TypedFormat) -> Format:
    """Return a format that binds models to the client, where there are such in it."""
    return _BoundFormat(target) if target.binds else target


class PartFormat(TypedFormat):
    """What stands somewhere in the JSON, of which nothing else is looked at.

    Args:
        at: Where, as names joined by dots.
        part: The type of what stands there.
        whole: What to call the JSON in an error.
    """

    _suggests_list = False

    def __init__(self, at: str, part: Any, whole: str) -> None:
        target, names = part, split_place(at)
        for name in reversed(names):
            target = _make_dict(f"{whole} at {at!r}", {name: target})
        super().__init__(target)
        self._names = names
        self._part_carries = _may_carry(part)

    @override
    def parse(self, response: RawResponse) -> Any:
        found = super().parse(response)
        for name in self._names:
            found = found[name]
        if self._part_carries:
            _attach(found, response.info)
        return found


class ItemFormat(TypedFormat):
    """What each of many items becomes that come in one body.

    Attributes:
        validate: Return an item from its JSON, or raise pydantic's error.
        is_attached: Whether an item may know the response that it came in.
    """

    _suggests_list = False
    _option = "the format of items"

    def __init__(self, target: Any, given: Any = UNSET) -> None:
        super().__init__(target, given)
        self.validate = self._validate
        self.is_attached = self._single or self._carries

    @override
    def bound_to(self, response: ResponseInfo) -> Self:
        bound = super().bound_to(response)
        bound.validate = bound._validate
        return bound

    def attach(self, items: list[Any], info: ResponseInfo) -> None:
        """Let items know the response that they came in."""
        try:
            if self._single:
                deque(map(set_info, items, repeat(info)), maxlen=0)
            elif self._carries:
                for item in items:
                    _attach(item, info)
        except TypeError:
            # A validator of the user's put something else in the place of a model.
            for item in items:
                _attach(item, info)

    def explain(
        self,
        error: ValidationError,
        content: bytes,
        *,
        what: str,
        loc: tuple[int, ...],
        info: ResponseInfo | None,
    ) -> ResponseParseError:
        """Return the error for an item that is not as it should be, from pydantic's.

        Args:
            error: That of pydantic.
            content: The JSON of the item.
            what: What to call the item.
            loc: Where it stands, before the places in it.
            info: The response that it came in.
        """
        start = "" if info is None else f"{place(info)}: "
        status = None if info is None else info.status
        found = first_errors(error)
        if found[0]["type"] == "json_invalid":
            explained = ResponseParseError(
                f"{start}{what} should be {self.name}, but is no valid JSON",
                status=status,
                body=self._content(content),
            )
            explained.__cause__ = error
            return explained
        rows = self._without_input(found, content)
        places = [self._place(row["loc"]) for row in rows]
        shown = "; ".join(
            f"{'.'.join(map(str, place)) or 'the whole'}: {row['msg']}"
            for row, place in zip(rows[:3], places, strict=False)
        )
        more = f"; and {error.error_count() - 3} more" if len(rows) > 3 else ""
        shows = [(row["loc"], row["msg"]) for row in rows] != [
            (full["loc"], full["msg"]) for full in found
        ]
        for row, place_in in zip(rows, places, strict=True):
            row["loc"] = (*loc, *place_in)
        explained = ResponseValidationError(
            f"{start}{what} does not fit {self.name}: {clean_text(shown, _SHOWN_LENGTH)}{more}",
            status=status,
            body=self._content(content),
            errors=rows,
        )
        explained.__cause__ = None if shows else error
        return explained

    def _place(self, loc: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the place in an item of what pydantic says."""
        return loc

    def _content(self, content: bytes) -> bytes:
        return content


class ItemsFormat(ItemFormat):
    """The same, of items that are validated as elements of one array.

    Attributes:
        validate: Return the items of a JSON array, or raise pydantic's error.
    """

    def __init__(self, target: Any) -> None:
        items: Any = list
        super().__init__(items[target], target)
        self.name = _name_of(target)
        self._single = _is_response(target)
        self._carries = _may_carry(target)
        self.is_attached = self._carries

    @override
    def _place(self, loc: tuple[Any, ...]) -> tuple[Any, ...]:
        return loc[1:]  # The error is that of an array with this one element.

    @override
    def _content(self, content: bytes) -> bytes:
        return content[1:-1]


def first_errors(error: ValidationError) -> list[ErrorDetails]:
    """Return the first errors that pydantic found, without the input.

    All are made at once by `errors()`: a million of them, of one item of 13 MB, are a gigabyte.
    Their JSON takes a sixth of the time and of the memory.
    """
    if error.error_count() <= _MOST_ERRORS:
        return error.errors(include_url=False, include_input=False)
    text = error.json(include_url=False, include_input=False)
    rows: list[ErrorDetails] = []
    decoder, end = json.JSONDecoder(), 0
    for _ in range(_MOST_ERRORS):
        row, end = decoder.raw_decode(text, end + 1)  # After a bracket or a comma.
        row["loc"] = tuple(row["loc"])
        rows.append(row)
    return rows


def item_format(target: Any, info: ResponseInfo | None = None) -> ItemFormat:
    """Return the format of a type of items, compiled at most once.

    Args:
        target: The type.
        info: The response that they come in.

    Raises:
        ConfigurationError: Pydantic cannot validate the type.
    """
    try:
        found = _item_format(target, repr(target))
    except TypeError:  # It has no hash, so it is not kept.
        found = ItemFormat(target)
    return found.bound_to(info) if found.binds and info is not None else found


def items_format(target: Any, info: ResponseInfo | None = None) -> ItemsFormat:
    """Return the format of the elements of an array, compiled at most once.

    Args:
        target: The type of an element.
        info: The response that they come in.

    Raises:
        ConfigurationError: Pydantic cannot validate the type.
    """
    try:
        found = _items_format(target, repr(target))
    except TypeError:
        found = ItemsFormat(target)
    return found.bound_to(info) if found.binds and info is not None else found


# The text tells unions apart, as their order.


@lru_cache(maxsize=256)
def _item_format(target: Any, _: str) -> ItemFormat:
    return ItemFormat(target)


@lru_cache(maxsize=256)
def _items_format(target: Any, _: str) -> ItemsFormat:
    return ItemsFormat(target)


TELLTALE = {
    "union_tag_invalid": "The tag in {discriminator} is none of {expected_tags}",
}
"""Kinds of errors whose text holds a value of the input, and what they say instead."""


def names_in(schema: Any) -> Iterator[str]:
    """Return the names and aliases of all fields in a schema of pydantic's."""
    queue: list[Any] = [schema]
    while queue:
        part = queue.pop()
        if is_mapping(part):
            for key, value in part.items():
                if key == "fields" and is_mapping(value):
                    yield from value
                if key in ("alias", "validation_alias", "name"):
                    yield from _texts(value)
                queue.append(value)
        elif is_sequence(part):
            queue.extend(part)


def _models_in(schema: Any) -> Iterator[type[Any]]:
    """Return the classes of all models in a schema of pydantic's."""
    queue: list[Any] = [schema]
    while queue:
        part = queue.pop()
        if is_mapping(part):
            if part.get("type") == "model" and isinstance(part.get("cls"), type):
                yield part["cls"]
            queue.extend(part.values())
        elif is_sequence(part):
            queue.extend(part)


def _is_bound(model: type[Any]) -> bool:
    return issubclass(model, Response) and model._binds  # pyright: ignore[reportPrivateUsage]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif is_sequence(value):
        for one in value:
            yield from _texts(one)


def _without_keys(place: Iterable[int | str], data: Any, names: set[str]) -> Iterator[int | str]:
    """Return the place of an error, keys of the input that are no names of fields as `*`."""
    for part in place:
        if is_mapping(data) and part in data:
            yield part if part in names else "*"
            data = data[part]
        else:
            if isinstance(part, int) and is_sequence(data) and part < len(data):
                data = data[part]
            yield part


def _missed_the_list(rows: Iterable[Any]) -> bool:
    """Return whether no error is about an element of a list, but each about a wrong type."""
    return all(
        row["type"].endswith("_type") and not any(isinstance(part, int) for part in row["loc"])
        for row in rows
    )


def _name_of(target: Any) -> str:
    """Return what to call a type: as it is written, without its modules."""
    if isinstance(target, type) and not get_args(target):
        return target.__name__
    if hasattr(target, "__metadata__"):
        return _name_of(get_args(target)[0])
    return clean_text(_QUALIFIER.sub("", str(target)), _SHOWN_LENGTH)


def _shown(target: object) -> str:
    """Return what is no type as it may be shown: a model could hold anything."""
    if isinstance(target, pydantic.BaseModel):
        return f"an instance of {type(target).__name__}"
    return clean_text(repr(target), _SHOWN_LENGTH)


def _written_otherwise(target: Any) -> str:
    """Return how to write what was probably meant."""
    if is_tuple(target):
        return f"; write `{' | '.join(map(_name_of, target))}`"
    if is_sequence(target) and len(target) == 1:
        return f"; write `list[{_name_of(target[0])}]`"
    if isinstance(target, pydantic.BaseModel):
        return f"; write `{type(target).__name__}`"
    return "; give the type, not its name" if isinstance(target, str) else ""


def _is_response(target: Any) -> bool:
    return isinstance(target, type) and issubclass(target, Response)


def _may_carry(target: Any) -> bool:
    """Return whether a result of this type can be, or directly hold, `Response` models."""
    if isinstance(target, type) and not get_args(target):
        return issubclass(target, Response)
    if hasattr(target, "__value__"):
        # An alias may refer to itself, so it is not looked into.
        return True
    if isinstance(target, NewType):
        return _may_carry(target.__supertype__)
    return any(map(_may_carry, get_args(target)))


def _abstract_models(target: Any) -> Iterator[type[Any]]:
    """Return the models that a type would have made, and that cannot be."""
    if isabstract(target) and issubclass(target, pydantic.BaseModel):
        yield target
    inner = (target.__supertype__,) if isinstance(target, NewType) else get_args(target)
    for argument in inner:
        yield from _abstract_models(argument)


def _attach(result: Any, info: ResponseInfo) -> None:
    if isinstance(result, Response):
        set_info(result, info)
        return
    items: Iterable[Any] = ()
    if is_mapping(result):
        items = result.values()
    elif isinstance(result, list | tuple | set | frozenset | deque):
        items = cast("Iterable[Any]", result)
    for item in items:
        if isinstance(item, Response):
            set_info(item, info)
