"""`Source`: the file of an upload that goes out in chunks."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any, BinaryIO, cast

from typing_extensions import override

from ..errors import UnreadableFile, UploadError
from .body import Body, BytesBody, FileBody, file_body, file_name, unreadable

__all__ = ["Pieces", "Source", "make_source"]

Pieces = Iterator[bytes] | AsyncIterator[bytes]

_LEAST = 64 * 1024
"""From how many bytes on pieces that were kept are sent."""


class Source(ABC):
    """The file of an upload.

    Attributes:
        size: Its length, `None` as long as nobody knows it.
        name: Its base name, `None` where it has none.
        stream: What it is read from, if that can be done only once.
    """

    size: int | None = None
    name: str | None = None
    stream: Body | None = None

    @abstractmethod
    def body(self, start: int, most: int | None) -> Body:
        """Return what is sent from an offset on, at most so many bytes.

        Raises:
            UnreadableFile: The file is gone, or has changed.
        """

    def wants(self, start: int, most: int) -> Pieces | None:
        """Return what is to be read and fed before `body` can be asked for; `None` for nothing."""
        return None

    def feed(self, piece: bytes | None) -> None:  # noqa: B027 - only streams are read so
        """Take a piece that was read, `None` at the end."""

    def release(self, start: int) -> None:  # noqa: B027 - only streams are kept
        """Forget what comes before an offset: the server has it."""


class _Slice(FileBody):
    """A part of a file."""

    def __init__(self, source: os.PathLike[str] | BinaryIO, start: int, length: int) -> None:
        self._source = source
        self._start = start
        self.length = length


class _FileSource(Source):
    """A file that can be sought in: opened for each chunk if it is a path, or open, and left so."""

    def __init__(self, file: Any, body: FileBody) -> None:
        self.size = body.length
        self.name = file_name(file)
        self._file = file
        self._is_path = isinstance(file, os.PathLike)
        self._start = 0 if self._is_path else file.tell()
        self._known = self._look()

    def _look(self) -> tuple[int, int] | None:
        """Return the length of the file and when it was changed; `None` for what is no file."""
        try:
            found = os.stat(self._file if self._is_path else self._file.fileno())
        except (AttributeError, OSError, ValueError) as error:
            if self._is_path and isinstance(error, OSError):
                raise unreadable(os.fspath(cast("os.PathLike[str]", self._file)), error) from error
            return None
        return found.st_size, found.st_mtime_ns

    @override
    def body(self, start: int, most: int | None) -> Body:
        found = self._look()
        if found != self._known:
            raise UnreadableFile(
                f"the file changed while it was sent: it had {self.size} bytes; send it anew",
                path=os.fspath(cast("os.PathLike[str]", self._file)) if self._is_path else None,
            )
        left = max((self.size or 0) - start, 0)
        return _Slice(self._file, self._start + start, left if most is None else min(left, most))


class _BytesSource(Source):
    """Bytes in memory."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._content = content

    @override
    def body(self, start: int, most: int | None) -> Body:
        end = None if most is None else start + most
        return BytesBody(self._content[start:end])


class _StreamSource(Source):
    """What can be read only once: as much of it is kept as the server has not taken yet."""

    def __init__(self, body: Body) -> None:
        self.stream = self._body = body
        self._pieces: Pieces | None = None
        self._kept: deque[bytes] = deque()
        self._start = 0
        self._length = 0
        self._needed = 0
        self._is_reading = False

    @override
    def wants(self, start: int, most: int) -> Pieces | None:
        if start < self._start:
            raise UploadError(
                f"the server wants the bytes from {start} on again, but the file is an iterator, "
                f"of which it had the first {self._start}"
            )
        self.release(start)
        # One byte more tells whether the chunk is the last one.
        if self.size is not None or self._start + self._length > start + most:
            return None
        if self._is_reading:
            # What it would give next is not what comes next.
            raise UploadError(
                "reading the iterator was broken off, so that nobody knows what is missing; begin "
                "anew with another one"
            )
        if self._pieces is None:
            self._pieces = self._body.async_chunks() or self._body.chunks()
        self._is_reading = True
        return self._pieces

    @override
    def feed(self, piece: bytes | None) -> None:
        self._is_reading = False
        if piece is None:
            self.size = self._start + self._length
        elif piece:
            self._kept.append(piece)
            self._length += len(piece)
            self.release(self._needed)

    @override
    def release(self, start: int) -> None:
        self._needed = start
        while self._kept and self._start < start:
            piece = self._kept.popleft()
            gone = min(start - self._start, len(piece))
            self._start += gone
            self._length -= gone
            if gone < len(piece):
                self._kept.appendleft(piece[gone:])

    @override
    def body(self, start: int, most: int | None) -> Body:
        if start > self._start:
            raise UploadError(
                f"the server has {start} bytes, but the file is over after {self._start}"
            )
        length = self._length if most is None else min(self._length, most)
        return _Kept(tuple(self._kept), length)


class _Kept(Body):
    """Pieces that were read, up to a length."""

    def __init__(self, pieces: tuple[bytes, ...], length: int) -> None:
        self._kept = pieces
        self.length = length

    @override
    def chunks(self) -> Iterator[bytes]:
        left = self.length or 0
        ready: list[bytes] = []
        size = 0
        for piece in self._kept:
            # A packet for each of a million small pieces would take long.
            part = piece[:left]
            ready.append(part)
            size += len(part)
            left -= len(part)
            if size >= _LEAST or not left:
                yield b"".join(ready)
                ready, size = [], 0
            if not left:
                return


def make_source(file: Any) -> Source:
    """Return the source for a path, bytes, an open file or an iterator of bytes.

    Raises:
        ConfigurationError: It is none of these.
        UnreadableFile: It cannot be read.
    """
    body = file_body(file, "a file to upload")
    if isinstance(body, bytes):
        return _BytesSource(body)
    if isinstance(body, FileBody) and body.replayable:
        return _FileSource(file, body)
    source = _StreamSource(body)
    source.name = file_name(file)
    return source
