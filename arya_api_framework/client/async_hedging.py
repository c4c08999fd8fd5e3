"""`AsyncHedge`: sends a request again while it is slow, and takes the answer that is first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from .async_gate import AsyncGate
from .async_hooks import AsyncHooks, Send
from .async_tasks import AsyncTasks
from .call import Call
from .config import WITH_KEYS
from .hedging import Race, Run, may_hedge
from .origins import Origins
from .request import Request
from .response import RawResponse

if TYPE_CHECKING:
    from logging import Logger

    from ..rate_limit.window import SlidingWindow
    from .controls import Controls

__all__ = ["AsyncHedge"]


class AsyncHedge:
    """What stands between a hedged call and its transport: each request passes the gate."""

    __slots__ = ("_gate", "_hooks", "_logger", "_origins", "_send")

    def __init__(
        self,
        controls: Controls | None,
        limiter: SlidingWindow | None,
        origins: Origins,
        send: Send,
        hooks: AsyncHooks | None,
        logger: Logger,
    ) -> None:
        self._gate = AsyncGate(controls, limiter, origins, send)
        if controls is not None and controls.credentials is not None:
            raise ConfigurationError(WITH_KEYS)
        self._origins = origins
        self._send = send
        self._hooks = hooks
        self._logger = logger

    async def send(self, request: Request, call: Call) -> RawResponse:
        """Send a request, and others like it where that is safe and it is slow."""
        hedge = call.policy.hedge
        if hedge is None or not may_hedge(call):
            return await self._gate.send(request, call)
        race = Race(call, hedge, self._origins, self._logger)
        tasks = AsyncTasks()
        try:
            run = race.start()
            run.passage = self._gate.begin(run.call.request, run.call)
            await self._gate.enter(run.passage, run.call)
            race.begin(run)
            tasks.start(self._run, run)
            while (winner := race.find_winner()) is None:
                further = race.next_run()
                if further is not None:
                    await self._start(race, further, tasks)
                elif race.is_running:
                    await tasks.wait(race.wait)
            return race.finish(winner)
        finally:
            race.stop()
            await tasks.close()

    async def _start(self, race: Race, run: Run, tasks: AsyncTasks) -> None:
        try:
            run.passage = self._gate.begin(run.call.request, run.call)
            await self._gate.enter(run.passage, run.call)
            if race.find_winner() is not None:  # It came while this one was let through.
                race.leave_out(run)
                return
            race.begin(run)
            tasks.start(self._run, run)
        except Exception:  # noqa: BLE001 - the first is still under way, and may well succeed
            race.leave_out(run)

    async def _run(self, run: Run) -> None:
        assert run.passage is not None
        try:
            run.succeed(await self._send(run.passage.request, run.call))
        except BaseException as error:  # noqa: BLE001 - the call is told
            hooks = self._hooks
            run.fail(error, hooks is not None and hooks.has_raised(error))
