"""One request and its response on one socket, framed by `http1` and bounded by the call.

It has no asynchronous twin: aiohttp reads and writes its sockets itself.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from urllib3.util.wait import wait_for_socket

from ..errors import ConnectionLost, FrameworkException, IncompleteResponse, ProtocolError
from .body import Body
from .call import Call
from .faults import body_cut, body_too_large
from .http1 import (
    LAST_CHUNK,
    ChunkedReader,
    Head,
    encode_chunk,
    find_head,
    render_head,
)
from .proxies import Proxy, is_forwarded
from .request import Request

__all__ = ["NO_LENGTH", "PIECE", "Exchange"]

PIECE = 64 * 1024
"""How much is read from a socket, or written to one, at once."""

RECORD = 16 * 1024
"""The most that TLS writes at once (RFC 8446 5.1); each further record has the time of a whole."""

NO_LENGTH = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""The methods whose requests need not say that they have no body (RFC 9110 8.6)."""

_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Exchange:
    """One request and its response.

    Every wait on the socket lasts at most as long as the call has left: a server that drips its
    answer byte by byte is cut off as one that is silent.

    Attributes:
        sock: The connected socket, TLS or not.
        unsent: Whether the request could not be written whole: the server answered, or went away,
            before it had read it.
        reusable: Whether the connection can be used again; known when the body was read.
        ended: Whether the whole body was read.
        connecting: Whether the connection is still being made.
        connected: Whether it was made for this request.
        proxy: The proxy that the request takes.
        raised: What a method of the user's `events` raised.
    """

    __slots__ = (
        "_buffer",
        "_failure",
        "_interim",
        "_is_head_told",
        "call",
        "connected",
        "connecting",
        "ended",
        "proxy",
        "raised",
        "request",
        "reusable",
        "sock",
        "unsent",
    )

    def __init__(
        self, request: Request, call: Call, sock: Any = None, proxy: Proxy | None = None
    ) -> None:
        self.sock: Any = sock
        self.request = request
        self.call = call
        self.proxy = proxy
        self.connecting = False
        self.connected = False
        self.raised: BaseException | None = None
        self._is_head_told: bool = False
        self.restart()

    @property
    def is_forwarded(self) -> bool:
        """Whether a proxy reads the request, and is told the whole URL (RFC 9112 3.2.2)."""
        return is_forwarded(self.request.origin, self.proxy)

    @property
    def target(self) -> str:
        """The target of the request."""
        return self.request.url if self.is_forwarded else self.request.target

    def tell(self, name: str, **details: Any) -> None:
        """Tell the events of the call; what they raise is theirs, whoever wraps it."""
        if self.call.policy.events is not None:
            try:
                self.call.tell(name, **details)
            except BaseException as error:
                self.raised = error
                raise

    def tell_sent(self, data: Any) -> None:
        """Tell the events what a library has written: the head first, then perhaps the body."""
        if self.call.policy.events is None:
            return
        if not self._is_head_told:
            self._is_head_told = True
            self.tell("request_headers_sent")
        elif isinstance(self.request.body, bytes):
            self.tell("request_chunk_sent", size=len(data))

    def restart(self) -> None:
        """Forget what was written and read, for a new connection."""
        self._buffer = b""
        self._failure: OSError | None = None
        self._interim = 0
        self._is_head_told = False
        self.unsent = False
        self.reusable = False
        self.ended = False

    # Writing

    def write_request(self) -> None:
        """Write head and body.

        What goes wrong on the way is told by reading: the server may have said why.

        Raises:
            WriteTimeout: The server took nothing for too long.
        """
        request, call = self.request, self.call
        body = request.body
        if isinstance(body, Body):
            body.prepare()
        fields = list(request.headers.items())
        if body is None:
            if request.method not in NO_LENGTH:
                fields.append(("Content-Length", "0"))
        elif isinstance(body, bytes):
            fields.append(("Content-Length", str(len(body))))
        elif body.length is not None:
            fields.append(("Content-Length", str(body.length)))
        else:
            fields.append(("Transfer-Encoding", "chunked"))
        if not call.policy.keeps_alive:
            fields.append(("Connection", "close"))  # RFC 9112 9.6.
        target = request.target
        if self.proxy is not None and self.is_forwarded:
            target = request.url
            if self.proxy.authorization is not None:
                fields.append(("Proxy-Authorization", self.proxy.authorization))
        head = render_head(request.method, target, request.origin.authority, fields)
        if isinstance(body, Body):
            if self.write(head):
                self.tell("request_headers_sent")
                self._write_body(body)
        elif body is not None and len(body) > (RECORD if self._is_tls else PIECE):
            if self.write(head):
                self.tell("request_headers_sent")
                if self.write(body):
                    self.tell("request_chunk_sent", size=len(body))
        else:
            self.sock.settimeout(call.time_for("write"))
            try:
                self.sock.sendall(head + body if body else head)
            except TimeoutError as error:
                raise call.timed_out("write") from error
            except OSError as error:
                self._failure = error
                self.unsent = True
            else:
                if call.policy.events is not None:
                    self.tell("request_headers_sent")
                    if body:
                        self.tell("request_chunk_sent", size=len(body))

    @property
    def _is_tls(self) -> bool:
        return type(self.sock) is not socket.socket

    def _write_body(self, body: Body) -> None:
        frame = encode_chunk if body.length is None else bytes
        sent = 0
        # An error that somebody keeps would keep the file open.
        with closing(body.begun_chunks()) as chunks:
            for chunk in chunks:
                if not self.write(frame(chunk)):
                    return
                sent += len(chunk)
                self.tell("request_chunk_sent", size=len(chunk))
                body.tell(sent)
        if body.length is None:
            self.write(LAST_CHUNK)

    def write(self, data: bytes) -> bool:
        """Write a piece, and look for an answer meanwhile.

        Returns:
            Whether to go on: not if the server has given its final answer, or is gone.

        Raises:
            WriteTimeout: The server took nothing for too long.
        """
        sock, call = self.sock, self.call
        if not isinstance(sock, socket.socket):
            return self._write_blocking(data)
        call.time_for("write")  # A request that was broken off meanwhile is not sent.
        left = memoryview(data)
        sock.settimeout(0)
        while left:
            if self._is_answered():
                self.unsent = True
                return False
            try:
                left = left[sock.send(left) :]
            except _NOT_NOW as error:
                if not wait_for_socket(sock, read=True, write=True, timeout=call.time_for("write")):
                    raise call.timed_out("write") from error
            except OSError as error:
                self._failure = error
                self.unsent = True
                return False
        return True

    def _write_blocking(self, data: bytes) -> bool:
        """Write to TLS within TLS, which would lose what a socket does not take at once."""
        left = memoryview(data)
        try:
            # In pieces, as each of them has the time of the write part.
            while left:
                self.sock.settimeout(self.call.time_for("write"))
                self.sock.sendall(left[:PIECE])
                left = left[PIECE:]
        except TimeoutError as error:
            raise self.call.timed_out("write") from error
        except OSError as error:
            self._failure = error
            self.unsent = True
            return False
        return True

    def _is_answered(self) -> bool:
        """Return whether the final head is there before the request was through."""
        try:
            data = self.sock.recv(PIECE)
        except _NOT_NOW:
            return False
        except OSError as error:
            self._failure = error
            return True
        self._buffer += data
        return not data or self._parse() is not None

    # Reading

    def read_head(self) -> tuple[Head, bytes]:
        """Return the final head, and what came of the body with it.

        Raises:
            ConnectionLost: The connection ended before the head was whole.
            ProtocolError: What came is no response.
            ResponseTooLarge: The head passes a limit.
            ReadTimeout: The server was silent for too long.
        """
        while (head := self._parse()) is None:
            data = self._receive()
            if not data:
                lost = ConnectionLost(
                    "the server closed the connection before a whole response head"
                )
                lost.was_idle = self._is_silent_from_the_start
                raise lost from self._failure
            self._buffer = self._buffer + data if self._buffer else data
        return head, self._buffer[head.end :]

    def _parse(self) -> Head | None:
        """Return the final head once it is whole."""
        head, self._buffer, self._interim = find_head(
            self._buffer, self.request.method, self._interim
        )
        return head

    def read_body(self, head: Head, rest: bytes) -> bytes:
        """Return the whole body.

        Raises:
            IncompleteResponse: The connection ended before the body did.
            ProtocolError: It is no chunked body.
            ResponseTooLarge: It is larger than `max_response_size`.
            ReadTimeout: The server was silent for too long.
        """
        limit = self.call.policy.max_response_size
        length = head.length
        if length is not None:
            if length > limit:
                raise body_too_large(limit, length)
            if len(rest) >= length:
                if length and self.call.policy.events is not None:
                    self.tell("response_chunk_received", size=length)
                self.reusable = head.keep_alive and len(rest) == length and not self.unsent
                return rest[:length]
        # One buffer: a server may cut a body into pieces of a byte, each an object of its own.
        content = bytearray()
        for piece in self.pieces(head, rest):
            content += piece
            self.tell("response_chunk_received", size=len(piece))
            if len(content) > limit:
                raise body_too_large(limit, None)
        return bytes(content)

    def told_pieces(self, head: Head, rest: bytes) -> Iterator[bytes]:
        """Yield what `pieces` does, and tell the events of the call of each."""
        for piece in self.pieces(head, rest):
            self.tell("response_chunk_received", size=len(piece))
            yield piece

    def take_what_came(self, pieces: Iterator[bytes]) -> None:
        """Read of a body that nobody wants what is here already, without waiting.

        Where that is the rest of it, the connection can be used again.
        """
        self.sock = _Impatient(self.sock)
        taken = 0
        with suppress(FrameworkException, ValueError):  # Another thread may be reading just now.
            for piece in pieces:
                taken += len(piece)
                if taken > PIECE:
                    return

    def pieces(self, head: Head, rest: bytes) -> Iterator[bytes]:
        """Yield the body as it comes, without its framing.

        Raises:
            IncompleteResponse: The connection ended before the body did.
            ProtocolError: It is no chunked body.
            ReadTimeout: The server was silent for too long.
        """
        if head.chunked:
            return self._chunks(head, rest)
        if head.length is not None:
            return self._sized(head, head.length, rest)
        return self._to_close(head, rest)

    def _sized(self, head: Head, length: int, rest: bytes) -> Iterator[bytes]:
        data, received = rest, 0
        while True:
            # What nobody asked for could be taken for the next answer, so it is read and seen.
            is_excess = len(data) > length - received
            data = data[: length - received]
            received += len(data)
            if received == length:
                self.ended = True
                self.reusable = head.keep_alive and not is_excess and not self.unsent
            if data:
                yield data
            if received == length:
                return
            data = self._receive(head, received)
            if not data:
                raise _cut(head, received)

    def _to_close(self, head: Head, rest: bytes) -> Iterator[bytes]:
        received = 0
        while data := rest or self._receive(head, received):
            rest = b""
            received += len(data)
            yield data
        self.ended = True

    def _chunks(self, head: Head, rest: bytes) -> Iterator[bytes]:
        reader = ChunkedReader()
        received = 0
        data = rest
        while True:
            try:
                pieces = reader.feed(data)
            except ProtocolError as fault:
                fault.sent = "yes"
                raise
            if reader.done:
                self.ended = True
                self.reusable = head.keep_alive and not reader.excess and not self.unsent
            received += sum(map(len, pieces))
            if pieces:
                yield b"".join(pieces)
            if reader.done:
                return
            data = self._receive(head, received)
            if not data:
                raise _cut(head, received)

    def _receive(self, head: Head | None = None, received: int = 0) -> bytes:
        """Wait for what comes next; the head tells that it came whole already."""
        call, sock = self.call, self.sock
        sock.settimeout(call.time_for("read", "maybe" if head is None else "yes"))
        try:
            data: bytes = sock.recv(PIECE)
        except TimeoutError as error:
            raise call.timed_out("read", "maybe" if head is None else "yes") from error
        except OSError as error:
            if head is not None:
                raise _cut(head, received) from error
            lost = ConnectionLost(
                f"the connection broke before a whole response head: {type(error).__name__}"
            )
            lost.was_idle = self._is_silent_from_the_start
            raise lost from error
        return data

    @property
    def _is_silent_from_the_start(self) -> bool:
        """Whether the connection served others before, and nothing of this answer came."""
        return not (self.connected or self._buffer or self._interim)


class _Impatient:
    """A socket that waits for nothing."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def settimeout(self, seconds: float | None) -> None:
        """Do not wait, whatever a call has left."""
        self._sock.settimeout(0)

    def recv(self, size: int) -> bytes:
        """Return what is here; an `OSError` says that nothing is."""
        data: bytes = self._sock.recv(size)
        return data


def _cut(head: Head, received: int) -> IncompleteResponse:
    return body_cut(head.status, received, head.length)
