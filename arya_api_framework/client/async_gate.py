"""`AsyncGate`: lets the requests of one call of an `AsyncClient` through, one by one."""

from __future__ import annotations

import time

from ..rate_limit.window import SlidingWindow, restamp
from .async_hooks import Send
from .budget import charge
from .call import Call
from .controls import NO_CONTROLS, Controls, Passage
from .credentials import Trial
from .origins import Origins
from .request import Request
from .response import RawResponse

__all__ = ["AsyncGate"]

_STEP = 1.0
"""Seconds after which a call that waits for a key looks whether one was restored."""


class AsyncGate:
    """What stands between a call and its transport, where a client has limits."""

    __slots__ = ("_controls", "_limiter", "_origins", "_send")

    def __init__(
        self, controls: Controls | None, limiter: SlidingWindow | None, origins: Origins, send: Send
    ) -> None:
        self._controls = controls or NO_CONTROLS
        self._limiter = limiter
        self._origins = origins
        self._send = send

    async def send(self, request: Request, call: Call) -> RawResponse:
        """Send a request when everything lets it through, and again if its key is refused."""
        trial = self._controls.find_trial(request, call)
        while True:
            response = await self._pass(request, call, trial)
            if trial is None or not trial.goes_on(response, self._origins):
                return response

    async def _pass(self, request: Request, call: Call, trial: Trial | None) -> RawResponse:
        passage = self.begin(request, call, trial)
        try:
            await self.enter(passage, call)
            response = await self._send(passage.request, call)
            passage.succeed(response)
        except BaseException as error:
            passage.fail(error)
            raise
        return response

    def begin(self, request: Request, call: Call, trial: Trial | None = None) -> Passage:
        """Return the passage of a request, which takes nothing before it enters."""
        return self._controls.begin(request, call, self._limiter, trial)

    async def enter(self, passage: Passage, call: Call) -> None:
        """Let a request through as soon as everything does; its passage is then told of its end."""
        passage.check_circuit()
        if self._origins.paused or not passage.try_enter():
            await self._wait(passage, call)
        if self._origins.budgets:
            charge(self._origins)
        passage.start()

    async def _wait(self, passage: Passage, call: Call) -> None:
        """Wait for the end of pauses, a key and slots, and hold no slot while waiting for others.

        What was waited for last is looked at again: a pause may have been asked for meanwhile.
        """
        from ..rate_limit.async_wait import sleep, take

        start = time.monotonic()
        origin, trial, waiter = passage.request.origin.prefix, passage.trial, passage.waiter
        while True:
            while (left := self._origins.pause_left(origin)) > 0:
                call.check_wait(left)
                await sleep(left)
            while trial is not None and (left := trial.wait()) > 0:
                # In steps, as a key may be restored meanwhile.
                await sleep(min(left, _STEP))
            if waiter is not None:
                await take(waiter)
            while passage.shared:
                limit, key, cost = passage.shared[0]
                await limit.find_async_share(key).acquire(cost, call.deadline)
                passage.shared.pop(0)  # It is taken for good.
                if waiter is not None and not restamp(waiter):
                    await take(waiter)
            if self._origins.pause_left(origin) <= 0 and passage.take_key():
                break
            passage.leave_slots()
        call.extend(time.monotonic() - start)
