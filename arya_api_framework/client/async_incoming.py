"""`AsyncIncoming`: a body on its way in, read piece by piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import http_exceptions

from ..errors import ClientClosedError, FrameworkException
from .async_errors import hush, translate
from .call import Call
from .request import Request

if TYPE_CHECKING:
    from .async_events import Told
    from .async_timer import Timer

__all__ = ["AsyncIncoming"]

_RAISED = (aiohttp.ClientError, http_exceptions.HttpProcessingError, OSError, RuntimeError)


class AsyncIncoming:
    """A body on its way in.

    Attributes:
        coding: The content coding that is still to be decoded, empty for none.
    """

    __slots__ = (
        "__weakref__",
        "_answer",
        "_call",
        "_is_closed",
        "_request",
        "_timer",
        "_told",
        "coding",
    )

    def __init__(
        self,
        answer: aiohttp.ClientResponse,
        request: Request,
        call: Call,
        timer: Timer,
        is_closed: Callable[[], bool],
        coding: str = "",
    ) -> None:
        self._answer = answer
        self._request = request
        self._call = call
        self._timer = timer
        self._told: Told | None = call.told
        self._is_closed = is_closed
        self.coding = coding
        timer.bodies.add(self)
        connection: Any = answer.connection
        protocol = None if connection is None else connection.protocol
        if protocol is not None:
            # aiohttp counts the time in which nobody reads, too.
            protocol.read_timeout = None
            protocol.start_timeout()

    async def read(self) -> bytes:
        """Return what came next, empty at the end, where the connection is given back.

        Raises:
            TransportError: The body does not come whole.
        """
        content = self._answer.content
        try:
            wait = self._call.time_for("read", "yes")
            broken = content.exception()
            if broken is None:
                piece = content.read_nowait()
            else:
                # What came before the connection broke has come, and is no less right.
                piece = content._read_nowait(-1)  # pyright: ignore[reportPrivateUsage]
                if not piece:
                    raise broken
            if not piece and not content.at_eof():
                piece = await self._wait(wait)
            if piece and self._told is not None:
                await self._told.tell("response_chunk_received", size=len(piece))
        except BaseException as error:
            self._answer.close()
            self._release()
            if isinstance(error, FrameworkException) or not isinstance(error, _RAISED):
                raise
            if self._is_closed():
                closed = ClientClosedError("the client was closed while a body was read")
                closed.sent = "yes"
                raise closed from error
            translated = translate(error, self._request, self._call, self._answer)
            hush(error, self._request)
            raise translated from error
        if not piece:
            self._release()
        return piece

    async def _wait(self, seconds: float | None) -> bytes:
        call, timer = self._call, self._timer
        timer.watch(call, None if seconds is None else time.monotonic() + seconds)
        try:
            piece = await self._answer.content.readany()
            if timer.fired(call):  # pragma: no cover - the piece came in the very same turn
                raise asyncio.CancelledError
        except BaseException as error:
            if timer.absorb(call):
                raise call.timed_out("read", "yes") from error
            raise
        finally:
            timer.forget(call)
        return piece

    async def close(self) -> None:
        """Give the connection back: to the pool where the rest of the body is here already."""
        try:
            if not self._answer.content.is_eof():
                await asyncio.sleep(0)  # What the socket holds is read by the loop.
        finally:
            self._release()

    def break_off(self) -> None:
        """Close the connection now; whoever waits for the body is told."""
        content = self._answer.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientConnectionError("broken off"))
        self._answer.close()
        self._release()

    def _release(self) -> None:
        self._timer.bodies.discard(self)
        self._answer.release()
