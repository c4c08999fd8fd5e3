"""What `explain` takes and returns; read by type checkers, see `sync_calls.py`."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"

from typing import Any, assert_type

from arya_api_framework import AsyncClient, Explanation, Response, SyncClient, endpoint
from arya_api_framework.explanation import Limit, Setting, Source, Value


class User(Response):
    """A result."""

    name: str


class Sync(SyncClient):
    """A client."""

    @endpoint.get("/users/{id}")
    def user(self, id: int, *, full: bool = False) -> User: ...


class Async(AsyncClient):
    """A client."""

    @endpoint.get("/users/{id}")
    async def user(self, id: int, *, full: bool = False) -> User: ...


def explained(sync: Sync, other: Async) -> None:
    """Neither is awaited, and both know the arguments of the endpoint."""
    assert_type(sync.user.explain(1, full=True), Explanation)
    assert_type(other.user.explain(id=1), Explanation)
    assert_type(sync.explain("user", 1), Explanation)
    assert_type(other.explain("GET", "/users"), Explanation)
    sync.user.explain("1")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    other.user.explain()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    sync.user.explain(1, fool=True)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


def values(one: Explanation) -> None:
    """Each attribute has a type of its own."""
    assert_type(one.headers, tuple[Value, ...])
    assert_type(one.headers[0].source, Source)
    assert_type(one.settings["timeout"], Setting)
    assert_type(one.limits, tuple[Limit, ...])
    assert_type(one.wait, float | None)
    assert_type(one.as_dict(), dict[str, Any])
