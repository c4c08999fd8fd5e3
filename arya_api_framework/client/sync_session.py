"""The compatible lane: through `Session.send`, with all that was put in its way.

It has no asynchronous twin: aiohttp is always sent through its session.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, cast

import requests
import urllib3
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse
from urllib3 import exceptions as urllib3_errors

from ..errors import (
    ContentEncodingError,
    FrameworkException,
    IncompleteResponse,
    ProtocolError,
)
from .body import Body
from .call import Call
from .decoding import decode
from .faults import body_too_large, upload_incomplete
from .proxies import Proxy
from .request import Request
from .response import RawFields, RawResponse
from .sync_errors import hush, own_error, translate, translate_body
from .sync_exchange import NO_LENGTH, PIECE, Exchange
from .sync_incoming import SyncIncoming
from .sync_pools import Response, exchanging

__all__ = ["body_error", "make_native", "send_through"]

_RAISED = (
    requests.RequestException,
    urllib3_errors.HTTPError,
    http.client.HTTPException,
    FrameworkException,
    OSError,
)


def send_through(
    session: requests.Session, request: Request, call: Call, proxy: Proxy | None
) -> RawResponse:
    """Send a request through a session, whose mocks, hooks, adapters and proxies all see it."""
    exchange = Exchange(request, call, proxy=proxy)
    reader = _Reader(request, call, exchange)
    hooks = _Hooks(session, reader)
    prepared = _prepare(request, exchange)
    prepared.hooks = hooks.all
    with exchanging(exchange):
        try:
            answer = session.send(
                prepared,
                stream=True,
                allow_redirects=False,
                timeout=(call.time_for("connect"), call.time_for("read")),
                verify=session.verify,
                cert=session.cert,
                proxies=session.proxies,
            )
            # Other hooks than ours may not have been called, or may have given another answer.
            if reader.answer is not answer:
                reader.read(answer)
        except _BodyFailed:
            assert isinstance(request.body, Body)
            assert request.body.error is not None
            raise request.body.error from request.body.error.__cause__
        except _RAISED as error:
            if hooks.raised is error:
                raise
            if exchange.raised is not None:
                raise exchange.raised from exchange.raised.__cause__
            if (own := own_error(error)) is not None:
                raise own from own.__cause__
            hush(error, request)
            raise translate(error, request, call, exchange) from error
    hooks.restore(answer)
    response = RawResponse(
        answer.status_code,
        reader.fields,
        request,
        reader.content,
        reason=answer.reason or "",
        received=reader.received,
        native=answer,
        body_error=reader.problem,
    )
    if any(name.lower() == b"set-cookie" for name, _ in reader.fields):
        call.keep_cookies(response)
    if call.policy.stream is not None and reader.incoming is not None:
        if _is_consumed(answer):  # By a hook of the session.
            reader.incoming = _open_body(answer, reader.fields, exchange)
        call.policy.stream.opened(call, response, reader.incoming)
    return response


def body_error(error: FrameworkException, status: int) -> str:
    """Return why a body cannot be read, for an error or a redirect, whose status is what counts.

    Raises:
        FrameworkException: The response would have been a success.
    """
    if not 300 <= status <= 599:
        if isinstance(error, ContentEncodingError):
            error.status = status
        raise error
    return str(error)


def make_native(response: RawResponse) -> requests.Response:
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


class _BodyFailed(Exception):
    """Reading a body failed. Some errors urllib3 would take for a reason to go on."""


class _Reader:
    """Reads a response before anybody else does: within the limits of the call, whole or not."""

    def __init__(self, request: Request, call: Call, exchange: Exchange) -> None:
        self._request = request
        self._call = call
        self._exchange = exchange
        self.answer: requests.Response | None = None
        self.fields: RawFields = ()
        self.content = b""
        self.problem: str | None = None
        self.received = 0.0
        self.incoming: SyncIncoming | None = None

    def leave(self) -> None:
        """Close a body that nobody will read."""
        if self.incoming is not None:
            self.incoming.close()
            self.incoming = None

    def read(self, answer: requests.Response, **_: Any) -> None:
        """Read a response, which then holds its content, or the head of one that is streamed."""
        self.leave()
        status = answer.status_code
        self.answer, self.content, self.problem = answer, b"", None
        self.fields = _raw_fields(answer)
        try:
            if not 200 <= status <= 599:
                raise ProtocolError(f"expected a status from 200 to 599, got {status}")
            if (
                self._exchange.unsent
                and status < 300
                and not self._call.policy.allow_early_response
            ):
                raise upload_incomplete(status)
            if self._call.policy.stream is not None and status < 300:
                self.incoming = _open_body(answer, self.fields, self._exchange)
                return
            self.content = _read_compatible(answer, self.fields, self._exchange)
        except FrameworkException as error:
            self.problem = body_error(error, status)
        finally:
            if answer.raw is not None and self.incoming is None:
                answer.close()
            self.received = time.time()
        answer._content = self.content
        answer._content_consumed = True


class _Hooks:
    """The response hooks of a session between two of ours, and what one of them raised.

    The first one reads the response. The last one hides where a redirect leads from requests, which
    would make a request for it that nobody sends.
    """

    def __init__(self, session: requests.Session, reader: _Reader) -> None:
        self.raised: BaseException | None = None
        self._location: str | None = None
        self._reader = reader
        hooks: Any = session.hooks.get("response") or ()
        theirs = [self._wrap(hook) for hook in ((hooks,) if callable(hooks) else hooks)]
        self.all: dict[str, list[Callable[..., Any]]] = {
            "response": [reader.read, *theirs, self._hide]
        }

    def _wrap(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            try:
                return hook(*args, **options)
            except BaseException as error:
                self.raised = error
                self._reader.leave()
                raise

        return run

    def _hide(self, answer: requests.Response, **_: Any) -> None:
        self._location = answer.headers.pop("Location", None)

    def restore(self, answer: requests.Response) -> None:
        """Give back the `Location`."""
        if self._location is not None:
            answer.headers["Location"] = self._location


def _prepare(request: Request, exchange: Exchange | None = None) -> requests.PreparedRequest:
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.url = request.url
    # Plain text, as recorders save it: a multidict's names are of a class of its own.
    fields: list[tuple[str, Any]] = [
        (str(name), value if value.isascii() else value.encode())
        for name, value in request.headers.items()
    ]
    headers: Any = CaseInsensitiveDict(fields)
    if len(headers) != len(request.headers):
        headers = urllib3.HTTPHeaderDict(fields)
    body: Any = request.body
    if body is None:
        if request.method not in NO_LENGTH:
            headers["Content-Length"] = "0"
    elif isinstance(body, bytes):
        headers["Content-Length"] = str(len(body))
    else:
        body.prepare()
        if body.length is not None:
            headers["Content-Length"] = str(body.length)
        # Nobody reads the body of a request that is only shown.
        body = _tell_progress(body, cast("Any", exchange))
    prepared.headers = headers
    prepared.body = body
    prepared._cookies = RequestsCookieJar()
    return prepared


def _tell_progress(body: Body, exchange: Exchange) -> Iterator[bytes]:
    body.error = None
    sent = 0
    try:
        with closing(body.begun_chunks()) as chunks:
            for chunk in chunks:
                yield chunk
                sent += len(chunk)
                exchange.tell("request_chunk_sent", size=len(chunk))
                body.tell(sent)
    except Exception as error:
        body.error = error
        raise _BodyFailed from error


def _open_body(answer: requests.Response, fields: RawFields, exchange: Exchange) -> SyncIncoming:
    """Return the body of a response, to be read piece by piece."""
    if _is_consumed(answer):
        content = _read_again(answer, exchange.call.policy.max_response_size)
        return SyncIncoming(iter([content] if content else ()), answer.close)
    # What a mock gives is decoded by urllib3, if it is coded at all.
    coding = _coding(fields).decode("latin-1") if _is_real(answer) else ""
    pieces = _pieces(answer, exchange, is_streamed=True)
    return SyncIncoming(pieces, partial(_leave, answer, exchange, pieces), coding)


def _leave(answer: requests.Response, exchange: Exchange, pieces: Iterator[bytes]) -> None:
    """Give back the connection of a body that was read piece by piece, to its end or not."""
    try:
        if not exchange.ended and exchange.sock is not None:
            exchange.take_what_came(pieces)
    finally:
        answer.close()


def _is_consumed(answer: requests.Response) -> bool:
    return answer._content_consumed or not hasattr(answer.raw, "stream")


def _is_real(answer: requests.Response) -> bool:
    """Return whether a response came from a socket."""
    original: Any = getattr(answer.raw, "_original_response", None)
    return type(original) in (Response, http.client.HTTPResponse)


def _coding(fields: RawFields) -> bytes:
    return b", ".join(v for n, v in fields if n.lower() == b"content-encoding").lower()


def _pieces(
    answer: requests.Response, exchange: Exchange, is_streamed: bool = False
) -> Iterator[bytes]:
    """Yield the body as it comes; what mocks give is decoded by its own rules."""
    call = exchange.call
    raw: Any = answer.raw
    is_real = _is_real(answer)
    whole = raw.stream(PIECE, decode_content=not is_real)
    received = 0
    try:
        for piece in _read_on(raw) if is_streamed and is_real else whole:
            received += len(piece)
            yield piece
            exchange.tell("response_chunk_received", size=len(piece))
            call.time_for("read", "yes")
    except _RAISED as error:
        if exchange.raised is not None:
            raise exchange.raised from exchange.raised.__cause__
        if (own := own_error(error)) is not None:
            raise own from own.__cause__
        raise translate_body(error, answer, call, received) from error


def _read_on(raw: Any) -> Iterator[bytes]:
    """Yield what is there, without waiting for more to come."""
    while piece := raw.read1(PIECE, decode_content=False):
        yield piece


def _read_compatible(answer: requests.Response, fields: RawFields, exchange: Exchange) -> bytes:
    """Read a body in bounded memory; what mocks give is decoded by its own rules."""
    limit = exchange.call.policy.max_response_size
    if _is_consumed(answer):
        return _read_again(answer, limit)
    is_real = _is_real(answer)
    coding = _coding(fields)
    length = answer.headers.get("Content-Length", "")
    if exchange.request.method != "HEAD" and length.isdigit() and int(length) > limit:
        raise body_too_large(limit, int(length))
    received = 0
    pieces: list[bytes] = []
    for piece in _pieces(answer, exchange):
        received += len(piece)
        if received > limit:
            raise body_too_large(limit, None)
        pieces.append(piece)
    content = b"".join(pieces)
    if not coding or (not is_real and isinstance(answer.raw, BaseHTTPResponse)):
        return content
    try:
        return decode(content, coding, limit)
    except ContentEncodingError:
        # Recorders keep the field over a body that they have decoded.
        if is_real:
            raise
        return content


def _read_again(answer: requests.Response, limit: int) -> bytes:
    """Return the content of a response that somebody has read before us."""
    try:
        content = answer.content
    except RuntimeError as error:
        raise IncompleteResponse(
            "a response hook gave a response whose body it has read away", status=answer.status_code
        ) from error
    if len(content) > limit:
        raise body_too_large(limit, len(content))
    return content


def _raw_fields(answer: requests.Response) -> RawFields:
    """Return the header fields in order, each as it came, a repeated one repeated."""
    raw: Any = answer.raw
    original = getattr(raw, "_original_response", None)
    if isinstance(original, Response) and original.head is not None:
        return original.head.fields
    headers: Any = getattr(raw, "headers", None)
    if not isinstance(headers, urllib3.HTTPHeaderDict):
        headers = answer.headers
    items = headers.iteritems() if hasattr(headers, "iteritems") else headers.items()
    return tuple((_encode(name), _encode(value)) for name, value in items)


def _encode(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", "replace")


# Errors
