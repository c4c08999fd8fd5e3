"""`Plan`: how the arguments of a declared endpoint become a call; compiled once, at first use."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import HTTPError
from ..options import UNSET
from .argument import EMPTY, Argument
from .arguments import find_arguments
from .binding import make_binder, make_validator
from .hints import find_hints, type_arguments, variables_of, with_types
from .placing import find_puts, lay_over
from .results import Result, find_result, is_nothing

if TYPE_CHECKING:
    from .declaration import Declaration

__all__ = ["Plan"]

_NOTHING: dict[str, Any] = {}


class Plan:
    """How the arguments of an endpoint become a call.

    Attributes:
        arguments: The arguments in order, without those that are options of the call.
        result: What the response becomes.
        depends_on_class: Whether annotations hold type variables, which each class fills otherwise.
    """

    __slots__ = (
        "_base",
        "_bind",
        "_declaration",
        "_errors",
        "_is_plain",
        "_names",
        "_puts",
        "arguments",
        "depends_on_class",
        "result",
    )

    def __init__(self, declaration: Declaration, used_by: Any = None) -> None:
        """Compile a declaration for the class that uses it.

        Raises:
            ConfigurationError: It makes no request.
        """
        self._declaration = declaration
        hints = _hints(declaration)
        variables = [one for hint in hints.values() for one in variables_of(hint)]
        self.depends_on_class = bool(variables)
        if variables:
            hints = _filled(declaration, hints, used_by)
        self.arguments: tuple[Argument, ...] = find_arguments(declaration, hints)
        self.result: Result = find_result(declaration, hints)
        self._names = frozenset(one.name for one in self.arguments)
        bind = make_validator if declaration.validate else make_binder
        self._bind = bind(declaration, self.arguments)
        self._puts = find_puts(self.arguments)
        self._base: dict[str, Any] = {**declaration.options, **self.result.options()}
        self._errors = self.result.errors()
        if self._errors:
            self._base = lay_over(self._base, {"error_responses": self._errors})
        self._is_plain = (
            self.result.how == "call"
            and self.result.by_status is None
            and declaration.result_name is None
            and not (declaration.method == "HEAD" and is_nothing(self.result.form))
        )

    def options(
        self, args: tuple[Any, ...], named: dict[str, Any], over: dict[str, Any] = _NOTHING
    ) -> dict[str, Any]:
        """Return the options of the call that these arguments mean.

        Args:
            args: The arguments that were given by position.
            named: Those that were given by name, and options of the call.
            over: Further options, as `with_options` of the endpoint laid them over it.

        Raises:
            ConfigurationError: They are not what the endpoint takes.
        """
        return self._place(*self._take(args, named, over))

    def _take(
        self, args: tuple[Any, ...], named: dict[str, Any], over: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the arguments by name, and the options of the call."""
        if not self._names.issuperset(named):
            given = {name: one for name, one in named.items() if name not in self._names}
            self._declaration.check_named(given)
            over = lay_over(over, given)
            named = {name: one for name, one in named.items() if name in self._names}
        return self._bind(args, named), over

    def _place(self, values: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
        options = self._base.copy()
        for put in self._puts:
            put(options, values)
        if over:
            options = lay_over(options, over)
            if self._errors:
                options = lay_over(options, {"error_responses": self._errors})
        return options

    def call(
        self,
        node: Any,
        args: tuple[Any, ...],
        named: dict[str, Any],
        over: dict[str, Any] = _NOTHING,
    ) -> Any:
        """Make the call, and return what it gives, or an awaitable of it.

        Args:
            node: The client or sub-client.
            args: See `options`.
            named: See `options`.
            over: See `options`.
        """
        declaration = self._declaration
        values, over = self._take(args, named, over)
        options = self._place(values, over)
        if self._is_plain:
            return node._request(declaration.method, declaration.path, options)
        if self.result.how == "call":
            return self._follow(node, values, options)
        found = self._begin(node, options)
        return found if declaration.result_name is None else self._run(node, values, found)

    def _begin(self, node: Any, options: dict[str, Any]) -> Any:
        """Return the pages, items or stream; nothing is sent yet."""
        method, path, form = self._declaration.method, self._declaration.path, self.result.form
        if self.result.how == "stream":
            return node._streamed(method, path, options)
        from ..client.paging import ItemWalk, Walk

        walk = ItemWalk if self.result.how == "items" else Walk
        return node._paged(walk(path, form, {**options, "method": method}), node._request)

    def _follow(self, node: Any, values: dict[str, Any], options: dict[str, Any]) -> Any:
        """Make the call, and what follows it, as the kind of the client is."""
        about = self._declaration
        call = partial(node._request, about.method, about.path, options)
        after = partial(self._finish, node, values)
        if is_awaited(node):
            from .async_after import follow, ready
        else:
            from .sync_after import follow, ready
        if about.is_async and about.result_name is not None:
            return follow(call, self._of_error, after)  # The body is awaited itself.
        return follow(call, self._of_error, lambda result: ready(after(result)))

    def _finish(self, node: Any, values: dict[str, Any], result: Any) -> Any:
        """Return what is made of the result of the call."""
        if self._declaration.method == "HEAD" and is_nothing(self.result.form):
            result = None  # It gives its response.
        return self._run(node, values, result) if self._declaration.result_name else result

    def _run(self, node: Any, values: dict[str, Any], result: Any) -> Any:
        """Run the body of the method."""
        about = self._declaration
        args: list[Any] = []
        named: dict[str, Any] = {str(about.result_name): result}
        for one in self.arguments:
            default = UNSET if one.default is EMPTY else one.default
            value = values.get(one.name, default)
            if one.parameter.kind is one.parameter.POSITIONAL_ONLY:
                args.append(value)
            else:
                named[one.name] = value
        return about.function(node, *args, **named)

    def _of_error(self, error: HTTPError) -> Any:
        """Return what an error status becomes, if it is one that is returned.

        Raises:
            HTTPError: It is an error here, too, or its body is not of the type.
        """
        by_status = self.result.by_status or {}
        if error.status_code not in by_status:
            raise error
        if is_nothing(by_status[error.status_code]):
            return None
        if error.body_error is not None:
            raise error
        return error.response


def _hints(declaration: Declaration) -> dict[str, Any]:
    try:
        return find_hints(declaration)
    except NameError as error:
        raise declaration.error(
            f"{error}, where its annotations are evaluated; import it in the module itself, not "
            "under `if TYPE_CHECKING`"
        ) from error


def _filled(declaration: Declaration, hints: dict[str, Any], used_by: Any) -> dict[str, Any]:
    """Return annotations with their type variables replaced, as the class says that is used."""
    if used_by is None:
        return hints
    known = type_arguments(used_by, declaration.owner) or {}
    filled = {name: with_types(hint, known) for name, hint in hints.items()}
    left = [one for hint in filled.values() for one in variables_of(hint)]
    if left:
        name = getattr(declaration.owner, "__name__", "the class")
        raise declaration.error(
            f"{left[0]} is not known here; derive a class that says it, such as "
            f"`class Users({name}[User])`"
        )
    return filled


def is_awaited(node: Any) -> bool:
    """Return whether what a client or sub-client sends is awaited."""
    from ..client.async_verbs import AsyncVerbs

    *_, root = node._upwards()
    return isinstance(root, AsyncVerbs)
