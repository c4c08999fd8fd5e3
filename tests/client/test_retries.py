"""When a call is sent again, as the server reads it: R1 to R19, R22 and R23, on every way."""

import asyncio
import copy
import gc
import io
import logging
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import time
import uuid
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

from arya_api_framework import (
    BaseModel,
    Events,
    Hook,
    Retry,
    SubClient,
    Timeout,
)
from arya_api_framework.client.call import Call, Policy
from arya_api_framework.client.formats import find_format
from arya_api_framework.client.origins import Origins
from arya_api_framework.client.request import Request
from arya_api_framework.client.response import RawResponse
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    BodyNotReplayable,
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DeadlineExceeded,
    FrameworkException,
    HTTPConflict,
    HTTPError,
    HTTPMisdirectedRequest,
    HTTPNotFound,
    HTTPServiceUnavailable,
    HTTPTooManyRequests,
    IncompleteResponse,
    RateLimitTimeout,
    ReadTimeout,
    RequestTimeout,
    ResponseParseError,
    TooManyRedirects,
    UploadIncomplete,
)
from arya_api_framework.retry import TRANSIENT, on_error, on_header, on_status, when
from tests.client.conftest import Lane, hooked_session
from tests.patience import LATE, until_async
from tests.scripted import CLOSE, HANG, OK, RESET, Early, Read, Scripted, Step, answer

SOON = Retry(backoff=0.01)
METHODS = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH"]
RETRIED = METHODS[:6]
BUSY = answer(503)
CUT = (answer(200, length=10), CLOSE)
LOST = (b"HTTP/1.1 2", CLOSE)  # Not before the first byte: that could be a connection gone stale.

# The clock of a server that answered is read before it answers, so that a gap is never shorter
# than the wait was, save for the last digits of a clock.
GRAIN = 0.002


async def failure(call: Any) -> FrameworkException:
    """Await a call that fails, and return its error."""
    with pytest.raises(FrameworkException) as caught:
        await call
    return caught.value


def redirect(target: str, status: int = 302) -> bytes:
    """Return a redirect."""
    return answer(status, f"Location: {target}")


# R1: what may be sent again.


@pytest.mark.parametrize(
    ("method", "fault"),
    # A response to HEAD has no body that could be cut.
    [
        (method, fault)
        for method in METHODS
        for fault in (BUSY, CLOSE, RESET, CUT)
        if (method, fault) != ("HEAD", CUT)
    ],
)
async def test_what_the_server_may_have_read_is_repeated_for_idempotent_methods(
    lane: Lane, method: str, fault: Step
) -> None:
    """After a fault that may follow the work, only a method that may run twice is sent again."""
    async with Scripted(fault) as server:
        client = lane.client(server.url, retry=SOON)
        if method in RETRIED:
            await client.request(method, "/")
            assert [read.method for read in server.log] == [method, method]
        else:
            error = await failure(client.request(method, "/"))
            assert error.retry_stopped_by == "method"
            assert (error.attempts, error.earlier, error.sent) == (
                1,
                (),
                "yes" if fault in (BUSY, CUT) else "maybe",
            )
            assert len(server.log) == 1


@pytest.mark.parametrize("method", METHODS)
async def test_what_was_not_sent_is_repeated_for_every_method(lane: Lane, method: str) -> None:
    """Where no connection could be made, the server has read nothing."""
    async with Scripted(listening=False) as server:
        seen: list[Any] = []

        def then_listen(failed: Any) -> bool:
            seen.append(failed)
            if len(seen) == 2:
                server.listen()
            return True

        client = lane.client(server.url, retry=Retry(backoff=0.05, on=when(then_listen)))
        await client.request(method, "/")
        assert [read.method for read in server.log] == [method]
        assert [(failed.attempt, failed.status) for failed in seen] == [(1, None), (2, None)]
        assert [type(failed.error) for failed in seen] == [ConnectError] * 2


@pytest.mark.parametrize("fault", [BUSY, CLOSE, CUT], ids=["503", "close", "cut"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_call_with_a_key_is_repeated(lane: Lane, method: str, fault: Step) -> None:
    """A server that knows the key tells the second request from a second order."""
    async with Scripted(fault) as server:
        client = lane.client(server.url, retry=SOON)
        await client.request(method, "/", body={"a": 1}, idempotency_key="order-7")
        assert [read.headers["Idempotency-Key"] for read in server.log] == ["order-7"] * 2


@pytest.mark.parametrize(
    ("status", "fields", "reads"),
    [
        (429, ["Retry-After: 0"], 2),
        (503, ["Retry-After: 0"], 2),
        (503, ["retry-after-ms: 5"], 2),
        (503, [], 1),
        (500, ["Retry-After: 0"], 1),
        (503, ["Retry-After: soon"], 1),
    ],
)
async def test_an_api_that_rejects_before_it_works(
    lane: Lane, status: int, fields: list[str], reads: int
) -> None:
    """Only where the user says so, 429 and 503 with a wait are repeated for any method."""
    async with Scripted(answer(status, *fields), answer(status, *fields)) as server:
        client = lane.client(server.url, retry=Retry(backoff=0.01, rejects_unprocessed=True))
        if reads == 2:
            server.script.pop()
            await client.post("/", body={})
        else:
            assert (await failure(client.post("/", body={}))).retry_stopped_by == "method"
        assert len(server.log) == reads
        server.script[:] = [answer(status, *fields)]
        error = await failure(client.post("/", body={}, retry=SOON))
        assert error.retry_stopped_by == "method"


async def test_methods_are_those_of_the_retry(lane: Lane) -> None:
    """An API whose POST is idempotent, or whose DELETE is not, says so."""
    retry = Retry(backoff=0.01, methods=["post"])
    async with Scripted(BUSY, OK, BUSY) as server:
        client = lane.client(server.url, retry=retry)
        await client.post("/", body={})
        assert (await failure(client.delete("/"))).retry_stopped_by == "method"
        assert [read.method for read in server.log] == ["POST", "POST", "DELETE"]


async def test_an_error_tells_what_any_attempt_may_have_done(lane: Lane) -> None:
    """If the first attempt may have been read, so may the call, whatever the last one met."""
    async with Scripted() as server:

        def then_away(_: Read) -> Step:
            server.stop_listening()
            return CLOSE

        server.script[:] = [then_away]
        client = lane.client(server.url, retry=SOON)
        error = await failure(client.post("/", body={}, idempotency_key="k"))
        assert isinstance(error, ConnectError)
        assert error.sent == "maybe"
        assert not error.retryable
        assert [type(one) for one in error.earlier] == [ConnectionLost, ConnectError]
        assert len(server.log) == 1


# R2: one attempt is one request.


@pytest.mark.parametrize("retry", [Retry(attempts=1), None], ids=["1", "none"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_one_attempt_is_one_request(lane: Lane, method: str, retry: Retry | None) -> None:
    """Nothing below the client sends anything again by itself."""
    faults: list[Step] = [BUSY, CLOSE, RESET, CUT, answer(421), answer(425), answer(429)]
    async with Scripted() as server:
        client = lane.client(server.url, retry=retry)
        for fault in faults:
            for before in ([], [OK]):  # On a new connection, and on one that served before.
                server.log.clear()
                server.script[:] = [*before, fault, fault]
                for _ in before:
                    await client.get("/")
                error = await failure(client.request(method, "/"))
                assert len(server.log) == len(before) + 1
                assert (error.attempts, error.earlier) == (1, ())
                limited = retry is not None and (method != "POST" or fault == answer(421))
                if limited:
                    assert error.retry_stopped_by == "attempts"
                server.script.clear()


# R3: connections that died while they were idle.


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fate", [CLOSE, RESET])
async def test_a_stale_connection_is_replayed_at_once(
    lane: Lane, method: str, fate: Step, caplog: pytest.LogCaptureFixture
) -> None:
    """A kept connection that breaks before a byte of the answer is no attempt, and no wait."""
    caplog.set_level(logging.INFO)
    async with Scripted(OK, fate) as server:
        client = lane.client(server.url, retry=Retry(backoff=60, max_backoff=60))
        await client.get("/first")
        if method in RETRIED:
            start = time.monotonic()
            response = await client.request(method, "/", raw=True)
            assert response.status == 200
            assert time.monotonic() - start < LATE
            assert server.connections == [1, 1, 2]
            what = "again at once, as the idle connection was closed"
            told = [record.message for record in caplog.records if "at once" in record.message]
            assert told == [f"{method} {server.url}/: ConnectionLost, {what}"]
        else:
            error = await failure(client.request(method, "/"))
            assert isinstance(error, ConnectionLost)
            assert error.was_idle
            assert error.retry_stopped_by == "method"
            assert len(server.log) == 2


async def test_a_stale_connection_is_replayed_once(lane: Lane) -> None:
    """The replay is beside the attempts, and there is one: the next time is an attempt."""
    async with Scripted(OK, OK, CLOSE, CLOSE, CLOSE, CLOSE) as server:
        client = lane.client(server.url, retry=Retry(attempts=2, backoff=0.01))
        await asyncio.gather(client.get("/"), client.get("/"))
        error = await failure(client.get("/"))
        # The replay, and two attempts.
        assert (error.attempts, len(error.earlier)) == (2, 1)
        assert len(server.log) == 5


async def test_a_keyed_call_is_replayed(lane: Lane) -> None:
    """A POST with a key is replayed as well, with the same key."""
    async with Scripted(OK, CLOSE) as server:
        client = lane.client(server.url, retry=Retry(idempotency_keys=True, backoff=5))
        await client.get("/")
        await client.post("/", body={"a": 1})
        keys = {read.headers["Idempotency-Key"] for read in server.log[1:]}
        assert (len(server.log), len(keys)) == (3, 1)


@pytest.mark.parametrize("fault", [(b"HTTP/1.1 2", CLOSE), (b"HTTP/1.1 102 P\r\n\r\n", CLOSE)])
async def test_a_connection_that_began_to_answer_is_not_stale(lane: Lane, fault: Step) -> None:
    """Once a byte of the answer came, it is a fault like any other."""
    async with Scripted(OK, fault, fault) as server:
        client = lane.client(server.url, retry=Retry(attempts=2, backoff=0.01))
        await client.get("/")
        error = await failure(client.get("/"))
        assert (error.attempts, len(server.log)) == (2, 3)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_connection_that_was_closed_before_is_not_used(lane: Lane, method: str) -> None:
    """What was closed while idle is noticed before anything is written to it: no replay at all."""
    async with Scripted(OK) as server:
        client = lane.client(server.url, retry=Retry(attempts=1))
        await client.get("/")
        server.close_connections()
        await asyncio.sleep(0.1)  # The end travels through the kernel, and the loop of the client.
        await client.request(method, "/")
        assert server.connections == [1, 2]


async def test_a_body_that_is_gone_is_not_replayed(lane: Lane) -> None:
    """A stale connection that took an iterator with it cannot be replayed."""
    async with Scripted(OK, CLOSE) as server:
        client = lane.client(server.url, retry=SOON)
        await client.get("/")
        error = await failure(client.put("/", data=iter([b"once"])))
        assert isinstance(error, BodyNotReplayable)
        assert isinstance(error.__cause__, ConnectionLost)
        assert error.sent == "maybe"
        assert len(server.log) == 2


# R4: which statuses.


async def test_which_statuses_are_retried(lane: Lane) -> None:
    """408, 429, 500, 502, 503 and 504 pass by themselves; 421 and 425 want another connection."""
    repeated = {408, 421, 425, 429, 500, 502, 503, 504}
    async with Scripted() as server:
        client = lane.client(server.url, retry=Retry(attempts=2, backoff=0, budget=None))
        for status in range(400, 600):
            server.log.clear()
            server.script[:] = [answer(status), answer(status)]
            error = await failure(client.get("/"))
            assert isinstance(error, HTTPError)
            assert error.status_code == status
            assert len(server.log) == (2 if status in repeated else 1), status
            assert error.attempts == len(server.log)
            assert (error.retry_stopped_by is None) == (status not in repeated - {421, 425})


async def test_redirects_and_successes_are_no_failures(lane: Lane) -> None:
    """What is no error is not sent again, whatever it holds."""
    async with Scripted() as server:
        client = lane.client(server.url, retry=Retry(on=when(lambda _: True), backoff=0))
        for status in (200, 201, 204, 206, 300, 304):
            server.log.clear()
            server.script[:] = [answer(status, "x-should-retry: true", "Retry-After: 9", body=b"")]
            await client.get("/", raw=True)
            assert len(server.log) == 1


@pytest.mark.parametrize(
    ("on", "status", "fields", "reads"),
    [
        (TRANSIENT | on_status(409), 409, [], 2),
        (TRANSIENT & ~on_status(503), 503, [], 1),
        (on_status(503), 500, [], 1),
        (on_error(), 503, [], 1),
        (on_header("X-Lock", "held"), 423, ["X-Lock: Held"], 2),
        (on_header("X-Lock", "held"), 423, ["X-Lock: free"], 1),
        (on_header("X-Lock"), 423, ["x-lock: free"], 2),
        (when(lambda failed: failed.status == 418 and failed.attempt > 1), 418, [], 1),
    ],
)
async def test_conditions_are_asked(
    lane: Lane, on: Any, status: int, fields: list[str], reads: int
) -> None:
    """`on` is what the user makes it."""
    async with Scripted(answer(status, *fields)) as server:
        client = lane.client(server.url, retry=Retry(on=on, backoff=0.01))
        if reads == 2:
            await client.get("/")
        else:
            assert (await failure(client.get("/"))).retry_stopped_by is None
        assert len(server.log) == reads


@pytest.mark.parametrize(
    ("status", "field", "options", "reads"),
    [
        (503, "x-should-retry: false", {}, 1),
        (503, "Stripe-Should-Retry: FALSE", {}, 1),
        (409, "x-should-retry: true", {}, 2),
        (503, "x-should-retry: perhaps", {}, 2),
        (421, "x-should-retry: false", {}, 1),
        (503, "x-should-retry: false", {"decide_headers": ()}, 2),
        (503, "X-Again: false", {"decide_headers": ["X-Again"]}, 1),
    ],
)
async def test_a_server_may_decide(
    lane: Lane, status: int, field: str, options: Any, reads: int
) -> None:
    """A field of the response asks for another attempt, or forbids it."""
    async with Scripted(answer(status, field)) as server:
        client = lane.client(server.url, retry=Retry(backoff=0.01, **options))
        if reads == 2:
            await client.get("/")
        else:
            assert (await failure(client.get("/"))).retry_stopped_by is None
        assert len(server.log) == reads


async def test_a_server_cannot_make_a_post_be_sent_twice(lane: Lane) -> None:
    """What a server asks for is still held to what is safe."""
    async with Scripted(answer(409, "x-should-retry: true")) as server:
        error = await failure(lane.client(server.url, retry=SOON).post("/", body={}))
        assert isinstance(error, HTTPConflict)
        assert error.retry_stopped_by == "method"
        assert len(server.log) == 1


# R5: a body that is cut.


@pytest.mark.parametrize("fate", [CLOSE, RESET, HANG])
async def test_a_body_cut_after_a_success_is_asked_for_again(lane: Lane, fate: Any) -> None:
    """A success of which half came is a fault, also where the server just goes silent."""
    half = (answer(200, body=b'{"a"', length=8), fate)
    async with Scripted(half, answer(200, body=b'{"a": 1}')) as server:
        client = lane.client(
            server.url, retry=SOON, timeout=Timeout(read=1 if fate is HANG else 30)
        )
        assert await client.get("/") == {"a": 1}
        assert len(server.log) == 2
        server.script[:] = [half]
        error = await failure(client.post("/", body={}))
        assert isinstance(error, ReadTimeout if fate is HANG else IncompleteResponse)
        assert error.sent == "yes"
        assert error.retry_stopped_by == "method"


# R6: backoff.


def a_call(retry: Retry, url: str = "http://a.test", timeout: Timeout | None = None) -> Call:
    """Return a call that nobody sends."""
    origin = Origin.of(URL(url))
    policy = Policy(
        timeout or Timeout(), None, {}, "safe", 10, 1000, None, frozenset({origin}), retry=retry
    )
    return Call(Request("GET", origin, "/", CIMultiDict()), find_format(bytes), False, policy)


def waits(retry: Retry) -> list[float]:
    """Return the waits of a call that fails each time."""
    call, origins = a_call(retry), Origins()
    found: list[float] = []
    while True:
        call.begin()
        wait = call.after_error(ConnectionLost("closed"), origins, logging.getLogger("nowhere"))
        if wait is None:
            return found
        found.append(wait)


def test_backoff_is_full_jitter() -> None:
    """The wait before attempt n + 1 is anything from 0 to the backoff times 2 to the n - 1."""
    retry = Retry(attempts=8, budget=None)
    many = [waits(retry) for _ in range(400)]
    for number in range(7):
        top = min(8.0, 0.5 * 2**number)
        column = [one[number] for one in many]
        assert 0 <= min(column) < top * 0.05
        assert top * 0.95 < max(column) <= top
        assert top * 0.4 < sum(column) / len(column) < top * 0.6


def test_backoff_is_bounded_however_often() -> None:
    """Doubling for ever ends at the bound, not in an overflow."""
    assert max(waits(Retry(attempts=1200, max_backoff=2, budget=None))) <= 2
    assert set(waits(Retry(attempts=50, backoff=0, budget=None))) == {0.0}
    assert set(waits(Retry(attempts=50, max_backoff=0, budget=None))) == {0.0}


def test_two_clients_do_not_retry_together() -> None:
    """Clients that fail at the same time come back at different times."""
    state = random.getstate()
    one, other = waits(Retry(attempts=6)), waits(Retry(attempts=6))
    assert state != random.getstate()
    assert all(a != b for a, b in zip(one, other, strict=True))


async def test_waits_are_waited(lane: Lane) -> None:
    """The server reads the attempts as far apart as the log says."""
    async with Scripted(BUSY, BUSY) as server:
        client = lane.client(server.url, retry=Retry(backoff=0.2, max_backoff=0.2))
        start = time.monotonic()
        await client.get("/")
        assert max(server.gaps) < 0.2 + LATE
        assert sum(server.gaps) <= time.monotonic() - start


# R7: what asks for a wait.

NOW = datetime(2026, 11, 20, 8, 49, 37, tzinfo=UTC)
SKEWED = "Date: Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("fields", "wait"),
    [
        (["Retry-After: 120"], 120),
        (["Retry-After: 0"], 0),
        # The three forms of a date, of a server whose clock is decades wrong.
        ([SKEWED, "Retry-After: Sun, 06 Nov 1994 08:49:47 GMT"], 10),
        ([SKEWED, "Retry-After: Sunday, 06-Nov-94 08:49:47 GMT"], 10),
        ([SKEWED, "Retry-After: Sun Nov  6 08:49:47 1994"], 10),
        ([SKEWED, "Retry-After: Sun, 06 Nov 1994 08:00:00 GMT"], 0),
        (["Retry-After: Sun, 06 Nov 1994 08:49:47 GMT"], 0),
        # Other fields, after that one.
        (["retry-after-ms: 1500"], 1.5),
        (["Retry-After-Ms: 62.5"], 0.0625),
        (["retry-after-ms: 1500", "Retry-After: 7"], 7),
        (["retry-after-ms: 1500", "Retry-After: soon"], 1.5),
        (['RateLimit: "default";r=0;t=30'], 30),
        (['RateLimit: "burst";r=0;t=3, "daily";r=9;t=40'], 40),
        (["RateLimit: limit=5, remaining=0, reset=12"], 12),
        (["RateLimit-Reset: 30"], 30),
        (["X-RateLimit-Reset: 31"], 31),
        ([SKEWED, "X-RateLimit-Reset: 784111787"], 784111787),
        (["Date: Fri, 20 Nov 2026 08:49:37 GMT", "X-RateLimit-Reset: 1795164587"], 10),
        (["Date: Fri, 20 Nov 2026 08:49:37 GMT", "X-RateLimit-Reset: 1795164587000"], 10),
        (["X-RateLimit-Reset: 1795164587000", "Retry-After: 4"], 4),
        # No wishes.
        *[
            ([f"Retry-After: {text}"], None)
            for text in (
                *("-5", "1e9", "nan", "", "9" * 5000, "120, 60", "inf", "1.5", "+5", "soon"),
                "\u0661\u0662\u0660".encode().decode("latin-1"),
            )
        ],
        (["Retry-After: 120", "Retry-After: 60"], None),
        (["Retry-After: 5", "Retry-After: 5"], None),
        (["retry-after-ms: -5"], None),
        (["retry-after-ms: nan"], None),
        (["RateLimit: t=-5"], None),
        (["X-RateLimit-Reset: never"], None),
        ([], None),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_a_server_asks_for_is_read(
    lane: Lane, fields: list[str], wait: float | None
) -> None:
    """Each form of a wish is understood, and what is none is absent."""
    names = ["retry-after-ms", "RateLimit", "RateLimit-Reset", "X-RateLimit-Reset"]
    async with Scripted(answer(429, *fields)) as server:
        client = lane.client(server.url, retry=Retry(attempts=1, wait_headers=names))
        error = await failure(client.get("/"))
        assert isinstance(error, HTTPTooManyRequests)
        assert error.retry_after == wait


async def test_a_date_without_that_of_the_server_is_our_time(lane: Lane) -> None:
    """The local clock counts where the response does not tell its time."""
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    async with Scripted(answer(429, f"Retry-After: {then}")) as server:
        error = await failure(lane.client(server.url, retry=Retry(max_retry_after=5)).get("/"))
        assert error.retry_after is not None
        assert 30 - 2 * LATE < error.retry_after <= 30


@pytest.mark.parametrize(
    ("status", "fields", "wait"),
    [
        (503, ["Retry-After: 1"], 1),
        (500, ["retry-after-ms: 300"], 0.3),
        (429, [SKEWED, "Retry-After: Sun, 06 Nov 1994 08:49:38 GMT"], 1),
    ],
)
async def test_a_wish_is_obeyed(lane: Lane, status: int, fields: list[str], wait: float) -> None:
    """The next attempt comes no earlier, also where the random wait is shorter."""
    async with Scripted(answer(status, *fields)) as server:
        await lane.client(server.url, retry=Retry(backoff=0)).get("/")
        assert wait - GRAIN <= server.gaps[0] < wait + LATE


async def test_nonsense_is_an_ordinary_backoff(lane: Lane) -> None:
    """Values that are none neither fail nor wait."""
    nonsense = ["-5", "1e9", "nan", "", "9" * 5000, "120, 60"]
    async with Scripted(*[answer(503, f"Retry-After: {text}") for text in nonsense]) as server:
        await lane.client(server.url, retry=Retry(attempts=7, backoff=0)).get("/")
        assert len(server.log) == 7
        assert max(server.gaps) < LATE


# R8: waits that are too long.


@pytest.mark.parametrize(
    ("seconds", "options", "stop"),
    [
        (121, {}, "retry_after"),
        (9999999999, {}, "retry_after"),
        (2, {"retry": Retry(max_retry_after=1)}, "retry_after"),
        (20, {"timeout": 10}, "timeout"),
        (20, {"deadline": 10}, "timeout"),
        (20, {"deadline": 10, "timeout": None}, "timeout"),
    ],
)
async def test_a_wait_that_is_too_long_fails_at_once(
    lane: Lane, seconds: int, options: Any, stop: str
) -> None:
    """The caller is told what the server asks for, and can come back then."""
    async with Scripted(answer(429, f"Retry-After: {seconds}")) as server:
        client = lane.client(server.url, **{"retry": Retry(), **options})
        error = await failure(client.get("/"))
        # Had it waited, there would be another error, and another request.
        assert isinstance(error, HTTPTooManyRequests)
        assert (error.retry_after, error.retry_stopped_by) == (seconds, stop)
        assert len(server.log) == 1


# R9: everyone waits.

PAUSE = answer(429, "retry-after-ms: 1000")
LONG_PAUSE = 2.0


async def pause_of(client: Any) -> float:
    """Wait until a client has read an answer that makes it pause; return until when it does."""
    origins: Origins = client.target._origins
    await until_async(lambda: origins.paused)  # Nothing tells that it has read an answer.
    return max(origins.paused.values())


async def test_a_pause_is_for_every_call_to_the_origin(lane: Lane) -> None:
    """Other calls, those of copies and of sub-clients wait too; another origin does not."""
    base: Any = lane.base

    class Items(SubClient, relative_path="/items"):
        """A part of the API."""

    class Api(base):  # type: ignore[misc]
        """An API."""

        goods = Items()

    async with Scripted(PAUSE) as server, Scripted() as other:
        options: Any = {"retry": SOON, "trusted_origins": [other.url]}
        if lane.lane == "compatible":
            options["session_factory"] = hooked_session
        client = lane.wrap(Api(server.url, **options))
        first = asyncio.ensure_future(client.get("/first"))
        await server.has_read(1)
        await pause_of(client)
        twin = client.with_options(headers={"X-A": "1"}, retry=None)
        others = [client.get("/2"), twin.get("/3"), client.goods.get("/4"), client.post("/5")]
        away = client.get(f"{other.url}/away")
        await asyncio.gather(first, away, *others)
        assert other.log[0].at < min(read.at for read in server.log[1:])
        assert sorted(read.target for read in server.log[1:]) == [
            *("/2", "/3", "/5", "/first", "/items/4")
        ]
        assert all(read.at - server.log[0].at > 1 - GRAIN for read in server.log[1:])


async def test_the_pause_of_another_origin_takes_no_slots(lane: Lane) -> None:
    """While one origin rests, calls to another go on, and take one slot of the rate limit each."""
    async with Scripted(PAUSE) as server, Scripted() as other:
        client = lane.client(
            server.url,
            retry=SOON,
            trusted_origins=[other.url],
            rate_limit=20,
            rate_limit_interval=60,
        )
        first = asyncio.ensure_future(client.get("/first"))
        await server.has_read(1)
        await pause_of(client)
        for number in range(5):
            await client.get(f"{other.url}/{number}")
        assert len(server.log) == 1, "the pause is not over"
        await first
        for number in range(13):  # 1 + 5 + 1 + 13 slots of 20 are taken.
            await client.get(f"/{number}", deadline=20)
        assert isinstance(await failure(client.get("/", deadline=20)), RateLimitTimeout)


async def test_a_pause_that_is_over_is_forgotten(lane: Lane) -> None:
    """A call of another origin does not wait for ever for one that nobody asks any more."""
    async with Scripted(answer(429, "retry-after-ms: 50")) as server, Scripted() as other:
        client = lane.client(
            server.url, retry=Retry(attempts=1), trusted_origins=[other.url], rate_limit=100
        )
        await failure(client.get("/"))
        await asyncio.sleep(0.06)
        await client.get(f"{other.url}/", deadline=30)
        assert len(other.log) == 1


async def test_a_wait_for_others_does_not_count(lane: Lane) -> None:
    """For whom the server did not answer, the pause is a queue: `timeout` is for work."""
    async with Scripted(answer(429, f"retry-after-ms: {LONG_PAUSE * 1000:.0f}")) as server:
        client = lane.client(server.url, retry=SOON)
        first = asyncio.ensure_future(client.get("/first"))
        await server.has_read(1)
        await pause_of(client)
        await client.get("/second", timeout=LONG_PAUSE / 2)
        await first


async def test_a_pause_beyond_the_deadline_fails_at_once(lane: Lane) -> None:
    """A waiting call with a deadline that lies before the end of the pause sends nothing."""
    async with Scripted(answer(429, "Retry-After: 60")) as server:
        client = lane.client(server.url, retry=SOON)
        await failure(client.get("/first", retry=Retry(attempts=1)))
        start = time.monotonic()
        error = await failure(client.get("/second", deadline=30))
        assert isinstance(error, RateLimitTimeout)
        assert time.monotonic() - start < LATE
        assert (error.sent, error.attempts) == ("no", 0)
        assert error.retry_after is not None
        assert 60 - LATE < error.retry_after <= 60
        assert [read.target for read in server.log] == ["/first"]


async def test_a_429_without_a_wish_pauses_for_the_backoff(lane: Lane) -> None:
    """Others wait as long as the call that got it does."""
    async with Scripted(answer(429)) as server:
        client = lane.client(server.url, retry=Retry(backoff=1))
        first = asyncio.ensure_future(client.get("/first"))
        await server.has_read(1)
        until = await pause_of(client)
        await client.get("/second")
        assert time.monotonic() >= until
        await first
        assert all(read.at > until - GRAIN for read in server.log[1:])


async def test_a_503_pauses_where_it_asks_to(lane: Lane) -> None:
    """Also where the call that got it is not sent again, and not where the wait is too long."""
    async with Scripted(
        answer(503, "retry-after-ms: 300"), OK, answer(503, "Retry-After: 500")
    ) as s:
        client = lane.client(s.url, retry=SOON)
        await failure(client.post("/", body={}))
        await client.get("/")
        assert s.gaps[0] > 0.3 - GRAIN
        await failure(client.get("/"))
        await client.get("/", deadline=30)


async def test_a_pause_on_the_way_of_a_redirect(lane: Lane) -> None:
    """A redirect to an origin that rests waits, and one that would wait too long fails at once."""
    async with Scripted(answer(503, "retry-after-ms: 1500")) as server, Scripted() as other:
        other.script[:] = [redirect(f"{server.url}/there")] * 2
        client = lane.client(other.url, retry=SOON, trusted_origins=[server.url])
        await failure(client.post(f"{server.url}/", body={}))
        error = await failure(client.get("/", deadline=1))
        assert isinstance(error, RateLimitTimeout)
        # The server of the first request has read it, and there was no second attempt.
        assert (error.sent, error.attempts, error.earlier) == ("yes", 1, ())
        assert len(other.log) == 1
        await client.get("/", timeout=1)
        assert server.gaps[0] > 1.5 - GRAIN


# R10, R11: the total.


async def test_a_timeout_is_for_all_attempts(lane: Lane) -> None:
    """Hanging attempts, and the waits between them, end when the total is over."""
    async with Scripted(*[HANG] * 20) as server:
        retry = Retry(attempts=20, backoff=0.05, max_backoff=0.05)
        client = lane.client(server.url, retry=retry, timeout=Timeout(total=2, read=0.3))
        start = time.monotonic()
        error = await failure(client.get("/"))
        assert time.monotonic() - start < 2 + LATE
        assert isinstance(error, RequestTimeout)
        assert error.retry_stopped_by == "timeout"
        # The last may have been over before it was connected.
        assert 2 <= len(server.log) <= error.attempts <= len(server.log) + 1 <= 8
        # A clock may tell the last one that the total is over, and the plan that it is not yet.
        assert all(type(one) is ReadTimeout for one in error.earlier[:-1])


async def test_a_total_that_is_over_is_not_tried_again(lane: Lane) -> None:
    """When the time is gone there is no other attempt, also where it would follow at once."""
    async with Scripted(HANG, HANG) as server:
        client = lane.client(server.url, retry=Retry(backoff=0), timeout=0.2)
        error = await failure(client.get("/"))
        assert type(error) is RequestTimeout
        assert error.retry_stopped_by == "timeout"
        error = await failure(client.get("/", timeout=None, deadline=0.2))
        assert type(error) is DeadlineExceeded
        assert error.retry_stopped_by == "timeout"
        assert len(server.log) == 2


async def test_backoff_counts_as_work(lane: Lane) -> None:
    """A wait that would end after the timeout is not begun: the error comes at once."""
    async with Scripted(*[answer(503, "retry-after-ms: 900")] * 9) as server:
        client = lane.client(server.url, retry=Retry(attempts=9, backoff=0), timeout=2.6)
        start = time.monotonic()
        error = await failure(client.get("/"))
        assert time.monotonic() - start < 2.6
        assert isinstance(error, HTTPServiceUnavailable)
        assert (error.attempts, error.retry_stopped_by) == (3, "timeout")


async def test_a_total_is_always_on(lane: Lane) -> None:
    """A client that nobody told anything has a total, a budget and three attempts."""
    client = lane.client("http://a.test", retry=Retry())
    policy = client.target._make_policy()
    assert policy.timeout.total == 300
    assert (policy.retry.attempts, policy.retry.budget) == (3, 500)
    assert lane.wrap(lane.base("http://a.test")).target._make_policy().retry == Retry()


# R12: the time that is left.


@pytest.mark.parametrize(
    ("name", "unit", "scale"),
    [("X-Request-Timeout-Ms", "", 1000), ("grpc-timeout", "m", 1000), ("X-Timeout", "", 1)],
)
async def test_the_time_left_is_told(lane: Lane, name: str, unit: str, scale: int) -> None:
    """Each attempt, and each step of a redirect, tells what is left of the caller's time."""
    wait = answer(503, "retry-after-ms: 100")
    async with Scripted(wait, wait) as server:

        def later(_: Read) -> Step:
            time.sleep(0.05)
            return redirect("/there")

        server.script.append(later)
        client = lane.client(server.url, retry=SOON, timeout=30, deadline_header=name)
        await client.get("/")
        left = [float(read.headers[name].removesuffix(unit)) / scale for read in server.log]
        assert all(read.headers[name].endswith(unit) for read in server.log)
        assert left[0] <= 30
        assert left[0] - left[1] > 0.095
        assert left[1] - left[2] > 0.095
        assert left[0] - left[3] < sum(server.gaps) + LATE
        assert left[2] - left[3] > 0.04
        await client.get("/", deadline=2 * LATE)
        assert LATE < float(server.log[-1].headers[name].removesuffix(unit)) / scale <= 2 * LATE


async def test_a_long_time_is_told_as_grpc_can(lane: Lane) -> None:
    """A `grpc-timeout` has eight digits at most; without a limit there is no field at all."""
    async with Scripted() as server:
        client = lane.client(server.url, retry=SOON, deadline_header="grpc-timeout")
        for timeout in (99_000, 100_001, 3e8):
            await client.get("/", timeout=timeout)
        await client.get("/", timeout=None)
        told = [read.headers.get("grpc-timeout") for read in server.log]
        assert told[0] is not None
        assert told[0].endswith("m")
        assert told[1:] == ["100000S", "99999999S", None]


# R13: the budget.


def test_a_budget_is_a_hundred_attempts() -> None:
    """An origin that always fails gets 100 attempts again, then none until one succeeds."""
    origins, retry = Origins(), Retry()
    log = logging.getLogger("nowhere")

    def again(error: FrameworkException) -> bool:
        call = a_call(retry)
        call.begin()
        return call.after_error(error, origins, log) is not None

    assert sum(again(ConnectionLost("x")) for _ in range(300)) == 100
    succeeded = a_call(retry)
    for number in range(1, 11):
        succeeded.succeed(origins)
        assert again(ConnectionLost("x")) == (number % 5 == 0)
    # After a timeout it is 10.
    assert sum(again(ReadTimeout("x")) for _ in range(5)) == 0
    for _ in range(9):
        succeeded.succeed(origins)
    assert not again(ReadTimeout("x"))
    succeeded.succeed(origins)
    assert again(ReadTimeout("x"))


@pytest.mark.parametrize(("error", "cost"), [(ConnectionLost("x"), 5), (ReadTimeout("x"), 10)])
def test_a_success_after_a_retry_gives_back_its_cost(error: FrameworkException, cost: int) -> None:
    """A retry that helped was worth it; a first attempt gives back 1, and never above the start."""
    origins, log = Origins(), logging.getLogger("nowhere")
    call = a_call(Retry(attempts=5))
    call.begin()
    call.after_error(error, origins, log)
    call.begin()
    call.after_error(error, origins, log)
    assert origins.spent == {"http://a.test": 2 * cost}
    call.begin()
    call.succeed(origins)
    assert origins.spent == {"http://a.test": cost}
    for left in range(cost - 1, 0, -1):
        a_call(Retry()).succeed(origins)
        assert origins.spent == {"http://a.test": left}
    a_call(Retry()).succeed(origins)
    a_call(Retry()).succeed(origins)
    assert origins.spent == {}


def test_origins_are_forgotten_in_time() -> None:
    """A server that leads to thousands of origins cannot fill the memory."""
    origins = Origins()
    for number in range(3000):
        assert origins.spend(f"http://{number}.test", 5, 500)
        origins.pause(f"http://{number}.test", 100)
    assert (len(origins.spent), len(origins.paused)) == (1000, 1000)
    assert origins.pause_left("http://2999.test") > 99
    assert origins.pause_left("http://0.test") == 0
    origins.pause("http://2999.test", 1)  # It does not shorten one.
    assert origins.pause_left("http://2999.test") > 90
    origins.start_over()
    assert origins.spend("http://2999.test", 495, 500)
    assert not origins.spend("http://2999.test", 5, 500)


async def test_an_empty_budget_stops_retries(lane: Lane) -> None:
    """The error comes at once when the tokens are gone, and successes bring them back."""
    async with Scripted(*[BUSY] * 50) as server, Scripted(BUSY) as other:
        retry = Retry(attempts=10, backoff=0.001, budget=20)
        client = lane.client(server.url, retry=retry, trusted_origins=[other.url])
        error = await failure(client.get("/"))
        assert (error.attempts, error.retry_stopped_by) == (5, "budget")
        assert len(error.earlier) == 4
        twin = client.with_options(headers={"X-A": "1"})
        error = await failure(twin.get("/"))
        assert (error.attempts, error.retry_stopped_by) == (1, "budget")
        await client.get(f"{other.url}/")  # Another origin has a budget of its own.
        server.script.clear()
        for _ in range(5):
            await client.get("/")
        server.script[:] = [BUSY, BUSY]
        error = await failure(client.get("/"))
        assert (error.attempts, error.retry_stopped_by) == (2, "budget")
        # Asked for: none at all.
        server.script[:] = [BUSY] * 9
        await client.get("/", retry=Retry(attempts=10, backoff=0.001, budget=None))


async def test_a_success_counts_for_every_origin_on_the_way(lane: Lane) -> None:
    """An origin that always leads to another one gets its tokens back as well."""
    async with Scripted(BUSY, BUSY) as server, Scripted() as other:
        client = lane.client(server.url, retry=Retry(backoff=0, budget=10))
        for _ in range(3):
            server.script[:] = [BUSY, redirect(f"{other.url}/file")]
            await client.get("/")
        assert client.target._origins.spent == {}
        assert len(other.log) == 3


# R14: keys.


async def test_keys_are_made_once_a_call(lane: Lane) -> None:
    """One key for all attempts of a call, another for the next, none where none is needed."""
    async with Scripted(BUSY, BUSY, OK, CLOSE) as server:
        client = lane.client(server.url, retry=Retry(backoff=0.01, idempotency_keys=True))
        await client.post("/", body={"a": 1})
        await client.patch("/", body={"a": 1})
        await client.get("/")
        await client.put("/", body={})
        await client.post("/", body={}, idempotency_key="mine")
        await client.post("/", body={}, headers={"idempotency-key": "mine too"})
        keys = [read.headers.get("Idempotency-Key") for read in server.log]
        assert keys[0] == keys[1] == keys[2] != keys[3] == keys[4]
        assert keys[5:] == [None, None, "mine", "mine too"]
        assert all(uuid.UUID(key).version == 4 for key in keys[:5])
        assert all(len(read.headers.getall("Idempotency-Key", ())) < 2 for read in server.log)


async def test_the_header_of_a_key_can_be_another(lane: Lane) -> None:
    """Its name is that of the `Retry`, of the call or of the client."""
    retry = Retry(backoff=0.01, idempotency_header="X-Request-Id", idempotency_keys=True)
    async with Scripted(BUSY, OK, BUSY, OK, BUSY) as server:
        client = lane.client(server.url, retry=retry)
        await client.post("/", body={})
        await client.post("/", body={}, idempotency_key="mine")
        await client.post("/", body={}, idempotency_key="k", retry=Retry(backoff=0.01))
        keys = [read.headers.get("X-Request-Id") for read in server.log]
        assert keys[0] == keys[1] is not None
        assert keys[2:] == ["mine", "mine", None, None]
        assert [read.headers.get("Idempotency-Key") for read in server.log[4:]] == ["k", "k"]
        await client.post("/", body={}, idempotency_key="k", retry=None)
        assert server.log[-1].headers["Idempotency-Key"] == "k"


async def test_a_key_is_no_field_of_the_framing(lane: Lane) -> None:
    """A header that is the transport's cannot carry a key, for the client or for a call."""
    retry = Retry(idempotency_keys=True, idempotency_header="Content-Length")
    with pytest.raises(ConfigurationError, match="Content-Length"):
        lane.client("http://a.test", retry=retry)
    error = await failure(lane.client("http://a.test").post("/", body={}, retry=retry))
    assert isinstance(error, ConfigurationError)


async def test_a_request_that_is_built_once_has_a_key_each_time(lane: Lane) -> None:
    """Sending it twice is two orders."""
    async with Scripted(BUSY) as server:
        client = lane.client(server.url, retry=Retry(backoff=0.01, idempotency_keys=True))
        built = client.build("POST", "/", body={"a": 1})
        await client.send(built)
        await client.send(built)
        keys = [read.headers["Idempotency-Key"] for read in server.log]
        assert keys[0] == keys[1] != keys[2]
        assert "Idempotency-Key" not in built.headers


async def test_a_key_is_never_sent_with_another_body(lane: Lane) -> None:
    """A redirect that drops the body drops the key with it, and one that keeps it keeps both."""
    async with Scripted(redirect("/a", 303), BUSY, OK, redirect("/b", 307), BUSY) as server:
        client = lane.client(server.url, retry=SOON)
        await client.post("/", body={"a": 1}, idempotency_key="k")
        await client.post("/", body={"a": 1}, idempotency_key="k")
        found = [(r.method, r.headers.get("Idempotency-Key"), r.body) for r in server.log]
        post = ("POST", "k", b'{"a":1}')
        assert found == [post, ("GET", None, b""), ("GET", None, b""), post, post, post]


# R15: bodies.


class Order(BaseModel):
    """Something to send."""

    number: int


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({"data": b"bytes"}, b"bytes"),
        ({"data": "t\u00e9xt"}, "t\u00e9xt".encode()),
        ({"data": {"a": 1}}, b"a=1"),
        ({"body": {"a": [1]}}, b'{"a":[1]}'),
        ({"body": Order(number=7)}, b'{"number":7}'),
        ({"data": b"x" * 700_000, "on_progress": print}, b"x" * 700_000),
    ],
    ids=["bytes", "text", "form", "json", "model", "pieces"],
)
async def test_bodies_are_sent_again_whole(lane: Lane, options: Any, body: bytes) -> None:
    """Whatever was encoded once is the same in every attempt."""
    async with Scripted(BUSY, CLOSE) as server:
        await lane.client(server.url, retry=SOON).put("/", **options)
        assert [read.body for read in server.log] == [body] * 3


async def test_a_file_is_sent_again_from_where_it_stood(lane: Lane, tmp_path: Path) -> None:
    """An open file is read from the place it was given at, each time, and stays open."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    async with Scripted(BUSY, CLOSE) as server:
        client = lane.client(server.url, retry=SOON)
        with path.open("rb") as file:
            file.seek(4)
            await client.put("/", data=file)
            assert not file.closed
            memory = io.BytesIO(b"abc")
            server.script[:] = [BUSY]
            await client.put("/", data=memory)
            assert not memory.closed
            server.script[:] = [BUSY]
            file.seek(4)
            await client.put("/", files={"file": file})
        server.script[:] = [BUSY]
        await client.put("/", data=path)
        bodies = [read.body for read in server.log]
        assert bodies[:5] == [b"456789"] * 3 + [b"abc"] * 2
        assert bodies[5] == bodies[6]
        assert b"\r\n456789\r\n" in bodies[5]
        assert bodies[7:] == [b"0123456789"] * 2


async def pieces() -> AsyncIterator[bytes]:
    """Give a body in an asynchronous way."""
    yield b"once"


@pytest.mark.parametrize("fault", [BUSY, CLOSE], ids=["503", "close"])
async def test_an_iterator_is_sent_once(lane: Lane, fault: Step) -> None:
    """There is no second attempt with half a body, or none; the cause tells what happened."""
    makers: list[Callable[[], Any]] = [lambda: iter([b"once"])]
    if lane.is_async:
        makers.append(pieces)
    for make in makers:
        async with Scripted(fault) as server:
            client = lane.client(server.url, retry=SOON)
            error = await failure(client.put("/", data=make()))
            assert isinstance(error, BodyNotReplayable)
            kind: Any = HTTPServiceUnavailable if fault is BUSY else ConnectionLost
            assert isinstance(error.__cause__, kind)
            assert error.earlier == (error.__cause__,)
            assert (error.attempts, error.sent) == (1, "yes" if fault is BUSY else "maybe")
            assert type(error.__cause__).__name__ in str(error)
            assert [read.body for read in server.log] == [b"once"]


async def test_an_iterator_that_was_not_read_is_sent_later(lane: Lane) -> None:
    """Where no connection could be made the body is still whole."""
    async with Scripted(listening=False) as server:

        def then_listen(_: Any) -> bool:
            server.listen()
            return True

        client = lane.client(server.url, retry=Retry(backoff=0.05, on=when(then_listen)))
        await client.post("/", data=iter([b"on", b"ce"]))
        assert [read.body for read in server.log] == [b"once"]


async def test_an_iterator_with_an_error_of_its_own(lane: Lane) -> None:
    """What is not retried anyway raises what happened, not that it could not be retried."""
    async with Scripted(BUSY, answer(404), BUSY) as server:
        client = lane.client(server.url, retry=SOON)
        assert isinstance(
            await failure(client.post("/", data=iter([b"a"]))), HTTPServiceUnavailable
        )
        assert isinstance(await failure(client.put("/", data=iter([b"a"]))), HTTPNotFound)
        once = Retry(attempts=1)
        error = await failure(client.put("/", data=iter([b"a"]), retry=once))
        assert isinstance(error, HTTPServiceUnavailable)

        def broken() -> Iterator[bytes]:
            yield b"a"
            raise ConnectionLost("of the user")

        error = await failure(client.put("/", data=broken()))
        assert error.args[0].endswith("of the user")
        assert (type(error), error.attempts) == (ConnectionLost, 1)
        assert len(server.log) == 3


async def test_an_error_of_a_callback_is_not_retried(lane: Lane) -> None:
    """What the user's own function raises while the body is sent ends the call."""
    told = ConnectionLost("of the user")

    def fail(*_: Any) -> None:
        raise told

    async with Scripted(HANG) as server:
        client = lane.client(server.url, retry=SOON)
        error = await failure(client.put("/", data=b"x" * 10, on_progress=fail))
        assert error is told
        assert (error.attempts, error.earlier) == (1, ())
        assert len(server.log) < 2


@pytest.mark.parametrize("status", [307, 308])
async def test_an_iterator_does_not_follow_a_redirect(lane: Lane, status: int) -> None:
    """A redirect that wants the body again is refused, and not taken for something that passes."""
    async with Scripted(redirect("/there", status)) as server:
        error = await failure(lane.client(server.url, retry=SOON).put("/", data=iter([b"once"])))
        assert isinstance(error, BodyNotReplayable)
        assert (error.attempts, error.earlier, error.sent) == (1, (), "yes")
        assert len(server.log) == 1


# R16: redirects.


async def test_a_redirect_is_no_attempt(lane: Lane) -> None:
    """What follows a redirect is the same attempt; what is sent again is where it led."""
    async with Scripted(redirect("/a"), redirect("/b"), BUSY, redirect("/c"), LOST, BUSY) as server:
        error = await failure(lane.client(server.url, retry=SOON).get("/"))
        assert (error.attempts, error.retry_stopped_by) == (3, "attempts")
        assert [read.target for read in server.log] == ["/", "/a", "/b", "/b", "/c", "/c"]


async def test_a_fault_after_a_redirect_is_retried(lane: Lane) -> None:
    """The redirect itself is no answer, whatever became of the request that followed it."""
    async with Scripted(redirect("/a"), LOST) as server:
        assert await lane.client(server.url, retry=SOON).get("/") == {}
        assert [read.target for read in server.log] == ["/", "/a", "/a"]


async def test_an_attempt_does_not_reset_the_count_of_redirects(lane: Lane) -> None:
    """The most redirects are those of the call."""
    async with Scripted(*[redirect("/a"), BUSY, redirect("/b"), BUSY, redirect("/c")]) as server:
        client = lane.client(server.url, retry=Retry(attempts=9, backoff=0), max_redirects=2)
        error = await failure(client.get("/"))
        assert isinstance(error, TooManyRedirects)
        assert (error.attempts, len(error.earlier)) == (3, 2)
        assert len(server.log) == 5


# R17: slots.


async def test_every_request_takes_a_slot(lane: Lane) -> None:
    """Attempts, replays and redirects are all paid for."""
    steps: list[Step] = [OK, CLOSE, redirect("/a"), BUSY]
    async with Scripted(*steps) as server:
        client = lane.client(
            server.url, retry=Retry(backoff=0), rate_limit=1, rate_limit_interval=0.2
        )
        await client.get("/")
        await client.get("/", timeout=0.5)  # Queueing is not work.
        assert server.connections[:3] == [1, 1, 2]
        assert len(server.log) == 5
        assert min(server.gaps) > 0.2 - 0.1  # Connecting takes its time, too.


async def test_no_slot_before_the_deadline(lane: Lane) -> None:
    """An attempt that would get its slot too late is not sent; the errors before it are kept."""
    async with Scripted(BUSY) as server:
        client = lane.client(
            server.url, retry=Retry(backoff=0), rate_limit=1, rate_limit_interval=30
        )
        error = await failure(client.get("/", deadline=5))
        assert isinstance(error, RateLimitTimeout)
        assert [type(one) for one in error.earlier] == [HTTPServiceUnavailable]
        assert error.sent == "yes"
        assert len(server.log) == 1


async def test_no_slot_for_a_redirect_is_not_tried_again(lane: Lane) -> None:
    """The rate limit says at once that it is too late, and is not asked again."""
    async with Scripted(redirect("/a")) as server:
        client = lane.client(
            server.url,
            retry=Retry(backoff=2, max_backoff=2, on=on_error(FrameworkException)),
            rate_limit=1,
            rate_limit_interval=120,
        )
        start = time.monotonic()
        error = await failure(client.get("/", deadline=60))
        assert isinstance(error, RateLimitTimeout)
        assert (error.earlier, error.attempts) == ((), 1)
        assert time.monotonic() - start < LATE
        assert len(server.log) == 1


# R18: errors.


async def test_the_last_error_is_raised(lane: Lane) -> None:
    """It is that of the last attempt, and has those before it, each with its own story."""
    steps: list[Step] = [answer(500, body=b'{"message": "one"}'), LOST, CUT, answer(503)]
    async with Scripted(*steps) as server:
        client = lane.client(server.url, retry=Retry(attempts=4, backoff=0.01))
        error = await failure(client.get("/?key=secret"))
        assert isinstance(error, HTTPServiceUnavailable)
        assert (error.attempts, error.retry_stopped_by) == (4, "attempts")
        kinds = [type(one).__name__ for one in error.earlier]
        assert kinds == ["HTTPInternalServerError", "ConnectionLost", "IncompleteResponse"]
        assert [one.attempts for one in error.earlier] == [1, 2, 3]
        assert [len(one.earlier) for one in error.earlier] == [0, 1, 2]
        assert [one.sent for one in error.earlier] == ["yes", "maybe", "yes"]
        assert all(one.method == "GET" and "secret" not in str(one) for one in error.earlier)
        assert error.retryable
        assert len(server.log) == 4


async def test_an_error_after_a_retry_that_helped(lane: Lane) -> None:
    """A result that does not fit, or another status, also knows of the attempts before."""
    async with Scripted(BUSY, answer(200, body=b"{"), BUSY, answer(404)) as server:
        client = lane.client(server.url, retry=SOON)
        for kind in (ResponseParseError, HTTPNotFound):
            error = await failure(client.get("/"))
            assert isinstance(error, kind)
            assert (error.attempts, error.retry_stopped_by) == (2, None)
            assert [type(one) for one in error.earlier] == [HTTPServiceUnavailable]


async def test_errors_travel_with_those_before_them(lane: Lane) -> None:
    """A pickle, a copy and a deep copy have them too, and no secret."""
    async with Scripted(answer(500, body=b'{"message": "of token-123"}'), LOST, BUSY) as server:
        client = lane.client(server.url, retry=SOON, bearer_token="token-123")
        error = await failure(client.get("/?key=hunter2"))
        pickled = pickle.dumps(error)
        assert b"token-123" not in pickled
        assert b"hunter2" not in pickled
        for twin in (pickle.loads(pickled), copy.copy(error), copy.deepcopy(error)):
            assert [type(one) for one in twin.earlier] == [type(one) for one in error.earlier]
            assert (twin.attempts, twin.retry_stopped_by) == (3, "attempts")
            assert twin.earlier[1].attempts == 2


async def test_nothing_is_kept_alive(lane: Lane) -> None:
    """After a success no error and no response of earlier attempts wait for the collector."""
    async with Scripted() as server:
        left: list[weakref.ref[Any]] = []

        def note(failed: Any) -> bool:
            left.extend(weakref.ref(one) for one in (failed.error, failed.response) if one)
            return True

        retry = Retry(attempts=5, backoff=0.001, on=when(note))
        client = lane.client(server.url, retry=retry)
        await client.get("/warm")
        server.script[:] = [BUSY, LOST, CUT, BUSY]
        left.clear()
        gc.collect()
        gc.disable()
        try:
            await client.get("/")
            assert len(left) == 4
            assert [ref() for ref in left] == [None] * 4
        finally:
            gc.enable()


# R19: being ended while it waits.


@pytest.mark.parametrize("lane", ["async"], indirect=True)  # Threads cannot be cancelled.
async def test_a_cancelled_wait_sends_nothing(lane: Lane) -> None:
    """A task that is cancelled in the backoff is over at once."""
    async with Scripted(answer(503, "Retry-After: 2")) as server:
        client = lane.client(server.url, retry=SOON)
        task = asyncio.ensure_future(client.get("/"))
        await server.has_read(1)
        await pause_of(client)
        start = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - start < 2
        # So is one that waits for the end of the pause.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get("/2"), 0.1)
        await client.get("/3")
        assert [read.target for read in server.log] == ["/", "/3"]
        assert server.gaps[0] > 2 - GRAIN


@pytest.mark.parametrize("fast", [True, False])
async def test_an_interrupted_wait_sends_nothing(fast: bool) -> None:
    """Ctrl-C in the backoff of a synchronous call ends it at once, and leaves the client usable."""
    async with Scripted(answer(503, "Retry-After: 20")) as server:
        code = f"""
            from arya_api_framework import SyncClient, errors
            from tests.client.conftest import hooked_session

            factory = {None if fast else "hooked_session"}
            client = SyncClient({server.url!r}, session_factory=factory)
            try:
                client.get("/")
            except KeyboardInterrupt as error:
                client._origins.paused.clear()
                client.get("/after")
                print("ended", type(error).__name__)
        """
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", textwrap.dedent(code)),
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        await server.has_read(1)
        await asyncio.sleep(0.2)  # A moment for reading the answer; earlier would be as right.
        program.send_signal(signal.SIGINT)
        told, _ = await asyncio.wait_for(program.communicate(), 50)
        assert told == b"ended KeyboardInterrupt\n"
        assert [read.target for read in server.log] == ["/", "/after"]


async def test_a_client_that_is_closed_meanwhile_sends_nothing(lane: Lane) -> None:
    """A wait is no way around `close`."""
    async with Scripted(answer(503, "retry-after-ms: 300")) as server:
        client = lane.client(server.url, retry=SOON)
        call = asyncio.ensure_future(client.get("/"))
        await pause_of(client)
        await client.close()
        assert isinstance(await failure(call), ClientClosedError)
        assert len(server.log) == 1


# R22: another connection.


@pytest.mark.parametrize("status", [421, 425])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_misdirected_request_is_sent_on_another_connection(
    lane: Lane, status: int, method: str
) -> None:
    """Once, at once, on a connection that served nothing before; for any method."""
    async with Scripted(OK, answer(status), OK, answer(status), answer(status)) as server:
        client = lane.client(server.url, retry=Retry(backoff=60, max_backoff=60))
        await client.get("/")
        start = time.monotonic()
        await client.request(method, "/")
        assert server.connections == [1, 1, 2]
        error = await failure(client.request(method, "/"))
        assert time.monotonic() - start < LATE
        assert len(server.log) == 5
        assert server.connections[3] != server.connections[4]
        assert (error.attempts, len(error.earlier)) == (2, 1)
        assert isinstance(error, HTTPError)
        assert error.status_code == status


async def test_a_misdirected_request_may_ask_for_a_wait(lane: Lane) -> None:
    """Never less than what the server asks for."""
    async with Scripted(answer(425, "retry-after-ms: 200")) as server:
        await lane.client(server.url, retry=SOON).post("/", body={})
        assert server.gaps[0] > 0.2 - GRAIN


async def test_idle_connections_are_not_taken_for_new_ones(lane: Lane) -> None:
    """Others that wait in the pool have served before, too."""
    async with Scripted(OK, OK, answer(421)) as server, Scripted() as other:
        client = lane.client(server.url, retry=SOON, trusted_origins=[other.url])
        await client.get(f"{other.url}/")
        await asyncio.gather(client.get("/1"), client.get("/2"))
        await client.get("/")
        assert server.connections[-1] not in server.connections[:-1]
        await client.get(f"{other.url}/")
        assert len(set(other.connections)) == 1, "those of another origin are kept"


async def test_a_misdirected_request_that_is_asked_for_again(lane: Lane) -> None:
    """Where the user retries 421 as well, it is backed off from the second time on."""
    retry = Retry(backoff=0, on=TRANSIENT | on_status(421))
    wait = answer(421, "retry-after-ms: 200")
    async with Scripted(answer(421), wait) as server:
        client = lane.client(server.url, retry=retry)
        await client.get("/")
        assert server.gaps[0] < LATE
        assert server.gaps[1] > 0.2 - GRAIN
        server.script[:] = [answer(421), wait]
        error = await failure(client.post("/", body={}))
        assert isinstance(error, HTTPMisdirectedRequest)
        assert error.retry_stopped_by == "method"


# R23: early answers.


async def test_an_early_answer_ends_the_upload(lane: Lane) -> None:
    """A success before the body was through is none, unless it is asked for; an error is itself."""
    body = b"x" * 20_000_000
    async with Scripted(*[Early(OK)] * 3) as server:
        client = lane.client(server.url, retry=SOON)
        for data in (body, iter([body[:10_000_000]] * 2)):
            error = await failure(client.put("/", data=data))
            assert isinstance(error, UploadIncomplete)
            assert (error.status, error.attempts) == (200, 1)
        assert await client.put("/", data=body, allow_early_response=True) == {}
        # A connection with half a body on it is not used again.
        assert server.connections == [1, 2, 3]
        early = lane.client(server.url, retry=SOON, allow_early_response=True)
        server.script[:] = [Early(OK)]
        assert await early.put("/", data=body) == {}
        server.script[:] = [Early(answer(413)), Early(BUSY)]
        error = await failure(client.put("/", data=body))
        assert isinstance(error, HTTPError)
        assert (error.status_code, error.attempts) == (413, 1)
        await client.put("/", data=body)
        assert server.log[-1].body == body
        assert len(server.log) == 7


# Hooks, events and logs.


class Seen(Hook):
    """Writes down what it is told, and marks what is sent."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def before_call(self, request: Request) -> None:
        """Mark the call."""
        self.calls.append("call")
        request.headers["X-Call"] = "1"

    def after_call(self, request: Request, response: RawResponse) -> None:
        """See its answer."""
        self.calls.append(f"call {response.status}")

    def before_attempt(self, request: Request) -> None:
        """Mark the attempt."""
        request.headers.add("X-Attempt", "1")
        request.target += "a"
        self.calls.append("attempt")

    def after_attempt(self, request: Request, response: RawResponse) -> None:
        """See its answer."""
        self.calls.append(f"attempt {response.status}")

    def attempt_failed(self, request: Request, error: BaseException) -> None:
        """See its error."""
        assert isinstance(error, FrameworkException)
        self.calls.append(f"attempt {type(error).__name__} {error.attempts}")


@pytest.mark.parametrize("options", [{}, {"deadline_header": "X-Timeout"}])
async def test_hooks_see_every_attempt(lane: Lane, options: Any) -> None:
    """What a hook changes for one attempt is not there in the next; what for the call, is."""
    seen = Seen()
    async with Scripted(BUSY, CLOSE) as server:
        await lane.client(server.url, retry=SOON, hooks=[seen], **options).get("/")
        assert seen.calls == [
            *("call", "attempt", "attempt 503", "attempt", "attempt ConnectionLost 2"),
            *("attempt", "attempt 200", "call 200"),
        ]
        assert [read.target for read in server.log] == ["/a"] * 3
        assert [read.headers.getall("X-Attempt") for read in server.log] == [["1"]] * 3
        assert [read.headers["X-Call"] for read in server.log] == ["1"] * 3


@pytest.mark.parametrize("part", ["before_attempt", "after_attempt"])
@pytest.mark.parametrize("error", [ConnectionLost("mine"), KeyError("mine")])
async def test_the_error_of_a_hook_is_not_retried(lane: Lane, part: str, error: Exception) -> None:
    """Whatever class it is of."""

    class Broken(Hook):
        """Fails."""

    def fail(*_: Any) -> None:
        raise error

    setattr(Broken, part, fail)
    async with Scripted() as server:
        client = lane.client(server.url, retry=SOON, hooks=[Broken()])
        with pytest.raises(type(error)) as caught:
            await client.get("/")
        assert caught.value is error
        assert len(server.log) == (part == "after_attempt")


async def test_the_answer_of_a_hook_is_retried_like_any_other(lane: Lane) -> None:
    """A hook that answers an attempt stands in for the server."""
    answers = [503, 200]

    class Standin(Hook):
        """Answers."""

        def before_attempt(self, request: Request) -> RawResponse:
            return RawResponse.make(request, answers.pop(0), body={})

    client = lane.client("http://a.test", retry=SOON, hooks=[Standin()])
    assert (await client.get("/", raw=True)).status == 200
    assert answers == []


async def test_a_condition_that_fails(lane: Lane) -> None:
    """What the user's own function raises is raised, and nothing is sent again."""

    def broken(_: Any) -> bool:
        raise KeyError("mine")

    async with Scripted(BUSY) as server:
        with pytest.raises(KeyError, match="mine"):
            await lane.client(server.url, retry=Retry(on=when(broken))).get("/")
        assert len(server.log) == 1


async def test_events_tell_of_every_attempt(lane: Lane) -> None:
    """Each request begins and ends once."""
    told: list[str] = []

    class Told(Events):
        """Writes down."""

        def on_request_start(self, event: Any) -> None:
            told.append("start")

        def on_request_end(self, event: Any) -> None:
            told.append(f"end {event.status}")

        def on_request_exception(self, event: Any) -> None:
            told.append("exception")

    async with Scripted(BUSY, CLOSE) as server:
        await lane.client(server.url, retry=SOON, events=Told()).get("/")
        assert told == ["start", "end 503", "start", "exception", "start", "end 200"]


async def test_the_log_tells_of_every_attempt(lane: Lane, caplog: pytest.LogCaptureFixture) -> None:
    """One line at INFO for each, without what the query holds."""
    caplog.set_level(logging.INFO, "arya_api_framework")
    async with Scripted(BUSY, LOST) as server:
        await lane.client(server.url, retry=SOON).get("/?key=secret")
        told = [record for record in caplog.records if "attempt" in record.message]
        assert {record.levelname for record in told} == {"INFO"}
        name = "AsyncClient" if lane.is_async else "SyncClient"
        assert {record.name for record in told} == {f"arya_api_framework.{name}"}
        start = f"GET {server.url}/?key=***: "
        assert [record.message[:-6] for record in told] == [
            f"{start}HTTPServiceUnavailable (503), attempt 2 of 3 in ",
            f"{start}ConnectionLost, attempt 3 of 3 in ",
        ]
        assert all(record.message.endswith(" s") for record in told)


async def test_a_call_may_have_a_retry_of_its_own(lane: Lane) -> None:
    """Also one that is built first, and one of a sub-client."""
    async with Scripted(*[BUSY] * 4) as server:
        client = lane.client(server.url)
        error = await failure(client.get("/", retry=Retry(attempts=2, backoff=0)))
        assert error.attempts == 2
        built = client.build("GET", "/")
        error = await failure(client.send(built, retry=Retry(attempts=2, backoff=0)))
        assert error.attempts == 2
        assert len(server.log) == 4


@pytest.mark.parametrize("key", ["", "  ", True, False])
async def test_an_idempotency_key_that_is_none(lane: Lane, key: Any) -> None:
    """An empty one, of a variable that was forgotten, lets nothing be sent twice."""
    client = lane.client("http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="idempotency_key must be text"):
        await client.post("/", body={}, idempotency_key=key)
