"""What a value looks like, told to type checkers without an unknown in it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import TypeIs

if TYPE_CHECKING:
    import pydantic

    from ..forms import Form

__all__ = [
    "is_bytes",
    "is_form",
    "is_iterable",
    "is_mapping",
    "is_model",
    "is_secret",
    "is_sequence",
    "is_tuple",
]


def is_bytes(value: object) -> TypeIs[bytes | bytearray | memoryview[int]]:
    """Return whether a value is bytes in memory."""
    return isinstance(value, bytes | bytearray | memoryview)


def is_iterable(value: object) -> TypeIs[Iterable[Any]]:
    """Return whether a value can be iterated over."""
    return isinstance(value, Iterable)


def is_mapping(value: object) -> TypeIs[Mapping[Any, Any]]:
    """Return whether a value is a mapping."""
    return isinstance(value, Mapping)


def is_sequence(value: object) -> TypeIs[list[Any] | tuple[Any, ...]]:
    """Return whether a value is a list or a tuple."""
    return isinstance(value, list | tuple)


def is_tuple(value: object) -> TypeIs[tuple[Any, ...]]:
    """Return whether a value is a tuple."""
    return isinstance(value, tuple)


# Pydantic is slow to import, and few calls have a `Form`. Where the module of models, of secrets or
# of forms is not there yet, nothing can be one.


def is_model(value: object) -> TypeIs[pydantic.BaseModel]:
    """Return whether a value is a model of pydantic's."""
    module = sys.modules.get("pydantic.main")
    return module is not None and isinstance(value, module.BaseModel)


def is_form(value: object) -> TypeIs[Form]:
    """Return whether a value is a `Form`."""
    module = sys.modules.get("arya_api_framework.forms")
    return module is not None and isinstance(value, module.Form)


def is_secret(
    value: object,
) -> TypeIs[pydantic.SecretStr | pydantic.SecretBytes | pydantic.Secret[Any]]:
    """Return whether a value is a secret of pydantic's."""
    module = sys.modules.get("pydantic.types")
    return module is not None and isinstance(
        value, module.SecretStr | module.SecretBytes | module.Secret
    )
