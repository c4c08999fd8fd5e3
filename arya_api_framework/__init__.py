"""Typed clients of REST APIs, synchronous on requests and asynchronous on aiohttp."""

from typing import TYPE_CHECKING

from .adaptive import AdaptiveConcurrency
from .circuit_breaker import CircuitBreaker
from .client.async_client import AsyncClient
from .client.cookie_jar import Cookie, CookieJar
from .client.request import Request
from .client.response import RawResponse, ResponseInfo
from .client.shared import shared
from .client.subclient import AsyncSubClient, SubClient, SyncSubClient
from .client.sync_client import SyncClient
from .connections import Dns, Pool
from .credentials import CredentialPool
from .events import Event, Events
from .hedge import Hedge
from .hooks import Hook
from .options import (
    CallOptions,
    ClientOptions,
    DownloadOptions,
    FileOptions,
    ItemOptions,
    MapOptions,
    PageOptions,
    RequestOptions,
    ResumableOptions,
    SendOptions,
    ServerVariable,
    Timeout,
    TusOptions,
    UploadFileOptions,
    WaitOptions,
)
from .rate_limit.limit import RateLimit
from .retry import Retry
from .tls import TLS, InsecureTLSWarning
from .version import __version__

__all__ = [
    "TLS",
    "AdaptiveConcurrency",
    "AsyncClient",
    "AsyncItems",
    "AsyncPages",
    "AsyncStream",
    "AsyncSubClient",
    "BaseModel",
    "BoundResponse",
    "CallOptions",
    "Checksum",
    "CircuitBreaker",
    "ClientOptions",
    "Cookie",
    "CookieJar",
    "CredentialPool",
    "Cursor",
    "Dns",
    "DoneFlag",
    "Download",
    "DownloadOptions",
    "Encoding",
    "Endpoint",
    "Event",
    "Events",
    "Explanation",
    "FileOptions",
    "Form",
    "FormFile",
    "Hedge",
    "Hook",
    "InsecureTLSWarning",
    "ItemOptions",
    "LinkHeader",
    "MapOptions",
    "NextExpectedRanges",
    "NextURL",
    "Offset",
    "Outcome",
    "Page",
    "PageNumber",
    "PageOptions",
    "PaginatedResponse",
    "Pagination",
    "Poll",
    "Polling",
    "Pool",
    "RangeProtocol",
    "RateLimit",
    "RawResponse",
    "RedisShare",
    "Request",
    "RequestOptions",
    "Response",
    "ResponseInfo",
    "ResumableOptions",
    "Retry",
    "SendOptions",
    "ServerSentEvent",
    "ServerVariable",
    "StatusCode",
    "StatusField",
    "SubClient",
    "SyncClient",
    "SyncItems",
    "SyncPages",
    "SyncStream",
    "SyncSubClient",
    "Timeout",
    "TusOptions",
    "TusServer",
    "UploadFileOptions",
    "UploadProtocol",
    "Verdict",
    "WaitOptions",
    "__version__",
    "endpoint",
    "map_calls",
    "shared",
]

if TYPE_CHECKING:
    from .bound import BoundResponse
    from .bulk.map_calls import map_calls
    from .bulk.outcome import Outcome
    from .checksum import Checksum
    from .client.async_pages import AsyncItems, AsyncPages
    from .client.async_stream import AsyncStream
    from .client.download import Download
    from .client.sync_pages import SyncItems, SyncPages
    from .client.sync_stream import SyncStream
    from .endpoints.declare import Endpoint, endpoint
    from .explanation.values import Explanation
    from .forms import Encoding, Form, FormFile
    from .models import BaseModel, PaginatedResponse, Response
    from .operations import DoneFlag, Poll, Polling, StatusCode, StatusField, Verdict
    from .pagination import Cursor, LinkHeader, NextURL, Offset, Page, PageNumber, Pagination
    from .rate_limit.shared import RedisShare
    from .resumable import NextExpectedRanges, RangeProtocol, UploadProtocol
    from .streaming.events import ServerSentEvent
    from .tus import TusServer
else:
    # Pydantic's models are slow to import, and whoever only defines a client needs none; nor does
    # everybody need the rest.
    _LATER = {
        "bound": ["BoundResponse"],
        "bulk.map_calls": ["map_calls"],
        "bulk.outcome": ["Outcome"],
        "forms": ["Encoding", "Form", "FormFile"],
        "client.download": ["Download"],
        "client.async_pages": ["AsyncItems", "AsyncPages"],
        "client.async_stream": ["AsyncStream"],
        "client.sync_pages": ["SyncItems", "SyncPages"],
        "client.sync_stream": ["SyncStream"],
        "endpoints.declare": ["Endpoint", "endpoint"],
        "explanation.values": ["Explanation"],
        "models": ["BaseModel", "PaginatedResponse", "Response"],
        "operations": ["DoneFlag", "Poll", "Polling", "StatusCode", "StatusField", "Verdict"],
        "pagination": [
            "Cursor",
            "LinkHeader",
            "NextURL",
            "Offset",
            "Page",
            "PageNumber",
            "Pagination",
        ],
        "checksum": ["Checksum"],
        "rate_limit.shared": ["RedisShare"],
        "resumable": ["NextExpectedRanges", "RangeProtocol", "UploadProtocol"],
        "tus": ["TusServer"],
        "streaming.events": ["ServerSentEvent"],
    }

    def __getattr__(name):
        from importlib import import_module

        for module, names in _LATER.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{module}"), name)
        # Modules that `import arya_api_framework` brought along in 0.3.9.
        if name in {
            "async_framework",
            "constants",
            "framework",
            "models",
            "sync_framework",
            "utils",
        }:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
