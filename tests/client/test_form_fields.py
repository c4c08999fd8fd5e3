"""The bytes that a form becomes: every kind of value, in every style, and what is refused."""

import email
import email.policy
import enum
import io
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl

import pydantic
import pytest
from pydantic import Field, SecretBytes, SecretStr, field_serializer

from arya_api_framework import BaseModel, Encoding, Form, FormFile
from arya_api_framework.client.form_fields import URLENCODED, form_content
from arya_api_framework.errors import ConfigurationError


class Colour(enum.Enum):
    """A choice."""

    RED = "red"


class Size(enum.IntEnum):
    """A choice of numbers."""

    SMALL = 1


class Address(BaseModel):
    """A model in another."""

    city: str
    zip_code: str | None = Field(default=None, alias="zip")


class Person(BaseModel):
    """A model with everything."""

    name: str
    born: date | None = None
    tags: list[str] = Field(default=[])
    address: Address | None = None
    homes: list[Address] = Field(default=[])
    nick: str | None = Field(default=None, serialization_alias="nickName")
    photo: Any = None


def urlencoded(data: Any) -> str:
    """Return a form that is urlencoded, as text."""
    body, media_type = form_content(data)
    assert media_type == URLENCODED
    assert isinstance(body, bytes)
    return body.decode("ascii")


def pairs(data: Any) -> list[tuple[str, str]]:
    """Return the fields of a form that is urlencoded, as the standard library reads them."""
    return parse_qsl(urlencoded(data), keep_blank_values=True, errors="strict")


def parts(data: Any, files: Any = None) -> list[tuple[Any, ...]]:
    """Return name, file name, content type and content of each part, read as a mail."""
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part["Content-Type"],
            part.get_payload(decode=True),
        )
        for part in messages(data, files)
    ]


def messages(data: Any, files: Any = None) -> list[Any]:
    """Return the parts of a form that is multipart."""
    body, media_type = form_content(data, files)
    assert not isinstance(body, bytes)
    content = b"".join(body.chunks())
    assert body.length in (None, len(content))
    head = f"Content-Type: {media_type}\r\n\r\n".encode()
    return list(email.message_from_bytes(head + content, policy=email.policy.HTTP).iter_parts())


MOMENT = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)

SCALARS: list[tuple[Any, bytes]] = [
    ("text", b"text"),
    ("Grüße &=+ \r\n", "Grüße &=+ \r\n".encode()),
    ("", b""),
    (5, b"5"),
    (-1.5, b"-1.5"),
    (True, b"true"),
    (False, b"false"),
    (Decimal("1.50"), b"1.50"),
    (MOMENT, b"2026-01-31T12:30:00+00:00"),
    (MOMENT.date(), b"2026-01-31"),
    (time(1, 2), b"01:02:00"),
    (timedelta(minutes=1), b"PT1M"),
    (Colour.RED, b"red"),
    (Size.SMALL, b"1"),
    (uuid.UUID(int=1), b"00000000-0000-0000-0000-000000000001"),
    (b"\x00\xff", b"\x00\xff"),
    (bytearray(b"\xff"), b"\xff"),
    (memoryview(b"abc")[1:], b"bc"),
    (SecretStr("secret"), b"secret"),
    (SecretBytes(b"\xfe"), b"\xfe"),
]


@pytest.mark.parametrize(("value", "content"), SCALARS, ids=[str(type(v)) for v, _ in SCALARS])
def test_a_single_value_is_the_same_in_both_forms(value: Any, content: bytes) -> None:
    """As text, or as the bytes that it is."""
    ((name, found),) = parse_qsl(
        urlencoded({"a": value}), keep_blank_values=True, encoding="latin-1"
    )
    assert (name, found.encode("latin-1")) == ("a", content)
    (message,) = messages(Form({"a": value}, multipart=True))
    assert message["Content-Type"] is None
    body, _ = form_content(Form({"a": value}, multipart=True))
    assert not isinstance(body, bytes)
    assert b'name="a"\r\n\r\n' + content + b"\r\n--" in b"".join(body.chunks())


TAGS = {"tags": ["a", None, "b c"]}
COLOUR = {"c": {"r": 100, "g": None, "b": 150}}
DEEP = {"a": {"b": {"c": 1}, "d": [1, 2], "e": [{"f": 3}]}}


def styled(values: dict[str, Any], **encoding: Any) -> Form:
    """Return a form whose only field has an encoding."""
    return Form(values, encoding=dict.fromkeys(values, Encoding(**encoding)))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (TAGS, "tags=a&tags=b+c"),
        (Form(TAGS), "tags=a&tags=b+c"),
        (Form(TAGS, lists="comma"), "tags=a%2Cb+c"),
        (Form(TAGS, lists="index"), "tags%5B0%5D=a&tags%5B1%5D=b+c"),
        (Form(TAGS, lists="brackets"), "tags%5B%5D=a&tags%5B%5D=b+c"),
        (Form({"a": [1, "b", None]}, lists="json"), "a=%5B1%2C%22b%22%2Cnull%5D"),
        (styled(TAGS, style="repeat"), "tags=a&tags=b+c"),
        (styled(TAGS, style="comma"), "tags=a%2Cb+c"),
        (styled(TAGS, style="index"), "tags%5B0%5D=a&tags%5B1%5D=b+c"),
        (styled(TAGS, style="brackets"), "tags%5B%5D=a&tags%5B%5D=b+c"),
        (styled({"a": [1]}, style="json"), "a=%5B1%5D"),
        (styled({"a": {1}}, style="json"), "a=%5B1%5D"),
        (styled({"a": 1}, style="json"), "a=1"),
        (styled({"a": "x"}, style="json"), "a=%22x%22"),
        (styled(TAGS, style="form"), "tags=a&tags=b+c"),
        (styled(TAGS, style="form", explode=True), "tags=a&tags=b+c"),
        (styled(TAGS, style="form", explode=False), "tags=a%2Cb+c"),
        (styled(TAGS, explode=False), "tags=a%2Cb+c"),
        (styled(TAGS, explode=True), "tags=a&tags=b+c"),
        (styled(TAGS, style="pipeDelimited"), "tags=a%7Cb+c"),
        (styled(TAGS, style="pipeDelimited", explode=True), "tags=a&tags=b+c"),
        (styled({"t": ["a", "b"]}, style="spaceDelimited"), "t=a+b"),
        (styled({"t": ["a", "b"]}, style="spaceDelimited", explode=False), "t=a+b"),
        (styled(TAGS, style="form", explode=False, allow_reserved=True), "tags=a,b+c"),
        (styled({"u": "a/b?c&d=e#f[g]"}, allow_reserved=True), "u=a/b?c%26d%3De%23f%5Bg%5D"),
        (Form({"u": "a/b"}), "u=a%2Fb"),
        ({"a": ()}, ""),
        (Form({"a": []}, lists="comma"), ""),
        (Form({"a": [None]}, lists="index"), ""),
        ({"a": None, "b": 1}, "b=1"),
        ({"a": ("x", "y")}, "a=x&a=y"),
        ({"a": ("x", "y", "z", "w")}, "a=x&a=y&a=z&a=w"),
        ({"a": (None, "x")}, "a=x"),
        ({"a": frozenset({"x"})}, "a=x"),
        ([("a", 1), ("b", 2), ("a", 3)], "a=1&b=2&a=3"),
        (COLOUR, "c.r=100&c.b=150"),
        (Form(COLOUR, nested="dots"), "c.r=100&c.b=150"),
        (Form(COLOUR, nested="deepObject"), "c%5Br%5D=100&c%5Bb%5D=150"),
        (Form(COLOUR, nested="json"), "c=%7B%22r%22%3A100%2C%22g%22%3Anull%2C%22b%22%3A150%7D"),
        (styled(COLOUR, style="form"), "r=100&b=150"),
        (styled(COLOUR, style="form", explode=False), "c=r%2C100%2Cb%2C150"),
        (styled(COLOUR, style="comma"), "c=r%2C100%2Cb%2C150"),
        (styled(COLOUR, style="spaceDelimited"), "c=r+100+b+150"),
        (styled(COLOUR, style="pipeDelimited"), "c=r%7C100%7Cb%7C150"),
        (styled(COLOUR, style="deepObject"), "c%5Br%5D=100&c%5Bb%5D=150"),
        (styled(COLOUR, style="deepObject", explode=True), "c%5Br%5D=100&c%5Bb%5D=150"),
        (styled({"c": {"d": 1}}, style="json"), "c=%7B%22d%22%3A1%7D"),
        (styled({"c": {"d": 1}}, content_type="application/json"), "c=%7B%22d%22%3A1%7D"),
        (styled({"c": {"d": None}}, style="form", explode=False), ""),
        (styled({"c": {"d": {"e": 1}}}, style="form"), "d.e=1"),
        (styled({"c": "x"}, content_type="text/csv"), "c=x"),
        (styled({"c": b"[1]"}, content_type="application/json"), "c=%5B1%5D"),
        (styled({"c": ["x", 1]}, content_type="application/json"), "c=%22x%22&c=1"),
    ],
)
def test_styles_in_a_form_that_is_urlencoded(form: Any, text: str) -> None:
    """Each style of lists and objects, for all fields or for one."""
    assert urlencoded(form) == text


@pytest.mark.parametrize(
    ("form", "found"),
    [
        (
            Form(DEEP, lists="index"),
            [("a.b.c", "1"), ("a.d[0]", "1"), ("a.d[1]", "2"), ("a.e[0].f", "3")],
        ),
        (
            Form(DEEP, lists="index", nested="deepObject"),
            [("a[b][c]", "1"), ("a[d][0]", "1"), ("a[d][1]", "2"), ("a[e][0][f]", "3")],
        ),
        (
            Form(DEEP, lists="brackets", nested="deepObject"),
            [("a[b][c]", "1"), ("a[d][]", "1"), ("a[d][]", "2"), ("a[e][][f]", "3")],
        ),
        (
            Form({"m": [[1, 2], [3]]}, lists="index"),
            [("m[0][0]", "1"), ("m[0][1]", "2"), ("m[1][0]", "3")],
        ),
    ],
)
def test_what_is_nested_has_a_name_for_each_step(form: Form, found: Any) -> None:
    """Lists in objects and objects in lists keep their place."""
    assert pairs(form) == found


def test_a_model_is_a_form() -> None:
    """Aliases are used, unset fields and `None` left out, nested models flat."""
    person = Person(
        name="Ann",
        born=date(2000, 1, 2),
        tags=["x", "y"],
        address=Address(city="Oslo", zip="0150"),
        nick=None,
    )
    found = [
        ("name", "Ann"),
        ("born", "2000-01-02"),
        ("tags", "x"),
        ("tags", "y"),
        ("address.city", "Oslo"),
        ("address.zip", "0150"),
    ]
    assert pairs(person) == pairs(Form(person)) == found
    assert pairs(Person(name="Ann", nick="A")) == [("name", "Ann"), ("nickName", "A")]


def test_what_is_nested_is_a_part_of_json() -> None:
    """Models, mappings and lists of them, beside plain fields without a type."""
    person = Person(name="Ann", tags=["x", "y"], address=Address(city="Oslo", zip=None))
    person.homes = [Address(city="Rome"), Address(city="Bern")]
    assert parts(Form(person, multipart=True)) == [
        ("name", None, None, b"Ann"),
        ("tags", None, None, b"x"),
        ("tags", None, None, b"y"),
        ("address", None, "application/json", b'{"city":"Oslo","zip":null}'),
        ("homes", None, "application/json", b'{"city":"Rome"}'),
        ("homes", None, "application/json", b'{"city":"Bern"}'),
    ]
    mixed = {"m": {"a": MOMENT, "s": SecretStr("s")}, "l": [[1, 2], {"b": None}, 5]}
    assert parts(Form(mixed, multipart=True)) == [
        ("m", None, "application/json", b'{"a":"2026-01-31T12:30:00Z","s":"s"}'),
        ("l", None, "application/json", b"[1,2]"),
        ("l", None, "application/json", b'{"b":null}'),
        ("l", None, None, b"5"),
    ]


class Reading(BaseModel):
    """A model that is written in JSON in another way than it is dumped."""

    at: datetime

    @field_serializer("at", when_used="json")
    def _seconds(self, at: datetime) -> int:
        return int(at.timestamp())


class Readings(BaseModel):
    """Models of that kind, in all places."""

    one: Reading
    many: list[Reading]
    named: dict[str, Reading]
    masked: Reading

    @field_serializer("masked")
    def _mask(self, value: Reading) -> dict[str, str]:
        return {"at": "masked"}


def test_models_inside_are_written_by_their_own_rules() -> None:
    """As if each were the body, unless a serializer of the outer model says otherwise."""
    reading = Reading(at=MOMENT)
    readings = Readings(one=reading, many=[reading], named={"a": reading}, masked=reading)
    seconds = int(MOMENT.timestamp())
    assert [content for *_, content in parts(Form(readings, multipart=True))] == [
        b'{"at":%d}' % seconds,
        b'{"at":%d}' % seconds,
        b'{"a":{"at":%d}}' % seconds,
        b'{"at":"masked"}',
    ]


def test_parts_have_their_own_types_and_headers() -> None:
    """By the name of the field, for plain values, JSON and files."""
    form = Form(
        {
            "csv": "a,b",
            "latin": "ü",
            "meta": {"a": 1},
            "tags": ["x", "y"],
            "photo": ("p.gif", b"gif"),
            "any": ("p.gif", b"gif"),
            "own": ("p.gif", b"gif", "image/x-mine", {"X-A": "mine"}),
            "star": "text",
        },
        encoding={
            "csv": Encoding(content_type="text/csv", headers={"X-A": "1"}),
            "latin": Encoding(content_type="text/plain; charset=latin-1"),
            "meta": Encoding(content_type="application/vnd.x+json"),
            "tags": Encoding(content_type="application/json"),
            "photo": Encoding(content_type="image/png, image/gif", headers={"X-A": "2"}),
            "any": Encoding(content_type="text/*"),
            "own": Encoding(content_type="image/png", headers={"x-a": "theirs", "X-B": "3"}),
            "star": Encoding(content_type="text/*"),
        },
    )
    found = messages(form)
    assert [(m["Content-Type"], m["X-A"], m["X-B"]) for m in found] == [
        ("text/csv", "1", None),
        ('text/plain; charset="latin-1"', None, None),
        ("application/vnd.x+json", None, None),
        ("application/json", None, None),
        ("application/json", None, None),
        ("image/gif", "2", None),
        ("application/octet-stream", None, None),
        ("image/x-mine", "mine", "3"),
        (None, None, None),
    ]
    assert [m.get_all("X-A") for m in found if m["X-A"]] == [["1"], ["2"], ["mine"]]
    contents = [m.get_payload(decode=True) for m in found]
    assert contents[1:5] == [b"\xfc", b'{"a":1}', b'"x"', b'"y"']


def test_styles_in_a_form_that_is_multipart() -> None:
    """The names and the texts are those of any other form."""
    for form in (
        Form(TAGS, lists="index", multipart=True),
        Form(COLOUR, nested="deepObject", multipart=True),
        Form(COLOUR, nested="dots", multipart=True),
        Form(TAGS, encoding={"tags": Encoding(explode=False)}, multipart=True),
    ):
        plain = Form(form.values, form.encoding, form.lists, form.nested)
        assert [(name, content.decode()) for name, _, _, content in parts(form)] == pairs(plain)
    as_json = Form({"a": [1, {"b": 2}], "c": "x"}, lists="json", multipart=True)
    assert parts(as_json) == [
        ("a", None, "application/json", b'[1,{"b":2}]'),
        ("c", None, None, b"x"),
    ]


class Upload(BaseModel):
    """A model that describes its form by itself."""

    title: Annotated[str, Field(min_length=1), "a note"]
    tags: Annotated[list[str], Encoding(style="comma")] = Field(default=[])
    size: Annotated[dict[str, int] | None, Encoding(style="deepObject")] = None
    note: Annotated[str, Encoding(content_type="text/markdown")] | None = None
    report: FormFile | None = None
    photos: list[FormFile] = Field(default=[], alias="photo")


def test_a_model_describes_its_form() -> None:
    """Annotations say how fields are written, and which are files whatever they hold."""
    plain = Form(Upload(title="t", tags=["a", "b"], size={"w": 1}), multipart=False)
    assert pairs(plain) == [("title", "t"), ("tags", "a,b"), ("size[w]", "1")]
    upload = Upload(
        title="t", tags=["a", "b"], note="*x*", report=b"\xff", photo=["text", ("p.png", b"png")]
    )
    assert parts(upload) == [
        ("title", None, None, b"t"),
        ("tags", None, None, b"a,b"),
        ("note", None, "text/markdown", b"*x*"),
        ("report", "report", "application/octet-stream", b"\xff"),
        ("photo", "photo", "application/octet-stream", b"text"),
        ("photo", "p.png", "application/octet-stream", b"png"),
    ]
    # It is multipart without a file too, as its server expects.
    assert parts(Upload(title="t", report=None)) == [("title", None, None, b"t")]
    over = Form(upload, encoding={"tags": Encoding(style="repeat"), "photo": Encoding()})
    assert parts(over)[1:3] == [("tags", None, None, b"a"), ("tags", None, None, b"b")]
    with pytest.raises(ConfigurationError, match="leave out multipart=False"):
        form_content(Form(Upload(title="t", report="x"), multipart=False))


def test_files_stand_in_any_field(tmp_path: Path) -> None:
    """Open files, paths, iterators and tuples, alone, in lists and within objects."""
    path = tmp_path / "p.txt"
    path.write_bytes(b"path")

    class Holder(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        raw: io.BytesIO
        path: Path
        lazy: Any
        named: tuple[str, Any, str]
        many: list[Any]
        text: Path
        inner: dict[str, Any]

        @field_serializer("text")
        def _text(self, text: Path) -> str:
            return text.name

    holder = Holder(
        raw=io.BytesIO(b"1\n2"),
        path=path,
        lazy=iter([b"la", b"zy"]),
        named=("n.gif", io.BytesIO(b"3\n4"), "image/gif"),
        many=[io.BytesIO(b"5"), path, ("x", b"6")],
        text=path,
        inner={"f": io.BytesIO(b"7\n8"), "g": 1},
    )
    octets = "application/octet-stream"
    assert parts(Form(holder, nested="deepObject")) == [
        ("raw", "raw", octets, b"1\n2"),
        ("path", "p.txt", octets, b"path"),
        ("lazy", "lazy", octets, b"lazy"),
        ("named", "n.gif", "image/gif", b"3\n4"),
        ("many", "many", octets, b"5"),
        ("many", "p.txt", octets, b"path"),
        ("many", "x", octets, b"6"),
        ("text", None, None, b"p.txt"),
        ("inner[f]", "inner[f]", octets, b"7\n8"),
        ("inner[g]", None, None, b"1"),
    ]


def test_several_files_under_one_name() -> None:
    """A list of files repeats the name, or numbers it."""
    files = [("a.txt", b"1"), None, ("b.txt", b"2")]
    two = [("a.txt", b"1"), ("b.txt", b"2")]
    for data, given in (({"f": two}, None), (None, {"f": files}), ({}, [("f", f) for f in two])):
        assert [(n, f, c) for n, f, _, c in parts(data, given)] == [
            ("f", "a.txt", b"1"),
            ("f", "b.txt", b"2"),
        ]
    for form, names in (
        (Form({"f": two}, lists="index"), ["f[0]", "f[1]"]),
        (Form({"f": two}, lists="brackets"), ["f[]", "f[]"]),
        (Form({"f": two}, lists="comma"), ["f", "f"]),
        (Form({"f": two}, lists="json"), ["f", "f"]),
        (styled({"f": two}, style="index"), ["f[0]", "f[1]"]),
        (styled({"f": two}, style="form", explode=True), ["f", "f"]),
        (styled({"f": two}, content_type="application/json"), ["f", "f"]),
    ):
        assert [name for name, *_ in parts(form)] == names
    assert [
        n for n, *_ in parts(Form({}, encoding={"f": Encoding(style="index")}), {"f": two})
    ] == [
        "f[0]",
        "f[1]",
    ]
    assert [c for *_, c in parts({"f": (io.BytesIO(b"1"), io.BytesIO(b"2"))})] == [b"1", b"2"]
    assert [c for *_, c in parts({"f": {io.BytesIO(b"1")}})] == [b"1"]
    assert [c for *_, c in parts(Form({"f": ["x", ("a", b"1")]}))] == [b"x", b"1"]
    assert parts(None, {"f": []}) == []


@pytest.mark.parametrize("where", ["data", "files"])
def test_a_part_may_have_a_type_and_no_file_name(where: str) -> None:
    """`None` as the name makes a plain field; models and mappings are JSON there."""
    values = [
        ("a", (None, "text", "text/markdown")),
        ("b", (None, Address(city="Oslo"), "application/json", {"X-A": "1"})),
        ("c", (None, {"a": 1}, "application/vnd.x+json")),
        ("d", (None, b"raw")),
        ("e", (None, "text", None, {"Content-Type": "text/css"})),
        ("f", ("m.json", {"a": 1}, "application/json", {})),
    ]
    assert parts(*((values, None) if where == "data" else (None, values))) == [
        ("a", None, "text/markdown", b"text"),
        ("b", None, "application/json", b'{"city":"Oslo"}'),
        ("c", None, "application/vnd.x+json", b'{"a":1}'),
        ("d", None, None, b"raw"),
        ("e", None, "text/css", b"text"),
        ("f", "m.json", "application/json", b'{"a":1}'),
    ]


def closed() -> io.BytesIO:
    """Return a file that is closed."""
    file = io.BytesIO()
    file.close()
    return file


async def later() -> AsyncIterator[bytes]:
    """Give bytes, asynchronously."""
    yield b""


LOOP: dict[str, Any] = {}
LOOP["a"] = LOOP
ONCE: Iterator[bytes] = iter([b"x"])


@pytest.mark.parametrize(
    ("data", "files", "problem"),
    [
        (Form({"tags": 1}, {"tag": Encoding()}), None, "'tag'.*no field.*did you mean 'tags'"),
        (Form(Person(name="x"), {"nick": Encoding()}), None, "'nick'.*sent as 'nickName'"),
        (Form({}, {"x": Encoding()}), {"f": b"x"}, "'x', which is no field"),
        (styled({"a": 1}, style="deepObject"), None, "is for objects, and field 'a' is a single"),
        (styled({"a": [1]}, style="deepObject"), None, "is for objects, and field 'a' is a list"),
        (styled({"a": 1}, style="index"), None, "is for lists, and field 'a' is a single value"),
        (styled({"a": {}}, style="brackets"), None, "is for lists, and field 'a' is an object"),
        (styled({"a": {}}, style="repeat"), None, "is for lists, and field 'a' is an object"),
        (styled({"a": 1}, style="pipeDelimited"), None, "is for lists and objects"),
        (styled({"a": {}}, style="spaceDelimited", explode=True), None, "where it is exploded"),
        (styled({"a": ["x,y"]}, style="comma"), None, "an item of field 'a' holds ','"),
        (styled({"a": ["x y"]}, style="spaceDelimited"), None, "holds ' '"),
        (styled({"a": {"k|": 1}}, style="pipeDelimited"), None, r"holds '\|'"),
        (styled({"a": [[1]]}, style="comma"), None, "an item of field 'a' is a list"),
        (styled({"a": [b"\xff"]}, style="comma"), None, "no UTF-8"),
        (styled({"a": "x"}, headers={"X-A": "1"}), None, "multipart=True"),
        (styled({"a": (None, {"b": 1})}, style="comma"), None, "is a dict"),
        (
            styled({"a": io.BytesIO()}, style="comma"),
            None,
            "'comma' does not fit field 'a'.*a file",
        ),
        (styled({"a": [io.BytesIO()]}, style="comma"), None, "'comma' does not fit"),
        (styled({"a": io.BytesIO()}, style="index"), None, "'index' does not fit"),
        (styled({"a": io.BytesIO()}, explode=False), None, "explode=False does not fit"),
        (styled({"a": [io.BytesIO()]}, explode=False), None, "explode=False does not fit"),
        (styled({"a": ["x", io.BytesIO()]}, style="comma"), None, "cannot be joined"),
        (Form({"a": io.BytesIO()}, multipart=False), None, "leave out multipart=False"),
        (Form({}, multipart=False), {"f": b"x"}, "leave out multipart=False"),
        ({"a": [{"b": 1}]}, None, "list of objects.*lists='index'"),
        ({"a": [[1]]}, None, "list of lists.*lists='index'"),
        (
            Form({"a": {"b": 1}}, {"a": Encoding(content_type="application/xml")}, multipart=True),
            None,
            "holds an object, which is made JSON, but its type is 'application/xml'",
        ),
        (
            Form({"a": [{}]}, {"a": Encoding(content_type="text/csv")}, multipart=True),
            None,
            "holds an object",
        ),
        ({"a": {"b": io.BytesIO()}}, None, "'a' holds a file in an object.*deepObject"),
        (
            styled({"a": "€"}, content_type="text/plain; charset=latin-1"),
            {"f": b""},
            "'a' holds a character that latin-1 has not",
        ),
        ({"a": (1, io.BytesIO())}, None, "got a tuple of 2"),
        ({"a": object()}, None, "field 'a' is a object"),
        ({"a": float("nan")}, None, "'a' is nan"),
        (Form({"a": {"b": object()}}, multipart=True), None, "field 'a'.*does not serialise"),
        (Form({"a": {"b": float("inf")}}, multipart=True), None, "field 'a'.*does not serialise"),
        ({"a": "\ud800"}, None, "no valid text"),
        (Form({"a": "\ud800"}, multipart=True), None, "'a' is no valid text"),
        (LOOP, None, "nested too deeply, or holds itself"),
        ({"a": closed()}, None, "file 'a' is closed"),
        ({"a": io.StringIO()}, None, "file 'a' is open as text"),
        ({"a": Path("/")}, None, "no regular file"),
        ({"a": Path("/nowhere/at/all")}, None, "cannot be read: FileNotFoundError"),
        (None, {"f": {"a": 1}}, "file 'f' must be bytes.*got dict"),
        (None, {"f": ("n", {"a": 1}, "text/css")}, "got dict"),
        (None, {"f": ("n", {"a": object()}, "application/json")}, "file 'f'.*does not serialise"),
        (None, {"f": None}, "file 'f' must be bytes"),
        (None, {"f": ()}, "tuple of 0"),
        (None, {"f": ("n", b"", "a/b", {"Content-type": "c/d"})}, "two content types"),
        (None, Form({}), "`files` must be a mapping"),
        ({"a": ONCE, "b": ("n", ONCE)}, None, "'a' and 'b' are one file that can be read once"),
        (None, {"f": [ONCE, ONCE]}, "'f' and 'f' are one file that can be read once"),
    ],
)
def test_what_cannot_be_sent_is_refused(data: Any, files: Any, problem: str) -> None:
    """The error names the field, what is wrong with it, and what to do."""
    with pytest.raises(ConfigurationError, match=problem):
        form_content(data, files)


def test_a_file_that_can_be_read_again_may_be_sent_twice() -> None:
    """Each part starts where the file stood."""
    file = io.BytesIO(b"abc")
    file.seek(1)
    assert [content for *_, content in parts({"a": file, "b": file})] == [b"bc", b"bc"]


def test_an_asynchronous_file_makes_the_form_asynchronous() -> None:
    """Only an AsyncClient can read it, which is told before anything is sent."""
    body, _ = form_content({"a": later(), "b": "x"})
    assert not isinstance(body, bytes)
    assert body.is_async
    assert not body.replayable
    assert body.length is None
