"""`map` of a `SyncClient`: what becomes of its threads."""

import asyncio
import contextvars
import gc
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from itertools import count
from typing import Any

import pytest

from arya_api_framework import SyncClient
from arya_api_framework.errors import ConfigurationError
from tests.app import Server
from tests.conftest import needs_fork
from tests.forks import in_child
from tests.patience import LATE, PATIENCE, until

NAME = "call of a map"


def workers() -> list[threading.Thread]:
    """Return the threads that make calls of a map."""
    return [thread for thread in threading.enumerate() if thread.name == NAME]


@pytest.fixture
def client(server: Server) -> Generator[SyncClient]:
    """A client, of whose maps nothing is left when the test ends."""
    with SyncClient(server.url, retry=None) as client:
        yield client
    until(lambda: not workers())


def test_as_many_threads_as_are_needed(client: SyncClient) -> None:
    """There is a thread for each call that is under way at once, and none is left at the end."""
    barrier = threading.Barrier(4)
    seen: set[Any] = set()

    def call(number: int) -> int:
        barrier.wait(PATIENCE)
        seen.add(threading.current_thread())
        return number

    assert list(client.map(call, range(40), concurrency=4)) == list(range(40))
    assert len(seen) == 4
    assert {(one.name, one.daemon) for one in seen} == {(NAME, True)}
    until(lambda: not workers())
    barrier = threading.Barrier(2)
    assert list(client.map(call, range(2), concurrency=1000)) == [0, 1]
    assert len(seen) == 6


def test_the_context_of_a_call(client: SyncClient) -> None:
    """A call has the context in which it was begun, and what it sets there is its own."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("mine")

    def call(number: int) -> str:
        before = variable.get()
        variable.set(f"of call {number}")
        return before

    results = client.map(call, range(9), concurrency=1)
    assert [next(results) for _ in range(4)] == ["mine"] * 4
    variable.set("other")
    assert list(results)[-1] == "other"
    assert variable.get() == "other"


def test_inputs_are_taken_by_who_reads(client: SyncClient) -> None:
    """What belongs to one thread, such as rows of SQLite, may be inputs."""
    with sqlite3.connect(":memory:") as database:
        rows = database.execute("VALUES (1), (2), (3), (4), (5)")
        found = list(client.map(lambda row: client.get(f"/users/{row[0]}"), rows, concurrency=2))
        assert [one["id"] for one in found] == [1, 2, 3, 4, 5]
    database.close()


async def test_in_an_event_loop(client: SyncClient) -> None:
    """A loop in the same thread does not matter, but for being blocked meanwhile."""
    assert asyncio.get_running_loop()
    assert len(list(client.map(client.get, ["/users/1"] * 5))) == 5


def held(started: threading.Event, freed: threading.Event) -> Callable[[int], int]:
    """Return a call whose second one takes until the event is set."""

    def call(number: int) -> int:
        if number == 1:
            started.set()
            assert freed.wait(PATIENCE)
        return number

    return call


def test_leaving_early(client: SyncClient) -> None:
    """Who breaks off the loop does not wait; nothing more is begun, and the threads end."""
    started, freed, taken = threading.Event(), threading.Event(), iter(range(100))
    for number in client.map(held(started, freed), taken, concurrency=3, ordered=False):
        assert number != 1
        assert started.wait(PATIENCE)
        break
    assert 1 <= len(workers()) <= 3
    assert next(taken) <= 6
    freed.set()
    until(lambda: not workers())
    assert next(taken) <= 7


@pytest.mark.parametrize("error", [None, LookupError, KeyboardInterrupt])
def test_leaving_a_with_block(client: SyncClient, error: Any) -> None:
    """At its end what is under way has ended; only what ends a program does not wait for it."""
    started, freed = threading.Event(), threading.Event()
    timer = threading.Timer(0.1, freed.set)
    try:
        with client.map(held(started, freed), range(9), concurrency=2) as results:
            assert next(results) == 0
            assert started.wait(PATIENCE)
            if error is not KeyboardInterrupt:
                timer.start()
            if error is not None:
                raise error
    except (LookupError, KeyboardInterrupt):
        pass
    assert freed.is_set() == (error is not KeyboardInterrupt)
    if error is KeyboardInterrupt:
        assert workers()
    else:
        until(lambda: not workers())
    assert list(results) == []
    freed.set()
    if timer.ident:
        timer.join()


def test_an_interrupt_does_not_wait(client: SyncClient) -> None:
    """What ends a program, raised while a result is waited for, leaves the calls to themselves."""
    started, freed = threading.Event(), threading.Event()

    def inputs() -> Iterator[int]:
        yield from range(2)
        assert started.wait(PATIENCE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(client.map(held(started, freed), inputs(), concurrency=3))
    assert workers()
    freed.set()


@pytest.mark.parametrize("on_error", ["raise", "collect"])
def test_what_ends_a_program_in_a_call(client: SyncClient, on_error: Any) -> None:
    """It is raised where the results are read, and never collected."""
    with pytest.raises(SystemExit):
        list(client.map(sys.exit, range(9), on_error=on_error))


def test_an_error_that_would_end_a_loop(client: SyncClient) -> None:
    """A `StopIteration` that a call lets out does not pass for the end."""
    with pytest.raises(RuntimeError) as caught:
        list(client.map(next, [iter([1]), iter([])]))
    assert isinstance(caught.value.__cause__, StopIteration)


def test_two_that_read(client: SyncClient) -> None:
    """Results have one reader at a time, as of a generator."""
    started, freed = threading.Event(), threading.Event()
    results = client.map(held(started, freed), [1])
    reader = threading.Thread(target=list, args=[results])
    reader.start()
    assert started.wait(PATIENCE)
    with pytest.raises(ValueError, match="already executing"):
        next(results)
    with pytest.raises(ValueError, match="already executing"):
        results.close()
    freed.set()
    reader.join()


def test_closing_in_a_call(client: SyncClient) -> None:
    """A call may close the map that it belongs to, and does not wait for itself."""
    read = threading.Event()

    def call(number: int) -> int:
        if number == 1:
            assert read.wait(PATIENCE)
            results.close()
        return number

    results = client.map(call, range(9), concurrency=2)
    assert next(results) == 0
    read.set()
    until(lambda: not workers())
    assert list(results) == []


def test_nothing_is_kept(client: SyncClient) -> None:
    """Inputs and results that were given are let go, while the rest is read and after an error."""

    class Thing:
        pass

    known: list[weakref.ref[Thing]] = []

    def make(number: int) -> Thing:
        thing = Thing()
        if number == 20:
            raise LookupError(thing)
        known.append(weakref.ref(thing))
        return thing

    results = client.map(make, range(100), concurrency=2)
    gc.disable()
    try:
        for _ in range(20):
            next(results)
        alive = [one for one in known if one() is not None]
        assert len(alive) <= 4
        with pytest.raises(LookupError):
            next(results)
        del results
        until(lambda: not [one for one in known if one() is not None])
    finally:
        gc.enable()


def test_an_idle_thread_keeps_nothing(client: SyncClient) -> None:
    """The input of a call that has ended is let go while others are still under way."""

    class Thing:
        def __init__(self, number: int) -> None:
            self.number = number

    started, freed = threading.Event(), threading.Event()

    def call(thing: Thing) -> None:
        if thing.number:
            started.set()
            assert freed.wait(PATIENCE)
        else:
            assert started.wait(PATIENCE)  # So that there are two threads.

    known: list[weakref.ref[Thing]] = []

    def inputs() -> Iterator[Thing]:
        for number in range(2):
            thing = Thing(number)
            known.append(weakref.ref(thing))
            yield thing
            del thing

    with client.map(call, inputs(), concurrency=2, ordered=False) as results:
        assert next(results) is None
        until(lambda: known[0]() is None)
        freed.set()


def test_calls_that_wait_for_a_thread(client: SyncClient) -> None:
    """Where there are fewer threads than wanted, what waits for one is not begun any more."""
    started, freed, called = threading.Event(), threading.Event(), list[int]()
    size = threading.stack_size()

    def call(number: int) -> int:
        called.append(number)
        started.set()
        assert freed.wait(PATIENCE)
        return number

    def inputs() -> Iterator[int]:
        yield 0
        assert started.wait(PATIENCE)
        threading.stack_size(1 << 46)  # More than any machine has.
        yield 1
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            list(client.map(call, inputs(), concurrency=5))
    finally:
        threading.stack_size(size)
    freed.set()
    until(lambda: not workers())
    assert called == [0]


@pytest.mark.parametrize("threads", [0, 1])
def test_a_machine_that_has_no_thread_left(client: SyncClient, threads: int) -> None:
    """The calls are made by the threads there are, and by who reads where there is none."""
    seen: set[int] = set()
    size = threading.stack_size()

    def call(number: int) -> int:
        seen.add(threading.get_ident())
        return number

    def inputs() -> Iterator[int]:
        for number in range(20):
            if number == threads:
                threading.stack_size(1 << 46)  # More than any machine has.
            yield number

    try:
        assert list(client.map(call, inputs(), concurrency=5)) == list(range(20))
    finally:
        threading.stack_size(size)
    assert len(seen) == 1
    assert (seen == {threading.get_ident()}) == (threads == 0)


@needs_fork
def test_a_forked_child(client: SyncClient) -> None:
    """A child cannot read on, and says so; its parent can, and the child can map anew."""
    results = client.map(str, range(20), concurrency=2)
    assert next(results) == "0"

    def child() -> None:
        with pytest.raises(ConfigurationError, match="forked"):
            next(results)
        assert list(results) == []
        assert list(client.map(str, range(3))) == ["0", "1", "2"]

    assert in_child(child) == ""
    assert list(results) == [str(number) for number in range(1, 20)]


def test_what_threads_cannot_await(client: SyncClient) -> None:
    """Inputs and calls that must be awaited are refused, and say who can."""

    async def one() -> int:
        return 1

    async def numbers() -> Any:
        yield 1

    with pytest.raises(ConfigurationError, match="cannot await their inputs, got async_generator"):
        client.map(str, numbers())
    coroutine = one()
    with pytest.raises(ConfigurationError, match="got coroutine, which threads cannot await"):
        list(client.map([coroutine]))  # type: ignore[arg-type]
    coroutine.close()


class Alarm(Exception):
    """What a handler of a signal raises."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no timers that raise")
@pytest.mark.filterwarnings("ignore:the results of `map`:RuntimeWarning")
@pytest.mark.parametrize("error", [Alarm, KeyboardInterrupt])
def test_a_storm_of_signals(
    client: SyncClient, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """A handler that raises at any moment ends the map, of which nothing is left."""

    def handle(*_: object) -> None:
        raise error

    def call(number: int) -> int:
        time.sleep(0.0001)
        return number

    assert list(client.map(call, range(3))) == [0, 1, 2]  # Imports catch errors, too.
    # Where it is raised in a finalizer, Python goes on, until it is raised again.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    ended = 0
    before = signal.signal(signal.SIGALRM, handle)
    try:
        for number in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0001 + number * 0.00001, LATE)
                for _ in client.map(call, count(), concurrency=3):
                    pass
            except error:
                ended += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert ended == 300


PROGRAM = """
import sys, threading
from arya_api_framework import SyncClient

started = threading.Event()

def call(number):
    if number:
        started.set()
        threading.Event().wait()
    return number

for number in SyncClient("http://127.0.0.1:9").map(call, range(5), concurrency=2):
    started.wait()
    {}
sys.exit(7)
"""


@pytest.mark.parametrize("end", ["break", "sys.exit(7)"])
def test_the_end_of_the_program(end: str) -> None:
    """Calls that hang keep no program, print nothing, and do not change how it ends."""
    program = PROGRAM.format(end)
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
