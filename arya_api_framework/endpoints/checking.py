"""What is refused when the class of an endpoint is made."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

from ..client.shapes import is_iterable
from ..errors import ConfigurationError
from ..options import UNSET, PageOptions, RequestOptions, Timeout
from .argument import EMPTY, Argument
from .arguments import find_arguments
from .hints import find_hints
from .kinds import holds_only, is_plain, is_stream, is_unsendable
from .markers import Body, File, Part
from .results import Result, find_how, find_result, is_for_both

if TYPE_CHECKING:
    from .declaration import Declaration

__all__ = ["check_declaration", "check_values"]

_OF_NUMBERS = frozenset({"gt", "ge", "lt", "le", "multiple_of"})
_NUMBERS = (int, float, Decimal)
_OF_PAGES = (PageOptions.__optional_keys__ - RequestOptions.__optional_keys__) | {"max_items"}


def check_declaration(
    declaration: Declaration, owner: type[Any], is_async: bool | None
) -> bool | None:
    """Refuse a declaration that makes no endpoint of a class.

    Args:
        declaration: The declaration.
        owner: The class.
        is_async: Whether its calls are awaited, `None` where it serves both kinds.

    Returns:
        Whether it fits the asynchronous kind of client only, or the synchronous one, as what is not
        `@shared` does; `None` where it fits both, or that is not known yet.

    Raises:
        ConfigurationError: It makes none.
    """
    check_values(declaration, declaration.options)
    try:
        hints = find_hints(declaration)
    except NameError:  # What it names is defined later.
        return True if declaration.is_async else None
    arguments = find_arguments(declaration, hints)
    if declaration.validate:
        _check_types(declaration, arguments)
    result = find_result(declaration, hints)
    if declaration.is_shared:
        _check_shared(declaration, hints, result)
    else:
        _check_kind(declaration, owner, is_async, hints, result)
    for form in (result.form, *(result.by_status or {}).values()):
        if form is not UNSET:
            _check_type(declaration, "what it returns", form)
    return None if declaration.is_shared else bool(result.is_async)


def _check_shared(declaration: Declaration, hints: Mapping[str, Any], result: Result) -> None:
    """Refuse what type checkers would take for something else than it is on one of the kinds."""
    if result.is_async is not None:
        raise declaration.error(
            "it serves both kinds of client, by `@shared`: write it with `def`, and let it return "
            "its result, or Items, Pages or Stream"
        )
    # Where a body makes something else of them, that is awaited on one kind only.
    if find_how(hints.get("return", UNSET)) != result.how:
        raise declaration.error(
            "its body is given what one call gives, and returns Items, Pages or Stream, or the "
            "other way round: annotate `result` and what it returns alike"
        )


def _check_kind(
    declaration: Declaration,
    owner: type[Any],
    is_async: bool | None,
    hints: Mapping[str, Any],
    result: Result,
) -> None:
    if is_async is False and result.is_async is True:
        raise declaration.error(
            f"{owner.__name__} is synchronous: write `def`, and the Sync... kind of what it returns"
        )
    names = ("return", declaration.result_name or "return")
    if any(is_for_both(hints.get(name, UNSET)) for name in names):
        raise declaration.error(
            "Items, Pages and Stream are for endpoints that serve both kinds of client: put "
            "`@shared` over it, or name the Sync... or Async... kind"
        )
    if is_async is True and result.is_async is not True:
        raise declaration.error(
            f"{owner.__name__} is asynchronous: write `async def`, and the Async... kind of pages "
            "and streams; or put `@shared` over an endpoint that serves both kinds"
        )


def check_values(declaration: Declaration, options: Mapping[str, Any]) -> None:
    """Refuse options whose values can never work.

    Args:
        declaration: Whose they are.
        options: They, whose names are checked already.

    Raises:
        ConfigurationError: There is one; the text names the method.
    """
    try:
        _check_values(declaration, options)
    except ConfigurationError as error:
        raise declaration.error(str(error)) from error


def _check_values(declaration: Declaration, options: Mapping[str, Any]) -> None:
    if not options:
        return
    from multidict import CIMultiDict

    from ..client.checks import check_compress
    from ..client.defaults import lay_headers
    from ..client.encoding import as_pairs, encode_cookies, flatten
    from ..client.prepare import POLICY_CHECKS

    bases: dict[str, Any] = {"timeout": Timeout(), "error_responses": {}, "hooks": ()}
    for name, value in options.items():
        if name in POLICY_CHECKS:
            POLICY_CHECKS[name](bases.get(name), value)
        elif name in _SHAPES and not _SHAPES[name][0](value):
            raise ConfigurationError(f"`{name}` must be {_SHAPES[name][1]}, got {value!r}")
    check_compress(None, options.get("compress"))
    if options.get("headers") is not None:
        lay_headers(CIMultiDict(), options["headers"])
    if options.get("parameters") is not None:
        flatten("`parameters`", options["parameters"])
    if options.get("cookies") is not None:
        pairs = as_pairs("`cookies`", options["cookies"])
        encode_cookies(pair for pair in pairs if pair[1] is not None)
    pages = {name: value for name, value in options.items() if name in _OF_PAGES}
    if pages.get("pagination") is not None:
        from ..client.paging import ItemWalk

        ItemWalk(None, Any, {**pages, "method": declaration.method})


def _is_text(value: Any) -> bool:
    return value is None or (isinstance(value, str) and bool(value))


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "foreign": (_is_flag, "True or False"),
    "idempotency_key": (_is_text, "text that is not empty"),
    "on_progress": (lambda value: value is None or callable(value), "a function"),
    "security": (
        lambda value: value is None or (is_iterable(value) and not isinstance(value, str | dict)),
        "a list of sets of names",
    ),
}


def _check_types(declaration: Declaration, arguments: Iterable[Argument]) -> None:
    """Refuse arguments of types that cannot be checked, or not be sent."""
    for one in arguments:
        marker = one.marker
        if not (isinstance(marker, File | Part) or (isinstance(marker, Body) and marker.raw)):
            _check_constraints(declaration, one)
            _check_type(declaration, f"{one.name!r}", _bare(one))
            _check_default(declaration, one)


def _bare(argument: Argument) -> Any:
    """Return the type of an argument, without constraints where they are our own alone."""
    given = get_args(argument.annotation)
    is_ours = len(given) == 2 and bool(argument.marker.constraints)
    return given[0] if is_ours else argument.annotation


def _check_constraints(declaration: Declaration, argument: Argument) -> None:
    # Pydantic would find out with the first value, and show that.
    annotation = argument.annotation
    if argument.kinds <= {"any"}:
        return
    for name, value in argument.marker.constraints.items():
        if name in _OF_NUMBERS and not holds_only(annotation, *_NUMBERS):
            fits = "numbers"
        elif name == "pattern" and not holds_only(annotation, str):
            fits = "text"
        elif name in ("min_length", "max_length") and holds_only(annotation, *_NUMBERS):
            fits = "text and lists"
        else:
            continue
        raise declaration.error(f"{argument.name!r} has {name}={value!r}, which is for {fits}")


def _check_default(declaration: Declaration, argument: Argument) -> None:
    """Refuse a default that could not be given."""
    default = argument.default
    if default is None or default is EMPTY or default is UNSET:
        return
    if _surely_fits(argument):
        return
    from pydantic import PydanticUserError, TypeAdapter, ValidationError
    from pydantic_core import SchemaError

    try:
        TypeAdapter[Any](argument.annotation).validate_python(default)
    except ValidationError as error:
        text = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise declaration.error(f"the default of {argument.name!r}: {text}") from None
    except (PydanticUserError, SchemaError, TypeError):
        return  # It is known at the first call only.


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def _surely_fits(argument: Argument) -> bool:
    """Return whether a default is what most are; to ask pydantic takes longer than all else."""
    kind, default = _bare(argument), argument.default
    return type(default) is kind and all(
        name in _COMPARED and _COMPARED[name](default, bound)
        for name, bound in argument.marker.constraints.items()
    )


def _check_type(declaration: Declaration, what: str, annotation: Any) -> None:
    if is_plain(annotation):
        return
    if is_stream(annotation):
        raise declaration.error(
            f"{what} is a file; mark it as File(), or as Body(raw=True) to be the body"
        )
    if is_unsendable(annotation):
        raise declaration.error(f"{what} is of a type that no request or response can hold")
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError
    from pydantic_core import SchemaError

    try:
        TypeAdapter[Any](annotation)  # Names that are defined later are no error of it.
    except (PydanticUserError, SchemaError, TypeError) as error:
        text = str(error).partition("\n")[0]
        raise declaration.error(f"{what} is of a type that cannot be checked: {text}") from error
