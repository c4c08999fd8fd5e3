"""What an explanation shows of values: as much as a log may hold, and no more."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from ..client.redaction import HIDDEN, SAFE_PARAMETERS, clean_text, is_safe_header
from ..client.shapes import is_mapping, is_secret, is_sequence
from ..errors import HTTPError

if TYPE_CHECKING:
    from ..options import Timeout
    from ..retry import Retry

__all__ = [
    "form_text",
    "hide_values",
    "holds_secret",
    "is_closed",
    "is_private",
    "public_name",
    "retry_text",
    "seconds",
    "setting_text",
    "show_header",
    "show_parameter",
    "timeout_text",
]

_SHOWN_ITEMS = 3
_PRIVATE = re.compile("password|secret|token", re.IGNORECASE)
_SMALL = 1000
"""The bound of numbers that may be shown: no secret that is worth one has so few values."""
_MIB = 1024 * 1024


def is_closed(annotation: Any) -> bool:
    """Return whether the values of a type are all written down in code, so that none is a secret.

    That is so for `bool`, enumerations, `Literal`, small numbers whose bound is declared, and what
    is made of these.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *notes = get_args(annotation)
        return is_closed(inner) or (inner is int and any(map(_is_small, notes)))
    if origin is Literal:
        return True
    if origin in (Union, types.UnionType, list, tuple, set, frozenset):
        return all(is_closed(one) for one in get_args(annotation) if one is not ...)
    kind = type(None) if annotation is None else annotation
    return isinstance(kind, type) and issubclass(kind, bool | Enum | types.NoneType)


def holds_secret(annotation: Any) -> bool:
    """Return whether a type says that its values are secrets."""
    if any(map(holds_secret, get_args(annotation))):
        return True
    return isinstance(annotation, type) and hasattr(annotation, "get_secret_value")


def _is_small(note: Any) -> bool:
    """Return whether a constraint keeps a number small."""
    found = [getattr(one, "le", getattr(one, "lt", None)) for one in _constraints(note)]
    return any(isinstance(one, int) and one <= _SMALL for one in found)


def _constraints(note: Any) -> Iterable[Any]:
    return getattr(note, "metadata", None) or (note,)


def is_private(name: str, value: Any) -> bool:
    """Return whether a value of the path is a secret: by its type, or by its name."""
    return is_secret(value) or _PRIVATE.search(name) is not None


def show_header(name: str, value: str, *, is_public: bool = False) -> str:
    """Return the value of a field as it may be shown."""
    return clean_text(value) if is_public or is_safe_header(name) else HIDDEN


def show_parameter(name: str, value: str, *, is_public: bool = False) -> str:
    """Return the value of a parameter as it may be shown."""
    # Some servers take a `;` for another `&`.
    is_safe = name in SAFE_PARAMETERS and ";" not in value
    return clean_text(value) if is_public or is_safe else HIDDEN


def hide_values(value: Any) -> Any:
    """Return JSON data with its names, and `***` in place of its texts and numbers."""
    if is_mapping(value):
        return {clean_text(str(name), 100): hide_values(one) for name, one in value.items()}
    if is_sequence(value):
        shown = [hide_values(one) for one in value[:_SHOWN_ITEMS]]
        more = len(value) - _SHOWN_ITEMS
        return [*shown, f"... and {more} more"] if more > 0 else shown
    return value if value is None or isinstance(value, bool) else HIDDEN


def form_text(form: Any) -> str:
    """Return a type, or what makes an error, in words."""
    from ..client.formats import find_format
    from ..client.outcome import is_factory

    name: str = getattr(form, "__name__", type(form).__name__)
    if isinstance(form, type) and issubclass(form, HTTPError):
        return f"raises {name}"
    if is_factory(form):
        return f"raises what {name}() makes"
    return find_format(form).name


def public_name(auth: object) -> str:
    """Return the class of an `Auth` by the name that users know."""
    return next(one.__name__ for one in type(auth).__mro__ if not one.__name__.startswith("_"))


def seconds(value: float) -> str:
    """Return seconds in words."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + " s"


def timeout_text(timeout: Timeout) -> str:
    """Return a timeout in words."""
    parts = ("total", "connect", "read", "write", "pool")
    given = [(name, getattr(timeout, name)) for name in parts]
    return ", ".join(f"{name} {seconds(one)}" for name, one in given if one is not None) or "none"


def retry_text(retry: Retry | None, *, may_repeat: bool, is_replayable: bool) -> str:
    """Return in words when a call is sent again.

    Args:
        retry: The rule.
        may_repeat: Whether the request may be sent twice with the effect of once.
        is_replayable: Whether its body can be read a second time.
    """
    if retry is None or retry.attempts == 1:
        return "sent once"
    text = f"up to {retry.attempts} attempts, on {retry.on.text}"
    if not is_replayable:
        return f"sent once: the body can be read once; else {text}"
    return text if may_repeat else f"{text}; only where nothing was sent, or the server says so"


def setting_text(name: str, value: Any) -> str:
    """Return any other option in words."""
    if name == "max_response_size":
        return f"{value / _MIB:g} MiB"
    if name == "deadline" and value is not None:
        return seconds(value)
    if value is None or value == ():
        return "none"
    if name == "checksum":
        return ", ".join(f"{one.algorithm} in {one.header}" for one in value)
    return ", ".join(_words(value)) if is_sequence(value) else str(value)


def _words(values: Any) -> Iterator[str]:
    return map(str, values)
