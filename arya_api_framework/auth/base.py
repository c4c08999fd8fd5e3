"""`Auth`: what puts credentials into requests, the same object for both kinds of client."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeAlias

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ..client.request import Request

__all__ = ["Auth", "Flow", "Step"]

Step: TypeAlias = "Request | Future[Any] | float"
"""What a flow asks for: a request to be sent, a future to be waited for, seconds to pass."""

Flow: TypeAlias = "Generator[Step, Any, None]"
"""A conversation: it yields each `Step`, and is given the response to each request."""


class Auth:
    """Puts credentials into requests; subclass it and override `apply` or `flow`.

    One object serves any number of clients of both kinds, in threads and tasks at once.
    It is asked for every request that goes to the client's own origin or a trusted one, redirects
    included, after the hooks of the call and before the rate limit.

    Attributes:
        header: The field that it fills. A call that gives the field itself is sent without this
            `Auth`. `None` where it fills none.
        repeatable: Whether what it makes is good for two requests at once. Only then are its calls
            [hedged](../guides/retries.md#hedge-a-slow-call); a nonce, or a count, is not.

    Example:
        ```python
        class Ticket(Auth):
            header = "X-Ticket"

            def apply(self, request: Request) -> None:
                request.headers["X-Ticket"] = issue_ticket(request.method, request.target)
        ```
    """

    header: str | None = "Authorization"
    repeatable: bool = False

    def apply(self, request: Request) -> None:
        """Put fixed credentials into a request that is about to be sent.

        Headers, target and body may be changed; it is the request's own copy.
        """

    def flow(self, request: Request) -> Flow:
        """Hold the conversation that a request needs, as a generator; for fixed credentials, none.

        It yields a request to have it sent, and is given the `RawResponse`: of any status, and of
        any origin. The response to the last one is that of the call. It may also yield a
        `concurrent.futures.Future` to wait until that is done, or a number of seconds to let pass;
        a client of either kind does so in its own way.

        It goes on where a future has a result, an error or was cancelled by its owner, alike on
        both kinds of client: what became of it is told by `future.result()`.

        What cannot be sent, or does not come in the time of the call, is raised at the `yield`. A
        call that is cancelled or interrupted closes the flow where it is, which may clean up in a
        `finally`, and cannot go on.

        A request to the client's own origin takes a slot of its rate limit, any other none.

        Example:
            ```python
            def flow(self, request: Request) -> Flow:
                response = yield request
                if response.status == 401:
                    request.headers["Authorization"] = answer(response.headers)
                    yield request
            ```
        """
        self.apply(request)
        yield request

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds credentials and cannot be pickled")
