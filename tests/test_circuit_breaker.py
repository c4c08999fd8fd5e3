"""The `CircuitBreaker` value, and its states against a plain model."""

import dataclasses
import math
import threading
from typing import Any

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

from arya_api_framework.circuit_breaker import CircuitBreaker
from arya_api_framework.client.circuit import Circuit, Token
from arya_api_framework.errors import ConfigurationError
from tests.conftest import needs_fork
from tests.forks import in_child

BAD_NUMBERS: list[Any] = [0, -1, True, False, math.nan, math.inf, -math.inf, 1e300, "5", None, [1]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(name, bad) for name in ("failure_rate", "window", "open_for") for bad in BAD_NUMBERS],
        ("failure_rate", 1.01),
        *[("minimum_calls", bad) for bad in [*BAD_NUMBERS, 1.5, 20.0]],
    ],
)
def test_what_can_never_work_is_refused(field: str, value: Any) -> None:
    """Each field is checked when the value is made, and named in the error."""
    if value == 1e300 and field == "minimum_calls":
        value = -(10**300)
    with pytest.raises(ConfigurationError, match=f"{field} of a CircuitBreaker"):
        CircuitBreaker(**{field: value})


def test_a_breaker_is_an_immutable_value() -> None:
    """Two of the same numbers are the same; a rate of 1 is one."""
    assert CircuitBreaker() == CircuitBreaker(0.5, 20, 30.0, 15.0)
    assert hash(CircuitBreaker(failure_rate=1)) == hash(CircuitBreaker(failure_rate=1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        CircuitBreaker().window = 1  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]


class Clock:
    """A clock that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        """Return what the test has set."""
        return self.now


def _state(circuit: Circuit) -> str:
    """Return the state; type checkers would think that it stays what it was."""
    return circuit.state


def _open(breaker: CircuitBreaker, clock: Clock) -> Circuit:
    """Return a circuit that has just opened."""
    circuit = Circuit(breaker, clock)
    for _ in range(breaker.minimum_calls):
        token = circuit.try_enter()
        assert token
        circuit.record(token, False)
    assert _state(circuit) == "open"
    return circuit


BREAKER = CircuitBreaker(minimum_calls=2, open_for=15)


def test_it_opens_at_the_rate_and_not_before_the_minimum() -> None:
    """3 of 10 is a rate of 0.3, whatever a float makes of it."""
    circuit = Circuit(CircuitBreaker(failure_rate=0.3, minimum_calls=10), Clock())
    for success in [False] * 3 + [True] * 7:
        assert _state(circuit) == "closed"
        token = circuit.try_enter()
        assert token
        circuit.record(token, success)
    assert _state(circuit) == "open"
    assert circuit.try_enter() is None
    assert circuit.retry_after == 15


def test_results_older_than_the_window_do_not_count() -> None:
    """Failures that are past do not open it."""
    clock = Clock()
    circuit = Circuit(CircuitBreaker(minimum_calls=2, window=30), clock)
    token = circuit.try_enter()
    assert token
    circuit.record(token, False)
    clock.now += 30
    circuit.record(token, False)
    assert _state(circuit) == "closed"
    circuit.record(token, False)
    assert _state(circuit) == "open"


def test_one_probe_closes_it_or_opens_it_again() -> None:
    """While a probe is under way nobody else goes through, and nobody knows for how long."""
    clock = Clock()
    circuit = _open(BREAKER, clock)
    clock.now += 14
    assert circuit.try_enter() is None
    assert circuit.retry_after == 1
    clock.now += 1
    assert _state(circuit) == "half-open"
    assert circuit.retry_after is None
    probe = circuit.try_enter()
    assert probe
    assert circuit.try_enter() is None
    circuit.record(probe, False)
    assert _state(circuit) == "open"
    clock.now += 15
    probe = circuit.try_enter()
    assert probe
    circuit.record(probe, True)
    assert _state(circuit) == "closed"
    assert circuit.retry_after is None
    token = circuit.try_enter()
    assert token
    circuit.record(token, False)
    assert _state(circuit) == "closed", "the failures of before are forgotten"


def test_a_cancelled_probe_is_free_again_once() -> None:
    """A second word of the one that was cancelled does not free or close the next one's."""
    clock = Clock()
    circuit = _open(BREAKER, clock)
    clock.now += 15
    first = circuit.try_enter()
    assert first
    circuit.abandon(first)
    second = circuit.try_enter()
    assert second
    circuit.abandon(first)
    circuit.record(first, True)
    assert _state(circuit) == "half-open"
    assert circuit.try_enter() is None
    circuit.record(second, True)
    assert _state(circuit) == "closed"


def test_calls_of_before_count_nothing_when_it_is_closed_again() -> None:
    """They were let in before it opened, and fail after it was closed."""
    clock = Clock()
    circuit = Circuit(BREAKER, clock)
    before = circuit.try_enter()
    assert before
    for _ in range(2):
        circuit.record(before, False)
    clock.now += 15
    probe = circuit.try_enter()
    assert probe
    circuit.record(probe, True)
    for _ in range(10):
        circuit.record(before, False)
    assert _state(circuit) == "closed"


def test_a_cancelled_call_of_a_closed_circuit_counts_nothing() -> None:
    """Its token stays good for those who share it."""
    circuit = Circuit(BREAKER, Clock())
    token = circuit.try_enter()
    assert token
    circuit.abandon(token)
    circuit.abandon(token)
    for _ in range(2):
        circuit.record(token, False)
    assert _state(circuit) == "open"


def test_a_window_of_almost_nothing_does_no_harm() -> None:
    """The number of a part is a number."""
    circuit = Circuit(CircuitBreaker(minimum_calls=1, window=5e-324), Clock())
    token = circuit.try_enter()
    assert token
    circuit.record(token, False)
    assert _state(circuit) == "open"


def test_memory_is_bounded() -> None:
    """However many results there are, and however long the clock runs."""
    clock = Clock()
    circuit = Circuit(CircuitBreaker(), clock)
    for _ in range(5000):
        token = circuit.try_enter()
        assert token
        circuit.record(token, True)
        clock.now += 0.37
        assert len(circuit._buckets) <= 10


def test_threads_get_one_probe_between_them() -> None:
    """Many threads at once: no result is lost, and exactly one of them is the probe."""
    clock = Clock()
    circuit = Circuit(CircuitBreaker(failure_rate=1, minimum_calls=10**6), clock)
    token = circuit.try_enter()
    assert token

    def hammer() -> None:
        for _ in range(500):
            circuit.record(token, False)

    _run(hammer, 16)
    assert sum(bucket[2] for bucket in circuit._buckets) == 16 * 500

    circuit = _open(BREAKER, clock)
    clock.now += 15
    probes: list[Token] = []
    start = threading.Barrier(16)

    def probe() -> None:
        start.wait(30)
        for _ in range(200):
            found = circuit.try_enter()
            if found is not None:
                probes.append(found)

    _run(probe, 16)
    assert len(probes) == 1


def _run(action: Any, count: int) -> None:
    threads = [threading.Thread(target=action) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_is_open_as_its_parent_and_has_its_own_probe() -> None:
    """Neither a lock that was held nor a probe that is under way belongs to the child."""
    clock = Clock()
    circuit = _open(BREAKER, clock)
    clock.now += 15
    probe = circuit.try_enter()
    assert probe
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with circuit._lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)

    def child() -> None:
        circuit.record(probe, True)
        assert _state(circuit) == "half-open"
        own = circuit.try_enter()
        assert own
        circuit.record(own, True)
        assert _state(circuit) == "closed"

    try:
        assert in_child(child) == ""
    finally:
        release.set()
        thread.join()
    circuit.record(probe, False)
    assert _state(circuit) == "open", "the parent's is untouched"


def test_a_probe_that_is_lost_is_not_waited_for() -> None:
    """A handler of a signal may raise before anybody can tell how it ended."""
    clock = Clock()
    circuit = _open(BREAKER, clock)
    assert circuit.is_shut
    clock.now += 15
    assert not circuit.is_shut
    probe = circuit.try_enter()
    assert probe is not None
    assert circuit.is_shut
    assert circuit.try_enter() is None
    del probe
    assert not circuit.is_shut
    assert circuit.try_enter() is not None


class Circuits(RuleBasedStateMachine):
    """Calls that begin, end and are cancelled in any order, on a clock moved by the test."""

    @initialize(
        rate=st.sampled_from([0.1, 0.3, 0.5, 1.0]),
        minimum=st.integers(1, 4),
        start=st.sampled_from([0.0, 3.0, 12345.5]),
    )
    def make(self, rate: float, minimum: int, start: float) -> None:
        """Make a circuit, and a model of it: every result since it closed, with its moment."""
        self.breaker = CircuitBreaker(rate, minimum, window=10.0, open_for=4.0)
        self.now = start
        self.circuit = Circuit(self.breaker, lambda: self.now)
        self.results: list[tuple[float, bool]] = []
        self.opened: float | None = None
        self.era = 0  # one more with each change of the state
        self.probe: Token | None = None
        self.calls: list[tuple[Token, int, bool]] = []  # token, era, whether a probe

    def _half_open(self) -> bool:
        return self.opened is not None and self.now >= self.opened + 4

    @rule()
    def enter(self) -> None:
        """A call begins, if the model lets it."""
        token = self.circuit.try_enter()
        probing = self._half_open() and self.probe is None
        assert (token is not None) == (self.opened is None or probing)
        if token is not None:
            self.calls.append((token, self.era, probing))
            if probing:
                self.probe = token

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), success=st.booleans())
    def end(self, data: st.DataObject, success: bool) -> None:
        """A call ends; it counts if nothing changed since it began."""
        call = data.draw(st.sampled_from(self.calls))
        self.calls.remove(call)
        token, era, probing = call
        self.circuit.record(token, success)
        if era != self.era:
            return
        if probing:
            self.probe = None
            self._change(None if success else self.now)
            return
        self.results.append((self.now, success))
        # The window moves on by whole seconds, a tenth of it.
        recent = [good for moment, good in self.results if int(self.now) - int(moment) < 10]
        enough = len(recent) >= self.breaker.minimum_calls
        if enough and recent.count(False) / len(recent) >= self.breaker.failure_rate:
            self._change(self.now)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A call has no result."""
        call = data.draw(st.sampled_from(self.calls))
        self.calls.remove(call)
        self.circuit.abandon(call[0])
        if call[0] == self.probe:
            self.probe = None

    @rule(seconds=st.sampled_from([0.25, 0.5, 1.0, 3.75, 4.0, 9.0, 10.0, 100.0]))
    def pass_time(self, seconds: float) -> None:
        """Nothing happens for a while."""
        self.now += seconds

    def _change(self, opened: float | None) -> None:
        self.opened, self.results, self.era = opened, [], self.era + 1

    @invariant()
    def it_says_what_the_model_says(self) -> None:
        """The state, and how long it lasts."""
        if not hasattr(self, "circuit"):
            return
        if self.opened is None:
            expected: tuple[str, float | None] = ("closed", None)
        elif self._half_open():
            expected = ("half-open", None)
        else:
            expected = ("open", self.opened + 4 - self.now)
        assert (_state(self.circuit), self.circuit.retry_after) == expected


TestCircuits = Circuits.TestCase
TestCircuits.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
