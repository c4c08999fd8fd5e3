"""`Call`: how long each part may take, and what an error is told of its call."""

import time
from typing import Any

import pytest
from multidict import CIMultiDict

from arya_api_framework import RawResponse, Timeout
from arya_api_framework.client.call import Call, Policy
from arya_api_framework.client.formats import find_format
from arya_api_framework.client.request import Request
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    ConnectTimeout,
    DeadlineExceeded,
    FrameworkException,
    HTTPTooManyRequests,
    PoolTimeout,
    ReadTimeout,
    RequestTimeout,
    ResponseParseError,
    WriteTimeout,
)


def make_call(deadline: float | None = None, **timeout: float | None) -> Call:
    """Return a call that has not begun."""
    request = Request("POST", Origin("https", "api.test", 443), "/x?token=hunter2", CIMultiDict())
    policy = Policy(
        timeout=Timeout(**{"total": None, "connect": None, **timeout}),
        deadline=deadline,
        error_responses={},
        follow_redirects="safe",
        max_redirects=10,
        max_response_size=1000,
        json_content_types=None,
        trusted_origins=frozenset(),
    )
    return Call(request, find_format(Any), False, policy)


def test_a_part_without_any_limit_has_none() -> None:
    """Nothing was asked for, so nothing ends the call."""
    call = make_call()
    call.begin()
    call.extend(5)
    assert call.ends is None
    assert call.time_for("read") is None
    assert call.attempts == 1


def test_a_part_has_its_own_limit_or_what_is_left_of_the_whole() -> None:
    """The smaller one counts."""
    call = make_call(total=10, read=3, connect=60)
    call.begin()
    assert call.time_for("read") == 3
    for phase in ("connect", "write", "pool"):
        left = call.time_for(phase)
        assert left is not None
        assert 9 < left <= 10


def test_the_deadline_bounds_the_whole() -> None:
    """It is counted from the start, waiting for the rate limit included."""
    call = make_call(deadline=1, total=100)
    assert call.deadline == call.ends
    call.begin()
    assert call.ends == call.deadline
    call.extend(50)
    assert call.ends == call.deadline
    late = make_call(deadline=100, total=1)
    late.begin()
    before = late.ends
    assert before is not None
    late.extend(5)
    assert late.ends == before + 5
    late.extend(1000)
    assert late.ends == late.deadline
    free = make_call(total=1)
    free.begin()
    before = free.ends
    assert before is not None
    free.extend(1000)
    assert free.ends == before + 1000
    alone = make_call(deadline=5)
    alone.begin()
    assert alone.ends == alone.deadline


@pytest.mark.parametrize(
    ("phase", "kind", "sent"),
    [
        ("pool", PoolTimeout, "no"),
        ("connect", ConnectTimeout, "no"),
        ("write", WriteTimeout, "maybe"),
        ("read", ReadTimeout, "maybe"),
    ],
)
def test_a_part_that_takes_too_long_has_its_own_error(phase: Any, kind: Any, sent: str) -> None:
    """It says which limit it was, and whether the server may have read the request."""
    call = make_call(**{phase: 0.5})
    call.begin()
    error = call.timed_out(phase)
    assert type(error) is kind
    assert "timed out after 0.5 s" in str(error)
    assert error.sent == sent
    assert call.timed_out(phase, "yes").sent == "yes"


def test_a_whole_that_is_over_has_the_error_of_the_whole() -> None:
    """A part has no time left then."""
    call = make_call(total=0.001)
    call.begin()
    time.sleep(0.002)
    with pytest.raises(RequestTimeout, match=r"over 0\.001 s, now sending") as caught:
        call.time_for("write")
    assert type(caught.value) is RequestTimeout
    assert caught.value.sent == "maybe"
    with pytest.raises(RequestTimeout) as before:
        call.time_for("connect")
    assert before.value.sent == "no"
    due = make_call(deadline=0.001, total=100)
    due.begin()
    time.sleep(0.002)
    with pytest.raises(DeadlineExceeded, match="deadline passed"):
        due.time_for("read")


def test_after_a_redirect_the_server_has_read_a_request() -> None:
    """That the last one was not sent does not mean that nothing was."""
    call = make_call()
    call.begin()
    raw = RawResponse(303, ((b"Location", b"/y"),), call.request)
    assert call.redirect(raw)
    assert call.timed_out("connect").sent == "no"
    error = call.timed_out("connect")
    call.explain(error)
    assert error.sent == "no", "of the last request"
    last = call.timed_out("connect")
    call.conclude(last)
    assert last.sent == "yes", "of the call"
    assert (error.method, error.url) == ("POST", "https://api.test/y")


def test_an_error_is_told_of_its_call() -> None:
    """Method, URL without values, attempts and time."""
    call = make_call()
    call.begin()
    error = FrameworkException("wrong")
    call.explain(error)
    assert (error.method, error.url) == ("POST", "https://api.test/x?token=***")
    assert error.attempts == 1
    assert error.elapsed > 0
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("fields", "wish"),
    [
        ((), None),
        (((b"Retry-After", b"120"),), 120),
        (((b"Retry-After", b"-5"),), None),
        (
            (
                (b"Date", b"Thu, 29 Feb 2024 00:00:00 GMT"),
                (b"Retry-After", b"Thu, 29 Feb 2024 00:01:00 GMT"),
            ),
            60,
        ),
    ],
)
def test_an_error_knows_how_long_the_server_wants_to_wait(fields: Any, wish: Any) -> None:
    """A date is counted from the server's own clock."""
    call = make_call()
    raw = RawResponse(429, fields, call.request)
    with pytest.raises(HTTPTooManyRequests) as caught:
        call.result(raw)
    call.explain(caught.value)
    assert caught.value.retry_after == wish


def test_an_error_without_a_response_asks_for_no_time() -> None:
    """An error made by hand has none."""
    call = make_call()
    error = HTTPTooManyRequests()
    call.explain(error)
    assert error.retry_after is None


def test_a_strange_content_type_is_shown_clean() -> None:
    """What a server sends as a type cannot disturb a log."""
    call = make_call()
    call.policy = call.policy._replace(json_content_types=("application/json",))
    raw = RawResponse(200, ((b"Content-Type", b"\x1b[2J" + b"x" * 500),), call.request, b"{}")
    with pytest.raises(ResponseParseError) as caught:
        call.result(raw)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
