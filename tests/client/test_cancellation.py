"""Calls that are ended from outside: the client stays of use, and what was taken is given back."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from arya_api_framework import AsyncClient, SyncClient
from arya_api_framework.errors import ConfigurationError, RequestTimeout
from tests.app import Server
from tests.client.conftest import hooked_session
from tests.faults import Faults, full_listener
from tests.patience import LATE, until, until_async

# Tasks

PATHS = [
    "/hang-before-head",
    "/hang-in-head",
    "/hang-in-body",
    "/hang-in-chunk",
    "/hang-in-error-body",
    "/drip-head",
]


@pytest.mark.parametrize("path", PATHS)
async def test_cancelled(faults: Faults, path: str) -> None:
    """A cancelled call ends at once, as cancelled, and closes its connection."""
    async with AsyncClient(faults.url) as client:
        task = asyncio.create_task(client.get(path))
        await faults.wait_for(1)
        await asyncio.sleep(0.05)
        start = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - start < LATE
        assert task.cancelled()
        assert await client.get("/ok") == {"ok": True}
    assert faults.log[0].connection != faults.log[1].connection


async def test_cancelled_at_every_step(faults: Faults) -> None:
    """Wherever a call is when it is cancelled, the next ones are right."""
    async with AsyncClient(faults.url) as client:
        cancelled = 0
        for steps in range(40):
            for path in ("/in-pieces", "/gzip"):
                task = asyncio.create_task(client.post(path, body={"a": steps}))
                for _ in range(steps):
                    await asyncio.sleep(0)
                cancelled += task.cancel()
                try:
                    assert await task == {"ok": True}
                except asyncio.CancelledError:
                    assert task.cancelled()
                assert await client.get("/ok") == {"ok": True}
        assert cancelled > 20


async def test_cancelled_while_connecting() -> None:
    """A call can be cancelled while it connects."""
    with full_listener() as url:
        async with AsyncClient(url) as client:
            task = asyncio.create_task(client.get("/"))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_cancelled_while_uploading(faults: Faults) -> None:
    """A call can be cancelled while it sends, and its iterator is left where it is."""
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(64 * 1024)

    async with AsyncClient(faults.url) as client:
        task = asyncio.create_task(client.post("/upload-stall", data=pieces()))
        await faults.wait_for(1)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        before = taken
        assert await client.get("/ok") == {"ok": True}
        assert taken == before


async def test_cancelled_in_the_queue_of_the_rate_limit(server: Server) -> None:
    """A call that is cancelled while it waits for the rate limit sends nothing, takes no slot."""
    async with AsyncClient(server.url, rate_limit=1, rate_limit_interval=2) as client:
        start = time.monotonic()
        await client.get("/echo?first")
        waiting = [asyncio.create_task(client.get("/echo?cancelled")) for _ in range(5)]
        last = asyncio.create_task(client.get("/echo?last"))
        limiter: Any = client._limiter
        await until_async(lambda: limiter.waiting == 6)
        for task in waiting:
            task.cancel()
        await last
        assert time.monotonic() - start < 4, "a cancelled call took a slot"
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert [received.target for received in server.log] == ["/echo?first", "/echo?last"]


async def test_cancel_storm(faults: Faults) -> None:
    """Hundreds of cancelled calls leave a client that answers right, with all its connections."""
    async with AsyncClient(faults.url) as client:
        for _ in range(3):
            faults.reset()
            tasks = [asyncio.create_task(client.get("/hang-in-body")) for _ in range(120)]
            await faults.wait_for(100)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(result) for result in results} == {asyncio.CancelledError}
        calls = [client.get("/ok") for _ in range(110)]
        assert await asyncio.gather(*calls) == [{"ok": True}] * 110


# Timeouts of the user's


async def test_timeout_around_a_call(faults: Faults) -> None:
    """`asyncio.timeout` around a call ends it, as a `TimeoutError` of asyncio's."""
    async with AsyncClient(faults.url) as client:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.1):
                await client.get("/hang-before-head")
        assert type(caught.value) is TimeoutError
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get("/hang-in-body"), 0.1)
        assert await client.get("/ok") == {"ok": True}


async def test_our_timeout_within_theirs(faults: Faults) -> None:
    """The call's own timeout is not taken for a cancellation by who waits for longer."""
    async with AsyncClient(faults.url, timeout=0.1) as client:
        async with asyncio.timeout(5):
            with pytest.raises(RequestTimeout):
                await client.get("/hang-before-head")
            await asyncio.sleep(0.01)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0


async def test_both_timeouts_at_once(faults: Faults) -> None:
    """Where both end together, the one around the call is not lost."""
    async with AsyncClient(faults.url, timeout=0.1) as client:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.get("/hang-before-head")
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0


async def test_cancelled_and_timed_out(faults: Faults) -> None:
    """A call that is cancelled in the moment its time is over is cancelled."""
    async with AsyncClient(faults.url, timeout=0.1) as client:
        task = asyncio.create_task(client.get("/hang-before-head"))
        await asyncio.sleep(0.05)
        # The loop is held until both are due.
        asyncio.get_running_loop().call_later(0.05, task.cancel)
        time.sleep(0.1)  # noqa: ASYNC251 - that is how
        with pytest.raises((asyncio.CancelledError, RequestTimeout)):
            await task
        assert await client.get("/ok") == {"ok": True}


async def test_task_group(faults: Faults) -> None:
    """A task group ends its other calls when one fails."""
    async with AsyncClient(faults.url) as client:
        start = time.monotonic()

        async def call() -> None:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(5):
                    tasks.create_task(client.get("/hang-before-head"))
                tasks.create_task(client.get("/close-before-head"))

        with pytest.raises(ExceptionGroup):
            await call()
        assert time.monotonic() - start < LATE
        assert await client.get("/ok") == {"ok": True}


async def test_trace_that_fails_when_time_is_over(faults: Faults) -> None:
    """A callback that fails while a call is ended does not leave the task half cancelled."""
    import aiohttp

    async def fail(*_: Any) -> None:
        raise KeyError("mine")

    trace = aiohttp.TraceConfig()
    trace.on_request_exception.append(fail)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        client = AsyncClient(faults.url, session=session, timeout=0.1)
        with pytest.raises(RequestTimeout):
            await client.get("/hang-before-head")
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0


# Threads and signals


class Interrupted(BaseException):
    """What a signal handler raises, as Ctrl-C does."""


Interrupt = Callable[[Callable[[], object], Callable[[], object]], None]


@pytest.fixture
def interrupt() -> Iterator[Interrupt]:
    """A function that makes a call and interrupts it soon after something has become true.

    It does so again and again: Python drops what a handler raises inside a finalizer, and a signal
    between two steps of Python is not seen by the system call that comes next.
    """

    def handle(*_: Any) -> None:
        raise Interrupted

    def interrupted(call: Callable[[], object], when: Callable[[], object]) -> None:
        def wait() -> None:
            until(when)
            # Long between one and the next, so that the first has come through meanwhile.
            signal.setitimer(signal.ITIMER_REAL, 0.05, LATE)

        waiting = threading.Thread(target=wait)
        waiting.start()
        with pytest.raises(Interrupted):
            call()
        waiting.join()
        signal.setitimer(signal.ITIMER_REAL, 0)

    previous = signal.signal(signal.SIGALRM, handle)
    yield interrupted
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


# Python drops what a handler raises in a callback of a weak reference; the timer then fires again.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("factory", [None, hooked_session])
@pytest.mark.parametrize("path", PATHS)
def test_interrupted(faults: Faults, interrupt: Interrupt, path: str, factory: Any) -> None:
    """An exception that a signal handler raises comes out, and the client stays of use."""
    options = {} if factory is None else {"session_factory": factory}
    with SyncClient(faults.url, **options) as client:
        interrupt(lambda: client.get(path), lambda: faults.log)
        assert client.get("/ok") == {"ok": True}
    assert faults.log[0].connection != faults.log[1].connection


def test_interrupted_upload(faults: Faults, interrupt: Interrupt) -> None:
    """An upload can be interrupted."""
    with SyncClient(faults.url) as client:
        data = bytes(20 * 1024 * 1024)
        interrupt(lambda: client.post("/upload-stall", data=data), lambda: faults.log)
        assert client.get("/ok") == {"ok": True}


def test_interrupted_in_the_queue_of_the_rate_limit(server: Server, interrupt: Interrupt) -> None:
    """A call that is interrupted while it waits for the rate limit gives its place back."""
    with SyncClient(server.url, rate_limit=1, rate_limit_interval=1) as client:
        limiter: Any = client._limiter
        start = time.monotonic()
        client.get("/echo")
        interrupt(lambda: client.get("/echo"), lambda: limiter.waiting == 1)
        client.get("/echo")
        assert time.monotonic() - start < 2, "the interrupted call took a slot"
    assert len(server.log) == 2


def test_interrupted_between_two_polls(server: Server, interrupt: Interrupt) -> None:
    """An operation that is waited for is left at once, and nothing more is sent."""
    with SyncClient(server.url) as client:
        start = time.monotonic()
        path = "/status/202?retry-after-ms=60000"
        polled: list[object] = []
        interrupt(lambda: client.wait_for(path, on_poll=polled.append), lambda: polled)
        assert time.monotonic() - start < 60
        client.get("/echo")
    assert len(server.log) == 2


STORM = """
import signal, sys
from arya_api_framework import SyncClient

class Interrupted(BaseException): pass

def handle(*_): raise Interrupted

signal.signal(signal.SIGALRM, handle)
interrupted = wrong = 0
with SyncClient(sys.argv[1], timeout=5) as client:
    client.get("/echo")
    for number in range(400):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0002 + number % 30 / 10_000)
            found = client.get("/echo", parameters={"n": number})
            signal.setitimer(signal.ITIMER_REAL, 0)
            wrong += found["query"] != [["n", str(number)]]
        except Interrupted:
            interrupted += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
    wrong += client.get("/echo?last")["target"] != "/echo?last"
print(interrupted > 20, wrong)
"""


def test_signal_storm(server: Server) -> None:
    """Interrupted anywhere, again and again, a client neither mixes answers nor runs dry."""
    # In a process that measures no coverage, whose own locks such interruptions would break.
    result = subprocess.run(
        [sys.executable, "-c", STORM, server.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
    )
    assert (result.returncode, result.stdout) == (0, "True 0\n"), result.stderr


EVERYWHERE = """
import gc, sys
from arya_api_framework import Pool, SyncClient

class Interrupted(BaseException): pass

FILES = ("sync_pools.py", "connectionpool.py", "sync_transport.py")

def interrupt(number, call):
    steps = 0
    def trace(frame, event, argument):
        nonlocal steps
        if not frame.f_code.co_filename.endswith(FILES):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            steps += 1
            if steps == number:
                sys.settrace(None)
                raise Interrupted
        return trace
    sys.settrace(trace)
    try:
        call()
        return True
    except Interrupted:
        return False
    finally:
        sys.settrace(None)

def free(client):
    transport = client._transport
    pool = next(iter(transport._lanes.values())).pool
    return [one.free.qsize() for one in (transport._limits.places, pool.places) if one]

gc.disable()
for pool in Pool(total=3), Pool(total=3, per_host=2):
    client = SyncClient(sys.argv[1], pool=pool, timeout=5)
    client.get("/ok")
    full, number, lost = free(client), 1, []
    while not interrupt(number, lambda: client.get("/ok")):
        number += 1
        if free(client) != full:
            lost.append((number, free(client)))
            break
    assert client.get("/ok") == {"ok": True}
    assert free(client) == full
    client.close()
    print(number > 300, lost)
"""


def test_interrupted_at_every_step_of_the_pool(faults: Faults) -> None:
    """Whichever step of Python an exception comes between, no place for a connection is lost."""
    result = subprocess.run(
        [sys.executable, "-c", EVERYWHERE, faults.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
    )
    assert (result.returncode, result.stdout) == (0, "True []\n" * 2), result.stderr


SLEEPER = """
import sys, threading, time
from arya_api_framework import SyncClient
client = SyncClient(sys.argv[1])
threading.Thread(target=client.get, args=["/delay/60"], daemon=True).start()
time.sleep(0.3)
sys.exit(7)
"""


def test_exit_in_the_middle_of_a_call(server: Server) -> None:
    """A process can exit while a daemon thread is in a call: no delay, no words, its own status."""
    result = subprocess.run(
        [sys.executable, "-c", SLEEPER, server.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert (result.returncode, result.stdout, result.stderr) == (7, "", "")


# Event loops


def test_one_client_in_two_loops(faults: Faults) -> None:
    """A client works in one event loop after the other, with connections of its own in each."""
    client = AsyncClient(faults.url)

    async def call() -> list[Any]:
        return [await client.get("/ok"), await client.get("/gzip")]

    for _ in range(3):
        assert asyncio.run(call()) == [{"ok": True}] * 2
    connections = [read.connection for read in faults.log]
    assert connections[0] == connections[1] != connections[2] == connections[3] != connections[4]
    asyncio.run(client.close())
    assert client.closed


def test_one_client_in_two_loops_at_once(faults: Faults) -> None:
    """A client works in several running event loops at once."""
    client = AsyncClient(faults.url, timeout=10)
    results: list[Any] = []
    barrier = threading.Barrier(3)

    async def call() -> None:
        barrier.wait()
        calls = [client.get("/ok") for _ in range(20)]
        results.extend(await asyncio.gather(*calls))
        results.extend([await client.get("/ok") for _ in range(20)])

    threads = [threading.Thread(target=asyncio.run, args=[call()]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [{"ok": True}] * 120
    asyncio.run(client.close())


def test_closing_in_another_loop(faults: Faults) -> None:
    """Closing in one loop closes the connections of the others, in their own time."""
    client = AsyncClient(faults.url, timeout=10)
    called, stop = threading.Event(), threading.Event()

    async def call() -> None:
        assert await client.get("/ok") == {"ok": True}
        called.set()
        await asyncio.to_thread(stop.wait, 10)

    thread = threading.Thread(target=asyncio.run, args=[call()])
    thread.start()
    assert called.wait(10)

    async def close() -> None:
        assert await client.get("/ok") == {"ok": True}
        await client.close()

    asyncio.run(close())
    stop.set()
    thread.join(10)
    assert client.closed


def test_closing_after_the_loop(faults: Faults) -> None:
    """A loop that nobody shut down, only closed, does not hinder closing."""
    client = AsyncClient(faults.url, timeout=10)
    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(_session_of(client))
    loop.run_until_complete(session.connector.close())
    loop.close()
    asyncio.run(client.close())
    assert client.closed


async def _session_of(client: AsyncClient) -> Any:
    assert await client.get("/ok") == {"ok": True}
    return client.session


def test_made_without_a_loop(faults: Faults) -> None:
    """A client, a class of one, and a copy can be made where no event loop runs."""

    class Api(AsyncClient, uri=faults.url):
        """An API."""

    client = Api()
    copy = client.with_options(headers={"X-A": "1"})

    async def call() -> Any:
        try:
            return [await client.get("/ok"), await copy.get("/ok")]
        finally:
            await client.close()

    assert asyncio.run(call()) == [{"ok": True}] * 2


def test_brought_session_of_another_loop(faults: Faults) -> None:
    """A brought session works in its own loop only, and the error says so."""
    import aiohttp

    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    with asyncio.Runner() as first, asyncio.Runner() as second:
        session = first.run(make())
        client = AsyncClient(faults.url, session=session)

        async def call() -> Any:
            return await client.get("/ok")

        assert first.run(call()) == {"ok": True}
        with pytest.raises(ConfigurationError, match="another event loop"):
            second.run(call())
        first.run(session.close())
