"""`response_format`: what an answer becomes, for every kind of type and every kind of content."""

import dataclasses
import pickle
import traceback
import typing
from collections import deque
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypeVar
from uuid import UUID

import pydantic
import pytest
from multidict import CIMultiDict
from pydantic import AliasChoices, AliasPath, ConfigDict, Field, RootModel
from typing_extensions import TypeAliasType, TypedDict

from arya_api_framework import BaseModel, PaginatedResponse, RawResponse, Response
from arya_api_framework.client import formats
from arya_api_framework.client.formats import find_format
from arya_api_framework.client.request import Request
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    ConfigurationError,
    ResponseParseError,
    ResponseValidationError,
)
from arya_api_framework.options import UNSET
from tests.app import Server
from tests.conftest import Kind

T = TypeVar("T")
OLD_LIST: Any = typing.List  # noqa: UP006 - users may still write it
OLD_OPTIONAL: Any = typing.Optional
UserId = NewType("UserId", int)


class User(Response):
    """A model that remembers its response."""

    id: int


class Cat(Response):
    """Another one."""

    sound: str


class Plain(pydantic.BaseModel):
    """A model of pydantic's own, which would show the input in its errors."""

    id: int
    day: date | None = None


class Page(Response, Generic[T]):
    """A generic model."""

    items: list[T]


class Tree(Response):
    """A model that holds itself."""

    children: list["Tree"] = Field(default_factory=list)


class Circle(Response):
    """A kind of shape."""

    kind: Literal["circle"]


class Square(Response):
    """Another kind of shape."""

    kind: Literal["square"]


@dataclasses.dataclass
class Data:
    """A dataclass."""

    id: int


class Typed(TypedDict):
    """A typed dict."""

    id: int


class Named(NamedTuple):
    """A named tuple."""

    id: int


class Color(Enum):
    """A choice."""

    RED = "red"


Users = TypeAliasType("Users", list[User])
Nested = TypeAliasType("Nested", "dict[str, Nested] | list[Nested] | int")
Shape = Annotated[Circle | Square, Field(discriminator="kind")]


def answer(content: bytes, media_type: str = "application/json") -> RawResponse:
    """Return a response as a transport gives it."""
    request = Request(
        "GET", Origin("https", "api.test", 443), "/x?token=hunter2", CIMultiDict[str]()
    )
    fields = ((b"Content-Type", media_type.encode("latin-1")),)
    return RawResponse(200, fields, request, content)


@pytest.mark.parametrize(
    ("target", "content", "result"),
    [
        (UNSET, b'{"id": 1}', {"id": 1}),
        (Any, b"[1, null]", [1, None]),
        (object, b'"x"', "x"),
        (str, b'{"id": 1}', '{"id": 1}'),
        (bytes, b"\0\xff", b"\0\xff"),
        (None, b"whatever", None),
        (type(None), b"whatever", None),
        (dict, b'{"a": 1}', {"a": 1}),
        (User, b'{"id": 1, "new": 2}', User(id=1)),
        (Plain, b'{"id": 1}', Plain(id=1)),
        (Data, b'{"id": 1}', Data(1)),
        (Typed, b'{"id": 1}', {"id": 1}),
        (Named, b'{"id": 1}', Named(1)),
        (list, b"[1]", [1]),
        (OLD_LIST, b"[1]", [1]),
        (list[User], b'[{"id": 1}]', [User(id=1)]),
        (OLD_LIST[User], b'[{"id": 1}]', [User(id=1)]),
        (list[Any], b"[1]", [1]),
        (tuple[User, ...], b'[{"id": 1}]', (User(id=1),)),
        (deque[int], b"[1]", deque([1])),
        (set[int], b"[1, 1]", {1}),
        (Sequence[User], b'[{"id": 1}]', [User(id=1)]),
        (dict[str, User], b'{"a": {"id": 1}}', {"a": User(id=1)}),
        (dict[str, list[User]], b'{"a": [{"id": 1}]}', {"a": [User(id=1)]}),
        (User | Cat, b'{"sound": "meow"}', Cat(sound="meow")),
        (User | None, b"null", None),
        (OLD_OPTIONAL[User], b'{"id": 1}', User(id=1)),
        (str | None, b'"x"', "x"),
        (Shape, b'{"kind": "square"}', Square(kind="square")),
        (Annotated[list[User], Field(max_length=1)], b'[{"id": 1}]', [User(id=1)]),
        (Page[User], b'{"items": [{"id": 1}]}', Page[User](items=[User(id=1)])),
        (Page[int], b'{"items": [1]}', Page[int](items=[1])),
        (Tree, b'{"children": [{"children": []}]}', Tree(children=[Tree()])),
        (RootModel[list[int]], b"[1]", RootModel[list[int]]([1])),
        (Users, b'[{"id": 1}]', [User(id=1)]),
        (Nested, b'{"a": [1]}', {"a": [1]}),
        (UserId, b"1", 1),
        (int, b"1", 1),
        (bool, b"false", False),
        (Color, b'"red"', Color.RED),
        (datetime, b'"2024-02-29T01:02:03Z"', datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC)),
        (UUID, b'"00000000-0000-0000-0000-000000000001"', UUID(int=1)),
        (Literal[1], b"1", 1),
    ],
)
async def test_any_type_of_pydantics_is_a_format(
    kind: Kind, server: Server, target: Any, content: bytes, result: Any
) -> None:
    """`str` is the text, `bytes` the content, `None` nothing, and all else is read from JSON."""
    found = find_format(target).parse(answer(content))
    assert found == result
    assert type(found) is type(result)
    if content.isascii() and b"\0" not in content:
        client = kind.client(server.url)
        options: dict[str, Any] = {} if target is UNSET else {"response_format": target}
        got = await client.get("/json", parameters={"value": content.decode()}, **options)
        assert got == result


def test_the_order_of_a_union_counts() -> None:
    """Two unions that are equal to Python give each its own result."""
    one, other = find_format(int | str), find_format(str | int)
    assert one is not other
    assert find_format(int | str) is one


def test_a_format_is_compiled_once_and_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling costs a thousand times a call; formats made at run time do not pile up."""
    assert find_format(list[User]) is find_format(list[User])
    monkeypatch.setattr(formats, "_FORMATS", dict(formats._FORMATS))
    monkeypatch.setattr(formats, "_MAX_CACHED", 50)
    for number in range(200):
        find_format(Literal[number])
    assert len(formats._FORMATS) <= 51
    assert find_format(None).name == find_format(type(None)).name == "None"


def test_a_format_that_cannot_be_a_key_still_works() -> None:
    """What has no hash is compiled each time."""
    target = Annotated[int, ["no hash"]]
    assert find_format(target).parse(answer(b"1")) == 1


@pytest.mark.parametrize(
    "target",
    [5, 1.5, ..., object(), "Nope", [User], {"a": 1}, {"type": "nope"}, User(id=1), pytest],
)
async def test_what_is_no_type_is_refused_before_sending(
    kind: Kind, server: Server, target: Any
) -> None:
    """A wrong format is found out before anything is sent."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="response_format must be a type"):
        await client.get("/users", response_format=target)
    assert server.log == []


def test_a_model_given_for_a_type_is_not_shown() -> None:
    """It may hold what nobody is to see."""
    with pytest.raises(ConfigurationError, match=r"got an instance of Plain; write `Plain`$"):
        find_format(Plain(id=4711))


class Pages(PaginatedResponse):
    """A page that does not say how to go on."""


def test_an_abstract_format_is_refused_with_what_it_lacks() -> None:
    """No answer can become one."""
    for target in (Pages, list[Pages], dict[str, Pages | None], NewType("Alias", Pages)):
        with pytest.raises(ConfigurationError, match="Pages is abstract, it lacks end, is_pagin"):
            find_format(target)


# No content


@pytest.mark.parametrize(
    ("target", "result"),
    [
        (UNSET, None),
        (Any, None),
        (object, None),
        (None, None),
        (str, ""),
        (bytes, b""),
        (User | None, None),
        (OLD_OPTIONAL[list[User]], None),
        (dict[str, int] | None, None),
    ],
)
async def test_no_content_is_none_where_the_format_allows_it(
    kind: Kind, server: Server, target: Any, result: Any
) -> None:
    """An empty 200 and a 204 are the same."""
    client = kind.client(server.url)
    options: dict[str, Any] = {} if target is UNSET else {"response_format": target}
    for path in ("/empty", "/status/204"):
        assert await client.get(path, **options) == result


@pytest.mark.parametrize("target", [User, list[User], dict, int, Shape, User | Cat])
async def test_no_content_is_an_error_where_some_is_needed(
    kind: Kind, server: Server, target: Any
) -> None:
    """The text says that there was none."""
    client = kind.client(server.url)
    for path, status in (("/empty", 200), ("/status/204", 204)):
        with pytest.raises(ResponseParseError, match="has no content") as caught:
            await client.get(path, response_format=target)
        assert not isinstance(caught.value, ResponseValidationError)
        assert caught.value.status == status
        assert caught.value.sent == "yes"


# Content that does not fit


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        (User, "list[User]"),
        (Plain, "list[Plain]"),
        (User | Cat, "list[User | Cat]"),
        (User | None, "list[User | None]"),
        (Shape, "list[Circle | Square]"),
        (dict[str, User], "list[dict[str, User]]"),
        (Data, "list[Data]"),
        (Typed, "list[Typed]"),
        (Page[User], "list[Page[User]]"),
        (int, "list[int]"),
    ],
)
async def test_a_list_for_another_format_is_an_error_with_a_hint(
    kind: Kind, server: Server, target: Any, hint: str
) -> None:
    """A typed result does not lie: a list is never returned in the place of one."""
    client = kind.client(server.url)
    with pytest.raises(ResponseValidationError) as caught:
        await client.get("/users", response_format=target)
    assert f"response_format={hint})" in str(caught.value)


@pytest.mark.parametrize(
    ("target", "content"),
    [
        (list[User], b'[{"id": "x"}]'),
        (OLD_OPTIONAL[list[User]], b'[{"id": "x"}]'),
        (Annotated[list[int], Field(min_length=2)], b"[1]"),
        (User, b'{"id": "x"}'),
        (User, b"5"),
    ],
)
def test_other_errors_come_without_the_hint(target: Any, content: bytes) -> None:
    """Where a list was expected, or none came, there is nothing to suggest."""
    with pytest.raises(ResponseValidationError) as caught:
        find_format(target).parse(answer(content))
    assert "use response_format" not in str(caught.value)


async def test_an_error_tells_what_does_not_fit(kind: Kind, server: Server) -> None:
    """Place and reason of the first faults are in the text, all of them in `errors()`."""

    class Strict(BaseModel):
        id: str
        name: int
        email: int
        address: int
        more: int

    client = kind.client(server.url)
    with pytest.raises(ResponseValidationError) as caught:
        await client.get("/users", response_format=list[Strict])
    error = caught.value
    assert str(error).startswith(
        f"GET {server.url}/users: the response does not fit list[Strict]: 0.id: "
    )
    assert "and 47 more" in str(error)
    assert len(error.errors()) == 50
    assert {key for row in error.errors() for key in row} == {"type", "loc", "msg"}
    assert (error.status, error.method, error.attempts) == (200, "GET", 1)
    assert error.body.startswith(b'[{"id": 1')
    assert pickle.loads(pickle.dumps(error)).errors() == error.errors()


def many(count: int) -> bytes:
    """Return an object of which no value fits."""
    return b"{" + b",".join(b'"%d": "x"' % number for number in range(count)) + b"}"


def test_of_many_errors_the_first_are_told() -> None:
    """A server makes a million with one answer; each costs a kilobyte where all are made."""
    for count in (1000, 1001, 5000):
        with pytest.raises(ResponseValidationError) as caught:
            find_format(dict[str, int]).parse(answer(many(count)))
        rows = caught.value.errors()
        assert len(rows) == 1000
        assert {str(row) for row in rows} == {str(rows[0])}
        assert (rows[0]["type"], rows[0]["loc"]) == ("int_parsing", ("*",))
        assert f"; and {count - 3} more" in str(caught.value)


def test_many_tags_are_told_without_them() -> None:
    """The first rows are the same, however many there are."""
    content = b"[" + b",".join([b'{"kind": "of-mine"}'] * 1001) + b"]"
    target: Any = list[Annotated[Lion | Wolf, Field(discriminator="kind")]]
    with pytest.raises(ResponseValidationError) as caught:
        find_format(target).parse(answer(content))
    assert "of-mine" not in f"{caught.value}{caught.value.errors()}"
    row = {
        "type": "union_tag_invalid",
        "loc": (999,),
        "msg": "The tag in 'kind' is none of 'lion', 'dog'",
    }
    assert caught.value.errors()[999] == row


async def test_an_error_shows_nothing_of_the_content(kind: Kind, server: Server) -> None:
    """Neither text nor traceback hold a value of the body, whatever the model is set to."""
    client = kind.client(server.url)
    for content in ('{"id": "hunter2"}', '["hunter2"]', '{"id": "hunter2', '"hunter2"'):
        with pytest.raises(ResponseParseError) as caught:
            await client.get("/json", parameters={"value": content}, response_format=Plain)
        shown = "".join(traceback.format_exception(caught.value))
        assert "hunter2" not in shown.replace(content, "")
        assert "hunter2" not in repr(caught.value)


def test_what_a_server_names_its_fields_cannot_fool_a_terminal() -> None:
    """Names come from outside: control characters are taken out, and long ones cut."""
    content = b'{"\\u001b[2J\\n%s": "x"}' % (b"a" * 100_000)
    with pytest.raises(ResponseValidationError) as caught:
        find_format(dict[str, int]).parse(answer(content))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_an_error_keeps_a_bounded_body() -> None:
    """A megabyte of wrong JSON is not kept for as long as the error is."""
    with pytest.raises(ResponseParseError) as caught:
        find_format(UNSET).parse(answer(b"[" + b"1," * 500_000))
    assert len(caught.value.body) == 64 * 1024


class Lion(BaseModel):
    """One of two."""

    kind: Literal["lion"]
    lives: int = Field(alias="livesLeft")
    cubs: int = Field(default=0, validation_alias=AliasChoices("cubCount", AliasPath("all", 0)))


class Wolf(BaseModel):
    """The other."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["dog"]
    ages: dict[str, int] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("target", "content", "shown"),
    [
        (dict[str, int], '{"of-mine": "a"}', "*: Input should be a valid integer"),
        (Wolf, '{"kind": "dog", "of-mine": 1}', "*: Extra inputs are not permitted"),
        (list[Wolf], '[{"kind": "dog", "ages": {"of-mine": []}}]', "0.ages.*: Input should be"),
        (
            Annotated[Lion | Wolf, Field(discriminator="kind")],
            '{"kind": "of-mine"}',
            "the whole: The tag in 'kind' is none of 'lion', 'dog'",
        ),
    ],
)
def test_no_error_shows_a_key_or_tag_of_the_input(target: Any, content: str, shown: str) -> None:
    """Keys that are no fields, and tags, are the input's, and may be as private as values."""
    with pytest.raises(ResponseValidationError) as caught:
        find_format(target).parse(answer(content.encode()))
    error = caught.value
    assert shown in str(error)
    text = "".join(traceback.format_exception(error))
    assert "of-mine" not in f"{text}{error.errors()}{error.args}"
    assert error.__cause__ is None


def test_names_of_fields_are_shown() -> None:
    """Where an error is about a field, it says which, by the name that the API gives it."""
    with pytest.raises(ResponseValidationError, match=r"0\.livesLeft: Input") as caught:
        find_format(list[Lion]).parse(answer(b'[{"kind": "lion", "livesLeft": "of-mine"}]'))
    assert caught.value.__cause__ is not None
    with pytest.raises(ResponseValidationError, match="cubCount: Input should"):
        find_format(Lion).parse(answer(b'{"kind": "lion", "livesLeft": 1, "cubCount": "of-mine"}'))
    with pytest.raises(ResponseValidationError, match="livesLeft: Field required"):
        find_format(Lion).parse(answer(b'{"kind": "lion"}'))


def test_a_function_is_no_format() -> None:
    """Pydantic would call it with what came."""
    with pytest.raises(ConfigurationError, match="got the function"):
        find_format(lambda value: value)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ([User], r"write `list\[User\]`"),
        ((User, Cat), r"write `User \| Cat`"),
        (Cat(sound="meow"), "write `Cat`"),
        ("User", "give the type, not its name"),
    ],
)
def test_what_is_no_type_is_told_how_to_be_one(target: Any, said: str) -> None:
    """The error says what to write."""
    with pytest.raises(ConfigurationError, match=said):
        find_format(target)
