"""The OpenAPI document of a client says what its class declares, and no secret."""

# What models and endpoints are for is in their names; defaults of models are copied by pydantic.
# ruff: noqa: D101, D102, RUF012
# mypy: disable-error-code="empty-body"

import functools
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from types import ModuleType
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypeVar, cast

import pytest
from openapi_spec_validator import validate
from pydantic import (
    AliasChoices,
    AliasPath,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    computed_field,
)
from pydantic_core import core_schema
from typing_extensions import TypeAliasType, TypedDict

from arya_api_framework import (
    AsyncClient,
    BaseModel,
    CredentialPool,
    Cursor,
    LinkHeader,
    Offset,
    Page,
    PageNumber,
    RawResponse,
    Response,
    ServerVariable,
    SubClient,
    SyncClient,
    SyncSubClient,
    endpoint,
    shared,
)
from arya_api_framework.auth import (
    ApiKeyAuth,
    ApiKeyScheme,
    Auth,
    BasicAuth,
    BasicScheme,
    BearerAuth,
    BearerScheme,
    DigestAuth,
    DigestScheme,
    HMACAuth,
    MutualTLSScheme,
    OAuth2AuthorizationCode,
    OAuth2ClientCredentials,
    OAuth2RefreshToken,
    Scheme,
)
from arya_api_framework.client.node import made_anew
from arya_api_framework.client.request import Request
from arya_api_framework.client.sync_pages import SyncItems, SyncPages
from arya_api_framework.client.sync_stream import SyncStream
from arya_api_framework.endpoints import (
    Body,
    ByStatus,
    Cookie,
    Form,
    Header,
    Items,
    Path,
    Query,
)
from arya_api_framework.errors import ConfigurationError, HTTPNotFound
from arya_api_framework.openapi.docstrings import Docstring, read_docstring
from arya_api_framework.options import UNSET, Unset
from examples.github import AsyncDeclaredGitHub, DeclaredGitHub
from examples.jsonplaceholder import AsyncDeclaredPlaceholder, DeclaredPlaceholder

SECRET = "sup3r-s3cret-value"
T = TypeVar("T")
URI = "https://api.example.com"


class User(Response):
    """Somebody."""

    id: int
    name: str = Field("", serialization_alias="full_name")
    friends: list["User"] = []


class Problem(BaseModel):
    message: str


class Where(BaseModel):
    city: str = Field(description="The town.")
    zip: int | None = Field(None, deprecated=True)
    inner: "Where | None" = None


class Paged(Response, Generic[T]):
    items: list[T]


class Row(TypedDict):
    a: int
    b: NotRequired[str]


@dataclass
class Point:
    x: float = 0.0


class Color(Enum):
    RED = "red"


Text = TypeAliasType("Text", str | None)
Perhaps = TypeAliasType("Perhaps", Annotated[int | None, Field(description="P.")])


class Strange:
    """What pydantic does not know."""


def document(cls: Any, **options: Any) -> dict[str, Any]:
    """Return the document of a client, which is valid and JSON, and always the same."""
    made: dict[str, Any] = cls.openapi(**options)
    validate(cast("Any", made))
    assert json.loads(json.dumps(made)) == made
    assert json.dumps(cls.openapi(**options)) == json.dumps(made)
    return made


def operation(method: Any, path: str = "/a", **keywords: Any) -> dict[str, Any]:
    """Return the operation of the only endpoint of a client."""
    made = document(client(method, **keywords))
    [item] = made["paths"].values()
    [found] = item.values()
    return cast("dict[str, Any]", found)


def client(method: Any, base: Any = SyncClient, **keywords: Any) -> type[Any]:
    """Return a client with one endpoint."""
    return cast(
        "type[Any]", cast("Any", type(base))("Api", (base,), {"call": method}, uri=URI, **keywords)
    )


# Whole documents


class Repos(SubClient, relative_path="/repos/{owner}"):
    """Repositories."""

    @shared
    @endpoint.get("/{name}", href="https://docs.example.com/repos")
    def one(self, name: Annotated[str, Path(description="What it is called.")], owner: str) -> User:
        """Get one.

        It may be private.

        Args:
            name: Not this.
            owner: Whose it is.

        Returns:
            The one.
        """


class Empty(SubClient, relative_path="/empty"):
    repos = Repos()


class Api(SyncClient, uri="https://{region}.example.com/v1/", error_responses={404: Problem}):
    """An API.

    It does things.
    """

    __version__ = "2.1"

    repos = Repos()
    empty = Empty()

    @endpoint.get("/users/{id}")
    def user(self, id: int) -> User: ...

    @endpoint.delete("/users/{user_id}", deprecated=True, name="Drop", description="For good.")
    def drop(self, user_id: int) -> None:
        """Remove somebody."""


def test_document() -> None:
    """A document has all that the class and its sub-clients declare, in their order."""
    made = document(Api)
    assert list(made) == ["openapi", "info", "servers", "tags", "paths", "components"]
    assert made["openapi"] == "3.1.0"
    assert made["info"] == {
        "title": "Api",
        "version": "2.1",
        "summary": "An API.",
        "description": "It does things.",
    }
    assert made["servers"] == [
        {"url": "https://{region}.example.com/v1", "variables": {"region": {"default": ""}}}
    ]
    assert made["tags"] == [
        {"name": "repos", "description": "Repositories."},
        {"name": "empty.repos", "description": "Repositories."},
    ]
    assert list(made["paths"]) == [
        "/users/{id}",
        "/repos/{owner}/{name}",
        "/empty/repos/{owner}/{name}",
    ]
    missing = {"$ref": "#/components/schemas/Problem"}
    failed = {
        "description": "Not Found",
        "content": {"application/json": {"schema": missing}},
    }
    # Paths that differ in the names of their fields are one.
    assert made["paths"]["/users/{id}"]["delete"] == {
        "operationId": "drop",
        "summary": "Drop",
        "description": "For good.",
        "deprecated": True,
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": INTEGER}],
        "responses": {"2XX": {"description": "Success"}, "404": failed},
    }
    one = made["paths"]["/repos/{owner}/{name}"]["get"]
    assert one["operationId"] == "repos.one"
    assert one["tags"] == ["repos"]
    assert one["summary"] == "Get one."
    assert one["description"] == "It may be private."
    assert one["externalDocs"] == {"url": "https://docs.example.com/repos"}
    assert one["parameters"] == [
        {
            "name": "name",
            "in": "path",
            "description": "What it is called.",
            "required": True,
            "schema": {"type": "string"},
        },
        {
            "name": "owner",
            "in": "path",
            "description": "Whose it is.",
            "required": True,
            "schema": {"type": "string"},
        },
    ]
    assert one["responses"]["2XX"]["description"] == "The one."
    other = made["paths"]["/empty/repos/{owner}/{name}"]["get"]
    assert (other["operationId"], other["tags"]) == ("empty.repos.one", ["empty.repos"])


INTEGER = {"type": "integer"}


def test_least_document() -> None:
    """A client without endpoints and `uri` has a document, too."""

    class Bare(AsyncClient): ...

    assert document(Bare) == {
        "openapi": "3.1.0",
        "info": {"title": "Bare", "version": "0.0.0"},
        "paths": {},
    }


def test_serialized() -> None:
    """The document can be had as text, with a title and a version."""
    text = Api.openapi(True, 2, title="Ä", version="3")
    assert '\n  "openapi": "3.1.0"' in text
    assert '"title": "Ä"' in text
    made = document(Api, title="Ä", version="3")
    assert json.loads(text) == made
    assert made["info"]["version"] == "3"


def test_version_of_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is that of the module, or else of the package; never that of the framework."""
    module = ModuleType("shop.client")
    monkeypatch.setitem(sys.modules, "shop.client", module)
    package = ModuleType("shop")
    monkeypatch.setitem(sys.modules, "shop", package)

    class Shop(SyncClient, uri=URI):
        __module__ = "shop.client"

    package.__dict__["__version__"] = "4.5"
    assert document(Shop)["info"]["version"] == "4.5"
    import arya_api_framework

    module.__dict__["__version__"] = arya_api_framework.__version__
    assert document(Shop)["info"]["version"] == "4.5"
    module.__dict__["__version__"] = "4.6"
    assert document(Shop)["info"]["version"] == "4.6"


def test_servers() -> None:
    """Server variables are those of the class; an instance shows its own."""

    class Regional(
        SyncClient,
        uri="https://{region}.example.com/{v}",
        server_variables={
            "region": ServerVariable(enum=["eu", "us"], description="Where."),
            "v": "v1",
        },
    ): ...

    assert document(Regional)["servers"][0]["variables"] == {
        "region": {"default": "eu", "enum": ["eu", "us"], "description": "Where."},
        "v": {"default": "v1"},
    }
    with Regional(server_variables={"region": "us"}) as made:
        variables = made.openapi()["servers"][0]["variables"]
        assert variables["region"]["default"] == "us"


def test_instance() -> None:
    """An instance shows the sub-clients and the errors that it has now."""
    with Api("https://other.example.com") as made:
        made.add_subclient(Repos2())
        made.error_responses[410] = Problem
        found = document(made)
    assert found["servers"] == [{"url": "https://other.example.com"}]
    assert "/more/x" in found["paths"]
    assert "410" in found["paths"]["/users/{id}"]["get"]["responses"]
    assert "/more/x" not in document(Api)["paths"]


class Repos2(SyncSubClient, name="more", relative_path="/more"):
    @endpoint.get("x")
    def x(self) -> Any: ...


def test_overridden_members() -> None:
    """What a subclass overrides is there once, or not at all where it is no endpoint any more."""

    class Child(Api):
        drop = None  # type: ignore[assignment]

        @endpoint.get("/people/{id}")
        def user(self, id: int) -> User:
            """Another."""

    assert next(iter(document(Child)["paths"])) == "/people/{id}"
    assert "/users/{id}" not in document(Child)["paths"]
    assert document(Child)["info"]["summary"] == "An API."


def test_mixed_in_for_both_kinds() -> None:
    """Endpoints declared once have the same document on both kinds."""

    class Both:
        @shared
        @endpoint.get("/users", pagination=LinkHeader())
        def users(self) -> Items[User]: ...

    class Sync(Both, SyncClient, uri=URI): ...

    class Async(Both, AsyncClient, uri=URI): ...

    assert document(Sync)["paths"] == document(Async)["paths"]


def test_type_variables() -> None:
    """What a class says of its type variables is in the document."""

    class Crud(SyncSubClient, Generic[T]):
        @endpoint.get("/one")
        def one(self) -> T: ...

    class Users(Crud[User], relative_path="/users"): ...

    class Shop(SyncClient, uri=URI):
        users = Users()
        points = Crud[Point]()

    paths = document(Shop)["paths"]
    assert ref_of(paths["/users/one"]["get"]) == "User"
    assert ref_of(paths["/one"]["get"]) == "Point"


def ref_of(found: dict[str, Any], status: str = "2XX") -> str:
    """Return the name of the model of a response."""
    [content] = found["responses"][status]["content"].values()
    return cast("str", content["schema"]["$ref"]).rpartition("/")[2]


@pytest.mark.parametrize(
    "cls",
    [
        DeclaredPlaceholder,
        AsyncDeclaredPlaceholder,
        DeclaredGitHub,
        AsyncDeclaredGitHub,
    ],
)
def test_examples(cls: type[Any]) -> None:
    """The examples have documents, with an operation of each endpoint."""
    made = document(cls)
    count = len(cls.endpoints) + sum(len(one.endpoints) for one in made_anew(cls))
    found = [one for item in made["paths"].values() for one in item.values()]
    assert sum(len(one.get("x-alternatives", [one])) for one in found) == count


# Paths


def test_query_in_path() -> None:
    """What is written behind a path is a parameter: a fixed one, or that of an argument."""

    @endpoint.get("/a?kind=x&id={id}&flag")
    def call(self: Any, id: Annotated[int, Path(style="label")]) -> Any: ...

    assert operation(call)["parameters"] == [
        {"name": "id", "in": "query", "required": True, "schema": INTEGER},
        {
            "name": "kind",
            "in": "query",
            "required": True,
            "schema": {"type": "string", "const": "x"},
        },
        {
            "name": "flag",
            "in": "query",
            "required": True,
            "schema": {"type": "string", "const": ""},
        },
    ]


def test_field_in_query_of_notes() -> None:
    """A field that no argument says more of is text."""

    @endpoint("/a?id={id}", method="GET")
    def call(self: Any) -> None: ...

    assert operation(call)["parameters"] == [
        {"name": "id", "in": "query", "required": True, "schema": {"type": "string"}}
    ]


def test_another_origin() -> None:
    """An absolute path has its own server."""

    @endpoint.get("https://cdn.example.com/a/{x}", foreign=True)
    def call(self: Any, x: str) -> bytes: ...

    assert operation(call)["servers"] == [{"url": "https://cdn.example.com"}]

    @endpoint("https://cdn.example.com/a", method="GET")
    def by_hand(self: Any) -> None: ...

    assert operation(by_hand)["servers"] == [{"url": "https://cdn.example.com"}]


def test_no_path() -> None:
    """An endpoint at the `uri` itself is at a slash."""

    @endpoint.get("")
    def call(self: Any) -> Any: ...

    assert list(document(client(call))["paths"]) == ["/"]


def test_two_operations_in_one_place() -> None:
    """A path has one operation of a method, which allows what any of the endpoints sends."""

    class Twice(SyncClient, uri=URI):
        @endpoint.get("/users/{id}")
        def user(self, id: int, part: int, size: int = 3, *, page: str | None = None) -> User: ...

        @endpoint.get("/users/{number}")
        def maybe(
            self, number: str, size: int = 5, *, page: int = 1
        ) -> Annotated[User | Problem, ByStatus({200: User, 404: Problem})]: ...

        @endpoint.get("/users/{id}")
        def raw(self, id: int, part: int) -> RawResponse: ...

    [item] = document(Twice)["paths"].values()
    made = item["get"]
    assert made["operationId"] == "user"
    others = made["x-alternatives"]
    assert [one["operationId"] for one in others] == ["user", "maybe", "raw"]
    assert [one["parameters"][0]["name"] for one in others] == ["id", "id", "id"]
    number, text = {"type": "integer"}, {"type": "string"}
    assert made["parameters"] == [
        {"name": "id", "in": "path", "required": True, "schema": {"anyOf": [number, text]}},
        {"name": "part", "in": "query", "schema": number},
        {"name": "size", "in": "query", "schema": number},
        {"name": "page", "in": "query", "schema": {"anyOf": [text, number]}},
    ]
    assert list(made["responses"]) == ["200", "2XX", "404"]
    assert made["responses"]["200"]["description"] == "OK"
    either = ["application/json", "*/*"]
    assert [list(one["content"]) for one in made["responses"].values()] == [
        either,
        either,
        either[:1],
    ]


def test_bodies_in_one_place() -> None:
    """A body is required where all require it, and fits any of them."""
    tag = Form(style="json")

    class Stored(SyncClient, uri=URI):
        @endpoint.post("/users")
        def add(self, user: User) -> None: ...

        @endpoint.post("/users")
        def add_many(self, body: list[User]) -> User: ...

        @endpoint.post("/users")
        def upload(self, body: Annotated[bytes, Body(raw=True)]) -> User: ...

        @endpoint.post("/posts")
        def start(self) -> None: ...

        @endpoint.post("/posts")
        def publish(self, text: Annotated[str, Form]) -> None: ...

        @endpoint.post("/posts")
        def note(self, text: Annotated[int, Form], tags: Annotated[list[str], tag]) -> None: ...

        @endpoint.post("/posts")
        def point(self, point: Annotated[Point, Form]) -> None: ...

        @endpoint.post("/texts")
        def one_text(self, text: Annotated[str, Form]) -> None: ...

        @endpoint.post("/texts")
        def other_text(self, text: Annotated[str, Form], y: Annotated[int, Form]) -> None: ...

        @endpoint.post("/points")
        def put_point(self, point: Annotated[Point, Form]) -> None: ...

        @endpoint.post("/points")
        def set_point(self, point: Annotated[Point, Form]) -> int: ...

        @endpoint.put("/files")
        def text(self, body: Annotated[str, Body(raw=True, content_type="text/csv")]) -> None: ...

        @endpoint.put("/files")
        def blob(self, body: Annotated[bytes, Body(raw=True, content_type="text/csv")]) -> None: ...

    paths = document(Stored)["paths"]
    users = paths["/users"]["post"]
    one = {"$ref": "#/components/schemas/User-Request"}
    assert users["requestBody"] == {
        "required": True,
        "content": {
            "application/json": {"schema": {"anyOf": [one, {"type": "array", "items": one}]}},
            "application/octet-stream": {},
        },
    }
    assert ref_of(users) == "User-Response"
    body = paths["/posts"]["post"]["requestBody"]
    [form] = body["content"].values()
    assert "required" not in body
    fields = form["schema"]["properties"]
    assert list(fields) == ["text", "tags", "x"]
    assert fields["text"] == {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    assert "required" not in form["schema"]
    assert fields["tags"]["contentMediaType"] == "application/json"
    assert "encoding" not in form
    [form] = paths["/texts"]["post"]["requestBody"]["content"].values()
    assert form["schema"]["required"] == ["text"]
    [form] = paths["/points"]["post"]["requestBody"]["content"].values()
    assert form == {"schema": {"$ref": "#/components/schemas/Point"}}
    assert paths["/files"]["put"]["requestBody"] == {"required": True, "content": {"text/csv": {}}}


def test_parameters_that_are_written_in_two_ways() -> None:
    """Where two endpoints write one parameter in two ways, the document says only that it is."""

    class Mixed(SyncClient, uri=URI):
        @endpoint.get("/a")
        def one(self, x: list[int], x_id: Annotated[int, Header]) -> None: ...

        @endpoint.get("/a")
        def other(
            self,
            x: Annotated[list[int], Query(explode=False)],
            my_id: Annotated[int, Header(alias="x-id")],
        ) -> None: ...

    assert document(Mixed)["paths"]["/a"]["get"]["parameters"] == [
        {"name": "x", "in": "query", "required": True, "schema": {}},
        {"name": "x-id", "in": "header", "required": True, "schema": INTEGER},
    ]


def test_forms_that_are_written_in_two_ways() -> None:
    """Fields that two forms write in two ways may be anything, and so may forms of any fields."""

    class Mixed(SyncClient, uri=URI):
        @endpoint.post("/a")
        def one(
            self,
            x: Annotated[list[int], Form],
            z: Annotated[list[str], Form(style="index")],
            y: Annotated[list[int], Form(style="comma")],
        ) -> None: ...

        @endpoint.post("/a")
        def other(
            self,
            x: Annotated[list[int], Form(style="comma")],
            z: Annotated[list[int], Form(style="index")],
        ) -> None: ...

        @endpoint.post("/a")
        def plain(self, w: Annotated[int, Form]) -> None: ...

        @endpoint.post("/b")
        def named(self, x: Annotated[int, Form]) -> None: ...

        @endpoint.post("/b")
        def open(self, values: Annotated[dict[str, str], Form]) -> None: ...

    paths = document(Mixed)["paths"]
    [form] = paths["/a"]["post"]["requestBody"]["content"].values()
    assert form == {
        "schema": {
            "type": "object",
            "properties": {"x": {}, "y": {"type": "array", "items": INTEGER}, "w": INTEGER},
            "patternProperties": {r"^z\[\d+\]": {"anyOf": [TEXT, INTEGER]}},
        },
        "encoding": {"y": {"style": "form", "explode": False}},
    }
    [form] = paths["/b"]["post"]["requestBody"]["content"].values()
    assert form == {"schema": {"type": "object"}}


def test_responses_in_one_place() -> None:
    """A status that only one endpoint names is, for another, what its range or default is."""

    class Mixed(SyncClient, uri=URI, error_responses={"default": Problem}):
        @endpoint.get("/a", error_responses={404: Row})
        def one(self) -> Annotated[User, ByStatus({200: User})]: ...

        @endpoint.get("/a")
        def other(self) -> Annotated[Row, ByStatus({202: Row})]: ...

    found = document(Mixed)["paths"]["/a"]["get"]["responses"]
    assert list(found) == ["200", "202", "404", "default"]
    either = found["404"]["content"]["application/json"]["schema"]["anyOf"]
    assert {one["$ref"].rpartition("/")[2] for one in either} == {"Row", "Problem"}
    assert ref_of({"responses": found}, "200") == "User"


def test_what_operations_in_one_place_need() -> None:
    """Credentials, servers and a notice are those of any, of any, and of all."""
    schemes = {"key": ApiKeyScheme("X-Key"), "token": BearerScheme()}

    class Needy(SyncClient, uri=URI, security_schemes=schemes, security=[{"token"}]):
        @endpoint.get("/a")
        def usual(self) -> None: ...

        @endpoint.get("/a", security=[{"key"}, {"token"}], deprecated=True)
        def by_key(self) -> None: ...

        @endpoint.get("https://cdn.example.com/a", security=[], deprecated=True)
        def copy(self) -> None: ...

        @endpoint.get("/b", deprecated=True)
        def old(self, id: Annotated[int, Query(deprecated=True)]) -> None: ...

        @endpoint.get("/b", deprecated=True)
        def older(self, id: Annotated[int, Query(deprecated=True)]) -> None: ...

    paths = document(Needy)["paths"]
    first, second = paths["/a"]["get"], paths["/b"]["get"]
    assert first["security"] == [{"token": []}, {"key": []}, {}]
    assert first["servers"] == [{"url": URI}, {"url": "https://cdn.example.com"}]
    assert "deprecated" not in first
    assert second["deprecated"]
    assert second["parameters"][0]["deprecated"]
    assert not {"security", "servers"} & {*second}


def test_fields_of_sub_clients_above() -> None:
    """A field in the path of a sub-client above is that of the argument, where it is above."""

    class Members(SyncSubClient, relative_path="/members"):
        @endpoint.get("/{id}")
        def one(self, org: Annotated[int, Path], id: int) -> Any: ...

    class Orgs(SyncSubClient, relative_path="/orgs/{org}"):
        members = Members()

    class Shop(SyncClient, uri=URI):
        orgs = Orgs()
        members = Members()

    paths = document(Shop)["paths"]
    found = paths["/orgs/{org}/members/{id}"]["get"]["parameters"]
    assert [(one["name"], one["schema"]) for one in found] == [("org", INTEGER), ("id", INTEGER)]
    found = paths["/members/{id}"]["get"]["parameters"]
    assert [one["name"] for one in found] == ["id"]


# Methods written by hand


def test_notes_on_methods() -> None:
    """Of a method that is written by hand the document says what is known."""

    class Old(SyncClient, uri=URI, error_responses={"default": Problem}):
        @endpoint("/old/{x}/{y}", "Old", "Does it.", "https://old.example.com", method="POST")
        def old(self, x: int, z: "Nothing") -> None:  # type: ignore[name-defined]  # noqa: F821
            """Do it.

            Args:
                x: Which.
                z: Not sent.

            Returns:
                It.
            """

        @endpoint("/typed/{x}", methods=["GET", "PUT"])
        def typed(self, x: Annotated[int, Field(ge=1)]) -> None:
            """Do it."""

        @endpoint("/any")
        def any(self) -> None: ...

        @endpoint("/any", method="CONNECT")
        def connect(self) -> None: ...

    paths = document(Old)["paths"]
    old = paths["/old/{x}/{y}"]["post"]
    assert old.pop("responses")["2XX"] == {"description": "It."}
    text = {"type": "string"}
    assert old == {
        "operationId": "old",
        "summary": "Old",
        "description": "Does it.",
        "externalDocs": {"url": "https://old.example.com"},
        "parameters": [
            {
                "name": "x",
                "in": "path",
                "description": "Which.",
                "required": True,
                "schema": text,
            },
            {"name": "y", "in": "path", "required": True, "schema": text},
        ],
    }
    typed = paths["/typed/{x}"]
    assert [typed[one]["operationId"] for one in ("get", "put")] == ["typed.get", "typed.put"]
    assert typed["get"]["summary"] == "Do it."
    assert typed["get"]["parameters"][0]["schema"] == {"type": "integer", "minimum": 1}
    assert set(typed["get"]["responses"]) == {"2XX", "default"}
    assert list(paths["/any"]) == ["x-any", "x-connect"]


# Parameters


def parameters(annotation: Any, default: Any = ..., path: str = "/a") -> list[dict[str, Any]]:
    """Return the parameters that an argument of a type makes."""

    def call(self: Any, x: Any) -> Any: ...

    call.__annotations__["x"] = annotation
    if default is not ...:
        call.__defaults__ = (default,)
    return cast("list[dict[str, Any]]", operation(endpoint.get(path)(call)).get("parameters", []))


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("annotation", "default", "made"),
    [
        (int, ..., {"required": True, "schema": INTEGER}),
        (int, 3, {"schema": {"type": "integer", "default": 3}}),
        (int | None, None, {"schema": INTEGER}),
        (int | None, 3, {"schema": {"type": "integer", "default": 3}}),
        (int | str | None, None, {"schema": {"anyOf": [INTEGER, TEXT]}}),
        (None, None, {"schema": {"type": "null"}}),
        (int | Unset, UNSET, {"schema": INTEGER}),
        (int | Unset, ..., {"schema": INTEGER}),
        (Any, ..., {"required": True, "schema": {}}),
        (
            Annotated[int, Query(ge=1, lt=9, multiple_of=2, description="N.", deprecated=True)],
            2,
            {
                "description": "N.",
                "deprecated": True,
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "exclusiveMaximum": 9,
                    "multipleOf": 2,
                    "default": 2,
                },
            },
        ),
        (
            Annotated[str, Query(min_length=1, max_length=3, pattern="^a")],
            ...,
            {
                "required": True,
                "schema": {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^a"},
            },
        ),
        (
            Literal["a", "b"],
            "a",
            {"schema": {"type": "string", "enum": ["a", "b"], "default": "a"}},
        ),
        (bool, True, {"schema": {"type": "boolean", "default": True}}),
        (
            datetime,
            datetime(2026, 1, 2, tzinfo=UTC),
            {
                "schema": {
                    "type": "string",
                    "format": "date-time",
                    "default": "2026-01-02T00:00:00Z",
                }
            },
        ),
        (
            Annotated[list[int], Query(style="pipeDelimited")],
            ...,
            {
                "required": True,
                "style": "pipeDelimited",
                "schema": {"type": "array", "items": INTEGER},
            },
        ),
        (
            Annotated[list[int], Query(explode=False)],
            ...,
            {"required": True, "explode": False, "schema": {"type": "array", "items": INTEGER}},
        ),
        (
            Annotated[list[int], Query(style="form", explode=True)],
            ...,
            {"required": True, "style": "form", "schema": {"type": "array", "items": INTEGER}},
        ),
        (
            Annotated[dict[str, int], Query(style="deepObject")],
            ...,
            {
                "required": True,
                "style": "deepObject",
                "explode": True,
                "schema": {"type": "object", "additionalProperties": INTEGER},
            },
        ),
        (
            dict[str, int],
            ...,
            {"schema": {"type": "object", "additionalProperties": INTEGER}},
        ),
    ],
)
def test_query(annotation: Any, default: Any, made: dict[str, Any]) -> None:
    """An argument is a parameter with its type, constraints, default, style and notes."""
    assert parameters(annotation, default) == [{"name": "x", "in": "query", **made}]


@pytest.mark.parametrize(
    ("annotation", "made"),
    [
        (
            Annotated[int | None, Field(description="N.")],
            {"description": "N.", "schema": INTEGER},
        ),
        (
            Annotated[int, Query(description="M."), Field(description="N.")],
            {"description": "M.", "required": True, "schema": {**INTEGER, "description": "N."}},
        ),
        (Perhaps, {"description": "P.", "schema": INTEGER}),
        (
            Annotated[Literal["a", None], Query],  # noqa: PYI061 - its schema is another
            {"schema": {"enum": ["a"]}},
        ),
    ],
)
def test_what_fields_say(annotation: Any, made: dict[str, Any]) -> None:
    """What a field says of an argument is said of the parameter; what may be `None`, may miss."""
    assert parameters(annotation) == [{"name": "x", "in": "query", **made}]


def test_query_of_objects() -> None:
    """The fields of an object are parameters of their own, nested ones with dots."""
    [city, zip_, *inner] = parameters(Annotated[Where, Query(deprecated=True)])
    assert city == {
        "name": "city",
        "in": "query",
        "description": "The town.",
        "required": True,
        "deprecated": True,
        "schema": {"title": "City", "type": "string"},
    }
    assert (zip_["name"], zip_["schema"]["type"]) == ("zip", "integer")
    # A model that holds itself ends where it begins again.
    assert [one["name"] for one in inner] == ["inner"]
    optional = parameters(Where | None, None)
    assert [one.get("required") for one in optional] == [None, None, None]
    assert [one.get("deprecated") for one in optional] == [None, True, None]


def test_query_of_nested_objects() -> None:
    """Names of nested fields are joined by dots, as they are sent."""

    class Outer(BaseModel):
        where: Point
        color: Color = Color.RED

    names = [one["name"] for one in parameters(Outer)]
    assert names == ["where.x", "color"]


def test_query_of_several_objects() -> None:
    """Of an object of one type or another the fields of both may be there."""
    found = parameters(Where | Row)
    assert [(one["name"], one.get("required")) for one in found] == [
        ("city", None),
        ("zip", None),
        ("inner", None),
        ("a", None),
        ("b", None),
    ]

    class Other(BaseModel):
        city: int
        color: dict[str, str]

    [city, color] = parameters(Annotated[Where | Other, Query])[::3]
    assert city["required"]
    assert city["schema"]["anyOf"][0]["type"] == "string"
    assert (color["name"], color.get("required")) == ("color", None)
    assert [one["name"] for one in parameters(Where | dict[str, int])] == ["x"]


def test_one_name_of_two_arguments() -> None:
    """A name that two objects, or an object and what leads on, have in common is one parameter."""

    class Window(BaseModel):
        page: str
        city: int

    @endpoint.get("/a", pagination=PageNumber())
    def call(self: Any, where: Where, window: Window) -> SyncItems[Any]: ...

    found = {one["name"]: one["schema"] for one in operation(call)["parameters"]}
    assert list(found) == ["city", "zip", "inner", "page"]
    assert [one["type"] for one in found["city"]["anyOf"]] == ["string", "integer"]


def test_deprecated_objects_in_queries() -> None:
    """Fields of an object that is deprecated are so themselves."""

    class Outer(BaseModel):
        point: Annotated[Point, Field(deprecated=True)] = Point()

    [found] = parameters(Outer)
    assert (found["name"], found["deprecated"]) == ("point.x", True)


@pytest.mark.parametrize(
    ("annotation", "default", "made"),
    [
        (
            Annotated[datetime | None, Header(alias="If-Modified-Since")],
            datetime(2026, 1, 2, tzinfo=UTC),
            {
                "name": "If-Modified-Since",
                "in": "header",
                "schema": {**TEXT, "default": "Fri, 02 Jan 2026 00:00:00 GMT"},
            },
        ),
        (
            Annotated[str, Header],
            "a",
            {"name": "x", "in": "header", "schema": {**TEXT, "default": "a"}},
        ),
        (
            Annotated[list[str], Header(alias="Accept-Language", explode=True)],
            ...,
            {
                "name": "Accept-Language",
                "in": "header",
                "required": True,
                "explode": True,
                "schema": {"type": "array", "items": TEXT},
            },
        ),
        (
            Annotated[str, Header(alias="X-Api-Key")],
            SECRET,
            {"name": "X-Api-Key", "in": "header", "schema": TEXT},
        ),
        (
            Annotated[str, Header(alias="Idempotency-Key")],
            "a",
            {"name": "Idempotency-Key", "in": "header", "schema": {**TEXT, "default": "a"}},
        ),
        (Annotated[str, Cookie], SECRET, {"name": "x", "in": "cookie", "schema": TEXT}),
        (
            Annotated[str, Cookie(style="form", explode=True)],
            SECRET,
            {"name": "x", "in": "cookie", "style": "form", "schema": TEXT},
        ),
        (
            Annotated[str, Cookie(explode=False)],
            SECRET,
            {"name": "x", "in": "cookie", "explode": False, "schema": TEXT},
        ),
        (
            Annotated[str, Header(alias="X-Token", style="simple")],
            SECRET,
            {"name": "X-Token", "in": "header", "style": "simple", "schema": TEXT},
        ),
        (
            Annotated[str, Query(alias="access_token")],
            SECRET,
            {"name": "access_token", "in": "query", "schema": TEXT},
        ),
        (
            Annotated[SecretStr, Query()],
            SecretStr(SECRET),
            {
                "name": "x",
                "in": "query",
                "schema": {
                    "type": "string",
                    "format": "password",
                    "writeOnly": True,
                },
            },
        ),
    ],
)
def test_headers_and_secrets(annotation: Any, default: Any, made: dict[str, Any]) -> None:
    """Headers and cookies are parameters; what may be a credential has no default."""
    assert parameters(annotation, default) == [made]


def test_types_that_json_has_not() -> None:
    """What pydantic, or JSON, does not know may be anything."""

    class Odd(BaseModel):
        model_config = {"arbitrary_types_allowed": True}
        strange: Strange
        call: Callable[[], int]

    @endpoint.put("/a", validate=False)
    def call(self: Any, x: Annotated[Strange, Query], odd: Odd) -> Odd: ...

    made = document(client(call))
    [found] = made["paths"]["/a"]["put"]["parameters"]
    assert found == {"name": "x", "in": "query", "required": True, "schema": {}}
    properties = made["components"]["schemas"]["Odd"]["properties"]
    assert properties == {"strange": {"title": "Strange"}, "call": {"title": "Call"}}


def test_default_that_is_no_json() -> None:
    """A default that JSON has no value for is left out."""
    assert parameters(Any, Strange()) == [{"name": "x", "in": "query", "schema": {}}]


@pytest.mark.parametrize(
    ("marker", "made"),
    [
        (Path(), {}),
        (Path(style="matrix", explode=True), {"style": "matrix", "explode": True}),
    ],
)
def test_path_styles(marker: Path, made: dict[str, Any]) -> None:
    """Values of the path have their style."""
    [found] = parameters(Annotated[list[int], marker], path="/a/{x}")
    schema = {"type": "array", "items": INTEGER}
    assert found == {"name": "x", "in": "path", "required": True, **made, "schema": schema}


# Bodies


def body_of(*annotations: Any, default: Any = ..., about: str = "") -> dict[str, Any]:
    """Return the request body of arguments `x`, `y`, ... of these types."""

    def one(self: Any, x: Any) -> None: ...
    def two(self: Any, x: Any, y: Any) -> None: ...

    call = one if len(annotations) == 1 else two
    call.__annotations__.update(zip("xy", annotations, strict=False))
    call.__doc__ = about
    if default is not ...:
        call.__defaults__ = (default,)
    return cast("dict[str, Any]", operation(endpoint.put("/a")(call))["requestBody"])


WHERE = {"$ref": "#/components/schemas/Where"}


@pytest.mark.parametrize(
    ("annotation", "default", "content", "more"),
    [
        (Where, ..., {"application/json": {"schema": WHERE}}, {"required": True}),
        (
            Annotated[Where | Unset, Body(description="It.")],
            UNSET,
            {"application/json": {"schema": WHERE}},
            {"description": "It."},
        ),
        (
            Annotated[Where, Body(content_type="application/merge-patch+json")],
            ...,
            {"application/merge-patch+json": {"schema": WHERE}},
            {"required": True},
        ),
        (Annotated[Any, Body], None, {"application/json": {"schema": {}}}, {}),
        (
            Annotated[Where | None, Body, Field(description="It.")],
            None,
            {"application/json": {"schema": WHERE}},
            {"description": "It."},
        ),
        (
            Annotated[Where | None, Body],
            ...,
            {"application/json": {"schema": {"anyOf": [WHERE, {"type": "null"}]}}},
            {"required": True},
        ),
        (
            Annotated[bytes, Body(raw=True)],
            ...,
            {"application/octet-stream": {}},
            {"required": True},
        ),
        (
            Annotated[str, Body(raw=True)],
            ...,
            {"text/plain": {"schema": TEXT}},
            {"required": True},
        ),
        (
            Annotated[str | None, Body(raw=True, description="It.", min_length=1)],
            ...,
            {"text/plain": {"schema": {**TEXT, "minLength": 1}}},
            {"description": "It."},
        ),
        (
            Annotated[str | bytes, Body(raw=True)],
            ...,
            {"text/plain": {}, "application/octet-stream": {}},
            {"required": True},
        ),
        (Annotated[Any, Body(raw=True)], ..., {"*/*": {}}, {"required": True}),
        (
            Annotated[Text, Body(raw=True)],
            ...,
            {"text/plain": {"schema": TEXT}},
            {},
        ),
        (
            Annotated[Any, Body(raw=True, content_type="image/png")],
            ...,
            {"image/png": {}},
            {"required": True},
        ),
    ],
)
def test_body(annotation: Any, default: Any, content: Any, more: dict[str, Any]) -> None:
    """A body is JSON, or what is sent as it is."""
    assert body_of(annotation, default=default) == {**more, "content": content}


def test_embedded_bodies() -> None:
    """Several bodies are the names of one object; what may be unset may be missing."""
    made = body_of(
        Annotated[Where, Body(embed=True, description="W.", deprecated=True)],
        Annotated[int | Unset, Body(embed=True, alias="why", content_type="application/x+json")],
        default=UNSET,
        about="Do.\n\nArgs:\n    y: Because.",
    )
    schema = {
        "type": "object",
        "properties": {
            "x": {**WHERE, "description": "W.", "deprecated": True},
            "why": {"type": "integer", "description": "Because."},
        },
        "required": ["x"],
    }
    assert made == {"required": True, "content": {"application/x+json": {"schema": schema}}}
    made = body_of(Annotated[int | Unset, Body(embed=True)])
    assert "required" not in made["content"]["application/json"]["schema"]


@pytest.mark.parametrize(
    ("annotation", "types"),
    [
        (Where, ["text/own", "text/client"]),
        (Annotated[Where, Body(content_type="x/json")], ["text/own", "x/json"]),
        (Annotated[str, Body(raw=True)], ["text/own", "text/client"]),
        (Annotated[Where, Body(embed=True)], ["text/own", "text/client"]),
        (Annotated[str, Form], ["application/x-www-form-urlencoded"] * 2),
    ],
)
def test_media_type_of_headers(annotation: Any, types: list[str]) -> None:
    """A `Content-Type` of the endpoint counts before its markers, one of the client after them."""

    def call(self: Any, x: Any) -> None: ...

    call.__annotations__["x"] = annotation
    of_client: Any = {"headers": {"content-type": "text/client; charset=utf-8"}}
    for type_, options in zip(types, ({"headers": {"Content-Type": "text/own"}}, {}), strict=True):
        options_: Any = options
        found = operation(endpoint.put("/a", **options_)(call), **of_client)
        assert list(found["requestBody"]["content"]) == [type_]


def test_body_described_by_docstring() -> None:
    """The docstring says what a body is."""
    made = body_of(Where, about="Do.\n\nArgs:\n    x: Where.")
    assert made["description"] == "Where."


# Responses


def responses(annotation: Any, method: str = "get", **options: Any) -> dict[str, Any]:
    """Return the responses of an endpoint that returns a type."""
    keywords = options.pop("keywords", {})

    def call(self: Any) -> Any: ...

    call.__annotations__["return"] = annotation
    declare: Callable[..., Any] = getattr(endpoint, method)
    found = operation(declare("/a", **options)(call), **keywords)
    return cast("dict[str, Any]", found["responses"])


USER = {"$ref": "#/components/schemas/User"}
ACCEPT = {"Accept": "text/csv;q=0.9, application/vnd.x+json, */*"}


@pytest.mark.parametrize(
    ("annotation", "content"),
    [
        (User, {"application/json": {"schema": USER}}),
        (list[User], {"application/json": {"schema": {"type": "array", "items": USER}}}),
        (Any, {"application/json": {"schema": {}}}),
        (bytes, {"*/*": {}}),
        (str, {"text/*": {"schema": TEXT}}),
        (RawResponse, {"*/*": {}}),
        (SyncStream, {"*/*": {}}),
        (None, None),
    ],
)
def test_result(annotation: Any, content: Any) -> None:
    """What a method returns is the content of every success."""
    more = {} if content is None else {"content": content}
    assert responses(annotation) == {"2XX": {"description": "Success", **more}}


@pytest.mark.parametrize(
    ("annotation", "types"),
    [
        (User, {"application/vnd.x+json": {"schema": USER}}),
        (bytes, {"text/csv": {}, "application/vnd.x+json": {}}),
        (str, {"text/csv": {"schema": TEXT}, "application/vnd.x+json": {}}),
    ],
)
def test_accepted_types(annotation: Any, types: dict[str, Any]) -> None:
    """The content is of the types that are asked for, by the endpoint or by the client."""
    found = responses(annotation, headers=ACCEPT)
    assert found["2XX"]["content"] == types
    found = responses(annotation, keywords={"headers": ACCEPT})
    assert found["2XX"]["content"] == types
    found = responses(annotation, headers={"Accept": "a/b"}, keywords={"headers": ACCEPT})
    assert next(iter(found["2XX"]["content"])) in ("a/b", "application/json")


def test_json_content_types() -> None:
    """The media types that a client takes for JSON count, those with a star do not."""
    taken = {"json_content_types": ["application/hal+json", "application/*+json"]}
    assert list(responses(User, keywords=taken)["2XX"]["content"]) == ["application/hal+json"]


def test_head() -> None:
    """A HEAD has no content, of whatever status."""
    assert responses(RawResponse, "head") == {"2XX": {"description": "Success"}}
    found = responses(
        Annotated[None, ByStatus({404: None})], "head", keywords={"error_responses": {409: Problem}}
    )
    assert found == {
        "404": {"description": "Not Found"},
        "2XX": {"description": "Success"},
        "409": {"description": "Conflict"},
    }


def test_by_status() -> None:
    """Types by status are responses of their own; where none is a success, others are as said."""
    either = Annotated[User | Problem | None, ByStatus({200: User, 404: Problem, 299: None})]
    found = responses(either, keywords={"error_responses": {404: User, 500: Problem}})
    assert list(found) == ["200", "404", "299", "500"]
    assert ref_of({"responses": found}, "404") == "Problem"
    assert found["200"]["description"] == "OK"
    assert found["299"] == {"description": "Status 299"}
    found = responses(Annotated[User | Problem, ByStatus({404: Problem})])
    assert list(found) == ["404", "2XX"]


def test_other_successes_by_status() -> None:
    """Successes that are not named are as the whole says, where it holds what no status has."""
    found = responses(Annotated[User | None, ByStatus({204: None})])
    assert found["204"] == {"description": "No Content"}
    assert list(found) == ["204", "2XX"]
    assert USER in found["2XX"]["content"]["application/json"]["schema"]["anyOf"]
    found = responses(Annotated[User | Row, ByStatus({202: Row})])
    assert ref_of({"responses": found}, "202") == "Row"
    assert list(found) == ["202", "2XX"]
    found = responses(Annotated[User | Row | None, ByStatus({200: User, 202: Row, 204: None})])
    assert list(found) == ["200", "202", "204"]


def test_docstring_of_the_only_success() -> None:
    """What a docstring says of the result is said of the only success that is named."""

    @endpoint.get("/a")
    def call(self: Any) -> Annotated[User | Problem, ByStatus({200: User, 404: Problem})]:
        """Get it.

        Returns:
            User: The one.
        """

    found = operation(call)["responses"]
    assert found["200"]["description"] == "The one."
    assert found["404"]["description"] == "Not Found"


class Gone(HTTPNotFound):
    """It was there."""


def make(response: RawResponse) -> Exception:
    """Say what went wrong."""
    return Exception(response)


def test_error_responses() -> None:
    """Errors of client and endpoint are responses: statuses, then ranges, then the default."""
    found = responses(
        None,
        error_responses={409: None, 410: Gone, 411: HTTPNotFound, 412: make, 413: bytes},
        keywords={
            "error_responses": {
                "default": Problem,
                "5XX": Problem,
                404: Problem,
                409: Problem,
                414: functools.partial(make),
                415: str,
            }
        },
    )
    assert list(found) == ["2XX", "404", "410", "411", "412", "413", "414", "415", "5XX", "default"]
    assert {key: one["description"] for key, one in found.items()} == {
        "2XX": "Success",
        "404": "Not Found",
        "410": "It was there.",
        "411": "Length Required",
        "412": "Say what went wrong.",
        "413": "Request Entity Too Large",
        "414": "Request-URI Too Long",
        "415": "Unsupported Media Type",
        "5XX": "Server error",
        "default": "Any other status",
    }
    assert "content" not in found["410"]
    assert list(found["413"]["content"]) == ["*/*"]
    assert list(found["415"]["content"]) == ["text/*"]


def own(page: Page) -> None:
    """A strategy that is a function."""


@pytest.mark.parametrize(
    ("pagination", "names"),
    [
        (LinkHeader(), []),
        (PageNumber(size=5), [("page", INTEGER), ("per_page", INTEGER)]),
        (Offset("skip"), [("skip", INTEGER)]),
        (Cursor("after"), [("after", {})]),
        (own, []),
    ],
)
def test_items(pagination: Any, names: list[Any]) -> None:
    """The items of pages are an array, with the parameters that lead from page to page."""

    @endpoint.get("/a", pagination=pagination, at="data.users")
    def call(self: Any, *, q: str = "a", per_page: int = 5) -> SyncItems[User]: ...

    found = operation(call)
    schema = found["responses"]["2XX"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["data"]
    inner = schema["properties"]["data"]
    assert inner["properties"]["users"] == {"type": "array", "items": USER}
    made = [(one["name"], one["schema"]) for one in found["parameters"]]
    assert made[2:] == [one for one in names if one[0] != "per_page"]


@pytest.mark.parametrize(
    ("at", "schema"),
    [
        (
            r"a\.b",
            {"type": "object", "properties": {"a.b": {"type": "array", "items": USER}}},
        ),
        ("1", {"type": "array", "prefixItems": [{}, {"type": "array", "items": USER}]}),
        ("-1", {"type": "array"}),
    ],
)
def test_places_of_items(at: str, schema: dict[str, Any]) -> None:
    """The place of items may name a dot, or count."""

    @endpoint.get("/a", pagination=LinkHeader(), at=at)
    def call(self: Any) -> SyncItems[User]: ...

    [content] = operation(call)["responses"]["2XX"]["content"].values()
    content["schema"].pop("required", None)
    assert content["schema"] == schema


def test_pages() -> None:
    """A page is what it becomes; items of no type are an array of anything."""

    @endpoint.get("/a", pagination=LinkHeader())
    def pages(self: Any) -> SyncPages[list[User]]: ...

    @endpoint.get("/a", pagination=LinkHeader())
    def items(self: Any) -> SyncItems[Any]: ...

    content = {"application/json": {"schema": {"type": "array", "items": USER}}}
    assert operation(pages)["responses"]["2XX"]["content"] == content
    content = {"application/json": {"schema": {"type": "array", "items": {}}}}
    assert operation(items)["responses"]["2XX"]["content"] == content


# Components


def test_components() -> None:
    """Types with a name are components: generic, recursive and all that pydantic knows."""

    class Types(SyncClient, uri=URI):
        @endpoint.get("/paged")
        def paged(self) -> Paged[User]: ...

        @endpoint.get("/row")
        def row(self) -> Row: ...

        @endpoint.get("/point")
        def point(self) -> dict[str, Point]: ...

        @endpoint.get("/color")
        def color(self) -> Color: ...

        @endpoint.put("/user")
        def change(self, user: User) -> None: ...

    found = document(Types)["components"]["schemas"]
    # What is sent differs from what comes.
    assert list(found) == [
        "Color",
        "Paged_User_",
        "Point",
        "Row",
        "User-Request",
        "User-Response",
    ]
    assert "full_name" in found["User-Request"]["properties"]
    assert "name" in found["User-Response"]["properties"]
    friends = found["User-Response"]["properties"]["friends"]["items"]
    assert friends == {"$ref": "#/components/schemas/User-Response"}


def test_names_that_clash() -> None:
    """Two models of one name have a component each."""

    def other() -> Any:
        class User(Response):
            email: str

        return User

    found = responses(Annotated[Any, ByStatus({200: User, 201: other()})])
    names = [ref_of({"responses": found}, one) for one in ("200", "201")]
    assert len(set(names)) == 2
    assert all(one.endswith("User") for one in names)


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]
    of: "Owner | None" = None


class Owner(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    password: str = SECRET
    token: SecretStr = SecretStr(SECRET)
    level: int = Field(3, examples=[1])


def test_discriminator_and_secret_defaults() -> None:
    """Discriminators lead to components, and defaults of what may be a secret are not shown."""

    @endpoint.put("/a")
    def call(self: Any, owner: Owner) -> None: ...

    made = document(client(call))
    found = made["components"]["schemas"]["Owner"]
    assert found["properties"]["pet"]["discriminator"]["mapping"] == {
        "cat": "#/components/schemas/Cat",
        "dog": "#/components/schemas/Dog",
    }
    assert "default" not in found["properties"]["password"]
    assert "default" not in found["properties"]["token"]
    assert found["properties"]["level"]["default"] == 3
    assert found["properties"]["level"]["examples"] == [1]
    assert SECRET not in json.dumps(made)


# Secrets


class Login(BaseModel):
    password: str = SECRET
    name: str = "me"


class Masked(BaseModel):
    masked: SecretStr = SecretStr(SECRET)


class Bare(BaseModel):
    plain: Annotated[SecretStr, PlainSerializer(SecretStr.get_secret_value)] = SecretStr(SECRET)


class Aliased(BaseModel):
    password: str = Field(SECRET, alias="pw", examples=[SECRET])
    size: int = Field(3, examples=[4])


@dataclass
class Account:
    token: Annotated[str, Field(serialization_alias="t")] = SECRET


class Pair(NamedTuple):
    size: int = 3
    password: str = SECRET


class Called:
    """What is made by a call, as named tuples are for pydantic 2.12."""

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
        text = core_schema.with_default_schema(core_schema.str_schema(), default=SECRET)
        parameters = [core_schema.arguments_parameter("password", text)]
        return core_schema.call_schema(core_schema.arguments_schema(parameters), cls)


class Open(TypedDict):
    password: Annotated[str, Field(alias="pw", examples=[SECRET])]


class Made(BaseModel):
    @computed_field(alias="k", examples=[SECRET])  # type: ignore[prop-decorator]
    @property
    def api_key(self) -> str:
        return ""


class Choice(BaseModel):
    name: str = Field(SECRET, validation_alias=AliasChoices("login", AliasPath("session", 0)))


def own_extra(schema: dict[str, Any]) -> None:
    """Put into a schema what JSON has not."""
    schema.update({"x-kept": {"a": [1]}, "x-any": object(), "x-nan": float("nan")})


def put(cls: Any) -> dict[str, Any]:
    """Return the document of a client that sends and gets a type."""

    @endpoint.put("/a")
    def call(self: Any, sent: cls) -> cls: ...

    return document(client(call))


@pytest.mark.parametrize("cls", [Aliased, Bare, Account, Pair, Called, Open, Made, Choice, Masked])
def test_secret_fields(cls: Any) -> None:
    """A field has no default and no example where any of its names may be that of a secret."""
    made = json.dumps(put(cls))
    assert SECRET not in made
    assert "**" not in made
    assert "x-secret" not in made


def test_values_of_other_fields() -> None:
    """Fields beside a secret keep theirs."""
    properties = put(Aliased)["components"]["schemas"]["Aliased"]["properties"]
    assert properties["pw"] == {"title": "Pw", "type": "string"}
    assert properties["size"] == {"title": "Size", "type": "integer", "default": 3, "examples": [4]}


@pytest.mark.parametrize(
    "default",
    [
        Login(),
        Aliased(pw=SECRET, size=3),
        Masked(),
        Bare(),
        Account(),
        Pair(),
        {"a": [{"password": SECRET}]},
        {"a": (Login(),)},
        {"masked": SECRET},
        {"pw": SECRET},
        {"a": SecretStr(SECRET)},
    ],
)
def test_secrets_in_defaults(default: Any) -> None:
    """A default with a secret in it is left out: of a field, and of an argument."""

    class Holder(BaseModel):
        known: Masked | Aliased | None = None
        field: Any = default

    @endpoint.put("/a")
    def call(
        self: Any, body: Holder, x: Annotated[Any, Query(style="deepObject")] = default
    ) -> None: ...

    made = document(client(call))
    assert SECRET not in json.dumps(made)
    assert "**" not in json.dumps(made)
    [found] = made["paths"]["/a"]["put"]["parameters"]
    assert found["schema"] == {}
    assert made["components"]["schemas"]["Holder"]["properties"]["field"] == {"title": "Field"}


def test_defaults_without_secrets() -> None:
    """A default that has nothing where a secret could be is shown."""
    login = {"password": None, "names": ["a"], "size": 1.5}
    [found] = parameters(Annotated[dict[str, Any], Query(style="deepObject")], login)
    assert found["schema"]["default"] == login
    assert parameters(Annotated[set[int], Query], {1})[0]["schema"]["default"] == [1]


def test_default_that_holds_itself() -> None:
    """A default that JSON cannot have, as it is in itself, is left out."""
    ring: list[Any] = []
    ring.append(ring)
    assert parameters(Any, ring) == [{"name": "x", "in": "query", "schema": {}}]


SECRET_TEXT = {"type": "string", "format": "password", "writeOnly": True}


@pytest.mark.parametrize(
    ("annotation", "default", "schema"),
    [
        (SecretStr, SECRET, SECRET_TEXT),
        (SecretStr, SecretStr(""), SECRET_TEXT),
        (SecretStr | int, SecretStr(SECRET), {"anyOf": [SECRET_TEXT, {"type": "integer"}]}),
        (list[SecretStr], [SECRET], {"type": "array", "items": SECRET_TEXT}),
    ],
)
def test_arguments_that_are_secrets(annotation: Any, default: Any, schema: dict[str, Any]) -> None:
    """A secret of pydantic's has no default, whatever it is called."""
    assert parameters(annotation, default) == [{"name": "x", "in": "query", "schema": schema}]


NamedKey = TypeAliasType("NamedKey", Annotated[str | None, Field(examples=[SECRET])])


@pytest.mark.parametrize("annotation", [Annotated[str | None, Field(examples=[SECRET])], NamedKey])
@pytest.mark.parametrize(
    "marker", [Query(alias="api_key"), Body(alias="api_key", embed=True), Form(alias="api_key")]
)
def test_examples_of_arguments(annotation: Any, marker: Any) -> None:
    """What an argument that may be a credential says of its values is not shown."""

    @endpoint.put("/a")
    def call(self: Any, x: Annotated[annotation, marker]) -> None: ...

    assert SECRET not in json.dumps(document(client(call))["paths"])


def test_schemas_that_are_added_to() -> None:
    """Of examples and extensions what has a secret in it, or is no JSON, is left out."""

    class Extended(BaseModel):
        model_config = ConfigDict(
            json_schema_extra={
                "examples": [{"password": SECRET}, {"pw": SECRET}, {"size": 1}, {"size": math.inf}],
                "x-own": {"api_key": SECRET},
                "x-token": SECRET,
                "x-open": {"a": 1},
            }
        )
        inner: Aliased
        size: float = Field(1, json_schema_extra={"example": {"token": SECRET}})
        only: int = Field(1, examples=[{"token": SECRET}])
        called: int = Field(2, json_schema_extra=own_extra)

    @endpoint.get("/a")
    def call(self: Any) -> Extended: ...

    made = document(client(call))
    assert SECRET not in json.dumps(made)
    found = made["components"]["schemas"]["Extended"]
    assert found["examples"] == [{"size": 1}]
    assert [name for name in found if name.startswith("x-")] == ["x-open"]
    assert found["properties"]["size"] == {"title": "Size", "type": "number", "default": 1.0}
    assert found["properties"]["only"] == {"title": "Only", "type": "integer", "default": 1}
    assert found["properties"]["called"] == {
        "title": "Called",
        "type": "integer",
        "default": 2,
        "x-kept": {"a": [1]},
    }


def test_models_that_change_their_schema() -> None:
    """A function that changes the schema of a model may do so."""

    def change(schema: dict[str, Any], cls: type[Any]) -> None:
        schema.update({"x-of": cls.__name__, "properties": 3})

    class Changed(BaseModel):
        model_config = ConfigDict(json_schema_extra=change)

    class Api(SyncClient, uri=URI):
        @endpoint.get("/a")
        def a(self) -> Changed: ...

    # It is no schema any more, but none of our making.
    assert Api.openapi()["components"]["schemas"]["Changed"]["x-of"] == "Changed"


def test_secrets_in_addresses() -> None:
    """User and password of a `uri`, and variables that may be secrets, are not shown."""

    class Signed(SyncClient, uri="https://u:pw@x.test"): ...

    assert Signed.openapi()["servers"] == [{"url": "https://x.test"}]
    choice = ServerVariable(default="b", enum=["a", "b"])

    class Tenant(
        SyncClient,
        uri="https://{token}.{session}.x.test",
        server_variables={"token": SECRET, "session": choice},
    ): ...

    assert document(Tenant)["servers"][0]["variables"] == {
        "token": {"default": ""},
        "session": {"default": "a", "enum": ["a", "b"]},
    }


@pytest.mark.parametrize("query", ["api_key=hunter2", "api%5Fkey=hunter2", "a=1;key=hunter2"])
def test_secrets_in_queries_of_paths(query: str) -> None:
    """A query that is written behind a path may have a secret, too."""

    @endpoint.get(f"/a?{query}")
    def call(self: Any) -> None: ...

    [found] = operation(call)["parameters"]
    assert found["schema"] == TEXT


# What JSON has not


class Wide(BaseModel):
    ratio: float = math.nan
    most: float = Field(1.0, le=math.inf)
    several: list[float] = [1.0, -math.inf]


class Limit(float, Enum):
    LOW = 1.0
    NONE = math.inf


class Endless(float, Enum):
    NONE = math.inf


def test_numbers_that_json_has_not() -> None:
    """Numbers without an end, or that are none, are in no document."""

    class Api(SyncClient, uri=URI):
        @endpoint.put("/a")
        def call(
            self,
            wide: Wide,
            ratio: float = math.nan,
            limit: Limit = Limit.NONE,
            one: Endless = Endless.NONE,
        ) -> None: ...

    made = document(Api)
    text = Api.openapi(serialized=True)
    json.loads(text, parse_constant=pytest.fail)
    ratio, limit, one = made["paths"]["/a"]["put"]["parameters"]
    assert ratio["schema"] == {"type": "number"}
    assert "default" not in limit["schema"]
    assert "default" not in one["schema"]
    found = made["components"]["schemas"]
    assert found["Limit"]["enum"] == [1.0]
    properties = found["Wide"]["properties"]
    assert properties["ratio"] == {"title": "Ratio", "type": "number"}
    assert properties["most"] == {"title": "Most", "type": "number", "default": 1.0}
    assert "default" not in properties["several"]


def test_text_is_json_or_nothing() -> None:
    """A document that is no JSON is not given out as text."""

    class Odd(SyncClient, uri=URI):
        @endpoint("/a", method="GET", description=cast("Any", math.nan))
        def call(self) -> None: ...

    with pytest.raises(ValueError, match="not JSON compliant"):
        Odd.openapi(serialized=True)


# Names that are there twice


def test_fields_of_one_name() -> None:
    """Fields of one name in one path are told apart by a number."""

    class Numbers(SyncSubClient, relative_path="/{id}"):
        @endpoint.get("/{id}")
        def same(self, id: int) -> None: ...

        @endpoint.post("/{key}")
        def other(self, id: Annotated[int, Path], key: str) -> None: ...

        @endpoint("/{id}/{id2}/{id}", method="GET")
        def by_hand(self, id: int) -> None: ...

    class Api(SyncClient, uri=URI):
        numbers = Numbers()

    paths = document(Api)["paths"]
    assert list(paths) == ["/{id}/{id2}", "/{id}/{id3}/{id2}/{id4}"]
    item = paths["/{id}/{id2}"]
    found = {
        method: [(each["name"], each["schema"]["type"]) for each in one["parameters"]]
        for method, one in item.items()
    }
    assert found == {
        "get": [("id", "integer"), ("id2", "integer")],
        "post": [("id", "integer"), ("id2", "string")],
    }
    [by_hand] = paths["/{id}/{id3}/{id2}/{id4}"].values()
    assert sorted(one["name"] for one in by_hand["parameters"]) == ["id", "id2", "id3", "id4"]


def test_argument_and_field_of_one_name() -> None:
    """An argument and the field of an object of one name are one parameter."""

    class Filter(BaseModel):
        page: str = ""

    @endpoint.get("/a")
    def call(self: Any, page: int, filter: Filter) -> None: ...

    [found] = operation(call)["parameters"]
    assert found["name"] == "page"
    assert [one["type"] for one in found["schema"]["anyOf"]] == ["integer", "string"]


def test_what_is_unset_is_not_required() -> None:
    """Fields with a default are not sent where they are unset, whatever the model says of them."""

    class Strict(BaseModel):
        model_config = ConfigDict(json_schema_serialization_defaults_required=True)
        name: str
        size: int = 3

    class Loose(TypedDict):
        __pydantic_config__ = ConfigDict(  # type: ignore[misc]
            json_schema_serialization_defaults_required=True
        )
        a: int
        b: NotRequired[int]

    assert put(Strict)["components"]["schemas"]["Strict"]["required"] == ["name"]
    assert put(Loose)["components"]["schemas"]["Loose"]["required"] == ["a"]


# Security


class Ticket(Auth):
    """Puts a ticket."""

    header = "X-Ticket"

    def apply(self, request: Request) -> None:
        """Put it."""


class Unsaid(Auth):
    header = None

    def apply(self, request: Request) -> None:
        """Put nothing."""


Unsaid.__doc__ = None


class OtherScheme(Scheme):
    def make(self, name: str, value: Any) -> Auth:
        """Take what is given."""
        return Ticket()


LOGIN: dict[str, Any] = {
    "token_url": f"https://login.example.com/token?secret={SECRET}",
    "client_id": "me",
    "client_secret": SECRET,
    "scopes": ["read", "write"],
}
BEARER = {"type": "http", "scheme": "bearer"}


@pytest.mark.parametrize(
    ("auth", "name", "scheme", "scopes"),
    [
        (("me", SECRET), "basicAuth", {"type": "http", "scheme": "basic"}, []),
        (BasicAuth("me", SECRET), "basicAuth", {"type": "http", "scheme": "basic"}, []),
        (DigestAuth("me", SECRET), "digestAuth", {"type": "http", "scheme": "digest"}, []),
        (BearerAuth(SECRET), "bearerAuth", BEARER, []),
        (
            ApiKeyAuth(SECRET, name="key", location="query"),
            "apiKeyAuth",
            {"type": "apiKey", "name": "key", "in": "query"},
            [],
        ),
        (
            OAuth2ClientCredentials(**LOGIN),
            "oauth2",
            {
                "type": "oauth2",
                "flows": {
                    "clientCredentials": {
                        "tokenUrl": "https://login.example.com/token?secret=***",
                        "scopes": {"read": "", "write": ""},
                    }
                },
            },
            ["read", "write"],
        ),
        (
            OAuth2AuthorizationCode(
                authorization_url="https://login.example.com/go",
                **LOGIN,
            ),
            "oauth2",
            {
                "type": "oauth2",
                "flows": {
                    "authorizationCode": {
                        "authorizationUrl": "https://login.example.com/go",
                        "tokenUrl": "https://login.example.com/token?secret=***",
                        "scopes": {"read": "", "write": ""},
                    }
                },
            },
            ["read", "write"],
        ),
        (
            OAuth2RefreshToken(SECRET, **LOGIN),
            "bearerAuth",
            {**BEARER, "description": "OAuth2RefreshToken: A client that"},
            [],
        ),
        (
            Ticket(),
            "headerAuth",
            {
                "type": "apiKey",
                "name": "X-Ticket",
                "in": "header",
                "description": "Ticket: Puts a ticket.",
            },
            [],
        ),
        (
            Unsaid(),
            "headerAuth",
            {"type": "apiKey", "name": "Authorization", "in": "header", "description": "Unsaid"},
            [],
        ),
    ],
)
def test_auth(auth: Any, name: str, scheme: dict[str, Any], scopes: list[str]) -> None:
    """What authenticates a client, or an endpoint, is a security scheme, without its secrets."""

    class Shop(SyncClient, uri=URI, auth=auth): ...

    made = document(Shop)
    found = made["components"]["securitySchemes"][name]
    if "description" in scheme:
        assert found.pop("description").startswith(scheme.pop("description"))
    assert found == scheme
    assert made["security"] == [{name: scopes}]
    assert SECRET not in json.dumps(made)

    @endpoint.get("/a", auth=auth)
    def call(self: Any) -> Any: ...

    assert operation(call)["security"] == [{name: scopes}]


def test_tokens_and_keys() -> None:
    """A token and the keys of a pool are schemes, which hold together."""

    class Token(SyncClient, uri=URI, bearer_token=SECRET): ...

    assert document(Token)["security"] == [{"bearerAuth": []}]

    class Pooled(SyncClient, uri=URI, credentials=CredentialPool([SECRET])): ...

    made = document(Pooled)
    assert made["components"]["securitySchemes"] == {"bearerAuth": BEARER}
    assert SECRET not in json.dumps(made)

    class Both(
        SyncClient,
        uri=URI,
        bearer_token=SECRET,
        credentials=CredentialPool([SECRET], header="X-Key", scheme="Key"),
    ): ...

    made = document(Both)
    assert made["security"] == [{"bearerAuth": [], "apiKeyAuth": []}]
    assert made["components"]["securitySchemes"]["apiKeyAuth"] == {
        "type": "apiKey",
        "name": "X-Key",
        "in": "header",
        "description": "The key stands after 'Key' and a blank.",
    }
    with Token(bearer_token=None) as anonymous:
        assert "security" not in document(anonymous)


def test_declared_schemes() -> None:
    """Declared schemes are those of the document; endpoints say which they need."""

    class Shop(
        SyncClient,
        uri=URI,
        security_schemes={
            "basic": BasicScheme(),
            "digest": DigestScheme(),
            "bearer": BearerScheme(),
            "token": BearerScheme(prefix="Token"),
            "key": ApiKeyScheme("key", location="query"),
            "cert": MutualTLSScheme(),
            "other": OtherScheme(),
        },
        security=[{"basic", "key"}, {"bearer"}, set()],
    ):
        @endpoint.get("/open", security=[])
        def open(self) -> Any: ...

        @endpoint.get("/one", security=[{"cert"}])
        def one(self) -> Any: ...

        @endpoint.get("/none", auth=None)
        def none(self) -> Any: ...

        @endpoint.get("/auth", auth=BearerAuth(SECRET))
        def auth_(self) -> Any: ...

        @endpoint.get("/usual")
        def usual(self) -> Any: ...

    made = document(Shop)
    authorization = {"type": "apiKey", "name": "Authorization", "in": "header"}
    assert made["components"]["securitySchemes"] == {
        "basic": {"type": "http", "scheme": "basic"},
        "digest": {"type": "http", "scheme": "digest"},
        "bearer": BEARER,
        "token": {**authorization, "description": "The key stands after 'Token' and a blank."},
        "key": {"type": "apiKey", "name": "key", "in": "query"},
        "cert": {"type": "mutualTLS"},
        "other": authorization,
        "bearerAuth": BEARER,
    }
    assert made["security"] == [{"basic": [], "key": []}, {"bearer": []}, {}]
    found = {path: item["get"].get("security") for path, item in made["paths"].items()}
    assert found == {
        "/open": [],
        "/one": [{"cert": []}],
        "/none": [],
        "/auth": [{"bearerAuth": []}],
        "/usual": None,
    }


def test_schemes_of_one_kind() -> None:
    """Two schemes that differ have two names."""

    class Shop(SyncClient, uri=URI, auth=ApiKeyAuth(SECRET, name="X-A")):
        @endpoint.get("/b", auth=ApiKeyAuth(SECRET, name="X-B", prefix="Key"))
        def b(self) -> Any: ...

    made = document(Shop)
    assert list(made["components"]["securitySchemes"]) == ["apiKeyAuth", "apiKeyAuth2"]
    assert made["paths"]["/b"]["get"]["security"] == [{"apiKeyAuth2": []}]


def test_signatures_are_named_by_their_header() -> None:
    """What signs requests is a header."""
    auth = HMACAuth(SECRET, canonical="{method}", header="X-Signature", value="{signature}")
    made = document(client(endpoint.get("/a")(lambda_of()), auth=auth))
    assert made["components"]["securitySchemes"]["headerAuth"]["name"] == "X-Signature"


def lambda_of() -> Any:
    """Return a method."""

    def call(self: Any) -> Any: ...

    return call


# Errors


@pytest.mark.parametrize("option", [{"title": ""}, {"title": 3}, {"version": 1.0}])
def test_title_and_version_are_text(option: dict[str, Any]) -> None:
    """What is no text is refused by its name."""
    [(name, value)] = option.items()
    with pytest.raises(ConfigurationError, match=rf"{name} must be text.*{value!r}"):
        Api.openapi(**option)


def test_declaration_that_makes_no_request() -> None:
    """A declaration that turns out to make no request is told by its method."""

    @endpoint.get("/a")
    def call(self: Any) -> "Nowhere": ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ConfigurationError, match=r"call.*Nowhere"):
        client(call).openapi()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, Docstring()),
        ("  ", Docstring()),
        ("Do\n    it.", Docstring("Do it.")),
        ("Args:\n    a: b", Docstring(arguments={"a": "b"})),
        (
            """Do it.

            At once.

            Then rest.

            Args:
                a: One
                    and more.
                *b (int): Two.
                **c:
                    Three.

            Raises:
                KeyError: There is none.

            Yields:
                What
                comes.
            """,
            Docstring(
                "Do it.",
                "At once.\n\nThen rest.",
                {"a": "One and more.", "b": "Two.", "c": "Three."},
                "What comes.",
            ),
        ),
        ("Do.\n\nArgs:\n    -- none\n\nReturns:\n", Docstring("Do.")),
        (
            "Do.\n\nKeyword Args:\n    a: One.\n\nRest: more.\n\nReturn:\n    The user: one.",
            Docstring("Do.", "Rest: more.", {"a": "One."}, "The user: one."),
        ),
        ("Do.\n\nMore.\n\n:param a: One.\n:returns: It.\n\nNo more.", Docstring("Do.", "More.")),
        ("Do.\n\nParameters\n----------\na : int\n    One.", Docstring("Do.")),
        ("Do.\n\nUse\n---\nIt.", Docstring("Do.", "Use\n---\nIt.")),
        *(
            (f"Do.\n\nReturns:\n    {one}: It: he.", Docstring("Do.", returns="It: he."))
            for one in ("User", "models.User | None", "dict[str, list[int]]", "str or None")
        ),
    ],
)
def test_docstrings(text: str | None, said: Docstring) -> None:
    """A docstring in Google's style is read in parts."""
    assert read_docstring(text) == said
