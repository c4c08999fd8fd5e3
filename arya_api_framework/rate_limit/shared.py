"""A rate limit that several processes share through Redis, and what happens when Redis is gone."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from ..errors import ConfigurationError, LimiterUnavailable, RateLimitTimeout
from ..options import strict
from .script import GIVE_BACK, NO_SCRIPT, TAKE, TAKE_SHA, BadReply, pack
from .window import SlidingWindow, normalise

__all__ = ["Ask", "Gone", "RedisShare", "Terms", "WhenGone", "bad_url", "needs_redis", "read_url"]

WhenGone = Literal["closed", "open", "split"]

PREFIX = "arya_api_framework:rate_limit:"
"""What the keys in Redis begin with."""

REST = 1.0
"""How long Redis is left alone after it failed, in seconds: not every call pays its timeout."""

LONGEST_TIMEOUT = 10.0
LONGEST_INTERVAL = 1e9
"""In seconds: scores are doubles, exact for 231 years of microseconds from 1970 plus as many."""

TIMES = (
    *("timeout", "socket_timeout", "socket_connect_timeout", "health_check_interval"),
    *("retry_on_timeout", "retry_on_error", "max_connections", "protocol", "decode_responses"),
)
"""What a URL may say to redis-py and is no business of its: when to stop, and the protocol."""

MARGIN, LEAST_MARGIN = 0.01, 0.003
"""The margin to begin with: a part of the interval, and no less than so many seconds."""

LATE_ANSWERS = 5
"""How many answers in a row may come too late for their margin."""


@strict
@dataclass(frozen=True, slots=True, repr=False)
class RedisShare:
    """Where the processes that share a rate limit keep count: a Redis server, and a name there.

    Each process gives the same `name` and the same limit.
    Needs the extra `redis`.

    ```python
    RedisShare("redis://localhost", name="orders-api", when_gone="split", processes=4)
    ```

    Attributes:
        url: `redis://`, `rediss://` (TLS) or `unix://`, with user, password and database if need
            be; the options of TLS are its query, as redis-py documents them.
        name: What the limit is called in Redis; any text.
        when_gone: What happens to calls while Redis does not answer: `"closed"` raises
            `LimiterUnavailable`, `"open"` sends them without any limit, and `"split"` keeps to a
            part of the limit, `1 / processes`, in each process.
        processes: How many processes share the limit, for `"split"`.
        timeout: How long Redis may take to answer, in seconds; 10 at most.
    """

    url: str
    name: str = field(kw_only=True)
    when_gone: WhenGone = field(default="closed", kw_only=True)
    processes: int = field(default=1, kw_only=True)
    timeout: float = field(default=0.5, kw_only=True)

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ConfigurationError: If one can never work.
        """
        _check_url(self.url)
        _check_name(self.name)
        if self.when_gone not in get_args(WhenGone):
            raise ConfigurationError(
                f"`when_gone` needs 'closed', 'open' or 'split', got {self.when_gone!r}"
            )
        if type(self.processes) is not int or self.processes < 1:
            raise ConfigurationError(
                f"`processes` needs a whole number of at least 1, got {self.processes!r}"
            )
        _check_timeout(self.timeout)

    def __repr__(self) -> str:
        return (
            f"RedisShare({_without_secrets(self.url)!r}, name={self.name!r}, "
            f"when_gone={self.when_gone!r}, processes={self.processes}, timeout={self.timeout})"
        )


class Gone(Exception):
    """Redis did not answer, or not what was asked."""


class Terms:
    """What the callers of one process know: the limit, the margin, and whether Redis is there.

    Threads share it without a lock: what two write at once is one of two good values.
    """

    def __init__(
        self,
        share: RedisShare,
        limit: float,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit, self.interval = normalise(limit, interval)
        if self.interval > LONGEST_INTERVAL:
            raise ConfigurationError(
                f"a shared limit needs a `rate_limit_interval` of at most {LONGEST_INTERVAL:g} "
                f"seconds, got {interval!r}"
            )
        self.share = share
        self.clock = clock
        self.key = PREFIX + share.name
        self._least = min(max(self.interval * MARGIN, LEAST_MARGIN), share.timeout)
        self.margin = self._least
        self.script_is_known = True
        self._rate = limit
        self._asks_again = -math.inf
        self._stand_ins: dict[str, SlidingWindow] = {}

    def __repr__(self) -> str:
        return f"{self.share!r}, {self.limit}, {self.interval}"

    def check_cost(self, cost: int) -> None:
        """Refuse what no window has room for."""
        if type(cost) is not int or not 1 <= cost <= self.limit:
            raise ConfigurationError(
                f"a call needs a whole number of slots from 1 to the limit of {self.limit}, "
                f"got {cost!r}"
            )

    def observe(self, seconds: float) -> None:
        """Fit the margin to a round trip: twice that, falling slowly, within its bounds."""
        wanted = max(self._least, 2 * seconds, self.margin * 0.95)
        self.margin = min(wanted, self.share.timeout)

    def check_there(self) -> None:
        """Spare the caller a question while Redis is left alone.

        Raises:
            Gone: If it failed a moment ago.
        """
        if self.clock() < self._asks_again:
            raise Gone("Redis failed a moment ago")

    def failed(self) -> None:
        """Leave Redis alone for a while."""
        self._asks_again = self.clock() + REST

    def answered(self) -> None:
        """Count by Redis again."""
        self._stand_ins.clear()

    def without(self, gone: Gone) -> SlidingWindow | None:
        """Return the window that stands in for Redis; None if there is no limit without it.

        Raises:
            LimiterUnavailable: If calls are not to be sent without Redis.
        """
        if self.share.when_gone == "open":
            return None
        if self.share.when_gone == "split":
            return self._stand_in()
        raise LimiterUnavailable(
            "the Redis server of the shared rate limit is gone, or does not answer what it was "
            "asked; nothing was sent. `when_gone` of its RedisShare can be 'open' or 'split'"
        ) from gone

    def _stand_in(self) -> SlidingWindow:
        if found := self._stand_ins.get("split"):
            return found
        rate = self._rate / self.share.processes
        local = SlidingWindow(rate, self.interval, clock=self.clock)
        local.start_over()  # every slot is taken, as calls of the last interval are not known
        return self._stand_ins.setdefault("split", local)  # of two threads that come at once, one

    def late(self, wait: float | None) -> RateLimitTimeout:
        """Make the error of a call whose slot comes after its deadline."""
        told = "" if wait is None else f", the next one in {wait:.3f} s"
        return RateLimitTimeout(
            f"no slot of the shared rate limit is free before the deadline{told}", retry_after=wait
        )


class Ask:
    """One caller's question to Redis, put again until it is granted.

    Attributes:
        cost: How many slots it takes.
        unused: Whether Redis may hold slots for it that were not used.
        give_back: The command that returns them.
    """

    __slots__ = (
        *("_by_hash", "_late", "_margin", "_name", "_takes", "_terms"),
        *("cost", "give_back", "unused"),
    )

    def __init__(self, terms: Terms, cost: int, *, takes: bool = True) -> None:
        self._terms = terms
        self.cost = cost
        self._takes = takes
        self._name = os.urandom(8).hex()
        self._late = 0
        self._margin = 0.0
        self._by_hash = False
        self.unused = False
        self.give_back = pack("EVAL", GIVE_BACK, 1, terms.key, self._name, cost)

    def command(self) -> bytes:
        """Return what to send; it takes what it asked for before, if anything, away."""
        terms = self._terms
        margin = math.ceil(terms.margin * 1e6)
        self._margin = margin / 1e6
        self.unused = self._takes
        self._by_hash = terms.script_is_known and self._takes
        script = ("EVALSHA", TAKE_SHA) if self._by_hash else ("EVAL", TAKE)
        length = math.ceil(terms.interval * 1e6)
        return pack(
            *script,
            *(1, terms.key, self._name, self.cost, terms.limit, length, margin),
            int(self._takes),
        )

    def read(self, reply: int | str, asked: float) -> float | None:
        """Understand the answer to a question that was sent at `asked`.

        Returns:
            None if the slots are granted, else the seconds to sleep before asking again; 0 too if
            the answer came too late.

        Raises:
            Gone: If it is no answer.
        """
        terms = self._terms
        if reply == NO_SCRIPT and self._by_hash:
            terms.script_is_known = False
            self.unused = False
            return 0.0
        wait = self._wait(reply)
        terms.script_is_known = True
        terms.answered()
        now = terms.clock()
        terms.observe(now - asked)
        if wait:
            self.unused = False
            return wait
        if now - asked <= self._margin or not self._takes:
            return None
        self._late += 1
        if self._late == LATE_ANSWERS:
            terms.failed()
            raise Gone("no answer came in time to be used")
        return 0.0

    def _wait(self, reply: int | str) -> float:
        # Longer than any margin: another process has another interval for the same name.
        longest = self._terms.interval + LONGEST_TIMEOUT + 1
        if isinstance(reply, str) or reply > longest * 1e6:
            self._terms.failed()
            raise Gone("Redis refused") from BadReply(str(reply))
        return reply / 1e6


def read_url(
    share: RedisShare, parse: Callable[[str], Mapping[str, Any]]
) -> tuple[dict[str, Any], list[bytes]]:
    """Part the URL of a share into what redis-py needs to connect, and what is said first.

    Timeouts and retries are ours, whatever the URL says.

    Args:
        share: The share.
        parse: The `parse_url` of redis-py.
    """
    options = dict(parse(share.url))
    for name in TIMES:
        options.pop(name, None)
    user, password = options.pop("username", None), options.pop("password", None)
    name, db = options.pop("client_name", None), int(options.pop("db", 0))
    greeting: list[bytes] = []
    if password is not None:
        greeting.append(pack("AUTH", password) if user is None else pack("AUTH", user, password))
    if name is not None:
        greeting.append(pack("CLIENT", "SETNAME", name))
    if db:
        greeting.append(pack("SELECT", db))
    timeouts = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), share.timeout)
    return {**options, **timeouts, "protocol": 2, "redis_connect_func": _say_nothing}, greeting


def needs_redis() -> ConfigurationError:
    """Make the error of an installation without redis-py."""
    return ConfigurationError(
        "a RedisShare needs redis-py: pip install 'arya-api-framework[redis]'"
    )


def bad_url(share: RedisShare) -> ConfigurationError:
    """Make the error of a URL that redis-py does not understand."""
    return ConfigurationError(
        f"`url` has options that redis-py does not know or take, got {share!r}"
    )


def _say_nothing(_: Any) -> None:
    """Leave the greeting to us, who bound the time of all of it together."""


def _check_url(url: Any) -> None:
    wanted = "`url` needs redis://host, rediss://host or unix:///path"
    if not isinstance(url, str):
        raise ConfigurationError(f"{wanted}, got {type(url).__name__}")
    try:
        parts = urlsplit(url)
        there = parts.path if parts.scheme == "unix" else parts.hostname
        valid = parts.scheme in {"redis", "rediss", "unix"} and there and parts.port != 0
    except ValueError:  # a port or an address that is none
        valid = False
    if not valid:
        raise ConfigurationError(f"{wanted}, got {_without_secrets(url)!r}")


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"`name` needs a text that is not empty, got {name!r}")


def _check_timeout(timeout: object) -> None:
    # A bool is an int, and NaN compares false with everything.
    if (
        isinstance(timeout, bool)
        or not isinstance(timeout, int | float)
        or not 0 < timeout <= LONGEST_TIMEOUT
    ):
        raise ConfigurationError(
            f"`timeout` needs a number of seconds above 0 and at most {LONGEST_TIMEOUT:g}, "
            f"got {timeout!r}"
        )


def _without_secrets(url: str) -> str:
    """Hide user, password and query, where a `password=` may stand too."""
    scheme, found, rest = ("", "", url) if "://" not in url else url.partition("://")
    _, at, place = rest.rpartition("@")  # a password that was not encoded may hold anything
    place, query, _ = place.partition("?")
    return f"{scheme}{found}{'***@' if at else ''}{place}{'?***' if query else ''}"
