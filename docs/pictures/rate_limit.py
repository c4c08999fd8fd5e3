"""Draw when requests arrive at a server: `python docs/pictures/rate_limit.py` writes the picture.

Each limiter is told the same, ten calls in a second, and is attacked in the same way: it is left
alone until shortly before the end of a full second, and then given forty calls at once. A local
server notes when each of them arrives.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from arya_api_framework import AsyncClient

LIMIT, CALLS = 10, 40
STRETCH = 0.95
"""Seconds; a little less than the window, as requests travel for different times."""
PICTURE = Path(__file__).with_suffix(".svg")
WIDTH, ROW, LEFT, SECOND = 940, 74, 190, 170

Acquire: TypeAlias = Callable[[], Awaitable[None]]


class FixedWindow:
    """Ten calls in each second of the clock."""

    def __init__(self) -> None:
        self._window, self._count = 0, 0

    async def acquire(self) -> None:
        """Wait for the next second where this one is used up."""
        while True:
            window = int(time.monotonic())
            if window != self._window:
                self._window, self._count = window, 0
            if self._count < LIMIT:
                self._count += 1
                return
            await asyncio.sleep(window + 1 - time.monotonic())


class TokenBucket:
    """A bucket of ten tokens, to which ten are added in a second."""

    def __init__(self) -> None:
        self._tokens, self._then = float(LIMIT), time.monotonic()

    async def acquire(self) -> None:
        """Wait for a token."""
        while True:
            now = time.monotonic()
            self._tokens = min(LIMIT, self._tokens + (now - self._then) * LIMIT)
            self._then = now
            if self._tokens >= 1:
                self._tokens -= 1
                return
            await asyncio.sleep((1 - self._tokens) / LIMIT)


async def attack(acquire: Acquire | None) -> list[float]:
    """Return when the calls arrive, in seconds from the first."""
    arrivals: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                arrivals.append(time.monotonic())
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with AsyncClient(uri, rate_limit=None if acquire else LIMIT) as client:
            # Connections are there before, so that the picture is of the limiters alone.
            opened = [client.with_options(rate_limit=None).get("/") for _ in range(LIMIT)]
            await asyncio.gather(*opened)
            arrivals.clear()

            async def call() -> None:
                if acquire is not None:
                    await acquire()
                await client.get("/")

            await asyncio.sleep(2 - time.monotonic() % 1 - 0.05)
            await asyncio.gather(*(call() for _ in range(CALLS)))
    return [one - arrivals[0] for one in arrivals]


def worst_window(arrivals: list[float]) -> tuple[float, int]:
    """Return where the fullest second begins, and how many arrive in it."""
    window: deque[float] = deque()
    start, most = 0.0, 0
    for one in arrivals:
        window.append(one)
        while one - window[0] >= STRETCH:
            window.popleft()
        if len(window) > most:
            start, most = window[0], len(window)
    return start, most


def draw(rows: list[tuple[str, list[float]]]) -> str:
    """Return the picture as SVG."""
    height = ROW * len(rows) + 46
    box, font = f"0 0 {WIDTH} {height}", 'font-family="sans-serif" font-size="13"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" {font}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for second in range(5):
        x: float = LEFT + second * SECOND
        parts += [
            _line(x, 10, height - 30, 'stroke="#ddd"'),
            f'<text x="{x}" y="{height - 12}" text-anchor="middle" fill="#555">{second} s</text>',
        ]
    for number, (name, arrivals) in enumerate(rows):
        y = ROW * number + 42
        start, most = worst_window(arrivals)
        colour = "#2a7" if most <= LIMIT else "#c33"
        x = LEFT + start * SECOND
        area = f'x="{x:.1f}" y="{y - 22}" width="{SECOND}" height="44"'
        parts += [
            f'<rect {area} fill="{colour}" fill-opacity="0.15"/>',
            f'<text x="10" y="{y}">{name}</text>',
            f'<text x="10" y="{y + 18}" fill="{colour}">{most} in the worst second</text>',
        ]
        for at in arrivals:
            ink = 'stroke="#234" stroke-opacity="0.6"'
            parts.append(_line(LEFT + at * SECOND, y - 16, y + 16, ink))
    return "\n".join([*parts, "</svg>", ""])


def _line(x: float, top: float, bottom: float, ink: str) -> str:
    return f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" {ink}/>'


async def main() -> None:
    """Attack each limiter and draw what came of it."""
    rows = [
        ("fixed window", await attack(FixedWindow().acquire)),
        ("token bucket", await attack(TokenBucket().acquire)),
        ("arya_api_framework", await attack(None)),
    ]
    for name, arrivals in rows:
        most = worst_window(arrivals)[1]
        sys.stdout.write(f"{name}: {most} in the worst second, {arrivals[-1]:.2f} s\n")
    PICTURE.write_text(draw(rows), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
