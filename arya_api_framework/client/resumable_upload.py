"""`RangeTransfer`: a file sent with `Content-Range`, and which chunk of it comes next; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from ..errors import ConfigurationError, FrameworkException, HTTPError
from ..options import UNSET, URLPath
from ..resumable import Ask, RangeProtocol, UploadProtocol
from ..streaming.multipart import guess_type
from .encoding import encode_header
from .formats import RAW, Format, find_format
from .outcome import http_error
from .request import Request
from .response import RawResponse
from .shapes import is_mapping
from .transfer import CHUNK_UNIT, Build, Pause, Transfer, check_chunk_size

if TYPE_CHECKING:
    from ..checksum import Checksum

__all__ = ["RangeTransfer"]

_CHUNK_SIZE = 8 * 1024 * 1024
_MISPLACED = (409, 416)
"""What says that the server stands elsewhere than was thought."""


class _Answer(NamedTuple):
    """What a success says: how much the server has, `None` with the last result."""

    offset: int | None
    result: Any = None


class _Incomplete(Exception):
    """Status 308 that leads nowhere: more is to come."""

    def __init__(self, response: RawResponse) -> None:
        self.response = response


class _ChunkFormat(Format):
    """What the response to a request becomes: an `_Answer`."""

    def __init__(self, transfer: RangeTransfer, target: Format) -> None:
        self.name = target.name
        self.is_json = False
        self._transfer = transfer
        self._target = target

    @override
    def parse(self, response: RawResponse) -> _Answer:
        offset = self._transfer.read(response)
        if offset is not None:
            return _Answer(offset)
        return _Answer(None, self._target.parse(response))


class RangeTransfer(Transfer):
    """A file on its way in chunks with `Content-Range` (RFC 9110 14.4, as requests have it)."""

    def __init__(self, file: Any, path: URLPath, options: Mapping[str, Any]) -> None:
        rest: dict[str, Any] = {**options}
        self._path = path
        self._method: str = rest.pop("method", "PUT")
        self._content_type: str | None = rest.pop("content_type", None)
        self._protocol = _as_protocol(rest.pop("protocol", None))
        self._asks = bool(rest.pop("resume", False))
        target = rest.pop("response_format", UNSET)
        is_raw = rest.pop("raw", False)
        chunk_size = rest.pop("chunk_size", UNSET)
        size = None if chunk_size is UNSET else check_chunk_size(chunk_size, CHUNK_UNIT)
        super().__init__(file, size, rest)
        if chunk_size is UNSET and self.source.stream is None:
            self._chunk_size = _CHUNK_SIZE
        for one in _sums(rest.get("checksum")):
            if one.is_of_whole:
                raise ConfigurationError(
                    f"{one.header} would have to be that of the whole file; give "
                    f'Checksum("{one.algorithm}", header="Content-Digest") for each chunk'
                )
        if self._asks and self._protocol.ask(self._method, self.source.size) is None:
            raise ConfigurationError(
                f"`resume` needs a protocol that can ask the server, not {self._protocol!r}"
            )
        self._is_question = False
        self.options["follow_redirects"] = False
        given: Any = self.options.get("error_responses") or {}
        if is_mapping(given):  # What is none is refused by the call.
            self.options["error_responses"] = {**given, 308: _when_complete(given.get(308))}
        self.options["response_format"] = _ChunkFormat(self, RAW if is_raw else find_format(target))

    @override
    def _sends_next(self) -> bool:
        return not self._asks

    @override
    def step(self, build: Build) -> Request:
        self._is_question = self._asks
        question = self._protocol.ask(self._method, self.source.size) if self._asks else None
        if question is not None:
            request = build(question.method, self._path, **self._build_options)
            for name, value in question.headers.items():
                request.headers[name] = value
            return request
        body = self._chunk()
        request = build(self._method, self._path, **self._build_options)
        request.body = body
        total = "*" if self.source.size is None else self.source.size
        # A file without a byte has no range; this says that it is whole.
        span = f"{self.offset}-{self._end - 1}" if body.length else "*"
        request.headers["Content-Range"] = f"bytes {span}/{total}"
        if self._content_type is not None or "Content-Type" not in request.headers:
            media_type = self._content_type or guess_type(self.source.name)
            request.headers["Content-Type"] = encode_header("Content-Type", media_type)
        return request

    def read(self, response: RawResponse) -> int | None:
        """Return how much the server has, `None` where this is the last answer."""
        offset = self._protocol.offset(response)
        size = self.source.size
        if offset is not None and response.status != 308 and offset == size:
            return None
        if offset is not None or self._is_question:
            return offset
        return None if self._end == size else self._end

    @override
    def _take(self, answer: _Answer, request: Request) -> float:
        if answer.offset is None:
            self._tell(self.source.size or 0)
            self.over, self.result = True, answer.result
            return 0.0
        return self._stand(answer.offset, request)

    @override
    def fail(self, error: Exception, request: Request) -> _Answer | Pause | None:
        if isinstance(error, _Incomplete):
            offset = self.read(error.response)
            if offset is None:
                offset = self.offset if self._is_question else self._end
            return _Answer(offset)
        if not isinstance(error, FrameworkException):
            return None
        is_misplaced = isinstance(error, HTTPError) and error.status_code in _MISPLACED
        wait = self._persistence.after_error(
            error, request, may_pass=is_misplaced and not self._is_question
        )
        if wait is None:
            return None
        self._asks = self._can_ask
        return Pause(wait)

    @property
    def _can_ask(self) -> bool:
        return self._protocol.ask(self._method, self.source.size) is not None

    def _stand(self, offset: int, request: Request) -> float:
        """Go on from where the server stands."""
        was_asked = self._is_question
        if not was_asked and offset > self._end:
            raise self._error(request, f"the server has {offset} bytes, but {self._end} were sent")
        # Where it has all, and still does not say that it is done, it is asked once more.
        has_all = offset == self.source.size
        self._asks = has_all and self._can_ask
        return self._reach(offset, request, counts=has_all or not was_asked)


def _when_complete(given: Any) -> Callable[[RawResponse], Exception]:
    """Return what makes the exception of a 308: with a `Location` it is the redirect it says."""
    entries = {} if given is None else {308: given}

    def make(response: RawResponse) -> Exception:
        if "Location" in response.headers:
            return http_error(response, entries)
        return _Incomplete(response)

    return make


def _sums(value: Any) -> tuple[Checksum, ...]:
    from .checksums import as_checksums

    return as_checksums(value)


class _Function(UploadProtocol):
    """A function of the user's, and the rest as usual."""

    def __init__(self, function: Callable[[RawResponse], int | None]) -> None:
        self._function = function

    @override
    def offset(self, response: RawResponse) -> int | None:
        found: object = self._function(response)
        if found is None or (isinstance(found, int) and not isinstance(found, bool)):
            return found
        raise ConfigurationError(f"the protocol must return an offset or None, got {found!r}")

    @override
    def ask(self, method: str, total: int | None) -> Ask | None:
        return RangeProtocol().ask(method, total)


def _as_protocol(value: Any) -> UploadProtocol:
    if value is None:
        return RangeProtocol()
    if isinstance(value, UploadProtocol):
        return value
    if callable(value) and not isinstance(value, type):
        function: Any = value
        return _Function(function)
    raise ConfigurationError(
        "protocol must be one such as RangeProtocol(), or a function that returns how much the "
        f"server has, got {value!r}"
    )
