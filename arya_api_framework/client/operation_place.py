"""`Place`: where to ask how a long-running operation stands, and where its result is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ConfigurationError
from ..operations import Found, Poll
from .links import absolute, with_names
from .redaction import redact_url
from .response import ResponseInfo

__all__ = ["Place", "first_of", "is_shown_by_303", "monitor_of", "read_state"]

_MONITORS = ("Operation-Location", "Azure-AsyncOperation")
_OWN_URL = ("GET", "PUT", "PATCH")
"""Methods whose URL is that of what they are about, so that a GET of it tells how it is."""
_STATE = {"url", "found", "result_url", "is_over"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where to ask next.

    Attributes:
        url: The URL; `None` for the path that was given.
        found: See `Poll`.
        result_url: Where the result is once the operation is done; `None` where it was.
        is_over: Whether the operation is done, and `url` is where its result is.
    """

    url: str | None = None
    found: Found = "given"
    result_url: str | None = None
    is_over: bool = False

    def after(self, poll: Poll, own_names: set[str]) -> Place:
        """Return where to ask after an answer that says that the operation goes on.

        Args:
            poll: The answer.
            own_names: The parameters that the client sends with every request.

        Raises:
            OperationError: It is the first one, and does not say.
        """
        response = poll.response
        if self.is_over:
            return self
        if poll.verdict.url is not None:
            return Place(_link(poll, poll.verdict.url), "location", self.result_url)
        monitor = monitor_of(response)
        if monitor is not None or self.found == "monitor":
            url = self.url if monitor is None else _link(poll, monitor)
            return Place(url, "monitor", self._find_result(poll, own_names))
        location = response.headers.get("Location")
        if location and response.status in (201, 202):
            return Place(_link(poll, location), "location", self.result_url)
        if not poll.is_start:
            # After a 202 the status of HTTP tells.
            return replace(self, found="location") if response.status == 202 else self
        if response.request.method not in _OWN_URL:
            raise poll.error(
                f"the answer ({response.status}) does not say where to ask how the operation "
                "stands: it has neither Operation-Location nor Location; give the path of it to "
                "`wait_for`"
            )
        url = with_names(response.request.url, own_names, kept=False)
        return Place(url, "given" if poll.found == "given" else "location")

    def _find_result(self, poll: Poll, own_names: set[str]) -> str | None:
        """Return where the result will be, as far as an answer with a monitor says."""
        response = poll.response
        if not poll.is_start:
            return self.result_url
        if response.request.method in ("PUT", "PATCH"):
            return with_names(response.request.url, own_names, kept=False)
        location = response.headers.get("Location")
        is_something = location and response.request.method != "DELETE"
        return _link(poll, location or "") if is_something else None

    def result_of(self, poll: Poll) -> str | None:
        """Return where the result is after an answer that says that the operation is done.

        `None` is in the answer itself.
        """
        response, verdict = poll.response, poll.verdict
        if self.is_over or is_shown_by_303(response):
            return None
        if verdict.url is not None:
            return _link(poll, verdict.url)
        if verdict.at is not None:
            return None
        if poll.found == "monitor":
            return self.result_url
        location = response.headers.get("Location")
        is_created = response.status == 201 and not response.content
        return _link(poll, location) if location and is_created else None

    def written(self, given: str | None) -> dict[str, Any]:
        """Return it in values that JSON has.

        Args:
            given: The URL of the path that was given.
        """
        return {
            "url": given if self.url is None else self.url,
            "found": self.found,
            "result_url": self.result_url,
            "is_over": self.is_over,
        }


def read_state(state: Mapping[Any, Any]) -> Place:
    """Return the place that was written.

    Raises:
        ConfigurationError: It was not.
    """
    if not state.keys() >= _STATE:
        raise ConfigurationError(
            "wait_for takes a state as the `state` of a Poll or of an OperationTimeout was, and "
            "this mapping is none; if it is the parsed body of the answer that began the "
            "operation, ask for that with `raw=True` or a `Response` model, which knows its URL, "
            "or give the path"
        )
    url, found, result_url = state.get("url"), state.get("found"), state.get("result_url")
    if (
        set(state) != _STATE
        or not isinstance(url, str)
        or found not in ("given", "location", "monitor")
        or not (result_url is None or isinstance(result_url, str))
    ):
        raise ConfigurationError(
            "wait_for takes a state as the `state` of a Poll or of an OperationTimeout was"
        )
    return Place(url, found, result_url, bool(state["is_over"]))


def monitor_of(response: ResponseInfo) -> str | None:
    """Return where a response says that the operation itself is, `None` where it does not."""
    found = (response.headers.get(name) for name in _MONITORS)
    return next((one for one in found if one), None)


def is_shown_by_303(response: ResponseInfo) -> bool:
    """Return whether a 303 led to a response: then it is the result, not the operation."""
    return any(one.status == 303 for one in response.history)


def first_of(response: ResponseInfo) -> ResponseInfo:
    """Return the response to what was asked for, which may have redirected."""
    return response.history[0] if response.history else response


def _link(poll: Poll, text: str) -> str:
    try:
        return absolute(poll.response, text)
    except ValueError as error:
        raise poll.error(f"the URL to ask next is no http URL: {redact_url(text)!r}") from error
