"""Every Python block of the README and the documentation is run, as is every docstring example.

The blocks of a page are one program, run in a folder of their own. A page shows what a reader
would write, so the names of its servers are put in the place of those of real ones:
`https://api.example.com` is the test application, and `ORIGINS` has the others.

- A `text` block right after a Python block is what that prints, `...` standing for anything. If it
  is a traceback, the block must raise what its last line says.
- A block that begins with the name of a file, as `# reports.py`, is saved as that file.
- Functions named `test_...` are called, as pytest would.
- `await` is allowed outside of functions.
- `<!-- not run: ... -->` before a block gives the reason why it is not run.
"""

import ast
import asyncio
import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
import re
import shutil
import ssl
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, cast

import pytest
import requests

import arya_api_framework
from arya_api_framework import Response
from tests.app import Server
from tests.patience import LATE
from tests.servers import Certificate

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
# Decisions quote code that was tried and not taken; the changelog has none.
PAGES = [ROOT / "README.md"] + [
    page
    for page in sorted(DOCS.rglob("*.md"))
    if not {"_build", "changes", "decisions"} & set(page.relative_to(DOCS).parts)
]

FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>.*?) -->\n+)?"
    r"^(?P<fence>`{3,})python\n(?P<code>.*?)^(?P=fence)\n"
    r"(?:\n```text\n(?P<printed>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
TRACEBACK = "Traceback (most recent call last):\n"


@dataclass(frozen=True, slots=True)
class Block:
    """A Python block and what it prints, if the page says so."""

    code: str
    printed: str | None
    line: int
    reason: str | None


def find_blocks(text: str) -> list[Block]:
    """Return the Python blocks of a page."""
    return [
        Block(
            found["code"],
            found["printed"],
            text[: found.start("code")].count("\n"),
            found["reason"],
        )
        for found in FENCE.finditer(text)
    ]


def compile_block(code: str, filename: str, line: int) -> CodeType:
    """Compile code so that tracebacks show the lines of its file; it may `await`."""
    source = "\n" * line + code
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return cast("CodeType", compile(source, filename, "exec", flags, dont_inherit=True))


class Program:
    """The blocks of one page, which share their names."""

    def __init__(self, filename: str, runner: asyncio.Runner) -> None:
        self.filename = filename
        self.module = ModuleType("page")
        self.names = vars(self.module)
        self._runner = runner
        self._called: set[Any] = set()

    def run(self, block: Block) -> None:
        """Run a block and compare what it prints, or raises."""
        if file := re.match(r"# (\w+\.py)\n", block.code):
            Path(file[1]).write_text(block.code)
            return
        printed = io.StringIO()
        raised = ""
        try:
            with contextlib.redirect_stdout(printed):
                self._execute(compile_block(block.code, self.filename, block.line))
                self._call_tests()
        except Exception as error:
            if not (block.printed or "").startswith(TRACEBACK):
                raise
            raised = f"{type(error).__name__}: {error}\n"
        if block.printed is not None:
            given = raised or printed.getvalue()
            wanted = block.printed.splitlines(keepends=True)[-1] if raised else block.printed
            if not doctest.OutputChecker().check_output(wanted, given, doctest.ELLIPSIS):
                assert given == wanted, f"{self.filename}:{block.line}"  # Shows the difference.

    def _execute(self, code: CodeType) -> None:
        if code.co_flags & inspect.CO_COROUTINE:
            self._runner.run(eval(code, self.names))
        else:
            exec(code, self.names)

    def _call_tests(self) -> None:
        for name, function in list(self.names.items()):
            if name.startswith("test_") and function not in self._called:
                self._called.add(function)
                result = function()
                if inspect.isawaitable(result):
                    self._runner.run(result)  # type: ignore[arg-type]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """An event loop that lives as long as a page, for clients that do."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def mutual_server(certificate: Certificate) -> Iterator[Server]:
    """The test application over TLS, for clients that show a certificate."""
    context = certificate.server_context()
    context.load_verify_locations(certificate.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    with Server(tls=context) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: Certificate) -> Path:
    """A folder to work in, with the files that pages take as given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copy(certificate.authority, "ca.pem")
    shutil.copy(certificate.chain, "server.pem")
    shutil.copy(certificate.chain, "client.pem")
    shutil.copy(certificate.key, "client.key")
    return tmp_path


class Browser(webbrowser.BaseBrowser):
    """Goes where it is sent, as that of a person who is logged in."""

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        """Follow an address to its end."""
        requests.get(url, timeout=LATE).raise_for_status()
        return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(
    page: Path,
    server: Server,
    tls_server: Server,
    mutual_server: Server,
    folder: Path,
    runner: asyncio.Runner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The blocks of a page run one after the other and print what the page says."""
    origins = {
        "https://api.example.com": server.url,
        "https://api.github.com": server.url,
        "https://jsonplaceholder.typicode.com": server.url,
        "https://cdn.example.com": server.at("localhost"),
        "https://shop.example.com": server.at("localhost"),
        "https://intranet.example.com": tls_server.at("localhost"),
        "https://vault.example.com": mutual_server.at("localhost"),
    }
    text = page.read_text(encoding="utf-8")
    for origin, url in origins.items():
        text = text.replace(origin, url)
    program = Program(str(page), runner)
    webbrowser.register("suite", None, Browser(), preferred=True)
    monkeypatch.setitem(
        sys.modules, "page", program.module
    )  # Pickles and generic models look it up.
    for block in find_blocks(text):
        if block.reason is None:
            program.run(block)


def test_blocks_left_out_are_few_and_say_why() -> None:
    """No page hides code from this test: every Python fence is found, every exception reasoned."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = find_blocks(text)
        fences = re.findall(r"^\s*`{3,}\s*(?:python|py|pycon)\b", text, re.MULTILINE)
        assert len(blocks) == len(fences), page
        assert all(block.reason is None or len(block.reason) > 10 for block in blocks), page


async def test_type_guide_is_right(tmp_path: Path) -> None:
    """The checker agrees with the types, and finds the mistakes, that the guide on types shows."""
    blocks = find_blocks((DOCS / "guides" / "typing.md").read_text(encoding="utf-8"))
    code = tmp_path / "guide.py"
    code.write_text("\n".join(block.code for block in blocks))
    mypy = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"),
        # With other settings, it would overwrite what a run with those of the project has kept.
        *("--config-file=", f"--cache-dir={tmp_path / 'kept'}", str(code)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    told, _ = await mypy.communicate()
    assert mypy.returncode == 0, told.decode()


def test_reference_has_every_public_name() -> None:
    """Whatever the package exports is documented."""
    pages = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    documented = set(re.findall(r"^\.\. auto\w+:: (?:\w+\.)*(\w+)\b", pages, re.MULTILINE))
    assert set(arya_api_framework.__all__) - {"__version__"} <= documented
    assert {"errors", "utils", "constants"} <= documented


def test_architecture_names_every_module() -> None:
    """The map of the rooms has no room missing, and none that is gone."""
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    package = Path(arya_api_framework.__file__).parent
    rooms = {
        path.parent.name + "/" if path.name == "__init__.py" else path.name
        for path in [
            *package.glob("*.py"),
            *package.glob("*/__init__.py"),
            *package.glob("client/*"),
            *package.glob("auth/*"),
            *package.glob("endpoints/*"),
            *package.glob("openapi/*"),
            *package.glob("streaming/*"),
            *package.glob("bulk/*"),
            *package.glob("explanation/*"),
            *package.glob("endpoints/*"),
        ]
        if path.suffix == ".py"
    } - {package.name + "/"}
    named = set(re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE))
    assert {name for names in named for name in re.findall(r"`([\w./]+)`", names)} == rooms


def test_architecture_names_what_exists() -> None:
    """A class or method that the page speaks of is called that in the code."""
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    known = {
        name: value for module in [requests, *modules()] for name, value in vars(module).items()
    }
    for owner, name in re.findall(r"`([A-Z]\w+)(?:\.(\w+))?`", page):
        assert owner in known
        assert not name or hasattr(known[owner], name), f"{owner}.{name}"


def modules() -> list[ModuleType]:
    """Return every module of the package."""
    found = pkgutil.walk_packages(arya_api_framework.__path__, "arya_api_framework.")
    return [arya_api_framework, *(importlib.import_module(info.name) for info in found)]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_docstring_sessions(module: ModuleType) -> None:
    """The `>>>` examples of a module's docstrings give what they show."""
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


class Repo(Response):
    """What docstring examples ask for, so that they can be short."""

    id: int
    full_name: str


def docstring_blocks() -> list[Any]:
    """Return the fenced examples in the docstrings of classes and their methods."""
    return [
        pytest.param(block, test.globs, id=f"{test.name}-{number}")
        for module in modules()
        for test in doctest.DocTestFinder(exclude_empty=False).find(module)
        for number, block in enumerate(find_blocks(inspect.cleandoc(test.docstring or "") + "\n"))
    ]


@pytest.mark.parametrize(("block", "names"), docstring_blocks())
def test_docstring_block(
    block: Block, names: dict[str, Any], server: Server, runner: asyncio.Runner
) -> None:
    """The fenced example of a docstring runs; it may use its module's names, and `Repo`."""
    program = Program("docstring", runner)
    program.names |= {**names, "Repo": Repo}
    code = block.code.replace("https://api.github.com", server.url)
    program.run(Block(code, block.printed, block.line, block.reason))
