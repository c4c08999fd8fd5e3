"""What a docstring in Google's style says, for documents."""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple

__all__ = ["Docstring", "read_docstring"]

_SECTION = re.compile(
    r"(Args|Arguments|Attributes|Class keywords|Example|Examples|Keyword Args|Keyword Arguments"
    r"|Note|Notes|Other Parameters|Parameters|Raises|Return|Returns|Yield|Yields):"
)
_ARGUMENTS = frozenset(
    {"Args", "Arguments", "Keyword Args", "Keyword Arguments", "Other Parameters", "Parameters"}
)
_RESULTS = frozenset({"Return", "Returns", "Yield", "Yields"})
_NAME = r"[A-Za-z_][\w.]*(?:\[[^:]*\])?"
_TYPE = re.compile(rf"\A{_NAME}(?: *(?:\||or) *{_NAME})*: +(?=\S)")
_SPHINX = re.compile(r":(param|type|returns?|rtype|raises?|keyword|yields?)\b.*")
_UNDERLINE = re.compile(r"-{3,}")
_NUMPY = frozenset(
    {"Attributes", "Examples", "Notes", "Other Parameters", "Parameters", "Raises", "Returns"}
    | {"References", "See Also", "Warns", "Yields"}
)
_ARGUMENT = re.compile(r"\*{0,2}(\w+)(?: \([^)]*\))?: *(.*)")


class Docstring(NamedTuple):
    """What a docstring says.

    Attributes:
        summary: Its first paragraph, in one line.
        description: What follows, as far as it is text.
        arguments: What it says of each argument.
        returns: What it says of the result, without its type.
    """

    summary: str | None = None
    description: str | None = None
    arguments: dict[str, str] = {}  # noqa: RUF012 - never written to
    returns: str | None = None


def read_docstring(text: str | None) -> Docstring:
    """Return what a docstring says.

    Of sections in the styles of Sphinx and NumPy nothing is read, and nothing shown.
    """
    if not text or not text.strip():
        return Docstring()
    prose: list[str] = []
    sections: dict[str, list[str]] = {}
    found = prose
    for line in inspect.cleandoc(text).splitlines():
        section = _SECTION.fullmatch(line)
        is_of_numpy = _UNDERLINE.fullmatch(line) and prose and prose[-1] in _NUMPY
        if section is not None:
            found = sections.setdefault(section[1], [])
        elif is_of_numpy or _SPHINX.fullmatch(line):
            if is_of_numpy:
                prose.pop()
            break
        else:
            if prose and line[:1].strip():  # What stands at the margin is in no section.
                found = prose
            found.append(line)
    summary, _, rest = "\n".join(prose).strip().partition("\n\n")
    arguments: dict[str, str] = {}
    returns = None
    for name, lines in sections.items():
        body = inspect.cleandoc("\n" + "\n".join(lines))
        if name in _ARGUMENTS:
            arguments.update(_read_arguments(body))
        elif name in _RESULTS:
            returns = _TYPE.sub("", " ".join(body.split())) or None
    return Docstring(" ".join(summary.split()) or None, rest.strip() or None, arguments, returns)


def _read_arguments(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = None
    for line in text.splitlines():
        match = _ARGUMENT.fullmatch(line)
        if match is not None:
            name = match[1]
            found[name] = match[2]
        elif name is not None:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found
