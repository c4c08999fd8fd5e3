"""The transport over requests: two lanes to the same socket.

The fast lane takes a pooled connection of the session's own adapter, writes the head itself and
reads with strict framing. The compatible lane is `Session.send`, taken whenever anything between
session and socket is not the stock code: a mock, a recorder, an adapter or a hook of the user's.
"""

# The fast lane stands on urllib3's connection pool, whose methods are private. `_is_stock` leaves
# the lane where they are not what they were written as.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast

import requests
import urllib3
from requests import adapters, sessions
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from urllib3 import connection, connectionpool
from urllib3 import exceptions as urllib3_errors

from ..errors import (
    CertificateError,
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    ContentEncodingError,
    DNSError,
    FrameworkException,
    IncompleteResponse,
    ProtocolError,
    ProxyError,
    ResponseTooLarge,
    TLSError,
    TransportError,
    UploadIncomplete,
)
from .body import Body
from .call import Call
from .config import ClientConfig
from .decoding import decode
from .http1 import (
    LAST_CHUNK,
    MAX_INTERIM,
    ChunkedReader,
    Head,
    encode_chunk,
    parse_head,
    render_head,
)
from .request import Request
from .response import RawFields, RawResponse
from .url import Origin

__all__ = ["SyncTransport"]

POOL_SIZE = 100
_PIECE = 64 * 1024
_LENGTH_WITHOUT_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_SESSIONS = sessions.__dict__
_ADAPTERS = adapters.__dict__
_POOLS = connectionpool.__dict__
_CONNECTIONS = connection.__dict__
_STOCK_CONNECTIONS = (connection.HTTPConnection, connection.HTTPSConnection)
_IS_URLLIB3 = issubclass(connection.HTTPConnection, http.client.HTTPConnection)


def _is_stock() -> bool:
    """Return whether requests and urllib3 run their own code, as mocks and recorders replace it.

    A function knows the module it was written in; its name can be copied by a wrapper.
    """
    session, adapter = sessions.Session, adapters.HTTPAdapter
    pool, plain = connectionpool.HTTPConnectionPool, connection.HTTPConnection
    try:
        return (
            session.send.__globals__ is _SESSIONS
            and session.get_adapter.__globals__ is _SESSIONS
            and adapter.send.__globals__ is _ADAPTERS
            and adapter.get_connection_with_tls_context.__globals__ is _ADAPTERS
            and pool.urlopen.__globals__ is _POOLS
            and pool._get_conn.__globals__ is _POOLS
            and pool._new_conn.__globals__ is _POOLS
            and pool._make_request.__globals__ is _POOLS
            and plain.connect.__globals__ is _CONNECTIONS
            and plain.request.__globals__ is _CONNECTIONS
            and plain.getresponse.__globals__ is _CONNECTIONS
            and connection.HTTPSConnection.connect.__globals__ is _CONNECTIONS
        )
    except AttributeError:
        return False


class _TLSAdapter(adapters.HTTPAdapter):
    """An adapter with one context for all its connections.

    Requests would load certifi's authorities into the context it is given.
    """

    def __init__(self, context: ssl.SSLContext, **options: Any) -> None:
        self._context = context
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._context)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the context as it is."""

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        """Return host and port alone; the context is the pool manager's."""
        host, _pool = super().build_connection_pool_key_attributes(request, True, None)
        return host, {}


class SyncTransport:
    """Sends requests over a `requests.Session`, made at the first call."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._session: requests.Session | None = config.session
        self._lock = threading.Lock()
        self._closed = False
        self._lanes: dict[str, _Lane] = {}
        if self._session is not None and not isinstance(self._session, requests.Session):
            raise ConfigurationError(
                f"session of a SyncClient must be a requests.Session, "
                f"got {type(self._session).__name__}"
            )

    @property
    def session(self) -> requests.Session:
        """The session, made when it is first asked for."""
        with self._lock:
            if self._session is None:
                self._session = self._make_session()
            return self._session

    def _make_session(self) -> requests.Session:
        factory = self._config.session_factory
        session = cast("Any", factory)() if factory is not None else requests.Session()
        if not isinstance(session, requests.Session):
            raise ConfigurationError(
                f"session_factory must return a requests.Session, got {type(session).__name__}"
            )
        if factory is None:
            session.trust_env = False
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            options: dict[str, Any] = {"pool_maxsize": POOL_SIZE, "pool_block": True}
            tls = self._config.tls
            for prefix in ("https://", "http://"):
                if tls is not None and prefix == "https://":
                    session.mount(prefix, _TLSAdapter(tls.build_context(), **options))
                else:
                    session.mount(prefix, adapters.HTTPAdapter(**options))
        return session

    def send(self, request: Request, call: Call) -> RawResponse:
        """Send a request and read its whole response.

        Raises:
            TransportError: No whole response came.
            DecodeError: Its content coding cannot be read.
            ResponseTooLarge: It passes a limit.
        """
        if self._closed:
            raise ClientClosedError("the client was closed while a call was made")
        session = self._session or self.session
        lane = self._lanes.get(request.origin.prefix)
        if lane is None or not lane.fits(session):
            lane = self._lanes[request.origin.prefix] = _Lane(session, request.origin)
        if lane.pool is not None and _is_stock():
            return _send_fast(lane.pool, request, call)
        return _send_compatible(session, request, call)

    def close(self) -> None:
        """Close the session, unless it is the user's."""
        with self._lock:
            self._closed = True
            if self._session is not None and self._config.session is None:
                self._session.close()


class _Lane:
    """How requests to one origin are sent, decided once for a state of the session.

    Attributes:
        pool: The connection pool for the fast lane, `None` where the session must send itself.
    """

    __slots__ = ("_prefix", "_state", "pool")

    def __init__(self, session: requests.Session, origin: Origin) -> None:
        url = f"{origin.prefix}/"
        self._prefix = next((p for p in session.adapters if url.startswith(p.lower())), "")
        self._state = self._state_of(session)
        adapter, _, verify, cert, hooks, proxies = self._state
        self.pool: connectionpool.HTTPConnectionPool | None = None
        if (
            type(adapter) in _STOCK_ADAPTERS
            and not hooks
            and not proxies
            and _retries_nothing(adapter)
            and _IS_URLLIB3
            and _is_stock()
        ):
            prepared = requests.PreparedRequest()
            prepared.url = url
            self.pool = adapter.get_connection_with_tls_context(
                prepared, verify, proxies=None, cert=cert
            )

    def fits(self, session: requests.Session) -> bool:
        """Return whether the session is as it was when this was decided."""
        return self._state_of(session) == self._state

    def _state_of(self, session: requests.Session) -> tuple[Any, ...]:
        return (
            session.adapters.get(self._prefix),
            len(session.adapters),
            session.verify,
            session.cert,
            bool(session.hooks.get("response")),
            bool(session.proxies),
        )


_STOCK_ADAPTERS = (adapters.HTTPAdapter, _TLSAdapter)


def _retries_nothing(adapter: adapters.HTTPAdapter) -> bool:
    retries = adapter.max_retries
    return retries.total in (0, False) and not retries.redirect and not retries.status


# The fast lane


def _send_fast(
    pool: connectionpool.HTTPConnectionPool, request: Request, call: Call
) -> RawResponse:
    try:
        conn: Any = pool._get_conn(call.time_for("pool"))
    except urllib3_errors.EmptyPoolError as error:
        raise call.timed_out("pool") from error
    except urllib3_errors.ClosedPoolError as error:
        raise ClientClosedError("the client was closed while a call was made") from error
    exchange = _Exchange(conn, request, call)
    reusable = False
    try:
        if type(conn) not in _STOCK_CONNECTIONS:
            raise ConfigurationError("a connection of another library is in the pool")
        if conn.sock is None:
            exchange.connect()
        exchange.write()
        response, reusable = exchange.read()
        return response
    finally:
        if not reusable:
            conn.close()
        pool._put_conn(conn)


class _Exchange:
    """One request and its response on one connection."""

    __slots__ = ("_call", "_conn", "_request", "_write_error")

    def __init__(self, conn: Any, request: Request, call: Call) -> None:
        self._conn = conn
        self._request = request
        self._call = call
        self._write_error: OSError | None = None

    def connect(self) -> None:
        call = self._call
        self._conn.timeout = call.time_for("connect")
        try:
            self._conn.connect()
        except (urllib3_errors.ConnectTimeoutError, TimeoutError) as error:
            raise call.timed_out("connect") from error
        except (urllib3_errors.HTTPError, OSError) as error:
            raise _translate_connect(error, self._request) from error

    def write(self) -> None:
        request, call, sock = self._request, self._call, self._conn.sock
        body = request.body
        fields = list(request.headers.items())
        if body is None:
            if request.method in _LENGTH_WITHOUT_BODY:
                fields.append(("Content-Length", "0"))
        elif isinstance(body, bytes):
            fields.append(("Content-Length", str(len(body))))
        elif body.length is not None:
            fields.append(("Content-Length", str(body.length)))
        else:
            fields.append(("Transfer-Encoding", "chunked"))
        head = render_head(request.method, request.target, request.origin.authority, fields)
        try:
            sock.settimeout(call.time_for("write"))
            if isinstance(body, bytes) and len(body) <= _PIECE:
                sock.sendall(head + body)
                return
            sock.sendall(head)
            if isinstance(body, bytes):
                sock.sendall(body)
        except TimeoutError as error:
            raise call.timed_out("write") from error
        except OSError as error:
            self._write_error = error
            return
        if isinstance(body, Body):
            self._write_body(body)

    def _write_body(self, body: Body) -> None:
        call, sock = self._call, self._conn.sock
        frame = encode_chunk if body.length is None else bytes
        sent = 0
        for chunk in body.chunks():
            try:
                sock.settimeout(call.time_for("write"))
                sock.sendall(frame(chunk))
            except TimeoutError as error:
                raise call.timed_out("write") from error
            except OSError as error:
                self._write_error = error
                return
            sent += len(chunk)
            if body.on_progress is not None:
                body.on_progress(sent, body.length)
        if body.length is None:
            try:
                sock.sendall(LAST_CHUNK)
            except OSError as error:
                self._write_error = error

    def read(self) -> tuple[RawResponse, bool]:
        """Return the response, and whether the connection can be used again."""
        head, rest = self._read_head()
        call = self._call
        early = self._write_error is not None
        if early and head.status < 300:
            raise UploadIncomplete(
                f"the server answered {head.status} before the body was sent", status=head.status
            ) from self._write_error
        body_error = None
        content = b""
        reusable = False
        try:
            content, reusable = self._read_body(head, rest)
            if head.content_encoding and content:
                content = decode(content, head.content_encoding, call.policy.max_response_size)
        except FrameworkException as error:
            if head.status < 300:
                if isinstance(error, ContentEncodingError):
                    error.status = head.status
                raise
            body_error = str(error)
        response = RawResponse(
            head.status,
            head.fields,
            self._request,
            content,
            reason=head.reason,
            received=time.time(),
            native=_make_native,
            body_error=body_error,
        )
        return response, reusable and not early

    def _read_head(self) -> tuple[Head, bytes]:
        buffer = b""
        method = self._request.method
        for _ in range(MAX_INTERIM + 1):
            while (head := parse_head(buffer, method) if buffer else None) is None:
                data = self._receive()
                if not data:
                    raise ConnectionLost(
                        "the server closed the connection before a whole response head"
                    ) from self._write_error
                buffer = buffer + data if buffer else data
            buffer = buffer[head.end :]
            if head.status >= 200:
                return head, buffer
        raise ProtocolError(f"more than {MAX_INTERIM} interim responses came")

    def _read_body(self, head: Head, rest: bytes) -> tuple[bytes, bool]:
        limit = self._call.policy.max_response_size
        length = head.length
        if length is not None:
            if length > limit:
                raise _too_large(limit, length)
            received = len(rest)
            if received >= length:
                # What nobody asked for could be taken for the next answer.
                return rest[:length], head.keep_alive and received == length
        pieces = [rest]
        received = len(rest)
        reader = None
        if head.chunked:
            reader = ChunkedReader()
            pieces = reader.feed(rest)
            received = sum(map(len, pieces))
        while reader is None or not reader.done:
            if received > limit:
                raise _too_large(limit, None)
            data = self._receive(head, received)
            if not data:
                if length is None and reader is None:
                    break
                raise self._cut(head, received)
            for piece in reader.feed(data) if reader is not None else (data,):
                pieces.append(piece)
                received += len(piece)
            if length is not None and received >= length:
                break
        content = b"".join(pieces)
        if len(content) > limit:
            raise _too_large(limit, len(content))
        if length is not None:
            return content[:length], head.keep_alive and received == length
        return content, head.keep_alive and not (reader is not None and reader.excess)

    def _receive(self, head: Head | None = None, received: int = 0) -> bytes:
        call, sock = self._call, self._conn.sock
        try:
            sock.settimeout(call.time_for("read"))
            return cast("bytes", sock.recv(_PIECE))
        except TimeoutError as error:
            raise call.timed_out("read", "maybe" if head is None else "yes") from error
        except OSError as error:
            if head is not None:
                raise self._cut(head, received) from error
            raise ConnectionLost(
                f"the connection broke before a whole response head: {type(error).__name__}"
            ) from error

    def _cut(self, head: Head, received: int) -> IncompleteResponse:
        return IncompleteResponse(
            f"the response body was cut after {received} bytes",
            status=head.status,
            received=received,
            expected=head.length,
        )


def _too_large(limit: int, size: int | None) -> ResponseTooLarge:
    return ResponseTooLarge(
        f"the response body is larger than max_response_size, {limit} bytes", limit=limit, size=size
    )


def _make_native(response: RawResponse) -> requests.Response:
    """Return a `requests.Response` with what came, for code that wants one."""
    native = requests.Response()
    native.status_code = response.status
    native.reason = response.reason
    native.url = response.request.url
    native.encoding = response.encoding
    native.headers = CaseInsensitiveDict(response.headers.items())
    native._content = response.content
    native.request = _prepare(response.request)
    return native


# The compatible lane


def _send_compatible(session: requests.Session, request: Request, call: Call) -> RawResponse:
    prepared = _prepare(request)
    prepared.hooks = session.hooks
    read = call.time_for("read")
    try:
        answer = session.send(
            prepared,
            stream=True,
            allow_redirects=False,
            timeout=(call.time_for("connect"), read),
            verify=session.verify,
            cert=session.cert,
            proxies=session.proxies,
        )
    except (requests.RequestException, urllib3_errors.HTTPError, OSError, ValueError) as error:
        raise _user_error(request, error) or _translate(error, request, call) from error
    fields = _raw_fields(answer)
    body_error = None
    content = b""
    try:
        content = b"".join(_read_compatible(answer, fields, request, call))
    except FrameworkException as error:
        if answer.status_code < 300:
            raise
        body_error = str(error)
    finally:
        answer.close()
    return RawResponse(
        answer.status_code,
        fields,
        request,
        content,
        reason=answer.reason or "",
        received=time.time(),
        native=answer,
        body_error=body_error,
    )


def _prepare(request: Request) -> requests.PreparedRequest:
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.url = request.url
    headers: Any = CaseInsensitiveDict(request.headers.items())
    if len(headers) != len(request.headers):
        headers = urllib3.HTTPHeaderDict(request.headers.items())
    body: Any = request.body
    if body is None:
        if request.method in _LENGTH_WITHOUT_BODY:
            headers["Content-Length"] = "0"
    elif isinstance(body, bytes):
        headers["Content-Length"] = str(len(body))
    else:
        if body.length is not None:
            headers["Content-Length"] = str(body.length)
        body = _tell_progress(body)
    prepared.headers = headers
    prepared.body = body
    prepared._cookies = RequestsCookieJar()
    return prepared


def _tell_progress(body: Body) -> Iterator[bytes]:
    sent = 0
    try:
        for chunk in body.chunks():
            yield chunk
            sent += len(chunk)
            if body.on_progress is not None:
                body.on_progress(sent, body.length)
    except Exception as error:
        body.error = error
        raise


def _read_compatible(
    answer: requests.Response, fields: RawFields, request: Request, call: Call
) -> Iterator[bytes]:
    """Read a body in bounded memory; what mocks give is decoded by its own rules."""
    raw: Any = answer.raw
    limit = call.policy.max_response_size
    is_real = isinstance(getattr(raw, "_original_response", None), http.client.HTTPResponse)
    coding = b", ".join(v for n, v in fields if n.lower() == b"content-encoding").lower()
    length = answer.headers.get("Content-Length", "")
    if request.method != "HEAD" and length.isdigit() and int(length) > limit:
        raise _too_large(limit, int(length))
    received = 0
    pieces: list[bytes] = []
    try:
        for piece in raw.stream(_PIECE, decode_content=not is_real):
            received += len(piece)
            if received > limit:
                raise _too_large(limit, None)
            pieces.append(piece)
            call.time_for("read", "yes")
    except (urllib3_errors.HTTPError, OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib3_errors.DecodeError):
            raise ContentEncodingError(
                "the content coding is broken", status=answer.status_code
            ) from error
        if isinstance(error, urllib3_errors.ReadTimeoutError | TimeoutError):
            raise call.timed_out("read", "yes") from error
        if isinstance(error, urllib3_errors.InvalidChunkLength):
            raise ProtocolError("the response body is no chunked body") from error
        raise IncompleteResponse(
            f"the response body was cut after {received} bytes",
            status=answer.status_code,
            received=received,
            expected=int(length) if length.isdigit() else None,
        ) from error
    content = b"".join(pieces)
    yield decode(content, coding, limit) if is_real and coding and content else content


def _raw_fields(answer: requests.Response) -> RawFields:
    """Return the header fields in order, each as it came, a repeated one repeated."""
    raw: Any = answer.raw
    headers: Any = getattr(raw, "headers", None)
    if not isinstance(headers, urllib3.HTTPHeaderDict):
        headers = answer.headers
    items = headers.iteritems() if hasattr(headers, "iteritems") else headers.items()
    return tuple((_encode(name), _encode(value)) for name, value in items)


def _encode(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", "replace")


def _user_error(request: Request, error: BaseException) -> BaseException | None:
    """Return what the user's iterator or callback raised, if that ended the call."""
    return request.body.error if isinstance(request.body, Body) else None


def _translate(error: BaseException, request: Request, call: Call) -> FrameworkException:
    """Return the error of the framework for one of requests, urllib3 or the socket."""
    found = list(_reasons(error))
    for cause in found:
        if isinstance(
            cause, urllib3_errors.ConnectTimeoutError | requests.ConnectTimeout
        ) and not isinstance(cause, urllib3_errors.NewConnectionError):
            return call.timed_out("connect")
        if isinstance(cause, urllib3_errors.ReadTimeoutError | requests.ReadTimeout):
            return call.timed_out("read")
    for cause in found:
        if isinstance(
            cause,
            urllib3_errors.NameResolutionError
            | urllib3_errors.NewConnectionError
            | urllib3_errors.ProxyError
            | urllib3_errors.SSLError
            | ssl.SSLError
            | requests.exceptions.SSLError
            | requests.exceptions.ProxyError,
        ):
            return _translate_connect(cause, request)
    if any(isinstance(cause, urllib3_errors.EmptyPoolError) for cause in found):
        return call.timed_out("pool")
    if any(isinstance(cause, http.client.HTTPException) for cause in found) and not any(
        isinstance(cause, http.client.RemoteDisconnected | http.client.IncompleteRead)
        for cause in found
    ):
        return ProtocolError("what came is no valid HTTP response")
    if isinstance(error, requests.exceptions.InvalidSchema | requests.exceptions.InvalidURL):
        return ConfigurationError("requests cannot send to this URL")
    return ConnectionLost(f"the connection broke: {type(error).__name__}")


def _translate_connect(error: BaseException, request: Request) -> TransportError:
    place = request.origin.authority
    for cause in _reasons(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateError(
                f"the certificate of {place} is not accepted: {cause.verify_message}"
            )
    for cause in _reasons(error):
        if isinstance(cause, urllib3_errors.NameResolutionError):
            return DNSError(f"the host name {request.origin.host!r} cannot be resolved")
        if isinstance(cause, urllib3_errors.ProxyError | requests.exceptions.ProxyError):
            return ProxyError(f"the proxy for {place} cannot be used")
        if isinstance(cause, ssl.SSLError | urllib3_errors.SSLError | requests.exceptions.SSLError):
            return TLSError(f"the TLS handshake with {place} failed")
    return ConnectError(f"no connection to {place} could be made")


def _reasons(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it says caused it, however requests and urllib3 wrapped it."""
    seen: set[int] = set()
    queue: list[Any] = [error]
    while queue:
        current = queue.pop(0)
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            queue += [getattr(current, "reason", None), current.__cause__, current.__context__]
            queue += current.args
