"""`SyncPageTask`: the call for a page that is asked for ahead of its turn, in a thread."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

__all__ = ["SyncPageTask"]


class SyncPageTask:
    """A call that is under way."""

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
        """Leave the call to itself; it ends in its thread."""
        self._future.cancel()

    def _do(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        if not self._future.set_running_or_notify_cancel():
            return
        try:
            result = function(*arguments)
        except BaseException as error:  # noqa: BLE001 - raised where the page is waited for
            self._future.set_exception(error)
        else:
            self._future.set_result(result)
