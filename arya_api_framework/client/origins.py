"""`Origins`: what a client and its copies remember of the origins that they send to."""

from __future__ import annotations

import threading
import time

from ..fork import start_over_in_child

__all__ = ["Origins"]

_MOST = 1000
"""The most origins that are remembered; a server could redirect to any number of them."""


class Origins:
    """Which origins asked for a pause, and what attempts again have cost at each.

    Both are empty while all is well, so that a call need not look any further.

    Attributes:
        paused: Until when no request is sent, on the monotonic clock.
        spent: Tokens of the retry budget that are spent.
        budgets: How many `with` blocks of `client.budget()` are open.
    """

    __slots__ = ("__weakref__", "_lock", "budgets", "paused", "spent")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.paused: dict[str, float] = {}
        self.spent: dict[str, float] = {}
        self.budgets = 0
        start_over_in_child(self)

    def pause(self, origin: str, seconds: float) -> None:
        """Let no call send to an origin for so many seconds from now."""
        until = time.monotonic() + seconds
        with self._lock:
            if until > self.paused.get(origin, 0.0):
                _make_room(self.paused, origin)
                self.paused[origin] = until

    def pause_left(self, origin: str) -> float:
        """Return the seconds that an origin is still to be left alone, 0 for none."""
        with self._lock:
            until = self.paused.get(origin)
            if until is None:
                return 0.0
            left = until - time.monotonic()
            if left <= 0:
                del self.paused[origin]
            return max(left, 0.0)

    def spend(self, origin: str, cost: float, budget: float) -> bool:
        """Take tokens for an attempt again; return whether there were enough."""
        with self._lock:
            spent = self.spent.get(origin, 0.0) + cost
            if spent > budget:
                return False
            _make_room(self.spent, origin)
            self.spent[origin] = spent
            return True

    def give_back(self, origin: str, tokens: float) -> None:
        """Put tokens back, after a success."""
        with self._lock:
            spent = self.spent.pop(origin, 0.0) - tokens
            if spent > 0:
                self.spent[origin] = spent

    def count_budget(self, change: int) -> None:
        """Count a `with` block that opens, or ends."""
        with self._lock:
            self.budgets += change

    def start_over(self) -> None:
        """Free the lock, which a thread of the parent may have held."""
        self._lock = threading.RLock()


def _make_room(kept: dict[str, float], origin: str) -> None:
    if len(kept) >= _MOST and origin not in kept:
        del kept[next(iter(kept))]
