"""What clients log: records with fields, no secrets, and the debug switch."""

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arya_api_framework.errors import ConnectionLost
from arya_api_framework.log import RedactingFilter
from tests.app import Server
from tests.client.conftest import Lane, hooked_session
from tests.conftest import Kind
from tests.faults import Faults


def records_of(caplog: pytest.LogCaptureFixture, lane: Kind) -> list[Any]:
    """Return what the logger of the client wrote."""
    name = f"arya_api_framework.{lane.base.__name__}"
    return [record for record in caplog.records if record.name == name]


async def test_a_record_when_a_request_is_sent_and_when_it_is_answered(
    lane: Lane, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Each has a text for people and fields for machines."""
    caplog.set_level(logging.DEBUG)
    client = lane.client(server.url, bearer_token="secret")
    await client.get("/bytes/{n}?key=secret", path_parameters={"n": 5}, raw=True)
    sent, came = records_of(caplog, lane)
    url = f"{server.url}/bytes/5?key=***"
    assert sent.levelno == came.levelno == logging.DEBUG
    assert sent.getMessage() == f"GET {url}"
    assert came.getMessage().startswith(f"GET {url} -> 200 in ")
    for record in (sent, came):
        assert record.http_method == "GET"
        assert record.http_url == url
        assert record.http_template == "/bytes/{n}"
        assert record.http_attempts == 1
    assert sent.http_headers["Accept"] == "application/json, */*;q=0.5"
    assert "Authorization" not in sent.http_headers
    assert came.http_headers["Content-Length"] == "5"
    assert came.http_status == 200
    assert 0 < came.http_elapsed < 10


async def test_a_record_of_a_failure(
    lane: Lane, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """It names the class of the error; the error itself is the caller's to log."""
    caplog.set_level(logging.DEBUG)
    client = lane.client(faults.url)
    with pytest.raises(ConnectionLost):
        await client.get("/close-in-head")
    _, failed = records_of(caplog, lane)
    assert failed.levelno == logging.DEBUG
    assert failed.http_error == "ConnectionLost"
    assert "/close-in-head -> ConnectionLost in " in failed.getMessage()
    assert failed.http_elapsed > 0


async def test_redirects_and_repeated_fields(
    lane: Lane, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Each request has its records; what a server tells back of a secret is hidden in them."""
    caplog.set_level(logging.DEBUG)
    client = lane.client(server.url, bearer_token="token-of-mine")
    query = "Vary=a%26Vary=b%26Set-Cookie=a%3Dnew-of-mine%26Server=token-of-mine"
    path = f"/redirect-to?url={server.url}/status/200?{query}"
    await client.get(path, raw=True)
    records = records_of(caplog, lane)
    assert [getattr(one, "http_status", None) for one in records] == [None, 302, None, 200]
    assert records[2].http_template is None
    assert records[3].http_headers["Vary"] == "a, b"
    assert "of-mine" not in str(vars(records[3]))


async def test_nothing_is_logged_above_debug(
    lane: Lane, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Normal work is silent, and importing the package installs no handler."""
    caplog.set_level(logging.INFO)
    await lane.client(server.url).get("/redirect/2")
    assert records_of(caplog, lane) == []
    for name in ("arya_api_framework", "urllib3", "aiohttp", "requests", "asyncio"):
        logger = logging.getLogger(name)
        assert logger.level == logging.NOTSET
        assert all(isinstance(one, logging.NullHandler) for one in logger.handlers)


@pytest.mark.parametrize(
    ("message", "arguments", "shown"),
    [
        (
            '%s://%s:%s "%s %s %s" %s %s',
            ("https", "a.test", 443, "GET", "/b?key=x'y&page=1", "HTTP/1.1", 200, None),
            'https://a.test:443 "GET /b?key=***&page=1 HTTP/1.1" 200 None',
        ),
        ("Redirecting %s -> %s", ("/a?b=c", "https://u:p@d.test/?e=f"), None),
        ("Incremented Retry for (url='%s'): %r", ("/a?b=c", object), None),
        ("Max retries exceeded with url: /a?b=c (Caused by x)", (), None),
        ("%(url)s", ({"url": "http://u:p@a.test/?b=c"},), "http://a.test/?b=***"),
        ("what? nothing", (), "what? nothing"),
        ("broken: %r", (ValueError("http://u:p@a.test/x?b=c"),), None),
    ],
)
def test_the_filter_hides_queries_and_logins(
    message: str, arguments: Any, shown: str | None
) -> None:
    """However a record holds them; the rest stays."""
    record = logging.LogRecord("any", 10, "", 0, message, arguments, None)
    assert RedactingFilter().filter(record)
    text = record.getMessage()
    assert shown is None or text == shown
    for secret in ("b=c", "e=f", "u:p", "x'y"):
        assert secret not in text
    assert shown or "***" in text


def test_the_filter_hides_in_tracebacks() -> None:
    """An error may quote the URL."""
    try:
        raise ValueError("http://a.test/?b=secret")
    except ValueError:
        record = logging.LogRecord("any", 10, "", 0, "failed", (), sys.exc_info())
    RedactingFilter().filter(record)
    text = logging.Formatter().format(record)
    assert "ValueError: http://a.test/?b=***" in text


async def test_the_filter_on_the_logger_of_urllib3(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where requests go through it, it logs the query; with the filter it does not."""
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger("urllib3.connectionpool")
    monkeypatch.setattr(logger, "filters", [])  # A page of the docs adds one.
    kind = Kind("sync")
    client = kind.client(server.url, session_factory=hooked_session)
    await client.get("/echo?key=secret")
    assert "secret" in [one for one in caplog.records if one.name == logger.name][-1].getMessage()
    caplog.clear()
    redacting = RedactingFilter()
    logger.addFilter(redacting)
    try:
        await client.get("/echo?key=secret")
    finally:
        logger.removeFilter(redacting)
    assert "/echo?key=***" in caplog.text
    assert "secret" not in caplog.text
    await kind.close()


PROGRAM = """
import asyncio, sys, warnings
from arya_api_framework import AsyncClient, SyncClient

def sync():
    with SyncClient(sys.argv[1], bearer_token="of-mine") as client:
        client.get("/echo?key=of-mine")

async def main():
    async with AsyncClient(sys.argv[1], bearer_token="of-mine") as client:
        await client.get("/echo?key=of-mine")

sync()
asyncio.run(main())
"""


def run(server: Server, switch: str) -> str:
    """Run a program with both clients; return what it wrote to standard error."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, server.url],
        env={**os.environ, "ARYA_API_FRAMEWORK_DEBUG": switch},
        stderr=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stderr


def check_log(text: str, server: Server) -> None:
    """Check that a log tells of both clients, and no secret."""
    assert text.count(f"GET {server.url}/echo?key=*** -> 200 in ") == 2
    assert "arya_api_framework.SyncClient DEBUG" in text
    assert "arya_api_framework.AsyncClient DEBUG" in text
    assert "\n    Accept: application/json" in text
    assert "of-mine" not in text


@pytest.mark.parametrize("switch", ["1", "true"])
def test_the_debug_switch_writes_to_standard_error(server: Server, switch: str) -> None:
    """Each request and answer is a line, its harmless header fields below."""
    check_log(run(server, switch), server)


@pytest.mark.parametrize("switch", ["", "0", "off"])
def test_the_debug_switch_is_off(server: Server, switch: str) -> None:
    """Nothing is written."""
    assert run(server, switch) == ""


def test_the_debug_switch_writes_into_a_file(server: Server, tmp_path: Path) -> None:
    """A new file is its owner's alone; another run adds to it."""
    path = tmp_path / "debug.log"
    assert run(server, str(path)) == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_text()
    check_log(first, server)
    assert run(server, str(path)) == ""
    assert path.read_text().startswith(first)
    assert len(path.read_text()) > len(first)


@pytest.mark.parametrize("kind_of_file", ["open", "link", "pipe", "folder", "missing", "null"])
def test_the_debug_switch_breaks_nothing(server: Server, tmp_path: Path, kind_of_file: str) -> None:
    """Where the file cannot be, or would be read by others, a warning says so and calls go on."""
    path = tmp_path / "debug.log"
    if kind_of_file == "open":
        path.touch(0o644)
        path.chmod(0o644)
    elif kind_of_file == "link":
        (tmp_path / "else").touch(0o600)
        path.symlink_to(tmp_path / "else")
    elif kind_of_file == "pipe":
        os.mkfifo(path, 0o600)
    elif kind_of_file == "folder":
        path.mkdir()
    elif kind_of_file == "missing":
        path = tmp_path / "no" / "debug.log"
    else:
        path = Path("/dev/null")
    text = run(server, str(path))
    assert "RuntimeWarning: ARYA_API_FRAMEWORK_DEBUG names a file that cannot be written" in text
    if kind_of_file in ("open", "link"):
        assert path.read_text() == ""


def test_the_debug_switch_writes_once(server: Server, tmp_path: Path) -> None:
    """Also when it is read in two threads at once."""
    path = tmp_path / "debug.log"
    code = "import sys; from arya_api_framework.log import switch_on; switch_on(sys.argv[2])\n"
    subprocess.run(
        [sys.executable, "-c", f"{code}{PROGRAM}", server.url, str(path)],
        env={**os.environ, "ARYA_API_FRAMEWORK_DEBUG": str(path)},
        check=True,
        timeout=60,
    )
    check_log(path.read_text(), server)


def test_logging_is_not_imported_for_nothing() -> None:
    """The package itself needs no logs."""
    code = "import sys, arya_api_framework; assert 'logging' not in sys.modules"
    subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path}; {code}"], check=True
    )
