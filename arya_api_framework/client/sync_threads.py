"""How threads are begun. It has no asynchronous twin: an event loop begins tasks by itself."""

from __future__ import annotations

import threading

__all__ = ["launch"]


def launch(  # pragma: no cover - in threads of `_thread`, which coverage does not follow
    thread: threading.Thread,
) -> None:
    """Start a thread, or do its work here where there can be no more of them."""
    try:
        thread.start()
    except RuntimeError:  # There can be no thread more than this one.
        thread.run()
