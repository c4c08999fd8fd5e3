"""`RateLimit`, priorities, forecasts and budgets of clients, as the server sees them."""

import asyncio
import itertools
import time
from typing import Any

import pytest

from arya_api_framework import (
    AsyncClient,
    CredentialPool,
    Hook,
    RateLimit,
    Request,
    Retry,
    SubClient,
    SyncClient,
)
from arya_api_framework.errors import (
    BudgetExhausted,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    HTTPServiceUnavailable,
    HTTPTooManyRequests,
    RateLimitTimeout,
)
from arya_api_framework.rate_limit.window import Waiter
from tests.app import Server
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.faults import listener
from tests.patience import LATE, until_async
from tests.scripted import CLOSE, HANG, OK, Scripted, answer


def check(times: list[float], limit: int, per: float, start: float) -> None:
    """Check that the server read no request before its turn, and none much later.

    A request may be read long after it was sent, so the time between two of them tells nothing;
    but with free windows at the start the limit says when each may be sent at the earliest.
    """
    for number, at in enumerate(times):
        assert at - start >= number // limit * per
    assert times[-1] - start < (len(times) - 1) // limit * per + LATE


async def test_one_limit_for_clients_of_both_kinds() -> None:
    """All threads and tasks of all of them together."""
    limit = RateLimit(5, per=0.4)
    async with Scripted() as server:
        with SyncClient(server.url, rate_limit=limit) as one:
            async with AsyncClient(server.url, rate_limit=[limit]) as two:
                await two.get("/")
                server.log.clear()
                await asyncio.sleep(0.4)
                assert one.rate_limit == two.rate_limit == (limit,)
                start = time.monotonic()
                calls = [asyncio.to_thread(one.get, f"/{n}") for n in range(6)]
                await asyncio.gather(*calls, *(two.get(f"/{n}") for n in range(6)))
        times = [read.at for read in server.log]
        assert len(times) == 12
        check(times, 5, 0.4, start)


async def test_several_limits_hold_at_once(kind: Kind) -> None:
    """Each for the requests that it is for."""
    limits = [RateLimit(6, per=0.3), RateLimit(2, per=0.5, only="/search")]
    async with Scripted() as server:
        client = kind.client(server.url, rate_limit=limits)
        await client.get("/warm")
        await asyncio.sleep(0.3)
        server.log.clear()
        start = time.monotonic()
        calls = [client.get("/search") for _ in range(4)]
        await asyncio.gather(*calls, *(client.get("/users") for _ in range(8)))
        check([read.at for read in server.log], 6, 0.3, start)
        searches = [read.at for read in server.log if read.target == "/search"]
        check(searches, 2, 0.5, start)
        users = [read.at for read in server.log if read.target == "/users"]
        assert users[-1] < searches[-1], "who waits for a search holds up nobody else"


async def test_calls_have_costs_and_priorities(kind: Kind) -> None:
    """With a number as `rate_limit`, too."""
    async with Scripted() as server:
        client = kind.client(server.url, rate_limit=4, rate_limit_interval=0.2)
        start = time.monotonic()
        await client.get("/first", cost=4)
        limiter = client.target._limiter
        # Somebody in front holds the queue until all are in it.
        holder = Waiter(wake=lambda: True, owner="test")
        limiter.poll(holder)
        calls = [asyncio.ensure_future(client.get(f"/low{n}", cost=4)) for n in range(3)]
        await until_async(lambda: limiter.waiting == 4)
        calls.append(asyncio.ensure_future(client.get("/high", priority=1, cost=3)))
        await until_async(lambda: limiter.waiting == 5 or len(server.log) == 2)
        limiter.leave(holder)
        await asyncio.gather(*calls)
        targets = [read.target for read in server.log]
        assert targets[:2] == ["/first", "/high"]
        times = [read.at for read in server.log]
        check(times, 1, 0.2, start)
        with pytest.raises(ConfigurationError, match="can never pass a rate limit of 4"):
            await client.get("/", cost=5)
        for options in ({"cost": 0}, {"cost": True}, {"priority": "high"}, {"priority": 1.5}):
            with pytest.raises(ConfigurationError, match=next(iter(options))):
                await client.get("/", **options)
        assert len(server.log) == 5


async def test_a_limit_at_the_server_counts_until_the_answer_is_there(
    lane: Lane, server: Server
) -> None:
    """So that it holds there, however long a request travels."""
    client = lane.client(server.url, rate_limit=RateLimit(2, per=0.3, exact="server"))
    await client.get("/echo")
    await asyncio.sleep(0.4)
    start = time.monotonic()
    await asyncio.gather(*(client.get("/delay/0.4") for _ in range(3)))
    assert time.monotonic() - start >= 0.4 + 0.3 + 0.4


async def test_a_limit_at_the_server_counts_what_may_have_come(lane: Lane) -> None:
    """A request without an answer is one; what was never sent is none."""
    limit = RateLimit(1, per=0.4, exact="server")
    async with Scripted(CLOSE) as server:
        client = lane.client(server.url, rate_limit=limit)
        start = time.monotonic()
        with pytest.raises(ConnectionLost):
            await client.get("/")
        await client.get("/")
        check([read.at for read in server.log], 1, 0.4, start)
    with listener(backlog=None) as nowhere:
        limit = RateLimit(1, per=60, exact="server")
        client = lane.client(nowhere, rate_limit=limit)
        for _ in range(5):
            with pytest.raises(ConnectError):
                await client.get("/", deadline=30)
        assert limit.eta() == 0


async def test_a_server_slows_its_limit_down(kind: Kind) -> None:
    """By what it says is left, and by a 429, which stops all clients of the limit."""
    limit = RateLimit(100, per=0.1, max_wait=0.5)
    async with Scripted(answer(200, 'RateLimit: "default";r=1;t=60')) as server:
        one = kind.client(server.url, rate_limit=limit)
        two = kind.client(server.url, rate_limit=limit)
        asked = time.monotonic()
        await one.get("/")
        await two.get("/")
        start = time.monotonic()
        await one.get("/")
        # The pause began before `start`, when the answer was read.
        assert time.monotonic() - start < 0.5 + LATE, "no longer than max_wait"
        assert server.log[-1].at - asked >= 0.5
        server.script[:] = [answer(429, "Retry-After: 60")]
        start = time.monotonic()
        with pytest.raises(HTTPTooManyRequests):
            await one.get("/")
        await two.get("/")
        assert time.monotonic() - start >= 0.5
        server.script[:] = [answer(503)]
        with pytest.raises(HTTPServiceUnavailable):
            await one.get("/")
        assert two.forecast() == 0


async def test_a_pause_that_begins_while_a_call_queues(kind: Kind) -> None:
    """With a number as the limit, too."""
    async with Scripted() as server:
        client = kind.client(server.url, rate_limit=1, rate_limit_interval=0.7)
        await client.get("/")
        waiting = asyncio.ensure_future(client.get("/"))
        await until_async(lambda: client.target._limiter.waiting)
        start = time.monotonic()
        client.target._origins.pause(server.url, 1)
        await waiting
        assert time.monotonic() - start >= 1


async def test_a_pause_that_begins_while_a_call_waits_for_a_slot(kind: Kind) -> None:
    """It ends before the call is sent, and its slot counts from then."""
    limit = RateLimit(1, per=0.7, follow_headers=False)
    async with Scripted() as server:
        client = kind.client(server.url, rate_limit=limit)
        await client.get("/")
        waiting = asyncio.ensure_future(client.get("/"))
        await until_async(lambda: limit._window.waiting)
        start = time.monotonic()
        client.target._origins.pause(server.url, 1.6)
        await waiting
        assert time.monotonic() - start >= 1.6
        assert limit.eta() > 0


async def test_a_pause_beyond_the_deadline(kind: Kind) -> None:
    """A call with a slot that would have to wait for it fails at once, and gives back the slot."""
    limit = RateLimit(1, per=1)
    async with Scripted() as server:
        client = kind.client(server.url, rate_limit=limit)
        await client.get("/")
        waiting = asyncio.ensure_future(client.get("/", deadline=30))
        await until_async(lambda: limit._window.waiting)
        client.target._origins.pause(server.url, 60)
        with pytest.raises(RateLimitTimeout, match="pause") as caught:
            await waiting
        assert caught.value.sent == "no"
        assert len(server.log) == 1


async def test_a_forecast(kind: Kind) -> None:
    """When the last of so many calls would be sent, all that is known counted."""
    async with Scripted() as server:
        free = kind.client(server.url)
        assert free.forecast(1000) == 0
        free.target._origins.pause(server.url, 30)
        assert 30 - LATE < free.forecast() <= 30
        numbered = kind.client(server.url, rate_limit=5, rate_limit_interval=10)
        assert (numbered.forecast(5), numbered.forecast(6), numbered.forecast(11)) == (0, 10, 20)
        limits = [RateLimit(5, per=1), RateLimit(50, per=100)]
        both = kind.client(server.url, rate_limit=limits)
        assert (both.forecast(5), both.forecast(11), both.forecast(51)) == (0, 2, 100)
        with pytest.raises(ConfigurationError, match="cost"):
            both.forecast(0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate_limit": [5]}, "RateLimit"),
        ({"rate_limit": "5"}, "rate_limit"),
        ({"rate_limit": RateLimit(5), "rate_limit_interval": 5}, "rate_limit_interval"),
    ],
)
def test_contradicting_limits(options: dict[str, Any], words: str) -> None:
    """They are refused when the client is made."""
    with pytest.raises(ConfigurationError, match=words):
        SyncClient("https://api.test", **options)


# Budgets


class Note(Hook):
    """Writes down what ended calls."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def call_failed(self, request: Request, error: BaseException) -> None:
        """Write down the class of an error."""
        self.seen.append(type(error).__name__)


async def test_a_budget_of_requests(kind: Kind) -> None:
    """What is sent within it is counted, attempts included; then the block ends."""
    async with Scripted(OK, answer(503), OK) as server:
        client = kind.client(server.url, retry=Retry(backoff=0.001))
        done = 0
        with client.budget(requests=4) as budget:
            for _ in range(10):
                await client.get("/")
                done += 1
        assert (done, budget.used, budget.exhausted) == (3, 4, True)
        assert len(server.log) == 4
        await client.get("/")
        with client.budget(requests=4) as budget:
            await client.get("/")
        assert (budget.used, budget.exhausted) == (1, False)
        assert repr(budget) == "<Budget requests=4 seconds=None used=1>"
        with pytest.raises(ConfigurationError, match="one `with` block"), budget:
            pass


async def test_a_budget_counts_for_all_of_a_client(kind: Kind) -> None:
    """Copies, sub-clients, tasks and redirects; but not for another client."""

    class Users(SubClient):
        def first(self) -> Any:
            return self.get("/first")

    async with Scripted(OK, OK, OK, answer(302, "Location: /there"), OK) as server:
        client = kind.client(server.url)
        users = Users()
        client.target.add_subclient(users)
        other = kind.client(server.url)
        copy = client.with_options(timeout=5)
        with client.budget(requests=5) as budget:
            await kind.call(users.first)
            await copy.get("/")
            await other.get("/")
            await client.get("/")
            assert budget.used == 4
            with pytest.raises(BudgetExhausted) as caught:
                await asyncio.gather(client.get("/"), client.get("/"))
            raise caught.value
        assert budget.exhausted
        assert (caught.value.sent, caught.value.method) == ("no", "GET")
        assert "5 of 5 requests" in str(caught.value)


async def test_budgets_within_each_other(kind: Kind) -> None:
    """The one that is used up ends its own block; none counts what was not sent."""
    async with Scripted() as server:
        client = kind.client(server.url, rate_limit=RateLimit(100))
        reached = []
        with client.budget(requests=3) as outer:
            with client.budget(requests=2) as inner:
                for _ in range(5):
                    await client.get("/")
            reached.append("behind the inner")
            with client.budget(requests=5) as wide:
                for _ in range(5):
                    await client.get("/")
            reached.append("behind the wide")
        assert reached == ["behind the inner"]
        assert (outer.exhausted, inner.exhausted, wide.exhausted) == (True, True, False)
        assert (outer.used, inner.used, wide.used) == (3, 2, 1)
        assert len(server.log) == 3


async def test_a_budget_of_time(lane: Lane) -> None:
    """It ends calls that are under way, waits for a slot, and waits for another attempt."""
    note = Note()
    async with Scripted(HANG) as server:
        client = lane.client(server.url, hooks=[note])
        start = time.monotonic()
        with client.budget(seconds=0.3) as budget:
            await client.get("/")
        assert budget.exhausted
        assert note.seen == ["BudgetExhausted"], "and not what it was made of"
        assert 0.3 - 0.01 <= time.monotonic() - start < 0.3 + LATE
        server.script[:] = [answer(503, "Retry-After: 50")]
        told = lane.client(server.url, retry=Retry())
        with told.budget(requests=5, seconds=5) as budget:
            await told.get("/")
        assert (budget.exhausted, budget.used) == (True, 1)
        with client.budget(seconds=0.01) as budget:
            await asyncio.sleep(0.02)
            await client.get("/")
        assert (budget.exhausted, budget.used) == (True, 0)
        slow = lane.client(server.url, rate_limit=1, rate_limit_interval=60)
        with slow.budget(seconds=5) as budget:
            await slow.get("/")
            await slow.get("/")
        assert (budget.exhausted, budget.used) == (True, 1)
        with slow.budget(seconds=0.01) as budget:
            await asyncio.sleep(0.02)
            await client.get("/")
            with pytest.raises(BudgetExhausted, match=r"0\.01 s") as caught:
                await slow.get("/")
            raise caught.value
        assert budget.exhausted


async def test_an_own_deadline_within_a_budget(kind: Kind) -> None:
    """It is the call's, and no end of the block."""
    async with Scripted(HANG) as server:
        client = kind.client(server.url)
        with client.budget(seconds=30) as budget:
            with pytest.raises(TimeoutError) as caught:
                await client.get("/", deadline=0.1)
            assert not isinstance(caught.value, BudgetExhausted)
        assert not budget.exhausted


@pytest.mark.parametrize(
    "options", [{}, {"requests": 0}, {"requests": True}, {"requests": 1.5}, {"seconds": 0}]
)
def test_a_bad_budget(options: dict[str, Any]) -> None:
    """It is refused when it is made."""
    with (
        SyncClient("https://api.test") as client,
        pytest.raises(ConfigurationError, match="budget"),
    ):
        client.budget(**options)


async def test_a_budget_tells_of_calls_that_were_refused_within(kind: Kind) -> None:
    """Whoever catches the error within the block sees afterwards that it was used up."""
    async with Scripted() as server:
        client = kind.client(server.url)
        with client.budget(requests=1) as budget:
            await client.get("/")
            assert not budget.exhausted
            with pytest.raises(BudgetExhausted):
                await client.get("/")
        assert budget.exhausted
        assert len(server.log) == 1


class Refuses(Hook):
    """A hook that lets nothing through."""

    def before_attempt(self, request: Request) -> None:
        """Refuse."""
        raise BudgetExhausted


async def test_an_error_of_a_hook_is_not_of_a_budget(kind: Kind) -> None:
    """Whatever its class."""
    client = kind.client("http://127.0.0.1:9", hooks=[Refuses()])
    with pytest.raises(BudgetExhausted), client.budget(requests=5) as budget:
        await client.get("/")
    assert not budget.exhausted


async def test_no_slot_is_held_during_a_pause(kind: Kind) -> None:
    """Calls to other origins go on, and no window has more than its limit afterwards."""
    async with Scripted() as one, Scripted() as two:
        limit = RateLimit(1, per=0.3)
        client = kind.client(one.url, trusted_origins=[two.url], rate_limit=limit)
        await client.get("/")
        waiting = asyncio.ensure_future(client.get("/"))
        await until_async(lambda: limit.find_window(None).waiting)
        client.target._origins.pause(one.url, 2)
        start = time.monotonic()
        for _ in range(3):
            await client.get(f"{two.url}/")
        assert time.monotonic() - start < 1.9, "nobody else waits for it"
        await waiting
        times = sorted([read.at for server in (one, two) for read in server.log])
        assert one.log[-1].at - start >= 1.9
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert min(gaps) > 0.15, gaps


async def test_a_pause_that_begins_while_a_call_waits_for_a_key(kind: Kind) -> None:
    """It is waited for, too."""
    async with Scripted() as server:
        pool = CredentialPool(["key"], rate_limit=1, rate_limit_interval=0.3)
        client = kind.client(server.url, credentials=pool)
        await client.get("/")
        waiting = asyncio.ensure_future(client.get("/"))
        await asyncio.sleep(0.05)
        start = time.monotonic()
        client.target._origins.pause(server.url, 1)
        await waiting
        assert server.log[1].at - start >= 1


async def test_an_allowance_of_a_server_is_not_spent_by_calls_that_are_refused(kind: Kind) -> None:
    """Calls that a budget refuses give back what they took."""
    told = answer(200, "RateLimit-Remaining: 2", "RateLimit-Reset: 60")
    async with Scripted(told) as server:
        client = kind.client(server.url, rate_limit=RateLimit(50))
        with client.target.budget(requests=1):
            await client.get("/")
            for _ in range(5):
                with pytest.raises(BudgetExhausted):
                    await client.get("/")
        assert client.target.forecast() == 0
        await client.get("/")
