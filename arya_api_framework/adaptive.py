"""`AdaptiveConcurrency`: as many calls at once as the server bears."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigurationError
from .options import strict

__all__ = ["AdaptiveConcurrency"]


@strict
@dataclass(frozen=True, slots=True)
class AdaptiveConcurrency:
    """A limit of calls in flight that finds out what a server bears.

    It grows while calls are answered as fast as ever and the limit is really used; it shrinks
    where they become slow, time out, or are refused with 429 or 503.

    Attributes:
        start: The limit at first.
        minimum: The least it shrinks to.
        maximum: The most it grows to.

    Example:
        >>> AdaptiveConcurrency(maximum=50)
        AdaptiveConcurrency(start=10, minimum=1, maximum=50)
    """

    start: int = 10
    minimum: int = 1
    maximum: int = 200

    def __post_init__(self) -> None:
        for name in ("start", "minimum", "maximum"):
            value: object = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(
                    f"{name} of an AdaptiveConcurrency must be a whole number above 0, "
                    f"got {value!r}"
                )
        if not self.minimum <= self.start <= self.maximum:
            raise ConfigurationError(
                "minimum, start and maximum of an AdaptiveConcurrency must be in this order, got "
                f"{self.minimum}, {self.start} and {self.maximum}"
            )
