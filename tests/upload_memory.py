"""How much memory an upload takes, in a process of its own, so that nothing else counts.

    python -m tests.upload_memory sync stream http://127.0.0.1:8000 film.mp4

The last line of the output is JSON with the figures.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from arya_api_framework import AsyncClient, SyncClient
from tests.benchmarks.children import Meter

_PIECE = 300_000

WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "form": lambda client, file: client.upload_file(file, "/sink"),
    "stream": lambda client, file: client.stream_file(file, "/sink"),
    "checksum": lambda client, file: client.stream_file(file, "/sink", checksum="md5"),
    "resumable": lambda client, file: client.upload_resumable(file, "/session"),
    "iterator": lambda client, file: client.upload_resumable(read(file), "/session"),
    "tus": lambda client, file: client.tus(file, "/files").send(),
    "tus-iterator": lambda client, file: (
        client.tus(read_async(file), "/files").send()
        if isinstance(client, AsyncClient)
        else client.tus(read(file), "/files").send()
    ),
}


def read(path: Path) -> Iterator[bytes]:
    """Read a file piece by piece."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


async def read_async(path: Path) -> AsyncIterator[bytes]:
    """Read a file piece by piece, as something that is awaited."""
    for piece in read(path):
        yield piece


async def run(way: str, url: str, small: Path, file: Path) -> dict[str, float]:
    """Upload with the asynchronous client."""
    async with AsyncClient(url, timeout=None) as client:
        await WAYS["stream"](client, small)
        with Meter() as meter:
            await WAYS[way](client, file)
    return meter.figures


def main(kind: str, way: str, url: str, name: str) -> dict[str, float]:
    """Upload a small file, and measure the upload of another one."""
    small = Path(__file__)
    if kind == "async":
        return asyncio.run(run(way, url, small, Path(name)))
    with SyncClient(url, timeout=None) as client:
        WAYS["stream"](client, small)
        with Meter() as meter:
            WAYS[way](client, Path(name))
    return meter.figures


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
