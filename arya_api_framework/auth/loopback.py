"""`Loopback`: receives the answer to a login on this machine (RFC 8252 7.3)."""

from __future__ import annotations

import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Generator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import override

from ..errors import ConfigurationError, OAuthStateError, TokenRefreshError
from ..options import check_number

if TYPE_CHECKING:
    from .oauth2_login import OAuth2AuthorizationCode

__all__ = ["Loopback", "open_browser"]

_POLL = 0.05
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>{0}</title>"
    "<body style='font-family:sans-serif;margin:4em'><h1>{0}</h1><p>{1}</p></body></html>"
)


def open_browser(url: str) -> None:
    """Open a URL in the browser of the person, or ask them on standard error to do it."""
    if not webbrowser.open(url):
        sys.stderr.write(f"Open this address to log in:\n{url}\n")


class Loopback:
    """Opens a browser and receives the answer to a login on this machine (RFC 8252 7.3).

    It listens while a login is under way, and on no other address than that of this machine.

    Args:
        port: The port of the redirect URI; 0 takes one that is free.
        path: Its path.
        host: Its host: `"localhost"` where the server has registered that name.
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
        timeout: float = 300.0,
    ) -> None:
        given: tuple[object, object] = (port, host)
        if type(given[0]) is not int or not 0 <= port <= 65535:
            raise ConfigurationError(f"port of a Loopback must be from 0 to 65535, got {port!r}")
        if given[1] not in ("127.0.0.1", "localhost"):
            raise ConfigurationError(
                f"host of a Loopback must be '127.0.0.1' or 'localhost', got {host!r}"
            )
        if not path.startswith("/") or not path.isascii() or set(path) & set("?# "):
            raise ConfigurationError(
                f"path of a Loopback must start with '/' and have no query, got {path!r}"
            )
        self._port = port
        self._path = path
        self._host = host
        self._open_url = open_url
        self._timeout = check_number("timeout of a Loopback", timeout)

    @contextmanager
    def listen(self, login: OAuth2AuthorizationCode) -> Generator[Future[None]]:
        """Have a person log in, and return a future that is done when `login` has the answer.

        Raises:
            TokenRefreshError: The port is taken.
        """
        answered = Future[None]()
        try:
            server = _Server(("127.0.0.1", self._port), _Handler)
        except OSError as error:
            raise TokenRefreshError(
                f"no answer to a login can be received at port {self._port}: {error.strerror}"
            ) from error
        authorization = login.begin(f"http://{self._host}:{server.server_port}{self._path}")
        server.path = self._path
        server.answered = answered
        server.finish = lambda url: login.finish(authorization, url)
        ends = time.monotonic() + self._timeout

        def serve() -> None:
            with server:
                while not answered.done() and time.monotonic() < ends:
                    server.handle_request()
                if not answered.done():
                    server.settle(
                        TokenRefreshError(
                            f"nobody has logged in within {self._timeout:g} s{server.told}"
                        )
                    )

        def show() -> None:
            try:
                self._open_url(authorization.url)
            except Exception as error:  # noqa: BLE001 - who waits is told
                failure = TokenRefreshError("the browser for the login could not be opened")
                failure.__cause__ = error
                server.settle(failure)

        threads = [threading.Thread(target=one, daemon=True) for one in (serve, show)]
        for one in threads:
            one.start()
        try:
            yield answered
        finally:
            answered.cancel()
            threads[0].join()  # The port is free again, after `_POLL` at the latest.


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    timeout = _POLL
    path: str
    answered: Future[None]
    finish: Callable[[str], None]
    told = ""

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
        assert isinstance(self.server, _Server)
        if self.path.partition("?")[0] != self.server.path:
            self._answer(404, "There is nothing here", "The login ends at another address.")
            return
        try:
            self.server.finish(self.path)
        except OAuthStateError as error:
            # Another page may have called: the person can still come back with the right answer.
            self.server.told = f"; {error}"
            self._answer(400, "This is another login", "Its answer was not taken.")
        except TokenRefreshError as error:
            self._answer(400, "You are not logged in", "The program says why.")
            self.server.settle(error)
        else:
            self._answer(200, "You are logged in", "You can close this page.")
            self.server.settle()

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
