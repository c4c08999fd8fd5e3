"""The two ways of the sync client to a socket: which is taken when, and that both do the same."""

import asyncio
import functools
import socket
from collections.abc import Callable
from typing import Any, cast

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import connection, connectionpool
from urllib3.util import Retry

from arya_api_framework import AsyncClient, SyncClient
from arya_api_framework.errors import ProxyError
from tests.client.conftest import hooked_session
from tests.conftest import needs_fork
from tests.faults import Faults, listener
from tests.forks import in_child


def is_fast(client: SyncClient, path: str = "/ok") -> bool:
    """Return whether a call took the fast lane: it has no urllib3 response to show."""
    return client.get(path, raw=True).native.raw is None


def session_with(**attributes: Any) -> Callable[..., requests.Session]:
    """Return a session factory that sets attributes."""

    def make(**_: Any) -> requests.Session:
        session = requests.Session()
        vars(session).update(attributes)
        return session

    return make


class OwnAdapter(HTTPAdapter):
    """An adapter of the user's, which counts."""

    sent = 0

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        """Count and send."""
        self.sent += 1
        return super().send(*arguments, **options)


class OwnSession(requests.Session):
    """A session of the user's, which counts."""

    sent = 0

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        """Count and send."""
        self.sent += 1
        return super().send(*arguments, **options)


# Which lane


def test_stock(faults: Faults) -> None:
    """With nothing in between the fast lane is taken, on a brought session too."""
    with SyncClient(faults.url) as client:
        assert is_fast(client)
    with SyncClient(faults.url, session_factory=lambda **_: requests.Session()) as client:
        assert is_fast(client)
    with requests.Session() as session:
        assert is_fast(SyncClient(faults.url, session=session))


def test_session_of_ones_own(faults: Faults) -> None:
    """A session that sends in its own way is let to."""
    session = OwnSession()
    client = SyncClient(faults.url, session=session)
    assert not is_fast(client)
    assert session.sent == 1
    session.close()


@pytest.mark.parametrize("prefix", ["http://", "http://127.0.0.1", "HTTP://127."])
def test_adapter_of_ones_own(faults: Faults, prefix: str) -> None:
    """An adapter of the user's is used, whichever part of the URL it is mounted for."""
    adapter = OwnAdapter()
    with requests.Session() as session:
        session.mount(prefix, adapter)
        assert not is_fast(SyncClient(faults.url, session=session))
        assert adapter.sent == 1


def test_adapter_for_a_path(faults: Faults) -> None:
    """An adapter for some paths is used for them, and the others keep theirs."""
    adapter = OwnAdapter()
    with requests.Session() as session:
        session.mount(f"{faults.url}/hi", adapter)
        client = SyncClient(faults.url, session=session)
        client.get("/ok")
        assert adapter.sent == 0
        client.get("/hints")
        assert adapter.sent == 1


def test_adapter_that_retries(faults: Faults) -> None:
    """An adapter that is told to retry does so."""
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(2, backoff_factor=0)))
        client = SyncClient(faults.url, session=session)
        assert not is_fast(client)
        with listener(backlog=None) as url, pytest.raises(Exception, match="no connection"):
            SyncClient(url, session=session).get("/")


def test_changes_are_seen(faults: Faults) -> None:
    """What is put in the way later counts from the next call on, and so does taking it away."""
    with requests.Session() as session:
        client = SyncClient(faults.url, session=session)
        assert is_fast(client)
        session.hooks["response"].append(lambda response, **_: None)
        assert not is_fast(client)
        session.hooks["response"].clear()
        assert is_fast(client)
        stock = session.adapters["http://"]
        session.mount("http://", OwnAdapter())
        assert not is_fast(client)
        session.mount("http://", stock)
        assert is_fast(client)
        adapter: Any = stock
        adapter.send = functools.partial(HTTPAdapter.send, adapter)
        assert not is_fast(client)
        del adapter.send
        assert is_fast(client)
        own: Any = session
        own.send = functools.partial(requests.Session.send, session)
        assert not is_fast(client)
        del own.send
        session.proxies = {"https": "http://127.0.0.1:1"}
        assert not is_fast(client)
        session.proxies = {}
        assert is_fast(client)


class Proxy:
    """A wrapper that passes for what it wraps, as those of instrumentations do."""

    def __init__(self, wrapped: Any, calls: list[str]) -> None:
        self._wrapped = wrapped
        self._calls = calls

    def __get__(self, instance: Any, owner: Any) -> Any:
        return Proxy(self._wrapped.__get__(instance, owner), self._calls)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Note the call and make it."""
        self._calls.append(self._wrapped.__name__)
        return self._wrapped(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)


PATCHED = [
    (requests.Session, "send"),
    (requests.Session, "get_adapter"),
    (HTTPAdapter, "send"),
    (HTTPAdapter, "get_connection_with_tls_context"),
    (connectionpool.HTTPConnectionPool, "urlopen"),
    (connectionpool.HTTPConnectionPool, "_make_request"),
    (connectionpool.HTTPConnectionPool, "_get_conn"),
    (connection.HTTPConnection, "request"),
    (connection.HTTPConnection, "getresponse"),
]


@pytest.mark.parametrize("proxied", [True, False])
@pytest.mark.parametrize(("owner", "name"), PATCHED)
def test_patched_function(
    faults: Faults, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, proxied: bool
) -> None:
    """Whatever function is wrapped on the way, by whatever kind of wrapper, is called."""
    calls: list[str] = []
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        calls.append(name)
        return original(*arguments, **options)

    with SyncClient(faults.url) as client:
        assert is_fast(client)
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, Proxy(original, calls) if proxied else wrapper)
            assert client.get("/ok") == {"ok": True}
            assert calls == [name]
        assert is_fast(client)


def test_mock_without_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mock that is no function at all is called, before the first call of a client too."""
    answer = requests.Response()
    answer.status_code = 200
    answer._content = b'{"mocked":true}'
    monkeypatch.setattr(HTTPAdapter, "send", lambda *_, **__: answer)
    with SyncClient("http://127.0.0.1:1") as client:
        assert client.get("/") == {"mocked": True}


def test_missing_function(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a function that the fast lane knows is missing, the session sends."""
    answer = requests.Response()
    answer.status_code = 200
    answer._content = b'{"mocked":true}'
    with SyncClient(faults.url) as client:
        assert is_fast(client)
        monkeypatch.delattr(connectionpool.HTTPConnectionPool, "_make_request")
        monkeypatch.setattr(requests.Session, "send", lambda *_, **__: answer)
        assert client.get("/ok") == {"mocked": True}


def test_connection_of_ones_own(faults: Faults) -> None:
    """A connection of another class in the pool is left to requests."""

    class OwnConnection(connection.HTTPConnection):
        """A connection of the user's."""

    with requests.Session() as session:
        client = SyncClient(faults.url, session=session)
        assert is_fast(client)
        pool = pool_of(session, faults.url)
        assert pool.pool is not None
        while (kept := pool.pool.get()) is not None:
            kept.close()
        pool.pool.put(None)
        cast("Any", pool).ConnectionCls = OwnConnection
        assert not is_fast(client)
        assert not is_fast(client)
        assert faults.log[1].connection == faults.log[2].connection


def pool_of(session: requests.Session, url: str) -> connectionpool.HTTPConnectionPool:
    """Return the pool that a session uses for an origin."""
    adapter = session.get_adapter(url)
    assert isinstance(adapter, HTTPAdapter)
    request = requests.Request("GET", url).prepare()
    return adapter.get_connection_with_tls_context(request, session.verify)


def test_many_origins(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests closes pools when there are many; the client opens them again."""
    real = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        return real("127.0.0.1" if host.endswith(".test") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with SyncClient(faults.url, session_factory=lambda **_: requests.Session()) as client:
        for _ in range(2):
            for number in range(12):
                url = f"http://host{number}.test:{faults.port}/ok"
                assert client.get(url, foreign=True) == {"ok": True}
            assert is_fast(client)


# Proxies


def test_forward_proxy(faults: Faults) -> None:
    """A proxy of the session is asked with the absolute URL, byte for byte."""
    with SyncClient(
        "http://api.test", session_factory=session_with(proxies={"http": faults.url})
    ) as client:
        assert client.get("/ok?a=%7e") == {"ok": True}
        assert client.get("/hints") == {"ok": True}
    assert [read.target for read in faults.log] == [
        "http://api.test/ok?a=%7e",
        "http://api.test/hints",
    ]
    assert faults.log[0].fields["host"] == "api.test"
    assert faults.log[0].connection == faults.log[1].connection


@pytest.mark.parametrize("uri", ["http://api.test", "https://api.test"])
def test_proxy_that_is_not_there(uri: str) -> None:
    """A proxy that refuses is named as the one at fault."""
    with listener(backlog=None) as url:
        proxies = {"http": url, "https": url}
        with (
            SyncClient(uri, session_factory=session_with(proxies=proxies), timeout=5) as client,
            pytest.raises(ProxyError) as caught,
        ):
            client.get("/")
        assert caught.value.sent == "no"


# Processes


class _Other(BaseAdapter):
    """An adapter with nothing of urllib3."""

    def close(self) -> None:
        """Do nothing."""


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("kind", ["own", "factory", "session"])
def test_fork(faults: Faults, kind: str) -> None:
    """A forked child opens connections of its own, and the parent keeps its."""
    options: dict[str, dict[str, Any]] = {
        "own": {},
        "factory": {"session_factory": hooked_session},
        "session": {"session": requests.Session()},
    }
    if kind == "session":
        options[kind]["session"].mount("other://", _Other())
    with SyncClient(faults.url, **options[kind]) as client:
        client.get("/ok")

        def child() -> None:
            assert client.get("/ok") == {"ok": True}
            assert client.get("/ok") == {"ok": True}
            client.close()

        assert in_child(child) == ""
        client.get("/ok")
    parent, first, second, again = [read.connection for read in faults.log]
    assert first == second != parent == again


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
async def test_fork_with_a_loop(faults: Faults) -> None:
    """A forked child of an event loop runs one of its own, and the parent's goes on."""
    async with AsyncClient(faults.url) as client:
        await client.get("/ok")

        def child() -> None:
            async def call() -> None:
                assert await client.get("/ok") == {"ok": True}
                await client.close()

            asyncio.events._set_running_loop(None)
            asyncio.run(call())

        assert in_child(child) == ""
        await client.get("/ok")
    parent, other, again = [read.connection for read in faults.log]
    assert other != parent == again
