"""The edges of connecting: what seldom happens, and what a user does beside the client."""

import asyncio
import errno
import os
import socket
import ssl
import threading
from typing import Any, cast

import aiohttp
import pytest
import requests
import requests_mock
import urllib3
from urllib3.exceptions import ClosedPoolError, NewConnectionError
from yarl import URL

from arya_api_framework import TLS, AsyncClient, Dns, Events, Pool, SyncClient, Timeout
from arya_api_framework.client.async_dial import _Answer
from arya_api_framework.client.faults import reason_of
from arya_api_framework.client.proxies import Proxies, check_no_proxy, check_proxies
from arya_api_framework.client.proxies import Proxy as Given
from arya_api_framework.client.tunnel import Tunnel
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    ConnectTimeout,
    DNSError,
    HTTPError,
    PoolTimeout,
    ProxyError,
    TransportError,
    WriteTimeout,
)
from tests.app import Server
from tests.client.conftest import Lane
from tests.faults import WELL, Faults, Peer, full_listener, handles
from tests.proxies import Proxy
from tests.servers import Certificate

# Names


async def test_socks_4_has_no_way_to_a_host_with_ipv6_only(lane: Lane) -> None:
    """It takes addresses of four bytes."""
    with Proxy() as proxy:
        dns = Dns(resolver=lambda host, port: ["2606:4700::1111"])
        client = lane.client("http://api.test", proxy=proxy.at("socks4"), dns=dns)
        with pytest.raises(ProxyError, match="IPv4") as error:
            await client.get("/")
        assert error.value.sent == "no"
        assert proxy.asked == []


async def test_a_resolver_may_be_an_object_with_an_async_call(server: Server) -> None:
    """What is only seen when it was called is waited for."""

    class Resolver:
        async def __call__(self, host: str, port: int) -> list[str]:
            return ["127.0.0.1"]

    dns = Dns(resolver=Resolver())
    async with AsyncClient(f"http://api.test:{server.port}", dns=dns) as client:
        answer: Any = await client.get("/echo")
    assert answer["method"] == "GET"


async def test_what_comes_behind_an_answer_to_connect_is_seen() -> None:
    """However late it comes."""
    answer = _Answer(Tunnel(Given("http", "proxy.test", 3128), "api.test", 443))
    answer.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
    await answer.whole
    assert answer.fault is None
    answer.data_received(b"x")
    assert "said more" in str(answer.fault)
    answer.connection_lost(None)


async def test_a_timeout_of_an_event_is_the_users(lane: Lane, server: Server) -> None:
    """It is not taken for one of the connection."""

    class Late(TimeoutError): ...

    mine = Late("mine")

    class Mine(Events):
        def on_dns_resolvehost_end(self, *_: Any, **__: Any) -> None:
            raise mine

    client = lane.client(server.at("localhost"), events=Mine())
    with pytest.raises(TimeoutError) as error:
        await client.get("/echo")
    assert error.value is mine
    assert server.log == []


# Reasons


def _tls_error(kind: type[ssl.SSLError], **fields: Any) -> ssl.SSLError:
    error = kind(1, "text")
    for name, value in fields.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (_tls_error(ssl.SSLCertVerificationError, verify_message="expired"), ": expired"),
        (_tls_error(ssl.SSLError, reason="WRONG_VERSION"), ": wrong version"),
        (_tls_error(ssl.SSLError, reason=None), ""),
        (OSError(errno.ECONNREFUSED, "x"), f": {os.strerror(errno.ECONNREFUSED)}"),
        (OSError("x"), ""),
        (ValueError("x"), ""),
        (None, ""),
    ],
)
def test_reasons(error: BaseException | None, expected: str) -> None:
    """Only what the system or the TLS library said is told."""
    assert reason_of(error) == expected


# TLS within TLS


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/upload-stall", WriteTimeout), ("/upload-reset", TransportError)],
)
async def test_an_upload_in_tls_within_tls_that_fails(
    lane: Lane, tls_faults: Faults, certificate: Certificate, path: str, expected: Any
) -> None:
    """A server that reads no more, and one that is gone."""
    with Proxy(tls=certificate.server_context()) as proxy:
        client = lane.client(
            tls_faults.url,
            proxy=proxy.at("https"),
            tls=TLS(ca=certificate.authority),
            timeout=Timeout(total=20, write=0.5, read=2),
        )
        with pytest.raises(expected) as error:
            await client.post(path, data=b"x" * 50_000_000)
        assert error.value.sent == "maybe"


async def test_an_upload_in_tls_within_tls_that_is_answered_early(
    lane: Lane, tls_faults: Faults, certificate: Certificate
) -> None:
    """What the server said counts where it can be read; a lost connection is told as one."""
    with Proxy(tls=certificate.server_context()) as proxy:
        client = lane.client(
            tls_faults.url,
            proxy=proxy.at("https"),
            tls=TLS(ca=certificate.authority),
            timeout=Timeout(total=20, write=2, read=2),
        )
        with pytest.raises((HTTPError, TransportError)) as error:
            await client.post("/early-error-close", data=b"x" * 5_000_000)
        assert error.value.sent in ("maybe", "yes")


# What the user's code does with the session


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_session_is_of_use_outside_of_calls(
    server: Server, tls_server: Server, ca_pem: Any, scheme: str
) -> None:
    """It is requests' own then, within the limits of the pool."""
    target = tls_server if scheme == "https" else server
    pool = Pool(total=1)
    with SyncClient(target.url, tls=TLS(ca=ca_pem), pool=pool) as client:
        session: requests.Session = client.session
        answer = session.get(f"{target.url}/echo", stream=True)
        adapter: Any = session.get_adapter(target.url)
        pools = adapter.poolmanager.pools
        connections: Any = next(pools[key] for key in pools.keys())  # noqa: SIM118
        with pytest.raises(urllib3.exceptions.EmptyPoolError):
            connections.urlopen("GET", "/echo", pool_timeout=0.05, retries=False)
        assert answer.json()["method"] == "GET"
        assert session.get(f"{target.url}/echo").json()["method"] == "GET"
        assert client.get("/echo") == client.get("/echo")


# Pools


def test_who_waits_for_a_place_is_told_that_the_client_is_closed(faults: Faults) -> None:
    """It does not wait for its time to be over."""
    raised: list[BaseException] = []
    waits = threading.Event()

    class Seen(Events):
        def on_connection_queued_start(self, *_: Any, **__: Any) -> None:
            waits.set()

    client = SyncClient(faults.url, pool=Pool(total=1), events=Seen(), timeout=30)
    held = client.session.get(f"{faults.url}/brief", stream=True)

    def get() -> None:
        try:
            client.get("/brief")
        except ClientClosedError as error:
            raised.append(error)

    thread = threading.Thread(target=get)
    thread.start()
    assert waits.wait(5)
    client.close()
    thread.join(5)
    held.close()
    assert [type(one) for one in raised] == [ClientClosedError]


TOGETHER = asyncio.Barrier(2)


@handles("/together")
async def together(peer: Peer) -> None:
    """Answer two requests when both are there."""
    await TOGETHER.wait()
    await peer.send(WELL)


def test_a_pool_of_the_users_that_is_full_keeps_no_more(
    faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """urllib3 says so, and the connection too many is closed."""

    def make(**_: Any) -> requests.Session:
        session = requests.Session()
        session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=1))
        return session

    answers: list[Any] = []
    with SyncClient(faults.url, session_factory=make) as client:
        threads = [
            threading.Thread(target=lambda: answers.append(client.get("/together")))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 2
    assert "Connection pool is full" in caplog.text


async def test_a_new_connection_closes_what_was_idle_too_long_elsewhere(
    server: Server, faults: Faults
) -> None:
    """It is no use to anybody any more."""
    with SyncClient(faults.url, pool=Pool(keepalive=0.05)) as client:
        client.get("/brief")
        await asyncio.sleep(0.1)
        client.get(f"{server.url}/echo", foreign=True)
        adapter: Any = client.session.get_adapter(faults.url)
        pools: Any = adapter.poolmanager.pools
        kept = {pools[key].port: pools[key].pool.qsize() for key in pools.keys()}  # noqa: SIM118
        assert kept == {faults.port: 0, server.port: 1}


# A session whose pools are urllib3's


class _Stock(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        manager: Any = self.poolmanager
        manager.pool_classes_by_scheme = dict(manager.pool_classes_by_scheme)


def _stock(**_: Any) -> requests.Session:
    session = requests.Session()
    session.mount("http://", _Stock())
    session.mount("https://", _Stock())
    return session


def _closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_errors_of_pools_of_urllib3() -> None:
    """They are told as those of ours are."""
    dead = f"http://127.0.0.1:{_closed_port()}"
    make: Any = SyncClient

    def proxied(**_: Any) -> requests.Session:
        session = _stock()
        session.proxies = {"http": dead}
        return session

    with full_listener() as full:
        timeout = Timeout(total=20, connect=0.3)
        for url, options, expected in (
            (dead, {}, ConnectError),
            ("http://missing.invalid", {}, DNSError),
            (full, {"timeout": timeout}, ConnectTimeout),
            ("http://api.test", {"session_factory": proxied}, ProxyError),
        ):
            with make(url, **{"session_factory": _stock, **options}) as client:
                with pytest.raises(expected) as error:
                    client.get("/")
                assert error.value.sent == "no"


# Proxies


@pytest.mark.parametrize(
    ("entries", "url", "is_direct"),
    [
        (["."], "http://a.test", False),
        (["*"], "http://a.test", True),
        (["*.a.test"], "http://b.a.test", True),
        (["a.test:x"], "http://a.test", False),
        (["10.0.0.0/8"], "http://a.test", False),
        (["127.0.0.1:81"], "http://127.0.0.1:81", True),
        (["127.0.0.1:81"], "http://127.0.0.1:82", False),
        (["[::1]"], "http://[::1]:1", True),
    ],
)
def test_no_proxy(entries: list[str], url: str, is_direct: bool) -> None:
    """A name holds for its subdomains; a port for itself; nothing but dots is no name."""
    proxies = Proxies(check_proxies("p:1"), check_no_proxy(entries))
    assert (proxies.find(Origin.of(URL(url))) is None) is is_direct


def test_no_proxy_for_a_scheme_that_none_is_given_for() -> None:
    """There is none then."""
    assert Proxies(check_proxies({"https": "p:1"})).find(Origin.of(URL("http://a.test"))) is None


@pytest.mark.parametrize(
    "value",
    [
        1,
        "",
        "http://",
        "http://h:99999",
        "http://h/path",
        "http://h?a",
        "http://h#a",
        "http://u%0a@h",
        "socks5://ü@h",
        {"ftp": "h"},
        {"http://a.test/x": "h"},
        {1: "h"},
    ],
)
def test_what_is_no_proxy(value: Any) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(ConfigurationError):
        check_proxies(value)


def test_a_password_without_a_user() -> None:
    """The user is empty then, as RFC 7617 has it."""
    (proxy,) = check_proxies("http://:secret@h").values()
    assert proxy is not None
    assert (proxy.user, proxy.password) == ("", "secret")


@pytest.mark.parametrize("value", [1, [1], [" "]])
def test_what_is_no_list_of_hosts(value: Any) -> None:
    """It is refused."""
    with pytest.raises(ConfigurationError):
        check_no_proxy(value)


def test_per_host_place_comes_back_where_the_total_is_not_to_be_had(
    server: Server, faults: Faults
) -> None:
    """A call that waited in vain holds nothing."""
    timeout = Timeout(total=20, pool=0.1)
    with SyncClient(server.url, pool=Pool(total=1, per_host=1), timeout=timeout) as client:
        held = client.session.get(f"{faults.url}/brief", stream=True)
        for _ in range(2):
            with pytest.raises(PoolTimeout):
                client.get("/echo")
        assert held.content is not None
        held.close()
        answer: Any = client.get("/echo")
        assert answer["method"] == "GET"


# Sessions of a factory that options do not reach


@pytest.mark.parametrize(
    ("name", "value"),
    [("egress", "public"), ("proxy", "http://127.0.0.1:9"), ("pool", Pool(total=1))],
)
async def test_options_that_do_not_reach_a_session_are_refused(
    server: Server, name: str, value: Any
) -> None:
    """Nobody is let believe that a guard is there which is not."""

    class Own(requests.adapters.BaseAdapter):
        """Is no adapter with pools."""

        def close(self) -> None:
            """Do nothing."""

    def make() -> requests.Session:
        session = requests.Session()
        session.mount("http://", Own())
        return session

    def make_async(**options: Any) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(**{**options, "connector": aiohttp.TCPConnector()})

    given: Any = {name: value}
    refused = pytest.raises(ConfigurationError, match=f"`{name}` does not reach")
    with SyncClient(server.url, session_factory=make, **given) as client, refused:
        client.get("/echo")
    async with AsyncClient(server.url, session_factory=make_async, **given) as other:
        with refused:
            await other.get("/echo")
    with SyncClient(server.url, session_factory=make) as bare:
        assert isinstance(bare.session.adapters["http://"], Own)
    async with AsyncClient(server.url, session_factory=make_async) as plain:
        assert (await plain.get("/echo"))["method"] == "GET"


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (requests.exceptions.ProxyError("x"), ProxyError, "the proxy for api.test cannot be used"),
        (
            requests.ConnectionError(NewConnectionError(cast("Any", None), "x")),
            ConnectError,
            "no connection to api.test could be made",
        ),
    ],
)
def test_what_a_mock_raises_is_an_error_of_ours(
    raised: Exception, kind: type[ConnectError], text: str
) -> None:
    """Also without a number of the system, which a mock has none of."""
    with requests_mock.Mocker() as mock, SyncClient("http://api.test") as client:
        mock.get("http://api.test/", exc=raised)
        with pytest.raises(kind) as error:
            client.get("/")
    assert str(error.value) == f"GET http://api.test/: {text}"
    assert (error.value.sent, error.value.__cause__) == ("no", raised)


async def test_a_system_without_unix_sockets(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told when the client is made."""
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(ConfigurationError, match="has no unix sockets"):
        lane.client("http://api.test", unix_socket="/run/api.sock")


def test_a_pool_that_is_gone_keeps_no_place(server: Server) -> None:
    """Who comes too late is told so, and takes no place from the others."""
    with SyncClient(server.url, pool=Pool(total=1, wait=1)) as client:
        adapter = client.session.get_adapter(server.url)
        assert isinstance(adapter, requests.adapters.HTTPAdapter)
        pool = adapter.poolmanager.connection_from_url(server.url)
        pool.close()
        with pytest.raises(ClosedPoolError) as error:
            pool._get_conn()
        # The exception is still there, and holds the frame that had the place.
        assert error.value.__traceback__ is not None
        assert client.get("/echo")["method"] == "GET"
