"""`NetrcAuth`: user and password from a netrc file, by the host of each request."""

from __future__ import annotations

import netrc
import os
import stat
import sys
from typing import TYPE_CHECKING

from typing_extensions import override

from ..errors import ConfigurationError, MissingCredentials
from .base import Auth
from .fixed import BasicAuth

if TYPE_CHECKING:
    from ..client.request import Request

__all__ = ["NetrcAuth"]


class NetrcAuth(Auth):
    """User and password from `~/.netrc`, or the file named by `NETRC`, sent as Basic.

    The entry of the host of the request counts, or `default`; a host without one is sent to
    without credentials. The port tells nothing. The file is read again when it has changed.
    Nothing else ever reads it.

    Args:
        file: Another file.

    Raises:
        ConfigurationError: `file` is no path.
        MissingCredentials: In a call: the file is not there, cannot be read, is no netrc file, or
            others can read it; or an entry can never be sent.

    Example:
        ```python
        class Git(SyncClient, uri="https://git.test", auth=NetrcAuth()): ...
        ```
    """

    repeatable = True

    def __init__(self, file: str | os.PathLike[str] | None = None) -> None:
        self._file: str | None = None
        if file is not None:
            given: object = os.fspath(file) if isinstance(file, os.PathLike) else file
            if not isinstance(given, str) or not given or "\0" in given:
                raise ConfigurationError(f"file of a NetrcAuth must be a path, got {file!r}")
            self._file = given
        self._read: tuple[tuple[str, int, int, int], netrc.netrc] | None = None

    @override
    def apply(self, request: Request) -> None:
        path = os.path.expanduser(self._file or os.environ.get("NETRC") or "~/.netrc")
        hosts = self._load(path).hosts
        # The names of hosts know no case (RFC 9110 4.2.3).
        by_name = {name.lower(): entry for name, entry in reversed(hosts.items())}
        found = by_name.get(request.origin.host, hosts.get("default"))
        if found is None:
            return
        login, account, password = found
        try:
            BasicAuth(login or account or "", password or "").apply(request)
        except ConfigurationError as error:
            raise MissingCredentials(f"{path}: {error}") from None

    def _load(self, path: str) -> netrc.netrc:
        try:
            state = os.stat(path)
            if sys.platform != "win32" and stat.S_IMODE(state.st_mode) & 0o077:
                raise MissingCredentials(f"{path} can be read by others; give it mode 0600")
            key = path, state.st_ino, state.st_mtime_ns, state.st_size
            if self._read is None or self._read[0] != key:
                self._read = key, netrc.netrc(path)
            return self._read[1]
        except OSError as error:
            raise MissingCredentials(f"{path} cannot be read: {error.strerror}") from error
        except (netrc.NetrcParseError, UnicodeDecodeError):
            # Its text holds what stands there.
            raise MissingCredentials(f"{path} is no netrc file") from None
