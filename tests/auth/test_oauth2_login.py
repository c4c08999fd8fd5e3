"""People who log in: the answers that are taken, and those that are not."""

import asyncio
import json
import pickle
import socket
import threading
import webbrowser
from collections.abc import Callable
from queue import Queue
from typing import Any

import pytest
import requests
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
from arya_api_framework.auth.loopback import open_browser
from arya_api_framework.auth.oauth2_login import challenge_of
from arya_api_framework.errors import (
    AuthError,
    ConfigurationError,
    MissingCredentials,
    OAuthStateError,
    RequestTimeout,
    TokenRefreshError,
)
from tests.conftest import Kind
from tests.patience import LATE
from tests.redis_server import free_port
from tests.scripted import CLOSE, HANG, Scripted, Step, answer

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
        ("code=c0de&state={state}&state=x", OAuthStateError, "names a parameter twice"),
        ("code=c0de&state={state}", OAuthStateError, "of another issuer, or names none"),
        ("code=c0de&state={state}&iss=https://eve.test", OAuthStateError, "of another issuer"),
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
        with pytest.raises(TokenRefreshError, match="nobody has logged in"):
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
        begun = auth.begin("https://app.test/back")
        auth.finish(begun, f"https://app.test/back?state={begun.state}&code=1")
        client = kind.client(api.url, auth=auth)
        await client.get("/")
        with pytest.raises(TokenRefreshError, match="answered 500"):
            await client.get("/")
        auth._failure = None  # As a second later.
        with pytest.raises(TokenRefreshError, match="nobody has logged in"):
            await client.get("/")
        assert len(tokens.log) == 3


def test_people_who_share_a_store() -> None:
    """Have tokens of their own."""
    store = MemoryTokenStore()
    assert login(store=store, subject="ann").key != login(store=store, subject="ben").key


@pytest.mark.parametrize("uri", ["/back", "https://app.test/back#here"])
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


async def test_a_call_that_ends_while_a_person_logs_in(kind: Kind) -> None:
    """Nothing listens any more, so that the next one can."""
    urls: list[URL] = []
    port = free_port()
    loopback = Loopback(port=port, host="localhost", open_url=lambda url: urls.append(URL(url)))
    client = kind.client("https://api.test", auth=login(loopback=loopback), timeout=0.3)
    for _ in range(2):
        with pytest.raises(RequestTimeout, match="waiting for its authentication"):
            await client.get("/")
    assert [url.query["redirect_uri"] for url in urls] == [f"http://localhost:{port}/"] * 2
    with socket.socket() as free:
        assert free.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize(
    ("program", "told"),
    [("true", ""), ("false", "Open this address to log in:\nhttps://login.test/\n")],
)
def test_a_browser_is_opened(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    program: str,
    told: str,
) -> None:
    """Where there is none, the person is told where to go."""
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
        ({"path": "back"}, "path of a Loopback must start"),
        ({"path": "/back?x"}, "path of a Loopback must start"),
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
    return OAuth2DeviceCode(
        device_url=f"{url}/device", token_url=f"{url}/token", show=show, **given
    )


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
            "scope": "a",
            "client_id": "tv",
        }
    assert prompts[0].expires_in == float("inf")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([gives(**BEGUN, interval=0, expires_in=0.1), says("slow_down")], "logged in within 0.1 s"),
        ([gives(**BEGUN, interval=0), says("expired_token")], "expired_token"),
        ([gives(**BEGUN | {"user_code": "A\x1b[2J"})], "gave no device_code, user_code and"),
        ([gives(**BEGUN | {"verification_uri": "javascript:x"})], "gave no device_code"),
        ([gives(**BEGUN | {"verification_uri": "https://["})], "gave no device_code"),
        ([gives(**BEGUN | {"verification_uri": 5})], "gave no device_code"),
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


def test_what_a_person_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """By default, on standard error."""
    from arya_api_framework.auth.oauth2_device import print_prompt

    print_prompt(DevicePrompt("ABCD", "https://a.test/d", None, 60))
    assert capsys.readouterr().err == "Open https://a.test/d and enter the code ABCD\n"


async def show_later(prompt: DevicePrompt) -> None:
    """Would never be awaited."""


@pytest.mark.parametrize("show", [None, show_later])
def test_a_prompt_that_nobody_sees(show: Any) -> None:
    """It is refused when it is made."""
    with pytest.raises(ConfigurationError, match="show of OAuth2DeviceCode must be a plain"):
        device("https://login.test", show)


# Signed JWTs


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key": "hunter2"}, "cannot sign with RS256 and this key"),
        ({"key": ""}, "cannot sign with RS256"),
        ({"key": 5}, "cannot sign with RS256"),
        ({"algorithm": "none"}, "algorithm of signed_jwt must be one of"),
        ({"lifetime": 0}, "lifetime of signed_jwt must be"),
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
