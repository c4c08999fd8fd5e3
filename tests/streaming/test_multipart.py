"""Multipart bodies, as parsers of other projects read them."""

import asyncio
import email
import email.policy
import io
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import BodyPartReader, MultipartReader, StreamReader
from aiohttp.base_protocol import BaseProtocol
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.formparser import FormDataParser

from arya_api_framework.client.body import CHUNK_SIZE
from arya_api_framework.errors import ConfigurationError
from arya_api_framework.streaming.multipart import (
    MultipartBody,
    Part,
    field_part,
    file_part,
    guess_type,
    split_shape,
)
from tests.app import Server
from tests.conftest import Kind


def _body(*parts: Part) -> MultipartBody:
    return MultipartBody(parts, "boundary")


def _read(body: MultipartBody) -> bytes:
    return b"".join(body.chunks())


def _werkzeug(body: bytes) -> tuple[list[tuple[str, str]], list[tuple[str, str | None, bytes]]]:
    """Parse as Flask's servers do."""
    parser = FormDataParser(stream_factory=lambda *_, **__: io.BytesIO(), silent=False)
    _, fields, files = parser.parse(
        io.BytesIO(body), "multipart/form-data", len(body), {"boundary": "boundary"}
    )
    return (
        list(fields.items(multi=True)),
        [(name, file.filename, file.read()) for name, file in files.items(multi=True)],
    )


def _standard(body: bytes) -> list[tuple[Any, Any, Any]]:
    """Parse as a mail."""
    head = b"Content-Type: multipart/form-data; boundary=boundary\r\n\r\n"
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


async def _aiohttp(body: bytes) -> list[tuple[Any, Any, bytes]]:
    """Parse as aiohttp's servers do."""
    stream = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
    stream.feed_data(body)
    stream.feed_eof()
    reader = MultipartReader(
        {"Content-Type": "multipart/form-data; boundary=boundary"},
        stream,
    )
    found: list[tuple[Any, Any, bytes]] = []
    while isinstance(part := await reader.next(), BodyPartReader):
        found.append((part.name, part.filename, bytes(await part.read())))
    return found


NAMES = ["file", "Grüße €", "a b", "a;b=c", "a'b", "a\\", "a\\b", "a\\\\", "a=b", "tab\there"]


@pytest.mark.parametrize("name", NAMES)
async def test_every_parser_reads_the_name_of_a_field_and_a_file(name: str) -> None:
    """Whatever a field is called, the parts keep their heads."""
    body = _read(_body(field_part(name, "value\r\n"), file_part(name, ("f.txt", b"content"))))
    assert _werkzeug(body) == ([(name, "value\r\n")], [(name, "f.txt", b"content")])
    assert await _aiohttp(body) == [(name, None, b"value\r\n"), (name, "f.txt", b"content")]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("\\")])
def test_a_mail_parser_reads_the_names_too(name: str) -> None:
    """The standard library's parser finds the same parts."""
    body = _read(_body(field_part(name, "value"), file_part(name, ("f.txt", b"content"))))
    assert _standard(body) == [(name, None, b"value"), (name, "f.txt", b"content")]


@pytest.mark.parametrize(
    "name",
    [
        'a"; filename="evil',
        "a\r\nX-Evil: 1",
        "a\n\nbody",
        "a\0b",
        'a\\"; filename="evil',
        "a\r\n--boundary",
    ],
)
async def test_a_name_cannot_break_out_of_its_quotes(name: str) -> None:
    """Names from outside make neither a header, nor a file name, nor a part."""
    escaped = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    escaped = escaped.replace("\0", "%00")
    body = _read(_body(field_part(name, "x"), file_part("f", (name, b"y")), field_part("end", "z")))
    found = await _aiohttp(body)
    assert found == [
        (escaped, None, b"x"),
        ("f", escaped.rpartition("\\")[2], b"y"),
        ("end", None, b"z"),
    ]
    assert body.count(b"\r\n--boundary") == 3


@pytest.mark.parametrize(
    ("shape", "filename"),
    [
        (("../../etc/passwd", b"x"), "passwd"),
        (("C:\\Users\\me\\x.txt", b"x"), "x.txt"),
        (("/", b"x"), "file"),
        (("..", b"x"), "file"),
        (("a/..", b"x"), "file"),
        (("", b"x"), "field"),
        (b"x", "field"),
        ("text", "field"),
        (io.BytesIO(b"x"), "field"),
    ],
)
def test_only_the_base_name_of_a_file_is_sent(shape: Any, filename: str) -> None:
    """No folder of this machine is told, and a file always has a name."""
    ((_, found, _),) = _standard(_read(_body(file_part("field", shape))))
    assert found == filename


def test_parts_have_their_type_and_headers() -> None:
    """The type is the given one or unknown; headers of a part are its own."""
    body = _read(
        _body(
            file_part("a", ("a.txt", b"1")),
            file_part("b", ("b.txt", b"2", "text/x-mine")),
            file_part("c", ("c.txt", b"3", "text/plain", {"X-Part": "v"})),
            file_part("d", ("d.txt", b"4", None, [("content-type", "text/css"), ("X-A", 1)])),
            field_part("e", "5"),
        )
    )
    message = email.message_from_bytes(
        b"Content-Type: multipart/form-data; boundary=boundary\r\n\r\n" + body
    )
    parts: Any = message.get_payload()
    assert [part.get_all("Content-Type") for part in parts] == [
        ["application/octet-stream"],
        ["text/x-mine"],
        ["text/plain"],
        ["text/css"],
        None,
    ]
    assert parts[2]["X-Part"] == "v"
    assert parts[3]["X-A"] == "1"


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
fields = st.lists(st.tuples(texts, st.text(st.characters(exclude_categories=["Cs"]))), max_size=4)
files = st.lists(st.tuples(texts, st.binary(max_size=200)), max_size=4)


@given(fields=fields, files=files)
def test_whatever_is_put_in_comes_out(
    fields: list[tuple[str, str]], files: list[tuple[str, bytes]]
) -> None:
    """A third-party parser reads every field and file, in order, and the length is right."""
    body = MultipartBody(
        [field_part(n, v) for n, v in fields] + [file_part(n, ("f", c)) for n, c in files],
        "boundary",
    )
    content = _read(body)
    assert body.length == len(content)
    found_fields, found_files = _werkzeug(content)
    # It groups what has the same name.
    assert found_fields == _grouped((_escaped(name), (value,)) for name, value in fields)
    assert found_files == _grouped((_escaped(name), ("f", content)) for name, content in files)


def _grouped(pairs: Iterable[tuple[str, tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    groups: dict[str, list[tuple[Any, ...]]] = {}
    for name, values in pairs:
        groups.setdefault(name, []).append((name, *values))
    return [entry for group in groups.values() for entry in group]


def _escaped(name: str) -> str:
    # Werkzeug takes `%22` for the mark again, as browsers write it.
    for mark in "\u2028\u2029":
        name = name.replace(mark, quote(mark))
    return name.replace('"', "%22").replace("%22", '"')


def test_big_parts_are_read_piece_by_piece() -> None:
    """No chunk is larger than what a file is read by, and all can be read again."""
    content = bytes(2 * CHUNK_SIZE + 1)
    body = _body(file_part("a", content), file_part("b", io.BytesIO(content)))
    assert max(map(len, body.chunks())) == CHUNK_SIZE
    assert body.replayable
    assert not body.is_spent
    assert sum(map(len, body.chunks())) == body.length


def test_a_part_of_unknown_length_makes_the_whole_unknown() -> None:
    """An iterator can be read once, and nobody knows how long it is."""

    def chunks() -> Iterator[bytes]:
        yield b"abc"

    body = _body(field_part("a", "1"), file_part("b", chunks()))
    assert body.length is None
    assert not body.replayable
    assert _werkzeug(_read(body)) == ([("a", "1")], [("b", "b", b"abc")])
    assert body.is_spent


def test_boundaries_are_never_the_same() -> None:
    """Nobody can guess the boundary and write it into a file."""
    boundaries = {MultipartBody([]).boundary for _ in range(100)}
    assert len(boundaries) == 100
    assert all(boundary.isalnum() and len(boundary) == 32 for boundary in boundaries)


def test_an_empty_form_is_still_a_form() -> None:
    """Without a part there is an end."""
    assert _werkzeug(_read(_body())) == ([], [])


@pytest.mark.parametrize("shape", [("a",), ("a", b"x", "t/t", {}, 1), (5, b"x"), (b"a", b"x"), ()])
def test_other_tuples_are_no_files(shape: Any) -> None:
    """The error names the file and the shape that is wanted."""
    with pytest.raises(ConfigurationError, match=r"`x` must be a file or \(name, file"):
        split_shape(shape, "`x`")


def test_two_content_types_are_refused() -> None:
    """One of them would be lost."""
    with pytest.raises(ConfigurationError, match="two content types"):
        file_part("f", ("a", b"x", "text/plain", {"CONTENT-TYPE": "text/css"}))


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.png", "image/png"),
        ("a.JSON", "application/json"),
        ("a", "application/octet-stream"),
        ("a.json.gz", "application/gzip"),
        ("a.tgz", "application/gzip"),
        ("a.csv.bz2", "application/octet-stream"),
        (None, "application/octet-stream"),
    ],
)
def test_a_type_is_guessed_from_a_name(name: str | None, media_type: str) -> None:
    """Unknown endings are just bytes; what is packed is not what it holds."""
    assert guess_type(name) == media_type


async def test_a_form_with_files_is_read_by_the_server(kind: Kind, server: Server) -> None:
    """Fields and files of every shape arrive together, in order, with their length known."""
    client = kind.client(server.url)
    answer = await client.post(
        "/echo",
        data=[("a", 1), ("b", ["x", None, "y"]), ("photo", ("p.png", b"png", "image/png"))],
        files=[("doc", ("d.txt", "text")), ("doc", io.BytesIO(b"more")), ("raw", b"\0")],
    )
    assert answer["form"] == [["a", "1"], ["b", "x"], ["b", "y"]]
    assert [(f["name"], f["filename"], f["content_type"], f["size"]) for f in answer["files"]] == [
        ("photo", "p.png", "image/png", 3),
        ("doc", "d.txt", "application/octet-stream", 4),
        ("doc", "doc", "application/octet-stream", 4),
        ("raw", "raw", "application/octet-stream", 1),
    ]
    assert server.log[-1].headers["Content-Length"] == str(len(server.log[-1].body))


async def test_a_file_among_the_fields_makes_the_form_multipart(kind: Kind, server: Server) -> None:
    """`data` alone is enough; a list of two texts is still two values."""
    client = kind.client(server.url)
    answer = await client.post("/echo", data={"a": ("x", "y"), "f": io.BytesIO(b"file")})
    assert answer["form"] == [["a", "x"], ["a", "y"]]
    assert [file["name"] for file in answer["files"]] == ["f"]


async def test_the_content_type_of_a_multipart_form_cannot_be_given(
    kind: Kind, server: Server
) -> None:
    """Only we know the boundary; a default of the client's gives way."""
    client = kind.client(server.url, headers={"Content-Type": "application/json"})
    with pytest.raises(ConfigurationError, match="boundary"):
        await client.post(
            "/echo", files={"f": b"x"}, headers={"Content-Type": "multipart/form-data"}
        )
    assert server.log == []
    assert (await client.post("/echo", files={"f": b"x"}))["files"][0]["size"] == 1
