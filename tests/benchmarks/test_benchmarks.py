"""The benchmarks run, with and without nginx, and leave no server behind."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import parse
from tests.benchmarks.measure import Bar, Row
from tests.benchmarks.servers import ROOT

COMMAND = [sys.executable, "-m", "tests.benchmarks"]


def _environment(folder: Path, *, nginx: bool) -> dict[str, str]:
    # Who is killed leaves its temporary files behind.
    path = os.environ.get("PATH", "") if nginx else ""
    return {**os.environ, "PATH": path, "TMPDIR": str(folder)}


def _is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        return True  # Accepted by the system, then lost with the listener that is just closing.
    return True


def _port(text: str) -> int:
    found = re.search(r"at http://127\.0\.0\.1:(\d+)", text)
    assert found is not None, text
    return int(found[1])


def test_table_without_nginx(tmp_path: Path) -> None:
    """Without nginx they say what serves instead, and print a row for each benchmark asked for."""
    done = subprocess.run(
        [*COMMAND, "--quick", "sync-get", "async-get", "in-flight"],
        cwd=ROOT,
        env=_environment(tmp_path, nginx=False),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Server: a server in Python, as nginx is not on PATH" in done.stdout
    table = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in done.stdout.splitlines()
        if line.startswith("|")
    ]
    names = ["sync GET", "async GET", "100 in flight, CPU", "100 in flight, peak memory growth"]
    assert [row[0] for row in table[2:]] == names
    for row in table[2:5]:  # So few calls may find all their memory already there.
        assert all(float(figure.replace(",", "")) > 0 for figure in row[2:7])
    assert {row[-1] for row in table[2:]} <= {"met", "MISSED"}
    assert not _is_listening(_port(done.stdout))


# The server that is used where nginx is there, and the one that takes its place.
@pytest.mark.parametrize("nginx", sorted({shutil.which("nginx") is not None, False}))
def test_killed(nginx: bool, tmp_path: Path) -> None:
    """The server ends even where the benchmarks had no chance to stop it."""
    with subprocess.Popen(
        [*COMMAND, "--calls", "1000000", "sync-get"],
        cwd=ROOT,
        env=_environment(tmp_path, nginx=nginx),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        shown = process.stdout.readline()
        port = _port(shown)
        assert ("nginx/" in shown) == nginx
        assert _is_listening(port)
        process.kill()
    ends = time.monotonic() + 10
    while _is_listening(port):
        assert time.monotonic() < ends, "the server outlived the benchmarks"
        time.sleep(0.02)


def test_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A benchmark that does not exist is refused with the names of those that do."""
    with pytest.raises(SystemExit):
        parse(["sync-gte"])
    assert "no benchmark 'sync-gte'; choose from sync-get" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bar", "ratio", "fault", "verdict"),
    [
        (Bar(1.0), 1.0, "", "met"),
        (Bar(1.0), 1.01, "", "MISSED"),
        (Bar(0.95, at_least=True), 0.95, "", "met"),
        (Bar(0.95, at_least=True), 0.94, "", "MISSED"),
        (Bar(16, of_ours=True), 4.0, "", "met"),
        (Bar(1.0), 0.5, "loads too much", "MISSED"),
        (None, 1.0, "", "-"),
    ],
)
def test_verdict(bar: Bar | None, ratio: float, fault: str, verdict: str) -> None:
    """The median of the ratios, or our own figure, decides; a fault is a miss in any case."""
    rounds = [(ratio, 1.0), (ratio, 1.0), (9 * ratio, 1.0)]
    assert Row.of("calls", "us", rounds, bar, fault=fault).verdict == verdict
