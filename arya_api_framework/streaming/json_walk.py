"""`Walk`: the JSON around an array, read piece by piece and kept nowhere."""

from __future__ import annotations

import json
import re

from .json_scan import end_of_space

__all__ = ["ARRAY", "MAX_DEPTH", "BadJson", "NoArray", "Walk"]

MAX_DEPTH = 200
"""How deep arrays and objects may be nested: as deep as pydantic reads them."""

_IN_STRING = rb'[^"\\\x00-\x1f]*+(?>(?:\\.[^"\\\x00-\x1f]*+)*)'
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_LEVELS = 3
_LONGEST_NUMBER = 64 * 1024
_SCALAR = re.compile(rb'[^ \t\r\n\[\]{}",:]++')
_SCALAR_BEGINS = b"-0123456789ntfNI"
_LITERALS = {
    b"null": "null",
    b"true": "a boolean",
    b"false": "a boolean",
    # No JSON (RFC 8259 6), but pydantic and `json` read them wherever they stand.
    b"NaN": "a number",
    b"Infinity": "a number",
    b"-Infinity": "a number",
}


def _value(levels: int) -> bytes:
    """Return the pattern of a value that holds so many levels of others at most."""
    space, string = rb"[ \t\r\n]*+", rb'"' + _IN_STRING + rb'"'
    choices = [string, _NUMBER, *_LITERALS]
    if levels:
        value = space + _value(levels - 1) + space
        member = space + string + space + rb":" + value
        for opening, one, closing in (rb"\{", member, rb"\}"), (rb"\[", value, rb"\]"):
            several = one + rb"(?>(?:," + one + rb")*)"
            choices.append(opening + rb"(?:" + several + rb"|" + space + rb")" + closing)
    return rb"(?:" + rb"|".join(choices) + rb")"


_STRING = re.compile(_IN_STRING, re.DOTALL)
_WHOLE_NUMBER = re.compile(_NUMBER)
_WHOLE_VALUE = re.compile(_value(_LEVELS), re.DOTALL)
"""A value that is not nested deeply, read at once; it is the same that is read step by step."""

_CLOSED_BY = {ord("}"): ord("{"), ord("]"): ord("[")}
_QUOTE, _BACKSLASH, _COMMA, _COLON, _ARRAY, _OBJECT = b'"\\,:[{'

# What may come next.
_VALUE, _FIRST_VALUE, _KEY, _FIRST_KEY, _AFTER_KEY, _NEXT, _END, ARRAY = range(8)


class BadJson(Exception):
    """What came is no JSON; the text says why where that is not plain to see."""

    def __init__(self, why: str = "") -> None:
        super().__init__(f": {why}" if why else "")


class NoArray(Exception):
    """There is no array where one was looked for.

    Attributes:
        depth: How many of the names lead to what was found.
        found: What it is, `None` where an object lacks the next name.
    """

    def __init__(self, depth: int, found: str | None) -> None:
        super().__init__(depth, found)
        self.depth = depth
        self.found = found


class Walk:
    """The way through a JSON document to one array, and from its end to that of the document.

    Of objects that have a name twice, the first counts: what was given cannot be taken back.

    Args:
        names: The keys that lead to the array.

    Attributes:
        expects: `ARRAY` when the array begins at the place where `feed` stopped.
    """

    __slots__ = (
        "_escaped",
        "_in_string",
        "_key",
        "_matched",
        "_names",
        "_open",
        "_scalar",
        "_wanted",
        "expects",
    )

    def __init__(self, names: list[str]) -> None:
        self.expects = _VALUE
        self._names = names
        self._matched = 0
        self._wanted = True  # The next value is on the way.
        self._open = bytearray()
        self._in_string = self._escaped = False
        self._key: bytearray | None = None
        self._scalar = bytearray()

    @property
    def is_over(self) -> bool:
        """Whether the document is whole."""
        return self.expects == _END

    def leave(self) -> None:
        """Go on after the end of the array."""
        self._matched = -1
        self.expects = _NEXT if self._open else _END

    def feed(self, data: bytes, pos: int = 0) -> int:
        """Read on, to the end of the piece or to where the array begins; return where that is.

        Raises:
            BadJson: It is no JSON.
            NoArray: Something else stands where the array should.
        """
        size = len(data)
        while pos < size and self.expects != ARRAY:
            if self._in_string:
                pos = self._read_string(data, pos)
            elif self._scalar:
                pos = self._read_scalar(data, pos)
            else:
                pos = end_of_space(data, pos)
                if pos < size:
                    pos = self._step(data, pos)
        return pos

    def finish(self) -> None:
        """Read the end of a number that nothing follows."""
        if self._scalar:
            self._end_scalar()

    def _step(self, data: bytes, pos: int) -> int:
        byte, expects = data[pos], self.expects
        if byte == _QUOTE and expects <= _FIRST_KEY:
            if expects >= _KEY:
                if len(self._open) == self._matched + 1:
                    self._key = bytearray()
            elif self._wanted:
                raise NoArray(self._matched, "a string")
            self._in_string = True
            return pos + 1
        if expects in (_VALUE, _FIRST_VALUE) and byte not in b",:]}":
            return self._begin_value(data, pos)
        if expects == _NEXT and byte == _COMMA:
            self.expects = _KEY if self._open[-1] == _OBJECT else _VALUE
        elif expects == _AFTER_KEY and byte == _COLON:
            self.expects = _VALUE
        elif (
            (expects == _NEXT and byte in b"]}")
            or (expects == _FIRST_KEY and byte == ord("}"))
            or (expects == _FIRST_VALUE and byte == ord("]"))
        ):
            self._close(byte)
        else:
            raise BadJson
        return pos + 1

    def _begin_value(self, data: bytes, pos: int) -> int:
        byte = data[pos]
        if byte != _ARRAY and byte != _OBJECT:
            if byte not in _SCALAR_BEGINS:
                raise BadJson  # A page of HTML, say.
            return self._read_scalar(data, pos)
        if self._wanted:
            self._wanted = False
            if self._matched == len(self._names):
                if byte == _ARRAY:
                    self.expects = ARRAY
                    return pos
                raise NoArray(self._matched, "an object")
            if byte == _ARRAY:
                raise NoArray(self._matched, "an array")
        elif len(self._open) + _LEVELS <= MAX_DEPTH:
            whole = _WHOLE_VALUE.match(data, pos)
            if whole is not None:
                self._after_value()
                return whole.end()
        if len(self._open) >= MAX_DEPTH:
            raise BadJson(f"it is nested more than {MAX_DEPTH} levels deep")
        self._open.append(byte)
        self.expects = _FIRST_KEY if byte == _OBJECT else _FIRST_VALUE
        return pos + 1

    def _close(self, byte: int) -> None:
        if self._open.pop() != _CLOSED_BY[byte]:
            raise BadJson
        if len(self._open) == self._matched:
            raise NoArray(self._matched, None)
        self._after_value()

    def _after_value(self) -> None:
        self.expects = _NEXT if self._open else _END

    def _read_string(self, data: bytes, pos: int) -> int:
        if self._escaped:
            self._escaped = False
            start, pos = pos, pos + 1
        else:
            start = pos
        end: int = _STRING.match(data, pos).end()  # type: ignore[union-attr]
        if end < len(data):
            if data[end] == _QUOTE:
                self._in_string = False
            elif data[end] == _BACKSLASH:  # The piece ends with it.
                self._escaped = True
                end += 1
            else:
                raise BadJson
        if self._key is not None:
            room = self._longest_key - len(self._key)
            self._key += data[start : min(end, start + room)]
        if not self._in_string:
            end += 1
            if self.expects in (_KEY, _FIRST_KEY):
                self._end_key()
            else:
                self._after_value()
        return end

    @property
    def _longest_key(self) -> int:
        """How many bytes of a key are enough to tell whether it is the one that is looked for."""
        return 6 * 2 * len(self._names[self._matched]) + 1  # Two escapes, `\\uXXXX`, a character.

    def _end_key(self) -> None:
        self.expects = _AFTER_KEY
        if self._key is None:
            return
        key, self._key = self._key, None
        name = self._names[self._matched]
        if len(key) < 6 * 2 * len(name) + 1:
            try:
                found = json.loads(f'"{key.decode(errors="replace")}"')
            except ValueError:
                raise BadJson from None
            if found == name:
                self._wanted = True
                self._matched += 1

    def _read_scalar(self, data: bytes, pos: int) -> int:
        match = _SCALAR.match(data, pos)
        if match is not None:
            pos = match.end()
            self._scalar += match[0]
            if len(self._scalar) > _LONGEST_NUMBER:
                raise BadJson(f"a number has more than {_LONGEST_NUMBER} digits")
        if pos < len(data):
            self._end_scalar()
        return pos

    def _end_scalar(self) -> None:
        scalar = bytes(self._scalar)
        self._scalar.clear()
        found = _LITERALS.get(scalar)
        if found is None:
            if not _WHOLE_NUMBER.fullmatch(scalar):
                raise BadJson
            found = "a number"
        if self._wanted:
            raise NoArray(self._matched, found)
        self._after_value()
