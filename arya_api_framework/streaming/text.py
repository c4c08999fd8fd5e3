"""`TextDecoder`: text from the pieces of a body."""

from __future__ import annotations

import codecs

from typing_extensions import override

from .decoder import Decoder

__all__ = ["TextDecoder", "incremental"]


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
        text = self._decoder.decode(b"", final=True)
        if text:
            found.append(text)


def incremental(charset: str) -> codecs.IncrementalDecoder:
    """Return what decodes a charset piece by piece."""
    try:
        return codecs.getincrementaldecoder(charset)("replace")
    except (LookupError, ValueError):
        return codecs.getincrementaldecoder("utf-8")("replace")
