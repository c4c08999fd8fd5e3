"""Checksums: digests of what is sent, in the fields of their RFCs."""

import asyncio
import base64
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from arya_api_framework import Checksum, Hook, Request, Retry
from arya_api_framework.client.body import CHUNK_SIZE
from arya_api_framework.errors import ConfigurationError
from tests.app import Server
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.scripted import CLOSE, Scripted, answer

BIG = os.urandom(5 * CHUNK_SIZE // 2)


def b64(digest: bytes) -> str:
    """Write a digest."""
    return base64.b64encode(digest).decode()


def sha256(data: bytes) -> str:
    """Return a digest, written."""
    return b64(hashlib.sha256(data).digest())


FIELDS: list[tuple[Any, str, Callable[[bytes], str]]] = [
    ("md5", "Content-MD5", lambda data: b64(hashlib.md5(data).digest())),
    ("sha-256", "Repr-Digest", lambda data: f"sha-256=:{sha256(data)}:"),
    ("SHA-512", "Repr-Digest", lambda data: f"sha-512=:{b64(hashlib.sha512(data).digest())}:"),
    (
        Checksum("sha-256", header="Content-Digest"),
        "Content-Digest",
        lambda data: f"sha-256=:{sha256(data)}:",
    ),
    (
        Checksum("sha-1", header="Repr-Digest"),
        "Repr-Digest",
        lambda data: f"sha=:{b64(hashlib.sha1(data).digest())}:",
    ),
    (Checksum("sha-256", header="Digest"), "Digest", lambda data: f"SHA-256={sha256(data)}"),
    (Checksum("sha-256", header="x-amz-checksum-sha256"), "x-amz-checksum-sha256", sha256),
    (
        Checksum("crc32", header="x-amz-checksum-crc32"),
        "x-amz-checksum-crc32",
        lambda data: b64(zlib.crc32(data).to_bytes(4, "big")),
    ),
]


@pytest.mark.parametrize(("checksum", "field", "expected"), FIELDS)
async def test_a_digest_goes_along(
    kind: Kind, server: Server, checksum: Any, field: str, expected: Callable[[bytes], str]
) -> None:
    """Each field is written as its RFC says, over the bytes that came."""
    client = kind.client(server.url)
    for data in (BIG, b"abc", b"", io.BytesIO(BIG)):
        await client.put("/echo", data=data, response_format=None, checksum=checksum)
        received = server.log[-1]
        assert received.headers.getall(field) == [expected(received.body)]


def test_examples_of_the_rfcs() -> None:
    """The digest of RFC 9530 B.1 is written as there."""
    content = b'{"hello": "world"}\n'
    assert (
        Checksum("sha-256").write(sha256(content))
        == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    )


async def test_several_digests_take_one_pass(kind: Kind, server: Server) -> None:
    """A list fills one field or several."""
    client = kind.client(server.url)
    await client.put("/echo", data=b"abc", checksum=["md5", "sha-256", "sha-512"])
    headers = server.log[-1].headers
    assert headers["Content-MD5"] == b64(hashlib.md5(b"abc").digest())
    first, second = headers["Repr-Digest"].split(", ")
    assert first == f"sha-256=:{sha256(b'abc')}:"
    assert second.startswith("sha-512=:")


async def test_a_field_has_one_name(kind: Kind, server: Server) -> None:
    """However it is spelled, what it holds stands together, in the place of what was there."""
    client = kind.client(server.url)
    sums = [Checksum("sha-256", header="Repr-Digest"), Checksum("sha-512", header="repr-digest")]
    given = [("REPR-digest", "sha-256=:AA==:"), ("Repr-Digest", "sha-256=:AB==:")]
    await client.put("/echo", data=b"abc", checksum=sums, headers=given)
    (found,) = server.log[-1].headers.getall("Repr-Digest")
    sha512 = b64(hashlib.sha512(b"abc").digest())
    assert found == f"sha-256=:{sha256(b'abc')}:, sha-512=:{sha512}:"


async def test_a_file_on_every_way(lane: Lane, server: Server, tmp_path: Path) -> None:
    """A file as it is, in a form, and compressed: the digest is of what came."""
    path = tmp_path / "data.csv"
    path.write_bytes(b"a,b\n" * CHUNK_SIZE)
    client = lane.client(server.url)
    await client.stream_file(path, "/echo", response_format=None, checksum="sha-256")
    assert server.log[-1].headers["Repr-Digest"] == f"sha-256=:{sha256(path.read_bytes())}:"
    await client.upload_file(path, "/echo", response_format=None, checksum="sha-256")
    assert server.log[-1].headers["Repr-Digest"] == f"sha-256=:{sha256(server.log[-1].body)}:"
    with path.open("rb") as file:
        for source in (path, file, path.read_bytes()):
            for coding in ("gzip", "zstd", "br"):
                await client.stream_file(
                    source, "/echo", response_format=None, checksum="sha-256", compress=coding
                )
                received = server.log[-1]
                assert received.headers["Repr-Digest"] == f"sha-256=:{sha256(received.body)}:"
                assert len(received.body) < CHUNK_SIZE
    await client.stream_file(path, "/echo", response_format=None, checksum="md5", compress="gzip")
    assert gzip.decompress(server.log[-1].body) == path.read_bytes()


async def test_the_digest_is_sent_again(kind: Kind) -> None:
    """Each attempt carries it, and so does a redirect that takes the body along."""
    async with Scripted(
        CLOSE, answer(503), answer(307, "Location: /b"), answer(303, "Location: /c")
    ) as server:
        client = kind.client(server.url, retry=Retry(backoff=0.001))
        await client.put("/a", data=b"abc", checksum="sha-256")
        digest = f"sha-256=:{sha256(b'abc')}:"
        found = [read.headers.get("Repr-Digest") for read in server.log]
        assert found == [digest] * 4 + [None]


async def test_a_built_request_is_summed_up_when_it_is_sent(kind: Kind, server: Server) -> None:
    """`send` takes the option, `build` names it."""
    client = kind.client(server.url)
    request = client.build("PUT", "/echo", data=b"abc")
    await client.send(request, checksum="sha-256")
    assert server.log[-1].headers["Repr-Digest"] == f"sha-256=:{sha256(b'abc')}:"
    assert "Repr-Digest" not in request.headers
    with pytest.raises(ConfigurationError, match="option of `send`"):
        client.build("PUT", "/echo", data=b"abc", checksum="sha-256")


async def test_nothing_to_sum_up(kind: Kind, server: Server) -> None:
    """A call without a body has no digest."""
    client = kind.client(server.url)
    await client.get("/users/1", checksum="sha-256")
    assert "Repr-Digest" not in server.log[-1].headers


async def test_a_body_that_hooks_took_away(kind: Kind, server: Server) -> None:
    """There is nothing to sum up."""

    class Nothing(Hook):
        def before_call(self, request: Request) -> None:
            request.body = None

    client = kind.client(server.url, hooks=[Nothing()])
    await client.put("/echo", data=b"abc", checksum="sha-256")
    assert "Repr-Digest" not in server.log[-1].headers


async def test_a_body_that_hooks_put_in_place(kind: Kind, server: Server) -> None:
    """It is the one that is summed up; one that can be read only once is refused."""
    client = kind.client(server.url)
    bodies = [client.build("PUT", "/", data=data).body for data in (io.BytesIO(b"other"), once())]

    class Other(Hook):
        def before_call(self, request: Request) -> None:
            request.body = bodies.pop(0)

    options: Any = {"data": b"abc", "checksum": "sha-256", "hooks": [Other()]}
    await client.put("/echo", **options)
    assert server.log[-1].headers["Repr-Digest"] == f"sha-256=:{sha256(b'other')}:"
    with pytest.raises(ConfigurationError, match="can be read only once"):
        await client.put("/echo", **options)
    assert len(server.log) == 1


def once() -> Iterator[bytes]:
    """Give pieces, once."""
    yield b"abc"


class Pipe(io.BytesIO):
    """A file that cannot be sought in."""

    def seek(self, *_: Any) -> int:
        """Refuse."""
        raise io.UnsupportedOperation("seek")


@pytest.mark.parametrize("data", [once(), Pipe(b"abc")], ids=["iterator", "pipe"])
async def test_what_can_be_read_once_is_refused(kind: Kind, server: Server, data: Any) -> None:
    """A header goes before the body, so that it would have to be read for it first."""
    client = kind.client(server.url)
    for compress in (None, "gzip"):
        with pytest.raises(ConfigurationError, match="can be read only once") as error:
            await client.put("/echo", data=data, checksum="sha-256", compress=compress)
        assert not hasattr(error.value, "__notes__")
    assert server.log == []


async def test_a_file_that_is_gone_is_refused(kind: Kind, server: Server, tmp_path: Path) -> None:
    """What goes wrong while it is summed up is told, and nothing was sent."""
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    client = kind.client(server.url)
    request = client.build("PUT", "/echo", data=path)
    path.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read: FileNotFoundError") as error:
        await client.send(request, checksum="sha-256")
    assert error.value.sent == "no"
    assert server.log == []


async def test_a_call_that_is_cancelled_reads_no_further(server: Server) -> None:
    """The piece that is being read is the last one."""
    kind = Kind("async")
    client = kind.client(server.url, timeout=None)
    read: list[int] = []
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Endless:
        """A file that tells when it is read."""

        def __init__(self) -> None:
            self._places = iter([0, 2**60])

        def read(self, size: int) -> bytes:
            read.append(size)
            loop.call_soon_threadsafe(begun.set)
            return bytes(size)

        def tell(self) -> int:
            return next(self._places)

        def seek(self, *_: int) -> None:
            pass

    file = Endless()
    call = asyncio.ensure_future(client.put("/echo", data=file, checksum="md5"))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await kind.close()
    count = len(read)
    await asyncio.to_thread(lambda: None)
    assert len(read) <= count + 1
    assert server.log == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("sha3", "must be one of md5, sha-1"),
        (5, "must be one of"),
        ([None], "must be one of"),
        ("crc32", "Repr-Digest has no name for crc32"),
        (["md5", "md5"], "twice"),
    ],
)
async def test_what_is_no_checksum_is_refused(
    kind: Kind, server: Server, value: Any, text: str
) -> None:
    """The names are told."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match=text):
        await client.put("/echo", data=b"abc", checksum=value)
    assert server.log == []


@pytest.mark.parametrize(
    ("algorithm", "header", "text"),
    [
        ("sha-256", "Content-MD5", "Content-MD5 has no name for sha-256, only for md5"),
        ("sha-256", "a b", "must be the name of a field"),
        ("sha-256", 5, "must be the name of a field"),
    ],
)
def test_what_is_no_field_is_refused(algorithm: str, header: Any, text: str) -> None:
    """A field holds what its RFC has a name for."""
    with pytest.raises(ConfigurationError, match=text):
        Checksum(algorithm, header=header)
