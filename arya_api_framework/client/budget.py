"""`Budget`: a bound on all that a client sends within a `with` block."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..errors import BudgetExhausted, ConfigurationError
from ..options import check_number

if TYPE_CHECKING:
    from .origins import Origins

__all__ = ["Budget", "charge", "end_of", "exhausted_at", "exhausted_by"]

_open: ContextVar[tuple[Budget, ...]] = ContextVar("budgets", default=())


class Budget:
    """A bound on the requests, and on the time, of all calls of a client within a `with` block.

    It counts for copies and sub-clients of the client too, for the tasks that are begun within the
    block and for threads of `asyncio.to_thread` (others run `contextvars.copy_context().run`):
    every request that is sent, retries and redirects included. When it is used up, the call that
    would need more raises `BudgetExhausted` and sends nothing; the block ends there, and the
    program goes on behind it.

    Attributes:
        requests: The most requests; `None` for any number.
        seconds: The longest time; `None` for any.
        used: How many requests were sent so far.
        exhausted: Whether a call was refused because the budget was used up.

    Example:
        ```python
        with client.budget(requests=100, seconds=30) as budget:
            for number in range(1000):
                users.append(client.user(number))
        print(len(users), budget.used, budget.exhausted)
        ```
    """

    __slots__ = ("_lock", "_origins", "_token", "ends", "exhausted", "requests", "seconds", "used")

    def __init__(
        self, origins: Origins, requests: int | None = None, seconds: float | None = None
    ) -> None:
        if requests is None and seconds is None:
            raise ConfigurationError("a budget needs `requests`, `seconds` or both")
        count: Any = requests
        if count is not None and (
            isinstance(count, bool) or not isinstance(count, int) or count < 1
        ):
            raise ConfigurationError(
                f"requests of a budget must be a whole number above 0, got {count!r}"
            )
        if seconds is not None:
            check_number("seconds of a budget", seconds)
        self.requests = requests
        self.seconds = seconds
        self.used = 0
        self.exhausted = False
        self.ends: float | None = None
        self._origins = origins
        self._lock = threading.Lock()
        self._token: Token[tuple[Budget, ...]] | None = None

    def __repr__(self) -> str:
        return f"<Budget requests={self.requests} seconds={self.seconds} used={self.used}>"

    def __enter__(self) -> Self:
        if self._token is not None or self.ends is not None:
            raise ConfigurationError("a budget is used in one `with` block; make another one")
        self.ends = None if self.seconds is None else time.monotonic() + self.seconds
        self._origins.count_budget(1)
        self._token = _open.set((*_open.get(), self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        assert self._token is not None
        _open.reset(self._token)
        self._origins.count_budget(-1)
        is_ours = isinstance(error, BudgetExhausted) and error.budget is self
        self.exhausted = self.exhausted or is_ours
        return is_ours

    def _spend(self) -> None:
        with self._lock:
            is_late = self.ends is not None and time.monotonic() >= self.ends
            if is_late or (self.requests is not None and self.used >= self.requests):
                raise exhausted(self)
            self.used += 1


def exhausted(budget: Budget) -> BudgetExhausted:
    """Return the error for a budget that is used up."""
    parts: list[str] = []
    if budget.requests is not None:
        parts.append(f"{budget.used} of {budget.requests} requests")
    if budget.seconds is not None:
        parts.append(f"{budget.seconds} s")
    return BudgetExhausted(f"the budget is used up: {' in '.join(parts)}", budget=budget)


def charge(origins: Origins) -> None:
    """Count a request that is about to be sent.

    Raises:
        BudgetExhausted: One of the budgets around it is used up; none of them counts it.
    """
    charged: list[Budget] = []
    try:
        for budget in _of(origins):
            budget._spend()  # pyright: ignore[reportPrivateUsage]
            charged.append(budget)
    except BudgetExhausted:
        for budget in charged:
            budget.used -= 1
        raise


def end_of(origins: Origins) -> float | None:
    """Return when the first of the budgets around a call ends, on the monotonic clock."""
    return min((one.ends for one in _of(origins) if one.ends is not None), default=None)


def exhausted_by(origins: Origins, ends: float | None) -> BudgetExhausted | None:
    """Return the error for the budget that ends at a time, if one does."""
    found = (one for one in _of(origins) if ends is not None and one.ends == ends)
    return next((exhausted(one) for one in found), None)


def exhausted_at(ends: float | None) -> BudgetExhausted | None:
    """Return the error for the budget that ends at a time, whichever client it is of."""
    found = (one for one in _open.get() if ends is not None and one.ends == ends)
    return next((exhausted(one) for one in found), None)


def _of(origins: Origins) -> list[Any]:
    return [budget for budget in _open.get() if budget._origins is origins]  # pyright: ignore[reportPrivateUsage]
