"""Extensions: modules loaded into a client at run time, unloaded, and reloaded without a loss."""

import importlib
import logging
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from arya_api_framework import AsyncClient, SubClient, SyncClient
from arya_api_framework.errors import (
    ClientClosedError,
    ConfigurationError,
    ExtensionAlreadyLoaded,
    ExtensionEntryPointError,
    ExtensionError,
    ExtensionFailed,
    ExtensionNotFound,
    ExtensionNotLoaded,
    SubClientAlreadyLoaded,
)
from tests.app import Server
from tests.conftest import Kind

Write = Callable[[str, str], Path]

REPOS = """
    from arya_api_framework import SubClient

    class Repos(SubClient, name="repos", relative_path="/repos"):
        version = 1

    class Stars(SubClient, name="stars"):
        ...

    def setup(client):
        client.calls.append("setup 1")
        client.add_subclient(Repos())
        client.repos.add_subclient(Stars())
        client.base.add_subclient(Stars())

    def teardown(client):
        client.calls.append(f"teardown 1, {list(client.subclients)}")
"""


FAILING = """
    def setup(client):
        client.headers["X-B"] = "2"
        client.cookies["c"] = "3"
        client.bearer_token = "after"
        client.load_extension("plugins.other")
        client.load_extension("plugins.nothing")
"""

LATE = """
    from arya_api_framework import SubClient

    class Late(SubClient, name="late"):
        ...

    def setup(client):
        ...

    def more(client):
        client.add_subclient(Late())
"""


class Base(SubClient, name="base"):
    """Declared by the client."""


class Client(SyncClient, uri="https://h.test"):
    """Writes down what extensions do."""

    base = Base()
    calls: list[str]

    def __init__(self, **options: Any) -> None:
        self.calls = []
        super().__init__(**options)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write modules of the package `plugins`, which no test sees from another."""

    def write(name: str, code: str) -> Path:
        path = (tmp_path / name).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(code))
        return path

    monkeypatch.syspath_prepend(tmp_path)
    # Without it no stale bytecode could be found.
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    write("plugins/__init__", "")
    write("plugins/repos", REPOS)
    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "plugins"]:
        del sys.modules[name]


def test_load_and_unload(write: Write) -> None:
    """Loading calls `setup`, unloading `teardown`, and removes what `setup` added at any depth."""
    client: Any = Client()
    client.load_extension("plugins.repos")
    assert client.calls == ["setup 1"]
    assert client.extensions == {"plugins.repos": sys.modules["plugins.repos"]}
    assert str(client.repos.qualified_path) == "https://h.test/repos"
    client.unload_extension("plugins.repos")
    assert client.calls == ["setup 1", "teardown 1, ['base', 'repos']"]
    assert client.extensions == {}
    assert list(client.subclients) == ["base"]
    assert list(client.base.subclients) == []
    assert not hasattr(client, "repos")
    client.load_extension("plugins.repos")
    assert client.calls[2:] == ["setup 1"]


def test_extensions_are_read_only(write: Write) -> None:
    """`extensions` shows what is loaded and takes no changes."""
    client: Any = Client(extensions=["plugins.repos"])
    with pytest.raises(TypeError):
        del client.extensions["plugins.repos"]
    with pytest.raises(AttributeError):
        client.extensions = {}


def test_relative_names(write: Write) -> None:
    """A name that starts with dots is relative to `package`."""
    write("plugins/deep/__init__", "")
    write("plugins/deep/inner", "def setup(client): client.calls.append(__name__)")
    client = Client()
    client.load_extension(".inner", package="plugins.deep")
    client.load_extension("..repos", package="plugins.deep")
    assert list(client.extensions) == ["plugins.deep.inner", "plugins.repos"]
    client.reload_extension(".deep.inner", package="plugins")
    client.unload_extension(".repos", package="plugins")
    assert list(client.extensions) == ["plugins.deep.inner"]
    assert client.calls.count("plugins.deep.inner") == 2


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("plugins.missing", None),
        ("missing", None),
        ("missing.inner", None),
        ("plugins.repos.inner", None),
        (".repos", None),
        (".repos", ""),
        ("...repos", "plugins"),
        ("", None),
        ("plugins..repos", None),
        ("plugins/repos.py", None),
    ],
)
def test_not_found(write: Write, name: str, package: str | None) -> None:
    """A name that no module has is `ExtensionNotFound`, also for unloading if it is unclear."""
    client = Client()
    with pytest.raises(ExtensionNotFound) as caught:
        client.load_extension(name, package=package)
    assert caught.value.name == name
    assert client.extensions == {}
    for call in (client.unload_extension, client.reload_extension):
        with pytest.raises(ExtensionError):
            call(name, package=package)


@pytest.mark.parametrize("name", [None, 5, Path("plugins/repos"), sys])
def test_no_name(name: Any) -> None:
    """An extension is given by its name."""
    with pytest.raises(ConfigurationError, match="loaded by its name, got"):
        Client().load_extension(name)


def test_loaded_twice_and_not_at_all(write: Write) -> None:
    """An extension is loaded once per client, and unloaded only if it is loaded."""
    client = Client()
    for call in (client.unload_extension, client.reload_extension):
        with pytest.raises(ExtensionNotLoaded, match=r"'plugins\.repos' is not loaded"):
            call("plugins.repos")
    client.load_extension("plugins.repos")
    with pytest.raises(ExtensionAlreadyLoaded) as caught:
        client.load_extension(".repos", package="plugins")
    assert caught.value.name == "plugins.repos"
    assert client.calls == ["setup 1"]


FAULTS: dict[str, tuple[Any, type[Exception] | None]] = {
    "import plugins.missing": (ExtensionFailed, ModuleNotFoundError),
    "import missing_elsewhere": (ExtensionFailed, ModuleNotFoundError),
    "from plugins import missing": (ExtensionFailed, ImportError),
    "1 / 0": (ExtensionFailed, ZeroDivisionError),
    "def setup(client) pass": (ExtensionFailed, SyntaxError),
    "pass": (ExtensionEntryPointError, None),
    "setup = 5": (ExtensionEntryPointError, None),
    "def setup(): pass": (ExtensionFailed, TypeError),
    "async def setup(client): pass": (ExtensionFailed, TypeError),
}


@pytest.mark.parametrize("code", FAULTS)
def test_faulty_modules(write: Write, code: str) -> None:
    """What cannot be imported or set up says why, and can be loaded once it is repaired."""
    expected, original = FAULTS[code]
    write("plugins/faulty", code)
    client = Client()
    with pytest.raises(expected) as caught:
        client.load_extension("plugins.faulty")
    assert caught.value.name == "plugins.faulty"
    if original is not None:
        assert type(caught.value.original) is original
        assert caught.value.__cause__ is caught.value.original
    assert client.extensions == {}
    assert "plugins.faulty" not in sys.modules
    write("plugins/faulty", "def setup(client): client.calls.append('repaired')")
    client.load_extension("plugins.faulty")
    assert client.calls == ["repaired"]


def test_repaired_within_the_second(write: Write) -> None:
    """A repair is seen even if the file has neither another size nor another second."""
    write("plugins/faulty", "setup = 1 / 0 and print")
    client = Client()
    with pytest.raises(ExtensionFailed):
        client.load_extension("plugins.faulty")
    write("plugins/faulty", "setup = 1 / 1 and print")
    client.load_extension("plugins.faulty")


def test_a_file_that_is_new(write: Write, tmp_path: Path) -> None:
    """A module is found as soon as it is there, whatever Python remembers of its folder."""
    client = Client()
    with pytest.raises(ExtensionNotFound):
        client.load_extension("plugins.fresh")
    times = (tmp_path / "plugins").stat()
    write("plugins/fresh", "setup = print")
    os.utime(tmp_path / "plugins", ns=(times.st_atime_ns, times.st_mtime_ns))
    client.load_extension("plugins.fresh")


def test_faulty_package(write: Write) -> None:
    """A package that fails to import is a failure, not a module that is not there."""
    write("plugins/broken/__init__", "from plugins.broken import part\n1 / 0")
    write("plugins/broken/part", "VALUE = 1")
    write("plugins/broken/inner", "def setup(client): pass")
    for name in ("plugins.broken", "plugins.broken.inner"):
        with pytest.raises(ExtensionFailed) as caught:
            Client().load_extension(name)
        assert isinstance(caught.value.original, ZeroDivisionError)
    write("plugins/broken/__init__", "from plugins.broken.part import VALUE\nsetup = print")
    write("plugins/broken/part", "VALUE = 2")
    client: Any = Client(extensions=["plugins.broken"])
    assert client.extensions["plugins.broken"].VALUE == 2


def test_failing_setup_leaves_nothing(write: Write) -> None:
    """What `setup` added before it failed is removed again."""
    write("plugins/half", REPOS.replace("client.base.add", "client.repos.add"))
    client: Any = Client()
    with pytest.raises(ExtensionFailed) as caught:
        client.load_extension("plugins.half")
    assert isinstance(caught.value.original, SubClientAlreadyLoaded)
    assert str(caught.value) == "extension 'plugins.half' raised SubClientAlreadyLoaded"
    assert list(client.subclients) == ["base"]
    assert client.extensions == {}


def test_failing_setup_takes_back_what_it_wrote_and_loaded(write: Write) -> None:
    """Headers, cookies, the token and further extensions are as they were before."""
    write(
        "plugins/other",
        "def setup(client): client.calls.append('other')\ndef teardown(client): 1 / 0",
    )
    write("plugins/broken", FAILING)
    client = Client(extensions=["plugins.repos"], headers={"X-A": "1"}, bearer_token="before")
    with pytest.raises(ExtensionFailed):
        client.load_extension("plugins.broken")
    assert client.calls == ["setup 1", "other"]
    assert client.headers == {"X-A": "1"}
    assert client.cookies == {}
    assert client.bearer_token is not None
    assert client.bearer_token.get_secret_value() == "before"
    assert list(client.extensions) == ["plugins.repos"]


def test_sub_clients_that_an_extension_added_later(write: Write) -> None:
    """Unloading takes those too, but none that the client declares or another extension added."""
    write("plugins/late", LATE)
    client: Any = Client(extensions=["plugins.repos", "plugins.late"])
    client.extensions["plugins.late"].more(client)
    assert list(client.subclients) == ["base", "repos", "late"]
    client.unload_extension("plugins.late")
    assert list(client.subclients) == ["base", "repos"]


def test_closed_clients_take_nothing_more(write: Write) -> None:
    """What would never be unloaded is not loaded."""
    client = Client(extensions=["plugins.repos"])
    client.close()
    with pytest.raises(ClientClosedError):
        client.load_extension("plugins.repos")
    with pytest.raises(ClientClosedError):
        client.reload_extension("plugins.repos")
    with pytest.raises(ClientClosedError):
        client.add_subclient(SubClient())
    assert client.subclients == {}


def test_failing_setup_of_a_second_client(write: Write) -> None:
    """A module that another client uses stays the one that Python knows."""
    first, second = Client(extensions=["plugins.repos"]), Client()
    second.base.add_subclient(type("Stars", (SubClient,), {}, name="stars")())
    with pytest.raises(ExtensionFailed):
        second.load_extension("plugins.repos")
    assert first.extensions["plugins.repos"] is sys.modules["plugins.repos"]


def test_interrupted_setup_leaves_nothing(write: Write) -> None:
    """What stops the program is not turned into an error of ours."""
    write("plugins/stop", REPOS.replace("client.base", "raise KeyboardInterrupt; client"))
    client = Client()
    with pytest.raises(KeyboardInterrupt):
        client.load_extension("plugins.stop")
    assert list(client.subclients) == ["base"]
    assert client.extensions == {}


@pytest.mark.parametrize("fault", ["raise KeyError('x')", "client.repos.on_unloaded = client.nope"])
def test_failing_teardown(write: Write, fault: str) -> None:
    """An extension is unloaded whatever its `teardown` raises."""
    write("plugins/tearing", f"{textwrap.dedent(REPOS)}    {fault}\n")
    client = Client(extensions=["plugins.tearing"])
    with pytest.raises(ExtensionFailed) as caught:
        client.unload_extension("plugins.tearing")
    assert type(caught.value.original) in (KeyError, AttributeError)
    assert client.extensions == {}
    assert list(client.subclients) == ["base"]
    client.load_extension("plugins.tearing")


def test_failing_on_unloaded(write: Write) -> None:
    """A sub-client that fails in `on_unloaded` is removed, and the unloading says so."""
    failing = "version = 1\n        def on_unloaded(self): 1 / 0\n"
    write("plugins/failing", REPOS.replace("version = 1", failing))
    client: Any = Client(extensions=["plugins.failing"])
    with pytest.raises(ExtensionFailed) as caught:
        client.unload_extension("plugins.failing")
    assert isinstance(caught.value.original, ZeroDivisionError)
    assert list(client.subclients) == ["base"]
    assert list(client.base.subclients) == []


def test_what_others_put_in_its_place_stays(write: Write) -> None:
    """Unloading removes the sub-clients that the extension added, not their namesakes."""
    client: Any = Client(extensions=["plugins.repos"])
    client.remove_subclient("repos")
    client.add_subclient(type("Mine", (SubClient,), {}, name="repos")())
    client.unload_extension("plugins.repos")
    assert type(client.repos).__name__ == "Mine"


# Reloading


def test_reload(write: Write) -> None:
    """Reloading unloads the old version and loads what the file holds now."""
    client: Any = Client(extensions=["plugins.repos"])
    old = client.extensions["plugins.repos"]
    write("plugins/repos", REPOS.replace("1", "2"))
    client.reload_extension("plugins.repos")
    assert client.calls == ["setup 1", "teardown 1, ['base', 'repos']", "setup 2"]
    assert client.repos.version == 2
    assert client.extensions["plugins.repos"] is sys.modules["plugins.repos"] is not old
    assert importlib.import_module("plugins").repos is client.extensions["plugins.repos"]
    assert list(client.base.subclients) == ["stars"]


def test_reload_of_a_package(write: Write) -> None:
    """Modules below an extension are read anew with it."""
    write("plugins/pack/__init__", "from plugins.pack.part import VALUE, setup")
    write("plugins/pack/part", "VALUE = 1\ndef setup(client): client.calls.append(VALUE)")
    client: Any = Client(extensions=["plugins.pack"])
    write("plugins/pack/part", "VALUE = 2\ndef setup(client): client.calls.append(VALUE)")
    client.reload_extension("plugins.pack")
    assert client.calls == [1, 2]
    part = sys.modules["plugins.pack.part"]
    write("plugins/pack/extra", "")
    write("plugins/pack/__init__", "from plugins.pack import extra, part")
    with pytest.raises(ExtensionEntryPointError):
        client.reload_extension("plugins.pack")
    assert sys.modules["plugins.pack.part"] is part
    assert "plugins.pack.extra" not in sys.modules


@pytest.mark.parametrize("code", ["missing file", *FAULTS])
def test_reload_of_a_faulty_version(write: Write, code: str) -> None:
    """A new version that cannot be loaded leaves the old one in place, whole."""
    client: Any = Client(extensions=["plugins.repos"])
    old = client.extensions["plugins.repos"]
    path = write("plugins/repos", code)
    if code == "missing file":
        path.unlink()
    expected, original = FAULTS.get(code, (ExtensionNotFound, None))
    with pytest.raises(expected) as caught:
        client.reload_extension("plugins.repos")
    if original is not None:
        assert type(caught.value.original) is original
    assert client.extensions["plugins.repos"] is sys.modules["plugins.repos"] is old
    assert importlib.import_module("plugins").repos is old
    assert client.repos.version == 1
    assert list(client.base.subclients) == ["stars"]
    torn_down = code.endswith("pass") and original is TypeError
    assert len(client.calls) == (3 if torn_down else 1)


def test_reload_with_a_failing_teardown(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    """An old version that cannot be torn down gives way, and the log says why."""
    write("plugins/tearing", f"{textwrap.dedent(REPOS)}    raise KeyError('x')\n")
    client: Any = Client(extensions=["plugins.tearing"])
    write("plugins/tearing", REPOS.replace("1", "2"))
    client.reload_extension("plugins.tearing")
    assert client.calls == ["setup 1", "teardown 1, ['base', 'repos']", "setup 2"]
    assert client.repos.version == 2
    assert "'plugins.tearing' failed in teardown" in caplog.text


def test_reload_of_what_python_forgot(write: Write) -> None:
    """A module that somebody took out of `sys.modules` can be reloaded, and put back."""
    client: Any = Client(extensions=["plugins.repos"])
    old = client.extensions["plugins.repos"]
    del sys.modules["plugins.repos"]
    write("plugins/repos", "1 / 0")
    with pytest.raises(ExtensionFailed):
        client.reload_extension("plugins.repos")
    assert client.extensions["plugins.repos"] is old
    write("plugins/repos", REPOS.replace("1", "2"))
    client.reload_extension("plugins.repos")
    assert client.repos.version == 2


def test_reload_of_a_module_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module made by hand is an extension too; reloading it finds no file and keeps it."""
    made: Any = type(sys)("made_by_hand")
    made.setup = lambda client: client.calls.append("made")
    monkeypatch.setitem(sys.modules, "made_by_hand", made)
    client = Client(extensions=["made_by_hand"])
    with pytest.raises(ExtensionNotFound):
        client.reload_extension("made_by_hand")
    assert client.extensions == {"made_by_hand": made}
    assert sys.modules["made_by_hand"] is made
    assert client.calls == ["made"]


# Clients


def test_two_clients(write: Write) -> None:
    """Two clients share the module and nothing else; one that reloads leaves the other alone."""
    first: Any = Client(extensions=["plugins.repos"])
    second: Any = Client(extensions=["plugins.repos"])
    assert first.extensions == second.extensions
    assert first.repos is not second.repos
    write("plugins/repos", REPOS.replace("1", "2"))
    first.reload_extension("plugins.repos")
    assert (first.repos.version, second.repos.version) == (2, 1)
    first.unload_extension("plugins.repos")
    assert second.repos.root is second
    second.unload_extension("plugins.repos")
    assert second.calls == ["setup 1", "teardown 1, ['base', 'repos']"]


async def test_class_keyword(kind: Kind, server: Server, write: Write) -> None:
    """`extensions=` takes names and pairs; bases' and instance's are loaded, each once."""
    for name in ("one", "two", "three"):
        write(f"plugins/{name}", "def setup(client): client.calls.append(__name__)")
    write("plugins/echo", "from tests.client.test_extensions import add_echo as setup")

    first: Any = type("First", (kind.base,), {}, extensions=["plugins.one", (".two", "plugins")])
    second: Any = type("Second", (first,), {}, extensions=("plugins.one", "plugins.three"))
    second.calls = []
    client = kind.wrap(second(server.url, extensions=["plugins.echo"]))
    assert client.calls == ["plugins.one", "plugins.two", "plugins.three"]
    assert [*client.extensions][3:] == ["plugins.echo"]
    assert (await client.echo.get("", parameters={"a": 1}))["target"] == "/echo?a=1"
    first.calls = []
    assert list(first(server.url).extensions) == ["plugins.one", "plugins.two"]


def add_echo(client: Any) -> None:
    """Add a sub-client; the `setup` of a test's extension."""
    client.add_subclient(type("Echo", (SubClient,), {}, name="echo", relative_path="/echo")())


def test_failing_class_keyword(write: Write) -> None:
    """A client with an extension that fails is not made; what was loaded is unloaded."""
    told: list[str] = []
    write(
        "plugins/teller", "def setup(client): pass\ndef teardown(client): client.told('teardown')"
    )

    class Told(SyncClient, uri="https://h.test", extensions=["plugins.teller", "plugins.missing"]):
        def told(self, what: str) -> None:
            told.append(what)

    with pytest.raises(ExtensionNotFound, match=r"plugins\.missing"):
        Told()
    assert told == ["teardown"]


async def test_close(kind: Kind, write: Write, caplog: pytest.LogCaptureFixture) -> None:
    """`close` unloads the last extension first, whatever they raise, and logs that."""
    teller = "def setup(c): c.calls = [*getattr(c, 'calls', [])]\n"
    for name, fault in {"one": "", "two": "; 1 / 0", "three": ""}.items():
        code = f"{teller}def teardown(client): client.calls.append(__name__){fault}"
        write(f"plugins/{name}", code)
    write("plugins/four", "def setup(client): pass")
    names = [f"plugins.{name}" for name in ("one", "two", "three", "four")]
    client = kind.client("https://h.test", extensions=names)
    with caplog.at_level(logging.WARNING):
        await client.close()
    await client.close()
    assert client.calls == ["plugins.three", "plugins.two", "plugins.one"]
    assert client.extensions == {}
    [record] = caplog.records
    assert record.getMessage() == "extension 'plugins.two' failed in teardown"


def test_copies(write: Write) -> None:
    """What becomes of the extensions of a copy does not touch the original."""
    write("plugins/late", "def setup(client): pass\ndef teardown(c): c.calls.append('late')")
    client: Any = Client(extensions=["plugins.repos"])
    client.base.remove_subclient("stars")
    copied: Any = client.with_options(timeout=3)
    assert copied.extensions == client.extensions
    copied.unload_extension("plugins.repos")
    assert copied.extensions == {}
    assert list(copied.subclients) == ["base"]
    assert client.repos.stars.root is client
    other: Any = client.with_options(timeout=3)
    other.load_extension("plugins.late")
    write("plugins/repos", REPOS.replace("1", "2"))
    other.reload_extension("plugins.repos")
    assert (other.repos.version, client.repos.version) == (2, 1)
    other.close()
    assert client.calls == ["setup 1", "setup 2", "teardown 2, ['base', 'repos']", "late"]
    assert list(client.extensions) == ["plugins.repos"]
    client.close()
    assert client.calls[-1] == "teardown 1, ['base', 'repos']"


def test_closing_a_copy(write: Write) -> None:
    """A copy that is closed leaves the extensions of the original loaded."""
    client = Client(extensions=["plugins.repos"])
    client.with_options(timeout=3).close()
    assert client.calls == ["setup 1"]
    client.close()
    assert len(client.calls) == 2


def test_load_into_an_async_client(write: Write) -> None:
    """A client of either kind loads extensions outside of any loop."""

    class Async(AsyncClient, uri="https://h.test"):
        base = Base()
        calls: ClassVar[list[str]] = []

    client: Any = Async(extensions=["plugins.repos"])
    assert client.repos.root is client
