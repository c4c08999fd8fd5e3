"""The `TLS` value: whom to trust and which certificate to show, the same for both clients."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal

from yarl import URL

from .client.shapes import is_bytes, is_mapping, is_secret
from .errors import ConfigurationError
from .options import strict

if TYPE_CHECKING:
    import ssl

    from pydantic import SecretStr

__all__ = ["TLS", "InsecureTLSWarning"]


class InsecureTLSWarning(UserWarning):
    """A client does not verify certificates: anyone on the way can read and change everything."""


@strict
@dataclass(frozen=True, slots=True)
class TLS:
    """How connections to `https` origins are secured.

    The files are read when the value is made, so that a wrong one is known at once.

    Attributes:
        ca: A PEM file of the certificate authorities to trust instead of certifi's.
        cert: A PEM file with the client's certificate chain (mutual TLS).
        key: The PEM file of its key, where it is not in `cert`.
        password: The password of the key; kept as a `SecretStr`.
        verify: `False` asks no authority: with `pins` these alone tell who the server is, without
            them anyone is trusted, and a client that is given such a value warns.
        context: A context of your own, used as it is; goes with `server_name` only.
        server_name: The name that is asked for (SNI) and looked for in the certificate, where it
            is not the host of the URL.
        min_version: The oldest version of TLS that is spoken, `"1.2"` or `"1.3"`.
        pins: The SHA-256 of the DER of the server's own certificate, 32 bytes or as hexadecimal
            digits: only servers with one of these are talked to, in addition to everything else.

    The client's certificate, the pins and the server name are meant for the client's own origin and
    the trusted ones; connections to any other have none of them, and are verified.

    Raises:
        ConfigurationError: A file cannot be read or is no PEM of what it should be, or the values
            contradict.

    Example:
        >>> TLS(verify=False).verifies
        False
        >>> TLS(verify=False, pins=["ab" * 32]).verifies
        True
    """

    ca: str | PathLike[str] | None = None
    cert: str | PathLike[str] | None = None
    key: str | PathLike[str] | None = None
    password: str | SecretStr | None = field(default=None, repr=False)
    verify: bool = True
    context: ssl.SSLContext | None = field(default=None, repr=False)
    server_name: str | None = None
    min_version: Literal["1.2", "1.3"] | ssl.TLSVersion = "1.2"
    pins: Sequence[str | bytes] = ()

    def __post_init__(self) -> None:
        if self.verify is not True and self.verify is not False:
            raise ConfigurationError(
                f"verify of TLS must be True or False, got {self.verify!r}; "
                "a file of authorities is given as `ca`"
            )
        if isinstance(self.password, str):
            from pydantic import SecretStr

            object.__setattr__(self, "password", SecretStr(self.password))
        if self.server_name is not None:
            object.__setattr__(self, "server_name", _check_name(self.server_name))
        object.__setattr__(self, "min_version", _check_version(self.min_version))
        object.__setattr__(self, "pins", _check_pins(self.pins))
        if self.context is not None:
            self._check_context(self.context)
            return
        if self.cert is None and (self.key is not None or self.password is not None):
            raise ConfigurationError("TLS has a `key` or a `password` but no `cert`")
        if self.ca is not None or self.cert is not None:
            self._load(self._new_context())

    def _check_context(self, context: Any) -> None:
        import ssl

        if not isinstance(context, ssl.SSLContext):
            raise ConfigurationError(
                f"context of TLS must be an ssl.SSLContext, got {type(context).__name__}"
            )
        others = (self.ca, self.cert, self.key, self.password)
        if (
            not self.verify
            or self.pins
            or self.min_version != "1.2"
            or any(one is not None for one in others)
        ):
            raise ConfigurationError(
                "TLS takes a `context` of your own or the other values, not both"
            )

    @property
    def verifies(self) -> bool:
        """Whether anything tells who the server is: an authority, or the pins."""
        if self.context is not None:
            return self.context.verify_mode != 0
        return self.verify or bool(self.pins)

    @property
    def without_certificate(self) -> TLS:
        """The same for an origin that is not trusted, itself where that makes no difference.

        The client's certificate, the pins and the server name are of the client's own origin. Where
        pins took the place of the authorities, those are asked again.

        A `context` of your own stays as it is: what it holds cannot be taken out of it.
        """
        if self.cert is None and self.server_name is None and not self.pins:
            return self
        return replace(
            self,
            cert=None,
            key=None,
            password=None,
            server_name=None,
            pins=(),
            verify=self.verify or bool(self.pins),
        )

    def build_context(self) -> ssl.SSLContext:
        """Return the context that both libraries are given.

        Raises:
            ConfigurationError: A file has changed and can no longer be used.
        """
        if self.context is not None:
            return self.context
        context = self._new_context()
        self._load(context)
        if not self.verify:
            import ssl

            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.ca is None:
            import certifi

            context.load_verify_locations(certifi.where())
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        password = self.password
        secret = password.get_secret_value() if is_secret(password) else ""
        name = "ca"
        try:
            if self.ca is not None:
                context.load_verify_locations(fspath(self.ca))
            name = "cert"
            if self.cert is not None:
                key = None if self.key is None else fspath(self.key)
                # Without a function OpenSSL would ask for a missing password on the terminal.
                context.load_cert_chain(fspath(self.cert), key, lambda: secret)
        except (OSError, TypeError, ValueError) as error:
            about = "`cert`, `key` or `password`" if name == "cert" else "`ca`"
            raise ConfigurationError(
                f"{about} of {self!r} cannot be used: {type(error).__name__}"
            ) from error

    def _new_context(self) -> ssl.SSLContext:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.pins:
            from .client.pinning import PinningContext

            context = PinningContext(ssl.PROTOCOL_TLS_CLIENT)
            context.pins = frozenset(bytes.fromhex(str(one)) for one in self.pins)
        oldest = ssl.TLSVersion.TLSv1_3 if self.min_version == "1.3" else ssl.TLSVersion.TLSv1_2
        context.minimum_version = oldest
        return context


def _check_name(value: Any) -> str:
    """Return the name of a server as it is sent: in ASCII, without the dot at its end."""
    name = value.removesuffix(".") if isinstance(value, str) else ""
    try:
        host = URL.build(scheme="https", host=name).raw_host
        (host or "").encode("idna")  # Refuses labels that are empty or too long.
    except (ValueError, TypeError):
        host = None
    if not host or re.search(r"[^\w.:-]", host, re.ASCII):
        raise ConfigurationError(
            f"server_name of TLS must be a host name such as 'api.example.com', got {value!r}"
        )
    return host


def _check_version(value: Any) -> str:
    name = value if isinstance(value, str) else getattr(value, "name", None)
    known = {"1.2": "1.2", "1.3": "1.3", "TLSv1_2": "1.2", "TLSv1_3": "1.3"}
    found = known.get(name) if isinstance(name, str) else None
    if found is None:
        raise ConfigurationError(
            f"min_version of TLS must be '1.2' or '1.3', got {value!r}; what is older is broken "
            "(RFC 8996), and a server that knows nothing else needs a `context` of yours"
        )
    return found


def _check_pins(value: Any) -> tuple[str, ...]:
    """Return pins as 64 hexadecimal digits each."""
    if (
        isinstance(value, str)
        or is_bytes(value)
        or is_mapping(value)
        or not isinstance(value, Iterable)
    ):
        raise ConfigurationError(f"pins of TLS must be a list, got {value!r}")
    return tuple(dict.fromkeys(map(_check_pin, value)))  # pyright: ignore[reportUnknownArgumentType]


def _check_pin(value: Any) -> str:
    if is_bytes(value) and len(value) == 32:
        return bytes(value).hex()
    text = value.strip().lower() if isinstance(value, str) else ""
    # As `openssl x509 -fingerprint` writes it, too.
    text = re.sub(r"^sha-?256(?::| fingerprint=)", "", text)
    if not re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31}", text):
        raise ConfigurationError(
            "pins of TLS must hold the SHA-256 of certificates in DER, as 32 bytes or as 64 "
            f"hexadecimal digits with or without colons, got {value!r}"
        )
    return text.replace(":", "")
