"""Both clients against a server of another project, plain and over TLS."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from arya_api_framework import TLS
from arya_api_framework.errors import (
    CertificateError,
    HTTPNotFound,
    HTTPRedirect,
    HTTPServerError,
    HTTPTooManyRequests,
    HTTPUnauthorized,
    RequestTimeout,
    TooManyRedirects,
)
from tests.conftest import Kind


class Echo(BaseModel):
    """What httpbin tells back."""

    args: dict[str, Any] = {}
    headers: dict[str, str]
    url: str


@pytest.fixture(params=["plain", "tls"])
def httpbin(request: pytest.FixtureRequest, kind: Kind) -> Callable[..., Any]:
    """A function that makes a client of httpbin."""
    if request.param == "plain":
        url: str = request.getfixturevalue("httpbin_url")
        return lambda **options: kind.client(url, **options)
    tls_url: str = request.getfixturevalue("httpbin_tls_url")
    ca: Path = request.getfixturevalue("ca_pem")
    return lambda **options: kind.client(tls_url, tls=TLS(ca=ca), **options)


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
async def test_methods(httpbin: Callable[..., Any], method: str) -> None:
    """Each verb arrives with its query and headers."""
    client = httpbin(headers={"X-Key": "k"}, parameters={"a": 1})
    echo = await getattr(client, method)(
        f"/{method}", parameters={"b": ["x y", "ü"]}, headers={"X-Call": "c"}, response_format=Echo
    )
    assert echo.args == {"a": "1", "b": ["x y", "ü"]}
    assert echo.headers["X-Key"] == "k"
    assert echo.headers["X-Call"] == "c"
    assert echo.headers["User-Agent"].startswith("arya-api-framework/")


async def test_head_and_options(httpbin: Callable[..., Any]) -> None:
    """HEAD has headers only, OPTIONS tells what is allowed."""
    client = httpbin()
    response = await client.head("/get")
    assert (response.status, response.content) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0
    allowed = (await client.options("/get", raw=True)).headers["Allow"]
    assert {"GET", "HEAD", "OPTIONS"} <= set(allowed.split(", "))


async def test_bodies(httpbin: Callable[..., Any]) -> None:
    """JSON, forms, text, bytes and iterators arrive as what they are."""
    client = httpbin()
    assert (await client.post("/post", body={"a": ["ü", None]}))["json"] == {"a": ["ü", None]}
    assert (await client.post("/post", data={"a": "1 2", "b": "ü&"}))["form"] == {
        "a": "1 2",
        "b": "ü&",
    }
    assert (await client.post("/post", data="text"))["data"] == "text"
    binary = (await client.put("/put", data=bytes(range(256))))["data"]
    assert binary.endswith(base64.b64encode(bytes(range(256))).decode())
    assert (await client.post("/post", data=iter([b"a", b"bc"])))["data"] == "abc"


async def test_files(httpbin: Callable[..., Any], tmp_path: Path) -> None:
    """Uploads arrive, multipart and raw, with progress."""
    (tmp_path / "file.txt").write_text("content")
    client = httpbin()
    told: list[tuple[int, int | None]] = []
    found = await client.upload_file(
        tmp_path / "file.txt", "/post", on_progress=lambda *one: told.append(one)
    )
    assert found["files"] == {"file": "content"}
    assert told[-1][0] == told[-1][1]
    assert (await client.stream_file(tmp_path / "file.txt", "/post"))["data"] == "content"
    found = await client.post("/post", files={"a": b"1"}, data={"b": "2"})
    assert (found["files"], found["form"]) == ({"a": "1"}, {"b": "2"})


async def test_large_upload_and_download(httpbin: Callable[..., Any]) -> None:
    """A megabyte goes there, and a hundred kilobytes come back, whole."""
    client = httpbin(timeout=30)
    found = await client.post("/post", data="x" * 1024 * 1024)
    assert found["data"] == "x" * 1024 * 1024
    content = await client.get("/bytes/102400?seed=1", response_format=bytes)
    assert len(content) == 102400
    assert content == await client.get("/stream-bytes/102400?seed=1", response_format=bytes)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_codings(httpbin: Callable[..., Any], coding: str) -> None:
    """Coded bodies are decoded."""
    found = await httpbin().get(f"/{coding}")
    assert found["gzipped" if coding == "gzip" else "deflated"] is True


async def test_chunked(httpbin: Callable[..., Any]) -> None:
    """A body in chunks is put together."""
    lines = (await httpbin().get("/stream/5", response_format=str)).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [0, 1, 2, 3, 4]


async def test_cookies(httpbin: Callable[..., Any]) -> None:
    """Cookies of client and call arrive; what the server sets can be read."""
    client = httpbin(cookies={"a": "1"})
    assert await client.get("/cookies", cookies={"b": "2"}) == {"cookies": {"a": "1", "b": "2"}}
    response = await client.get("/cookies/set?c=3", raw=True, follow_redirects=False)
    assert response.cookies["c"].value == "3"


async def test_redirects(httpbin: Callable[..., Any]) -> None:
    """Redirects are followed, up to a number, with the method that follows from the status."""
    client = httpbin()
    response = await client.get("/redirect/3", raw=True)
    assert len(response.history) == 3
    assert response.url.path == "/get"
    assert (await client.get("/absolute-redirect/1", response_format=Echo)).url.endswith("/get")
    with pytest.raises(TooManyRedirects):
        await client.get("/redirect/4", max_redirects=3)
    with pytest.raises(HTTPRedirect):
        await client.get("/redirect/1", follow_redirects=False)
    found = await client.post("/redirect-to?url=/post&status_code=307", body={"a": 1})
    assert found["json"] == {"a": 1}
    found = await client.post("/redirect-to?url=/get&status_code=303", body={"a": 1})
    assert "Content-Type" not in found["headers"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, HTTPUnauthorized),
        (404, HTTPNotFound),
        (429, HTTPTooManyRequests),
        (599, HTTPServerError),
    ],
)
async def test_statuses(httpbin: Callable[..., Any], status: int, error: type[Exception]) -> None:
    """Error statuses are errors."""
    with pytest.raises(error) as caught:
        await httpbin().get(f"/status/{status}")
    assert type(caught.value) is error


async def test_bearer_token(httpbin: Callable[..., Any]) -> None:
    """The token is sent as its value."""
    found = await httpbin(bearer_token="secret").get("/bearer")
    assert found == {"authenticated": True, "token": "secret"}


async def test_not_modified(httpbin: Callable[..., Any]) -> None:
    """A 304 has no body, and the connection serves the next call."""
    client = httpbin()
    response = await client.get("/etag/e", headers={"If-None-Match": "e"}, raw=True)
    assert (response.status, response.content) == (304, b"")
    assert (await client.get("/get", response_format=Echo)).url.endswith("/get")


async def test_formats(httpbin: Callable[..., Any]) -> None:
    """Text, bytes and JSON come as they are asked for."""
    client = httpbin()
    assert "Moby-Dick" in await client.get("/html", response_format=str)
    assert (await client.get("/image/png", response_format=bytes)).startswith(b"\x89PNG")
    assert (await client.get("/encoding/utf8", raw=True)).text.count("∮") == 1
    assert (await client.get("/json"))["slideshow"]["author"] == "Yours Truly"


async def test_timeouts(httpbin: Callable[..., Any]) -> None:
    """A slow head and a dripping body are given up in time."""
    client = httpbin()
    for path in ("/delay/3", "/drip?duration=3&numbytes=30"):
        with pytest.raises(RequestTimeout):
            await client.get(path, timeout=0.3)
    assert (await client.get("/drip?duration=0.1&numbytes=5", response_format=bytes)) == b"*****"


async def test_untrusted(kind: Kind, httpbin_tls_url: str) -> None:
    """A certificate nobody vouches for is refused."""
    with pytest.raises(CertificateError):
        await kind.client(httpbin_tls_url).get("/get")
