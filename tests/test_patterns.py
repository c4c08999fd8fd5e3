"""What holds for every regular expression of the package."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "arya_api_framework"
POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)[*+?]\+|(?<!\\)\)\{[^}]*\}\+")


def texts(module: Path) -> list[str]:
    """Return the texts in a module that are no docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [
        value.decode("latin-1") if isinstance(value, bytes) else value
        for node in found
        if isinstance(value := node.value, str | bytes) and id(node) not in docs
    ]


def test_the_guard_sees_one() -> None:
    """It knows a possessive group when there is one."""
    assert POSSESSIVE_GROUP.search(r"(?:ab)*+")
    assert POSSESSIVE_GROUP.search(r"(ab)?+")
    assert POSSESSIVE_GROUP.search(r"(ab){1,2}+")
    assert not POSSESSIVE_GROUP.search(r"(?>(?:[ab]*+)*)\)*+")


@pytest.mark.parametrize("module", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_possessive_group(module: Path) -> None:
    """CPython before 3.11.5 matches them wrongly (gh-106052); atomic groups do the same."""
    found = [text for text in texts(module) if POSSESSIVE_GROUP.search(text)]
    # Marks that a URL may hold are no pattern.
    assert [text for text in found if "'()*+,;" not in text] == []
