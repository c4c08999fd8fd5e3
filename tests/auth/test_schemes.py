"""`security_schemes`, `security` and `authenticate`: which credentials a call is sent with."""

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from arya_api_framework import TLS, AsyncClient, SyncClient
from arya_api_framework.auth import (
    ApiKeyScheme,
    Auth,
    BasicScheme,
    BearerAuth,
    BearerScheme,
    DigestScheme,
    MutualTLSScheme,
)
from arya_api_framework.errors import ConfigurationError, HTTPBadRequest, MissingCredentials
from tests.client.conftest import Lane
from tests.conftest import Kind, needs_fork
from tests.counterparts import Web
from tests.forks import in_child
from tests.scripted import Scripted, answer
from tests.servers import Certificate, httpbin

SCHEMES: dict[str, Any] = {
    "basicAuth": BasicScheme(),
    "tokenAuth": BearerScheme(),
    "user": ApiKeyScheme("x-user"),
    "password": ApiKeyScheme("x-password"),
    "inQuery": ApiKeyScheme("key", location="query"),
    "inCookie": ApiKeyScheme("key", location="cookie", prefix=None),
    "tls": MutualTLSScheme(),
}
SECURITY = [{"basicAuth"}, {"tokenAuth"}, {"user", "password"}]
BASIC = "Basic YW5uOnNlY3JldA=="


def api(kind: Kind, url: str, **options: Any) -> Any:
    """Return a client that declares all of it."""
    return kind.client(url, **{"security_schemes": SCHEMES, "security": SECURITY, **options})


def sent(server: Scripted) -> list[tuple[str | None, ...]]:
    """Return what may authenticate, of each request that a server read."""
    names = ("Authorization", "X-User", "X-Password")
    return [tuple(read.headers.get(name) for name in names) for read in server.log]


async def test_the_first_alternative_that_is_complete_counts(lane: Lane) -> None:
    """In one call of `authenticate` or two."""
    async with Scripted() as server:
        client = api(lane, server.url)
        target = client.target
        target.authenticate(user="u")
        with pytest.raises(MissingCredentials) as caught:
            await client.get("/")
        assert caught.value.sent == "no"
        assert "lacks 'basicAuth', or 'tokenAuth', or 'password' (beside 'user')" in str(
            caught.value
        )
        target.authenticate(password=SecretStr("p"))
        await client.get("/")
        target.authenticate(tokenAuth="t")
        await client.get("/")
        target.authenticate(basicAuth=("ann", "secret"))
        await client.get("/")
        target.authenticate(basicAuth=None)
        await client.get("/")
        target.authenticate(None)
        with pytest.raises(MissingCredentials, match="'password' and 'user'"):
            await client.get("/")
        assert sent(server) == [
            (None, "u", "p"),
            ("Bearer t", None, None),
            (BASIC, None, None),
            ("Bearer t", None, None),
        ]


async def test_security_of_a_call(kind: Kind) -> None:
    """Goes before that of the client; an empty list asks for nothing, and so does `None`."""
    async with Scripted() as server:
        client = api(kind, server.url)
        client.target.authenticate(basicAuth=("ann", "secret"), tokenAuth="t", user="u")
        await client.get("/", security=[["tokenAuth", "user"]])
        await client.get("/", security=[{"password"}, {"user"}])
        await client.get("/", security=[])
        await client.get("/", security=None)
        await client.get("/", security=[{"password"}, {}])
        await client.get("/", security=iter([{"tokenAuth": ["scope"]}]))
        with pytest.raises(MissingCredentials, match="lacks 'password'"):
            await client.get("/", security=[{"password"}])
        assert sent(server) == [
            ("Bearer t", "u", None),
            (None, "u", None),
            (None, None, None),
            (None, None, None),
            (None, None, None),
            ("Bearer t", None, None),
        ]


async def test_what_goes_before_security(kind: Kind) -> None:
    """A field of the call, and `auth` of the call; of the client, its field comes last."""
    async with Scripted() as server:
        client = api(kind, server.url, headers={"Authorization": "field"})
        own = {"headers": {"Authorization": "mine"}}
        await client.get("/", **own)
        await client.get("/", auth=BearerAuth("a"))
        await client.get("/", auth=BearerAuth("a"), security=[{"tokenAuth"}])
        await client.get("/", security=[{"tokenAuth"}], **own)
        client.target.authenticate(basicAuth=("ann", "secret"), user="u")
        await client.get("/", **own)
        await client.get("/", security=[{"tokenAuth", "user"}], **own)
        await client.get("/", headers={"X-User": "mine"}, security=[{"user"}])
        await client.get("/", auth=None)
        await client.get("/")
        assert sent(server) == [
            ("mine", None, None),
            ("Bearer a", None, None),
            ("Bearer a", None, None),
            ("mine", None, None),
            ("mine", None, None),
            ("mine", "u", None),
            (None, "mine", None),
            (None, None, None),
            (BASIC, None, None),
        ]


async def test_a_field_of_a_call_stands_in_for_what_fills_it(kind: Kind) -> None:
    """And for nothing else: what is lacking beside it is told, and it is not."""
    async with Scripted() as server:
        client = api(kind, server.url, security=[{"tokenAuth", "user"}])
        for security, own, lacking in (
            (None, {"Authorization": "mine"}, "it lacks 'user': give"),
            (None, {"x-USER": "mine"}, "it lacks 'tokenAuth': give"),
            ([{"inQuery"}], {"Authorization": "mine"}, "it lacks 'inQuery': give"),
            ([{"tls"}, {"inCookie", "user"}], {"X-User": "u"}, "it lacks 'tls', or 'inCookie': "),
        ):
            options = {} if security is None else {"security": security}
            with pytest.raises(MissingCredentials, match=lacking):
                await client.get("/", headers=own, **options)
            request = client.build("GET", "/", headers=own)
            with pytest.raises(MissingCredentials, match=lacking):
                await client.send(request, **options)
        client.target.authenticate(user="u")
        with pytest.raises(MissingCredentials, match=r"it lacks 'tokenAuth' \(beside 'user'\): "):
            await client.get("/")
        await client.get("/", headers={"Authorization": "mine"})
        await client.get("/", headers={"Authorization": "mine", "X-User": "mine"})
        assert sent(server) == [("mine", "u", None), ("mine", "mine", None)]


async def test_security_of_a_call_in_place_of_other_credentials(kind: Kind) -> None:
    """Of `auth` and `bearer_token` of the client."""
    async with Scripted() as server:
        for own in ({"bearer_token": "own"}, {"auth": BearerAuth("own")}):
            client = api(kind, server.url, security=None, **own)
            client.target.authenticate(user="u")
            await client.get("/")
            await client.get("/", security=[{"user"}])
        assert sent(server) == [("Bearer own", None, None), (None, "u", None)] * 2


async def test_without_security_nothing_is_asked_for(kind: Kind) -> None:
    """Schemes alone are what may be asked for."""
    async with Scripted() as server:
        client = api(kind, server.url, security=None)
        client.target.authenticate(tokenAuth="t")
        await client.get("/")
        assert sent(server) == [(None, None, None)]


@pytest.mark.parametrize(
    ("scheme", "value", "field"),
    [
        (BearerScheme(), "abc", "Bearer abc"),
        (BearerScheme(), "Token abc", "Token abc"),
        (BearerScheme(), "Bearer abc", "Bearer abc"),
        (BearerScheme(), lambda: "abc", "Bearer abc"),
        (BearerScheme(), lambda: "Token abc", "Token abc"),
        (BearerScheme("Token"), lambda: SecretStr("Bearer abc"), "Bearer abc"),
        (BearerScheme(), BearerAuth("own"), "Bearer own"),
        (BearerScheme("Token"), SecretStr("abc"), "Token abc"),
        (BearerScheme(prefix=None), "abc", "abc"),
        (ApiKeyScheme("Authorization"), "Token abc", "Token abc"),
        (ApiKeyScheme("Authorization", prefix="Token"), "abc", "Token abc"),
        (ApiKeyScheme("Authorization"), BearerAuth("own"), "Bearer own"),
        (BasicScheme(), ("ann", "secret"), BASIC),
        (BasicScheme(), BearerAuth("own"), "Bearer own"),
    ],
)
async def test_values(kind: Kind, scheme: Any, value: Any, field: str) -> None:
    """Sent as they are after the prefix of the scheme."""
    async with Scripted() as server:
        client = kind.client(server.url, security_schemes={"one": scheme}, security=[{"one"}])
        client.target.authenticate(one=value)
        await client.get("/")
        assert sent(server)[0][0] == field


async def test_keys_in_query_and_cookie(kind: Kind) -> None:
    """Both in one alternative."""
    async with Scripted() as server:
        client = api(kind, server.url, security=[{"inQuery", "inCookie"}])
        client.target.authenticate(inQuery="q", inCookie="c")
        await client.get("/")
        assert (server.log[0].target, server.log[0].headers["Cookie"]) == ("/?key=q", "key=c")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"basicauth": ("a", "b")}, "no security scheme 'basicauth'; did you mean 'basicAuth'"),
        ({"basicAuth": "hunter2"}, "'basicAuth' takes .user, password., got str"),
        ({"basicAuth": ("a:b", "hunter2")}, "holds a colon"),
        ({"tokenAuth": "hunter2\n"}, "the token 'tokenAuth' holds a control character"),
        ({"tokenAuth": "ключ"}, "the token 'tokenAuth' holds .* beyond latin-1"),
        ({"tokenAuth": "abc "}, "the token 'tokenAuth' holds .* a blank at its end"),
        ({"user": ""}, "the key 'user' is empty"),
        ({"inCookie": "a;b"}, "the key 'inCookie' holds what no cookie can"),
        ({"tls": "hunter2"}, "'tls' takes .cert, key., .cert, key, password. or a TLS, got str"),
        ({"tls": BearerAuth("hunter2")}, "'tls' takes"),
        ({"tls": TLS()}, "'tls' takes a TLS with a `cert`, or with a `context`"),
        ({"tls": ("/no/cert", "/no/key", "hunter2")}, "FileNotFoundError"),
        ({}, "by the names of their schemes, or None alone"),
    ],
)
def test_what_is_no_credential(values: Any, words: str) -> None:
    """It is refused, shown nowhere, and nothing of the call is kept."""
    with SyncClient("http://api.test", security_schemes=SCHEMES) as client:
        with pytest.raises(ConfigurationError, match=words) as caught:
            client.authenticate(**{"password": "p", **values} if values else {})
        assert "hunter2" not in str(caught.value)
        assert client._security is not None
        assert client._security._values == {}
        assert repr(client._security).startswith("<Security basicAuth, ")


async def test_what_is_no_credential_when_it_is_read(kind: Kind) -> None:
    """The error names the scheme, which the function does not know."""
    async with Scripted() as server:
        client = api(kind, server.url, security=[{"tokenAuth"}, {"user"}, {"inCookie"}])
        for name, value, words in (
            ("tokenAuth", None, "the token 'tokenAuth' must be text"),
            ("tokenAuth", "ключ", "the token 'tokenAuth' holds"),
            ("user", "", "the key 'user' is empty"),
            ("user", "ключ", "the key 'user' holds"),
            ("inCookie", "a b", "the key 'inCookie' holds what no cookie can"),
        ):
            client.target.authenticate(None)
            client.target.authenticate(**{name: lambda value=value: value})
            with pytest.raises(MissingCredentials, match=words):
                await client.get("/")
        assert server.log == []


def test_authenticate_takes_none_alone_or_names() -> None:
    """And a client must declare something to authenticate with."""
    with SyncClient("http://api.test", security_schemes=SCHEMES) as client:
        with pytest.raises(ConfigurationError, match="or None alone"):
            client.authenticate(None, user="u")
        with pytest.raises(ConfigurationError, match="or None alone"):
            client.authenticate("token")  # type: ignore[arg-type]
        with pytest.raises(
            ConfigurationError, match=r"write `authenticate\(\*\*\.\.\.\)`"
        ) as caught:
            client.authenticate({"user": "hunter2"})  # type: ignore[arg-type]
        assert "hunter2" not in str(caught.value)
    with (
        SyncClient("http://api.test") as client,
        pytest.raises(ConfigurationError, match="declares no `security_schemes`"),
    ):
        client.authenticate(None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"security": [{"basicAut"}]}, "no security scheme 'basicAut'; did you mean 'basicAuth'"),
        ({"security": [{5}]}, "no security scheme 5; "),
        ({"security": "basicAuth"}, "must be a list of alternatives"),
        ({"security": {"basicAuth": []}}, "must be a list of alternatives"),
        ({"security": 5}, "must be a list of alternatives"),
        ({"security": ["basicAuth"]}, "an alternative of `security` must be a set of names"),
        ({"security": [5]}, "an alternative of `security` must be a set of names"),
        ({"security": [[["basicAuth"]]]}, r"no security scheme \['basicAuth'\]; "),
        ({"security": [[{"basicAuth"}]]}, r"no security scheme {'basicAuth'}; "),
        (
            {"security": [["user", "basicAuth", "tokenAuth"]]},
            "'basicAuth' and 'tokenAuth' fill the same header Authorization",
        ),
        ({"security": [["user", "USER"]]}, "'user' and 'USER' fill the same header X-User"),
        ({"security": [["inQuery", "query"]]}, "fill the same parameter of the query 'key'"),
        ({"security": [["inCookie", "cookie"]]}, "fill the same cookie 'key'"),
        ({"security": [["tls", "mutual"]]}, "fill the same certificate of a connection"),
        ({"security": [{"user"}], "bearer_token": "t"}, "bearer_token and security are given"),
        ({"security": [{"user"}], "auth": ("a", "b")}, "auth and security are given together"),
        ({"security_schemes": {"one": BasicScheme}}, "security_schemes.'one'. must be a scheme"),
        ({"security_schemes": {"one": "hunter2"}}, "secrets are given to `authenticate`"),
        ({"security_schemes": 5}, "`security_schemes` must be"),
        ({"security_schemes": {"user": None}, "security": [{"user"}]}, "no security scheme 'user'"),
    ],
)
def test_what_cannot_be_declared(options: Any, words: str) -> None:
    """It is refused at class definition, and for an instance."""
    twice: dict[str, Any] = {
        "USER": ApiKeyScheme("X-USER"),
        "query": ApiKeyScheme("key", location="query", prefix="Token"),
        "cookie": ApiKeyScheme("key", location="cookie"),
        "mutual": MutualTLSScheme(),
    }

    class API(SyncClient, uri="http://api.test", security_schemes={**SCHEMES, **twice}):
        pass

    with pytest.raises(ConfigurationError, match=words) as caught:
        API(**options)
    assert "hunter2" not in str(caught.value)


def test_places_of_one_name_are_places_of_their_own() -> None:
    """A key may go into a header, the query and a cookie, and names of keys have a case."""
    schemes = {
        **SCHEMES,
        "header": ApiKeyScheme("key"),
        "KEY": ApiKeyScheme("KEY", location="query"),
    }
    names = ["header", "inQuery", "KEY", "inCookie", "tls"]
    with SyncClient("http://api.test", security_schemes=schemes, security=[names]) as client:
        assert client.config.security == (tuple(names),)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BearerScheme("Token "), "prefix of a BearerScheme"),
        (lambda: BearerScheme(""), "prefix of a BearerScheme"),
        (lambda: ApiKeyScheme("X", prefix=5), "prefix of an ApiKeyScheme"),  # type: ignore[arg-type]
        (lambda: ApiKeyScheme("X", "body"), "location of an ApiKeyScheme"),  # type: ignore[arg-type]
        (lambda: ApiKeyScheme("Accept"), "kept secret"),
        (lambda: BasicScheme("x"), "BasicScheme"),  # type: ignore[call-arg]
    ],
)
def test_schemes_that_can_never_work(make: Any, words: str) -> None:
    """They are refused when they are made."""
    with pytest.raises(ConfigurationError, match=words):
        make()


def test_classes_add_to_what_their_bases_declare() -> None:
    """Schemes key by key, requirements as a whole."""

    class Base(SyncClient, uri="http://api.test", security_schemes={"a": BasicScheme()}):
        pass

    class API(Base, security_schemes={"b": BearerScheme()}, security=iter([{"a"}, {"b"}])):
        pass

    class Bare(API, security_schemes={"a": None}, security=[{"b"}]):
        pass

    assert list(API.config.security_schemes) == ["a", "b"]
    assert API.config.security == (("a",), ("b",))
    assert list(Bare.config.security_schemes) == ["b"]
    with pytest.raises(ConfigurationError, match="no security scheme 'a'"):

        class Broken(API, security_schemes={"a": None}):
            pass


async def test_copies_have_the_credentials_of_the_moment(kind: Kind) -> None:
    """And those for another origin none."""
    async with Scripted() as server, Scripted() as other:
        client = api(kind, server.url)
        client.target.authenticate(tokenAuth="one")
        copy = client.with_options(timeout=5)
        client.target.authenticate(tokenAuth="two")
        await copy.get("/")
        await client.get("/")
        away = client.with_options(uri=other.url)
        with pytest.raises(MissingCredentials):
            await away.get("/")
        away.target.authenticate(tokenAuth="three")
        await away.get("/")
        changed = {"tokenAuth": BearerScheme("Token")}
        with pytest.raises(MissingCredentials):
            await client.with_options(security_schemes=changed).get("/")
        assert sent(server) == [("Bearer one", None, None), ("Bearer two", None, None)]
        assert sent(other) == [("Bearer three", None, None)]


async def test_nothing_goes_to_another_origin(lane: Lane) -> None:
    """Along with a redirect, or with `foreign=True`, where `security` is refused."""
    async with Scripted() as server, Scripted() as other:
        server.script.append(answer(302, f"Location: {other.url}/"))
        client = api(lane, server.url, security=[{"user", "password"}])
        client.target.authenticate(user="u", password="p")
        await client.get("/")
        await client.get(f"{other.url}/", foreign=True)
        with pytest.raises(ConfigurationError, match="do not go to another origin"):
            await client.get(f"{other.url}/", foreign=True, security=[{"user"}])
        await client.get(f"{other.url}/", foreign=True, security=[])
        assert sent(server) == [(None, "u", "p")]
        assert sent(other) == [(None, None, None)] * 3


async def test_a_built_request_holds_no_credential(kind: Kind) -> None:
    """It has those that are known when it is sent."""
    async with Scripted() as server:
        client = api(kind, server.url)
        early = client.build("GET", "/")
        client.target.authenticate(tokenAuth="one")
        request = client.build("GET", "/")
        client.target.authenticate(tokenAuth="two")
        await client.send(request)
        await client.send(request, security=[])
        await client.send(early)
        assert "one" not in str(request.headers)
        assert sent(server) == [
            ("Bearer two", None, None),
            (None, None, None),
            ("Bearer two", None, None),
        ]
        client.target.authenticate(None)
        with pytest.raises(MissingCredentials):
            await client.send(request)


async def test_a_certificate_has_connections_of_its_own(
    lane: Lane, web: Web, certificate: Certificate, ca_pem: Path
) -> None:
    """Calls that need it show it, others do not; nginx says whom it saw."""
    client = lane.client(
        web.mutual,
        security_schemes=SCHEMES,
        tls=TLS(ca=ca_pem),
    )
    with pytest.raises(HTTPBadRequest):
        await client.get("/echo")
    with pytest.raises(MissingCredentials, match="lacks 'tls'"):
        await client.get("/echo", security=[{"tls"}])
    client.target.authenticate(tls=(certificate.chain, certificate.key), tokenAuth="t")
    for _ in range(2):
        found = await client.get("/echo", security=[{"tls", "tokenAuth"}])
        assert dict(found["headers"])["Authorization"] == "Bearer t"
    with pytest.raises(HTTPBadRequest):
        await client.get("/echo")
    client.target.authenticate(None)
    with pytest.raises(MissingCredentials):
        await client.get("/echo", security=[{"tls"}])


async def test_a_key_with_a_password_and_a_tls_value(
    kind: Kind, tmp_path: Path, certificate: Certificate
) -> None:
    """Against gunicorn; a `TLS` with a context of its own is used as it is."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(certificate.key.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    context = certificate.client_context()
    context.load_cert_chain(certificate.chain, certificate.key)
    own = TLS(ca=certificate.authority)
    with httpbin(certificate, is_mutual=True) as url:
        for value, tls in (
            ((certificate.chain, locked, "sesame"), own),
            (TLS(context=context), own),
            (TLS(ca=certificate.authority, cert=certificate.chain, key=certificate.key), None),
        ):
            options = {} if tls is None else {"tls": tls}
            client = kind.client(
                url, security_schemes={"tls": MutualTLSScheme()}, security=[{"tls"}], **options
            )
            client.target.authenticate(tls=value)
            assert (await client.get("/get"))["url"] == f"{url}/get"
            await client.close()


def test_threads_may_authenticate_at_once() -> None:
    """Nothing that one of them gave is lost, however often they take turns."""
    schemes = {f"s{number}": ApiKeyScheme(f"x-{number}") for number in range(600)}

    def give(names: list[str]) -> None:
        for name in names:
            client.authenticate(**{name: "key"})

    before = sys.getswitchinterval()
    with SyncClient("http://api.test", security_schemes=schemes) as client:
        names = list(schemes)
        threads = [threading.Thread(target=give, args=[names[first::2]]) for first in (0, 1)]
        sys.setswitchinterval(1e-6)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(before)
        security: Any = client._security
        assert security._values.keys() == schemes.keys()


async def test_a_class_of_a_user() -> None:
    """As the guide shows it."""

    class API(AsyncClient, security_schemes=SCHEMES, security=SECURITY):
        pass

    async with Scripted() as server, API(server.url) as client:
        client.authenticate(tokenAuth="t")
        await asyncio.gather(*(client.get("/") for _ in range(3)))
        assert sent(server) == [("Bearer t", None, None)] * 3
        assert isinstance(client.config.security_schemes["tokenAuth"].make("x", "t"), Auth)


async def test_a_digest_is_for_the_target_that_is_sent(kind: Kind) -> None:
    """Whatever the names are, a key in the query is there before it."""
    challenge = answer(401, 'WWW-Authenticate: Digest realm="r", nonce="n"')
    async with Scripted(challenge) as server:
        schemes = {"z": DigestScheme(), "a": ApiKeyScheme("k", location="query")}
        client = kind.client(server.url, security_schemes=schemes, security=[{"z", "a"}])
        client.target.authenticate(z=("ann", "secret"), a="key")
        await client.get("/p")
        assert server.log[1].target == "/p?k=key"
        assert 'uri="/p?k=key"' in server.log[1].headers["Authorization"]


@needs_fork
def test_a_child_that_is_forked_meanwhile_authenticates_too() -> None:
    """Nobody in it holds what a thread of its parent has locked."""
    client = SyncClient("https://api.test", security_schemes={"user": ApiKeyScheme("x-user")})
    security = client._security
    assert security is not None
    with ThreadPoolExecutor(1) as thread:
        thread.submit(security._lock.acquire).result()
        assert in_child(lambda: client.authenticate(user="u")) == ""
        thread.submit(security._lock.release).result()
    client.close()
