"""What follows the call of an endpoint, before its result is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import HTTPError

__all__ = ["follow", "ready"]


def follow(
    call: Callable[[], Any], of_error: Callable[[HTTPError], Any], after: Callable[[Any], Any]
) -> Any:
    """Make a call, and return what is made of its result.

    Args:
        call: Makes it.
        of_error: Returns what an error status becomes, or raises the error.
        after: Returns what is made of the result.
    """
    try:
        result = call()
    except HTTPError as error:
        result = of_error(error)
    return after(result)


def ready(value: Any) -> Any:
    """Return a value that is there already."""
    return value
