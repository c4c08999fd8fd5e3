"""What is done in the child of a fork: locks are freed, connections are left to the parent."""

from __future__ import annotations

import functools
import os
import sys
import weakref
from typing import Any

__all__ = ["start_over_in_child"]

_kept: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def start_over_in_child(one: Any, method: str = "start_over") -> None:
    """Call a method of an object in every child that is forked while the object exists.

    A thread that holds a lock does not exist in the child, so the lock would never be free; and a
    child that read from a connection, or closed it, would rob its parent.

    Args:
        one: The object; nothing here keeps it.
        method: Its method, which must not take any lock.
    """
    _register()
    _kept[one] = method


@functools.cache
def _register() -> None:
    # Not at import, which has no side effects.
    if sys.platform != "win32":  # pragma: no branch - Windows has no fork
        os.register_at_fork(after_in_child=_start_over)


def _start_over() -> None:
    for one, method in list(_kept.items()):
        getattr(one, method)()
