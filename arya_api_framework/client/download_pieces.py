"""`Piece` and `Batch`: what one connection of a download fetches, and what it writes at once."""

from __future__ import annotations

import time

from ..streaming.ranges import Gap, Verdict

__all__ = ["Batch", "Piece", "StartOver"]

_SECOND = 1.0


class StartOver(Exception):
    """What came does not go with what is there: the file is fetched anew.

    Attributes:
        verdict: Why.
    """

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict: Verdict = verdict


class Piece:
    """A part of the file that one connection fetches.

    Attributes:
        position: How far it came.
        end: The position after its last byte, `None` for the end of the file.
        limit: The position after the last byte of the current answer, where that is known.
        asked: What was asked for by a range, `None` where the file was.
        failures: How many attempts in a row brought nothing.
    """

    __slots__ = ("asked", "best", "end", "failures", "is_full", "limit", "position")

    def __init__(self, position: int, end: int | None) -> None:
        self.position = self.best = position
        self.end = end
        self.limit: int | None = None
        self.asked: Gap | None = None
        self.failures = 0
        self.is_full = False


class Batch:
    """Bytes that came and are to be written at once.

    Args:
        most: How many, unless they do not come within a second.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: list[bytes] = []
        self._since = time.monotonic()
        self.size = 0

    def add(self, data: bytes) -> bool:
        """Add bytes, and return whether it is time to write."""
        self._pieces.append(data)
        self.size += len(data)
        return self.size >= self._most or time.monotonic() - self._since >= _SECOND

    def take(self) -> tuple[list[bytes], int]:
        """Return all with their size, and have none."""
        pieces, size = self._pieces, self.size
        self._pieces, self.size = [], 0
        self._since = time.monotonic()
        return pieces, size
