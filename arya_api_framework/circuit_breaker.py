"""`CircuitBreaker`: when calls to an origin that fails are not even tried."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigurationError
from .options import check_number, strict

__all__ = ["CircuitBreaker"]


@strict
@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """When calls to an origin that fails are not even tried, and for how long.

    A closed circuit lets every call through and counts. Once enough of the latest ones failed it
    is open, and calls fail at once with `CircuitOpenError`. After a while it is half-open: one
    call, the probe, goes through, and its result closes the circuit or opens it again.

    Attributes:
        failure_rate: The part of the calls, above 0 and at most 1, whose failure opens the circuit.
        minimum_calls: With fewer results than this in the window, no rate is calculated.
        window: Seconds; how far back results count, to a tenth of it.
        open_for: Seconds until an open circuit lets a probe through.

    Example:
        >>> CircuitBreaker(failure_rate=0.25).open_for
        15.0
    """

    failure_rate: float = 0.5
    minimum_calls: int = 20
    window: float = 30.0
    open_for: float = 15.0

    def __post_init__(self) -> None:
        if check_number("failure_rate of a CircuitBreaker", self.failure_rate) > 1:
            raise ConfigurationError(
                "failure_rate of a CircuitBreaker is a part of all calls, above 0 and at most 1, "
                f"got {self.failure_rate!r}"
            )
        calls: object = self.minimum_calls
        if isinstance(calls, bool) or not isinstance(calls, int) or calls < 1:
            raise ConfigurationError(
                f"minimum_calls of a CircuitBreaker must be a whole number above 0, got {calls!r}"
            )
        check_number("window of a CircuitBreaker", self.window)
        check_number("open_for of a CircuitBreaker", self.open_for)
