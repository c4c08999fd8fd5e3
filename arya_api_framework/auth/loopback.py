"""`Loopback`: receives the answer to a login on this machine (RFC 8252 7.3)."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import override

from ..errors import ConfigurationError, OAuthStateError, TokenRefreshError
from ..options import check_number
from .secret import is_async

if TYPE_CHECKING:
    from .oauth2_login import OAuth2AuthorizationCode

__all__ = ["Listener", "Loopback", "open_browser"]

_POLL = 0.05
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~\-]+)*/?")
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>{0}</title>"
    "<body style='font-family:sans-serif;margin:4em'><h1>{0}</h1><p>{1}</p></body></html>"
)


def open_browser(url: str) -> None:
    """Open a URL in the browser of the person, and tell it on standard error as well.

    Many a browser fails only after it has been started.
    """
    sys.stderr.write(f"Log in at {url}\n")
    sys.stderr.flush()
    webbrowser.open(url)


class Loopback:
    """Opens a browser and receives the answer to a login on this machine (RFC 8252 7.3).

    It listens while a login is under way, and on no other address than 127.0.0.1. A login outlives
    the call that began it: the next one goes on with it, and opens no second browser.

    Args:
        port: The port of the redirect URI; 0 takes one that is free.
        path: Its path.
        host: Its host: `"localhost"` where the server has registered that name, which a browser may
            take for another address of this machine.
        open_url: Called with the URL at which the person logs in, in a thread of its own.
        timeout: How long the person may take, in seconds; the call that waits may end before.

    Raises:
        ConfigurationError: A value can never work.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        path: str = "/",
        host: Literal["127.0.0.1", "localhost"] = "127.0.0.1",
        open_url: Callable[[str], object] = open_browser,
        timeout: float = 240.0,
    ) -> None:
        given: dict[str, object] = {"port": port, "path": path, "host": host, "open_url": open_url}
        if type(given["port"]) is not int or not 0 <= port <= 65535:
            raise ConfigurationError(f"port of a Loopback must be from 0 to 65535, got {port!r}")
        if given["host"] not in ("127.0.0.1", "localhost"):
            raise ConfigurationError(
                f"host of a Loopback must be '127.0.0.1' or 'localhost', got {host!r}"
            )
        if not isinstance(given["path"], str) or not path or not _PATH.fullmatch(path):
            raise ConfigurationError(
                f"path of a Loopback must be as a browser sends it, such as '/back', got {path!r}"
            )
        if not callable(given["open_url"]) or is_async(open_url):
            raise ConfigurationError(
                f"open_url of a Loopback must be a plain function, got {open_url!r}"
            )
        self._port = port
        self._path = path
        self._host = host
        self._open_url = open_url
        self._timeout = check_number("timeout of a Loopback", timeout)

    def listen(self, login: OAuth2AuthorizationCode) -> Listener:
        """Have a person log in; it ends by itself, when `login` has the answer or time is over.

        Raises:
            TokenRefreshError: The port is taken.
        """
        try:
            server = _Server(("127.0.0.1", self._port), _Handler)
        except OSError as error:
            raise TokenRefreshError(
                f"no answer to a login can be received at port {self._port}: {error.strerror}"
            ) from error
        authorization = login.begin(f"http://{self._host}:{server.server_port}{self._path}")
        server.path = self._path
        server.finish = lambda url: login.finish(authorization, url)
        listener = Listener(server)

        def show() -> None:
            try:
                self._open_url(authorization.url)
            except BaseException as error:  # noqa: BLE001 - who waits is told
                failure = TokenRefreshError("the browser for the login could not be opened")
                failure.__cause__ = error
                server.settle(failure)

        threading.Thread(target=listener.serve, args=[self._timeout], daemon=True).start()
        threading.Thread(target=show, daemon=True).start()
        return listener


class Listener:
    """A login that is under way.

    Attributes:
        answered: Done when the answer is there, or what came in its place.
    """

    def __init__(self, server: _Server) -> None:
        self._server = server
        self.answered = server.answered

    def serve(self, timeout: float) -> None:
        """Listen for so many seconds at the most."""
        server, ends = self._server, time.monotonic() + timeout
        with server:
            while not self.answered.done() and time.monotonic() < ends:
                server.handle_request()
            server.settle(
                TokenRefreshError(f"nobody has logged in within {timeout:g} s{server.told}")
            )
            server.hang_up()

    def leave(self) -> None:
        """Let go of the port in a forked child, where nobody listens."""
        self._server.socket.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    timeout = _POLL
    request_queue_size = 128
    path: str
    finish: Callable[[str], None]
    told = ""

    def __init__(self, *args: Any) -> None:
        self.answered = Future[None]()
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    @override
    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # That of HTTPServer asks for the name of the host.
        self.server_name, self.server_port = "localhost", self.server_address[1]

    @override
    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    @override
    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # A browser has hung up; whoever wants can do that.

    def hang_up(self) -> None:
        """End connections on which nothing came: the next login has this port, too."""
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def settle(self, error: Exception | None = None) -> None:
        """Let those who wait go on, if nothing did before."""
        with suppress(InvalidStateError):
            if error is None:
                self.answered.set_result(None)
            else:
                self.answered.set_exception(error)


class _Handler(BaseHTTPRequestHandler):
    """Answers the browser, with pages in which nothing stands that it has sent."""

    timeout = 10
    server_version = "loopback"
    sys_version = ""

    def do_GET(self) -> None:
        """Take the answer to the login."""
        server = self.server
        assert isinstance(server, _Server)
        if self.path.partition("?")[0] != server.path:
            self._answer(404, "There is nothing here", "The login ends at another address.")
            return
        if server.answered.done():
            self._answer(410, "This login is over", "Start again from the program.")
            return
        try:
            server.finish(self.path)
        except OAuthStateError as error:
            # Another page may have called: the person can still come back with the right answer.
            server.told = f"; {error}"
            self._answer(400, "This is another login", "Its answer was not taken.")
        except TokenRefreshError as error:
            try:
                self._answer(400, "You are not logged in", "The program says why.")
            finally:
                server.settle(error)
        else:
            try:
                self._answer(200, "The program goes on", "You can close this page.")
            finally:
                server.settle()

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass  # The line would hold the code.

    def _answer(self, status: int, title: str, text: str) -> None:
        page = _PAGE.format(title, text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(page)
