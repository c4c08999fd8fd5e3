"""`Hook`: what sees, and may change, every request and response of a client."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from .client.request import Request
    from .client.response import RawResponse

__all__ = ["Hook"]

_Answer: TypeAlias = "RawResponse | Awaitable[RawResponse | None] | None"
_Nothing: TypeAlias = "Awaitable[None] | None"


class Hook:
    """Sees, and may change, requests and responses; subclass it and override what is needed.

    Of an `AsyncClient` each method may also be a coroutine function.
    """

    @property
    def name(self) -> str:
        """What it is called in errors and logs: the name of its class."""
        return type(self).__name__

    def before_call(self, request: Request) -> _Answer:
        """See a request before anything else happens; a response returned here is the answer."""

    def after_call(self, request: Request, response: RawResponse) -> _Answer:
        """See the last response of a call; a response returned here takes its place."""

    def call_failed(self, request: Request, error: BaseException) -> _Nothing:
        """See the error that ends a call."""

    def before_attempt(self, request: Request) -> _Answer:
        """See each request that is sent, redirects included; as `before_call`."""

    def after_attempt(self, request: Request, response: RawResponse) -> _Answer:
        """See the response to each request that was sent; as `after_call`."""

    def attempt_failed(self, request: Request, error: BaseException) -> _Nothing:
        """See what a request that was sent failed with."""
