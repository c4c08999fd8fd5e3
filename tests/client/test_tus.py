"""Uploads by tus 1.0.0: what the server holds, and what was sent for it."""

import asyncio
import base64
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from aiohttp import web

from arya_api_framework import Checksum, Hook, Request, Retry, SubClient, TusServer
from arya_api_framework.errors import (
    BudgetExhausted,
    ConfigurationError,
    ConnectionLost,
    HTTPConflict,
    HTTPForbidden,
    HTTPLocked,
    HTTPRequestEntityTooLarge,
    HTTPServiceUnavailable,
    UploadError,
    UploadLost,
)
from tests import upload_servers
from tests.conftest import Kind
from tests.patience import until_async

KiB = 1024
BIG = os.urandom(700 * KiB + 1)
FAST = Retry(backoff=0.001)


class Server(upload_servers.TusServer):
    """The server, with a name of its own beside the value `TusServer`."""


def pieces() -> Iterator[bytes]:
    """Give the file piece by piece, once."""
    for start in range(0, len(BIG), 100_000):
        yield BIG[start : start + 100_000]


async def async_pieces() -> AsyncIterator[bytes]:
    """Give the file piece by piece, as a source that has to be awaited."""
    for piece in pieces():
        await asyncio.sleep(0)
        yield piece


def methods(server: Server) -> list[str]:
    """Return the methods that came, in order."""
    return [one.method for one in server.log]


def offsets(server: Server) -> list[int]:
    """Return the offsets that bytes were sent for."""
    return [int(one.headers["Upload-Offset"]) for one in server.log if one.method == "PATCH"]


def tus(kind: Kind, client: Any, *arguments: Any, **options: Any) -> Any:
    """Return an upload whose methods are all awaited."""
    return Wrapped(kind, client.target.tus(*arguments, **options))


class Wrapped:
    """An upload of either kind."""

    def __init__(self, kind: Kind, upload: Any) -> None:
        self._kind = kind
        self.upload = upload

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.upload, name)
        return (lambda *given: self._kind.call(value, *given)) if callable(value) else value


@pytest.mark.parametrize("how", ["str", "Path", "open", "bytes"])
async def test_a_file_arrives(kind: Kind, tmp_path: Path, how: str) -> None:
    """The server is asked what it can do, creates the upload, and takes the bytes."""
    path = tmp_path / "Grüße.mp4"
    path.write_bytes(BIG)
    told: list[tuple[int, int | None]] = []
    async with Server(expires="Wed, 25 Jun 2031 16:00:00 GMT") as server:
        client = kind.client(server.url)
        with path.open("rb") as file:
            source: Any = {"str": str(path), "Path": path, "open": file, "bytes": BIG}[how]
            upload = tus(
                kind, client, source, "/files", on_progress=lambda *counts: told.append(counts)
            )
            assert (upload.url, upload.offset, upload.done) == (None, 0, False)
            assert server.log == []
            url = await upload.send()
            assert not file.closed
        assert url == upload.url == f"{server.url}/files/1"
        assert (upload.offset, upload.size, upload.done) == (len(BIG), len(BIG), True)
        assert upload.expires == datetime(2031, 6, 25, 16, tzinfo=UTC)
        assert upload.server.extensions == frozenset(server.extensions.split(","))
        assert server.file.data == BIG
        assert methods(server) == ["OPTIONS", "POST", "PATCH"]
        assert "Tus-Resumable" not in server.log[0].headers
        assert all(one.headers["Tus-Resumable"] == "1.0.0" for one in server.log[1:])
        assert server.log[1].headers["Upload-Length"] == str(len(BIG))
        name = base64.b64encode("Grüße.mp4".encode()).decode()
        kind_of = base64.b64encode(b"video/mp4").decode()
        wanted = "" if how == "bytes" else f"filename {name},filetype {kind_of}"
        assert server.file.metadata == wanted
        assert await upload.send() == url  # It is there.
        assert len(server.log) == 3
    sent = [count for count, _ in told]
    assert sent == sorted(set(sent))
    assert (told[0], told[-1]) == ((0, len(BIG)), (len(BIG), len(BIG)))


async def test_metadata_is_written(kind: Kind) -> None:
    """Texts and bytes in base64, and keys alone."""
    async with Server() as server:
        client = kind.client(server.url)
        metadata = {"name": "Grüße", "raw": b"\xff", "flag": None, "empty": ""}
        await tus(kind, client, b"abc", "/files", metadata=metadata).send()
        assert server.file.metadata == "name R3LDvMOfZQ==,raw /w==,flag,empty"
        await tus(kind, client, b"abc", "/files", metadata=None).send()
        assert "Upload-Metadata" not in server.log[-2].headers


async def test_a_name_that_is_no_text(kind: Kind, tmp_path: Path) -> None:
    """A file of another system is sent all the same, and its bar is drawn."""
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(BIG)
    async with Server() as server:
        client = kind.client(server.url)
        await tus(kind, client, path, "/files", progress=True).send()
        name = base64.b64encode(b"caf?.png").decode()
        assert server.file.metadata.startswith(f"filename {name},")


async def test_chunks_of_ones_own_size(kind: Kind) -> None:
    """For servers and proxies that bound a request."""
    async with Server() as server:
        client = kind.client(server.url)
        await tus(kind, client, BIG, "/files", chunk_size=300 * KiB).send()
        assert server.file.data == BIG
        assert offsets(server) == [0, 300 * KiB, 600 * KiB]


async def test_the_first_bytes_go_along_with_the_creation(kind: Kind) -> None:
    """Where the server takes them; what is small is there with one request."""
    async with Server() as server:
        client = kind.client(server.url)
        options: Any = {"with_creation": True, "chunk_size": 300 * KiB}
        await tus(kind, client, BIG, "/files", **options).send()
        assert server.file.data == BIG
        assert offsets(server) == [300 * KiB, 600 * KiB]
        server.files.clear()
        await tus(kind, client, b"abc", "/files", discover=False, **options).send()
        assert server.file.data == b"abc"
        assert methods(server)[-2:] == ["PATCH", "POST"]
    async with Server(extensions="creation") as server:
        client = kind.client(server.url)
        await tus(kind, client, b"abc", "/files", **options).send()
        assert methods(server) == ["OPTIONS", "POST", "PATCH"]


@pytest.mark.parametrize("how", ["iterator", "empty", "whole chunks", "with creation"])
async def test_a_length_that_nobody_knows(kind: Kind, how: str) -> None:
    """It is told with the last bytes."""
    source, data = pieces(), BIG
    options: dict[str, Any] = {"chunk_size": 300 * KiB}
    if how == "empty":
        source, data = iter([]), b""
    elif how == "whole chunks":
        source, data = iter([BIG[: 600 * KiB]]), BIG[: 600 * KiB]
    elif how == "with creation":
        options["with_creation"] = True
    async with Server() as server:
        client = kind.client(server.url)
        upload = tus(kind, client, source, "/files", **options)
        assert upload.size is None
        await upload.send()
        assert server.file.data == data
        assert server.file.length == upload.size == len(data)
        assert server.log[1].headers["Upload-Defer-Length"] == "1"
        last = server.log[-1].headers
        assert last["Upload-Length"] == str(len(data))
        assert sum("Upload-Length" in one.headers for one in server.log) == 1


async def test_a_short_iterator_goes_with_its_creation(kind: Kind) -> None:
    """Its length is known by then."""
    async with Server() as server:
        client = kind.client(server.url)
        await tus(kind, client, iter([b"ab", b"c"]), "/files", with_creation=True).send()
        assert methods(server) == ["OPTIONS", "POST"]
        assert server.log[1].headers["Upload-Length"] == "3"
        assert server.file.data == b"abc"


async def test_an_asynchronous_iterator_arrives() -> None:
    """An `AsyncClient` takes what has to be awaited, and goes on after a cut."""
    kind = Kind("async")
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        server.cuts = [100_001]
        await tus(kind, client, async_pieces(), "/files", chunk_size=300 * KiB).send()
        assert server.file.data == BIG
        assert server.taken == len(BIG)
    await kind.close()


async def test_an_empty_file_arrives(kind: Kind, tmp_path: Path) -> None:
    """It is whole once it is created."""
    path = tmp_path / "x"
    path.touch()
    async with Server() as server:
        client = kind.client(server.url)
        for source in (b"", path):
            upload = tus(kind, client, source, "/files", discover=False)
            await upload.send()
            assert upload.done
        assert methods(server) == ["POST", "POST"]
        assert [file.length for file in server.files.values()] == [0, 0]


@pytest.mark.parametrize("how", ["file", "iterator"])
async def test_a_cut_is_gone_on_from(kind: Kind, tmp_path: Path, how: str) -> None:
    """The server is asked what it has, and gets what is missing: no byte twice."""
    path = tmp_path / "x"
    path.write_bytes(BIG)
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        server.cuts = [1000, 70_000, 1, 200_000]
        source: Any = path if how == "file" else pieces()
        await tus(kind, client, source, "/files").send()
        assert server.file.data == BIG
        assert server.taken == len(BIG)
        assert offsets(server) == [0, 1000, 71_000, 71_001, 271_001]
        assert server.count("HEAD") == 4


async def test_another_process_goes_on(kind: Kind, tmp_path: Path) -> None:
    """From the state, in JSON; no byte is sent twice."""
    path = tmp_path / "x"
    path.write_bytes(BIG)
    async with Server() as server:
        client = kind.client(server.url)
        server.cuts = [100_000]
        upload = tus(kind, client, path, "/files")
        with pytest.raises(ConnectionLost):
            await upload.send()
        saved = json.dumps(upload.state)
        assert json.loads(saved) == {"url": f"{server.url}/files/1", "size": len(BIG)}
        other = tus(kind, kind.client(server.url), path, "/files", state=json.loads(saved))
        assert other.url == upload.url
        assert await other.refresh() == 100_000
        assert not other.done
        await other.send()
        assert server.file.data == BIG
        assert server.taken == len(BIG)
        assert methods(server)[3:] == ["HEAD", "HEAD", "PATCH"]
        # The first one finds out that all is done.
        await upload.send()
        assert upload.done
        assert server.taken == len(BIG)
        # A state from before the upload was created begins it.
        fresh = tus(kind, client, b"abc", "/files")
        again = tus(kind, client, b"abc", "/files", state=fresh.state)
        assert await again.send() == f"{server.url}/files/2"


async def test_an_iterator_goes_on_from_its_start(kind: Kind) -> None:
    """What the server has already is read, and not sent."""
    async with Server() as server:
        client = kind.client(server.url)
        server.cuts = [150_000]
        upload = tus(kind, client, pieces(), "/files")
        with pytest.raises(ConnectionLost):
            await upload.send()
        assert upload.state == {"url": f"{server.url}/files/1", "size": None}
        await tus(kind, client, pieces(), "/files", state=upload.state).send()
        assert server.file.data == BIG
        assert server.taken == len(BIG)


async def test_an_iterator_that_was_broken_off_is_not_taken_for_whole(kind: Kind) -> None:
    """After an error of its own it is over, but not at its end."""

    def broken() -> Iterator[bytes]:
        yield BIG[:5000]
        raise LookupError("mine")

    async with Server() as server:
        client = kind.client(server.url)
        upload = tus(kind, client, broken(), "/files")
        with pytest.raises(LookupError, match="mine"):
            await upload.send()
        with pytest.raises(UploadError, match="reading the iterator was broken off"):
            await upload.send()
        assert server.file.data == b""
        await tus(kind, client, pieces(), "/files", state=upload.state).send()
        assert server.file.data == BIG


async def test_small_pieces_arrive(kind: Kind) -> None:
    """Of any size, also none."""
    data = BIG[:200_000]
    small = [b"", *(data[start : start + 7] for start in range(0, len(data), 7)), b""]
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        server.cuts = [70_001]
        await tus(kind, client, iter(small), "/files").send()
        assert server.file.data == data
        assert server.taken == len(data)


async def test_a_state_of_another_file_is_refused(kind: Kind) -> None:
    """By its length, here and at the server."""
    async with Server() as server:
        client = kind.client(server.url)
        server.cuts = [1000]
        upload = tus(kind, client, BIG, "/files")
        with pytest.raises(ConnectionLost):
            await upload.send()
        with pytest.raises(ConfigurationError, match=r"a file of \d+ bytes, this one has 3"):
            client.tus(b"abc", "/files", state=upload.state)
        other = tus(kind, client, b"abc", "/files", state={"url": upload.url, "size": None})
        with pytest.raises(UploadError, match=rf"a file of {len(BIG)} bytes, this one has 3"):
            await other.send()
        for state in ({}, {"url": 5, "size": None}, "x", {"url": None}):
            with pytest.raises(ConfigurationError, match="state must be what"):
                client.tus(b"abc", "/files", state=state)


async def test_the_creation_is_repeated_as_any_post(kind: Kind) -> None:
    """Only where it is safe: a server might hold an upload that nobody knows."""
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["POST"] = [503]
        server.answers["OPTIONS"] = [503]
        upload = tus(kind, client, BIG, "/files")
        with pytest.raises(HTTPServiceUnavailable) as error:
            await upload.send()
        assert error.value.retry_stopped_by == "method"
        assert methods(server) == ["OPTIONS", "OPTIONS", "POST"]
        server.answers["POST"] = [503]
        with_key = Retry(backoff=0.001, idempotency_keys=True)
        await tus(kind, client, BIG, "/files", retry=with_key).send()
        assert server.file.data == BIG
        first, second = [one.headers["Idempotency-Key"] for one in server.log[4:6]]
        assert first == second


async def test_an_error_of_the_user_is_raised_unchanged(kind: Kind) -> None:
    """It ends the upload, which can be gone on with."""
    fails = [True]

    def stop(sent: int, total: int | None) -> None:
        if sent and fails and fails.pop():
            raise LookupError("mine")

    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        upload = tus(kind, client, BIG, "/files", on_progress=stop)
        with pytest.raises(LookupError, match="mine"):
            await upload.send()
        await upload.send()
        assert server.file.data == BIG


async def test_a_lock_is_waited_for(kind: Kind) -> None:
    """423 passes, whatever the `Retry` is for; as often as it allows."""
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PATCH"] = [423, 423]
        await tus(kind, client, BIG, "/files").send()
        assert server.file.data == BIG
        server.answers["PATCH"] = [423] * 9
        with pytest.raises(HTTPLocked) as error:
            await tus(kind, client, BIG, "/files").send()
        assert error.value.retry_stopped_by == "attempts"


async def test_failures_that_do_not_pass_are_raised(kind: Kind) -> None:
    """The errors are those of any call."""
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PATCH"] = [403, *[503] * 9]
        upload = tus(kind, client, BIG, "/files")
        with pytest.raises(HTTPForbidden):
            await upload.send()
        with pytest.raises(HTTPServiceUnavailable):
            await upload.send()
        server.answers.clear()
        await upload.send()
        assert server.file.data == BIG
        server.answers["POST"] = [413]
        with pytest.raises(HTTPRequestEntityTooLarge):
            await tus(kind, client, BIG, "/files").send()
        server.answers["POST"] = [409]
        with pytest.raises(HTTPConflict):
            await tus(kind, client, BIG, "/files").send()


async def test_a_checksum_guards_each_chunk(kind: Kind) -> None:
    """What came wrong is sent again; what comes wrong again and again is told."""
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        options: Any = {"checksum": "sha1", "chunk_size": 300 * KiB}
        server.answers["PATCH"] = [None, 460]
        await tus(kind, client, BIG, "/files", **options).send()
        assert server.file.data == BIG
        assert offsets(server) == [0, 300 * KiB, 300 * KiB, 600 * KiB]
        for one in server.log:
            if one.method == "PATCH":
                assert one.headers["Upload-Checksum"].startswith("sha1 ")
        server.answers["PATCH"] = [460] * 9
        with pytest.raises(UploadError, match=r"another checksum than what was sent \(460\)"):
            await tus(kind, client, BIG, "/files", **options).send()
    async with Server() as server:
        client = kind.client(server.url)
        checksum = Checksum("crc32", header="Upload-Checksum")
        for name in ("md5", "sha-256"):
            await tus(kind, client, b"abc", "/files", checksum=name).send()
        with pytest.raises(ConfigurationError, match="in Upload-Checksum, not in Content-MD5"):
            client.tus(b"abc", "/files", checksum=Checksum("md5"))
        await tus(kind, client, b"", "/files", checksum=checksum).send()


async def test_what_a_server_does_not_offer_is_refused_first(kind: Kind) -> None:
    """Before the upload is created, by what the server says of itself."""
    refusals: list[tuple[Server, Any, dict[str, Any], str]] = [
        (Server(max_size=10), BIG, {}, "the server takes 10 at most"),
        (Server(extensions="creation"), b"abc", {"checksum": "sha1"}, "checks no sha1"),
        (Server(), b"abc", {"checksum": "sha512"}, "sha1, sha256, md5, crc32"),
        (Server(extensions="termination"), b"abc", {}, "needs a `state`"),
        (Server(extensions="creation"), pieces(), {}, "know the length before"),
    ]
    for server, file, options, text in refusals:
        async with server:
            client = kind.client(server.url)
            with pytest.raises(UploadError, match=text) as error:
                await tus(kind, client, file, "/files", **options).send()
            assert str(error.value).startswith(f"OPTIONS {server.url}/files: ")
            assert error.value.sent == "yes"
            assert methods(server) == ["OPTIONS"]
    async with Server(max_size=len(BIG)) as server:
        await tus(kind, kind.client(server.url), BIG, "/files").send()


async def test_another_version_is_told(kind: Kind) -> None:
    """Found out by asking, or by 412."""
    async with Server() as server:
        server.versions = "2.0.0,0.2.2"
        client = kind.client(server.url)
        with pytest.raises(UploadError, match=r"speaks tus 2\.0\.0, 0\.2\.2, not 1\.0\.0"):
            await tus(kind, client, BIG, "/files").send()
        server.answers["POST"] = [
            lambda _: web.Response(status=412, headers={"Tus-Version": "2.0.0"}),
            412,
        ]
        for text in (r"2\.0\.0", "does not say which"):
            with pytest.raises(UploadError, match=text):
                await tus(kind, client, BIG, "/files", discover=False).send()


async def test_no_secret_is_told(kind: Kind) -> None:
    """A server may tell back what it was sent, wherever its words are quoted."""
    secret = "a-very-secret-token"

    def told(request: web.Request) -> str:
        return request.headers["Authorization"].partition(" ")[2]

    async with Server() as server:
        client = kind.client(server.url, bearer_token=secret)
        answers: list[tuple[str, Any]] = [
            (
                "OPTIONS",
                lambda request: web.Response(headers={"Tus-Version": told(request)}),
            ),
            (
                "OPTIONS",
                lambda request: web.Response(
                    headers={
                        "Tus-Version": "1.0.0",
                        "Tus-Extension": "creation,checksum",
                        "Tus-Checksum-Algorithm": told(request),
                    }
                ),
            ),
            (
                "POST",
                lambda request: web.Response(
                    status=201, headers={"Location": "/", "Upload-Offset": told(request)}
                ),
            ),
            (
                "POST",
                lambda request: web.Response(status=412, headers={"Tus-Version": told(request)}),
            ),
            (
                "PATCH",
                lambda request: web.Response(status=204, headers={"Upload-Offset": told(request)}),
            ),
        ]
        for method, response in answers:
            server.answers[method] = [response]
            with pytest.raises(UploadError) as error:
                await tus(kind, client, b"abc", "/files", checksum="sha1").send()
            assert "***" in str(error.value)
            assert secret not in repr(error.value)
            assert error.value.method == method


async def test_a_server_can_be_asked(kind: Kind) -> None:
    """`discover` says what it can do."""
    async with Server(max_size=1000) as server:
        upload = tus(kind, kind.client(server.url), BIG, "/files")
        found = await upload.discover()
        assert found == upload.server
        assert found.versions == ("1.0.0",)
        assert found.max_size == 1000
        assert found.checksum_algorithms == ("sha1", "sha256", "md5", "crc32")
        assert found.has("creation")
        with pytest.raises(UploadError, match="takes 1000 at most"):
            await upload.send()
        assert methods(server) == ["OPTIONS"]
        server.max_size = None
        assert (await upload.discover()).max_size is None
        await upload.send()
        assert server.file.data == BIG
        assert methods(server) == ["OPTIONS", "OPTIONS", "POST", "PATCH"]
        assert found.has("concatenation") is False
        assert TusServer().has("creation") is None


@pytest.mark.parametrize("status", [404, 405, 401])
async def test_a_server_that_says_nothing_of_itself(kind: Kind, status: int) -> None:
    """Then it is just tried."""
    async with Server() as server:
        server.answers["OPTIONS"] = [status]
        upload = tus(kind, kind.client(server.url), BIG, "/files", checksum="sha1")
        await upload.send()
        assert server.file.data == BIG
        assert upload.server == TusServer()


async def test_an_upload_is_terminated(kind: Kind) -> None:
    """The server forgets it; the next one begins anew."""
    async with Server() as server:
        client = kind.client(server.url)
        upload = tus(kind, client, BIG, "/files")
        for method in (upload.terminate, upload.refresh):
            with pytest.raises(ConfigurationError, match="there is no upload yet"):
                await method()
        url = await upload.send()
        await upload.terminate()
        assert server.files == {}
        assert (upload.url, upload.offset, upload.done) == (None, 0, False)
        other = tus(kind, client, BIG, "/files", state={"url": url, "size": len(BIG)})
        for method in (other.terminate, other.refresh, other.send):
            with pytest.raises(UploadLost, match=r"no such upload \(404\); begin anew") as error:
                await method()
            assert error.value.url == url
        await upload.send()
        assert server.file.data == BIG
        server.answers |= {"DELETE": [403], "HEAD": [403]}
        for method in (upload.terminate, upload.refresh):
            with pytest.raises(HTTPForbidden):
                await method()


async def test_after_a_termination_each_step_counts(kind: Kind) -> None:
    """What the server had of the upload before is no measure for the next one."""
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        upload = tus(kind, client, BIG, "/files", chunk_size=100 * KiB)
        await upload.send()
        await upload.terminate()
        await upload.send()
        assert server.file.data == BIG


@pytest.mark.parametrize("status", [404, 410])
async def test_an_upload_that_expired_is_lost(kind: Kind, status: int) -> None:
    """The error says to begin anew."""
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PATCH"] = [status]
        upload = tus(kind, client, BIG, "/files")
        with pytest.raises(UploadLost, match=f"{status}") as error:
            await upload.send()
        assert error.value.method == "PATCH"
        assert len(server.log) == 3


# Where the upload is


async def test_the_location_may_be_relative(kind: Kind) -> None:
    """Or a whole URL."""
    async with Server() as server:
        client = kind.client(server.url, parameters={"key": "k"})
        for location in ("1", "files/1", "/files/1", f"{server.url}/files/1", "//127.0.0.1:PORT/1"):
            server.files.clear()
            text = location.replace("PORT", str(server.port))
            server.location = lambda _, text=text: text  # type: ignore[misc]
            upload = tus(
                kind, client, b"abc", "/{kind}", path_parameters={"kind": "files"}, discover=False
            )
            await upload.send()
            assert server.file.data == b"abc"


async def test_the_location_obeys_the_rule_of_origins(kind: Kind) -> None:
    """No byte goes elsewhere, unless that is trusted; a foreign upload stays where it began."""
    async with Server() as server, Server() as other:
        server.location = lambda name: f"{other.url}/files/{name}"
        other.files["1"] = upload_servers.Upload(3)
        client = kind.client(server.url, bearer_token="secret")
        with pytest.raises(ConfigurationError, match="leaves the client's origin"):
            await tus(kind, client, b"abc", "/files").send()
        trusting = kind.client(server.url, bearer_token="secret", trusted_origins=[other.url])
        server.files.clear()
        await tus(kind, trusting, b"abc", "/files").send()
        assert other.file.data == b"abc"
        assert other.log[-1].headers["Authorization"] == "Bearer secret"
        stranger = kind.client("http://localhost:1", bearer_token="secret")
        other.log.clear()
        with pytest.raises(ConfigurationError, match="a `foreign` call stays"):
            await tus(kind, stranger, b"abc", f"{server.url}/files", foreign=True).send()
        assert other.log == []
        server.location = lambda name: f"/files/{name}"
        server.files.clear()
        await tus(kind, stranger, b"abc", f"{server.url}/files", foreign=True).send()
        assert server.file.data == b"abc"
        assert "Authorization" not in server.log[-1].headers


@pytest.mark.parametrize(
    ("response", "text"),
    [
        ((201, {}), "201 came without an upload"),
        ((200, {"Location": "/files/1"}), "200 came without an upload"),
        ((201, {"Location": "ftp://example.com/x"}), "at no http URL"),
        ((201, {"Location": "/files/1", "Upload-Offset": "x"}), "Upload-Offset must be a number"),
    ],
)
async def test_an_answer_that_creates_nothing(
    kind: Kind, response: tuple[int, dict[str, str]], text: str
) -> None:
    """What comes without an upload is told."""
    status, headers = response
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["POST"] = [lambda _: web.Response(status=status, headers=headers)]
        with pytest.raises(UploadError, match=text):
            await tus(kind, client, b"abc", "/files").send()
        assert methods(server) == ["OPTIONS", "POST"]


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({}, "no Upload-Offset"),
        ({"Upload-Offset": "-1"}, "must be a number"),
        ({"Upload-Offset": "4"}, "has 4 bytes, but 3 were sent"),
    ],
)
async def test_an_offset_that_cannot_be(kind: Kind, headers: dict[str, str], text: str) -> None:
    """None, no number, or more than was sent."""
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PATCH"] = [lambda _: web.Response(status=204, headers=headers)]
        with pytest.raises(UploadError, match=text):
            await tus(kind, client, b"abc", "/files").send()
        assert server.count("PATCH") == 1


async def test_a_server_that_takes_nothing_is_left(kind: Kind) -> None:
    """The same offset over and over is no reason to send for ever."""
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        stuck = {"Upload-Offset": "0"}
        server.answers["PATCH"] = [lambda _: web.Response(status=204, headers=stuck)] * 9
        with pytest.raises(UploadError, match="nothing of what was sent, 3 times"):
            await tus(kind, client, b"abc", "/files").send()
        server.answers["PATCH"] = [409] * 9
        with pytest.raises(UploadError, match=r"stands elsewhere than at 0 \(409\)"):
            await tus(kind, client, b"abc", "/files").send()


async def test_a_wait_beyond_the_budget_is_not_begun(kind: Kind) -> None:
    """The upload ends with the budget, and goes on outside of it."""
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)
        late = {"Retry-After": "21"}
        server.answers["PATCH"] = [lambda _: web.Response(status=503, headers=late)]
        upload = tus(kind, client, b"abc", "/files")
        with client.budget(seconds=20) as budget:
            with pytest.raises(BudgetExhausted) as error:
                await upload.send()
            assert isinstance(error.value.__cause__, HTTPServiceUnavailable)
        assert budget.exhausted
        assert methods(server) == ["OPTIONS", "POST", "PATCH"]


async def test_a_conflict_is_asked_about(kind: Kind) -> None:
    """The server stands elsewhere than was thought, and says where."""
    async with Server() as server:
        client = kind.client(server.url, retry=FAST)

        def ahead(_: web.Request) -> web.Response:
            server.file.data += BIG[:5000]
            server.file.size = 5000
            return web.Response(status=409)

        server.answers["PATCH"] = [ahead]
        await tus(kind, client, BIG, "/files").send()
        assert server.file.data == BIG
        assert offsets(server) == [0, 5000]


async def test_an_expiry_that_cannot_be_read_is_none(kind: Kind) -> None:
    """It does no harm; one without a zone is in UTC."""
    async with Server(expires="soon") as server:
        client = kind.client(server.url)
        year = "9" * 20
        for text in ("soon", f"Wed, 25 Jun {year} 16:00:00 GMT", f"Wed, 25 Jun 2031 {year}:00:00"):
            server.expires = text
            upload = tus(kind, client, b"abc", "/files")
            await upload.send()
            assert upload.expires is None
        server.expires = "Wed, 25 Jun 2031 16:00:00 -0000"
        upload = tus(kind, client, b"abc", "/files")
        await upload.send()
        assert upload.expires == datetime(2031, 6, 25, 16, tzinfo=UTC)


# Each request is an ordinary call


async def test_every_request_is_a_call(kind: Kind) -> None:
    """Credentials, hooks and parameters hold for each, below a sub-client too."""
    seen: list[str] = []

    class Sees(Hook):
        def before_attempt(self, request: Request) -> None:
            seen.append(request.method)

    class Files(SubClient, relative_path="/files"):
        pass

    async with Server() as server:

        class API(kind.base, uri=server.url):  # type: ignore[name-defined,misc,call-arg]
            files = Files()

        client = kind.wrap(
            API(bearer_token="secret", hooks=[Sees()], parameters={"tenant": "7"}, rate_limit=100)
        )
        upload = tus(
            kind,
            client.files,
            BIG,
            headers={"X-A": "b"},
            parameters={"once": "1"},
            idempotency_key="one",
        )
        await upload.send()
        await upload.terminate()
        assert seen == methods(server) == ["OPTIONS", "POST", "PATCH", "DELETE"]
        for one in server.log:
            assert one.headers["Authorization"] == "Bearer secret"
            assert one.headers["X-A"] == "b"
        # What belongs to the creation does not go along to the URL of the upload.
        assert [one.query for one in server.log] == ["tenant=7&once=1"] * 2 + ["tenant=7"] * 2
        keys = [one.headers.get("Idempotency-Key") for one in server.log]
        assert keys == ["one", "one", None, None]


async def test_a_bar_is_shown_over_the_whole(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bar for all requests, closed at the end."""
    monkeypatch.setenv("TQDM_DISABLE", "")
    async with Server() as server:
        file = io.StringIO()
        monkeypatch.setattr(sys, "stderr", file)
        upload = tus(kind, kind.client(server.url), BIG, "/files", progress="The film")
        await upload.send()
        monkeypatch.undo()
        assert "The film: 100%" in file.getvalue()
        assert file.getvalue().endswith("\n")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"chunk_size": 0}, "a whole number above 0"),
        ({"metadata": "x"}, "must be a mapping"),
        ({"metadata": {"a b": "x"}}, "ASCII without a space or comma"),
        ({"metadata": {"": "x"}}, "ASCII without a space or comma"),
        ({"metadata": {"a": "\ud800"}}, "metadata 'a' is no valid text"),
        ({"metadata": {"a": 5}}, "'a' must be text, bytes or None, got int"),
        ({"checksum": "sha3"}, "must be one of"),
        ({"response_format": str}, "'response_format' has no place"),
        ({"raw": True}, "'raw' has no place: .* `send` returns the URL"),
        ({"content_type": "text/plain"}, "give that of the file as `filetype` of `metadata`"),
        ({"meta": {}}, "unknown option 'meta'"),
    ],
)
async def test_options_that_can_never_work_are_refused(
    kind: Kind, options: dict[str, Any], text: str
) -> None:
    """When the upload is made."""
    client = kind.client("https://api.test")
    with pytest.raises(ConfigurationError, match=text):
        client.tus(BIG, "/files", **options)


async def test_its_text(kind: Kind) -> None:
    """It says how far it is."""
    upload = kind.client("https://api.test").tus(b"film", "/files?key=s3cret")
    assert repr(upload) == f"<{type(upload).__name__} of 'upload', 0 of 4>"


async def test_an_upload_that_is_cancelled_goes_on_later(tmp_path: Path) -> None:
    """It ends at once, leaves no file open, and the server keeps what it has."""
    kind = Kind("async")
    path = tmp_path / "x"
    path.write_bytes(BIG)
    async with Server() as server:
        client = kind.client(server.url)
        upload = client.target.tus(path, "/files")
        server.held = asyncio.Event()
        call = asyncio.ensure_future(upload.send())
        await server.reading.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        server.held.set()
        server.held = None
        await until_async(
            lambda: str(path) not in [file.path for file in psutil.Process().open_files()]
        )
        await upload.send()
        assert server.file.data == BIG
    await kind.close()
