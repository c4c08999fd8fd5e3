"""`TusTransfer`: a file sent by tus 1.0.0, and which request comes next; pure.

The protocol: https://tus.io/protocols/resumable-upload (core, and the extensions creation,
creation-with-upload, creation-defer-length, expiration, checksum and termination).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import override

from ..errors import (
    ConfigurationError,
    FrameworkException,
    HTTPError,
    UploadLost,
)
from ..options import UNSET, URLPath
from ..streaming.multipart import guess_type
from ..tus import TUS_VERSION, TusServer
from .body import encode_text
from .formats import RAW
from .links import absolute, check_stays
from .prepare import path_secrets
from .redaction import clean_text, redact_url
from .request import Request
from .response import RawResponse
from .shapes import is_mapping
from .transfer import Build, Pause, Transfer, check_chunk_size

if TYPE_CHECKING:
    from ..checksum import Checksum

__all__ = ["TusTransfer"]

_OCTETS = "application/offset+octet-stream"
_OF_PATH = ("parameters", "path_parameters", "idempotency_key")
"""Options that belong to the path where uploads are created, not to the URL of one."""
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_STATE = {"url", "size"}
_LOCKED, _CHECKSUM_MISMATCH, _CONFLICT, _OTHER_VERSION = 423, 460, 409, 412
_GONE = (404, 410)

_Next = Literal["discover", "create", "ask", "send"]


class TusTransfer(Transfer):
    """A file on its way by tus 1.0.0.

    Attributes:
        url: Where the upload is, `None` as long as it is not created.
        server: What the server can do, as far as it was asked.
        expires: When the server forgets the upload if nothing is sent, if it said so.
    """

    _told_by: Request
    """What the server answered when it said what it can do."""

    def __init__(self, file: Any, path: URLPath, options: Mapping[str, Any]) -> None:
        rest: dict[str, Any] = {**options}
        self._path = path
        metadata = rest.pop("metadata", UNSET)
        self._with_creation = bool(rest.pop("with_creation", False))
        discovers = bool(rest.pop("discover", True))
        state = rest.pop("state", None)
        checksum = rest.pop("checksum", None)
        for name in ("raw", "response_format"):
            if name in rest:
                raise ConfigurationError(
                    f"{name!r} has no place: tus answers with headers, and `send` returns the URL"
                )
        if "content_type" in rest:
            raise ConfigurationError(
                "'content_type' has no place: chunks have the type that tus gives them; give that "
                "of the file as `filetype` of `metadata`"
            )
        super().__init__(file, check_chunk_size(rest.pop("chunk_size", None)), rest)
        self._checksum = None if checksum is None else _as_checksum(checksum)
        if self._checksum is not None:
            self.options["checksum"] = self._checksum
        self._metadata = _write_metadata(self._name_it() if metadata is UNSET else metadata)
        self.options["response_format"] = RAW
        self.url: str | None = None
        self.server = TusServer()
        self.expires: datetime | None = None
        self._is_length_told = self.source.size is not None
        self._next: _Next = "discover" if discovers else "create"
        if state is not None:
            self._read_state(state)

    def _name_it(self) -> dict[str, str]:
        name = self.source.name
        if name is None:
            return {}
        # The name of a file need not be valid text.
        valid = name.encode("utf-8", "replace").decode()
        return {"filename": valid, "filetype": guess_type(name)}

    @property
    def state(self) -> dict[str, Any]:
        """Where to go on, in values that JSON has."""
        return {"url": self.url, "size": self.source.size if self._is_length_told else None}

    def _read_state(self, state: Any) -> None:
        values: Mapping[str, Any] = state if is_mapping(state) else {}
        if set(values) != _STATE or not isinstance(values["url"], str | None):
            raise ConfigurationError("state must be what `state` of an upload was")
        url, size = values["url"], values["size"]
        if url is None:
            return
        if size is not None and self.source.size is not None and size != self.source.size:
            raise ConfigurationError(
                f"the state is that of a file of {size} bytes, this one has {self.source.size}"
            )
        self.url = url
        self._is_length_told = size is not None
        self._next = "ask"

    def begin(self) -> None:
        """Ask the server first where it stands, if an upload was begun; it may be long ago."""
        if self.url is not None and not self.over:
            self._next = "ask"

    @override
    def _sends_next(self) -> bool:
        return self._next == "send" or (self._next == "create" and self._creates_with)

    @property
    def _creates_with(self) -> bool:
        """Whether the first bytes go along with the creation."""
        return self._with_creation and self.server.has("creation-with-upload") is not False

    @override
    def step(self, build: Build) -> Request:
        if self._next == "discover":
            return self.discovery(build)
        if self._next == "create":
            return self._creation(build)
        if self._next == "ask":
            return self.question(build)
        assert self.url is not None, "there is one once it was created"
        request = self._request(build, "PATCH", self.url)
        request.headers["Upload-Offset"] = str(self.offset)
        self._fill(request)
        if not self._is_length_told and self.source.size is not None:
            request.headers["Upload-Length"] = str(self.source.size)
        return request

    @override
    def options_for(self, request: Request) -> dict[str, Any]:
        # A creation that is repeated may leave an upload behind, so it is an ordinary POST.
        return self.plain_options if request.method == "POST" else super().options_for(request)

    def discovery(self, build: Build) -> Request:
        """Return the request that asks what the server can do."""
        # It is not to say a version (tus 1.0.0, Tus-Resumable).
        return build("OPTIONS", self._path, **self._build_options)

    def question(self, build: Build) -> Request:
        """Return the request that asks how much the server has."""
        if self.url is None:
            raise ConfigurationError("there is no upload yet to ask for; `send` creates one")
        return self._request(build, "HEAD", self.url)

    def termination(self, build: Build) -> Request:
        """Return the request that lets the server forget the upload."""
        if self.url is None:
            raise ConfigurationError("there is no upload yet to terminate")
        return self._request(build, "DELETE", self.url)

    def _creation(self, build: Build) -> Request:
        size, most = self.source.size, self.server.max_size
        if self.server.versions and TUS_VERSION not in self.server.versions:
            raise self._error(
                self._told_by,
                f"the server speaks tus {_shown(self.server.versions)}, not {TUS_VERSION}",
            )
        if most is not None and size is not None and size > most:
            raise self._error(
                self._told_by, f"the file has {size} bytes, and the server takes {most} at most"
            )
        if self.server.has("creation") is False:
            raise self._error(
                self._told_by, "the server lets no uploads be created, so it needs a `state`"
            )
        if size is None and self.server.has("creation-defer-length") is False:
            raise self._error(
                self._told_by,
                "the server wants to know the length before, which an iterator does not have",
            )
        self._check_checksum()
        request = build("POST", self._path, **self._build_options)
        request.headers["Tus-Resumable"] = TUS_VERSION
        if size is None:
            request.headers["Upload-Defer-Length"] = "1"
        else:
            request.headers["Upload-Length"] = str(size)
        if self._metadata:
            request.headers["Upload-Metadata"] = self._metadata
        if self._creates_with:
            self._fill(request)
        return request

    def _check_checksum(self) -> None:
        known = self.server.checksum_algorithms
        if self._checksum is None or self.server.has("checksum") is None:
            return
        name = self._checksum.write("").strip()
        if not self.server.has("checksum") or (known and name not in known):
            raise self._error(
                self._told_by, f"the server checks no {name}; it offers {_shown(known)}"
            )

    def _request(self, build: Build, method: str, url: str) -> Request:
        options = {n: value for n, value in self._build_options.items() if n not in _OF_PATH}
        request = build(method, url, **options)
        # The server may have written them into its URL.
        request.path_secrets = path_secrets(self._build_options.get("path_parameters"))
        request.headers["Tus-Resumable"] = TUS_VERSION
        return request

    def _fill(self, request: Request) -> None:
        request.body = self._chunk()
        request.headers["Content-Type"] = _OCTETS

    @override
    def _take(self, answer: RawResponse, request: Request) -> float:
        has_body, request = request.body is not None, answer.request
        self._read_expiry(answer)
        if request.method == "OPTIONS":
            self.take_discovery(answer)
            return 0.0
        offset = self._read_number(answer, "Upload-Offset", request)
        if request.method == "POST":
            self._take_location(answer)
            offset = 0 if offset is None else offset
        elif offset is None:
            raise self._error(request, "the answer has no Upload-Offset; is it a server for tus?")
        if has_body and offset > self._end:
            raise self._error(request, f"the server has {offset} bytes, but {self._end} were sent")
        size = self.source.size
        if has_body and size is not None:
            self._is_length_told = True
        if request.method == "HEAD":
            self._check_length(self._read_number(answer, "Upload-Length", request), request)
        self._next = "send"
        self.result = answer
        self.over = offset == size and self._is_length_told
        return self._reach(offset, request, counts=request.method == "PATCH" and not self.over)

    def take_discovery(self, response: RawResponse) -> None:
        """Keep what the server says that it can do."""
        self.server = TusServer.of(response.headers)
        self._told_by = response.request
        if self._next == "discover":
            self._next = "create"

    def _check_length(self, length: int | None, request: Request) -> None:
        size = self.source.size
        self._is_length_told = length is not None
        if length is not None and size is not None and length != size:
            raise self._error(
                request, f"the upload is of a file of {length} bytes, this one has {size}"
            )

    def _take_location(self, response: RawResponse) -> None:
        location, request = response.headers.get("Location"), response.request
        if response.status != 201 or not location:
            raise self._error(
                request, f"{response.status} came without an upload; is it a server for tus?"
            )
        try:
            url = absolute(response, location)
        except ValueError as error:
            raise self._error(
                request, f"the upload is at no http URL: {redact_url(location)!r}"
            ) from error
        if self._build_options.get("foreign"):
            check_stays(request.url, url, request.method, "the upload")
        self.url = url

    def _read_expiry(self, response: RawResponse) -> None:
        text = response.headers.get("Upload-Expires")
        if text is not None:
            try:
                found = parsedate_to_datetime(text)
            except (ValueError, OverflowError):
                return
            self.expires = found.replace(tzinfo=UTC) if found.tzinfo is None else found

    def _read_number(self, response: RawResponse, name: str, request: Request) -> int | None:
        text = response.headers.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise self._error(request, f"{name} must be a number, got {clean_text(text, 50)!r}")
        return int(text)

    @override
    def fail(self, error: Exception, request: Request) -> Pause | None:
        if not isinstance(error, FrameworkException):
            return None
        status = error.status_code if isinstance(error, HTTPError) else None
        if request.method == "OPTIONS" and status is not None and status < 500:
            self._next = "create"  # It does not say what it can do; that is no duty.
            return Pause(0.0)
        self.check_lost(error, request)
        if status == _OTHER_VERSION and isinstance(error, HTTPError):
            raw = error.raw
            found = raw.headers.get("Tus-Version", "") if raw is not None else ""
            raise self._error(
                request if raw is None else raw.request,
                f"the server speaks another version of tus than {TUS_VERSION}: "
                f"{clean_text(found, 100) or 'it does not say which'}",
            ) from error
        if request.method == "POST":
            return None
        passes = request.method != "OPTIONS" and status in (_LOCKED, _CHECKSUM_MISMATCH, _CONFLICT)
        wait = self._persistence.after_error(error, request, may_pass=passes)
        if wait is None:
            if status == _CHECKSUM_MISMATCH:
                raise self._error(
                    request, "what came has another checksum than what was sent (460)"
                ) from error
            if status == _CONFLICT:
                raise self._error(
                    request, f"the server stands elsewhere than at {self.offset} (409)"
                ) from error
            return None
        if request.method != "OPTIONS":
            self._next = "ask"
        return Pause(wait)

    def check_lost(self, error: FrameworkException, request: Request) -> None:
        """Tell it if an error says that the server no longer has the upload.

        Raises:
            UploadLost: It does.
        """
        status = error.status_code if isinstance(error, HTTPError) else None
        if request.method in ("HEAD", "PATCH", "DELETE") and status in _GONE:
            raise self._error(
                request, f"the server has no such upload ({status}); begin anew", UploadLost
            ) from error

    def forget(self) -> None:
        """Begin anew: there is no upload any more."""
        self.url = self.expires = None
        self.offset = self._furthest = 0
        self.over = False
        self._is_length_told = self.source.size is not None
        self._next = "create"


def _shown(names: tuple[str, ...]) -> str:
    """Return names that a server listed, as they may be shown."""
    return clean_text(", ".join(names), 200) or "none"


def _as_checksum(value: Any) -> Checksum:
    from ..checksum import Checksum

    if isinstance(value, Checksum):
        if value.header.lower() != "upload-checksum":
            raise ConfigurationError(
                f"tus carries a checksum in Upload-Checksum, not in {value.header}; give the name "
                "of an algorithm"
            )
        return value
    return Checksum(value, header="Upload-Checksum")


def _write_metadata(metadata: Any) -> str:
    """Return `Upload-Metadata`.

    Raises:
        ConfigurationError: A key or value cannot be written.
    """
    if metadata is None:
        return ""
    if not is_mapping(metadata):
        raise ConfigurationError(f"metadata must be a mapping of texts, got {metadata!r}")
    pairs: list[str] = []
    for key, value in metadata.items():
        name: object = key
        if not isinstance(name, str) or not _KEY.fullmatch(name):
            raise ConfigurationError(
                f"a key of metadata must be ASCII without a space or comma, got {key!r}"
            )
        given: object = value
        if not isinstance(given, str | bytes | None):
            raise ConfigurationError(
                f"metadata {key!r} must be text, bytes or None, got {type(given).__name__}"
            )
        content = encode_text(given, f"metadata {key!r}") if isinstance(given, str) else given
        pairs.append(f"{key} {base64.b64encode(content).decode()}" if content else key)
    return ",".join(pairs)
