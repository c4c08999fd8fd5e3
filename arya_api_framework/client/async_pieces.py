"""Read a piece of a file that is sent in chunks, without blocking a loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from .upload_source import Pieces

__all__ = ["read_piece"]

_WORTH = 64 * 1024


async def read_piece(pieces: Pieces) -> bytes | None:
    """Return the next piece, `None` after the last one."""
    if isinstance(pieces, AsyncIterator):
        return await anext(pieces, None)
    return await asyncio.to_thread(_gather, pieces)


def _gather(pieces: Iterator[bytes]) -> bytes | None:
    """Return so many pieces that a way into a thread and back is worth it."""
    found: list[bytes] = []
    size = 0
    for piece in pieces:
        found.append(piece)
        size += len(piece)
        if size >= _WORTH:
            break
    return b"".join(found) if found else None
