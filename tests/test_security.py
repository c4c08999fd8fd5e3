"""The pages on security, held to the tests that they name, and what `pyproject.toml` promises."""

import ast
import functools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs" / "security"
NAMED = re.compile(r"`((?:\w+/)*test_\w+\.py)::(\w+)`")
PROMISES = [f"S{number}" for number in [*range(1, 24), *range(28, 31)]]

LOWEST = {
    "requests": Version("2.34"),
    "urllib3": Version("2.7"),
    "aiohttp": Version("3.14.3"),
    "brotli": Version("1.2"),
}
"""The first versions with the fixes that the clients count on."""


def read(page: str) -> str:
    """Return the text of a page."""
    return (DOCS / page).read_text(encoding="utf-8")


def rows() -> list[list[str]]:
    """Return the cells of every row of the threat model."""
    lines = re.findall(r"^\| (.+) \|$", read("threat-model.md"), re.MULTILINE)
    return [line.split(" | ") for line in lines if not line.startswith("threat |")]


@functools.cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


@functools.cache
def project() -> dict[str, Any]:
    """Return what `pyproject.toml` says."""
    return tomllib.loads((TESTS.parent / "pyproject.toml").read_text(encoding="utf-8"))


def required() -> list[Requirement]:
    """Return every requirement, those of the extras too."""
    table = project()["project"]
    extras = [one for group in table["optional-dependencies"].values() for one in group]
    return [Requirement(one) for one in [*table["dependencies"], *extras]]


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(read("threat-model.md")))))
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    """A guard that was renamed or removed is missed."""
    assert name in names_in(file)


def test_every_threat_is_answered() -> None:
    """Each row has four cells, and its last names tests and nothing else."""
    assert len(rows()) > 50
    for row in rows():
        assert len(row) == 4, row
        assert NAMED.findall(row[3]), row
        assert not NAMED.sub("", row[3]).strip(), row


@pytest.mark.parametrize("promise", PROMISES)
def test_every_promise_is_guarded(promise: str) -> None:
    """Each is on the first page, and in a row of the threat model."""
    assert re.search(rf"^\| {promise} \| \S", read("index.md"), re.MULTILINE)
    assert any(promise in row[2].split() for row in rows())


def test_every_promise_of_the_threat_model_is_made() -> None:
    """No row speaks of a promise that nobody made."""
    assert {promise for row in rows() for promise in row[2].split()} == {*PROMISES, "-"}


def test_what_is_not_promised_is_said() -> None:
    """The limits that no client of this kind can lift have a page."""
    page = read("not-promised.md").lower()
    words = [
        "unasked answer",
        "exactly once",
        "without a length",
        "memory",
        "getaddrinfo",
        "http/2",
    ]
    assert [word for word in words if word not in page] == []


@pytest.mark.parametrize("name", LOWEST)
def test_dependencies_are_as_new_as_their_fixes(name: str) -> None:
    """No version below the fixes is allowed, in the package or an extra."""
    found = [one for one in required() if one.name.lower() == name]
    assert found or name == "brotli"
    for one in found:
        floors = [Version(part.version) for part in one.specifier if part.operator in (">=", "~=")]
        assert floors, one
        assert max(floors) >= LOWEST[name], one


@pytest.mark.parametrize("name", ["requests", "urllib3", "aiohttp"])
def test_dependencies_with_private_parts_have_an_upper_bound(name: str) -> None:
    """The next major version is looked at before it is allowed."""
    (found,) = (one for one in required() if one.name == name)
    major = LOWEST[name].major
    assert not SpecifierSet(str(found.specifier)).contains(f"{major + 1}.0")
    assert found.specifier.contains(f"{major}.99")


def test_installing_runs_no_code_of_ours() -> None:
    """The package is built by a tool that runs no script, from a project without one."""
    assert project()["build-system"]["build-backend"] == "hatchling.build"
    assert not (TESTS.parent / "setup.py").exists()
    assert "hooks" not in str(project()["tool"]["hatch"])
