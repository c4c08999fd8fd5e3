"""Server-Sent Events, from pieces of any size, as the standard and browsers have it."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator

from arya_api_framework import BaseModel, Response
from arya_api_framework.errors import ConfigurationError, ResponseTooLarge, ResponseValidationError
from arya_api_framework.streaming.events import EventDecoder, ServerSentEvent
from tests.streaming.pieces import cut, decode, outcome, outcomes, response_info
from tests.streaming.test_json_items import SIZES

Event = ServerSentEvent[Any]


class Token(Response):
    """What the data of an event becomes."""

    text: str


class Usage(BaseModel):
    """What that of another becomes."""

    tokens: int


def message(data: object, id: str = "", retry: float | None = None) -> Event:
    """Return an event that the server gave no name."""
    return ServerSentEvent("message", data, id, retry)


@pytest.mark.parametrize(
    ("body", "events"),
    [
        # The examples of HTML 9.2.6.
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [message("YHOO\n+2\n10")]),
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third",
            [message("first event", "1"), message("second event")],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [message(""), message("\n")]),
        (b"data:test\n\ndata: test\n\n", [message("test"), message("test")]),
        # The tests of web-platform-tests that are about the format.
        (b"\xef\xbb\xbfdata:1\n\n\xef\xbb\xbfdata:2\n\ndata:3\n\n", [message("1"), message("3")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata:1\n\ndata:2\n\n", [message("2")]),
        (
            b"data:1\r:\0\n:\r\ndata:2\n:" + b"x" * 2048 + b"\rdata:3\n:data:fail\r:x\ndata:4\n\n",
            [message("1\n2\n3\n4")],
        ),
        (b"retry:1000\ndata:test1\n\nid:test\ndata:test2", [message("test1", retry=1.0)]),
        (b"data:\n\ndata\ndata\n\ndata:test\n\n", [message(""), message("\n"), message("test")]),
        (b"event: \ndata:data\n\n", [message("data")]),
        (b"event:test\ndata:x\n\ndata:x\n\n", [ServerSentEvent("test", "x"), message("x")]),
        (b"id:1\ndata:1\n\ndata:2\n\n", [message("1", "1"), message("2", "1")]),
        (b"id:1\ndata:1\n\nid:\ndata:2\n\n", [message("1", "1"), message("2")]),
        (b"id:\0\0\ndata:hello\n\n", [message("hello")]),
        (b"id:1\ndata:1\n\nid:2\0\ndata:2\n\n", [message("1", "1"), message("2", "1")]),
        (
            b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata:\r\n data:3\n\n",
            [message("\0\n 2\n1\n")],
        ),
        (b"retry:3000\ndata:x\n\n", [message("x", retry=3.0)]),
        (b"retry:2000\nretry:1000x\ndata:x\n\n", [message("x", retry=2.0)]),
        (b"retry\ndata:test\n\n", [message("test")]),
        (
            b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacomment\n\n",
            [message("test\n")],
        ),
        (b"data:\ttest\rdata: \ndata:test\n\n", [message("\ttest\n\ntest")]),
        (b"data:test\r\ndata\ndata:test\r\n\r", [message("test\n\ntest")]),
        (b"data:\0\n\n\n\n", [message("\0")]),
        ("data:ok…\n\n".encode(), [message("ok…")]),
        # And what they leave out.
        (b"", []),
        (b"\n\r\n\r", []),
        (b"event: ping\nid: 7\n\ndata: x\n\n", [message("x", "7")]),
        (b"data: x\r\rdata: y\r\n\r\n", [message("x"), message("y")]),
        (b"data: x\n", []),
        (b"data: x\n\ndata: y\n", [message("x")]),
        ("data: a\u2028b\x85c\x0bd\n\n".encode(), [message("a\u2028b\x85c\x0bd")]),
        (b"data: \xff\xc3\n\n", [message("\ufffd\ufffd")]),
        (b"retry: 5\ndata: x\n\n", [message("x", retry=0.005)]),
        (b"retry: -5\nretry: 1.5\nretry: 1_0\nretry:  5\ndata: x\n\n", [message("x")]),
        ("retry: ٣\ndata: x\n\n".encode(), [message("x")]),
        (b"retry: " + b"9" * 5000 + b"\ndata: x\n\n", [message("x")]),
        (b"retry: 10\n\ndata: x\n\n", [message("x")]),
    ],
)
def test_events(body: bytes, events: list[Event]) -> None:
    """Events are what the standard says, at any cut."""
    assert outcomes(EventDecoder[str], body, (1, 2, 3, 7)) == (events, "", "")


LINES = st.sampled_from(
    ["data: a", "data:b", "data", "event: e", "id: 1", "id", ":c", "", "x", "é"]
)


@given(st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r", "\r\n"])), max_size=12), SIZES)
def test_events_line_by_line(lines: list[tuple[str, str]], size: int) -> None:
    """Events are what a plain reading of the standard makes of the lines."""
    expected: list[Event] = []
    fields: dict[str, str] = {}
    data: list[str] = []
    name, last_id = "", ""
    body = "".join(line + end for line, end in lines)
    for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]:
        if not line:
            last_id = fields.get("id", last_id)
            if data:
                expected.append(ServerSentEvent(name or "message", "\n".join(data), last_id))
            data, name = [], ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
        fields[field] = value
    decoder = EventDecoder[str]()
    assert decode(decoder, cut(body.encode(), size)) == expected
    assert decoder.last_event_id == last_id


def test_event_comes_with_its_blank_line() -> None:
    """An event does not wait for what follows."""
    decoder = EventDecoder[str]()
    assert decoder.feed(b"data: x\r") == []
    assert decoder.feed(b"\r") == [message("x")]
    assert decoder.feed(b"\ndata: y\n\n") == [message("y")]


def test_where_to_go_on() -> None:
    """The last ID and the time to wait are known, also from before; what is cut does not count."""
    decoder = EventDecoder[str](last_event_id="6")
    assert decoder.feed(b"data: a\n\n") == [message("a", "6")]
    assert (decoder.last_event_id, decoder.retry) == ("6", None)
    decoder.feed(b"id: 7\n\nretry: 250\nid: 8\ndata: b\n")
    assert (decoder.last_event_id, decoder.retry) == ("7", 0.25)
    assert decoder.finish() == []
    assert decoder.last_event_id == "7"


STREAM = b"""\
event: token
data: {"text": "Hel"}

event: token
data: {"text":
data:  "lo"}

event: ping
data: now

event: usage
data: {"tokens": 2}

data: [DONE]

data: what?

"""


def test_typed_by_name() -> None:
    """A mapping tells types by names of events; others are left out."""
    types: dict[str, Any] = {"token": Token, "usage": Usage, "ping": str}
    events = outcomes(partial(EventDecoder[Any], types), STREAM).found
    expected = [Token(text="Hel"), Token(text="lo"), "now", Usage(tokens=2)]
    assert [event.data for event in events] == expected  # type: ignore[attr-defined]
    decoder = EventDecoder[Any]({"usage": Usage})
    assert decode(decoder, [STREAM]) == [ServerSentEvent("usage", Usage(tokens=2))]
    assert (decoder.count, decoder.skipped) == (1, 0)
    others: dict[str, Any] = {"token": Token, "*": str}
    events = outcomes(partial(EventDecoder[Any], others, until="[DONE]"), STREAM).found
    found = [(event.event, event.data) for event in events]  # type: ignore[attr-defined]
    assert found[2:] == [("ping", "now"), ("usage", '{"tokens": 2}')]


def test_end_of_the_stream() -> None:
    """Data that says so ends the stream, whatever follows."""
    for size in (1, 10, 1000):
        decoder = EventDecoder[str](until="[DONE]")
        found = [event for piece in cut(STREAM, size) for event in decoder.feed(piece)]
        assert [event.data for event in found][-1] == '{"tokens": 2}'
        assert decoder.over
        assert decoder.feed(b"data: more\n\n") == []
        assert decoder.finish() == []
    assert not EventDecoder[str](until="x").over


BROKEN = b"""\
data: {"text": "a"}

event: token
data: {"text": 7}

event: other
data: hush

data: {"text": "b"}

"""


def test_data_that_does_not_fit() -> None:
    """It is an error that names its place, after the events before it, and shows no value."""
    decoder = EventDecoder(Token, info=response_info())
    (first,) = decoder.feed(BROKEN)
    assert first == message(Token(text="a"))
    with pytest.raises(ResponseValidationError) as caught:
        decoder.check()
    assert str(caught.value) == (
        "GET https://api.test/users?token=***: event 1 does not fit Token: text: Input should be "
        "a valid string"
    )
    assert caught.value.errors()[0]["loc"] == (1, "text")
    assert caught.value.body == b'{"text": 7}'
    assert outcomes(partial(EventDecoder[Token], Token), BROKEN).found == [first]
    named = outcomes(partial(EventDecoder[Any], {"token": Token}), BROKEN)
    assert named.text.startswith("event 0 ('token') does not fit Token: text: ")
    text = outcome(EventDecoder(Token), [b"data: hush\n\n"]).text
    assert text == "event 0 should be Token, but is no valid JSON"


def test_skipping() -> None:
    """Data that does not fit is left out and counted, by choice."""
    for size in (1, 9, 1000):
        decoder = EventDecoder(Token, on_invalid="skip")
        found = decode(decoder, cut(BROKEN, size))
        assert [event.data.text for event in found] == ["a", "b"]
        assert (decoder.skipped, decoder.count) == (2, 4)


def test_validator_that_fails() -> None:
    """What a validator of the user's raises comes after the events before it."""

    def refuse(value: int) -> int:
        if value == 2:
            raise KeyError("mine")
        return value

    target: Any = Annotated[int, AfterValidator(refuse)]
    found = outcomes(partial(EventDecoder[int], target), b"data: 1\n\ndata: 2\n\ndata: 3\n\n")
    assert found == ([message(1)], "KeyError", "'mine'")


def test_response_models() -> None:
    """Data that is a `Response` knows its response."""
    info = response_info()
    types: dict[str, Any] = {"token": Token, "usage": Usage}
    events = decode(EventDecoder[Any](types, info=info), [STREAM])
    assert events[0].data.model_response is info
    assert events[2].data == Usage(tokens=2)
    assert decode(EventDecoder[str](info=info), [b"data: x\n\n"]) == [message("x")]


def test_no_end() -> None:
    """A line, or an event, that does not end is an error at the limit."""
    make = partial(EventDecoder[str], max_event_size=10)
    found, error, text = outcomes(make, b"data: 1234\n\ndata: 12345\n\n")
    assert (found, error) == ([message("1234")], "ResponseTooLarge")
    assert text == (
        "a line of event 1 is larger than 10 characters; if that is right, give "
        "`max_event_size` a higher limit"
    )
    assert outcomes(make, b"data:12345\ndata:1234\n\n").found == [message("12345\n1234")]
    found, error, text = outcomes(make, b"data:12345\ndata:12345\n\n")
    assert (found, error) == ([], "ResponseTooLarge")
    assert text.startswith("event 0 is larger than 10")
    assert outcomes(make, b": a comment, too\n").error == "ResponseTooLarge"
    with pytest.raises(ResponseTooLarge):
        decode(EventDecoder[str](max_event_size=1000), itertools.repeat(b"data: x\n"))
    assert outcome(make(), [b":\n" * 1000, b"data: x\n\n"]).found == [message("x")]


def test_the_limit_is_that_of_one_event() -> None:
    """Any number of events may come, each of which is within the limit."""
    for size in (1, 7, 10_000):
        decoder = EventDecoder[str](max_event_size=10)
        found = decode(decoder, cut(b"data: 1234\n\n" * 100, size))
        assert [event.data for event in found] == ["1234"] * 100


def test_large_event_in_small_pieces() -> None:
    """An event costs what it is long, not the square of it: that would not end in a day."""
    decoder = EventDecoder[str](max_event_size=10**8)
    decoder.feed(b"data: ")
    for _ in range(50_000):
        decoder.feed(b"x" * 256)
    for _ in range(50_000):
        decoder.feed(b"\ndata: " + b"x" * 256)
    (event,) = decoder.feed(b"\n\n")
    assert len(event.data) == 100_000 * 256 + 50_000


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"on_invalid": "drop"}, 'on_invalid must be "raise" or "skip"'),
        ({"max_event_size": 0}, "max_event_size must be a whole number of 1 or more"),
        ({"target": {"a": len}}, "must be a type that pydantic can validate"),
    ],
)
def test_options(options: dict[str, Any], text: str) -> None:
    """What can never work is refused before anything is read."""
    with pytest.raises(ConfigurationError) as caught:
        EventDecoder[Any](**options)
    assert text in str(caught.value)
