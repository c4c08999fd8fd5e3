"""How arguments are taken: checked by pydantic, or as they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ConfigurationError
from ..options import UNSET
from .arguments import Argument
from .markers import Body, File

if TYPE_CHECKING:
    from .declare import Declaration

__all__ = ["Bind", "make_binder", "make_validator"]

Bind: TypeAlias = Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]
"""Return the arguments by name, without those that are left out."""

_SHOWN = 3


def make_validator(declaration: Declaration, arguments: tuple[Argument, ...]) -> Bind:
    """Return what takes arguments and has pydantic check them.

    Raises:
        ConfigurationError: Pydantic cannot validate one of their types.
    """
    from pydantic import ConfigDict, TypeAdapter, ValidationError
    from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
    from pydantic_core import ArgsKwargs, SchemaError, SchemaValidator

    names = [one.name for one in arguments]
    may_be_unset = any(one.default is UNSET for one in arguments)

    def collect(*args: Any, **named: Any) -> dict[str, Any]:
        values = dict(zip(names, args, strict=False))
        values.update(named)
        return values

    target: Any = collect
    target.__signature__ = _signature(arguments)
    target.__annotations__ = {one.name: _checked_type(one) for one in arguments}
    try:
        adapter = TypeAdapter[Any](target, config=ConfigDict(arbitrary_types_allowed=True))
        # Errors must not show the input, whatever a model is configured to.
        validator = SchemaValidator(adapter.core_schema, {"hide_input_in_errors": True})
    except (PydanticUserError, PydanticSchemaGenerationError, SchemaError, TypeError) as error:
        text = str(error).partition("\n")[0]
        raise declaration.error(f"an argument has a type that cannot be checked: {text}") from error
    check = validator.validate_python

    def bind(args: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        if may_be_unset:
            args, named = _without_unset(names, args, named)
        try:
            values: dict[str, Any] = check(ArgsKwargs(args, named))
        except ValidationError as error:
            raise _explain(declaration, error, names) from error
        if may_be_unset:
            return {name: value for name, value in values.items() if value is not UNSET}
        return values

    return bind


def make_binder(declaration: Declaration, arguments: tuple[Argument, ...]) -> Bind:
    """Return what takes arguments as they are."""
    signature = _signature(arguments)
    bind_to = signature.bind

    def bind(args: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        try:
            bound = bind_to(*args, **named)
        except TypeError as error:
            raise declaration.error(str(error)) from error
        bound.apply_defaults()
        return {name: value for name, value in bound.arguments.items() if value is not UNSET}

    return bind


def _signature(arguments: Iterable[Argument]) -> inspect.Signature:
    parameter = inspect.Parameter
    return inspect.Signature(
        [
            parameter(
                one.name,
                parameter.KEYWORD_ONLY if one.is_named else parameter.POSITIONAL_OR_KEYWORD,
                default=one.default,
                annotation=_checked_type(one),
            )
            for one in arguments
        ]
    )


def _checked_type(argument: Argument) -> Any:
    marker = argument.marker
    # Files have many shapes, and are looked at where they are sent.
    is_any = isinstance(marker, File) or (isinstance(marker, Body) and marker.raw)
    return Any if is_any else argument.annotation


def _without_unset(
    names: list[str], args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Leave out the arguments that are `UNSET`, and those behind them by position."""
    if any(one is UNSET for one in args):
        named = {**dict(zip(names, args, strict=False)), **named}
        args = ()
    return args, {name: value for name, value in named.items() if value is not UNSET}


def _explain(declaration: Declaration, error: Any, names: list[str]) -> ConfigurationError:
    """Return the error for arguments that do not fit, which shows none of them."""
    rows = error.errors(include_url=False, include_context=False, include_input=False)
    shown: list[str] = []
    for row in rows[:_SHOWN]:
        first, *rest = row["loc"] or ("the arguments",)
        name = names[first] if isinstance(first, int) and first < len(names) else first
        shown.append(f"{'.'.join(map(str, (name, *rest)))}: {row['msg']}")
    more = f"; and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return declaration.error(f"{'; '.join(shown)}{more}")
