"""The authorities that the environment names: read once, and only where nothing else is said."""

from pathlib import Path

import pytest
import trustme

from arya_api_framework import TLS
from arya_api_framework.errors import CertificateError, ConfigurationError
from tests.app import Server
from tests.client.conftest import Lane

VARIABLES = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]


@pytest.fixture(autouse=True)
def _no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "CURL_CA_BUNDLE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", VARIABLES)
async def test_authorities_of_the_environment_are_trusted(
    lane: Lane, tls_server: Server, ca_pem: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """They take the place of certifi's."""
    monkeypatch.setenv(name, str(ca_pem))
    client = lane.client(tls_server.url)
    assert (await client.get("/echo"))["method"] == "GET"


@pytest.mark.parametrize("name", VARIABLES)
async def test_an_explicit_value_counts_more(
    lane: Lane, tls_server: Server, ca_pem: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A `TLS`, even an empty one, says whom to trust."""
    monkeypatch.setenv(name, str(ca_pem))
    with pytest.raises(CertificateError):
        await lane.client(tls_server.url, tls=TLS()).get("/echo")
    other = ca_pem.parent / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv(name, str(other))
    assert (await lane.client(tls_server.url, tls=TLS(ca=ca_pem)).get("/echo"))["method"] == "GET"


@pytest.mark.parametrize("name", VARIABLES)
async def test_the_environment_may_be_left_alone(
    lane: Lane, tls_server: Server, ca_pem: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With `trust_env=False` it says nothing."""
    monkeypatch.setenv(name, str(ca_pem))
    with pytest.raises(CertificateError) as error:
        await lane.client(tls_server.url, trust_env=False).get("/echo")
    assert error.value.sent == "no"
    assert tls_server.log == []


async def test_the_environment_is_read_once(
    lane: Lane, tls_server: Server, ca_pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that runs does not change its mind."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_pem))
    client = lane.client(tls_server.url)
    await client.get("/echo")
    monkeypatch.delenv("SSL_CERT_FILE")
    assert (await client.get(f"{tls_server.at('localhost')}/echo", foreign=True))["method"] == "GET"


async def test_a_file_that_is_none_is_refused(
    lane: Lane, tls_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is trusted in its place."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        await lane.client(tls_server.url).get("/echo")
    assert tls_server.log == []


async def test_plain_http_needs_no_authorities(
    lane: Lane, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken variable does not hinder who speaks no TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    assert (await lane.client(server.url).get("/echo"))["method"] == "GET"
