"""The `AdaptiveConcurrency` value, and the limit that it finds with servers that are modelled."""

import dataclasses
import heapq
import math
import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arya_api_framework.adaptive import AdaptiveConcurrency
from arya_api_framework.client.concurrency import ConcurrencyLimit
from arya_api_framework.errors import ConfigurationError
from tests.conftest import needs_fork
from tests.forks import in_child


@pytest.mark.parametrize("field", ["start", "minimum", "maximum"])
@pytest.mark.parametrize("value", [0, -1, True, 1.0, 2.5, math.nan, math.inf, "5", None, [1]])
def test_what_can_never_work_is_refused(field: str, value: Any) -> None:
    """Each field is checked when the value is made, and named in the error."""
    with pytest.raises(ConfigurationError, match=f"{field} of an AdaptiveConcurrency"):
        AdaptiveConcurrency(**{field: value})


@pytest.mark.parametrize(("start", "minimum", "maximum"), [(5, 6, 9), (10, 1, 9), (5, 7, 3)])
def test_the_bounds_must_be_in_order(start: int, minimum: int, maximum: int) -> None:
    """The limit starts between them."""
    with pytest.raises(ConfigurationError, match="in this order"):
        AdaptiveConcurrency(start, minimum, maximum)


def test_it_is_an_immutable_value() -> None:
    """Two of the same numbers are the same."""
    assert AdaptiveConcurrency() == AdaptiveConcurrency(10, 1, 200)
    assert hash(AdaptiveConcurrency(3, 3, 3)) == hash(AdaptiveConcurrency(3, 3, 3))
    with pytest.raises(dataclasses.FrozenInstanceError):
        AdaptiveConcurrency().start = 1  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]


class Model:
    """A server with so many workers and a queue, and a client that always has calls to make.

    Attributes:
        workers: Calls served at once.
        queue: The most calls that wait for a worker; any more are refused at once.
        demand: The most calls that the client has at once.
        service: Takes nothing, and returns the seconds that the next call takes.
        limits: The limit after each result, with its moment.
    """

    def __init__(
        self,
        limit: ConcurrencyLimit,
        workers: int,
        service: Callable[[], float],
        queue: float = math.inf,
        demand: int = 10**6,
    ) -> None:
        self.limit, self.workers, self.service = limit, workers, service
        self.queue, self.demand = queue, demand
        self.now = 0.0
        self.limits: list[tuple[float, int]] = []
        self.served = self.refused = 0
        self._busy = self._in_flight = self._number = 0
        self._ends: list[tuple[float, int, float | None]] = []  # with the start; None: refused
        self._waiting: deque[float] = deque()

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.now + seconds
        self._send()
        while self._ends[0][0] < end:
            self.now, _, start = heapq.heappop(self._ends)
            if start is None:
                self.limit.record(None, self._in_flight, True)
                self.refused += 1
            else:
                self.limit.record(self.now - start, self._in_flight, False)
                self.served += 1
                self._busy -= 1
            self._in_flight -= 1
            self.limits.append((self.now, self.limit.limit))
            self._serve()
            self._send()
        self.now = end

    def mean(self, seconds: float) -> float:
        """Return the mean of the limit in the latest seconds."""
        found = [limit for moment, limit in self.limits if moment >= self.now - seconds]
        return sum(found) / len(found)

    def _send(self) -> None:
        while self._in_flight < min(self.limit.limit, self.demand):
            self._in_flight += 1
            if self._busy >= self.workers and len(self._waiting) >= self.queue:
                self._push(0.01, None)
            else:
                self._waiting.append(self.now)
                self._serve()

    def _serve(self) -> None:
        while self._waiting and self._busy < self.workers:
            self._busy += 1
            self._push(self.service(), self._waiting.popleft())

    def _push(self, seconds: float, start: float | None) -> None:
        self._number += 1
        heapq.heappush(self._ends, (self.now + seconds, self._number, start))


def _steady(seed: int = 1, seconds: float = 0.1) -> Callable[[], float]:
    """Return a service that takes about so long, a tenth more or less."""
    numbers = random.Random(seed)
    return lambda: seconds * numbers.uniform(0.9, 1.1)


@pytest.mark.parametrize("workers", [3, 20, 60, 120])
@pytest.mark.parametrize("seed", [1, 2])
def test_it_finds_what_a_server_bears(workers: int, seed: int) -> None:
    """The server is busy nearly all the time, and its queue is shorter than what it works on."""
    limit = ConcurrencyLimit(AdaptiveConcurrency(start=min(workers, 10), maximum=1000))
    model = Model(limit, workers, _steady(seed))
    model.run(60)
    served = model.served
    model.run(60)
    assert 0.9 * workers <= model.mean(60) <= 1.5 * workers + 1
    assert model.served - served >= 0.9 * workers * 600


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_bears_service_times_of_any_length(seed: int) -> None:
    """Calls that take anything from nothing to many times the mean look slow only by chance."""
    numbers = random.Random(seed)
    model = Model(ConcurrencyLimit(AdaptiveConcurrency()), 40, lambda: numbers.expovariate(1 / 0.1))
    model.run(60)
    served = model.served
    model.run(60)
    assert 0.75 * 40 <= model.mean(60) <= 2 * 40
    assert model.served - served >= 0.8 * 40 * 600


def test_it_follows_a_server_that_loses_and_wins_workers() -> None:
    """From 60 to 15 and back again."""
    model = Model(ConcurrencyLimit(AdaptiveConcurrency()), 60, _steady())
    model.run(60)
    model.workers = 15
    model.run(60)
    assert 0.9 * 15 <= model.mean(20) <= 1.6 * 15
    model.workers = 60
    model.run(60)
    assert 0.9 * 60 <= model.mean(20) <= 1.6 * 60


def test_it_learns_that_a_server_has_become_slower() -> None:
    """Where each call takes four times as long, fewer calls do not help, and are not made."""
    model = Model(ConcurrencyLimit(AdaptiveConcurrency()), 30, _steady())
    model.run(60)
    model.service = _steady(seconds=0.4)
    model.run(200)
    assert 0.9 * 30 <= model.mean(60) <= 1.6 * 30


def test_it_stays_below_a_server_that_refuses() -> None:
    """Without a queue there is no latency to see, only refusals: they become rare."""
    model = Model(ConcurrencyLimit(AdaptiveConcurrency()), 30, _steady(), queue=0)
    model.run(60)
    served, refused = model.served, model.refused
    model.run(120)
    assert 0.7 * 30 <= model.mean(60) <= 1.1 * 30
    assert model.refused - refused < 0.01 * (model.served - served)


def test_a_limit_that_is_not_used_does_not_grow() -> None:
    """What was never tried is not known to be borne."""
    model = Model(ConcurrencyLimit(AdaptiveConcurrency()), 100, _steady(), demand=5)
    model.run(60)
    assert model.mean(60) == 10
    model.demand = 1000
    model.run(60)
    assert model.mean(20) >= 90


def test_many_refusals_at_once_are_one_sign() -> None:
    """A hundred calls that were in flight together shrink the limit once."""
    limit = ConcurrencyLimit(AdaptiveConcurrency(start=100))
    for in_flight in range(100, 0, -1):
        limit.record(None, in_flight, True)
    assert limit.limit == 75
    limit.record(0.1, 1, True)
    assert limit.limit == 56


def test_a_call_without_latency_is_no_sign() -> None:
    """Calls that were cancelled neither fill a round nor shrink anything."""
    limit = ConcurrencyLimit(AdaptiveConcurrency())
    for _ in range(1000):
        limit.record(None, 10, False)
    assert limit.limit == 10
    assert limit._count == 0


@given(
    results=st.lists(
        st.tuples(st.none() | st.floats(0, 1e6), st.integers(0, 300), st.booleans()), max_size=300
    ),
    repeats=st.integers(1, 40),
)
def test_it_stays_within_its_bounds(
    results: list[tuple[float | None, int, bool]], repeats: int
) -> None:
    """Whatever happens."""
    limit = ConcurrencyLimit(AdaptiveConcurrency(start=10, minimum=3, maximum=40))
    for latency, in_flight, failed in results:
        for _ in range(repeats):
            limit.record(latency, in_flight, failed)
            assert 3 <= limit.limit <= 40


def test_threads_lose_no_result() -> None:
    """Many threads at once: every result is counted once."""
    limit = ConcurrencyLimit(AdaptiveConcurrency(start=10**6, maximum=10**6))

    def hammer() -> None:
        for _ in range(1000):
            limit.record(0.5, 1, False)

    threads = [threading.Thread(target=hammer) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (limit._count, limit._sum) == (16000, 8000.0)


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_knows_the_limit_and_not_the_calls_in_flight() -> None:
    """Its first refusal counts, and a lock held in the parent does not block it."""
    limit = ConcurrencyLimit(AdaptiveConcurrency(start=100))
    limit.record(None, 100, True)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with limit._lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)

    def child() -> None:
        assert limit.limit == 75
        limit.record(None, 1, True)
        assert limit.limit == 56

    try:
        assert in_child(child) == ""
    finally:
        release.set()
        thread.join()
    assert limit.limit == 75
