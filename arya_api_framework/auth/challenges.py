"""The challenges of `WWW-Authenticate` (RFC 9110 11.6.1), read in time that grows with them."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["read_challenges", "read_parameters"]

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*+=[ \t]*+(?:"((?>(?:[^"\\]|\\.)*))"|({_TOKEN}))')
_SCHEME = re.compile(rf"({_TOKEN})(?=[ \t,]|$)")
_TOKEN68 = re.compile(r"[ \t]++[A-Za-z0-9\-._~+/]++=*+[ \t]*+(?=,|$)")
_GAP = re.compile(r"[ \t,]*+")
_ESCAPE = re.compile(r"\\(.)")


def read_challenges(fields: Iterable[str]) -> list[tuple[str, dict[str, str]]]:
    """Return each scheme and its parameters, both in lower case.

    A challenge that names a parameter twice is left out, as are those after broken text.
    """
    return [challenge for field in fields for challenge in _read(field)]


def read_parameters(field: str) -> dict[str, str]:
    """Return the parameters of a field without a scheme, such as `Authentication-Info`."""
    challenges = read_challenges([f"info {field}"])
    return challenges[0][1] if challenges else {}


def _read(text: str) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    broken: set[int] = set()
    place = 0
    while (place := _end(_GAP, text, place)) < len(text):
        if match := _PARAMETER.match(text, place):
            if not found:
                break
            name = match[1].lower()
            if name in found[-1][1]:
                broken.add(len(found) - 1)
            quoted: str | None = match[2]
            found[-1][1][name] = match[3] if quoted is None else _ESCAPE.sub(r"\1", quoted)
        elif match := _SCHEME.match(text, place):
            found.append((match[1].lower(), {}))
            match = _TOKEN68.match(text, match.end()) or match
        else:
            broken.add(len(found) - 1)
            break
        place = match.end()
    return [one for number, one in enumerate(found) if number not in broken]


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    return match.end() if match else place
