"""The bytes that go out and the response that comes back, the same on every way to a socket."""

from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
import requests

from arya_api_framework import SyncClient
from arya_api_framework.errors import (
    ConnectionLost,
)
from tests.app import Server
from tests.client.conftest import Lane, hooked_session
from tests.faults import Faults


def lines(head: bytes) -> list[bytes]:
    """Return a request head as its first line and its other lines sorted."""
    first, *rest = head.split(b"\r\n")
    return [first, *sorted(line.title() for line in rest)]


CALLS: dict[str, Callable[[Any], Any]] = {
    "get": lambda c: c.get("/ok"),
    "query": lambda c: c.get("/ok?a=%2f&b=c%20d", parameters={"e": "ü/&", "f": [1, 2]}),
    "encoded path": lambda c: c.get("/ok", parameters={"x": "~'()*!"}),
    "headers": lambda c: c.get("/ok", headers=[("X-A", "1"), ("X-A", "2"), ("x-b", "ü")]),
    "no automatic headers": lambda c: c.get(
        "/ok", headers={"User-Agent": None, "Accept": None, "Accept-Encoding": None}
    ),
    "cookies": lambda c: c.get("/ok", cookies={"a": "1", "b": "2"}),
    "head": lambda c: c.head("/ok"),
    "options": lambda c: c.options("/ok"),
    "delete": lambda c: c.delete("/ok"),
    "delete with a body": lambda c: c.delete("/ok", body={"a": 1}),
    "get with a body": lambda c: c.get("/ok", body={"a": 1}),
    "post nothing": lambda c: c.post("/ok"),
    "post json": lambda c: c.post("/ok", body={"a": [1, None, "ü"]}),
    "put form": lambda c: c.put("/ok", data={"a": "1 2", "b": "ü"}),
    "patch text": lambda c: c.patch("/ok", data="text"),
    "post empty bytes": lambda c: c.post("/ok", data=b""),
    "post much": lambda c: c.post("/ok", data=bytes(1_000_000)),
    "post iterator": lambda c: c.post("/ok", data=iter([b"a", b"", b"bc"])),
    "post empty iterator": lambda c: c.post("/ok", data=iter([])),
    "own method": lambda c: c.request("PURGE", "/ok"),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_same_bytes(faults: Faults, name: str) -> None:
    """Both lanes send the same bytes, but for the order of the header fields."""
    call = CALLS[name]
    with (
        SyncClient(faults.url) as fast,
        SyncClient(faults.url, session_factory=hooked_session) as slow,
    ):
        assert call(fast) is not None
        assert call(slow) is not None
    first, second = faults.log
    assert lines(first.head) == lines(second.head)
    assert first.body == second.body


@pytest.mark.parametrize("name", CALLS)
async def test_nothing_but_what_was_asked_for(lane: Lane, faults: Faults, name: str) -> None:
    """No library adds header fields of its own, but those that frame the message."""
    result = CALLS[name](lane.client(faults.url))
    await result
    [read] = faults.log
    ours = {"host", "content-length", "transfer-encoding"}
    added = {"accept", "accept-encoding", "user-agent", "content-type", "cookie", "x-a", "x-b"}
    assert set(read.fields) <= ours | added
    if name == "no automatic headers":
        assert set(read.fields) == {"host"}
    if name in ("get", "head", "options"):
        assert "content-length" not in read.fields
    if name.startswith("post"):
        assert ("content-length" in read.fields) is not ("transfer-encoding" in read.fields)
    if name.endswith("iterator"):
        assert read.fields["transfer-encoding"] == "chunked"


async def test_target_is_sent_as_it_was_built(lane: Lane, faults: Faults) -> None:
    """No library normalises the target a second time."""
    client = lane.client(faults.url)
    await client.get("/ok?a=%7e&b=%2F&c=%2f&d='&e=%e4&f=")
    assert faults.log[0].target == "/ok?a=%7e&b=%2F&c=%2f&d='&e=%e4&f="


@pytest.mark.parametrize("of", ["call", "client", "request"])
@pytest.mark.parametrize("body", [None, "streamed"])
async def test_a_name_in_two_cases_is_sent_twice(
    lane: Lane, faults: Faults, of: str, body: str | None
) -> None:
    """In the order given, and none takes the place of another, as the names are one."""
    headers = {"X-Team": "a", "x-team": "b", "X-TEAM": "c"}
    client = lane.client(faults.url, **({"headers": headers} if of == "client" else {}))
    request = client.build("POST", "/ok", body=body and iter([b"a"]))
    if of == "call":
        request = client.build("POST", "/ok", body=body and iter([b"a"]), headers=headers)
    elif of == "request":
        for name, value in headers.items():
            request.headers.add(name, value)
    await client.send(request)
    sent = [line for line in faults.log[-1].head.split(b"\r\n") if line.lower().startswith(b"x-t")]
    if of == "client" or lane.lane == "compatible":  # urllib3 keeps a name as it came first.
        assert sent == [b"X-Team: a", b"X-Team: b", b"X-Team: c"]
    else:
        assert sent == [b"X-Team: a", b"x-team: b", b"X-TEAM: c"]


async def test_raw_headers(lane: Lane, faults: Faults) -> None:
    """Header fields are there as they came: in order, in their case, repeated ones repeated."""
    response = await lane.client(faults.url).get("/odd-fields", raw=True)
    assert response.raw_headers == (
        (b"X-b", b"1"),
        (b"x-A", b"\xc3\xbc\xff"),
        (b"X-B", b"2"),
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
        (b"Transfer-Encoding", b"chunked"),
    )
    assert response.headers.getall("x-b") == ["1", "2"]
    assert response.reason == "Very Well"


async def test_connections_are_used_again(lane: Lane, faults: Faults) -> None:
    """One connection serves one call after the other, whatever they send and get."""
    client = lane.client(faults.url)
    for path in ("/ok", "/gzip", "/chunk-trailer", "/no-content", "/hints"):
        await client.get(path, raw=True)
    await client.head("/ok")
    await client.post("/ok", body={"a": 1})
    await client.post("/ok", data=iter([b"a"] * 3))
    assert {read.connection for read in faults.log} == {faults.log[0].connection}


# The library's own response


async def test_native(lane: Lane, server: Server) -> None:
    """`native` is the library's own response, with the status, headers and content that came."""
    response = await lane.client(server.url).post("/echo?a=1", body={"b": 2}, raw=True)
    native = response.native
    assert response.native is native
    if lane.is_async:
        assert isinstance(native, aiohttp.ClientResponse)
        assert (native.status, native.method) == (200, "POST")
        assert await native.read() == response.content
        assert (await native.json())["path"] == "/echo"
    else:
        assert isinstance(native, requests.Response)
        assert (native.status_code, native.reason) == (200, "OK")
        assert native.content == response.content
        assert native.json()["path"] == "/echo"
        assert native.request.method == "POST"
        assert native.request.body == b'{"b":2}'
        assert native.encoding == "utf-8"
    assert str(native.url) == f"{server.url}/echo?a=1"
    assert native.headers["content-type"] == "application/json; charset=utf-8"


async def test_native_after_decoding(lane: Lane, faults: Faults) -> None:
    """What `native` holds is decoded as ours is."""
    native = (await lane.client(faults.url).get("/gzip", raw=True)).native
    assert (await native.read() if lane.is_async else native.content) == b'{"ok":true}'


# What a body raises


class Mine(Exception):
    """An error of the user's."""


@pytest.mark.parametrize("error", [Mine(), ValueError(), BrokenPipeError(), OSError()])
async def test_iterator_raises(lane: Lane, faults: Faults, error: Exception) -> None:
    """What the iterator of a body raises comes out unchanged, and nothing is reused."""

    def pieces() -> Iterator[bytes]:
        yield b"a"
        raise error

    client = lane.client(faults.url, timeout=5)
    with pytest.raises(type(error)) as caught:
        await client.post("/ok", data=pieces())
    assert caught.value is error
    assert await client.get("/ok") == {"ok": True}


@pytest.mark.parametrize("error", [Mine(), BrokenPipeError()])
async def test_progress_raises(lane: Lane, faults: Faults, error: Exception) -> None:
    """What `on_progress` raises comes out unchanged."""

    def tell(sent: int, total: int | None) -> None:
        raise error

    client = lane.client(faults.url, timeout=5)
    with pytest.raises(type(error)) as caught:
        await client.post("/ok", data=bytes(1_000_000), on_progress=tell)
    assert caught.value is error
    assert await client.get("/ok") == {"ok": True}


async def test_request_sent_twice(lane: Lane, faults: Faults) -> None:
    """An error of the first sending is not that of the second."""
    failing = [True]

    def tell(sent: int, total: int | None) -> None:
        if failing:
            failing.clear()
            raise Mine

    client = lane.client(faults.url, timeout=5)
    request = client.build("POST", "/close-before-head", data=bytes(500_000), on_progress=tell)
    with pytest.raises(Mine):
        await client.send(request)
    with pytest.raises(ConnectionLost):
        await client.send(request)
