"""`SyncAuth`: holds the conversations of an `Auth` for one call of a `SyncClient`."""

from __future__ import annotations

from ..auth.base import Auth
from .call import Call
from .conversation import Conversation, is_wanted
from .request import Request
from .response import RawResponse
from .sync_hooks import Send
from .sync_wait import wait_done

__all__ = ["SyncAuth"]


class SyncAuth:
    """What stands between a call and its gate, where requests carry what an `Auth` makes."""

    __slots__ = ("_auth", "_send", "_send_elsewhere")

    def __init__(self, auth: Auth, send: Send, send_elsewhere: Send) -> None:
        self._auth = auth
        self._send = send
        self._send_elsewhere = send_elsewhere

    def send(self, request: Request, call: Call) -> RawResponse:
        """Send a request with its credentials, and what its flow asks for besides."""
        from ..rate_limit.sync_wait import sleep

        if not is_wanted(self._auth, request, call):
            return self._send(request, call)
        flow = Conversation(self._auth, request, call)
        try:
            while (step := flow.step) is not None:
                answer = None
                try:
                    if isinstance(step, Request):
                        send = self._send_elsewhere if flow.is_elsewhere(step) else self._send
                        answer = send(flow.mark(step), call)
                    elif isinstance(step, float | int):
                        sleep(flow.patience(step) or 0)
                        flow.patience()
                    else:
                        is_done = False
                        while not is_done:
                            wait_done(step, flow.patience())
                            is_done = step.done()
                except Exception as error:  # noqa: BLE001 - the flow is told, and raises it
                    flow.fail(error)
                else:
                    flow.answer(answer)
        finally:
            flow.close()
        return flow.result()
