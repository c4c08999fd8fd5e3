"""A client that nobody closed: one warning that says where it was made, and closed connections."""

import asyncio
import gc
import os
import re
import subprocess
import sys
import textwrap
import threading
import warnings
from typing import Any

import pytest

from arya_api_framework import TLS, AsyncClient, SyncClient
from arya_api_framework.client.forgotten import find_caller
from tests.app import Server
from tests.client.conftest import Lane, hooked_session
from tests.conftest import needs_fork
from tests.faults import WELL, Faults, Peer, handles

SECRET = "hunter2"


class Gone:
    """Counts the connections that clients have closed."""

    count = 0
    more = threading.Condition()

    @classmethod
    def wait(cls, count: int) -> None:
        """Wait until so many are closed."""
        with cls.more:
            assert cls.more.wait_for(lambda: cls.count >= count, 10), cls.count


@handles("/watched-to-its-end")
async def watched(peer: Peer) -> None:
    """Answer, and note that the client closes the connection."""
    await peer.send(WELL)
    try:
        assert await peer.reader.read(1) == b""
    finally:
        with Gone.more:
            Gone.count += 1
            Gone.more.notify_all()
        peer.close()


@pytest.fixture(autouse=True)
def _nobody_gone() -> None:
    gc.collect()
    Gone.count = 0


def run(program: str, url: str, *options: str, status: int = 0) -> list[str]:
    """Run a program that is given a URL; return the lines that it wrote to stderr."""
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program), url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "API_TOKEN": SECRET},
    )
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert SECRET not in done.stderr
    # The debug mode of asyncio tells how slow the machine is.
    return [one for one in done.stderr.splitlines() if not one.startswith("Executing <")]


SYNC = """
import gc, os, sys
from arya_api_framework import SyncClient

class Api(SyncClient):
    pass

def make():
    return Api(sys.argv[1], bearer_token=os.environ["API_TOKEN"], headers={"X-Key": "hunter2"})

client = make()
client.get("/ok")
"""

ASYNC = """
import asyncio, gc, os, sys
from arya_api_framework import AsyncClient

class Api(AsyncClient):
    pass

def make():
    return Api(sys.argv[1], bearer_token=os.environ["API_TOKEN"], headers={"X-Key": "hunter2"})

async def call(client):
    await client.get("/ok")

client = make()
"""

COLLECTED = "del client; gc.collect(); gc.collect()\n"
RUNS = {
    "sync, collected": SYNC + COLLECTED,
    "sync, at exit": SYNC,
    "sync, in a status": SYNC + "sys.exit(3)",
    "async, after its loop": ASYNC + "asyncio.run(call(client))\n" + COLLECTED,
    "async, at exit": ASYNC + "asyncio.run(call(client))\n",
    "async, in its loop": ASYNC
    + """
async def main():
    client = make()
    await call(client)
    del client
    gc.collect()
    await asyncio.sleep(0)
asyncio.run(main())
""",
    "async, loop closed": ASYNC
    + """
loop = asyncio.new_event_loop()
loop.run_until_complete(call(client))
loop.close()
"""
    + COLLECTED,
    "async, loop closed, at exit": ASYNC
    + """
loop = asyncio.new_event_loop()
loop.run_until_complete(call(client))
loop.close()
""",
    "async, loop stands still": ASYNC
    + """
loop = asyncio.new_event_loop()
loop.run_until_complete(call(client))
"""
    + COLLECTED
    + """
loop.run_until_complete(asyncio.sleep(0))
loop.close()
""",
    "async, in another thread": ASYNC
    + """
import threading
called, over = threading.Event(), threading.Event()
async def other():
    await call(client)
    called.set()
    while not over.is_set():
        await asyncio.sleep(0.01)
thread = threading.Thread(target=lambda: asyncio.run(other()))
thread.start()
called.wait()
"""
    + COLLECTED
    + "over.set(); thread.join()\n",
}


@pytest.mark.parametrize("options", [["-X", "dev"], ["-W", "error"], []], ids="".join)
@pytest.mark.parametrize("name", RUNS)
def test_one_warning(faults: Faults, name: str, options: list[str]) -> None:
    """It names class and place; nothing else is said, and nothing at all unless asked for."""
    lines = run(RUNS[name], faults.url, *options, status=3 if "status" in name else 0)
    if not options:
        assert lines == []
        return
    line = 1 + RUNS[name].splitlines().index(
        '    return Api(sys.argv[1], bearer_token=os.environ["API_TOKEN"], '
        'headers={"X-Key": "hunter2"})'
    )
    assert len(lines) == 1, lines
    way = "`async with`, or await `close()`" if "async" in name else "`with`, or call `close()`"
    assert lines == [
        f"<string>:{line}: ResourceWarning: Api made at <string>:{line} was not closed; use {way}"
    ]


QUIET = {
    "sync, closed": SYNC + "client.close()\n",
    "sync, closed, collected": SYNC + "client.close()\n" + COLLECTED,
    "sync, unused": SYNC.replace('client.get("/ok")', "") + COLLECTED,
    "sync, half made": SYNC
    + """
client.close()
class Broken(Api):
    def __init__(self):
        self.get
        raise LookupError("mine")
try: Broken()
except LookupError: pass
try: Api("no url")
except Exception: pass
gc.collect()
""",
    "async, closed": ASYNC
    + """
async def main():
    async with client:
        await call(client)
asyncio.run(main())
""",
    "async, unused": ASYNC + COLLECTED,
    "async, closed later": ASYNC
    + """
asyncio.run(call(client))
asyncio.run(client.close())
"""
    + COLLECTED,
    "async, one loop after the other": ASYNC
    + """
for _ in range(2):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(call(client))
    loop.close()
asyncio.run(client.close())
""",
    "sync, session of the user's": SYNC
    + """
client.close()
import requests
session = requests.Session()
client = Api(sys.argv[1], session=session)
client.get("/ok")
del client
gc.collect()
assert session.get(sys.argv[1] + "/ok").json() == {"ok": True}
session.close()
""",
    "async, session of the user's": ASYNC
    + """
import aiohttp
async def main():
    async with aiohttp.ClientSession() as session:
        client = Api(sys.argv[1], session=session)
        await call(client)
        del client
        gc.collect()
        await asyncio.sleep(0)
        async with session.get(sys.argv[1] + "/ok") as response:
            assert await response.json(content_type=None) == {"ok": True}
asyncio.run(main())
""",
}


@pytest.mark.parametrize("options", [["-X", "dev"], ["-W", "error"]], ids="".join)
@pytest.mark.parametrize("name", QUIET)
def test_no_warning(faults: Faults, name: str, options: list[str]) -> None:
    """Who closed, opened nothing, or brought a session, reads nothing."""
    assert run(QUIET[name], faults.url, *options) == []


def caught(action: Any) -> list[str]:
    """Return what is warned of while an action is done."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        action()
        gc.collect()
    return [str(one.message) for one in found]


async def test_the_connections_are_closed(lane: Lane, faults: Faults) -> None:
    """The server sees the end of a connection that is idle."""
    options = {"session_factory": hooked_session} if lane.lane == "compatible" else {}
    client = lane.base(faults.url, **options)
    if lane.is_async:
        await client.get("/watched-to-its-end")
    else:
        # A thread of its own: those of an executor hold what they ran for a moment longer.
        thread = threading.Thread(target=client.get, args=["/watched-to-its-end"])
        thread.start()
        await asyncio.to_thread(thread.join, 10)
        del thread
    holder = [client]
    del client
    found = await asyncio.to_thread(caught, holder.clear)
    await asyncio.to_thread(Gone.wait, 1)
    assert [re.sub(r"at .*/", "at ", one).partition(" was")[0] for one in found] == [
        f"{lane.base.__name__} made at test_forgotten.py:"
        + one.rpartition("test_forgotten.py:")[2].partition(" was")[0]
        for one in found
    ]
    assert len(found) == 1


def test_the_connections_of_a_closed_loop_are_closed(
    faults: Faults, tls_faults: Faults, ca_pem: Any
) -> None:
    """Plain ones and those of TLS: no loop can do it any more."""
    for url in (faults.url, tls_faults.url):
        Gone.count = 0
        holder = [AsyncClient(url, tls=TLS(ca=ca_pem))]
        loop = asyncio.new_event_loop()
        loop.run_until_complete(holder[0].get("/watched-to-its-end"))
        loop.close()
        assert len(caught(holder.clear)) == 1
        Gone.wait(1)


def test_a_copy_warns_for_itself_only(server: Server) -> None:
    """A copy that shares the connections is not missed; one with connections of its own is."""
    client = SyncClient(server.url)
    client.get("/echo")
    shared = [client.with_options(headers={"X-A": "1"})]
    shared[0].get("/echo")
    assert caught(shared.clear) == []
    own = [client.with_options(trust_env=False)]
    own[0].get("/echo")
    found = caught(own.clear)
    assert len(found) == 1
    assert "test_forgotten.py" in found[0]
    assert client.get("/echo")["method"] == "GET"
    client.close()
    assert caught(lambda: None) == []


def test_a_hook_that_refers_to_the_client_keeps_nothing(server: Server) -> None:
    """What finds a forgotten client out does not hold it."""

    class Api(SyncClient):
        def __init__(self, url: str) -> None:
            super().__init__(url, hooks=[])
            self.headers["X-A"] = "1"
            self.callback = self.get

    holder = [Api(server.url)]
    holder[0].get("/echo")
    assert len(caught(holder.clear)) == 1


def test_the_outermost_frame_will_do() -> None:
    """Where there is none outside of the package, the outermost is named."""
    file, line = find_caller()
    assert file == __file__
    assert line > 1


FORKED = {
    "sync": SYNC
    + """
def call_again():
    client.get("/ok")
""",
    "async": ASYNC
    + """
loop = asyncio.new_event_loop()
loop.run_until_complete(call(client))
def call_again():
    asyncio.run(call(client))
""",
}
FORK = """
child = os.fork()
call_again()
if child == 0:
    os._exit(5)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
"""
CLOSE = {
    "sync": "client.get('/ok'); client.close()",
    "async": "loop.run_until_complete(call(client)); loop.run_until_complete(client.close()); "
    "loop.close()",
}


@needs_fork
@pytest.mark.parametrize("name", FORKED)
def test_a_child_leaves_warm_connections_to_its_parent(faults: Faults, name: str) -> None:
    """Both go on at once: the parent over its connection, the child over one of its own."""
    assert run(FORKED[name] + FORK + CLOSE[name], faults.url, "-W", "error") == []
    connections = [read.connection for read in faults.log]
    # An async client has a connection for each of the parent's two loops.
    assert len(set(connections)) == (2 if name == "sync" else 3)


@pytest.mark.parametrize(
    "program",
    [
        SYNC.replace("client.get", "import atexit; atexit.register(client.close); client.get"),
        ASYNC
        + """
import atexit
atexit.register(lambda: asyncio.run(client.close()))
asyncio.run(call(client))
""",
    ],
    ids=["sync", "async"],
)
def test_closed_at_exit(faults: Faults, program: str) -> None:
    """A client may be closed by what is registered with `atexit` once it exists."""
    assert run(program, faults.url, "-Xdev") == []
