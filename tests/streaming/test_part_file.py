"""The file that a download fills: its name, what is noted beside it, and what becomes of it."""

import errno
import hashlib
import io
import json
import os
import socket
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from arya_api_framework.errors import FileError, TargetExists
from arya_api_framework.streaming.digests import Digest, read_digest
from arya_api_framework.streaming.open_file import OpenFile
from arya_api_framework.streaming.part_file import PartFile, check_target
from arya_api_framework.streaming.part_notes import Kept
from arya_api_framework.streaming.ranges import Gap, Version
from tests.conftest import needs_fork
from tests.forks import in_child

VERSION = Version('"a"', None, 10, '"a"')
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def begun(folder: Path, *, resumable: bool = True, key: str = "key") -> PartFile:
    """Return the file of a download to `file` in a folder."""
    return PartFile.open(str(folder), "file", key, resumable)


def left(folder: Path, data: bytes = b"abc", kept: Kept | None = None, key: str = "key") -> None:
    """Leave what an earlier download wrote."""
    part = begun(folder, key=key)
    part.note(kept or Kept(VERSION))
    part.write(0, [data])
    part.abandon(Kept(VERSION))


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("resumable", [True, False])
def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path, resumable: bool) -> None:
    """Until then it has another one, and afterwards nothing else is left."""
    part = begun(tmp_path, resumable=resumable)
    part.note(Kept(VERSION))
    part.write(0, [b"abc"])
    expected = ["file.part", "file.part.json"] if resumable else [Path(part.path).name]
    assert names(tmp_path) == expected
    part.finish(str(tmp_path / "file"), overwrite=False)
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"abc"
    part.abandon(None)
    assert names(tmp_path) == ["file"]
    with pytest.raises(FileError, match="was left"):
        part.write(3, [b"d"])


@needs_posix
@pytest.mark.parametrize("resumable", [True, False])
def test_permissions_are_those_of_any_file(tmp_path: Path, resumable: bool) -> None:
    """As the process has it for new files."""
    before = os.umask(0o027)
    try:
        part = begun(tmp_path, resumable=resumable)
    finally:
        os.umask(before)
    part.finish(str(tmp_path / "file"), overwrite=False)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_names_that_nobody_else_has(tmp_path: Path) -> None:
    """Two that are not to be gone on with never meet."""
    one, other = begun(tmp_path, resumable=False), begun(tmp_path, resumable=False)
    assert one.path != other.path
    assert all(name.startswith(".file.") for name in names(tmp_path))
    one.abandon(Kept(VERSION))
    other.abandon(None)
    assert names(tmp_path) == []


def test_what_is_left_is_gone_on_with(tmp_path: Path) -> None:
    """The notes tell of which state the bytes are."""
    kept = Kept(VERSION, None, read_digest(f"md5:{'00' * 16}"), "name")
    left(tmp_path, kept=kept)
    part = begun(tmp_path)
    assert (part.size, part.load()) == (3, kept)
    part.write(3, [b"defghij"])
    part.finish(str(tmp_path / "file"), overwrite=False)
    assert (tmp_path / "file").read_bytes() == b"abcdefghij"


def test_gaps_are_gone_on_with(tmp_path: Path) -> None:
    """In a file that is as long as it will be."""
    part = begun(tmp_path)
    kept = Kept(VERSION, [Gap(2, 5), Gap(5, 5), Gap(7, 10)])
    part.note(kept)
    assert part.size == 10
    part.abandon(kept)
    assert begun(tmp_path).load() == kept


@needs_posix
def test_what_is_noted_is_on_the_disk(tmp_path: Path) -> None:
    """Of gaps; what comes one after the other is not waited for."""
    import subprocess

    code = (
        "import os, sys\n"
        "done, sync, replace = [], os.fdatasync, os.replace\n"
        "os.fdatasync = lambda *given: done.append('sync') or sync(*given)\n"
        "os.replace = lambda *given: done.append('notes') or replace(*given)\n"
        "from arya_api_framework.streaming.part_file import Kept, PartFile\n"
        "from arya_api_framework.streaming.ranges import Gap, Version\n"
        "part = PartFile.open(sys.argv[1], 'file', 'key', True)\n"
        "part.note(Kept(Version(total=5)))\n"
        "part.note(Kept(Version(total=5), [Gap(1, 5)]))\n"
        "print(*done)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"notes sync notes\n"


WRONG: list[Any] = [
    {"arya_download": 2},
    {"key": "other"},
    {"of": None},
    {"of": Version('"a"', None, 10).to_json()},
    {"of": Version('"a"', None, 2, '"a"').to_json()},
    {"name": 5},
    {"digest": "md5:abc"},
    {"digest": 5},
    {"gaps": [[0, 1]]},
    {"gaps": 5},
]
OF_THREE = {"of": Version('"a"', None, 3, '"a"').to_json()}
WRONG += [
    {**OF_THREE, "gaps": gaps}
    for gaps in ([0], [[0]], [[0, 1, 2]], [[0, "1"]], [[0, True]], [[-1, 0]], [[2, 1]], [[0, 4]])
]
WRONG += [{**OF_THREE, "gaps": [[0, 2], [1, 3]]}, {**OF_THREE, "gaps": [[0, 10**19]]}]


@pytest.mark.parametrize("change", WRONG)
def test_notes_that_do_not_fit(tmp_path: Path, change: dict[str, Any]) -> None:
    """Then nothing is gone on with."""
    left(tmp_path)
    notes = tmp_path / "file.part.json"
    notes.write_text(json.dumps({**json.loads(notes.read_text()), **change}))
    part = begun(tmp_path)
    assert part.load() is None
    part.restart()
    part.abandon(Kept(VERSION))
    assert names(tmp_path) == []


def test_the_file_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    """What has bytes and no notes beside it is none of ours, nor are notes that are none."""
    (tmp_path / "file.part").write_bytes(b"abc")
    with pytest.raises(FileError, match="was not left by a download of yours") as caught:
        begun(tmp_path)
    assert (caught.value.errno, caught.value.path) == (errno.EEXIST, str(tmp_path / "file.part"))
    (tmp_path / "file.part").write_bytes(b"")
    for content in (b"{}", b"garbage", b"[" * 100_000, b"5"):
        (tmp_path / "file.part.json").write_bytes(content)
        with pytest.raises(FileError, match="was not left by a download of yours"):
            begun(tmp_path)
    assert (tmp_path / "file.part.json").read_bytes() == b"5"
    begun(tmp_path, resumable=False).abandon(None)


@needs_posix
def test_links_and_what_is_no_file(tmp_path: Path) -> None:
    """Nothing is written through a link, or into what is no file."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"secret")
    (tmp_path / "file.part").symlink_to(elsewhere)
    with pytest.raises(FileError, match="cannot be made: Too many levels of symbolic links"):
        begun(tmp_path)
    (tmp_path / "file.part").unlink()
    os.mkfifo(tmp_path / "file.part")
    with pytest.raises(FileError, match="was not left by a download"):
        begun(tmp_path)
    (tmp_path / "file.part").unlink()
    (tmp_path / "file.part.json").symlink_to(elsewhere)
    with pytest.raises(FileError, match="cannot be made: Too many levels of symbolic links"):
        begun(tmp_path)
    assert elsewhere.read_bytes() == b"secret"


@needs_posix
def test_the_file_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was put there for us to write into."""
    left(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(FileError, match="was not left by a download of yours"):
        begun(tmp_path)


@needs_posix
def test_a_download_that_ended_while_its_file_had_two_names(tmp_path: Path) -> None:
    """What came whole is not written into."""
    left(tmp_path)
    os.link(tmp_path / "file.part", tmp_path / "file")
    part = begun(tmp_path)
    assert part.size == 0
    part.write(0, [b"new"])
    assert (tmp_path / "file").read_bytes() == b"abc"


def test_two_downloads_at_once(tmp_path: Path) -> None:
    """The second is told so, and may have a file of its own."""
    part = begun(tmp_path)
    with pytest.raises(FileError, match="is written by another download") as caught:
        begun(tmp_path)
    assert caught.value.errno == errno.EAGAIN
    own = begun(tmp_path, resumable=False)
    own.write(0, [b"own"])
    part.write(0, [b"first"])
    part.finish(str(tmp_path / "file"), overwrite=False)
    with pytest.raises(TargetExists, match="is there already; give `overwrite=True`"):
        own.finish(str(tmp_path / "file"), overwrite=False)
    own.abandon(Kept(VERSION))
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"first"
    begun(tmp_path).abandon(Kept(VERSION))
    assert names(tmp_path) == ["file"]


@needs_posix
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The file has a name of its own there, as what may be mixed is not gone on with."""
    import fcntl

    def fail(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", fail)
    part = begun(tmp_path)
    assert not part.resumable
    assert len(names(tmp_path)) == 1
    part.note(Kept(VERSION))
    part.write(0, [b"abc"])
    assert part.load() is None
    part.finish(str(tmp_path / "file"), overwrite=False)
    assert names(tmp_path) == ["file"]


@needs_posix
def test_a_lock_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What else the system says is told."""
    import fcntl

    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(FileError, match=r"file\.part cannot be made: Input/output error"):
        begun(tmp_path)


@needs_posix
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_system_without_second_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    """The file takes its place there, too, and that of another only where it may."""

    def fail(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", fail)
    begun(tmp_path).finish(str(tmp_path / "file"), overwrite)
    part = begun(tmp_path)
    part.write(0, [b"new"])
    if overwrite:
        part.finish(str(tmp_path / "file"), overwrite)
    else:
        with pytest.raises(TargetExists):
            part.finish(str(tmp_path / "file"), overwrite)
        part.abandon(None)
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == (b"new" if overwrite else b"")


def test_a_place_that_is_taken_away(tmp_path: Path) -> None:
    """The error names the target; what was written stays to be gone on with."""
    part = begun(tmp_path)
    part.note(Kept(VERSION))
    part.write(0, [b"abc"])
    target = tmp_path / "gone" / "file"
    with pytest.raises(FileError, match="file cannot be put in place: No such file") as caught:
        part.finish(str(target), overwrite=False)
    assert caught.value.path == str(target)
    part.abandon(Kept(VERSION))
    assert names(tmp_path) == ["file.part", "file.part.json"]


def test_notes_that_cannot_be_put_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of them is left."""
    part = begun(tmp_path)

    def fail(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(FileError, match=r"file\.part cannot be written: Permission denied"):
        part.note(Kept(VERSION))
    assert names(tmp_path) == ["file.part"]


@needs_posix
def test_all_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file before it has its name, and the folder after it."""
    done = list[str]()
    fsync, link = os.fsync, os.link

    def watch(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def name(*arguments: Any, **options: Any) -> None:
        done.append("name")
        link(*arguments, **options)

    monkeypatch.setattr(os, "fsync", watch)
    monkeypatch.setattr(os, "link", name)
    begun(tmp_path).finish(str(tmp_path / "file"), overwrite=False)
    assert done == ["file", "name", "folder"]


LONG = "a" * 255


def test_long_names(tmp_path: Path) -> None:
    """The name beside is cut, and that of another file is another one."""
    one = PartFile.open(str(tmp_path), LONG, "key", resumable=True)
    other = PartFile.open(str(tmp_path), LONG[1:] + "b", "key", resumable=True)
    third = PartFile.open(str(tmp_path), LONG, "key", resumable=False)
    one.note(Kept(VERSION))
    assert all(len(name) <= 255 for name in names(tmp_path))
    one.finish(str(tmp_path / LONG), overwrite=False)
    for part in (other, third):
        part.abandon(None)
    assert names(tmp_path) == [LONG]


@pytest.mark.parametrize("order", [(0, 3), (3, 0)])
def test_digest(tmp_path: Path, order: tuple[int, int]) -> None:
    """It is that of all bytes, in whichever order they came."""
    expected = read_digest(f"sha-256:{hashlib.sha256(b'abcdef').hexdigest()}")
    part = begun(tmp_path)
    part.watch(expected)
    for position in order:
        part.write(position, [b"abcdef"[position : position + 3]])
    assert part.digest(expected) == expected.value
    md5 = Digest("md5", hashlib.md5(b"abcdef").digest())
    assert part.digest(md5) == md5.value
    part.restart()
    part.write(0, [b"abcdef"])
    assert part.digest(md5) == md5.value


@needs_posix
def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says so."""
    part = begun(tmp_path)
    part.write(0, [b"abc"])

    def fail(*_: Any) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(FileError, match=r"file\.part cannot be read: Input/output error"):
        part.digest(read_digest(f"md5:{'00' * 16}"))


def test_a_file_that_somebody_else_cut(tmp_path: Path) -> None:
    """Its digest is not that of what is left."""
    part = begun(tmp_path)
    part.write(0, [b"abc"])
    os.truncate(part.path, 2)
    with pytest.raises(FileError, match="cannot be read: it is shorter than it was"):
        part.digest(read_digest(f"md5:{'00' * 16}"))


@needs_posix
def test_the_system_may_take_a_part_of_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is written after that."""
    pwritev = os.pwritev

    def take_two(handle: int, pieces: Any, position: int) -> int:
        return pwritev(handle, [b"".join(pieces)[:2]], position)

    monkeypatch.setattr(os, "pwritev", take_two)
    part = begun(tmp_path)
    part.write(0, [b"abc", b"d", b"ef"])
    part.finish(str(tmp_path / "file"), overwrite=False)
    assert (tmp_path / "file").read_bytes() == b"abcdef"


def test_many_small_pieces(tmp_path: Path) -> None:
    """They are written, however many there are."""
    part = begun(tmp_path)
    part.write(0, [b"a"] * 5000)
    part.finish(str(tmp_path / "file"), overwrite=False)
    assert (tmp_path / "file").read_bytes() == b"a" * 5000


@needs_fork
def test_a_forked_child_leaves_the_file_alone(tmp_path: Path) -> None:
    """It has closed it, and neither writes nor removes nor keeps it locked."""
    part = begun(tmp_path)
    part.note(Kept(VERSION))
    part.write(0, [b"abc"])
    over = begun(tmp_path / "..", resumable=False)
    over.abandon(None)

    def child() -> None:
        over.start_over()
        with pytest.raises(FileError, match="was left"):
            part.write(3, [b"d"])
        part.abandon(None)

    assert in_child(child) == ""
    part.write(3, [b"d"])
    part.finish(str(tmp_path / "file"), overwrite=False)
    assert (tmp_path / "file").read_bytes() == b"abcd"


@needs_fork
@pytest.mark.parametrize("resumable", [True, False])
def test_a_disk_that_is_full(tmp_path: Path, resumable: bool) -> None:
    """The error says so; what was written may be kept."""
    import resource

    def child() -> None:
        part = begun(tmp_path, resumable=resumable)
        part.note(Kept(VERSION))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        with pytest.raises(FileError, match="is full") as caught:
            part.write(0, [b"0123456789a"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))  # What measures coverage writes.
        assert caught.value.errno == errno.EFBIG
        assert isinstance(caught.value.__cause__, OSError)
        part.abandon(Kept(VERSION))

    assert in_child(child) == ""
    assert names(tmp_path) == ([])


@needs_fork
def test_a_folder_that_may_not_be_written() -> None:
    """The error says so."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)

        def child() -> None:
            if os.geteuid() == 0:  # Who may do anything.
                os.seteuid(65534)
            for resumable in (True, False):
                with pytest.raises(FileError, match="cannot be made: Permission denied"):
                    begun(Path(folder), resumable=resumable)

        assert in_child(child) == ""
        assert os.listdir(folder) == []


def test_targets(tmp_path: Path) -> None:
    """What cannot be a target is refused before anything is sent."""
    target = tmp_path / "file"
    check_target(str(target), overwrite=False)
    target.write_bytes(b"")
    check_target(str(target), overwrite=True)
    with pytest.raises(TargetExists, match="is there already; give `overwrite=True`") as caught:
        check_target(str(target), overwrite=False)
    assert isinstance(caught.value, FileExistsError)
    assert caught.value.errno == errno.EEXIST
    with pytest.raises(FileError, match="gone cannot be downloaded to: No such file") as missing:
        check_target(str(tmp_path / "gone" / "file"), overwrite=False)
    assert missing.value.errno == errno.ENOENT
    with pytest.raises(FileError, match="file is no folder"):
        check_target(str(target / "file"), overwrite=False)
    with pytest.raises(FileError, match="cannot be downloaded to: File name too long"):
        check_target(str(tmp_path / ("a" * 300)), overwrite=False)


@needs_posix
def test_targets_that_are_no_files(tmp_path: Path) -> None:
    """A link may be replaced, and a device may not."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(TargetExists):
        check_target(str(link), overwrite=False)
    check_target(str(link), overwrite=True)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for overwrite in (True, False):
            with pytest.raises(FileError, match="socket is there and is no file"):
                check_target(str(tmp_path / "socket"), overwrite)


def test_an_open_file(tmp_path: Path) -> None:
    """It is written from where it stands, begun anew there, and not closed."""
    digest = read_digest(f"md5:{hashlib.md5(b'new').hexdigest()}")
    with open(tmp_path / "file", "w+b") as file:
        file.write(b"before ")
        sink = OpenFile(file)
        sink.restart()
        sink.watch(digest)
        sink.note(Kept(VERSION))
        assert sink.load() is None
        sink.write(0, [b"some"])
        sink.write(4, [b"thing"])
        assert sink.size == 9
        sink.restart()
        sink.write(0, [b"new"])
        assert sink.digest(digest) == digest.value
        sink.finish(None, overwrite=False)
        sink.abandon(None)
        assert (tmp_path / "file").read_bytes() == b"before new"
        sink.watch(digest)
        sink.restart()
        sink.write(0, [b"x"])
    assert (tmp_path / "file").read_bytes() == b"before x"


class Pipe(io.RawIOBase):
    """A file that cannot go back, and takes two bytes at a time."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, data: Any) -> int:
        """Take two bytes."""
        self.content += bytes(data[:2])
        return min(len(data), 2)


class Taker:
    """What has nothing of a file but `write`, and says nothing."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, data: Any) -> None:
        """Take all."""
        self.content += data


@pytest.mark.parametrize("make", [Pipe, Taker])
def test_a_file_that_cannot_go_back(make: Any) -> None:
    """It is written all the same, and the error says what to do where that is not enough."""
    file = make()
    sink = OpenFile(file)
    sink.restart()
    sink.write(0, [b"abc"])
    sink.finish(None, overwrite=False)
    assert file.content == b"abc"
    with pytest.raises(FileError, match="cannot go back; give a path"):
        sink.restart()
