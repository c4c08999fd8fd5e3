"""`SubClient`: a part of an API with a path of its own, below a client or another sub-client."""

# A node and its sub-clients are friends, see `Node`.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self, cast

from typing_extensions import Unpack, override
from yarl import URL

from ..errors import ConfigurationError, SubClientNoParent
from ..options import RequestOptions, URLPath
from .async_verbs import AsyncVerbs
from .checks import near_miss
from .node import Node
from .redaction import redact_url
from .request import Request
from .sync_verbs import SyncVerbs
from .url import compile_path
from .verbs import path_text

if TYPE_CHECKING:
    from ..bulk.batch import Batch
    from .paging import Walk
    from .transfer import Transfer
    from .tus_upload import TusTransfer
    from .waiting import Waiting

__all__ = ["AsyncSubClient", "SubClient", "SyncSubClient"]


class SubClient(Node):
    """A part of an API, below a client of either kind.

    Its verbs send through the client at the root: they return the result under a `SyncClient` and
    an awaitable under an `AsyncClient`, so their type here is `Any`. `SyncSubClient` and
    `AsyncSubClient` have the exact types of one kind; `shared` types the methods of a class that
    serves both.

    Declared in the class body of a client, it is made anew, from the same arguments, for every
    instance of that client.

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

    _is_client = False
    _subclient_name: str | None = None
    _subclient_path: str = ""
    _declared_as: str | None
    _made_with: tuple[tuple[Any, ...], dict[str, Any]]
    _closed_parent: Node | None
    _is_loaded: bool

    if TYPE_CHECKING:

        def __init_subclass__(
            cls, *, name: str | None = None, relative_path: str | URL | None = None
        ) -> None: ...

    else:

        def __init_subclass__(cls, **options):
            for keyword, value in options.items():
                if keyword == "name":
                    cls._subclient_name = _check_name(value)
                elif keyword == "relative_path":
                    cls._subclient_path = _check_path(value)
                else:
                    raise ConfigurationError(
                        f"got an unknown class keyword {keyword!r}"
                        f"{near_miss(keyword, ('name', 'relative_path'))}"
                    )
            super().__init_subclass__()

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Prepare the object, so that an `__init__` of the user's needs no `super()`."""
        self = super().__new__(cls)
        self._keep(_declared_as=None, _made_with=(args, options), **_alone())
        self._adopt_declared()
        return self

    # Without it, arguments that nobody takes would be dropped.
    def __init__(self) -> None:
        super().__init__()

    def __set_name__(self, owner: type[Any], attribute: str) -> None:
        self._keep(_declared_as=attribute)

    def __get__(self, instance: object, owner: type[Any]) -> Self:
        # Instances hold their own under this name, which Python finds first.
        if isinstance(instance, Node):
            raise AttributeError(
                f"sub-client {self.name!r} of {type(instance).__name__!r} is not loaded: it was "
                "removed, or is asked for before `__init__` of the client"
            )
        return self

    @property
    def name(self) -> str:
        """The name among the parent's sub-clients."""
        return self._subclient_name or self._declared_as or type(self).__name__

    @property
    def qualified_name(self) -> str:
        """The names from the client down, joined by dots."""
        return ".".join(node.name for node in reversed(self._line()))

    @property
    def relative_path(self) -> URL:
        """The path below the parent."""
        return URL(self._subclient_path, encoded=True)

    @property
    def full_relative_path(self) -> URL:
        """The path below the client's `uri`."""
        return URL(self._full_path(), encoded=True)

    @property
    def qualified_path(self) -> URL | None:
        """The absolute URL of this sub-client, `None` while it belongs to no client."""
        *_, top = self._upwards()
        return None if not top._is_client else _joined(str(cast("Any", top).uri), self._full_path())

    @property
    def parent(self) -> Any:
        """The client or sub-client that this belongs to, `None` while there is none."""
        return self._parent

    @property
    def parents(self) -> list[Node]:
        """The nodes above, nearest first."""
        return list(self._upwards())[1:]

    @property
    def root(self) -> Any:
        """The client at the top; the topmost sub-client while there is no client."""
        *_, top = self._upwards()
        return top

    def on_loaded(self) -> None:
        """Called when this comes to belong to a client; override it."""

    def on_unloaded(self) -> None:
        """Called when this stops belonging to a client, which is still there; override it."""

    def build(
        self, method: str, path: URLPath = None, **options: Unpack[RequestOptions]
    ) -> Request:
        """Return the request that a call would send, as `BaseClient.build` does."""
        client, path = self._locate(path)
        request: Request = client.build(method, path, **options)
        return request

    @override
    def _request(self, method: str, path: URLPath, options: Any) -> Any:
        client, path = self._locate(path)
        return client._request(method, path, options)

    @override
    def _send(self, request: Any, options: Any) -> Any:
        client, _ = self._locate(None)
        return client._send(request, options)

    @override
    def _streamed(self, method: str, path: URLPath, options: Any) -> Any:
        client, path = self._locate(path)
        return client._streamed(method, path, options)

    @override
    def _downloaded(self, path: URLPath, to: Any, options: Any) -> Any:
        client, path = self._locate(path)
        return client._downloaded(path, to, options)

    @override
    def _paged(self, walk: Walk, request: Callable[..., Any]) -> Any:
        client, _ = self._locate(None)
        return client._paged(walk, request)

    @override
    def _waited(self, waiting: Waiting, request: Callable[..., Any]) -> Any:
        client, _ = self._locate(None)
        return client._waited(waiting, request)

    @override
    def _mapped(self, batch: Batch) -> Any:
        client, _ = self._locate(None)
        return client._mapped(batch)

    @override
    def _carry_out(self, transfer: Transfer, target: Any) -> Any:
        client, _ = self._locate(None)
        return client._carry_out(transfer, target)

    @override
    def _tus(self, transfer: TusTransfer, target: Any) -> Any:
        client, _ = self._locate(None)
        return client._tus(transfer, target)

    def _locate(self, path: URLPath) -> tuple[Any, URLPath]:
        """Return the client at the root and the path from there."""
        node: Any = self
        while not node._is_client:
            path = node._join(path)
            above = node._parent if node._parent is not None else node._closed_parent
            if above is None:
                raise SubClientNoParent(node.name)
            node = above
        return node, path

    def _join(self, path: URLPath) -> URLPath:
        try:
            text = path if isinstance(path, str) else path_text(path)
            if not text or text[0] == "?":
                return self._subclient_path + text
            if compile_path(text).origin is not None:
                return text
        except ConfigurationError:
            return path  # The client refuses it too, and says for which call.
        return f"{self._subclient_path}/{text.removeprefix('/')}"

    def _full_path(self) -> str:
        return "".join(node._subclient_path for node in reversed(self._line()))

    def _line(self) -> list[SubClient]:
        """Return this and the sub-clients above, nearest first."""
        return [node for node in self._upwards() if isinstance(node, SubClient)]

    def _downwards(self) -> Iterator[SubClient]:
        """Return this and the sub-clients below."""
        yield self
        for child in self._children.values():
            yield from child._downwards()

    def _keep(self, **values: Any) -> None:
        """Set attributes, also of a class whose instances are frozen."""
        vars(self).update(values)

    @property
    def _attribute(self) -> str:
        return self._declared_as or self.name

    def _tell_loaded(self) -> None:
        """Call `on_loaded` here and below, parents first."""
        self.on_loaded()
        self._keep(_is_loaded=self._parent is not None)  # It may have left.
        for child in list(self._children.values()):
            if not child._is_loaded:  # Those that `on_loaded` added are.
                child._tell_loaded()

    def _tell_unloaded(self) -> None:
        """Call `on_unloaded` here and below, children first, whatever one of them raises."""
        with ExitStack() as stack:
            if self._is_loaded:
                self._keep(_is_loaded=False)
                stack.callback(self.on_unloaded)
            for child in self._children.values():
                stack.callback(child._tell_unloaded)

    @override
    def _describe(self, uri: str | None = None) -> dict[str, Any]:
        path = self.qualified_path
        if path is None and uri is not None:
            path = _joined(uri, self._full_path())
        info = {
            "qualified_name": self.qualified_name,
            "qualified_path": None if path is None else str(path),
            "full_relative_path": self._full_path(),
            "relative_path": self._subclient_path,
        }
        return {"__info__": info, **self._branches(self._children.values(), uri)}

    @classmethod
    @override
    def _describe_class(cls) -> dict[str, Any]:
        return cls.__new__(cls)._describe()

    def _made_anew(self, attribute: str | None) -> Self:
        """Return what the same arguments make, with the same sub-clients, for another parent."""
        args, options = self._made_with
        twin = type(self)(*args, **options)
        vars(twin).update({n: v for n, v in vars(self).items() if n not in vars(twin)})
        twin._keep(_declared_as=attribute)
        for name in twin._children.keys() - self._children.keys():
            twin.remove_subclient(name)
        for name, child in self._children.items():
            if name not in twin._children:
                twin._adopt(child._made_anew(child._declared_as))
        return twin

    def __copy__(self) -> Self:
        twin = self._bare_copy(vars(self))
        twin._take_copies(self)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = memo[id(self)] = self._bare_copy({})
        own = {name: value for name, value in vars(self).items() if name not in vars(twin)}
        vars(twin).update(deepcopy(own, memo))
        twin._take_copies(self, lambda child: deepcopy(child, memo))
        return twin

    def _bare_copy(self, values: Mapping[str, Any]) -> Self:
        """Return a copy that belongs to nobody and has no sub-clients."""
        twin = object.__new__(type(self))
        vars(twin).update(values)
        twin._keep(**_alone())
        return twin

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.qualified_name!r}>"


class SyncSubClient(SyncVerbs, SubClient):
    """A `SubClient` for a `SyncClient` only, with its verbs typed."""


class AsyncSubClient(AsyncVerbs, SubClient):
    """A `SubClient` for an `AsyncClient` only, with its verbs typed."""


def _alone() -> dict[str, Any]:
    """Return the attributes of a sub-client that belongs to nobody and has nothing below."""
    return {"_children": {}, "_parent": None, "_closed_parent": None, "_is_loaded": False}


def _joined(uri: str, path: str) -> URL:
    return URL(uri.rstrip("/") + path, encoded=True)


def _check_name(name: Any) -> str | None:
    if name is not None and not (isinstance(name, str) and name.isidentifier()):
        raise ConfigurationError(f"`name` must be an identifier, got {name!r}")
    return name


def _check_path(path: Any) -> str:
    text = path_text(path)
    template = compile_path(text)
    if template.origin is not None or "?" in text:
        raise ConfigurationError(f"`relative_path` must be a path, got {redact_url(text)!r}")
    return template.path.rstrip("/")
