"""Response formats: a type, compiled once, that turns content into a typed result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from ..errors import ResponseParseError
from ..options import UNSET
from .redaction import clean_text

if TYPE_CHECKING:
    from .response import RawResponse, ResponseInfo

__all__ = ["RAW", "Format", "find_format", "no_json", "place", "recode"]

_BOM = b"\xef\xbb\xbf"
_MAX_CACHED = 1024


class Format:
    """What the content of a response becomes.

    Attributes:
        name: What to call it in an error.
        is_json: Whether it is read from JSON.
    """

    name = "JSON"
    is_json = True

    def of(self, status: int) -> Format:
        """Return the format for a status, which is the same for most."""
        return self

    def parse(self, response: RawResponse) -> Any:
        """Return the content as this format, `None` for no content where the format allows it.

        Raises:
            ResponseParseError: There is no content, or it is no JSON.
            ResponseValidationError: The JSON does not fit.
        """
        content = response.content
        if not content:
            return None
        try:
            return from_json(content)
        except ValueError as error:
            recoded = recode(response)
            if recoded is None:
                raise no_json(self, response) from error
        try:
            return from_json(recoded)
        except ValueError as error:
            raise no_json(self, response) from error


class _TextFormat(Format):
    name = "str"
    is_json = False

    def parse(self, response: RawResponse) -> str:
        return response.text


class _BytesFormat(Format):
    name = "bytes"
    is_json = False

    def parse(self, response: RawResponse) -> bytes:
        return response.content


class _NothingFormat(Format):
    name = "None"
    is_json = False

    def parse(self, response: RawResponse) -> None:
        return None


class _RawFormat(Format):
    name = "RawResponse"
    is_json = False

    def parse(self, response: RawResponse) -> RawResponse:
        return response


RAW = _RawFormat()
"""The format that leaves a response as it is."""

_JSON = Format()
_FORMATS: dict[Any, Format] = {
    UNSET: _JSON,
    Any: _JSON,
    str: _TextFormat(),
    bytes: _BytesFormat(),
    None: _NothingFormat(),
    type(None): _NothingFormat(),
}


def find_format(target: Any) -> Format:
    """Return the format of a type, compiled at most once; a format is its own.

    Raises:
        ConfigurationError: Pydantic cannot validate the type.
    """
    # Unions are equal in any order of their members, which matters to the result; their text
    # tells them apart.
    key = target if target is UNSET or isinstance(target, type) else (target, repr(target))
    try:
        found = _FORMATS.get(target if target is None or target is Any else key)
    except TypeError:
        return _compile(target)
    if found is None:
        if isinstance(target, Format):
            return target
        found = _compile(target)
        if len(_FORMATS) >= _MAX_CACHED:
            for old in list(_FORMATS)[_MAX_CACHED // 2 :]:
                _FORMATS.pop(old, None)
        _FORMATS[key] = found
    return found


def _compile(target: Any) -> Format:
    # Models are slow to import; a client that is only defined needs none.
    from .typed_format import TypedFormat, binding

    return binding(TypedFormat(target))


def recode(response: RawResponse) -> bytes | None:
    """Return content that is not plain UTF-8 as such, `None` where nothing is to be done."""
    content = response.content
    if content.startswith(_BOM):
        return content.removeprefix(_BOM)
    encoding = response.encoding
    if encoding in ("utf-8", "utf8", "us-ascii"):
        return None
    try:
        return content.decode(encoding).encode()
    except (LookupError, ValueError):
        return None


def no_json(target: Format, response: RawResponse) -> ResponseParseError:
    """Return the error for content that is no JSON."""
    media_type = response.headers.get("Content-Type", "")
    return ResponseParseError(
        f"{place(response)}: {target.name} was expected, but the content is no valid JSON "
        f"(Content-Type {clean_text(media_type, 100)!r})",
        status=response.status,
        body=response.content,
    )


def place(response: ResponseInfo) -> str:
    """Return what was asked for, as it may be shown."""
    return f"{response.request.method} {response.request.shown_url}"
