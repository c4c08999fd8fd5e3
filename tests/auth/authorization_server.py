"""An authorization server for OAuth 2 made of Authlib and Flask, on a socket of this machine."""

import secrets
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion, JWTBearerGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

__all__ = ["KEY", "Issued", "authorization_server"]

_WAYS = ["client_secret_basic", "client_secret_post", "none"]
_PAIR = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY = _PAIR.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
"""The private key of the client; the server knows the public one."""


class Client:
    """The one client it knows."""

    client_id = "shop"
    client_secret = "s3cret-of-shop"

    def check_client_secret(self, client_secret: str) -> bool:
        """Return whether that is its secret."""
        return client_secret == self.client_secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return whether it may tell in this way who it is."""
        return method in (*_WAYS, "client_assertion_jwt")

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether it may use a grant."""
        return bool(grant_type)

    def check_response_type(self, response_type: str) -> bool:
        """Return whether it may ask for a code."""
        return response_type == "code"

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether it may be answered there: on this machine, at any port (RFC 8252 7.3)."""
        return redirect_uri.startswith("http://127.0.0.1:") or redirect_uri == "https://app.test/b"

    def get_client_id(self) -> str:
        """Return its name."""
        return self.client_id

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


class Code:
    """An authorization code that was given."""

    def __init__(self, payload: Any) -> None:
        self.redirect_uri = payload.redirect_uri
        self.scope = payload.scope
        self.code_challenge = payload.data.get("code_challenge")
        self.code_challenge_method = payload.data.get("code_challenge_method")

    def get_redirect_uri(self) -> str:
        """Return where it was sent to."""
        return str(self.redirect_uri)

    def get_scope(self) -> str:
        """Return what it allows."""
        return self.scope or ""


class Device:
    """A device that waits for a person."""

    def __init__(self, user_code: str) -> None:
        self.user_code = user_code
        self.ends = time.monotonic() + 60

    def get_client_id(self) -> str:
        """Return whose it is."""
        return "shop"

    def get_scope(self) -> str:
        """Return what it allows."""
        return "orders"

    def get_user_code(self) -> str:
        """Return what the person enters."""
        return self.user_code

    def is_expired(self) -> bool:
        """Return whether the time of the person is over."""
        return time.monotonic() > self.ends


class Issued:
    """What the server has given, and what it has read."""

    def __init__(self) -> None:
        self.tokens: list[dict[str, Any]] = []
        self.refresh_tokens = {"first": Credential("orders")}
        self.codes: dict[str, Code] = {}
        self.devices: dict[str, Device] = {}
        self.allowed: dict[str, bool] = {}
        self.polls = 0
        self.assertions: set[str] = set()
        self.url = ""

    @property
    def root(self) -> str:
        """The address of the server."""
        return self.url.removesuffix("/token")


@contextmanager
def authorization_server() -> Generator[Issued]:
    """Run one that knows the usual grants; it rotates refresh tokens.

    A person who comes to `/authorize` logs in at once; one at a device does when a test has put
    their code into `allowed`.
    """
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
        TOKEN_ENDPOINT_AUTH_METHODS = _WAYS
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Credential | None:
            return issued.refresh_tokens.get(refresh_token)

        def authenticate_user(self, refresh_token: Credential) -> str:
            return "ann"

        def revoke_old_credential(self, refresh_token: Credential) -> None:
            kept = {k: v for k, v in issued.refresh_tokens.items() if v is not refresh_token}
            issued.refresh_tokens = kept

    class Own(grants.ClientCredentialsGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = (
            "client_secret_basic",
            "client_secret_post",
            JWTBearerClientAssertion.CLIENT_AUTH_METHOD,
        )

    class ByCode(grants.AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = _WAYS

        def save_authorization_code(self, code: str, request: Any) -> None:
            issued.codes[code] = Code(request.payload)

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return issued.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            issued.codes = {k: v for k, v in issued.codes.items() if v is not authorization_code}

        def authenticate_user(self, authorization_code: Code) -> str:
            return "ann"

    class ByDevice(DeviceCodeGrant):  # type: ignore[misc]
        def query_device_credential(self, device_code: str) -> Device | None:
            return issued.devices.get(device_code)

        def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
            issued.polls += 1
            return ("ann", issued.allowed[user_code]) if user_code in issued.allowed else None

        def should_slow_down(self, credential: Device) -> bool:
            return False

    class Devices(DeviceAuthorizationEndpoint):  # type: ignore[misc]
        INTERVAL = 0

        def get_verification_uri(self) -> str:
            return f"{issued.root}/activate"

        def save_device_credential(self, client_id: str, scope: str, data: Any) -> None:
            issued.devices[data["device_code"]] = Device(data["user_code"])

    class ByAssertion(JWTBearerGrant):  # type: ignore[misc]
        def resolve_issuer_client(self, issuer: str) -> Client | None:
            return client if issuer == "bot" else None

        def resolve_client_public_key(self, client: Client) -> RSAKey:
            return public_key

        def authenticate_user(self, subject: str) -> str | None:
            return subject if subject in ("bot", "ann") else None

        def get_audiences(self) -> list[str]:
            return [issued.url]

        def has_granted_permission(self, client: Client, user: str) -> bool:
            return True

    class Assertion(JWTBearerClientAssertion):  # type: ignore[misc]
        def validate_jti(self, claims: Any, jti: str) -> bool:
            is_new = jti not in issued.assertions
            issued.assertions.add(jti)
            return is_new

        def resolve_client_public_key(self, client: Client) -> RSAKey:
            return public_key

        def get_audiences(self) -> list[str]:
            return [issued.url]

    public_key = RSAKey.import_key(
        _PAIR.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    server = AuthorizationServer(app, query_client=query_client, save_token=save_token)
    server.register_client_auth_method(Assertion.CLIENT_AUTH_METHOD, Assertion())
    server.register_grant(Own)
    server.register_grant(Refresh)
    server.register_grant(ByCode, [CodeChallenge(required=True)])
    server.register_grant(ByDevice)
    server.register_grant(ByAssertion)
    server.register_endpoint(Devices)

    def authorize() -> Any:
        grant = server.get_consent_grant(end_user="ann")
        return server.create_authorization_response(grant=grant, grant_user="ann")

    def device() -> Any:
        return server.create_endpoint_response(Devices.ENDPOINT_NAME)

    app.add_url_rule("/token", "token", server.create_token_response, methods=["POST"])
    app.add_url_rule("/authorize", "authorize", authorize)
    app.add_url_rule("/device", "device", device, methods=["POST"])
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
