"""`Defaults`: what a client sends with every request, encoded once and then only copied."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from multidict import CIMultiDict, istr

from .cookie_jar import CookieText
from .encoding import as_pairs, encode_cookies, encode_header, encode_query, flatten, is_field_value
from .mappings import merge_cookies, merge_headers
from .placed import NO_AUTH_YET, NO_KEY_YET, ClientText
from .shapes import is_sequence
from .url import Origin

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["Defaults", "lay_headers"]


class Defaults:
    """An immutable snapshot of a client's defaults, ready to be sent.

    Attributes:
        origin: The client's origin.
        path: The path of its `uri`, encoded, without a slash at its end.
        headers: All header fields, the token and the cookies among them.
        query: The encoded query.
    """

    __slots__ = ("_cookies", "_query", "headers", "origin", "path", "query")

    def __init__(
        self,
        origin: Origin,
        path: str,
        automatic: Mapping[str, str],
        headers: Mapping[str, Any],
        cookies: Mapping[str, Any],
        parameters: Mapping[str, Any],
        token: SecretStr | None,
        key_field: str | None = None,
        auth_field: str | None = None,
    ) -> None:
        self.origin = origin
        self.path = path
        merged = merge_headers(automatic, headers)
        if token is not None:
            merged = merge_headers(merged, {"Authorization": f"Bearer {token.get_secret_value()}"})
        self.headers = CIMultiDict[str]()
        _add(self.headers, merged)
        given = self.headers.getall("Authorization", [])
        if len(given) == 1:  # As an `auth` of a call takes its place, and no other value.
            self.headers["Authorization"] = ClientText(given[0])
        if key_field is not None:
            self.headers[key_field] = NO_KEY_YET
        if auth_field is not None:
            self.headers[auth_field] = NO_AUTH_YET
        self._cookies = cookies
        if cookies and "Cookie" not in self.headers:
            self.headers["Cookie"] = CookieText.of(encode_cookies(cookies.items()))
        self._query: dict[str, str] = {}
        for name, value in parameters.items():
            self._query[name] = _encode(name, value)
        self.query = "&".join(part for part in self._query.values() if part)

    def with_cookies(self, headers: CIMultiDict[str], cookies: Any) -> None:
        """Put the client's cookies, with others laid over them, into headers."""
        merged = merge_cookies(self._cookies, cookies)
        if merged:
            headers["Cookie"] = CookieText.of(encode_cookies(merged.items()))
        else:
            headers.popall("Cookie", None)

    def with_parameters(self, written: str, parameters: Any) -> str:
        """Return the query of a call: defaults, then what its path holds, then its parameters.

        A name in a later place removes it from the earlier ones.
        """
        given: dict[str, list[Any]] = {}
        for name, value in as_pairs("`parameters`", parameters) if parameters is not None else ():
            given.setdefault(name, []).append(value)
        pieces = [
            piece
            for piece in written.split("&")
            if piece and unquote_plus(piece.partition("=")[0]) not in given
        ]
        names = {unquote_plus(piece.partition("=")[0]) for piece in pieces}
        parts = [
            part
            for name, part in self._query.items()
            if part and name not in given and name not in names
        ]
        parts += pieces
        for name, values in given.items():
            parts += (_encode(name, value) for value in values)
        return "&".join(part for part in parts if part)


def lay_headers(headers: CIMultiDict[str], values: Any) -> None:
    """Lay header fields over others in place; `None` removes."""
    fresh: set[str] = set()
    for name, value in as_pairs("`headers`", values):
        key, lower = _field_name(name)
        if type(value) is str and lower not in fresh and is_field_value(value):
            headers[key] = value
        else:
            if lower not in fresh:
                headers.popall(key, None)
            if value is not None:
                _add(headers, {name: value})
        fresh.add(lower)


@lru_cache(maxsize=512)
def _field_name(name: str) -> tuple[istr, str]:
    """Return a name, checked, as a multidict keeps it and in lower case.

    Raises:
        ConfigurationError: It cannot be sent.
    """
    encode_header(name, "")
    return istr(name), name.lower()


def _add(headers: CIMultiDict[str], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if value is None:
            continue
        for one in value if is_sequence(value) else (value,):
            headers.add(name, encode_header(name, one))


def _encode(name: str, value: Any) -> str:
    pairs = flatten("`parameters`", [(name, value)])
    return encode_query((key, text) for key, text in pairs if text is not None)
