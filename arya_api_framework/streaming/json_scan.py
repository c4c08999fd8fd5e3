"""Where the elements of a JSON array end, found without parsing them."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["ElementScan", "end_of_space", "end_of_whole", "split_elements"]

_LEVELS = 4
"""How many levels of arrays and objects in an element are found at once; more than most have."""

# Groups are atomic, `(?>(...)*)`, not possessive, `(...)*+`: before CPython 3.11.5 the latter match
# what they should not (gh-106052).
_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'[^"\\]*+(?>(?:\\.[^"\\]*+)*)', re.DOTALL)
_SCALAR = re.compile(rb"[^ \t\r\n,\]]*+")
# A string of which the first quote is the end is found in a third of the time.
_QUOTED = rb'"(?:[^"]*+(?<!\\)"|[^"\\]*+(?>(?:\\.[^"\\]*+)*)")'
_FLAT = rb'[^"\[\]{}]*+(?>(?:' + _QUOTED + rb'[^"\[\]{}]*+)*)'
_FLAT_ONLY = re.compile(_FLAT, re.DOTALL)


def _nested(levels: int) -> bytes:
    """Return the pattern of an array or object that holds so many levels of others at most."""
    inner = rb"(?>(?:" + _nested(levels - 1) + _FLAT + rb")*)" if levels else b""
    return rb"[\[{]" + _FLAT + inner + rb"[\]}]"


_ELEMENT = rb'(?:[^ \t\r\n,\[\]{}":]++|' + _nested(_LEVELS) + rb"|" + _QUOTED + rb")"
_WHOLE = re.compile(rb"(?>(?:[ \t\r\n]*+" + _ELEMENT + rb"[ \t\r\n]*+,)*)", re.DOTALL)

_QUOTE, _BACKSLASH = b'"\\'


def end_of_space(data: bytes, pos: int) -> int:
    """Return where white space that begins at a place ends."""
    return _SPACE.match(data, pos).end()  # type: ignore[union-attr]


def end_of_whole(data: bytes, pos: int) -> int:
    """Return where elements end that are whole and have a comma after them, as far as they go.

    It stops before an element that is nested more deeply than most are.
    """
    return _WHOLE.match(data, pos).end()  # type: ignore[union-attr]


class ElementScan:
    """The search for the end of one element, over the edges of pieces.

    Strings and brackets are told apart, and nothing else: whether it is JSON shows later.

    Attributes:
        is_inside: Whether the element has not ended.
    """

    __slots__ = ("_depth", "_escaped", "_in_string", "is_inside")

    def __init__(self) -> None:
        self.is_inside = False
        self._depth = 0
        self._in_string = self._escaped = False

    def begin(self, byte: int) -> None:
        """Begin with the first byte of an element."""
        self.is_inside = True
        self._in_string = byte == _QUOTE
        self._depth = int(byte in b"[{")

    def read(self, data: bytes, pos: int) -> int:
        """Read on from a place and return where the element ends, or else the piece.

        The first byte of the element was given to `begin`, and is not read again.
        """
        size = len(data)
        while True:
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                    pos += 1
                pos = _STRING.match(data, pos).end()  # type: ignore[union-attr]
                if pos >= size:
                    return size
                if data[pos] == _BACKSLASH:  # The last byte of the piece.
                    self._escaped = True
                    return size
                self._in_string = False
            elif self._depth:
                pos = _FLAT_ONLY.match(data, pos).end()  # type: ignore[union-attr]
                if pos >= size:
                    return size
                byte = data[pos]
                if byte == _QUOTE:
                    self._in_string = True
                else:
                    self._depth += 1 if byte in b"[{" else -1
            else:
                pos = _SCALAR.match(data, pos).end()  # type: ignore[union-attr]
                self.is_inside = pos >= size
                return pos
            pos += 1
            if not self._depth and not self._in_string:
                self.is_inside = False
                return pos


def split_elements(content: bytes) -> Iterator[bytes]:
    """Yield the elements that stand between commas.

    Args:
        content: Whole elements, as between the brackets of an array.
    """
    scan, pos, size = ElementScan(), 0, len(content)
    while True:
        start = end_of_space(content, pos)
        scan.begin(content[start])
        pos = scan.read(content, start + (content[start] in b'"[{'))
        yield content[start:pos]
        pos = end_of_space(content, pos) + 1
        if pos >= size:
            return
