"""`Stream`: a response whose body is read piece by piece; what both clients decide about it."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import override

from ..errors import (
    ConfigurationError,
    ContentEncodingError,
    DeadlineExceeded,
    FrameworkException,
    IncompleteResponse,
    ResponseParseError,
)
from ..options import UNSET, EventOptions, StreamItemOptions, StreamLineOptions, Timeout
from ..retry import Retry
from .budget import exhausted_at
from .checks import near_miss
from .encoding import as_pairs, is_field_value
from .faults import body_too_large, body_unframed
from .formats import Format
from .reconnection import Reconnection
from .redaction import clean_text

if TYPE_CHECKING:
    from http.cookies import SimpleCookie

    from multidict import CIMultiDictProxy
    from yarl import URL

    from ..options import URLPath
    from ..streaming.decoder import Decoder as ItemsOf
    from ..streaming.events import EventDecoder
    from ..streaming.item_decoder import ItemDecoder
    from ..streaming.json_items import JsonItems
    from .call import Call
    from .decoding import Decoder
    from .download import Wish
    from .request import Request
    from .response import RawResponse, ResponseInfo

__all__ = ["SAVED_AT_ONCE", "Stream", "body_timeout", "check_stream"]

T = TypeVar("T")
D = TypeVar("D", bound="ItemDecoder[Any]")

SAVED_AT_ONCE = 256 * 1024
"""How many bytes are written to a file at once."""

READ_TIMEOUT = 60.0
"""How long a stream waits for the next piece where nothing else was said, in seconds."""

_PIECE = 64 * 1024
_SOON = 0.001
_LONGEST_ID = 8 * 1024
_UNBROKEN = 256 * 1024
"""How many bytes are decoded before others have their turn."""


_ELSEWHERE = {
    "aiter_bytes": "iter_bytes",
    "aiter_lines": "iter_lines",
    "aiter_raw": "iter_raw",
    "aiter_text": "iter_text",
    "aread": "read",
    "content": "read()",
    "iter_any": "iter_bytes",
    "iter_chunked": "iter_bytes",
    "iter_content": "iter_bytes",
    "json": "iter_items, iter_json_lines or read()",
    "raise_for_status": "status: what is no success has raised already",
    "status_code": "status",
    "text": "iter_text or read()",
}
"""Names of other libraries, and what they are called here."""


class _HeadFormat(Format):
    """The response as it is: its body is read later."""

    name = "a stream"
    is_json = False

    @override
    def parse(self, response: RawResponse) -> RawResponse:
        return response


_HEAD = _HeadFormat()


class Stream:
    """A response whose head is there, and whose body is read piece by piece.

    What its properties tell is known within the `with` block.
    """

    def __init__(
        self, request: Callable[..., Any], method: str, path: URLPath, options: Mapping[str, Any]
    ) -> None:
        sends = not options.keys().isdisjoint(("body", "data", "files"))
        for name in () if sends else ("progress", "on_progress"):
            if options.get(name):
                raise ConfigurationError(
                    f"{name!r} tells how much of a body is sent, and nothing is sent here; count "
                    "what `iter_bytes` gives, or use `client.download`"
                )
        for name in ("raw", "response_format", "stream"):
            if name in options:
                raise ConfigurationError(
                    f"{name!r} has no place in a stream: what becomes of the body is said where it "
                    "is read, as in `body.iter_items(User)`"
                )
        from .prepare import check_options

        check_options(options)
        self._request = request
        self._method = method
        self._path = path
        self._options = dict(options)
        self._response: RawResponse | None = None
        self._call: Call | None = None
        self._opened: list[Any] = []
        self._decoder: Decoder | None = None
        self._is_entered = False
        self._is_closed = False
        self._is_read = False
        self._is_over = False
        self._is_opened = False
        self._unbroken = 0
        self._ends: float | None = None
        self._left = b""
        self._items: ItemDecoder[Any] | None = None
        self._skipped = 0

    def __repr__(self) -> str:
        head = "not sent" if self._response is None else repr(self._response)
        return f"<{type(self).__name__} {head}>"

    @property
    def response(self) -> RawResponse:
        """The response, without content.

        Raises:
            ConfigurationError: The block was not entered yet.
        """
        if self._response is None:
            raise ConfigurationError(
                "a stream is opened by its `with` block: "
                f"`{self._with} client.stream({self._method!r}, ...) as body:`"
            )
        return self._response

    _with = "with"

    if not TYPE_CHECKING:

        def __iter__(self):
            raise TypeError(
                "a stream is read by one of its iterators, such as `iter_lines()` of the `body` in "
                f"`{self._with} client.stream(...) as body:`"
            )

        __aiter__ = __iter__

        def __getattr__(self, name):
            hint = _ELSEWHERE.get(name)
            told = "" if hint is None else f"; use `{hint}`"
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}{told}")

    @property
    def status(self) -> int:
        """The status code."""
        return self.response.status

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields; names ignore case."""
        return self.response.headers

    @property
    def url(self) -> URL:
        """The URL that was answered, after redirects."""
        return self.response.url

    @property
    def cookies(self) -> SimpleCookie:
        """The cookies that this response set."""
        return self.response.cookies

    @property
    def history(self) -> tuple[ResponseInfo, ...]:
        """The responses that redirected here, the first one first."""
        return self.response.history

    @property
    def request(self) -> Request:
        """The request that was answered."""
        return self.response.request

    @property
    def encoding(self) -> str:
        """The charset that texts are decoded from: as declared, UTF-8 where none is."""
        return self.response.encoding

    @property
    def length(self) -> int | None:
        """How many bytes the body has as it comes, coded or not; `None` where that is not known."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    # Opening, for the transports and the twins

    def opened(self, call: Call, response: RawResponse, incoming: Any) -> None:
        """Take the body of a response that is to be read piece by piece."""
        response._incoming = incoming  # pyright: ignore[reportPrivateUsage]
        self._call = call
        self._opened.append(incoming)

    def _enter(self) -> None:
        if self._is_entered:
            raise ConfigurationError("a stream is used in one `with` block; make another one")
        self._is_entered = True

    def _call_options(self, last_event_id: str = "") -> dict[str, Any]:
        """Return the options of the call that opens it, or opens it again."""
        options = {**self._options, "response_format": _HEAD, "stream": self}
        if self._ends is not None:
            # What bounds the stream bounds it over all its connections.
            options["deadline"] = max(self._ends - time.monotonic(), _SOON)
        if last_event_id:
            if len(last_event_id) > _LONGEST_ID or not is_field_value(last_event_id):
                # Without it the server would begin anew, and nobody would notice.
                raise self._conclude(
                    ResponseParseError(
                        "the stream cannot go on after its last event, whose ID no header can hold",
                        status=self.status,
                    )
                )
            pairs = as_pairs("`headers`", options.get("headers") or ())
            others = [pair for pair in pairs if str(pair[0]).lower() != "last-event-id"]
            options["headers"] = [*others, ("Last-Event-ID", last_event_id)]
        return options

    def _let_go(self) -> None:
        """Close what is still open, without waiting for anything."""
        while self._opened:
            self._opened.pop().break_off()

    def _take(self, response: RawResponse) -> None:
        """Take the response of the call, and close what else is open."""
        self._response = response
        incoming = response._incoming  # pyright: ignore[reportPrivateUsage]
        for other in [one for one in self._opened if one is not incoming]:
            self._opened.remove(other)
            other.break_off()
        self._is_read = False
        # Nothing is open where a hook gave the response, which is whole.
        self._left = b"" if self._opened else response.content
        coding = self._opened[0].coding if self._opened else ""
        self._decoder = self._find_decoder(coding) if coding else None
        call = self._call
        if call is not None:
            timeout = call.policy.timeout
            given = self._options.get("timeout", UNSET)
            if given is UNSET:
                # The total was for the head. A body may go on for hours.
                call.ends = call.deadline
            if not self._is_opened:
                self._is_opened = True
                whole = None if given is UNSET else timeout.total
                limits = [one for one in (whole, call.policy.deadline) if one is not None]
                self._ends = call.started + min(limits) if limits else None
            call.policy = call.policy._replace(timeout=body_timeout(timeout, given), stream=None)

    def _find_decoder(self, coding: str) -> Decoder:
        from .decoding import Decoder

        try:
            return Decoder(coding, sys.maxsize, self._check_time)
        except FrameworkException as error:
            raise self._conclude(error) from error.__cause__

    def _check_time(self) -> None:
        """Raise what is due where the time of the stream is over."""
        assert self._call is not None
        self._call.time_for("read", "yes")

    # Reading, for the twins

    def _check_open(self) -> None:
        if self._is_closed:
            raise ConfigurationError("this stream is closed; read it within its `with` block")

    def _is_long(self, part: bytes) -> bool:
        """Return whether so much came out of one piece that others should have their turn."""
        self._unbroken += len(part)
        if self._unbroken < _UNBROKEN:
            return False
        self._unbroken = 0
        return True

    def _begin(self) -> None:
        """Check that the body may be read from here.

        Raises:
            ConfigurationError: It may not.
        """
        assert self.response is not None
        self._check_open()
        if self._is_read:
            raise ConfigurationError(
                "the body of this stream was read already, or is being read: it comes once"
            )
        self._is_read = True

    def _take_left(self) -> bytes:
        """Return the next piece of a body that is in memory.

        Raises:
            ConfigurationError: The stream was closed, so that nothing more will come.
        """
        self._check_open()
        piece, self._left = self._left[:_PIECE], self._left[_PIECE:]
        return piece

    def _decoded(self, piece: bytes) -> Iterator[bytes]:
        """Yield what a piece holds without its content coding."""
        if self._decoder is None:
            yield piece
            return
        try:
            # A piece of a few bytes may hold gigabytes.
            for part in self._decoder.pieces(piece):
                yield part
                self._check_time()
        except FrameworkException as error:
            raise self._conclude(error) from error.__cause__

    def _finish_decoding(self) -> None:
        if self._decoder is not None:
            try:
                self._decoder.finish()
            except FrameworkException as error:
                raise self._conclude(error) from error.__cause__

    def _feed(self, decoder: ItemsOf[T], piece: bytes) -> list[T]:
        """Return what became whole; an error says which call it was."""
        try:
            return decoder.feed(piece)
        except FrameworkException as error:
            raise self._conclude(error) from error.__cause__

    def _finish(self, decoder: ItemsOf[T]) -> list[T]:
        """Return what is whole only now that the body has ended."""
        try:
            return decoder.finish()
        except FrameworkException as error:
            raise self._conclude(error) from error.__cause__

    def _check(self, decoder: ItemsOf[T]) -> None:
        """Raise what is wrong after what became whole."""
        try:
            decoder.check()
        except FrameworkException as error:
            raise self._conclude(error) from error.__cause__

    def _open_items(self, item_format: Any, options: Any) -> JsonItems[Any]:
        from ..streaming.json_items import JsonItems

        _check_names(options, StreamItemOptions.__optional_keys__)
        call = self._call
        if call is not None and call.policy.json_content_types is not None:
            try:
                call.check_media_type(self.response, call.policy.json_content_types)
            except FrameworkException as error:
                raise self._conclude(error) from error.__cause__
        charset, info = self.encoding, self._info()
        return self._note(JsonItems(item_format, charset=charset, info=info, **options))

    def _open_json_lines(self, item_format: Any, options: Any) -> ItemDecoder[Any]:
        from ..streaming.json_lines import JsonLines, JsonSequence, is_sequence

        _check_names(options, StreamLineOptions.__optional_keys__)
        content_type = self.headers.get("Content-Type", "")
        kind: Any = JsonSequence if is_sequence(content_type) else JsonLines
        charset, info = self.encoding, self._info()
        return self._note(kind(item_format, charset=charset, info=info, **options))

    def _open_events(self, data_format: Any, last: str, options: Any) -> EventDecoder[Any]:
        from ..streaming.events import EventDecoder

        _check_names(options, EventOptions.__optional_keys__)
        options = {name: value for name, value in options.items() if name != "reconnect"}
        content_type = self.headers.get("Content-Type", "")
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in ("", "text/event-stream"):
            raise self._conclude(
                ResponseParseError(
                    "events were expected, of Content-Type text/event-stream, not "
                    f"{clean_text(content_type, 100)!r}",
                    status=self.status,
                )
            )
        decoder = EventDecoder[Any](data_format, last_event_id=last, info=self._info(), **options)
        return self._note(decoder)

    def _open_reconnection(self, most: Any) -> Reconnection:
        """Return what decides whether the stream is asked for again.

        Raises:
            ConfigurationError: It must not be.
        """
        reconnection = Reconnection(most)
        retry = Retry() if self._call is None else self._call.policy.retry or Retry()
        request = self.request
        if reconnection.is_wanted and not (
            request.method in retry.methods or retry.idempotency_header in request.headers
        ):
            raise ConfigurationError(
                f"reconnect would send the {request.method} again, with all its effects; where the "
                "server knows one it has seen, give `idempotency_key`"
            )
        return reconnection

    def _check_wait(self, seconds: float) -> None:
        """Refuse to wait for a reconnection that would come too late.

        Raises:
            DeadlineExceeded: It would.
            BudgetExhausted: It would, and a budget is what ends then.
        """
        deadline = None if self._call is None else self._call.deadline
        ends = min((one for one in (self._ends, deadline) if one is not None), default=None)
        if ends is not None and time.monotonic() + seconds > ends:
            raise self._conclude(
                DeadlineExceeded("the time is over before the stream can be asked for again")
            )

    def _info(self) -> ResponseInfo:
        """Return the head of the response, and which client it came to."""
        info = self.response.info
        info._client = self.response._client  # pyright: ignore[reportPrivateUsage]
        return info

    def _note(self, decoder: D) -> D:
        """Remember what counts the items that are skipped."""
        self._skipped += 0 if self._items is None else self._items.skipped
        self._items = decoder
        return decoder

    @property
    def skipped(self) -> int:
        """How many items did not fit and were skipped so far, where that was asked for."""
        return self._skipped + (0 if self._items is None else self._items.skipped)

    @property
    def last_event_id(self) -> str:
        """Where a stream of events is to go on: the last ID that the server gave, or none."""
        return "" if self._items is None else getattr(self._items, "last_event_id", "")

    def _open_save(self, to: Any, overwrite: bool, allow_unframed: bool) -> Wish:
        """Return where the content is to be saved.

        Raises:
            ConfigurationError: It is no place.
            ResponseParseError: Nobody could tell whether all of it came.
        """
        from .download import Wish

        options = {"resume": False, "overwrite": overwrite, "allow_unframed": allow_unframed}
        wish = Wish(self._path, to, options)
        is_chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        if not (allow_unframed or is_chunked or self.length is not None or not self._opened):
            raise self._conclude(body_unframed(self.status))
        return wish

    def _save_name(self) -> str:
        """Return the name that the server, or else the URL, has for the content."""
        from ..streaming.file_names import propose_name

        first = self.history[0] if self.history else self.response
        return propose_name(self.headers.get("Content-Disposition"), first.request.url)

    def _check_size(self, size: int) -> None:
        call = self._call
        if call is not None and size > call.policy.max_response_size:
            raise self._conclude(body_too_large(call.policy.max_response_size, None))

    def _conclude(self, error: FrameworkException) -> FrameworkException:
        """Return the error that ends the reading, with what is known of the call written on it."""
        call = self._call
        if call is None:
            return error
        if isinstance(error, DeadlineExceeded):
            spent = exhausted_at(call.deadline)
            if spent is not None:
                spent.__cause__ = error
                spent.budget.exhausted = True
                error = spent
        if isinstance(error, ContentEncodingError):
            error.status = self.status
        if isinstance(error, IncompleteResponse):
            error.sent = "yes"
        call.conclude(error)
        return error


def _check_names(options: Mapping[str, Any], known: frozenset[str]) -> None:
    for name in options.keys() - known:
        raise ConfigurationError(f"got an unknown option {name!r}{near_miss(name, known)}")


def body_timeout(timeout: Timeout, given: object) -> Timeout:
    """Return the timeout that holds while the body of a stream is read.

    Args:
        timeout: That of the call.
        given: What the call gave as `timeout`, `UNSET` where it gave none. `None`, or a `Timeout`,
            may leave out `read` on purpose.
    """
    if timeout.read is not None or given is None or isinstance(given, Timeout):
        return timeout
    return dataclasses.replace(timeout, read=READ_TIMEOUT)


def check_stream(_: Any, value: Any) -> Stream:
    """Return the stream that a call is made for.

    Raises:
        ConfigurationError: It is none: somebody is used to another library.
    """
    if not isinstance(value, Stream):
        raise ConfigurationError(
            "`stream` is no option; to read a body piece by piece, use "
            "`with client.stream(method, path) as body`"
        )
    return value


class Sized:
    """Cuts a body into pieces of one size.

    Args:
        size: The bytes of each piece but the last.
    """

    __slots__ = ("_kept", "_length", "_size")

    def __init__(self, size: int) -> None:
        given: Any = size
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise ConfigurationError(f"size must be a whole number above 0, got {given!r}")
        self._size = size
        self._kept: list[bytes] = []
        self._length = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces that became whole."""
        self._kept.append(data)
        self._length += len(data)
        if self._length < self._size:
            return []
        whole = b"".join(self._kept)
        end = self._length - self._length % self._size
        self._kept, self._length = [whole[end:]], self._length - end
        return [whole[start : start + self._size] for start in range(0, end, self._size)]

    def finish(self) -> list[bytes]:
        """Return the last piece, if it has any bytes."""
        rest = b"".join(self._kept)
        return [rest] if rest else []
