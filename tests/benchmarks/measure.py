"""Measure two ways of doing one thing in turn, and print what came out as a table."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self, TypeVar

__all__ = [
    "Bar",
    "Row",
    "Settings",
    "async_cpu_time",
    "compare",
    "compare_async",
    "cpu_time",
    "in_turn",
    "render",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is measured.

    Attributes:
        rounds: How many times each side is measured; their ratio is taken round by round.
        calls: Calls of one side in one round.
        held: Calls held in flight at once.
        upload: Bytes of the uploaded file.
        items: Elements of the array that is decoded.
        mapped: Calls through one `map`.
    """

    rounds: int
    calls: int
    held: int
    upload: int
    items: int
    mapped: int

    @property
    def process_rounds(self) -> int:
        """Rounds of what needs fresh processes, which cost seconds each."""
        return (self.rounds + 1) // 2


@dataclass(frozen=True, slots=True)
class Bar:
    """What a number must reach.

    Attributes:
        limit: The number.
        at_least: Whether it is the least allowed, not the most.
        of_ours: Whether it is about our own figure, not about the median of the ratios.
        aim: What would be better still.
    """

    limit: float
    at_least: bool = False
    of_ours: bool = False
    aim: float | None = None

    def is_met(self, row: "Row") -> bool:
        """Return whether a row reaches it."""
        number = row.ours if self.of_ours else median(row.ratios)
        return number >= self.limit if self.at_least else number <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        text = f"{sign} {self.limit:g}" if self.of_ours else f"{sign} {self.limit:.2f}"
        return text if self.aim is None else f"{text} ({self.aim:.2f})"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured.
        unit: The unit of the figures.
        ours: Our figure, the median of the rounds.
        theirs: The figure of the hand-written code, `None` where there is none.
        ratios: Ours over theirs, round by round.
        bar: What it must reach, `None` for nothing.
        note: Printed below the table.
        fault: Why the bar is missed, whatever the figures say.
    """

    what: str
    unit: str
    ours: float
    theirs: float | None = None
    ratios: Sequence[float] = ()
    bar: Bar | None = None
    note: str = ""
    fault: str = ""

    @classmethod
    def of(
        cls,
        what: str,
        unit: str,
        pairs: Iterable[tuple[float, float]],
        bar: Bar | None = None,
        *,
        note: str = "",
        fault: str = "",
    ) -> Self:
        """Return the row for pairs of figures, ours first, one pair a round."""
        pairs = list(pairs)
        return cls(
            what,
            unit,
            median(ours for ours, _ in pairs),
            median(theirs for _, theirs in pairs),
            [ours / theirs for ours, theirs in pairs if theirs],
            bar,
            note,
            fault,
        )

    @property
    def verdict(self) -> str:
        """Whether the bar is met."""
        if self.fault:
            return "MISSED"
        if self.bar is None:
            return "-"
        return "met" if self.bar.is_met(self) else "MISSED"


def in_turn(rounds: int, ours: Callable[[], T], theirs: Callable[[], T]) -> list[tuple[T, T]]:
    """Call both in every round and return the pairs of what they return.

    Each goes first in every other round, so that neither always finds the machine as the other
    left it.
    """
    pairs: list[tuple[T, T]] = []
    for number in range(rounds):
        if number % 2:
            second = theirs()
            pairs.append((ours(), second))
        else:
            first = ours()
            pairs.append((first, theirs()))
    return pairs


def compare(
    settings: Settings, ours: Callable[[], object], theirs: Callable[[], object]
) -> list[tuple[float, float]]:
    """Return the microseconds of CPU time that a call of each costs this process."""
    cpu_time(ours, settings.calls // 4 + 1)  # Connects, fills caches, lets CPython specialise.
    cpu_time(theirs, settings.calls // 4 + 1)
    return in_turn(
        settings.rounds,
        lambda: cpu_time(ours, settings.calls),
        lambda: cpu_time(theirs, settings.calls),
    )


def cpu_time(call: Callable[[], object], calls: int) -> float:
    """Return the microseconds of CPU time that one of so many calls costs."""
    gc.collect()  # The garbage of one side is not swept up on the time of the other.
    start = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - start) / calls * 1e6


def compare_async(
    settings: Settings,
    runner: asyncio.Runner,
    ours: Callable[[], Awaitable[object]],
    theirs: Callable[[], Awaitable[object]],
    at_once: int = 1,
) -> list[tuple[float, float]]:
    """Return the microseconds of CPU time that a call of each costs, so many in flight at once."""
    batches = max(settings.calls // at_once, 1)
    runner.run(async_cpu_time(ours, batches // 4 + 1, at_once))
    runner.run(async_cpu_time(theirs, batches // 4 + 1, at_once))
    return in_turn(
        settings.rounds,
        lambda: runner.run(async_cpu_time(ours, batches, at_once)),
        lambda: runner.run(async_cpu_time(theirs, batches, at_once)),
    )


async def async_cpu_time(
    call: Callable[[], Awaitable[object]], batches: int, at_once: int = 1
) -> float:
    """Return the microseconds of CPU time that one call costs, in batches of calls at once."""
    gc.collect()
    start = time.process_time()
    if at_once == 1:
        for _ in range(batches):
            await call()
    else:
        for _ in range(batches):
            await asyncio.gather(*(call() for _ in range(at_once)))
    return (time.process_time() - start) / (batches * at_once) * 1e6


def render(rows: Iterable[Row]) -> str:
    """Return the rows as a table in Markdown, with their notes below it."""
    rows = list(rows)
    head = ("what", "unit", "ours", "theirs", "min", "median", "max", "bar (aim)", "verdict")
    table = [head, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    right = range(2, 7)
    lines = [
        " | ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        for cells in table
    ]
    rule = " | ".join(
        "-" * (width - 1) + ":" if index in right else "-" * width
        for index, width in enumerate(widths)
    )
    text = [f"| {line} |" for line in (lines[0], rule, *lines[1:])]
    notes = [f"{row.what}: {line}" for row in rows for line in (row.note, row.fault) if line]
    return "\n".join([*text, *([""] if notes else []), *notes])


def _cells(row: Row) -> tuple[str, ...]:
    ratios = row.ratios
    spread = [min(ratios), median(ratios), max(ratios)] if ratios else []
    return (
        row.what,
        row.unit,
        _figure(row.ours),
        "-" if row.theirs is None else _figure(row.theirs),
        *([f"{ratio:.3f}" for ratio in spread] or ["-"] * 3),
        "-" if row.bar is None else str(row.bar),
        row.verdict,
    )


def _figure(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
