"""Fixtures for tests of authentication: those of what happens on the wire."""

from tests.client.conftest import _running_web, lane, web
from tests.client.test_no_secret_is_told import formats

__all__ = ["_running_web", "formats", "lane", "web"]
