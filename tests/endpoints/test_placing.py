"""Where arguments go, as a server reads them: names, styles, bodies and forms."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from typing_extensions import TypedDict

from arya_api_framework import BaseModel, FormFile, Hook, SubClient, endpoint, shared
from arya_api_framework.endpoints import (
    UNSET,
    Body,
    File,
    Form,
    Header,
    Part,
    Path,
    Query,
    Unset,
)
from arya_api_framework.errors import ConfigurationError
from tests.app import Server
from tests.conftest import Kind
from tests.endpoints.conftest import Mount
from tests.scripted import Scripted


class Filter(BaseModel):
    """An object of the query."""

    state: str = "open"


@dataclass
class Point:
    """An object that is no model of pydantic's."""

    x: int


class Size(TypedDict):
    """A dict with names."""

    width: int


class Api:
    """Endpoints of all places."""

    @shared
    @endpoint.get("/q")
    def joined(self, c: Annotated[list[str], Query(explode=False)]) -> Any: ...

    @shared
    @endpoint.get("/q")
    def joined_object(
        self, where: Annotated[dict[str, int], Query(explode=False, alias="obj")]
    ) -> Any: ...

    @shared
    @endpoint.options("/q")
    def asked(self, filters: Filter) -> Any: ...

    @shared
    @endpoint.get("/x/{id}")
    def renamed(
        self, id: Annotated[str, Header(alias="X-Id")], x: Annotated[int, Path(alias="id")]
    ) -> Any: ...

    @shared
    @endpoint.get("/q")
    def unset_by_default(self, q: int = UNSET) -> Any:  # type: ignore[assignment]
        ...

    @shared
    @endpoint.get("/q")
    def in_two_cases(self, a: int, b: Annotated[int, Query(alias="A")], page_size: int) -> Any: ...

    @shared
    @endpoint.get("/q")
    def beside_an_object(
        self, filters: Filter, name: Annotated[str, Query(alias="filters")]
    ) -> Any: ...

    @shared
    @endpoint.get("/q")
    def object_of_any_kind(self, q: object) -> Any: ...

    @shared
    @endpoint.get("/q")
    def limited(self, ids: Annotated[Iterable[int], Query(max_length=2)]) -> Any: ...

    @shared
    @endpoint.get("/q", cookies={"a": None, "b": "1"})
    def without_cookie(self) -> Any: ...

    @shared
    @endpoint.get("/q", validate=None)  # type: ignore[arg-type]
    def checked(self, q: int) -> Any: ...

    @shared
    @endpoint.post("/b")
    def second_type(
        self,
        a: Annotated[int, Body(embed=True)],
        b: Annotated[int, Body(embed=True, content_type="application/vnd.x+json")],
    ) -> Any: ...

    @shared
    @endpoint.post("/b")
    def embedded_none(
        self,
        a: Annotated[int, Body(embed=True)],
        b: Annotated[int | None, Body(embed=True)] = None,
    ) -> Any: ...

    @shared
    @endpoint.post("/b", headers={"content-type": "text/csv"})
    def declared_type(
        self, data: Annotated[bytes, Body(raw=True, content_type="text/plain")]
    ) -> Any: ...

    @shared
    @endpoint.patch("/b")
    def merge(
        self, body: Annotated[Filter | None, Body(content_type="application/merge-patch+json")]
    ) -> Any: ...

    @shared
    @endpoint.patch("/b")
    def maybe(self, body: Filter | None = None) -> Any: ...

    @shared
    @endpoint.post("/b")
    def point(self, point: Point) -> Any: ...

    @shared
    @endpoint.post("/b")
    def size(self, size: Size) -> Any: ...

    @shared
    @endpoint.post("/b")
    def number(self, id: int, limit: int | None = None) -> Any: ...

    @shared
    @endpoint.post("/echo")
    def one_field(self, note: Annotated[str, Form]) -> Any: ...

    @shared
    @endpoint.post("/echo")
    def one_part(self, note: Annotated[str | None, Part], more: Annotated[int, Part]) -> Any: ...

    @shared
    @endpoint.post("/echo")
    def parts_left_out(
        self,
        a: Annotated[str, Part(content_type="text/plain")],
        b: Annotated[str | Unset, Part(content_type="text/csv")] = UNSET,
    ) -> Any: ...

    @shared
    @endpoint.post("/echo")
    def files(
        self,
        noted: Annotated[list[FormFile], "noted"],
        several: Sequence[FormFile],
        other: Annotated[FormFile | None, File] = b"x",
    ) -> Any: ...

    @shared
    @endpoint.get("/seen")
    def seen(
        self, a: str | Unset, b: str | Unset = UNSET, *, result: Any = endpoint.result
    ) -> tuple[Any, Any]:
        return a, b


@pytest.mark.parametrize(
    ("name", "args", "target"),
    [
        ("joined", (["a", "b"],), "/q?c=a,b"),
        ("joined_object", ({"R": 1},), "/q?obj=R,1"),
        ("asked", ({"state": "x"},), "/q?state=x"),
        ("unset_by_default", (), "/q"),
        ("unset_by_default", (UNSET,), "/q"),
        ("unset_by_default", (1,), "/q?q=1"),
        ("in_two_cases", (1, 2, 3), "/q?a=1&A=2&page_size=3"),
        ("beside_an_object", ({"state": "x"}, "me"), "/q?filters=me&state=x"),
        ("object_of_any_kind", ([1, 2],), "/q?q=1&q=2"),
        ("checked", ("1",), "/q?q=1"),
    ],
)
async def test_targets(
    kind: Kind, mount: Mount, scripted: Scripted, name: str, args: tuple[Any, ...], target: str
) -> None:
    """The path and the query of a request."""
    api = mount(Api, scripted.url)
    await kind.call(getattr(api, name), *args)
    assert scripted.log[-1].target == target
    assert scripted.log[-1].body == b""


async def test_an_argument_that_is_called_as_a_field(
    kind: Kind, mount: Mount, scripted: Scripted
) -> None:
    """It may be a header of another name, where another one fills the field."""
    api = mount(Api, scripted.url)
    await kind.call(api.renamed, "h", 5)
    read = scripted.log[-1]
    assert (read.target, read.headers["X-Id"]) == ("/x/5", "h")


async def test_iterables_with_constraints(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """They are read, and checked, once."""
    api = mount(Api, scripted.url)
    await kind.call(api.limited, iter([1, 2]))
    assert scripted.log[-1].target == "/q?ids=1&ids=2"
    for wrong in (iter([1, 2, 3]), iter(["x"])):
        with pytest.raises(ConfigurationError, match=r"limited: ids"):
            await kind.call(api.limited, wrong)
    with pytest.raises(ConfigurationError, match="checked: q: Input should be a valid integer"):
        await kind.call(api.checked, "x")


async def test_cookies_that_are_removed(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """`None` removes one of the client."""
    api = mount(Api, scripted.url, cookies={"a": "0", "c": "2"})
    await kind.call(api.without_cookie)
    assert sorted(scripted.log[-1].headers["Cookie"].split("; ")) == ["b=1", "c=2"]


@pytest.mark.parametrize(
    ("name", "args", "media_type", "body"),
    [
        ("second_type", (1, 2), "application/vnd.x+json", b'{"a":1,"b":2}'),
        ("embedded_none", (1,), "application/json", b'{"a":1,"b":null}'),
        ("declared_type", (b"a",), "text/csv", b"a"),
        ("merge", (None,), "application/merge-patch+json", b"null"),
        ("merge", (Filter(),), "application/merge-patch+json", b"{}"),
        ("maybe", (None,), None, b""),
        ("point", (Point(1),), "application/json", b'{"x":1}'),
        ("size", ({"width": 1},), "application/json", b'{"width":1}'),
        ("one_field", ("x",), "application/x-www-form-urlencoded", b"note=x"),
    ],
)
async def test_bodies(
    kind: Kind,
    mount: Mount,
    scripted: Scripted,
    name: str,
    args: tuple[Any, ...],
    media_type: str | None,
    body: bytes,
) -> None:
    """What is sent, and what it is called."""
    api = mount(Api, scripted.url)
    await kind.call(getattr(api, name), *args)
    read = scripted.log[-1]
    assert (read.headers.get("Content-Type"), read.body) == (media_type, body)
    assert read.target.startswith(("/b", "/echo"))
    assert "?" not in read.target


async def test_parts(kind: Kind, mount: Mount, server: Server) -> None:
    """A part of no media type is one of a form with parts; `None` is left out."""
    api = mount(Api, server.url)
    told = await kind.call(api.one_part, None, 3)
    assert told["form"] == [["more", "3"]]
    assert server.log[-1].headers["Content-Type"].startswith("multipart/form-data")
    assert (await kind.call(api.parts_left_out, "x"))["form"] == [["a", "x"]]


async def test_files(kind: Kind, mount: Mount, server: Server) -> None:
    """Lists of files are files, and one that is `None` is left out."""
    api = mount(Api, server.url)
    told = await kind.call(api.files, [b"1", b"2"], [b"3"], None)
    assert [one["name"] for one in told["files"]] == ["noted", "noted", "several"]
    assert told["query"] == []
    assert len((await kind.call(api.files, [b"1"], [b"3"]))["files"]) == 3


async def test_what_the_body_of_a_method_sees(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """What is not sent is `UNSET` there."""
    api = mount(Api, scripted.url)
    assert await kind.call(api.seen, UNSET) == (UNSET, UNSET)
    assert await kind.call(api.seen, "x", UNSET) == ("x", UNSET)


async def test_errors_beside_unset(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """The text about `UNSET` is for the arguments that are."""
    api = mount(Api, scripted.url)
    with pytest.raises(ConfigurationError) as caught:
        await kind.call(api.number, UNSET, "x")
    first, second = str(caught.value).split("; ")
    assert "id: UNSET is for arguments" in first
    assert second.startswith("limit: Input should be a valid integer")
    assert scripted.log == []


async def test_lists_of_options_that_change(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """A list of options is read when it is given."""

    class Fails(Hook):
        """Sends nothing."""

        def before_call(self, request: Any) -> None:
            raise AssertionError

    hooks: list[Hook] = []

    class Hooked:
        @shared
        @endpoint.get("/x", hooks=hooks)
        def one(self) -> Any: ...

    api = mount(Hooked, scripted.url)
    over = api.one.with_options(hooks=hooks)
    hooks.append(Fails())
    await kind.call(api.one)
    await kind.call(over)
    assert len(scripted.log) == 2
    assert over != api.one
    assert over == api.one.with_options(hooks=[])


async def test_paths_that_come_later(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """An endpoint that was used already can be used below another path."""

    class Mixin:
        @shared
        @endpoint.get("/{id}")
        def one(self, id: int, org: str = "a") -> Any: ...

    api = mount(Mixin, scripted.url)
    await kind.call(api.one, 1)

    class Mixed(Mixin, SubClient, relative_path="/orgs/{org}"):
        """Fills `org` in its path."""

    class Parent:
        orgs = Mixed()

    other = mount(Parent, scripted.url)
    await kind.call(other.orgs.one, 2)
    await kind.call(api.one, 3)
    assert [one.target for one in scripted.log] == ["/1?org=a", "/orgs/a/2", "/3?org=a"]
    assert json.dumps(other.openapi()["paths"]).count("/orgs/{org}/{id}") == 1


class Corners:
    """Endpoints whose arguments could be taken for others."""

    @shared
    @endpoint.get("/two")
    def two(self, filter: Filter, state: dict[str, str]) -> Any: ...

    @shared
    @endpoint.post("/parts")
    def parts(
        self,
        note: Annotated[str | None, Part(content_type="text/plain")] = None,
        data: Annotated[int | None, Part(content_type="application/json")] = None,
    ) -> Any: ...

    @shared
    @endpoint.get("/any", description="Given.")
    def anything(self, what: Annotated[object, Query(style="deepObject")]) -> Any:
        """Written."""


async def test_objects_called_like_fields(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """The name of an object whose fields are sent is sent nowhere, so that it takes no place."""
    api = mount(Corners, scripted.url)
    await kind.call(api.two, Filter(state="closed"), {"page": "2"})
    assert scripted.log[-1].target == "/two?state=closed&page=2"


async def test_parts_that_are_no_json(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """A `None` is `null` in a part of JSON alone."""
    api = mount(Corners, scripted.url)
    await kind.call(api.parts, None, None)
    body = scripted.log[-1].body
    assert body.count(b"null") == 1
    assert b'name="note"' not in body


async def test_what_only_the_value_tells(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """An `object` may be one with fields; a description that is given goes before the docstring."""
    api = mount(Corners, scripted.url)
    await kind.call(api.anything, {"a": 1})
    assert scripted.log[-1].target == "/any?what%5Ba%5D=1"
    assert Corners.anything.__endpoint__["description"] == "Given."
