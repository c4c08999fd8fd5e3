"""The rule of `egress="public"`: which addresses are none of a client's business."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from arya_api_framework import Dns
from arya_api_framework.client.egress import check_egress
from arya_api_framework.errors import ConnectError, EgressRefused
from tests.app import Server
from tests.client.conftest import Lane
from tests.proxies import Proxy

NAME = "api.example.test"
SCHEMES = ["http", "socks4", "socks4a", "socks5", "socks5h"]


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy with a log, which knows a name that nobody else does."""
    with Proxy(names={NAME: "127.0.0.1"}) as running:
        yield running


def asked(proxy: Proxy) -> int:
    """Return how many requests a proxy was sent."""
    return len(proxy.asked) + len(proxy.log)


@pytest.mark.parametrize(
    "address",
    """
    127.0.0.1 127.1.2.3 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254
    100.64.0.1 192.0.0.1 198.18.0.1 192.0.2.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
    :: ::1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1
    ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1::
    2001:0:4136:e378:8000:63bf:80ff:fffe
    ::127.0.0.1 ::a9fe:a9fe ::ffff:0:127.0.0.1 64:ff9b:1::7f00:1 64:ff9b:1:a9fe:a9:fe00:: fec0::1
    192.0.0.8 192.0.0.170 3fff::1 5f00::1 100::1 4000::1 ::ffff:100.64.0.1 2002:a9fe:a9fe::1
    """.split(),
)
def test_what_is_not_public_is_refused(address: str) -> None:
    """Private, local, metadata, multicast and reserved addresses, and what stands for them."""
    with pytest.raises(EgressRefused, match=r"'api\.test'") as caught:
        check_egress([address], "api.test")
    assert caught.value.sent == "no"


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_what_is_public_is_not(address: str) -> None:
    """Addresses that anybody may connect to, also as IPv6 writes them."""
    check_egress([address], "api.test")


@pytest.mark.parametrize("proxy_scheme", SCHEMES)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    "127.0.0.1 169.254.169.254 [::1] [::ffff:127.0.0.1] LocalHost a.localhost. localhost6 "
    "localhost.localdomain ip6-loopback".split(),
)
async def test_a_proxy_is_not_asked_for_what_is_refused(
    lane: Lane, proxy: Proxy, proxy_scheme: str, scheme: str, host: str
) -> None:
    """Addresses, and the names of this machine; where the proxy itself is does not matter."""
    client = lane.client(f"{scheme}://{host}", proxy=proxy.at(proxy_scheme), egress="public")
    with pytest.raises(EgressRefused) as error:
        await client.get("/")
    assert (error.value.sent, error.value.attempts) == ("no", 1)
    assert asked(proxy) == 0


@pytest.mark.parametrize("proxy_scheme", ["http", "socks4a", "socks5h"])
async def test_a_proxy_that_resolves_is_asked_for_names(
    lane: Lane, server: Server, proxy: Proxy, proxy_scheme: str
) -> None:
    """What it finds, only the proxy knows."""
    client = lane.client(server.at(NAME), proxy=proxy.at(proxy_scheme), egress="public")
    assert (await client.get("/echo"))["method"] == "GET"
    assert asked(proxy) > 0


@pytest.mark.parametrize("proxy_scheme", ["socks4", "socks5"])
async def test_what_the_client_resolves_for_a_proxy_is_looked_at(
    lane: Lane, proxy: Proxy, proxy_scheme: str
) -> None:
    """A name that leads to this machine is refused before the proxy hears of it."""
    dns = Dns(resolver=lambda *_: ["127.0.0.1"])
    client = lane.client(f"http://{NAME}", proxy=proxy.at(proxy_scheme), dns=dns, egress="public")
    with pytest.raises(EgressRefused) as error:
        await client.get("/")
    assert error.value.sent == "no"
    assert asked(proxy) == 0


@pytest.mark.parametrize("others", [[], ["127.0.0.1"], ["2606:4700::1111", "10.0.0.1"]])
async def test_each_address_of_an_answer_must_be_public(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, others: list[str]
) -> None:
    """One that is not is reason enough, wherever it stands; public ones alone are tried."""
    tried: list[str] = []

    def connect(_: Any, address: Any) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    async def sock_connect(_: Any, sock: Any, address: Any) -> None:
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", sock_connect)
    for answer in ([*others, "93.184.216.34"], ["93.184.216.34", *others]):
        dns = Dns(resolver=lambda *_, answer=answer: answer)
        client = lane.client("http://api.test", dns=dns, egress="public", trust_env=False)
        with pytest.raises(EgressRefused if others else ConnectError) as error:
            await client.get("/")
        assert error.value.sent == "no"
    assert set(tried) == (set() if others else {"93.184.216.34"})
