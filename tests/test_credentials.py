"""The `CredentialPool` value, and which key is the next one, against a plain model."""

import copy
import dataclasses
import math
import pickle
import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from pydantic import SecretStr

from arya_api_framework.client.credentials import Choice, Credentials
from arya_api_framework.credentials import CredentialPool
from arya_api_framework.errors import ConfigurationError, CredentialsExhausted
from tests.conftest import needs_fork
from tests.forks import in_child

BAD_NUMBERS: list[Any] = [0, -1, True, False, math.nan, math.inf, 1e300, "5", [1]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("tokens", bad) for bad in (None, 5, "hush-1", b"hush-1", {"hush-1": 1}, [], [""])],
        *[("tokens", bad) for bad in ([None], [5], [b"hush-1"], [True], [SecretStr("")])],
        *[("tokens", bad) for bad in (["hush-1", SecretStr("hush-1")], ["hush-1\n"], [" hush-1"])],
        *[("tokens", bad) for bad in (["hush-1\u20ac"], ["Bearer hush-1"], ["bearer hush-1"])],
        *[("header", bad) for bad in (None, 5, b"X", "", "a b", "X:", "X\n", "Host", "\xe4")],
        *[("scheme", bad) for bad in (5, True, b"Bearer", "", "a b", "a\n", "\xe4")],
        *[("header", bad) for bad in ("Cookie", "User-Agent", "x-request-id")],
        *[("rate_limit", bad) for bad in BAD_NUMBERS],
        *[("revoke_for", bad) for bad in BAD_NUMBERS],
        *[(name, bad) for name in ("rest_for", "max_rest") for bad in [*BAD_NUMBERS, None]],
        *[(name, bad) for name in ("follow_headers", "rejects_unprocessed") for bad in (None, 1)],
        *[("rate_limit_interval", bad) for bad in [*BAD_NUMBERS, None]],
    ],
)
def test_what_can_never_work_is_refused(field: str, value: Any) -> None:
    """Each field is checked when the value is made, and named in the error; a key is not shown."""
    with pytest.raises(ConfigurationError, match=f"{field}\\b.*") as caught:
        CredentialPool(**{"tokens": ["key"], field: value})
    assert "of a CredentialPool" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_keys_are_shown_nowhere() -> None:
    """Not in a repr, not in a text, not in a pickle; a copy is the same object."""
    pool = CredentialPool(["hush-1", SecretStr("hush-2")], rate_limit=5)
    state = Credentials(pool)
    assert "hush" not in f"{pool!r} {pool} {state!r} {state} {vars(Choice)}"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="holds keys and cannot be pickled"):
            pickle.dumps(pool, protocol)
        with pytest.raises(TypeError):
            pickle.dumps(state, protocol)
    assert copy.copy(pool) is pool
    assert copy.deepcopy(pool) is pool


def test_a_pool_is_an_immutable_value() -> None:
    """Two of the same keys are the same."""
    assert CredentialPool(["a", "b"]) == CredentialPool(iter(("a", SecretStr("b"))))
    assert hash(CredentialPool(["a"])) == hash(CredentialPool(("a",)))
    assert CredentialPool(["a"]) != CredentialPool(["b"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        CredentialPool(["a"]).scheme = None  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]


def test_the_field_is_made_of_the_scheme_and_the_key() -> None:
    """With `None` it is the key alone, which may then begin with any word."""
    assert Credentials(CredentialPool(["a", "b"])).header(1) == ("Authorization", "Bearer b")
    pool = CredentialPool(["Bearer x"], header="X-Api-Key", scheme=None)
    assert Credentials(pool).header(0) == ("X-Api-Key", "Bearer x")


class Clock:
    """A clock that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        """Return what the test has set."""
        return self.now


def test_keys_take_turns_and_a_resting_one_is_left_out() -> None:
    """The others carry on without it; where all rest, it says how long."""
    clock = Clock()
    state = Credentials(CredentialPool(["a", "b", "c"]), clock)
    assert [state.choose().key for _ in range(4)] == [0, 1, 2, 0]
    state.rest(1, 5)
    state.rest(1, 2)  # no shorter
    assert [state.choose().key for _ in range(3)] == [2, 0, 2]
    state.rest(0, 9)
    state.rest(2, 7)
    assert state.choose() == Choice(1, 5)
    clock.now += 5
    assert state.choose() == Choice(1, 0)
    state.restore(0)
    assert state.choose() == Choice(0, 0)


def test_the_slots_of_each_key_are_its_own() -> None:
    """Two keys of two calls each make four calls, and then there is a wait."""
    clock = Clock()
    state = Credentials(CredentialPool(["a", "b"], rate_limit=2, rate_limit_interval=4), clock)
    assert [state.choose() for _ in range(4)] == [(0, 0), (1, 0), (0, 0), (1, 0)]
    clock.now += 1
    assert state.choose() == Choice(0, 3)
    assert state.choose() == Choice(0, 3), "nothing was taken"
    state.rest(0, 10)
    assert state.choose() == Choice(1, 3)


def test_keys_that_were_tried_come_last() -> None:
    """They are taken where all others are revoked."""
    clock = Clock()
    state = Credentials(CredentialPool(["a", "b", "c"]), clock)
    assert state.choose({0}) == Choice(1, 0)
    state.rest(1, 5)
    assert state.choose({0, 2}) == Choice(1, 5), "which is not to say that it is free"
    assert state.wait({0, 2}) == 5
    assert state.wait_for_other({0, 2}) == 5
    assert state.wait() == state.wait_for_other([]) == 0
    state.revoke(1)
    assert state.wait({0, 2}) == 0
    assert state.wait_for_other({0, 2}) is None
    assert state.choose({0, 2}) == Choice(2, 0)


def test_when_so_many_calls_are_sent() -> None:
    """Counted are the slots of all keys, rests, and the ends of revocations."""
    clock = Clock()
    state = Credentials(CredentialPool(["a", "b"], rate_limit=2, rate_limit_interval=4), clock)
    assert [state.eta(calls) for calls in range(1, 8)] == [0, 0, 0, 0, 4, 4, 4]
    state.rest(0, 3)
    assert [state.eta(calls) for calls in range(1, 7)] == [0, 0, 3, 3, 4, 4]
    state.revoke(1, 10)
    assert [state.eta(calls) for calls in range(1, 8)] == [3, 3, 7, 7, 10, 10, 11]
    state.revoke(1)
    state.revoke(0)
    assert state.eta() == math.inf
    assert Credentials(CredentialPool(["a"]), clock).eta(1000) == 0


def test_revoked_keys_are_used_no_more() -> None:
    """If all are, an error says so, and when the first is back, where that is known."""
    clock = Clock()
    state = Credentials(CredentialPool(["hush-1", "hush-2"]), clock)
    state.revoke(0)
    assert {state.choose().key for _ in range(4)} == {1}
    state.revoke(1)
    with pytest.raises(CredentialsExhausted, match=r"all 2 keys .* check them") as caught:
        state.choose()
    assert caught.value.retry_after is None
    state.restore(1)
    assert state.choose() == Choice(1, 0)
    state.revoke(1, 60)
    state.revoke(1, 30)  # no shorter
    with pytest.raises(CredentialsExhausted, match=r"back in 60\.000 s") as caught:
        state.choose()
    assert caught.value.retry_after == 60
    assert "hush" not in f"{caught.value!r} {pickle.dumps(caught.value)!r}"
    clock.now += 60
    assert state.choose() == Choice(1, 0)


def test_threads_never_take_more_than_there_is() -> None:
    """Many threads at once: each key is taken exactly as often as it allows."""
    state = Credentials(CredentialPool(["a", "b", "c"], rate_limit=100), Clock())
    taken: list[int] = []
    start = threading.Barrier(16)

    def hammer() -> None:
        start.wait(30)
        for _ in range(50):
            key, wait = state.choose()
            if not wait:
                taken.append(key)
            state.rest(0, 0)

    threads = [threading.Thread(target=hammer) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert Counter(taken) == {0: 100, 1: 100, 2: 100}


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_starts_with_every_slot_taken() -> None:
    """And a lock that was held in the parent does not block it."""
    state = Credentials(CredentialPool(["a", "b"], rate_limit=1, rate_limit_interval=30))
    state.revoke(0)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with state._lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)

    def child() -> None:
        key, wait = state.choose()
        assert key == 1
        assert 25 < wait <= 30

    try:
        assert in_child(child) == ""
    finally:
        release.set()
        thread.join()
    assert state.choose() == Choice(1, 0), "the parent's is untouched"


class Keys(RuleBasedStateMachine):
    """Calls, rests and revocations in any order, on a clock moved by the test."""

    @initialize(count=st.integers(1, 4), limit=st.none() | st.integers(1, 3))
    def make(self, count: int, limit: int | None) -> None:
        """Make the state of a pool, and a model of it: all that happened, key by key."""
        self.now = 1000.0  # and quarters of a second, which are exact
        self.limit = limit
        pool = CredentialPool(map(str, range(count)), rate_limit=limit, rate_limit_interval=4)
        self.state = Credentials(pool, lambda: self.now)
        self.order = list(range(count))  # whose turn it is
        self.grants: dict[int, list[float]] = {key: [] for key in self.order}
        self.rests: dict[int, list[float]] = {key: [] for key in self.order}
        self.revoked: dict[int, list[float]] = {key: [] for key in self.order}

    def _wait(self, key: int) -> float:
        free = [0.0]
        if self.limit is not None and len(self.grants[key]) >= self.limit:
            free.append(self.grants[key][-self.limit] + 4 - self.now)
        return max(free + [until - self.now for until in self.rests[key]])

    def _free(self, key: int) -> float:
        return max([self._wait(key)] + [end - self.now for end in self.revoked[key]])

    @rule()
    def choose(self) -> None:
        """The usable key that is free first is taken, in turns among equals."""
        usable = [key for key in self.order if all(end <= self.now for end in self.revoked[key])]
        if not usable:
            with pytest.raises(CredentialsExhausted) as caught:
                self.state.choose()
            back = min(max(ends) for ends in self.revoked.values()) - self.now
            assert caught.value.retry_after == (None if back == math.inf else back)
            return
        best = min(usable, key=self._wait)  # the first of equals
        wait = min(self._wait(best), *(self._free(key) for key in self.order))
        assert self.state.choose() == (best, wait)
        if wait == 0:
            self.grants[best].append(self.now)
            while self.order[-1] != best:
                self.order.append(self.order.pop(0))

    @rule(data=st.data(), seconds=st.sampled_from([0.0, 0.25, 2.0, 30.0]))
    def rest(self, data: st.DataObject, seconds: float) -> None:
        """A server says 429 to a key."""
        key = data.draw(st.sampled_from(sorted(self.order)))
        self.state.rest(key, seconds)
        self.rests[key].append(self.now + seconds)

    @rule(data=st.data(), seconds=st.sampled_from([math.inf, 1.0, 10.0]))
    def revoke(self, data: st.DataObject, seconds: float) -> None:
        """A server says 401 or 402 to a key."""
        key = data.draw(st.sampled_from(sorted(self.order)))
        self.state.revoke(key, seconds)
        self.revoked[key].append(self.now + seconds)

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """The user has paid."""
        key = data.draw(st.sampled_from(sorted(self.order)))
        self.state.restore(key)
        self.rests[key], self.revoked[key] = [], []

    @rule(seconds=st.sampled_from([0.25, 1.0, 3.75, 4.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        """Nothing happens for a while."""
        self.now += seconds


TestKeys = Keys.TestCase
TestKeys.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
