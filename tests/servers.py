"""Servers of other projects, run as they are, against which the clients must prove themselves."""

import http.client
import os
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

STARTUP_SECONDS = 30.0
SHUTDOWN_SECONDS = 5.0

# gunicorn that ends when its standard input does: so it cannot outlive the process that started
# it, however that one ends.
GUNICORN = """
import os, signal, sys, threading
from gunicorn.app.wsgiapp import run

def stop_with_parent():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=stop_with_parent, daemon=True).start()
run()
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files: a server's chain, its key, and the authority that signed it."""

    chain: Path
    key: Path
    authority: Path

    def server_context(self) -> ssl.SSLContext:
        """Build the context of a server that shows this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Build the context of a client that trusts this certificate's authority alone."""
        return ssl.create_default_context(cafile=self.authority)


@contextmanager
def httpbin(certificate: Certificate | None = None, is_mutual: bool = False) -> Generator[str]:
    """Run httpbin under gunicorn and give its origin.

    It is https if there is a certificate; then it may demand one of clients, too, of the same
    authority.
    """
    with tempfile.TemporaryFile() as log:
        process, port = _start_gunicorn("httpbin:app", certificate, is_mutual, log)
        try:
            _wait_for_answer(port, certificate, is_mutual, log)
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        finally:
            _stop(process)


def _start_gunicorn(
    application: str, certificate: Certificate | None, is_mutual: bool, log: IO[bytes]
) -> tuple[subprocess.Popen[bytes], int]:
    # We listen and gunicorn inherits the socket: the port is free, known, and takes connections
    # from the start.
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        options = ["--bind", f"fd://{listener.fileno()}", "--no-control-socket"]
        options += ["--worker-class", "gthread", "--threads", "16", "--graceful-timeout", "1"]
        if certificate is not None:
            options += ["--certfile", str(certificate.chain), "--keyfile", str(certificate.key)]
            if is_mutual:
                options += ["--ca-certs", str(certificate.authority)]
                options += ["--cert-reqs", str(int(ssl.CERT_REQUIRED))]
        process = subprocess.Popen(
            [sys.executable, "-c", GUNICORN, *options, application],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
            # Measuring the coverage of another project would only slow it down.
            env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
        )
        return process, listener.getsockname()[1]


def _wait_for_answer(
    port: int, certificate: Certificate | None, is_mutual: bool, log: IO[bytes]
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=STARTUP_SECONDS)
    if certificate is not None:
        context = certificate.client_context()
        if is_mutual:
            context.load_cert_chain(certificate.chain, certificate.key)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=STARTUP_SECONDS, context=context
        )
    try:
        connection.request("GET", "/get")
        answered = connection.getresponse().status
    except OSError as error:
        log.seek(0)
        raise RuntimeError(f"httpbin did not start:\n{log.read().decode()}") from error
    finally:
        connection.close()
    assert answered == 200


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(SHUTDOWN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # Its workers notice that their parent is gone and end as well.
        process.wait()
