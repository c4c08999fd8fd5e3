"""The examples are run as their users run them, and must print what they promise."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app import Server

ROOT = Path(__file__).parent.parent
NAMES = sorted(path.stem for path in (ROOT / "examples").glob("[!_]*.py"))

TOUR = """\
{kind}
  Ada <user1@example.test> lives in Lübeck
  all of them: Ada, Bela, Cleo, Dora, Egon, Fritz, Gesa, Hugo, Ines, Jörg
  HTTPNotFound: There is nothing with id 99.
  sent 0.50 of 1.00 MiB
  sent 1.00 of 1.00 MiB
  the server read 1048576 bytes
"""
BAR = """\
  [##########          ]  50%
  [####################] 100%
  1048576 bytes arrived
"""
PRINTED = {
    "download": """\
IncompleteResponse: 2,000,000 bytes
film.mp4: 2,000,000 of 5,000,000 bytes kept
it is what the server has: sha-256:c530832d...
  [####################] 9,000,000 bytes
photo.tiff: 9,000,000 bytes
""",
    "tour": TOUR.format(kind="SyncClient") + TOUR.format(kind="AsyncClient"),
    "jsonplaceholder": """\
10 users, the first is Ada
added Kim as number 11
number 1 is now Ada Lovelace
deleted number 2
page 2 of the posts: Post 4, Post 5, Post 6
Ada wrote 10 posts
Bela wrote 10 posts
Cleo wrote 10 posts
Cleo, Dora <user4@example.test>
page 3 of the posts: Post 7, Post 8, Post 9
100 posts; [10, 10]
declared: users, add_user, rename_user, delete_user, posts, all_posts, address_of
""",
    "github": """\
pydantic/pydantic, since 2011: The home of pydantic.
its entity tag has 18 characters
404: Not Found
found 2, such as aio-libs/aiohttp
stars: 4000, 2000
psf/requests
Not Found
aio-libs/aiohttp, aio-libs/yarl
aio-libs/yarl is found: True
""",
    "follow": """\
1: ABC at 101.5
2: ABC at 99.0
3: ABC at 100.25
enough for now
4: ABC at 102.0
5: ABC at 98.75
no more prices today
""",
    "export": """\
60 posts, then it was broken off
40 more posts
100 lines, from {"id":1,"title":"Post 1"} on, none twice: True
100 posts
""",
    "resume": """\
broken off after 1 MiB
the server has 1 MiB already
all 3 MiB have arrived
""",
    "uploads": f"""\
report.csv: 18 bytes, {{'title': 'This year'}}
cat.png arrived
a film
{BAR}lines: 21 bytes arrived
a film, asynchronously
{BAR}lines: 21 bytes arrived
""",
}
ASKED = {
    "download": 3 * ["GET /files/5000000/film.mp4?cut=2000000"]
    + 4 * ["GET /files/9000000/photo.tiff"],
    "tour": 2 * ["GET /users", "GET /users/1", "GET /users/99", "POST /upload"],
    "jsonplaceholder": [
        "GET /users",
        "POST /users",
        "PATCH /users/1",
        "DELETE /users/2",
        "GET /posts?_page=2&_limit=3",
        "GET /posts?userId=1",
        "GET /posts?userId=2",
        "GET /posts?userId=3",
        "PATCH /users/3",
        "GET /users/4",
        "GET /posts?_page=3&_limit=3",
        "GET /posts?_limit=50",
        "GET /posts?_limit=50&_page=2",
        "GET /posts?userId=3",
        "GET /posts?userId=4",
    ],
    "github": [
        "GET /repos/pydantic/pydantic",
        "GET /repos/pydantic/nothing",
        "GET /search/repositories?q=aio-libs&per_page=2",
        "GET /repos/psf/requests",
        "GET /repos/aio-libs/aiohttp",
        "GET /repos/psf/requests",
        "GET /repos/psf/nothing",
        "GET /search/repositories?q=aio-libs&per_page=30&page=1",
        "GET /repos/aio-libs/yarl",
        "GET /search/repositories?q=aio-libs&per_page=30&page=1",
    ],
    # After the last price the answer is 204.
    "follow": ["GET /prices"] * 4,
    "export": [
        *["GET /posts?_limit=25", "GET /posts?_limit=25&_page=2"] * 2,
        *["GET /posts?_limit=25&_page=3"] * 3,
        *["GET /posts?_limit=25&_page=4"] * 2,
    ],
    "resume": [
        "OPTIONS /files",
        "POST /files",
        *2 * ["HEAD /files/1"],
        # A chunk, one that is broken off, and what was missing: whole, or what is left of it.
        *4 * ["PATCH /files/1"],
    ],
    "uploads": [
        "POST /upload",
        "POST /upload",
        "PUT /upload",
        "POST /upload",
        "PUT /upload",
        "POST /upload",
    ],
}


# How big the pieces of an upload are may change; half of it and all of it are always told.
OTHER_PROGRESS = re.compile(r"^  (?:sent 0\.[^5].*|\[.*\] +(?!50|100)\d+%)\n", re.MULTILINE)


async def run(*arguments: str) -> str:
    """Run `python -m examples...`, with warnings as errors, and give what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-m"),
        *arguments,
        cwd=ROOT,
        env={**os.environ, "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    printed, complaints = await asyncio.wait_for(process.communicate(), timeout=60)
    assert process.returncode == 0, complaints.decode()
    assert complaints == b""
    return OTHER_PROGRESS.sub("", printed.decode())


def test_every_example_is_known() -> None:
    """An example that is added is run here, too."""
    assert sorted(PRINTED) == sorted(ASKED) == NAMES


@pytest.mark.parametrize("name", NAMES)
async def test_example_brings_its_own_server(name: str) -> None:
    """Without an argument an example needs nothing else on the machine."""
    assert await run(f"examples.{name}") == PRINTED[name]


@pytest.mark.parametrize("name", NAMES)
async def test_example_talks_to_the_origin_it_is_given(name: str, server: Server) -> None:
    """With an origin as its argument an example talks to that."""
    assert await run(f"examples.{name}", server.url) == PRINTED[name]
    asked = [f"{request.method} {request.target}" for request in server.log]
    assert sorted(asked) == sorted(ASKED[name])


def test_readme_names_the_commands_that_are_run_here() -> None:
    """The README has one command for the tour and one for all tests, and neither is stale."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    install = "python3 -m venv .venv && .venv/bin/pip install -q"
    assert re.findall(r"^```sh\n(.+?)\n```$", readme, re.MULTILINE | re.DOTALL) == [
        f'{install} ".[dev]" && .venv/bin/python -m examples.tour',
        f'{install} -e ".[dev]" && .venv/bin/python -m pytest -n 3 --dist loadfile',
    ]
