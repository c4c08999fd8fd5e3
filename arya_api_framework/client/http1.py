r"""HTTP/1.1 framing (RFC 9112): request heads out, response heads and chunked bodies in.

Bytes in, decisions out; nothing here reads or writes. Framing is strict, because a client that
guesses where a message ends hands one call's answer to the next: whatever RFC 9112 does not allow
is refused, and a connection that sent it must be closed. `docs/decisions/own-framing.md` tells
why the parser is our own, and in what it differs from `http.client` and aiohttp.

```python
head = parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "GET")
assert head is not None
assert (head.status, head.length, head.keep_alive) == (200, 2, True)
```
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import ConfigurationError, ProtocolError, ResponseTooLarge

__all__ = [
    "LAST_CHUNK",
    "MAX_CHUNK_LINE",
    "MAX_FIELDS",
    "MAX_HEAD_SIZE",
    "MAX_INTERIM",
    "MAX_TRAILER_SIZE",
    "ChunkedReader",
    "Head",
    "encode_chunk",
    "find_head",
    "parse_head",
    "render_head",
]

MAX_HEAD_SIZE = 64 * 1024
"""The most bytes of one response head, the blank line included."""

MAX_FIELDS = 100
"""The most header fields of one response."""

MAX_INTERIM = 10
"""The most interim (1xx) heads that are skipped before the final one."""

MAX_CHUNK_LINE = 1024
"""The most bytes of a chunk-size line, its extensions and both line ends included."""

MAX_TRAILER_SIZE = 8 * 1024
"""The most bytes of a trailer section, both line ends around it included."""

LAST_CHUNK = b"0\r\n\r\n"
"""What ends a chunked body that has no trailers."""

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # RFC 9110 5.6.2
_TEXT = r"[\t\x20-\x7e\x80-\xff]*+"  # RFC 9110 5.5: VCHAR, obs-text, SP and HTAB

# Repeats are possessive, and groups that repeat atomic, so that no input makes these patterns
# backtrack. A possessive group, `(...)*+`, matches wrongly before CPython 3.11.5.
_STATUS_LINE = re.compile(
    rf"HTTP/1\.([01]) ([1-5][0-9]{{2}})(?: ({_TEXT}))?(?=\r\n)".encode("ascii")
).match
# A match begins with the line end before the field, so that a bad line is passed over whole: all
# is well if there are as many fields as line ends. Blanks behind a value are left to the slow way.
_FIELDS = re.compile(rf"\r\n({_TOKEN}):[ \t]*+({_TEXT})(?<![ \t])(?=\r\n)".encode("ascii")).findall
_FIELD_LINE = re.compile(rf"({_TOKEN}):[ \t]*+({_TEXT})\r".encode("ascii")).fullmatch

# A chunk-size line with the line end before it; any beginning of one; any beginning of a trailer
# section, of which "\r\n\r" is the last.
_CHUNK_LINE = re.compile(
    rf"\r\n([0-9A-Fa-f]{{1,15}})(?>(?:[ \t]*+;{_TEXT})?)\r\n".encode("ascii")
).match
_CHUNK_LINE_PART = re.compile(
    rf"(?:\r(?:\n(?:[0-9A-Fa-f]{{1,15}}(?:[ \t]*+(?>(?:;{_TEXT})?)\r?)?)?)?)?".encode("ascii")
).fullmatch
_TRAILERS_PART = re.compile(
    rf"(?>(?:\r\n{_TOKEN}:{_TEXT})*)(?:\r(?:\n(?:{_TOKEN}|\r)?)?)?".encode("ascii")
).fullmatch

_VISIBLE = r"[\x21-\x7e]++"
_FIELD = rf"{_TOKEN}\x00(?![ \t]){_TEXT}(?<![ \t])"
_REQUEST = re.compile(
    rf"{_TOKEN} {_VISIBLE} HTTP/1\.1\r\nHost\x00{_VISIBLE}\r\n(?>(?:{_FIELD}\r\n)*)\r\n"
).fullmatch
_field = "\x00".join
_is_field = re.compile(_FIELD).fullmatch
_is_token = re.compile(_TOKEN).fullmatch
_is_visible = re.compile(_VISIBLE).fullmatch

_DECISIVE = frozenset(
    b"connection content-encoding content-length set-cookie transfer-encoding".split()
)
_MAX_LENGTH_DIGITS = 19  # Enough for 2**63, and far below what `int()` refuses.


@dataclass(slots=True)
class Head:
    """A response head, with the framing of its body decided (RFC 9112 6.3).

    Attributes:
        status: The status code; below 200 the head is an interim one, and another follows.
        reason: The reason phrase, empty where there is none.
        fields: The fields in order, names as they came, values without blanks around them.
        length: Bytes of the body, `None` when it is chunked or ends with the connection.
        chunked: Whether the body is chunked.
        keep_alive: Whether the connection may be used again after the body.
        content_encoding: The content codings in lower case, empty where there are none.
        sets_cookies: Whether there is a `Set-Cookie`.
        end: Where in the buffer the body begins.
    """

    status: int
    reason: str
    fields: tuple[tuple[bytes, bytes], ...]
    length: int | None
    chunked: bool
    keep_alive: bool
    content_encoding: bytes
    sets_cookies: bool
    end: int


def render_head(method: str, target: str, host: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """Render the head of a request, `Host` first (RFC 9112 3.2).

    Which of the fields frame the body, and that none is there twice, is the caller's matter.

    Raises:
        ConfigurationError: The method or a field name is no token, the target or the host is not
            visible ASCII, or a value holds a control character, a blank at its end or what
            latin-1 cannot encode. The text names the field and never shows its value.
    """
    lines = [f"{method} {target} HTTP/1.1", f"Host\x00{host}", *map(_field, fields), "\r\n"]
    block = "\r\n".join(lines)
    # A NUL parts name and value until both are checked, since a value may hold ": ". If there are
    # as many line ends as lines, no part brought its own, and each line was checked as itself.
    if block.count("\n") != len(lines) or not _REQUEST(block):
        raise ConfigurationError(_fault(method, target, host, lines[2:-1]))
    # Any byte above ASCII is opaque (RFC 9110 5.5); UTF-8 is what aiohttp sends too.
    return block.replace("\x00", ": ").encode()


def parse_head(buffer: bytes | bytearray, method: str) -> Head | None:
    """Parse the response head at the beginning of the buffer.

    Args:
        buffer: What came so far.
        method: The method of the request: an answer to HEAD has no body. CONNECT is not known
            here, its tunnel is no response body.

    Returns:
        The head, or `None` while it is not whole. Interim heads (1xx) are returned like others;
        `find_head` skips them.

    Raises:
        ProtocolError: This is no head of an HTTP/1.x response, or it cannot become one.
        ResponseTooLarge: The head passes `MAX_HEAD_SIZE` or `MAX_FIELDS`, or is about to.
    """
    end = buffer.find(b"\r\n\r\n", 0, MAX_HEAD_SIZE)
    start = _STATUS_LINE(buffer)
    fields: list[tuple[bytes, bytes]] | None = None
    if start is not None and end >= 0:
        first = start.end()
        found = _FIELDS(buffer, first, end + 2)
        if len(found) == buffer.count(b"\n", first, end) and len(found) <= MAX_FIELDS:
            fields = found
    if fields is None:
        fields = _read_lines(buffer)
    if start is None or fields is None:
        return None

    minor, digits, phrase = start.groups()
    decisive: dict[bytes, bytes] = {}
    for name, value in fields:
        key = name.lower()
        if key in _DECISIVE:
            if key not in decisive:
                decisive[key] = value
            elif key != b"set-cookie":
                # RFC 9110 5.3. What is no list, a length or a coding, is invalid from here on.
                decisive[key] += b", " + value
    status = int(digits)
    length, chunked, keep_alive = _frame(status, minor == b"1", method, decisive)
    return Head(
        status,
        phrase.decode("latin-1").strip(" \t") if phrase else "",
        tuple(fields),
        length,
        chunked,
        keep_alive,
        decisive.get(b"content-encoding", b"").lower(),
        b"set-cookie" in decisive,
        end + 4,
    )


def find_head(buffer: bytes, method: str, interim: int) -> tuple[Head | None, bytes, int]:
    """Find the final head of a response; interim ones are skipped (RFC 9110 15.2).

    Args:
        buffer: What came so far.
        method: See `parse_head`.
        interim: How many interim heads were skipped before.

    Returns:
        The head, `None` while it is not whole; the buffer, which begins with it; and how many
        interim heads have been skipped.

    Raises:
        ProtocolError: As `parse_head`, and for more than `MAX_INTERIM` interim heads.
        ResponseTooLarge: As `parse_head`.
    """
    while buffer:
        head = parse_head(buffer, method)
        if head is None or head.status >= 200:
            return head, buffer, interim
        buffer = buffer[head.end :]
        interim += 1
        if interim > MAX_INTERIM:
            raise ProtocolError(f"more than {MAX_INTERIM} interim responses came")
    return None, buffer, interim


class ChunkedReader:
    r"""An incremental decoder of chunked bodies (RFC 9112 7.1); trailers are checked and dropped.

    ```python
    reader = ChunkedReader()
    assert reader.feed(b"5\r\nhello\r\n0\r\n\r\n") == [b"hello"]
    assert reader.done
    ```

    Attributes:
        done: Whether the body came whole.
        excess: What came after the end of the body, which nobody asked for.
    """

    __slots__ = ("_in_trailers", "_left", "_pending", "done", "excess")

    def __init__(self) -> None:
        self.done = False
        self.excess = b""
        self._left = 0
        self._in_trailers = False
        # Every chunk-size line follows a line end; before the first one it is that of the head.
        self._pending = b"\r\n"

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came next, return the pieces of the body in it.

        Raises:
            ProtocolError: This is no chunked body; the reader is of no use any more.
        """
        if self.done:
            self.excess += data
            return []
        pieces: list[bytes] = []
        position = self._left
        if position:
            pieces.append(data[:position])
        else:
            data = self._pending + data
        while not self._in_trailers and (line := _CHUNK_LINE(data, position)):
            if line.end() - position > MAX_CHUNK_LINE:
                break
            position = line.end()
            if size := int(line[1], 16):
                if piece := data[position : position + size]:
                    pieces.append(piece)
                position += size
            else:
                position -= 2
                self._in_trailers = True
        self._left = max(position - len(data), 0)
        self._pending = data[position:]
        if self._in_trailers:
            self._read_trailers()
        elif len(self._pending) > MAX_CHUNK_LINE or not _CHUNK_LINE_PART(self._pending):
            raise ProtocolError(
                "expected a chunk size in hexadecimal digits between line ends, "
                f"within {MAX_CHUNK_LINE} bytes (RFC 9112 7.1), got something else"
            )
        return pieces

    def _read_trailers(self) -> None:
        pending = self._pending
        end = pending.find(b"\r\n\r\n")
        is_whole = end >= 0
        checked = end + 3 if is_whole else len(pending)
        if not _TRAILERS_PART(pending, 0, checked) or checked >= MAX_TRAILER_SIZE:
            raise ProtocolError(
                f"expected trailer fields of at most {MAX_TRAILER_SIZE} bytes and a blank line "
                "after the last chunk (RFC 9112 7.1.2), got something else"
            )
        if is_whole:
            self.done = True
            self.excess = pending[end + 4 :]


def encode_chunk(data: bytes) -> bytes:
    """Frame one chunk of a request body; no data gives no bytes, as a chunk of 0 ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def _read_lines(buffer: bytes | bytearray) -> list[tuple[bytes, bytes]] | None:
    """Read a head line by line: what is not whole yet, has blanks behind a value, or is wrong.

    The first fault in the order of arrival decides, so that a head gets the same verdict in
    pieces and whole, and as early as it can be given.
    """
    head = bytes(buffer[:MAX_HEAD_SIZE])
    first, *rest = head.split(b"\n")
    if not b"HTTP/1.".startswith(head[:7]) or (rest and not _STATUS_LINE(head)):
        raise ProtocolError(
            f"expected the status line of an HTTP/1.x response (RFC 9112 4), got {first[:16]!r}"
        )
    fields: list[tuple[bytes, bytes]] = []
    for line in rest[:-1]:
        if line == b"\r":
            return fields
        if len(fields) == MAX_FIELDS:
            raise ResponseTooLarge(
                f"the response has more than {MAX_FIELDS} header fields",
                limit=MAX_FIELDS,
                size=MAX_FIELDS + 1,
            )
        field = _FIELD_LINE(line)
        if field is None:
            raise ProtocolError(
                "expected `name: value` and a line end (RFC 9112 5), "
                f"got something else in line {len(fields) + 2} of the response head"
            )
        fields.append((field[1], field[2].rstrip(b" \t")))
    if len(buffer) >= MAX_HEAD_SIZE:
        raise ResponseTooLarge(
            f"the head of the response is larger than {MAX_HEAD_SIZE} bytes",
            limit=MAX_HEAD_SIZE,
            size=len(buffer),
        )
    return None


def _frame(
    status: int, is_http11: bool, method: str, fields: dict[bytes, bytes]
) -> tuple[int | None, bool, bool]:
    """Decide length, chunked and keep-alive (RFC 9112 6.3 and 9.3)."""
    if status == 101:
        raise ProtocolError("expected a response, got 101, and no `Upgrade` was asked for")
    coding = fields.get(b"transfer-encoding")
    digits = fields.get(b"content-length")
    length: int | None = None
    if coding is not None:
        # RFC 9112 6.1: with a length beside it this is how responses are smuggled, HTTP/1.0 had
        # no chunks, and no other coding was asked for.
        if coding.lower() != b"chunked" or digits is not None or not is_http11:
            raise ProtocolError(
                "expected `Transfer-Encoding: chunked` alone, in HTTP/1.1, without a "
                "`Content-Length` (RFC 9112 6.1), got something else"
            )
    elif digits is not None:
        if not digits.isdigit() or len(digits) > _MAX_LENGTH_DIGITS:
            raise ProtocolError(
                f"expected one `Content-Length` of 1 to {_MAX_LENGTH_DIGITS} digits "
                f"(RFC 9110 8.6), got {digits[:40]!r}"
            )
        length = int(digits)

    chunked = coding is not None
    keep_alive = is_http11
    if connection := fields.get(b"connection"):
        connection = connection.lower()
        if connection == b"keep-alive":
            keep_alive = True
        else:
            options = [option.strip(b" \t") for option in connection.split(b",")]
            keep_alive = b"close" not in options and (is_http11 or b"keep-alive" in options)
    announced = chunked or bool(length)
    if status < 200 and announced:
        # RFC 9110 8.6. What follows could pass for the final response.
        raise ProtocolError(f"expected an interim response without a body, got {status} with one")
    if status < 200 or method == "HEAD" or status == 304:
        return 0, False, keep_alive
    if status == 204:
        # It has no body either, but there are servers that send the one they announce.
        return 0, False, keep_alive and not announced
    return length, chunked, keep_alive and (chunked or length is not None)


def _fault(method: str, target: str, host: str, fields: list[str]) -> str:
    """Say what is wrong with a request head, but no values, which may be secrets."""
    if not _is_token(method):
        return f"expected a method that is a token (RFC 9110 5.6.2), got {method[:40]!r}"
    if not _is_visible(target):
        return "expected a request target of visible ASCII characters; percent-encode all others"
    if not _is_visible(host):
        return "expected a `Host` of visible ASCII characters; encode other names with IDNA"
    name = next(field for field in fields if not _is_field(field)).partition("\x00")[0]
    if not _is_token(name):
        return f"expected a header name that is a token (RFC 9110 5.6.2), got {name[:40]!r}"
    return (
        f"expected a latin-1 value without control characters, and without blanks at its ends, "
        f"for the header {name!r} (RFC 9110 5.5); its value is not shown here"
    )
