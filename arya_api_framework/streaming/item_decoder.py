"""`ItemDecoder`: what the decoders of typed items share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ConfigurationError, ResponseParseError, ResponseTooLarge
from .decoder import Decoder, OnInvalid, check_most, place_of, too_large

if TYPE_CHECKING:
    from pydantic import ValidationError

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

    __slots__ = ("_begins", "_info", "_limit", "_most", "_skips", "count", "skipped")

    def __init__(
        self, on_invalid: OnInvalid, limit: str, most: int, info: ResponseInfo | None
    ) -> None:
        super().__init__()
        if on_invalid not in ("raise", "skip"):
            raise ConfigurationError(f'on_invalid must be "raise" or "skip", got {on_invalid!r}')
        self._skips = on_invalid == "skip"
        self._limit = limit
        self._most = check_most(limit, most)
        self._info = info
        self._begins: bytes | None = b""  # Of what may be a byte order mark.
        self.count: int = 0
        self.skipped: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing came yet."""
        return self._begins == b""

    def _without_mark(self, data: bytes) -> bytes:
        """Return a piece without the byte order mark that a body may begin with."""
        if self._begins is None:
            return data
        data = self._begins + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._begins = data
            return b""
        self._begins = None
        return data.removeprefix(_BOM)

    def _held(self) -> bytes:
        """Return the piece of a byte order mark that nothing followed."""
        return self._begins or b""

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
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return first["type"] == "json_invalid"
