"""Declared endpoints have the exact signatures of their methods."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Generic, TypeVar, assert_type

from typing_extensions import TypedDict, Unpack

from arya_api_framework import (
    AsyncClient,
    AsyncItems,
    AsyncPages,
    AsyncStream,
    AsyncSubClient,
    BaseModel,
    CallOptions,
    LinkHeader,
    RawResponse,
    Response,
    SubClient,
    SyncClient,
    SyncItems,
    SyncPages,
    SyncStream,
    SyncSubClient,
    endpoint,
    shared,
)
from arya_api_framework.endpoints import (
    UNSET,
    Body,
    BoundEndpoint,
    ByStatus,
    Endpoint,
    Items,
    Pages,
    Query,
    Stream,
    Unset,
)

T = TypeVar("T")


class Repo(Response):
    """A result."""

    id: int


class Problem(BaseModel):
    """What an error status holds."""

    message: str


class NewRepo(BaseModel):
    """A body."""

    name: str


class Size(TypedDict):
    """A dict with names."""

    width: int


class Sync(SyncClient, uri="https://h.test"):
    """Of the one kind."""

    @endpoint.get("/repos/{owner}/{name}")
    def repo(self, owner: str, name: str = "x", *, page: int | Unset = UNSET) -> Repo: ...

    @endpoint.post("/repos", error_responses={410: Problem}, retry=None, name="Create")
    def create(self, body: NewRepo, **options: Unpack[CallOptions]) -> Repo: ...

    @endpoint.get("/repos", pagination=LinkHeader(), at="items")
    def search(self, q: str, *, limit: Annotated[int, Query(le=100)] = 30) -> SyncItems[Repo]: ...

    @endpoint.get("/repos", pagination=LinkHeader())
    def pages_of(self) -> SyncPages[list[Repo]]: ...

    @endpoint.get("/repos", pagination=LinkHeader())
    def each(self) -> Iterator[Repo]: ...

    @endpoint.get("/events")
    def events(self) -> SyncStream: ...

    @endpoint.get("/size")
    def size(self) -> Size: ...

    @endpoint.head("/size")
    def head_of(self) -> RawResponse: ...

    @endpoint.get("/either")
    def either(self) -> Annotated[Repo | Problem, ByStatus({200: Repo, 404: Problem})]: ...

    @endpoint.delete("/repos/{id}")
    def remove(self, id: int) -> None: ...

    @endpoint.get("/repos/{id}")
    def name_of(self, id: int, *, result: Repo = endpoint.result) -> str:
        assert_type(result, Repo)
        return str(result.id)

    @endpoint.put("/one", tiemout=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue, reportUntypedFunctionDecorator]
    def misspelt(self) -> Repo: ...


class Async(AsyncClient, uri="https://h.test"):
    """Of the other kind."""

    @endpoint.get("/repos/{owner}/{name}")
    async def repo(self, owner: str, name: str = "x") -> Repo: ...

    @endpoint.get("/repos", pagination=LinkHeader())
    def search(self, q: str) -> AsyncItems[Repo]: ...

    @endpoint.get("/repos", pagination=LinkHeader())
    def each(self) -> AsyncIterator[Repo]: ...

    @endpoint.get("/events")
    def events(self) -> AsyncStream: ...

    @endpoint.get("/repos/{id}")
    async def name_of(self, id: int, *, result: Repo = endpoint.result) -> str:
        return str(result.id)

    @endpoint.post("/both")
    async def both(
        self, left: Annotated[int, Body(embed=True)], right: Annotated[int, Body(embed=True)]
    ) -> None: ...


def calls(client: Sync) -> None:
    """Results are those of the annotations, and arguments are checked."""
    assert_type(client.repo("psf"), Repo)
    assert_type(client.repo("psf", name="x", page=2), Repo)
    assert_type(client.create(NewRepo(name="x"), timeout=3), Repo)
    assert_type(client.search("x", limit=3), SyncItems[Repo])
    assert_type(client.pages_of(), SyncPages[list[Repo]])
    assert_type(client.each(), Iterator[Repo])
    assert_type(client.events(), SyncStream)
    assert_type(client.size(), Size)
    assert_type(client.head_of(), RawResponse)
    assert_type(client.either(), Repo | Problem)
    assert_type(client.name_of(1), str)
    assert_type(client.repo.with_options(timeout=5)("psf"), Repo)
    assert_type(Sync.repo(client, "psf"), Repo)
    client.remove(1)
    client.repo()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.repo(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.repo("psf", nmae="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.repo("psf", timeout=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.create(NewRepo(name="x"), timeot=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.repo.with_options(timeot=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.repo.with_options(body=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.repo.with_options(method="GET")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    endpoint.get("/x", data=b"")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    endpoint.get("/x", state={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    endpoint.get("/x", path_parameters={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert client.repo("psf").nam  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    for name, one in Sync.endpoints.items():
        assert_type(name, str)
        assert_type(one, Endpoint[..., Any])


async def awaited(client: Async) -> None:
    """Those of the asynchronous kind are awaited."""
    assert_type(await client.repo("psf"), Repo)
    assert_type(await client.repo.with_options(timeout=5)("psf"), Repo)
    assert_type(client.search("x"), AsyncItems[Repo])
    assert_type(client.each(), AsyncIterator[Repo])
    assert_type(client.events(), AsyncStream)
    assert_type(await client.name_of(1), str)
    client.repo("psf")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    await client.both(1, right=2)
    await client.both(1, right="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# One declaration for both kinds.


class Repos(SubClient, relative_path="/repos"):
    """Mounted on either kind of client."""

    @shared
    @endpoint.get("/{owner}")
    def of(self, owner: str, page: int = 1) -> Repo: ...

    @shared
    @endpoint.get("/", pagination=LinkHeader())
    def all(self, *, limit: int = 30) -> Items[Repo]: ...

    @shared
    @endpoint.get("/", pagination=LinkHeader())
    def each_page(self) -> Pages[list[Repo]]: ...

    @shared
    @endpoint.get("/events")
    def events(self) -> Stream: ...


class SyncRepos(Repos, SyncSubClient):
    """`Repos` of a `SyncClient`."""


class AsyncRepos(Repos, AsyncSubClient):
    """`Repos` of an `AsyncClient`."""


class Api:
    """A mixin of endpoints, for clients."""

    @shared
    @endpoint.get("/repos/{owner}")
    def of(self, owner: str) -> Repo: ...


class SyncApi(Api, SyncClient, uri="https://h.test"):
    """With a `SyncClient`."""

    repos = SyncRepos()


class AsyncApi(Api, AsyncClient, uri="https://h.test"):
    """With an `AsyncClient`."""

    repos = AsyncRepos()


def mounted(client: SyncApi) -> None:
    """The same declaration returns results below a `SyncClient`."""
    assert_type(client.repos.of("psf"), Repo)
    assert_type(client.repos.of.with_options(timeout=3)("psf"), Repo)
    assert_type(client.repos.all(limit=3), SyncItems[Repo])
    assert_type(client.repos.each_page(), SyncPages[list[Repo]])
    assert_type(client.repos.events(), SyncStream)
    assert_type(client.of("psf"), Repo)
    client.repos.of(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.repos.all(limt=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def mounted_async(client: AsyncApi) -> None:
    """And awaitables below an `AsyncClient`."""
    assert_type(await client.repos.of("psf", page=2), Repo)
    assert_type(await client.repos.of.with_options(timeout=3)("psf"), Repo)
    assert_type(client.repos.all(), AsyncItems[Repo])
    assert_type(client.repos.each_page(), AsyncPages[list[Repo]])
    assert_type(client.repos.events(), AsyncStream)
    assert_type(await client.of("psf"), Repo)
    await client.of(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# Inherited and generic.


class Crud(SyncClient, Generic[T]):
    """What all resources have."""

    @endpoint.get("/{id}")
    def one(self, id: int) -> T: ...

    @endpoint.get("/", pagination=LinkHeader())
    def all(self) -> SyncItems[T]: ...


class OfRepos(Crud[Repo], uri="https://h.test/repos"):
    """Of repositories."""


class Narrower(Sync):
    """Overrides what it inherits."""

    @endpoint.get("/v2/repos/{owner}/{name}")
    def repo(self, owner: str, name: str = "x", *, page: int | Unset = UNSET) -> Repo: ...


def inherited(client: OfRepos, narrower: Narrower) -> None:
    """Type variables are what the class says that is used."""
    assert_type(client.one(1), Repo)
    assert_type(client.all(), SyncItems[Repo])
    assert_type(Crud[Repo]("https://h.test").one(1), Repo)
    assert_type(narrower.repo("psf"), Repo)
    bound: BoundEndpoint[[int], Repo] = client.one
    assert_type(bound(1), Repo)
