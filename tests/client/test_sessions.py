"""Sessions of the user's: brought with `session=`, or made by a `session_factory=`."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
from requests.adapters import HTTPAdapter

from arya_api_framework import TLS, AsyncClient, SyncClient
from arya_api_framework.errors import ConfigurationError, FrameworkException
from tests.app import Server
from tests.conftest import Kind

SECRETS: dict[str, Any] = {
    "headers": {"X-Session": "hunter2", "Accept": "hunter2/*"},
    "cookies": {"s": "hunter2"},
    "auth": ("user", "hunter2"),
    "params": {"key": "hunter2"},
}


def is_closed(session: Any) -> bool:
    """Tell whether the connections of a session are closed."""
    if isinstance(session, aiohttp.ClientSession):
        return session.closed
    pools = session.get_adapter("http://x").poolmanager.pools
    return len(pools) == 0


async def make_session(kind: Kind) -> Any:
    """Make a session that has something of everything that is ours to send."""
    if kind.is_async:
        options = {name: SECRETS[name] for name in ("headers", "cookies")}
        with pytest.warns(DeprecationWarning, match="auth"):
            return aiohttp.ClientSession(**options, auth=aiohttp.BasicAuth(*SECRETS["auth"]))
    session = requests.Session()
    session.headers.update(SECRETS["headers"])
    session.cookies.update(SECRETS["cookies"])
    session.auth, session.params = SECRETS["auth"], SECRETS["params"]
    return session


@pytest.fixture
async def session(kind: Kind) -> AsyncIterator[Any]:
    """A session of the user's, closed after the client."""
    made = await make_session(kind)
    yield made
    closing = made.close()
    if kind.is_async:
        await closing


class Counting:
    """A factory that notes what it was called with and what it made."""

    def __init__(self, kind: Kind, **changes: Any) -> None:
        self.kind = kind
        self.changes = changes
        self.calls: list[dict[str, Any]] = []
        self.made: list[Any] = []

    def __call__(self, **options: Any) -> Any:
        """Make a session."""
        self.calls.append(options)
        cls = aiohttp.ClientSession if self.kind.is_async else requests.Session
        self.made.append(cls(**{**options, **self.changes}))
        return self.made[-1]


async def test_a_brought_session_sends_and_stays_open(
    kind: Kind, session: Any, server: Server
) -> None:
    """Its connections are used by every client it is given to, and are not closed."""
    async with kind.client(server.url, session=session) as client:
        await client.get("/echo")
    assert not is_closed(session)
    async with kind.client(server.url, session=session) as client:
        await client.get("/echo")
        assert client.target.session is session
    assert not is_closed(session)
    assert server.log[0].connection == server.log[1].connection


async def test_nothing_of_a_brought_session_is_sent(
    kind: Kind, session: Any, server: Server
) -> None:
    """Headers, cookies, parameters and auth are the client's alone."""
    client = kind.client(server.url, session=session, headers={"X-Client": "1"}, cookies={"c": 1})
    await client.get("/set-cookie?from=server")
    await client.get("/echo", parameters={"a": 1})
    received = server.log[-1]
    assert "hunter2" not in str(received)
    assert received.headers["Cookie"] == "c=1"
    assert (received.headers["X-Client"], received.query) == ("1", [("a", "1")])
    assert set(received.headers) == {
        *("Host", "Accept", "Accept-Encoding", "User-Agent", "X-Client", "Cookie")
    }


async def test_a_brought_session_decides_no_rules(kind: Kind, session: Any, server: Server) -> None:
    """Redirects, errors, decoding and the environment stay ours."""
    client = kind.client(server.url, session=session)
    assert (await client.get("/gzip"))["method"] == "GET"
    with pytest.raises(FrameworkException, match="redirects"):
        await client.get("/redirect/5", max_redirects=2)
    answer = await client.get("/redirect/1", raw=True)
    assert [one.status for one in answer.history] == [302]
    with pytest.raises(FrameworkException, match="404"):
        await client.get("/status/404")


@pytest.mark.parametrize("wrong", ["x", 5, object(), requests.Session, aiohttp.ClientSession])
async def test_what_is_no_session_is_refused_at_construction(kind: Kind, wrong: Any) -> None:
    """The client is not made, and the text says what it needs."""
    expected = "aiohttp.ClientSession" if kind.is_async else "requests.Session"
    with pytest.raises(ConfigurationError, match=f"must be an? {expected}"):
        kind.base("https://api.test", session=wrong)
    cls: Any = type("Client", (kind.base,), {}, uri="https://api.test", session=wrong)
    with pytest.raises(ConfigurationError):
        cls()


async def test_the_session_of_the_other_kind_is_refused(kind: Kind) -> None:
    """A requests session does not serve an async client, nor the other way round."""
    async with aiohttp.ClientSession() as of_aiohttp:
        other = requests.Session() if kind.is_async else of_aiohttp
        with pytest.raises(ConfigurationError, match="session"):
            kind.base("https://api.test", session=other)


async def test_a_brought_session_serves_every_instance_of_a_class(
    kind: Kind, session: Any, server: Server
) -> None:
    """Given as a class keyword it is shared, and closing one instance hinders no other."""
    cls: Any = type("Client", (kind.base,), {}, uri=server.url, session=session)
    one, other = kind.wrap(cls()), kind.wrap(cls())
    await one.get("/echo")
    await one.close()
    await other.get("/echo")
    assert server.log[0].connection == server.log[1].connection


async def test_a_copy_of_a_client_with_a_session_uses_it_too(
    kind: Kind, session: Any, server: Server
) -> None:
    """Closing copy and original leaves the session open."""
    client = kind.client(server.url, session=session)
    copy = client.with_options(timeout=5)
    await copy.get("/echo")
    await copy.close()
    await client.close()
    assert not is_closed(session)


async def test_a_factory_is_called_once_for_a_client(kind: Kind, server: Server) -> None:
    """At the first call, with what we would have used; copies and later calls share the session."""
    factory = Counting(kind)
    client = kind.client(server.url, session_factory=factory)
    copy = client.with_options(timeout=5)
    assert factory.calls == []
    await asyncio.gather(*(one.get("/echo") for one in (client, copy) * 4))
    assert len(factory.calls) == 1
    assert client.target.session is copy.target.session is factory.made[0]
    if kind.is_async:
        options = factory.calls[0]
        assert options["trust_env"] is False
        assert isinstance(options["connector"], aiohttp.TCPConnector)
        assert isinstance(options["cookie_jar"], aiohttp.DummyCookieJar)


async def test_each_client_has_a_session_of_its_own_from_a_factory(
    kind: Kind, server: Server
) -> None:
    """A factory given as a class keyword makes one for each instance, and we close them."""
    factory = Counting(kind)
    cls: Any = type("Client", (kind.base,), {}, uri=server.url, session_factory=factory)
    one, other = kind.wrap(cls()), kind.wrap(cls())
    await one.get("/echo")
    await other.get("/echo")
    assert len(factory.made) == 2
    await one.close()
    assert [is_closed(made) for made in factory.made] == [True, False]
    await other.get("/echo")
    assert server.log[1].connection == server.log[2].connection


async def test_a_client_that_never_calls_needs_no_session(kind: Kind) -> None:
    """Closing at once makes none."""
    factory = Counting(kind)
    await kind.client("https://api.test", session_factory=factory).close()
    assert factory.calls == []


async def test_a_factory_that_makes_no_session_is_a_configuration_error(
    kind: Kind, server: Server
) -> None:
    """The first call says so; nothing is sent."""
    client = kind.client(server.url, session_factory=lambda **_: None)
    with pytest.raises(ConfigurationError, match=r"must return .* got NoneType"):
        await client.get("/echo")
    assert server.log == []


async def test_what_a_factory_raises_comes_out_as_it_is(kind: Kind, server: Server) -> None:
    """An error of the user's is the user's."""

    def fail(**_: Any) -> Any:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await kind.client(server.url, session_factory=fail).get("/echo")


async def test_tls_counts_with_a_factory(kind: Kind, tls_server: Server, ca_pem: Path) -> None:
    """The session that a factory makes is secured as the client was told."""
    factory = Counting(kind)
    client = kind.client(tls_server.url, session_factory=factory, tls=TLS(ca=ca_pem))
    assert (await client.get("/echo"))["method"] == "GET"
    assert len(factory.calls) == 1


def test_tls_that_a_factory_keeps_out_is_told(tls_server: Server, ca_pem: Path) -> None:
    """Where the adapter of a factory makes the TLS, `tls` would be ignored, and is refused."""

    class Adapter(HTTPAdapter):
        """An adapter of the user's."""

    def factory() -> requests.Session:
        session = requests.Session()
        session.mount("https://", Adapter())
        return session

    client = SyncClient(tls_server.url, session_factory=factory, tls=TLS(ca=ca_pem))
    with pytest.raises(ConfigurationError, match="session_factory mounted for https"):
        client.get("/echo")
    assert tls_server.log == []


def test_hooks_and_adapters_of_a_brought_session_count(server: Server) -> None:
    """What a user mounted on a requests session, and hooked into it, is asked."""
    seen: list[Any] = []

    class Adapter(HTTPAdapter):
        def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
            seen.append(request.url)
            return super().send(request, *args, **options)

    with requests.Session() as session:
        session.mount(server.url, Adapter())
        session.hooks["response"].append(lambda answer, **_: seen.append(answer.status_code))
        with SyncClient(server.url, session=session) as client:
            assert client.get("/echo", parameters={"a": 1})["query"] == [["a", "1"]]
            session.hooks["response"].clear()
            client.get("/echo")
    assert seen == [f"{server.url}/echo?a=1", 200, f"{server.url}/echo"]


def test_verify_and_cert_of_a_brought_session_count(tls_server: Server, ca_pem: Path) -> None:
    """Whom a requests session trusts is its own affair, also when that changes."""
    with requests.Session() as session, SyncClient(tls_server.url, session=session) as client:
        with pytest.raises(FrameworkException, match="certificate"):
            client.get("/echo")
        session.verify = str(ca_pem)
        assert client.get("/echo")["method"] == "GET"


def test_proxies_of_a_brought_session_count(server: Server) -> None:
    """A proxy that a requests session names is used: it reads the whole URL."""
    with requests.Session() as session:
        session.proxies = {"http": server.url}
        client = SyncClient("http://api.test/base", session=session)
        with client, pytest.raises(FrameworkException, match="404"):
            client.get("/x")
    assert server.log[0].target == "http://api.test/base/x"


async def test_connector_and_traces_of_a_brought_session_count(server: Server) -> None:
    """The connections and trace configs of an aiohttp session are used."""
    seen: list[str] = []
    trace = aiohttp.TraceConfig()

    async def on_start(session: Any, context: Any, params: Any) -> None:
        seen.append(str(params.url))

    trace.on_request_start.append(on_start)
    connector = aiohttp.TCPConnector(limit=1, force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector, trace_configs=[trace]) as session,
        AsyncClient(server.url, session=session) as client,
    ):
        await client.get("/echo", parameters={"a": 1})
        await client.get("/echo")
    assert seen == [f"{server.url}/echo?a=1", f"{server.url}/echo"]
    assert server.log[0].connection != server.log[1].connection


async def test_a_session_of_a_client_is_at_hand(kind: Kind, server: Server) -> None:
    """`session` is the library's own, made when it is first asked for, and read-only."""
    client = kind.client(server.url)
    cls = aiohttp.ClientSession if kind.is_async else requests.Session
    session = client.target.session
    assert isinstance(session, cls)
    await client.get("/echo")
    assert client.target.session is session
    with pytest.raises(AttributeError):
        client.session = None


def test_the_session_of_an_async_client_is_that_of_a_loop() -> None:
    """Where no event loop runs, there is none to give."""
    with pytest.raises(ConfigurationError, match="in a coroutine"):
        AsyncClient("https://h.test").session  # noqa: B018


async def test_fields_of_aiohttps_own_response(server: Server) -> None:
    """They are the multidict that aiohttp gives, for traces and for who asks `native`."""
    async with AsyncClient(server.url) as client:
        raw = await client.get("/set-cookie?a=1&b=2", raw=True)
    found, fields = raw.native.headers, raw.headers
    assert "content-type" in found
    assert found["Content-Type"] == found.getone("content-type") == found.get("Content-Type")
    assert (
        found.getall("Set-Cookie") == fields.getall("Set-Cookie") == ["a=1; Path=/", "b=2; Path=/"]
    )
    assert found.getall("X-Nothing", ["none"]) == ["none"]
    assert (len(found), list(found)) == (len(fields), list(fields))
    assert list(found.items()) == list(fields.items())
    assert list(found.values()) == list(fields.values())
    assert found.copy() == fields.copy()
    assert repr(found) == repr(fields)
    assert raw.native.cookies["a"].value == "1"


async def test_our_sessions_keep_no_cookies_of_addresses_and_read_no_environment(
    kind: Kind, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an address sets is not sent back; an environment that is not trusted moves no call."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    client = kind.client(server.url, trust_env=False)
    raw = await client.get("/set-cookie?a=1", raw=True)
    assert raw.cookies["a"].value == "1"
    assert (await client.get("/echo"))["cookies"] == {}


def test_a_requests_session_of_ours_keeps_no_cookies(server: Server) -> None:
    """Not where an adapter of the session would put them, either."""
    with SyncClient(server.url, session_factory=None) as client:
        requests_session = client.session
        client.get("/set-cookie?a=1")
        requests_session.get(f"{server.url}/set-cookie?a=1")
        assert len(requests_session.cookies) == 0
        assert requests_session.trust_env is False


def test_adapters_that_a_factory_left_as_they_are_get_our_pool(server: Server) -> None:
    """The limit of a pool holds there too; an adapter of the user's stays."""
    own = HTTPAdapter(pool_maxsize=3)

    def factory() -> requests.Session:
        session = requests.Session()
        session.mount("https://", own)
        return session

    with SyncClient(server.url, session_factory=factory) as client:
        adapter: Any = client.session.adapters["http://"]
        assert (adapter._pool_maxsize, adapter._pool_block) == (100, True)
        assert client.session.adapters["https://"] is own
        assert client.get("/echo")["method"] == "GET"
