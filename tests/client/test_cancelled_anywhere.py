"""A call of the async client that is cancelled at one await after the other."""

import asyncio
import gc
import os
import sys
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from arya_api_framework import TLS, AsyncClient, Pool
from tests.faults import WELL, Faults
from tests.patience import until_async
from tests.proxies import Proxy


@types.coroutine
def cancelled_at(call: Any, number: int) -> Generator[Any, Any, bool]:
    """Await a coroutine, and cancel the task when it waits for the given time.

    Returns:
        Whether it ended before.
    """
    task = asyncio.current_task()
    assert task is not None
    step = call.send
    argument: Any = None
    for waits in count():
        try:
            future = step(argument)
        except StopIteration:
            return True
        if waits == number:
            task.cancel()
        try:
            argument = yield future
            step = call.send
        except BaseException as error:  # noqa: BLE001 - it is raised in the call
            step, argument = call.throw, error
    raise AssertionError


Make = Callable[[], AsyncClient]


async def run(make: Make, call: Callable[[AsyncClient], Any], *, warm: bool) -> int:
    """Cancel a call at each await; return how many there are.

    Args:
        make: Makes a client.
        call: Makes the call.
        warm: Whether one client, with a connection, serves all of them.
    """
    client = make()
    if warm:
        assert await client.get("/ok") == {"ok": True}
    for number in count():
        if not warm and number:
            client = make()

        async def cancelled(number: int = number, client: AsyncClient = client) -> bool:
            return await cancelled_at(call(client), number)

        task = asyncio.create_task(cancelled())
        try:
            ended = await task
        except asyncio.CancelledError:
            assert task.cancelled()
            ended = False
        await nothing_left(client)
        async with asyncio.timeout(30):
            assert await client.get("/ok") == {"ok": True}
        await nothing_left(client)
        if not warm or ended:
            await client.close()
        if ended:
            return number
    raise AssertionError


async def nothing_left(client: AsyncClient) -> None:
    """Check that there is no other task, and nobody in the pool or in the queue of the limit."""
    # A thread may be at its end.
    await until_async(lambda: len(asyncio.all_tasks()) <= 1)
    if client._transport is not None and client._transport._rooms:
        connector: Any = client.session.connector
        assert not connector._acquired
        assert not any(connector._waiters.values())
        assert all(not room.timer._watched for room in client._transport._rooms.values())
    if client._limiter is not None:
        assert not client._limiter.waiting


@pytest.fixture(autouse=True)
async def _no_descriptor_left() -> AsyncIterator[None]:
    def number() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    await asyncio.to_thread(int)  # The executor has threads, not descriptors, from now on.
    before = number() if sys.platform == "linux" else 0
    yield
    if sys.platform == "linux":
        # The server is in another thread.
        await until_async(lambda: number() <= before + 1)


async def stream(client: AsyncClient) -> None:
    """Read a body while it comes."""
    async with client.stream("GET", "/in-pieces") as body:
        assert [text async for text in body.iter_text()]


async def leave(client: AsyncClient) -> None:
    """Leave a body that was begun."""
    async with client.stream("GET", "/in-pieces") as body:
        async for _ in body.iter_bytes():
            break


CALLS: dict[str, Callable[[AsyncClient], Awaitable[Any]]] = {
    "get": lambda client: client.get("/in-pieces"),
    "coded": lambda client: client.get("/gzip"),
    "post": lambda client: client.post("/ok", body={"a": 1}),
    "upload": lambda client: client.post("/ok", data=bytes(3_000_000)),
    "stream": stream,
    "left early": leave,
    "redirect": lambda client: client.get("/redirect-same"),
}


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("name", CALLS)
async def test_calls(faults: Faults, name: str, warm: bool) -> None:
    """On a connection that is there, and on one that must be made."""
    assert await run(lambda: AsyncClient(faults.url), CALLS[name], warm=warm) >= 1


@pytest.mark.parametrize("warm", [True, False])
async def test_upload_of_a_file(faults: Faults, tmp_path: Path, warm: bool) -> None:
    """A file is read in a thread, which comes to its end."""
    file = tmp_path / "file"
    file.write_bytes(bytes(1_000_000))
    assert (
        await run(
            lambda: AsyncClient(faults.url),
            lambda client: client.upload_file(file, "/ok"),
            warm=warm,
        )
        >= 1
    )


async def test_wait_for_the_rate_limit(faults: Faults) -> None:
    """A call that was cancelled in the queue has no place there."""

    def make() -> AsyncClient:
        return AsyncClient(faults.url, rate_limit=1, rate_limit_interval=0.03)

    async def twice(client: AsyncClient) -> None:
        await client.get("/ok")
        await client.get("/ok")

    assert await run(make, twice, warm=False) >= 3


async def test_tls(tls_faults: Faults, ca_pem: Path) -> None:
    """In the handshake, too."""
    tls = TLS(ca=ca_pem)
    calls = await run(
        lambda: AsyncClient(tls_faults.url, tls=tls), lambda client: client.get("/ok"), warm=False
    )
    assert calls >= 3


@pytest.mark.parametrize("secure", [False, True])
async def test_proxy(faults: Faults, tls_faults: Faults, ca_pem: Path, secure: bool) -> None:
    """Through a proxy, and in a tunnel."""
    target = tls_faults if secure else faults
    options: dict[str, Any] = {"tls": TLS(ca=ca_pem)} if secure else {}
    once = Pool(keepalive=0)  # This proxy forwards one request over a connection.
    with Proxy() as proxy:
        calls = await run(
            lambda: AsyncClient(target.url, proxy=proxy.url, pool=once, **options),
            lambda client: client.get("/ok"),
            warm=False,
        )
    assert calls >= (4 if secure else 2)


@asynccontextmanager
async def unix_server(path: Path) -> AsyncIterator[None]:
    """Answer every request at a Unix socket."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(WELL)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets")
async def test_unix_socket(tmp_path: Path) -> None:
    """At a Unix socket."""
    path = tmp_path / "socket"
    import threading

    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with unix_server(path):
            ready.set()
            await asyncio.to_thread(over.wait, 30)

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    try:
        assert await asyncio.to_thread(ready.wait, 10)
        calls = await run(
            lambda: AsyncClient("http://api.test", unix_socket=str(path)),
            lambda client: client.get("/ok"),
            warm=False,
        )
        assert calls >= 2
    finally:
        over.set()
        await asyncio.to_thread(thread.join, 10)
