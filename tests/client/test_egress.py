"""The rule of `egress="public"`: which addresses are none of a client's business."""

import pytest

from arya_api_framework import Dns
from arya_api_framework.client.egress import check_egress, check_egress_name
from arya_api_framework.errors import EgressRefused
from tests.app import Server
from tests.client.conftest import Lane
from tests.proxies import Proxy


@pytest.mark.parametrize(
    "address",
    """
    127.0.0.1 127.1.2.3 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254
    100.64.0.1 192.0.0.1 198.18.0.1 192.0.2.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
    :: ::1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1
    ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1::
    2001:0:4136:e378:8000:63bf:80ff:fffe
    """.split(),
)
def test_what_is_not_public_is_refused(address: str) -> None:
    """Private, local, metadata, multicast and reserved addresses, and what stands for them."""
    with pytest.raises(EgressRefused, match=r"'api\.test'") as caught:
        check_egress(address, "api.test")
    assert caught.value.sent == "no"


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_what_is_public_is_not(address: str) -> None:
    """Addresses that anybody may connect to, also as IPv6 writes them."""
    check_egress(address, "api.test")


LOCAL = ["127.0.0.1", "10.0.0.1", "::1", "localhost", "LocalHost.", "x.localhost"]


@pytest.mark.parametrize("host", LOCAL)
def test_what_a_proxy_would_find_on_this_machine_is_refused(host: str) -> None:
    """An address that is not public, and the names that RFC 6761 6.3 leads here."""
    with pytest.raises(EgressRefused):
        check_egress_name(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "api.test", "localhost.test", "notlocalhost"])
def test_what_a_proxy_finds_elsewhere_is_not(host: str) -> None:
    """A name is for the proxy to resolve."""
    check_egress_name(host)


@pytest.mark.parametrize("scheme", ["http", "socks4a", "socks5h"])
@pytest.mark.parametrize("host", ["10.0.0.1", "localhost", "x.localhost"])
async def test_a_proxy_is_not_asked_for_what_is_refused(lane: Lane, scheme: str, host: str) -> None:
    """It reads nothing."""
    with Proxy() as proxy:
        client = lane.client(f"http://{host}:9", proxy=proxy.at(scheme), egress="public")
        with pytest.raises(EgressRefused) as error:
            await client.get("/")
        assert error.value.sent == "no"
        assert (proxy.log, proxy.asked) == ([], [])


@pytest.mark.parametrize("scheme", ["http", "socks4a", "socks5h"])
async def test_a_proxy_is_asked_for_a_public_name(lane: Lane, server: Server, scheme: str) -> None:
    """Where it leads is known to the proxy alone."""
    with Proxy(names={"api.test": "127.0.0.1"}) as proxy:
        url = f"http://api.test:{server.port}"
        client = lane.client(url, proxy=proxy.at(scheme), egress="public")
        assert (await client.get("/echo"))["method"] == "GET"
        assert len(proxy.log) + len(proxy.asked) == 1


@pytest.mark.parametrize("scheme", ["socks4", "socks5"])
async def test_what_is_resolved_for_a_proxy_is_checked(lane: Lane, scheme: str) -> None:
    """The proxy is given an address, so that address counts."""
    with Proxy() as proxy:
        dns = Dns(resolver=lambda host, port: ["127.0.0.1"])
        client = lane.client("http://api.test:9", proxy=proxy.at(scheme), dns=dns, egress="public")
        with pytest.raises(EgressRefused, match="leads to 127") as error:
            await client.get("/")
        assert error.value.sent == "no"
        assert proxy.asked == []
