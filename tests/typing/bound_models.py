"""What a model's client is to type checkers, and what documents are; read, not run."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"

from typing import Any, Generic, TypeVar, assert_type

from arya_api_framework import (
    AsyncClient,
    BoundResponse,
    Response,
    SyncClient,
    endpoint,
    shared,
)

T = TypeVar("T")


class Repo(BoundResponse["GitHub"]):
    """A model of an asynchronous client."""

    full_name: str

    async def again(self) -> "Repo":
        """Ask for it anew."""
        assert_type(self.model_client, GitHub)
        return await self.model_client.repo(self.full_name)


class Listed(BoundResponse["GitHub"], Generic[T]):
    """A generic one."""

    items: list[T]


class GitHub(AsyncClient, uri="https://api.github.com"):
    """The client."""

    async def repo(self, name: str) -> Repo:
        """Return a repository."""
        return await self.get(f"/repos/{name}", response_format=Repo)

    async def listed(self) -> Listed[Repo]:
        """Return some."""
        return await self.get("/repos", response_format=Listed[Repo])


class Either(BoundResponse[SyncClient | AsyncClient]):
    """A model of both kinds."""


class Unsaid(BoundResponse):
    """A model that says of no client."""


async def bound(github: GitHub, either: Either, unsaid: Unsaid) -> None:
    """Models know the type of their client."""
    repo = await github.repo("a/b")
    assert_type(repo.model_client, GitHub)
    assert_type(await repo.again(), Repo)
    listed = await github.listed()
    assert_type(listed.model_client, GitHub)
    assert_type(listed.items[0].model_client, GitHub)
    assert_type(either.model_client, SyncClient | AsyncClient)
    assert_type(unsaid.model_client, Any)
    repo.model_client = github  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    await repo.model_client.repos("a/b")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


# A model of each kind, and endpoints that serve both.


class Fields(Response):
    """What the models have in common."""

    id: int


class SyncUser(Fields, BoundResponse["SyncBlog"]):
    """Of a synchronous client."""

    def again(self) -> "SyncUser":
        return self.model_client.user(self.id)


class AsyncUser(Fields, BoundResponse["AsyncBlog"]):
    """Of an asynchronous one."""

    async def again(self) -> "AsyncUser":
        return await self.model_client.user(self.id)

    async def wrong(self) -> "AsyncUser":
        return self.model_client.user(self.id)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


class Blog(Generic[T]):
    """Generic over the model."""

    @shared
    @endpoint.get("/users/{id}")
    def user(self, id: int) -> T: ...


class SyncBlog(Blog[SyncUser], SyncClient, uri="https://h.test"):
    """Names its model."""


class AsyncBlog(Blog[AsyncUser], AsyncClient, uri="https://h.test"):
    """Names its model."""


async def of_each_kind(client: SyncBlog, other: AsyncBlog) -> None:
    """Each client returns models whose methods are of its kind."""
    assert_type(client.user(1), SyncUser)
    assert_type(client.user(1).again(), SyncUser)
    user = await other.user(1)
    assert_type(user, AsyncUser)
    assert_type(await user.again(), AsyncUser)


def documents(github: GitHub) -> None:
    """A document is a dict, or text."""
    assert_type(GitHub.openapi(), dict[str, Any])
    assert_type(github.openapi(), dict[str, Any])
    assert_type(GitHub.openapi(True, 2), str)
    assert_type(github.openapi(serialized=True, title="GitHub", version="3"), str)
