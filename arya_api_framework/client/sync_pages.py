"""`SyncPages` and `SyncItems`: a call for each page, made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

from typing_extensions import override

from .hints import SyncHint
from .page_position import Position
from .paging import ItemWalk, Walk
from .sync_page_tasks import SyncPageTask

__all__ = ["SyncItems", "SyncPages"]

T = TypeVar("T")


class _SyncWalker(SyncHint, Iterator[T]):
    """What pages and items have in common."""

    def __init__(self, walk: Walk, request: Callable[..., Any]) -> None:
        self._walk = walk
        self._request = request
        self._running: list[tuple[Position, SyncPageTask]] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._walk.title}>"

    @property
    def total(self) -> int | None:
        """How many items all pages hold together, `None` while no page has told."""
        return self._walk.total

    @property
    def state(self) -> dict[str, Any]:
        """Where to go on, to be kept as JSON and given as the option `state`."""
        return self._walk.state

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the pages that were asked for ahead; whoever goes on asks for them again."""
        while self._running:
            _, task = self._running.pop()
            task.cancel()

    def _take(self) -> Any:
        """Return what the next page became, and ask for those after it."""
        position = self._walk.position
        try:
            page = self._walk.take(self._find(position))
        except BaseException:
            self.close()
            raise
        wanted = self._walk.look_ahead()
        for running in [one for one in self._running if one[0] not in wanted]:
            self._running.remove(running)
            running[1].cancel()
        known = [place for place, _ in self._running]
        for place in wanted:
            if place not in known:
                self._running.append((place, SyncPageTask(self._ask, place)))
        return page

    def _find(self, position: Position) -> Any:
        """Return a page that is under way, or ask for it."""
        for running in self._running:
            if running[0] == position:
                self._running.remove(running)
                return running[1].result()
        return self._ask(position)

    def _ask(self, position: Position, **more: Any) -> Any:
        method, path, options = self._walk.call(position)
        return self._request(method, path, {**options, **more})


class SyncPages(_SyncWalker[T]):
    """The pages of a list, each asked for when it is its turn; also a context manager.

    Made by `pages` of a client or sub-client.
    """

    @override
    def __next__(self) -> T:
        if not self._walk.goes_on():
            raise StopIteration
        page: T = self._take()
        return page


class SyncItems(_SyncWalker[T]):
    """The items of all pages, one after the other; also a context manager.

    Made by `items` of a client or sub-client.
    """

    _walk: ItemWalk

    @override
    def __next__(self) -> T:
        while not self._walk.has_item():
            if not self._walk.goes_on():
                raise StopIteration
            self._take()
        item: T = self._walk.pop()
        return item
