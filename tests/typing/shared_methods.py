"""What `@shared` makes of methods and endpoints, with `Any` in every place where it can stand."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, assert_type

from typing_extensions import Unpack

from arya_api_framework import (
    AsyncClient,
    AsyncItems,
    AsyncPages,
    AsyncStream,
    AsyncSubClient,
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
from arya_api_framework.endpoints import Items, Pages, Stream

P = ParamSpec("P")
T = TypeVar("T")
U = TypeVar("U")


class Repo(Response):
    """A result."""

    id: int


def logged(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """Decorate a method."""

    @wraps(method)
    def inner(node: Any, /, *args: P.args, **named: P.kwargs) -> T:
        return method(node, *args, **named)

    return inner


class Shared(Generic[T]):
    """Endpoints, and methods that are written by hand."""

    @shared
    @endpoint.get("/")
    def anything(self, value: Any) -> Any: ...

    @shared
    @endpoint.get("/")
    def typed_anything(self, value: int) -> Any: ...

    @shared
    @endpoint.post("/")
    def dicts(self, body: dict[str, Any], **options: Unpack[CallOptions]) -> dict[str, Any]: ...

    @shared
    @endpoint.get("/")
    def lists(self, ids: list[Any], *, value: Any = None) -> list[Any]: ...

    @shared
    @endpoint.get("/")
    def with_options_only(self, **options: Unpack[CallOptions]) -> Repo: ...

    @shared
    @endpoint.get("/")
    def whole(self, value: Any) -> RawResponse: ...

    @shared
    @endpoint.delete("/")
    def nothing(self, value: Any) -> None: ...

    @shared
    @endpoint.get("/", pagination=LinkHeader())
    def dict_items(self, ids: list[Any]) -> Items[dict[str, Any]]: ...

    @shared
    @endpoint.get("/", pagination=LinkHeader())
    def any_items(self, value: Any) -> Items[Any]: ...

    @shared
    @endpoint.get("/", pagination=LinkHeader())
    def list_pages(self, **options: Unpack[CallOptions]) -> Pages[list[Any]]: ...

    @shared
    @endpoint.get("/", pagination=LinkHeader())
    def any_pages(self, value: Any) -> Pages[Any]: ...

    @shared
    @endpoint.get("/")
    def events(self, value: Any, **options: Unpack[CallOptions]) -> Stream: ...

    @shared
    @endpoint.get("/")
    def one(self, value: Any) -> T: ...

    @shared
    @endpoint.get("/", pagination=LinkHeader())
    def all(self, value: Any) -> Items[T]: ...

    @shared
    @endpoint.post("/", pagination=LinkHeader())
    def like(self, value: T) -> Pages[list[T]]: ...

    @shared
    @endpoint.get("/")
    def name_of(self, value: Any, *, result: Repo = endpoint.result) -> str:
        return str(result.id)

    @shared
    def by_hand(self, value: Any) -> Any: ...

    @shared
    def dict_by_hand(
        self, body: dict[str, Any], **options: Unpack[CallOptions]
    ) -> dict[str, Any]: ...

    @shared
    def one_by_hand(self, value: Any) -> T: ...

    @shared
    def made_by_hand(self, kind: type[U]) -> U: ...

    @shared
    @logged
    def decorated(self, value: Any) -> T: ...

    @shared  # type: ignore[prop-decorator]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    @property
    def no_method(self) -> int: ...


class Sync(Shared[Repo], SyncClient, uri="https://h.test"):
    """Of the one kind."""


class Async(Shared[Repo], AsyncClient, uri="https://h.test"):
    """Of the other kind."""


class Unsaid(Shared[Repo], SubClient):
    """Of neither."""


class SyncRepos(Shared[Repo], SyncSubClient):
    """Below the one kind."""


class AsyncRepos(Shared[Repo], AsyncSubClient):
    """Below the other."""


class SyncDicts(Shared[dict[str, Any]], SyncSubClient):
    """Of what holds `Any`."""


class AsyncDicts(Shared[dict[str, Any]], AsyncSubClient):
    """Of what holds `Any`."""


def results(client: Sync, repos: SyncRepos) -> None:
    """A synchronous class returns what is annotated, or what it has of it."""
    assert_type(client.anything(1), Any)
    assert_type(repos.anything(1), Any)
    assert_type(client.typed_anything(1), Any)
    assert_type(client.dicts({}, timeout=3), dict[str, Any])
    assert_type(repos.dicts({}, timeout=3), dict[str, Any])
    assert_type(client.dicts.with_options(timeout=3)({}), dict[str, Any])
    assert_type(client.lists([], value=3), list[Any])
    assert_type(client.with_options_only(timeout=3), Repo)
    assert_type(client.whole(1), RawResponse)
    client.nothing(1)
    assert_type(client.dict_items([]), SyncItems[dict[str, Any]])
    assert_type(client.any_items(1), SyncItems[Any])
    assert_type(repos.any_items(1), SyncItems[Any])
    assert_type(client.list_pages(timeout=3), SyncPages[list[Any]])
    assert_type(client.any_pages(1), SyncPages[Any])
    assert_type(client.events(1, timeout=3), SyncStream)
    assert_type(client.one(1), Repo)
    assert_type(client.all(1), SyncItems[Repo])
    assert_type(client.like(client.one(1)), SyncPages[list[Repo]])
    assert_type(client.name_of(1), str)
    assert_type(client.by_hand(1), Any)
    assert_type(client.dict_by_hand({}, timeout=1), dict[str, Any])
    assert_type(client.one_by_hand(1), Repo)
    assert_type(client.made_by_hand(int), int)
    assert_type(client.decorated(1), Repo)
    assert_type(Sync.dicts(client, {}), Any)
    assert_type(Sync.dict_by_hand(client, {}), Any)


def refused(client: Sync) -> None:
    """Arguments are checked, those of a method that returns `Any` too."""
    client.anything()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.typed_anything("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.dicts([])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.dicts({}, timeot=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.lists([], valu=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.dict_items(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.like(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.events(1).iterate()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    client.dict_by_hand([])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.dict_by_hand({}, timeot=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.decorated(1, 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Sync.dicts(client, [])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Sync.dict_by_hand(client, [])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def awaited(client: Async, repos: AsyncRepos) -> None:
    """An asynchronous class returns a coroutine of it."""
    _ = assert_type(client.anything(1), Coroutine[Any, Any, Any])
    _ = assert_type(repos.anything(1), Coroutine[Any, Any, Any])
    _ = assert_type(client.typed_anything(1), Coroutine[Any, Any, Any])
    assert_type(await client.dicts({}, timeout=3), dict[str, Any])
    assert_type(await repos.dicts({}, timeout=3), dict[str, Any])
    assert_type(await client.dicts.with_options(timeout=3)({}), dict[str, Any])
    assert_type(await client.lists([], value=3), list[Any])
    assert_type(await client.with_options_only(timeout=3), Repo)
    assert_type(await client.whole(1), RawResponse)
    await client.nothing(1)
    assert_type(client.dict_items([]), AsyncItems[dict[str, Any]])
    assert_type(client.any_items(1), AsyncItems[Any])
    assert_type(repos.any_items(1), AsyncItems[Any])
    assert_type(client.list_pages(timeout=3), AsyncPages[list[Any]])
    assert_type(client.any_pages(1), AsyncPages[Any])
    assert_type(client.events(1, timeout=3), AsyncStream)
    assert_type(await client.one(1), Repo)
    assert_type(client.all(1), AsyncItems[Repo])
    assert_type(client.like(await client.one(1)), AsyncPages[list[Repo]])
    assert_type(await client.name_of(1), str)
    _ = assert_type(client.by_hand(1), Coroutine[Any, Any, Any])
    assert_type(await client.dict_by_hand({}, timeout=1), dict[str, Any])
    assert_type(await client.one_by_hand(1), Repo)
    assert_type(await client.made_by_hand(int), int)
    assert_type(await client.decorated(1), Repo)


async def refused_async(client: Async) -> None:
    """Arguments are checked, and what must be awaited is not used before."""
    client.anything(1)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    assert client.anything(1).id  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    await client.dicts([])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.lists([], valu=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.any_items(1)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    client.dict_items(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.dict_by_hand([])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.by_hand(1)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]


async def of_dicts(dicts: SyncDicts, others: AsyncDicts) -> None:
    """The type of a generic class may hold `Any` as well."""
    assert_type(dicts.one(1), dict[str, Any])
    assert_type(dicts.one_by_hand(1), dict[str, Any])
    assert_type(dicts.all(1), SyncItems[dict[str, Any]])
    assert_type(dicts.like({}), SyncPages[list[dict[str, Any]]])
    assert_type(await others.one(1), dict[str, Any])
    assert_type(await others.one_by_hand(1), dict[str, Any])
    assert_type(others.all(1), AsyncItems[dict[str, Any]])
    assert_type(others.like({}), AsyncPages[list[dict[str, Any]]])


def unsaid(repos: Unsaid) -> None:
    """Of a class that says no kind the result is not known, but the arguments are."""
    assert_type(repos.anything(1), Any)
    assert_type(repos.dicts({}), Any)
    assert_type(repos.any_items(1), Any)
    assert_type(repos.by_hand(1), Any)
    repos.dicts([])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    repos.dict_by_hand([])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
