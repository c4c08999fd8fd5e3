"""`SyncAfter`: waits for the call of an endpoint, and for what follows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import HTTPError
from .after import After

__all__ = ["SyncAfter"]


class SyncAfter(After):
    """What follows a call."""

    def run(self, call: Callable[[], Any]) -> Any:
        """Make a call, and return what is made of its result."""
        try:
            result = call()
        except HTTPError as error:
            result = self.of_error(error)
        if not self.runs_function:
            return result
        made = self.run_function(result)
        return made if self.is_awaited else _ready(made)


def _ready(value: Any) -> Any:
    return value
