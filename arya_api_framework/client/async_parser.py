"""The framing of `http1` where aiohttp would read responses with a parser of its own.

One set of rules for both clients: what is refused, what closes a connection, and when an error is
told. It has no synchronous twin: `sync_exchange` asks its socket for what comes here by itself.
"""

# What a protocol of aiohttp keeps for itself; a test of every fault stands behind each use.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import HttpVersion11
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import ContentLengthError
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import FrameworkException, ProtocolError
from .http1 import MAX_INTERIM, ChunkedReader, Head, parse_head

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["Parser"]

_Parsed: TypeAlias = "tuple[list[tuple[RawResponseMessage, StreamReader]], bool, bytes]"


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
        self._protocol = protocol
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

    def feed_data(self, data: bytes) -> _Parsed:
        """Take what came next; return the head, once, with the stream of its body."""
        if not data:
            pass  # aiohttp asks for what a parser holds back; this one holds nothing.
        elif self._has_ended:
            self._close()
        elif self.in_head:
            return self._feed_head(data)
        else:
            self._feed_body(data)
        return [], False, b""

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

    def _feed_head(self, data: bytes) -> _Parsed:
        buffer = self._buffer + data if self._buffer else data
        try:
            head = self._find_head(buffer)
        except FrameworkException as fault:
            self._fail(fault)
            return [], False, b""
        if head is None:
            return [], False, b""
        self.in_head = False
        message = RawResponseMessage(
            HttpVersion11,
            head.status,
            head.reason,
            CIMultiDictProxy(
                CIMultiDict(
                    (name.decode(), value.decode("utf-8", "surrogateescape"))
                    for name, value in head.fields
                )
            ),
            head.fields,
            not head.keep_alive,
            None,
            False,
            head.chunked,
        )
        rest = self._buffer[head.end :]
        self._buffer = b""
        self._begin_body(head, rest)
        return [(message, self._payload)], False, b""

    def _find_head(self, buffer: bytes) -> Head | None:
        """Return the final head once it is whole; interim ones are skipped (RFC 9110 15.2)."""
        while buffer:
            head = parse_head(buffer, self._method)
            if head is None or head.status >= 200:
                self._buffer = buffer
                return head
            buffer = buffer[head.end :]
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise ProtocolError(f"more than {MAX_INTERIM} interim responses came")
        self._buffer = buffer
        return None

    def _begin_body(self, head: Head, rest: bytes) -> None:
        if head.length == 0:
            self._has_ended = True
            if rest:
                self._close()
            return
        self._payload = StreamReader(self._protocol, self._limit, loop=self._loop)
        self._left = head.length
        if head.chunked:
            self._chunks = ChunkedReader()
        if rest:
            self._feed_body(rest)

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
        protocol: Any = self._protocol
        protocol.force_close()
        if protocol.transport is not None:  # What came last is read when it is gone.
            protocol.transport.close()
