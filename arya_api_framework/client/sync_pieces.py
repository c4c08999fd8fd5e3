"""Read a piece of a file that is sent in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from .upload_source import Pieces

__all__ = ["read_piece"]


def read_piece(pieces: Pieces) -> bytes | None:
    """Return the next piece, `None` after the last one."""
    return next(cast("Iterator[bytes]", pieces), None)
