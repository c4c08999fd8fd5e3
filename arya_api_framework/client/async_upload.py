"""`Upload`: a body on its way out through aiohttp.

It has no synchronous twin: `sync_exchange` writes bodies to its socket itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

from ..errors import (
    ConfigurationError,
)
from .async_reader import ThreadReader
from .async_timer import Timer
from .body import Body, BytesBody
from .call import Call

__all__ = ["Upload"]


class Upload:
    """A body on its way out through aiohttp.

    Attributes:
        body: The body.
        through: Whether all of it was handed over: an answer before that is an early one.
    """

    __slots__ = ("_call", "_timer", "_write", "body", "through")

    def __init__(self, body: bytes | Body, call: Call, timer: Timer) -> None:
        self.body = body if isinstance(body, Body) else BytesBody(body)
        self.body.error = None
        self.through = False
        self._timer = timer
        self._call = call
        self._write = call.policy.timeout.write

    async def pieces(self) -> AsyncIterator[bytes]:
        """Read the body: files in a thread, so that the loop goes on meanwhile."""
        body = self.body
        sent = 0
        # The task is aiohttp's, which forgets it where the end of a body meets a connection that is
        # gone.
        writer: Any = asyncio.current_task()
        source = body.async_chunks()
        chunks = ThreadReader(body.begun_chunks()) if source is None else None
        writer.add_done_callback(partial(_end, chunks or source))
        try:
            while True:
                if chunks is not None:
                    chunk = await chunks.read()
                else:
                    chunk = await anext(cast("AsyncIterator[bytes]", source), None)
                if chunk is None:
                    self.through = True
                    return
                sent += len(chunk)
                # The server may answer as soon as it has the last byte, before we are back here.
                self.through = sent == body.length
                if chunk:
                    handle = (
                        self._timer.loop.call_later(self._write, self._stall)
                        if self._write
                        else None
                    )
                    yield chunk
                    if handle is not None:
                        handle.cancel()
                body.tell(sent)
                if self.through:
                    # One more step would still run when the answer comes, and aiohttp closes a
                    # connection whose body is not at its end by then.
                    return
        except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            if isinstance(error, ConfigurationError):
                error.sent = "maybe"
            body.error = error
            if isinstance(error, Exception):
                raise
            # Of any other kind aiohttp takes no note.
            raise RuntimeError("the body raised") from error

    def _stall(self) -> None:
        self._timer.fire(self._call)


_closing: set[asyncio.Future[None]] = set()


def _end(chunks: Any, writer: asyncio.Task[object]) -> None:
    """Close what a body that was broken off has open: aiohttp leaves that to the collector.

    What the writer failed with is looked at, as somebody knows it: the call itself tells it.
    """
    if not writer.cancelled():
        writer.exception()
    if isinstance(chunks, ThreadReader):
        chunks.leave()
    elif getattr(chunks, "ag_frame", None) is not None:  # There is nothing to close after the end.
        task = asyncio.ensure_future(chunks.aclose())
        _closing.add(task)
        task.add_done_callback(_closing.discard)
