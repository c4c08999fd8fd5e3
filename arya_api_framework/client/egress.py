"""Where a client with `egress="public"` may connect: to public addresses only."""

from __future__ import annotations

import ipaddress

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


def check_egress(address: str, host: str) -> None:
    """Refuse an address that is not public, whatever form it is written in.

    Args:
        address: The IP address that is about to be connected to, after the host was resolved.
        host: The host that was asked for, for the error.

    Raises:
        EgressRefused: It is private, loopback, link-local, multicast, reserved or unspecified, or
            an IPv6 address that stands for such an IPv4 one, or of a range that is not given out.
    """
    # A zone, as in fe80::1%eth0, is of link-local addresses only.
    found = ipaddress.ip_address(address.partition("%")[0])
    inner: ipaddress.IPv4Address | ipaddress.IPv6Address | None = found
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1]) or found
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    assert inner is not None
    if (
        not inner.is_global
        or inner.is_multicast
        or (inner.version == 6 and inner not in _UNICAST)
        or any(inner in network for network in _NOT_PUBLIC)
    ):
        raise EgressRefused(f"{host!r} leads to {address}, which is not public (`egress='public'`)")


def check_egress_name(host: str) -> None:
    """Refuse what can be refused where a proxy connects: an address, and names of this machine.

    Raises:
        EgressRefused: It is an address that is not public, or `localhost`.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        name = host.rstrip(".").lower()
        if name == "localhost" or name.endswith(".localhost"):
            raise EgressRefused(f"{host!r} is this machine (`egress='public'`)") from None
    else:
        check_egress(host, host)
