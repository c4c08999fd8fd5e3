"""`Node`: what a client and a sub-client have in common, their sub-clients."""

# A node and its sub-clients are friends. What they share is private, for users give their
# sub-clients methods of any name.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

from typing_extensions import Format, TypeIs, get_annotations

from ..errors import (
    ConfigurationError,
    SubClientAlreadyLoaded,
    SubClientError,
    SubClientParentSet,
)
from ..removed import GONE_ATTRIBUTES
from .async_verbs import AsyncVerbs
from .checks import near_miss
from .sync_verbs import SyncVerbs
from .tree import Endpoints, Tree, endpoints_of, is_endpoint
from .verbs import Verbs

if TYPE_CHECKING:
    from logging import Logger

    from ..endpoints.endpoint import Endpoint
    from ..explanation.values import Explanation
    from .subclient import SubClient

__all__ = ["Node", "is_subclient", "made_anew"]


class Node(Verbs):
    """What can have sub-clients: a client, or a sub-client."""

    _is_client: ClassVar[bool] = True
    # Whether all endpoints were checked: not where they name types that are defined later.
    _is_checked: ClassVar[bool] = True
    # The endpoints that fit clients of one kind only, of a class that says no kind; whether that is
    # the asynchronous one.
    _of_one_kind: ClassVar[Mapping[str, bool]] = {}
    _parent: Node | None = None
    _children: dict[str, SubClient]

    if not TYPE_CHECKING:

        def __init_subclass__(cls):
            super().__init_subclass__()
            _check_endpoints(cls)
            for name, value in cls.__dict__.items():
                _check_wrapped(cls, name, value)
                if is_endpoint(value) and _is_used(name, cls):
                    raise ConfigurationError(
                        f"{cls.__name__} declares an endpoint {name!r}, which is an attribute of "
                        "every client that is used for something else; give it another name"
                    )
                if hasattr(value, "__get__") and _is_reserved(name, cls):
                    raise ConfigurationError(
                        f"{cls.__name__} defines {name!r}, which the framework has a use of its "
                        "own for; name it otherwise"
                    )
                if is_subclient(value) and _is_own_attribute(name, cls):
                    raise ConfigurationError(
                        f"{cls.__name__} declares a sub-client {name!r}, which is an attribute of "
                        "every client; give it another name"
                    )
                if _is_subclient_class(value) and value.__name__ != name:
                    raise ConfigurationError(
                        f"{name!r} is the class {value.__name__}, not a sub-client; write "
                        f"`{name} = {value.__name__}()`"
                    )

    @property
    def subclients(self) -> Mapping[str, SubClient]:
        """The sub-clients by name."""
        return MappingProxyType(self._children)

    def add_subclient(self, subclient: SubClient) -> None:
        """Add a sub-client, which is then also an attribute of this name.

        Raises:
            ConfigurationError: It is no `SubClient` instance.
            SubClientError: It is this object or one above, its name is taken by another attribute,
                or it is of the other kind.
            SubClientAlreadyLoaded: There is one of its name.
            SubClientParentSet: It belongs to a parent already.
        """
        if not is_subclient(subclient):
            raise ConfigurationError(
                f"add_subclient takes an instance of a SubClient, got {subclient!r}"
            )
        name = subclient.name
        if any(node is subclient for node in self._upwards()):
            raise SubClientError(f"sub-client {name!r} cannot be below itself", name=name)
        if subclient._parent is not None:
            raise SubClientParentSet(name)
        if name not in self._children and self._has_attribute(name):
            raise SubClientError(
                f"{name!r} is an attribute of {type(self).__name__}; give the sub-client another "
                "name with the class keyword `name=`",
                name=name,
            )
        self._adopt(subclient)

    def remove_subclient(self, name: str) -> SubClient | None:
        """Remove a sub-client and return it, `None` if there is none of this name.

        It is removed even if its `on_unloaded` raises.
        """
        subclient = self._children.pop(name, None)
        if subclient is not None:
            try:
                subclient._tell_unloaded()
            finally:
                self._release(subclient)
        return subclient

    if TYPE_CHECKING:
        endpoints: ClassVar[Mapping[str, Endpoint[..., Any]]]
        """The endpoints that the class declares, by attribute."""

        @overload
        @classmethod
        def tree(cls, serialized: Literal[True], indent: int | None = None) -> str: ...
        @overload
        @classmethod
        def tree(
            cls, serialized: Literal[False] = False, indent: int | None = None
        ) -> dict[str, Any]: ...
        @classmethod
        def tree(cls, serialized: bool = False, indent: int | None = None) -> Any:
            """See `Tree`."""

    else:
        endpoints = Endpoints()
        tree = Tree()

    def explain(self, endpoint: str, /, *args: Any, **named: Any) -> Explanation:
        """Return what a call would send, by which rules, and where each value comes from.

        Nothing is sent, and nothing waits: no slot is taken, no token fetched, no file read. What
        may be secret is `***`.

        Args:
            endpoint: The name of a declared endpoint, with those of sub-clients before it, such as
                `"issues.list"`; or, for a call written by hand, its method in capitals.
            args: What the endpoint is given by position; or the path.
            named: What it is given by name; or the options of the call.

        Raises:
            ConfigurationError: There is no such endpoint, or the call could never be sent.
            ClientClosedError: The client is closed.

        Example:
            ```python
            print(github.explain("repo", owner="pydantic", name="pydantic"))
            print(github.explain("GET", "/users/{name}", path_parameters={"name": "ann"}))
            ```
        """
        from ..explanation.explain import explain

        return explain(self, endpoint, args, named)

    def _wake(self) -> bool:
        """Load what the class declares, where nothing was so far; return whether it was done."""
        return False

    @abstractmethod
    def _describe(self) -> dict[str, Any]:
        """Return what `tree` shows of this object."""

    @classmethod
    @abstractmethod
    def _describe_class(cls) -> dict[str, Any]:
        """Return what `tree` shows of the class."""

    @classmethod
    def _branches(cls, children: Iterable[SubClient], uri: str | None = None) -> dict[str, Any]:
        return {
            "__endpoints__": endpoints_of(cls),
            "__subclients__": {child.name: child._describe(uri) for child in children},
        }

    def _adopt_declared(self) -> None:
        """Adopt a sub-client of its own for each that the class declares."""
        _check_left(type(self))
        for child in made_anew(type(self)):
            self._adopt(child)

    def _take_copies(
        self, other: Node, copied: Callable[[SubClient], SubClient] = copy.copy
    ) -> None:
        """Take copies of the sub-clients that another node has, of which this one is a copy.

        What they share with the originals is loaded, and unloaded, once: by those.
        """
        for child in other._children.values():
            self._place(copied(child))
        for name, value in vars(other).items():
            if is_subclient(value) and value._parent is other:
                vars(self)[name] = self._children[value.name]

    def _adopt(self, subclient: SubClient) -> None:
        self._place(subclient)
        try:
            if self._is_rooted():
                subclient._tell_loaded()
        except BaseException:
            self.remove_subclient(subclient.name)
            raise

    def _place(self, subclient: SubClient) -> None:
        if subclient.name in self._children:
            raise SubClientAlreadyLoaded(subclient.name)
        self._check_kind(subclient)
        self._children[subclient.name] = subclient
        # As an attribute it is found without a function call.
        vars(self)[subclient._attribute] = subclient
        subclient._keep(_parent=self, _closed_parent=None)

    def _release(self, subclient: SubClient) -> None:
        if vars(self).get(subclient._attribute) is subclient:
            del vars(self)[subclient._attribute]
        subclient._keep(_parent=None)

    def _close_subclients(self, logger: Logger) -> None:
        """Unload every sub-client, the last one first; a call of one then says what is closed."""
        for subclient in reversed(list(self._children.values())):
            try:
                subclient._tell_unloaded()
            except Exception:
                logger.warning("%r failed in on_unloaded", subclient, exc_info=True)
            subclient._keep(_parent=None, _closed_parent=self)
        self._children.clear()

    def _check_kind(self, subclient: SubClient) -> None:
        """Refuse a sub-client whose verbs are typed for the other kind of client."""
        kind = next(filter(None, map(_kind_of, self._upwards())), None)
        if kind is None:
            return
        for node in subclient._downwards():
            other = _kind_of(node)
            if other is not None and other is not kind:
                raise SubClientError(
                    f"{type(node).__name__} is typed for the other kind of client than "
                    f"{type(self).__name__}{_remedy(node)}",
                    name=node.name,
                )

    def _has_attribute(self, name: str) -> bool:
        if name in vars(self):
            return True
        found = _class_attribute(type(self), name)
        return found is not _MISSING and not is_subclient(found)

    def _upwards(self) -> Iterator[Node]:
        """Return this node and those above it."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node._parent

    def _is_rooted(self) -> bool:
        """Return whether there is a client at the top."""
        *_, top = self._upwards()
        return top._is_client

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self._children]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            children = self.__dict__.get("_children", {})
            if name in children:
                return children[name]
            if self._wake():
                return getattr(self, name)
            if _class_attribute(type(self), name) is not _MISSING:
                # A property raised an AttributeError, which Python dropped in order to ask here.
                # Asked a second time, it tells what is wrong.
                return object.__getattribute__(self, name)
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}"
                f"{_hint(name, [*children, *dir(type(self))])}"
            )


def _check_endpoints(cls: type[Any]) -> None:
    """Refuse endpoints, those of classes mixed in too, that are none of this class."""
    is_async = _is_awaited(cls)
    is_checked = True
    seen: set[str] = set()
    fits: dict[str, bool | None] = {}
    for base in cls.__mro__:
        known: Mapping[str, bool] | None = None
        # Others were checked when they were made.
        # What is declared above may have no argument for a field in the path of this one.
        is_below = cls._is_client or cls._subclient_path == path_of(base)
        is_same = base is not cls and is_below and _is_awaited(base) is is_async
        if is_same and base.__dict__.get("_is_checked"):
            known = base.__dict__["_of_one_kind"]
        for name, value in base.__dict__.items():
            if name not in seen and is_endpoint(value):
                found = value.check(cls, is_async=is_async) if known is None else known.get(name)
                fits[name] = found
                is_checked = is_checked and value.is_known
        seen.update(base.__dict__)
    kinds = {name: one for name, one in fits.items() if one is not None}
    cls._of_one_kind = kinds if is_async is None else {}
    if len({*cls._of_one_kind.values()}) == 2:
        raise ConfigurationError(
            f"{cls.__name__} has endpoints for an AsyncClient and for a SyncClient; see `shared` "
            "for endpoints that serve both"
        )
    cls._is_checked = is_checked


def _check_left(cls: type[Node]) -> None:
    """Check what could not be checked when the class was made."""
    if not cls._is_checked:
        _check_endpoints(cls)


def path_of(cls: Any) -> str:
    """Return the path that a class has as a sub-client, if it is that of one."""
    path: str = getattr(cls, "_subclient_path", "")
    return path


def _check_wrapped(cls: type[Any], name: str, value: Any) -> None:
    """Refuse an endpoint below another decorator, where nobody would find it."""
    inner = getattr(value, "fget", None) or getattr(value, "__func__", None)
    if is_endpoint(inner):
        raise inner.declaration.error(
            f"@{type(value).__name__} stands over it in {cls.__name__}.{name}; only @shared may"
        )


def _is_awaited(cls: type[Any]) -> bool | None:
    """Return whether what a class sends is awaited, `None` where it serves both kinds."""
    if issubclass(cls, AsyncVerbs):
        return True
    return False if issubclass(cls, SyncVerbs) else None


def is_subclient(value: object) -> TypeIs[SubClient]:
    """Return whether the value is a sub-client."""
    return isinstance(value, Node) and not value._is_client


def _is_subclient_class(value: object) -> TypeIs[type[SubClient]]:
    return isinstance(value, type) and issubclass(value, Node) and not value._is_client


def declared_subclients(cls: type[Any]) -> dict[str, SubClient]:
    """Return the sub-clients declared in a class body or its bases, by attribute."""
    found: dict[str, SubClient] = {}
    for base in reversed(cls.__mro__):
        for name, value in base.__dict__.items():
            if is_subclient(value):
                found[name] = value
            else:
                found.pop(name, None)
    return found


def made_anew(cls: type[Any]) -> Iterator[SubClient]:
    """Return a sub-client of its own for each that a class declares."""
    for attribute, declared in declared_subclients(cls).items():
        yield declared._made_anew(attribute)


_MISSING = object()


def _class_attribute(cls: type[Any], name: str) -> object:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return _MISSING


def _kind_of(node: Node) -> type[Verbs] | None:
    for kind in (SyncVerbs, AsyncVerbs):
        if isinstance(node, kind):
            return kind
    _check_left(type(node))
    for is_async in node._of_one_kind.values():
        return AsyncVerbs if is_async else SyncVerbs
    return None


def _remedy(node: Node) -> str:
    for name in node._of_one_kind:
        return (
            f", by its endpoint `{name}`: write that with `def` and put `@shared` over it, so that "
            "it serves both"
        )
    return "; see `shared` for a sub-client that serves both"


def _hint(name: str, known: Iterable[str]) -> str:
    gone = GONE_ATTRIBUTES.get(name)
    if gone is not None:
        return f": it was dropped after 0.3.9, {gone}"
    return "" if name.startswith("_") else near_miss(name, known)


def _is_reserved(name: str, cls: type[Any]) -> bool:
    """Return whether a private name of a user's class is one that the framework defines."""
    if not name.startswith("_") or name.endswith("__") or _is_ours(cls):
        return False
    return any(name in base.__dict__ and _is_ours(base) for base in cls.__mro__[1:])


def _is_own_attribute(name: str, cls: type[Any]) -> bool:
    """Return whether the framework has an attribute of this name, on a class or its instances."""
    return any(
        name in base.__dict__ or name in get_annotations(base, format=Format.STRING)
        for base in cls.__mro__[1:]
        if _is_ours(base)
    )


def _is_used(name: str, cls: type[Any]) -> bool:
    """Return whether the framework has an attribute of this name that is no call, as `get` is."""
    return not _is_ours(cls) and any(
        name in base.__dict__ for base in cls.__mro__[1:] if _is_ours(base) and base not in _CALLS
    )


_CALLS = (Verbs, SyncVerbs, AsyncVerbs)


def _is_ours(cls: type[Any]) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]
