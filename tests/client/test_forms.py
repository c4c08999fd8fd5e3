"""Forms on the wire: the same bytes from both clients, as parsers of other projects read them."""

import asyncio
import email
import email.policy
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arya_api_framework import (
    AsyncClient,
    BaseModel,
    Encoding,
    Form,
    FormFile,
    Retry,
    SyncClient,
    Timeout,
)
from arya_api_framework.client.body import CHUNK_SIZE
from arya_api_framework.errors import (
    BodyNotReplayable,
    ConfigurationError,
    ConnectError,
    WriteTimeout,
)
from arya_api_framework.options import Files
from tests.app import Server
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.faults import Faults
from tests.patience import PATIENCE, until_async
from tests.scripted import CLOSE, Scripted, answer

BIG = os.urandom(5 * CHUNK_SIZE // 2)


class Address(BaseModel):
    """A model in another."""

    city: str


class Pet(BaseModel):
    """A model that is a form."""

    name: str
    tags: list[str]
    home: Address
    photo: FormFile


async def pieces(*chunks: Any) -> AsyncIterator[Any]:
    """Give chunks one by one, once, asynchronously."""
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


def unbound(received: Any) -> bytes:
    """Return a body as the server read it, with one boundary for all."""
    media_type, _, boundary = received.headers["Content-Type"].partition("; boundary=")
    if boundary:
        assert media_type == "multipart/form-data"
        assert received.body.count(f"--{boundary}".encode()) >= 1
        return bytes(received.body.replace(boundary.encode(), b"boundary"))
    assert media_type == "application/x-www-form-urlencoded"
    return bytes(received.body)


def read_as_mail(received: Any) -> list[tuple[Any, ...]]:
    """Return the parts of a body as the parser of the standard library finds them."""
    head = f"Content-Type: {received.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + received.body, policy=email.policy.HTTP)
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


# What is given, made anew for each client, and whether its length can be known.
FORMS: dict[str, tuple[Callable[[], Any], bool]] = {
    "pairs with a file": (
        lambda: {
            "data": [
                ("datafile", ("r.gif", io.BytesIO(b"GIF89a"), "image/gif", {})),
                ("path", "media/r.gif"),
            ]
        },
        True,
    ),
    "model": (
        lambda: {"data": Pet(name="x", tags=["a"], home=Address(city="Oslo"), photo=b"\xff")},
        True,
    ),
    "forced": (lambda: {"data": Form({"a": 1, "b": {"c": [2]}}, multipart=True)}, True),
    "several": (lambda: {"files": {"f": [("a", b"1"), io.BytesIO(BIG)]}, "data": {"a": 1}}, True),
    "generator": (lambda: {"data": {"f": iter([b"1", BIG]), "a": "x"}}, False),
    "styles": (
        lambda: {
            "data": Form(
                {"tags": ["a", "b"], "c": {"d": 1}},
                encoding={"tags": Encoding(explode=False)},
                nested="deepObject",
            )
        },
        True,
    ),
    "bytes": (lambda: {"data": {"a": b"\xff\x00&"}}, True),
    "nothing": (lambda: {"data": Form({}, multipart=True)}, True),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_form_is_the_same_bytes_by_every_way(server: Server, form: str) -> None:
    """On both clients, and where requests itself sends; the length is told where it is known."""
    make, is_known = FORMS[form]
    bodies: list[bytes] = []
    for name in ("fast", "compatible", "async"):
        lane = Lane(name)
        await lane.client(server.url).post("/echo", **make(), response_format=bytes)
        await lane.close()
        received = server.log[-1]
        length = str(len(received.body)) if is_known else None
        assert received.headers.get("Content-Length") == length
        assert received.headers.get("Transfer-Encoding") == (None if is_known else "chunked")
        bodies.append(unbound(received))
    assert bodies[0] == bodies[1] == bodies[2]


async def test_a_lone_file_is_no_form(kind: Kind, server: Server) -> None:
    """Nor one with a name: it is sent as it is; among pairs it makes the form multipart."""
    client = kind.client(server.url)
    for lone in (io.BytesIO(b"gif"), ("r.gif", io.BytesIO(b"gif"))):
        await client.post("/echo", data=lone)
        assert server.log[-1].headers["Content-Type"] == "application/octet-stream"
        assert server.log[-1].body == b"gif"
    read = await client.post("/echo", data=[("path", "media/r.gif"), ("f", io.BytesIO(b"gif"))])
    assert read["form"] == [["path", "media/r.gif"]]
    assert [(file["name"], file["size"]) for file in read["files"]] == [("f", 3)]


async def test_a_form_goes_with_files(kind: Kind, server: Server) -> None:
    """A `Form` and a model are the fields beside `files`."""
    client = kind.client(server.url)
    encoding = {"f": Encoding(content_type="image/png", headers={"X-A": "1"})}
    read = await client.post("/echo", data=Form({"a": [1, 2]}, encoding), files={"f": b"png"})
    assert read["form"] == [["a", "1"], ["a", "2"]]
    (file,) = read["files"]
    assert file["content_type"] == "image/png"
    assert ["X-A", "1"] in file["headers"]
    read = await client.post("/echo", data=Address(city="Oslo"), files={"f": b"png"})
    assert read["form"] == [["city", "Oslo"]]
    with pytest.raises(ConfigurationError, match="a Form, got bytes"):
        await client.post("/echo", data=b"a=1", files={"f": b"png"})
    read = await client.upload_file(b"png", "/echo", data=Form({"a": [1, 2]}, lists="index"))
    assert read["form"] == [["a[0]", "1"], ["a[1]", "2"]]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
scalars = st.one_of(texts, st.integers(), st.booleans(), st.none(), st.binary(max_size=12))
values = st.one_of(scalars, st.lists(st.one_of(texts, st.integers()), max_size=3))
contents = st.binary(max_size=40)
fields = st.lists(st.tuples(names, values), max_size=4)
files = st.lists(st.tuples(names, st.tuples(names, contents)), max_size=3)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """A loop for both clients to be compared in."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def both(_running_server: Server, runner: asyncio.Runner) -> Iterator[Callable[..., list[Any]]]:
    """Post by each client and return what the server read, and how it was parsed."""
    server = _running_server
    client, other = SyncClient(server.url), AsyncClient(server.url)

    def post(**options: Any) -> list[Any]:
        server.reset()
        parsed = client.post("/echo", **options)
        assert runner.run(other.post("/echo", **options)) | {"target": ""} | {
            name: parsed[name] for name in ("headers", "text", "base64")
        } == parsed | {"target": ""}
        return [*server.log, parsed]

    yield post
    client.close()
    runner.run(other.close())


def as_texts(pairs: list[tuple[str, Any]]) -> list[tuple[str, bytes]]:
    """Return the fields that pairs become, by rules written once more."""
    found: list[tuple[str, bytes]] = []
    for name, value in pairs:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, bool):
                found.append((name, str(one).lower().encode()))
            elif one is not None:
                found.append((name, one if isinstance(one, bytes) else str(one).encode()))
    return found


def escaped(name: str) -> str:
    """Return a name as it is sent: what could end its line, or it, is percent-encoded."""
    ends = [mark for mark in name if mark in '\x7f\x85\u2028\u2029"' or "\t" != mark < " "]
    for mark in ends:
        name = name.replace(mark, quote(mark))
    return name


@settings(max_examples=60, deadline=None)
@given(data=fields, more=files)
def test_random_forms_are_read_as_they_were_given(
    both: Callable[..., list[Any]], data: Any, more: Any
) -> None:
    """Byte for byte the same from both clients, and every parser finds what was put in."""
    first, second, parsed = both(data=Form(data, multipart=True), files=more)
    assert unbound(first) == unbound(second)
    assert first.headers["Content-Length"] == second.headers["Content-Length"]
    found = {(name, content) for name, filename, content in read_as_mail(first)}
    assert len(parsed["form"]) == len(as_texts(data))
    assert len(parsed["files"]) == len(more)
    assert len(read_as_mail(first)) == len(as_texts(data)) + len(more)
    # A mail cannot hold bare CR and LF, which its parser would take for one another, nor a name
    # with a backslash at its end.
    wanted = [*as_texts(data), *((name, content) for name, (_, content) in more)]
    plain = [
        (name, content)
        for name, content in wanted
        if name.isprintable() and name.isascii() and "\\" not in name and '"' not in name
        if b"\r" not in content and b"\n" not in content and name == name.strip()
    ]
    assert set(plain) <= found
    assert sorted(size["size"] for size in parsed["files"]) == sorted(
        len(content) for _, (_, content) in more
    )


@settings(max_examples=60, deadline=None)
@given(data=fields)
def test_random_fields_are_read_as_they_were_given(
    both: Callable[..., list[Any]], data: Any
) -> None:
    """A form that is urlencoded comes back pair by pair."""
    first, second, parsed = both(data=data)
    assert first.body == second.body
    wanted = as_texts(data)
    assert [
        (name.encode("latin-1").decode(), value.encode("latin-1"))
        for name, value in parse_qsl(first.body.decode(), True, encoding="latin-1")
    ] == wanted
    # Werkzeug groups what has the same name.
    names = list(dict.fromkeys(name for name, _ in wanted))
    assert [name for name, _ in parsed["form"]] == sorted(
        (name for name, _ in wanted), key=names.index
    )


NASTY = [
    'a"; filename="evil',
    "a\r\nX-Evil: 1\r\n\r\nbody",
    "a\n--boundary--",
    "a\0b",
    "a\\",
    "Grüße €\u2028\x0b\x0c\x1c\x85",
    "\uff41\uff02\uff1b",
    "%22%0D",
    "a; name=b",
]


@pytest.mark.parametrize("name", NASTY)
async def test_no_name_adds_a_header_or_a_part(kind: Kind, server: Server, name: str) -> None:
    """Wherever it stands: as a field, a file, a key in an object, or a file name."""
    client = kind.client(server.url)
    read = await client.post(
        "/echo",
        data=Form({name: "1", "o": {name: "2"}}, nested="deepObject"),
        files=[(name, b"3"), ("f", (name, b"4")), ("end", b"5")],
    )
    shown = escaped(name).replace("%22", '"')  # Werkzeug takes it for the mark again.
    assert read["form"] == [[shown, "1"], [f"o[{shown}]", "2"]]
    assert [file["name"] for file in read["files"]] == [shown, "f", "end"]
    assert [file["size"] for file in read["files"]] == [1, 1, 1]
    for file in read["files"]:
        assert {field.lower() for field, _ in file["headers"]} == {
            "content-disposition",
            "content-type",
        }
    assert len(read_as_mail(server.log[-1])) == 5
    # Nor for a parser that takes other marks for the end of a line, too.
    heads = [part.partition(b"\r\n\r\n")[0] for part in server.log[-1].body.split(b"\r\n--")[:5]]
    assert [len(head.decode().splitlines()) for head in heads] == [2, 2, 3, 3, 3]


async def test_httpbin_reads_forms(kind: Kind, httpbin_url: str) -> None:
    """A server of another project finds fields and files."""
    client = kind.client(httpbin_url)
    read = await client.post("/post", data=Form({"a": [1, 2], "b": {"c": "ü"}}, lists="index"))
    assert read["form"] == {"a[0]": "1", "a[1]": "2", "b.c": "ü"}
    read = await client.post(
        "/post",
        data=Form({"a": ["x", "y"], "b": {"c": [1]}, "d": "z"}, multipart=True),
        files={"f": ("f.txt", "one"), "g": ("g.txt", iter([b"th", b"ree"]))},
    )
    assert read["form"] == {"a": ["x", "y"], "b": '{"c":[1]}', "d": "z"}
    assert read["files"] == {"f": "one", "g": "three"}


async def test_an_asynchronous_file_is_streamed_by_an_async_client(
    server: Server, tmp_path: Path
) -> None:
    """Between other parts, in order, and in chunks, as nobody knows its length."""
    path = tmp_path / "big.bin"
    path.write_bytes(BIG)
    kind = Kind("async")
    client = kind.client(server.url)
    told: list[tuple[int, int | None]] = []
    await client.post(
        "/echo",
        data=[("a", 1), ("f", pieces(b"12", "ü", b"")), ("g", path), ("h", ("n", pieces(b"3")))],
        files={"i": BIG},
        on_progress=lambda *counts: told.append(counts),
        response_format=bytes,
    )
    received = server.log[-1]
    assert received.headers["Transfer-Encoding"] == "chunked"
    assert read_as_mail(received) == [
        ("a", None, b"1"),
        ("f", "f", "12ü".encode()),
        ("g", "big.bin", BIG),
        ("h", "n", b"3"),
        ("i", "i", BIG),
    ]
    assert told[-1] == (len(received.body), None)
    packed = await client.post("/echo", files={"f": pieces(BIG)}, compress="gzip", raw=True)
    assert packed.status == 200
    await kind.close()


async def test_an_asynchronous_file_is_refused_by_a_sync_client(server: Server) -> None:
    """Before anything is sent, with the way out."""
    kind = Kind("sync")
    for options in ({"files": {"f": pieces(b"x")}}, {"data": {"f": ("n", pieces(b"x"))}}):
        with pytest.raises(ConfigurationError, match="AsyncClient only; give a plain one"):
            await kind.client(server.url).post("/echo", **options)
    await kind.close()
    assert server.log == []


async def test_what_goes_wrong_in_an_asynchronous_file_is_told(server: Server) -> None:
    """What the user raises is the user's; what is no bytes is an error; the next call is right."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        raise LookupError("mine")

    kind = Kind("async")
    client = kind.client(server.url)
    with pytest.raises(LookupError, match="mine"):
        await client.post("/echo", files={"f": broken()})
    with pytest.raises(ConfigurationError, match="got int") as caught:
        await client.post("/echo", files={"f": pieces(b"a", 5)})
    assert caught.value.sent == "maybe"
    assert (await client.post("/echo", files={"f": pieces(b"fine")}))["files"][0]["size"] == 4
    await kind.close()


async def test_a_form_is_sent_again_from_where_its_files_stood(kind: Kind, tmp_path: Path) -> None:
    """By a redirect and by another attempt: the same bytes each time."""
    path = tmp_path / "p.bin"
    path.write_bytes(b"path")
    file = io.BytesIO(b"head body")
    file.seek(5)
    again = answer(307, "Location: /next")
    async with Scripted(again, answer(503), CLOSE, answer(200)) as server:
        client = kind.client(server.url, retry=Retry(backoff=0.001))
        await client.put("/", data=[("a", "x"), ("f", file), ("p", path)])
        bodies = {read.body for read in server.log}
        assert len(server.log) == 4
    assert len(bodies) == 1
    assert b"\r\n\r\nbody\r\n" in bodies.pop()


@pytest.mark.parametrize("step", [answer(307, "Location: /next"), answer(503)])
async def test_a_form_with_an_iterator_is_sent_once(kind: Kind, step: bytes) -> None:
    """Where it would have to be sent again, the error of that call says so."""
    sources: list[Any] = [iter([b"x"])]
    if kind.is_async:
        sources.append(pieces(b"x"))
    for source in sources:
        async with Scripted(step, answer(200)) as server:
            client = kind.client(server.url, retry=Retry(backoff=0.001))
            request = client.build("PUT", "/", data={"f": source, "a": "x"})
            assert not request.replayable
            with pytest.raises(BodyNotReplayable):
                await client.send(request)
            with pytest.raises(BodyNotReplayable):
                await client.send(request)
            assert len(server.log) == 1


async def test_an_iterator_that_was_not_begun_can_still_be_sent(kind: Kind) -> None:
    """An attempt that ended before its turn has taken nothing of it."""
    async with Scripted(answer(200), listening=False) as server:
        client = kind.client(server.url)
        request = client.build("PUT", "/", data={"f": iter([b"x"])})
        with pytest.raises(ConnectError):
            await client.send(request)
        server.listen()
        await client.send(request)
        assert len(server.log) == 1


def is_open(path: Path) -> bool:
    """Return whether this process has a file open."""
    folder = Path("/proc/self/fd")
    return any(os.path.realpath(folder / number) == str(path) for number in os.listdir(folder))


@pytest.mark.parametrize("where", ["in a file", "after it"])
async def test_a_form_that_is_broken_off_leaves_nothing_open(
    faults: Faults, tmp_path: Path, where: str
) -> None:
    """Cancelled in the middle of its parts, it closes what it opened and what it iterates."""
    path = tmp_path / "big.bin"
    path.write_bytes(bytes(8 * CHUNK_SIZE))
    begun, closed = asyncio.Event(), asyncio.Event()
    seen: list[bool] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"begun"
            begun.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    def stop(sent: int, total: int | None) -> None:
        if where == "in a file" and sent > CHUNK_SIZE:
            seen.append(is_open(path))
            call.cancel()

    async with AsyncClient(faults.url, retry=None) as client:
        await client.get("/ok")
        files: Files = {"p": path, "f": endless()}
        call = asyncio.create_task(client.put("/ok", files=files, on_progress=stop))
        if where == "after it":
            await begun.wait()
            call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        if where == "after it":
            await asyncio.wait_for(closed.wait(), PATIENCE)
        else:
            assert all(seen)
        assert (await client.get("/ok")) == {"ok": True}
        await until_async(lambda: not is_open(path))  # The thread that reads a piece ends first.
        assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("with_later", [False, True])
async def test_a_form_that_nobody_takes_leaves_nothing_open(
    faults: Faults, tmp_path: Path, with_later: bool
) -> None:
    """Given up while the server is silent, with a file half read."""
    path = tmp_path / "big.bin"
    path.write_bytes(bytes(64 * CHUNK_SIZE))
    files: Files = {"p": path, "f": pieces(b"x")} if with_later else {"p": path}
    async with AsyncClient(faults.url, retry=None, timeout=Timeout(write=0.2)) as client:
        with pytest.raises(WriteTimeout) as caught:
            await client.put("/upload-stall", files=files)
        await until_async(lambda: not is_open(path) and len(asyncio.all_tasks()) == 1)
        assert caught.value.sent == "maybe"
        assert (await client.get("/ok")) == {"ok": True}


MEMORY = """
import asyncio, sys
from pathlib import Path
from arya_api_framework import AsyncClient, Form, SyncClient
from tests.benchmarks.children import Meter

kind, what, url, path = sys.argv[1:]
SIZE = 256 * 1024 * 1024
PIECE = bytes(256 * 1024)

def generate():
    for _ in range(SIZE // len(PIECE)):
        yield PIECE

async def generate_later():
    for piece in generate():
        yield piece

def options(small):
    if small:
        return {"data": Form({"a": "x"}), "files": {"f": [b"x", iter([b"y"])]}}
    if what == "path":
        return {"data": Form({"a": "x", "f": Path(path)})}
    source = generate_later() if what == "later" else generate()
    return {"data": {"a": "x"}, "files": {"f": ("name", source)}}

def check(answer):
    assert answer["files"][-1]["size"] == SIZE, answer

async def run():
    async with AsyncClient(url, timeout=None) as client:
        await client.post("/upload", **options(True))
        with Meter() as meter:
            check(await client.post("/upload", **options(False)))
    return meter

if kind == "async":
    meter = asyncio.run(run())
else:
    with SyncClient(url, timeout=None) as client:
        client.post("/upload", **options(True))
        with Meter() as meter:
            check(client.post("/upload", **options(False)))
print(meter.figures["growth"])
"""


# The parser of the server warns of itself, where pieces end in certain places.
@pytest.mark.filterwarnings("ignore:unread_data:DeprecationWarning")
@pytest.mark.parametrize(
    ("client", "what"),
    [
        ("sync", "path"),
        ("sync", "generator"),
        ("async", "path"),
        ("async", "generator"),
        ("async", "later"),
    ],
)
def test_a_big_file_in_a_form_takes_little_memory(
    server: Server, tmp_path: Path, client: str, what: str
) -> None:
    """256 MiB go by in pieces: the process grows by a few of them."""
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        file.truncate(256 * 1024 * 1024)
    command = [sys.executable, "-c", MEMORY, client, what, server.url, str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=300)
    assert float(done.stdout) < 12
