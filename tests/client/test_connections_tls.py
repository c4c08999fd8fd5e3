"""Over real TLS: pins, names, versions and the certificates of clients, on every lane."""

import hashlib
import ssl
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from arya_api_framework import TLS
from arya_api_framework.errors import CertificateError, ConnectError, ConnectionLost
from arya_api_framework.tls import InsecureTLSWarning
from tests.app import Server
from tests.client.conftest import Lane

WRONG = "0123456789abcdef" * 4
NAME = "api.example.test"


@dataclass(slots=True)
class Known:
    """A TLS server and what is known of it."""

    server: Server
    pin: str
    """The SHA-256 of its certificate."""
    names: list[str | None] = field(default_factory=list)
    """The names that clients asked for (SNI), one for each connection."""

    @property
    def url(self) -> str:
        """Its origin."""
        return self.server.url


@contextmanager
def serving(authority: trustme.CA, *names: str, **changes: Any) -> Generator[Known]:
    """Run a server with a certificate for some names; `changes` are made on its context."""
    issued = authority.issue_cert(*names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    for name, value in changes.items():
        setattr(context, name, value)
    if context.verify_mode is ssl.CERT_REQUIRED:
        authority.configure_trust(context)
    der = ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())
    with Server(tls=context) as server:
        known = Known(server, hashlib.sha256(der).hexdigest())
        context.sni_callback = lambda _, name, __: known.names.append(name)
        yield known


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The authority of all servers here, and of the clients."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ca(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its certificate."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def identity(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate and key of a client."""
    path = tmp_path_factory.mktemp("identity") / "client.pem"
    authority.issue_cert("client@example.test").private_key_and_cert_chain_pem.write_to_path(
        str(path)
    )
    return path


@pytest.fixture(scope="module")
def _running(authority: trustme.CA) -> Iterator[tuple[Known, Known]]:
    with serving(authority, "127.0.0.1") as one, serving(authority, "127.0.0.1") as other:
        yield one, other


@pytest.fixture
def known(_running: tuple[Known, Known]) -> Known:
    """A server of the authority."""
    _running[0].server.reset()
    return _running[0]


@pytest.fixture
def other(_running: tuple[Known, Known]) -> Known:
    """Another one, with another certificate."""
    _running[1].server.reset()
    return _running[1]


async def test_a_pinned_certificate_is_accepted(lane: Lane, known: Known, ca: Path) -> None:
    """One of several pins is enough, and the connection is used again."""
    client = lane.client(known.url, tls=TLS(ca=ca, pins=[WRONG, known.pin]))
    assert (await client.get("/echo"))["method"] == "GET"
    assert (await client.post("/echo", body={"a": 1}))["text"] == '{"a":1}'
    assert len({received.connection for received in known.server.log}) == 1


async def test_a_certificate_that_is_not_pinned_is_refused(
    lane: Lane, known: Known, ca: Path
) -> None:
    """A good authority is not enough; the server reads nothing, and the text names the pin."""
    client = lane.client(known.url, tls=TLS(ca=ca, pins=[WRONG]), bearer_token="hunter2")
    for _ in range(2):
        with pytest.raises(CertificateError, match=f"none of `pins`, its SHA-256 is {known.pin}"):
            await client.post("/echo", body={"a": 1})
    with pytest.raises(CertificateError) as error:
        await client.get("/echo")
    assert error.value.sent == "no"
    assert isinstance(error.value.__cause__, Exception)
    assert known.server.log == []


async def test_a_pin_does_not_take_the_place_of_the_authority(lane: Lane, known: Known) -> None:
    """The right certificate of an authority that is not trusted is refused."""
    client = lane.client(known.url, tls=TLS(pins=[known.pin]))
    with pytest.raises(CertificateError) as error:
        await client.get("/echo")
    assert error.value.sent == "no"
    assert "pins" not in str(error.value)
    assert known.server.log == []


async def test_a_pin_does_not_take_the_place_of_the_name(
    lane: Lane, authority: trustme.CA, ca: Path
) -> None:
    """The right certificate under another name is refused."""
    with serving(authority, NAME) as named:
        client = lane.client(named.url, tls=TLS(ca=ca, pins=[named.pin]))
        with pytest.raises(CertificateError):
            await client.get("/echo")
        assert named.server.log == []


async def test_a_pin_alone_tells_who_the_server_is(
    lane: Lane, authority: trustme.CA, known: Known
) -> None:
    """Without authorities and names, only a server with the pin is talked to; no warning."""
    with serving(authority, NAME) as named:
        client = lane.client(named.url, tls=TLS(verify=False, pins=[named.pin]))
        assert (await client.get("/echo"))["method"] == "GET"
    refused = lane.client(known.url, tls=TLS(verify=False, pins=[WRONG]))
    with pytest.raises(CertificateError, match="pins"):
        await refused.get("/echo")
    assert known.server.log == []


async def test_other_origins_are_verified_where_a_pin_alone_tells_the_client_its_own(
    lane: Lane, known: Known, other: Known
) -> None:
    """A pin in the place of the authorities opens no door to others."""
    client = lane.client(known.url, tls=TLS(verify=False, pins=[known.pin]))
    await client.get("/echo")
    with pytest.raises(CertificateError) as error:
        await client.get(f"{other.url}/echo", foreign=True)
    assert "pins" not in str(error.value)
    with pytest.raises(CertificateError):
        await client.get("/redirect-to", parameters={"url": f"{other.url}/echo"})
    assert other.server.log == []


async def test_pins_hold_for_the_trusted_origins_alone(
    lane: Lane, known: Known, other: Known, ca: Path
) -> None:
    """A redirect to another origin is verified by the authorities; a trusted one by pins, too."""
    tls = TLS(ca=ca, pins=[known.pin])
    client = lane.client(known.url, tls=tls)
    answer = await client.get("/redirect-to", parameters={"url": f"{other.url}/echo"})
    assert answer["method"] == "GET"
    assert (await client.get(f"{other.url}/echo", foreign=True))["method"] == "GET"
    other.server.reset()
    trusting = lane.client(known.url, tls=tls, trusted_origins=[other.url])
    await trusting.get("/echo")
    with pytest.raises(CertificateError, match="pins"):
        await trusting.get(f"{other.url}/echo")
    assert other.server.log == []


async def test_the_server_name_is_asked_for_and_verified(
    lane: Lane, authority: trustme.CA, ca: Path
) -> None:
    """SNI and certificate have the given name, the URL and `Host` keep theirs."""
    with serving(authority, NAME) as named:
        client = lane.client(named.url, tls=TLS(ca=ca, server_name=NAME, pins=[named.pin]))
        await client.get("/echo")
        assert named.names == [NAME]
        assert named.server.log[0].headers["Host"] == named.url.removeprefix("https://")
        with pytest.raises(CertificateError) as error:
            await lane.client(named.url, tls=TLS(ca=ca, server_name="other.test")).get("/echo")
        assert error.value.sent == "no"
        assert named.names == [NAME, "other.test"]
        assert len(named.server.log) == 1


async def test_a_server_name_goes_with_a_context_of_the_users(
    lane: Lane, authority: trustme.CA, ca: Path
) -> None:
    """A context holds no name, so it can be given beside it."""
    context = ssl.create_default_context(cafile=ca)
    with serving(authority, NAME) as named:
        client = lane.client(named.url, tls=TLS(context=context, server_name=NAME))
        await client.get("/echo")
        assert named.names == [NAME]


async def test_the_server_name_is_of_the_trusted_origins_alone(
    lane: Lane, authority: trustme.CA, known: Known, ca: Path
) -> None:
    """Another origin is asked for by its own name."""
    known.names.clear()
    with serving(authority, NAME) as named:
        client = lane.client(named.url, tls=TLS(ca=ca, server_name=NAME))
        answer = await client.get("/redirect-to", parameters={"url": f"{known.url}/echo"})
        assert answer["method"] == "GET"
        assert known.names == [None]  # An address is not asked for.
        at_home = lane.client(known.url, tls=TLS(ca=ca), trusted_origins=[named.url])
        with pytest.raises(CertificateError):
            await at_home.get(f"{named.url}/echo")


async def test_a_host_name_is_asked_for_without_a_server_name(
    lane: Lane, authority: trustme.CA, ca: Path
) -> None:
    """SNI has the host of the URL."""
    with serving(authority, "localhost") as named:
        await lane.client(named.server.at("localhost"), tls=TLS(ca=ca)).get("/echo")
        assert named.names == ["localhost"]


async def test_an_older_version_than_the_least_is_refused(
    lane: Lane, authority: trustme.CA, ca: Path
) -> None:
    """A server that knows TLS 1.2 only is talked to unless 1.3 is asked for.

    The server of asyncio closes the connection and says nothing of TLS.
    """
    with serving(authority, "127.0.0.1", maximum_version=ssl.TLSVersion.TLSv1_2) as old:
        client = lane.client(old.url, tls=TLS(ca=ca, min_version="1.3"))
        with pytest.raises(ConnectError) as error:
            await client.get("/echo")
        assert error.value.sent == "no"
        assert not isinstance(error.value, CertificateError)
        assert old.server.log == []
        await lane.client(old.url, tls=TLS(ca=ca)).get("/echo")


async def test_tls_1_3_is_spoken_where_it_is_asked_for(lane: Lane, known: Known, ca: Path) -> None:
    """A server of today has what the client wants."""
    client = lane.client(known.url, tls=TLS(ca=ca, min_version="1.3"))
    assert (await client.get("/echo"))["method"] == "GET"


async def test_broken_versions_are_never_spoken(
    lane: Lane, authority: trustme.CA, ca: Path
) -> None:
    """A server of before TLS 1.2 is refused, though the library might talk to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with serving(authority, "127.0.0.1", minimum_version=ssl.TLSVersion.TLSv1) as old:
            # Set last, as the oldest version must not be newer than the newest.
            context: Any = old.server._tls
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")
            with pytest.raises(ConnectError):
                await lane.client(old.url, tls=TLS(ca=ca)).get("/echo")


async def test_mutual_tls_with_a_pin(
    lane: Lane, authority: trustme.CA, ca: Path, identity: Path
) -> None:
    """The client shows its certificate and knows the server's."""
    with serving(authority, "127.0.0.1", verify_mode=ssl.CERT_REQUIRED) as strict:
        tls = TLS(ca=ca, cert=identity, pins=[strict.pin])
        assert (await lane.client(strict.url, tls=tls).get("/echo"))["method"] == "GET"
        with pytest.raises(ConnectionLost):
            await lane.client(strict.url, tls=TLS(ca=ca, pins=[strict.pin])).get("/echo")
        assert len(strict.server.log) == 1


async def test_anyone_is_trusted_with_a_warning_only(lane: Lane, known: Known) -> None:
    """Without authorities and without pins there is nothing to tell the server by."""
    with pytest.warns(InsecureTLSWarning):
        client = lane.client(known.url, tls=TLS(verify=False))
    assert (await client.get("/echo"))["method"] == "GET"
