"""One limit for many processes, over a real Redis server and over some that pretend to be one."""

import asyncio
import builtins
import importlib
import linecache
import math
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import Any, cast

import pytest
import redis

from arya_api_framework.errors import ConfigurationError, LimiterUnavailable, RateLimitTimeout
from arya_api_framework.rate_limit import RedisShare, async_redis, sync_redis
from arya_api_framework.rate_limit.script import CLOCK, TAKE_SHA, BadReply, read_reply
from arya_api_framework.rate_limit.shared import LATE_ANSWERS, PREFIX, REST, Terms
from tests.conftest import Kind, needs_fork
from tests.patience import LATE
from tests.patience import until_async as until
from tests.rate_limit.redis_worker import Stamps
from tests.redis_server import RedisServer, free_port, pretender, relay
from tests.servers import Certificate

WORKER = Path(__file__).with_name("redis_worker.py")

PATIENT = 10.0
"""Seconds for Redis to answer, where it is there and works."""


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def store(_running: RedisServer) -> RedisServer:
    """A Redis server with nothing in it."""
    _running.ensure()
    with _running.client() as client:
        client.flushall()
        client.script_flush()
    return _running


class Window:
    """A shared window of either kind whose methods are awaited, and the times of its grants."""

    def __init__(self, kind: Kind, share: RedisShare, limit: float, interval: float) -> None:
        self._kind = kind
        self._stamps = Stamps()
        module = importlib.import_module(f"arya_api_framework.rate_limit.{kind.name}_redis")
        self.target = module.SharedWindow(share, limit, interval, clock=self._stamps)
        self.terms: Terms = self.target._terms

    @property
    def taken(self) -> list[float]:
        """When each slot was granted."""
        return self._stamps.taken

    async def acquire(self, cost: int = 1, deadline: float | None = None) -> None:
        """Wait for slots and keep the time."""
        if self._kind.is_async:
            await self.target.acquire(cost, deadline)
            self._stamps.note()
            return

        def acquire() -> None:
            self.target.acquire(cost, deadline)
            self._stamps.note()

        await self._kind.call(acquire)

    async def eta(self, cost: int = 1) -> float:
        """Ask how long the wait is."""
        return cast("float", await self._kind.call(self.target.eta, cost))

    async def close(self) -> None:
        """Close the connection."""
        await self._kind.call(self.target.close)


Open = Callable[..., Window]


@pytest.fixture
async def window(kind: Kind, store: RedisServer) -> AsyncIterator[Open]:
    """Open windows of the kind under test; they are closed at the end."""
    opened: list[Window] = []

    def open_one(
        limit: float = 2, interval: float = 60, url: str = "", name: str = "test", **options: Any
    ) -> Window:
        share = RedisShare(url or store.url, name=name, **{"timeout": PATIENT, **options})
        opened.append(Window(kind, share, limit, interval))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.close()


def taken(store: RedisServer, name: str = "test") -> int:
    """Return how many slots Redis holds."""
    store.wait()
    with store.client() as client:
        return sum(b":" in member for member in client.zrange(PREFIX + name, 0, -1))


def check(stamps: list[float], limit: int, interval: float) -> None:
    """No half-open window holds more than the limit, to the last digit."""
    stamps = sorted(stamps)
    for first, beyond in zip(stamps, stamps[limit:], strict=False):
        assert Fraction(beyond) - Fraction(first) >= Fraction(interval)


# The limit, among processes


def test_processes_threads_and_tasks_share_one_limit(store: RedisServer) -> None:
    """Two processes of threads and two of tasks: exact at the senders, and hardly slower."""
    limit, interval, calls, crowd = 20, 0.5, 40, 8
    workers = [
        subprocess.Popen(
            [
                *(sys.executable, str(WORKER), kind, store.url, "it's ]] a \n name"),
                *(str(number) for number in (limit, interval, calls, crowd)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for kind in ("sync", "async", "sync", "async")
    ]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    stamps = [float.fromhex(line) for worker in workers for line in worker.communicate()[0].split()]
    assert [worker.returncode for worker in workers] == [0] * 4
    assert len(stamps) == 4 * calls
    check(stamps, limit, interval)
    ideal = (math.ceil(len(stamps) / limit) - 1) * interval
    assert ideal <= max(stamps) - min(stamps) < ideal * 1.1 + LATE


async def test_the_limit_holds_and_is_not_slowed_down(window: Open) -> None:
    """One process: windows follow each other within a margin."""
    one = window(5, 0.2)
    await asyncio.gather(*(one.acquire() for _ in range(26)))
    check(one.taken, 5, 0.2)
    assert 1 <= max(one.taken) - min(one.taken) < 1.2 + LATE
    assert (one.target.limit, one.target.interval) == (5, 0.2)


async def test_a_fraction_is_a_longer_interval(window: Open) -> None:
    """Half a call in 0.1 s is one in 0.2 s."""
    one = window(0.5, 0.1)
    await one.acquire()
    await one.acquire()
    check(one.taken, 1, 0.2)


async def test_a_heavy_call_takes_its_slots_at_once(window: Open, store: RedisServer) -> None:
    """It waits until as many are free as it needs; those that are free do not satisfy it."""
    one = window(5, 1)
    await one.acquire(3)
    assert await one.eta(2) == 0
    assert 0 < await one.eta(3) <= 1.1
    await one.acquire(3)
    await one.acquire(2)
    first, second, third = one.taken
    assert second - first >= 1
    assert third - second < 1
    assert taken(store) == 5


@pytest.mark.parametrize("cost", [0, -1, 3, 1.0, True, "1"])
async def test_a_cost_that_can_never_be_is_refused(window: Open, cost: Any) -> None:
    """No number of slots but 1 to the limit."""
    for method in (window().acquire, window().eta):
        with pytest.raises(ConfigurationError, match="whole number of slots from 1 to"):
            await method(cost)


async def test_calls_of_a_process_go_in_order_of_arrival(window: Open) -> None:
    """A light call does not overtake a heavy one."""
    one = window(3, 0.1)
    await one.acquire(2)
    order: list[int] = []

    async def call(number: int, cost: int) -> None:
        await one.acquire(cost)
        order.append(number)

    tasks = []
    for number, cost in enumerate([3, 1, 2, 3, 1]):
        tasks.append(asyncio.create_task(call(number, cost)))
        await until(lambda: len(queue_of(one)) > len(tasks) - 1 or tasks[-1].done())
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]


def queue_of(window: Window) -> Any:
    """Return the queue of a window with one connection."""
    links = window.target._links
    link = links._link if hasattr(links, "_link") else next(iter(links._links.values()))
    return link.turn._queue


@pytest.mark.parametrize("name", ["a b", "}{", "\0\r\n", "'; redis.call('FLUSHALL') --", "\ud800é"])
async def test_a_name_may_hold_anything(window: Open, store: RedisServer, name: str) -> None:
    """It is a key, and never part of a program."""
    with store.client() as client:
        client.set("other", "kept")
    one, other = window(1, name=name), window(1, name=name + "2")
    await one.acquire()
    await other.acquire()
    assert 60 - LATE < await one.eta() < 61
    with store.client() as client:
        assert client.get("other") == b"kept"
        key = (PREFIX + name).encode("utf-8", "surrogatepass")
        assert set(client.keys()) == {b"other", key, key + b"2"}


async def test_idle_limits_vanish(window: Open, store: RedisServer) -> None:
    """A key lives as long as its newest slot."""
    one = window(3, 1)
    await one.acquire()
    await one.acquire()
    with store.client() as client:
        assert 0 < client.pttl(PREFIX + "test") <= 1100
        await until(lambda: not client.keys())
    assert await one.eta() == 0
    with store.client() as client:
        assert not client.keys()


async def test_memory_is_one_member_a_slot(window: Open, store: RedisServer) -> None:
    """What is free again does not stay, and waiting calls are not there."""
    one = window(3, 0.05)
    await asyncio.gather(*(one.acquire() for _ in range(20)))
    with store.client() as client:
        assert client.zcard(PREFIX + "test") <= 4


async def test_a_clock_that_is_set_back_delays_nobody(window: Open, store: RedisServer) -> None:
    """The log moves back with the clock of Redis: no wait is longer than an interval."""
    one = window(2, 1)
    await one.acquire()
    await one.acquire()
    with store.client() as client:
        hour = 3600 * 10**6
        for member, score in client.zrange(PREFIX + "test", 0, -1, withscores=True):
            client.zadd(PREFIX + "test", {member: score + hour})
        client.persist(PREFIX + "test")
    assert 0 < await one.eta() <= 1.1
    await one.acquire()
    check(one.taken, 2, 0.9)
    assert one.taken[-1] - one.taken[0] < 1 + LATE
    with store.client() as client:
        now = client.time()
        assert abs(client.zscore(PREFIX + "test", CLOCK) - now[0] * 10**6 - now[1]) < 60e6


async def test_the_script_is_sent_once(window: Open, store: RedisServer) -> None:
    """Questions name it by its hash; a Redis that forgot it is told again."""
    one = window(100)
    await one.acquire()
    for _ in range(3):
        await one.acquire()
    with store.client() as client:
        assert client.script_exists(TAKE_SHA) == [True]
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] >= 4
        client.script_flush()
    await one.acquire()
    assert taken(store) == 5


# Deadlines


async def test_a_deadline_before_the_slot_fails_at_once(window: Open, store: RedisServer) -> None:
    """The error comes without a wait and tells how long it would have been."""
    one = window(1, 60)
    await one.acquire(deadline=time.monotonic() + 30)
    start = time.monotonic()
    with pytest.raises(RateLimitTimeout, match="before the deadline, the next one in") as caught:
        await one.acquire(deadline=time.monotonic() + 30)
    assert time.monotonic() - start < LATE
    assert caught.value.retry_after is not None
    assert 60 - LATE < caught.value.retry_after < 61
    assert taken(store) == 1


async def test_a_deadline_counts_those_ahead(window: Open) -> None:
    """Behind others in the queue, a call knows at once that it comes too late."""
    one = window(1, 1.5)
    start = time.monotonic()
    await one.acquire()
    waiting = asyncio.create_task(one.acquire())
    await until(lambda: queue_of(one))
    assert 1.5 < await one.eta() < 3.1
    # After the turn of the other, and before the own.
    with pytest.raises(RateLimitTimeout) as caught:
        await one.acquire(deadline=start + 2.5)
    assert not waiting.done(), "it did not wait to know"
    assert caught.value.retry_after is not None
    assert 1.5 < caught.value.retry_after < 3.1
    await one.acquire(deadline=start + 30)
    await waiting
    check(one.taken, 1, 1.5)


async def test_a_deadline_holds_when_the_queue_stands_still(window: Open, kind: Kind) -> None:
    """When the head does not come to an end, the others fail at their deadlines."""
    one = window(5)
    await one.eta()
    link = importlib.import_module(f"arya_api_framework.rate_limit.{kind.name}_link")
    queue_of(one)[link.Place(1)] = None
    start = time.monotonic()
    with pytest.raises(RateLimitTimeout, match=r"before the deadline$"):
        await one.acquire(deadline=start + 0.2)
    assert 0.2 <= time.monotonic() - start < 0.2 + LATE
    assert len(queue_of(one)) == 1


async def end(task: "asyncio.Future[None]") -> None:
    """Cancel a wait; a thread's goes on by itself."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


# Interruptions


async def test_a_task_cancelled_at_any_step_gives_its_slot_back(store: RedisServer) -> None:
    """However far a call has come: it has its slots, or Redis has them back."""
    kept = 0
    for step in range(40):
        window = async_redis.SharedWindow(
            RedisShare(store.url, name="test", timeout=PATIENT), 1000, 60
        )
        if step % 2:
            await window.eta()
        task = asyncio.create_task(window.acquire(2))
        for _ in range(step // 2):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        kept += 0 if task.cancelled() else 2
        await window.acquire(deadline=time.monotonic() + 30)
        kept += 1
        await window.close()
    await until(lambda: taken(store) <= kept)
    assert taken(store) == kept


async def test_a_task_cancelled_when_its_answer_is_there(store: RedisServer) -> None:
    """The slot that Redis has granted, and nobody will use, is free again; the next gets it."""
    window = async_redis.SharedWindow(RedisShare(store.url, name="test", timeout=PATIENT), 1, 60)
    await window.eta()
    first = asyncio.create_task(window.acquire())
    await asyncio.sleep(0)
    second = asyncio.create_task(window.acquire())
    await until(lambda: link_of(window)._stream[0]._buffer or taken(store) == 1)
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    if first.cancelled():
        await asyncio.wait_for(second, 5)
    else:
        await end(second)
    assert taken(store) == 1
    await window.close()


def link_of(window: async_redis.SharedWindow) -> Any:
    """Return the only connection of a window."""
    return next(iter(window._links._links.values()))


async def test_a_waiting_task_that_is_cancelled_delays_nobody(store: RedisServer) -> None:
    """Head or not: the next one moves up, and the cancelled one takes nothing."""
    window = async_redis.SharedWindow(RedisShare(store.url, name="test", timeout=PATIENT), 1, 0.3)
    await window.acquire()
    start = time.monotonic()
    tasks = [asyncio.create_task(window.acquire()) for _ in range(50)]
    await until(lambda: len(link_of(window).turn._queue) >= 49)
    for task in [*tasks[:20], *tasks[21:]]:
        task.cancel()
    await tasks[20]
    assert time.monotonic() - start < 0.3 + LATE
    assert taken(store) == 1
    await window.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Half connected.
def test_an_interrupt_at_any_line_gives_the_slot_back(store: RedisServer) -> None:
    """KeyboardInterrupt anywhere in a sync call: no slot is lost and the next call goes on."""
    interrupted, kept = 0, 0
    package = str(Path(sync_redis.__file__).parent)
    for warm in (False, True):
        line = 0
        while True:
            line += 1
            window = sync_redis.SharedWindow(
                RedisShare(store.url, name="test", timeout=PATIENT), 5000, 600
            )
            if warm:
                window.eta()
            seen = 0

            def trace(frame: FrameType, event: str, _: Any) -> Any:
                nonlocal seen
                if not frame.f_code.co_filename.startswith(package):
                    return None
                # Python runs signal handlers after calls: not at a `try`, nor when a `with` ends.
                text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
                if event == "line" and not text.startswith(("with ", "try:")):
                    seen += 1
                    if seen == line:  # noqa: B023 - used in this round only
                        raise KeyboardInterrupt
                return trace

            before = sys.gettrace()
            sys.settrace(trace)
            try:
                window.acquire(2)
                sys.settrace(before)
                kept += 2
                done = seen < line
            except KeyboardInterrupt:
                interrupted += 1
                done = False
            finally:
                sys.settrace(before)
            window.acquire(deadline=time.monotonic() + 30)
            kept += 1
            window.close()
            if done:
                break
    assert interrupted > 50
    assert taken(store) == kept


def test_an_interrupt_while_redis_is_slow_gives_the_slot_back(store: RedisServer) -> None:
    """The question is already on its way: what undoes it follows."""
    window = sync_redis.SharedWindow(RedisShare(store.url, name="test", timeout=PATIENT), 5, 60)
    window.acquire()
    store.stop()
    ended, main = threading.Event(), threading.get_ident()

    def interrupt() -> None:
        # More than once, as a signal between two steps of Python does not end the read after it.
        while not ended.wait(0.2):
            signal.pthread_kill(main, signal.SIGINT)

    def once(*_: Any) -> None:
        ended.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, once)
    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            window.acquire()
        assert time.monotonic() - start < PATIENT / 2
    finally:
        store.resume()
        ended.set()
        interrupter.join()
        signal.signal(signal.SIGINT, before)
    assert taken(store) == 1
    window.acquire()
    assert taken(store) == 2
    window.close()


# One process in parts


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_child_shares_the_limit(store: RedisServer, kind: str) -> None:
    """It opens a connection of its own, whatever the parent's threads do; the parent's stays."""
    share = RedisShare(store.url, name="test", timeout=PATIENT)
    unused = sync_redis.SharedWindow(share, 3, 60)
    held, release = threading.Event(), threading.Event()
    runner = asyncio.Runner()
    window: Any
    if kind == "sync":
        window = sync_redis.SharedWindow(share, 3, 60)
        window.acquire()
        lock = window._links._link._wire
        ours = window._links._link._stream.fileno()
    else:
        window = async_redis.SharedWindow(share, 3, 60)
        runner.run(window.acquire())
        lock = window._links._lock
        ours = link_of(window)._stream[1].get_extra_info("socket").fileno()

    def hold() -> None:
        with lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = os.fork()
    if child == 0:
        status = 1
        signal.alarm(20)  # ends a child that waits for a thread it does not have
        try:
            unused.close()
            if kind == "sync":
                window.acquire()
                theirs = window._links._link._stream.fileno()
            else:
                with asyncio.Runner() as other:
                    other.run(window.acquire())
                    theirs = link_of(window)._stream[1].get_extra_info("socket").fileno()
            status = 0 if kind == "sync" or theirs != ours else 2
        finally:
            os._exit(status)
    release.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with store.client() as client:
        connected = client.info("stats")["total_connections_received"]
    deadline = time.monotonic() + 30
    if kind == "sync":
        window.acquire(1, deadline)
        with pytest.raises(RateLimitTimeout):
            window.acquire(1, deadline)
        window.close()
    else:
        runner.run(window.acquire(1, deadline))
        with pytest.raises(RateLimitTimeout):
            runner.run(window.acquire(1, deadline))
        runner.run(window.close())
    runner.close()
    assert taken(store) == 3
    with store.client() as client:
        # These two clients, and the one in `taken`, which asks twice.
        assert client.info("stats")["total_connections_received"] - connected == 3


def test_loops_one_after_the_other(store: RedisServer) -> None:
    """Each `asyncio.run` has its own connection, which ends with its loop."""
    window = async_redis.SharedWindow(RedisShare(store.url, name="test", timeout=PATIENT), 3, 60)
    for _ in range(3):
        asyncio.run(window.acquire())
    assert len(window._links._links) == 1, "closed loops are forgotten"
    assert taken(store) == 3
    with store.client() as client:
        assert len(client.client_list()) == 1


def test_loops_at_once(store: RedisServer) -> None:
    """Two loops in two threads share the limit, exactly."""
    stamps = Stamps()
    share = RedisShare(store.url, name="test", timeout=PATIENT)
    window = async_redis.SharedWindow(share, 10, 0.2, clock=stamps)

    async def call() -> None:
        await window.acquire()
        stamps.note()

    async def calls() -> None:
        await asyncio.gather(*(call() for _ in range(25)))

    threads = [threading.Thread(target=asyncio.run, args=(calls(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stamps.taken) == 50
    check(stamps.taken, 10, 0.2)


async def test_the_loop_goes_on_while_redis_hangs(store: RedisServer) -> None:
    """Nothing blocks the loop."""
    window = async_redis.SharedWindow(RedisShare(store.url, name="test", timeout=1), 3, 60)
    await window.acquire()
    store.stop()
    turns = 0
    try:
        call = asyncio.create_task(window.acquire())
        while not call.done():
            await asyncio.sleep(0.005)
            turns += 1
        with pytest.raises(LimiterUnavailable):
            await call
    finally:
        store.resume()
    assert turns > 10, "the loop stood still"
    await window.close()


# A slow Redis


async def test_answers_that_are_late_but_in_time_widen_the_margin(
    window: Open, store: RedisServer
) -> None:
    """With 30 ms on the way the limit is as exact, and no slot is lost."""
    async with pretender(relay(store.port, lambda: 0.03)) as port:
        far, near = window(6, 0.3, url=f"redis://127.0.0.1:{port}"), window(6, 0.3)
        assert far.terms.margin == pytest.approx(0.003)

        async def calls(one: Window) -> None:
            for _ in range(12):
                await one.acquire()

        await asyncio.gather(calls(far), calls(near))
        check(far.taken + near.taken, 6, 0.3)
        assert far.terms.margin >= 0.06
        while near.terms.margin >= 0.06:  # It falls again after a moment that was slow.
            await near.eta()
        fresh = window(6, 2, url=f"redis://127.0.0.1:{port}", name="fresh")
        assert fresh.terms.margin == pytest.approx(0.02)
        for _ in range(5):
            await fresh.acquire()
        assert fresh.terms.margin >= 0.06
        assert taken(store, "fresh") == 5, "what came too late was replaced"
        await far.close()
        await fresh.close()


async def test_answers_that_are_never_in_time_are_none(window: Open, store: RedisServer) -> None:
    """Each slower than any margin allows: this is a Redis that does not work."""
    # Whatever the margin has become, by a moment in which this machine was slow, too.
    async with pretender(relay(store.port, lambda: 1.2 * one.terms.margin + 0.01)) as port:
        one = window(100, 0.01, url=f"redis://127.0.0.1:{port}", timeout=10)
        with pytest.raises(LimiterUnavailable):
            await asyncio.wait_for(one.acquire(), 60)
        assert taken(store) == 0
        await one.close()


def test_margins_stay_within_their_bounds() -> None:
    """Twice the round trip, never more than the timeout nor less than they began with."""
    terms = Terms(RedisShare("redis://h", name="n"), 10, 2)
    assert terms.margin == 0.02
    terms.observe(0.1)
    assert terms.margin == 0.2
    terms.observe(0.001)
    assert terms.margin == pytest.approx(0.19)
    terms.observe(3)
    assert terms.margin == 0.5
    for _ in range(200):
        terms.observe(0.001)
    assert terms.margin == 0.02
    assert Terms(RedisShare("redis://h", name="n"), 10, 3600).margin == 0.5
    assert LATE_ANSWERS == 5


# A Redis that is gone


async def refused(window: Window, within: float) -> LimiterUnavailable:
    """Return the error of a call that must fail in time."""
    start = time.monotonic()
    with pytest.raises(LimiterUnavailable) as caught:
        await window.acquire()
    assert time.monotonic() - start < within
    return caught.value


async def test_no_server(window: Open) -> None:
    """Nobody listens: calls fail, at once, and say what to do; nothing of redis-py is raised."""
    one = window(url=f"redis://user:secret@127.0.0.1:{free_port()}")
    error = await refused(one, LATE)
    assert "nothing was sent" in str(error)
    assert "secret" not in repr(error)
    assert error.retryable
    with pytest.raises(LimiterUnavailable):
        await one.eta()
    assert await window(url=one.terms.share.url, when_gone="open").eta() == 0


WRONG = {
    "garbage": b"\xff\xfe\0\0\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a status": b"+OK\r\n",
    "text": b"$3\r\nabc\r\n",
    "null": b"$-1\r\n",
    "a list": b"*1\r\n:0\r\n",
    "below zero": b":-5\r\n",
    "no number": b":zero\r\n",
    "two answers": b":0\r\n:0\r\n",
    "too long": b":3600000000\r\n",
    "much too long": b":%s\r\n" % (b"9" * 400),
    "no end": b"x" * 100_000,
    "loading": b"-LOADING Redis is loading the dataset in memory\r\n",
    "read only": b"-READONLY You can't write against a read only replica.\r\n",
    "full": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "locked": b"-NOAUTH Authentication required.\r\n",
    "forgetful": b"-NOSCRIPT No matching script.\r\n",
    "closed": None,
}


@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
async def test_a_server_that_answers_wrongly(window: Open, answer: bytes | None) -> None:
    """Whatever comes, calls fail within the timeout."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536) and answer is not None:
            writer.write(answer)

    async with pretender(reply) as port:
        one = window(url=f"redis://127.0.0.1:{port}", timeout=0.5)
        error = await refused(one, 0.5 + LATE)
        assert not isinstance(error.__cause__, redis.RedisError)
        await one.close()


@pytest.mark.parametrize("part", [b"", b":", b"+"])
async def test_a_server_that_never_finishes(window: Open, part: bytes) -> None:
    """Neither silence nor one byte after the other holds a call longer than the timeout."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(part)
            await asyncio.sleep(0.05)

    async with pretender(drip) as port:
        for url in (f"redis://127.0.0.1:{port}", f"redis://:password@127.0.0.1:{port}/3"):
            one = window(url=url, timeout=0.3)
            await refused(one, 0.3 + LATE)
            await one.close()


async def test_a_crowd_pays_the_timeout_once(window: Open) -> None:
    """After a failure Redis is left alone for a while, by those in the queue too."""
    asked = 0

    async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()

    async with pretender(silence) as port:
        one = window(url=f"redis://127.0.0.1:{port}", timeout=0.3)
        start = time.monotonic()
        calls = [one.acquire(deadline=start + 60) for _ in range(30)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert time.monotonic() - start < 0.3 + LATE
        assert {type(result) for result in results} == {LimiterUnavailable}
        await refused(one, LATE)
        assert asked == 1
        await asyncio.sleep(REST)
        await refused(one, 0.3 + LATE)
        assert asked == 2
        await one.close()


async def test_killed_and_restarted(window: Open, store: RedisServer) -> None:
    """Calls fail while Redis is away, and go on when it is back."""
    one = window(3)
    await one.acquire()
    store.kill()
    await refused(one, LATE)
    await refused(one, LATE)
    store.start()
    await asyncio.sleep(REST)
    await one.acquire(deadline=time.monotonic() + 30)
    assert taken(store) == 1


async def test_a_connection_that_was_closed_while_idle_is_no_failure(
    window: Open, store: RedisServer
) -> None:
    """Redis may close idle connections, and may have been restarted since."""
    one = window(5)
    await one.acquire()
    with store.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)
    await one.acquire()
    store.kill()
    store.start()
    await one.acquire()
    assert taken(store) == 1


async def test_a_server_that_hangs(window: Open, store: RedisServer) -> None:
    """A stopped Redis costs one timeout; when it goes on, vain questions take no slot."""
    one = window(5, timeout=1)
    await one.acquire()
    store.stop()
    try:
        await refused(one, 1 + LATE)
        await refused(one, 1)
    finally:
        store.resume()
    assert taken(store) == 1
    await asyncio.sleep(REST)
    await one.acquire()
    assert taken(store) == 2


async def test_open_lets_calls_through(window: Open) -> None:
    """Without Redis there is no limit, and no wait."""
    one = window(1, url=f"redis://127.0.0.1:{free_port()}", when_gone="open")
    start = time.monotonic()
    for _ in range(5):
        await one.acquire()
    assert time.monotonic() - start < LATE


async def test_split_keeps_to_a_part_of_the_limit(window: Open, store: RedisServer) -> None:
    """4 in 0.4 s among two processes are 2 in each, from the moment on when Redis was missed."""
    one = window(4, 1, when_gone="split", processes=2)
    for _ in range(4):
        await one.acquire()
    store.kill()
    assert 0 < await one.eta() <= 1
    calls = [one.acquire() for _ in range(4)]
    await asyncio.gather(*calls)
    await one.acquire(2)
    check(one.taken[:4] + one.taken[4:], 4, 1)
    check(one.taken[4:8], 2, 1)
    store.start()
    await asyncio.sleep(REST)
    await one.acquire(4)
    assert taken(store) == 4
    assert not one.terms._stand_ins


async def test_a_share_smaller_than_one_call(window: Open) -> None:
    """One call among four processes is one in four intervals for each."""
    url = f"redis://127.0.0.1:{free_port()}"
    one = window(1, 0.1, url=url, when_gone="split", processes=4)
    await asyncio.gather(one.acquire(), one.acquire())
    check(one.taken, 1, 0.4)


# Where Redis is


async def test_password_database_and_name(kind: Kind, tmp_path: Path) -> None:
    """What the URL says of a user is sent before anything else."""
    with RedisServer(tmp_path, "--requirepass", "it's") as store:
        place = f"127.0.0.1:{store.port}"
        for user in ("", "default"):
            share = RedisShare(
                f"redis://{user}:it%27s@{place}/2?client_name=us&timeout=9&socket_timeout=99",
                name="test",
                timeout=PATIENT,
            )
            one = Window(kind, share, 9, 60)
            await one.acquire()
            with redis.Redis(port=store.port, password="it's", db=2) as client:
                assert client.zcard(PREFIX + "test")
                assert "us" in {each["name"] for each in client.client_list()}
            await one.close()
        for wrong in ("redis://:wrong@", "redis://"):
            one = Window(kind, RedisShare(wrong + place, name="test"), 9, 60)
            await refused(one, LATE)
            await one.close()


async def test_unix_socket(kind: Kind, tmp_path: Path) -> None:
    """A path instead of a host."""
    with (
        tempfile.TemporaryDirectory() as short,  # The path of a socket has an end.
        RedisServer(tmp_path, "--unixsocket", path := f"{short}/redis.sock") as store,
    ):
        one = Window(kind, RedisShare(f"unix://{path}", name="test", timeout=PATIENT), 9, 60)
        await one.acquire()
        assert taken(store) == 1
        await one.close()


async def test_tls(window: Open, store: RedisServer, certificate: Certificate) -> None:
    """The URL names whom to trust; nobody else is asked."""
    context = certificate.server_context()
    async with pretender(relay(store.port, lambda: 0), context) as port:
        trusting = window(url=f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate.authority}")
        await trusting.acquire()
        await trusting.acquire()
        assert taken(store) == 2
        await refused(window(url=f"rediss://127.0.0.1:{port}"), LATE)
        plain = window(url=f"redis://127.0.0.1:{port}", timeout=0.5)
        await refused(plain, 0.5 + LATE)
        await trusting.close()


@pytest.mark.parametrize("name", ["sync", "async"])
def test_without_redis_py(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named; redis-py is not loaded before a window is made."""
    module: Any = importlib.import_module(f"arya_api_framework.rate_limit.{name}_redis")
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("redis"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigurationError, match=r"arya-api-framework\[redis\]"):
        module.SharedWindow(RedisShare("redis://h", name="n"), 1)


def test_redis_py_is_loaded_on_first_use() -> None:
    """Importing the limiters does not import it."""
    code = (
        "import sys; from arya_api_framework.rate_limit import RedisShare, async_redis, sync_redis;"
        "sys.exit('redis' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", ["sync", "async"])
def test_options_that_redis_py_does_not_take(name: str) -> None:
    """They are found when the window is made, and the password is not told."""
    module: Any = importlib.import_module(f"arya_api_framework.rate_limit.{name}_redis")
    for query in ("nonsense=1", "ssl_include_verify_flags=[NONSENSE]", "db=x"):
        share = RedisShare(f"rediss://:secret@h?{query}", name="n")
        with pytest.raises(ConfigurationError, match="options that redis-py does not") as caught:
            module.SharedWindow(share, 1)
        assert "secret" not in str(caught.value)


# The value


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "http://h",
        "redis://",
        "redis:///0",
        "unix://",
        "redis://h:x",
        "redis://[",
        "redis://h:0",
        "redis://h:99999",
        5,
        None,
        b"redis://h",
    ],
)
def test_urls_that_lead_nowhere(url: Any) -> None:
    """A server is named by its scheme and host."""
    with pytest.raises(ConfigurationError, match="`url` needs redis://host"):
        RedisShare(url, name="n")


@pytest.mark.parametrize(
    "wrong",
    [{"name": name} for name in ("", None, 5, b"n")]
    + [{"when_gone": value} for value in ("", None, "CLOSED", True)]
    + [{"processes": value} for value in (0, -1, 1.0, True, "2", None)]
    + [{"timeout": value} for value in (0, -1, math.nan, math.inf, 10.1, True, "1", None)],
)
def test_shares_that_can_never_work(wrong: dict[str, Any]) -> None:
    """Every field is checked, and named."""
    with pytest.raises(ConfigurationError, match=f"`{next(iter(wrong))}` needs"):
        RedisShare("redis://h", **{"name": "n", **wrong})


@pytest.mark.parametrize(
    ("limit", "interval"), [(0, 1), (-1, 1), (math.nan, 1), (1, math.inf), (True, 1), (1, 1e10)]
)
def test_limits_that_can_never_work(limit: Any, interval: Any) -> None:
    """They are refused when the window is made."""
    for module in (sync_redis, async_redis):
        with pytest.raises(ConfigurationError, match="rate_limit"):
            module.SharedWindow(RedisShare("redis://h", name="n"), limit, interval)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h/2", "redis://h/2"),
        ("redis://user:pass@h:1/2", "redis://***@h:1/2"),
        ("rediss://:pass@h", "rediss://***@h"),
        ("unix:///run/redis.sock?password=pass", "unix:///run/redis.sock?***"),
    ],
)
def test_a_repr_has_no_secrets(url: str, shown: str) -> None:
    """Neither user nor password nor query is shown, in errors either."""
    share = RedisShare(url, name="n")
    assert repr(share) == (
        f"RedisShare('{shown}', name='n', when_gone='closed', processes=1, timeout=0.5)"
    )
    for module in (sync_redis, async_redis):
        window = module.SharedWindow(RedisShare("redis://u:p@h", name="n"), 2, 3)
        assert repr(window).startswith("SharedWindow(RedisShare('redis://***@h'")


@pytest.mark.parametrize(
    "url", ["http://u:pass@h", "redis://:p/a?s@pass@h:x", "u:pass@h", "x?pass"]
)
def test_a_wrong_url_is_shown_without_secrets(url: str) -> None:
    """Also where it is not even clear which part is the password."""
    with pytest.raises(ConfigurationError) as caught:
        RedisShare(url, name="n")
    assert "pass" not in str(caught.value)
    assert "p/a" not in str(caught.value)


def test_a_share_is_a_value() -> None:
    """Equal ones are one key; it pickles and does not change."""
    share = RedisShare("redis://h", name="n", when_gone="split", processes=3, timeout=1)
    assert pickle.loads(pickle.dumps(share)) == share
    assert len({share, RedisShare("redis://h", name="n")}) == 2
    with pytest.raises(AttributeError):
        share.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("line", [b"", b":1", b":\r\n", b"+\r\n", b"-a-b c\r\n", b"!x\r\n"])
def test_lines_that_are_no_answers(line: bytes) -> None:
    """Only a number, or a word after plus or minus, is an answer."""
    with pytest.raises(BadReply):
        read_reply(line)
