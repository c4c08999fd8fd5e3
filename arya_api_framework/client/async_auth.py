"""`AsyncAuth`: holds the conversations of an `Auth` for one call of a `AsyncClient`."""

from __future__ import annotations

from ..auth.base import Auth
from .async_hooks import Send
from .async_wait import wait_done
from .call import Call
from .conversation import Conversation, is_wanted
from .request import Request
from .response import RawResponse

__all__ = ["AsyncAuth"]


class AsyncAuth:
    """What stands between a call and its gate, where requests carry what an `Auth` makes."""

    __slots__ = ("_auth", "_send", "_send_elsewhere")

    def __init__(self, auth: Auth, send: Send, send_elsewhere: Send) -> None:
        self._auth = auth
        self._send = send
        self._send_elsewhere = send_elsewhere

    async def send(self, request: Request, call: Call) -> RawResponse:
        """Send a request with its credentials, and what its flow asks for besides."""
        from ..rate_limit.async_wait import sleep

        if not is_wanted(self._auth, request, call):
            return await self._send(request, call)
        flow = Conversation(self._auth, request, call)
        try:
            while (step := flow.step) is not None:
                answer = None
                try:
                    if isinstance(step, Request):
                        send = self._send_elsewhere if flow.is_elsewhere(step) else self._send
                        answer = await send(flow.mark(step), call)
                    elif isinstance(step, float | int):
                        await sleep(flow.patience(step) or 0)
                        flow.patience()
                    else:
                        is_done = False
                        while not is_done:
                            await wait_done(step, flow.patience())
                            is_done = step.done()
                except Exception as error:  # noqa: BLE001 - the flow is told, and raises it
                    flow.fail(error)
                else:
                    flow.answer(answer)
        finally:
            flow.close()
        return flow.result()
