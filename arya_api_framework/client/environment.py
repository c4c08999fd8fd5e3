"""What a client takes from the environment, once: proxies and certificate authorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from ..errors import ConfigurationError
from ..tls import TLS
from .proxies import Proxies, check_socks, environment_of

if TYPE_CHECKING:
    import ssl

    from .config import ClientConfig

__all__ = ["find_proxies", "find_tls"]

_CA_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def find_proxies(config: ClientConfig) -> Proxies:
    """Return the proxies of a client: its own, else those of the environment.

    A client with a unix socket has none.

    Raises:
        ConfigurationError: A variable of the environment holds no proxy, or one of SOCKS, which
            nothing installed speaks.
    """
    if config.unix_socket is not None:
        return Proxies({})
    proxies = Proxies(config.proxy, config.no_proxy, environment_of(config.trust_env))
    check_socks(proxies.all())
    return proxies


def find_tls(config: ClientConfig) -> TLS:
    """Return the `TLS` of a client, else one with the authorities that the environment names.

    Their file is read when the first connection with TLS is made: it takes long, and many clients
    have none.
    """
    if config.tls is not None:
        return config.tls
    environment = environment_of(config.trust_env) or {}
    for name in _CA_FILES:
        if path := environment.get(name):
            return _EnvironmentTLS(name, path)
    return TLS()


class _EnvironmentTLS(TLS):
    """A `TLS` with the authorities of a file that a variable of the environment names."""

    __slots__ = ("_variable",)
    _variable: str

    def __init__(self, variable: str, path: str) -> None:
        TLS.__init__(self)
        object.__setattr__(self, "ca", path)
        object.__setattr__(self, "_variable", variable)

    @override
    def build_context(self) -> ssl.SSLContext:
        try:
            return TLS.build_context(self)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{self._variable} of the environment must be a PEM file of certificate "
                f"authorities, got {self.ca!r}; give `trust_env=False` to read nothing from there"
            ) from error
