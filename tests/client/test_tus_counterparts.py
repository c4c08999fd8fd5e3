"""Uploads to servers for tus that nobody here wrote, over connections that break."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp_tus import setup_tus

from arya_api_framework import Retry
from arya_api_framework.errors import TransportError, UploadError, UploadLost
from tests import upload_servers
from tests.conftest import Kind
from tests.counterparts import TusPlace, tus_node
from tests.upload_servers import Relay

BIG = os.urandom(3 * 1024 * 1024 + 1)
FAST = Retry(backoff=0.001, attempts=10)


@pytest.fixture
async def node() -> AsyncIterator[TusPlace]:
    """`@tus/server`, or, where that is not installed, the server of the tests."""
    async with AsyncExitStack() as stack:
        place = stack.enter_context(tus_node())
        if place is None:  # pragma: no cover - installed by .ci/run
            server = await stack.enter_async_context(upload_servers.TusServer())

            def read(url: str, _: str) -> bytes:
                return bytes(server.files[url.rpartition("/")[2]].data)

            place = TusPlace(server.port, read)
        yield place


@pytest.fixture
async def aiohttp_tus(tmp_path: Path) -> AsyncIterator[TusPlace]:
    """`aiohttp-tus`, which keeps a file under its name when it is whole."""
    folder = tmp_path / "taken"
    folder.mkdir()
    app = web.Application(client_max_size=2**30)
    with pytest.warns(web.NotAppKeyWarning):
        setup_tus(app, upload_path=folder, upload_url="/files")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    yield TusPlace(port, lambda _, name: (folder / name).read_bytes())
    await runner.cleanup()


@pytest.fixture(params=["node", "aiohttp_tus"])
def place(request: pytest.FixtureRequest) -> Any:
    """Each of the servers in turn."""
    return request.getfixturevalue(request.param)


async def test_a_file_arrives(kind: Kind, place: TusPlace, tmp_path: Path) -> None:
    """Whole, byte for byte, in one request or several."""
    path = tmp_path / "film.mp4"
    path.write_bytes(BIG)
    client = kind.client(f"http://127.0.0.1:{place.port}")
    for number, chunk_size in enumerate((None, 1024 * 1024)):
        metadata = {"filename": f"{number}.mp4"}
        upload = client.tus(path, "/files", metadata=metadata, chunk_size=chunk_size)
        url = await kind.call(upload.send)
        assert place.read(url, f"{number}.mp4") == BIG


async def test_an_upload_survives_cuts(kind: Kind, place: TusPlace) -> None:
    """What the server holds in the end is the file; nothing it had taken is sent again."""
    async with Relay(place.port) as relay:
        client = kind.client(relay.url, retry=FAST)
        relay.cuts = [700_000, 900_000, 300, 200_000]
        upload = client.tus(BIG, "/files", metadata={"filename": "x"}, chunk_size=512 * 1024)
        url = await kind.call(upload.send)
        assert upload.done
        assert place.read(url, "x") == BIG
        # The one keeps what it had of a chunk, the other one only whole ones.
        assert relay.passed < len(BIG) + 4 * 512 * 1024 + 20_000


async def test_another_client_goes_on(kind: Kind, node: TusPlace) -> None:
    """From the state, after a cut that ended the call."""
    async with Relay(node.port) as relay:
        relay.cuts = [1_000_000]
        client = kind.client(relay.url)
        upload = client.tus(BIG, "/files", metadata={"filename": "x"})
        with pytest.raises(TransportError):
            await kind.call(upload.send)
        state = upload.state
        other = kind.client(relay.url, retry=FAST).tus(BIG, "/files", state=state)
        url = await kind.call(other.send)
        assert node.read(url, "x") == BIG
        assert relay.passed < len(BIG) + 300_000


async def test_the_extensions(kind: Kind, node: TusPlace) -> None:
    """Creation with the first bytes, a length told late, expiration, termination, the largest."""
    client = kind.client(f"http://127.0.0.1:{node.port}")
    upload = client.tus(iter([BIG[:5], BIG[5:]]), "/files", with_creation=True)
    url = await kind.call(upload.send)
    assert node.read(url, "") == BIG
    empty = client.tus(b"", "/files")
    assert node.read(await kind.call(empty.send), "") == b""
    later = client.tus(b"abc", "/files", discover=False)
    await kind.call(later.send)
    assert upload.expires is None or upload.expires > datetime.now(UTC)
    assert await kind.call(upload.refresh) == len(BIG)
    await kind.call(upload.terminate)
    gone = client.tus(iter([BIG]), "/files", state={"url": url, "size": None})
    with pytest.raises(UploadLost):
        await kind.call(gone.send)


async def test_what_is_too_large_is_refused_first(kind: Kind, node: TusPlace) -> None:
    """By what the server says of itself."""
    client = kind.client(f"http://127.0.0.1:{node.port}")
    server = await kind.call(client.tus(b"", "/files").discover)
    if server.max_size is not None:  # pragma: no branch - that of the tests has no limit
        upload = client.tus(bytes(server.max_size + 1), "/files")
        with pytest.raises(UploadError, match="takes 104857600 at most"):
            await kind.call(upload.send)
