"""The endpoints of an authorization server: which URLs they may have, and what they answer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast
from urllib.parse import quote, quote_plus

from yarl import URL

from ..client.redaction import clean_text, hide_secrets
from ..client.url import Origin
from ..errors import ConfigurationError, TokenRefreshError
from ..options import LARGEST
from .token import Token, can_be_sent

if TYPE_CHECKING:
    from ..client.response import RawResponse

__all__ = [
    "Endpoint",
    "find_endpoint",
    "is_here",
    "read_answer",
    "read_seconds",
    "read_token",
    "tell_error",
]

_LONGEST_ANSWER = 64 * 1024
_SHOWN = ("grant_type", "redirect_uri", "scope")
"""Fields of a form that are no secrets, and that an error is better with."""

Refuse: TypeAlias = "Callable[[str], TokenRefreshError]"


class Endpoint(NamedTuple):
    """Where the requests of a grant go.

    Attributes:
        name: What to call it in errors.
        url: Its URL.
        origin: Its origin.
    """

    name: str
    url: URL
    origin: Origin

    @property
    def target(self) -> str:
        """Its path and query."""
        return self.url.raw_path_qs

    def refusal(self, what: str, status: int = 0, code: str | None = None) -> TokenRefreshError:
        """Return the error for an answer that is no token."""
        error = TokenRefreshError(f"the {self.name} {self.origin.prefix} {what}")
        error.refused = status in (400, 401) or code is not None
        error.code = code
        return error


def find_endpoint(owner: str, option: str, name: str, url: object) -> Endpoint:
    """Return the endpoint that an option of an `Auth` means.

    Raises:
        ConfigurationError: It is no absolute URL, or secrets would go there in the clear.
    """
    what = f"{option} of {owner}"
    if not isinstance(url, str | URL):
        raise ConfigurationError(f"{what} must be a URL, got {type(url).__name__}")
    try:
        given = URL(url)
        origin = Origin.of(given)
    except (ConfigurationError, ValueError):
        raise ConfigurationError(f"{what} must be an absolute http(s) URL") from None
    if given.user is not None or given.password is not None or given.raw_fragment:
        raise ConfigurationError(f"{what} must hold no login and no fragment")
    if origin.scheme != "https" and not is_here(origin.host):
        raise ConfigurationError(
            f"{what} must be https: the secrets of the client go there (RFC 6749 3.1 and 3.2)"
        )
    return Endpoint(name, given, origin)


def read_answer(
    endpoint: Endpoint, response: RawResponse, form: Mapping[str, str], secret: str | None
) -> dict[str, Any]:
    """Return the JSON object that an endpoint answers.

    Args:
        endpoint: The endpoint.
        response: Its answer.
        form: What it was sent, which no error shows.
        secret: That of the client.

    Raises:
        TokenRefreshError: It is none, or says an error (RFC 6749 5.2).
    """
    content = response.content
    try:
        data: Any = json.loads(content) if len(content) <= _LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        data = None
    answer = cast("dict[str, Any]", data) if isinstance(data, dict) else None
    # Some servers say an error with 200.
    if response.status != 200 or (answer is not None and isinstance(answer.get("error"), str)):
        told = {} if answer is None else answer
        secrets = [*(text for name, text in form.items() if name not in _SHOWN), secret or ""]
        text, code = tell_error(told, secrets)
        raise endpoint.refusal(f"answered {response.status}{text}", response.status, code)
    if answer is None:
        raise endpoint.refusal("gave no JSON object of at most 64 KiB")
    return answer


def tell_error(answer: Mapping[str, Any], secrets: Iterable[str] = ()) -> tuple[str, str | None]:
    """Return what an error answer says, without secrets, and its code (RFC 6749 4.1.2.1, 5.2)."""
    texts = [answer.get(name) for name in ("error", "error_description")]
    known = [one for one in secrets if len(one) > 2]
    forms = {form for one in known for form in (one, quote_plus(one), quote(one, safe=""))}
    ordered = sorted(forms, key=len, reverse=True)
    # Hidden before it is cut: half a secret would not be known as one.
    told = [clean_text(hide_secrets(one, ordered), 200) for one in texts if isinstance(one, str)]
    code = told[0] if told and isinstance(texts[0], str) else None
    return (f", {': '.join(filter(None, told))}" if any(told) else ""), code


def read_token(answer: Mapping[str, Any], now: float, refuse: Refuse) -> Token:
    """Return the token of an answer (RFC 6749 5.1).

    Args:
        answer: The answer.
        now: The time, in seconds since 1970.
        refuse: Makes the error for an answer that holds none.

    Raises:
        TokenRefreshError: It holds none that can be used.
    """
    token, kind = answer.get("access_token"), answer.get("token_type", "Bearer")
    if not isinstance(token, str) or not can_be_sent(token):
        raise refuse("gave no access_token that can be sent")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise refuse("gave a token of a type that is not Bearer")
    refresh, scope = answer.get("refresh_token"), answer.get("scope")
    seconds = read_seconds(answer, "expires_in", refuse)
    return Token(
        token,
        # What is longer than any program runs has no end.
        None if seconds is None or seconds > LARGEST else now + seconds,
        refresh if isinstance(refresh, str) and refresh else None,
        now,
        scope if isinstance(scope, str) else None,
    )


def read_seconds(answer: Mapping[str, Any], name: str, refuse: Refuse) -> float | None:
    """Return a number of seconds in an answer, `None` where there is none.

    Raises:
        TokenRefreshError: It is something else.
    """
    given = answer.get(name)
    if given is None:
        return None
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 20:
        given = int(given)  # Some servers write it so.
    if isinstance(given, bool) or not isinstance(given, int | float) or not given >= 0:
        raise refuse(f"gave an {name} that is no number of seconds")
    return math.inf if given > LARGEST else given


def is_here(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
