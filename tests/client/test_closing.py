"""The end of a client: `close`, context managers, and what is said afterwards."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from arya_api_framework import SubClient
from arya_api_framework.errors import ClientClosedError
from tests.app import Server
from tests.conftest import Kind

CALLS: dict[str, Callable[[Any], Awaitable[object]]] = {
    "get": lambda client: client.get("/echo"),
    "post": lambda client: client.post("/echo", body={"a": 1}),
    "request": lambda client: client.request("PUT", "/echo"),
    "head": lambda client: client.head("/echo"),
    "upload_file": lambda client: client.upload_file(b"x", "/echo"),
    "stream_file": lambda client: client.stream_file(b"x", "/echo"),
    "raw": lambda client: client.get("/echo", raw=True),
    "sub-client": lambda client: client.pets.get("/echo"),
}


def make(kind: Kind, server: Server, **namespace: Any) -> Any:
    """Make a client with a sub-client."""
    cls: Any = type("Client", (kind.base,), {"pets": SubClient(), **namespace})
    return kind.wrap(cls(server.url))


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_on_a_closed_client_is_an_error(
    kind: Kind, server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It says what to do, is logged as a warning, and sends nothing."""
    client = make(kind, server)
    pets = client.pets
    await client.get("/echo")
    await client.close()
    server.log.clear()
    with caplog.at_level(logging.WARNING), pytest.raises(ClientClosedError) as error:
        await CALLS[name](client if name != "sub-client" else _Holder(pets))
    assert "Client, is closed; make a new one" in str(error.value)
    assert isinstance(error.value, RuntimeError)
    assert error.value.sent == "no"
    assert server.log == []
    records = [(one.name, one.levelname) for one in caplog.records]
    assert records == [(f"arya_api_framework.{kind.base.__name__}", "WARNING")]


class _Holder:
    """A client that still has the sub-client it lost."""

    def __init__(self, pets: Any) -> None:
        self.pets = pets


async def test_building_and_sending_need_an_open_client(kind: Kind, server: Server) -> None:
    """`build` and `send` are calls like the others."""
    client = kind.client(server.url)
    request = client.build("GET", "/echo")
    await client.close()
    with pytest.raises(ClientClosedError):
        client.build("GET", "/echo")
    with pytest.raises(ClientClosedError):
        await client.send(request)
    assert server.log == []


async def test_closing_twice_is_closing_once(kind: Kind, server: Server) -> None:
    """Closing is idempotent, at once too, and before the first call."""
    client = kind.client(server.url)
    assert not client.closed
    await client.get("/echo")
    await asyncio.gather(*(client.close() for _ in range(8)))
    await client.close()
    assert client.closed
    assert "closed" in repr(client.target)
    unused = kind.client(server.url)
    await unused.close()
    await unused.close()
    assert unused.closed


async def test_a_context_manager_closes(kind: Kind, server: Server) -> None:
    """The block gives the client itself and closes it at its end, in an error too."""
    client = kind.client(server.url)
    async with client as entered:
        assert entered is client
        await client.get("/echo")
    assert client.closed
    failing = kind.client(server.url)
    with pytest.raises(LookupError, match="mine"):
        async with failing:
            raise LookupError("mine")
    assert failing.closed


async def test_closing_ends_the_connections(kind: Kind, server: Server) -> None:
    """A client that is made anew after a close has a connection of its own."""
    for _ in range(2):
        async with kind.client(server.url) as client:
            await client.get("/echo")
            await client.get("/echo")
    ports = [received.connection for received in server.log]
    assert ports[0] == ports[1] != ports[2] == ports[3]


async def test_closing_tells_the_sub_clients(kind: Kind, server: Server) -> None:
    """`on_unloaded` runs once, before the client is closed."""
    seen: list[Any] = []

    class Pets(SubClient):
        def on_unloaded(self) -> None:
            seen.append(self.root.closed)

    client = make(kind, server, pets=Pets())
    await client.close()
    await client.close()
    assert seen == [False]


async def test_a_hook_that_fails_hinders_nothing(
    kind: Kind, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """What `on_unloaded` raises is logged; the client and its connections are closed."""

    class Pets(SubClient):
        def on_unloaded(self) -> None:
            raise LookupError("mine")

    client = make(kind, server, pets=Pets())
    await client.get("/echo")
    with caplog.at_level(logging.WARNING):
        await client.close()
    assert client.closed
    assert "LookupError: mine" in caplog.text
    with pytest.raises(ClientClosedError):
        await client.get("/echo")


async def test_a_closed_client_cannot_be_entered(kind: Kind, server: Server) -> None:
    """A `with` that could do nothing says so at once."""
    client = make(kind, server)
    await client.close()
    with pytest.raises(ClientClosedError, match="make a new one"):
        async with client:
            pass
