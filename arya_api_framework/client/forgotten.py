"""A client that nobody closed: its connections are closed, and one warning says where it was made.

`weakref.finalize` rather than `__del__`: it runs before the finalizers of what a transport holds,
some of which print header fields, never on a half-made instance, and at exit while all still works.
"""

from __future__ import annotations

import functools
import sys
import warnings
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

__all__ = ["Made", "find_caller", "when_forgotten"]

_PACKAGE = f"{__name__.partition('.')[0]}."


class Made(NamedTuple):
    """Which client it is: the name of its class, and the place where it was made."""

    name: str
    file: str
    line: int


def find_caller() -> tuple[str, int]:
    """Return the file and the line outside of this package that led here.

    The frame itself is not kept, as its variables may be secrets.
    """
    _go_first_at_exit()
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


@functools.cache
def _go_first_at_exit() -> None:
    """Let what is registered with `atexit` once there is a client run before its warning.

    The first finalizer of all registers the one that runs them.
    """
    weakref.finalize(_go_first_at_exit, int).detach()


def when_forgotten(
    owner: Any, made: Made | None, way: str, release: Callable[[bool], None]
) -> Callable[[], Any]:
    """Warn when an object is collected, or exists at exit, and nobody called what is returned.

    Args:
        owner: The object.
        made: Which client it belongs to, `None` for one of which nothing is said.
        way: How such a client is closed.
        release: Closes what it opened; told whether the process exits. It must not keep `owner`.
    """
    return weakref.finalize(owner, _tell, weakref.ref(owner), made, way, release).detach


def _tell(
    owner: weakref.ref[Any], made: Made | None, way: str, release: Callable[[bool], None]
) -> None:
    # At exit it still exists, and another thread may be in the middle of a call.
    release(owner() is not None)
    if made is None:
        return
    text = f"{made.name} made at {made.file}:{made.line} was not closed; {way}"
    place = made.file, made.line
    try:
        warnings.warn_explicit(text, ResourceWarning, *place)
    except ResourceWarning as error:
        # With `-W error`: nobody can catch what is raised here, Python would print a traceback.
        with suppress(Exception):
            warnings.showwarning(error, ResourceWarning, *place)
