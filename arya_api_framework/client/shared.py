"""`shared`: types the methods of a sub-client that serves both kinds of client."""

# The overloads go from the narrow to the wide on purpose.
# mypy: disable-error-code="overload-overlap"
# pyright: reportOverlappingOverload=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Concatenate

    from ..endpoints.endpoint import BoundEndpoint, Endpoint
    from ..endpoints.results import Items, Pages, Stream
    from .async_pages import AsyncItems, AsyncPages
    from .async_stream import AsyncStream
    from .async_verbs import AsyncVerbs
    from .sync_pages import SyncItems, SyncPages
    from .sync_stream import SyncStream
    from .sync_verbs import SyncVerbs

__all__ = ["shared"]

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")
A = TypeVar("A")

if TYPE_CHECKING:

    class SharedMethod(Generic[P, T]):
        """A method that is written by hand."""

        @overload
        def __get__(
            self, instance: AsyncVerbs, owner: Any
        ) -> Callable[P, Coroutine[Any, Any, T]]: ...
        @overload
        def __get__(self, instance: SyncVerbs, owner: Any) -> Callable[P, T]: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> Callable[P, Any]: ...
        def __get__(self, instance: object, owner: Any) -> Any: ...

    class SharedEndpoint(Generic[P, S, A]):
        """An endpoint, and what it returns on each kind."""

        @overload
        def __get__(self, instance: None, owner: Any) -> Endpoint[P, Any]: ...
        @overload
        def __get__(self, instance: AsyncVerbs, owner: Any) -> BoundEndpoint[P, A]: ...
        @overload
        def __get__(self, instance: SyncVerbs, owner: Any) -> BoundEndpoint[P, S]: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> BoundEndpoint[P, Any]: ...
        def __get__(self, instance: object, owner: Any) -> Any: ...

    @overload
    def shared(
        method: Endpoint[P, Items[T]],
    ) -> SharedEndpoint[P, SyncItems[T], AsyncItems[T]]: ...
    @overload
    def shared(
        method: Endpoint[P, Pages[T]],
    ) -> SharedEndpoint[P, SyncPages[T], AsyncPages[T]]: ...
    @overload
    def shared(method: Endpoint[P, Stream]) -> SharedEndpoint[P, SyncStream, AsyncStream]: ...
    @overload
    def shared(method: Endpoint[P, T]) -> SharedEndpoint[P, T, Coroutine[Any, Any, T]]: ...
    @overload
    def shared(method: Callable[Concatenate[Any, P], T]) -> SharedMethod[P, T]: ...
    def shared(method: Any) -> Any:
        """See the function of this name below."""

else:

    def shared(method):
        """Type a method, or an endpoint, of a class that serves both kinds of client.

        Write it with `def`, let it return what a verb returns, and annotate it with the result. On
        a class that also derives from `SyncSubClient` or `SyncClient` it returns the result, on one
        that derives from `AsyncSubClient` or `AsyncClient` an awaitable of it. At run time the
        method is left as it is.

        Over an endpoint it is the same. Where that returns the pages of a list, it is annotated
        with `Items` or `Pages` of `arya_api_framework.endpoints`; a streamed response, with
        `Stream`.

        Example:
            >>> from arya_api_framework import AsyncSubClient, SubClient, SyncSubClient, shared
            >>> class Repos(SubClient, relative_path="/repos"):
            ...     @shared
            ...     def count(self, owner: str) -> int:
            ...         count: int = self.get("/{owner}/count", path_parameters={"owner": owner})
            ...         return count
            >>> class SyncRepos(Repos, SyncSubClient): ...
            >>> class AsyncRepos(Repos, AsyncSubClient): ...
        """
        declaration = getattr(method, "declaration", None)
        if declaration is not None:
            declaration.is_shared = True
        return method
