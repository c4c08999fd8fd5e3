"""How an answer tells whether a long-running operation is over: the strategies of `wait_for`."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from typing_extensions import override

from .client.json_place import find_at, is_place
from .client.outcome import said_by
from .client.redaction import clean_text
from .client.shapes import is_iterable, is_mapping
from .errors import ConfigurationError, OperationError, ResponseParseError
from .options import shown, strict

if TYPE_CHECKING:
    from .client.response import RawResponse

__all__ = [
    "DoneFlag",
    "Found",
    "Poll",
    "Polling",
    "StatusCode",
    "StatusField",
    "Verdict",
    "as_word",
    "body_of",
    "what_came",
]

Outcome: TypeAlias = Literal["running", "done", "failed"]
Found: TypeAlias = Literal["start", "given", "location", "monitor"]

DONE = ("succeeded", "success", "successful", "completed", "complete", "done", "finished")
"""What services call an operation that has ended well."""

FAILED = (
    *("failed", "failure", "error", "errored", "canceled", "cancelled", "aborted", "rejected"),
    *("expired", "timed out"),
)
"""What they call one that has not."""

_PERCENT = (
    *("percentComplete", "percent_complete", "percentage", "progress", "progressPercent"),
    *("metadata.progressPercent", "metadata.progressPercentage", "properties.percentComplete"),
)
_ACCEPTED = 202
_SHOWN = 100


class Verdict(NamedTuple):
    """What an answer says of an operation.

    Attributes:
        outcome: `"running"`, `"done"` or `"failed"`.
        status: What the service calls that.
        at: Where in the answer the result stands; `None` for the whole of it.
        url: Where to ask next while it is running; where the result is when it is done.
        error: What the answer says went wrong.
    """

    outcome: Outcome
    status: str | None = None
    at: str | None = None
    url: str | None = None
    error: Any = None


class Poll:
    """One answer about an operation.

    Attributes:
        response: The answer as it came; of a model that was given, only the head of it.
        found: How its URL is known: `"given"` as a path, from `"location"`, the field or one of
            the body, or from `Operation-Location` as that of a `"monitor"`; `"start"` where it is
            the answer to the request that began the operation.
        number: How many answers were asked for, with this one.
        elapsed: Seconds since the wait began.
        result: What the operation became, where this answer holds it.
        state: Where to go on, to be kept as JSON and given to `wait_for` in place of the path.
        verdict: What it says of the operation.
        is_start: Whether it is what `wait_for` was given.
    """

    verdict: Verdict = Verdict("running")
    is_start: bool = False

    def __init__(
        self,
        response: RawResponse,
        *,
        found: Found = "given",
        number: int = 1,
        elapsed: float = 0.0,
    ) -> None:
        self.response = response
        self.found: Found = found
        self.number = number
        self.elapsed = elapsed
        self.result: Any = None
        self.state: Mapping[str, Any] = {}

    @cached_property
    def body(self) -> Any:
        """The content, parsed from JSON; `None` for that of a 202 which is none.

        Raises:
            ResponseParseError: It is no JSON.
        """
        try:
            return self.response.json()
        except ResponseParseError:
            if self.response.status == _ACCEPTED:
                return None
            raise

    @property
    def status(self) -> str | None:
        """What the service says of the operation, such as `"InProgress"`."""
        return self.verdict.status

    @property
    def percent(self) -> float | None:
        """How far it is, as far as the service says at one of the usual places."""
        if body_of(self) is None:
            return None
        values = (self.find(place) for place in _PERCENT)
        found = (one for one in values if isinstance(one, int | float))
        return next((float(one) for one in found if not isinstance(one, bool)), None)

    def find(self, place: str) -> Any:
        """Return what stands at a place of the body, such as `"job.status"`, `None` for nothing."""
        return find_at(self.body, place)

    def error(self, text: str) -> OperationError:
        """Return the error that says what is wrong with this answer."""
        request = self.response.request
        place = f"{request.method} {request.shown_url}"
        return OperationError(f"{place}: {text}", response=body_of(self), raw=self.response)

    @property
    def message(self) -> str:
        """What the answer says went wrong, as it may be shown."""
        error = self.verdict.error
        return said_by(self.response, body_of(self) if error is None else {"error": error})


class Polling(ABC):
    """How an answer tells whether an operation is over.

    Subclass it for a service that does it in a way of its own.

    Attributes:
        answers: Statuses of errors that are answers about the operation all the same.

    Example:
        >>> class Ticket(Polling):
        ...     def judge(self, poll: Poll) -> Verdict:
        ...         place = poll.find("place_in_queue")
        ...         return Verdict("running" if place else "done", str(place))
    """

    answers: frozenset[int] = frozenset()

    @abstractmethod
    def judge(self, poll: Poll) -> Verdict:
        """Return what an answer says of the operation."""


@strict
@shown
class StatusCode(Polling):
    """The status of HTTP tells: it is done with the first success that is no 202.

    Args:
        running: The statuses that mean that it goes on; 404 may be one.
        done: Statuses that mean that it is done beside those; 404 may be one.

    Example:
        >>> until_it_exists = StatusCode(running=(202, 404))
        >>> until_it_is_gone = StatusCode(running=(200, 202), done=404)
    """

    def __init__(
        self, *, running: Iterable[int] | int = _ACCEPTED, done: Iterable[int] | int = ()
    ) -> None:
        self._running = _statuses("running", running)
        known = self._running | _statuses("done", done)
        self.answers = frozenset(status for status in known if status >= 400)

    @override
    def judge(self, poll: Poll) -> Verdict:
        status = poll.response.status
        return Verdict("running" if status in self._running else "done", str(status))


class _InBody(Polling):
    """A strategy for answers that tell it in the body."""

    def __init__(
        self,
        at: str,
        error: str | None,
        result: str | None,
        result_url: str | None,
        next_url: str | None,
    ) -> None:
        self._at = _place("at", at) or ""
        self._error = _place("error", error)
        self._result = _place("result", result)
        self._result_url = _place("result_url", result_url)
        self._next_url = _place("next_url", next_url)

    def _goes_on(self, poll: Poll, status: str | None = None) -> Verdict:
        return Verdict("running", status, url=_url(poll, self._next_url))

    def _ended(self, poll: Poll, status: str | None) -> Verdict:
        return Verdict("done", status, self._result, _url(poll, self._result_url))

    def _failed(self, poll: Poll, status: str | None) -> Verdict:
        error = None if self._error is None else poll.find(self._error)
        return Verdict("failed", status, error=error)


@strict
@shown
class StatusField(_InBody):
    """A text in the body tells, as `{"status": "InProgress"}`.

    Case, blanks, `-` and `_` make no difference. Services learn new words: one that is not known
    means that the operation goes on, unless `running` says all of them.

    Args:
        at: Where in the body it stands.
        done: What it says when the operation has ended well.
        failed: What it says when it has not.
        running: What it may say before; anything else is an error. `None` allows anything.
        error: Where in the body it says what went wrong.
        result: Where the result stands when it is done; the whole body when not given.
        result_url: Where the URL of the result stands.
        next_url: Where the URL to ask next stands.
    """

    def __init__(
        self,
        at: str = "status",
        *,
        done: Iterable[str] = DONE,
        failed: Iterable[str] = FAILED,
        running: Iterable[str] | None = None,
        error: str | None = "error",
        result: str | None = None,
        result_url: str | None = None,
        next_url: str | None = None,
    ) -> None:
        super().__init__(at, error, result, result_url, next_url)
        self._done, self._bad = _words("done", done), _words("failed", failed)
        self._running = None if running is None else _words("running", running)
        self._all = (*self._done.values(), *self._bad.values(), *(self._running or {}).values())

    @override
    def judge(self, poll: Poll) -> Verdict:
        found = poll.find(self._at)
        if found is None and poll.response.status == _ACCEPTED:
            return self._goes_on(poll)
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise poll.error(
                f"the answer must have a text at {self._at!r}, which says how the operation "
                f"stands, {what_came(poll, found)}"
            )
        status, word = str(found), as_word(found)
        if word in self._bad:
            return self._failed(poll, status)
        if word in self._done:
            return self._ended(poll, status)
        if self._running is not None and word not in self._running:
            raise poll.error(
                f"{self._at!r} must be one of {', '.join(self._all)}, "
                f"got {clean_text(status, _SHOWN)!r}"
            )
        return self._goes_on(poll, status)


@strict
@shown
class DoneFlag(_InBody):
    """A flag in the body tells, as `{"done": true}`; it may be left out while it is false.

    An operation that is done has failed where there is something at `error`.

    Args:
        at: Where in the body it stands.
        error: Where it says what went wrong.
        result: Where the result stands when it is done; `None` for the whole body.
        result_url: Where the URL of the result stands.
        next_url: Where the URL to ask next stands.
    """

    def __init__(
        self,
        at: str = "done",
        *,
        error: str | None = "error",
        result: str | None = "response",
        result_url: str | None = None,
        next_url: str | None = None,
    ) -> None:
        super().__init__(at, error, result, result_url, next_url)

    @override
    def judge(self, poll: Poll) -> Verdict:
        if not is_mapping(poll.body):
            if poll.response.status == _ACCEPTED:
                return self._goes_on(poll)
            raise poll.error(
                f"the answer must be an object with {self._at!r}, {what_came(poll, None)}"
            )
        flag = poll.find(self._at)
        if flag is not None and not isinstance(flag, bool):
            raise poll.error(
                f"{self._at!r} must be true or false, got {type(flag).__name__}; for a text there "
                "is StatusField"
            )
        if not flag:
            return self._goes_on(poll)
        failed = self._failed(poll, None)
        return self._ended(poll, None) if failed.error is None else failed


def body_of(poll: Poll) -> Any:
    """Return the content of an answer parsed from JSON, `None` where it is none."""
    try:
        return poll.body
    except ResponseParseError:
        return None


def as_word(value: object) -> str:
    """Return a word as it is compared."""
    return re.sub(r"[\W_]+", "", str(value)).lower()


def _words(name: str, words: Any) -> dict[str, str]:
    """Return words as they are compared, and as they are shown."""
    given = [""] if isinstance(words, str) or not is_iterable(words) else words
    found = {as_word(word): repr(str(word)) for word in given}
    if "" in found or (name == "done" and not found):
        raise ConfigurationError(f"{name} of a StatusField must hold words, got {words!r}")
    return found


def _statuses(name: str, statuses: Any) -> frozenset[int]:
    found: list[Any] = [*statuses] if is_iterable(statuses) else [statuses]
    for one in found:
        if isinstance(one, bool) or not isinstance(one, int) or not 200 <= one <= 599:
            raise ConfigurationError(
                f"{name} of a StatusCode must hold statuses from 200 to 599, got {statuses!r}"
            )
    return frozenset(found)


def _place(name: str, place: Any) -> str | None:
    if place is not None and not is_place(place):
        raise ConfigurationError(f"{name} must be a name, or names joined by dots, got {place!r}")
    found: str | None = place
    return found


def _url(poll: Poll, place: str | None) -> str | None:
    """Return the URL at a place, `None` where there is none."""
    url = None if place is None else poll.find(place)
    if url is not None and not isinstance(url, str):
        raise poll.error(f"{place!r} must be a URL, got {type(url).__name__}")
    return url or None


def what_came(poll: Poll, found: object) -> str:
    """Return what came in the place of what was expected: names only, no values.

    Args:
        poll: The answer.
        found: What stands at the place, `None` for nothing.
    """
    if found is not None:
        return f"got {type(found).__name__}"
    body = poll.body
    if is_mapping(body):
        names = ", ".join(repr(clean_text(str(name), _SHOWN)) for name in list(body)[:10])
        return f"got an object with {names}" if names else "got an empty object"
    return f"got {'no content' if body is None else type(body).__name__}"
