"""`Wish`: the options of a download, and where it is put; `Download`, what it became."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import ConfigurationError, HTTPRequestedRangeNotSatisfiable
from ..options import DownloadOptions, Progress, URLPath
from ..streaming.digests import read_digest
from ..streaming.open_file import OpenFile, Sink
from ..streaming.part_file import PartFile, check_target
from ..streaming.part_notes import Kept
from .checks import check_callback, check_flag, check_progress, check_whole, near_miss
from .encoding import as_pairs
from .redaction import redact_url

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy
    from yarl import URL

    from .response import RawResponse

__all__ = ["Download", "Wish"]

_MOST_CONNECTIONS = 64
_OURS = ("range", "if-range")


@dataclass(frozen=True, slots=True)
class Download:
    """A file that came.

    Attributes:
        path: Where it is, absolute; `None` where it was written to an open file.
        size: How many bytes it has.
        response: The last response that it came from, without content.
        resumed_from: How many of its bytes were there before, left by an earlier download.
        digest: What its bytes come to, as `"sha-256:..."`, where that was checked.
    """

    path: Path | None
    size: int
    response: RawResponse
    resumed_from: int = 0
    digest: str | None = None

    @property
    def status(self) -> int:
        """The status of the last response, such as 200, or 206 for a part."""
        return self.response.status

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields of the last response; names ignore case."""
        return self.response.headers

    @property
    def url(self) -> URL:
        """The URL that was answered, after redirects."""
        return self.response.url

    @property
    def etag(self) -> str | None:
        """The entity tag of the file on the server."""
        return self.response.headers.get("ETag")


class Wish:
    """What a download is to be: its options, checked before anything is sent or written.

    Attributes:
        call_options: Those of the calls.
        connections: How many there may be.
        progress: As the option was given.
        overwrite: Whether the file may take the place of another one.
        name: The name of the target, empty where there is none yet.
        accepts_anything: Whether the client says nothing of what it accepts.
    """

    def __init__(self, path: URLPath, to: Any, options: Mapping[str, Any]) -> None:
        """Check the options.

        Args:
            path: Where the file is.
            to: Where it is to be put.
            options: See `DownloadOptions`.

        Raises:
            ConfigurationError: One can never work.
        """
        self.path = path
        self.accepts_anything = False
        self._sink: Sink | None = None
        try:
            self._read_options(options)
            self._read_target(to)
        except ConfigurationError as error:
            error.method, error.url = "GET", redact_url(str(path or ""))
            raise

    def _read_options(self, options: Mapping[str, Any]) -> None:
        rest: dict[str, Any] = {**options}
        known = DownloadOptions.__optional_keys__
        if not rest.keys() <= known:
            name = next(name for name in rest if name not in known)
            raise ConfigurationError(
                f"got an unknown option {name!r}{near_miss(name, known | {'to'})}"
            )
        self._resume = check_flag("resume")(None, rest.pop("resume", True))
        self.overwrite = check_flag("overwrite")(None, rest.pop("overwrite", False))
        self.allow_unframed = check_flag("allow_unframed")(None, rest.pop("allow_unframed", False))
        self.connections = check_whole("connections")(None, rest.pop("connections", 1))
        if not 1 <= self.connections <= _MOST_CONNECTIONS:
            raise ConfigurationError(
                f"connections must be from 1 to {_MOST_CONNECTIONS}, got {self.connections}"
            )
        if "max_response_size" in rest:
            raise ConfigurationError(
                "'max_response_size' bounds what is kept in memory, and a file is not; give "
                "`max_size`"
            )
        size = rest.pop("max_size", None)
        self.max_size = None if size is None else check_whole("max_size")(None, size)
        checksum = rest.pop("checksum", None)
        self.asks_server = checksum is True
        self.digest = None if checksum in (None, True, False) else read_digest(checksum)
        self.progress = check_progress(rest.pop("progress", None))
        self.on_progress: Progress | None = check_callback(
            "on_progress", rest.pop("on_progress", None)
        )
        self._headers = as_pairs("`headers`", rest.pop("headers", None) or {})
        for name, _ in self._headers:
            if name.lower() in _OURS:
                raise ConfigurationError(
                    f"the header {name} of a download is made as it goes on; use `get` for a range"
                )
        for name in ("cookies", "parameters"):
            if rest.get(name) is not None:
                rest[name] = as_pairs(f"`{name}`", rest[name])  # To be read again.
        self.call_options = rest

    def _read_target(self, to: Any) -> None:
        self.name = self._folder = self._given = ""
        self._file: Any = None
        if isinstance(to, str | PathLike):
            given: Any = os.fspath(cast("PathLike[str]", to))
            if not isinstance(given, str) or "\0" in given or not given:
                raise ConfigurationError(f"a target must be a path as text, got {to!r}")
            self._given = given
        elif callable(getattr(to, "write", None)):
            mode: Any = getattr(to, "mode", "b")
            if hasattr(to, "encoding") or (isinstance(mode, str) and "b" not in mode):
                raise ConfigurationError("a file to download to must be open for bytes, not text")
            self._file = _check_open(to)
        else:
            raise ConfigurationError(
                "a download needs a path, a folder or a file that is open for writing bytes, got "
                f"{type(to).__name__}"
            )

    def options(self, fields: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the options of a call.

        Args:
            fields: Header fields that ask for a range.
        """
        given = {name.lower() for name, _ in self._headers}
        own = {"Accept-Encoding": "identity"}  # Of what is coded, ranges would be of no use.
        if self.accepts_anything:
            own["Accept"] = "*/*"
        kept = [(name, value) for name, value in own.items() if name.lower() not in given]
        headers = [*kept, *self._headers, *(fields or {}).items()]
        options = {**self.call_options, "headers": headers}
        if fields:
            # Whatever the client makes of it, here it is an answer.
            answers: Any = options.get("error_responses")
            options["error_responses"] = {**(answers or {}), 416: HTTPRequestedRangeNotSatisfiable}
        return options

    @property
    def sink(self) -> Sink:
        """What is written to, once it is open."""
        assert self._sink is not None
        return self._sink

    def open(self, url: str) -> None:
        """Open what is written to; this blocks.

        It is kept here, so that it is not lost where nobody waits for the end of this any more.

        Args:
            url: The URL that is asked for, with which a part that was left is told from others.

        Raises:
            FileError: The target cannot be written.
        """
        self._sink = self._open(url)

    def leave(self, kept: Kept | None) -> None:
        """Leave what is written to, if it was opened; this blocks.

        Args:
            kept: See `abandon` of a `Sink`.
        """
        if self._sink is not None:
            self._sink.abandon(kept)

    def _open(self, url: str) -> Sink:
        if self._file is not None:
            return OpenFile(self._file)
        key = sha256(url.encode()).hexdigest()
        target = os.path.abspath(self._given)
        if os.path.isdir(target):
            self._folder = target
            return PartFile.open(target, key[:16], key, self._resume)
        if self._given.endswith(("/", os.sep)):
            target = os.path.join(target, "")  # What is missing is that folder.
        check_target(target, self.overwrite)
        self._folder, self.name = os.path.split(target)
        return PartFile.open(self._folder, self.name, key, self._resume)

    def settle(self, name: str) -> None:
        """Take the name that the server tells; this blocks.

        Raises:
            TargetExists: There is a file of that name.
        """
        check_target(os.path.join(self._folder, name), self.overwrite)
        self.name = name

    @property
    def needs_name(self) -> bool:
        """Whether the target is a folder, and nobody told the name of the file yet."""
        return bool(self._folder) and not self.name

    @property
    def target(self) -> str | None:
        """Where the file is to be put; `None` for an open file."""
        return os.path.join(self._folder, self.name) if self._folder else None


def _check_open(file: Any) -> Any:
    """Return a file that can be written to.

    Raises:
        ConfigurationError: It is closed, or open for reading.
    """
    if getattr(file, "closed", False) is True:
        raise ConfigurationError("the file to download to is closed")
    writable: Any = getattr(file, "writable", None)
    if callable(writable) and not writable():
        raise ConfigurationError("the file to download to is not open for writing; open it as 'wb'")
    return file
