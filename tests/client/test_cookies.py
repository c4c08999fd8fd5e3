"""Cookies that servers set, on the wire: kept, sent back, and never to anybody else."""

from typing import Any

import aiohttp
import pytest
import requests

from arya_api_framework import CookieJar, Dns, Hook, RawResponse, Request, SubClient, SyncClient
from arya_api_framework.client.cookie_jar import CookieText
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import HTTPNotFound
from tests.app import Server
from tests.client.conftest import Lane
from tests.conftest import Kind

HERE = Dns(resolver=lambda host, port: ["127.0.0.1"])


def make(lane: Lane, server: Server, host: str = "api.test", **options: Any) -> Any:
    """Return a client of a server that is known by a name."""
    return lane.client(server.at(host), dns=HERE, trust_env=False, **options)


def read(server: Server, index: int = -1) -> str | None:
    """Return the `Cookie` of a request, as the server read it."""
    values = server.log[index].headers.getall("Cookie", [])
    assert len(values) < 2
    return values[0] if values else None


async def test_what_a_server_sets_is_sent_back(lane: Lane, server: Server) -> None:
    """With every call after it; a later value replaces it, and an old date deletes it."""
    client = make(lane, server)
    await client.get("/set-cookie?a=1&b=2&line=c=3;Path=/other")
    assert read(server) is None
    await client.get("/echo")
    assert read(server) == "a=1; b=2"
    await client.get("/set-cookie?b=4&line=a%3D;Max-Age=0")
    assert read(server) == "a=1; b=2"
    await client.post("/echo", body={})
    assert read(server) == "b=4"
    assert [(one.name, one.value) for one in client.cookie_jar] == [("b", "4"), ("c", "3")]
    client.cookie_jar.clear()
    await client.get("/echo")
    assert read(server) is None


async def test_a_login_is_a_redirect(lane: Lane, server: Server) -> None:
    """What the hop set goes with the next one, and what that deletes does not."""
    client = make(lane, server, cookies={"own": "1"})
    response = await client.post("/login?to=/logout", data={"user": "ada"}, raw=True)
    assert [(one.method, one.path) for one in server.log] == [
        *(("POST", "/login"), ("GET", "/logout"), ("GET", "/cookies"))
    ]
    assert [read(server, index) for index in range(3)] == ["own=1", "own=1; sid=1", "own=1"]
    assert response.json() == {"cookies": {"own": "1"}}
    assert len(client.cookie_jar) == 0


async def test_errors_set_cookies(lane: Lane, server: Server) -> None:
    """The response counts, whatever becomes of the call."""
    client = make(lane, server)
    with pytest.raises(HTTPNotFound):
        await client.get("/set-cookie/404?a=1")
    await client.get("/echo")
    assert read(server) == "a=1"


@pytest.mark.parametrize("policy", ["strict", "any", "off"])
async def test_addresses_and_policies(lane: Lane, server: Server, policy: Any) -> None:
    """An address has no cookies, unless the policy says so; `cookies=` is always sent."""
    client = make(lane, server, "127.0.0.1", cookie_policy=policy, cookies={"own": "1"})
    await client.get("/set-cookie?a=1")
    await client.get("/echo")
    assert read(server) == ("own=1; a=1" if policy == "any" else "own=1")
    named = make(lane, server, cookie_policy=policy)
    await named.get("/set-cookie?a=1")
    await named.get("/redirect-to?url=/echo")
    assert read(server) == (None if policy == "off" else "a=1")
    assert named.cookie_jar.policy == policy


async def test_cookies_of_the_call_count_before(lane: Lane, server: Server) -> None:
    """By name: call, then client, then jar; a header given by hand is left alone."""
    client = make(lane, server, cookies={"a": "client", "b": "client"})
    await client.get("/set-cookie?a=jar&b=jar&c=jar&d=jar")
    await client.get("/echo", cookies={"b": "call", "c": "call"})
    assert read(server) == "a=client; b=call; c=call; d=jar"
    await client.get("/echo", cookies={"a": None, "b": None})
    assert read(server) == "a=jar; b=jar; c=jar; d=jar"
    await client.get("/redirect-to?url=/echo", headers={"Cookie": "by=hand"})
    assert [read(server, index) for index in (-2, -1)] == ["by=hand", "by=hand"]
    client.headers["Cookie"] = "hers"
    await client.get("/echo")
    assert read(server) == "hers"


async def test_a_request_that_was_built_is_not_changed(lane: Lane, server: Server) -> None:
    """The jar adds to what is sent, each time what it has then."""
    client = make(lane, server)
    plain, own = client.build("GET", "/echo"), client.build("GET", "/echo", cookies={"x": "1"})
    await client.get("/set-cookie?a=1")
    for request, expected in ((plain, "a=1"), (own, "x=1; a=1"), (plain, "a=1")):
        response = await client.send(request, raw=True)
        assert (read(server), response.request.headers["Cookie"]) == (expected, expected)
    assert ("Cookie" in plain.headers, own.headers["Cookie"]) == (False, "x=1")
    plain.headers["Cookie"] = "by=hand"
    await client.send(plain)
    assert read(server) == "by=hand"


async def test_other_origins_neither_get_nor_set_cookies(lane: Lane, server: Server) -> None:
    """Not by a call, not by a redirect, and not on the way back from one."""
    client = make(lane, server)
    await client.get("/set-cookie?a=1")
    other = server.at("other.test")
    await client.get(f"{other}/set-cookie?b=2", foreign=True)
    assert read(server) is None
    await client.get("/redirect-to", parameters={"url": f"{other}/set-cookie?b=2"})
    assert [read(server, index) for index in (-2, -1)] == ["a=1", None]
    home = f"{server.at('api.test')}/set-cookie?c=3"
    away = f"{other}/redirect-to?url={home.replace('?', '%3F')}"
    await client.get("/redirect-to", parameters={"url": away})
    assert [read(server, index) for index in (-3, -2, -1)] == ["a=1", None, None]
    assert [one.name for one in client.cookie_jar] == ["a", "c"]
    # A call that began elsewhere cannot lay a login of its choice into the jar.
    await client.get(away.replace("c%3D3", "d%3D4").replace("c=3", "d=4"), foreign=True)
    assert read(server) is None
    assert [one.name for one in client.cookie_jar] == ["a", "c"]


async def test_trusted_origins_have_cookies_of_their_own(lane: Lane, server: Server) -> None:
    """In the same jar; none goes from one host to the other, nor along a redirect."""
    other = server.at("other.test")
    client = make(lane, server, trusted_origins=[other])
    await client.get("/set-cookie?a=1")
    await client.get(f"{other}/set-cookie?b=2")
    await client.get("/redirect-to", parameters={"url": f"{other}/echo"})
    assert [read(server, index) for index in (-3, -2, -1)] == [None, "a=1", "b=2"]
    client.cookie_jar.clear()
    await client.get("/set-cookie?a=1")
    await client.get("/redirect-to", parameters={"url": f"{other}/echo"})
    assert [read(server, index) for index in (-2, -1)] == ["a=1", None]


async def test_copies_and_sub_clients_share_the_jar(lane: Lane, server: Server) -> None:
    """A copy for another origin, or with another policy, has one of its own."""

    class Part(SubClient):
        """A part of the API."""

    client = make(lane, server)
    part = Part()
    client.target.add_subclient(part)
    copy = client.with_options(headers={"X-A": "1"})
    await client.Part.get("/set-cookie?a=1")
    await copy.get("/echo")
    assert read(server) == "a=1"
    assert copy.cookie_jar is client.cookie_jar
    assert client.with_options(uri=server.at("api.test") + "/v1").cookie_jar is client.cookie_jar
    other = client.with_options(uri=server.at("other.test"))
    lax = client.with_options(cookie_policy="any")
    for one in (other, lax):
        assert one.cookie_jar is not client.cookie_jar
        await one.get("/echo")
        assert read(server) is None
    assert lax.cookie_jar is lax.cookie_jar
    assert isinstance(lax.cookie_jar, CookieJar)


async def test_hooks_see_the_cookies(lane: Lane, server: Server) -> None:
    """Those of attempts may change them; an answer of a hook sets none."""
    seen: list[Any] = []

    class Watch(Hook):
        def before_attempt(self, request: Request) -> RawResponse | None:
            seen.append(request.headers.get("Cookie"))
            if request.target == "/made":
                return RawResponse.make(request, headers={"Set-Cookie": "hook=1"})
            if request.target == "/echo?bare":
                request.headers.popall("Cookie")
            return None

    client = make(lane, server, hooks=[Watch()])
    await client.get("/set-cookie?a=1")
    await client.get("/redirect-to?url=/echo")
    assert read(server) == "a=1"
    await client.get("/made", raw=True)
    await client.get("/echo?bare")
    assert read(server) is None
    assert seen == [None, "a=1", "a=1", "a=1", "a=1"]
    assert [one.name for one in client.cookie_jar] == ["a"]


async def test_a_session_of_the_users_keeps_none(kind: Kind, server: Server) -> None:
    """The client's jar does, as ever."""
    session: Any = aiohttp.ClientSession() if kind.is_async else requests.Session()
    client = kind.client(server.at("localhost"), session=session)
    await client.get("/set-cookie?a=1")
    await client.get("/echo")
    assert read(server) == "a=1"
    jar = session.cookie_jar if kind.is_async else session.cookies
    assert len(jar) == 0
    closed = session.close()
    if kind.is_async:
        await closed


def test_from_http_to_https() -> None:
    """Where a redirect leads there on one host, the cookies go along, as headers do."""
    client = SyncClient("http://api.test")
    jar = client.cookie_jar
    plain, safe = Origin("http", "api.test", 80), Origin("https", "api.test", 443)
    jar.store(plain, "/", [(b"Set-Cookie", b"a=1")])
    call = client._prepare("GET", "/", {})
    call.begin()
    fields = ((b"Location", b"https://api.test/b"),)
    assert call.redirect(RawResponse(301, fields, call.request))
    assert (call.request.origin, call.request.headers["Cookie"]) == (safe, "a=1")
    call.keep_cookies(RawResponse(200, ((b"Set-Cookie", b"b=2; Secure"),), call.request))
    assert [one.name for one in jar] == ["a", "b"]
    client.close()


def test_text_of_cookies() -> None:
    """It knows which of it the user gave."""
    text = CookieText.of("")
    assert (text, text.own) == ("", "")
