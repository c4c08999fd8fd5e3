"""What a hostile server, or a value that holds itself, tries on a client."""

import socket
import ssl
import threading
import traceback
import tracemalloc
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from arya_api_framework import TLS, AsyncClient, SyncClient
from arya_api_framework.errors import (
    ConfigurationError,
    ConnectError,
    FrameworkException,
    ProtocolError,
    ResponseTooLarge,
)
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.faults import PATHS, Faults, listener
from tests.servers import Certificate

OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def answering(answers: dict[str, bytes], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve one connection after the other, each request with the bytes for its path."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(sock: socket.socket) -> None:
        with sock:
            try:
                conn = context.wrap_socket(sock, server_side=True) if context else sock
                conn.settimeout(5)
                with conn:
                    while head := conn.recv(65536):
                        conn.sendall(answers[head.split()[1].decode()])
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


async def test_excess_inside_a_tls_record_is_no_answer(
    kind: Kind, certificate: Certificate, ca_pem: Path
) -> None:
    """What was decrypted together with a body is not given to the next request."""
    evil = OK + b'Content-Length: 6\r\n\r\n"EVIL"'
    big = b'"' + b"g" * 100_000 + b'"'
    answers = {
        "/small": OK + b'Content-Length: 6\r\n\r\n"good"' + evil,
        "/big": OK + b"Content-Length: %d\r\n\r\n" % len(big) + big + evil,
        "/victim": OK + b'Content-Length: 8\r\n\r\n"victim"',
    }
    with answering(answers, certificate.server_context()) as port:
        client = kind.client(f"https://127.0.0.1:{port}", tls=TLS(ca=ca_pem))
        for path in ("/small", "/big", "/small"):
            try:
                await client.get(path)
            except ProtocolError:
                assert kind.is_async, "aiohttp refuses the answer itself"
            assert await client.get("/victim") == "victim"


async def test_a_body_of_tiny_chunks_is_bounded_in_memory(kind: Kind) -> None:
    """Two bytes a chunk cost two bytes each, not an object each."""
    answers = {"/": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\nab\r\n" * 400_000}
    with answering(answers) as port:
        client = kind.client(f"http://127.0.0.1:{port}", max_response_size=600_000)
        tracemalloc.start()
        try:
            with pytest.raises(ResponseTooLarge):
                await client.get("/", response_format=bytes)
            assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
        finally:
            tracemalloc.stop()


def test_a_chunk_larger_than_any_memory_is_refused() -> None:
    """A size that no length can hold is an error of ours."""
    answers = {"/": OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n1\r\n0\r\n\r\n"}
    with answering(answers) as port, SyncClient(f"http://127.0.0.1:{port}") as client:
        for raw in (False, True):
            with pytest.raises(ProtocolError):
                client.get("/", raw=raw)


@pytest.mark.parametrize("base", [SyncClient, AsyncClient])
@pytest.mark.parametrize("option", ["parameters", "data"])
def test_a_value_that_holds_itself_is_refused(base: Any, option: str) -> None:
    """There is no end to what would have to be sent."""
    endless: dict[str, Any] = {}
    endless["x"] = endless
    with pytest.raises(ConfigurationError):
        base("https://api.test").build("POST", "/", **{option: endless})


# What libraries put into the texts of their errors

SECRETS: dict[str, Any] = {
    "bearer_token": "token-of-mine",
    "headers": {"X-Api-Key": "key-of-mine"},
    "cookies": {"session": "cookie-of-mine"},
    "parameters": {"signature": "parameter-of-mine"},
}


def shown(error: BaseException) -> str:
    """Return all that a traceback, or a log of it, shows of an error and its causes."""
    error.__traceback__ = None
    text = "".join(traceback.format_exception(error))
    return text + "".join(repr(one) + repr(one.args) for one in chain_of(error))


async def shown_by(call: Awaitable[object]) -> str:
    """Return all that the error of a call shows, nothing where what the server does is no fault."""
    try:
        await call
    except FrameworkException as error:
        return shown(error)
    return ""


def chain_of(error: BaseException) -> list[BaseException]:
    """Return an error and what led to it, which must come to an end."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None:
        assert all(current is not one for one in found), f"a chain in a circle: {found!r}"
        found.append(current)
        current = current.__cause__ or current.__context__
    return found


@pytest.mark.parametrize("path", ["/drip-body", "/body-endless", "/hang-in-chunk", "/drip-head"])
async def test_no_chain_of_errors_runs_in_a_circle(lane: Lane, faults: Faults, path: str) -> None:
    """Wherever in a library its time is over, an error leads to its causes and not back."""
    for step in range(20):
        client = lane.client(faults.url, timeout=0.01 + step / 400)
        with pytest.raises(FrameworkException) as caught:
            await client.get(path)
        assert chain_of(caught.value)


@pytest.mark.parametrize("path", PATHS)
async def test_no_traceback_shows_a_secret(lane: Lane, faults: Faults, path: str) -> None:
    """Whatever a server does wrong, the errors of the libraries behind ours tell no secret."""
    client = lane.client(faults.url, timeout=0.15, max_redirects=2, **SECRETS)
    assert "of-mine" not in await shown_by(client.get(path))


async def test_no_traceback_shows_what_came(lane: Lane) -> None:
    """The bytes of a broken response head are not shown: one could be a cookie."""
    broken = b"Set-Cookie: session=of-mine\x00\r\nX-A : of-mine\r\n"
    answers = {
        "/whole": OK + broken + b"Content-Length: 2\r\n\r\n{}",
        "/cut": OK + b"Set-Cookie: session=of-mine\r\n",
    }
    with answering(answers) as port:
        for path in answers:
            client = lane.client(f"http://127.0.0.1:{port}", timeout=0.2)
            with pytest.raises(FrameworkException) as caught:
                await client.get(path)
            assert "of-mine" not in shown(caught.value)


async def test_no_traceback_shows_the_query_of_a_call_that_was_refused(lane: Lane) -> None:
    """Where nobody listens, the text of no error in the chain holds a value of the query."""
    with listener(backlog=None) as url:
        client = lane.client(url, **SECRETS)
        with pytest.raises(ConnectError) as caught:
            await client.get("/")
    assert "of-mine" not in shown(caught.value)
    assert caught.value.__cause__ is not None
