"""Run a function in a forked child."""

import os
import traceback
from collections.abc import Callable

__all__ = ["in_child"]


def in_child(action: Callable[[], None]) -> str:
    """Run `action` in a forked child and return the text of what went wrong, if anything."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        failure = ""
        try:
            action()
        except BaseException:  # noqa: BLE001 - the child must end here whatever happens
            failure = traceback.format_exc()
        finally:
            os.write(writer, failure.encode())
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as result:
        text = result.read().decode()
    os.waitpid(child, 0)
    return text
