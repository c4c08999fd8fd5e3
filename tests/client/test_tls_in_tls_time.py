"""The time of a call holds within TLS in TLS too, where one read of ours is many below."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from arya_api_framework import TLS, Timeout
from arya_api_framework.errors import (
    ConnectionLost,
    ConnectTimeout,
    FrameworkException,
    RequestTimeout,
    WriteTimeout,
)
from tests.client.conftest import Lane
from tests.patience import LATE
from tests.servers import Certificate

EVERY = 0.02
"""Seconds between two bytes; each comes long before the silence would be too long."""


UPLOAD = 8 << 20


class Dripping:
    """A proxy with TLS and the server behind it, also with TLS, which drips from a stage on."""

    def __init__(self, context: ssl.SSLContext, stage: str) -> None:
        self._context = context
        self._stage = stage
        self.given_up = asyncio.Event()
        self.took = 0.0
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._inner = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve the one connection of a test, until the client has closed it."""
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await self._run(self._inner.do_handshake, reader, writer)
            if self._stage == "slow":
                await self._read_slowly(reader)
                self._inner.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                await self._send(writer, drips=False)
                await self.given_up.wait()
                writer.transport.abort()
                return
            await self._run(lambda: self._inner.read(65536), reader, writer)
            if self._stage in {"gone", "stall"}:
                if self._stage == "stall":
                    await self.given_up.wait()
                writer.transport.abort()
                return
            head = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"
            self._inner.write(head)
            await self._send(writer, drips=self._stage == "head")
            self._inner.write(bytes(2000))
            await self._send(writer, drips=True)
        writer.close()

    async def _run(
        self,
        step: Callable[[], Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                await self._send(writer, drips=self._stage == "handshake")
                self._incoming.write(await reader.read(65536))
            else:
                await self._send(writer, drips=False)
                return

    async def _read_slowly(self, reader: asyncio.StreamReader) -> None:
        start, read = time.monotonic(), bytearray()
        while len(read) < read.find(b"\r\n\r\n") + 4 + UPLOAD:
            try:
                read += self._inner.read(65536)
            except ssl.SSLWantReadError:
                data = await reader.read(65536)
                if not data:
                    return
                self._incoming.write(data)
                await asyncio.sleep(EVERY)
        self.took = time.monotonic() - start

    async def _send(self, writer: asyncio.StreamWriter, *, drips: bool) -> None:
        data = self._outgoing.read()
        for start in range(0, len(data), 1 if drips else len(data) or 1):
            writer.write(data[start : start + (1 if drips else len(data))])
            await writer.drain()
            if drips:
                await asyncio.sleep(EVERY)


@pytest.mark.parametrize("stage", ["handshake", "head", "body"])
async def test_a_drip_within_tls_in_tls_has_the_time_of_the_call(
    lane: Lane, certificate: Certificate, stage: str
) -> None:
    """However short each silence is, all of them together take no longer than was allowed."""
    context = certificate.server_context()
    dripping = Dripping(context, stage)
    server = await asyncio.start_server(dripping.serve, "127.0.0.1", 0, ssl=context)
    async with server:
        client = lane.client(
            "https://localhost:9",
            proxy=f"https://localhost:{server.sockets[0].getsockname()[1]}",
            tls=TLS(ca=certificate.authority),
            timeout=0.5,
        )
        start = time.monotonic()
        with pytest.raises(FrameworkException) as caught:
            await client.get("/")
        assert time.monotonic() - start < 0.5 + LATE
        await client.close()
    assert isinstance(caught.value, RequestTimeout)
    assert caught.value.sent == {"handshake": "no", "head": "maybe", "body": "yes"}[stage]
    assert type(caught.value) in (RequestTimeout, ConnectTimeout)


@pytest.mark.parametrize(("stage", "expected"), [("gone", ConnectionLost), ("stall", WriteTimeout)])
async def test_an_upload_within_tls_in_tls_ends(
    lane: Lane, certificate: Certificate, stage: str, expected: type[FrameworkException]
) -> None:
    """An upload ends when nobody takes any more of it, however much is left to send."""
    context = certificate.server_context()
    dripping = Dripping(context, stage)
    server = await asyncio.start_server(dripping.serve, "127.0.0.1", 0, ssl=context)
    async with server:
        client = lane.client(
            "https://localhost:9",
            proxy=f"https://localhost:{server.sockets[0].getsockname()[1]}",
            tls=TLS(ca=certificate.authority),
            timeout=Timeout(write=0.3 if stage == "stall" else 60),
        )
        with pytest.raises(expected) as caught:
            await client.post("/", data=bytes(32 << 20))
        dripping.given_up.set()
        await client.close()
    assert caught.value.sent == "maybe"


async def test_a_slow_upload_within_tls_in_tls_may_take_longer_than_the_write_part(
    lane: Lane, certificate: Certificate
) -> None:
    """The part limits how long a piece may take to be accepted, and not all of them together."""
    context = certificate.server_context()
    slow = Dripping(context, "slow")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        server = await asyncio.start_server(slow.serve, sock=listening, ssl=context)
        async with server:
            client = lane.client(
                "https://localhost:9",
                proxy=f"https://localhost:{listening.getsockname()[1]}",
                tls=TLS(ca=certificate.authority),
                timeout=Timeout(write=1.2),
            )
            assert await client.post("/", data=bytes(UPLOAD)) == {}
            slow.given_up.set()
            await client.close()
    assert slow.took > 2
