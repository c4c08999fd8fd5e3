"""Files that a `Scripted` server has: whole, in ranges, and cut."""

import random
import re
from collections.abc import Sequence

from tests.scripted import CLOSE, Part, Read, Step

__all__ = ["CONTENT", "LARGE", "cut", "file", "ranges"]

CONTENT = random.Random(1).randbytes(1000)
LARGE = random.Random(2).randbytes(5 * 1024 * 1024)


def file(
    content: bytes = CONTENT,
    *fields: str,
    tag: str | None = '"a"',
    ranges: bool = True,
    length: bool = True,
) -> Step:
    """Return a step that answers with a file, or the range of it that is asked for."""

    def respond(read: Read) -> bytes:
        head, body = _answer(read, content, tag, ranges)
        if length:
            head.append(f"Content-Length: {len(body)}")
        if tag is not None:
            head.append(f"ETag: {tag}")
        lines = (f"{line}\r\n" for line in (*head, *fields))
        return "".join(lines).encode("utf-8", "surrogateescape") + b"\r\n" + body

    return respond


def _answer(read: Read, content: bytes, tag: str | None, ranges: bool) -> tuple[list[str], bytes]:
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", read.headers.get("Range", ""))
    if not ranges or asked is None or read.headers.get("If-Range") != tag:
        return ["HTTP/1.1 200 OK"] + ["Accept-Ranges: bytes"] * ranges, content
    start, end = int(asked[1]), int(asked[2] or len(content) - 1) + 1
    if start >= len(content):
        return ["HTTP/1.1 416 X", f"Content-Range: bytes */{len(content)}"], b""
    head = ["HTTP/1.1 206 X", f"Content-Range: bytes {start}-{end - 1}/{len(content)}"]
    return head, content[start:end]


def cut(step: Step, count: int, *then: Part) -> Step:
    """Return a step that sends so many bytes of the body of another one, and closes."""

    def respond(read: Read) -> tuple[Part, ...]:
        whole = step
        while callable(whole):
            whole = whole(read)
        assert isinstance(whole, bytes)
        end = whole.index(b"\r\n\r\n") + 4 + count
        return (whole[:end], *(then or (CLOSE,)))

    return respond


def ranges(log: Sequence[Read]) -> list[str | None]:
    """Return the ranges that were asked for."""
    return [read.headers.get("Range") for read in log]
