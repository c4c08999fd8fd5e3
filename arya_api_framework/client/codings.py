"""The libraries for content codings (RFC 9110 8.4.1), and how a body is compressed with them.

Python has gzip and deflate of its own. Brotli and, before Python 3.14, zstd are libraries that the
extra `compression` installs; without it they are neither asked for nor sent.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from typing import Any, Protocol

from typing_extensions import override

from ..errors import ConfigurationError
from ..options import Compression
from .body import Body, BytesBody

__all__ = [
    "HOW_TO_INSTALL",
    "CompressedBytes",
    "accept_encoding",
    "check_library",
    "compress_body",
    "find_brotli",
    "find_zstd",
]

HOW_TO_INSTALL = "install the extra: pip install 'arya-api-framework[compression]'"

_SOON = 256 * 1024
"""The most bytes that are compressed at once, while a request is built: 10 ms of work."""

_PIECE = 64 * 1024
"""The most bytes of an asynchronous body that are compressed without a break."""

_GZIP = 16 + zlib.MAX_WBITS
_BROTLI_QUALITY = 4
"""Of 0 to 11; its default of 11 takes a hundred times as long as gzip."""


# The libraries are slow to import; the first request needs to know of them, no import does.


@functools.cache
def find_brotli() -> Any:
    """Return the module for Brotli, `None` where there is none that can stop at a limit."""
    return _find(("brotli", "brotlicffi"), "Decompressor.can_accept_more_data")


@functools.cache
def find_zstd() -> Any:
    """Return the module for zstd, Python's or its stand-in, `None` where there is none."""
    return _find(("compression.zstd", "backports.zstd"), "ZstdDecompressor.needs_input")


def _find(names: tuple[str, ...], needed: str) -> Any:
    holder, attribute = needed.split(".")
    for name in names:
        try:
            module = import_module(name)
        except ImportError:
            continue
        # Brotli before 1.2 gives all that a few bytes inflate to at once.
        if hasattr(getattr(module, holder, None), attribute):
            return module
    return None


@functools.cache
def accept_encoding() -> str:
    """Return the value of `Accept-Encoding`: what can be decoded here and nothing else."""
    found = ["gzip", "deflate"]
    if find_brotli() is not None:
        found.append("br")
    if find_zstd() is not None:
        found.append("zstd")
    return ", ".join(found)


def check_library(coding: Compression) -> Any:
    """Return the library that compresses in `br` or `zstd`.

    Raises:
        ConfigurationError: It is not installed.
    """
    library = find_brotli() if coding == "br" else find_zstd()
    if library is None:
        raise ConfigurationError(f"compress={coding!r} needs a library; {HOW_TO_INSTALL}")
    return library


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Brotli:
    """Brotli's compressor, its methods named as those of the others."""

    def __init__(self, library: Any) -> None:
        compressor = library.Compressor(quality=_BROTLI_QUALITY)
        self.compress: Callable[[bytes], bytes] = compressor.process
        self.flush: Callable[[], bytes] = compressor.finish


def _compressor(coding: Compression) -> _Compressor:
    if coding == "gzip":
        # With a time of 0 and no name in its header, the same body is the same bytes each time.
        return zlib.compressobj(wbits=_GZIP)
    if coding == "deflate":
        return zlib.compressobj()  # The zlib format (RFC 9110 8.4.1.2).
    library = check_library(coding)
    if coding == "br":
        return _Brotli(library)
    options = {library.CompressionParameter.checksum_flag: 1}
    compressor: _Compressor = library.ZstdCompressor(options=options)
    return compressor


def compress_body(body: bytes | Body, coding: Compression) -> bytes | Body:
    """Return a body in a content coding; one that is known to be empty stays as it is.

    Bytes have a length afterwards too; anything else is compressed while it is sent.
    """
    if isinstance(body, bytes):
        if not body:
            return body
        return _compress(body, coding) if len(body) <= _SOON else CompressedBytes(body, coding)
    if body.length == 0:
        return body
    if isinstance(body, BytesBody):
        packed = CompressedBytes(body.content, coding)
        packed.on_progress = body.on_progress
        return packed
    return CompressedBody(body, coding)


def _compress(content: bytes, coding: Compression) -> bytes:
    compressor = _compressor(coding)
    return compressor.compress(content) + compressor.flush()


class CompressedBytes(BytesBody):
    """Bytes that are compressed when they are first sent: an event loop has them in a thread."""

    def __init__(self, content: bytes, coding: Compression) -> None:
        self._source = content
        self._coding: Compression = coding
        self._packed = False

    @override
    def prepare(self) -> None:
        if not self._packed:
            super().__init__(_compress(self._source, self._coding))
            self._packed = True

    @override
    def chunks(self) -> Iterator[bytes]:
        self.prepare()
        return super().chunks()

    @override
    def tell(self, sent: int) -> None:
        if self.on_progress is not None:
            size = len(self._source)
            self.on_progress(size * sent // len(self.content), size)


class CompressedBody(Body):
    """A body that is compressed piece by piece while it is read."""

    def __init__(self, source: Body, coding: Compression) -> None:
        self._source = source
        self._coding: Compression = coding
        self._read = 0
        self.replayable = source.replayable
        self.is_async = source.is_async
        self.on_progress = source.on_progress

    @property
    @override
    def is_spent(self) -> bool:
        return self._source.is_spent

    @override
    def tell(self, sent: int) -> None:
        if self.on_progress is not None:
            self.on_progress(self._read, self._source.length)

    @override
    def chunks(self) -> Iterator[bytes]:
        compressor = _compressor(self._coding)
        self._read = 0
        for chunk in self._source.chunks():
            self._read += len(chunk)
            if packed := compressor.compress(chunk):
                yield packed
        yield compressor.flush()

    @override
    def async_chunks(self) -> AsyncIterator[bytes] | None:
        source = self._source.async_chunks()
        return None if source is None else self._iterate(source)

    async def _iterate(self, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        import asyncio

        compressor = _compressor(self._coding)
        self._read = 0
        async for chunk in source:
            for start in range(0, len(chunk), _PIECE):
                if start:
                    await asyncio.sleep(0)  # Others want the loop, too.
                piece = chunk[start : start + _PIECE]
                self._read += len(piece)
                if packed := compressor.compress(piece):
                    yield packed
        yield compressor.flush()
