"""`BoundResponse`: a model whose own methods call on, with the client that it came from."""

# A client and its models are friends.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Self

from pydantic import ValidationInfo, model_validator
from typing_extensions import Format, TypeVar, get_annotations, override

from .client.base import BaseClient
from .client.shapes import is_mapping
from .client.tie import NAME, Binding, Tie
from .errors import ConfigurationError
from .models import Response

__all__ = ["BoundResponse"]

C_co = TypeVar("C_co", covariant=True, default=Any)
M = TypeVar("M")


class BoundResponse(Response, Generic[C_co]):
    """A model that remembers the client it came from, so that its methods can call on.

    Name the class of the client, in quotes where that is defined later. Every model of such a class
    is bound, wherever in a response it stands; other models cost nothing for it.

    Example:
        >>> from arya_api_framework import SyncClient
        >>> class Repo(BoundResponse["GitHub"]):
        ...     full_name: str
        ...
        ...     def issues(self) -> list[str]:
        ...         return self.model_client.issues(self.full_name)
        >>> class GitHub(SyncClient, uri="https://api.github.com"):
        ...     def issues(self, repo: str) -> list[str]:
        ...         return [f"an issue of {repo}"]
        >>> with GitHub() as github:
        ...     repo = Repo.model_validate({"full_name": "a/b"}, context={"model_client": github})
        ...     repo.issues()
        ['an issue of a/b']
    """

    # As that of the response: a private attribute of pydantic's would be dearer for each element.
    __slots__ = ("__client",)

    _binds: ClassVar[bool] = True

    @property
    def model_client(self) -> C_co:
        """The client that it came from: that at the root, where a sub-client made the call.

        It is no field: never dumped, never compared. Copies keep it, deep copies and pickles drop
        it. An open client lives on as long as a model that leads to it; one that is closed does
        not.

        Raises:
            ConfigurationError: It came from no client.
            ClientClosedError: The client is closed.
        """
        client = self.__held()
        if client is None:
            # No AttributeError, for which Python would ask `__getattr__`.
            raise ConfigurationError(
                f"this {type(self).__name__} is bound to no client: it was made by hand, unpickled "
                "or copied deeply; `model_validate(..., context={'model_client': client})` binds "
                "what it makes"
            )
        found: C_co = client.find() if isinstance(client, Tie) else client
        return found

    @model_validator(mode="after")
    def __bind(self, info: ValidationInfo) -> Self:
        context: Any = info.context
        if context.__class__ is Binding:
            client = context[NAME]
        elif is_mapping(context) and NAME in context:
            client = context[NAME]
            # Of a client of ours not itself is kept, but what lets go of it.
            client = client._make_tie() if isinstance(client, BaseClient) else client
        else:
            client = None
        try:
            held = _get_client(self)
        except AttributeError:  # This validation made it.
            _set_client(self, client)
            return self
        # Others may have one that was there before, so that it stays what it is.
        return self if client is None or client is held else _bound_copy(self, client)

    # What no validation made is told from the rest by its `None`.

    @classmethod
    @override
    def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
        made = super().model_construct(_fields_set, **values)
        _set_client(made, None)
        return made

    @override
    def __copy__(self) -> Self:
        made = super().__copy__()
        _set_client(made, self.__held())
        return made

    @override
    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        made = super().__deepcopy__(memo)
        _set_client(made, None)
        return made

    @override
    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        _set_client(self, None)

    def __held(self) -> Any:
        try:
            return _get_client(self)
        except AttributeError:
            return None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if any(NAME in get_annotations(base, format=Format.FORWARDREF) for base in cls.__mro__):
            raise ConfigurationError(
                f"{cls.__name__} has a field `{NAME}`, the name of the client that it came from; "
                f"name it otherwise, with `Field(alias='{NAME}')`"
            )


_set_client: Callable[[Any, Any], None] = BoundResponse.__dict__["_BoundResponse__client"].__set__
"""Set the slot of a model, past pydantic's own `__setattr__`."""

_get_client: Callable[[Any], Any] = BoundResponse.__dict__["_BoundResponse__client"].__get__
"""Return the slot of a model, past the `__getattr__` of models.

Raises:
    AttributeError: There is nothing in it: it is being made.
"""


def _bound_copy(model: M, client: Any) -> M:
    """Return a deep copy of a model, in which it and every other is bound to a client."""
    memo: dict[int, Any] = {}
    made = copy.deepcopy(model, memo)
    for one in memo.values():  # All that was copied.
        if isinstance(one, BoundResponse):
            _set_client(one, client)
    return made
