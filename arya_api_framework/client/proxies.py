"""Which proxy a request takes: what was given, else what the environment says, read once."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import unquote

from yarl import URL

from ..errors import ConfigurationError, ProxyError
from .redaction import clean_text, hide_secrets
from .shapes import is_mapping
from .url import Origin

__all__ = [
    "Proxies",
    "Proxy",
    "check_forwarded",
    "check_no_proxy",
    "check_proxies",
    "check_socks",
    "environment_of",
    "is_forwarded",
    "socks_options",
    "tunnel_refused",
]

_PORTS = {
    "http": 80,
    "https": 443,
    "socks4": 1080,
    "socks4a": 1080,
    "socks5": 1080,
    "socks5h": 1080,
}
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        scheme: `http`, `https`, `socks4`, `socks4a`, `socks5` or `socks5h`.
        host: Its host.
        port: Its port.
        user: The name that it wants to know, decoded.
        password: The password to it, decoded.
    """

    scheme: str
    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS, not HTTP."""
        return self.scheme.startswith("socks")

    @property
    def resolves(self) -> bool:
        """Whether it is given the host name, not an address."""
        return self.scheme not in ("socks4", "socks5")

    @property
    def authority(self) -> str:
        """Host and port, as shown."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> URL:
        """Its URL, without credentials."""
        return URL.build(scheme=self.scheme, host=self.host, port=self.port)

    @property
    def authorization(self) -> str | None:
        """The value of `Proxy-Authorization` (RFC 7617), `None` without credentials."""
        if self.user is None:
            return None
        login = f"{self.user}:{self.password or ''}".encode()
        return f"Basic {base64.b64encode(login).decode()}"

    @classmethod
    def parse(cls, value: Any, what: str) -> Proxy:
        """Return the proxy that a URL means; without a scheme it is `http`.

        Raises:
            ConfigurationError: It means none. The text holds `what` and not the URL, which may
                hold a password.
        """
        expected = f"{what} must be the URL of a proxy, such as 'http://user:password@host:3128'"
        if not isinstance(value, str | URL):
            raise ConfigurationError(f"{expected}, got {type(value).__name__}")
        text = str(value).strip()
        if "://" not in text:
            text = f"http://{text}"
        try:
            url = URL(text)
            scheme, host = url.scheme.lower(), url.host
            usual = _PORTS[scheme]
            port = url.explicit_port or usual
            user, password = url.raw_user, url.raw_password
        except KeyError:
            known = ", ".join(_PORTS)
            raise ConfigurationError(f"{expected}; its scheme is none of {known}") from None
        except ValueError:
            raise ConfigurationError(f"{expected}; this is no URL") from None
        if host and re.search(r"[\x00-\x20\x7f]", host):
            raise ConfigurationError(f"{expected}; its host holds a blank or a control character")
        if not host or url.path not in ("", "/") or url.query_string or url.fragment:
            raise ConfigurationError(f"{expected}; it has no host, or more than a host and a port")
        logins = tuple(None if one is None else unquote(one) for one in (user, password))
        if any(one is not None and re.search(r"[\x00-\x1f\x7f]", one) for one in logins):
            raise ConfigurationError(f"{expected}; its credentials hold a control character")
        if logins[0] is None and logins[1] is not None:
            logins = ("", logins[1])
        if scheme.startswith("socks") and not "".join(filter(None, logins)).isascii():
            # RFC 1929 does not say how it would be encoded.
            raise ConfigurationError(f"{expected}; credentials for SOCKS must be ASCII")
        return cls(scheme, host, port, *logins)


class _Bypass:
    """The hosts that are reached without a proxy."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._all = False
        self._names: list[tuple[str, int | None]] = []
        self._networks: list[_Network] = []
        for entry in entries:
            self._add(entry)

    def _add(self, entry: str) -> None:
        text = entry.strip().lower()
        if text == "*":
            self._all = True
            return
        try:
            self._networks.append(ipaddress.ip_network(text.strip("[]"), strict=False))
            return
        except ValueError:
            pass
        name, colon, digits = text.rpartition(":")
        if not colon or not digits.isdigit():
            name, digits = text, ""
        name = name.strip("[]").removeprefix("*").strip(".")
        if name:
            self._names.append((name, int(digits) if digits else None))

    def holds(self, origin: Origin) -> bool:
        """Return whether an origin is reached without a proxy."""
        if self._all:
            return True
        host = origin.host.strip("[]").rstrip(".").lower()
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            if any(address in network for network in self._networks):
                return True
        return any(
            (host == name or host.endswith(f".{name}")) and port in (None, origin.port)
            for name, port in self._names
        )


class Proxies:
    """Which proxy a request to an origin takes.

    What was given to the client counts; only if nothing was, and `trust_env` allows it, the
    environment does: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case first.

    Args:
        given: `proxy` of the client, as `check_proxies` returns it.
        no_proxy: `no_proxy` of the client.
        environment: The environment, read now and never again; `None` where it is not trusted.
    """

    def __init__(
        self,
        given: Mapping[str, Proxy | None],
        no_proxy: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        entries = list(no_proxy)
        if not given and environment is not None:
            given = _read_proxies(environment)
            entries += _split(_read(environment, "no_proxy") or "")
        self._given = given
        self._bypass = _Bypass(entries)

    def __bool__(self) -> bool:
        return any(self._given.values())

    def find(self, origin: Origin) -> Proxy | None:
        """Return the proxy for an origin: that of the origin, else of its scheme, else of all."""
        given = self._given
        if not given:
            return None
        for key in (origin.prefix, origin.scheme, "all"):
            if key in given:
                proxy = given[key]
                return None if proxy is None or self._bypass.holds(origin) else proxy
        return None

    def all(self) -> list[Proxy]:
        """Return every proxy that a request might take."""
        return [proxy for proxy in dict.fromkeys(self._given.values()) if proxy is not None]


def check_proxies(value: Any) -> dict[str, Proxy | None]:
    """Return the proxies that `proxy` of a client means, by origin, scheme or `"all"`.

    Raises:
        ConfigurationError: One of them is no URL of a proxy, or a key no scheme and no origin.
    """
    if value is None:
        return {}
    if not is_mapping(value):
        return {"all": Proxy.parse(value, "proxy")}
    proxies: dict[str, Proxy | None] = {}
    for key, one in value.items():
        name = key if key in ("http", "https", "all") else _origin_of(key)
        what = f"proxy of {name!r}"
        proxies[name] = None if one is None else Proxy.parse(one, what)
    return proxies


def check_socks(proxies: Iterable[Proxy | None]) -> None:
    """Refuse a SOCKS proxy where nothing speaks SOCKS.

    Raises:
        ConfigurationError: The library is not installed.
    """
    if any(one is not None and one.is_socks for one in proxies):
        from importlib.util import find_spec

        if find_spec("python_socks") is None:
            raise ConfigurationError(
                "a SOCKS proxy needs python-socks: install `arya-api-framework[socks]`"
            )


def _origin_of(key: Any) -> str:
    try:
        url = URL(key)
        if url.path in ("", "/"):
            return Origin.of(url).prefix
    except (ValueError, TypeError, AttributeError):
        pass
    raise ConfigurationError(
        f"a key of proxy must be 'http', 'https', 'all' or an origin such as 'https://api.test', "
        f"got {key!r}"
    )


_NO_HOST = re.compile(r"[\x00-\x20\x7f?#@\\]|//")
"""What is in no host, address or network: an entry with it stands for nothing."""


def check_no_proxy(value: Any) -> tuple[str, ...]:
    """Return the entries of `no_proxy`.

    Raises:
        ConfigurationError: It is neither text nor a list of texts, or one of these is no host.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        value = _split(value)
    if isinstance(value, bytes) or is_mapping(value) or not isinstance(value, Iterable):
        raise ConfigurationError(f"no_proxy must be a list of hosts, got {value!r}")
    entries: list[str] = []
    for one in value:  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(one, str) or not one.strip():
            raise ConfigurationError(f"no_proxy must hold hosts as text, got {one!r}")
        if _NO_HOST.search(one):
            raise ConfigurationError(
                "no_proxy must hold hosts, such as 'api.test', '.test', '10.0.0.0/8' or "
                f"'api.test:8080'; {one!r} would never match"
            )
        entries.append(one)
    return tuple(entries)


def _split(text: str) -> tuple[str, ...]:
    return tuple(one for one in re.split(r"[,\s]+", text) if one)


def _read_proxies(environment: Mapping[str, str]) -> dict[str, Proxy | None]:
    proxies: dict[str, Proxy | None] = {}
    for scheme in ("http", "https", "all"):
        name = f"{scheme}_proxy"
        # A web server hands the header field `Proxy` of a request to its CGI program so.
        is_cgi = scheme == "http" and "REQUEST_METHOD" in environment
        value = environment.get(name) if is_cgi else _read(environment, name)
        if value:
            proxies[scheme] = Proxy.parse(value, f"{name} of the environment")
    return proxies


def _read(environment: Mapping[str, str], name: str) -> str | None:
    return environment.get(name) or environment.get(name.upper())


def socks_options(proxy: Proxy) -> dict[str, Any]:
    """Return the arguments of python-socks' `Proxy`, synchronous or not, for a SOCKS proxy."""
    from python_socks import ProxyType

    return {
        "proxy_type": ProxyType.SOCKS5 if "5" in proxy.scheme else ProxyType.SOCKS4,
        "host": proxy.host,
        "port": proxy.port,
        "username": proxy.user,
        "password": proxy.password,
        "rdns": proxy.resolves,
    }


def is_forwarded(origin: Origin, proxy: Proxy | None) -> bool:
    """Return whether a proxy reads a request, as it does where there is no TLS and no SOCKS."""
    return proxy is not None and not proxy.is_socks and origin.scheme == "http"


def check_forwarded(origin: Origin, proxy: Proxy, status: int, reason: str) -> None:
    """Refuse the answer of a proxy that wants other credentials before it sends anything on.

    Raises:
        ProxyError: It does.
    """
    if status == 407 and is_forwarded(origin, proxy):
        raise tunnel_refused(proxy, status, reason, "the request")


def tunnel_refused(proxy: Proxy, status: int | None, reason: str, what: str) -> ProxyError:
    """Return the error for what a proxy does not do.

    Args:
        proxy: The proxy.
        status: The status of its answer, if it speaks HTTP.
        reason: What it said, which may hold what it was told.
        what: What was asked for.
    """
    secrets = [one for one in (proxy.password, proxy.authorization) if one]
    said = clean_text(hide_secrets(reason, secrets), 100)
    shown = " ".join(str(one) for one in (status, said) if one)
    return ProxyError(f"the proxy {proxy.authority} refused {what}: {shown}")


def environment_of(trust_env: bool) -> Mapping[str, str] | None:
    """Return the environment, `None` where it is not trusted."""
    return os.environ if trust_env else None
