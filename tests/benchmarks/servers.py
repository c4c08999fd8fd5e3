"""Start the servers of the benchmarks, each in a process that ends with this one."""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme

from .models import USER

__all__ = ["ROOT", "Web", "bomb_server", "drain_server", "hold_server", "pour_server", "web_server"]

ROOT = Path(__file__).parents[2]
_STARTUP_SECONDS = 10.0
_SHUTDOWN_SECONDS = 10.0

# One process, which never closes a connection of its own accord.
_NGINX = """
daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events {{
    worker_connections 1024;
}}
http {{
    access_log off;
    default_type application/json;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    ssl_certificate chain.pem;
    ssl_certificate_key key.pem;
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{tls} ssl;
        return 200 '{body}';
    }}
}}
"""
# Ends nginx when standard input does, that is, also when the benchmarks were killed.
_UNTIL_END_OF_INPUT = '"$0" "$@" </dev/null & read _; kill $!; wait'


@dataclass(frozen=True, slots=True)
class Web:
    """A server that answers any request with a user.

    Attributes:
        name: What it is.
        plain: Its http origin.
        tls: Its https origin.
        authority: The certificate authority to trust, as a PEM file.
    """

    name: str
    plain: str
    tls: str
    authority: Path


@contextmanager
def web_server() -> Generator[Web]:
    """Run nginx, or a server in Python where there is none."""
    with TemporaryDirectory(prefix="benchmarks-") as name:
        folder = Path(name)
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(str(folder / "authority.pem"))
        issued.private_key_pem.write_to_path(str(folder / "key.pem"))
        for blob in issued.cert_chain_pems:
            blob.write_to_path(str(folder / "chain.pem"), append=True)
        program = shutil.which("nginx")
        if program is None:
            what, server = "a server in Python, as nginx is not on PATH", _python("web", name)
        else:
            what, server = _version(program), _nginx(program, folder)
        with server as (plain, tls):
            yield Web(
                what,
                f"http://127.0.0.1:{plain}",
                f"https://127.0.0.1:{tls}",
                folder / "authority.pem",
            )


@contextmanager
def hold_server(count: int) -> Generator[str]:
    """Run a server that answers when so many requests have come; give its origin."""
    with _python("hold", str(count)) as [port]:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def drain_server() -> Generator[str]:
    """Run a server that reads uploads and forgets them; give its origin."""
    with _python("drain") as [port]:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def pour_server() -> Generator[str]:
    """Run a server whose answers have as many bytes as the target says; give its origin."""
    with _python("pour") as [port]:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def bomb_server(coding: str) -> Generator[str]:
    """Run a server whose answers inflate to 1 GiB, but for `/now`; give its origin."""
    with _python("bomb", coding) as [port]:
        yield f"http://127.0.0.1:{port}"


def _version(program: str) -> str:
    shown = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"nginx/[\d.]+", shown)
    return found[0] if found else "nginx"


@contextmanager
def _nginx(program: str, folder: Path) -> Generator[list[int]]:
    plain, tls = _free_port(), _free_port()
    text = _NGINX.format(plain=plain, tls=tls, body=USER)
    (folder / "nginx.conf").write_text(text)
    command = [program, "-p", str(folder), "-c", "nginx.conf"]
    with _running(["/bin/sh", "-c", _UNTIL_END_OF_INPUT, *command]):
        _wait_for(plain, folder / "error.log")
        yield [plain, tls]


@contextmanager
def _python(*arguments: str) -> Generator[list[int]]:
    command = [sys.executable, "-m", "tests.benchmarks.answering", *arguments]
    with _running(command) as process:
        assert process.stdout is not None
        ports = process.stdout.readline().split()
        if not ports:
            raise RuntimeError(f"the server did not start: {' '.join(command)}")
        yield [int(port) for port in ports]


@contextmanager
def _running(command: list[str]) -> Generator[subprocess.Popen[str]]:
    # In a session of its own, so that Ctrl-C reaches us and we end it.
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(_SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int, log: Path) -> None:
    ends = time.monotonic() + _STARTUP_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > ends:
                text = log.read_text() if log.exists() else ""
                raise RuntimeError(f"nginx did not start\n{text}") from error
            time.sleep(0.02)
        else:
            return
