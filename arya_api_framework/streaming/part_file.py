"""`PartFile`: a file that is filled beside its target, and takes its name when it is whole.

Its methods block: `SyncDownload` calls them as they are, `AsyncDownload` in a thread.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any

from ..errors import FileError, TargetExists
from ..file_lock import NO_LINK, open_locked, sync_folder, unlock
from ..fork import start_over_in_child
from .digests import Digest
from .part_notes import BINARY, Kept, load_notes, read_notes, write_notes

__all__ = ["PartFile", "check_target"]

_LONGEST = 255
_ENDING = ".part"
_NOTES = ".json"
"""At the end of the name of the notes, behind that of the file."""
_READ = 1024 * 1024
_READ_AT_ONCE = 16 * _READ
_MOST_PIECES = 512
"""Systems take a thousand at once."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK, errno.EACCES)


def check_target(target: str, overwrite: bool) -> None:
    """Refuse a place that a file cannot be put in.

    Raises:
        TargetExists: There is one already, and it is not to be replaced.
        FileError: The folder is not there, or what is in the place is no file.
    """
    folder = os.path.dirname(target)
    try:
        is_folder = stat.S_ISDIR(os.stat(folder).st_mode)
    except OSError as error:
        raise fault(folder, "cannot be downloaded to", error) from error
    if not is_folder:
        raise FileError(f"{folder} is no folder", path=target, errno=errno.ENOTDIR)
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return
    except OSError as error:
        raise fault(target, "cannot be downloaded to", error) from error
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISLNK(found.st_mode):
        raise FileError(
            f"{target} is there and is no file; to write into what it is, open it and give that",
            path=target,
            errno=errno.EEXIST,
        )
    if not overwrite:
        raise exists(target)


def exists(target: str) -> TargetExists:
    """Return the error for a target that is there already."""
    return TargetExists(
        f"{target} is there already; give `overwrite=True` to replace it, or another path",
        path=target,
        errno=errno.EEXIST,
    )


def fault(path: str, what: str, error: OSError) -> FileError:
    """Return the error for what the system says of a file."""
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        reason = f"the disk, or what one may have of it, is full ({reason})"
    return FileError(f"{path} {what}: {reason}", path=path, errno=error.errno)


class PartFile:
    """A file with a temporary name in the folder of its target.

    One that may be gone on with is `name.part`, and `name.part.json` tells of which state of the
    file on the server its bytes are. It is locked while it is open, so that two processes never
    write into one. Any other has a name that nobody else has, and is never left behind.
    """

    def __init__(self, path: str, handle: int, key: str, resumable: bool) -> None:
        """Take over an open file; see `open`."""
        self.path = path
        self.resumable = resumable
        self._handle = handle
        self._key = key
        self._notes = path + _NOTES
        # Whoever writes in another thread must not write into what is closed.
        self._mutex = threading.RLock()
        self._closed = False
        self._hash: Any = None
        self._hashed = 0
        self._watched = ""
        self.size = os.fstat(handle).st_size
        start_over_in_child(self)

    @classmethod
    def open(cls, folder: str, name: str, key: str, resumable: bool) -> PartFile:
        """Open the file beside a target, and make it where there is none.

        Args:
            folder: Where the target is.
            name: Its name, or what else its bytes are known by.
            key: What the bytes are of; what was left by a download of anything else does not count.
            resumable: Whether it may be gone on with, and may have been begun.

        Raises:
            FileError: It cannot be made, or is somebody else's.
        """
        path = os.path.join(folder, _beside(name, _ENDING))
        try:
            if resumable:
                try:
                    return cls._open_locked(path, key)
                except OSError as error:
                    if error.errno not in _NO_LOCKS:
                        raise
                    # Some file systems of a network have no locks; it was made by us, then.
                    with suppress(OSError):
                        os.unlink(path)
            # Nobody else has this name.
            path = os.path.join(folder, f".{_beside(name, f'.{secrets.token_hex(8)}{_ENDING}')}")
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_LINK | BINARY
            return cls(path, os.open(path, flags, 0o666), key, resumable=False)
        except FileError:
            raise
        except OSError as error:
            raise fault(path, "cannot be made", error) from error

    @classmethod
    def _open_locked(cls, path: str, key: str) -> PartFile:
        handle = open_locked(path, 0o666, BINARY)
        if handle is None:
            raise FileError(
                f"{path} is written by another download of the same target; wait for its end, or "
                "give `resume=False`",
                path=path,
                errno=errno.EAGAIN,
            )
        try:
            found = os.fstat(handle)
            notes = load_notes(path + _NOTES)
            is_ours = bool(notes) or (notes is None and not found.st_size)
            if sys.platform != "win32" and found.st_uid != os.geteuid():
                is_ours = False  # Its owner would read along, and could write.
            if not is_ours or not stat.S_ISREG(found.st_mode):
                raise FileError(
                    f"{path} is there, and was not left by a download of yours; remove it, or give "
                    "`resume=False`",
                    path=path,
                    errno=errno.EEXIST,
                )
            if found.st_nlink == 1:
                return cls(path, handle, key, resumable=True)
            # A download ended when it had given the file its name, and still had the one it had
            # before. What is written here would be written there.
            os.unlink(path)
        except BaseException:
            _release(handle)
            raise
        _release(handle)
        return cls._open_locked(path, key)

    def start_over(self) -> None:
        """Leave the file to the parent process: a forked child holds no lock of it."""
        self._mutex = threading.RLock()
        if not self._closed:
            self._closed = True
            os.close(self._handle)

    def load(self) -> Kept | None:
        """Return what an earlier download left, `None` where nothing can be gone on with."""
        notes = load_notes(self._notes) if self.resumable and self.size else None
        return None if notes is None else read_notes(notes, self._key, self.size)

    def note(self, kept: Kept) -> None:
        """Write down what is known of the bytes, for a later download.

        A file with gaps is made as long as it will be.
        """
        with self._mutex, self._telling("cannot be written"):
            self._check_open()
            if self.resumable:
                if kept.gaps is not None:
                    # What is no gap is on the disk before the notes say so.
                    _sync(self._handle)
                write_notes(self._notes, self._key, kept)
            total = kept.version.total
            if kept.gaps is not None and total is not None and self.size < total:
                os.ftruncate(self._handle, total)
                self.size = total

    def restart(self) -> None:
        """Forget all bytes."""
        with self._mutex, self._telling("cannot be written"):
            self._check_open()
            os.ftruncate(self._handle, 0)
            self.size = 0
            if self._hash is not None:
                self._start_hash()

    def watch(self, digest: Digest) -> None:
        """Have the digest of the bytes at hand when all are written."""
        self._watched = digest.algorithm
        self._start_hash()

    def _start_hash(self) -> None:
        self._hash, self._hashed = Digest(self._watched, b"").start(), 0

    def write(self, position: int, pieces: Sequence[bytes]) -> None:
        """Put bytes in their place, piece after piece."""
        with self._mutex, self._telling("cannot be written"):
            self._check_open()
            end = _write_at(self._handle, pieces, position)
            self.size = max(self.size, end)
            if self._hash is not None and position == self._hashed:
                for piece in pieces:
                    self._hash.update(piece)
                self._hashed = end

    def digest(self, digest: Digest) -> bytes | None:
        """Return what all bytes come to, by the algorithm of a digest.

        Returns:
            `None` where it is to be called again: a large file takes a while to be read.
        """
        with self._mutex, self._telling("cannot be read"):
            self._check_open()
            if self._watched != digest.algorithm:
                self.watch(digest)
            until = self._hashed + _READ_AT_ONCE
            os.lseek(self._handle, self._hashed, os.SEEK_SET)
            while self._hashed < min(self.size, until):
                data = os.read(self._handle, _READ)
                if not data:
                    raise OSError(errno.EIO, "it is shorter than it was")
                self._hash.update(data)
                self._hashed += len(data)
            if self._hashed < self.size:
                return None
            found: bytes = self._hash.digest()
            return found

    def finish(self, target: str | None, overwrite: bool) -> None:
        """Give the file its name, all of it on the disk.

        Args:
            target: Where it is to be.
            overwrite: Whether it may take the place of another one.

        Raises:
            TargetExists: It may not, and there is one.
            FileError: It cannot be put there.
        """
        assert target is not None
        with self._mutex, self._telling("cannot be written"):
            self._check_open()
            os.fsync(self._handle)
            if sys.platform == "win32":  # pragma: no cover - Windows
                self._close()  # An open file cannot be moved there.
            try:
                _put(self.path, target, overwrite)
            except FileExistsError:
                raise exists(target) from None
            except OSError as error:
                raise fault(target, "cannot be put in place", error) from error
            self._forget()
            self._close()
            sync_folder(os.path.dirname(target))

    def abandon(self, kept: Kept | None) -> None:
        """Leave the file; after `finish` this does nothing.

        Args:
            kept: What is known of the bytes, to be gone on with; `None` to remove the file.
        """
        with self._mutex:
            if self._closed:
                return
            if kept is not None and self.resumable and self.size:
                if kept.gaps is not None:
                    with suppress(FileError):  # What was noted before still holds.
                        self.note(kept)
            else:
                # The notes last: a file with bytes and without notes is not one of ours.
                with suppress(OSError):
                    os.unlink(self.path)
                    self._forget()
            self._close()

    def _forget(self) -> None:
        if self.resumable:
            with suppress(OSError):
                os.unlink(self._notes)

    def _close(self) -> None:
        if not self._closed:  # pragma: no branch - Windows
            self._closed = True
            _release(self._handle)

    def _check_open(self) -> None:
        if self._closed:
            raise FileError(f"{self.path} was left", path=self.path, errno=errno.EBADF)

    def _telling(self, what: str) -> _Telling:
        return _Telling(self.path, what)


class _Telling:
    """Turns what the system says into an error that names the file."""

    def __init__(self, path: str, what: str) -> None:
        self._path = path
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, FileError):
            raise fault(self._path, self._what, error) from error


def _beside(name: str, ending: str) -> str:
    """Return the name of a file beside another one, which is no longer than names may be."""
    room = _LONGEST - len(ending) - len(_NOTES) - 1
    raw = os.fsencode(name)
    if len(raw) > room:
        # What is cut off still tells two of them apart.
        mark = f"-{sha256(raw).hexdigest()[:16]}"
        name = raw[: room - len(mark)].decode(errors="ignore") + mark
    return name + ending


def _put(path: str, target: str, overwrite: bool) -> None:
    """Move a file to its target, in one step."""
    if overwrite:
        os.replace(path, target)
        return
    if sys.platform == "win32":  # pragma: no cover - Windows
        os.rename(path, target)  # It takes nobody's place there.
        return
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # This file system has no second names. Another program may take the place in between.
        if os.path.lexists(target):
            raise FileExistsError from None
        os.replace(path, target)
    else:
        os.unlink(path)


def _release(handle: int) -> None:
    with suppress(OSError):
        unlock(handle)
    os.close(handle)


def _write_at(handle: int, pieces: Sequence[bytes], position: int) -> int:
    """Write pieces one after the other; return the position after the last one."""
    end = position + sum(map(len, pieces))
    if len(pieces) <= _MOST_PIECES:
        position += _write_pieces(handle, pieces, position)
        if position == end:
            return end
    rest = memoryview(b"".join(pieces))
    rest = rest[rest.nbytes - (end - position) :]
    while rest.nbytes:
        count = _write_pieces(handle, [rest], position)
        rest, position = rest[count:], position + count
    return end


_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


if hasattr(os, "pwritev"):

    def _write_pieces(handle: int, pieces: Sequence[bytes | memoryview], position: int) -> int:
        return os.pwritev(handle, pieces, position)
else:  # pragma: no cover - Windows

    def _write_pieces(handle: int, pieces: Sequence[bytes | memoryview], position: int) -> int:
        os.lseek(handle, position, os.SEEK_SET)
        return os.write(handle, b"".join(pieces))
