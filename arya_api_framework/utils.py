"""The decorators of 0.3.9: metadata on hand-written methods, shown by `tree`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from .constants import HTTPMethod
from .errors import ConfigurationError
from .removed import explain

__all__ = ["apiclient", "endpoint"]

T = TypeVar("T")
ClassT = TypeVar("ClassT", bound=type[Any])


def apiclient(cls: ClassT) -> ClassT:
    """Return the class as it is: endpoints are collected without a decorator since 1.0."""
    return cls


def endpoint(
    path: str,
    name: str | None = None,
    description: str | None = None,
    href: str | None = None,
    method: HTTPMethod | str = HTTPMethod.ANY,
    methods: Iterable[HTTPMethod | str] | None = None,
) -> Callable[[T], T]:
    """Note on a method of a client or sub-client which endpoint it calls.

    Args:
        path: The path below the client.
        name: What to call it, the name of the method when not given.
        description: What it does.
        href: Where its documentation is.
        method: The request method.
        methods: The request methods, where there are several.

    Raises:
        ConfigurationError: There is no such request method.
    """
    given = [method] if methods is None else [methods] if isinstance(methods, str) else methods
    try:
        wanted = [HTTPMethod(one) for one in given]
    except ValueError as error:
        raise ConfigurationError(f"endpoint {path!r}: {error}") from error

    def note(function: T) -> T:
        function.__endpoint__ = {  # type: ignore[attr-defined]
            "path": path,
            "name": name or getattr(function, "__name__", path),
            "description": description,
            "href": href,
            "methods": [one.value for one in wanted],
        }
        return function

    return note


if not TYPE_CHECKING:  # It would make checkers believe in any name.

    def __getattr__(name):
        raise explain(__name__, name)
