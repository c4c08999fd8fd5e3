"""Prism, a mock server that nobody here wrote, opens the documents of the examples."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from arya_api_framework.errors import HTTPClientError
from examples.github import AsyncDeclaredGitHub, DeclaredGitHub, Problem, Repo
from examples.jsonplaceholder import DeclaredPlaceholder, NewUser, Post, User
from tests.counterparts import prism


@pytest.fixture(scope="module")
def github() -> Iterator[str]:
    """A server that answers by the document of one example."""
    with prism(DeclaredGitHub.openapi()) as url:
        yield url


@pytest.fixture(scope="module")
def placeholder() -> Iterator[str]:
    """A server that answers by the document of the other."""
    with prism(DeclaredPlaceholder.openapi()) as url:
        yield url


def test_a_client_of_records(placeholder: str) -> None:
    """Each endpoint is answered as the document says."""
    with DeclaredPlaceholder(placeholder, retry=None) as client:
        assert isinstance(client.users()[0], User)
        assert isinstance(client.add_user(NewUser(name="Kim", email="kim@example.com")), User)
        assert isinstance(client.rename_user(1, "Ada"), User)
        client.delete_user(2)
        assert isinstance(client.posts(1)[0], Post)
        assert isinstance(next(client.all_posts()), Post)  # It names no page; `posts` must.
        assert client.address_of(3).endswith(">")


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("POST", "/users", {"body": ["Kim"]}),
        ("GET", "/users/abc", {}),
        ("GET", "/nowhere", {}),
    ],
)
def test_calls_that_are_not_in_the_document(
    placeholder: str, method: str, path: str, options: dict[str, Any]
) -> None:
    """What the document does not allow is refused."""
    with DeclaredPlaceholder(placeholder, retry=None) as client, pytest.raises(HTTPClientError):
        client.request(method, path, **options)


def test_a_client_of_repositories(github: str) -> None:
    """Sub-clients, results by status and pages are in the document."""
    with DeclaredGitHub(github, retry=None) as client:
        repo = client.declared_repos.get_one("psf", "requests")
        assert isinstance(repo.created_at, datetime)
        assert isinstance(client.declared_repos.find("psf", "requests"), Repo | Problem)
        assert isinstance(next(client.declared_search.repos("requests")), Repo)


async def test_an_async_client_of_repositories(github: str) -> None:
    """The other kind declares the same, and is answered the same."""
    assert AsyncDeclaredGitHub.openapi()["paths"] == DeclaredGitHub.openapi()["paths"]
    async with AsyncDeclaredGitHub(github, retry=None) as client:
        assert isinstance(await client.declared_repos.get_one("psf", "requests"), Repo)
        assert isinstance(await anext(client.declared_search.repos("requests")), Repo)
