"""A rate limit that clients share with other processes, through a real Redis."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from arya_api_framework import CredentialPool, RateLimit, RedisShare
from arya_api_framework.errors import LimiterUnavailable, RateLimitTimeout
from tests.conftest import Kind
from tests.patience import LATE
from tests.redis_server import RedisServer, free_port
from tests.scripted import Scripted

SLACK = 0.15
"""Seconds that the way to a server may take, on a slow machine."""

PROCESS = """
import asyncio, sys
from arya_api_framework import AsyncClient, RateLimit, RedisShare, SyncClient
kind, url, redis, calls = sys.argv[1:]
limit = RateLimit(5, per=0.5, share=RedisShare(redis, name="four", timeout=10))
if kind == "sync":
    with SyncClient(url, rate_limit=limit) as client:
        for number in range(int(calls)):
            client.get(f"/{number}")
    limit.close()
else:
    async def main():
        async with AsyncClient(url, rate_limit=limit) as client:
            await asyncio.gather(*(client.get(f"/{number}") for number in range(int(calls))))
    asyncio.run(main())
"""


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis server."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


async def run(*arguments: str) -> None:
    """Run a client in a process of its own."""
    command = [sys.executable, "-c", PROCESS, *arguments]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


async def test_four_processes_keep_one_limit(redis: RedisServer) -> None:
    """Two with threads and two with tasks: the server never reads more than the limit."""
    async with Scripted() as server:
        kinds = ["sync", "async", "sync", "async"]
        start = time.monotonic()
        await asyncio.gather(*(run(kind, server.url, redis.url, "8") for kind in kinds))
        times = sorted(read.at for read in server.log)
        assert len(times) == 32
        for number, at in enumerate(times):
            assert at - start >= number // 5 * 0.5
        # The processes may start long after each other.
        assert times[-1] - times[0] < 6 * 0.5 + 4 * LATE, "it is not slower than it must be"


async def test_a_shared_limit_beside_others(kind: Kind, redis: RedisServer) -> None:
    """All hold, each key for itself, and a wait that is too long gives back the slots."""
    share = RedisShare(redis.url, name=f"beside {kind}", timeout=10)
    own = RateLimit(5, per=60, follow_headers=False)
    shared = RateLimit(1, per=60, by="endpoint", share=share)
    async with Scripted() as server:
        client = kind.client(server.url, rate_limit=[own, shared])
        await client.get("/a")
        await client.get("/b")
        with pytest.raises(RateLimitTimeout) as caught:
            await client.get("/a", deadline=30)
        assert caught.value.sent == "no"
        assert own.eta(3) == 0, "the slot that it had was given back"
        assert [read.target for read in server.log] == ["/a", "/b"]
        await close(client, shared)


@pytest.mark.parametrize("when_gone", ["closed", "open"])
async def test_without_redis(kind: Kind, when_gone: Any) -> None:
    """What happens was said before, and it happens soon."""
    share = RedisShare(f"redis://127.0.0.1:{free_port()}", name="gone", when_gone=when_gone)
    limit = RateLimit(5, share=share)
    async with Scripted() as server:
        client = kind.client(server.url, rate_limit=limit)
        if when_gone == "open":
            assert await client.get("/") == {}
        else:
            with pytest.raises(LimiterUnavailable) as caught:
                await client.get("/")
            assert (caught.value.sent, caught.value.attempts) == ("no", 1)
        assert len(server.log) == (when_gone == "open")
        await close(client, limit)


async def test_a_wait_for_a_key_takes_no_second_slot(kind: Kind, redis: RedisServer) -> None:
    """A slot that other processes share is not given back, and not taken again."""
    share = RedisShare(redis.url, name=f"keys {kind}", timeout=10)
    limit = RateLimit(4, per=60, share=share)
    pool = CredentialPool(["key"], rate_limit=1, rate_limit_interval=0.5)
    async with Scripted() as server:
        client = kind.client(server.url, rate_limit=limit, credentials=pool)
        start = time.monotonic()
        await asyncio.gather(*(client.get("/") for _ in range(3)))
        assert [read.headers["Authorization"] for read in server.log] == ["Bearer key"] * 3
        assert all(read.at - start >= 0.5 * number for number, read in enumerate(server.log))
        await client.get("/", headers={"Authorization": None})
        with pytest.raises(RateLimitTimeout):
            await client.get("/", headers={"Authorization": None}, deadline=1)
        await close(client, limit)


async def test_a_slot_that_ran_out_in_the_wait_for_a_share_is_taken_anew(
    kind: Kind, redis: RedisServer
) -> None:
    """While a call waited for the share, its own slot was free again, and taken by others."""
    share = RedisShare(redis.url, name=f"anew {kind}", timeout=10)
    shared = RateLimit(1, per=1, only="/shared", share=share)
    own = RateLimit(1, per=0.3)
    async with Scripted() as server:
        client = kind.client(server.url, rate_limit=[own, shared])
        await client.get("/shared")
        await asyncio.gather(client.get("/shared"), *(client.get("/") for _ in range(7)))
        times = [read.at for read in server.log]
        assert len(times) == 9
        assert [read.target for read in server.log].count("/shared") == 2
        # Of ten slots, the one that ran out is lost.
        assert 9 * 0.3 - SLACK < times[-1] - times[0] < 9 * 0.3 + LATE
        await close(client, shared)


async def close(client: Any, limit: RateLimit) -> None:
    """Close a client, and what its limit opened in this process."""
    await client.close()
    limit.close()
    for share in limit._async_shares.values():
        await share.close()
