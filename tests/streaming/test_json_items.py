"""The elements of one array of a JSON body, from pieces of any size."""

from __future__ import annotations

import json
import traceback
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field, TypeAdapter
from typing_extensions import TypedDict

from arya_api_framework import BaseModel, Response
from arya_api_framework.errors import (
    ConfigurationError,
    ResponseParseError,
    ResponseTooLarge,
    ResponseValidationError,
)
from arya_api_framework.streaming.json_items import JsonItems
from tests.streaming.pieces import cut, decode, outcome, outcomes, response_info


class Tag(Response):
    """A response model in an element."""

    name: str


class User(Response):
    """An element that knows its response."""

    id: int
    name: str = ""
    tags: list[Tag] = Field(default_factory=list[Tag])


class Plain(BaseModel):
    """An element that does not."""

    id: int


class Row(TypedDict):
    """An element that is no model."""

    id: int


@dataclass
class Point:
    """An element that is a dataclass."""

    x: float


class Cat(BaseModel):
    """One side of a union."""

    kind: Literal["cat"]


class Dog(BaseModel):
    """The other side."""

    kind: Literal["dog"]


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]

TEXT = st.text(st.sampled_from('ab"\\[]{},:\n\u2028é😀\x00'), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
SIZES = st.sampled_from([1, 2, 3, 5, 8, 1000])


@given(
    st.lists(VALUES, max_size=5),
    st.dictionaries(TEXT, VALUES, max_size=3),
    st.dictionaries(TEXT, VALUES, max_size=3),
    st.booleans(),
    st.sampled_from([None, 1, "\t \r\n"]),
    SIZES,
)
def test_elements_are_those_of_the_whole(
    items: list[Any],
    before: dict[str, Any],
    after: dict[str, Any],
    ascii_only: bool,
    indent: int | str | None,
    size: int,
) -> None:
    """Whatever stands in an array and around it, the elements are those that `json` finds."""
    document = {**before, "data": {**before, "items": items, **after}}
    document |= {name: value for name, value in after.items() if name not in document}
    document["data"]["items"] = items
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    assert decode(JsonItems[Any](at="data.items"), cut(body, size)) == items
    alone = json.dumps(items, ensure_ascii=ascii_only, indent=indent).encode()
    assert decode(JsonItems(), cut(alone, size)) == items


@given(st.lists(VALUES, max_size=4), VALUES, st.data(), SIZES)
def test_cut_body(items: list[Any], after: Any, data: st.DataObject, size: int) -> None:
    """A body that is cut anywhere gives its first elements, then an error, at any edges."""
    body = json.dumps({"a": after, "items": items, "b": after}).encode()
    body = body[: data.draw(st.integers(0, len(body) - 1))]
    found, error, _ = outcome(JsonItems(at="items"), cut(body, size))
    assert found == items[: len(found)]
    assert error == "ResponseParseError"
    assert outcome(JsonItems(at="items"), [body]).found == found


@given(st.text(st.sampled_from('[]{},:"\\ 1e-.tn\n'), max_size=14), SIZES)
def test_nothing_but_json_is_taken(text: str, size: int) -> None:
    """What `json` refuses is refused, and what it takes is taken, at any edges."""
    body = b'[{"a":1},' + text.encode()
    try:
        expected = json.loads(body)
    except ValueError:
        expected = None
    whole = outcome(JsonItems(), [body])
    assert outcome(JsonItems(), cut(body, size)).found == whole.found
    if expected is not None and "\\" not in text:
        assert whole == (expected, "", "")
    elif expected is None:
        assert whole.error == "ResponseParseError"


@given(st.text(st.sampled_from('[]{},:"\\ 1e-.tn\n'), max_size=14), SIZES)
def test_nothing_but_json_is_passed_over(text: str, size: int) -> None:
    """What stands before and after the array must be JSON, too."""
    for body in (f'{{"a":{text},"items":[]}}', f'{{"items":[],"a":{text}}}'):
        try:
            json.loads(body)
            is_json = True
        except ValueError:
            is_json = False
        found = outcome(JsonItems(at="items"), cut(body.encode(), size))
        if '"' not in text:  # Text in strings is not looked at.
            assert (found.error == "") == is_json, found
        assert outcome(JsonItems(at="items"), [body.encode()]).error == found.error


@pytest.mark.parametrize(
    ("target", "body", "items"),
    [
        (int, b"[]", []),
        (int, b" \r\n\t[ \n] \n", []),
        (int, b"\xef\xbb\xbf[1]", [1]),
        (int, b"[1,2 , 3\n,4]", [1, 2, 3, 4]),
        (float, b"[1.5e3,-0]", [1500, 0]),
        (bool | None, b"[true,false,null]", [True, False, None]),
        (str, rb'["a","\"","\\","]","\u00e9","","[{"]', ["a", '"', "\\", "]", "é", "", "[{"]),
        (list[int], b"[[],[1,2],[[3]]]", None),
        (list[Any], b'[[],[[[[[[[[1,"]"]]]]]]]],{}]', None),
        (Row, b'[{"id":1}]', [{"id": 1}]),
        (Point, b'[{"x":1}]', [Point(1)]),
        (Pet, b'[{"kind":"dog"},{"kind":"cat"}]', [Dog(kind="dog"), Cat(kind="cat")]),
        (datetime, b'["2026-01-02T03:04:05Z"]', None),
        (Any, b'[1,{"a":[{}]},"x"]', [1, {"a": [{}]}, "x"]),
        (None, b"[null]", [None]),
    ],
)
def test_elements(target: Any, body: bytes, items: list[Any] | None) -> None:
    """Elements are what pydantic makes of each, whatever their type."""
    found = outcomes(lambda: JsonItems(target), body)
    if items is None:
        kind = TypeAdapter[Any](list[target])
        try:
            items = kind.validate_json(body)
        except ValueError:
            assert found.error == "ResponseValidationError"
            return
    assert found == (items, "", "")


def test_element_comes_when_it_is_whole() -> None:
    """An element waits for no comma; a number does, as more digits may follow."""
    decoder = JsonItems[Any](at="items")
    pieces = ['{"items"', ":[{", '"a":1', "}", "\n", ",[1", "]", ',"x', '"', ",1", "2", "\n", "3"]
    found = [decoder.feed(piece.encode()) for piece in pieces[:-1]]
    whole: list[Any] = [[], [], [], [{"a": 1}], [], [], [[1]], [], ["x"], [], [], [12]]
    assert found == whole
    with pytest.raises(ResponseParseError, match="what follows item 3 is no valid JSON"):
        decoder.feed(pieces[-1].encode())


@pytest.mark.parametrize(
    ("at", "body"),
    [
        ("items", b'{"it\\u0065ms":[1]}'),
        ("items", b'{"\\u0069\\u0074\\u0065\\u006d\\u0073":[1]}'),
        ("items", b'{"items2":[2],"item":[3],"Items":[4],"":[5],"items":[1]}'),
        ("items", b'{"items\\u0000":[2],"items":[1],"items":[6]}'),
        ("a.b", b'{"x":{"b":[0]},"a":{"a":{"b":[2]},"c":[[{"b":[3]}]],"b":[1]},"b":[4]}'),
        ("a.b", b'{"a.b":[2],"a":{"b":[1]}}'),
        ("\u00e9.\U0001f600", b'{"\\u00E9":{"\\ud83D\\uDE00":[1]}}'),
        ("\u00e9", '{"é":[1]}'.encode()),
        ("a", b'{"b":"' + b"x" * 100_000 + b'","a":[1]}'),
        ("a", b'{"' + b"a" * 100_000 + b'":[2],"a":[1]}'),
        ("a", b'{"b":"[\\"{\\\\","c":-1.5e+3,"d":null,"e":true,"f":[],"g":{},"a":[1]}'),
        ("a", b'{"b":[[[[[[[[{"a":[2]}]]]]]]]],"a":[1]}'),
        ("a", b'{"b":"\xff","a":[1],"c":"\xff"}'),
    ],
)
def test_place(at: str, body: bytes) -> None:
    """The array is found by the names that lead to it, and nothing else is taken for it."""
    found = outcomes(lambda: JsonItems(int, at=at), body, (1, 3, 1000))
    assert found == ([1], "", "")


@pytest.mark.parametrize(
    ("at", "body", "text", "kind", "loc"),
    [
        (None, b"{}", "the body is an object; `at` says where the list stands", "list", ()),
        (None, b"12", "the body is a number; `at` says where the list stands", "list", ()),
        (None, b'"hush"', "the body is a string; `at` says where the list stands", "list", ()),
        ("a", b"[1]", "the body is an array, not an object", "dict", ()),
        ("a", b"null ", "the body is null, not an object", "dict", ()),
        ("a", b'{"b":[1]}', "the body has no 'a'", "missing", ("a",)),
        ("a", b'{"a":{}}', "what stands at 'a' is an object", "list", ("a",)),
        ("a", b'{"a":"hush"}', "what stands at 'a' is a string", "list", ("a",)),
        ("a", b'{"a":false}', "what stands at 'a' is a boolean", "list", ("a",)),
        ("a.b", b'{"a":{}}', "what stands at 'a' has no 'b'", "missing", ("a", "b")),
        ("a.b", b'{"a":[1]}', "what stands at 'a' is an array, not an object", "dict", ("a",)),
        ("a.b", b'{"a":{"b":7}}', "what stands at 'a.b' is a number", "list", ("a", "b")),
        ("a.b", b'{"a":{},"a":{"b":[1]}}', "what stands at 'a' has no 'b'", "missing", ("a", "b")),
    ],
)
def test_no_array(at: str | None, body: bytes, text: str, kind: str, loc: tuple[str, ...]) -> None:
    """Where there is no array, the error says what is there, and no value."""
    place = "" if at is None else f" at {at!r}"
    expected = f"a list of User was expected{place}, but {text}"
    assert outcomes(lambda: JsonItems(User, at=at), body) == (
        [],
        "ResponseValidationError",
        expected,
    )
    with pytest.raises(ResponseValidationError) as caught:
        decode(JsonItems(User, at=at, info=response_info()), [body])
    error = caught.value
    assert str(error) == f"GET https://api.test/users?token=***: {expected}"
    assert error.status == 200
    (row,) = error.errors()
    assert row["type"].removesuffix("_type") == kind
    assert row["loc"] == loc


DEEP = b"[" * 300


@pytest.mark.parametrize(
    ("at", "body", "items", "text"),
    [
        (None, b"", [], "a list of int was expected, but the response has no content"),
        (None, b" ", [], "a list of int was expected, but the body ends before it"),
        (None, b"\xef", [], "a list of int was expected, but the body ends before it"),
        (None, b"nul", [], "a list of int was expected, but the body ends before it"),
        ("a", b'{"b":[', [], "a list of int was expected at 'a', but the body ends before it"),
        (None, b"[", [], "the body ends before the array does, after 0 items"),
        (None, b"[1,", [1], "the body ends before the array does, after 1 items"),
        (None, b"[1 ", [1], "the body ends before the array does, after 1 items"),
        (None, b"[1,23", [1], "the body ends in the middle of item 1"),
        (None, b'[1,"a\\', [1], "the body ends in the middle of item 1"),
        ("a", b'{"a":[1]', [1], "the body ends after the array, before the JSON does"),
        ("a", b'{"a":[1],"b":2', [1], "the body ends after the array, before the JSON does"),
        (None, b"[1,]", [1], "item 1 is no valid JSON"),
        (None, b"[,1]", [], "item 0 is no valid JSON"),
        (None, b"[1,,2]", [1], "item 1 is no valid JSON"),
        (None, b"[1 2]", [1], "what follows item 0 is no valid JSON"),
        (None, b"[1:2]", [], "item 0 should be int, but is no valid JSON"),
        (None, b"[1}]", [], "item 0 should be int, but is no valid JSON"),
        (None, b"[}", [], "item 0 is no valid JSON"),
        (None, b"[1,nul,2]", [1], "item 1 should be int, but is no valid JSON"),
        (None, b"[1,{]},2]", [1], "item 1 should be int, but is no valid JSON"),
        (None, b'[1,"\xff"]', [1], "item 1 should be int, but is no valid JSON"),
        (None, b'[1,"\n"]', [1], "item 1 should be int, but is no valid JSON"),
        (None, b"[1]]", [1], "what follows the array is no valid JSON"),
        (None, b"[1] [2]", [1], "what follows the array is no valid JSON"),
        (None, b"[1] x", [1], "what follows the array is no valid JSON"),
        ("a", b'{"a":[1]]', [1], "what follows the array is no valid JSON"),
        ("a", b'{"a":[1] "b":2}', [1], "what follows the array is no valid JSON"),
        ("a", b'{"a":[1],}', [1], "what follows the array is no valid JSON"),
        ("a", b'{"a":[1],"b":"\n"}', [1], "what follows the array is no valid JSON"),
        ("a", b'{"a":[1],"b":[1,]}', [1], "what follows the array is no valid JSON"),
        ("a", b'{"a":[1],"b":[1}}', [1], "what follows the array is no valid JSON"),
        ("a", b'{"a":[1],"b":01}', [1], "what follows the array is no valid JSON"),
        ("a", b'{"a":[1],"b":+1}', [1], "what follows the array is no valid JSON"),
        ("a", b'{"a":[1],"b":{"c":{"d":[tru]}}}', [1], "what follows the array is no valid JSON"),
        (
            "a",
            b'{"a":[1],"b":' + DEEP,
            [1],
            "what follows the array is no valid JSON: it is nested more than 200 levels deep",
        ),
        (
            "a",
            b'{"a":[1],"b":' + b"1" * 70_000 + b"}",
            [1],
            "what follows the array is no valid JSON: a number has more than 65536 digits",
        ),
        (
            "a",
            b"{a:1}",
            [],
            "a list of int was expected at 'a', but the content is no valid JSON",
        ),
        (
            "a",
            b'{"\\x":1}',
            [],
            "a list of int was expected at 'a', but the content is no valid JSON",
        ),
        (
            "a",
            b'{"b" 1}',
            [],
            "a list of int was expected at 'a', but the content is no valid JSON",
        ),
    ],
)
def test_no_json(at: str | None, body: bytes, items: list[int], text: str) -> None:
    """What is no JSON is an error that tells where, after the elements before it."""
    for policy in ("raise", "skip"):  # What is no JSON cannot be skipped: where would it end?
        make = partial(JsonItems[Any], int, at=at, on_invalid=policy)
        assert outcomes(make, body, (1, 2, 3, 1000)) == (items, "ResponseParseError", text)


def test_deep_element() -> None:
    """An element may be nested as deep as pydantic reads it, and no deeper."""
    body = b"[" + b"[" * 150 + b"]" * 150 + b",1]"
    assert len(outcomes(JsonItems, body, (7,)).found) == 2
    assert outcomes(JsonItems, b"[1," + DEEP + b"]" * 300 + b"]", (7,)).found == [1]


USERS = b'[{"id":1},{"id":"hush"},{"id":3},{"name":"hush"},{"id":5}]'


def test_element_that_does_not_fit() -> None:
    """It is an error that names its place, after the elements before it, and shows no value."""
    decoder = JsonItems(User, info=response_info())
    assert decoder.feed(USERS) == [User(id=1)]
    with pytest.raises(ResponseValidationError) as caught:
        decoder.check()
    error = caught.value
    assert str(error) == (
        "GET https://api.test/users?token=***: item 1 does not fit User: id: Input should be a "
        "valid integer, unable to parse string as an integer"
    )
    assert [(row["type"], row["loc"]) for row in error.errors()] == [("int_parsing", (1, "id"))]
    assert (error.status, error.body) == (200, b'{"id":"hush"}')
    assert "hush" not in "".join(traceback.format_exception(error))
    for again in (lambda: decoder.feed(b""), decoder.finish, decoder.check):
        with pytest.raises(ResponseValidationError):
            again()
    assert outcomes(lambda: JsonItems(User), USERS).found == [User(id=1)]


def test_several_places_that_do_not_fit() -> None:
    """The first three are named, keys of the body are not."""

    class Wide(BaseModel):
        a: int
        b: int
        c: int
        d: dict[str, int]

    text = outcomes(lambda: JsonItems(Wide), b'[{"d":{"hush":"x"}}]').text
    assert text == (
        "item 0 does not fit Wide: a: Field required; b: Field required; c: Field required; "
        "and 1 more"
    )
    with pytest.raises(ResponseValidationError) as caught:
        JsonItems(dict[str, int]).feed(b'[{"hush":"x"}]')
    assert caught.value.errors()[0]["loc"] == (0, "*")
    assert caught.value.__cause__ is None
    assert "item 0 does not fit dict[str, int]: *: " in str(caught.value)
    text = outcomes(lambda: JsonItems(list[int]), b"[3]").text
    assert text == "item 0 does not fit list[int]: the whole: Input should be a valid array"


def test_skipping() -> None:
    """What does not fit is left out and counted, by choice; all the others come."""
    for size in (1, 7, 1000):
        decoder = JsonItems(User, on_invalid="skip")
        assert [user.id for user in decode(decoder, cut(USERS, size))] == [1, 3, 5]
        assert (decoder.skipped, decoder.count) == (2, 5)


def test_validator_that_fails() -> None:
    """What a validator of the user's raises comes after the elements before it."""

    def refuse(value: int) -> int:
        if value == 3:
            raise KeyError("mine")
        return value

    target = Annotated[int, AfterValidator(refuse)]
    make: Callable[[], JsonItems[Any]] = lambda: JsonItems(target)  # noqa: E731
    assert outcomes(make, b"[1,2,3,4]") == ([1, 2], "KeyError", "'mine'")


def test_response_models() -> None:
    """Each element that is a `Response`, or directly holds some, knows its response."""
    info = response_info()
    body = b'[{"id":1,"tags":[{"name":"a"}]},{"id":"x"},{"id":2}]'
    users = decode(JsonItems(User, on_invalid="skip", info=info), [body])
    assert [user.model_response for user in users] == [info, info]
    assert users[0].tags[0].model_response is None
    lists = decode(JsonItems(list[User], info=info), [b'[[{"id":1}],[]]'])
    assert lists[0][0].model_response is info
    mixed: list[Any] = decode(JsonItems[Any](User | int, info=info), [b'[{"id":1},2]'])
    assert mixed[0].model_response is info
    assert decode(JsonItems(Plain, info=info), [b'[{"id":1}]']) == [Plain(id=1)]
    assert decode(JsonItems(User), [b'[{"id":1}]'])[0].model_response is None

    class Odd(Response):
        """A model in whose place a validator puts something else."""

        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            from pydantic_core import core_schema

            return core_schema.no_info_after_validator_function(
                lambda _: [User(id=9)], handler(source)
            )

    odd: list[Any] = decode(JsonItems[Any](Odd, info=info), [b"[{}]"])
    assert odd[0][0].model_response is info


def test_element_too_large() -> None:
    """An element over the limit is an error after those before it, however it comes."""
    make = partial(JsonItems[Any], max_item_size=8)
    exact = b'["123456", [1,2,3],123456789]'
    found, error, text = outcomes(make, exact, (1, 2, 3, 8, 9))
    assert (found, error) == (["123456", [1, 2, 3]], "ResponseTooLarge")
    assert text == (
        "item 2 is larger than 8 bytes; if that is right, give `max_item_size` a higher limit"
    )
    assert outcomes(make, b'["12345678"]').error == "ResponseTooLarge"
    assert outcomes(make, b'["' + b"x" * 100).error == "ResponseTooLarge"
    assert outcomes(make, b"[" + b" " * 100 + b"1]").found == [1]
    with pytest.raises(ResponseTooLarge) as caught:
        decode(JsonItems(max_item_size=1), [b"[12]"])
    assert caught.value.limit == 1


def test_large_element_in_small_pieces() -> None:
    """An element costs what it is long, not the square of it: that would not end in a day."""
    decoder = JsonItems(str, max_item_size=10**8)
    decoder.feed(b'["')
    for _ in range(100_000):
        decoder.feed(b"x" * 512)
    (text,) = decoder.feed(b'"]')
    assert len(text) == 51_200_000
    assert decoder.finish() == []


@pytest.mark.parametrize("nested", [199, 200])
def test_depth_around_the_array(nested: int) -> None:
    """What stands around the array may be nested as deep as pydantic reads it, at any cut."""
    body = b'{"a":[1],"b":' + b"[" * nested + b"]" * nested + b"}"
    error = "" if nested < 200 else "ResponseParseError"
    assert outcomes(partial(JsonItems[int], int, at="a"), body, (1, 7, 150)).error == error


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b'{"', b"x" * 1000),
        (b'{"b":"', b"\\u00e9" * 200),
        (b'{"b":[', b'{"c":[1,"x"]},' * 80),
        (b'{"a":[', b'{"c":[1,"x"]},' * 80),
        (b'{"a":[],"b":"', b"x" * 1000),
        (b'{"a":[]', b" " * 1000),
    ],
)
def test_endless_body(start: bytes, part: bytes) -> None:
    """A body that never ends takes no memory: nothing of it is kept."""
    decoder = JsonItems[Any](at="a", on_invalid="skip")
    decoder.feed(start + part)
    tracemalloc.start()
    try:
        for _ in range(2000):
            decoder.feed(part)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000


def test_large_piece() -> None:
    """A piece may be larger than what is validated at once."""
    body = json.dumps([{"id": number} for number in range(50_000)]).encode()
    assert [row["id"] for row in decode(JsonItems(Row), [body])] == list(range(50_000))


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("latin-1", "latin-1"),
        ("latin-1", "utf-8"),  # What is UTF-8 counts as such, whatever is declared.
        ("ascii", "utf-8"),
        ("no-such-charset", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("shift_jis", "shift_jis"),
    ],
)
def test_charset(charset: str, encoding: str) -> None:
    """JSON that is no UTF-8 is read in the declared charset, as a whole response is."""
    text = "表[" if encoding == "shift_jis" else "é["
    body = f'{{"{text}": "{text}", "items": ["{text}", 5, "{text}"]}}'.encode(encoding)
    for size in (1, 3, 1000):
        decoder = JsonItems(str, at="items", charset=charset, on_invalid="skip")
        assert decode(decoder, cut(body, size)) == [text, text]
    wrong = '[{"id":"é","d":{"é":1}}]'.encode(encoding if encoding != "shift_jis" else "utf-8")
    if encoding != "shift_jis":
        text = outcome(JsonItems(User, charset=charset), [wrong]).text
        assert "item 0 does not fit User: id: " in text


def test_names_with_dots() -> None:
    """A dot that is escaped is part of a name."""
    body = b'{"a": {"b": [1]}, "a.b": {"c": [2]}}'
    assert decode(JsonItems(int, at=r"a\.b.c"), cut(body, 3)) == [2]
    assert decode(JsonItems(int, at="a.b"), cut(body, 3)) == [1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"at": ""}, "at must be a name, or names joined by dots, got ''"),
        ({"at": "a..b"}, "at must be a name"),
        ({"at": 7}, "at must be a name"),
        ({"on_invalid": "drop"}, 'on_invalid must be "raise" or "skip", got \'drop\''),
        ({"max_item_size": 0}, "max_item_size must be a whole number of 1 or more"),
        ({"max_item_size": "a"}, "max_item_size must be a whole number of 1 or more, got 'a'"),
        ({"target": 3}, "the format of items must be a type that pydantic can validate, got 3"),
        ({"target": [int]}, "got [<class 'int'>]; write `list[int]`"),
        ({"target": len}, "must be a type that pydantic can validate"),
        ({"target": object()}, "must be a type that pydantic can validate"),
    ],
)
def test_options(options: dict[str, Any], text: str) -> None:
    """What can never work is refused before anything is read."""
    with pytest.raises(ConfigurationError) as caught:
        JsonItems(**options)
    assert text in str(caught.value)


def test_cut_character() -> None:
    """Half a character at the end is an error, too."""
    body = "[1]".encode("utf-16-le")
    assert outcome(JsonItems(charset="utf-16"), [body]).error == ""
    found, error, text = outcome(JsonItems(charset="utf-16"), [body, b"["])
    assert (found, error) == ([1], "ResponseParseError")
    assert text == "the body ends after the array, before the JSON does"


def test_type_without_hash() -> None:
    """A type that cannot be kept is compiled anew."""
    target: Any = Annotated[int, {"no": "hash"}]
    assert decode(JsonItems(target), [b"[1]"]) == [1]
