"""An `Explanation` as a table of plain text."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from ..client.redaction import HIDDEN
from .shown import seconds
from .values import BodyShape, Explanation, Value

__all__ = ["WIDTH", "render"]

WIDTH = 100
"""How many columns a table has at most; what is longer goes on in the next line."""

_ALWAYS = frozenset("timeout retry follow_redirects".split())
"""The settings that are shown where nobody changed them, too."""

_BUCKETS = {"client": "", HIDDEN: " for what a function of yours tells apart"}

_WIDEST_NAME, _WIDEST_SOURCE = 22, 30


class Row(NamedTuple):
    """A line of the table: what, its value, where it comes from."""

    name: str
    value: str
    source: str = ""


def render(explanation: Explanation) -> str:
    """Return the table."""
    sections = list(_sections(explanation))
    rows = [row for _, found in sections for row in found]
    first = max(len(title) for title, _ in sections) + 2
    second = min(max(len(row.name) for row in rows), _WIDEST_NAME) + 2
    last = min(max(len(row.source) for row in rows), _WIDEST_SOURCE)
    third = WIDTH - first - second - last - 2
    head = f"{explanation.method} {explanation.url}"
    lines = textwrap.wrap(head, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    for title, found in sections:
        lines.append("")
        for row in found:
            cells = [_wrap(row.name, second - 2), _wrap(row.value, third), _wrap(row.source, last)]
            for index in range(max(map(len, cells))):
                name, value, source = (one[index] if index < len(one) else "" for one in cells)
                line = f"{title:{first}}{name:{second}}{value:{third}}  {source}"
                lines.append(line.rstrip())
                title = ""
    return "\n".join(lines)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _sections(one: Explanation) -> Iterator[tuple[str, list[Row]]]:
    """Return the parts of the table that have something to show."""
    sections = {
        "Endpoint": [] if one.endpoint is None else [Row("", one.endpoint)],
        "Path": _values(one.path),
        "Query": _values(one.query),
        "Headers": _values(one.headers),
        "Cookies": _values(one.cookies),
        "Body": [] if one.body is None else list(_body(one.body)),
        "Auth": list(_auth(one)),
        "Options": list(_settings(one)),
        "Limits": list(_limits(one)),
        "Hooks": [Row(hook.name, ", ".join(hook.methods), str(hook.source)) for hook in one.hooks],
        "Pages": list(_paging(one)),
        "Result": [
            Row(str(found.status), found.text, str(found.source)) for found in one.responses
        ],
    }
    return ((title, rows) for title, rows in sections.items() if rows)


def _values(values: tuple[Value, ...]) -> list[Row]:
    return [Row(one.name, one.value, str(one.source)) for one in values]


def _body(body: BodyShape) -> Iterator[Row]:
    length = "length not known" if body.length is None else f"{body.length} bytes"
    once = "" if body.replayable else ", can be sent once"
    yield Row(body.kind, f"{length}{once}", str(body.source))
    if body.structure is not None:
        yield Row("", json.dumps(body.structure, ensure_ascii=False))
    yield from _values(body.fields)


def _auth(one: Explanation) -> Iterator[Row]:
    for found in one.auth:
        text = found.missing or found.place or "as it decides"
        if found.requirement:
            text += f", for {' and '.join(found.requirement)}"
        yield Row(found.scheme, text, str(found.source))


def _settings(one: Explanation) -> Iterator[Row]:
    for name, found in one.settings.items():
        if name in _ALWAYS or (found.source.kind != "default" and found.value is not None):
            yield Row(name, found.text, str(found.source))


def _limits(one: Explanation) -> Iterator[Row]:
    for limit in one.limits:
        slots = f", takes {limit.cost}" if limit.cost != 1 else ""
        bucket = _BUCKETS.get(limit.bucket, f" for {limit.bucket}")
        text = f"{limit.limit:g} in {seconds(limit.per)}{bucket}{slots}, {_in(limit.wait)}"
        yield Row("rate limit", text, str(limit.source))
    if one.circuit is not None:
        left = one.circuit.retry_after
        when = "" if left is None else f" for {seconds(left)}"
        yield Row("circuit", f"{one.circuit.state}{when}", str(one.circuit.source))
    if one.concurrency is not None:
        found = one.concurrency
        text = f"{found.in_flight} of {found.limit} calls in flight"
        yield Row("concurrency", text, str(found.source))
    yield Row("expected wait", "not known here" if one.wait is None else _seconds(one.wait))


def _in(wait: float | None) -> str:
    if wait is None:
        return "when it is free is not known here"
    return f"free in {_seconds(wait)}" if wait != math.inf else "never free"


def _seconds(wait: float) -> str:
    return "never" if wait == math.inf else seconds(wait)


def _paging(one: Explanation) -> Iterator[Row]:
    found = one.paging
    if found is not None:
        bounds = {
            "at": found.at,
            "max_pages": found.max_pages,
            "max_items": found.max_items,
            "ahead": found.ahead or None,
        }
        given = [found.gives, *(f"{name} {one}" for name, one in bounds.items() if one is not None)]
        yield Row(found.strategy, ", ".join(given), str(found.source))
