"""The circuit breaker of a client: what opens it, what it lets through, what it tells."""

import asyncio
import time
from typing import Any

import pytest

from arya_api_framework import (
    AdaptiveConcurrency,
    CircuitBreaker,
    CredentialPool,
    Pool,
    RateLimit,
    Retry,
    SyncClient,
)
from arya_api_framework.client.controls import Controls
from arya_api_framework.errors import (
    BudgetExhausted,
    CircuitOpenError,
    ConfigurationError,
    ConnectionLost,
    HTTPNotFound,
    HTTPServerError,
    HTTPServiceUnavailable,
    HTTPTooManyRequests,
    PoolTimeout,
    RateLimitTimeout,
)
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.patience import LATE, until_async
from tests.scripted import CLOSE, HANG, Scripted, answer

TWO = CircuitBreaker(failure_rate=1, minimum_calls=2, open_for=60)


async def fail(client: Any, count: int = 2) -> None:
    """Make calls that fail."""
    for _ in range(count):
        with pytest.raises((HTTPServerError, ConnectionLost)):
            await client.get("/")


@pytest.mark.parametrize("fault", [answer(500), answer(502), answer(503), answer(504), CLOSE])
async def test_failures_open_it(lane: Lane, fault: Any) -> None:
    """Then calls fail at once, without a slot or a socket; other origins go on."""
    async with Scripted(fault, fault) as server, Scripted() as other:
        limit = RateLimit(5, per=60)
        client = lane.client(
            server.url, circuit_breaker=TWO, rate_limit=limit, trusted_origins=[other.url]
        )
        await fail(client)
        for _ in range(5):
            with pytest.raises(CircuitOpenError) as caught:
                await client.get("/")
        error = caught.value
        assert (error.sent, error.method, error.attempts) == ("no", "GET", 1)
        assert error.retry_after is not None
        assert 0 < error.retry_after <= 60
        assert f"{server.url} is open, for " in str(error)
        assert len(server.log) == 2
        assert limit.eta(3) == 0, "no slot was taken"
        assert await client.get(f"{other.url}/") == {}


async def test_one_probe_closes_it(kind: Kind) -> None:
    """While it is on its way the others are refused; if it fails, it is open again."""
    async with Scripted(answer(500), answer(500), answer(503)) as server:
        breaker = CircuitBreaker(failure_rate=1, minimum_calls=2, open_for=0.8)
        client = kind.client(server.url, circuit_breaker=breaker)
        await fail(client)
        await asyncio.sleep(0.8)
        await fail(client, 1)
        with pytest.raises(CircuitOpenError):
            await client.get("/")
        await asyncio.sleep(0.8)
        server.script[:] = [HANG]
        probe = asyncio.ensure_future(client.get("/", timeout=1.2))
        await server.has_read(4)
        with pytest.raises(CircuitOpenError, match=r"open$") as caught:
            await client.get("/")
        assert caught.value.retry_after is None
        with pytest.raises(TimeoutError):
            await probe
        await asyncio.sleep(0.8)
        assert await client.get("/") == {}
        assert await client.get("/") == {}
        assert len(server.log) == 6


async def test_what_is_no_failure_of_the_origin(lane: Lane) -> None:
    """A 404, a 429, and what ends before it is sent."""
    breaker = CircuitBreaker(failure_rate=0.01, minimum_calls=1)
    async with Scripted(answer(404), answer(429)) as server:
        options: dict[str, Any] = {"rate_limit": RateLimit(3, per=60), "pool": Pool(total=1)}
        client = lane.client(server.url, circuit_breaker=breaker, **options)
        with pytest.raises(HTTPNotFound):
            await client.get("/")
        with pytest.raises(HTTPTooManyRequests):
            await client.get("/")
        server.script[:] = [HANG]
        held = asyncio.ensure_future(client.get("/", timeout=0.5))
        await server.has_read(3)
        with pytest.raises(RateLimitTimeout):
            await client.get("/", deadline=30)
        unlimited = client.with_options(rate_limit=None)
        del unlimited
        with pytest.raises(TimeoutError):
            await held
        with pytest.raises(CircuitOpenError):
            await client.get("/")


async def test_a_wait_for_the_pool_is_no_failure(lane: Lane) -> None:
    """It says nothing of the origin."""
    breaker = CircuitBreaker(failure_rate=0.01, minimum_calls=1)
    async with Scripted(HANG) as server:
        client = lane.client(server.url, circuit_breaker=breaker, pool=Pool(total=1, wait=0.05))
        held = asyncio.ensure_future(client.get("/", timeout=60))
        await server.has_read(1)
        with pytest.raises(PoolTimeout):
            await client.get("/")
        with pytest.raises(PoolTimeout):
            await client.get("/")
        held.cancel()
        await asyncio.gather(held, return_exceptions=True)


async def test_a_call_that_finds_it_open_is_not_repeated(kind: Kind) -> None:
    """Retries count for it, and end with it."""
    async with Scripted(answer(503), answer(503)) as server:
        client = kind.client(server.url, circuit_breaker=TWO, retry=Retry(5, backoff=0.001))
        start = time.monotonic()
        with pytest.raises(CircuitOpenError) as caught:
            await client.get("/")
        assert time.monotonic() - start < LATE
        kinds = [type(error) for error in caught.value.earlier]
        assert kinds == [HTTPServiceUnavailable, HTTPServiceUnavailable]
        assert caught.value.sent == "yes", "the attempts before were read"
        assert len(server.log) == 2


async def test_copies_share_it(kind: Kind) -> None:
    """Unless they are given one of their own, or none."""
    async with Scripted(answer(500), answer(500)) as server:
        client = kind.client(server.url, circuit_breaker=TWO)
        await fail(client)
        with pytest.raises(CircuitOpenError):
            await client.with_options(timeout=5).get("/")
        assert await client.with_options(circuit_breaker=None).get("/") == {}
        assert await client.with_options(circuit_breaker=TWO).get("/") == {}


def test_circuits_are_bounded() -> None:
    """A server could redirect to any number of origins."""
    controls = Controls((), TWO)
    first = controls.find_circuit("https://0.test")
    for number in range(1500):
        controls.find_circuit(f"https://{number}.test")
    assert len(controls._circuits) == 1000
    assert controls.find_circuit("https://0.test") is not first
    assert Controls().find_circuit("https://0.test") is None


@pytest.mark.parametrize("value", [True, 0.5, {}, "on"])
def test_a_bad_breaker(value: Any) -> None:
    """It is refused when the client is made."""
    with pytest.raises(ConfigurationError, match="circuit_breaker must be None or a Circuit"):
        SyncClient("https://api.test", circuit_breaker=value)


@pytest.mark.parametrize("queue", ["rate limit", "concurrency"])
async def test_calls_that_queue_are_not_sent_when_it_opens(kind: Kind, queue: str) -> None:
    """They had looked at it before; it is asked again when they have their turn."""
    options: Any = {"rate_limit": RateLimit(1, per=0.2)}
    if queue == "concurrency":
        options = {"concurrency": AdaptiveConcurrency(1, 1, 1)}
    async with Scripted(*[answer(500)] * 10) as server:
        client = kind.client(server.url, circuit_breaker=TWO, **options)
        calls = [client.get("/") for _ in range(8)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert len(server.log) == 2
        assert [type(one) for one in found].count(CircuitOpenError) == 6
        for limit in client.target._controls.limits:
            assert limit.eta() <= 0.2, "they took no slot"


async def test_a_probe_that_is_not_sent_is_not_waited_for(kind: Kind) -> None:
    """A budget that is used up refuses it, and the next call tries the origin."""
    short = CircuitBreaker(failure_rate=1, minimum_calls=2, open_for=0.05)
    async with Scripted(answer(500), answer(500)) as server, Scripted() as other:
        client = kind.client(server.url, circuit_breaker=short, trusted_origins=[other.url])
        await fail(client)
        circuit = client.target._controls.find_circuit(server.url)
        await until_async(lambda: circuit.state == "half-open")
        with client.target.budget(requests=1):
            await client.get(f"{other.url}/")
            with pytest.raises(BudgetExhausted) as caught:
                await client.get("/")
        assert not circuit.is_shut
        assert caught.value.sent == "no"  # Until here it keeps all that the call had.
        assert await client.get("/") == {}


async def test_copies_share_what_they_are_not_given(lane: Lane) -> None:
    """Whatever else they are given, but another circuit breaker."""
    async with Scripted(answer(500), answer(500)) as server:
        client = lane.client(
            server.url,
            circuit_breaker=TWO,
            concurrency=AdaptiveConcurrency(4),
            rate_limit=RateLimit(50),
        )
        await fail(client)
        limits = client.target.concurrency_limits
        for options in (
            {"timeout": 3},
            {"rate_limit": 5},
            {"rate_limit": None},
            {"concurrency": AdaptiveConcurrency(7)},
            {"credentials": CredentialPool(["key"])},
        ):
            copy = client.target.with_options(**options)
            with pytest.raises(CircuitOpenError):
                await lane.call(copy.get, "/")
            expected = {server.url: 7} if "concurrency" in options else limits
            assert copy.concurrency_limits == expected
        other = client.target.with_options(circuit_breaker=CircuitBreaker())
        assert await lane.call(other.get, "/") == {}
        assert len(server.log) == 3


def test_the_origin_that_is_used_is_not_forgotten() -> None:
    """However many others there are; of those the one that was used last is."""
    controls = Controls((), TWO)
    home = controls.find_circuit("http://home.test")
    for number in range(1500):
        controls.find_circuit(f"http://{number}.test")
        assert controls.find_circuit("http://home.test") is home
    assert len(controls._circuits) == 1000
