"""The `events` of a call, told what aiohttp's tracing signals say.

It has no synchronous twin: there `sync_exchange` and `sync_pools` tell by themselves.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp.tracing import Trace

from .call import Call
from .request import Request

__all__ = ["Late", "Told"]

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


class Late:
    """A trace of aiohttp while one connection is looked for.

    What a method of the user's raises would be lost with the connection that aiohttp has in its
    hands, or reach all who wait for the addresses of the same host. So it is raised a little later.
    """

    def __init__(self, trace: Trace, *, remembers: bool) -> None:
        """Stand for a trace.

        Args:
            trace: What is told.
            remembers: Whether addresses are remembered; aiohttp tells of no miss if they never are.
        """
        self._trace = trace
        self._remembers = remembers
        self._ready: Callable[[], Awaitable[None]] | None = None
        self._problem: Exception | None = None
        self.send_connection_create_start = trace.send_connection_create_start
        self.send_connection_queued_start = trace.send_connection_queued_start
        self.send_connection_queued_end = trace.send_connection_queued_end

    async def send_connection_create_end(self) -> None:
        """Tell it when the connection is known to who asked for it."""
        self._ready = self._trace.send_connection_create_end

    async def send_connection_reuseconn(self) -> None:
        """Tell it when the connection is known to who asked for it."""
        self._ready = self._trace.send_connection_reuseconn

    async def tell_ready(self) -> None:
        """Tell how the connection was come by."""
        assert self._ready is not None
        await self._ready()

    async def send_dns_cache_hit(self, host: str) -> None:
        """Tell it, and keep what is raised."""
        await self._keep(self._trace.send_dns_cache_hit, host)

    async def send_dns_cache_miss(self, host: str) -> None:
        """Tell it, and keep what is raised."""
        await self._keep(self._trace.send_dns_cache_miss, host)

    async def send_dns_resolvehost_start(self, host: str) -> None:
        """Tell it, and keep what is raised."""
        if not self._remembers:
            await self.send_dns_cache_miss(host)
        await self._keep(self._trace.send_dns_resolvehost_start, host)

    async def send_dns_resolvehost_end(self, host: str) -> None:
        """Tell it, and keep what is raised."""
        await self._keep(self._trace.send_dns_resolvehost_end, host)

    async def _keep(self, tell: Callable[[str], Awaitable[None]], host: str) -> None:
        if self._problem is None:
            try:
                await tell(host)
            except Exception as error:  # noqa: BLE001 - whatever the user raises
                self._problem = error

    def check(self) -> None:
        """Raise what was kept."""
        if self._problem is not None:
            raise self._problem


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
