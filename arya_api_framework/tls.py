"""The `TLS` value: whom to trust and which certificate to show, the same for both clients."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import TYPE_CHECKING

from .errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

__all__ = ["TLS", "InsecureTLSWarning"]


class InsecureTLSWarning(UserWarning):
    """A client does not verify certificates: anyone on the way can read and change everything."""


@dataclass(frozen=True, slots=True)
class TLS:
    """How connections to `https` origins are secured.

    Attributes:
        ca: A PEM file of the certificate authorities to trust instead of certifi's.
        cert: A PEM file with the client's certificate chain (mutual TLS).
        key: The PEM file of its key, where it is not in `cert`.
        password: The password of the key.
        verify: `False` trusts anyone, and warns.
        context: A context of your own, used as it is; excludes all other values.
    """

    ca: str | PathLike[str] | None = None
    cert: str | PathLike[str] | None = None
    key: str | PathLike[str] | None = None
    password: str | None = field(default=None, repr=False)
    verify: bool = True
    context: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.context is not None and (
            self.ca or self.cert or self.key or self.password or not self.verify
        ):
            raise ConfigurationError(
                "TLS takes a `context` of your own or the other values, not both"
            )
        if self.key is not None and self.cert is None:
            raise ConfigurationError("TLS has a `key` but no `cert`")

    def build_context(self) -> ssl.SSLContext:
        """Return the context that both libraries are given, TLS 1.2 or newer.

        Raises:
            ConfigurationError: A file cannot be read or is no PEM of what it should be.
        """
        if self.context is not None:
            return self.context
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            if self.ca is not None:
                context.load_verify_locations(fspath(self.ca))
            elif self.verify:
                import certifi

                context.load_verify_locations(certifi.where())
            if self.cert is not None:
                context.load_cert_chain(
                    fspath(self.cert), fspath(self.key) if self.key else None, self.password
                )
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"a file of {self!r} cannot be used: {type(error).__name__}"
            ) from error
        if not self.verify:
            warnings.warn(
                "certificates are not verified (TLS(verify=False)): anyone on the way can read and "
                "change everything",
                InsecureTLSWarning,
                stacklevel=2,
            )
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
