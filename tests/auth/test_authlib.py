"""OAuth 2 against an authorization server of others."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import jwt
import pytest
import requests
from yarl import URL

from arya_api_framework.auth import (
    Authorization,
    BearerAuth,
    DevicePrompt,
    Loopback,
    MemoryTokenStore,
    OAuth2AuthorizationCode,
    OAuth2ClientCredentials,
    OAuth2DeviceCode,
    OAuth2JWTBearer,
    OAuth2RefreshToken,
    signed_jwt,
)
from arya_api_framework.errors import TokenRefreshError
from tests.auth.authorization_server import KEY, Issued, authorization_server
from tests.conftest import Kind
from tests.patience import LATE
from tests.scripted import Scripted, answer


@pytest.fixture
def issued() -> Iterator[Issued]:
    """What an authorization server gives."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with authorization_server() as issued:
        yield issued


def options(issued: Issued, **more: Any) -> dict[str, Any]:
    """Return the arguments that it knows the client by."""
    return {"token_url": issued.url, "client_id": "shop", "client_secret": "s3cret-of-shop", **more}


@pytest.mark.parametrize("client_auth", ["basic", "post"])
async def test_client_credentials(kind: Kind, issued: Issued, client_auth: str) -> None:
    """It takes the secret in both ways, and gives what is asked for."""
    async with Scripted(answer(401)) as server:
        auth = OAuth2ClientCredentials(
            **options(issued, client_auth=client_auth, scopes=["orders", "read"])
        )
        await kind.client(server.url, auth=auth).get("/")
        sent = [read.headers["Authorization"] for read in server.log]
        assert sent == [f"Bearer {token['access_token']}" for token in issued.tokens]
        assert len(sent) == 2
        assert issued.tokens[0]["scope"] == "orders read"


async def test_a_refresh_token_is_rotated(kind: Kind, issued: Issued) -> None:
    """Each is good once."""
    async with Scripted(*[answer(401), answer(200)] * 3) as server:
        store = MemoryTokenStore()
        auth = OAuth2RefreshToken("first", **options(issued, store=store))
        client = kind.client(server.url, auth=auth)
        for _ in range(3):
            await client.get("/")
        assert len(issued.tokens) == 4
        assert server.log[-1].headers["Authorization"] == (
            f"Bearer {issued.tokens[-1]['access_token']}"
        )
        assert list(issued.refresh_tokens) == [issued.tokens[-1]["refresh_token"]]


async def test_what_it_refuses(kind: Kind, issued: Issued) -> None:
    """The error says what it says."""
    async with Scripted() as server:
        for auth, words in (
            (OAuth2ClientCredentials(**options(issued, client_secret="no")), "invalid_client"),
            (OAuth2RefreshToken("no", **options(issued)), "invalid_grant"),
        ):
            with pytest.raises(TokenRefreshError, match=words) as caught:
                await kind.client(server.url, auth=auth).get("/")
            assert caught.value.refused
        assert server.log == []


# A person with a browser


def come_back(url: str) -> None:
    """Do as a browser does: log in, and follow where that leads to."""
    page = requests.get(url, timeout=LATE)
    assert page.status_code == 200, page.text
    assert "The program goes on" in page.text


def log_in(url: str) -> str:
    """Return where a person who has logged in is sent."""
    return requests.get(url, allow_redirects=False, timeout=LATE).headers["Location"]


async def test_a_program_of_the_command_line_logs_a_person_in(kind: Kind, issued: Issued) -> None:
    """Once, for as long as the refresh token lasts; with PKCE, which the server demands."""
    opened: list[str] = []

    def open_url(url: str) -> None:
        opened.append(url)
        come_back(url)

    async with Scripted(answer(200), answer(401), answer(200)) as server:
        auth = OAuth2AuthorizationCode(
            authorization_url=f"{issued.root}/authorize",
            loopback=Loopback(open_url=open_url),
            **options(issued, client_secret=None, scopes=["orders"]),
        )
        client = kind.client(server.url, auth=auth)
        await client.get("/")
        await client.get("/")
        assert [read.headers["Authorization"] for read in server.log] == [
            f"Bearer {issued.tokens[n]['access_token']}" for n in (0, 0, 1)
        ]
        assert len(opened) == 1
        assert issued.codes == {}
        query = URL(opened[0]).query
        assert query["code_challenge_method"] == "S256"
        assert query["redirect_uri"].startswith("http://127.0.0.1:")


async def test_a_web_application_logs_a_person_in(kind: Kind, issued: Issued) -> None:
    """It keeps what `begin` returns, and gives `finish` the address they come back to."""
    async with Scripted() as server:
        auth = OAuth2AuthorizationCode(
            authorization_url=f"{issued.root}/authorize", **options(issued)
        )
        kept = json.dumps(asdict(auth.begin("https://app.test/b")))
        begun = Authorization(**json.loads(kept))
        back = await asyncio.to_thread(log_in, begun.url)
        auth.finish(begun, back)
        client = kind.client(server.url, auth=auth)
        await client.get("/")
        assert server.log[0].headers["Authorization"] == (
            f"Bearer {issued.tokens[0]['access_token']}"
        )
        auth.finish(begun, back)  # Its code is good once.
        with pytest.raises(TokenRefreshError, match="invalid_grant"):
            await client.get("/")
        assert len(server.log) == 1


# A person at another device


async def test_a_device(kind: Kind, issued: Issued) -> None:
    """It waits until the person has allowed it, and is known from then on."""
    prompts: list[DevicePrompt] = []

    def allow_later(prompt: DevicePrompt) -> None:
        prompts.append(prompt)

        def allow() -> None:
            while issued.polls < 3:
                time.sleep(0.01)
            issued.allowed[prompt.user_code] = True

        threading.Thread(target=allow, daemon=True).start()

    async with Scripted(answer(200), answer(401), answer(200)) as server:
        auth = OAuth2DeviceCode(
            device_url=f"{issued.root}/device",
            show=allow_later,
            **options(issued, client_secret=None),
        )
        auth._least_interval = 0.01
        client = kind.client(server.url, auth=auth)
        await client.get("/")
        await client.get("/")
        assert issued.polls > 3
        assert len(prompts) == 1
        assert prompts[0].verification_uri == f"{issued.root}/activate"
        assert prompts[0].verification_uri_complete == (
            f"{issued.root}/activate?user_code={prompts[0].user_code}"
        )
        assert server.log[-1].headers["Authorization"] == (
            f"Bearer {issued.tokens[1]['access_token']}"
        )


async def test_a_device_that_is_refused(kind: Kind, issued: Issued) -> None:
    """The error says so."""

    def refuse(prompt: DevicePrompt) -> None:
        issued.allowed[prompt.user_code] = False

    async with Scripted() as server:
        auth = OAuth2DeviceCode(device_url=f"{issued.root}/device", show=refuse, **options(issued))
        with pytest.raises(TokenRefreshError, match="access_denied") as caught:
            await kind.client(server.url, auth=auth).get("/")
        assert caught.value.code == "access_denied"
        assert server.log == []


# Assertions


async def test_an_assertion_is_exchanged(kind: Kind, issued: Issued) -> None:
    """As service accounts do; a new one each time."""
    async with Scripted(answer(401), answer(200)) as server:
        made = signed_jwt(KEY, issuer="bot", audience=issued.url, subject="ann", key_id="1")
        auth = OAuth2JWTBearer(made, token_url=issued.url, client_id=None)
        await kind.client(server.url, auth=auth).get("/")
        sent = [read.headers["Authorization"] for read in server.log]
        assert sent == [f"Bearer {token['access_token']}" for token in issued.tokens]
        assert len(sent) == 2


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"iss": "eve"}, "invalid_grant"),
        ({"aud": "https://other.test"}, "invalid_grant"),
        ({"exp": 1}, "invalid_grant"),
    ],
)
async def test_an_assertion_that_is_refused(
    kind: Kind, issued: Issued, claims: dict[str, Any], words: str
) -> None:
    """The error says what the server says."""
    made = signed_jwt(KEY, issuer="bot", audience=issued.url, claims=claims)
    auth = OAuth2JWTBearer(made, token_url=issued.url, client_id=None)
    async with Scripted() as server:
        with pytest.raises(TokenRefreshError, match=words) as caught:
            await kind.client(server.url, auth=auth).get("/")
        assert made().split(".")[2] not in str(caught.value)
        assert server.log == []


async def test_an_assertion_in_place_of_a_secret(kind: Kind, issued: Issued) -> None:
    """RFC 7523 2.2: each has an identifier of its own, which the server takes once."""
    made = signed_jwt(KEY, issuer="shop", audience=issued.url)
    auth = OAuth2ClientCredentials(**options(issued, client_secret=made, client_auth="jwt"))
    async with Scripted(answer(401), answer(200)) as server:
        await kind.client(server.url, auth=auth).get("/")
        assert len(issued.tokens) == len(issued.assertions) == 2


async def test_a_signed_jwt_is_a_token_too(kind: Kind) -> None:
    """Where an API takes it as it is; a new one for each request."""
    made = signed_jwt("s" * 32, issuer="app", audience="api", algorithm="HS256", lifetime=60)
    async with Scripted() as server:
        client = kind.client(server.url, auth=BearerAuth(made))
        await client.get("/")
        await client.get("/")
        tokens = [read.headers["Authorization"].removeprefix("Bearer ") for read in server.log]
        read = [jwt.decode(one, "s" * 32, ["HS256"], audience="api") for one in tokens]
        assert read[0]["iss"] == read[0]["sub"] == "app"
        assert read[0]["exp"] - read[0]["iat"] == 60
        assert read[0]["jti"] != read[1]["jti"]
