"""`Argument`: what one argument of a declared endpoint is in the request."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

from ..options import UNSET
from .kinds import OBJECTS, Kind
from .markers import Body, Form, Marker, Query

__all__ = ["EMPTY", "Argument"]

EMPTY: Any = inspect.Parameter.empty


class Argument(NamedTuple):
    """One argument of an endpoint.

    Attributes:
        name: Its name in Python.
        marker: What it is in the request.
        sent: The name that is sent.
        annotation: Its type, without `Unset` and its marker, with the constraints of that.
        default: What it is when it is left out, `EMPTY` where it cannot be.
        parameter: How it is given: by position, by name, or both.
        kinds: What its values look like.
        may_be_unset: Whether it may be `UNSET`, which is not sent.
    """

    name: str
    marker: Marker
    sent: str
    annotation: Any
    default: Any
    parameter: inspect.Parameter
    kinds: frozenset[Kind]
    may_be_unset: bool

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is EMPTY

    @property
    def sends_default(self) -> bool:
        """Whether its default is sent; `None` says nothing where it would be left out."""
        if self.default is None:
            return isinstance(self.marker, Body)
        return self.default is not EMPTY and self.default is not UNSET

    @property
    def is_named(self) -> bool:
        """Whether it is given by its name only."""
        return self.parameter.kind is inspect.Parameter.KEYWORD_ONLY

    @property
    def is_whole(self) -> bool:
        """Whether its fields are sent under their own names, and not under that of the argument."""
        marker: Any = self.marker
        if isinstance(marker, Body):
            return not marker.embed
        return (
            isinstance(marker, Query | Form)
            and bool(self.kinds)
            and self.kinds <= OBJECTS
            and marker.style in (None, "form")
            and marker.explode is not False
        )

    @property
    def place(self) -> str:
        """What it is, in small letters: `"path"`, `"query"`, `"header"`, ..."""
        return type(self.marker).__name__.lower()
