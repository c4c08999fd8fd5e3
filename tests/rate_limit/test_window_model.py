"""The sliding log against a naive model, under random schedules."""

import math
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from arya_api_framework.errors import RateLimitTimeout
from arya_api_framework.rate_limit import SlidingWindow
from arya_api_framework.rate_limit.window import Waiter, try_take


class Windows(RuleBasedStateMachine):
    """Callers that arrive, sleep, wake and leave in any order, on a clock moved by the test."""

    prompt = True  # whoever is to run, does so before the clock moves on

    @initialize(
        limit=st.integers(1, 4),
        interval=st.sampled_from([0.1, 0.25, 1 / 3, 0.7, 1.0, 3.0]),
        start=st.sampled_from([0.0, 0.1, 12345.678]),
    )
    def open(self, limit: int, interval: float, start: float) -> None:
        """Make a window, and a model of it."""
        self.limit, self.interval, self.now = limit, interval, start
        self.window = SlidingWindow(limit, interval, clock=lambda: self.now)
        self.grants: list[float] = []  # the model: every stamp that was kept, in order
        self.queue: list[Waiter] = []  # the model: who waits, in order of arrival
        self.alarms: dict[Waiter, float] = {}
        self.woken: set[Waiter] = set()
        self.gone: set[object] = set()  # owners that never run again
        self.latest: Waiter | None = None  # granted a moment ago

    # What the model says.

    def _free(self) -> bool:
        last = self.grants[-self.limit :]
        return len(last) < self.limit or self._elapsed(last[0]) >= Fraction(self.interval)

    def _elapsed(self, since: float) -> Fraction:
        return Fraction(self.now) - Fraction(since)

    def _due(self) -> float:
        """When a call arriving now is through, by playing out the whole queue."""
        ends = [Fraction(stamp) + Fraction(self.interval) for stamp in self.grants]
        turn = Fraction(self.now)
        for _ in range(len(self.queue) + 1):
            turn = Fraction(self.now)
            if len(ends) >= self.limit:
                turn = max(turn, ends[-self.limit])
            ends.append(turn + Fraction(self.interval))
        return float(turn)

    def _runnable(self) -> list[Waiter]:
        return [
            waiter
            for waiter in self.queue
            if waiter.owner not in self.gone
            and (waiter in self.woken or self.alarms[waiter] <= self.now)
        ]

    # What callers do.

    def _poll(self, waiter: Waiter) -> None:
        self.woken.discard(waiter)
        head = self.queue[0]
        try:
            sleep = self.window.poll(waiter)
        except RateLimitTimeout:
            assert waiter.deadline < math.inf
            self._forget(waiter)
            self.window.leave(waiter)
            return
        if sleep is None:
            if self.prompt:
                assert waiter is head, "not in order of arrival"
            self.grants.append(self.now)
            self._forget(waiter)
            self.latest = waiter
        else:
            assert sleep >= 0
            self.alarms[waiter] = self.now + sleep

    def _forget(self, waiter: Waiter) -> None:
        self.queue.remove(waiter)
        self.alarms.pop(waiter, None)
        self.woken.discard(waiter)

    def _run_all(self) -> None:
        while runnable := self._runnable():
            self._poll(runnable[-1])  # the worst order
            for waiter in self._runnable():
                self._poll(waiter)

    def _wake(self, waiter: Waiter) -> bool:
        self.woken.add(waiter)
        return waiter.owner not in self.gone or waiter.owner == "stopped"

    # The rules.

    @rule(as_waiter=st.booleans())
    def try_acquire(self, as_waiter: bool) -> None:
        """A call that does not wait gets a slot exactly when one is free and nobody waits."""
        free = self._free()
        taken = try_take(Waiter({self.window: 1})) if as_waiter else self.window.try_acquire()
        assert free or not taken
        if self.prompt:
            assert taken == (free and not self.queue)
        if taken:
            self.grants.append(self.now)

    @rule(
        patience=st.none() | st.floats(0, 5),
        owner=st.sampled_from(["a", "b", "stopped", "own"]),
    )
    def arrive(self, patience: float | None, owner: str) -> None:
        """A call that waits is queued, or refused at once if its deadline comes before its turn."""
        waiter = Waiter(wake=lambda: self._wake(waiter), owner=owner)
        if owner == "own":
            waiter.owner = waiter
        if owner in self.gone:
            return
        due = self._due()
        if patience is not None:
            waiter.deadline = self.now + patience
        self.queue.append(waiter)
        self._poll(waiter)
        if self.prompt and patience is not None and abs(due - waiter.deadline) > 1e-9:
            refused = waiter not in self.queue and waiter is not self.latest
            assert refused == (due > waiter.deadline), "fails at once, or not at all"

    @precondition(lambda self: self._runnable())
    @rule(data=st.data())
    def run_one(self, data: st.DataObject) -> None:
        """Any caller that was woken, or slept long enough, asks again."""
        self._poll(data.draw(st.sampled_from(self._runnable())))

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A caller leaves the queue."""
        waiter = data.draw(st.sampled_from(self.queue))
        if waiter.owner not in self.gone:
            self._forget(waiter)
            self.window.leave(waiter)

    @precondition(lambda self: self.latest)
    @rule()
    def cancel_at_the_grant(self) -> None:
        """A caller is interrupted at the moment it took its slot."""
        assert self.latest is not None
        self.grants.remove(self.now)
        self.window.leave(self.latest)
        self.latest = None

    @rule(seconds=st.floats(0, 4))
    def pass_time(self, seconds: float) -> None:
        """Nothing happens for a while."""
        self._move_to(self.now + seconds)

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), nudge=st.sampled_from([-1, 0, 1]))
    def pass_time_to_an_edge(self, data: st.DataObject, nudge: int) -> None:
        """The clock comes to the very end of a window, or one ulp beside it."""
        edge = data.draw(st.sampled_from(self.grants[-self.limit :])) + self.interval
        if nudge:
            edge = math.nextafter(edge, math.inf * nudge)
        self._move_to(max(self.now, edge))

    def _move_to(self, moment: float) -> None:
        if self.prompt:
            self._run_all()
        if moment > self.now:
            self.latest = None
        self.now = moment

    # What always holds.

    @invariant()
    def no_window_holds_too_many(self) -> None:
        """In exact arithmetic, `limit + 1` calls span at least the interval."""
        for first, beyond in zip(self.grants, self.grants[self.limit :], strict=False):
            assert Fraction(beyond) - Fraction(first) >= Fraction(self.interval)

    @invariant()
    def the_head_wakes_in_time(self) -> None:
        """The first in the queue was woken, or sleeps no longer than its slot is taken."""
        if not self.prompt or not self.queue or self.queue[0] in self.woken:
            return
        last = self.grants[-self.limit :]
        due = last[0] + self.interval if len(last) == self.limit else self.now
        assert self.alarms[self.queue[0]] <= max(self.now, due + 1e-9)

    @invariant()
    def eta_is_the_wait_of_the_next(self) -> None:
        """The formula agrees with playing out the queue."""
        if self.prompt:
            assert self.window.eta() == pytest.approx(self._due() - self.now, abs=1e-6)

    def teardown(self) -> None:
        """Whoever is left gets through, in time."""
        if not hasattr(self, "window"):
            return
        for waiter in self.queue:
            waiter.deadline = math.inf
        dead = sum(waiter.owner in self.gone for waiter in self.queue)
        self._run_all()
        rounds = math.ceil(len(self.queue) / self.limit)
        end = self.now + rounds * self.interval
        # Late by a patience for every head that is gone, and by the one that notices it.
        end += 0 if self.prompt else 6 * (dead + 1)
        while self._live():
            self.now = max(
                self.now,
                min(alarm for waiter, alarm in self.alarms.items() if waiter in self._live()),
            )
            assert self.now <= end + 1e-6, "somebody waits for ever"
            self._run_all()
            self.no_window_holds_too_many()

    def _live(self) -> list[Waiter]:
        return [waiter for waiter in self.queue if waiter.owner not in self.gone]


class LateWindows(Windows):
    """The same with callers that run late or never: exact, and nobody living is left behind."""

    prompt = False

    @rule(owner=st.sampled_from(["a", "b", "stopped"]))
    def close_loop(self, owner: str) -> None:
        """An event loop ends, with or without a sign, and all its callers with it."""
        self.gone.add(owner)


TestWindows = Windows.TestCase
TestWindows.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLateWindows = LateWindows.TestCase
TestLateWindows.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
