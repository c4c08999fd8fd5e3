"""What is measured in processes of their own, run as `python -m tests.benchmarks.children`.

Each side imports only its own libraries, so that neither pays for the other's memory. The last
line of the output is JSON with the figures.
"""

import asyncio
import json
import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

_MIB = 1024 * 1024
_STATUS = Path("/proc/self/status")
_IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where files are written: how fast a disk is, is not what is measured."""


def memory(field: str) -> float:
    """Return this process's `VmRSS`, resident now, or `VmHWM`, resident at its peak, in MiB."""
    if not _STATUS.exists():  # Elsewhere than on Linux there is the peak alone.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (_MIB if sys.platform == "darwin" else 1024)
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


class Meter:
    """Figures of what runs in its `with` block: seconds, seconds of CPU, growth to the peak."""

    def __enter__(self) -> Self:
        self._resident = memory("VmRSS")
        self._cpu = time.process_time()
        self._start = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self.figures = {
            "seconds": time.perf_counter() - self._start,
            "cpu": time.process_time() - self._cpu,
            "growth": memory("VmHWM") - self._resident,
        }


def hold_ours(origin: str, count: int) -> dict[str, float]:
    """Hold calls of our client in flight."""
    from arya_api_framework import AsyncClient, Pool

    from .models import HEADERS, TOKEN, User

    class Client(AsyncClient, headers=HEADERS, bearer_token=TOKEN, pool=Pool(count)):
        async def user(self, path: str) -> User:
            return await self.get(path, headers={"X-Request-ID": "1"}, response_format=User)

    async def run() -> dict[str, float]:
        async with Client(origin) as client:
            await client.user("/now")
            with Meter() as meter:
                await asyncio.gather(*(client.user("/users/1") for _ in range(count)))
        return meter.figures

    return asyncio.run(run())


def hold_theirs(origin: str, count: int) -> dict[str, float]:
    """Hold calls of aiohttp in flight."""
    import aiohttp

    from .models import HEADERS, TOKEN, PlainUser

    async def run() -> dict[str, float]:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={**HEADERS, "Authorization": f"Bearer {TOKEN}"},
        ) as session:

            async def user(path: str) -> PlainUser:
                async with session.get(
                    f"{origin}{path}", headers={"X-Request-ID": "1"}
                ) as response:
                    return PlainUser.model_validate(await response.json())

            await user("/now")
            with Meter() as meter:
                await asyncio.gather(*(user("/users/1") for _ in range(count)))
        return meter.figures

    return asyncio.run(run())


def upload_sync_ours(url: str, small: str, large: str) -> dict[str, float]:
    """Stream a file with our synchronous client."""
    from arya_api_framework import SyncClient

    with SyncClient(url) as client:
        client.stream_file(small)
        with Meter() as meter:
            client.stream_file(large)
    return meter.figures


def upload_sync_theirs(url: str, small: str, large: str) -> dict[str, float]:
    """Stream a file with requests."""
    import requests

    def send(path: str) -> None:
        with open(path, "rb") as file:
            session.post(url, data=file).raise_for_status()

    with requests.Session() as session:
        send(small)
        with Meter() as meter:
            send(large)
    return meter.figures


def upload_async_ours(url: str, small: str, large: str) -> dict[str, float]:
    """Stream a file with our asynchronous client."""
    from arya_api_framework import AsyncClient

    async def run() -> dict[str, float]:
        async with AsyncClient(url) as client:
            await client.stream_file(small)
            with Meter() as meter:
                await client.stream_file(large)
        return meter.figures

    return asyncio.run(run())


def upload_async_theirs(url: str, small: str, large: str) -> dict[str, float]:
    """Stream a file with aiohttp."""
    import aiohttp

    async def run() -> dict[str, float]:
        async def send(path: str) -> None:
            with open(path, "rb") as file:  # noqa: ASYNC230 - As the docs of aiohttp show it.
                async with session.post(url, data=file) as response:
                    response.raise_for_status()
                    await response.read()

        async with aiohttp.ClientSession() as session:
            await send(small)
            with Meter() as meter:
                await send(large)
        return meter.figures

    return asyncio.run(run())


UPLOADS = {
    "sync-ours": upload_sync_ours,
    "sync-theirs": upload_sync_theirs,
    "async-ours": upload_async_ours,
    "async-theirs": upload_async_theirs,
}


def stream_sync_ours(origin: str, size: str) -> dict[str, float]:
    """Stream a body with our synchronous client."""
    from arya_api_framework import SyncClient

    with SyncClient(origin) as client:

        def read(path: str) -> int:
            with client.stream("GET", path) as body:
                return sum(len(piece) for piece in body.iter_bytes())

        read("/1000000")
        with Meter() as meter:
            assert read(f"/{size}") == int(size)
    return meter.figures


def stream_sync_theirs(origin: str, size: str) -> dict[str, float]:
    """Stream a body with requests."""
    import requests

    with requests.Session() as session:

        def read(path: str) -> int:
            with session.get(origin + path, stream=True) as response:
                return sum(len(piece) for piece in response.iter_content(64 * 1024))

        read("/1000000")
        with Meter() as meter:
            assert read(f"/{size}") == int(size)
    return meter.figures


def stream_async_ours(origin: str, size: str) -> dict[str, float]:
    """Stream a body with our asynchronous client."""
    from arya_api_framework import AsyncClient

    async def run() -> dict[str, float]:
        async with AsyncClient(origin) as client:

            async def read(path: str) -> int:
                total = 0
                async with client.stream("GET", path) as body:
                    async for piece in body.iter_bytes():
                        total += len(piece)
                return total

            await read("/1000000")
            with Meter() as meter:
                assert await read(f"/{size}") == int(size)
        return meter.figures

    return asyncio.run(run())


def stream_async_theirs(origin: str, size: str) -> dict[str, float]:
    """Stream a body with aiohttp."""
    import aiohttp

    async def run() -> dict[str, float]:
        async with aiohttp.ClientSession() as session:

            async def read(path: str) -> int:
                total = 0
                async with session.get(origin + path) as response:
                    async for piece in response.content.iter_any():
                        total += len(piece)
                return total

            await read("/1000000")
            with Meter() as meter:
                assert await read(f"/{size}") == int(size)
        return meter.figures

    return asyncio.run(run())


STREAMS = {
    "sync-ours": stream_sync_ours,
    "sync-theirs": stream_sync_theirs,
    "async-ours": stream_async_ours,
    "async-theirs": stream_async_theirs,
}


def download_sync_ours(origin: str, size: str) -> dict[str, float]:
    """Download a file with our synchronous client."""
    from arya_api_framework import SyncClient

    with TemporaryDirectory(dir=_IN_MEMORY) as folder, SyncClient(origin) as client:
        client.download("/1000000", folder)
        with Meter() as meter:
            assert client.download(f"/{size}", folder).size == int(size)
    return meter.figures


def download_sync_theirs(origin: str, size: str) -> dict[str, float]:
    """Download a file with requests."""
    import requests

    with TemporaryDirectory(dir=_IN_MEMORY) as folder, requests.Session() as session:

        def fetch(path: str) -> int:
            with (
                session.get(origin + path, stream=True) as response,
                open(folder + path, "wb") as file,
            ):
                file.writelines(response.iter_content(64 * 1024))
                file.flush()
                os.fsync(file.fileno())
                return file.tell()

        fetch("/1000000")
        with Meter() as meter:
            assert fetch(f"/{size}") == int(size)
    return meter.figures


def download_async_ours(origin: str, size: str) -> dict[str, float]:
    """Download a file with our asynchronous client."""
    from arya_api_framework import AsyncClient

    async def run(folder: str) -> dict[str, float]:
        async with AsyncClient(origin) as client:
            await client.download("/1000000", folder)
            with Meter() as meter:
                assert (await client.download(f"/{size}", folder)).size == int(size)
        return meter.figures

    with TemporaryDirectory(dir=_IN_MEMORY) as folder:
        return asyncio.run(run(folder))


def download_async_theirs(origin: str, size: str) -> dict[str, float]:
    """Download a file with aiohttp, which writes it in a thread."""
    import aiohttp

    async def run(folder: str) -> dict[str, float]:
        async with aiohttp.ClientSession() as session:

            async def fetch(path: str) -> int:
                file = await asyncio.to_thread(open, folder + path, "wb")
                async with session.get(origin + path) as response:
                    async for piece in response.content.iter_chunked(_MIB):
                        await asyncio.to_thread(file.write, piece)
                await asyncio.to_thread(file.flush)
                await asyncio.to_thread(os.fsync, file.fileno())
                size = file.tell()
                file.close()
                return size

            await fetch("/1000000")
            with Meter() as meter:
                assert await fetch(f"/{size}") == int(size)
        return meter.figures

    with TemporaryDirectory(dir=_IN_MEMORY) as folder:
        return asyncio.run(run(folder))


DOWNLOADS = {
    "sync-ours": download_sync_ours,
    "sync-theirs": download_sync_theirs,
    "async-ours": download_async_ours,
    "async-theirs": download_async_theirs,
}


def bomb_sync(origin: str) -> dict[str, float]:
    """Ask for a bomb with our synchronous client."""
    from arya_api_framework import SyncClient
    from arya_api_framework.errors import ResponseTooLarge

    with SyncClient(origin) as client:
        client.get("/now")
        with Meter() as meter, suppress(ResponseTooLarge):
            raise AssertionError(client.get("/"))
    return meter.figures


def bomb_async(origin: str) -> dict[str, float]:
    """Ask for a bomb with our asynchronous client."""
    from arya_api_framework import AsyncClient
    from arya_api_framework.errors import ResponseTooLarge

    async def run() -> dict[str, float]:
        async with AsyncClient(origin) as client:
            await client.get("/now")
            with Meter() as meter, suppress(ResponseTooLarge):
                raise AssertionError(await client.get("/"))
        return meter.figures

    return asyncio.run(run())


def items_ours(path: str) -> dict[str, float]:
    """Decode the elements of an array while they are read."""
    from arya_api_framework.streaming.json_items import JsonItems

    from .decoders import PIECE
    from .models import User

    JsonItems(User)  # Compiles the model.
    with Meter() as meter, open(path, "rb") as file:
        decoder = JsonItems(User)
        last = -1
        while piece := file.read(PIECE):
            for user in decoder.feed(piece):
                last = user.id
        decoder.finish()
    if last + 1 != decoder.count:
        raise RuntimeError(f"{decoder.count} items came, the last was {last}")
    return meter.figures


def items_theirs(path: str) -> dict[str, float]:
    """Validate an array with pydantic, once it was read."""
    from pydantic import TypeAdapter

    from .models import PlainUser

    users = TypeAdapter(list[PlainUser])
    resident = memory("VmRSS")
    content = Path(path).read_bytes()
    with Meter() as meter:
        found = users.validate_json(content)
    if found[-1].id + 1 != len(found):
        raise RuntimeError(f"{len(found)} items came")
    return {**meter.figures, "growth": memory("VmHWM") - resident}


def items_theirs_uncollected(path: str) -> dict[str, float]:
    """The same without a garbage collector that looks at all that is there already."""
    import gc

    gc.disable()
    return items_theirs(path)


ITEMS = {
    "ours": items_ours,
    "theirs": items_theirs,
    "theirs-uncollected": items_theirs_uncollected,
}
WARM = 2000
"""Calls after which all is there that does not depend on how many there are."""


def map_sync(origin: str, count: str) -> dict[str, float]:
    """Make calls through `map` of our synchronous client."""
    from arya_api_framework import SyncClient

    from .models import User

    def user(number: int) -> User:
        return client.get(f"/users/{number}", response_format=User)

    with SyncClient(origin) as client:
        for _ in client.map(user, range(WARM)):
            pass
        with Meter() as meter:
            for _ in client.map(user, range(int(count))):
                pass
    return meter.figures


def map_async(origin: str, count: str) -> dict[str, float]:
    """Make calls through `map` of our asynchronous client."""
    from arya_api_framework import AsyncClient

    from .models import User

    async def run() -> dict[str, float]:
        async with AsyncClient(origin) as client:

            async def user(number: int) -> User:
                return await client.get(f"/users/{number}", response_format=User)

            async for _ in client.map(user, range(WARM)):
                pass
            with Meter() as meter:
                async for _ in client.map(user, range(int(count))):
                    pass
        return meter.figures

    return asyncio.run(run())


def main(what: str, side: str, *arguments: str) -> None:
    """Measure one side and write its figures."""
    if what == "upload":
        figures = UPLOADS[side](*arguments)
    elif what == "stream":
        figures = STREAMS[side](*arguments)
    elif what == "items":
        figures = ITEMS[side](*arguments)
    elif what == "map":
        figures = {"sync": map_sync, "async": map_async}[side](*arguments)
    elif what == "download":
        figures = DOWNLOADS[side](*arguments)
    elif what == "bomb":
        figures = {"sync": bomb_sync, "async": bomb_async}[side](*arguments)
    else:
        # Thousands of connections need as many files.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        origin, count = arguments
        figures = {"ours": hold_ours, "theirs": hold_theirs}[side](origin, int(count))
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
