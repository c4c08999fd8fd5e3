"""`AsyncPages` and `AsyncItems`: a call for each page, made when it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, TypeVar

from typing_extensions import override

from .paging import ItemWalk, Walk

__all__ = ["AsyncItems", "AsyncPages"]

T = TypeVar("T")


class AsyncPages(AsyncIterator[T], Generic[T]):
    """The pages of a list, each asked for when it is its turn.

    Made by `pages` of a client or sub-client.
    """

    def __init__(self, walk: Walk, request: Callable[..., Awaitable[Any]]) -> None:
        self._walk = walk
        self._request = request

    @property
    def total(self) -> int | None:
        """How many items all pages hold together, `None` while no page has told."""
        return self._walk.total

    @property
    def state(self) -> dict[str, Any]:
        """Where to go on, to be kept as JSON and given as the option `state`."""
        return self._walk.state

    @override
    async def __anext__(self) -> T:
        if not self._walk.goes_on():
            raise StopAsyncIteration
        page: T = self._walk.take(await self._request(*self._walk.call()))
        return page


class AsyncItems(AsyncIterator[T], Generic[T]):
    """The items of all pages, one after the other.

    Made by `items` of a client or sub-client.
    """

    def __init__(self, walk: ItemWalk, request: Callable[..., Awaitable[Any]]) -> None:
        self._walk = walk
        self._request = request

    @property
    def total(self) -> int | None:
        """How many items all pages hold together, `None` while no page has told."""
        return self._walk.total

    @property
    def state(self) -> dict[str, Any]:
        """Where to go on, to be kept as JSON and given as the option `state`."""
        return self._walk.state

    @override
    async def __anext__(self) -> T:
        while not self._walk.has_item():
            if not self._walk.goes_on():
                raise StopAsyncIteration
            self._walk.take(await self._request(*self._walk.call()))
        item: T = self._walk.pop()
        return item
