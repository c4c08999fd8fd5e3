"""`shared`: types the methods of a sub-client that serves both kinds of client."""

# The overloads go from the narrow to the wide on purpose.
# mypy: disable-error-code="overload-overlap"
# pyright: reportOverlappingOverload=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, final, overload

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
T_co = TypeVar("T_co", covariant=True)
C_co = TypeVar("C_co", covariant=True)

if TYPE_CHECKING:

    @final
    class OnlyAny:
        """What nothing but `Any` is, so that `Any` is told from all else."""

    class Function(Protocol[P, T_co]):
        """A method that is written by hand, which an endpoint is not: that has no `__name__`."""

        @property
        def __name__(self) -> str: ...
        def __call__(self, node: Any, /, *args: P.args, **named: P.kwargs) -> T_co: ...

    class SharedMethod(Generic[P, T_co]):
        """A method that is written by hand."""

        @overload
        def __get__(self, instance: None, owner: Any) -> Callable[Concatenate[Any, P], Any]: ...
        @overload
        def __get__(
            self, instance: AsyncVerbs, owner: Any
        ) -> Callable[P, Coroutine[Any, Any, T_co]]: ...
        @overload
        def __get__(self, instance: SyncVerbs, owner: Any) -> Callable[P, T_co]: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> Callable[P, Any]: ...
        def __get__(self, instance: object, owner: Any) -> Any: ...

    class SharedEndpoint(Generic[C_co]):
        """An endpoint, which returns on each kind of client what that has of it.

        It is generic over a `Callable[P, T]`, not over `P` and `T`: where both hold `Any`, pyright
        would take all overloads for possible.
        """

        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, T]], instance: None, owner: Any
        ) -> Endpoint[P, Any]: ...
        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, OnlyAny]], instance: AsyncVerbs, owner: Any
        ) -> BoundEndpoint[P, Coroutine[Any, Any, Any]]: ...
        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, OnlyAny]], instance: SyncVerbs, owner: Any
        ) -> BoundEndpoint[P, Any]: ...
        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, Items[T]]], instance: AsyncVerbs, owner: Any
        ) -> BoundEndpoint[P, AsyncItems[T]]: ...
        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, Items[T]]], instance: SyncVerbs, owner: Any
        ) -> BoundEndpoint[P, SyncItems[T]]: ...
        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, Pages[T]]], instance: AsyncVerbs, owner: Any
        ) -> BoundEndpoint[P, AsyncPages[T]]: ...
        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, Pages[T]]], instance: SyncVerbs, owner: Any
        ) -> BoundEndpoint[P, SyncPages[T]]: ...
        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, Stream]], instance: AsyncVerbs, owner: Any
        ) -> BoundEndpoint[P, AsyncStream]: ...
        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, Stream]], instance: SyncVerbs, owner: Any
        ) -> BoundEndpoint[P, SyncStream]: ...
        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, T]], instance: AsyncVerbs, owner: Any
        ) -> BoundEndpoint[P, Coroutine[Any, Any, T]]: ...
        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, T]], instance: SyncVerbs, owner: Any
        ) -> BoundEndpoint[P, T]: ...
        @overload
        def __get__(
            self: SharedEndpoint[Callable[P, T]], instance: object, owner: Any
        ) -> BoundEndpoint[P, Any]: ...
        def __get__(self, instance: object, owner: Any) -> Any: ...

    # Nothing matches both: else mypy infers `Any`, where `Any` stands anywhere in the signature.
    @overload
    def shared(method: Endpoint[P, T]) -> SharedEndpoint[Callable[P, T]]: ...
    @overload
    def shared(method: Function[P, T]) -> SharedMethod[P, T]: ...
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
