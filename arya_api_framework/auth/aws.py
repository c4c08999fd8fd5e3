"""`AWSAuth`: AWS Signature Version 4."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from urllib.parse import quote, unquote_to_bytes

from typing_extensions import override

from ..errors import ConfigurationError
from .canonical import Signing
from .secret import Secret, SecretSource
from .signing import HMACAuth

__all__ = ["AWSAuth"]

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_S3 = frozenset({"s3", "s3-object-lambda", "s3-outposts", "s3express"})
_WORD = re.compile(r"[A-Za-z0-9._\-]+")
_BLANKS = re.compile(r"[ \t\r\n]+")
_UNRESERVED = "-._~"

# What proxies and transports may change, add or leave out on the way.
_NOT_SIGNED = frozenset(
    "accept-encoding authorization baggage cache-control connection cookie expect forwarded from "
    "keep-alive max-forwards pragma priority referer te traceparent tracestate trailer "
    "transfer-encoding upgrade user-agent via x-amzn-trace-id x-forwarded-for x-forwarded-host "
    "x-forwarded-proto".split()
)


class AWSAuth(HMACAuth):
    """Signs each request with AWS Signature Version 4, in its header fields.

    The signature covers method, path, query, body, `Host` and every other field, save those that
    proxies may change, such as `User-Agent`, `Via` and `Cookie`. The secret key is not sent.

    A `+` in a query is sent as `%20`, a blank in either reading of it: AWS takes no `+` for one.

    Args:
        access_key: The id of the access key.
        secret_key: The secret access key.
        region: The region of the endpoint, such as `eu-central-1`.
        service: The name of the service in signatures, such as `execute-api`.
        session_token: The token of temporary credentials.
        sign_body: Whether the body is signed. `False` is for S3 alone, and spares reading a large
            file twice; it holds over https, without which a body is signed all the same.
        normalize: Whether the path is normalised and encoded twice, as by every service but S3;
            `None` to tell by `service`. `False` is for what speaks as S3 does, which has
            `X-Amz-Content-Sha256`, too, and takes bodies that can be read once without their
            signature.
        clock: What tells the time, in seconds since 1970. AWS allows for five minutes.

    Raises:
        ConfigurationError: It can never sign.

    Example:
        ```python
        signed = AWSAuth(
            from_env("AWS_ACCESS_KEY_ID"),
            from_env("AWS_SECRET_ACCESS_KEY"),
            region="eu-central-1",
            service="execute-api",
        )


        class Orders(SyncClient, uri="https://abc.execute-api.eu-central-1.test", auth=signed): ...
        ```
    """

    repeatable = True

    def __init__(
        self,
        access_key: Secret,
        secret_key: Secret,
        *,
        region: str,
        service: str,
        session_token: Secret | None = None,
        sign_body: bool = True,
        normalize: bool | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        for name, given in (("region", region), ("service", service)):
            word: object = given
            if not isinstance(word, str) or not _WORD.fullmatch(word):
                raise ConfigurationError(
                    f"{name} of an AWSAuth must be a name, such as 'eu-central-1', got {word!r}"
                )
        for name, given_flag in (("sign_body", sign_body), ("normalize", normalize)):
            flag: object = given_flag
            if flag not in (True, False) and not (flag is None and name == "normalize"):
                raise ConfigurationError(
                    f"{name} of an AWSAuth must be True or False, got {flag!r}"
                )
        self._normalizes = service not in _S3 if normalize is None else normalize
        if self._normalizes and not sign_body:
            raise ConfigurationError(
                f"sign_body=False of an AWSAuth is for S3, and {service!r} is not; its bodies are "
                "signed"
            )
        self._region = region
        self._service = service
        self._signs_body = sign_body
        self._token = None
        if session_token is not None:
            self._token = SecretSource("session_token of an AWSAuth", session_token)
        super().__init__(
            secret_key,
            key_id=access_key,
            fields={"X-Amz-Date": "{timestamp}"},
            time_format="basic",
            unsigned_body=None if self._normalizes else _UNSIGNED_PAYLOAD,
            clock=clock,
        )

    @override
    def set_fields(self, signing: Signing) -> None:
        super().set_fields(signing)
        request = signing.request
        if "+" in signing.query:
            request.target = f"{signing.path}?{signing.query.replace('+', '%20')}"
        if self._token is not None:
            request.headers["X-Amz-Security-Token"] = self._token.get()
        if not self._normalizes:
            if not self._signs_body and signing.scheme == "https":
                signing.body_digest = _UNSIGNED_PAYLOAD
            request.headers["X-Amz-Content-Sha256"] = signing.body_digest

    @override
    def names_to_sign(self, signing: Signing) -> tuple[str, ...]:
        names = {name.lower() for name in signing.request.headers} | {"host"}
        return tuple(sorted(names - _NOT_SIGNED))

    @override
    def text_to_sign(self, signing: Signing) -> bytes:
        hashed = hashlib.sha256(self.canonical_request(signing).encode()).hexdigest()
        return f"{_ALGORITHM}\n{signing.timestamp}\n{self._scope(signing)}\n{hashed}".encode()

    @override
    def signing_key(self, signing: Signing) -> bytes:
        key = b"AWS4" + super().signing_key(signing)
        for part in self._scope(signing).split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key

    @override
    def field_value(self, signing: Signing, signature: str) -> str:
        return (
            f"{_ALGORITHM} Credential={signing.key_id}/{self._scope(signing)}, "
            f"SignedHeaders={signing.signed_headers}, Signature={signature}"
        )

    def canonical_request(self, signing: Signing) -> str:
        """Return the canonical request, whose hash is signed."""
        return "\n".join(
            (
                signing.method,
                _canonical_path(signing.path, normalize=self._normalizes),
                _canonical_query(signing.query),
                *(f"{name}:{_BLANKS.sub(' ', signing.header(name))}" for name in signing.names),
                "",
                signing.signed_headers,
                signing.body_digest,
            )
        )

    def _scope(self, signing: Signing) -> str:
        return f"{signing.timestamp[:8]}/{self._region}/{self._service}/aws4_request"


def _canonical_path(path: str, *, normalize: bool) -> str:
    """Return the path as it is signed.

    S3 signs the octets of the key, encoded once. Others resolve dots, take several slashes for
    one, and encode what was encoded once more.
    """
    if not normalize:
        return quote(unquote_to_bytes(path), safe=f"/{_UNRESERVED}")
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and segments[-1] in ("", ".", "..") else ""
    return quote(f"/{'/'.join(kept)}{end}", safe=f"/{_UNRESERVED}")


def _canonical_query(query: str) -> str:
    """Return the parameters in the order of their encoded names and values."""
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    encoded = sorted((_encode(name), _encode(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encode(text: str) -> str:
    return quote(unquote_to_bytes(text), safe=_UNRESERVED)
