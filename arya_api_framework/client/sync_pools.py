"""urllib3's pools and connections, with our framing and our time limits under them.

Whoever reads a response of these connections, requests, a hook or an instrumentation, reads what
`Exchange` lets through. They have no asynchronous twin: aiohttp has pools of its own.
"""

# urllib3 offers no public way to bound the time that several addresses take together.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
import http.client
import io
import socket
import ssl
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Any, cast

from urllib3 import PoolManager, connectionpool, poolmanager
from urllib3.exceptions import ClosedPoolError, EmptyPoolError
from urllib3.util import SKIP_HEADER
from urllib3.util.ssltransport import SSLTransport

from ..errors import ConnectError, ProxyError
from ..tls import TLS
from .http1 import Head
from .sync_exchange import PIECE, Exchange

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection, HTTPSConnection

    from .sync_dial import SyncDialer
else:
    # Recorders replace the names in `urllib3.connection`, and may be at work already.
    HTTPConnection, HTTPSConnection = connectionpool.HTTPConnection, connectionpool.HTTPSConnection

from .sync_limits import Idle, Limits, Place, Places, Slots

__all__ = ["CONNECTIONS", "Response", "exchanging", "has_pools", "use_pools"]

_AUTOMATIC = frozenset({"accept-encoding", "user-agent"})
"""What urllib3 sends where a request does not say."""

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
            with suppress(OSError, AttributeError):  # TLS within TLS has no `shutdown`.
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
    is_tls = False
    dialer: SyncDialer | None = None
    places: tuple[Place, ...] = ()
    idle_since = 0.0
    cutter: Any = None

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any
    ) -> None:
        """Send a request: to the target as it was built, with no header that nobody asked for."""
        exchange = _exchange()
        if exchange is not None:
            if exchange.call.needs_fresh_connection and not exchange.connected:
                self.close()
            if self.sock is not None and not exchange.connected:
                exchange.tell("connection_reuseconn")
            exchange.restart()
            url = exchange.target if url.startswith("/") else exchange.request.url
            names = {name.lower() for name in headers}
            headers = headers.copy()
            proxy = exchange.proxy
            if proxy is not None and proxy.authorization is not None and exchange.is_forwarded:
                headers["Proxy-Authorization"] = proxy.authorization
            if not exchange.call.policy.keeps_alive:
                headers["Connection"] = "close"
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
        exchange.tell("connection_create_start")
        self._connect(exchange)
        exchange.tell("connection_create_end")
        exchange.connecting = False
        exchange.connected = True

    def _connect(self, exchange: Exchange) -> None:
        super().connect()

    def close(self) -> None:
        """Close the socket; the place in the pool is free again."""
        if self.cutter is None:
            super().close()
        else:
            self.cutter.close(super().close)
        self.places = ()

    def send(self, data: Any) -> None:
        exchange = _exchange()
        if exchange is None:
            super().send(data)
            return
        if self.sock is None:
            self.connect()
        exchange.sock = self.sock
        if not exchange.write(data):
            # The one error that urllib3 takes for a reason to read the answer.
            raise BrokenPipeError("the request was not written whole")
        exchange.tell_sent(data)

    def _new_conn(self) -> socket.socket:
        exchange = _exchange()
        if exchange is None or self.dialer is None:
            return super()._new_conn()
        this = cast("Any", self)
        sys.audit("http.client.connect", self, self.host, self.port)
        try:
            sock: socket.socket = self.dialer.dial(
                this._dns_host, self.port, is_tls=self.is_tls, exchange=exchange
            )
        except ConnectError as error:
            if this.proxy is None:
                raise
            # A proxy of the user's session, to which requests leads.
            raise ProxyError(f"the proxy {self.host}:{self.port} cannot be reached") from error
        return sock


class _PlainConnection(_Bounded):
    """A connection without TLS."""


class _TLSConnection(_Bounded, HTTPSConnection):
    """A connection with TLS."""

    is_tls = True

    def _connect(self, exchange: Exchange) -> None:
        proxy = exchange.proxy
        if proxy is None or proxy.scheme != "https":
            super()._connect(exchange)
            return
        # TLS within TLS, of which urllib3 takes only its own proxies to be capable.
        outer: Any = self._new_conn()
        name = self.server_hostname or self.host
        try:
            context: ssl.SSLContext = cast("Any", self).ssl_context or TLS().build_context()
            timed: Any = _Timed(outer)
            self.sock = cast("Any", SSLTransport(timed, context, server_hostname=name))
        except BaseException:
            outer.close()
            raise
        self.is_verified = context.verify_mode != 0


class _Timed:
    """A socket whose timeout is for all that is done until the next one is set.

    What is read through TLS within TLS is read piece by piece, and a peer that drips it would have
    the time of a whole for each of them.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.settimeout(sock.gettimeout())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    @property
    def _io_refs(self) -> int:
        """How many files of the socket are open, which keep it open when it is closed."""
        count: int = self._sock._io_refs
        return count

    @_io_refs.setter
    def _io_refs(self, count: int) -> None:
        self._sock._io_refs = count

    def settimeout(self, seconds: float | None) -> None:
        """Count the time from now."""
        self._ends = None if seconds is None else time.monotonic() + seconds

    def recv(self, size: int) -> bytes:
        """Read what comes next."""
        self._wait()
        data: bytes = self._sock.recv(size)
        return data

    def sendall(self, data: Any) -> None:
        """Write all."""
        left = memoryview(data)
        while left:
            self._wait()
            left = left[self._sock.send(left) :]

    def _wait(self) -> None:
        ends = self._ends
        left = None if ends is None else ends - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)


class _BoundedPool(connectionpool.HTTPConnectionPool):
    """A pool within the limits of a client, in which nobody waits longer than the call has left.

    Without limits of ours those of the user's session hold.

    Attributes:
        places: The connections to this origin that may be in use at once, `None` for no such limit.
    """

    def __init__(
        self,
        *args: Any,
        dialer: SyncDialer | None = None,
        limits: Limits | None = None,
        **options: Any,
    ) -> None:
        self._dialer = dialer
        self._limits = limits
        self.places: Places | None = None
        super().__init__(*args, **options)
        if limits is not None:
            if limits.per_host:
                self.places = Places(limits.per_host)
            limits.add(cast("Any", self.pool), self.places)

    def QueueCls(self, maxsize: int = 1) -> LifoQueue[Any]:  # type: ignore[override]  # noqa: N802
        """Return what holds the connections."""
        return Slots(maxsize) if self._limits is None else Idle(self._limits, _Bounded)

    def _new_conn(self) -> Any:
        conn = super()._new_conn()
        if isinstance(conn, _Bounded):
            conn.dialer = self._dialer
        return conn

    def _get_conn(self, timeout: float | None = None) -> Any:
        exchange = _exchange()
        limits = self._limits
        if timeout is None and exchange is not None:
            timeout = exchange.call.time_for("pool")
        cutter: Any = None if exchange is None else exchange.call.told
        if limits is None:
            conn: Any = super()._get_conn(timeout)
            if cutter is not None:
                cutter.hold(conn)
            return conn
        try:
            places = self._take(limits, False, None)
        except Empty:
            places = self._wait(limits, timeout, exchange)
        try:
            conn = super()._get_conn(timeout)
            conn.places = places
        except BaseException:
            # At once: who keeps the exception keeps this frame, too.
            self._give_back(limits, places)
            raise
        if cutter is not None:
            cutter.hold(conn)
        return conn

    def _release(self, limits: Limits, conn: Any) -> None:
        """Give the places of a connection back."""
        places: tuple[Place, ...] = getattr(conn, "places", ())
        conn.places = ()
        self._give_back(limits, places)

    def _give_back(self, limits: Limits, places: tuple[Place, ...]) -> None:
        # What an interruption leaves here in hand comes back by itself.
        for place, owner in zip(reversed(places), (limits.places, self.places), strict=False):
            cast("Places", owner).free.put(place)

    def _take(self, limits: Limits, block: bool, timeout: float | None) -> tuple[Place, ...]:
        if self.places is None:
            return (limits.places.take(block, timeout),)
        start = time.monotonic()
        place = self.places.take(block, timeout)
        try:
            if timeout is not None:
                timeout = max(0, timeout - (time.monotonic() - start))
            return place, limits.places.take(block, timeout)
        except BaseException:
            self.places.free.put(place)
            raise

    def _wait(
        self, limits: Limits, timeout: float | None, exchange: Exchange | None
    ) -> tuple[Place, ...]:
        tell = _tell_nobody if exchange is None else exchange.tell
        tell("connection_queued_start")
        try:
            places = self._take(limits, True, timeout)
        except Empty:
            if limits.closed:
                raise ClosedPoolError(self, "Pool is closed.") from None
            raise EmptyPoolError(self, "no connection was free in time") from None
        try:
            tell("connection_queued_end")
        except BaseException:
            self._give_back(limits, places)
            raise
        return places

    def _put_conn(self, conn: Any) -> None:
        limits = self._limits
        cutter = getattr(conn, "cutter", None)
        if cutter is not None:
            cutter.let_go(conn)
        if limits is not None and conn is not None:
            if not limits.keepalive:
                conn.close()
            super()._put_conn(conn)
            self._release(limits, conn)
        else:
            super()._put_conn(conn)


def _tell_nobody(name: str) -> None:
    """Take the place of events where a connection serves no call of ours."""


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

    def _validate_conn(self, conn: Any) -> None:
        if "ssl_context" in self.conn_kw and isinstance(conn, _Bounded):
            # Who trusts anyone was warned when the client was made.
            if conn.is_closed:
                conn.connect()
        else:
            super()._validate_conn(conn)

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


def use_pools(manager: PoolManager, dialer: SyncDialer | None, limits: Limits | None) -> None:
    """Let a manager make pools of ours, unless it has its own already.

    Args:
        manager: The manager.
        dialer: What makes the sockets.
        limits: The limits that its pools share, `None` for those of the session.
    """
    if manager.pool_classes_by_scheme is poolmanager.pool_classes_by_scheme:
        manager.pool_classes_by_scheme = cast(
            "Any",
            {
                scheme: functools.partial(pool, dialer=dialer, limits=limits)
                for scheme, pool in _POOLS.items()
            },
        )


def has_pools(adapter: Any) -> bool:
    """Return whether the connections of an adapter of requests are made by our pools."""
    manager = getattr(adapter, "poolmanager", None)
    classes = manager.pool_classes_by_scheme if isinstance(manager, PoolManager) else {}
    return isinstance(classes.get("https"), functools.partial)
