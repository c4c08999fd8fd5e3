"""Proxies and web servers that nobody here wrote, run as they are.

Where a program is not installed, a server of the tests' own takes its place, so that no test is
left out: what the test asserts must hold with either.
"""

import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.app import Server
from tests.file_server import serve_files
from tests.fronts import front
from tests.patience import PATIENCE
from tests.proxies import Proxy
from tests.servers import SHUTDOWN_SECONDS, STARTUP_SECONDS, Certificate

# Ends a program when standard input does, that is, also when the tests were killed.
_UNTIL_END_OF_INPUT = '"$0" "$@" </dev/null & read _; kill $!; wait'


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that runs."""

    port: int
    read_log: Callable[[], str]
    """Return what it wrote down: the ports of the servers it was asked for are in there."""

    def at(self, scheme: str, login: str = "") -> str:
        """Give its URL, with a user and password."""
        return f"{scheme}://{login}{'@' if login else ''}127.0.0.1:{self.port}"

    def has_seen(self, port: int) -> bool:
        """Wait until its log holds the port of a server; return whether it does at last."""
        until = time.monotonic() + PATIENCE
        while str(port) not in self.read_log():
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True


def find(*names: str) -> str | None:
    """Return the path of the first program that is installed, also where only root looks."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


@contextmanager
def tinyproxy(credentials: tuple[str, str] | None = None) -> Generator[Running]:
    """Run tinyproxy, an HTTP proxy."""
    program = find("tinyproxy")
    if program is None:
        with _own(credentials) as running:
            yield running
        return

    def command(folder: Path, port: int) -> list[str]:
        lines = [f"Port {port}", "Listen 127.0.0.1", "Allow 127.0.0.1", "Timeout 60"]
        lines += ["MaxClients 100", "LogLevel Info", f'LogFile "{folder / "log"}"']
        if credentials is not None:
            lines.append(f"BasicAuth {' '.join(credentials)}")
        (folder / "conf").write_text("\n".join(lines) + "\n")
        return [program, "-d", "-c", str(folder / "conf")]

    with _run(command) as running:
        yield running


@contextmanager
def microsocks(credentials: tuple[str, str] | None = None) -> Generator[Running]:
    """Run microsocks, which speaks SOCKS 5."""
    program = find("microsocks")
    if program is None:
        with _own(credentials) as running:
            yield running
        return

    def command(folder: Path, port: int) -> list[str]:
        login = [] if credentials is None else ["-u", credentials[0], "-P", credentials[1]]
        return [program, "-i", "127.0.0.1", "-p", str(port), *login]

    with _run(command) as running:
        yield running


@contextmanager
def dante() -> Generator[Running]:
    """Run Dante, which speaks SOCKS 4, 4a and 5; its server changes its user, as root may only."""
    program = find("danted", "sockd")
    if program is None or os.geteuid() != 0:
        with _own(None) as running:
            yield running
        return

    def command(folder: Path, port: int) -> list[str]:
        (folder / "conf").write_text(
            "logoutput: stderr\n"
            f"internal: 127.0.0.1 port = {port}\n"
            "external: 127.0.0.1\n"
            "clientmethod: none\n"
            "socksmethod: none\n"
            "user.privileged: root\n"
            "user.unprivileged: nobody\n"
            "client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n"
            "socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0\nlog: connect }\n"
        )
        return [program, "-f", str(folder / "conf"), "-N", "1"]

    with _run(command) as running:
        yield running


_TUS = """
const [prefix, folder, port] = process.argv.slice(2)
const { Server } = await import(`${prefix}/@tus/server/dist/index.js`)
const { FileStore } = await import(`${prefix}/@tus/file-store/dist/index.js`)
const datastore = new FileStore({ directory: folder, expirationPeriodInMilliseconds: 3600000 })
new Server({ path: "/files", datastore, maxSize: 100 * 1024 * 1024 }).listen({
  host: "127.0.0.1", port: Number(port),
})
"""


@dataclass(frozen=True, slots=True)
class TusPlace:
    """A server for tus uploads that runs.

    Attributes:
        port: Where; uploads are created at `/files`.
        read: Returns what it holds of an upload, by its URL and the name of the file.
    """

    port: int
    read: Callable[[str, str], bytes]


@contextmanager
def tus_node() -> Generator[TusPlace | None]:
    """Run `@tus/server`, by those who wrote the protocol; `None` where it is not installed.

    `npm install --prefix .venv @tus/server@2 @tus/file-store@2` installs it.
    """
    program = find("node")
    modules = Path(sys.prefix) / "node_modules"
    if program is None or not (modules / "@tus" / "server").exists():
        yield None
        return

    with tempfile.TemporaryDirectory(prefix="tus-") as name:

        def command(folder: Path, port: int) -> list[str]:
            (folder / "serve.mjs").write_text(_TUS)
            return [program, str(folder / "serve.mjs"), str(modules), name, str(port)]

        with _run(command) as running:
            yield TusPlace(
                running.port, lambda url, _: (Path(name) / url.rpartition("/")[2]).read_bytes()
            )


@contextmanager
def prism(document: dict[str, Any]) -> Generator[str]:
    """Run Prism, which answers what an OpenAPI document allows by its examples; give its origin.

    `npm install --prefix .venv @stoplight/prism-cli@5` installs it. Where it is not installed the
    application of the tests answers, which has the users, posts and repositories of the examples.
    """
    node = find("node")
    program = Path(sys.prefix) / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
    if node is None or not program.exists():
        with Server() as server:
            yield server.url
        return

    def command(folder: Path, port: int) -> list[str]:
        (folder / "document.json").write_text(json.dumps(document))
        where = ["-h", "127.0.0.1", "-p", str(port), str(folder / "document.json")]
        return [node, str(program), "mock", "--errors", *where]

    with _run(command) as running:
        yield f"http://127.0.0.1:{running.port}"


@contextmanager
def _own(credentials: tuple[str, str] | None) -> Generator[Running]:
    with Proxy(credentials=credentials) as proxy:
        yield Running(proxy.port, lambda: f"{proxy.log} {proxy.asked}")


@contextmanager
def _run(command: Callable[[Path, int], list[str]]) -> Generator[Running]:
    with tempfile.TemporaryDirectory(prefix="counterpart-") as name:
        folder = Path(name)
        # The programs take no socket that listens, so another process may be faster than they.
        for _ in range(3):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            with _process(command(folder, port), folder) as process:
                if _answers(process, port):
                    yield Running(port, lambda: _read(folder))
                    return
        raise RuntimeError(f"a program did not start:\n{_read(folder)}")


@contextmanager
def _process(command: list[str], folder: Path) -> Generator[subprocess.Popen[bytes]]:
    with open(folder / "output", "ab") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _UNTIL_END_OF_INPUT, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return True
    return False


def _read(folder: Path) -> str:
    return "".join(
        (folder / name).read_text(errors="replace")
        for name in ("log", "output")
        if (folder / name).exists()
    )


@dataclass(frozen=True, slots=True)
class Web:
    """A web server, reached in four ways; it tells back what it read as `/echo` of the tests."""

    http: str
    https: str
    mutual: str
    """An https origin that demands the certificate of a client."""
    http_socket: Path
    https_socket: Path


# One process. What a client asks for is handed to the application of the tests, on `upstream`.
_NGINX = """
daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events {{
    worker_connections 256;
}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    ssl_certificate {chain};
    ssl_certificate_key {key};
    keepalive_requests 3;
    client_header_buffer_size 1k;
    large_client_header_buffers 2 4k;
    client_max_body_size 1m;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Connection $connection;
    proxy_set_header X-Name $ssl_server_name;
    proxy_set_header X-Client $ssl_client_s_dn;
    server {{
        listen 127.0.0.1:{http};
        listen unix:{folder}/http.sock;
        location / {{
            proxy_pass {upstream};
        }}
    }}
    server {{
        listen 127.0.0.1:{https} ssl;
        listen unix:{folder}/https.sock ssl;
        location / {{
            proxy_pass {upstream};
        }}
    }}
    server {{
        listen 127.0.0.1:{mutual} ssl;
        ssl_client_certificate {authority};
        ssl_verify_client on;
        location / {{
            proxy_pass {upstream};
        }}
    }}
}}
"""


@contextmanager
def nginx(certificate: Certificate, upstream: str) -> Generator[Web]:
    """Run nginx in front of a server; where it is missing, servers of ours do what it is told."""
    program = find("nginx")
    if program is None:
        with _fronts(certificate, upstream) as web:
            yield web
        return
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        for _ in range(3):
            with ExitStack() as stack:
                free = [
                    stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)
                ]
                http, https, mutual = [one.getsockname()[1] for one in free]
            conf = _NGINX.format(
                folder=folder,
                http=http,
                https=https,
                mutual=mutual,
                chain=certificate.chain,
                key=certificate.key,
                authority=certificate.authority,
                upstream=upstream,
            )
            (folder / "nginx.conf").write_text(conf)
            command = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
            with _process(command, folder) as process:
                if _answers(process, http):
                    yield Web(
                        f"http://127.0.0.1:{http}",
                        f"https://127.0.0.1:{https}",
                        f"https://127.0.0.1:{mutual}",
                        folder / "http.sock",
                        folder / "https.sock",
                    )
                    return
        raise RuntimeError(f"nginx did not start:\n{_read(folder)}")


_JSON_SERVER = "json-server@0.17.4"
_INSTALLING_SECONDS = 60.0


@contextmanager
def json_server(posts: list[dict[str, Any]]) -> Generator[str]:
    """Run json-server, which gives `/posts` in pages, and give its origin.

    It is got from npm, in a few seconds. Where that is not to be had, the application of the tests
    does the same.
    """
    npm, node = find("npm"), find("node")
    with tempfile.TemporaryDirectory(prefix="json-server-") as name:
        folder = Path(name)
        program = folder / "node_modules" / "json-server" / "lib" / "cli" / "bin.js"
        if npm is None or node is None or not _install(npm, folder, program):
            with Server() as server:
                yield server.url
            return
        (folder / "db.json").write_text(json.dumps({"posts": posts}))
        for _ in range(3):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            command = [node, str(program), "--host", "127.0.0.1", "--port", str(port), "db.json"]
            with _process(command, folder) as process:
                if _answers(process, port):
                    yield f"http://127.0.0.1:{port}"
                    return
        raise RuntimeError(f"json-server did not start:\n{_read(folder)}")


def _install(npm: str, folder: Path, program: Path) -> bool:
    """Get json-server; return whether it is there."""
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0"]
    command = [npm, "install", "--prefix", str(folder), *quiet, _JSON_SERVER]
    try:
        subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_INSTALLING_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return program.exists()


_LIGHTTPD = """
server.modules = ("mod_auth", "mod_authn_file")
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{folder}/error.log"
mimetype.assign = ("" => "application/json")
auth.backend = "htdigest"
auth.backend.htdigest.userfile = "{folder}/users"
auth.require = ("/" => (
    "method" => "digest", "algorithm" => "{algorithm}", "realm" => "{realm}",
    "require" => "valid-user"
))
"""


@contextmanager
def lighttpd(user: str, password: str, algorithm: str) -> Generator[str | None]:
    """Run lighttpd, which serves `/ok` to a user who authenticates by Digest; give its origin.

    It is `None` where lighttpd is not installed.
    """
    program = find("lighttpd")
    if program is None:
        yield None
        return
    realm = "lighttpd, of others"
    hashed = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]
    with tempfile.TemporaryDirectory(prefix="lighttpd-") as name:
        folder = Path(name)
        (folder / "ok").write_text("{}")
        secret = hashed(f"{user}:{realm}:{password}".encode()).hexdigest()
        (folder / "users").write_text(f"{user}:{realm}:{secret}\n")
        for _ in range(3):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            conf = _LIGHTTPD.format(folder=folder, port=port, algorithm=algorithm, realm=realm)
            (folder / "lighttpd.conf").write_text(conf)
            command = [program, "-D", "-f", str(folder / "lighttpd.conf")]
            with _process(command, folder) as process:
                if _answers(process, port):
                    yield f"http://127.0.0.1:{port}"
                    return
        raise RuntimeError(f"lighttpd did not start:\n{_read(folder)}")


@contextmanager
def _fronts(certificate: Certificate, upstream: str) -> Generator[Web]:
    asking = certificate.server_context()
    asking.load_verify_locations(certificate.authority)
    asking.verify_mode = ssl.CERT_OPTIONAL
    with tempfile.TemporaryDirectory(prefix="front-") as name, ExitStack() as stack:
        http, https = Path(name, "http.sock"), Path(name, "https.sock")
        ports = [
            stack.enter_context(front(upstream, None, tls))
            for tls in (None, certificate.server_context(), asking)
        ]
        stack.enter_context(front(upstream, http))
        stack.enter_context(front(upstream, https, certificate.server_context()))
        yield Web(
            f"http://127.0.0.1:{ports[0]}",
            f"https://127.0.0.1:{ports[1]}",
            f"https://127.0.0.1:{ports[2]}",
            http,
            https,
        )


_NGINX_FILES = """
daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events {{
    worker_connections 256;
}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        location /slow/ {{
            alias {root}/;
            limit_rate 4m;
        }}
        location /packed/ {{
            alias {root}/;
            gzip on;
            gzip_types *;
        }}
        location /plain/ {{
            alias {root}/;
            etag off;
        }}
        location /whole/ {{
            alias {root}/;
            max_ranges 0;
        }}
    }}
}}
"""


@contextmanager
def nginx_files(root: Path) -> Generator[str]:
    """Run nginx, which serves the files of a folder; give its origin.

    `/slow/` sends 4 MiB a second, `/packed/` codes by gzip, `/plain/` has no entity tags, and
    `/whole/` no ranges. Where nginx is not installed, a server of the tests does the same.
    """
    program = find("nginx")
    if program is None:
        with serve_files(root) as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        for _ in range(3):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            (folder / "nginx.conf").write_text(_NGINX_FILES.format(port=port, root=root))
            command = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
            with _process(command, folder) as process:
                if _answers(process, port):
                    yield f"http://127.0.0.1:{port}"
                    return
        raise RuntimeError(f"nginx did not start:\n{_read(folder)}")
