r"""Where something stands in JSON: names joined by dots.

A dot that is part of a name is written `\.`.
"""

from __future__ import annotations

import re
from typing import Any

from .shapes import is_mapping, is_sequence

__all__ = ["find_at", "is_place", "split_place"]

_DOT = re.compile(r"(?<!\\)\.")
_INDEX = re.compile("-?[0-9]{1,9}")


def is_place(value: object) -> bool:
    """Return whether a value is a name, or names joined by dots."""
    return isinstance(value, str) and all(_DOT.split(value))


def split_place(place: str) -> list[str]:
    r"""Return the names of a place.

    Example:
        >>> split_place(r"meta.@odata\.nextLink")
        ['meta', '@odata.nextLink']
    """
    return [name.replace(r"\.", ".") for name in _DOT.split(place)]


def find_at(body: Any, place: str) -> Any:
    """Return what stands at a place of JSON, `None` for nothing.

    A number is a place in a list. A name that is all the rest of the text counts before its parts:
    so many a service writes `"@odata.nextLink"`.
    """
    names = split_place(place)
    for number, name in enumerate(names):
        if is_mapping(body):
            rest = ".".join(names[number:])
            if rest in body:
                return body[rest]
            body = body.get(name)
        elif is_sequence(body) and _INDEX.fullmatch(name):
            body = body[int(name)] if -len(body) <= int(name) < len(body) else None
        else:
            return None
    return body
