"""Measure the clients against hand-written calls: `python -m tests.benchmarks [NAME ...]`.

A local server is started, nginx where it is installed. Every row is measured in several rounds,
ours and theirs in turn; the ratios are those of one round, ours over theirs.
"""

import argparse
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from types import FrameType

from . import bulk, calls, decoders, endpoints, in_memory, processes
from .measure import Row, Settings, render
from .servers import Web, web_server

BENCHMARKS: dict[str, Callable[[Settings, Web], Iterator[Row]]] = {
    "sync-get": calls.sync_get,
    "sync-post": calls.sync_post,
    "sync-compatible": calls.sync_compatible,
    "sync-tls": calls.sync_tls,
    "async-get": calls.async_get,
    "async-many": calls.async_many,
    "list": in_memory.parse_list,
    "map": bulk.maps,
    "in-flight": processes.in_flight,
    "upload": processes.uploads,
    "stream": processes.streams,
    "download": processes.downloads,
    "bomb": processes.bombs,
    "import": processes.imports,
    "rate-limit": in_memory.rate_limit,
    "items": decoders.items,
    "events": decoders.events,
    "endpoint": endpoints.endpoints,
}
# They would change how the hand-written calls connect.
_ENVIRONMENT = "REQUESTS_CA_BUNDLE CURL_CA_BUNDLE HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY".split()
_MIB = 1024 * 1024


def parse(arguments: list[str] | None = None) -> tuple[list[str], Settings]:
    """Return the names of the benchmarks to run, and how much of each."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure the clients against the same calls written by hand.",
        epilog="Ratios are ours over theirs. A bar says what the median must reach.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"what to measure, all by default: {', '.join(BENCHMARKS)}",
    )
    parser.add_argument("--rounds", type=_whole, help="rounds of each side [11]")
    parser.add_argument("--calls", type=_whole, help="calls of each side in a round [500]")
    parser.add_argument("--held", type=_whole, help="calls held in flight [10000]")
    parser.add_argument("--upload", type=_whole, metavar="MIB", help="size of the upload [1024]")
    parser.add_argument("--items", type=_whole, help="elements of the array [1000000]")
    parser.add_argument("--mapped", type=_whole, help="calls through one `map` [100000]")
    parser.add_argument(
        "--quick", action="store_true", help="measure too little to mean anything, in seconds"
    )
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; choose from {', '.join(BENCHMARKS)}")
    rounds, calls, held, upload, items, mapped = 11, 500, 10_000, 1024, 1_000_000, 100_000
    if given.quick:
        rounds, calls, held, upload, items, mapped = 2, 20, 100, 8, 1000, 500
    settings = Settings(
        given.rounds or rounds,
        given.calls or calls,
        given.held or held,
        (given.upload or upload) * _MIB,
        given.items or items,
        given.mapped or mapped,
    )
    return given.names or list(BENCHMARKS), settings


def main() -> None:
    """Run the benchmarks and print the table."""
    names, settings = parse()
    for name in (*_ENVIRONMENT, *map(str.lower, _ENVIRONMENT)):
        os.environ.pop(name, None)
    signal.signal(signal.SIGTERM, _stop)
    rows: list[Row] = []
    with web_server() as web:
        print(f"Server: {web.name}, at {web.plain}.\n{_versions()}.", flush=True)
        try:
            for name in names:
                print(f"Measuring {name} ...", file=sys.stderr, flush=True)
                rows += BENCHMARKS[name](settings, web)
        finally:  # A run takes minutes: what was measured before an end too soon is shown.
            if rows:
                print(f"\n{render(rows)}", flush=True)


def _versions() -> str:
    libraries = ("requests", "urllib3", "aiohttp", "pydantic", "yarl")
    found = [f"{name} {version(name)}" for name in libraries]
    return ", ".join([f"Python {platform.python_version()}", *found])


def _stop(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
