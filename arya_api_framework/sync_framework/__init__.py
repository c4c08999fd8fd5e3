"""The name that 0.3.9 had for the module of `SyncClient`."""

from ..client.sync_client import SyncClient

__all__ = ["SyncClient"]
