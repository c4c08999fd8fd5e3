"""Redirects that lead elsewhere: what goes along, and what is never followed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from multidict import CIMultiDict

from arya_api_framework import TLS
from arya_api_framework.client.redirects import follow
from arya_api_framework.client.request import Request
from arya_api_framework.client.response import ResponseInfo
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    UnsafeRedirect,
)
from tests.app import Server
from tests.conftest import Kind

CREDENTIALS: dict[str, Any] = {
    "bearer_token": "token-of-mine",
    "headers": {"X-Api-Key": "key-of-mine", "User-Agent": "agent/1", "Accept-Language": "de"},
    "cookies": {"session": "cookie-of-mine"},
    "parameters": {"key": "parameter-of-mine"},
}


@pytest.fixture
def other() -> Iterator[Server]:
    """A second server: another port is another origin."""
    with Server() as server:
        yield server


def to(url: str, status: int = 302) -> str:
    """Return the path that redirects to a URL."""
    return f"/redirect-to?url={quote(url, safe='')}&status={status}"


# Another origin


async def test_nothing_that_may_be_a_credential_goes_to_another_origin(
    kind: Kind, server: Server, other: Server
) -> None:
    """Of all headers only a few harmless ones go along."""
    client = kind.client(server.url, **CREDENTIALS)
    await client.get(
        to(f"{other.url}/echo?x=1"),
        headers={"X-Call": "of-mine", "Range": "bytes=0-9", "Referer": "of-mine"},
        cookies={"more": "of-mine"},
        parameters={"own": "of-mine"},
        idempotency_key="of-mine",
    )
    (received,) = other.log
    assert "of-mine" not in str(received)
    assert received.target == "/echo?x=1"
    assert received.headers["Host"] == other.url.removeprefix("http://")
    assert received.headers["User-Agent"] == "agent/1"
    assert received.headers["Accept-Language"] == "de"
    assert received.headers["Range"] == "bytes=0-9"
    names = {name.lower() for name in received.headers}
    assert names <= {
        *("host", "accept", "accept-encoding", "accept-language", "range", "user-agent"),
        "connection",
    }


async def test_another_name_of_the_same_machine_is_another_origin(
    kind: Kind, server: Server
) -> None:
    """Hosts are compared by name, not by address."""
    client = kind.client(server.url, **CREDENTIALS)
    await client.get(to(f"{server.at('localhost')}/echo"))
    assert "of-mine" not in str(server.log[-1])


async def test_what_was_left_out_does_not_come_back(
    kind: Kind, server: Server, other: Server
) -> None:
    """After A to B to A the request is as bare as it was for B."""
    client = kind.client(server.url, **CREDENTIALS)
    back = f"{server.url}/echo?home=1"
    await client.get(to(f"{other.url}{to(back)}"))
    assert server.log[-1].target == "/echo?home=1"
    assert "of-mine" not in str(server.log[-1])
    assert len(other.log) == 1


async def test_a_location_gives_no_credentials(kind: Kind, server: Server, other: Server) -> None:
    """What stands before the host is left out, and never sent as a login."""
    client = kind.client(server.url)
    await client.get(to(f"http://evil:pw@{other.url.removeprefix('http://')}/echo"))
    assert "Authorization" not in other.log[-1].headers


async def test_a_trusted_origin_keeps_the_credentials(
    kind: Kind, server: Server, other: Server
) -> None:
    """`trusted_origins` are as good as the client's own, for bodies too."""
    client = kind.client(server.url, **CREDENTIALS, trusted_origins=[other.url])
    await client.post(to(f"{other.url}/echo", 307), data="text", headers={"X-Call": "1"})
    (received,) = other.log
    assert received.body == b"text"
    assert received.headers["Authorization"] == "Bearer token-of-mine"
    assert received.headers["X-Api-Key"] == "key-of-mine"
    assert received.headers["X-Call"] == "1"


async def test_a_trusted_origin_leads_home_with_the_credentials(
    kind: Kind, server: Server, other: Server
) -> None:
    """The client's own origin is trusted by those it trusts; by a foreign one it is not."""
    options: dict[str, Any] = {"data": "text", "parameters": {"key": None}}
    client = kind.client(server.url, **CREDENTIALS, trusted_origins=[other.url])
    home = to(f"{server.url}/echo", 307)
    answer = await client.post(f"{other.url}{home}", **options)
    assert answer["text"] == "text"
    assert server.log[-1].headers["Authorization"] == "Bearer token-of-mine"
    strict = kind.client(server.url, **CREDENTIALS)
    server.reset()
    with pytest.raises(UnsafeRedirect):
        await strict.post(f"{other.url}{home}", **options, foreign=True)
    assert server.log == []


@pytest.mark.parametrize(
    ("status", "method", "options"),
    [
        (307, "POST", {"data": "secret-of-mine"}),
        (308, "PUT", {"body": {"a": 1}}),
        (302, "PUT", {"data": "x"}),
        (307, "GET", {"data": "x"}),
        (307, "POST", {"data": iter([b"x"])}),
        (307, "POST", {}),
        (307, "DELETE", {}),
        (302, "OPTIONS", {}),
    ],
)
async def test_no_body_and_no_change_goes_to_another_origin(
    kind: Kind, server: Server, other: Server, status: int, method: str, options: Any
) -> None:
    """Only a GET or HEAD without a body crosses; anything else could be misused."""
    client = kind.client(server.url)
    with pytest.raises(UnsafeRedirect, match="another origin") as caught:
        await client.request(method, to(f"{other.url}/echo?token=of-mine", status), **options)
    assert other.log == []
    assert other.url in str(caught.value)
    assert "of-mine" not in str(caught.value)
    assert caught.value.sent == "yes"


async def test_a_post_that_becomes_a_get_may_cross(
    kind: Kind, server: Server, other: Server
) -> None:
    """It has no body any more."""
    client = kind.client(server.url, **CREDENTIALS)
    answer = await client.post(to(f"{other.url}/echo", 303), data="secret-of-mine")
    assert (answer["method"], answer["text"]) == ("GET", "")
    assert "of-mine" not in str(other.log)


async def test_a_foreign_call_follows_without_the_client(
    kind: Kind, server: Server, other: Server
) -> None:
    """What led to the client's own origin from outside gets none of its credentials."""
    client = kind.client(server.url, **CREDENTIALS)
    await client.get(f"{other.url}{to(f'{server.url}/echo')}", foreign=True)
    assert "of-mine" not in str([*other.log, *server.log])


# What is never followed


@pytest.mark.parametrize(
    "location",
    [
        "",
        " ",
        "ftp://api.test/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/plain,x",
        "mailto:a@b.test",
        "http://",
        "http://[::1",
        "http://api.test:99999/",
        "http://api.test:0/",
        "http://api test/",
        "http://a%2fb/",
        "//",
    ],
)
async def test_a_location_that_leads_nowhere_is_refused(
    kind: Kind, server: Server, location: str
) -> None:
    """No Location, another scheme, a broken URL: never guessed."""
    client = kind.client(server.url)
    with pytest.raises(UnsafeRedirect):
        await client.get(to(location))
    assert len(server.log) == 1


def _redirect(
    *locations: bytes, status: int = 302, method: str = "GET", url: str = "https://api.test/a"
) -> ResponseInfo:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    name, _, port = host.partition(":")
    origin = Origin(scheme, name, int(port or {"http": 80, "https": 443}[scheme]))
    headers = CIMultiDict({"Authorization": "Bearer x"})
    request = Request(method, origin, f"/{path}", headers)
    return ResponseInfo(status, tuple((b"Location", line) for line in locations), request)


@pytest.mark.parametrize(
    "locations",
    [
        (),
        (b"/a", b"/b"),
        (b"/a\tb",),
        (b"/a\x00b",),
        (b"\x7f",),
        (b"/\xff",),
        (b"http://\xe2\x80\x8b.\xff/",),
    ],
)
def test_a_location_that_is_no_text_is_refused(locations: tuple[bytes, ...]) -> None:
    """None, two, controls, broken UTF-8: nothing that could be read in two ways."""
    with pytest.raises(UnsafeRedirect) as caught:
        follow(_redirect(*locations), "safe", frozenset())
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("url", "location", "keeps"),
    [
        ("http://api.test/a", b"https://api.test/b", True),
        ("http://api.test/a", b"https://API.test:443/b", True),
        ("https://api.test/a", b"https://api.test:443/b", True),
        ("http://api.test:80/a", b"http://api.test/b", True),
        ("http://api.test:8080/a", b"https://api.test/b", False),
        ("http://api.test/a", b"https://api.test:8443/b", False),
        ("http://api.test/a", b"https://www.api.test/b", False),
        ("https://api.test/a", b"https://api.test:8443/b", False),
        ("https://api.test/a", b"https://api.test.evil.test/b", False),
        ("https://api.test/a", b"https://xn--api-5na.test/b", False),
    ],
)
def test_origins_are_compared_by_scheme_host_and_port(
    url: str, location: bytes, keeps: bool
) -> None:
    """From http to https of one host on the default ports is no other origin."""
    request = follow(_redirect(location, url=url), "safe", frozenset())
    assert request is not None
    assert ("Authorization" in request.headers) is keeps


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (b"https://api.test/a/b/..", "/a/"),
        (b"https://api.test/a/b/.", "/a/b/"),
        (b"https://api.test/../..", "/"),
        (b"https://api.test/a/./.b/../c", "/a/c"),
        (b"https://api.test", "/"),
        (b"https://api.test?q", "/?q"),
        (b"?q=1", "/a?q=1"),
        (b"/%zz%", "/%zz%"),
        (b'/<">|{}`^\\', "/%3C%22%3E%7C%7B%7D%60%5E/"),
    ],
)
def test_a_target_is_normal_and_plain_ascii(location: bytes, target: str) -> None:
    """Dot segments are resolved (RFC 3986 5.2.4), and only what must be is encoded."""
    request = follow(_redirect(location), "safe", frozenset())
    assert request is not None
    assert request.target == target


@pytest.mark.parametrize("policy", ["safe", "same-origin"])
@pytest.mark.parametrize("location", [b"http://api.test/b", b"http://other.test/", b"//other.test"])
def test_https_is_never_left(policy: Any, location: bytes) -> None:
    """Not even for a trusted origin."""
    trusted = frozenset(
        {
            Origin("https", "api.test", 443),
            Origin("http", "api.test", 80),
            Origin("http", "other.test", 80),
        }
    )
    if location.startswith(b"//"):
        followed = follow(_redirect(location), "safe", trusted)
        assert followed is not None
        assert followed.origin.scheme == "https"
        return
    with pytest.raises(UnsafeRedirect, match="from https to http://"):
        follow(_redirect(location), policy, trusted)


async def test_a_downgrade_is_not_followed(
    kind: Kind, server: Server, tls_server: Server, ca_pem: Path
) -> None:
    """Over real TLS: the plain server hears nothing; the other way round nothing goes along."""
    client = kind.client(tls_server.url, tls=TLS(ca=ca_pem), bearer_token="token-of-mine")
    with pytest.raises(UnsafeRedirect, match="from https to http://"):
        await client.get(to(f"{server.url}/echo"))
    assert server.log == []
    up = kind.client(server.url, tls=TLS(ca=ca_pem), bearer_token="token-of-mine")
    await up.get(to(f"{tls_server.url}/echo"))
    assert "of-mine" not in str(tls_server.log[-1])
