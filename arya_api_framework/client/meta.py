"""`ClientMeta`: the class keywords of a client, collected when the class is made."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..options import ClientOptions
from .config import ClientConfig, check_credentials, freeze_options, merge_config
from .subclient import SubClient

__all__ = ["ClientMeta"]

if TYPE_CHECKING:
    # A metaclass of our own makes mypy stop checking class keywords; as ABCMeta they are checked
    # against `BaseClient.__init_subclass__`.
    ClientMeta = ABCMeta
else:

    class ClientMeta(ABCMeta):
        """Collect the class keywords of a client into one frozen `ClientConfig`."""

        def __new__(mcs, name, bases, namespace, **options):
            """Make the class and its `config`."""
            _check_namespace(name, namespace)
            cls = super().__new__(mcs, name, bases, namespace)
            cls._own_options = freeze_options(options)
            config = ClientConfig()
            for base in reversed(cls.__mro__):
                own = base.__dict__.get("_own_options", {})
                config = merge_config(config, own, "class keyword")
            check_credentials(config)
            cls._class_config = config
            return cls

        def __init__(cls, name, bases, namespace, **options):
            super().__init__(name, bases, namespace)

        @property
        def config(cls):
            """The class keywords, merged down the bases."""
            return cls._class_config

        def __call__(cls, *args, **kwargs):
            """Make an instance, whole even if its `__init__` calls no `super()`."""
            client = super().__call__(*args, **kwargs)
            client._complete()
            return client


def _check_namespace(name: str, namespace: Mapping[str, Any]) -> None:
    """Refuse options written as class attributes, which would be ignored, and their like."""
    for attribute, value in namespace.items():
        if attribute in ClientOptions.__optional_keys__ and not hasattr(value, "__get__"):
            raise ConfigurationError(
                f"{attribute!r} is a class keyword: write `class {name}(..., {attribute}=...)` "
                "instead of an attribute"
            )
        if isinstance(value, type) and issubclass(value, SubClient) and value.__name__ != attribute:
            raise ConfigurationError(
                f"{attribute!r} is the class {value.__name__}, not a sub-client; write "
                f"`{attribute} = {value.__name__}()`"
            )
