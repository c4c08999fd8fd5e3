"""The `Retry` value and its conditions, what a `Retry-After` means, and the budget of retries."""

import dataclasses
import functools
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from multidict import CIMultiDict, CIMultiDictProxy

from arya_api_framework import Retry
from arya_api_framework.client.origins import Origins
from arya_api_framework.client.request import Request
from arya_api_framework.client.response import RawResponse
from arya_api_framework.errors import (
    CertificateError,
    ConfigurationError,
    ConnectionLost,
    DNSError,
    FrameworkException,
    HTTPNotFound,
    IncompleteResponse,
    ProtocolError,
    ReadTimeout,
    ResponseParseError,
)
from arya_api_framework.retry import (
    TRANSIENT,
    Condition,
    Failure,
    find_wait,
    on_error,
    on_header,
    on_status,
    parse_retry_after,
    when,
)

NOW = datetime(2026, 11, 20, 8, 49, 37, tzinfo=UTC)
IN_90_SECONDS = "Fri, 20 Nov 2026 08:51:07 GMT"


@pytest.mark.parametrize("attempts", [0, -1, True, 1.5, "3", None])
def test_attempts_must_be_a_whole_number_above_0(attempts: Any) -> None:
    """A retry that could never send is refused."""
    with pytest.raises(ConfigurationError, match="attempts"):
        Retry(attempts=attempts)


def test_a_retry_is_an_immutable_value() -> None:
    """Two retries of the same numbers are the same."""
    assert Retry() == Retry(attempts=3)
    assert hash(Retry(attempts=1)) == hash(Retry(attempts=1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Retry().attempts = 4  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]


BAD_NUMBERS: list[Any] = [-1, True, False, math.nan, math.inf, 1e300, "5", None, 1j, [1]]
BAD_NAMES: list[Any] = [
    "GET",
    b"GET",
    None,
    5,
    ["a b"],
    ["a:"],
    [""],
    [b"a"],
    [1],
    ["a\n"],
    ["\xe4"],
]


NO_CONDITIONS: list[Any] = [None, 503, [503], print, ConnectionLost]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[
            (name, bad)
            for name in ("backoff", "max_backoff", "max_retry_after")
            for bad in BAD_NUMBERS
        ],
        *[("budget", bad) for bad in BAD_NUMBERS if bad is not None],
        ("budget", 0),
        *[
            (name, bad)
            for name in ("methods", "wait_headers", "decide_headers")
            for bad in BAD_NAMES
        ],
        *[("idempotency_header", bad) for bad in ("", "a b", b"a", None, 5, "Key:", "Key\n")],
        *[
            (name, bad)
            for name in ("rejects_unprocessed", "idempotency_keys")
            for bad in (1, 0, None, "")
        ],
        *[("on", bad) for bad in NO_CONDITIONS],
    ],
)
def test_what_can_never_work_is_refused(field: str, value: Any) -> None:
    """Each field is checked when the value is made, and named in the error."""
    with pytest.raises(ConfigurationError, match=f"{field}\\b"):
        Retry(**{field: value})


def test_names_are_taken_in_any_case() -> None:
    """Methods are capitals, and fields are what HTTP says: without case."""
    retry = Retry(methods=["get", "Purge"], wait_headers=["X-Wait"], decide_headers=("X-A", "x-b"))
    assert retry.methods == {"GET", "PURGE"}
    assert retry.wait_headers == ("x-wait",)
    assert retry.decide_headers == ("x-a", "x-b")
    assert Retry(methods=()).methods == frozenset()
    assert Retry(backoff=0, max_backoff=0.0, max_retry_after=0, budget=None).budget is None


def test_a_retry_shows_what_is_not_usual() -> None:
    """Its repr is what makes it, without what it would be anyway."""
    assert repr(Retry()) == "Retry()"
    assert repr(Retry(attempts=5, budget=None)) == "Retry(attempts=5, budget=None)"
    on = on_status(409) | on_error()
    assert repr(Retry(on=on)) == "Retry(on=on_status(409) | on_error())"


def failure(
    status: int | None = None, error: FrameworkException | None = None, **fields: str
) -> Failure:
    """Return a failure of a request that nobody sent."""
    request: Any = object.__new__(Request)
    if status is None:
        return Failure(request, 1, error=error)
    raw = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in fields.items())
    return Failure(request, 1, RawResponse(status, raw, request))


def test_conditions_of_statuses() -> None:
    """A condition of statuses holds for a response that came, with one of them."""
    condition = on_status(409, 503)
    assert condition(failure(409))
    assert condition(failure(503))
    assert not condition(failure(500))
    assert not condition(failure(error=ConnectionLost("x")))
    assert failure(error=ConnectionLost("x")).status is None
    with pytest.raises(ConfigurationError, match="needs a status"):
        on_status()


def test_conditions_of_errors() -> None:
    """A condition of errors holds for those of its classes, or for those that may pass."""
    lost = failure(error=ConnectionLost("x"))
    assert on_error(ConnectionLost)(lost)
    assert not on_error(ReadTimeout, DNSError)(lost)
    assert not on_error(FrameworkException)(failure(503))
    for passing in (ConnectionLost("x"), DNSError("x"), ReadTimeout("x"), IncompleteResponse()):
        assert on_error()(failure(error=passing))
    for staying in (ProtocolError("x"), CertificateError("x"), ResponseParseError("x")):
        assert not on_error()(failure(error=staying))
    assert not on_error()(failure(503))
    assert [status for status in range(400, 600) if TRANSIENT(failure(status))] == [
        *(408, 429, 500, 502, 503, 504)
    ]


def test_conditions_of_headers() -> None:
    """Names and values are compared without case, and a field may come more than once."""
    assert on_header("X-LOCK")(failure(423, x_lock=""))
    assert on_header("x-lock", "held")(failure(423, X_Lock=" HELD "))
    assert not on_header("x-lock", "held")(failure(423, X_Lock="free"))
    assert not on_header("x-lock")(failure(423))
    assert not on_header("x-lock")(failure(error=ConnectionLost("x")))
    assert on_header("x-lock", "held")(failure(423, X_Lock="free", x_lock="held"))


def test_conditions_of_functions() -> None:
    """A function of the user's is given the failure, and returns what is true or not."""

    def second(failed: Failure) -> Any:
        return "yes" if failed.attempt == 2 else None

    condition = when(second)
    assert condition(failure(503)._replace(attempt=2)) is True
    assert condition(failure(503)) is False
    assert repr(condition) == "when(second)"
    assert repr(when(functools.partial(second))) == "when(function)"


YES = when(lambda _: True)
NO = when(lambda _: False)


@pytest.mark.parametrize("a", [True, False])
@pytest.mark.parametrize("b", [True, False])
def test_conditions_are_combined(a: bool, b: bool) -> None:
    """`&`, `|` and `~` are and, or and not."""
    one, other, any_failure = (YES if a else NO), (YES if b else NO), failure(503)
    assert (one & other)(any_failure) == (a and b)
    assert (one | other)(any_failure) == (a or b)
    assert (~one)(any_failure) == (not a)
    assert (~(one | other))(any_failure) == (not (a or b))
    assert (one | other & ~one)(any_failure) == (a or b)


def test_conditions_ask_no_more_than_needed() -> None:
    """What is decided already is not asked."""
    asked: list[Failure] = []
    noisy = when(lambda failed: bool(asked.append(failed)))  # type: ignore[func-returns-value]
    assert not (NO & noisy)(failure(503))
    assert (YES | noisy)(failure(503))
    assert asked == []


@pytest.mark.parametrize(
    "text",
    [
        "on_status(409)",
        "on_status(409, 503)",
        "on_error()",
        "on_error(ConnectionLost, ReadTimeout)",
        "on_header('X-Lock')",
        "on_header('X-Lock', 'held')",
        "on_status(409) & ~on_header('X-Lock')",
        "on_status(409) | on_status(503) & on_header('X-Lock')",
        "(on_status(409) | on_status(503)) & on_header('X-Lock')",
        "on_header('X-Lock') & (on_status(409) | on_status(503))",
        "~(on_status(409) | on_status(503))",
        "~(on_status(409) & on_header('X-Lock'))",
        "~~on_status(409)",
        "~on_status(409) | ~on_error() & ~on_status(503)",
    ],
)
def test_conditions_show_what_they_are(text: str) -> None:
    """The repr is the expression, with no parentheses but those that it needs."""
    names = {
        one.__name__: one for one in (on_status, on_error, on_header, ConnectionLost, ReadTimeout)
    }
    condition = eval(text, names)
    assert repr(condition) == str(condition) == text


def test_conditions_are_made_of_conditions_alone() -> None:
    """What was forgotten to be wrapped is refused at once, with what to write instead."""
    condition: Any = on_status(409)
    for other in NO_CONDITIONS:
        with pytest.raises(ConfigurationError, match="on_status\\(409\\)"):
            _ = condition & other
        with pytest.raises(ConfigurationError, match="condition"):
            _ = condition | other


@pytest.mark.parametrize("status", [200, 302, 399, 600, 0, -1, "503", None, True, 503.0])
def test_a_status_must_be_one_of_an_error(status: Any) -> None:
    """A success is never repeated."""
    with pytest.raises(ConfigurationError, match="on_status"):
        on_status(503, status)


@pytest.mark.parametrize("kind", [ValueError, "ConnectionLost", None, ConnectionLost("x"), OSError])
def test_an_error_must_be_one_of_the_tree(kind: Any) -> None:
    """Others never get to a condition."""
    with pytest.raises(ConfigurationError, match="on_error"):
        on_error(HTTPNotFound, kind)


@pytest.mark.parametrize(
    "arguments", [("",), ("a b",), (None,), (5,), (b"X",), ("X", 5), ("X", True), ("X", b"v")]
)
def test_a_header_must_be_a_name_and_a_text(arguments: Any) -> None:
    """A condition that could only fail later is refused."""
    with pytest.raises(ConfigurationError, match="on_header"):
        on_header(*arguments)


@pytest.mark.parametrize("test", [None, 5, True, "name"])
def test_a_test_must_be_callable(test: Any) -> None:
    """A value is no function."""
    with pytest.raises(ConfigurationError, match="when"):
        when(test)


def test_a_condition_of_ones_own() -> None:
    """The class is public, for those that want a text of their own."""
    condition = Condition("mine", lambda failed: failed.attempt < 2)
    assert repr(condition | NO) == "mine | when(<lambda>)"
    assert condition(failure(503))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("007", 7),
        ("9999999999", 9999999999),
        (" 120\t", 120),
        # The three forms of a date.
        (IN_90_SECONDS, 90),
        ("Friday, 20-Nov-26 08:51:07 GMT", 90),
        ("Fri Nov 20 08:51:07 2026", 90),
        ("Sat Nov  7 08:49:37 2026", 0),
        ("Tue Dec  1 08:49:37 2026", 11 * 86400),
        (f" {IN_90_SECONDS} ", 90),
        # Long past, and far ahead.
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Tue, 20 Nov 2040 08:49:37 GMT", 5114 * 86400),
        # Two digits of a year are at most 50 years ahead.
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("Friday, 20-Nov-76 08:49:37 GMT", 18263 * 86400),
        ("Friday, 20-Nov-77 08:49:37 GMT", 0),
        # A leap second.
        ("Fri, 20 Nov 2026 08:49:60 GMT", 22),
    ],
)
def test_a_wish_is_read(value: str, seconds: float) -> None:
    """Digits are seconds; a date is the seconds until then, 0 where it has passed."""
    assert parse_retry_after(value, None, NOW.timestamp()) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *["", " ", "-5", "+5", "1e9", "1.5", "nan", "inf", "0x10", "1_000", "120, 60", "5 s"],
        *[
            "9" * 11,
            "9" * 5000,
            "\u0661\u0662\u0660",
            "\uff11\uff12\uff10",
            "²",
            "soon",
            "\x00",
            "120\r\n",
        ],
        # Dates in no form of HTTP.
        *["2026-11-20T08:51:07Z", "20 Nov 2026 08:51:07 GMT", "Fri, 20 Nov 2026 08:51:07"],
        *["Fri, 20 Nov 2026 08:51:07 +0000", "Fri, 20 Nov 2026 08:51:07 EST"],
        *["fri, 20 nov 2026 08:51:07 gmt", "Fri, 20 Nov 26 08:51:07 GMT", "Fri,20 Nov 2026"],
        *["Fri Nov 20 08:51:07 2026 GMT", "Friday, 20 Nov 2026 08:51:07 GMT"],
        # Days and times there are not.
        *["Fri, 31 Feb 2026 08:51:07 GMT", "Fri, 20 Nov 2026 24:51:07 GMT"],
        *["Fri, 20 Nov 2026 08:60:07 GMT", "Fri, 20 Nov 2026 08:51:61 GMT"],
        *["Fri, 00 Nov 2026 08:51:07 GMT", "Fri, 20 Nov 0000 08:51:07 GMT"],
        "Fri, 20 Nov 2026 08:51:\u0660\u0667 GMT",
    ],
)
def test_anything_else_is_no_wish(value: str) -> None:
    """What is neither digits nor an HTTP date counts as absent, and is never an error."""
    assert parse_retry_after(value, None, NOW.timestamp()) is None


def test_a_date_counts_against_the_date_of_the_response() -> None:
    """A local clock that is an hour wrong changes nothing where the server tells its time."""
    wrong = (NOW + timedelta(hours=1)).timestamp()
    assert parse_retry_after(IN_90_SECONDS, "Fri, 20 Nov 2026 08:50:07 GMT", wrong) == 60
    assert parse_retry_after(IN_90_SECONDS, " Fri Nov 20 08:50:07 2026 ", wrong) == 60
    assert parse_retry_after(IN_90_SECONDS, None, wrong) == 0


def test_a_broken_date_of_the_response_is_left_out() -> None:
    """The local clock counts where the server's `Date` is none; seconds need no clock at all."""
    assert parse_retry_after(IN_90_SECONDS, "today", NOW.timestamp()) == 90
    assert parse_retry_after("5", "today", 0) == 5


@given(st.text(max_size=60), st.none() | st.text(max_size=60))
def test_no_text_makes_it_fail(value: str, date: str | None) -> None:
    """Whatever a server sends, the answer is a time that is not negative, or none."""
    seconds = parse_retry_after(value, date, NOW.timestamp())
    assert seconds is None or seconds >= 0


@given(st.integers(min_value=0, max_value=250_000_000_000))
def test_every_date_that_python_writes_is_read(seconds: int) -> None:
    """A date written by the standard library, to the second, is understood."""
    text = format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
    expected = max(0, seconds - NOW.timestamp())
    assert parse_retry_after(text, None, NOW.timestamp()) == expected


NAMES = [
    "Retry-After",
    "retry-after-ms",
    "RateLimit",
    "RateLimit-Reset",
    "X-RateLimit-Reset",
    "Date",
]
WISHES = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.floats(min_value=0, max_value=1e16).map("{:.3f}".format),
    st.integers(0, 10**13).map("t={};r=0".format),
    st.datetimes().map(lambda moment: format_datetime(moment.replace(tzinfo=UTC), usegmt=True)),
    st.from_regex(r"[0-9;:, =a-zA-Z\\-]{0,40}", fullmatch=True),
)


@settings(max_examples=500)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), WISHES), max_size=6),
    st.sampled_from([0.0, NOW.timestamp(), 4e9]),
)
def test_no_response_makes_it_fail(fields: list[tuple[str, str]], now: float) -> None:
    """Whatever fields come, each of them any number of times, the wait is a time, or none."""
    headers = CIMultiDictProxy(CIMultiDict(fields))
    wait = find_wait(headers, [name.lower() for name in NAMES[1:5]], now)
    assert wait is None or (wait >= 0 and math.isfinite(wait))


def test_a_field_that_comes_twice_is_none() -> None:
    """Which of them counts nobody can know; the next field does."""
    fields = [("Retry-After", "5"), ("Retry-After", "6"), ("retry-after-ms", "1500")]
    headers = CIMultiDictProxy(CIMultiDict(fields))
    assert find_wait(headers, ["retry-after-ms"]) == 1.5
    assert find_wait(headers) is None


ORIGINS = st.sampled_from(["http://a.test", "http://b.test", "https://a.test"])


class Budget(RuleBasedStateMachine):
    """What is left of each origin's tokens, next to a plain count of them."""

    TOKENS = 40

    def __init__(self) -> None:
        super().__init__()
        self.origins = Origins()
        self.left: dict[str, float] = {}

    @rule(origin=ORIGINS, cost=st.sampled_from([5.0, 10.0]))
    def spend(self, origin: str, cost: float) -> None:
        """Ask for another attempt."""
        left = self.left.get(origin, self.TOKENS)
        assert self.origins.spend(origin, cost, self.TOKENS) == (left >= cost)
        if left >= cost:
            self.left[origin] = left - cost

    @rule(origin=ORIGINS, tokens=st.sampled_from([1.0, 5.0, 10.0]))
    def succeed(self, origin: str, tokens: float) -> None:
        """Give back."""
        self.origins.give_back(origin, tokens)
        self.left[origin] = min(self.left.get(origin, self.TOKENS) + tokens, self.TOKENS)

    @rule()
    def fork(self) -> None:
        """Start over in a child, which owes what its parent did."""
        self.origins.start_over()

    @invariant()
    def is_what_was_counted(self) -> None:
        """The two agree, and origins that owe nothing take no room."""
        spent = {o: self.TOKENS - left for o, left in self.left.items() if left < self.TOKENS}
        assert self.origins.spent == spent


TestBudget = Budget.TestCase
