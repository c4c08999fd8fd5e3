"""Uploads of any size take a few MiB of memory, on each way and with both clients."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.upload_memory import WAYS
from tests.upload_servers import RangeServer, Sink, TusServer, Uploads

ROOT = Path(__file__).parent.parent.parent
MiB = 1024 * 1024
SIZE = 256
MOST = 16
"""What the peak may grow by, in MiB."""


class Big(NamedTuple):
    """A file, and what it holds."""

    path: Path
    digest: str


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Big]:
    """A file of 256 MiB, no two of them the same."""
    path = tmp_path_factory.mktemp("big") / "film.mp4"
    block = os.urandom(MiB - 8)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for number in range(SIZE):
            piece = number.to_bytes(8, "big") + block
            digest.update(piece)
            file.write(piece)
    yield Big(path, digest.hexdigest())
    path.unlink()


@pytest.mark.parametrize("client", ["sync", "async"])
@pytest.mark.parametrize("way", WAYS)
async def test_memory_stays_flat(big: Big, client: str, way: str) -> None:
    """The peak grows by at most 16 MiB, and all of the file is there."""
    server: Uploads
    if way.startswith("tus"):
        server = TusServer()
    elif way in ("resumable", "iterator"):
        server = RangeServer()
    else:
        server = Sink()
    server.keeps = False
    server.answers["POST"] = [200]  # Of the small file.
    async with server:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.upload_memory", client, way, server.url, str(big.path)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        told, _ = await child.communicate()
        assert child.returncode == 0
    figures = json.loads(told.splitlines()[-1])
    assert figures["growth"] <= MOST, figures
    assert server.taken - server.log[0].taken >= SIZE * MiB
    if isinstance(server, TusServer):
        assert server.file.digest.hexdigest() == big.digest
    elif isinstance(server, RangeServer):
        assert server.digest.hexdigest() == big.digest
