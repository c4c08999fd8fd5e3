"""`Events`: what both clients tell of connections and requests, and in which order."""

import asyncio
import threading
from typing import Any

import pytest

from arya_api_framework import AsyncClient, Dns, Event, Events, Pool
from arya_api_framework.errors import ConnectError, HTTPNotFound
from arya_api_framework.events import EVENTS
from tests.app import Server
from tests.client.conftest import Lane
from tests.faults import WELL, Faults, Peer, handles

CREATE = ["connection_create_start", "connection_create_end"]
ASK = ["dns_cache_miss", "dns_resolvehost_start", "dns_resolvehost_end"]
REUSE = "connection_reuseconn"
READ = ["request_headers_sent", "response_chunk_received", "request_end"]
SENT = ["request_headers_sent", "request_chunk_sent", "response_chunk_received", "request_end"]


LET_GO = threading.Event()


@handles("/told-held")
async def held(peer: Peer) -> None:
    """Answer when the test says so."""
    await asyncio.to_thread(LET_GO.wait)
    await peer.send(WELL)


class Told(Events):
    """Remembers the events it was told."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self.changed = threading.Condition()

    def __getattribute__(self, name: str) -> Any:
        return super().__getattribute__("add" if name.startswith("on_") else name)

    def add(self, event: Event) -> None:
        """Remember an event."""
        with self.changed:
            self.all.append(event)
            self.changed.notify_all()

    async def wait_for(self, name: str) -> None:
        """Wait until an event was told."""

        def wait() -> bool:
            with self.changed:
                return self.changed.wait_for(lambda: name in [one.name for one in self.all], 10)

        assert await asyncio.to_thread(wait)

    @property
    def names(self) -> list[str]:
        """Their names; they are forgotten."""
        names = [event.name for event in self.all]
        self.all.clear()
        return names


@pytest.fixture
def told() -> Told:
    """What remembers events."""
    return Told()


def test_there_are_sixteen() -> None:
    """Those of aiohttp, and each has a method."""
    assert len(EVENTS) == len(set(EVENTS)) == 16
    event = Event("request_start", None, 0.0, "GET", "http://a.test/")
    assert [getattr(Events(), f"on_{name}")(event) for name in EVENTS] == [None] * 16


async def test_order_of_events(lane: Lane, server: Server, told: Told) -> None:
    """They come as they happen, with the trace of the call and no value of its query."""
    client = lane.client(server.at("localhost"), events=told, pool=Pool(keepalive=9))
    await client.get("/echo?q=secret", trace="T")
    assert {(event.trace, event.method) for event in told.all} == {("T", "GET")}
    assert {event.url for event in told.all} == {server.at("localhost") + "/echo?q=***"}
    assert [event.host for event in told.all if event.host] == ["localhost"] * 3
    assert [event.time for event in told.all] == sorted(event.time for event in told.all)
    assert told.names == ["request_start", CREATE[0], *ASK, CREATE[1], *READ]
    await client.post("/echo", body={"n": 1})
    sizes = [event.size for event in told.all if event.name == "request_chunk_sent"]
    assert sizes == [len(server.log[-1].body)]
    assert told.names == ["request_start", REUSE, *SENT]


@pytest.mark.parametrize("size", [100_000, 1_000_000])
@pytest.mark.parametrize("kind", ["bytes", "pieces", "file"])
async def test_pieces_of_an_upload(
    lane: Lane, server: Server, told: Told, tmp_path: Any, kind: str, size: int
) -> None:
    """All of them are told, after the head."""
    content: Any = bytes(size)
    (tmp_path / "file").write_bytes(content)
    if kind == "file":
        content = tmp_path / "file"
    elif kind == "pieces":
        content = iter([bytes(size // 2)] * 2)
    client = lane.client(server.url, events=told)
    await client.post("/echo", data=content, response_format=bytes)
    sent = [event for event in told.all if event.name == "request_chunk_sent"]
    assert sum(event.size or 0 for event in sent) == size
    names = [name for name in told.names if name != "response_chunk_received"]
    assert names == [
        *["request_start", *CREATE, "request_headers_sent"],
        *["request_chunk_sent"] * len(sent),
        "request_end",
    ]


async def test_pieces_of_a_response(lane: Lane, faults: Faults, told: Told) -> None:
    """Each piece is told, and their sizes are those of the whole."""
    client = lane.client(faults.url, events=told)
    await client.get("/chunk-extension", response_format=bytes)
    pieces = [event.size for event in told.all if event.name == "response_chunk_received"]
    assert sum(size or 0 for size in pieces) > 0
    assert told.names[-1] == "request_end"


async def test_addresses_and_remembered_names(lane: Lane, server: Server, told: Told) -> None:
    """Nobody is asked for an address, and nobody twice for a name."""
    pool = Pool(keepalive=0)
    await lane.client(server.url, events=told, pool=pool).get("/echo")
    assert told.names[:3] == ["request_start", *CREATE]
    client = lane.client(server.at("localhost"), events=told, pool=pool)
    await client.get("/echo")
    told.all.clear()
    await client.get("/echo")
    assert told.names[1:4] == [CREATE[0], "dns_cache_hit", CREATE[1]]


async def test_a_redirect_is_of_the_first_request(lane: Lane, server: Server, told: Told) -> None:
    """The next one starts after it."""
    await lane.client(server.url, events=told).get("/redirect/1")
    found = next(event for event in told.all if event.name == "request_redirect")
    assert (found.status, "/redirect/1" in found.url) == (302, True)
    names = told.names
    assert names.count("request_start") == 2
    assert names[names.index("request_redirect") + 1 :][:2] == ["request_start", REUSE]


async def test_an_error_status_is_an_end(lane: Lane, server: Server, told: Told) -> None:
    """The response came whole, whatever it says."""
    with pytest.raises(HTTPNotFound):
        await lane.client(server.url, events=told).get("/status/404")
    ends = [event.status for event in told.all if event.name == "request_end"]
    assert ends == [404]


async def test_waiting_for_a_connection(lane: Lane, faults: Faults, told: Told) -> None:
    """Who has to wait is told so, and who has not is not."""
    LET_GO.clear()
    client = lane.client(faults.url, events=told, pool=Pool(total=1))
    first = asyncio.create_task(client.get("/told-held"))
    await told.wait_for("request_headers_sent")
    second = asyncio.create_task(client.get("/ok", trace="second"))
    await told.wait_for("connection_queued_start")
    assert not any(event.name == "connection_queued_end" for event in told.all)
    LET_GO.set()
    await asyncio.gather(first, second)
    names = [event.name for event in told.all if event.trace == "second"]
    queued = ["connection_queued_start", "connection_queued_end"]
    assert names == ["request_start", *queued, REUSE, *READ]
    assert not any("queued" in event.name for event in told.all if event.trace is None)


@pytest.mark.parametrize("name", ["request_start", "connection_create_end", "request_headers_sent"])
@pytest.mark.parametrize("problem", [LookupError("mine"), OSError("mine"), TimeoutError("mine")])
async def test_what_an_event_raises_is_what_the_call_raises(
    lane: Lane, server: Server, name: str, problem: Exception
) -> None:
    """It is the user's own, unchanged; the connection's place is free again."""

    class Faulty(Events):
        is_on = True

    def fail(self: Faulty, event: Event) -> None:
        if self.is_on:
            raise problem

    setattr(Faulty, f"on_{name}", fail)
    faulty = Faulty()
    client = lane.client(server.url, events=faulty, pool=Pool(total=1, wait=1))
    with pytest.raises(type(problem)) as error:
        await client.get("/echo")
    # On its way out of a thread of the tests a TimeoutError becomes another one.
    assert (type(error.value), error.value.args) == (type(problem), ("mine",))
    faulty.is_on = False
    assert (await client.get("/echo"))["method"] == "GET"


async def test_an_exception_is_told(lane: Lane, unused_port: int, told: Told) -> None:
    """With the error that the call raises."""
    client = lane.client(f"http://127.0.0.1:{unused_port}", events=told)
    with pytest.raises(ConnectError) as error:
        await client.get("/")
    assert told.all[-1].error is error.value
    assert told.names == ["request_start", CREATE[0], "request_exception"]


async def test_a_name_that_is_not_found(lane: Lane, told: Told) -> None:
    """The question is told, an answer is not."""

    def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    client = lane.client("http://api.test", events=told, dns=Dns(resolver=resolve))
    with pytest.raises(ConnectError):
        await client.get("/")
    assert told.names == ["request_start", CREATE[0], *ASK[:2], "request_exception"]


async def test_events_of_a_copy(lane: Lane, server: Server, told: Told) -> None:
    """They are the copy's own, over the connections of both."""
    client = lane.client(server.url)
    await client.get("/echo")
    copy = client.with_options(events=told)
    await copy.get("/echo")
    assert told.names == ["request_start", REUSE, *READ]
    await client.get("/echo")
    assert told.names == []


async def test_methods_that_are_missing_are_not_told(lane: Lane, server: Server) -> None:
    """Any object with some of the methods will do."""

    class Own:
        count = 0

        def on_request_end(self, event: Event) -> None:
            self.count += 1

    own = Own()
    await lane.client(server.url, events=own).get("/echo")
    assert own.count == 1


async def test_coroutine_functions_are_awaited(server: Server) -> None:
    """On the asynchronous client each method may be one."""
    names = []

    class Slow(Events):
        async def on_request_start(self, event: Event) -> None:
            await asyncio.sleep(0)
            names.append(event.name)

        async def on_connection_create_end(self, event: Event) -> None:
            await asyncio.sleep(0)
            names.append(event.name)

    async with AsyncClient(server.url, events=Slow()) as client:
        await client.get("/echo")
    assert names == ["request_start", "connection_create_end"]


async def test_cancelled_while_an_event_is_told(server: Server) -> None:
    """The call ends as cancelled, and is told as failed."""
    begun = asyncio.Event()
    errors = []

    class Slow(Events):
        async def on_request_headers_sent(self, event: Event) -> None:
            begun.set()
            await asyncio.sleep(60)

        def on_request_exception(self, event: Event) -> None:
            errors.append(event.error)

    async with AsyncClient(server.url, events=Slow(), pool=Pool(total=1)) as client:
        task = asyncio.create_task(client.get("/echo"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [type(error) for error in errors] == [asyncio.CancelledError]
        assert (await client.with_options(events=None).get("/echo"))["method"] == "GET"


@pytest.fixture
def unused_port() -> int:
    """A port nobody listens on."""
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
