"""The `TLS` value: whom to trust and which certificate to show, the same for both clients."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from .client.shapes import is_secret
from .errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

    from pydantic import SecretStr

__all__ = ["TLS", "InsecureTLSWarning"]


class InsecureTLSWarning(UserWarning):
    """A client does not verify certificates: anyone on the way can read and change everything."""


@dataclass(frozen=True, slots=True)
class TLS:
    """How connections to `https` origins are secured.

    The files are read when the value is made, so that a wrong one is known at once.

    Attributes:
        ca: A PEM file of the certificate authorities to trust instead of certifi's.
        cert: A PEM file with the client's certificate chain (mutual TLS).
        key: The PEM file of its key, where it is not in `cert`.
        password: The password of the key; kept as a `SecretStr`.
        verify: `False` trusts anyone; a client that is given such a value warns.
        context: A context of your own, used as it is; excludes all other values.

    Raises:
        ConfigurationError: A file cannot be read or is no PEM of what it should be, or the values
            contradict.

    Example:
        >>> TLS(verify=False).verifies
        False
    """

    ca: str | PathLike[str] | None = None
    cert: str | PathLike[str] | None = None
    key: str | PathLike[str] | None = None
    password: str | SecretStr | None = field(default=None, repr=False)
    verify: bool = True
    context: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.verify is not True and self.verify is not False:
            raise ConfigurationError(
                f"verify of TLS must be True or False, got {self.verify!r}; "
                "a file of authorities is given as `ca`"
            )
        if isinstance(self.password, str):
            from pydantic import SecretStr

            object.__setattr__(self, "password", SecretStr(self.password))
        if self.context is not None:
            self._check_context(self.context)
            return
        if self.cert is None and (self.key is not None or self.password is not None):
            raise ConfigurationError("TLS has a `key` or a `password` but no `cert`")
        if self.ca is not None or self.cert is not None:
            self._load(_new_context())

    def _check_context(self, context: Any) -> None:
        import ssl

        if not isinstance(context, ssl.SSLContext):
            raise ConfigurationError(
                f"context of TLS must be an ssl.SSLContext, got {type(context).__name__}"
            )
        others = (self.ca, self.cert, self.key, self.password)
        if not self.verify or any(one is not None for one in others):
            raise ConfigurationError(
                "TLS takes a `context` of your own or the other values, not both"
            )

    @property
    def verifies(self) -> bool:
        """Whether certificates are verified at all."""
        return self.verify and (self.context is None or self.context.verify_mode != 0)

    @property
    def without_certificate(self) -> TLS:
        """The same for an origin that the client's certificate is not meant for.

        A `context` of your own stays as it is: what it holds cannot be taken out of it.
        """
        return replace(self, cert=None, key=None, password=None) if self.cert else self

    def build_context(self) -> ssl.SSLContext:
        """Return the context that both libraries are given, TLS 1.2 or newer.

        Raises:
            ConfigurationError: A file has changed and can no longer be used.
        """
        if self.context is not None:
            return self.context
        context = _new_context()
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


def _new_context() -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
