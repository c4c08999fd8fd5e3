"""Ranges of a file: what a server says of them, and whether parts belong to one state of the file.

Everything is by RFC 9110 14 (ranges), 8.8 (validators) and 13.1.5 (`If-Range`); nothing here waits,
sends or writes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from ..client.shapes import is_mapping
from ..retry import parse_date

__all__ = [
    "Answer",
    "ContentRange",
    "Gap",
    "Verdict",
    "Version",
    "judge",
    "range_fields",
    "read_content_range",
    "read_length",
    "split",
]

_CONTENT_RANGE = re.compile(
    r"bytes[ \t]+(?:([0-9]{1,18})-([0-9]{1,18})/(?:([0-9]{1,18})|\*)|\*/([0-9]{1,18}))",
    re.IGNORECASE,
)
_LENGTH = re.compile("[0-9]{1,18}")
_STRONG = re.compile(r'"[!\x23-\x7e\x80-\xff]*"')
_CLOCKS_APART = 60
"""Seconds that a file must be older than the response, so that its date is a strong validator."""


class ContentRange(NamedTuple):
    """What a `Content-Range` says: which bytes came, of how many.

    Attributes:
        first: The position of the first byte; `None` where the range could not be satisfied.
        last: That of the last one, which belongs to it.
        total: How many bytes the file has, `None` where that is not known.
    """

    first: int | None
    last: int | None
    total: int | None


def read_content_range(field: str | None) -> ContentRange | None:
    """Return what a `Content-Range` says, `None` where it says nothing valid (RFC 9110 14.4)."""
    found = None if field is None else _CONTENT_RANGE.fullmatch(field.strip())
    if found is None:
        return None
    if found[4] is not None:
        return ContentRange(None, None, int(found[4]))
    first, last = int(found[1]), int(found[2])
    total = None if found[3] is None else int(found[3])
    if last < first or (total is not None and last >= total):
        return None
    return ContentRange(first, last, total)


class Gap(NamedTuple):
    """Bytes that are missing.

    Attributes:
        start: The position of the first one.
        end: The position after the last one; `None` for the end of the file.
    """

    start: int
    end: int | None = None


class Version(NamedTuple):
    """Which state of a file came, as far as the server says.

    Attributes:
        etag: Its entity tag, weak or strong.
        modified: Its `Last-Modified`.
        total: How many bytes it has.
        validator: What `If-Range` may carry: a strong entity tag or, where the server sends no
            entity tag at all, a date that is old enough to be one (RFC 9110 13.1.5, 8.8.2.2).
            Without one, parts of this state cannot be told from parts of another.
    """

    etag: str | None = None
    modified: str | None = None
    total: int | None = None
    validator: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str], total: int | None) -> Version:
        """Return the state that a response with these header fields is of."""
        etag = headers.get("ETag", "").strip() or None
        modified = headers.get("Last-Modified", "").strip() or None
        validator = None
        if etag is not None:
            validator = etag if _STRONG.fullmatch(etag) else None
        elif modified is not None:
            here = time.time()
            since, then = (parse_date(one, here) for one in (modified, headers.get("Date", "")))
            if since is not None and then is not None and then - since >= _CLOCKS_APART:
                validator = modified
        return cls(etag, modified, total, validator)

    def is_same(self, other: Version) -> bool:
        """Return whether another response is of the same state, as far as both say."""
        if None not in (self.total, other.total) and self.total != other.total:
            return False
        if self.etag is not None and other.etag is not None:
            return self.etag == other.etag
        if self.modified is not None and other.modified is not None:
            return self.modified == other.modified
        return True

    def to_json(self) -> dict[str, Any]:
        """Return the values that `from_json` takes."""
        return self._asdict()

    @classmethod
    def from_json(cls, values: Any) -> Version | None:
        """Return what `to_json` of a state returned; `None` for anything else."""
        if not is_mapping(values) or set(values) != set(cls._fields):
            return None
        texts = (values["etag"], values["modified"], values["validator"])
        total = values["total"]
        if not all(isinstance(one, str | None) for one in texts):
            return None
        if isinstance(total, bool) or not isinstance(total, int | None) or (total or 0) < 0:
            return None
        if values["validator"] is not None and values["validator"] not in texts[:2]:
            return None
        return cls(**values)


def range_fields(gap: Gap, version: Version) -> dict[str, str]:
    """Return the header fields that ask for missing bytes of a state; none for a whole file."""
    if version.validator is None or gap == (0, None):
        return {}
    last = "" if gap.end is None else gap.end - 1
    return {"Range": f"bytes={gap.start}-{last}", "If-Range": version.validator}


Verdict: TypeAlias = Literal["whole", "part", "complete", "changed", "broken"]
"""What an answer is:

- `"whole"`: the whole file, from its first byte.
- `"part"`: the bytes that were asked for, or as many of them as the server likes to send.
- `"complete"`: nothing, as all bytes are there already.
- `"changed"`: of another state of the file; what is there cannot be gone on with.
- `"broken"`: none to what was asked; the server cannot do ranges.
"""


class Answer(NamedTuple):
    """What an answer means.

    Attributes:
        verdict: What it is.
        version: The state of the file that it is of.
        end: The position after the last byte that comes; `None` where nobody knows.
    """

    verdict: Verdict
    version: Version
    end: int | None = None


def judge(status: int, headers: Mapping[str, str], asked: Gap | None, version: Version) -> Answer:
    """Return what an answer means.

    Args:
        status: The status: 206, 412 or 416; any other is taken as 200.
        headers: Its header fields.
        asked: The bytes that were asked for by `range_fields`; `None` where the file was.
        version: The state that the bytes which are there are of.
    """
    found = read_content_range(headers.get("Content-Range"))
    if status == 412:
        return Answer("changed", version)
    if status == 416:
        total = None if found is None else found.total
        now = Version.of(headers, total)
        if asked is None:
            return Answer("broken", now)
        if total is None or asked.start != total or not version.is_same(now):
            return Answer("changed", now)
        return Answer("complete", version._replace(total=total), total)
    if status != 206:
        total = read_length(headers)
        return Answer("whole", Version.of(headers, total), total)
    if asked is None or found is None or found.first is None or found.last is None:
        return Answer("broken", version)
    now = Version.of(headers, found.total)
    if not version.is_same(now):
        return Answer("changed", now)
    end, length = found.last + 1, read_length(headers)
    fits = found.first == asked.start and (asked.end is None or end <= asked.end)
    if not fits or (length is not None and length != end - found.first):
        return Answer("broken", version)
    total = version.total if found.total is None else found.total
    return Answer("part", version._replace(total=total), end)


def read_length(headers: Mapping[str, str]) -> int | None:
    """Return the `Content-Length`, `None` where there is none that is a number."""
    text = headers.get("Content-Length", "").strip()
    return int(text) if _LENGTH.fullmatch(text) else None


def split(gaps: Sequence[Gap], count: int, smallest: int) -> list[Gap]:
    """Return missing bytes cut into pieces of about one size, for several connections.

    Args:
        gaps: The missing bytes, of a file whose length is known.
        count: How many pieces there shall be; with several gaps there are a few more.
        smallest: No piece is cut into ones smaller than this.
    """
    missing = sum((gap.end or 0) - gap.start for gap in gaps)
    size = max(-(-missing // count), smallest)
    pieces: list[Gap] = []
    for start, end in gaps:
        size_here = (end or 0) - start
        parts = max(size_here // size, 1) if size_here % size < smallest else -(-size_here // size)
        edges = [start + size_here * number // parts for number in range(parts + 1)]
        pieces += map(Gap, edges, edges[1:])
    return pieces
