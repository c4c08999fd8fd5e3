"""The `events` of a call, told what aiohttp's tracing signals say.

It has no synchronous twin: there `sync_exchange` and `sync_pools` tell by themselves.
"""

from __future__ import annotations

import functools
from typing import Any

import aiohttp

from .call import Call
from .request import Request

__all__ = ["Told"]

_SIGNALS = """
connection_queued_start connection_queued_end connection_create_start connection_create_end
connection_reuseconn dns_resolvehost_start dns_resolvehost_end dns_cache_hit dns_cache_miss
request_headers_sent request_chunk_sent
""".split()
"""What only aiohttp knows; the rest is told by the transport."""


class Told:
    """A call of which events are told.

    Attributes:
        raised: What a method of the user's raised; aiohttp may have made something else of it.
    """

    def __init__(self, call: Call, request: Request) -> None:
        self._call = call
        self._request = request
        self.raised: Exception | None = None

    def join(self, session: aiohttp.ClientSession, options: dict[str, Any]) -> None:
        """Let a session of aiohttp tell what becomes of a request that is sent with options."""
        if _TRACE not in session.trace_configs:
            session.trace_configs.append(_TRACE)
        options["trace_request_ctx"] = self

    async def tell(self, name: str, **details: Any) -> None:
        """Tell that something happened, and wait for the method if it is a coroutine."""
        try:
            result = self._call.tell(name, self._request, **details)
            if hasattr(result, "__await__"):
                await result
        except Exception as error:
            self.raised = error
            raise


async def _hand_on(name: str, _: aiohttp.ClientSession, context: Any, parameters: Any) -> None:
    told = context.trace_request_ctx
    if isinstance(told, Told):
        details: dict[str, Any] = {}
        if name.startswith("dns_"):
            details["host"] = parameters.host
        elif name == "request_chunk_sent":
            details["size"] = len(parameters.chunk)
        await told.tell(name, **details)


def _make_trace() -> aiohttp.TraceConfig:
    trace: Any = aiohttp.TraceConfig()
    for name in _SIGNALS:
        getattr(trace, f"on_{name}").append(functools.partial(_hand_on, name))
    trace.freeze()
    return trace  # type: ignore[no-any-return]


_TRACE = _make_trace()
"""A session that has it tells nothing of the calls that have no events."""
