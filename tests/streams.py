"""Streams of both clients, behind one awaitable face."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from tests.conftest import Kind


@contextlib.asynccontextmanager
async def streaming(kind: Kind, stream: Any) -> AsyncIterator[Any]:
    """Enter the block of a stream, and leave it in the end."""
    names = ("__aenter__", "__aexit__") if kind.is_async else ("__enter__", "__exit__")
    enter, leave = (getattr(stream, name) for name in names)
    body = await kind.call(enter)
    try:
        yield body
    except BaseException as error:
        await kind.call(leave, type(error), error, error.__traceback__)
        raise
    await kind.call(leave, None, None, None)


async def each(kind: Kind, iterator: Any, most: int | None = None) -> list[Any]:
    """Return what an iterator gives, or the first of it."""
    found: list[Any] = []
    while most is None or len(found) < most:
        one = await one_of(kind, iterator)
        if one is OVER:
            break
        found.append(one)
    return found


OVER = object()


async def one_of(kind: Kind, iterator: Any) -> Any:
    """Return what an iterator gives next, `OVER` at its end."""
    return await kind.call(anext if kind.is_async else next, iterator, OVER)
