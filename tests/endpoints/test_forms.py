"""Forms, files and parts of declared endpoints, as a parser of another project reads them."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"

import json
from typing import Annotated, Any

import pytest

from arya_api_framework import BaseModel, Encoding, FormFile, endpoint, shared
from arya_api_framework.endpoints import Body, File, Form, Header, Part
from arya_api_framework.errors import ConfigurationError
from arya_api_framework.options import UNSET, Unset
from tests.app import Server
from tests.conftest import Kind
from tests.endpoints.conftest import Mount


class Login(BaseModel):
    """A form in a model."""

    user: str
    tags: Annotated[list[str], Encoding(style="form", explode=False)] = ()  # type: ignore[assignment]
    note: str | None = None


class Picture(BaseModel):
    """What is told of a file."""

    title: str


class Api:
    """Endpoints with forms."""

    @shared
    @endpoint.post("/echo")
    def fields(
        self,
        user: Annotated[str, Form],
        tags: Annotated[list[str], Form(alias="tag")] = [],  # noqa: B006
        ids: Annotated[list[int] | Unset, Form(style="form", explode=False)] = UNSET,
        note: Annotated[str | None, Form(max_length=5)] = None,
        q: int = 1,
    ) -> Any: ...

    @shared
    @endpoint.post("/echo")
    def model(self, login: Annotated[Login, Form]) -> Any: ...

    @shared
    @endpoint.post("/echo")
    def model_and_more(
        self, login: Annotated[Login | dict[str, str], Form], more: Annotated[int, Form] = 1
    ) -> Any: ...

    @shared
    @endpoint.put("/echo")
    def upload(
        self,
        avatar: Annotated[FormFile, File],
        title: Annotated[str | Unset, Form] = UNSET,
        extra: Annotated[Any, File(alias="more")] = None,
        trace: Annotated[str, Header] = "t",
    ) -> Any: ...

    @shared
    @endpoint.post("/echo")
    def parts(
        self,
        picture: Annotated[Picture, Part(content_type="application/json", headers={"X-A": "1"})],
        data: Annotated[bytes | Unset, Part(content_type="image/png")] = UNSET,
        text: Annotated[str, Form] = "x",
    ) -> Any: ...

    @shared
    @endpoint.post("/echo")
    def maybe(self, note: Annotated[str | Unset, Form] = UNSET) -> Any: ...

    @shared
    @endpoint.post("/echo")
    def raw(self, data: Annotated[Any, Body(raw=True)]) -> Any: ...


async def test_fields(kind: Kind, mount: Mount, server: Server) -> None:
    """Each argument is a field; lists repeat the name, or are joined."""
    api = mount(Api, server.url)
    told = await kind.call(api.fields, "Ada", ["a", "b"], [1, 2])
    assert told["form"] == [["user", "Ada"], ["tag", "a"], ["tag", "b"], ["ids", "1,2"]]
    assert told["query"] == [["q", "1"]]
    assert server.log[-1].headers["Content-Type"] == "application/x-www-form-urlencoded"
    with pytest.raises(ConfigurationError, match="fields: note: String should have at most 5"):
        await kind.call(api.fields, "Ada", note="secret")
    assert (await kind.call(api.maybe))["text"] == ""


async def test_models(kind: Kind, mount: Mount, server: Server) -> None:
    """The fields of a model are sent as its annotations say, alone or beside others."""
    api = mount(Api, server.url)
    login = Login(user="Ada", tags=["a", "b"])
    told = await kind.call(api.model, login)
    assert told["form"] == [["user", "Ada"], ["tags", "a,b"]]
    told = await kind.call(api.model_and_more, {"user": "Ada"}, 2)
    assert told["form"] == [["user", "Ada"], ["more", "2"]]


async def test_files(kind: Kind, mount: Mount, server: Server) -> None:
    """Files of all shapes are sent as multipart, beside fields."""
    api = mount(Api, server.url)
    told = await kind.call(api.upload, ("a.txt", b"1"), "T", extra=("b.bin", b"2", "x/y"))
    assert told["form"] == [["title", "T"]]
    shown = [(file["name"], file["filename"], file["content_type"]) for file in told["files"]]
    assert shown == [("avatar", "a.txt", "application/octet-stream"), ("more", "b.bin", "x/y")]
    told = await kind.call(api.upload, b"1")
    assert (told["form"], len(told["files"])) == ([], 1)
    told = await kind.call(api.raw, iter([b"a", b"b"]))
    assert told["text"] == "ab"


async def test_parts(kind: Kind, mount: Mount, server: Server) -> None:
    """A part has a media type of its own; one of JSON makes the value JSON."""
    api = mount(Api, server.url)
    told = await kind.call(api.parts, Picture(title="x"), b"png")
    assert [json.loads(value) if name == "picture" else value for name, value in told["form"]] == [
        {"title": "x"},
        "png",
        "x",
    ]
    body = server.log[-1].body
    assert body.count(b"Content-Type: application/json") == 1
    assert body.count(b"Content-Type: image/png") == 1
    assert body.count(b"X-A: 1") == 1
    told = await kind.call(api.parts, {"title": "x"})
    assert len(told["form"]) == 2


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        (lambda: Form(style="deepObject", explode=False), "style='deepObject' is always exploded"),
        (lambda: Form(style="coma"), "style of an Encoding must be one of .*; did you mean 'comm"),  # type: ignore[arg-type]
        (lambda: Part(content_type="x"), "content_type of an Encoding must be a media type"),
        (lambda: Part(headers={"Content-Type": "x"}), "headers of an Encoding cannot hold Content"),
    ],
)
def test_markers_that_are_refused(marker: Any, said: str) -> None:
    """They say what an `Encoding` says."""
    with pytest.raises(ConfigurationError, match=said):
        marker()
