"""Links that a server wrote, which a client goes on to by itself."""

from __future__ import annotations

from urllib.parse import unquote_plus

from ..errors import ConfigurationError
from .redaction import redact_url
from .redirects import resolve
from .response import ResponseInfo
from .url import compile_path

__all__ = ["absolute", "check_stays", "with_names"]


def absolute(response: ResponseInfo, link: str) -> str:
    """Return a link that a response holds as an absolute URL.

    Raises:
        ValueError: It is no link to http or https.
    """
    origin, target = resolve(response.request.url, link)
    return origin.prefix + target


def check_stays(first: str, url: str, method: str, what: str) -> None:
    """Refuse a link to another origin in a call that is foreign to the client.

    Else a foreign server could lead it back to the client's origin, where it would carry what is
    the client's.

    Args:
        first: The URL that was asked for first.
        url: Where the link leads.
        method: The method of the call.
        what: What the link leads to, for the error.

    Raises:
        ConfigurationError: It leads to another origin.
    """
    if compile_path(first).origin != compile_path(url).origin:
        shown = redact_url(url)
        error = ConfigurationError(
            f"{what}, {shown!r}, leaves the origin of the first; a `foreign` call stays where it "
            "was sent"
        )
        error.method, error.url = method, shown
        raise error


def with_names(url: str, names: set[str], *, kept: bool) -> str:
    """Return a URL with those parameters of its query alone, or with all others.

    Args:
        url: The URL.
        names: The names of parameters.
        kept: Whether those are kept, and not left out.
    """
    base, _, query = url.partition("?")
    pairs = [
        pair
        for pair in query.split("&")
        if pair and (unquote_plus(pair.partition("=")[0]) in names) is kept
    ]
    return f"{base}?{'&'.join(pairs)}" if pairs else base
