"""Typed calls against the same calls written by hand, by CPU time of this process."""

import asyncio
import itertools
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import requests

from arya_api_framework import TLS, AsyncClient, SyncClient

from .measure import Bar, Row, Settings, compare, compare_async
from .models import HEADERS, TOKEN, PlainUser, User
from .servers import Web

__all__ = ["async_get", "async_many", "sync_compatible", "sync_get", "sync_post", "sync_tls"]

AT_ONCE = 32
_numbers = itertools.cycle(range(1, 1001))
"""Which user is asked for: more than either side's caches of URLs hold."""


class Sync(SyncClient, headers=HEADERS, bearer_token=TOKEN):
    """Our synchronous client."""

    def user(self, number: int) -> User:
        """Get a user."""
        return self.get(
            "/users/{number}",
            path_parameters={"number": number},
            headers={"X-Request-ID": "1"},
            response_format=User,
        )

    def create(self, user: User) -> User:
        """Create a user."""
        return self.post("/users", body=user, response_format=User)


class Async(AsyncClient, headers=HEADERS, bearer_token=TOKEN):
    """Our asynchronous client."""

    async def user(self, number: int) -> User:
        """Get a user."""
        return await self.get(
            "/users/{number}",
            path_parameters={"number": number},
            headers={"X-Request-ID": "1"},
            response_format=User,
        )


class Requests:
    """What `Sync` does, written by hand on requests."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self.session = requests.Session()
        self.session.headers.update({**HEADERS, "Authorization": f"Bearer {TOKEN}"})
        del self.session.headers["Connection"]  # So that both send as many fields.

    def user(self, number: int) -> PlainUser:
        """Get a user."""
        response = self.session.get(f"{self._origin}/users/{number}", headers={"X-Request-ID": "1"})
        return PlainUser.model_validate(response.json())

    def create(self, user: PlainUser) -> PlainUser:
        """Create a user."""
        response = self.session.post(f"{self._origin}/users", json=user.model_dump())
        return PlainUser.model_validate(response.json())


class Aiohttp:
    """What `Async` does, written by hand on aiohttp; made in a running event loop."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self.session = aiohttp.ClientSession(
            headers={**HEADERS, "Authorization": f"Bearer {TOKEN}"}
        )

    async def user(self, number: int) -> PlainUser:
        """Get a user."""
        async with self.session.get(
            f"{self._origin}/users/{number}", headers={"X-Request-ID": "1"}
        ) as response:
            return PlainUser.model_validate(await response.json())


def sync_get(settings: Settings, web: Web) -> Iterator[Row]:
    """A typed GET: path template, merged headers, bounded body, total timeout, model out."""
    with _sync_pair(web.plain) as (ours, theirs):
        yield _get_row("sync GET", settings, ours, theirs, Bar(0.20, aim=0.15))


def sync_post(settings: Settings, web: Web) -> Iterator[Row]:
    """A model sent as JSON and a model back."""
    with _sync_pair(web.plain) as (ours, theirs):
        user = ours.user(1)
        plain = theirs.user(1)
        _check(user, plain)
        yield Row.of(
            "sync POST of JSON",
            "us",
            compare(settings, lambda: ours.create(user), lambda: theirs.create(plain)),
            Bar(0.20, aim=0.15),
        )


def sync_compatible(settings: Settings, web: Web) -> Iterator[Row]:
    """A session with a response hook on both sides, which sends ours through `Session.send`."""

    def hooked() -> requests.Session:
        session = requests.Session()
        _hook(session)
        return session

    with _sync_pair(web.plain, session_factory=hooked) as (ours, theirs):
        _hook(theirs.session)
        yield _get_row("sync GET, compatible lane", settings, ours, theirs, Bar(0.65))


def sync_tls(settings: Settings, web: Web) -> Iterator[Row]:
    """A typed GET over TLS."""
    with _sync_pair(web.tls, tls=TLS(ca=web.authority)) as (ours, theirs):
        theirs.session.verify = str(web.authority)
        yield _get_row("sync GET over TLS", settings, ours, theirs, Bar(0.20, aim=0.15))


def async_get(settings: Settings, web: Web) -> Iterator[Row]:
    """A typed GET, one at a time."""
    yield _async_row("async GET", settings, web, 1, Bar(1.00, aim=0.95))


def async_many(settings: Settings, web: Web) -> Iterator[Row]:
    """Typed GETs, many in flight at once."""
    yield _async_row(f"async GET, {AT_ONCE} at once", settings, web, AT_ONCE, Bar(0.95))


@contextmanager
def _sync_pair(origin: str, **options: Any) -> Generator[tuple[Sync, Requests]]:
    theirs = Requests(origin)
    with Sync(origin, **options) as ours, theirs.session:
        yield ours, theirs


def _get_row(what: str, settings: Settings, ours: Sync, theirs: Requests, bar: Bar) -> Row:
    _check(ours.user(1), theirs.user(1))
    pairs = compare(
        settings, lambda: ours.user(next(_numbers)), lambda: theirs.user(next(_numbers))
    )
    return Row.of(what, "us", pairs, bar)


def _async_row(what: str, settings: Settings, web: Web, at_once: int, bar: Bar) -> Row:
    async def start() -> tuple[Async, Aiohttp]:
        ours, theirs = Async(web.plain), Aiohttp(web.plain)
        _check(await ours.user(1), await theirs.user(1))
        return ours, theirs

    with asyncio.Runner() as runner:
        ours, theirs = runner.run(start())
        try:
            pairs = compare_async(
                settings,
                runner,
                lambda: ours.user(next(_numbers)),
                lambda: theirs.user(next(_numbers)),
                at_once,
            )
        finally:
            runner.run(ours.close())
            runner.run(theirs.session.close())
    return Row.of(what, "us", pairs, bar)


def _hook(session: requests.Session) -> None:
    def unchanged(response: requests.Response, **_: Any) -> requests.Response:
        return response

    session.hooks["response"].append(unchanged)


def _check(ours: User, theirs: PlainUser) -> None:
    """Refuse to compare calls that do not give the same."""
    if ours.model_dump() != theirs.model_dump():
        raise RuntimeError(f"the two calls differ: {ours!r}, {theirs!r}")
