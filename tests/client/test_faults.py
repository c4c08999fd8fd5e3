"""What a server does wrong, and what each client makes of it: the same, in time, and once."""

import logging
import pickle
import socket
import time
import tracemalloc
from typing import Any

import pytest

from arya_api_framework import TLS, Timeout
from arya_api_framework.errors import (
    CertificateError,
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    ContentEncodingError,
    DNSError,
    FrameworkException,
    HTTPError,
    HTTPInternalServerError,
    HTTPNotFound,
    HTTPRequestEntityTooLarge,
    HTTPServiceUnavailable,
    HTTPTooManyRequests,
    IncompleteResponse,
    ProtocolError,
    RequestTimeout,
    ResponseParseError,
    ResponseTooLarge,
    TLSError,
    UploadIncomplete,
)
from tests.app import Server
from tests.client.conftest import Lane, hooked_session
from tests.conftest import Kind
from tests.fault_table import SECRETS, check_logs, check_travels, check_words, record, shown
from tests.faults import Faults, listener
from tests.patience import LATE
from tests.servers import Certificate

TOTAL = 0.5
"""Seconds after which a call to a server that goes silent is over."""
ENOUGH = 60.0
"""Seconds for a call that must end by itself, long before; for how exactly see test_timeouts.py."""

Raised = type[FrameworkException]


def table(error: Raised, sent: str, paths: str) -> list[Any]:
    """Return a case for each path."""
    return [pytest.param(path, error, sent, id=path) for path in paths.split()]


FAULTS = [
    *table(ConnectionLost, "maybe", """
        /close-before-head /close-in-head /close-in-status-line /close-after-interim
        /reset-before-head /reset-in-head /reset-in-status-line /reset-after-interim
    """),
    *table(IncompleteResponse, "yes", """
        /close-in-body /close-in-chunk /close-between-chunks /close-before-trailers
        /reset-in-body /reset-in-chunk /close-in-chunk-size /close-in-trailers
        /reset-before-body /reset-between-chunks /reset-before-trailers
    """),
    *table(RequestTimeout, "maybe", """
        /hang-before-head /hang-in-head /hang-in-status-line /hang-after-interim
        /drip-head /drip-interim
    """),
    *table(RequestTimeout, "yes", """
        /hang-in-body /hang-in-chunk /hang-before-body /hang-before-chunks /hang-in-chunk-size
        /hang-between-chunks /hang-before-trailers /hang-to-close
        /drip-body /drip-chunks /drip-to-close /drip-chunk-line /drip-trailers
    """),
    *table(ProtocolError, "maybe", """
        /garbage /other-protocol /http2 /no-status /status-99 /status-600 /status-1000
        /status-000 /status-099 /status-unspaced /status-negative /status-arabic
        /binary /body-alone /version-lower-case /version-unknown /interim-endless
        /name-empty /name-no-token /return-in-field
        /no-colon /blank-before-colon /nul-in-field /switching /interim-flood
        /length-word /length-negative /length-signed /length-hexadecimal /length-empty
        /length-endless /lengths-differ /lengths-listed /lengths-equal /length-and-chunked
        /coding-unknown /coding-twice /coding-not-last /coding-listed /http10-chunked
        /folded-field /bare-line-feeds
    """),
    *table(ProtocolError, "yes", """
        /chunk-size-word /chunk-size-signed /chunk-size-negative /chunk-size-prefixed
        /chunk-size-empty /chunk-size-huge /chunk-without-end /chunk-bare-line-feeds
        /chunk-trailer-broken /chunk-line-endless /chunk-trailer-long
        /chunk-size-underscore /chunk-size-decimal-point
    """),
    *table(ResponseTooLarge, "yes", """
        /fields-many /field-long /head-long /length-too-large /body-large /body-large-chunked
        /body-large-to-close /body-endless /gzip-bomb /br-bomb /zstd-bomb
        /gzip-bomb-twice /gzip-padding /head-endless /status-line-endless
    """),
    *table(ContentEncodingError, "yes", """
        /gzip-broken /gzip-cut /gzip-checksum /gzip-excess /gzip-plain /deflate-cut
        /coding-compress /gzip-cut-in-fields /coding-thrice /coding-three
        /br-cut /br-excess /br-plain
        /zstd-cut /zstd-checksum /zstd-excess /zstd-plain /zstd-window
    """),
]  # fmt: skip

MEMORY = 16 * 1024 * 1024
"""The most bytes that a fault may cost, those of the server in this process included."""


@pytest.mark.parametrize(("path", "error", "sent"), FAULTS)
async def test_fault(
    lane: Lane,
    faults: Faults,
    caplog: pytest.LogCaptureFixture,
    path: str,
    error: Raised,
    sent: str,
) -> None:
    """A fault is the same error everywhere, in time, and the next call is right."""
    caplog.set_level(logging.DEBUG)
    total = TOTAL if error is RequestTimeout else ENOUGH
    client = lane.client(faults.url, timeout=total, max_response_size=4096, **SECRETS)
    tracemalloc.start()
    start = time.monotonic()
    try:
        with pytest.raises(FrameworkException) as caught:
            await client.get(path)
        took = time.monotonic() - start
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()

    assert type(caught.value) is error
    assert caught.value.sent == sent
    record(path, lane.lane, caught.value)
    assert took < TOTAL + LATE
    url = f"{faults.url}{path}?signature=***"
    assert (caught.value.method, caught.value.url) == ("GET", url)
    assert caught.value.attempts == 1
    assert 0 < caught.value.elapsed < took
    assert [read.target for read in faults.log] == [f"{path}?signature=parameter-of-mine"]
    assert await client.get("/ok") == {"ok": True}
    assert "of-mine" not in shown(caught.value)
    check_words(caught.value)
    check_travels(caught.value)
    check_logs(caplog)


@pytest.mark.parametrize("path", """
    /ok /hints /interim-ten /continue /to-close /http10 /http10-to-close /no-reason
    /connection-close /chunk-extension /chunk-trailer /chunk-upper-case /chunk-leading-zeros
    /in-pieces /gzip /gzip-members /gzip-twice /gzip-chunked /gzip-in-fields /deflate
    /coding-identity /br /br-in-gzip /zstd /zstd-frames
""".split())  # fmt: skip
async def test_odd_but_right(lane: Lane, faults: Faults, path: str) -> None:
    """What HTTP allows is read, and so is what comes after it."""
    client = lane.client(faults.url, timeout=ENOUGH)
    for _ in range(2):
        assert await client.get(path) == {"ok": True}
        assert await client.get("/ok") == {"ok": True}


@pytest.mark.parametrize("path", """
    /excess /excess-after-chunks /excess-after-empty /excess-line /excess-garbage-later
    /excess-later /closes-when-idle /reset-when-idle
""".split())  # fmt: skip
async def test_unasked_bytes(lane: Lane, faults: Faults, path: str) -> None:
    """Bytes that nobody asked for are never taken for the next answer."""
    client = lane.client(faults.url, timeout=ENOUGH)
    assert await client.get(path) in ({"ok": True}, None)
    await faults.settle()
    assert await client.get("/ok") == {"ok": True}
    first, second = faults.log
    assert first.connection != second.connection
    record(path, lane.lane, None)


@pytest.mark.parametrize(
    "path", ["/excess-garbage", "/excess-at-once", "/excess-chunk", "/lying-no-content"]
)
async def test_garbage_behind_an_answer(lane: Lane, faults: Faults, path: str) -> None:
    """Garbage in one packet with an answer spoils neither it nor any other."""
    client = lane.client(faults.url, timeout=ENOUGH)
    assert await client.get(path) in ({"ok": True}, None)
    assert await client.get("/ok") == {"ok": True}
    assert faults.log[0].connection != faults.log[1].connection
    record(path, lane.lane, None)


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("/error-cut", HTTPInternalServerError, "cut after 10 bytes"),
        ("/error-gzip-broken", HTTPTooManyRequests, "gzip"),
        ("/error-body-large", HTTPInternalServerError, "max_response_size"),
        ("/error-gzip-bomb", HTTPInternalServerError, "4096 bytes"),
        ("/error-chunks-broken-later", HTTPNotFound, "chunk"),
        ("/error-chunks-broken-at-once", HTTPNotFound, "chunk"),
        ("/error-trailers-broken-at-once", HTTPNotFound, "trailer"),
        ("/hang-in-error-body", HTTPServiceUnavailable, "took over"),
    ],
)
async def test_broken_body_of_an_error(
    lane: Lane, faults: Faults, path: str, error: type[HTTPError], said: str
) -> None:
    """The status of an error counts, even if its body cannot be read; `body_error` says why."""
    total = TOTAL if said == "took over" else ENOUGH
    client = lane.client(faults.url, timeout=total, max_response_size=4096)
    with pytest.raises(HTTPError) as caught:
        await client.get(path)
    assert type(caught.value) is error
    assert caught.value.body_error is not None
    assert said in caught.value.body_error
    record(path, lane.lane, caught.value)
    check_travels(caught.value)
    assert await client.get("/ok") == {"ok": True}


async def test_broken_body_of_a_redirect(lane: Lane, faults: Faults) -> None:
    """A redirect whose body is cut is followed all the same."""
    client = lane.client(faults.url, timeout=ENOUGH)
    assert await client.get("/redirect-cut") == {"ok": True}
    assert [read.target for read in faults.log] == ["/redirect-cut", "/ok"]
    record("/redirect-cut", lane.lane, None)


async def test_bomb_in_a_redirect(lane: Lane, faults: Faults) -> None:
    """A redirect whose body inflates beyond the limit is followed all the same."""
    client = lane.client(faults.url, timeout=ENOUGH, max_response_size=4096)
    assert await client.get("/redirect-gzip-bomb") == {"ok": True}
    assert [read.target for read in faults.log] == ["/redirect-gzip-bomb", "/ok"]


async def test_large_body_of_a_redirect(lane: Lane, faults: Faults) -> None:
    """The body of a redirect is held to the limit, and not read beyond it."""
    client = lane.client(faults.url, timeout=ENOUGH, max_response_size=4096)
    assert await client.get("/redirect-endless") == {"ok": True}
    record("/redirect-endless", lane.lane, None)


# What is whole, but not what was expected


@pytest.mark.parametrize("target", [Any, dict[str, Any]])
@pytest.mark.parametrize("path", """
    /json-deep /json-deep-objects /json-surrogate /json-not-utf-8 /json-cut /json-long-number
    /json-twice
""".split())  # fmt: skip
async def test_content_that_is_no_json(lane: Lane, faults: Faults, path: str, target: Any) -> None:
    """Content that cannot be parsed is one kind of error, which keeps 64 KiB of it."""
    client = lane.client(faults.url, timeout=ENOUGH)
    with pytest.raises(ResponseParseError) as caught:
        await client.get(path, response_format=target)
    assert (caught.value.status, caught.value.sent) == (200, "yes")
    assert 0 < len(caught.value.body) <= 64 * 1024
    assert pickle.loads(pickle.dumps(caught.value)).status == 200
    assert await client.get("/ok") == {"ok": True}


@pytest.mark.parametrize("path", ["/error-json-deep", "/error-long"])
async def test_large_body_of_an_error_is_cut(lane: Lane, faults: Faults, path: str) -> None:
    """An error keeps 64 KiB of its body, whatever is in it."""
    client = lane.client(faults.url, timeout=ENOUGH)
    with pytest.raises(HTTPInternalServerError) as caught:
        await client.get(path)
    assert caught.value.raw is not None
    assert len(caught.value.raw.content) == 64 * 1024
    assert len(caught.value.response) == 64 * 1024
    assert len(str(caught.value)) < 1000
    assert await client.get("/ok") == {"ok": True}


async def test_charset_of_text(lane: Lane, faults: Faults) -> None:
    """Text is UTF-8 unless another charset is declared that there is; nothing is guessed."""
    client = lane.client(faults.url, timeout=ENOUGH)
    assert await client.get("/text-undeclared", response_format=str) == "Gr\ufffd\ufffde"
    assert await client.get("/text-unknown", response_format=str) == "Gr\ufffd\ufffde"
    assert await client.get("/text-latin-1", response_format=str) == "Grüße"
    response = await client.get("/text-undeclared", raw=True)
    response.encoding = "latin-1"
    assert response.text == "Grüße"


# Uploads


def body(pieces: int = 400) -> Any:
    """Return an iterator of more bytes than any socket buffer takes."""
    return iter([bytes(64 * 1024)] * pieces)


@pytest.mark.parametrize("path", ["/early-error-close", "/early-error-stall"])
@pytest.mark.parametrize("whole", [True, False])
async def test_early_error(lane: Lane, faults: Faults, path: str, whole: bool) -> None:
    """An error that comes before the upload is through ends it, and is what is raised."""
    client = lane.client(faults.url, timeout=ENOUGH)
    data = bytes(20 * 1024 * 1024) if whole else body()
    start = time.monotonic()
    with pytest.raises(HTTPRequestEntityTooLarge) as caught:
        await client.post(path, data=data)
    assert time.monotonic() - start < LATE
    record(path, lane.lane, caught.value)
    assert caught.value.response == {"message": "too big"}
    assert await client.get("/ok") == {"ok": True}
    assert faults.log[-1].connection != faults.log[0].connection


@pytest.mark.parametrize("path", ["/early-success", "/early-success-close"])
@pytest.mark.parametrize("whole", [True, False])
async def test_early_success(lane: Lane, faults: Faults, path: str, whole: bool) -> None:
    """A success that comes before the upload is through is none."""
    client = lane.client(faults.url, timeout=ENOUGH)
    data = bytes(20 * 1024 * 1024) if whole else body()
    start = time.monotonic()
    with pytest.raises(UploadIncomplete) as caught:
        await client.post(path, data=data)
    assert time.monotonic() - start < LATE
    record(path, lane.lane, caught.value)
    assert (caught.value.status, caught.value.sent) == (200, "yes")
    assert await client.get("/ok") == {"ok": True}
    assert faults.log[-1].connection != faults.log[0].connection


async def test_interim_responses_during_an_upload(lane: Lane, faults: Faults) -> None:
    """Interim responses do not end an upload."""
    client = lane.client(faults.url, timeout=ENOUGH)
    assert await client.post("/early-hints-upload", data=body()) == {"ok": True}
    assert len(faults.log[0].body) == 400 * 64 * 1024


@pytest.mark.parametrize("whole", [True, False])
async def test_reset_during_an_upload(lane: Lane, faults: Faults, whole: bool) -> None:
    """A reset in the middle of an upload is a lost connection, with the reason kept."""
    client = lane.client(faults.url, timeout=ENOUGH)
    with pytest.raises(ConnectionLost) as caught:
        await client.post("/upload-reset", data=bytes(20 * 1024 * 1024) if whole else body())
    assert caught.value.sent == "maybe"
    record("/upload-reset", lane.lane, caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert [read.target for read in faults.log] == ["/upload-reset"]
    assert await client.get("/ok") == {"ok": True}


async def test_garbage_during_an_upload(lane: Lane, faults: Faults) -> None:
    """Garbage that comes while a body is sent is garbage at once, not when the body is through."""
    client = lane.client(faults.url, timeout=ENOUGH)
    start = time.monotonic()
    with pytest.raises(ProtocolError) as caught:
        await client.post("/early-garbage", data=body())
    assert time.monotonic() - start < LATE
    record("/early-garbage", lane.lane, caught.value)


# Connections that never are


async def test_refused(lane: Lane) -> None:
    """A refused connection: nothing was sent."""
    with listener(backlog=None) as url:
        with pytest.raises(ConnectError) as caught:
            await lane.client(url).get("/")
        assert type(caught.value) is ConnectError
        assert caught.value.sent == "no"
        record("refused", lane.lane, caught.value)
        assert caught.value.__cause__ is not None
        assert str(caught.value.__cause__) not in str(caught.value)


async def test_unknown_host(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host name that cannot be resolved: nothing was sent."""

    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(DNSError) as caught:
        await lane.client("http://nowhere.test").get("/")
    assert caught.value.sent == "no"
    record("unknown-host", lane.lane, caught.value)
    assert caught.value.__cause__ is not None


async def test_host_without_an_address(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that gives no address at all is no crash."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(ConnectError) as caught:
        await lane.client("http://nowhere.test").get("/")
    assert caught.value.sent == "no"
    record("host-without-address", lane.lane, caught.value)


async def test_second_address(lane: Lane, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first address of a host refuses, the next one is taken."""
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, faults.port))
        for host in ("127.0.0.2", "127.0.0.1")
    ]
    real = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        return found if host == "two.test" else real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    client = lane.client(f"http://two.test:{faults.port}", timeout=ENOUGH)
    assert await client.get("/ok") == {"ok": True}
    assert faults.log[0].fields["host"] == f"two.test:{faults.port}"


async def test_no_tls(kind: Kind, server: Server) -> None:
    """A server that speaks no TLS: nothing was sent."""
    client = kind.client(f"https://127.0.0.1:{server.port}", timeout=ENOUGH)
    with pytest.raises(TLSError) as caught:
        await client.get("/ok")
    assert type(caught.value) is TLSError
    assert caught.value.sent == "no"


async def test_unknown_authority(kind: Kind, tls_faults: Faults) -> None:
    """A certificate nobody vouches for: nothing was sent."""
    with pytest.raises(CertificateError) as caught:
        await kind.client(tls_faults.url, timeout=ENOUGH).get("/ok")
    assert caught.value.sent == "no"
    assert tls_faults.log == []


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/close-before-head", ConnectionLost),
        ("/reset-in-body", IncompleteResponse),
        ("/close-in-chunk", IncompleteResponse),
        ("/hang-in-body", RequestTimeout),
        ("/drip-head", RequestTimeout),
        ("/chunk-size-word", ProtocolError),
    ],
)
async def test_fault_over_tls(
    lane: Lane, tls_faults: Faults, certificate: Certificate, path: str, error: Raised
) -> None:
    """Faults over TLS are the same."""
    total = TOTAL if error is RequestTimeout else ENOUGH
    client = tls_client(lane, tls_faults, certificate, timeout=Timeout(total=total))
    start = time.monotonic()
    with pytest.raises(FrameworkException) as caught:
        await client.get(path)
    assert type(caught.value) is error
    assert time.monotonic() - start < TOTAL + LATE
    assert await client.get("/ok") == {"ok": True}


@pytest.mark.parametrize("path", ["/early-error-stall", "/early-error-close"])
async def test_early_error_over_tls(
    lane: Lane, tls_faults: Faults, certificate: Certificate, path: str
) -> None:
    """An early answer is seen through TLS, whose records hold more than the body."""
    client = tls_client(lane, tls_faults, certificate, timeout=ENOUGH)
    with pytest.raises(HTTPRequestEntityTooLarge):
        await client.post(path, data=body())
    assert await client.get("/ok") == {"ok": True}


async def test_upload_over_tls(lane: Lane, tls_faults: Faults, certificate: Certificate) -> None:
    """A long upload comes whole through TLS."""
    client = tls_client(lane, tls_faults, certificate, timeout=ENOUGH)
    content = bytes(range(256)) * 4096 * 4
    assert await client.post("/early-hints-upload", data=content) == {"ok": True}
    assert tls_faults.log[0].body == content


def tls_client(lane: Lane, server: Faults, certificate: Certificate, **options: Any) -> Any:
    """Return a client that trusts the server; a session of one's own needs its own trust."""
    if lane.lane != "compatible":
        return lane.client(server.url, tls=TLS(ca=certificate.authority), **options)

    def make(**_: Any) -> Any:
        session = hooked_session()
        session.verify = str(certificate.authority)
        return session

    return lane.client(server.url, session_factory=make, **options)


async def test_chunks_of_a_redirect_that_are_broken(lane: Lane, faults: Faults) -> None:
    """A redirect is followed whatever its body is: nobody asked for that."""
    client = lane.client(faults.url, timeout=ENOUGH)
    assert await client.get("/redirect-chunks-broken-at-once") == {"ok": True}
    assert faults.log[0].connection != faults.log[1].connection
    record("/redirect-chunks-broken-at-once", lane.lane, None)


async def test_body_for_a_head(lane: Lane, faults: Faults) -> None:
    """What a server sends behind the answer to a HEAD is no part of it, nor of the next answer."""
    client = lane.client(faults.url, timeout=ENOUGH)
    for _ in range(3):
        head = await client.head("/body-for-head")
        assert (head.status, head.content) == (200, b"")
        assert await client.get("/ok") == {"ok": True}


@pytest.mark.parametrize("data", [bytes(8 * 1024 * 1024), "iterator"])
async def test_refused_upload(lane: Lane, faults: Faults, data: Any) -> None:
    """What a server said before it reset the connection is read, not lost with the upload."""
    for _ in range(5):
        client = lane.client(faults.url, timeout=ENOUGH)
        sent = iter([bytes(65536)] * 128) if data == "iterator" else data
        with pytest.raises(HTTPError) as caught:
            await client.post("/no-reading", data=sent)
        assert caught.value.status_code == 413
    record("/no-reading", lane.lane, caught.value)


async def test_silence_in_the_handshake_is_connecting(lane: Lane, certificate: Certificate) -> None:
    """A server that says nothing to a TLS handshake has read no request."""
    with listener(backlog=5) as url:
        client = lane.client(
            url.replace("http:", "https:"),
            timeout=Timeout(total=5, connect=0.2),
            tls=TLS(ca=certificate.authority),
        )
        with pytest.raises(ConnectTimeout) as caught:
            await client.post("/", body={})
    assert caught.value.sent == "no"
    record("tls-silent", lane.lane, caught.value)
    assert caught.value.retryable
