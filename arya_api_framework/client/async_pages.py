"""`AsyncPages` and `AsyncItems`: a call for each page, made when it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self, TypeVar

from typing_extensions import override

from .async_page_tasks import AsyncPageTask
from .hints import AsyncHint
from .page_position import Position
from .paging import ItemWalk, Walk

__all__ = ["AsyncItems", "AsyncPages"]

T = TypeVar("T")


class _AsyncWalker(AsyncHint, AsyncIterator[T]):
    """What pages and items have in common."""

    def __init__(self, walk: Walk, request: Callable[..., Awaitable[Any]]) -> None:
        self._walk = walk
        self._request = request
        self._running: list[tuple[Position, AsyncPageTask]] = []

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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave the pages that were asked for ahead; whoever goes on asks for them again."""
        while self._running:
            _, task = self._running.pop()
            await task.cancel()

    async def _take(self) -> Any:
        """Return what the next page became, and ask for those after it."""
        position = self._walk.position
        try:
            page = self._walk.take(await self._find(position))
        except BaseException:
            await self.aclose()
            raise
        wanted = self._walk.look_ahead()
        for running in [one for one in self._running if one[0] not in wanted]:
            self._running.remove(running)
            await running[1].cancel()
        known = [place for place, _ in self._running]
        for place in wanted:
            if place not in known:
                self._running.append((place, AsyncPageTask(self._ask, place)))
        return page

    async def _find(self, position: Position) -> Any:
        """Return a page that is under way, or ask for it."""
        for running in self._running:
            if running[0] == position:
                self._running.remove(running)
                return await running[1].result()
        return await self._ask(position)

    async def _ask(self, position: Position, **more: Any) -> Any:
        method, path, options = self._walk.call(position)
        return await self._request(method, path, {**options, **more})


class AsyncPages(_AsyncWalker[T]):
    """The pages of a list, each asked for when it is its turn; also a context manager.

    Made by `pages` of a client or sub-client.
    """

    @override
    async def __anext__(self) -> T:
        if not self._walk.goes_on():
            raise StopAsyncIteration
        page: T = await self._take()
        return page


class AsyncItems(_AsyncWalker[T]):
    """The items of all pages, one after the other; also a context manager.

    Made by `items` of a client or sub-client.
    """

    _walk: ItemWalk

    @override
    async def __anext__(self) -> T:
        while not self._walk.has_item():
            if not self._walk.goes_on():
                raise StopAsyncIteration
            await self._take()
        item: T = self._walk.pop()
        return item
