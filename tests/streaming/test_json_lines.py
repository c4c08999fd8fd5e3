"""JSON lines and JSON text sequences, from pieces of any size."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arya_api_framework import Response
from arya_api_framework.errors import ResponseParseError, ResponseTooLarge, ResponseValidationError
from arya_api_framework.streaming.json_items import JsonItems
from arya_api_framework.streaming.json_lines import JsonLines, JsonSequence, is_sequence
from tests.streaming.pieces import cut, decode, outcome, outcomes, response_info
from tests.streaming.test_json_items import SIZES, VALUES


class User(Response):
    """What a line becomes."""

    id: int


@given(st.lists(VALUES, max_size=6), st.sampled_from(["\n", "\r\n", " \n\n"]), st.booleans(), SIZES)
def test_lines_are_what_was_written(items: list[Any], end: str, last: bool, size: int) -> None:
    """Each line is what `json` makes of it; the last one needs no end."""
    body = end.join(map(json.dumps, items)) + (end if last else "")
    assert decode(JsonLines[Any](), cut(body.encode(), size)) == items


@given(st.lists(VALUES, max_size=6), st.booleans(), SIZES)
def test_sequence_is_what_was_written(items: list[Any], indent: bool, size: int) -> None:
    """Each text of a sequence is what `json` makes of it, however many lines it has."""
    texts = (json.dumps(item, indent=1 if indent else None) for item in items)
    body = "".join(f"\x1e{text}\n" for text in texts).encode()
    assert decode(JsonSequence[Any](), cut(body, size)) == items


@pytest.mark.parametrize(
    ("body", "items", "text"),
    [
        (b"", [], ""),
        (b"\n \r\n\t\n", [], ""),
        (b'\xef\xbb\xbf{"a":1}\n', [{"a": 1}], ""),
        (b"1\r\n\r\n2", [1, 2], ""),
        (b"1\n[", [1], "the body ends in the middle of item 1 (line 2)"),
        (b"\xef\xbb", [], "the body ends in the middle of item 0 (line 1)"),
        (b"1\n\n1,2\n3\n", [1], "item 1 (line 3) should be Any, but is no valid JSON"),
        (b"[1\n2]\n", [], "item 0 (line 1) should be Any, but is no valid JSON"),
        (b'"\xff"\n', [], "item 0 (line 1) should be Any, but is no valid JSON"),
        (b"1\r2\n", [], "item 0 (line 1) should be Any, but is no valid JSON"),
        (b"\x1e{}\n", [], "item 0 (line 1) should be Any, but is no valid JSON"),
    ],
)
def test_lines(body: bytes, items: list[Any], text: str) -> None:
    """Blank lines are nothing, and what is no JSON is an error that names its line."""
    assert outcomes(JsonLines[Any], body) == (items, text and "ResponseParseError", text)


@pytest.mark.parametrize(
    ("body", "items", "text"),
    [
        (b"", [], ""),
        (b"\n", [], ""),
        (b"\xef\xbb\xbf\x1e1\n", [1], ""),
        (b"\x1e\x1e \x1e1\n\x1e", [1], ""),
        (b'\x1e"a"\x1e[1]\x1e{}\x1etrue ', ["a", [1], {}, True], ""),
        (b"\x1e1", [], "the body ends in the middle of item 0"),
        (b'\x1e1\n\x1e{"a":', [1], "the body ends in the middle of item 1"),
        (b"\xef", [], "the body ends in the middle of item 0"),
        (b"\x1e12\x1e3\n", [], "item 0 is cut (RFC 7464)"),
        (b"\x1e{\x1e{}\n", [], "item 0 is cut (RFC 7464)"),
        (b'\x1e"a\\\x1e{}\n', [], "item 0 is cut (RFC 7464)"),
        (b"{}\n", [], "item 0 has no record separator before it (RFC 7464)"),
        (b"\x1e{}\n{}\n", [{}], "item 1 has no record separator before it (RFC 7464)"),
        (b"\x1enul\n", [], "item 0 should be Any, but is no valid JSON"),
    ],
)
def test_sequence(body: bytes, items: list[Any], text: str) -> None:
    """Empty texts are nothing, and a text that is cut is an error."""
    assert outcomes(JsonSequence[Any], body) == (items, text and "ResponseParseError", text)


def test_items_come_when_they_are_whole() -> None:
    """A line comes with its end; a text of a sequence with its last bracket or quote."""
    lines = JsonLines[Any]()
    assert [lines.feed(piece) for piece in (b'{"a"', b":1}", b"\n")] == [[], [], [{"a": 1}]]
    texts = JsonSequence[Any]()
    found = [texts.feed(piece) for piece in (b'\x1e{"a"', b":1", b"}", b"\n\x1e1", b"\n")]
    assert found == [[], [], [{"a": 1}], [], [1]]


LINES = b'{"id":1}\n{"id":"x"}\n\n{"id":3}\n{"id"\n{"id":5}\n'
TEXTS = b'{"id":0}\n\x1e{"id":1}\n\x1e{"id":"x"}\n\x1e7\x1e{"id"\n\x1e{"id":5}\n 1 1\n\x1e{"id":6}'


def test_item_that_does_not_fit() -> None:
    """It is an error that names its place, after those before it."""
    decoder = JsonLines(User, info=response_info())
    assert decoder.feed(LINES) == [User(id=1)]
    with pytest.raises(ResponseValidationError) as caught:
        decoder.check()
    assert str(caught.value).startswith(
        "GET https://api.test/users?token=***: item 1 (line 2) does not fit User: id: "
    )
    assert caught.value.errors()[0]["loc"] == (1, "id")
    assert outcomes(partial(JsonLines[User], User), LINES).found == [User(id=1)]
    # Whole, though nothing ends it.
    error = outcomes(partial(JsonLines[User], User), b'{"id":"x"}').error
    assert error == "ResponseValidationError"
    text = outcomes(partial(JsonSequence[User], User), TEXTS[9:]).text
    assert text.startswith("item 1 does not fit User: id: ")


def test_blank_lines_are_not_parsed() -> None:
    """A server that sends nothing else would have an error made for each."""
    parsed = 0

    def count(frame: object, event: str, function: Any) -> None:
        nonlocal parsed
        parsed += event == "c_call" and function.__name__ == "validate_json"

    decoder = JsonLines(dict[str, int])
    sys.setprofile(count)
    try:
        found = decoder.feed(b"\n \r\n\t\n" * 1000 + b'{"id":1}\n\n{"id":2}\n\x0b\n')
    finally:
        sys.setprofile(None)
    assert found == [{"id": 1}, {"id": 2}]
    assert parsed == 4
    with pytest.raises(ResponseParseError, match=r"item 2 \(line 3004\) should be dict"):
        decoder.check()


def test_an_item_with_many_errors() -> None:
    """The first are told, and how many there are."""
    line = b"{" + b",".join(b'"%d": "x"' % number for number in range(5000)) + b"}\n"
    decoder = JsonLines(dict[str, int])
    assert decoder.feed(b"{}\n" + line) == [{}]
    with pytest.raises(ResponseValidationError, match="; and 4997 more") as caught:
        decoder.check()
    assert len(caught.value.errors()) == 1000
    assert caught.value.errors()[0]["loc"] == (1, "*")
    # Also where nothing ends it, or it is an element of an array.
    assert (
        outcomes(partial(JsonLines, dict[str, int]), line[:-1]).error == "ResponseValidationError"
    )
    texts = partial(JsonItems, dict[str, int])
    assert outcomes(texts, b"[%b]" % line).error == "ResponseValidationError"


def test_skipping() -> None:
    """What does not fit, or is no JSON, is left out and counted, by choice."""
    for size in (1, 5, 1000):
        lines = JsonLines(User, on_invalid="skip", info=response_info())
        found = decode(lines, cut(LINES, size))
        assert [user.id for user in found] == [1, 3, 5]
        assert all(user.model_response.status == 200 for user in found)
        assert (lines.skipped, lines.count) == (2, 5)
        texts = JsonSequence(User, on_invalid="skip", info=response_info())
        found = decode(texts, cut(TEXTS, size))
        assert [user.id for user in found] == [1, 5, 6]
        assert all(user.model_response.status == 200 for user in found)
        assert (texts.skipped, texts.count) == (5, 8)
    # What is cut takes nothing of the one after it with it.
    cut_texts = b'\x1e[1,\x1e[2]\n\x1e"a\x1e"b"\n\x1e7\x1e8\n'
    for size in (1, 2, 1000):
        sequence = JsonSequence[Any](on_invalid="skip")
        assert decode(sequence, cut(cut_texts, size)) == [[2], "b", 8]
        assert (sequence.skipped, sequence.count) == (3, 6)
    # The last one may be cut: nobody knows whether it would have fitted.
    assert outcome(JsonLines(on_invalid="skip"), [b"1\n["]).error == "ResponseParseError"
    assert outcome(JsonSequence(on_invalid="skip"), [b"\x1e1"]).error == "ResponseParseError"


def test_item_too_large() -> None:
    """An item over the limit is an error after those before it."""
    found, error, text = outcomes(partial(JsonLines[Any], max_item_size=4), b"1234\n 1\n12345\n")
    assert (found, error) == ([1234, 1], "ResponseTooLarge")
    assert text.startswith("line 3 is larger than 4 bytes; if that is right, give `max_item_size`")
    sizes = partial(JsonSequence[Any], max_item_size=4)
    found, error, text = outcomes(sizes, b"\x1e[12]\n     \x1e[123]\n")
    assert (found, error) == ([[12]], "ResponseTooLarge")
    assert text.startswith("item 1 is larger than 4")
    with pytest.raises(ResponseTooLarge):
        JsonSequence(max_item_size=4).feed(b'\x1e"....')


@pytest.mark.parametrize(
    ("make", "start", "end"), [(JsonLines, b'"', b'"\n'), (JsonSequence, b'\x1e"', b'"')]
)
def test_large_item_in_small_pieces(make: Any, start: bytes, end: bytes) -> None:
    """An item costs what it is long, not the square of it: that would not end in a day."""
    decoder = make(str, max_item_size=10**8)
    decoder.feed(start)
    for _ in range(50_000):
        decoder.feed(b"x" * 512)
    (text,) = decoder.feed(end)
    assert len(text) == 25_600_000


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8"])
def test_charset(encoding: str) -> None:
    """JSON that is no UTF-8 is read in the declared charset."""
    for size in (1, 2, 1000):
        lines = JsonLines(str, charset=encoding)
        assert decode(lines, cut('"é"\n"ä"'.encode(encoding), size)) == ["é", "ä"]
        texts = JsonSequence(str, charset=encoding)
        assert decode(texts, cut('\x1e"é"\n\x1e"ä"'.encode(encoding), size)) == ["é", "ä"]


def test_type_without_hash() -> None:
    """A type that cannot be kept is compiled anew."""
    target: Any = Annotated[int, {"no": "hash"}]
    assert decode(JsonLines(target), [b"1"]) == [1]


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json-seq", True),
        ("Application/GEO+JSON-seq; charset=utf-8", True),
        ("application/x-ndjson", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_is_sequence(content_type: str, expected: bool) -> None:
    """The media type tells sequences from lines."""
    assert is_sequence(content_type) is expected
