"""The `TLS` value, and both clients over real TLS."""

import base64
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from arya_api_framework import TLS
from arya_api_framework.errors import (
    CertificateError,
    ConfigurationError,
    ConnectionLost,
    TLSError,
)
from arya_api_framework.tls import InsecureTLSWarning
from tests.app import Server
from tests.conftest import Kind
from tests.servers import Certificate

PASSWORD = "hunter2"
PIN = "0123456789abcdef" * 4


@pytest.fixture(scope="session")
def client_authority() -> trustme.CA:
    """The authority that a server trusts to sign the certificates of clients."""
    return trustme.CA()


@pytest.fixture(scope="session")
def identity(client_authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificate of a client, and its key with and without password."""
    folder = tmp_path_factory.mktemp("identity")
    issued = client_authority.issue_cert("client@example.test")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    key = issued.private_key_pem.bytes()
    locked = serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(PASSWORD.encode()),
    )
    files = {"both": key + chain, "cert": chain, "key": key, "locked": locked, "empty": b""}
    for name, content in files.items():
        (folder / f"{name}.pem").write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def strict_server(certificate: Certificate, client_authority: trustme.CA) -> Iterator[Server]:
    """A server that asks every client for a certificate."""
    context = certificate.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    client_authority.configure_trust(context)
    with Server(tls=context) as server:
        yield server


@pytest.fixture(scope="session")
def misnamed_server(
    client_authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Path]]:
    """A server with a certificate for another name, and the authority that signed it."""
    ca = tmp_path_factory.mktemp("misnamed") / "ca.pem"
    client_authority.cert_pem.write_to_path(str(ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client_authority.issue_cert("other.test").configure_cert(context)
    with Server(tls=context) as server:
        yield server, ca


@pytest.fixture
def refusing_server() -> Iterator[str]:
    """A server that answers every handshake with an alert: there is no protocol in common."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\x15\x03\x03\x00\x02\x02\x46")  # RFC 5246 7.2

        thread = threading.Thread(target=refuse)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def test_defaults_trust_certifi_and_nothing_older_than_tls_1_2() -> None:
    """A plain value verifies certificates and names, with the authorities of certifi."""
    context = TLS().build_context()
    assert TLS().verifies
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) > 50


def test_a_ca_is_trusted_instead_of_all_others(ca_pem: Path) -> None:
    """With a file of authorities, only these are trusted; any kind of path will do."""
    for path in (ca_pem, str(ca_pem)):
        assert len(TLS(ca=path).build_context().get_ca_certs()) == 1


def test_a_context_of_the_users_is_used_as_it_is() -> None:
    """Nothing is changed on a context that is brought."""
    context = ssl.create_default_context()
    assert TLS(context=context).build_context() is context
    assert TLS(context=context).verifies


@pytest.mark.parametrize(
    "options",
    [
        {"ca": "/nowhere/ca.pem"},
        {"ca": "."},
        {"ca": "empty.pem"},
        {"ca": "key.pem"},
        {"ca": "\0"},
        {"ca": 5},
        {"cert": "/nowhere/cert.pem"},
        {"cert": "cert.pem"},
        {"cert": "key.pem", "key": "cert.pem"},
        {"cert": "cert.pem", "key": "/nowhere/key.pem"},
        {"cert": "cert.pem", "key": "locked.pem"},
        {"cert": "cert.pem", "key": "locked.pem", "password": "wrong"},
        {"cert": "cert.pem", "key": "locked.pem", "password": "x" * 5000},
        {"key": "key.pem"},
        {"password": PASSWORD},
        {"verify": "ca.pem"},
        {"verify": None},
        {"verify": 0},
        {"context": True},
        {"server_name": ""},
        {"server_name": "https://api.test"},
        {"server_name": "api.test:443"},
        {"server_name": "a..b"},
        {"server_name": "a" * 64},
        {"server_name": b"api.test"},
        {"min_version": "1.1"},
        {"min_version": ssl.TLSVersion.TLSv1},
        {"min_version": 1.3},
        {"min_version": None},
        {"pins": PIN},
        {"pins": bytes(32)},
        {"pins": {PIN: 1}},
        {"pins": 5},
        {"pins": None},
        {"pins": [None]},
        {"pins": [PIN[:-1]]},
        {"pins": [bytes(31)]},
        {"pins": [PIN, "sha256//" + base64.b64encode(bytes(32)).decode()]},
        {"pins": [PIN[:2] + ":" + PIN[2:]]},
    ],
)
def test_a_bad_value_is_refused_at_construction(identity: Path, options: dict[str, Any]) -> None:
    """A file that cannot be used, or values that contradict, are known before anything is sent."""
    given: dict[str, Any] = {
        name: str(identity / value) if str(value).endswith(".pem") else value
        for name, value in options.items()
    }
    with pytest.raises(ConfigurationError) as error:
        TLS(**given)
    assert next(iter(options)) in str(error.value)
    assert PASSWORD not in str(error.value)


@pytest.mark.parametrize(
    "options",
    [
        {"ca": "ca.pem"},
        {"cert": "c.pem"},
        {"password": "x"},
        {"verify": False},
        {"pins": [PIN]},
        {"min_version": "1.3"},
    ],
)
def test_a_context_goes_with_nothing_else(options: dict[str, Any]) -> None:
    """A context of one's own holds everything already, but the name of a server."""
    with pytest.raises(ConfigurationError, match="not both"):
        TLS(context=ssl.create_default_context(), **options)
    assert TLS(context=ssl.create_default_context(), server_name="a.test").server_name == "a.test"


@pytest.mark.parametrize(
    "pin",
    [
        PIN,
        PIN.upper(),
        bytes.fromhex(PIN),
        bytearray.fromhex(PIN),
        ":".join(PIN[at : at + 2] for at in range(0, 64, 2)),
        f"sha256:{PIN}",
        "SHA256 Fingerprint=" + ":".join(PIN[at : at + 2] for at in range(0, 64, 2)) + "\n",
    ],
)
def test_a_pin_may_be_written_in_the_usual_ways(pin: Any) -> None:
    """Bytes and what tools print are the same pin; the value is equal and hashable."""
    assert TLS(pins=[pin]) == TLS(pins=iter([PIN, pin]))  # type: ignore[arg-type]
    assert hash(TLS(pins=[pin])) == hash(TLS(pins=[PIN]))
    assert TLS(pins=[pin]).pins == (PIN,)


def test_a_server_name_is_kept_as_it_is_sent() -> None:
    """Names are encoded as those of URLs are."""
    assert TLS(server_name="BÜCHER.test.").server_name == "xn--bcher-kva.test"
    assert TLS(server_name="::1").server_name == "::1"


@pytest.mark.parametrize("given", ["1.3", ssl.TLSVersion.TLSv1_3])
def test_the_oldest_version_is_set(given: Any) -> None:
    """It may be given as text or as the constant of the standard library."""
    context = TLS(min_version=given).build_context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert TLS(min_version=given) == TLS(min_version="1.3")


def test_what_is_of_the_clients_origin_is_left_out_for_others(identity: Path) -> None:
    """Certificate, pins and name are dropped, and who was told by its pin alone is verified."""
    tls = TLS(
        cert=identity / "both.pem",
        server_name="api.test",
        pins=[PIN],
        verify=False,
        min_version="1.3",
    )
    assert tls.without_certificate == TLS(min_version="1.3")
    plain, insecure = TLS(min_version="1.3"), TLS(verify=False)
    assert plain.without_certificate is plain
    assert insecure.without_certificate is insecure


def test_a_file_that_is_gone_later_is_refused_too(tmp_path: Path, ca_pem: Path) -> None:
    """The context is built when it is needed; what happened to the files by then is told."""
    path = tmp_path / "ca.pem"
    path.write_bytes(ca_pem.read_bytes())
    tls = TLS(ca=path)
    path.unlink()
    with pytest.raises(ConfigurationError, match=r"`ca`.*FileNotFoundError"):
        tls.build_context()


def test_a_missing_password_is_not_asked_for(
    identity: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A locked key without its password is an error; nobody is asked on the terminal."""
    with pytest.raises(ConfigurationError, match="password"):
        TLS(cert=identity / "cert.pem", key=identity / "locked.pem")
    assert capfd.readouterr() == ("", "")


def test_the_password_is_not_shown(identity: Path) -> None:
    """A password is kept as a secret, as text or as a secret it is the same value."""
    files: dict[str, Any] = {"cert": identity / "cert.pem", "key": identity / "locked.pem"}
    plain, secret = TLS(**files, password=PASSWORD), TLS(**files, password=SecretStr(PASSWORD))
    assert PASSWORD not in repr(plain)
    assert PASSWORD not in str(vars_of(plain))
    assert plain == secret


def vars_of(tls: TLS) -> dict[str, Any]:
    """Give the attributes of a value with slots."""
    return {name: getattr(tls, name) for name in TLS.__slots__}


async def test_a_server_of_a_known_authority_is_trusted(
    kind: Kind, tls_server: Server, ca_pem: Path
) -> None:
    """With its authority given, the server is talked to, by address and by name."""
    for host in ("127.0.0.1", "localhost"):
        client = kind.client(tls_server.at(host), tls=TLS(ca=ca_pem))
        assert (await client.get("/echo"))["method"] == "GET"
        assert (await client.get("/echo"))["method"] == "GET"
    ports = [received.connection for received in tls_server.log]
    assert ports[0] == ports[1] != ports[2] == ports[3]


async def test_a_context_of_the_users_is_used(
    kind: Kind, tls_server: Server, certificate: Certificate
) -> None:
    """A brought context decides whom to trust."""
    client = kind.client(tls_server.url, tls=TLS(context=certificate.client_context()))
    assert (await client.get("/echo"))["method"] == "GET"


@pytest.mark.parametrize("tls", [None, TLS()], ids=["default", "certifi"])
async def test_an_unknown_authority_is_a_certificate_error(
    kind: Kind, tls_server: Server, tls: TLS | None
) -> None:
    """A server of an authority that is not trusted is refused, and reads nothing."""
    client = kind.client(tls_server.url, tls=tls)
    with pytest.raises(CertificateError, match="certificate") as error:
        await client.post("/echo", body={"a": 1})
    assert (error.value.sent, error.value.attempts) == ("no", 1)
    assert isinstance(error.value.__cause__, Exception)
    assert tls_server.log == []


async def test_a_wrong_authority_is_a_certificate_error(
    kind: Kind, tls_server: Server, client_authority: trustme.CA, tmp_path: Path
) -> None:
    """Trusting somebody else does not help."""
    client_authority.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    client = kind.client(tls_server.url, tls=TLS(ca=tmp_path / "other.pem"))
    with pytest.raises(CertificateError):
        await client.get("/echo")
    assert tls_server.log == []


async def test_a_certificate_of_another_host_is_a_certificate_error(
    kind: Kind, misnamed_server: tuple[Server, Path]
) -> None:
    """A trusted certificate counts for the names in it alone."""
    server, ca = misnamed_server
    server.reset()
    with pytest.raises(CertificateError):
        await kind.client(server.url, tls=TLS(ca=ca)).get("/echo")
    assert server.log == []


async def test_a_server_that_is_not_verified_is_talked_to_and_warned_of(
    kind: Kind, misnamed_server: tuple[Server, Path]
) -> None:
    """`verify=False` trusts anyone under any name; the warning comes once, when asked for."""
    with pytest.warns(InsecureTLSWarning) as caught:
        client = kind.client(misnamed_server[0].url, tls=TLS(verify=False))
    assert (await client.get("/echo"))["method"] == "GET"
    assert len(caught) == 1
    assert not TLS(verify=False).verifies


async def test_a_context_that_verifies_nothing_is_warned_of(kind: Kind) -> None:
    """Switching verification off on a context of one's own is no quieter way."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.warns(InsecureTLSWarning):
        kind.client("https://api.test", tls=TLS(context=context))


async def test_not_verifying_has_a_pool_of_its_own(
    kind: Kind, tls_server: Server, ca_pem: Path
) -> None:
    """A connection that was never verified is not used by a client that verifies."""
    with pytest.warns(InsecureTLSWarning):
        trusting = kind.client(tls_server.url, tls=TLS(verify=False))
    await trusting.get("/echo")
    with pytest.raises(CertificateError):
        await kind.client(tls_server.url).get("/echo")
    await kind.client(tls_server.url, tls=TLS(ca=ca_pem)).get("/echo")
    assert len({received.connection for received in tls_server.log}) == 2


@pytest.mark.parametrize(
    "names",
    [("both", None, None), ("cert", "key", None), ("cert", "locked", PASSWORD)],
    ids=["one file", "two files", "with password"],
)
async def test_a_client_certificate_is_shown(
    kind: Kind,
    strict_server: Server,
    ca_pem: Path,
    identity: Path,
    names: tuple[str, str | None, str | None],
) -> None:
    """A server that asks for a certificate gets the client's."""
    cert, key, password = names
    tls = TLS(
        ca=ca_pem,
        cert=identity / f"{cert}.pem",
        key=None if key is None else identity / f"{key}.pem",
        password=password,
    )
    client = kind.client(strict_server.url, tls=tls)
    assert (await client.get("/echo"))["method"] == "GET"


async def test_a_missing_client_certificate_is_a_connection_lost(
    kind: Kind, strict_server: Server, ca_pem: Path
) -> None:
    """The alert comes after the request was written, so the server may have read it."""
    client = kind.client(strict_server.url, tls=TLS(ca=ca_pem))
    with pytest.raises(ConnectionLost) as error:
        await client.post("/echo", body={"a": 1})
    assert error.value.sent == "maybe"


async def test_an_alert_in_the_handshake_is_a_tls_error(kind: Kind, refusing_server: str) -> None:
    """A server that refuses the handshake has read nothing."""
    client = kind.client(refusing_server)
    with pytest.raises(TLSError) as error:
        await client.get("/echo")
    assert error.value.sent == "no"
    assert not isinstance(error.value, CertificateError)


async def test_plain_http_on_a_tls_port_is_a_tls_error(
    kind: Kind, server: Server, ca_pem: Path
) -> None:
    """A server that answers a handshake with something else is told so."""
    client = kind.client(server.url.replace("http:", "https:"), tls=TLS(ca=ca_pem))
    with pytest.raises(TLSError) as error:
        await client.get("/echo")
    assert error.value.sent == "no"


async def test_a_copy_shares_what_its_client_trusts(
    kind: Kind, tls_server: Server, ca_pem: Path
) -> None:
    """A copy talks over the connections of its original, under another name of it too."""
    client = kind.client(tls_server.url, tls=TLS(ca=ca_pem))
    await client.get("/echo")
    await client.with_options(timeout=5).get("/echo")
    await client.with_options(uri=tls_server.at("localhost")).get("/echo")
    ports = [received.connection for received in tls_server.log]
    assert ports[0] == ports[1] != ports[2]


ELSEWHERE: dict[str, Callable[[Any, str], Awaitable[object]]] = {
    "redirect": lambda client, url: client.get("/redirect-to", parameters={"url": f"{url}/echo"}),
    "foreign": lambda client, url: client.get(f"{url}/echo", foreign=True),
    "copy": lambda client, url: client.with_options(uri=url).get("/echo"),
}


@pytest.mark.parametrize("way", ELSEWHERE)
async def test_a_client_certificate_goes_to_the_clients_origin_alone(
    kind: Kind, tls_server: Server, strict_server: Server, ca_pem: Path, identity: Path, way: str
) -> None:
    """A server of another origin, however a call gets there, asks for it in vain."""
    tls = TLS(ca=ca_pem, cert=identity / "both.pem")
    client = kind.client(tls_server.url, tls=tls)
    with pytest.raises(ConnectionLost):
        await ELSEWHERE[way](client, strict_server.url)


async def test_a_trusted_origin_may_be_without_tls(
    kind: Kind, server: Server, strict_server: Server, ca_pem: Path, identity: Path
) -> None:
    """A client certificate does not keep a call from a trusted origin that has no TLS."""
    tls = TLS(ca=ca_pem, cert=identity / "both.pem")
    client = kind.client(strict_server.url, tls=tls, trusted_origins=[server.url])
    assert (await client.get(f"{server.url}/echo"))["method"] == "GET"
    assert (await client.get("/echo"))["method"] == "GET"
