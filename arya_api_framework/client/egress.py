"""Where a client with `egress="public"` may connect: to public addresses only."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ..errors import EgressRefused

__all__ = ["check_egress", "check_egress_name"]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that is given out of IPv6 (RFC 4291 2.4). Beyond it are forms that lead to IPv4 addresses,
the old site-local ones, local NAT64 (RFC 8215), and what `ipaddress` does not know yet."""
_NOT_PUBLIC = (
    # Python before 3.11.10 takes some of these for public.
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv6Network("3fff::/20"),
)

_OWN_NAMES = frozenset(
    "localhost localhost4 localhost6 localhost.localdomain localhost4.localdomain4 "
    "localhost6.localdomain6 ip6-localhost ip6-loopback".split()
)
"""What systems call themselves in their `hosts` file."""


def check_egress(addresses: Iterable[str], host: str) -> None:
    """Refuse addresses of which one is not public, whatever form it is written in.

    Args:
        addresses: The IP addresses that may be connected to, after the host was resolved.
        host: The host that was asked for, for the error.

    Raises:
        EgressRefused: One is private, loopback, link-local, multicast, reserved or unspecified, or
            an IPv6 address that stands for such an IPv4 one, or of a range that is not given out.
    """
    for address in addresses:
        if not _is_public(address):
            raise EgressRefused(
                f"{host!r} leads to {address}, which is not public (`egress='public'`)"
            )


def _is_public(address: str) -> bool:
    # A zone, as in fe80::1%eth0, is of link-local addresses only.
    found = ipaddress.ip_address(address.partition("%")[0])
    inner: ipaddress.IPv4Address | ipaddress.IPv6Address | None = found
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1]) or found
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    assert inner is not None
    return (
        inner.is_global
        and not inner.is_multicast
        and not (inner.version == 6 and inner not in _UNICAST)
        and not any(inner in network for network in _NOT_PUBLIC)
    )


def check_egress_name(host: str) -> None:
    """Refuse what can be refused where a proxy connects: an address, and names of this machine.

    Raises:
        EgressRefused: It is an address that is not public, or `localhost`.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        name = host.rstrip(".").lower()
        if name in _OWN_NAMES or name.endswith(".localhost"):
            raise EgressRefused(f"{host!r} is this machine (`egress='public'`)") from None
    else:
        check_egress([host], host)
