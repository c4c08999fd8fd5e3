"""The `Link` header field, read (RFC 8288 3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

__all__ = ["find_link"]

_LINK = re.compile(r"[\s,]*<([^<>]*)>")
_PARAMETER = re.compile(
    r'\s*;\s*(?:([!#$%&\'*+\-.^`|~\w]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?)?',
    re.ASCII,
)
_NEXT = re.compile(r"\s*(?:,|$)")
_ESCAPED = re.compile(r"\\(.)")


def find_link(fields: Iterable[str], relation: str) -> str | None:
    """Return the target of the first link of a relation, `None` where there is none.

    Args:
        fields: The values of the field, of which a response may have several.
        relation: The type of relation, in lower case.

    Raises:
        ValueError: A value is not as the RFC has it.
    """
    for field in fields:
        for target, parameters in _links(field):
            # A link with an anchor leads from somewhere else (RFC 8288 3.2).
            if "anchor" not in parameters and relation in parameters.get("rel", "").lower().split():
                return target
    return None


def _links(field: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Return target and parameters of each link, of parameters that come twice the first."""
    end, length = 0, len(field.rstrip(" \t,"))
    while end < length:
        link = _LINK.match(field, end)
        if link is None:
            raise ValueError("no target")
        end = link.end()
        parameters: dict[str, str] = {}
        while found := _PARAMETER.match(field, end):
            end = found.end()
            name, quoted, plain = found.groups()
            if name is not None:
                value = plain or "" if quoted is None else _ESCAPED.sub(r"\1", quoted)
                parameters.setdefault(name.lower(), value)
        after = _NEXT.match(field, end)
        if after is None:
            raise ValueError("no end of a link")
        end = after.end()
        yield link[1], parameters
