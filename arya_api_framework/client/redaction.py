"""What may be shown of a request or response: names on a list, and nothing else."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, unquote, unquote_plus

from .shapes import is_mapping, is_model, is_sequence

if TYPE_CHECKING:
    from .request import Request

__all__ = [
    "HIDDEN",
    "clean_text",
    "hide_in",
    "hide_secrets",
    "is_credential",
    "is_safe_header",
    "redact_url",
    "secrets_in",
    "secrets_of",
]

HIDDEN = "***"

SAFE_HEADERS = frozenset(
    """
    accept accept-charset accept-encoding accept-language accept-ranges age allow cache-control
    connection content-disposition content-encoding content-language content-length content-range
    content-type date etag expires host idempotency-key if-match if-modified-since if-none-match
    if-range if-unmodified-since last-modified pragma range retry-after server
    transfer-encoding user-agent vary via x-ratelimit-limit x-ratelimit-remaining
    x-ratelimit-reset ratelimit ratelimit-policy x-request-id
    """.split()
)
"""Header names whose values are shown; any other may carry a credential."""

SAFE_PARAMETERS = frozenset(
    "page per_page limit offset sort order direction size count fields include".split()
)
"""Query names whose values are shown."""

_USER = re.compile(
    r"""
    ^( \s*+ (?> (?: [a-z][a-z0-9+.\-]*+ : (?=[/\\]) )? ) [/\\]*+ )  # What comes before a host:
    (?<! ^/ )                                                  # not the one slash of a path.
    [^/?]* @
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CREDENTIAL = re.compile("auth|cookie|key|password|secret|session|token", re.IGNORECASE)
_SHORTEST_SECRET = 6
_SHORTEST_CREDENTIAL = 3
# Those that turn the direction of what follows, or are not seen, make a text look like another.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def is_safe_header(name: str) -> bool:
    """Return whether the value of a header may be shown."""
    return name.lower() in SAFE_HEADERS


def is_credential(name: str) -> bool:
    """Return whether what is called that is probably a secret."""
    return _CREDENTIAL.search(name) is not None


def redact_url(url: str) -> str:
    """Return a URL as it may be shown: no user, no password, no fragment, query values hidden.

    Safe names keep their values.
    """
    url, _, _ = url.partition("#")
    base, mark, query = url.partition("?")
    base = _USER.sub(r"\1", base)
    if not mark:
        return clean_text(base)
    pairs = (pair.partition("=") for pair in query.split("&"))
    shown = "&".join(
        f"{name}={value if _is_safe_pair(name, value) else HIDDEN}" if equals else HIDDEN
        for name, equals, value in pairs
    )
    return clean_text(f"{base}?{shown}")


def _is_safe_pair(name: str, value: str) -> bool:
    # Some servers take a `;` for another `&`.
    return name in SAFE_PARAMETERS and ";" not in value


def clean_text(text: str, limit: int = 2000) -> str:
    """Return text without characters that control or are not seen, cut to `limit` characters."""
    text = _CONTROLS.sub(" ", text).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def secrets_of(
    headers: Iterable[tuple[str, str]], target: str, in_path: Iterable[str] = ()
) -> list[str]:
    """Return what a request carried that no text may show, the longest first.

    Args:
        headers: Its header fields: those outside the safe list count, their last word (the token
            behind `Bearer`), each cookie, and what is behind `Basic`.
        target: Its target: the values of the query count, save those of safe names.
        in_path: The secrets of its path.
    """
    found = {one for one in in_path if len(one) >= _SHORTEST_CREDENTIAL}
    for name, value in headers:
        if is_safe_header(name):
            continue
        shortest = _SHORTEST_CREDENTIAL if _CREDENTIAL.search(name) else _SHORTEST_SECRET
        scheme, _, last = value.rpartition(" ")
        values = [value, last]
        if name.lower() == "cookie":
            values += (pair.partition("=")[2] for pair in value.split("; "))
        if scheme.lower() == "basic":
            login = _decode_login(last)
            user, _, password = login.partition(":")
            values += (login, password or user)  # A token may stand for the user.
        found.update(one for one in values if len(one) >= shortest)
    for pair in target.partition("?")[2].split("&"):
        name, _, value = pair.partition("=")
        if name not in SAFE_PARAMETERS:
            shortest = _SHORTEST_CREDENTIAL if _CREDENTIAL.search(name) else _SHORTEST_SECRET
            plain = {unquote(value), unquote_plus(value)}
            forms = {value, *plain, *map(quote_plus, plain)}
            found.update(one for one in forms if len(one) >= shortest)
    return sorted(found, key=len, reverse=True)


def secrets_in(request: Request) -> list[str]:
    """Return what a request carries that no text may show, the longest first."""
    fields = ((name, str(value)) for name, value in request.headers.items())
    return secrets_of(fields, request.target, request.path_secrets)


def _decode_login(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except ValueError:
        return ""


def hide_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return text with every one of `secrets` hidden; the longest come first."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


def hide_in(value: Any, secrets: Iterable[str]) -> Any:
    """Return a value with every one of `secrets` hidden in it: text, bytes, JSON data, a model.

    A model that does not allow for that becomes plain data.
    """
    if isinstance(value, str):
        return hide_secrets(value, secrets)
    if isinstance(value, bytes):
        for secret in secrets:
            value = value.replace(secret.encode("utf-8", "replace"), HIDDEN.encode())
        return value
    if is_sequence(value):
        hidden = [hide_in(item, secrets) for item in value]
        return tuple(hidden) if isinstance(value, tuple) else hidden
    if is_mapping(value):
        items = value.items()
        return {hide_in(key, secrets): hide_in(item, secrets) for key, item in items}
    if not is_model(value):
        return value
    plain = value.model_dump(warnings="none")
    data = hide_in(plain, secrets)
    if data == plain:
        return value
    try:
        return type(value).model_validate(data)
    except ValueError:
        return data
