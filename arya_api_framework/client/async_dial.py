"""How the connections of an `AsyncClient` are made: to a host, a unix socket, or through a proxy.

It has no synchronous twin: `sync_dial` has urllib3's pools around it.
"""

# What aiohttp's connector keeps for itself; each of these has a test that fails when it moves.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import functools
import inspect
import socket
import ssl
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import aiohappyeyeballs
import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override
from yarl import URL

from ..errors import ProxyError
from .config import ClientConfig
from .dns_cache import check_addresses
from .egress import check_egress, check_egress_name
from .environment import find_proxies, read_tls
from .faults import no_address, no_connection, reason_of
from .proxies import Proxies, Proxy, socks_options, tunnel_refused
from .tunnel import Tunnel
from .url import Origin

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest

    from .async_events import Late

__all__ = ["AsyncDialer", "Resolver"]

_HAPPY_EYEBALLS_DELAY = 0.25
"""Seconds that an address has before the next one is tried beside it (RFC 8305 5)."""


class Resolver(AbstractResolver):
    """A resolver of the user's, as aiohttp asks it."""

    def __init__(self, resolve: Any) -> None:
        self._resolve = resolve

    @override
    async def resolve(
        self, host: str, port: int = 0, family: int = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            OSError: The function of the user's failed, or gave no addresses.
        """
        try:
            if inspect.iscoroutinefunction(self._resolve):
                answer = await self._resolve(host, port)
            else:
                answer = await asyncio.to_thread(self._resolve, host, port)
                if hasattr(answer, "__await__"):
                    answer = await answer
            addresses = check_addresses(answer)
        except Exception as error:
            raise OSError(f"the resolver gave no address: {type(error).__name__}") from error
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            }
            for address in addresses
        ]

    @override
    async def close(self) -> None:
        """Do nothing: the function is the user's."""


class AsyncDialer:
    """Makes the connections of a client, in every event loop.

    Attributes:
        proxies: Which proxy leads to an origin.
        tls: Tells how connections to `https` origins are secured; may read a file.
    """

    def __init__(self, config: ClientConfig) -> None:
        self.proxies: Proxies = find_proxies(config)
        self.tls = read_tls(config)
        self._unix_socket = config.unix_socket
        self._options = config.socket_options
        self._local = config.local_address
        self._is_guarded = config.egress == "public"
        self._proxy_context: ssl.SSLContext | None = None

    def leads_elsewhere(self, url: URL, proxy: URL | None) -> bool:
        """Return whether the session of a factory has a proxy of its own for a request."""
        if proxy is None:
            return False
        ours = self.proxies.find(Origin.of(url))
        return ours is None or proxy != ours.url

    async def connect(
        self, connector: aiohttp.TCPConnector, request: ClientRequest, traces: list[Late]
    ) -> Any:
        """Return the protocol of a new connection for a request of aiohttp.

        Raises:
            aiohttp.ClientConnectorError: It cannot be made.
            FrameworkException: A proxy, or the guard of egress, refuses it.
        """
        origin = Origin.of(request.url)
        host, port = origin.host, origin.port
        proxy = self.proxies.find(origin)
        way = _Way(self, connector, request, traces)
        del origin  # As many of these frames may wait as there are connections to be made.
        try:
            if self._unix_socket is not None:
                return await way.secure(await self._open_unix(self._unix_socket))
            if proxy is None:
                guard = self._is_guarded
                return await way.secure(await way.open(host, port, is_guarded=guard))
            if self._is_guarded:
                check_egress_name(host)
            if proxy.is_socks:
                return await way.secure(await self._open_socks(way, proxy, host, port))
            return await self._open_through(way, proxy, host, port)
        except aiohttp.ClientConnectorError:
            raise
        except ssl.CertificateError as error:
            raise aiohttp.ClientConnectorCertificateError(request.connection_key, error) from error
        except ssl.SSLError as error:
            raise aiohttp.ClientConnectorSSLError(request.connection_key, error) from error
        except OSError as error:
            raise aiohttp.ClientConnectorError(request.connection_key, error) from error

    def _make_context(self) -> ssl.SSLContext:
        return self.tls().without_certificate.build_context()

    def new_socket(self, info: Any) -> socket.socket:
        """Return a socket for an address, with the options of the client."""
        family, kind, protocol, *_ = info
        sock = socket.socket(family, kind, protocol)
        with ExitStack() as undo:
            undo.callback(sock.close)
            self._prepare(sock)
            undo.pop_all()
        return sock

    def _prepare(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        for option in self._options:
            sock.setsockopt(*option)

    async def _open_unix(self, path: str) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        with ExitStack() as undo:
            undo.callback(sock.close)
            try:
                self._prepare(sock)
                await asyncio.get_running_loop().sock_connect(sock, path)
            except OSError as error:
                raise no_connection(f"the unix socket {path!r}", reason_of(error)) from error
            undo.pop_all()
        return sock

    async def _open_socks(self, way: _Way, proxy: Proxy, host: str, port: int) -> socket.socket:
        from python_socks import ProxyError as SocksError
        from python_socks.async_.asyncio import Proxy as Socks

        target = host
        if not proxy.resolves:
            target = await way.address_for(proxy, host, port, is_guarded=self._is_guarded)
        sock = await way.open_proxy(proxy)
        with ExitStack() as undo:
            undo.callback(sock.close)
            forward: Any = _Connected(sock)
            try:
                # The time of the call is watched outside.
                await Socks(**socks_options(proxy), forward=forward).connect(target, port, 1e9)
            except (SocksError, OSError, ValueError) as error:
                what = f"a connection to {host}:{port}"
                raise tunnel_refused(proxy, None, str(error), what) from error
            undo.pop_all()
        return sock

    async def _open_through(self, way: _Way, proxy: Proxy, host: str, port: int) -> Any:
        """Connect through a proxy that speaks HTTP."""
        sock = await way.open_proxy(proxy)
        context = None
        if proxy.scheme == "https":
            context = self._proxy_context
            if context is None:
                context = self._proxy_context = await asyncio.to_thread(self._make_context)
        tunnel = None if way.context is None else Tunnel(proxy, host, port)
        factory: Any = way.factory if tunnel is None else functools.partial(_Answer, tunnel)
        try:
            transport, protocol = await way.upgrade(sock, factory, context, proxy.host)
        except (OSError, ValueError) as error:
            raise ProxyError(
                f"the TLS handshake with the proxy {proxy.authority} failed{reason_of(error)}"
            ) from error
        if tunnel is None:
            return protocol
        if context is not None:
            # For a handshake that fails, Python before 3.12 calls this in a way that fails itself.
            transport._force_close = functools.partial(_abort, transport)
        try:
            transport.write(tunnel.request)
            await protocol.whole
            if protocol.fault is not None:
                raise protocol.fault
            return await way.start_tls(transport)
        except BaseException:
            transport.abort()
            raise


class _Way:
    """What leads from an aiohttp connector and request to one connection.

    Attributes:
        context: What TLS with the host of the request is made with, `None` for none.
        factory: Makes the protocol of the connection.
    """

    __slots__ = ("_connector", "_dialer", "_request", "_traces", "context", "factory")

    def __init__(
        self,
        dialer: AsyncDialer,
        connector: aiohttp.TCPConnector,
        request: ClientRequest,
        traces: list[Late],
    ) -> None:
        self._dialer = dialer
        self._connector = connector
        self._request = request
        self._traces = traces
        self.factory: Any = connector._factory
        self.context = connector._get_ssl_context(request)

    async def resolve(self, host: str, port: int) -> list[ResolveResult]:
        """Return the addresses of a host."""
        try:
            traces: Any = self._traces
            found = await self._connector._resolve_host(host, port, traces=traces)
        except OSError as error:
            key = self._request.connection_key
            raise aiohttp.ClientConnectorDNSError(key, error) from error
        for trace in self._traces:
            trace.check()
        return found

    async def open(self, host: str, port: int, *, is_guarded: bool) -> socket.socket:
        """Return a socket that is connected to a host."""
        found = await self.resolve(host, port)
        if is_guarded:
            check_egress([one["host"] for one in found], host)
        connector: Any = self._connector
        local: Any = connector._local_addr_infos
        if local and all(_family(one["host"]) != local[0][0] for one in found):
            raise no_address(self._request.url.authority)
        happy: Any = aiohappyeyeballs
        sock: socket.socket = await happy.start_connection(
            addr_infos=connector._convert_hosts_to_addr_infos(found),
            local_addr_infos=local,
            happy_eyeballs_delay=_HAPPY_EYEBALLS_DELAY,
            interleave=None,
            loop=connector._loop,
            socket_factory=self._dialer.new_socket,
        )
        return sock

    async def open_proxy(self, proxy: Proxy) -> socket.socket:
        """Return a socket that is connected to a proxy."""
        try:
            return await self.open(proxy.host, proxy.port, is_guarded=False)
        except (OSError, UnicodeError) as error:  # What is no host name cannot be encoded.
            raise ProxyError(
                f"the proxy {proxy.authority} cannot be reached{reason_of(error)}"
            ) from error

    async def address_for(self, proxy: Proxy, host: str, port: int, *, is_guarded: bool) -> str:
        """Return the address of a host for a proxy that does not resolve names."""
        addresses = [one["host"] for one in await self.resolve(host, port)]
        if is_guarded:
            check_egress(addresses, host)
        for address in addresses:
            if proxy.scheme == "socks5" or ":" not in address:
                return address
        raise ProxyError(f"SOCKS 4 takes IPv4 addresses, and {host!r} has none")

    async def secure(self, sock: socket.socket) -> Any:
        """Return the protocol of a connection on a socket that leads to the host."""
        _, protocol = await self.upgrade(sock, self.factory, self.context, self._server_name)
        return protocol

    async def upgrade(
        self, sock: socket.socket, factory: Any, context: ssl.SSLContext | None, name: str
    ) -> tuple[Any, Any]:
        """Return transport and protocol of a connection on a socket."""
        try:
            return await self._connector._loop.create_connection(
                factory, sock=sock, ssl=context, server_hostname=name if context else None
            )
        except BaseException:
            sock.close()
            raise

    async def start_tls(self, transport: Any) -> Any:
        """Return the protocol of a connection within a tunnel."""
        protocol = self.factory()
        context: Any = self.context
        inner = await self._connector._loop.start_tls(
            transport, protocol, context, server_hostname=self._server_name
        )
        if inner is None:  # pragma: no cover - it was closed between two steps
            raise ConnectionResetError("the tunnel was closed")
        protocol.connection_made(inner)
        return protocol

    @property
    def _server_name(self) -> str:
        # Certificates hold names without the dot at their end.
        name = self._request.server_hostname or self._request.url.raw_host or ""
        return name.rstrip(".")


class _Connected:
    """A socket that python-socks takes for one it has made."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def connect(self, **_: Any) -> socket.socket:
        return self._sock


class _Answer(asyncio.Protocol):
    """Reads what a proxy says to a tunnel.

    Attributes:
        whole: Done when it has said whether there is one.
        fault: Why there is none, or not any more.
    """

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel
        self.whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.fault: ProxyError | None = None

    @override
    def data_received(self, data: bytes) -> None:
        try:
            is_over = self._tunnel.feed(data)
        except ProxyError as error:
            self.fault = error
            is_over = True
        if is_over and not self.whole.done():
            self.whole.set_result(None)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.data_received(b"")


def _abort(transport: asyncio.Transport, _: object) -> None:
    transport.abort()


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
