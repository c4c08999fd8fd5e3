"""`Dns`: how the clients find hosts, and for how long they remember."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme

from arya_api_framework import TLS, Dns, Pool
from arya_api_framework.errors import ConfigurationError, ConnectError, DNSError
from tests.app import Server
from tests.client.conftest import Lane

NAME = "api.example.test"


class Resolver:
    """Answers with what it was given, in turn, and notes what it was asked."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the next addresses, the last ones for ever."""
        self.asked.append((host, port))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


HERE = ["127.0.0.1"]
EACH = Pool(keepalive=0)
"""A connection for each request, so that each needs an address."""


async def test_a_resolver_of_the_users_is_asked(lane: Lane, server: Server) -> None:
    """It gets host and port; the request keeps the name."""
    resolver = Resolver(HERE)
    client = lane.client(server.at(NAME), dns=Dns(resolver=resolver))
    assert (await client.get("/echo"))["method"] == "GET"
    assert resolver.asked == [(NAME, server.port)]
    assert server.log[0].headers["Host"] == f"{NAME}:{server.port}"


async def test_a_coroutine_function_resolves_for_the_async_client(
    lane: Lane, server: Server
) -> None:
    """The synchronous client cannot wait for it, and says so."""

    async def resolve(host: str, port: int) -> list[str]:
        await asyncio.sleep(0)
        return HERE

    dns = Dns(resolver=resolve)
    if lane.is_async:
        assert (await lane.client(server.at(NAME), dns=dns).get("/echo"))["method"] == "GET"
    else:
        with pytest.raises(ConfigurationError, match="resolver"):
            await lane.client(server.at(NAME), dns=dns).get("/echo")


async def test_tls_keeps_the_name(lane: Lane, tmp_path: Path) -> None:
    """SNI and the certificate are those of the name, not of the address."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    with Server(tls=context) as server:
        tls = TLS(ca=tmp_path / "ca.pem")
        client = lane.client(server.at(NAME), tls=tls, dns=Dns(resolver=Resolver(HERE)))
        assert (await client.get("/echo"))["method"] == "GET"
    assert names == [NAME]


@pytest.mark.parametrize(
    ("ttl", "times"), [(60.0, 1), (None, 1), (0, 3)], ids=["a minute", "for ever", "never"]
)
async def test_an_answer_is_remembered_for_its_time(
    lane: Lane, server: Server, ttl: float | None, times: int
) -> None:
    """Within `ttl`, new connections ask nobody."""
    resolver = Resolver(HERE)
    client = lane.client(server.at(NAME), dns=Dns(ttl=ttl, resolver=resolver), pool=EACH)
    for _ in range(3):
        await client.get("/echo")
    assert len({received.connection for received in server.log}) == 3
    assert len(resolver.asked) == times


async def test_an_answer_is_forgotten_after_its_time(lane: Lane, server: Server) -> None:
    """Then it is asked for again."""
    resolver = Resolver(HERE)
    client = lane.client(server.at(NAME), dns=Dns(ttl=1, resolver=resolver), pool=EACH)
    for pause in (0.0, 1.5, 0.0):
        await asyncio.sleep(pause)
        await client.get("/echo")
    assert len(resolver.asked) == 2


async def test_calls_at_once_remember_too(lane: Lane, server: Server) -> None:
    """What was found for the first ones serves those that come after."""
    resolver = Resolver(HERE)
    client = lane.client(server.at(NAME), dns=Dns(ttl=60, resolver=resolver), pool=EACH)
    await client.get("/echo")
    await asyncio.gather(*(client.get("/echo") for _ in range(10)))
    assert len(resolver.asked) == 1


async def test_no_more_names_are_remembered_than_allowed(lane: Lane, server: Server) -> None:
    """Of two names in turn, with room for one, each is asked for again."""
    resolver = Resolver(HERE)
    other = server.at("other.example.test")
    client = lane.client(
        server.at(NAME),
        dns=Dns(ttl=60, max_size=1, resolver=resolver),
        pool=EACH,
        trusted_origins=[other],
    )
    for _ in range(2):
        await client.get("/echo")
        await client.get(f"{other}/echo")
    assert len(resolver.asked) == 4


@pytest.mark.parametrize(
    "answer",
    [
        socket.gaierror(socket.EAI_NONAME, "unknown"),
        socket.gaierror(socket.EAI_AGAIN, "later"),
        OSError("no network"),
        [],
        ["no address"],
        [""],
    ],
    ids=repr,
)
async def test_a_name_that_cannot_be_resolved_is_a_dns_error(
    lane: Lane, server: Server, answer: Any
) -> None:
    """Nothing was sent; and the failure is not remembered."""
    client = lane.client(server.at(NAME), dns=Dns(ttl=60, resolver=Resolver(answer, HERE)))
    with pytest.raises(DNSError, match=NAME) as error:
        await client.post("/echo", body={"a": 1})
    assert (error.value.sent, error.value.attempts) == ("no", 1)
    assert server.log == []
    assert (await client.get("/echo"))["method"] == "GET"


async def test_the_next_address_is_tried_where_one_is_dead(lane: Lane, server: Server) -> None:
    """The server is on one of several addresses only."""
    resolver = Resolver(["127.0.0.9", "127.0.0.8", "127.0.0.1"])
    client = lane.client(server.at(NAME), dns=Dns(resolver=resolver))
    assert (await client.get("/echo"))["method"] == "GET"
    assert len(server.log) == 1


async def test_addresses_that_are_all_dead_are_a_connect_error(lane: Lane, server: Server) -> None:
    """The name was resolved; nobody is there."""
    client = lane.client(server.at(NAME), dns=Dns(resolver=Resolver(["127.0.0.9", "127.0.0.8"])))
    with pytest.raises(ConnectError) as error:
        await client.get("/echo")
    assert not isinstance(error.value, DNSError)
    assert error.value.sent == "no"


async def test_an_address_needs_no_resolver(lane: Lane, server: Server) -> None:
    """A URL with an address asks nobody."""
    resolver = Resolver(OSError("never asked"))
    client = lane.client(server.url, dns=Dns(resolver=resolver))
    assert (await client.get("/echo"))["method"] == "GET"
    assert resolver.asked == []


async def test_the_system_resolves_without_a_resolver(lane: Lane, server: Server) -> None:
    """`Dns` without one remembers what the system says."""
    client = lane.client(server.at("localhost"), dns=Dns(ttl=60), pool=EACH)
    for _ in range(2):
        assert (await client.get("/echo"))["method"] == "GET"
    unknown = lane.client("http://nowhere.invalid", dns=Dns(ttl=60))
    for _ in range(2):
        with pytest.raises(DNSError, match="nowhere"):
            await unknown.get("/")
