"""`SyncPageTask`: the call for a page that is asked for ahead of its turn, in a thread."""

from __future__ import annotations

import contextvars
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .call import Call
from .sync_cutter import Cutter

__all__ = ["SyncPageTask"]


class SyncPageTask:
    """A call that is under way."""

    _call: Call | None = None
    _cutter: Cutter | None = None
    _is_left = False

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._future: Future[Any] = Future()
        # A daemon: who goes no further does not wait for it when the program ends.
        thread = threading.Thread(
            target=contextvars.copy_context().run,
            args=(self._do, function, arguments),
            name="page asked for ahead",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:  # There can be no thread more than there are.
            self._do(function, arguments)

    def result(self) -> Any:
        """Wait for the end of the call, and return or raise what it did."""
        return self._future.result()

    def cancel(self) -> None:
        """Break the call off; it ends in its thread."""
        self._is_left = True
        self._future.cancel()
        if self._call is not None and self._cutter is not None:
            self._call.deadline = -math.inf  # No other attempt begins.
            self._cutter.cut()

    def _watch(self, call: Call) -> None:
        """Know the call that asks for the page."""
        self._call, self._cutter = call, Cutter(call)
        if self._is_left:
            self.cancel()

    def _do(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        if not self._future.set_running_or_notify_cancel():
            return
        try:
            result = function(*arguments, watch=self._watch)
        except BaseException as error:  # noqa: BLE001 - raised where the page is waited for
            self._future.set_exception(error)
        else:
            self._future.set_result(result)
