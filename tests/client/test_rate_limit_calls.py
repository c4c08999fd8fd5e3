"""The rate limit of a client as the server sees it: exact, shared, paid for by every request."""

import asyncio
import time
from itertools import pairwise
from typing import Any

import pytest

from arya_api_framework import AsyncClient, SubClient, SyncClient
from arya_api_framework.errors import (
    ConfigurationError,
    FrameworkException,
    HTTPNotFound,
    RateLimitTimeout,
)
from tests.conftest import Kind
from tests.faults import Faults

LIMIT = 5
INTERVAL = 0.3

# Between the grant of a slot and the server's reading of the request lie a thread switch and a
# socket, which take their time on a busy machine; a burst over the limit would come within 0.
SLACK = 0.1


def check(faults: Faults, limit: int = LIMIT, interval: float = INTERVAL) -> float:
    """Check that the server never read more than the limit allows, return how long it all took."""
    times = [read.at for read in faults.log]
    for first, over in zip(times, times[limit:], strict=False):
        assert over - first > interval - SLACK
    return times[-1] - times[0]


async def test_burst(kind: Kind, faults: Faults) -> None:
    """However many calls are made at once, the server reads as many as the limit allows."""
    client = kind.client(faults.url, rate_limit=LIMIT, rate_limit_interval=INTERVAL)
    assert client.rate_limited
    assert (client.rate_limit, client.rate_limit_interval) == (LIMIT, INTERVAL)
    results = await asyncio.gather(*(client.get("/ok") for _ in range(20)))
    assert results == [{"ok": True}] * 20
    assert 3 * INTERVAL - SLACK < check(faults) < 3 * INTERVAL + 0.3


async def test_first_come_first_served(kind: Kind, faults: Faults) -> None:
    """Calls are sent in the order in which they were made."""
    client = kind.client(faults.url, rate_limit=1, rate_limit_interval=0.05)
    calls = []
    for number in range(8):
        calls.append(asyncio.ensure_future(client.get(f"/ok?{number}")))
        await asyncio.sleep(0.005)
    await asyncio.gather(*calls)
    assert [read.target for read in faults.log] == [f"/ok?{number}" for number in range(8)]
    assert all(b.at - a.at > 0.03 for a, b in pairwise(faults.log))


async def test_fraction(kind: Kind, faults: Faults) -> None:
    """A fraction of a call in an interval is a whole call in a longer one."""
    client = kind.client(faults.url, rate_limit=0.5, rate_limit_interval=0.1)
    for _ in range(3):
        await client.get("/ok")
    assert 0.4 - SLACK < check(faults, 1, 0.2) < 0.4 + 0.2


async def test_each_client_has_its_own(kind: Kind, faults: Faults) -> None:
    """Two clients of a class do not share a limit."""
    base: Any = kind.base

    class Api(base, uri=faults.url, rate_limit=1, rate_limit_interval=5):  # type: ignore[misc,call-arg]
        """An API."""

    start = time.monotonic()
    await kind.wrap(Api()).get("/ok")
    await kind.wrap(Api()).get("/ok")
    assert time.monotonic() - start < 1


async def test_shared_with_parts_and_copies(kind: Kind, faults: Faults) -> None:
    """Sub-clients and copies pay into the limit of their client; another limit is another's."""
    base: Any = kind.base

    class Items(SubClient, relative_path="/"):
        """A part of the API."""

    class Api(base, uri=faults.url, rate_limit=LIMIT, rate_limit_interval=INTERVAL):  # type: ignore[misc,call-arg]
        """An API."""

        items = Items()

    client = kind.wrap(Api())
    copy = client.with_options(headers={"X-A": "1"})
    calls = [who.get("/ok") for who in (client, copy, client.items, copy.items) for _ in range(4)]
    await asyncio.gather(*calls)
    assert check(faults) > 3 * INTERVAL - SLACK

    faults.reset()
    free = client.with_options(rate_limit=None)
    assert not free.rate_limited
    start = time.monotonic()
    await asyncio.gather(*(free.get("/ok") for _ in range(10)))
    assert time.monotonic() - start < INTERVAL


async def test_redirects_pay(kind: Kind, faults: Faults) -> None:
    """Every request of a call takes a slot, those that follow a redirect too."""
    client = kind.client(faults.url, rate_limit=2, rate_limit_interval=INTERVAL)
    for _ in range(3):
        assert await client.get("/redirect-cut") == {"ok": True}
    assert len(faults.log) == 6
    assert check(faults, 2) > 2 * INTERVAL - SLACK


async def test_failures_pay(kind: Kind, faults: Faults) -> None:
    """A call that fails has taken a slot; one that can never be sent has not."""
    client = kind.client(faults.url, rate_limit=1, rate_limit_interval=INTERVAL)
    for options in ({"headers": {"a b": "c"}}, {"path_parameters": {"a": 1}}):
        with pytest.raises(ConfigurationError):
            await client.get("/ok", **options)
    for path, error in (("/not-found", HTTPNotFound), ("/close-before-head", FrameworkException)):
        with pytest.raises(error):
            await client.get(path)
    await client.get("/ok")
    assert 2 * INTERVAL - SLACK < check(faults, 1) < 2 * INTERVAL + 0.2


async def test_deadline(kind: Kind, faults: Faults) -> None:
    """A call whose turn would come after its deadline fails at once, and takes no slot."""
    client = kind.client(faults.url, rate_limit=1, rate_limit_interval=1.5)
    await client.get("/ok")
    start = time.monotonic()
    errors = await asyncio.gather(
        *(client.get("/ok", deadline=0.1) for _ in range(10)), return_exceptions=True
    )
    assert time.monotonic() - start < 1
    assert {type(error) for error in errors} == {RateLimitTimeout}
    for error in errors:
        assert isinstance(error, TimeoutError)
        assert isinstance(error, RateLimitTimeout)
        assert (error.sent, error.attempts, error.method) == ("no", 0, "GET")
        assert error.retryable
        assert error.retry_after == pytest.approx(1.5, abs=0.7)
    await client.get("/ok", deadline=5)
    assert check(faults, 1) < 1.5 + 0.7
    assert len(faults.log) == 2


async def test_deadline_that_is_enough(kind: Kind, faults: Faults) -> None:
    """A call whose turn comes before its deadline waits for it."""
    client = kind.client(faults.url, rate_limit=1, rate_limit_interval=0.3)
    await asyncio.gather(*(client.get("/ok", deadline=1) for _ in range(3)))
    assert check(faults, 1) > 0.6 - SLACK


def test_one_limit_for_two_loops(faults: Faults) -> None:
    """The limit of an async client holds over all its event loops."""
    client = AsyncClient(faults.url, rate_limit=2, rate_limit_interval=INTERVAL)

    async def call() -> list[Any]:
        return await asyncio.gather(*(client.get("/ok") for _ in range(3)))

    asyncio.run(call())
    asyncio.run(call())
    asyncio.run(client.close())
    assert len(faults.log) == 6
    assert check(faults, 2) > 2 * INTERVAL - SLACK


def test_limit_costs_no_thread(faults: Faults) -> None:
    """Calls within the limit do not wait at all."""
    with SyncClient(faults.url, rate_limit=1000) as client:
        start = time.monotonic()
        for _ in range(50):
            client.get("/ok")
        assert time.monotonic() - start < 1
