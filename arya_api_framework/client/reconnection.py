"""`Reconnection`: whether a stream of events is asked for again, and after which wait."""

from __future__ import annotations

import random
from typing import Any

from ..errors import (
    ConfigurationError,
    DeadlineExceeded,
    FrameworkException,
    HTTPError,
    TransportError,
)

__all__ = ["Reconnection"]

USUAL = 3.0
"""Seconds before a reconnection where the server does not say, as browsers have it."""

SHORTEST = 0.1
"""The least wait, whatever a server asks for, in seconds."""

LONGEST = 300.0
"""The longest wait that a server can ask for, in seconds."""

_MOST_GROWN = 60.0


class Reconnection:
    """Decides what follows the end of a stream of events.

    Args:
        most: How many times in a row it is asked for again without an event in between; `True` for
            any number of times, `False` for never.
    """

    __slots__ = ("_failures", "_most", "_usual")

    def __init__(self, most: bool | int) -> None:
        given: Any = most
        if not isinstance(given, int) or given < 0:
            raise ConfigurationError(
                f"reconnect must be True, False or the most times in a row, got {given!r}"
            )
        self._most = float("inf") if given is True else int(given)
        self._failures = 0
        self._usual = USUAL

    @property
    def is_wanted(self) -> bool:
        """Whether a stream that ends is asked for again."""
        return self._most > 0

    def succeed(self) -> None:
        """Take note that an event came."""
        self._failures = 0

    def wait_after(
        self, error: FrameworkException | None, status: int, retry: float | None
    ) -> float | None:
        """Return the seconds to wait before the stream is asked for again; `None` for not at all.

        A 204 says that there is nothing more (HTML 9.2.3). Of other statuses, those that a `Retry`
        would take for passing are waited for: a server that starts anew is not the end.

        Args:
            error: What ended the stream, `None` where it ended by itself.
            status: The status of its response.
            retry: What the server asked for, in seconds, `None` where it did not.

        Raises:
            FrameworkException: The error is not one that passes, or it went wrong too many times.
        """
        if error is None and status == 204:
            return None
        may_pass = error is None or _is_passing(error)
        if not may_pass or self._failures >= self._most:
            if error is None:
                return None
            raise error
        if retry is not None:
            # For all reconnections from here on; a server may say 0, and end each at once.
            self._usual = min(max(retry, SHORTEST), LONGEST)
        grown: float = self._usual * 2.0 ** min(self._failures, 30)
        self._failures += 1
        asked = 0.0 if error is None else error.retry_after or 0.0
        wait = max(self._usual, min(grown, _MOST_GROWN), min(asked, LONGEST))
        # Never less than what was asked for; and not all at once, when a server starts anew.
        return wait + random.uniform(0, wait / 2)


def _is_passing(error: FrameworkException) -> bool:
    if isinstance(error, DeadlineExceeded):
        return False
    return isinstance(error, TransportError) or (isinstance(error, HTTPError) and error.retryable)
