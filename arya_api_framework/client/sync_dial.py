"""How the sockets of a `SyncClient` are made: to a host, a unix socket, or through a proxy.

It has no asynchronous twin: `async_dial` has aiohttp's connector around it.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from urllib3.util.connection import allowed_gai_family

from ..errors import (
    ConnectError,
    ProxyError,
)
from .config import ClientConfig
from .dns_cache import DnsCache, check_addresses, is_address
from .egress import check_egress, check_egress_name
from .environment import find_proxies, read_tls
from .faults import no_address, no_connection, reason_of, unknown_host
from .proxies import Proxies, Proxy, socks_options, tunnel_refused
from .sync_exchange import Exchange
from .tunnel import Tunnel

__all__ = ["SyncDialer"]

_PIECE = 4096
_LEAST = 0.001
"""A timeout of 0 would mean not to wait at all, which is another mode of a socket."""


class SyncDialer:
    """Makes the sockets of a client.

    Attributes:
        proxies: Which proxy leads to an origin.
        tls: Returns how connections to `https` origins are secured.
    """

    def __init__(self, config: ClientConfig) -> None:
        self.proxies: Proxies = find_proxies(config)
        self.tls = read_tls(config)
        self._cache = DnsCache(config.dns)
        self._resolver: Any = config.dns.resolver
        self._unix_socket = config.unix_socket
        self._options = config.socket_options
        self._local = config.local_address
        self._is_guarded = config.egress == "public"
        self._proxy_context: ssl.SSLContext | None = None

    def dial(self, host: str, port: int, *, is_tls: bool, exchange: Exchange) -> Any:
        """Return a socket that leads to a host, with as much time left on it as the call has.

        Args:
            host: The host, or its address.
            port: Its port.
            is_tls: Whether TLS with the host comes next, so that a proxy has to give a tunnel.
            exchange: What the socket is for.

        Raises:
            ConnectError: It cannot be made.
            ConnectTimeout: It takes too long.
            EgressRefused: The host leads to an address that is not public.
        """
        timeout = exchange.call.time_for("connect")
        ends = None if timeout is None else time.monotonic() + timeout
        proxy = exchange.proxy
        try:
            if self._unix_socket is not None:
                sock: Any = self._connect_unix(self._unix_socket, ends)
            elif proxy is None:
                sock = self._connect_host(host, port, ends, exchange, is_guarded=self._is_guarded)
            else:
                sock = self._connect_through(proxy, host, port, ends, exchange, is_tls=is_tls)
            # The next who uses it looks at the time again.
            sock.settimeout(None if ends is None else max(ends - time.monotonic(), _LEAST))
        except TimeoutError as error:
            if exchange.raised is error:
                raise
            raise exchange.call.timed_out("connect") from error
        return sock

    # Direct connections

    def _connect_host(
        self, host: str, port: int, ends: float | None, exchange: Exchange, *, is_guarded: bool
    ) -> socket.socket:
        addresses = [one for one in self._resolve(host, port, exchange) if self._suits(one)]
        if is_guarded:
            check_egress(addresses, host)
        failure: OSError | None = None
        for index, address in enumerate(addresses):
            left = _left(ends)
            try:
                # What one address wastes is missing for the others.
                share = None if left is None else left / (len(addresses) - index)
                return self._open(address, port, share)
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError) and not failure.errno:
            raise failure
        place = exchange.request.origin.authority
        if failure is None:
            raise no_address(place)
        raise no_connection(place, reason_of(failure)) from failure

    def _suits(self, address: str) -> bool:
        return self._local is None or (":" in address) == (":" in self._local[0])

    def _open(self, address: str, port: int, timeout: float | None) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        with ExitStack() as undo:
            undo.callback(sock.close)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._prepare(sock, timeout)
            if self._local is not None:
                sock.bind(self._local)
            sock.connect((address, port))
            undo.pop_all()
        return sock

    def _prepare(self, sock: socket.socket, timeout: float | None) -> None:
        for option in self._options:
            sock.setsockopt(*option)
        sock.settimeout(timeout)

    def _connect_unix(self, path: str, ends: float | None) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        with ExitStack() as undo:
            undo.callback(sock.close)
            try:
                self._prepare(sock, _left(ends))
                sock.connect(path)
            except OSError as error:
                raise no_connection(f"the unix socket {path!r}", reason_of(error)) from error
            undo.pop_all()
        return sock

    def _resolve(self, host: str, port: int, exchange: Exchange) -> tuple[str, ...]:
        if is_address(host):
            return (host,)
        found = self._cache.find(host, port, time.monotonic())
        if found is not None:
            exchange.tell("dns_cache_hit", host=host)
            return found
        exchange.tell("dns_cache_miss", host=host)
        exchange.tell("dns_resolvehost_start", host=host)
        try:
            if self._resolver is not None:
                found = check_addresses(self._resolver(host, port))
            else:
                found = tuple(dict.fromkeys(_ask_system(host, port)))
        except Exception as error:
            raise unknown_host(host) from error
        exchange.tell("dns_resolvehost_end", host=host)
        self._cache.remember(host, port, found, time.monotonic())
        return found

    # Proxies

    def _connect_through(
        self,
        proxy: Proxy,
        host: str,
        port: int,
        ends: float | None,
        exchange: Exchange,
        *,
        is_tls: bool,
    ) -> Any:
        if self._is_guarded:
            check_egress_name(host)
        target = host
        if proxy.is_socks and not proxy.resolves:
            target = self._address_for(proxy, host, port, exchange)
        try:
            sock: Any = self._connect_host(proxy.host, proxy.port, ends, exchange, is_guarded=False)
        except ConnectError as error:
            raise ProxyError(
                f"the proxy {proxy.authority} cannot be reached{reason_of(error.__cause__)}"
            ) from error
        try:
            if proxy.is_socks:
                self._ask_socks(sock, proxy, target, port, ends)
                return sock
            if proxy.scheme == "https":
                sock = self._secure(sock, proxy, ends)
            if is_tls:
                self._open_tunnel(sock, proxy, host, port, ends)
        except BaseException:
            sock.close()
            raise
        return sock

    def _address_for(self, proxy: Proxy, host: str, port: int, exchange: Exchange) -> str:
        """Return the address of a host for a proxy that does not resolve names."""
        addresses = self._resolve(host, port, exchange)
        if self._is_guarded:
            check_egress(addresses, host)
        for address in addresses:
            if proxy.scheme == "socks5" or ":" not in address:
                return address
        raise ProxyError(f"SOCKS 4 takes IPv4 addresses, and {host!r} has none")

    def _secure(self, sock: socket.socket, proxy: Proxy, ends: float | None) -> ssl.SSLSocket:
        context = self._proxy_context
        if context is None:
            context = self._proxy_context = self.tls().without_certificate.build_context()
        try:
            sock.settimeout(_left(ends))
            return context.wrap_socket(sock, server_hostname=proxy.host)
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:
            raise ProxyError(
                f"the TLS handshake with the proxy {proxy.authority} failed{reason_of(error)}"
            ) from error

    def _open_tunnel(
        self, sock: Any, proxy: Proxy, host: str, port: int, ends: float | None
    ) -> None:
        tunnel = Tunnel(proxy, host, port)
        try:
            sock.settimeout(_left(ends))
            sock.sendall(tunnel.request)
            while not tunnel.feed(sock.recv(_PIECE)):
                sock.settimeout(_left(ends))
        except TimeoutError:
            raise
        except OSError as error:
            raise ProxyError(
                f"the proxy {proxy.authority} gave no answer to CONNECT{reason_of(error)}"
            ) from error

    def _ask_socks(
        self, sock: socket.socket, proxy: Proxy, host: str, port: int, ends: float | None
    ) -> None:
        from python_socks import ProxyError as SocksError
        from python_socks.sync import Proxy as Socks

        forward: Any = _Connected(sock, ends)
        try:
            Socks(**socks_options(proxy), forward=forward).connect(host, port, _left(ends))
        except TimeoutError:
            raise
        except (SocksError, OSError, ValueError) as error:
            what = f"a connection to {host}:{port}"
            raise tunnel_refused(proxy, None, str(error), what) from error


class _Connected:
    """A socket that python-socks takes for one it has made, whose waits end with the call."""

    def __init__(self, sock: socket.socket, ends: float | None) -> None:
        self._sock = sock
        self._ends = ends

    def connect(self, **_: Any) -> _Connected:
        return self

    def recv(self, size: int) -> bytes:
        self._sock.settimeout(_left(self._ends))
        return self._sock.recv(size)

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._ends))
        self._sock.sendall(data)

    def close(self) -> None:
        self._sock.close()


def _ask_system(host: str, port: int) -> Iterator[str]:
    for *_, address in socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM):
        yield str(address[0])


def _left(ends: float | None) -> float | None:
    """Return the seconds that are left.

    Raises:
        TimeoutError: None are.
    """
    if ends is None:
        return None
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time to connect is over")
    return left
