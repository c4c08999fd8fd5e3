"""`Checksum`: a digest that goes along with what is sent, in a header field."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigurationError
from .options import strict

__all__ = ["Checksum"]

_ALGORITHMS = ("md5", "sha-1", "sha-256", "sha-512", "crc32")
_NAMES = {
    "content-md5": {"md5": ""},
    "repr-digest": {"md5": "md5", "sha-1": "sha", "sha-256": "sha-256", "sha-512": "sha-512"},
    "content-digest": {"md5": "md5", "sha-1": "sha", "sha-256": "sha-256", "sha-512": "sha-512"},
    "upload-checksum": {
        "md5": "md5",
        "sha-1": "sha1",
        "sha-256": "sha256",
        "sha-512": "sha512",
        "crc32": "crc32",
    },
    "digest": {"md5": "MD5", "sha-1": "SHA", "sha-256": "SHA-256", "sha-512": "SHA-512"},
}
"""What each field calls an algorithm (RFC 9530 section 7.2, RFC 3230 section 4.1.1, tus 1.0.0)."""


@strict
@dataclass(frozen=True, slots=True)
class Checksum:
    """A digest of the body, and the field that carries it.

    It is of what is sent: of a body that is compressed, after that, and of a form with all that
    stands around its files. The body is read once before it is sent, and never held whole.

    Attributes:
        algorithm: `"md5"`, `"sha-1"`, `"sha-256"`, `"sha-512"` or `"crc32"`.
        header: The field: `Repr-Digest` and `Content-Digest` (RFC 9530), the older `Digest` (RFC
            3230) and `Content-MD5` (RFC 1864) are written as their RFCs say, any other one, such as
            `x-amz-checksum-sha256`, holds the digest in base64. When not given, it is `Content-MD5`
            for MD5 and `Repr-Digest` for all else.

    Example:
        >>> Checksum("sha-256", header="Content-Digest")
        Checksum(algorithm='sha-256', header='Content-Digest')
    """

    algorithm: str
    header: str = ""

    def __post_init__(self) -> None:
        algorithm: object = self.algorithm
        name = algorithm.lower() if isinstance(algorithm, str) else algorithm
        if name in ("sha1", "sha256", "sha512"):
            name = f"sha-{name[3:]}"
        if name not in _ALGORITHMS:
            raise ConfigurationError(
                f"a checksum must be one of {', '.join(_ALGORITHMS)}, got {algorithm!r}"
            )
        header: object = self.header
        if not header:
            header = "Content-MD5" if name == "md5" else "Repr-Digest"
        _check_header(header)
        known = _NAMES.get(str(header).lower())
        if known is not None and name not in known:
            raise ConfigurationError(
                f"{header} has no name for {name}, only for {', '.join(known)}; give another header"
            )
        object.__setattr__(self, "algorithm", name)
        object.__setattr__(self, "header", header)

    @property
    def is_of_whole(self) -> bool:
        """Whether it is that of the whole file, also where a request holds a part of it."""
        return self.header.lower() in ("repr-digest", "digest")

    def write(self, digest: str) -> str:
        """Return the value of the field for a digest in base64."""
        field = self.header.lower()
        name = _NAMES.get(field, {}).get(self.algorithm)
        match field:
            case "repr-digest" | "content-digest":
                return f"{name}=:{digest}:"
            case "digest":
                return f"{name}={digest}"
            case "upload-checksum":
                return f"{name} {digest}"
            case _:
                return digest


def _check_header(header: object) -> None:
    import re

    if not isinstance(header, str) or not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", header):
        raise ConfigurationError(
            f"header of a Checksum must be the name of a field, got {header!r}"
        )
