"""`RawResponse`: what came back, the same on both clients."""

import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import requests
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from arya_api_framework import BaseModel, Hook, RawResponse, Response
from arya_api_framework.client.request import Request
from arya_api_framework.client.response import ResponseInfo
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    ConfigurationError,
    HTTPNotFound,
    ResponseParseError,
    ResponseValidationError,
)
from tests.app import Server
from tests.conftest import Kind
from tests.scripted import Scripted
from tests.scripted import answer as scripted


class User(Response):
    """A model to parse into."""

    id: int
    name: str


class Strict(BaseModel):
    """A model that no user fits."""

    missing: int


def answer(content: bytes = b"", *fields: tuple[str, str], **headers: str) -> RawResponse:
    """Return a response as a transport gives it."""
    request = Request(
        "GET",
        Origin("https", "api.test", 443),
        "/users?token=hunter2&page=2",
        CIMultiDict({"Authorization": "Bearer hunter2"}),
    )
    lines = [*fields, *((name.replace("_", "-"), value) for name, value in headers.items())]
    raw = tuple((name.encode(), value.encode("latin-1")) for name, value in lines)
    return RawResponse(200, raw, request, content, reason="OK", received=1709168523.5)


async def test_a_raw_response_tells_everything(kind: Kind, server: Server) -> None:
    """Status, headers, content and what led to them."""
    client = kind.client(server.url)
    raw = await client.get("/users/{id}", path_parameters={"id": 1}, raw=True)
    assert type(raw) is RawResponse
    assert (raw.status, raw.reason) == (200, "OK")
    assert raw.url == URL(f"{server.url}/users/1")
    assert (raw.request.method, raw.request.target) == ("GET", "/users/1")
    assert raw.headers["content-TYPE"] == "application/json; charset=utf-8"
    assert isinstance(raw.headers, CIMultiDictProxy)
    assert isinstance(raw.raw_headers, tuple)
    assert dict(raw.raw_headers)[b"Content-Type"] == b"application/json; charset=utf-8"
    assert raw.content.startswith(b'{"id": 1')
    assert raw.encoding == "utf-8"
    assert raw.text == raw.content.decode()
    assert raw.json()["name"] == "Ada"
    assert raw.parse(User) == User(id=1, name="Ada")
    assert raw.parse(User).model_response is not None
    assert raw.history == ()
    assert raw.body_error is None
    assert 0 < raw.elapsed < 10
    assert raw.received_at.tzinfo is UTC
    assert abs((raw.received_at - datetime.now(UTC)).total_seconds()) < 10


async def test_native_is_the_librarys_own_response(kind: Kind, server: Server) -> None:
    """Code that was written for requests or aiohttp finds what it knows."""
    client = kind.client(server.url)
    raw = await client.get("/users/1", raw=True)
    native = raw.native
    assert raw.native is native
    assert pickle.loads(pickle.dumps(raw)).native is None
    if kind.is_async:
        assert isinstance(native, aiohttp.ClientResponse)
        assert native.status == 200
    else:
        assert isinstance(native, requests.Response)
        assert native.status_code == 200
        assert native.json()["name"] == "Ada"
        assert native.url == f"{server.url}/users/1"
    assert native.headers["Content-Type"] == "application/json; charset=utf-8"
    assert native.ok


async def test_a_head_has_no_content(kind: Kind, server: Server) -> None:
    """`head()` returns the response, whatever format is asked for."""
    client = kind.client(server.url)
    raw = await client.head("/users/1")
    assert (raw.status, raw.content, raw.text) == (200, b"", "")
    assert int(raw.headers["Content-Length"]) > 0
    assert isinstance(await client.request("HEAD", "/users/1", response_format=User), RawResponse)


async def test_repeated_headers_stay_apart(kind: Kind, server: Server) -> None:
    """They are in order, and as they came."""
    client = kind.client(server.url)
    raw = await client.get("/set-cookie?a=1&b=2&line=c%3D3%3B%20Path%3D/%3B%20HttpOnly", raw=True)
    assert raw.headers.getall("set-cookie") == [
        "a=1; Path=/",
        "b=2; Path=/",
        "c=3; Path=/; HttpOnly",
    ]
    assert {name: morsel.value for name, morsel in raw.cookies.items()} == {
        "a": "1",
        "b": "2",
        "c": "3",
    }
    assert raw.cookies["c"]["httponly"]
    assert raw.cookies is raw.cookies


def test_a_broken_cookie_does_not_spoil_the_others() -> None:
    """What cannot be read is left out."""
    raw = answer(b"", ("Set-Cookie", "a=1"), ("Set-Cookie", "b@d,name=2"), ("Set-Cookie", "c=3"))
    assert {"a", "c"} <= set(raw.cookies)
    assert answer().cookies == {}
    broken = answer(b"", ("Set-Cookie", "a=1"), ("Set-Cookie", "expires=x; =; $x\u0001=1"))
    assert "a" in broken.cookies


def test_header_values_beyond_utf8_are_kept() -> None:
    """Bytes that are no text can be had again."""
    raw = answer(b"", ("X-Latin", "Grüße"), ("X-Many", "1"), ("x-many", "2"))
    assert raw.headers["X-Latin"].encode("utf-8", "surrogateescape") == "Grüße".encode("latin-1")
    assert raw.headers.getall("X-MANY") == ["1", "2"]
    assert raw.headers is raw.headers


@pytest.mark.parametrize(
    ("media_type", "content", "text"),
    [
        ("text/plain", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=ISO-8859-1", "Grüße".encode("latin-1"), "Grüße"),
        ('text/plain; charset="Windows-1252"; x=y', "€".encode("cp1252"), "€"),
        ("text/plain; Charset='utf-16'", "Grüße".encode("utf-16"), "Grüße"),
        ("text/plain; charset=nonsense", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=rot13", b"abc", "abc"),
        ("text/plain; charset=unicode_escape", b"\\d", "\\d"),
        ("text/plain; charset=idna", b"xn--", "xn--"),
        ("text/plain; charset=a\0b", b"abc", "abc"),
        ("text/plain", b"\xff", "\ufffd"),
        ("text/plain; charset=ascii", b"\xff", "\ufffd"),
        ("", b"abc", "abc"),
    ],
)
def test_text_is_read_in_the_declared_charset(media_type: str, content: bytes, text: str) -> None:
    """UTF-8 unless another is declared that servers may choose; what does not fit is marked."""
    assert answer(content, Content_Type=media_type).text == text


async def test_text_in_another_charset_comes_through(kind: Kind, server: Server) -> None:
    """`str` is the text as the server meant it."""
    client = kind.client(server.url)
    assert await client.get("/latin1", response_format=str) == "Grüße"
    assert await client.get("/latin1", response_format=bytes) == "Grüße".encode("latin-1")


@pytest.mark.parametrize(
    "path", ["/gzip", "/deflate", "/deflate?raw=1", "/chunked", "/bytes/100000"]
)
async def test_content_is_what_the_server_meant(kind: Kind, server: Server, path: str) -> None:
    """Codings and chunks are undone before anybody sees the content."""
    client = kind.client(server.url)
    raw = await client.get(path, raw=True)
    if path.startswith("/bytes"):
        assert len(raw.content) == 100_000
    elif path == "/chunked":
        assert raw.text == "chunk 0\nchunk 1\nchunk 2\n"
    else:
        assert raw.json()["target"] == path


def test_parsing_a_response_by_hand_gives_the_same_errors() -> None:
    """`json()` and `parse()` are what a call does."""
    raw = answer(b'{"id": 1, "name": "Ada"}')
    assert raw.parse(dict[str, Any]) == raw.json()
    with pytest.raises(ResponseValidationError, match="missing"):
        raw.parse(Strict)
    with pytest.raises(ResponseParseError, match="no valid JSON"):
        answer(b"<html>").json()
    with pytest.raises(ResponseParseError, match="has no content"):
        answer().parse(User)
    assert answer().json() is None
    assert answer().parse(User | None) is None


def test_a_response_shows_no_secret() -> None:
    """Its text is status, method and a URL without values."""
    raw = answer(b"body of hunter2", ("Set-Cookie", "a=hunter2"))
    assert repr(raw) == "<RawResponse 200 GET https://api.test/users?token=***&page=2>"
    assert repr(raw.info) == "<ResponseInfo 200 GET https://api.test/users?token=***&page=2>"


def test_a_pickled_response_holds_what_may_be_told() -> None:
    """The content goes along, but no secret that it tells back and no header that may be one."""
    raw = answer(
        b'{"you sent": "hunter2"}',
        ("Content-Type", "application/json"),
        ("Set-Cookie", "a=cookie-1"),
        ("ETag", '"v1"'),
        ("X-Internal", "internal-1"),
    )
    raw.history = (answer(b"", ("Location", "/x?key=location-1")),)
    raw.elapsed = 1.5
    data = pickle.dumps(raw)
    for secret in (b"hunter2", b"cookie-1", b"internal-1", b"location-1"):
        assert secret not in data
    restored = pickle.loads(data)
    assert restored.content == b'{"you sent": "***"}'
    assert restored.json() == {"you sent": "***"}
    assert dict(restored.headers) == {"Content-Type": "application/json", "ETag": '"v1"'}
    assert (restored.status, restored.reason, restored.elapsed) == (200, "OK", 1.5)
    assert restored.received_at == raw.received_at
    assert [hop.status for hop in restored.history] == [200]
    assert restored.native is None
    assert restored.body_error is None
    info = pickle.loads(pickle.dumps(raw.info))
    assert type(info) is ResponseInfo
    assert info.headers == restored.headers


def test_a_copy_of_a_response_is_whole() -> None:
    """Nothing is taken out of what does not travel."""
    raw = answer(b"hunter2", ("X-Secret", "hunter2"))
    other = copy.copy(raw)
    assert type(other) is RawResponse
    assert (other.content, other.headers["X-Secret"]) == (b"hunter2", "hunter2")
    assert other.request is raw.request
    assert copy.copy(raw.info).headers == raw.headers


def test_the_info_of_a_response_does_not_keep_its_content() -> None:
    """A model that remembers its response does not hold the bytes it was made from."""
    raw = answer(b"x" * 1000, Content_Type="text/plain")
    raw.elapsed, raw.history = 2.0, (raw.info,)
    info = raw.info
    assert not hasattr(info, "content")
    assert (info.status, info.reason, info.elapsed) == (200, "OK", 2.0)
    assert info.history == raw.history
    assert info.headers == raw.headers
    assert info.url == raw.url


def test_encoding_can_be_assigned() -> None:
    """Another charset than the declared one decodes the text and JSON, until it is taken back."""
    response = answer(b'{"a": "\xe9"}', Content_Type="application/json; charset=utf-16")
    response.encoding = "latin-1"

    assert response.encoding == "latin-1"
    assert response.text == '{"a": "é"}'
    assert response.json() == {"a": "é"}
    assert pickle.loads(pickle.dumps(response)).encoding == "latin-1"

    response.encoding = None
    assert response.encoding == "utf-16"


@pytest.mark.parametrize("charset", ["nonsense", "utf-7", "a\0b", 5])
def test_encoding_must_be_a_charset(charset: Any) -> None:
    """What Python cannot decode to text is refused when it is assigned."""
    response = answer(b"{}")
    with pytest.raises(ConfigurationError, match="encoding must be"):
        response.encoding = charset
    assert response.encoding == "utf-8"


async def test_a_client_and_a_call_say_the_charset(kind: Kind) -> None:
    """Whatever the server declares; a hook that has assigned one goes before."""

    class Own(Hook):
        def after_call(self, request: Request, response: RawResponse) -> None:
            response.encoding = "latin-1"

    body, declared = '{"a": "é"}'.encode("utf-16"), "Content-Type: application/json; charset=ascii"
    steps = [scripted(200, declared, body=body)] * 3
    texts = [scripted(404, declared, body="日".encode("shift_jis"))]
    async with Scripted(*steps, *texts, scripted(200, body=b'"\xe9"')) as server:
        client = kind.client(server.url, encoding="utf-16")
        assert await client.get("/") == {"a": "é"}
        assert await client.get("/", response_format=dict[str, str]) == {"a": "é"}
        assert await client.get("/", response_format=str) == '{"a": "é"}'
        with pytest.raises(HTTPNotFound) as caught:
            await client.get("/", encoding="shift_jis")
        assert caught.value.response == "日"
        assert await client.get("/", hooks=[Own()]) == "é"
