"""`ThreadReader`: an iterator that reads a file, run in a thread piece by piece.

It has no synchronous twin, which just iterates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import suppress
from typing import Generic, TypeVar

__all__ = ["ThreadReader"]

T = TypeVar("T")


class ThreadReader(Generic[T]):
    """A generator that is run in a thread, so that the loop goes on meanwhile."""

    __slots__ = ("_is_left", "_steps")

    def __init__(self, steps: Generator[T, None, None]) -> None:
        self._steps = steps
        self._is_left = False

    async def read(self) -> T | None:
        """Return the next thing, `None` after the last one."""
        return await asyncio.to_thread(self._next)

    def _next(self) -> T | None:
        found = next(self._steps, None)
        if self._is_left:
            self._steps.close()
        return found

    def leave(self) -> None:
        """Close what it has open; a thread that is reading just then does it once it is back."""
        self._is_left = True
        with suppress(ValueError):  # It is running.
            self._steps.close()
