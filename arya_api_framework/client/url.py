"""Where a call goes: origins, path templates, and what no path may hold.

The URL of a call is built here once, as ASCII text, and sent byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Self
from urllib.parse import quote, unquote

from yarl import URL

from ..errors import ConfigurationError
from .redaction import redact_url

__all__ = [
    "Encoded",
    "Origin",
    "PathTemplate",
    "compile_path",
    "encode_value",
    "holds_dot_segment",
    "parse_uri",
]

_FIELD = re.compile(r"\{([^{}/?]+)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_KEPT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]+")
_HOST = re.compile(r"[a-z0-9._\-]+|[0-9a-f:.]*:[0-9a-f:.]*")
# A name that ends in a number is an IPv4 address, and the short and hexadecimal forms of those are
# read in several ways (WHATWG URL 3.5).
_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?$")
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?!$)|$)){4}")
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"
_QUERY_SAFE = _PATH_SAFE + "?"
# Split at what a proxy or server may take for an end of a segment once it has decoded it; some cut
# `;parameters` off before they look for dots.
_DOT_SEGMENT = re.compile(r"(?:^|[/\\])\.\.?(?:[/\\;?#]|\Z)")
_MAX_DECODINGS = 8
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin:
    """Scheme, host and port, normalised (RFC 6454 4)."""

    __slots__ = ("authority", "host", "port", "prefix", "scheme")

    def __init__(self, scheme: str, host: str, port: int) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        name = f"[{host}]" if ":" in host else host
        self.authority = name if port == _DEFAULT_PORTS[scheme] else f"{name}:{port}"
        self.prefix = f"{scheme}://{self.authority}"

    @classmethod
    def of(cls, url: object) -> Origin:
        """Return the origin of an absolute URL.

        Raises:
            ConfigurationError: It is relative, or neither http nor https, or no host has its name.
        """
        if not isinstance(url, URL) or url.scheme not in _DEFAULT_PORTS or not url.port:
            raise ConfigurationError("a URL must be absolute, with http or https and a host")
        host = (url.raw_host or "").lower()
        if not _HOST.fullmatch(host) or (_NUMBER.search(host) and not _IPV4.fullmatch(host)):
            raise ConfigurationError("a URL must have the name or address of a host")
        return cls(url.scheme, host, url.port)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin) and self.prefix == other.prefix

    def __hash__(self) -> int:
        return hash(self.prefix)

    def __repr__(self) -> str:
        return f"Origin({self.prefix!r})"


def parse_uri(text: str) -> tuple[Origin, str]:
    """Return the origin of an absolute `uri` and its path, encoded, without a slash at its end.

    Raises:
        ConfigurationError: The URL is relative, or holds what no base can: credentials, a query,
            a fragment, a dot segment.
    """
    if _CONTROL.search(text):
        raise ConfigurationError("`uri` holds a control character")
    if "{" in text or "}" in text:
        raise ConfigurationError("`uri` holds a brace that is no part of a variable such as {name}")
    try:
        url = URL(text)
        origin = Origin.of(url)
    except ValueError as error:
        raise ConfigurationError(
            "`uri` must be an absolute URL, such as 'https://api.test/v1'"
        ) from error
    if url.raw_user is not None or url.raw_password is not None:
        raise ConfigurationError(
            "`uri` holds credentials; give them in `headers` or `bearer_token`, not in the URL"
        )
    if "?" in text or "#" in text:
        raise ConfigurationError(
            "`uri` holds a query or a fragment; give the query in `parameters`"
        )
    raw = text.partition("://")[2].partition("/")[2]
    return origin, _encode_path("/" + raw.strip("/"), text).rstrip("/")


class PathTemplate:
    """A path, checked and encoded once, with its `{fields}` to fill.

    Attributes:
        origin: The origin of an absolute URL, else `None`.
        path: The encoded path, starting with a slash unless it is empty.
        query: The encoded query written in the path, without its question mark.
        fields: The names to fill.
    """

    __slots__ = (
        "_in_path",
        "_in_query",
        "_is_mixed",
        "_names",
        "_path_format",
        "_query_format",
        "fields",
        "origin",
        "path",
        "query",
        "text",
    )

    def __init__(self, text: str, origin: Origin | None, path: str, query: str) -> None:
        self.text = text
        self.origin = origin
        self.path = path
        self.query = query
        path_parts, query_parts = _FIELD.split(path), _FIELD.split(query)
        self._in_path, self._in_query = path_parts[1::2], query_parts[1::2]
        self.fields: tuple[str, ...] = (*self._in_path, *self._in_query)
        self._names = dict.fromkeys(self.fields).keys()
        self._path_format = _to_format(path_parts)
        self._query_format = _to_format(query_parts)
        # A field and what stands beside it in a segment could make a dot segment together.
        self._is_mixed = any(
            _FIELD.search(segment) and not _FIELD.fullmatch(segment) for segment in path.split("/")
        )

    def fill(self, values: Mapping[str, Any], encode: Callable[[Any], str]) -> tuple[str, str]:
        """Return path and query with every field filled.

        Raises:
            ConfigurationError: A value is missing, surplus, empty or a dot segment.
        """
        if values.keys() != self._names:
            if not self._names:
                raise ConfigurationError(
                    f"path {redact_url(self.text)!r} has no fields to fill, got path_parameters "
                    f"{list(values)}; write a field as {{{next(iter(values))}}}"
                )
            raise ConfigurationError(
                f"path {redact_url(self.text)!r} needs path_parameters {list(self.fields)}, "
                f"got {list(values)}"
            )
        path = self._path_format % tuple(
            [encode_value(name, encode(values[name])) for name in self._in_path]
        )
        if self._is_mixed and holds_dot_segment(path):
            raise ConfigurationError(
                f"path {redact_url(self.text)!r} is filled to one with a '.' or '..' segment"
            )
        return path, self._query_format % tuple(
            [_encode_whole(name, encode(values[name])) for name in self._in_query]
        )


def _to_format(parts: list[str]) -> str:
    """Return literals and fields, which alternate, as a format of Python's `%`."""
    return "%s".join(part.replace("%", "%%") for part in parts[::2])


@lru_cache(maxsize=2048)
def compile_path(text: str) -> PathTemplate:
    """Check a path and encode what is literal in it.

    Raises:
        ConfigurationError: It could lead elsewhere than it looks, or holds a fragment.
    """
    if _CONTROL.search(text) or text[:1].isspace():
        raise ConfigurationError(
            f"path {redact_url(text)!r} holds a blank at its start or a control character"
        )
    if text.startswith(("//", "\\", "/\\")):
        raise ConfigurationError(
            f"path {redact_url(text)!r} looks like another host; start it with one '/'"
        )
    if "#" in text:
        raise ConfigurationError(f"path {redact_url(text)!r} holds a fragment, which is never sent")
    origin = None
    path, _, query = text.partition("?")
    if text[:8].lower().startswith(("http://", "https://")):
        try:
            url = URL(text)
            origin = Origin.of(url)
        except ValueError as error:
            raise ConfigurationError(f"path {redact_url(text)!r} is no valid URL") from error
        if url.raw_user is not None or url.raw_password is not None:
            raise ConfigurationError("a URL with credentials in it is refused")
        path = "/" + path.partition("://")[2].partition("/")[2]
    elif not path.startswith("/"):
        first = path.partition("/")[0]
        if _SCHEME.match(first) or "@" in _FIELD.sub("", first):
            raise ConfigurationError(
                f"path {redact_url(text)!r} looks like another host or scheme; start it with '/'"
            )
        path = f"/{path}" if path else ""
    return PathTemplate(text, origin, _encode_path(path, text), _encode_literal(query, _QUERY_SAFE))


class Encoded(str):
    """A value that is percent-encoded already, item by item, with delimiters between them.

    Attributes:
        secrets: Those of the items that are secrets, percent-encoded.
    """

    __slots__ = ("secrets",)

    secrets: tuple[str, ...]

    def __new__(cls, text: str, secrets: tuple[str, ...] = ()) -> Self:
        """Keep what of the text is secret."""
        made = super().__new__(cls, text)
        made.secrets = secrets
        return made


def encode_value(name: str, value: str) -> str:
    """Return a path value as one percent-encoded segment (RFC 3986 2.1).

    Raises:
        ConfigurationError: It is empty, holds a control character, or a dot segment however often
            encoded: proxies decode a path before they pass it on.
    """
    if _UNRESERVED.fullmatch(value) and value.strip("."):
        return value
    if isinstance(value, Encoded):
        return value
    # Nothing else can be, or decode to, a dot.
    if ("." in value or "%" in value) and holds_dot_segment(value):
        raise ConfigurationError(
            f"path parameter {name!r} holds a dot segment, which servers walk up"
        )
    return _encode_whole(name, value)


def _encode_whole(name: str, value: str) -> str:
    """Return a value percent-encoded whole."""
    if isinstance(value, Encoded):
        return value
    if not value:
        raise ConfigurationError(f"path parameter {name!r} is empty")
    if _CONTROL.search(value):
        raise ConfigurationError(f"path parameter {name!r} holds a control character")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise ConfigurationError(f"path parameter {name!r} is no valid text") from None


def holds_dot_segment(text: str) -> bool:
    """Return whether a '.' or '..' segment is in text, however often encoded.

    Raises:
        ConfigurationError: It is encoded so many times over that nobody knows.
    """
    return _DOT_SEGMENT.search(_decode_fully(text)) is not None


def _encode_path(path: str, text: str) -> str:
    if holds_dot_segment(_FIELD.sub("x", path)):
        raise ConfigurationError(f"path {redact_url(text)!r} holds a '.' or '..' segment")
    return _encode_literal(path, _PATH_SAFE)


def _encode_literal(text: str, safe: str) -> str:
    """Percent-encode what is not allowed, leaving fields and what is encoded already."""
    parts: list[str] = []
    end = 0
    for match in _FIELD.finditer(text):
        parts += (_quote(text[end : match.start()], safe), match[0])
        end = match.end()
    return "".join((*parts, _quote(text[end:], safe)))


def _quote(text: str, safe: str) -> str:
    if "{" in text or "}" in text:
        raise ConfigurationError(
            f"path part {redact_url(text)!r} has a brace without its pair; write %7B or %7D for one"
        )
    try:
        return quote(_KEPT.sub("%25", text), safe=safe)
    except UnicodeEncodeError:
        raise ConfigurationError("the path is no valid text") from None


def _decode_fully(text: str) -> str:
    for _ in range(_MAX_DECODINGS):
        decoded = unquote(text)
        if decoded == text:
            return text
        text = decoded
    raise ConfigurationError("a path or path value is percent-encoded too many times over")
