"""What is shown: no secret in any text, message, traceback or pickle."""

import copy
import logging
import pickle
import time
import traceback
from typing import Any, Literal

import pydantic
import pytest
from pydantic import SecretStr

from arya_api_framework import BaseModel
from arya_api_framework.client.redaction import (
    clean_text,
    hide_in,
    hide_secrets,
    is_safe_header,
    redact_url,
    secrets_of,
)
from arya_api_framework.errors import (
    FrameworkException,
    HTTPError,
    ResponseValidationError,
)
from tests.app import Server
from tests.conftest import Kind


class Plain(pydantic.BaseModel):
    """A model that would show its input."""

    id: int


class Problem(BaseModel):
    """An error model."""

    message: str


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.test/a/b", "https://api.test/a/b"),
        ("https://api.test/a?b=c&page=2&d=", "https://api.test/a?b=***&page=2&d=***"),
        ("https://api.test/a?secret", "https://api.test/a?***"),
        ("https://api.test/a?page=1;token=x", "https://api.test/a?page=***"),
        ("https://api.test?a=b?c=d", "https://api.test?a=***"),
        ("https://user:pw@api.test/a", "https://api.test/a"),
        ("https://user@api.test", "https://api.test"),
        ("https://a@b@api.test/", "https://api.test/"),
        ("https://user:p\\w@api.test/", "https://api.test/"),
        ("HTTPS:/user:pw@api.test/", "HTTPS:/api.test/"),
        ("//user:pw@api.test/", "//api.test/"),
        ("\\\\user:pw@api.test/", "\\\\api.test/"),
        ("user:pw@api.test/", "api.test/"),
        ("https://api.test/@user/a@b", "https://api.test/@user/a@b"),
        ("/users/a@b.test", "/users/a@b.test"),
        ("/a@b", "/a@b"),
        ("https://api.test/a#token=x", "https://api.test/a"),
        ("https://api.test/a?b=c#d", "https://api.test/a?b=***"),
        ("https://api.test/a\r\nb\x1b", "https://api.test/a b"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    """No user, no password, no fragment, no value of a query, save of names known to be safe."""
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    "url", ["a:" + "/" * 100_000, "/" * 100_000, "http:/" * 20_000, "@" * 100_000, " " * 100_000]
)
def test_a_hostile_url_takes_no_time(url: str) -> None:
    """The text of a URL is made in one pass, and is cut."""
    start = time.process_time()
    assert len(redact_url(url)) <= 2000
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Content-Type", True),
        ("etag", True),
        ("Retry-After", True),
        ("Authorization", False),
        ("X-Api-Key", False),
        ("Cookie", False),
        ("Set-Cookie", False),
        ("Location", False),
        ("Link", False),
        ("X-Anything", False),
    ],
)
def test_only_headers_on_a_list_are_shown(name: str, safe: bool) -> None:
    """What is not known to be harmless is not shown."""
    assert is_safe_header(name) is safe


def test_text_is_cleaned_and_cut() -> None:
    """Controls, line ends of every kind and length cannot disturb a log."""
    assert clean_text(" a\x00\x1b[1m\r\n\x85\u2028b\x9b ") == "a [1m b"
    assert clean_text("pay\u202e\u2066 \u200bfdp\u200f.exe\ufeff") == "pay   fdp .exe"
    assert clean_text("x" * 10, 5) == "xxxx…"
    assert clean_text("x" * 5, 5) == "xxxxx"


def test_secrets_are_found_and_hidden_the_longest_first() -> None:
    """One secret may hold another; words that are too short to be one stay."""
    headers = [
        ("Authorization", "Bearer abcdef"),
        ("X-Token", "abc"),
        ("X-Flag", "true"),
        ("Accept", "application/json"),
        ("Cookie", "a=abcdefgh; b=1"),
    ]
    secrets = secrets_of(headers, "/x?q=long%20value&page=1234567&n=5")
    assert hide_secrets("abcdefgh abcdef abc true 5", secrets) == "*** *** *** true 5"
    assert hide_secrets("long value, long%20value", secrets) == "***, ***"
    assert hide_secrets("page 1234567 as application/json", secrets) == (
        "page 1234567 as application/json"
    )


SECRET = "hunter2-of-mine"

FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("/status/401", {}),
    ("/status/500?body=html", {"error_responses": {500: Problem}}),
    ("/echo", {"response_format": Plain}),
    ("/echo", {"response_format": list[Plain]}),
    ("/html", {}),
    ("/empty", {"response_format": Plain}),
    ("/redirect/9", {"max_redirects": 2}),
    ("/redirect-to?url=ftp://evil.test/", {}),
    ("/status/302?Location=http://evil.test/", {"follow_redirects": False}),
    ("/status/200?Content-Encoding=nonsense", {}),
    ("/bytes/1000", {"max_response_size": 10}),
    ("/delay/5", {"timeout": 0.05}),
    ("/echo", {"headers": {"X-Bad": f"{SECRET}\n"}}),
    ("/echo", {"cookies": {"bad": f"{SECRET};"}}),
    ("/users/{id}", {"path_parameters": {"id": f"{SECRET}\n"}}),
    ("/users/{id}", {"path_parameters": {"other": SECRET}}),
    ("https://user:pw-of-mine@evil.test/", {}),
    ("https://evil.test/?token=hunter2-of-mine", {}),
    ("/echo", {"body": {"password": SECRET, "bad": object()}}),
    ("/echo", {"data": {"password": SECRET, "bad": object()}}),
    ("/echo", {"parameters": {"password": [[SECRET]]}}),
    ("/echo", {"unknown": SECRET}),
]


@pytest.mark.parametrize(("path", "options"), FAULTS)
async def test_no_error_shows_a_secret(
    kind: Kind,
    server: Server,
    caplog: pytest.LogCaptureFixture,
    path: str,
    options: dict[str, Any],
) -> None:
    """Whatever goes wrong: text, traceback, pickle and log know nothing of what was sent."""
    caplog.set_level(logging.DEBUG)
    client = kind.client(
        server.url,
        bearer_token=SecretStr(f"token-{SECRET}"),
        headers={"X-Api-Key": f"key-{SECRET}"},
        cookies={"session": f"cookie-{SECRET}"},
        parameters={"signature": f"parameter-{SECRET}"},
    )
    options = dict(options)
    if not {"body", "data", "path_parameters"} & options.keys():
        options["body"] = {"password": f"body-{SECRET}"}
    with pytest.raises(FrameworkException) as caught:
        await client.post(path, **options)
    error = caught.value
    error.__traceback__ = None
    shown = [str(error), repr(error), *map(str, error.args), str(error.url), repr(client.target)]
    shown += traceback.format_exception(error)
    # aiohttp's own log of its own accord is the user's to filter.
    shown += [entry.getMessage() for entry in caplog.records if entry.name.startswith("arya")]
    for text in shown:
        assert "of-mine" not in text
    if isinstance(error, HTTPError):
        assert b"of-mine" not in pickle.dumps(error)
        assert "of-mine" not in repr(error.raw)
        assert repr(copy.copy(error)) == repr(error)


class Echoed(BaseModel):
    """What the test server says of a request."""

    headers: list[tuple[str, str]]
    target: str


class Strict(BaseModel):
    """A model that takes no value but the one that was sent."""

    target: Literal["/status/418?signature=parameter-of-mine&body=echo"]


@pytest.mark.parametrize("model", [None, Echoed, Strict])
async def test_a_pickled_error_holds_no_secret_that_the_server_told_back(
    kind: Kind, server: Server, model: Any
) -> None:
    """Of an error whose body repeats the request, only the error itself shows it."""
    client = kind.client(
        server.url,
        headers={"X-Api-Key": f"key-{SECRET}"},
        parameters={"signature": "parameter-of-mine"},
        error_responses={"default": model} if model else {},
    )
    with pytest.raises(HTTPError) as caught:
        await client.post("/status/418?body=echo")
    error = caught.value
    assert "of-mine" in str(error.response)
    for twin in (copy.copy(error), copy.deepcopy(error)):
        assert twin.response == error.response
    stored = pickle.dumps(error)
    assert b"of-mine" not in stored
    found = pickle.loads(pickle.dumps(pickle.loads(stored)))
    assert "***" in str(found.response)
    assert (found.method, found.status_code, str(found)) == ("POST", 418, str(error))


async def test_a_pickled_parse_error_holds_no_secret_that_the_server_told_back(
    kind: Kind, server: Server
) -> None:
    """The content that did not fit is kept, and travels without what was sent."""
    client = kind.client(server.url, parameters={"signature": "parameter-of-mine"})
    with pytest.raises(ResponseValidationError) as caught:
        await client.get("/echo", response_format=Plain)
    assert b"of-mine" in caught.value.body
    assert b"of-mine" not in pickle.dumps(caught.value)


async def test_no_object_of_a_call_shows_a_secret(kind: Kind, server: Server) -> None:
    """Client, request, response and model, as text and as pickle."""
    client = kind.client(
        server.url,
        bearer_token=f"token-{SECRET}",
        headers={"X-Api-Key": f"key-{SECRET}"},
        cookies={"session": f"cookie-{SECRET}"},
        parameters={"signature": f"parameter-{SECRET}"},
    )
    raw = await client.get("/echo", raw=True)
    assert SECRET in raw.text
    things = [client.target, client.headers, client.cookies, client.parameters]
    things += [client.bearer_token, raw, raw.info, raw.request, client.target.config]
    for thing in things:
        assert SECRET not in repr(thing)
        assert SECRET not in str(thing)
    for thing in (raw, raw.info, raw.request):
        assert SECRET.encode() not in pickle.dumps(thing)
    with pytest.raises(TypeError):
        pickle.dumps(client.target)


@pytest.mark.parametrize(
    "path",
    [
        "/redirect-to?url=ftp://evil.test/token-{}",
        "/status/200?body=text&Content-Type=text/x-token-{}",
    ],
)
async def test_no_error_quotes_a_secret_that_the_server_told_back(
    kind: Kind, server: Server, path: str
) -> None:
    """Whatever part of a response an error shows, a credential in it is hidden."""
    client = kind.client(server.url, bearer_token=f"token-{SECRET}")
    with pytest.raises(FrameworkException, match=r"\*\*\*") as caught:
        await client.get(path.format(SECRET))
    assert "of-mine" not in repr(caught.value)
    assert b"of-mine" not in pickle.dumps(caught.value)


async def test_no_pickle_holds_a_reason_or_field_with_a_secret(kind: Kind, server: Server) -> None:
    """The head of a response travels without what was sent, too."""
    client = kind.client(server.url, bearer_token=f"token-{SECRET}")
    raw = await client.get("/status/200?Content-Language=token-" + SECRET, raw=True)
    assert raw.headers["Content-Language"] == f"token-{SECRET}"
    for one in (raw, raw.info):
        assert b"of-mine" not in pickle.dumps(one)
        assert pickle.loads(pickle.dumps(one)).headers["Content-Language"] == "***"


def test_values_without_a_secret_are_left_as_they_are() -> None:
    """What has nothing to hide is not copied; what is no data is not looked into."""
    problem, thing = Problem(message="gone"), object()
    assert hide_in(problem, ["hunter2"]) is problem
    assert hide_in(thing, ["hunter2"]) is thing
    assert hide_in(Problem(message="hunter2"), ["hunter2"]) == Problem(message="***")
