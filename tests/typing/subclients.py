"""Sub-clients of each kind, and one class that serves both."""

from typing import Any, assert_type

from arya_api_framework import (
    AsyncClient,
    AsyncSubClient,
    BaseModel,
    RawResponse,
    Response,
    SubClient,
    SyncClient,
    SyncSubClient,
    shared,
)


class Repo(Response):
    """One."""

    full_name: str


class Problem(BaseModel):
    """Another."""

    message: str


# For one kind.


class SyncOnly(SyncSubClient, relative_path="/repos"):
    """Its verbs return results."""

    def of(self, owner: str) -> Repo:
        """Get one."""
        return self.get("/{owner}", path_parameters={"owner": owner}, response_format=Repo)

    def wrong(self) -> Problem:
        """Find the wrong format."""
        return self.get("/", response_format=Repo)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


class AsyncOnly(AsyncSubClient, relative_path="/repos"):
    """Its verbs return awaitables."""

    async def of(self, owner: str) -> Repo:
        """Get one."""
        return await self.get("/{owner}", path_parameters={"owner": owner}, response_format=Repo)

    async def wrong(self) -> Problem:
        """Find the wrong format."""
        return await self.get("/", response_format=Repo)  # type: ignore[arg-type]  # pyright: ignore[reportReturnType]


# For both kinds.


class Repos(SubClient, relative_path="/repos"):
    """Its verbs return what the client at the root does, so `Any`."""

    @shared
    def of(self, owner: str, page: int = 1) -> Repo:
        """Get one."""
        repo: Repo = self.get(
            "/{owner}",
            path_parameters={"owner": owner},
            parameters={"page": page},
            response_format=Repo,
        )
        return repo

    @shared
    def all(self) -> list[Repo] | Any:
        """Get all; with `Any` in it the result needs no name of its own."""
        return self.get("/", response_format=list[Repo])

    def untyped(self) -> Any:
        """Get anything."""
        return self.get("/")

    def misspelt(self) -> None:
        """Options are checked here too."""
        self.get("/", timeot=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        self.post("/", body={}, response_format=Repo, raw=True, timeout=3)
        self.post("/", body={}, respons_format=Repo)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        self.upload_file(b"", "/", field="x", feild="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        self.stream_file(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        self.head("/", raw=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class SyncRepos(Repos, SyncSubClient):
    """The same for a `SyncClient`, exactly typed."""

    def more(self) -> Repo:
        """Use what both share."""
        return self.of("psf")


class AsyncRepos(Repos, AsyncSubClient):
    """The same for an `AsyncClient`, exactly typed."""

    async def more(self) -> Repo:
        """Use what both share."""
        return await self.of("psf")


class Sync(SyncClient, uri="https://h.test"):
    """Declares one of each that it can have."""

    only = SyncOnly()
    repos = SyncRepos()
    plain = Repos()


class Async(AsyncClient, uri="https://h.test"):
    """Declares one of each that it can have."""

    only = AsyncOnly()
    repos = AsyncRepos()
    plain = Repos()


def below_a_sync_client(client: Sync) -> None:
    """Results are those of the formats."""
    assert_type(client.only, SyncOnly)
    assert_type(Sync.only, SyncOnly)
    assert_type(client.only.of("psf"), Repo)
    assert_type(client.only.get("/", response_format=Repo | Problem), Repo | Problem)
    assert_type(client.only.get("/", raw=True), RawResponse)
    assert_type(client.repos.of("psf", page=2), Repo)
    assert_type(client.repos.all(), list[Repo] | Any)
    assert_type(client.repos.untyped(), Any)
    assert_type(client.repos.get("/", response_format=dict[str, Repo]), dict[str, Repo])
    assert_type(client.plain.get("/", response_format=Repo), Any)
    assert_type(client.plain.of("psf"), Any)
    assert client.repos.of("psf").nam  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    client.repos.of(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.repos.of("psf", pge=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.plain.of(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.only.get("/", timeot=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


async def below_an_async_client(client: Async) -> None:
    """Results are awaited."""
    assert_type(client.only, AsyncOnly)
    assert_type(await client.only.of("psf"), Repo)
    assert_type(await client.only.get("/", response_format=Repo | Problem), Repo | Problem)
    assert_type(await client.only.get("/", raw=True), RawResponse)
    assert_type(await client.repos.of("psf", page=2), Repo)
    assert_type(await client.repos.all(), list[Repo] | Any)
    assert_type(await client.repos.get("/", response_format=dict[str, Repo]), dict[str, Repo])
    assert_type(await client.plain.get("/", response_format=Repo), Any)
    assert_type(await client.plain.of("psf"), Any)
    assert client.repos.of("psf").full_name  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    await client.repos.of(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.repos.of("psf")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]


class Nested(SubClient):
    """Holds others, and has a signature of its own."""

    repos = SyncRepos()

    def __init__(self, owner: str) -> None:
        self.owner = owner


class Deep(SyncClient, uri="https://h.test"):
    """Declares one with arguments."""

    nested = Nested("psf")
    wrong = Nested(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    missing = Nested()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def nested(client: Deep) -> None:
    """Types go down to any depth."""
    assert_type(client.nested.owner, str)
    assert_type(client.nested.repos.of("psf"), Repo)
