"""`NetrcAuth`: which entry of the file is sent, and what is said of a file that is none."""

import contextlib
import netrc
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arya_api_framework.auth import BearerAuth, NetrcAuth
from arya_api_framework.errors import ConfigurationError, MissingCredentials
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.scripted import Scripted, answer

needs_owners = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
ANN, BOB = "Basic YW5uOmE=", "Basic Ym9iOmI="


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file."""
    path.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
    path.chmod(mode)
    return path


def sent(server: Scripted) -> list[str | None]:
    """Return what a server read."""
    return [read.headers.get("Authorization") for read in server.log]


async def test_the_entry_of_the_host_counts(lane: Lane, tmp_path: Path) -> None:
    """Each time as the file is then; an Authorization of the call goes before."""
    text = 'machine 127.0.0.1 # login x\n  login "ann"\n  # login y\n  password a # login z\n'
    file = write(tmp_path / "netrc", text)
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


@pytest.mark.parametrize("name", ["default", '"default"', "DEFAULT", "\\default"])
async def test_a_machine_of_the_name_default(kind: Kind, tmp_path: Path, name: str) -> None:
    """It is that machine, and no other."""
    file = write(tmp_path / "netrc", f"machine {name} login ann password a\n")
    async with Scripted() as server:
        client = kind.client(server.url, auth=NetrcAuth(file))
        await client.get("/")
        write(file, f"default login bob password b\nmachine {name} login ann password a\n")
        await client.get("/")
        assert sent(server) == [None, BOB]


WORDS = st.text(st.sampled_from("ab#\"\\'é\xa0"), min_size=1, max_size=4)
VALUES = WORDS.filter(lambda word: word[0] != '"').map(lambda word: word.replace("\\", "\\\\"))
QUOTED = st.text(st.sampled_from("ab# 'é\n"), max_size=4).map(lambda text: f'"{text}"')
PAIRS = st.tuples(st.sampled_from(["login", "user", "account", "password"]), VALUES | QUOTED)
ITEMS = PAIRS.map(" ".join)
BREAKS = st.sampled_from([" ", "\n", "\t", "\r\n", "\n#login\n", "\n\n"])


@given(st.data(), st.lists(st.lists(ITEMS, max_size=5), max_size=4), st.booleans(), st.booleans())
def test_what_others_read(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    entries: list[list[str]],
    has_macro: bool,
    has_default: bool,
) -> None:
    """The parser of the standard library finds the same in a file, macros and comments included."""
    text = "macdef init\nlogin hunter2\nbye\n\n" if has_macro else ""
    for number, items in enumerate(entries):
        is_default = has_default and number == len(entries) - 1
        head = "default" if is_default else f"machine host{number}"
        text += "".join(f"{one}{data.draw(BREAKS)}" for one in [head, *items])
    file = write(tmp_path_factory.mktemp("netrc") / "file", text)
    theirs = netrc.netrc(file).hosts
    ours = NetrcAuth(file)._load(str(file))
    found = {**ours.hosts, **({} if ours.default is None else {"default": ours.default})}
    names = ("login", "account", "password")
    assert {
        host: tuple(entry.get(name, "") for name in names) for host, entry in found.items()
    } == theirs


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
        ("login hunter2", "is no netrc file"),
        ("default login ann password a\nhunter2 b", "is no netrc file"),
        ('machine 127.0.0.1 login "hunter2', "is no netrc file"),
        ("macdef init\nhunter2\n", "is no netrc file"),
        ("machine 127.0.0.1 password hunter2\udcff", "is no netrc file"),
        ("machine 127.0.0.1 login a:b password hunter2", "holds a colon"),
    ],
)
async def test_a_file_that_is_none(kind: Kind, tmp_path: Path, text: str, words: str) -> None:
    """The error names it, and shows nothing of it."""
    async with Scripted() as server:
        client = kind.client(server.url, auth=NetrcAuth(write(tmp_path / "netrc", text)))
        with pytest.raises(MissingCredentials, match=words) as caught:
            await client.get("/")
        error = caught.value
        assert "hunter2" not in f"{error} {error.__cause__!r} {error.__context__!r}"
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


@needs_owners
async def test_a_file_of_another_user(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not to be trusted, where it is not root's."""
    file = write(tmp_path / "netrc", "default login ann password a\n")
    async with Scripted() as server:
        client = kind.client(server.url, auth=NetrcAuth(file))
        if os.geteuid() == 0:
            monkeypatch.setattr(os, "geteuid", lambda: 4242)
            await client.get("/")
            os.chown(file, 4243, -1)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 4242)
        with pytest.raises(MissingCredentials, match="belongs to another user"):
            await client.get("/")
        assert sent(server) == [ANN] * len(server.log)


@needs_owners
@pytest.mark.parametrize("made", ["pipe", "folder"])
async def test_what_is_no_file(kind: Kind, tmp_path: Path, made: str) -> None:
    """It is not waited for."""
    path = tmp_path / "netrc"
    (os.mkfifo if made == "pipe" else os.mkdir)(path, 0o600)
    async with Scripted() as server:
        with pytest.raises(MissingCredentials, match=r"is no file|Is a directory"):
            await kind.client(server.url, auth=NetrcAuth(path)).get("/")
        assert server.log == []


@needs_owners
async def test_a_file_is_checked_when_it_is_open(tmp_path: Path) -> None:
    """What takes its place meanwhile is not read unchecked."""
    good = write(tmp_path / "good", "machine 127.0.0.1 login ann password a\n")
    bad = write(tmp_path / "bad", "machine 127.0.0.1 login bob password bb\n", 0o644)
    path, over = tmp_path / "netrc", threading.Event()

    def change() -> None:
        while not over.is_set():
            for file in (good, bad):
                link = tmp_path / "link"
                link.symlink_to(file)
                link.replace(path)

    path.symlink_to(good)
    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(2000):
            with contextlib.suppress(MissingCredentials):
                hosts = NetrcAuth(path)._load(str(path)).hosts
                assert hosts["127.0.0.1"]["login"] == "ann"
    finally:
        over.set()
        thread.join()
