"""What is sent as the body: every shape of `body`, `data` and `files`, as the server reads it."""

import errno
import io
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from multidict import MultiDict
from typing_extensions import override

from arya_api_framework import BaseModel, Response
from arya_api_framework.client.body import CHUNK_SIZE, file_body
from arya_api_framework.errors import BodyNotReplayable, ConfigurationError, UnreadableFile
from tests.app import MiB, Server
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.scripted import Scripted

BIG = os.urandom(5 * CHUNK_SIZE // 2)
FORM = "application/x-www-form-urlencoded"
OCTETS = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"


class User(BaseModel):
    """A model to send."""

    name: str
    age: int | None = None


class Reply(Response):
    """A model that is an answer too."""

    name: str


class Lines:
    """A file of a user's own: it can be read, and that is all."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int = -1) -> bytearray:
        """Read, giving bytes of another kind."""
        return bytearray(self._file.read(size))


class OldFile(io.BytesIO):
    """A file whose `seek` returns nothing, as some did."""

    def seek(self, *arguments: int) -> None:  # type: ignore[override]
        """Seek."""
        super().seek(*arguments)


class AsyncFile:
    """An asynchronous file: its `read` gives no bytes, but it can be iterated."""

    async def read(self) -> bytes:
        """Be there, which is how such a file is told from others; nobody may call it."""
        raise AssertionError("an asynchronous file was read, not iterated")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"async "
        yield b"file"


def generate(*chunks: Any) -> Iterator[Any]:
    """Give chunks one by one, once."""
    yield from chunks


async def generate_async(*chunks: Any) -> AsyncIterator[Any]:
    """Give chunks one by one, once, asynchronously."""
    for chunk in chunks:
        yield chunk


def half_read() -> io.BytesIO:
    """Return an open file that was read in part."""
    file = io.BytesIO(b"half read")
    file.read(5)
    return file


# What is given, made anew for each client, the body, its type and length (`None`: chunked).
SHAPES: dict[str, tuple[Any, bytes, str | None, int | None]] = {
    "nothing": (dict, b"", None, 0),
    "no body": (lambda: {"body": None, "data": None, "files": None}, b"", None, 0),
    "model": (lambda: {"body": User(name="Ä")}, '{"name":"Ä"}'.encode(), "application/json", 13),
    "set null": (
        lambda: {"body": User(name="x", age=None)},
        b'{"name":"x","age":null}',
        "application/json",
        23,
    ),
    "json list": (lambda: {"body": [1, "a"]}, b'[1,"a"]', "application/json", 7),
    "json false": (lambda: {"body": False}, b"false", "application/json", 5),
    "json empty": (lambda: {"body": {}}, b"{}", "application/json", 2),
    "big json": (
        lambda: {"body": "x" * MiB},
        b'"' + b"x" * MiB + b'"',
        "application/json",
        MiB + 2,
    ),
    "bytes": (lambda: {"data": b"\0\xff"}, b"\0\xff", OCTETS, 2),
    "no bytes": (lambda: {"data": b""}, b"", OCTETS, 0),
    "bytearray": (lambda: {"data": bytearray(b"abc")}, b"abc", OCTETS, 3),
    "memoryview": (lambda: {"data": memoryview(b"abcd")[1:3]}, b"bc", OCTETS, 2),
    "big bytes": (lambda: {"data": BIG}, BIG, OCTETS, len(BIG)),
    "text": (lambda: {"data": "Grüße"}, "Grüße".encode(), TEXT, 7),
    "no text": (lambda: {"data": ""}, b"", TEXT, 0),
    "form": (lambda: {"data": {"a": 1, "b": ["x y", None, "é"]}}, b"a=1&b=x+y&b=%C3%A9", FORM, 18),
    "form pairs": (lambda: {"data": [("a", "1"), ("a", True)]}, b"a=1&a=true", FORM, 10),
    "form tuple": (lambda: {"data": (("a", "1"), ("b", "2"))}, b"a=1&b=2", FORM, 7),
    "form multidict": (lambda: {"data": MultiDict([("a", "1"), ("a", "2")])}, b"a=1&a=2", FORM, 7),
    "form model": (lambda: {"data": User(name="x", age=None)}, b"name=x", FORM, 6),
    "form bytes": (lambda: {"data": {"a": b"1", "b": bytearray(b"2")}}, b"a=1&b=2", FORM, 7),
    "empty form": (lambda: {"data": {}}, b"", FORM, 0),
    "no pairs": (lambda: {"data": []}, b"", FORM, 0),
    "list of bytes": (lambda: {"data": [b"a", "ü", bytearray(b"c")]}, b"a\xc3\xbcc", OCTETS, 4),
    "open file": (lambda: {"data": io.BytesIO(b"open")}, b"open", OCTETS, 4),
    "half read": (lambda: {"data": half_read()}, b"read", OCTETS, 4),
    "big file": (lambda: {"data": io.BytesIO(BIG)}, BIG, OCTETS, len(BIG)),
    "empty file": (lambda: {"data": io.BytesIO()}, b"", OCTETS, 0),
    "odd file": (lambda: {"data": Lines(b"odd" * 9)}, b"odd" * 9, OCTETS, None),
    "old file": (lambda: {"data": OldFile(b"old")}, b"old", OCTETS, 3),
    "iterator": (lambda: {"data": generate(b"a", b"", "ü", b"c")}, b"a\xc3\xbcc", OCTETS, None),
    "empty iterator": (lambda: {"data": generate()}, b"", OCTETS, None),
    "big iterator": (lambda: {"data": generate(BIG, b"x")}, BIG + b"x", OCTETS, None),
    "named": (lambda: {"data": ("a.png", b"abc", "image/png")}, b"abc", "image/png", 3),
    "named, no type": (lambda: {"data": ("a.png", io.BytesIO(b"abc"))}, b"abc", OCTETS, 3),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("way", ["sync", "async", "requests"])
async def test_each_shape_is_sent_as_the_same_bytes(server: Server, way: str, shape: str) -> None:
    """Both clients send the same body, type and length, also where requests itself sends."""
    make, body, media_type, length = SHAPES[shape]
    kind = Kind("async" if way == "async" else "sync")
    with requests.Session() as session:
        session.hooks["response"] = [lambda answer, **options: None]
        client = kind.client(server.url, **({"session": session} if way == "requests" else {}))
        await client.post("/echo", **make(), response_format=bytes)
        await kind.close()
    received = server.log[-1]
    assert received.body == body
    assert received.headers.getall("Content-Type", []) == ([media_type] if media_type else [])
    assert received.headers.get("Content-Length") == (None if length is None else str(length))
    assert received.headers.get("Transfer-Encoding") == ("chunked" if length is None else None)


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PUT", "PATCH"])
async def test_any_method_may_carry_a_body(kind: Kind, server: Server, method: str) -> None:
    """A body is sent with whatever method it was given to."""
    client = kind.client(server.url)
    answer = await client.request(method, "/echo", body={"a": 1})
    assert (answer["method"], answer["text"]) == (method, '{"a":1}')


async def test_a_content_type_of_the_call_is_kept(kind: Kind, server: Server) -> None:
    """The type we would choose is only a default."""
    client = kind.client(server.url, headers={"Content-Type": "application/vnd.api+json"})
    await client.post("/echo", body={})
    await client.post("/echo", data=b"<x/>", headers={"content-type": "text/xml"})
    await client.post("/echo", data={"a": 1}, headers={"content-type": f"{FORM}; charset=utf-8"})
    await client.post("/echo", data={"a": 1})
    assert [received.headers.getall("Content-Type") for received in server.log] == [
        ["application/vnd.api+json"],
        ["text/xml"],
        [f"{FORM}; charset=utf-8"],
        [FORM],  # The client's default is for JSON.
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"body": {}, "data": b""},
        {"body": {}, "files": {}},
        {"data": b"x", "files": {"f": b"x"}},
        {"data": "x", "files": {"f": b"x"}},
        {"data": 5},
        {"data": object()},
        {"data": [5]},
        {"data": [b"a", None]},
        {"data": ("name",)},
        {"data": ("name", b"x", "text/plain", {}, 1)},
        {"data": (5, b"x")},
        {"data": ("name", b"x", "text/plain", {"X-A": "b"})},
        {"data": ("name", b"x", "text/plain\r\nX-Evil: 1")},
        {"data": ("name", {"a": 1})},
        {"data": "\ud800"},
        {"data": ["\ud800"]},
        {"data": {"a": object()}},
        {"data": io.StringIO("text")},
        {"data": Path("/nowhere/at/all")},
        {"data": Path("/")},
        {"data": Path("a\0b")},
        {"files": {"f": Path("/nowhere/at/all")}},
        {"files": {"f": User(name="x")}},
        {"files": {"f": {"a": 1}}},
        {"files": {"f": None}},
        {"files": {"f": ("name", 5)}},
        {"files": {"f": ("a", "\ud800")}},
        {"files": {"\ud800": b"x"}},
        {"files": {"f": ("\ud800", b"x")}},
        {"files": {"f": ("a", b"x", "text/plain\r\nX-Evil: 1")}},
        {"files": {"f": ("a", b"x", "text/plain", {"X A": "1"})}},
        {"files": {"f": ("a", b"x", "text/plain", {"X-A": "1\n2"})}},
        {"files": {"f": ("a", b"x", "text/plain", {"Content-Disposition": "x"})}},
        {"files": {"f": ("a", b"x", "text/plain", {"content-type": "x/y"})}},
        {"files": {"f": ("a", b"x", None, 5)}},
        {"files": b"x"},
        {"data": {"f": (1, io.BytesIO())}},
        {"data": b"x", "on_progress": 5},
    ],
)
async def test_what_cannot_be_sent_is_refused(kind: Kind, server: Server, options: Any) -> None:
    """Contradictions, wrong shapes and unreadable files are refused before a byte is sent."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError):
        await client.post("/echo", **options)
    assert server.log == []


async def test_files_that_cannot_be_read_are_refused(
    kind: Kind, server: Server, tmp_path: Path
) -> None:
    """Closed files, text files, files for writing and pipes are told apart before sending."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    client = kind.client(server.url)
    with path.open("rb") as closed:
        pass
    with path.open() as text, (tmp_path / "other").open("wb") as written:
        for file, problem in ((closed, "closed"), (text, "text"), (written, "reading")):
            with pytest.raises(ConfigurationError, match=problem):
                await client.post("/echo", data=file)
    with pytest.raises(UnreadableFile, match="no regular file"):
        await client.post("/echo", data=tmp_path / "pipe")
    assert server.log == []


async def test_a_path_is_streamed_from_its_file(kind: Kind, server: Server, tmp_path: Path) -> None:
    """A `Path` as data is the bytes of the file."""
    path = tmp_path / "file.bin"
    path.write_bytes(BIG)
    client = kind.client(server.url)
    await client.post("/echo", data=path, response_format=None)
    assert server.log[-1].body == BIG


async def test_a_pipe_is_sent_in_chunks(kind: Kind, server: Server) -> None:
    """Where the length cannot be known, the body is chunked."""
    reading, writing = os.pipe()
    os.write(writing, b"piped")
    os.close(writing)
    client = kind.client(server.url)
    with os.fdopen(reading, "rb") as file:
        await client.post("/echo", data=file)
    assert server.log[-1].body == b"piped"
    assert server.log[-1].headers["Transfer-Encoding"] == "chunked"


class Odd:
    """A file that is none."""

    def read(self, size: int) -> str:
        """Read text."""
        return "text"


async def test_a_file_that_gives_no_bytes_ends_the_call(kind: Kind, server: Server) -> None:
    """What `read` returns is looked at."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="does not give bytes"):
        await client.post("/echo", data=Odd())


@pytest.mark.parametrize("files", [{}, [], (), MultiDict[Any]()])
async def test_no_files_are_none(kind: Kind, server: Server, files: Any) -> None:
    """A form without a file is sent as one, bytes as they are, and nothing as nothing."""
    client = kind.client(server.url)
    for data, body, media_type in (
        ({"a": "b"}, b"a=b", "application/x-www-form-urlencoded"),
        (b"abc", b"abc", "application/octet-stream"),
        (None, b"", None),
    ):
        await client.post("/echo", data=data, files=files)
        received = server.log[-1]
        assert (received.body, received.headers.get("Content-Type")) == (body, media_type)


class Generous(io.BytesIO):
    """A file that gives more than it is asked for."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        """Read all, and then some."""
        return super().read() + b"GET /smuggled HTTP/1.1"


async def test_a_file_that_gives_more_ends_the_call(lane: Lane) -> None:
    """Nothing follows the bytes that were announced, where it would be another request."""
    async with Scripted() as server:
        with pytest.raises(ConfigurationError, match=r"gave 22 bytes more than .* at most `size`"):
            await lane.client(server.url).post("/a", data=Generous(b"0123"))
        await server.has_ended(1)
        assert server.log == []


async def test_a_file_that_shrinks_ends_the_call(
    kind: Kind, server: Server, tmp_path: Path
) -> None:
    """A body that would be shorter than announced is never passed off as whole."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"0123456789")
    client = kind.client(server.url)
    request = client.build("POST", "/echo", data=path)
    path.write_bytes(b"0123")
    with pytest.raises(UnreadableFile, match="6 bytes shorter"):
        await client.send(request)
    path.unlink()
    with pytest.raises(UnreadableFile, match="cannot be read") as caught:
        await client.send(request)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, ConfigurationError)
    assert (caught.value.errno, caught.value.path) == (errno.ENOENT, str(path))


async def test_a_file_that_grows_is_sent_as_announced(
    kind: Kind, server: Server, tmp_path: Path
) -> None:
    """Bytes that came later are not sent."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"0123")
    client = kind.client(server.url)
    request = client.build("POST", "/echo", data=path)
    path.write_bytes(b"0123456789")
    await client.send(request)
    assert server.log[-1].body == b"0123"


async def test_an_open_file_is_left_open_and_can_be_sent_again(kind: Kind, server: Server) -> None:
    """Its position is remembered, so that every sending starts where the first did."""
    client = kind.client(server.url)
    file = io.BytesIO(b"head body")
    file.seek(5)
    request = client.build("POST", "/echo", data=file)
    await client.send(request)
    await client.send(request)
    assert not file.closed
    assert [received.body for received in server.log] == [b"body", b"body"]


@pytest.mark.parametrize("make", [lambda: generate(b"a"), lambda: Lines(b"a")])
async def test_what_can_be_read_once_is_sent_once(kind: Kind, server: Server, make: Any) -> None:
    """A second sending of a spent body is refused before anything is sent."""
    client = kind.client(server.url)
    for options in ({"data": make()}, {"files": {"f": make()}}):
        server.reset()
        request = client.build("POST", "/echo", **options)
        assert not request.replayable
        await client.send(request)
        with pytest.raises(BodyNotReplayable):
            await client.send(request)
        assert len(server.log) == 1


async def test_a_body_may_go_without_a_type(kind: Kind, server: Server) -> None:
    """`None` leaves out the type that we would choose, as it does with any header."""
    client = kind.client(server.url)
    await client.post("/echo", body={"a": 1}, headers={"content-type": None})
    await client.post("/echo", data={"a": 1}, headers={"Content-Type": None})
    for received in server.log:
        assert received.body
        assert "Content-Type" not in received.headers


async def test_an_asynchronous_iterator_is_refused_by_a_sync_client(server: Server) -> None:
    """It cannot be read there: an error before anything is sent, for built requests too."""
    kind = Kind("sync")
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="AsyncClient only"):
        await client.post("/echo", data=generate_async(b"a"))
    with pytest.raises(ConfigurationError, match="AsyncClient only"):
        client.build("POST", "/echo", data=AsyncFile())
    await kind.close()
    assert server.log == []


async def test_an_asynchronous_iterator_is_sent(server: Server) -> None:
    """An AsyncClient takes asynchronous iterators and files."""
    kind = Kind("async")
    client = kind.client(server.url)
    await client.post("/echo", data=generate_async(b"a", b"", "ü"))
    await client.post("/echo", data=AsyncFile())
    await kind.close()
    assert [received.body for received in server.log] == [b"a\xc3\xbc", b"async file"]


async def test_an_error_of_the_users_iterator_is_raised_unchanged(
    kind: Kind, server: Server
) -> None:
    """What the user's own code raises is the user's, and the next call is right."""

    def broken() -> Iterator[bytes]:
        yield b"some"
        raise LookupError("mine")

    client = kind.client(server.url)
    with pytest.raises(LookupError, match="mine"):
        await client.post("/echo", data=broken())
    with pytest.raises(ConfigurationError, match="got int"):
        await client.post("/echo", data=generate(b"a", 5))
    assert (await client.post("/echo", data="fine"))["text"] == "fine"


def test_a_model_is_no_file() -> None:
    """Models iterate over their fields, which are no bytes."""
    with pytest.raises(ConfigurationError, match="got Reply"):
        file_body(Reply(name="x"), "a file")


async def test_a_file_that_the_system_cannot_read_ends_the_call(kind: Kind, server: Server) -> None:
    """What goes wrong with a file that we opened is an error of ours."""
    # The system says that it has 4096 bytes, and fails to read them.
    client = kind.client(server.url, timeout=5)
    with pytest.raises(UnreadableFile, match="cannot be read: OSError") as caught:
        await client.stream_file("/sys/class/net/lo/speed", "/upload")
    assert caught.value.sent == "maybe"
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("data", [lambda: iter([b"a", 1]), Odd])
async def test_what_goes_wrong_on_the_way_may_have_been_read(
    lane: Lane, server: Server, data: Callable[[], Any]
) -> None:
    """The head of a request is sent before its body is looked at."""
    with pytest.raises(ConfigurationError) as caught:
        await lane.client(server.url, timeout=5).post("/echo", data=data())
    assert caught.value.sent == "maybe"
    assert caught.value.attempts == 1


async def test_a_request_that_cannot_be_sent_again_was_not_sent(kind: Kind, server: Server) -> None:
    """The second time nothing is sent, and the error says so."""
    client = kind.client(server.url)
    request = client.build("POST", "/echo", data=iter([b"a"]))
    await client.send(request)
    with pytest.raises(BodyNotReplayable) as caught:
        await client.send(request)
    assert caught.value.sent == "no"
    assert caught.value.url == f"{server.url}/echo"
    assert len(server.log) == 1


async def test_text_that_is_none_is_not_kept_by_its_error(kind: Kind, server: Server) -> None:
    """A lone surrogate is refused, and the error does not hold what stands around it."""
    client = kind.client(server.url)
    for options in (
        {"data": "of-mine\ud800"},
        {"data": {"a": "of-mine\ud800"}},
        {"parameters": {"a": "of-mine\ud800"}},
        {"path_parameters": {"name": "of-mine\ud800"}},
    ):
        path = "/{name}" if "path_parameters" in options else "/echo"
        with pytest.raises(ConfigurationError) as caught:
            await client.post(path, **options)
        assert caught.value.__cause__ is None
        assert "of-mine" not in repr(caught.value)
