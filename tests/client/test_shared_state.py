"""What calls, threads and processes share does not leak from one into another."""

import asyncio
import os
import signal
import threading
import time
from typing import Any

import aiohttp
import pytest

from arya_api_framework import AsyncClient, SubClient, SyncClient, Timeout
from arya_api_framework.errors import FrameworkException, HTTPError, RequestTimeout
from tests.app import Server
from tests.conftest import Kind, needs_fork
from tests.patience import LATE


@pytest.mark.parametrize("path", ["/status/503", "/delay/30"])
async def test_what_was_posted_is_not_safe_to_repeat(kind: Kind, server: Server, path: str) -> None:
    """After a 303 the POST was read, whatever becomes of the GET that follows it."""
    client = kind.client(server.url, timeout=1 if "delay" in path else 60)
    with pytest.raises(FrameworkException) as caught:
        await client.post(
            "/redirect-to", parameters={"url": path, "status": 303}, body={"order": 1}
        )
    error = caught.value
    assert isinstance(error, HTTPError | RequestTimeout)
    assert (error.method, error.retryable) == ("POST", False)
    assert error.sent in ("maybe", "yes")
    assert [received.method for received in server.log] == ["POST", "GET"]


async def test_a_hop_that_was_not_sent_does_not_undo_the_first(kind: Kind, server: Server) -> None:
    """Where the rate limit stops the hop, the server has read the request before it."""
    client = kind.client(server.url, rate_limit=1, rate_limit_interval=60, deadline=30)
    with pytest.raises(FrameworkException) as caught:
        await client.post("/redirect-to", parameters={"url": "/echo", "status": 303})
    assert (caught.value.method, caught.value.sent, caught.value.retryable) == (
        "POST",
        "yes",
        False,
    )
    assert len(server.log) == 1


async def test_a_pool_timeout_is_that_of_its_call(server: Server) -> None:
    """The next call of the same task, and of another client, has none."""

    def one_connection(**options: Any) -> Any:
        options["connector"]._limit = 1
        return aiohttp.ClientSession(**options)

    async with (
        AsyncClient(server.url, session_factory=one_connection) as first,
        AsyncClient(server.url, session_factory=one_connection) as second,
    ):
        await first.get("/echo", timeout=Timeout(pool=0.05))
        # One connection: whoever comes second waits for it, longer than the first client would.
        _, echo = await asyncio.gather(second.get("/delay/0.3"), second.get("/echo"))
        assert echo["method"] == "GET"


async def test_a_call_inside_a_call_leaves_the_outer_its_time(server: Server) -> None:
    """A token that is fetched on the way does not lift the limit of the call that needs it."""

    async def fetch_first(request: Any, handler: Any) -> Any:
        if "/delay" in str(request.url):
            await client.get("/echo")
        return await handler(request)

    def with_middleware(**options: Any) -> Any:
        return aiohttp.ClientSession(**options, middlewares=[fetch_first])

    client = AsyncClient(server.url, session_factory=with_middleware)
    async with client:
        start = time.monotonic()
        with pytest.raises(RequestTimeout):
            await client.get("/delay/30", timeout=0.3)
        assert time.monotonic() - start < 0.3 + LATE


def test_closing_twice_at_once_tears_down_once() -> None:
    """Of two threads that close, one does it, and neither fails."""
    unloaded: list[int] = []
    both = threading.Barrier(2)

    class Slow(SubClient):
        def on_unloaded(self) -> None:
            unloaded.append(1)
            time.sleep(0.05)

    client = SyncClient("https://api.test")
    client.add_subclient(Slow())

    def close() -> None:
        both.wait()
        client.close()

    threads = [threading.Thread(target=close) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(unloaded) == 1
    assert client.closed


@needs_fork
@pytest.mark.parametrize(
    "lock_of",
    [
        lambda client: client._mutex,
        lambda client: client.cookie_jar.mutex,
        lambda client: client._open_transport()._lock,
    ],
)
def test_a_child_does_not_wait_for_a_lock_of_its_parent(server: Server, lock_of: Any) -> None:
    """A thread that held a lock of the client does not exist in the child."""
    client = SyncClient(server.url)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with lock_of(client):
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        code = 1
        try:
            client.headers["X-Child"] = "1"
            code = 0 if client.get("/echo")["method"] == "GET" else 2
        finally:
            os._exit(code)
    release.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.close()
