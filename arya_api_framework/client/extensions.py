"""Extensions: modules with a `setup(client)` that adds something to a client at run time."""

# A client and its extensions are friends.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.machinery import ModuleSpec
from inspect import iscoroutinefunction
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import (
    ConfigurationError,
    ExtensionAlreadyLoaded,
    ExtensionEntryPointError,
    ExtensionFailed,
    ExtensionNotFound,
    ExtensionNotLoaded,
)

if TYPE_CHECKING:
    from .base import BaseClient
    from .node import Node
    from .subclient import SubClient

__all__ = ["Extensions"]


class Extensions:
    """The extensions of one client.

    Modules are shared as Python shares them: loading one in a second client runs its `setup` again,
    not its code.
    """

    def __init__(self, client: BaseClient) -> None:
        self._client = client
        self._modules: dict[str, ModuleType] = {}
        self._added: dict[str, list[tuple[Node, SubClient]]] = {}
        # Those whose `setup` ran for the client that this one is a copy of.
        self._borrowed: set[str] = set()

    @property
    def loaded(self) -> Mapping[str, ModuleType]:
        """The loaded modules by name."""
        return MappingProxyType(self._modules)

    def load(self, name: str, package: str | None = None) -> None:
        """Import a module and run its `setup`; see `BaseClient.load_extension`."""
        name = _resolve(name, package)
        if name in self._modules:
            raise ExtensionAlreadyLoaded(name)
        new = _first_new(name)
        try:
            self._set_up(name, _import(name))
        except BaseException:
            if new is not None:
                _Forgotten(new)  # Once repaired, it can be loaded.
            raise

    def unload(self, name: str, package: str | None = None) -> None:
        """Run the module's `teardown`; see `BaseClient.unload_extension`."""
        self._tear_down(self._find(name, package))

    def reload(self, name: str, package: str | None = None) -> None:
        """Load the module anew from its file; see `BaseClient.reload_extension`."""
        name = self._find(name, package)
        module = self._modules[name]
        forgotten = _Forgotten(name)
        try:
            fresh = _import(name)
            _entry_point(name, fresh)
            try:
                self._tear_down(name)
            except ExtensionFailed:
                # The new version may be the one that repairs it.
                self._client.logger.warning("extension %r failed in teardown", name, exc_info=True)
            self._set_up(name, fresh)
        except BaseException:
            forgotten.restore()
            if name not in self._modules:
                self._set_up(name, module)
            raise

    def close(self) -> None:
        """Run every `teardown`, the last one first, whatever they raise."""
        for name in reversed(list(self._modules)):
            module = self._modules.pop(name)
            if name not in self._borrowed:
                try:
                    _call(getattr(module, "teardown", None), self._client)
                except Exception:
                    self._client.logger.warning(
                        "extension %r failed in teardown", name, exc_info=True
                    )
        self._added.clear()

    def borrow(self, other: Extensions) -> None:
        """Show the extensions of another client, of which this one is a copy.

        Their `teardown` stays with that client.
        """
        self._modules = dict(other._modules)
        self._borrowed = set(other._modules)
        pairs = zip(_placed(other._client), _placed(self._client), strict=True)
        twins = {id(child): twin for (_, child), twin in pairs}
        self._added = {
            name: [twins[id(child)] for _, child in added if id(child) in twins]
            for name, added in other._added.items()
        }

    def _find(self, name: str, package: str | None) -> str:
        name = _resolve(name, package)
        if name not in self._modules:
            raise ExtensionNotLoaded(name)
        return name

    def _set_up(self, name: str, module: ModuleType) -> None:
        setup = _entry_point(name, module)
        before = [child for _, child in _placed(self._client)]
        values = self._client._live_values()
        loaded = set(self._modules)
        self._modules[name] = module
        self._borrowed.discard(name)
        try:
            _call(setup, self._client)
        except BaseException as error:
            for other in [other for other in reversed(self._modules) if other not in loaded]:
                if other != name:
                    with suppress(ExtensionFailed):
                        self._tear_down(other)
            self._added[name] = self._placed_since(before)
            self._drop(name)
            self._client._set_live_values(values)
            if isinstance(error, Exception):
                raise ExtensionFailed(name, error) from error
            raise
        self._added[name] = self._placed_since(before)

    def _tear_down(self, name: str) -> None:
        errors: list[Exception] = []
        module = self._modules[name]
        try:
            if name not in self._borrowed:
                _call(getattr(module, "teardown", None), self._client)
        except Exception as error:  # noqa: BLE001 - raised below, when all is undone
            errors.append(error)
        finally:
            errors += self._drop(name)
        if errors:
            raise ExtensionFailed(name, errors[0]) from errors[0]

    def _drop(self, name: str) -> list[Exception]:
        """Forget an extension and remove its sub-clients; return what their `on_unloaded` raised.

        Those of its classes that it added later count too. A sub-client of its name that somebody
        else put in its place stays.
        """
        errors: list[Exception] = []
        del self._modules[name]
        added = self._added.pop(name, [])
        added += (
            (node, child)
            for node, child in _placed(self._client)
            if _is_added_by(child, name) and not any(child is other for _, other in added)
        )
        for node, child in reversed(added):
            if node.subclients.get(child.name) is child:
                try:
                    node.remove_subclient(child.name)
                except Exception as error:  # noqa: BLE001 - of the caller to raise
                    errors.append(error)
        return errors

    def _placed_since(self, before: list[SubClient]) -> list[tuple[Node, SubClient]]:
        known = {id(child) for child in before}
        return [(node, child) for node, child in _placed(self._client) if id(child) not in known]


class _Forgotten:
    """A module and what is below it, taken out of `sys.modules` so that it is imported anew."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._modules = _modules_below(name)
        package, _, self._attribute = name.rpartition(".")
        self._package = sys.modules.get(package)
        for key, module in self._modules.items():
            del sys.modules[key]
            _remove_bytecode(module.__spec__)

    def restore(self) -> None:
        """Put the modules back in place of those imported since."""
        for key in _modules_below(self._name):
            del sys.modules[key]
        sys.modules.update(self._modules)
        if self._package is not None and self._name in self._modules:
            setattr(self._package, self._attribute, self._modules[self._name])


def _first_new(name: str) -> str | None:
    """Return the outermost package of a module that is not imported yet, or the module itself."""
    parts = name.split(".")
    names = (".".join(parts[: end + 1]) for end in range(len(parts)))
    return next((name for name in names if name not in sys.modules), None)


def _modules_below(name: str) -> dict[str, ModuleType]:
    return {
        key: module
        for key, module in sys.modules.items()
        if key == name or key.startswith(f"{name}.")
    }


def _placed(node: Node) -> Iterator[tuple[Node, SubClient]]:
    """Return every sub-client below a node, and what it belongs to, parents first."""
    for child in node.subclients.values():
        yield node, child
        yield from _placed(child)


def _is_added_by(child: SubClient, name: str) -> bool:
    """Return whether a sub-client is of a class of an extension, and not declared."""
    return child._declared_as is None and f"{type(child).__module__}.".startswith(f"{name}.")


def _resolve(name: str, package: str | None) -> str:
    if not isinstance(name, str):
        raise ConfigurationError(f"an extension is loaded by its name, got {name!r}")
    try:
        resolved = importlib.util.resolve_name(name, package)
    except ImportError as error:
        raise ExtensionNotFound(name) from error
    if not resolved:
        raise ExtensionNotFound(name)
    return resolved


def _import(name: str) -> ModuleType:
    if name not in sys.modules:
        importlib.invalidate_caches()  # The file may be new.
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise ExtensionNotFound(name) from error
        raise ExtensionFailed(name, error) from error
    except Exception as error:
        with suppress(Exception):
            _remove_bytecode(importlib.util.find_spec(name))
        raise ExtensionFailed(name, error) from error


def _remove_bytecode(spec: ModuleSpec | None) -> None:
    """Remove the compiled file of a module that is to be read anew.

    It is matched to its source by size and second, and an edit may have neither new.
    """
    if spec is not None and spec.cached is not None:
        with suppress(OSError):
            os.unlink(spec.cached)


def _entry_point(name: str, module: ModuleType) -> Callable[..., Any]:
    setup: Callable[..., Any] | None = getattr(module, "setup", None)
    if not callable(setup):
        raise ExtensionEntryPointError(name)
    return setup


def _call(function: Any, client: BaseClient) -> None:
    """Call a `setup` or `teardown`; a client is made outside any loop, so neither can be async."""
    if iscoroutinefunction(function):
        raise TypeError(f"`{function.__name__}` of an extension must not be `async`")
    if function is not None:
        function(client)
