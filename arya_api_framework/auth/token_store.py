"""Where tokens are kept: in memory, or in a file that several processes share."""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, fields
from hashlib import sha256
from typing import Any, cast

from typing_extensions import override

from ..errors import TokenRefreshError
from ..file_lock import NO_LINK, NO_WAIT, open_locked, sync_folder, unlock
from ..fork import start_over_in_child
from .token import Token, can_be_sent

__all__ = ["FileTokenStore", "MemoryTokenStore", "TokenStore"]

_LARGEST = 1024 * 1024
_LAST = 1e11
"""No token is of that time, in seconds since 1970."""

_TRIES = 200
_PAUSE = 0.01
"""Others write for milliseconds; a process that was stopped while it did is not waited for."""


class TokenStore(ABC):
    """Keeps tokens by what they are for; subclass it to keep them elsewhere.

    No method may wait: an event loop may be calling.
    """

    @abstractmethod
    def load(self, key: str) -> Token | None:
        """Return the token that is kept, `None` where there is none."""

    @abstractmethod
    def save(self, key: str, token: Token) -> None:
        """Keep a token in place of the one before; called with the lock of its key held."""

    @abstractmethod
    def try_lock(self, key: str) -> Callable[[], object] | None:
        """Take the right to fetch the token of a key, and return what gives it back.

        What is returned may be called in another thread, and in a forked child, where it must leave
        the lock of the parent alone.

        Returns:
            `None` where somebody else has it: it is asked for again, a little later.
        """


class MemoryTokenStore(TokenStore):
    """Keeps tokens as long as the process runs; several objects may share it."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self.start_over()
        start_over_in_child(self)

    def start_over(self) -> None:
        """Free all locks: in a forked child nobody holds them."""
        self._locks: dict[str, threading.Lock] = {}

    @override
    def load(self, key: str) -> Token | None:
        return self._tokens.get(key)

    @override
    def save(self, key: str, token: Token) -> None:
        self._tokens[key] = token

    @override
    def try_lock(self, key: str) -> Callable[[], object] | None:
        lock = self._locks.setdefault(key, threading.Lock())
        return lock.release if lock.acquire(blocking=False) else None


class FileTokenStore(TokenStore):
    """Keeps tokens in a JSON file that only its owner can read, for any number of processes.

    The file has mode 0600 from the start, and is replaced as a whole. Empty files beside it, with
    names that end in `.lock`, are locked: one for each key while its token is fetched, so that one
    process fetches it for all, and one for the moment in which the file is written. A file that is
    not there, or is no such file, holds no tokens.

    Args:
        path: Where the file is; its folder must exist.

    Raises:
        TokenRefreshError: In a call: the file is a link or no file, is of another user, others can
            read it, or it cannot be read, locked or written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(path)
        self._held: set[int] = set()
        start_over_in_child(self)

    def start_over(self) -> None:
        """Close what is locked: a forked child holds no lock, and none is kept by its copy."""
        held, self._held = self._held, set()
        for handle in held:
            os.close(handle)

    @override
    def load(self, key: str) -> Token | None:
        entry: Any = self._read().get(key)
        if not isinstance(entry, dict):
            return None
        names = {one.name for one in fields(Token)}
        values = dict(cast("dict[str, Any]", entry))
        if not names >= values.keys() or not _is_token(values):
            return None
        return Token(**values)

    @override
    def save(self, key: str, token: Token) -> None:
        release = self._lock_to_write()
        try:
            self._write({**self._read(), key: asdict(token)})
        finally:
            release()

    @override
    def try_lock(self, key: str) -> Callable[[], object] | None:
        return self._try_lock(f"{self._path}.{sha256(key.encode()).hexdigest()[:12]}.lock")

    def _lock_to_write(self) -> Callable[[], object]:
        for _ in range(_TRIES):
            release = self._try_lock(f"{self._path}.lock")
            if release is not None:
                return release
            time.sleep(_PAUSE)
        raise self._fault("cannot be written: another process does so, and does not end")

    def _try_lock(self, path: str) -> Callable[[], object] | None:
        held = self._held
        try:
            handle = open_locked(path, 0o600)
        except OSError as error:
            raise self._fault("cannot be locked", error) from error
        if handle is None:
            return None
        held.add(handle)

        def release() -> None:
            if held is self._held:  # Else in a forked child, where it is closed.
                held.remove(handle)
                unlock(handle)
                os.close(handle)

        return release

    def _read(self) -> dict[str, Any]:
        try:
            handle = os.open(self._path, os.O_RDONLY | NO_LINK | NO_WAIT)
            try:
                self._check(os.fstat(handle))
                with os.fdopen(handle, "rb", closefd=False) as file:
                    content = file.read(_LARGEST + 1)
            finally:
                os.close(handle)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._fault("is a link, or cannot be read", error) from error
        try:
            data: Any = json.loads(content) if len(content) <= _LARGEST else None
        except (ValueError, RecursionError):
            return {}
        tokens = cast("dict[str, Any]", data).get("tokens") if isinstance(data, dict) else None
        return cast("dict[str, Any]", tokens) if isinstance(tokens, dict) else {}

    def _check(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise self._fault("is no file")
        if sys.platform != "win32" and found.st_uid != os.geteuid():
            raise self._fault("is the file of another user")
        if sys.platform != "win32" and stat.S_IMODE(found.st_mode) & 0o077:
            raise self._fault("can be read by others; give it mode 0600")

    def _write(self, tokens: dict[str, Any]) -> None:
        content = json.dumps({"version": 1, "tokens": tokens}).encode("ascii")
        if len(content) > _LARGEST:
            raise self._fault("cannot be written: it would be larger than 1 MiB")
        folder, name = os.path.split(self._path)
        try:
            handle, made = tempfile.mkstemp(dir=folder, prefix=f".{name}.")  # Of mode 0600.
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(made, self._path)
            except BaseException:
                os.unlink(made)
                raise
        except OSError as error:
            raise self._fault("cannot be written", error) from error
        sync_folder(folder)

    def _fault(self, what: str, error: OSError | None = None) -> TokenRefreshError:
        reason = f": {error.strerror}" if error is not None and error.strerror else ""
        return TokenRefreshError(f"the token file {self._path} {what}{reason}")


def _is_token(values: dict[str, Any]) -> bool:
    texts = [values.get(name) for name in ("refresh_token", "scope")]
    times = [values.get(name) for name in ("expires_at", "issued_at")]
    return (
        can_be_sent(values.get("access_token"))
        and all(one is None or isinstance(one, str) for one in texts)
        and all(one is None or _is_time(one) for one in times)
    )


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= _LAST
