"""What is measured in fresh processes: calls held in flight, uploads, imports."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from .measure import Bar, Row, Settings, in_turn
from .servers import ROOT, Web, bomb_server, drain_server, hold_server, pour_server

__all__ = ["bombs", "child", "imports", "in_flight", "mapped", "streams", "uploads"]

_MIB = 1024 * 1024
_SMALL = 64 * 1024

_IMPORT_OURS = "from arya_api_framework import SyncClient"
_IMPORT_THEIRS = "import requests, pydantic, yarl"
_BUILD_OURS = f"""{_IMPORT_OURS}
class Client(SyncClient, uri="https://api.test"):
    pass
Client()
"""
_BUILD_THEIRS = "import requests, yarl; from pydantic import BaseModel"
_TIMED = """
import json, sys, time
start = time.process_time()
{code}
spent = (time.process_time() - start) * 1e3
heavy = [name for name in ("requests", "aiohttp", "asyncio") if name in sys.modules]
print(json.dumps([spent, heavy]))
"""


def in_flight(settings: Settings, web: Web) -> Iterator[Row]:
    """Calls held in flight by a server that answers when all have come."""
    count = settings.held

    def hold(side: str) -> dict[str, float]:
        with hold_server(count) as origin:
            return child("hold", side, origin, str(count))

    found = in_turn(settings.process_rounds, lambda: hold("ours"), lambda: hold("theirs"))
    cpu = [(ours["cpu"] / count * 1e6, theirs["cpu"] / count * 1e6) for ours, theirs in found]
    growth = [(ours["growth"], theirs["growth"]) for ours, theirs in found]
    yield Row.of(f"{count:,} in flight, CPU", "us", cpu, Bar(1.10))
    yield Row.of(f"{count:,} in flight, peak memory growth", "MiB", growth, Bar(1.10))


def uploads(settings: Settings, web: Web) -> Iterator[Row]:
    """A file streamed by both clients: throughput and how far memory grows."""
    size = settings.upload // _MIB
    with TemporaryDirectory(prefix="benchmarks-") as folder, drain_server() as origin:
        small, large = Path(folder, "small"), Path(folder, "large")
        small.write_bytes(bytes(_SMALL))
        with large.open("wb") as file:
            file.truncate(settings.upload)
        files = origin, str(small), str(large)
        for kind in ("sync", "async"):
            found = in_turn(
                settings.process_rounds,
                partial(child, "upload", f"{kind}-ours", *files),
                partial(child, "upload", f"{kind}-theirs", *files),
            )
            speed = [(size / ours["seconds"], size / theirs["seconds"]) for ours, theirs in found]
            growth = [(ours["growth"], theirs["growth"]) for ours, theirs in found]
            what = f"{kind} upload of {size:,} MiB"
            yield Row.of(f"{what}, throughput", "MiB/s", speed, Bar(0.95, at_least=True))
            yield Row.of(f"{what}, peak memory growth", "MiB", growth, Bar(16, of_ours=True))


def streams(settings: Settings, web: Web) -> Iterator[Row]:
    """A body read piece by piece by both clients: throughput and how far memory grows."""
    size = settings.upload // _MIB
    with pour_server() as origin:
        for kind in ("sync", "async"):
            found = in_turn(
                settings.process_rounds,
                partial(child, "stream", f"{kind}-ours", origin, str(settings.upload)),
                partial(child, "stream", f"{kind}-theirs", origin, str(settings.upload)),
            )
            speed = [(size / ours["seconds"], size / theirs["seconds"]) for ours, theirs in found]
            growth = [(ours["growth"], theirs["growth"]) for ours, theirs in found]
            what = f"{kind} stream of {size:,} MiB"
            yield Row.of(f"{what}, throughput", "MiB/s", speed, Bar(0.95, at_least=True))
            yield Row.of(f"{what}, peak memory growth", "MiB", growth, Bar(16, of_ours=True))


def mapped(settings: Settings, web: Web) -> Iterator[Row]:
    """Calls through one `map`: how many a second, and how far memory grows with their number."""
    for kind in ("sync", "async"):
        figures = child("map", kind, web.plain, str(settings.mapped))
        what = f"{kind} map of {settings.mapped:,} GETs"
        yield Row(f"{what}, throughput", "1/s", settings.mapped / figures["seconds"])
        yield Row(f"{what}, peak memory growth", "MiB", figures["growth"], bar=Bar(8, of_ours=True))


def downloads(settings: Settings, web: Web) -> Iterator[Row]:
    """A file fetched by both clients: throughput and how far memory grows."""
    size = settings.upload // _MIB
    with pour_server() as origin:
        for kind in ("sync", "async"):
            found = in_turn(
                settings.process_rounds,
                partial(child, "download", f"{kind}-ours", origin, str(settings.upload)),
                partial(child, "download", f"{kind}-theirs", origin, str(settings.upload)),
            )
            speed = [(size / ours["seconds"], size / theirs["seconds"]) for ours, theirs in found]
            growth = [(ours["growth"], theirs["growth"]) for ours, theirs in found]
            what = f"{kind} download of {size:,} MiB"
            yield Row.of(f"{what}, throughput", "MiB/s", speed, Bar(0.95, at_least=True))
            yield Row.of(f"{what}, peak memory growth", "MiB", growth, Bar(16, of_ours=True))


def bombs(settings: Settings, web: Web) -> Iterator[Row]:
    """A body of a few KiB that inflates to 1 GiB: how soon and in how much memory it is refused."""
    for coding in ("gzip", "br", "zstd"):
        with bomb_server(coding) as origin:
            for kind in ("sync", "async"):
                found = [child("bomb", kind, origin) for _ in range(settings.process_rounds)]
                what = f"{kind} {coding} bomb of 1 GiB"
                seconds = median(one["seconds"] for one in found)
                growth = median(one["growth"] for one in found)
                yield Row(f"{what}, time", "s", seconds, bar=Bar(1, of_ours=True))
                yield Row(f"{what}, peak memory growth", "MiB", growth, bar=Bar(100, of_ours=True))


def imports(settings: Settings, web: Web) -> Iterator[Row]:
    """Importing the package and making the first client, in fresh interpreters."""
    yield _import_row("import", settings, _IMPORT_OURS, _IMPORT_THEIRS, Bar(0.90))
    yield _import_row("import, first client made", settings, _BUILD_OURS, _BUILD_THEIRS, Bar(1.15))


def _import_row(what: str, settings: Settings, ours: str, theirs: str, bar: Bar) -> Row:
    _, heavy = _timed(ours)  # The first run also compiles what was not compiled yet.
    _timed(theirs)
    pairs = in_turn(settings.rounds, lambda: _timed(ours)[0], lambda: _timed(theirs)[0])
    loaded = ", ".join(heavy) if heavy else "none"
    note = f"of requests, aiohttp and asyncio it loads {loaded}"
    return Row.of(what, "ms", pairs, bar, note=note, fault="it must load none" if heavy else "")


def _timed(code: str) -> tuple[float, list[str]]:
    spent, heavy = json.loads(_output([sys.executable, "-c", _TIMED.format(code=code)]))
    return float(spent), list(heavy)


def child(*arguments: str) -> dict[str, float]:
    """Return the figures of what is measured in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.children", *arguments]
    figures: dict[str, float] = json.loads(_output(command))
    return figures


def _output(command: list[str]) -> str:
    # Compiled modules must be kept, or every run would compile ours anew.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
