"""What servers say of ranges, and which bytes belong together."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from arya_api_framework.streaming.ranges import (
    Answer,
    ContentRange,
    Gap,
    Version,
    judge,
    range_fields,
    read_content_range,
    read_length,
    split,
)

FIELDS = [
    ("bytes 0-0/1", ContentRange(0, 0, 1)),
    ("bytes 42-1233/1234", ContentRange(42, 1233, 1234)),
    ("bytes 42-1233/*", ContentRange(42, 1233, None)),
    ("BYTES  42-1233/1234 ", ContentRange(42, 1233, 1234)),
    ("bytes */1234", ContentRange(None, None, 1234)),
    ("bytes */*", None),
    ("bytes 5-4/10", None),
    ("bytes 5-10/10", None),
    ("bytes 5-/10", None),
    ("bytes -5/10", None),
    ("bytes=0-5/10", None),
    ("bytes 0-5", None),
    ("bytes 0-5/10, bytes 6-7/10", None),
    ("items 0-5/10", None),
    ("bytes \u0660-\u0665/\u0661\u0660", None),
    ("bytes 0-5/" + "9" * 19, None),
    ("bytes +0-5/10", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("field", "found"), FIELDS)
def test_content_range(field: str | None, found: ContentRange | None) -> None:
    """What is not valid says nothing."""
    assert read_content_range(field) == found


@settings(deadline=None)
@given(st.text())
def test_any_content_range(text: str) -> None:
    """No text is an error, and no range ends before it begins."""
    found = read_content_range(f"bytes {text}")
    if found is not None and found.first is not None:
        assert found.last is not None
        assert found.first <= found.last


LENGTHS = [("5", 5), (" 5 ", 5), ("-5", None), ("5, 5", None), ("\u0665", None), ("", None)]


@pytest.mark.parametrize(("text", "length"), LENGTHS)
def test_content_length(text: str, length: int | None) -> None:
    """Only digits are a length."""
    assert read_length({"Content-Length": text}) == length
    assert read_length({}) is None


OLD = "Sun, 06 Nov 1994 08:49:37 GMT"
SOON = "Sun, 06 Nov 1994 08:50:36 GMT"
LATER = "Sun, 06 Nov 1994 08:50:37 GMT"
VALIDATORS = [
    ({"ETag": '"a"'}, '"a"'),
    ({"ETag": '""'}, '""'),
    ({"ETag": '"a"', "Last-Modified": OLD, "Date": LATER}, '"a"'),
    ({"ETag": 'W/"a"'}, None),
    ({"ETag": "a"}, None),
    ({"ETag": '"a" "b"'}, None),
    # RFC 9110 13.1.5: no date where there is an entity tag, even a weak one.
    ({"ETag": 'W/"a"', "Last-Modified": OLD, "Date": LATER}, None),
    # RFC 9110 8.8.2.2: a date is strong where the response is clearly later.
    ({"Last-Modified": OLD, "Date": LATER}, OLD),
    ({"Last-Modified": OLD, "Date": SOON}, None),
    ({"Last-Modified": OLD}, None),
    ({"Last-Modified": "yesterday", "Date": LATER}, None),
    ({"Last-Modified": OLD, "Date": "today"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "validator"), VALIDATORS)
def test_validator(headers: dict[str, str], validator: str | None) -> None:
    """Only what is strong tells two states apart for certain."""
    version = Version.of(headers, 5)
    assert version.validator == validator
    fields = range_fields(Gap(3), version)
    expected = {"Range": "bytes=3-", "If-Range": validator} if validator else {}
    assert fields == expected


def test_range_fields() -> None:
    """A whole file is asked for as any other."""
    version = Version('"a"', validator='"a"')
    assert range_fields(Gap(0), version) == {}
    assert range_fields(Gap(0, 5), version) == {"Range": "bytes=0-4", "If-Range": '"a"'}
    assert range_fields(Gap(7, 8), version) == {"Range": "bytes=7-7", "If-Range": '"a"'}


SAME = [
    (Version(), Version(), True),
    (Version('"a"', OLD), Version('"a"', LATER), True),
    (Version('"a"', OLD), Version('"b"', OLD), False),
    (Version('"a"'), Version('W/"a"'), False),
    (Version('"a"', OLD), Version(None, OLD), True),
    (Version(None, OLD), Version(None, LATER), False),
    (Version('"a"', None, 5), Version('"a"', None, 6), False),
    (Version('"a"', None, 5), Version('"a"', None, None), True),
    (Version('"a"'), Version(None, OLD), True),
]


@pytest.mark.parametrize(("one", "other", "same"), SAME)
def test_same_version(one: Version, other: Version, same: bool) -> None:
    """What one of them does not say tells nothing."""
    assert one.is_same(other) is same
    assert other.is_same(one) is same


def test_version_as_json() -> None:
    """It survives a file, and what is no version is none."""
    version = Version('"a"', OLD, 5, '"a"')
    values = json.loads(json.dumps(version.to_json()))
    assert Version.from_json(values) == version


@pytest.mark.parametrize(
    "change",
    [
        {"etag": 5},
        {"total": "5"},
        {"total": True},
        {"total": -1},
        {"validator": '"b"'},
        {"more": 1},
        None,
    ],
)
def test_what_is_no_version(change: dict[str, Any] | None) -> None:
    """A file that somebody else wrote is not believed."""
    values = Version('"a"', OLD, 5, '"a"').to_json()
    assert Version.from_json(None if change is None else {**values, **change}) is None


KEPT = Version('"a"', OLD, 10, '"a"')
WAS = Version('"a"', OLD, None, '"a"')
TAG = 'ETag: "a"'
ANSWERS = [
    # The whole file, whatever was asked for.
    (200, ["Content-Length: 5"], None, KEPT, Answer("whole", Version(total=5), 5)),
    (200, [TAG], Gap(3), KEPT, Answer("whole", Version('"a"', validator='"a"'), None)),
    (203, [], Gap(3), KEPT, Answer("whole", Version(), None)),
    # The range.
    (206, ["Content-Range: bytes 3-9/10", TAG], Gap(3), KEPT, Answer("part", KEPT, 10)),
    (206, ["Content-Range: bytes 3-9/10"], Gap(3), WAS, Answer("part", KEPT, 10)),
    (206, ["Content-Range: bytes 3-9/*"], Gap(3), KEPT, Answer("part", KEPT, 10)),
    (206, ["Content-Range: bytes 3-6/10"], Gap(3), KEPT, Answer("part", KEPT, 7)),
    (206, ["Content-Range: bytes 3-6/10"], Gap(3, 7), KEPT, Answer("part", KEPT, 7)),
    (
        206,
        ["Content-Range: bytes 3-9/10", "Content-Length: 7"],
        Gap(3),
        KEPT,
        Answer("part", KEPT, 10),
    ),
    # Another range than the one that was asked for, or none.
    (206, [], Gap(3), KEPT, Answer("broken", KEPT)),
    (206, ["Content-Range: bytes */10"], Gap(3), KEPT, Answer("broken", KEPT)),
    (206, ["Content-Range: nonsense"], Gap(3), KEPT, Answer("broken", KEPT)),
    (206, ["Content-Type: multipart/byteranges"], Gap(3), KEPT, Answer("broken", KEPT)),
    (206, ["Content-Range: bytes 2-9/10"], Gap(3), KEPT, Answer("broken", KEPT)),
    (206, ["Content-Range: bytes 4-9/10"], Gap(3), KEPT, Answer("broken", KEPT)),
    (206, ["Content-Range: bytes 3-9/10"], Gap(3, 7), KEPT, Answer("broken", KEPT)),
    (206, ["Content-Range: bytes 0-9/10"], None, KEPT, Answer("broken", KEPT)),
    (
        206,
        ["Content-Range: bytes 3-9/10", "Content-Length: 8"],
        Gap(3),
        KEPT,
        Answer("broken", KEPT),
    ),
    # Of another state: though `If-Range` forbids it, some servers send that.
    (
        206,
        ["Content-Range: bytes 3-9/10", 'ETag: "b"'],
        Gap(3),
        KEPT,
        Answer("changed", Version('"b"', None, 10, '"b"')),
    ),
    (
        206,
        ["Content-Range: bytes 3-10/11"],
        Gap(3),
        KEPT,
        Answer("changed", Version(None, None, 11)),
    ),
    (412, [], Gap(3), KEPT, Answer("changed", KEPT)),
    # All is there already.
    (416, ["Content-Range: bytes */10", TAG], Gap(10), KEPT, Answer("complete", KEPT, 10)),
    (416, ["Content-Range: bytes */10"], Gap(10), WAS, Answer("complete", KEPT, 10)),
    (416, ["Content-Range: bytes */10"], Gap(11), WAS, Answer("changed", Version(total=10))),
    (416, ["Content-Range: bytes */11"], Gap(11), KEPT, Answer("changed", Version(total=11))),
    (
        416,
        ["Content-Range: bytes */10", 'ETag: "b"'],
        Gap(10),
        KEPT,
        Answer("changed", Version('"b"', None, 10, '"b"')),
    ),
    (416, [], Gap(10), KEPT, Answer("changed", Version())),
    (416, [], None, KEPT, Answer("broken", Version())),
]


@pytest.mark.parametrize(("status", "fields", "asked", "version", "answer"), ANSWERS)
def test_answers(
    status: int, fields: list[str], asked: Gap | None, version: Version, answer: Answer
) -> None:
    """Bytes are only put together where they are of one state."""
    parts = (line.partition(": ") for line in fields)
    headers = CIMultiDict((name, value) for name, _, value in parts)
    assert judge(status, headers, asked, version) == answer


SPLITS = [
    ([Gap(0, 12)], 3, 1, [Gap(0, 4), Gap(4, 8), Gap(8, 12)]),
    ([Gap(0, 10)], 3, 1, [Gap(0, 3), Gap(3, 6), Gap(6, 10)]),
    ([Gap(0, 10)], 1, 1, [Gap(0, 10)]),
    ([Gap(0, 10)], 4, 6, [Gap(0, 10)]),
    ([Gap(0, 10)], 4, 5, [Gap(0, 5), Gap(5, 10)]),
    ([Gap(0, 11)], 4, 5, [Gap(0, 5), Gap(5, 11)]),
    ([Gap(2, 3), Gap(5, 11)], 2, 2, [Gap(2, 3), Gap(5, 8), Gap(8, 11)]),
    ([], 2, 1, []),
]


@pytest.mark.parametrize(("gaps", "count", "smallest", "pieces"), SPLITS)
def test_split(gaps: list[Gap], count: int, smallest: int, pieces: list[Gap]) -> None:
    """Pieces are of about one size, and none is too small to be worth a request."""
    assert split(gaps, count, smallest) == pieces


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 10**6), max_size=12, unique=True),
    st.integers(1, 16),
    st.integers(1, 10**5),
)
def test_any_split(edges: list[int], count: int, smallest: int) -> None:
    """No byte is asked for twice, none is left out, and none is cut too small."""
    edges = sorted(edges[: len(edges) // 2 * 2])
    gaps = [Gap(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    pieces = split(gaps, count, smallest)
    bounds = {edge for gap in gaps for edge in gap}
    assert [gap.start for gap in gaps] == [one.start for one in pieces if one.start in bounds]
    assert sum(end - start for start, end in pieces if end) == sum(b - a for a, b in gaps if b)
    assert all(
        (b - a >= smallest or {a, b} <= bounds) and a < b for a, b in pieces if b is not None
    )
    assert len(pieces) <= count + len(gaps)
