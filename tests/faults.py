"""A server that breaks HTTP on purpose: one path for each fault, over real sockets.

It is written on bare asyncio streams, because no HTTP server lets itself be made to fail so.
`Faults.log` holds what it read, so that a test can tell what was sent, how often, and on which
connection.

    with Faults() as faults:
        client.get(faults.url + "/reset-in-body")
        assert len(faults.log) == 1
"""

import asyncio
import contextlib
import functools
import gzip
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Self, TypeAlias
from urllib.parse import urlsplit

import brotli

from tests.patience import PATIENCE, until_async

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CRLF = b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WELL = OK + b'Content-Length: 11\r\n\r\n{"ok":true}'
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
GZIPPED = gzip.compress(b'{"ok":true}', mtime=0)
NEVER = 3600.0
PAUSE = 0.05
"""Seconds between two drips: short against every timeout of a test."""


@dataclass(slots=True)
class Read:
    """One request, as far as it was read."""

    connection: int
    """The number of the connection, counted from 1."""
    head: bytes
    body: bytearray = field(default_factory=bytearray)
    at: float = field(default_factory=time.monotonic)
    """When the head had come, on the monotonic clock."""
    done: bool = False
    """Whether the server has sent all it will send."""

    @property
    def method(self) -> str:
        """The method."""
        return self.head.split(b" ", 1)[0].decode()

    @property
    def target(self) -> str:
        """The request target."""
        return self.head.split(b" ", 2)[1].decode()

    @property
    def fields(self) -> dict[str, str]:
        """The header fields, names in lower case."""
        lines = self.head.decode("latin-1").split("\r\n")[1:-2]
        return {
            name.lower(): value.strip() for name, _, value in (li.partition(":") for li in lines)
        }


class Peer:
    """The client at the other end of one connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        request: Read,
        is_first: bool,
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.request = request
        self.is_first = is_first

    async def send(self, *pieces: bytes) -> None:
        """Write, and wait until the system has taken it all."""
        self.writer.write(b"".join(pieces))
        await self.writer.drain()

    async def was_read(self) -> None:
        """Wait until the client has read all that was sent; elsewhere than on Linux, a moment."""
        if sys.platform != "linux":
            await asyncio.sleep(PAUSE)
            return
        ours, theirs = (self.writer.get_extra_info(name) for name in ("sockname", "peername"))
        await until_async(lambda: all_read(ours, theirs))

    async def read_body(self) -> None:
        """Read the whole body of the request."""
        fields, body = self.request.fields, self.request.body
        if "content-length" in fields:
            left = int(fields["content-length"])
            while left and (data := await self.reader.read(left)):
                body += data
                left -= len(data)
        elif "transfer-encoding" in fields:
            while size := int((await self.reader.readline()).strip(), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readline()

    async def drip(self, data: bytes) -> None:
        """Write one byte at a time."""
        for position in range(len(data)):
            await self.send(data[position : position + 1])
            await asyncio.sleep(PAUSE)

    async def hang(self) -> None:
        """Stay silent with the connection open, until the client goes away."""
        with contextlib.suppress(OSError):
            await self.reader.read(1)

    def close(self) -> None:
        """End the connection in order."""
        self.writer.close()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        transport = self.writer.transport
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()


async def _some_turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


Address: TypeAlias = tuple[str, int]


def all_read(ours: Address, theirs: Address) -> bool:
    """Return whether the other end of a connection on this machine has read all that was sent.

    Elsewhere than on Linux nobody can tell: there it is believed to have.
    """
    if sys.platform != "linux":
        return True
    here, there = _in_table(ours), _in_table(theirs)
    # The bytes that are still on their way, and those that wait at the other end to be read.
    return not _queued(here, there)[0] and not _queued(there, here)[1]


def _in_table(address: Address) -> str:
    """Return an IPv4 address and port as Linux writes them into its table of connections."""
    host = int.from_bytes(socket.inet_aton(address[0]), sys.byteorder)
    return f"{host:08X}:{address[1]:04X}"


def _queued(local: str, remote: str) -> tuple[int, int]:
    """Return how many bytes one end of a connection has not sent through, and has not read."""
    with open("/proc/self/net/tcp", encoding="ascii") as table:
        for line in table:
            _, here, there, _, queues, *_ = line.split()
            if (here, there) == (local, remote):
                out, come = queues.split(":")
                return int(out, 16), int(come, 16)
    return 0, 0  # It is closed.


Handler = Callable[[Peer], Awaitable[None]]
HANDLERS: dict[str, Handler] = {}


def handles(path: str) -> Callable[[Handler], Handler]:
    """Register the handler of a path."""

    def register(handler: Handler) -> Handler:
        HANDLERS[path] = handler
        return handler

    return register


async def missing(peer: Peer) -> None:
    """Answer to a path that is none."""
    await peer.read_body()
    await peer.send(sized(b"{}", status=b"404 Not Found"))


class Faults:
    """The server on a free port of 127.0.0.1, in a background thread.

    Args:
        tls: Serve https with this context.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.log: list[Read] = []
        self.connections = 0
        self.port = 0
        self._tls = tls
        self._stop: Callable[[], object] | None = None
        self._hang_up: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._transports: list[asyncio.WriteTransport] = []

    @property
    def url(self) -> str:
        """The origin."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Forget what was read."""
        self.log.clear()

    def hang_up(self) -> None:
        """End every connection, those that hang among them."""
        assert self._hang_up is not None
        self._hang_up()

    async def wait_for(self, count: int) -> None:
        """Wait until so many requests were read."""
        await until_async(lambda: len(self.log) >= count)

    async def settle(self) -> None:
        """Wait until nothing more will come for what was read."""
        await until_async(lambda: all(read.done for read in self.log))
        await _some_turns()  # In one of them a client in this loop hears of what has come.

    def __enter__(self) -> Self:
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="faults", daemon=True
        )
        self._thread.start()
        started.result(timeout=PATIENCE)
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._stop is not None
        assert self._thread is not None
        self._stop()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive(), "the server did not stop within 30 s"

    async def _serve(self, started: Future[None]) -> None:
        stopping = asyncio.Event()
        # A small buffer for what comes in, so that an upload that is not read soon stands still.
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        server = await asyncio.start_server(self._connected, sock=listener, ssl=self._tls)
        self.port = listener.getsockname()[1]
        later = asyncio.get_running_loop().call_soon_threadsafe
        self._stop = functools.partial(later, stopping.set)
        self._hang_up = functools.partial(later, self._abort)
        started.set_result(None)
        async with server:
            await stopping.wait()
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            # Those that wait for the client to end TLS would be left over.
            self._abort()
            await asyncio.sleep(0.01)

    def _abort(self) -> None:
        for transport in self._transports:
            transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._transports.append(writer.transport)
        self.connections += 1
        number = self.connections
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                request = Read(number, head)
                is_first = all(read.connection != number for read in self.log)
                self.log.append(request)
                path = urlsplit(request.target).path
                try:
                    await HANDLERS.get(path, missing)(Peer(reader, writer, request, is_first))
                finally:
                    if writer.is_closing():
                        await _some_turns()  # In one of them the socket is closed.
                    request.done = True
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # The client went away.
        except asyncio.CancelledError:
            pass  # The server stops.
        finally:
            self._tasks.discard(task)
            if not writer.is_closing():
                writer.close()
            if self._tls is not None:
                # asyncio would wait for the client to end TLS, and forget the socket meanwhile.
                asyncio.get_running_loop().call_later(PAUSE, writer.transport.abort)


def answers(path: str, *pieces: bytes, close: bool = True) -> None:
    """Register a path that reads the request, writes bytes and closes the connection, or not."""

    @handles(path)
    async def answer(peer: Peer) -> None:
        await peer.read_body()
        whole = b"".join(pieces)
        # An answer to HEAD ends with its head.
        is_head = peer.request.method == "HEAD"
        await peer.send(whole[: whole.index(b"\r\n\r\n") + 4] if is_head else whole)
        if close:
            peer.close()


def sized(body: bytes, *fields: bytes, status: bytes = b"200 OK") -> bytes:
    """Return a whole response with a length."""
    lines = [b"HTTP/1.1 " + status, b"Content-Type: application/json", *fields]
    lines.append(b"Content-Length: %d" % len(body))
    return CRLF.join([*lines, b"", body])


def chunked(*pieces: bytes, head: bytes = OK) -> bytes:
    """Return a response whose body is these bytes, framed by whoever calls."""
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(pieces)


# The connection ends too early.

answers("/ok", WELL, close=False)
answers("/close-before-head")
answers("/close-in-head", OK)
answers("/close-in-status-line", b"HTTP/1.1 20")
answers("/close-in-body", OK, b'Content-Length: 100\r\n\r\n{"ok"')
answers("/close-in-chunk", chunked(b'20\r\n{"ok"'))
answers("/close-between-chunks", chunked(b'5\r\n{"ok"\r\n'))
answers("/close-before-trailers", chunked(b'b\r\n{"ok":true}\r\n0\r\n'))
answers("/close-after-interim", HINTS)
answers("/close-in-chunk-size", chunked(b'5\r\n{"ok"\r\n6'))
answers("/close-in-trailers", chunked(b'b\r\n{"ok":true}\r\n0\r\nX-Sum'))


def resets(path: str, *pieces: bytes) -> None:
    """Register a path that resets the connection after some bytes have come through."""

    @handles(path)
    async def answer(peer: Peer) -> None:
        await peer.read_body()
        await peer.send(*pieces)
        await peer.was_read()  # A reset overtakes bytes that were not read yet.
        peer.reset()


resets("/reset-before-head")
resets("/reset-in-head", OK)
resets("/reset-in-body", OK, b'Content-Length: 100\r\n\r\n{"ok"')
resets("/reset-in-chunk", chunked(b'20\r\n{"ok"'))
resets("/reset-in-status-line", b"HTTP/1.1 20")
resets("/reset-after-interim", HINTS)
resets("/reset-before-body", OK, b"Content-Length: 100\r\n\r\n")
resets("/reset-between-chunks", chunked(b'5\r\n{"ok"\r\n'))
resets("/reset-before-trailers", chunked(b'b\r\n{"ok":true}\r\n0\r\n'))


# The server says nothing, or nearly nothing.


def hangs(path: str, *pieces: bytes) -> None:
    """Register a path that writes some bytes and then no more."""

    @handles(path)
    async def answer(peer: Peer) -> None:
        await peer.read_body()
        await peer.send(*pieces)
        await peer.hang()
        peer.close()


hangs("/hang-before-head")
hangs("/hang-in-head", OK)
hangs("/hang-in-body", OK, b'Content-Length: 100\r\n\r\n{"ok"')
hangs("/hang-in-chunk", chunked(b'20\r\n{"ok"'))
hangs("/hang-in-status-line", b"HTTP/1.1 20")
hangs("/hang-after-interim", HINTS)
hangs("/hang-before-body", OK, b"Content-Length: 100\r\n\r\n")
hangs("/hang-before-chunks", chunked())
hangs("/hang-in-chunk-size", chunked(b'5\r\n{"ok"\r\n6'))
hangs("/hang-between-chunks", chunked(b'5\r\n{"ok"\r\n'))
hangs("/hang-before-trailers", chunked(b'b\r\n{"ok":true}\r\n0\r\n'))
hangs("/hang-to-close", b'HTTP/1.1 200 OK\r\n\r\n{"ok"')
hangs("/hang-in-error-body", b'HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\n{"message"')


def drips(path: str, start: bytes, slow: bytes) -> None:
    """Register a path that writes some bytes at once and others one at a time."""

    @handles(path)
    async def answer(peer: Peer) -> None:
        await peer.read_body()
        await peer.send(start)
        await peer.drip(slow)


drips("/drip-head", b"", b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 90 + b"\r\n")
drips("/drip-body", OK + b"Content-Length: 1000\r\n\r\n", b"1" * 1000)
drips("/drip-chunks", chunked(), b"1\r\n1\r\n" * 200 + b"0\r\n\r\n")
drips("/drip-to-close", b"HTTP/1.1 200 OK\r\n\r\n", b"1" * 1000)
drips("/drip-briefly", OK + b"Content-Length: 11\r\n\r\n", b'{"ok":true}')
drips("/drip-interim", b"", HINTS * 8)
drips("/drip-chunk-line", chunked(), b"2;" + b"x" * 1000)
drips("/drip-trailers", chunked(b"2\r\n{}\r\n0\r\n"), b"X-Slow: 1\r\n" * 100)


# What comes is no HTTP, or is framed wrongly.

answers("/garbage", b"\x16\x03\x01\x00garbage\r\n\r\n")
answers("/other-protocol", b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
answers("/http2", b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n")
answers("/no-status", b"HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n")
answers("/status-99", b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n")
answers("/status-600", b"HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n")
answers("/status-1000", b"HTTP/1.1 1000 High\r\nContent-Length: 0\r\n\r\n")
answers("/binary", bytes(range(256)) * 8)
answers("/body-alone", b'{"ok":true}\r\n\r\n')
answers("/version-lower-case", b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
answers("/version-unknown", b"HTTP/1.x 200 OK\r\nContent-Length: 0\r\n\r\n")
answers("/status-unspaced", b"HTTP/1.1200OK\r\nContent-Length: 0\r\n\r\n")
answers("/status-negative", b"HTTP/1.1 -200 OK\r\nContent-Length: 0\r\n\r\n")
answers("/status-arabic", "HTTP/1.1 \u0662\u0660\u0660 OK\r\nContent-Length: 0\r\n\r\n".encode())
answers("/name-empty", OK, b": 1\r\nContent-Length: 2\r\n\r\n{}")
answers("/name-no-token", OK, b"X(A): 1\r\nContent-Length: 2\r\n\r\n{}")
answers("/return-in-field", OK, b"X-A: a\rb\r\nContent-Length: 2\r\n\r\n{}")
answers("/no-colon", OK, b"Broken\r\nContent-Length: 2\r\n\r\n{}")
answers("/blank-before-colon", OK, b"X-A : 1\r\nContent-Length: 2\r\n\r\n{}")
answers("/nul-in-field", OK, b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}")
answers("/folded-field", OK, b"X-A: a\r\n b\r\nContent-Length: 2\r\n\r\n{}", close=False)
answers("/bare-line-feeds", b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", close=False)
answers("/length-word", OK, b"Content-Length: two\r\n\r\n{}")
answers("/length-negative", OK, b"Content-Length: -2\r\n\r\n{}")
answers("/length-signed", OK, b"Content-Length: +2\r\n\r\n{}")
answers("/length-hexadecimal", OK, b"Content-Length: 0x2\r\n\r\n{}")
answers("/length-empty", OK, b"Content-Length: \r\n\r\n{}")
answers("/length-endless", OK, b"Content-Length: " + b"9" * 400 + b"\r\n\r\n{}")
answers("/lengths-differ", OK, b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")
answers("/lengths-listed", OK, b"Content-Length: 2, 3\r\n\r\n{}")
answers("/length-and-chunked", chunked(b"2\r\n{}\r\n0\r\n\r\n", head=OK + b"Content-Length: 2\r\n"))
answers("/coding-unknown", OK, b"Transfer-Encoding: gzip\r\n\r\n{}")
answers("/coding-twice", OK, b"Transfer-Encoding: chunked, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
answers(
    "/coding-listed", OK, b"Transfer-Encoding: gzip\r\n", chunked(b"2\r\n{}\r\n0\r\n\r\n", head=b"")
)
answers("/http10-chunked", chunked(b"2\r\n{}\r\n0\r\n\r\n", head=b"HTTP/1.0 200 OK\r\n"))
answers("/coding-not-last", OK, b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
answers("/chunk-size-word", chunked(b"zz\r\n{}\r\n0\r\n\r\n"))
answers("/chunk-size-signed", chunked(b"+2\r\n{}\r\n0\r\n\r\n"))
answers("/chunk-size-negative", chunked(b"-2\r\n{}\r\n0\r\n\r\n"))
answers("/chunk-size-prefixed", chunked(b"0x2\r\n{}\r\n0\r\n\r\n"))
answers("/chunk-size-empty", chunked(b"\r\n{}\r\n0\r\n\r\n"))
answers("/chunk-size-huge", chunked(b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n"))
answers("/chunk-size-underscore", chunked(b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n"))
answers("/chunk-size-decimal-point", chunked(b"2.0\r\n{}\r\n0\r\n\r\n"))
answers("/chunk-without-end", chunked(b"2\r\n{}xx0\r\n\r\n"))
answers("/chunk-bare-line-feeds", chunked(b"2\n{}\n0\n\n"))
answers("/chunk-trailer-broken", chunked(b"2\r\n{}\r\n0\r\nno field\r\n\r\n"))
LONG = b"X-A: %b\r\n" % (b"a" * 900)
answers("/chunk-trailer-long", chunked(b"2\r\n{}\r\n0\r\n", LONG * 12, CRLF), close=False)
LONG = b"2;" + b"x" * 20_000
answers("/chunk-line-endless", chunked(LONG, b"\r\n{}\r\n0\r\n\r\n"), close=False)
answers("/switching", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx")
answers("/interim-flood", HINTS * 11, WELL)


@handles("/interim-endless")
async def interim_endless(peer: Peer) -> None:
    """Send interim responses for as long as somebody reads them."""
    while True:
        await peer.send(HINTS * 100)


@handles("/status-line-endless")
async def status_line_endless(peer: Peer) -> None:
    """Send a status line for as long as somebody reads it."""
    await peer.send(b"HTTP/1.1 200 ")
    while True:
        await peer.send(b"O" * 0x10000)


@handles("/head-endless")
async def head_endless(peer: Peer) -> None:
    """Send header fields for as long as somebody reads them."""
    await peer.send(OK)
    while True:
        await peer.send(b"X-A: 1\r\n" * 1000)


# More than a response may hold.

answers("/fields-many", OK, b"X-A: 1\r\n" * 120, b"Content-Length: 2\r\n\r\n{}")
answers("/field-long", OK, b"X-A: " + b"a" * 70_000 + b"\r\nContent-Length: 2\r\n\r\n{}")
answers("/head-long", OK, (b"X-A: " + b"a" * 1000 + CRLF) * 80, b"Content-Length: 2\r\n\r\n{}")
answers("/length-too-large", OK, b"Content-Length: 1000000000000\r\n\r\n", b"1" * 1000)
answers("/body-large", sized(b"1" * 5000), close=False)
answers("/body-large-chunked", chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (5000, b"1" * 5000)), close=False)
answers("/body-large-to-close", b"HTTP/1.1 200 OK\r\n\r\n", b"1" * 5000)
answers("/error-page-large", sized(b"<p>" + b"1" * 500_000, status=b"500 Oops"), close=False)
answers("/error-body-large", sized(b"1" * 5000, status=b"500 Oops"), close=False)


@handles("/body-endless")
async def body_endless(peer: Peer) -> None:
    """Send chunks for as long as somebody reads them."""
    await peer.send(chunked())
    while True:
        await peer.send(b"10000\r\n", b"1" * 0x10000, CRLF)


# Content codings.


def coded(path: str, coding: bytes, body: bytes) -> None:
    """Register a path with a content coding."""
    answers(path, sized(body, b"Content-Encoding: " + coding), close=False)


def wide_frame() -> bytes:
    """Return a zstd frame of a few bytes that asks for a window of 16 MiB."""
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24})
    return compressor.compress(b'{"ok":true}', compressor.FLUSH_BLOCK) + compressor.flush()


coded("/gzip", b"gzip", GZIPPED)
coded(
    "/gzip-members", b"gzip", gzip.compress(b'{"ok":', mtime=0) + gzip.compress(b"true}", mtime=0)
)
coded("/gzip-twice", b"gzip, gzip", gzip.compress(GZIPPED, mtime=0))
coded("/gzip-broken", b"gzip", b"\x1f\x8b\x08\x00" + b"broken" * 20)
coded("/gzip-cut", b"gzip", GZIPPED[:-8])
coded("/gzip-checksum", b"gzip", GZIPPED[:-8] + bytes(8))
coded("/gzip-excess", b"gzip", GZIPPED + b"more")
coded("/gzip-plain", b"gzip", b'{"ok":true}')
coded("/gzip-bomb", b"gzip", gzip.compress(bytes(1024 * 1024)))
coded("/gzip-bomb-twice", b"gzip, gzip", gzip.compress(gzip.compress(bytes(1024 * 1024))))
# Blocks of their own inflate to the same again and again, so that nobody must deflate a gigabyte.
_DEFLATE = zlib.compressobj(wbits=-15)
_MEBIBYTE = _DEFLATE.compress(bytes(1024 * 1024)) + _DEFLATE.flush(zlib.Z_FULL_FLUSH)
coded("/gzip-bomb-gigabyte", b"gzip", GZIPPED[:10] + _MEBIBYTE * 1024 + b"\x03\x00" + bytes(8))
coded("/gzip-padding", b"gzip", GZIPPED + bytes(1024 * 1024))
coded("/coding-three", b"gzip, gzip, gzip", gzip.compress(gzip.compress(GZIPPED)))
coded("/gzip-empty", b"gzip", b"")
coded("/gzip-in-fields", b"gzip\r\nContent-Encoding: gzip", gzip.compress(GZIPPED, mtime=0))
coded("/gzip-cut-in-fields", b"gzip\r\nContent-Encoding: gzip", gzip.compress(GZIPPED[:-8]))
BROTLI = brotli.compress(b'{"ok":true}')
coded("/br", b"br", BROTLI)
coded("/br-cut", b"br", BROTLI[:-1])
coded("/br-excess", b"br", BROTLI + b"x")
coded("/br-plain", b"br", b'{"ok":true}')
coded("/br-bomb", b"br", brotli.compress(bytes(1024 * 1024), quality=5))
coded("/br-in-gzip", b"br, gzip", gzip.compress(BROTLI, mtime=0))
ZSTD = zstd.compress(b'{"ok":true}', options={zstd.CompressionParameter.checksum_flag: 1})
coded("/zstd", b"zstd", ZSTD)
coded("/zstd-frames", b"zstd", zstd.compress(b'{"ok":') + zstd.compress(b"true}"))
coded("/zstd-cut", b"zstd", ZSTD[:-1])
coded("/zstd-checksum", b"zstd", ZSTD[:-1] + bytes([ZSTD[-1] ^ 1]))
coded("/zstd-excess", b"zstd", ZSTD + b"more")
coded("/zstd-plain", b"zstd", b'{"ok":true}')
coded("/zstd-bomb", b"zstd", zstd.compress(bytes(1024 * 1024)))
coded("/zstd-window", b"zstd", wide_frame())
coded("/coding-thrice", b"gzip, br, zstd", b'{"ok":true}')
coded("/deflate", b"deflate", zlib.compress(b'{"ok":true}'))
coded("/deflate-cut", b"deflate", zlib.compress(b'{"ok":true}')[:-5])
coded("/coding-compress", b"compress", b'{"ok":true}')
coded("/coding-identity", b"identity", b'{"ok":true}')
CHUNKS = (b"1\r\n%b\r\n" % bytes([byte]) for byte in GZIPPED)
GZIP_HEAD = OK + b"Content-Encoding: gzip\r\n"
answers("/gzip-chunked", chunked(*CHUNKS, b"0\r\n\r\n", head=GZIP_HEAD), close=False)


# Content that is whole, but not what it says.

answers("/json-deep", sized(b"[" * 100_000 + b"]" * 100_000), close=False)
answers("/json-deep-objects", sized(b'{"a":' * 50_000 + b"1" + b"}" * 50_000), close=False)
answers("/json-surrogate", sized(b'{"name":"\\ud800"}'), close=False)
answers("/json-not-utf-8", sized(b'{"name":"\xff\xfe"}'), close=False)
answers("/json-cut", sized(b'{"name":'), close=False)
answers("/json-long-number", sized(b"1" * 10_000), close=False)
answers("/json-twice", sized(b"{}{}"), close=False)
answers("/error-json-deep", sized(b"[" * 100_000, status=b"500 Oops"), close=False)
answers("/error-long", sized(b"x" * 200_000, status=b"500 Oops"), close=False)
LATIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain"
answers("/text-undeclared", LATIN, b"\r\n\r\nGr\xfc\xdfe", close=False)
answers("/text-latin-1", LATIN, b"; charset=ISO-8859-1\r\n\r\nGr\xfc\xdfe", close=False)
answers("/text-unknown", LATIN, b"; charset=nonsense\r\n\r\nGr\xfc\xdfe", close=False)


# Odd, but right.

answers("/hints", HINTS, HINTS, WELL, close=False)
answers("/interim-ten", HINTS * 10, WELL, close=False)
answers("/continue", b"HTTP/1.1 100 Continue\r\n\r\n", WELL, close=False)
answers("/to-close", b'HTTP/1.1 200 OK\r\n\r\n{"ok":true}')
answers("/http10", b'HTTP/1.0 200 OK\r\nContent-Length: 11\r\n\r\n{"ok":true}')
answers("/http10-to-close", b'HTTP/1.0 200 OK\r\n\r\n{"ok":true}')
answers("/no-reason", b'HTTP/1.1 200\r\nContent-Length: 11\r\n\r\n{"ok":true}', close=False)
answers("/lengths-equal", OK, b'Content-Length: 11\r\nContent-Length: 11\r\n\r\n{"ok":true}')
answers("/connection-close", sized(b'{"ok":true}', b"Connection: close"))
answers("/chunk-extension", chunked(b'b;a="b"\r\n{"ok":true}\r\n0\r\n\r\n'), close=False)
answers("/chunk-trailer", chunked(b'b\r\n{"ok":true}\r\n0\r\nX-Sum: 1\r\n\r\n'), close=False)
answers("/chunk-upper-case", chunked(b'B\r\n{"ok":true}\r\n0\r\n\r\n'), close=False)
answers("/chunk-leading-zeros", chunked(b'00b\r\n{"ok":true}\r\n000\r\n\r\n'), close=False)
answers("/not-found", sized(b'{"message":"no"}', status=b"404 Not Found"), close=False)
answers("/no-content", b"HTTP/1.1 204 No Content\r\n\r\n", close=False)
answers(
    "/lying-no-content", b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nlies", close=False
)


answers(
    "/odd-fields",
    b"HTTP/1.1 200 Very Well\r\nX-b: 1\r\nx-A:  \xc3\xbc\xff \r\nX-B: 2\r\n",
    b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n",
    chunked(b"2\r\n{}\r\n0\r\n\r\n", head=b""),
    close=False,
)


@handles("/brief")
async def brief(peer: Peer) -> None:
    """Answer after a moment in which other calls can come."""
    await asyncio.sleep(0.2)
    await peer.send(WELL)


@handles("/mirror")
async def mirror(peer: Peer) -> None:
    """Answer with what was sent, as JSON whether it is that or not."""
    await peer.read_body()
    await peer.send(sized(bytes(peer.request.body)))


@handles("/in-pieces")
async def in_pieces(peer: Peer) -> None:
    """Send a good response, each byte in a packet of its own."""
    await peer.read_body()
    for position in range(len(WELL)):
        await peer.send(WELL[position : position + 1])
        await asyncio.sleep(0)


# Bytes that nobody asked for.

LIE = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"ok":false}'
answers("/excess", WELL, LIE, close=False)
answers("/excess-after-chunks", chunked(b'b\r\n{"ok":true}\r\n0\r\n\r\n'), LIE, close=False)
answers("/excess-after-empty", b"HTTP/1.1 204 No Content\r\n\r\n", LIE, close=False)
answers("/excess-garbage", WELL, b"garbage\r\n\r\n", close=False)
answers("/excess-line", WELL, b"\r\n", close=False)


@handles("/excess-later")
async def excess_later(peer: Peer) -> None:
    """Answer, and once more a little later."""
    await peer.send(WELL)
    await peer.was_read()
    await peer.send(LIE)


@handles("/excess-garbage-later")
async def excess_garbage_later(peer: Peer) -> None:
    """Answer, and write half of something a little later."""
    await peer.send(WELL)
    await peer.was_read()
    await peer.send(LIE[:20])


@handles("/closes-when-idle")
async def closes_when_idle(peer: Peer) -> None:
    """Answer as if the connection stayed open, then close it."""
    await peer.read_body()
    await peer.send(WELL)
    peer.close()
    await peer.writer.wait_closed()


@handles("/drops-the-second")
async def drops_the_second(peer: Peer) -> None:
    """Answer the first request of a connection, read the second one and close without an answer."""
    await peer.read_body()
    if peer.is_first:
        await peer.send(WELL)
    else:
        peer.close()


@handles("/slow-redirect")
async def slow_redirect(peer: Peer) -> None:
    """Redirect, after a while, to where no answer comes."""
    await asyncio.sleep(0.3)
    head = b"HTTP/1.1 302 Found\r\nLocation: /hang-before-head\r\n"
    await peer.send(head, b"Content-Length: 0\r\n\r\n")


@handles("/reset-when-idle")
async def reset_when_idle(peer: Peer) -> None:
    """Answer as if the connection stayed open, then reset it."""
    await peer.read_body()
    await peer.send(WELL)
    await peer.was_read()
    peer.reset()


# Redirects that lead nowhere, or in a circle.


def leads(path: str, *fields: bytes, status: bytes = b"302 Found") -> None:
    """Register a path that redirects."""
    answers(path, sized(b"", *fields, status=status), close=False)


leads("/redirect-loop", b"Location: /redirect-loop")
leads("/redirect-ring", b"Location: /redirect-ring-back")
leads("/redirect-ring-back", b"Location: /redirect-ring")
leads("/redirect-nowhere")
leads("/redirect-twice", b"Location: /ok", b"Location: /gzip")
leads("/redirect-file", b"Location: file:///etc/passwd")
leads("/redirect-broken", b"Location: http://[::1")
leads("/redirect-port", b"Location: http://127.0.0.1:99999/")
leads("/redirect-controls", b"Location: /o\tk")
leads("/redirect-same", b"Location: /ok", status=b"307 Temporary Redirect")
leads("/redirect-abroad", b"Location: http://localhost:1/x", status=b"307 Temporary Redirect")
leads("/redirect-down", b"Location: http://127.0.0.1:1/x")


# Redirects and errors whose body is broken.

answers(
    "/error-gzip-bomb",
    sized(gzip.compress(bytes(1024 * 1024)), b"Content-Encoding: gzip", status=b"500 Oops"),
    close=False,
)
answers(
    "/redirect-gzip-bomb",
    sized(
        gzip.compress(bytes(1024 * 1024)),
        b"Content-Encoding: gzip\r\nLocation: /ok",
        status=b"302 Found",
    ),
    close=False,
)
answers(
    "/redirect-again",
    b"HTTP/1.1 307 Again\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n",
    close=False,
)
answers("/redirect-cut", b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 100\r\n\r\nmoved")
answers("/error-cut", b'HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\n{"message"')


@handles("/error-chunks-broken-later")
async def error_chunks_broken_later(peer: Peer) -> None:
    """Send the head of an error, then chunks that are none."""
    await peer.send(chunked(b"1\r\n{\r\n", head=b"HTTP/1.1 404 Not Found\r\n"))
    await peer.was_read()
    await peer.send(b"zz\r\n")
    peer.close()


@handles("/redirect-endless")
async def redirect_endless(peer: Peer) -> None:
    """Send a redirect whose body never ends."""
    await peer.send(chunked(head=b"HTTP/1.1 302 Found\r\nLocation: /ok\r\n"))
    while True:
        await peer.send(b"10000\r\n", b"1" * 0x10000, CRLF)


answers(
    "/error-gzip-broken",
    sized(b"broken", b"Content-Encoding: gzip", status=b"429 Slow Down"),
    close=False,
)


# Uploads that are answered before they are through.


@handles("/early-error-close")
async def early_error_close(peer: Peer) -> None:
    """Refuse an upload from its head alone, and close while it comes."""
    await peer.send(sized(b'{"message":"too big"}', b"Connection: close", status=b"413 Too Large"))
    await peer.was_read()
    peer.close()


@handles("/early-error-stall")
async def early_error_stall(peer: Peer) -> None:
    """Refuse an upload from its head alone, keep the connection open and read nothing."""
    await peer.send(sized(b'{"message":"too big"}', status=b"413 Too Large"))
    await asyncio.sleep(NEVER)


@handles("/early-success")
async def early_success(peer: Peer) -> None:
    """Accept an upload from its head alone, and read nothing of it."""
    await peer.send(WELL)
    await asyncio.sleep(NEVER)


@handles("/early-success-close")
async def early_success_close(peer: Peer) -> None:
    """Accept an upload from its head alone, and close while it comes."""
    await peer.send(sized(b'{"ok":true}', b"Connection: close"))
    await peer.was_read()
    peer.reset()


@handles("/early-hints-upload")
async def early_hints_upload(peer: Peer) -> None:
    """Send interim responses at once, then read the upload and answer."""
    await peer.send(HINTS, b"HTTP/1.1 100 Continue\r\n\r\n")
    await peer.read_body()
    await peer.send(WELL)


@handles("/early-garbage")
async def early_garbage(peer: Peer) -> None:
    """Write what is no response while an upload comes, and read nothing."""
    await peer.send(b"garbage\r\n\r\n")
    await asyncio.sleep(NEVER)


@handles("/upload-reset")
async def upload_reset(peer: Peer) -> None:
    """Reset the connection in the middle of an upload."""
    await peer.reader.read(1000)
    peer.reset()


@handles("/upload-slowly")
async def upload_slowly(peer: Peer) -> None:
    """Read an upload with pauses."""
    left = int(peer.request.fields["content-length"])
    while left:
        left -= len(await peer.reader.read(min(left, 2 * 1024 * 1024)))
        await asyncio.sleep(0.005)
    await peer.send(WELL)


@handles("/upload-stall")
async def upload_stall(peer: Peer) -> None:
    """Read nothing of an upload, and say nothing."""
    await asyncio.sleep(NEVER)


# Bodies that are broken in the same packet as their head.

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\n"
FOUND = b"HTTP/1.1 302 Found\r\nLocation: /ok\r\n"
answers("/error-chunks-broken-at-once", chunked(b"zz\r\n", head=NOT_FOUND))
answers("/error-trailers-broken-at-once", chunked(b"0\r\nno field\r\n\r\n", head=NOT_FOUND))
answers("/redirect-chunks-broken-at-once", chunked(b"zz\r\n", head=FOUND))
answers("/status-000", b"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n", close=False)
answers("/status-099", b"HTTP/1.1 099 None\r\nContent-Length: 0\r\n\r\n", close=False)
answers("/excess-at-once", OK, b'Content-Length: 11\r\n\r\n{"ok":true}EXTRA', close=False)
answers("/excess-chunk", chunked(b'b\r\n{"ok":true}\r\n0\r\n\r\nEXTRA'), close=False)


@handles("/body-for-head")
async def body_for_head(peer: Peer) -> None:
    """Answer a HEAD with a body, as some servers do."""
    await peer.send(WELL)


def refuses(path: str, excess: bytes = b"") -> None:
    """Register a path that answers an upload and closes with most of it unread, which resets it."""
    said = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"

    @handles(path)
    async def answer(peer: Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await peer.send(said, excess)
        await asyncio.sleep(PAUSE)
        peer.close()


refuses("/no-reading")
refuses("/no-reading-excess", b"EXTRA")


@contextlib.contextmanager
def listener(*, backlog: int | None) -> Generator[str]:
    """Give the origin of a port that refuses connections, or takes them and stays silent.

    Args:
        backlog: How many connections the system takes; `None` refuses them all.
    """
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        if backlog is not None:
            sock.listen(backlog)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


@contextlib.contextmanager
def full_listener() -> Generator[str]:
    """Give the origin of a port whose queue of connections is full, so that no more are taken."""
    with socket.socket() as sock, contextlib.ExitStack() as stack:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        # The system takes one more than it is told; the next ones are not answered.
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(sock.getsockname())
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


@contextlib.contextmanager
def speaks_first(words: bytes) -> Generator[str]:
    """Give the origin of a port that says something to whoever connects, and reads nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepted: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    end, _ = listening.accept()
                    accepted.append(end)
                    end.sendall(words)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for end in accepted:
            end.close()


PATHS = tuple(sorted(HANDLERS))
"""The paths of this module; others add what only their own tests know how to end."""
