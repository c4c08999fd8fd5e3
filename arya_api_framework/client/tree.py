"""`tree` and `openapi`: what a client holds, as nested dicts and as an OpenAPI document."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType, MethodType
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import TypeIs

if TYPE_CHECKING:
    from ..endpoints.endpoint import Endpoint

__all__ = ["Endpoints", "OpenAPI", "Tree", "endpoints_of", "is_endpoint"]


class Tree:
    """The method `tree` of clients, sub-clients, and of their classes."""

    def __get__(self, node: Any, owner: Any) -> Any:
        return MethodType(_tree, owner._describe_class if node is None else node._describe)


class Endpoints:
    """The attribute `endpoints` of clients, sub-clients, and of their classes."""

    def __get__(self, node: Any, owner: type[Any]) -> Mapping[str, Endpoint[..., Any]]:
        found: dict[str, Endpoint[..., Any]] = {}
        for base in reversed(owner.__mro__):
            for name, value in base.__dict__.items():
                if is_endpoint(value):
                    found[name] = value
                else:
                    found.pop(name, None)
        return MappingProxyType(found)


def is_endpoint(value: object) -> TypeIs[Endpoint[..., Any]]:
    """Return whether a value is a declared endpoint."""
    # Where their module is not there yet, nothing can be one.
    module = sys.modules.get("arya_api_framework.endpoints.endpoint")
    return module is not None and isinstance(value, module.Endpoint)


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


class OpenAPI:
    """The method `openapi` of clients and of their classes."""

    def __get__(self, client: Any, owner: Any) -> Any:
        return MethodType(_openapi, owner._declared if client is None else client._held)


def _openapi(
    parts: Callable[[], tuple[Any, ...]],
    serialized: bool = False,
    indent: int | None = None,
    *,
    title: str | None = None,
    version: str | None = None,
) -> Any:
    """Return the OpenAPI 3.1 document of the declared endpoints.

    An instance shows its own address, schemes and sub-clients, a class what it declares. Neither
    shows a credential.

    Args:
        parts: Bound by the access, as `self` is.
        serialized: Return JSON text instead.
        indent: The indentation of that text.
        title: What the API is called, the name of the class when not given.
        version: Its version; when not given, the `__version__` of the class, of its module or of
            its package.

    Raises:
        ConfigurationError: A declaration makes no request, or title or version is no text.
    """
    from ..openapi.document import make_document

    document = make_document(*parts(), title=title, version=version)
    if not serialized:
        return document
    import json

    return json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)


def endpoints_of(cls: type[Any]) -> dict[str, Any]:
    """Return what the endpoints of a class say of themselves, declared or noted by `@endpoint`."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        for name, value in base.__dict__.items():
            about = getattr(value, "__endpoint__", None)
            if isinstance(about, Mapping):
                found[name] = dict(cast("Mapping[str, Any]", about))
            else:
                found.pop(name, None)
    return found
