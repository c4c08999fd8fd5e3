"""`HTTPError` and one class per status (RFC 9110 15 and the IANA registry)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .base import IDEMPOTENT_METHODS, FrameworkException, Sent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client.response import RawResponse

__all__ = [
    "ERROR_RESPONSE_MAPPING",
    "HTTPBadGateway",
    "HTTPBadRequest",
    "HTTPClientError",
    "HTTPConflict",
    "HTTPError",
    "HTTPExpectationFailed",
    "HTTPFailedDependency",
    "HTTPForbidden",
    "HTTPFound",
    "HTTPGatewayTimeout",
    "HTTPGone",
    "HTTPHttpServerVersionNotSupported",
    "HTTPImATeapot",
    "HTTPInsufficientStorage",
    "HTTPInternalServerError",
    "HTTPLengthRequired",
    "HTTPLocked",
    "HTTPLoopDetected",
    "HTTPMethodNotAllowed",
    "HTTPMisdirectedRequest",
    "HTTPMovedPermanently",
    "HTTPMultipleChoices",
    "HTTPNetworkAuthenticationRequired",
    "HTTPNotAcceptable",
    "HTTPNotExtended",
    "HTTPNotFound",
    "HTTPNotImplemented",
    "HTTPNotModified",
    "HTTPPaymentRequired",
    "HTTPPermanentRedirect",
    "HTTPPreconditionFailed",
    "HTTPPreconditionRequired",
    "HTTPProxyAuthenticationRequired",
    "HTTPRedirect",
    "HTTPRequestEntityTooLarge",
    "HTTPRequestHeaderFieldsTooLarge",
    "HTTPRequestTimeout",
    "HTTPRequestUriTooLong",
    "HTTPRequestedRangeNotSatisfiable",
    "HTTPReserved",
    "HTTPSeeOther",
    "HTTPServerError",
    "HTTPServiceUnavailable",
    "HTTPTemporaryRedirect",
    "HTTPTooEarly",
    "HTTPTooManyRequests",
    "HTTPUnauthorized",
    "HTTPUnavailableForLegalReasons",
    "HTTPUnprocessableEntity",
    "HTTPUnsupportedMediaType",
    "HTTPUpgradeRequired",
    "HTTPUseProxy",
    "HTTPVariantAlsoNegotiates",
]

RETRYABLE_STATUSES = frozenset({408, 421, 425, 429, 500, 502, 503, 504})
"""Statuses that may pass by themselves."""


class HTTPError(FrameworkException):
    """The server answered with an error status.

    Subclass it for an `error_responses` entry; the subclass is raised with the same attributes.

    Attributes:
        status_code: The status.
        response: The body as the model of `error_responses`, else as parsed JSON, else as text.
        raw: The whole `RawResponse`; its content is cut to 64 KiB.
        body_error: Why the body is not the model, or could not be read, if so.
    """

    sent: Sent = "yes"
    status_code: int = 0

    def __init__(
        self,
        response: Any = None,
        message: str | None = None,
        *,
        raw: RawResponse | None = None,
        status_code: int | None = None,
        body_error: str | None = None,
    ) -> None:
        self.response = response
        self.raw = raw
        self.body_error = body_error
        if status_code is not None:
            self.status_code = status_code
        elif raw is not None:
            self.status_code = raw.status
        super().__init__(message or f"HTTP status {self.status_code}")

    @property
    def retryable(self) -> bool:
        """Whether the status may pass by itself and the method is safe to repeat."""
        return self.status_code in RETRYABLE_STATUSES and self.method in IDEMPOTENT_METHODS


class HTTPRedirect(HTTPError):
    """A 3xx that was not followed."""


class HTTPClientError(HTTPError):
    """A 4xx: the request is at fault."""


class HTTPServerError(HTTPError):
    """A 5xx: the server is at fault."""


class HTTPMultipleChoices(HTTPRedirect):
    """300 Multiple Choices (RFC 9110 15.4.1)."""

    status_code = 300


class HTTPMovedPermanently(HTTPRedirect):
    """301 Moved Permanently (RFC 9110 15.4.2)."""

    status_code = 301


class HTTPFound(HTTPRedirect):
    """302 Found (RFC 9110 15.4.3)."""

    status_code = 302


class HTTPSeeOther(HTTPRedirect):
    """303 See Other (RFC 9110 15.4.4)."""

    status_code = 303


class HTTPNotModified(HTTPRedirect):
    """304 Not Modified (RFC 9110 15.4.5)."""

    status_code = 304


class HTTPUseProxy(HTTPRedirect):
    """305 Use Proxy (RFC 9110 15.4.6)."""

    status_code = 305


class HTTPReserved(HTTPRedirect):
    """306 (Unused) (RFC 9110 15.4.7)."""

    status_code = 306


class HTTPTemporaryRedirect(HTTPRedirect):
    """307 Temporary Redirect (RFC 9110 15.4.8)."""

    status_code = 307


class HTTPPermanentRedirect(HTTPRedirect):
    """308 Permanent Redirect (RFC 9110 15.4.9)."""

    status_code = 308


class HTTPBadRequest(HTTPClientError):
    """400 Bad Request (RFC 9110 15.5.1)."""

    status_code = 400


class HTTPUnauthorized(HTTPClientError):
    """401 Unauthorized (RFC 9110 15.5.2)."""

    status_code = 401


class HTTPPaymentRequired(HTTPClientError):
    """402 Payment Required (RFC 9110 15.5.3)."""

    status_code = 402


class HTTPForbidden(HTTPClientError):
    """403 Forbidden (RFC 9110 15.5.4)."""

    status_code = 403


class HTTPNotFound(HTTPClientError):
    """404 Not Found (RFC 9110 15.5.5)."""

    status_code = 404


class HTTPMethodNotAllowed(HTTPClientError):
    """405 Method Not Allowed (RFC 9110 15.5.6)."""

    status_code = 405


class HTTPNotAcceptable(HTTPClientError):
    """406 Not Acceptable (RFC 9110 15.5.7)."""

    status_code = 406


class HTTPProxyAuthenticationRequired(HTTPClientError):
    """407 Proxy Authentication Required (RFC 9110 15.5.8)."""

    status_code = 407


class HTTPRequestTimeout(HTTPClientError):
    """408 Request Timeout (RFC 9110 15.5.9)."""

    status_code = 408


class HTTPConflict(HTTPClientError):
    """409 Conflict (RFC 9110 15.5.10)."""

    status_code = 409


class HTTPGone(HTTPClientError):
    """410 Gone (RFC 9110 15.5.11)."""

    status_code = 410


class HTTPLengthRequired(HTTPClientError):
    """411 Length Required (RFC 9110 15.5.12)."""

    status_code = 411


class HTTPPreconditionFailed(HTTPClientError):
    """412 Precondition Failed (RFC 9110 15.5.13)."""

    status_code = 412


class HTTPRequestEntityTooLarge(HTTPClientError):
    """413 Content Too Large (RFC 9110 15.5.14)."""

    status_code = 413


class HTTPRequestUriTooLong(HTTPClientError):
    """414 URI Too Long (RFC 9110 15.5.15)."""

    status_code = 414


class HTTPUnsupportedMediaType(HTTPClientError):
    """415 Unsupported Media Type (RFC 9110 15.5.16)."""

    status_code = 415


class HTTPRequestedRangeNotSatisfiable(HTTPClientError):
    """416 Range Not Satisfiable (RFC 9110 15.5.17)."""

    status_code = 416


class HTTPExpectationFailed(HTTPClientError):
    """417 Expectation Failed (RFC 9110 15.5.18)."""

    status_code = 417


class HTTPImATeapot(HTTPClientError):
    """418 I'm a teapot (RFC 2324 2.3.2)."""

    status_code = 418


class HTTPMisdirectedRequest(HTTPClientError):
    """421 Misdirected Request (RFC 9110 15.5.20)."""

    status_code = 421


class HTTPUnprocessableEntity(HTTPClientError):
    """422 Unprocessable Content (RFC 9110 15.5.21)."""

    status_code = 422


class HTTPLocked(HTTPClientError):
    """423 Locked (RFC 4918 11.3)."""

    status_code = 423


class HTTPFailedDependency(HTTPClientError):
    """424 Failed Dependency (RFC 4918 11.4)."""

    status_code = 424


class HTTPTooEarly(HTTPClientError):
    """425 Too Early (RFC 8470 5.2)."""

    status_code = 425


class HTTPUpgradeRequired(HTTPClientError):
    """426 Upgrade Required (RFC 9110 15.5.22)."""

    status_code = 426


class HTTPPreconditionRequired(HTTPClientError):
    """428 Precondition Required (RFC 6585 3)."""

    status_code = 428


class HTTPTooManyRequests(HTTPClientError):
    """429 Too Many Requests (RFC 6585 4)."""

    status_code = 429


class HTTPRequestHeaderFieldsTooLarge(HTTPClientError):
    """431 Request Header Fields Too Large (RFC 6585 5)."""

    status_code = 431


class HTTPUnavailableForLegalReasons(HTTPClientError):
    """451 Unavailable For Legal Reasons (RFC 7725 3)."""

    status_code = 451


class HTTPInternalServerError(HTTPServerError):
    """500 Internal Server Error (RFC 9110 15.6.1)."""

    status_code = 500


class HTTPNotImplemented(HTTPServerError):
    """501 Not Implemented (RFC 9110 15.6.2)."""

    status_code = 501


class HTTPBadGateway(HTTPServerError):
    """502 Bad Gateway (RFC 9110 15.6.3)."""

    status_code = 502


class HTTPServiceUnavailable(HTTPServerError):
    """503 Service Unavailable (RFC 9110 15.6.4)."""

    status_code = 503


class HTTPGatewayTimeout(HTTPServerError):
    """504 Gateway Timeout (RFC 9110 15.6.5)."""

    status_code = 504


class HTTPHttpServerVersionNotSupported(HTTPServerError):
    """505 HTTP Version Not Supported (RFC 9110 15.6.6)."""

    status_code = 505


class HTTPVariantAlsoNegotiates(HTTPServerError):
    """506 Variant Also Negotiates (RFC 2295 8.1)."""

    status_code = 506


class HTTPInsufficientStorage(HTTPServerError):
    """507 Insufficient Storage (RFC 4918 11.5)."""

    status_code = 507


class HTTPLoopDetected(HTTPServerError):
    """508 Loop Detected (RFC 5842 7.2)."""

    status_code = 508


class HTTPNotExtended(HTTPServerError):
    """510 Not Extended (RFC 2774 7)."""

    status_code = 510


class HTTPNetworkAuthenticationRequired(HTTPServerError):
    """511 Network Authentication Required (RFC 6585 6)."""

    status_code = 511


ERROR_RESPONSE_MAPPING: Mapping[int, type[HTTPError]] = MappingProxyType(
    {
        error.status_code: error
        for base in (HTTPRedirect, HTTPClientError, HTTPServerError)
        for error in base.__subclasses__()
    }
)
"""Status to the class that is raised for it."""
