"""Files sent with progress told: `on_progress`, `upload_file` and `stream_file`."""

import asyncio
import gc
import hashlib
import io
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from psutil import Process  # type: ignore[import-untyped]

from arya_api_framework import AsyncClient, Retry
from arya_api_framework.client.body import CHUNK_SIZE, file_name
from arya_api_framework.errors import ConfigurationError, ConnectionLost
from tests.app import MiB, Server
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.faults import Faults, Peer, handles
from tests.patience import until_async

BIG = os.urandom(5 * CHUNK_SIZE // 2)
OCTETS = "application/octet-stream"


def generate(*chunks: bytes) -> Iterator[bytes]:
    """Give chunks one by one, once."""
    yield from chunks


@pytest.mark.parametrize(
    ("make", "total"),
    [
        (lambda: {"data": BIG}, len(BIG)),
        (lambda: {"data": io.BytesIO(BIG)}, len(BIG)),
        (lambda: {"body": "x" * MiB}, MiB + 2),
        (lambda: {"data": generate(b"abc", b"de")}, None),
        (lambda: {"files": {"f": BIG}}, ...),
    ],
)
async def test_progress_is_told(kind: Kind, server: Server, make: Any, total: Any) -> None:
    """The counts rise to what was sent, and the total is told where it is known."""
    told: list[tuple[int, int | None]] = []
    client = kind.client(server.url)
    await client.post(
        "/echo", **make(), on_progress=lambda *counts: told.append(counts), response_format=bytes
    )
    size = len(server.log[-1].body)
    sent = [count for count, _ in told]
    assert sent == sorted(sent)
    assert sent[-1] == size
    assert len(sent) > 1
    assert {whole for _, whole in told} == {size if total is ... else total}


async def test_an_error_of_the_users_callback_is_raised_unchanged(
    kind: Kind, server: Server
) -> None:
    """It ends the call as it is, and the next call is right."""

    def stop(sent: int, total: int | None) -> None:
        raise LookupError(f"mine at {sent}")

    client = kind.client(server.url)
    with pytest.raises(LookupError, match=f"mine at {CHUNK_SIZE}"):
        await client.post("/echo", data=BIG, on_progress=stop)
    assert (await client.post("/echo", data="fine"))["text"] == "fine"


class Mine(BaseException):
    """An error of the user's that is no `Exception`."""


@pytest.mark.parametrize("by", ["progress", "iterator"])
async def test_an_error_of_any_kind_is_raised_unchanged(
    kind: Kind, server: Server, by: str
) -> None:
    """One that is no `Exception` ends the call too, which is not sent again."""
    calls: list[int] = []

    def stop(*_: Any) -> None:
        calls.append(1)
        raise Mine

    def pieces() -> Iterator[bytes]:
        yield b"a" * CHUNK_SIZE
        stop()

    client = kind.client(server.url, retry=Retry(backoff=0.001))
    body: Any = {"data": BIG, "on_progress": stop} if by == "progress" else {"data": pieces()}
    with pytest.raises(Mine):
        await client.put("/echo", **body)
    assert calls == [1]
    assert (await client.post("/echo", data="fine"))["text"] == "fine"


@pytest.mark.parametrize("way", ["upload_file", "stream_file", "upload_resumable"])
async def test_a_file_is_closed_though_the_error_is_kept(
    lane: Lane, server: Server, tmp_path: Path, way: str
) -> None:
    """Whatever ends a call: a file that we opened is closed, not left to the garbage collector."""
    path = tmp_path / "x"
    path.write_bytes(BIG)

    def stop(sent: int, total: int | None) -> None:
        if sent:
            raise LookupError

    client = lane.client(server.url)
    with pytest.raises(LookupError) as error:
        await getattr(client, way)(path, "/echo", on_progress=stop)
    assert error.value.__traceback__ is not None
    await until_async(lambda: str(path) not in [one.path for one in Process().open_files()])


async def test_progress_without_a_body_is_not_told(kind: Kind, server: Server) -> None:
    """Nothing is sent, so nothing is told."""
    told: list[Any] = []
    client = kind.client(server.url)
    await client.post("/echo", data=None, on_progress=lambda *counts: told.append(counts))
    assert told == []


@pytest.mark.parametrize("how", ["str", "Path", "open"])
async def test_a_file_is_uploaded_with_its_base_name(
    kind: Kind, server: Server, tmp_path: Path, how: str
) -> None:
    """A path, a `Path` and an open file are sent alike; the folder stays private."""
    path = tmp_path / "Grüße 1.png"
    path.write_bytes(BIG)
    told: list[Any] = []
    client = kind.client(server.url)
    with path.open("rb") as file:
        source = {"str": str(path), "Path": path, "open": file}[how]
        answer = await client.upload_file(
            source, "/echo", on_progress=lambda *counts: told.append(counts)
        )
        assert not file.closed
    assert answer["files"] == [
        {
            "name": "file",
            "filename": "Grüße 1.png",
            "content_type": "image/png",
            "headers": answer["files"][0]["headers"],
            "size": len(BIG),
            "sha256": hashlib.sha256(BIG).hexdigest(),
        }
    ]
    assert str(tmp_path).encode() not in server.log[-1].body
    assert told[-1] == (len(server.log[-1].body), int(server.log[-1].headers["Content-Length"]))


async def test_upload_options_are_obeyed(kind: Kind, server: Server) -> None:
    """Field, method, type and the options of any call."""
    client = kind.client(server.url)
    answer = await client.upload_file(
        b"abc",
        "/echo",
        field="avatar",
        method="PUT",
        content_type="image/x-mine",
        parameters={"a": 1},
        headers={"X-A": "b"},
    )
    (file,) = answer["files"]
    assert answer["method"] == "PUT"
    assert answer["query"] == [["a", "1"]]
    assert ["X-A", "b"] in answer["headers"]
    assert (file["name"], file["filename"], file["content_type"]) == (
        "avatar",
        "file",
        "image/x-mine",
    )


async def test_a_file_goes_with_a_name_and_other_fields(kind: Kind, server: Server) -> None:
    """Bytes have no name of their own; folders of a name are left out."""
    client = kind.client(server.url)
    answer = await client.upload_file(
        b"abc", "/echo", filename="a/cat.png", data={"title": "Cat", "tags": ["a", "b"]}
    )
    (file,) = answer["files"]
    assert (file["name"], file["filename"], file["content_type"]) == (
        "file",
        "cat.png",
        "image/png",
    )
    assert answer["form"] == [["title", "Cat"], ["tags", "a"], ["tags", "b"]]
    answer = await client.upload_file(b"abc", "/echo", filename=None, data=None)
    assert answer["files"][0]["filename"] == "file"
    for name in ("", b"x", 5):
        with pytest.raises(ConfigurationError, match="filename must be a name, or None, got"):
            await client.upload_file(b"abc", "/echo", filename=name)
    with pytest.raises(ConfigurationError, match="'filename' has no place beside the file"):
        await client.stream_file(b"abc", "/echo", filename="x")
    assert len(server.log) == 2


@pytest.mark.parametrize("how", ["str", "Path", "open", "bytes"])
async def test_a_file_is_streamed(kind: Kind, server: Server, tmp_path: Path, how: str) -> None:
    """The body is the bytes of the file, its type guessed from its name."""
    path = tmp_path / "data.json"
    path.write_bytes(BIG)
    client = kind.client(server.url)
    with path.open("rb") as file:
        source = {"str": str(path), "Path": path, "open": file, "bytes": BIG}[how]
        await client.stream_file(source, "/echo", method="PUT", response_format=None)
    received = server.log[-1]
    assert (received.method, received.body) == ("PUT", BIG)
    assert received.headers["Content-Length"] == str(len(BIG))
    assert received.headers["Content-Type"] == (OCTETS if how == "bytes" else "application/json")


@pytest.mark.parametrize("file", ["/nowhere/at/all", "", 5, None, ["x"], "/", "a\0b"])
async def test_a_file_that_is_none_is_refused(kind: Kind, server: Server, file: Any) -> None:
    """A wrong path or type is one clear error before anything is sent."""
    client = kind.client(server.url)
    for method in (client.upload_file, client.stream_file):
        with pytest.raises(ConfigurationError):
            await method(file, "/echo")
    assert server.log == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (Path("/a/b.txt"), "b.txt"),
        (Path("a"), "a"),
        (b"x", None),
        (io.BytesIO(), None),
        (SimpleNamespace(name=7), None),  # As files of `os.fdopen` have it.
    ],
)
def test_the_name_of_a_file_is_its_base_name(source: Any, name: str | None) -> None:
    """What has no name of its own has none."""
    assert file_name(source) == name


def test_a_windows_path_is_cut_too() -> None:
    """A name that holds another system's separators shows no folder."""
    file = io.BytesIO(b"x")
    file.name = "C:\\Users\\me\\x.txt"
    assert file_name(file) == "x.txt"


@handles("/reset-at-the-last")
async def reset_at_the_last(peer: Peer) -> None:
    """Reset the connection when the last piece of a body is there, before its end."""
    await peer.reader.readuntil(b"LAST")
    peer.reset()


async def test_a_reset_at_the_last_piece_is_told_once(faults: Faults) -> None:
    """By the call alone: nobody else hears of a task that failed."""
    heard: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: heard.append(told))

    async def pieces(steps: int) -> AsyncIterator[bytes]:
        yield b"first, "
        yield b"LAST"
        for _ in range(steps % 6):
            await asyncio.sleep(0)
        if steps % 3 == 0:
            await asyncio.sleep(0.002)

    async with AsyncClient(faults.url, timeout=5) as client:
        for steps in range(150):
            with pytest.raises(ConnectionLost) as error:
                await client.post("/reset-at-the-last", data=pieces(steps))
            assert error.value.sent == "maybe"
    gc.collect()
    await asyncio.sleep(0)
    assert heard == []
