"""`download`: files that come whole or not at all, on both clients."""

import asyncio
import base64
import gzip
import hashlib
import io
import os
import re
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from arya_api_framework import Hook, Pool, RawResponse, Request, Retry, SubClient
from arya_api_framework.client.download import Download
from arya_api_framework.errors import (
    BudgetExhausted,
    ChecksumMismatch,
    ConfigurationError,
    ConnectError,
    ContentChanged,
    ContentEncodingError,
    DeadlineExceeded,
    FileError,
    HTTPNotFound,
    HTTPRequestedRangeNotSatisfiable,
    IncompleteResponse,
    ProtocolError,
    ReadTimeout,
    RequestTimeout,
    ResponseParseError,
    ResponseTooLarge,
    TargetExists,
)
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.downloads import CONTENT, LARGE, cut, file, ranges
from tests.scripted import CLOSE, HANG, Held, Read, Scripted, Step, answer

FAST = Retry(backoff=0.001)
OLD = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Date: Mon, 07 Nov 1994 08:49:37 GMT"
SHA256 = f"sha-256:{hashlib.sha256(CONTENT).hexdigest()}"
REPR_DIGEST = f"Repr-Digest: sha-256=:{base64.b64encode(bytes.fromhex(SHA256[8:])).decode()}:"
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(os.listdir(folder))


class Told:
    """What is told of the progress."""

    def __init__(self) -> None:
        self.all: list[tuple[int, int | None]] = []

    def __call__(self, done: int, total: int | None) -> None:
        """Note it."""
        self.all.append((done, total))

    def check(self, total: int, first: int = 0) -> None:
        """Check that it never went back, and came to the end."""
        assert self.all[0][0] == first
        assert self.all[-1] == (total, total)
        assert self.all == sorted(set(self.all), key=self.all.index)
        assert [done for done, _ in self.all] == sorted(done for done, _ in self.all)


async def test_whole(kind: Kind, tmp_path: Path) -> None:
    """A file comes whole, under its name only, and the result tells of it."""
    async with Scripted(file(CONTENT, "X-A: b"), answer(200)) as server:
        client = kind.client(server.url + "/v1", headers={"X-C": "d"}, parameters={"key": "k"})
        told, target = Told(), tmp_path / "file"
        found = await client.download(
            "/{name}", target, path_parameters={"name": "x"}, on_progress=told
        )
        assert target.read_bytes() == CONTENT
        assert names(tmp_path) == ["file"]
        assert isinstance(found, Download)
        assert (found.path, found.size, found.status, found.etag) == (target, 1000, 200, '"a"')
        assert (found.headers["X-A"], found.resumed_from, found.digest) == ("b", 0, None)
        assert str(found.url) == f"{server.url}/v1/x?key=k"
        assert "key=k" not in repr(found)
        told.check(1000)
        read = server.log[0]
        assert (read.method, read.target, read.headers["X-C"]) == ("GET", "/v1/x?key=k", "d")
        assert read.headers["Accept-Encoding"] == "identity"
        assert read.headers["Accept"] == "*/*"
        assert "Range" not in read.headers
        await client.get()
        assert server.connections == [1, 1]


async def test_what_is_accepted(kind: Kind, tmp_path: Path) -> None:
    """What the client or the call say of it stands."""
    async with Scripted(file(), file()) as server:
        client = kind.client(server.url, headers={"accept": "a/b"})
        await client.download("/", tmp_path / "a")
        await client.download("/", tmp_path / "b", headers={"Accept-encoding": "x", "Accept": "c"})
        assert [read.headers["Accept"] for read in server.log] == ["a/b", "c"]
        assert server.log[1].headers.getall("Accept-Encoding") == ["x"]


@pytest.mark.parametrize("content", [b"", b"x", LARGE])
@pytest.mark.parametrize("resume", [True, False])
async def test_sizes(kind: Kind, tmp_path: Path, content: bytes, resume: bool) -> None:
    """An empty file is a file, and one of many pieces is whole."""
    async with Scripted(file(content)) as server:
        told = Told()
        client = kind.client(server.url)
        found = await client.download("/", str(tmp_path / "file"), resume=resume, on_progress=told)
        assert found.path.read_bytes() == content
        assert found.size == len(content)
        told.check(len(content))
    assert names(tmp_path) == ["file"]


async def test_chunked(kind: Kind, tmp_path: Path) -> None:
    """A file whose length nobody says has an end all the same."""
    body = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    async with Scripted(response, (response[:-5], CLOSE)) as server:
        told = Told()
        client = kind.client(server.url)
        found = await client.download("/", tmp_path / "file", on_progress=told)
        assert found.path.read_bytes() == b"abcde"
        assert told.all[0] == (0, None)
        assert told.all[-1] == (5, None)
        with pytest.raises(IncompleteResponse):
            await client.download("/", tmp_path / "other")
    assert names(tmp_path) == ["file"]


FOLDERS = [
    (['Content-Disposition: attachment; filename="a b.txt"'], "/x", "a b.txt"),
    (["Content-Disposition: attachment; filename*=UTF-8''%e2%82%ac.txt"], "/x", "€.txt"),
    (['Content-Disposition: attachment; filename="../../evil"'], "/x", "evil"),
    (['Content-Disposition: attachment; filename=".bashrc"'], "/x", "_bashrc"),
    (['Content-Disposition: attachment; filename="\udce4.txt"'], "/x", "ä.txt"),
    ([], "/files/report.pdf?version=2", "report.pdf"),
    ([], "/", "download"),
]


@pytest.mark.parametrize(("fields", "path", "name"), FOLDERS)
async def test_folders(kind: Kind, tmp_path: Path, fields: list[str], path: str, name: str) -> None:
    """The name is that of the server, made safe, or of the URL; the file stays in the folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    async with Scripted(file(CONTENT, *fields), file(CONTENT, *fields)) as server:
        client = kind.client(server.url)
        found = await client.download(path, folder)
        assert found.path == folder / name
        assert found.path.read_bytes() == CONTENT
        assert names(folder) == [name]
        with pytest.raises(TargetExists, match="is there already") as caught:
            await client.download(path, f"{folder}{os.sep}")
        assert (caught.value.method, caught.value.sent) == ("GET", "yes")
        assert caught.value.path == str(folder / name)
        assert server.url in str(caught.value)
    assert names(tmp_path) == ["folder"]
    assert names(folder) == [name] or kind.is_async
    assert [one for one in names(folder) if one.endswith(".part")] == []


async def test_a_name_of_the_server_overwrites_if_it_may(kind: Kind, tmp_path: Path) -> None:
    """As `overwrite` says."""
    (tmp_path / "x").write_bytes(b"old")
    async with Scripted(file()) as server:
        found = await kind.client(server.url).download("/x", tmp_path, overwrite=True)
        assert found.path.read_bytes() == CONTENT
    assert names(tmp_path) == ["x"]


async def test_open_files(kind: Kind, tmp_path: Path) -> None:
    """A file of the caller's is written from where it stands, and not closed."""
    steps = cut(file(), 400), file(), cut(file(), 400), file(tag='"b"')
    async with Scripted(*steps) as server:
        client = kind.client(server.url, retry=FAST)
        memory = io.BytesIO(b"before")
        memory.seek(0, io.SEEK_END)
        found = await client.download("/", memory, checksum=SHA256)
        assert memory.getvalue() == b"before" + CONTENT
        assert (found.path, found.size, found.digest) == (None, 1000, SHA256)
        assert ranges(server.log) == [None, "bytes=400-"]
        with (tmp_path / "file").open("wb") as target:
            await client.download("/", target, connections=4)
        assert (tmp_path / "file").read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]


async def test_an_open_file_that_cannot_go_back(kind: Kind, tmp_path: Path) -> None:
    """It is gone on with where that can be, and no further."""
    async with Scripted(cut(file(), 400), file(tag='"b"')) as server:
        client = kind.client(server.url, retry=FAST)
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb"), os.fdopen(writer, "wb") as target:
            wanted = client.download("/", target)
            with pytest.raises(FileError, match="cannot go back; give a path"):
                await wanted


# What ends early, and goes on


async def test_a_cut_is_gone_on_with(kind: Kind, tmp_path: Path) -> None:
    """What is missing is asked for, of the same state of the file only."""
    steps = cut(file(), 300), cut(file(), 200), file()
    async with Scripted(*steps) as server:
        told = Told()
        client = kind.client(server.url, retry=FAST)
        found = await client.download("/", tmp_path / "file", on_progress=told, checksum=SHA256)
        assert found.path.read_bytes() == CONTENT
        assert (found.status, found.resumed_from, found.digest) == (206, 0, SHA256)
        assert ranges(server.log) == [None, "bytes=300-", "bytes=500-"]
        assert [read.headers.get("If-Range") for read in server.log] == [None, '"a"', '"a"']
        told.check(1000)
    assert names(tmp_path) == ["file"]


async def test_who_goes_on_is_not_counted(kind: Kind, tmp_path: Path) -> None:
    """Only attempts that bring nothing are, one after the other."""
    steps = [cut(file(LARGE), 100_000) for _ in range(9)]
    async with Scripted(*steps, file(LARGE)) as server:
        client = kind.client(server.url, retry=Retry(attempts=2, backoff=0.001))
        found = await client.download("/", tmp_path / "file")
        assert found.path.read_bytes() == LARGE
        assert len(server.log) == 10


def short(count: int) -> Step:
    """Return a step that sends so many bytes of what is asked for, and says so."""

    def respond(read: Read) -> Step:
        start = int(read.headers["Range"][len("bytes=") :].partition("-")[0])
        head = (
            f"HTTP/1.1 206 X\r\nContent-Range: bytes {start}-{start + count - 1}/{len(LARGE)}\r\n"
            f'ETag: "a"\r\nContent-Length: {count}\r\n\r\n'
        )
        return head.encode() + LARGE[start : start + count]

    return respond


@pytest.mark.parametrize("step", [short(1), cut(file(LARGE), 1)])
async def test_a_byte_at_a_time_is_counted(kind: Kind, tmp_path: Path, step: Step) -> None:
    """It would be a request for each byte, without a pause and without an end."""
    async with Scripted(cut(file(LARGE), 100_000), *[step] * 20) as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(IncompleteResponse) as caught:
            await client.download("/", tmp_path / "file")
        assert (caught.value.attempts, caught.value.retry_stopped_by) == (3, "attempts")
        assert len(server.log) == 3
        assert names(tmp_path) == ["file.part", "file.part.json"]
        assert (tmp_path / "file.part").read_bytes() == LARGE[:100_002]


async def test_answers_that_are_shorter_than_asked(kind: Kind, tmp_path: Path) -> None:
    """A server may send less at once; what follows is asked for without a pause or a retry."""
    steps = [short(65_536)] * 5
    async with Scripted(cut(file(LARGE), 100_000), *steps, file(LARGE)) as server:
        client = kind.client(server.url, retry=Retry(attempts=2, backoff=0.001))
        found = await client.download("/", tmp_path / "file")
        assert found.path.read_bytes() == LARGE
        assert len(server.log) == 7


async def test_a_download_that_does_not_go_on(kind: Kind, tmp_path: Path) -> None:
    """After some attempts the last error is raised; the next download goes on from there."""
    steps = cut(file(), 300), cut(file(), 0), cut(file(), 0), cut(file(), 0), file()
    async with Scripted(*steps) as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(IncompleteResponse) as caught:
            await client.download("/x", tmp_path / "file")
        assert (caught.value.attempts, caught.value.retry_stopped_by) == (3, "attempts")
        assert len(caught.value.earlier) == 2
        assert (caught.value.method, caught.value.url) == ("GET", server.url + "/x")
        assert names(tmp_path) == ["file.part", "file.part.json"]
        assert (tmp_path / "file.part").read_bytes() == CONTENT[:300]
        assert "x" not in (tmp_path / "file.part.json").read_text().replace("hex", "")
        with pytest.raises(IncompleteResponse):
            await kind.client(server.url).download("/x", tmp_path / "file")
        told = Told()
        found = await kind.client(server.url).download(
            "/x", tmp_path / "file", on_progress=told, checksum=SHA256
        )
        assert found.path.read_bytes() == CONTENT
        assert (found.resumed_from, found.digest) == (300, SHA256)
        assert ranges(server.log)[-1] == "bytes=300-"
        told.check(1000, first=300)
    assert names(tmp_path) == ["file"]


async def test_retries_as_the_client_has_them(kind: Kind, tmp_path: Path) -> None:
    """Without any the first cut ends the download; with `resume=False` nothing is left of it."""
    async with Scripted(cut(file(), 300), cut(file(), 300), cut(file(), 300)) as server:
        client = kind.client(server.url)
        with pytest.raises(IncompleteResponse) as caught:
            await client.download("/", tmp_path / "file", resume=False)
        assert caught.value.attempts == 1
        assert caught.value.retryable
        assert names(tmp_path) == []
        with pytest.raises(IncompleteResponse):
            await client.download("/", tmp_path)
        assert [name[16:] for name in names(tmp_path)] == [".part", ".part.json"]


async def test_a_folder_is_gone_on_with(kind: Kind, tmp_path: Path) -> None:
    """The part is known by the URL, and the name is that which was told first."""
    named = file(CONTENT, "Content-Disposition: attachment; filename=a.txt")
    async with Scripted(cut(named, 300), cut(named, 300), file(), file()) as server:
        client = kind.client(server.url)
        for path in ("/x", "/y"):
            with pytest.raises(IncompleteResponse):
                await client.download(path, tmp_path)
        assert len(names(tmp_path)) == 4
        found = await client.download("/x", tmp_path)
        assert (found.path, found.resumed_from) == (tmp_path / "a.txt", 300)
        assert found.path.read_bytes() == CONTENT
        with pytest.raises(TargetExists):
            await client.download("/y", tmp_path)
    assert len(names(tmp_path)) == 3


async def test_another_url_is_another_file(kind: Kind, tmp_path: Path) -> None:
    """Though its entity tag may be the same."""
    async with Scripted(cut(file(), 300), file()) as server:
        client = kind.client(server.url)
        with pytest.raises(IncompleteResponse):
            await client.download("/x", tmp_path / "file")
        await client.download("/y", tmp_path / "file")
        assert ranges(server.log) == [None, None]


NO_VALIDATOR = [
    (None, []),
    ('W/"a"', []),
    ("a", []),
    (None, [OLD]),
    ('W/"a"', [OLD, LATER]),
    (None, [OLD, "Date: Sun, 06 Nov 1994 08:49:38 GMT"]),
]


@pytest.mark.parametrize(("tag", "fields"), NO_VALIDATOR)
async def test_states_that_cannot_be_told_apart(
    kind: Kind, tmp_path: Path, tag: str | None, fields: list[str]
) -> None:
    """The file is fetched anew, and nothing is kept; progress is not told twice."""
    plain = file(CONTENT, *fields, tag=tag)
    async with Scripted(cut(plain, 300), plain, cut(plain, 300)) as server:
        told = Told()
        client = kind.client(server.url, retry=FAST)
        found = await client.download("/", tmp_path / "file", on_progress=told, checksum=SHA256)
        assert found.path.read_bytes() == CONTENT
        assert ranges(server.log) == [None, None]
        told.check(1000)
        with pytest.raises(IncompleteResponse):
            await kind.client(server.url).download("/", tmp_path / "other")
    assert names(tmp_path) == ["file"]


async def test_an_old_date_tells_states_apart(kind: Kind, tmp_path: Path) -> None:
    """Where the server has no entity tags at all."""

    def rest(read: Read) -> bytes:
        return answer(206, "Content-Range: bytes 300-999/1000", OLD, body=CONTENT[300:])

    async with Scripted(cut(file(CONTENT, OLD, LATER, tag=None), 300), rest) as server:
        client = kind.client(server.url, retry=FAST)
        found = await client.download("/", tmp_path / "file")
        assert found.path.read_bytes() == CONTENT
        assert server.log[1].headers["If-Range"] == OLD.partition(": ")[2]


NEW = bytes(reversed(CONTENT))
CHANGED: list[tuple[Step, list[str | None]]] = [
    # The whole new file, as `If-Range` wants it.
    (file(NEW, tag='"b"'), [None, "bytes=300-"]),
    # A part of the new file, as some servers send that take no notice of `If-Range`.
    (
        answer(206, "Content-Range: bytes 300-999/1000", 'ETag: "b"', body=NEW[300:]),
        [None, "bytes=300-", None],
    ),
    (
        answer(206, "Content-Range: bytes 300-1000/1001", body=NEW[300:] + b"x"),
        [None, "bytes=300-", None],
    ),
    # It is shorter now.
    (answer(416, "Content-Range: bytes */200", body=b""), [None, "bytes=300-", None]),
    (answer(416, body=b""), [None, "bytes=300-", None]),
    # It cannot do ranges.
    (file(NEW, ranges=False), [None, "bytes=300-"]),
    (answer(206, body=NEW[300:]), [None, "bytes=300-", None]),
    (answer(206, "Content-Range: bytes 0-699/1000", body=NEW[:700]), [None, "bytes=300-", None]),
    (
        answer(206, "Content-Type: multipart/byteranges; boundary=x", body=b"--x--"),
        [None, "bytes=300-", None],
    ),
    (
        answer(206, "Content-Range: bytes 300-599/1000", body=NEW[300:]),
        [None, "bytes=300-", None],
    ),
]


@pytest.mark.parametrize(("step", "asked"), CHANGED)
@pytest.mark.parametrize("across", [False, True])
async def test_bytes_of_two_states_are_never_put_together(
    kind: Kind, tmp_path: Path, step: Step, asked: list[str | None], across: bool
) -> None:
    """What does not go with what is there is fetched anew, within a download and across two."""
    async with Scripted(cut(file(), 300), step, file(NEW, tag='"b"')) as server:
        client = kind.client(server.url, retry=None if across else FAST)
        if across:
            with pytest.raises(IncompleteResponse):
                await client.download("/", tmp_path / "file")
        found = await client.download("/", tmp_path / "file")
        assert found.path.read_bytes() == NEW
        assert ranges(server.log) == asked
        assert (found.resumed_from, found.size) == (0, 1000)
    assert names(tmp_path) == ["file"]


async def test_a_file_that_changes_all_the_time(kind: Kind, tmp_path: Path) -> None:
    """It is fetched anew once; then the error says so, and nothing is left."""
    steps = [cut(file(NEW, tag=f'"{number}"'), 300) for number in range(4)]
    async with Scripted(*steps) as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(ContentChanged, match="changed on the server") as caught:
            await client.download("/x", tmp_path / "file")
        assert len(server.log) == 3
        assert (caught.value.sent, caught.value.url) == ("yes", server.url + "/x")
        assert caught.value.attempts == 3
    assert names(tmp_path) == []


async def test_a_part_that_is_whole(kind: Kind, tmp_path: Path) -> None:
    """Such as that of a process that ended just before it was given its name."""

    def stop(done: int, total: int | None) -> None:
        if done == 1000:
            raise KeyError(done)

    async with Scripted(file(), file()) as server:
        client = kind.client(server.url)
        with pytest.raises(KeyError):
            await client.download("/", tmp_path / "file", on_progress=stop)
        assert (tmp_path / "file.part").read_bytes() == CONTENT
        told = Told()
        found = await client.download(
            "/", tmp_path / "file", on_progress=told, checksum=SHA256, error_responses={416: int}
        )
        assert found.path.read_bytes() == CONTENT
        assert (found.status, found.size, found.resumed_from) == (416, 1000, 1000)
        assert (found.digest, told.all) == (SHA256, [(1000, 1000)])
        assert ranges(server.log) == [None, "bytes=1000-"]
    assert names(tmp_path) == ["file"]


async def test_a_whole_part_of_a_folder(kind: Kind, tmp_path: Path) -> None:
    """Its name is that which was told, though the last answer tells none."""

    def stop(done: int, total: int | None) -> None:
        if done == 1000:
            raise KeyError(done)

    named = file(CONTENT, "Content-Disposition: attachment; filename=a.txt")
    async with Scripted(named, file()) as server:
        client = kind.client(server.url)
        with pytest.raises(KeyError):
            await client.download("/", tmp_path, on_progress=stop)
        found = await client.download("/", tmp_path)
        assert (found.status, found.path) == (416, tmp_path / "a.txt")
    assert names(tmp_path) == ["a.txt"]


async def test_a_part_that_is_shorter_than_it_says(kind: Kind, tmp_path: Path) -> None:
    """The rest is asked for, as after any cut."""
    body = b"64\r\n" + CONTENT[300:400] + b"\r\n0\r\n\r\n"
    part = (
        "HTTP/1.1 206 X\r\nContent-Range: bytes 300-999/1000\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    async with Scripted(cut(file(), 300), part.encode() + body, file()) as server:
        client = kind.client(server.url, retry=FAST)
        found = await client.download("/", tmp_path / "file")
        assert found.path.read_bytes() == CONTENT
        assert ranges(server.log) == [None, "bytes=300-", "bytes=400-"]
        assert server.connections == [1, 2, 2]


async def test_the_digest_of_a_large_part(kind: Kind, tmp_path: Path) -> None:
    """What was there before is read for it, a piece at a time."""
    content = LARGE * 4
    digest = f"md5:{hashlib.md5(content).hexdigest()}"
    async with Scripted(cut(file(content), len(content) - 1), file(content)) as server:
        client = kind.client(server.url)
        with pytest.raises(IncompleteResponse):
            await client.download("/", tmp_path / "file", checksum=digest)
        found = await client.download("/", tmp_path / "file", checksum=digest)
        assert (found.digest, found.resumed_from) == (digest, len(content) - 1)


async def test_errors_of_the_server_keep_what_is_there(kind: Kind, tmp_path: Path) -> None:
    """A file that is gone for now may come back."""
    async with Scripted(cut(file(), 300), answer(404), answer(503), file()) as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(HTTPNotFound) as caught:
            await client.download("/", tmp_path / "file")
        assert caught.value.raw is not None
        assert names(tmp_path) == ["file.part", "file.part.json"]
        found = await client.download("/", tmp_path / "file")
        assert found.path.read_bytes() == CONTENT
        assert ranges(server.log) == [None, "bytes=300-", "bytes=300-", "bytes=300-"]


async def test_errors_before_anything_came(kind: Kind, tmp_path: Path) -> None:
    """They leave nothing."""
    steps = answer(404), answer(416), answer(206, "Content-Range: bytes 0-1/2", body=b"{}")
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        for error in (HTTPNotFound, HTTPRequestedRangeNotSatisfiable, ProtocolError):
            with pytest.raises(error):
                await client.download("/", tmp_path / "file")
        assert len(server.log) == 3
    with pytest.raises(ConnectError):
        await client.download("/", tmp_path / "file")
    assert names(tmp_path) == []


# Whole, and what it should be


async def test_checksums(kind: Kind, tmp_path: Path) -> None:
    """What is not as it should be is removed."""
    wrong = file(CONTENT, f"Content-MD5: {base64.b64encode(bytes(16)).decode()}")
    steps = file(), wrong, wrong, file(CONTENT, REPR_DIGEST), file(), file()
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        with pytest.raises(ChecksumMismatch, match=r"but sha-256:0000\w+ was given") as caught:
            await client.download("/x", tmp_path / "file", checksum=f"sha-256:{'00' * 32}")
        assert (caught.value.expected, caught.value.found) == (f"sha-256:{'00' * 32}", SHA256)
        assert (caught.value.url, caught.value.sent) == (server.url + "/x", "yes")
        with pytest.raises(ChecksumMismatch, match=r"but md5:0000\w+ the server told"):
            await client.download("/", tmp_path / "file", checksum=True)
        assert names(tmp_path) == []
        found = await client.download("/", tmp_path / "a")
        assert found.digest is None
        found = await client.download("/", tmp_path / "b", checksum=True)
        assert found.digest == SHA256
        with pytest.raises(ChecksumMismatch, match="but it tells none") as missing:
            await client.download("/", tmp_path / "file", checksum=True)
        assert missing.value.expected is None
        found = await client.download("/", tmp_path / "c", checksum=None)
    assert names(tmp_path) == ["a", "b", "c"]


async def test_the_digest_of_an_earlier_answer(kind: Kind, tmp_path: Path) -> None:
    """It is kept with the bytes, and what went wrong then is found."""
    told = file(CONTENT, REPR_DIGEST)
    async with Scripted(cut(told, 300), file(), cut(told, 300), told, cut(told, 300)) as server:
        client = kind.client(server.url)
        for rest in range(2):
            with pytest.raises(IncompleteResponse):
                await client.download("/", tmp_path / f"{rest}", checksum=True)
            found = await client.download("/", tmp_path / f"{rest}", checksum=True)
            assert (found.digest, found.resumed_from) == (SHA256, 300)
        with pytest.raises(IncompleteResponse):
            await client.download("/", tmp_path / "file", checksum=True)
        part = tmp_path / "file.part"
        part.write_bytes(b"x" + part.read_bytes()[1:])
        server.script.append(file())
        with pytest.raises(ChecksumMismatch):
            await client.download("/", tmp_path / "file", checksum=True)
    assert names(tmp_path) == ["0", "1"]


async def test_a_body_without_an_end(kind: Kind, tmp_path: Path) -> None:
    """Nobody can tell whether it is whole, unless somebody wants to believe it."""
    plain = (cut(file(length=False), 1000),) * 2
    async with Scripted(*plain) as server:
        client = kind.client(server.url)
        with pytest.raises(ResponseParseError, match="give `allow_unframed=True`") as caught:
            await client.download("/x", tmp_path / "file")
        assert (caught.value.status, caught.value.url) == (200, server.url + "/x")
        assert not caught.value.retryable
        assert names(tmp_path) == []
        found = await client.download("/", tmp_path / "file", allow_unframed=True)
        assert found.path.read_bytes() == CONTENT


PACKED = gzip.compress(CONTENT)
CODED = [
    ("file", "application/octet-stream", CONTENT),
    ("file.txt", "text/plain", CONTENT),
    ("file.tar.gz", "application/x-tar", PACKED),
    ("FILE.TGZ", "application/octet-stream", PACKED),
    ("file", "application/gzip", PACKED),
    ("file", "application/x-gzip; charset=x", PACKED),
]


@pytest.mark.parametrize(("name", "media_type", "content"), CODED)
@pytest.mark.parametrize("coding", ["gzip", "X-Gzip"])
async def test_content_codings(
    kind: Kind, tmp_path: Path, name: str, media_type: str, content: bytes, coding: str
) -> None:
    """What is coded though nobody asked is decoded, unless the file is packed by itself."""
    step = file(PACKED, f"Content-Encoding: {coding}", f"Content-Type: {media_type}")
    async with Scripted(step, cut(step, 30), step) as server:
        client = kind.client(server.url, retry=FAST)
        found = await client.download("/", tmp_path / name)
        assert found.path.read_bytes() == content
        assert found.size == len(content)
        again = await client.download(f"/{name}", tmp_path, overwrite=True)
        assert again.path == tmp_path / name
        assert again.path.read_bytes() == content
        # Of what is decoded nothing can be gone on with.
        assert ranges(server.log)[2] == (None if content is CONTENT else "bytes=30-")
    assert names(tmp_path) == [name]


async def test_broken_codings(kind: Kind, tmp_path: Path) -> None:
    """A coded body that is broken, or coded nobody knows how, is no file."""
    steps = [
        file(b"no gzip", "Content-Encoding: gzip"),
        file(PACKED[:-4], "Content-Encoding: gzip"),
        file(PACKED, "Content-Encoding: rot13"),
        file(PACKED, "Content-Encoding: gzip", REPR_DIGEST),
    ]
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        for _ in range(3):
            with pytest.raises(ContentEncodingError):
                await client.download("/", tmp_path / "file")
        with pytest.raises(ChecksumMismatch, match="tells none"):
            await client.download("/", tmp_path / "file", checksum=True)
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [201, 202, 204])
async def test_a_success_that_is_no_file(kind: Kind, tmp_path: Path, status: int) -> None:
    """The error says what came."""
    async with Scripted(answer(status, body=b"")) as server:
        with pytest.raises(ResponseParseError, match=f"answered {status}, which is no file"):
            await kind.client(server.url).download("/", tmp_path / "file")
    assert names(tmp_path) == []


async def test_sizes_that_are_too_large(kind: Kind, tmp_path: Path) -> None:
    """They are refused by what is announced, or when that much came."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + CONTENT + b"\r\n"
    steps = file(), chunked + b"0\r\n\r\n", file(), cut(file(), 300), file()
    async with Scripted(*steps) as server:
        client = kind.client(server.url, max_response_size=10)
        for _ in range(2):
            with pytest.raises(ResponseTooLarge, match="over the max_size of 999") as caught:
                await client.download("/", tmp_path / "file", max_size=999)
            assert (caught.value.limit, caught.value.size) == (999, 1000)
            assert names(tmp_path) == []
        await client.download("/", tmp_path / "file", max_size=1000)
        with pytest.raises(IncompleteResponse):
            await client.download("/", tmp_path / "other", max_size=1000)
        with pytest.raises(ResponseTooLarge):
            await client.download("/", tmp_path / "other", max_size=999)
    assert names(tmp_path) == ["file"]


# Time


async def test_a_timeout_that_is_given_bounds_all(kind: Kind, tmp_path: Path) -> None:
    """Cuts and what comes after them included; what is there is kept."""
    steps = cut(file(), 300), cut(file(), 300, HANG), file()
    async with Scripted(*steps) as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(RequestTimeout, match="the call took over") as caught:
            await client.download("/", tmp_path / "file", timeout=0.5)
        assert caught.value.attempts == 2
        assert (tmp_path / "file.part").read_bytes() == CONTENT[:600]
        found = await client.download("/", tmp_path / "file")
        assert found.resumed_from == 600


@pytest.mark.parametrize("bound", ["timeout", "deadline"])
async def test_each_call_has_what_is_left(kind: Kind, tmp_path: Path, bound: str) -> None:
    """A call after a cut has no time of its own."""

    def work(done: int, total: int | None) -> None:
        if done == 300:
            time.sleep(0.3)

    async with Scripted(cut(file(), 300), file()) as server:
        client = kind.client(server.url, retry=FAST, deadline_header="X-Left-Ms")
        await client.download("/", tmp_path / "file", on_progress=work, **{bound: 60})
        first, second = [int(read.headers["X-Left-Ms"]) for read in server.log]
        assert first <= 60_000
        assert second <= 60_000 - 300


async def test_a_deadline_bounds_all(kind: Kind, tmp_path: Path) -> None:
    """That of the client, too."""
    steps = cut(file(), 300), cut(file(), 300, HANG)
    async with Scripted(*steps) as server:
        client = kind.client(server.url, retry=FAST, deadline=0.5)
        with pytest.raises(DeadlineExceeded):
            await client.download("/", tmp_path / "file")
        assert (tmp_path / "file.part").read_bytes() == CONTENT[:600]


async def test_a_silent_server(kind: Kind, tmp_path: Path) -> None:
    """Each piece may take its time, however long the file takes; after that it is gone on with."""
    from arya_api_framework import Timeout

    steps = cut(file(), 300, HANG), file(), cut(file(), 300, HANG)
    async with Scripted(*steps) as server:
        client = kind.client(server.url, retry=FAST, timeout=Timeout(read=0.2))
        found = await client.download("/", tmp_path / "file")
        assert found.path.read_bytes() == CONTENT
        assert ranges(server.log) == [None, "bytes=300-"]
        with pytest.raises(ReadTimeout):
            await client.download("/", tmp_path / "other", retry=None)


async def test_no_time_is_left(kind: Kind, tmp_path: Path) -> None:
    """No further call is made."""

    class Counter(Hook):
        """Counts the calls."""

        def after_call(self, request: Request, response: RawResponse) -> None:
            """Count it."""
            seen.append(response.status)

    seen: list[int] = []
    steps = cut(file(), 300), cut(file(), 300), file()
    async with Scripted(*steps) as server:
        client = kind.client(
            server.url, retry=Retry(backoff=1e8, max_backoff=1e8), hooks=[Counter()]
        )
        with pytest.raises(IncompleteResponse) as caught:
            await client.download("/", tmp_path / "file", timeout=1)
        assert caught.value.retry_stopped_by == "timeout"
        assert seen == [200]


async def test_a_call_that_there_is_no_time_for(kind: Kind, tmp_path: Path) -> None:
    """Where the server sends less than was asked for, the rest is, as long as there is time."""

    def few(read: Read) -> bytes:
        return answer(206, "Content-Range: bytes 300-599/1000", body=CONTENT[300:600])

    def work(done: int, total: int | None) -> None:
        if done == 600:
            time.sleep(0.5)

    for options in ({"timeout": 0.5}, {"deadline": 0.5}, {}):
        async with Scripted(cut(file(), 300), few, file()) as server:
            wanted = kind.client(server.url, retry=FAST).download(
                "/", tmp_path / "file", on_progress=work, **options
            )
            if options:
                error = RequestTimeout if "timeout" in options else DeadlineExceeded
                with pytest.raises(error) as caught:
                    await wanted
                assert (caught.value.attempts, caught.value.sent) == (2, "yes")
                assert (tmp_path / "file.part").read_bytes() == CONTENT[:600]
                (tmp_path / "file.part").unlink()
            else:
                assert (await wanted).path.read_bytes() == CONTENT
                assert ranges(server.log) == [None, "bytes=300-", "bytes=600-"]


# Where it is put


async def test_targets_are_checked_before_anything_is_sent(kind: Kind, tmp_path: Path) -> None:
    """A file that is there, a folder that is not, and what is no file."""
    target = tmp_path / "file"
    target.write_bytes(b"old")
    async with Scripted(file()) as server:
        client = kind.client(server.url)
        with pytest.raises(TargetExists, match="give `overwrite=True` to replace it") as caught:
            await client.download("/x", target)
        assert (caught.value.method, caught.value.url) == ("GET", server.url + "/x")
        assert (caught.value.sent, caught.value.path) == ("no", str(target))
        assert isinstance(caught.value, FileExistsError)
        for wrong in (tmp_path / "gone" / "file", f"{tmp_path}/gone/", target / "file"):
            with pytest.raises(FileError, match=r"cannot be downloaded to|is no folder"):
                await client.download("/", wrong)
        assert target.read_bytes() == b"old"
        assert names(tmp_path) == ["file"]
        assert server.log == []
        found = await client.download("/", target, overwrite=True)
        assert found.path.read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]


async def test_a_target_that_is_there_meanwhile(kind: Kind, tmp_path: Path) -> None:
    """It is not replaced, and what came is not lost."""
    target = tmp_path / "file"

    def appear(done: int, total: int | None) -> None:
        target.write_bytes(b"other")

    async with Scripted(file(), file()) as server:
        client = kind.client(server.url)
        with pytest.raises(TargetExists):
            await client.download("/", target, on_progress=appear)
        assert target.read_bytes() == b"other"
        found = await client.download("/", target, overwrite=True)
        assert (found.status, target.read_bytes()) == (416, CONTENT)
    assert names(tmp_path) == ["file"]


async def test_two_downloads_to_one_target(kind: Kind, tmp_path: Path) -> None:
    """The second one is refused while the first one runs, and nothing is mixed."""
    rest = Held(CONTENT[300:])
    async with Scripted(cut(file(), 300, rest), file(NEW, tag='"b"')) as server:
        client = kind.client(server.url)
        first = asyncio.ensure_future(client.download("/", tmp_path / "file"))
        await server.has_read(1)
        with pytest.raises(FileError, match="is written by another download"):
            await client.download("/", tmp_path / "file")
        assert len(server.log) == 1
        other = await client.download("/", tmp_path / "file", resume=False)
        assert other.path.read_bytes() == NEW
        rest.free()
        with pytest.raises(TargetExists):
            await first
    assert (tmp_path / "file").read_bytes() == NEW


WRONG_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"resum": True}, "unknown option 'resum'; did you mean 'resume'"),
    ({"raw": True}, "unknown option 'raw'"),
    ({"body": {}}, "unknown option 'body'"),
    ({"max_response_size": 3}, "'max_response_size' bounds .* give `max_size`"),
    ({"concurrency": 3}, "did you mean 'connections'"),
    ({"max_workers": 3}, "did you mean 'connections'"),
    ({"exist_ok": True}, "did you mean 'overwrite'"),
    ({"dest": "file"}, "did you mean 'to'"),
    ({"filename": "file"}, "did you mean 'to'"),
    ({"resume": 1}, "resume must be True or False, got 1"),
    ({"overwrite": "yes"}, "overwrite must be True or False"),
    ({"allow_unframed": None}, "allow_unframed must be True or False"),
    ({"connections": 0}, "connections must be from 1 to 64, got 0"),
    ({"connections": 65}, "connections must be from 1 to 64, got 65"),
    ({"connections": True}, "connections must be a whole number"),
    ({"max_size": -1}, "max_size must be a whole number"),
    ({"checksum": "abc"}, "checksum must be an algorithm and a digest"),
    ({"checksum": 5}, "checksum must be an algorithm and a digest"),
    ({"on_progress": 5}, "on_progress must be a function"),
    ({"headers": {"range": "bytes=0-1"}}, "the header range of a download is made as it goes on"),
    ({"headers": [("If-Range", "a")]}, "the header If-Range of a download"),
    ({"timeout": -1}, "timeout"),
]


@pytest.mark.parametrize(("options", "message"), WRONG_OPTIONS)
async def test_options_that_can_never_work(
    kind: Kind, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    """They are refused before anything is sent or written."""
    async with Scripted() as server:
        with pytest.raises(ConfigurationError, match=message) as caught:
            await kind.client(server.url).download("/x?a=secret", tmp_path / "file", **options)
        assert caught.value.method == "GET"
        assert "secret" not in str(caught.value.url)
        assert server.log == []
    assert names(tmp_path) == []


@pytest.mark.parametrize("to", [5, None, b"file", "", "a\0b", io.StringIO()])
async def test_what_is_no_target(kind: Kind, tmp_path: Path, to: Any) -> None:
    """The error says what is."""
    async with Scripted() as server:
        with pytest.raises(ConfigurationError, match=r"target|needs a path|open for bytes"):
            await kind.client(server.url).download("/", to)
        with (tmp_path / "file").open("w", encoding="ascii") as text:
            wanted = kind.client(server.url).download("/", text)
            with pytest.raises(ConfigurationError, match="open for bytes, not text"):
                await wanted
        assert server.log == []


@pytest.mark.parametrize("buffering", [-1, 0])
async def test_a_file_that_cannot_be_written_to(kind: Kind, tmp_path: Path, buffering: int) -> None:
    """It is refused before anything is sent, however it is wrong."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    async with Scripted() as server:
        client = kind.client(server.url)
        file = path.open("rb", buffering)
        for text in ("not open for writing; open it as 'wb'", "the file to download to is closed"):
            with pytest.raises(ConfigurationError, match=text):
                await client.download("/", file)
            file.close()
        assert server.log == []
    assert path.read_bytes() == b"old"


async def test_a_closed_client(kind: Kind, tmp_path: Path) -> None:
    """It makes no file."""
    from arya_api_framework.errors import ClientClosedError

    client = kind.client("http://127.0.0.1:9")
    await client.close()
    with pytest.raises(ClientClosedError):
        await client.download("/", tmp_path / "file")
    assert names(tmp_path) == []


async def test_a_full_disk(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says so; what was written is gone on with when there is room."""
    import errno

    pwritev = os.pwritev

    def fail(handle: int, pieces: Any, position: int) -> int:
        if position + sum(map(len, pieces)) > 3 * 1024 * 1024:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwritev(handle, pieces, position)

    async with Scripted(*[file(LARGE)] * 3) as server:
        client = kind.client(server.url)
        monkeypatch.setattr(os, "pwritev", fail)
        with pytest.raises(FileError, match="is full") as caught:
            await client.download("/x", tmp_path / "file")
        assert (caught.value.errno, caught.value.sent) == (errno.ENOSPC, "yes")
        assert caught.value.url == server.url + "/x"
        assert names(tmp_path) == ["file.part", "file.part.json"]
        with pytest.raises(FileError, match="is full"):
            await client.download("/x", tmp_path / "other", resume=False)
        assert names(tmp_path) == ["file.part", "file.part.json"]
        monkeypatch.undo()
        found = await client.download("/x", tmp_path / "file")
        assert found.path.read_bytes() == LARGE
        assert found.resumed_from > 1024 * 1024
        assert server.log[2].headers["Range"] == f"bytes={found.resumed_from}-"
    assert names(tmp_path) == ["file"]


# Everything that holds for calls


async def test_redirects_elsewhere(kind: Kind, tmp_path: Path) -> None:
    """The range and its condition go along, credentials do not."""
    async with Scripted(cut(file(), 300), file()) as store:
        to = answer(302, f"Location: {store.url}/signed?key=abc", body=b"")
        async with Scripted(to, to) as server:
            client = kind.client(server.url, bearer_token="secret", retry=FAST)
            found = await client.download("/files/a.txt", tmp_path)
            assert found.path == tmp_path / "a.txt"
            assert found.path.read_bytes() == CONTENT
            assert found.url.path == "/signed"
            assert ranges(server.log) == [None, "bytes=300-"]
            assert server.log[1].headers["Authorization"] == "Bearer secret"
        assert ranges(store.log) == [None, "bytes=300-"]
        assert store.log[1].headers["If-Range"] == '"a"'
        assert store.log[1].headers["Accept-Encoding"] == "identity"
        assert all("Authorization" not in read.headers for read in store.log)


async def test_other_origins(kind: Kind, tmp_path: Path) -> None:
    """They are refused, unless the call is foreign."""
    async with Scripted(file()) as other:
        client = kind.client("http://127.0.0.1:9", bearer_token="secret")
        with pytest.raises(ConfigurationError, match="leaves the client's origin"):
            await client.download(other.url + "/x", tmp_path)
        assert names(tmp_path) == []
        await client.download(other.url + "/x", tmp_path, foreign=True)
        assert "Authorization" not in other.log[0].headers
    assert names(tmp_path) == ["x"]


async def test_sub_clients(kind: Kind, tmp_path: Path) -> None:
    """A part of an API has it, too."""

    class Files(SubClient, name="files", relative_path="/files"):
        """Files."""

    async with Scripted(file()) as server:
        client = kind.client(server.url + "/v1")
        client.target.add_subclient(Files())
        found = await client.files.download("/{name}", tmp_path, path_parameters={"name": "x"})
        assert found.path.read_bytes() == CONTENT
        assert server.log[0].target == "/v1/files/x"


async def test_each_request_is_a_call(kind: Kind, tmp_path: Path) -> None:
    """Hooks see it, the rate limit counts it, and the budget of retries pays for it."""

    class Seen(Hook):
        """Notes what is sent."""

        def before_attempt(self, request: Request) -> None:
            """Note it."""
            seen.append(request.headers.get("Range", ""))

    seen: list[str] = []
    async with Scripted(cut(file(), 300), file(), cut(file(), 0)) as server:
        client = kind.client(server.url, retry=FAST, hooks=[Seen()], rate_limit=100)
        await client.download("/", tmp_path / "file")
        assert seen == ["", "bytes=300-"]
        retry = Retry(backoff=0.001, budget=1)
        client = kind.client(server.url, retry=retry)
        with pytest.raises(IncompleteResponse) as caught:
            await client.download("/", tmp_path / "other")
        assert caught.value.retry_stopped_by == "budget"


async def test_budgets(kind: Kind, tmp_path: Path) -> None:
    """A budget around the download holds for all of its requests."""
    async with Scripted(cut(file(), 300), file()) as server:
        client = kind.base(server.url, retry=FAST)
        wrapped = kind.wrap(client)
        with client.budget(requests=1) as budget, pytest.raises(BudgetExhausted):
            await wrapped.download("/", tmp_path / "file")
        assert budget.exhausted
        assert len(server.log) == 1
        assert (tmp_path / "file.part").read_bytes() == CONTENT[:300]


async def test_a_hook_may_give_the_file(kind: Kind, tmp_path: Path) -> None:
    """What comes from a cache is whole already."""

    class Cache(Hook):
        """Answers."""

        def before_call(self, request: Request) -> RawResponse:
            """Answer."""
            return RawResponse(200, ((b"ETag", b'"a"'),), request, CONTENT)

    client = kind.client("http://127.0.0.1:9", hooks=[Cache()])
    found = await client.download("/", tmp_path / "file", checksum=SHA256)
    assert found.path.read_bytes() == CONTENT


async def test_a_hook_that_gives_more_than_it_says(kind: Kind, tmp_path: Path) -> None:
    """Such a file is none; nobody is asked for ever."""

    class Cache(Hook):
        """Answers."""

        def before_call(self, request: Request) -> RawResponse:
            """Answer."""
            return RawResponse(200, ((b"Content-Length", b"5"),), request, CONTENT)

    client = kind.client("http://127.0.0.1:9", hooks=[Cache()])
    with pytest.raises(ProtocolError, match="more bytes than it announced"):
        await client.download("/", tmp_path / "file")
    assert names(tmp_path) == []


@pytest.mark.parametrize("connections", [1, 4])
async def test_errors_of_on_progress(kind: Kind, tmp_path: Path, connections: int) -> None:
    """They end the download as they are; what is there is kept."""

    def fail(done: int, total: int | None) -> None:
        if done:
            raise ZeroDivisionError
        return

    async with Scripted(*[file(LARGE)] * 8) as server:
        client = kind.client(server.url)
        with pytest.raises(ZeroDivisionError):
            await client.download("/", tmp_path / "file", on_progress=fail, connections=connections)
        assert names(tmp_path) == ["file.part", "file.part.json"]
        found = await client.download("/", tmp_path / "file", connections=connections)
        assert found.path.read_bytes() == LARGE
        assert found.resumed_from > 0


# Several connections

MiB = 1024 * 1024


async def test_several_connections(kind: Kind, tmp_path: Path) -> None:
    """Each fetches a part, and the first begins with what it got when nobody knew."""
    digest = f"sha-512:{hashlib.sha512(LARGE).hexdigest()}"
    async with Scripted(*[file(LARGE)] * 4) as server:
        told = Told()
        client = kind.client(server.url)
        found = await client.download(
            "/", tmp_path / "file", connections=4, on_progress=told, checksum=digest
        )
        assert found.path.read_bytes() == LARGE
        assert (found.size, found.digest) == (len(LARGE), digest)
        quarter = len(LARGE) // 4
        assert sorted(ranges(server.log), key=str) == [
            None,
            f"bytes={quarter}-{2 * quarter - 1}",
            f"bytes={2 * quarter}-{3 * quarter - 1}",
            f"bytes={3 * quarter}-",
        ]
        assert {read.headers.get("If-Range") for read in server.log} == {None, '"a"'}
        assert len(set(server.connections)) > 1  # One that is through may serve another part.
        told.check(len(LARGE))
    assert names(tmp_path) == ["file"]
    assert stat.S_IMODE(found.path.stat().st_mode) & 0o600 == 0o600


ONE = [
    file(LARGE, ranges=False),
    file(LARGE, "Accept-Ranges: none", ranges=False),
    file(LARGE, tag='W/"a"'),
    file(LARGE, tag=None),
    file(LARGE[: 2 * MiB - 1]),
    b'HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nETag: "a"\r\nTransfer-Encoding: chunked\r\n\r\n'
    + b"%x\r\n%b\r\n0\r\n\r\n" % (3 * MiB, LARGE[: 3 * MiB]),
    file(gzip.compress(LARGE, 1), "Content-Encoding: gzip"),
]


@pytest.mark.parametrize("step", ONE)
async def test_one_connection_where_more_are_of_no_use(
    kind: Kind, tmp_path: Path, step: Step
) -> None:
    """Where the server cannot do it, tells no states apart, or the file is small."""
    async with Scripted(step, answer(404)) as server:
        found = await kind.client(server.url).download("/", tmp_path / "file", connections=4)
        assert found.path.read_bytes() == LARGE[: found.size]
        assert len(server.log) == 1


async def test_a_pool_that_is_small(kind: Kind, tmp_path: Path) -> None:
    """Who has no connection waits for one; the file comes all the same."""
    async with Scripted(*[file(LARGE)] * 4) as server:
        client = kind.client(server.url, pool=Pool(1))
        found = await client.download("/", tmp_path / "file", connections=4)
        assert found.path.read_bytes() == LARGE
        assert len(server.log) == 4


async def test_a_part_that_is_cut(kind: Kind, tmp_path: Path) -> None:
    """What is missing of it is asked for by its connection."""

    def once(read: Read) -> Step:
        return cut(file(LARGE), 1000) if "Range" in read.headers else file(LARGE)

    async with Scripted(once, once, file(LARGE), file(LARGE)) as server:
        client = kind.client(server.url, retry=FAST)
        found = await client.download("/", tmp_path / "file", connections=2)
        assert found.path.read_bytes() == LARGE
        half = len(LARGE) // 2
        assert ranges(server.log) == [None, f"bytes={half}-", f"bytes={half + 1000}-"]


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_part_that_fails_ends_the_others(kind: Kind, tmp_path: Path, hangs: bool) -> None:
    """Also those that wait; all that came is gone on with by the next download."""
    half = len(LARGE) // 2

    def respond(read: Read) -> Step:
        if read.headers.get("Range") == f"bytes={half}-":
            return answer(404)
        return cut(file(LARGE), 2 * MiB, HANG) if hangs else file(LARGE)

    async with Scripted(*[respond] * 2, *[file(LARGE)] * 4) as server:
        client = kind.client(server.url)
        with pytest.raises(HTTPNotFound):
            await client.download("/", tmp_path / "file", connections=2)
        assert not [one for one in threading.enumerate() if one.name == "part of a download"]
        assert names(tmp_path) == ["file.part", "file.part.json"]
        assert (tmp_path / "file.part").stat().st_size == len(LARGE)
        told = Told()
        found = await client.download("/", tmp_path / "file", connections=3, on_progress=told)
        assert found.path.read_bytes() == LARGE
        told.check(len(LARGE), first=found.resumed_from)
        assert all(read.headers["If-Range"] == '"a"' for read in server.log[2:])
    assert names(tmp_path) == ["file"]


async def test_parts_are_gone_on_with_by_one_connection(kind: Kind, tmp_path: Path) -> None:
    """It fetches what is missing, one gap after the other."""
    rest = Held(b"")
    respond = cut(file(LARGE), MiB, rest, CLOSE)
    async with Scripted(*[respond] * 3, *[file(LARGE)] * 4) as server:
        client = kind.client(server.url)
        running = asyncio.ensure_future(client.download("/", tmp_path / "file", connections=3))
        await server.has_read(3)
        rest.free()
        with pytest.raises(IncompleteResponse):
            await running
        found = await client.download("/", tmp_path / "file")
        assert found.path.read_bytes() == LARGE
        assert all(ranges(server.log[3:]))
        assert len(set(server.connections[3:])) == 1


async def test_parts_of_two_states(kind: Kind, tmp_path: Path) -> None:
    """A file that changes while it comes in parts is fetched anew, and is whole then."""
    other = bytes(reversed(LARGE))

    def respond(read: Read) -> Step:
        return file(other, tag='"b"') if "Range" in read.headers else file(LARGE)

    async with Scripted(respond, respond, *[file(other, tag='"b"')] * 4) as server:
        client = kind.client(server.url)
        found = await client.download("/", tmp_path / "file", connections=2)
        assert found.path.read_bytes() == other
        assert found.etag == '"b"'
    assert names(tmp_path) == ["file"]


async def test_parts_that_the_server_does_not_send(kind: Kind, tmp_path: Path) -> None:
    """It said that it could; then the file is fetched by one connection, without ranges."""
    async with Scripted(*[file(LARGE, "Accept-Ranges: bytes", ranges=False)] * 6) as server:
        found = await kind.client(server.url).download("/", tmp_path / "file", connections=2)
        assert found.path.read_bytes() == LARGE
        assert ranges(server.log) == [None, ranges(server.log)[1], None]


async def test_a_part_that_is_longer_than_it_says(kind: Kind, tmp_path: Path) -> None:
    """It is not written over the part of another connection; the file is fetched anew."""
    half = len(LARGE) // 2

    def respond(read: Read) -> Step:
        if "Range" not in read.headers:
            return file(LARGE)
        head = (
            f"HTTP/1.1 206 X\r\nContent-Range: bytes {half}-{len(LARGE) - 1}/{len(LARGE)}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
        )
        body = LARGE[half:] + b"and more"
        return head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    async with Scripted(*[respond] * 3) as server:
        found = await kind.client(server.url).download("/", tmp_path / "file", connections=2)
        assert found.path.read_bytes() == LARGE
        assert ranges(server.log) == [None, f"bytes={half}-", None]
    assert names(tmp_path) == ["file"]


async def test_options_that_can_be_read_once(kind: Kind, tmp_path: Path) -> None:
    """Each call has them."""
    async with Scripted(cut(file(), 300), file()) as server:
        await kind.client(server.url, retry=FAST).download(
            "/",
            tmp_path / "file",
            parameters=iter([("a", "b")]),
            headers=iter([("X-C", "d")]),
            cookies=iter([("e", "f")]),
        )
        assert [read.target for read in server.log] == ["/?a=b"] * 2
        assert [read.headers["X-C"] for read in server.log] == ["d"] * 2
        assert [read.headers["Cookie"] for read in server.log] == ["e=f"] * 2


async def test_parts_that_change_all_the_time(kind: Kind, tmp_path: Path) -> None:
    """Nothing is left of them."""

    def respond(read: Read) -> Step:
        number = len(server.log)
        return file(LARGE, tag=f'"{number}"')

    async with Scripted(*[respond] * 12) as server:
        with pytest.raises(ContentChanged):
            await kind.client(server.url).download("/", tmp_path / "file", connections=2)
    assert names(tmp_path) == []


async def test_no_thread_more(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none can be started, one connection fetches all parts."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "part of a download":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    async with Scripted(*[file(LARGE)] * 4) as server:
        found = await kind.client(server.url).download("/", tmp_path / "file", connections=4)
        assert found.path.read_bytes() == LARGE
        assert len(server.log) == 4


class Interruption(BaseException):
    """What a handler of a signal may raise."""


async def test_an_interruption_while_others_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends them, too."""
    kind = Kind("sync")
    join = threading.Thread.join

    def interrupt(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "part of a download" and timeout is None:
            raise Interruption
        join(thread, timeout)

    def respond(read: Read) -> Step:
        return cut(file(LARGE), MiB, HANG) if "Range" in read.headers else file(LARGE)

    async with Scripted(respond, respond) as server:
        client = kind.client(server.url)
        monkeypatch.setattr(threading.Thread, "join", interrupt)
        with pytest.raises(Interruption):
            await client.download("/", tmp_path / "file", connections=2)
        monkeypatch.undo()
        assert not [one for one in threading.enumerate() if one.name == "part of a download"]
    assert names(tmp_path) == ["file.part", "file.part.json"]
    await kind.close()


@pytest.mark.parametrize("connections", [1, 3])
async def test_each_way_to_a_socket(lane: Lane, tmp_path: Path, connections: int) -> None:
    """Downloads go on over each of them, and one connection that fails ends the others."""

    def once(read: Read) -> Step:
        return cut(file(LARGE), MiB + 1000) if "Range" in read.headers else file(LARGE)

    async with Scripted(cut(file(LARGE), MiB), once, *[file(LARGE)] * 6) as server:
        client = lane.client(server.url, retry=FAST)
        found = await client.download("/", tmp_path / "file", connections=connections)
        assert found.path.read_bytes() == LARGE
        assert all(ranges(server.log)[1:])
        server.script = [
            lambda read: answer(404) if read.headers.get("Range", "")[-1:] == "-" else waits
        ] * connections
        waits = cut(file(LARGE), MiB, HANG)
        if connections > 1:
            with pytest.raises(HTTPNotFound):
                await client.download("/", tmp_path / "other", connections=connections)
            assert not [one for one in threading.enumerate() if one.name == "part of a download"]


# Who is broken off


@pytest.mark.parametrize("connections", [1, 3])
@pytest.mark.parametrize("resume", [True, False])
async def test_cancellation(tmp_path: Path, connections: int, resume: bool) -> None:
    """A task that is cancelled leaves no task and no file, or what may be gone on with."""
    kind = Kind("async")
    rest = Held(b"")
    respond = cut(file(LARGE), MiB, rest)
    async with Scripted(*[respond] * connections, file(LARGE)) as server:
        client = kind.client(server.url)
        seen = asyncio.Event()

        def tell(done: int, total: int | None) -> None:
            if done >= connections * MiB:
                seen.set()

        before = asyncio.all_tasks()
        running = asyncio.ensure_future(
            client.download(
                "/", tmp_path / "file", connections=connections, resume=resume, on_progress=tell
            )
        )
        await seen.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        left = {task for task in asyncio.all_tasks() - before if "Scripted" not in repr(task)}
        assert left == set()
        assert names(tmp_path) == (["file.part", "file.part.json"] if resume else [])
        server.script = [file(LARGE)] * 3
        found = await client.download("/", tmp_path / "file")
        assert found.path.read_bytes() == LARGE
        assert found.resumed_from == (connections * MiB if resume else 0)
    await kind.close()
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(("connections", "content"), [(1, CONTENT), (3, LARGE)])
async def test_cancellation_at_any_time(tmp_path: Path, connections: int, content: bytes) -> None:
    """The file is whole or not there, no task is left, and the next download goes on."""
    kind = Kind("async")
    target = tmp_path / "file"
    async with Scripted(*[file(content)] * 9000) as server:
        client = kind.client(server.url)
        await client.download("/", tmp_path / "warm")
        (tmp_path / "warm").unlink()
        turns, ended = 0, 0
        while ended < 3 and turns < 500:
            wanted = asyncio.ensure_future(client.download("/", target, connections=connections))
            for _ in range(turns):
                await asyncio.sleep(0)
            wanted.cancel()
            try:
                await wanted
                ended += 1
            except asyncio.CancelledError:
                pass
            left = [task for task in asyncio.all_tasks() if "ownload" in repr(task.get_coro())]
            assert left == []
            if target.exists():
                assert target.read_bytes() == content
                assert names(tmp_path) == ["file"]
                target.unlink()
            assert set(names(tmp_path)) <= {"file.part", "file.part.json"}
            turns += 1
            if turns % 5 == 0:  # From the start.
                for name in names(tmp_path):
                    (tmp_path / name).unlink()
        found = await client.download("/", target, connections=connections)
        assert found.path.read_bytes() == content
        server.script.clear()
    assert names(tmp_path) == ["file"]
    await kind.close()


async def test_a_timeout_around_it(tmp_path: Path) -> None:
    """`asyncio.timeout` ends it as anything else."""
    kind = Kind("async")
    async with Scripted(cut(file(), 300, HANG)) as server:
        client = kind.client(server.url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.download("/", tmp_path / "file")
        assert names(tmp_path) == ["file.part", "file.part.json"]
    await kind.close()


async def test_the_file_is_written_elsewhere(tmp_path: Path) -> None:
    """The loop writes no file: others go on while a disk is slow."""
    kind = Kind("async")
    here, seen = threading.get_ident(), set[int]()
    pwritev, fsync = os.pwritev, os.fsync

    def note() -> bool:
        seen.add(threading.get_ident())
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwritev", lambda *given: note() or pwritev(*given))
        patch.setattr(os, "fsync", lambda *given: note() or fsync(*given))
        async with Scripted(file()) as server:
            await kind.client(server.url).download("/", tmp_path / "file")
    assert seen
    assert here not in seen
    await kind.close()


def test_names_of_errors_are_the_same() -> None:
    """What a download raises is documented."""
    from arya_api_framework.client.verbs import Verbs

    raised = set(re.findall(r"^            (\w+): ", Verbs.download.__doc__ or "", re.MULTILINE))
    assert {"FileError", "TargetExists", "ChecksumMismatch", "ContentChanged"} < raised


# Bars


@pytest.mark.parametrize("connections", [1, 4])
async def test_bars(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    """A bar goes to the end; where the file has no name yet, it is named after the URL."""
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TQDM_DISABLE", "")
    async with Scripted(*[file(LARGE)] * 4, cut(file(), 300)) as server:
        client = kind.client(server.url)
        await client.download("/film.mp4", tmp_path, progress=True, connections=connections)
        server.script = [cut(file(), 300)]
        with pytest.raises(IncompleteResponse):
            await client.download("/x", tmp_path, progress="a name")
    shown = screen.getvalue()
    assert "film.mp4: 100%" in shown
    assert "a name:  30%" in shown


async def test_no_library_for_bars(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to install, and nothing was sent."""
    for name in ("tqdm.auto", "rich.progress"):
        monkeypatch.setitem(sys.modules, name, None)
    async with Scripted() as server:
        with pytest.raises(ConfigurationError, match="needs tqdm or rich"):
            await kind.client(server.url).download("/", tmp_path, progress=True)
        assert server.log == []
    assert names(tmp_path) == []
