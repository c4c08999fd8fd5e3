"""Many calls through `map`, against pools of threads and tasks written by hand."""

import asyncio
import gc
import itertools
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from arya_api_framework import map_calls

from . import processes
from .calls import Async, Sync
from .measure import Bar, Row, Settings, in_turn
from .servers import Web

__all__ = ["maps"]

AT_ONCE = 10
_EMPTY = 20
"""How many times as many calls are made where they do nothing."""


def maps(settings: Settings, web: Web) -> Iterator[Row]:
    """What `map` adds to a call, and how far memory grows with the number of calls."""
    yield _threads("map in threads, calls of nothing", settings, lambda number: number, _EMPTY)
    with Sync(web.plain) as client:
        yield _threads("map in threads, GET", settings, client.user)
    with asyncio.Runner() as runner:

        async def nothing(number: int) -> int:
            await asyncio.sleep(0)
            return number

        yield _tasks("map in tasks, calls of nothing", settings, runner, nothing, _EMPTY)
        ours = runner.run(_open(web))
        try:
            yield _tasks("map in tasks, GET", settings, runner, ours.user)
        finally:
            runner.run(ours.close())
    yield from processes.mapped(settings, web)


async def _open(web: Web) -> Async:
    return Async(web.plain)


def _threads(what: str, settings: Settings, call: Callable[[int], object], times: int = 1) -> Row:
    calls = settings.calls * times

    def ours() -> int:
        return sum(1 for _ in map_calls(call, _numbers(calls), concurrency=AT_ONCE))

    def theirs() -> int:
        with ThreadPoolExecutor(AT_ONCE) as executor:
            return sum(1 for _ in executor.map(call, _numbers(calls)))

    ours()
    theirs()
    pairs = in_turn(settings.rounds, lambda: _cost(ours), lambda: _cost(theirs))
    return Row.of(what, "us", pairs, Bar(1.0))


def _tasks(
    what: str,
    settings: Settings,
    runner: asyncio.Runner,
    call: Callable[[int], Awaitable[object]],
    times: int = 1,
) -> Row:
    calls = settings.calls * times

    async def ours() -> int:
        results = map_calls(call, _numbers(calls), concurrency=AT_ONCE)
        return len([None async for _ in results])

    async def theirs() -> int:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> object:
            async with slots:
                return await call(number)

        return len(await asyncio.gather(*(one(number) for number in _numbers(calls))))

    def run(work: Callable[[], Coroutine[Any, Any, int]]) -> float:
        return _cost(lambda: runner.run(work()))

    run(ours)
    run(theirs)
    pairs = in_turn(settings.rounds, lambda: run(ours), lambda: run(theirs))
    return Row.of(what, "us", pairs, Bar(1.0))


def _numbers(count: int) -> Iterator[int]:
    return itertools.islice(itertools.cycle(range(1, 1001)), count)


def _cost(work: Callable[[], int]) -> float:
    """Return the microseconds of CPU time that each of the calls costs."""
    gc.collect()
    start = time.process_time()
    calls = work()
    return (time.process_time() - start) / calls * 1e6
