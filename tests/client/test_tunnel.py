"""`Tunnel`: what is said to a proxy for a tunnel, and what its answer means."""

from collections.abc import Iterable

import pytest

from arya_api_framework.client.http1 import MAX_HEAD_SIZE, MAX_INTERIM
from arya_api_framework.client.proxies import Proxy
from arya_api_framework.client.tunnel import Tunnel
from arya_api_framework.errors import ProtocolError, ProxyError, ResponseTooLarge

PLAIN = Proxy("http", "proxy.test", 3128)
LOGIN = b"Proxy-Authorization: Basic bWU6cHc="
OK = b"HTTP/1.1 200 OK\r\n\r\n"


def opened(pieces: Iterable[bytes]) -> bool:
    """Return whether a tunnel is open after a proxy said this."""
    tunnel = Tunnel(PLAIN, "api.test", 443)
    for piece in pieces:
        assert not tunnel.is_open
        assert tunnel.feed(piece) is tunnel.is_open
    return tunnel.is_open


@pytest.mark.parametrize(
    ("proxy", "host", "request_"),
    [
        (PLAIN, "api.test", b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n"),
        (PLAIN, "::1", b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"),
        (
            Proxy("http", "proxy.test", 3128, "me", "pw"),
            "a.test",
            b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n%b\r\n\r\n" % LOGIN,
        ),
    ],
)
def test_what_a_proxy_is_asked(proxy: Proxy, host: str, request_: bytes) -> None:
    """The host, and the login of the proxy; nothing else."""
    assert Tunnel(proxy, host, 443).request == request_


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.0 200 Connection established\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 204 \r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * MAX_INTERIM + OK,
    ],
)
def test_it_is_open_after_a_success(answer: bytes) -> None:
    """Any 2xx is one, whole or in pieces, and has no body whatever it announces."""
    assert opened([answer])
    assert opened(bytes([byte]) for byte in answer)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"garbage\r\n\r\n", ProtocolError),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_INTERIM + 1), ProtocolError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD_SIZE, ResponseTooLarge),
        (b"", type(None)),
    ],
)
def test_what_is_no_answer(answer: bytes, cause: type[object]) -> None:
    """The error says so, and what was wrong is its cause."""
    with pytest.raises(ProxyError, match=r"proxy\.test:3128 gave no valid answer") as error:
        opened([answer])
    assert isinstance(error.value.__cause__, cause)


def test_a_proxy_that_is_gone_in_the_middle() -> None:
    """What it began to say is no answer."""
    with pytest.raises(ProxyError, match="no valid answer"):
        opened([OK[:9], b""])


def test_a_refusal_says_what_the_proxy_said() -> None:
    """And nothing of the login, which it may have told back."""
    tunnel = Tunnel(Proxy("http", "proxy.test", 3128, "me", "secret-pw"), "api.test", 443)
    with pytest.raises(ProxyError) as error:
        tunnel.feed(b"HTTP/1.1 407 no secret-pw here\r\n\r\n")
    text = "the proxy proxy.test:3128 refused a tunnel to api.test:443: 407 no *** here"
    assert str(error.value) == text


@pytest.mark.parametrize("pieces", [[OK + b"x"], [OK, b"x"]])
def test_more_than_an_answer_is_refused(pieces: list[bytes]) -> None:
    """It would be taken for what the host says."""
    tunnel = Tunnel(PLAIN, "api.test", 443)
    *early, last = pieces
    assert all(tunnel.feed(piece) for piece in early)
    with pytest.raises(ProxyError, match="said more than"):
        tunnel.feed(last)
