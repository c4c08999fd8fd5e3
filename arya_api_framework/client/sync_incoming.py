"""`SyncIncoming`: a body on its way in, read piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator

__all__ = ["SyncIncoming"]


class SyncIncoming:
    """A body on its way in.

    Attributes:
        coding: The content coding that is still to be decoded, empty for none.
    """

    __slots__ = ("_pieces", "_release", "coding")

    def __init__(
        self, pieces: Iterator[bytes], release: Callable[[], None], coding: str = ""
    ) -> None:
        self._pieces = pieces
        self._release: Callable[[], None] | None = release
        self.coding = coding

    def read(self) -> bytes:
        """Return what came next, empty at the end, where the connection is given back.

        Raises:
            TransportError: The body does not come whole.
        """
        try:
            piece = next(self._pieces, b"")
        except BaseException:
            self.close()
            raise
        if not piece:
            self.close()
        return piece

    def close(self) -> None:
        """Give the connection back: to the pool where the rest of the body is here already."""
        release, self._release = self._release, None
        if release is not None:
            release()

    def break_off(self) -> None:
        """Do the same."""
        self.close()

    def __del__(self) -> None:
        self.close()
