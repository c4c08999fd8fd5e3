"""An iterator that is read in a thread is closed, whenever it is left."""

import asyncio
import threading
from collections.abc import Generator

import pytest

from arya_api_framework.client.async_reader import ThreadReader
from tests.patience import PATIENCE, until_async


class Steps:
    """Numbers, the second of which has to be waited for."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.free = threading.Event()
        self.closed = False

    def run(self) -> Generator[int, None, None]:
        """Give them."""
        try:
            yield 1
            self.asked.set()
            assert self.free.wait(PATIENCE)
            yield 2
        finally:
            self.closed = True


async def test_what_is_read_to_its_end() -> None:
    """`None` is the end, over and over."""
    steps = Steps()
    steps.free.set()
    reader = ThreadReader(steps.run())
    assert [await reader.read() for _ in range(4)] == [1, 2, None, None]
    assert steps.closed


async def test_what_is_left_between_two_pieces_is_closed_at_once() -> None:
    """Nobody is reading."""
    steps = Steps()
    reader = ThreadReader(steps.run())
    assert await reader.read() == 1
    reader.leave()
    assert steps.closed


async def test_what_is_left_while_it_is_read_is_closed_soon() -> None:
    """The thread that reads does it when it is back."""
    steps = Steps()
    reader = ThreadReader(steps.run())
    assert await reader.read() == 1
    reading = asyncio.ensure_future(reader.read())
    await asyncio.to_thread(steps.asked.wait, PATIENCE)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    reader.leave()
    assert not steps.closed
    steps.free.set()
    await until_async(lambda: steps.closed)
