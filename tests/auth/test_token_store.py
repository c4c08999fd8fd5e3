"""Where tokens are kept: files that several processes share, and what may become of them."""

import asyncio
import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from arya_api_framework.auth import FileTokenStore, MemoryTokenStore, Token, TokenStore
from arya_api_framework.errors import TokenRefreshError
from tests.auth.test_oauth2 import gives, login, sent
from tests.conftest import Kind, needs_fork
from tests.forks import in_child
from tests.scripted import Read, Scripted, answer


def store_at(path: Path) -> FileTokenStore:
    """Return a store that holds one token."""
    store = FileTokenStore(path)
    store.save("key", Token("secret-a", 5.0, "secret-r", 1.0, "s"))
    return store


def test_a_file_keeps_tokens(tmp_path: Path) -> None:
    """Of several keys, with mode 0600, and beside it what is locked."""
    path = tmp_path / "tokens.json"
    store = store_at(path)
    store.save("other", Token("b"))
    again = FileTokenStore(path)
    assert again.load("key") == Token("secret-a", 5.0, "secret-r", 1.0, "s")
    assert again.load("other") == Token("b")
    assert again.load("nothing") is None
    assert sorted(os.listdir(tmp_path)) == ["tokens.json", "tokens.json.lock"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"[]",
        b"[" * 100_000,
        b'{"tokens": 5}',
        b'{"tokens": {"key": 5}}',
        b'{"tokens": {"key": {"access_token": 5}}}',
        b'{"tokens": {"key": {"access_token": "a", "scope": 5}}}',
        b'{"tokens": {"key": {"access_token": "a", "expires_at": "x"}}}',
        b'{"tokens": {"key": {"access_token": "a", "more": 1}}}',
        b'{"tokens": {"key": {"access_token": ""}}}',
        b'{"tokens": {"key": {"access_token": "a\\nb"}}}',
        b'{"tokens": {"key": {"access_token": "a", "expires_at": 1%s}}}' % (b"0" * 400),
        b'{"tokens": {"key": {"access_token": "%s"}}}' % (b"a" * 2_000_000),
    ],
)
def test_a_file_that_is_none_holds_nothing(tmp_path: Path, content: bytes) -> None:
    """And is written anew."""
    path = tmp_path / "tokens.json"
    path.write_bytes(content)
    path.chmod(0o600)
    store = FileTokenStore(path)
    assert store.load("key") is None
    store.save("key", Token("a"))
    assert store.load("key") == Token("a")


def test_files_that_are_not_to_be_trusted(tmp_path: Path) -> None:
    """The errors name the file, and show nothing of it."""
    path = tmp_path / "tokens.json"
    store = store_at(path)
    path.chmod(0o640)
    with pytest.raises(TokenRefreshError, match="can be read by others; give it mode 0600"):
        store.load("key")
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(TokenRefreshError, match="is a link, or cannot be read"):
        FileTokenStore(link).load("key")
    with pytest.raises(TokenRefreshError, match="is no file"):
        FileTokenStore(tmp_path).load("key")
    missing = FileTokenStore(tmp_path / "no" / "file")
    with pytest.raises(TokenRefreshError, match="cannot be locked: No such file"):
        missing.save("key", Token("a"))
    with pytest.raises(TokenRefreshError, match="cannot be locked: No such file"):
        missing.try_lock("key")
    os.mkdir(tmp_path / "taken")
    with pytest.raises(TokenRefreshError, match="is no file"):
        FileTokenStore(tmp_path / "taken").save("key", Token("a"))
    kept = [name for name in os.listdir(tmp_path) if not name.endswith(".lock")]
    assert sorted(kept) == ["link", "taken", "tokens.json"]


def test_what_cannot_be_put_in_place_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file before stays, and the one that was begun is gone."""
    store = store_at(tmp_path / "tokens.json")

    def fail(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(TokenRefreshError, match="cannot be written: Permission denied"):
        store.save("key", Token("b"))
    assert sorted(os.listdir(tmp_path)) == ["tokens.json", "tokens.json.lock"]


@pytest.mark.parametrize("make", [MemoryTokenStore, None])
def test_one_at_a_time_has_the_lock_of_a_key(tmp_path: Path, make: Any) -> None:
    """Others are told so, and do not wait; other keys have their own."""
    one: TokenStore = make() if make else FileTokenStore(tmp_path / "tokens.json")
    other = one if make else FileTokenStore(tmp_path / "tokens.json")
    release = one.try_lock("a")
    assert release is not None
    assert other.try_lock("a") is None
    of_b = other.try_lock("b")
    assert of_b is not None
    release()
    assert one.try_lock("b") is None
    again = other.try_lock("a")
    assert again is not None
    again()
    of_b()


async def test_a_file_that_is_deleted_meanwhile(kind: Kind, tmp_path: Path) -> None:
    """The token in memory is used on; the next one is written anew."""
    path = tmp_path / "tokens.json"
    script = [gives("a"), gives("b")]
    async with (
        Scripted(*script) as tokens,
        Scripted(answer(200), answer(200), answer(401)) as server,
    ):
        client = kind.client(server.url, auth=login(tokens, store=FileTokenStore(path)))
        await client.get("/")
        path.unlink()
        await client.get("/")
        assert not path.exists()
        await client.get("/")
        assert sent(server) == ["Bearer a", "Bearer a", "Bearer a", "Bearer b"]
        assert path.exists()


@pytest.mark.parametrize("left", [None, b"garbage" * 200_000])
async def test_a_file_that_another_process_breaks_while_a_token_is_fetched(
    kind: Kind, tmp_path: Path, left: bytes | None
) -> None:
    """It is written anew, whole."""
    path = tmp_path / "tokens.json"
    store = store_at(path)

    def spoil(_: Read) -> bytes:
        path.unlink()
        if left is not None:
            path.write_bytes(left)
            path.chmod(0o600)
        return gives("a")

    async with Scripted(spoil) as tokens, Scripted() as server:
        auth = login(tokens, store=store)
        await kind.client(server.url, auth=auth).get("/")
        assert sent(server) == ["Bearer a"]
        kept = store.load(auth.key)
        assert kept is not None
        assert kept.access_token == "a"


async def test_another_process_was_faster(kind: Kind, tmp_path: Path) -> None:
    """Its token is taken in place of one that is refused; its lock is waited for."""
    path = tmp_path / "tokens.json"
    async with Scripted(gives("a")) as tokens, Scripted(answer(200), answer(401)) as server:
        auth = login(tokens, store=FileTokenStore(path))
        client = kind.client(server.url, auth=auth)
        await client.get("/")
        other = FileTokenStore(path)
        release = other.try_lock(auth.key)
        assert release is not None
        other.save(auth.key, Token("b"))
        threading.Timer(0.3, release).start()
        await client.get("/")
        assert sent(server) == ["Bearer a", "Bearer a", "Bearer b"]
        assert len(tokens.log) == 1


needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


@needs_posix
def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was put there for us to use."""
    store = store_at(tmp_path / "tokens.json")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(TokenRefreshError, match="is the file of another user"):
        store.load("key")


@needs_posix
def test_a_lock_that_is_deleted_while_it_is_taken_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or two would have it: it is taken anew."""
    import fcntl

    store = FileTokenStore(tmp_path / "tokens.json")
    flock = fcntl.flock

    def lock_late(handle: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        for name in os.listdir(tmp_path):
            os.unlink(tmp_path / name)
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    assert store.try_lock("key") is None
    release = store.try_lock("key")
    assert release is not None
    assert store.try_lock("key") is None
    release()


@needs_posix
def test_a_lock_that_is_deleted_while_it_is_held(tmp_path: Path) -> None:
    """Two may fetch then, and what both keep is kept."""
    one, other = (FileTokenStore(tmp_path / "tokens.json") for _ in range(2))
    first = one.try_lock("key")
    assert first is not None
    for name in os.listdir(tmp_path):
        os.unlink(tmp_path / name)
    second = other.try_lock("key")
    assert second is not None
    one.save("a", Token("a"))
    first()
    other.save("b", Token("b"))
    assert one.try_lock("key") is None, "the second has it still"
    second()
    assert (one.load("a"), one.load("b")) == (Token("a"), Token("b"))


@needs_posix
def test_a_system_that_cannot_lock_is_not_a_busy_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems of a network cannot: nobody waits for that."""
    import fcntl

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    store = FileTokenStore(tmp_path / "tokens.json")
    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(TokenRefreshError, match="cannot be locked: No locks available"):
        store.try_lock("key")
    with pytest.raises(TokenRefreshError, match="cannot be locked: No locks available"):
        store.save("key", Token("a"))


@needs_posix
def test_the_folder_is_on_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the file, which has its name in there."""
    synced, fsync = list[str](), os.fsync

    def watch(handle: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    store_at(tmp_path / "tokens.json")
    assert synced == ["file", "folder"]


def test_who_writes_is_waited_for(tmp_path: Path) -> None:
    """But not for ever."""
    path = tmp_path / "tokens.json"
    store = store_at(path)
    writing = store._try_lock(f"{path}.lock")
    assert writing is not None
    with pytest.raises(TokenRefreshError, match="another process does so, and does not end"):
        FileTokenStore(path).save("key", Token("b"))
    threading.Timer(0.1, writing).start()
    FileTokenStore(path).save("key", Token("c"))
    assert store.load("key") == Token("c")


def test_a_file_does_not_grow_beyond_what_is_read(tmp_path: Path) -> None:
    """What it holds stays."""
    store = store_at(tmp_path / "tokens.json")
    with pytest.raises(TokenRefreshError, match="would be larger than 1 MiB") as caught:
        store.save("more", Token("hunter2" * 200_000))
    assert "hunter2" not in str(caught.value)
    assert store.load("key") is not None
    assert store.load("more") is None


@needs_fork
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """The file before stays, and nothing that was begun."""
    import resource

    store = store_at(tmp_path / "tokens.json")

    def child() -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        with pytest.raises(TokenRefreshError, match="cannot be written: File too large") as caught:
            store.save("key", Token("hunter2"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))  # What measures coverage writes.
        assert "hunter2" not in str(caught.value)

    assert in_child(child) == ""
    assert store.load("key") == Token("secret-a", 5.0, "secret-r", 1.0, "s")
    assert sorted(os.listdir(tmp_path)) == ["tokens.json", "tokens.json.lock"]


@needs_fork
def test_a_folder_that_may_not_be_written() -> None:
    """The error says so."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        store = FileTokenStore(os.path.join(folder, "tokens.json"))

        def child() -> None:
            if os.geteuid() == 0:  # Who may do anything.
                os.seteuid(65534)
            with pytest.raises(TokenRefreshError, match="cannot be locked: Permission denied"):
                store.try_lock("key")
            with pytest.raises(TokenRefreshError, match="cannot be locked: Permission denied"):
                store.save("key", Token("a"))

        assert in_child(child) == ""
        assert os.listdir(folder) == []


async def test_a_folder_that_is_removed_while_a_token_is_fetched(
    kind: Kind, tmp_path: Path
) -> None:
    """The error says so, and shows nothing of the token."""
    folder = tmp_path / "folder"
    folder.mkdir()

    def remove(_: Read) -> bytes:
        shutil.rmtree(folder)
        return gives("hunter2")

    async with Scripted(remove) as tokens, Scripted() as server:
        auth = login(tokens, store=FileTokenStore(folder / "tokens.json"))
        with pytest.raises(TokenRefreshError, match="cannot be locked: No such file") as caught:
            await kind.client(server.url, auth=auth).get("/")
        assert "hunter2" not in str(caught.value)


@needs_fork
def test_a_child_leaves_the_lock_of_its_parent_alone(tmp_path: Path) -> None:
    """It has closed what it inherited, and a flow of the parent that it ends frees nothing."""
    path = tmp_path / "tokens.json"
    store = FileTokenStore(path)
    release = store.try_lock("key")
    assert release is not None

    def end() -> None:
        own = store.try_lock("other")
        assert own is not None, "what is free may be locked"
        assert store.try_lock("key") is None
        release()
        assert FileTokenStore(path).try_lock("other") is None, "it was not that which was freed"

    assert in_child(end) == ""
    assert FileTokenStore(path).try_lock("key") is None
    release()
    again = FileTokenStore(path).try_lock("key")
    assert again is not None
    again()


def test_what_a_child_inherits_of_a_lock_frees_nothing(tmp_path: Path) -> None:
    """It is closed at once, and what is locked anew stays locked."""
    store = FileTokenStore(tmp_path / "tokens.json")
    of_parent = store.try_lock("key")
    assert of_parent is not None
    store.start_over()
    own = store.try_lock("key")
    assert own is not None
    of_parent()
    assert store.try_lock("key") is None
    own()


ORPHAN = """
import os, sys
from arya_api_framework.auth import FileTokenStore
release = FileTokenStore(sys.argv[1]).try_lock("key")
assert release
reader, writer = os.pipe()
if os.fork():
    os.read(reader, 1)
    os._exit(0)
os.write(writer, b"x")
sys.stdin.read()
"""


@needs_fork
def test_a_child_keeps_no_lock_of_a_parent_that_is_gone(tmp_path: Path) -> None:
    """Such as a worker that outlives the one who started it."""
    path = tmp_path / "tokens.json"
    command = [sys.executable, "-c", ORPHAN, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as parent:
        assert parent.wait() == 0
        release = FileTokenStore(path).try_lock("key")
        assert release is not None
        release()


SAVING = """
import sys
from arya_api_framework.auth import FileTokenStore, Token
path, name = sys.argv[1:]
store = FileTokenStore(path)
sys.stdin.readline()
for number in range(25):
    store.save(f"{name}-{number}", Token(f"{name}-{number}"))
"""


async def run_at_once(commands: list[list[str]]) -> None:
    """Start processes, let them go on when all are there, and expect them to say nothing."""
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [await asyncio.create_subprocess_exec(*command, **pipes) for command in commands]
    done = await asyncio.gather(*(one.communicate(b"\n") for one in running))
    assert done == [(b"", b"")] * len(commands)


async def test_four_processes_that_save_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each of them keeps tokens of its own in the file of all."""
    path = tmp_path / "tokens.json"
    names = "abcd"
    await run_at_once([[sys.executable, "-c", SAVING, str(path), name] for name in names])
    store = FileTokenStore(path)
    keys = [f"{name}-{number}" for name in names for number in range(25)]
    assert [store.load(key) for key in keys] == [Token(key) for key in keys]


TWO_KEYS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from arya_api_framework import SyncClient
from arya_api_framework.auth import FileTokenStore, OAuth2ClientCredentials
api, tokens, path = sys.argv[1:]
store = FileTokenStore(path)

def call(name):
    auth = OAuth2ClientCredentials(
        token_url=tokens, client_id=name, client_secret="s", store=store
    )
    with SyncClient(api, auth=auth) as client:
        for _ in range(3):
            client.get("/")

sys.stdin.readline()
with ThreadPoolExecutor(2) as pool:
    list(pool.map(call, ["one", "two"]))
"""


async def test_four_processes_with_two_keys_fetch_one_for_each(tmp_path: Path) -> None:
    """And the file holds both."""
    path = tmp_path / "tokens.json"

    def by_client(read: Read) -> bytes:
        login, _, _ = b64decode(read.headers["Authorization"].split()[1]).partition(b":")
        return gives(f"of-{login.decode()}")

    async with Scripted(*[by_client] * 9) as tokens, Scripted() as server:
        command = [sys.executable, "-c", TWO_KEYS, server.url, f"{tokens.url}/token", str(path)]
        await run_at_once([command] * 4)
        assert len(tokens.log) == 2
        assert (
            sorted(str(one) for one in sent(server))
            == ["Bearer of-one"] * 12 + ["Bearer of-two"] * 12
        )
        store = FileTokenStore(path)
        for name in ("one", "two"):
            auth = login(tokens, client_id=name, client_secret="s")
            kept = store.load(auth.key)
            assert kept is not None
            assert kept.access_token == f"of-{name}"
