"""`Retry`: when a call is sent again, and the conditions it is made of."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import ConfigurationError, FrameworkException
from .errors.base import IDEMPOTENT_METHODS
from .options import check_number, strict

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

    from .client.request import Request
    from .client.response import RawResponse

__all__ = [
    "TRANSIENT",
    "Condition",
    "Failure",
    "Retry",
    "find_wait",
    "on_error",
    "on_header",
    "on_status",
    "parse_date",
    "parse_retry_after",
    "read_reset",
    "when",
]

# Compiled when one is met, which saves every import most of a millisecond.
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SECONDS = "[0-9]{1,10}"
_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_RESET = r"(?:^|[;,\s])(?:t|reset)=([0-9]{1,10})(?=[;,\s]|$)"
_MOST_TEXT = 4096
_LEAST_TIME = 1e9
"""From here on a number in a reset field is a time since the epoch: as seconds, 31 years."""
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
"""The three forms of an HTTP date (RFC 9110 5.6.7): IMF-fixdate, RFC 850, asctime."""


class Failure(NamedTuple):
    """One attempt that failed: what a `Condition` is asked about.

    Attributes:
        request: What was sent.
        attempt: Its number in the call, from 1.
        response: The response, `None` where none came.
        error: What was raised, `None` where a response came.
    """

    request: Request
    attempt: int
    response: RawResponse | None = None
    error: FrameworkException | None = None

    @property
    def status(self) -> int | None:
        """The status of the response, `None` where none came."""
        return None if self.response is None else self.response.status


@dataclass(frozen=True, slots=True)
class Condition:
    """What a failure must be like for the call to be sent again; combined by `&`, `|` and `~`.

    Attributes:
        text: What it says, for its repr.
        test: Takes a `Failure` and returns whether it is like that.

    Example:
        >>> on_status(409) & ~on_header("X-Lock", "held")
        on_status(409) & ~on_header('X-Lock', 'held')
    """

    text: str
    test: Callable[[Failure], bool]

    def __call__(self, failure: Failure) -> bool:
        """Return whether a failure is like that."""
        return bool(self.test(failure))

    def __and__(self, other: Condition) -> Condition:
        one, two = self.test, _condition(other).test
        text = f"{_term(self)} & {_term(other)}"
        return Condition(text, lambda failure: bool(one(failure) and two(failure)))

    def __or__(self, other: Condition) -> Condition:
        one, two = self.test, _condition(other).test
        text = f"{self.text} | {other.text}"
        return Condition(text, lambda failure: bool(one(failure) or two(failure)))

    def __invert__(self) -> Condition:
        test = self.test
        shown = f"({self.text})" if " & " in self.text else _term(self)
        return Condition(f"~{shown}", lambda failure: not test(failure))

    def __repr__(self) -> str:
        return self.text


def on_status(*statuses: int) -> Condition:
    """Return the condition that a response came with one of these statuses.

    Raises:
        ConfigurationError: One is no status of an error, or there is none.
    """
    given: tuple[object, ...] = statuses
    if not given:
        raise ConfigurationError("on_status needs a status, such as on_status(409)")
    for status in given:
        if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:
            raise ConfigurationError(
                f"on_status takes statuses of errors, from 400 to 599, got {status!r}"
            )
    shown = ", ".join(map(str, statuses))
    return Condition(f"on_status({shown})", lambda failure: failure.status in statuses)


def on_error(*classes: type[FrameworkException]) -> Condition:
    """Return the condition that no whole response came, and why.

    Args:
        classes: Classes of the tree of errors; none of them means any fault that may pass.

    Raises:
        ConfigurationError: One is no class of the tree.
    """
    given: tuple[object, ...] = classes
    for one in given:
        if not isinstance(one, type) or not issubclass(one, FrameworkException):
            raise ConfigurationError(
                f"on_error takes classes of errors of the framework, got {one!r}"
            )
    shown = ", ".join(one.__name__ for one in classes)
    if not classes:
        return Condition("on_error()", _is_transient)
    return Condition(f"on_error({shown})", lambda failure: isinstance(failure.error, classes))


def on_header(name: str, value: str | None = None) -> Condition:
    """Return the condition that the response has a header field.

    Args:
        name: The name of the field, in any case.
        value: What it must be, in any case; `None` for anything.

    Raises:
        ConfigurationError: One of them is none.
    """
    given: tuple[object, object] = (name, value)
    if not isinstance(given[0], str) or not re.fullmatch(_TOKEN, name):
        raise ConfigurationError(f"on_header takes the name of a header, got {name!r}")
    if value is not None and not isinstance(given[1], str):
        raise ConfigurationError(f"on_header takes the text of a value, got {value!r}")
    shown = repr(name) if value is None else f"{name!r}, {value!r}"

    def test(failure: Failure) -> bool:
        if failure.response is None:
            return False
        found = failure.response.headers.getall(name, ())
        return any(value is None or one.strip().lower() == value.lower() for one in found)

    return Condition(f"on_header({shown})", test)


def when(test: Callable[[Failure], bool]) -> Condition:
    """Return the condition that a function of yours returns true for a `Failure`.

    Raises:
        ConfigurationError: It cannot be called.
    """
    if not callable(test):
        raise ConfigurationError(f"when takes a function of a Failure, got {test!r}")
    return Condition(f"when({getattr(test, '__name__', 'function')})", test)


def _condition(value: object) -> Condition:
    if isinstance(value, Condition):
        return value
    raise ConfigurationError(
        f"a condition is combined with another one, such as on_status(409), got {value!r}"
    )


def _term(condition: Condition) -> str:
    return f"({condition.text})" if " | " in condition.text else condition.text


def _is_transient(failure: Failure) -> bool:
    error = failure.error
    return error is not None and error._transient  # pyright: ignore[reportPrivateUsage]


TRANSIENT = on_error() | on_status(408, 429, 500, 502, 503, 504)
"""What may pass by itself: faults of the network, and 408, 429, 500, 502, 503, 504."""


@strict
@dataclass(frozen=True, slots=True)
class Retry:
    """When a call is sent again, and after which wait.

    A request is repeated only where that is safe: nothing was sent, or the method is idempotent
    (RFC 9110 9.2.2), or the call carries an idempotency key. Its body must be one that can be read
    again. The last error is the one that is raised; `earlier` holds those before it, and
    `retry_stopped_by` says why it was the last.

    Attributes:
        attempts: The most requests of one call, the first included; redirects do not count.
        on: Which failures are worth another attempt.
        methods: The methods that may be sent twice with the effect of once.
        backoff: Seconds; the wait before attempt n + 1 is a random number between 0 and this times
            2 to the power of n - 1.
        max_backoff: The most that this random number may be.
        max_retry_after: The longest wait that a server may ask for, in seconds; where it asks for
            more, the call fails at once, and `retry_after` of the error tells.
        wait_headers: Fields that ask for a wait beside `Retry-After`, which counts before them:
            `retry-after-ms`, `RateLimit`, `RateLimit-Reset`, `X-RateLimit-Reset` or the like.
        decide_headers: Fields in which a server says `true` or `false` to another attempt.
        budget: Tokens for each origin. An attempt again costs 5, or 10 after a timeout; a success
            gives back what its attempt cost, or 1. `None` for no budget.
        rejects_unprocessed: Whether this API answers 429 and 503 with `Retry-After` before it has
            done anything, so that any method may be repeated after them.
        idempotency_keys: Whether calls of other methods get an idempotency key of their own.
        idempotency_header: The field that carries the key.

    Example:
        >>> Retry(attempts=5, on=TRANSIENT | on_status(409)).attempts
        5
    """

    attempts: int = 3
    on: Condition = TRANSIENT
    methods: Collection[str] = IDEMPOTENT_METHODS
    backoff: float = 0.5
    max_backoff: float = 8.0
    max_retry_after: float = 120.0
    wait_headers: Sequence[str] = ("retry-after-ms",)
    decide_headers: Sequence[str] = ("x-should-retry", "stripe-should-retry")
    budget: float | None = 500
    rejects_unprocessed: bool = False
    idempotency_keys: bool = False
    idempotency_header: str = "Idempotency-Key"

    def __post_init__(self) -> None:
        attempts: object = self.attempts
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
            raise ConfigurationError(f"attempts must be a whole number above 0, got {attempts!r}")
        on: object = self.on
        if not isinstance(on, Condition):
            raise ConfigurationError(
                f"`on` of a Retry must be a condition, such as on_status(503), got {on!r}"
            )
        for name in ("backoff", "max_backoff", "max_retry_after"):
            value = getattr(self, name)
            if value != 0 or isinstance(value, bool):
                check_number(f"{name} of a Retry", value)
        if self.budget is not None:
            check_number("budget of a Retry", self.budget)
        for name in ("rejects_unprocessed", "idempotency_keys"):
            value = getattr(self, name)
            if value is not True and value is not False:
                raise ConfigurationError(f"{name} of a Retry must be True or False, got {value!r}")
        methods = (one.upper() for one in _texts("methods", self.methods))
        object.__setattr__(self, "methods", frozenset(methods))
        for name in ("wait_headers", "decide_headers"):
            names = tuple(one.lower() for one in _texts(name, getattr(self, name)))
            object.__setattr__(self, name, names)
        _texts("idempotency_header", (self.idempotency_header,))

    def __repr__(self) -> str:
        usual = {one.name: one.default for one in fields(self)}
        given = {name: getattr(self, name) for name in usual}
        shown = [f"{name}={value!r}" for name, value in given.items() if value != usual[name]]
        return f"Retry({', '.join(shown)})"


def _texts(name: str, values: Any) -> tuple[str, ...]:
    given: Any = values
    if isinstance(values, Iterable) and not isinstance(values, str | bytes):
        found = tuple(given)
        if all(isinstance(one, str) and re.fullmatch(_TOKEN, one) for one in found):
            return found
    raise ConfigurationError(f"{name} of a Retry must hold names, got {values!r}")


def find_wait(
    headers: CIMultiDictProxy[str], names: Sequence[str] = (), now: float | None = None
) -> float | None:
    """Return the seconds that a response asks to wait, `None` where it asks for none.

    `Retry-After` counts before any other field.

    Args:
        headers: The header fields of the response.
        names: Other fields that are read, in lower case, the most important first.
        now: The local time, in seconds since the epoch.
    """
    now = time.time() if now is None else now
    date = headers.get("Date")
    for name in ("retry-after", *names):
        values = headers.getall(name, ())
        if len(values) == 1:
            found = _READERS.get(name, read_reset)(values[0], date, now)
            if found is not None:
                return found
    return None


def _read_milliseconds(value: str, date: str | None, now: float) -> float | None:
    text = value.strip(" \t")
    return float(text) / 1000 if re.fullmatch(_NUMBER, text) else None


def _read_rate_limit(value: str, date: str | None, now: float) -> float | None:
    """Read `"policy";r=0;t=30`, or `limit=5, remaining=0, reset=30` of older drafts."""
    waits = [float(found) for found in re.findall(_RESET, value[:_MOST_TEXT])]
    return max(waits, default=None)


def read_reset(value: str, date: str | None, now: float) -> float | None:
    """Return the seconds of a reset field, which may be a time since the epoch.

    Args:
        value: The field as it came.
        date: The `Date` of the same response.
        now: The local time, in seconds since the epoch.
    """
    text = value.strip(" \t")
    if not re.fullmatch(_NUMBER, text):
        return None
    number = float(text)
    if number < _LEAST_TIME:
        return number
    since = parse_date(date.strip(" \t"), now) if date else None
    until = number / 1000 if number >= _LEAST_TIME * 1000 else number
    return max(0.0, until - (now if since is None else since))


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
    if re.fullmatch(_SECONDS, value):
        return float(value)
    until = parse_date(value, now)
    if until is None:
        return None
    since = parse_date(date.strip(" \t"), now) if date else None
    return max(0.0, until - (now if since is None else since))


def parse_date(text: str, now: float) -> float | None:
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


_READERS: dict[str, Callable[[str, str | None, float], float | None]] = {
    "retry-after": parse_retry_after,
    "retry-after-ms": _read_milliseconds,
    "x-ms-retry-after-ms": _read_milliseconds,
    "openai-poll-after-ms": _read_milliseconds,
    "ratelimit": _read_rate_limit,
}
"""How each field is read; any other as seconds or as a time since the epoch."""
