"""Content codings: what is decoded, what is refused, and that neither needs much memory."""

from __future__ import annotations

import contextlib
import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arya_api_framework.client.decoding import ACCEPT_ENCODING, Decoder, decode
from arya_api_framework.errors import ContentEncodingError, ResponseTooLarge

KIB, MIB = 1024, 1024 * 1024
CONTENT = b'{"name": "Arya", "id": 1}' * 20


def raw_deflate(data: bytes) -> bytes:
    """Compress without zlib's header and checksum, as some servers understand `deflate`."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def decode_bytewise(data: bytes, encoding: bytes | str, limit: int) -> bytes:
    """Decode as if the bytes came one by one."""
    decoder = Decoder(encoding, limit)
    content = b"".join(decoder.feed(data[i : i + 1]) for i in range(len(data)))
    return content + decoder.finish()


Decode = Callable[[bytes, bytes | str, int], bytes]
both_ways = pytest.mark.parametrize("run", [decode, decode_bytewise], ids=["whole", "bytewise"])


@both_ways
@pytest.mark.parametrize(
    ("encoding", "data"),
    {
        "none": ("", CONTENT),
        "identity": ("Identity", CONTENT),
        "gzip": ("gzip", gzip.compress(CONTENT)),
        "gzip as bytes": (b"gzip", gzip.compress(CONTENT)),
        "other case, blanks": (b" GZip\t", gzip.compress(CONTENT)),
        "x-gzip": ("x-gzip", gzip.compress(CONTENT)),
        "members": ("gzip", gzip.compress(CONTENT[:9]) + gzip.compress(CONTENT[9:])),
        "empty members": ("gzip", gzip.compress(b"") + gzip.compress(CONTENT) + gzip.compress(b"")),
        "padding": ("gzip", gzip.compress(CONTENT) + bytes(512)),
        "deflate as zlib": ("deflate", zlib.compress(CONTENT)),
        "deflate as zlib, small window": (
            "deflate",
            (small := zlib.compressobj(wbits=9)).compress(CONTENT) + small.flush(),
        ),
        "deflate as it is": ("deflate", raw_deflate(CONTENT)),
        "deflate as it is, stored": (
            "deflate",
            (stored := zlib.compressobj(0, wbits=-15)).compress(CONTENT) + stored.flush(),
        ),
        "gzip, then deflate": ("gzip, deflate", zlib.compress(gzip.compress(CONTENT))),
        "deflate, then gzip": ("deflate,gzip", gzip.compress(raw_deflate(CONTENT))),
        "gzip twice": (b"gzip, x-gzip", gzip.compress(gzip.compress(CONTENT))),
        "empty items and identity": (", identity,gzip ,identity,", gzip.compress(CONTENT)),
    }.values(),
)
def test_content_is_decoded(run: Decode, encoding: bytes | str, data: bytes) -> None:
    """The codings we ask for, in the forms that servers send them, give the content."""
    assert run(data, encoding, len(CONTENT)) == CONTENT


def test_start_of_deflate_is_told_by_both_bytes() -> None:
    """A bare stream whose first bytes look like one half of zlib's header is a bare stream."""
    multiple_of_31 = raw_deflate(b"ch")
    method_8 = b"\x08\x00\x00\xff\xff" + raw_deflate(b"hi")
    assert int.from_bytes(multiple_of_31[:2], "big") % 31 == 0

    assert decode(multiple_of_31, "deflate", MIB) == b"ch"
    assert decode(method_8, "deflate", MIB) == b"hi"


@both_ways
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, deflate", "identity", ""])
def test_empty_body_is_empty(run: Decode, encoding: str) -> None:
    """A body of no bytes is empty under every coding, also if it should have had a header."""
    assert run(b"", encoding, 0) == b""


def test_coded_nothing_is_empty() -> None:
    """A coded body of no content is within a limit of 0."""
    assert decode(gzip.compress(b""), "gzip", 0) == b""
    assert decode(zlib.compress(b""), "deflate", 0) == b""
    assert decode(raw_deflate(b""), "deflate", 0) == b""
    assert decode(gzip.compress(b""), "gzip, gzip", 0) == b""


@pytest.mark.parametrize(
    "encoding", ["br", "gzip, br", "aws-chunked", "gzip;q=1", "gzip deflate", "gz\u0131p", b"\xff"]
)
def test_unknown_codings_are_refused(encoding: bytes | str) -> None:
    """What we cannot decode is an error, before a byte of it is taken for content."""
    with pytest.raises(ContentEncodingError, match="'gzip, deflate', got"):
        Decoder(encoding, MIB)
    with pytest.raises(ContentEncodingError):
        decode(CONTENT, encoding, MIB)
    assert decode(b"", encoding, MIB) == b""


def test_codings_asked_for_are_decoded() -> None:
    """All that `ACCEPT_ENCODING` names is known."""
    for coding in ACCEPT_ENCODING.split(", "):
        Decoder(coding, 0)


def test_at_most_two_codings_are_decoded() -> None:
    """Two layers are the most, so that a few bytes cannot ask for endless work."""
    with pytest.raises(ContentEncodingError, match="at most 2"):
        Decoder("gzip, deflate, gzip", MIB)


@both_ways
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(CONTENT)),
        ("gzip", gzip.compress(CONTENT) + gzip.compress(CONTENT)),
        ("deflate", zlib.compress(CONTENT)),
        ("deflate", raw_deflate(CONTENT)),
        ("gzip, deflate", zlib.compress(gzip.compress(CONTENT))),
    ],
)
def test_cut_bodies_are_refused(run: Decode, encoding: str, data: bytes) -> None:
    """A body without its end is an error wherever it was cut, but between two members."""
    first_member = len(gzip.compress(CONTENT))
    for size in range(1, len(data)):
        if encoding != "gzip" or size != first_member:
            with pytest.raises(ContentEncodingError):
                run(data[:size], encoding, MIB)


def test_inner_body_that_was_cut_is_refused() -> None:
    """The end of the outer coding does not stand in for that of the inner."""
    with pytest.raises(ContentEncodingError, match="ends before"):
        decode(zlib.compress(gzip.compress(CONTENT)[:-1]), "gzip, deflate", MIB)


def flip(data: bytes, index: int) -> bytes:
    """Change one byte."""
    index %= len(data)
    return data[:index] + bytes([data[index] ^ 0x55]) + data[index + 1 :]


@both_ways
@pytest.mark.parametrize(
    ("encoding", "data"),
    {
        "no gzip": ("gzip", CONTENT),
        "deflate for gzip": ("gzip", zlib.compress(CONTENT)),
        "gzip for deflate": ("deflate", gzip.compress(CONTENT)),
        "checksum": ("gzip", flip(gzip.compress(CONTENT), -5)),
        "length": ("gzip", flip(gzip.compress(CONTENT), -1)),
        "checksum of zlib": ("deflate", flip(zlib.compress(CONTENT), -1)),
        "preset dictionary": (
            "deflate",
            (preset := zlib.compressobj(zdict=b"Arya")).compress(CONTENT) + preset.flush(),
        ),
        "garbage behind gzip": ("gzip", gzip.compress(CONTENT) + b"garbage"),
        "zeros before gzip": ("gzip", bytes(8) + gzip.compress(CONTENT)),
        "garbage behind padding": ("gzip", gzip.compress(CONTENT) + bytes(8) + b"x"),
        "member behind padding": ("gzip", gzip.compress(CONTENT) + bytes(8) + gzip.compress(b"x")),
        "garbage behind zlib": ("deflate", zlib.compress(CONTENT) + b"x"),
        "padding behind zlib": ("deflate", zlib.compress(CONTENT) + bytes(1)),
        "garbage behind raw deflate": ("deflate", raw_deflate(CONTENT) + b"x"),
        "garbage in the inner coding": ("gzip, deflate", zlib.compress(CONTENT)),
    }.values(),
)
def test_broken_bodies_are_refused(run: Decode, encoding: str, data: bytes) -> None:
    """What is not exactly what its coding says is an error, which quotes neither zlib nor data."""
    with pytest.raises(ContentEncodingError) as caught:
        run(data, encoding, MIB)

    assert "Arya" not in str(caught.value)
    assert "rror -" not in str(caught.value)


@both_ways
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("", CONTENT),
        ("gzip", gzip.compress(CONTENT)),
        ("deflate", zlib.compress(CONTENT)),
        ("gzip, gzip", gzip.compress(gzip.compress(CONTENT))),
    ],
)
def test_decoded_size_is_limited(run: Decode, encoding: str, data: bytes) -> None:
    """As many bytes as the limit are taken, one more is an error with both numbers."""
    assert run(data, encoding, len(CONTENT)) == CONTENT
    with pytest.raises(ResponseTooLarge) as caught:
        run(data, encoding, len(CONTENT) - 1)
    assert caught.value.limit == len(CONTENT) - 1
    assert caught.value.size == len(CONTENT)


@pytest.fixture(scope="module")
def gzip_bomb() -> bytes:
    """A body of 256 KiB that inflates to 256 MiB."""
    compressor = zlib.compressobj(9, wbits=31)
    pieces = [compressor.compress(bytes(MIB)) for _ in range(256)]
    return b"".join(pieces) + compressor.flush()


def peak_of(call: Callable[[], object]) -> int:
    """Return the most bytes of memory that a call took."""
    tracemalloc.start()
    try:
        with contextlib.suppress(ResponseTooLarge):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, deflate"])
def test_bombs_stop_at_the_limit(encoding: str, gzip_bomb: bytes) -> None:
    """A small body that inflates to 256 MiB ends with the limit and a piece in memory, soon."""
    # Without its header of 10 bytes and its trailer of 8, gzip is deflate as it is.
    bare = gzip_bomb[10:-8]
    data = {"gzip": gzip_bomb, "deflate": bare}.get(encoding, zlib.compress(gzip_bomb))
    limit = 4 * MIB
    start = time.process_time()

    with pytest.raises(ResponseTooLarge) as caught:
        decode(data, encoding, limit)

    assert caught.value.size is not None
    assert limit < caught.value.size <= limit + 64 * KIB
    assert time.process_time() - start < 1
    assert peak_of(lambda: decode(data, encoding, limit)) < limit + 512 * KIB


def test_layer_that_comes_to_nothing_is_limited() -> None:
    """A layer that inflates to a hundred megabytes of empty members is stopped, not worked off."""
    data = gzip.compress(gzip.compress(b"") * (100 * MIB // 20))

    with pytest.raises(ResponseTooLarge):
        decode(data, "gzip, gzip", 64 * KIB)


@pytest.mark.parametrize("content", [b"", b"x"])
def test_endless_tiny_members_are_refused(content: bytes) -> None:
    """A body of nothing but members, each of which costs time, is no body that is worth it."""
    member = gzip.compress(content)
    last = gzip.compress(CONTENT)

    assert decode(member * 10_000 + last, "gzip", MIB) == content * 10_000 + CONTENT
    with pytest.raises(ContentEncodingError, match="10000 members"):
        decode(member * 10_001 + last, "gzip", MIB)


def test_many_members_of_some_size_are_taken() -> None:
    """Files that were written in blocks have as many members as they have blocks."""
    content = bytes(1024)

    assert decode(gzip.compress(content) * 20_000, "gzip", 32 * MIB) == content * 20_000


def test_padding_costs_no_more_than_its_size() -> None:
    """Endless padding is passed over in time linear in its size."""
    start = time.process_time()

    assert decode(gzip.compress(b"x") + bytes(2 * MIB), "gzip", 2 * MIB) == b"x"

    assert time.process_time() - start < 2


def test_pieces_of_a_stream_are_small(gzip_bomb: bytes) -> None:
    """A stream without a limit is decoded 64 KiB at a time, whatever one read brings."""
    decoder = Decoder("gzip", 2**63)
    sizes: list[int] = []

    def take() -> None:
        sizes.extend(map(len, decoder.pieces(gzip_bomb)))

    assert peak_of(take) < MIB
    assert sum(sizes) == 256 * MIB
    assert max(sizes) == 64 * KIB
    assert decoder.finish() == b""


def test_content_is_not_held_back() -> None:
    """What a server flushed can be read at once, before the end of the body."""
    for wbits, encoding in ((31, "gzip"), (15, "deflate"), (-15, "deflate")):
        compressor = zlib.compressobj(wbits=wbits)
        decoder = Decoder(encoding, MIB)
        for event in (b"data: 1\n\n", b"data: 2\n\n"):
            sent = compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH)
            assert decoder.feed(sent) == event
        assert decoder.feed(compressor.flush()) == b""
        assert decoder.finish() == b""


@pytest.mark.parametrize("size", [64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 128 * KIB, 3 * MIB])
def test_sizes_around_a_piece_are_whole(size: int) -> None:
    """Content that fills a piece to the last byte has its rest and its end read as well."""
    content = bytes(size)

    assert decode(gzip.compress(content), "gzip", size) == content
    assert decode(raw_deflate(content), "deflate", size) == content
    assert decode(gzip.compress(content) * 2, "gzip", 2 * size) == content * 2


@given(
    st.binary(max_size=200),
    st.sampled_from(["", "gzip", "deflate", "gzip, deflate", "deflate, x-gzip"]),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=3), st.integers(0, 3)), max_size=2),
    st.lists(st.integers(1, 40), max_size=5),
    st.integers(0, 250),
)
@settings(max_examples=300, deadline=None)
def test_pieces_change_no_outcome(
    content: bytes,
    encoding: str,
    bare: bool,
    changes: list[tuple[int, bytes, int]],
    sizes: list[int],
    limit: int,
) -> None:
    """However a body is cut, and whatever was done to it, its content is the same, or an error."""
    data = content
    for coding in filter(None, encoding.split(", ")):
        compress = gzip.compress if "gzip" in coding else raw_deflate if bare else zlib.compress
        data = compress(data)
    for index, new, lost in changes:
        data = data[:index] + new + data[index + lost :]

    def outcome(pieces: list[bytes]) -> object:
        try:
            decoder = Decoder(encoding, limit)
            return b"".join(map(decoder.feed, pieces)) + decoder.finish()
        except (ContentEncodingError, ResponseTooLarge):
            # Nothing else may be raised, whatever comes. Which of the two it is can depend on
            # the pieces, where a body is both: zlib gives no content of a piece that is broken.
            return None

    pieces, rest = [], data
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    bytewise = [data[i : i + 1] for i in range(len(data))]

    assert outcome([data]) == outcome(bytewise) == outcome([*pieces, rest])
    if not changes:
        assert outcome([data]) == (content if len(content) <= limit else None)
