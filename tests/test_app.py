"""The test servers and fixtures themselves, seen by bare libraries."""

import asyncio
import dataclasses
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
from requests.auth import HTTPDigestAuth

from tests.app import Server
from tests.conftest import Kind, Wrapped
from tests.patience import until
from tests.servers import Certificate, httpbin


def test_log_holds_what_was_read(server: Server) -> None:
    """Method, target, header order and case, and body are logged byte for byte."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(
            b"POST /echo?b=2&a=%20&b= HTTP/1.1\r\nhOST: h\r\nX-B: 1\r\nx-a: \xc3\xbc\r\nX-B: 2\r\n"
            b"Content-Encoding: gzip\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
        )
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 OK\r\n")
        port = client.getsockname()[1]

    [received] = server.log
    assert (received.method, received.target) == ("POST", "/echo?b=2&a=%20&b=")
    assert (received.path, received.query) == ("/echo", [("b", "2"), ("a", " "), ("b", "")])
    assert list(received.headers.items())[:4] == [
        ("hOST", "h"), ("X-B", "1"), ("x-a", "ü"), ("X-B", "2"),
    ]  # fmt: skip
    assert received.headers.getall("x-b") == ["1", "2"]
    assert (received.body, received.connection) == (b"abc", port)


def test_log_tells_connections_apart(server: Server) -> None:
    """Requests on one kept connection share a port, others do not."""
    with requests.Session() as session:
        session.get(server.url + "/echo").raise_for_status()
        session.get(server.url + "/echo").raise_for_status()
    requests.get(server.url + "/echo").raise_for_status()

    first, second, third = [received.connection for received in server.log]
    assert first == second != third


def test_reset_forgets(server: Server) -> None:
    """A reset empties the log and restores the users."""
    requests.delete(server.url + "/users/1").raise_for_status()
    assert requests.get(server.url + "/users/1").status_code == 404
    server.reset()
    assert requests.get(server.url + "/users/1").json()["name"] == "Ada"
    assert [received.method for received in server.log] == ["GET"]


def test_users(server: Server) -> None:
    """Users can be listed, read, created, replaced, changed and deleted."""
    users = server.url + "/users"
    assert [user["id"] for user in requests.get(users + "?_limit=2&_page=2").json()] == [3, 4]

    created = requests.post(users, json={"name": "Kim"})
    assert (created.status_code, created.json()) == (201, {"name": "Kim", "id": 11})
    assert created.headers["Location"] == "/users/11"
    assert server.log[-1].json() == {"name": "Kim"}

    assert requests.patch(users + "/11", json={"a": 1}).json() == {"name": "Kim", "a": 1, "id": 11}
    assert requests.put(users + "/11", json={"b": 2}).json() == {"b": 2, "id": 11}
    assert requests.get(users + "/11").json() == {"b": 2, "id": 11}
    deleted = requests.delete(users + "/11")
    assert (deleted.status_code, deleted.content) == (204, b"")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/users/99", None, 404, "There is nothing with id 99."),
        ("GET", "/nothing", None, 404, "Not Found"),
        ("DELETE", "/posts", None, 405, "Method Not Allowed"),
        ("POST", "/users", "[]", 400, "The body must be a JSON object."),
        ("POST", "/users", "x", 400, "Expecting value: line 1 column 1 (char 0)"),
        ("GET", "/status/199", None, 400, "The status must be from 200 to 599, not 199."),
        ("GET", "/status/200?body=x", None, 400,
         "The body must be json, echo, text, html or empty, not 'x'."),
        ("GET", "/repos/no/one", None, 404, "Not Found"),
        ("GET", "/json", None, 400, "'value'"),
    ],
)  # fmt: skip
def test_failures_have_a_message(
    server: Server, method: str, path: str, body: str | None, status: int, message: str
) -> None:
    """Every failure is JSON with a message."""
    response = requests.request(method, server.url + path, data=body)
    assert response.status_code == status
    assert response.json()["message"] == message


def test_posts_and_repositories(server: Server) -> None:
    """Posts are found by user, repositories by name and by search."""
    posts = requests.get(server.url + "/posts?userId=2").json()
    assert [post["id"] for post in posts] == list(range(11, 21))
    assert requests.get(server.url + "/posts/7").json()["title"] == "Post 7"

    repository = requests.get(server.url + "/repos/pydantic/pydantic")
    assert repository.json()["full_name"] == "pydantic/pydantic"
    assert repository.headers["ETag"]
    found = requests.get(server.url + "/search/repositories?q=aio-libs&per_page=1&page=2").json()
    assert (found["total_count"], [item["name"] for item in found["items"]]) == (2, ["yarl"])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])
def test_echo(server: Server, method: str) -> None:
    """The echo tells the request back, whatever the method."""
    told = requests.request(
        method, server.url + "/echo/../echo?a=1&a=2", data=b"\xff", cookies={"c": "d"}
    ).json()
    assert (told["method"], told["path"]) == (method, "/echo")
    assert told["query"] == [["a", "1"], ["a", "2"]]
    assert (told["cookies"], told["base64"], told["text"]) == ({"c": "d"}, "/w==", "\ufffd")
    assert ["Cookie", "c=d"] in told["headers"]


def test_echo_of_forms(server: Server) -> None:
    """Fields and files of both form types are told back."""
    fields = [("a", "1"), ("a", "ü")]
    told = requests.post(server.url + "/echo", data=fields).json()
    assert (told["form"], told["files"]) == ([["a", "1"], ["a", "ü"]], [])

    content = b"line\r\n\x00--"
    file = ("f", ("n ü.bin", content, "image/png", {"X-Part": "1"}))
    told = requests.post(server.url + "/echo", data=fields, files=[file]).json()
    assert told["form"] == [["a", "1"], ["a", "ü"]]
    [part] = told["files"]
    assert (part["name"], part["filename"], part["content_type"]) == ("f", "n ü.bin", "image/png")
    assert (part["size"], part["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert ["X-Part", "1"] in part["headers"]


def test_upload(server: Server) -> None:
    """A large body and a large file of a form are read without being kept."""
    content = os.urandom(3_000_000)
    digest = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert requests.post(server.url + "/upload", data=content).json() == {**digest, "fields": {}}
    told = requests.post(server.url + "/upload", data={"a": "b"}, files={"f": ("n", content)})
    assert told.json() == {
        "fields": {"a": "b"},
        "files": [{"name": "f", "filename": "n", **digest}],
    }
    assert [received.body for received in server.log] == [b"", b""]


@pytest.mark.parametrize("code", [200, 204, 299, 304, 404, 418, 499, 503, 599])
def test_status(server: Server, code: int) -> None:
    """Any final status is sent, with the headers that the query asks for."""
    response = requests.get(server.url + f"/status/{code}?Retry-After=3&X-A=1&X-A=2")
    assert response.status_code == code
    assert (response.headers["Retry-After"], response.headers["X-A"]) == ("3", "1, 2")
    if code in (204, 304):
        assert response.content == b""
    else:
        assert response.json() == {"message": f"This is status {code}."}


@pytest.mark.parametrize(
    ("body", "content_type", "content"),
    [
        ("text", "text/plain; charset=utf-8", b"This is status 500."),
        ("html", "text/html; charset=utf-8",
         b"<html><title>500</title><p>This is status 500.</html>"),
        ("empty", None, b""),
    ],
)  # fmt: skip
def test_status_bodies(server: Server, body: str, content_type: str | None, content: bytes) -> None:
    """A status can come with other bodies than JSON."""
    response = requests.get(server.url + f"/status/500?body={body}")
    assert (response.headers.get("Content-Type"), response.content) == (content_type, content)


def test_redirects(server: Server) -> None:
    """Redirects are counted down, or lead where the query says."""
    response = requests.get(server.url + "/redirect/3")
    assert [hop.headers["Location"] for hop in response.history] == [
        "/redirect/2", "/redirect/1", "/redirect/0",
    ]  # fmt: skip
    assert response.json()["path"] == "/redirect/0"

    url = server.url + "/redirect-to?status=307&url=http://elsewhere.test/%3Fa"
    response = requests.post(url, allow_redirects=False)
    assert response.status_code == 307
    assert response.headers["Location"] == "http://elsewhere.test/?a"


def test_slow_answers(server: Server) -> None:
    """One route waits before the head, one between the bytes."""
    with pytest.raises(requests.ReadTimeout):
        requests.get(server.url + "/delay/30", timeout=0.1)
    assert requests.get(server.url + "/delay/0").ok

    start = time.monotonic()
    with requests.get(server.url + "/drip?numbytes=4&duration=0.2", stream=True) as response:
        assert response.headers["Content-Length"] == "4"
        assert next(response.iter_content(1)) == b"*"
        assert response.raw.read() == b"***"
    assert time.monotonic() - start >= 0.15


def test_leaving_is_noticed(server: Server) -> None:
    """The log tells which requests were abandoned by the client."""
    requests.get(server.url + "/delay/0").raise_for_status()
    with pytest.raises(requests.ReadTimeout):
        requests.get(server.url + "/delay/30", timeout=0.05)

    until(lambda: len(server.log) == 2 and server.log[1].abandoned)
    assert not server.log[0].abandoned


def test_bodies(server: Server) -> None:
    """Binary, chunked, coded, empty and odd bodies come as announced."""
    url = server.url
    assert len(requests.get(url + "/bytes/200000").content) == 200_000
    assert requests.get(url + "/bytes/7").content == requests.get(url + "/bytes/9").content[:7]
    response = requests.get(url + "/chunked?count=2")
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert response.content == b"chunk 0\nchunk 1\n"
    for path, coding in [("gzip", "gzip"), ("deflate", "deflate"), ("deflate?raw=1", "deflate")]:
        response = requests.get(f"{url}/{path}")
        assert response.headers["Content-Encoding"] == coding
        assert response.json()["path"] == "/" + path.partition("?")[0]
    with requests.get(url + "/deflate?raw=1", stream=True) as response:
        raw = response.raw.read(decode_content=False)
    with pytest.raises(zlib.error):
        zlib.decompress(raw)
    with requests.get(url + "/gzip-bomb?size=1000000", stream=True) as response:
        assert len(response.raw.read(decode_content=False)) < 2000
    assert len(requests.get(url + "/gzip-bomb?size=1000000").content) == 1_000_000
    assert requests.get(url + "/empty").content == b""
    assert "Hello" in requests.get(url + "/html").text
    with pytest.raises(requests.JSONDecodeError):
        requests.get(url + "/invalid-json").json()
    assert requests.get(url + "/json", params={"value": "[1, null]"}).json() == [1, None]
    assert requests.get(url + "/latin1").content == b"Gr\xfc\xdfe"


def test_cookies(server: Server) -> None:
    """Cookies are set as asked for and told back."""
    with requests.Session() as session:
        response = session.get(server.url + "/set-cookie?a=1&line=b=2; Path=/cookies; HttpOnly")
        assert response.raw.headers.getlist("Set-Cookie") == [
            "a=1; Path=/", "b=2; Path=/cookies; HttpOnly",
        ]  # fmt: skip
        assert session.get(server.url + "/cookies").json() == {"cookies": {"a": "1", "b": "2"}}


def test_challenges(server: Server) -> None:
    """Who answers a challenge is let in, and nobody else; the server proves itself, too."""
    url = f"{server.url}/wanted"
    assert requests.get(url).headers["WWW-Authenticate"] == 'Answer question="6 * 7"'
    assert requests.get(url, headers={"Authorization": "Answer 42"}).status_code == 200
    url = f"{server.url}/digest?a=1"
    assert requests.get(url).status_code == 401
    assert requests.get(url, auth=HTTPDigestAuth("ann", "wrong")).status_code == 401
    response = requests.get(url, auth=HTTPDigestAuth("ann", "secret"))
    assert response.json() == {"user": "ann", "count": 1}
    assert response.headers["Authentication-Info"].startswith("rspauth=")


def test_etag(server: Server) -> None:
    """Who has the entity tag gets 304 and no body."""
    first = requests.get(server.url + "/etag")
    again = requests.get(server.url + "/etag", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.json(), again.status_code, again.content) == ({"version": 1}, 304, b"")


def test_early_hints(server: Server) -> None:
    """Interim responses stand before the final one."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /early-hints?count=2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        heads = client.makefile("rb").read().split(b"HTTP/1.1 ")
    assert [head[:3] for head in heads[1:-1]] == [b"103", b"103"]
    assert b"200 OK" in heads[-1]


def test_files(server: Server) -> None:
    """A file comes whole or in ranges, of one state, and is cut where that is asked for."""
    url = server.url + "/files/1000/a.txt"
    whole = requests.get(url)
    assert len(whole.content) == 1000
    assert whole.headers["Repr-Digest"].startswith("sha-256=:")
    for asked, status, part in [
        ("bytes=5-9", 206, whole.content[5:10]),
        ("bytes=990-", 206, whole.content[990:]),
        ("bytes=990-2000", 206, whole.content[990:]),
        ("bytes=1000-", 416, b""),
        ("lines=1-2", 200, whole.content),
    ]:
        found = requests.get(url, headers={"Range": asked, "If-Range": whole.headers["ETag"]})
        assert (found.status_code, found.content) == (status, part)
    found = requests.get(url, headers={"Range": "bytes=5-9", "If-Range": '"other"'})
    assert (found.status_code, found.content) == (200, whole.content)
    assert requests.get(url + "?cut=1000").content == whole.content
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(url + "?cut=999")


async def test_aiohttp_client(server: Server) -> None:
    """The other library agrees, many requests at once."""
    async with aiohttp.ClientSession() as session:

        async def get(number: int) -> Any:
            async with session.get(f"{server.url}/posts/{number}") as response:
                return (await response.json())["id"]

        assert await asyncio.gather(*map(get, range(1, 51))) == list(range(1, 51))
    assert len(server.log) == 50


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls(tls_server: Server, ca_pem: Path, host: str) -> None:
    """The TLS server is trusted through its own authority only."""
    assert requests.get(tls_server.at(host) + "/users/1", verify=str(ca_pem)).json()["id"] == 1
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(tls_server.at(host) + "/users/1")


def test_stopping_cancels_what_hangs() -> None:
    """A server stops at once although a request is under way, and its port is free again."""
    outcome: list[BaseException] = []
    with Server() as server:

        def hang() -> None:
            try:
                requests.get(server.url + "/delay/60", timeout=60)
            except requests.ConnectionError as error:
                outcome.append(error)

        thread = threading.Thread(target=hang)
        thread.start()
        until(lambda: server.log)
        start = time.monotonic()
    thread.join(timeout=30)
    assert outcome
    assert time.monotonic() - start < 30
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_httpbin(httpbin_url: str, httpbin_tls_url: str, ca_pem: Path) -> None:
    """An httpbin answers, plain and over TLS."""
    assert requests.get(httpbin_url + "/get?a=1").json()["args"] == {"a": "1"}
    told = requests.get(httpbin_tls_url + "/get?a=1", verify=str(ca_pem)).json()
    assert told["url"] == httpbin_tls_url + "/get?a=1"


def test_httpbin_stops() -> None:
    """An httpbin is gone when its context ends."""
    with httpbin() as url:
        pass
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_httpbin_ends_with_its_parent() -> None:
    """A killed test run leaves no httpbin behind."""
    code = (
        "import os\n"
        "from tests.servers import httpbin\n"
        "with httpbin() as url:\n"
        "    print(url, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, check=False, text=True
    )
    port = int(output.stdout.rpartition(":")[2])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    pytest.fail("httpbin still listens")


def test_failed_start_shows_the_log(certificate: Certificate, tmp_path: Path) -> None:
    """A server that cannot start says why, at once."""
    broken = dataclasses.replace(certificate, chain=tmp_path / "missing.pem")
    with pytest.raises(RuntimeError, match=r"missing\.pem"), httpbin(broken):
        pytest.fail("it started without its certificate")


class _SyncThing:
    closed = False

    def request(self) -> int:
        return threading.get_ident()

    def close(self) -> None:
        self.closed = True


class _AsyncThing:
    closed = False

    async def request(self) -> int:
        return threading.get_ident()

    async def close(self) -> None:
        self.closed = True


async def test_kind_awaits_both(kind: Kind) -> None:
    """A wrapped method is awaited for both kinds; a sync one runs in another thread."""
    thing = _AsyncThing() if kind.is_async else _SyncThing()
    wrapped = kind.wrap(thing)
    assert (await wrapped.request() == threading.get_ident()) is kind.is_async
    assert wrapped.closed is False
    wrapped.label = "x"
    assert getattr(thing, "label") == "x"  # noqa: B009
    wrapped.child = thing
    assert isinstance(wrapped.child, Wrapped)
    await kind.close()
    assert thing.closed


async def test_kind_wraps_the_clients(kind: Kind, server: Server) -> None:
    """The real clients, their copies and their context managers are awaited alike."""
    client = kind.client(server.url, headers={"X-A": "1"})
    assert (await client.get("/users/1"))["name"] == "Ada"
    assert (await client.send(client.build("GET", "/users/2")))["id"] == 2
    await client.with_options(headers={"X-B": "2"}).get("/users/3")
    assert [received.headers.get("X-B") for received in server.log] == [None, None, "2"]

    async with kind.client(server.url) as other:
        await other.get("/users/1")
    assert other.closed
    assert not client.closed
