"""`Race`: the requests of a hedged call, and which of them counts; nothing here waits or sends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..errors import FrameworkException, RequestTimeout
from ..retry import Failure, Retry, find_wait
from .outcome import http_error
from .retries import COST, COST_OF_TIMEOUT, describe, read_decision

if TYPE_CHECKING:
    from logging import Logger

    from ..errors.base import RetryStop
    from ..hedge import Hedge
    from .call import Call
    from .controls import Passage
    from .cookie_jar import CookieJar
    from .origins import Origins
    from .response import RawResponse
    from .url import Origin

__all__ = ["Race", "Run", "may_hedge"]

PATIENCE = 0.05
"""Seconds within which everything must let a further request through: it does not queue."""

_OVERLOADED = (429, 503)
_RULES = Retry()


def may_hedge(call: Call) -> bool:
    """Return whether the request of a call may be sent twice, at once and with the effect of once.

    A body must be in memory: two would share the position of a file. And what authenticates it must
    be good for both: the second of two equal proofs may be refused, which would be the answer.
    """
    request, rules = call.request, _rules_of(call)
    is_safe = request.method in rules.methods or rules.idempotency_header in request.headers
    is_in_memory = request.body is None or isinstance(request.body, bytes)
    return is_safe and is_in_memory and all(one.repeatable for one in call.policy.auth)


def _rules_of(call: Call) -> Retry:
    """Return what says which methods and failures count: that of the client, though it is off."""
    return call.policy.retry or _RULES


class Run:
    """One of the requests of a hedged call.

    Attributes:
        call: The call as this request sees it.
        cost: The tokens of the retry budget that it took.
        passage: Its passage, once everything has let it through.
        response: Its response, once that is there.
        error: What was raised in place of one.
        is_final: Whether that is a hook's, which ends the call whatever it is.
        is_over: Whether it has ended.
    """

    __slots__ = (
        "_claims",
        "_is_forgotten",
        "call",
        "cookies",
        "cost",
        "error",
        "is_final",
        "is_over",
        "passage",
        "response",
    )

    def __init__(self, call: Call, cost: float = 0.0) -> None:
        self.cookies = None if call.policy.jar is None else _Cookies()
        self.call = call.split(self.cookies)
        self.cost = cost
        self.passage: Passage | None = None
        self.response: RawResponse | None = None
        self.error: BaseException | None = None
        self.is_final = False
        self.is_over = False
        self._claims = [None]
        self._is_forgotten = False

    def claim(self) -> bool:
        """Return whether nobody has asked before: who sends it, or makes sure that nobody will."""
        try:
            self._claims.pop()
        except IndexError:
            return False
        return True

    def give_up(self) -> None:
        """Make sure that it is not sent, if it was not sent yet."""
        if self.claim() and self.passage is not None:
            self.passage.give_back()

    def succeed(self, response: RawResponse) -> None:
        """End with a response, of any status."""
        assert self.passage is not None
        self.passage.succeed(response)
        self.response = response
        self.is_over = True

    def fail(self, error: BaseException, is_final: bool) -> None:
        """End with an error."""
        assert self.passage is not None
        if not self._is_forgotten:
            self.error = error
        self.is_final = is_final
        try:
            self.passage.fail(error)
        finally:
            self.is_over = True

    def forget(self) -> None:
        """Let go of the error: it leads to frames that lead here."""
        self._is_forgotten = True
        self.error = None


class _Cookies:
    """In the place of the jar of a call: those of a response that does not count are not kept."""

    shelves = ()

    def __init__(self) -> None:
        self._set: list[tuple[Origin, str, Any]] = []

    def store(self, origin: Origin, target: str, fields: Any) -> None:
        """Remember what a response set."""
        self._set.append((origin, target, fields))

    def move(self, jar: CookieJar) -> None:
        """Put what was set into a jar."""
        for origin, target, fields in self._set:
            jar.store(origin, target, fields)


class Race:
    """The requests of a hedged call that are sent for one request, and what is to be done next."""

    def __init__(self, call: Call, hedge: Hedge, origins: Origins, logger: Logger) -> None:
        self._call = call
        self._hedge = hedge
        self._rules = _rules_of(call)
        self._origins = origins
        self._origin = call.request.origin.prefix
        self._logger = logger
        self._attempts = call.attempts
        self._runs: list[Run] = []
        self._failed: list[Run] = []
        self._ends: float | None = None
        # When the next request is due, `None` for never, or not before something has happened.
        self._due: float | None = None
        self._stopped_by: RetryStop | None = None
        self._is_stopped = False

    @property
    def wait(self) -> float | None:
        """The seconds until the next request is due, `None` where only an end can change that."""
        return None if self._due is None else max(self._due - time.monotonic(), 0.0)

    @property
    def is_running(self) -> bool:
        """Whether a request is under way."""
        return not all(run.is_over for run in self._runs)

    def start(self) -> Run:
        """Return the first request."""
        run = Run(self._call)
        self._runs.append(run)
        return run

    def next_run(self) -> Run | None:
        """Return a further request, if one is due and is let."""
        now = time.monotonic()
        if self._due is None or now < self._due:
            return None
        self._due = None
        cause = self._failed[-1].error if self._failed else None
        cost = COST_OF_TIMEOUT if isinstance(cause, RequestTimeout) else COST
        budget = self._rules.budget
        if len(self._runs) >= self._hedge.attempts:
            self._stop("attempts")
        elif self._ends is not None and now >= self._ends:
            self._stop("timeout")
        elif self._origins.pause_left(self._origin) > 0:
            self._stop("retry_after")
        elif budget is not None and not self._origins.spend(self._origin, cost, budget):
            self._stop("budget")
        else:
            run = Run(self._call, 0.0 if budget is None else cost)
            # Whoever would have to queue fails at once.
            run.call.deadline = now + PATIENCE
            self._runs.append(run)
            return run
        return None

    def begin(self, run: Run) -> None:
        """Hear that everything has let a request through, which is sent now."""
        call = self._call
        if run is self._runs[0]:
            self._ends = run.call.ends  # Later than before, if it had to wait.
        else:
            run.call.deadline, run.call.ends = call.deadline, self._ends
            call.attempts = run.call.attempts = self._attempts + len(self._runs) - 1
            self._tell(run)
        self._due = time.monotonic() + self._hedge.after

    def leave_out(self, run: Run) -> None:
        """Hear that a further request was not let through: there is none now, and none later."""
        self._runs.remove(run)
        self._call.attempts = self._attempts + len(self._runs) - 1
        run.give_up()
        if run.cost:
            self._origins.give_back(self._origin, run.cost)
        self._stop(None)

    def find_winner(self) -> Run | None:
        """Return the request whose end is that of the call, `None` as long as there is none."""
        for run in self._runs:
            if run.is_over and run not in self._failed:
                if not self._is_failure(run):
                    return run
                self._failed.append(run)
                if not self._is_stopped:
                    self._due = time.monotonic()
        if self._due is None and len(self._failed) == len(self._runs):
            return self._failed[-1]
        return None

    def finish(self, winner: Run) -> RawResponse:
        """Return the response that counts, or raise the error that does."""
        call, part = self._call, winner.call
        call.request, call.ends = part.request, part.ends
        if len(self._runs) > 1:
            self._note_others(winner)
        if winner.error is not None:
            raise winner.error
        assert winner.response is not None
        if winner.cookies is not None and call.policy.jar is not None:
            winner.cookies.move(call.policy.jar)
        return winner.response

    def stop(self) -> None:
        """Let no request be sent that was not sent yet, and forget them all."""
        for run in self._runs:
            run.give_up()
            run.forget()
        self._runs, self._failed = [], []

    def _stop(self, why: RetryStop | None) -> None:
        self._due = None
        self._is_stopped = True
        self._stopped_by = why

    def _is_failure(self, run: Run) -> bool:
        """Return whether something else than this end may still become of the call."""
        request, number, response = run.call.request, run.call.attempts, run.response
        if response is None:
            error = run.error
            return (
                isinstance(error, FrameworkException)
                and not run.is_final
                and self._rules.on(Failure(request, number, error=error))
            )
        if response.status < 400:
            return False
        asked = find_wait(response.headers, self._rules.wait_headers)
        if asked is not None and response.status in _OVERLOADED:
            self._stop("retry_after")
            if asked <= self._rules.max_retry_after:
                self._origins.pause(self._origin, asked)
        wish = read_decision(response, self._rules)
        return self._rules.on(Failure(request, number, response=response)) if wish is None else wish

    def _note_others(self, winner: Run) -> None:
        """Write down for the call what became of the other requests."""
        retries = self._call.open_retries(self._origins, self._logger)
        retries.cost = winner.cost
        if winner in self._failed:
            retries.stopped_by = self._stopped_by
        for run in self._failed:
            if run is not winner:
                retries.keep(self._error_of(run))
        if self.is_running:
            retries.note_sent("maybe")

    def _error_of(self, run: Run) -> FrameworkException:
        error = run.error
        if run.response is not None:
            error = http_error(run.response, {})
        assert isinstance(error, FrameworkException)
        run.call.explain(error)
        return error

    def _tell(self, run: Run) -> None:
        request = run.call.request
        why = f"no answer after {self._hedge.after} s"
        if self._failed:
            why = describe(self._error_of(self._failed[-1]))
        self._logger.info(
            "%s %s: %s, request %d of %d now",
            request.method,
            request.shown_url,
            why,
            len(self._runs),
            self._hedge.attempts,
        )
