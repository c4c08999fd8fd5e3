"""What comes back: `ResponseInfo`, the head of a response, and `RawResponse`, all of it."""

from __future__ import annotations

import codecs
import copy
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from multidict import CIMultiDict, CIMultiDictProxy
from typing_extensions import TypeForm
from yarl import URL

from ..errors import ConfigurationError
from .encoding import as_pairs, encode_json, is_field_value
from .redaction import hide_in, is_safe_header, secrets_in

if TYPE_CHECKING:
    from http.cookies import SimpleCookie

    from .request import Request

__all__ = ["RawFields", "RawResponse", "ResponseInfo"]

T = TypeVar("T")
RawFields = tuple[tuple[bytes, bytes], ...]

_NO_CHARSETS = frozenset(
    "idna mbcs oem punycode raw-unicode-escape undefined unicode-escape utf-7".split()
)
"""Codings of Python's that no server is to choose: some take for ever, some hide what is there."""


class ResponseInfo:
    """The head of a response and what is known of its call.

    Attributes:
        status: The status code.
        raw_headers: The header fields as bytes, in the order they came.
        request: The `Request` that was answered.
        elapsed: Seconds from the start of the call to the last byte.
        history: The responses that redirected here, the first one first.
    """

    _client: Any = None
    """A weak reference to the client, for models that are bound to it."""

    def __init__(
        self,
        status: int,
        raw_headers: RawFields,
        request: Request,
        *,
        reason: str = "",
        received: float = 0.0,
    ) -> None:
        self.status = status
        self.reason = reason
        self.raw_headers = raw_headers
        self.request = request
        self.received = received
        self.elapsed: float = 0.0
        self.history: tuple[ResponseInfo, ...] = ()

    @cached_property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields; names ignore case, bytes beyond UTF-8 are kept as surrogates."""
        return CIMultiDictProxy(
            CIMultiDict(
                (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
                for name, value in self.raw_headers
            )
        )

    @cached_property
    def url(self) -> URL:
        """The URL that was answered, after redirects."""
        return URL(self.request.url, encoded=True)

    @property
    def received_at(self) -> datetime:
        """When the response had come whole, in UTC."""
        return datetime.fromtimestamp(self.received, UTC)

    @cached_property
    def cookies(self) -> SimpleCookie:
        """The cookies that this response set; broken ones are left out."""
        from http.cookies import CookieError, SimpleCookie

        cookies: SimpleCookie = SimpleCookie()
        for line in self.headers.getall("Set-Cookie", ()):
            try:
                cookies.load(line)
            except CookieError:
                continue
        return cookies

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.status} {self.request.method} {self.request.shown_url}>"
        )

    def __copy__(self) -> Self:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle may hold: no header outside the safe list, nothing of the body."""
        secrets = secrets_in(self.request)
        return {
            "status": self.status,
            "reason": hide_in(self.reason, secrets),
            "raw_headers": tuple(
                (name, hide_in(value, secrets))
                for name, value in self.raw_headers
                if is_safe_header(name.decode("latin-1"))
            ),
            "request": self.request,
            "received": self.received,
            "elapsed": self.elapsed,
            "history": self.history,
        }


def check_encoding(_: Any, charset: Any) -> str | None:
    """Return the name of a charset, `None` for that which a response declares.

    Raises:
        ConfigurationError: Python cannot decode it to text.
    """
    if charset is not None:
        try:
            is_known = codecs.lookup(charset).name not in _NO_CHARSETS
            b".".decode(charset, "replace")  # Some codings of Python's make no text.
        except (LookupError, ValueError, TypeError):
            is_known = False
        if not is_known:
            raise ConfigurationError(
                f"encoding must be a charset that Python decodes to text, got {charset!r}"
            )
    name: str | None = charset
    return name


class RawResponse(ResponseInfo):
    """A whole response, the same for both clients.

    Attributes:
        content: The body, decoded from its content coding.
        body_error: Why the content is missing or cut, `None` where it is whole.
    """

    _encoding: str | None = None
    _incoming: Any = None
    """What gives the body, where it is read piece by piece and is no content."""

    def __init__(
        self,
        status: int,
        raw_headers: RawFields,
        request: Request,
        content: bytes = b"",
        *,
        reason: str = "",
        received: float = 0.0,
        native: Any = None,
        body_error: str | None = None,
    ) -> None:
        self.status = status
        self.reason = reason
        self.raw_headers = raw_headers
        self.request = request
        self.content = content
        self.received = received
        self._native = native
        self.body_error = body_error
        self.elapsed = 0.0
        self.history = ()

    @classmethod
    def make(
        cls,
        request: Request,
        status: int = 200,
        *,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        content: str | bytes = b"",
        body: Any = None,
        reason: str = "",
    ) -> Self:
        """Return a response that no server sent, for hooks and tests.

        Args:
            request: The request that it answers.
            status: The status.
            headers: The header fields.
            content: The content, decoded already; text is sent as UTF-8.
            body: What the content is as JSON, as `body` of a call.
            reason: The reason phrase.

        Raises:
            ConfigurationError: No response can be like that.
        """
        if not 200 <= status <= 599:
            raise ConfigurationError(f"status must be from 200 to 599, got {status!r}")
        pairs = list(as_pairs("`headers`", headers))
        if body is not None:
            if content:
                raise ConfigurationError("give `body` or `content`, not both")
            content = encode_json(body)
            pairs.insert(0, ("Content-Type", "application/json"))
        fields = tuple(_field(name, value) for name, value in pairs)
        content = content.encode() if isinstance(content, str) else bytes(content)
        return cls(status, fields, request, content, reason=reason, received=time.time())

    def answering(self, request: Request) -> Self:
        """Return this as the response to a request: a copy, unless it is that already."""
        if self.request is request:
            return self
        response = copy.copy(self)
        response.request = request
        response.elapsed, response.history = 0.0, ()
        vars(response).pop("url", None)
        return response

    @property
    def info(self) -> ResponseInfo:
        """The head alone, which does not keep the content in memory."""
        info = ResponseInfo(
            self.status,
            self.raw_headers,
            self.request,
            reason=self.reason,
            received=self.received,
        )
        info.elapsed = self.elapsed
        info.history = self.history
        return info

    @property
    def is_made(self) -> bool:
        """Whether no transport gave it: it was made by `RawResponse.make`, or unpickled."""
        return self._native is None

    @property
    def native(self) -> Any:
        """The response as requests or aiohttp knows it, `None` where there is none any more."""
        # Where a transport did without one, it gives the function that makes it.
        if callable(self._native):
            self._native = self._native(self)
        return self._native

    @property
    def has_own_encoding(self) -> bool:
        """Whether `encoding` was assigned, as by a hook."""
        return self._encoding is not None

    @property
    def encoding(self) -> str:
        """The declared charset, UTF-8 where none is declared that can be decoded.

        Assign another one where the server declares none, or a wrong one; `None` takes it back.
        """
        if self._encoding is not None:
            return self._encoding
        media_type = self.headers.get("Content-Type", "").lower()
        _, found, charset = media_type.partition("charset=")
        if not found:
            return "utf-8"
        charset = charset.split(";")[0].strip().strip("\"'")
        try:
            name = codecs.lookup(charset).name
        except (LookupError, ValueError):
            return "utf-8"
        return "utf-8" if name in _NO_CHARSETS else charset

    @encoding.setter
    def encoding(self, charset: str | None) -> None:
        self._encoding = check_encoding(None, charset)

    @property
    def text(self) -> str:
        """The content as text; bytes that do not fit the charset become U+FFFD."""
        try:
            return self.content.decode(self.encoding, "replace")
        except (LookupError, ValueError):
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the content parsed from JSON, `None` for no content.

        Raises:
            ResponseParseError: It is no JSON.
        """
        from .formats import find_format

        return find_format(Any).parse(self)

    @overload
    def parse(self, response_format: type[T]) -> T: ...
    @overload
    def parse(self, response_format: TypeForm[T]) -> T: ...
    def parse(self, response_format: Any) -> Any:
        """Return the content as `response_format`, as a call would have.

        Raises:
            ResponseParseError: It is no JSON, or there is none where some is needed.
            ResponseValidationError: It does not fit the format.
        """
        from .formats import find_format

        return find_format(response_format).parse(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle may hold: the content too, but no secret that it tells back."""
        secrets = secrets_in(self.request)
        return {
            **super().__getstate__(),
            "content": hide_in(self.content, secrets),
            "_native": None,
            "_incoming": None,
            "_encoding": self._encoding,
            "body_error": self.body_error,
        }


def _field(name: str, value: Any) -> tuple[bytes, bytes]:
    text = str(value)
    if not name.isascii() or not name.isprintable() or not is_field_value(text):
        raise ConfigurationError(f"header {name!r} is none that a response can have")
    return name.encode(), text.encode()
