"""The transport over requests: two lanes to the same socket.

The fast lane takes a pooled connection of the session's own adapter, writes the head itself and
reads with strict framing. The compatible lane is `Session.send`, taken whenever anything between
session and socket is not the stock code: a mock, a recorder, an adapter or a hook of the user's.
Both end in `Exchange`, where the sockets are ours.
"""

# The fast lane stands on urllib3's connection pool, whose methods are private. `is_stock` leaves
# the lane where they are not what they were written as.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast

import requests
from requests import adapters
from urllib3 import connectionpool
from urllib3 import exceptions as urllib3_errors

from ..errors import (
    ClientClosedError,
    ConfigurationError,
    FrameworkException,
)
from ..fork import start_over_in_child
from ..tls import TLS
from .call import Call
from .config import ClientConfig, given_connections
from .decoding import decode
from .faults import upload_incomplete
from .forgotten import Made, when_forgotten
from .proxies import Proxy, check_forwarded
from .request import Request
from .response import RawResponse
from .sync_dial import SyncDialer
from .sync_errors import translate_connect
from .sync_exchange import Exchange
from .sync_incoming import SyncIncoming
from .sync_lanes import IS_URLLIB3, Lane, TLSAdapter, is_stock
from .sync_limits import Limits
from .sync_pools import CONNECTIONS, exchanging, has_pools, use_pools
from .sync_session import body_error, make_native, send_through
from .url import Origin

__all__ = ["SyncTransport"]

_MAX_ORIGINS = 256


class SyncTransport:
    """Sends requests over a `requests.Session`, made at the first call."""

    def __init__(
        self, config: ClientConfig, trusted: frozenset[Origin], made: Made | None = None
    ) -> None:
        self._made = made
        self._forgive: Callable[[], Any] = bool
        self._config = config
        self._trusted = trusted
        self._session: requests.Session | None = config.session
        self._lock = threading.Lock()
        self._closed = False
        self._lanes: dict[str, Lane] = {}
        self._limits = Limits(config.pool)
        self._own_adapters: weakref.WeakSet[adapters.HTTPAdapter] = weakref.WeakSet()
        # A session of the user's has limits, proxies and authorities of its own.
        is_ours = self._session is None
        self._dialer = SyncDialer(config if is_ours else ClientConfig(trust_env=False))
        self._pools: dict[str, Any] = {
            "pool_connections": _MAX_ORIGINS,
            "pool_maxsize": min(config.pool.total, 1000),  # `Limits` say how many there may be.
            "pool_block": True,
        }
        if self._session is not None and not isinstance(self._session, requests.Session):
            raise ConfigurationError(
                f"session of a SyncClient must be a requests.Session, "
                f"got {type(self._session).__name__}"
            )
        start_over_in_child(self)

    @property
    def session(self) -> requests.Session:
        """The session, made when it is first asked for."""
        with self._lock:
            if self._session is None:
                self._session = self._make_session()
                self._watch(self._session)
            return self._session

    def _watch(self, session: requests.Session) -> None:
        way = "use `with`, or call `close()`"
        self._forgive = when_forgotten(self, self._made, way, partial(_release, session))

    def _make_session(self) -> requests.Session:
        factory = self._config.session_factory
        session = cast("Any", factory)() if factory is not None else requests.Session()
        if not isinstance(session, requests.Session):
            raise ConfigurationError(
                f"session_factory must return a requests.Session, got {type(session).__name__}"
            )
        tls = self._config.tls
        if factory is None:
            session.trust_env = False
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self._mount(session, "http://")
            self._mount_tls(session, tls)
        else:
            self._widen(session)
        if factory is not None and tls is not None:
            if type(session.adapters.get("https://")) is not adapters.HTTPAdapter:
                raise ConfigurationError(
                    "`tls` does not reach the adapter that your session_factory mounted for "
                    "https; set TLS up there"
                )
            self._mount_tls(session, tls)
        elif (
            factory is not None
            and session.verify is True
            and session.cert is None
            and session.adapters.get("https://") in self._own_adapters
        ):
            # As the session is: the authorities of the environment, else certifi's.
            self._mount_tls(session, None)
        self._use_pools(session)
        for prefix, adapter in session.adapters.items():
            if prefix.startswith("http") and not has_pools(adapter):
                lost = given_connections(self._config)
                if lost:
                    raise ConfigurationError(
                        f"`{lost[0]}` does not reach the adapter that your session_factory mounted "
                        f"for {prefix}; set it up there"
                    )
        return session

    def _widen(self, session: requests.Session) -> None:
        """Put adapters with a pool of ours in the place of those that were left as they are."""
        for prefix in ("http://", "https://"):
            adapter: Any = session.adapters.get(prefix)
            if (
                type(adapter) is adapters.HTTPAdapter
                and adapter._pool_maxsize == adapters.DEFAULT_POOLSIZE
                and not adapter._pool_block
                and adapter.max_retries.total in (0, False)
            ):
                self._mount(session, prefix)

    def _mount(
        self, session: requests.Session, prefix: str, tls: Callable[[], TLS] | None = None
    ) -> None:
        """Mount an adapter whose connections count for the limits of the client."""
        adapter: adapters.HTTPAdapter
        if tls is None:
            adapter = adapters.HTTPAdapter(**self._pools)
        else:
            adapter = TLSAdapter(tls, **self._pools)
        self._own_adapters.add(adapter)
        session.mount(prefix, adapter)

    def _mount_tls(self, session: requests.Session, tls: TLS | None) -> None:
        if tls is None:
            self._mount(session, "https://", self._dialer.tls)
            return
        elsewhere = tls.without_certificate
        self._mount(session, "https://", lambda: elsewhere)
        if elsewhere is not tls:
            for origin in self._trusted:
                if origin.scheme == "https":
                    self._mount(session, f"{origin.prefix}/", lambda: tls)

    def send(self, request: Request, call: Call) -> RawResponse:
        """Send a request and read its whole response.

        Raises:
            TransportError: No whole response came.
            DecodeError: Its content coding cannot be read.
            ResponseTooLarge: It passes a limit.
        """
        if self._closed:
            raise ClientClosedError("the client was closed while a call was made")
        if call.policy.events is not None:
            return self._send_told(request, call)
        return self._send(request, call)

    def _send(self, request: Request, call: Call) -> RawResponse:
        session = self._session or self.session
        lane = self._lanes.get(request.origin.prefix)
        if lane is None or not lane.fits(session):
            lane = self._find_lane(session, request.origin)
        response = None
        if lane.is_fast and is_stock():
            pool = lane.pool or lane.open(session)
            response = _send_fast(pool, request, call, lane.proxy)
        if response is None:
            response = send_through(session, request, call, lane.proxy)
        if lane.proxy is not None:
            check_forwarded(request.origin, lane.proxy, response.status, response.reason)
        return response

    def _send_told(self, request: Request, call: Call) -> RawResponse:
        call.tell("request_start")
        try:
            response = self._send(request, call)
        except BaseException as error:
            ended = error if call.told is None else call.told.find_cause(error)
            call.tell("request_exception", error=ended)
            if ended is error:
                raise
            raise ended from error
        call.tell("request_end", status=response.status)
        return response

    def report_redirect(self, request: Request, call: Call, response: RawResponse) -> None:
        """Tell the events of a call that the redirect of a request is followed."""
        call.tell("request_redirect", request, status=response.status)

    def _find_lane(self, session: requests.Session, origin: Origin) -> Lane:
        if len(self._lanes) >= _MAX_ORIGINS:
            self._lanes.clear()
        self._use_pools(session)
        # Proxies of the session itself are its own matter.
        proxy = None if session.proxies else self._dialer.proxies.find(origin)
        lane = self._lanes[origin.prefix] = Lane(session, origin, proxy)
        return lane

    def _use_pools(self, session: requests.Session) -> None:
        """Let the adapters of a session make connections that keep to the time of a call."""
        for adapter in tuple(session.adapters.values()):
            if isinstance(adapter, adapters.HTTPAdapter) and IS_URLLIB3:
                # Adapters that a factory has set up have limits of their own.
                limits = self._limits if adapter in self._own_adapters else None
                use_pools(adapter.poolmanager, self._dialer, limits)
                for proxy in session.proxies.values():
                    use_pools(adapter.proxy_manager_for(proxy), self._dialer, limits)

    def close(self) -> None:
        """Close the session, unless it is the user's; calls that were begun may end."""
        with self._lock:
            self._closed = True
            self._forgive()
            if self._session is None or self._config.session is not None:
                return
            pools = [lane.pool for lane in self._lanes.values() if lane.pool is not None]
            self._lanes = {}
            self._session.close()
        for pool in pools:
            pool.close()
        self._limits.close()

    def let_go(self) -> None:
        """Close the session once nobody can use it any more, and say nothing of that."""
        with self._lock:
            self._made = None
            self._forgive()
            if self._session is not None:
                self._watch(self._session)

    def start_over(self) -> None:
        """Leave the connections to the parent process; a child that read from them would rob it."""
        self._lock = threading.Lock()
        self._forgive()
        self._lanes = {}
        self._limits = Limits(self._config.pool)
        _inherited.append(self._session)
        self._session = brought = self._config.session
        for adapter in () if brought is None else brought.adapters.values():
            if isinstance(adapter, adapters.HTTPAdapter):
                _inherited.append((adapter.poolmanager, adapter.proxy_manager))
                adapter.init_poolmanager(
                    adapter._pool_connections, adapter._pool_maxsize, block=adapter._pool_block
                )
                adapter.proxy_manager = {}


def _release(session: requests.Session, exiting: bool) -> None:
    """Close a session, unless the process exits: another thread may be in the middle of a call."""
    if not exiting:
        session.close()


_inherited: list[Any] = []
"""What the parent process uses: never closed here, as another thread of it may hold a lock."""


def _send_fast(
    pool: connectionpool.HTTPConnectionPool, request: Request, call: Call, proxy: Proxy | None
) -> RawResponse | None:
    """Send a request; `None` where the connection in the pool is another library's."""
    exchange = Exchange(request, call, proxy=proxy)
    conn: Any = None
    try:
        # Within, so that an interruption loses no connection of the pool.
        conn = _take(pool, exchange)
        if type(conn) not in CONNECTIONS:
            exchange.reusable = True
            return None
        if call.needs_fresh_connection:
            conn.close()
        if conn.sock is None:
            _connect(conn, exchange)
        elif call.policy.events is not None:
            exchange.tell("connection_reuseconn")
        exchange.sock = conn.sock
        exchange.write_request()
        head, rest = exchange.read_head()
        if exchange.unsent and head.status < 300 and not call.policy.allow_early_response:
            raise upload_incomplete(head.status)
        if call.policy.stream is not None and head.status < 300:
            response = RawResponse(
                head.status,
                head.fields,
                request,
                reason=head.reason,
                received=time.time(),
                native=make_native,
            )
            if head.sets_cookies:
                call.keep_cookies(response)
            pieces = exchange.told_pieces(head, rest)
            release = partial(_leave, pool, conn, exchange, pieces)
            coding = head.content_encoding.decode("latin-1")
            call.policy.stream.opened(call, response, SyncIncoming(pieces, release, coding))
            conn = None
            return response
        problem = None
        content = b""
        try:
            content = exchange.read_body(head, rest)
            if head.content_encoding and content:
                content = decode(content, head.content_encoding, call.policy.max_response_size)
        except FrameworkException as error:
            exchange.reusable = False
            content = b""
            problem = body_error(error, head.status)
        response = RawResponse(
            head.status,
            head.fields,
            request,
            content,
            reason=head.reason,
            received=time.time(),
            native=make_native,
            body_error=problem,
        )
        if head.sets_cookies:
            call.keep_cookies(response)
        return response
    finally:
        if conn is not None:
            if not exchange.reusable:
                conn.close()
            try:  # noqa: SIM105 - suppress() would cost every call
                pool._put_conn(conn)
            except urllib3_errors.FullPoolError:
                pass  # It was closed just now.


def _leave(
    pool: connectionpool.HTTPConnectionPool, conn: Any, exchange: Exchange, pieces: Iterator[bytes]
) -> None:
    """Give back the connection of a body that was read piece by piece, to its end or not."""
    try:
        if not exchange.ended:
            exchange.take_what_came(pieces)
    finally:
        if not exchange.reusable:
            conn.close()
        with suppress(urllib3_errors.FullPoolError):  # It was closed just now.
            pool._put_conn(conn)


def _take(pool: connectionpool.HTTPConnectionPool, exchange: Exchange) -> Any:
    call = exchange.call
    try:
        if call.policy.events is None:
            return pool._get_conn(call.time_for("pool"))
        with exchanging(exchange):
            return pool._get_conn(call.time_for("pool"))
    except urllib3_errors.EmptyPoolError as error:
        raise call.timed_out("pool") from error
    except urllib3_errors.ClosedPoolError as error:
        raise ClientClosedError("the client was closed while a call was made") from error


def _connect(conn: Any, exchange: Exchange) -> None:
    request, call = exchange.request, exchange.call
    try:
        with exchanging(exchange):
            conn.connect()
    except (urllib3_errors.HTTPError, OSError, ValueError) as error:
        if exchange.raised is error or isinstance(error, FrameworkException):
            raise
        if isinstance(error, urllib3_errors.ConnectTimeoutError | TimeoutError):
            raise call.timed_out("connect") from error
        # A host name that does not match is a ValueError of urllib3's own.
        raise translate_connect(error, request) from error
