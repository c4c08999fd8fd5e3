"""Files that one of several processes has for itself: opened, locked, and put on the disk."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

__all__ = ["NO_LINK", "NO_WAIT", "is_at", "open_locked", "sync_folder", "unlock"]

_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
"""What the system says of a lock that somebody else holds."""


def open_locked(path: str, mode: int, flags: int = 0) -> int | None:
    """Open a file and lock it; `None` where somebody else has, or it was deleted just now.

    Args:
        path: Where it is; it is made where there is none. A link is not followed.
        mode: What it is made with.
        flags: More of those for `os.open`.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK | NO_WAIT | flags, mode)
    is_ours = False
    try:
        # Who locks a file that is not there any more shuts out nobody.
        is_ours = _is_locked(handle) and is_at(handle, path)
    finally:
        if not is_ours:
            os.close(handle)
    return handle if is_ours else None


def _is_locked(handle: int) -> bool:
    """Lock a file, unless somebody else has."""
    try:
        _lock(handle)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        return False
    return True


def is_at(handle: int, path: str) -> bool:
    """Return whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


if sys.platform == "win32":  # pragma: no cover - Windows
    import msvcrt

    NO_LINK = NO_WAIT = 0

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def unlock(handle: int) -> None:
        """Give back the lock of a file."""
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

    def sync_folder(folder: str) -> None:
        """Do nothing: no folder can be opened here."""
else:
    import fcntl

    NO_LINK, NO_WAIT = os.O_NOFOLLOW, os.O_NONBLOCK

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def unlock(handle: int) -> None:
        """Give back the lock of a file."""
        fcntl.flock(handle, fcntl.LOCK_UN)

    def sync_folder(folder: str) -> None:
        """Have the name of a new file outlive a crash of the system."""
        with suppress(OSError):  # The file is in place, though this folder cannot be opened.
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
