"""Why something below failed, in the words of who knows it."""

from __future__ import annotations

import os
import ssl

__all__ = ["reason_of"]


def reason_of(error: BaseException | None) -> str:
    """Return `: ...` with what the system or the TLS library said, if it said anything."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f": {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        # Its number is OpenSSL's, not the system's.
        return f": {error.reason.replace('_', ' ').lower()}" if error.reason else ""
    return f": {os.strerror(error.errno)}" if isinstance(error, OSError) and error.errno else ""
