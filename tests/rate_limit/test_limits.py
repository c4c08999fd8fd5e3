"""`RateLimit`, and windows with weights, priorities, held slots, and what servers tell."""

import copy
import itertools
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from arya_api_framework import RateLimit, RedisShare
from arya_api_framework.client.request import Request
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import ConfigurationError, RateLimitTimeout
from arya_api_framework.rate_limit.limit import check_rate_limits, read_rate_limit
from arya_api_framework.rate_limit.window import (
    FAIRNESS,
    PATIENCE,
    SlidingWindow,
    Waiter,
    leave,
    poll,
    release,
    restamp,
    try_take,
)
from tests.conftest import needs_fork
from tests.forks import in_child
from tests.rate_limit.test_window import interrupt

ORIGIN = Origin("https", "api.test", 443)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time it was set to."""
        return self.now


class Caller(Waiter):
    """A waiter that counts how often it is woken."""

    def __init__(self, needs: dict[SlidingWindow, int], **options: Any) -> None:
        super().__init__(needs, self._wake_up, self, **options)
        self.woken = 0
        self.gone = False

    def _wake_up(self) -> bool:
        self.woken += 1
        return not self.gone


def window(limit: int = 1, interval: float = 1.0, **options: Any) -> tuple[SlidingWindow, Clock]:
    """Return a window with a clock of its own."""
    clock = Clock()
    return SlidingWindow(limit, interval, clock=clock, **options), clock


def request(method: str = "GET", target: str = "/users/1", template: str | None = None) -> Request:
    """Return a request."""
    return Request(method, ORIGIN, target, CIMultiDict(), None, template)


def window_for(limit: RateLimit, one: Request) -> SlidingWindow | None:
    """Return the window of a request, `None` where it is not limited."""
    return limit.find_window(limit.key_of(one)) if limit.applies(one) else None


# Weights


def test_a_call_takes_as_many_slots_as_it_costs() -> None:
    """All at once, or none; one that costs less does not overtake one that costs more."""
    five, clock = window(5)
    assert poll(Caller({five: 3})) is None
    heavy, light = Caller({five: 3}), Caller({five: 1})
    assert poll(heavy) == 1.0
    assert poll(light) == pytest.approx(1.0 + PATIENCE)
    assert five.eta() == 1.0
    clock.now += 1
    assert poll(light) is not None
    assert poll(heavy) is None
    assert poll(light) is None
    assert five.eta() == 0
    assert five.eta(2) == 1.0


def test_a_call_that_costs_more_than_there_is_can_never_be_sent() -> None:
    """It is refused, and nothing is left of it."""
    five, _ = window(5)
    with pytest.raises(ConfigurationError, match="costs 6 can never pass a rate limit of 5"):
        poll(Caller({five: 6}))
    assert five.waiting == 0


def test_an_interrupted_call_gives_back_all_it_took() -> None:
    """Whether its slots are counted from now, or held."""
    for holds in (False, True):
        five, _ = window(5, holds=holds)
        first = Caller({five: 4})
        assert poll(first) is None
        second = Caller({five: 4})
        poll(second)
        leave(first)
        assert second.woken == 1
        assert poll(second) is None


@given(costs=st.lists(st.integers(1, 4), max_size=12), limit=st.integers(4, 6))
def test_no_window_holds_more_than_the_limit(costs: list[int], limit: int) -> None:
    """However calls of different weight follow each other, first come, first served."""
    one, clock = window(limit)
    callers = [Caller({one: cost}) for cost in costs]
    grants: list[tuple[float, int]] = []
    order: list[Caller] = []
    waiting = [caller for caller in callers if not _took(caller, clock, grants, order)]
    while waiting:
        clock.now += 0.25
        waiting = [caller for caller in waiting if not _took(caller, clock, grants, order)]
    assert order == callers
    for start, _ in grants:
        assert sum(cost for at, cost in grants if start <= at < start + 1) <= limit


def _took(
    caller: Caller, clock: Clock, grants: list[tuple[float, int]], order: list[Caller]
) -> bool:
    if poll(caller) is not None:
        return False
    grants.append((clock.now, next(iter(caller.needs.values()))))
    order.append(caller)
    return True


# Priorities


def test_a_higher_priority_goes_first() -> None:
    """Also past those who came before; among themselves they keep their order."""
    one, clock = window()
    poll(Caller({one: 1}))
    low, high, higher = (Caller({one: 1}, priority=number) for number in (0, 1, 1))
    assert poll(low) == 1.0
    assert poll(high) == 1.0
    assert poll(higher) == 2.0 + PATIENCE
    assert one.eta(priority=2) == 1.0
    assert one.eta(priority=1) == 3.0
    assert one.eta() == one.eta(priority=-1) == 4.0
    assert poll(low) == pytest.approx(1.0 + PATIENCE)
    for caller in (high, higher, low):
        clock.now += 1
        assert poll(caller) is None


def test_no_priority_starves() -> None:
    """Every so many slots one goes to who waits longest."""
    one, clock = window()
    poll(Caller({one: 1}))
    low = Caller({one: 1})
    poll(low)
    high = [Caller({one: 1}, priority=1) for _ in range(30)]
    for caller in high:
        poll(caller)
    for count in range(1, 31):
        clock.now += 1
        if poll(low) is None:
            break
        assert poll(high[count - 1]) is None
    assert count == FAIRNESS


# Several windows


def test_several_windows_are_taken_together_or_not_at_all() -> None:
    """Who waits for one has taken nothing of the other."""
    clock = Clock()
    narrow, wide = SlidingWindow(1, 1, clock=clock), SlidingWindow(2, 10, clock=clock)
    both = {narrow: 1, wide: 1}
    assert poll(Caller(both)) is None
    second = Caller(both)
    assert poll(second) == 1.0
    assert wide.waiting == 0, "it does not queue there yet"
    assert wide.try_acquire()
    clock.now += 1
    assert poll(second) == 9.0
    assert narrow.eta() == 1.0, "its place there is kept"
    clock.now += 9
    assert poll(second) is None
    assert (narrow.eta(), wide.eta()) == (1.0, 0.0)
    leave(second)
    assert (narrow.eta(), wide.eta()) == (0.0, 0.0)


def test_who_waits_for_a_narrow_window_holds_up_nobody_in_a_wide_one() -> None:
    """The others pass it."""
    clock = Clock()
    narrow, wide = SlidingWindow(1, 5, clock=clock), SlidingWindow(2, 1, clock=clock)
    poll(Caller({narrow: 1, wide: 1}))
    poll(Caller({narrow: 1, wide: 1}))
    assert poll(Caller({wide: 1})) is None


def test_a_deadline_is_asked_of_every_window_at_once() -> None:
    """A wait that one of them makes too long is no wait."""
    clock = Clock()
    narrow, wide = SlidingWindow(1, 1, clock=clock), SlidingWindow(1, 60, clock=clock)
    poll(Caller({narrow: 1, wide: 1}))
    with pytest.raises(RateLimitTimeout, match=r"60\.000"):
        poll(Caller({narrow: 1, wide: 1}, deadline=110.0))
    assert (narrow.waiting, wide.waiting) == (0, 0)


def test_a_turn_that_is_lost_to_a_higher_priority_holds_up_nobody() -> None:
    """Who has to wait for the first window again leaves the queue of the second."""
    clock = Clock()
    first, second = SlidingWindow(1, 1, clock=clock), SlidingWindow(1, 10, clock=clock)
    second.try_acquire()
    low = Caller({first: 1, second: 1})
    assert poll(low) == 10.0
    other = Caller({second: 1})
    poll(other)
    high = Caller({first: 1}, priority=1)
    assert poll(high) is None
    assert poll(low) == 1.0
    assert other.woken == 1
    assert second.waiting == 1


def test_a_head_that_waits_elsewhere_is_not_passed_over() -> None:
    """Only where it waits can it miss its turn; there it can, and then it is gone from both."""
    clock = Clock()
    first, second = SlidingWindow(1, 1, clock=clock), SlidingWindow(1, 60, clock=clock)
    second.try_acquire()
    head, next_one = Caller({first: 1, second: 1}), Caller({first: 1})
    assert poll(head) == 60.0
    assert poll(next_one) is not None
    clock.now += 30
    assert poll(next_one) is not None
    assert head.woken == 0
    head.gone = True
    clock.now += 30 + PATIENCE + 0.1
    assert poll(next_one) is None
    assert (first.waiting, second.waiting) == (0, 0)


# Held slots


@pytest.mark.parametrize("holds", [False, True])
def test_free_slots_are_taken_without_a_queue(holds: bool) -> None:
    """All of them, or none where one is missing, somebody waits, or a server says no."""
    clock = Clock()
    narrow = SlidingWindow(2, 1, holds=holds, clock=clock)
    wide = SlidingWindow(5, 1, clock=clock)
    first, second = Waiter({narrow: 2, wide: 3}), Waiter({wide: 3})
    assert try_take(first)
    assert not try_take(second), "two are left"
    assert not try_take(Waiter({wide: 2, narrow: 1})), "none is left in the other"
    assert try_take(Waiter({wide: 2})), "so these were not taken"
    release(first)
    clock.now += 1
    waiting = Caller({narrow: 3 - 1})
    assert try_take(Waiter({narrow: 1}))
    assert poll(waiting) is not None
    assert not try_take(Waiter({narrow: 1})), "somebody waits for it"
    leave(waiting)
    wide.shut(10)
    assert not try_take(Waiter({wide: 1}))
    assert not try_take(Waiter({SlidingWindow(1, 1): 2})), "it never can"


@pytest.mark.parametrize("holds", [False, True])
def test_slots_that_were_taken_at_once_can_be_given_back(holds: bool) -> None:
    """By `leave`, after an interruption on any line, too."""
    for stop_at in itertools.count(1):
        one, _ = window(holds=holds)
        waiter = Waiter({one: 1})
        ended = interrupt(lambda: try_take(waiter), {"try_take", "_take", "_end"}, stop_at)  # noqa: B023
        leave(waiter)
        assert try_take(Waiter({one: 1})), f"lost at line event {stop_at}"
        if ended:
            break
    assert stop_at > 8


def test_a_window_of_held_slots_can_be_resized() -> None:
    """Who waits is woken when there are more; when there are fewer, those in use go on."""
    window_, _ = window(2, 0, holds=True)
    first, second, third, fourth = (Caller({window_: 1}) for _ in range(4))
    assert poll(first) is None
    assert poll(second) is None
    assert poll(third) == PATIENCE, "nobody knows when"
    assert window_.eta() == 0
    assert poll(fourth) is not None
    window_.resize(3)
    assert third.woken == 1
    assert poll(third) is None
    window_.resize(1)
    assert poll(fourth) is not None
    for one in (first, second):
        release(one)
        assert poll(fourth) is not None, "one is still in use"
    release(third)
    assert poll(fourth) is None
    assert not try_take(Waiter({window_: 1}))


def test_a_held_slot_counts_from_its_release() -> None:
    """So it is counted until the server has answered, and one interval longer."""
    two, clock = window(2, holds=True)
    first, second, third = (Caller({two: 1}) for _ in range(3))
    assert poll(first) is None
    assert poll(second) is None
    assert poll(third) == 1.0 + PATIENCE, "nobody knows when, and somebody will wake it"
    assert two.eta() == 1.0
    clock.now += 5
    assert poll(third) == 1.0 + PATIENCE, "by then somebody wakes it"
    release(first)
    assert third.woken == 1
    assert poll(third) == 1.0
    clock.now += 1
    assert poll(third) is None
    assert not two.is_idle
    release(second, unused=True)
    release(second)
    assert two.eta() == 0
    release(third)
    clock.now += 1
    assert two.is_idle


def test_a_head_that_waits_for_calls_under_way_is_not_passed_over() -> None:
    """Nobody knows when they end."""
    one, clock = window(holds=True)
    poll(Caller({one: 1}))
    head, other = Caller({one: 1}), Caller({one: 1})
    poll(head)
    poll(other)
    clock.now += 100
    poll(other)
    clock.now += 100
    poll(other)
    assert head.woken == 0


def test_slots_can_be_counted_anew() -> None:
    """Of who waited for something else since it took them."""
    clock = Clock()
    plain, held = SlidingWindow(2, 1, clock=clock), SlidingWindow(1, 1, holds=True, clock=clock)
    caller = Caller({plain: 2, held: 1})
    poll(caller)
    clock.now += 0.75
    assert restamp(caller)
    assert plain.eta() == 1.0
    assert held.in_use == 1
    assert not try_take(Waiter({plain: 1}))
    leave(caller)
    assert plain.eta() == 0


def test_slots_that_were_free_again_are_not_counted_anew() -> None:
    """Others may have them by now: whoever is late queues again."""
    clock = Clock()
    one, held = SlidingWindow(1, 1, clock=clock), SlidingWindow(1, 1, holds=True, clock=clock)
    late = Caller({one: 1, held: 1})
    assert poll(late) is None
    clock.now += 1
    assert try_take(Waiter({one: 1}))
    assert not restamp(late)
    assert held.in_use == 0
    assert one.eta() == 1.0, "the other one's slot is still there"
    clock.now += 0.5
    assert poll(late) == 0.5
    clock.now += 0.5
    assert poll(late) is None


def test_a_waiter_that_is_gone_holds_nothing() -> None:
    """A handler of a signal may raise before it has given its slots back."""
    places, _ = window(2, 0, holds=True)
    server, clock = window(2, 1, holds=True)
    first, second = Waiter({places: 1, server: 1}), Waiter({places: 1, server: 1})
    assert try_take(first)
    assert try_take(second)
    del first
    assert places.in_use == 1
    assert try_take(Waiter({places: 1}))
    assert server.in_use == 1
    assert not try_take(Waiter({server: 1})), "it may have sent something"
    clock.now += 1
    assert try_take(Waiter({server: 1}))


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_holds_nothing() -> None:
    """Those who hold slots in the parent are not there."""
    places = SlidingWindow(1, 0, holds=True)
    holder = Waiter({places: 1})
    assert try_take(holder)

    def child() -> None:
        assert places.in_use == 0
        assert try_take(Waiter({places: 1}))

    assert in_child(child) == ""
    assert places.in_use == 1


# What servers tell


def test_a_server_can_stop_it() -> None:
    """For its time; who waits already waits longer."""
    two, clock = window(2)
    two.shut(3)
    two.shut(1)
    assert not two.try_acquire()
    assert two.eta() == 3.0
    waiting = Caller({two: 1})
    assert poll(waiting) == 3.0
    clock.now += 3
    assert poll(waiting) is None


def test_a_server_can_slow_it_down() -> None:
    """To so many for so long; never can it make it faster."""
    ten, clock = window(10)
    ten.allow(2, 5)
    assert [ten.try_acquire() for _ in range(3)] == [True, True, False]
    assert ten.eta() == 5.0
    ten.allow(8, 5.5)
    assert not ten.try_acquire(), "the same window, told a little later"
    assert ten.eta() == 5.5
    ten.allow(1, 30)
    assert ten.try_acquire(), "another window"
    assert not ten.try_acquire()
    waiting = Caller({ten: 1})
    assert poll(waiting) == 30.0
    clock.now += 30
    assert poll(waiting) is None
    assert all(ten.try_acquire() for _ in range(9))
    assert not ten.try_acquire()
    ten.allow(1000, 1)
    assert not ten.try_acquire()


def test_what_is_allowed_is_counted_for_waiters_too() -> None:
    """A weight takes as much of it."""
    ten, clock = window(10)
    ten.allow(4, 5)
    assert poll(Caller({ten: 3})) is None
    assert poll(Caller({ten: 2})) == 5.0
    assert clock.now == 100


@pytest.mark.parametrize("holds", [False, True])
def test_what_was_allowed_comes_back_with_a_slot(holds: bool) -> None:
    """Unless the server has told it anew meanwhile, when it was counted already."""
    ten, clock = window(10, 30, holds=holds)
    ten.allow(2, 60)
    for _ in range(3):
        clock.now += 0.25
        waiter = Waiter({ten: 2})
        assert try_take(waiter)
        assert not try_take(Waiter({ten: 1}))
        leave(waiter)
    assert try_take(waiter)
    clock.now += 0.25
    ten.allow(1, 60)
    leave(waiter)
    assert not try_take(Waiter({ten: 1}))


def told(**fields: str) -> tuple[int, float] | None:
    """Return what is read of header fields."""
    pairs = {name.replace("_", "-"): value for name, value in fields.items()}
    return read_rate_limit(CIMultiDictProxy(CIMultiDict(pairs)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"RateLimit": '"default";r=50;t=30'}, (50, 30)),
        ({"RateLimit": '"burst";r=9;t=1, "daily";r=3;t=7000'}, (3, 7000)),
        ({"RateLimit": '"a";r=0;t=5, "b";r=0;t=60'}, (0, 60)),
        ({"RateLimit": "limit=100, remaining=7, reset=12"}, (7, 12)),
        ({"RateLimit_Remaining": "7", "RateLimit_Reset": "12"}, (7, 12)),
        ({"X_RateLimit_Remaining": " 7 ", "X_RateLimit_Reset": "12.5"}, (7, 12.5)),
        ({"X_Rate_Limit_Remaining": "0", "X_Rate_Limit_Reset": "1"}, (0, 1)),
        (
            {
                "X_RateLimit_Remaining": "1",
                "X_RateLimit_Reset": "1795164607",
                "Date": "Fri, 20 Nov 2026 08:49:37 GMT",
            },
            (1, 30),
        ),
        ({}, None),
        ({"RateLimit": "nonsense"}, None),
        ({"RateLimit": '"default";r=-5;t=30'}, None),
        ({"RateLimit": '"default";r=٣;t=30'}, None),
        ({"RateLimit": '"default";r=1' + "0" * 5000 + ";t=30"}, None),
        ({"RateLimit_Remaining": "7"}, None),
        ({"RateLimit_Remaining": "7", "RateLimit_Reset": "nan"}, None),
        ({"RateLimit_Remaining": "1e3", "RateLimit_Reset": "1"}, None),
    ],
)
def test_what_is_read_of_headers(
    fields: dict[str, str], expected: tuple[int, float] | None
) -> None:
    """The draft and its older forms; what is none of them says nothing."""
    assert told(**fields) == expected


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_header_makes_it_fail(text: str, left: str, reset: str) -> None:
    """Whatever a server sends, it is a number of slots and of seconds, or nothing."""
    found = told(RateLimit=text, RateLimit_Remaining=left, RateLimit_Reset=reset)
    assert found is None or (found[0] >= 0 and 0 <= found[1] < math.inf)


# The value


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf, True, "5", None])
def test_a_bad_limit(limit: Any) -> None:
    """It is refused when it is made."""
    with pytest.raises(ConfigurationError, match="limit of a RateLimit"):
        RateLimit(limit)


@pytest.mark.parametrize(
    "options",
    [
        {"per": 0},
        {"per": math.nan},
        {"exact": "always"},
        {"by": "host"},
        {"by": 5},
        {"only": [5]},
        {"only": "search"},
        *[
            {"only": one}
            for one in ("get /a", "/a?b=1", "/a*", "GET  /a", "https://a.test/b", "/a b")
        ],
        {"cost": 5},
        {"follow_headers": "yes"},
        {"max_wait": 0},
        {"max_wait": math.inf},
        {"share": "redis://127.0.0.1"},
        {"share": RedisShare("redis://127.0.0.1", name="a"), "exact": "server"},
    ],
)
def test_a_bad_option(options: dict[str, Any]) -> None:
    """Each is named in the error."""
    name = next(iter(options))
    assert not RateLimit(5).is_shared
    with pytest.raises(ConfigurationError, match=name):
        RateLimit(5, **options)


def test_only_redis_knows_when_a_shared_limit_has_a_slot() -> None:
    """What this process knows is not the whole."""
    with pytest.raises(ConfigurationError, match="only Redis knows"):
        RateLimit(5, share=RedisShare("redis://127.0.0.1", name="a")).eta()


def test_it_is_one_however_it_is_passed_on() -> None:
    """A copy would let twice as much through."""
    limit = RateLimit(5, per=2)
    assert copy.copy(limit) is copy.deepcopy(limit) is limit
    assert (limit.limit, limit.per, repr(limit)) == (5, 2, "RateLimit(5, per=2)")
    with pytest.raises(TypeError, match="counted in this process"):
        pickle.dumps(limit)


def test_a_list_of_limits() -> None:
    """Each of them once; narrow ones are waited for first."""
    wide, narrow = RateLimit(5), RateLimit(5, only="/search")
    assert check_rate_limits(wide) == (wide,)
    assert check_rate_limits([wide, narrow]) == check_rate_limits((narrow, wide)) == (narrow, wide)
    with pytest.raises(ConfigurationError, match="twice"):
        check_rate_limits([wide, wide])
    with pytest.raises(ConfigurationError, match="list"):
        check_rate_limits([wide, 5])


def test_only_some_endpoints() -> None:
    """Named by their template, with or without a method."""
    limit = RateLimit(5, only=["/users/{id}", "POST /search"])
    assert window_for(limit, request(template="/users/{id}")) is not None
    assert window_for(limit, request("DELETE", template="/users/{id}")) is not None
    assert window_for(limit, request("POST", "/search?q=1")) is not None
    assert window_for(limit, request("GET", "/search?q=1")) is None


def test_a_window_for_each_key() -> None:
    """Of endpoints, origins, or what a function says."""
    by_endpoint = RateLimit(1, per=60, by="endpoint")
    one = window_for(by_endpoint, request(template="/users/{id}"))
    same = window_for(by_endpoint, request(target="/users/2", template="/users/{id}"))
    other = window_for(by_endpoint, request("POST", template="/users/{id}"))
    assert one is same is not other
    assert one is not None
    assert one.try_acquire()
    assert 59 < by_endpoint.eta(key="GET /users/{id}") <= 60
    assert by_endpoint.eta(key="never") == 0
    by_origin = RateLimit(1, per=60, by="origin")
    window_of = window_for(by_origin, request())
    assert window_of is not None
    assert window_of.try_acquire()
    assert by_origin.eta(key="https://api.test") > 59
    by_account = RateLimit(1, by=lambda one: one.headers.get("X-Account"))
    named = request()
    named.headers["X-Account"] = "acme"
    assert window_for(by_account, named) is window_for(by_account, named) is not None
    assert window_for(by_account, request()) is None


def test_idle_keys_are_forgotten() -> None:
    """A thousand accounts are, ten thousand are not, kept in mind; those in use always."""
    limit = RateLimit(1, per=60, by=lambda one: one.target)
    used = window_for(limit, request(target="/used"))
    assert used is not None
    used.try_acquire()
    for number in range(3000):
        assert window_for(limit, request(target=f"/{number}")) is not None
    assert window_for(limit, request(target="/used")) is used
    assert len(limit._windows) <= 1001


@pytest.mark.parametrize("cost", [0, -1, 1.5, True, "1", None])
def test_a_bad_cost(cost: Any) -> None:
    """A request takes one slot or more."""
    with pytest.raises(ConfigurationError, match="cost"):
        RateLimit(5).eta(cost)
    with pytest.raises(ConfigurationError, match="cost"):
        RateLimit(5, cost=lambda _: cost).cost_of(request(), 1)


def test_a_server_does_not_stop_it_longer_than_allowed() -> None:
    """Whatever it says."""
    limit = RateLimit(5, max_wait=10)
    window_of = window_for(limit, request())
    assert window_of is not None
    limit.stop(window_of, 1e9)
    assert 9 < limit.eta() <= 10
    calm = RateLimit(5, max_wait=10)
    window_of = window_for(calm, request())
    assert window_of is not None
    calm.follow(window_of, None)
    assert calm.eta() == 0
    calm.follow(window_of, (0, 1e9))
    assert 9 < calm.eta() <= 10
    deaf = RateLimit(5, follow_headers=False)
    window_of = window_for(deaf, request())
    assert window_of is not None
    deaf.follow(window_of, (0, 60))
    assert deaf.eta() == 0
