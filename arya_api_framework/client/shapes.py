"""What a value looks like, told to type checkers without an unknown in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypeIs

__all__ = ["is_bytes", "is_mapping", "is_sequence", "is_tuple"]


def is_bytes(value: object) -> TypeIs[bytes | bytearray | memoryview[int]]:
    """Return whether a value is bytes in memory."""
    return isinstance(value, bytes | bytearray | memoryview)


def is_mapping(value: object) -> TypeIs[Mapping[Any, Any]]:
    """Return whether a value is a mapping."""
    return isinstance(value, Mapping)


def is_sequence(value: object) -> TypeIs[list[Any] | tuple[Any, ...]]:
    """Return whether a value is a list or a tuple."""
    return isinstance(value, list | tuple)


def is_tuple(value: object) -> TypeIs[tuple[Any, ...]]:
    """Return whether a value is a tuple."""
    return isinstance(value, tuple)
