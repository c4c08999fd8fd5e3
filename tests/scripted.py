"""A server that answers each request by the next step of a script, and keeps what it read.

    async with Scripted(answer(503), CLOSE, answer(200)) as server:
        await client.get("/")  # with server.url
        assert len(server.log) == 3

It runs in the event loop of the test. A step is the bytes of a response, what else becomes of the
connection (`Fate`), several of these in a tuple, or a function that is given what was read and
returns a step. When the script is over, every request is answered with 200.
"""

import asyncio
import contextlib
import enum
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeAlias, cast

from multidict import CIMultiDict

from tests.patience import PATIENCE


class Fate(enum.Enum):
    """What becomes of a connection instead of, or after, an answer."""

    CLOSE = "closed"
    RESET = "reset"
    HANG = "kept open, silent, until the client closes it"


CLOSE, RESET, HANG = Fate


@dataclass(frozen=True, slots=True)
class Early:
    """A response that is sent when the head of a request was read, and nothing of its body."""

    answer: bytes


class Held:
    """A response that is sent when the test says so."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.freed = asyncio.Event()

    def free(self) -> None:
        """Send it."""
        self.freed.set()


Part: TypeAlias = bytes | Fate | Early | Held
Step: TypeAlias = "Part | tuple[Part, ...] | Callable[[Read], Step]"


@dataclass(slots=True)
class Read:
    """One request as it came."""

    method: str
    target: str
    headers: CIMultiDict[str]
    connection: int
    """Its number, from 1."""
    at: float
    """When it was read whole, on the monotonic clock."""
    body: bytes = b""


def answer(status: int, *fields: str, body: bytes = b"{}", length: int | None = None) -> bytes:
    """Return a response with these fields and a body, of which a longer one may be announced."""
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {size}", *fields]
    return "".join(f"{line}\r\n" for line in head).encode() + b"\r\n" + body


OK = answer(200)


class Scripted:
    """The server, on a free port of 127.0.0.1.

    Attributes:
        log: What was read, in order.
        script: The steps that are left.
        ended: The numbers of the connections that have ended, in order.
        url: Its origin.
    """

    def __init__(self, *steps: Step, listening: bool = True) -> None:
        self.script = list(steps)
        self.log: list[Read] = []
        self.ended: list[int] = []
        self._held: list[Held] = []
        self._connections = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening = listening
        self._changed = asyncio.Event()
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        bound = socket.socket()
        bound.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        self._socket = bound
        self._loop = asyncio.get_running_loop()
        # Until it listens, connections to the port are refused.
        self._server = await asyncio.start_server(
            self._serve, sock=bound, start_serving=self._listening
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        for _ in range(10):
            # A connection is accepted in a few turns, and lost if the server is closed meanwhile.
            await asyncio.sleep(0)
        self._server.close()
        self._over.set()
        for held in self._held:
            held.free()
        for writer in self._writers:
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def listen(self) -> None:
        """Take connections from now on; may be called in any thread."""
        self._socket.listen()
        asyncio.run_coroutine_threadsafe(self._server.start_serving(), self._loop)

    def stop_listening(self) -> None:
        """Refuse connections from now on."""
        self._server.close()

    def close_connections(self) -> None:
        """Close every connection, as a server does with one that was idle for too long."""
        for writer in self._writers:
            writer.close()

    @property
    def connections(self) -> list[int]:
        """The number of the connection of each request."""
        return [read.connection for read in self.log]

    @property
    def gaps(self) -> list[float]:
        """The seconds between one request and the next."""
        return [b.at - a.at for a, b in zip(self.log, self.log[1:], strict=False)]

    async def has_read(self, count: int) -> None:
        """Wait until so many requests were read."""
        async with asyncio.timeout(PATIENCE):
            while len(self.log) < count:
                self._changed.clear()
                await self._changed.wait()

    async def has_ended(self, number: int) -> None:
        """Wait until a connection has ended."""
        async with asyncio.timeout(10):
            while number not in self.ended:
                self._changed.clear()
                await self._changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while not self._over.is_set() and await self._answer(reader, writer, number):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # The client has closed it.
        finally:
            self._writers.discard(writer)
            self.ended.append(number)
            self._changed.set()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        fields = (line.partition(": ") for line in head[1:-2])
        headers = CIMultiDict((name, value) for name, _, value in fields)
        step: Any = self.script.pop(0) if self.script else OK
        body = b"" if isinstance(step, Early) else await _read_body(reader, headers)
        read = Read(method, target, headers, number, time.monotonic(), body)
        self.log.append(read)
        self._changed.set()
        while callable(step):
            step = step(read)
        parts = cast("tuple[Part, ...]", step if isinstance(step, tuple) else (step,))
        for part in parts:
            if isinstance(part, Early):
                writer.write(part.answer)
                await self._over.wait()
            elif isinstance(part, Held):
                self._held.append(part)
                await part.freed.wait()
                writer.write(part.answer)
                await writer.drain()
            elif isinstance(part, bytes):
                end = part.index(b"\r\n\r\n") + 4 if method == "HEAD" else None
                writer.write(part[:end])
                await writer.drain()
            elif part is HANG:
                await reader.read()
                return False
            else:
                if part is RESET:
                    linger = struct.pack("ii", 1, 0)
                    wire = writer.get_extra_info("socket")
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return False
        return True


async def _read_body(reader: asyncio.StreamReader, headers: CIMultiDict[str]) -> bytes:
    if "chunked" not in headers.get("Transfer-Encoding", ""):
        return await reader.readexactly(int(headers.get("Content-Length", "0")))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body
