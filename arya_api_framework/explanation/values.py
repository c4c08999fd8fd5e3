"""`Explanation`: what a call would send, by which rules, and where each value comes from."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, TypeAlias

from ..client.shapes import is_mapping, is_sequence

if TYPE_CHECKING:
    from ..client.circuit import CircuitState
    from ..client.request import Request

__all__ = [
    "Authentication",
    "BodyShape",
    "Circuit",
    "Concurrency",
    "Explanation",
    "HookUse",
    "Limit",
    "Paging",
    "ResponseForm",
    "Setting",
    "Source",
    "SourceKind",
    "Value",
]

SourceKind: TypeAlias = Literal[
    "default",
    "class",
    "parent class",
    "instance",
    "with_options",
    "assignment",
    "sub-client",
    "endpoint",
    "argument",
    "call",
    "body",
    "auth",
    "authenticate",
    "credentials",
    "cookies",
    "cookie jar",
    "retry",
    "pagination",
    "connection",
]
"""Where a value comes from.

`"default"` is the framework's own; `"assignment"` a write such as `client.headers[...] = ...`;
`"argument"` one of the endpoint, given by the call; `"endpoint"` its declaration, the defaults of
its arguments among it; `"call"` an option of the call. All below are made from other things:
the media type from the body, `Cookie` from several `cookies`, an idempotency key by the `retry`,
and so on.
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from.

    Attributes:
        kind: What kind of place that is.
        name: Which one, where there may be several: the class, the sub-client, the argument.
        option: The option that gave it, where that is not the one it is listed under.
    """

    kind: SourceKind
    name: str | None = None
    option: str | None = None

    def __str__(self) -> str:
        text = self.kind if self.name is None else f"{self.kind} {self.name}"
        return text if self.option is None else f"{text}: {self.option}"


@dataclass(frozen=True, slots=True)
class Value:
    """A part of the request.

    Attributes:
        name: Its name.
        value: It as it may be shown: `***` in place of what may be secret.
        source: Where it comes from.
    """

    name: str
    value: str
    source: Source


@dataclass(frozen=True, slots=True)
class BodyShape:
    """The body, without its values.

    Attributes:
        kind: What it is.
        media_type: Its `Content-Type`.
        length: How many bytes are sent, `None` where that is known only then.
        replayable: Whether it can be sent a second time.
        structure: The names in it, `***` in place of values; `None` where it has no names, and
            where only an iterator knows them, which is not read.
        source: Where it comes from.
        fields: What it was put together from, where that are several arguments.
    """

    kind: Literal["JSON", "form", "multipart", "text", "bytes", "file", "iterator"]
    media_type: str | None
    length: int | None
    replayable: bool
    structure: Any
    source: Source
    fields: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """An option that says how the call is made.

    Attributes:
        value: It, as it holds for this call.
        text: It in words.
        source: Where it comes from.
    """

    value: Any
    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate limit that the call must pass.

    Attributes:
        limit: Requests in one window.
        per: The length of the window in seconds.
        bucket: What has this window of its own: `"client"`, an origin, an endpoint, or `"***"` for
            what a function of yours returned.
        cost: How many slots the call takes.
        wait: In how many seconds they are free, infinity for never, `None` where only Redis, or a
            function that fails here, knows.
        source: Where the limit comes from.
    """

    limit: float
    per: float
    bucket: str
    cost: int
    wait: float | None
    source: Source


@dataclass(frozen=True, slots=True)
class Circuit:
    """The circuit breaker of the origin.

    Attributes:
        state: Whether calls go through.
        retry_after: Seconds until an open one lets a call try.
        source: Where the circuit breaker comes from.
    """

    state: CircuitState
    retry_after: float | None
    source: Source


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many calls to the origin may be in flight at once.

    Attributes:
        limit: How many.
        in_flight: How many are.
        source: Where the limit comes from.
    """

    limit: int
    in_flight: int
    source: Source


@dataclass(frozen=True, slots=True)
class Authentication:
    """What authenticates the call.

    Attributes:
        scheme: The class of the scheme that `authenticate` was given a credential for, else that
            of the `Auth`; `"CredentialPool"`, `"bearer_token"`, or `"none"` where it is missing.
        place: Where it puts the credential, such as `"header Authorization"`, as far as is known.
        requirement: The name in `security_schemes` that it stands for.
        missing: What is not known yet, so that the call would raise `MissingCredentials`.
        source: Where it comes from.
    """

    scheme: str
    place: str | None
    requirement: tuple[str, ...]
    missing: str | None
    source: Source


@dataclass(frozen=True, slots=True)
class HookUse:
    """A hook that sees the call.

    Attributes:
        name: What it is called.
        methods: Which of its methods are run.
        source: Where it comes from.
    """

    name: str
    methods: tuple[str, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class ResponseForm:
    """What a response becomes.

    Attributes:
        status: A status, a range such as `"4XX"`, or `"default"` for all other errors.
        form: The type; for an error that of `error.response`, or what makes the error.
        text: It in words.
        is_error: Whether it is raised.
        source: Where it comes from.
    """

    status: int | str
    form: Any
    text: str
    is_error: bool
    source: Source


@dataclass(frozen=True, slots=True)
class Paging:
    """How the pages follow one another; the request is that for the first.

    Attributes:
        gives: Whether the call gives `"items"` or `"pages"`.
        strategy: What leads from page to page.
        at: Where in the page the list stands.
        max_pages: The most pages.
        max_items: The most items.
        ahead: How many pages are asked for ahead.
        source: Where the strategy comes from.
    """

    gives: Literal["items", "pages"]
    strategy: str
    at: str | None
    max_pages: int | None
    max_items: int | None
    ahead: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a call would send, by which rules, and where each value comes from.

    `print` shows it as a table. What may be secret is `***` in all of it, by the rules of logs;
    only `request` holds the values themselves. It is no key of mappings, and cannot be pickled.

    Attributes:
        endpoint: The endpoint, `None` for a call written by hand.
        method: The method.
        url: The URL, as it may be shown.
        path: What the URL before its query is made of.
        query: The parameters.
        headers: The header fields.
        cookies: What the `Cookie` field is made of.
        body: The body, `None` for none.
        settings: The options that say how the call is made, by name.
        limits: The rate limits.
        wait: In how many seconds the call would be sent, as far as is known now; `None` where only
            Redis knows.
        circuit: The circuit breaker, `None` for none.
        concurrency: The limit of calls in flight, `None` for none.
        auth: What authenticates the call.
        hooks: The hooks, in their order.
        responses: What responses become, by status.
        paging: How pages follow, `None` for a call that has none.
        request: The request as `build` gives it, with what is added when it is sent, as far as that
            is known: to be looked at, not to be shown. In place of what an `Auth` or a pool of keys
            adds it holds `***`, or nothing.
    """

    endpoint: str | None
    method: str
    url: str
    path: tuple[Value, ...]
    query: tuple[Value, ...]
    headers: tuple[Value, ...]
    cookies: tuple[Value, ...]
    body: BodyShape | None
    settings: Mapping[str, Setting]
    limits: tuple[Limit, ...]
    wait: float | None
    circuit: Circuit | None
    concurrency: Concurrency | None
    auth: tuple[Authentication, ...]
    hooks: tuple[HookUse, ...]
    responses: tuple[ResponseForm, ...]
    paging: Paging | None
    request: Request = field(compare=False)

    __hash__ = None  # type: ignore[assignment]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, which JSON has; without `request`."""
        shown = {spec.name: getattr(self, spec.name) for spec in dataclasses.fields(self)}
        del shown["request"]
        return {name: _plain(value) for name, value in shown.items()}

    def __str__(self) -> str:
        from .table import render

        return render(self)

    def __copy__(self) -> Self:
        return dataclasses.replace(self, request=copy.copy(self.request))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        raise TypeError(
            "an Explanation holds a request and cannot be pickled; `as_dict()` is plain data"
        )

    def __repr__(self) -> str:
        return f"<Explanation {self.method} {self.url}>"


def _plain(value: Any) -> Any:
    if isinstance(value, Setting | ResponseForm):
        # What they hold is said in words beside it, and may be of any class.
        value = {name: one for name, one in _fields(value).items() if name not in ("value", "form")}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = _fields(value)
    if is_mapping(value):
        return {name: _plain(one) for name, one in value.items()}
    if is_sequence(value):
        return [_plain(one) for one in value]
    return "never" if value == math.inf else value


def _fields(value: Any) -> dict[str, Any]:
    specs = dataclasses.fields(value)
    return {spec.name: getattr(value, spec.name) for spec in specs}
