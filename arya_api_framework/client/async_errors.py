"""What aiohttp raises, as the errors of the framework.

It has no synchronous twin: `sync_errors` has the errors of requests and urllib3.
"""

from __future__ import annotations

import aiohttp
from aiohttp import http_exceptions
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ..errors import (
    ClientClosedError,
    ConnectionLost,
    FrameworkException,
    ResponseTooLarge,
)
from .async_connector import (
    head_too_large,
    reached_phase,
)
from .call import Call
from .faults import (
    body_cut,
    connection_broken,
    no_connection,
    no_http,
    no_proxy,
    no_tls,
    not_trusted,
    reason_of,
    unknown_host,
)
from .http1 import MAX_FIELDS
from .request import Request

__all__ = ["hush", "translate"]


def translate(
    error: BaseException, request: Request, call: Call, answer: aiohttp.ClientResponse | None
) -> FrameworkException:
    """Return the error of the framework for one of aiohttp or the socket."""
    place = request.origin.authority
    if answer is not None:
        return _translate_body(error, call, answer)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return call.timed_out(reached_phase(error.__cause__))
    if isinstance(error, TimeoutError):
        return call.timed_out("read")
    # What is no host name cannot be encoded to be asked for.
    if isinstance(error, aiohttp.ClientConnectorDNSError | aiohttp.InvalidURL | UnicodeError):
        return unknown_host(request.origin.host)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "it is not trusted")
        return not_trusted(place, reason)
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return no_proxy(place)
    if isinstance(error, aiohttp.ClientSSLError):
        return no_tls(place, _reason(error))
    if isinstance(error, aiohttp.ClientConnectorError):
        return no_connection(place, _reason(error))
    if isinstance(error, aiohttp.ClientResponseError | http_exceptions.HttpProcessingError):
        if (own := _limit_passed(error)) is not None:
            return own
        # Its status 400 is the parser's, no server sent it.
        return no_http()
    if isinstance(error, aiohttp.ServerDisconnectedError):
        lost = ConnectionLost("the server closed the connection before a whole response head")
        lost.was_idle = _was_idle(error)
        return lost
    if isinstance(error, RuntimeError) and "closed" in str(error):
        return ClientClosedError("the session was closed while a call was made")
    if reached_phase(error) != "read":
        return no_connection(place)
    lost = connection_broken(error)
    lost.was_idle = _was_idle(error)
    return lost


def _was_idle(error: BaseException | None) -> bool:
    """Return what our connections note on the errors that they raise."""
    while error is not None:
        if getattr(error, "was_idle", False):
            return True
        error = error.__cause__
    return False


def _reason(error: aiohttp.ClientConnectorError | aiohttp.ClientSSLError) -> str:
    """Return what the system or the TLS library said, in its own short words."""
    return reason_of(getattr(error, "os_error", None) or error.__cause__)


def _translate_body(
    error: BaseException, call: Call, answer: aiohttp.ClientResponse
) -> FrameworkException:
    if isinstance(error, TimeoutError):
        return call.timed_out("read", "yes")
    return body_cut(answer.status, answer.content.total_bytes, answer.content_length)


def hush(error: BaseException, request: Request) -> None:
    """Take from aiohttp's errors what they would tell: query, header fields, bytes that came."""
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, aiohttp.ClientResponseError):
            url = URL(request.shown_url)
            nothing = CIMultiDictProxy(CIMultiDict[str]())
            info = aiohttp.RequestInfo(url, request.method, nothing, url)
            current.request_info, current.headers = info, None
            current.message = current.message.partition("\n")[0]
            current.args = (info, ())
        elif isinstance(current, http_exceptions.HttpProcessingError):
            current.message = current.message.partition("\n")[0]
            current.args = (current.message,)
        elif isinstance(current, aiohttp.ServerDisconnectedError):
            current.message = "Server disconnected"
            current.args = (current.message,)
        elif isinstance(current, aiohttp.ConnectionTimeoutError):
            current.args = (f"Connection timeout to host {request.shown_url}",)
        current = current.__cause__ or current.__context__


def _limit_passed(error: BaseException) -> ResponseTooLarge | None:
    """Return the error for a head that is too large for the parser."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, http_exceptions.LineTooLong):
            return head_too_large(None)
        if isinstance(cause, http_exceptions.BadHttpMessage) and "Too many headers" in str(cause):
            return ResponseTooLarge(
                f"the response has more than {MAX_FIELDS} header fields", limit=MAX_FIELDS
            )
        cause = cause.__cause__
    return None
