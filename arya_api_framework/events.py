"""`Events`: what happens to connections and requests, told while it happens.

The sixteen names are those of aiohttp's tracing signals, and mean the same on both clients.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, TypeAlias

from .options import check_method_names

__all__ = ["EVENTS", "Event", "Events"]

_Nothing: TypeAlias = "Awaitable[None] | None"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        name: Which, such as `"dns_resolvehost_end"`.
        trace: The `trace=` of the call, `None` where it gave none.
        time: When, in seconds on the monotonic clock.
        method: The method of the request.
        url: Its URL, as it may be shown.
        host: The host that is resolved, of the `dns_` events.
        size: Bytes of the piece, of the `chunk_` events.
        status: The status of the response, of `request_end` and `request_redirect`.
        error: What it failed with, of `request_exception`.
    """

    name: str
    trace: Any
    time: float
    method: str
    url: str
    host: str | None = None
    size: int | None = None
    status: int | None = None
    error: BaseException | None = None


class Events:
    """Is told what happens; subclass it and override what is of interest.

    Of an `AsyncClient` each method may also be a coroutine function. What a method raises ends the
    call. A method must not wait: the call waits for it.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_method_names(cls, Events)

    def on_request_start(self, event: Event) -> _Nothing:
        """A request is about to be sent."""

    def on_request_chunk_sent(self, event: Event) -> _Nothing:
        """A piece of the body was handed to the connection."""

    def on_response_chunk_received(self, event: Event) -> _Nothing:
        """A piece of the body of the response was read."""

    def on_request_end(self, event: Event) -> _Nothing:
        """The response to a request came whole."""

    def on_request_exception(self, event: Event) -> _Nothing:
        """A request failed."""

    def on_request_redirect(self, event: Event) -> _Nothing:
        """The response is a redirect that is followed."""

    def on_connection_queued_start(self, event: Event) -> _Nothing:
        """A request begins to wait for a free connection of the pool."""

    def on_connection_queued_end(self, event: Event) -> _Nothing:
        """A connection of the pool is free for it."""

    def on_connection_create_start(self, event: Event) -> _Nothing:
        """A new connection is made."""

    def on_connection_create_end(self, event: Event) -> _Nothing:
        """A new connection is ready, TLS included."""

    def on_connection_reuseconn(self, event: Event) -> _Nothing:
        """A connection of the pool is used again."""

    def on_dns_resolvehost_start(self, event: Event) -> _Nothing:
        """A host name is about to be resolved."""

    def on_dns_resolvehost_end(self, event: Event) -> _Nothing:
        """A host name was resolved."""

    def on_dns_cache_hit(self, event: Event) -> _Nothing:
        """The addresses of a host are remembered."""

    def on_dns_cache_miss(self, event: Event) -> _Nothing:
        """The addresses of a host are not remembered."""

    def on_request_headers_sent(self, event: Event) -> _Nothing:
        """The head of a request was handed to the connection."""


EVENTS = tuple(name.removeprefix("on_") for name in vars(Events) if name.startswith("on_"))
"""The names of all events."""
