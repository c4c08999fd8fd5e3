"""What is decoded while it arrives: the elements of an array, and events."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

import pydantic

from arya_api_framework.streaming.events import EventDecoder

from .measure import Bar, Row, Settings, cpu_time, in_turn
from .models import USER
from .processes import child
from .servers import Web

__all__ = ["PIECE", "events", "items"]

PIECE = 64 * 1024
"""How much of a body comes at once."""

_MIB = 1024 * 1024
_AT_ONCE = 1000
_EVENTS = 50
_EVENT = b'event: token\nid: 4711\ndata: {"index": 17, "text": " hello"}\n\n'


def items(settings: Settings, web: Web) -> Iterator[Row]:
    """An array of objects as they arrive, and all at once by pydantic alone."""
    count = settings.items
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        path = Path(folder, "items.json")
        _write_array(path, count)
        size = path.stat().st_size / _MIB
        ours = partial(child, "items", "ours", str(path))
        rounds = settings.process_rounds
        plain = in_turn(rounds, ours, partial(child, "items", "theirs", str(path)))
        bare = in_turn(rounds, ours, partial(child, "items", "theirs-uncollected", str(path)))
    what = f"{count:,} items"
    bar = Bar(0.8, at_least=True)
    for name, found in ("CPU", plain), ("CPU, no garbage collection by theirs", bare):
        speed = [(size / ours["cpu"], size / theirs["cpu"]) for ours, theirs in found]
        yield Row.of(f"{what}, {name}", "MiB/s", speed, bar)
    growth = [(ours["growth"], theirs["growth"]) for ours, theirs in plain]
    yield Row(
        f"{what}, peak memory growth",
        "MiB",
        median(ours for ours, _ in growth),
        median(theirs for _, theirs in growth),
        bar=Bar(32, of_ours=True),
    )


def _write_array(path: Path, count: int) -> None:
    start, end = USER.split("1", 1)
    with path.open("w") as file:
        file.write("[")
        for first in range(0, count, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, count))
            file.write(", " if first else "")
            file.write(", ".join([f"{start}{number}{end}" for number in numbers]))
        file.write("]")


class _Token(pydantic.BaseModel):
    index: int
    text: str


def events(settings: Settings, web: Web) -> Iterator[Row]:
    """Small events of a stream, each as a model."""
    count = settings.calls * _EVENTS
    body = _EVENT * count
    pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]

    def decode() -> None:
        decoder = EventDecoder(_Token)
        found = 0
        for piece in pieces:
            for event in decoder.feed(piece):
                found += event.data.index == 17
        if found != count:
            raise RuntimeError(f"{found} events of {count} came")

    costs = [cpu_time(decode, 1) / count for _ in range(settings.rounds)]
    bar = Bar(200_000, at_least=True, of_ours=True)
    yield Row("typed events", "1/s", 1e6 / median(costs), bar=bar)
