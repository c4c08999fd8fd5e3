"""People who log in: the answers that are taken, and those that are not."""

import asyncio
import copy
import json
import os
import pickle
import socket
import struct
import threading
import time
import webbrowser
from collections.abc import Callable
from queue import Queue
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from yarl import URL

from arya_api_framework import SyncClient
from arya_api_framework.auth import (
    DevicePrompt,
    Loopback,
    MemoryTokenStore,
    OAuth2AuthorizationCode,
    OAuth2DeviceCode,
    OAuth2JWTBearer,
    signed_jwt,
)
from arya_api_framework.auth.loopback import _Handler, _Server, open_browser
from arya_api_framework.auth.oauth2_device import _Login
from arya_api_framework.auth.oauth2_login import challenge_of
from arya_api_framework.errors import (
    AuthError,
    CertificateError,
    ConfigurationError,
    ConnectionLost,
    MissingCredentials,
    OAuthStateError,
    RequestTimeout,
    TokenRefreshError,
)
from tests.app import Server
from tests.conftest import Kind, needs_fork
from tests.forks import in_child
from tests.patience import LATE, until_async
from tests.redis_server import free_port
from tests.scripted import CLOSE, HANG, Held, Scripted, Step, answer
from tests.servers import Certificate

AUTHORIZE = "https://login.test/authorize?tenant=1"


def gives(**values: Any) -> bytes:
    """Return an answer in JSON."""
    return answer(200, body=json.dumps(values).encode())


def says(code: str) -> bytes:
    """Return an error of a token endpoint."""
    return answer(400, body=json.dumps({"error": code}).encode())


def token(text: str, **more: Any) -> bytes:
    """Return the answer that holds a token."""
    return gives(access_token=text, token_type="Bearer", expires_in=3600, **more)


def login(url: str = "https://login.test/token", **options: Any) -> OAuth2AuthorizationCode:
    """Return an object for one person."""
    given = {"authorization_url": AUTHORIZE, "token_url": url, "client_id": "notes", **options}
    return OAuth2AuthorizationCode(**given)


async def show_later(prompt: DevicePrompt) -> None:
    """Would never be awaited."""


def come_back(auth: OAuth2AuthorizationCode) -> None:
    """Do what a person does: log in, and bring the code."""
    begun = auth.begin("https://app.test/back")
    auth.finish(begun, f"https://app.test/back?state={begun.state}&code=1")


# The authorization code


def test_the_challenge_of_the_specification() -> None:
    """RFC 7636 appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_where_a_person_is_sent() -> None:
    """To the authorization endpoint, whose own query stays (RFC 6749 3.1)."""
    auth = login(scopes=["a", "b"], authorization_parameters={"access_type": "offline"})
    begun = auth.begin("https://app.test/back")
    url = URL(begun.url)
    assert str(url.with_query(None)) == "https://login.test/authorize"
    assert dict(url.query) == {
        "tenant": "1",
        "access_type": "offline",
        "response_type": "code",
        "client_id": "notes",
        "redirect_uri": "https://app.test/back",
        "scope": "a b",
        "state": begun.state,
        "code_challenge": challenge_of(begun.verifier),
        "code_challenge_method": "S256",
    }
    other = auth.begin("https://app.test/back")
    assert begun.state != other.state
    assert begun.verifier != other.verifier
    assert 43 <= len(begun.verifier) <= 128


def test_a_login_that_has_begun_shows_nothing() -> None:
    """Nor is it pickled."""
    begun = login().begin("https://app.test/back")
    assert repr(begun) == "Authorization(redirect_uri='https://app.test/back')"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(begun)


@pytest.mark.parametrize(
    ("query", "kind", "words"),
    [
        ("code=c0de&state=other", OAuthStateError, "its `state` is another one, or missing"),
        ("code=c0de", OAuthStateError, "its `state` is another one, or missing"),
        ("code=c0de&state={state}&state=x", OAuthStateError, "its `state` is another one"),
        ("code=c0de&state=é", OAuthStateError, "its `state` is another one"),
        ("code=c0de&state={state}&code=x", TokenRefreshError, "names a parameter twice"),
        ("code=c0de&state={state}", TokenRefreshError, "of another issuer, or names none"),
        ("code=c0de&state={state}&iss=https://eve.test", TokenRefreshError, "of another issuer"),
        ("state={state}&iss=https://login.test", TokenRefreshError, "holds no code"),
        ("code=&state={state}&iss=https://login.test", TokenRefreshError, "holds no code"),
        (
            "error=access_denied&error_description=not%20{state}&state={state}&iss=https://login.test",
            TokenRefreshError,
            r"refused, access_denied: not \*\*\*",
        ),
    ],
)
async def test_an_answer_that_is_not_taken(kind: type[AuthError], query: str, words: str) -> None:
    """Nothing is sent, and nothing of it is shown."""
    async with Scripted(token("t")) as tokens:
        auth = login(f"{tokens.url}/token", issuer="https://login.test")
        begun = auth.begin("https://app.test/back")
        with pytest.raises(kind, match=words) as caught:
            auth.finish(begun, f"https://app.test/back?{query.format(state=begun.state)}")
        assert begun.state not in str(caught.value)
        assert "c0de" not in str(caught.value)
        client = SyncClient("https://api.test", auth=auth)
        with client, pytest.raises(TokenRefreshError, match="nobody has logged in"):
            client.get("/")
        assert tokens.log == []


async def test_a_code_is_redeemed_with_its_verifier(kind: Kind) -> None:
    """And a new login takes the place of the token that is there, and of its refresh token."""
    script = [token("a", refresh_token="r"), token("b")]
    async with Scripted(*script) as tokens, Scripted(answer(200), answer(200), answer(401)) as api:
        auth = login(f"{tokens.url}/token", client_secret="s3cret")
        client = kind.client(api.url, auth=auth)
        begun = auth.begin("https://app.test/back")
        back = f"https://app.test/back?state={begun.state}&code="
        for code in ("1", "2"):
            auth.finish(begun, f"{back}{code}")
            await client.get("/")
        assert [read.headers["Authorization"] for read in api.log] == ["Bearer a", "Bearer b"]
        forms = [dict(URL(f"?{read.body.decode()}").query) for read in tokens.log]
        assert forms == [
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": "https://app.test/back",
                "code_verifier": begun.verifier,
            }
            for code in ("1", "2")
        ]
        with pytest.raises(TokenRefreshError, match="refuses a token that was given just now"):
            await client.get("/")


async def test_a_refresh_token_is_used_until_it_is_refused(kind: Kind) -> None:
    """A server that fails does not have the person log in again."""
    script = [
        token("a", refresh_token="r"),
        answer(500, "Retry-After: 100"),
        says("invalid_grant"),
    ]
    async with Scripted(*script) as tokens, Scripted(answer(200), *[answer(401)] * 9) as api:
        auth = login(f"{tokens.url}/token")
        come_back(auth)
        client = kind.client(api.url, auth=auth)
        await client.get("/")
        with pytest.raises(TokenRefreshError, match="answered 500"):
            await client.get("/")
        auth._failure = None  # As a second later.
        with pytest.raises(TokenRefreshError, match="nobody has logged in"):
            await client.get("/")
        assert len(tokens.log) == 3


@pytest.mark.parametrize(
    ("script", "cause"),
    [([says("invalid_grant")], "invalid_grant"), ([gives(error="invalid_grant")], "invalid_grant")],
)
async def test_a_refresh_token_that_is_over(kind: Kind, script: list[bytes], cause: str) -> None:
    """The person is needed again, and the error says what came before, though it came with 200."""
    start = token("a", refresh_token="r")
    async with Scripted(start, *script) as tokens, Scripted(answer(200), answer(401)) as api:
        auth = login(f"{tokens.url}/token")
        come_back(auth)
        client = kind.client(api.url, auth=auth)
        await client.get("/")
        with pytest.raises(TokenRefreshError, match="nobody has logged in") as caught:
            await client.get("/")
        assert cause in str(caught.value.__cause__)


@pytest.mark.parametrize("refusal", [says("invalid_client"), answer(400, body=b"<html>")])
async def test_a_refresh_that_fails(kind: Kind, refusal: bytes) -> None:
    """In a way that no person can change: nobody is asked."""
    start = token("a", refresh_token="r")
    async with Scripted(start, refusal) as tokens, Scripted(answer(200), answer(401)) as api:
        auth = login(f"{tokens.url}/token", scopes=["a"])
        come_back(auth)
        client = kind.client(api.url, auth=auth)
        await client.get("/")
        with pytest.raises(TokenRefreshError, match="answered 400"):
            await client.get("/")
        # The person may have allowed less than was asked (RFC 6749 6).
        assert not any(b"scope" in read.body for read in tokens.log)


async def test_a_login_while_a_token_is_fetched(kind: Kind) -> None:
    """A call that begins after it is not sent as who was there before."""
    held = Held(token("old"))
    start = token("a", refresh_token="r")
    async with Scripted(start, held, token("new")) as tokens, Scripted() as api:
        api.script[:] = [answer(200), answer(401)]
        auth = login(f"{tokens.url}/token")
        begun = auth.begin("https://app.test/back")
        back = f"https://app.test/back?state={begun.state}&code="
        auth.finish(begun, f"{back}1")
        client = kind.client(api.url, auth=auth)
        await client.get("/")
        before = asyncio.ensure_future(client.get("/before"))
        await until_async(lambda: len(tokens.log) == 2)
        auth.finish(begun, f"{back}2")
        after = asyncio.ensure_future(client.get("/after"))
        await asyncio.sleep(0.1)  # So that it waits, most likely.
        held.free()
        await asyncio.gather(before, after)
        sent = {read.target: read.headers["Authorization"] for read in api.log}
        assert sent["/after"] == "Bearer new"
        await client.get("/later")
        assert api.log[-1].headers["Authorization"] == "Bearer new"


@pytest.mark.parametrize("is_sent", [False, True])
async def test_a_code_that_could_not_be_redeemed(kind: Kind, is_sent: bool) -> None:
    """It is kept if it was not sent; else it may be used up."""
    async with Scripted(*[CLOSE] * 9) as tokens:
        url = tokens.url if is_sent else f"http://127.0.0.1:{free_port()}"
        auth = login(url)
        come_back(auth)
        with pytest.raises(TokenRefreshError, match="no token could be fetched"):
            await kind.client("https://api.test", auth=auth).get("/")
        assert (auth._answer is None) is is_sent


def test_an_answer_to_the_login_of_another() -> None:
    """Nobody is logged in as somebody else, or at another server, whatever the state is."""
    begun = login(subject="ann").begin("https://app.test/back")
    back = f"https://app.test/back?code=1&state={begun.state}"
    for other in (login(subject="ben"), login("https://other.test/token", subject="ann")):
        with pytest.raises(OAuthStateError):
            other.finish(begun, back)
    with pytest.raises(OAuthStateError, match="is no URL"):
        login(subject="ann").finish(begun, "https://[::1/?code=1")
    login(subject="ann").finish(begun, back)


def test_people_who_share_a_store() -> None:
    """Have tokens of their own, and must be told apart."""
    store = MemoryTokenStore()
    assert login(store=store, subject="ann").key != login(store=store, subject="ben").key
    with pytest.raises(ConfigurationError, match="with a store needs `subject`"):
        login(store=store)
    login(store=store, loopback=Loopback())


@pytest.mark.parametrize("uri", ["com.example.app:/back", "http://localhost:8000/back"])
def test_where_else_a_person_comes_back_to(uri: str) -> None:
    """An app (RFC 8252 7.1), or this machine."""
    assert URL(login().begin(uri).url).query["redirect_uri"] == uri


@pytest.mark.parametrize(
    "uri",
    [
        "/back",
        "https://app.test/back#here",
        "http://app.test/back",
        "https://ann:hunter2@app.test/",
        "https:/back",
        "javascript:alert(1)",
        "https://[::1",
    ],
)
def test_where_nobody_comes_back_to(uri: str) -> None:
    """RFC 6749 3.1.2."""
    with pytest.raises(ConfigurationError, match="redirect_uri must be an absolute URI"):
        login().begin(uri)


# The answer on this machine


async def test_many_calls_open_one_browser(kind: Kind) -> None:
    """And the page says what the browser may be told."""
    pages: Queue[requests.Response] = Queue()

    def open_url(url: str) -> None:
        query = URL(url).query
        back = URL(query["redirect_uri"])
        right = {"state": query["state"], "code": "c0de"}
        for one in (
            back.with_path("/favicon.ico"),
            back.with_query(code="eve's", state="<b>x"),
            back.with_query(right),
        ):
            pages.put(requests.get(str(one), timeout=LATE))

    async with Scripted(token("t")) as tokens, Scripted() as api:
        auth = login(f"{tokens.url}/token", loopback=Loopback(open_url=open_url, path="/back"))
        client = kind.client(api.url, auth=auth)
        await asyncio.gather(*(client.get("/") for _ in range(20)))
        unknown, wrong, right = [pages.get(timeout=LATE) for _ in range(3)]
        assert [unknown.status_code, wrong.status_code, right.status_code] == [404, 400, 200]
        assert "<b>x" not in wrong.text
        assert right.headers["Cache-Control"] == "no-store"
        assert len(tokens.log) == 1
        assert b"code=c0de" in tokens.log[0].body


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"error": "access_denied"}, "refused, access_denied"),
        ({}, "holds no code"),
    ],
)
async def test_a_login_that_is_refused(kind: Kind, query: dict[str, str], words: str) -> None:
    """The program says why, and the page that it does."""
    pages: Queue[str] = Queue()

    def open_url(url: str) -> None:
        given = URL(url).query
        back = URL(given["redirect_uri"]).with_query(state=given["state"], **query)
        pages.put(requests.get(str(back), timeout=LATE).text)

    auth = login(loopback=Loopback(open_url=open_url))
    with pytest.raises(TokenRefreshError, match=words):
        await kind.client("https://api.test", auth=auth).get("/")
    assert "The program says why" in pages.get(timeout=LATE)


async def test_nobody_comes_back(kind: Kind) -> None:
    """The error says what came in their place."""
    done = threading.Event()

    def open_url(url: str) -> None:
        back = URL(url).query["redirect_uri"]
        requests.get(f"{back}?state=other", timeout=LATE)
        done.set()

    auth = login(loopback=Loopback(open_url=open_url, timeout=0.5))
    with pytest.raises(TokenRefreshError, match=r"within 0.5 s; the answer is not to this login"):
        await kind.client("https://api.test", auth=auth).get("/")
    assert done.wait(LATE)


async def test_a_browser_that_cannot_be_opened(kind: Kind) -> None:
    """Its own error is the cause."""

    def open_url(url: str) -> None:
        raise OSError("no display")

    auth = login(loopback=Loopback(open_url=open_url))
    with pytest.raises(TokenRefreshError, match="browser for the login could not") as caught:
        await kind.client("https://api.test", auth=auth).get("/")
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_port_that_is_taken(kind: Kind) -> None:
    """By another program, for example another one that waits."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        auth = login(loopback=Loopback(port=taken.getsockname()[1]))
        with pytest.raises(TokenRefreshError, match="no answer to a login can be received at"):
            await kind.client("https://api.test", auth=auth).get("/")


async def test_calls_that_end_while_a_person_logs_in(kind: Kind) -> None:
    """The next one goes on with their login, and opens no second browser."""
    urls: list[URL] = []
    port = free_port()
    loopback = Loopback(port=port, host="localhost", open_url=lambda url: urls.append(URL(url)))
    async with Scripted(token("t")) as tokens, Scripted() as api:
        auth = login(f"{tokens.url}/token", loopback=loopback)
        client = kind.client(api.url, auth=auth)
        for _ in range(2):
            calls = [client.get("/", timeout=0.3) for _ in range(5)]
            for error in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(error, RequestTimeout)
        (url,) = urls
        assert url.query["redirect_uri"] == f"http://localhost:{port}/"
        back = f"http://127.0.0.1:{port}/?code=c0de&state={url.query['state']}"
        page = await asyncio.to_thread(requests.get, back, timeout=LATE)
        assert page.status_code == 200
        await client.get("/")
        assert api.log[0].headers["Authorization"] == "Bearer t"


async def test_a_browser_that_hangs_up_early(kind: Kind) -> None:
    """Before it has read the page: its answer counts."""

    def open_url(url: str) -> None:
        query = URL(url).query
        back = URL(query["redirect_uri"])
        with socket.create_connection(("127.0.0.1", back.port or 0)) as browser:
            browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            target = back.with_query(state=query["state"], code="c0de").raw_path_qs
            browser.sendall(f"GET {target} HTTP/1.1\r\n\r\n".encode())

    async with Scripted(token("t")) as tokens, Scripted() as api:
        auth = login(f"{tokens.url}/token", loopback=Loopback(open_url=open_url))
        await kind.client(api.url, auth=auth).get("/", timeout=LATE)
        assert len(api.log) == 1


async def test_a_login_leaves_its_port(kind: Kind) -> None:
    """With connections on which nothing came, which the next login would lose its answer to."""
    port = free_port()
    silent: Queue[socket.socket] = Queue()

    def open_url(url: str) -> None:
        silent.put(socket.create_connection(("127.0.0.1", port)))

    loopback = Loopback(port=port, open_url=open_url, timeout=0.5)
    client = kind.client("https://api.test", auth=login(loopback=loopback))
    for _ in range(2):
        with pytest.raises(TokenRefreshError, match="nobody has logged in within"):
            await client.get("/")
        with silent.get(timeout=LATE) as connection:
            connection.settimeout(LATE)
            assert await asyncio.to_thread(connection.recv, 1) == b""
        client = kind.client("https://api.test", auth=login(loopback=loopback))


async def test_an_answer_when_the_login_is_over() -> None:
    """It is not taken, and the page says so."""
    taken: list[str] = []
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.path, server.finish = "/", taken.append
        server.settle()
        url = f"http://127.0.0.1:{server.server_port}/?code=1"
        page, _ = await asyncio.gather(
            asyncio.to_thread(requests.get, url, timeout=LATE),
            asyncio.to_thread(server.handle_request),
        )
    assert page.status_code == 410
    assert taken == []


@needs_fork
async def test_a_child_that_is_forked_during_a_login() -> None:
    """It holds neither the port nor what came."""
    port = free_port()
    auth = login(loopback=Loopback(port=port, open_url=lambda _: None))
    come_back(auth)
    loopback = auth._loopback
    assert loopback is not None
    auth._listener = loopback.listen(auth)
    descriptor = auth._listener._server.fileno()

    def look() -> None:
        assert auth._answer is None
        assert auth._listener is None
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)

    assert in_child(look) == ""
    assert auth._answer is not None
    auth._listener._server.settle()


@pytest.mark.parametrize(
    ("program", "told"),
    [("true", "Log in at https://login.test/\n"), ("false", "Log in at https://login.test/\n")],
)
def test_a_browser_is_opened(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    program: str,
    told: str,
) -> None:
    """And the person is told where to go, as there may be none, or it may fail."""
    monkeypatch.setattr(webbrowser, "_tryorder", ["one"])
    monkeypatch.setattr(
        webbrowser, "_browsers", {"one": [None, webbrowser.GenericBrowser(program)]}
    )
    open_browser("https://login.test/")
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"port": -1}, "port of a Loopback must be"),
        ({"port": True}, "port of a Loopback must be"),
        ({"port": "80"}, "port of a Loopback must be"),
        ({"host": "0.0.0.0"}, "host of a Loopback must be"),
        ({"path": "back"}, "path of a Loopback must be"),
        ({"path": "/back?x"}, "path of a Loopback must be"),
        ({"path": "//back"}, "path of a Loopback must be"),
        ({"path": "/a/../back"}, "path of a Loopback must be"),
        ({"path": ""}, "path of a Loopback must be"),
        ({"open_url": None}, "open_url of a Loopback must be a plain"),
        ({"open_url": show_later}, "open_url of a Loopback must be a plain"),
        ({"timeout": 0}, "timeout of a Loopback must be"),
    ],
)
def test_a_loopback_that_can_never_work(options: Any, words: str) -> None:
    """It is refused when it is made."""
    with pytest.raises(ConfigurationError, match=words):
        Loopback(**options)


def test_an_authorization_endpoint_in_the_clear() -> None:
    """Is refused, as a token endpoint is."""
    with pytest.raises(ConfigurationError, match=r"authorization_url of .* must be https"):
        login(authorization_url="http://login.test/authorize")


# Devices


BEGUN = {"device_code": "d3vice", "user_code": "ABCD-EFGH", "verification_uri": "https://a.test/d"}


def device(url: str, show: Callable[[DevicePrompt], object], **options: Any) -> OAuth2DeviceCode:
    """Return an object for a device."""
    given = {"client_id": "tv", **options}
    auth = OAuth2DeviceCode(
        device_url=f"{url}/device", token_url=f"{url}/token", show=show, **given
    )
    auth._least_interval = 0.01
    return auth


async def test_what_a_device_sends(kind: Kind) -> None:
    """RFC 8628 3.1 and 3.4; a lost answer is asked for again, later."""
    prompts: list[DevicePrompt] = []
    script: list[Step] = [
        gives(**BEGUN, interval=0.01),
        says("authorization_pending"),
        CLOSE,
        token("t"),
    ]
    async with Scripted(*script) as tokens, Scripted() as api:
        auth = device(tokens.url, prompts.append, scopes=["a"], parameters={"audience": "x"})
        await kind.client(api.url, auth=auth).get("/")
        assert api.log[0].headers["Authorization"] == "Bearer t"
        assert [read.target for read in tokens.log] == ["/device"] + ["/token"] * 3
        assert tokens.log[0].body == b"audience=x&scope=a&client_id=tv"
        assert dict(URL(f"?{tokens.log[3].body.decode()}").query) == {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": "d3vice",
            "audience": "x",
            "client_id": "tv",
        }
    assert prompts[0].expires_in == 1800


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            [
                gives(**BEGUN, interval=0, expires_in=0.1),
                says("slow_down"),
                says("authorization_pending"),
            ],
            "logged in within 0.1 s",
        ),
        ([gives(**BEGUN, interval=0), says("expired_token")], "expired_token"),
        ([gives(**BEGUN | {"user_code": "A\x1b[2J"})], "gave no device_code, user_code and"),
        ([gives(**BEGUN | {"verification_uri": "javascript:x"})], "gave no device_code"),
        ([gives(**BEGUN | {"verification_uri": "https://["})], "gave no device_code"),
        ([gives(**BEGUN | {"verification_uri": 5})], "gave no device_code"),
        ([gives(**BEGUN | {"verification_uri": "https://a.test/ or b"})], "gave no device_code"),
        ([gives(**BEGUN | {"verification_uri": "https://a.test@b.test/"})], "gave no device_code"),
        ([gives(**BEGUN | {"verification_uri": "https:"})], "gave no device_code"),
        ([gives(**BEGUN | {"user_code": "x" * 65})], "gave no device_code"),
        ([gives(**BEGUN, interval="soon")], "an interval that is no number of seconds"),
        ([gives(**BEGUN, expires_in=-1)], "an expires_in that is no number of seconds"),
        ([answer(200, body=b"<html>")], "gave no JSON object"),
        ([says("unauthorized_client")], "unauthorized_client"),
    ],
)
async def test_a_device_that_gets_none(kind: Kind, script: list[bytes], words: str) -> None:
    """The error says what went wrong, and shows no code."""
    async with Scripted(*script) as tokens, Scripted() as api:
        auth = device(tokens.url, lambda _: None)
        with pytest.raises(TokenRefreshError, match=words) as caught:
            await kind.client(api.url, auth=auth).get("/")
        assert "d3vice" not in str(caught.value)
        assert api.log == []


@pytest.mark.parametrize("then", [HANG, says("authorization_pending")])
async def test_a_call_that_ends_while_a_device_waits(kind: Kind, then: Step) -> None:
    """By its own time: the device does not go on."""
    script: list[Step] = [gives(**BEGUN, interval=0.01), *[then] * 99]
    async with Scripted(*script) as at:
        client = kind.client("https://api.test", auth=device(at.url, lambda _: None), timeout=0.5)
        with pytest.raises(RequestTimeout):
            await client.get("/")


async def test_calls_that_end_while_a_device_waits(kind: Kind) -> None:
    """The next one goes on with the same code; a poll of a minute ago has made it no faster."""
    prompts: list[DevicePrompt] = []
    script: list[Step] = [gives(**BEGUN, interval=0.01), *[says("authorization_pending")] * 3]
    script += [answer(429, body=b'{"error": "slow_down"}')]
    async with Scripted(*script) as at, Scripted() as api:
        auth = device(at.url, prompts.append)
        client = kind.client(api.url, auth=auth)
        with pytest.raises(RequestTimeout):
            await client.get("/", timeout=0.5)
        assert [read.target for read in at.log] == ["/device"] + ["/token"] * 4
        assert auth._login is not None
        assert auth._login.interval == pytest.approx(5.01)
        auth._login.interval = 0.01
        at.script[:] = [token("t")]
        await client.get("/")
        assert len(prompts) == 1
        assert auth._login is None


async def test_a_device_that_cannot_trust_the_server(kind: Kind, certificate: Certificate) -> None:
    """It does not poll on: that would not help."""
    with Server(tls=certificate.server_context()) as server:
        auth = device(server.at("localhost"), lambda _: None)
        auth._login = _Login("d3vice", 60, time.monotonic() + 60, 0.01)
        with pytest.raises(TokenRefreshError) as caught:
            await kind.client("https://api.test", auth=auth).get("/")
        assert isinstance(caught.value.__cause__, CertificateError)


async def test_a_server_that_is_gone_while_a_device_waits(kind: Kind) -> None:
    """The error has the reason with it, and the polls become fewer."""
    async with Scripted(gives(**BEGUN, expires_in=0.5), *[CLOSE] * 99) as at:
        with pytest.raises(TokenRefreshError, match=r"within 0\.5 s") as caught:
            await kind.client("https://api.test", auth=device(at.url, lambda _: None)).get("/")
        assert isinstance(caught.value.__cause__, ConnectionLost)
        assert len(at.log) < 12


def test_what_a_person_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """By default, on standard error."""
    from arya_api_framework.auth.oauth2_device import print_prompt

    print_prompt(DevicePrompt("ABCD", "https://a.test/d", None, 60))
    assert capsys.readouterr().err == "Open https://a.test/d and enter the code ABCD\n"


class ShowLater:
    """The same as an object."""

    async def __call__(self, prompt: DevicePrompt) -> None:
        """Would never be awaited."""


@pytest.mark.parametrize("show", [None, show_later, ShowLater()])
def test_a_prompt_that_nobody_sees(show: Any) -> None:
    """It is refused when it is made."""
    with pytest.raises(ConfigurationError, match="show of OAuth2DeviceCode must be a plain"):
        device("https://login.test", show)


# Signed JWTs

PUBLIC = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def test_assertions_that_share_a_store() -> None:
    """Tokens for one are not those for another, which their claims tell."""

    def key_of(assertion: Any, **options: Any) -> str:
        return OAuth2JWTBearer(
            assertion,
            token_url="https://login.test/token",
            client_id=None,
            store=MemoryTokenStore(),
            **options,
        ).key

    def made(**options: Any) -> Any:
        given = {"issuer": "bot", "audience": "x", "algorithm": "HS256", **options}
        return signed_jwt("s" * 32, **given)

    others = [made(subject="ann"), made(claims={"scope": "admin"}), made(key_id="2"), "a.b.c"]
    assert len({key_of(one) for one in [made(), *others]}) == 5
    assert key_of(made()) == key_of(copy.deepcopy(copy.copy(made())))
    assert key_of(lambda: "a", subject="ann") != key_of(lambda: "a", subject="ben")
    with pytest.raises(ConfigurationError, match="with a store needs `subject`"):
        key_of(lambda: "a")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key": "hunter2"}, "cannot sign with RS256 and this key"),
        ({"key": ""}, "cannot sign with RS256"),
        ({"key": 5}, "cannot sign with RS256"),
        ({"algorithm": "none"}, "algorithm of signed_jwt must be one of"),
        ({"lifetime": 0}, "lifetime of signed_jwt must be"),
        ({"lifetime": 0.5}, "lifetime of signed_jwt must be 1 s at least"),
        ({"claims": 5}, "claims of signed_jwt must be a mapping"),
        ({"key": PUBLIC}, "cannot sign with RS256"),
        ({"algorithm": "HS256", "key": "h" * 32, "claims": {"x": {1}}}, "claims that JSON can"),
    ],
)
def test_a_jwt_that_can_never_be_made(options: Any, words: str) -> None:
    """It is refused when it is given; the key is not shown."""
    given = {"key": "k", "issuer": "a", "audience": "b", **options}
    with pytest.raises(ConfigurationError, match=words) as caught:
        signed_jwt(given.pop("key"), **given)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None or "hunter2" not in str(caught.value.__context__)


async def test_a_key_that_is_read_late(kind: Kind) -> None:
    """And is none."""
    made = signed_jwt(lambda: "hunter2", issuer="a", audience="b")
    assert repr(made) == "<signed_jwt RS256>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(made)
    auth = OAuth2JWTBearer(made, token_url="https://login.test/token", client_id=None)
    with pytest.raises(MissingCredentials, match="cannot sign with RS256") as caught:
        await kind.client("https://api.test", auth=auth).get("/")
    assert "hunter2" not in str(caught.value)


def test_without_pyjwt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setattr("arya_api_framework.auth.oauth2_jwt.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"arya-api-framework\[jwt\]"):
        signed_jwt("k", issuer="a", audience="b")
