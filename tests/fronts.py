"""A web server in front of another one, as strict as nginx: for where nginx is not installed."""

import http.client
import socket
import socketserver
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["front"]

KEEPALIVE_REQUESTS = 3
LARGEST_LINE = 4096
LARGEST_HEAD = 8192


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 256
    tls: ssl.SSLContext | None = None
    upstream = ""
    numbers: ClassVar[list[int]] = []

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection; the handshake is made by the thread that reads first."""
        sock, address = super().get_request()
        if self.tls is not None:
            sock = self.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return sock, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news."""


class _UnixServer(_Server):
    address_family = socket.AF_UNIX
    allow_reuse_address = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        self.number = len(self.server.numbers) + 1
        self.server.numbers.append(self.number)
        self.count = 0
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""

    def answer(self) -> None:
        """Hand the request on, and the response back."""
        self.count += 1
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        peer = self.request.getpeercert() if self.server.tls is not None else None
        demanded = self.server.tls is not None and self.server.tls.verify_mode != ssl.CERT_NONE
        if len(self.requestline) > LARGEST_LINE:
            self._respond(414, b"<html>Request-URI Too Large</html>")
        elif len(bytes(self.headers)) > LARGEST_HEAD or (demanded and not peer):
            self._respond(400, b"<html>Bad Request</html>")
        else:
            upstream = http.client.HTTPConnection(self.server.upstream)
            headers = {**self.headers, "X-Connection": str(self.number)}
            headers["Host"] = self.headers["Host"]
            if name := getattr(self.request, "asked_for", None):
                headers["X-Name"] = name
            if peer:
                headers["X-Client"] = str(peer["subject"])
            upstream.request(self.command, self.path, body, headers)
            with upstream.getresponse() as found:
                self._respond(found.status, found.read(), found.headers["Content-Type"])
            upstream.close()

    def _respond(self, status: int, body: bytes, kind: str = "text/html") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.count >= KEEPALIVE_REQUESTS or status in (400, 414):
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - as the base class wants


@contextmanager
def front(
    upstream: str, address: Path | None = None, tls: ssl.SSLContext | None = None
) -> Generator[int]:
    """Run a server in front of an http origin, on a free port or a unix socket; give the port."""
    where: Any = ("127.0.0.1", 0) if address is None else str(address)
    kind = _Server if address is None else _UnixServer
    with kind(where, _Handler) as server:
        server.upstream = upstream.removeprefix("http://")
        server.tls = tls
        if tls is not None:
            tls.sni_callback = lambda sock, name, _: setattr(sock, "asked_for", name)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield 0 if address is not None else server.server_address[1]
        finally:
            server.shutdown()
            thread.join(10)
