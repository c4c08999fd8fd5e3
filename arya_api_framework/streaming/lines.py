"""`LineDecoder`: lines of text from the pieces of a body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AnyStr, Generic

from typing_extensions import override

from .decoder import MOST, Decoder, Parts, check_most, too_large
from .text import incremental

if TYPE_CHECKING:
    from ..client.response import ResponseInfo

__all__ = ["LineDecoder", "LineSplitter", "TextLines"]


class LineDecoder(Decoder[str]):
    r"""Lines of text, without their ends.

    A line ends with `\n`, `\r\n` or `\r`, and with nothing else: a form feed or U+2028 within a
    line of a log does not end it. What follows the last end is a line, if it is not empty.

    Args:
        charset: How the text is encoded, as for `TextDecoder`.
        max_line: How many characters a line may have.
        info: The response, for errors.

    Example:
        >>> decoder = LineDecoder()
        >>> decoder.feed(b"one\r"), decoder.feed(b"\ntwo\nth"), decoder.finish()
        (['one'], ['two'], ['th'])
    """

    __slots__ = ("_info", "_lines")

    def __init__(
        self, charset: str = "utf-8", *, max_line: int = MOST, info: ResponseInfo | None = None
    ) -> None:
        super().__init__()
        self._lines = TextLines(charset, check_most("max_line", max_line))
        self._info = info

    @override
    def _feed(self, data: bytes, found: list[str]) -> None:
        found += self._lines.split(data)
        self._check()

    @override
    def _finish(self, found: list[str]) -> None:
        found += self._lines.split(b"", final=True)
        self._check()
        rest = self._lines.splitter.rest()
        if rest:
            found.append(rest)

    def _check(self) -> None:
        splitter = self._lines.splitter
        if splitter.is_too_long:
            raise too_large(self._info, "a line", "max_line", splitter.most)


class LineSplitter(Generic[AnyStr]):
    r"""Pieces of text or bytes, split at each `\n`; what a line costs grows with its length only.

    Args:
        empty: Text, or bytes, of which there is none.
        newline: What ends a line.
        most: How long a line may be.

    Attributes:
        is_too_long: Whether the line after those that were returned is longer.
    """

    __slots__ = ("_empty", "_newline", "_parts", "_size", "is_too_long", "most")

    def __init__(self, empty: AnyStr, newline: AnyStr, most: int) -> None:
        self._empty: Any = empty
        self._newline: Any = newline
        self.most = most
        self._parts: Parts[AnyStr] = Parts(empty)
        self._size = 0
        self.is_too_long = False

    def split(self, piece: AnyStr) -> list[AnyStr]:
        """Return the lines that a piece ends, without their ends."""
        whole: Any = piece
        lines: list[Any] = whole.split(self._newline)
        last = lines[-1]
        if self._size + len(piece) > self.most:
            self._cut(lines)
        if len(lines) == 1:
            lines.clear()
        elif self._size:
            self._parts.add(lines[0])
            lines[0] = self._parts.take()
            self._size = 0
            lines.pop()
        else:
            lines.pop()
        if last:
            self._parts.add(last)
            self._size += len(last)
        return lines

    def rest(self) -> AnyStr:
        """Return the line that nothing ended."""
        self._size = 0
        return self._parts.take()

    def _cut(self, lines: list[Any]) -> None:
        """Leave nothing of the first line that is too long, and of what follows it."""
        before = self._size
        for number, line in enumerate(lines):
            if before + len(line) > self.most:
                self.is_too_long = True
                lines[number:] = [self._empty]
                return
            before = 0


class TextLines:
    r"""Pieces of encoded text, split at each `\n`, `\r\n` or `\r`.

    Args:
        charset: How the text is encoded.
        most: How many characters a line may have.
    """

    __slots__ = ("_after_return", "_decoder", "splitter")

    def __init__(self, charset: str, most: int) -> None:
        self._decoder = incremental(charset)
        self._after_return = False
        self.splitter = LineSplitter("", "\n", most)

    def split(self, data: bytes, *, final: bool = False) -> list[str]:
        """Return the lines that a piece ends, without their ends."""
        text = self._decoder.decode(data, final)
        if self._after_return and text:
            # A line that ends with `\r` is whole, whether `\n` follows or not.
            self._after_return = False
            text = text.removeprefix("\n")
        if "\r" in text:
            self._after_return = text[-1] == "\r"
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return self.splitter.split(text)
