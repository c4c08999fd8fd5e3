"""Digests as callers give them, and as servers tell them."""

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from arya_api_framework.errors import ConfigurationError
from arya_api_framework.streaming.digests import Digest, find_digest, read_digest

SHA256 = hashlib.sha256(b"a").digest()
SHA512 = hashlib.sha512(b"a").digest()
MD5 = hashlib.md5(b"a").digest()


def b64(value: bytes) -> str:
    """Return bytes as fields have them."""
    return base64.b64encode(value).decode()


GIVEN = [
    (f"sha-256:{SHA256.hex()}", Digest("sha256", SHA256)),
    (f" SHA256:{SHA256.hex().upper()} ", Digest("sha256", SHA256)),
    (f"sha256={b64(SHA256)}", Digest("sha256", SHA256)),
    (f"sha-256=:{b64(SHA256)}:", Digest("sha256", SHA256)),
    (f"sha-512:{SHA512.hex()}", Digest("sha512", SHA512)),
    (f"md5:{MD5.hex()}", Digest("md5", MD5)),
    (f"sha1:{'00' * 20}", Digest("sha1", bytes(20))),
    (f"sha3-256:{'00' * 32}", Digest("sha3_256", bytes(32))),
    (f"blake2b:{'00' * 64}", Digest("blake2b", bytes(64))),
]


@pytest.mark.parametrize(("text", "digest"), GIVEN)
def test_checksum(text: str, digest: Digest) -> None:
    """As they stand on pages, in fields, and in `SHA256SUMS`."""
    assert read_digest(text) == digest
    assert read_digest(str(digest)) == digest
    assert len(digest.start().digest()) == len(digest.value)


BAD = [
    (SHA256.hex(), "checksum must be an algorithm and a digest"),
    ("crc32c:AAAAAA==", "the algorithms are sha-512, sha-384, sha-256"),
    (5, "got 5"),
    (b"md5:", "checksum must be"),
    ("md5:", "checksum must be"),
    ("sha-256:abc", "a checksum of sha-256 has 32 bytes, 64 characters in hexadecimal"),
    (f"sha-256:{MD5.hex()}", "has 32 bytes"),
    (f"sha-256:{'x' * 64}", "has 32 bytes"),
    ("md5:ä", "has 16 bytes"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_what_is_no_checksum(text: object, message: str) -> None:
    """The error says what is expected."""
    with pytest.raises(ConfigurationError, match=message):
        read_digest(text)


def test_the_usual_name() -> None:
    """A digest is shown as it can be given."""
    assert str(read_digest(f"sha256={b64(SHA256)}")) == f"sha-256:{SHA256.hex()}"


TOLD = [
    ([f"Repr-Digest: sha-256=:{b64(SHA256)}:"], SHA256, SHA256),
    ([f"Repr-Digest: sha-256=:{b64(SHA256)}:, sha-512=:{b64(SHA512)}:;x=1"], SHA512, SHA512),
    ([f"Repr-Digest: md5=:{b64(MD5)}:", f"Digest: SHA-256={b64(SHA256)}"], SHA256, SHA256),
    ([f"Digest: md5={b64(MD5)},unixsum=30637"], MD5, MD5),
    ([f"Digest: SHA={b64(bytes(20))}"], bytes(20), bytes(20)),
    ([f"Content-Digest: sha-256=:{b64(SHA256)}:"], SHA256, None),
    ([f"Content-MD5: {b64(MD5)}"], MD5, None),
    ([f"Content-MD5: {b64(MD5)}", f"Repr-Digest: sha-256=:{b64(SHA256)}:"], SHA256, SHA256),
    (["Repr-Digest: sha-256=:AAAA:"], None, None),
    (["Repr-Digest: sha-256=:A:"], None, None),
    ([f"Repr-Digest: sha-256=:{b64(SHA256)}"], None, None),
    (["Repr-Digest: nonsense"], None, None),
    (["Content-MD5: ä"], None, None),
    ([], None, None),
]


@pytest.mark.parametrize(("fields", "of_whole", "of_part"), TOLD)
def test_what_servers_tell(
    fields: list[str], of_whole: bytes | None, of_part: bytes | None
) -> None:
    """The best digest of the whole file counts; some fields are of what comes only."""
    parts = (line.partition(": ") for line in fields)
    headers = CIMultiDictProxy(CIMultiDict((name, value) for name, _, value in parts))
    for whole, expected in ((True, of_whole), (False, of_part)):
        found = find_digest(headers, whole=whole)
        assert (found and found.value) == expected


@settings(deadline=None)
@given(st.text())
def test_any_field(text: str) -> None:
    """No field is an error."""
    headers = CIMultiDict([("Repr-Digest", text), ("Content-MD5", text)])
    find_digest(CIMultiDictProxy(headers), whole=True)
