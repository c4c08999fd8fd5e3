"""`SyncDownloadTasks`: the connections of a download, each in a thread."""

from __future__ import annotations

import contextvars
import math
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from .call import Call
from .sync_cutter import Cutter

__all__ = ["SyncDownloadTasks"]

T = TypeVar("T")

_PATIENCE = 1.0
"""Who was broken off is waited for so long, in seconds; it may be connecting."""


class _Broken(Exception):
    """The download is over: nothing more is to be read or written."""


class SyncDownloadTasks:
    """The connections of a download that are under way at once.

    Attributes:
        batch: How many bytes are written at once.
    """

    batch = 256 * 1024  # While they are in the caches of the processor.

    def __init__(self) -> None:
        # Held while a file is written: whoever was broken off writes no more.
        self._gate = threading.Lock()
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []
        self._cutters: dict[int, tuple[Call, Cutter]] = {}

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function that blocks."""
        with self._gate:
            self.check()
            return function(*arguments)

    def rest(self, seconds: float) -> None:
        """Wait for so many seconds."""
        self._over.wait(seconds)
        self.check()

    def check(self) -> None:
        """Go no further where another one has failed."""
        if self._over.is_set():
            raise _Broken

    def watch(self, options: dict[str, Any]) -> None:
        """Add to the options of a call what is needed to break it off."""
        options["watch"] = self._hold

    def _hold(self, call: Call) -> None:
        self._cutters[threading.get_ident()] = call, Cutter(call)
        self.check()

    def start(self, function: Callable[[], None]) -> None:
        """Call a function while others run."""
        # A daemon: it may be connecting when the program ends.
        thread = threading.Thread(
            target=contextvars.copy_context().run,
            args=(self._do, function),
            name="part of a download",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:  # There can be no thread more; the others do its work.
            return
        self._threads.append(thread)

    def run(self, function: Callable[[], None]) -> None:
        """Call a function, and wait for its end and for those that it started.

        Raises what the first of them raised that failed; then the others are broken off.
        """
        try:
            self._do(function)
            for thread in self._threads:
                thread.join()
        except BaseException as error:  # noqa: BLE001 - raised below
            self._fail(error)
        failure, self._failure = self._failure, None
        if failure is None:
            return
        with self._gate:
            until = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        try:
            raise failure
        finally:
            del failure  # Its traceback leads here.

    def _do(self, function: Callable[[], None]) -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._gate:
            if self._over.is_set():
                return
            self._failure = error
            self._over.set()
        for call, cutter in tuple(self._cutters.values()):
            call.deadline = -math.inf  # No other attempt begins.
            cutter.cut()
