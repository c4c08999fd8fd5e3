"""What only the connections of the async client can lose, or do twice."""

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from arya_api_framework import TLS, AsyncClient, Dns, Event, Events, Pool
from tests.app import Server
from tests.client.conftest import Lane
from tests.faults import WELL, Faults, Peer, handles, sized

GATE = threading.Event()
FOURS: dict[asyncio.AbstractEventLoop, asyncio.Barrier] = {}


@handles("/dial-gate")
async def wait_at_gate(peer: Peer) -> None:
    """Answer when the test says so."""
    await asyncio.to_thread(GATE.wait)
    await peer.send(WELL)


@handles("/dial-error")
async def answer_with_an_error(peer: Peer) -> None:
    """Answer with a body that comes in pieces."""
    await peer.send(sized(bytes(2**20), status=b"404 Not Found"))


@handles("/dial-four")
async def wait_for_four(peer: Peer) -> None:
    """Answer four requests at once."""
    barrier = FOURS.setdefault(asyncio.get_running_loop(), asyncio.Barrier(4))
    await barrier.wait()
    await peer.send(WELL)


class Mine(Exception):
    """What only the user's own code knows."""


def failing(name: str, problem: Exception) -> Any:
    """Return events one of which fails, as often as `fails` says."""

    class Failing(Events):
        fails = 1

    def fail(self: Failing, _: Event) -> None:
        if self.fails:
            self.fails -= 1
            raise problem

    setattr(Failing, f"on_{name}", fail)
    return Failing()


@pytest.mark.parametrize(
    "name",
    """
    connection_create_start connection_create_end connection_reuseconn request_headers_sent
    dns_cache_miss dns_cache_hit dns_resolvehost_start dns_resolvehost_end
    """.split(),
)
async def test_no_connection_is_lost_to_an_event(lane: Lane, server: Server, name: str) -> None:
    """It is closed, or used again: nothing is left for the garbage collector to complain about."""
    events = failing(name, problem := Mine())
    options: Any = {"pool": Pool(total=1, wait=2), "trust_env": False}
    if name == "dns_cache_hit":
        options["pool"] = Pool(total=1, wait=2, keepalive=0)
    client = lane.client(server.at("localhost"), events=events, **options)
    if name in {"connection_reuseconn", "dns_cache_hit"}:
        await client.get("/echo")
    with pytest.raises(Mine) as error:
        await client.get("/echo")
    assert error.value is problem
    del error
    gc.collect()
    assert (await client.get("/echo"))["method"] == "GET"


async def test_a_place_that_is_given_up_goes_to_the_next(lane: Lane, faults: Faults) -> None:
    """Who waited for a connection and then failed does not keep it from the others."""
    GATE.clear()
    events = failing("connection_queued_end", Mine())
    client = lane.client(faults.url, events=events, pool=Pool(total=1, wait=5))
    waiting = asyncio.Event()
    loop = asyncio.get_running_loop()
    events.on_connection_queued_start = lambda _: loop.call_soon_threadsafe(waiting.set)
    first = asyncio.create_task(client.get("/dial-gate"))
    await faults.wait_for(1)
    second = asyncio.create_task(client.get("/ok"))
    await waiting.wait()
    waiting.clear()
    third = asyncio.create_task(client.get("/ok"))
    await waiting.wait()
    GATE.set()
    async with asyncio.timeout(3):
        results = await asyncio.gather(first, second, third, return_exceptions=True)
    assert [type(result) for result in results].count(Mine) == 1


async def test_an_event_of_one_call_does_not_fail_another(server: Server) -> None:
    """Though both wait for the addresses of the same host."""
    asked = asyncio.Event()
    answer = asyncio.Event()

    async def resolve(host: str, port: int) -> list[str]:
        asked.set()
        await answer.wait()
        return ["127.0.0.1"]

    events = failing("dns_resolvehost_end", Mine())
    uri = f"http://api.test:{server.port}"
    async with AsyncClient(uri, dns=Dns(resolver=resolve)) as client:
        first = asyncio.create_task(client.with_options(events=events).get("/echo"))
        await asked.wait()
        second = asyncio.create_task(client.get("/echo"))
        await asyncio.sleep(0)
        answer.set()
        results = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(results[0], Mine)
    assert isinstance(results[1], dict)


async def test_names_that_are_never_remembered_are_always_missed(
    lane: Lane, server: Server
) -> None:
    """The events are those of names that are asked for the first time."""
    told: list[str] = []

    class Told(Events):
        def on_dns_cache_miss(self, event: Event) -> None:
            told.append(event.name)

        def on_dns_resolvehost_start(self, event: Event) -> None:
            told.append(event.name)

    options: Any = {"dns": Dns(ttl=0), "pool": Pool(keepalive=0), "events": Told()}
    client = lane.client(server.at("localhost"), **options)
    await client.get("/echo")
    await client.get("/echo")
    assert told == ["dns_cache_miss", "dns_resolvehost_start"] * 2


async def fail_in_body(client: Any, path: str, problem: Exception) -> None:
    """Assert that a call raises what its event has raised."""
    with pytest.raises(type(problem)) as error:
        await client.get(path)
    assert error.value is problem


async def test_an_event_is_not_taken_for_a_broken_body(lane: Lane, faults: Faults) -> None:
    """What the user raised counts, whatever else the same class may mean."""
    problem = ConnectionResetError("mine")
    client = lane.client(faults.url, events=failing("response_chunk_received", problem))
    await fail_in_body(client, "/dial-error", problem)


async def test_an_event_counts_more_than_an_error_status(faults: Faults) -> None:
    """Which is a response even where its body is cut."""
    problem = ConnectionResetError("mine")
    events = failing("response_chunk_received", problem)
    async with AsyncClient(faults.url, events=events) as client:
        await fail_in_body(client, "/error-cut", problem)


async def test_calls_at_once_share_the_first_context(tls_faults: Faults, ca_pem: Path) -> None:
    """Connections of a context of their own would not be found again."""
    async with AsyncClient(tls_faults.url, tls=TLS(ca=ca_pem)) as client:
        for _ in range(2):
            await asyncio.gather(*(client.get("/dial-four") for _ in range(4)))
    assert len({request.connection for request in tls_faults.log}) == 4
