"""`Cutter`: a request that another thread sends is broken off."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any

from .call import Call

__all__ = ["Cutter"]

_NOBODY: Any = object()
"""Events without a method: with some, connections tell of themselves who uses them."""


class Cutter:
    """What breaks off a request that another thread sends: its connection is shut down.

    The lock is held for no longer than a system call, so that no connection is shut down that
    serves others already. Where there is no connection yet, the request ends at its next step.
    """

    def __init__(self, call: Call) -> None:
        """Be what the connection of a call is told to."""
        call.told = self
        call.policy = call.policy._replace(events=call.policy.events or _NOBODY)
        self._call = call
        # Re-entrant, as a collector may close a connection at any time.
        self._lock = threading.RLock()
        self._conn: Any = None
        self._is_cut = False

    def hold(self, conn: Any) -> None:
        """Know the connection that the request has for itself from now on."""
        with self._lock:
            self._conn = conn
            conn.cutter = self

    def let_go(self, conn: Any) -> None:
        """Leave the connection, which goes back into the pool: closed, if it was shut down."""
        with self._lock:
            self._conn = conn.cutter = None
            is_cut = self._is_cut
        if is_cut:
            conn.close()

    def close(self, close: Callable[[], None]) -> None:
        """Close the connection, while nobody shuts it down."""
        with self._lock:
            close()

    def cut(self) -> None:
        """Break the request off."""
        with self._lock:
            self._is_cut = True
            self._call.ends = -math.inf  # Nothing more is waited for.
            sock: Any = getattr(self._conn, "sock", None)
            while sock is not None and not isinstance(sock, socket.socket):
                # TLS within TLS, around the socket.
                sock = getattr(sock, "socket", None) or getattr(sock, "_sock", None)
            if sock is not None:
                # Not the method of TLS, which would go on without it.
                with suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def find_cause(self, error: BaseException) -> BaseException:
        """Return why the request ended: being broken off comes before what that broke."""
        if not self._is_cut or not isinstance(error, Exception):
            return error
        return CancelledError("the request was broken off, as its call was over")
