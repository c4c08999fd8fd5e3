"""Digests of files: those that callers expect, and those that servers tell."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

__all__ = ["Digest", "find_digest", "read_digest"]

_ALGORITHMS: dict[str, tuple[str, str]] = {
    "sha512": ("sha-512", "sha512"),
    "sha384": ("sha-384", "sha384"),
    "sha256": ("sha-256", "sha256"),
    "sha224": ("sha-224", "sha224"),
    "sha3512": ("sha3-512", "sha3_512"),
    "sha3384": ("sha3-384", "sha3_384"),
    "sha3256": ("sha3-256", "sha3_256"),
    "sha3224": ("sha3-224", "sha3_224"),
    "blake2b": ("blake2b", "blake2b"),
    "blake2s": ("blake2s", "blake2s"),
    "sha1": ("sha-1", "sha1"),
    "sha": ("sha-1", "sha1"),
    "md5": ("md5", "md5"),
}
"""What an algorithm is called, without dashes, to its usual name and to that of `hashlib`."""

_TOLD: Sequence[str] = ("sha512", "sha256", "sha1", "md5")
"""What servers tell, the best first."""

_WRITTEN = re.compile(r"([A-Za-z0-9_\-]+)[:=](.+)", re.DOTALL)
_MEMBER = re.compile(r"[ \t]*([A-Za-z0-9_\-]+)=(:?)([A-Za-z0-9+/]*={0,2})\2[ \t]*(?:;[^,]*)?")
"""A member of `Repr-Digest` (RFC 9530 2) and, without colons, of `Digest` (RFC 3230 4.3.2)."""


class Digest(NamedTuple):
    """What the bytes of a file come to.

    Attributes:
        algorithm: Which one, as `hashlib` calls it.
        value: The digest.
    """

    algorithm: str
    value: bytes

    def start(self) -> Any:
        """Return a hash object of the algorithm, which was given nothing yet."""
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def __str__(self) -> str:
        name = next(usual for usual, name in _ALGORITHMS.values() if name == self.algorithm)
        return f"{name}:{self.value.hex()}"


def read_digest(text: Any) -> Digest:
    """Return the digest that a caller gives as text: `"sha-256:..."`, in hexadecimal or Base64.

    Raises:
        ConfigurationError: It is none.
    """
    found = _WRITTEN.fullmatch(text.strip()) if isinstance(text, str) else None
    name = None if found is None else _ALGORITHMS.get(re.sub("[-_]", "", found[1]).lower())
    if found is None or name is None:
        known = ", ".join(dict.fromkeys(usual for usual, _ in _ALGORITHMS.values()))
        raise ConfigurationError(
            f"checksum must be an algorithm and a digest, such as 'sha-256:9f86d0...', got "
            f"{text!r}; the algorithms are {known}"
        )
    size = hashlib.new(name[1], usedforsecurity=False).digest_size
    value = _read_value(found[2].strip().strip(":"), size)
    if value is None:
        raise ConfigurationError(
            f"a checksum of {name[0]} has {size} bytes, {2 * size} characters in hexadecimal, got "
            f"{found[2]!r}"
        )
    return Digest(name[1], value)


def find_digest(headers: CIMultiDictProxy[str], *, whole: bool) -> Digest | None:
    """Return the best digest of a whole file that a response tells, `None` where it tells none.

    `Repr-Digest` and the older `Digest` are of the file, whichever part of it comes;
    `Content-Digest` and `Content-MD5` are of what comes.

    Args:
        headers: The header fields of the response.
        whole: Whether all of the file comes.
    """
    found: dict[str, Digest] = {}
    names = ("Repr-Digest", "Digest", "Content-Digest") if whole else ("Repr-Digest", "Digest")
    for name in names:
        for member in ",".join(headers.getall(name, ())).split(","):
            parts = _MEMBER.fullmatch(member)
            if parts is not None:
                _add(found, parts[1], parts[3])
    if whole:
        _add(found, "md5", headers.get("Content-MD5", "").strip())
    return next((found[name] for name in _TOLD if name in found), None)


def _add(found: dict[str, Digest], algorithm: str, text: str) -> None:
    algorithm = re.sub("[-_]", "", algorithm).lower()
    algorithm = "sha1" if algorithm == "sha" else algorithm
    if algorithm in _TOLD and algorithm not in found:
        value = _read_base64(text, hashlib.new(algorithm, usedforsecurity=False).digest_size)
        if value is not None:
            found[algorithm] = Digest(algorithm, value)


def _read_value(text: str, size: int) -> bytes | None:
    if len(text) == 2 * size:
        try:
            return bytes.fromhex(text)
        except ValueError:
            return None
    return _read_base64(text, size)


def _read_base64(text: str, size: int) -> bytes | None:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if len(value) == size else None
