"""A real HTTP server for the tests and examples: real sockets, its own thread, a log of what came.

`Server` answers with a small REST API (`tests/resources.py`) and with the oddities of HTTP:
statuses, redirects, slow, coded and binary bodies. `Server.log` holds what it read, so that a test
can assert what was really sent.

    with Server() as server:
        requests.get(server.url + "/users/1")
        server.log[-1].headers["Accept"]
"""

import asyncio
import base64
import functools
import gzip
import hashlib
import io
import json
import random
import re
import ssl
import threading
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import IO, Any, Self
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web
from multidict import CIMultiDict
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header
from yarl import URL

from tests import feeds, long_running, resources
from tests.upload_servers import Place

MiB = 1024 * 1024
BLOCK = random.Random(0).randbytes(64 * 1024)
CLOSING_SECONDS = 0.05


@dataclass(slots=True)
class Received:
    """One request as the server read it off the wire."""

    method: str
    target: str
    """The request target as it came, query included."""
    headers: CIMultiDict[str]
    """The header fields in the order and the case in which they came."""
    connection: int
    """The client's port: equal for requests that shared a connection."""
    body: bytes = b""
    """The body without its transfer coding. Stays empty for `/upload`, which keeps nothing."""
    abandoned: bool = False
    """Whether the client closed the connection before it was answered."""

    @property
    def path(self) -> str:
        """The target without its query, still encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        """The decoded pairs of the query, in order."""
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    def json(self) -> Any:
        """Parse the body."""
        return json.loads(self.body)


LOG: web.AppKey[list[Received]] = web.AppKey("log", list)
RECEIVED = web.RequestKey("received", Received)
UPLOADS = re.compile(r"/(files|sessions)\b")
"""Where files come in several requests, which are read by whoever answers them."""


class Server:
    """The application on a free port of 127.0.0.1, served by a background thread.

    Args:
        tls: Serve https with this context.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.log: list[Received] = []
        self.port = 0
        self._store = resources.Store()
        self._place = Place()
        self._tls = tls
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], object] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The origin, without a slash at its end."""
        return self.at("127.0.0.1")

    def at(self, host: str) -> str:
        """Give the origin under another name of this machine; cookies and TLS tell names apart."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def reset(self) -> None:
        """Forget what was read and restore the stored users and posts."""
        self.log.clear()
        self._store.reset()
        self._place.reset()

    def start(self) -> None:
        """Serve; returns once the port takes connections."""
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="test server", daemon=True
        )
        self._thread.start()
        started.result(timeout=10)

    def stop(self) -> None:
        """Close every connection and end the thread; running handlers are cancelled."""
        assert self._thread, "the server was never started"
        if self._stop is not None:
            self._stop()
        self._thread.join(timeout=10)
        assert not self._thread.is_alive(), "the server did not stop within 10 s"

    async def _serve(self, started: Future[None]) -> None:
        app = web.Application(middlewares=[record], client_max_size=1024 * MiB)
        app[LOG], app[resources.STORE] = self.log, self._store
        routes = [*ROUTES, *resources.ROUTES, *feeds.ROUTES, *long_running.ROUTES]
        app.add_routes(routes)
        app.add_routes(
            [
                web.route("*", "/files", self._place.files),
                web.route("*", r"/files/{name:\d+}", self._place.files),
                web.post("/sessions", self._place.begin),
                web.route("*", r"/sessions/{name:\d+}", self._place.session),
            ]
        )
        runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,  # The log shows the bytes that were sent.
            handler_cancellation=True,
            shutdown_timeout=0.1,
        )
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        # Clients that close a TLS connection without saying so are not waited for.
        patience = None if self._tls is None else CLOSING_SECONDS
        listener: asyncio.Server | None = None
        try:
            await runner.setup()
            assert runner.server is not None
            listener = await loop.create_server(
                runner.server,
                "127.0.0.1",
                0,
                backlog=256,
                ssl=self._tls,
                ssl_shutdown_timeout=patience,
            )
            self.port = listener.sockets[0].getsockname()[1]
            self._stop = functools.partial(loop.call_soon_threadsafe, stopping.set)
            started.set_result(None)
            await stopping.wait()
        except OSError as error:  # start() raises it.
            started.set_exception(error)
        finally:
            if listener is not None:
                listener.close()
            await runner.cleanup()
            await asyncio.sleep(2 * CLOSING_SECONDS)


@web.middleware
async def record(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Log the request, then answer; every failure is JSON with a `message`."""
    assert request.transport is not None
    received = Received(
        request.method,
        request.raw_path,
        CIMultiDict(  # Not request.headers, where names are normalised already.
            (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
            for name, value in request.raw_headers
        ),
        request.transport.get_extra_info("peername")[1],
    )
    request[RECEIVED] = received
    request.app[LOG].append(received)
    if request.match_info.handler is not upload and not UPLOADS.match(request.path):
        received.body = await request.read()
    try:
        return await handler(request)
    except asyncio.CancelledError:
        received.abandoned = True
        raise
    except web.HTTPException as error:
        return _message(error.status, error.reason)
    except (KeyError, ValueError) as error:  # What is missing from a query or does not parse.
        return _message(400, str(error))


def _message(status: int, text: str) -> web.Response:
    return web.json_response({"message": text}, status=status)


async def echo(request: web.Request) -> web.Response:
    """Tell the request back as JSON."""
    return web.json_response(_described(request))


def _described(request: web.Request) -> dict[str, Any]:
    received = request[RECEIVED]
    return {
        "method": received.method,
        "target": received.target,
        "path": received.path,
        "query": received.query,
        "headers": list(received.headers.items()),
        "cookies": dict(request.cookies),
        "text": received.body.decode(errors="replace"),
        "base64": base64.b64encode(received.body).decode(),
        **_form(received),
    }


def _form(received: Received) -> dict[str, Any]:
    """Parse a form with the parser of another project than our clients'."""
    mimetype, options = parse_options_header(received.headers.get("Content-Type"))
    parser = FormDataParser(stream_factory=_in_memory, silent=False)
    _, fields, files = parser.parse(
        io.BytesIO(received.body), mimetype, len(received.body), options
    )
    return {
        "form": list(fields.items(multi=True)),
        "files": [
            {
                "name": name,
                "filename": file.filename,
                "content_type": file.content_type,
                "headers": list(file.headers),
                **_digest(file.read()),
            }
            for name, file in files.items(multi=True)
        ],
    }


def _in_memory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> IO[bytes]:
    return io.BytesIO()


def _digest(content: bytes) -> dict[str, Any]:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


async def upload(request: web.Request) -> web.Response:
    """Read a body of any size and tell size and SHA-256 of it, or of each file of a form."""
    if not request.content_type.startswith("multipart/"):
        return web.json_response({**await _drained(request.content.readany), "fields": {}})
    fields: dict[str, str] = {}
    files: list[dict[str, Any]] = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader), "no client of ours sends nested multiparts"
        if part.filename is None:
            fields[part.name or ""] = await part.text()
        else:
            content = await _drained(part.read_chunk)
            files.append({"name": part.name, "filename": part.filename, **content})
    return web.json_response({"fields": fields, "files": files})


async def _drained(read: Callable[[], Awaitable[bytes]]) -> dict[str, Any]:
    size, digest = 0, hashlib.sha256()
    while chunk := await read():
        size += len(chunk)
        digest.update(chunk)
    return {"size": size, "sha256": digest.hexdigest()}


async def status(request: web.Request) -> web.Response:
    """Answer with any final status; `?body=` is json, echo, text, html or empty.

    Every other pair of the query becomes a header: `/status/429?Retry-After=1`.
    """
    code = int(request.match_info["code"])
    if not 200 <= code <= 599:
        raise ValueError(f"The status must be from 200 to 599, not {code}.")
    headers = CIMultiDict(request.query)
    match headers.pop("body", "json"):
        case "json":
            response = _message(code, f"This is status {code}.")
        case "echo":
            response = web.json_response(_described(request), status=code)
        case "text":
            response = web.Response(status=code, text=f"This is status {code}.")
        case "html":
            page = f"<html><title>{code}</title><p>This is status {code}.</html>"
            response = web.Response(status=code, text=page, content_type="text/html")
        case "empty":
            response = web.Response(status=code)
        case body:
            raise ValueError(f"The body must be json, echo, text, html or empty, not {body!r}.")
    response.headers.extend(headers)
    return response


async def redirect(request: web.Request) -> web.Response:
    """Redirect the given number of times, then tell the request back."""
    left = int(request.match_info["n"])
    if left == 0:
        return await echo(request)
    return web.Response(status=302, headers={"Location": f"/redirect/{left - 1}"})


async def redirect_to(request: web.Request) -> web.Response:
    """Redirect to `?url=` with `?status=`; the URL is sent as it is."""
    code = int(request.query.get("status", 302))
    return web.Response(status=code, headers={"Location": request.query["url"]})


async def delay(request: web.Request) -> web.Response:
    """Wait before the head."""
    await asyncio.sleep(float(request.match_info["seconds"]))
    return await echo(request)


async def drip(request: web.Request) -> web.StreamResponse:
    """Send the head at once, then `?numbytes=` bytes spread over `?duration=` seconds."""
    count = int(request.query.get("numbytes", 10))
    pause = float(request.query.get("duration", 1)) / count
    response = web.StreamResponse(headers={"Content-Length": str(count)})
    await response.prepare(request)
    for _ in range(count):
        await response.write(b"*")
        await asyncio.sleep(pause)
    return response


async def binary(request: web.Request) -> web.StreamResponse:
    """Send so many bytes, always the same ones, without ever holding them all."""
    left = int(request.match_info["n"])
    response = web.StreamResponse(headers={"Content-Length": str(left)})
    response.content_type = "application/octet-stream"
    await response.prepare(request)
    while left > 0:
        await response.write(BLOCK[:left])
        left -= len(BLOCK)
    return response


async def chunked(request: web.Request) -> web.StreamResponse:
    """Send `?count=` chunks without a Content-Length."""
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for number in range(int(request.query.get("count", 3))):
        await response.write(b"chunk %d\n" % number)
    return response


async def gzipped(request: web.Request) -> web.Response:
    """Tell the request back, coded as gzip."""
    return _coded("gzip", gzip.compress(json.dumps(_described(request)).encode()))


async def deflated(request: web.Request) -> web.Response:
    """Tell the request back, coded as deflate; `?raw=1` leaves the zlib frame out."""
    compressor = zlib.compressobj(wbits=-15 if "raw" in request.query else 15)
    body = compressor.compress(json.dumps(_described(request)).encode()) + compressor.flush()
    return _coded("deflate", body)


async def gzip_bomb(request: web.Request) -> web.Response:
    """Send few bytes that inflate to `?size=` (default 128 MiB: twice what clients accept)."""
    size = int(request.query.get("size", 128 * MiB))
    return _coded("gzip", await asyncio.to_thread(_bomb, size))


@functools.lru_cache(maxsize=4)
def _bomb(size: int) -> bytes:
    return gzip.compress(bytes(size))


def _coded(coding: str, body: bytes) -> web.Response:
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    return web.Response(body=body, headers=headers)


async def empty(request: web.Request) -> web.Response:
    """Answer 200 with a JSON type and no byte."""
    return web.Response(content_type="application/json")


async def html(request: web.Request) -> web.Response:
    """Answer with a page."""
    return web.Response(text="<html><p>Hello</p></html>", content_type="text/html")


async def invalid_json(request: web.Request) -> web.Response:
    """Answer with half a JSON text."""
    return web.Response(text='{"id": 1, "name": ', content_type="application/json")


async def given_json(request: web.Request) -> web.Response:
    """Answer with the JSON text in `?value=`, whatever it is."""
    return web.Response(text=request.query["value"], content_type="application/json")


async def latin1(request: web.Request) -> web.Response:
    """Answer with text in ISO 8859-1 that is no UTF-8."""
    return web.Response(text="Grüße", content_type="text/plain", charset="iso-8859-1")


async def set_cookie(request: web.Request) -> web.Response:
    """Set a cookie for each pair of the query; `?line=` gives a whole Set-Cookie value."""
    code = int(request.match_info.get("code", 200))
    response = web.json_response({"set": len(request.query)}, status=code)
    for name, value in request.query.items():
        line = value if name == "line" else f"{name}={value}; Path=/"
        response.headers.add("Set-Cookie", line)
    return response


async def login(request: web.Request) -> web.Response:
    """Set the cookie `sid` and redirect to `?to=`."""
    headers = {"Location": request.query["to"], "Set-Cookie": "sid=1; Path=/; HttpOnly"}
    return web.Response(status=302, headers=headers)


async def token(request: web.Request) -> web.Response:
    """Give a token, as an authorization server does (RFC 6749 5.1)."""
    form = await request.post()
    wanted = {
        "client_credentials": {},
        "refresh_token": {},
        "authorization_code": {"code": "c0de"},
        "urn:ietf:params:oauth:grant-type:device_code": {"device_code": "d3vice"},
        "urn:ietf:params:oauth:grant-type:jwt-bearer": {},
        "urn:ietf:params:oauth:grant-type:token-exchange": {"subject_token": "t0ken"},
    }.get(str(form["grant_type"]))
    if wanted is None or not wanted.items() <= form.items():
        return web.json_response({"error": "invalid_grant"}, status=400)
    return web.json_response(
        {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600, "scope": "orders"}
    )


async def authorize(request: web.Request) -> web.Response:
    """Send a person back with a code, as if they had logged in (RFC 6749 4.1.2)."""
    back = URL(request.query["redirect_uri"])
    location = back.update_query(code="c0de", state=request.query["state"])
    return web.Response(status=302, headers={"Location": str(location)})


async def device(request: web.Request) -> web.Response:
    """Begin the login of a device (RFC 8628 3.2)."""
    return web.json_response(
        {
            "device_code": "d3vice",
            "user_code": "WDJB-MJHT",
            "verification_uri": str(request.url.with_path("/activate")),
            "expires_in": 1800,
            "interval": 0,
        }
    )


async def wanted(request: web.Request) -> web.Response:
    """Tell the request back to who answers the question of the challenge."""
    if request.headers.get("Authorization") != "Answer 42":
        challenge = {"WWW-Authenticate": 'Answer question="6 * 7"'}
        return web.json_response({"message": "Who are you?"}, status=401, headers=challenge)
    return await echo(request)


async def digest(request: web.Request) -> web.Response:
    """Let Ann in, whose password is "secret", by Digest with SHA-256, and prove to know it."""

    def hashed(*parts: str) -> str:
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    text = request.headers.get("Authorization", "")
    given = {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|[^,]+)', text)}
    key = hashed("ann", "orders", "secret")
    middle = ["n0nce", given.get("nc", ""), given.get("cnonce", ""), "auth"]
    target = request.raw_path
    if given.get("response") != hashed(key, *middle, hashed(request.method, target)):
        challenge = 'Digest realm="orders", nonce="n0nce", qop="auth", algorithm=SHA-256'
        headers = {"WWW-Authenticate": challenge}
        return web.json_response({"message": "Who are you?"}, status=401, headers=headers)
    proof = f'rspauth="{hashed(key, *middle, hashed("", target))}", qop=auth'
    told = {"user": given["username"], "count": int(given["nc"], 16)}
    return web.json_response(told, headers={"Authentication-Info": proof})


async def logout(request: web.Request) -> web.Response:
    """Delete the cookie `sid` and redirect to `/cookies`."""
    headers = {"Location": "/cookies", "Set-Cookie": "sid=; Path=/; Max-Age=0"}
    return web.Response(status=302, headers=headers)


async def cookies(request: web.Request) -> web.Response:
    """Tell the cookies back."""
    return web.json_response({"cookies": dict(request.cookies)})


async def etag(request: web.Request) -> web.Response:
    """Answer with an entity tag, or 304 to who has it already."""
    headers = {"ETag": '"v1"', "Cache-Control": "max-age=0"}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    return web.json_response({"version": 1}, headers=headers)


async def early_hints(request: web.Request) -> web.Response:
    """Send `?count=` interim responses before the final one (RFC 8297)."""
    assert request.transport is not None
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    request.transport.write(hint * int(request.query.get("count", 1)))
    return await echo(request)


async def stored(request: web.Request) -> web.Response:
    """Answer with a file, or with the range of it that is asked for (RFC 9110 14).

    `/files/2000000/film.mp4` has so many bytes, which `Repr-Digest` tells of. With `?cut=5` the
    connection breaks after so many bytes of any answer that has more.
    """
    size = int(request.match_info["size"])
    content = (BLOCK * (size // len(BLOCK) + 1))[:size]
    tag = f'"{size}"'
    response = web.Response(content_type="application/octet-stream")
    name, digest = request.match_info["name"], hashlib.sha256(content).digest()
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    response.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(digest).decode()}:"
    response.headers["ETag"], response.headers["Accept-Ranges"] = tag, "bytes"
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if asked is not None and request.headers.get("If-Range", tag) == tag:
        start, end = int(asked[1]), min(int(asked[2] or size), size - 1) + 1
        if start >= size:
            response.headers["Content-Range"] = f"bytes */{size}"
            response.set_status(416)
            return response
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        response.set_status(206)
        content = content[start:end]
    most = int(request.query.get("cut", size))
    if len(content) > most:
        response.headers["Content-Length"] = str(len(content))
        return await _cut(request, response, content[:most])
    response.body = content
    return response


async def _cut(request: web.Request, response: web.Response, content: bytes) -> web.Response:
    """Send the head and some bytes of the body, and break the connection."""
    head = [f"HTTP/1.1 {response.status} X", *(f"{a}: {b}" for a, b in response.headers.items())]
    assert request.transport is not None
    request.transport.write("\r\n".join([*head, "", ""]).encode() + content)
    request.transport.close()
    return response


ROUTES = [
    web.route("*", "/echo", echo),
    web.route("*", "/upload", upload),
    web.route("*", r"/status/{code:\d+}", status),
    web.route("*", r"/redirect/{n:\d+}", redirect),
    web.route("*", "/redirect-to", redirect_to),
    web.route("*", "/delay/{seconds}", delay),
    web.route("*", "/drip", drip),
    web.get(r"/bytes/{n:\d+}", binary),
    web.get(r"/files/{size:\d+}/{name}", stored),
    web.get("/chunked", chunked),
    web.get("/gzip", gzipped),
    web.get("/deflate", deflated),
    web.get("/gzip-bomb", gzip_bomb),
    web.route("*", "/empty", empty),
    web.get("/html", html),
    web.get("/invalid-json", invalid_json),
    web.get("/json", given_json),
    web.get("/latin1", latin1),
    web.get("/set-cookie", set_cookie),
    web.get(r"/set-cookie/{code:\d+}", set_cookie),
    web.post("/login", login),
    web.post("/token", token),
    web.get("/authorize", authorize),
    web.post("/device", device),
    web.route("*", "/wanted", wanted),
    web.route("*", "/digest", digest),
    web.get("/logout", logout),
    web.get("/cookies", cookies),
    web.get("/etag", etag),
    web.route("*", "/early-hints", early_hints),
]
