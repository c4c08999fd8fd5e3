"""`map` of an `AsyncClient`: what becomes of its tasks."""

import asyncio
import contextvars
import gc
import os
import sys
import warnings
import weakref
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import pytest

from arya_api_framework import AsyncClient
from arya_api_framework.errors import ConfigurationError
from tests.client.test_cancelled_anywhere import cancelled_at
from tests.patience import PATIENCE, until_async
from tests.scripted import HANG, OK, Read, Scripted, Step


def tasks() -> list[str]:
    """Return the tasks of maps."""
    return [task.get_name() for task in asyncio.all_tasks() if "map" in task.get_name()]


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    """A client for calls that send nothing; of its maps nothing is left when the test ends."""
    async with AsyncClient("http://127.0.0.1:9") as client:
        yield client
    gc.collect()
    await until_async(lambda: not tasks())


class Source:
    """Numbers that are awaited.

    Attributes:
        taken: How many were.
        tasks: In which tasks.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.tasks: set[Any] = set()
        self.more = asyncio.Event()

    async def numbers(self, end: int, pause: int | None = None) -> AsyncIterator[int]:
        """Give numbers; before one of them, wait."""
        for number in range(end):
            self.tasks.add(asyncio.current_task())
            if number == pause:
                await self.more.wait()
            await asyncio.sleep(0)
            self.taken += 1
            yield number


async def double(number: int) -> int:
    """Return it twice, a bit later."""
    await asyncio.sleep(0)
    return 2 * number


@pytest.mark.parametrize("ordered", [True, False])
async def test_inputs_that_are_awaited(client: AsyncClient, ordered: bool) -> None:
    """They are taken in one task, each when there is room for its call."""
    source = Source()
    results = client.map(double, source.numbers(50), concurrency=3, ordered=ordered)
    assert results.total is None
    found = [one async for one in results]
    assert sorted(found) == [2 * number for number in range(50)]
    assert not ordered or found == sorted(found)
    assert len(source.tasks) == 1
    assert asyncio.current_task() not in source.tasks


async def test_a_result_does_not_wait_for_an_input(client: AsyncClient) -> None:
    """While there is no further input, what there is is given."""
    source = Source()
    results = client.map(double, source.numbers(5, pause=2))
    assert [await anext(results), await anext(results)] == [0, 2]
    source.more.set()
    assert [one async for one in results] == [4, 6, 8]


async def test_awaited_inputs_are_taken_late(client: AsyncClient) -> None:
    """No more of them than there are calls whose results may wait."""
    source = Source()
    results = client.map(double, source.numbers(100), concurrency=2)
    assert await anext(results) == 0
    await asyncio.sleep(0.05)
    assert source.taken <= 6
    await results.aclose()
    assert not tasks()


@pytest.mark.parametrize("error", [OSError("lost"), asyncio.CancelledError("by itself")])
async def test_an_error_of_awaited_inputs(client: AsyncClient, error: BaseException) -> None:
    """It comes unchanged, after the results of what was begun."""

    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2
        raise error

    results = client.map(double, numbers(), on_error="collect")
    assert [(await anext(results)).result, (await anext(results)).result] == [2, 4]
    with pytest.raises(type(error)) as caught:
        await anext(results)
    assert caught.value is error
    assert not tasks()


async def test_inputs_that_do_not_listen(client: AsyncClient) -> None:
    """An input that comes although nothing more is begun makes no call."""
    entered, called = asyncio.Event(), list[int]()

    async def numbers() -> AsyncIterator[int]:
        yield 0
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield 1

    async def call(number: int) -> int:
        called.append(number)
        return number

    results = client.map(call, numbers())
    assert await anext(results) == 0
    await entered.wait()
    await results.aclose()
    await asyncio.sleep(0.01)
    assert called == [0]


async def test_inputs_are_taken_while_nobody_reads(client: AsyncClient) -> None:
    """While the reader does something else, calls are begun for as many results as may wait."""
    source = Source()
    results = client.map(double, source.numbers(100), concurrency=2)
    assert await anext(results) == 0
    await until_async(lambda: source.taken == 5)
    await results.aclose()


async def test_a_slow_reader(client: AsyncClient) -> None:
    """Inputs are taken again when there is room, though no call ends that would tell so."""
    source = Source()
    results = client.map(double, source.numbers(9), concurrency=1)
    assert await anext(results) == 0
    await until_async(lambda: results.done == 3)  # As many as may wait, so that nothing runs.
    async with asyncio.timeout(PATIENCE):
        assert [one async for one in results] == [2 * number for number in range(1, 9)]


async def test_awaitables(client: AsyncClient) -> None:
    """What is to be awaited is a call, too: coroutines, tasks and futures."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    future.set_result(3)
    calls = [double(1), asyncio.ensure_future(double(2)), future]
    assert [one async for one in client.map(calls)] == [2, 4, 3]
    generated = client.map(double(number) for number in range(3))
    assert [one async for one in generated] == [0, 2, 4]
    [outcome] = [one async for one in client.map([future], on_error="collect")]
    assert outcome.input is future


class Stop(BaseException):
    """What ends a program."""


@pytest.mark.parametrize("stopped", [False, True])
async def test_coroutines_that_were_never_begun(client: AsyncClient, stopped: bool) -> None:
    """None of them warns that nobody awaited it."""

    async def fail() -> int:
        raise LookupError

    def inputs() -> Iterator[Any]:
        yield double(1)
        yield double(2)  # It has a task, which has not run yet.
        raise Stop

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coroutines = [] if stopped else [fail(), *(double(number) for number in range(50))]
        results = client.map(inputs() if stopped else coroutines, concurrency=3)
        with pytest.raises(Stop if stopped else LookupError):
            await anext(results)
        del coroutines
        await client.map([double(1)]).aclose()
        gc.collect()


async def test_tasks_that_begin_at_once(client: AsyncClient) -> None:
    """A loop that runs tasks while it makes them keeps none that has ended."""

    class Done(asyncio.Future[Any]):
        def set_name(self, name: object) -> None:
            assert name == "call of a map"

    def make(loop: Any, coroutine: Any, **_: Any) -> Any:
        task = Done(loop=loop)
        with pytest.raises(StopIteration):
            coroutine.send(None)
        task.set_result(None)
        return task

    async def call(number: int) -> int:
        return number

    loop = asyncio.get_running_loop()
    results = client.map(call, range(9), concurrency=2)
    loop.set_task_factory(make)
    try:
        assert [await anext(results) for _ in range(5)] == [0, 1, 2, 3, 4]
        assert not results._workers._tasks
        await results.aclose()
    finally:
        loop.set_task_factory(None)


async def test_a_task_for_each_call(client: AsyncClient) -> None:
    """What a call sets in its context is its own, and so is its task."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("mine")
    seen: set[Any] = set()

    async def call(number: int) -> str:
        seen.add(asyncio.current_task())
        before = variable.get()
        variable.set(f"of call {number}")
        return before

    results = client.map(call, range(9), concurrency=1)
    assert [await anext(results) for _ in range(4)] == ["mine"] * 4
    variable.set("other")
    assert [one async for one in results][-1] == "other"
    assert (variable.get(), len(seen)) == ("other", 9)


async def hang(number: int) -> int:
    """Return a number, but for 1."""
    if number == 1:
        await asyncio.Event().wait()
    return number


@pytest.mark.parametrize("kept", [True, False])
async def test_leaving_early(client: AsyncClient, kept: bool) -> None:
    """At the end of `async with` all is cancelled; without it, as soon as the loop goes on."""
    results = client.map(hang, count(), concurrency=3, ordered=False)
    if kept:
        async with results:
            async for _ in results:
                break
            assert tasks()
        assert not tasks()
        return
    async for _ in results:
        break
    assert tasks()
    del results
    await until_async(lambda: not tasks())


async def test_cancelling_who_reads(client: AsyncClient) -> None:
    """Its cancellation cancels the calls, and waits for them."""
    cleaned: list[int] = []

    async def call(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(number)

    async def read() -> None:
        async for _ in client.map(call, count(), concurrency=4):
            raise AssertionError

    task = asyncio.create_task(read())
    await until_async(lambda: len(tasks()) == 4)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # Nor does who is impatient leave one behind.
    await asyncio.wait([task])
    assert task.cancelled()
    assert sorted(cleaned) == [0, 1, 2, 3]
    assert not tasks()


async def test_cancelling_who_closes(client: AsyncClient) -> None:
    """Its cancellation is raised, after the calls that it waits for have ended."""
    cleaned: list[int] = []

    async def call(number: int) -> int:
        try:
            if number:
                await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(number)
        return number

    results = client.map(call, count(), concurrency=3, ordered=False)
    assert await anext(results) == 0
    under_way = len(tasks())
    task = asyncio.ensure_future(results.aclose())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert len(cleaned) == 1 + under_way
    assert not tasks()


async def test_a_timeout_around_it(client: AsyncClient) -> None:
    """`asyncio.timeout` ends it like any other await."""

    async def read() -> None:
        async with asyncio.timeout(0.01):
            async for _ in client.map(hang, [1, 1, 1]):
                raise AssertionError

    with pytest.raises(TimeoutError):
        await read()
    assert not tasks()


def answered(read: Read) -> Step:
    """Answer all but one path."""
    return HANG if read.target == "/hang" else OK


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


def _in_use(client: AsyncClient) -> Any:
    connector: Any = client.session.connector
    return connector._acquired


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("awaited", [True, False])
async def test_cancelled_anywhere(ordered: bool, awaited: bool) -> None:
    """A cancellation leaves no task and no connection in use, and a client that works."""
    await asyncio.to_thread(int)  # The executor has threads, not descriptors, from now on.
    descriptors = _descriptors()
    async with Scripted(*[answered] * 10_000) as server, AsyncClient(server.url) as client:

        async def inputs() -> AsyncIterator[str]:
            for number in range(6):
                await asyncio.sleep(0)
                yield f"/{number}"

        async def read() -> None:
            paths: Any = inputs() if awaited else (f"/{number}" for number in range(6))
            results = client.map(client.get, paths, concurrency=2, ordered=ordered)
            async with results:
                async for one in results:
                    assert one == {}
                    await asyncio.sleep(0)

        for number in count():

            async def cancelled(number: int = number) -> bool:
                return bool(await cancelled_at(read(), number))

            task = asyncio.create_task(cancelled())
            try:
                ended = await task
            except asyncio.CancelledError:
                ended = False
            assert not tasks()
            await until_async(lambda: not _in_use(client))
            assert await client.get("/") == {}
            if ended:
                break
        assert number >= 6
    await until_async(lambda: _descriptors() <= descriptors)


async def test_calls_are_broken_off(client: AsyncClient) -> None:
    """A call that is cancelled closes its connection."""
    async with Scripted(*[answered] * 5) as server, AsyncClient(server.url) as other:
        async with other.map(other.get, ["/ok", "/hang"]) as results:
            assert await anext(results) == {}
            await server.has_read(2)
        hanging = next(read for read in server.log if read.target == "/hang")
        await server.has_ended(hanging.connection)


async def test_a_call_that_cancels_itself(client: AsyncClient) -> None:
    """Its cancellation is raised, not collected, and is none of who reads."""

    async def call(number: int) -> int:
        if number == 2:
            raise asyncio.CancelledError("by itself")
        return number

    results = client.map(call, range(9), on_error="collect", concurrency=1)
    assert [(await anext(results)).result for _ in range(2)] == [0, 1]
    with pytest.raises(asyncio.CancelledError, match="by itself"):
        await anext(results)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_closing_in_a_call(client: AsyncClient) -> None:
    """A call may close the map that it belongs to, and is not cancelled for it."""
    read, closed = asyncio.Event(), asyncio.Event()

    async def call(number: int) -> int:
        if number == 1:
            await read.wait()
            await results.aclose()
            await asyncio.sleep(0)
            closed.set()
        return number

    results = client.map(call, range(9), concurrency=2)
    assert await anext(results) == 0
    read.set()
    await closed.wait()
    assert [one async for one in results] == []


async def test_two_that_read(client: AsyncClient) -> None:
    """Results have one reader at a time, as of an async generator."""
    results = client.map(hang, [1])
    reader = asyncio.create_task(anext(results))
    await until_async(tasks)
    with pytest.raises(RuntimeError, match="already running"):
        await anext(results)
    reader.cancel()
    await asyncio.wait([reader])


async def test_errors_that_nobody_sees(client: AsyncClient) -> None:
    """What fails after the first error, or while it is cancelled, is not complained about."""
    loop, complaints = asyncio.get_running_loop(), list[Any]()
    loop.set_exception_handler(lambda _, context: complaints.append(context))

    async def call(number: int) -> None:
        try:
            await asyncio.sleep(0 if number < 2 else 60)
        finally:
            raise LookupError(number)

    with pytest.raises(LookupError) as caught:
        [one async for one in client.map(call, range(9), concurrency=4)]
    assert caught.value.args == (0,)
    del caught
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_nothing_is_kept(client: AsyncClient) -> None:
    """Inputs and results that were given are let go, while the rest is read and after an error."""

    class Thing:
        pass

    known: list[weakref.ref[Thing]] = []

    async def make(number: int) -> Thing:
        thing = Thing()
        if number == 20:
            raise LookupError(thing)
        known.append(weakref.ref(thing))
        return thing

    results = client.map(make, range(100), concurrency=2)
    gc.disable()
    try:
        for _ in range(20):
            await anext(results)
        assert len([one for one in known if one() is not None]) <= 4
        with pytest.raises(LookupError):
            await anext(results)
        del results
        await until_async(lambda: not [one for one in known if one() is not None])
    finally:
        gc.enable()


def test_the_end_of_a_loop(client: AsyncClient) -> None:
    """A loop that ends before the results do cancels what is under way, without complaint."""
    kept: list[Any] = []

    async def main() -> None:
        results = client.map(hang, count(), concurrency=3, ordered=False)
        kept.append(results)
        assert await anext(results) == 0

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())
    kept.clear()


async def test_what_is_no_call(client: AsyncClient) -> None:
    """Of inputs that are awaited, too, what is no call is refused."""

    async def calls() -> AsyncIterator[Any]:
        yield double(1)
        yield 5

    results = client.map(calls())
    assert await anext(results) == 2
    with pytest.raises(ConfigurationError, match="a function without arguments, got int"):
        await anext(results)
