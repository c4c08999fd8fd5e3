"""How long a call may take: the whole, its parts, and everything; both clients keep the limits."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from arya_api_framework import TLS, Pool, Timeout
from arya_api_framework.errors import (
    ConnectionLost,
    ConnectTimeout,
    DeadlineExceeded,
    FrameworkException,
    PoolTimeout,
    RateLimitTimeout,
    ReadTimeout,
    RequestTimeout,
    WriteTimeout,
)
from tests.app import Server
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.faults import Faults, full_listener, listener
from tests.patience import LATE

TOLERANCE = 0.25
TRIES = 5


async def ended(
    begin: Callable[[], Awaitable[Any]],
    error: type[FrameworkException],
    within: float,
    *,
    sent: str,
    before: Callable[[], Awaitable[Any]] | None = None,
) -> FrameworkException:
    """Return the error that ends a call, which must come when it should.

    It never comes early, nor much too late. It also keeps the promise of `TOLERANCE`, and comes
    when as much was sent as `sent` says, unless the machine stands still for so long; so the call
    is made up to five times until it does.

    Args:
        begin: Begins the call.
        error: The class of the error.
        within: The seconds that the call may take.
        sent: What the error must say of that.
        before: What is done before each try, and not timed.
    """
    told: list[tuple[float, str]] = []
    for _ in range(TRIES):
        if before is not None:
            await before()
        start = time.monotonic()
        with pytest.raises(FrameworkException) as caught:
            await begin()
        took = time.monotonic() - start
        assert type(caught.value) is error
        assert isinstance(caught.value, TimeoutError)
        assert within - 0.02 <= took <= within + LATE
        if took <= within + TOLERANCE and caught.value.sent == sent:
            return caught.value
        told.append((took, caught.value.sent))
    raise AssertionError(f"expected {sent!r} after {within} s, and got {told}")


def body(pieces: int = 400) -> Any:
    """Return an iterator of more bytes than any socket buffer takes."""
    return iter([bytes(64 * 1024)] * pieces)


HEADS = ["/hang-before-head", "/hang-in-head", "/drip-head", "/drip-interim"]
BODIES = ["/hang-in-body", "/hang-in-chunk", "/drip-body", "/drip-chunks", "/drip-to-close"]


@pytest.mark.parametrize("path", [*HEADS, *BODIES])
async def test_total_of_one_call(lane: Lane, faults: Faults, path: str) -> None:
    """A total given to one call ends it, whatever the server does, and only that call."""
    client = lane.client(faults.url)
    sent = "maybe" if path in HEADS else "yes"
    error = await ended(lambda: client.get(path, timeout=0.2), RequestTimeout, 0.2, sent=sent)
    assert "0.2 s" in str(error)
    assert await client.get("/ok") == {"ok": True}


@pytest.mark.parametrize("path", ["/hang-before-head", "/drip-head", "/drip-body"])
async def test_deadline(lane: Lane, faults: Faults, path: str) -> None:
    """A deadline ends the work like a total, and has a class of its own."""
    client = lane.client(faults.url, deadline=0.3)
    sent = "maybe" if path in HEADS else "yes"
    await ended(lambda: client.get(path), DeadlineExceeded, 0.3, sent=sent)


async def test_nearer_limit_counts(lane: Lane, faults: Faults) -> None:
    """Of a total and a deadline the nearer one ends the call."""
    client = lane.client(faults.url, timeout=0.3, deadline=60)
    hang = "/hang-before-head"
    await ended(lambda: client.get(hang), RequestTimeout, 0.3, sent="maybe")
    other: Any = {"timeout": 60, "deadline": 0.3}
    await ended(lambda: client.get(hang, **other), DeadlineExceeded, 0.3, sent="maybe")


@pytest.mark.parametrize("path", ["/hang-before-head", "/hang-in-body", "/hang-in-chunk"])
async def test_read_part(lane: Lane, faults: Faults, path: str) -> None:
    """The read part limits the silence of the server."""
    client = lane.client(faults.url, timeout=Timeout(read=0.3))
    sent = "maybe" if path in HEADS else "yes"
    error = await ended(lambda: client.get(path), ReadTimeout, 0.3, sent=sent)
    assert "0.3 s" in str(error)
    assert await client.get("/ok") == {"ok": True}


async def test_read_part_is_no_total(lane: Lane, faults: Faults) -> None:
    """A server that is never silent for long may take longer than the read part."""
    client = lane.client(faults.url, timeout=Timeout(total=1.2, read=1))
    await ended(lambda: client.get("/drip-body"), RequestTimeout, 1.2, sent="yes")


async def test_no_limit(lane: Lane, faults: Faults) -> None:
    """Without any limit a slow answer is waited for."""
    client = lane.client(faults.url, timeout=Timeout(total=None, connect=None))
    assert await client.get("/drip-briefly") == {"ok": True}


async def test_total_is_shared_by_redirects(lane: Lane, faults: Faults) -> None:
    """The total counts from the first request of a call to its last, not anew for each."""
    client = lane.client(faults.url, timeout=0.9)
    await ended(lambda: client.get("/slow-redirect"), RequestTimeout, 0.9, sent="maybe")
    assert [read.target for read in faults.log][-2:] == ["/slow-redirect", "/hang-before-head"]


# Connecting


async def test_connect_part(lane: Lane) -> None:
    """The connect part limits how long a server may take to accept a connection."""
    with full_listener() as url:
        client = lane.client(url, timeout=Timeout(connect=0.3))
        await ended(lambda: client.get("/"), ConnectTimeout, 0.3, sent="no")


async def test_total_while_connecting(lane: Lane) -> None:
    """A total that ends while connecting: nothing was sent."""
    with full_listener() as url:
        client = lane.client(url, timeout=0.3)
        await ended(lambda: client.get("/"), RequestTimeout, 0.3, sent="no")


async def test_addresses_share_the_total(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses a host has, connecting to them takes no longer than the call may."""
    with full_listener() as url:
        port = int(url.rpartition(":")[2])
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * 4
        real = socket.getaddrinfo

        def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
            return found if host == "many.test" else real(host, *arguments, **options)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        client = lane.client(f"http://many.test:{port}", timeout=0.4)
        await ended(lambda: client.get("/"), RequestTimeout, 0.4, sent="no")


@pytest.mark.parametrize("by", ["connect", "total"])
async def test_handshake(kind: Kind, by: str) -> None:
    """A server that accepts and never answers the TLS handshake is given up in time."""
    with listener(backlog=10) as url:
        timeout = Timeout(connect=0.3) if by == "connect" else Timeout(total=0.3)
        client = kind.client(url.replace("http:", "https:"), timeout=timeout, tls=TLS(verify=True))
        expected = ConnectTimeout if by == "connect" else RequestTimeout
        await ended(lambda: client.get("/"), expected, 0.3, sent="no")


# The pool


async def test_pool_part(kind: Kind, faults: Faults) -> None:
    """The pool part limits how long a call waits for a connection; nothing was sent."""
    client = kind.client(faults.url, pool=Pool(total=2))
    calls = [asyncio.ensure_future(client.get("/hang-before-head")) for _ in range(2)]
    await faults.wait_for(2)
    pool, total = Timeout(pool=0.2), Timeout(total=0.2)
    await ended(lambda: client.get("/ok", timeout=pool), PoolTimeout, 0.2, sent="no")
    await ended(lambda: client.get("/ok", timeout=total), RequestTimeout, 0.2, sent="no")
    assert len(faults.log) == 2
    faults.hang_up()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {ConnectionLost}


# Writing


@pytest.mark.parametrize("whole", [True, False])
async def test_write_part(lane: Lane, faults: Faults, whole: bool) -> None:
    """The write part limits how long a server may take to accept a piece of the body."""
    client = lane.client(faults.url, timeout=Timeout(write=0.3))
    data = bytes(20 * 1024 * 1024) if whole else body()
    start = time.monotonic()
    with pytest.raises(WriteTimeout) as caught:
        await client.post("/upload-stall", data=data)
    assert time.monotonic() - start < 0.3 + LATE
    assert caught.value.sent == "maybe"
    assert await client.get("/ok") == {"ok": True}


async def test_write_part_is_no_total(lane: Lane, faults: Faults) -> None:
    """A server that reads slowly but steadily may take longer than the write part for it all."""
    client = lane.client(faults.url, timeout=Timeout(write=0.4))
    start = time.monotonic()
    assert await client.post("/upload-slowly", data=bytes(20 * 1024 * 1024)) == {"ok": True}
    assert time.monotonic() - start > 0.5


@pytest.mark.parametrize("whole", [True, False])
async def test_total_while_writing(lane: Lane, faults: Faults, whole: bool) -> None:
    """A total that ends while the body is sent ends the call."""
    client = lane.client(faults.url, timeout=0.4)
    upload = bytes(20 * 1024 * 1024) if whole else None
    error = await ended(
        lambda: client.post("/upload-stall", data=upload or body()),
        RequestTimeout,
        0.4,
        sent="maybe",
    )
    assert "sending" in str(error)
    assert await client.get("/ok") == {"ok": True}


async def test_slow_iterator_is_our_time_too(lane: Lane, faults: Faults) -> None:
    """The time that a body takes to be made counts for the total, and for no part."""

    def slowly() -> Any:
        yield b"piece"
        time.sleep(1.2)
        yield b"piece"

    client = lane.client(faults.url, timeout=Timeout(total=30, write=1, read=1))
    assert await client.post("/early-hints-upload", data=slowly()) == {"ok": True}


# The rate limit


async def test_queueing_is_not_counted(lane: Lane, server: Server) -> None:
    """Waiting for the client's own rate limit is no work of the call."""
    client = lane.client(server.url, timeout=1, rate_limit=1, rate_limit_interval=1.2)
    start = time.monotonic()
    await client.get("/echo")
    await client.get("/echo")
    assert time.monotonic() - start >= 1.2


async def test_queueing_counts_for_the_deadline(lane: Lane, server: Server) -> None:
    """A deadline bounds the wait for the rate limit too: known before it, nothing is sent."""
    client = lane.client(server.url, rate_limit=1, rate_limit_interval=60)
    await client.get("/echo")
    start = time.monotonic()
    with pytest.raises(RateLimitTimeout) as caught:
        await client.get("/echo", deadline=30)
    assert time.monotonic() - start < LATE
    assert caught.value.sent == "no"
    assert caught.value.retry_after is not None
    assert 60 - LATE < caught.value.retry_after <= 60
    assert len(server.log) == 1


async def test_deadline_covers_wait_and_work(lane: Lane, server: Server) -> None:
    """What the wait for the rate limit took is missing for the work."""
    client = lane.client(server.url, rate_limit=1, rate_limit_interval=0.4, deadline=0.7)
    await ended(
        lambda: client.get("/delay/30"),
        DeadlineExceeded,
        0.7,
        sent="maybe",
        before=lambda: client.get("/echo"),
    )
