"""Content codings: what is decoded, what is refused, and that neither needs much memory."""

from __future__ import annotations

import contextlib
import gzip
import random
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arya_api_framework.client.codings import accept_encoding
from arya_api_framework.client.decoding import Decoder, Decoding, decode
from arya_api_framework.errors import ContentEncodingError, ResponseTooLarge

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KIB, MIB = 1024, 1024 * 1024
CONTENT = b'{"name": "Arya", "id": 1}' * 20


def raw_deflate(data: bytes) -> bytes:
    """Compress without zlib's header and checksum, as some servers understand `deflate`."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def checked_zstd(data: bytes) -> bytes:
    """Compress with a checksum, which not every encoder adds."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


SKIPPABLE = b"\x50\x2a\x4d\x18\x05\x00\x00\x00notes"  # RFC 8878 3.1.2


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
        "br": ("br", brotli.compress(CONTENT)),
        "zstd": ("zstd", zstd.compress(CONTENT)),
        "zstd with a checksum": ("zstd", checked_zstd(CONTENT)),
        "zstd frames": ("zstd", checked_zstd(CONTENT[:9]) + zstd.compress(CONTENT[9:])),
        "zstd, skippable and empty frames": (
            "zstd",
            SKIPPABLE + zstd.compress(CONTENT) + SKIPPABLE + zstd.compress(b""),
        ),
        "zstd, then br": ("zstd, br", brotli.compress(zstd.compress(CONTENT))),
        "br, then zstd": ("BR,zstd", zstd.compress(brotli.compress(CONTENT))),
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
@pytest.mark.parametrize(
    "encoding", ["gzip", "deflate", "br", "zstd", "gzip, deflate", "identity", ""]
)
def test_empty_body_is_empty(run: Decode, encoding: str) -> None:
    """A body of no bytes is empty under every coding, also if it should have had a header."""
    assert run(b"", encoding, 0) == b""


def test_coded_nothing_is_empty() -> None:
    """A coded body of no content is within a limit of 0."""
    assert decode(gzip.compress(b""), "gzip", 0) == b""
    assert decode(zlib.compress(b""), "deflate", 0) == b""
    assert decode(raw_deflate(b""), "deflate", 0) == b""
    assert decode(brotli.compress(b""), "br", 0) == b""
    assert decode(zstd.compress(b""), "zstd", 0) == b""
    assert decode(gzip.compress(b""), "gzip, gzip", 0) == b""


@pytest.mark.parametrize(
    "encoding",
    ["brotli", "gzip, lzma", "aws-chunked", "gzip;q=1", "gzip deflate", "gz\u0131p", b"\xff"],
)
def test_unknown_codings_are_refused(encoding: bytes | str) -> None:
    """What we cannot decode is an error, before a byte of it is taken for content."""
    with pytest.raises(ContentEncodingError, match="'gzip, deflate, br, zstd', got"):
        Decoder(encoding, MIB)
    with pytest.raises(ContentEncodingError):
        decode(CONTENT, encoding, MIB)
    assert decode(b"", encoding, MIB) == b""


def test_codings_asked_for_are_decoded() -> None:
    """All that `Accept-Encoding` names is known."""
    for coding in accept_encoding().split(", "):
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
        ("br", brotli.compress(CONTENT)),
        ("zstd", zstd.compress(CONTENT)),
        ("zstd", checked_zstd(CONTENT)),
        ("gzip, deflate", zlib.compress(gzip.compress(CONTENT))),
        ("br, zstd", zstd.compress(brotli.compress(CONTENT))),
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


def windowed_zstd(window_log: int) -> bytes:
    """Compress with a window of this size, whatever the content is."""
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
    return compressor.compress(CONTENT, compressor.FLUSH_BLOCK) + compressor.flush()


def test_widest_window_of_zstd_is_taken() -> None:
    """A window of 8 MiB is what every decoder must offer (RFC 9659)."""
    assert decode(windowed_zstd(23), "zstd", MIB) == CONTENT


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
        "no br": ("br", CONTENT),
        "gzip for br": ("br", gzip.compress(CONTENT)),
        "garbage behind br": ("br", brotli.compress(CONTENT) + b"x"),
        "second br stream": ("br", brotli.compress(CONTENT) * 2),
        "no zstd": ("zstd", CONTENT),
        "checksum of zstd": ("zstd", flip(checked_zstd(CONTENT), -1)),
        "garbage behind zstd": ("zstd", zstd.compress(CONTENT) + b"garbage"),
        "padding behind zstd": ("zstd", zstd.compress(CONTENT) + bytes(8)),
        "wide window of zstd": ("zstd", windowed_zstd(24)),
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
        ("br", brotli.compress(CONTENT)),
        ("zstd", zstd.compress(CONTENT)),
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


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    """Bodies of a few KiB that inflate to 256 MiB, in the codings of the libraries."""
    coder = brotli.Compressor(quality=2)
    pieces = [coder.process(bytes(MIB)) for _ in range(256)]
    return {
        "br": b"".join(pieces) + coder.finish(),
        "zstd": zstd.compress(bytes(256 * MIB)),
    }


@pytest.mark.parametrize("encoding", ["br", "zstd"])
def test_bombs_of_libraries_stop_at_the_limit(encoding: str, bombs: dict[str, bytes]) -> None:
    """Brotli and zstd, which inflate a few KiB to gigabytes, end as soon."""
    data, limit = bombs[encoding], 4 * MIB
    start = time.process_time()

    with pytest.raises(ResponseTooLarge) as caught:
        decode(data, encoding, limit)

    assert caught.value.size is not None
    assert limit < caught.value.size <= limit + 64 * KIB
    assert time.process_time() - start < 1
    assert peak_of(lambda: decode(data, encoding, limit)) < limit + 512 * KIB


@pytest.mark.parametrize("encoding", ["br", "zstd"])
def test_pieces_of_libraries_are_small(encoding: str, bombs: dict[str, bytes]) -> None:
    """A stream without a limit is decoded 64 KiB at a time, whatever one read brings."""
    decoder = Decoder(encoding, 2**63)
    sizes = [len(piece) for piece in decoder.pieces(bombs[encoding])]

    assert sum(sizes) == 256 * MIB
    assert max(sizes) <= 64 * KIB
    assert decoder.finish() == b""


@pytest.mark.parametrize("content", [b"", b"x"])
def test_endless_tiny_frames_are_refused(content: bytes) -> None:
    """Frames of zstd cost time, too, whatever is in them; those that are skipped as well."""
    frame, last = zstd.compress(content), zstd.compress(CONTENT)

    assert decode(frame * 10_000 + last, "zstd", MIB) == content * 10_000 + CONTENT
    with pytest.raises(ContentEncodingError, match="10000 frames"):
        decode(frame * 10_001 + last, "zstd", MIB)
    with pytest.raises(ContentEncodingError, match="10000 frames"):
        decode(SKIPPABLE * 10_001 + last, "zstd", MIB)


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


def test_content_of_libraries_is_not_held_back() -> None:
    """The same for Brotli and zstd."""
    coder = brotli.Compressor()
    frames = zstd.ZstdCompressor()
    flushed: dict[str, Callable[[bytes], bytes]] = {
        "br": lambda data: coder.process(data) + coder.flush(),
        "zstd": lambda data: frames.compress(data, frames.FLUSH_BLOCK),
    }
    for encoding, send in flushed.items():
        decoder = Decoder(encoding, MIB)
        for event in (b"data: 1\n\n", b"data: 2\n\n"):
            assert decoder.feed(send(event)) == event


@pytest.mark.parametrize(
    ("encoding", "data", "is_soon"),
    [
        ("gzip", gzip.compress(CONTENT), True),
        ("gzip", gzip.compress(bytes(2 * MIB)), False),
        ("br", brotli.compress(bytes(2 * MIB), quality=2), False),
        ("zstd", zstd.compress(bytes(2 * MIB)), False),
        ("gzip, deflate", zlib.compress(gzip.compress(CONTENT)), False),
        ("gzip", gzip.compress(random.Random(1).randbytes(200 * KIB)), False),
    ],
)
def test_long_decoding_is_broken_off(encoding: str, data: bytes, is_soon: bool) -> None:
    """What takes long, or may, is left to be gone on with elsewhere, and comes to the same."""
    decoding = Decoding(data, encoding, 4 * MIB)
    content = decoding.begin()

    assert (content is not None) is is_soon
    if content is None:
        content = decoding.finish()
    assert content == decode(data, encoding, 4 * MIB)


def test_stopped_decoding_ends() -> None:
    """A decoding that nobody waits for any more does not go on to its end."""
    decoding = Decoding(gzip.compress(bytes(256 * MIB)), "gzip", 2**63)
    decoding.stopped = True

    assert decoding.begin() is None
    assert peak_of(decoding.finish) < MIB


@pytest.mark.parametrize("size", [64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 128 * KIB, 3 * MIB])
def test_sizes_around_a_piece_are_whole(size: int) -> None:
    """Content that fills a piece to the last byte has its rest and its end read as well."""
    content = bytes(size)

    assert decode(gzip.compress(content), "gzip", size) == content
    assert decode(raw_deflate(content), "deflate", size) == content
    assert decode(gzip.compress(content) * 2, "gzip", 2 * size) == content * 2
    assert decode(brotli.compress(content, quality=2), "br", size) == content
    assert decode(zstd.compress(content) * 2, "zstd", 2 * size) == content * 2


@given(
    st.binary(max_size=200),
    st.sampled_from(
        ["", "gzip", "deflate", "gzip, deflate", "deflate, x-gzip", "br", "zstd", "zstd, br"]
    ),
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
        data = {
            "br": brotli.compress,
            "zstd": checked_zstd if bare else zstd.compress,
            "deflate": raw_deflate if bare else zlib.compress,
        }.get(coding, gzip.compress)(data)
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
