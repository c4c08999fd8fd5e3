"""`Sink`: where a download is written to; `OpenFile`, a file of the caller's."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import IO, Any, Protocol

from ..errors import FileError
from .digests import Digest
from .part_notes import Kept

__all__ = ["OpenFile", "Sink"]


class Sink(Protocol):
    """Where a download is written to."""

    @property
    def size(self) -> int:
        """How many bytes it holds, gaps included."""
        ...

    def load(self) -> Kept | None:
        """Return what an earlier download left, `None` where nothing can be gone on with."""
        ...

    def note(self, kept: Kept) -> None:
        """Write down what is known of the bytes, for a later download."""
        ...

    def restart(self) -> None:
        """Forget all bytes."""
        ...

    def watch(self, digest: Digest) -> None:
        """Have the digest of the bytes at hand when all are written."""
        ...

    def write(self, position: int, pieces: Sequence[bytes]) -> None:
        """Put bytes in their place, piece after piece."""
        ...

    def digest(self, digest: Digest) -> bytes | None:
        """Return what all bytes come to; `None` to be called again."""
        ...

    def finish(self, target: str | None, overwrite: bool) -> None:
        """Give the file its name."""
        ...

    def abandon(self, kept: Kept | None) -> None:
        """Leave the file, to be gone on with or removed; after `finish` this does nothing."""
        ...


class OpenFile:
    """An open file of the caller's, which is written from where it stands, and not closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash: Any = None
        self.size = 0
        try:
            self._start = file.tell() if file.seekable() else None
        except (AttributeError, OSError):
            self._start = None

    def load(self) -> Kept | None:
        """Return nothing: what stands in the file is not known."""
        return None

    def note(self, kept: Kept) -> None:
        """Do nothing: there is no place for notes."""

    def restart(self) -> None:
        """Go back to where the file stood, and cut it off there.

        Raises:
            FileError: It is none that can go back, such as a pipe.
        """
        if not self.size:
            return
        if self._start is None:
            raise FileError(
                "the download would have to begin anew, but the file that it is written to cannot "
                "go back; give a path",
                errno=errno.ESPIPE,
            )
        self._file.seek(self._start)
        self._file.truncate()
        self.size = 0
        if self._hash is not None:
            self._hash = self._make()

    def watch(self, digest: Digest) -> None:
        """Have the digest of the bytes at hand when all are written."""
        self._make: Callable[[], Any] = digest.start
        self._hash = digest.start()

    def write(self, position: int, pieces: Sequence[bytes]) -> None:
        """Write the next bytes."""
        for piece in pieces:
            view = memoryview(piece)
            while view.nbytes:
                # A raw file takes as many as it likes to; what is of the caller's may say nothing.
                count: Any = self._file.write(view)
                view = view[view.nbytes if count is None else count :]
            self.size += len(piece)
            if self._hash is not None:
                self._hash.update(piece)

    def digest(self, digest: Digest) -> bytes:
        """Return what all bytes came to."""
        found: bytes = self._hash.digest()
        return found

    def finish(self, target: str | None, overwrite: bool) -> None:
        """Have what was written leave the buffer."""
        flush = getattr(self._file, "flush", None)
        if flush is not None:
            flush()

    def abandon(self, kept: Kept | None) -> None:
        """Leave what was written as it is."""
