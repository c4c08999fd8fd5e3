"""Content codings (RFC 9110 8.4): one decoder, bounded and strict, for both clients.

A coded body must be whole: its end mark came and its checksum holds. What is cut, broken or coded
in a way we do not know is an error, never bytes that pass for content. A small body that inflates
to gigabytes stops at the limit, with no more than the limit and one piece in memory.

```python
import gzip

assert decode(gzip.compress(b"hello"), "gzip", limit=1024) == b"hello"
```
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Protocol

from typing_extensions import override

from ..errors import ContentEncodingError, ResponseTooLarge
from .codings import HOW_TO_INSTALL, accept_encoding, find_brotli, find_zstd

__all__ = ["Decoder", "Decoding", "decode"]

_MAX_CODINGS = 2

_PIECE = 64 * 1024
"""The most bytes inflated at a time, and so the most that are inflated beyond a limit."""

_INPUT = 16 * 1024
"""The most bytes inflated from at a time: zlib copies what follows the end of a gzip member, which
would cost the square of the length for a body of many tiny members."""

_TINY = 1024
_MAX_TINY_PARTS = 10_000
"""The most gzip members, or zstd frames, of less than 1 KiB each. Each costs microseconds, whatever
is in it: a body of nothing else would take seconds, on an event loop too."""

_WINDOW_LOG = 23
"""The largest window of zstd, 8 MiB (RFC 9659): a frame may ask for gigabytes of it. That of Brotli
is 16 MiB at most (RFC 7932 9.1)."""

_BROTLI_PIECE = 32_000
"""The same for Brotli, which fills buffers: the first is a little below 32 KiB, the next two are
64 KiB each, and a limit that the first does not reach gives another one."""

_SOON = 1024 * 1024
_SOON_CODED = 128 * 1024
"""How much of a body, decoded and coded, is decoded on an event loop: a few milliseconds of it."""


def decode(data: bytes, encoding: bytes | str, limit: int) -> bytes:
    """Decode a whole body. An empty body is an empty body, whatever its coding.

    Args:
        data: The body as it came.
        encoding: The value of `Content-Encoding`, empty where there is none.
        limit: The most bytes that the decoded body may have.

    Raises:
        ContentEncodingError: The coding is unknown, or the body is cut or broken.
        ResponseTooLarge: The decoded body is larger than `limit`.
    """
    if not data:
        return b""
    decoder = Decoder(encoding, limit)
    return decoder.feed(data) + decoder.finish()


class Decoder:
    """The same for a body that comes in pieces.

    ```python
    import gzip

    pieces = [gzip.compress(b"hello, "), gzip.compress(b"world")]
    decoder = Decoder("gzip", limit=1024)
    content = b"".join(map(decoder.feed, pieces)) + decoder.finish()
    assert content == b"hello, world"
    ```

    Args:
        encoding: The value of `Content-Encoding`, empty where there is none.
        limit: The most bytes that the decoded body may have.
        tick: Called for each piece of a layer between; what it raises ends the decoding.

    Raises:
        ContentEncodingError: The coding is unknown.
    """

    __slots__ = ("_codings", "_limit", "_sizes", "_tick")

    def __init__(
        self, encoding: bytes | str, limit: int, tick: Callable[[], object] | None = None
    ) -> None:
        self._codings = _codings(encoding)
        self._limit = limit
        self._tick = tick
        self._sizes = [0] * (len(self._codings) + 1)

    def feed(self, data: bytes) -> bytes:
        """Decode what came next, as far as it goes.

        Raises:
            ContentEncodingError: The body is broken.
            ResponseTooLarge: The decoded body is larger than the limit.
        """
        return b"".join(self.pieces(data))

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Do as `feed` does, decoding at most 64 KiB at a time: for streams of any size.

        Take all pieces before the next call of this or another method.
        """
        pieces = self._bounded((data,), 0)
        for depth, coding in enumerate(self._codings, 1):
            pieces = self._bounded(coding.decode(pieces), depth)
        return pieces

    def finish(self) -> bytes:
        """Check that the body came whole, and return what was still held back of it.

        Raises:
            ContentEncodingError: The body was cut.
        """
        for coding in self._codings:
            coding.finish()
        return b""  # No coding holds anything back.

    @property
    def is_layered(self) -> bool:
        """Whether one coding was applied over another."""
        return len(self._codings) > 1

    def _bounded(self, pieces: Iterable[bytes], depth: int) -> Iterator[bytes]:
        """Hold every layer to the limit, or one could inflate to gigabytes that come to nothing.

        A coded layer may be one piece larger than its content: it has headers and checksums.
        """
        slack = _PIECE if depth < len(self._codings) else 0
        for piece in pieces:
            size = self._sizes[depth] = self._sizes[depth] + len(piece)
            if size > self._limit + slack:
                raise ResponseTooLarge(
                    f"the response body is larger than {self._limit} bytes",
                    limit=self._limit,
                    size=size,
                )
            if self._tick is not None and depth < len(self._codings):
                self._tick()  # A layer between may come to nothing for long.
            yield piece


class Decoding:
    """The decoding of a whole body, which can be broken off and gone on with in a thread.

    ```python
    import gzip

    decoding = Decoding(gzip.compress(b"hello"), "gzip", limit=1024)
    content = decoding.begin()
    assert content == b"hello"
    ```

    Args:
        data: The body as it came.
        encoding: The value of `Content-Encoding`.
        limit: The most bytes that the decoded body may have.

    Attributes:
        stopped: Set to make `finish`, in a thread, end soon with what it has by then.

    Raises:
        ContentEncodingError: The coding is unknown.
    """

    __slots__ = ("_content", "_decoder", "_pieces", "_size", "stopped")

    def __init__(self, data: bytes, encoding: bytes | str, limit: int) -> None:
        self._decoder = Decoder(encoding, limit)
        self._pieces = self._decoder.pieces(data)
        self._content: list[bytes] = []
        # A layer between may take long and come to nothing.
        self._size = _SOON if len(data) >= _SOON_CODED or self._decoder.is_layered else 0
        self.stopped = False

    def begin(self) -> bytes | None:
        """Return the content if it is soon decoded, `None` if `finish` is to be called for it.

        Raises:
            ContentEncodingError: The body is broken.
            ResponseTooLarge: The decoded body is larger than the limit.
        """
        while self._size < _SOON:
            piece = next(self._pieces, None)
            if piece is None:
                return self.finish()
            self._content.append(piece)
            self._size += len(piece)
        return None

    def finish(self) -> bytes:
        """Return the content, decoding the rest; raises as `begin` does."""
        for piece in self._pieces:
            self._content.append(piece)
            if self.stopped:
                return b""
        self._decoder.finish()
        return b"".join(self._content)


class _Coding(Protocol):
    def decode(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Decode what came next, in pieces of at most `_PIECE` bytes."""
        ...

    def finish(self) -> None:
        """Raise `ContentEncodingError` if something came, but not its end."""
        ...


class _Parts(ABC):
    """A coding whose body is one part after another, each with an end of its own."""

    __slots__ = ("_inflater", "_is_started", "_size", "_tiny")

    name: ClassVar[str]
    parts: ClassVar[str]
    unfinished: ClassVar[str]

    def __init__(self) -> None:
        self._inflater = self._new_inflater()
        self._is_started = False
        self._size = 0
        self._tiny = 0

    @abstractmethod
    def _new_inflater(self) -> Any:
        """Return what decodes the next part."""

    @abstractmethod
    def _inflate(self, data: bytes) -> Iterator[bytes]:
        """Decode of the current part what came next, in pieces of at most `_PIECE` bytes."""

    def _is_over(self, data: bytes) -> bool:
        """Return whether what comes behind a part is none and may be dropped."""
        return False

    def decode(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for data in _split(pieces):
            self._is_started = True
            while data:
                if self._inflater.eof:
                    if self._is_over(data):
                        break
                    self._begin_part()
                for piece in self._inflate(data):
                    self._size += len(piece)
                    yield piece
                data = self._inflater.unused_data

    def _begin_part(self) -> None:
        self._tiny += self._size < _TINY
        if self._tiny > _MAX_TINY_PARTS:
            raise ContentEncodingError(
                f"the {self.name} body has more than {_MAX_TINY_PARTS} {self.parts} below "
                f"{_TINY} bytes"
            )
        self._inflater = self._new_inflater()
        self._size = 0

    def finish(self) -> None:
        if self._is_started and not self._inflater.eof:
            raise ContentEncodingError(f"the {self.name} body ends before {self.unfinished}")


class _Gzip(_Parts):
    """Members one after another (RFC 1952 2.2), then perhaps zeros.

    Zeros behind the last member are padding and dropped, as gzip(1) and Python's `gzip` do: files
    that were written in blocks have it. Anything behind them is an error.
    """

    __slots__ = ("_is_padding",)

    name = "gzip"
    parts = "members"
    unfinished = "its end mark and checksum"

    def __init__(self) -> None:
        super().__init__()
        self._is_padding = False

    @override
    def _new_inflater(self) -> Any:
        return zlib.decompressobj(16 + zlib.MAX_WBITS)

    @override
    def _inflate(self, data: bytes) -> Iterator[bytes]:
        return _inflate(self._inflater, data)

    @override
    def _is_over(self, data: bytes) -> bool:
        if not self._is_padding and data[0] != 0:
            return False
        self._is_padding = True
        if data.strip(b"\0"):
            raise ContentEncodingError("the gzip body has bytes behind its padding")
        return True


class _Deflate:
    """The zlib format (RFC 9110 8.4.1.2), or the bare deflate stream that some servers send.

    The first two bytes tell: of a bare stream they would announce a stored block with bits set
    that every encoder leaves clear.
    """

    __slots__ = ("_inflater", "_start")

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj()
        self._start = b""

    def decode(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for data in _split(pieces):
            if len(self._start) < 2:
                data = self._start + data
                self._start = data[:2]
                if len(data) < 2:
                    continue
                # RFC 1950 2.2: method 8, and both bytes as one number a multiple of 31.
                if data[0] & 0x0F != 8 or int.from_bytes(self._start, "big") % 31:
                    self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            if not self._inflater.eof:
                yield from _inflate(self._inflater, data)
                data = self._inflater.unused_data
            if data:
                raise ContentEncodingError("the deflate body has bytes behind its end")

    def finish(self) -> None:
        if self._start and not self._inflater.eof:
            raise ContentEncodingError("the deflate body ends before its end mark")


class _Brotli:
    """A Brotli stream (RFC 7932), which marks its end but has no checksum."""

    __slots__ = ("_broken", "_inflater", "_is_started")

    def __init__(self, library: Any) -> None:
        self._inflater = library.Decompressor()
        self._broken: type[Exception] = library.error
        self._is_started = False

    def decode(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        inflater = self._inflater
        for data in _split(pieces):
            self._is_started = True
            if inflater.is_finished():
                raise ContentEncodingError("the br body has bytes behind its end")
            is_full = True
            # What was taken in may come to more than was asked for, also where all was taken.
            while is_full and not inflater.is_finished():
                try:
                    piece = inflater.process(data, output_buffer_limit=_BROTLI_PIECE)
                except self._broken as error:
                    raise ContentEncodingError("the body is no valid br stream") from error
                if piece:
                    yield piece
                is_full = len(piece) >= _BROTLI_PIECE or not inflater.can_accept_more_data()
                data = b""

    def finish(self) -> None:
        if self._is_started and not self._inflater.is_finished():
            raise ContentEncodingError("the br body ends before its end mark")


class _Zstd(_Parts):
    """Frames one after another (RFC 8878 3.1), their checksums verified where they have one."""

    __slots__ = ("_broken", "_library", "_options")

    name = "zstd"
    parts = "frames"
    unfinished = "the end of its last frame"

    def __init__(self, library: Any) -> None:
        self._library = library
        self._options = {library.DecompressionParameter.window_log_max: _WINDOW_LOG}
        self._broken: type[Exception] = library.ZstdError
        super().__init__()

    @override
    def _new_inflater(self) -> Any:
        return self._library.ZstdDecompressor(options=self._options)

    @override
    def _inflate(self, data: bytes) -> Iterator[bytes]:
        inflater = self._inflater
        is_full = True
        while is_full and not inflater.eof:
            try:
                piece = inflater.decompress(data, _PIECE)
            except self._broken as error:
                raise ContentEncodingError(
                    "the body is no valid zstd stream, or needs a window of more than 8 MiB"
                ) from error
            if piece:
                yield piece
            is_full = not inflater.needs_input
            data = b""


_CODINGS: dict[str, Callable[[], _Coding]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,  # RFC 9110 8.4.1.3
    "deflate": _Deflate,
}


def _codings(encoding: bytes | str) -> list[_Coding]:
    """Return the decoders of a `Content-Encoding`, the one to run first in front."""
    text = encoding.decode("latin-1") if isinstance(encoding, bytes) else encoding
    names = [name for item in text.split(",") if (name := item.strip(" \t").lower())]
    names = [name for name in names if name != "identity"]
    if len(names) > _MAX_CODINGS:
        raise ContentEncodingError(
            f"expected at most {_MAX_CODINGS} content codings, got {len(names)}"
        )
    return [_coding(name) for name in reversed(names)]


def _coding(name: str) -> _Coding:
    found = _CODINGS.get(name)
    if found is not None:
        return found()
    if name == "br" and (library := find_brotli()) is not None:
        return _Brotli(library)
    if name == "zstd" and (library := find_zstd()) is not None:
        return _Zstd(library)
    advice = f"; to read it, {HOW_TO_INSTALL}" if name in ("br", "zstd") else ""
    raise ContentEncodingError(
        f"expected a content coding of {accept_encoding()!r}, got {name[:40]!r}{advice}"
    )


def _split(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), _INPUT):
            yield piece[start : start + _INPUT]


def _inflate(
    inflater: zlib._Decompress,  # pyright: ignore[reportPrivateUsage] - zlib names no public type.
    data: bytes,
) -> Iterator[bytes]:
    """Inflate all there is to inflate, up to the end of the stream."""
    is_full = True
    # A full piece may have left more inside zlib, even where all input is taken. Behind its end
    # zlib would take the same input again.
    while is_full and not inflater.eof:
        try:
            piece = inflater.decompress(data, _PIECE)
        except zlib.error as error:
            raise ContentEncodingError("the body is no valid gzip or deflate stream") from error
        if piece:
            yield piece
        is_full = len(piece) == _PIECE
        data = inflater.unconsumed_tail
