"""urllib3's pools and connections, with our framing and our time limits under them.

Whoever reads a response of these connections, requests, a hook or an instrumentation, reads what
`Exchange` lets through. They have no asynchronous twin: aiohttp has pools of its own.
"""

# urllib3 offers no public way to bound the time that several addresses take together.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress
from queue import Full, LifoQueue, SimpleQueue
from typing import TYPE_CHECKING, Any, cast

from urllib3 import PoolManager, connectionpool, poolmanager
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util import SKIP_HEADER
from urllib3.util.connection import allowed_gai_family

from .http1 import Head
from .sync_exchange import PIECE, Exchange

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection, HTTPSConnection
else:
    # Recorders replace the names in `urllib3.connection`, and may be at work already.
    HTTPConnection, HTTPSConnection = connectionpool.HTTPConnection, connectionpool.HTTPSConnection

__all__ = ["CONNECTIONS", "Response", "exchanging", "use_pools"]

_AUTOMATIC = frozenset({"accept-encoding", "user-agent"})
"""What urllib3 sends where a request does not say."""

_LEAST = 0.001
"""A timeout of 0 would mean not to wait at all, which is another mode of a socket."""

_active = threading.local()


@contextmanager
def exchanging(exchange: Exchange) -> Generator[None]:
    """Let the connections that this thread uses meanwhile serve an exchange."""
    outer = getattr(_active, "exchange", None)
    _active.exchange = exchange
    try:
        yield
    finally:
        _active.exchange = outer


def _exchange() -> Exchange | None:
    exchange: Exchange | None = getattr(_active, "exchange", None)
    return exchange


class _Stream(io.RawIOBase):
    """The body of a response without its framing, for who wants a file."""

    def __init__(self, exchange: Exchange, head: Head, rest: bytes, file: Any) -> None:
        self._exchange = exchange
        self._pieces = exchange.pieces(head, rest)
        self._left = b""
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._left or next(self._pieces, b"")
        size = min(len(data), len(buffer))
        buffer[:size] = data[:size]
        self._left = data[size:]
        if self._exchange.ended and not self._exchange.reusable:
            # So that the pool sees that it is of no use any more.
            with suppress(OSError):
                self._exchange.sock.shutdown(socket.SHUT_RDWR)
        return size

    def close(self) -> None:
        # http.client counts on this file to keep the socket open when the connection is closed.
        self._file.close()
        super().close()


class Response(http.client.HTTPResponse):
    """A response whose head and framing are read by `Exchange`.

    Attributes:
        head: The head, once `begin` has read it.
    """

    head: Head | None = None

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._sock = sock

    def begin(self) -> None:
        """Read the head."""
        exchange = _exchange()
        if exchange is None:
            super().begin()
            return
        exchange.sock = self._sock
        head, rest = exchange.read_head()
        self.head = head
        self.code = self.status = head.status
        self.reason = head.reason
        self.version = 11
        self.headers = self.msg = http.client.HTTPMessage()
        for name, value in head.fields:
            # Who reads on finds a body without chunks.
            if name.lower() != b"transfer-encoding":
                self.headers[name.decode("latin-1")] = value.decode("latin-1")
        self.length = head.length
        self.chunked = False
        is_excess = head.length is not None and len(rest) > head.length
        self.will_close = not head.keep_alive or exchange.unsent or is_excess
        stream = _Stream(exchange, head, rest, self.fp)
        self.fp = io.BufferedReader(stream, PIECE)


class _Bounded(HTTPConnection):
    """A connection of urllib3 that keeps to the time of the call it serves."""

    response_class = Response

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any
    ) -> None:
        """Send a request: to the target as it was built, with no header that nobody asked for."""
        exchange = _exchange()
        if exchange is not None:
            exchange.restart()
            url = exchange.target if url.startswith("/") else exchange.url
            names = {name.lower() for name in headers}
            headers = headers.copy()
            for name in _AUTOMATIC - names:
                headers[name] = SKIP_HEADER
        super().request(method, url, body, headers, **options)

    def connect(self) -> None:
        """Connect; what fails meanwhile was not read by any server."""
        exchange = _exchange()
        if exchange is None:
            super().connect()
            return
        exchange.connecting = True
        super().connect()
        exchange.connecting = False

    def send(self, data: Any) -> None:
        exchange, sock = _exchange(), self.sock
        if exchange is None or not isinstance(sock, socket.socket):
            super().send(data)
            return
        exchange.sock = sock
        timeout = sock.gettimeout()
        try:
            if not exchange.write(data):
                # The one error that urllib3 takes for a reason to read the answer.
                raise BrokenPipeError("the request was not written whole")
        finally:
            sock.settimeout(timeout)

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers, within one timeout for all of them.

        What is left of it is for the TLS handshake.
        """
        this = cast("Any", self)
        host: str = this._dns_host
        timeout: Any = this.timeout
        if not isinstance(timeout, int | float):
            return super()._new_conn()
        ends = time.monotonic() + timeout
        try:
            found = socket.getaddrinfo(host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NameResolutionError(host, self, cast("Any", error)) from error
        failure: Exception | None = None
        try:
            for *_, address in found:
                this._dns_host = str(address[0])
                this.timeout = max(ends - time.monotonic(), _LEAST)
                try:
                    sock = super()._new_conn()
                except (ConnectTimeoutError, NewConnectionError) as error:
                    failure = error
                    continue
                sock.settimeout(max(ends - time.monotonic(), _LEAST))
                return sock
        finally:
            this._dns_host, this.timeout = host, timeout
        raise failure or NewConnectionError(self, "the host name has no address")


class _PlainConnection(_Bounded):
    """A connection without TLS."""


class _TLSConnection(_Bounded, HTTPSConnection):
    """A connection with TLS."""


class _Slots(LifoQueue[Any]):
    """The connections of a pool, the one used last first, without a lock to be held.

    A handler of a signal may raise between any two steps of Python; `queue.LifoQueue` would then
    stay locked for ever.
    """

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self._size = maxsize
        self._kept: deque[Any] = deque()
        self._tokens: SimpleQueue[None] = SimpleQueue()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take a connection; raises `queue.Empty` where none is free in time."""
        self._tokens.get(block, timeout)
        return self._kept.pop()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Give a connection back; raises `queue.Full` where all are there."""
        if len(self._kept) >= self._size:
            raise Full
        self._kept.append(item)
        self._tokens.put(None)

    def qsize(self) -> int:
        """Return how many are free."""
        return len(self._kept)


class _BoundedPool(connectionpool.HTTPConnectionPool):
    """A pool in which nobody waits longer than the call has left."""

    QueueCls: Any = _Slots

    def _get_conn(self, timeout: float | None = None) -> Any:
        exchange = _exchange()
        if timeout is None and exchange is not None:
            timeout = exchange.time_for_pool()
        return super()._get_conn(timeout)


class _Chosen:
    """The class of a pool's connections: ours, unless a recorder has replaced urllib3's."""

    def __init__(self, ours: type[Any], stock: type[Any], pool: type[Any]) -> None:
        self._ours = ours
        self._stock = stock
        self._pool = pool

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        found = self._pool.ConnectionCls
        return self._ours if found is self._stock else found


class _PlainPool(_BoundedPool):
    """A pool of connections without TLS."""

    ConnectionCls: Any = _Chosen(
        _PlainConnection, HTTPConnection, connectionpool.HTTPConnectionPool
    )


class _TLSPool(_BoundedPool, connectionpool.HTTPSConnectionPool):
    """A pool of connections with TLS."""

    ConnectionCls: Any = _Chosen(
        _TLSConnection, HTTPSConnection, connectionpool.HTTPSConnectionPool
    )


CONNECTIONS = frozenset(
    {
        HTTPConnection,
        HTTPSConnection,
        _PlainConnection,
        _TLSConnection,
    }
)
"""The classes whose sockets may be used directly."""

_POOLS: dict[str, Any] = {"http": _PlainPool, "https": _TLSPool}


def use_pools(manager: PoolManager) -> None:
    """Let a manager make pools of ours, unless it has its own already."""
    if manager.pool_classes_by_scheme is poolmanager.pool_classes_by_scheme:
        manager.pool_classes_by_scheme = _POOLS
