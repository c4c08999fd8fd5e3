"""The connections to Redis, one for each event loop, and the queues in front of them."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any, TypeAlias

from ..fork import start_over_in_child
from .script import BadReply, read_reply
from .shared import Ask, Gone, RedisShare, Terms, bad_url, needs_redis, read_url

__all__ = ["Dial", "Link", "Links", "Place", "Turn"]

Stream: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

LONGEST_LINE = 4096

_of_parents: list["Link"] = []
"""Connections of the process we were forked from."""


class Place:
    """One caller in the queue."""

    __slots__ = ("cost", "wake")

    def __init__(self, cost: int) -> None:
        self.cost = cost
        self.wake = asyncio.Event()


class Turn:
    """Lets the callers of this loop have their turn in order of arrival, one at a time."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._queue: OrderedDict[Place, None] = OrderedDict()

    @property
    def ahead(self) -> int:
        """How many slots those before a new caller wait for."""
        return sum(place.cost for place in self._queue)

    async def enter(self, place: Place, deadline: float | None) -> None:
        """Wait until it is the turn of `place`.

        Raises:
            RateLimitTimeout: If the deadline comes first.
        """
        self._queue[place] = None
        if next(iter(self._queue)) is place:
            return
        left = None if deadline is None else deadline - self._terms.clock()
        try:
            async with asyncio.timeout(left):
                await place.wake.wait()
        except TimeoutError:
            raise self._terms.late(None) from None

    def leave(self, place: Place) -> None:
        """End the turn of `place`, or its wait; nothing happens a second time."""
        self._queue.pop(place, None)
        if self._queue:
            next(iter(self._queue)).wake.set()


class Dial:
    """Opens connections by the URL of a share, as redis-py understands it."""

    def __init__(self, share: RedisShare) -> None:
        try:
            from redis.asyncio import connection
        except ImportError as error:
            raise needs_redis() from error
        library: Any = connection
        try:
            options, self.greeting = read_url(share, library.parse_url)
            kind = options.pop("connection_class", library.Connection)
            self._make: Callable[[], Any] = partial(kind, **options)
            self._make()
        except Exception as error:
            raise bad_url(share) from error

    async def connect(self) -> Stream:
        """Open a connection."""
        opened = self._make()
        await opened.connect()
        # What is said on it is ours alone: one line each way, bounded together.
        stream: Stream = opened._reader, opened._writer
        opened._reader = opened._writer = None
        return stream


class Link:
    """A connection to Redis on which one question at a time is asked."""

    def __init__(self, terms: Terms, dial: Dial) -> None:
        self.turn = Turn(terms)
        self.keeper: AsyncGenerator[None] | None = None
        self._terms = terms
        self._dial = dial
        self._wire = asyncio.Lock()
        self._stream: Stream | None = None

    async def send(self, ask: Ask) -> tuple[int | str, float]:
        """Send a question and return the answer, and when the question was sent.

        Raises:
            Gone: If none comes in time.
        """
        async with self._wire:
            self._terms.check_there()
            try:
                async with asyncio.timeout(self._terms.share.timeout):
                    return await self._exchange(ask)
            except Exception as error:
                self._drop(ask)
                self._terms.failed()
                raise Gone("Redis does not answer") from error
            except BaseException:
                self._drop(ask)
                raise

    async def abandon(self, ask: Ask) -> None:
        """Give back what an interrupted caller had been granted."""
        async with self._wire:
            self._drop(ask)

    async def close(self) -> None:
        """Close the connection; the next question opens another."""
        async with self._wire:
            self._drop(None)

    async def _exchange(self, ask: Ask) -> tuple[int | str, float]:
        if self._stream is not None:
            try:
                return await self._ask(self._stream, ask.command())
            except (ConnectionError, EOFError):  # closed while it was idle; asking twice is safe
                self._drop(None)
        self._stream = await self._dial.connect()
        for command in self._dial.greeting:
            if (await self._ask(self._stream, command))[0] != "OK":
                raise BadReply("not let in")
        return await self._ask(self._stream, ask.command())

    async def _ask(self, stream: Stream, command: bytes) -> tuple[int | str, float]:
        reader, writer = stream
        asked = self._terms.clock()
        writer.write(command)
        line = b""
        while not line.endswith(b"\r\n"):
            data = await reader.read(LONGEST_LINE)
            line += data
            if not data:
                raise EOFError("Redis closed the connection")
            if len(line) > LONGEST_LINE:
                raise BadReply("an answer without an end")
        return read_reply(line), asked

    def _drop(self, ask: Ask | None) -> None:
        if self._stream is None:
            return
        _, writer = self._stream
        # On the same connection, so that it comes after the question; nothing is read.
        if ask is not None and ask.unused:
            writer.write(ask.give_back)
        self._stream = None
        writer.close()

    def leave_to_parent(self) -> None:
        """Keep the connection: dropping it here would end the reading of it in the parent."""
        _of_parents.append(self)


class Links:
    """The connections of a process: each event loop has its own."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._dial = Dial(terms.share)
        self._lock = threading.Lock()
        self._links: dict[asyncio.AbstractEventLoop, Link] = {}
        start_over_in_child(self)

    async def here(self) -> Link:
        """Return the connection to use in this loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            link = self._links.get(loop)
            if link is None:
                for other in [other for other in self._links if other.is_closed()]:
                    del self._links[other]
                link = self._links[loop] = Link(self._terms, self._dial)
        if link.keeper is None:
            link.keeper = _close_with_loop(link)
            await anext(link.keeper)
        return link

    async def close(self) -> None:
        """Close every connection of this loop; those of others close with their loops."""
        await (await self.here()).close()

    def start_over(self) -> None:
        """Leave the connections to the parent."""
        for link in self._links.values():
            link.leave_to_parent()
        self._lock = threading.Lock()
        self._links = {}


async def _close_with_loop(link: Link) -> AsyncGenerator[None]:
    """Close a connection when its loop ends, which is when asyncio ends its generators."""
    try:
        yield
    finally:
        await link.close()
