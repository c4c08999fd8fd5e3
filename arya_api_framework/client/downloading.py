"""`DownloadState`: what a download asks for next, and what an answer means; nothing here waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import (
    ChecksumMismatch,
    ContentChanged,
    FrameworkException,
    HTTPError,
    IncompleteResponse,
    ProtocolError,
    ResponseParseError,
    ResponseTooLarge,
    TransportError,
)
from ..progress import open_bar
from ..streaming.digests import Digest, find_digest
from ..streaming.file_names import propose_name
from ..streaming.part_notes import Kept
from ..streaming.ranges import (
    Answer,
    Gap,
    Version,
    judge,
    range_fields,
    read_length,
    split,
)
from .download import Download, Wish
from .download_pieces import Piece, StartOver
from .faults import body_unframed
from .retries import is_step

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

    from .call import Call
    from .response import RawResponse
    from .stream import Stream

__all__ = ["DownloadState"]

_SMALLEST = 1024 * 1024
"""No connection is opened for fewer bytes."""
_NOTED = 64 * 1024 * 1024
"""How many bytes of pieces come before it is noted again which; or those of two seconds."""
_NOTED_AFTER = 2.0
_FILES = (200, 203, 206)
_DIGESTS = "Repr-Digest, Digest, Content-Digest or Content-MD5"

_PACKED: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "gzip": ((".gz", ".tgz", ".svgz"), ("gzip", "x-gzip", "x-gunzip", "gzipped", "x-tgz")),
    "br": ((".br",), ("x-br",)),
    "zstd": ((".zst", ".tzst"), ("zstd", "x-zstd")),
}
"""Endings of names and subtypes of media types of files that are packed by a coding themselves."""


class DownloadState:
    """The state of a download. Several connections may work on it, each in a thread or a task.

    Attributes:
        version: The state of the file on the server that all bytes are of.
        total: How many bytes the file has, `None` while that is not known.
        response: The last response.
        resumed_from: How many bytes were there before.
        is_split: Whether several pieces are fetched.
        is_decoded: Whether the content is written without its content coding.
        bar: What is drawn of the progress, to be closed.
    """

    def __init__(self, wish: Wish, call: Call) -> None:
        """Have nothing.

        Args:
            wish: What is wished.
            call: A call for the file, as it would be sent.
        """
        self._wish = wish
        self._call = call
        self._url = call.request.url  # A redirect may lead to one that says nothing.
        self.bar = open_bar(wish.progress, propose_name(None, self._url))
        timeout = call.policy.timeout
        self._timeout = timeout if "timeout" in wish.call_options else None
        self._ends: float | None = None
        deadline = call.policy.deadline
        self._deadline = None if deadline is None else call.started + deadline
        self._attempts = 0
        self._earlier: tuple[FrameworkException, ...] = ()
        self._changes = 0
        self._no_ranges = False
        self._told: tuple[int, int | None] = (-1, None)
        self._mutex = threading.Lock()
        self._is_over = False
        self.response: RawResponse | None = None
        self.resumed_from = 0
        self.begin(None, 0)

    def begin(self, kept: Kept | None, size: int) -> None:
        """Begin where an earlier download ended.

        Args:
            kept: What is known of the bytes that are there, `None` where there are none.
            size: How many there are, gaps included.
        """
        self.version = Version() if kept is None else kept.version
        self.total = self.version.total
        self.digest = None if kept is None else kept.digest
        self._told_name = None if kept is None else kept.name
        self.is_decoded = False
        self.is_split = kept is not None and kept.gaps is not None
        self._noted_at, self._noted_of = 0.0, 0
        gaps: Sequence[Gap] = () if kept is None or kept.gaps is None else kept.gaps
        missing = [gap for gap in gaps if gap.end is not None and gap.start < gap.end]
        # Where nothing is missing the server is asked, all the same, whether that is all.
        pieces = [Piece(*gap) for gap in missing] or [Piece(0 if kept is None else size, None)]
        self._waiting = pieces
        self._pieces = list(pieces)
        self._is_led = False
        self.resumed_from = self.done

    def anew(self, reason: StartOver) -> DownloadState:
        """Return the state of the download where nothing is there; this one is over.

        Raises:
            ContentChanged: The file changed again.
            ProtocolError: The server was not asked for ranges any more.
        """
        with self._mutex:
            self._is_over = True
        twin = copy(self)
        twin._mutex = threading.Lock()
        twin._is_over = False
        if reason.verdict != "broken":
            twin._count_change()
        elif twin._no_ranges:
            raise self.failed(ProtocolError("the server sent more bytes than it announced"))
        else:
            twin._no_ranges = True
        twin.begin(None, 0)
        return twin

    @property
    def done(self) -> int:
        """How many bytes are there."""
        if not self.is_split or self.total is None:
            return self._pieces[0].position
        missing = sum((one.end or self.total) - one.position for one in self._pieces)
        return self.total - missing

    def take(self) -> Piece | None:
        """Return a piece that nobody fetches yet, `None` where there is none."""
        try:
            return self._waiting.pop(0)
        except IndexError:
            return None

    def options(self, piece: Piece) -> dict[str, Any]:
        """Return the options of the call that fetches what is missing of a piece.

        Raises:
            RequestTimeout: No time is left.
        """
        gap = Gap(piece.position, piece.end)
        if piece.end == self.total and piece.position:
            gap = Gap(piece.position)
        fields = {} if self._no_ranges else range_fields(gap, self.version)
        piece.asked = Gap(piece.position, piece.end) if fields else None
        piece.limit = None
        options = self._wish.options(fields)
        now = time.monotonic()
        if self._timeout is not None and self._ends is not None:
            options["timeout"] = replace(self._timeout, total=self._time_left(self._ends - now))
        if self._deadline is not None and self._attempts:
            options["deadline"] = self._time_left(self._deadline - now)
        self._attempts += 1
        return options

    def _time_left(self, seconds: float) -> float:
        if seconds > 0:
            return seconds
        raise self.failed(self._call.timed_out("read", "yes"))

    def accept(self, piece: Piece, body: Stream) -> bool:
        """Take the head of an answer.

        Returns:
            Whether the file begins anew, so that what is there is to be forgotten.

        Raises:
            StartOver: What comes does not go with what is there.
            ResponseParseError: It is no file, or nobody could tell whether it came whole.
            ResponseTooLarge: It is larger than `max_size`.
            ChecksumMismatch: The server was to tell a digest, and tells none.
        """
        call = body._call  # pyright: ignore[reportPrivateUsage]
        if call is not None:
            self._call = call
            if self._timeout is not None:
                self._ends = call.ends
        headers, status = body.headers, body.status
        if status not in _FILES:
            raise self.failed(
                ResponseParseError(f"the server answered {status}, which is no file", status=status)
            )
        answer = judge(status, headers, piece.asked, self.version)
        if answer.verdict == "broken" and piece.asked is None:
            raise self.failed(
                ProtocolError(f"the server answered {status} with a part that nobody asked for")
            )
        if answer.verdict == "whole" and self.is_split:
            raise StartOver("broken" if self.version.is_same(answer.version) else "changed")
        if answer.verdict not in ("whole", "part"):
            raise StartOver(answer.verdict)
        self._check_size(answer.version.total)
        self.response = body.response
        is_anew = False
        if answer.verdict == "whole":
            self._check_framing(body)
            is_anew = self._begin_anew(piece, body, answer)
        else:
            self.version = answer.version
        piece.limit = answer.end if not self.is_decoded else None
        self.total = None if self.is_decoded else answer.version.total
        self._find_digest(headers, whole=answer.verdict == "whole")
        return is_anew

    def _begin_anew(self, piece: Piece, body: Stream, answer: Answer) -> bool:
        """Take the head of a whole file; return whether other bytes are there."""
        headers = body.headers
        if not self.version.is_same(answer.version):
            self._count_change()
        is_anew = piece.position > 0
        piece.position, piece.end = 0, None
        self.resumed_from = 0
        coding = headers.get("Content-Encoding", "").strip().lower()
        self.is_decoded = coding not in ("", "identity") and not self._is_packed(coding, headers)
        self.version = answer.version
        if self.is_decoded:
            # Lengths, ranges and validators are of what comes, not of what is written.
            self.version = answer.version._replace(total=None, validator=None)
        self.digest = None
        return is_anew

    def _is_packed(self, coding: str, headers: CIMultiDictProxy[str]) -> bool:
        """Return whether a file is packed by itself, and its server takes that for a coding."""
        endings, subtypes = _PACKED.get(coding.removeprefix("x-"), ((), ()))
        subtype = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        name = self._wish.name or self._propose(headers)
        return name.lower().endswith(tuple(endings)) or subtype.partition("/")[2] in subtypes

    def _propose(self, headers: CIMultiDictProxy[str]) -> str:
        return propose_name(headers.get("Content-Disposition"), self._url)

    def propose_name(self) -> str:
        """Return the name that the server, or else the URL that was asked for, has for the file."""
        assert self.response is not None
        has_name = "Content-Disposition" in self.response.headers
        if self._told_name is None or has_name:
            self._told_name = self._propose(self.response.headers)
        return self._told_name

    def _check_framing(self, body: Stream) -> None:
        coding = body.headers.get("Transfer-Encoding", "").lower()
        is_whole = not body._opened  # pyright: ignore[reportPrivateUsage]
        has_end = read_length(body.headers) is not None or "chunked" in coding or is_whole
        if not (has_end or self._wish.allow_unframed):
            raise self.failed(body_unframed(body.status))

    def _check_size(self, size: int | None) -> None:
        limit = self._wish.max_size
        if limit is not None and size is not None and size > limit:
            raise self.failed(
                ResponseTooLarge(
                    f"the file has {size} bytes or more, over the max_size of {limit}",
                    limit=limit,
                    size=size,
                )
            )

    def _find_digest(self, headers: CIMultiDictProxy[str], whole: bool) -> None:
        if not self._wish.asks_server:
            return
        found = None if self.is_decoded else find_digest(headers, whole=whole)
        self.digest = found or self.digest
        if self.digest is None:
            raise self.failed(
                ChecksumMismatch(
                    "`checksum=True` checks the digest that the server tells, but it tells none "
                    f"of this file ({_DIGESTS})"
                )
            )

    @property
    def expected(self) -> Digest | None:
        """The digest that the file must have."""
        return self._wish.digest or self.digest

    def split(self, piece: Piece) -> int:
        """Cut what is missing into pieces for several connections, after a head was taken.

        Returns:
            For how many more connections there is something to do.
        """
        response = self.response
        is_alone = self._is_led or self._no_ranges or self._wish.target is None
        count = 1 if is_alone else self._wish.connections
        self._is_led = True
        if count == 1 or response is None or self.total is None or self.version.validator is None:
            return 0
        units = response.headers.get("Accept-Ranges", "").lower().split(",")
        if response.status != 206 and "bytes" not in [one.strip() for one in units]:
            return 0
        # Of the answer no more comes than it holds.
        end = self.total if piece.end is None else piece.end
        others = [Gap(one.position, one.end) for one in self._waiting]
        pieces = split([Gap(piece.position, end), *others], count, _SMALLEST)
        if len(pieces) == 1 and not self.is_split:
            return 0
        piece.end = pieces[0].end
        self._waiting[:] = [Piece(*gap) for gap in pieces[1:]]
        self._pieces = [piece, *self._waiting]
        self.is_split = True
        return min(count, len(pieces)) - 1

    def fit(self, piece: Piece, pending: int, data: bytes) -> bytes:
        """Return what a piece takes of the bytes that came.

        Args:
            piece: The piece.
            pending: How many bytes of it are not written yet.
            data: What came.

        Raises:
            StartOver: There are more than the server said.
        """
        position = piece.position + pending
        if self._is_for_others(piece):
            assert piece.end is not None
            return data[: piece.end - position]
        if piece.limit is not None and position + len(data) > piece.limit:
            raise StartOver("broken")
        return data

    def is_enough(self, piece: Piece, pending: int) -> bool:
        """Return whether the rest of what comes is for other pieces."""
        return self._is_for_others(piece) and piece.position + pending == piece.end

    def _is_for_others(self, piece: Piece) -> bool:
        """Return whether more comes than a piece takes."""
        return piece.end is not None and (piece.limit is None or piece.limit > piece.end)

    def content(self, body: Stream, data: bytes) -> Iterable[bytes]:
        """Return what is written of the bytes that came."""
        return body._decoded(data) if self.is_decoded else (data,)  # pyright: ignore[reportPrivateUsage]

    def wrote(self, piece: Piece, count: int) -> None:
        """Count bytes that were written, and tell whoever is to be told.

        Raises:
            ResponseTooLarge: There are more than `max_size`.
        """
        piece.position += count
        self.tell()
        if self.total is None:
            self._check_size(piece.position)

    def tell(self) -> None:
        """Tell how far the download is, unless it was further before."""
        callback = self._wish.on_progress
        if callback is None and not self._wish.progress:
            return
        with self._mutex:
            done, total = self._told
            now = self.done
            if not self._is_over and (total != self.total or now > done):
                self._told = now, self.total
                self.bar.update(now, self.total)
                if callback is not None:
                    callback(now, self.total)

    def kept(self) -> Kept:
        """Return what is known of the bytes that are there."""
        gaps = None
        if self.is_split:
            edges = sorted((one.position, one.end or self.total) for one in self._pieces)
            gaps = [Gap(start, end) for start, end in edges if end is not None and start < end]
        version = self.version._replace(total=self.total)
        return Kept(version, gaps, self.digest, self._told_name)

    def is_to_be_noted(self) -> bool:
        """Return whether it is time to note again which bytes are there."""
        if not self.is_split:
            return False
        now, done = time.monotonic(), self.done
        if now - self._noted_at < _NOTED_AFTER and done - self._noted_of < _NOTED:
            return False
        self._noted_at, self._noted_of = now, done
        return True

    def ended(self, piece: Piece) -> None:
        """Take the end of a body.

        Raises:
            IncompleteResponse: There is to be more.
        """
        limit = piece.limit if piece.end is None else min(piece.limit or piece.end, piece.end)
        status = None if self.response is None else self.response.status
        if limit is not None and piece.position < limit:
            raise IncompleteResponse(
                f"the response body was cut after {piece.position} of {limit} bytes",
                status=status,
                received=piece.position,
                expected=limit,
            )
        if self.total is None:
            self.total = piece.position
        end = self.total if piece.end is None else piece.end
        piece.is_full = piece.position >= end
        if not (piece.is_full or self._count_step(piece)):
            # A server may send less than it was asked for, but that has to come to an end.
            raise IncompleteResponse(
                f"the server sent only {piece.position - piece.best} of {end - piece.best} bytes "
                "that were asked for",
                status=status,
                received=piece.position,
                expected=end,
            )

    def _count_step(self, piece: Piece) -> bool:
        """Return whether a piece went on, however often it was cut; then failures count anew."""
        end = self.total if piece.end is None else piece.end
        if not is_step(piece.position - piece.best, None if end is None else end - piece.best):
            return False
        piece.best, piece.failures, self._earlier = piece.position, 0, ()
        return True

    def after_error(
        self, piece: Piece, body: Stream, error: FrameworkException, client: Any
    ) -> float | None:
        """Return the seconds to wait before what is missing is asked for; `None` to raise.

        Raises:
            StartOver: The server has another file than the one that is there.
        """
        call = body._call  # pyright: ignore[reportPrivateUsage]
        if body._response is None:  # pyright: ignore[reportPrivateUsage]
            return self._after_refusal(piece, error)
        if call is None or not isinstance(error, TransportError):
            return None
        self._count_step(piece)
        piece.failures += 1
        call.attempts = piece.failures
        wait = call.after_error(error, client._origins, client._log)
        if call.retries is not None:
            error.retry_stopped_by = call.retries.stopped_by
            call.retries = None  # Its errors lead back here.
        error.attempts, error.earlier = self._attempts, self._earlier
        self._earlier += (error,)
        return wait

    def _after_refusal(self, piece: Piece, error: FrameworkException) -> float | None:
        if not isinstance(error, HTTPError) or piece.asked is None or error.raw is None:
            return None
        if error.status_code != 416:
            return None
        answer = judge(416, error.raw.headers, piece.asked, self.version)
        if answer.verdict != "complete":
            raise StartOver(answer.verdict)
        self.response, self.version = error.raw, answer.version
        self.total = answer.end
        self._check_size(answer.end)
        self._find_digest(error.raw.headers, whole=False)
        piece.is_full = True
        self.tell()
        return 0.0

    def _count_change(self) -> None:
        self._changes += 1
        if self._changes > 1:
            raise self.failed(
                ContentChanged(
                    "the file changed on the server while it was fetched, and again when it was "
                    "fetched anew; nothing of it was kept"
                )
            )

    def check_digest(self, found: bytes) -> str:
        """Return the digest of the file as text.

        Raises:
            ChecksumMismatch: It is another one than was told.
        """
        expected = self.expected
        assert expected is not None
        text = str(expected._replace(value=found))
        if found != expected.value:
            who = "was given" if self._wish.digest is not None else "the server told"
            raise self.failed(
                ChecksumMismatch(
                    f"the file that came is {text}, but {expected} {who}; it was removed",
                    expected=str(expected),
                    found=text,
                )
            )
        return text

    def left(self, error: BaseException) -> Kept | None:
        """Return what is known of the bytes that are there, if they can be gone on with.

        Args:
            error: Why the download ends.
        """
        is_useless = isinstance(error, ChecksumMismatch | ContentChanged | ResponseTooLarge)
        return None if self.version.validator is None or is_useless else self.kept()

    def result(self, digest: str | None) -> Download:
        """Return what the download became."""
        assert self.response is not None
        assert self.total is not None
        target = self._wish.target
        path = None if target is None else Path(target)
        return Download(path, self.total, self.response, self.resumed_from, digest)

    def failed(self, error: FrameworkException) -> FrameworkException:
        """Return an error with what is known of the call written on it."""
        if error.url is None:
            self._call.explain(error)
            error.attempts = self._attempts
            if self._attempts:
                error.sent = "yes"
        return error
