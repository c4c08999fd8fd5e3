"""The `Retry` value, and what a `Retry-After` means."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arya_api_framework import Retry
from arya_api_framework.errors import ConfigurationError
from arya_api_framework.retry import parse_retry_after

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
