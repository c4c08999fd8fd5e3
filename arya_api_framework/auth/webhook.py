"""`Webhook`: whether a webhook is from whom it should be: the receiving twin of a signature."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, Self, TypeAlias, TypeVar

from ..client.encoding import as_pairs, encode_header
from ..client.shapes import is_bytes, is_iterable, is_mapping, is_sequence
from ..errors import ConfigurationError, WebhookVerificationError
from ..options import check_number
from .canonical import Encoding, encode_bytes
from .secret import Secret, SecretSource

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from typing_extensions import TypeForm

__all__ = ["Webhook"]

_T = TypeVar("_T")
_Headers: TypeAlias = (
    "Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]"
)
_Kind = Literal["hmac", "stripe", "standard"]


class _Claim(NamedTuple):
    """What a webhook says of itself: what is signed, the signatures, and when it was sent."""

    content: bytes
    signatures: list[bytes]
    sent: float | None


class Webhook:
    """Verifies webhooks with the secret that their sender has, too.

    Made by `github`, `stripe`, `standard` or, for who signs the body alone, `hmac`. Several secrets
    are all right while they are rotated. Signatures are compared in constant time.

    Example:
        ```python
        webhook = Webhook.github(from_env("WEBHOOK_SECRET"))


        async def receive(request):
            event = webhook.parse(request.headers, await request.read(), Push)
        ```
    """

    def __init__(
        self,
        kind: _Kind,
        secrets: tuple[Secret, ...],
        *names: str,
        tolerance: float = 1,
        encoding: Encoding = "hex",
        prefix: str = "",
    ) -> None:
        if not secrets:
            raise ConfigurationError("a Webhook needs the secret of its sender")
        self._kind: _Kind = kind
        self._names = names
        self._encoding: Encoding = encoding
        self._prefix = prefix
        self._tolerance = check_number("tolerance of a Webhook", tolerance)
        self._secrets = [SecretSource("secret of a Webhook", one) for one in secrets]
        self._clock: Callable[[], float] = time.time
        for one in self._secrets:
            if not one.is_read_late:
                self._key(one, ConfigurationError)

    @classmethod
    def github(cls, *secrets: Secret) -> Webhook:
        """Return one for `X-Hub-Signature-256`, as GitHub and many others send it."""
        return cls.hmac(*secrets, header="X-Hub-Signature-256", prefix="sha256=")

    @classmethod
    def hmac(
        cls, *secrets: Secret, header: str, encoding: Encoding = "hex", prefix: str = ""
    ) -> Webhook:
        """Return one for a sender that signs the body, and nothing else, with HMAC and SHA-256.

        Args:
            secrets: The secrets, as they are.
            header: The field of the signature.
            encoding: How the signature is written, `"hex"` or `"base64"`.
            prefix: What stands before it.
        """
        for name, given in (("header", header), ("prefix", prefix)):
            text: object = given
            if not isinstance(text, str) or not text.isascii():
                raise ConfigurationError(f"{name} of a Webhook must be ASCII text, got {text!r}")
        encode_header(header, f"{prefix}1")
        way: object = encoding
        if way not in ("hex", "base64"):
            raise ConfigurationError(
                f"encoding of a Webhook must be 'hex' or 'base64', got {way!r}"
            )
        return cls("hmac", secrets, header, encoding=encoding, prefix=prefix)

    @classmethod
    def stripe(cls, *secrets: Secret, tolerance: float = 300) -> Webhook:
        """Return one for `Stripe-Signature`.

        Args:
            secrets: The secrets, `whsec_...` as they are.
            tolerance: How old it may be, and how far ahead its clock, in seconds.
        """
        return cls("stripe", secrets, "Stripe-Signature", tolerance=tolerance)

    @classmethod
    def standard(cls, *secrets: Secret, tolerance: float = 300) -> Webhook:
        """Return one for `webhook-signature`, as the specification Standard Webhooks has it.

        Args:
            secrets: The secrets, `whsec_` and base64.
            tolerance: How old it may be, and how far ahead its clock, in seconds.
        """
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        return cls("standard", secrets, *names, tolerance=tolerance, encoding="base64")

    def __repr__(self) -> str:
        return f"<Webhook {self._kind}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and cannot be pickled")

    def verify(self, headers: _Headers, body: bytes) -> None:
        """Check that a webhook is from its sender, and not too old.

        Args:
            headers: The header fields, in any case; also as pairs of bytes, as ASGI has them.
            body: The body as it came, byte for byte.

        Raises:
            WebhookVerificationError: It is not; the text says what is wrong.
            ConfigurationError: The body is no bytes.
        """
        if not is_bytes(body):
            raise ConfigurationError(
                "the body of a webhook is its raw bytes: JSON that is parsed and written again is "
                f"other text; got {type(body).__name__}"
            )
        claim = self._read(headers, bytes(body))
        if claim.sent is not None:
            age = self._clock() - claim.sent
            if not -self._tolerance <= age <= self._tolerance:
                when = "was sent too long ago" if age > 0 else "is from the future"
                raise WebhookVerificationError(
                    f"the webhook {when}: by {abs(age):.0f} s, and {self._tolerance:.0f} s are "
                    "allowed"
                )
        keys = [self._key(one, WebhookVerificationError) for one in self._secrets]
        right = [hmac.digest(key, claim.content, "sha256") for key in keys]
        # All are compared: the time tells nothing of which of them is right.
        found = [hmac.compare_digest(one, given) for one in right for given in claim.signatures]
        if not any(found):
            raise WebhookVerificationError(
                "the webhook has no right signature: another secret signed it, or the body is not "
                "as it was sent"
            )

    def parse(self, headers: _Headers, body: bytes, model: TypeForm[_T]) -> _T:
        """Verify a webhook, and return its JSON as a model, or as any type that pydantic knows.

        Raises:
            WebhookVerificationError: It is not from its sender, or its JSON does not fit.
            ConfigurationError: The body is no bytes.
        """
        self.verify(headers, body)
        from pydantic import TypeAdapter, ValidationError

        from ..client.typed_format import first_errors

        adapter: TypeAdapter[_T] = TypeAdapter(model)
        try:
            return adapter.validate_json(bytes(body))
        except ValidationError as error:
            faults = first_errors(error)
        told = dict.fromkeys(_describe(one, model) for one in faults)
        # Raised here, it has not the error of pydantic with it, which shows what was sent.
        raise WebhookVerificationError(
            f"the webhook is from its sender, and does not fit: {', '.join([*told][:5])}"
        )

    def sign(self, body: bytes, *, id: str = "msg_1") -> dict[str, str]:
        """Return the header fields that the sender would add, for tests.

        Args:
            body: The body.
            id: The `webhook-id`, where the scheme has one.
        """
        sent = str(int(self._clock()))
        key = self._key(self._secrets[0], WebhookVerificationError)
        if self._kind == "hmac":
            values = [self._prefix + self._sign(key, body)]
        elif self._kind == "stripe":
            values = [f"t={sent},v1={self._sign(key, f'{sent}.'.encode() + body)}"]
        else:
            signature = self._sign(key, f"{id}.{sent}.".encode() + body)
            values = [id, sent, f"v1,{signature}"]
        return dict(zip(self._names, values, strict=True))

    def _sign(self, key: bytes, content: bytes) -> str:
        return encode_bytes(hmac.digest(key, content, "sha256"), self._encoding)

    def _key(
        self, secret: SecretSource, error: type[ConfigurationError | WebhookVerificationError]
    ) -> bytes:
        text = secret.get()
        if self._kind != "standard":
            return text.encode()
        text = text.removeprefix("whsec_")
        try:
            # Some are written without what pads them.
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except ValueError:
            raise error("secret of a Webhook is not `whsec_` and base64") from None
        if not key:
            # HMAC takes an empty key, with which anyone could sign.
            raise error("secret of a Webhook has nothing after `whsec_`")
        return key

    def _read(self, headers: Any, body: bytes) -> _Claim:
        pairs = as_pairs("`headers`", _as_text(headers))
        first, *more = [_field(pairs, name) for name in self._names]
        if self._kind == "hmac":
            digest = first.removeprefix(self._prefix) if first.startswith(self._prefix) else ""
            return _Claim(body, [self._decode(digest)], None)
        if self._kind == "stripe":
            parts = [part.strip().partition("=") for part in first.split(",")[:20]]
            sent = next((value for name, _, value in parts if name == "t"), "")
            signatures = [self._decode(value) for name, _, value in parts if name == "v1"]
            return _Claim(f"{sent}.".encode() + body, signatures, _time(sent))
        sent, signature = more
        given = [one.partition(",") for one in signature.split()[:20]]
        signatures = [self._decode(value) for version, _, value in given if version == "v1"]
        return _Claim(f"{first}.{sent}.".encode() + body, signatures, _time(sent))

    def _decode(self, text: str) -> bytes:
        """Return a signature, empty where it is not written as it should be."""
        try:
            if self._encoding == "hex":
                return bytes.fromhex(text)
            return base64.b64decode(text, validate=True)
        except ValueError:
            return b""


def _describe(fault: ErrorDetails, model: Any) -> str:
    """Return what does not fit, with the field of the model that it is in.

    Further in, and in other types, the names may be the sender's.
    """
    fields = getattr(model, "model_fields", {})
    names = {*fields, *(one.alias for one in fields.values())}
    place, kind = fault["loc"][:1], fault["type"]
    return f"{place[0]}: {kind}" if place and place[0] in names else kind


def _as_text(headers: Any) -> Any:
    """Return pairs of bytes as text, and all else as it is."""
    if is_mapping(headers) or not is_iterable(headers):
        return headers
    return [
        [part.decode("latin-1") if isinstance(part, bytes) else part for part in pair]
        if is_sequence(pair)
        else pair
        for pair in headers
    ]


def _field(pairs: Iterable[tuple[str, Any]], name: str) -> str:
    found: list[Any] = [value for key, value in pairs if key.lower() == name.lower()]
    if len(found) != 1:
        count = "no" if not found else "more than one"
        raise WebhookVerificationError(f"the webhook has {count} header {name}")
    value = found[0]
    if not isinstance(value, str):
        raise ConfigurationError(
            f"the values of `headers` must be text, got {type(value).__name__} for {name}"
        )
    if not value.isascii():
        # Servers make surrogates of other octets, which no encoding takes.
        raise WebhookVerificationError(f"the header {name} of the webhook is not ASCII")
    return value


def _time(text: str) -> float:
    if not text.isdigit() or len(text) > 12:
        raise WebhookVerificationError("the webhook says no time at which it was sent")
    return float(text)
