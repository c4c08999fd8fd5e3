"""Uploads: a form with a file, a big file piece by piece, and data that is made on the way.

Run it with `python -m examples.uploads`.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from arya_api_framework import AsyncClient, Response, SyncClient
from examples import api

MiB = 1024 * 1024


class StoredFile(Response):
    """One file as the server read it."""

    size: int
    sha256: str


class NamedFile(StoredFile):
    """One file of a form."""

    filename: str


class Form(Response):
    """A form as the server read it."""

    fields: dict[str, str]
    files: list[NamedFile]


class Archive(SyncClient):
    """A place for files."""

    def send_report(self, file: Path, title: str) -> Form:
        """Send a file in a form, with a field beside it."""
        return self.post(
            "/upload", data={"title": title}, files={"report": file}, response_format=Form
        )

    def send_photo(self, photo: bytes) -> Form:
        """Send bytes that are in memory as a file with a name and a type."""
        return self.post(
            "/upload", files={"photo": ("cat.png", photo, "image/png")}, response_format=Form
        )

    def send_film(self, file: Path) -> StoredFile:
        """Send a big file; only one piece of it is in memory."""
        return self.stream_file(
            file, "/upload", method="PUT", response_format=StoredFile, on_progress=show
        )

    def send_lines(self, lines: Iterator[bytes]) -> StoredFile:
        """Send data that is made while it is sent."""
        return self.post("/upload", data=lines, response_format=StoredFile)


class AsyncArchive(AsyncClient):
    """The same place."""

    async def send_film(self, file: Path) -> StoredFile:
        """Send a big file; only one piece of it is in memory."""
        return await self.stream_file(
            file, "/upload", method="PUT", response_format=StoredFile, on_progress=show
        )

    async def send_lines(self, lines: AsyncIterator[bytes]) -> StoredFile:
        """Send data that is made, or received, while it is sent."""
        return await self.post("/upload", data=lines, response_format=StoredFile)


def show(sent: int, total: int | None) -> None:
    """Draw a bar."""
    share = sent / total if total else 0
    print(f"  [{'#' * round(20 * share):20}] {share:4.0%}")


def lines() -> Iterator[bytes]:
    """Make three lines."""
    for number in range(3):
        yield b"line %d\n" % number


async def async_lines() -> AsyncIterator[bytes]:
    """Make three lines, as a source would that has to be awaited."""
    for line in lines():
        await asyncio.sleep(0)
        yield line


async def async_uploads(url: str, film: Path) -> None:
    """Upload with the asynchronous client."""
    async with AsyncArchive(url) as archive:
        print("a film, asynchronously")
        print(f"  {(await archive.send_film(film)).size} bytes arrived")
        print(f"lines: {(await archive.send_lines(async_lines())).size} bytes arrived")


def main() -> None:
    """Upload with both clients."""
    with api() as url, tempfile.TemporaryDirectory() as folder:
        report, film = Path(folder, "report.csv"), Path(folder, "film.mp4")
        report.write_text("year,total\n2026,1\n")
        film.write_bytes(bytes(MiB))
        with Archive(url) as archive:
            form = archive.send_report(report, "This year")
            print(f"{form.files[0].filename}: {form.files[0].size} bytes, {form.fields}")
            print(f"{archive.send_photo(b'PNG').files[0].filename} arrived")
            print("a film")
            print(f"  {archive.send_film(film).size} bytes arrived")
            print(f"lines: {archive.send_lines(lines()).size} bytes arrived")
        asyncio.run(async_uploads(url, film))


if __name__ == "__main__":
    main()
