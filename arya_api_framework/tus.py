"""`TusServer`: what a server for tus uploads can do, as it says itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["TUS_VERSION", "TusServer"]

TUS_VERSION = "1.0.0"
"""The version of the protocol that is spoken."""


@dataclass(frozen=True, slots=True)
class TusServer:
    """What a server for tus uploads can do (tus 1.0.0, OPTIONS).

    Attributes:
        versions: The versions of the protocol that it speaks, the one it likes most first.
        extensions: The extensions that it has, such as `"creation"` and `"termination"`.
        max_size: The largest file that it takes, in bytes; `None` where it does not say.
        checksum_algorithms: The algorithms that it can check chunks by, such as `"sha1"`.
    """

    versions: tuple[str, ...] = ()
    extensions: frozenset[str] = frozenset()
    max_size: int | None = None
    checksum_algorithms: tuple[str, ...] = ()

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> TusServer:
        """Return what the header fields of an answer to OPTIONS say."""
        size = headers.get("Tus-Max-Size", "").strip()
        return cls(
            _listed(headers.get("Tus-Version", "")),
            frozenset(_listed(headers.get("Tus-Extension", ""))),
            int(size) if size.isascii() and size.isdigit() and len(size) < 20 else None,
            _listed(headers.get("Tus-Checksum-Algorithm", "")),
        )

    def has(self, extension: str) -> bool | None:
        """Return whether the server has an extension; `None` where it said nothing of itself."""
        return None if not self.versions else extension in self.extensions


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())
