"""`CredentialPool`: several keys for one API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Self, cast

from .client.encoding import encode_header, reveal
from .client.redaction import is_safe_header
from .errors import ConfigurationError
from .options import check_number, strict

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["CredentialPool"]


@strict
@dataclass(frozen=True, slots=True)
class CredentialPool:
    """Several keys for one API, each with a rate limit and a health of its own.

    It is for keys that are yours to use side by side: one for each team or contract, or an old
    and a new one while keys are rotated. It is not for getting around the terms of a provider:
    most of them forbid several accounts that share out one limit, and close all of them.

    A key is never shown, and a pool cannot be pickled.

    Attributes:
        tokens: The keys, each as text or a pydantic `SecretStr`.
        header: The field that carries the key.
        scheme: What stands before the key in it; `None` for nothing.
        rate_limit: Requests per interval that each key allows; `None` for no limit.
        rate_limit_interval: The interval of `rate_limit` in seconds.
        rest_for: How long a key is left alone after a 429 without `Retry-After`, in seconds.
        max_rest: The longest time, in seconds, for which a server may have a key left alone.
        revoke_for: How long a key is not used after 401, or after 402 without `Retry-After`, in
            seconds; `None` for good.
        follow_headers: Whether a key is left alone when the `RateLimit` fields of a response, or
            those of older drafts, say that nothing is left for it.
        rejects_unprocessed: Whether this API answers 402 and 429 before it has done anything, so
            that a POST may go on with the next key, too. After 401 any method does, since it says
            that nothing was done (RFC 9110 15.5.2).

    Example:
        >>> CredentialPool(["key-1", "key-2"], header="X-Api-Key", scheme=None).header
        'X-Api-Key'
    """

    tokens: Iterable[str | SecretStr]
    _: KW_ONLY
    header: str = "Authorization"
    scheme: str | None = "Bearer"
    rate_limit: float | None = None
    rate_limit_interval: float = 1.0
    rest_for: float = 5.0
    max_rest: float = 3600.0
    revoke_for: float | None = 300.0
    follow_headers: bool = True
    rejects_unprocessed: bool = False

    def __post_init__(self) -> None:
        header: object = self.header
        if not isinstance(header, str):
            raise ConfigurationError(
                f"header of a CredentialPool must be the name of a header, got {header!r}"
            )
        try:
            encode_header(header, "1")
        except ConfigurationError as error:
            raise ConfigurationError(f"header of a CredentialPool: {error}") from None
        if is_safe_header(header) or header.lower() == "cookie":
            raise ConfigurationError(
                f"header of a CredentialPool must be one that is kept secret, got {header!r}"
            )
        scheme: object = self.scheme
        if scheme is not None and not (isinstance(scheme, str) and _is_word(scheme)):
            raise ConfigurationError(
                f"scheme of a CredentialPool must be one word or None, got {scheme!r}"
            )
        for name in ("rate_limit", "rate_limit_interval", "rest_for", "max_rest", "revoke_for"):
            value: object = getattr(self, name)
            if value is not None or name not in ("rate_limit", "revoke_for"):
                check_number(f"{name} of a CredentialPool", value)
        for name in ("follow_headers", "rejects_unprocessed"):
            value = getattr(self, name)
            if value is not True and value is not False:
                raise ConfigurationError(
                    f"{name} of a CredentialPool must be True or False, got {value!r}"
                )
        object.__setattr__(self, "tokens", self._check(self.tokens))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        raise TypeError("a CredentialPool holds keys and cannot be pickled")

    def _check(self, tokens: object) -> tuple[SecretStr, ...]:
        from pydantic import SecretStr

        kind = type(tokens).__name__  # Not the value, which may be a key.
        if isinstance(tokens, str | bytes | Mapping) or not isinstance(tokens, Iterable):
            raise ConfigurationError(
                f"tokens of a CredentialPool must be a list of keys, got {kind}"
            )
        texts = [self._check_one(one) for one in cast("Iterable[object]", tokens)]
        if not texts:
            raise ConfigurationError("tokens of a CredentialPool must hold at least one key")
        if len(set(texts)) < len(texts):
            raise ConfigurationError("tokens of a CredentialPool hold one key twice")
        return tuple(map(SecretStr, texts))

    def _check_one(self, token: object) -> str:
        text = reveal(token)
        if not isinstance(text, str) or not text:
            raise ConfigurationError(
                "tokens of a CredentialPool must be text that is not empty, or a SecretStr, got "
                f"{type(token).__name__}"
            )
        if self.scheme and text.lower().startswith(f"{self.scheme.lower()} "):
            raise ConfigurationError(
                f"one of the tokens of a CredentialPool starts with {self.scheme!r}, which is "
                "added; leave it out"
            )
        try:
            encode_header(self.header, text)
        except ConfigurationError:
            raise ConfigurationError(
                "one of the tokens of a CredentialPool holds a control character, a character "
                "beyond latin-1, or a blank at an end"
            ) from None
        return text


def _is_word(text: str) -> bool:
    return text.isascii() and text.isprintable() and bool(text) and " " not in text
