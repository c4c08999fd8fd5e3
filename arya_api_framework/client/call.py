"""`Call`: one request with its policies, from preparation to result."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from ..errors import (
    AuthError,
    BudgetExhausted,
    CircuitOpenError,
    ConnectTimeout,
    CredentialsExhausted,
    DeadlineExceeded,
    FrameworkException,
    HTTPError,
    LimiterUnavailable,
    PoolTimeout,
    RateLimitTimeout,
    ReadTimeout,
    RequestTimeout,
    ResponseParseError,
    TooManyRedirects,
    WriteTimeout,
)
from ..errors.base import Sent
from ..events import Event, Events
from ..hedge import Hedge
from ..options import FollowRedirects, Timeout
from ..retry import Retry, find_wait
from .body import Body
from .budget import exhausted_by
from .cookie_jar import CookieJar, CookieText
from .formats import Format
from .hook_chain import NO_HOOKS, HookChain
from .outcome import http_error
from .redaction import clean_text, hide_in, hide_secrets, secrets_in, secrets_of
from .redirects import REDIRECTS, follow, is_same
from .request import Request
from .response import RawResponse, ResponseInfo
from .url import Origin

if TYPE_CHECKING:
    from logging import Logger

    from ..auth.base import Auth
    from ..checksum import Checksum
    from ..tls import TLS
    from .credentials import Trial
    from .origins import Origins
    from .retries import Retries
    from .security import Requirements, Security
    from .stream import Stream

__all__ = ["REDIRECTS", "Call", "Phase", "Policy", "hide_what_was_sent"]

Phase: TypeAlias = Literal["pool", "connect", "write", "read"]
"""A part of a call that has a limit of its own in `Timeout`."""

_PHASES: dict[Phase, tuple[type[RequestTimeout], Sent, str]] = {
    "pool": (PoolTimeout, "no", "waiting for a free connection"),
    "connect": (ConnectTimeout, "no", "connecting"),
    "write": (WriteTimeout, "maybe", "sending"),
    "read": (ReadTimeout, "maybe", "waiting for the server"),
}
_FINAL = (
    RateLimitTimeout,
    CircuitOpenError,
    LimiterUnavailable,
    BudgetExhausted,
    CredentialsExhausted,
    AuthError,
)
"""What says by itself that a call is not to be sent now."""

_CLOCK_GRAIN = 0.005
"""A timeout of a library may fire this much before the time it was given is over."""


class Policy(NamedTuple):
    """How calls are made: the client's own, or changed by the options of one call.

    Attributes:
        security: The schemes and credentials of the client, `None` where it declares none.
        required: What `security` of the client asks for.
        key_field: The field of the client's pool of keys.
        tls: The certificate that the call shows in place of the client's.
        stream: What is given the body of a success, to be read piece by piece.
        progress: Whether a bar is shown; that of a client shows none.
        checksum: The digests of the body that are sent along.
        client: A weak reference to the client, for models that are bound to it.
    """

    timeout: Timeout
    deadline: float | None
    error_responses: Mapping[Any, Any]
    follow_redirects: FollowRedirects
    max_redirects: int
    max_response_size: int
    json_content_types: tuple[str, ...] | None
    trusted_origins: frozenset[Origin]
    pool_wait: float | None = None
    hooks: HookChain = NO_HOOKS
    events: Events | None = None
    trace: Any = None
    jar: CookieJar | None = None
    retry: Retry | None = None
    deadline_header: str | None = None
    allow_early_response: bool = False
    cost: int = 1
    priority: int = 0
    keeps_alive: bool = True
    hedge: Hedge | None = None
    auth: tuple[Auth, ...] = ()
    security: Security | None = None
    required: Requirements | None = None
    tls: TLS | None = None
    encoding: str | None = None
    key_field: str | None = None
    stream: Stream | None = None
    progress: bool | str | None = None
    checksum: tuple[Checksum, ...] = ()
    client: Any = None

    @property
    def is_plain(self) -> bool:
        """Whether each turn of the loop sends one request, and to the rate limit as any other."""
        return self.cost == 1 and self.priority == 0 and not self.auth


class Call:
    """One call: what is sent, how long it may take, what its answer becomes.

    Attributes:
        request: What is sent; after a redirect, what is sent next.
        method: The method that was asked for, which a redirect can change.
        format: What the content becomes.
        raw: Whether the `RawResponse` is the result, of any status that is no error.
        policy: How it is made.
        deadline: When everything must be over, on the monotonic clock.
        ends: When the work must be over, on the monotonic clock; set by `begin`.
        attempts: How many times the call was sent; redirects do not count.
        retries: What became of earlier attempts; `None` in the first.
        told: What a transport keeps while it tells the `events` of the call what happens, or what
            breaks off one of several requests.
    """

    __slots__ = (
        "_planned",
        "_trial",
        "attempts",
        "deadline",
        "ends",
        "format",
        "history",
        "method",
        "policy",
        "raw",
        "request",
        "retries",
        "started",
        "told",
    )

    def __init__(self, request: Request, format: Format, raw: bool, policy: Policy) -> None:
        self.request = self._planned = request
        self.method = request.method
        self.format = format
        self.raw = raw
        self.policy = policy
        self.started = time.monotonic()
        deadline = policy.deadline
        self.deadline = self.ends = None if deadline is None else self.started + deadline
        self.attempts = 0
        self.retries: Retries | None = None
        self.told: Any = None
        self.history: tuple[ResponseInfo, ...] = ()

    def begin(self) -> None:
        """Begin an attempt: waiting is over. The first one starts the clock of the work."""
        policy = self.policy
        self.attempts += 1
        if self.retries is None:
            total = policy.timeout.total
            if total is not None:
                self.ends = time.monotonic() + total
                if self.deadline is not None and self.deadline < self.ends:
                    self.ends = self.deadline
            self._planned = self.request
            retry = policy.retry
            if retry is not None and retry.idempotency_keys:
                self._planned = _with_key(self.request, retry)
        # Of what hooks made of the last attempt nothing is left.
        request = self._planned
        if policy.jar is not None and policy.jar.shelves:
            request = self._with_cookies(request, policy.jar)
        self.request = self._with_time_left(request)

    def _with_time_left(self, request: Request) -> Request:
        """Return a request that tells the time that is left; the one given is not changed."""
        name = self.policy.deadline_header
        if name is not None and self.ends is not None:
            request = copy.copy(request)
            request.headers[name] = _time_left(name, max(self.ends - time.monotonic(), 0.0))
        return request

    @property
    def needs_fresh_connection(self) -> bool:
        """Whether this attempt must not go over a connection that served other requests."""
        return self.retries is not None and self.retries.fresh

    @property
    def trial(self) -> Trial | None:
        """What chose the key of the last request; `None` where it carried none of a pool."""
        try:
            return self._trial
        except AttributeError:
            return None

    @trial.setter
    def trial(self, trial: Trial | None) -> None:
        self._trial: Trial | None = trial

    def bound(self, ends: float | None) -> None:
        """Let the call end with the budget around it, if that is before its own deadline."""
        if ends is not None and (self.deadline is None or ends < self.deadline):
            self.deadline = self.ends = ends

    def over_budget(self, error: FrameworkException, origins: Origins) -> BudgetExhausted | None:
        """Return the error for the budget around the call, if that left no time for it."""
        if isinstance(error, BudgetExhausted):
            if error.budget is not None:  # A hook may raise one of its own.
                error.budget.exhausted = True
            return None
        is_late = isinstance(error, DeadlineExceeded | RateLimitTimeout)
        if not is_late and (self.retries is None or self.retries.stopped_by != "timeout"):
            return None
        spent = exhausted_by(origins, self.deadline)
        if spent is not None:
            spent.budget.exhausted = True
            spent.sent = error.sent
            self.explain(spent)
        return spent

    def after_error(
        self, error: FrameworkException, origins: Origins, logger: Logger
    ) -> float | None:
        """Return the seconds to wait before the next attempt, `None` where there is none.

        Raises:
            BodyNotReplayable: There would be one, but the body is gone.
        """
        retry, body = self.policy.retry, self.request.body
        # The user's own error, and a wait that is too long, do not pass.
        if isinstance(error, _FINAL) or (isinstance(body, Body) and body.error is error):
            return None
        if retry is None or self.policy.hedge is not None:
            return None
        return self.open_retries(origins, logger).after_error(retry, error)

    def after_response(
        self, response: RawResponse, origins: Origins, logger: Logger
    ) -> float | None:
        """Return the seconds to wait before the next attempt, `None` where this is the answer.

        Raises:
            BodyNotReplayable: There would be one, but the body is gone.
        """
        retry = self.policy.retry
        if retry is None or self.policy.hedge is not None:
            return None
        return self.open_retries(origins, logger).after_response(retry, response)

    def split(self, jar: Any) -> Call:
        """Return a call of its own for one of several requests that are under way at once.

        Args:
            jar: What is given the cookies of its response.
        """
        part = copy.copy(self)
        part.policy = self.policy._replace(jar=jar)
        part.request = self._with_time_left(self.request)
        return part

    def open_retries(self, origins: Origins, logger: Logger) -> Retries:
        """Return what became of earlier attempts."""
        if self.retries is None:
            from .retries import Retries

            self.retries = Retries(self, origins, logger)
        return self.retries

    def succeed(self, origins: Origins) -> None:
        """Give back to the retry budget of the origin what a success is worth."""
        cost = 0.0
        if self.retries is not None:
            cost = self.retries.cost
            self.retries.forget()
        origins.give_back(self.request.origin.prefix, cost or 1.0)
        # What led here has worked as well.
        for one in {one.request.origin.prefix for one in self.history}:
            if one != self.request.origin.prefix:
                origins.give_back(one, cost or 1.0)

    def check_wait(self, seconds: float) -> None:
        """Refuse a wait, asked for by the server, that goes beyond the deadline.

        Raises:
            RateLimitTimeout: It does.
        """
        if self.deadline is not None and time.monotonic() + seconds > self.deadline:
            raise RateLimitTimeout(
                f"the server asked for a pause that goes beyond the deadline, by {seconds:.3f} s "
                "from now",
                retry_after=seconds,
            )

    def extend(self, waited: float) -> None:
        """Give back the time that was spent waiting for the rate limit between redirects."""
        if self.ends is not None and self.ends != self.deadline:
            self.ends += waited
            if self.deadline is not None:
                self.ends = min(self.ends, self.deadline)

    def time_for(self, phase: Phase, sent: Sent | None = None) -> float | None:
        """Return the seconds a phase may take: its own limit, or what is left of the whole.

        Raises:
            RequestTimeout: Nothing is left.
        """
        part: float | None = getattr(self.policy.timeout, phase)
        ends = self.ends
        if ends is None:
            return part
        left = ends - time.monotonic()
        if left <= 0:
            raise self.timed_out(phase, sent)
        return left if part is None or left < part else part

    def timed_out(
        self, phase: Phase, sent: Sent | None = None, doing: str | None = None
    ) -> RequestTimeout:
        """Return the error for a timeout: of the whole where that is over, else of the phase.

        Args:
            phase: What took too long.
            sent: Whether the server may have read the request, where it is not what the phase says.
            doing: What the call did, where it is not what the phase says.
        """
        kind, usual, usually = _PHASES[phase]
        doing = doing or usually
        if self.ends is None or time.monotonic() < self.ends - _CLOCK_GRAIN:
            error = kind(f"timed out after {getattr(self.policy.timeout, phase)} s while {doing}")
        elif self.ends == self.deadline:
            error = DeadlineExceeded(f"the deadline passed while {doing}")
        else:
            error = RequestTimeout(f"the call took over {self.policy.timeout.total} s, now {doing}")
        error.sent = sent or usual
        return error

    def tell(self, name: str, request: Request | None = None, **details: Any) -> Any:
        """Tell the `events` of the call, if there are any, that something happened.

        Args:
            name: The name of the event.
            request: What it happened to, where it is not what is sent now.
            details: See `Event`.

        Returns:
            What the method returned: of an asynchronous client it may have to be awaited.
        """
        method = getattr(self.policy.events, f"on_{name}", None)
        if method is None:
            return None
        about = request or self.request
        url = about.shown_url
        return method(
            Event(name, self.policy.trace, time.monotonic(), about.method, url, **details)
        )

    def redirect(self, response: RawResponse) -> bool:
        """Make `request` the one that follows a redirect; return whether it is to be followed.

        Raises:
            RedirectError: It must not, or cannot, be followed.
        """
        request = follow(response, self.policy.follow_redirects, self.policy.trusted_origins)
        if request is None:
            return False
        if len(self.history) >= self.policy.max_redirects:
            raise TooManyRedirects(
                f"more than {self.policy.max_redirects} redirects, the last from "
                f"{response.request.shown_url}"
            )
        response.elapsed = time.monotonic() - self.started
        self.history += (response.info,)
        jar = self.policy.jar
        retry = self.policy.retry
        if retry is not None and request.method != response.request.method:
            request.headers.popall(retry.idempotency_header, None)  # It was for that content.
        self._planned = request
        if jar is not None:
            request = self._with_cookies(request, jar)
        self.request = self._with_time_left(request)
        return True

    def keep_cookies(self, response: RawResponse) -> None:
        """Put the cookies that a response set into the jar, if its origin is the client's."""
        jar, request = self.policy.jar, response.request
        if jar is not None and self._is_ours(request.origin):
            jar.store(request.origin, request.target, response.raw_headers)

    def _with_cookies(self, request: Request, jar: CookieJar) -> Request:
        """Return a request with the cookies of the jar; the one given is not changed."""
        given = request.headers.get("Cookie", CookieText.of(""))
        if not isinstance(given, CookieText):
            return request  # It was given by hand.
        is_home = self.is_at_home(request.origin)
        text = CookieText.of(given.own, jar.find(request.origin, request.target) if is_home else ())
        if text != given:
            request = copy.copy(request)
            request.headers.popall("Cookie", None)
            if text:
                request.headers["Cookie"] = text
        return request

    def is_at_home(self, origin: Origin) -> bool:
        """Return whether a request to an origin may carry what is the client's.

        What a redirect away has left out does not come back with one home.
        """
        visited = (*(one.request.origin for one in self.history), origin)
        return all(map(self._is_ours, visited))

    def may_authenticate(self, origin: Origin) -> bool:
        """Return whether a request to an origin may carry what the `auth` of the call makes."""
        visited = (*(one.request.origin for one in self.history), origin)
        trusted = self.policy.trusted_origins
        # Hop by hop, as it is decided what a redirect takes along.
        return all(is_same(a, b) or {a, b} <= trusted for a, b in pairwise(visited))

    def _is_ours(self, origin: Origin) -> bool:
        """Return whether an origin is the client's, or trusted, in this call."""
        trusted = self.policy.trusted_origins
        first = self.history[0].request.origin if self.history else origin
        # The second is where a redirect led from http to https of one host.
        return first in trusted and (origin in trusted or is_same(first, origin))

    def result(self, response: RawResponse) -> Any:
        """Return what the response becomes.

        Raises:
            HTTPError: Its status is no success.
            ResponseParseError: Its content is not what was expected.
        """
        response.elapsed = time.monotonic() - self.started
        response.history = self.history
        response._client = self.policy.client  # pyright: ignore[reportPrivateUsage]
        if self.policy.encoding is not None and not response.has_own_encoding:
            response.encoding = self.policy.encoding
        if not 200 <= response.status < 300:
            if self.raw and response.status < 400:
                return response
            raise http_error(response, self.policy.error_responses)
        if self.raw or response.request.method == "HEAD":
            return response
        allowed = self.policy.json_content_types
        if allowed is not None and response.content and self.format.of(response.status).is_json:
            self.check_media_type(response, allowed)
        return self.format.parse(response)

    def check_media_type(self, response: RawResponse, allowed: tuple[str, ...]) -> None:
        """Refuse content of another media type than is taken for JSON.

        Raises:
            ResponseParseError: It is.
        """
        found = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not any(_matches(found, pattern) for pattern in allowed):
            raise ResponseParseError(
                f"{response.request.method} {response.request.shown_url}: Content-Type "
                f"{clean_text(found, 100)!r} is none of json_content_types {list(allowed)}",
                status=response.status,
                body=response.content,
            )

    def conclude(self, error: FrameworkException) -> None:
        """Write on the error that ends the call what is known of the call."""
        self.explain(error)
        # After a redirect the server has read the first request, whatever became of the last.
        if self.history and error.sent == "no":
            error.sent = "yes"
        # And so it may have read one of the attempts before.
        if self.retries is not None and error.sent != "yes" and self.retries.sent != "no":
            error.sent = self.retries.sent

    def explain(self, error: FrameworkException) -> None:
        """Write on an error of one request of the call what is known of the call."""
        error.method = self.method
        error.url = self.request.shown_url
        error._hide = _hider(self.request)  # pyright: ignore[reportPrivateUsage]
        error.attempts = self.attempts
        error.elapsed = time.monotonic() - self.started
        text = str(error)
        if not isinstance(error, HTTPError):
            # A server may have told back what it was sent, in any place that is quoted. Of the
            # query that is what others than the caller put there, such as a key.
            added = _added(self._planned.target, self.request.target)
            request = self.request
            sent = secrets_of(request.headers.items(), added, request.path_secrets)
            text = hide_secrets(text, sent)
            error.args = (text, *error.args[1:])
        if error.url not in text:
            error.args = (f"{self.request.method} {error.url}: {text}", *error.args[1:])
        if self.retries is not None:
            error.earlier = self.retries.earlier
            error.retry_stopped_by = self.retries.stopped_by
        if isinstance(error, HTTPError) and error.raw is not None:
            retry = self.policy.retry
            names = () if retry is None else retry.wait_headers
            error.retry_after = find_wait(error.raw.headers, names)


def hide_what_was_sent(error: FrameworkException, request: Request) -> None:
    """Write on an error what it is about, and hide in it what the request carried."""
    error.method = request.method
    error.url = request.shown_url
    error._hide = _hider(request)  # pyright: ignore[reportPrivateUsage]
    text = hide_secrets(str(error), secrets_in(request))
    error.args = (text, *error.args[1:])


def _added(planned: str, sent: str) -> str:
    """Return the parameters of a target that another one does not have, as a target."""
    known = set(planned.partition("?")[2].split("&"))
    pairs = sent.partition("?")[2].split("&")
    return f"?{'&'.join(pair for pair in pairs if pair not in known)}"


def _with_key(request: Request, retry: Retry) -> Request:
    """Return a request that a server can tell from another one of the same content."""
    if request.method in retry.methods or retry.idempotency_header in request.headers:
        return request
    from uuid import uuid4

    request = copy.copy(request)
    request.headers[retry.idempotency_header] = str(uuid4())
    return request


def _time_left(name: str, seconds: float) -> str:
    """Return the remaining time as a header field of this name gives it."""
    milliseconds = int(seconds * 1000)
    if name.lower() == "grpc-timeout":
        # Eight digits are the most.
        most = 10**8 - 1
        return f"{milliseconds}m" if milliseconds <= most else f"{min(int(seconds), most)}S"
    return str(milliseconds) if name.lower().endswith("-ms") else f"{milliseconds / 1000:.3f}"


def _hider(request: Request) -> Callable[[Any], Any]:
    """Return the function that hides in a value what a request carried."""

    # A function, because a deep copy of an error does not copy those.
    def hide(value: Any) -> Any:
        return hide_in(value, secrets_in(request))

    return hide


def _matches(found: str, pattern: str) -> bool:
    """Return whether a media type fits a pattern with one `*`, such as `application/*+json`."""
    start, star, end = pattern.partition("*")
    if not star:
        return found == pattern
    return len(found) >= len(start) + len(end) and found.startswith(start) and found.endswith(end)
