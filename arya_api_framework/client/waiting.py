"""`Waiting`: whether an operation is over, and what is to be done next; nothing here waits."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from typing_extensions import override
from yarl import URL

from ..errors import (
    BodyNotReplayable,
    ConfigurationError,
    DeadlineExceeded,
    FrameworkException,
    HTTPError,
    OperationFailed,
    OperationTimeout,
    RateLimitTimeout,
)
from ..models import Response
from ..operations import Poll, Polling, StatusCode, Verdict, body_of
from ..options import UNSET, URLPath, WaitOptions
from .budget import end_of, exhausted_by
from .call import hide_what_was_sent
from .checks import check_callback, check_sends_body
from .encoding import as_pairs
from .formats import Format, find_format
from .links import check_stays, with_names
from .operation_place import Place, first_of, is_shown_by_303, monitor_of, read_state
from .pace import Pace
from .prepare import check_options, path_secrets
from .redaction import clean_text, redact_url
from .response import RawResponse, ResponseInfo
from .shapes import is_mapping
from .typed_format import PartFormat, binding
from .usual_shapes import UsualShapes
from .verbs import path_text

if TYPE_CHECKING:
    from .origins import Origins

__all__ = ["Waiting"]

_BY_STATUS = StatusCode()
_SHOWN = 100


class Waiting:
    """One operation that is waited for.

    Whoever waits calls `begin`; while it is not `over`, rests as long as `pause` says, sends the
    `call` and gives what came to `take`, or an error to `explain`. Then there is the `result`.

    Attributes:
        over: Whether the result is there.
        result: The result.
    """

    def __init__(self, operation: Any, target: Any, options: Mapping[str, Any]) -> None:
        """Check what can be checked before something is sent.

        Args:
            operation: What is waited for: a path, the response that began it, or a state.
            target: What the result becomes.
            options: Those of `WaitOptions`, `done`, `failed` and `raw`.

        Raises:
            ConfigurationError: One can never work.
        """
        check_options(options, also=WaitOptions.__optional_keys__ | {"done", "failed"})
        rest: dict[str, Any] = {**options}
        self._options = rest
        check_sends_body(rest, "`on_poll` is called for each answer, and `percent` of a Poll tells")
        self._method: str = rest.pop("method", "GET")
        self._is_done = check_callback("done", rest.pop("done", None))
        self._has_failed = check_callback("failed", rest.pop("failed", None))
        self._on_poll = check_callback("on_poll", rest.pop("on_poll", None))
        self._polling = _check_polling(rest.pop("polling", None))
        self._pace = Pace(rest)
        self._raw: bool = rest.pop("raw", False)
        if rest.get("parameters") is not None:
            rest["parameters"] = as_pairs("`parameters`", rest["parameters"])  # To be read again.
        self._model = operation if isinstance(operation, Response) else None
        if target is UNSET and self._model is not None:
            target = type(self._model)
        self._target = target
        self._format = find_format(target)
        self._path: URLPath = None
        self._start: RawResponse | None = None
        self._place = Place()
        self._path_secrets: tuple[str, ...] = ()
        self._asked_first = self._read_source(operation)
        self._last: Poll | None = None
        self._number = 0
        self._at_once = True
        self._limit: float | None = None
        self._own_names: set[str] = set()
        self.over = False
        self.result: Any = None

    def _read_source(self, operation: Any) -> str:
        """Find out what was given, and return its URL."""
        if self._model is not None:
            operation = _as_response(self._model)
        if isinstance(operation, RawResponse):
            self._start = operation
            self._path_secrets = operation.request.path_secrets
            return operation.request.url
        if is_mapping(operation):
            self._place = read_state(operation)
            return self._place.url or ""
        if isinstance(operation, str | URL):
            self._path = operation
            return path_text(operation)
        if inspect.iscoroutine(operation):
            operation.close()
            raise ConfigurationError(
                "wait_for got a coroutine, which is no response yet; await it first, as "
                "`await client.wait_for(await client.post(..., raw=True))`"
            )
        raise ConfigurationError(
            "wait_for takes a path, the response that began the operation (a `Response` model, or "
            f"what `raw=True` returns), or a state, got {type(operation).__name__}"
        )

    def begin(self, limit: float | None, own_names: set[str]) -> None:
        """Start the clock, and look at the response that began the operation.

        Args:
            limit: The `deadline` of the client.
            own_names: The parameters that it sends with every request.

        Raises:
            OperationError: It says nothing usable, or that the operation has failed.
        """
        self._pace.begin()
        self._limit, self._own_names = limit, own_names
        if self._start is not None:
            self._at_once = False
            self._take_response(self._start)

    def _take_response(self, response: RawResponse) -> None:
        """Take a response that no call is under way for."""
        try:
            self.take(self.read(response))
        except FrameworkException as error:
            hide_what_was_sent(error, response.request)
            raise

    def pause(self, origins: Origins) -> float:
        """Return how many seconds to rest before the next call.

        Args:
            origins: Those of the client, whose budgets end the wait too.

        Raises:
            OperationTimeout: The next call would be too late.
            BudgetExhausted: It would be, for the budget around it.
        """
        last = None if self._at_once or self._last is None else self._last.response
        self._at_once = False
        rest = self._pace.after(last)
        if rest.is_late:
            raise self._too_late(rest.asked)
        if origins.budgets and rest.seconds > 0:
            ends = end_of(origins)
            if ends is not None and self._pace.started + self._pace.elapsed + rest.seconds >= ends:
                spent = exhausted_by(origins, ends)
                assert spent is not None
                spent.retry_after = rest.asked
                raise spent
        return rest.seconds

    def call(self) -> tuple[str, URLPath, dict[str, Any]]:
        """Return method, path and options of the next call.

        Raises:
            ConfigurationError: A call that is foreign to the client would lead to another origin.
        """
        options: dict[str, Any] = {**self._options, "response_format": _PollFormat(self)}
        method, place = self._method, self._place
        if self._is_ours:
            options["deadline"] = max(self._pace.left or 0.0, 0.001)
        if place.is_over:
            method = "GET"
            for name in ("body", "data", "files", "on_progress"):
                options.pop(name, None)
        elif self._polling.answers:
            # No error of the user's, as it is an answer here.
            answers = dict.fromkeys(self._polling.answers, HTTPError)
            options["error_responses"] = {**(options.get("error_responses") or {}), **answers}
        if place.url is None:
            return method, self._path, options
        # The server may have written them into it.
        secrets = path_secrets(options.pop("path_parameters", None))
        options["path_secrets"] = secrets or self._path_secrets
        if self._path is not None or place.is_over:
            options.pop("parameters", None)  # The URL holds them all.
        if options.get("foreign"):
            check_stays(self._asked_first, place.url, method, "the URL to ask next")
        return method, place.url, options

    @property
    def _is_ours(self) -> bool:
        """Whether a call that is made now ends by our time, and not by the client's own."""
        left = self._pace.left
        return left is not None and (self._limit is None or left < self._limit)

    def read(self, response: RawResponse) -> Poll:
        """Return the answer that a response is.

        Raises:
            OperationError: It says nothing usable, or that the operation has failed.
        """
        is_start = response is self._start
        poll = Poll(
            response,
            found=self._place.found,
            number=self._number if is_start else self._number + 1,
            elapsed=self._pace.elapsed,
        )
        if is_start and first_of(response).request.method != "GET":
            poll.found = "start"
        poll.is_start = is_start
        poll.verdict = verdict = self._judge(poll)
        if verdict.outcome == "failed":
            raise _failure(poll)
        if verdict.outcome == "done" and self._find_result(poll) is None:
            self._parse(poll)
        return poll

    def _judge(self, poll: Poll) -> Verdict:
        response = poll.response
        if self._place.is_over or (is_shown_by_303(response) and not poll.is_start):
            return _BY_STATUS.judge(poll)
        if poll.is_start and monitor_of(response) is not None:
            return Verdict("running")
        if (self._is_done is None and self._has_failed is None) or response.status >= 400:
            return self._polling.judge(poll)
        if response.status == 202 and not response.content:
            return Verdict("running")
        poll.result = self._model if self._is_model(poll) else self._format.parse(response)
        word = getattr(poll.result, "status", None)
        word = word if isinstance(word, str) else None
        if self._has_failed is not None and self._has_failed(poll.result):
            return Verdict("failed", word)
        if self._is_done is None:
            return self._polling.judge(poll)
        return Verdict("done" if self._is_done(poll.result) else "running", word)

    def _find_result(self, poll: Poll) -> str | None:
        # What `done` has looked at is the result.
        return self._place.result_of(poll) if self._is_done is None else None

    def _parse(self, poll: Poll) -> None:
        """Make the result of an answer that holds it."""
        response, at = poll.response, poll.verdict.at
        if self._raw:
            poll.result = response
        elif at is not None:
            if self._target in (None, type(None)):
                return
            target = Any if self._target is UNSET else self._target
            poll.result = binding(PartFormat(at, target, "an answer with a result")).parse(response)
        elif poll.result is None:
            poll.result = self._model if self._is_model(poll) else self._format.parse(response)

    def _is_model(self, poll: Poll) -> bool:
        """Return whether an answer is the model that was given, and is to become no other."""
        return poll.is_start and self._target is type(self._model)

    def take(self, poll: Poll) -> None:
        """Take an answer, and find out what comes next.

        Raises:
            OperationError: It does not say where to ask next.
            BodyNotReplayable: The next call wants the body again, but it is gone.
        """
        self._number = poll.number
        self._last = poll
        if poll.verdict.outcome == "running":
            self._place = self._place.after(poll, self._own_names)
        else:
            url = self._find_result(poll)
            self.over = url is None
            if url is not None:
                self._place = Place(url, "location", is_over=True)
                self._at_once = True
        poll.state = self._place.written(self._given_url())
        if self._on_poll is not None:
            self._on_poll(poll)
        if self.over:
            self.result = poll.result
        elif not poll.is_start and not self._place.is_over:
            _check_replayable(first_of(poll.response))

    def _given_url(self) -> str | None:
        """Return the URL of the path that was given, without what the client adds to each."""
        if self._path is None or self._last is None:
            return None
        query = path_text(self._path).partition("?")[2].split("&")
        names = {unquote_plus(pair.partition("=")[0]) for pair in query}
        names |= {str(name) for name, _ in self._options.get("parameters") or ()}
        return with_names(first_of(self._last.response).request.url, names, kept=True)

    def explain(self, error: FrameworkException) -> FrameworkException | None:
        """Return what to raise for the error of a call, `None` where it was an answer.

        Raises:
            OperationError: It was an answer that says nothing usable.
        """
        if isinstance(error, HTTPError):
            raw = error.raw
            if raw is None or self._place.is_over or raw.status not in self._polling.answers:
                return error
            self._take_response(raw)
            return None
        if isinstance(error, DeadlineExceeded | RateLimitTimeout) and self._is_ours:
            late = self._too_late(error.retry_after)
            late.sent = error.sent
            return late
        return error

    def _too_late(self, asked: float | None) -> OperationTimeout:
        """Return the error for an operation that takes too long."""
        poll, place = self._last, self._place
        status = None if poll is None else _shown_status(poll)
        text = f"the operation was not over within {self._pace.seconds} s"
        if asked is not None:
            text += f", and is to be asked again in {asked:.3f} s only"
        if status is not None:
            text += f"; it is {status!r}"
        url = redact_url(place.url or path_text(self._path))
        error = OperationTimeout(
            f"{self._method} {url}: {text}; it goes on, and `wait_for` with the `state` of this "
            "error waits further",
            response=None if poll is None else body_of(poll),
            raw=None if poll is None else poll.response,
            status=status,
        )
        if poll is None:
            error.sent = "no"
            error.method, error.url = self._method, url
        else:
            hide_what_was_sent(error, poll.response.request)
        if poll is not None or place.url is not None:
            error.state = place.written(self._given_url())
        error.retry_after = asked
        error.attempts = self._number
        error.elapsed = self._pace.elapsed
        return error


class _PollFormat(Format):
    """What a call returns: the `Poll`, so that the call knows of what went wrong with it."""

    def __init__(self, waiting: Waiting) -> None:
        target = waiting._format  # pyright: ignore[reportPrivateUsage]
        self.name = target.name
        self.is_json = target.is_json
        self._waiting = waiting

    @override
    def parse(self, response: RawResponse) -> Poll:
        return self._waiting.read(response)


def _failure(poll: Poll) -> OperationFailed:
    """Return the error for an operation that has failed."""
    request, word = poll.response.request, poll.status or ""
    is_canceled = word.lower().startswith("cancel")
    status = _shown_status(poll)
    error = OperationFailed(
        f"{request.method} {request.shown_url}: the operation "
        f"{'was canceled' if is_canceled else 'has failed'}: "
        f"{': '.join(part for part in (status, poll.message) if part) or 'it does not say why'}",
        response=body_of(poll) if poll.result is None else poll.result,
        raw=poll.response,
        status=status,
    )
    error.canceled = is_canceled
    code = poll.verdict.error
    code = code.get("code") if is_mapping(code) else None
    error.code = code if isinstance(code, str | int) else None
    return error


def _shown_status(poll: Poll) -> str | None:
    return None if poll.status is None else clean_text(poll.status, _SHOWN)


def _as_response(model: Response) -> RawResponse:
    """Return the response that a model came from, with what the model kept of its content."""
    info: ResponseInfo | None = model.model_response
    if info is None:
        raise ConfigurationError(
            f"wait_for was given a {type(model).__name__} that came with no response, so that "
            "nothing tells its URL; give the path"
        )
    content = model.model_dump_json(by_alias=True).encode()
    response = RawResponse(
        info.status, info.raw_headers, info.request, content, received=info.received
    )
    response.history = info.history
    response.encoding = "utf-8"
    return response


def _check_replayable(asked: ResponseInfo) -> None:
    request = asked.request
    if not request.replayable:
        error = BodyNotReplayable("the next call wants the body again, but it is an iterator")
        error.method, error.url = request.method, request.shown_url
        raise error


def _check_polling(value: Any) -> Polling:
    if value is None or isinstance(value, Polling):
        return value or UsualShapes()
    raise ConfigurationError(
        f"polling must be a strategy such as StatusField() or StatusCode(), got {value!r}"
    )
