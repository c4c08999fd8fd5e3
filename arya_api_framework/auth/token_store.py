"""Where tokens are kept: in memory, or in a file that several processes share."""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any, cast

from typing_extensions import override

from ..errors import TokenRefreshError
from ..fork import start_over_in_child
from .token import Token, can_be_sent

__all__ = ["FileTokenStore", "MemoryTokenStore", "TokenStore"]

_LARGEST = 1024 * 1024
_LAST = 1e11
"""No token is of that time, in seconds since 1970."""


class TokenStore(ABC):
    """Keeps tokens by what they are for; subclass it to keep them elsewhere.

    No method may wait: an event loop may be calling.
    """

    @abstractmethod
    def load(self, key: str) -> Token | None:
        """Return the token that is kept, `None` where there is none."""

    @abstractmethod
    def save(self, key: str, token: Token) -> None:
        """Keep a token in place of the one before; called with the lock held."""

    @abstractmethod
    def try_lock(self) -> Callable[[], object] | None:
        """Take the right to fetch a token, and return what gives it back.

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
        """Free the lock: in a forked child nobody holds it."""
        self._lock = threading.Lock()

    @override
    def load(self, key: str) -> Token | None:
        return self._tokens.get(key)

    @override
    def save(self, key: str, token: Token) -> None:
        self._tokens[key] = token

    @override
    def try_lock(self) -> Callable[[], object] | None:
        lock = self._lock
        return lock.release if lock.acquire(blocking=False) else None


class FileTokenStore(TokenStore):
    """Keeps tokens in a JSON file that only its owner can read, for any number of processes.

    The file has mode 0600 from the start, and is replaced as a whole. A second file, with `.lock`
    after its name, is locked while a token is fetched, so that one process fetches it for all. A
    file that is not there, or is no such file, holds no tokens.

    Args:
        path: Where the file is; its folder must exist.

    Raises:
        TokenRefreshError: In a call: the file is a link or no file, others can read it, or it
            cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(path)

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
        tokens = {**self._read(), key: asdict(token)}
        folder, name = os.path.split(self._path)
        try:
            handle, made = tempfile.mkstemp(dir=folder, prefix=f".{name}.")  # Of mode 0600.
            try:
                with os.fdopen(handle, "w", encoding="ascii") as file:
                    json.dump({"version": 1, "tokens": tokens}, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(made, self._path)
            except BaseException:
                os.unlink(made)
                raise
        except OSError as error:
            raise self._fault("cannot be written", error) from error

    @override
    def try_lock(self) -> Callable[[], object] | None:
        try:
            handle = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | _NO_LINK, 0o600)
        except OSError as error:
            raise self._fault("cannot be locked", error) from error
        if not _lock(handle):
            os.close(handle)
            return None

        def release() -> None:
            _unlock(handle)
            os.close(handle)

        return release

    def _read(self) -> dict[str, Any]:
        try:
            handle = os.open(self._path, os.O_RDONLY | _NO_LINK | _NO_WAIT)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._fault("is a link, or cannot be read", error) from error
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise self._fault("is no file")
            if sys.platform != "win32" and stat.S_IMODE(found.st_mode) & 0o077:
                raise self._fault("can be read by others; give it mode 0600")
            content = os.read(handle, _LARGEST + 1)
        finally:
            os.close(handle)
        try:
            data: Any = json.loads(content) if len(content) <= _LARGEST else None
        except (ValueError, RecursionError):
            return {}
        tokens = cast("dict[str, Any]", data).get("tokens") if isinstance(data, dict) else None
        return cast("dict[str, Any]", tokens) if isinstance(tokens, dict) else {}

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


if sys.platform == "win32":  # pragma: no cover - Windows
    import msvcrt

    _NO_LINK = _NO_WAIT = 0

    def _lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    _NO_LINK, _NO_WAIT = os.O_NOFOLLOW, os.O_NONBLOCK

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
