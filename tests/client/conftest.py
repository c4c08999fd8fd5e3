"""Fixtures for tests of what happens on the wire."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from arya_api_framework import TLS
from tests.app import Server
from tests.conftest import Kind
from tests.counterparts import Web, nginx
from tests.faults import Faults
from tests.servers import Certificate


class Lane(Kind):
    """A way to a socket: the two of the sync client, and that of the async client."""

    def __init__(self, name: str) -> None:
        super().__init__("async" if name == "async" else "sync")
        self.lane = name

    def client(self, *arguments: Any, **options: Any) -> Any:
        """Construct a client that takes this way, and wrap it."""
        if self.lane == "compatible":
            options.setdefault("session_factory", hooked_session)
        return super().client(*arguments, **options)


def hooked_session(**_: Any) -> requests.Session:
    """Return a session with a hook that does nothing, but keeps the client off the fast lane."""
    session = requests.Session()
    session.hooks["response"].append(lambda response, **_: None)
    return session


@pytest.fixture(params=["fast", "compatible", "async"])
async def lane(request: pytest.FixtureRequest) -> AsyncIterator[Lane]:
    """Each of the three ways in turn."""
    lane = Lane(request.param)
    yield lane
    await lane.close()


@pytest.fixture(scope="session")
def _running_faults() -> Iterator[Faults]:
    with Faults() as faults:
        yield faults


@pytest.fixture(scope="session")
def _running_tls_faults(certificate: Certificate) -> Iterator[Faults]:
    with Faults(tls=certificate.server_context()) as faults:
        yield faults


@pytest.fixture
def faults(_running_faults: Faults) -> Faults:
    """The server that breaks HTTP, with nothing in its log."""
    _running_faults.reset()
    return _running_faults


@pytest.fixture
def tls_faults(_running_tls_faults: Faults) -> Faults:
    """The server that breaks HTTP, over TLS."""
    _running_tls_faults.reset()
    return _running_tls_faults


@pytest.fixture(scope="session")
def _running_web(certificate: Certificate, _running_server: Server) -> Iterator[Web]:
    with nginx(certificate, _running_server.url) as web:
        yield web


@pytest.fixture
def web(_running_web: Web, server: Server) -> Web:
    """A web server in front of `server`."""
    return _running_web


@pytest.fixture(params=["http", "https"])
def origin(request: pytest.FixtureRequest, server: Server, tls_server: Server) -> Server:
    """The same server, without and with TLS."""
    return tls_server if request.param == "https" else server


@pytest.fixture
def tls(ca_pem: Path) -> TLS:
    """Trust in the servers of the tests."""
    return TLS(ca=ca_pem)
