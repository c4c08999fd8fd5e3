"""aiohttp's connections, with what it leaves to chance decided.

They have no synchronous twin: what urllib3 leaves to chance is in `sync_pools`.
"""

# What aiohttp has no public place for; each of these has a test that fails when it moves.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import functools
import os
import random
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from itertools import chain
from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import _EXC_SENTINEL
from typing_extensions import override

from ..errors import FrameworkException, ProtocolError, ResponseTooLarge
from .async_dial import AsyncDialer
from .async_events import Late
from .async_parser import Parser
from .call import Phase
from .http1 import MAX_HEAD_SIZE

__all__ = [
    "Connector",
    "abandon",
    "close_idle",
    "find_fault",
    "head_too_large",
    "pool_timeout",
    "reached_phase",
]

pool_timeout: ContextVar[float | None] = ContextVar("pool_timeout", default=None)
"""How long the current call may wait for a connection."""


class Connector(aiohttp.TCPConnector):
    """A pool of connections of ours."""

    def __init__(self, dialer: AsyncDialer, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType]
        self._dialer = dialer
        factory: Any = functools.partial(_Protocol, loop=self._loop)
        self._factory = factory

    @override
    def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        """Return what is awaited for a connection."""
        if traces:
            return self._connect_told(req, traces, timeout)
        return super().connect(req, traces, timeout)

    async def _connect_told(self, req: Any, traces: Any, timeout: Any) -> Any:
        late: Any = [Late(trace, remembers=self._use_dns_cache) for trace in traces]
        try:
            connection = await super().connect(req, late, timeout)
        except BaseException:
            # Who was woken for a place, and then failed, has kept it from the next in the queue.
            self._release_waiter()
            raise
        try:
            for trace in late:
                await trace.tell_ready()
        except BaseException:
            connection.close()
            raise
        return connection

    @override
    async def _wait_for_available_connection(self, key: Any, traces: Any) -> None:
        try:
            async with asyncio.timeout(pool_timeout.get()):
                await super()._wait_for_available_connection(key, traces)
        except BaseException:
            self._release_waiter()  # It may have been woken already.
            raise

    @override
    def _release_waiter(self) -> None:
        """Wake as many as there are places for.

        aiohttp wakes one for each place that is free again, but with a limit for each host it may
        be one whose host has no other place than that for which somebody else was woken just now.
        Then nobody was woken for the place of the second host.
        """
        if not self._waiters:
            return
        keys = list(self._waiters)
        random.shuffle(keys)  # So that no host is always the first to be given what is left.
        for key in keys:
            free = self._available_connections(key)
            for waiter in list(self._waiters[key]):
                if free < 1:
                    break
                if not waiter.cancelled():  # One that was woken is there until it has run.
                    free -= 1
                    if not waiter.done():
                        waiter.set_result(None)

    @override
    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
        # The one limit for all of it: names, sockets, proxies, TLS.
        async with asyncio.timeout(timeout.sock_connect):
            if self._dialer.leads_elsewhere(req.url, req.proxy):
                return await super()._create_connection(req, traces, timeout)
            return await self._dialer.connect(self, req, traces)


class _Protocol(ResponseHandler):
    """A connection that is used again only if it is silent, and is read by rules of ours.

    A server may have closed it, or have written what nobody asked for, which would be taken for the
    answer to the next request.
    """

    _poll: Any = None
    _is_written = False
    _served = 0
    _was_idle = False
    _used: asyncio.Transport | None = None

    @override
    def is_connected(self) -> bool:
        """Return whether the connection, kept since its last response, can take a request."""
        transport = self.transport
        if transport is None or transport.is_closing() or self._buffer:
            return False
        # What the event loop has not read yet, it would read as the next response.
        poll = self._poll
        if poll is None:
            poll = self._poll = _poll_for_input(transport.get_extra_info("socket"))
        return not poll(0)

    @override
    def set_response_params(
        self,
        *,
        skip_payload: bool = False,
        read_timeout: float | None = None,
        read_bufsize: int = 2**16,
        timeout_ceil_threshold: float = 5,
        **_: Any,
    ) -> None:
        self._is_written = False
        self._served += 1
        self._used = self.transport  # aiohttp forgets it when it closes the connection.
        self._skip_payload = skip_payload
        self._read_bufsize = read_bufsize
        self._read_timeout = read_timeout
        self._timeout_ceil_threshold = timeout_ceil_threshold
        method = "HEAD" if skip_payload else "GET"
        parser: Any = Parser(self, self._loop, read_bufsize, method)
        self._parser = parser
        self._drain_tail()

    @override
    def start_timeout(self) -> None:
        self._is_written = True
        super().start_timeout()

    @override
    def data_received(self, data: bytes) -> None:
        parser: Any = self._parser
        if parser is None:
            super().data_received(data)
        elif data:  # aiohttp asks for what a parser holds back; this one holds nothing.
            # While a body is on its way, silence is the server's right, interim responses or not.
            if self._read_timeout and self._is_written:
                self._reschedule_timeout()
            parser.feed(data)

    @override
    def set_exception(self, exc: BaseException, exc_cause: BaseException = _EXC_SENTINEL) -> None:
        if isinstance(exc, OSError):
            self._read_last_words()
        if self._was_idle or self._is_silent_from_the_start():
            exc.__dict__["was_idle"] = True
        super().set_exception(exc, exc_cause)

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        parser: Any = self._parser
        if parser is not None and exc is not None:
            self._read_last_words()
            parser.is_broken = True
        self._was_idle = self._is_silent_from_the_start()
        super().connection_lost(exc)

    def _is_silent_from_the_start(self) -> bool:
        """Return whether it served others before, and nothing of the current answer came."""
        parser: Any = self._parser
        return self._served > 1 and parser is not None and parser.is_silent

    def _read_last_words(self) -> None:
        """Read what a server said before it closed a connection that was being written to.

        It is still in the buffer of the system, which the event loop does not look at any more
        once writing has failed.
        """
        parser: Any = self._parser
        transport = self._used
        if parser is None or not parser.in_head or transport is None:
            return
        if not transport.is_closing() or transport.get_extra_info("sslcontext"):
            return
        with suppress(OSError):  # No more is there.
            while data := os.read(transport.get_extra_info("socket").fileno(), 2**16):
                self.data_received(data)

    @override
    def close(self) -> None:
        transport = self.transport
        if transport is not None and (
            transport.get_write_buffer_size() or transport.get_extra_info("sslcontext")
        ):
            # What is not taken, or an end of TLS without an answer, would keep the socket open.
            self.abort()
        else:
            super().close()


def abandon(session: aiohttp.ClientSession) -> None:
    """Close a session from any thread, even one of a loop that is closed, with no loop to run."""
    connector = session.connector
    session.detach()
    if connector is None or not session._connector_owner:
        return
    loop = session._loop
    with suppress(RuntimeError):  # It was closed just now.
        if loop.is_running():
            loop.call_soon_threadsafe(_close_all, connector)
            return
    kept = [one for data in connector._conns.values() for one, _ in data]
    transports = [one.transport for one in (*kept, *connector._acquired)]
    _close_all(connector)
    if loop.is_closed():
        for transport in transports:
            _end(transport)


def close_idle(session: aiohttp.ClientSession, host: str, port: int) -> None:
    """Close the connections of a session to a host that no call is using."""
    conns: Any = getattr(session.connector, "_conns", {})
    for key, kept in list(conns.items()):
        if (key.host, key.port) == (host, port):
            del conns[key]
            for protocol, _ in kept:
                protocol.close()


def _close_all(connector: aiohttp.BaseConnector) -> None:
    connector._close(abort_ssl=True)


def _end(transport: Any) -> None:
    """Close the socket of a transport whose loop cannot do it any more."""
    with suppress(RuntimeError):
        transport.abort()
    below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", transport)
    # Other loops than those of asyncio close their sockets when they are closed.
    with suppress(RuntimeError, AttributeError):
        below._call_connection_lost(None)


def find_fault(head: Any, status: int) -> FrameworkException | None:
    """Return why a response is none, though aiohttp takes it for one.

    Args:
        head: Its head, as a message of the parser or as a whole response of aiohttp.
        status: Its status.
    """
    if not 200 <= status <= 599:
        return ProtocolError(f"expected a status from 200 to 599, got {status}")
    fields = head.raw_headers
    size = sum(map(len, chain.from_iterable(fields))) + 4 * len(fields)
    if size > MAX_HEAD_SIZE:
        return head_too_large(size)
    headers = head.headers
    if hdrs.TRANSFER_ENCODING in headers:
        codings = [coding.lower() for coding in headers.getall(hdrs.TRANSFER_ENCODING)]
        if codings != ["chunked"] or head.version == aiohttp.HttpVersion10:
            # RFC 9112 6.1: HTTP/1.0 had no chunks, and nothing else was asked for.
            return ProtocolError("expected `Transfer-Encoding: chunked` alone, got something else")
    return None


def head_too_large(size: int | None) -> ResponseTooLarge:
    """Return the error for a head that passes the limit."""
    return ResponseTooLarge(
        f"the head of the response is larger than {MAX_HEAD_SIZE} bytes",
        limit=MAX_HEAD_SIZE,
        size=size,
    )


def _poll_for_input(sock: Any) -> Callable[[float], Any]:
    """Return a function that tells, after so many milliseconds at most, whether input is there."""
    if sys.platform == "win32":  # pragma: no cover - it has no poll()
        return lambda seconds: select.select([sock], [], [], seconds)[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return poll.poll


_CONNECT = aiohttp.BaseConnector.connect.__code__
_WAIT = aiohttp.BaseConnector._wait_for_available_connection.__code__
_OUR_WAIT = Connector._wait_for_available_connection.__code__


def reached_phase(error: BaseException | None) -> Phase:
    """Return what a request was about when an exception ended it."""
    traceback = None if error is None else error.__traceback__
    frames = set[object]()
    while traceback is not None:
        frames.add(traceback.tb_frame.f_code)
        traceback = traceback.tb_next
    if not frames.isdisjoint((_WAIT, _OUR_WAIT)):
        return "pool"
    return "connect" if _CONNECT in frames else "read"
