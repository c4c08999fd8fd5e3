"""Limit how many calls a client sends in any stretch of time, exactly."""

from .window import SlidingWindow

__all__ = ["SlidingWindow"]
