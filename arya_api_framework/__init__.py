"""Typed clients of REST APIs, synchronous on requests and asynchronous on aiohttp."""

from .client.async_client import AsyncClient
from .client.request import Request
from .client.response import RawResponse
from .client.subclient import AsyncSubClient, SubClient, SyncSubClient, shared
from .client.sync_client import SyncClient
from .models import BaseModel, PaginatedResponse, Response
from .options import ServerVariable, Timeout
from .retry import Retry
from .tls import TLS
from .version import __version__

__all__ = [
    "TLS",
    "AsyncClient",
    "AsyncSubClient",
    "BaseModel",
    "PaginatedResponse",
    "RawResponse",
    "Request",
    "Response",
    "Retry",
    "ServerVariable",
    "SubClient",
    "SyncClient",
    "SyncSubClient",
    "Timeout",
    "__version__",
    "shared",
]
