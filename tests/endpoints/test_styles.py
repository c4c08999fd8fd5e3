"""Values in the styles of OpenAPI."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, unquote

import pydantic
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from arya_api_framework import BaseModel
from arya_api_framework.client.url import compile_path, encode_value
from arya_api_framework.endpoints.styles import write_cookie, write_header, write_path, write_query
from arya_api_framework.errors import ConfigurationError

TEXT, LIST, OBJECT = "blue", ["blue", "black", "brown"], {"R": 100, "G": 200, "B": 150}


class Color(BaseModel):
    """An object, in a model."""

    R: int
    G: int
    B: int
    name: str | None = None


@dataclass
class Point:
    """An object, in a dataclass."""

    x: int
    y: int | None = None


@pydantic.dataclasses.dataclass
class Named:
    """An object with a name that is sent otherwise."""

    kind_of: str
    other: str = pydantic.Field(alias="theOther")


def of_query(pairs: dict[str, Any]) -> str:
    """Return the query that parameters become, as a client writes it."""
    from arya_api_framework.client.encoding import encode_query, flatten

    return encode_query((n, v) for n, v in flatten("x", pairs) if v is not None)


# OpenAPI 3.1.1, "Style Examples"; the columns string, array and object.
@pytest.mark.parametrize(
    ("style", "explode", "text", "array", "obj"),
    [
        (
            "matrix",
            False,
            ";color=blue",
            ";color=blue,black,brown",
            ";color=R,100,G,200,B,150",
        ),
        (
            "matrix",
            True,
            ";color=blue",
            ";color=blue;color=black;color=brown",
            ";R=100;G=200;B=150",
        ),
        ("label", False, ".blue", ".blue,black,brown", ".R,100,G,200,B,150"),
        ("label", True, ".blue", ".blue.black.brown", ".R=100.G=200.B=150"),
        ("simple", False, "blue", "blue,black,brown", "R,100,G,200,B,150"),
        ("simple", True, "blue", "blue,black,brown", "R=100,G=200,B=150"),
    ],
)
def test_table_of_paths(style: str, explode: bool, text: str, array: str, obj: str) -> None:
    """The table of OpenAPI, for the path."""
    assert write_path("color", TEXT, style, explode) == text
    assert write_path("color", LIST, style, explode) == array
    assert write_path("color", OBJECT, style, explode) == obj
    assert write_path("color", Color(R=100, G=200, B=150), style, explode) == obj


@pytest.mark.parametrize(
    ("style", "explode", "text", "array", "obj"),
    [
        (
            "form",
            False,
            "color=blue",
            "color=blue,black,brown",
            "color=R,100,G,200,B,150",
        ),
        (
            "form",
            True,
            "color=blue",
            "color=blue&color=black&color=brown",
            "R=100&G=200&B=150",
        ),
        (
            None,
            None,
            "color=blue",
            "color=blue&color=black&color=brown",
            "R=100&G=200&B=150",
        ),
        (
            "spaceDelimited",
            False,
            "color=blue",
            "color=blue%20black%20brown",
            "color=R%20100%20G%20200%20B%20150",
        ),
        (
            "pipeDelimited",
            None,
            "color=blue",
            "color=blue%7Cblack%7Cbrown",
            "color=R%7C100%7CG%7C200%7CB%7C150",
        ),
        ("deepObject", True, None, None, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
    ],
)
def test_table_of_queries(
    style: str | None, explode: bool | None, text: str | None, array: str | None, obj: str
) -> None:
    """The table of OpenAPI, for the query."""
    for value, written in ((TEXT, text), (LIST, array)):
        if written is None:
            with pytest.raises(ConfigurationError, match="parameter 'color' must be an object"):
                write_query("color", value, style, explode)
        else:
            assert of_query(write_query("color", value, style, explode)) == written
    assert of_query(write_query("color", OBJECT, style, explode)) == obj
    color = Color(R=100, G=200, B=150)
    assert of_query(write_query("color", color, style, explode)) == obj


@pytest.mark.parametrize(
    ("explode", "array", "obj"),
    [
        (False, "blue,black,brown", "R,100,G,200,B,150"),
        (True, "blue,black,brown", "R=100,G=200,B=150"),
    ],
)
def test_table_of_headers(explode: bool, array: str, obj: str) -> None:
    """The table of OpenAPI, for headers."""
    assert write_header("X-Color", TEXT, explode) == TEXT
    assert write_header("X-Color", LIST, explode) == array
    assert write_header("X-Color", OBJECT, explode) == obj
    assert write_header("X-Color", [], explode) is None


def test_table_of_cookies() -> None:
    """The table of OpenAPI, for cookies, where nothing is exploded."""
    assert write_cookie("color", TEXT) == TEXT
    assert write_cookie("color", LIST) == "blue,black,brown"
    assert write_cookie("color", OBJECT) == "R,100,G,200,B,150"
    assert write_cookie("color", Color(R=100, G=200, B=150)) == "R,100,G,200,B,150"
    assert write_cookie("color", []) is None
    assert write_cookie("color", ["a;b", "c,d", None, "é"]) == "a%3Bb,c%2Cd,%C3%A9"
    with pytest.raises(ConfigurationError, match="an item of cookie 'color' is a list, but must"):
        write_cookie("color", [[1]])


def test_items_are_encoded_one_by_one() -> None:
    """What stands between items is never taken for a part of one."""
    assert write_path("x", ["a,b", "c/d", "e;f"], "simple", False) == "a%2Cb,c%2Fd,e%3Bf"
    assert write_path("x", {"a=b": "c&d"}, "matrix", True) == ";a%3Db=c%26d"
    assert write_path("a b", "x", "matrix", False) == ";a%20b=x"
    assert write_path("x", [1.5, True, date(2026, 1, 2)], "label", False) == ".1.5,true,2026-01-02"
    assert of_query(write_query("x", ["a,b", "c&d"], "form", False)) == "x=a%2Cb,c%26d"


def test_none_is_left_out_of_lists_and_objects() -> None:
    """An item that is nothing is not sent."""
    assert write_path("x", [1, None, 2], "simple", False) == "1,2"
    assert write_path("x", {"a": 1, "b": None}, "simple", True) == "a=1"
    assert write_query("x", {"a": 1, "b": None}, "form", False) == {"x": "a,1"}
    assert write_query("x", [None], "pipeDelimited", None) == {}
    assert write_header("X", {"a": 1, "b": None}, True) == "a=1"


def test_dataclasses_are_objects() -> None:
    """Their fields are sent, under their aliases."""
    assert write_query("p", Point(1, 2), None, None) == {"x": 1, "y": 2}
    assert write_query("p", Point(1), "form", False) == {"p": "x,1"}
    assert write_query("p", Named("x", theOther="y"), None, None) == {
        "kind_of": "x",
        "theOther": "y",
    }
    assert write_query("p", Point, None, None) == {"p": Point}


def test_deep_objects() -> None:
    """Objects in objects go on in brackets, lists repeat the name."""
    value = {"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None}
    pairs = write_query("f", value, "deepObject", None)
    assert of_query(pairs) == "f%5Ba%5D%5Bb%5D=1&f%5Ba%5D%5Bc%5D%5Bd%5D=1&f%5Ba%5D%5Bc%5D%5Bd%5D=2"


@pytest.mark.parametrize("style", ["simple", "label", "matrix"])
@pytest.mark.parametrize("explode", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "%2e%2E",
        "%252e",
        "a\n",
        [],
        [""],
        ["a", ".."],
        ["a", ""],
        {"a": ""},
        {"": "a"},
        {},
    ],
)
def test_path_values_that_are_refused(style: str, explode: bool, value: Any) -> None:
    """Nothing leaves its segment, and nothing is empty."""
    with pytest.raises(ConfigurationError, match=r"path parameter 'x' (is|holds)"):
        write_path("x", value, style, explode)


@pytest.mark.parametrize("style", ["simple", "label", "matrix"])
@pytest.mark.parametrize("explode", [False, True])
@pytest.mark.parametrize("value", ["../admin", ["../admin?x"], ["a", "b/..;x"], {"a": "b/../c"}])
def test_path_values_that_walk(style: str, explode: bool, value: Any) -> None:
    """Nor behind a proxy that decodes what it passes on, in which they would be segments."""
    with pytest.raises(ConfigurationError, match=r"path parameter 'x' holds"):
        write_path("x", value, style, explode)


@pytest.mark.parametrize("value", ["/admin", ["a/", "/b"], ["/a"], {"/a": "b"}])
def test_dots_of_the_label_style(value: Any) -> None:
    """A dot of the style is none of the value, and makes a dot segment with it."""
    text = "'x' holds a dot segment in style 'label'"
    with pytest.raises(ConfigurationError, match=text):
        write_path("x", value, "label", explode=True)
    with pytest.raises(ConfigurationError, match="'x' holds a dot segment"):
        write_path("x", "./admin", "label", explode=False)
    assert write_path("x", ".hidden", "label", explode=False) == "..hidden"


def test_other_values_that_are_refused() -> None:
    """What cannot be told apart afterwards is not sent, and no value is shown."""
    with pytest.raises(ConfigurationError, match=r"path parameter 'x' holds '\.', which stands"):
        write_path("x", ["1.5", "2"], "label", True)
    with pytest.raises(ConfigurationError, match="path parameter 'x' is None; it needs a value"):
        write_path("x", None, "label", True)
    with pytest.raises(ConfigurationError, match="an item of parameter 'x' holds ' '"):
        write_query("x", ["a b"], "spaceDelimited", None)
    with pytest.raises(ConfigurationError, match=r"an item of parameter 'x' holds '\|'"):
        write_query("x", ["a|b"], "pipeDelimited", None)
    with pytest.raises(ConfigurationError, match="an item of header 'X' holds ','"):
        write_header("X", ["a,b"], False)
    with pytest.raises(ConfigurationError, match="parameter 'x' is no valid text"):
        write_query("x", ["\ud800"], "form", False)
    with pytest.raises(ConfigurationError, match="an item of parameter 'x' is a dict, but must be"):
        write_query("x", [{"a": 1}], "form", False)


@pytest.mark.parametrize("key", ["x][admin", "[", "a]"])
def test_brackets_in_deep_objects(key: str) -> None:
    """A field with brackets would be a field of a field."""
    for value in ({key: "1"}, {"a": {key: "1"}}):
        with pytest.raises(ConfigurationError, match="whose brackets would name another"):
            write_query("f", value, "deepObject", None)


def test_objects_that_hold_themselves() -> None:
    """They are refused in any style."""
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(ConfigurationError, match="'f' is nested too deeply, or holds itself"):
        write_query("f", loop, "deepObject", None)
    with pytest.raises(ConfigurationError, match="nested too deeply, or holds itself"):
        of_query(write_query("f", loop, "form", None))
    with pytest.raises(ConfigurationError, match="an item of parameter 'f'"):
        write_query("f", loop, "form", False)
    with pytest.raises(ConfigurationError):
        write_path("f", loop, "simple", explode=True)


@pytest.mark.parametrize(
    ("value", "explode", "text"),
    [
        ([""], False, "an item of header 'X' is empty"),
        (["a", "", "b"], True, "an item of header 'X' is empty"),
        ({"a": ""}, False, "an item of header 'X' is empty"),
        ({"": "a"}, True, "an item of header 'X' is empty"),
        (["a ", "b"], False, "a blank at its start or end"),
        (["a", "\tb"], False, "a blank at its start or end"),
        ({"a": " b"}, True, "a blank at its start or end"),
        ({"a=b": "c"}, True, "a name in header 'X' holds '='"),
    ],
)
def test_header_items_that_servers_read_otherwise(value: Any, explode: bool, text: str) -> None:
    """RFC 9110 5.6.1: blanks are stripped, and empty items left out."""
    with pytest.raises(ConfigurationError, match=text):
        write_header("X", value, explode)


def test_header_items_that_are_read_as_they_are() -> None:
    """Blanks inside, and an equals sign behind the first."""
    assert write_header("X", {"a": "b=c", "d": ""}, explode=True) == "a=b=c,d="
    assert write_header("X", {"a=b": "c d"}, explode=False) == "a=b,c d"
    assert write_header("X", ["a b", "="], explode=True) == "a b,="


def test_what_is_encoded_already_stays_in_its_segment() -> None:
    """A template takes it as it is, but never where it makes a dot segment."""
    values = {"id": write_path("id", ["a/b", "c"], "simple", False)}
    assert compile_path("/x/{id}").fill(values, str.__str__) == ("/x/a%252Fb%2Cc", "")
    assert compile_path("/x/{id}").fill(values, lambda one: one) == ("/x/a%2Fb,c", "")
    assert encode_value("id", values["id"]) is values["id"]
    in_query = compile_path("/x?of={id}")
    assert in_query.fill(values, lambda one: one) == ("/x", "of=a%2Fb,c")
    matrix = {"id": write_path("id", "x", "matrix", False)}
    with pytest.raises(ConfigurationError, match=r"is filled to one with a '\.' or '\.\.' segment"):
        compile_path("/x/..{id}").fill(matrix, lambda one: one)


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(st.lists(TEXTS, min_size=1))
def test_items_come_back(items: list[str]) -> None:
    """Whatever stands in a list, a server that splits and decodes reads what was given."""
    assume(all(item.strip(".") for item in items))
    try:
        simple = write_path("x", items, "simple", False)
        matrix = write_path("x", items, "matrix", True)
    except ConfigurationError:  # A dot segment that is encoded.
        reject()
    assert not {"/", "?", "#", "\\"} & {*simple, *matrix}
    assert [unquote(item) for item in simple.split(",")] == items
    assert [unquote(item) for item in matrix.split(";x=")[1:]] == items
    joined = write_query("x", items, "form", False)["x"]
    assert [unquote(item) for item in joined.split(",")] == items


@given(st.dictionaries(TEXTS, TEXTS, min_size=1))
def test_fields_come_back(fields: dict[str, str]) -> None:
    """The same of the fields of objects."""
    assert dict(parse_qsl(of_query(write_query("x", fields, None, None)))) == fields
    assume(not {"[", "]"} & {*"".join(fields)})
    deep = dict(parse_qsl(of_query(write_query("x", fields, "deepObject", None))))
    assert deep == {f"x[{name}]": value for name, value in fields.items()}
