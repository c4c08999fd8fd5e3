"""`build` and `send`: a request that is made, changed, sent, shown and stored."""

import asyncio
import copy
import io
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from arya_api_framework import BaseModel, RawResponse, Request, SyncClient
from arya_api_framework.client.body import IteratorBody, check_async_body, check_sync_body
from arya_api_framework.constants import HTTPMethod
from arya_api_framework.errors import BodyNotReplayable, ConfigurationError, HTTPNotFound
from tests.app import Server
from tests.conftest import Kind


class Echo(BaseModel):
    """What the server tells back."""

    method: str
    target: str
    text: str


async def test_build_sends_nothing_and_shows_what_would_be_sent(kind: Kind, server: Server) -> None:
    """Method, URL, headers and body are there to be looked at."""
    client = kind.client(f"{server.url}/v1", bearer_token="token-1", parameters={"a": 1})
    request = client.build("post", "/users/{id}", path_parameters={"id": "ü"}, body={"x": 1})
    assert isinstance(request, Request)
    assert request.method == "POST"
    assert request.url == f"{server.url}/v1/users/%C3%BC?a=1"
    assert request.target == "/v1/users/%C3%BC?a=1"
    assert request.headers["authorization"] == "Bearer token-1"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body == b'{"x":1}'
    assert request.replayable
    assert server.log == []


async def test_a_built_request_is_sent_as_it_was_built(kind: Kind, server: Server) -> None:
    """What the client is told later does not reach it, and its own changes do."""
    client = kind.client(server.url, headers={"X-Default": "old"})
    request = client.build("PUT", "/echo", data="text", parameters={"q": "a b"})
    client.headers["X-Default"] = "new"
    request.headers["X-Own"] = "mine"
    del request.headers["Accept"]
    answer = await client.send(request, response_format=Echo)
    assert answer == Echo(method="PUT", target="/echo?q=a%20b", text="text")
    headers = server.log[-1].headers
    assert (headers["X-Default"], headers["X-Own"]) == ("old", "mine")
    assert "Accept" not in headers


async def test_a_request_can_be_sent_again_and_by_a_call_of_any_kind(
    kind: Kind, server: Server
) -> None:
    """`send` takes the options that say how, and gives what they ask for."""
    client = kind.client(server.url)
    request = client.build("GET", "/users/{id}", path_parameters={"id": 1})
    raw = await client.send(request, raw=True)
    assert isinstance(raw, RawResponse)
    assert raw.request is request
    assert (await client.send(request))["id"] == 1
    missing = client.build("GET", "/users/99")
    with pytest.raises(HTTPNotFound):
        await client.send(missing, timeout=5, deadline=5, max_redirects=0)


async def test_changed_header_values_become_text(kind: Kind, server: Server) -> None:
    """What a header may be as an option, it may be in a built request."""
    client = kind.client(server.url)
    request = client.build("GET", "/echo")
    request.headers["X-Number"] = 5
    request.headers["X-Secret"] = SecretStr("hunter2")
    request.headers["X-When"] = datetime(2024, 2, 29, tzinfo=UTC)
    request.headers.add("X-Many", "1")
    request.headers.add("X-Many", True)
    await client.send(request)
    headers = server.log[-1].headers
    assert headers["X-Number"] == "5"
    assert headers["X-Secret"] == "hunter2"
    assert headers["X-When"] == "Thu, 29 Feb 2024 00:00:00 GMT"
    assert headers.getall("X-Many") == ["1", "true"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nX-Evil: 1"),
        ("X-A", "\0"),
        ("X-A", " a"),
        ("X-A", "€"),
        ("X-A", None),
        ("X-A", object()),
        ("X A", "a"),
        ("X-A:", "a"),
        ("", "a"),
        ("Host", "evil.test"),
        ("Content-Length", "5"),
        ("transfer-encoding", "chunked"),
        ("Connection", "close"),
    ],
)
async def test_changed_headers_are_checked(
    kind: Kind, server: Server, name: str, value: Any
) -> None:
    """A header that cannot be sent is refused before anything is."""
    client = kind.client(server.url)
    request = client.build("GET", "/echo")
    request.headers[name] = value
    with pytest.raises(ConfigurationError) as caught:
        await client.send(request)
    assert caught.value.method == "GET"
    assert server.log == []


@pytest.mark.parametrize("target", ["", "echo", "/a b", "/a\r\nX-Evil: 1", "/ü", "http://h/"])
async def test_a_changed_target_is_checked(kind: Kind, server: Server, target: str) -> None:
    """What is sent stays one line, on the way to the same origin."""
    client = kind.client(server.url)
    request = client.build("GET", "/echo")
    request.target = target
    with pytest.raises(ConfigurationError, match="target"):
        await client.send(request)
    assert server.log == []


@pytest.mark.parametrize("name", ["parameters", "body", "headers", "foreign", "response_formt"])
async def test_options_of_what_is_sent_belong_to_build(
    kind: Kind, server: Server, name: str
) -> None:
    """They would be ignored, so they are refused."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match=name):
        await client.send(client.build("GET", "/echo"), **{name: None})
    assert server.log == []


@pytest.mark.parametrize(
    "options",
    [
        *({"retry": 3}, {"timeout": "5"}, {"timeout": 0}, {"deadline": -1}, {"max_redirects": 1.5}),
        *({"follow_redirects": "always"}, {"max_response_size": "1"}, {"json_content_types": "x"}),
    ],
)
async def test_an_option_of_the_wrong_kind_is_refused(
    kind: Kind, server: Server, options: dict[str, Any]
) -> None:
    """The error names the option, and nothing is sent."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        await client.send(client.build("GET", "/echo"), **options)
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        await client.get("/echo", **options)
    assert server.log == []


@pytest.mark.parametrize("method", ["get", "Get", HTTPMethod.GET])
async def test_a_method_may_be_written_in_any_case(kind: Kind, server: Server, method: Any) -> None:
    """Methods are upper case on the wire."""
    await kind.client(server.url).request(method, "/echo")
    assert server.log[-1].method == "GET"


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\nX: 1", "GÉT", None, 5, b"GET"])
async def test_what_is_no_method_is_refused(kind: Kind, server: Server, method: Any) -> None:
    """Anything but a plain word cannot be a method."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="method"):
        await client.request(method, "/echo")
    assert server.log == []


def _secretive() -> Request:
    client = SyncClient(
        "https://api.test/v1",
        headers={"X-Api-Key": "key-hunter2", "Accept-Language": "de"},
        bearer_token="token-hunter2",
        cookies={"session": "cookie-hunter2"},
        parameters={"access_token": "parameter-hunter2", "page": 3},
    )
    with client:
        return client.build("POST", "/users", body={"password": "body-hunter2"})


def test_a_request_shows_no_secret() -> None:
    """Its text and its pickle hold what is known to be harmless, and nothing else."""
    request = _secretive()
    assert repr(request) == "<Request POST https://api.test/v1/users?access_token=***&page=3>"
    assert "hunter2" not in str(request)
    assert b"hunter2" not in pickle.dumps(request)


def test_a_request_that_was_pickled_can_be_looked_at() -> None:
    """What cannot be told is left out rather than replaced by something that could be sent."""
    restored = pickle.loads(pickle.dumps(_secretive()))
    assert restored.method == "POST"
    assert restored.origin == _secretive().origin
    assert restored.url == "https://api.test/v1/users?access_token=***&page=3"
    assert restored.headers["accept-language"] == "de"
    assert {"Authorization", "X-Api-Key", "Cookie"}.isdisjoint(restored.headers)
    assert restored.body is None


def test_a_copy_of_a_request_is_whole_and_its_own() -> None:
    """Changing the headers of a copy leaves the original as it is."""
    request = _secretive()
    other = copy.copy(request)
    other.headers["X-Api-Key"] = "other"
    assert request.headers["X-Api-Key"] == "key-hunter2"
    assert other.url == request.url
    assert other.body is request.body


def test_the_body_of_an_iterator_is_read_once() -> None:
    """A second reading is an error, not an empty body."""
    body = IteratorBody(iter([b"a"]))
    assert b"".join(body.chunks()) == b"a"
    with pytest.raises(BodyNotReplayable, match="read once"):
        list(body.chunks())


def test_an_asynchronous_body_is_for_asynchronous_clients() -> None:
    """There is no way to read one without a loop."""

    async def chunks() -> Any:
        yield b"a"

    body = IteratorBody(chunks())
    assert body.is_async
    check_async_body(body)
    with pytest.raises(ConfigurationError, match="AsyncClient only"):
        check_sync_body(body)

    async def read() -> list[bytes]:
        found = body.async_chunks()
        assert found is not None
        return [chunk async for chunk in found]

    assert asyncio.run(read()) == [b"a"]


def test_a_built_request_tells_whether_it_can_be_sent_twice() -> None:
    """Files that can be read again are replayable, iterators are not."""
    with SyncClient("https://api.test") as client:
        assert client.build("POST", data=io.BytesIO(b"x")).replayable
        assert not client.build("POST", data=iter([b"x"])).replayable
        assert not client.build("POST", files={"f": iter([b"x"])}).replayable
        assert client.build("POST", files={"f": b"x"}).replayable
