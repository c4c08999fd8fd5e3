"""Where a redirect leads, and what goes along (RFC 9110 15.4)."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit

from multidict import CIMultiDict
from yarl import URL

from ..errors import BodyNotReplayable, UnsafeRedirect
from ..options import FollowRedirects
from .redaction import redact_url
from .request import Request
from .response import ResponseInfo
from .url import Origin

__all__ = ["REDIRECTS", "follow", "is_same", "resolve"]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""The statuses that lead elsewhere by `Location`."""

KEPT_ABROAD = frozenset(
    {"accept", "accept-language", "accept-encoding", "range", "if-range", "user-agent"}
)
"""All that is sent to another origin; any other header may be a credential."""

_ABOUT_BODY = frozenset(
    "content-type content-encoding content-language content-location content-md5 content-digest "
    "repr-digest digest last-modified".split()
)
"""Header fields that go with a body, and leave with it (RFC 9110 15.4)."""

_MARKS = "/%:@!$&'()*+,;=~-._?[]"
"""What a `Location` may hold in its path and query; anything else is percent-encoded."""


def follow(
    response: ResponseInfo, policy: FollowRedirects, trusted: frozenset[Origin]
) -> Request | None:
    """Return the request that follows a redirect, `None` where the policy does not follow it.

    Args:
        response: The redirect.
        policy: `"safe"`, `"same-origin"` or `False`.
        trusted: Origins that may be given what goes to the client's own, which is one of them.

    Raises:
        UnsafeRedirect: It leads from https to http, to another scheme, nowhere, or would take a
            body to another origin.
        BodyNotReplayable: The body would have to be sent again and cannot be.
    """
    if policy is False:
        return None
    request = response.request
    origin, target = _locate(response)
    same = is_same(request.origin, origin) or {request.origin, origin} <= trusted
    if not same and policy == "same-origin":
        return None
    if request.origin.scheme == "https" and origin.scheme == "http":
        raise UnsafeRedirect(
            f"{response.status} from https to {_show(origin, target)} is not followed"
        )
    method, body = request.method, request.body
    headers = request.headers.copy()
    becomes_get = response.status == 303 and method != "HEAD"
    if becomes_get or (response.status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers = CIMultiDict(
            (name, value) for name, value in headers.items() if name.lower() not in _ABOUT_BODY
        )
    if not same:
        if body is not None or method not in ("GET", "HEAD"):
            raise UnsafeRedirect(
                f"{response.status} would take the {method} to another origin, "
                f"{_show(origin, target)}; add it to trusted_origins if it is meant to go there"
            )
        headers = CIMultiDict(
            (name, value) for name, value in headers.items() if name.lower() in KEPT_ABROAD
        )
    if body is not None and not request.replayable:
        raise BodyNotReplayable(
            f"{response.status} wants the body again at {_show(origin, target)}, but it is an "
            "iterator, which can be sent once"
        )
    following = Request(method, origin, target, headers, body)
    following.path_secrets = request.path_secrets  # The server may have written them again.
    return following


def _locate(response: ResponseInfo) -> tuple[Origin, str]:
    """Return origin and target of the `Location`."""
    locations = response.headers.getall("Location", [])
    if len(locations) != 1 or not locations[0].strip():
        count = f"{len(locations)} Locations" if len(locations) > 1 else "no Location"
        raise UnsafeRedirect(f"{response.status} came with {count} to follow")
    try:
        return resolve(response.request.url, locations[0])
    except ValueError as error:
        raise UnsafeRedirect(
            f"{response.status} leads to no http URL: {redact_url(locations[0])!r}"
        ) from error


def resolve(base: str, text: str) -> tuple[Origin, str]:
    """Return origin and target of a link that a server wrote, seen from the URL it was found at.

    Credentials and fragment are left out.

    Raises:
        ValueError: It is no link to http or https.
    """
    # UTF-8 bytes in a field are percent-encoded, as browsers do.
    text = text.strip().encode("utf-8", "surrogateescape").decode("utf-8")
    if any(character < " " or character == "\x7f" for character in text):
        raise ValueError("control character")
    path, mark, rest = text.partition("?")
    text = path.replace("\\", "/") + mark + rest
    written = urlsplit(text)
    if not written.netloc and (written.scheme or text.startswith("//")):
        raise ValueError("no host")
    url = urlsplit(urljoin(base, text))
    origin = Origin.of(URL(f"{url.scheme}://{url.netloc}"))
    target = _without_dots(url.path) or "/"
    if url.query:
        target += f"?{url.query}"
    # Sent as the server wrote it: what it signed may not be written in another way.
    return origin, quote(target, safe=_MARKS)


def _without_dots(path: str) -> str:
    """Return a path with its dot segments resolved (RFC 3986 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == ".." and len(kept) > 1:
            kept.pop()
        elif segment not in (".", ".."):
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)


def is_same(one: Origin, other: Origin) -> bool:
    """Return whether two origins are one; http to https of a host on default ports counts."""
    if one == other:
        return True
    return one.host == other.host and (one.scheme, one.port, other.scheme, other.port) == (
        "http",
        80,
        "https",
        443,
    )


def _show(origin: Origin, target: str) -> str:
    return redact_url(origin.prefix + target)
