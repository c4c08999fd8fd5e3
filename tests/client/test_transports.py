"""The corners of the transports: sessions not as ours, sockets that do not take what is sent."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import connectionpool, poolmanager

from arya_api_framework import TLS, AsyncClient, Pool, SyncClient, Timeout
from arya_api_framework.client.async_timer import Timer
from arya_api_framework.client.call import Call
from arya_api_framework.client.sync_exchange import Exchange
from arya_api_framework.errors import (
    ClientClosedError,
    ClientError,
    ConfigurationError,
    ConnectionLost,
    DNSError,
    FrameworkException,
    HTTPRequestEntityTooLarge,
    IncompleteResponse,
    PoolTimeout,
    ProtocolError,
    ProxyError,
    RequestTimeout,
    WriteTimeout,
)
from tests.app import Server
from tests.client.conftest import Lane
from tests.client.test_hostile import SECRETS, shown_by
from tests.conftest import Kind
from tests.faults import PATHS, WELL, Faults, Peer, handles, listener, speaks_first
from tests.patience import until, until_async

# Sessions with connections that are not ours


class OwnPools(HTTPAdapter):
    """An adapter whose manager has pool classes of its own, which are left to it."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the manager, and give it its classes."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {**poolmanager.pool_classes_by_scheme}

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        """Send as usual."""
        return super().send(*arguments, **options)


@pytest.fixture
def stock(faults: Faults) -> Iterator[SyncClient]:
    """A client whose connections are urllib3's own."""
    with requests.Session() as session:
        session.mount("http://", OwnPools())
        yield SyncClient(faults.url, session=session, timeout=Timeout(total=5, read=0.2))


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/garbage", ProtocolError),
        ("/hints", ProtocolError),
        ("/switching", ProtocolError),
        ("/close-before-head", ConnectionLost),
        ("/reset-before-head", ConnectionLost),
        ("/close-in-body", IncompleteResponse),
        ("/reset-in-body", IncompleteResponse),
        ("/chunk-size-word", ProtocolError),
        ("/hang-before-head", RequestTimeout),
        ("/hang-in-body", RequestTimeout),
    ],
)
def test_stock_connections(
    stock: SyncClient, faults: Faults, path: str, error: type[FrameworkException]
) -> None:
    """Faults on urllib3's own connections are errors of ours too, and the next call is right."""
    with pytest.raises(error):
        stock.get(path)
    assert stock.get("/ok") == {"ok": True}
    assert stock.get("/gzip") == {"ok": True}
    assert stock.post("/ok", data=iter([b"a"])) == {"ok": True}


def test_session_without_an_adapter(faults: Faults) -> None:
    """A session that has no adapter for a scheme cannot send to it."""
    with requests.Session() as session:
        session.adapters.clear()
        with pytest.raises(ConfigurationError):
            SyncClient(faults.url, session=session).get("/ok")


def test_session_used_before_the_client(faults: Faults) -> None:
    """A brought session may have open connections already."""
    with requests.Session() as session:
        assert session.get(f"{faults.url}/ok").json() == {"ok": True}
        client = SyncClient(faults.url, session=session)
        assert client.get("/ok") == {"ok": True}
        assert client.get("/hints") == {"ok": True}
        client.close()
        assert session.get(f"{faults.url}/ok").json() == {"ok": True}


def only_pool(adapter: HTTPAdapter) -> connectionpool.HTTPConnectionPool:
    """Return the pool of an adapter that has one."""
    pools = adapter.poolmanager.pools
    [key] = pools.keys()
    pool = pools[key]
    assert isinstance(pool, connectionpool.HTTPConnectionPool)
    return pool


def test_closed_pool(faults: Faults) -> None:
    """A pool that was closed from outside is told as such."""
    with requests.Session() as session:
        client = SyncClient(faults.url, session=session)
        client.get("/ok")
        adapter: Any = session.adapters["http://"]
        only_pool(adapter).close()
        with pytest.raises(ClientClosedError):
            client.get("/ok")


TOLD = threading.Event()


@handles("/when-told")
async def when_told(peer: Peer) -> None:
    """Answer when the test says so."""
    await until_async(TOLD.is_set)
    await peer.send(WELL)


def test_pool_that_has_become_full(faults: Faults) -> None:
    """A call whose connection has no place in the pool any more has its answer all the same."""
    with requests.Session() as session:
        adapter = HTTPAdapter(pool_maxsize=1, pool_block=True)
        session.mount("http://", adapter)
        client = SyncClient(faults.url, session=session)
        results: list[Any] = []
        TOLD.clear()
        thread = threading.Thread(target=lambda: results.append(client.get("/when-told")))
        thread.start()
        until(lambda: faults.log)
        pool = only_pool(adapter)
        assert pool.pool is not None
        pool.pool.put(None)
        TOLD.set()
        thread.join(30)
    assert results == [{"ok": True}]


def test_pool_part_where_the_session_sends(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for a connection has its limit in requests' own way to send, too."""
    real = requests.Session.send
    with SyncClient(faults.url, pool=Pool(total=2), retry=None) as client:
        threads = [
            threading.Thread(target=_fails, args=[client, "/hang-before-head"]) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        until(lambda: len(faults.log) >= 2)
        monkeypatch.setattr(requests.Session, "send", lambda *a, **k: real(*a, **k))  # noqa: PLW0108
        with pytest.raises(PoolTimeout) as caught:
            client.get("/ok", timeout=Timeout(pool=0.1))
        assert caught.value.sent == "no"
        with pytest.raises(RequestTimeout):
            client.get("/ok", timeout=0.1)
        faults.hang_up()
        for thread in threads:
            thread.join(10)
        assert client.get("/ok") == {"ok": True}


def _fails(client: SyncClient, path: str) -> None:
    with pytest.raises(FrameworkException):
        client.get(path)


def test_very_many_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of origins has a bound."""

    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with SyncClient("http://api.test", retry=None) as client:
        for number in range(300):
            with pytest.raises(DNSError):
                client.get(f"http://host{number}.test/", foreign=True)
        assert client._transport is not None
        assert 0 < len(client._transport._lanes) <= 256


async def test_label_that_is_too_long(lane: Lane) -> None:
    """A host name that no resolver can be asked for cannot be resolved."""
    client = lane.client(f"http://{'a' * 64}.test")
    with pytest.raises(DNSError) as caught:
        await client.get("/")
    assert caught.value.sent == "no"


# Sessions of aiohttp that are not as ours


async def test_factory_with_a_will_of_its_own(faults: Faults) -> None:
    """Whatever a factory sets, bodies are decoded once, and statuses are ours to judge."""

    def make(**_: Any) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(raise_for_status=True, auto_decompress=True)

    async with AsyncClient(faults.url, session_factory=make, timeout=5) as client:
        assert await client.get("/gzip") == {"ok": True}
        with pytest.raises(FrameworkException, match="404"):
            await client.get("/not-found")
        for path in ("/status-600", "/coding-unknown", "/switching"):
            with pytest.raises(ProtocolError):
                await client.get(path)
            await faults.settle()
            await asyncio.sleep(0.01)  # The server closes the connection, which aiohttp keeps.


@pytest.mark.parametrize("brought", [True, False])
async def test_connections_of_theirs(faults: Faults, brought: bool) -> None:
    """Where the connections are another's, a head that aiohttp should not take is still refused."""
    async with aiohttp.ClientSession() as session:
        options = {"session": session} if brought else {"session_factory": lambda **_: session}
        client = AsyncClient(faults.url, timeout=5, **options)
        for path in ("/status-600", "/coding-unknown", "/switching", "/head-long"):
            with pytest.raises(FrameworkException) as caught:
                await client.get(path)
            assert type(caught.value).__name__ in ("ProtocolError", "ResponseTooLarge")
            await faults.settle()
            await asyncio.sleep(0.01)  # The server closes the connection, which aiohttp keeps.
        assert await client.get("/hints") == {"ok": True}
        await client.close()


@pytest.mark.parametrize("path", PATHS)
async def test_faults_on_connections_of_theirs(faults: Faults, path: str) -> None:
    """Whatever aiohttp's own parser makes of a fault, it is an error of ours that tells nothing."""
    async with aiohttp.ClientSession() as session:
        client = AsyncClient(faults.url, session=session, timeout=0.2, **SECRETS)
        assert "of-mine" not in await shown_by(client.get(path))


@pytest.mark.parametrize("path", ["/no-reading", "/no-reading-excess"])
async def test_last_words(faults: Faults, path: str) -> None:
    """What a server said before it reset the connection is read, though writing has failed."""

    async def pieces() -> Any:
        yield bytes(65536)
        # The loop is held, so that it hears of the answer and of the reset at once.
        time.sleep(0.3)  # noqa: ASYNC251
        yield bytes(65536)
        yield bytes(65536)

    async with AsyncClient(faults.url, timeout=5) as client:
        with pytest.raises(HTTPRequestEntityTooLarge):
            await client.post(path, data=pieces())


async def test_proxy_of_a_factory() -> None:
    """A proxy that a factory sets is named as the one at fault."""
    with listener(backlog=None) as url:

        def make(**options: Any) -> aiohttp.ClientSession:
            return aiohttp.ClientSession(proxy=url, **options)

        async with AsyncClient("http://api.test", session_factory=make, timeout=5) as client:
            with pytest.raises(ProxyError) as caught:
                await client.get("/")
            assert caught.value.sent == "no"


async def test_session_closed_from_outside(faults: Faults) -> None:
    """A session that its owner has closed is told as such."""
    session = aiohttp.ClientSession()
    client = AsyncClient(faults.url, session=session, timeout=5)
    assert await client.get("/ok") == {"ok": True}
    await session.close()
    with pytest.raises(ClientClosedError):
        await client.get("/ok")
    with pytest.raises(ClientClosedError, match="brought is closed"):
        await AsyncClient(faults.url, session=session).get("/ok")


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.1", "127.0.0.01", "1.2.3.4.5", "a.9"]
)
async def test_odd_forms_of_addresses(kind: Kind, faults: Faults, host: str) -> None:
    """What some resolvers take for an address, and others for a name, is refused everywhere."""
    with pytest.raises(ClientError):
        kind.client(f"http://{host}:{faults.port}")
    client = kind.client(faults.url)
    with pytest.raises(ConfigurationError):
        await client.get(f"http://{host}:{faults.port}/ok", foreign=True)
    assert faults.log == []


async def test_trace_that_swallows_a_cancellation(faults: Faults) -> None:
    """A callback that swallows the end of the time does not give the call more of it."""

    async def swallow(*_: Any) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(5)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(swallow)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        client = AsyncClient(faults.url, session=session, timeout=0.1)
        with pytest.raises(RequestTimeout):
            await client.get("/ok")
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0


async def test_write_part_and_total_at_once(faults: Faults) -> None:
    """Where the write part and the total end together, the call ends once."""
    timeout = Timeout(total=0.2, write=0.2)
    async with AsyncClient(faults.url, timeout=timeout) as client:
        task = asyncio.ensure_future(client.post("/upload-stall", data=iter([bytes(65536)] * 400)))
        await faults.wait_for(1)
        await asyncio.sleep(0.05)
        time.sleep(0.3)  # noqa: ASYNC251 - the loop is held until both are due
        with pytest.raises((RequestTimeout, WriteTimeout)):
            await task
        assert await client.get("/ok") == {"ok": True}


async def test_asynchronous_iterator(faults: Faults) -> None:
    """An asynchronous iterator is sent piece by piece."""

    async def pieces() -> Any:
        for piece in (b"a", b"", b"bc"):
            await asyncio.sleep(0)
            yield piece

    async with AsyncClient(faults.url, timeout=5) as client:
        assert await client.post("/ok", data=pieces()) == {"ok": True}
    assert faults.log[0].body == b"abc"


# Closing in between


async def test_closed_while_a_call_waits_for_its_turn(kind: Kind, server: Server) -> None:
    """A call that waited for the rate limit while the client was closed is not sent."""
    client = kind.client(server.url, rate_limit=1, rate_limit_interval=1)
    await client.get("/echo")
    call = asyncio.ensure_future(client.get("/echo"))
    await until_async(lambda: client.target._limiter.waiting)
    await client.close()
    with pytest.raises(ClientClosedError):
        await call
    assert len(server.log) == 1


async def test_closing_with_connections_to_several_servers(
    lane: Lane, faults: Faults, server: Server
) -> None:
    """All connections of a client are closed with it."""
    client = lane.client(faults.url)
    await client.get("/ok")
    await client.get(f"{server.url}/echo", foreign=True)
    await client.close()
    assert client.closed


# Servers that speak first


@pytest.mark.parametrize("data", [None, bytes(1_000_000), "iterator"])
async def test_server_that_speaks_first(lane: Lane, data: Any) -> None:
    """What a server says before it is asked is not taken for a good answer."""
    with speaks_first(b"220 mail.test ESMTP\r\n\r\n") as url:
        client = lane.client(url, timeout=5)
        sent = iter([bytes(65536)] * 100) if data == "iterator" else data
        with pytest.raises(ProtocolError):
            await client.post("/", data=sent)


# Sockets that do not take what is written


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of one connection, with hardly any room between them."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with closing(ours), closing(theirs):
        yield ours, theirs


def exchange(sock: socket.socket, **options: Any) -> Exchange:
    """Return an exchange of a POST on a socket."""
    with SyncClient("http://api.test") as client:
        call: Call = client._prepare("POST", "/", options)
        call.begin()
        return Exchange(call.request, call, sock)


def test_short_request_that_is_not_taken(pair: tuple[socket.socket, socket.socket]) -> None:
    """A request is given up when not even its head is taken in time."""
    ours, _ = pair
    ours.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            ours.send(bytes(4096))
    with pytest.raises(WriteTimeout) as caught:
        exchange(ours, timeout=Timeout(write=0.05)).write_request()
    assert caught.value.sent == "maybe"


def test_short_request_to_nobody(pair: tuple[socket.socket, socket.socket]) -> None:
    """Where nobody is there to take a request, reading tells, and keeps the reason."""
    ours, theirs = pair
    theirs.close()
    started = exchange(ours)
    started.write_request()
    assert started.unsent
    with pytest.raises(ConnectionLost) as caught:
        started.read_head()
    assert isinstance(caught.value.__cause__, BrokenPipeError)


def test_long_request_to_nobody(pair: tuple[socket.socket, socket.socket]) -> None:
    """The same in the middle of a long request, with an answer that came in time."""
    ours, theirs = pair
    ours.shutdown(socket.SHUT_WR)
    started = exchange(ours, data=bytes(100_000))
    started.write_request()
    assert started.unsent
    theirs.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    head, rest = started.read_head()
    assert head.status == 400
    assert started.read_body(head, rest) == b""
    assert not started.reusable


@pytest.mark.parametrize("data", [bytes(100_000), "iterator"])
def test_request_that_is_answered_before_it_is_sent(
    pair: tuple[socket.socket, socket.socket], data: Any
) -> None:
    """Nothing of a long request is sent to a server that has given its answer already."""
    ours, theirs = pair
    theirs.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    started = exchange(ours, data=iter([b"a"]) if data == "iterator" else data)
    started.write_request()
    assert started.unsent
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
    head, rest = started.read_head()
    assert head.status == 408
    assert started.read_body(head, rest) == b""
    assert not started.reusable


async def test_calls_that_begin_at_once_have_one_tls_context(ca_pem: Path) -> None:
    """The second finds what the first has made, while it waited for it."""
    async with AsyncClient("https://127.0.0.1:1", tls=TLS(ca=ca_pem)) as client:
        transport = client._open_transport()
        made = await asyncio.gather(*(asyncio.to_thread(transport._make_context) for _ in range(4)))
        assert len(set(map(id, made))) == 1


async def test_a_timer_that_comes_late_ends_nothing() -> None:
    """The call is over: nobody is cancelled for it."""
    timer = Timer(asyncio.get_running_loop())
    async with AsyncClient("http://api.test") as client:
        call = client._prepare("GET", "/", {})
    timer.watch(call)
    timer.forget(call)
    timer.fire(call)
    assert not timer.fired(call)
    await asyncio.sleep(0)  # A cancellation would end this.
