"""`TextDecoder`: text from the pieces of a body."""

from __future__ import annotations

import codecs
import sys
from typing import Protocol

from typing_extensions import override

from .decoder import Decoder

__all__ = ["Incremental", "TextDecoder", "incremental"]


class TextDecoder(Decoder[str]):
    r"""Text, piece by piece: together what `RawResponse.text` is.

    A character that is cut by the edge of a piece comes with the piece that ends it.

    Args:
        charset: How the text is encoded; what Python does not know is read as UTF-8. Bytes that do
            not fit it become U+FFFD.

    Example:
        >>> decoder = TextDecoder()
        >>> decoder.feed(b"caf\xc3"), decoder.feed(b"\xa9"), decoder.finish()
        (['caf'], ['é'], [])
    """

    __slots__ = ("_decoder",)

    def __init__(self, charset: str = "utf-8") -> None:
        super().__init__()
        self._decoder = incremental(charset)

    @override
    def _feed(self, data: bytes, found: list[str]) -> None:
        text = self._decoder.decode(data)
        if text:
            found.append(text)

    @override
    def _finish(self, found: list[str]) -> None:
        text = self._decoder.decode(b"", True)
        if text:
            found.append(text)


class Incremental(Protocol):
    """What decodes a charset piece by piece."""

    def decode(self, data: bytes, final: bool = False, /) -> str:
        """Return the text of the next piece; `final` is the last one."""
        ...


class _Marked:
    """UTF-16 or UTF-32, whose byte order a mark tells; without one it is that of `bytes.decode`."""

    __slots__ = ("_begins", "_decoder", "_marks", "_name")

    def __init__(self, name: str, marks: tuple[bytes, bytes]) -> None:
        self._name = name
        self._marks = marks
        self._begins = b""
        self._decoder: Incremental | None = None

    def decode(self, data: bytes, final: bool = False, /) -> str:
        if self._decoder is None:
            data = self._begins + data
            if len(data) < len(self._marks[0]) and not final:
                self._begins = data
                return ""
            # The decoders of Python's that work piece by piece want a mark.
            order = "" if data.startswith(self._marks) else f"-{sys.byteorder[0]}e"
            self._decoder = codecs.getincrementaldecoder(self._name + order)("replace")
        return self._decoder.decode(data, final)


_MARKS = {
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}


def incremental(charset: str) -> Incremental:
    """Return what decodes a charset piece by piece."""
    try:
        b".".decode(charset, "replace")  # Some codings of Python's make no text.
        name = codecs.lookup(charset).name
        if name in _MARKS:
            return _Marked(name, _MARKS[name])
        return codecs.getincrementaldecoder(name)("replace")
    except (LookupError, ValueError):
        return codecs.getincrementaldecoder("utf-8")("replace")
