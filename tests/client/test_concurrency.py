"""Many calls at once on one client: each answer to its own request, and nothing left over."""

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from arya_api_framework import AsyncClient, SyncClient
from arya_api_framework.errors import ClientClosedError, FrameworkException
from tests.app import Server
from tests.client.conftest import Lane, hooked_session
from tests.conftest import Kind
from tests.faults import Faults
from tests.patience import LATE, until, until_async


def held(server: Faults) -> int:
    """Return how many client ends of connections to a server, and how many files, are open."""
    gc.collect()
    process = psutil.Process()
    ends = [one for one in process.net_connections("tcp") if one.raddr]
    connections = [one for one in ends if one.raddr.port == server.port]
    return len(connections) + len(process.open_files())


@pytest.mark.parametrize("factory", [None, hooked_session])
def test_threads(server: Server, factory: Any) -> None:
    """64 threads share one client; each call gets the answer to its own request."""
    options = {} if factory is None else {"session_factory": factory}
    wrong: list[Any] = []

    with SyncClient(server.url, timeout=60, **options) as client:

        def work(thread: int) -> None:
            for number in range(10):
                sent = {"thread": str(thread), "number": str(number)}
                found = client.post("/echo", parameters=sent, body=sent)
                if dict(found["query"]) != sent or found["text"] != str(sent).replace(
                    "'", '"'
                ).replace(" ", ""):
                    wrong.append((sent, found))

        with ThreadPoolExecutor(64) as threads:
            list(threads.map(work, range(64)))
    assert wrong == []
    assert len(server.log) == 640


async def test_tasks(server: Server) -> None:
    """200 tasks share one client; each call gets the answer to its own request."""
    async with AsyncClient(server.url, timeout=60) as client:

        async def work(task: int) -> None:
            for number in range(3):
                sent = {"task": str(task), "number": str(number)}
                found = await client.post("/echo", parameters=sent, body=sent)
                assert dict(found["query"]) == sent

        async with asyncio.TaskGroup() as tasks:
            for task in range(200):
                tasks.create_task(work(task))
    assert len(server.log) == 600
    assert len({received.connection for received in server.log}) <= 100


async def test_answers_out_of_step(lane: Lane, server: Server) -> None:
    """Slow and fast, whole and broken calls at once do not mix."""
    client = lane.client(server.url, timeout=60)

    async def ask(number: int) -> None:
        found = await client.get(f"/delay/{(number % 5) / 50}", parameters={"n": number})
        assert found["query"] == [["n", str(number)]]

    async def fail(number: int) -> None:
        with pytest.raises(FrameworkException):
            await client.get("/delay/5", parameters={"n": number}, timeout=0.05)

    await asyncio.gather(*(ask(n) if n % 3 else fail(n) for n in range(60)))


async def test_pool_limit(kind: Kind, faults: Faults) -> None:
    """A client opens at most 100 connections to a server; the other calls wait their turn."""
    before = faults.connections
    client = kind.client(faults.url, timeout=60)
    calls = [asyncio.ensure_future(client.get("/brief")) for _ in range(150)]
    assert await asyncio.gather(*calls) == [{"ok": True}] * 150
    assert faults.connections - before <= 100


PATHS = ["/ok", "/reset-in-body", "/hang-before-head", "/chunk-size-word", "/close-in-head"]


async def test_no_descriptor_is_left(lane: Lane, faults: Faults) -> None:
    """Neither calls that work nor calls that fail leave a descriptor open, nor a closed client."""
    before = held(faults)
    client = lane.client(faults.url)

    async def call(path: str) -> None:
        try:
            await client.get(path, timeout=20 if path == "/ok" else 0.1)
        except FrameworkException:
            assert path != "/ok"

    for _ in range(4):
        for path in PATHS:
            await asyncio.gather(*(call(path) for _ in range(5)))
    assert held(faults) <= before + 5
    await client.close()
    await until_async(lambda: held(faults) == before)


async def test_no_descriptor_is_left_by_uploads(lane: Lane, faults: Faults, tmp_path: Path) -> None:
    """Uploads that end early close their file and their connection."""
    path = tmp_path / "file"
    path.write_bytes(bytes(20 * 1024 * 1024))
    before = held(faults)
    client = lane.client(faults.url)
    for target in ("/early-error-stall", "/early-success", "/upload-reset", "/upload-stall"):
        with pytest.raises(FrameworkException):
            await client.stream_file(path, target, timeout=0.3)
        # A thread may be about to read the next piece.
        await until_async(lambda: held(faults) == before)


async def test_no_thread_or_task_is_left(kind: Kind, server: Server) -> None:
    """A client has no thread and no task of its own."""
    threads, tasks = threading.active_count(), len(asyncio.all_tasks())
    client = kind.base(server.url)
    if kind.is_async:
        await client.get("/echo")
        assert (threading.active_count(), len(asyncio.all_tasks())) == (threads, tasks)
        await client.close()
    else:
        client.get("/status/200")
        assert (threading.active_count(), len(asyncio.all_tasks())) == (threads, tasks)
        client.close()


# Closing


async def test_calls_in_flight_end_when_the_client_is_closed(lane: Lane, faults: Faults) -> None:
    """Calls that were begun end as usual; the next one is refused."""
    client = lane.client(faults.url, timeout=60)
    calls = [asyncio.ensure_future(client.get("/brief")) for _ in range(5)]
    await faults.wait_for(5)
    await client.close()
    with pytest.raises(ClientClosedError):
        await client.get("/ok")
    assert await asyncio.gather(*calls) == [{"ok": True}] * 5


def test_calls_that_wait_for_a_connection_end_when_the_client_is_closed(faults: Faults) -> None:
    """A thread that waits for a connection of the pool is not forgotten."""
    client = SyncClient(faults.url, timeout=60)
    with ThreadPoolExecutor(110) as threads:
        calls = [threads.submit(client.get, "/brief") for _ in range(110)]
        until(lambda: len(faults.log) >= 100)
        start = time.monotonic()
        client.close()
        results = [call.exception() or call.result() for call in calls]
    assert time.monotonic() - start < 0.2 + LATE
    assert {type(result) for result in results} <= {dict, ClientClosedError}
    assert sum(result == {"ok": True} for result in results) >= 100


async def test_closing_has_an_end(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that does not end is ended after a while, and told why."""
    monkeypatch.setattr("arya_api_framework.client.async_transport.GRACE", 0.2)
    client = AsyncClient(faults.url, timeout=60)
    call = asyncio.ensure_future(client.get("/hang-before-head"))
    await faults.wait_for(1)
    start = time.monotonic()
    await client.close()
    assert 0.2 <= time.monotonic() - start < 0.2 + LATE
    with pytest.raises(ClientClosedError) as caught:
        await call
    assert caught.value.sent == "maybe"


# Keeping connections


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_dropped_connection_is_not_replayed(
    lane: Lane, faults: Faults, method: str
) -> None:
    """When a kept connection is dropped in a call, the server has read that call only once."""
    client = lane.client(faults.url, timeout=60)
    await client.request(method, "/drops-the-second")
    with pytest.raises(FrameworkException) as caught:
        await client.request(method, "/drops-the-second")
    assert type(caught.value).__name__ == "ConnectionLost"
    assert caught.value.sent == "maybe"
    assert caught.value.retryable is (method != "POST")
    assert [(read.connection, read.method) for read in faults.log] == [
        (faults.log[0].connection, method)
    ] * 2


async def test_a_brought_session_does_not_replay_either(faults: Faults) -> None:
    """Nor does one that the user made."""
    import aiohttp

    async with aiohttp.ClientSession() as session:
        client = AsyncClient(faults.url, session=session, retry=None, timeout=60)
        await client.get("/drops-the-second")
        with pytest.raises(FrameworkException):
            await client.get("/drops-the-second")
    assert len(faults.log) == 2


async def test_a_connection_that_was_closed_while_idle(lane: Lane, faults: Faults) -> None:
    """A server may close kept connections at any time between two calls."""
    client = lane.client(faults.url, timeout=60)
    for _ in range(5):
        assert await client.post("/closes-when-idle", body={}) == {"ok": True}
        await faults.settle()
    assert len(faults.log) == 5
