"""`NetrcAuth`: user and password from a netrc file, by the host of each request."""

from __future__ import annotations

import os
import re
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple

from typing_extensions import override

from ..errors import ConfigurationError, MissingCredentials
from .base import Auth
from .fixed import BasicAuth

if TYPE_CHECKING:
    from ..client.request import Request

__all__ = ["NetrcAuth"]

_ITEM = re.compile(
    r"""\s*(?:
        \#[^\n]*
        | macdef [ \t]+ \S+ [^\n]*\n (?:[^\n]+\n)* \n
        | (?P<default> default) (?!\S)
        | (?P<name> machine|login|user|account|password) \s+
          (?: "(?P<quoted> (?:[^"\\]|\\.)*)" | (?P<bare> (?:[^\s"\\]|\\.) (?:[^\s\\]|\\.)*) ) (?!\S)
        | \Z
    )""",
    re.ASCII | re.DOTALL | re.VERBOSE,
)
"""What stands at one place of a file: a comment, a macro, which is left out, or a word and what
comes with it, in which a backslash takes what is after it as it is.
"""

_Entry = dict[str, str]


class _Entries(NamedTuple):
    """What a file holds, by the names of hosts in small letters, and for all other hosts."""

    hosts: dict[str, _Entry]
    default: _Entry | None


class NetrcAuth(Auth):
    """User and password from `~/.netrc`, or the file named by `NETRC`, sent as Basic.

    The first entry of the host of the request counts, or `default`; a host without one is sent to
    without credentials. The port tells nothing. The file is read again when it has changed.
    Nothing else ever reads it.

    Args:
        file: Another file.

    Raises:
        ConfigurationError: `file` is no path.
        MissingCredentials: In a call: the file is not there, cannot be read, is no netrc file, is
            not the user's or root's, or others can read it; or an entry can never be sent.

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
        self._read: tuple[tuple[str, int, int, int], _Entries] | None = None

    @override
    def apply(self, request: Request) -> None:
        path = os.path.expanduser(self._file or os.environ.get("NETRC") or "~/.netrc")
        entries = self._load(path)
        entry = entries.hosts.get(request.origin.host, entries.default)
        if entry is None:
            return
        login = entry.get("login") or entry.get("account", "")
        try:
            BasicAuth(login, entry.get("password", "")).apply(request)
        except ConfigurationError as error:
            raise MissingCredentials(f"{path}: {error}") from None

    def _load(self, path: str) -> _Entries:
        try:
            with open(path, encoding="utf-8", opener=_open) as file:
                # Of what was opened: the path may lead elsewhere by now.
                state = os.fstat(file.fileno())
                _check(path, state)
                key = path, state.st_ino, state.st_mtime_ns, state.st_size
                if self._read is None or self._read[0] != key:
                    self._read = key, _parse(file.read())
                return self._read[1]
        except OSError as error:
            raise MissingCredentials(f"{path} cannot be read: {error.strerror}") from error
        except ValueError:
            pass
        # Raised here, it has no error with it that holds what stands in the file.
        raise MissingCredentials(f"{path} is no netrc file")


def _open(path: str, flags: int) -> int:
    # What is no file, such as a pipe, shall not be waited for.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check(path: str, state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise MissingCredentials(f"{path} is no file")
    if sys.platform != "win32" and state.st_uid not in (os.geteuid(), 0):
        raise MissingCredentials(f"{path} belongs to another user")
    if sys.platform != "win32" and stat.S_IMODE(state.st_mode) & 0o077:
        raise MissingCredentials(f"{path} can be read by others; give it mode 0600")


def _parse(text: str) -> _Entries:
    """Return what a file holds.

    The parser of the standard library takes a machine that is named `default` for that entry.
    """
    hosts: dict[str, _Entry] = {}
    default: _Entry | None = None
    entry: _Entry | None = None
    at = 0
    while at < len(text):
        item = _ITEM.match(text, at)
        if item is None:
            raise ValueError
        at = item.end()
        name, quoted = item["name"], item["quoted"]
        value = re.sub(r"\\(.)", r"\1", quoted or item["bare"] or "", flags=re.DOTALL)
        if name == "machine":
            # The names of hosts know no case (RFC 9110 4.2.3).
            entry = {}
            hosts.setdefault(value.lower(), entry)
        elif item["default"]:
            entry = {}
            default = entry if default is None else default
        elif name is not None:
            if entry is None:
                raise ValueError
            entry["login" if name == "user" else name] = value
    return _Entries(hosts, default)
