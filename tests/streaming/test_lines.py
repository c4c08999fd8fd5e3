"""Text and lines, from pieces of any size."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arya_api_framework.client.response import RawResponse
from arya_api_framework.errors import ConfigurationError, ResponseTooLarge
from arya_api_framework.streaming.decoder import Decoder
from arya_api_framework.streaming.json_items import JsonItems
from arya_api_framework.streaming.json_lines import JsonLines, JsonSequence
from arya_api_framework.streaming.lines import LineDecoder
from arya_api_framework.streaming.text import TextDecoder
from tests.streaming.pieces import cut, decode, outcome, outcomes, response_info

CHARSETS = ["utf-8", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "shift_jis", "gb18030"]
TEXTS = st.text(st.sampled_from("aé\r\n\u2028\x0b\x85😀\ufeff"), max_size=30)
SIZES = st.integers(1, 7)


@given(st.sampled_from(CHARSETS), st.binary(max_size=40) | TEXTS.map(str.encode), SIZES)
def test_text_is_that_of_the_whole(charset: str, body: bytes, size: int) -> None:
    """Pieces of text together are the text of the whole response, replaced bytes too."""
    head = ((b"Content-Type", f"text/plain; charset={charset}".encode()),)
    whole = RawResponse(200, head, response_info().request, body)
    assert "".join(decode(TextDecoder(charset), cut(body, size))) == whole.text


def test_character_over_an_edge() -> None:
    """A character that is cut comes with the piece that ends it, or as U+FFFD at the end."""
    decoder = TextDecoder()
    assert decoder.feed("é".encode()[:1]) == []
    assert decoder.feed("é".encode()[1:]) == ["é"]
    assert decoder.feed(b"\xf0\x9f") == []
    assert decoder.finish() == ["\ufffd"]
    assert decoder.feed(b"more") == []


@pytest.mark.parametrize("charset", ["no-such-charset", "hex", "bad\0name"])
def test_unknown_charset(charset: str) -> None:
    """A charset that Python does not know is read as UTF-8."""
    assert decode(TextDecoder(charset), ["é".encode()]) == ["é"]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\nb\n", ["a", "b"]),
        (b"a\r\nb\rc\n", ["a", "b", "c"]),
        (b"\r\r\n\n\r", ["", "", "", ""]),
        (b"a\n\n\nb", ["a", "", "", "b"]),
        ("a\x0bb\x0cc\x85d\u2028e\n".encode(), ["a\x0bb\x0cc\x85d\u2028e"]),
        (b"a\xffb\n", ["a\ufffdb"]),
        (b"a\n\xc3", ["a", "\ufffd"]),
    ],
)
def test_lines(body: bytes, lines: list[str]) -> None:
    """Lines end where the standard says, at any cut."""
    assert outcomes(LineDecoder, body).found == lines


@given(TEXTS, st.sampled_from(["utf-8", "utf-16", "gb18030"]), SIZES)
def test_lines_as_files_have_them(text: str, charset: str, size: int) -> None:
    """Lines are those of a text file opened by Python."""
    body = text.encode(charset)
    file = io.TextIOWrapper(io.BytesIO(body), charset, newline=None)
    expected = [line.removesuffix("\n") for line in file]
    assert decode(LineDecoder(charset), cut(body, size)) == expected


def test_line_is_given_at_its_return() -> None:
    r"""A line that ends with `\r` does not wait for what follows."""
    decoder = LineDecoder()
    assert decoder.feed(b"a\r") == ["a"]
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"\n") == [""]


def test_line_too_long() -> None:
    """A line over the limit is an error after those before it, however it comes."""
    found, error, text = outcomes(lambda: LineDecoder(max_line=3), b"abc\r\nab\nabcd\nx\n")
    assert (found, error) == (["abc", "ab"], "ResponseTooLarge")
    assert (
        text
        == "a line is larger than 3 characters; if that is right, give `max_line` a higher limit"
    )
    assert outcomes(lambda: LineDecoder(max_line=3), b"abcd").found == []
    decoder = LineDecoder("utf-8", max_line=1, info=response_info())
    with pytest.raises(ResponseTooLarge, match=r"GET https://api.test/users\?token=\*\*\*: a line"):
        decoder.feed(b"ab")
    with pytest.raises(ResponseTooLarge) as caught:
        decoder.finish()
    assert caught.value.limit == 1
    # U+FFFD for what is cut comes last, and counts.
    assert outcome(LineDecoder(max_line=1), [b"a\xc3"]).error == "ResponseTooLarge"


@pytest.mark.parametrize("most", [0, -1, True, "7", None])
def test_limit_that_is_none(most: int) -> None:
    """A limit must be a positive number."""
    with pytest.raises(ConfigurationError, match="max_line must be a whole number"):
        LineDecoder(max_line=most)


def test_long_line_in_small_pieces() -> None:
    """A line costs what it is long, not the square of it: that would not end in a day."""
    decoder = LineDecoder(max_line=10**8)
    for _ in range(100_000):
        decoder.feed(b"x" * 512)
    (line,) = decoder.finish()
    assert len(line) == 51_200_000


@pytest.mark.parametrize(
    ("make", "start", "end"),
    [
        (LineDecoder, b"", b"\n"),
        (JsonLines, b'"', b'"\n'),
        (JsonSequence, b'\x1e"', b'"\n'),
        (JsonItems, b'["', b'"]'),
    ],
)
def test_tiny_pieces_take_little_memory(
    make: Callable[[], Decoder[str]], start: bytes, end: bytes
) -> None:
    """A server that sends two bytes at a time has them kept in little more than themselves."""
    decoder = make()
    decoder.feed(start)
    tracemalloc.start()
    try:
        for number in range(100_000):
            decoder.feed(b"%02d" % (number % 100))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000
    found = decoder.feed(end) + decoder.finish()
    assert found == ["".join(f"{number % 100:02}" for number in range(100_000))]
