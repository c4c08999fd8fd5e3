"""What a request may send, described without sending it.

A body of bytes is just `bytes`. The rest are `Body` objects, which say how long they are, whether
they can be sent twice, and how to read them piece by piece.
"""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, BinaryIO, cast

from typing_extensions import override

from ..errors import BodyNotReplayable, ConfigurationError
from ..options import Progress
from .shapes import is_bytes, is_mapping

__all__ = ["CHUNK_SIZE", "Body", "BytesBody", "FileBody", "IteratorBody", "file_body", "file_name"]

CHUNK_SIZE = 256 * 1024
"""How many bytes are read from a file, and handed to the socket, at once."""


class Body(ABC):
    """A body that is read piece by piece.

    Attributes:
        length: Its length in bytes, `None` where nobody can know.
        replayable: Whether `chunks` may be called again.
        on_progress: Called with the bytes sent and the length.
        error: What reading it, or `on_progress`, raised: the user's own, to be raised unchanged.
    """

    length: int | None = None
    replayable: bool = True
    on_progress: Progress | None = None
    error: BaseException | None = None
    _taken = False

    def _take(self) -> None:
        if self._taken and not self.replayable:
            raise BodyNotReplayable("the body can be read once, and has been")
        self._taken = True

    @abstractmethod
    def chunks(self) -> Iterator[bytes]:
        """Read the body from its start."""

    def async_chunks(self) -> AsyncIterator[bytes] | None:
        """Read an asynchronous body, `None` for one that is read by `chunks`."""
        return None


class BytesBody(Body):
    """Bytes in memory, cut into pieces so that progress can be told."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.length = len(content)

    @override
    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self._content), CHUNK_SIZE):
            yield self._content[start : start + CHUNK_SIZE]


class FileBody(Body):
    """A file: by path, opened anew each time it is sent, or open already, and left open."""

    def __init__(self, source: str | os.PathLike[str] | BinaryIO) -> None:
        self._start = 0
        if isinstance(source, str | os.PathLike):
            self._path: str | None = os.fspath(source)
            self._file: BinaryIO | None = None
            self.length = _file_size(self._path)
        else:
            self._path = None
            self._file = source
            self.length = self._measure(source)

    def _measure(self, file: BinaryIO) -> int | None:
        if getattr(file, "closed", False):
            raise ConfigurationError("the file is closed")
        if isinstance(getattr(file, "encoding", None), str):
            raise ConfigurationError("the file is open as text; open it in binary mode, 'rb'")
        try:
            self._start = file.tell()
            end = file.seek(0, os.SEEK_END)
            file.seek(self._start)
        except (OSError, AttributeError, ValueError):
            self.replayable = False
            return None
        return max(end - self._start, 0)

    @override
    def chunks(self) -> Iterator[bytes]:
        if self._file is not None:
            self._take()
            if self.replayable:
                self._file.seek(self._start)
            yield from self._read(self._file)
        else:
            assert self._path is not None
            with _open(self._path) as file:
                yield from self._read(file)

    def _read(self, file: BinaryIO) -> Iterator[bytes]:
        left = self.length
        while left is None or left > 0:
            chunk = file.read(CHUNK_SIZE if left is None else min(CHUNK_SIZE, left))
            if not isinstance(chunk, bytes):
                raise ConfigurationError(
                    "the file does not give bytes; open it in binary mode, 'rb'"
                )
            if not chunk:
                break
            if left is not None:
                left -= len(chunk)
            yield chunk
        if left:
            raise ConfigurationError(f"the file became {left} bytes shorter while it was sent")


class IteratorBody(Body):
    """An iterator of bytes, which can be read once; a list or tuple can be read again."""

    def __init__(self, source: Iterable[bytes] | AsyncIterable[bytes]) -> None:
        self._source = source
        self.replayable = isinstance(source, list | tuple)

    @override
    def chunks(self) -> Iterator[bytes]:
        if isinstance(self._source, AsyncIterable):
            raise ConfigurationError(
                "an asynchronous iterator can be sent by an AsyncClient only; give a plain one"
            )
        self._take()
        for chunk in self._source:
            yield _check_chunk(chunk)

    @override
    def async_chunks(self) -> AsyncIterator[bytes] | None:
        return self._iterate(self._source) if isinstance(self._source, AsyncIterable) else None

    async def _iterate(self, source: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        self._take()
        async for chunk in source:
            yield _check_chunk(chunk)


def _check_chunk(chunk: object) -> bytes:
    if isinstance(chunk, str):
        return chunk.encode()
    if is_bytes(chunk):
        return bytes(chunk)
    raise ConfigurationError(f"a body iterator must give bytes, got {type(chunk).__name__}")


def file_body(source: object, what: str, *, path: bool = False) -> bytes | Body:
    """Return what a file shape stands for: bytes, text, a `Path`, an open file or an iterator.

    Args:
        source: The shape.
        what: What to call it in an error.
        path: Whether text is the path of a file, not its content.

    Raises:
        ConfigurationError: It is none of these, or a file that cannot be read.
    """
    if isinstance(source, str):
        return FileBody(source) if path else source.encode()
    if is_bytes(source):
        return bytes(source)
    if isinstance(source, os.PathLike):
        return FileBody(cast("os.PathLike[str]", source))
    if callable(getattr(source, "read", None)):
        return FileBody(cast("BinaryIO", source))
    if not is_mapping(source) and isinstance(source, AsyncIterable | Iterable):
        return IteratorBody(cast("Iterable[bytes]", source))
    raise ConfigurationError(
        f"{what} must be bytes, text, a path, an open binary file or an iterator of bytes, "
        f"got {type(source).__name__}"
    )


def file_name(source: object, *, path: bool = False) -> str | None:
    """Return the base name of a file shape, `None` where it has none."""
    name: Any = getattr(source, "name", None)
    if isinstance(source, os.PathLike):
        name = os.fspath(cast("os.PathLike[str]", source))
    elif path and isinstance(source, str):
        name = source
    if not isinstance(name, str):
        return None
    return name.replace("\\", "/").rpartition("/")[2] or None


def _file_size(path: str) -> int:
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"file {path!r} cannot be read: {type(error).__name__}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"file {path!r} is no regular file")
    if not os.access(path, os.R_OK):
        raise ConfigurationError(f"file {path!r} cannot be read: no permission")
    return found.st_size


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise ConfigurationError(f"file {path!r} cannot be read: {type(error).__name__}") from error
