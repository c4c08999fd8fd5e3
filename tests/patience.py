"""How long tests wait for what comes soon, and how late things may be on a busy machine."""

import asyncio
import time
from collections.abc import Callable

__all__ = ["LATE", "PATIENCE", "until", "until_async"]

PATIENCE = 30.0
"""Seconds after which what was to come soon is held for what never comes."""

LATE = 5.0
"""Seconds that a busy machine may add to a time that is known.

What would be wrong must take longer still.
"""


def until(condition: Callable[[], object]) -> None:
    """Wait in this thread until something is true that another thread makes true.

    Raises:
        AssertionError: It did not become true within `PATIENCE`.
    """
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "never came true"
        time.sleep(0.001)


async def until_async(condition: Callable[[], object]) -> None:
    """Wait in this task until something is true; the loop goes on meanwhile.

    Raises:
        AssertionError: It did not become true within `PATIENCE`.
    """
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "never came true"
        await asyncio.sleep(0.001)
