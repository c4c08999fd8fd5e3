"""`shared`: types the methods of a sub-client that serves both kinds of client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Concatenate

    from .subclient import AsyncSubClient, SyncSubClient

__all__ = ["shared"]

P = ParamSpec("P")
T = TypeVar("T")

if TYPE_CHECKING:

    class shared(Generic[P, T]):  # noqa: N801 - used as a decorator
        """See the function of this name below."""

        def __init__(self, method: Callable[Concatenate[Any, P], T]) -> None: ...
        @overload
        def __get__(
            self, instance: AsyncSubClient, owner: Any
        ) -> Callable[P, Coroutine[Any, Any, T]]: ...
        @overload
        def __get__(self, instance: SyncSubClient, owner: Any) -> Callable[P, T]: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> Callable[P, Any]: ...
        def __get__(self, instance: object, owner: Any) -> Any: ...

else:

    def shared(method):
        """Type a method of a `SubClient` that serves both kinds of client.

        Write it with `def`, let it return what a verb returns, and annotate it with the result. On
        a class that also derives from `SyncSubClient` it returns the result, on one that derives
        from `AsyncSubClient` an awaitable of it. At run time the method is left as it is.

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
        return method
