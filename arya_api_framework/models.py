"""The models that answers come back as."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import pydantic
from pydantic import ConfigDict
from typing_extensions import Format, get_annotations, override

from .errors import ConfigurationError
from .removed import RENAMED_ATTRIBUTES

if TYPE_CHECKING:
    from .client.response import ResponseInfo

__all__ = ["BaseModel", "PaginatedResponse", "Response"]


class BaseModel(pydantic.BaseModel):
    """A pydantic model that tolerates fields it does not know.

    An API that adds a field must not break its clients, so unknown fields are ignored, which is
    pydantic's default. Validation errors do not show the input, which may be private.

    Example:
        >>> class Address(BaseModel):
        ...     city: str
        >>> class User(BaseModel):
        ...     name: str
        ...     address: Address
        >>> User(name="Ann", address=Address(city="Oslo")).flatten()
        {'name': 'Ann', 'address.city': 'Oslo'}
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(hide_input_in_errors=True)

    def flatten(self, prefix: str | None = None) -> dict[str, Any]:
        """Return the set fields as one flat dict, nested names joined by a dot.

        Args:
            prefix: Put before every name, with a dot.
        """
        return dict(_flat_items(self.model_dump(exclude_unset=True), prefix))


def _flat_items(values: Mapping[str, Any], prefix: str | None) -> list[tuple[str, Any]]:
    items: list[tuple[str, Any]] = []
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, dict):
            items.extend(_flat_items(cast("dict[str, Any]", value), name))
        else:
            items.append((name, value))
    return items


class Response(BaseModel):
    """A model that remembers the response it came from.

    Example:
        >>> class User(Response):
        ...     name: str
        >>> User(name="Ann").model_response is None
        True
    """

    # A slot costs nothing per nested model; a private attribute of pydantic's would make every
    # element of a list dearer to create.
    __slots__ = ("__info",)

    _binds: ClassVar[bool] = False
    """Whether its models remember the client."""

    @property
    def model_response(self) -> ResponseInfo | Any:
        """Status, headers, URL and times of the response, `None` for a model made by hand.

        The type leaves that `None` out: the result of a call always has one.
        It is no field: never dumped, never compared. Copies keep it, pickles drop it.
        """
        try:
            return cast("ResponseInfo", self.__info)  # type: ignore[attr-defined]
        except AttributeError:
            return None

    @override
    def __copy__(self) -> Self:
        return self._carry(super().__copy__())

    @override
    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self._carry(super().__deepcopy__(memo))

    def _carry(self, copy: Self) -> Self:
        info = self.model_response
        if info is not None:
            set_info(copy, info)
        return copy

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if any(
            "model_response" in get_annotations(base, format=Format.FORWARDREF)
            for base in cls.__mro__
        ):
            raise ConfigurationError(
                f"{cls.__name__} has a field `model_response`, the name of what comes with a "
                "response; name it otherwise, with `Field(alias='model_response')`"
            )

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                if name not in RENAMED_ATTRIBUTES:
                    raise
                raise AttributeError(
                    f"{type(self).__name__} has no attribute {name!r}; since 0.3.9 it is "
                    f"`{RENAMED_ATTRIBUTES[name]}`"
                ) from None


set_info: Callable[[Response, ResponseInfo], None] = Response.__dict__["_Response__info"].__set__
"""Set the slot of a model, past pydantic's own `__setattr__`."""


class PaginatedResponse(Response, ABC):
    """A response that is one page of several.

    What the methods return is up to the API: a number, a cursor, a URL.
    """

    @abstractmethod
    def is_paginating(self) -> bool:
        """Return whether there is more than this page."""

    @abstractmethod
    def next(self) -> Any:
        """Return what leads to the next page, `None` at the end."""

    @abstractmethod
    def previous(self) -> Any:
        """Return what leads to the page before, `None` at the start."""

    @abstractmethod
    def end(self) -> Any:
        """Return what leads to the last page."""

    @abstractmethod
    def start(self) -> Any:
        """Return what leads to the first page."""
