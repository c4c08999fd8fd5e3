"""Certificates given to `authenticate`, over real TLS."""

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from arya_api_framework import TLS, SyncClient
from arya_api_framework.auth import MutualTLSScheme
from arya_api_framework.errors import CertificateError, ConfigurationError, ConnectError
from arya_api_framework.tls import InsecureTLSWarning
from tests.client.conftest import Lane, hooked_session
from tests.client.test_connections_tls import NAME, WRONG, authority, ca, identity, serving
from tests.conftest import Kind

__all__ = ["authority", "ca", "identity"]

SCHEMES: dict[str, Any] = {"security_schemes": {"tls": MutualTLSScheme()}, "security": [{"tls"}]}


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
