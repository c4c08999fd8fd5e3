"""Extensions: modules with a `setup(client)` that adds something to a client at run time."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING

from ..errors import (
    ExtensionAlreadyLoaded,
    ExtensionEntryPointError,
    ExtensionFailed,
    ExtensionNotFound,
    ExtensionNotLoaded,
)

if TYPE_CHECKING:
    from .base import BaseClient

__all__ = ["Extensions"]


class Extensions:
    """The extensions of one client.

    Modules are shared as Python shares them: loading one in a second client runs its `setup` again,
    not its code.
    """

    def __init__(self, client: BaseClient) -> None:
        self._client = client
        self._modules: dict[str, ModuleType] = {}
        self._added: dict[str, list[str]] = {}

    @property
    def loaded(self) -> Mapping[str, ModuleType]:
        """The loaded modules by name."""
        return MappingProxyType(self._modules)

    def load(self, name: str, package: str | None = None) -> None:
        """Import a module and run its `setup`; see `BaseClient.load_extension`."""
        name = _resolve(name, package)
        if name in self._modules:
            raise ExtensionAlreadyLoaded(name)
        self._setup(name, _import(name))

    def unload(self, name: str, package: str | None = None) -> None:
        """Run the module's `teardown`; see `BaseClient.unload_extension`."""
        name = self._find(name, package)
        module = self._modules[name]
        try:
            teardown = getattr(module, "teardown", None)
            if teardown is not None:
                teardown(self._client)
        except Exception as error:
            raise ExtensionFailed(name, error) from error
        finally:
            self._drop(name)

    def reload(self, name: str, package: str | None = None) -> None:
        """Load the module anew from its file; see `BaseClient.reload_extension`."""
        name = self._find(name, package)
        module = self._modules[name]
        cached = _forget_modules(name)
        try:
            self._check(name, _import(name))
            self.unload(name)
            self._setup(name, sys.modules[name])
        except BaseException:
            _forget_modules(name)
            sys.modules.update(cached)
            if name not in self._modules:
                self._setup(name, module)
            raise

    def unload_all(self) -> None:
        """Unload every extension, the last one first, whatever they raise."""
        for name in reversed(list(self._modules)):
            try:
                self.unload(name)
            except ExtensionFailed:
                self._client.logger.warning("extension %r failed in teardown", name, exc_info=True)

    def share(self, other: Extensions) -> None:
        """Show the extensions of another client, whose sub-clients were copied."""
        self._modules = dict(other._modules)
        self._added = {name: list(added) for name, added in other._added.items()}

    def _find(self, name: str, package: str | None) -> str:
        name = _resolve(name, package)
        if name not in self._modules:
            raise ExtensionNotLoaded(name)
        return name

    def _check(self, name: str, module: ModuleType) -> None:
        if not callable(getattr(module, "setup", None)):
            raise ExtensionEntryPointError(name)

    def _setup(self, name: str, module: ModuleType) -> None:
        self._check(name, module)
        before = set(self._client.subclients)
        self._modules[name] = module
        try:
            module.setup(self._client)
        except BaseException as error:
            self._added[name] = [n for n in self._client.subclients if n not in before]
            self._drop(name)
            if isinstance(error, Exception):
                raise ExtensionFailed(name, error) from error
            raise
        self._added[name] = [n for n in self._client.subclients if n not in before]

    def _drop(self, name: str) -> None:
        self._modules.pop(name, None)
        for added in reversed(self._added.pop(name, [])):
            self._client.remove_subclient(added)


def _resolve(name: str, package: str | None) -> str:
    try:
        return importlib.util.resolve_name(name, package)
    except ImportError as error:
        raise ExtensionNotFound(name) from error


def _import(name: str) -> ModuleType:
    try:
        if importlib.util.find_spec(name) is None:
            raise ExtensionNotFound(name)
    except (ImportError, ValueError) as error:
        raise ExtensionNotFound(name) from error
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise ExtensionFailed(name, error) from error


def _forget_modules(name: str) -> dict[str, ModuleType]:
    """Take a module and what is below it out of `sys.modules`, so that it is imported anew."""
    importlib.invalidate_caches()
    found = {
        key: module
        for key, module in sys.modules.items()
        if key == name or key.startswith(name + ".")
    }
    for key in found:
        del sys.modules[key]
    return found
