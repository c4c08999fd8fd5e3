"""`NetrcAuth`: which entry of the file is sent, and what is said of a file that is none."""

import os
from pathlib import Path
from typing import Any

import pytest

from arya_api_framework.auth import BearerAuth, NetrcAuth
from arya_api_framework.errors import ConfigurationError, MissingCredentials
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.scripted import Scripted, answer

ANN, BOB = "Basic YW5uOmE=", "Basic Ym9iOmI="


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file."""
    path.write_text(text)
    path.chmod(mode)
    return path


def sent(server: Scripted) -> list[str | None]:
    """Return what a server read."""
    return [read.headers.get("Authorization") for read in server.log]


async def test_the_entry_of_the_host_counts(lane: Lane, tmp_path: Path) -> None:
    """Each time as the file is then; an Authorization of the call goes before."""
    file = write(tmp_path / "netrc", "machine 127.0.0.1 login ann password a\n")
    async with Scripted(answer(302, "Location: /b")) as server:
        client = lane.client(server.url, auth=NetrcAuth(file))
        await client.get("/")
        write(file, "machine other.test login x password y\ndefault login bob password b\n")
        await client.get("/")
        await client.get("/", headers={"Authorization": "mine"})
        write(file, "machine other.test login x password y\n")
        await client.get("/")
        assert sent(server) == [ANN, ANN, BOB, "mine", None]


async def test_names_of_hosts(kind: Kind, tmp_path: Path) -> None:
    """In any case, as hosts are; the first of several counts."""
    text = "machine LocalHost login ann password a\nmachine localhost login bob password b\n"
    file = write(tmp_path / "netrc", text)
    async with Scripted() as server:
        url = server.url.replace("127.0.0.1", "localhost")
        await kind.client(url, auth=NetrcAuth(file)).get("/")
        assert sent(server) == [ANN]


async def test_a_file_that_takes_its_place(kind: Kind, tmp_path: Path) -> None:
    """Of the same length and time, as a restored one may be."""
    file = write(tmp_path / "netrc", "default login ann password a\n")
    auth = NetrcAuth(file)
    async with Scripted() as server:
        client = kind.client(server.url, auth=auth)
        await client.get("/")
        other = write(tmp_path / "other", "default login bob password b\n")
        state = file.stat()
        os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
        other.replace(file)
        await client.get("/")
        assert sent(server) == [ANN, BOB]


@pytest.mark.parametrize("file", [5, b"netrc", "", "a\0b"])
def test_what_is_no_path(file: Any) -> None:
    """It is refused at once."""
    with pytest.raises(ConfigurationError, match="file of a NetrcAuth must be a path"):
        NetrcAuth(file)


async def test_where_the_file_is(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the home of the user, or where `NETRC` says; nobody reads it unasked."""
    write(tmp_path / ".netrc", "default login ann password a\n")
    other = write(tmp_path / "other", "default login bob password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    async with Scripted() as server:
        client = kind.client(server.url, auth=NetrcAuth())
        await client.get("/")
        monkeypatch.setenv("NETRC", str(other))
        await client.get("/")
        await client.get("/", auth=BearerAuth("t"))
        await kind.client(server.url).get("/")
        assert sent(server) == [ANN, BOB, "Bearer t", None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("machine 127.0.0.1 login hunter2 pass", "is no netrc file"),
        ("hunter2", "is no netrc file"),
        ("machine 127.0.0.1 login a:b password hunter2", "holds a colon"),
    ],
)
async def test_a_file_that_is_none(kind: Kind, tmp_path: Path, text: str, words: str) -> None:
    """The error names it, and shows nothing of it."""
    async with Scripted() as server:
        client = kind.client(server.url, auth=NetrcAuth(write(tmp_path / "netrc", text)))
        with pytest.raises(MissingCredentials, match=words) as caught:
            await client.get("/")
        assert "hunter2" not in str(caught.value) + repr(caught.value.__cause__)
        assert server.log == []


@pytest.mark.parametrize("mode", [0o644, 0o640, None])
async def test_a_file_that_is_not_to_be_trusted(kind: Kind, tmp_path: Path, mode: Any) -> None:
    """Or is not there."""
    path = tmp_path / "netrc"
    words = "cannot be read: No such file"
    if mode is not None:
        write(path, "default login ann password a\n", mode)
        words = "can be read by others; give it mode 0600"
    async with Scripted() as server:
        with pytest.raises(MissingCredentials, match=words):
            await kind.client(server.url, auth=NetrcAuth(path)).get("/")
        assert server.log == []
