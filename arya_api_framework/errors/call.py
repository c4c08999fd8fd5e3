"""The errors of a call that end without a status of their own: network, redirects, content."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from .base import ClientError, ConfigurationError, FrameworkException, Sent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client.response import RawResponse

__all__ = [
    "AuthError",
    "BodyNotReplayable",
    "BudgetExhausted",
    "CertificateError",
    "ChecksumMismatch",
    "CircuitOpenError",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionLost",
    "ContentChanged",
    "ContentEncodingError",
    "CredentialsExhausted",
    "DNSError",
    "DeadlineExceeded",
    "DecodeError",
    "EgressRefused",
    "FileError",
    "IncompleteResponse",
    "LimiterUnavailable",
    "MissingCredentials",
    "OAuthStateError",
    "OperationError",
    "OperationFailed",
    "OperationTimeout",
    "PaginationError",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "RateLimitTimeout",
    "ReadTimeout",
    "RedirectError",
    "RequestTimeout",
    "ResponseParseError",
    "ResponseTooLarge",
    "ResponseValidationError",
    "TLSError",
    "TargetExists",
    "TokenRefreshError",
    "TooManyRedirects",
    "TransportError",
    "UnreadableFile",
    "UnsafeRedirect",
    "UploadError",
    "UploadIncomplete",
    "UploadLost",
    "WebhookVerificationError",
    "WriteTimeout",
]

KEPT_BODY = 64 * 1024
"""The most bytes of a body that an exception keeps."""


class TransportError(FrameworkException):
    """No whole response came. `sent` tells whether the server may have read the request."""

    sent: Sent = "maybe"
    _transient = True


class ConnectError(TransportError):
    """No connection could be made; nothing was sent."""

    sent: Sent = "no"


class DNSError(ConnectError):
    """The host name could not be resolved."""


class ProxyError(ConnectError):
    """The proxy refused or could not connect."""


class TLSError(ConnectError):
    """The TLS handshake failed."""

    _transient = False


class CertificateError(TLSError):
    """The server's certificate is not trusted, or is another host's."""


class RequestTimeout(TransportError, TimeoutError):
    """The call took longer than its timeout."""


class ConnectTimeout(RequestTimeout):
    """Connecting took longer than its timeout; nothing was sent."""

    sent: Sent = "no"


class PoolTimeout(RequestTimeout):
    """No connection of the pool became free in time; nothing was sent."""

    sent: Sent = "no"


class ReadTimeout(RequestTimeout):
    """The server was silent longer than the read timeout."""


class WriteTimeout(RequestTimeout):
    """The server did not take the body in time."""


class DeadlineExceeded(RequestTimeout):
    """The `deadline` of the call passed."""


class ConnectionLost(TransportError):
    """The connection was reset or closed before a whole head came.

    Attributes:
        was_idle: Whether it had served other requests and no byte of the answer came, as where the
            server closed it while it was idle.
    """

    was_idle: bool = False


class ProtocolError(TransportError):
    """What came is no valid HTTP response (RFC 9112)."""

    _transient = False


class IncompleteResponse(TransportError):
    """The head came whole, the body did not.

    Attributes:
        status: The status of the response.
        received: Bytes of the body that came.
        expected: Bytes that were announced, `None` where the length was not.
    """

    sent: Sent = "yes"

    def __init__(
        self,
        message: str = "the response body was cut",
        *,
        status: int | None = None,
        received: int = 0,
        expected: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.received = received
        self.expected = expected


class RedirectError(FrameworkException):
    """A redirect could not be followed."""

    sent: Sent = "yes"


class TooManyRedirects(RedirectError):
    """More redirects than `max_redirects`."""


class UnsafeRedirect(RedirectError):
    """The redirect leads where a call must not go: https to http, a body to another origin."""


class BodyNotReplayable(RedirectError):
    """The body would have to be sent again, but it is an iterator that can be read once."""


class ResponseTooLarge(FrameworkException):
    """The response passes a limit.

    Attributes:
        limit: The limit in bytes (or fields).
        size: What was seen when it was passed, `None` where nobody knows.
    """

    sent: Sent = "yes"

    def __init__(self, message: str, *, limit: int, size: int | None = None) -> None:
        super().__init__(message)
        self.limit = limit
        self.size = size


class DecodeError(FrameworkException):
    """The response came whole, but its content cannot be used.

    Attributes:
        status: The status of the response.
        body: The content, cut to 64 KiB.
    """

    sent: Sent = "yes"

    def __init__(self, message: str, *, status: int | None = None, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body[:KEPT_BODY]


class ContentEncodingError(DecodeError):
    """The content coding is unknown, broken or cut (RFC 9110 8.4)."""


class ResponseParseError(DecodeError, ClientError):
    """The content is not the text or JSON that was expected."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name == "raw_response":
                raise AttributeError(
                    f"{type(self).__name__} has no attribute 'raw_response'; since 0.3.9 it is "
                    "`body`",
                    name=name,
                    obj=self,
                )
            return super().__getattribute__(name)


class ResponseValidationError(ResponseParseError):
    """The JSON does not fit the `response_format`."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        body: bytes = b"",
        errors: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(message, status=status, body=body)
        self._errors = errors or []

    def errors(self) -> list[dict[str, Any]]:
        """Return pydantic's list of errors (`type`, `loc`, `msg`), without the input values.

        They are the first 1,000 of one response or item; the text tells how many there are.
        """
        return self._errors


class UploadIncomplete(FrameworkException):
    """A final answer came before the body was sent whole.

    Attributes:
        status: The status of that answer.
    """

    sent: Sent = "yes"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class UploadError(FrameworkException):
    """An upload in several requests cannot go on: what the server tells of it does not fit."""

    sent: Sent = "yes"


class UploadLost(UploadError):
    """The server no longer has the upload that was begun, or never had it: begin anew."""


class RateLimitTimeout(FrameworkException, TimeoutError):
    """The client's own rate limit has no slot before the deadline; nothing was sent.

    `retry_after` is the wait it would have taken, in seconds.
    """

    _transient = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CircuitOpenError(FrameworkException):
    """The circuit breaker of the origin is open; nothing was sent.

    `retry_after` is how long it stays open, in seconds; `None` while another call tries the origin.
    """

    _transient = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BudgetExhausted(FrameworkException):
    """The budget around the call is used up.

    Attributes:
        budget: The budget, whose `with` block ends here.
    """

    def __init__(self, message: str = "the budget is used up", *, budget: Any = None) -> None:
        super().__init__(message)
        self.budget = budget


class LimiterUnavailable(FrameworkException):
    """The shared rate limiter cannot be reached; nothing was sent."""

    _transient = True


class CredentialsExhausted(FrameworkException):
    """Every key of the pool is revoked; nothing was sent.

    Its `retry_after` is when the first is used again, `None` for never.
    """


class EgressRefused(FrameworkException):
    """The address is one that the egress guard refuses; nothing was sent."""


class AuthError(FrameworkException):
    """A call could not be authenticated; its `sent` tells whether the server has read it."""


class MissingCredentials(AuthError):
    """No credentials are set for what the request requires; nothing was sent."""


class TokenRefreshError(AuthError):
    """No access token could be got, or none in the place of one that is over.

    Attributes:
        refused: Whether the server refused what it was shown, and did not merely fail.
        code: The error that the server names, such as `"invalid_grant"` (RFC 6749 5.2).
    """

    refused: bool = False
    code: str | None = None


class OAuthStateError(AuthError):
    """The answer to an OAuth 2 login has another `state` than was asked (RFC 6749 10.12)."""


class WebhookVerificationError(AuthError):
    """The signature of a webhook is not right."""


class PaginationError(FrameworkException):
    """The pages of a list go in a circle, or one says nothing usable of the next."""

    sent: Sent = "yes"


class OperationError(FrameworkException):
    """An answer says nothing usable of a long-running operation.

    Attributes:
        response: What it said, parsed; as the model where `done` or `failed` look at one.
        raw: The whole `RawResponse`; its content is cut to 64 KiB.
        status: What the service calls how the operation stands, such as `"Failed"`.
    """

    sent: Sent = "yes"

    def __init__(
        self,
        message: str,
        *,
        response: Any = None,
        raw: RawResponse | None = None,
        status: str | None = None,
    ) -> None:
        super().__init__(message)
        self.response = response
        self.raw = None if raw is None else copy.copy(raw)
        if self.raw is not None:
            self.raw.content = self.raw.content[:KEPT_BODY]
        self.status = status


class OperationFailed(OperationError):
    """A long-running operation ended in failure, or was canceled.

    Attributes:
        code: The error that the service names, such as `"QuotaExceeded"`.
        canceled: Whether it was canceled.
    """

    code: str | int | None = None
    canceled: bool = False


class OperationTimeout(OperationError, TimeoutError):
    """A long-running operation was not over in time; it goes on.

    Its `retry_after` is the wait that the service asked for, if that was too long.

    Attributes:
        state: What `wait_for` takes to wait further, kept as JSON if you like; `None` where nothing
            was asked yet.
    """

    state: Mapping[str, Any] | None = None

    _transient = True


class ContentChanged(FrameworkException):
    """The file changed on the server between two ranges of one download."""

    sent: Sent = "yes"


class ChecksumMismatch(FrameworkException):
    """A file came whole, but its digest is another one than was told; it was removed.

    Attributes:
        expected: The digest that was told, as `"sha-256:..."`.
        found: That of what came.
    """

    sent: Sent = "yes"

    def __init__(self, message: str, *, expected: str | None = None, found: str = "") -> None:
        super().__init__(message)
        self.expected = expected
        self.found = found


class FileError(FrameworkException, OSError):
    """A file cannot be written, or read; `errno` says why, such as `errno.ENOSPC` for a full disk.

    Attributes:
        path: Where it is, or was to be.
    """

    errno: int | None = None  # In the place of that of `OSError`, which is not kept by a copy.

    def __init__(self, message: str, *, path: str | None = None, errno: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.errno = errno


class UnreadableFile(FileError, ConfigurationError):
    """A file that is to be sent cannot be read, or has changed since the first look at it."""


class TargetExists(FileError, FileExistsError):
    """There is a file in the place of the one to be written, and it is not to be replaced."""
