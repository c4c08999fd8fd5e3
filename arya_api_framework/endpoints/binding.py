"""How arguments are taken: checked by pydantic, or as they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from ..errors import ConfigurationError
from ..options import UNSET
from .argument import Argument
from .kinds import with_lists
from .markers import Body, File, Part

if TYPE_CHECKING:
    from .declaration import Declaration

__all__ = ["Bind", "make_binder", "make_validator"]

Bind: TypeAlias = Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]
"""Return the arguments by name, without those that are left out."""

_NAMELESS = inspect.Parameter.POSITIONAL_ONLY
_SHOWN = 3


def make_validator(declaration: Declaration, arguments: tuple[Argument, ...]) -> Bind:
    """Return what takes arguments and has pydantic check them.

    Raises:
        ConfigurationError: Pydantic cannot validate one of their types.
    """
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError
    from pydantic_core import ArgsKwargs, SchemaError, SchemaValidator

    names = [one.name for one in arguments]
    may_be_left_out = any(_may_be_left_out(one) for one in arguments)

    def collect(*args: Any, **named: Any) -> dict[str, Any]:
        values = dict(zip(names, args, strict=False))
        values.update(named)
        return values

    target: Any = collect
    target.__signature__ = _signature(arguments)
    target.__annotations__ = {one.name: _checked_type(one) for one in arguments}
    try:
        adapter = TypeAdapter[Any](target)
        # Errors must not show the input, whatever a model is configured to.
        schema: Any = adapter.core_schema
        validator = SchemaValidator(schema, {"hide_input_in_errors": True})
    except (PydanticUserError, SchemaError, TypeError) as error:
        text = str(error).partition("\n")[0]
        raise declaration.error(f"an argument has a type that cannot be checked: {text}") from error
    check = validator.validate_python

    def bind(args: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        try:
            values: dict[str, Any] = check(ArgsKwargs(args, named))
        except ValidationError as error:
            unset = {name for name, value in collect(*args, **named).items() if value is UNSET}
            refused = _explain(declaration, error, names, schema, unset)
        except TypeError:  # Pydantic's own, of a constraint that does not fit.
            refused = declaration.error("a constraint or validator does not fit its type")
        else:
            if may_be_left_out:
                return {name: value for name, value in values.items() if value is not UNSET}
            return values
        raise refused  # Out here it has no context, which would show the values.

    return bind


def make_binder(declaration: Declaration, arguments: tuple[Argument, ...]) -> Bind:
    """Return what takes arguments as they are."""
    by_position = [one.name for one in arguments if not one.is_named]
    nameless = {one.name for one in arguments if one.parameter.kind is _NAMELESS}
    required = {one.name for one in arguments if one.is_required}
    defaults = {one.name: _default(one) for one in arguments if not one.is_required}
    may_be_left_out = any(_may_be_left_out(one) for one in arguments)

    def bind(args: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        if len(args) > len(by_position):
            raise declaration.error(
                f"takes {len(by_position)} arguments by position, got {len(args)}"
            )
        given = dict(zip(by_position, args, strict=False))
        if not named.keys().isdisjoint(nameless | given.keys()):
            [name, *_] = [one for one in named if one in given or one in nameless]
            wrong = "given twice" if name in given else "taken by position only"
            raise declaration.error(f"{name}: {wrong}")
        values = {**defaults, **given, **named}
        if not required <= values.keys():
            missing = ", ".join(one.name for one in arguments if one.name not in values)
            raise declaration.error(f"{missing}: missing, and needed")
        if may_be_left_out:
            return {name: value for name, value in values.items() if value is not UNSET}
        return values

    return bind


def _signature(arguments: Iterable[Argument]) -> inspect.Signature:
    return inspect.Signature(
        [one.parameter.replace(annotation=Any, default=_default(one)) for one in arguments]
    )


def _may_be_left_out(argument: Argument) -> bool:
    return argument.may_be_unset or not (argument.is_required or argument.sends_default)


def _default(argument: Argument) -> Any:
    """Return what stands for an argument that was not given."""
    is_said = argument.is_required or argument.sends_default
    return argument.default if is_said else UNSET


def _checked_type(argument: Argument) -> Any:
    marker = argument.marker
    # Files have many shapes, and are looked at where they are sent.
    if isinstance(marker, File | Part) or (isinstance(marker, Body) and marker.raw):
        return Any
    if argument.may_be_unset:
        from pydantic import WrapValidator

        return Annotated[with_lists(argument.annotation), WrapValidator(_or_unset)]
    return with_lists(argument.annotation)


def _or_unset(value: Any, check: Callable[[Any], Any]) -> Any:
    return value if value is UNSET else check(value)


def _explain(
    declaration: Declaration, error: Any, names: list[str], schema: Any, unset: AbstractSet[str]
) -> ConfigurationError:
    """Return the error for arguments that do not fit, which shows none of them."""
    from ..client.typed_format import TELLTALE, names_in

    rows = error.errors(include_url=False, include_input=False)
    known = {*names_in(schema), *names}
    shown: list[str] = []
    for row in rows[:_SHOWN]:
        place = [*row["loc"]]
        if place and isinstance(place[0], int) and place[0] < len(names):
            place[0] = names[place[0]]
        # Other texts may be keys of what was given.
        texts = [str(one) if isinstance(one, int) or one in known else "*" for one in place]
        text = row["msg"]
        if row["type"] in TELLTALE:
            text = TELLTALE[row["type"]].format(**row["ctx"])
        if texts[:1] and texts[0] in unset:
            text = "UNSET is for arguments that may be left out, of a type such as `str | Unset`"
        shown.append(f"{'.'.join(texts)}: {text}")
    more = f"; and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return declaration.error(f"{'; '.join(shown)}{more}")
