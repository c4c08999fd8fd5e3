"""`Endpoint`: a method of a client or sub-client whose signature is the request."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, cast, get_args, overload
from weakref import WeakKeyDictionary

from typing_extensions import Unpack

from ..client.verbs import Verbs
from ..options import EndpointOptions

if TYPE_CHECKING:
    from ..explanation.values import Explanation
    from .declaration import Declaration
    from .plan import Plan

__all__ = ["BoundEndpoint", "Endpoint"]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

# With these, `inspect` takes it for a function.
_OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__")
_NO_OPTIONS: dict[str, Any] = {}


class BoundEndpoint(Generic[P, R_co]):
    """An endpoint of one client or sub-client.

    Attributes:
        endpoint: The endpoint.
        options: The options of its calls, beside those it declares.
    """

    __slots__ = ("__self__", "endpoint", "options")

    def __init__(
        self, endpoint: Endpoint[P, R_co], node: Any, options: dict[str, Any] = _NO_OPTIONS
    ) -> None:
        self.endpoint = endpoint
        self.__self__ = node
        self.options = options

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **named: P.kwargs) -> R_co:
            """Make the call."""
            ...

        def explain(self, *args: P.args, **named: P.kwargs) -> Explanation:
            """Return what the call would send, and where each value comes from; see `explain`."""
            ...

    else:

        def __call__(self, /, *args, **named):
            """Make the call."""
            endpoint = self.endpoint
            plan = endpoint.plan or endpoint.compile(self.__self__)
            try:
                return plan.call(self.__self__, args, named, self.options)
            except AttributeError:
                endpoint._check_user(type(self.__self__))
                raise

        def explain(self, /, *args, **named):
            """Return what the call would send, and where each value comes from.

            Nothing is sent, and nothing waits; see `explain` of clients.

            Raises:
                ConfigurationError: The call could never be sent.
            """
            from ..explanation.explain import explain_endpoint

            return explain_endpoint(self, args, named)

    def with_options(self, **options: Unpack[EndpointOptions]) -> BoundEndpoint[P, R_co]:
        """Return the same endpoint, its calls made with other options.

        Args:
            options: Those of a call, and of pages. Headers, cookies, parameters and error_responses
                are laid over those that are declared.

        Raises:
            ConfigurationError: One is unknown, or said by the arguments.
        """
        from .checking import check_values
        from .declaration import kept
        from .placing import lay_over

        declaration = self.endpoint.declaration
        declaration.check_options(options)
        check_values(declaration, options)
        return BoundEndpoint(self.endpoint, self.__self__, lay_over(self.options, kept(options)))

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return MethodType(self.endpoint.declaration.function, self.__self__)

    if not TYPE_CHECKING:

        @property
        def __doc__(self):
            return self.endpoint.declaration.function.__doc__

        def __get__(self, instance, owner):
            return self  # As methods have it; `inspect` takes it for one.

        def __getattr__(self, name):
            if name in BoundEndpoint.__slots__:  # It is being copied.
                raise AttributeError(name)
            if name == "__signature__" and self.endpoint.declaration.result_name is not None:
                return self.endpoint.declaration.signature_of_callers(with_self=False)
            return getattr(self.endpoint.declaration.function, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundEndpoint):
            return False
        theirs = cast("BoundEndpoint[..., Any]", other)
        return (
            self.endpoint is theirs.endpoint
            and self.__self__ is theirs.__self__
            and self.options == theirs.options
        )

    def __hash__(self) -> int:
        return hash((self.endpoint, id(self.__self__)))

    def __repr__(self) -> str:
        return f"<bound {self.endpoint!r} of {self.__self__!r}>"


class Endpoint(Generic[P, R_co]):
    """A method of a client or sub-client whose signature is the request; see `endpoint`.

    Attributes:
        declaration: What it says of itself.
        plan: How its arguments become a request, once it was first used; `None` always where that
            depends on the class, as with `-> T` of a generic one, or another `relative_path`.
    """

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.plan: Plan | None = None
        self._has_paths = False  # Some class that uses it has another path than the first.
        self._plans: WeakKeyDictionary[type[Any], dict[Any, Plan]] = WeakKeyDictionary()
        functools.update_wrapper(self, declaration.function)
        for name in _OF_FUNCTIONS:
            vars(self)[name] = getattr(declaration.function, name)
        if declaration.result_name is not None:  # Its caller cannot give it.
            vars(self)["__signature__"] = declaration.signature_of_callers()

    def __set_name__(self, owner: type[Any], name: str) -> None:
        if self.declaration.owner is None:
            self.declaration.owner = owner

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> Self: ...
        @overload
        def __get__(self, instance: object, owner: type[Any]) -> BoundEndpoint[P, R_co]: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

        def __call__(self, node: Any, /, *args: P.args, **named: P.kwargs) -> R_co:
            """Make the call with a client."""
            ...

    else:

        def __get__(self, instance, owner):
            return self if instance is None else BoundEndpoint(self, instance)

        def __call__(self, /, *args, **named):
            """Make the call with a client."""
            if not args or not isinstance(args[0], Verbs):
                about = self.declaration
                name = about.function.__name__
                owner = getattr(about.owner, "__name__", "the class")
                raise about.error(
                    f"it was called on the class; call it on an instance, as in "
                    f"`{owner}(...).{name}(...)`"
                )
            return BoundEndpoint(self, args[0])(*args[1:], **named)

    @property
    def __endpoint__(self) -> dict[str, Any]:
        """What `tree` shows of it."""
        about = self.declaration
        return {
            "path": about.path,
            "name": about.name,
            "description": about.description,
            "href": about.href,
            "methods": [about.method],
        }

    @property
    def is_known(self) -> bool:
        """Whether its annotations were evaluated, which may name what is defined later."""
        return self.declaration.hints is not None

    def compile(self, node: Any = None) -> Plan:
        """Return how its arguments become a request.

        Args:
            node: The client, sub-client or class that it is used by; when not given, type
                variables of the class stay what they are.

        Raises:
            ConfigurationError: The declaration makes no request.
        """
        from .plan import Plan

        if self.plan is not None:
            return self.plan
        if node is None:
            return Plan(self.declaration)
        kind = node if isinstance(node, type) else type(node)
        self._check_user(kind)
        # `Crud[User](...)` notes on the instance what it was made by.
        used_by = kind if node is kind else vars(node).get("__orig_class__", kind)
        key = None if used_by is kind else get_args(used_by)  # A class must not keep itself.
        plan = self._plans.get(kind, {}).get(key)
        if plan is None:
            plan = Plan(self.declaration.used_by(kind), used_by)
            if plan.depends_on_class or self._has_paths:
                self._plans.setdefault(kind, {})[key] = plan
            else:
                self.plan = plan
        return plan

    def _check_user(self, kind: type[Any]) -> None:
        if not issubclass(kind, Verbs):
            raise self.declaration.error(
                f"{kind.__name__} is no client; derive a class from it and from SyncClient, "
                "AsyncClient or a sub-client"
            )

    def check(self, owner: type[Any], *, is_async: bool | None) -> bool | None:
        """Refuse a declaration that makes no endpoint of a class.

        What names types that are defined later is checked again where the class is first used.

        Args:
            owner: The class.
            is_async: Whether its calls are awaited, `None` where it serves both kinds.

        Returns:
            Which kind of client it fits, see `check_declaration`.

        Raises:
            ConfigurationError: It makes none.
        """
        from .checking import check_declaration

        if owner is self.declaration.owner:
            self.declaration.stand_in(owner)
        used = self.declaration.used_by(owner)
        if used is not self.declaration:
            self._has_paths, self.plan = True, None
        return check_declaration(used, owner, is_async)

    def __repr__(self) -> str:
        about = self.declaration
        return f"<endpoint {about.function.__qualname__} {about.method} {about.path}>"

    def __reduce__(self) -> str:
        return self.declaration.function.__qualname__
