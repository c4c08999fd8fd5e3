"""Servers in plain Python, run as a process that ends when its standard input does.

`python -m tests.benchmarks.answering web FOLDER` answers at once, over TCP and over TLS with the
certificate in the folder; `hold COUNT` answers when so many requests have come; `drain` reads
uploads and forgets them; `pour` answers with as many bytes as the target says; `bomb CODING`
answers with a body that inflates to 1 GiB. Each writes its ports as its first line.
"""

import asyncio
import os
import re
import socket
import ssl
import sys
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .models import USER

_HEAD = re.compile(rb"(?s)(.*?)\r\n\r\n")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_BODY = USER.encode()
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: benchmark\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: keep-alive\r\n\r\n%b"
) % (len(_BODY), _BODY)
_BACKLOG = 4096
_PIECE = 1024 * 1024


class Gate:
    """Holds requests until so many have come, then answers all."""

    def __init__(self, count: int, answer: bytes = _ANSWER) -> None:
        self._count = count
        self._answer = answer
        self._waiting: list[asyncio.Transport] = []

    def arrive(self, transport: asyncio.Transport) -> None:
        """Take one more request."""
        self._waiting.append(transport)
        if len(self._waiting) >= self._count:
            waiting, self._waiting = self._waiting, []
            for held in waiting:
                held.write(self._answer)


class Connection(asyncio.Protocol):
    """One connection of a client, on which requests come one after the other."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, to answer on."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Pass on every request that is whole; one to `/now` is answered at once."""
        self._buffer += data
        while (head := _HEAD.match(self._buffer)) is not None:
            length = _LENGTH.search(head[1])
            end = head.end() + (int(length[1]) if length else 0)
            if len(self._buffer) < end:
                return
            self._buffer = self._buffer[end:]
            assert self._transport is not None
            if head[1].startswith(b"GET /now "):
                self._transport.write(_ANSWER)
            else:
                self._gate.arrive(self._transport)


async def serve(gate: Gate, certificate: Path | None) -> None:
    """Answer until the process ends."""
    loop = asyncio.get_running_loop()
    contexts: list[ssl.SSLContext | None] = [None]
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "chain.pem", certificate / "key.pem")
        contexts.append(context)
    servers = [
        await loop.create_server(
            lambda: Connection(gate), "127.0.0.1", 0, ssl=context, backlog=_BACKLOG
        )
        for context in contexts
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.Event().wait()


def attend(serve: Callable[[socket.socket], None]) -> None:
    """Serve each connection in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=[connection], daemon=True).start()


def _read_uploads(connection: socket.socket) -> None:
    buffer = bytearray(_PIECE)
    with connection:
        while True:
            received = b""
            while (head := _HEAD.match(received)) is None:
                data = connection.recv(_PIECE)
                if not data:
                    return
                received += data
            length = _LENGTH.search(head[1])
            assert length is not None
            left = int(length[1]) - (len(received) - head.end())
            while left > 0:
                read = connection.recv_into(buffer, min(left, _PIECE))
                if not read:
                    return
                left -= read
            connection.sendall(_ANSWER)


def _pour(connection: socket.socket) -> None:
    """Answer `GET /1000` with 1000 bytes."""
    piece = memoryview(bytes(_PIECE))
    received = b""
    with connection, suppress(ConnectionError):
        while True:
            while (head := _HEAD.match(received)) is None:
                data = connection.recv(_PIECE)
                if not data:
                    return
                received += data
            received = received[head.end() :]
            left = int(head[1].split(b" ")[1].strip(b"/"))
            fields = b"Content-Type: application/octet-stream\r\nAccept-Ranges: none\r\n"
            line = b"HTTP/1.1 200 OK\r\n"
            connection.sendall(line + fields + b"Content-Length: %d\r\n\r\n" % left)
            while left:
                left -= connection.send(piece[:left])


def make_bomb(coding: str) -> bytes:
    """Return a response whose body inflates to 1 GiB of zeros."""
    body = _zeros(coding, 1024)
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {coding}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _zeros(coding: str, pieces: int) -> bytes:
    zeros = bytes(_PIECE)
    if coding == "br":
        import brotli

        coder = brotli.Compressor(quality=5)
        return b"".join(coder.process(zeros) for _ in range(pieces)) + bytes(coder.finish())
    if coding == "zstd":
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd

        frames = zstd.ZstdCompressor()
        return b"".join(frames.compress(zeros) for _ in range(pieces)) + frames.flush()
    deflater = zlib.compressobj(9, wbits=31)
    return b"".join(deflater.compress(zeros) for _ in range(pieces)) + deflater.flush()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def main(role: str, *arguments: str) -> None:
    """Run one of the servers."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if role == "drain":
        attend(_read_uploads)
    elif role == "pour":
        attend(_pour)
    elif role == "hold":
        asyncio.run(serve(Gate(int(arguments[0])), None))
    elif role == "bomb":
        asyncio.run(serve(Gate(1, make_bomb(arguments[0])), None))
    else:
        asyncio.run(serve(Gate(1), Path(arguments[0])))


if __name__ == "__main__":
    main(*sys.argv[1:])
