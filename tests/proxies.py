"""A proxy for HTTP and SOCKS on bare streams, which tells what it read and breaks if told to.

It stands in for the proxies of other projects where these are not installed, and where a test must
know what exactly was sent to a proxy.

    with Proxy(names={"api.test": "127.0.0.1"}) as proxy:
        SyncClient("http://api.test:8080", proxy=proxy.url).get("/")
        assert proxy.log[0].target == "http://api.test:8080/"
"""

import asyncio
import base64
import contextlib
import socket
import ssl
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults import PAUSE, Faults, Peer, Read

__all__ = ["HANG", "RESET", "Pipe", "Proxy", "Socks", "Step"]

HANG: Final = "hang"
"""Say nothing more and keep the connection open."""
RESET: Final = "reset"
"""End the connection with a TCP reset."""
Step = bytes | float | str
"""What to do next: write bytes, sleep seconds, `HANG` or `RESET`; the connection is closed at the
end."""

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
DENIED = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n"
    b"Content-Length: 6\r\nConnection: close\r\n\r\ndenied"
)
_HOP_BY_HOP = ("proxy-authorization", "proxy-connection", "connection", "keep-alive")
_LARGE = 64 * 1024


@dataclass(slots=True)
class Socks:
    """What a client asked for over SOCKS."""

    version: str
    """`"4"`, `"4a"` or `"5"`."""
    host: str
    """An address as the client wrote it, or a name that the proxy had to resolve."""
    port: int
    user: str | None = None
    password: str | None = None


class Proxy(Faults):
    """A proxy on a free port of 127.0.0.1, in a background thread.

    It forwards http requests, tunnels after `CONNECT`, and speaks SOCKS 4, 4a and 5 on the same
    port. `log` has the heads of the HTTP requests, `asked` what came over SOCKS.

    Args:
        credentials: The name and password that it wants.
        tls: Speak TLS with clients.
        names: The addresses of host names that the proxy alone knows.
        script: What it does, instead of what it should, when it has read a request.
        prefix: What it says before a tunnel is there, in the place of "200".
    """

    def __init__(
        self,
        *,
        credentials: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        names: dict[str, str] | None = None,
        script: Sequence[Step] | None = None,
        prefix: bytes = ESTABLISHED,
    ) -> None:
        super().__init__(tls)
        self.asked: list[Socks] = []
        self.after = bytearray()
        """What was read behind the head of a request, in scripts."""
        self.certificates: list[object] = []
        """What clients showed of themselves, one for each connection, in `ssl`'s form."""
        self.credentials = credentials
        self.names = names or {}
        self.script = script
        self.prefix = prefix

    def at(self, scheme: str, login: str = "") -> str:
        """Give the URL under another scheme, with a user and password."""
        return f"{scheme}://{login}{'@' if login else ''}127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Forget what was read."""
        super().reset()
        self.asked.clear()
        self.certificates.clear()
        self.after.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._transports.append(writer.transport)
        self.connections += 1
        self.certificates.append(writer.get_extra_info("peercert"))
        try:
            first = await reader.readexactly(1)
            if first == b"\x04":
                await self._speak_socks4(reader, writer)
            elif first == b"\x05":
                await self._speak_socks5(reader, writer)
            else:
                await self._speak_http(first, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # The client went away.
        except asyncio.CancelledError:
            pass  # The server stops.
        finally:
            self._tasks.discard(task)
            if not writer.is_closing():
                writer.close()
            if self._tls is not None:
                asyncio.get_running_loop().call_later(PAUSE, writer.transport.abort)

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for step in self.script or ():
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif step is RESET:
                Peer(reader, writer, self.log[-1], True).reset()
            else:
                while data := await reader.read(_LARGE):
                    self.after += data

    # HTTP

    async def _speak_http(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        request = Read(self.connections, first + await reader.readuntil(b"\r\n\r\n"))
        self.log.append(request)
        if self.script is not None:
            await self._play(reader, writer)
        elif self.credentials and request.fields.get("proxy-authorization") != self._basic():
            writer.write(DENIED)
            await writer.drain()
        elif request.method == "CONNECT":
            host, _, port = request.target.rpartition(":")
            await self._tunnel(reader, writer, host.strip("[]"), int(port), self.prefix)
        else:
            await self._forward(request, reader, writer)

    def _basic(self) -> str:
        return f"Basic {base64.b64encode(':'.join(self.credentials or ()).encode()).decode()}"

    async def _forward(
        self, request: Read, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Send one request on in the form that servers expect, and its response back."""
        authority, _, path = request.target.removeprefix("http://").partition("/")
        host, _, port = authority.rpartition(":")
        kept = [
            line
            for line in request.head.split(b"\r\n")[1:-2]
            if line.partition(b":")[0].decode().lower() not in _HOP_BY_HOP
        ]
        first = f"{request.method} /{path} HTTP/1.1".encode()
        head = b"\r\n".join([first, *kept, b"Connection: close", b"Via: 1.1 proxy", b"", b""])
        await Peer(reader, writer, request, True).read_body()
        upstream, up = await asyncio.open_connection(self._find(host or authority), int(port or 80))
        up.write(head + request.body)
        with contextlib.closing(up):
            while data := await upstream.read(_LARGE):
                writer.write(data)
                await writer.drain()
        request.done = True

    def _find(self, host: str) -> str:
        return self.names.get(host, host)

    async def _tunnel(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        host: str,
        port: int,
        accepted: bytes,
        refused: bytes = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    ) -> None:
        try:
            upstream, up = await asyncio.open_connection(self._find(host), port)
        except OSError:
            writer.write(refused)
            await writer.drain()
            return
        self._transports.append(up.transport)
        writer.write(accepted)
        await writer.drain()
        await _relay(reader, writer, upstream, up)

    # SOCKS

    async def _speak_socks4(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        _, port, packed = struct.unpack("!BH4s", await reader.readexactly(7))
        user = (await reader.readuntil(b"\0"))[:-1].decode()
        version, host = "4", socket.inet_ntoa(packed)
        # An address that cannot be says that a name follows.
        if packed[:3] == b"\0\0\0" and packed[3]:
            version, host = "4a", (await reader.readuntil(b"\0"))[:-1].decode()
        self.asked.append(Socks(version, host, port, user or None))
        if self.script is not None:
            await self._play(reader, writer)
            return
        rest = bytes(6)
        if self.credentials and user != self.credentials[0]:
            writer.write(b"\0\x5d" + rest)
            return
        await self._tunnel(reader, writer, host, port, b"\0\x5a" + rest, b"\0\x5b" + rest)

    async def _speak_socks5(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        user = password = None
        if self.credentials is None:
            writer.write(b"\x05\0")
        elif 2 not in methods:
            writer.write(b"\x05\xff")
            return
        else:  # RFC 1929
            writer.write(b"\x05\x02")
            size = (await reader.readexactly(2))[1]
            user = (await reader.readexactly(size)).decode()
            password = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
            is_right = (user, password) == self.credentials
            writer.write(b"\x01\0" if is_right else b"\x01\x01")
            if not is_right:
                await writer.drain()
                return
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, await reader.readexactly(size))
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        self.asked.append(Socks("5", host, port, user, password))
        if self.script is not None:
            await self._play(reader, writer)
            return
        rest = b"\0\x01" + bytes(6)
        await self._tunnel(reader, writer, host, port, b"\x05\0" + rest, b"\x05\x05" + rest)


class Pipe(Proxy):
    """TLS in front of a server that has none.

    Args:
        port: Where the server is.
        tls: The context for clients.
    """

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        super().__init__(tls=tls)
        self._target = port

    async def _speak_http(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        upstream, up = await asyncio.open_connection("127.0.0.1", self._target)
        up.write(first)
        await _relay(reader, writer, upstream, up)


async def _relay(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream: asyncio.StreamReader,
    up: asyncio.StreamWriter,
) -> None:
    """Copy both ways until one end has no more to say."""
    with contextlib.closing(up):
        ways = {
            asyncio.create_task(_copy(reader, up)),
            asyncio.create_task(_copy(upstream, writer)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_LARGE):
            writer.write(data)
            await writer.drain()
