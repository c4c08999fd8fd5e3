"""The verbs of clients and sub-clients: what files and paths they take."""

import io
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from arya_api_framework.constants import HTTPMethod
from arya_api_framework.errors import (
    ClientClosedError,
    ConfigurationError,
    HTTPFound,
    HTTPNotModified,
)
from tests.app import Server
from tests.conftest import Kind


@pytest.mark.parametrize("of", [str, Path, Path.read_bytes, lambda path: bytearray(b"content")])
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_files(kind: Kind, server: Server, tmp_path: Path, of: Any, method: str) -> None:
    """A file is a path, a `Path`, bytes, or open; what is known of it goes along."""
    path = tmp_path / "name.txt"
    path.write_text("content")
    client = kind.client(server.url)
    options = {} if method == "POST" else {"method": method}
    told = await client.upload_file(of(path), "/echo", **options)
    [file] = told["files"]
    named = of in (str, Path)
    assert told["method"] == method
    assert (file["name"], file["size"]) == ("file", 7)
    assert file["filename"] == ("name.txt" if named else "file")
    assert file["content_type"] == ("text/plain" if named else "application/octet-stream")
    told = await client.stream_file(of(path), "/echo", content_type="text/x-one", **options)
    assert (told["method"], told["text"]) == (method, "content")
    assert server.log[-1].headers["Content-Type"] == "text/x-one"


async def test_an_open_file_stays_open(kind: Kind, server: Server) -> None:
    """A file that the caller opened is read and left to the caller."""
    file = io.BytesIO(b"content")
    client = kind.client(server.url)
    assert (await client.stream_file(file, "/echo"))["text"] == "content"
    assert not file.closed


@pytest.mark.parametrize("verb", ["upload_file", "stream_file"])
@pytest.mark.parametrize("file", [5, None, {"a": b"b"}, [b"a"], iter([b"a"])])
async def test_what_is_no_file(kind: Kind, server: Server, verb: str, file: Any) -> None:
    """Anything else is refused before something is sent, for the call it was given to."""
    client = kind.client(server.url)
    with pytest.raises(
        ConfigurationError, match="a file must be a path, bytes or an open"
    ) as caught:
        await getattr(client, verb)(file, "/echo?token=1", method="PUT")
    assert (caught.value.method, caught.value.url) == ("PUT", "/echo?token=***")
    assert server.log == []


@pytest.mark.parametrize("path", [5, b"/users", Path("/users"), ["/users"]])
async def test_what_is_no_path(kind: Kind, server: Server, path: Any) -> None:
    """A path is text, a URL, or nothing."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="a path must be text or a URL, got"):
        await client.get(path)
    assert server.log == []


@pytest.mark.parametrize("path", ["/users/{id}", URL("/users/{id}"), URL("users/{id}")])
async def test_templates(kind: Kind, server: Server, path: Any) -> None:
    """The fields of a path may be written as text or in a URL, which encodes their braces."""
    user = await kind.client(server.url).get(path, path_parameters={"id": 3})
    assert user["id"] == 3
    assert server.log[-1].target == "/users/3"


async def test_a_head_that_is_not_followed_is_an_error(kind: Kind, server: Server) -> None:
    """As for any other method, unless the raw response was asked for."""
    client = kind.client(server.url)
    with pytest.raises(HTTPNotModified) as caught:
        await client.head("/status/304")
    assert caught.value.status_code == 304
    with pytest.raises(HTTPFound):
        await client.head("/redirect/1", follow_redirects=False)
    raw = await client.request("HEAD", "/redirect/1", follow_redirects=False, raw=True)
    assert raw.status == 302
    assert (await client.head("/redirect/1")).status == 200


async def test_connect_is_no_method_of_a_client(kind: Kind, server: Server) -> None:
    """It asks for a tunnel, and has another target than all others."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="CONNECT") as caught:
        await client.request("connect", "/echo")
    assert (caught.value.method, caught.value.url) == ("CONNECT", f"{server.url}/echo")
    assert server.log == []


async def test_an_error_before_sending_tells_method_and_url(kind: Kind, server: Server) -> None:
    """What was asked for is on every error of a call."""
    client = kind.client(f"{server.url}/v1")
    for path, url in (("users?token=x", "/v1/users?token=***"), (None, "/v1"), ("/a", "/v1/a")):
        with pytest.raises(ConfigurationError) as caught:
            await client.request("get", path, timeout="soon")
        assert (caught.value.method, caught.value.url) == ("GET", server.url + url)
    request = client.build("PUT", "/a")
    request.headers["X-A"] = "a\nb"
    with pytest.raises(ConfigurationError) as caught:
        await client.send(request)
    assert (caught.value.method, caught.value.url) == ("PUT", f"{server.url}/v1/a")
    with pytest.raises(ConfigurationError, match="send takes a Request that `build` made, got str"):
        await client.send("/a")
    await client.close()
    with pytest.raises(ClientClosedError) as closed:
        await client.get("/a")
    assert (closed.value.method, closed.value.url) == ("GET", f"{server.url}/v1/a")


@pytest.mark.parametrize("name", ["body", "data", "files"])
async def test_nothing_is_dropped_beside_a_file(kind: Kind, server: Server, name: str) -> None:
    """What has no place in the request is refused; fields have one in a form."""
    client = kind.client(server.url)
    options = {name: {"other": b"1"}}
    with pytest.raises(ConfigurationError, match=f"'{name}' has no place beside the file"):
        await client.stream_file(b"x", "/echo", **options)
    if name == "data":
        told = await client.upload_file(b"x", "/echo", data={"other": "1"})
        assert told["form"] == [["other", "1"]]
        return
    with pytest.raises(ConfigurationError, match=f"'{name}' has no place beside the file"):
        await client.upload_file(b"x", "/echo", **options)
    assert server.log == []


@pytest.mark.parametrize("name", ["timeout", "retry", "raw", "response_format"])
def test_build_takes_no_option_of_send(kind: Kind, name: str) -> None:
    """A request does not keep them, so they are refused."""
    with pytest.raises(ConfigurationError, match=f"'{name}' is an option of `send`"):
        kind.client("https://h.test").build("GET", "/", **{name: None})


async def test_any_is_no_method_of_a_call(kind: Kind) -> None:
    """It stands for all of them where endpoints are declared."""
    with pytest.raises(ConfigurationError, match="ANY"):
        await kind.client("https://h.test").request(HTTPMethod.ANY, "/")
