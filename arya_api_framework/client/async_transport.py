"""The transport over aiohttp."""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from http.cookies import SimpleCookie
from typing import Any, NamedTuple, cast

import aiohttp
from aiohttp import hdrs, http_exceptions
from multidict import CIMultiDict, MultiDict
from typing_extensions import override
from yarl import URL

from ..errors import (
    ClientClosedError,
    ConfigurationError,
    FrameworkException,
)
from ..errors.base import Sent
from ..errors.call import ContentEncodingError
from ..fork import start_over_in_child
from ..options import Timeout
from .async_connector import (
    Connector,
    abandon,
    close_idle,
    find_fault,
    pool_timeout,
    reached_phase,
)
from .async_dial import AsyncDialer, Resolver
from .async_errors import hush, translate
from .async_events import Told
from .async_incoming import AsyncIncoming
from .async_parser import LazyHeaders
from .async_timer import Timer
from .async_upload import Upload
from .body import CHUNK_SIZE, Body
from .call import Call, Phase
from .codings import CompressedBytes
from .config import ClientConfig, given_connections
from .decoding import Decoding
from .faults import body_too_large, upload_incomplete
from .forgotten import Made, when_forgotten
from .http1 import MAX_FIELDS, MAX_HEAD_SIZE
from .proxies import Proxy, check_forwarded, is_forwarded
from .request import Request
from .response import RawResponse
from .url import Origin

__all__ = ["AsyncTransport"]

GRACE = 5.0
"""How long `close` lets calls go on that were begun, in seconds."""

LARGE_JSON = 8 * 1024 * 1024
"""From how many bytes on a warning tells that parsing JSON holds the event loop, about 80 ms."""

_AUTOMATIC = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
_OURS: dict[str, Any] = {"auto_decompress": False, "raise_for_status": False}
"""What must hold for each request, whatever a session was made with."""

_RAISED = (
    aiohttp.ClientError,
    http_exceptions.HttpProcessingError,
    OSError,
    RuntimeError,
    UnicodeError,
)
"""What aiohttp raises; all else is of a mock, a recorder or a callback, or a cancellation."""


_REQUEST = aiohttp.ClientSession.request


def _make_url(scheme: str, authority: str, target: str) -> URL:
    path, _, query = target.partition("?")
    return URL.build(
        scheme=scheme, authority=authority, path=path, query_string=query, encoded=True
    )


_keep_url = functools.lru_cache(maxsize=128)(_make_url)
"""For targets without a query, which may hold a secret."""


class _NoCookies(aiohttp.DummyCookieJar):
    """An empty jar that makes no new nothing for each request."""

    _nothing: SimpleCookie = SimpleCookie()

    def filter_cookies(self, request_url: URL) -> SimpleCookie:
        return self._nothing


class AsyncTransport:
    """Sends requests over an `aiohttp.ClientSession`, made at the first call in an event loop."""

    def __init__(
        self, config: ClientConfig, trusted: frozenset[Origin], made: Made | None = None
    ) -> None:
        self._made = made
        self._forgive: Callable[[], Any] = bool
        self._config = config
        self._trusted = trusted
        self._brought: aiohttp.ClientSession | None = config.session
        # Connections of ours refuse by themselves what is no response.
        self._checks = self._brought is None and config.session_factory is None
        self._closed = False
        self._warned_of_json = False
        self._lock = threading.Lock()
        self._context_lock = threading.Lock()
        self._current: _Room | None = None
        self._rooms: dict[asyncio.AbstractEventLoop, _Room] = {}
        # A session of the user's has proxies and authorities of its own.
        is_ours = self._brought is None
        self._dialer = AsyncDialer(config if is_ours else ClientConfig(trust_env=False))
        self._server_name = None if config.tls is None else config.tls.server_name
        self._has_proxies = bool(self._dialer.proxies)
        self._context: ssl.SSLContext | None = None
        self._bare_context: ssl.SSLContext | None = None
        if self._brought is not None and not isinstance(self._brought, aiohttp.ClientSession):
            raise ConfigurationError(
                f"session of an AsyncClient must be an aiohttp.ClientSession, "
                f"got {type(self._brought).__name__}"
            )
        start_over_in_child(self)

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session of the running event loop, made when it is first asked for."""
        if self._brought is not None:
            return self._brought
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError as error:
            raise ConfigurationError(
                "the session of an AsyncClient belongs to an event loop; ask for it in a coroutine"
            ) from error
        return self._enter(loop).session

    def _enter(self, loop: asyncio.AbstractEventLoop) -> _Room:
        """Return what works in a loop, which is the current one from now on."""
        with self._lock:
            for other in [other for other in self._rooms if other.is_closed()]:
                self._rooms.pop(other).drop()
            room = self._rooms.get(loop)
            if room is None:
                session = self._make_session()
                if not self._rooms:
                    self._watch()
                guard = _close_with_loop(session)
                # A step without waiting: the loop knows of the generator from now on.
                with suppress(StopIteration):
                    guard.__anext__().send(None)
                room = self._rooms[loop] = _Room(loop, session, Timer(loop), guard)
            self._current = room
            return room

    def _watch(self) -> None:
        self._forgive()
        # Connections of the user's are not ours to miss.
        made = self._made if self._brought is None else None
        way = "use `async with`, or await `close()`"
        self._forgive = when_forgotten(self, made, way, functools.partial(_drop_all, self._rooms))

    def _make_session(self) -> aiohttp.ClientSession:
        options: dict[str, Any] = {
            "timeout": _client_timeout(self._config.timeout),
            "cookie_jar": _NoCookies(),
            "trust_env": False,
            "auto_decompress": False,
            "max_line_size": MAX_HEAD_SIZE,
            "max_field_size": MAX_HEAD_SIZE,
            "max_headers": MAX_FIELDS,
        }
        brought, factory = self._brought, self._config.session_factory
        if brought is not None:
            return self._wrap_brought(brought, options)
        # The context is read from files, and not needed for http.
        context: Any = True if factory is None else self._make_context()
        options["connector"] = Connector(
            self._dialer, ssl=context, **_connector_options(self._config)
        )
        session = (factory or cast("Callable[..., Any]", aiohttp.ClientSession))(**options)
        if not isinstance(session, aiohttp.ClientSession):
            raise ConfigurationError(
                "session_factory must return an aiohttp.ClientSession, "
                f"got {type(session).__name__}"
            )
        if not isinstance(session.connector, Connector):
            lost = given_connections(self._config)
            if lost:
                abandon(session)
                raise ConfigurationError(
                    f"`{lost[0]}` does not reach the connector that your session_factory made; set "
                    "it up there, or keep the one that it is given"
                )
        return _send_once(session)

    def _wrap_brought(
        self, brought: aiohttp.ClientSession, options: dict[str, Any]
    ) -> aiohttp.ClientSession:
        """Return a session of ours over the connections of theirs, whose headers stay out."""
        if brought.closed:
            raise ClientClosedError("the session that was brought is closed")
        theirs = brought.timeout
        options["timeout"] = aiohttp.ClientTimeout(
            total=None,
            connect=theirs.connect,
            sock_connect=theirs.sock_connect,
            sock_read=theirs.sock_read,
            ceil_threshold=theirs.ceil_threshold,
        )
        if brought._loop is not asyncio.get_running_loop():  # pyright: ignore[reportPrivateUsage]
            raise ConfigurationError(
                "the session that was brought belongs to another event loop; bring one that was "
                "made in this one"
            )
        session = aiohttp.ClientSession(
            connector=brought.connector,
            connector_owner=False,
            trace_configs=brought.trace_configs,
            **options,
        )
        return _send_once(session)

    async def send(self, request: Request, call: Call) -> RawResponse:
        """Send a request and read its whole response.

        Raises:
            TransportError: No whole response came.
            DecodeError: Its content coding cannot be read.
            ResponseTooLarge: It passes a limit.
        """
        if self._closed:
            raise ClientClosedError("the client was closed while a call was made")
        told: Told | None = call.told
        if told is None and call.policy.events is not None:
            return await self._send_told(request, call)
        loop = asyncio.get_running_loop()
        room = self._current
        if room is None or room.loop is not loop:
            room = self._enter(loop)
        headers, policy, timer = request.headers, call.policy, room.timer
        options: dict[str, Any] = {"headers": headers, "allow_redirects": False}
        body = request.body
        upload: Upload | None = None
        if body is not None:
            if isinstance(body, Body) or len(body) > CHUNK_SIZE:
                if isinstance(body, CompressedBytes):
                    await asyncio.to_thread(body.prepare)
                upload = Upload(body, call, room.timer)
                options["data"] = upload.pieces()
                if upload.body.length is not None:
                    options["headers"] = headers = headers.copy()
                    headers["Content-Length"] = str(upload.body.length)
            else:
                options["data"] = body
        if (
            "Accept" not in headers
            or "Accept-Encoding" not in headers
            or "User-Agent" not in headers
            or ((body is not None or request.method != "GET") and "Content-Type" not in headers)
        ):
            options["skip_auto_headers"] = _AUTOMATIC
        if self._config.session_factory is not None:
            options |= _OURS
        elif request.origin.scheme == "https" and self._brought is None:
            # The files of the context are read in a thread.
            options["ssl"] = self._context or await asyncio.to_thread(self._make_context)
            if request.origin not in self._trusted:
                options["ssl"] = self._bare_context or self._context
            elif self._server_name is not None:
                options["server_hostname"] = self._server_name
        proxy: Proxy | None = None
        if self._has_proxies:
            proxy = self._dialer.proxies.find(request.origin)
            if proxy is not None and is_forwarded(request.origin, proxy):
                options["proxy"] = proxy.url
                if proxy.authorization is not None:
                    options["headers"] = headers = headers.copy()
                    headers["Proxy-Authorization"] = proxy.authorization
        if len({*map(str.lower, headers)}) != len(headers):
            options["headers"] = _keep_all(headers)
        if policy.timeout is not self._config.timeout:
            options["timeout"] = _client_timeout(policy.timeout)
        if told is not None:
            told.join(room.session, options)
        waiting = None
        if policy.timeout.pool is not None:
            waiting = pool_timeout.set(call.time_for("pool"))
        if call.needs_fresh_connection:
            close_idle(room.session, request.origin.host, request.origin.port)
        timer.watch(call)
        answer: aiohttp.ClientResponse | None = None
        response: RawResponse | None = None
        try:
            session = room.session
            # `request` wraps the coroutine of `_request` for `async with`, which costs every call.
            send = (
                session._request  # pyright: ignore[reportPrivateUsage]
                if type(session) is aiohttp.ClientSession and type(session).request is _REQUEST
                else session.request
            )
            origin = request.origin
            make_url = _make_url if "?" in request.target else _keep_url
            url = make_url(origin.scheme, origin.authority, request.target)
            sent = send(request.method, url, **options)
            del options, send  # Ten thousand of these frames may wait at once.
            answer = await sent
            response = RawResponse(
                answer.status,
                answer.raw_headers,
                request,
                reason=answer.reason or "",
                native=answer,
            )
            if not self._checks and (fault := find_fault(answer, answer.status)) is not None:
                raise fault
            if proxy is not None:
                check_forwarded(request.origin, proxy, answer.status, answer.reason or "")
            found: Any = answer._headers  # pyright: ignore[reportPrivateUsage]
            if found.sets_cookies if type(found) is LazyHeaders else hdrs.SET_COOKIE in found:
                call.keep_cookies(response)
            if (
                upload is not None
                and not upload.through
                and answer.status < 300
                and not policy.allow_early_response
            ):
                raise upload_incomplete(answer.status)
            if policy.stream is not None and answer.status < 300:
                response.received = time.time()
                policy.stream.opened(call, response, self._open_body(answer, request, call, timer))
                if timer.fired(call):  # pragma: no cover - it ended in the very same turn
                    raise asyncio.CancelledError
                return response
            stream = answer.content
            if (
                stream.is_eof()
                and stream.exception() is None
                and not (
                    found.is_coded if type(found) is LazyHeaders else hdrs.CONTENT_ENCODING in found
                )
                and stream.total_bytes <= policy.max_response_size
            ):
                # All of it came with the head; the stream holds no more than its buffer.
                response.content = stream.read_nowait()
                if told is not None and response.content:
                    await told.tell("response_chunk_received", size=len(response.content))
            else:
                await _read(answer, response, policy.max_response_size, call)
                if len(response.content) >= LARGE_JSON:
                    self._warn_of_json(response, call)
            response.received = time.time()
            # What is read once is gone for who asks the library's own response.
            answer._body = response.content  # pyright: ignore[reportPrivateUsage]
            if timer.fired(call):
                raise asyncio.CancelledError
            return response
        except BaseException as error:
            if answer is not None:
                answer.close()
            if timer.absorb(call):
                failure = call.timed_out(*_progress(error, answer, upload))
                if response is None or response.status < 300:
                    raise failure from error
                response.body_error = str(failure)
                return response
            if isinstance(body, Body) and body.error is not None:
                raise body.error from body.error.__cause__
            if isinstance(error, FrameworkException) or not isinstance(error, _RAISED):
                raise
            translated = translate(error, request, call, answer)
            hush(error, request)
            if self._closed:
                closed = ClientClosedError("the client was closed while a call was made")
                closed.sent = translated.sent
                raise closed from error
            raise translated from error
        finally:
            timer.forget(call)
            if waiting is not None:
                pool_timeout.reset(waiting)

    def _open_body(
        self, answer: aiohttp.ClientResponse, request: Request, call: Call, timer: Timer
    ) -> AsyncIncoming:
        """Return the body of a response, to be read piece by piece."""
        coding = ",".join(answer.headers.getall(hdrs.CONTENT_ENCODING, ()))
        return AsyncIncoming(answer, request, call, timer, lambda: self._closed, coding)

    def _warn_of_json(self, response: RawResponse, call: Call) -> None:
        """Say once that other tasks wait: pydantic parses JSON with the interpreter locked."""
        is_parsed = response.status >= 400 or (not call.raw and call.format.is_json)
        if is_parsed and not self._warned_of_json:
            self._warned_of_json = True
            logging.getLogger("arya_api_framework.AsyncClient").warning(
                "%s %s: parsing %d MiB of JSON holds the event loop; ask for smaller pages, or "
                "give raw=True and parse it in a process",
                response.request.method,
                response.request.shown_url,
                len(response.content) >> 20,
            )

    def _make_context(self) -> ssl.SSLContext:
        # Calls that begin at once have one: connections of another are in another part of the pool.
        with self._context_lock:
            if self._context is None:
                tls = self._dialer.tls()
                elsewhere = tls.without_certificate
                if elsewhere is not tls:
                    self._bare_context = elsewhere.build_context()
                self._context = tls.build_context()
            return self._context

    async def _send_told(self, request: Request, call: Call) -> RawResponse:
        """Send a request of whose fate the user's `events` are told."""
        told = call.told = Told(call, request)
        try:
            await told.tell("request_start")
            response = await self.send(request, call)
            if told.raised is not None:
                # Where a body is cut, an error status is a response all the same.
                raise told.raised from told.raised.__cause__
        except BaseException as error:
            # What a method of the user's raised came through aiohttp.
            failure = told.raised or error
            await told.tell("request_exception", error=failure)
            if failure is error:
                raise
            raise failure from failure.__cause__
        finally:
            call.told = None
        await told.tell("request_end", status=response.status)
        return response

    async def report_redirect(self, request: Request, call: Call, response: RawResponse) -> None:
        """Tell the events of a call that the redirect of a request is followed."""
        await Told(call, request).tell("request_redirect", status=response.status)

    async def close(self) -> None:
        """Close the sessions, unless they are the user's; calls that were begun may end."""
        self._closed = True
        with self._lock:
            self._forgive()
            rooms = list(self._rooms.values())
            self._rooms.clear()
            self._current = None
        loop = asyncio.get_running_loop()
        for room in rooms:
            if room.loop is loop:
                await room.close()
            elif room.loop.is_running():
                asyncio.run_coroutine_threadsafe(room.close(), room.loop)
            else:
                room.drop()

    def let_go(self) -> None:
        """Close the sessions once nobody can use them any more, and say nothing of that."""
        with self._lock:
            self._made = None
            self._watch()

    def start_over(self) -> None:
        """Leave the connections to the parent process; a child that closed them would rob it."""
        self._lock = threading.Lock()
        self._context_lock = threading.Lock()
        self._forgive()
        _inherited.extend(self._rooms.values())
        self._rooms = {}
        self._current = None


_inherited: list[_Room] = []
"""What belongs to event loops of the parent process, whose selectors the child shares."""


def _send_once(session: aiohttp.ClientSession) -> aiohttp.ClientSession:
    # Private, and the only way without cost: aiohttp would send some requests twice by itself.
    session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
    return session


async def _close_with_loop(session: aiohttp.ClientSession) -> AsyncGenerator[None]:
    """Close a session when its loop is shut down, as `asyncio.run` does before it returns."""
    try:
        yield
    finally:
        await session.close()


def _connector_options(config: ClientConfig) -> dict[str, Any]:
    pool, dns = config.pool, config.dns
    options: dict[str, Any] = {
        "limit": pool.total,
        "limit_per_host": pool.per_host,
        "use_dns_cache": dns.ttl != 0,
        "ttl_dns_cache": dns.ttl,
        "dns_cache_max_size": dns.max_size,
        "local_addr": config.local_address,
    }
    if pool.keepalive:
        options["keepalive_timeout"] = pool.keepalive
    else:
        options["force_close"] = True
    # aiohttp's own choice is c-ares where that is installed, which resolves by other rules.
    resolver = dns.resolver
    options["resolver"] = aiohttp.ThreadedResolver() if resolver is None else Resolver(resolver)
    return options


def _client_timeout(timeout: Timeout) -> aiohttp.ClientTimeout:
    # The total is ours to keep: aiohttp's costs a timer for every call.
    return aiohttp.ClientTimeout(
        total=None,
        connect=None,
        sock_connect=timeout.connect,
        sock_read=timeout.read,
        ceil_threshold=float("inf"),
    )


def _progress(
    error: BaseException, answer: aiohttp.ClientResponse | None, upload: Upload | None
) -> tuple[Phase, Sent | None]:
    """Return what a call was about when its time was over, and what the server may have read."""
    if answer is not None:
        return "read", "yes"
    phase = reached_phase(error)
    if phase == "read" and upload is not None and not upload.through:
        phase = "write"
    return phase, None


async def _read(
    answer: aiohttp.ClientResponse, response: RawResponse, limit: int, call: Call
) -> None:
    """Read the body in bounded memory and decode it."""
    try:
        content = await _read_pieces(answer, limit, call.told)
        if content and hdrs.CONTENT_ENCODING in answer.headers:
            coding = ",".join(answer.headers.getall(hdrs.CONTENT_ENCODING))
            content = await _decode(content, coding.lower(), limit)
        response.content = content
    except FrameworkException as error:
        answer.close()
        if answer.status < 300:
            if isinstance(error, ContentEncodingError):
                error.status = answer.status
            raise
        response.body_error = str(error)
    except (aiohttp.ClientError, OSError, http_exceptions.HttpProcessingError) as error:
        translated = translate(error, response.request, call, answer)
        hush(error, response.request)
        answer.close()
        if answer.status < 300:
            raise translated from error
        response.body_error = str(translated)


async def _decode(content: bytes, coding: str, limit: int) -> bytes:
    """Decode a body, in a thread where it would hold the loop for long."""
    decoding = Decoding(content, coding, limit)
    decoded = decoding.begin()
    if decoded is None:
        try:
            decoded = await asyncio.to_thread(decoding.finish)
        finally:
            decoding.stopped = True  # A thread cannot be cancelled.
    return decoded


async def _read_pieces(answer: aiohttp.ClientResponse, limit: int, told: Told | None) -> bytes:
    length = answer.content_length
    if length is not None and length > limit and answer.method != "HEAD":
        raise body_too_large(limit, length)
    pieces: list[bytes] = []
    received = 0
    while piece := await answer.content.readany():
        if told is not None:
            await told.tell("response_chunk_received", size=len(piece))
        received += len(piece)
        if received > limit:
            raise body_too_large(limit, None)
        pieces.append(piece)
    return b"".join(pieces)


class _Name(str):
    """The name of a field, which is the same in any case."""

    __slots__ = ()

    @override
    def __hash__(self) -> int:
        return hash(self.lower())

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.lower() == other.lower()


def _keep_all(headers: CIMultiDict[str]) -> MultiDict[str]:
    """Return header fields of which none is lost.

    A session lays a field over those of other names, and tells names apart by their case, but finds
    what is there whatever its case: of a name in two cases only the last value is left.
    """
    return MultiDict((_Name(name), value) for name, value in headers.items())


class _Room(NamedTuple):
    """What works in one event loop."""

    loop: asyncio.AbstractEventLoop
    session: aiohttp.ClientSession
    timer: Timer
    guard: AsyncGenerator[None]

    async def close(self) -> None:
        """Close the session after the calls that were begun; bodies that are streamed end here."""
        await self.timer.settle(GRACE)
        for body in tuple(self.timer.bodies):
            body.break_off()
        await self.guard.aclose()

    def drop(self) -> None:
        """Close the session of a loop that is closed, or is not known to run in this thread."""
        abandon(self.session)
        # Its last step, in which nothing is left to wait for; a loop would make a task for it.
        with suppress(StopIteration, RuntimeError):
            self.guard.aclose().send(None)


def _drop_all(rooms: dict[asyncio.AbstractEventLoop, _Room], exiting: bool) -> None:
    for loop, room in list(rooms.items()):
        if not (exiting and loop.is_running()):  # pragma: no branch - at exit, beside a thread
            room.drop()
