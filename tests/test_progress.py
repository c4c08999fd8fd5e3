"""Bars: drawn by tqdm or rich on a terminal, and left in every case."""

import asyncio
import fcntl
import functools
import io
import os
import pty
import re
import struct
import sys
import termios
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import pytest

from arya_api_framework import Hook, Request
from arya_api_framework.client.body import CHUNK_SIZE
from arya_api_framework.errors import ConfigurationError
from arya_api_framework.progress import open_bar
from tests.app import Server
from tests.conftest import Kind, needs_fork
from tests.patience import PATIENCE
from tests.scripted import CLOSE, HANG, Scripted, answer

BIG = bytes(3 * CHUNK_SIZE)


class Terminal:
    """A terminal to draw on, and what was drawn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._parent, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.file: TextIO = os.fdopen(child, "w")
        self._drawn = b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._parent, 65536)
            except OSError:  # The other end is closed.
                return
            if not piece:
                return
            self._drawn += piece

    def show(self) -> None:
        """Become standard error; pytest takes that back between a fixture and a test."""
        self._monkeypatch.setattr(sys, "stderr", self.file)

    def close(self) -> str:
        """Close it and return all that was drawn."""
        if not self.file.closed:
            self.file.close()
            self._thread.join()
            os.close(self._parent)
        return self._drawn.decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal."""
    one = Terminal(monkeypatch)
    monkeypatch.setenv("TERM", "xterm")
    yield one
    one.close()


@pytest.fixture(params=["tqdm", "rich"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the libraries, as if it were the only one."""
    hide({"tqdm": "rich", "rich": "tqdm"}[request.param], monkeypatch)
    return str(request.param)


def hide(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be as if a library were not installed."""
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """No bar leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    for one in set(threading.enumerate()) - before:
        if not one.name.startswith(("sync client", "asyncio_")):
            one.join(PATIENCE)  # That of rich is told to end, and does so soon.
            assert not one.is_alive()


@pytest.mark.usefixtures("library")
def test_a_bar_is_drawn(terminal: Terminal) -> None:
    """Description, share and amount are shown; the last state stays."""
    terminal.show()
    with open_bar(True, "cats.png", 2048) as bar:
        bar.update(1024)
        bar.update(2048)
    drawn = terminal.close()
    assert "cats.png" in drawn
    assert re.search(r"2\.00k/2\.00k|2\.0/2\.0 KiB", drawn)


@pytest.mark.usefixtures("library")
def test_things_are_counted(terminal: Terminal) -> None:
    """Calls are told as numbers, the total when it is known."""
    terminal.show()
    with open_bar("all users", "GET /users", unit="it") as bar:
        bar.update(1)
        bar.update(7, 7)
    drawn = terminal.close()
    assert "all users" in drawn
    assert "/users" not in drawn
    assert "7/7" in drawn


@pytest.mark.usefixtures("library")
def test_a_bar_may_go_back(terminal: Terminal) -> None:
    """What is sent again is counted again."""
    terminal.show()
    with open_bar(True, "x", 100, unit="it") as bar:
        bar.update(90)
        bar.update(10)
    assert "10/100" in terminal.close()


@pytest.mark.usefixtures("library")
def test_a_closed_bar_is_left_as_it_is(terminal: Terminal) -> None:
    """What is told too late is not drawn, and a second close does nothing."""
    terminal.show()
    bar = open_bar(True, "x", 100, unit="it")
    bar.update(50)
    bar.close()
    bar.close()
    bar.update(77)
    drawn = terminal.close()
    assert "50/100" in drawn
    assert "77" not in drawn


@pytest.mark.usefixtures("library")
def test_several_bars_at_once(terminal: Terminal) -> None:
    """Each has its line, and the others go on when one is closed."""
    terminal.show()
    bars = [open_bar(f"file {number}", "", 10, unit="it") for number in range(3)]
    for bar in bars:
        bar.update(3)
    bars[0].close()
    bars[2].update(9)
    bars[2].close()
    bars[1].update(8)
    bars[1].close()
    open_bar("another", "", 10).close()
    drawn = terminal.close()
    assert all(text in drawn for text in ("file 0", "file 1", "file 2", "another"))
    assert all(text in drawn for text in ("3/10", "9/10", "8/10"))


@pytest.mark.usefixtures("library")
def test_nothing_is_drawn_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log file is not filled with bars, and a process without standard error is none."""
    file = io.StringIO()
    for stream in (file, None):
        monkeypatch.setattr(sys, "stderr", stream)
        with open_bar(True, "x", 10) as bar:
            bar.update(5)
    assert file.getvalue() == ""


def test_rich_draws_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """`FORCE_COLOR` makes any stream a terminal."""
    hide("tqdm", monkeypatch)
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with open_bar(True, "cats.png", 10):
        pass
    assert "cats.png" in file.getvalue()


@pytest.mark.parametrize("how", ["notebook", "environment"])
def test_tqdm_draws_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """In a notebook, and where the environment says so."""
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    if how == "notebook":
        monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    else:
        monkeypatch.setenv("TQDM_DISABLE", "")
    with open_bar(True, "cats.png", 10):
        pass
    assert "cats.png" in file.getvalue()


@pytest.mark.usefixtures("library")
def test_a_description_cannot_write_anywhere_else(terminal: Terminal) -> None:
    """Control characters and markup of a file name are text like any other."""
    terminal.show()
    with open_bar(True, "\x1b[2J[red]a\nb[/red]" + "c" * 100, 10):
        pass
    drawn = terminal.close()
    assert "\x1b[2J" not in drawn
    assert "[red]a b[/red]" in drawn
    assert "c" * 61 not in drawn


@pytest.mark.usefixtures("library")
def test_a_description_need_not_be_valid_text(terminal: Terminal) -> None:
    """As the name of a file of another system."""
    terminal.show()
    open_bar(True, os.fsdecode(b"caf\xe9.png"), 10).close()
    assert "caf?.png" in terminal.close()


@pytest.mark.parametrize("value", [False, None, ""])
def test_no_bar_was_asked_for(terminal: Terminal, value: Any) -> None:
    """Nothing is drawn, and the bar is no special case for its user."""
    terminal.show()
    with open_bar(value, "x", 10) as bar:
        bar.update(5)
    assert terminal.close() == ""


def test_without_a_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    hide("tqdm", monkeypatch)
    hide("rich", monkeypatch)
    with pytest.raises(ConfigurationError, match=r"arya-api-framework\[progress\]"):
        open_bar(True, "x")
    open_bar(False, "x").close()


async def test_without_a_library_nothing_is_sent(
    kind: Kind, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is refused before anything else."""
    hide("tqdm", monkeypatch)
    hide("rich", monkeypatch)
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match=r"arya-api-framework\[progress\]"):
        await client.post("/echo", data=b"abc", progress=True)
    assert server.log == []
    await client.get("/users/1", progress=True)  # There is no body to draw a bar for.


@pytest.mark.parametrize("value", [1, 0.5, b"x", ["x"], open_bar])
async def test_what_is_no_option_is_refused(kind: Kind, server: Server, value: Any) -> None:
    """Only a flag or a text is one."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="progress must be True, False or a description"):
        await client.post("/echo", data=b"abc", progress=value)
    with pytest.raises(ConfigurationError, match="progress must be"):
        open_bar(value, "x")
    assert server.log == []


@pytest.mark.usefixtures("library")
async def test_a_call_shows_its_body(
    kind: Kind, server: Server, terminal: Terminal, tmp_path: Path
) -> None:
    """A file is called by its name, any other body by method and path, or as the user says."""
    terminal.show()
    path = tmp_path / "cats.png"
    path.write_bytes(BIG)
    told: list[int] = []
    client = kind.client(server.url)
    await client.stream_file(path, "/echo", response_format=None, progress=True)
    await client.upload_file(path, "/echo", progress="the cats")
    await client.put(
        "/echo", data=BIG, progress=True, on_progress=lambda sent, _: told.append(sent)
    )
    await client.post("/echo", body={"a": 1}, progress=True)
    request = client.build("PATCH", "/echo", body={"a": 1})
    await client.send(request, progress=True)
    drawn = terminal.close()
    for text in ("cats.png", "the cats", "PUT /echo", "POST /echo", "PATCH /echo"):
        assert text in drawn
    assert re.search(r"1\.50M/1\.50M|1\.5/1\.5 MiB", drawn)
    assert told[-1] == len(BIG)
    assert request.body == b'{"a":1}'


@pytest.mark.usefixtures("library")
async def test_the_bar_of_a_call_that_fails_is_closed(kind: Kind, terminal: Terminal) -> None:
    """After an error it is left where it stood; the next call has a bar of its own."""
    terminal.show()
    async with Scripted(answer(500), CLOSE, answer(200)) as server:
        client = kind.client(server.url)
        for _ in range(2):
            with pytest.raises(Exception):  # noqa: B017, PT011 - what it is, others test
                await client.post("/", data=BIG, progress="first")
        await client.post("/", data=BIG, progress="last")
    assert "last" in terminal.close()


@pytest.mark.usefixtures("library")
async def test_the_bar_of_a_call_that_is_cancelled_is_closed(terminal: Terminal) -> None:
    """A call that hangs leaves no thread that draws."""
    terminal.show()
    kind = Kind("async")
    async with Scripted(HANG) as server:
        client = kind.client(server.url)
        call = asyncio.ensure_future(client.post("/", data=BIG, progress="mine"))
        await server.has_read(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    await kind.close()
    assert "mine" in terminal.close()


async def test_the_body_that_hooks_made_is_shown(
    kind: Kind, server: Server, terminal: Terminal
) -> None:
    """The bar stands next to what is sent."""
    terminal.show()

    class Twice(Hook):
        def before_call(self, request: Request) -> None:
            assert isinstance(request.body, bytes)
            request.body += request.body

    client = kind.client(server.url, hooks=[Twice()])
    await client.post("/echo", data=bytes(1024), progress=True)
    assert "2.00k/2.00k" in terminal.close()


async def test_a_body_that_hooks_took_away_is_not_shown(
    kind: Kind, server: Server, terminal: Terminal
) -> None:
    """There is nothing to draw."""
    terminal.show()

    class Nothing(Hook):
        def before_call(self, request: Request) -> None:
            request.body = None

    client = kind.client(server.url, hooks=[Nothing()])
    await client.post("/echo", data=b"abc", progress=True)
    assert terminal.close() == ""


async def test_a_function_is_told_beside_the_bar(
    kind: Kind, server: Server, terminal: Terminal
) -> None:
    """Both get each count."""
    terminal.show()
    told: list[tuple[int, int | None]] = []
    client = kind.client(server.url)
    await client.post(
        "/echo", data=BIG, progress=True, on_progress=lambda *counts: told.append(counts)
    )
    drawn = terminal.close()
    assert told[-1] == (len(BIG), len(BIG))
    assert len(told) >= 3
    assert "100%" in drawn or "768.0/768.0 KiB" in drawn


async def waits(done: int, total: int | None) -> None:
    """Do what has to be awaited."""


async def gives(done: int, total: int | None) -> AsyncIterator[int]:
    """Give what has to be awaited."""
    yield done


class Waits:
    """What is called as a function, and has to be awaited."""

    async def __call__(self, done: int, total: int | None) -> None:
        """Do it."""


@pytest.mark.parametrize("function", [waits, gives, Waits(), functools.partial(waits, 1), 5])
async def test_what_cannot_be_told_is_refused(
    kind: Kind, server: Server, tmp_path: Path, function: Any
) -> None:
    """A function is called as the counts change, and nobody would await what it returns."""
    client = kind.client(server.url)
    text = "on_progress( of map)? must be a (plain )?function, (not one with `async def`|got 5)"
    for call in (
        lambda **options: client.post("/echo", data=b"abc", **options),
        lambda **options: client.stream_file(b"abc", "/echo", **options),
        lambda **options: client.upload_file(b"abc", "/echo", **options),
        lambda **options: client.upload_resumable(b"abc", "/echo", **options),
        lambda **options: client.tus(b"abc", "/echo", **options),
        lambda **options: client.download("/echo", tmp_path / "x", **options),
        lambda **options: kind.call(client.target.map, str, [1], **options),
    ):
        with pytest.raises(ConfigurationError, match=text):
            await call(on_progress=function)
    assert server.log == []


@needs_fork
def test_a_forked_child_draws_a_bar_of_its_own(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that draws for the parent is not there."""
    terminal.show()
    hide("tqdm", monkeypatch)
    with open_bar(True, "parent", 10) as bar:
        child = os.fork()
        if child == 0:
            with open_bar(True, "child", 10) as own:
                own.update(5)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert status == 0
        bar.update(10)
    drawn = terminal.close()
    assert "parent" in drawn
    assert "child" in drawn
