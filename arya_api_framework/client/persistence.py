"""`Persistence`: whether an upload goes on after a failure, and after which wait."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from ..errors import (
    BudgetExhausted,
    FrameworkException,
    HTTPError,
    RequestTimeout,
    TransportError,
    UploadError,
)
from ..retry import Failure, Retry, find_wait
from .body import Body
from .budget import end_of, exhausted_by
from .retries import COST, COST_OF_TIMEOUT, describe, read_decision

if TYPE_CHECKING:
    from logging import Logger

    from .origins import Origins
    from .request import Request

__all__ = ["Persistence"]

_OVERLOADED = (429, 503)


class Persistence:
    """The `Retry` of a client, for one upload: what counts is how often in a row nothing was taken.

    Args:
        retry: When to go on; `None` never.
        origins: Where the budget of attempts is kept.
        logger: What is told of an attempt.
    """

    def __init__(self, retry: Retry | None, origins: Origins, logger: Logger) -> None:
        self._retry = retry
        self._origins = origins
        self._logger = logger
        self._failures = 0

    def progress(self) -> None:
        """Begin to count anew: the server has taken something."""
        self._failures = 0

    def after_error(
        self, error: FrameworkException, request: Request, *, may_pass: bool = False
    ) -> float | None:
        """Return the seconds to wait before going on; `None` where the error is the end.

        Args:
            error: What went wrong.
            request: What was sent.
            may_pass: Whether it is one that passes, whatever the `Retry` says.

        Raises:
            BudgetExhausted: The wait would last longer than the budget around the upload.
        """
        retry = self._retry
        raw = error.raw if isinstance(error, HTTPError) else None
        if retry is None or not (raw is not None or isinstance(error, TransportError)):
            return None
        if isinstance(request.body, Body) and request.body.error is error:
            return None  # The user's own.
        asked = None
        if raw is None:
            again = retry.on(Failure(request, self._failures + 1, error=error))
        else:
            asked = find_wait(raw.headers, retry.wait_headers)
            wish = read_decision(raw, retry)
            again = retry.on(Failure(request, self._failures + 1, raw)) if wish is None else wish
        if not (again or may_pass):
            return None
        self._failures += 1
        if self._failures >= retry.attempts:
            error.retry_stopped_by = "attempts"
            return None
        if asked is not None and asked > retry.max_retry_after:
            error.retry_stopped_by = "retry_after"
            return None
        wait = max(asked or 0.0, self._backoff(retry))
        spent = self._over_budget(wait)
        if spent is not None:
            error.retry_stopped_by = "timeout"
            spent.sent, spent.retry_after = error.sent, asked
            raise spent from error
        origin = request.origin.prefix
        cost = COST_OF_TIMEOUT if isinstance(error, RequestTimeout) else COST
        if retry.budget is not None and not self._origins.spend(origin, cost, retry.budget):
            error.retry_stopped_by = "budget"
            return None
        if raw is not None and raw.status in _OVERLOADED and asked is not None:
            self._origins.pause(origin, asked)
        self._tell(request, describe(error), wait)
        return wait

    def after_nothing(self, request: Request) -> float:
        """Return the seconds to wait after an answer by which the server has taken nothing more.

        Raises:
            UploadError: That was so too often.
            BudgetExhausted: The wait would last longer than the budget around the upload.
        """
        self._failures += 1
        if self._retry is None or self._failures >= self._retry.attempts:
            raise UploadError(
                f"the server has taken nothing or next to nothing of what was sent, "
                f"{self._failures} times in a row"
            )
        wait = self._backoff(self._retry)
        spent = self._over_budget(wait)
        if spent is not None:
            spent.sent = "yes"
            raise spent
        self._tell(request, "nothing was taken", wait)
        return wait

    def _over_budget(self, wait: float) -> BudgetExhausted | None:
        """Return the error for a budget that would be over before a wait is."""
        ends = end_of(self._origins) if self._origins.budgets else None
        if ends is None or time.monotonic() + wait < ends:
            return None
        spent = exhausted_by(self._origins, ends)
        assert spent is not None
        spent.budget.exhausted = True
        return spent

    def _backoff(self, retry: Retry) -> float:
        doubled = retry.backoff * 2.0 ** min(self._failures - 1, 40)
        return random.uniform(0, min(retry.max_backoff, doubled))

    def _tell(self, request: Request, what: str, wait: float) -> None:
        url = request.shown_url
        self._logger.info("%s %s: %s, goes on in %.2f s", request.method, url, what, wait)
