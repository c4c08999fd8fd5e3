"""`AsyncGate`: lets the requests of one call of an `AsyncClient` through, one by one."""

from __future__ import annotations

import time

from ..rate_limit.window import SlidingWindow, restamp, try_take
from .async_hooks import Send
from .budget import charge
from .call import Call
from .controls import NO_CONTROLS, Controls, Passage
from .credentials import Trial
from .origins import Origins
from .request import Request
from .response import RawResponse

__all__ = ["AsyncGate"]


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
            if trial is None or not trial.goes_on(response):
                return response

    async def _pass(self, request: Request, call: Call, trial: Trial | None) -> RawResponse:
        passage = await self.enter(request, call, trial)
        try:
            response = await self._send(passage.request, call)
            passage.succeed(response)
        except BaseException as error:
            passage.fail(error)
            raise
        return response

    async def enter(self, request: Request, call: Call, trial: Trial | None = None) -> Passage:
        """Return a passage when everything lets a request through; it must be told of its end."""
        passage = self._controls.begin(request, call, self._limiter, trial)
        try:
            while True:
                if trial is not None:
                    await self._wait_for_key(trial, call)
                waiter = passage.waiter
                if passage.shared or (waiter is not None and not try_take(waiter)):
                    await self._wait(passage, call)
                if passage.take_key():
                    break
            if self._origins.budgets:
                charge(self._origins)
        except BaseException:
            passage.give_back()
            raise
        passage.start()
        return passage

    async def _wait_for_key(self, trial: Trial, call: Call) -> None:
        """Wait until there is a key, as far as can be known; it is not taken."""
        from ..rate_limit.async_wait import sleep

        start = time.monotonic()
        while (left := trial.wait()) > 0:
            await sleep(left)
        call.extend(time.monotonic() - start)

    async def _wait(self, passage: Passage, call: Call) -> None:
        """Wait for slots, and for the end of a pause that was asked for meanwhile."""
        from ..rate_limit.async_wait import sleep, take

        start = time.monotonic()
        origin = passage.request.origin.prefix
        if passage.waiter is not None:
            await take(passage.waiter)
        is_late = bool(passage.shared)
        while (left := self._origins.pause_left(origin)) > 0:
            call.check_wait(left)
            await sleep(left)
            is_late = True
        for limit, key, cost in passage.shared:
            await limit.find_async_share(key).acquire(cost, call.deadline)
        if is_late and passage.waiter is not None:
            restamp(passage.waiter)
        call.extend(time.monotonic() - start)
