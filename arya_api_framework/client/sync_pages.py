"""`SyncPages` and `SyncItems`: a call for each page, made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from typing_extensions import override

from .paging import ItemWalk, Walk

__all__ = ["SyncItems", "SyncPages"]

T = TypeVar("T")


class SyncPages(Iterator[T], Generic[T]):
    """The pages of a list, each asked for when it is its turn.

    Made by `pages` of a client or sub-client.
    """

    def __init__(self, walk: Walk, request: Callable[..., Any]) -> None:
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
    def __next__(self) -> T:
        if not self._walk.goes_on():
            raise StopIteration
        page: T = self._walk.take(self._request(*self._walk.call()))
        return page


class SyncItems(Iterator[T], Generic[T]):
    """The items of all pages, one after the other.

    Made by `items` of a client or sub-client.
    """

    def __init__(self, walk: ItemWalk, request: Callable[..., Any]) -> None:
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
    def __next__(self) -> T:
        while not self._walk.has_item():
            if not self._walk.goes_on():
                raise StopIteration
            self._walk.take(self._request(*self._walk.call()))
        item: T = self._walk.pop()
        return item
