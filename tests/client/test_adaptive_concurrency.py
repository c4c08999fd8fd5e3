"""A concurrency limit of a client: how many of its calls a server sees at once."""

import asyncio
from typing import Any, Self

import pytest

from arya_api_framework import (
    AdaptiveConcurrency,
    Hook,
    Pool,
    RateLimit,
    RawResponse,
    Request,
)
from arya_api_framework.errors import (
    ConnectionLost,
    FrameworkException,
    HTTPServiceUnavailable,
    RateLimitTimeout,
    RequestTimeout,
)
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.scripted import CLOSE, HANG, Scripted, answer


class Workers:
    """A server that works on so many requests at once, for so long each, and queues the others.

    Attributes:
        most: The most requests that it had at once, those in its queue included.
        log: How many it had when each came.
    """

    def __init__(self, count: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(count)
        self._seconds = seconds
        self._now = 0
        self.log: list[int] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self._now += 1
                self.log.append(self._now)
                async with self._free:
                    await asyncio.sleep(self._seconds)
                self._now -= 1
                writer.write(answer(200))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # The client has closed it.
        finally:
            writer.close()


async def call_all(client: Any, count: int, at_once: int) -> None:
    """Make so many calls, so many of them at once."""
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            await client.get("/")

    await asyncio.gather(*(work() for _ in range(at_once)))


async def test_no_more_calls_are_in_flight(lane: Lane) -> None:
    """What is more than the limit waits in the client, and has its turn."""
    async with Workers(2, 0.02) as server:
        client = lane.client(server.url, concurrency=AdaptiveConcurrency(3, 3, 3))
        await call_all(client, 30, 12)
        assert max(server.log) == 3
        assert len(server.log) == 30
        assert client.concurrency_limits == {server.url: 3}


async def test_it_finds_what_a_server_bears(kind: Kind) -> None:
    """It grows while calls are as fast as ever, and shrinks when they queue at the server."""
    async with Workers(8, 0.02) as server:
        client = kind.client(
            server.url, concurrency=AdaptiveConcurrency(start=2), pool=Pool(total=64)
        )
        await call_all(client, 100, 64)
        assert max(server.log) <= 4, "the first round of fifty shows that four are borne"
        await call_all(client, 900, 64)
        grown = client.concurrency_limits[server.url]
        assert grown > 2
        assert 4 < max(server.log) < 64, "it stops growing before all of them are sent"
        tail = server.log[-300:]
        assert sum(tail) / len(tail) < 32


@pytest.mark.parametrize("fault", [answer(503), answer(429), HANG])
async def test_overload_shrinks_it(lane: Lane, fault: Any) -> None:
    """Refusals and timeouts do."""
    async with Scripted(fault) as server:
        client = lane.client(
            server.url, concurrency=AdaptiveConcurrency(start=8), timeout=0.3, retry=None
        )
        with pytest.raises(FrameworkException):
            await client.get("/")
        assert client.concurrency_limits == {server.url: 6}
        assert await client.get("/", timeout=10) == {}


@pytest.mark.parametrize("fault", [CLOSE, answer(500), answer(404)])
async def test_other_failures_do_not_shrink_it(lane: Lane, fault: Any) -> None:
    """They say nothing of the load; each gives its place back."""
    async with Scripted(fault, fault, fault) as server:
        client = lane.client(server.url, concurrency=AdaptiveConcurrency(1, 1, 1))
        for _ in range(3):
            with pytest.raises(FrameworkException):
                await client.get("/")
        assert await client.get("/") == {}
        assert client.concurrency_limits == {server.url: 1}


async def test_a_full_pool_is_no_overload(kind: Kind) -> None:
    """A wait for a connection of ours is not the server's fault."""
    async with Scripted(HANG) as server:
        client = kind.client(
            server.url, concurrency=AdaptiveConcurrency(8), pool=Pool(total=1, wait=0.05)
        )
        first = asyncio.ensure_future(client.get("/", timeout=5))
        await server.has_read(1)
        with pytest.raises(RequestTimeout) as caught:
            await client.get("/")
        assert caught.value.sent == "no"
        assert client.concurrency_limits == {server.url: 8}
        server.close_connections()
        with pytest.raises(ConnectionLost):
            await first


async def test_a_place_comes_back_however_a_call_ends(kind: Kind) -> None:
    """A timeout, a cancellation while it waits or is sent, an open circuit, a spent budget."""
    async with Scripted(HANG, HANG) as server:
        client = kind.client(server.url, concurrency=AdaptiveConcurrency(1, 1, 1))
        first = asyncio.ensure_future(client.get("/", timeout=0.5))
        await server.has_read(1)
        with pytest.raises(RateLimitTimeout, match="slot of the concurrency limit"):
            await client.get("/", deadline=0.1)
        with pytest.raises(RequestTimeout):
            await first
        if kind.name == "async":
            second = asyncio.ensure_future(client.get("/"))
            await server.has_read(2)
            waiting = asyncio.ensure_future(client.get("/"))
            await asyncio.sleep(0)
            waiting.cancel()
            second.cancel()
            await asyncio.wait([waiting, second])
            assert waiting.cancelled()
            assert second.cancelled()
        server.script.clear()
        with client.budget(requests=1) as budget:
            assert await client.get("/") == {}
            await client.get("/")
        assert budget.exhausted
        assert await client.get("/") == {}


async def test_each_origin_has_its_own(lane: Lane) -> None:
    """Copies share them, unless they are given another one."""
    async with Scripted(answer(503)) as one, Scripted() as two:
        client = lane.client(
            one.url,
            concurrency=AdaptiveConcurrency(4),
            trusted_origins=[two.url],
            retry=None,
        )
        with pytest.raises(HTTPServiceUnavailable):
            await client.get("/")
        copy = client.with_options(headers={"X-A": "b"})
        await copy.get(f"{two.url}/")
        assert client.concurrency_limits == copy.concurrency_limits == {one.url: 3, two.url: 4}
        assert client.with_options(concurrency=AdaptiveConcurrency(5)).concurrency_limits == {}
        assert client.with_options(concurrency=None).concurrency_limits == {}
        assert lane.client(one.url).concurrency_limits == {}


async def test_with_a_rate_limit_both_hold(kind: Kind) -> None:
    """A call is sent when it has a slot and a place."""
    async with Scripted() as server:
        client = kind.client(
            server.url,
            concurrency=AdaptiveConcurrency(1, 1, 1),
            rate_limit=RateLimit(3, per=0.3, exact="server"),
        )
        await call_all(client, 7, 7)
        assert len(server.log) == 7
        assert server.log[6].at - server.log[0].at >= 0.6
        assert set(server.connections) == {1}, "one at a time"


class Answers(Hook):
    """A hook that answers by itself, or gives again what was answered before."""

    def __init__(self, *, makes: bool) -> None:
        self._makes = makes
        self._kept: RawResponse | None = None
        self.answers = False

    def before_attempt(self, request: Request) -> RawResponse | None:
        """Answer, where it does."""
        if not self.answers:
            return None
        return RawResponse.make(request, body={}) if self._makes else self._kept

    def after_attempt(self, request: Request, response: RawResponse) -> RawResponse:
        """Keep the answer."""
        self._kept = response
        return response


@pytest.mark.parametrize("makes", [False, True])
async def test_answers_of_hooks_say_nothing(kind: Kind, makes: bool) -> None:
    """They are much faster than the server, which is not slow for that."""
    async with Workers(1, 0.005) as server:
        hook = Answers(makes=makes)
        client = kind.client(server.url, concurrency=AdaptiveConcurrency(2, 1, 2), hooks=[hook])
        await client.get("/")
        hook.answers = True
        await call_all(client, 120, 1)
        assert len(server.log) == 1
        hook.answers = False
        await call_all(client, 60, 1)
        assert len(server.log) == 61
        assert client.concurrency_limits == {server.url: 2}
