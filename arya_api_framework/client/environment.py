"""What a client takes from the environment, once: proxies and certificate authorities."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from ..tls import TLS
from .proxies import Proxies, check_socks, environment_of

if TYPE_CHECKING:
    from .config import ClientConfig

__all__ = ["find_proxies", "find_tls", "read_tls"]

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

    Raises:
        ConfigurationError: The file that the environment names cannot be used.
    """
    return read_tls(config)()


def read_tls(config: ClientConfig) -> Callable[[], TLS]:
    """Return what `find_tls` does for the environment as it is now.

    The file is read when the function is called first: who speaks no TLS needs none.
    """
    if (given := config.tls) is not None:
        return lambda: given
    environment = environment_of(config.trust_env) or {}
    found = next(((name, path) for name in _CA_FILES if (path := environment.get(name))), None)
    return functools.cache(functools.partial(_make_tls, found))


def _make_tls(found: tuple[str, str] | None) -> TLS:
    if found is None:
        return TLS()
    name, path = found
    try:
        return TLS(ca=path)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{name} of the environment must be a PEM file of certificate authorities, got "
            f"{path!r}; give `trust_env=False` to read nothing from there"
        ) from error
