"""What requests and urllib3 raise, as the errors of the framework.

It has no asynchronous twin: `async_errors` has the errors of aiohttp.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from typing import Any

import requests
from urllib3 import exceptions as urllib3_errors

from ..errors import (
    ConfigurationError,
    ContentEncodingError,
    FrameworkException,
    ProtocolError,
    TransportError,
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
from .request import Request
from .sync_exchange import Exchange

__all__ = ["hush", "own_error", "translate", "translate_body", "translate_connect"]


def translate(
    error: BaseException, request: Request, call: Call, exchange: Exchange
) -> FrameworkException:
    """Return the error of the framework for one of requests, urllib3 or the socket."""
    found = list(_reasons(error))
    for cause in found:
        if isinstance(
            cause, urllib3_errors.ConnectTimeoutError | requests.ConnectTimeout
        ) and not isinstance(cause, urllib3_errors.NewConnectionError):
            return call.timed_out("connect")
        if isinstance(cause, urllib3_errors.ReadTimeoutError | requests.ReadTimeout):
            return call.timed_out("connect" if exchange.connecting else "read")
    if exchange.connecting:
        # urllib3 takes what resets a handshake for an aborted request.
        return translate_connect(error, request)
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
            return translate_connect(cause, request)
    if any(isinstance(cause, urllib3_errors.EmptyPoolError) for cause in found):
        return call.timed_out("pool")
    if any(isinstance(cause, http.client.HTTPException) for cause in found) and not any(
        isinstance(cause, http.client.RemoteDisconnected | http.client.IncompleteRead)
        for cause in found
    ):
        return no_http()
    if isinstance(error, requests.exceptions.InvalidSchema | requests.exceptions.InvalidURL):
        return ConfigurationError("requests cannot send to this URL")
    return connection_broken(error)


def translate_connect(error: BaseException, request: Request) -> TransportError:
    """Return the error of the framework for one that came while connecting."""
    place = request.origin.authority
    for cause in _reasons(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return not_trusted(place, cause.verify_message)
        if isinstance(cause, ssl.SSLEOFError):
            # As where it is reset in the handshake: TLS itself did not fail.
            return no_connection(place, ": closed in the handshake")
    for cause in _reasons(error):
        if isinstance(cause, urllib3_errors.NameResolutionError):
            return unknown_host(request.origin.host)
        if isinstance(cause, urllib3_errors.ProxyError | requests.exceptions.ProxyError):
            return no_proxy(place)
        if isinstance(cause, ssl.SSLError | urllib3_errors.SSLError | requests.exceptions.SSLError):
            return no_tls(place, _reason(error, ssl.SSLError))
    return no_connection(place, _reason(error, OSError))


def _reason(error: BaseException, kind: type[OSError]) -> str:
    """Return what the first cause of a kind says that says anything."""
    said = (reason_of(cause) for cause in _reasons(error) if isinstance(cause, kind))
    return next((one for one in said if one), "")


def translate_body(
    error: Exception, answer: requests.Response, call: Call, received: int
) -> FrameworkException:
    """Return the error of the framework for one that came while a body was read."""
    if isinstance(error, urllib3_errors.DecodeError):
        return ContentEncodingError("the content coding is broken", status=answer.status_code)
    if isinstance(error, urllib3_errors.ReadTimeoutError | TimeoutError):
        return call.timed_out("read", "yes")
    if any(isinstance(cause, urllib3_errors.InvalidChunkLength) for cause in _reasons(error)):
        return ProtocolError("the response body is no chunked body")
    length = answer.headers.get("Content-Length", "")
    return body_cut(answer.status_code, received, int(length) if length.isdigit() else None)


def hush(error: BaseException, request: Request) -> None:
    """Take the values of the query from the texts of errors of requests and urllib3."""
    target, shown = request.target, request.shown_url.removeprefix(request.origin.prefix)
    for one in _reasons(error):
        if any(isinstance(arg, str) and target in arg for arg in one.args):
            one.args = tuple(
                arg.replace(target, shown) if isinstance(arg, str) else arg for arg in one.args
            )


def own_error(error: BaseException) -> FrameworkException | None:
    """Return the error of ours that was raised below a library, however it wrapped it."""
    found = list(_reasons(error))
    own = next((one for one in found if isinstance(one, FrameworkException)), None)
    if own is not None:
        # Raised again it has the wrappers as its context, and no chain may lead back to its start.
        for one in found:
            if one.__cause__ is own:
                one.__cause__ = None
            if one.__context__ is own:
                one.__context__ = None
    return own


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
