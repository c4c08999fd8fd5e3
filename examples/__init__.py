"""Small programs, one subject each, that run as they are: `python -m examples.tour`.

Each talks to a server of its own on this machine, or to the origin given as an argument.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def api() -> Generator[str]:
    """Give the origin to talk to: the argument of the command line, else a local server."""
    if len(sys.argv) > 1:
        yield sys.argv[1]
    else:
        from tests.app import Server

        with Server() as server:
            yield server.url
