"""Download a file with a bar, and go on with what an earlier download left of it.

Run it with `python -m examples.download`. What is broken off, by whatever ends it, is gone on with
by the next run: only what is missing is asked for.
"""

import asyncio
import tempfile
from pathlib import Path

from arya_api_framework import AsyncClient, Download, SyncClient
from arya_api_framework.errors import TransportError
from examples import api

FILM = "/files/5000000/film.mp4?cut=2000000"
"""A file of 5 MB, from a server that breaks the connection after each 2 MB."""


class Archive(SyncClient):
    """A place for files."""

    def fetch(self, path: str, to: Path, patient: bool = True) -> Download:
        """Fetch a file into a folder, where it has the name that the server tells.

        The bar is drawn on a terminal. A digest that the server tells is compared with the file.
        """
        if patient:
            return self.download(path, to, progress=True, checksum=True)
        return self.download(path, to, progress=True, checksum=True, retry=None)


class AsyncArchive(AsyncClient):
    """The same place, for a program that does something else meanwhile."""

    async def fetch(self, path: str, to: Path) -> Download:
        """Fetch a file by four connections."""
        return await self.download(path, to, connections=4, on_progress=self.show)

    @staticmethod
    def show(done: int, total: int | None) -> None:
        """Draw a bar of our own, when all is there."""
        if done == total:
            print(f"  [{'#' * 20}] {done:,} bytes")


def fetch(origin: str, folder: Path) -> None:
    """Fetch a file that comes in pieces."""
    with Archive(origin) as archive:
        try:
            archive.fetch(FILM, folder, patient=False)
        except TransportError as error:
            print(f"{type(error).__name__}: {sum(map(size_of, folder.glob('*.part'))):,} bytes")
        film = archive.fetch(FILM, folder)
        print(f"{film.path and film.path.name}: {film.resumed_from:,} of {film.size:,} bytes kept")
        print(f"it is what the server has: {(film.digest or '')[:16]}...")


def size_of(file: Path) -> int:
    """Return how many bytes a file has."""
    return file.stat().st_size


async def fetch_async(origin: str, folder: Path) -> None:
    """Fetch a file by several connections at once."""
    async with AsyncArchive(origin) as archive:
        photo = await archive.fetch("/files/9000000/photo.tiff", folder)
        print(f"{photo.path and photo.path.name}: {photo.size:,} bytes")


if __name__ == "__main__":
    with api() as address, tempfile.TemporaryDirectory() as name:
        fetch(address, Path(name))
        asyncio.run(fetch_async(address, Path(name)))
