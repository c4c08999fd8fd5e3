"""When a second request is sent beside a slow one, as the server reads it, on every way."""

import _thread
import asyncio
import contextvars
import gc
import io
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
from multidict import CIMultiDict

from arya_api_framework import (
    TLS,
    AdaptiveConcurrency,
    AsyncClient,
    CircuitBreaker,
    CredentialPool,
    Dns,
    Events,
    Hedge,
    Hook,
    Pool,
    RateLimit,
    RawResponse,
    Request,
    Retry,
    SyncClient,
    Timeout,
)
from arya_api_framework.client import hedging
from arya_api_framework.client.call import Call, Policy
from arya_api_framework.client.formats import find_format
from arya_api_framework.client.hedging import Run
from arya_api_framework.client.sync_tasks import SyncTasks
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    CircuitOpenError,
    ConfigurationError,
    ConnectionLost,
    DeadlineExceeded,
    FrameworkException,
    HTTPBadGateway,
    HTTPNotFound,
    HTTPServiceUnavailable,
    HTTPTooManyRequests,
    ReadTimeout,
    RequestTimeout,
)
from arya_api_framework.retry import TRANSIENT, on_status
from tests.app import Server
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.faults import Faults
from tests.patience import until_async
from tests.proxies import Proxy
from tests.scripted import CLOSE, HANG, OK, Held, Scripted, answer
from tests.servers import Certificate

SOON = Hedge(after=0.05)
MUCH_LATER = Hedge(after=30)
"""What is sent in a test's time was not sent because of the delay."""
BRIEF = 0.4
"""Seconds: long enough that a second request would have been sent."""
ONE, TWO = answer(200, body=b"1"), answer(200, body=b"2")
CANCELLED = (CancelledError, asyncio.CancelledError)


async def failure(call: Any) -> FrameworkException:
    """Await a call that fails, and return its error."""
    with pytest.raises(FrameworkException) as caught:
        await call
    return caught.value


# What is sent, and what counts.


@pytest.mark.parametrize("warm", [True, False])
async def test_a_slow_request_is_sent_again(lane: Lane, warm: bool) -> None:
    """The first answer counts; the other connection is closed, this one is used again."""
    steps = [OK] if warm else []
    async with Scripted(*steps, HANG, TWO) as server:
        client = lane.client(server.url, hedge=SOON, headers={"X-One": "1"})
        if warm:
            await client.get("/", hedge=None)
        assert await client.get("/a?b=c") == 2
        first, second = server.log[-2:]
        assert first.target == second.target == "/a?b=c"
        assert first.headers == second.headers
        assert (first.connection, second.connection) == (1, 2)
        await server.has_ended(1)
        await client.get("/", hedge=None)
        assert server.connections[-1] == 2


async def test_a_fast_request_is_sent_once(lane: Lane) -> None:
    """Nothing is sent where the answer came before the time."""
    async with Scripted() as server:
        client = lane.client(server.url, hedge=MUCH_LATER)
        for _ in range(3):
            await client.get("/")
        assert server.connections == [1, 1, 1]


async def test_the_first_may_still_be_the_first_to_answer(lane: Lane) -> None:
    """Then the second request is broken off."""
    held = Held(ONE)
    async with Scripted(held, HANG) as server:
        client = lane.client(server.url, hedge=SOON)
        call = asyncio.ensure_future(client.get("/"))
        await server.has_read(2)
        held.free()
        assert await call == 1
        await server.has_ended(2)
        await client.get("/", hedge=None)
        assert server.connections == [1, 2, 1]


async def test_up_to_so_many_requests(lane: Lane) -> None:
    """One after the other, each after the same time."""
    async with Scripted(HANG, HANG, TWO) as server:
        client = lane.client(server.url, hedge=Hedge(after=0.1, attempts=3))
        assert await client.get("/") == 2
        assert all(gap > 0.08 for gap in server.gaps)
        for number in (1, 2):
            await server.has_ended(number)


@pytest.mark.parametrize("attempts", [2, 3])
async def test_not_more_requests(lane: Lane, attempts: int) -> None:
    """When all of them hang, the time of the call ends it."""
    async with Scripted(*[HANG] * 5) as server:
        client = lane.client(server.url, hedge=Hedge(after=0.05, attempts=attempts))
        error = await failure(client.get("/", timeout=BRIEF))
        assert type(error) is RequestTimeout
        assert (len(server.log), error.attempts, error.sent) == (attempts, attempts, "maybe")
        assert error.elapsed is not None
        assert BRIEF - 0.02 < error.elapsed < BRIEF + 0.25
        for number in range(1, attempts + 1):
            await server.has_ended(number)


@pytest.mark.parametrize(
    ("method", "count"),
    [(method, 2) for method in ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")]
    + [("POST", 1), ("PATCH", 1)],
)
async def test_only_what_may_be_sent_twice(lane: Lane, method: str, count: int) -> None:
    """A method that is not idempotent is sent once."""
    async with Scripted(HANG, HANG) as server:
        client = lane.client(server.url, hedge=SOON)
        error = await failure(client.request(method, "/", timeout=BRIEF))
        assert [read.method for read in server.log] == [method] * count
        assert error.attempts == count


async def test_a_post_with_a_key(lane: Lane) -> None:
    """The key, given or made by the client's `Retry`, is the same in both requests."""
    async with Scripted(HANG, OK, HANG, OK) as server:
        client = lane.client(server.url, retry=Retry(idempotency_keys=True))
        await client.post("/", body={"a": 1}, hedge=SOON, idempotency_key="mine")
        await client.post("/", body={"a": 1}, hedge=SOON)
        keys = [read.headers["Idempotency-Key"] for read in server.log]
        assert keys[:2] == ["mine", "mine"]
        assert keys[2] == keys[3] != "mine"
        assert {read.body for read in server.log} == {b'{"a":1}'}


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
async def test_a_body_in_memory(lane: Lane, size: int) -> None:
    """Both requests carry the whole body."""
    async with Scripted(HANG, OK) as server:
        client = lane.client(server.url, hedge=SOON)
        await client.put("/", data=bytes(size))
        assert [len(read.body) for read in server.log] == [size, size]


@pytest.mark.parametrize("source", [lambda: io.BytesIO(b"abc"), lambda: iter([b"abc"])])
async def test_a_body_that_is_read_while_it_is_sent(lane: Lane, source: Any) -> None:
    """Two requests would read one file: there is one."""
    async with Scripted(HANG) as server:
        client = lane.client(server.url, hedge=SOON)
        await failure(client.put("/", data=source(), timeout=BRIEF))
        assert [read.body for read in server.log] == [b"abc"]


# Failures


async def test_a_failure_starts_the_next_at_once(lane: Lane) -> None:
    """Whatever the delay is."""
    for fault in (CLOSE, answer(503), (answer(200, length=10), CLOSE)):
        async with Scripted(fault, TWO) as server:
            client = lane.client(server.url, hedge=MUCH_LATER)
            assert await client.get("/") == 2
            assert len(server.log) == 2


async def test_a_stale_connection(lane: Lane) -> None:
    """One that the server has closed while it was idle is such a failure."""
    async with Scripted() as server:
        client = lane.client(server.url, hedge=MUCH_LATER)
        await client.get("/")
        server.close_connections()
        await server.has_ended(1)
        await client.get("/")
        assert len(server.log) == 2


async def test_all_fail(lane: Lane) -> None:
    """The last failure is that of the call, and holds those before."""
    async with Scripted(answer(503), CLOSE, answer(502)) as server:
        client = lane.client(server.url, hedge=Hedge(after=30, attempts=3))
        error = await failure(client.get("/"))
        assert isinstance(error, HTTPBadGateway)
        assert [type(one) for one in error.earlier] == [HTTPServiceUnavailable, ConnectionLost]
        assert (error.attempts, error.retry_stopped_by, error.sent) == (3, "attempts", "yes")
        assert len(server.log) == 3
    async with Scripted(answer(503), CLOSE) as server:
        client = lane.client(server.url, hedge=MUCH_LATER)
        error = await failure(client.get("/"))
        assert isinstance(error, ConnectionLost)
        assert (error.attempts, error.sent) == (2, "yes")


async def test_a_failure_does_not_end_the_call_while_others_run(lane: Lane) -> None:
    """The other request is waited for."""
    held = Held(ONE)
    async with Scripted(held, answer(503)) as server:
        client = lane.client(server.url, hedge=SOON)
        call = asyncio.ensure_future(client.get("/"))
        await server.has_read(2)
        # The client has another connection for this, so that it has read the failure by then.
        await client.get("/other", hedge=None)
        held.free()
        assert await call == 1
        assert len(server.log) == 3


async def test_an_answer_that_is_no_failure_ends_the_call(lane: Lane) -> None:
    """A 404 is an answer: nobody waits for another."""
    async with Scripted(HANG, answer(404)) as server:
        client = lane.client(server.url, hedge=SOON)
        error = await failure(client.get("/"))
        assert isinstance(error, HTTPNotFound)
        assert (error.attempts, error.earlier, error.retry_stopped_by) == (2, (), None)
        await server.has_ended(1)


async def test_what_is_a_failure_says_the_retry_of_the_client(lane: Lane) -> None:
    """It sends nothing again itself."""
    async with Scripted(answer(409), OK, answer(409)) as server:
        client = lane.client(server.url, retry=Retry(on=TRANSIENT | on_status(409), attempts=5))
        await client.get("/", hedge=MUCH_LATER)
        assert len(server.log) == 2
        await failure(client.get("/", hedge=MUCH_LATER, retry=None))
        assert len(server.log) == 3


@pytest.mark.parametrize("fields", [["Retry-After: 30"], ["retry-after-ms: 30000"]])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_asks_for_a_pause(lane: Lane, status: int, fields: list[str]) -> None:
    """Nothing more is sent, for this call or another one of the client."""
    async with Scripted(answer(status, *fields)) as server:
        client = lane.client(server.url, hedge=MUCH_LATER)
        error = await failure(client.get("/"))
        assert isinstance(error, HTTPTooManyRequests | HTTPServiceUnavailable)
        assert (error.attempts, error.retry_after) == (1, 30 if "R" in fields[0] else None)
        await failure(client.get("/", deadline=0.1))
        assert len(server.log) == 1


async def test_a_server_that_asks_for_a_pause_while_others_run(lane: Lane) -> None:
    """There is no third request, but the first is waited for."""
    held = Held(ONE)
    async with Scripted(held, answer(503, "Retry-After: 1000")) as server:
        client = lane.client(server.url, hedge=Hedge(after=0.05, attempts=3))
        call = asyncio.ensure_future(client.get("/"))
        await server.has_read(2)
        await asyncio.sleep(0.3)  # A third request would be sent by then.
        held.free()
        assert await call == 1
        assert len(server.log) == 2, "a pause beyond `max_retry_after` stops nobody else"
        await client.get("/")


async def test_no_request_is_added_within_a_pause(lane: Lane) -> None:
    """That another call was asked for."""
    held = Held(ONE)
    async with Scripted(held, answer(429, "Retry-After: 30")) as server:
        client = lane.client(server.url)
        call = asyncio.ensure_future(client.get("/", hedge=Hedge(after=0.4)))
        await server.has_read(1)
        await failure(client.get("/", hedge=MUCH_LATER))
        await asyncio.sleep(0.6)
        held.free()
        assert await call == 1
        assert len(server.log) == 2


@pytest.mark.parametrize(("word", "count"), [("false", 1), ("true", 2), ("perhaps", 2)])
async def test_a_server_that_says_whether(lane: Lane, word: str, count: int) -> None:
    """`x-should-retry` is obeyed."""
    async with Scripted(answer(503, f"X-Should-Retry: {word}"), OK) as server:
        client = lane.client(server.url, hedge=MUCH_LATER)
        if count == 1:
            await failure(client.get("/"))
        else:
            await client.get("/")
        assert len(server.log) == count


# What lets requests through.


async def test_tokens_of_the_retry_budget(lane: Lane) -> None:
    """A further request takes 5; without them there is none."""
    async with Scripted(*[HANG] * 3) as server:
        client = lane.client(server.url, retry=Retry(budget=7))
        await failure(client.get("/", hedge=SOON, timeout=BRIEF))
        error = await failure(client.get("/", hedge=SOON, timeout=BRIEF))
        assert error.attempts == 1
        assert len(server.log) == 3
    async with Scripted(answer(503)) as server:
        client = lane.client(server.url, retry=Retry(budget=1))
        error = await failure(client.get("/", hedge=SOON))
        assert (len(server.log), error.attempts) == (1, 1)


async def test_tokens_are_given_back(lane: Lane) -> None:
    """All where the further request was of use, one where the first was faster after all."""
    held = Held(ONE)
    async with Scripted(HANG, OK, held, HANG) as server:
        client = lane.client(server.url, hedge=SOON)
        await client.get("/")
        assert client.target._origins.spent == {}
        call = asyncio.ensure_future(client.get("/"))
        await server.has_read(4)
        held.free()
        assert await call == 1
        assert client.target._origins.spent == {server.url: 4.0}


async def test_a_timeout_costs_more(lane: Lane) -> None:
    """As for attempts again; without a budget nothing does."""
    async with Scripted(HANG, answer(503), HANG, answer(503)) as server:
        hedge = Hedge(after=30)
        client = lane.client(server.url, timeout=Timeout(read=0.1), hedge=hedge)
        await failure(client.get("/"))
        assert client.target._origins.spent == {server.url: 10.0}
        free = lane.client(server.url, timeout=Timeout(read=0.1), retry=Retry(budget=None))
        await failure(free.get("/", hedge=hedge))
        assert free.target._origins.spent == {}
        assert len(server.log) == 4


@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("as_value", [True, False])
async def test_slots_of_the_rate_limit(lane: Lane, slots: int, as_value: bool) -> None:
    """A further request takes one, and is not sent if none is free: it does not queue."""
    limit: Any = RateLimit(slots, per=60) if as_value else slots
    options = {} if as_value else {"rate_limit_interval": 60}
    async with Scripted(*[HANG] * 3) as server:
        client = lane.client(server.url, hedge=SOON, rate_limit=limit, **options)
        await failure(client.get("/", timeout=BRIEF))
        assert len(server.log) == slots
        assert client.target._origins.spent == ({} if slots == 1 else {server.url: 5.0})
        await failure(client.get("/", deadline=0.1))
        assert len(server.log) == slots


async def test_the_delay_begins_when_the_first_is_sent(lane: Lane) -> None:
    """Time in the queue of the rate limit is none in which the server was slow."""
    async with Scripted() as server:
        client = lane.client(
            server.url, rate_limit=1, rate_limit_interval=0.8, hedge=Hedge(after=0.5)
        )
        await client.get("/1")
        await client.get("/2")
        assert [read.target for read in server.log] == ["/1", "/2"]
        assert server.gaps[0] > 0.6


async def test_slots_that_are_held_until_the_answer(lane: Lane) -> None:
    """Those of all requests are free again after the call."""
    async with Scripted(HANG, OK) as server:
        limit = RateLimit(2, per=0.05, exact="server")
        client = lane.client(server.url, hedge=SOON, rate_limit=limit)
        await client.get("/")
        await server.has_ended(1)
        async with asyncio.timeout(5):
            await client.get("/")
            await client.get("/")
            while limit.eta(2) > 0.1:  # noqa: ASYNC110 - a thread may be at its end
                await asyncio.sleep(0.01)


async def test_a_probe_of_a_circuit_is_alone(lane: Lane) -> None:
    """A half-open circuit lets one request through."""
    breaker = CircuitBreaker(failure_rate=1, minimum_calls=1, open_for=0.1)
    async with Scripted(answer(500), HANG) as server:
        client = lane.client(server.url, circuit_breaker=breaker)
        await failure(client.get("/"))
        await asyncio.sleep(0.15)
        await failure(client.get("/", hedge=SOON, timeout=BRIEF))
        assert len(server.log) == 2
        assert isinstance(await failure(client.get("/", hedge=SOON)), CircuitOpenError)
        assert len(server.log) == 2


async def test_a_request_that_lost_is_no_failure_to_a_circuit(lane: Lane) -> None:
    """Nor a success."""
    breaker = CircuitBreaker(failure_rate=0.5, minimum_calls=2)
    async with Scripted(HANG, OK, HANG, OK, answer(500), OK) as server:
        client = lane.client(server.url, circuit_breaker=breaker, hedge=SOON)
        for number in (1, 2):
            await client.get("/")
            await server.has_ended(number)
        await no_requests_left()
        circuit = client.target._controls.find_circuit(server.url)
        assert [bucket[1:] for bucket in circuit._buckets][-1][1] == 0
        assert sum(bucket[1] for bucket in circuit._buckets) == 2
        await failure(client.get("/", hedge=None))
        assert circuit.state == "closed", "one of three has failed"


@pytest.mark.parametrize("places", [1, 2])
async def test_a_limit_of_calls_in_flight(lane: Lane, places: int) -> None:
    """A further request is in flight, too; its place and that of the loser are free afterwards."""
    limit = AdaptiveConcurrency(start=places, maximum=places)
    async with Scripted(*[HANG] * places, OK) as server:
        client = lane.client(server.url, concurrency=limit, hedge=SOON)
        error = await failure(client.get("/", timeout=BRIEF))
        assert error.attempts == places
        await no_requests_left()
        await client.get("/", hedge=None, deadline=5)
        assert len(server.log) == places + 1


async def test_a_pool_of_keys(lane: Lane) -> None:
    """A request is tried with one key after the other, and with none of them beside it."""
    keys = CredentialPool(["one", "two"])
    with pytest.raises(ConfigurationError, match="give `hedge` or `credentials`"):
        lane.client("http://api.test", credentials=keys, hedge=SOON)
    async with Scripted() as server:
        client = lane.client(server.url, credentials=keys)
        with pytest.raises(ConfigurationError, match="give `hedge` or `credentials`") as caught:
            await client.get("/", hedge=SOON)
        assert (caught.value.sent, server.log) == ("no", [])
        with pytest.raises(ConfigurationError, match="give `hedge` or `credentials`"):
            client.target.with_options(hedge=SOON)


async def test_a_request_that_is_let_through_when_the_answer_is_there(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not sent, and not counted."""
    monkeypatch.setattr(hedging, "PATIENCE", 30)
    held = Held(answer(404))
    async with Scripted(held) as server:
        limit = AdaptiveConcurrency(1, 1, 1)
        client = lane.client(server.url, concurrency=limit, hedge=SOON)
        found = client.target._controls.find_concurrency(server.url)
        call = asyncio.ensure_future(failure(client.get("/")))
        await until_async(lambda: found.window.waiting)
        held.free()
        error = await call
        assert (type(error), error.attempts) == (HTTPNotFound, 1)
        assert len(server.log) == 1
        assert found.window.in_use == 0
        await client.get("/", deadline=5)


async def no_requests_left() -> None:
    """Wait until no thread sends for a hedged call."""
    async with asyncio.timeout(10):
        while any(one.name == "hedged request" for one in threading.enumerate()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_bound_around_calls(lane: Lane) -> None:
    """Each request counts; where none is left, the first goes on alone."""
    async with Scripted(*[HANG] * 5) as server:
        client = lane.client(server.url, hedge=SOON, timeout=BRIEF)
        with client.target.budget(requests=3) as budget:
            await failure(client.get("/"))
            assert budget.used == 2
            error = await failure(client.get("/"))
            assert (type(error), error.attempts) == (RequestTimeout, 1)
        assert (budget.used, budget.exhausted) == (3, False)
        assert len(server.log) == 3
        with client.target.budget(seconds=0.2) as budget:
            await client.get("/")
        assert budget.exhausted
        assert len(server.log) == 5


async def test_a_request_that_is_left_out_took_no_tokens(lane: Lane) -> None:
    """With a budget of tokens or without one."""
    async with Scripted(*[HANG] * 4) as server:
        options = {"rate_limit": 1, "rate_limit_interval": 60, "timeout": BRIEF}
        for budget in (500, None):
            client = lane.client(server.url, retry=Retry(budget=budget), **options)
            error = await failure(client.get("/", hedge=SOON))
            assert (error.attempts, client.target._origins.spent) == (1, {})
        assert len(server.log) == 2


def test_where_no_thread_can_be_started(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request raises that and takes no slot; a further one is left out."""
    start = _thread.start_new_thread
    left = 0

    def starts(*arguments: Any) -> int:
        nonlocal left
        left -= 1
        if left < 0:
            raise RuntimeError("can't start new thread")
        return start(*arguments)

    monkeypatch.setattr(_thread, "start_new_thread", starts)
    limit = RateLimit(2, per=60, exact="server")
    with SyncClient(server.url, hedge=SOON, rate_limit=limit) as client:
        with pytest.raises(RuntimeError, match="can't start"):
            client.get("/echo")
        assert limit.eta(2) == 0
        left = 1
        with pytest.raises(RequestTimeout) as caught:
            client.get("/delay/5", timeout=BRIEF)
        assert caught.value.attempts == 1
        assert limit.eta(1) == 0
    assert len(server.log) == 1


def test_where_one_thread_can_be_started(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """That which would start another does its work."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with SyncClient(server.url, hedge=MUCH_LATER) as client, monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert client.get("/echo?1")["target"] == "/echo?1"


def test_a_thread_that_comes_too_late_sends_nothing() -> None:
    """The call was interrupted before its thread ran."""
    called: list[Any] = []
    origin = Origin("https", "api.test", 443)
    policy = Policy(Timeout(), None, {}, "safe", 10, 1000, None, frozenset({origin}))
    request = Request("GET", origin, "/", CIMultiDict())
    run = Run(Call(request, find_format(bytes), False, policy))
    run.give_up()
    tasks = SyncTasks()
    tasks.start(called.append, run)
    tasks.wait(None)
    tasks.close()
    assert called == []


# Time


async def test_a_deadline_bounds_all_requests(lane: Lane) -> None:
    """Those that were added, too."""
    async with Scripted(HANG, HANG) as server:
        client = lane.client(server.url, hedge=SOON)
        start = time.monotonic()
        assert isinstance(await failure(client.get("/", deadline=BRIEF)), DeadlineExceeded)
        assert time.monotonic() - start < BRIEF + 0.25
        assert len(server.log) == 2


async def test_no_request_is_added_when_the_time_is_over(lane: Lane) -> None:
    """A timeout of the whole call is the end."""
    async with Scripted(HANG) as server:
        client = lane.client(server.url, hedge=MUCH_LATER)
        error = await failure(client.get("/", timeout=0.1))
        assert (type(error), error.attempts, len(server.log)) == (RequestTimeout, 1, 1)


async def test_a_timeout_of_a_part_is_a_failure(lane: Lane) -> None:
    """The next request is sent at once."""
    async with Scripted(HANG, HANG) as server:
        client = lane.client(server.url, hedge=MUCH_LATER, timeout=Timeout(read=0.1))
        error = await failure(client.get("/"))
        assert isinstance(error, ReadTimeout)
        assert [type(one) for one in error.earlier] == [ReadTimeout]
        assert len(server.log) == 2


async def test_each_request_tells_the_time_that_is_left(lane: Lane) -> None:
    """As it is when that request is sent."""
    async with Scripted(HANG, OK) as server:
        client = lane.client(server.url, hedge=Hedge(after=0.2), deadline_header="X-Left-Ms")
        await client.get("/", timeout=10)
        first, second = (int(read.headers["X-Left-Ms"]) for read in server.log)
        assert 9000 < second <= first - 190


# Cancellation


@pytest.mark.parametrize("lane", ["async"], indirect=True)  # Threads cannot be cancelled.
@pytest.mark.parametrize("count", [1, 2])
async def test_cancelled(lane: Lane, count: int) -> None:
    """All requests end, and nothing is left."""
    async with Scripted(*[HANG] * count) as server:
        client = lane.client(server.url, hedge=SOON if count == 2 else MUCH_LATER)
        task = asyncio.ensure_future(client.get("/"))
        await server.has_read(count)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        names = [str(one.get_coro()) for one in asyncio.all_tasks()]
        assert not any("AsyncTasks" in name for name in names)
        for number in range(1, count + 1):
            await server.has_ended(number)
        await client.get("/")


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("count", [1, 2])
async def test_interrupted(fast: bool, count: int) -> None:
    """Ctrl-C ends a synchronous call at once, with all its requests."""
    async with Scripted(*[HANG] * count) as server:
        code = f"""
            from arya_api_framework import Hedge, SyncClient
            from tests.client.conftest import hooked_session

            factory = {None if fast else "hooked_session"}
            hedge = Hedge(after={0.05 if count == 2 else 30})
            client = SyncClient({server.url!r}, session_factory=factory, hedge=hedge)
            try:
                client.get("/")
            except KeyboardInterrupt as error:
                client.get("/after", hedge=None)
                print("ended", type(error).__name__)
            input()
        """
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", textwrap.dedent(code)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert program.stdin is not None
        await server.has_read(count)
        program.send_signal(2)
        for number in range(1, count + 1):
            await server.has_ended(number)
        program.stdin.write(b"\n")
        told, _ = await asyncio.wait_for(program.communicate(), 10)
        assert told == b"ended KeyboardInterrupt\n"
        assert [read.target for read in server.log] == ["/"] * count + ["/after"]


STORM = """
import signal, sys, threading, time
from arya_api_framework import Hedge, SyncClient

class Interrupted(BaseException): pass

def handle(*_): raise Interrupted

signal.signal(signal.SIGALRM, handle)
interrupted = wrong = 0
with SyncClient(sys.argv[1], timeout=5, hedge=Hedge(after=0.001, attempts=3)) as client:
    client.get("/echo")
    for number in range(400):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0002 + number % 30 / 5_000)
            found = client.get("/echo", parameters={"n": number})
            signal.setitimer(signal.ITIMER_REAL, 0)
            wrong += found["query"] != [["n", str(number)]]
        except Interrupted:
            interrupted += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
    wrong += client.get("/echo?last")["target"] != "/echo?last"
    for _ in range(500):
        if threading.active_count() == 1:
            break
        time.sleep(0.01)
    wrong += threading.active_count() - 1
print(interrupted > 20, wrong)
"""


def test_signal_storm(server: Server) -> None:
    """Interrupted anywhere, again and again, a client neither mixes answers nor keeps threads."""
    # In a process that measures no coverage, whose own locks such interruptions would break.
    result = subprocess.run(
        [sys.executable, "-c", STORM, server.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
    )
    assert (result.returncode, result.stdout) == (0, "True 0\n"), result.stderr


def test_an_interrupted_queue_sends_nothing(server: Server) -> None:
    """The first request waits for its slot in the thread of the caller, and leaves the queue."""
    import signal

    class Interrupted(BaseException):
        pass

    def handle(*_: Any) -> None:
        raise Interrupted

    previous = signal.signal(signal.SIGALRM, handle)
    try:
        with SyncClient(server.url, rate_limit=1, rate_limit_interval=0.4, hedge=SOON) as client:
            client.get("/echo?1")
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(Interrupted):
                client.get("/echo?2")
            assert client._limiter is not None
            assert client._limiter.waiting == 0
            client.get("/echo?3")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert [record.target for record in server.log] == ["/echo?1", "/echo?3"]


# Nothing is left, nothing else is broken.


async def test_nothing_is_left(lane: Lane) -> None:
    """After 200 hedged calls there are no more threads, tasks or descriptors than before."""
    async with Scripted() as server:
        client = lane.client(server.url, hedge=Hedge(after=0.001))
        await client.get("/")
        gc.collect()
        tasks = len(asyncio.all_tasks())
        for _ in range(200):
            server.script[:] = [HANG, OK]
            assert await client.get("/") == {}
        await no_requests_left()
        async with asyncio.timeout(5):
            while len(server._writers) > 2:  # noqa: ASYNC110 - the server sees it a little later
                await asyncio.sleep(0.01)
        assert len(server.log) > 300
        # The server has a task for each connection that is kept.
        assert len(asyncio.all_tasks()) <= tasks + 1


async def test_no_error_is_kept(lane: Lane) -> None:
    """What a call raised is freed without the collector, which may come late."""
    async with Scripted(HANG, answer(404)) as server:
        client = lane.client(server.url, hedge=SOON)
        gc.disable()
        try:
            kept: weakref.ref[BaseException] | None = None
            try:
                await client.get("/")
            except FrameworkException as error:
                kept = weakref.ref(error)
            assert kept is not None
            async with asyncio.timeout(5):
                while kept() is not None:  # noqa: ASYNC110 - a thread may be at its end
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()


def test_other_calls_are_not_broken_off(server: Server) -> None:
    """A connection that was given back just now may serve another call already."""
    with SyncClient(server.url, hedge=Hedge(after=0.0005, attempts=3), retry=None) as client:

        def get(number: int) -> bool:
            found = client.get("/echo", parameters={"n": number})
            return bool(found["query"] == [["n", str(number)]])

        def post(number: int) -> bool:
            return bool(client.post("/echo", body=number)["text"] == str(number))

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(lambda n: (post if n % 2 else get)(n), range(1500)))
        assert len(server.log) > 1600, "there were hedges"


@pytest.mark.parametrize("size", [0, 3_000_000])
async def test_a_pool_of_one_connection(lane: Lane, size: int) -> None:
    """A further request waits for it, and is broken off as any other if it gets it too late."""
    held = Held(ONE)
    async with Scripted(held) as server:
        client = lane.client(server.url, hedge=SOON, pool=Pool(total=1))
        call = asyncio.ensure_future(client.put("/", data=bytes(size)))
        await server.has_read(1)
        await asyncio.sleep(0.2)
        held.free()
        assert await call == 1
        await no_requests_left()
        assert await client.get("/last", hedge=None) == {}
        # The server may read the one that was broken off later than the last one.
        assert "/last" in [read.target for read in server.log]


@pytest.mark.parametrize("size", [0, 3_000_000])
async def test_a_request_that_connects_too_late_sends_nothing(lane: Lane, size: int) -> None:
    """It has asked for the addresses of the host meanwhile, which cannot be broken off."""
    held = Held(ONE)
    asked: list[str] = []
    over = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        if len(asked) == 2:
            over.wait(10)
        return ["127.0.0.1"]

    async def resolve_in_a_thread(host: str, port: int) -> list[str]:
        return await asyncio.to_thread(resolve, host, port)

    resolver: Any = resolve_in_a_thread if lane.is_async else resolve
    async with Scripted(held) as server:
        url = server.url.replace("127.0.0.1", "api.test")
        client = lane.client(url, hedge=SOON, dns=Dns(ttl=0, resolver=resolver))
        call = asyncio.ensure_future(client.put("/", data=bytes(size)))
        async with asyncio.timeout(10):
            while len(asked) < 2:  # noqa: ASYNC110 - it is asked in a thread
                await asyncio.sleep(0.01)
        await server.has_read(1)
        held.free()
        assert await call == 1
        over.set()
        await no_requests_left()
        await client.get("/last", hedge=None)
        assert [read.target for read in server.log] == ["/", "/last"]


class Divided(Hook):
    """Sends the first request of a call to one path, and the next ones to another."""

    def __init__(self, first: str, second: str) -> None:
        self.paths = [first, second, second, second]

    def before_attempt(self, request: Request) -> None:
        """Say where it goes."""
        request.target = self.paths.pop(0)


async def test_a_session_of_the_users(kind: Kind) -> None:
    """Its connections are broken off as those of ours, and others are left alone."""
    async with Scripted(OK, HANG, OK) as server, aiohttp.ClientSession() as session:
        with requests.Session() as other:
            client = kind.client(server.url, session=session if kind.is_async else other)
            await client.get("/")
            await client.get("/", hedge=SOON)
            await server.has_ended(1)
            await no_requests_left()
            await client.get("/")
            assert server.connections[:3] == [1, 1, 2]
            assert server.ended == [1]
            await client.close()


@pytest.mark.parametrize("path", ["/hang-before-head", "/hang-in-body"])
async def test_tls(lane: Lane, tls_faults: Faults, tls: TLS, path: str) -> None:
    """A connection with TLS is broken off as one without."""
    client = lane.client(tls_faults.url, tls=tls, hedge=SOON, hooks=[Divided(path, "/ok")])
    assert await client.get("/") == {"ok": True}
    await no_requests_left()
    client = lane.client(tls_faults.url, tls=tls)
    assert await client.get("/ok") == {"ok": True}


@pytest.mark.parametrize("path", ["/hang-before-head", "/hang-in-body"])
async def test_tls_in_tls(
    lane: Lane, tls_faults: Faults, certificate: Certificate, path: str
) -> None:
    """So is a connection with TLS through a proxy with TLS."""
    with Proxy(tls=certificate.server_context()) as proxy:
        client = lane.client(
            tls_faults.url.replace("127.0.0.1", "localhost"),
            proxy=proxy.url.replace("127.0.0.1", "localhost"),
            tls=TLS(ca=certificate.authority),
            hedge=Hedge(after=0.8),
            hooks=[Divided(path, "/ok")],
        )
        assert await client.get("/") == {"ok": True}
        await no_requests_left()
        assert sorted(head.target for head in tls_faults.log) == sorted([path, "/ok"])


async def test_a_client_that_is_closed_meanwhile(lane: Lane) -> None:
    """No request is added after `close`; that under way may end."""
    held = Held(ONE)
    async with Scripted(held) as server:
        client = lane.client(server.url, hedge=Hedge(after=0.3))
        call = asyncio.ensure_future(client.get("/"))
        await server.has_read(1)
        closing = asyncio.ensure_future(client.close())
        await asyncio.sleep(0.5)
        held.free()
        await closing
        try:
            assert await call == 1
        except FrameworkException as error:
            assert "closed" in str(error)  # noqa: PT017 - it may be refused as well
        assert len(server.log) == 1


# What sees the requests.


class Seen(Hook):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def before_call(self, request: Request) -> None:
        """Note it."""
        self.told.append(("before_call", None))

    def after_call(self, request: Request, response: RawResponse) -> None:
        """Note it."""
        self.told.append(("after_call", response.status))

    def call_failed(self, request: Request, error: BaseException) -> None:
        """Note it."""
        self.told.append(("call_failed", type(error)))

    def before_attempt(self, request: Request) -> None:
        """Note it."""
        number = sum(name == "before_attempt" for name, _ in self.told) + 1
        request.headers["X-Number"] = str(number)
        self.told.append(("before_attempt", number))

    def after_attempt(self, request: Request, response: RawResponse) -> None:
        """Note it."""
        self.told.append(("after_attempt", (request.headers["X-Number"], response.status)))

    def attempt_failed(self, request: Request, error: BaseException) -> None:
        """Note it."""
        self.told.append(("attempt_failed", (request.headers["X-Number"], type(error))))


async def test_hooks_see_each_request(lane: Lane) -> None:
    """Hooks of the call see one call; those of attempts see both, and that one was cancelled."""
    async with Scripted(HANG, OK) as server:
        seen = Seen()
        client = lane.client(server.url, hedge=SOON, hooks=[seen])
        await client.get("/")
        await server.has_ended(1)
        await no_requests_left()
        cancelled = asyncio.CancelledError if lane.is_async else CancelledError
        lost = ("attempt_failed", ("1", cancelled))
        assert lost in seen.told
        # In a thread of its own the loser may come to its end a little later.
        seen.told.remove(lost)
        assert seen.told == [
            ("before_call", None),
            ("before_attempt", 1),
            ("before_attempt", 2),
            ("after_attempt", ("2", 200)),
            ("after_call", 200),
        ]
        assert [read.headers["X-Number"] for read in server.log] == ["1", "2"]


async def test_events_tell_of_each_request(lane: Lane) -> None:
    """That which lost ends with a cancellation."""
    told: list[Any] = []

    class Told(Events):
        def on_request_start(self, event: Any) -> None:
            told.append(event)

        def on_request_end(self, event: Any) -> None:
            told.append(event)

        def on_request_exception(self, event: Any) -> None:
            told.append(event)

    async with Scripted(HANG, OK) as server:
        client = lane.client(server.url, hedge=SOON, events=Told())
        await client.get("/", trace="x")
        await server.has_ended(1)
        await no_requests_left()
    assert sorted(event.name for event in told) == [
        "request_end",
        "request_exception",
        "request_start",
        "request_start",
    ]
    (lost,) = [event for event in told if event.name == "request_exception"]
    assert isinstance(lost.error, CANCELLED)
    assert {event.trace for event in told} == {"x"}


async def test_what_a_hook_raises_ends_the_call(lane: Lane) -> None:
    """Of whatever class it is."""
    asked: list[Request] = []

    class Refusing(Hook):
        def before_attempt(self, request: Request) -> None:
            asked.append(request)
            raise ConnectionLost("mine")

    async with Scripted() as server:
        client = lane.client(server.url, hedge=MUCH_LATER, hooks=[Refusing()])
        error = await failure(client.get("/"))
        assert (str(error), error.earlier) == ("mine", ())
        assert server.log == []
        assert len(asked) == 1


async def test_what_a_hook_answers_counts(lane: Lane) -> None:
    """As an answer of the server does; an exception of any other class ends the call, too."""

    class Odd(Hook):
        def after_attempt(self, request: Request, response: RawResponse) -> RawResponse:
            if request.target == "/odd":
                raise LookupError("odd")
            return RawResponse(200, CIMultiDict[str]().items(), request, b"5")  # type: ignore[arg-type]

    async with Scripted() as server:
        client = lane.client(server.url, hedge=MUCH_LATER, hooks=[Odd()])
        assert await client.get("/") == 5
        with pytest.raises(LookupError):
            await client.get("/odd")
        assert len(server.log) == 2


WHO = contextvars.ContextVar("who", default="nobody")


async def test_context_variables(lane: Lane) -> None:
    """Each request sees those of the caller."""

    class Named(Hook):
        def before_attempt(self, request: Request) -> None:
            request.headers["X-Who"] = WHO.get()

    async with Scripted(HANG, OK) as server:
        client = lane.client(server.url, hedge=SOON, hooks=[Named()])
        WHO.set("me")
        await client.get("/")
        assert [read.headers["X-Who"] for read in server.log] == ["me", "me"]


async def test_logs(lane: Lane, caplog: pytest.LogCaptureFixture) -> None:
    """A request that is added is told at INFO, and each one with its own number at DEBUG."""
    async with Scripted(HANG, OK, answer(503), OK) as server:
        client = lane.client(server.url, hedge=SOON)
        with caplog.at_level(logging.DEBUG, "arya_api_framework"):
            await client.get("/?token=secret")
            await client.get("/", hedge=MUCH_LATER)
            await no_requests_left()
    infos = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert infos == [
        f"GET {server.url}/?token=***: no answer after 0.05 s, request 2 of 2 now",
        f"GET {server.url}/: HTTPServiceUnavailable (503), request 2 of 2 now",
    ]
    ends = [
        (found["http_attempts"], found.get("http_status", found.get("http_error")))
        for record in caplog.records
        if "http_elapsed" in (found := vars(record))
    ]
    assert sorted(ends, key=str) == [(1, "CancelledError"), (1, 503), (2, 200), (2, 200)]


async def test_cookies_of_an_answer_that_does_not_count(lane: Lane) -> None:
    """Are not kept; those of the client go with each request."""
    async with Scripted(
        answer(200, "Set-Cookie: c=0"),
        answer(503, "Set-Cookie: lost=1"),
        answer(200, "Set-Cookie: kept=2"),
    ) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        client = lane.client(url, hedge=MUCH_LATER)
        await client.get("/")
        await client.get("/")
        await client.get("/")
        cookies = [read.headers.get("Cookie") for read in server.log]
        assert cookies == [None, "c=0", "c=0", "c=0; kept=2"]


@pytest.mark.parametrize("policy", ["strict", "off"])
async def test_cookies_of_the_answer_that_counts(lane: Lane, policy: Any) -> None:
    """They are kept as ever."""
    async with Scripted(HANG, answer(200, "Set-Cookie: a=1")) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        client = lane.client(url, hedge=SOON, cookie_policy=policy)
        await client.get("/")
        await client.get("/", hedge=None)
        assert server.log[2].headers.get("Cookie") == ("a=1" if policy == "strict" else None)


async def test_redirects(lane: Lane) -> None:
    """Each request of a chain is hedged for itself; the error at its end knows of all."""
    moved = answer(302, "Location: /there")
    async with Scripted(HANG, moved, HANG, answer(404)) as server:
        client = lane.client(server.url, hedge=SOON)
        error = await failure(client.get("/"))
        assert [read.target for read in server.log] == ["/", "/", "/there", "/there"]
        assert isinstance(error, HTTPNotFound)
        assert error.attempts == 3
        assert error.raw is not None
        assert [one.status for one in error.raw.history] == [302]


async def test_secrets_that_a_hook_adds_are_hidden(lane: Lane) -> None:
    """In the error of whichever request counts."""

    class Signed(Hook):
        def before_attempt(self, request: Request) -> None:
            request.headers["Authorization"] = "Bearer verysecret"

    async with Scripted(HANG, answer(404, body=b'{"message": "not verysecret"}')) as server:
        client = lane.client(server.url, hedge=SOON, hooks=[Signed()])
        error = await failure(client.get("/"))
        assert "not ***" in str(error)
        assert "verysecret" not in f"{error!s} {error!r}"


# Options


@pytest.mark.parametrize("value", [0.2, True, "0.2", {"after": 1}, Hedge, Retry()])
async def test_what_is_no_hedge(kind: Kind, value: Any) -> None:
    """It is refused wherever it is given."""
    base: Any = kind.base
    with pytest.raises(ConfigurationError, match="hedge must be None or a Hedge"):
        type("API", (base,), {}, hedge=value)
    client = kind.client("https://api.test")
    with pytest.raises(ConfigurationError, match="hedge must be None or a Hedge"):
        await client.get("/", hedge=value)
    with pytest.raises(ConfigurationError, match="hedge must be None or a Hedge"):
        client.with_options(hedge=value)


async def test_retry_and_hedge_contradict(kind: Kind) -> None:
    """Given together they are refused; `None` contradicts nothing."""
    base: Any = kind.base
    both: dict[str, Any] = {"retry": Retry(), "hedge": SOON}
    with pytest.raises(ConfigurationError, match="give `retry` or `hedge`"):
        type("API", (base,), {}, **both)
    with pytest.raises(ConfigurationError, match="give `retry` or `hedge`"):
        kind.client("https://api.test", **both)
    client = kind.client("https://api.test", hedge=SOON)
    with pytest.raises(ConfigurationError, match="give `retry` or `hedge`"):
        await client.get("/", **both)
    with pytest.raises(ConfigurationError, match="give `retry` or `hedge`"):
        client.with_options(**both)
    kind.client("https://api.test", retry=Retry(), hedge=None)


async def test_what_is_given_later_counts(kind: Kind) -> None:
    """A class, its subclass, an instance, a copy and a call, in this order."""
    base: Any = kind.base
    async with Scripted() as server:

        async def is_hedged(client: Any, **options: Any) -> bool:
            server.log.clear()
            server.script[:] = [answer(503)]
            found = True
            try:
                await client.get("/", **options)
            except HTTPServiceUnavailable:
                found = False
            assert len(server.log) == 1 + found
            return found

        once: Any = Retry(attempts=1)
        hedged: Any = type("Hedged", (base,), {}, uri=server.url, retry=None, hedge=MUCH_LATER)
        below: Any = type("Below", (hedged,), {})
        retried: Any = type("Retried", (hedged,), {}, retry=once)
        assert await is_hedged(kind.wrap(below()))
        assert not await is_hedged(kind.wrap(retried()))
        again = kind.wrap(retried(hedge=MUCH_LATER))
        assert await is_hedged(again)
        assert not await is_hedged(again, hedge=None)
        assert not await is_hedged(again, retry=once)
        assert not await is_hedged(again, retry=None)
        assert not await is_hedged(again.with_options(retry=None))
        assert await is_hedged(again, retry=None, hedge=MUCH_LATER)
        copy = again.with_options(retry=once)
        assert not await is_hedged(copy)
        assert await is_hedged(copy, hedge=MUCH_LATER)
        assert await is_hedged(copy.with_options(hedge=MUCH_LATER))


@pytest.mark.parametrize("fault", [answer(503), CLOSE])
async def test_the_retry_of_the_client_is_off_for_hedged_calls(lane: Lane, fault: Any) -> None:
    """With `hedge` a call has at most so many requests as that says."""
    async with Scripted(*[fault] * 5) as server:
        client = lane.client(server.url, retry=Retry(backoff=0.01))
        await failure(client.get("/", hedge=MUCH_LATER))
        assert len(server.log) == 2
        await failure(client.get("/"))
        assert len(server.log) == 5


def test_plain_calls_have_no_threads(server: Server) -> None:
    """Neither do those that may not be sent twice."""
    started: list[str] = []

    class Where(Hook):
        def before_attempt(self, request: Request) -> None:
            started.append(threading.current_thread().name)

    with SyncClient(server.url, hooks=[Where()]) as client:
        client.get("/echo")
        client.post("/echo", hedge=SOON)
        client.get("/echo", hedge=MUCH_LATER)
    assert started == ["MainThread", "MainThread", "hedged request"]


async def test_a_sub_client_and_a_copy_share_the_budget(kind: Kind) -> None:
    """Tokens are those of the origin."""
    async with Scripted(*[answer(503)] * 5) as server:
        client = kind.client(server.url, hedge=MUCH_LATER)
        copy = client.with_options(timeout=5)
        await failure(copy.get("/"))
        assert client.target._origins.spent == {server.url: 5.0}


async def test_async_only(server: Server) -> None:
    """No task raises what nobody retrieves, though the loser fails while it is cancelled."""
    problems: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))

    class Stubborn(Hook):
        async def attempt_failed(self, request: Request, error: BaseException) -> None:
            raise LookupError("while it is told")

    async with Scripted(HANG, OK) as scripted, AsyncClient(scripted.url, hedge=SOON) as client:
        await client.get("/", hooks=[Stubborn()])
        await scripted.has_ended(1)
    gc.collect()
    await asyncio.sleep(0)
    assert problems == []
