"""The types of the package, as both checkers see them: the files in `typing/` hold the assertions.

Ignores that nothing needs are errors for both, so each says that its line is one.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TYPING = Path(__file__).parent / "typing"


def check(tool: str, *arguments: str) -> tuple[int, str]:
    """Run a type checker on the assertions."""
    done = subprocess.run(
        [sys.executable, "-m", tool, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def mypy(path: Path) -> str:
    """Run mypy with the settings of the project."""
    return check("mypy", "--strict", "--no-error-summary", str(path))[1]


def pyright(project: Path) -> tuple[int, str]:
    """Run pyright with the settings in a folder, and the packages of this interpreter."""
    return check("pyright", "--pythonpath", sys.executable, "--project", str(project))


def test_mypy() -> None:
    """The first checker agrees with every assertion."""
    lines = mypy(TYPING).splitlines()
    # What is wrong in the package itself is for the linters to say.
    assert [line for line in lines if not line.startswith("arya_api_framework/")] == []


def test_pyright() -> None:
    """The second checker agrees with every assertion."""
    status, output = pyright(TYPING)
    assert (status, output.strip()) == (0, "0 errors, 0 warnings, 0 informations")


def test_errors_are_seen(tmp_path: Path) -> None:
    """Both checkers would see an assertion that fails, and an ignore that nothing needs."""
    wrong = tmp_path / "wrong.py"
    code = (TYPING / "subclients.py").read_text()
    code = code.replace('of("psf", page=2), Repo)', 'of("psf", page=2), Problem)', 1)
    wrong.write_text(f"{code}\nx = 1  # type: ignore[misc]  # pyright: ignore[reportCallIssue]\n")
    output = mypy(wrong)
    assert "[assert-type]" in output
    assert "[unused-ignore]" in output
    settings = (TYPING / "pyrightconfig.json").read_text().replace("../..", str(ROOT))
    (tmp_path / "pyrightconfig.json").write_text(settings)
    _, output = pyright(tmp_path)
    assert "reportAssertTypeFailure" in output
    assert "reportUnnecessaryTypeIgnoreComment" in output
