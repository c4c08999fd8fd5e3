"""What both clients promise to keep to themselves, on each way to a socket."""

import pickle
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from arya_api_framework import TLS
from arya_api_framework.errors import (
    ConfigurationError,
    HTTPInternalServerError,
    HTTPNotFound,
    UnsafeRedirect,
)
from arya_api_framework.tls import InsecureTLSWarning
from tests.app import Server
from tests.client.conftest import Lane
from tests.fault_table import SECRETS
from tests.faults import Faults
from tests.servers import Certificate

HARMLESS = {"host", "accept", "accept-encoding", "accept-language", "user-agent", "range"}


@pytest.fixture
def other() -> Iterator[Server]:
    """A server at another port: another origin."""
    with Server() as server:
        yield server


async def test_another_origin_hears_of_nothing(lane: Lane, server: Server, other: Server) -> None:
    """A redirect there takes a few harmless headers along, and no credential comes back after."""
    client = lane.client(server.url, **SECRETS)
    home = f"{server.url}/echo?home=1"
    await client.get(
        "/redirect-to",
        parameters={"url": f"{other.url}/redirect-to?url={home}"},
        headers={"X-Call": "of-mine"},
    )
    (abroad,) = other.log
    for read in (abroad, server.log[-1]):
        assert "of-mine" not in str(read)
        assert {name.lower() for name in read.headers} <= HARMLESS
    assert server.log[-1].target == "/echo?home=1"


async def test_a_redirect_at_home_keeps_the_credentials(lane: Lane, server: Server) -> None:
    """The same origin is trusted with what it was trusted with before."""
    client = lane.client(server.url, **SECRETS)
    await client.get("/redirect-to", parameters={"url": "/echo"})
    assert server.log[-1].headers["Authorization"] == "Bearer token-of-mine"
    assert server.log[-1].headers["X-Api-Key"] == "key-of-mine"
    assert server.log[-1].headers["Cookie"] == "session=cookie-of-mine"


async def test_a_location_is_no_login(lane: Lane, server: Server, other: Server) -> None:
    """What stands before the host of a `Location` is not sent to it."""
    client = lane.client(server.url)
    url = other.url.replace("http://", "http://evil:pw@") + "/echo"
    await client.get("/redirect-to", parameters={"url": url})
    assert "Authorization" not in other.log[-1].headers


async def test_a_body_stays_at_home(lane: Lane, server: Server, other: Server) -> None:
    """No redirect takes it to another origin."""
    client = lane.client(server.url, **SECRETS)
    with pytest.raises(UnsafeRedirect):
        await client.post(
            "/redirect-to", parameters={"url": other.url, "status": 307}, body={"card": "of-mine"}
        )
    assert other.log == []


@pytest.mark.parametrize(
    "path",
    [
        "http://evil.test/",
        "//evil.test/",
        "///evil.test/",
        "\\\\evil.test/",
        "/\\evil.test/",
        " http://evil.test/",
        "\thttp://evil.test/",
        "http:evil.test",
        "user@evil.test:80",
        "/a\r\nHost: evil.test",
        "/a/../b",
        "/%2e%2e/b",
    ],
)
async def test_a_path_leads_nowhere_else(lane: Lane, server: Server, path: str) -> None:
    """What looks like a path and is none is refused; the server and its neighbours hear nothing."""
    client = lane.client(f"{server.url}/v1", **SECRETS)
    with pytest.raises(ConfigurationError) as caught:
        await client.get(path)
    assert caught.value.sent == "no"
    assert server.log == []


@pytest.mark.parametrize("value", ["a/b", "a\\b", "a?b#c", "100%", "a;b", "ü €", "a b+c"])
async def test_a_value_is_one_segment(lane: Lane, server: Server, value: str) -> None:
    """The server reads one segment that decodes to exactly what was given, not encoded again."""
    client = lane.client(server.url)
    with pytest.raises(HTTPNotFound):
        await client.get("/echo/{id}", path_parameters={"id": value})
    segment = server.log[-1].target.removeprefix("/echo/")
    assert "/" not in segment
    assert unquote(segment) == value


@pytest.mark.parametrize(
    "value",
    ["..", ".", "", "%2e%2e", "%252e%252e", "../x", "a/../b", "..;x", "a\0b", "a\nb", "\x7f"],
)
async def test_a_value_that_walks_is_refused(lane: Lane, server: Server, value: str) -> None:
    """Dots, however often they are encoded, and controls are never sent."""
    client = lane.client(server.url)
    with pytest.raises(ConfigurationError):
        await client.get("/users/{id}", path_parameters={"id": value})
    assert server.log == []


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "a\r\nX-B: b"},
        {"X-A": "a\nb"},
        {"X-A": "a\0b"},
        {"X-A": "a\x01b"},
        {"X-A\r\nX-B": "b"},
        {"X A": "b"},
        {"X-A:": "b"},
        {"": "b"},
        {"X-A": "€"},
        {"Host": "evil.test"},
        {"Content-Length": "5"},
        {"transfer-encoding": "chunked"},
        {"Connection": "upgrade"},
        {"TE": "trailers"},
        {"Trailer": "X"},
        {"Upgrade": "h2c"},
        {"Expect": "100-continue"},
    ],
    ids=lambda headers: repr(next(iter(headers.items()))),
)
async def test_a_header_that_could_be_two_is_refused(
    lane: Lane, server: Server, headers: dict[str, str]
) -> None:
    """Names, values and framing fields that would change the message are never sent."""
    client = lane.client(server.url)
    with pytest.raises(ConfigurationError) as caught:
        await client.post("/echo", headers=headers, body={})
    assert caught.value.sent == "no"
    assert server.log == []


@pytest.mark.parametrize("cookies", [{"a": "b; admin=1"}, {"a": "b\r\n"}, {"a;b": "c"}, {"": "c"}])
async def test_a_cookie_that_could_be_two_is_refused(
    lane: Lane, server: Server, cookies: dict[str, str]
) -> None:
    """No value makes a second cookie (RFC 6265 4.1.1)."""
    client = lane.client(server.url)
    with pytest.raises(ConfigurationError):
        await client.get("/echo", cookies=cookies)
    assert server.log == []


async def test_a_file_name_is_one_name(lane: Lane, server: Server) -> None:
    """No path of this machine is told, and no name writes a part of its own."""
    client = lane.client(server.url)
    name = '../../etc/a"\r\nContent-Type: text/evil\r\n\r\nb\0.txt'
    await client.post("/upload", files={"file": (name, b"content")})
    body = server.log[-1].body
    assert b"etc" not in body
    assert b"\r\nContent-Type: text/evil" not in body
    assert b"\0" not in body


# Where a session of requests sends, urllib3 warns as well.
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
async def test_switching_off_verification_is_told(
    lane: Lane, tls_faults: Faults, certificate: Certificate
) -> None:
    """Only `TLS(verify=False)` does it, with a warning, and for this client alone."""
    with pytest.warns(InsecureTLSWarning):
        careless = lane.client(tls_faults.url, tls=TLS(verify=False))
    assert await careless.get("/ok") == {"ok": True}
    assert await lane.client(tls_faults.url, tls=TLS(ca=certificate.authority)).get("/ok")


async def test_the_body_of_an_error_is_cut(lane: Lane, faults: Faults) -> None:
    """An exception keeps 64 KiB of a page that a server sends, pickled too."""
    client = lane.client(faults.url)
    with pytest.raises(HTTPInternalServerError) as caught:
        await client.get("/error-page-large")
    assert len(caught.value.response) == 64 * 1024
    assert len(caught.value.raw.content) == 64 * 1024  # type: ignore[union-attr]
    assert len(pickle.dumps(caught.value)) < 256 * 1024


async def test_a_secret_is_sent_as_its_value(lane: Lane, server: Server) -> None:
    """It is read when a request is made: one that is changed counts from the next call on."""
    client = lane.client(server.url, bearer_token="first-of-mine")
    await client.get("/echo")
    client.bearer_token = "second-of-mine"
    await client.get("/echo")
    sent = [read.headers["Authorization"] for read in server.log]
    assert sent == ["Bearer first-of-mine", "Bearer second-of-mine"]
    assert "of-mine" not in repr(client.target) + str(client.target)


async def test_a_client_does_not_travel(lane: Lane, server: Server) -> None:
    """Pickling it is an error that names the way; its copies share what they say they share."""
    client: Any = lane.client(server.url, **SECRETS)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(client.target)


async def test_no_log_of_ours_is_turned_on(
    lane: Lane, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    """A call prints nothing, and the loggers of the libraries stay as they were."""
    import logging

    names = ("urllib3", "urllib3.connectionpool", "aiohttp.client", "requests", "asyncio")
    before = [
        (logging.getLogger(name).level, logging.getLogger(name).handlers[:]) for name in names
    ]
    await lane.client(server.url, **SECRETS).get("/echo")
    after = [(logging.getLogger(name).level, logging.getLogger(name).handlers[:]) for name in names]
    assert before == after
    assert capfd.readouterr() == ("", "")
