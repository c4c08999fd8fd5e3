"""Both clients against servers of other projects: limits, ends of connections, mutual TLS."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from arya_api_framework import TLS
from arya_api_framework.errors import ConnectionLost, HTTPBadRequest, HTTPError
from tests.app import Server
from tests.client.conftest import Lane
from tests.counterparts import Web
from tests.servers import Certificate, httpbin


@pytest.fixture(scope="module")
def mutual_url(certificate: Certificate) -> Iterator[str]:
    """The origin of an httpbin that demands a certificate."""
    with httpbin(certificate, is_mutual=True) as url:
        yield url


async def test_a_server_may_end_a_connection_after_some_requests(
    lane: Lane, web: Web, server: Server
) -> None:
    """It says so in its response; no request is lost, and none is sent twice."""
    client = lane.client(web.http)
    for number in range(10):
        await client.post("/echo", body={"number": number})
    assert [received.json()["number"] for received in server.log] == list(range(10))
    numbers = [received.headers["X-Connection"] for received in server.log]
    assert [numbers.count(one) for one in dict.fromkeys(numbers)] == [3, 3, 3, 1]


async def test_many_calls_at_once_are_each_sent_once(lane: Lane, web: Web, server: Server) -> None:
    """With connections that end all the time."""
    client = lane.client(web.http)
    await asyncio.gather(*(client.post("/echo", body={"number": n}) for n in range(60)))
    assert sorted(received.json()["number"] for received in server.log) == list(range(60))


async def test_a_target_that_is_too_long_is_an_error_of_the_server(
    lane: Lane, web: Web, server: Server
) -> None:
    """A 414 is an answer as any other, and the next request is right."""
    client = lane.client(web.http)
    with pytest.raises(HTTPError) as error:
        await client.get("/echo", parameters={"a": "x" * 6000})
    assert error.value.status_code == 414
    assert server.log == []
    assert (await client.get("/echo"))["method"] == "GET"


async def test_a_head_that_is_too_long_is_an_error_of_the_server(
    lane: Lane, web: Web, server: Server
) -> None:
    """So is what it says of header fields that are too many."""
    client = lane.client(web.http)
    headers = {f"X-{number}": "x" * 3000 for number in range(4)}
    with pytest.raises(HTTPBadRequest):
        await client.get("/echo", headers=headers)
    assert server.log == []
    assert (await client.get("/echo"))["method"] == "GET"


async def test_tls_in_front_of_a_server(lane: Lane, web: Web, server: Server, ca_pem: Path) -> None:
    """Connections over TLS are used again, too."""
    client = lane.client(web.https, tls=TLS(ca=ca_pem))
    for _ in range(4):
        await client.post("/echo", body={"a": 1})
    numbers = [received.headers["X-Connection"] for received in server.log]
    assert [numbers.count(one) for one in dict.fromkeys(numbers)] == [3, 1]


async def test_a_demanded_certificate_is_shown(
    lane: Lane, web: Web, server: Server, certificate: Certificate
) -> None:
    """The server names the client by it."""
    tls = TLS(ca=certificate.authority, cert=certificate.chain, key=certificate.key)
    assert (await lane.client(web.mutual, tls=tls).get("/echo"))["method"] == "GET"
    assert "trustme" in server.log[0].headers["X-Client"]


async def test_a_demand_may_be_made_with_a_status(
    lane: Lane, web: Web, server: Server, ca_pem: Path
) -> None:
    """Some servers end the handshake well and answer 400."""
    with pytest.raises(HTTPBadRequest):
        await lane.client(web.mutual, tls=TLS(ca=ca_pem)).get("/echo")
    assert server.log == []


async def test_httpbin_with_certificates_of_clients(
    lane: Lane, mutual_url: str, certificate: Certificate
) -> None:
    """It answers who shows one, and nobody else."""
    tls = TLS(ca=certificate.authority, cert=certificate.chain, key=certificate.key)
    client = lane.client(mutual_url, tls=tls)
    for _ in range(2):
        answer = await client.post("/anything", body={"a": 1})
        assert answer["json"] == {"a": 1}
    with pytest.raises(ConnectionLost) as error:
        await lane.client(mutual_url, tls=TLS(ca=certificate.authority)).get("/get")
    assert error.value.sent == "maybe"
