"""A request as a command of `curl`, with nothing secret in it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from .redaction import HIDDEN, is_safe_header

if TYPE_CHECKING:
    from .request import Request

__all__ = ["curl_command"]

_OF_CURL = {"accept": "Accept", "user-agent": "User-Agent"}
"""What curl sends by itself."""


def curl_command(request: Request) -> str:
    """Return the command; see `Request.to_curl`."""
    words = ["curl"]
    has_body = request.body is not None
    if request.method == "HEAD":
        words.append("--head")
    elif request.method != "GET" or has_body:
        words += ["--request", request.method]
    # The URL is sent as it is: no `..` resolved, no `[1-9]` and `{a,b}` counted through.
    words += ["--path-as-is", "--globoff", request.shown_url]
    missing = dict(_OF_CURL)
    if has_body:
        missing["content-type"] = "Content-Type"
    for name, value in request.headers.items():
        missing.pop(name.lower(), None)
        shown = str(value) if is_safe_header(name) else HIDDEN
        # A field with nothing in it is written with a semicolon.
        words += ["--header", f"{name}: {shown}" if shown else f"{name};"]
    for name in missing.values():
        words += ["--header", f"{name}:"]
    if "Accept-Encoding" in request.headers:
        words.append("--compressed")
    if has_body:
        words += ["--data-binary", "@-"]
    return shlex.join(words)
