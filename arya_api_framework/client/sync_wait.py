"""Wait in a thread for what another thread or task does."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any

__all__ = ["rest", "wait_done"]


def wait_done(future: Future[Any], seconds: float | None) -> None:
    """Wait until a future is done or cancelled, whatever its result, or so many seconds are over.

    It may return earlier.
    """
    if seconds is not None:
        seconds = min(seconds, threading.TIMEOUT_MAX)
    # Unlike `concurrent.futures.wait` it hears of a cancellation at once.
    with suppress(TimeoutError, CancelledError):
        future.exception(seconds)


def rest() -> None:
    """Do nothing: threads take turns by themselves."""
