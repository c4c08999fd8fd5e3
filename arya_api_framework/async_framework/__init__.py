"""The name that 0.3.9 had for the module of `AsyncClient`."""

from ..client.async_client import AsyncClient

__all__ = ["AsyncClient"]
