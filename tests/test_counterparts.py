"""The servers of other projects, and those that stand in for them, do the same."""

import http.client
import json
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from examples.jsonplaceholder import DeclaredPlaceholder
from tests import counterparts
from tests.app import Server
from tests.proxies import Proxy
from tests.resources import make_post
from tests.servers import Certificate

LOGIN = ("user", "hunter2")


@pytest.fixture(params=["of others", "of ours"], autouse=True)
def _whose(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "of ours":
        monkeypatch.setattr(counterparts, "find", lambda *_: None)


def get(url: str, proxy: str, ca: Path) -> requests.Response:
    """Send a request through a proxy, with a client that is not under test."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, proxies={"all": proxy}, verify=str(ca), timeout=10)


def test_an_http_proxy(server: Server, tls_server: Server, ca_pem: Path) -> None:
    """It forwards, tunnels, writes down where to, and denies who has no password."""
    with counterparts.tinyproxy(LOGIN) as proxy:
        for origin in (server, tls_server):
            answer = get(f"{origin.url}/echo?a=1", proxy.at("http", ":".join(LOGIN)), ca_pem)
            assert answer.json()["query"] == [["a", "1"]]
            assert proxy.has_seen(origin.port)
            assert "Proxy-Authorization" not in origin.log[0].headers
        assert get(f"{server.url}/echo", proxy.at("http"), ca_pem).status_code == 407


def test_a_socks_5_proxy(server: Server) -> None:
    """It connects, writes down where to, and denies who has another password."""
    with counterparts.microsocks(LOGIN) as proxy:
        for login, answer in ((LOGIN, b"\x01\x00"), (("user", "wrong"), b"\x01")):
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as sock:
                sock.sendall(b"\x05\x01\x02")
                assert sock.recv(2) == b"\x05\x02"
                name, password = (one.encode() for one in login)
                sock.sendall(b"\x01%c%b%c%b" % (len(name), name, len(password), password))
                assert sock.recv(2).startswith(answer)
                if login == LOGIN:
                    sock.sendall(b"\x05\x01\x00\x01\x7f\0\0\x01" + server.port.to_bytes(2))
                    assert sock.recv(10)[:2] == b"\x05\x00"
                    sock.sendall(b"GET /echo HTTP/1.0\r\n\r\n")
                    assert sock.recv(12) == b"HTTP/1.0 200"
        assert proxy.has_seen(server.port)


def test_a_socks_4_proxy(server: Server) -> None:
    """It connects, and writes down where to."""
    with counterparts.dante() as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as sock:
            sock.sendall(b"\x04\x01" + server.port.to_bytes(2) + b"\x7f\0\0\x01\0")
            assert sock.recv(8)[:2] == b"\x00\x5a"
            sock.sendall(b"GET /echo HTTP/1.0\r\n\r\n")
            assert sock.recv(12) == b"HTTP/1.0 200"
        assert proxy.has_seen(server.port)


def test_a_web_server(server: Server, certificate: Certificate) -> None:
    """It ends connections, refuses long heads, and asks for certificates."""
    with counterparts.nginx(certificate, server.url) as web:
        with requests.Session() as session:
            session.trust_env = False
            numbers = [
                dict(session.get(f"{web.http}/echo", timeout=10).json()["headers"])["X-Connection"]
                for _ in range(4)
            ]
            assert numbers[0] == numbers[1] == numbers[2] != numbers[3]
            assert session.get(f"{web.http}/echo?{'x' * 6000}", timeout=10).status_code == 414
            headers = {f"X-{number}": "x" * 3000 for number in range(4)}
            answer = session.get(f"{web.http}/echo", headers=headers, timeout=10)
            assert answer.status_code == 400
            session.verify = str(certificate.authority)
            assert session.get(f"{web.mutual}/echo", timeout=10).status_code == 400
            session.cert = (str(certificate.chain), str(certificate.key))
            received = dict(session.get(f"{web.mutual}/echo", timeout=10).json()["headers"])
            assert "trustme" in received["X-Client"]
        for path, tls in (
            (web.http_socket, None),
            (web.https_socket, certificate.client_context()),
        ):
            received = dict(_get_through(path, tls)["headers"])
            assert received.get("X-Name") == (tls and "localhost")


def _get_through(path: Path, tls: ssl.SSLContext | None) -> dict[str, list[tuple[str, str]]]:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    if tls is not None:
        connection.sock = tls.wrap_socket(connection.sock, server_hostname="localhost")
    connection.request("GET", "/echo")
    with connection.getresponse() as answer:
        found: dict[str, list[tuple[str, str]]] = json.loads(answer.read())
    connection.close()
    return found


def test_a_proxy_of_ours_does_as_it_is_told(server: Server, ca_pem: Path) -> None:
    """It keeps what it reads, resolves names of its own, and plays a script instead."""
    with Proxy(names={"api.test": "127.0.0.1"}) as proxy:
        url = f"http://api.test:{server.port}/echo"
        assert get(url, proxy.url, ca_pem).json()["method"] == "GET"
        assert (proxy.log[0].method, proxy.log[0].target) == ("GET", url)
        proxy.script = [b"HTTP/1.1 503 Busy\r\n", 0.01, b"Content-Length: 0\r\n\r\n"]
        assert get(url, proxy.url, ca_pem).status_code == 503
        assert urlsplit(proxy.at("socks5h", "a:b")).username == "a"
    assert len(server.log) == 1


def test_json_server() -> None:
    """It gives pages, says how many items there are, and where the next page is."""
    posts = [make_post(number) for number in range(1, 101)]
    with counterparts.json_server(posts) as origin, requests.Session() as session:
        session.trust_env = False
        parameters = {"_page": "2", "_limit": "40"}
        answer = session.get(f"{origin}/posts", params=parameters, timeout=10)
        assert answer.json() == posts[40:80]
        assert answer.headers["X-Total-Count"] == "100"
        assert answer.links["next"]["url"].endswith("/posts?_page=3&_limit=40")
        parameters["_page"] = "3"
        last = session.get(f"{origin}/posts", params=parameters, timeout=10)
        assert last.json() == posts[80:]
        assert "next" not in last.links


def test_prism() -> None:
    """It answers what a document allows, and refuses the rest."""
    document = DeclaredPlaceholder.openapi()
    with counterparts.prism(document) as origin, requests.Session() as session:
        session.trust_env = False
        assert "name" in session.get(f"{origin}/users/1", timeout=10).json()
        added = session.post(f"{origin}/users", json=["Kim"], timeout=10)
        assert added.status_code in (400, 422)
        assert session.get(f"{origin}/nowhere", timeout=10).status_code == 404
