"""`Stream`: a response whose body is read piece by piece; what both clients decide about it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from typing_extensions import override

from ..errors import (
    ConfigurationError,
    ContentEncodingError,
    DeadlineExceeded,
    FrameworkException,
    IncompleteResponse,
)
from .budget import exhausted_at
from .faults import body_too_large
from .formats import Format

if TYPE_CHECKING:
    from http.cookies import SimpleCookie

    from multidict import CIMultiDictProxy
    from yarl import URL

    from ..options import URLPath
    from .call import Call
    from .decoding import Decoder
    from .request import Request
    from .response import RawResponse, ResponseInfo

__all__ = ["READ_TIMEOUT", "Stream", "check_stream"]

T = TypeVar("T")

READ_TIMEOUT = 60.0
"""How long a stream waits for the next piece where nothing else was said, in seconds."""

_PIECE = 64 * 1024


class Fed(Protocol[T]):
    """What makes something of a body that comes in pieces."""

    def feed(self, data: bytes) -> list[T]:
        """Return what became whole with the next piece."""
        ...

    def finish(self) -> list[T]:
        """Return what became whole with the end of the body."""
        ...


class _HeadFormat(Format):
    """The response as it is: its body is read later."""

    name = "a stream"
    is_json = False

    @override
    def parse(self, response: RawResponse) -> RawResponse:
        return response


_HEAD = _HeadFormat()


class Stream:
    """A response whose head is there, and whose body is read piece by piece.

    What its properties tell is known within the `with` block.
    """

    def __init__(
        self, request: Callable[..., Any], method: str, path: URLPath, options: Mapping[str, Any]
    ) -> None:
        for name in ("raw", "response_format"):
            if name in options:
                raise ConfigurationError(
                    f"{name!r} has no place in a stream: what becomes of the body is said where it "
                    "is read, as in `body.iter_items(User)`"
                )
        self._request = request
        self._method = method
        self._path = path
        self._options = dict(options)
        self._response: RawResponse | None = None
        self._call: Call | None = None
        self._opened: list[Any] = []
        self._decoder: Decoder | None = None
        self._is_entered = False
        self._is_closed = False
        self._is_read = False
        self._left = b""

    def __repr__(self) -> str:
        head = "not sent" if self._response is None else repr(self._response)
        return f"<{type(self).__name__} {head}>"

    @property
    def response(self) -> RawResponse:
        """The response, without content.

        Raises:
            ConfigurationError: The block was not entered yet.
        """
        if self._response is None:
            raise ConfigurationError(
                "a stream is opened by its `with` block: "
                f"`{self._with} client.stream({self._method!r}, ...) as body:`"
            )
        return self._response

    _with = "with"

    @property
    def status(self) -> int:
        """The status code."""
        return self.response.status

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields; names ignore case."""
        return self.response.headers

    @property
    def url(self) -> URL:
        """The URL that was answered, after redirects."""
        return self.response.url

    @property
    def cookies(self) -> SimpleCookie:
        """The cookies that this response set."""
        return self.response.cookies

    @property
    def history(self) -> tuple[ResponseInfo, ...]:
        """The responses that redirected here, the first one first."""
        return self.response.history

    @property
    def request(self) -> Request:
        """The request that was answered."""
        return self.response.request

    @property
    def encoding(self) -> str:
        """The charset that texts are decoded from: as declared, UTF-8 where none is."""
        return self.response.encoding

    @property
    def length(self) -> int | None:
        """How many bytes the body has as it comes, coded or not; `None` where that is not known."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    # Opening, for the transports and the twins

    def opened(self, call: Call, response: RawResponse, incoming: Any) -> None:
        """Take the body of a response that is to be read piece by piece."""
        response._incoming = incoming  # pyright: ignore[reportPrivateUsage]
        self._call = call
        self._opened.append(incoming)

    def _enter(self) -> None:
        if self._is_entered:
            raise ConfigurationError("a stream is used in one `with` block; make another one")
        self._is_entered = True

    def _call_options(self) -> dict[str, Any]:
        """Return the options of the call that opens it."""
        return {**self._options, "response_format": _HEAD, "stream": self}

    def _take(self, response: RawResponse) -> list[Any]:
        """Take the response of the call; return what else is open, to be closed."""
        self._response = response
        incoming = response._incoming  # pyright: ignore[reportPrivateUsage]
        others = [one for one in self._opened if one is not incoming]
        self._opened = [one for one in self._opened if one is incoming]
        self._is_read = False
        # Nothing is open where a hook gave the response, which is whole.
        self._left = b"" if self._opened else response.content
        coding = self._opened[0].coding if self._opened else ""
        self._decoder = self._find_decoder(coding) if coding else None
        call = self._call
        if call is not None:
            timeout = call.policy.timeout
            if "timeout" not in self._options:
                # The total was for the head. A body may go on for hours.
                call.ends = call.deadline
                if timeout.read is None:
                    timeout = dataclasses.replace(timeout, read=READ_TIMEOUT)
            call.policy = call.policy._replace(timeout=timeout, stream=None)
        return others

    def _find_decoder(self, coding: str) -> Decoder:
        from .decoding import Decoder

        try:
            return Decoder(coding, sys.maxsize)
        except FrameworkException as error:
            raise self._conclude(error) from error.__cause__

    # Reading, for the twins

    def _begin(self) -> None:
        """Check that the body may be read from here.

        Raises:
            ConfigurationError: It may not.
        """
        assert self.response is not None
        if self._is_closed:
            raise ConfigurationError("this stream is closed; read it within its `with` block")
        if self._is_read:
            raise ConfigurationError(
                "the body of this stream was read already, or is being read: it comes once"
            )
        self._is_read = True

    def _take_left(self) -> bytes:
        """Return the next piece of a body that is in memory."""
        piece, self._left = self._left[:_PIECE], self._left[_PIECE:]
        return piece

    def _decoded(self, piece: bytes) -> Iterator[bytes]:
        """Yield what a piece holds without its content coding."""
        if self._decoder is None:
            yield piece
            return
        try:
            yield from self._decoder.pieces(piece)
        except FrameworkException as error:
            raise self._conclude(error) from error.__cause__

    def _finish_decoding(self) -> None:
        if self._decoder is not None:
            try:
                self._decoder.finish()
            except FrameworkException as error:
                raise self._conclude(error) from error.__cause__

    def _feed(self, decoder: Fed[T], piece: bytes) -> list[T]:
        """Return what became whole; the error says which call it was."""
        try:
            return decoder.feed(piece)
        except FrameworkException as error:
            raise self._conclude(error) from error.__cause__

    def _finish(self, decoder: Fed[T]) -> list[T]:
        try:
            return decoder.finish()
        except FrameworkException as error:
            raise self._conclude(error) from error.__cause__

    def _check_size(self, size: int) -> None:
        call = self._call
        if call is not None and size > call.policy.max_response_size:
            raise self._conclude(body_too_large(call.policy.max_response_size, None))

    def _conclude(self, error: FrameworkException) -> FrameworkException:
        """Return the error that ends the reading, with what is known of the call written on it."""
        call = self._call
        if call is None:
            return error
        if isinstance(error, DeadlineExceeded):
            spent = exhausted_at(call.deadline)
            if spent is not None:
                spent.__cause__ = error
                spent.budget.exhausted = True
                error = spent
        if isinstance(error, ContentEncodingError):
            error.status = self.status
        if isinstance(error, IncompleteResponse):
            error.sent = "yes"
        call.conclude(error)
        return error


def check_stream(_: Any, value: Any) -> Stream:
    """Return the stream that a call is made for.

    Raises:
        ConfigurationError: It is none: somebody is used to another library.
    """
    if not isinstance(value, Stream):
        raise ConfigurationError(
            "`stream` is no option; to read a body piece by piece, use "
            "`with client.stream(method, path) as body`"
        )
    return value


class Sized:
    """Cuts a body into pieces of one size.

    Args:
        size: The bytes of each piece but the last.
    """

    __slots__ = ("_kept", "_length", "_size")

    def __init__(self, size: int) -> None:
        given: Any = size
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise ConfigurationError(f"size must be a whole number above 0, got {given!r}")
        self._size = size
        self._kept: list[bytes] = []
        self._length = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces that became whole."""
        self._kept.append(data)
        self._length += len(data)
        if self._length < self._size:
            return []
        whole = b"".join(self._kept)
        end = self._length - self._length % self._size
        self._kept, self._length = [whole[end:]], self._length - end
        return [whole[start : start + self._size] for start in range(0, end, self._size)]

    def finish(self) -> list[bytes]:
        """Return the last piece, if it has any bytes."""
        rest = b"".join(self._kept)
        return [rest] if rest else []
