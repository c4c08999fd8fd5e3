"""The rate limit of a client as the server sees it: exact, shared, paid for by every request."""

import asyncio
import time
from typing import Any

import pytest

from arya_api_framework import AsyncClient, SubClient, SyncClient
from arya_api_framework.errors import (
    ConfigurationError,
    FrameworkException,
    HTTPNotFound,
    RateLimitTimeout,
)
from arya_api_framework.rate_limit.window import Waiter
from tests.conftest import Kind
from tests.faults import Faults
from tests.patience import LATE, until_async

LIMIT = 5
INTERVAL = 0.3


def check(faults: Faults, start: float, limit: int = LIMIT, interval: float = INTERVAL) -> None:
    """Check that the server read no request before its turn, and none much later.

    A request may be read long after it was sent, so the time between two of them tells nothing;
    but with a free window at the start the limit says when each may be sent at the earliest.
    """
    times = [read.at for read in faults.log]
    for number, at in enumerate(times):
        assert at - start >= number // limit * interval
    assert times[-1] - start < (len(times) - 1) // limit * interval + LATE


async def test_burst(kind: Kind, faults: Faults) -> None:
    """However many calls are made at once, the server reads as many as the limit allows."""
    client = kind.client(faults.url, rate_limit=LIMIT, rate_limit_interval=INTERVAL)
    assert client.rate_limited
    assert (client.rate_limit, client.rate_limit_interval) == (LIMIT, INTERVAL)
    start = time.monotonic()
    results = await asyncio.gather(*(client.get("/ok") for _ in range(20)))
    assert results == [{"ok": True}] * 20
    check(faults, start)


async def test_first_come_first_served(kind: Kind, faults: Faults) -> None:
    """Calls are sent in the order in which they were made."""
    client = kind.client(faults.url, rate_limit=1, rate_limit_interval=0.2)
    limiter = client.target._limiter
    start = time.monotonic()
    await client.get("/ok?0")
    calls = []
    # Somebody in front holds the queue until all are in it.
    holder = Waiter(wake=lambda: True, owner="test")
    limiter.poll(holder)
    for number in range(1, 6):
        calls.append(asyncio.ensure_future(client.get(f"/ok?{number}")))
        await until_async(lambda: limiter.waiting == len(calls) + 1)
    limiter.leave(holder)
    await asyncio.gather(*calls)
    assert [read.target for read in faults.log] == [f"/ok?{number}" for number in range(6)]
    check(faults, start, 1, 0.2)


async def test_fraction(kind: Kind, faults: Faults) -> None:
    """A fraction of a call in an interval is a whole call in a longer one."""
    client = kind.client(faults.url, rate_limit=0.5, rate_limit_interval=0.1)
    start = time.monotonic()
    for _ in range(3):
        await client.get("/ok")
    check(faults, start, 1, 0.2)


async def test_each_client_has_its_own(kind: Kind, faults: Faults) -> None:
    """Two clients of a class do not share a limit."""
    base: Any = kind.base

    class Api(base, uri=faults.url, rate_limit=1, rate_limit_interval=60):  # type: ignore[misc,call-arg]
        """An API."""

    for _ in range(2):
        await kind.wrap(Api()).get("/ok", deadline=30)


async def test_shared_with_parts_and_copies(kind: Kind, faults: Faults) -> None:
    """Sub-clients and copies pay into the limit of their client; another limit is another's."""
    base: Any = kind.base

    class Items(SubClient, relative_path="/"):
        """A part of the API."""

    class Api(base, uri=faults.url, rate_limit=LIMIT, rate_limit_interval=INTERVAL):  # type: ignore[misc,call-arg]
        """An API."""

        goods = Items()

    client = kind.wrap(Api())
    copy = client.with_options(headers={"X-A": "1"})
    calls = [who.get("/ok") for who in (client, copy, client.goods, copy.goods) for _ in range(4)]
    start = time.monotonic()
    await asyncio.gather(*calls)
    check(faults, start)

    free = client.with_options(rate_limit=None)
    assert not free.rate_limited
    taken = client.target._limiter.try_acquire
    while taken():
        pass
    await asyncio.gather(*(free.get("/ok") for _ in range(10)))


async def test_redirects_pay(kind: Kind, faults: Faults) -> None:
    """Every request of a call takes a slot, those that follow a redirect too."""
    client = kind.client(faults.url, rate_limit=2, rate_limit_interval=INTERVAL)
    start = time.monotonic()
    for _ in range(3):
        assert await client.get("/redirect-cut") == {"ok": True}
    assert len(faults.log) == 6
    check(faults, start, 2)


async def test_failures_pay(kind: Kind, faults: Faults) -> None:
    """A call that fails has taken a slot; one that can never be sent has not."""
    client = kind.client(faults.url, rate_limit=1, rate_limit_interval=INTERVAL)
    for options in ({"headers": {"a b": "c"}}, {"path_parameters": {"a": 1}}):
        with pytest.raises(ConfigurationError):
            await client.get("/ok", **options)
    start = time.monotonic()
    for path, error in (("/not-found", HTTPNotFound), ("/close-before-head", FrameworkException)):
        with pytest.raises(error):
            await client.get(path)
    await client.get("/ok")
    assert len(faults.log) == 3
    check(faults, start, 1)


async def test_deadline(kind: Kind, faults: Faults) -> None:
    """A call whose turn would come after its deadline fails at once, and takes no slot."""
    client = kind.client(faults.url, rate_limit=1, rate_limit_interval=60)
    await client.get("/ok")
    start = time.monotonic()
    errors = await asyncio.gather(
        *(client.get("/ok", deadline=30) for _ in range(10)), return_exceptions=True
    )
    assert time.monotonic() - start < LATE
    assert {type(error) for error in errors} == {RateLimitTimeout}
    for error in errors:
        assert isinstance(error, TimeoutError)
        assert isinstance(error, RateLimitTimeout)
        assert (error.sent, error.attempts, error.method) == ("no", 0, "GET")
        assert error.retryable
        assert error.retry_after is not None
        assert 60 - LATE < error.retry_after <= 60
    assert client.target._limiter.waiting == 0
    assert client.target._limiter.eta() <= 60
    assert len(faults.log) == 1


async def test_deadline_that_is_enough(kind: Kind, faults: Faults) -> None:
    """A call whose turn comes before its deadline waits for it."""
    client = kind.client(faults.url, rate_limit=1, rate_limit_interval=0.3)
    start = time.monotonic()
    await asyncio.gather(*(client.get("/ok", deadline=30) for _ in range(3)))
    check(faults, start, 1, 0.3)


def test_one_limit_for_two_loops(faults: Faults) -> None:
    """The limit of an async client holds over all its event loops."""
    client = AsyncClient(faults.url, rate_limit=2, rate_limit_interval=INTERVAL)

    async def call() -> list[Any]:
        return await asyncio.gather(*(client.get("/ok") for _ in range(3)))

    start = time.monotonic()
    asyncio.run(call())
    asyncio.run(call())
    asyncio.run(client.close())
    assert len(faults.log) == 6
    check(faults, start, 2)


def test_limit_costs_no_thread(faults: Faults) -> None:
    """Calls within the limit do not wait at all."""
    with SyncClient(faults.url, rate_limit=1000) as client:
        start = time.monotonic()
        for _ in range(50):
            client.get("/ok")
        assert time.monotonic() - start < LATE
