"""Another library reads the document, and finds the calls and answers of the client right.

The server is a real one; what it read and what it sent is checked by openapi-core.
"""

# What models and endpoints are for is in their names.
# ruff: noqa: D101, D102, RUF012
# mypy: disable-error-code="empty-body"

from collections.abc import Callable
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import Annotated, Any, cast
from urllib.parse import parse_qs

import pytest
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse
from pydantic import Field
from werkzeug.datastructures import ImmutableMultiDict

from arya_api_framework import (
    BaseModel,
    BoundResponse,
    Hook,
    LinkHeader,
    RawResponse,
    Response,
    SubClient,
    SyncClient,
    endpoint,
    shared,
)
from arya_api_framework.client.request import Request
from arya_api_framework.endpoints import Body, ByStatus, Cookie, Form, Header, Items, Query
from arya_api_framework.errors import HTTPNotFound
from tests.app import Received, Server
from tests.conftest import Kind
from tests.endpoints.conftest import Mount
from tests.scripted import Read, Scripted, answer

TOKEN = "t0ken-of-the-test"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class Address(BaseModel):
    city: str


class User(Response):
    id: int
    name: str
    address: Address | None = None


class NewUser(BaseModel):
    name: str
    mail: str = Field(serialization_alias="email")


class Post(BoundResponse["Placeholder"]):
    id: int
    author: int = Field(alias="userId")


class Missing(BaseModel):
    message: str


class Where(BaseModel):
    city: str
    tags: list[str] = []


class Users(SubClient, relative_path="/users"):
    """Those who write."""

    @shared
    @endpoint.get("/{id}", error_responses={404: Missing})
    def one(self, id: int) -> User: ...

    @shared
    @endpoint.get("/{id}")
    def maybe(self, id: int) -> Annotated[User | Missing, ByStatus({200: User, 404: Missing})]: ...

    @shared
    @endpoint.post("")
    def add(self, user: NewUser) -> User: ...

    @shared
    @endpoint.patch("/{id}")
    def rename(self, id: int, name: Annotated[str, Body(embed=True)]) -> User: ...

    @shared
    @endpoint.delete("/{id}")
    def remove(self, id: int) -> None: ...


class Placeholder:
    """Users and posts."""

    users = Users()

    @shared
    @endpoint.get("/posts", pagination=LinkHeader())
    def posts(self, *, size: Annotated[int, Query(alias="_limit", le=50)] = 30) -> Items[Post]: ...

    @shared
    @endpoint.get("/echo")
    def search(
        self,
        where: Where,
        *,
        codes: Annotated[list[int], Query(explode=False)],
        deep: Annotated[dict[str, str], Query(style="deepObject")],
        language: Annotated[str, Header(alias="Accept-Language")] = "de",
        theme: Annotated[str, Cookie()] = "dark",
        colors: Annotated[list[int], Cookie(style="form", explode=False)] = [1, 2],  # noqa: B006
        size: Annotated[dict[str, str], Cookie(explode=False)] = {"w": "s"},  # noqa: B006
    ) -> dict[str, Any]: ...

    @shared
    @endpoint.get("/html")
    def page(self) -> str: ...


def opened(document: Any) -> OpenAPI:
    """Return a document, opened by that library, which takes most texts for bytes otherwise."""

    def read(content: bytes) -> Any:
        return content.decode()

    texts = Config(extra_media_type_deserializers={"text/*": read})
    return OpenAPI.from_dict(document, config=texts)


class Kept(Hook):
    """Keeps the responses of all requests."""

    def __init__(self) -> None:
        self.responses: list[RawResponse] = []

    def after_attempt(self, request: Request, response: RawResponse) -> None:
        """Keep it."""
        self.responses.append(response)


def as_request(server: Server | Scripted, read: Received | Read) -> MockRequest:
    """Return what a server read as openapi-core takes it."""
    cookies = {name: one.value for name, one in SimpleCookie(read.headers.get("Cookie")).items()}
    pairs = [(name, value) for name, values in args_of(read).items() for value in values]
    request = MockRequest(
        server.url,
        read.method.lower(),
        read.target.partition("?")[0],
        headers=dict(read.headers),
        cookies=cookies,
        data=read.body,
        content_type=read.headers.get("Content-Type", "").partition(";")[0],
    )
    request.parameters.query = ImmutableMultiDict(pairs)
    return request


def as_response(response: RawResponse) -> MockResponse:
    """Return a response as openapi-core takes it."""
    return MockResponse(
        response.content,
        response.status,
        headers=dict(response.headers),
        content_type=response.headers.get("Content-Type", "").partition(";")[0],
    )


def args_of(read: Received | Read) -> dict[str, list[str]]:
    """Return the parameters of a query."""
    return parse_qs(read.target.partition("?")[2], keep_blank_values=True)


@pytest.fixture
def kept() -> Kept:
    """A hook that keeps responses."""
    return Kept()


async def call_all(kind: Kind, client: Any) -> None:
    """Make a call of each endpoint."""
    call, users = kind.call, client.users
    await call(users.one, 1)
    await call(users.maybe, 99)
    with pytest.raises(HTTPNotFound):
        await call(users.one, 98)
    await call(users.add, NewUser(name="Kim", mail="kim@example.com"))
    await call(users.rename, 1, "Ada Lovelace")
    await call(users.remove, 2)
    where = Where(city="Kiel", tags=["a", "b"])
    await call(client.search, where, codes=[1, 2], deep={"x": "1"})
    await call(client.page)
    await call(anext if kind.is_async else next, client.posts(size=50))


async def test_calls_are_as_the_document_says(kind: Kind, server: Server, kept: Kept) -> None:
    """What is sent and what comes is valid, by another library that reads the document."""
    client = made(kind, server, kept)
    await call_all(kind, client)
    api = opened(client.openapi())
    assert len(server.log) == len(kept.responses) == 9
    for read, response in zip(server.log, kept.responses, strict=True):
        request = as_request(server, read)
        api.validate_request(request)
        api.validate_response(request, as_response(response))


def made(kind: Kind, server: Server, kept: Kept) -> Any:
    """Return a client of a kind."""
    cls: Any = cast("Any", type(kind.base))("Api", (Placeholder, kind.base), {}, bearer_token=TOKEN)
    client = cls(server.url, hooks=[kept], retry=None)
    kind.wrap(client)  # Closes it.
    return client


async def test_lists_in_cookies_are_read_back(kind: Kind, server: Server, kept: Kept) -> None:
    """That library splits at the commas, which stay as they are for it."""
    client = made(kind, server, kept)
    where = Where(city="Kiel", tags=["a"])
    await kind.call(client.search, where, codes=[1], deep={"x": "1"}, colors=[7, 8, 9])
    [read] = server.log
    assert read.headers["Cookie"] == "theme=dark; colors=7,8,9; size=w,s"
    found = opened(client.openapi()).unmarshal_request(as_request(server, read))
    assert found.parameters.cookie == {"theme": "dark", "colors": [7, 8, 9], "size": {"w": "s"}}


@pytest.mark.parametrize(
    "change",
    [
        lambda read: read.headers.pop("Authorization"),
        lambda read: setattr(read, "body", b'{"name": 1}'),
        lambda read: setattr(read, "target", "/nowhere"),
    ],
)
async def test_other_calls_are_not(
    server: Server, kept: Kept, change: Callable[[Received], object]
) -> None:
    """That library finds what is wrong: the document does not allow everything."""
    cls: Any = cast("Any", type(SyncClient))(
        "Api", (Placeholder, SyncClient), {}, bearer_token=TOKEN
    )
    with cls(server.url) as client:
        client.users.add(NewUser(name="Kim", mail="kim@example.com"))
        api = opened(client.openapi())
    [read] = server.log
    api.validate_request(as_request(server, read))
    change(read)
    with pytest.raises(OpenAPIError):
        api.validate_request(as_request(server, read))


class Size(BaseModel):
    width: int
    height: int | None = None


class Varied:
    """Endpoints whose calls are sent in less usual ways."""

    @shared
    @endpoint.post("/notes")
    def note(self, body: NewUser | None = None) -> None: ...

    @shared
    @endpoint.get("/sizes")
    def sized(self, size: Size | Where, *, only: int | None) -> None: ...

    @shared
    @endpoint.get("/counts")
    def counts(self, of: dict[str, int]) -> None: ...

    @shared
    @endpoint.get("/news")
    def news(
        self, since: Annotated[datetime, Header(alias="If-Modified-Since")] = NEW_YEAR
    ) -> None: ...

    @shared
    @endpoint.get("/lists/{id}")
    def one_by_one(self, id: int, codes: list[int]) -> None: ...

    @shared
    @endpoint.get("/lists/{key}")
    def joined(self, key: str, codes: Annotated[list[int], Query(explode=False)]) -> None: ...

    @shared
    @endpoint.post("/forms")
    def sizes(self, size: Annotated[Size, Form], tags: Annotated[list[str], Form]) -> None: ...

    @shared
    @endpoint.post("/forms")
    def counted(
        self,
        tags: Annotated[list[int], Form(style="json")],
        name: Annotated[str | None, Form],
        sizes: Annotated[list[int], Form(style="brackets")],
    ) -> None: ...


async def test_less_usual_calls_are_as_the_document_says(
    kind: Kind, mount: Mount, scripted: Scripted
) -> None:
    """What may be left out, one of two objects, and two ways of one name are valid, too."""
    client = mount(Varied, scripted.url)
    scripted.script = [answer(204, body=b"") for _ in range(11)]
    call = kind.call
    await call(client.note)
    await call(client.note, NewUser(name="Kim", mail="kim@example.com"))
    await call(client.sized, Size(width=1), only=None)
    await call(client.sized, Where(city="Kiel", tags=["a"]), only=3)
    await call(client.counts, {"a": 1, "b": 2})
    await call(client.news)
    await call(client.one_by_one, 1, [1, 2])
    await call(client.joined, "a", [1, 2])
    await call(client.sizes, Size(width=1, height=None), ["a", "b"])
    await call(client.counted, [1], None, [2, 3])
    api = opened(client.openapi())
    assert len(scripted.log) == 10
    for read in scripted.log:
        api.validate_request(as_request(scripted, read))
