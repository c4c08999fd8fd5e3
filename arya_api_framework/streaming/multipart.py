"""`multipart/form-data` bodies (RFC 7578), read piece by piece with their length known."""

from __future__ import annotations

import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from typing_extensions import override

from ..client.body import CHUNK_SIZE, Body, encode_text, file_body, file_name
from ..client.encoding import as_pairs, encode_header, encode_json
from ..client.shapes import is_mapping, is_model, is_tuple
from ..errors import ConfigurationError

__all__ = [
    "MultipartBody",
    "Part",
    "field_part",
    "file_part",
    "guess_type",
    "is_json_type",
    "split_shape",
]

# What a parser may take for the end of a line, by CR and LF or as Python's `splitlines` does; a tab
# is part of the name.
_CONTROLS = {*map(chr, range(0x20)), "\x7f", "\x85", "\u2028", "\u2029"} - {"\t"}
_ESCAPES = str.maketrans(
    {mark: quote(mark) for mark in (*_CONTROLS, '"')} | {"\\": "\\\\"},
)


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
        bodies = [part.content for part in parts if isinstance(part.content, Body)]
        self.replayable = all(body.replayable for body in bodies)
        self.is_async = any(body.is_async for body in bodies)
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

    @override
    def async_chunks(self) -> AsyncIterator[bytes] | None:
        return self._iterate() if self.is_async else None

    async def _iterate(self) -> AsyncIterator[bytes]:
        from ..client.async_reader import ThreadReader

        for part in self._parts:
            yield self._line + part.head
            if isinstance(part.content, bytes):
                for chunk in _cut(part.content):
                    yield chunk
            elif (source := part.content.async_chunks()) is not None:
                async with aclosing(cast("AsyncGenerator[bytes]", source)):
                    async for chunk in source:
                        yield chunk
            else:
                # Files are read in a thread, so that the loop goes on meanwhile.
                reader = ThreadReader(cast("Generator[bytes, None, None]", part.content.chunks()))
                try:
                    while (read := await reader.read()) is not None:
                        yield read
                finally:
                    reader.leave()
            yield b"\r\n"
        yield self._end


def _cut(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), CHUNK_SIZE):
        yield content[start : start + CHUNK_SIZE]


def field_part(
    name: str,
    content: str | bytes,
    media_type: str | None = None,
    headers: Iterable[tuple[str, Any]] = (),
) -> Part:
    """Return the part of a plain form field."""
    if isinstance(content, str):
        content = encode_text(content, f"form field {name!r}")
    fields = [] if media_type is None else [("Content-Type", media_type)]
    return Part(_head(_disposition(name), [*fields, *headers]), content)


def file_part(
    field: str,
    shape: Any,
    *,
    choose: Callable[[str | None], str | None] | None = None,
    headers: Iterable[tuple[str, Any]] = (),
) -> Part:
    """Return the part of a file: a shape of `Files`, alone or in a tuple with its name and type.

    Args:
        field: The name of the form field.
        shape: The file, `(name, file)`, `(name, file, type)` or `(name, file, type, headers)`. With
            `None` as the name the part is a plain field, which has no file name.
        choose: Gives the type where the shape has none, from what the name suggests.
        headers: Fields of the part, unless the shape gives others.

    Raises:
        ConfigurationError: It is no such shape, or a file that cannot be read.
    """
    what = f"file {field!r}"
    name, source, media_type, own = split_shape(shape, what)
    is_field = is_tuple(shape) and name is None
    fields = as_pairs(f"the headers of {what}", own or {})
    names = {key.lower() for key, _ in fields}
    if "content-disposition" in names:
        raise ConfigurationError(f"{what}: Content-Disposition is made from its names")
    if "content-type" in names and media_type is not None:
        raise ConfigurationError(f"{what} has two content types")
    name = None if is_field else _base_name(name or file_name(source) or field)
    if media_type is None and "content-type" not in names:
        media_type = None if choose is None else choose(name and guess_type(name))
        if media_type is None and not is_field:
            media_type = "application/octet-stream"
    if media_type is not None:
        fields.insert(0, ("Content-Type", media_type))
    fields += [(key, value) for key, value in headers if key.lower() not in names]
    return Part(_head(_disposition(field, name), fields), _content(source, media_type, what))


def _content(source: Any, media_type: object, what: str) -> bytes | Body:
    is_object = is_model(source) or is_mapping(source)
    if is_object and isinstance(media_type, str) and is_json_type(media_type):
        return encode_json(source, what)
    return file_body(source, what)


def _head(disposition: bytes, fields: Iterable[tuple[str, Any]]) -> bytes:
    lines = [f"{key}: {encode_header(key, value)}\r\n".encode("latin-1") for key, value in fields]
    return b"".join((disposition, *lines, b"\r\n"))


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

    media_type, coding = mimetypes.guess_type(name) if name else (None, None)
    if coding is not None:
        # What is packed is sent as it is, so its type is not that of what it holds.
        media_type = "application/gzip" if coding == "gzip" else None
    return media_type or "application/octet-stream"


def is_json_type(media_type: str) -> bool:
    """Return whether a media type is `application/json` or ends with `+json`."""
    name = media_type.partition(";")[0].strip().lower()
    return name == "application/json" or name.endswith("+json")


def _base_name(name: str) -> str:
    base = name.replace("\\", "/").rpartition("/")[2]
    return base if base.strip(".") else "file"


def _disposition(field: str, name: str | None = None) -> bytes:
    text = f'Content-Disposition: form-data; name="{_escape(field)}"'
    if name is not None:
        text += f'; filename="{_escape(name)}"'
    return encode_text(f"{text}\r\n", f"form field {field!r}")


def _escape(name: str) -> str:
    """Escape a name as browsers do (HTML 4.10.22.8), and what else could end it early.

    Those are other ends of lines, NUL and, for parsers of quoted strings (RFC 9110 5.6.4), a
    backslash.
    """
    return name.translate(_ESCAPES)
