"""The framing of `http1` where aiohttp would read responses with a parser of its own.

One set of rules for both clients: what is refused, what closes a connection, and when an error is
told. It has no synchronous twin: `sync_exchange` asks its socket for what comes here by itself.
"""

# What a protocol of aiohttp keeps for itself; a test of every fault stands behind each use.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aiohttp import HttpVersion11, hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import ContentLengthError
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDict, CIMultiDictProxy, MultiMapping
from typing_extensions import override

from ..errors import FrameworkException, ProtocolError
from .http1 import ChunkedReader, Head, find_head

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["LazyHeaders", "Parser"]


class Parser:
    """Reads one response; what comes behind it closes the connection.

    Attributes:
        in_head: Whether the final head has not come whole yet.
        is_broken: Whether the connection ended in another way than the server's closing it.
    """

    __slots__ = (
        "_buffer",
        "_chunks",
        "_has_ended",
        "_interim",
        "_left",
        "_limit",
        "_loop",
        "_method",
        "_payload",
        "_protocol",
        "in_head",
        "is_broken",
    )

    def __init__(
        self, protocol: ResponseHandler, loop: AbstractEventLoop, limit: int, method: str
    ) -> None:
        self._protocol: Any = protocol
        self._loop = loop
        self._limit = limit
        self._method = method
        self._buffer = b""
        self._interim = 0
        self._payload = EMPTY_PAYLOAD
        self._left: int | None = None
        self._chunks: ChunkedReader | None = None
        self._has_ended = False
        self.in_head = True
        self.is_broken = False

    @property
    def is_silent(self) -> bool:
        """Whether nothing has come at all."""
        return self.in_head and not self._buffer and not self._interim

    def feed(self, data: bytes) -> None:
        """Take what came next; the head, once it is whole, is given to the protocol."""
        if self._has_ended:
            self._close()
        elif not self.in_head:
            self._feed_body(data)
        else:
            try:
                head = self._find_head(self._buffer + data if self._buffer else data)
            except FrameworkException as fault:
                self._fail(fault)
                return
            if head is not None:
                self._begin(head)

    def feed_eof(self) -> None:
        """Take note that nothing more will come.

        Raises:
            ContentLengthError: The body is not whole.
        """
        if self.in_head or self._has_ended:
            return
        if self._left is not None or self._chunks is not None or self.is_broken:
            raise ContentLengthError("the body is not whole")
        self._end()

    def pause_reading(self) -> None:
        """Do nothing: the transport is paused, and nothing is held back here."""

    def _find_head(self, buffer: bytes) -> Head | None:
        """Return the final head once it is whole."""
        head, self._buffer, self._interim = find_head(buffer, self._method, self._interim)
        return head

    def _begin(self, head: Head) -> None:
        """Tell the head, and begin with the body."""
        protocol = self._protocol
        self.in_head = False
        rest = self._buffer[head.end :]
        self._buffer = b""
        if not head.keep_alive:
            protocol.force_close()
        if head.length == 0:
            self._has_ended = True
            if rest:
                self._close()
            protocol._drop_timeout()
        else:
            self._payload = StreamReader(protocol, self._limit, loop=self._loop)
            self._left = head.length
            if head.chunked:
                self._chunks = ChunkedReader()
            if rest:
                self._feed_body(rest)
            self._payload.on_eof(protocol._drop_timeout)
        protocol._payload = self._payload
        message = RawResponseMessage(
            HttpVersion11,
            head.status,
            head.reason,
            LazyHeaders(head),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            head.fields,
            not head.keep_alive,
            None,
            False,
            head.chunked,
        )
        protocol.feed_data((message, self._payload), 0)

    def _feed_body(self, data: bytes) -> None:
        payload = self._payload
        if self._left is not None:
            excess = len(data) - self._left
            if excess > 0:
                data = data[: self._left]
            self._left -= len(data)
            payload.feed_data(data)
            if not self._left:
                self._end(excess > 0)
        elif self._chunks is not None:
            try:
                pieces = self._chunks.feed(data)
            except ProtocolError as fault:
                fault.sent = "yes"
                self._fail(fault)
                return
            # One piece: a server may cut a body into chunks of a byte, each an object of its own.
            payload.feed_data(b"".join(pieces))
            if self._chunks.done:
                self._end(bool(self._chunks.excess))
        else:
            payload.feed_data(data)

    def _end(self, is_excess: bool = False) -> None:
        self._has_ended = True
        # Before the end is told: who reads the body then gives the connection back.
        if is_excess:
            self._close()
        self._payload.feed_eof()

    def _fail(self, fault: FrameworkException) -> None:
        self._has_ended = True
        if self.in_head:
            self._protocol.set_exception(fault)
        else:
            self._payload.set_exception(fault)
        self._close()

    def _close(self) -> None:
        """Close a connection that sent what nobody asked for, or what nobody understands."""
        protocol = self._protocol
        protocol.force_close()
        if protocol.transport is not None:  # What came last is read when it is gone.
            protocol.transport.close()


class LazyHeaders(MultiMapping[str]):
    """The header fields as aiohttp keeps them, made when somebody asks: most calls never do.

    Attributes:
        is_coded: Whether the body has a content coding.
        sets_cookies: Whether there is a `Set-Cookie`.
    """

    __slots__ = ("_fields", "_made", "is_coded", "sets_cookies")

    def __init__(self, head: Head) -> None:
        self._fields = head.fields
        self.sets_cookies = head.sets_cookies
        self._made: CIMultiDictProxy[str] | None = None
        self.is_coded = bool(head.content_encoding)

    def _make(self) -> CIMultiDictProxy[str]:
        if self._made is None:
            self._made = CIMultiDictProxy(
                CIMultiDict(
                    (name.decode(), value.decode("utf-8", "surrogateescape"))
                    for name, value in self._fields
                )
            )
        return self._made

    @override
    def getall(self, key: str, *default: Any, **options: Any) -> Any:
        # What aiohttp asks of every response.
        if key is hdrs.SET_COOKIE and default and not self.sets_cookies:
            return default[0]
        return self._make().getall(key, *default, **options)

    @override
    def getone(self, key: str, *default: Any, **options: Any) -> Any:
        return self._make().getone(key, *default, **options)

    @override
    def __getitem__(self, key: str) -> str:
        return self._make()[key]

    @override
    def __contains__(self, key: object) -> bool:
        return key in self._make()

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._make())

    @override
    def __len__(self) -> int:
        return len(self._make())

    @override
    def __repr__(self) -> str:
        return repr(self._make())

    def items(self) -> Any:
        """Return the fields, a repeated one repeated."""
        return self._make().items()

    def values(self) -> Any:
        """Return the values, those of a repeated field too."""
        return self._make().values()

    def copy(self) -> CIMultiDict[str]:
        """Return the fields as a multidict of its own."""
        return self._make().copy()
