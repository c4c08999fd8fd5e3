"""`endpoint`: a method whose signature is the request."""

from __future__ import annotations

import dis
import functools
import inspect
import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from typing_extensions import Unpack

from ..client.checks import near_miss
from ..client.url import compile_path
from ..constants import HTTPMethod
from ..errors import ConfigurationError
from ..options import ItemOptions, PageOptions, RequestOptions, SendOptions

if TYPE_CHECKING:
    from .plan import Plan

    class EndpointOptions(ItemOptions, total=False):
        """The options of an endpoint: those of a call, with the same for every call."""

        name: str | None
        description: str | None
        href: str | None
        deprecated: bool
        validate: bool


__all__ = ["Declaration", "Endpoint", "EndpointDecorator", "endpoint"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

_ABOUT = ("name", "description", "href", "deprecated", "validate")
_CALL = SendOptions.__optional_keys__ | RequestOptions.__optional_keys__
_KNOWN = _CALL | PageOptions.__optional_keys__ | ItemOptions.__optional_keys__
_NOT_DECLARED = frozenset({"method", "path_parameters", "state", "body", "data", "files"})


class Declaration:
    """What an endpoint says of itself.

    Attributes:
        function: The method as it was written.
        method: The request method.
        path: The path below the client, with its `{fields}`.
        fields: The names of these.
        options: The options of every call.
        name: What to call it.
        description: What it does.
        href: Where its documentation is.
        deprecated: Whether it should not be used any more.
        validate: Whether arguments are checked.
        owner: The class that it stands in, once that is made.
        is_async: Whether it is written with `async def`.
        runs_after: Whether the method has a body of its own, which is run after the call.
        result_name: The argument that the body is given the result as.
    """

    def __init__(
        self, function: Callable[..., Any], method: str, path: str, options: dict[str, Any]
    ) -> None:
        self.function = function
        self.method = method
        self.path = path
        about = {name: options.pop(name) for name in _ABOUT if name in options}
        self.name: str = about.get("name") or function.__name__
        text = inspect.cleandoc(function.__doc__ or "") or None
        self.description: str | None = about.get("description") or text
        self.href: str | None = about.get("href")
        self.deprecated: bool = about.get("deprecated", False)
        self.validate: bool = about.get("validate", True)
        self.options = options
        self.owner: type[Any] | None = None
        self.is_async = inspect.iscoroutinefunction(function)
        self.runs_after = not is_empty(function)
        self.check_options(options)
        try:
            template = compile_path(path)
        except ConfigurationError as error:
            raise self.error(str(error)) from error
        self.fields: tuple[str, ...] = tuple(template.fields)
        self.result_name: str | None = None
        if self.runs_after:
            if "result" not in inspect.signature(function).parameters:
                raise self.error(
                    "it has a body, which is run after the call, and needs an argument "
                    "`result: ... = endpoint.result` to be given what the call returned; where it "
                    "needs none, write `...`"
                )
            self.result_name = "result"

    def check_options(self, options: Iterable[str]) -> None:
        """Refuse options that no endpoint has.

        Raises:
            ConfigurationError: There is one.
        """
        for option in options:
            if option in _NOT_DECLARED:
                raise self.error(f"`{option}` is said by the arguments, or by each call")
            if option not in _KNOWN:
                known = (_KNOWN - _NOT_DECLARED) | set(_ABOUT)
                raise self.error(f"got an unknown option {option!r}{near_miss(option, known)}")

    def check_call_options(self, names: Iterable[str]) -> None:
        """Refuse arguments that are no options of a call either.

        Raises:
            ConfigurationError: There is one.
        """
        for name in names:
            if name not in _KNOWN or name in _NOT_DECLARED:
                arguments = list(inspect.signature(self.function).parameters)[1:]
                raise self.error(f"got an unknown argument {name!r}{near_miss(name, arguments)}")

    def error(self, text: str) -> ConfigurationError:
        """Return the error for a declaration that makes no endpoint."""
        return ConfigurationError(f"endpoint {self.function.__qualname__}: {text}")


def is_empty(function: Callable[..., Any]) -> bool:
    """Return whether the body of a function does nothing, or says that it is not implemented."""
    code = function.__code__
    consts = set(code.co_consts) - {function.__doc__, None, ...}
    return (
        not consts
        and set(code.co_names) <= {"NotImplementedError"}
        and not any(
            one.opname.startswith(("LOAD_FAST", "LOAD_DEREF")) for one in dis.get_instructions(code)
        )
    )


class BoundEndpoint(Protocol[P, R_co]):
    """An endpoint of one client."""

    def __call__(self, *args: P.args, **options: P.kwargs) -> R_co:
        """Make the call."""
        ...

    def with_options(self, **options: Unpack[SendOptions]) -> BoundEndpoint[P, R_co]:
        """Return the same endpoint, its calls made with other options."""
        ...


class _Bound:
    """An endpoint of one client or sub-client."""

    __slots__ = ("__self__", "_options", "endpoint")

    def __init__(self, endpoint: Endpoint[..., Any], node: Any, options: dict[str, Any]) -> None:
        self.endpoint = endpoint
        self.__self__ = node
        self._options = options

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return types.MethodType(self.endpoint.declaration.function, self.__self__)

    @property
    def __name__(self) -> str:
        return self.endpoint.declaration.function.__name__

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self.endpoint.declaration.function.__doc__

    def __repr__(self) -> str:
        return f"<bound {self.endpoint!r} of {self.__self__!r}>"

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Make the call."""
        if self._options:
            named = {**self._options, **named}
        endpoint = self.endpoint
        plan = endpoint.plan or endpoint.compile()
        return plan.call(self.__self__, args, named)

    def with_options(self, **options: Any) -> _Bound:
        """Return the same endpoint, its calls made with other options."""
        self.endpoint.declaration.check_options(options)
        return _Bound(self.endpoint, self.__self__, {**self._options, **options})


class Endpoint(Generic[P, R]):
    """A method of a client or sub-client whose signature is the request.

    Attributes:
        declaration: What it says of itself.
        plan: How its arguments become a request, once it was first used.
    """

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.plan: Plan | None = None
        functools.update_wrapper(self, declaration.function)

    def __set_name__(self, owner: type[Any], name: str) -> None:
        if self.declaration.owner is None:
            self.declaration.owner = owner

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> Endpoint[P, R]: ...
        @overload
        def __get__(self, instance: object, owner: type[Any]) -> BoundEndpoint[P, R]: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

        def __call__(self, node: Any, /, *args: P.args, **options: P.kwargs) -> R:
            """Make the call with a client."""
            ...

    else:

        def __get__(self, instance, owner):
            return self if instance is None else _Bound(self, instance, _NONE)

        def __call__(self, node, /, *args, **options):
            """Make the call with a client."""
            return _Bound(self, node, _NONE)(*args, **options)

    def __repr__(self) -> str:
        about = self.declaration
        return f"<endpoint {about.function.__qualname__} {about.method} {about.path}>"

    def compile(self) -> Plan:
        """Return how its arguments become a request.

        Raises:
            ConfigurationError: The declaration makes no request.
        """
        from .plan import Plan

        plan = self.plan = Plan(self.declaration)
        return plan

    def check(self, owner: type[Any], *, is_async: bool | None) -> None:
        """Refuse a declaration that makes no endpoint of a class.

        What cannot be known yet, as names of types that are defined later, is checked at first use.

        Args:
            owner: The class.
            is_async: Whether its calls are awaited, `None` where it serves both kinds.

        Raises:
            ConfigurationError: It makes none.
        """
        from .arguments import check_declaration

        check_declaration(self.declaration, owner, is_async)


_NONE: dict[str, Any] = {}


class EndpointDecorator:
    """What declares endpoints: `@endpoint.get(...)`, `@endpoint.post(...)` and so on.

    Called itself, as in 0.3.9, it notes on a method that is written by hand which endpoint that
    calls.
    """

    result: Any = inspect.Parameter.empty
    """The default of the argument `result` of a method that is run after its call."""

    def get(
        self, path: str, **options: Unpack[EndpointOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a GET.

        Args:
            path: The path below the client or sub-client, with `{names}` of arguments.
            options: The options of every call; `pagination`, `at` and the like for pages; `name`,
                `description`, `href` and `deprecated` for documents; `validate=False` to leave
                arguments as they are.

        Raises:
            ConfigurationError: The declaration makes no request; the text names the method.
        """
        return _declaring("GET", path, options)

    def post(
        self, path: str, **options: Unpack[EndpointOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a POST; see `get`."""
        return _declaring("POST", path, options)

    def put(
        self, path: str, **options: Unpack[EndpointOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a PUT; see `get`."""
        return _declaring("PUT", path, options)

    def patch(
        self, path: str, **options: Unpack[EndpointOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a PATCH; see `get`."""
        return _declaring("PATCH", path, options)

    def delete(
        self, path: str, **options: Unpack[EndpointOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a DELETE; see `get`."""
        return _declaring("DELETE", path, options)

    def head(
        self, path: str, **options: Unpack[EndpointOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a HEAD; see `get`."""
        return _declaring("HEAD", path, options)

    def options(
        self, path: str, **options: Unpack[EndpointOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare an OPTIONS; see `get`."""
        return _declaring("OPTIONS", path, options)

    def __call__(
        self,
        path: str,
        name: str | None = None,
        description: str | None = None,
        href: str | None = None,
        method: HTTPMethod | str = HTTPMethod.ANY,
        methods: Iterable[HTTPMethod | str] | None = None,
    ) -> Callable[[T], T]:
        """Note on a method that is written by hand which endpoint it calls.

        Args:
            path: The path below the client.
            name: What to call it, the name of the method when not given.
            description: What it does.
            href: Where its documentation is.
            method: The request method.
            methods: The request methods, where there are several.

        Raises:
            ConfigurationError: There is no such request method.
        """
        given = [method] if methods is None else [methods] if isinstance(methods, str) else methods
        try:
            wanted = [HTTPMethod(one) for one in given]
        except ValueError as error:
            raise ConfigurationError(f"endpoint {path!r}: {error}") from error

        def note(function: T) -> T:
            function.__endpoint__ = {  # type: ignore[attr-defined]
                "path": path,
                "name": name or getattr(function, "__name__", path),
                "description": description,
                "href": href,
                "methods": [one.value for one in wanted],
            }
            return function

        return note


endpoint = EndpointDecorator()


def _declaring(method: str, path: str, options: Any) -> Callable[[Any], Any]:
    def declare(function: Any) -> Endpoint[..., Any]:
        if not inspect.isfunction(function):
            raise ConfigurationError(
                f"@endpoint.{method.lower()}({path!r}) stands over a method, not over {function!r}"
            )
        return Endpoint(Declaration(function, method, path, dict(options)))

    return declare
