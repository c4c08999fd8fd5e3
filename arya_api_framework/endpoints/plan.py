"""`Plan`: how the arguments of a declared endpoint become a call; compiled once, at first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .arguments import Argument, find_arguments, find_hints
from .binding import make_binder, make_validator
from .markers import Path, Query
from .placing import find_puts, sent_as
from .results import Result, find_result

if TYPE_CHECKING:
    from .declare import Declaration

__all__ = ["Plan"]


class Plan:
    """How the arguments of an endpoint become a call.

    Attributes:
        arguments: The arguments in order, without those that are options of the call.
        result: What the response becomes.
    """

    __slots__ = (
        "_base",
        "_bind",
        "_declaration",
        "_names",
        "_path",
        "_put",
        "_query",
        "arguments",
        "result",
    )

    def __init__(self, declaration: Declaration) -> None:
        self._declaration = declaration
        try:
            hints = find_hints(declaration.function, declaration.owner)
        except NameError as error:
            raise declaration.error(f"{error}; its annotations cannot be evaluated") from error
        self.arguments: tuple[Argument, ...] = find_arguments(declaration, hints)
        self.result: Result = find_result(declaration, hints)
        self._names = frozenset(one.name for one in self.arguments)
        bind = make_validator if declaration.validate else make_binder
        self._bind = bind(declaration, self.arguments)
        self._path = sent_as(self.arguments, Path)
        self._query = sent_as(self.arguments, Query)
        self._put = find_puts(self.arguments)
        own = self.result.options()
        errors = {
            **own.pop("error_responses", {}),
            **declaration.options.get("error_responses", {}),
        }
        self._base: dict[str, Any] = {**declaration.options, **own}
        if errors:
            self._base["error_responses"] = errors

    def options(self, args: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        """Return the options of the call that these arguments mean.

        Raises:
            ConfigurationError: They are not what the endpoint takes.
        """
        options = self._base.copy()
        if not self._names.issuperset(named):
            self._take_options(named, options)
        values = self._bind(args, named)
        if self._path:
            options["path_parameters"] = {sent: values[name] for name, sent in self._path}
        if self._query:
            # What was not given is not there.
            query = {sent: values[name] for name, sent in self._query if name in values}
            declared = options.get("parameters")
            options["parameters"] = query if not declared else {**declared, **query}
        for put in self._put:
            put(options, values)
        return options

    def call(self, node: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Make the call, and return what it gives."""
        options = self.options(args, named)
        declaration, result = self._declaration, self.result
        if result.how == "call":
            if result.by_status is None and declaration.result_name is None:
                return node._request(declaration.method, declaration.path, options)
            return self._call_and_go_on(node, args, named, options)
        if result.how == "stream":
            return node.stream(declaration.method, declaration.path, **options)
        walk: Callable[..., Any] = getattr(node, result.how)
        return walk(declaration.path, result.form, method=declaration.method, **options)

    def _call_and_go_on(
        self, node: Any, args: tuple[Any, ...], named: dict[str, Any], options: dict[str, Any]
    ) -> Any:
        """Make the call, and what follows it, as the kind of the client is."""
        about = self._declaration
        call = partial(node._request, about.method, about.path, options)
        if is_async(node):
            from .async_after import AsyncAfter

            return AsyncAfter(about, self.result, node, args, named).run(call)
        from .sync_after import SyncAfter

        return SyncAfter(about, self.result, node, args, named).run(call)

    def _take_options(self, named: dict[str, Any], options: dict[str, Any]) -> None:
        """Take the options of the call from what was given by name."""
        given = [name for name in named if name not in self._names]
        self._declaration.check_call_options(given)
        for name in given:
            options[name] = named.pop(name)


def is_async(node: Any) -> bool:
    """Return whether what a client or sub-client sends is to be awaited."""
    from ..client.async_verbs import AsyncVerbs

    root: Any = node
    while not root._is_client:
        if root._parent is None:
            break
        root = root._parent
    return isinstance(root, AsyncVerbs)
