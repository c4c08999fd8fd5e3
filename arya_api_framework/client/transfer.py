"""`Transfer`: one file on its way in several requests, and which of them comes next; pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ConfigurationError, FrameworkException, UploadError
from ..options import UNSET, Progress
from ..retry import Retry
from .body import Body
from .call import hide_what_was_sent
from .checks import check_callback, check_progress, check_retry
from .persistence import Persistence
from .prepare import SEND_OPTIONS, check_options
from .request import Request
from .retries import is_step
from .upload_source import Pieces, Source, make_source

if TYPE_CHECKING:
    from logging import Logger

    from .origins import Origins

__all__ = ["CHUNK_UNIT", "Build", "Pause", "Transfer", "check_chunk_size"]

Build = Callable[..., Request]
"""`build` of the client or sub-client that sends."""

CHUNK_UNIT = 256 * 1024
STREAM_CHUNK = 4 * 1024 * 1024
"""How much of an iterator is kept and sent at once, where nobody says so."""


class Pause(NamedTuple):
    """What a failure is taken for after which an upload goes on.

    Attributes:
        seconds: How long to wait before that.
    """

    seconds: float


class Transfer(ABC):
    """One file on its way.

    Whoever carries it out asks `wants` and feeds what that gives, sends the request of `step` with
    `options_for` it, and gives what became of it to `take` or `fail`, until it is `over`.

    Attributes:
        source: The file.
        offset: How many bytes of it the server has, as far as it told.
        over: Whether there is nothing more to be sent.
        result: What came of it.
        options: How each request is sent.
        progress: The option `progress`.
    """

    _persistence: Persistence

    def __init__(self, file: Any, chunk_size: int | None, options: dict[str, Any]) -> None:
        """Check what can be checked before something is sent.

        Args:
            file: What is uploaded.
            chunk_size: The most bytes of one request, `None` for no limit.
            options: What is left of the options of the upload; those of a call.

        Raises:
            ConfigurationError: One can never work.
        """
        self.progress = check_progress(options.pop("progress", None))
        self._on_progress: Progress | None = check_callback(
            "on_progress", options.pop("on_progress", None)
        )
        check_options(options)
        for name in ("body", "data", "files", "raw", "follow_redirects", "hedge"):
            if name in options:
                raise ConfigurationError(f"{name!r} has no place beside a file sent in chunks")
        if options.pop("compress", None) is not None:
            raise ConfigurationError(
                "what is sent in chunks cannot be compressed on the way: offsets count the bytes "
                "of the file"
            )
        self._retry: Any = options.pop("retry", UNSET)
        self.options = {n: value for n, value in options.items() if n in SEND_OPTIONS}
        self._build_options = {n: value for n, value in options.items() if n not in SEND_OPTIONS}
        self.source: Source = make_source(file)
        self._chunk_size = chunk_size
        self.offset = 0
        self.over = False
        self.result: Any = None
        self._bar: Progress | None = None
        self._end = 0
        self._sent = 0
        self._furthest = 0
        self._told: int | None = None

    def options_for(self, request: Request) -> dict[str, Any]:
        """Return how the request of a step is sent: once, as the upload goes on by itself."""
        return {**self.options, "retry": None}

    @property
    def plain_options(self) -> dict[str, Any]:
        """How a request is sent that is sent again as any call is."""
        return self.options if self._retry is UNSET else {**self.options, "retry": self._retry}

    def persist(self, retry: Retry | None, origins: Origins, logger: Logger) -> None:
        """Say how to go on after a failure, unless `retry` of the upload does."""
        if self._retry is not UNSET:
            retry = check_retry(None, self._retry)
        self._persistence = Persistence(retry, origins, logger)

    @property
    def title(self) -> str:
        """What a bar calls it."""
        return self.source.name or "upload"

    @property
    def _most(self) -> int:
        """How much of an iterator is kept at once."""
        return self._chunk_size or STREAM_CHUNK

    def watch(self, bar: Progress) -> None:
        """Show on a bar how much is sent."""
        self._bar = bar
        self._tell(self.offset)

    def wants(self) -> Pieces | None:
        """Return what is to be read and fed to the source before the next step."""
        return self.source.wants(self.offset, self._most) if self._sends_next() else None

    @abstractmethod
    def step(self, build: Build) -> Request:
        """Return the next request."""

    def take(self, answer: Any, request: Request) -> float:
        """Take what a request became; return the seconds to wait before the next one."""
        if isinstance(answer, Pause):
            return answer.seconds
        return self._take(answer, request)

    @abstractmethod
    def fail(self, error: Exception, request: Request) -> Any:
        """Return what an error is taken for, such as a `Pause`; `None` where it is the end."""

    @abstractmethod
    def _take(self, answer: Any, request: Request) -> float: ...

    @abstractmethod
    def _sends_next(self) -> bool:
        """Return whether the next request carries bytes of the file."""

    def _chunk(self) -> Body:
        """Return the body of the next request that sends, which tells how far it is."""
        start = self.offset
        stream = self.source.size is None
        body = self.source.body(start, self._most if stream else self._chunk_size)
        self._sent = body.length or 0
        self._end = start + self._sent
        body.on_progress = lambda sent, _: self._tell(start + sent)
        return body

    def _tell(self, done: int) -> None:
        if done == self._told:
            return
        self._told = done
        if self._bar is not None:
            self._bar(done, self.source.size)
        if self._on_progress is not None:
            self._on_progress(done, self.source.size)

    def _reach(self, offset: int, request: Request, *, counts: bool) -> float:
        """Go on from an offset that the server named; return the seconds to wait before that.

        Args:
            offset: How much the server has.
            request: What it answered.
            counts: Whether it is a failure if that is no step forward.
        """
        size = self.source.size
        if offset < 0 or (size is not None and offset > size):
            raise self._error(request, f"the server has {offset} bytes of a file of {size}")
        self.offset = offset
        self.source.release(offset)
        self._tell(offset)
        gained = offset - self._furthest
        if is_step(gained, self._sent) or (gained > 0 and offset == size):
            # Not of a server that goes back and forth, or a byte at a time: that would never end.
            self._furthest = offset
            self._persistence.progress()
        elif counts:
            return self._persistence.after_nothing(request)
        return 0.0

    @staticmethod
    def _error(request: Request, text: str, kind: type[UploadError] = UploadError) -> UploadError:
        """Return the error that says why an upload cannot go on."""
        error = kind(text)
        hide_what_was_sent(error, request)  # A server may tell back what it was sent.
        error.args = (f"{error.method} {error.url}: {error}",)
        return error

    def name_request(self, error: FrameworkException, request: Request) -> None:
        """Write on an error which request it belongs to, if nobody has."""
        if error.method is None:
            error.method, error.url = request.method, request.shown_url
            error.args = (f"{error.method} {error.url}: {error}", *error.args[1:])


def check_chunk_size(value: Any, unit: int = 1) -> int | None:
    """Return the size of chunks.

    Raises:
        ConfigurationError: It is no multiple of the unit.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 or value % unit:
        what = "a whole number above 0" if unit == 1 else f"a multiple of {unit} bytes"
        raise ConfigurationError(f"chunk_size must be {what}, or None, got {value!r}")
    return value
