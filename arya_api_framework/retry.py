"""The `Retry` value: how often a call may be sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from .errors import ConfigurationError

__all__ = ["Retry", "parse_retry_after"]

_SECONDS = re.compile(r"[0-9]{1,10}")
_DATE = re.compile(r"[A-Za-z]{3,9},? [\x20-\x7e]{10,40}")


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a call may be sent.

    Clients take and keep the value, but this version sends every request exactly once.

    Attributes:
        attempts: The most requests of one call, the first included.
    """

    attempts: int = 3

    def __post_init__(self) -> None:
        attempts: object = self.attempts
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
            raise ConfigurationError(f"attempts must be a whole number above 0, got {attempts!r}")


def parse_retry_after(value: str, date: str | None, now: float) -> float | None:
    """Return the seconds that a `Retry-After` asks to wait (RFC 9110 10.2.3).

    A date counts against the `Date` of the response where there is one, so that a clock set wrong
    on either side changes nothing; one that has passed is 0. Anything else is no wish: `None`.

    Args:
        value: The field as it came.
        date: The `Date` of the same response.
        now: The local time, in seconds since the epoch.
    """
    value = value.strip(" \t")
    if _SECONDS.fullmatch(value):
        return float(value)
    until = _parse_date(value)
    if until is None:
        return None
    since = _parse_date(date) if date else None
    return max(0.0, until - (now if since is None else since))


def _parse_date(value: str) -> float | None:
    if not _DATE.fullmatch(value):
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
