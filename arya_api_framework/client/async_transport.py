"""The transport over aiohttp."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, cast

import aiohttp
from aiohttp import http_exceptions
from yarl import URL

from ..errors import (
    CertificateError,
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DNSError,
    FrameworkException,
    IncompleteResponse,
    ProtocolError,
    ProxyError,
    ResponseTooLarge,
    TLSError,
)
from ..errors.call import ContentEncodingError
from ..options import Timeout
from ..tls import TLS
from .body import CHUNK_SIZE, Body, BytesBody
from .call import Call
from .config import ClientConfig
from .decoding import decode
from .http1 import MAX_FIELDS, MAX_HEAD_SIZE
from .request import Request
from .response import RawResponse

__all__ = ["AsyncTransport"]

POOL_SIZE = 100
_AUTOMATIC = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class AsyncTransport:
    """Sends requests over an `aiohttp.ClientSession`, made at the first call in an event loop."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._brought: aiohttp.ClientSession | None = config.session
        self._closed = False
        self._lock = threading.Lock()
        self._current: _Room | None = None
        self._rooms: dict[asyncio.AbstractEventLoop, _Room] = {}
        self._context: ssl.SSLContext | None = None
        if self._brought is not None and not isinstance(self._brought, aiohttp.ClientSession):
            raise ConfigurationError(
                f"session of an AsyncClient must be an aiohttp.ClientSession, "
                f"got {type(self._brought).__name__}"
            )

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session of the running event loop, made when it is first asked for."""
        return self._brought or self._enter(asyncio.get_running_loop()).session

    def _enter(self, loop: asyncio.AbstractEventLoop) -> _Room:
        """Return what works in a loop, which is the current one from now on."""
        with self._lock:
            for other in [other for other in self._rooms if other.is_closed()]:
                del self._rooms[other]
            room = self._rooms.get(loop)
            if room is None:
                room = self._rooms[loop] = _Room(loop, self._make_session(), _Timer(loop))
            self._current = room
            return room

    def _make_session(self) -> aiohttp.ClientSession:
        options: dict[str, Any] = {
            "timeout": _client_timeout(self._config.timeout),
            "cookie_jar": aiohttp.DummyCookieJar(),
            "trust_env": False,
            "auto_decompress": False,
            "max_line_size": MAX_HEAD_SIZE,
            "max_field_size": MAX_HEAD_SIZE,
            "max_headers": MAX_FIELDS,
        }
        brought = self._brought
        factory: Callable[..., Any] = self._config.session_factory or aiohttp.ClientSession
        if brought is None:
            options["connector"] = aiohttp.TCPConnector(limit=POOL_SIZE)
        else:
            # A session of ours over the connections of theirs, whose headers and cookies stay out.
            if brought.closed:
                raise ClientClosedError("the session that was brought is closed")
            options["connector"] = brought.connector
            options["connector_owner"] = False
            options["trace_configs"] = brought.trace_configs
            theirs = brought.timeout
            options["timeout"] = aiohttp.ClientTimeout(
                total=None,
                connect=theirs.connect,
                sock_connect=theirs.sock_connect,
                sock_read=theirs.sock_read,
            )
            factory = aiohttp.ClientSession
        session = factory(**options)
        if not isinstance(session, aiohttp.ClientSession):
            raise ConfigurationError(
                "session_factory must return an aiohttp.ClientSession, "
                f"got {type(session).__name__}"
            )
        # Private, and the only way without cost: aiohttp would send some requests twice by itself.
        session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
        return session

    async def send(self, request: Request, call: Call) -> RawResponse:
        """Send a request and read its whole response.

        Raises:
            TransportError: No whole response came.
            DecodeError: Its content coding cannot be read.
            ResponseTooLarge: It passes a limit.
        """
        if self._closed:
            raise ClientClosedError("the client was closed while a call was made")
        loop = asyncio.get_running_loop()
        room = self._current
        if room is None or room.loop is not loop:
            room = self._enter(loop)
        headers = request.headers
        options: dict[str, Any] = {"headers": headers, "allow_redirects": False}
        body = request.body
        if body is not None:
            options["data"] = self._payload(body, request, options)
        if (
            "Accept" not in headers
            or "Accept-Encoding" not in headers
            or "User-Agent" not in headers
            or (body is not None and "Content-Type" not in headers)
        ):
            options["skip_auto_headers"] = _AUTOMATIC
        if request.origin.scheme == "https" and self._brought is None:
            options["ssl"] = self._context or self._make_context()
        if call.policy.timeout is not self._config.timeout:
            options["timeout"] = _client_timeout(call.policy.timeout)
        task = None if call.ends is None else room.timer.watch(call.ends)
        answer: aiohttp.ClientResponse | None = None
        try:
            answer = await room.session.request(
                request.method, URL(request.url, encoded=True), **options
            )
            response = RawResponse(
                answer.status,
                answer.raw_headers,
                request,
                reason=answer.reason or "",
                native=answer,
            )
            stream = answer.content
            if (
                stream.is_eof()
                and stream.exception() is None
                and not answer.headers.get("Content-Encoding")
            ):
                # All of it came with the head; the stream holds no more than its buffer.
                response.content = stream.read_nowait()
            else:
                await _read(answer, response, call)
            response.received = time.time()
            if task is not None and room.timer.fired(task):
                raise asyncio.CancelledError
            return response
        except asyncio.CancelledError as error:
            if answer is not None:
                answer.close()
            if task is None or not room.timer.absorb(task):
                raise
            raise call.timed_out("read", "maybe" if answer is None else "yes") from error
        except FrameworkException:
            raise
        except Exception as error:
            if answer is not None:
                answer.close()
            if isinstance(body, Body) and body.error is not None:
                raise body.error from None
            raise _translate(error, request, call, answer) from error
        finally:
            if task is not None:
                room.timer.forget(task)

    def _payload(self, body: bytes | Body, request: Request, options: dict[str, Any]) -> Any:
        if isinstance(body, bytes):
            if len(body) <= CHUNK_SIZE:
                return body
            body = BytesBody(body)
        if body.length is not None:
            options["headers"] = headers = request.headers.copy()
            headers["Content-Length"] = str(body.length)
        return _pieces(body)

    def _make_context(self) -> ssl.SSLContext:
        self._context = (self._config.tls or TLS()).build_context()
        return self._context

    async def close(self) -> None:
        """Close the sessions, unless they are the user's."""
        self._closed = True
        with self._lock:
            rooms = list(self._rooms.values())
            self._rooms.clear()
            self._current = None
        for room in rooms:
            await room.session.close()


def _client_timeout(timeout: Timeout) -> aiohttp.ClientTimeout:
    # The total is ours to keep: aiohttp's costs a timer for every call.
    return aiohttp.ClientTimeout(
        total=None, connect=None, sock_connect=timeout.connect, sock_read=timeout.read
    )


async def _pieces(body: Body) -> AsyncIterator[bytes]:
    """Read a body for aiohttp: files in a thread, so that the loop goes on meanwhile."""
    sent = 0
    source = body.async_chunks()
    chunks = iter(body.chunks()) if source is None else None
    try:
        while True:
            if chunks is not None:
                chunk = await asyncio.to_thread(next, chunks, None)
            else:
                chunk = await anext(cast("AsyncIterator[bytes]", source), None)
            if chunk is None:
                return
            yield chunk
            sent += len(chunk)
            if body.on_progress is not None:
                body.on_progress(sent, body.length)
    except Exception as error:
        body.error = error
        raise


async def _read(answer: aiohttp.ClientResponse, response: RawResponse, call: Call) -> None:
    """Read the body in bounded memory and decode it."""
    limit = call.policy.max_response_size
    try:
        length = answer.content_length
        if answer.method == "HEAD":
            length = 0
        if length is not None and length > limit:
            raise _too_large(limit, length)
        if length is not None:
            content = await answer.read()
        else:
            pieces: list[bytes] = []
            received = 0
            while piece := await answer.content.readany():
                received += len(piece)
                if received > limit:
                    raise _too_large(limit, None)
                pieces.append(piece)
            content = b"".join(pieces)
        coding = answer.headers.get("Content-Encoding")
        if coding is not None and content:
            content = decode(content, coding.lower(), limit)
        response.content = content
    except FrameworkException as error:
        answer.close()
        if answer.status < 300:
            if isinstance(error, ContentEncodingError):
                error.status = answer.status
            raise
        response.body_error = str(error)
    except (aiohttp.ClientError, OSError, http_exceptions.HttpProcessingError) as error:
        translated = _translate(error, response.request, call, answer)
        answer.close()
        if answer.status < 300:
            raise translated from error
        response.body_error = str(translated)


def _too_large(limit: int, size: int | None) -> ResponseTooLarge:
    return ResponseTooLarge(
        f"the response body is larger than max_response_size, {limit} bytes", limit=limit, size=size
    )


class _Timer:
    """One timer for all calls of a loop: a timer for each would cost each call several times more.

    A call that must end is cancelled as `asyncio.timeout` does it. A task is in one call at a time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: dict[asyncio.Task[Any], tuple[float, int]] = {}
        self._fired: dict[asyncio.Task[Any], int] = {}
        self._handle: asyncio.TimerHandle | None = None
        self._next = float("inf")

    def watch(self, ends: float) -> asyncio.Task[Any]:
        """Cancel the current task at a time of the monotonic clock; return the task."""
        task = asyncio.current_task(self._loop)
        assert task is not None, "a coroutine runs in a task"
        self._watched[task] = (ends, task.cancelling())
        if ends < self._next:
            self._schedule(ends)
        return task

    def forget(self, task: asyncio.Task[Any]) -> None:
        """Stop watching; the timer goes on, and finds nothing to do."""
        self._watched.pop(task, None)
        self._fired.pop(task, None)

    def fired(self, task: asyncio.Task[Any]) -> bool:
        """Return whether the time of a task was over."""
        return task in self._fired

    def absorb(self, task: asyncio.Task[Any]) -> bool:
        """Take back the cancellation by this timer; return whether it was the only one."""
        cancelling = self._fired.get(task)
        return cancelling is not None and task.uncancel() <= cancelling

    def _schedule(self, ends: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._next = ends
        self._handle = self._loop.call_later(max(ends - time.monotonic(), 0), self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._next = float("inf")
        now = time.monotonic()
        for task, (ends, cancelling) in list(self._watched.items()):
            if ends <= now:
                del self._watched[task]
                self._fired[task] = cancelling
                task.cancel()
        if self._watched:
            self._schedule(min(ends for ends, _ in self._watched.values()))


class _Room(NamedTuple):
    """What works in one event loop."""

    loop: asyncio.AbstractEventLoop
    session: aiohttp.ClientSession
    timer: _Timer


def _translate(
    error: BaseException, request: Request, call: Call, answer: aiohttp.ClientResponse | None
) -> FrameworkException:
    """Return the error of the framework for one of aiohttp or the socket."""
    place = request.origin.authority
    if answer is not None:
        return _translate_body(error, call, answer)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return call.timed_out("connect")
    if isinstance(error, TimeoutError):
        return call.timed_out("read")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return DNSError(f"the host name {request.origin.host!r} cannot be resolved")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "it is not trusted")
        return CertificateError(f"the certificate of {place} is not accepted: {reason}")
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return ProxyError(f"the proxy for {place} cannot be used")
    if isinstance(error, aiohttp.ClientSSLError):
        return TLSError(f"the TLS handshake with {place} failed")
    if isinstance(error, aiohttp.ClientConnectorError):
        return ConnectError(f"no connection to {place} could be made")
    if isinstance(error, aiohttp.ClientResponseError | http_exceptions.HttpProcessingError):
        # Its status 400 is the parser's, no server sent it.
        return ProtocolError("what came is no valid HTTP response")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return ConnectionLost("the server closed the connection before a whole response head")
    if isinstance(error, RuntimeError) and "closed" in str(error):
        return ClientClosedError("the session was closed while a call was made")
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return ConfigurationError(f"aiohttp cannot send this request: {type(error).__name__}")
    return ConnectionLost(f"the connection broke: {type(error).__name__}")


def _translate_body(
    error: BaseException, call: Call, answer: aiohttp.ClientResponse
) -> FrameworkException:
    if isinstance(error, TimeoutError):
        return call.timed_out("read", "yes")
    cause = error.__cause__
    if isinstance(cause, http_exceptions.TransferEncodingError) and "Not enough" not in str(cause):
        return ProtocolError("the response body is no chunked body")
    if isinstance(error, aiohttp.ClientResponseError | http_exceptions.HttpProcessingError):
        return ProtocolError("the response body is not framed as HTTP")
    received = answer.content.total_bytes
    return IncompleteResponse(
        f"the response body was cut after {received} bytes",
        status=answer.status,
        received=received,
        expected=answer.content_length,
    )
