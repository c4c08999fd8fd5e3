"""Files sent in chunks with `Content-Range`: what the server holds, and what was sent for it."""

import asyncio
import base64
import hashlib
import io
import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from aiohttp import web

from arya_api_framework import (
    Checksum,
    NextExpectedRanges,
    RangeProtocol,
    Response,
    Retry,
    SubClient,
    UploadProtocol,
)
from arya_api_framework.errors import (
    BudgetExhausted,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    HTTPConflict,
    HTTPNotFound,
    HTTPPermanentRedirect,
    HTTPServiceUnavailable,
    RequestTimeout,
    ResponseValidationError,
    UnreadableFile,
    UploadError,
)
from tests.conftest import Kind
from tests.patience import until_async
from tests.scripted import HANG, Scripted
from tests.upload_servers import RangeServer

KiB = 1024
UNIT = 256 * KiB
BIG = os.urandom(5 * UNIT + 1000)
FAST = Retry(backoff=0.001)


class Stored(Response):
    """The file, as the last answer has it."""

    id: int
    size: int


def pieces(size: int = 100_000) -> Iterator[bytes]:
    """Give the file piece by piece, once."""
    for start in range(0, len(BIG), size):
        yield BIG[start : start + size]


async def async_pieces() -> AsyncIterator[bytes]:
    """Give the file piece by piece, as a source that has to be awaited."""
    for piece in pieces():
        await asyncio.sleep(0)
        yield piece


def ranges(server: RangeServer) -> list[str]:
    """Return the ranges that were sent, in order."""
    return [one.headers.get("Content-Range", one.method) for one in server.log]


@pytest.mark.parametrize("style", ["google", "graph", "plain"])
@pytest.mark.parametrize("how", ["str", "Path", "open", "bytes", "iterator"])
async def test_a_file_arrives(kind: Kind, tmp_path: Path, style: str, how: str) -> None:
    """Chunk by chunk, each byte once, whatever the server says in between."""
    path = tmp_path / "film.mp4"
    path.write_bytes(BIG)
    told: list[tuple[int, int | None]] = []
    async with RangeServer(style) as server:
        client = kind.client(server.url)
        with path.open("rb") as file:
            source: Any = {
                "str": str(path),
                "Path": path,
                "open": file,
                "bytes": BIG,
                "iterator": pieces(),
            }[how]
            stored = await client.upload_resumable(
                source,
                "/session",
                response_format=Stored,
                chunk_size=2 * UNIT,
                protocol=NextExpectedRanges() if style == "graph" else None,
                on_progress=lambda *counts: told.append(counts),
            )
            assert not file.closed
        assert stored == Stored(id=7, size=len(BIG))
        assert stored.model_response.status == 201
        assert server.data == BIG
        assert server.taken == len(BIG)
    total = "*" if how == "iterator" else len(BIG)
    assert ranges(server) == [
        f"bytes 0-{2 * UNIT - 1}/{total}",
        f"bytes {2 * UNIT}-{4 * UNIT - 1}/{total}",
        f"bytes {4 * UNIT}-{len(BIG) - 1}/{len(BIG)}",
    ]
    sent = [count for count, _ in told]
    assert sent == sorted(sent)
    assert sent[0] == 0
    assert told[-1] == (len(BIG), len(BIG))
    types = {one.headers["Content-Type"] for one in server.log}
    assert types == {"application/octet-stream" if how in ("bytes", "iterator") else "video/mp4"}


async def test_an_asynchronous_iterator_arrives() -> None:
    """An `AsyncClient` takes what has to be awaited; one chunk of it is kept."""
    kind = Kind("async")
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.cuts = [UNIT + 10]
        await client.upload_resumable(async_pieces(), "/session", chunk_size=2 * UNIT)
        assert server.data == BIG
    await kind.close()


async def test_a_sync_client_takes_no_asynchronous_iterator() -> None:
    """It cannot be read there."""
    kind = Kind("sync")
    client = kind.client("https://api.test")
    with pytest.raises(ConfigurationError, match="AsyncClient only"):
        await client.upload_resumable(async_pieces(), "/session")
    with pytest.raises(ConfigurationError, match="AsyncClient only"):
        client.tus(async_pieces(), "/files")
    await kind.close()


@pytest.mark.parametrize("how", ["file", "iterator"])
@pytest.mark.parametrize("style", ["google", "graph"])
async def test_a_cut_is_gone_on_from(kind: Kind, tmp_path: Path, style: str, how: str) -> None:
    """The server is asked what it has, and gets what is missing: no byte twice."""
    path = tmp_path / "x"
    path.write_bytes(BIG)
    async with RangeServer(style) as server:
        client = kind.client(server.url, retry=FAST)
        server.cuts = [None, 1000, 70_000]
        stored = await client.upload_resumable(
            path if how == "file" else pieces(),
            "/session",
            response_format=Stored,
            chunk_size=2 * UNIT,
            protocol=NextExpectedRanges() if style == "graph" else RangeProtocol(),
        )
        assert stored.size == len(BIG)
        assert server.data == BIG
        assert server.taken == len(BIG)
    total = "*" if how == "iterator" else len(BIG)
    question = "GET" if style == "graph" else f"bytes */{total}"
    assert ranges(server)[1:6] == [
        f"bytes {2 * UNIT}-{4 * UNIT - 1}/{total}",
        question,
        f"bytes {2 * UNIT + 1000}-{4 * UNIT + 999}/{total}",
        question,
        ranges(server)[5],
    ]
    assert ranges(server)[5].startswith(f"bytes {2 * UNIT + 71_000}-")


async def test_a_server_that_keeps_whole_units_gets_the_rest_again(
    kind: Kind, tmp_path: Path
) -> None:
    """What it did not keep is sent again, and nothing else."""
    path = tmp_path / "x"
    path.write_bytes(BIG)
    async with RangeServer(unit=UNIT) as server:
        client = kind.client(server.url, retry=FAST)
        server.cuts = [UNIT + 5000]
        await client.upload_resumable(path, "/session", chunk_size=None)
        assert server.data == BIG
        assert server.taken == len(BIG) + 5000
        assert ranges(server)[-1] == f"bytes {UNIT}-{len(BIG) - 1}/{len(BIG)}"


async def test_failures_in_a_row_are_counted(kind: Kind) -> None:
    """Each step forward begins the count anew; where nothing moves, the last error is raised."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.cuts = [100_000] * 5
        await client.upload_resumable(BIG, "/session", chunk_size=UNIT)
        assert server.data == BIG
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [None, 503, 503, 503, 503]
        with pytest.raises(HTTPServiceUnavailable) as error:
            await client.upload_resumable(BIG, "/session", chunk_size=UNIT)
        assert error.value.retry_stopped_by == "attempts"
        assert server.data == BIG[:UNIT]
        # It can be gone on with, in any process.
        server.answers.clear()
        stored = await client.upload_resumable(
            BIG, "/session", chunk_size=UNIT, response_format=Stored, resume=True
        )
        assert stored.size == len(BIG)
        assert server.data == BIG
        assert ranges(server)[4] == f"bytes */{len(BIG)}"


async def test_a_client_without_retry_does_not_go_on(kind: Kind) -> None:
    """The first failure is the last."""
    async with RangeServer() as server:
        client = kind.client(server.url)
        server.cuts = [1000]
        with pytest.raises(ConnectionLost):
            await client.upload_resumable(BIG, "/session")
        assert len(server.log) == 1
        await client.upload_resumable(BIG, "/session", resume=True, retry=FAST)
        assert server.data == BIG


async def test_the_pause_a_server_asks_for_is_kept(kind: Kind) -> None:
    """`Retry-After` counts, up to what the `Retry` bears."""

    def later(seconds: str) -> Any:
        name = "Retry-After" if seconds == "1000" else "Retry-After-Ms"
        return lambda _: web.Response(status=503, headers={name: seconds})

    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [later("10"), later("1000")]
        with pytest.raises(HTTPServiceUnavailable) as error:
            await client.upload_resumable(BIG, "/session")
        assert error.value.retry_stopped_by == "retry_after"
        assert server.count("PUT") == 2


async def test_other_calls_keep_the_pause_too(kind: Kind) -> None:
    """The server asked for it, not this upload alone."""
    busy = {"Retry-After-Ms": "400"}
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [lambda _: web.Response(status=503, headers=busy)]
        upload = asyncio.ensure_future(client.upload_resumable(BIG, "/session"))
        await until_async(lambda: client.forecast() > 0)
        await upload
        assert server.data == BIG


async def test_the_budget_of_attempts_bounds_it(kind: Kind) -> None:
    """As for any call."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=Retry(backoff=0.001, attempts=10, budget=7))
        server.answers["PUT"] = [503] * 9
        with pytest.raises(HTTPServiceUnavailable) as error:
            await client.upload_resumable(BIG, "/session")
        assert error.value.retry_stopped_by == "budget"
        assert server.count("PUT") == 2


@pytest.mark.parametrize("asked", [None, "21"])
async def test_a_wait_beyond_the_budget_is_not_begun(kind: Kind, asked: str | None) -> None:
    """Neither after a failure nor after an answer that takes nothing; as for any call."""
    headers = {} if asked is None else {"Retry-After": asked}
    retry = Retry(backoff=1e9, max_backoff=1e9) if asked is None else FAST
    async with RangeServer() as server:
        client = kind.client(server.url, retry=retry)
        server.answers["PUT"] = [lambda _: web.Response(status=503, headers=headers)]
        with client.budget(seconds=20) as budget:
            with pytest.raises(BudgetExhausted) as error:
                await client.upload_resumable(BIG, "/session")
            cause = error.value.__cause__
            assert isinstance(cause, HTTPServiceUnavailable)
            assert cause.retry_stopped_by == "timeout"
            assert error.value.sent == "yes"
            assert error.value.retry_after == (None if asked is None else 21)
            assert str(error.value).startswith(f"PUT {server.url}/session: the budget is used up")
        assert budget.exhausted
        assert server.count("PUT") == 1
        server.answers["PUT"] = [308]
        if asked is None:
            with client.budget(seconds=20) as budget:
                await client.upload_resumable(BIG, "/session")
            assert budget.exhausted
            assert server.count("PUT") == 2
        else:  # There is time for a short wait.
            with client.budget(seconds=20) as budget:
                await client.upload_resumable(BIG, "/session", chunk_size=None)
            assert not budget.exhausted
            assert server.data == BIG


async def test_an_attempt_after_a_timeout_costs_twice(kind: Kind) -> None:
    """Of the tokens of the retry budget, as for any call."""
    async with Scripted(HANG, HANG, HANG) as server:
        retry = Retry(backoff=0.001, attempts=9, budget=12)
        client = kind.client(server.url, retry=retry, timeout=0.3)
        with pytest.raises(RequestTimeout) as error:
            await client.upload_resumable(b"abc", "/session", protocol=RangeProtocol(asks=False))
        assert error.value.retry_stopped_by == "budget"
        assert len(server.log) == 2


async def test_waits_are_spread(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    """Each wait is a random part of the one that grows, so that uploads do not come at once."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=Retry(backoff=0.001, attempts=8))
        server.answers["PUT"] = [308, 308, 503, 503, 503]
        with caplog.at_level(logging.INFO):
            await client.upload_resumable(BIG, "/session")
        waits = [
            record.args[-1]
            for record in caplog.records
            if "goes on in" in record.msg and isinstance(record.args, tuple)
        ]
        assert len(set(waits)) == 5
        for count, wait in enumerate(waits):
            assert isinstance(wait, float)
            assert 0 < wait <= 0.001 * 2**count


async def test_what_a_server_decides_counts(kind: Kind) -> None:
    """`x-should-retry: false` is the end, also of what may pass."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [
            lambda _: web.Response(status=503, headers={"x-should-retry": "false"})
        ]
        with pytest.raises(HTTPServiceUnavailable):
            await client.upload_resumable(BIG, "/session")
        assert server.count("PUT") == 1


async def test_a_server_that_stands_elsewhere_is_asked(kind: Kind) -> None:
    """416 is no end: what it has is asked for."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.data += BIG[:1234]
        server.size = 1234
        await client.upload_resumable(BIG, "/session")
        assert server.data == BIG
        assert ranges(server)[1:] == [
            f"bytes */{len(BIG)}",
            f"bytes 1234-{len(BIG) - 1}/{len(BIG)}",
        ]


async def test_a_server_that_cannot_be_asked_gets_the_chunk_again(kind: Kind) -> None:
    """A plain server takes the same range twice."""
    async with RangeServer("plain") as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [None, 502]
        await client.upload_resumable(
            BIG, "/session", chunk_size=2 * UNIT, protocol=RangeProtocol(asks=False)
        )
        assert server.data == BIG
        assert ranges(server)[1] == ranges(server)[2]


@pytest.mark.parametrize("style", ["google", "graph", "plain"])
@pytest.mark.parametrize("how", ["bytes", "file", "iterator"])
async def test_an_empty_file_arrives(kind: Kind, tmp_path: Path, style: str, how: str) -> None:
    """It has no range, and is told to be whole."""
    path = tmp_path / "x"
    path.write_bytes(b"")
    async with RangeServer(style) as server:
        client = kind.client(server.url)
        source: Any = {"bytes": b"", "file": path, "iterator": iter([])}[how]
        stored = await client.upload_resumable(source, "/session", response_format=Stored)
        assert stored.size == 0
        assert ranges(server) == ["bytes */0"]
        assert server.log[0].headers["Content-Length"] == "0"


async def test_a_chunk_that_ends_with_the_file(kind: Kind) -> None:
    """The length of an iterator is told with its last chunk, also where that is a whole one."""
    async with RangeServer() as server:
        client = kind.client(server.url)
        data = BIG[: 2 * UNIT]
        await client.upload_resumable(iter([data, b""]), "/session", chunk_size=UNIT)
        assert server.data == data
        assert ranges(server) == [
            f"bytes 0-{UNIT - 1}/*",
            f"bytes {UNIT}-{2 * UNIT - 1}/{2 * UNIT}",
        ]


async def test_a_finished_upload_is_not_sent_again(kind: Kind) -> None:
    """Asked where it stands, the server answers with the file."""
    async with RangeServer() as server:
        client = kind.client(server.url)
        await client.upload_resumable(BIG, "/session")
        stored = await client.upload_resumable(BIG, "/session", resume=True, response_format=Stored)
        assert stored.size == len(BIG)
        assert server.taken == len(BIG)


async def test_a_function_says_what_the_server_has(kind: Kind) -> None:
    """Any other way is a function of the response."""

    def received(response: Any) -> int | None:
        found = response.headers.get("X-Received")
        return None if found is None else int(found)

    async with RangeServer("plain") as server:
        client = kind.client(server.url)
        server._more = lambda: web.Response(  # type: ignore[method-assign]
            status=200, headers={"X-Received": str(server.size)}
        )
        await client.upload_resumable(BIG, "/session", chunk_size=UNIT, protocol=received)
        assert server.data == BIG


async def test_a_function_may_say_nothing_and_all(kind: Kind) -> None:
    """308 without a word means that all was taken; the whole length is the end."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        await client.upload_resumable(
            BIG,
            "/session",
            chunk_size=UNIT,
            protocol=lambda response: len(BIG) if response.status == 201 else None,
        )
        assert server.data == BIG


async def test_a_function_that_says_nothing_is_believed(kind: Kind) -> None:
    """After a question it stands where it stood, after the last chunk it is asked once more."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [503, 308]
        await client.upload_resumable(BIG, "/session", protocol=lambda _: None)
        assert server.data == BIG
        assert ranges(server)[1:] == [f"bytes */{len(BIG)}", ranges(server)[0]]
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.size = server.total = len(BIG)
        server.answers["PUT"] = [308]
        await client.upload_resumable(BIG, "/session", protocol=lambda _: None)
        assert ranges(server)[1:] == [f"bytes */{len(BIG)}"]


async def test_a_type_among_the_headers_counts(kind: Kind) -> None:
    """As for any body."""
    async with RangeServer() as server:
        client = kind.client(server.url)
        headers = {"Content-Type": "video/x-mine"}
        await client.upload_resumable(BIG, "/session", headers=headers)
        assert server.log[0].headers["Content-Type"] == "video/x-mine"


class Received(UploadProtocol):
    """A protocol of the user's, whose server cannot be asked."""

    def offset(self, response: Any) -> int | None:
        """Read a field of its own."""
        found = response.headers.get("X-Received")
        return None if found is None else int(found)


async def test_a_protocol_of_ones_own(kind: Kind) -> None:
    """A chunk that failed is sent again from its start."""
    async with RangeServer("plain") as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [None, 503]
        await client.upload_resumable(BIG, "/session", chunk_size=UNIT, protocol=Received())
        assert server.data == BIG
        assert ranges(server)[1] == ranges(server)[2]


async def test_a_method_headers_and_type_of_ones_own(kind: Kind) -> None:
    """The options of a call hold for each request, and the answer may be raw."""
    async with RangeServer() as server:

        class Drive(SubClient, relative_path="/"):
            pass

        class Google(kind.base, uri=server.url):  # type: ignore[name-defined,misc,call-arg]
            drive = Drive()

        client = kind.wrap(Google(bearer_token="secret"))
        response = await client.drive.upload_resumable(
            BIG,
            "session",
            method="PATCH",
            headers={"X-A": "b"},
            content_type="video/x-mine",
            chunk_size=4 * UNIT,
            raw=True,
        )
        assert response.status == 201
        assert response.json()["id"] == 7
        for one in server.log:
            assert one.method == "PATCH"
            assert one.headers["X-A"] == "b"
            assert one.headers["Authorization"] == "Bearer secret"
            assert one.headers["Content-Type"] == "video/x-mine"


async def test_a_session_elsewhere_gets_nothing_of_the_client(kind: Kind) -> None:
    """A URL of another origin is refused, or, as a foreign one, carries no credentials."""
    async with RangeServer() as server:
        client = kind.client("http://localhost:1", bearer_token="secret", retry=FAST)
        with pytest.raises(ConfigurationError, match="leaves the client's origin"):
            await client.upload_resumable(BIG, f"{server.url}/session")
        assert server.log == []
        server.cuts = [5000]
        await client.upload_resumable(BIG, f"{server.url}/session", foreign=True)
        assert server.data == BIG
        assert all("Authorization" not in one.headers for one in server.log)


async def test_a_checksum_is_that_of_each_chunk(kind: Kind) -> None:
    """`Content-Digest` and `Content-MD5` are those of what a request holds."""
    async with RangeServer() as server:
        client = kind.client(server.url)
        await client.upload_resumable(BIG, "/session", chunk_size=4 * UNIT, checksum="md5")
        for one, chunk in zip(server.log, (BIG[: 4 * UNIT], BIG[4 * UNIT :]), strict=True):
            digest = base64.b64encode(hashlib.md5(chunk).digest()).decode()
            assert one.headers["Content-MD5"] == digest
        with pytest.raises(ConfigurationError, match='header="Content-Digest"'):
            await client.upload_resumable(BIG, "/session", checksum=["md5", "sha-256"])
        with pytest.raises(ConfigurationError, match="Digest would have to be"):
            await client.upload_resumable(
                BIG, "/session", checksum=Checksum("sha-256", header="Digest")
            )


# What a server can do wrong


async def test_a_real_redirect_is_one(kind: Kind) -> None:
    """A 308 that says where to is no `Resume Incomplete`."""
    async with RangeServer() as server:
        client = kind.client(server.url)
        server.answers["PUT"] = [
            lambda _: web.Response(status=308, headers={"Location": "/elsewhere"})
        ]
        with pytest.raises(HTTPPermanentRedirect):
            await client.upload_resumable(BIG, "/session")
        assert len(server.log) == 1


async def test_a_session_that_is_gone(kind: Kind) -> None:
    """The status says so, and nothing more is sent."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(HTTPNotFound):
            await client.upload_resumable(BIG, "/other", resume=True)
        assert len(server.log) == 1


async def test_a_server_that_takes_nothing_is_left(kind: Kind) -> None:
    """308 over and over is no reason to send for ever."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [308] * 10
        with pytest.raises(
            UploadError, match="has taken nothing or next to nothing of what was sent, 3 times"
        ) as error:
            await client.upload_resumable(BIG, "/session")
        assert error.value.method == "PUT"
        assert str(error.value).startswith("PUT http://")
        assert server.count("PUT") == 3
        client = kind.client(server.url)
        with pytest.raises(UploadError, match="1 times"):
            await client.upload_resumable(BIG, "/session")


async def test_a_server_that_takes_a_byte_at_a_time_is_left(kind: Kind) -> None:
    """That would send the file over and over, without a pause."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [
            (lambda _, last=last: web.Response(status=308, headers={"Range": f"bytes=0-{last}"}))
            for last in range(20)
        ]
        with pytest.raises(UploadError, match="next to nothing of what was sent, 3 times"):
            await client.upload_resumable(BIG, "/session")
        assert server.count("PUT") == 3
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.cuts = [1] * 20
        with pytest.raises(ConnectionLost):
            await client.upload_resumable(BIG, "/session")
        assert sum(one.taken == 1 for one in server.log) == 3


async def test_small_steps_add_up(kind: Kind) -> None:
    """A line that breaks often, but brings 64 KiB within the attempts, is good enough."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.cuts = [40_000] * 12
        await client.upload_resumable(BIG, "/session", chunk_size=UNIT)
        assert server.data == BIG


async def test_a_server_that_has_all_and_is_not_done_is_left(kind: Kind) -> None:
    """It is asked whether it is done, as often as there are attempts."""
    has_all = {"Range": f"bytes=0-{len(BIG) - 1}"}
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [lambda _: web.Response(status=308, headers=has_all)] * 10
        with pytest.raises(UploadError, match="has taken nothing"):
            await client.upload_resumable(BIG, "/session")
        assert ranges(server)[1] == f"bytes */{len(BIG)}"
        server.answers["PUT"] = [lambda _: web.Response(status=308, headers=has_all)]
        server.data += BIG
        server.size = len(BIG)
        stored = await client.upload_resumable(BIG, "/session", response_format=Stored)
        assert stored.size == len(BIG)


async def test_a_server_that_goes_back_and_forth_is_left(kind: Kind) -> None:
    """What it had once, and lost, is no step forward when it comes again."""
    turns = [web_range for _ in range(9) for web_range in (f"bytes=0-{UNIT - 1}", "bytes=0-9")]
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [
            (lambda _, text=text: web.Response(status=308, headers={"Range": text}))
            for text in turns
        ]
        with pytest.raises(UploadError, match="has taken nothing"):
            await client.upload_resumable(BIG, "/session", chunk_size=UNIT)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("bytes=0-9999999", "the server has 10000000 bytes"),
        ("bytes=5-10", "in no way that can be read"),
        ("nonsense", "in no way that can be read"),
        (f"bytes=0-{UNIT}", f"has {UNIT + 1} bytes, but {UNIT} were sent"),
    ],
)
async def test_a_range_that_cannot_be_is_refused(kind: Kind, text: str, problem: str) -> None:
    """More than was sent, or no number."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [lambda _: web.Response(status=308, headers={"Range": text})]
        with pytest.raises(UploadError, match=problem) as error:
            await client.upload_resumable(BIG, "/session", chunk_size=UNIT)
        assert error.value.url == f"{server.url}/session"
        assert len(server.log) == 1
        server.answers["PUT"] = [
            lambda _: web.Response(status=308, headers={"Range": "bytes=0-9999999"})
        ]
        with pytest.raises(UploadError, match="the server has 10000000 bytes of a file of"):
            await client.upload_resumable(BIG, "/session", resume=True)


@pytest.mark.parametrize("answer", [[], ["x-"], [5], "26-", {}])
async def test_missing_ranges_that_cannot_be_are_refused(kind: Kind, answer: Any) -> None:
    """They are a list of ranges."""
    async with RangeServer("graph") as server:
        client = kind.client(server.url)
        server.answers["PUT"] = [
            lambda _: web.json_response({"nextExpectedRanges": answer}, status=202)
        ]
        with pytest.raises(UploadError, match="must be like"):
            await client.upload_resumable(
                BIG, "/session", chunk_size=UNIT, protocol=NextExpectedRanges()
            )


async def test_an_answer_without_json_is_the_last(kind: Kind) -> None:
    """A server that says nothing has all of it."""
    async with RangeServer("plain") as server:
        client = kind.client(server.url)
        for reply in (web.Response(status=204), web.Response(text="done")):
            server.answers["PUT"] = [lambda _, reply=reply: reply]
            text = await client.upload_resumable(
                BIG, "/session", protocol=NextExpectedRanges(), response_format=str
            )
            assert text in ("", "done")


async def test_an_answer_that_does_not_fit_is_told(kind: Kind) -> None:
    """The error is that of any call; the file is there."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(ResponseValidationError):
            await client.upload_resumable(BIG, "/session", response_format=list[int])
        assert server.data == BIG
        assert len(server.log) == 1


# What a user can do wrong


@pytest.mark.parametrize("file", ["/nowhere/at/all", "", 5, None, "/", {"a": 1}])
async def test_a_file_that_is_none_is_refused(kind: Kind, file: Any) -> None:
    """Before anything is sent."""
    async with RangeServer() as server:
        client = kind.client(server.url)
        with pytest.raises(ConfigurationError):
            await client.upload_resumable(file, "/session")
        with pytest.raises(ConfigurationError):
            client.tus(file, "/files")
        assert server.log == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"chunk_size": 1000}, "a multiple of 262144 bytes"),
        ({"chunk_size": 0}, "a multiple of"),
        ({"chunk_size": True}, "a multiple of"),
        ({"compress": "gzip"}, "cannot be compressed"),
        ({"data": b"x"}, "'data' has no place"),
        ({"hedge": None}, "'hedge' has no place"),
        ({"follow_redirects": True}, "'follow_redirects' has no place"),
        ({"protocol": 5}, "protocol must be one such as"),
        ({"protocol": RangeProtocol}, "protocol must be one such as"),
        ({"on_progress": 5}, "on_progress must be a function, got 5"),
        ({"progress": 5}, "progress must be"),
        ({"chunksize": 5}, "unknown option 'chunksize'"),
        ({"retry": 5}, "retry"),
        ({"error_responses": 5}, "error_responses"),
        ({"resume": True, "protocol": RangeProtocol(asks=False)}, "`resume` needs a protocol"),
    ],
)
async def test_options_that_can_never_work_are_refused(
    kind: Kind, options: dict[str, Any], text: str
) -> None:
    """Before anything is sent, and with the name."""
    async with RangeServer() as server:
        client = kind.client(server.url)
        with pytest.raises(ConfigurationError, match=text):
            await client.upload_resumable(BIG, "/session", **options)
        assert server.log == []


async def test_what_a_function_returns_must_be_an_offset(kind: Kind) -> None:
    """Anything else is told."""
    async with RangeServer() as server:
        client = kind.client(server.url)
        with pytest.raises(ConfigurationError, match="must return an offset or None"):
            await client.upload_resumable(BIG, "/session", protocol=lambda response: "5")


def test_the_name_of_a_list_is_text() -> None:
    """`NextExpectedRanges` is told where to look."""
    with pytest.raises(ConfigurationError, match="at must be text"):
        NextExpectedRanges("")


@pytest.mark.parametrize("how", ["grows", "shrinks", "goes", "changes"])
async def test_a_file_that_changes_meanwhile_is_not_mixed(
    kind: Kind, tmp_path: Path, how: str
) -> None:
    """What is sent is of one file, or the upload ends."""
    path = tmp_path / "x"
    path.write_bytes(BIG)

    def change(sent: int, total: int | None) -> None:
        if sent == 2 * UNIT:
            match how:
                case "grows":
                    path.write_bytes(BIG + b"x")
                case "shrinks":
                    path.write_bytes(BIG[:UNIT])
                case "goes":
                    path.unlink()
                case _:
                    path.write_bytes(BIG[::-1])
                    os.utime(path, ns=(1, 1))

    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(UnreadableFile, match=r"the file changed|cannot be read"):
            await client.upload_resumable(path, "/session", chunk_size=2 * UNIT, on_progress=change)
        assert server.data == BIG[: 2 * UNIT]


async def test_an_open_file_is_sent_from_where_it_stands(kind: Kind, tmp_path: Path) -> None:
    """Its place counts as the start."""
    path = tmp_path / "x"
    path.write_bytes(b"head" + BIG)
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.cuts = [1000]
        with path.open("rb") as file:
            file.read(4)
            await client.upload_resumable(file, "/session", chunk_size=UNIT)
        assert server.data == BIG
    async with RangeServer() as server:
        client = kind.client(server.url)
        memory = io.BytesIO(b"head" + BIG)
        memory.read(4)
        await client.upload_resumable(memory, "/session", chunk_size=UNIT)
        assert server.data == BIG


class Pipe(io.RawIOBase):
    """A file that cannot be sought in, as standard input of a pipe."""

    def __init__(self) -> None:
        self._content = io.BytesIO(BIG)

    def readable(self) -> bool:
        """It is open."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give what there is."""
        return self._content.read(min(size, 70_000))


async def test_a_pipe_is_sent_as_an_iterator(kind: Kind) -> None:
    """One chunk is kept, for a cut."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.cuts = [UNIT + 1000, 1]
        await client.upload_resumable(Pipe(), "/session", chunk_size=2 * UNIT)
        assert server.data == BIG
        assert server.taken == len(BIG)


async def test_an_iterator_cannot_go_back(kind: Kind) -> None:
    """What the server had, and lost, is no longer there."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [
            None,
            None,
            lambda _: web.Response(status=308, headers={"Range": "bytes=0-99"}),
        ]
        with pytest.raises(UploadError, match="wants the bytes from 100 on again"):
            await client.upload_resumable(pieces(), "/session", chunk_size=UNIT)


async def test_an_iterator_that_is_over_too_early(kind: Kind) -> None:
    """Of what the server has already there must be as much."""
    async with RangeServer() as server:
        client = kind.client(server.url)
        server.data += BIG[:5000]
        server.size = 5000
        with pytest.raises(UploadError, match="has 5000 bytes, but the file is over after 3"):
            await client.upload_resumable(iter([b"abc"]), "/session", resume=True)
        await client.upload_resumable(pieces(), "/session", resume=True)
        assert server.data == BIG


async def test_errors_of_the_user_are_raised_unchanged(kind: Kind) -> None:
    """Of the callback and of the iterator; neither is tried again."""

    def stop(sent: int, total: int | None) -> None:
        if sent > UNIT:
            raise LookupError("mine")

    def broken() -> Iterator[bytes]:
        yield BIG[:UNIT]
        yield BIG[UNIT : 2 * UNIT]
        raise ConnectionLost("mine too")

    def lose(sent: int, total: int | None) -> None:
        if sent > UNIT:
            raise ConnectionLost("of the user's")

    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(LookupError, match="mine"):
            await client.upload_resumable(BIG, "/session", chunk_size=UNIT, on_progress=stop)
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(ConnectionLost, match="of the user's"):
            await client.upload_resumable(BIG, "/session", on_progress=lose)
        assert len(server.log) <= 1
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(ConnectionLost, match="mine too"):
            await client.upload_resumable(broken(), "/session", chunk_size=UNIT)
        assert server.data == BIG[:UNIT]


async def test_a_call_that_is_cancelled_leaves_the_file(tmp_path: Path) -> None:
    """It ends at once, the file is closed, and the next one goes on."""
    kind = Kind("async")
    path = tmp_path / "x"
    path.write_bytes(BIG)
    async with RangeServer() as server:
        client = kind.client(server.url)
        server.held = asyncio.Event()
        call = asyncio.ensure_future(
            client.upload_resumable(path, "/session", chunk_size=UNIT, progress=True)
        )
        await server.reading.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        server.held.set()
        server.held = None
        await until_async(
            lambda: str(path) not in [file.path for file in psutil.Process().open_files()]
        )
        await client.upload_resumable(path, "/session", resume=True)
        assert server.data == BIG
    await kind.close()


async def test_a_target_that_refuses(kind: Kind) -> None:
    """Nothing was sent, as often as there are attempts."""
    async with Scripted(listening=False) as server:
        client = kind.client(server.url, retry=FAST)
        with pytest.raises(ConnectError) as error:
            await client.upload_resumable(BIG, "/session")
        assert error.value.retry_stopped_by == "attempts"
        assert error.value.sent == "no"
        with pytest.raises(ConnectError) as error:
            await kind.call(client.tus(BIG, "/files").send)
        assert error.value.method == "OPTIONS"


async def test_a_conflict_that_stays_is_raised(kind: Kind) -> None:
    """A server that stands nowhere is left after as many attempts as there are."""
    async with RangeServer() as server:
        client = kind.client(server.url, retry=FAST)
        server.answers["PUT"] = [409, None, 409, None, 409, None, 409]
        with pytest.raises(HTTPConflict):
            await client.upload_resumable(BIG, "/session")
        assert server.data == b""
