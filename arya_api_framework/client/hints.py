"""What is said where something of one kind of client is read as that of the other."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any

from typing_extensions import TypeIs

__all__ = ["AsyncHint", "SyncHint", "is_async_iterable"]


class SyncHint:
    """Says how what is read in threads is read."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __aiter__(self):
            raise TypeError(f"{_named(self)} is read in threads: use `for`, not `async for`")

        def __aenter__(self):
            raise TypeError(f"{_named(self)} is read in threads: use `with`, not `async with`")

        async def __aexit__(self, *exception):
            """Be looked for before `__aenter__` is called."""


class AsyncHint:
    """Says how what is read in tasks is read."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __iter__(self):
            raise TypeError(f"{_named(self)} is read in tasks: use `async for`, not `for`")

        def __enter__(self):
            raise TypeError(f"{_named(self)} is read in tasks: use `async with`, not `with`")

        def __exit__(self, *exception):
            """Be looked for before `__enter__` is called."""


def is_async_iterable(value: object) -> TypeIs[AsyncIterable[Any]]:
    """Return whether a value is read with `async for`, and has not the hint against it only."""
    return isinstance(value, AsyncIterable) and not isinstance(value, SyncHint)


def _named(value: object) -> str:
    return f"`{type(value).__name__}`"
