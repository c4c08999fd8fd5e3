"""Many calls, a third of which fail in all ways: nothing may be left of them.

    python -m tests.benchmarks.soak        # 10,000 calls with each client
    python -m tests.benchmarks.soak 2000

A run is measured against the state after a shorter one, so that what is loaded and cached once
does not count.
"""

import asyncio
import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arya_api_framework import AsyncClient, Pool, SyncClient, Timeout
from arya_api_framework.errors import FrameworkException
from tests.client.conftest import hooked_session

FAILING = [
    "/close-before-head",
    "/close-in-head",
    "/close-in-body",
    "/close-in-chunk",
    "/reset-before-head",
    "/reset-in-body",
    "/reset-in-chunk",
    "/hang-before-head",
    "/hang-in-head",
    "/hang-in-body",
    "/hang-in-error-body",
    "/garbage",
    "/status-99",
    "/no-colon",
    "/length-word",
    "/lengths-differ",
    "/chunk-size-word",
    "/chunk-without-end",
    "/redirect-endless",
    "/nowhere-at-all",
]
WORKING = ["/ok", "/gzip", "/ok", "/mirror"]
WORKERS = 8
MEMORY = 12 * 1024 * 1024
DESCRIPTORS = 5


@dataclass(frozen=True)
class State:
    """What a process holds."""

    memory: int
    descriptors: int
    threads: int

    @classmethod
    def now(cls) -> "State":
        """Look at this process, on Linux."""
        gc.collect()
        # What the C library keeps for threads that are no more is not held by anyone.
        ctypes.CDLL(None).malloc_trim(0)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            pages * os.sysconf("SC_PAGE_SIZE"),
            len(os.listdir("/proc/self/fd")),
            threading.active_count(),
        )


def choose(number: int) -> str:
    """Return the path of a call; every third fails."""
    if number % 3:
        return WORKING[number % len(WORKING)]
    return FAILING[number // 3 % len(FAILING)]


OPTIONS: dict[str, Any] = {
    "timeout": Timeout(total=5, read=0.1),
    "pool": Pool(total=WORKERS),
    "max_response_size": 256 * 1024,
}


def soak_sync(url: str, calls: int, **options: Any) -> int:
    """Make calls in a few threads; return how many failed."""
    failed: list[int] = []
    numbers = iter(range(calls))

    def work() -> None:
        for number in numbers:
            call = client.post if number % 2 else client.get
            try:
                call(choose(number))
            except FrameworkException:
                failed.append(number)

    with SyncClient(url, **OPTIONS, **options) as client:
        threads = [threading.Thread(target=work) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return len(failed)


async def soak_async(url: str, calls: int) -> int:
    """Make calls in a few tasks; return how many failed, some because they were cancelled."""
    failed: list[int] = []
    numbers = iter(range(calls))

    async def work() -> None:
        for number in numbers:
            call = client.post if number % 2 else client.get
            try:
                if number % 30:
                    await call(choose(number))
                else:
                    async with asyncio.timeout(number % 7 / 1000):
                        await call(choose(number))
            except (FrameworkException, TimeoutError):
                failed.append(number)

    before = len(asyncio.all_tasks())
    async with AsyncClient(url, **OPTIONS) as client, asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work())
    assert len(asyncio.all_tasks()) == before, "a task is left"
    return len(failed)


def soak(lane: str, url: str, calls: int) -> int:
    """Make calls on a lane; return how many failed."""
    if lane == "async":
        return asyncio.run(soak_async(url, calls))
    options = {"session_factory": hooked_session} if lane == "compatible" else {}
    return soak_sync(url, calls, **options)


SERVER = """
import sys, threading, time
from tests.faults import Faults

with Faults() as faults:
    def forget():
        while True:
            time.sleep(0.5)
            faults.reset()

    threading.Thread(target=forget, daemon=True).start()
    print(faults.url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def serving() -> Generator[str]:
    """Run the server that breaks HTTP in a process of its own, whose memory does not count."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def measure(lane: str, url: str, calls: int, warm: int) -> tuple[int, State, State]:
    """Return how many calls failed, and the states before and after."""
    soak(lane, url, warm)
    before = State.now()
    failed = soak(lane, url, calls)
    return failed, before, State.now()


def main(calls: int) -> None:
    """Measure each lane and print what is left."""
    for lane in ("fast", "compatible", "async"):
        with serving() as url:
            start = time.monotonic()
            failed, before, after = measure(lane, url, calls, 600)
        print(
            f"{lane}: {calls} calls, {failed} failed, {time.monotonic() - start:.0f} s, "
            f"memory {(after.memory - before.memory) / 2**20:+.1f} MiB, "
            f"descriptors {after.descriptors - before.descriptors:+d}, "
            f"threads {after.threads - before.threads:+d}",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
