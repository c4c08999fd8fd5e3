"""`Hedge`: when a second request is sent beside a slow one."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigurationError
from .options import check_number, strict

__all__ = ["Hedge"]

_MOST = 5
"""As in gRPC (proposal A6): more copies only load the server."""


@strict
@dataclass(frozen=True, slots=True)
class Hedge:
    """When a call that is slow is sent again while the first request still runs.

    The first answer counts, and the other requests are cancelled. Only calls that may be sent
    twice with the effect of once are hedged.

    Attributes:
        after: Seconds without an answer before the next request is sent.
        attempts: The most requests of one call, the first included: from 2 to 5.

    Example:
        >>> Hedge(after=0.2)
        Hedge(after=0.2, attempts=2)
    """

    after: float = 0.5
    attempts: int = 2

    def __post_init__(self) -> None:
        check_number("after of a Hedge", self.after)
        attempts: object = self.attempts
        if (
            isinstance(attempts, bool)
            or not isinstance(attempts, int)
            or not 2 <= attempts <= _MOST
        ):
            raise ConfigurationError(
                f"attempts of a Hedge must be a whole number from 2 to {_MOST}, got {attempts!r}"
            )
