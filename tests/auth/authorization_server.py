"""An authorization server for OAuth 2 made of Authlib and Flask, on a socket of this machine."""

import secrets
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from flask import Flask
from werkzeug.serving import make_server

__all__ = ["Issued", "authorization_server"]


class Client:
    """The one client it knows."""

    client_id = "shop"
    client_secret = "s3cret-of-shop"

    def check_client_secret(self, client_secret: str) -> bool:
        """Return whether that is its secret."""
        return client_secret == self.client_secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return whether it may tell in this way who it is."""
        return method in ("client_secret_basic", "client_secret_post")

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether it may use a grant."""
        return grant_type in ("client_credentials", "refresh_token")

    def get_allowed_scope(self, scope: str) -> str:
        """Return what of a scope it may have."""
        return " ".join(one for one in (scope or "").split() if one in ("orders", "read"))


class Credential:
    """A refresh token that was given."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def check_client(self, client: Client) -> bool:
        """Return whether it is that client's."""
        return client.client_id == "shop"

    def get_scope(self) -> str:
        """Return what it allows."""
        return self.scope


class Issued:
    """What the server has given, and what it has read."""

    def __init__(self) -> None:
        self.tokens: list[dict[str, Any]] = []
        self.refresh_tokens = {"first": Credential("orders")}
        self.url = ""


@contextmanager
def authorization_server() -> Generator[Issued]:
    """Run one that knows client credentials and refresh tokens, which it rotates."""
    issued = Issued()
    app = Flask(__name__)
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = lambda *_, **__: secrets.token_urlsafe(16)
    client = Client()

    def query_client(client_id: str) -> Client | None:
        return client if client_id == client.client_id else None

    def save_token(token: dict[str, Any], request: Any) -> None:
        issued.tokens.append(token)
        if "refresh_token" in token:
            issued.refresh_tokens[token["refresh_token"]] = Credential(token.get("scope", ""))

    class Refresh(grants.RefreshTokenGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Credential | None:
            return issued.refresh_tokens.get(refresh_token)

        def authenticate_user(self, refresh_token: Credential) -> str:
            return "ann"

        def revoke_old_credential(self, refresh_token: Credential) -> None:
            kept = {k: v for k, v in issued.refresh_tokens.items() if v is not refresh_token}
            issued.refresh_tokens = kept

    class Own(grants.ClientCredentialsGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    server = AuthorizationServer(app, query_client=query_client, save_token=save_token)
    server.register_grant(Own)
    server.register_grant(Refresh)
    app.add_url_rule("/token", "token", server.create_token_response, methods=["POST"])
    running = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    issued.url = f"http://127.0.0.1:{running.server_port}/token"
    try:
        yield issued
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
