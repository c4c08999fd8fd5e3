"""`ItemDecoder`: what the decoders of typed items share."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from ..errors import ConfigurationError, ResponseParseError, ResponseTooLarge
from .decoder import Decoder, OnInvalid, check_most, place_of, too_large
from .text import Incremental, incremental

if TYPE_CHECKING:
    from ..client.response import ResponseInfo
    from ..client.typed_format import ItemFormat

__all__ = ["ANYTHING", "ItemDecoder", "is_no_json"]

T = TypeVar("T")
ANYTHING: Any = Any
"""The type of parsed JSON, given as a type."""

_BOM = b"\xef\xbb\xbf"


class ItemDecoder(Decoder[T]):
    """A decoder of items that are validated.

    Attributes:
        count: How many items came whole, those that were skipped with them.
        skipped: How many of these did not fit, and were left out.
    """

    __slots__ = (
        "_begins",
        "_charset",
        "_info",
        "_limit",
        "_most",
        "_recoder",
        "_skips",
        "count",
        "skipped",
    )

    def __init__(
        self, on_invalid: OnInvalid, limit: str, most: int, charset: str, info: ResponseInfo | None
    ) -> None:
        super().__init__()
        if on_invalid not in ("raise", "skip"):
            raise ConfigurationError(f'on_invalid must be "raise" or "skip", got {on_invalid!r}')
        self._skips = on_invalid == "skip"
        self._limit = limit
        self._most = check_most(limit, most)
        self._info = info
        self._begins: bytes | None = b""  # Of what may be a byte order mark.
        self._charset = _other_charset(charset)
        self._recoder: Incremental | None = None
        if self._charset is not None and not _is_one_byte(self._charset):
            # Its bytes could be taken for brackets and quotes.
            self._recoder, self._charset = incremental(self._charset), None
        self.count: int = 0
        self.skipped: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing came yet."""
        return self._begins == b""

    def _as_utf8(self, data: bytes) -> bytes:
        """Return a piece as UTF-8, without the byte order mark that a body may begin with."""
        if self._recoder is not None:
            data = self._recoder.decode(data).encode()
        if self._begins is None:
            return data
        data = self._begins + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._begins = data
            return b""
        self._begins = None
        return data.removeprefix(_BOM)

    def _held(self) -> bytes:
        """Return what could not be made use of without what should have followed."""
        last = b"" if self._recoder is None else self._recoder.decode(b"", True).encode()
        return (self._begins or b"") + last

    def _validate(self, form: ItemFormat, content: bytes) -> Any:
        """Return what content becomes: as UTF-8, or else as what the response declares."""
        if self._charset is None:
            return form.validate(content)
        try:
            return form.validate(content)
        except ValidationError:
            recoded = self._recode(content)
            if recoded == content:
                raise
        return form.validate(recoded)

    def _recode(self, content: bytes) -> bytes:
        """Return content that is no UTF-8 as such."""
        try:
            content.decode()
        except ValueError:
            return content.decode(self._charset or "utf-8", "replace").encode()
        return content

    def _take_invalid(
        self,
        error: ValidationError,
        form: ItemFormat,
        content: bytes,
        what: str,
        *,
        is_torn: bool = False,
    ) -> None:
        """Raise what is wrong with the next item, unless it is to be skipped.

        Args:
            error: That of pydantic.
            form: The format of the item.
            content: The JSON of the item, as it was validated.
            what: What to call the item.
            is_torn: Whether nothing can be told of what follows it.
        """
        if is_torn or not self._skips:
            content = self._recode(content)
            raise form.explain(error, content, what=what, loc=(self.count,), info=self._info)
        self.count += 1
        self.skipped += 1

    def _too_large(self, what: str, size: int | None = None) -> ResponseTooLarge:
        return too_large(self._info, what, self._limit, self._most, size)

    def _broken(self, text: str, content: Any = b"") -> ResponseParseError:
        """Return the error for a body that is not what it should be."""
        status = None if self._info is None else self._info.status
        return ResponseParseError(
            f"{place_of(self._info)}{text}", status=status, body=bytes(content)
        )


def is_no_json(error: ValidationError) -> bool:
    """Return whether an error of pydantic's is about JSON itself."""
    if error.error_count() > 1:
        return False  # It would be the only one; all are made to read the first.
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return first["type"] == "json_invalid"


def _other_charset(charset: str) -> str | None:
    """Return a charset that Python knows, `None` for UTF-8 and what is part of it."""
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        return None
    return None if name in ("utf-8", "utf-8-sig", "ascii") else name


def _is_one_byte(charset: str) -> bool:
    """Return whether each byte is a character, so that those of ASCII are themselves."""
    every = bytes(range(256)).decode(charset, "replace")
    return len(every) == 256 and every[:128].isascii()
