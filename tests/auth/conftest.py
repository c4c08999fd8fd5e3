"""Fixtures for tests of authentication: those of what happens on the wire."""

from tests.client.conftest import _running_tls_faults, _running_web, lane, tls_faults, web
from tests.client.test_no_secret_is_told import formats

__all__ = ["_running_tls_faults", "_running_web", "formats", "lane", "tls_faults", "web"]
