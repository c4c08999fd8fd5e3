"""One process of many that share a limit: prints when it was granted each slot.

The times are of the monotonic clock, which all processes of a machine share.
"""

import asyncio
import sys
import threading
import time

from arya_api_framework.rate_limit import RedisShare, async_redis, sync_redis


class Stamps:
    """A clock that keeps what each thread read last: the last reading of a grant is its time."""

    def __init__(self) -> None:
        self._read = threading.local()
        self.taken: list[float] = []

    def __call__(self) -> float:
        """Read the clock."""
        self._read.last = time.monotonic()
        return float(self._read.last)

    def note(self) -> None:
        """Keep the time of the slot that this thread has just been granted."""
        self.taken.append(self._read.last)


def in_threads(share: RedisShare, limit: int, interval: float, calls: int, crowd: int) -> Stamps:
    """Share the window with some threads."""
    stamps = Stamps()
    window = sync_redis.SharedWindow(share, limit, interval, clock=stamps)
    window.eta()  # connects
    wait_for_start()

    def call() -> None:
        for _ in range(calls // crowd):
            window.acquire()
            stamps.note()

    threads = [threading.Thread(target=call) for _ in range(crowd)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    window.close()
    return stamps


async def in_tasks(
    share: RedisShare, limit: int, interval: float, calls: int, crowd: int
) -> Stamps:
    """Share the window with some tasks."""
    stamps = Stamps()
    window = async_redis.SharedWindow(share, limit, interval, clock=stamps)
    await window.eta()  # connects
    wait_for_start()

    async def call() -> None:
        for _ in range(calls // crowd):
            await window.acquire()
            stamps.note()

    await asyncio.gather(*(call() for _ in range(crowd)))
    await window.close()
    return stamps


def wait_for_start() -> None:
    """Tell that all is ready, and wait for the others."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


def main() -> None:
    """Run as the arguments say."""
    kind, url, name, limit, interval, calls, crowd = sys.argv[1:]
    share = RedisShare(url, name=name, timeout=5)
    terms = (share, int(limit), float(interval), int(calls), int(crowd))
    stamps = in_threads(*terms) if kind == "sync" else asyncio.run(in_tasks(*terms))
    for stamp in stamps.taken:
        sys.stdout.write(f"{stamp.hex()}\n")


if __name__ == "__main__":
    main()
