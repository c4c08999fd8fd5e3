"""`Pool` and `Dns`: how many connections a client has, and how it finds the hosts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .errors import ConfigurationError
from .options import check_number, strict

__all__ = ["Dns", "Pool", "Resolver"]

Resolver: TypeAlias = Callable[[str, int], Sequence[str] | Awaitable[Sequence[str]]]
"""Takes a host and a port and returns its IP addresses, the best first; may be a coroutine
function for an `AsyncClient`."""


@strict
@dataclass(frozen=True, slots=True)
class Pool:
    """How many connections a client has at once, and how long it keeps those that are idle.

    Attributes:
        total: The most connections in use at once, to all hosts together.
        per_host: The most in use at once to one origin; 0 for no limit but `total`.
        keepalive: Seconds that an idle connection is kept; 0 closes each after its response.
        wait: Seconds to wait for a free connection where `Timeout(pool=)` does not say;
            `None` for as long as the call may take.

    Example:
        >>> Pool(total=10, per_host=2)
        Pool(total=10, per_host=2, keepalive=15.0, wait=None)
    """

    total: int = 100
    per_host: int = 0
    keepalive: float = 15.0
    wait: float | None = None

    def __post_init__(self) -> None:
        _check_whole("total of a Pool", self.total, 1)
        _check_whole("per_host of a Pool", self.per_host, 0)
        if self.keepalive != 0 or isinstance(self.keepalive, bool):
            check_number("keepalive of a Pool", self.keepalive)
        if self.wait is not None:
            check_number("wait of a Pool", self.wait)


@strict
@dataclass(frozen=True, slots=True)
class Dns:
    """How host names are resolved, and for how long the answer is remembered.

    Attributes:
        ttl: Seconds that an answer is remembered; 0 asks for every connection, `None` never again.
        max_size: The most host names that are remembered.
        resolver: A function of yours; the system's resolver when not given.

    Example:
        >>> Dns(ttl=60).max_size
        1000
    """

    ttl: float | None = 10.0
    max_size: int = 1000
    resolver: Resolver | None = None

    def __post_init__(self) -> None:
        if self.ttl is not None and (self.ttl != 0 or isinstance(self.ttl, bool)):
            check_number("ttl of a Dns", self.ttl)
        _check_whole("max_size of a Dns", self.max_size, 1)
        if self.resolver is not None and not callable(self.resolver):
            raise ConfigurationError(
                "resolver of a Dns must be callable with a host and a port, got "
                f"{type(self.resolver).__name__}"
            )


def _check_whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{name} must be a whole number of {least} or more, got {value!r}")
