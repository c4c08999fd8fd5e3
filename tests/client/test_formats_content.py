"""What comes back as JSON: broken, in other charsets, of other types, and what goes with it."""

import copy
import pickle
from collections import deque
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import pytest
from multidict import CIMultiDict
from pydantic import ConfigDict, Field, field_validator, model_validator
from typing_extensions import TypeAliasType

from arya_api_framework import BaseModel, RawResponse, Response
from arya_api_framework.client.formats import find_format
from arya_api_framework.client.request import Request
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import ResponseParseError
from arya_api_framework.options import UNSET
from tests.app import Server
from tests.conftest import Kind

T = TypeVar("T")


class User(Response):
    """A model that remembers its response."""

    id: int


class Cat(Response):
    """Another one."""

    sound: str


class Page(Response, Generic[T]):
    """A generic model."""

    items: list[T]


class Tree(Response):
    """A model that holds itself."""

    children: list["Tree"] = Field(default_factory=list)


class Frozen(Response):
    """A model that cannot be changed."""

    model_config = ConfigDict(frozen=True)

    id: int


Users = TypeAliasType("Users", list[User])


def answer(content: bytes, media_type: str = "application/json") -> RawResponse:
    """Return a response as a transport gives it."""
    request = Request(
        "GET", Origin("https", "api.test", 443), "/x?token=hunter2", CIMultiDict[str]()
    )
    fields = ((b"Content-Type", media_type.encode("latin-1")),)
    return RawResponse(200, fields, request, content)


@pytest.mark.parametrize("target", [UNSET, object, User, list[User], Tree, dict[str, Any]])
@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"id": 1} x',
        b"  ",
        b"\0",
        b"<html></html>",
        b'"\\ud800"',
        b'{"id": "\\udfff"}',
        b'{"id": 1, "x": "\xff"}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"children": [' * 300 + b"{}" + b"]}" * 300,
        b'{"id": ' + b"1" * 5000 + b"}",
    ],
    ids=range(12),
)
def test_what_is_no_json_is_one_kind_of_error(target: Any, content: bytes) -> None:
    """Depth, lone surrogates and invalid UTF-8 never come as an error of another kind."""
    with pytest.raises(ResponseParseError, match="no valid JSON") as caught:
        find_format(target).parse(answer(content, "text/html"))
    assert "'text/html'" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("target", [UNSET, dict[str, Any]])
@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\xef\xbb\xbf" + '{"name": "é"}'.encode(), "application/json"),
        ('{"name": "é"}'.encode("latin-1"), "application/json; charset=ISO-8859-1"),
        ('{"name": "é"}'.encode("cp1252"), 'text/plain; charset="windows-1252"; x=y'),
        ('{"name": "é"}'.encode("utf-16"), "application/json;charset=UTF-16"),
        ('{"name": "é"}'.encode(), "application/json; charset=nonsense"),
        ('{"name": "é"}'.encode(), "application/json; charset=utf8"),
        ('{"name": "é"}'.encode(), ""),
    ],
)
def test_json_may_come_in_another_charset(target: Any, content: bytes, media_type: str) -> None:
    """UTF-8 is what it should be; a mark before it and a declared charset are understood."""
    assert find_format(target).parse(answer(content, media_type)) == {"name": "é"}


@pytest.mark.parametrize("target", [UNSET, User])
@pytest.mark.parametrize(
    "charset", ["rot13", "hex", "idna", "punycode", "undefined", "a\0b", "unicode_escape"]
)
def test_a_charset_that_is_none_is_no_way_around(target: Any, charset: str) -> None:
    """Python knows codings that no server should be able to choose."""
    with pytest.raises(ResponseParseError):
        find_format(target).parse(answer(b'\\d{"id": ', f"application/json; charset={charset}"))


@pytest.mark.parametrize("target", [UNSET, User])
def test_content_that_does_not_fit_in_any_charset_is_an_error(target: Any) -> None:
    """The second look may fail as the first did."""
    for media_type in ("application/json; charset=latin-1", "application/json; charset=utf-16"):
        with pytest.raises(ResponseParseError):
            find_format(target).parse(answer(b'{"id": "\xe9', media_type))


def test_an_error_of_a_users_validator_is_the_users() -> None:
    """What is no `ValueError` leaves as it is."""

    class Moody(BaseModel):
        id: int

        @field_validator("id")
        @classmethod
        def _check(cls, value: int) -> int:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        find_format(Moody).parse(answer(b'{"id": 1}'))


# json_content_types


@pytest.mark.parametrize(
    ("allowed", "path", "fits"),
    [
        (None, "/html", None),
        (("application/json",), "/users/1", True),
        (("APPLICATION/JSON",), "/users/1", True),
        (("application/*",), "/users/1", True),
        (("*/json",), "/users/1", True),
        (("application/*+json",), "/users/1", False),
        (("text/json", "application/vnd.api+json"), "/users/1", False),
        (("application/json",), "/html", False),
        ((), "/users/1", False),
        (("application/json",), "/empty", True),
        (("application/x",), "/status/204", True),
    ],
)
async def test_json_content_types_make_the_type_count(
    kind: Kind, server: Server, allowed: Any, path: str, fits: bool | None
) -> None:
    """By default whatever parses is taken; a list of types makes it strict."""
    client = kind.client(server.url, json_content_types=allowed)
    if fits:
        await client.get(path)
        return
    problem = "no valid JSON" if fits is None else "is none of json_content_types"
    with pytest.raises(ResponseParseError, match=problem) as caught:
        await client.get(path)
    assert caught.value.status == 200
    assert caught.value.body
    # Text and bytes are not read from JSON, and a call may say otherwise.
    assert await client.get(path, response_format=str)
    assert await client.get(path, response_format=bytes)
    assert (await client.get(path, raw=True)).status == 200
    if path != "/html":
        assert await client.get(path, json_content_types=None)


# What came with it


@pytest.mark.parametrize(
    ("target", "content", "elements"),
    [
        (User, b'{"id": 1}', lambda found: [found]),
        (Frozen, b'{"id": 1}', lambda found: [found]),
        (Page[User], b'{"items": [{"id": 1}]}', lambda found: [found]),
        (list[User], b'[{"id": 1}, {"id": 2}]', list),
        (list[User | Cat], b'[{"id": 1}, {"sound": "x"}]', list),
        (list[User | None], b'[{"id": 1}, null]', lambda found: found[:1]),
        (tuple[User, ...], b'[{"id": 1}]', list),
        (set[Frozen], b'[{"id": 1}]', list),
        (deque[User], b'[{"id": 1}]', list),
        (dict[str, User], b'{"a": {"id": 1}, "b": {"id": 2}}', lambda found: list(found.values())),
        (User | Cat, b'{"id": 1}', lambda found: [found]),
        (User | list[User], b'[{"id": 1}]', list),
        (Annotated[User, "note"], b'{"id": 1}', lambda found: [found]),
        (Users, b'[{"id": 1}]', list),
    ],
)
async def test_each_direct_model_carries_the_response(
    kind: Kind, server: Server, target: Any, content: bytes, elements: Any
) -> None:
    """Status, headers and times are at hand wherever a `Response` is the result."""
    client = kind.client(server.url)
    found = await client.get(
        "/json", parameters={"value": content.decode()}, response_format=target
    )
    models = elements(found)
    assert models
    for model in models:
        info = model.model_response
        assert info.status == 200
        assert info.headers["content-type"].startswith("application/json")
        assert info.request.method == "GET"
        assert info.elapsed > 0
        assert abs((info.received_at - datetime.now(UTC)).total_seconds()) < 10


async def test_nested_models_carry_nothing(kind: Kind, server: Server) -> None:
    """Only direct elements do: what is inside costs nothing."""
    client = kind.client(server.url)
    page = await client.get(
        "/json", parameters={"value": '{"items": [{"id": 1}]}'}, response_format=Page[User]
    )
    assert page.model_response is not None
    assert page.items[0].model_response is None


def test_what_came_with_a_model_is_no_part_of_it() -> None:
    """It is never dumped nor compared; copies keep it and pickles drop it."""
    user = find_format(User).parse(answer(b'{"id": 1}'))
    assert user.model_dump() == {"id": 1}
    assert user == User(id=1)
    assert "hunter2" not in repr(user)
    assert copy.copy(user).model_response is user.model_response
    assert copy.deepcopy(user).model_response is user.model_response
    assert user.model_copy(update={"id": 2}).model_response is user.model_response
    assert pickle.loads(pickle.dumps(user)).model_response is None


def test_a_validator_may_put_something_else_in_the_place_of_a_model() -> None:
    """What is no `Response` in the end carries nothing, and is no error."""

    class Odd(Response):
        @model_validator(mode="wrap")
        @classmethod
        def _replace(cls, value: Any, handler: Any) -> Any:
            return value if value == "odd" else handler(value)

    assert find_format(Odd).parse(answer(b'"odd"')) == "odd"
    found = find_format(list[Odd]).parse(answer(b'["odd", {}]'))
    assert found[0] == "odd"
    assert found[1].model_response.status == 200
