"""`SyncStream`: a response whose body is read while it comes."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from ..errors import FrameworkException
from .stream import Sized, Stream

__all__ = ["SyncStream"]


class SyncStream(Stream):
    """A response whose head is there, and whose body is read while it comes.

    Made by `stream` of a client or sub-client, and used in one `with` block, which sends the
    request. Where the block is left before the end of the body, the connection is closed, unless
    the rest of it is here already.

    Example:
        ```python
        with client.stream("GET", "/logs") as body:
            for line in body.iter_lines():
                print(line)
        ```
    """

    _with = "with"

    def __enter__(self) -> Self:
        self._enter()
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> None:
        """Send the request, and take the body of its answer."""
        try:
            response = self._request(self._method, self._path, self._call_options())
            for other in self._take(response):
                other.close()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back; what is left of the body is not read any more."""
        self._is_closed = True
        while self._opened:
            self._opened.pop().close()

    def iter_raw(self, size: int | None = None) -> Iterator[bytes]:
        """Yield the body as it comes, with any content coding it has.

        Args:
            size: How many bytes each piece has, the last one may have fewer; as they come when not
                given.

        Raises:
            TransportError: The body does not come whole.
        """
        sized = None if size is None else Sized(size)
        self._begin()
        while piece := self._read():
            if sized is None:
                yield piece
            else:
                for part in sized.feed(piece):
                    yield part
        if sized is not None:
            for part in sized.finish():
                yield part

    def iter_bytes(self, size: int | None = None) -> Iterator[bytes]:
        """Yield the content of the body as it comes, without its content coding.

        Args:
            size: See `iter_raw`.

        Raises:
            TransportError: The body does not come whole.
            ContentEncodingError: Its content coding cannot be read.
        """
        sized = None if size is None else Sized(size)
        self._begin()
        while piece := self._read():
            for part in self._decoded(piece):
                if sized is None:
                    yield part
                else:
                    for one in sized.feed(part):
                        yield one
        self._finish_decoding()
        if sized is not None:
            for one in sized.finish():
                yield one

    def read(self) -> bytes:
        """Return the whole content, of at most `max_response_size` bytes.

        Raises:
            ResponseTooLarge: It is larger.
            TransportError: The body does not come whole.
            ContentEncodingError: Its content coding cannot be read.
        """
        content = bytearray()
        for piece in self.iter_bytes():
            content += piece
            self._check_size(len(content))
        return bytes(content)

    def _read(self) -> bytes:
        """Return what came next of the body, empty at its end."""
        if not self._opened:
            return self._take_left()
        try:
            piece: bytes = self._opened[0].read()
        except FrameworkException as error:
            raise self._conclude(error) from error.__cause__
        return piece
