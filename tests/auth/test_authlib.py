"""OAuth 2 against an authorization server of others."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from arya_api_framework.auth import MemoryTokenStore, OAuth2ClientCredentials, OAuth2RefreshToken
from arya_api_framework.errors import TokenRefreshError
from tests.auth.authorization_server import Issued, authorization_server
from tests.conftest import Kind
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
