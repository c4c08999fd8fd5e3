"""A TLS context that knows the certificates of its servers by their SHA-256."""

from __future__ import annotations

import hashlib
import ssl

from typing_extensions import override

__all__ = ["PinningContext"]


class _PinningSocket(ssl.SSLSocket):
    """A socket that is not handed out before its peer's certificate was recognised."""

    @override
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        _check(self)


class _PinningObject(ssl.SSLObject):
    """The same without a socket: for asyncio, and for TLS within TLS."""

    @override
    def do_handshake(self) -> None:
        super().do_handshake()  # Raises for as long as it needs more of the peer.
        _check(self)


class PinningContext(ssl.SSLContext):
    """A context whose connections end with the handshake unless the certificate is a pinned one.

    The handshake verifies as it would otherwise; then, before anything is sent, this is asked in
    addition.

    Attributes:
        pins: The SHA-256 of the DER of each certificate that is accepted.
    """

    sslsocket_class = _PinningSocket
    sslobject_class = _PinningObject
    pins: frozenset[bytes] = frozenset()


def _check(peer: ssl.SSLSocket | ssl.SSLObject) -> None:
    context = peer.context
    assert isinstance(context, PinningContext)
    found = hashlib.sha256(peer.getpeercert(True) or b"").digest()
    if found not in context.pins:
        text = f"it is none of `pins`, its SHA-256 is {found.hex()}"
        error = ssl.SSLCertVerificationError(1, text)
        error.verify_code = 1
        error.verify_message = text
        raise error
