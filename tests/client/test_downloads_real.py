"""Downloads from servers of other projects, and by processes that are killed."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arya_api_framework import Retry
from arya_api_framework.errors import RequestTimeout
from tests.conftest import Kind
from tests.counterparts import nginx_files
from tests.downloads import LARGE, cut, file, ranges
from tests.file_server import serve_files
from tests.patience import PATIENCE
from tests.scripted import Held, Scripted

MiB = 1024 * 1024


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that nginx serves."""
    folder = tmp_path_factory.mktemp("files")
    folder.chmod(0o755)
    for above in folder.parents[:2]:
        above.chmod(0o755)
    for name, content in (("large.bin", LARGE), ("empty.bin", b""), ("text.txt", LARGE[:9] * 999)):
        (folder / name).write_bytes(content)
        os.utime(folder / name, (10**9, 10**9))
    return folder


@pytest.fixture(scope="module", params=["of others", "of ours"])
def nginx_url(folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The origin of an nginx that serves them, and of the server that stands in for it."""
    with (nginx_files if request.param == "of others" else serve_files)(folder) as url:
        yield url


@pytest.mark.parametrize("connections", [1, 2, 5])
async def test_nginx(kind: Kind, nginx_url: str, tmp_path: Path, connections: int) -> None:
    """A file comes whole by any number of connections."""
    client = kind.client(nginx_url)
    found = await client.download("/large.bin", tmp_path, connections=connections)
    assert found.path == tmp_path / "large.bin"
    assert found.path.read_bytes() == LARGE
    assert found.status == (200 if connections == 1 else 206)
    empty = await client.download("/empty.bin", tmp_path, connections=connections)
    assert empty.path.read_bytes() == b""


@pytest.mark.parametrize("place", ["slow", "plain"])
@pytest.mark.parametrize("connections", [1, 2])
async def test_nginx_goes_on(
    kind: Kind, nginx_url: str, tmp_path: Path, place: str, connections: int
) -> None:
    """What came within a timeout is not asked for again, by an entity tag or an old date."""

    def stop(done: int, total: int | None) -> None:
        if done >= 2 * MiB:
            raise KeyError(done)

    client = kind.client(nginx_url)
    with pytest.raises(KeyError):
        await client.download(
            f"/{place}/large.bin", tmp_path, connections=connections, on_progress=stop
        )
    found = await client.download(f"/{place}/large.bin", tmp_path, connections=connections)
    assert found.path.read_bytes() == LARGE
    assert (found.status, found.resumed_from >= 2 * MiB) == (206, True)
    assert sorted(os.listdir(tmp_path)) == ["large.bin"]


async def test_nginx_is_too_slow(kind: Kind, nginx_url: str, tmp_path: Path) -> None:
    """A `timeout` bounds the whole of it."""
    with pytest.raises(RequestTimeout):
        await kind.client(nginx_url).download("/slow/large.bin", tmp_path, timeout=0.2)


@pytest.mark.parametrize("place", ["packed", "whole"])
async def test_nginx_without_ranges(kind: Kind, nginx_url: str, tmp_path: Path, place: str) -> None:
    """What is fetched anew is whole, too; nothing comes coded, as that is not asked for."""

    def stop(done: int, total: int | None) -> None:
        if done >= MiB:
            raise KeyError(done)

    client = kind.client(nginx_url)
    with pytest.raises(KeyError):
        await client.download(f"/{place}/large.bin", tmp_path, connections=3, on_progress=stop)
    found = await client.download(f"/{place}/large.bin", tmp_path, connections=3)
    assert found.path.read_bytes() == LARGE
    assert "Content-Encoding" not in found.headers
    # Though it is not asked for.
    asked = {"Accept-Encoding": "gzip"}
    text = await client.download(f"/{place}/text.txt", tmp_path, headers=asked)
    assert text.path.read_bytes() == LARGE[:9] * 999
    assert ("Content-Encoding" in text.headers) == (place == "packed")


async def test_nginx_has_another_file(
    kind: Kind, nginx_url: str, folder: Path, tmp_path: Path
) -> None:
    """A file that is replaced between two downloads is fetched anew."""

    def stop(done: int, total: int | None) -> None:
        if done >= MiB:
            raise KeyError(done)

    (folder / "changing.bin").write_bytes(LARGE)
    client = kind.client(nginx_url)
    with pytest.raises(KeyError):
        await client.download("/changing.bin", tmp_path, on_progress=stop)
    (folder / "changing.bin").write_bytes(LARGE[::-1])
    os.utime(folder / "changing.bin", (10**9, 10**9 + 5))
    found = await client.download("/changing.bin", tmp_path)
    assert found.path.read_bytes() == LARGE[::-1]
    assert (found.status, found.resumed_from) == (200, 0)


async def test_httpbin(kind: Kind, httpbin_url: str, tmp_path: Path) -> None:
    """It sends ranges, drips, and codes what it sends."""
    client = kind.client(httpbin_url, retry=Retry(backoff=0.001))
    found = await client.download("/range/5000", tmp_path / "range", connections=2)
    assert found.path.read_bytes() == bytes(97 + n % 26 for n in range(5000))
    drip = {"numbytes": 20, "duration": 1, "delay": 0}
    found = await client.download("/drip", tmp_path, parameters=drip)
    assert (found.path.name, found.path.read_bytes()) == ("drip", b"*" * 20)
    assert b'"gzipped": true' in (await client.download("/gzip", tmp_path)).path.read_bytes()
    found = await client.download("/stream-bytes/100000", tmp_path)
    assert found.size == 100_000
    found = await client.download("/redirect-to", tmp_path, parameters={"url": "/bytes/9"})
    assert (found.path.name, found.size) == ("redirect-to", 9)


DOWNLOADER = """
import asyncio, sys
from arya_api_framework import AsyncClient, SyncClient

kind, url, target, connections = sys.argv[1:]

def tell(done, total):
    print(done, flush=True)

options = {"connections": int(connections), "on_progress": tell}
if kind == "sync":
    SyncClient(url).download("/file", target, **options)
else:
    asyncio.run(AsyncClient(url).download("/file", target, **options))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
@pytest.mark.parametrize("connections", [1, 3])
async def test_a_process_that_is_killed(kind: Kind, tmp_path: Path, connections: int) -> None:
    """Another one goes on where it was, and what comes out is the same to the byte."""
    rest = Held(b"")
    target = tmp_path / "file"
    step = cut(file(LARGE), MiB + 1000, rest)
    async with Scripted(*[step] * connections) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", DOWNLOADER, kind.name, server.url, str(target), str(connections)),
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while int(await process.stdout.readline()) < connections * MiB // 2:
                pass
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
        assert sorted(os.listdir(tmp_path)) == ["file.part", "file.part.json"]
        server.script = [file(LARGE)] * 4
        digest = f"sha-256:{hashlib.sha256(LARGE).hexdigest()}"
        found = await kind.client(server.url).download("/file", target, checksum=digest)
        assert target.read_bytes() == LARGE
        assert found.resumed_from >= (MiB // 2 if connections == 1 else 0)
        assert all(ranges(server.log[connections:]))
    assert os.listdir(tmp_path) == ["file"]
