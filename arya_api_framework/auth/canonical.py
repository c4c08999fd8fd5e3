"""What a signature is made of: the parts of a request as text, and templates that hold them."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import formatdate
from functools import cached_property
from string import Formatter
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias

from ..client.body import Body
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from ..client.request import Request

__all__ = [
    "Encoding",
    "HashName",
    "Signing",
    "Template",
    "TimeFormat",
    "encode_bytes",
    "format_time",
]

HashName: TypeAlias = Literal["sha1", "sha256", "sha384", "sha512"]
"""A hash function by the name that Python gives it."""

Encoding: TypeAlias = Literal["hex", "base64"]
"""How bytes are written: hexadecimal in small letters, or base64 (RFC 4648 4)."""

TimeFormat: TypeAlias = Literal["unix", "milliseconds", "iso", "basic", "http"]
"""How a time is written: whole seconds or milliseconds since 1970, `2015-08-30T12:36:00Z`
(RFC 3339), `20150830T123600Z` (ISO 8601, basic), `Sun, 30 Aug 2015 12:36:00 GMT` (RFC 9110 5.6.7).
"""


class Signing:
    """The parts of one request that is being signed, each read when it is first asked for.

    Attributes:
        request: The request, as it will be sent.
        key_id: The name of the key, empty where it has none.
        now: The time of the signature, in seconds since 1970.
        timestamp: The same as text.
        names: The names of the header fields that are signed, in small letters.
    """

    def __init__(
        self,
        request: Request,
        *,
        key_id: str,
        now: float,
        timestamp: str,
        algorithm: HashName,
        digest_encoding: Encoding,
        unsigned_body: str | None,
    ) -> None:
        self.request = request
        self.key_id = key_id
        self.now = now
        self.timestamp = timestamp
        self.names: tuple[str, ...] = ()
        self._algorithm: HashName = algorithm
        self._digest_encoding: Encoding = digest_encoding
        self._unsigned_body = unsigned_body

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds credentials and cannot be pickled")

    @property
    def method(self) -> str:
        """The method."""
        return self.request.method

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return self.request.origin.scheme

    @property
    def host(self) -> str:
        """The field `Host`, as the transport will send it: without the default port."""
        return self.request.origin.authority

    @property
    def url(self) -> str:
        """The absolute URL, encoded as it is sent."""
        return self.request.url

    @property
    def target(self) -> str:
        """Path and query, encoded as they are sent."""
        return self.request.target

    @property
    def path(self) -> str:
        """The path, encoded as it is sent."""
        return self.request.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query without its question mark, encoded as it is sent; empty where there is none."""
        return self.request.target.partition("?")[2]

    @property
    def headers(self) -> str:
        """The signed fields, one `name:value` a line, in the order of `names`."""
        return "\n".join(f"{name}:{self.header(name)}" for name in self.names)

    @property
    def signed_headers(self) -> str:
        """The names of the signed fields, with semicolons between them."""
        return ";".join(self.names)

    @cached_property
    def nonce(self) -> str:
        """32 hexadecimal digits, drawn anew for each request."""
        return secrets.token_hex(16)

    @cached_property
    def body(self) -> bytes:
        """The whole body; empty where there is none.

        Raises:
            ConfigurationError: It can be read once, and would be gone when it is sent.
        """
        return b"".join(_pieces(self.request.body))

    @cached_property
    def body_digest(self) -> str:
        """The hash of the body, read piece by piece; `unsigned_body` where it can be read once.

        Raises:
            ConfigurationError: It can be read once, and the scheme has no word for that.
        """
        body = self.request.body
        if self._unsigned_body is not None and isinstance(body, Body) and not body.replayable:
            return self._unsigned_body
        digest = hashlib.new(self._algorithm, usedforsecurity=False)
        for piece in _pieces(body):
            digest.update(piece)
        return encode_bytes(digest.digest(), self._digest_encoding)

    def header(self, name: str) -> str:
        """Return the value of a field, several of a name with commas; empty where there is none."""
        if name.lower() == "host":
            return self.host
        return ",".join(str(value).strip() for value in self.request.headers.getall(name, []))


PARTS = frozenset(
    "method scheme host url target path query key_id timestamp nonce body_digest".split()
)
"""What the fields beside the signature may hold."""

SIGNED_PARTS = PARTS | {"body", "headers", "signed_headers"}
"""What the signed text may hold."""

VALUE_PARTS = PARTS | {"signed_headers", "signature"}
"""What the field of the signature may hold."""


class Template:
    """Text with `{parts}` of a request in it, checked when it is made.

    Args:
        what: What to call it in errors.
        text: The text; `{{` and `}}` stand for braces.
        parts: The names that it may hold.

    Attributes:
        names: The names that it holds.

    Raises:
        ConfigurationError: It is no text, or holds a name that is none of them.
    """

    __slots__ = ("_pieces", "names")

    def __init__(self, what: str, text: str, parts: frozenset[str]) -> None:
        given: object = text
        if not isinstance(given, str):
            raise ConfigurationError(f"{what} must be text, got {type(given).__name__}")
        try:
            self._pieces = [piece[:2] for piece in Formatter().parse(text) if _is_plain(piece)]
        except ValueError as error:
            raise ConfigurationError(
                f"{what} has a brace without its pair, or more than a name in braces; write {{{{ "
                "or }} for one"
            ) from error
        self.names = {name for _, name in self._pieces if name is not None}
        for name in sorted(self.names - parts):
            raise ConfigurationError(
                f"{what} may hold {', '.join(f'{{{one}}}' for one in sorted(parts))}, got "
                f"{{{name}}}"
            )

    def fill(self, signing: Signing, signature: str = "") -> bytes:
        """Return it with its parts filled, as UTF-8."""
        filled: list[bytes] = []
        for literal, name in self._pieces:
            filled.append(literal.encode())
            if name is not None:
                value: str | bytes = signature if name == "signature" else getattr(signing, name)
                filled.append(value.encode() if isinstance(value, str) else value)
        return b"".join(filled)


def encode_bytes(content: bytes, encoding: Encoding) -> str:
    """Return bytes as hexadecimal digits or base64."""
    return content.hex() if encoding == "hex" else base64.b64encode(content).decode()


def format_time(now: float, form: TimeFormat) -> str:
    """Return a time, in seconds since 1970, as text."""
    if form == "unix":
        return str(int(now))
    if form == "milliseconds":
        return str(int(now * 1000))
    if form == "http":
        return formatdate(int(now), usegmt=True)
    moment = datetime.fromtimestamp(int(now), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ" if form == "iso" else "%Y%m%dT%H%M%SZ")


def _is_plain(piece: tuple[str, str | None, str | None, str | None]) -> bool:
    if piece[2] or piece[3]:
        raise ValueError("a format or a conversion")
    return True


def _pieces(body: bytes | Body | None) -> Iterable[bytes]:
    if not isinstance(body, Body):
        return (body or b"",)
    if not body.replayable:
        raise ConfigurationError(
            "the body of a signed request is read before it is sent, but this one can be read "
            "once; give bytes, a path or a file that can seek"
        )
    return body.chunks()
