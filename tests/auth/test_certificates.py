"""Certificates given to `authenticate`, over real TLS."""

import asyncio
import gc
import ssl
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from arya_api_framework import TLS, Hook, Request, SyncClient
from arya_api_framework.auth import MutualTLSScheme
from arya_api_framework.errors import CertificateError, ConfigurationError, ConnectError
from arya_api_framework.tls import InsecureTLSWarning
from tests.client.conftest import Lane, hooked_session
from tests.client.test_connections_tls import NAME, WRONG, authority, ca, identity, serving
from tests.conftest import Kind
from tests.faults import WELL, Faults, Peer, handles
from tests.patience import until_async
from tests.servers import Certificate

__all__ = ["authority", "ca", "identity"]

MOST = 8

SCHEMES: dict[str, Any] = {"security_schemes": {"tls": MutualTLSScheme()}, "security": [{"tls"}]}


class Ends:
    """Which connections clients have closed, by the `X-Number` of their request."""

    seen: list[str]
    more = threading.Condition()
    go = threading.Event()

    @classmethod
    def wait(cls, count: int) -> None:
        """Wait until so many are closed."""
        with cls.more:
            assert cls.more.wait_for(lambda: len(cls.seen) >= count, 10), cls.seen


@handles("/answered-when-told")
async def answered(peer: Peer) -> None:
    """Wait to be told to go on, then do as below."""
    assert await asyncio.to_thread(Ends.go.wait, 10)
    await noted(peer)


@handles("/noted-at-its-end")
async def noted(peer: Peer) -> None:
    """Answer, and note that the client closes the connection."""
    await peer.send(WELL)
    try:
        assert await peer.reader.read(1) == b""
    finally:
        with Ends.more:
            Ends.seen.append(peer.request.fields["x-number"])
            Ends.more.notify_all()
        peer.close()


@pytest.fixture(autouse=True)
def _nothing_ended() -> None:
    gc.collect()
    Ends.seen = []
    Ends.go.clear()


@pytest.fixture
def copies(tmp_path: Path, certificate: Certificate) -> list[TLS]:
    """One certificate more than are kept, each in files of its own."""
    made: list[TLS] = []
    for number in range(MOST + 1):
        cert, key = tmp_path / f"{number}.pem", tmp_path / f"{number}.key"
        cert.write_bytes(certificate.chain.read_bytes())
        key.write_bytes(certificate.key.read_bytes())
        made.append(TLS(cert=cert, key=key))
    return made


@pytest.fixture
def told() -> Iterator[list[warnings.WarningMessage]]:
    """All that is warned of."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield found


def holding(ca: Path, identity: Path) -> ssl.SSLContext:
    """Return a context that shows a certificate."""
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(identity)
    return context


async def test_what_a_tls_says_goes_before_what_the_client_says(
    lane: Lane, authority: trustme.CA, ca: Path, identity: Path, tmp_path: Path
) -> None:
    """Each of its settings that is not as by default; all others are those of the client."""
    strange = tmp_path / "strange.pem"
    trustme.CA().cert_pem.write_to_path(str(strange))
    with serving(authority, NAME, verify_mode=ssl.CERT_REQUIRED) as strict:
        for own, shown in (
            (TLS(ca=ca, server_name=NAME, pins=[strict.pin]), TLS(cert=identity)),
            (TLS(ca=ca, server_name="other.test"), TLS(cert=identity, server_name=NAME)),
            (TLS(ca=strange, server_name=NAME), TLS(cert=identity, ca=ca)),
            (TLS(ca=ca, server_name=NAME, pins=[WRONG]), TLS(cert=identity, pins=[strict.pin])),
            (TLS(pins=[strict.pin]), TLS(cert=identity, verify=False)),
            (TLS(ca=ca, server_name=NAME), TLS(context=holding(ca, identity))),
            (TLS(server_name="other.test"), TLS(context=holding(ca, identity), server_name=NAME)),
        ):
            client = lane.client(strict.url, tls=own, **SCHEMES)
            client.target.authenticate(tls=shown)
            assert (await client.get("/echo"))["method"] == "GET"


async def test_the_settings_of_the_client_stay(
    lane: Lane, authority: trustme.CA, ca: Path, identity: Path
) -> None:
    """A certificate alone, and one with settings of its own, take nothing away from them."""
    with serving(authority, "127.0.0.1", verify_mode=ssl.CERT_REQUIRED) as strict:
        for own, shown in (
            (TLS(ca=ca, pins=[WRONG]), TLS(cert=identity)),
            (TLS(ca=ca, pins=[WRONG]), TLS(cert=identity, min_version="1.3")),
            (TLS(ca=ca, server_name=NAME), TLS(cert=identity)),
            (TLS(ca=ca), TLS(cert=identity, pins=[WRONG])),
        ):
            client = lane.client(strict.url, tls=own, **SCHEMES)
            client.target.authenticate(tls=shown)
            with pytest.raises(CertificateError):
                await client.get("/echo")
        assert strict.server.log == []


async def test_the_oldest_version_of_a_tls_holds(
    kind: Kind, authority: trustme.CA, ca: Path, identity: Path
) -> None:
    """Though the client would speak an older one."""
    with serving(authority, "127.0.0.1", maximum_version=ssl.TLSVersion.TLSv1_2) as old:
        client = kind.client(old.url, tls=TLS(ca=ca), **SCHEMES)
        client.target.authenticate(tls=TLS(cert=identity, min_version="1.3"))
        with pytest.raises(ConnectError):
            await client.get("/echo")
        client.target.authenticate(tls=TLS(cert=identity))
        await client.get("/echo")


async def test_another_certificate_takes_the_place_of_the_key_too(
    kind: Kind, authority: trustme.CA, ca: Path, identity: Path, tmp_path: Path
) -> None:
    """The key of the client's own would not fit it."""
    issued = authority.issue_cert("own@example.test")
    cert, key = tmp_path / "own.pem", tmp_path / "own.key"
    issued.cert_chain_pems[0].write_to_path(str(cert))
    issued.private_key_pem.write_to_path(str(key))
    with serving(authority, "127.0.0.1", verify_mode=ssl.CERT_REQUIRED) as strict:
        client = kind.client(strict.url, tls=TLS(ca=ca, cert=cert, key=key), **SCHEMES)
        client.target.authenticate(tls=TLS(cert=identity))
        await client.get("/echo")


def test_what_can_show_no_certificate(ca: Path, identity: Path) -> None:
    """It is refused at once, by `authenticate` and by a copy that has the credentials."""
    url, shown = "https://api.test", TLS(cert=identity)
    with (
        SyncClient(url, tls=TLS(context=ssl.create_default_context()), **SCHEMES) as client,
        pytest.raises(ConfigurationError, match="laid over the `context` in the client's `tls`"),
    ):
        client.authenticate(tls=shown)
    with hooked_session() as session, SyncClient(url, session=session, **SCHEMES) as client:
        with pytest.raises(ConfigurationError, match="connections of a `session` of yours"):
            client.authenticate(tls=shown)
        assert client._security is not None
        assert client._security._values == {}
    with (
        SyncClient(url, tls=TLS(ca=ca, pins=[WRONG]), **SCHEMES) as client,
        pytest.raises(ConfigurationError, match="`pins` would no longer hold"),
    ):
        client.authenticate(tls=TLS(context=holding(ca, identity)))
    with SyncClient(url, **SCHEMES) as client:
        client.authenticate(tls=shown)
        with pytest.raises(ConfigurationError, match="laid over the `context`"):
            client.with_options(tls=TLS(context=ssl.create_default_context()))


def test_a_tls_that_asks_no_authority_warns(identity: Path) -> None:
    """As that of a client does, at the line that gives it."""
    with SyncClient("https://api.test", **SCHEMES) as client:
        with pytest.warns(InsecureTLSWarning) as caught:
            client.authenticate(tls=TLS(cert=identity, verify=False))
        assert [one.filename for one in caught] == [__file__]


async def test_connections_of_a_certificate_that_was_replaced_end(
    lane: Lane,
    tls_faults: Faults,
    ca_pem: Path,
    copies: list[TLS],
    told: list[warnings.WarningMessage],
) -> None:
    """Once others were used since, and with the last call that uses them; nothing is warned of."""
    client = lane.client(tls_faults.url, tls=TLS(ca=ca_pem), **SCHEMES)

    async def call(number: int, path: str = "/noted-at-its-end") -> Any:
        return await client.get(path, headers={"X-Number": str(number)})

    client.target.authenticate(tls=copies[0])
    first = asyncio.create_task(call(0, "/answered-when-told"))
    await until_async(lambda: tls_faults.log)
    for number in range(1, MOST + 1):
        client.target.authenticate(tls=copies[number])
        await call(number)
    gc.collect()
    assert Ends.seen == []
    Ends.go.set()
    assert await first == {"ok": True}
    del first
    gc.collect()  # What requests made of a response may hold its connection.
    await asyncio.to_thread(Ends.wait, 1)
    assert Ends.seen == ["0"]
    await client.close()
    await asyncio.to_thread(Ends.wait, MOST + 1)
    assert [one for one in told if one.category is ResourceWarning] == []


class Refusal(Hook):
    """Ends calls before there is a connection."""

    def before_call(self, request: Request) -> None:
        """Raise."""
        raise LookupError


async def test_a_certificate_that_was_never_shown_is_let_go(
    lane: Lane, tls_faults: Faults, ca_pem: Path, copies: list[TLS]
) -> None:
    """Of those used since none ends."""
    client = lane.client(tls_faults.url, tls=TLS(ca=ca_pem), **SCHEMES)
    client.target.authenticate(tls=copies[0])
    with pytest.raises(LookupError):
        await client.get("/ok", hooks=[Refusal()])
    for _ in range(2):
        for tls in copies[1:]:
            client.target.authenticate(tls=tls)
            await client.get("/ok")
    assert len({read.connection for read in tls_faults.log}) == MOST


async def test_copies_share_the_connections_of_a_certificate(
    lane: Lane, authority: trustme.CA, ca: Path, identity: Path
) -> None:
    """With the original, but not with a copy that has other origins to show it to."""
    with (
        serving(authority, "127.0.0.1", verify_mode=ssl.CERT_REQUIRED) as one,
        serving(authority, "127.0.0.1", verify_mode=ssl.CERT_REQUIRED) as other,
    ):
        client = lane.client(one.url, tls=TLS(ca=ca), **SCHEMES)
        client.target.authenticate(tls=TLS(cert=identity))
        await client.get("/echo")
        patient = client.with_options(timeout=30)
        await patient.get("/echo")
        await patient.with_options(timeout=20).get("/echo")
        away = client.with_options(uri=other.url, trusted_origins=[other.url])
        await away.get("/echo")
        await client.get("/echo")
        assert len(one.server.log) == 4
        assert len({received.connection for received in one.server.log}) == 1
        assert len(other.server.log) == 1


def test_a_client_with_a_certificate_that_nobody_closed(
    tls_faults: Faults,
    ca_pem: Path,
    copies: list[TLS],
    told: list[warnings.WarningMessage],
) -> None:
    """It is missed as any other."""
    client = [SyncClient(tls_faults.url, tls=TLS(ca=ca_pem), **SCHEMES)]
    client[0].authenticate(tls=copies[0])
    client[0].get("/noted-at-its-end", headers={"X-Number": "0"})
    client.clear()
    gc.collect()
    Ends.wait(1)
    assert ["was not closed" in str(one.message) for one in told] == [True]
