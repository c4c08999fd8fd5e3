"""Unix sockets, socket options, the address connections come from, and where they may go."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arya_api_framework import TLS, Dns, Pool
from arya_api_framework.errors import ConfigurationError, ConnectError, EgressRefused
from tests.app import Server
from tests.client.conftest import Lane
from tests.counterparts import Web

NAME = "api.example.test"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Listener:
    """Answers every request with `{}`, and looks at the sockets it accepts."""

    def __init__(self) -> None:
        self.peers: list[tuple[str, int]] = []
        self.largest_segments: list[int] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                end, peer = self._listening.accept()
                self.peers.append(peer)
                segment = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
                self.largest_segments.append(segment)
                with end:
                    end.settimeout(10)
                    data = b""
                    while b"\r\n\r\n" not in data and (piece := end.recv(65536)):
                        data += piece
                    if data:
                        end.sendall(ANSWER)

    def close(self) -> None:
        """Stop."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A server that knows the sockets of its clients."""
    listener = Listener()
    yield listener
    listener.close()


# Unix sockets


async def test_requests_go_through_a_unix_socket(lane: Lane, web: Web, server: Server) -> None:
    """URLs are the usual ones, and the host need not be known to anybody."""
    client = lane.client(f"http://{NAME}/v1", unix_socket=web.http_socket)
    with pytest.raises(Exception, match="404"):
        await client.get("/none")
    assert server.log[0].target == "/v1/none"
    assert server.log[0].headers["Host"] == NAME
    client = lane.client(f"http://{NAME}", unix_socket=str(web.http_socket))
    assert (await client.post("/echo?a=1", body={"b": 2}))["text"] == '{"b":2}'


async def test_a_connection_through_a_unix_socket_is_kept(
    lane: Lane, web: Web, server: Server
) -> None:
    """The server ends it after three requests; no call notices."""
    client = lane.client(f"http://{NAME}", unix_socket=web.http_socket)
    for _ in range(7):
        await client.post("/echo", body={"a": 1})
    numbers = [received.headers["X-Connection"] for received in server.log]
    assert [numbers.count(one) for one in dict.fromkeys(numbers)] == [3, 3, 1]


async def test_tls_through_a_unix_socket(
    lane: Lane, web: Web, server: Server, ca_pem: Path
) -> None:
    """Name and certificate are those of the URL."""
    client = lane.client("https://localhost", unix_socket=web.https_socket, tls=TLS(ca=ca_pem))
    assert (await client.get("/echo"))["method"] == "GET"
    assert server.log[0].headers["X-Name"] == "localhost"
    wrong = lane.client(f"https://{NAME}", unix_socket=web.https_socket, tls=TLS(ca=ca_pem))
    with pytest.raises(ConnectError) as error:
        await wrong.get("/echo")
    assert type(error.value).__name__ == "CertificateError"


async def test_a_unix_socket_that_is_not_there_is_a_connect_error(
    lane: Lane, tmp_path: Path
) -> None:
    """Nothing was sent; neither to a path that nobody listens on."""
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as once:
        once.bind(str(dead))
    for path in (tmp_path / "missing.sock", dead, tmp_path / ("long" * 40)):
        client = lane.client(f"http://{NAME}", unix_socket=path)
        with pytest.raises(ConnectError) as error:
            await client.post("/", body={"a": 1})
        assert (error.value.sent, error.value.attempts) == ("no", 1)


async def test_a_unix_socket_and_a_proxy_exclude_each_other(lane: Lane, tmp_path: Path) -> None:
    """Both say how to get there."""
    with pytest.raises(ConfigurationError, match="unix_socket"):
        lane.client(f"http://{NAME}", unix_socket=tmp_path / "a.sock", proxy="http://127.0.0.1:9")


async def test_a_unix_socket_has_no_local_address(lane: Lane, tmp_path: Path) -> None:
    """It would be left out in silence."""
    with pytest.raises(ConfigurationError, match="`local_address` contradicts"):
        lane.client(f"http://{NAME}", unix_socket=tmp_path / "a.sock", local_address="127.0.0.1")


async def test_a_unix_socket_needs_no_proxy_of_the_environment(
    lane: Lane, web: Web, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the environment says is for what goes over the network."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:9")
    client = lane.client(f"http://{NAME}", unix_socket=web.http_socket)
    assert (await client.get("/echo"))["method"] == "GET"


async def test_redirects_stay_in_the_unix_socket(lane: Lane, web: Web, server: Server) -> None:
    """All requests go through it, those to other hosts too."""
    client = lane.client(f"http://{NAME}", unix_socket=web.http_socket, bearer_token="hunter2")
    await client.get("/redirect-to", parameters={"url": "http://other.example.test/echo"})
    assert [one.headers["Host"] for one in server.log] == [NAME, "other.example.test"]
    assert "hunter2" not in str(server.log[1])


# Options of sockets


async def test_socket_options_are_set_before_a_connection_is_made(
    lane: Lane, listener: Listener
) -> None:
    """The largest segment is agreed on in the handshake of TCP, so the server sees it."""
    plain = lane.client(listener.url)
    await plain.get("/")
    option = (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 700)
    await lane.client(listener.url, socket_options=[option]).get("/")
    as_bytes = (*option[:2], (700).to_bytes(4, "little"))
    await lane.client(listener.url, socket_options=[as_bytes]).get("/")
    default, *changed = listener.largest_segments
    assert default > 1000
    assert all(one <= 700 for one in changed)


async def test_a_socket_option_that_is_none_is_a_connect_error(
    lane: Lane, listener: Listener
) -> None:
    """The system refuses it; nothing was sent."""
    client = lane.client(listener.url, socket_options=[(9999, 9999, 1)])
    with pytest.raises(ConnectError) as error:
        await client.get("/")
    assert error.value.sent == "no"


@pytest.mark.parametrize("address", ["127.0.0.2", ("127.0.0.2", 0)])
async def test_connections_come_from_the_local_address(
    lane: Lane, listener: Listener, address: Any
) -> None:
    """The server sees it."""
    await lane.client(listener.url).get("/")
    await lane.client(listener.url, local_address=address).get("/")
    assert [host for host, _ in listener.peers] == ["127.0.0.1", "127.0.0.2"]


async def test_connections_come_from_the_local_port(lane: Lane, listener: Listener) -> None:
    """A port may be given, too."""
    with socket.socket() as free:
        free.bind(("127.0.0.3", 0))
        address = free.getsockname()
    await lane.client(listener.url, local_address=address).get("/")
    assert listener.peers == [address]


async def test_a_local_address_of_another_machine_is_a_connect_error(
    lane: Lane, listener: Listener
) -> None:
    """The system refuses it; nothing was sent."""
    client = lane.client(listener.url, local_address="192.0.2.1")
    with pytest.raises(ConnectError) as error:
        await client.get("/")
    assert error.value.sent == "no"
    assert listener.peers == []


async def test_a_local_address_of_another_family_says_so(lane: Lane, listener: Listener) -> None:
    """Nothing is tried."""
    client = lane.client(listener.url, local_address="::1")
    with pytest.raises(ConnectError, match="no address of the family that local_address is of"):
        await client.get("/")
    assert listener.peers == []


# Where connections may go


def from_name(host: str, *addresses: str) -> dict[str, Any]:
    """Return the options of a client whose host has these addresses."""
    return {"host": host, "dns": Dns(ttl=0, resolver=lambda *_: list(addresses))}


@pytest.mark.parametrize(
    "options",
    [
        {"host": "127.0.0.1"},
        {"host": "127.0.0.2"},
        {"host": "0.0.0.0"},
        {"host": "localhost"},
        {"host": "[::1]"},
        {"host": "[::]"},
        {"host": "[::ffff:127.0.0.1]"},
        {"host": "[64:ff9b::7f00:1]"},
        {"host": "169.254.169.254"},
        {"host": "10.0.0.1"},
        from_name(NAME, "127.0.0.1"),
        from_name(NAME, "::ffff:127.0.0.1"),
        from_name(NAME, "169.254.169.254", "127.0.0.1"),
        from_name("localhost", "127.0.0.1"),
    ],
    ids=lambda options: options["host"],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_private_addresses_are_refused(
    lane: Lane, listener: Listener, options: dict[str, Any], scheme: str
) -> None:
    """However they are written and found; nobody is connected to."""
    options = dict(options)
    port = listener.url.rpartition(":")[2]
    url = f"{scheme}://{options.pop('host')}:{port}"
    client = lane.client(url, egress="public", **options)
    for _ in range(2):
        with pytest.raises(EgressRefused, match="not public") as error:
            await client.post("/", body={"a": 1})
        assert (error.value.sent, error.value.attempts) == ("no", 1)
    assert listener.peers == []


async def test_a_kept_answer_of_the_resolver_is_refused_too(lane: Lane, listener: Listener) -> None:
    """What is remembered is looked at for every connection."""
    port = listener.url.rpartition(":")[2]
    dns = Dns(ttl=60, resolver=lambda *_: ["127.0.0.1"])
    client = lane.client(f"http://{NAME}:{port}", dns=dns, egress="public")
    for _ in range(3):
        with pytest.raises(EgressRefused):
            await client.get("/")
    assert listener.peers == []


async def test_a_refused_address_takes_no_place_of_the_pool(lane: Lane, listener: Listener) -> None:
    """With room for one, the second call is refused for the same reason as the first."""
    client = lane.client(listener.url, egress="public", pool=Pool(total=1, wait=1))
    calls = [client.get("/") for _ in range(4)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(one) for one in results} == {EgressRefused}


async def test_anywhere_is_allowed_otherwise(lane: Lane, listener: Listener) -> None:
    """`"any"` is the default."""
    for options in ({}, {"egress": "any"}):
        assert await lane.client(listener.url, **options).get("/") == {}
