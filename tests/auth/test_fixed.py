"""Basic, Bearer and API keys: what the server reads, and what they refuse."""

import base64
from typing import Any

import pytest
from pydantic import SecretStr

from arya_api_framework.auth import ApiKeyAuth, Auth, BasicAuth, BearerAuth
from arya_api_framework.errors import ConfigurationError, HTTPUnauthorized, MissingCredentials
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.scripted import Scripted, answer


def basic(user: str, password: str) -> str:
    """Return the field of RFC 7617."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("auth", "field"),
    [
        # The examples of RFC 7617 2 and 2.1.
        (BasicAuth("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (BasicAuth("test", "123£"), "Basic dGVzdDoxMjPCow=="),
        (BasicAuth("ann", "pass:word"), basic("ann", "pass:word")),
        (BasicAuth("", SecretStr("")), "Basic Og=="),
        (BasicAuth("токен", lambda: SecretStr("🔑")), basic("токен", "🔑")),
        # RFC 6750 2.1.
        (BearerAuth("mF_9.B5f-4.1JqM"), "Bearer mF_9.B5f-4.1JqM"),
        (BearerAuth(lambda: "late"), "Bearer late"),
        (ApiKeyAuth("abc", name="Authorization", prefix="Token"), "Token abc"),
        (ApiKeyAuth(SecretStr("Token abc"), name="authorization"), "Token abc"),
    ],
)
async def test_the_field(kind: Kind, auth: Auth, field: str) -> None:
    """Exactly once."""
    async with Scripted() as server:
        await kind.client(server.url, auth=auth).get("/")
        assert server.log[0].headers.getall("Authorization") == [field]


async def test_httpbin_takes_it(kind: Kind, httpbin_url: str) -> None:
    """A server of others says who it took us for, and refuses who is wrong."""
    client = kind.client(httpbin_url, auth=BasicAuth("ann", "sesame"))
    found = await client.get("/basic-auth/ann/sesame")
    assert (found["authenticated"], found["user"]) == (True, "ann")
    with pytest.raises(HTTPUnauthorized):
        await client.get("/basic-auth/ann/other")
    bearer = await client.get("/bearer", auth=BearerAuth("mF_9.B5f"))
    assert (bearer["authenticated"], bearer["token"]) == (True, "mF_9.B5f")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", "/?api+key=k%2F%20%26%C3%A9"),
        ("/?a=1&api+key=old&b=2", "/?a=1&b=2&api+key=k%2F%20%26%C3%A9"),
    ],
)
async def test_a_key_in_the_query(kind: Kind, target: str, expected: str) -> None:
    """Percent-encoded whole, in place of one that is there."""
    async with Scripted() as server:
        auth = ApiKeyAuth("k/ &é", name="api key", location="query")
        await kind.client(server.url, auth=auth).get(target)
        assert server.log[0].target.replace("%20key", "+key") == expected


async def test_a_key_in_the_query_is_there_once_after_a_redirect(lane: Lane) -> None:
    """Where the server leads back with it."""
    async with Scripted(lambda read: answer(302, f"Location: {read.target}&x=1")) as server:
        auth = ApiKeyAuth("secret", name="k", location="query")
        await lane.client(server.url, auth=auth).get("/")
        assert [read.target for read in server.log] == ["/?k=secret", "/?x=1&k=secret"]


async def test_a_key_in_a_cookie(lane: Lane) -> None:
    """Beside those of the client, of the call and of the server, in place of one of its name."""
    script = [answer(302, "Set-Cookie: jar=1", "Set-Cookie: key=server", "Location: /b")]
    async with Scripted(*script, answer(200, "Set-Cookie: jar=2")) as server:
        auth = ApiKeyAuth("secret", name="key", location="cookie")
        client = lane.client(server.url, auth=auth, cookies={"a": "1"}, cookie_policy="any")
        for _ in range(2):
            await client.get("/", cookies={"b": "2", "key": "call"})
        await client.get("/", headers={"Cookie": "by=hand"})
        await client.get("/", cookies={"a": None})
        found = [
            sorted(read.headers["Cookie"].split("; "), key=lambda pair: pair.partition("=")[0])
            for read in server.log
        ]
        assert found == [
            ["a=1", "b=2", "key=secret"],
            ["a=1", "b=2", "jar=1", "key=secret"],
            ["a=1", "b=2", "jar=2", "key=secret"],
            ["by=hand", "key=secret"],
            ["jar=2", "key=secret"],
        ]
        assert all(len(read.headers.getall("Cookie")) == 1 for read in server.log)


@pytest.mark.parametrize(
    ("own", "first", "second"),
    [
        ({}, "jar=1; key=secret", "jar=2; key=secret"),
        ({"cookies": {"a": "1"}}, "a=1; jar=1; key=secret", "a=1; jar=2; key=secret"),
        ({"cookies": {"jar": "0"}}, "jar=0; key=secret", "jar=0; key=secret"),
        ({"headers": {"Cookie": "by=hand"}}, "by=hand; key=secret", "by=hand; key=secret"),
    ],
)
async def test_a_jar_changes_its_cookies_beside_a_key(
    kind: Kind, own: dict[str, Any], first: str, second: str
) -> None:
    """From one hop to the next, and none that others gave."""
    login = answer(200, "Set-Cookie: jar=1")
    async with Scripted(login, answer(302, "Set-Cookie: jar=2", "Location: /b")) as server:
        auth = ApiKeyAuth("secret", name="key", location="cookie")
        client = kind.client(server.url, auth=auth, cookie_policy="any")
        await client.get("/login")
        await client.get("/a", **own)
        assert [read.headers["Cookie"] for read in server.log] == ["key=secret", first, second]


async def test_a_jar_gets_its_first_cookie_beside_a_key(kind: Kind) -> None:
    """Along the way, where no other was given."""
    async with Scripted(answer(302, "Set-Cookie: jar=1", "Location: /b")) as server:
        auth = ApiKeyAuth("secret", name="key", location="cookie")
        await kind.client(server.url, auth=auth, cookie_policy="any").get("/a")
        found = [read.headers["Cookie"] for read in server.log]
        assert found == ["key=secret", "jar=1; key=secret"]


async def test_a_key_in_the_only_cookie(kind: Kind) -> None:
    """The field is made for it."""
    async with Scripted(answer(302, "Location: /b")) as server:
        auth = ApiKeyAuth("secret", name="key", location="cookie", prefix=None)
        await kind.client(server.url, auth=auth).get("/")
        assert [read.headers["Cookie"] for read in server.log] == ["key=secret"] * 2


LATE_SECRETS: list[tuple[Any, str]] = [
    (lambda secret: BasicAuth("ann", secret), "password of a BasicAuth"),
    (BearerAuth, "token of a BearerAuth"),
    (lambda secret: ApiKeyAuth(secret, name="X-Key"), "key of an ApiKeyAuth"),
    (lambda secret: ApiKeyAuth(secret, name="k", location="query"), "key of an ApiKeyAuth"),
    (lambda secret: ApiKeyAuth(secret, name="k", location="cookie"), "key of an ApiKeyAuth"),
]


@pytest.mark.parametrize(("make", "what"), LATE_SECRETS)
@pytest.mark.parametrize("bad", ["hunter2\r\nX: 1", "hunter2\n", "hunter2\0", 5, None, b"hunter2"])
async def test_secrets_that_can_never_be_sent(kind: Kind, make: Any, what: str, bad: Any) -> None:
    """At once, and when they are read late; the text names which, and shows nothing of it."""
    async with Scripted() as server:
        with pytest.raises(ConfigurationError, match=what) as caught:
            make(bad)
        assert "hunter2" not in str(caught.value)
        with pytest.raises(MissingCredentials, match=what) as late:
            await kind.client(server.url, auth=make(lambda: bad)).get("/")
        assert "hunter2" not in str(late.value)
        assert late.value.sent == "no"
        assert server.log == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BasicAuth("a:b", "c"), "user of a BasicAuth holds a colon"),
        (lambda: BearerAuth(""), "token of a BearerAuth is empty"),
        (lambda: BearerAuth("Bearer abc"), "starts with 'Bearer '"),
        (lambda: BearerAuth("Token abc"), "holds a blank, which no such token can"),
        (lambda: BearerAuth("ключ"), "beyond latin-1"),
        (lambda: BearerAuth("abc "), "a blank at its end"),
        (lambda: ApiKeyAuth("", name="X-Key"), "key of an ApiKeyAuth is empty"),
        (lambda: ApiKeyAuth("k", name=""), "name of an ApiKeyAuth must be text"),
        (lambda: ApiKeyAuth("k", name=5), "name of an ApiKeyAuth must be text"),  # type: ignore[arg-type]
        (lambda: ApiKeyAuth("k", name="X Key"), "X Key"),
        (lambda: ApiKeyAuth("k", name="Accept"), "kept secret"),
        (lambda: ApiKeyAuth("k", name="Cookie"), "kept secret"),
        (lambda: ApiKeyAuth("k", name="page", location="query"), "kept secret"),
        (lambda: ApiKeyAuth("k", name="a=b", location="cookie"), "no token"),
        (lambda: ApiKeyAuth("a b", name="k", location="cookie"), "what no cookie can"),
        (lambda: ApiKeyAuth("k", name="K", location="body"), "location of an ApiKeyAuth"),  # type: ignore[arg-type]
        (lambda: ApiKeyAuth("k", name="K", prefix="Token "), "prefix of an ApiKeyAuth"),
        (lambda: ApiKeyAuth("k", name="K", prefix=5), "prefix of an ApiKeyAuth"),  # type: ignore[arg-type]
    ],
)
def test_what_they_refuse(make: Any, words: str) -> None:
    """When they are made."""
    with pytest.raises(ConfigurationError, match=words):
        make()


async def test_what_is_found_out_late(kind: Kind) -> None:
    """When a secret is read."""
    async with Scripted() as server:
        for auth, words in (
            (BasicAuth(lambda: "a:b", "c"), "holds a colon"),
            (BearerAuth(lambda: "Bearer abc"), "starts with 'Bearer '"),
            (BearerAuth(lambda: "a b"), "holds a blank"),
        ):
            with pytest.raises(MissingCredentials, match=words):
                await kind.client(server.url, auth=auth).get("/")
        assert server.log == []


def test_reprs() -> None:
    """They tell where a key goes, and no key."""
    assert repr(ApiKeyAuth("secret", name="X-Key")) == "<ApiKeyAuth 'X-Key' in header>"
    assert repr(BearerAuth("secret")) == "<BearerAuth>"
