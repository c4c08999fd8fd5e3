"""`SyncTasks`: the requests of a hedged call, each in a thread."""

from __future__ import annotations

import _thread
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from .hedging import Run
from .sync_cutter import Cutter
from .sync_threads import launch

__all__ = ["SyncTasks"]


class SyncTasks:
    """The requests of a call that are under way at once."""

    def __init__(self) -> None:
        # A queue, as a handler of a signal may raise at any time: nothing stays locked.
        self._ended: SimpleQueue[None] = SimpleQueue()
        self._cutters: list[Cutter] = []

    def start(self, function: Callable[[Run], None], run: Run) -> None:
        """Call a function, which raises nothing, in a thread."""
        self._cutters.append(Cutter(run.call))
        # A daemon: it may wait for the addresses of a host when the program ends.
        thread = threading.Thread(
            target=contextvars.copy_context().run,
            args=(self._do, function, run),
            name="hedged request",
            daemon=True,
        )
        # Who starts a `Thread` waits for it, with a lock that a handler of a signal would break.
        _thread.start_new_thread(launch, (thread,))

    def wait(self, seconds: float | None) -> None:
        """Wait until one ends, or for so many seconds."""
        with suppress(Empty):
            self._ended.get(
                timeout=None if seconds is None else min(seconds, threading.TIMEOUT_MAX)
            )

    def close(self) -> None:
        """Break off those that are under way; they end by themselves, in their threads."""
        for cutter in self._cutters:
            cutter.cut()

    def _do(self, function: Callable[[Run], None], run: Run) -> None:
        try:
            if run.claim():
                function(run)
        finally:
            self._ended.put(None)
