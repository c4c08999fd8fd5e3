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
from typing import TYPE_CHECKING, Any

import aiohappyeyeballs
import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override
from yarl import URL

from ..errors import ConnectError, FrameworkException, ProtocolError, ProxyError
from .config import ClientConfig
from .dns_cache import check_addresses
from .egress import check_egress, check_egress_name
from .environment import find_proxies, read_tls
from .http1 import MAX_INTERIM, Head, parse_head, render_head
from .proxies import Proxies, Proxy, tunnel_refused
from .reasons import reason_of
from .url import Origin

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest

    from .async_events import Late

__all__ = ["Dialer", "Resolver"]

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


class Dialer:
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
        way = _Way(self, connector, request, traces)
        proxy = self.proxies.find(origin)
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
        try:
            self._prepare(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _prepare(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        for option in self._options:
            sock.setsockopt(*option)

    async def _open_unix(self, path: str) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        try:
            self._prepare(sock)
            await asyncio.get_running_loop().sock_connect(sock, path)
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):
                raise ConnectError(
                    f"no connection to the unix socket {path!r} could be made{reason_of(error)}"
                ) from error
            raise  # pragma: no cover - an interruption between two steps
        return sock

    async def _open_socks(self, way: _Way, proxy: Proxy, host: str, port: int) -> socket.socket:
        from python_socks import ProxyError as SocksError
        from python_socks import ProxyType
        from python_socks.async_.asyncio import Proxy as Socks

        target = host
        if not proxy.resolves:
            target = await way.address_for(proxy, host, port, is_guarded=self._is_guarded)
        sock = await way.open_proxy(proxy)
        forward: Any = _Connected(sock)
        kind = ProxyType.SOCKS5 if proxy.scheme.startswith("socks5") else ProxyType.SOCKS4
        socks = Socks(
            kind,
            proxy.host,
            proxy.port,
            username=proxy.user,
            password=proxy.password,
            rdns=proxy.resolves,
            forward=forward,
        )
        try:
            # The time of the call is watched outside.
            await socks.connect(target, port, timeout=1e9)
        except (SocksError, OSError, ValueError) as error:
            sock.close()
            what = f"a connection to {host}:{port}"
            raise tunnel_refused(proxy, None, str(error), what) from error
        except BaseException:
            sock.close()
            raise
        return sock

    async def _open_through(self, way: _Way, proxy: Proxy, host: str, port: int) -> Any:
        """Connect through a proxy that speaks HTTP."""
        sock = await way.open_proxy(proxy)
        context = None
        if proxy.scheme == "https":
            context = self._proxy_context
            if context is None:
                context = self._proxy_context = await asyncio.to_thread(self._make_context)
        is_tunnel = way.context is not None
        factory: Any = _Tunnel if is_tunnel else way.factory
        try:
            transport, protocol = await way.upgrade(sock, factory, context, proxy.host)
        except (OSError, ValueError) as error:
            raise ProxyError(
                f"the TLS handshake with the proxy {proxy.authority} failed{reason_of(error)}"
            ) from error
        if not is_tunnel:
            return protocol
        if context is not None:
            # For a handshake that fails, Python before 3.12 calls this in a way that fails itself.
            transport._force_close = functools.partial(_abort, transport)
        try:
            await _ask_for_tunnel(transport, protocol, proxy, host, port)
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

    def __init__(
        self,
        dialer: Dialer,
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
            for one in found:  # pragma: no branch - a public one is not connected to in tests
                check_egress(one["host"], host)
        connector: Any = self._connector
        happy: Any = aiohappyeyeballs
        sock: socket.socket = await happy.start_connection(
            addr_infos=connector._convert_hosts_to_addr_infos(found),
            local_addr_infos=connector._local_addr_infos,
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
        except OSError as error:
            raise ProxyError(
                f"the proxy {proxy.authority} cannot be reached{reason_of(error)}"
            ) from error

    async def address_for(self, proxy: Proxy, host: str, port: int, *, is_guarded: bool) -> str:
        """Return the address of a host for a proxy that does not resolve names."""
        for one in await self.resolve(host, port):
            address = one["host"]
            if proxy.scheme == "socks5" or ":" not in address:
                if is_guarded:
                    check_egress(address, host)
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


class _Tunnel(asyncio.Protocol):
    """Reads what a proxy answers to CONNECT.

    Attributes:
        answer: Its head, and what came behind it.
    """

    def __init__(self) -> None:
        self.answer: asyncio.Future[Head] = asyncio.get_running_loop().create_future()
        self.has_excess = False
        self._buffer = b""
        self._interim = 0

    @override
    def data_received(self, data: bytes) -> None:
        if self.answer.done():
            self.has_excess = True
            return
        self._buffer += data
        try:
            # As the answer to HEAD it has no body (RFC 9110 9.3.6).
            while self._buffer and (head := parse_head(self._buffer, "HEAD")) is not None:
                self._buffer = self._buffer[head.end :]
                if head.status >= 200:
                    self.has_excess = bool(self._buffer)
                    self.answer.set_result(head)
                    return
                self._interim += 1
                if self._interim > MAX_INTERIM:
                    raise ProtocolError(f"more than {MAX_INTERIM} interim responses came")
        except FrameworkException as fault:
            self.answer.set_exception(fault)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(
                ProtocolError("the connection was closed before a whole head")
            )


async def _ask_for_tunnel(
    transport: asyncio.Transport, tunnel: _Tunnel, proxy: Proxy, host: str, port: int
) -> None:
    """Ask a proxy for a tunnel (RFC 9110 9.3.6)."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    fields: list[tuple[str, str]] = []
    if proxy.authorization is not None:
        fields.append(("Proxy-Authorization", proxy.authorization))
    transport.write(render_head("CONNECT", place, place, fields))
    try:
        head = await tunnel.answer
    except FrameworkException as error:
        raise ProxyError(f"the proxy {proxy.authority} gave no valid answer to CONNECT") from error
    if not 200 <= head.status < 300:
        raise tunnel_refused(proxy, head.status, head.reason, f"a tunnel to {place}")
    if tunnel.has_excess:
        raise ProxyError(f"the proxy {proxy.authority} said more than that there is a tunnel")


def _abort(transport: asyncio.Transport, _: object) -> None:
    transport.abort()
