"""`Retries`: whether a call that failed is sent again, and after which wait."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from ..errors import (
    BodyNotReplayable,
    ConnectionLost,
    FrameworkException,
    RequestTimeout,
)
from ..errors.base import RetryStop, Sent
from ..retry import Failure, Retry, find_wait
from .body import Body
from .outcome import http_error

if TYPE_CHECKING:
    from logging import Logger

    from .call import Call
    from .credentials import Trial
    from .origins import Origins
    from .response import RawResponse

__all__ = ["COST", "COST_OF_TIMEOUT", "Retries", "describe", "is_step", "read_decision"]

COST = 5.0
"""The tokens of the retry budget that one more request takes, as in the SDKs of AWS."""
COST_OF_TIMEOUT = 10.0
"""The tokens that it takes after a timeout."""
_OVERLOADED = (429, 503)
_ANOTHER_CONNECTION = (421, 425)
_MOST_DOUBLINGS = 40
_STEP = 64 * 1024
"""How many bytes are a step forward of a file, however many are missing."""


class Retries:
    """The attempts of a call that failed, made when the first one does.

    Attributes:
        earlier: The errors of the attempts before the current one.
        stopped_by: Why there is no further one, where there would be.
        cost: The tokens that the current attempt took from the budget.
        fresh: Whether the current attempt needs a connection that nothing was sent over.
        sent: Whether the server may have read an attempt before the current one.
    """

    __slots__ = (
        "_call",
        "_logger",
        "_origins",
        "_replayed",
        "cost",
        "earlier",
        "fresh",
        "sent",
        "stopped_by",
    )

    def __init__(self, call: Call, origins: Origins, logger: Logger) -> None:
        self._call = call
        self._origins = origins
        self._logger = logger
        self._replayed = False
        self.fresh = False
        self.sent: Sent = "no"
        self.cost = 0.0
        self.earlier: tuple[FrameworkException, ...] = ()
        self.stopped_by: RetryStop | None = None

    def after_error(self, retry: Retry, error: FrameworkException) -> float | None:
        """Return the seconds to wait before the next attempt, `None` where there is none.

        Raises:
            BodyNotReplayable: There would be one, but the body is gone.
        """
        call = self._call
        call.explain(error)
        if self._is_stale(retry, error):
            self._replayed = True
            self.note_sent(error.sent)
            _forget(error)
            call.attempts -= 1
            self._tell(error, "again at once, as the idle connection was closed")
            return 0.0
        failure = Failure(call.request, call.attempts, error=error)
        if not retry.on(failure):
            return None
        return self._plan(retry, failure, error)

    def after_response(self, retry: Retry, response: RawResponse) -> float | None:
        """Return the seconds to wait before the next attempt, `None` where there is none.

        Raises:
            BodyNotReplayable: There would be one, but the body is gone.
        """
        call, status = self._call, response.status
        asked = find_wait(response.headers, retry.wait_headers)
        resting = self._resting_key()
        if resting is not None:
            asked = None if asked is None else min(asked, resting.eta())
        elif asked is not None and status in _OVERLOADED and asked <= retry.max_retry_after:
            self._origins.pause(response.request.origin.prefix, asked)
        failure = Failure(call.request, call.attempts, response=response)
        wish = read_decision(response, retry)
        elsewhere = status in _ANOTHER_CONNECTION and not self.fresh and wish is not False
        if elsewhere:
            self.fresh = True
        elif wish is False or not (wish or retry.on(failure)):
            return None
        error = http_error(response, {})
        assert isinstance(error, FrameworkException)
        call.explain(error)
        return self._plan(retry, failure, error, asked, elsewhere)

    def forget(self) -> None:
        """Let go of the errors after all went well: tracebacks hold frames that hold the errors."""
        for error in self.earlier:
            _forget(error)

    def _is_stale(self, retry: Retry, error: FrameworkException) -> bool:
        """Return whether a connection broke because the server had closed it while it was idle."""
        request = self._call.request
        return (
            isinstance(error, ConnectionLost)
            and error.was_idle
            and not self._replayed
            and retry.attempts > 1
            and (request.method in retry.methods or retry.idempotency_header in request.headers)
            and not (isinstance(request.body, Body) and request.body.is_spent)
        )

    def _plan(
        self,
        retry: Retry,
        failure: Failure,
        error: FrameworkException,
        asked: float | None = None,
        elsewhere: bool = False,
    ) -> float | None:
        call, request = self._call, failure.request
        if not (
            request.method in retry.methods
            or retry.idempotency_header in request.headers
            or error.sent == "no"
            or elsewhere
            or (retry.rejects_unprocessed and failure.status in _OVERLOADED and asked is not None)
        ):
            self.stopped_by = "method"
            return None
        if call.attempts >= retry.attempts:
            self.stopped_by = "attempts"
            return None
        if asked is not None and asked > retry.max_retry_after:
            self.stopped_by = "retry_after"
            return None
        wait = asked or 0.0
        if not elsewhere:
            doubled = retry.backoff * 2.0 ** min(call.attempts - 1, _MOST_DOUBLINGS)
            wait = max(wait, random.uniform(0, min(retry.max_backoff, doubled)))
        if call.ends is not None and time.monotonic() + wait >= call.ends:
            self.stopped_by = "timeout"
            return None
        if isinstance(request.body, Body) and request.body.is_spent:
            lost = BodyNotReplayable(
                f"the call would be sent again after {describe(error)}, but its body is an "
                "iterator, which can be read once"
            )
            lost.sent = error.sent
            self.keep(error)
            raise lost from error
        origin = request.origin.prefix
        cost = COST_OF_TIMEOUT if isinstance(error, RequestTimeout) else COST
        if retry.budget is not None and not self._origins.spend(origin, cost, retry.budget):
            self.stopped_by = "budget"
            return None
        self.cost = cost
        if failure.status == 429 and self._resting_key() is None:
            self._origins.pause(origin, wait)
        self.keep(error)
        self._tell(error, f"attempt {call.attempts + 1} of {retry.attempts} in {wait:.2f} s")
        return wait

    def _resting_key(self) -> Trial | None:
        """Return what chose the key that was asked to rest, so that no other one need wait."""
        trial = self._call.trial
        return trial if trial is not None and trial.rests else None

    def keep(self, error: FrameworkException) -> None:
        """Remember the error of an attempt that was not the last."""
        self.earlier += (error,)
        self.note_sent(error.sent)

    def note_sent(self, sent: Sent) -> None:
        """Remember what the server may have read: that stays read, whatever comes later."""
        if sent == "yes" or self.sent == "no":
            self.sent = sent

    def _tell(self, error: FrameworkException, what: str) -> None:
        request = self._call.request
        self._logger.info("%s %s: %s, %s", request.method, request.shown_url, describe(error), what)


def _forget(error: BaseException | None) -> None:
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def describe(error: FrameworkException) -> str:
    """Return the name of an error, and its status if it has one."""
    status = getattr(error, "status_code", None)
    name = type(error).__name__
    return name if status is None else f"{name} ({status})"


def read_decision(response: RawResponse, retry: Retry) -> bool | None:
    """Return what a server says of another attempt, `None` where it says nothing."""
    for name in retry.decide_headers:
        text = response.headers.get(name, "").strip().lower()
        if text in ("true", "false"):
            return text == "true"
    return None


def is_step(gained: int, wanted: int | None) -> bool:
    """Return whether a file went on so far that failures count anew.

    Where a single byte would do, a server could have requests made for each byte, without a pause.

    Args:
        gained: How many bytes came, or were taken, since failures last counted anew.
        wanted: How many could have been, `None` where nobody knows.
    """
    least = _STEP if wanted is None else min(-(-wanted // 4), _STEP)
    return gained > 0 and gained >= least
