"""`Webhook`: whether a webhook is from whom it should be: the receiving twin of a signature."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, Self, TypeVar

from ..client.encoding import as_pairs
from ..client.shapes import is_bytes
from ..errors import ConfigurationError, WebhookVerificationError
from ..options import check_number
from .secret import Secret, SecretSource

if TYPE_CHECKING:
    from typing_extensions import TypeForm

__all__ = ["Webhook"]

_T = TypeVar("_T")
_Kind = Literal["github", "stripe", "standard"]
_NAMES: dict[_Kind, tuple[str, ...]] = {
    "github": ("x-hub-signature-256",),
    "stripe": ("stripe-signature",),
    "standard": ("webhook-id", "webhook-timestamp", "webhook-signature"),
}


class _Claim(NamedTuple):
    """What a webhook says of itself: what is signed, the signatures, and when it was sent."""

    content: bytes
    signatures: list[bytes]
    sent: float | None


class Webhook:
    """Verifies webhooks with the secret that their sender has, too.

    Made by `github`, `stripe` or `standard`. Several secrets are all right while they are rotated.
    Signatures are compared in constant time.

    Example:
        ```python
        webhook = Webhook.github(from_env("WEBHOOK_SECRET"))


        async def receive(request):
            event = webhook.parse(request.headers, await request.read(), Push)
        ```
    """

    def __init__(self, kind: _Kind, secrets: tuple[Secret, ...], tolerance: float) -> None:
        if not secrets:
            raise ConfigurationError("a Webhook needs the secret of its sender")
        self._kind: _Kind = kind
        self._tolerance = check_number("tolerance of a Webhook", tolerance)
        self._secrets = [SecretSource("secret of a Webhook", one) for one in secrets]
        self._clock: Callable[[], float] = time.time
        for one in self._secrets:
            if not one.is_read_late:
                self._key(one, ConfigurationError)

    @classmethod
    def github(cls, *secrets: Secret) -> Webhook:
        """Return one for `X-Hub-Signature-256`, as GitHub and many others send it."""
        return cls("github", secrets, 1)

    @classmethod
    def stripe(cls, *secrets: Secret, tolerance: float = 300) -> Webhook:
        """Return one for `Stripe-Signature`.

        Args:
            secrets: The secrets, `whsec_...` as they are.
            tolerance: How old it may be, and how far ahead its clock, in seconds.
        """
        return cls("stripe", secrets, tolerance)

    @classmethod
    def standard(cls, *secrets: Secret, tolerance: float = 300) -> Webhook:
        """Return one for `webhook-signature`, as the specification Standard Webhooks has it.

        Args:
            secrets: The secrets, `whsec_` and base64.
            tolerance: How old it may be, and how far ahead its clock, in seconds.
        """
        return cls("standard", secrets, tolerance)

    def __repr__(self) -> str:
        return f"<Webhook {self._kind}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and cannot be pickled")

    def verify(self, headers: Mapping[str, str] | Iterable[tuple[str, str]], body: bytes) -> None:
        """Check that a webhook is from its sender, and not too old.

        Args:
            headers: The header fields, in any case.
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

    def parse(
        self,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        body: bytes,
        model: TypeForm[_T],
    ) -> _T:
        """Verify a webhook, and return its JSON as a model, or as any type that pydantic knows.

        Raises:
            WebhookVerificationError: It is not from its sender, or its JSON does not fit.
            ConfigurationError: The body is no bytes.
        """
        self.verify(headers, body)
        from pydantic import TypeAdapter, ValidationError

        adapter: TypeAdapter[_T] = TypeAdapter(model)
        try:
            return adapter.validate_json(bytes(body))
        except ValidationError as error:
            places = [
                f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['type']}"
                for one in error.errors(
                    include_input=False, include_url=False, include_context=False
                )
            ]
        # Raised here, it has not the error of pydantic with it, which shows what was sent.
        raise WebhookVerificationError(
            f"the webhook is from its sender, and does not fit: {', '.join(places[:5])}"
        )

    def sign(self, body: bytes, *, id: str = "msg_1") -> dict[str, str]:
        """Return the header fields that the sender would add, for tests.

        Args:
            body: The body.
            id: The `webhook-id`, where the scheme has one.
        """
        sent = str(int(self._clock()))
        key = self._key(self._secrets[0], WebhookVerificationError)
        if self._kind == "github":
            return {"X-Hub-Signature-256": f"sha256={hmac.new(key, body, 'sha256').hexdigest()}"}
        if self._kind == "stripe":
            digest = hmac.new(key, f"{sent}.".encode() + body, "sha256").hexdigest()
            return {"Stripe-Signature": f"t={sent},v1={digest}"}
        raw = hmac.digest(key, f"{id}.{sent}.".encode() + body, "sha256")
        signature = f"v1,{base64.b64encode(raw).decode()}"
        return {"webhook-id": id, "webhook-timestamp": sent, "webhook-signature": signature}

    def _key(
        self, secret: SecretSource, error: type[ConfigurationError | WebhookVerificationError]
    ) -> bytes:
        text = secret.get()
        if self._kind != "standard":
            return text.encode()
        try:
            key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            raise error("secret of a Webhook is not `whsec_` and base64") from None
        if not key:
            # HMAC takes an empty key, with which anyone could sign.
            raise error("secret of a Webhook has nothing after `whsec_`")
        return key

    def _read(self, headers: Any, body: bytes) -> _Claim:
        first, *more = [_field(headers, name) for name in _NAMES[self._kind]]
        if self._kind == "github":
            return _Claim(body, [_from_hex(first.removeprefix("sha256="))], None)
        if self._kind == "stripe":
            pairs = [part.strip().partition("=") for part in first.split(",")[:20]]
            sent = next((value for name, _, value in pairs if name == "t"), "")
            signatures = [_from_hex(value) for name, _, value in pairs if name == "v1"]
            return _Claim(f"{sent}.".encode() + body, signatures, _time(sent))
        sent, signature = more
        given = [one.partition(",") for one in signature.split()[:20]]
        signatures = [_from_base64(value) for version, _, value in given if version == "v1"]
        return _Claim(f"{first}.{sent}.".encode() + body, signatures, _time(sent))


def _field(headers: Any, name: str) -> str:
    pairs = as_pairs("`headers`", headers)
    found: list[Any] = [value for key, value in pairs if key.lower() == name]
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


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
