"""`multipart/form-data` bodies (RFC 7578), read piece by piece with their length known."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from typing_extensions import override

from ..client.body import CHUNK_SIZE, Body, encode_text, file_body, file_name
from ..client.encoding import as_pairs, encode_header
from ..client.shapes import is_tuple
from ..errors import ConfigurationError

__all__ = ["MultipartBody", "Part", "field_part", "file_part", "guess_type", "split_shape"]

_ESCAPES = {"\r": "%0D", "\n": "%0A", '"': "%22", "\0": "%00", "\\": "\\\\"}


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
    @override
    def is_spent(self) -> bool:
        return any(isinstance(p.content, Body) and p.content.is_spent for p in self._parts)

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


def _cut(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), CHUNK_SIZE):
        yield content[start : start + CHUNK_SIZE]


def field_part(name: str, value: str) -> Part:
    """Return the part of a plain form field."""
    return Part(_disposition(name) + b"\r\n", encode_text(value, f"form field {name!r}"))


def file_part(field: str, shape: Any) -> Part:
    """Return the part of a file: a shape of `Files`, alone or in a tuple with its name and type.

    Args:
        field: The name of the form field.
        shape: The file, `(name, file)`, `(name, file, type)` or `(name, file, type, headers)`.

    Raises:
        ConfigurationError: It is no such shape, or a file that cannot be read.
    """
    name, source, media_type, headers = split_shape(shape, f"file {field!r}")
    content = file_body(source, f"file {field!r}")
    if isinstance(content, Body) and content.is_async:
        raise ConfigurationError(
            f"file {field!r} cannot be an asynchronous iterator; give a plain one"
        )
    name = _base_name(name or file_name(source) or field)
    fields = as_pairs(f"the headers of file {field!r}", headers or {})
    names = {key.lower() for key, _ in fields}
    if "content-disposition" in names:
        raise ConfigurationError(f"file {field!r}: Content-Disposition is made from its names")
    if media_type is not None or "content-type" not in names:
        fields.insert(0, ("Content-Type", media_type or "application/octet-stream"))
        if "content-type" in names:
            raise ConfigurationError(f"file {field!r} has two content types")
    lines = [_disposition(field, name)]
    for key, value in fields:
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
    base = name.replace("\\", "/").rpartition("/")[2]
    return base if base.strip(".") else "file"


def _disposition(field: str, name: str | None = None) -> bytes:
    text = f'Content-Disposition: form-data; name="{_escape(field)}"'
    if name is not None:
        text += f'; filename="{_escape(name)}"'
    return encode_text(f"{text}\r\n", f"form field {field!r}")


def _escape(name: str) -> str:
    """Escape a name as browsers do (HTML 4.10.22.8), and what could end it early.

    Those are NUL and, for parsers of quoted strings (RFC 9110 5.6.4), a backslash.
    """
    for character, escape in _ESCAPES.items():
        name = name.replace(character, escape)
    return name
