"""Content codings over the wire: what is asked for, what is sent compressed, what holds no loop."""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
import random
import subprocess
import sys
import threading
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from traceback import walk_stack
from types import ModuleType
from typing import Any

import brotli
import pytest

from arya_api_framework import AsyncClient, SyncClient
from arya_api_framework.client import codings, decoding, prepare
from arya_api_framework.client.decoding import decode
from arya_api_framework.errors import (
    BodyNotReplayable,
    ConfigurationError,
    ContentEncodingError,
    ResponseTooLarge,
    UnsafeRedirect,
)
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.faults import Faults, Peer, handles, sized

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KIB, MIB = 1024, 1024 * 1024
CODINGS = ["gzip", "deflate", "br", "zstd"]
LIBRARIES = ["brotli", "brotlicffi", "compression.zstd", "backports.zstd"]
TEXT = b"The same words again and again. " * 2000
BIG = random.Random(7).randbytes(300 * KIB) + bytes(MIB)


def forget() -> None:
    """Let the libraries be looked for again."""
    for cached in (
        codings.find_brotli,
        codings.find_zstd,
        codings.accept_encoding,
        prepare.automatic_headers,
    ):
        cached.cache_clear()


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a function that makes libraries as if they were not installed."""

    def hide(*names: str) -> None:
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)
        forget()

    yield hide
    monkeypatch.undo()
    forget()


# What is asked for


async def test_all_codings_are_asked_for(lane: Lane, faults: Faults) -> None:
    """With the libraries there, each coding that can be decoded is asked for."""
    await lane.client(faults.url).get("/ok")
    assert faults.log[0].fields["accept-encoding"] == "gzip, deflate, br, zstd"


async def test_codings_without_a_library(lane: Lane, faults: Faults, hide: Any) -> None:
    """Without the libraries nobody is asked for, and what comes says which extra reads it."""
    hide(*LIBRARIES)
    client = lane.client(faults.url)
    for path in ("/br", "/zstd"):
        with pytest.raises(ContentEncodingError, match=r"arya-api-framework\[compression\]"):
            await client.get(path)
    assert await client.get("/gzip") == {"ok": True}
    assert {read.fields["accept-encoding"] for read in faults.log} == {"gzip, deflate"}


async def test_brotli_of_pypy(lane: Lane, faults: Faults, hide: Any) -> None:
    """The library that PyPy has serves as well, for both directions."""
    hide("brotli")
    assert codings.find_brotli().__name__ == "brotlicffi"
    client = lane.client(faults.url, compress="br")
    assert await client.post("/br", data=TEXT) == {"ok": True}
    assert brotli.decompress(bytes(faults.log[0].body)) == TEXT
    with pytest.raises(ResponseTooLarge):
        await client.get("/br-bomb", max_response_size=4096)
    for path in ("/br-cut", "/br-plain", "/br-excess"):
        with pytest.raises(ContentEncodingError):
            await client.get(path)
    sizes = [
        len(piece) for piece in decoding.Decoder("br", MIB).pieces(brotli.compress(bytes(MIB)))
    ]
    assert sum(sizes) == MIB
    assert max(sizes) <= 64 * KIB


def test_old_brotli_is_not_taken(hide: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Brotli that cannot stop at a limit is as good as none."""
    old = ModuleType("brotli")
    old.Decompressor = type("Decompressor", (), {})  # type: ignore[attr-defined]
    hide("brotlicffi")
    monkeypatch.setitem(sys.modules, "brotli", old)
    assert codings.find_brotli() is None
    assert codings.accept_encoding() == "gzip, deflate, zstd"


@pytest.mark.parametrize("given", ["identity", "br;q=1.0, *;q=0", None])
async def test_own_accept_encoding(lane: Lane, faults: Faults, given: str | None) -> None:
    """`Accept-Encoding` of the user's own is sent as it is, and `None` sends none."""
    client = lane.client(faults.url)
    await client.get("/br", headers={"Accept-Encoding": given})
    await lane.client(faults.url, headers={"Accept-Encoding": given}).get("/br")
    assert [read.fields.get("accept-encoding") for read in faults.log] == [given, given]


# What is sent


def bodies(folder: Path) -> dict[str, tuple[dict[str, Any], bytes, bool]]:
    """Return options, the body they mean, and whether its length is known when it is sent."""
    path = folder / "file.bin"
    path.write_bytes(BIG)
    return {
        "json": ({"body": {"text": "x" * 5000}}, b'{"text":"' + b"x" * 5000 + b'"}', True),
        "form": ({"data": {"a": "1" * 99}}, b"a=" + b"1" * 99, True),
        "text": ({"data": "Grüße"}, "Grüße".encode(), True),
        "bytes": ({"data": TEXT}, TEXT, True),
        "big bytes": ({"data": BIG}, BIG, True),
        "path": ({"data": path}, BIG, False),
        "open file": ({"data": io.BytesIO(BIG)}, BIG, False),
        "iterator": ({"data": iter([TEXT, b"", TEXT])}, TEXT * 2, False),
    }


def unpack(coding: str, data: bytes) -> bytes:
    """Decompress by the library, not by our decoder."""
    if coding == "gzip":
        return gzip.decompress(data)
    if coding == "deflate":
        return zlib.decompress(data)
    return bytes(brotli.decompress(data) if coding == "br" else zstd.decompress(data))


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    "name", ["json", "form", "text", "bytes", "big bytes", "path", "open file", "iterator"]
)
async def test_bodies_are_compressed(
    lane: Lane, faults: Faults, tmp_path: Path, coding: str, name: str
) -> None:
    """Every body is compressed; its length is told where it is bytes, and else it is chunked."""
    options, content, is_sized = bodies(tmp_path)[name]
    await lane.client(faults.url).post("/ok", compress=coding, **options)

    (read,) = faults.log
    assert unpack(coding, bytes(read.body)) == content
    assert read.fields["content-encoding"] == coding
    assert ("content-length" in read.fields) is is_sized
    assert ("transfer-encoding" in read.fields) is not is_sized
    if is_sized:
        assert int(read.fields["content-length"]) == len(read.body)
    if coding == "zstd":
        assert read.body[4] & 0b100, "a frame without a checksum"


@pytest.mark.parametrize("coding", CODINGS)
async def test_multipart_is_compressed(lane: Lane, faults: Faults, coding: str) -> None:
    """A form with files is compressed whole, and keeps its type with the boundary."""
    client = lane.client(faults.url, compress=coding)
    await client.upload_file(BIG, "/ok")

    (read,) = faults.log
    content = unpack(coding, bytes(read.body))
    boundary = read.fields["content-type"].partition("boundary=")[2].encode()
    assert content.startswith(b"--" + boundary)
    assert content.endswith(b"--" + boundary + b"--\r\n")
    assert BIG in content
    assert (read.fields["content-encoding"], read.fields["transfer-encoding"]) == (
        coding,
        "chunked",
    )


@pytest.mark.parametrize("coding", CODINGS)
async def test_asynchronous_iterator_is_compressed(faults: Faults, coding: str) -> None:
    """Pieces of an asynchronous iterator are compressed as they come."""

    async def pieces() -> AsyncIterator[bytes]:
        yield TEXT
        yield BIG

    async with AsyncClient(faults.url) as client:
        await client.post("/ok", data=pieces(), compress=coding)  # type: ignore[call-overload]
    assert unpack(coding, bytes(faults.log[0].body)) == TEXT + BIG


async def test_nothing_is_not_compressed(lane: Lane, faults: Faults, tmp_path: Path) -> None:
    """No body and an empty one are sent as they are."""
    empty = tmp_path / "empty"
    empty.touch()
    client = lane.client(faults.url, compress="gzip")
    nothing: list[Any] = [b"", "", empty, {}]
    await client.post("/ok")
    for data in nothing:
        await client.post("/ok", data=data)
    await client.get("/ok")
    await client.post("/ok", data=b"", on_progress=print)
    for read in faults.log:
        assert "content-encoding" not in read.fields
        assert read.fields.get("content-length", "0") == "0"


async def test_options_of_each_level(lane: Lane, faults: Faults) -> None:
    """A call's option counts over the copy's, that over the client's; `None` switches it off."""
    client = lane.client(faults.url, compress="gzip")
    copy = client.with_options(compress="deflate")
    await client.post("/ok", data=TEXT)
    await client.post("/ok", data=TEXT, compress="zstd")
    await client.post("/ok", data=TEXT, compress=None)
    await copy.post("/ok", data=TEXT)
    await client.with_options(compress=None).post("/ok", data=TEXT)
    found = [read.fields.get("content-encoding") for read in faults.log]
    assert found == ["gzip", "zstd", None, "deflate", None]


async def test_class_keyword(kind: Kind, faults: Faults) -> None:
    """`compress` is a class keyword, too."""
    base: Any = kind.base

    class Client(base, uri=faults.url, compress="br"):  # type: ignore[misc, call-arg]
        pass

    await kind.wrap(Client()).post("/ok", body=[1] * 500)
    assert unpack("br", bytes(faults.log[0].body)) == b"[" + b"1," * 499 + b"1]"


@pytest.mark.parametrize("coding", CODINGS)
async def test_same_bytes_each_time(faults: Faults, coding: str) -> None:
    """A body comes to the same bytes whenever and by whichever client it is sent."""
    with SyncClient(faults.url, compress=coding) as client:  # type: ignore[arg-type]
        bodies = [client.build("POST", "/ok", data=TEXT).body for _ in range(2)]
    async with AsyncClient(faults.url, compress=coding) as other:  # type: ignore[arg-type]
        bodies.append(other.build("POST", "/ok", data=TEXT).body)
        await other.post("/ok", data=TEXT)
    first = bodies[0]
    assert isinstance(first, bytes)
    assert bodies == [first] * 3
    assert faults.log[0].body == first
    if coding == "gzip":
        assert first[4:8] == bytes(4), "a time in the header"


@pytest.mark.parametrize("size", [500, 600 * KIB])
async def test_built_request_is_compressed(lane: Lane, faults: Faults, size: int) -> None:
    """`build` gives the compressed request, which can be sent more than once."""
    client = lane.client(faults.url)
    request = client.build("POST", "/ok", data=bytes(size), compress="gzip")
    assert request.headers["Content-Encoding"] == "gzip"
    if size > 500:
        assert gzip.decompress(b"".join(request.body.chunks())) == bytes(size)
    for _ in range(2):
        await client.send(request)
    assert [gzip.decompress(bytes(read.body)) for read in faults.log] == [bytes(size)] * 2


async def test_compressed_by_hand(lane: Lane, faults: Faults) -> None:
    """With the header alone a body that is compressed already is sent as it is."""
    client = lane.client(faults.url)
    packed = gzip.compress(TEXT)
    await client.post("/ok", data=packed, headers={"Content-Encoding": "gzip"})
    assert faults.log[0].body == packed
    assert faults.log[0].fields["content-encoding"] == "gzip"
    assert faults.log[0].fields["content-length"] == str(len(packed))


@pytest.mark.parametrize("where", ["call", "client"])
async def test_compressed_twice(lane: Lane, faults: Faults, where: str) -> None:
    """The header by hand and `compress` contradict, and nothing is sent."""
    hand = {"headers": {"Content-Encoding": "gzip"}}
    client = lane.client(faults.url, **({} if where == "call" else hand), compress="br")
    with pytest.raises(ConfigurationError, match="compress=None"):
        await client.post("/ok", data=TEXT, **(hand if where == "call" else {}))
    assert faults.log == []
    await client.post("/ok", data=TEXT, compress=None, **hand)
    assert faults.log[0].body == TEXT


@pytest.mark.parametrize("coding", ["br", "zstd"])
async def test_compress_without_a_library(
    lane: Lane, faults: Faults, hide: Any, coding: str
) -> None:
    """A coding whose library is missing is refused when it is asked for, and the extra named."""
    hide(*LIBRARIES)
    client = lane.client(faults.url)
    attempts: list[Callable[[], object]] = [
        lambda: lane.client(faults.url, compress=coding),
        lambda: client.with_options(compress=coding),
        lambda: client.build("GET", "/ok", compress=coding),
    ]
    for attempt in attempts:
        with pytest.raises(ConfigurationError, match=r"arya-api-framework\[compression\]"):
            attempt()


async def test_unknown_compression(lane: Lane, faults: Faults) -> None:
    """Any other coding is refused, also where there is nothing to compress."""
    with pytest.raises(ConfigurationError, match="'gzip', 'deflate', 'br' or 'zstd'"):
        await lane.client(faults.url).get("/ok", compress="lzma")


@pytest.mark.parametrize("name", ["bytes", "big bytes", "path", "open file"])
async def test_redirect_sends_the_compressed_body_again(
    lane: Lane, faults: Faults, tmp_path: Path, name: str
) -> None:
    """A redirect that keeps the method is given the same compressed body."""
    options, content, _ = bodies(tmp_path)[name]
    assert await lane.client(faults.url, compress="zstd").post("/redirect-again", **options) == {
        "ok": True
    }
    first, second = faults.log
    assert first.body == second.body
    assert unpack("zstd", bytes(second.body)) == content
    assert second.fields["content-encoding"] == "zstd"


async def test_redirect_of_a_compressed_iterator(lane: Lane, faults: Faults) -> None:
    """What can be read once can be sent once, compressed or not."""
    client = lane.client(faults.url, compress="gzip")
    with pytest.raises(BodyNotReplayable):
        await client.post("/redirect-again", data=iter([TEXT]))
    request = client.build("POST", "/ok", data=iter([TEXT]))
    await client.send(request)
    with pytest.raises(BodyNotReplayable):
        await client.send(request)


async def test_redirect_to_a_get_leaves_the_coding(lane: Lane, faults: Faults) -> None:
    """A redirect that drops the body drops what was said of it."""
    assert await lane.client(faults.url, compress="gzip").post("/redirect-cut", data=TEXT) == {
        "ok": True
    }
    assert faults.log[1].method == "GET"
    assert "content-encoding" not in faults.log[1].fields


@pytest.mark.parametrize("name", ["bytes", "big bytes", "path", "open file", "iterator"])
async def test_progress_counts_the_source(
    lane: Lane, faults: Faults, tmp_path: Path, name: str
) -> None:
    """Progress is told in bytes of what was given, not of what it is compressed to."""
    options, content, _ = bodies(tmp_path)[name]
    told: list[tuple[int, int | None]] = []
    await lane.client(faults.url, compress="gzip").post(
        "/ok", on_progress=lambda sent, total: told.append((sent, total)), **options
    )
    total = None if name == "iterator" else len(content)
    assert unpack("gzip", bytes(faults.log[0].body)) == content
    assert told[-1] == (len(content), total)
    assert told == sorted(told, key=lambda one: one[0])
    assert {one[1] for one in told} == {total}


async def test_no_progress_is_told_where_nobody_asks(lane: Lane, faults: Faults) -> None:
    """Bytes that are compressed late, and pieces, need nobody to listen."""
    client = lane.client(faults.url, compress="deflate")
    await client.post("/ok", data=BIG)
    await client.post("/ok", data=iter([BIG]))
    assert [unpack("deflate", bytes(read.body)) for read in faults.log] == [BIG, BIG]


async def test_error_of_a_compressed_source(lane: Lane, faults: Faults) -> None:
    """What the source of a body raises reaches the user unchanged."""

    def broken() -> Iterator[bytes]:
        yield TEXT
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await lane.client(faults.url, compress="gzip").post("/ok", data=broken())
    assert await lane.client(faults.url).get("/ok") == {"ok": True}


async def test_compressed_body_stays_at_its_origin(lane: Lane, faults: Faults) -> None:
    """A compressed body goes to no other origin, as any other."""
    with Faults() as other:
        target = f"HTTP/1.1 307 Away\r\nLocation: {other.url}/ok\r\nContent-Length: 0\r\n\r\n"

        @handles("/redirect-away")
        async def away(peer: Peer) -> None:
            await peer.read_body()
            await peer.send(target.encode())

        with pytest.raises(UnsafeRedirect):
            await lane.client(faults.url, compress="gzip").post("/redirect-away", data=TEXT)
        assert other.log == []


# Bombs, and the event loop


def endless(coding: str) -> bytes:
    """Return a small body of 1 GiB of zeros."""
    if coding == "br":
        coder = brotli.Compressor(quality=1)
        piece = bytes(16 * MIB)
        return b"".join(coder.process(piece) for _ in range(64)) + bytes(coder.finish())
    compress = gzip.compress if coding == "gzip" else zstd.compress
    return compress(bytes(16 * MIB)) * 64


@pytest.fixture(scope="module", params=["gzip", "br", "zstd"])
def bomb(request: pytest.FixtureRequest) -> str:
    """The path of a bomb of 1 GiB, on the server that breaks HTTP."""
    coding: str = request.param
    answer = sized(endless(coding), b"Content-Encoding: " + coding.encode())

    @handles(f"/huge-{coding}")
    async def huge(peer: Peer) -> None:
        await peer.send(answer)

    return f"/huge-{coding}"


async def test_bomb_of_a_gibibyte(lane: Lane, faults: Faults, bomb: str) -> None:
    """1 GiB of zeros ends at the default limit, and takes little more memory than that."""
    client = lane.client(faults.url)
    assert await client.get("/ok") == {"ok": True}
    tracemalloc.start()
    try:
        with pytest.raises(ResponseTooLarge) as caught:
            await client.get(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.limit == 64 * MIB
    assert peak < 100 * MIB
    assert await client.get("/ok") == {"ok": True}


def decoding_threads() -> list[int]:
    """Return the threads that decode at this moment, this one left out."""
    others = sys._current_frames()
    others.pop(threading.get_ident(), None)
    return [
        ident
        for ident, top in others.items()
        if any(frame.f_code.co_filename == decoding.__file__ for frame, _ in walk_stack(top))
    ]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_loop_goes_on_while_a_large_body_is_decoded(faults: Faults, coding: str) -> None:
    """64 MiB are decoded in a thread, and other tasks run meanwhile."""
    content = TEXT * (64 * MIB // len(TEXT))
    compressors: dict[str, Callable[[bytes], bytes]] = {
        "gzip": lambda data: gzip.compress(data, 1),
        "deflate": lambda data: zlib.compress(data, 1),
        "br": lambda data: brotli.compress(data, quality=1),
        "zstd": zstd.compress,
    }
    coded = compressors[coding](content)
    answer = sized(coded, b"Content-Encoding: " + coding.encode())

    @handles("/large-coded")
    async def large(peer: Peer) -> None:
        await peer.send(answer)

    async with AsyncClient(faults.url) as client:
        call = asyncio.create_task(client.get("/large-coded", response_format=bytes))
        ticks = 0
        while not call.done():
            await asyncio.sleep(0.001)
            ticks += bool(decoding_threads())
        assert await call == content
        assert decode(coded, coding, 64 * MIB) == content
    assert ticks > 5


async def test_cancelled_while_decoding(faults: Faults, bomb: str) -> None:
    """A call that is cancelled while its body is decoded ends at once, and so does the thread."""
    async with AsyncClient(faults.url, max_response_size=2**40) as client:
        call = asyncio.create_task(client.get(bomb, response_format=bytes))
        while not decoding_threads():  # noqa: ASYNC110 - there is nothing else to wait for
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        ticks = 0
        async with asyncio.timeout(10):
            while decoding_threads():
                await asyncio.sleep(0.001)
                ticks += 1
        assert ticks < 100, "the thread went on decoding"
        assert await client.get("/ok") == {"ok": True}


async def test_time_is_over_while_decoding(faults: Faults, bomb: str) -> None:
    """The time of a call counts for decoding, too."""
    async with AsyncClient(faults.url, max_response_size=2**40, timeout=0.15) as client:
        with pytest.raises(TimeoutError):
            await client.get(bomb, response_format=bytes)
        assert await client.get("/ok") == {"ok": True}


JSON = b"[" + b"1," * (4 * MIB) + b"1]"


@handles("/json-large")
async def json_large(peer: Peer) -> None:
    """Send 8 MiB of JSON."""
    await peer.send(sized(JSON))


@handles("/json-large-error")
async def json_large_error(peer: Peer) -> None:
    """Send 8 MiB of JSON that is an error."""
    await peer.send(sized(JSON, status=b"500 Oops"))


async def test_large_json_is_warned_of_once(
    faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """JSON that holds the loop while pydantic parses it is told of, once for a client."""
    caplog.set_level(logging.WARNING, "arya_api_framework.AsyncClient")
    async with AsyncClient(faults.url) as client:
        await client.get("/json-large", raw=True)
        await client.get("/json-large", response_format=bytes)
        assert caplog.records == []
        assert len(await client.get("/json-large?token=of-mine")) == 4 * MIB + 1
        await client.get("/json-large")
        await client.with_options(headers={"X-A": "1"}).get("/json-large")
    (record,) = caplog.records
    assert record.name == "arya_api_framework.AsyncClient"
    assert "8 MiB of JSON" in record.message
    assert "of-mine" not in record.message


async def test_large_json_of_an_error_is_warned_of(
    faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """The body of an error is parsed as well, whatever the format of the call is."""
    async with AsyncClient(faults.url) as client:
        with pytest.raises(Exception, match="500"):
            await client.get("/json-large-error", response_format=bytes)
    assert ["JSON" in record.message for record in caplog.records] == [True]


async def test_synchronous_client_warns_of_nothing(
    faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """A client without a loop holds none."""
    with SyncClient(faults.url) as client:
        assert len(await asyncio.to_thread(client.get, "/json-large")) == 4 * MIB + 1
    assert caplog.records == []


def test_importing_a_client_loads_no_library() -> None:
    """The libraries are loaded by the first request, not by an import."""
    code = (
        "import sys; from arya_api_framework import AsyncClient, SyncClient;"
        "SyncClient('https://api.test');"
        f"assert not set(sys.modules) & set({LIBRARIES!r}), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
