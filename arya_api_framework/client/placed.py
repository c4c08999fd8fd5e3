"""Texts in header fields that tell who put them there."""

from __future__ import annotations

from .redaction import HIDDEN

__all__ = ["NO_AUTH_YET", "NO_KEY_YET", "AuthText", "ClientText", "KeyText"]


class ClientText(str):
    """The value of a field that the client put there; any other was given by the call."""

    __slots__ = ()


class KeyText(ClientText):
    """A value that carries a key of a pool."""

    __slots__ = ()


class AuthText(ClientText):
    """A value that carries what an `Auth` made."""

    __slots__ = ()


NO_KEY_YET = KeyText(HIDDEN)
"""What stands in a request until it is sent, when a key is chosen."""

NO_AUTH_YET = AuthText(HIDDEN)
"""What stands in a request until it is sent, when an `Auth` is asked."""
