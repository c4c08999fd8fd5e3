"""What a flow waits for, how its waits end, and what becomes of it when its call is cancelled."""

import asyncio
import gc
import signal
import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest

from arya_api_framework import Request, SyncClient
from arya_api_framework.auth import Auth, Flow
from arya_api_framework.client.async_wait import wait_done
from arya_api_framework.errors import RequestTimeout
from tests.conftest import Kind
from tests.patience import LATE, PATIENCE
from tests.scripted import Scripted, answer


class Wait(Auth):
    """Waits for something before it sends, and notes what became of that."""

    def __init__(self, step: Any, *before: Any) -> None:
        self.step = step
        self.before = before
        self.heard: list[str] = []
        self.waits = threading.Event()

    def flow(self, request: Request) -> Flow:
        """Wait, and say how it went."""
        if self.before:
            yield request
        try:
            self.waits.set()
            yield self.step
            is_cancelled = isinstance(self.step, Future) and self.step.cancelled()
            self.heard.append("cancelled" if is_cancelled else "done")
        except Exception as error:
            self.heard.append(type(error).__name__)
            raise
        finally:
            self.heard.append("closed")
        yield request


@pytest.mark.parametrize("step", [60.0, Future()])
async def test_a_wait_that_is_too_long_ends_with_a_timeout(kind: Kind, step: Any) -> None:
    """It is raised at the `yield`, so that no flow takes it for the end of its wait."""
    auth = Wait(step)
    async with Scripted() as server:
        client = kind.client(server.url, auth=auth)
        with pytest.raises(RequestTimeout, match="now waiting for its authentication") as caught:
            await client.get("/", timeout=0.2)
        assert caught.value.sent == "no"
        assert server.log == []
    assert auth.heard == ["RequestTimeout", "closed"]


async def test_a_wait_after_a_request_tells_that_this_was_sent(kind: Kind) -> None:
    """The server has read it."""
    async with Scripted(answer(401)) as server:
        client = kind.client(server.url, auth=Wait(60, "a request"))
        with pytest.raises(RequestTimeout) as caught:
            await client.get("/", timeout=0.2)
        assert caught.value.sent == "yes"


async def test_a_call_without_any_limit_of_time_waits_for_a_future(kind: Kind) -> None:
    """As long as it takes."""
    auth = Wait(Future())
    async with Scripted() as server:
        client = kind.client(server.url, auth=auth, timeout=None)
        call = asyncio.ensure_future(client.get("/"))
        await asyncio.to_thread(auth.waits.wait, PATIENCE)
        auth.step.set_result(None)
        assert await call == {}


async def test_a_future_that_its_owner_cancels_ends_the_wait(kind: Kind) -> None:
    """Alike on both kinds: the flow goes on, and may ask for the result."""
    auth = Wait(Future())
    async with Scripted() as server:
        client = kind.client(server.url, auth=auth)
        start = time.monotonic()
        call = asyncio.ensure_future(client.get("/", timeout=PATIENCE))
        await asyncio.to_thread(auth.waits.wait, PATIENCE)
        await asyncio.sleep(0.1)  # So that it waits, most likely.
        assert auth.step.cancel()
        assert await call == {}
        assert time.monotonic() - start < 0.1 + LATE
    assert auth.heard == ["cancelled", "closed"]


async def test_a_future_keeps_nothing_of_waits_that_were_given_up() -> None:
    """However many there were: a task, or the loop, is not kept for the life of the future."""
    future: Future[None] = Future()
    tasks = [asyncio.ensure_future(wait_done(future, None)) for _ in range(100)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await wait_done(future, 0.01)
    callbacks: list[Any] = future._done_callbacks  # type: ignore[attr-defined]
    assert len(callbacks) == 1
    waits = asyncio.ensure_future(wait_done(future, None))
    await asyncio.sleep(0)
    future.set_result(None)
    await asyncio.wait_for(waits, PATIENCE)


async def test_a_loop_that_is_closed_does_not_keep_others_from_waking() -> None:
    """The task that waited there is not woken, and all others are."""
    future: Future[None] = Future()
    gone = asyncio.new_event_loop()
    gone.set_exception_handler(lambda *_: None)  # It tells of the task that it leaves behind.

    def leave_behind() -> Any:
        task = gone.create_task(wait_done(future, None))
        gone.call_soon(gone.call_soon, gone.stop)
        gone.run_forever()
        gone.close()
        return task

    left = await asyncio.to_thread(leave_behind)
    waits = asyncio.ensure_future(wait_done(future, None))
    await asyncio.sleep(0)
    future.set_result(None)
    await asyncio.wait_for(waits, PATIENCE)
    assert not left.done()
    del left
    gc.collect()


class Stubborn(Auth):
    """Goes on whatever happens to it."""

    def __init__(self, step: Any) -> None:
        self.step = step
        self.heard: list[str] = []

    def flow(self, request: Request) -> Flow:
        """Send, whatever came before."""
        try:
            yield self.step
        except BaseException as error:  # noqa: BLE001 - what no flow should do
            self.heard.append(type(error).__name__)
            yield request


async def test_a_flow_cannot_hold_up_a_task_that_is_cancelled() -> None:
    """It ends as cancelled, and its flow as well, though the error is kept."""
    kind = Kind("async")
    for auth in (Stubborn(Future()), Wait(Future())):
        async with Scripted() as server:
            call = asyncio.ensure_future(kind.client(server.url, auth=auth).get("/"))
            await asyncio.sleep(0.2)  # So that it waits, most likely.
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await call
            assert caught.value.__traceback__ is not None  # And the frames of the call with it.
            assert auth.heard[-1] in ("GeneratorExit", "closed")
            assert server.log == []
    await kind.close()


def test_a_flow_cannot_hold_up_ctrl_c() -> None:
    """It ends the call of the main thread, and the flow is closed by then, though it goes on."""
    main = threading.main_thread().ident
    assert main is not None
    for auth in (Stubborn(Future()), Wait(Future())):
        timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
        with SyncClient("http://127.0.0.1:9", auth=auth) as client:
            timer.start()
            with pytest.raises(KeyboardInterrupt) as caught:
                client.get("/", timeout=PATIENCE)
        timer.join()
        assert caught.value.__traceback__ is not None  # And the frames of the call with it.
        assert auth.heard[-1] in ("GeneratorExit", "closed")
