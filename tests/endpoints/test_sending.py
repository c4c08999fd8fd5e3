"""What is sent of arguments that are left out, of files, iterables and parts, and what comes."""

# ruff: noqa: D101, D102
# mypy: disable-error-code="empty-body"

import gc
import json
import types
import weakref
from collections.abc import Iterable
from typing import Annotated, Any, Generic, TypeVar

import pytest

from arya_api_framework import (
    BaseModel,
    Cursor,
    FormFile,
    RawResponse,
    SubClient,
    SyncSubClient,
    endpoint,
    shared,
)
from arya_api_framework.endpoints import (
    UNSET,
    Body,
    ByStatus,
    Cookie,
    Form,
    Header,
    Items,
    Part,
    Path,
    Query,
    Unset,
)
from arya_api_framework.errors import ConfigurationError, HTTPGone, ResponseParseError
from tests.app import Server
from tests.conftest import Kind
from tests.endpoints.conftest import Mount
from tests.scripted import Scripted, answer

T = TypeVar("T")
JSON_PART = Part(content_type="application/json")


class Filter(BaseModel):
    page: int | None = None
    owner: str | None = None


class Problem(BaseModel):
    message: str


class Post(BaseModel):
    id: int


class Api:
    @shared
    @endpoint.get("/list?page=9", parameters={"size": 3}, headers={"X-Declared": "1"})
    def listed(
        self,
        page: int | None = None,
        size: int | None = None,
        lang: str | None = None,
        accept_language: Annotated[str | None, Header] = None,
        x_declared: Annotated[str | None, Header] = None,
        authorization: Annotated[str | None, Header] = None,
        theme: Annotated[str | None, Cookie] = None,
        deep: Annotated[Filter | None, Query(style="deepObject")] = None,
    ) -> Any: ...

    @shared
    @endpoint.get("/list", validate=False)
    def as_is(self, lang: str | None = None, size: int = 2) -> Any: ...

    @shared
    @endpoint.get("/list")
    def seen(self, lang: str | None = None, *, result: Any = endpoint.result) -> str:
        return repr(lang)

    @shared
    @endpoint.post("/echo")
    def files(self, file: FormFile, more: list[FormFile] | None = None) -> Any: ...

    @shared
    @endpoint.get("/numbers/{ids}")
    def numbers(
        self,
        ids: Iterable[int],
        codes: Iterable[str] | None = None,
        tags: Annotated[Iterable[str], Query(explode=False)] = (),
    ) -> Any: ...

    @shared
    @endpoint.get("/untyped")
    def untyped(self, ids: Iterable) -> Any: ...  # type: ignore[type-arg]

    @shared
    @endpoint.post("/order")
    def order(self, body: Annotated[Iterable[int], Body]) -> Any: ...

    @shared
    @endpoint.post("/parts")
    def parts(
        self,
        one: Annotated[int | None, JSON_PART] = None,
        two: Annotated[str | None, Form] = None,
    ) -> Any: ...

    @shared
    @endpoint.get("/find")
    def find(self, owner: str, where: Filter | dict[str, str] | None = None) -> Any: ...

    @shared
    @endpoint.get("/number/{id}")
    def number(self, id: int, limit: int | Unset = UNSET) -> Any: ...

    @shared
    @endpoint.get("/maybe")
    def maybe(self) -> Annotated[Post | None, ByStatus({404: None})]: ...

    @shared
    @endpoint.get("/text")
    def text(self) -> Annotated[str | Problem, ByStatus({200: str, 404: Problem})]: ...

    @shared
    @endpoint.post("/search", at="data", pagination=Cursor("start", at="next", send_in="body"))
    def search(self, body: Filter) -> Items[Post]: ...


async def test_arguments_that_are_left_out(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """A default of `None` says nothing; a `None` that is given removes what the client sends."""
    api = mount(
        Api,
        scripted.url,
        parameters={"lang": "en"},
        headers={"Accept-Language": "en"},
        cookies={"theme": "dark"},
        bearer_token="tok",
    )
    await kind.call(api.listed)
    read = scripted.log[-1]
    assert sorted(read.target.partition("?")[2].split("&")) == ["lang=en", "page=9", "size=3"]
    names = ("Accept-Language", "X-Declared", "Authorization", "Cookie")
    assert [read.headers[name] for name in names] == ["en", "1", "Bearer tok", "theme=dark"]
    await kind.call(
        api.listed, None, None, None, accept_language=None, x_declared=None, theme=None, deep=None
    )
    read = scripted.log[-1]
    assert read.target == "/list"
    assert [name for name in names if name in read.headers] == ["Authorization"]
    await kind.call(api.as_is)
    assert sorted(scripted.log[-1].target.partition("?")[2].split("&")) == ["lang=en", "size=2"]
    await kind.call(api.as_is, None)
    assert scripted.log[-1].target == "/list?size=2"
    assert await kind.call(api.seen) == "None"
    assert scripted.log[-1].target == "/list?lang=en"


async def test_explained_without_what_is_left_out(mount: Mount, scripted: Scripted) -> None:
    """What an argument leaves alone comes from where it came from."""
    api = mount(Api, scripted.url, parameters={"lang": "en"}, headers={"Accept-Language": "en"})
    found = api.listed.explain()
    sources = {one.name: one.source.kind for one in (*found.query, *found.headers)}
    assert sources["lang"] == sources["Accept-Language"] == "instance"
    assert sources["size"] == sources["X-Declared"] == "endpoint"
    found = api.listed.explain(lang="de")
    assert {one.name: str(one.source) for one in found.query}["lang"] == "argument lang"


async def test_files_that_are_not_marked(kind: Kind, mount: Mount, server: Server) -> None:
    """What is a file by its type is one of the form, and stays out of the URL."""
    api = mount(Api, server.url)
    await kind.call(api.files, ("a.txt", b"abc"), [b"d"])
    [read] = server.log
    assert read.target == "/echo"
    assert b'name="file"; filename="a.txt"' in read.body
    assert read.body.count(b'; name="more"') == 1


async def test_iterables(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """They are read once, and checked."""
    api = mount(Api, scripted.url)
    await kind.call(api.numbers, iter([1, 2]), (str(one) for one in (3, 4)), iter("ab"))
    assert scripted.log[-1].target == "/numbers/1,2?codes=3&codes=4&tags=a,b"
    await kind.call(api.untyped, iter([1, "b"]))
    assert scripted.log[-1].target == "/untyped?ids=1&ids=b"
    await kind.call(api.order, iter([1, 2]))
    assert scripted.log[-1].body == b"[1,2]"
    with pytest.raises(ConfigurationError, match=r"numbers: ids\.1: Input should be a valid integ"):
        await kind.call(api.numbers, iter([1, "x"]))


async def test_parts_that_are_none(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """`None` is `null` in a part of JSON, and left out of a form; without a part there is none."""
    api = mount(Api, scripted.url)
    await kind.call(api.parts)
    assert scripted.log[-1].body == b""
    assert "Content-Type" not in scripted.log[-1].headers
    await kind.call(api.parts, None, None)
    read = scripted.log[-1]
    assert b"\r\n\r\nnull\r\n" in read.body
    assert b"application/json" in read.body
    assert b"two" not in read.body


async def test_objects_beside_arguments(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """The fields of an object in the query are not put in the place of other arguments."""
    api = mount(Api, scripted.url)
    await kind.call(api.find, "me", {"state": "open"})
    assert scripted.log[-1].target == "/find?owner=me&state=open"
    for where in ({"owner": "root"}, Filter(owner="root")):
        with pytest.raises(
            ConfigurationError, match="'where' holds 'owner', which is another argument of the qu"
        ):
            await kind.call(api.find, "me", where)


async def test_unset_where_it_is_not_allowed(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """The text says what `UNSET` is for."""
    api = mount(Api, scripted.url)
    await kind.call(api.number, 1, UNSET)
    assert scripted.log[-1].target == "/number/1"
    with pytest.raises(ConfigurationError, match="number: id: UNSET is for arguments that may be"):
        await kind.call(api.number, UNSET)


class OddError(Exception):
    """What a client makes of an error."""


def make_odd(response: RawResponse) -> OddError:
    """Make it."""
    return OddError(response)


async def test_nothing_by_status(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """A status that is `None` is returned, whatever the client makes of it."""
    for key in (404, "4XX"):
        api = mount(Api, scripted.url, error_responses={key: make_odd})
        scripted.script = [answer(404, body=b"no JSON"), answer(410)]
        assert await kind.call(api.maybe) is None
        with pytest.raises(OddError if key == "4XX" else HTTPGone):
            await kind.call(api.maybe)


async def test_media_types_by_status(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """What is taken for JSON must be called so, by the type of its status."""
    api = mount(Api, scripted.url, json_content_types=["application/json"])
    text = "Content-Type: text/plain"
    scripted.script = [answer(200, text, body=b"hello"), answer(200, text, body=b"{}")]
    assert await kind.call(api.text) == "hello"
    with pytest.raises(ResponseParseError, match="is none of json_content_types"):
        await kind.call(api.maybe)


async def test_pages_by_the_body(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """What leads from page to page may stand in the body."""
    api = mount(Api, scripted.url)
    scripted.script = [
        answer(200, body=b'{"data":[{"id":1}],"next":"b"}'),
        answer(200, body=b'{"data":[{"id":2}],"next":null}'),
    ]
    items = api.search(Filter(owner="me"))
    found = [one async for one in items] if kind.is_async else await kind.call(list, items)
    assert [one.id for one in found] == [1, 2]
    assert [json.loads(read.body) for read in scripted.log] == [
        {"owner": "me"},
        {"owner": "me", "start": "b"},
    ]


class Crud(SubClient):
    @shared
    @endpoint.get("/{id}")
    def one(self, tenant: str, id: int) -> Any: ...


class Users(Crud, relative_path="/t/{tenant}/users"):
    """Fields of its path are arguments above."""


class Groups(Crud, relative_path="/groups/{tenant}"):
    """The same, elsewhere."""


class Plain(Crud):
    """Has no field in its path: there the argument is one of the query."""


class Mixin:
    @shared
    @endpoint.get("/{id}")
    def one(self, org: Annotated[str, Path], id: int) -> Any: ...


class Mixed(Mixin, SubClient, relative_path="/orgs/{org}"):
    """A class that is no client has it."""


class Tenants:
    plain = Plain()
    users = Users()
    groups = Groups()
    mixed = Mixed()


async def test_paths_of_classes_below(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """An argument fills a field in the path of the class that uses the endpoint."""
    api = mount(Tenants, scripted.url)
    for _ in range(2):
        for node in (api.plain, api.users, api.groups, api.mixed):
            await kind.call(node.one, "a", 1)
    targets = [read.target for read in scripted.log]
    assert targets[:4] == targets[4:] == ["/1?tenant=a", "/t/a/users/1", "/groups/a/1", "/orgs/a/1"]
    assert "/t/{tenant}/users/{id}" in api.openapi()["paths"]


class Generics(SyncSubClient, Generic[T]):
    @endpoint.get("/one")
    def one(self) -> T: ...


def test_classes_are_let_go_of() -> None:
    """A generic endpoint keeps no class that filled it."""
    alias: Any = Generics[Post]
    made = [types.new_class("Made", (alias,)) for _ in range(3)]
    for cls in made:
        assert Generics.one.compile(cls) is Generics.one.compile(cls)
    left = [weakref.ref(cls) for cls in made]
    del made, cls
    gc.collect()
    assert [one() for one in left] == [None, None, None]
