"""aiohttp's connections, with what it leaves to chance decided.

They have no synchronous twin: what urllib3 leaves to chance is in `sync_pools`.
"""

# What aiohttp has no public place for; each of these has a test that fails when it moves.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import functools
import select
import sys
from collections.abc import Callable
from contextvars import ContextVar
from itertools import chain
from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import _EXC_SENTINEL
from aiohttp.http_exceptions import HttpProcessingError
from typing_extensions import override

from ..errors import FrameworkException, ProtocolError, ResponseTooLarge
from .call import Phase
from .http1 import MAX_HEAD_SIZE, MAX_INTERIM

__all__ = ["Connector", "find_fault", "head_too_large", "pool_timeout", "reached_phase"]

pool_timeout: ContextVar[float | None] = ContextVar("pool_timeout", default=None)
"""How long the current call may wait for a connection."""


class Connector(aiohttp.TCPConnector):
    """A pool of connections of ours."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType]
        factory: Any = functools.partial(_Protocol, loop=self._loop)
        self._factory = factory

    @override
    async def _wait_for_available_connection(self, key: Any, traces: Any) -> None:
        async with asyncio.timeout(pool_timeout.get()):
            await super()._wait_for_available_connection(key, traces)


class _Protocol(ResponseHandler):
    """A connection that is used again only if it is silent, and refuses endless interim responses.

    A server may have closed it, or have written what nobody asked for, which would be taken for the
    answer to the next request.
    """

    _interim = 0
    _poll: Any = None

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
    def feed_data(self, data: Any, size: int = 0) -> None:
        status = data[0].code
        if (self._interim or status < 200) and self._is_flooded(status):
            return
        if (status >= 200 or status == 101) and (fault := find_fault(data[0], status)) is not None:
            self.set_exception(fault)
            return
        _feed_data(self, data, size)

    @override
    def set_exception(self, exc: BaseException, exc_cause: BaseException = _EXC_SENTINEL) -> None:
        super().set_exception(exc, exc_cause)
        # aiohttp forgets to tell who reads the body that no more of it can be understood.
        payload = self._payload
        if isinstance(exc, HttpProcessingError) and payload is not None and not payload.is_eof():
            payload.set_exception(exc)

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

    def _is_flooded(self, status: int) -> bool:
        if self._interim <= MAX_INTERIM:
            self._interim = self._interim + 1 if status < 200 else 0
            if self._interim > MAX_INTERIM:
                self.set_exception(ProtocolError(f"more than {MAX_INTERIM} interim responses came"))
        return self._interim > MAX_INTERIM


_feed_data = ResponseHandler.feed_data


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
