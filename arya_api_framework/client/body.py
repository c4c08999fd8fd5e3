"""What a request may send, described without sending it.

A body of bytes is just `bytes`. The rest are `Body` objects, which say how long they are, whether
they can be sent twice, and how to read them piece by piece.
"""

from __future__ import annotations

import io
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from typing import Any, BinaryIO, cast

from typing_extensions import override

from ..errors import BodyNotReplayable, ConfigurationError, UnreadableFile
from ..options import Progress
from .hints import is_async_iterable
from .shapes import is_bytes, is_iterable, is_mapping, is_model, is_sequence

__all__ = [
    "CHUNK_SIZE",
    "Body",
    "BytesBody",
    "FileBody",
    "IteratorBody",
    "check_async_body",
    "check_sync_body",
    "encode_text",
    "file_body",
    "file_name",
    "unreadable",
]

CHUNK_SIZE = 512 * 1024
"""How many bytes are read from a file, and handed to the socket, at once."""


class Body(ABC):
    """A body that is read piece by piece.

    Attributes:
        length: Its length in bytes, `None` where nobody can know.
        replayable: Whether `chunks` may be called again.
        is_async: Whether it is read by `async_chunks`, not by `chunks`.
        on_progress: Called with the bytes sent and the length.
        error: What reading it, or `on_progress`, raised: the user's own, to be raised unchanged.
    """

    length: int | None = None
    replayable: bool = True
    is_async: bool = False
    on_progress: Progress | None = None
    error: BaseException | None = None
    _taken = False

    @property
    def is_spent(self) -> bool:
        """Whether it can be read once, and has been."""
        return self._taken and not self.replayable

    def _take(self) -> None:
        if self.is_spent:
            raise BodyNotReplayable("the body can be read once, and has been")
        self._taken = True

    @abstractmethod
    def chunks(self) -> Iterator[bytes]:
        """Read the body from its start."""

    def prepare(self) -> None:  # noqa: B027 - most bodies need nothing
        """Do what takes long and must be done before the length is known."""

    def tell(self, sent: int) -> None:
        """Tell `on_progress` that so many of the bytes of `chunks` were sent."""
        if self.on_progress is not None:
            try:
                self.on_progress(sent, self.length)
            except Exception as error:
                self.error = error
                raise

    def begun_chunks(self) -> Generator[bytes, None, None]:
        """Read the body of a request whose head is on its way: the server may have read that."""
        self.error = None
        try:
            yield from self.chunks()
        except Exception as error:
            self.error = error
            if isinstance(error, ConfigurationError):
                error.sent = "maybe"
            raise

    def async_chunks(self) -> AsyncIterator[bytes] | None:
        """Read a body that is asynchronous, `None` for any other."""
        return None


class BytesBody(Body):
    """Bytes in memory, cut into pieces so that progress can be told."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.length = len(content)

    @override
    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.content), CHUNK_SIZE):
            yield self.content[start : start + CHUNK_SIZE]


class FileBody(Body):
    """A file: by path, opened anew each time it is sent, or open already, and left open."""

    def __init__(self, source: os.PathLike[str] | BinaryIO, what: str = "the file") -> None:
        self._source = source
        self._what = what
        self._start = 0
        if isinstance(source, os.PathLike):
            self.length = _file_size(source)
        else:
            self.length = self._measure(source)

    def _measure(self, file: Any) -> int | None:
        if getattr(file, "closed", False):
            raise ConfigurationError(f"{self._what} is closed")
        if isinstance(file, io.TextIOBase) or isinstance(getattr(file, "encoding", None), str):
            raise ConfigurationError(f"{self._what} is open as text; open it in binary mode, 'rb'")
        readable = getattr(file, "readable", None)
        if callable(readable) and not readable():
            raise ConfigurationError(f"{self._what} is not open for reading; open it in mode 'rb'")
        try:
            self._start = file.tell()
            file.seek(0, os.SEEK_END)
            end: int = file.tell()
            file.seek(self._start)
            return max(end - self._start, 0)
        except (OSError, AttributeError, ValueError, TypeError):
            self.replayable = False
            return None

    @override
    def chunks(self) -> Iterator[bytes]:
        if isinstance(self._source, os.PathLike):
            with _open(self._source) as file:
                if self._start:
                    file.seek(self._start)
                yield from self._read(_Readable(file))
        else:
            self._take()
            if self.replayable:
                self._source.seek(self._start)
            yield from self._read(self._source)

    def _read(self, file: BinaryIO | _Readable) -> Iterator[bytes]:
        left = self.length
        while left is None or left > 0:
            chunk = file.read(CHUNK_SIZE if left is None else min(CHUNK_SIZE, left))
            if not is_bytes(chunk):
                raise ConfigurationError(
                    f"{self._what} does not give bytes; open it in binary mode, 'rb'"
                )
            content = bytes(chunk)
            if not content:
                break
            if left is not None:
                left -= len(content)
                if left < 0:
                    # What is beyond the Content-Length would be read as another request.
                    raise ConfigurationError(
                        f"{self._what} gave {-left} bytes more than it was asked for, or has; its "
                        "`read(size)` must return at most `size` bytes"
                    )
            yield content
        if left:
            raise UnreadableFile(f"{self._what} became {left} bytes shorter while it was sent")


class _Readable:
    """A file that we opened, whose errors are not the user's."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise unreadable(self._file.name, error) from error


class IteratorBody(Body):
    """An iterator of bytes, which can be read once."""

    replayable = False

    def __init__(self, source: Iterable[bytes] | AsyncIterable[bytes]) -> None:
        self._source: Any = source
        self.is_async = is_async_iterable(source)

    @override
    def chunks(self) -> Iterator[bytes]:
        self._take()
        for chunk in self._source:
            yield _check_chunk(chunk)

    @override
    def async_chunks(self) -> AsyncIterator[bytes] | None:
        return self._iterate() if self.is_async else None

    async def _iterate(self) -> AsyncIterator[bytes]:
        self._take()
        async for chunk in self._source:
            yield _check_chunk(chunk)


def check_sync_body(body: bytes | Body) -> None:
    """Refuse what only an asynchronous client can read.

    Raises:
        ConfigurationError: The body is an asynchronous iterator.
    """
    if isinstance(body, Body) and body.is_async:
        raise ConfigurationError(
            "an asynchronous iterator can be sent by an AsyncClient only; give a plain one"
        )


def check_async_body(body: bytes | Body) -> None:
    """Refuse nothing: an asynchronous client can read any body."""


def _check_chunk(chunk: object) -> bytes:
    if isinstance(chunk, str):
        return encode_text(chunk, "a piece of the body")
    if is_bytes(chunk):
        return bytes(chunk)
    raise ConfigurationError(f"a body must be made of bytes, got {type(chunk).__name__} in it")


def encode_text(text: str, what: str) -> bytes:
    """Return text as UTF-8.

    Raises:
        ConfigurationError: It holds what no text can, a lone surrogate.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        # It would hold the text, which may be a secret.
        raise ConfigurationError(f"{what} is no valid text") from None


def file_body(source: object, what: str) -> bytes | Body:
    """Return what a file shape stands for: bytes, text, a `Path`, an open file or an iterator.

    Args:
        source: The shape.
        what: What to call it in an error.

    Raises:
        ConfigurationError: It is none of these.
        UnreadableFile: It is a file that cannot be read.
    """
    given: Any = source
    if isinstance(source, str):
        return encode_text(source, what)
    if is_bytes(source):
        return bytes(source)
    if is_sequence(source):
        return b"".join(map(_check_chunk, source))
    if isinstance(source, os.PathLike):
        return FileBody(given)
    # Ahead of `read`: asynchronous files have one too, which gives no bytes.
    if is_async_iterable(source):
        return IteratorBody(given)
    if callable(getattr(source, "read", None)):
        return FileBody(given, what)
    # Mappings and models iterate too, but over what no file holds.
    if is_iterable(source) and not (is_mapping(source) or is_model(source)):
        return IteratorBody(source)
    raise ConfigurationError(
        f"{what} must be bytes, text, a path, an open binary file or an iterator of bytes, "
        f"got {type(source).__name__}"
    )


def file_name(source: object) -> str | None:
    """Return the base name of a file shape, `None` where it has none."""
    name: Any = getattr(source, "name", None)
    if isinstance(source, os.PathLike):
        name = os.fspath(cast("os.PathLike[str]", source))
    if not isinstance(name, str):
        return None
    return name.replace("\\", "/").rpartition("/")[2] or None


def _file_size(path: os.PathLike[str]) -> int:
    with _open(path) as file:
        return os.fstat(file.fileno()).st_size


def _open(path: os.PathLike[str]) -> BinaryIO:
    name = os.fspath(path)
    try:
        # Opening a pipe would wait for somebody to write to it.
        if stat.S_ISREG(os.stat(name).st_mode):
            return open(name, "rb")
    except OSError as error:
        raise unreadable(name, error) from error
    except ValueError as error:
        raise ConfigurationError(f"file {name!r} cannot be read: {type(error).__name__}") from error
    raise UnreadableFile(f"file {name!r} is no regular file", path=name)


def unreadable(path: str, error: OSError) -> UnreadableFile:
    """Return the error that says why a file cannot be read."""
    text = f"file {path!r} cannot be read: {type(error).__name__}"
    return UnreadableFile(text, path=path, errno=error.errno)
