"""The faults that need more than a path of the fault server."""

import contextlib
import datetime
import logging
import os
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import Awaitable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import BaseModel

from arya_api_framework import TLS, Timeout
from arya_api_framework.errors import FrameworkException, ResponseTooLarge
from tests.client.conftest import Lane
from tests.fault_table import (
    SECRETS,
    check_logs,
    check_travels,
    check_words,
    record,
    shown,
)
from tests.faults import Faults, all_read, full_listener
from tests.patience import LATE, until
from tests.servers import Certificate

HOLD = 0.3
"""Seconds after which a call that would never end is over."""
ENOUGH = 60.0
"""Seconds for a call that must end by itself, long before."""
ALERT = b"\x15\x03\x03\x00\x02\x02\x46"  # Fatal, protocol_version (RFC 8446 6).


class User(BaseModel):
    """What no answer here is."""

    id: int


async def failure(call: Awaitable[object]) -> FrameworkException:
    """Return the error of a call, checked in all that errors of calls have in common."""
    start = time.monotonic()
    with pytest.raises(FrameworkException) as caught:
        await call
    took = time.monotonic() - start
    error = caught.value
    assert took < HOLD + LATE
    assert took - LATE < error.elapsed <= took
    assert (error.attempts, error.method in ("GET", "POST")) == (1, True)
    assert error.url is not None
    assert "signature=***" in error.url or error.sent == "yes"
    assert "of-mine" not in shown(error)
    check_words(error)
    check_travels(error)
    return error


# TLS


@contextlib.contextmanager
def answering_hello(answer: bytes, *, reset: bool = False) -> Iterator[str]:
    """Give an https origin that reads the first words of a handshake, answers and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    end, _ = listening.accept()
                    with end:
                        end.recv(65536)
                        end.sendall(answer)
                        if reset:
                            option = struct.pack("ii", 1, 0)
                            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@contextlib.contextmanager
def half_a_body(certificate: Certificate, *, rest: bytes) -> Iterator[str]:
    """Give an https origin that sends half a body through TLS and then bytes past it."""
    context = certificate.server_context()
    head = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ok"'
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listening.accept()
                    with context.wrap_socket(sock, server_side=True) as end:
                        end.recv(65536)
                        end.sendall(head)
                        # What comes with the head may be lost with the rest.
                        until(partial(all_read, end.getsockname(), end.getpeername()))
                        os.write(end.fileno(), rest)
                        if rest:
                            end.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.parametrize(
    ("name", "answer", "reset"),
    [
        ("tls-none", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", False),
        ("tls-garbage", bytes(range(255, 0, -1)), False),
        ("tls-alert", ALERT, False),
        ("tls-closed", b"", False),
        ("tls-reset", b"", True),
    ],
)
async def test_a_handshake_that_fails(
    lane: Lane, certificate: Certificate, name: str, answer: bytes, reset: bool
) -> None:
    """Whatever ends a handshake, nothing was sent."""
    with answering_hello(answer, reset=reset) as url:
        client = lane.client(url, timeout=ENOUGH, tls=TLS(ca=certificate.authority), **SECRETS)
        error = await failure(client.post("/", body={}))
    assert error.sent == "no"
    record(name, lane.lane, error)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """For each way to be no good: the certificate and key of a server, and whom to trust."""
    folder = tmp_path_factory.mktemp("certificates")
    authority, stranger = trustme.CA(), trustme.CA()
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    issued = {
        "tls-unknown-authority": stranger.issue_cert("127.0.0.1"),
        "tls-other-name": authority.issue_cert("other.test"),
        "tls-expired": authority.issue_cert(
            "127.0.0.1", not_before=yesterday - datetime.timedelta(days=1), not_after=yesterday
        ),
    }
    pems = {name: one.private_key_and_cert_chain_pem.bytes() for name, one in issued.items()}
    itself = trustme.CA()
    pems["tls-self-signed"] = itself.private_key_pem.bytes() + itself.cert_pem.bytes()
    trusted = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    files = {}
    for name, pem in pems.items():
        files[name] = (folder / f"{name}.pem", trusted)
        files[name][0].write_bytes(pem)
    return files


@pytest.mark.parametrize(
    "name", ["tls-unknown-authority", "tls-other-name", "tls-expired", "tls-self-signed"]
)
async def test_a_certificate_that_is_no_good(
    lane: Lane, certificates: dict[str, tuple[Path, Path]], name: str
) -> None:
    """Who cannot prove to be the host is told nothing."""
    served, trusted = certificates[name]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served)
    with Faults(tls=context) as server:
        client = lane.client(server.url, timeout=ENOUGH, tls=TLS(ca=trusted), **SECRETS)
        error = await failure(client.get("/ok"))
        assert server.log == []
    assert error.sent == "no"
    assert not error.retryable
    record(name, lane.lane, error)


@pytest.mark.parametrize(
    ("name", "rest"), [("tls-broken-record", b"\x17\x03\x03\x00\x20" + bytes(32)), ("tls-cut", b"")]
)
async def test_tls_that_breaks_in_a_body(
    lane: Lane, certificate: Certificate, name: str, rest: bytes
) -> None:
    """What breaks after a head leaves an incomplete response."""
    with half_a_body(certificate, rest=rest) as url:
        client = lane.client(url, timeout=ENOUGH, tls=TLS(ca=certificate.authority), **SECRETS)
        error = await failure(client.get("/"))
    record(name, lane.lane, error)


async def test_a_port_that_says_nothing(lane: Lane) -> None:
    """Where a connection is neither taken nor refused, the time for connecting ends the call."""
    with full_listener() as url:
        client = lane.client(url, timeout=Timeout(total=ENOUGH, connect=0.2), **SECRETS)
        error = await failure(client.post("/", body={}))
    record("silent-port", lane.lane, error)


# Content


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("html", b"<html>of-mine</html>", {}),
        ("deep", b"[" * 100_000 + b"]" * 100_000, {}),
        ("surrogate", b'"\\ud800"', {}),
        ("another-model", b'{"id": "one of-mine"}', {"response_format": User}),
    ],
)
async def test_content_that_is_not_what_was_expected(
    lane: Lane, faults: Faults, name: str, content: bytes, options: Any
) -> None:
    """Whatever is wrong with it, it is an error of ours, which does not quote it."""
    client = lane.client(faults.url, timeout=ENOUGH)
    # What the server said is no secret that was sent; here it must not be shown either way.
    with pytest.raises(FrameworkException) as caught:
        await client.post("/mirror", data=content, **options)
    assert "of-mine" not in shown(caught.value)
    assert caught.value.sent == "yes"
    record(name, lane.lane, caught.value)


async def test_a_gigabyte_in_a_megabyte(lane: Lane, faults: Faults) -> None:
    """It ends within a second, with the limit and little more in memory."""
    client = lane.client(faults.url, timeout=ENOUGH)
    await client.get("/ok")
    tracemalloc.start()
    try:
        start = time.process_time()
        with pytest.raises(ResponseTooLarge) as caught:
            await client.get("/gzip-bomb-gigabyte", response_format=bytes)
        assert time.process_time() - start < 1
        assert tracemalloc.get_traced_memory()[1] < 100 * 1024 * 1024
    finally:
        tracemalloc.stop()
    record("/gzip-bomb-gigabyte", lane.lane, caught.value)
    assert await client.get("/ok") == {"ok": True}


# Redirects

LEADS = "loop ring nowhere twice file broken port controls".split()


@pytest.mark.parametrize("path", [f"/redirect-{name}" for name in LEADS])
async def test_a_redirect_that_cannot_be_followed(
    lane: Lane, faults: Faults, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """It ends, after as many requests as it may take, and nothing else is asked."""
    caplog.set_level(logging.DEBUG)
    client = lane.client(faults.url, timeout=ENOUGH, max_redirects=3, **SECRETS)
    error = await failure(client.get(path))
    assert error.sent == "yes"
    assert len(faults.log) == (4 if path in ("/redirect-loop", "/redirect-ring") else 1)
    record(path, lane.lane, error)
    assert await client.get("/ok") == {"ok": True}
    check_logs(caplog)


async def test_a_redirect_from_https_to_http(
    lane: Lane, tls_faults: Faults, certificate: Certificate
) -> None:
    """It is not followed, whoever answers there."""
    client = lane.client(
        tls_faults.url, timeout=ENOUGH, tls=TLS(ca=certificate.authority), **SECRETS
    )
    error = await failure(client.get("/redirect-down"))
    record("redirect-downgrade", lane.lane, error)
    assert await client.get("/ok") == {"ok": True}


async def test_a_redirect_of_an_upload_to_another_origin(lane: Lane, faults: Faults) -> None:
    """It is not followed."""
    client = lane.client(faults.url, timeout=ENOUGH, **SECRETS)
    error = await failure(client.post("/redirect-abroad", body={"card": "of-mine"}))
    record("redirect-abroad", lane.lane, error)
    assert await client.get("/ok") == {"ok": True}


async def test_a_redirect_of_an_iterator(lane: Lane, faults: Faults) -> None:
    """What can be read once is not sent twice, nor an empty body in its place."""
    client = lane.client(faults.url, timeout=ENOUGH, **SECRETS)
    error = await failure(client.post("/redirect-same", data=iter([b"of-mine"])))
    assert [bytes(read.body) for read in faults.log] == [b"of-mine"]
    record("redirect-iterator", lane.lane, error)
    assert await client.get("/ok") == {"ok": True}


# Uploads and kept connections


async def test_an_upload_that_nobody_reads(lane: Lane, faults: Faults) -> None:
    """The time of the call ends it."""
    client = lane.client(faults.url, timeout=HOLD, **SECRETS)
    error = await failure(client.post("/upload-stall", data=bytes(20 * 1024 * 1024)))
    record("/upload-stall", lane.lane, error)
    assert await client.get("/ok") == {"ok": True}


async def test_a_kept_connection_that_is_dropped(lane: Lane, faults: Faults) -> None:
    """A request that was read and not answered is not sent again."""
    client = lane.client(faults.url, timeout=ENOUGH, **SECRETS)
    await client.post("/drops-the-second", body={})
    error = await failure(client.post("/drops-the-second", body={}))
    assert (error.sent, len(faults.log)) == ("maybe", 2)
    record("/drops-the-second", lane.lane, error)
    assert await client.get("/ok") == {"ok": True}
