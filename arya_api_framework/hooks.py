"""`Hook`: what sees, and may change, every request and response of a client."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeAlias

from .options import check_method_names

if TYPE_CHECKING:
    from .client.request import Request
    from .client.response import RawResponse

__all__ = ["Hook"]

_Answer: TypeAlias = "RawResponse | Awaitable[RawResponse | None] | None"
_Nothing: TypeAlias = "Awaitable[None] | None"


class Hook:
    """Sees, and may change, requests and responses; subclass it and override what is needed.

    The methods for a call stand outside everything: they run once a call, the first of them before
    the call takes a slot of the rate limit. The methods for an attempt stand next to the
    connection: they run for each request that is sent, those that follow redirects included.

    Hooks are laid around the request in the order they are given: `before_*` run in that order,
    `after_*` and `*_failed` in reverse. To each `before_*` that returned `None` belongs exactly one
    `after_*` or `*_failed`. What a method raises ends the call and leaves it unchanged, with a note
    that names the hook.

    One hook serves many calls at once: what belongs to one call is kept in `request.state`.

    Of an `AsyncClient` each method may also be a coroutine function.

    Example:
        ```python
        class Signature(Hook):
            def before_attempt(self, request: Request) -> None:
                request.headers["X-Signature"] = sign(request.target)
        ```
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_method_names(cls, Hook)

    @property
    def name(self) -> str:
        """What it is called in errors and logs: the name of its class."""
        return type(self).__name__

    def before_call(self, request: Request) -> _Answer:
        """See, and change, a request before anything else happens.

        Headers, target, method and body may be changed; the origin only to one that is trusted.
        A response that is returned is the answer: nothing is sent, no slot of the rate limit is
        taken, no hook further in is asked, and those further out see it in `after_call`.
        """

    def after_call(self, request: Request, response: RawResponse) -> _Answer:
        """See the last response of a call, of any status; one that is returned takes its place.

        It is not parsed yet: the error for its status is raised after the hooks.
        """

    def call_failed(self, request: Request, error: BaseException) -> _Nothing:
        """See why a call ended without a response: any error, a cancellation included.

        The error goes on whatever is done here. An error that is raised here is logged, and named
        in a note of the first one.
        """

    def before_attempt(self, request: Request) -> _Answer:
        """See, and change, each request that is sent, redirects included; as `before_call`."""

    def after_attempt(self, request: Request, response: RawResponse) -> _Answer:
        """See the response to each request that was sent; as `after_call`."""

    def attempt_failed(self, request: Request, error: BaseException) -> _Nothing:
        """See why no response to a request came; as `call_failed`."""
