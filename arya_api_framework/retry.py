"""The `Retry` value: how often a call may be sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from .errors import ConfigurationError

__all__ = ["Retry", "parse_retry_after"]

_SECONDS = re.compile(r"[0-9]{1,10}")
_MONTHS: Sequence[str] = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DATES = (
    f"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
    f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
    f"{_DAY} {_MONTH} (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
)
"""The three forms of an HTTP date (RFC 9110 5.6.7): IMF-fixdate, RFC 850, asctime.

Compiled when one is met, which saves every import most of a millisecond.
"""


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
    until = _parse_date(value, now)
    if until is None:
        return None
    since = _parse_date(date.strip(" \t"), now) if date else None
    return max(0.0, until - (now if since is None else since))


def _parse_date(text: str, now: float) -> float | None:
    """Return the seconds since the epoch of an HTTP date, `None` for anything else."""
    found = next(filter(None, (re.fullmatch(form, text) for form in _DATES)), None)
    if found is None:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        # Two digits are the year of that ending that is at most 50 years ahead.
        this_year = datetime.fromtimestamp(now, UTC).year
        year += this_year - this_year % 100
        if year > this_year + 50:
            year -= 100
    try:
        moment = datetime(
            year,
            _MONTHS.index(found["month"]) + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            59 if found["second"] == "60" else int(found["second"]),  # A leap second.
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return moment.timestamp()
