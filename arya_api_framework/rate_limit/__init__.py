"""Limit how many calls a client sends in any stretch of time, exactly."""

from typing import TYPE_CHECKING

from .limit import RateLimit
from .window import SlidingWindow

__all__ = ["RateLimit", "RedisShare", "SlidingWindow"]

if TYPE_CHECKING:
    from .shared import RedisShare
else:

    def __getattr__(name):
        if name == "RedisShare":  # Few share a limit, and everybody imports this package.
            from .shared import RedisShare

            return RedisShare
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
