"""The annotations of a method, evaluated, for the class that uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Union, get_args, get_origin

from typing_extensions import NoDefault, get_original_bases, get_type_hints

from .kinds import UNIONS
from .markers import ByStatus

if TYPE_CHECKING:
    from .declaration import Declaration

__all__ = ["find_hints", "type_arguments", "variables_of", "with_types"]

Known = Mapping[Any, Any]


def find_hints(declaration: Declaration) -> dict[str, Any]:
    """Return the annotations of a method, evaluated.

    Raises:
        ConfigurationError: One names what is not there, or is no type.
        NameError: One names what is not there yet.
    """
    if declaration.hints is not None:
        return declaration.hints
    known = _Names(declaration.names or {})
    known.owner = declaration.owner
    try:
        hints = get_type_hints(declaration.function, localns=known, include_extras=True)
    except NameError:
        raise
    except Exception as error:
        raise declaration.error(
            f"its annotations cannot be evaluated: {type(error).__name__}: {error}"
        ) from error
    declaration.hints, declaration.names = hints, None
    return hints


class _Names(dict[str, Any]):
    """What annotations may name: types of the class, and the class itself."""

    owner: type[Any] | None = None

    def __missing__(self, name: str) -> Any:
        if self.owner is None:
            raise KeyError(name)
        # Of what a class holds, methods are left out: one may well be called `list`.
        found = vars(self.owner).get(name)
        if _is_type(found):
            return found
        if name == self.owner.__name__:
            return self.owner
        raise KeyError(name)


def _is_type(value: object) -> bool:
    return isinstance(value, type) or get_origin(value) is not None


def type_arguments(used_by: Any, owner: type[Any] | None) -> Known | None:
    """Return what the type variables of a class are where another class is used.

    Args:
        used_by: The class that is used, or an alias of it such as `Crud[User]`.
        owner: The class whose variables are asked for, one of its bases.

    Returns:
        `None` where the owner is none of its bases.
    """
    origin = get_origin(used_by) or used_by
    variables = getattr(origin, "__parameters__", ())
    return _find(origin, dict(zip(variables, get_args(used_by), strict=False)), owner)


def _find(cls: Any, known: Known, owner: type[Any] | None) -> Known | None:
    if cls is owner:
        return known
    for base in get_original_bases(cls):
        origin = get_origin(base) or base
        if isinstance(origin, type) and origin is not Generic:
            given = [with_types(one, known) for one in get_args(base)]
            variables = getattr(origin, "__parameters__", ())
            found = _find(origin, dict(zip(variables, given, strict=False)), owner)
            if found is not None:
                return found
    return None


def with_types(annotation: Any, known: Known) -> Any:
    """Return an annotation with its type variables replaced, as far as they are known."""
    if isinstance(annotation, TypeVar):
        default = getattr(annotation, "__default__", NoDefault)
        return known.get(annotation, annotation if default is NoDefault else default)
    if isinstance(annotation, ByStatus):
        return ByStatus({key: with_types(one, known) for key, one in annotation.types.items()})
    origin: Any = get_origin(annotation)
    given = get_args(annotation)
    if isinstance(annotation, type) and origin is None:
        # A model of pydantic's says in its own way which variables it has.
        given = _variables_of_model(annotation)
        origin = annotation
    if not given:
        return annotation
    types_known = tuple(with_types(one, known) for one in given)
    if types_known == given:
        return annotation
    if origin in UNIONS:
        return Union[types_known]  # noqa: UP007 - of as many as there are
    return origin[types_known]


def variables_of(annotation: Any) -> list[Any]:
    """Return the type variables that an annotation holds."""
    if isinstance(annotation, TypeVar):
        return [annotation]
    if isinstance(annotation, ByStatus):
        return [one for kind in annotation.types.values() for one in variables_of(kind)]
    inner = get_args(annotation)
    if isinstance(annotation, type) and not inner:
        inner = _variables_of_model(annotation)
    return [one for part in inner for one in variables_of(part)]


def _variables_of_model(model: type[Any]) -> tuple[Any, ...]:
    about: Any = getattr(model, "__pydantic_generic_metadata__", None) or {}
    return tuple(about.get("parameters", ()))
