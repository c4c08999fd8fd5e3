"""`endpoint`: declares a method whose signature is the request."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from typing_extensions import Unpack

from ..constants import HTTPMethod
from ..errors import ConfigurationError
from ..options import DeclaredOptions
from .declaration import Declaration, find_names, is_empty
from .endpoint import BoundEndpoint, Endpoint

if TYPE_CHECKING:

    class DecoratorOptions(DeclaredOptions, total=False):
        """What an endpoint declares: the options of its calls, and what is said of it.

        Attributes:
            name: What to call it, the name of the method when not given.
            description: What it does, the docstring when not given.
            href: Where its documentation is.
            deprecated: Whether it should not be used any more.
            validate: Whether arguments are checked, `True` when not given.
        """

        name: str | None
        description: str | None
        href: str | None
        deprecated: bool
        validate: bool


__all__ = ["BoundEndpoint", "Declaration", "Endpoint", "EndpointDecorator", "endpoint"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class EndpointDecorator:
    """What declares endpoints: `@endpoint.get(...)`, `@endpoint.post(...)` and so on.

    Called itself, as in 0.3.9, it notes on a method that is written by hand which endpoint that
    calls.

    Example:
        >>> from arya_api_framework import Response, SyncClient, endpoint
        >>> class User(Response):
        ...     name: str
        >>> class Users(SyncClient, uri="https://api.example.com"):
        ...     @endpoint.get("/users/{id}")
        ...     def user(self, id: int) -> User: ...
        >>> Users().user
        <bound <endpoint Users.user GET /users/{id}> of <Users https://api.example.com open>>
    """

    result: Any = ...
    """The default of the argument `result` of a method that is run after its call."""

    def get(
        self, path: str, **options: Unpack[DecoratorOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a GET.

        Args:
            path: The path below the client or sub-client, with `{names}` of arguments.
            options: The options of every call; `pagination`, `at` and the like for pages; `name`,
                `description`, `href` and `deprecated` for documents; `validate=False` to take
                arguments as they are.

        Raises:
            ConfigurationError: The declaration makes no request; the text names the method.
        """
        return _declaring("GET", path, options)

    def post(
        self, path: str, **options: Unpack[DecoratorOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a POST; see `get`."""
        return _declaring("POST", path, options)

    def put(
        self, path: str, **options: Unpack[DecoratorOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a PUT; see `get`."""
        return _declaring("PUT", path, options)

    def patch(
        self, path: str, **options: Unpack[DecoratorOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a PATCH; see `get`."""
        return _declaring("PATCH", path, options)

    def delete(
        self, path: str, **options: Unpack[DecoratorOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a DELETE; see `get`."""
        return _declaring("DELETE", path, options)

    def head(
        self, path: str, **options: Unpack[DecoratorOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Endpoint[P, R]]:
        """Declare a HEAD; see `get`."""
        return _declaring("HEAD", path, options)

    def options(
        self, path: str, **options: Unpack[DecoratorOptions]
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
            ConfigurationError: There is no such request method, or the method is declared already.
        """
        given = [method] if methods is None else [methods] if isinstance(methods, str) else methods
        try:
            wanted = [HTTPMethod(one) for one in given]
        except ValueError as error:
            raise ConfigurationError(f"endpoint {path!r}: {error}") from error

        def note(function: T) -> T:
            if isinstance(function, Endpoint):
                raise function.declaration.error(
                    "@endpoint(...) is for methods that are written by hand; give its arguments to "
                    f"@endpoint.{function.declaration.method.lower()}(...)"
                )
            if inspect.isfunction(function) and _promises(function) and is_empty(function):
                raise ConfigurationError(
                    f"{function.__qualname__} has no body, and @endpoint(...) only notes what a "
                    "method that is written by hand calls; did you mean "
                    f"@endpoint.get({path!r})?"
                )
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


def _promises(function: Any) -> bool:
    """Return whether a function says that it returns something, and is more than a template."""
    returned = getattr(function, "__annotations__", {}).get("return", None)
    is_abstract = getattr(function, "__isabstractmethod__", False)
    return returned not in (None, "None", Any, "Any") and not is_abstract


def _declaring(method: str, path: Any, options: Any) -> Callable[[Any], Any]:
    if not isinstance(path, str):
        raise ConfigurationError(
            f"@endpoint.{method.lower()} takes the path as text, as in "
            f"`@endpoint.{method.lower()}('/users')`, got {type(path).__name__}"
        )

    def declare(function: Any) -> Endpoint[..., Any]:
        if not inspect.isfunction(function):
            raise ConfigurationError(
                f"@endpoint.{method.lower()}({path!r}) stands over a method, not over {function!r}"
            )
        place = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        names = find_names(function, place)
        return Endpoint(Declaration(function, method, path, options, names))

    return declare
