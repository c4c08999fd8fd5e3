"""What the annotation of an endpoint says is what a call returns."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"

from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
from typing import Annotated, Any

import pytest
from typing_extensions import TypeAliasType, TypedDict

from arya_api_framework import (
    AsyncClient,
    AsyncItems,
    AsyncPages,
    AsyncStream,
    BaseModel,
    LinkHeader,
    RawResponse,
    Response,
    SyncClient,
    SyncItems,
    SyncPages,
    SyncStream,
    endpoint,
    shared,
)
from arya_api_framework.endpoints import ByStatus, Items, Pages, Query, Stream
from arya_api_framework.endpoints.results import StatusFormat
from arya_api_framework.errors import (
    ClientClosedError,
    HTTPInternalServerError,
    HTTPNotFound,
    HTTPNotModified,
    ResponseValidationError,
)
from tests.app import Server
from tests.conftest import Kind
from tests.endpoints.conftest import Mount
from tests.scripted import Scripted, answer


class User(Response):
    """A result."""

    id: int
    name: str


class Post(Response):
    """An item of pages."""

    id: int


class Problem(BaseModel):
    """What an error status holds."""

    message: str


class UserDict(TypedDict):
    """A dict with names."""

    id: int


ADA = User(id=1, name="Ada")


class Api:
    """Endpoints of all results."""

    @shared
    @endpoint.get("/users/{id}")
    def model(self, id: int) -> User: ...

    @shared
    @endpoint.get("/users/{id}")
    def noted(self, id: int) -> Annotated[User, "noted"]: ...

    @shared
    @endpoint.get("/users")
    def many(self) -> list[User]: ...

    @shared
    @endpoint.get("/users/{id}")
    def either(self, id: int) -> Problem | User: ...

    @shared
    @endpoint.get("/users/{id}")
    def nothing(self, id: int) -> None: ...

    @shared
    @endpoint.get("/users/{id}")
    def text(self, id: int) -> str: ...

    @shared
    @endpoint.get("/users/{id}")
    def content(self, id: int) -> bytes: ...

    @shared
    @endpoint.get("/users/{id}")
    def raw(self, id: int) -> RawResponse: ...

    @shared
    @endpoint.get("/users/{id}")
    def anything(self, id: int) -> Any: ...

    @shared
    @endpoint.get("/users/{id}")
    def named(self, id: int) -> UserDict: ...

    @shared
    @endpoint.get("/users/{id}")
    def untyped(self, id) -> Any: ...  # type: ignore[no-untyped-def]

    @shared
    @endpoint.head("/users/{id}")
    def head(self, id: int) -> RawResponse: ...

    @shared
    @endpoint.head("/users/{id}")
    def check(self, id: int) -> None: ...

    @shared
    @endpoint.options("/echo")
    def asked(self) -> dict[str, Any]: ...

    @shared
    @endpoint.get("/users/{id}")
    def by_status(
        self, id: int
    ) -> Annotated[User | Problem, ByStatus({200: User, 404: Problem})]: ...

    @shared
    @endpoint.get("/users/{id}", error_responses={500: Problem})
    def or_nothing(self, id: int) -> Annotated[User | None, ByStatus({404: None})]: ...

    @shared
    @endpoint.get("/users/{id}")
    def not_modified(self, id: int) -> Annotated[User | None, ByStatus({304: None})]: ...

    @shared
    @endpoint.get("/users/{id}")
    def always_a_problem(self, id: int) -> Annotated[Problem, ByStatus({404: Problem})]: ...

    @shared
    @endpoint.get("/users/{id}")
    def problem_or_user(
        self, id: int
    ) -> Annotated[User | Problem, ByStatus({202: Problem, 404: Problem})]: ...

    @shared
    @endpoint.get("/posts", pagination=LinkHeader())
    def posts(self, *, per_page: Annotated[int, Query(alias="_limit")] = 40) -> Items[Post]: ...

    @shared
    @endpoint.get("/posts", pagination=LinkHeader())
    def untyped_posts(self) -> Items[Any]: ...

    @shared
    @endpoint.get("/posts", pagination=LinkHeader())
    def pages_of(self) -> Pages[list[Post]]: ...

    @shared
    @endpoint.get("/users/{id}")
    def streamed(self, id: int) -> Stream: ...

    @shared
    @endpoint.get("/users/{id}")
    def name_of(self, id: int, /, suffix: str = "!", *, result: User = endpoint.result) -> str:
        return f"{type(self).__name__} {id!r} {result.name}{suffix}"

    @shared
    @endpoint.get("/users/{id}")
    def message_of(
        self,
        id: int,
        *,
        result: Annotated[User | Problem, ByStatus({404: Problem})] = endpoint.result,
    ) -> str:
        return result.message if isinstance(result, Problem) else result.name

    @shared
    @endpoint.head("/users/{id}")
    def exists(
        self,
        id: int,
        *,
        result: Annotated[None, ByStatus({200: None, 404: None})] = endpoint.result,
    ) -> bool:
        return result is None


async def test_types(kind: Kind, mount: Mount, server: Server) -> None:
    """A type is what a response becomes."""
    api = mount(Api, server.url)

    async def call(name: str, *args: Any) -> Any:
        return await kind.call(getattr(api, name), *args)

    assert await call("model", 1) == ADA
    assert (await call("model", 1)).model_response.status == 200
    assert (await call("many"))[0] == ADA
    assert await call("either", 1) == await call("noted", 1) == ADA
    assert await call("nothing", 1) is None
    assert '"Ada"' in await call("text", 1)
    assert b'"Ada"' in await call("content", 1)
    raw = await call("raw", 1)
    assert isinstance(raw, RawResponse)
    assert raw.json() == await call("anything", 1) == await call("untyped", 1)
    assert await call("named", 1) == {"id": 1}
    assert (await call("head", 1)).status == 200
    assert await call("check", 1) is None
    assert (await call("asked"))["method"] == "OPTIONS"
    with pytest.raises(HTTPNotFound):
        await call("model", 99)
    with pytest.raises(HTTPNotFound):
        await call("check", 99)


async def test_types_by_status(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """Error statuses that are named are returned, the rest raises as ever."""
    api = mount(Api, scripted.url)
    user, problem = b'{"id":1,"name":"Ada"}', b'{"message":"No."}'
    scripted.script = [
        answer(200, body=user),
        answer(404, body=problem),
        answer(201, body=user),
        answer(500, body=problem),
        answer(404, body=b"[]"),
        answer(200, body=problem),
    ]
    by_status = api.by_status
    assert await kind.call(by_status, 1) == ADA
    assert await kind.call(by_status, 1) == Problem(message="No.")
    assert await kind.call(by_status, 1) == ADA
    with pytest.raises(HTTPInternalServerError):
        await kind.call(by_status, 1)
    with pytest.raises(HTTPNotFound) as caught:
        await kind.call(by_status, 1)
    assert "Problem" in str(caught.value.body_error)
    with pytest.raises(ResponseValidationError):
        await kind.call(by_status, 1)

    scripted.script = [
        answer(404, body=b"no JSON"),
        answer(500, body=problem),
        answer(404, body=problem),
        answer(304, body=b""),
    ]
    assert await kind.call(api.or_nothing, 1) is None
    with pytest.raises(HTTPInternalServerError) as failed:
        await kind.call(api.or_nothing, 1)
    assert failed.value.response == Problem(message="No.")
    # What a call says of other statuses changes nothing of those that are returned.
    assert await kind.call(
        by_status.with_options(error_responses={404: dict, 304: Problem}), 1
    ) == Problem(message="No.")
    with pytest.raises(HTTPNotModified):
        await kind.call(by_status, 1)


async def test_types_of_statuses_that_are_not_named(
    kind: Kind, mount: Mount, scripted: Scripted
) -> None:
    """A success becomes what is left of the type without what errors alone become."""
    api = mount(Api, scripted.url)
    problem = b'{"message":"No."}'
    scripted.script = [
        answer(304, body=b""),
        answer(200, body=problem),
        answer(203, body=problem),
        answer(200, body=b"null"),
    ]
    assert await kind.call(api.not_modified, 1) is None
    assert await kind.call(api.always_a_problem, 1) == Problem(message="No.")
    assert await kind.call(api.problem_or_user, 1) == Problem(message="No.")
    with pytest.raises(ResponseValidationError):
        await kind.call(api.or_nothing, 1)


def test_formats_by_status() -> None:
    """What is JSON at one of the statuses may be JSON, as far as is known before the response."""
    mixed = StatusFormat({404: Problem}, str)
    assert mixed.is_json
    assert [mixed.of(status).is_json for status in (200, 404)] == [False, True]
    assert not StatusFormat({404: bytes}, str).is_json
    assert StatusFormat({404: bytes}, Problem).is_json


async def test_pages(kind: Kind, mount: Mount, server: Server) -> None:
    """Pages and items are those of the kind of client, and made as they are read."""
    api = mount(Api, server.url)

    async def every(walk: Any) -> list[Any]:
        if kind.is_async:
            return [one async for one in walk]
        return list(await kind.call(list, walk))

    posts = api.posts(per_page=50)
    assert isinstance(posts, AsyncItems if kind.is_async else SyncItems)
    assert server.log == []
    assert [post.id for post in await every(posts)] == list(range(1, 101))
    assert server.log[0].target == "/posts?_limit=50"
    assert len(await every(api.untyped_posts.with_options(max_items=3)())) == 3
    pages = api.pages_of.with_options(max_pages=2, parameters={"_limit": 10})()
    assert isinstance(pages, AsyncPages if kind.is_async else SyncPages)
    [first, second] = await every(pages)
    assert (first[0], second[0]) == (Post(id=1), Post(id=11))
    assert len(server.log) == 5
    rest = api.pages_of.with_options(state=pages.state, max_pages=1)()
    assert (await every(rest))[0][0] == Post(id=21)


async def test_streams(kind: Kind, mount: Mount, server: Server) -> None:
    """A stream is asked for when its block is entered."""
    api = mount(Api, server.url)
    stream = api.streamed(1)
    assert server.log == []
    if kind.is_async:
        assert isinstance(stream, AsyncStream)
        async with stream as response:
            assert b"Ada" in b"".join([piece async for piece in response.iter_bytes()])
    else:
        assert isinstance(stream, SyncStream)

        def read() -> bytes:
            with stream as response:
                return b"".join(response.iter_bytes())

        assert b"Ada" in await kind.call(read)


async def test_bodies_of_methods(kind: Kind, mount: Mount, server: Server) -> None:
    """A body runs after the call, with its result and the arguments as they were checked."""
    api = mount(Api, server.url)
    assert await kind.call(api.name_of, "1") == "Api 1 Ada!"
    assert await kind.call(api.name_of, 1, suffix="?") == "Api 1 Ada?"
    assert await kind.call(api.message_of, 1) == "Ada"
    assert await kind.call(api.message_of, 99) == "There is nothing with id 99."
    assert await kind.call(api.exists, 1) is True


class Sync(SyncClient):
    """Results of the one kind."""

    @endpoint.get("/posts", pagination=LinkHeader())
    def posts(self) -> SyncItems[Post]: ...

    @endpoint.get("/posts", pagination=LinkHeader())
    def each(self) -> Iterator[Post]: ...

    @endpoint.get("/posts", pagination=LinkHeader())
    def pages_of(self) -> SyncPages[list[Post]]: ...

    @endpoint.get("/users/1")
    def stream_of(self) -> SyncStream: ...

    @endpoint.get("/posts", pagination=LinkHeader())
    def first(self, *, result: SyncItems[Post] = endpoint.result) -> int:
        return next(result).id

    @endpoint.get("/users/1")
    def size_of(self, *, result: SyncStream = endpoint.result) -> int:
        with result as response:
            return len(response.read())

    @endpoint.get("/posts", pagination=LinkHeader())
    def items(self) -> SyncItems[Post]:  # type: ignore[override]
        ...


class Async(AsyncClient):
    """Results of the other kind."""

    @endpoint.get("/users/{id}")
    async def model(self, id: int) -> User: ...

    @endpoint.get("/users/{id}")
    def awaitable(self, id: int) -> Awaitable[User]: ...

    @endpoint.get("/users/{id}")
    def coroutine(self, id: int) -> Coroutine[Any, Any, User]: ...

    @endpoint.get("/posts", pagination=LinkHeader())
    def each(self) -> AsyncIterator[Post]: ...

    @endpoint.get("/posts", pagination=LinkHeader())
    def pages_of(self) -> AsyncPages[list[Post]]: ...

    @endpoint.get("/users/{id}")
    async def or_nothing(self, id: int) -> Annotated[User | None, ByStatus({404: None})]: ...

    @endpoint.get("/users/{id}")
    async def name_of(self, id: int, *, result: User = endpoint.result) -> str:
        other = await self.model(id + 1)
        return f"{result.name} and {other.name}"

    @endpoint.get("/posts", pagination=LinkHeader())
    async def first(self, *, result: AsyncItems[Post] = endpoint.result) -> int:
        return (await anext(result)).id

    @endpoint.get("/users/1")
    async def size_of(self, *, result: AsyncStream = endpoint.result) -> int:
        async with result as response:
            return len(await response.read())


def test_results_of_one_kind(server: Server) -> None:
    """Pages, items and streams of a `SyncClient`, and methods that read them."""
    with Sync(server.url) as client:
        assert isinstance(client.posts(), SyncItems)
        assert next(client.each()) == Post(id=1)
        assert next(client.pages_of())[0] == Post(id=1)
        assert isinstance(client.stream_of(), SyncStream)
        assert client.first() == 1
        assert client.size_of() > 10
        assert next(client.items()) == Post(id=1)


async def test_results_of_the_other_kind(server: Server) -> None:
    """The same of an `AsyncClient`, whose methods may await."""
    async with Async(server.url) as client:
        assert await client.model(1) == await client.awaitable(1) == ADA
        assert await client.coroutine(1) == ADA
        assert await anext(client.each()) == Post(id=1)
        assert (await anext(client.pages_of()))[0] == Post(id=1)
        assert await client.or_nothing(99) is None
        assert await client.or_nothing(1) == ADA
        assert await client.name_of(1) == "Ada and Bela"
        assert await client.first() == 1
        assert await client.size_of() > 10


async def test_closed_clients(kind: Kind, mount: Mount, server: Server) -> None:
    """An endpoint of a closed client says that it is closed."""
    api = mount(Api, server.url)
    await kind.call(api.close)
    for name in ("model", "name_of", "by_status"):
        with pytest.raises(ClientClosedError):
            await kind.call(getattr(api, name), 1)


def test_successes_are_no_problems() -> None:
    """What is named for an error alone is no result of a success, under whatever name or note."""
    either = TypeAliasType("either", User | Problem)

    class Named(SyncClient):
        @endpoint.get("/a")
        def alias(self) -> Annotated[either, ByStatus({404: Problem})]: ...

        @endpoint.get("/a")
        def noted(
            self,
        ) -> Annotated[User | Annotated[Problem, "noted"] | None, ByStatus({404: Problem})]: ...

    assert Named.alias.compile().result.form == User
    assert Named.noted.compile().result.form == User | None
