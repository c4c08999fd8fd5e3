"""The options of clients and calls, typed once, and the values they take."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, TypeAlias, TypeVar

from yarl import URL

from .errors import ConfigurationError

if TYPE_CHECKING:
    import aiohttp
    import requests
    from pydantic import BaseModel, SecretStr
    from typing_extensions import TypedDict

    from .adaptive import AdaptiveConcurrency
    from .auth.base import Auth
    from .auth.schemes import Scheme
    from .checksum import Checksum
    from .circuit_breaker import CircuitBreaker
    from .client.response import RawResponse
    from .connections import Dns, Pool
    from .credentials import CredentialPool
    from .errors import HTTPError
    from .events import Events
    from .forms import Form
    from .hedge import Hedge
    from .hooks import Hook
    from .models import PaginatedResponse, Response
    from .operations import Poll, Polling
    from .pagination import NextPage, Page, Pagination
    from .rate_limit.limit import RateLimit
    from .resumable import UploadProtocol
    from .retry import Retry
    from .streaming.decoder import OnInvalid
    from .tls import TLS

    AnyPagination: TypeAlias = Pagination | type[PaginatedResponse] | Callable[[Page], NextPage]

else:

    class TypedDict:
        """A stand-in: only the names count at run time, and real ones are slow to make."""

        __optional_keys__ = frozenset()

        def __init_subclass__(cls, *, total=True):
            above = (base.__optional_keys__ for base in cls.__bases__)
            cls.__optional_keys__ = frozenset(cls.__annotations__).union(*above)

        def __new__(cls, /, *given, **options):
            return dict(*given, **options)


_Value = TypeVar("_Value")

__all__ = [
    "UNSET",
    "Body",
    "CallOptions",
    "ChunkSource",
    "ClientOptions",
    "Compression",
    "CookiePolicy",
    "Cookies",
    "Data",
    "DeclaredOptions",
    "DownloadOptions",
    "DownloadTarget",
    "Egress",
    "EndpointOptions",
    "ErrorResponses",
    "EventOptions",
    "FileContent",
    "FileOptions",
    "Files",
    "FollowRedirects",
    "FormData",
    "Headers",
    "ItemOptions",
    "MapOptions",
    "Operation",
    "PageOptions",
    "Parameters",
    "Progress",
    "Proxies",
    "RequestOptions",
    "ResumableOptions",
    "SendOptions",
    "ServerVariable",
    "StreamItemOptions",
    "StreamLineOptions",
    "Timeout",
    "TusOptions",
    "URLPath",
    "Unset",
    "UploadFileOptions",
    "UploadSource",
    "WaitOptions",
    "strict",
]


class Unset:
    """The type of `UNSET`: no value was given, which is not the same as `None`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset()

LARGEST: Final = 1e9
"""The largest number that an option takes; as seconds, 31 years. Sockets overflow at about 1e10."""

URLPath: TypeAlias = str | URL | None
"""A path relative to the client's `uri`, or an absolute URL of an origin it trusts."""

Pairs: TypeAlias = Sequence[tuple[str, Any]]
Headers: TypeAlias = "Mapping[str, Any] | BaseModel | Pairs"
Cookies: TypeAlias = "Mapping[str, Any] | BaseModel | Pairs"
Parameters: TypeAlias = "Mapping[str, Any] | BaseModel | Pairs"
Body: TypeAlias = Any

_Stream: TypeAlias = (
    bytes | bytearray | memoryview | str | PathLike[str] | BinaryIO | AsyncIterable[bytes]
)
FileContent: TypeAlias = _Stream | Iterable[bytes]
"""What a file may be: bytes, text, a `Path`, an open binary file, an iterator of bytes.

An asynchronous iterator is for an AsyncClient only.
"""

ChunkSource: TypeAlias = (
    str
    | PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | Iterable[bytes]
    | AsyncIterable[bytes]
)
"""A file to upload in chunks: also an iterator of its bytes, of which one chunk is kept."""

UploadSource: TypeAlias = str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A file to upload: its path, its bytes, or the file open for reading bytes."""

DownloadTarget: TypeAlias = str | PathLike[str] | BinaryIO
"""Where a download is put: a path, a folder, or a file that is open for writing bytes."""

# Of a list or a mapping that is written in place, type checkers must see what it is meant to be, so
# that it may be one thing only.
_Lone: TypeAlias = _Stream | Iterator[bytes]
_Content: TypeAlias = "_Lone | Mapping[str, Any] | BaseModel"
_Named: TypeAlias = tuple[str | None, FileContent]
_Typed: TypeAlias = "tuple[str | None, _Content, str | None]"
_WithHeaders: TypeAlias = "tuple[str | None, _Content, str | None, Mapping[str, str]]"
FileTuple: TypeAlias = "_Named | _Typed | _WithHeaders"
"""A file with its name, media type and headers.

Without a name, `None`, it is a plain field; objects are content where the type is one of JSON.
"""

AnyFile: TypeAlias = "_Lone | FileTuple | Sequence[_Lone | FileTuple]"
Files: TypeAlias = "Mapping[str, AnyFile] | Sequence[tuple[str, AnyFile]]"
Data: TypeAlias = "FileContent | FileTuple | Mapping[str, Any] | BaseModel | Pairs | Form"

FormData: TypeAlias = "Mapping[str, Any] | BaseModel | Pairs | Form"

ErrorResponses: TypeAlias = Mapping[
    Any, "type[BaseModel | HTTPError] | Callable[[RawResponse], Exception] | Any"
]
"""Status (`404`), range (`"4XX"`) or `"default"` to a model, an `HTTPError` class or a callable."""

FollowRedirects: TypeAlias = Literal["safe", "same-origin"] | bool
CookiePolicy: TypeAlias = Literal["strict", "any", "off"]
Compression: TypeAlias = Literal["gzip", "deflate", "br", "zstd"]
Egress: TypeAlias = Literal["any", "public"]
Proxies: TypeAlias = "str | URL | Mapping[str, str | URL | None]"
"""A proxy for all, or one for a scheme (`"https"`) or an origin (`"https://api.test"`)."""

Operation: TypeAlias = "str | URL | RawResponse | Response | Mapping[str, Any]"
"""What is waited for: a path, the response that began it, or a `state` of an earlier wait."""

Progress: TypeAlias = Callable[[int, int | None], object]
"""Called with the bytes sent so far and the total, `None` where it is not known."""


def strict(kind: type[_Value]) -> type[_Value]:
    """Let a class of values refuse arguments that it does not take in the words of the framework.

    Raises:
        ConfigurationError: Of what it makes: an argument is unknown, missing, or one too many.
    """
    make: Any = kind.__init__

    @functools.wraps(make)
    def init(self: Any, *values: Any, **named: Any) -> None:
        try:
            make(self, *values, **named)
        except TypeError:
            from .client.checks import explain_arguments

            explain_arguments(kind, make, values, named)
            raise

    kind.__init__ = init  # type: ignore[method-assign]
    return kind


def shown(kind: type[_Value]) -> type[_Value]:
    """Let the text of what a class makes show the arguments that it was made of.

    A subclass that takes arguments of its own is shown without any.
    """
    make: Any = kind.__init__

    @functools.wraps(make)
    def init(self: Any, *values: Any, **named: Any) -> None:
        make(self, *values, **named)
        self._arguments = values, named

    def show(self: Any) -> str:
        if type(self).__init__ is not kind.__init__:
            return object.__repr__(self)
        values, named = self._arguments
        parts = [*map(repr, values), *(f"{name}={value!r}" for name, value in named.items())]
        return f"{type(self).__name__}({', '.join(parts)})"

    made: Any = kind
    made.__init__, made.__repr__ = init, show
    return kind


@strict
@dataclass(frozen=True, slots=True)
class Timeout:
    """How long the parts of a call may take, in seconds; `None` is no limit.

    A number in its place changes the total alone; a `Timeout` says all of it, and what it leaves
    out has the defaults here: a total of 300 seconds, and 30 to connect.

    Attributes:
        total: The whole work of a call: connecting, sending, redirects, the last byte.
        connect: Making one connection, the TLS handshake included.
        read: The longest silence of the server.
        write: The longest time the server may take to accept a piece of the body.
        pool: Waiting for a free connection of the pool.

    Example:
        >>> Timeout(total=20, connect=3)
        Timeout(total=20, connect=3, read=None, write=None, pool=None)
    """

    total: float | None = 300.0
    connect: float | None = 30.0
    read: float | None = None
    write: float | None = None
    pool: float | None = None

    def __post_init__(self) -> None:
        for name in ("total", "connect", "read", "write", "pool"):
            value = getattr(self, name)
            if value is not None:
                check_number(f"timeout {name}", value)


@strict
@dataclass(frozen=True, slots=True)
class ServerVariable:
    """A variable of a `uri` template, as OpenAPI's server variables.

    Attributes:
        default: The value when the instance gives none.
        enum: The values that are allowed; empty allows any.
        description: What it is for.

    Example:
        >>> ServerVariable(default="eu", enum=["eu", "us"])
        ServerVariable(default='eu', enum=('eu', 'us'), description=None)
    """

    default: str | None = None
    enum: Sequence[str] = ()
    description: str | None = None

    def __post_init__(self) -> None:
        allowed: Any = self.enum
        if isinstance(allowed, str) or not isinstance(allowed, Iterable):
            raise ConfigurationError(f"enum of a ServerVariable must be a list, got {allowed!r}")
        object.__setattr__(self, "enum", tuple(self.enum))
        for one in self.enum:
            self.check(one)
        if self.default is not None:
            self.check(self.default)

    def check(self, value: object, name: str = "a server variable") -> None:
        """Refuse a value that this variable cannot have.

        Raises:
            ConfigurationError: It is no text, empty, or none of `enum`.
        """
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{name} must be text, not empty, got {value!r}")
        if self.enum and value not in self.enum:
            raise ConfigurationError(f"{name} must be one of {list(self.enum)}, got {value!r}")


def check_number(name: str, value: object) -> float:
    """Return the value if it is a number above 0 that is not too large for clocks and sockets.

    Raises:
        ConfigurationError: It is a bool, no number, NaN, 0, negative or above `LARGEST`.
    """
    # A bool is an int, and NaN compares false with everything.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LARGEST:
        raise ConfigurationError(
            f"{name} must be a number above 0 and at most {LARGEST:.0e}, got {value!r}"
        )
    return value


def check_method_names(cls: type, base: type) -> None:
    """Refuse a class with a method whose name is nearly one of its base: it would never be called.

    Raises:
        ConfigurationError: There is one.
    """
    from difflib import get_close_matches

    known = [name for name in vars(base) if "_" in name.strip("_") and not name.startswith("_")]
    for name in vars(cls):
        found = (
            [] if name in known or name.startswith("_") else get_close_matches(name, known, 1, 0.85)
        )
        if found:
            raise ConfigurationError(
                f"{cls.__name__}.{name} would never be called; did you mean {found[0]!r}?"
            )


class _WayOptions(TypedDict, total=False):
    error_responses: ErrorResponses | None
    timeout: float | Timeout | None
    deadline: float | None
    deadline_header: str | None
    auth: Auth | tuple[str, str] | None
    security: Iterable[Iterable[str]] | None
    retry: Retry | None
    hedge: Hedge | None
    cost: int
    priority: int
    allow_early_response: bool
    follow_redirects: FollowRedirects
    max_redirects: int
    max_response_size: int
    json_content_types: Sequence[str] | None
    encoding: str | None
    hooks: Sequence[Hook] | None
    trace: Any


class SendOptions(_WayOptions, total=False):
    """The options that say how a call is made, not what is sent.

    Attributes:
        error_responses: Over the client's, key by key.
        timeout: Seconds for the whole call, or a `Timeout`; `None` for no limit.
        deadline: Seconds for everything, waiting for the rate limit included.
        deadline_header: A field that tells the server, with each attempt, the time that is left: in
            milliseconds for a name that ends in `-Ms`, as gRPC writes it for `grpc-timeout`, in
            seconds for any other.
        auth: What authenticates the call, as an `Auth`, or user and password for Basic, in place of
            any credentials of the client; `None` sends it without. A field of `headers` of the call
            goes before.
        security: Which of the `security_schemes` of the client authenticate the call: alternatives,
            each a set of names that must hold together; the first one whose credentials are
            complete counts. `None`, or an empty list, sends it without.
        retry: When the call is sent again, as a `Retry`; `None` sends it once.
        hedge: When a second request is sent beside a slow one, as a `Hedge`, in place of any
            `retry`; `None` sends none.
        cost: How many slots of the rate limit the call takes; 1 when not given.
        priority: Which calls get a slot of the rate limit first: those of a higher number; 0 when
            not given. Every tenth slot goes to who has waited longest.
        allow_early_response: Take a success that came before the body was sent whole for one.
        follow_redirects: `"safe"`, `"same-origin"` or `False`; `True` is `"safe"`.
        max_redirects: The most redirects of one call.
        max_response_size: The most bytes of a body, as it came and decoded.
        json_content_types: The media types taken as JSON, such as `("application/*+json",)`;
            `None` takes any.
        encoding: The charset of texts, whatever a response says of it; `None` takes what it says,
            and UTF-8 where it says nothing.
        hooks: Hooks of this call, after those of the client.
        checksum: Send a digest of the body along, as a `Checksum` or the name of an algorithm:
            `"sha-256"` and `"sha-512"` go into `Repr-Digest` (RFC 9530), `"md5"` into
            `Content-MD5`; or a list of them. The body must be one that can be read twice.
        progress: Show a bar while the body is sent, drawn by tqdm or rich, whichever is installed;
            a text stands in front of it.
        trace: A value of yours that every event of this call carries.
    """

    checksum: Checksum | str | Sequence[Checksum | str] | None
    progress: bool | str | None


class _SentOptions(SendOptions, total=False):
    headers: Headers | None
    cookies: Cookies | None
    parameters: Parameters | None
    foreign: bool
    idempotency_key: str | None
    compress: Compression | None


class CallOptions(_SentOptions, total=False):
    """The options of every verb; `ClientOptions` gives most of them a default.

    Attributes:
        path_parameters: Values of the `{names}` in the path, each percent-encoded whole.
        headers: Over the client's; `None` removes a default.
        cookies: Over the client's; `None` removes a default.
        parameters: The query, over the client's; `None` removes a default.
        foreign: Let an absolute URL leave the client's origin, carrying nothing of the client.
        idempotency_key: Sent as `Idempotency-Key`.
        compress: The content coding to send the body in; `None` sends it as it is.
    """

    path_parameters: Mapping[str, Any] | BaseModel


class RequestOptions(CallOptions, total=False):
    """The options of the verbs that may send something.

    Attributes:
        body: A model or anything pydantic serialises, sent as JSON.
        data: A form, as a mapping, a model, a list of pairs or a `Form`; or what is sent as it is:
            bytes, text, a file, an iterator.
        files: Sent as `multipart/form-data`, together with the fields of `data`; a list holds
            several files of one name.
        on_progress: Called with the bytes sent and the total while the body is sent.
    """

    body: Body
    data: Data | None
    files: Files | None
    on_progress: Progress | None


class _WalkOptions(TypedDict, total=False):
    pagination: AnyPagination | None
    at: str | None
    max_pages: int | None
    ahead: int


class PageOptions(RequestOptions, _WalkOptions, total=False):
    """The options of `pages`: those of the call for each page, and how they follow one another.

    Attributes:
        method: The method, `"GET"` when not given.
        pagination: What leads from page to page: a `Pagination` such as `LinkHeader()`, a
            `PaginatedResponse` class, or a function that is given a `Page` and returns the URL of
            the next one, parameters for it, or `None`. Where the pages are to become a
            `PaginatedResponse`, that.
        at: Where in the page the list stands, as `"data"` or `"result.items"`; the page is the list
            when not given.
        max_pages: The most pages that are asked for.
        ahead: How many pages are asked for before it is their turn, 0 when not given: the next one,
            and further ones at the same time where the total is known.
        state: Where to go on, as `state` of earlier pages or items said.
    """

    method: str
    state: Mapping[str, Any] | None


class ItemOptions(PageOptions, total=False):
    """The options of `items`.

    Attributes:
        max_items: The most items that are given.
    """

    max_items: int | None


class DeclaredOptions(_SentOptions, _WalkOptions, total=False):
    """The options that an endpoint declares: all but what its signature says."""

    on_progress: Progress | None
    max_items: int | None


class EndpointOptions(DeclaredOptions, total=False):
    """The options of calls of an endpoint, as its `with_options` takes them.

    They are those of a call, in `CallOptions`, and of pages, in `ItemOptions`; what is sent, and
    where, is said by its arguments.

    Attributes:
        state: Where to go on, as `state` of earlier pages or items said.
    """

    state: Mapping[str, Any] | None


class StreamLineOptions(TypedDict, total=False):
    """The options of `iter_json_lines` of a stream.

    Attributes:
        on_invalid: `"raise"`, when not given: an item that does not fit is an error; `"skip"`: it
            is left out, and counted by `skipped` of the stream.
        max_item_size: How many bytes one item may have, 16 MiB when not given.
    """

    on_invalid: OnInvalid
    max_item_size: int


class StreamItemOptions(StreamLineOptions, total=False):
    """The options of `iter_items` of a stream.

    Attributes:
        at: Where in the body the array stands, as `"data"` or `"result.items"`; the body is the
            array when not given.
    """

    at: str | None


class EventOptions(TypedDict, total=False):
    """The options of `iter_events` of a stream.

    Attributes:
        until: The data that ends the stream, such as `"[DONE]"`.
        reconnect: Whether the stream is asked for again where it ends or breaks off, from the event
            after the last one on: `True`, or the most times in a row without an event in between.
        on_invalid: See `StreamLineOptions`.
        max_event_size: How many characters a line, or the data of an event, may have, 16 Mi when
            not given.
    """

    until: str | None
    reconnect: bool | int
    on_invalid: OnInvalid
    max_event_size: int


class WaitOptions(RequestOptions, total=False):
    """The options of `wait_for`: those of each call, and when it is made.

    `timeout` and `deadline` are for the whole wait here, 900 seconds when not given; the parts of a
    `Timeout` hold for each call.

    Attributes:
        method: The method that asks how the operation stands, `"GET"` when not given.
        polling: What tells whether the operation is over: a `Polling` such as `StatusField()`; the
            usual shapes are known when not given.
        interval: Seconds to the next call where the server asks for no wait, 1 when not given; it
            grows by half with each.
        max_interval: The most seconds that it grows to, 20 when not given.
        on_poll: Called with a `Poll` for each answer, unless it says that the operation has failed.
    """

    method: str
    polling: Polling | None
    interval: float
    max_interval: float
    on_poll: Callable[[Poll], object] | None


class MapOptions(TypedDict, total=False):
    """The options of `map` and `map_calls`, beside `on_error`.

    Attributes:
        concurrency: How many calls are under way at most, 10 when not given.
        ordered: Whether results are given in the order of the inputs, as they are when not given;
            `False` gives each as soon as it is there.
        progress: Show a bar of the calls that have ended, drawn by tqdm or rich; a text is put in
            front of it.
        on_progress: Called with how many calls have ended and how many there are, `None` where
            nobody knows, whenever a result is asked for and there are more than before.
    """

    concurrency: int
    ordered: bool
    progress: bool | str | None
    on_progress: Progress | None


class FileOptions(CallOptions, total=False):
    """The options of `upload_file` and `stream_file`.

    Attributes:
        method: The method, `"POST"` when not given.
        on_progress: Called with the bytes sent and the total while the file is sent.
        content_type: The media type of the file; guessed from its name when not given.
    """

    method: str
    on_progress: Progress | None
    content_type: str | None


class UploadFileOptions(FileOptions, total=False):
    """The options of `upload_file`, which go beyond those of `stream_file`.

    Attributes:
        data: The other fields of the form, as `data` beside `files` in `RequestOptions`.
        filename: The name that the server is told, and that the type is guessed from; when not
            given, that of the file, or `file` for bytes.
    """

    data: FormData | None
    filename: str | None


class _ChunkedOptions(CallOptions, total=False):
    on_progress: Progress | None
    chunk_size: int | None


class ResumableOptions(_ChunkedOptions, total=False):
    """The options of `upload_resumable`.

    Those of a call hold for each request. `retry` says how often the upload goes on after failures
    in a row: from where the server stands, not from the start.

    Attributes:
        method: The method, `"PUT"` when not given.
        content_type: The media type of the file; guessed from its name when not given.
        chunk_size: The most bytes of one request, a multiple of 256 KiB; 8 MiB when not given,
            `None` for all that is left. Of an iterator, of which so much is kept in memory, 4 MiB.
        protocol: How the server says what it has: a `RangeProtocol()` when not given, another
            `UploadProtocol`, or a function that is given a response and returns how many bytes the
            server has, or `None` where it does not say so.
        resume: Whether to ask first how much the server has, as after a cut in another process.
        on_progress: Called with the bytes sent of the whole file, and its length.
    """

    method: str
    content_type: str | None
    protocol: UploadProtocol | Callable[[RawResponse], int | None] | None
    resume: bool


class TusOptions(_ChunkedOptions, total=False):
    """The options of `tus`.

    Those of a call hold for each request. `retry` says how often the upload goes on after failures
    in a row: from where the server stands, not from the start.

    Attributes:
        metadata: What the server is told of the file: texts by name. When not given, `filename` and
            `filetype`, if it has a name.
        chunk_size: The most bytes of one request; when not given, all that is left, and of an
            iterator, of which so much is kept in memory, 4 MiB.
        with_creation: Send the first bytes along with the creation, where the server takes them.
        discover: Whether to ask first what the server can do; `True` when not given.
        state: Where to go on, as `state` of an earlier upload said.
        on_progress: Called with the bytes sent of the whole file, and its length.
    """

    metadata: Mapping[str, str | bytes | None] | None
    with_creation: bool
    discover: bool
    state: Mapping[str, Any] | None


class DownloadOptions(_WayOptions, total=False):
    """The options of `download`: those of the calls that fetch the file, and what becomes of it.

    Those of a call are the same as in `CallOptions`, without what is about a body that is sent.

    Attributes:
        path_parameters: See `CallOptions`.
        headers: See `CallOptions`.
        cookies: See `CallOptions`.
        parameters: See `CallOptions`.
        foreign: See `CallOptions`.
        resume: Whether what is fetched of the file is kept where the download fails, in
            `name.part`, and gone on with by the next one, in any process; `True` when not given.
        overwrite: Whether a file of that name is replaced; `False` when not given.
        connections: How many connections fetch parts of the file at the same time, where the server
            can do that; 1 when not given.
        checksum: What the file must come to, such as `"sha-256:..."`; `True` for the digest that
            the server tells, which it then must.
        max_size: The most bytes that the file may have.
        allow_unframed: Take a file for whole that ends where the connection does.
        progress: Show a bar while the file comes, drawn by tqdm or rich, whichever is installed; a
            text stands in front of it.
        on_progress: Called with the bytes that are there and the total while the file comes.
    """

    path_parameters: Mapping[str, Any] | BaseModel
    headers: Headers | None
    cookies: Cookies | None
    parameters: Parameters | None
    foreign: bool
    resume: bool
    overwrite: bool
    connections: int
    checksum: str | bool | None
    max_size: int | None
    allow_unframed: bool
    progress: bool | str | None
    on_progress: Progress | None


class ClientOptions(TypedDict, total=False):
    """The class keywords, which are also arguments of the instance and of `with_options`.

    Attributes:
        uri: The absolute base of every path; may hold `{variables}`.
        server_variables: The variables of `uri`: a `ServerVariable` each, or the value.
        headers: Sent with every request.
        cookies: Sent with every request to the client's origin.
        parameters: In the query of every request.
        error_responses: What an error status is turned into.
        bearer_token: Sent as `Authorization: Bearer ...`.
        auth: What authenticates the calls: an `Auth`, such as `BasicAuth` or `DigestAuth`, or user
            and password for Basic; in place of `bearer_token`.
        security_schemes: The ways to authenticate that `authenticate` takes credentials for, by
            name, such as `{"basicAuth": BasicScheme()}`.
        security: See `SendOptions`; in place of `auth` and `bearer_token`.
        credentials: A `CredentialPool`, of which each request carries one of the keys, in place of
            `bearer_token`; `None` for no pool.
        rate_limit: Requests that may be sent in any `rate_limit_interval`; or a `RateLimit`, or a
            list of them, which hold at once; `None` for no limit.
        rate_limit_interval: In seconds, 1 when not given.
        circuit_breaker: When calls to an origin that fails are not even tried, as a
            `CircuitBreaker`; `None` tries all.
        concurrency: How many calls to an origin are in flight at once, as an `AdaptiveConcurrency`,
            which finds out what the server bears; `None` for as many as `pool` allows.
        timeout: See `SendOptions`; 300 seconds when not given.
        deadline: See `SendOptions`; `None` when not given.
        deadline_header: See `SendOptions`; `None` when not given.
        retry: See `SendOptions`; `Retry()` when not given.
        hedge: See `SendOptions`; `None` when not given.
        allow_early_response: See `SendOptions`; `False` when not given.
        follow_redirects: See `SendOptions`; `"safe"` when not given.
        max_redirects: See `SendOptions`; 10 when not given.
        trusted_origins: Origins that get the client's credentials too.
        max_response_size: See `SendOptions`; 64 MiB when not given.
        json_content_types: See `SendOptions`; any when not given.
        encoding: See `SendOptions`; `None` when not given.
        compress: See `CallOptions`; `None` when not given.
        tls: A `TLS` value: whom to trust and which certificate to show.
        proxy: The URL of a proxy (`http`, `https`, `socks5`, `socks5h`, `socks4`, `socks4a`), with
            its credentials; or a mapping of a scheme or an origin to one, `None` for none.
        no_proxy: Hosts reached without a proxy: names with all below them, addresses, networks.
        trust_env: Whether proxies and authorities are also read, once, from the environment.
        pool: A `Pool` value: how many connections there may be and how long idle ones are kept.
        dns: A `Dns` value: how host names are resolved and for how long that is remembered.
        unix_socket: The path of a unix socket through which all requests go.
        socket_options: `(level, name, value)` of `setsockopt` for every socket.
        local_address: The address that connections are made from, or `(address, port)`.
        egress: `"public"` refuses to connect to private, loopback and link-local addresses.
        cookie_policy: `"strict"` keeps cookies for the host that set them, none for addresses;
            `"any"` keeps them as their `Domain` says, for addresses too; `"off"` keeps none.
        hooks: `Hook` objects, which see and may change every request and response.
        events: An `Events` object, which is told what happens to connections and requests.
        session: A session of yours, which the client uses and never closes.
        session_factory: Called once with the arguments of the session, to make it yourself.
        extensions: Modules to load, as names or `(name, package)`.
    """

    uri: str | URL | None
    server_variables: Mapping[str, ServerVariable | str | None] | None
    headers: Headers | None
    cookies: Cookies | None
    parameters: Parameters | None
    error_responses: ErrorResponses | None
    bearer_token: str | SecretStr | None
    auth: Auth | tuple[str, str] | None
    security_schemes: Mapping[str, Scheme | None] | None
    security: Iterable[Iterable[str]] | None
    credentials: CredentialPool | None
    rate_limit: float | RateLimit | Sequence[RateLimit] | None
    rate_limit_interval: float
    circuit_breaker: CircuitBreaker | None
    concurrency: AdaptiveConcurrency | None
    timeout: float | Timeout | None
    deadline: float | None
    deadline_header: str | None
    retry: Retry | None
    hedge: Hedge | None
    allow_early_response: bool
    follow_redirects: FollowRedirects
    max_redirects: int
    trusted_origins: Sequence[str | URL] | None
    max_response_size: int
    json_content_types: Sequence[str] | None
    encoding: str | None
    compress: Compression | None
    tls: TLS | None
    proxy: Proxies | None
    no_proxy: str | Sequence[str] | None
    trust_env: bool
    pool: Pool | None
    dns: Dns | None
    unix_socket: str | PathLike[str] | None
    socket_options: Sequence[tuple[int, int, int | bytes]] | None
    local_address: str | tuple[str, int] | None
    egress: Egress
    cookie_policy: CookiePolicy
    hooks: Sequence[Hook] | None
    events: Events | None
    session: requests.Session | aiohttp.ClientSession | None
    session_factory: Callable[..., Any] | None
    extensions: Sequence[str | tuple[str, str]] | None
