"""What may be shown of a request or response: names on a list, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["HIDDEN", "clean_text", "hide_secrets", "is_safe_header", "redact_fields", "redact_url"]

HIDDEN = "***"

SAFE_HEADERS = frozenset(
    """
    accept accept-charset accept-encoding accept-language accept-ranges age allow cache-control
    connection content-disposition content-encoding content-language content-length content-range
    content-type date etag expires host idempotency-key if-match if-modified-since if-none-match
    if-range if-unmodified-since last-modified link pragma range retry-after server
    transfer-encoding user-agent vary via x-ratelimit-limit x-ratelimit-remaining
    x-ratelimit-reset ratelimit ratelimit-policy x-request-id
    """.split()
)
"""Header names whose values are shown; any other may carry a credential."""

SAFE_PARAMETERS = frozenset(
    "page per_page limit offset sort order direction size count fields include".split()
)
"""Query names whose values are shown."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def is_safe_header(name: str) -> bool:
    """Return whether the value of a header may be shown."""
    return name.lower() in SAFE_HEADERS


def redact_fields(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return header fields as they may be shown."""
    return {name: value if is_safe_header(name) else HIDDEN for name, value in fields}


def redact_url(url: str) -> str:
    """Return a URL as it may be shown: no user, no password, no fragment, query values hidden.

    Safe names keep their values.
    """
    url, _, _ = url.partition("#")
    base, mark, query = url.partition("?")
    scheme, colon, rest = base.partition("://")
    if colon:
        authority, slash, path = rest.partition("/")
        base = f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
    if not mark:
        return clean_text(base)
    pairs = (pair.partition("=") for pair in query.split("&"))
    shown = "&".join(
        f"{name}={value if name in SAFE_PARAMETERS else HIDDEN}" if equals else HIDDEN
        for name, equals, value in pairs
    )
    return clean_text(f"{base}?{shown}")


def clean_text(text: str, limit: int = 2000) -> str:
    """Return text without control characters, cut to `limit` characters."""
    text = _CONTROLS.sub(" ", text).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def hide_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return text with every one of `secrets` hidden."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    return text
