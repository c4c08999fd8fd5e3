"""The tree of exceptions: its shape, and that every one of them travels and shows no secret."""

import builtins
import copy
import pickle
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from arya_api_framework import BaseModel, RawResponse, Request, errors
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    ERROR_RESPONSE_MAPPING,
    ConnectionLost,
    ConnectTimeout,
    ContentEncodingError,
    DecodeError,
    ExtensionError,
    ExtensionFailed,
    FrameworkException,
    HTTPClientError,
    HTTPError,
    HTTPNotFound,
    HTTPRedirect,
    HTTPServerError,
    IncompleteResponse,
    ProtocolError,
    RateLimitTimeout,
    ReadTimeout,
    ResponseParseError,
    ResponseTooLarge,
    ResponseValidationError,
    SubClientError,
    TLSError,
    UploadIncomplete,
)

# Children by parent; a second word in brackets is a second base.
TREE = """
FrameworkException: ClientError ExtensionError ValidationError TransportError RedirectError
FrameworkException: ResponseTooLarge DecodeError UploadIncomplete RateLimitTimeout(TimeoutError)
FrameworkException: UploadError
UploadError: UploadLost
FrameworkException: CircuitOpenError BudgetExhausted LimiterUnavailable CredentialsExhausted
FrameworkException: EgressRefused AuthError PaginationError OperationError ContentChanged HTTPError
OperationError: OperationFailed OperationTimeout(TimeoutError)
FrameworkException: ChecksumMismatch FileError(OSError)
FileError: TargetExists(FileExistsError) UnreadableFile
ConfigurationError: UnreadableFile
ClientError: SyncClientError AsyncClientError ConfigurationError(ValueError)
ClientError: ClientClosedError(RuntimeError) SubClientError
ValidationError: ConfigurationError(ValueError)
SubClientError: SubClientAlreadyLoaded SubClientNotLoaded SubClientNoParent
SubClientAlreadyLoaded: SubClientParentSet
ExtensionError: ExtensionNotFound ExtensionAlreadyLoaded ExtensionNotLoaded
ExtensionError: ExtensionEntryPointError ExtensionFailed
TransportError: ConnectError RequestTimeout(TimeoutError) ConnectionLost ProtocolError
TransportError: IncompleteResponse
ConnectError: DNSError ProxyError TLSError
TLSError: CertificateError
RequestTimeout: ConnectTimeout PoolTimeout ReadTimeout WriteTimeout DeadlineExceeded
RedirectError: TooManyRedirects UnsafeRedirect BodyNotReplayable
DecodeError: ContentEncodingError ResponseParseError(ClientError)
ClientError: ResponseParseError
ResponseParseError: ResponseValidationError
AuthError: MissingCredentials TokenRefreshError OAuthStateError WebhookVerificationError
HTTPError: HTTPRedirect HTTPClientError HTTPServerError
"""

STATUSES = """
300 MultipleChoices 301 MovedPermanently 302 Found 303 SeeOther 304 NotModified 305 UseProxy
306 Reserved 307 TemporaryRedirect 308 PermanentRedirect
400 BadRequest 401 Unauthorized 402 PaymentRequired 403 Forbidden 404 NotFound
405 MethodNotAllowed 406 NotAcceptable 407 ProxyAuthenticationRequired 408 RequestTimeout
409 Conflict 410 Gone 411 LengthRequired 412 PreconditionFailed 413 RequestEntityTooLarge
414 RequestUriTooLong 415 UnsupportedMediaType 416 RequestedRangeNotSatisfiable
417 ExpectationFailed 418 ImATeapot 421 MisdirectedRequest 422 UnprocessableEntity 423 Locked
424 FailedDependency 425 TooEarly 426 UpgradeRequired 428 PreconditionRequired
429 TooManyRequests 431 RequestHeaderFieldsTooLarge 451 UnavailableForLegalReasons
500 InternalServerError 501 NotImplemented 502 BadGateway 503 ServiceUnavailable
504 GatewayTimeout 505 HttpServerVersionNotSupported 506 VariantAlsoNegotiates
507 InsufficientStorage 508 LoopDetected 510 NotExtended 511 NetworkAuthenticationRequired
""".split()
"""Every status from 300 to 599 that IANA has registered, and the name of its class."""


class Problem(BaseModel):
    """The model of an error body."""

    message: str


class Strict(HTTPNotFound):
    """An error of a user's, with a signature of its own."""

    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__({"code": code}, f"code {code}")
        self.hint = hint


class StrictTimeout(ReadTimeout):
    """A timeout of a user's, with a signature of its own."""

    def __init__(self, place: str, seconds: float) -> None:
        super().__init__(f"{place} after {seconds}")
        self.place = place


def classes() -> list[type[FrameworkException]]:
    """Give every exception class of the package."""
    found: list[Any] = [getattr(errors, name) for name in errors.__all__]
    return [one for one in found if isinstance(one, type)]


def tree() -> Iterator[tuple[str, str]]:
    """Give every pair of a class and one of its bases, as drawn."""
    for line in TREE.strip().splitlines():
        parent, _, children = line.partition(": ")
        for child in children.split():
            name, _, second = child.rstrip(")").partition("(")
            yield name, parent
            if second:
                yield name, second


def response(status: int = 404) -> RawResponse:
    """Make a response to a request that carried secrets in every place."""
    origin = Origin("https", "api.test", 443)
    request = Request("GET", origin, "/users?key=hunter2&page=7", secret_headers(), b"hunter2")
    headers = ((b"Set-Cookie", b"s=hunter2"), (b"Retry-After", b"5"))
    return RawResponse(status, headers, request, b'{"message": "No such user"}')


def secret_headers() -> Any:
    """Make the headers of a request that carried secrets."""
    return CIMultiDict({"Authorization": "Bearer hunter2", "Cookie": "s=hunter2"})


def samples() -> list[FrameworkException]:
    """Make one error of every class, each attribute set to something but its default."""
    special: dict[type[Any], Any] = {
        ResponseTooLarge: lambda cls: cls("text", limit=64, size=65),
        IncompleteResponse: lambda cls: cls("text", status=200, received=10, expected=20),
        UploadIncomplete: lambda cls: cls("text", status=413),
        RateLimitTimeout: lambda cls: cls("text", retry_after=1.5),
        ResponseValidationError: lambda cls: cls(
            "text", status=200, body=b"[]", errors=[{"type": "int", "loc": ("a", 0), "msg": "no"}]
        ),
        DecodeError: lambda cls: cls("text", status=200, body=b"\x00"),
        ExtensionFailed: lambda cls: cls("name", KeyError("x")),
        HTTPError: lambda cls: cls(
            Problem(message="No such user"), "text", raw=response(), body_error="why"
        ),
    }
    made: list[FrameworkException] = [Strict(5, hint="none"), StrictTimeout("here", 5)]
    for cls in classes():
        named = issubclass(cls, SubClientError | ExtensionError)
        make = special.get(cls) or next(
            (special[base] for base in cls.__mro__ if base in special), lambda cls: cls("text")
        )
        plain = cls in (SubClientError, ExtensionError)
        made.append(cls("text", name="n") if named and plain else make(cls))  # type: ignore[call-arg]
    for error in made:
        error.method, error.url, error.attempts, error.elapsed = "GET", "https://a/b?c=***", 2, 0.5
        error.retry_after, error.sent = 3.5, "maybe"
        error.add_note("a note")
    return made


def state(error: FrameworkException) -> tuple[Any, ...]:
    """Give what makes up an error, save the response, which has no equality."""
    known = {key: value for key, value in vars(error).items() if key not in ("raw", "original")}
    raw = getattr(error, "raw", None)
    seen = raw and (raw.status, raw.content, raw.request.method, raw.native)
    return type(error), error.args, str(error), repr(error), known, seen


@pytest.mark.parametrize(("name", "base"), list(tree()))
def test_the_tree_is_as_drawn(name: str, base: str) -> None:
    """Each class derives directly from what the drawing says."""
    parent = getattr(errors, base, None) or getattr(builtins, base)
    assert parent in getattr(errors, name).__bases__


def test_there_is_nothing_beside_the_tree() -> None:
    """Every class is drawn, in the documentation too, and derives from one root."""
    drawn = {name for name, _ in tree()} | {"FrameworkException"}
    statuses = {error.__name__ for error in ERROR_RESPONSE_MAPPING.values()}
    assert {error.__name__ for error in classes()} == drawn | statuses
    assert all(name in (errors.__doc__ or "") for name in drawn)
    assert all(issubclass(one, FrameworkException) for one in classes())


def drawn() -> Iterator[tuple[str, str]]:
    """Give every pair of a class and a base as the drawing in the documentation has it."""
    drawing = (errors.__doc__ or "").partition("```text\n")[2].partition("```")[0]
    above: dict[int, str] = {}
    for line in drawing.splitlines()[1:]:
        start = len(line) - len(line.lstrip(" │├└─"))
        left, _, right = line[start:].partition("  ")
        depth = start // 3
        if depth > max(above, default=1) + 1:
            # What stands below a list of children on the right goes on with it.
            left, right, depth = "", left, max(above)
        for chain in left.partition(":")[0].strip(" ,").split(", ") if left else ():
            parent = above.get(depth - 1, "FrameworkException")
            for written in chain.split(" ─ "):
                name, _, second = written.partition(" (")
                yield name, parent
                if second:
                    yield name, second.rstrip(")")
                parent = name
            above = {level: one for level, one in above.items() if level < depth}
            above[depth] = chain.split(" ")[0]
        if re.fullmatch(r"(?:[A-Z]\w+(?:,| ─)? ?)+", right.strip()):
            for chain in right.strip(" ,").split(", "):
                parent = above[depth]
                for name in chain.split(" ─ "):
                    yield name, parent
                    parent = name


def test_the_documentation_draws_the_tree() -> None:
    """Every pair of the drawing is one of the tree, and none is missing."""
    in_words = ("ConfigurationError", "ValidationError")
    assert sorted({*drawn(), in_words}) == sorted(set(tree()))


def test_the_table_tells_of_every_error() -> None:
    """Each class that is raised has its row, with what an error says before more is known."""
    page = Path(__file__).parent.parent / "docs" / "reference" / "errors.md"
    rows = re.findall(
        r"^\| `(\w+)` \| (.+) \| (\w+) \| ([\w ]+) \|$",
        page.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    statuses = {error.__name__ for error in ERROR_RESPONSE_MAPPING.values()}
    later = (errors.__doc__ or "").rpartition("The class of")[2]
    expected = []
    for cls in classes():
        if cls.__name__ in statuses or any(
            f"`{one.__name__}`" in later for one in cls.__mro__ if one is not object
        ):
            continue
        passes = "yes" if cls._transient else "no"
        passing = "by status" if issubclass(cls, HTTPError) else passes
        expected.append((cls.__name__, cls.sent, passing))
    assert sorted((name, sent, passing) for name, _, sent, passing in rows) == sorted(expected)


@pytest.mark.parametrize(("status", "name"), list(zip(STATUSES[::2], STATUSES[1::2], strict=True)))
def test_every_registered_status_has_a_class(status: str, name: str) -> None:
    """The class of a status is named as ever and stands below its kind."""
    error = ERROR_RESPONSE_MAPPING[int(status)]
    assert error is getattr(errors, f"HTTP{name}")
    assert error.status_code == int(status)
    assert error().status_code == int(status)
    kinds = {"3": HTTPRedirect, "4": HTTPClientError, "5": HTTPServerError}
    assert error.__bases__ == (kinds[status[0]],)
    assert (error.__doc__ or "").startswith(status)


def test_the_mapping_has_no_other_status() -> None:
    """The mapping holds exactly the registered statuses, and cannot be changed."""
    assert sorted(ERROR_RESPONSE_MAPPING) == [int(status) for status in STATUSES[::2]]
    mapping: Any = ERROR_RESPONSE_MAPPING
    with pytest.raises(TypeError):
        mapping[404] = HTTPError


@pytest.mark.parametrize("error", samples(), ids=lambda error: type(error).__name__)
def test_every_error_travels(error: FrameworkException) -> None:
    """Pickles and copies of either depth are the same error with the same attributes."""
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert state(pickle.loads(pickle.dumps(error, protocol))) == state(error)
    # The oldest protocols know no slots, so they get the text of what has them.
    for protocol in (0, 1):
        assert str(pickle.loads(pickle.dumps(error, protocol))) == str(error)
    assert state(copy.copy(error)) == state(error)
    assert state(copy.deepcopy(error)) == state(error)
    assert copy.copy(error) is not error


@pytest.mark.parametrize("error", samples(), ids=lambda error: type(error).__name__)
def test_no_error_shows_a_secret(error: FrameworkException) -> None:
    """Neither text nor pickle holds what the request carried."""
    for shown in (str(error), repr(error), str(error.args)):
        assert "hunter2" not in shown
    assert b"hunter2" not in pickle.dumps(error)


def test_a_copy_shares_nothing_that_can_change() -> None:
    """Changing the deep copy of an error leaves the error alone; a cycle is no hindrance."""
    error = HTTPNotFound({"message": ["a"]})
    error.self = error  # type: ignore[attr-defined]
    deep: Any = copy.deepcopy(error)
    deep.response["message"].append("b")
    assert error.response == {"message": ["a"]}
    assert deep.self is deep


def test_an_error_travels_with_what_cannot() -> None:
    """What cannot be pickled arrives as its text; what cannot be copied is shared."""
    lock = threading.Lock()

    class Local(BaseModel):
        message: str

    error = HTTPNotFound(Local(message="x"))
    error.lock = lock  # type: ignore[attr-defined]
    assert copy.deepcopy(error).lock is lock  # type: ignore[attr-defined]
    assert copy.deepcopy(error).response == Local(message="x")
    sent: Any = pickle.loads(pickle.dumps(error))
    assert sent.response == "Local(message='x')"
    assert "lock" in sent.lock


def test_the_original_of_an_extension_travels() -> None:
    """What an extension raised is there after a pickle."""
    error = pickle.loads(pickle.dumps(ExtensionFailed("name", KeyError("x"))))
    assert (error.name, repr(error.original)) == ("name", "KeyError('x')")


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (errors.ConfigurationError("x"), "no"),
        (errors.RateLimitTimeout("x"), "no"),
        (errors.DNSError("x"), "no"),
        (errors.CertificateError("x"), "no"),
        (errors.PoolTimeout("x"), "no"),
        (ConnectTimeout("x"), "no"),
        (ReadTimeout("x"), "maybe"),
        (errors.WriteTimeout("x"), "maybe"),
        (ConnectionLost("x"), "maybe"),
        (ProtocolError("x"), "maybe"),
        (IncompleteResponse("x"), "yes"),
        (errors.TooManyRedirects("x"), "yes"),
        (ResponseTooLarge("x", limit=1), "yes"),
        (ContentEncodingError("x"), "yes"),
        (ResponseParseError("x"), "yes"),
        (UploadIncomplete("x"), "yes"),
        (HTTPNotFound(), "yes"),
        (errors.MissingCredentials("x"), "no"),
    ],
)
def test_an_error_tells_whether_the_server_read_the_request(
    error: FrameworkException, sent: str
) -> None:
    """`sent` is there before anyone sets it; so is the rest, with values for "no call"."""
    assert error.sent == sent
    assert (error.method, error.url, error.attempts, error.elapsed) == (None, None, 0, 0.0)
    assert error.retry_after is None


def test_timeouts_are_caught_as_such() -> None:
    """Generic handlers work: timeouts, bad values, closed things."""
    with pytest.raises(TimeoutError, match="late"):
        raise ReadTimeout("late")
    with pytest.raises(OSError, match="late"):
        raise RateLimitTimeout("late")
    with pytest.raises(ValueError, match="bad"):
        raise errors.ConfigurationError("bad")
    with pytest.raises(RuntimeError, match="closed"):
        raise errors.ClientClosedError("closed")


def test_bodies_on_errors_are_bounded() -> None:
    """An error keeps 64 KiB of a body at most."""
    assert len(DecodeError("x", body=bytes(100_000)).body) == 64 * 1024


@pytest.mark.parametrize(
    ("error", "method", "sent", "retryable"),
    [
        (errors.DNSError("x"), "POST", "no", True),
        (ConnectionLost("x"), "GET", "maybe", True),
        (ConnectionLost("x"), "POST", "maybe", False),
        (ReadTimeout("x"), "PUT", "maybe", True),
        (ReadTimeout("x"), "PATCH", "maybe", False),
        (IncompleteResponse("x"), "GET", "yes", True),
        (IncompleteResponse("x"), "POST", "yes", False),
        (RateLimitTimeout("x"), "POST", "no", True),
        (TLSError("x"), "GET", "no", False),
        (ProtocolError("x"), "GET", "maybe", False),
        (errors.ConfigurationError("x"), "GET", "no", False),
        (ResponseParseError("x"), "GET", "yes", False),
        (errors.HTTPServiceUnavailable(), "GET", "yes", True),
        (errors.HTTPServiceUnavailable(), "POST", "yes", False),
        (errors.HTTPTooManyRequests(), "DELETE", "yes", True),
        (errors.HTTPTooManyRequests(), "POST", "yes", False),
        (errors.HTTPNotImplemented(), "GET", "yes", False),
        (HTTPNotFound(), "GET", "yes", False),
    ],
)
def test_retryable_means_passing_and_safe_to_repeat(
    error: FrameworkException, method: str, sent: Any, retryable: bool
) -> None:
    """Only a fault that may pass, of a request nobody read or that may be read twice, is."""
    error.method, error.sent = method, sent
    assert error.retryable is retryable


def test_the_statuses_that_may_pass() -> None:
    """These statuses, and no others, may pass by themselves."""
    passing = set()
    for status in range(300, 600):
        error = HTTPError(status_code=status)
        error.method = "GET"
        passing |= {status} if error.retryable else set()
    assert passing == {408, 421, 425, 429, 500, 502, 503, 504}


def test_an_http_error_can_be_made_by_hand() -> None:
    """Tests and mocks of a user's need no response to raise an error."""
    error = HTTPNotFound({"message": "gone"}, "not there")
    assert (error.response, str(error), error.status_code) == (
        {"message": "gone"},
        "not there",
        404,
    )
    assert (error.raw, error.body_error) == (None, None)
    assert str(HTTPNotFound()) == "HTTP status 404"
    assert HTTPError(raw=response(499)).status_code == 499
    assert HTTPClientError(status_code=418).status_code == 418


def test_sub_client_and_extension_errors_say_whose_they_are() -> None:
    """The name is an attribute and in the text, which has a default."""
    for cls in (SubClientError, ExtensionError):
        assert "'repos'" in str(cls(name="repos"))
        assert cls("text", "more", name="repos").args == ("text", "more")
    assert errors.SubClientParentSet("repos").name == "repos"
    for name in ("AlreadyLoaded", "NotLoaded", "NotFound", "EntryPointError"):
        assert "'plugin'" in str(getattr(errors, f"Extension{name}")("plugin"))


def test_validation_errors_are_told_without_input() -> None:
    """The list of pydantic's errors is there, empty where there is none."""
    rows = [{"type": "missing", "loc": ("id",), "msg": "Field required"}]
    assert ResponseValidationError("x", errors=rows).errors() == rows
    assert ResponseValidationError("x").errors() == []


def test_the_renamed_attribute_of_a_parse_error_names_the_new_one() -> None:
    """`raw_response` of 0.3.9 is `body`, and asking for it says so."""
    with pytest.raises(AttributeError, match=r"raw_response.*`body`"):
        _ = ResponseParseError("x").raw_response  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="nothing"):
        _ = ResponseValidationError("x").nothing  # type: ignore[attr-defined]
