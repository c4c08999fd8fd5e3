"""`SyncHooks`: runs the hooks around one call of a `SyncClient`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..errors import FrameworkException
from .body import check_sync_body
from .call import Call
from .call_log import DEBUG, CallLog, log_hook_error
from .hook_chain import Layer, check_answer, check_changes, make_sync_layer
from .request import Request
from .response import RawResponse

if TYPE_CHECKING:
    from logging import Logger

__all__ = ["Send", "SyncHooks"]

Send: TypeAlias = Callable[[Request, Call], RawResponse]


class SyncHooks:
    """The hooks around one call, and the log of what is sent, which is the innermost of them.

    A layer is open from the end of its `before_*` until it is told how it went.

    Attributes:
        send: Sends a request, within the hooks that see each one.
    """

    __slots__ = (
        "_attempts",
        "_base",
        "_call",
        "_logger",
        "_open",
        "_raised",
        "_request",
        "_sent",
        "_transport_send",
        "send",
    )

    def __init__(self, call: Call, send: Send, logger: Logger) -> None:
        self._call = call
        self._logger = logger
        self._transport_send = self.send = send
        self._attempts: tuple[Layer, ...] = ()
        self._open: list[Layer] = []
        self._raised: list[BaseException] = []  # Several requests of a call may be under way.
        # What hooks change is this call's alone: a request that was built may be sent again.
        self._request = self._base = self._sent = call.request = copy.copy(call.request)

    def has_raised(self, error: BaseException) -> bool:
        """Return whether an error is one that a hook raised."""
        return any(one is error for one in self._raised)

    def before_call(self) -> RawResponse | None:
        """Begin the call; a response is the answer, which a hook gave."""
        plan = self._call.policy.hooks.sync_plan
        self._attempts = plan.attempt
        if self._logger.isEnabledFor(DEBUG):
            log = CallLog(self._logger, self._call)
            self._attempts += (make_sync_layer(log, "attempt"),)
        if self._attempts:
            self.send = self._send_attempt
        return self._enter(plan.call, self._open, self._request)

    def after_call(self, response: RawResponse) -> RawResponse:
        """Show the response of the call, and return what the hooks made of it."""
        return self._leave(self._open, self._request, response)

    def call_failed(self, error: BaseException) -> None:
        """Show what ended the call."""
        if isinstance(error, FrameworkException) and not self.has_raised(error):
            self._call.conclude(error)
        self._fail(self._call, self._open, self._request, error)

    def _send_attempt(self, request: Request, call: Call) -> RawResponse:
        # A redirect led there; the same one again is changed anew. Several may be sent at once.
        base = self._base = self._base if request is self._sent else request
        request = self._sent = call.request = copy.copy(base)
        request.state = self._request.state
        opened: list[Layer] = []
        try:
            response = self._enter(self._attempts, opened, request)
            if response is None:
                response = self._transport_send(request, call)
            return self._leave(opened, request, response)
        except BaseException as error:
            self._fail(call, opened, request, error)
            raise

    def _enter(
        self, layers: tuple[Layer, ...], opened: list[Layer], request: Request
    ) -> RawResponse | None:
        original = copy.copy(request)
        for layer in layers:
            if layer.before is not None:
                try:
                    answer: Any = layer.before(request)
                except BaseException as error:
                    self._raise(error, layer, "before")
                    raise
                if answer is not None:
                    return check_answer(answer, request, layer)
            opened.append(layer)
        trusted = self._call.policy.trusted_origins
        check_changes(request, original, trusted, check_sync_body)
        return None

    def _leave(self, opened: list[Layer], request: Request, response: RawResponse) -> RawResponse:
        while opened:
            layer = opened.pop()
            if layer.after is not None:
                try:
                    answer: Any = layer.after(request, response)
                except BaseException as error:
                    self._raise(error, layer, "after")
                    raise
                if answer is not None:
                    response = check_answer(answer, request, layer)
        return response

    def _fail(
        self, call: Call, opened: list[Layer], request: Request, error: BaseException
    ) -> None:
        if isinstance(error, FrameworkException) and not self.has_raised(error):
            call.explain(error)
        while opened:
            layer = opened.pop()
            if layer.failed is not None:
                try:
                    layer.failed(request, error)
                except Exception as own:  # noqa: BLE001 - what ended the call goes on
                    log_hook_error(self._logger, layer, own, error)

    def _raise(self, error: BaseException, layer: Layer, part: Literal["before", "after"]) -> None:
        self._raised.append(error)
        if isinstance(error, Exception):
            layer.blame(error, part)
