"""`Pool`: how many connections there are, who waits for them, and how long they are kept."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from arya_api_framework import Pool, Timeout
from arya_api_framework.errors import PoolTimeout
from tests.client.conftest import Lane
from tests.faults import PAUSE, WELL, Faults, Peer, handles
from tests.patience import LATE, until_async


class Crowd:
    """Counts the requests that are in a server at the same time."""

    def __init__(self) -> None:
        self.size = 0
        self.largest = 0
        self.barrier = asyncio.Barrier(1)
        self.left = 0

    def expect(self, count: int) -> None:
        """Let nobody go on before so many are there."""
        self.__init__()  # type: ignore[misc]
        self.barrier = asyncio.Barrier(count)


CROWDS = {"/crowd": Crowd(), "/other-crowd": Crowd()}


async def gather(peer: Peer) -> None:
    """Answer when as many requests are there as are expected; leave time for more to come."""
    crowd = CROWDS[peer.request.target]
    crowd.size += 1
    crowd.largest = max(crowd.largest, crowd.size)
    await crowd.barrier.wait()
    await asyncio.sleep(PAUSE)
    crowd.size -= 1
    await peer.send(WELL)


for path in CROWDS:
    handles(path)(gather)


@handles("/watched")
async def watched(peer: Peer) -> None:
    """Answer, and note when the client closes the connection."""
    await peer.send(WELL)
    if not await peer.reader.read(1):
        CROWDS["/crowd"].left += 1
    peer.close()


@pytest.fixture(scope="module")
def _running_other() -> Iterator[Faults]:
    with Faults() as faults:
        yield faults


@pytest.fixture
def other(_running_other: Faults) -> Faults:
    """Another server."""
    _running_other.reset()
    return _running_other


async def test_there_are_never_more_connections_than_the_total(lane: Lane, faults: Faults) -> None:
    """Of twelve calls at once, three are under way at any time, over three connections."""
    CROWDS["/crowd"].expect(3)
    client = lane.client(faults.url, timeout=60, pool=Pool(total=3))
    answers = await asyncio.gather(*(client.get("/crowd") for _ in range(12)))
    assert answers == [{"ok": True}] * 12
    assert CROWDS["/crowd"].largest == 3
    assert len({read.connection for read in faults.log}) == 3


async def test_the_total_is_of_all_hosts_together(
    lane: Lane, faults: Faults, other: Faults
) -> None:
    """Two origins share it; each may have all of it."""
    for crowd in CROWDS.values():
        crowd.expect(1)
    client = lane.client(faults.url, timeout=60, pool=Pool(total=2), trusted_origins=[other.url])
    urls = [f"{faults.url}/crowd", f"{other.url}/crowd"] * 5
    await asyncio.gather(*(client.get(url) for url in urls))
    assert CROWDS["/crowd"].largest == 2
    assert (len(faults.log), len(other.log)) == (5, 5)


async def test_an_origin_has_no_more_than_its_share(
    lane: Lane, faults: Faults, other: Faults
) -> None:
    """With `per_host`, both origins are talked to at once, each over two connections."""
    for crowd in CROWDS.values():
        crowd.expect(2)
    client = lane.client(
        faults.url, timeout=60, pool=Pool(total=10, per_host=2), trusted_origins=[other.url]
    )
    urls = [f"{faults.url}/crowd", f"{other.url}/other-crowd"] * 6
    # Again and again, as somebody may have to wait for ever by a chance.
    for _ in range(10):
        await asyncio.gather(*(client.get(url) for url in urls))
        assert [crowd.largest for crowd in CROWDS.values()] == [2, 2]


async def test_connections_that_are_idle_keep_nobody_out(
    lane: Lane, faults: Faults, other: Faults
) -> None:
    """The total counts what is in use; an idle connection to one host does not bar another."""
    client = lane.client(
        faults.url, pool=Pool(total=1, wait=30), trusted_origins=[other.url], timeout=60
    )
    for _ in range(2):
        assert await client.get("/ok") == {"ok": True}
        assert await client.get(f"{other.url}/ok") == {"ok": True}


async def test_a_redirect_needs_one_connection_at_a_time(lane: Lane, faults: Faults) -> None:
    """A call does not wait for a connection that it holds itself."""
    client = lane.client(faults.url, pool=Pool(total=1, wait=30), timeout=60)
    location = faults.url.replace("127.0.0.1", "localhost") + "/ok"
    STATE["location"] = location
    assert await client.get("/moved") == {"ok": True}


STATE = {"location": ""}


@handles("/moved")
async def moved(peer: Peer) -> None:
    """Redirect to where a test says."""
    location = STATE["location"].encode()
    await peer.send(b"HTTP/1.1 302 Found\r\nLocation: ", location, b"\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("pool", "timeout"),
    [
        (Pool(total=1, wait=0.2), Timeout(total=60)),
        (Pool(total=1), Timeout(total=60, pool=0.2)),
        (Pool(total=1, wait=50), Timeout(total=60, pool=0.2)),
        (Pool(per_host=1, wait=0.2), Timeout(total=60)),
    ],
    ids=["wait", "timeout", "timeout before wait", "per host"],
)
async def test_who_waits_too_long_is_told(
    lane: Lane, faults: Faults, pool: Pool, timeout: Timeout
) -> None:
    """A `PoolTimeout`: nothing was sent, and the call that had the connection ends well."""
    CROWDS["/crowd"].expect(2)
    client = lane.client(faults.url, pool=pool, timeout=timeout)
    holding = asyncio.create_task(client.get("/crowd"))
    await faults.wait_for(1)
    begun = time.monotonic()
    with pytest.raises(PoolTimeout) as error:
        await client.post("/ok", body={"a": 1})
    assert 0.15 < time.monotonic() - begun < 0.2 + LATE
    assert (error.value.sent, error.value.attempts) == ("no", 1)
    assert len(faults.log) == 1
    free = lane.client(faults.url, timeout=60)
    assert await free.get("/crowd") == await holding == {"ok": True}
    assert await client.get("/ok") == {"ok": True}


async def test_who_waits_gets_the_connection_that_becomes_free(lane: Lane, faults: Faults) -> None:
    """The second call is sent over the connection of the first."""
    CROWDS["/crowd"].expect(2)
    client = lane.client(faults.url, timeout=60, pool=Pool(total=1, wait=10))
    holding = asyncio.create_task(client.get("/crowd"))
    await faults.wait_for(1)
    waiting = asyncio.create_task(client.get("/ok"))
    await lane.client(faults.url, timeout=60).get("/crowd")
    assert await holding == await waiting == {"ok": True}
    assert faults.log[-1].connection == faults.log[0].connection


@pytest.mark.parametrize("path", ["/reset-before-head", "/reset-in-body", "/garbage"])
async def test_what_fails_gives_its_place_back(lane: Lane, faults: Faults, path: str) -> None:
    """With room for one, calls go on after any number of faults."""
    client = lane.client(faults.url, timeout=60, pool=Pool(total=1, per_host=1, wait=30))
    for _ in range(3):
        with pytest.raises(Exception, match=path):
            await client.get(path)
    assert await client.get("/ok") == {"ok": True}


async def test_what_cannot_connect_gives_its_place_back(lane: Lane, faults: Faults) -> None:
    """Neither does a host that is not there take it for good."""
    client = lane.client(
        faults.url, pool=Pool(total=1, wait=30), trusted_origins=["http://x.invalid"]
    )
    for url in ("http://x.invalid/", "http://127.0.0.1:9/"):
        with pytest.raises(Exception, match="GET"):
            await client.get(url, foreign=True)
    assert await client.get("/ok") == {"ok": True}


async def test_an_idle_connection_is_kept_for_its_time(lane: Lane, faults: Faults) -> None:
    """Used again within `keepalive`, and not after: that request has a new one."""
    client = lane.client(faults.url, timeout=60, pool=Pool(keepalive=1))
    for pause in (0.0, 0.0, 1.5):
        await asyncio.sleep(pause)
        await client.post("/ok", body={"a": 1})
    first, second, third = [read.connection for read in faults.log]
    assert first == second != third


async def test_a_keepalive_of_nothing_closes_after_each_response(
    lane: Lane, faults: Faults
) -> None:
    """The server sees the end of each connection while the client is still open."""
    CROWDS["/crowd"].expect(1)
    client = lane.client(faults.url, timeout=60, pool=Pool(keepalive=0))
    for _ in range(3):
        assert await client.get("/watched") == {"ok": True}
    await until_async(lambda: CROWDS["/crowd"].left >= 3)
    assert len({read.connection for read in faults.log}) == 3
    assert [read.fields["connection"] for read in faults.log] == ["close"] * 3
