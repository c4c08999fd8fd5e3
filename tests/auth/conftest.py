"""Fixtures for tests of authentication: those of what happens on the wire."""

from tests.client.conftest import _running_web, lane, web

__all__ = ["_running_web", "lane", "web"]
