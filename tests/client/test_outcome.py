"""Error statuses: which exception is raised, what it holds, and what its text says."""

import base64
import json
import pickle
import time
from typing import Any, NewType

import pytest
from multidict import CIMultiDict
from pydantic import SecretStr

from arya_api_framework import BaseModel, RawResponse, Response, SyncClient, errors
from arya_api_framework.client.outcome import http_error, is_factory
from arya_api_framework.client.request import Request
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    ERROR_RESPONSE_MAPPING,
    ConfigurationError,
    HTTPClientError,
    HTTPError,
    HTTPNotFound,
    HTTPNotModified,
    HTTPRedirect,
    HTTPServerError,
    HTTPTooManyRequests,
)
from tests.app import MiB, Server
from tests.conftest import Kind


class Problem(BaseModel):
    """What an API says went wrong."""

    message: str


class Rich(Response):
    """The same, remembering its response."""

    message: str


class Other(BaseModel):
    """A model that does not fit."""

    code: int


class Gone(HTTPError):
    """An error of a user's own."""


class Told(HTTPError):
    """An error of a user's own, made in a way of its own."""

    def __init__(self, response: Any, message: str) -> None:
        super().__init__(response, f"told: {message}")
        self.own = True


class Mine(Exception):
    """An exception that has nothing to do with us."""


def answer(
    status: int,
    content: bytes | str | dict[str, Any],
    media_type: str = "application/json",
    request: Request | None = None,
) -> RawResponse:
    """Return a response as a transport gives it."""
    if isinstance(content, dict):
        content = json.dumps(content)
    body = content.encode() if isinstance(content, str) else content
    request = request or Request("GET", Origin("https", "api.test", 443), "/x", CIMultiDict())
    return RawResponse(status, ((b"Content-Type", media_type.encode()),), request, body)


@pytest.mark.parametrize("status", [*ERROR_RESPONSE_MAPPING, 299 + 100, 419, 499, 555, 599])
async def test_every_error_status_raises_its_class(kind: Kind, server: Server, status: int) -> None:
    """Registered statuses have a class of their own, the others that of their range."""
    client = kind.client(server.url, follow_redirects=False)
    kinds = {3: HTTPRedirect, 4: HTTPClientError, 5: HTTPServerError}
    expected = ERROR_RESPONSE_MAPPING.get(status, kinds[status // 100])
    with pytest.raises(HTTPError) as caught:
        await client.get("/status/{code}", path_parameters={"code": status})
    error = caught.value
    assert type(error) is expected
    assert isinstance(error, kinds[status // 100])
    assert error.status_code == status
    assert (error.method, error.url, error.attempts, error.sent) == (
        "GET",
        f"{server.url}/status/{status}",
        1,
        "yes",
    )
    assert error.elapsed > 0
    assert error.raw is not None
    assert error.raw.status == status
    assert error.raw.elapsed > 0
    if status != 304:
        assert error.response == {"message": f"This is status {status}."}
        assert str(error) == (
            f"{status} for GET {server.url}/status/{status}: This is status {status}."
        )


@pytest.mark.parametrize("status", [400, 500, 599])
async def test_raw_raises_too(kind: Kind, server: Server, status: int) -> None:
    """An error status always raises, `raw=True` or not, whatever the format."""
    client = kind.client(server.url)
    for options in ({"raw": True}, {"response_format": bytes}, {"response_format": None}):
        with pytest.raises(HTTPError):
            await client.get(f"/status/{status}", **options)
    with pytest.raises(HTTPError):
        await client.head(f"/status/{status}")


async def test_a_304_raises_unless_it_is_wanted(kind: Kind, server: Server) -> None:
    """Not modified is no result; `raw=True` or an entry says otherwise."""
    client = kind.client(server.url)
    headers = {"If-None-Match": '"v1"'}
    with pytest.raises(HTTPNotModified) as caught:
        await client.get("/etag", headers=headers)
    assert caught.value.response is None
    assert (await client.get("/etag", headers=headers, raw=True)).status == 304
    with pytest.raises(Mine):
        await client.get("/etag", headers=headers, error_responses={304: lambda raw: Mine()})


# error_responses


ENTRIES: list[tuple[dict[Any, Any], int, type[Exception], type[Any]]] = [
    ({404: Problem}, 404, HTTPNotFound, Problem),
    ({404: Problem}, 400, errors.HTTPBadRequest, dict),
    ({"404": Problem}, 404, HTTPNotFound, Problem),
    ({"4XX": Problem}, 404, HTTPNotFound, Problem),
    ({"4xx": Problem}, 499, HTTPClientError, Problem),
    ({"4XX": Problem}, 500, errors.HTTPInternalServerError, dict),
    ({"default": Problem}, 503, errors.HTTPServiceUnavailable, Problem),
    ({"default": Other, "5XX": Other, 503: Problem}, 503, errors.HTTPServiceUnavailable, Problem),
    ({"default": Other, "5XX": Problem}, 503, errors.HTTPServiceUnavailable, Problem),
    ({"default": Problem, "4XX": Other}, 503, errors.HTTPServiceUnavailable, Problem),
    ({404: Problem | Other}, 404, HTTPNotFound, Problem),
    ({404: dict[str, str]}, 404, HTTPNotFound, dict),
    ({404: str}, 404, HTTPNotFound, str),
    ({404: bytes}, 404, HTTPNotFound, bytes),
    ({404: Gone}, 404, Gone, dict),
    ({"default": Told}, 404, Told, dict),
    ({404: HTTPTooManyRequests}, 404, HTTPTooManyRequests, dict),
    ({"3XX": Problem}, 300, errors.HTTPMultipleChoices, Problem),
]


@pytest.mark.parametrize(("entries", "status", "raised", "response"), ENTRIES)
async def test_the_nearest_entry_counts(
    kind: Kind,
    server: Server,
    entries: dict[Any, Any],
    status: int,
    raised: type[Exception],
    response: type[Any],
) -> None:
    """Exact status, then range, then default, then what is built in; of client and call alike."""
    for client, options in (
        (kind.client(server.url, error_responses=entries), {}),
        (kind.client(server.url), {"error_responses": entries}),
    ):
        with pytest.raises(HTTPError) as caught:
            await client.get(f"/status/{status}", **options)
        error = caught.value
        assert type(error) is raised
        assert type(error.response) is response
        assert error.status_code == status
        assert error.body_error is None
        assert error.method == "GET"
        assert error.raw is not None
        assert f"This is status {status}." in str(error)


async def test_entries_of_a_call_lie_over_the_clients(kind: Kind, server: Server) -> None:
    """Key by key, and `None` takes the client's away."""
    client = kind.client(server.url, error_responses={404: Problem, "4XX": Gone})
    with pytest.raises(Gone):
        await client.get("/status/404", error_responses={404: None})
    with pytest.raises(HTTPNotFound) as caught:
        await client.get("/status/404", error_responses={404: None, "4XX": None})
    assert caught.value.response == {"message": "This is status 404."}
    with pytest.raises(Gone):
        await client.get("/status/410", error_responses={404: Other})


async def test_a_function_makes_the_exception(kind: Kind, server: Server) -> None:
    """It is given the response, and what it returns or raises is raised as it is."""
    seen: list[Any] = []

    def make(raw: RawResponse) -> Exception:
        seen.append(raw)
        return Mine(raw.json()["message"])

    def fail(raw: RawResponse) -> Exception:
        raise LookupError("mine")

    client = kind.client(server.url, error_responses={"default": make})
    with pytest.raises(Mine, match=r"This is status 404\."):
        await client.get("/status/404")
    assert isinstance(seen[0], RawResponse)
    assert seen[0].status == 404
    with pytest.raises(LookupError, match="mine"):
        await client.get("/status/404", error_responses={"default": fail})


@pytest.mark.parametrize("made", [None, "text", Mine, KeyboardInterrupt()])
async def test_a_function_that_makes_no_exception_is_told_so(
    kind: Kind, server: Server, made: Any
) -> None:
    """The error of the status is the cause, so that it is not lost."""
    client = kind.client(server.url, error_responses={404: lambda raw: made})
    with pytest.raises(ConfigurationError, match=r"returned \w+, not an exception") as caught:
        await client.get("/status/404")
    assert isinstance(caught.value.__cause__, HTTPNotFound)


async def test_a_framework_error_made_by_a_function_tells_of_the_call(
    kind: Kind, server: Server
) -> None:
    """It gets method, URL and times as any error of ours."""
    client = kind.client(server.url, error_responses={404: lambda raw: Gone("x", "y")})
    with pytest.raises(Gone) as caught:
        await client.get("/status/404")
    assert (caught.value.method, caught.value.attempts) == ("GET", 1)
    assert caught.value.retry_after is None


async def test_a_model_of_an_error_remembers_its_response(kind: Kind, server: Server) -> None:
    """A `Response` model carries status and headers here too."""
    client = kind.client(server.url, error_responses={404: Rich})
    with pytest.raises(HTTPNotFound) as caught:
        await client.get("/status/404?X-Request-Id=7")
    info = caught.value.response.model_response
    assert (info.status, info.headers["X-Request-Id"]) == (404, "7")


@pytest.mark.parametrize(
    ("body", "response", "problem"),
    [
        ("json", {"message": "This is status 404."}, "does not fit Other: code: Field required"),
        ("text", "This is status 404.", "no valid JSON"),
        ("html", "<html><title>404</title><p>This is status 404.</html>", "no valid JSON"),
        ("empty", None, "has no content"),
    ],
)
async def test_a_body_that_does_not_fit_its_model_is_kept(
    kind: Kind, server: Server, body: str, response: Any, problem: str
) -> None:
    """The error of the status is raised all the same, with the reason in `body_error`."""
    client = kind.client(server.url, error_responses={404: Other})
    with pytest.raises(HTTPNotFound) as caught:
        await client.get(f"/status/404?body={body}")
    assert caught.value.response == response
    assert problem in str(caught.value.body_error)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/status/404?Content-Encoding=nonsense", "coding"),
        ("/status/404?Content-Encoding=gzip", "gzip"),
    ],
)
async def test_a_body_that_cannot_be_decoded_does_not_hide_the_status(
    kind: Kind, server: Server, path: str, problem: str
) -> None:
    """The status is what the caller needs; why there is no content is told beside it."""
    client = kind.client(server.url, error_responses={404: Problem})
    with pytest.raises(HTTPNotFound) as caught:
        await client.get(path)
    assert problem in str(caught.value.body_error)
    assert caught.value.response is None


async def test_a_body_that_is_too_large_does_not_hide_the_status(
    kind: Kind, server: Server
) -> None:
    """The limit holds for error bodies, and the error is still that of the status."""
    client = kind.client(server.url, max_response_size=5)
    with pytest.raises(HTTPNotFound) as caught:
        await client.get("/status/404")
    assert "max_response_size" in str(caught.value.body_error)


def test_a_large_body_is_cut_once_it_was_read() -> None:
    """Models and functions see all of it, the exception keeps 64 KiB."""
    content = json.dumps({"padding": "x" * MiB, "message": "at the end"})
    raw = answer(404, content)
    error: Any = http_error(raw, {404: Problem})
    assert error.response == Problem(message="at the end")
    assert error.raw is raw
    assert len(raw.content) == 64 * 1024
    made = http_error(answer(404, content), {404: lambda raw: Mine(raw.json()["message"])})
    assert str(made) == "at the end"
    text: Any = http_error(answer(404, "x" * MiB, "text/plain"), {})
    assert len(text.response) == 64 * 1024


async def test_retry_after_is_read(kind: Kind, server: Server) -> None:
    """What the server asks for is at hand on the error."""
    client = kind.client(server.url)
    with pytest.raises(HTTPTooManyRequests) as caught:
        await client.get("/status/429?Retry-After=7")
    assert caught.value.retry_after == 7
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("entry", "is_one"),
    [
        (lambda raw: Mine(), True),
        (print, True),
        (Problem, False),
        (list[Problem], False),
        (Problem | Other, False),
        (NewType("Number", int), False),
        (Any, False),
    ],
)
def test_functions_and_types_are_told_apart(entry: Any, is_one: bool) -> None:
    """Types are callable too."""
    assert is_factory(entry) is is_one


@pytest.mark.parametrize("entry", [Mine, KeyError, 5, "Problem", object()])
def test_an_entry_that_can_never_work_is_refused_at_construction(entry: Any) -> None:
    """A wrong entry is found out before an error happens."""
    with pytest.raises(ConfigurationError):
        SyncClient("https://api.test", error_responses={404: entry})


# The text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"message": "m", "detail": "d"}, "m"),
        ({"detail": "d"}, "d"),
        ({"error": "invalid_grant", "error_description": "expired"}, "expired"),
        ({"error": {"code": 5, "message": "nested"}}, "nested"),
        ({"errors": [{"message": "first"}, {"message": "second"}]}, "first"),
        ({"errors": [None, 5, "text"]}, "text"),
        ({"title": "t", "status": 404}, "t"),
        ({"reason": "r"}, "r"),
        ({"message": "  ", "title": "t"}, "t"),
        ({"message": 5, "title": "t"}, "t"),
        ({"message": "1 < 2 <b>bold</b> & 3 > 2"}, "1 < 2 <b>bold</b> & 3 > 2"),
        ("plain text", "plain text"),
        ('"a JSON text"', "a JSON text"),
        ("<html><style>p {}</style><h1>Bad\n Gateway</h1><!-- x --></html>", "Bad Gateway"),
        ("<script>alert(1)</script >after", "after"),
        ("<script>never closed", ""),
        ({}, ""),
        ("", ""),
        ("[]", ""),
        ("5", ""),
        ("null", ""),
        ({"message": "a\x1b[2J\r\nb\u2028c\0d"}, "a [2J b c d"),
        ({"message": "x" * 300}, "x" * 199 + "…"),
    ],
)
def test_the_text_holds_what_the_server_says(content: Any, said: str) -> None:
    """Wherever APIs put it, free of controls and cut to 200 characters."""
    text = str(http_error(answer(404, content), {}))
    expected = "404 for GET https://api.test/x"
    assert " ".join(text.split()) == (f"{expected}: {said}" if said else expected)


@pytest.mark.parametrize(
    "content", ["<script>" * 8000, "<" * 65000, "<a" * 32000, "<!--" * 16000, "</script" * 8000]
)
def test_a_page_that_is_hostile_takes_no_time(content: str) -> None:
    """Looking for text in a page ends soon, whatever the page is."""
    start = time.process_time()
    http_error(answer(502, content, "text/html"), {})
    assert time.process_time() - start < 0.5


async def test_the_text_hides_what_the_server_tells_back(kind: Kind, server: Server) -> None:
    """A server that repeats credentials does not put them into logs."""
    login = base64.b64encode(b"user:login-hunter2").decode()
    secrets = {
        "bearer_token": SecretStr("token-hunter2"),
        "headers": {"X-Api-Key": "key-hunter2", "X-Login": f"Basic {login}", "Accept": "a/b"},
        "cookies": {"a": "cookie-hunter2", "b": "cookie-hunter2-longer"},
        "parameters": {"signature": "parameter/hunter2", "page": 1234567},
    }
    client = kind.client("https://api.test", **secrets)
    request = client.build("GET", "/x")
    for secret in (
        "token-hunter2",
        "Bearer token-hunter2",
        "key-hunter2",
        login,
        "login-hunter2",
        "user:login-hunter2",
        "cookie-hunter2",
        "cookie-hunter2-longer",
        "parameter/hunter2",
        "parameter%2Fhunter2",
    ):
        raw = answer(401, {"message": f"bad: {secret}!"}, request=request)
        error: Any = http_error(raw, {})
        assert "hunter2" not in str(error)
        assert login not in str(error)
        assert str(error).endswith("bad: ***!")
        assert error.response == {"message": f"bad: {secret}!"}
        assert secret.encode() not in pickle.dumps(raw)
    harmless = {"message": "no a/b on page 1234567"}
    assert str(http_error(answer(404, harmless, request=request), {})).endswith("page 1234567")


def test_a_secret_at_the_cut_is_hidden_whole() -> None:
    """A message is cut after it was cleaned, so that no half of a secret stays."""
    request = Request(
        "GET", Origin("https", "api.test", 443), "/x", CIMultiDict({"X-Key": "hunter2" * 5})
    )
    content = {"message": "x" * 180 + "hunter2" * 5}
    assert "hunter" not in str(http_error(answer(404, content, request=request), {}))


@pytest.mark.parametrize("login", ["Basic", "Basic !", "Basic ////", "Basic dXNlcg=="])
def test_a_broken_login_is_no_error(login: str) -> None:
    """Hiding never fails."""
    request = Request(
        "GET", Origin("https", "api.test", 443), "/x", CIMultiDict({"Authorization": login})
    )
    assert "no" in str(http_error(answer(401, {"message": "no"}, request=request), {}))


class Numbered(HTTPError):
    """An error of a user's own that is made from something else."""

    def __init__(self, code: int) -> None:
        super().__init__(code)


def test_a_class_that_cannot_be_made_is_told() -> None:
    """The error says which class, for which status, and what it must take."""
    with pytest.raises(ConfigurationError, match="class Numbered for 404 cannot be made") as caught:
        http_error(answer(404, {"message": "gone"}), {404: Numbered})
    assert isinstance(caught.value.__cause__, TypeError)


def test_an_error_that_a_function_made_tells_of_its_response() -> None:
    """What the function left out is filled in."""
    response = answer(404, {"message": "gone"})
    error = http_error(response, {404: lambda _: Gone({"a": 1}, "mine")})
    assert isinstance(error, Gone)
    assert (error.status_code, error.raw, error.response) == (404, response, {"a": 1})
    own = Gone(None, "mine", status_code=410)
    assert http_error(response, {404: lambda _: own}) is own
    assert own.status_code == 410
    for wrong in (lambda _: None, Numbered):
        with pytest.raises(ConfigurationError) as caught:
            http_error(response, {404: wrong})
        assert caught.value.sent == "yes"


def test_message_is_looked_for_in_some_values_only() -> None:
    """An error of megabytes of numbers is not searched to its end, which would hold a loop."""
    near = http_error(answer(500, b"[" + b"[]," * 900 + b'"near"]'), {})
    far = http_error(answer(500, b"[" + b"[]," * 1000 + b'"far"]'), {})

    assert "near" in str(near)
    assert "far" not in str(far)


def test_long_text_is_not_searched_to_its_end() -> None:
    """Of a text in JSON, as of a page, what a message can be cut from is looked at."""
    error = http_error(answer(500, json.dumps("<b>broken</b>" + "<i>" * MiB)), {})

    assert str(error).startswith("500 for GET https://api.test/x: broken")
