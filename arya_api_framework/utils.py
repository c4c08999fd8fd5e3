"""The decorators of 0.3.9: metadata on hand-written methods, shown by `tree`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .endpoints.declare import endpoint
from .removed import explain

__all__ = ["apiclient", "endpoint"]

ClassT = TypeVar("ClassT", bound=type[Any])


def apiclient(cls: ClassT) -> ClassT:
    """Return the class as it is: endpoints are collected without a decorator since 1.0."""
    return cls


if not TYPE_CHECKING:  # It would make checkers believe in any name.

    def __getattr__(name):
        raise explain(__name__, name)
