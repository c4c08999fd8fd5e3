"""Servers that take a file in several requests: by tus 1.0.0, and by `Content-Range`.

They keep what came, run in the event loop of the test, and break off where they are told to:

    async with TusServer() as server:
        server.cuts = [100_000]  # The first request with a body ends after so many bytes.
"""

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web
from multidict import CIMultiDict

Handler = Callable[[web.Request], Any]


@dataclass
class Asked:
    """One request, as it came."""

    method: str
    path: str
    headers: CIMultiDict[str]
    query: str = ""
    taken: int = 0
    """How many bytes of its body were read."""


class Uploads:
    """What both kinds of server have in common.

    Attributes:
        log: What was asked, in order.
        cuts: After how many bytes of the body each request with one is broken off, `None` for one
            that is not; taken from the front.
        answers: What is answered in place of taking the request, by method: statuses, or functions.
        keeps: Whether what came is kept; if not, only its length and digest.
        ended: Set when a handler has ended.
    """

    def __init__(self) -> None:
        self.log: list[Asked] = []
        self.cuts: list[int | None] = []
        self.answers: dict[str, list[Any]] = {}
        self.keeps = True
        self.reading = asyncio.Event()
        self.held: asyncio.Event | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**60)
        app.router.add_route("*", "/{path:.*}", self.handle)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *exception: object) -> None:
        await _let_connect()
        await self._runner.cleanup()

    def count(self, method: str) -> int:
        """Return how many requests of a method came."""
        return sum(one.method == method for one in self.log)

    @property
    def taken(self) -> int:
        """How many bytes of bodies were read."""
        return sum(one.taken for one in self.log)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Write a request down and answer it."""
        asked = Asked(
            request.method, request.path, CIMultiDict(request.headers), request.query_string
        )
        self.log.append(asked)
        planned = self.answers.get(request.method)
        if planned:
            answer = planned.pop(0)
            if answer is not None:
                await self._read(request, asked, lambda _: None)
                return answer(request) if callable(answer) else web.Response(status=answer)
        response: web.StreamResponse = await self.answer(request, asked)
        return response

    async def answer(self, request: web.Request, asked: Asked) -> Any:
        """Answer a request."""
        raise NotImplementedError

    async def _read(
        self, request: web.Request, asked: Asked, keep: Callable[[bytes], object]
    ) -> None:
        """Read a body, as far as it is to be read."""
        cut = self.cuts.pop(0) if self.cuts and request.body_exists else None
        async for piece in request.content.iter_any():
            left = len(piece) if cut is None else min(len(piece), cut - asked.taken)
            asked.taken += left
            keep(piece[:left])
            self.reading.set()
            if cut is not None and asked.taken >= cut:
                assert request.transport is not None
                request.transport.abort()
                await asyncio.sleep(60)  # It is cancelled as the connection is gone.
        if self.held is not None:
            await self.held.wait()


async def _let_connect() -> None:
    for _ in range(10):
        # A connection is accepted in a few turns, and lost if the server is closed meanwhile.
        await asyncio.sleep(0)


@dataclass
class Upload:
    """One file, as far as it came."""

    length: int | None
    metadata: str = ""
    data: bytearray = field(default_factory=bytearray)
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)


class TusServer(Uploads):
    """A server for tus 1.0.0 with the extensions of the constructor.

    Attributes:
        files: The uploads, by the last part of their URL.
        location: Makes the `Location` of an upload.
    """

    def __init__(
        self,
        *,
        extensions: str = "creation,creation-with-upload,creation-defer-length,expiration,"
        "checksum,termination",
        max_size: int | None = None,
        expires: str | None = None,
    ) -> None:
        super().__init__()
        self.files: dict[str, Upload] = {}
        self.extensions = extensions
        self.max_size = max_size
        self.expires = expires
        self.versions = "1.0.0"
        self.location: Callable[[str], str] = lambda name: f"/files/{name}"

    @property
    def file(self) -> Upload:
        """The one upload there is."""
        (file,) = self.files.values()
        return file

    async def answer(self, request: web.Request, asked: Asked) -> web.Response:
        """Answer a request."""
        if request.method == "OPTIONS":
            headers = {
                "Tus-Resumable": "1.0.0",
                "Tus-Version": self.versions,
                "Tus-Extension": self.extensions,
                "Tus-Checksum-Algorithm": "sha1,sha256,md5,crc32",
            }
            if self.max_size is not None:
                headers["Tus-Max-Size"] = str(self.max_size)
            return web.Response(status=204, headers=headers)
        if request.headers.get("Tus-Resumable") != "1.0.0":
            return web.Response(status=412, headers={"Tus-Version": self.versions})
        if request.method == "POST":
            return await self._create(request, asked)
        file = self.files.get(request.path.rpartition("/")[2])
        if file is None:
            return web.Response(status=404)
        if request.method == "HEAD":
            headers = {"Cache-Control": "no-store"}
            if file.length is None:
                headers["Upload-Defer-Length"] = "1"
            else:
                headers["Upload-Length"] = str(file.length)
            return self._say(200, file, headers)
        if request.method == "DELETE":
            del self.files[request.path.rpartition("/")[2]]
            return web.Response(status=204, headers={"Tus-Resumable": "1.0.0"})
        assert request.method == "PATCH"
        return await self._append(request, asked, file)

    def _say(self, status: int, file: Upload, headers: dict[str, str]) -> web.Response:
        headers |= {"Tus-Resumable": "1.0.0", "Upload-Offset": str(file.size)}
        if self.expires is not None:
            headers["Upload-Expires"] = self.expires
        return web.Response(status=status, headers=headers)

    async def _create(self, request: web.Request, asked: Asked) -> web.Response:
        length = request.headers.get("Upload-Length")
        assert (length is None) == ("Upload-Defer-Length" in request.headers)
        file = Upload(None if length is None else int(length))
        file.metadata = request.headers.get("Upload-Metadata", "")
        name = str(len(self.files) + 1)
        self.files[name] = file
        if request.headers.get("Content-Type") == "application/offset+octet-stream":
            assert "creation-with-upload" in self.extensions
            problem = await self._take(request, asked, file)
            if problem is not None:
                return problem
        return self._say(201, file, {"Location": self.location(name)})

    async def _append(self, request: web.Request, asked: Asked, file: Upload) -> web.Response:
        assert request.headers["Content-Type"] == "application/offset+octet-stream"
        if int(request.headers["Upload-Offset"]) != file.size:
            await self._read(request, asked, lambda _: None)
            return web.Response(status=409)
        if "Upload-Length" in request.headers:
            assert file.length is None
            file.length = int(request.headers["Upload-Length"])
        problem = await self._take(request, asked, file)
        return problem or self._say(204, file, {})

    async def _take(self, request: web.Request, asked: Asked, file: Upload) -> web.Response | None:
        checksum = request.headers.get("Upload-Checksum")
        before = file.size
        chunk = hashlib.new(checksum.partition(" ")[0]) if checksum else None

        def keep(piece: bytes) -> None:
            if self.keeps:
                file.data += piece
            file.digest.update(piece)
            file.size += len(piece)
            if chunk is not None:
                chunk.update(piece)

        await self._read(request, asked, keep)
        if chunk is None or checksum is None:
            return None
        if base64.b64encode(chunk.digest()).decode() == checksum.partition(" ")[2]:
            return None
        del file.data[before:]
        file.size = before
        return web.Response(status=460)


class RangeServer(Uploads):
    """A server that takes `Content-Range` at `/session`, as Google's or Microsoft's do.

    Attributes:
        data: What came.
        style: `"google"` answers 308 with `Range`, `"graph"` 202 with `nextExpectedRanges`,
            `"plain"` 204.
        total: The length that was told.
        unit: Of how many bytes it keeps only whole multiples when it is cut.
    """

    def __init__(self, style: str = "google", unit: int = 1) -> None:
        super().__init__()
        self.data = bytearray()
        self.size = 0
        self.digest = hashlib.sha256()
        self.style = style
        self.total: int | None = None
        self.unit = unit
        self.path = "/session"

    def _done(self) -> web.Response:
        return web.json_response({"id": 7, "size": self.size}, status=201)

    def _more(self) -> web.Response:
        if self.style == "google":
            headers = {"Range": f"bytes=0-{self.size - 1}"} if self.size else {}
            return web.Response(status=308, headers=headers)
        if self.style == "graph":
            return web.json_response({"nextExpectedRanges": [f"{self.size}-"]}, status=202)
        return web.Response(status=204)

    async def answer(self, request: web.Request, asked: Asked) -> web.Response:
        """Answer a request."""
        if request.path != self.path:
            return web.Response(status=404)
        if request.method == "GET" and self.style == "graph":
            return self._more() if self.total is None or self.size < self.total else self._done()
        found = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", asked.headers["Content-Range"])
        assert found, asked.headers["Content-Range"]
        start, end, total = found.groups()
        if total != "*":
            self.total = int(total)
        if start is None:
            assert self.style == "google" or self.total == 0
            return self._done() if self.size == self.total else self._more()
        if int(start) != self.size:
            await self._read(request, asked, lambda _: None)
            return web.Response(status=416)
        before = self.size
        chunk = bytearray()

        def keep(piece: bytes) -> None:
            if self.keeps:
                chunk.extend(piece)
            self.digest.update(piece)
            self.size += len(piece)

        try:
            await self._read(request, asked, keep)
        finally:
            if self.keeps:
                whole = (
                    len(chunk)
                    if self.size - before == int(end) + 1 - before
                    else (len(chunk) // self.unit * self.unit)
                )
                self.data += chunk[:whole]
                self.size = before + whole
        assert self.size == int(end) + 1
        return self._done() if self.size == self.total else self._more()


class Sink(Uploads):
    """A server that takes any body, keeps nothing of it, and says how much it was."""

    async def answer(self, request: web.Request, asked: Asked) -> web.Response:
        """Answer a request."""
        digest = hashlib.sha256()
        await self._read(request, asked, digest.update)
        return web.json_response({"size": asked.taken, "sha256": digest.hexdigest()})


class Place:
    """Both kinds of server for an application: tus at `/files`, a session for each `/sessions`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what came."""
        self.tus = TusServer()
        self.sessions: dict[str, RangeServer] = {}

    async def files(self, request: web.Request) -> web.StreamResponse:
        """Answer for tus."""
        return await self.tus.handle(request)

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """Begin a session."""
        path = f"/sessions/{len(self.sessions) + 1}"
        self.sessions[path] = RangeServer()
        self.sessions[path].path = path
        return web.Response(status=200, headers={"Location": path})

    async def session(self, request: web.Request) -> web.StreamResponse:
        """Answer for a session."""
        return await self.sessions[request.path].handle(request)


class Relay:
    """Passes connections on to a server, and breaks them off on the way.

    Attributes:
        cuts: After how many bytes on their way to the server each connection is broken off, `None`
            for one that is not; taken from the front.
        passed: How many bytes went to the server.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.cuts: list[int | None] = []
        self.passed = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exception: object) -> None:
        await _let_connect()
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        back, on = await asyncio.open_connection("127.0.0.1", self._port)
        cut = self.cuts.pop(0) if self.cuts else None
        answers = asyncio.ensure_future(self._copy(back, writer))
        try:
            while piece := await reader.read(65536):
                if cut is not None:
                    piece = piece[:cut]
                    cut -= len(piece)
                self.passed += len(piece)
                on.write(piece)
                await on.drain()
                if cut == 0:
                    break
        except OSError:
            pass  # One of them is gone.
        finally:
            answers.cancel()
            on.close()
            writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.close()
