"""Values to text: queries, forms, headers, cookies and JSON, as servers read them."""

import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from pydantic import Field, RootModel, Secret, SecretBytes, SecretStr, field_serializer

from arya_api_framework import BaseModel
from arya_api_framework.client.encoding import (
    as_pairs,
    encode_cookies,
    encode_form,
    encode_header,
    encode_json,
    encode_query,
    encode_scalar,
    flatten,
    reveal,
)
from arya_api_framework.errors import ConfigurationError
from tests.app import Server
from tests.conftest import Kind


class Color(Enum):
    """A choice."""

    RED = "red"


class Level(IntEnum):
    """A choice that is a number."""

    HIGH = 3


class Order(StrEnum):
    """A choice that is text."""

    UP = "up"


class Address(BaseModel):
    """A model in a model."""

    city: str
    zip_code: str | None = Field(default=None, alias="zip")


class Search(BaseModel):
    """A query as a model."""

    text: str = Field(alias="q")
    address: Address | None = None
    tags: list[str] | None = None
    page: int = 1


class Broken(BaseModel):
    """A model that cannot be serialised."""

    value: int

    @field_serializer("value")
    def _fail(self, value: int) -> int:
        raise KeyError(value)


class Numbers(RootModel[list[int]]):
    """A model that is a list."""


class Named(RootModel[dict[str, int]]):
    """A model that is a mapping."""


class Key(RootModel[str]):
    """A model that is one text."""


class LoudFloat(float):
    """A number whose text is not its digits, as numpy's."""

    def __repr__(self) -> str:
        return f"LoudFloat({float(self)})"


class LoudInt(int):
    """Another one."""

    def __str__(self) -> str:
        return "loud"

    __repr__ = __str__


SCALARS: list[tuple[Any, str]] = [
    ("text", "text"),
    ("", ""),
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (-5, "-5"),
    (10**30, "1" + "0" * 30),
    (1.5, "1.5"),
    (1e300, "1e+300"),
    (LoudFloat(2.5), "2.5"),
    (LoudInt(7), "7"),
    (Color.RED, "red"),
    (Level.HIGH, "3"),
    (Order.UP, "up"),
    (date(2024, 2, 29), "2024-02-29"),
    (time(23, 59), "23:59:00"),
    (datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC), "2024-02-29T01:02:03+00:00"),
    (
        datetime(2024, 2, 29, 1, 2, 3, 4, timezone(timedelta(hours=-3))),
        "2024-02-29T01:02:03.000004-03:00",
    ),
    (timedelta(hours=1), "PT1H"),
    (Decimal("1.50"), "1.50"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (SecretStr("hunter2"), "hunter2"),
    (SecretBytes(b"hunter2"), "hunter2"),
    (Secret[int](5), "5"),
    (b"bytes", "bytes"),
    (bytearray(b"bytes"), "bytes"),
    (Key("root"), "root"),
]

UNSENDABLE: list[Any] = [
    None,
    float("nan"),
    float("inf"),
    -float("inf"),
    b"\xff",
    object(),
    {"a": 1},
    [1],
    pytest.param(10**5000, id="a number of 5001 digits"),
    Numbers([1]),
    Broken(value=1),
    Decimal("NaN"),
    Decimal("-Infinity"),
]


@pytest.mark.parametrize(("value", "text"), SCALARS)
def test_a_single_value_becomes_its_text(value: Any, text: str) -> None:
    """Every kind of value has one text, whatever its class says of itself."""
    assert encode_scalar(value) == text


@pytest.mark.parametrize("value", UNSENDABLE)
def test_what_is_no_single_value_is_refused(value: Any) -> None:
    """What has no text that a server could read is refused, and named."""
    with pytest.raises(ConfigurationError, match="the thing"):
        encode_scalar(value, "the thing")


def test_an_integer_of_any_size_is_refused_or_sent_whole() -> None:
    """Python's limit for long numbers does not leak out as an error of its own."""
    digits = "9" * sys.get_int_max_str_digits()
    assert encode_scalar(int(digits)) == digits


@pytest.mark.parametrize("value", [1, "text", None, b"x"])
def test_reveal_leaves_what_is_no_secret(value: Any) -> None:
    """Only secrets are opened."""
    assert reveal(value) is value


# Pairs


@pytest.mark.parametrize(
    ("values", "pairs"),
    [
        ({"a": 1, "b": None}, [("a", 1), ("b", None)]),
        ([("a", 1), ["a", 2]], [("a", 1), ("a", 2)]),
        ((pair for pair in [("a", 1)]), [("a", 1)]),
        (MultiDict([("a", 1), ("a", 2)]), [("a", 1), ("a", 2)]),
        ({Color.RED: 1, Order.UP: 2}, [("red", 1), ("up", 2)]),
        (Search(q="x"), [("q", "x")]),
        (Search(q="x", page=1), [("q", "x"), ("page", 1)]),
        (Search(q="x", address=None), [("q", "x"), ("address", None)]),
        (Named({"a": 1}), [("a", 1)]),
        ({}, []),
        ([], []),
    ],
)
def test_mappings_models_and_lists_are_pairs(values: Any, pairs: list[Any]) -> None:
    """Models give their set fields by alias; repeated names stay repeated."""
    assert as_pairs("`x`", values) == pairs


@pytest.mark.parametrize(
    "values",
    [
        *(5, "a=1", b"a=1", object(), ["ab"], [("a",)], [("a", 1, 2)], [5]),
        *({1: 2}, {None: 1}, {Level.HIGH: 1}, Numbers([1]), Key("x"), Broken(value=1)),
    ],
)
def test_what_is_no_pairs_is_refused(values: Any) -> None:
    """A wrong shape is a clear error that names the option."""
    with pytest.raises(ConfigurationError, match="`thing`"):
        as_pairs("`thing`", values)


def test_an_unchecked_value_in_a_model_is_sent_without_a_warning_that_shows_it() -> None:
    """Pydantic's warning about an unexpected value would print the value."""
    odd = Search.model_construct(page="hunter2")
    assert as_pairs("`x`", odd) == [("page", "hunter2")]
    assert encode_json(odd) == b'{"page":"hunter2"}'


# Queries


@pytest.mark.parametrize(
    ("values", "pairs"),
    [
        ({"a": True, "b": 1.5, "c": Color.RED}, [("a", "true"), ("b", "1.5"), ("c", "red")]),
        ({"a": [1, None, "x"], "b": (), "c": {7}}, [("a", "1"), ("a", "x"), ("c", "7")]),
        ({"a": None}, [("a", None)]),
        (
            Search(q="x", address=Address(city="Ü", zip="1"), tags=["a", "b"]),
            [
                ("q", "x"),
                ("address.city", "Ü"),
                ("address.zip", "1"),
                ("tags", "a"),
                ("tags", "b"),
            ],
        ),
        ({"f": {"a": {"b": 1, "c": [2, 3]}}}, [("f.a.b", "1"), ("f.a.c", "2"), ("f.a.c", "3")]),
        ({"where": Address(city="X")}, [("where.city", "X")]),
        ({"id": Key("x"), "ids": Numbers([1, 2])}, [("id", "x"), ("ids", "1"), ("ids", "2")]),
        ([("a", 1), ("b", 2), ("a", 3)], [("a", "1"), ("b", "2"), ("a", "3")]),
    ],
)
def test_parameters_flatten(values: Any, pairs: list[Any]) -> None:
    """Nested names are joined by dots, lists repeat the name, `None` in a list is left out."""
    assert flatten("`parameters`", values) == pairs


@pytest.mark.parametrize(
    "values",
    [{"a": object()}, {"a": [[1]]}, {"a": [{"b": 1}]}, {"a": {1: 2}}, {"a": Broken(value=1)}],
)
def test_parameters_that_cannot_be_sent_are_refused(values: Any) -> None:
    """The error names the parameter or the option."""
    with pytest.raises(ConfigurationError, match="parameters"):
        flatten("`parameters`", values)


texts = st.text(st.characters(exclude_categories=["Cs"]))
pair_lists = st.lists(st.tuples(texts.filter(bool), texts))


@given(pairs=pair_lists)
def test_a_query_and_a_form_decode_to_their_pairs(pairs: list[tuple[str, str]]) -> None:
    """The standard library reads back every name and value."""
    query = encode_query(pairs)
    form = encode_form([(*pair, False) for pair in pairs]).decode("ascii")
    for text in (query, form):
        found = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(pairs), errors="strict")
        assert found == pairs
    assert " " not in query + form
    assert "+" not in query


NASTY_PAIRS = [
    ("a", "1&b=2"),
    ("a", "x=y;z"),
    ("plus", "a+b c%20"),
    ("Grüße", "€ 𝄞"),
    ("lines", "a\r\nb\0c"),
    ("rest", "~!*'()-._/?:@#[]{}|\\^`\"<>"),
    ("empty", ""),
]


async def test_the_server_reads_the_query_that_was_given(kind: Kind, server: Server) -> None:
    """Names and values arrive unchanged and in order, on both clients."""
    client = kind.client(server.url)
    answer = await client.get("/echo", parameters=NASTY_PAIRS)
    assert [tuple(pair) for pair in answer["query"]] == NASTY_PAIRS


async def test_the_server_reads_the_form_that_was_given(kind: Kind, server: Server) -> None:
    """Another project's form parser finds every field."""
    client = kind.client(server.url)
    answer = await client.post("/echo", data=NASTY_PAIRS)
    assert [tuple(pair) for pair in answer["form"]] == NASTY_PAIRS
    assert ["Content-Type", "application/x-www-form-urlencoded"] in answer["headers"]


def test_a_form_is_encoded_as_browsers_do() -> None:
    """Blanks are plus signs and all but four marks are escaped (WHATWG URL 5.2)."""
    assert encode_form([("a b", "~*-._ é", False)]) == b"a+b=%7E*-._+%C3%A9"


def test_text_that_is_no_unicode_is_refused() -> None:
    """A lone surrogate has no bytes."""
    with pytest.raises(ConfigurationError, match="no valid text"):
        encode_query([("a", "\ud800")])
    with pytest.raises(ConfigurationError, match="no valid text"):
        encode_form([("a", "\ud800", False)])


def test_parameters_that_hold_themselves_are_refused() -> None:
    """They would have no end."""
    endless: dict[str, Any] = {}
    endless["a"] = endless
    with pytest.raises(ConfigurationError, match="holds itself"):
        flatten("`parameters`", endless)


# Headers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((value, text) for value, text in SCALARS if not isinstance(value, datetime)),
        (datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC), "Thu, 29 Feb 2024 01:02:03 GMT"),
        (
            datetime(2024, 2, 29, 1, 2, 3, tzinfo=timezone(timedelta(hours=1))),
            "Thu, 29 Feb 2024 00:02:03 GMT",
        ),
        ("Grüße", "Grüße"),
        ("Grüße".encode(), "Grüße"),
        ("a\tb c", "a\tb c"),
    ],
)
def test_a_header_value_becomes_its_text(value: Any, text: str) -> None:
    """Moments are HTTP dates, bytes are UTF-8, the rest is as anywhere."""
    assert encode_header("X-Value", value) == text


@pytest.mark.parametrize("value", ["a\r\nb", "a\n", "\0", "a\x1b", "\x7f", " a", "a ", "\ta", "€"])
async def test_a_header_value_that_cannot_be_sent_is_refused_and_not_shown(
    kind: Kind, server: Server, value: str
) -> None:
    """No line of a head can be made up, and the text of the error keeps the value to itself."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="'X-Value'") as caught:
        await client.get("/echo", headers={"X-Value": f"{value}hunter2{value}"})
    assert "hunter2" not in str(caught.value)
    assert server.log == []


@pytest.mark.parametrize(
    "value", [*UNSENDABLE[:3], object(), datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))]
)
def test_a_header_value_without_a_text_is_refused(value: Any) -> None:
    """What is no single value is no header."""
    with pytest.raises(ConfigurationError):
        encode_header("X-Value", value)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "é", "a\0", "(a)", "a "])
def test_a_header_name_that_is_no_token_is_refused(name: str) -> None:
    """Names are tokens (RFC 9110 5.6.2)."""
    with pytest.raises(ConfigurationError, match="token"):
        encode_header(name, "x")


@pytest.mark.parametrize(
    "name",
    (
        "Host content-length Transfer-Encoding CONNECTION TE Trailer Upgrade Expect Keep-Alive "
        "Proxy-Connection"
    ).split(),
)
async def test_framing_headers_cannot_be_given(kind: Kind, server: Server, name: str) -> None:
    """How a message is framed is the transport's to say (RFC 9112 6)."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="transport"):
        await client.get("/echo", headers={name: "5"})
    assert server.log == []


async def test_the_credentials_of_a_proxy_are_no_header(kind: Kind, server: Server) -> None:
    """It would be sent to servers, too; the error says where they belong."""
    with pytest.raises(ConfigurationError, match=r"URL of `proxy`"):
        kind.client(server.url, headers={"Proxy-Authorization": "Basic dTpw"})
    client = kind.client(server.url)
    request = client.build("GET", "/echo")
    request.headers["proxy-authorization"] = "Basic dTpw"
    with pytest.raises(ConfigurationError, match=r"URL of `proxy`") as caught:
        await client.send(request)
    assert "dTpw" not in str(caught.value)
    assert server.log == []


async def test_headers_arrive_as_given(kind: Kind, server: Server) -> None:
    """Repeated names and empty values reach the server."""
    client = kind.client(server.url)
    headers = [("X-Many", "1"), ("X-Many", "2"), ("X-Empty", "")]
    await client.get("/echo", headers=headers)
    received = server.log[-1].headers
    assert received.getall("X-Many") == ["1", "2"]
    assert received["X-Empty"] == ""


# Cookies


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        ([("a", "1"), ("b", SecretStr("x"))], "a=1; b=x"),
        ([("a", "")], "a="),
        ([("a", '"quoted"')], 'a="quoted"'),
        ([("a", "!#$%&'()*+-./:<=>?@[]^_`{|}~")], "a=!#$%&'()*+-./:<=>?@[]^_`{|}~"),
        ([("a", True)], "a=true"),
    ],
)
def test_cookies_become_one_line(pairs: list[Any], text: str) -> None:
    """Pairs are joined as RFC 6265 4.2.1 says."""
    assert encode_cookies(pairs) == text


@pytest.mark.parametrize(
    "value", ["a; b=1", "a\r\nb", "a\0", "a b", "a,b", 'a"b', '"a', "a\\b", "ü", '"', "\x7f"]
)
def test_a_cookie_value_that_cannot_be_sent_is_refused_and_not_shown(value: str) -> None:
    """No second cookie and no header line can be made up (RFC 6265 4.1.1)."""
    with pytest.raises(ConfigurationError, match="'a'") as caught:
        encode_cookies([("a", f"{value}hunter2")])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "a\n", "é"])
def test_a_cookie_name_that_is_no_token_is_refused(name: str) -> None:
    """Names are tokens."""
    with pytest.raises(ConfigurationError, match="token"):
        encode_cookies([(name, "x")])


octets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='",;\\'))


@given(values=st.dictionaries(st.from_regex(r"[a-zA-Z0-9_-]+", fullmatch=True), octets))
def test_the_standard_library_reads_the_cookies(values: dict[str, str]) -> None:
    """Every pair is read back."""
    reserved = SimpleCookie()
    names = {name: value for name, value in values.items() if not _is_reserved(name)}
    reserved.load(encode_cookies(names.items()))
    assert {name: morsel.value for name, morsel in reserved.items()} == names


def _is_reserved(name: str) -> bool:
    # SimpleCookie takes these for attributes of Set-Cookie.
    words = "expires path comment domain max-age secure httponly version samesite partitioned"
    return name.lower() in words.split()


async def test_cookies_arrive_as_given(kind: Kind, server: Server) -> None:
    """The client's cookies and the call's reach the server in one header."""
    client = kind.client(server.url, cookies={"a": "1", "b": "2"})
    answer = await client.get("/cookies", cookies={"b": SecretStr("3"), "c": "a=b", "a": None})
    assert answer["cookies"] == {"b": "3", "c": "a=b"}
    assert len(server.log[-1].headers.getall("Cookie")) == 1


def test_header_bytes_that_are_no_text_are_refused_and_not_shown() -> None:
    """What is sent is UTF-8, so bytes that are not would be other ones."""
    with pytest.raises(ConfigurationError, match="'X-Value' are no UTF-8 text") as caught:
        encode_header("X-Value", b"hunter2\xff")
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None
