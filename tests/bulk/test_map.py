"""`map` and `map_calls` on both clients: what is called, when, and what comes of it."""

import asyncio
import gc
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import arya_api_framework
from arya_api_framework import LinkHeader, Outcome, Pool, Retry, SubClient, map_calls
from arya_api_framework.bulk.batch import Batch
from arya_api_framework.errors import (
    BudgetExhausted,
    ClientClosedError,
    ConfigurationError,
    HTTPNotFound,
)
from arya_api_framework.options import UNSET
from tests.app import Server
from tests.conftest import Kind, enter_wrongly
from tests.patience import until_async
from tests.scripted import HANG, OK, Held, Scripted, answer
from tests.test_progress import Terminal, hide

END = object()
URL = "http://127.0.0.1:9"


async def collect(kind: Kind, results: Any) -> list[Any]:
    """Return all that is left."""
    if kind.is_async:
        return [one async for one in results]
    found: list[Any] = await kind.call(list, results)
    return found


async def one_of(kind: Kind, results: Any) -> Any:
    """Return the next one."""
    return await kind.call(anext if kind.is_async else next, results)


async def close(kind: Kind, results: Any) -> None:
    """Close the results."""
    await kind.call(results.aclose if kind.is_async else results.close)


async def all_of(kind: Kind, results: Any) -> tuple[list[Any], Exception | None]:
    """Return all that is left, and what it ended with."""
    found: list[Any] = []
    try:
        while (one := await kind.call(anext if kind.is_async else next, results, END)) is not END:
            found.append(one)
    except Exception as error:  # noqa: BLE001 - it is what is asked for
        return found, error
    return found, None


def function(kind: Kind, call: Any) -> Any:
    """Return a function of one argument, which an async client awaits."""

    async def called(argument: Any) -> Any:
        return call(argument)

    return called if kind.is_async else call


class Inputs(Iterator[int]):
    """Numbers, and how many of them were taken, by which threads."""

    def __init__(self, end: int | None = None, error: Exception | None = None) -> None:
        self.taken = 0
        self.end = end
        self.error = error
        self.threads: set[int] = set()

    def __next__(self) -> int:
        self.threads.add(threading.get_ident())
        if self.taken == self.end:
            if self.error is not None:
                raise self.error
            raise StopIteration
        self.taken += 1
        return self.taken - 1


@pytest.fixture(autouse=True)
async def _nothing_left() -> Any:
    yield
    gc.collect()
    await until_async(lambda: not [t for t in threading.enumerate() if "call of" in t.name])
    assert [t for t in asyncio.all_tasks() if "map" in t.get_name()] == []


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_function_and_its_inputs(kind: Kind, server: Server, ordered: bool) -> None:
    """Each input makes a call, whose result is given, in the order of the inputs or any other."""
    client = kind.client(server.url)

    def user(number: int) -> Any:
        return client.target.get("/users/{id}", path_parameters={"id": number})

    results = client.map(user, range(1, 11), ordered=ordered, concurrency=3)
    assert (results.total, results.done) == (10, 0)
    assert server.log == []
    ids = [one["id"] for one in await collect(kind, results)]
    assert (ids if ordered else sorted(ids)) == list(range(1, 11))
    assert (results.total, results.done) == (10, 10)
    assert await collect(kind, results) == []
    assert len(server.log) == 10


async def test_calls_without_inputs(kind: Kind, server: Server) -> None:
    """Functions without arguments are calls too."""
    client = kind.client(server.url)
    get = client.target.get
    calls = [partial(get, "/users/1"), lambda: get("/users/2")]
    assert [one["id"] for one in await collect(kind, client.map(calls))] == [1, 2]
    [outcome] = await collect(kind, client.map(calls[:1], on_error="collect"))
    assert outcome.input is calls[0]
    requests = [client.build("GET", "/users/3")]
    assert (await collect(kind, client.map(client.target.send, requests)))[0]["id"] == 3


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_a_slow_call_in_order(kind: Kind, concurrency: int) -> None:
    """Behind a call that takes long, no more wait than twice as many as are under way at once."""
    held = Held(OK)
    steps = [lambda read: held if read.target == "/0" else OK] * 20
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        inputs = Inputs(20)

        def call(number: int) -> Any:
            return client.target.get(f"/{number}", raw=True)

        results = client.map(call, inputs, concurrency=concurrency)
        reading = asyncio.create_task(one_of(kind, results))
        most = 2 * concurrency if concurrency > 1 else 1
        await server.has_read(most)
        await asyncio.sleep(0.05)
        assert (inputs.taken, len(server.log)) == (most, most)
        held.free()
        found = [await reading, *await collect(kind, results)]
        assert [one.url.path for one in found] == [f"/{number}" for number in range(20)]


async def test_results_as_they_come(kind: Kind) -> None:
    """Behind a call that takes long the others go on, each given as soon as it is there."""
    held = Held(answer(200, body=b'"late"'))
    async with Scripted(held) as server:
        client = kind.client(server.url)
        results = client.map(client.target.get, ["/"] * 20, concurrency=2, ordered=False)
        for _ in range(19):
            assert await one_of(kind, results) == {}
        held.free()
        assert await collect(kind, results) == ["late"]


@pytest.mark.parametrize("ordered", [True, False])
async def test_no_more_at_once(kind: Kind, ordered: bool) -> None:
    """As many calls are under way as `concurrency` says: an input is taken with its call."""
    held = [Held(OK) for _ in range(4)]
    async with Scripted(*held) as server:
        client = kind.client(server.url)
        inputs = Inputs()
        results = client.map(lambda _: client.target.get("/"), inputs, concurrency=4)
        reading = asyncio.create_task(one_of(kind, results))
        await server.has_read(4)
        await asyncio.sleep(0.05)
        assert (len(server.log), inputs.taken) == (4, 4)
        for one in held:
            one.free()
        await reading
        await close(kind, results)
        assert inputs.taken <= 8


@pytest.mark.parametrize("ordered", [True, False])
async def test_the_first_error_ends_it(kind: Kind, ordered: bool) -> None:
    """An error is raised, in its turn where there is an order, and nothing more is begun."""
    inputs = Inputs()

    def call(number: int) -> int:
        if number == 7:
            raise LookupError(number)
        return number

    client = kind.client(URL)
    results = client.map(function(kind, call), inputs, ordered=ordered, concurrency=3)
    found, error = await all_of(kind, results)
    assert isinstance(error, LookupError)
    if ordered:
        assert found == list(range(7))
    assert inputs.taken <= 8 + 2 * 3
    assert await collect(kind, results) == []


async def test_what_is_under_way_ends(kind: Kind) -> None:
    """When an error is raised, no call is under way any more: tasks are cancelled, threads end."""
    held = Held(OK)
    async with Scripted(answer(404), HANG if kind.is_async else held) as server:
        client = kind.client(server.url)
        results = client.map(client.target.get, ["/", "/"], concurrency=2, ordered=False)
        reading = asyncio.create_task(one_of(kind, results))
        await server.has_read(2)
        if kind.is_async:
            await server.has_ended(server.log[1].connection)
        else:
            await asyncio.sleep(0.05)
            assert not reading.done()
            held.free()
        with pytest.raises(HTTPNotFound):
            await reading


@pytest.mark.parametrize("ordered", [True, False])
async def test_errors_are_collected(kind: Kind, ordered: bool) -> None:
    """With `on_error="collect"` every call has an outcome, which tells its input."""
    async with Scripted(OK, answer(404), answer(200, body=b"3")) as server:
        client = kind.client(server.url)
        results = client.map(
            client.target.get, ["/0", "/1", "/2"], concurrency=1, on_error="collect"
        )
        found = await collect(kind, results)
    assert [(one.index, one.input) for one in found] == [(0, "/0"), (1, "/1"), (2, "/2")]
    assert [type(one.error) for one in found] == [type(None), HTTPNotFound, type(None)]
    assert (found[0].result, found[2].result) == ({}, 3)
    assert found[1].error.url.endswith("/1")
    with pytest.raises(HTTPNotFound):
        _ = found[1].result
    assert repr(found[:2]) == "[<Outcome 0 done>, <Outcome 1 HTTPNotFound>]"
    match found[1]:
        case Outcome(input, HTTPNotFound()):
            assert input == "/1"
        case _:
            raise AssertionError


@pytest.mark.parametrize("on_error", ["raise", "collect"])
async def test_an_error_of_the_inputs(kind: Kind, on_error: str) -> None:
    """What the inputs raise comes unchanged, after the results of what was begun."""
    problem = OSError("the file is gone")
    inputs = Inputs(5, problem)
    client = kind.client(URL)
    results = client.map(
        function(kind, str), inputs, on_error=on_error, ordered=on_error == "raise"
    )
    found, error = await all_of(kind, results)
    assert error is problem
    if on_error == "raise":
        assert found == ["0", "1", "2", "3", "4"]
    assert len(found) == 5
    assert (await all_of(kind, results)) == ([], None)


async def test_inputs_that_cannot_be_iterated(kind: Kind) -> None:
    """What their `__iter__` raises is raised."""

    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise OSError("no")

    found, error = await all_of(kind, kind.client(URL).map(function(kind, str), Broken()))
    assert (found, type(error)) == ([], OSError)


@pytest.mark.parametrize("options", [{}, {"on_error": "collect"}, {"ordered": False}])
async def test_a_budget_that_is_used_up(kind: Kind, server: Server, options: Any) -> None:
    """A budget around it holds; what it allowed is given before its error, which ends the map."""
    client = kind.client(server.url)
    found: list[Any] = []
    reader = anext if kind.is_async else next

    async def read() -> None:
        results = client.map(client.target.get, ("/users/1" for _ in count()), **options)
        with client.target.budget(requests=25) as budget:
            while (one := await kind.call(reader, results, END)) is not END:
                found.append(one)
        assert (budget.used, budget.exhausted) == (25, True)
        assert await collect(kind, results) == []

    await read()
    assert len(found) == 25
    assert len(server.log) == 25


async def test_a_budget_in_a_call(kind: Kind, server: Server) -> None:
    """The error of a budget that is nobody's around the map is one like all others in order."""
    client = kind.client(server.url)

    def call(number: int) -> Any:
        raise BudgetExhausted("it is", budget=client.target.budget(requests=1))

    found, error = await all_of(kind, client.map(function(kind, call), [1]))
    assert (found, type(error)) == ([], BudgetExhausted)


@pytest.mark.parametrize("options", [{}, {"on_error": "collect"}, {"ordered": False}])
async def test_closing_the_client(kind: Kind, server: Server, options: Any) -> None:
    """When the client is closed meanwhile the map ends, also where errors are collected."""
    client = kind.client(server.url)
    results = client.map(client.target.get, ("/users/1" for _ in count()), **options)
    await one_of(kind, results)
    await client.close()
    _, error = await all_of(kind, results)
    assert isinstance(error, ClientClosedError)
    found, error = await all_of(kind, client.map(client.target.get, ["/users/1"]))
    assert (found, type(error)) == ([], ClientClosedError)


async def test_another_client_that_is_closed(kind: Kind, server: Server) -> None:
    """Of calls that belong to many clients, the error of a closed one is that of its input."""
    first, second = kind.client(server.url), kind.client(server.url)
    await second.close()
    clients = [first.target, second.target, first.target]
    results = map_calls(lambda one: one.get("/users/1"), clients, on_error="collect")
    found = await collect(kind, results)
    assert [type(one.error) for one in found] == [type(None), ClientClosedError, type(None)]
    assert [one.input for one in found] == clients


async def test_each_call_is_an_ordinary_call(kind: Kind) -> None:
    """Limits and retries hold for each."""
    async with Scripted(answer(503)) as server:
        client = kind.client(
            server.url, retry=Retry(backoff=0.001), rate_limit=2, rate_limit_interval=0.2
        )
        assert await collect(kind, client.map(client.target.get, ["/"] * 4)) == [{}] * 4
        assert len(server.log) == 5
        assert server.log[4].at - server.log[0].at > 0.35


async def test_fewer_connections_than_calls(kind: Kind, server: Server) -> None:
    """Calls that find no connection free wait for one, as any do."""
    async with Scripted() as scripted:
        client = kind.client(scripted.url, pool=Pool(total=2))
        found = await collect(kind, client.map(client.target.get, ["/"] * 40, concurrency=20))
        assert found == [{}] * 40
        assert len(set(scripted.connections)) <= 2


async def test_a_map_in_a_map(kind: Kind, server: Server) -> None:
    """A call may be a map of its own."""
    client = kind.client(server.url)

    def user(number: int) -> Any:
        return client.target.get(f"/users/{number}")

    def some_sync(first: int) -> list[int]:
        return [one["id"] for one in client.map(user, range(first, first + 2), concurrency=2)]

    async def some_async(first: int) -> list[int]:
        return [one["id"] async for one in client.map(user, range(first, first + 2))]

    found = await collect(kind, client.map(some_async if kind.is_async else some_sync, [1, 3, 5]))
    assert found == [[1, 2], [3, 4], [5, 6]]
    chained = client.map(function(kind, str), client.map(function(kind, int), ["1", "2"]))
    assert await collect(kind, chained) == ["1", "2"]


@pytest.mark.parametrize("ahead", [0, 1])
async def test_items_as_inputs(kind: Kind, server: Server, ahead: int) -> None:
    """The items of a list that comes in pages are inputs like any other."""
    client = kind.client(server.url)

    def user(post: Any) -> Any:
        return client.target.get(f"/users/{post['userId']}")

    options: Any = {"pagination": LinkHeader(), "parameters": {"_limit": 7}, "ahead": ahead}
    found = await collect(kind, client.map(user, client.items("/posts", **options)))
    assert [one["id"] for one in found] == [number // 10 + 1 for number in range(100)]


async def test_small_ones(kind: Kind) -> None:
    """No input, calls that return `None`, falsy inputs, and a length that no list has."""
    client = kind.client(URL)
    nothing = function(kind, lambda _: None)
    assert await collect(kind, client.map(nothing, [])) == []
    assert await collect(kind, client.map([])) == []
    assert await collect(kind, client.map(nothing, [0, None, ""])) == [None] * 3
    [outcome] = await collect(kind, client.map(nothing, [None], on_error="collect"))
    assert (outcome.input, outcome.result, outcome.error) == (None, None, None)
    endless = client.map(function(kind, str), range(10**30))
    assert endless.total is None
    assert await one_of(kind, endless) == "0"
    await close(kind, endless)
    assert await collect(kind, endless) == []
    await close(kind, endless)

    class Old:
        def __getitem__(self, number: int) -> int:
            return (5, 6)[number]

    assert await collect(kind, client.map(function(kind, str), Old())) == ["5", "6"]


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        (
            (len, [1]),
            {"concurrency": 0},
            "concurrency of map must be a whole number above 0, got 0",
        ),
        ((len, [1]), {"concurrency": True}, "got True"),
        ((len, [1]), {"concurrency": 2.0}, "got 2.0"),
        ((len, [1]), {"concurrency": None}, "got None"),
        ((len, [1]), {"ordered": "no"}, "ordered of map must be True or False, got 'no'"),
        ((len, [1]), {"on_error": "skip"}, "must be 'raise' or 'collect', got 'skip'"),
        ((len, [1]), {"on_progress": 5}, "on_progress of map must be a function"),
        ((len, [1]), {"concurency": 5}, "'concurency'; did you mean 'concurrency'"),
        ((len, [1]), {"progress": 5}, "progress must be True, False or a description, got 5"),
        ((len,), {}, r"map needs the inputs of a function, as `map\(client.user, ids\)`"),
        ((5,), {}, "the calls of map must be a list, or .* got int"),
        ((len, [1]), {"max_workers": 2}, "did you mean 'concurrency'"),
        ((len, [1]), {"return_exceptions": 2}, "did you mean \"on_error='collect'\""),
        ((len, 5), {}, "the inputs of map must be a list, or .* got int"),
        ((len, "abc"), {}, "got str"),
        ((["/"], len), {}, "a function and then its inputs, .* got list as the function"),
    ],
)
def test_what_is_refused(arguments: Any, options: Any, text: str) -> None:
    """What can never work is refused where it is asked for."""
    client = arya_api_framework.SyncClient(URL)
    for make in (client.map, map_calls):
        with pytest.raises(ConfigurationError, match=text):
            make(*arguments, **options)
    client.close()


@pytest.mark.parametrize("on_error", ["raise", "collect"])
async def test_results_in_place_of_calls(kind: Kind, on_error: str) -> None:
    """What was called already is no call, and says how to do better."""
    client = kind.client(URL)
    good = partial(function(kind, lambda _: 1), None)
    found, error = await all_of(kind, client.map([good, {"id": 1}, good], on_error=on_error))
    assert [one if on_error == "raise" else one.result for one in found] == [1]
    assert isinstance(error, ConfigurationError)
    assert "got dict; give a function and its inputs, as `map(client.user, ids)`" in str(error)


@pytest.mark.parametrize("on_error", ["raise", "collect"])
async def test_functions_of_the_other_kind(kind: Kind, on_error: str) -> None:
    """Threads cannot await, and tasks cannot block: the first such call ends the map."""

    async def wrong(number: int) -> int:
        return number

    client = kind.client(URL)
    text = "a call returned (int|a coroutine), which (cannot be awaited|threads cannot await)"
    results = client.map(int if kind.is_async else wrong, [1, 2], on_error=on_error)
    found, error = await all_of(kind, results)
    assert (found, type(error)) == ([], ConfigurationError)
    with pytest.raises(ConfigurationError, match=text):
        raise error  # type: ignore[misc]


async def test_read_in_the_wrong_way(kind: Kind) -> None:
    """`for` and `async for` say that they are not meant."""
    results = kind.client(URL).map(function(kind, str), [1])
    text = "use `async for`, not `for`" if kind.is_async else "use `for`, not `async for`"
    with pytest.raises(TypeError, match=text):
        iter(results) if kind.is_async else aiter(results)
    with pytest.raises(TypeError, match=text.replace("for", "with")):
        await enter_wrongly(kind, results)
    assert await collect(kind, results) == ["1"]


async def test_a_loop_that_keeps_nothing(kind: Kind) -> None:
    """Results that a loop alone holds are read, and nobody is warned that they were not."""
    call = function(kind, str)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if kind.is_async:
            found = [one async for one in map_calls(call, [1, 2])]
        else:
            found = [one for one in map_calls(call, [1, 2])]  # noqa: C416 - this is the loop
        gc.collect()
    assert found == ["1", "2"]
    assert [str(one.message) for one in told] == []


async def test_inputs_of_the_other_kind(kind: Kind) -> None:
    """A hint against `async for` does not make something an iterator to be awaited."""
    client = kind.client(URL)
    results = arya_api_framework.SyncClient(URL).map(str, [1, 2])
    assert await collect(kind, client.map(function(kind, str), results)) == ["1", "2"]


async def test_results_that_nobody_reads(kind: Kind) -> None:
    """Nothing was called, which somebody may have meant to be; who closes them knows."""
    client = kind.client(URL)
    called: list[Any] = []
    for make in (client.map, map_calls):
        with pytest.warns(RuntimeWarning, match="never read, so nothing was called"):
            make(function(kind, called.append), [1])
        await close(kind, make(function(kind, called.append), [1]))
    assert called == []


def test_results_that_nobody_reads_at_the_end(tmp_path: Path) -> None:
    """It is said at the end of the program, too, where they were made, and without a traceback."""
    program = tmp_path / "program.py"
    program.write_text(
        "from arya_api_framework import SyncClient, map_calls\n"
        "kept = map_calls(str, [1])\n"
        f"other = SyncClient({URL!r}).map(str, [1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert f"program.py:2: RuntimeWarning: the results of `map` made at {program}:2" in done.stderr
    assert "program.py:3: RuntimeWarning" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("known", [True, False])
async def test_progress(kind: Kind, known: bool) -> None:
    """A function is told how many calls have ended, and of how many, if that is known."""
    told: list[tuple[int, int | None]] = []
    threads: set[int] = set()

    def tell(done: int, total: int | None) -> None:
        told.append((done, total))
        threads.add(threading.get_ident())

    def call(number: int) -> int:
        if number == 3:
            raise LookupError(number)
        return number

    inputs: Any = range(10) if known else iter(range(10))
    client = kind.client(URL)
    results = client.map(
        function(kind, call), inputs, on_error="collect", on_progress=tell, concurrency=2
    )
    await collect(kind, results)
    total = 10 if known else None
    assert told[-1] == (10, total)
    assert told == sorted(set(told))
    assert len(threads) == 1


@pytest.mark.parametrize("progress", [True, "all users"])
@pytest.mark.parametrize("early", [True, False])
async def test_a_bar(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, progress: Any, early: bool
) -> None:
    """A bar is drawn, and left as it is when the map ends, however it does."""
    terminal = Terminal(monkeypatch)
    terminal.show()
    results = kind.client(URL).map(function(kind, str), range(20), concurrency=2, progress=progress)
    assert await one_of(kind, results) == "0"
    if early:
        await close(kind, results)
    else:
        await collect(kind, results)
    drawn = terminal.close()
    assert ("calls" if progress is True else progress) in drawn
    assert "/20" in drawn
    assert ("20/20" in drawn) != early
    assert "it/s" in drawn


async def test_a_bar_that_cannot_be_drawn(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no library is installed it is refused before anything is called."""
    hide("tqdm", monkeypatch)
    hide("rich", monkeypatch)
    called: list[int] = []
    results = kind.client(URL).map(function(kind, called.append), [1], progress=True)
    found, error = await all_of(kind, results)
    assert (found, called, type(error)) == ([], [], ConfigurationError)


async def test_progress_that_fails(kind: Kind) -> None:
    """What that function raises is raised, and ends the map."""

    def tell(done: int, total: int | None) -> None:
        raise LookupError(done)

    inputs = Inputs()
    results = kind.client(URL).map(function(kind, str), inputs, on_progress=tell)
    found, error = await all_of(kind, results)
    assert (found, type(error)) == ([], LookupError)
    assert inputs.taken <= 20


async def test_calls_of_many_clients(kind: Kind) -> None:
    """A call on each of thousands of copies, a few at a time, over the connections of one."""
    clones = 10_000

    async with Scripted() as server:
        client = kind.client(server.url, pool=Pool(total=32)).target

        def me(clone: Any) -> Any:
            return clone.get("/me")

        copies = (client.with_options(bearer_token=f"t{number}") for number in range(clones))
        results = map_calls(me, copies, concurrency=32, ordered=False)
        assert await collect(kind, results) == [{}] * clones
        tokens = {read.headers["Authorization"] for read in server.log}
        assert tokens == {f"Bearer t{number}" for number in range(clones)}
        assert len(set(server.connections)) <= 32


async def test_map_calls(kind: Kind) -> None:
    """Without a client it is read in threads or in tasks, and in one of them only."""
    call = function(kind, str)
    results = map_calls(call, [1, 2], on_error="raise")
    assert (results.total, results.done) == (2, 0)
    assert await one_of(kind, results) == "1"
    with pytest.raises(TypeError, match="use `"):
        aiter(results) if not kind.is_async else iter(results)
    assert await collect(kind, results) == ["2"]
    assert results.done == 2
    if kind.is_async:
        async with map_calls(call, [1]) as entered:
            assert [one async for one in entered] == ["1"]
        async with map_calls(call, [1]):
            pass
    else:
        with map_calls(call, [1]) as entered:
            assert list(entered) == ["1"]
    await close(kind, map_calls(call, [1]))


async def test_a_subclient(kind: Kind, server: Server) -> None:
    """A sub-client has it too."""

    class Users(SubClient, relative_path="/users"):
        def all(self) -> Any:
            return self.map(self.get, ["/1", "/2"])

    class Client(kind.base):  # type: ignore[name-defined, misc]
        users = Users()

    client = kind.wrap(Client(server.url)).target
    assert [one["id"] for one in await collect(kind, client.users.all())] == [1, 2]


@pytest.mark.parametrize("ordered", [True, False])
def test_nothing_is_begun_after_an_error(ordered: bool) -> None:
    """Once an error is known that will be raised no call is begun, whenever its turn is."""
    batch = Batch(len, range(100), {"concurrency": 3, "ordered": ordered})
    assert [batch.begin() for _ in range(3)] == [0, 1, 2]
    batch.end(1, 1, None, LookupError(1))
    assert not batch.wants_call()
    assert batch.has_result() == (not ordered)
    batch.end(0, 0, 0, None)
    batch.end(2, 2, 2, None)
    if ordered:
        assert batch.pop() == 0
    with pytest.raises(LookupError):
        batch.pop()


def test_early_results_are_few() -> None:
    """Whatever comes early in order is kept until its turn, and no longer."""
    batch = Batch(len, range(100), {"concurrency": 3})
    for number in range(6):
        assert batch.wants_call() == (number < 3 or batch.ended > 0)
        assert batch.begin() == number
        if number:
            batch.end(number, number, number, None)
    assert not batch.wants_call()
    assert not batch.has_result()
    batch.end(0, 0, 0, None)
    assert [batch.pop() for _ in range(6)] == list(range(6))
    assert not batch.has_result()
    assert batch.wants_call()
    batch.exhaust()
    assert batch.is_done()
    batch.close()
    assert Batch([], UNSET, {}).takes_calls
