"""What both transports say of the faults they meet: each error and its words, written once."""

from __future__ import annotations

import os
import ssl

from ..errors import (
    CertificateError,
    ConnectError,
    ConnectionLost,
    DNSError,
    IncompleteResponse,
    ProtocolError,
    ProxyError,
    ResponseParseError,
    ResponseTooLarge,
    TLSError,
    UploadIncomplete,
)

__all__ = [
    "body_cut",
    "body_too_large",
    "body_unframed",
    "connection_broken",
    "no_address",
    "no_connection",
    "no_http",
    "no_proxy",
    "no_tls",
    "not_trusted",
    "reason_of",
    "unknown_host",
    "upload_incomplete",
]


def reason_of(error: BaseException | None) -> str:
    """Return `: ...` with what the system or the TLS library said, if it said anything."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f": {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        # Its number is OpenSSL's, not the system's.
        return f": {error.reason.replace('_', ' ').lower()}" if error.reason else ""
    return f": {os.strerror(error.errno)}" if isinstance(error, OSError) and error.errno else ""


def unknown_host(host: str) -> DNSError:
    """Return the error for a host name that nobody knows."""
    return DNSError(f"the host name {host!r} cannot be resolved")


def no_connection(place: str, reason: str = "") -> ConnectError:
    """Return the error for a connection that cannot be made; the reason is of `reason_of`."""
    return ConnectError(f"no connection to {place} could be made{reason}")


def no_address(place: str) -> ConnectError:
    """Return the error for a host that cannot be reached from `local_address`."""
    return ConnectError(f"{place} has no address of the family that local_address is of")


def not_trusted(place: str, reason: str) -> CertificateError:
    """Return the error for a certificate; the reason is the TLS library's."""
    return CertificateError(f"the certificate of {place} is not accepted: {reason}")


def no_tls(place: str, reason: str) -> TLSError:
    """Return the error for a handshake; the reason is of `reason_of`."""
    return TLSError(f"the TLS handshake with {place} failed{reason}")


def no_proxy(place: str) -> ProxyError:
    """Return the error for a proxy that the library below was to use on the way to a place."""
    return ProxyError(f"the proxy for {place} cannot be used")


def connection_broken(error: BaseException) -> ConnectionLost:
    """Return the error for a connection that ended before a whole head came."""
    return ConnectionLost(f"the connection broke: {type(error).__name__}")


def no_http() -> ProtocolError:
    """Return the error for what a parser of another library cannot read."""
    return ProtocolError("what came is no valid HTTP response")


def body_cut(status: int, received: int, expected: int | None) -> IncompleteResponse:
    """Return the error for a body that ended too early."""
    return IncompleteResponse(
        f"the response body was cut after {received} bytes",
        status=status,
        received=received,
        expected=expected,
    )


def body_too_large(limit: int, size: int | None) -> ResponseTooLarge:
    """Return the error for a body that is larger than a call takes."""
    return ResponseTooLarge(
        f"the response body is larger than max_response_size, {limit} bytes", limit=limit, size=size
    )


def body_unframed(status: int) -> ResponseParseError:
    """Return the error for a body of which nobody can tell whether all of it came."""
    return ResponseParseError(
        "the response ends where its connection does, so that nobody can tell whether all of it "
        "came; give `allow_unframed=True` to take it for whole",
        status=status,
    )


def upload_incomplete(status: int) -> UploadIncomplete:
    """Return the error for a success that came too early."""
    return UploadIncomplete(f"the server answered {status} before the body was sent", status=status)
