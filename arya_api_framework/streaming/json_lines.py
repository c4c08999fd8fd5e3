"""`JsonLines` and `JsonSequence`: one JSON text after the other, as they arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError
from typing_extensions import TypeForm, override

from ..client.typed_format import item_format
from .decoder import MOST, OnInvalid, Parts
from .item_decoder import ANYTHING, ItemDecoder, is_no_json
from .json_scan import ElementScan, end_of_space
from .lines import LineSplitter

if TYPE_CHECKING:
    from ..client.response import ResponseInfo

__all__ = ["JsonLines", "JsonSequence", "is_sequence"]

T = TypeVar("T")

_SPACE = b" \t\r\n"
_SEPARATOR = b"\x1e"


def _has_content(numbered: tuple[int, bytes]) -> bool:
    """Return whether a line is not blank."""
    return bool(numbered[1].strip(_SPACE))


def is_sequence(content_type: str) -> bool:
    """Return whether a media type is that of a JSON text sequence (RFC 7464, RFC 8091)."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json-seq" or media_type.endswith("+json-seq")


class JsonLines(ItemDecoder[T]):
    r"""JSON texts that are one line each (NDJSON), each validated once it is whole.

    Blank lines are nothing. The last line needs no end.

    Args:
        target: What each line becomes; parsed JSON if left out.
        on_invalid: Whether a line that does not fit is an error, or skipped and counted.
        max_item_size: How many bytes a line may have.
        charset: What the response declares. UTF-8 counts where it fits, as JSON must be that.
        info: The response, for errors and for `Response` models.

    Example:
        >>> decoder = JsonLines(dict[str, int])
        >>> decoder.feed(b'{"id": 1}\n{"i'), decoder.feed(b'd": 2}'), decoder.finish()
        ([{'id': 1}], [], [{'id': 2}])
    """

    __slots__ = ("_format", "_line", "_splitter")

    def __init__(
        self,
        target: type[T] | TypeForm[T] = ANYTHING,
        *,
        on_invalid: OnInvalid = "raise",
        max_item_size: int = MOST,
        charset: str = "utf-8",
        info: ResponseInfo | None = None,
    ) -> None:
        super().__init__(on_invalid, "max_item_size", max_item_size, charset, info)
        self._format = item_format(target, info)
        self._splitter = LineSplitter(b"", b"\n", self._most)
        self._line = 1

    @override
    def _feed(self, data: bytes, found: list[T]) -> None:
        lines = self._splitter.split(self._as_utf8(data))
        if lines:
            self._take(lines, found)
        if self._splitter.is_too_long:
            raise self._too_large(f"line {self._line}")

    def _take(self, lines: list[bytes], found: list[T]) -> None:
        first, known = self._line, len(found)
        validate, add = self._format.validate, found.append
        numbered: Iterator[tuple[int, bytes]] = enumerate(lines, first)
        skipped, base = self.skipped, self.count
        try:
            while True:
                number, line = first, b""
                try:
                    for number, line in numbered:  # noqa: B007 - for the error
                        add(validate(line))
                    break
                except ValidationError as error:
                    if line.strip(_SPACE):
                        self.count = base + len(found) - known + self.skipped - skipped
                        self._take_again(error, line, number, found)
                    else:
                        # Where one is blank, more may be, and each would cost an error.
                        numbered = filter(_has_content, numbered)
        finally:
            self.count = base + len(found) - known + self.skipped - skipped
            self._line = first + len(lines)
            if self._info is not None and self._format.is_attached:
                self._format.attach(found[known:], self._info)

    def _take_again(self, error: ValidationError, line: bytes, number: int, found: list[T]) -> None:
        """Add an item that did not fit at first."""
        if self._charset is not None:
            try:
                found.append(self._validate(self._format, line))
            except ValidationError as second:
                error = second
            else:
                return
        self._take_invalid(error, self._format, line, self._called(number))

    def _called(self, number: int) -> str:
        return f"item {self.count} (line {number})"

    @override
    def _finish(self, found: list[T]) -> None:
        line = self._held() + self._splitter.rest()
        if not line.strip(_SPACE):
            return
        try:
            self._validate(self._format, line)
        except ValidationError as error:
            if is_no_json(error):
                raise self._broken(
                    f"the body ends in the middle of {self._called(self._line)}", line
                ) from error
        self._take([line], found)


class JsonSequence(ItemDecoder[T]):
    r"""JSON texts with a record separator before each (RFC 7464), each validated once it is whole.

    A text that is cut, as by a writer that died, does not fit, but the last one of the body is an
    error in any case.

    Args:
        target: What each text becomes; parsed JSON if left out.
        on_invalid: Whether a text that does not fit is an error, or skipped and counted.
        max_item_size: How many bytes a text may have.
        charset: What the response declares. UTF-8 counts where it fits, as JSON must be that.
        info: The response, for errors and for `Response` models.

    Example:
        >>> decoder = JsonSequence(dict[str, int])
        >>> decoder.feed(b'\x1e{"id": 1}\n\x1e{"i'), decoder.feed(b'd": 2}\n'), decoder.finish()
        ([{'id': 1}], [{'id': 2}], [])
    """

    __slots__ = ("_format", "_is_open", "_parts", "_scan", "_size")

    def __init__(
        self,
        target: type[T] | TypeForm[T] = ANYTHING,
        *,
        on_invalid: OnInvalid = "raise",
        max_item_size: int = MOST,
        charset: str = "utf-8",
        info: ResponseInfo | None = None,
    ) -> None:
        super().__init__(on_invalid, "max_item_size", max_item_size, charset, info)
        self._format = item_format(target, info)
        self._scan = ElementScan()
        self._is_open: bool | None = False  # Whether a text may begin; `None` after a wrong one.
        self._parts = Parts(b"")
        self._size = 0

    @override
    def _feed(self, data: bytes, found: list[T]) -> None:
        first, *others = self._as_utf8(data).split(_SEPARATOR)
        self._read(first, found)
        for part in others:
            if self._scan.is_inside:
                # Also a number that no white space follows may be cut (RFC 7464 2.4).
                self._scan.is_inside = False
                self._refuse("is cut")
            self._is_open = True
            self._parts.clear()
            self._size = 0
            self._read(part, found)

    def _read(self, data: bytes, found: list[T]) -> None:
        """Read what stands between two separators, or a piece of it."""
        scan, pos = self._scan, 0
        begin = 0
        if not scan.is_inside:
            begin = pos = end_of_space(data, 0)
            if pos == len(data) or self._is_open is None:
                return
            if not self._is_open:
                self._is_open = None
                self._refuse("has no record separator before it")
                return
            self._is_open = False
            scan.begin(data[pos])
            pos += data[pos] in b'"[{'
        pos = scan.read(data, pos) if pos < len(data) else pos
        self._size += pos - begin
        self._parts.add(data[begin:pos])
        if self._size > self._most:
            raise self._too_large(f"item {self.count}")
        if not scan.is_inside:
            self._take(self._parts.take(), found)
            self._size = 0
            self._read(data[pos:], found)

    def _take(self, text: bytes, found: list[T]) -> None:
        try:
            item = self._validate(self._format, text)
        except ValidationError as error:
            self._take_invalid(error, self._format, text, f"item {self.count}")
            return
        self.count += 1
        if self._info is not None and self._format.is_attached:
            self._format.attach([item], self._info)
        found.append(item)

    def _refuse(self, why: str) -> None:
        """Raise that a text is none, unless it is to be skipped."""
        if not self._skips:
            raise self._broken(f"item {self.count} {why} (RFC 7464)", self._parts.take())
        self.count += 1
        self.skipped += 1

    @override
    def _finish(self, found: list[T]) -> None:
        if self._scan.is_inside or self._held():
            raise self._broken(
                f"the body ends in the middle of item {self.count}", self._parts.take()
            )
