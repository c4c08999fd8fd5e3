"""`Kept`: what is known of a file that is not whole yet, and the notes that tell of it later."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ..client.shapes import is_mapping, is_sequence
from ..file_lock import NO_LINK, NO_WAIT
from .digests import Digest, read_digest
from .ranges import Gap, Version

__all__ = ["BINARY", "Kept", "load_notes", "read_notes", "write_notes"]

BINARY: int = getattr(os, "O_BINARY", 0)
_LARGEST = 64 * 1024
_MOST = 10**18


class Kept(NamedTuple):
    """What is known of the bytes in a file that is not whole yet.

    Attributes:
        version: The state of the file on the server that they are of.
        gaps: What is missing; `None` where that is all behind the last byte.
        digest: What the whole file comes to, as the server told.
        name: The name that the server told.
    """

    version: Version
    gaps: Sequence[Gap] | None = None
    digest: Digest | None = None
    name: str | None = None


def write_notes(path: str, key: str, kept: Kept) -> None:
    """Replace the notes at a path, in one step.

    Args:
        path: Where they are.
        key: What the bytes are of.
        kept: What is known of them.
    """
    values = {
        "arya_download": 1,
        "key": key,
        "of": kept.version.to_json(),
        "gaps": kept.gaps,
        "digest": None if kept.digest is None else str(kept.digest),
        "name": kept.name,
    }
    handle, made = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".", suffix=".part.json")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            json.dump(values, file)
        os.replace(made, path)
    except BaseException:
        os.unlink(made)
        raise


def load_notes(path: str) -> Mapping[str, Any] | None:
    """Return the notes at a path, `None` where there are none, nothing where they are not ours."""
    try:
        handle = os.open(path, os.O_RDONLY | NO_LINK | NO_WAIT | BINARY)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        content = file.read(_LARGEST)
    try:
        values: Any = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return values if is_mapping(values) and "arya_download" in values else {}


def read_notes(values: Mapping[str, Any], key: str, size: int) -> Kept | None:
    """Return what notes say of a file of this size, `None` where they do not fit it."""
    if values["arya_download"] != 1 or values.get("key") != key:
        return None
    version = Version.from_json(values.get("of"))
    name = values.get("name")
    if version is None or version.validator is None or not isinstance(name, str | None):
        return None
    digest = None
    if values.get("digest") is not None:
        try:
            digest = read_digest(values["digest"])
        except ValueError:
            return None
    if version.total is not None and size > version.total:
        return None
    gaps = values.get("gaps")
    if gaps is None:
        return Kept(version, None, digest, name)
    pairs = _read_gaps(gaps)
    if pairs is None or version.total != size or (pairs and pairs[-1][1] > size):
        return None
    return Kept(version, [Gap(start, end) for start, end in pairs], digest, name)


def _read_gaps(gaps: Any) -> list[tuple[int, int]] | None:
    """Return the edges of gaps that follow one another."""
    if not is_sequence(gaps) or not all(is_sequence(gap) and len(gap) == 2 for gap in gaps):
        return None
    edges = [edge for gap in gaps for edge in gap]
    if not all(type(edge) is int and 0 <= edge <= _MOST for edge in edges):
        return None
    if any(a > b for a, b in pairwise(edges)):
        return None
    return list(zip(edges[::2], edges[1::2], strict=True))
