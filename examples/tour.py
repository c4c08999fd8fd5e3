"""A tour: a client of each kind, typed results, one error, and an upload with its progress.

Run it with `python -m examples.tour`.
"""

import asyncio
import tempfile
from pathlib import Path

from arya_api_framework import AsyncClient, BaseModel, Response, SyncClient
from arya_api_framework.errors import HTTPNotFound
from examples import api

MiB = 1024 * 1024


class Address(BaseModel):
    """Where somebody lives."""

    city: str


class User(Response):
    """One of the people of the API."""

    id: int
    name: str
    email: str
    address: Address


class Problem(BaseModel):
    """What the API says when something is wrong."""

    message: str


class Receipt(Response):
    """What the API says about a file it was given."""

    size: int
    sha256: str


class People(SyncClient, error_responses={404: Problem}, rate_limit=20):
    """The API, for programs that wait."""

    def user(self, number: int) -> User:
        """Return one user."""
        return self.get("/users/{id}", path_parameters={"id": number}, response_format=User)

    def users(self) -> list[User]:
        """Return all users."""
        return self.get("/users", response_format=list[User])

    def give(self, file: Path) -> Receipt:
        """Upload a file and print how far it is."""
        return self.stream_file(file, "/upload", response_format=Receipt, on_progress=show)


class AsyncPeople(AsyncClient, error_responses={404: Problem}, rate_limit=20):
    """The API, for programs that do something else meanwhile."""

    async def user(self, number: int) -> User:
        """Return one user."""
        return await self.get("/users/{id}", path_parameters={"id": number}, response_format=User)

    async def users(self) -> list[User]:
        """Return all users."""
        return await self.get("/users", response_format=list[User])

    async def give(self, file: Path) -> Receipt:
        """Upload a file and print how far it is."""
        return await self.stream_file(file, "/upload", response_format=Receipt, on_progress=show)


def show(sent: int, total: int | None) -> None:
    """Print the progress of an upload."""
    print(f"  sent {sent / MiB:.2f} of {(total or 0) / MiB:.2f} MiB")


def sync_tour(url: str, file: Path) -> None:
    """Show the client that waits."""
    print("SyncClient")
    with People(url) as people:
        user = people.user(1)
        print(f"  {user.name} <{user.email}> lives in {user.address.city}")
        print(f"  all of them: {', '.join(one.name for one in people.users())}")
        try:
            people.user(99)
        except HTTPNotFound as error:
            print(f"  {type(error).__name__}: {error.response.message}")
        receipt = people.give(file)
        print(f"  the server read {receipt.size} bytes")


async def async_tour(url: str, file: Path) -> None:
    """Show the same with the client that does not wait."""
    print("AsyncClient")
    async with AsyncPeople(url) as people:
        user, everyone = await asyncio.gather(people.user(1), people.users())
        print(f"  {user.name} <{user.email}> lives in {user.address.city}")
        print(f"  all of them: {', '.join(one.name for one in everyone)}")
        try:
            await people.user(99)
        except HTTPNotFound as error:
            print(f"  {type(error).__name__}: {error.response.message}")
        receipt = await people.give(file)
        print(f"  the server read {receipt.size} bytes")


def main() -> None:
    """Run both against the same server."""
    with api() as url, tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "film.mp4")
        file.write_bytes(bytes(MiB))
        sync_tour(url, file)
        asyncio.run(async_tour(url, file))


if __name__ == "__main__":
    main()
