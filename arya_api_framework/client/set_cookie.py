"""What a `Set-Cookie` field says (RFC 6265 5.1, 5.2)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence

__all__ = ["BLANKS", "FAR", "attributes_of", "cookie_path", "expiry_of", "parse_date"]

_MAX_ATTRIBUTE = 1024
FAR = 10**10
"""Seconds that no cookie outlives, so that every time of one is a number that JSON can hold."""
BLANKS = " \t"
_DIGITS = re.compile(r"-?[0-9]+", re.ASCII)

# RFC 6265 5.1.1
_DELIMITERS = re.compile(r"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])")
_MONTHS: Sequence[str] = "jan feb mar apr may jun jul aug sep oct nov dec".split()


def attributes_of(text: str) -> dict[str, str]:
    """Return the attributes of a `Set-Cookie` by name; the last of a name counts (5.2)."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        name, value = name.strip(BLANKS).lower(), value.strip(BLANKS)
        if len(value) <= _MAX_ATTRIBUTE and not _is_useless(name, value):
            found[name] = value
    return found


def _is_useless(name: str, value: str) -> bool:
    """Return whether an attribute counts as if it were not there (5.2.1, 5.2.2, 5.2.3)."""
    if name == "expires":
        return parse_date(value) is None
    if name == "max-age":
        return not _DIGITS.fullmatch(value)
    return name == "domain" and not value


def expiry_of(attributes: Mapping[str, str], now: float) -> float | None:
    """Return when a cookie is over; `Max-Age` counts before `Expires` (5.3, 3)."""
    age = attributes.get("max-age")
    if age is not None:
        if age.startswith("-") or not age.strip("0"):
            return 0.0
        return now + (FAR if len(age.lstrip("0")) > 10 else min(int(age[-10:]), FAR))
    expires = attributes.get("expires")
    return None if expires is None else parse_date(expires)


def parse_date(text: str) -> float | None:
    """Return the seconds since 1970 of a date as servers write it, `None` for none (5.1.1)."""
    clock = day = month = year = None
    for token in _DELIMITERS.split(text):
        if clock is None and (found := _TIME.match(token)):
            clock = [int(part) for part in found.groups()]
        elif day is None and (found := _DAY.match(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR.match(token)):
            year = int(found[1])
    if clock is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    hour, minute, second = clock
    if year < 1601 or hour > 23 or minute > 59 or second > 59:
        return None
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return float(calendar.timegm((year, month, day, hour, minute, second)))


def cookie_path(attributes: Mapping[str, str], target: str) -> str:
    """Return the path of a cookie: its own, or the folder of the request (5.1.4, 5.2.4)."""
    path = attributes.get("path", "")
    if path.startswith("/"):
        return path
    return target.partition("?")[0].rpartition("/")[0] or "/"
