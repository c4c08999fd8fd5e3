"""`multipart/form-data` bodies (RFC 7578), read piece by piece with their length known."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from typing_extensions import override

from ..client.body import CHUNK_SIZE, Body, file_body, file_name
from ..client.encoding import encode_header
from ..client.shapes import is_tuple
from ..errors import ConfigurationError

__all__ = ["MultipartBody", "Part", "field_part", "file_part", "guess_type", "split_shape"]

_ESCAPES = {"\r": "%0D", "\n": "%0A", '"': "%22", "\0": "%00"}


class Part(NamedTuple):
    """One part: its head, ready to be sent, and its content."""

    head: bytes
    content: bytes | Body


class MultipartBody(Body):
    """Parts one after the other, between boundaries (RFC 2046 5.1.1)."""

    def __init__(self, parts: Sequence[Part], boundary: str | None = None) -> None:
        self.boundary = boundary or os.urandom(16).hex()
        self._parts = parts
        self._line = f"--{self.boundary}\r\n".encode()
        self._end = f"--{self.boundary}--\r\n".encode()
        self.replayable = all(isinstance(p.content, bytes) or p.content.replayable for p in parts)
        lengths = [
            len(p.content) if isinstance(p.content, bytes) else p.content.length for p in parts
        ]
        if None not in lengths:
            frame = sum(len(self._line) + len(part.head) + 2 for part in parts)
            self.length = frame + sum(cast("list[int]", lengths)) + len(self._end)

    @property
    def content_type(self) -> str:
        """The media type with the boundary."""
        return f"multipart/form-data; boundary={self.boundary}"

    @override
    def chunks(self) -> Iterator[bytes]:
        for part in self._parts:
            yield self._line + part.head
            if isinstance(part.content, bytes):
                yield from _cut(part.content)
            else:
                yield from part.content.chunks()
            yield b"\r\n"
        yield self._end

    @override
    def async_chunks(self) -> AsyncIterator[bytes] | None:
        for part in self._parts:
            if isinstance(part.content, Body) and part.content.async_chunks() is not None:
                raise ConfigurationError(
                    "a part cannot be an asynchronous iterator; give a plain one"
                )
        return None


def _cut(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), CHUNK_SIZE):
        yield content[start : start + CHUNK_SIZE]


def field_part(name: str, value: str) -> Part:
    """Return the part of a plain form field."""
    try:
        return Part(_disposition(name) + b"\r\n", value.encode())
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"form field {name!r} is no valid text") from error


def file_part(field: str, shape: Any, *, path: bool = False) -> Part:
    """Return the part of a file: a shape of `Files`, alone or in a tuple with its name and type.

    Args:
        field: The name of the form field.
        shape: The file, `(name, file)`, `(name, file, type)` or `(name, file, type, headers)`.
        path: Whether text is the path of a file, not its content.

    Raises:
        ConfigurationError: It is no such shape, or a file that cannot be read.
    """
    name, source, media_type, headers = split_shape(shape, f"file {field!r}")
    content = file_body(source, f"file {field!r}", path=path)
    name = _base_name(name or file_name(source, path=path) or field)
    media_type = media_type or "application/octet-stream"
    lines = [_disposition(field, name)]
    fields = {"Content-Type": media_type, **(headers or {})}
    for key, value in fields.items():
        if key.lower() == "content-disposition":
            raise ConfigurationError(f"file {field!r}: Content-Disposition is made from its names")
        lines.append(f"{key}: {encode_header(key, value)}\r\n".encode("latin-1"))
    return Part(b"".join(lines) + b"\r\n", content)


def split_shape(
    shape: Any, what: str
) -> tuple[str | None, Any, str | None, Mapping[str, str] | None]:
    """Return name, file, media type and headers of a file shape."""
    if not is_tuple(shape):
        return None, shape, None, None
    if not 2 <= len(shape) <= 4 or not isinstance(shape[0], str | None):
        raise ConfigurationError(
            f"{what} must be a file or (name, file[, content type[, headers]]), "
            f"got a tuple of {len(shape)}"
        )
    name, source, media_type, headers = (*shape, None, None)[:4]
    return name, source, media_type, headers


def guess_type(name: str | None) -> str:
    """Return the media type that a file name suggests."""
    import mimetypes

    return (mimetypes.guess_type(name)[0] if name else None) or "application/octet-stream"


def _base_name(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2] or "file"


def _disposition(field: str, name: str | None = None) -> bytes:
    text = f'Content-Disposition: form-data; name="{_escape(field)}"'
    if name is not None:
        text += f'; filename="{_escape(name)}"'
    try:
        return f"{text}\r\n".encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"form field {field!r} is no valid text") from error


def _escape(name: str) -> str:
    """Escape a name as browsers do (HTML 4.10.22.8), and NUL, which could end it early."""
    for character, escape in _ESCAPES.items():
        name = name.replace(character, escape)
    return name
