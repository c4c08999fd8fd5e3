"""A client of an API like GitHub's: sub-clients, an error model and a rate limit, for both kinds.

What can be called is there twice: written by hand, and declared by its signature.

Run it with `python -m examples.github`, or against the real API with
`python -m examples.github https://api.github.com`.
"""

# A declared method has no body; only mypy minds.
# mypy: disable-error-code="empty-body"

import asyncio
from datetime import datetime
from typing import Annotated

from arya_api_framework import (
    AsyncClient,
    AsyncSubClient,
    BaseModel,
    PageNumber,
    Response,
    SubClient,
    SyncClient,
    SyncSubClient,
    endpoint,
    shared,
)
from arya_api_framework.endpoints import ByStatus, Items, Query
from arya_api_framework.errors import HTTPNotFound
from examples import api

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


class Owner(BaseModel):
    """Whose repository it is."""

    login: str


class Repo(Response):
    """A repository."""

    full_name: str
    owner: Owner
    description: str | None
    stargazers_count: int
    created_at: datetime


class Found(Response):
    """What a search found."""

    total_count: int
    items: list[Repo]


class Problem(BaseModel):
    """What GitHub says when something is wrong."""

    message: str
    documentation_url: str | None = None


# What can be called is written once, for both kinds of client. The variables are for type checkers:
# a verb of a sub-client that serves both returns `Any`.


class Repos(SubClient, relative_path="/repos"):
    """Everything below `/repos`."""

    @shared
    def get_one(self, full_name: str) -> Repo:
        """Return one repository."""
        owner, name = full_name.split("/")
        repo: Repo = self.get(
            "/{owner}/{name}",
            path_parameters={"owner": owner, "name": name},
            response_format=Repo,
        )
        return repo


class Search(SubClient, relative_path="/search"):
    """Everything below `/search`."""

    @shared
    def repos(self, text: str, limit: int = 30) -> Found:
        """Return the repositories that fit a text."""
        found: Found = self.get(
            "/repositories", parameters={"q": text, "per_page": limit}, response_format=Found
        )
        return found


# Each kind gets its own types.


class SyncRepos(Repos, SyncSubClient):
    """`Repos` of a `GitHub`."""


class SyncSearch(Search, SyncSubClient):
    """`Search` of a `GitHub`."""


class AsyncRepos(Repos, AsyncSubClient):
    """`Repos` of an `AsyncGitHub`."""


class AsyncSearch(Search, AsyncSubClient):
    """`Search` of an `AsyncGitHub`."""


class GitHub(
    SyncClient,
    uri="https://api.github.com",
    headers=HEADERS,
    error_responses={"4XX": Problem},
    rate_limit=10,
):
    """GitHub, for programs that wait."""

    repos = SyncRepos()
    search = SyncSearch()


class AsyncGitHub(
    AsyncClient,
    uri="https://api.github.com",
    headers=HEADERS,
    error_responses={"4XX": Problem},
    rate_limit=10,
):
    """GitHub, for programs that do something else meanwhile."""

    repos = AsyncRepos()
    search = AsyncSearch()


# The same, declared: once for both kinds, with two lines for each that is mounted.


class DeclaredRepos(SubClient, relative_path="/repos"):
    """Everything below `/repos`."""

    @shared
    @endpoint.get("/{owner}/{name}")
    def get_one(self, owner: str, name: str) -> Repo:
        """Return one repository."""
        ...

    @shared
    @endpoint.get("/{owner}/{name}")
    def find(
        self, owner: str, name: str
    ) -> Annotated[Repo | Problem, ByStatus({200: Repo, 404: Problem})]:
        """Return one repository, if there is one."""
        ...


class DeclaredSearch(SubClient, relative_path="/search"):
    """Everything below `/search`."""

    @shared
    @endpoint.get("/repositories", at="items", pagination=PageNumber(total="total_count"))
    def repos(
        self, q: str, *, limit: Annotated[int, Query(alias="per_page", le=100)] = 30
    ) -> Items[Repo]:
        """Return all repositories that fit a text, page by page."""
        ...


class SyncDeclaredRepos(DeclaredRepos, SyncSubClient):
    """`DeclaredRepos` of a `DeclaredGitHub`."""


class SyncDeclaredSearch(DeclaredSearch, SyncSubClient):
    """`DeclaredSearch` of a `DeclaredGitHub`."""


class AsyncDeclaredRepos(DeclaredRepos, AsyncSubClient):
    """`DeclaredRepos` of an `AsyncDeclaredGitHub`."""


class AsyncDeclaredSearch(DeclaredSearch, AsyncSubClient):
    """`DeclaredSearch` of an `AsyncDeclaredGitHub`."""


class DeclaredGitHub(GitHub):
    """`GitHub`, declared."""

    declared_repos = SyncDeclaredRepos()
    declared_search = SyncDeclaredSearch()


class AsyncDeclaredGitHub(AsyncGitHub):
    """`AsyncGitHub`, declared."""

    declared_repos = AsyncDeclaredRepos()
    declared_search = AsyncDeclaredSearch()


def show(url: str) -> None:
    """Use the client that waits."""
    with GitHub(url) as github:
        repo = github.repos.get_one("pydantic/pydantic")
        print(f"{repo.full_name}, since {repo.created_at:%Y}: {repo.description}")
        if repo.model_response is not None:
            print(f"its entity tag has {len(repo.model_response.headers['ETag'])} characters")
        try:
            github.repos.get_one("pydantic/nothing")
        except HTTPNotFound as error:
            print(f"{error.status_code}: {error.response.message}")


async def show_async(url: str) -> None:
    """Use the other one, for several calls at once."""
    async with AsyncGitHub(url) as github:
        found, *repos = await asyncio.gather(
            github.search.repos("aio-libs", limit=2),
            github.repos.get_one("psf/requests"),
            github.repos.get_one("aio-libs/aiohttp"),
        )
        print(f"found {found.total_count}, such as {found.items[0].full_name}")
        print(f"stars: {', '.join(str(repo.stargazers_count) for repo in repos)}")


def show_declared(url: str) -> None:
    """Use the client that waits, as it is declared."""
    with DeclaredGitHub(url) as github:
        print(github.declared_repos.get_one("psf", "requests").full_name)
        found = github.declared_repos.find("psf", "nothing")
        print(found.message if isinstance(found, Problem) else found.full_name)
        print(", ".join(repo.full_name for repo in github.declared_search.repos("aio-libs")))


async def show_async_declared(url: str) -> None:
    """Use the other one, as it is declared."""
    async with AsyncDeclaredGitHub(url) as github:
        repo = await github.declared_repos.get_one("aio-libs", "yarl")
        names = [repo.full_name async for repo in github.declared_search.repos("aio-libs")]
        print(f"{repo.full_name} is found: {repo.full_name in names}")


def main() -> None:
    """Run all against the same server."""
    with api() as url:
        show(url)
        asyncio.run(show_async(url))
        show_declared(url)
        asyncio.run(show_async_declared(url))


if __name__ == "__main__":
    main()
