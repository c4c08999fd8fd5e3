"""`Declaration`: what an endpoint says of itself."""

from __future__ import annotations
import __future__

import copy
import dis
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any, cast

from ..client.checks import near_miss
from ..client.url import compile_path
from ..errors import ConfigurationError
from ..options import DeclaredOptions, EndpointOptions, ItemOptions

__all__ = ["ABOUT", "Declaration", "find_names", "is_empty", "kept", "signature_of"]

ABOUT: dict[str, type[Any]] = {
    "name": str,
    "description": str,
    "href": str,
    "deprecated": bool,
    "validate": bool,
}
"""What is said of an endpoint beside the options of its calls, and its type."""

_OPTIONS = EndpointOptions.__optional_keys__
_DECLARED = DeclaredOptions.__optional_keys__
_NOTHING = {None, ...}
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Declaration:
    """What an endpoint says of itself.

    Attributes:
        function: The method as it was written.
        method: The request method.
        path: The path below the client, with its `{fields}`.
        fields: The names of these, and of those in the path of the sub-client that it stands in.
        options: The options of every call.
        name: What to call it.
        description: What it does.
        href: Where its documentation is.
        deprecated: Whether it should not be used any more.
        validate: Whether arguments are checked.
        path_above: The path of the sub-client that it stands in.
        is_nested: Whether it stands in a sub-client.
        owner: The class that it stands in, once that is made.
        is_async: Whether it is written with `async def`.
        is_shared: Whether it serves both kinds of client, as `@shared` says.
        result_name: The argument that the body of the method, which is run after the call, is given
            the result as; `None` where the method has no body.
        takes_options: Whether the method takes options of a call by name.
        names: What is known where the class is made, for types that are defined in a function.
        hints: The annotations, once they were evaluated.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        method: str,
        path: str,
        options: Mapping[str, Any],
        names: Mapping[str, Any] | None = None,
    ) -> None:
        """Read what can be read of the method alone.

        Raises:
            ConfigurationError: It makes no endpoint.
        """
        self.function = function
        self.method = method
        self.path = path
        self.owner: type[Any] | None = None
        self.names = names
        self.hints: dict[str, Any] | None = None
        self.is_async = inspect.iscoroutinefunction(function)
        self.is_shared = False
        for name, kind in ABOUT.items():
            if not isinstance(options.get(name), kind | None):
                wanted = "text" if kind is str else "True or False"
                raise self.error(f"`{name}` must be {wanted}, got {options[name]!r}")
        self.name: str = options.get("name") or function.__name__
        text = inspect.cleandoc(function.__doc__ or "") or None
        self.description: str | None = options.get("description") or text
        self.href: str | None = options.get("href")
        self.deprecated: bool = options.get("deprecated") or False
        self.validate: bool = options.get("validate") is not False
        self.options = kept({name: one for name, one in options.items() if name not in ABOUT})
        self.check_options(self.options, _DECLARED, ABOUT)
        self.path_above = ""
        self.is_nested = False
        try:
            self.fields: tuple[str, ...] = compile_path(path).fields
        except ConfigurationError as error:
            raise self.error(str(error)) from error
        given = [*signature_of(function).parameters.values()]
        if not given or given[0].kind not in _BY_POSITION:
            raise self.error("it is a method, and needs `self` as its first argument")
        self.parameters = given[1:]
        self.takes_options = any(one.kind is one.VAR_KEYWORD for one in self.parameters)
        self.result_name = None if is_empty(function) else self._find_result_name()

    def _find_result_name(self) -> str:
        for one in self.parameters:
            if one.name == "result" and one.kind is one.KEYWORD_ONLY:
                return one.name
        raise self.error(
            "it has a body, which is run after the call, and needs an argument `*, result: ... = "
            "endpoint.result`, by name only, to be given what the call returned; where it needs "
            "none, write `...`"
        )

    def signature_of_callers(self, *, with_self: bool = True) -> inspect.Signature:
        """Return the signature without the result, which no caller gives."""
        whole = signature_of(self.function)
        [own, *rest] = whole.parameters.values()
        kept = [one for one in rest if one.name != self.result_name]
        return whole.replace(parameters=[own, *kept] if with_self else kept)

    @property
    def whole_path(self) -> str:
        """The path with that of the sub-client before it."""
        return self.path_above + self.path

    def stand_in(self, owner: Any) -> None:
        """Stand in a class, below the path that it has as a sub-client."""
        self.is_nested, self.path_above = _place_of(owner)
        self.fields = (*compile_path(self.path_above).fields, *compile_path(self.path).fields)

    def used_by(self, cls: Any) -> Declaration:
        """Return it as it stands in a class that uses it, whose path may be another."""
        if _place_of(cls) == (self.is_nested, self.path_above):
            return self
        used = copy.copy(self)
        used.stand_in(cls)
        return used

    def check_options(
        self,
        options: Iterable[str],
        known: frozenset[str] = _OPTIONS,
        others: Iterable[str] = (),
    ) -> None:
        """Refuse options that a call of an endpoint has not.

        Raises:
            ConfigurationError: There is one.
        """
        for option in options:
            if option in ("raw", "response_format"):
                raise self.error(f"`{option}` is said by the annotation of what it returns")
            if option in ItemOptions.__optional_keys__ and option not in known:
                raise self.error(f"`{option}` is said by the arguments, or by each call")
            if option not in known:
                hint = near_miss(option, known.union(others))
                raise self.error(f"got an unknown option {option!r}{hint}")

    def check_named(self, names: Iterable[str]) -> None:
        """Refuse what was given by name and is neither an argument nor an option.

        Raises:
            ConfigurationError: There is one.
        """
        known = {one.name for one in self.parameters if one.name != self.result_name}
        for name in names:
            if name not in _OPTIONS:
                hint = near_miss(name, known | _OPTIONS if self.takes_options else known)
                raise self.error(f"got an unknown argument {name!r}{hint}")
            if not self.takes_options:
                raise self.error(
                    f"`{name}` is an option of a call, and the method declares no `**options: "
                    f"Unpack[CallOptions]`; give it as `.with_options({name}=...)`"
                )

    def error(self, text: str) -> ConfigurationError:
        """Return the error for a declaration that makes no endpoint, or a call that it refuses."""
        return ConfigurationError(f"endpoint {self.function.__qualname__}: {text}")


def kept(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options that do not change when the caller changes what was given."""
    return {
        name: copy.copy(cast("Any", value)) if isinstance(value, dict | list) else value
        for name, value in options.items()
    }


def _place_of(cls: Any) -> tuple[bool, str]:
    is_nested = not getattr(cls, "_is_client", True)
    return is_nested, cls._subclient_path if is_nested else ""


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function, whose annotations may name what is not there yet."""
    if sys.version_info >= (3, 14):  # pragma: no cover - there they are evaluated when asked for
        from annotationlib import Format

        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def is_empty(function: Callable[..., Any]) -> bool:
    """Return whether the body of a function does nothing, or says that it is not implemented."""
    code = function.__code__
    consts = {one for one in code.co_consts if one not in _NOTHING} - {function.__doc__}
    if set(code.co_names) == {"NotImplementedError"}:  # Its text says nothing either.
        consts = {one for one in consts if not isinstance(one, str)}
    elif code.co_names:
        return False
    return not consts and not any(
        one.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "YIELD"))
        for one in dis.get_instructions(code)
    )


def find_names(function: Callable[..., Any], place: FrameType) -> dict[str, Any] | None:
    """Return what is known in the function in which a method is declared.

    Args:
        function: The method.
        place: The frame of the body of its class.

    Returns:
        `None` where its annotations are no texts, or it is declared in a module.
    """
    if not function.__code__.co_flags & __future__.annotations.compiler_flag:
        return None
    frame: FrameType | None = place
    while frame is not None and "__qualname__" in frame.f_locals:  # The body of a class.
        frame = frame.f_back
    if frame is None or frame.f_locals is frame.f_globals:
        return None
    return {**frame.f_locals}
