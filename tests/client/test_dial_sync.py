"""What only the connections of the sync client, or the pure parts below them, can show."""

import functools
import gc
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from arya_api_framework import Dns, Events, Pool, SyncClient, Timeout
from arya_api_framework.client.config import ClientConfig
from arya_api_framework.client.dns_cache import DnsCache, check_addresses, is_address
from arya_api_framework.client.environment import find_proxies, find_tls
from arya_api_framework.client.proxies import Proxies, check_no_proxy, check_proxies
from arya_api_framework.client.sync_dial import _left
from arya_api_framework.client.sync_limits import Limits
from arya_api_framework.client.sync_pools import _Timed
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import ConfigurationError, ReadTimeout
from tests.app import Server
from tests.client.conftest import hooked_session
from tests.faults import full_listener


async def _coroutine(*_: Any) -> Any: ...


def test_coroutine_functions_are_refused() -> None:
    """A sync client cannot wait for them."""
    with pytest.raises(ConfigurationError, match="resolver"):
        SyncClient("http://a.test", dns=Dns(resolver=_coroutine))
    events = Events()
    events.on_request_end = _coroutine  # type: ignore[assignment, method-assign]
    with pytest.raises(ConfigurationError, match="on_request_end"):
        SyncClient("http://a.test", events=events)


@pytest.mark.parametrize("factory", [None, hooked_session])
def test_an_address_that_hangs_leaves_time_for_the_next(server: Server, factory: Any) -> None:
    """Each address has its share of the time to connect."""
    with full_listener() as origin, socket.socket() as second:
        port = int(origin.rpartition(":")[2])
        second.bind(("127.0.0.2", port))
        second.listen()
        dns = Dns(resolver=lambda *_: ["127.0.0.1", "127.0.0.2"])
        options = {} if factory is None else {"session_factory": factory}
        limits = Timeout(total=20, connect=2, read=0.2)
        with (
            SyncClient(f"http://a.test:{port}", dns=dns, timeout=limits, **options) as client,
            pytest.raises(ReadTimeout) as caught,
        ):
            client.post("/")
        assert caught.value.sent == "maybe", "it was sent to the second address"


def test_small_writes_are_not_held_back(server: Server) -> None:
    """The system sends what it is given (TCP_NODELAY)."""
    with SyncClient(server.url) as client:
        client.get("/echo")
        transport: Any = client._transport
        (lane,) = transport._lanes.values()
        conn = lane.pool.pool.get()
        assert conn.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        lane.pool.pool.put(conn)


def test_no_time_is_left_when_it_is_over() -> None:
    """Not even a moment, which a peer that drips could have again and again."""
    assert _left(None) is None
    assert 0 < (_left(time.monotonic() + 60) or 0) <= 60
    with pytest.raises(TimeoutError):
        _left(time.monotonic())


def test_one_timeout_is_for_all_that_follows() -> None:
    """Until the next one; a library may read in many small steps."""
    one, other = socket.socketpair()
    with one, other:
        timed = _Timed(one)
        other.sendall(b"abc")
        assert timed.recv(1) == b"a"
        timed.settimeout(0.5)
        assert timed.recv(1) == b"b"
        time.sleep(0.51)
        with pytest.raises(TimeoutError):
            timed.recv(1)
        with pytest.raises(TimeoutError):
            timed.sendall(b"x")
        timed.settimeout(None)
        timed.sendall(b"x")
        assert timed.recv(1) == b"c"
        assert timed.fileno() == one.fileno()


# Pools


def test_a_lost_place_comes_back() -> None:
    """A connection that an interruption left in nobody's hand keeps no place."""
    limits = Limits(Pool(total=1))
    for _ in range(3):
        place = limits.places.take(False, None)
        del place
        gc.collect()
    assert limits.places.free.qsize() == 1


def test_idle_connections_are_bounded(server: Server) -> None:
    """Those of all origins together are no more than `total`; the oldest makes room."""
    origins = [server.url, server.at("localhost")]
    with SyncClient(server.url, pool=Pool(total=1)) as client:
        for origin in origins * 2:
            client.get(f"{origin}/echo", foreign=True)
        session: requests.Session = client.session
        adapter: Any = session.get_adapter(server.url)
        pools: Any = adapter.poolmanager.pools
        assert sum(pools[key].pool.qsize() for key in pools.keys()) == 1  # noqa: SIM118


def test_all_threads_have_one_pool(tls_server: Server, ca_pem: Path) -> None:
    """The context that tells pools apart is made once."""
    from arya_api_framework import TLS

    with SyncClient(tls_server.url, tls=TLS(ca=ca_pem), pool=Pool(total=3)) as client:
        start = threading.Barrier(8)

        def get() -> None:
            start.wait()
            client.get("/echo")

        threads = [threading.Thread(target=get) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        adapter: Any = client.session.get_adapter(tls_server.url)
        assert len(adapter.poolmanager.pools) == 1
    assert len(tls_server.log) == 8


# Names


def test_dns_cache() -> None:
    """An answer is kept for its time; the name that was not asked for longest makes room."""
    cache = DnsCache(Dns(ttl=10, max_size=2))
    cache.remember("a", 1, ("::1",), 0)
    cache.remember("b", 1, ("::1",), 0)
    assert cache.find("a", 1, 9) == ("::1",)
    cache.remember("c", 1, ("::1",), 9)
    assert [cache.find(name, 1, 9) is None for name in "abc"] == [False, True, False]
    assert cache.find("a", 1, 10) is None
    assert cache.find("a", 2, 9) is None
    never, always = DnsCache(Dns(ttl=0)), DnsCache(Dns(ttl=None))
    for one in (never, always):
        one.remember("a", 1, ("::1",), 0)
    assert never.find("a", 1, 0) is None
    assert always.find("a", 1, 1e12) == ("::1",)


@pytest.mark.parametrize("answer", ["127.0.0.1", None, [], ["a.test"], [1], [b"::1"]])
def test_garbage_of_a_resolver(answer: Any) -> None:
    """It is told what was expected."""
    with pytest.raises(ValueError, match="expected"):
        check_addresses(answer)
    assert check_addresses(["fe80::1%1", "127.0.0.1"]) == ("fe80::1%1", "127.0.0.1")
    assert not is_address("a.test")


# Proxies


@pytest.mark.parametrize(
    ("environment", "url", "expected"),
    [
        ({}, "http://a.test", None),
        ({"http_proxy": "p:1"}, "http://a.test", "p:1"),
        ({"http_proxy": "p:1"}, "https://a.test", None),
        ({"http_proxy": "p:1", "HTTP_PROXY": "q:1"}, "http://a.test", "p:1"),
        ({"HTTP_PROXY": "q:1"}, "http://a.test", "q:1"),
        ({"HTTP_PROXY": "q:1", "REQUEST_METHOD": "GET"}, "http://a.test", None),
        ({"http_proxy": "p:1", "REQUEST_METHOD": "GET"}, "http://a.test", "p:1"),
        ({"HTTPS_PROXY": "q:1", "REQUEST_METHOD": "GET"}, "https://a.test", "q:1"),
        ({"ALL_PROXY": "socks5://s"}, "https://a.test", "s:1080"),
        ({"all_proxy": "p", "NO_PROXY": "*"}, "https://a.test", None),
        ({"all_proxy": "p", "no_proxy": "a.test"}, "https://b.a.test", None),
        ({"all_proxy": "p", "no_proxy": ".a.test"}, "https://a.test", None),
        ({"all_proxy": "p", "no_proxy": "a.test"}, "https://ba.test", "p:80"),
        ({"all_proxy": "p", "no_proxy": "a.test:8443"}, "https://a.test", "p:80"),
        ({"all_proxy": "p", "no_proxy": "a.test:8443"}, "https://a.test:8443", None),
        ({"all_proxy": "p", "no_proxy": "10.0.0.0/8 x"}, "http://10.1.2.3", None),
        ({"all_proxy": "p", "no_proxy": "10.0.0.0/8"}, "http://11.1.2.3", "p:80"),
        ({"all_proxy": "p", "no_proxy": "::1"}, "http://[::1]:80", None),
    ],
)
def test_proxies_of_the_environment(
    environment: dict[str, str], url: str, expected: str | None
) -> None:
    """Scheme, capitals, CGI programs and `NO_PROXY` count as for curl."""
    from yarl import URL

    found = Proxies({}, (), environment).find(Origin.of(URL(url)))
    assert (found and found.authority) == expected


def test_given_proxies_come_first() -> None:
    """The origin's, then the scheme's, then that of all; the environment says nothing then."""
    from yarl import URL

    given = check_proxies({"http://a.test": None, "http": "h:1", "all": "all:1"})
    proxies = Proxies(given, check_no_proxy("c.test"), {"all_proxy": "env:1", "no_proxy": "*"})
    urls = ["http://a.test", "http://b.test", "https://a.test", "http://c.test"]
    found = [proxies.find(Origin.of(URL(url))) for url in urls]
    assert [one and one.authority for one in found] == [None, "h:1", "all:1", None]
    assert [one.authority for one in proxies.all()] == ["h:1", "all:1"]
    assert proxies
    assert not Proxies({})


@pytest.mark.parametrize("url", ["ftp://h:1", "ftp://h"])
def test_a_scheme_that_is_none_of_a_proxy(url: str) -> None:
    """It is refused, with a port or without."""
    with pytest.raises(ConfigurationError, match="its scheme is none of"):
        check_proxies(url)


def test_socks_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra, whether options or the environment name the proxy."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"\[socks\]"):
        SyncClient("http://a.test", proxy="socks5://s")
    monkeypatch.setenv("ALL_PROXY", "socks5://s")
    with pytest.raises(ConfigurationError, match=r"\[socks\]"):
        find_proxies(ClientConfig())
    assert not find_proxies(ClientConfig(unix_socket="/s"))


def test_authorities_of_the_environment(monkeypatch: pytest.MonkeyPatch, ca_pem: Path) -> None:
    """`SSL_CERT_FILE` comes first; what is no file is told with its variable."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/missing")
    with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE"):
        find_tls(ClientConfig())
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_pem))
    assert find_tls(ClientConfig()).ca == str(ca_pem)
    assert find_tls(ClientConfig(trust_env=False)).ca is None


def test_options_that_contradict() -> None:
    """All requests go through the socket, so there is nothing to choose."""
    for options in ({"proxy": "p:1"}, {"egress": "public"}):
        make: Any = functools.partial(SyncClient, "http://a.test", unix_socket="/s")
        with pytest.raises(ConfigurationError, match="unix_socket"):
            make(**options)
