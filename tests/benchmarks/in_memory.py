"""What needs no server: parsing a list, and slots of the rate limit."""

import asyncio
from collections.abc import Iterator
from functools import partial
from statistics import median

from multidict import CIMultiDict
from pydantic import TypeAdapter

from arya_api_framework.client.formats import find_format
from arya_api_framework.client.request import Request
from arya_api_framework.client.response import RawResponse
from arya_api_framework.client.url import Origin
from arya_api_framework.rate_limit import async_wait, sync_wait
from arya_api_framework.rate_limit.window import SlidingWindow

from .measure import Bar, Row, Settings, async_cpu_time, compare, cpu_time
from .models import USERS, PlainUser, User
from .servers import Web

__all__ = ["parse_list", "rate_limit"]

_SLOTS = 1000
_ACQUIRES = 20


def parse_list(settings: Settings, web: Web) -> Iterator[Row]:
    """A list of 100 users from JSON, as `Response` models and as plain ones."""
    content = USERS.encode()
    request = Request("GET", Origin("http", "127.0.0.1", 80), "/users", CIMultiDict())
    ours = find_format(list[User])
    theirs = TypeAdapter(list[PlainUser])
    first = ours.parse(RawResponse(200, (), request, content))
    if [user.model_dump() for user in first] != [
        user.model_dump() for user in theirs.validate_json(content)
    ]:
        raise RuntimeError("the two lists differ")
    pairs = compare(
        settings,
        lambda: ours.parse(RawResponse(200, (), request, content)),
        lambda: theirs.validate_json(content),
    )
    yield Row.of("list of 100 users, parsing", "us", pairs, Bar(1.05))


def rate_limit(settings: Settings, web: Web) -> Iterator[Row]:
    """Slots of a rate limit that are free: what each call of a limited client pays."""
    window = SlidingWindow(_SLOTS, 1e-9)  # Always free, with a full log.
    acquires = settings.calls * _ACQUIRES
    rounds = range(settings.rounds)
    acquire = partial(sync_wait.acquire, window)
    costs = [cpu_time(acquire, acquires) for _ in rounds]
    yield Row("rate limit, threads", "1/s", 1e6 / median(costs))
    with asyncio.Runner() as runner:
        wait = partial(async_wait.acquire, window)
        costs = [runner.run(async_cpu_time(wait, acquires)) for _ in rounds]
    yield Row("rate limit, tasks", "1/s", 1e6 / median(costs))
