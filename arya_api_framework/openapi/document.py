"""`make_document`: what a client declares, as an OpenAPI document."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..client.node import Node
from ..client.redaction import is_credential, redact_url
from ..client.server_variables import variable_names
from ..endpoints.endpoint import Endpoint
from ..errors import ConfigurationError
from ..options import ServerVariable
from ..version import __version__
from .docstrings import read_docstring
from .merging import merge_operations
from .operations import Operations, Target, find_target
from .schemas import Schemas
from .security import SecuritySchemes

if TYPE_CHECKING:
    from ..client.config import ClientConfig
    from ..client.subclient import SubClient

__all__ = ["make_document"]

_METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")


def make_document(
    node: Any,
    config: ClientConfig,
    children: Iterable[SubClient],
    *,
    title: str | None = None,
    version: str | None = None,
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a client.

    Args:
        node: The client, or its class.
        config: Its configuration, of which no value that may be a secret is shown.
        children: Its sub-clients.
        title: What the API is called, the name of the class when not given.
        version: Its version.

    Raises:
        ConfigurationError: A declaration makes no request, or title or version is no text.
    """
    cls = node if isinstance(node, type) else type(node)
    for name, value in (("title", title), ("version", version)):
        given: object = value
        if given is not None and not (isinstance(given, str) and given):
            raise ConfigurationError(f"{name} must be text that is not empty, got {given!r}")
    schemas, security = Schemas(), SecuritySchemes(config)
    paths = _Paths(Operations(config, schemas, security))
    tags: list[dict[str, Any]] = []
    for part in _walk(node, children):
        members = _members(part.cls)
        for name, value in members:
            paths.add(part, name, value)
        if part.names and members:
            tags.append({"name": ".".join(part.names), **_described(part.cls, "description")})
    components = schemas.finish()
    servers = _servers(config)
    made: dict[str, Any] = {"openapi": "3.1.0", "info": _info(cls, title, version)}
    if servers:
        made["servers"] = servers
    if security.required is not None:
        made["security"] = security.required
    if tags:
        made["tags"] = tags
    made["paths"] = paths.finish(schemas, security.required, servers)
    if components or security.found:
        made["components"] = {}
        if components:
            made["components"]["schemas"] = components
        if security.found:
            made["components"]["securitySchemes"] = security.found
    return made


class _Part(NamedTuple):
    """A client or sub-client: itself or its class, its path and its names from the client down."""

    node: Any
    cls: type[Any]
    prefix: str
    names: tuple[str, ...]


def _walk(
    node: Any, children: Iterable[SubClient], prefix: str = "", names: tuple[str, ...] = ()
) -> Iterator[_Part]:
    yield _Part(node, node if isinstance(node, type) else type(node), prefix, names)
    for child in children:
        path = prefix + str(child.relative_path)
        yield from _walk(child, child.subclients.values(), path, (*names, child.name))


def _members(cls: type[Any]) -> list[tuple[str, Any]]:
    """Return the endpoints of a class by name, those of its bases first."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        for name, value in base.__dict__.items():
            notes = getattr(value, "__endpoint__", None)
            if isinstance(value, Endpoint) or isinstance(notes, Mapping):
                found[name] = value
            else:
                found.pop(name, None)
    return list(found.items())


class _Paths:
    """The paths of a document, in the order of the declarations."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._names: dict[str, str] = {}
        self._found: dict[str, dict[str, list[dict[str, Any]]]] = {}

    def add(self, part: _Part, attribute: str, value: Any) -> None:
        """Add the operation of a member of a class, or its operations."""
        name = ".".join((*part.names, attribute))
        if isinstance(value, Endpoint):
            endpoint = cast("Endpoint[..., Any]", value)
            about = endpoint.declaration
            target, path = self._target(part, about.path)
            made = self._operations.of_endpoint(endpoint, part.node, name, target, path)
            self._put(path, about.method, made)
            return
        notes = value.__endpoint__
        target, path = self._target(part, notes["path"])
        for method in notes["methods"]:
            called = name if len(notes["methods"]) == 1 else f"{name}.{method.lower()}"
            made = self._operations.of_notes(notes, value, name, target, path)
            made["operationId"] = called
            self._put(path, method, made)

    def _target(self, part: _Part, path: str) -> tuple[Target, str]:
        """Return where an operation is, and what its path is called in the document.

        Paths that differ in the names of their fields are one path (OpenAPI 4.8.8.2).
        """
        target = find_target(part.prefix, path)
        return target, self._names.setdefault(target.shape, target.unique_path)

    def _put(self, path: str, method: str, operation: dict[str, Any]) -> None:
        # Methods that OpenAPI has no place for stand in an extension.
        key = method.lower() if method in _METHODS else f"x-{method.lower()}"
        self._found.setdefault(path, {}).setdefault(key, []).append(operation)

    def finish(
        self, schemas: Schemas, security: list[Any] | None, servers: list[dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """Return the path items by path; only once the schemas are there.

        Args:
            schemas: These.
            security: What an operation needs that says nothing else.
            servers: Where an operation is that says nothing else.
        """
        return {
            path: {
                key: merge_operations(several, schemas, security=security, servers=servers)
                for key, several in item.items()
            }
            for path, item in self._found.items()
        }


def _info(cls: type[Any], title: str | None, version: str | None) -> dict[str, Any]:
    return {
        "title": title or cls.__name__,
        "version": version or _version_of(cls),
        **_described(cls, "summary", "description"),
    }


def _version_of(cls: type[Any]) -> str:
    """Return the version that the class, its module or its package has."""
    name, _, _ = cls.__module__.partition(".")
    for owner in (cls, sys.modules.get(cls.__module__), sys.modules.get(name)):
        found = getattr(owner, "__version__", None)
        # Not what `from arya_api_framework import *` brought along.
        if isinstance(found, str) and found is not __version__:
            return found
    return "0.0.0"


def _described(cls: type[Any], *names: str) -> dict[str, str]:
    """Return what the docstring of a class says under these names: one for all, or two."""
    line = (one for one in cls.__mro__ if issubclass(one, Node) and not _is_ours(one))
    own = next((one for one in line if one.__doc__), None)
    if own is None:
        return {}
    if len(names) == 2:
        doc = read_docstring(own.__doc__)
        parts = {names[0]: doc.summary, names[1]: doc.description}
        return {name: text for name, text in parts.items() if text}
    return {names[0]: inspect.cleandoc(own.__doc__ or "")}


def _is_ours(cls: type[Any]) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def _servers(config: ClientConfig) -> list[dict[str, Any]]:
    if config.uri is None:
        return []
    server: dict[str, Any] = {"url": redact_url(config.uri).rstrip("/")}
    variables: dict[str, Any] = {}
    for name in dict.fromkeys(variable_names(config.uri)):
        given = config.server_variables.get(name)
        one = given if isinstance(given, ServerVariable) else ServerVariable(default=given)
        # OpenAPI needs a default; one that the user must give is empty, or the first that may be.
        default = None if is_credential(name) else one.default
        if default is None:
            default = next(iter(one.enum), "")
        variables[name] = {"default": default}
        if one.enum:
            variables[name]["enum"] = list(one.enum)
        if one.description:
            variables[name]["description"] = one.description
    if variables:
        server["variables"] = variables
    return [server]
