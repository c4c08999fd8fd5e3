"""Forms in the OpenAPI document of a client."""

# What models and endpoints are for is in their names.
# ruff: noqa: D101, RUF012
# mypy: disable-error-code="empty-body"

from typing import Annotated, Any, get_args

import pytest
from openapi_core.exceptions import OpenAPIError
from pydantic import Field

from arya_api_framework import BaseModel, Encoding, FormFile, SyncClient, endpoint
from arya_api_framework.endpoints import File, Form, Part
from tests.app import Server
from tests.endpoints.test_openapi import INTEGER, SECRET, TEXT, WHERE, Point, Where, body_of
from tests.endpoints.test_openapi_calls import as_request, opened


def test_urlencoded_form() -> None:
    """Fields are those of a form, with what OpenAPI has of their style."""
    made = body_of(
        Annotated[list[int], Form(style="comma")],
        Annotated[str, Form(alias="why")],
        default="a",
    )
    schema = {
        "type": "object",
        "properties": {
            "x": {"type": "array", "items": INTEGER},
            "why": {**TEXT, "default": "a"},
        },
        "required": ["x"],
    }
    encoding = {"x": {"style": "form", "explode": False}}
    assert made == {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": schema, "encoding": encoding}},
    }


def test_multipart_form() -> None:
    """Files and parts are those of a multipart form; of further headers the names are said."""
    made = body_of(
        Annotated[bytes, File(description="F.")],
        Annotated[Where, Part(content_type="application/json", headers={"X-Key": SECRET})],
    )
    assert made["content"] == {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "x": {
                        "type": "string",
                        "contentMediaType": "application/octet-stream",
                        "description": "F.",
                    },
                    "y": WHERE,
                },
                "required": ["x", "y"],
            },
            "encoding": {
                "y": {
                    "contentType": "application/json",
                    "headers": {"X-Key": {"schema": TEXT}},
                }
            },
        }
    }


def test_several_files() -> None:
    """A list of files is one of an array; where there may be none, the body may be missing."""
    made = body_of(Annotated[list[bytes] | None, File], default=None)
    assert "required" not in made
    made = body_of(Annotated[list[bytes], File])
    [content] = made["content"].values()
    assert content["schema"]["properties"]["x"]["type"] == "array"


@pytest.mark.parametrize("marker", [Form, Part])
@pytest.mark.parametrize("default", [None, ...])
def test_fields_that_may_be_none(marker: Any, default: Any) -> None:
    """A form has no `null`: what is `None` is left out."""
    made = body_of(Annotated[str | None, marker, Field(description="It.")], default=default)
    [content] = made["content"].values()
    fields = {"x": {**TEXT, "description": "It."}}
    assert content["schema"] == {"type": "object", "properties": fields}
    assert "required" not in made


def test_files_that_may_be_none() -> None:
    """A file that may be `None` may be missing."""
    made = body_of(Annotated[bytes, File], Annotated[bytes | None, File])
    [content] = made["content"].values()
    assert content["schema"]["required"] == ["x"]
    assert content["schema"]["properties"]["y"] == content["schema"]["properties"]["x"]


class Upload(BaseModel):
    tags: Annotated[list[str], Encoding(style="json")] = []
    codes: Annotated[list[str], Encoding(style="brackets", allow_reserved=True)] = Field(
        [], serialization_alias="code"
    )
    image: FormFile = b""


def test_form_of_a_model() -> None:
    """A model is the whole form, and what is noted on its fields counts."""
    made = body_of(Annotated[Upload, Form])
    [(media_type, content)] = made["content"].items()
    assert media_type == "multipart/form-data"
    texts = {"type": "array", "items": TEXT}
    assert content["schema"]["properties"] == {
        "tags": {
            "title": "Tags",
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {**texts, "title": "Tags", "default": []},
        },
        "code[]": {**texts, "title": "Code", "default": []},
        "image": {
            "title": "Image",
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "default": "",
        },
    }
    assert "required" not in content["schema"]
    assert content["encoding"] == {"code[]": {"allowReserved": True}}


@pytest.mark.parametrize("annotation", [Point, Point | None, dict[str, int], dict[str, int] | None])
def test_form_that_is_as_its_type(annotation: Any) -> None:
    """Where the fields are sent as a type has them, the schema is that of the type."""
    made = body_of(Annotated[annotation, Form])
    [content] = made["content"].values()
    counts = {"type": "object", "additionalProperties": INTEGER}
    assert content["schema"] in ({"$ref": "#/components/schemas/Point"}, counts)
    assert ("required" in made) == (type(None) not in get_args(annotation))


class Address(BaseModel):
    city: str
    number: int | None


class Person(BaseModel):
    name: str
    nick: str | None
    address: Address


class Employee(Person):
    office: Annotated[Address | None, Encoding(style="deepObject")] = None


def test_form_of_nested_models() -> None:
    """Fields are named as they are sent: nested ones with dots, and those that may be `None`."""
    made = body_of(Annotated[Employee, Form])
    [content] = made["content"].values()
    schema = content["schema"]
    names = ["name", "nick", "address.city", "address.number", "office"]
    assert list(schema["properties"]) == names
    assert schema["required"] == ["name", "address.city"]
    assert schema["properties"]["nick"] == {"title": "Nick", "type": "string"}
    assert content["encoding"] == {"office": {"style": "deepObject"}}
    made = body_of(Annotated[Person | None, Form])
    [content] = made["content"].values()
    assert "required" not in made
    assert content["schema"]["required"] == ["name", "address.city"]
    made = body_of(Annotated[Person | None, Form], Annotated[int, Form])
    [content] = made["content"].values()
    assert content["schema"]["required"] == ["y"]


def test_lists_in_forms() -> None:
    """Of lists the names are those that are sent, and repeated names are said as such."""
    made = body_of(Annotated[list[int], Form(style="index")], Annotated[list[int], Form])
    [content] = made["content"].values()
    numbers = {"type": "array", "items": INTEGER}
    assert content == {
        "schema": {
            "type": "object",
            "properties": {"y": numbers},
            "patternProperties": {r"^x\[\d+\]": INTEGER},
            "required": ["y"],
        },
        "encoding": {"y": {"style": "form", "explode": True}},
    }
    made = body_of(Annotated[list[Person], Form(style="index")])
    [content] = made["content"].values()
    assert content["schema"]["patternProperties"] == {r"^x\[\d+\]": {}}


def test_form_of_a_model_and_more() -> None:
    """A model and further fields are one form."""
    made = body_of(Annotated[Where, Form], Annotated[int, Form])
    [(media_type, content)] = made["content"].items()
    assert media_type == "application/x-www-form-urlencoded"
    assert list(content["schema"]["properties"]) == ["city", "zip", "inner", "y"]
    assert content["schema"]["required"] == ["city", "y"]
    assert content["schema"]["properties"]["y"] == INTEGER


def alternatives(document: dict[str, Any]) -> dict[str, Any]:
    """Return the operations of the only path, each at the path of its number."""
    [item] = document["paths"].values()
    found = item["post"]["x-alternatives"]
    return {f"/{number}": {"post": one} for number, one in enumerate(found)}


def test_forms_are_sent_as_the_document_says(server: Server) -> None:
    """Another library that reads the document finds the forms of the client right."""

    class Api(SyncClient):
        @endpoint.post("/echo")
        def submit(
            self,
            names: Annotated[list[str], Form],
            codes: Annotated[list[int], Form(style="form", explode=False)],
            size: Annotated[int, Form(ge=1)] = 3,
        ) -> Any: ...

        @endpoint.post("/echo")
        def whole(self, person: Annotated[Person, Form]) -> Any: ...

    address = Address(city="c", number=None)
    with Api(server.url) as client:
        client.submit(["a", "b"], [1, 2])
        client.whole(Person(name="a", nick=None, address=address))
        api = opened(client.openapi())
        parts = opened({**client.openapi(), "paths": alternatives(client.openapi())})
    read, other = server.log
    for each in server.log:
        api.validate_request(as_request(server, each))
    other.target = "/1"
    parts.validate_request(as_request(server, other))
    other.body = other.body.replace(b"address.city=c", b"")
    with pytest.raises(OpenAPIError):
        parts.validate_request(as_request(server, other))
    read.body = read.body.replace(b"size=3", b"size=0")
    with pytest.raises(OpenAPIError):
        api.validate_request(as_request(server, read))
