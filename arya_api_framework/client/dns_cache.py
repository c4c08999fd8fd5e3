"""`DnsCache`: the addresses of host names, remembered for a while."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from contextlib import suppress
from typing import Any

from ..connections import Dns
from .shapes import is_sequence

__all__ = ["DnsCache", "check_addresses", "is_address"]


class DnsCache:
    """The addresses of host names.

    Each step is one operation of the dictionary, so that threads need no lock, which a signal or a
    fork could leave locked: who comes between two of them asks once more, nothing else.
    """

    def __init__(self, dns: Dns) -> None:
        self._ttl = dns.ttl
        self._max_size = dns.max_size
        self._found: OrderedDict[tuple[str, int], tuple[float, tuple[str, ...]]] = OrderedDict()

    def find(self, host: str, port: int, now: float) -> tuple[str, ...] | None:
        """Return the addresses, `None` where they are not known or too old.

        Args:
            host: The name.
            port: The port, which a resolver may answer for differently.
            now: The time on the monotonic clock.
        """
        found = self._found.get((host, port))
        if found is None or found[0] <= now:
            return None
        with suppress(KeyError):
            self._found.move_to_end((host, port))
        return found[1]

    def remember(self, host: str, port: int, addresses: tuple[str, ...], now: float) -> None:
        """Remember addresses; the name that nobody has asked for longest makes room."""
        if self._ttl == 0:
            return
        ends = float("inf") if self._ttl is None else now + self._ttl
        self._found[host, port] = ends, addresses
        with suppress(KeyError):
            self._found.move_to_end((host, port))
            while len(self._found) > self._max_size:
                self._found.popitem(last=False)


def is_address(host: str) -> bool:
    """Return whether a host is an IP address, which nobody has to be asked for."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_addresses(answer: Any) -> tuple[str, ...]:
    """Return what a resolver answered.

    Raises:
        ValueError: It is no list of IP addresses, or an empty one.
    """
    if not is_sequence(answer):
        raise ValueError(f"expected a list of IP addresses, got {type(answer).__name__}")
    addresses = tuple(answer)
    for one in addresses:
        if not isinstance(one, str) or not is_address(one.partition("%")[0]):
            raise ValueError("expected IP addresses as text, got something else")
    if not addresses:
        raise ValueError("expected an address, got an empty list")
    return addresses
