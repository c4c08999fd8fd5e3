"""Each `async_X.py` must be its `sync_X.py` with `async` and `await` written in, and nothing else.

The async file is erased: its tree loses `async` and `await`, its names and texts become those of
the sync file. What is left must be the sync file. Layout and comments do not count, nor the order
of imports and of `__all__`, which linters sort by names that differ.
"""

import ast
import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parent.parent / "arya_api_framework"

# Twins that differ by library: they share their public names and signatures only.
FACES = (
    "bulk/*_workers.py",
    "*_transport.py",
    "client/*_pieces.py",
    "client/*_tasks.py",
    "client/*_wait.py",
    "rate_limit/*_link.py",
    "rate_limit/*_wait.py",
)

# What stands below one of the transports only: each library leaves something else to us.
ALONE = {
    "client/async_connector.py",
    "client/async_dial.py",
    "client/async_errors.py",
    "client/async_events.py",
    "client/async_incoming.py",
    "client/async_parser.py",
    "client/async_reader.py",
    "client/async_timer.py",
    "client/async_upload.py",
    "client/sync_cutter.py",
    "client/sync_dial.py",
    "client/sync_errors.py",
    "client/sync_exchange.py",
    "client/sync_incoming.py",
    "client/sync_lanes.py",
    "client/sync_limits.py",
    "client/sync_pools.py",
    "client/sync_session.py",
    "client/sync_threads.py",
}

WORDS = {
    "AbstractAsyncContextManager": "AbstractContextManager",
    "AsyncExitStack": "ExitStack",
    "AsyncGenerator": "Generator",
    "AsyncIterable": "Iterable",
    "AsyncIterator": "Iterator",
    "StopAsyncIteration": "StopIteration",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aclose": "close",
    "aclosing": "closing",
    "aiter": "iter",
    "anext": "next",
    "asynccontextmanager": "contextmanager",
    "asynchronous": "synchronous",
    # The library that each client stands on, as documented and as given by `session`.
    "ClientSession": "Session",
    "aiohttp": "requests",
}
ONLY_ASYNC = {"Awaitable", "Coroutine"}
SORTED = {"__all__", "__slots__"}

TEXTS = [
    (re.compile(r"\basync (?=with\b|for\b|def\b)"), ""),
    (re.compile(r"\bawait "), ""),
    (re.compile(r"\basyncio\.run\((\w+\(\))\)"), r"\1"),
    (re.compile(r"\b(a)n (?=`*async)", re.IGNORECASE), r"\1 "),  # An async client, a sync client.
]


def erase(source: str) -> ast.Module:
    """Parse an async module and take out what makes it async."""
    tree = ast.parse(source)
    Eraser().visit(tree)
    return normalise(tree)


def normalise(tree: ast.Module) -> ast.Module:
    """Bring what linters sort and wrap into one form."""
    Normaliser().visit(tree)
    return ast.fix_missing_locations(tree)


class Eraser(ast.NodeTransformer):
    """Turns the tree of an async module into that of its twin."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Rename every identifier, whatever the node."""
        super().generic_visit(node)
        for field, value in ast.iter_fields(node):
            if isinstance(value, str):
                text = isinstance(node, ast.Constant)
                setattr(node, field, _erased_text(value) if text else _erased_name(value))
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Turn `async def` into `def`."""
        return self.generic_visit(ast.FunctionDef(**_fields(node)))

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        """Turn `async with` into `with`."""
        return self.generic_visit(ast.With(**_fields(node)))

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        """Turn `async for` into `for`."""
        return self.generic_visit(ast.For(**_fields(node)))

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        """Turn `async for` of a comprehension into `for`."""
        node.is_async = 0
        return self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> Any:
        """Leave what is awaited."""
        return self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        """Turn types of what is awaited into types of what comes out."""
        match node:
            case ast.Subscript(ast.Name("Awaitable"), result):
                return self.visit(result)
            case ast.Subscript(ast.Name("Coroutine"), ast.Tuple([_, _, result])):
                return self.visit(result)
            case ast.Subscript(ast.Name("AsyncGenerator"), ast.Tuple([_, _] as types)):
                types.append(ast.Constant(None))
            case _:
                pass
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """Drop the names that only async code needs."""
        node.names = [alias for alias in node.names if alias.name not in ONLY_ASYNC]
        return self.generic_visit(node) if node.names else None


class Normaliser(ast.NodeTransformer):
    """Sorts imports and `__all__`, and unwraps docstrings."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Sort the imports at the head of each block."""
        super().generic_visit(node)
        block: list[ast.stmt] = getattr(node, "body", None) or []
        if isinstance(node, ast.Module | ast.If | ast.FunctionDef):
            block[:] = _sorted_imports(block)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Sort `__all__` and `__slots__`."""
        match node:
            case ast.Assign([ast.Name(name)], ast.List(items) | ast.Tuple(items)) if name in SORTED:
                items.sort(key=ast.unparse)
            case _:
                pass
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """Unwrap a docstring, which breaks its lines elsewhere when names have other lengths."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = " ".join(node.value.value.split())
        return self.generic_visit(node)


def _fields(node: ast.AST) -> dict[str, Any]:
    return dict(ast.iter_fields(node))


def _erased_name(name: str) -> str:
    return ".".join(_erased_word(word) for word in name.split("."))


def _erased_word(word: str) -> str:
    if word in WORDS:
        return WORDS[word]
    return re.sub(r"(?<![A-Za-z])async(?=_|$)|(?<=_)async(?![a-z])", "sync", word).replace(
        "Async", "Sync"
    )


def _erased_text(text: str) -> str:
    for pattern, replacement in TEXTS:
        text = pattern.sub(replacement, text)
    return re.sub(r"\w+", lambda match: _erased_word(match[0]), text)


def _sorted_imports(block: list[ast.stmt]) -> list[ast.stmt]:
    """Give one import a name, sorted, after the docstring."""
    imports: set[str] = set()
    rest: list[ast.stmt] = []
    for node in block:
        match node:
            case ast.Import(names):
                imports |= {ast.unparse(ast.Import([name])) for name in names}
            case ast.ImportFrom(module, names, level):
                imports |= {ast.unparse(ast.ImportFrom(module, [name], level)) for name in names}
            case _:
                rest.append(node)
    docstring = 1 if rest and isinstance(rest[0], ast.Expr) else 0
    rest[docstring:docstring] = ast.parse("\n".join(sorted(imports))).body
    return rest


def face(tree: ast.Module) -> ast.Module:
    """Reduce a module to its public names and signatures."""
    return ast.Module([node for child in tree.body if (node := _face(child))], [])


def _face(node: ast.stmt) -> ast.stmt | None:
    match node:
        case ast.FunctionDef(name=name) if _is_public(name):
            node.body = [ast.Pass()]
            return node
        case ast.ClassDef(name=name) if _is_public(name):
            members = [member for child in node.body if (member := _face(child))]
            node.body = sorted(members, key=ast.unparse) or [ast.Pass()]
            return node
        case ast.Assign([ast.Name(name)]) if name == "__all__":
            return node
        case _:
            return None


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name.endswith("__")


def difference(ours: ast.Module, theirs: ast.Module) -> str:
    """A readable diff of two trees; empty if they are equal."""
    if ast.dump(ours) == ast.dump(theirs):
        return ""
    for text in (ast.unparse, _dump):
        lines = difflib.unified_diff(
            text(ours).splitlines(), text(theirs).splitlines(), "async, erased", "sync", n=4
        )
        if found := "\n".join(line.rstrip("\n") for line in lines):
            return found
    raise AssertionError("trees that differ have dumps that differ")


def _dump(tree: ast.AST) -> str:
    return ast.dump(tree, indent=1)


def _relative(paths: Iterable[Path]) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in paths}


ASYNC = _relative(PACKAGE.rglob("async_*.py")) - ALONE
SYNC = _relative(PACKAGE.rglob("sync_*.py")) - ALONE


def _twin_of(path: str) -> str:
    folder, _, name = path.rpartition("async_")
    return f"{folder}sync_{name}"


def test_every_twin_has_its_twin() -> None:
    """No async module is without its sync module, nor the other way round."""
    assert ASYNC
    assert {_twin_of(path) for path in ASYNC} == SYNC


@pytest.mark.parametrize("path", sorted(ASYNC))
def test_twins_agree(path: str) -> None:
    """Erasing an async module gives its sync module."""
    ours = erase((PACKAGE / path).read_text())
    theirs = normalise(ast.parse((PACKAGE / _twin_of(path)).read_text()))
    if any(Path(path).match(pattern) for pattern in FACES):
        ours, theirs = face(ours), face(theirs)
    found = difference(ours, theirs)
    assert not found, f"{path} and {_twin_of(path)} have drifted apart:\n{found}"


EQUAL = [
    ("async def f(): await g()", "def f(): g()"),
    ("async def f():\n async with a as b, c: pass", "def f():\n with a as b, c: pass"),
    ("async def f():\n async for a in b: yield a", "def f():\n for a in b: yield a"),
    ("async def f(): return [a async for a in b]", "def f(): return [a for a in b]"),
    ("class AsyncA(AsyncB): x: _AsyncC", "class SyncA(SyncB): x: _SyncC"),
    ("async def f(): await (await a.b()).aclose()", "def f(): a.b().close()"),
    ("from .async_a import AsyncA\nimport re", "import re\nfrom .sync_a import SyncA"),
    ("from a import AsyncB, C", "from a import C, SyncB"),
    ("from c.abc import Awaitable, AsyncIterator, Iterator", "from c.abc import Iterator"),
    ("from c.abc import Coroutine\nx: Coroutine[Any, Any, T]", "x: T"),
    ("f: Callable[[A], Awaitable[T]]", "f: Callable[[A], T]"),
    ("f: AsyncGenerator[A, B]", "f: Generator[A, B, None]"),
    ("f: AsyncGenerator[A]", "f: Generator[A]"),
    ("async def __aenter__(self): pass", "def __enter__(self): pass"),
    ("__all__ = ['AsyncA', 'B']", "__all__ = ['B', 'SyncA']"),
    ("self._async_x = is_async.f(async_=1)", "self._sync_x = is_sync.f(sync_=1)"),
    (
        "'''Ask.\n\n    async with AsyncA() as a:\n        await\n a.b()'''",
        "'''Ask. with SyncA() as a:\n await a.b()'''",
    ),
    ("f'{x}: an `AsyncA` needs `await a`'", "f'{x}: a `SyncA` needs `a`'"),
    ("x: aiohttp.ClientSession", "x: requests.Session"),
    ("raise E('asyncio.run(main())')", "raise E('main()')"),
]

DIFFERENT = [
    ("async def f(): await g(1)", "def f(): g(2)"),
    ("async def f(a, *, b=1): pass", "def f(a, b=1): pass"),
    ("async def f(): pass", "async def f(): pass"),
    ("async def f():\n async with a: pass", "def f():\n with a: return"),
    ("class AsyncA: pass", "class AsyncA: pass"),
    ("'''An `AsyncA`.'''", "'''An `AsyncA`.'''"),
    ("'''Say this.'''", "'''Say that.'''"),
    ("x = 'a  b'", "x = 'a b'"),
    ("import a\nimport b", "import a"),
    ("f()\ng()", "g()\nf()"),
    ("__all__ = ['A']", "__all__ = ['A', 'B']"),
]


@pytest.mark.parametrize(("ours", "theirs"), EQUAL)
def test_erasing(ours: str, theirs: str) -> None:
    """What is only async disappears."""
    assert difference(erase(ours), normalise(ast.parse(theirs))) == ""


@pytest.mark.parametrize(("ours", "theirs"), DIFFERENT)
def test_differences_are_seen(ours: str, theirs: str) -> None:
    """What differs otherwise is found and shown."""
    found = difference(erase(ours), normalise(ast.parse(theirs)))
    assert re.search(r"^[-+](?![-+])", found, re.MULTILINE)


def test_faces() -> None:
    """Bodies and private names are no part of a face; names, parameters and types are."""
    ours = erase("import a\nclass AsyncT:\n async def send(self, r: R) -> S: await x()\n")
    same = "class SyncT:\n x = 1\n def _p(self): pass\n def send(self, r: R) -> S: return y\n"
    other = "class SyncT:\n def send(self, r: R, t: float) -> S: return y\n"
    assert difference(face(ours), face(ast.parse(same))) == ""
    assert "t: float" in difference(face(ours), face(ast.parse(other)))
