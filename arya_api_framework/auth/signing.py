"""`HMACAuth`: requests signed with a key that the server has, too (HMAC, RFC 2104)."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

from typing_extensions import override

from ..client.body import CHUNK_SIZE, Body
from ..client.encoding import OUR_HEADERS, encode_header
from ..client.redaction import is_safe_header
from ..client.shapes import is_mapping
from ..errors import ConfigurationError, MissingCredentials
from .base import Auth, Flow
from .canonical import (
    PARTS,
    SIGNED_PARTS,
    VALUE_PARTS,
    Encoding,
    HashName,
    Signing,
    Template,
    TimeFormat,
    encode_bytes,
    format_time,
)
from .secret import Secret, SecretSource

if TYPE_CHECKING:
    from ..client.request import Request

__all__ = ["HMACAuth", "SecretEncoding"]

SecretEncoding: TypeAlias = Literal["text", "hex", "base64"]
"""How a secret is written: as it is (UTF-8), or as hexadecimal digits or base64 of its bytes."""


class HMACAuth(Auth):
    """Signs each request that is sent, over its method, target, header fields and body.

    Texts may hold parts of the request in braces, as they are sent: `{method}`, `{scheme}`,
    `{host}`, `{url}`, `{target}`, `{path}`, `{query}`; `{body_digest}`, its hash; `{key_id}`;
    `{timestamp}`; `{nonce}`, 32 hexadecimal digits drawn for each request; see `Signing`. What
    no text can say is said in a subclass that overrides `text_to_sign`, `signing_key` or
    `field_value`. Each attempt and each redirect is signed anew.

    The body is read for the signature, and again when it is sent; a long one in a thread. One
    that can be read once cannot be signed.

    Args:
        secret: The key.
        canonical: The text that is signed. It may hold `{body}`, the whole of it; `{headers}`,
            each signed field as a line `name:value`; `{signed_headers}`, their names with
            semicolons between them. `None` where a subclass overrides `text_to_sign`.
        header: The field of the signature.
        value: What it holds: any part, `{signature}` and `{signed_headers}`.
        key_id: The name of the key.
        fields: Other fields, by name, that go along: a timestamp, a nonce, a digest. They take
            the place of those that the call gives.
        signed_headers: The fields in `{headers}`, in this order. Those that a request has not are
            left out.
        algorithm: The hash of the signature and of the body.
        encoding: How the signature is written.
        digest_encoding: How `{body_digest}` is written; `None` for the same way.
        secret_encoding: How the secret is written.
        time_format: How `{timestamp}` is written.
        unsigned_body: What `{body_digest}` is for a body that can be read once, where the scheme
            has a word for it.
        clock: What tells the time, in seconds since 1970.

    Raises:
        ConfigurationError: It can never sign, or the signature would be shown in logs.

    Example:
        ```python
        signed = HMACAuth(
            from_env("SHOP_SECRET"),
            key_id="key-1",
            canonical="{timestamp}{method}{target}{body}",
            header="X-Signature",
            fields={"X-Key": "{key_id}", "X-Timestamp": "{timestamp}"},
        )


        class Shop(SyncClient, uri="https://shop.test", auth=signed): ...
        ```
    """

    def __init__(
        self,
        secret: Secret,
        *,
        canonical: str | None = None,
        header: str = "Authorization",
        value: str = "{signature}",
        key_id: Secret | None = None,
        fields: Mapping[str, str] | None = None,
        signed_headers: Iterable[str] = (),
        algorithm: HashName = "sha256",
        encoding: Encoding = "hex",
        digest_encoding: Encoding | None = None,
        secret_encoding: SecretEncoding = "text",
        time_format: TimeFormat = "unix",
        unsigned_body: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        me = self._me = type(self).__name__
        self._algorithm: HashName = _one_of(f"algorithm of {me}", algorithm, HashName)
        self._encoding: Encoding = _one_of(f"encoding of {me}", encoding, Encoding)
        self._digest_encoding: Encoding = _one_of(
            f"digest_encoding of {me}", digest_encoding or encoding, Encoding
        )
        self._secret_encoding: SecretEncoding = _one_of(
            f"secret_encoding of {me}", secret_encoding, SecretEncoding
        )
        self._time_format: TimeFormat = _one_of(f"time_format of {me}", time_format, TimeFormat)
        marker: object = unsigned_body
        if marker is not None and not isinstance(marker, str):
            raise ConfigurationError(f"unsigned_body of {me} must be text or None, got {marker!r}")
        self._unsigned_body = unsigned_body
        if not callable(clock):
            raise ConfigurationError(
                f"clock of {me} must be a function that returns seconds since 1970, got {clock!r}"
            )
        self._clock = clock
        self.header = self._header = _check_name(f"header of {me}", header)
        if is_safe_header(header) or header.lower() == "cookie":
            raise ConfigurationError(
                f"header of {me} must be one whose value is kept secret, got {header!r}"
            )
        self._set_texts(canonical, value, fields or {})
        self._signed = tuple(
            self._check_signed(name)
            for name in ((signed_headers,) if isinstance(signed_headers, str) else signed_headers)
        )
        self._set_keys(secret, key_id)

    @override
    def flow(self, request: Request) -> Flow:
        """Sign the request, in a thread where its body is long, and send it."""
        if isinstance(request.body, Body) or len(request.body or b"") > CHUNK_SIZE:
            done = _in_thread(self.apply, request)
            while not done.done():
                yield done
            done.result()
        else:
            self.apply(request)
        yield request

    @override
    def apply(self, request: Request) -> None:
        """Put the signature and the fields beside it into a request.

        Raises:
            ConfigurationError: The body can be read once.
            MissingCredentials: A secret that is read late is none.
        """
        now = self._clock()
        signing = Signing(
            request,
            key_id="" if self._key_id is None else self._key_id.get(),
            now=now,
            timestamp=format_time(now, self._time_format),
            algorithm=self._algorithm,
            digest_encoding=self._digest_encoding,
            unsigned_body=self._unsigned_body,
        )
        self.set_fields(signing)
        signing.names = self.names_to_sign(signing)
        text = self.text_to_sign(signing)
        signature = hmac.digest(self.signing_key(signing), text, self._algorithm)
        written = encode_bytes(signature, self._encoding)
        request.headers[self._header] = self.field_value(signing, written)

    def set_fields(self, signing: Signing) -> None:
        """Put the fields beside the signature into the request."""
        for name, template in self._fields.items():
            signing.request.headers[name] = template.fill(signing).decode()

    def names_to_sign(self, signing: Signing) -> tuple[str, ...]:
        """Return the names of the fields that are signed, in small letters."""
        headers = signing.request.headers
        return tuple(name for name in self._signed if name == "host" or name in headers)

    def text_to_sign(self, signing: Signing) -> bytes:
        """Return what is signed."""
        return cast("Template", self._canonical).fill(signing)

    def signing_key(self, signing: Signing) -> bytes:
        """Return the key, by default the secret itself."""
        return self._decode(MissingCredentials)

    def field_value(self, signing: Signing, signature: str) -> str:
        """Return what the field of the signature holds."""
        return self._value.fill(signing, signature).decode()

    def _set_texts(self, canonical: str | None, value: str, fields: Mapping[str, str]) -> None:
        me = self._me
        self._canonical: Template | None = None
        if canonical is not None:
            self._canonical = Template(f"canonical of {me}", canonical, SIGNED_PARTS)
        elif type(self).text_to_sign is HMACAuth.text_to_sign:
            raise ConfigurationError(
                f"{me} needs `canonical`, the text that is signed, or a subclass with text_to_sign"
            )
        self._value = Template(f"value of {me}", value, VALUE_PARTS)
        if not is_mapping(fields):
            raise ConfigurationError(
                f"fields of {me} must be a mapping of names to texts, got {type(fields).__name__}"
            )
        self._fields: dict[str, Template] = {}
        for name, text in fields.items():
            if _check_name(f"a name in fields of {me}", name).lower() == self._header.lower():
                raise ConfigurationError(f"fields of {me} hold {name!r}, which is its header")
            self._fields[name] = Template(f"{name} in fields of {me}", text, PARTS)

    def _set_keys(self, secret: Secret, key_id: Secret | None) -> None:
        self._key_id = None
        if key_id is not None:
            self._key_id = SecretSource(f"key_id of {self._me}", key_id)
        templates = [self._value, *self._fields.values()]
        if self._canonical is not None:
            templates.append(self._canonical)
        if key_id is None and any("key_id" in one.names for one in templates):
            raise ConfigurationError(f"{self._me} needs `key_id`, since a text holds {{key_id}}")
        self._secret = SecretSource(f"secret of {self._me}", secret)
        if not self._secret.is_read_late:
            self._decode(ConfigurationError)

    def _check_signed(self, name: str) -> str:
        what = f"a name in signed_headers of {self._me}"
        if isinstance(cast("object", name), str) and name.lower() == "host":
            return "host"
        lower = _check_name(what, name).lower()
        if lower == self._header.lower():
            raise ConfigurationError(f"{what} is {name!r}, the field of the signature itself")
        return lower

    def _decode(self, error: type[ConfigurationError | MissingCredentials]) -> bytes:
        text = self._secret.get()
        try:
            if self._secret_encoding == "text":
                return text.encode()
            if self._secret_encoding == "hex":
                key = bytes.fromhex(text)
            else:
                key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            # The error of the library would hold the text.
            raise error(f"{self._secret.what} is not valid {self._secret_encoding}") from None
        if not key:
            # HMAC takes an empty key, with which anyone could sign.
            raise error(f"{self._secret.what} is empty")
        return key


def _check_name(what: str, name: object) -> str:
    """Return the name of a field that is ours to fill, and not the transport's."""
    if not isinstance(name, str):
        raise ConfigurationError(f"{what} must be the name of a header, got {name!r}")
    if name.lower() in OUR_HEADERS:
        raise ConfigurationError(f"{what} is {name!r}, which is only known when it is sent")
    try:
        encode_header(name, "1")
    except ConfigurationError as error:
        raise ConfigurationError(f"{what}: {error}") from None
    return name


def _one_of(what: str, given: Any, choices: object) -> Any:
    names = get_args(choices)
    if given not in names:
        raise ConfigurationError(f"{what} must be one of {', '.join(names)}, got {given!r}")
    return given


def _in_thread(function: Callable[[Request], None], request: Request) -> Future[None]:
    """Run a function in a thread of its own, which may outlive a call that is broken off."""
    done: Future[None] = Future()
    context = copy_context()

    def run() -> None:
        try:
            context.run(function, request)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            done.set_exception(error)
        else:
            done.set_result(None)

    done.set_running_or_notify_cancel()
    Thread(target=run, name="signing", daemon=True).start()
    return done
