"""Response formats: a type, compiled once, that turns content into a typed result."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import repeat
from typing import TYPE_CHECKING, Any, cast, get_args, get_origin

import pydantic
from pydantic import PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import SchemaError, SchemaValidator, from_json

from ..errors import ConfigurationError, ResponseParseError, ResponseValidationError
from ..models import Response, set_info
from ..options import UNSET
from .redaction import clean_text, redact_url
from .shapes import is_mapping

if TYPE_CHECKING:
    from .response import RawResponse, ResponseInfo

__all__ = ["Format", "find_format", "is_json"]

_BOM = b"\xef\xbb\xbf"
_MAX_CACHED = 1024


class Format:
    """What the content of a response becomes.

    Attributes:
        name: What to call it in an error.
    """

    name = "JSON"

    def parse(self, response: RawResponse) -> Any:
        """Return the content as this format.

        Raises:
            ResponseParseError: There is none, or it is no JSON.
            ResponseValidationError: The JSON does not fit.
        """
        content = response.content
        if not content:
            return None
        try:
            return from_json(content)
        except ValueError as error:
            recoded = _recode(response)
            if recoded is None:
                raise _no_json(self, response) from error
        try:
            return from_json(recoded)
        except ValueError as error:
            raise _no_json(self, response) from error


def is_json(target: Format) -> bool:
    """Return whether a format is read from JSON."""
    return not isinstance(target, _TextFormat | _BytesFormat | _NothingFormat)


class _TextFormat(Format):
    name = "str"

    def parse(self, response: RawResponse) -> str:
        return response.text


class _BytesFormat(Format):
    name = "bytes"

    def parse(self, response: RawResponse) -> bytes:
        return response.content


class _NothingFormat(Format):
    name = "None"

    def parse(self, response: RawResponse) -> None:
        return None


class _TypedFormat(Format):
    """JSON validated by pydantic, straight from the bytes."""

    def __init__(self, target: Any) -> None:
        self.name = (
            target.__name__ if isinstance(target, type) and not get_args(target) else str(target)
        )
        try:
            adapter = TypeAdapter[Any](target)
            adapter.rebuild(raise_errors=True)
            # Built here, not taken from the adapter: errors must not show the input, whatever
            # the model is configured to.
            validator = SchemaValidator(adapter.core_schema, {"hide_input_in_errors": True})
        except (PydanticUserError, PydanticUndefinedAnnotation, SchemaError, TypeError) as error:
            raise ConfigurationError(
                f"response_format {self.name} is no type that pydantic can validate"
            ) from error
        self._validate = validator.validate_json
        self._model = isinstance(target, type) and issubclass(target, pydantic.BaseModel)
        self._single = isinstance(target, type) and issubclass(target, Response)
        self._elements = get_origin(target) is list and _is_response(get_args(target)[0])
        self._carries = _may_carry(target)

    def parse(self, response: RawResponse) -> Any:
        content = response.content
        try:
            result = self._validate(content or b"null")
        except ValidationError as error:
            # UTF-8 is what JSON must be (RFC 8259 8.1); what is not gets a second look.
            recoded = _recode(response)
            if recoded is None:
                raise self._explain(error, response, content) from error
            try:
                result = self._validate(recoded)
            except ValidationError as second:
                raise self._explain(second, response, recoded) from second
        if self._single:
            set_info(result, response.info)
        elif self._elements:
            deque(map(set_info, result, repeat(response.info)), maxlen=0)
        elif self._carries:
            _attach(result, response.info)
        return result

    def _explain(
        self, error: ValidationError, response: RawResponse, content: bytes
    ) -> ResponseParseError:
        if not content:
            return ResponseParseError(
                f"{_place(response)}: the response has no content, but response_format "
                f"{self.name} needs some",
                status=response.status,
            )
        rows = error.errors(include_url=False, include_context=False, include_input=False)
        if rows[0]["type"] == "json_invalid":
            return _no_json(self, response)
        shown = "; ".join(
            f"{'.'.join(map(str, row['loc'])) or 'the whole'}: {row['msg']}" for row in rows[:3]
        )
        more = f"; and {len(rows) - 3} more" if len(rows) > 3 else ""
        hint = ""
        if self._model and content.lstrip().startswith(b"["):
            hint = f" (the content is a list: use response_format=list[{self.name}])"
        return ResponseValidationError(
            f"{_place(response)}: the response does not fit {self.name}: {shown}{more}{hint}",
            status=response.status,
            body=content,
            errors=cast("list[dict[str, Any]]", rows),
        )


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
    """Return the format of a type, compiled at most once.

    Raises:
        ConfigurationError: Pydantic cannot validate the type.
    """
    # Unions are equal in any order of their members, which matters to the result; their text
    # tells them apart.
    key = target if target is UNSET or isinstance(target, type) else (target, repr(target))
    try:
        found = _FORMATS.get(target if target is None or target is Any else key)
    except TypeError:
        return _TypedFormat(target)
    if found is None:
        found = _TypedFormat(target)
        if len(_FORMATS) >= _MAX_CACHED:
            for old in list(_FORMATS)[_MAX_CACHED // 2 :]:
                _FORMATS.pop(old, None)
        _FORMATS[key] = found
    return found


def _recode(response: RawResponse) -> bytes | None:
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


def _no_json(target: Format, response: RawResponse) -> ResponseParseError:
    media_type = response.headers.get("Content-Type", "")
    return ResponseParseError(
        f"{_place(response)}: {target.name} was expected, but the content is no valid JSON "
        f"(Content-Type {clean_text(media_type, 100)!r})",
        status=response.status,
        body=response.content,
    )


def _place(response: RawResponse) -> str:
    return f"{response.request.method} {redact_url(response.request.url)}"


def _is_response(target: Any) -> bool:
    return isinstance(target, type) and issubclass(target, Response)


def _may_carry(target: Any) -> bool:
    """Return whether a result of this type can be, or directly hold, `Response` models."""
    if isinstance(target, type) and not get_args(target):
        return issubclass(target, Response)
    value = getattr(target, "__value__", None)
    return any(_may_carry(part) for part in get_args(target)) or (
        value is not None and _may_carry(value)
    )


def _attach(result: Any, info: ResponseInfo) -> None:
    if isinstance(result, Response):
        set_info(result, info)
        return
    items: Iterable[Any] = ()
    if is_mapping(result):
        items = result.values()
    elif isinstance(result, list | tuple | set | frozenset):
        items = cast("Iterable[Any]", result)
    for item in items:
        if isinstance(item, Response):
            set_info(item, info)
