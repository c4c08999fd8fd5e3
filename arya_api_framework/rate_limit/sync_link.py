"""The connection to Redis, and the queue in front of it, for threads."""

import socket
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from ..fork import start_over_in_child
from .script import BadReply, read_reply
from .shared import Ask, Gone, RedisShare, Terms, bad_url, needs_redis, read_url

__all__ = ["Dial", "Link", "Links", "Place", "Turn"]

Stream: TypeAlias = socket.socket

LONGEST_LINE = 4096


class Place:
    """One caller in the queue."""

    __slots__ = ("cost", "wake")

    def __init__(self, cost: int) -> None:
        self.cost = cost
        # A queue, as its `put` may be called anywhere, from a signal handler too.
        self.wake: SimpleQueue[None] = SimpleQueue()


class Turn:
    """Lets the callers of this process have their turn in order of arrival, one at a time."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        # Re-entrant, as a signal handler may ask for `eta`.
        self._lock = threading.RLock()
        self._queue: OrderedDict[Place, None] = OrderedDict()

    @property
    def ahead(self) -> int:
        """How many slots those before a new caller wait for."""
        with self._lock:
            return sum(place.cost for place in self._queue)

    def enter(self, place: Place, deadline: float | None) -> None:
        """Wait until it is the turn of `place`.

        Raises:
            RateLimitTimeout: If the deadline comes first.
        """
        with self._lock:
            self._queue[place] = None
        while not self._has(place):
            left = threading.TIMEOUT_MAX
            if deadline is not None:
                left = min(left, deadline - self._terms.clock())
                if left <= 0:
                    raise self._terms.late(None)
            with suppress(Empty):
                place.wake.get(timeout=left)

    def leave(self, place: Place) -> None:
        """End the turn of `place`, or its wait; nothing happens a second time."""
        with self._lock:
            self._queue.pop(place, None)
            if self._queue:
                next(iter(self._queue)).wake.put(None)  # who was told already does not mind

    def _has(self, place: Place) -> bool:
        with self._lock:
            return next(iter(self._queue)) is place


class Dial:
    """Opens connections by the URL of a share, as redis-py understands it."""

    def __init__(self, share: RedisShare) -> None:
        try:
            from redis import connection
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

    def connect(self) -> Stream:
        """Open a connection."""
        opened = self._make()
        opened.connect()
        # What is said on it is ours alone: one line each way, bounded together.
        stream: Stream = opened._sock
        opened._sock = None
        return stream


class Link:
    """A connection to Redis on which one question at a time is asked."""

    def __init__(self, terms: Terms, dial: Dial) -> None:
        self.turn = Turn(terms)
        self._terms = terms
        self._dial = dial
        self._wire = threading.Lock()
        self._stream: Stream | None = None

    def send(self, ask: Ask) -> tuple[int | str, float]:
        """Send a question and return the answer, and when the question was sent.

        Raises:
            Gone: If none comes in time.
        """
        with self._wire:
            self._terms.check_there()
            try:
                return self._exchange(ask, self._terms.clock() + self._terms.share.timeout)
            except Exception as error:
                self._drop(ask)
                self._terms.failed()
                raise Gone("Redis does not answer") from error
            except BaseException:
                self._drop(ask)
                raise

    def abandon(self, ask: Ask) -> None:
        """Give back what an interrupted caller had been granted."""
        with self._wire:
            self._drop(ask)

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        with self._wire:
            self._drop(None)

    def _exchange(self, ask: Ask, until: float) -> tuple[int | str, float]:
        if self._stream is not None:
            try:
                return self._ask(self._stream, ask.command(), until)
            except (ConnectionError, EOFError):  # closed while it was idle; asking twice is safe
                self._drop(None)
        self._stream = self._dial.connect()
        for command in self._dial.greeting:
            if self._ask(self._stream, command, until)[0] != "OK":
                raise BadReply("not let in")
        return self._ask(self._stream, ask.command(), until)

    def _ask(self, stream: Stream, command: bytes, until: float) -> tuple[int | str, float]:
        clock = self._terms.clock
        asked = clock()
        stream.settimeout(max(until - asked, 1e-3))
        stream.sendall(command)
        line = b""
        while not line.endswith(b"\r\n"):
            stream.settimeout(max(until - clock(), 1e-6))
            data = stream.recv(LONGEST_LINE)
            line += data
            if not data:
                raise EOFError("Redis closed the connection")
            if len(line) > LONGEST_LINE:
                raise BadReply("an answer without an end")
        return read_reply(line), asked

    def _drop(self, ask: Ask | None) -> None:
        stream = self._stream
        if stream is None:
            return
        with suppress(OSError):
            # On the same connection, so that it comes after the question; nothing is read.
            if ask is not None and ask.unused:
                stream.sendall(ask.give_back)
        self._stream = None
        stream.close()

    def leave_to_parent(self) -> None:
        """Close our end of the parent's connection, which says nothing to Redis."""
        if self._stream is not None:
            self._stream.close()


class Links:
    """The connections of a process: threads share one."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._dial = Dial(terms.share)
        self._link = Link(terms, self._dial)
        start_over_in_child(self)

    def here(self) -> Link:
        """Return the connection to use."""
        return self._link

    def close(self) -> None:
        """Close every connection."""
        self._link.close()

    def start_over(self) -> None:
        """Leave the connection to the parent."""
        self._link.leave_to_parent()
        self._link = Link(self._terms, self._dial)
