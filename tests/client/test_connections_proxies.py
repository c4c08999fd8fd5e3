"""HTTP proxies: who takes which, what a proxy reads, and what it never reads."""

import asyncio
import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from arya_api_framework import TLS, Pool, Timeout
from arya_api_framework.errors import (
    ConfigurationError,
    ConnectError,
    ConnectTimeout,
    FrameworkException,
    HTTPNotFound,
    ProxyError,
    ReadTimeout,
)
from tests.app import Server
from tests.client.conftest import Lane
from tests.counterparts import Running, tinyproxy
from tests.patience import LATE
from tests.proxies import HANG, RESET, Pipe, Proxy, Step
from tests.servers import Certificate

NAME = "api.example.test"
NAMES = {NAME: "127.0.0.1", "other.example.test": "127.0.0.1"}
LOGIN = ("user", "hunter2")
ODD = ("us er@", "päss/w:rd@%?#")
SECRETS = {"bearer_token": "token-x", "headers": {"X-Api-Key": "key-x"}, "cookies": {"c": "cook-x"}}
DEAD = "http://127.0.0.1:9"
ONCE = Pool(keepalive=0)
"""For tinyproxy, which ends connections without saying so."""


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def tiny() -> Iterator[Running]:
    """A proxy of another project."""
    with tinyproxy() as running:
        yield running


@pytest.fixture(scope="module")
def strict_tiny() -> Iterator[Running]:
    """A proxy of another project that wants a password."""
    with tinyproxy(LOGIN) as running:
        yield running


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy with a log, which knows names that nobody else does."""
    with Proxy(names=NAMES) as running:
        yield running


@pytest.fixture
def strict() -> Iterator[Proxy]:
    """A proxy with a log that wants a password."""
    with Proxy(names=NAMES, credentials=LOGIN) as running:
        yield running


# What arrives where


async def test_requests_go_through_a_proxy_of_another_project(
    lane: Lane, origin: Server, tiny: Running, tls: TLS
) -> None:
    """Any method, with bodies small and large."""
    client = lane.client(origin.url, proxy=tiny.at("http"), tls=tls, pool=ONCE)
    assert (await client.get("/echo?a=1"))["query"] == [["a", "1"]]
    assert (await client.post("/echo", body={"a": 1}))["text"] == '{"a":1}'
    answer = await client.put("/echo", data=b"x" * 300_000)
    assert len(answer["text"]) == 300_000
    assert tiny.has_seen(origin.port)


async def test_a_proxy_of_another_project_wants_a_password(
    lane: Lane, origin: Server, strict_tiny: Running, tls: TLS
) -> None:
    """With it all is well, without it nothing arrives."""
    good = lane.client(origin.url, proxy=strict_tiny.at("http", ":".join(LOGIN)), tls=tls)
    assert (await good.get("/echo"))["method"] == "GET"
    assert "Proxy-Authorization" not in origin.log[0].headers
    bad = lane.client(origin.url, proxy=strict_tiny.at("http"), tls=tls)
    with pytest.raises(ProxyError):
        await bad.get("/echo")
    assert len(origin.log) == 1


async def test_a_proxy_reads_absolute_targets(lane: Lane, server: Server, proxy: Proxy) -> None:
    """For http (RFC 9112 3.2.2), byte for byte, with the fields that the origin would get."""
    await lane.client(server.url, headers={"X-A": "1"}).get("/echo?a=%2F&b=c%20d")
    client = lane.client(server.at(NAME), proxy=proxy.url, headers={"X-A": "1"})
    await client.get("/echo?a=%2F&b=c%20d")
    (read,) = proxy.log
    assert read.target == f"{server.at(NAME)}/echo?a=%2F&b=c%20d"
    assert read.fields["host"] == f"{NAME}:{server.port}"
    direct = {name.lower() for name in server.log[0].headers}
    assert set(read.fields) - {"proxy-connection"} == direct


async def test_a_proxy_reads_connect_and_nothing_of_the_client(
    lane: Lane, tls_server: Server, proxy: Proxy, tls: TLS
) -> None:
    """For https (RFC 9110 9.3.6): the authority, and no secret."""
    client = lane.client(tls_server.at("localhost"), proxy=proxy.url, tls=tls, **SECRETS)
    await client.get("/echo?q=query-x")
    await client.get("/echo?q=query-x")
    (read,) = proxy.log
    authority = f"localhost:{tls_server.port}"
    assert read.head.startswith(f"CONNECT {authority} HTTP/1.1\r\n".encode())
    assert read.fields["host"] == authority
    assert set(read.fields) <= {"host", "user-agent", "proxy-connection", "connection"}
    for secret in ("token-x", "key-x", "cook-x", "query-x"):
        assert secret.encode() not in read.head
        assert secret in str(tls_server.log[0])
    assert len({received.connection for received in tls_server.log}) == 1


async def test_a_proxy_resolves_the_name(lane: Lane, server: Server, proxy: Proxy) -> None:
    """The client asks nobody for a host that it does not connect to."""
    client = lane.client(server.at(NAME), proxy=proxy.url)
    assert (await client.get("/echo"))["method"] == "GET"
    assert server.log[0].headers["Host"] == f"{NAME}:{server.port}"


async def test_tls_through_a_proxy_keeps_the_name(lane: Lane, proxy: Proxy, tmp_path: Path) -> None:
    """SNI and certificate are the origin's."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    with Server(tls=context) as server:
        client = lane.client(server.at(NAME), proxy=proxy.url, tls=TLS(ca=tmp_path / "ca.pem"))
        assert (await client.get("/echo"))["method"] == "GET"
    assert names == [NAME]


async def test_a_certificate_is_verified_through_a_proxy(
    lane: Lane, tls_server: Server, proxy: Proxy
) -> None:
    """A proxy is no authority."""
    with pytest.raises(ConnectError) as error:
        await lane.client(tls_server.url, proxy=proxy.url).get("/echo")
    assert type(error.value).__name__ == "CertificateError"
    assert error.value.sent == "no"


async def test_a_tunnel_serves_calls_at_once(
    lane: Lane, tls_server: Server, proxy: Proxy, tls: TLS
) -> None:
    """Each connection has a tunnel of its own, which serves one call after the other."""
    client = lane.client(tls_server.url, proxy=proxy.url, tls=tls, pool=Pool(total=3))
    await asyncio.gather(*(client.post("/echo", body={"n": n}) for n in range(12)))
    assert sorted(received.json()["n"] for received in tls_server.log) == list(range(12))
    assert len(proxy.log) < 12


# Credentials


@pytest.mark.parametrize("login", [LOGIN, ODD], ids=["plain", "odd"])
async def test_credentials_are_for_the_proxy_alone(
    lane: Lane, origin: Server, tls: TLS, login: tuple[str, str]
) -> None:
    """They come percent-encoded in the URL, and never reach the origin."""
    from urllib.parse import quote

    with Proxy(credentials=login) as strict:
        url = strict.at("http", ":".join(quote(one, safe="") for one in login))
        client = lane.client(origin.url, proxy=url, tls=tls, **SECRETS)
        for _ in range(2):
            assert (await client.get("/echo"))["method"] == "GET"
        expected = base64.b64encode(":".join(login).encode()).decode()
        assert {read.fields["proxy-authorization"] for read in strict.log} == {f"Basic {expected}"}
    for received in origin.log:
        assert "Proxy-Authorization" not in received.headers
        assert received.headers["Authorization"] == "Bearer token-x"


@pytest.mark.parametrize("login", ["", "user:wrong-x", "user"])
async def test_a_proxy_that_denies_is_a_proxy_error(
    lane: Lane, origin: Server, strict: Proxy, tls: TLS, login: str
) -> None:
    """A 407 is the proxy's, for http and for https; no password is in any text."""
    client = lane.client(origin.url, proxy=strict.at("http", login), tls=tls)
    for _ in range(2):
        with pytest.raises(ProxyError, match="407") as error:
            await client.get("/echo")
    assert error.value.sent == "no"
    assert "wrong-x" not in f"{error.value!s} {error.value!r} {client.target!r}"
    assert origin.log == []


async def test_two_clients_do_not_share_credentials(
    lane: Lane, tls_server: Server, strict: Proxy, tls: TLS
) -> None:
    """A tunnel that one may use is not the other's."""
    good = lane.client(tls_server.url, proxy=strict.at("http", ":".join(LOGIN)), tls=tls)
    await good.get("/echo")
    with pytest.raises(ProxyError):
        await lane.client(tls_server.url, proxy=strict.url, tls=tls).get("/echo")
    with pytest.raises(ProxyError):
        await good.with_options(proxy=strict.url).get("/echo")


# Proxies that are not there


async def test_a_proxy_that_is_down_is_a_proxy_error(lane: Lane, origin: Server, tls: TLS) -> None:
    """Nothing was sent, and nothing goes past the proxy."""
    client = lane.client(origin.url, proxy=DEAD, tls=tls)
    with pytest.raises(ProxyError) as error:
        await client.post("/echo", body={"a": 1})
    assert (error.value.sent, error.value.attempts) == ("no", 1)
    assert origin.log == []


async def test_a_proxy_that_nobody_knows_is_a_connect_error(
    lane: Lane, origin: Server, tls: TLS
) -> None:
    """Nothing was sent."""
    client = lane.client(origin.url, proxy="http://proxy.invalid:3128", tls=tls)
    with pytest.raises(ProxyError) as error:
        await client.get("/echo")
    assert error.value.sent == "no"
    assert origin.log == []


@pytest.mark.parametrize("host", ["a..b", "a" * 70, ".", "nosuch.invalid"])
@pytest.mark.parametrize("scheme", ["http", "socks5h"])
@pytest.mark.parametrize("url", ["http://api.test", "https://api.test"])
async def test_a_proxy_whose_name_is_none_is_a_proxy_error(
    lane: Lane, url: str, scheme: str, host: str
) -> None:
    """Whatever makes of it no name: nothing is sent."""
    client = lane.client(url, proxy=f"{scheme}://{host}:1")
    with pytest.raises(ProxyError, match="cannot be reached") as caught:
        await client.get("/")
    assert caught.value.sent == "no"


async def test_a_proxy_that_says_nothing_is_given_up(
    lane: Lane, tls_server: Server, server: Server, proxy: Proxy, tls: TLS
) -> None:
    """For https it is part of connecting; for http it may have read the request."""
    proxy.script = [HANG]
    timeout = Timeout(total=10, connect=0.4, read=0.4)
    with pytest.raises(ConnectTimeout) as error:
        await lane.client(tls_server.url, proxy=proxy.url, tls=tls, timeout=timeout).get("/echo")
    assert error.value.sent == "no"
    with pytest.raises(ReadTimeout) as read_error:
        await lane.client(server.url, proxy=proxy.url, timeout=timeout).get("/echo")
    assert read_error.value.sent == "maybe"


async def test_a_target_that_is_not_there_is_a_proxy_error(lane: Lane, proxy: Proxy) -> None:
    """The proxy answers `CONNECT` with 502."""
    with pytest.raises(ProxyError, match="502") as error:
        await lane.client("https://127.0.0.1:9", proxy=proxy.url).get("/")
    assert error.value.sent == "no"


async def test_an_error_behind_a_proxy_is_the_servers(
    lane: Lane, origin: Server, tiny: Running, tls: TLS
) -> None:
    """What the origin answers is its own."""
    client = lane.client(origin.url, proxy=tiny.at("http"), tls=tls)
    with pytest.raises(HTTPNotFound):
        await client.get("/status/404")


# Which proxy


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.0/8", "*"])
async def test_no_proxy_is_reached_directly(lane: Lane, server: Server, entry: str) -> None:
    """Names, addresses and networks."""
    client = lane.client(server.url, proxy=DEAD, no_proxy=[entry])
    assert (await client.get("/echo"))["method"] == "GET"
    elsewhere = lane.client(server.url, proxy=DEAD, no_proxy=["10.0.0.0/8", NAME])
    with pytest.raises(ProxyError):
        await elsewhere.get("/echo")


async def test_a_proxy_for_a_scheme_or_an_origin(
    lane: Lane, server: Server, tls_server: Server, proxy: Proxy, tls: TLS
) -> None:
    """The most special one counts; `None` is none."""
    proxies = {"https": proxy.url, "http": DEAD, server.at("localhost"): None}
    client = lane.client(
        tls_server.url, proxy=proxies, tls=tls, trusted_origins=[server.at("localhost"), server.url]
    )
    await client.get("/echo")
    assert [read.method for read in proxy.log] == ["CONNECT"]
    await client.get(f"{server.at('localhost')}/echo")
    with pytest.raises(ProxyError):
        await client.get(f"{server.url}/echo")
    assert len(proxy.log) == 1


async def test_a_redirect_takes_the_proxy_of_its_target(
    lane: Lane, server: Server, strict: Proxy
) -> None:
    """From a proxied origin to one that is not, and back: no credentials go along."""
    url = strict.at("http", ":".join(LOGIN))
    client = lane.client(server.at(NAME), proxy=url, no_proxy=["localhost"])
    inner = server.at("localhost") + "/echo"
    answer = await client.get("/redirect-to", parameters={"url": inner})
    assert answer["method"] == "GET"
    assert [read.target.partition("?")[0] for read in strict.log] == [
        f"{server.at(NAME)}/redirect-to"
    ]
    assert "Via" not in server.log[1].headers
    assert "proxy-authorization" not in str(server.log).lower()
    back = lane.client(server.at("localhost"), proxy=url, no_proxy=["localhost"])
    await back.get("/redirect-to", parameters={"url": server.at(NAME) + "/echo"})
    assert strict.log[-1].target == f"{server.at(NAME)}/echo"


async def test_the_environment_names_proxies(
    lane: Lane, origin: Server, proxy: Proxy, tls: TLS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read once, when the client is made or first used; not again."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    client = lane.client(origin.url, tls=tls, pool=Pool(keepalive=0))
    await client.get("/echo")
    assert len(proxy.log) == 1
    monkeypatch.setenv("HTTP_PROXY", DEAD)
    monkeypatch.setenv("HTTPS_PROXY", DEAD)
    monkeypatch.setenv("NO_PROXY", "*")
    await client.get("/echo")
    assert len(proxy.log) == 2


async def test_names_in_lower_case_count_more(
    lane: Lane, server: Server, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As curl has it."""
    monkeypatch.setenv("HTTP_PROXY", DEAD)
    monkeypatch.setenv("http_proxy", proxy.url)
    await lane.client(server.url).get("/echo")
    assert len(proxy.log) == 1


async def test_the_environment_names_exceptions(
    lane: Lane, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`NO_PROXY` counts with the proxies of the environment."""
    monkeypatch.setenv("ALL_PROXY", DEAD)
    monkeypatch.setenv("NO_PROXY", "localhost, 127.0.0.1")
    assert (await lane.client(server.url).get("/echo"))["method"] == "GET"


async def test_a_proxy_that_was_given_counts_more_than_the_environment(
    lane: Lane, server: Server, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its exceptions do not count either then."""
    monkeypatch.setenv("HTTP_PROXY", DEAD)
    monkeypatch.setenv("NO_PROXY", "*")
    await lane.client(server.url, proxy=proxy.url).get("/echo")
    assert len(proxy.log) == 1


async def test_the_environment_may_be_left_alone(
    lane: Lane, origin: Server, tls: TLS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `trust_env=False` its proxies are not taken."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, DEAD)
    client = lane.client(origin.url, tls=tls, trust_env=False)
    assert (await client.get("/echo"))["method"] == "GET"


async def test_a_broken_proxy_of_the_environment_is_told(
    lane: Lane, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not passed by; its password is in no text."""
    monkeypatch.setenv("HTTP_PROXY", "ftp://user:hunter2@127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="http_proxy") as error:
        await lane.client(server.url).get("/echo")
    assert "hunter2" not in str(error.value)
    assert server.log == []


# Proxies that speak TLS


async def test_a_proxy_may_speak_tls(
    lane: Lane, origin: Server, certificate: Certificate, tls: TLS
) -> None:
    """For https that is TLS within TLS; the client's certificate is not for it."""
    context = certificate.server_context()
    context.load_verify_locations(certificate.authority)
    context.verify_mode = ssl.CERT_OPTIONAL
    mutual = TLS(ca=certificate.authority, cert=certificate.chain, key=certificate.key)
    with Proxy(tls=context, credentials=LOGIN) as secure:
        url = secure.at("https", ":".join(LOGIN))
        client = lane.client(origin.url, proxy=url, tls=mutual)
        assert (await client.get("/echo"))["method"] == "GET"
        answer = await client.post("/echo", data=b"x" * 200_000)
        assert len(answer["text"]) == 200_000
        assert all(not one for one in secure.certificates)
        with pytest.raises(ProxyError, match="407"):
            await lane.client(origin.url, proxy=secure.at("https"), tls=tls).get("/echo")


async def test_a_proxy_of_another_project_behind_tls(
    lane: Lane, origin: Server, certificate: Certificate, tiny: Running, tls: TLS
) -> None:
    """Any proxy can be had so."""
    with Pipe(tiny.port, certificate.server_context()) as secure:
        client = lane.client(origin.url, proxy=secure.at("https"), tls=tls, pool=ONCE)
        for _ in range(2):
            assert (await client.get("/echo"))["method"] == "GET"
        assert secure.connections >= 1
    assert tiny.has_seen(origin.port)


async def test_a_proxy_is_verified(
    lane: Lane, origin: Server, certificate: Certificate, tmp_path: Path
) -> None:
    """One of an unknown authority reads nothing, not even its password."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    with Proxy(tls=certificate.server_context()) as secure:
        url = secure.at("https", ":".join(LOGIN))
        client = lane.client(origin.url, proxy=url, tls=TLS(ca=tmp_path / "other.pem"))
        with pytest.raises(ConnectError) as error:
            await client.get("/echo")
        assert error.value.sent == "no"
        assert secure.log == []
    assert origin.log == []


async def test_pins_and_names_are_the_origins_not_the_proxys(
    lane: Lane, proxy: Proxy, tmp_path: Path
) -> None:
    """Through plain proxies and through those with TLS, the origin's certificate is pinned."""
    import hashlib

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued, own = authority.issue_cert(NAME), authority.issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    for_proxy = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.configure_cert(for_proxy)
    pem = issued.cert_chain_pems[0].bytes().decode()
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()
    with Server(tls=context) as server, Proxy(tls=for_proxy) as secure:
        for url in (proxy.url, secure.url):
            good = TLS(ca=tmp_path / "ca.pem", server_name=NAME, pins=[pin])
            client = lane.client(server.url, proxy=url, tls=good)
            assert (await client.get("/echo"))["method"] == "GET"
            bad = TLS(ca=tmp_path / "ca.pem", server_name=NAME, pins=[bytes(32)])
            with pytest.raises(ConnectError, match="pins") as error:
                await lane.client(server.url, proxy=url, tls=bad).get("/echo")
            assert type(error.value).__name__ == "CertificateError"
        assert len(server.log) == 2


# Proxies that break

BROKEN: dict[str, list[Step]] = {
    "garbage": [b"\x16\x03\x01\x00garbage\r\n\r\n", HANG],
    "other protocol": [b"SSH-2.0-OpenSSH_9.9\r\n\r\n", HANG],
    "no status": [b"HTTP/1.1 OK\r\n\r\n", HANG],
    "status of two digits": [b"HTTP/1.1 20\r\n\r\n", HANG],
    "broken field": [b"HTTP/1.1 200 OK\r\nno field\r\n\r\n", HANG],
    "closed": [],
    "closed in the head": [b"HTTP/1.1 200 OK\r\nX-A: 1\r\n"],
    "reset": [RESET],
    "redirect": [b"HTTP/1.1 302 Found\r\nLocation: http://evil.invalid/\r\n\r\n", HANG],
    "error": [b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", HANG],
    "unauthorized": [b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", HANG],
    "switching": [b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", HANG],
    "long line": [b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n", HANG],
    "long head": [b"HTTP/1.1 200 OK\r\n", b"X-A: %b\r\n" % (b"x" * 4000) * 400, b"\r\n", HANG],
    "endless interim": [b"HTTP/1.1 100 Continue\r\n\r\n" * 5000, HANG],
    "answers itself": [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        HANG,
    ],
    "answers later": [
        b"HTTP/1.1 200 OK\r\n\r\n",
        0.1,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        HANG,
    ],
    "closed as a tunnel": [b"HTTP/1.1 200 OK\r\n\r\n"],
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_proxy_that_breaks_connect(
    lane: Lane, tls_server: Server, proxy: Proxy, tls: TLS, name: str
) -> None:
    """Nothing of the request is sent, in bounded time, and the next call is right."""
    proxy.script = BROKEN[name]
    client = lane.client(tls_server.url, proxy=proxy.url, tls=tls, timeout=10, **SECRETS)
    async with asyncio.timeout(8):
        with pytest.raises(ConnectError) as error:
            await client.post("/echo?q=query-x", body={"a": 1})
    assert (error.value.sent, error.value.attempts) == ("no", 1)
    assert b"token-x" not in proxy.log[0].head + proxy.after
    if name not in ("answers itself", "answers later", "closed as a tunnel"):
        assert isinstance(error.value, ProxyError)
        assert proxy.after == b""  # No TLS with what is no tunnel.
    assert tls_server.log == []
    assert "evil" not in str(error.value)
    proxy.script = None
    assert (await client.get("/echo"))["method"] == "GET"


@pytest.mark.parametrize(
    "prefix",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 Connection established\r\n\r\n",
        b"HTTP/1.1 200 \r\nX-A: 1\r\nVia: 1.1 x\r\n\r\n",
        # RFC 9110 9.3.6: these two say nothing there.
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        # RFC 9110 15.2: may come before any final response.
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
async def test_a_tunnel_may_be_granted_in_many_words(
    lane: Lane, tls_server: Server, proxy: Proxy, tls: TLS, prefix: bytes
) -> None:
    """What may stand in such a response does not get in the way."""
    proxy.prefix = prefix
    client = lane.client(tls_server.url, proxy=proxy.url, tls=tls, timeout=10)
    for _ in range(2):
        assert (await client.get("/echo"))["method"] == "GET"
    assert len(proxy.log) == 1


@pytest.mark.parametrize(
    "extra",
    [
        b"\r\n",
        b"x",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["line", "byte", "alert", "response"],
)
async def test_what_comes_behind_the_head_of_a_proxy_is_not_taken(
    lane: Lane, tls_server: Server, proxy: Proxy, tls: TLS, extra: bytes
) -> None:
    """No server has spoken yet: it is neither TLS nor a response."""
    proxy.prefix = b"HTTP/1.1 200 OK\r\n\r\n" + extra
    client = lane.client(tls_server.url, proxy=proxy.url, tls=tls, timeout=10)
    with pytest.raises(ConnectError) as error:
        await client.get("/echo")
    assert error.value.sent == "no"
    assert tls_server.log == []


@pytest.mark.parametrize("drip", ["head", "interim"])
async def test_a_proxy_that_drips_is_given_up_in_time(
    lane: Lane, tls_server: Server, proxy: Proxy, tls: TLS, drip: str
) -> None:
    """The time to connect is for all of it, however often something comes."""
    pieces = [b"HTTP/1.1 200 OK\r\n"] + [b"X-A: 1\r\n"] * 99
    if drip == "interim":
        pieces = [b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 99
    proxy.script = [step for piece in pieces for step in (piece, 0.1)]
    timeout = Timeout(total=30, connect=0.6)
    client = lane.client(tls_server.url, proxy=proxy.url, tls=tls, timeout=timeout)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises((ConnectTimeout, ProxyError)) as error:
        await client.get("/echo")
    assert error.value.sent == "no"
    assert loop.time() - begun < 0.6 + LATE
    if drip == "head":
        assert isinstance(error.value, ConnectTimeout)


@pytest.mark.parametrize("script", [[], [b"\x15\x03\x03\x00\x02\x02\x28"], [HANG]])
async def test_a_proxy_that_breaks_its_handshake(
    lane: Lane, server: Server, tls: TLS, script: list[bytes | str]
) -> None:
    """A proxy that is said to speak TLS and does not has read nothing."""
    with Proxy(script=script) as plain:
        timeout = Timeout(total=20, connect=0.5)
        client = lane.client(server.url, proxy=plain.at("https"), tls=tls, timeout=timeout)
        with pytest.raises(FrameworkException) as error:
            await client.get("/echo")
        assert isinstance(error.value, ConnectError | ConnectTimeout)
        assert error.value.sent == "no"
        assert b"GET" not in b"".join(read.head for read in plain.log)
