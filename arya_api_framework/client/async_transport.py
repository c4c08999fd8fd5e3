"""The transport over aiohttp."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any, cast

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
_AUTOMATIC = ("Accept", "Accept-Encoding", "User-Agent")


class AsyncTransport:
    """Sends requests over an `aiohttp.ClientSession`, made at the first call in an event loop."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._brought: aiohttp.ClientSession | None = config.session
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._timer: _Timer | None = None
        self._others: dict[asyncio.AbstractEventLoop, tuple[aiohttp.ClientSession, _Timer]] = {}
        self._context: ssl.SSLContext | None = None
        if self._brought is not None and not isinstance(self._brought, aiohttp.ClientSession):
            raise ConfigurationError(
                f"session of an AsyncClient must be an aiohttp.ClientSession, "
                f"got {type(self._brought).__name__}"
            )

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session of the running event loop, made when it is first asked for."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._enter(loop)
        assert self._session is not None
        return self._session

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make `loop` the current one; a session works in the loop that it was made in only."""
        if self._loop is not None and self._session is not None and self._timer is not None:
            self._others[self._loop] = (self._session, self._timer)
        for other in [other for other in self._others if other.is_closed()]:
            del self._others[other]
        self._session, self._timer = self._others.pop(loop, (None, None))
        if self._session is None:
            self._session, self._timer = self._make_session(), _Timer(loop)
        self._loop = loop

    def _make_session(self) -> aiohttp.ClientSession:
        if self._brought is not None:
            return self._brought
        timeout = self._config.timeout
        options: dict[str, Any] = {
            "connector": aiohttp.TCPConnector(limit=POOL_SIZE),
            "timeout": _client_timeout(timeout),
            "cookie_jar": aiohttp.DummyCookieJar(),
            "trust_env": False,
            "auto_decompress": False,
            "max_line_size": MAX_HEAD_SIZE,
            "max_field_size": MAX_HEAD_SIZE,
            "max_headers": MAX_FIELDS,
        }
        factory = self._config.session_factory
        session = factory(**options) if factory is not None else aiohttp.ClientSession(**options)
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
        if loop is not self._loop:
            self._enter(loop)
        session, timer = cast("aiohttp.ClientSession", self._session), cast("_Timer", self._timer)
        options: dict[str, Any] = {"headers": request.headers, "allow_redirects": False}
        body = request.body
        if body is not None:
            options["data"] = self._payload(body, request, options)
        skipped = [name for name in _AUTOMATIC if name not in request.headers]
        if skipped or (body is not None and "Content-Type" not in request.headers):
            options["skip_auto_headers"] = [*skipped, "Content-Type"]
        if request.origin.scheme == "https" and self._brought is None:
            options["ssl"] = self._context or self._make_context()
        if call.policy.timeout is not self._config.timeout:
            options["timeout"] = _client_timeout(call.policy.timeout)
        watch = None if call.ends is None else timer.watch(call.ends)
        answer: aiohttp.ClientResponse | None = None
        try:
            answer = await session.request(
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
            if watch is not None and watch.fired:
                raise asyncio.CancelledError
            return response
        except asyncio.CancelledError as error:
            if answer is not None:
                answer.close()
            if watch is None or not watch.fired or not watch.absorb():
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
            if watch is not None:
                timer.forget(watch)

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
        if self._brought is not None:
            return
        sessions = [session for session, _ in self._others.values()]
        if self._session is not None:
            sessions.append(self._session)
        self._others.clear()
        for session in sessions:
            await session.close()


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


class _Watch:
    """One call that must end by a time."""

    __slots__ = ("cancelling", "ends", "fired", "task")

    def __init__(self, ends: float, task: asyncio.Task[Any]) -> None:
        self.ends = ends
        self.task = task
        self.cancelling = task.cancelling()
        self.fired = False

    def absorb(self) -> bool:
        """Take back the cancellation of the timer; return whether it was the only one."""
        return self.task.uncancel() <= self.cancelling


class _Timer:
    """One timer for all calls of a loop: a timer for each would cost each call several times more.

    A call that must end is cancelled as `asyncio.timeout` does it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watches: dict[_Watch, None] = {}
        self._handle: asyncio.TimerHandle | None = None
        self._next = float("inf")

    def watch(self, ends: float) -> _Watch:
        """Cancel the current task at a time of the monotonic clock."""
        watch = _Watch(ends, cast("asyncio.Task[Any]", asyncio.current_task()))
        self._watches[watch] = None
        if ends < self._next:
            self._schedule(ends)
        return watch

    def forget(self, watch: _Watch) -> None:
        """Stop watching; the timer goes on, and finds nothing to do."""
        self._watches.pop(watch, None)

    def _schedule(self, ends: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._next = ends
        self._handle = self._loop.call_later(max(ends - time.monotonic(), 0), self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._next = float("inf")
        now = time.monotonic()
        due = [watch for watch in self._watches if watch.ends <= now]
        for watch in due:
            del self._watches[watch]
            watch.fired = True
            watch.task.cancel()
        if self._watches:
            self._schedule(min(watch.ends for watch in self._watches))


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
