"""`tree`: what a client or sub-client holds, as nested dicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, cast

__all__ = ["Tree", "endpoints_of"]


class Tree:
    """The method `tree` of clients, sub-clients, and of their classes."""

    def __get__(self, node: Any, owner: Any) -> Any:
        return MethodType(_tree, owner._describe_class if node is None else node._describe)


def _tree(
    describe: Callable[[], dict[str, Any]], serialized: bool = False, indent: int | None = None
) -> Any:
    """Return the endpoints and sub-clients, as nested dicts.

    An instance shows what it holds now, a class what it declares.

    Args:
        describe: Bound by the access, as `self` is.
        serialized: Return JSON text instead.
        indent: The indentation of that text.
    """
    tree = describe()
    if not serialized:
        return tree
    import json

    return json.dumps(tree, indent=indent, default=str)


def endpoints_of(cls: type[Any]) -> dict[str, Any]:
    """Return the endpoints that `@endpoint` noted on the methods of a class."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        for name, value in base.__dict__.items():
            about = getattr(value, "__endpoint__", None)
            if isinstance(about, Mapping):
                found[name] = dict(cast("Mapping[str, Any]", about))
            else:
                found.pop(name, None)
    return found
