"""`Conversation`: the flow of an `Auth`, run step by step; nothing here waits or sends."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..auth.base import Auth
from ..errors import AuthError, ConfigurationError
from ..errors.base import Sent
from ..options import LARGEST
from .placed import AuthText
from .request import Request

if TYPE_CHECKING:
    from .call import Call
    from .response import RawResponse

__all__ = ["Conversation", "is_wanted"]


def is_wanted(auth: Auth, request: Request, call: Call) -> bool:
    """Return whether a request is to carry credentials: where it goes, and what it has already."""
    if auth.header is not None and not isinstance(request.headers.get(auth.header), AuthText):
        return False  # The call gave the field, or a redirect led away from home.
    return call.may_authenticate(request.origin)


class Conversation:
    """One flow of an `Auth`, from its first step to its last.

    Attributes:
        step: What is to be done now; `None` when it is over.
        response: The response to the last request that was sent.
    """

    __slots__ = ("_auth", "_call", "_flow", "_home", "_is_sent", "response", "step")

    def __init__(self, auth: Auth, request: Request, call: Call) -> None:
        self._auth = auth
        self._call = call
        self._home = request.origin
        self._is_sent = False
        self.response: RawResponse | None = None
        self.step: Request | Future[Any] | float | None = None
        request = copy.copy(request)
        if auth.header is not None:
            request.headers.popall(auth.header)  # Room for it, or what it was at the last hop.
        self._flow = auth.flow(request)
        given: object = self._flow
        if not isinstance(given, Generator):
            raise ConfigurationError(
                f"the flow of {type(auth).__name__} must be a generator, which yields requests, "
                f"got {type(given).__name__}"
            )
        self._go_on(self._flow.send, None)

    def answer(self, answer: RawResponse | None) -> None:
        """Give the flow the response to its request, `None` after a wait."""
        if answer is not None:
            self.response = answer
        self._go_on(self._flow.send, answer)

    def fail(self, error: Exception) -> None:
        """Raise in the flow what came in place of a response; it may go on all the same."""
        self._go_on(self._flow.throw, error)

    def close(self) -> None:
        """End the flow, wherever it is: what ends the call goes on, whatever the flow does."""
        with suppress(Exception):
            self._flow.close()

    def is_elsewhere(self, request: Request) -> bool:
        """Return whether a request goes to another origin, such as that of a token endpoint."""
        return request.origin != self._home

    def patience(self, seconds: float | None = None) -> float | None:
        """Return how long a wait may take, of so many seconds, `None` for as long as it does.

        Raises:
            RequestTimeout: The time of the call is over.
        """
        ends = self._call.ends
        if ends is None:
            return seconds
        left = ends - time.monotonic()
        if left <= 0:
            sent: Sent = "yes" if self._is_sent else "no"
            raise self._call.timed_out("read", sent, "waiting for its authentication")
        return left if seconds is None else min(seconds, left)

    def result(self) -> RawResponse:
        """Return the response of the call.

        Raises:
            ConfigurationError: The flow has sent nothing.
        """
        if self.response is None:
            raise ConfigurationError(
                f"the flow of {type(self._auth).__name__} ended without a response: it must yield "
                "a request, and raise what it cannot answer"
            )
        return self.response

    def mark(self, request: Request) -> Request:
        """Return a request in which the credentials are known as such, for a redirect to come.

        Raises:
            ConfigurationError: What the `Auth` made of it can never be sent.
            BodyNotReplayable: It was sent before, and its body can be read once.
        """
        # The next one is a copy: a redirect, and an error, tell of this one.
        request = copy.copy(request)
        request.validate()
        name = self._auth.header
        if not self.is_elsewhere(request):
            self._is_sent = True
            given = None if name is None else request.headers.get(name)
            if name is not None and given is not None:
                request.headers[name] = AuthText(given)
        self._call.request = request
        return request

    def _go_on(self, resume: Callable[[Any], Any], value: object) -> None:
        try:
            step: object = resume(value)
        except StopIteration:
            self.step = None
            return
        except (AuthError, ConfigurationError) as error:
            if self._is_sent and error.sent == "no":
                error.sent = "yes"  # The server has read the request, and wants more.
            raise
        if isinstance(step, int | float) and not isinstance(step, bool) and 0 <= step <= LARGEST:
            self.step = step
            return
        if isinstance(step, Request | Future):
            self.step = step
            return
        self.close()
        shown = repr(step) if isinstance(step, int | float) else type(step).__name__
        raise ConfigurationError(
            f"the flow of {type(self._auth).__name__} yields a Request, a Future or seconds, got "
            f"{shown}"
        )
