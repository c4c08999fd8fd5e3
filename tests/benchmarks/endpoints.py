"""Declared endpoints: what their calls cost more than those written by hand, and their classes."""

import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from typing import Any

from arya_api_framework import SyncClient, endpoint

from .measure import Bar, Row, Settings, compare
from .models import User
from .servers import Web

__all__ = ["endpoints"]

_TIMES = 20
_ENDPOINTS = 1000


class Users(SyncClient):
    """The same call, declared and written by hand."""

    @endpoint.get("/users/{id}")
    def declared(self, id: int) -> User:
        """Get a user."""
        raise NotImplementedError

    def by_hand(self, id: int) -> User:
        """Get a user."""
        return self.get("/users/{id}", path_parameters={"id": id}, response_format=User)

    @endpoint.get("/users")
    def declared_search(self, text: str, *, page: int = 1, tags: list[str] | None = None) -> User:
        """Search."""
        raise NotImplementedError

    def search_by_hand(self, text: str, *, page: int = 1, tags: list[str] | None = None) -> User:
        """Search."""
        return self.get(
            "/users",
            parameters={"text": text, "page": page, "tags": tags},
            response_format=User,
        )


def endpoints(settings: Settings, web: Web) -> Iterator[Row]:
    """Calls that are sent nowhere, since only what comes before differs, and a large class."""
    with Users(web.plain) as client:
        if client.declared(1) != client.by_hand(1):
            raise RuntimeError("the two calls differ")
        sent = compare(settings, lambda: client.declared(1), lambda: client.by_hand(1))
        yield Row.of("declared call, sent", "us", sent)
        vars(client)["_request"] = lambda method, path, options: None
        many = replace(settings, calls=settings.calls * _TIMES)
        for what, ours, theirs in (
            ("declared call", lambda: client.declared(1), lambda: client.by_hand(1)),
            (
                "declared search",
                lambda: client.declared_search("x"),
                lambda: client.search_by_hand("x"),
            ),
        ):
            pairs = compare(many, ours, theirs)
            more = median(declared - by_hand for declared, by_hand in pairs)
            yield Row(f"{what}, before it is sent", "us more", more, bar=Bar(3.0, of_ours=True))
    source = _large_class()
    times: list[float] = []
    for _ in range(settings.process_rounds):
        start = time.process_time()
        exec(source, {"__name__": __name__})
        times.append(time.process_time() - start)
    yield Row(f"class of {_ENDPOINTS} endpoints", "s", median(times), bar=Bar(0.5, of_ours=True))


def _large_class() -> Any:
    lines = [
        "from typing import Annotated",
        "from arya_api_framework import SyncClient, endpoint",
        "from arya_api_framework.endpoints import Query",
        "from tests.benchmarks.models import User",
        "class Large(SyncClient, uri='https://h.test'):",
    ]
    for number in range(_ENDPOINTS):
        lines += [
            f"    @endpoint.get('/users/{{id}}/{number}', timeout=30)",
            (
                f"    def user_{number}(self, id: int, q: str | None = None, *,"
                " limit: Annotated[int, Query(le=100)] = 30) -> User: ..."
            ),
        ]
    return compile("\n".join(lines), "<large class>", "exec")
