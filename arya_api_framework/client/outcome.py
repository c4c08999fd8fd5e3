"""What an error response is turned into: the exception for its status."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NewType

from ..errors import (
    ERROR_RESPONSE_MAPPING,
    ConfigurationError,
    HTTPClientError,
    HTTPError,
    HTTPRedirect,
    HTTPServerError,
    ResponseParseError,
)
from ..errors.call import KEPT_BODY
from .formats import find_format
from .redaction import clean_text, hide_secrets, secrets_in
from .response import RawResponse
from .shapes import is_mapping, is_sequence

__all__ = ["http_error", "is_factory", "said_by"]

_MESSAGE_KEYS = ("message", "detail", "error_description", "error", "title", "reason", "errors")
_MESSAGE_LENGTH = 200
_MOST_VALUES = 1000
"""In how many values of a body a message is looked for: an error may be megabytes of numbers."""
_TAGS = re.compile(
    # An element that is never closed goes on to the end; then each character is looked at once.
    r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)|<[^<>]*>",
    re.IGNORECASE | re.DOTALL,
)


def http_error(response: RawResponse, error_responses: Mapping[Any, Any]) -> Exception:
    """Return the exception for a response that is no success.

    The entry for the exact status counts, then its range, then `"default"`.

    Args:
        response: The response; its content is cut to 64 KiB.
        error_responses: The entries of client and call, merged.
    """
    status = response.status
    body_error = response.body_error
    built_in = ERROR_RESPONSE_MAPPING.get(status) or _class_of(status)
    entry: Any = error_responses.get(status)
    if entry is None:
        entry = error_responses.get(f"{status // 100}XX", error_responses.get("default"))
    whole, response.content = response.content, response.content[:KEPT_BODY]
    parsed = _parse_freely(response, whole)
    message = _describe(response, parsed)
    if entry is None:
        return built_in(parsed, message, raw=response, body_error=body_error)
    if is_factory(entry):
        made = _with_whole(response, whole, entry)
        if not isinstance(made, Exception):
            wrong = ConfigurationError(
                f"the error_responses function for {status} returned {type(made).__name__}, "
                "not an exception"
            )
            wrong.sent = "yes"
            raise wrong from built_in(parsed, message, raw=response, body_error=body_error)
        failure: Exception = made
        if isinstance(made, HTTPError) and made.raw is None:
            made.raw = response
            made.status_code = made.status_code or status
        return failure
    if isinstance(entry, type) and issubclass(entry, HTTPError):
        return _make(entry, parsed, message, response, body_error)
    try:
        parsed = _parse_as(entry, response, whole)
    except ResponseParseError as error:
        body_error = body_error or str(error)
    return built_in(parsed, message, raw=response, body_error=body_error)


def is_factory(entry: Any) -> bool:
    """Return whether an entry is a function that makes the exception, not a type to parse."""
    is_type = isinstance(entry, type) or hasattr(entry, "__origin__")
    return callable(entry) and not is_type and not isinstance(entry, NewType)


def _make(
    cls: type[HTTPError],
    parsed: Any,
    message: str,
    response: RawResponse,
    body_error: str | None,
) -> HTTPError:
    """Make a user's error class; one with an `__init__` of its own is given body and text."""
    if cls.__init__ is HTTPError.__init__:
        return cls(parsed, message, raw=response, body_error=body_error)
    try:
        error = cls(parsed, message)
    except TypeError as problem:
        wrong = ConfigurationError(
            f"the error_responses class {cls.__name__} for {response.status} cannot be made from "
            "the body and a text; give its `__init__` these two arguments"
        )
        wrong.sent = "yes"
        raise wrong from problem
    error.raw = response
    error.status_code = response.status
    error.body_error = body_error
    return error


def _class_of(status: int) -> type[HTTPError]:
    if status < 400:
        return HTTPRedirect
    return HTTPClientError if status < 500 else HTTPServerError


def _parse_as(entry: Any, response: RawResponse, whole: bytes) -> Any:
    return _with_whole(response, whole, find_format(entry).parse)


def _with_whole(response: RawResponse, whole: bytes, read: Callable[[RawResponse], Any]) -> Any:
    kept, response.content = response.content, whole
    try:
        return read(response)
    finally:
        response.content = kept


def _parse_freely(response: RawResponse, whole: bytes) -> Any:
    try:
        return _parse_as(Any, response, whole)
    except ResponseParseError:
        return response.text


def _describe(response: RawResponse, parsed: Any) -> str:
    request = response.request
    said = said_by(response, parsed)
    text = f"{response.status} for {request.method} {request.shown_url}"
    return f"{text}: {said}" if said else text


def said_by(response: RawResponse, parsed: Any) -> str:
    """Return what a response says went wrong, as it may be shown; empty where it says nothing.

    Args:
        response: The response.
        parsed: Its content, or the part of it that is about the error.
    """
    request = response.request
    # A page is text with marks in it; what JSON says is said as it is.
    if isinstance(parsed, str):
        said = _TAGS.sub(" ", parsed[:KEPT_BODY])
    else:
        said = next((text for text in islice(_messages(parsed), _MOST_VALUES) if text), "")
    secrets = secrets_in(request)
    return clean_text(hide_secrets(clean_text(said, KEPT_BODY), secrets), _MESSAGE_LENGTH)


def _messages(parsed: Any) -> Iterator[str]:
    """Yield for each value what it says went wrong, wherever APIs usually put it, or nothing."""
    if isinstance(parsed, str):
        yield parsed.strip()
    else:
        yield ""
    if is_mapping(parsed):
        for key in _MESSAGE_KEYS:
            yield from _messages(parsed.get(key))
    elif is_sequence(parsed):
        for item in parsed:
            yield from _messages(item)
