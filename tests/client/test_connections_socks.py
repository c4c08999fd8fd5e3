"""SOCKS 4, 4a and 5: who resolves, who is let in, and what breaks."""

import asyncio
from collections.abc import Iterator

import pytest

from arya_api_framework import TLS, Dns, Pool, Timeout
from arya_api_framework.errors import (
    CertificateError,
    ConnectError,
    ConnectTimeout,
    DNSError,
    ProxyError,
)
from tests.app import Server
from tests.client.conftest import Lane
from tests.counterparts import Running, dante, microsocks
from tests.proxies import HANG, Proxy, Socks

NAME = "api.example.test"
LOGIN = ("user", "hunter2")
SCHEMES = ["socks4", "socks4a", "socks5", "socks5h"]
VERSIONS = {"socks4": "4", "socks4a": "4a", "socks5": "5", "socks5h": "5"}


@pytest.fixture(scope="module")
def of_dante() -> Iterator[Running]:
    """A proxy of another project, for SOCKS 4 and 5."""
    with dante() as running:
        yield running


@pytest.fixture(scope="module")
def of_microsocks() -> Iterator[Running]:
    """Another one, for SOCKS 5, that wants a password."""
    with microsocks(LOGIN) as running:
        yield running


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy with a log, which knows a name that nobody else does."""
    with Proxy(names={NAME: "127.0.0.1"}) as running:
        yield running


@pytest.mark.parametrize("scheme", ["socks4", "socks5", "socks5h"])
async def test_requests_go_through_a_server_of_another_project(
    lane: Lane, origin: Server, of_dante: Running, tls: TLS, scheme: str
) -> None:
    """Connections are used again."""
    client = lane.client(origin.at("localhost"), proxy=of_dante.at(scheme), tls=tls)
    for _ in range(3):
        answer = await client.post("/echo", data=b"x" * 100_000)
        assert len(answer["text"]) == 100_000
    assert len({received.connection for received in origin.log}) == 1
    assert of_dante.has_seen(origin.port)


async def test_a_server_of_another_project_wants_a_password(
    lane: Lane, origin: Server, of_microsocks: Running, tls: TLS
) -> None:
    """With it all is well, without it nothing arrives."""
    url = of_microsocks.at("socks5h", ":".join(LOGIN))
    assert (await lane.client(origin.url, proxy=url, tls=tls).get("/echo"))["method"] == "GET"
    assert of_microsocks.has_seen(origin.port)
    for login in ("", "user:wrong-x"):
        client = lane.client(origin.url, proxy=of_microsocks.at("socks5h", login), tls=tls)
        with pytest.raises(ProxyError) as error:
            await client.get("/echo")
        assert error.value.sent == "no"
        assert "wrong-x" not in f"{error.value!s} {error.value!r} {client.target!r}"
    assert len(origin.log) == 1


@pytest.mark.parametrize("scheme", ["socks4a", "socks5h"])
async def test_the_proxy_resolves(lane: Lane, server: Server, proxy: Proxy, scheme: str) -> None:
    """These two are given the name, and the client's resolver is not asked."""

    def resolve(*_: object) -> list[str]:
        raise AssertionError("was asked")

    client = lane.client(server.at(NAME), proxy=proxy.at(scheme), dns=Dns(resolver=resolve))
    for _ in range(2):
        assert (await client.get("/echo"))["method"] == "GET"
    assert proxy.asked == [Socks(VERSIONS[scheme], NAME, server.port)]
    assert server.log[0].headers["Host"] == f"{NAME}:{server.port}"


@pytest.mark.parametrize("scheme", ["socks4", "socks5"])
async def test_the_client_resolves(lane: Lane, server: Server, proxy: Proxy, scheme: str) -> None:
    """These two are given the address that the client's own resolver found."""
    dns = Dns(resolver=lambda *_: ["127.0.0.1"])
    client = lane.client(server.at("own.example.test"), proxy=proxy.at(scheme), dns=dns)
    assert (await client.get("/echo"))["method"] == "GET"
    assert proxy.asked == [Socks(VERSIONS[scheme], "127.0.0.1", server.port)]
    unknown = lane.client("http://nowhere.invalid", proxy=proxy.at(scheme))
    with pytest.raises(DNSError) as error:
        await unknown.get("/")
    assert error.value.sent == "no"
    assert len(proxy.asked) == 1


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_tls_through_socks(
    lane: Lane, tls_server: Server, proxy: Proxy, tls: TLS, scheme: str
) -> None:
    """The certificate is the origin's, and is verified."""
    client = lane.client(tls_server.at("localhost"), proxy=proxy.at(scheme), tls=tls)
    assert (await client.get("/echo"))["method"] == "GET"
    with pytest.raises(CertificateError):
        await lane.client(tls_server.url, proxy=proxy.at(scheme)).get("/echo")
    assert len(tls_server.log) == 1


async def test_credentials_are_sent_to_the_proxy_alone(lane: Lane, server: Server) -> None:
    """Decoded."""
    login = ("us:er@", "pass/w:rd%")
    with Proxy(credentials=login) as strict:
        url = strict.at("socks5h", "us%3Aer%40:pass%2Fw%3Ard%25")
        assert (await lane.client(server.url, proxy=url).get("/echo"))["method"] == "GET"
        assert (strict.asked[0].user, strict.asked[0].password) == login
    assert "us:er" not in str(server.log)


async def test_socks_4_has_a_user_only(lane: Lane, server: Server) -> None:
    """The proxy lets in whom it knows."""
    with Proxy(credentials=LOGIN) as strict:
        good = lane.client(server.url, proxy=strict.at("socks4", "user"))
        assert (await good.get("/echo"))["method"] == "GET"
        with pytest.raises(ProxyError) as error:
            await lane.client(server.url, proxy=strict.at("socks4", "other")).get("/echo")
        assert error.value.sent == "no"
    assert len(server.log) == 1


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_target_that_is_refused_is_a_proxy_error(
    lane: Lane, proxy: Proxy, scheme: str
) -> None:
    """The proxy could not connect."""
    client = lane.client("http://127.0.0.1:9", proxy=proxy.at(scheme))
    with pytest.raises(ProxyError) as error:
        await client.post("/", body={"a": 1})
    assert (error.value.sent, error.value.attempts) == ("no", 1)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_proxy_that_is_down_is_a_proxy_error(
    lane: Lane, origin: Server, tls: TLS, scheme: str
) -> None:
    """Nothing goes past it."""
    client = lane.client(origin.url, proxy=f"{scheme}://127.0.0.1:9", tls=tls)
    with pytest.raises(ProxyError) as error:
        await client.get("/echo")
    assert error.value.sent == "no"
    assert origin.log == []


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_proxy_that_says_nothing_is_given_up(
    lane: Lane, origin: Server, proxy: Proxy, tls: TLS, scheme: str
) -> None:
    """All of SOCKS is part of connecting."""
    proxy.script = [HANG]
    client = lane.client(
        origin.url, proxy=proxy.at(scheme), tls=tls, timeout=Timeout(total=20, connect=0.4)
    )
    with pytest.raises(ConnectTimeout) as error:
        await client.get("/echo")
    assert error.value.sent == "no"
    assert b"GET" not in proxy.after


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("script", [[], [b"HTTP/1.1 400 Bad\r\n\r\n"], [b"\x05"]], ids=repr)
async def test_a_proxy_that_breaks(
    lane: Lane, server: Server, proxy: Proxy, scheme: str, script: list[bytes]
) -> None:
    """It closes, or speaks something else; the next call is right."""
    proxy.script = script
    client = lane.client(server.url, proxy=proxy.at(scheme), timeout=10)
    with pytest.raises(ProxyError) as error:
        await client.post("/echo", body={"a": 1})
    assert error.value.sent == "no"
    assert server.log == []
    proxy.script = None
    assert (await client.get("/echo"))["method"] == "GET"


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_an_http_proxy_that_is_taken_for_socks(
    lane: Lane, server: Server, scheme: str
) -> None:
    """What is no SOCKS at all is a proxy error."""
    client = lane.client(server.at("localhost"), proxy=f"{scheme}://127.0.0.1:{server.port}")
    with pytest.raises((ProxyError, ConnectTimeout)) as error:
        await client.with_options(timeout=Timeout(total=20, connect=1)).get("/echo")
    assert error.value.sent == "no"


async def test_the_environment_may_name_it(
    lane: Lane, server: Server, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ALL_PROXY` is where it usually is."""
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy.at("socks5h"))
    await lane.client(server.at(NAME)).get("/echo")
    assert len(proxy.asked) == 1


async def test_calls_at_once_have_connections_of_their_own(
    lane: Lane, server: Server, proxy: Proxy
) -> None:
    """No more than the pool allows."""
    client = lane.client(server.url, proxy=proxy.at("socks5"), pool=Pool(total=3))
    await asyncio.gather(*(client.post("/echo", body={"n": n}) for n in range(12)))
    assert sorted(received.json()["n"] for received in server.log) == list(range(12))
    assert len(proxy.asked) <= 3


async def test_addresses_of_two_families(lane: Lane, server: Server, proxy: Proxy) -> None:
    """An address in the URL is sent as one; IPv6 is none of SOCKS 4."""
    client = lane.client("http://[::1]:9", proxy=proxy.at("socks5"))
    with pytest.raises(ProxyError):
        await client.get("/")
    assert proxy.asked == [Socks("5", "::1", 9)]
    with pytest.raises(ConnectError) as error:
        await lane.client("http://[::1]:9", proxy=proxy.at("socks4")).get("/")
    assert error.value.sent == "no"
