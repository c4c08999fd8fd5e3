"""Wait in a thread for what another thread or task does."""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import Any

__all__ = ["wait_done"]


def wait_done(future: Future[Any], seconds: float | None) -> None:
    """Wait until a future is done, whatever its result, or so many seconds are over."""
    wait([future], seconds)
