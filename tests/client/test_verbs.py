"""The verbs of clients and sub-clients: what files and paths they take."""

import io
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from arya_api_framework.errors import ConfigurationError
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
