"""`SubClient`: a part of an API with a path of its own, below a client or another sub-client."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Self,
    TypeVar,
    cast,
    overload,
)

from yarl import URL

from ..errors import (
    ConfigurationError,
    SubClientAlreadyLoaded,
    SubClientError,
    SubClientNoParent,
    SubClientParentSet,
)
from ..options import URLPath
from .async_verbs import AsyncVerbs
from .config import near_miss
from .sync_verbs import SyncVerbs
from .url import compile_path
from .verbs import Verbs, path_text

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["AsyncSubClient", "Node", "SubClient", "SyncSubClient", "shared"]

P = ParamSpec("P")
T = TypeVar("T")


class Node(Verbs):
    """What can have sub-clients: a client, or a sub-client."""

    _children: dict[str, SubClient]

    @property
    def subclients(self) -> Mapping[str, SubClient]:
        """The sub-clients by name."""
        return MappingProxyType(self._children)

    def add_subclient(self, subclient: SubClient) -> None:
        """Add a sub-client, which is then also an attribute of this name.

        Raises:
            ConfigurationError: It is no `SubClient` instance.
            SubClientError: It is this object itself, or its name is taken by another attribute.
            SubClientAlreadyLoaded: There is one of its name.
            SubClientParentSet: It belongs to a parent already.
        """
        if not isinstance(subclient, SubClient):
            raise ConfigurationError(
                f"add_subclient takes an instance of a SubClient, got {subclient!r}"
            )
        name = subclient.name
        if subclient is self or (isinstance(self, SubClient) and subclient in self.parents):
            raise SubClientError(f"sub-client {name!r} cannot be below itself", name=name)
        if subclient.parent is not None:
            raise SubClientParentSet(name)
        if hasattr(type(self), name) and name not in declared_subclients(type(self)):
            raise SubClientError(
                f"{name!r} is an attribute of {type(self).__name__}; give the sub-client another "
                "name with the class keyword `name=`",
                name=name,
            )
        self._adopt(subclient)

    def remove_subclient(self, name: str) -> SubClient | None:
        """Remove a sub-client and return it, `None` if there is none of this name."""
        subclient = self._children.get(name)
        if subclient is None:
            return None
        subclient.tell_unloaded()
        del self._children[name]
        if subclient.attribute is not None:
            vars(self).pop(subclient.attribute, None)
        subclient.detach()
        return subclient

    def _adopt(self, subclient: SubClient) -> None:
        name = subclient.name
        if name in self._children:
            raise SubClientAlreadyLoaded(name)
        self._children[name] = subclient
        if subclient.attribute is not None:
            vars(self)[subclient.attribute] = subclient
        subclient.attach(self)
        try:
            if self._is_rooted():
                subclient.tell_loaded()
        except BaseException:
            del self._children[name]
            if subclient.attribute is not None:
                vars(self).pop(subclient.attribute, None)
            subclient.detach()
            raise

    def _is_rooted(self) -> bool:
        return True

    def _branches(self) -> dict[str, Any]:
        """Return the endpoints and sub-clients of this node, for `tree`."""
        return {
            "__endpoints__": endpoints_of(type(self)),
            "__subclients__": {name: child.tree() for name, child in self._children.items()},
        }

    @staticmethod
    def _render(tree: dict[str, Any], serialized: bool, indent: int | None) -> Any:
        return json.dumps(tree, indent=indent) if serialized else tree

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            child = self.__dict__.get("_children", {}).get(name)
            if child is not None:
                return child
            known = [*self.__dict__.get("_children", {}), *dir(type(self))]
            hint = "" if name.startswith("_") else near_miss(name, known)
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}{hint}",
                name=name,
                obj=self,
            )


class SubClient(Node):
    """A part of an API, below a client of either kind.

    Its verbs send through the client at the root: they return the result under a `SyncClient` and
    an awaitable under an `AsyncClient`, so their type here is `Any`. `SyncSubClient` and
    `AsyncSubClient` have the exact types of one kind; `shared` types the methods of a class that
    serves both.

    Class keywords:
        name: The name among the parent's sub-clients; the attribute it is declared as, or the
            class name, when not given.
        relative_path: The path below the parent; may hold `{fields}`.

    Example:
        >>> from arya_api_framework import SubClient, SyncClient
        >>> class Repos(SubClient, relative_path="/repos"):
        ...     def of(self, owner):
        ...         return self.get("/{owner}", path_parameters={"owner": owner})
        >>> class GitHub(SyncClient, uri="https://api.github.com"):
        ...     repos = Repos()
        >>> str(GitHub().repos.qualified_path)
        'https://api.github.com/repos'
    """

    _name: str | None = None
    _path: str = ""
    _parent: Node | None
    attribute: str | None

    if TYPE_CHECKING:

        def __init_subclass__(
            cls, *, name: str | None = None, relative_path: str | URL | None = None
        ) -> None: ...

    else:

        def __init_subclass__(cls, *, name=None, relative_path=None, **unknown):
            super().__init_subclass__()
            for keyword in unknown:
                raise ConfigurationError(
                    f"got an unknown class keyword {keyword!r}"
                    f"{near_miss(keyword, ('name', 'relative_path'))}"
                )
            if name is not None:
                if not isinstance(name, str) or not name.isidentifier():
                    raise ConfigurationError(f"`name` must be an identifier, got {name!r}")
                cls._name = name
            elif "_name" not in cls.__dict__:
                cls._name = None
            if relative_path is not None:
                cls._path = _check_relative(relative_path)

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Prepare the object, so that an `__init__` of the user's needs no `super()`."""
        self = super().__new__(cls)
        self._children = {}
        self._parent = None
        self.attribute = None
        for child in declared_subclients(cls).values():
            self._adopt(child.bound_copy())
        return self

    def __set_name__(self, owner: type[Any], attribute: str) -> None:
        self.attribute = attribute

    def __get__(self, instance: object, owner: type[Any]) -> Self:
        # Instances hold their own copy under this name, which Python finds first; it is missing
        # only where it was removed.
        if isinstance(instance, Node) and "_children" in instance.__dict__:
            raise AttributeError(f"sub-client {self.name!r} was removed")
        return self

    @property
    def name(self) -> str:
        """The name among the parent's sub-clients."""
        return self._name or self.attribute or type(self).__name__

    @property
    def qualified_name(self) -> str:
        """The names from the client down, joined by dots."""
        above = [node.name for node in self.parents if isinstance(node, SubClient)]
        return ".".join([*reversed(above), self.name])

    @property
    def relative_path(self) -> URL:
        """The path below the parent."""
        return URL(self._path, encoded=True)

    @property
    def full_relative_path(self) -> URL:
        """The path below the client's `uri`."""
        return URL(self._full_path(), encoded=True)

    @property
    def qualified_path(self) -> URL | None:
        """The absolute URL of this sub-client, `None` while it belongs to no client."""
        root = self.root
        if isinstance(root, SubClient):
            return None
        return URL(str(root.uri).rstrip("/") + self._full_path(), encoded=True)

    @property
    def parent(self) -> Any:
        """The client or sub-client that this belongs to, `None` while there is none."""
        return self._parent

    @property
    def parents(self) -> list[Node]:
        """The nodes above, nearest first."""
        nodes: list[Node] = []
        node: Node | None = self._parent
        while node is not None:
            nodes.append(node)
            node = node._parent if isinstance(node, SubClient) else None
        return nodes

    @property
    def root(self) -> Any:
        """The client at the top; the topmost sub-client while there is no client."""
        return self.parents[-1] if self._parent is not None else self

    def on_loaded(self) -> None:
        """Called when this comes to belong to a client; override it."""

    def on_unloaded(self) -> None:
        """Called when this stops belonging to a client; override it."""

    def tree(self, serialized: bool = False, indent: int | None = None) -> Any:
        """Return what the sub-client holds, as `BaseClient.tree` does."""
        path = self.qualified_path
        info = {
            "qualified_name": self.qualified_name,
            "qualified_path": None if path is None else str(path),
            "full_relative_path": str(self.full_relative_path),
            "relative_path": str(self.relative_path),
        }
        return self._render({"__info__": info, **self._branches()}, serialized, indent)

    def bound_copy(self) -> Self:
        """Return a copy that belongs to nobody yet, with copies of its sub-clients."""
        copy = type(self).__new__(type(self))
        kept = {"_children": copy._children, "_parent": None}
        vars(copy).update({**vars(self), **kept})
        for name in list(copy._children):
            copy.remove_subclient(name)
        for child in self._children.values():
            copy._adopt(child.bound_copy())
        return copy

    def attach(self, parent: Node) -> None:
        """Make `parent` the parent."""
        self._parent = parent

    def detach(self) -> None:
        """Belong to nobody."""
        self._parent = None

    def tell_loaded(self) -> None:
        """Call `on_loaded` here and below, parents first."""
        self.on_loaded()
        for child in list(self._children.values()):
            child.tell_loaded()

    def tell_unloaded(self) -> None:
        """Call `on_unloaded` here and below, children first."""
        if self._is_rooted():
            for child in list(self._children.values()):
                child.tell_unloaded()
            self.on_unloaded()

    def _is_rooted(self) -> bool:
        return self._parent is not None and self._parent._is_rooted()

    def _full_path(self) -> str:
        nodes = [node for node in reversed(self.parents) if isinstance(node, SubClient)]
        return "".join(node._path for node in (*nodes, self))

    def _request(self, method: str, path: URLPath, options: Any) -> Any:
        if self._parent is None:
            raise SubClientNoParent(self.name)
        return self._parent._request(method, self._join(path), options)

    def _send(self, request: Any, options: Any) -> Any:
        if self._parent is None:
            raise SubClientNoParent(self.name)
        return self._parent._send(request, options)

    def _join(self, path: URLPath) -> str:
        text = path_text(path)
        first = text[:1]
        if first in ("", "?"):
            return self._path + text
        if text.startswith(("//", "\\", "/\\", "http://", "https://")) or first.isspace():
            return text
        return f"{self._path}/{text.removeprefix('/')}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.qualified_name!r}>"


class SyncSubClient(SyncVerbs, SubClient):
    """A `SubClient` for a `SyncClient` only, with its verbs typed."""


class AsyncSubClient(AsyncVerbs, SubClient):
    """A `SubClient` for an `AsyncClient` only, with its verbs typed."""


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

        Annotate the method with the result. On a class that also derives from `SyncSubClient` the
        method returns it, on one that derives from `AsyncSubClient` an awaitable of it. At run time
        the method is left as it is.
        """
        return method


def declared_subclients(cls: type[Any]) -> dict[str, SubClient]:
    """Return the sub-clients declared in a class body or its bases, by attribute."""
    found: dict[str, SubClient] = {}
    for base in reversed(cls.__mro__):
        for name, value in base.__dict__.items():
            if isinstance(value, SubClient):
                found[name] = value
            else:
                found.pop(name, None)
    return found


def endpoints_of(cls: type[Any]) -> dict[str, Any]:
    """Return the endpoints that `@endpoint` noted on the methods of a class, for `tree`."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        for name, value in base.__dict__.items():
            about = getattr(value, "__endpoint__", None)
            if isinstance(about, Mapping):
                found[name] = dict(cast("Mapping[str, Any]", about))
            else:
                found.pop(name, None)
    return found


def _check_relative(path: str | URL) -> str:
    text = path_text(path)
    if text and not text.startswith("/"):
        text = f"/{text}"
    template = compile_path(text)
    if template.origin is not None or template.query or "://" in path_text(path):
        raise ConfigurationError(f"`relative_path` must be a path, got {path!r}")
    return text.rstrip("/")
