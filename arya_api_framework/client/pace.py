"""`Pace`: when to ask again how a long-running operation stands, and when it is too late."""

from __future__ import annotations

import random
import time
from typing import Any, NamedTuple

from ..options import Timeout, check_number
from ..retry import find_wait
from .checks import check_deadline
from .response import ResponseInfo

__all__ = ["Pace", "Rest"]

_SECONDS = 900.0
"""How long is waited where nobody says; never to end is a choice that is made on purpose."""
_INTERVAL = 1.0
_MAX_INTERVAL = 20.0
_GROWTH = 1.5
_MOST_GROWTHS = 100
_FIELDS = ("retry-after-ms", "x-ms-retry-after-ms", "openai-poll-after-ms")


class Rest(NamedTuple):
    """What comes before the next call.

    Attributes:
        seconds: How long to rest.
        asked: What the server asked for, `None` where it did not.
        is_late: Whether the next call would be too late.
    """

    seconds: float
    asked: float | None = None
    is_late: bool = False


class Pace:
    """The pauses between calls.

    Attributes:
        seconds: How long all may take, `None` for ever.
        started: When it began, on the monotonic clock.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        """Take out of the options those that are about time.

        Raises:
            ConfigurationError: One can never work.
        """
        self._interval = check_number("interval", options.pop("interval", _INTERVAL))
        most = check_number("max_interval", options.pop("max_interval", _MAX_INTERVAL))
        self._max_interval = max(most, self._interval)
        self.seconds = _take_seconds(options)
        self.started = time.monotonic()
        self._growths = 0
        self._is_last_chance = False

    def begin(self) -> None:
        """Start the clock."""
        self.started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """How many seconds have gone by."""
        return time.monotonic() - self.started

    @property
    def left(self) -> float | None:
        """How many seconds are left, `None` for any number."""
        return None if self.seconds is None else self.seconds - self.elapsed

    def after(self, response: ResponseInfo | None) -> Rest:
        """Return how long to rest after a response; after none there is nothing to wait for."""
        rest = Rest(0.0) if response is None else self._find(response)
        left = self.left
        if left is None or rest.seconds < left:
            return rest
        if rest.asked is not None or self._is_last_chance or left <= 0:
            return rest._replace(is_late=True)
        # Once more, as late as is of use.
        self._is_last_chance = True
        return Rest(max(left - self._interval, left / 2))

    def _find(self, response: ResponseInfo) -> Rest:
        # Some of the time may have gone by since the response came.
        gone = max(0.0, time.time() - response.received)
        asked = find_wait(response.headers, _FIELDS)
        if asked:
            return Rest(max(0.0, asked - gone), asked)
        own = min(self._interval * _GROWTH**self._growths, self._max_interval)
        self._growths = min(self._growths + 1, _MOST_GROWTHS)
        # Those who began at once are not to ask at once for ever.
        return Rest(max(0.0, random.uniform(0.8, 1.0) * own - gone))


def _take_seconds(options: dict[str, Any]) -> float | None:
    """Take out how long the whole may take; the parts of a `Timeout` hold for each call."""
    seconds: float | Timeout | None = options.pop("timeout", _SECONDS)
    if isinstance(seconds, Timeout):
        options["timeout"] = seconds
        seconds = seconds.total
    elif seconds is not None:
        seconds = check_number("timeout of wait_for", seconds)
    deadline = check_deadline(None, options.pop("deadline", None))
    if deadline is None or seconds is None:
        return seconds if deadline is None else deadline
    return min(seconds, deadline)
