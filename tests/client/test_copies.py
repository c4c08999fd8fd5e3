"""`with_options`: what a copy shares with its original, and what it never does."""

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from arya_api_framework import TLS, AsyncClient, Pool, SubClient, SyncClient
from arya_api_framework.errors import (
    AsyncClientError,
    ClientClosedError,
    HTTPNotFound,
    SyncClientError,
)
from tests.app import Server
from tests.conftest import Kind

URI = "https://api.test/v1"
SECRETS = ("X-Key", "Cookie", "Authorization")

each_base = pytest.mark.parametrize("base", [SyncClient, AsyncClient])


def full(base: type[Any], uri: str = URI, **options: Any) -> Any:
    """Make a client that has something of everything."""
    return base(
        uri,
        headers={"X-Key": "hunter2", "Accept": "text/csv"},
        cookies={"s": "hunter2"},
        parameters={"key": "hunter2"},
        bearer_token="hunter2",
        error_responses={404: HTTPNotFound},
        rate_limit=100,
        **options,
    )


@each_base
def test_a_copy_is_changed_and_the_original_is_not(base: type[Any]) -> None:
    """Options are laid over what the original is now, written values included."""
    original = full(base)
    original.headers["X-Written"] = "1"
    copy = original.with_options(
        headers={"x-key": None, "X-New": "2"},
        cookies={"t": "3"},
        parameters={"key": None},
        error_responses={404: None},
        timeout=5,
    )
    assert type(copy) is type(original)
    assert copy.headers == {"Accept": "text/csv", "X-Written": "1", "X-New": "2"}
    assert copy.cookies == {"s": "hunter2", "t": "3"}
    assert (copy.parameters, copy.error_responses) == ({}, {})
    assert copy.bearer_token == SecretStr("hunter2")
    assert copy.config.timeout.total == 5
    assert original.headers == {"X-Key": "hunter2", "Accept": "text/csv", "X-Written": "1"}
    assert original.parameters == {"key": "hunter2"}
    assert original.error_responses == {404: HTTPNotFound}
    assert original.config.timeout.total == 300


@each_base
def test_writes_reach_neither_from_the_other(base: type[Any]) -> None:
    """After the copy was made, what is written to either stays there."""
    original = base(URI)
    copy = original.with_options()
    original.headers["A"] = "original"
    copy.headers["B"] = "copy"
    original.bearer_token = "original"
    assert (original.headers, copy.headers) == ({"A": "original"}, {"B": "copy"})
    assert copy.bearer_token is None


@each_base
def test_attributes_of_the_users_are_there_in_a_copy(base: type[Any]) -> None:
    """What `__post_init__` or `__init__` made is at hand in a copy, which runs neither again."""
    made: list[Any] = []

    def post_init(self: Any, tenant: str) -> None:
        made.append(tenant)
        self.tenant = tenant

    cls: Any = type("Client", (base,), {"__post_init__": post_init}, uri=URI)
    assert cls(tenant="acme").with_options(timeout=5).with_options(timeout=6).tenant == "acme"
    assert made == ["acme"]


@each_base
def test_a_copy_has_copies_of_the_sub_clients(base: type[Any]) -> None:
    """Sub-clients of a copy, declared or added, send through the copy."""
    cls: Any = type("Client", (base,), {"pets": SubClient()}, uri=URI)
    original = cls()
    original.add_subclient(type("Extra", (SubClient,), {}, name="extra")())
    copy = original.with_options(timeout=5)
    assert list(copy.subclients) == list(original.subclients) == ["pets", "extra"]
    for name in ("pets", "extra"):
        assert getattr(copy, name) is not getattr(original, name)
        assert getattr(copy, name).root is copy
        assert getattr(original, name).root is original
    copy.remove_subclient("extra")
    assert "extra" in original.subclients


async def test_a_copy_shares_connections(kind: Kind, server: Server) -> None:
    """Original, copy and copy of a copy talk over one connection, whichever calls first."""
    original = kind.client(server.url)
    copy = original.with_options(headers={"X-Copy": "1"})
    await copy.get("/echo")
    await original.get("/echo")
    await copy.with_options(headers={"X-Copy": "2"}).get("/echo")
    assert len({received.connection for received in server.log}) == 1
    assert [received.headers.get("X-Copy") for received in server.log] == ["1", None, "2"]


@each_base
def test_a_copy_shares_the_rate_limit_unless_it_is_given_one(base: type[Any]) -> None:
    """One limit holds for a client and its copies together."""
    original = base(URI, rate_limit=1, rate_limit_interval=60)
    shared = original.with_options(timeout=5).with_options(headers={"A": "1"})
    own = original.with_options(rate_limit=1)
    other = original.with_options(rate_limit_interval=61)
    none = original.with_options(rate_limit=None)
    elsewhere = original.with_options(uri="https://other.test")
    assert original._limiter.try_acquire()
    assert not shared._limiter.try_acquire()
    assert own._limiter.try_acquire()
    assert other._limiter.try_acquire()
    assert elsewhere._limiter.try_acquire()
    assert not none.rate_limited
    assert (elsewhere.rate_limit, elsewhere.rate_limit_interval) == (1, 60)


@each_base
@pytest.mark.parametrize(
    "uri",
    [
        "https://other.test/v1",
        "http://api.test/v1",
        "https://api.test:8443/v1",
        "https://a.api.test",
    ],
)
def test_credentials_do_not_go_to_another_origin(base: type[Any], uri: str) -> None:
    """A copy for another scheme, host or port carries nothing that may be a credential."""
    copy = full(base).with_options(uri=uri)
    request = copy.build("GET", "/x")
    assert not set(SECRETS) & request.headers.keys()
    assert "?" not in request.target
    assert copy.bearer_token is None
    assert (copy.headers, copy.cookies, copy.parameters) == ({"Accept": "text/csv"}, {}, {})
    assert copy.error_responses == {404: HTTPNotFound}
    assert "hunter2" not in repr(vars(copy))


@each_base
def test_credentials_that_are_given_again_go(base: type[Any]) -> None:
    """What is given with the other `uri` is meant for it, and only that."""
    copy = full(base).with_options(
        uri="https://other.test", bearer_token="other", headers={"X-Other": "1"}, cookies={"o": "1"}
    )
    assert copy.bearer_token == SecretStr("other")
    assert copy.headers == {"Accept": "text/csv", "X-Other": "1"}
    assert copy.cookies == {"o": "1"}


@each_base
def test_trusted_origins_keep_the_credentials(base: type[Any]) -> None:
    """An origin in `trusted_origins`, of the original or given along, gets everything."""
    trusted = full(base, trusted_origins=["https://other.test"]).with_options(
        uri="https://other.test/v2"
    )
    along = full(base).with_options(
        uri="https://other.test", trusted_origins=["https://OTHER.test:443"]
    )
    for copy in (trusted, along):
        assert copy.build("GET", "/x").headers["Authorization"] == "Bearer hunter2"
        assert copy.cookies == {"s": "hunter2"}


@each_base
def test_another_path_of_the_same_origin_keeps_the_credentials(base: type[Any]) -> None:
    """The origin decides, however it is written."""
    original = full(base)
    copy = original.with_options(uri="HTTPS://API.test:443/v2")
    assert copy.build("GET", "/x").url == "https://api.test/v2/x?key=hunter2"
    assert copy.bearer_token == SecretStr("hunter2")
    assert copy._limiter is original._limiter


@each_base
def test_credentials_do_not_come_back(base: type[Any]) -> None:
    """A copy of a copy that went elsewhere has nothing to bring home."""
    copy = full(base).with_options(uri="https://other.test").with_options(uri=URI)
    assert not set(SECRETS) & copy.build("GET", "/x").headers.keys()


async def test_no_secret_reaches_another_server(kind: Kind, server: Server) -> None:
    """The other server reads none of them."""
    original = kind.wrap(full(kind.base, server.url))
    await original.get("/echo")
    copy = original.with_options(uri=server.at("localhost"))
    await copy.get("/echo")
    first, second = server.log
    assert set(SECRETS) <= first.headers.keys()
    assert "hunter2" not in str(second)


@pytest.mark.parametrize(
    ("base", "error"), [(SyncClient, SyncClientError), (AsyncClient, AsyncClientError)]
)
def test_a_copy_needs_an_absolute_uri_too(base: type[Any], error: type[Exception]) -> None:
    """A relative `uri` is refused as at construction; `None` leaves it as it is."""
    with pytest.raises(error, match="absolute `uri`"):
        base(URI).with_options(uri="/v2")
    assert str(base(URI).with_options(uri=None).uri) == URI


async def test_a_copy_may_have_connections_of_its_own(kind: Kind, server: Server) -> None:
    """A copy that is given what connections are made of shares none, and closes its own."""
    original = kind.client(server.url)
    copy = original.with_options(session_factory=None)
    await original.get("/echo")
    await copy.get("/echo")
    assert len({received.connection for received in server.log}) == 2
    await copy.close()
    await original.get("/echo")
    assert server.log[2].connection == server.log[0].connection


def test_a_copy_may_load_more_extensions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given is loaded into the copy, what the original has is not set up again."""
    (tmp_path / "copied_extension.py").write_text("def setup(client): client.seen = id(client)")
    monkeypatch.syspath_prepend(tmp_path)
    original: Any = SyncClient(URI)
    copy: Any = original.with_options(extensions=["copied_extension"])
    again: Any = copy.with_options(timeout=5)
    assert copy.seen == again.seen == id(copy)
    assert list(copy.extensions) == list(again.extensions) == ["copied_extension"]
    assert not original.extensions


async def test_closing_a_copy_leaves_the_others_open(kind: Kind, server: Server) -> None:
    """A closed copy is closed alone; original and other copies go on over the same connection."""
    original = kind.client(server.url)
    copy = original.with_options(timeout=5)
    of_copy = copy.with_options(timeout=6)
    await copy.get("/echo")
    await copy.close()
    assert (original.closed, copy.closed, of_copy.closed) == (False, True, False)
    with pytest.raises(ClientClosedError):
        await copy.get("/echo")
    await original.get("/echo")
    await of_copy.get("/echo")
    assert len({received.connection for received in server.log}) == 1


async def test_closing_the_original_closes_its_copies(kind: Kind, server: Server) -> None:
    """The connections are the original's, so nothing goes on without it."""
    original = kind.client(server.url)
    copy = original.with_options(timeout=5)
    of_copy = copy.with_options(timeout=6)
    await of_copy.get("/echo")
    await original.close()
    for client in (original, copy, of_copy):
        assert client.closed
        with pytest.raises(ClientClosedError):
            await client.get("/echo")
    await copy.close()
    assert len(server.log) == 1


async def test_closing_the_original_ends_connections_of_its_copies(kind: Kind) -> None:
    """A copy that has connections of its own keeps none of them when the original is closed."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        if not await reader.read():
            ended.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        original = kind.client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        copy = original.with_options(timeout=5).with_options(pool=Pool(total=3))
        assert await copy.get("/") == {}
        assert not ended.is_set()
        await original.close()
        await asyncio.wait_for(ended.wait(), 5)
    assert copy.closed


async def test_no_copy_of_a_closed_client_is_made(kind: Kind) -> None:
    """A copy that could never send is refused like a call."""
    original = kind.client(URI)
    copy = original.with_options()
    await copy.close()
    with pytest.raises(ClientClosedError):
        copy.with_options()
    await original.close()
    with pytest.raises(ClientClosedError):
        original.with_options()


@each_base
def test_a_chain_of_copies_is_no_burden(base: type[Any]) -> None:
    """Replacing a client by its copy again and again keeps none of the links alive."""
    client = original = base(URI)
    links = []
    for number in range(2000):
        client = client.with_options(timeout=number + 1)
        links.append(weakref.ref(client))
    gc.collect()
    assert sum(link() is not None for link in links) == 1
    assert not client.closed
    assert client.config.timeout.total == 2000
    assert original.config.timeout.total == 300


async def test_a_copy_is_a_context_manager_of_its_own(kind: Kind, server: Server) -> None:
    """Leaving the block of a copy closes the copy only."""
    original = kind.client(server.url)
    async with original.with_options(timeout=5) as copy:
        await copy.get("/echo")
    assert copy.closed
    assert not original.closed


async def test_copy_of_a_copy_with_connections_of_its_own(kind: Kind, server: Server) -> None:
    """Closing the one whose connections it uses closes a copy, and so does closing the first."""
    client = kind.client(server.url)
    own = client.with_options(tls=TLS())
    copy = own.with_options(timeout=5)
    assert (await copy.get("/echo"))["method"] == "GET"
    await own.close()
    assert copy.closed
    assert not client.closed
    with pytest.raises(ClientClosedError, match="make a new one"):
        await copy.get("/echo")
    again = client.with_options(tls=TLS()).with_options(timeout=5)
    await client.close()
    assert again.closed
