"""A state machine of calls that fail and are sent again, with a fake clock, against a model."""

import logging
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from arya_api_framework import RawResponse, Retry, SyncClient
from arya_api_framework.client import call as call_module
from arya_api_framework.client import origins as origins_module
from arya_api_framework.client import retries as retries_module
from arya_api_framework.client.call import Call
from arya_api_framework.errors import (
    ConnectError,
    ConnectionLost,
    FrameworkException,
    ReadTimeout,
    TLSError,
)

LOGGER = logging.getLogger("tests.retry_model")
ORIGIN = "http://api.test"
SAFE = frozenset({"GET", "PUT", "DELETE"})
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
EPSILON = 1e-6


class Retries(RuleBasedStateMachine):
    """Calls of one client to one origin, one after the other, on a clock moved by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        clock = SimpleNamespace(monotonic=lambda: self.now, time=lambda: self.now)
        self.patches: list[Any] = [
            patch.object(module, "time", clock)
            for module in (call_module, origins_module, retries_module)
        ]
        for one in self.patches:
            one.start()
        self.call: Call | None = None
        self.status: int | None = None

    @initialize(
        attempts=st.integers(1, 4),
        budget=st.sampled_from([None, 5.0, 12.0, 40.0]),
        ceiling=st.sampled_from([0.0, 3.0, 120.0]),
        total=st.sampled_from([None, 1.0, 20.0]),
        rejects=st.booleans(),
    )
    def open(
        self,
        attempts: int,
        budget: float | None,
        ceiling: float,
        total: float | None,
        rejects: bool,
    ) -> None:
        """Make a client, and the model: what is spent, and until when there is a pause."""
        self.retry = Retry(
            attempts=attempts, budget=budget, max_retry_after=ceiling, rejects_unprocessed=rejects
        )
        self.total = total
        self.client = SyncClient(ORIGIN, retry=self.retry, timeout=total)
        self.origins = self.client._origins
        self.spent = 0.0
        self.paused = 0.0

    def teardown(self) -> None:
        """Close the client, and give the clock back."""
        self.client.close()
        for one in self.patches:
            one.stop()

    # What the model says.

    def expect(
        self, found: float | None, error: FrameworkException | None, asked: float | None
    ) -> None:
        """Check what became of a failure that may pass, and take it into the model."""
        assert self.call is not None
        cost = 10.0 if isinstance(error, ReadTimeout) else 5.0
        least = asked or 0.0
        most = max(least, min(self.retry.max_backoff, self.retry.backoff * 2**self.number))
        self.number += 1
        is_safe = self.call.method in SAFE or (error is not None and error.sent == "no")
        # A server that asks for time says that it did nothing, where this is taken as such.
        is_rejected = self.status in (429, 503) and asked is not None
        is_safe = is_safe or (self.retry.rejects_unprocessed and is_rejected)
        ends = self.started + self.total if self.total is not None else float("inf")
        stopped = {
            "method": not is_safe,
            "attempts": self.number >= self.retry.attempts,
            "retry_after": asked is not None and asked > self.retry.max_retry_after,
            "timeout": self.now + least >= ends,
            "budget": self.retry.budget is not None and self.spent + cost > self.retry.budget,
        }
        if found is None:
            reason = self.call.retries and self.call.retries.stopped_by
            if reason == "timeout":
                assert self.now + most >= ends
            else:
                assert reason == next(name for name, is_so in stopped.items() if is_so)
            self.call = None
            return
        assert not any(stopped.values()), stopped
        assert least <= found <= most
        assert self.now + found < ends
        if self.retry.budget is not None:
            self.spent += cost
        self.cost = cost
        if self.status == 429:
            self.paused = max(self.paused, self.now + found)
        self.the_pause_is_kept()
        self.now += found
        self.call.begin()

    # The rules.

    @precondition(lambda self: self.call is None)
    @rule(method=st.sampled_from(["GET", "PUT", "DELETE", "POST", "PATCH"]))
    def begin(self, method: str) -> None:
        """Begin a call, and send it for the first time."""
        self.call = self.client._prepare(method, "/", {})
        self.call.begin()
        self.started = self.now
        self.number = 0
        self.cost = 0.0

    @precondition(lambda self: self.call is not None)
    @rule(
        status=st.sampled_from([400, 404, 408, 409, 429, 500, 501, 503, 504]),
        asked=st.none() | st.integers(0, 150),
    )
    def answer(self, status: int, asked: int | None) -> None:
        """A response with the status of an error, which may ask for time."""
        assert self.call is not None
        self.status = status
        headers = {} if asked is None else {"Retry-After": str(asked)}
        response = RawResponse.make(self.call.request, status, headers=headers)
        wants_pause = asked is not None and status in (429, 503)
        if wants_pause and asked is not None and asked <= self.retry.max_retry_after:
            self.paused = max(self.paused, self.now + asked)
        found = self.call.after_response(response, self.origins, LOGGER)
        if status not in TRANSIENT:
            assert found is None
            self.call = None
            return
        self.expect(found, None, asked)

    @precondition(lambda self: self.call is not None)
    @rule(kind=st.sampled_from([ConnectError, ConnectionLost, ReadTimeout, TLSError]))
    def fault(self, kind: type[FrameworkException]) -> None:
        """A fault of the network; one of TLS does not pass."""
        assert self.call is not None
        self.status = None
        error = kind("fault")
        error.sent = "no" if kind in (ConnectError, TLSError) else "maybe"
        found = self.call.after_error(error, self.origins, LOGGER)
        if kind is TLSError:
            assert found is None
            self.call = None
            return
        self.expect(found, error, None)

    @precondition(lambda self: self.call is not None)
    @rule()
    def succeed(self) -> None:
        """A response that is none of an error: the budget has back what the attempt cost."""
        assert self.call is not None
        self.call.succeed(self.origins)
        self.spent = max(self.spent - (self.cost or 1.0), 0.0)
        self.call = None

    @precondition(lambda self: self.call is None)
    @rule(seconds=st.floats(0, 200))
    def pass_time(self, seconds: float) -> None:
        """Between two calls."""
        self.now += seconds

    # What always holds.

    @invariant()
    def the_budget_is_kept(self) -> None:
        """What is spent is what the attempts again have cost, and never more than there is."""
        spent = self.origins.spent.get(ORIGIN, 0.0)
        assert abs(spent - self.spent) < EPSILON
        assert self.retry.budget is None or spent <= self.retry.budget

    @invariant()
    def the_pause_is_kept(self) -> None:
        """The origin is left alone for as long as it asked, and no longer than is allowed."""
        left = self.origins.pause_left(ORIGIN)
        assert abs(left - max(self.paused - self.now, 0.0)) < EPSILON
        assert left <= max(self.retry.max_retry_after, self.retry.max_backoff)

    @invariant()
    def attempts_are_counted(self) -> None:
        """A call knows how many times it was sent."""
        if self.call is not None:
            assert self.call.attempts == self.number + 1 <= self.retry.attempts


TestRetries = Retries.TestCase
TestRetries.settings = settings(deadline=None, max_examples=200, stateful_step_count=30)
