"""What an explanation shows of values: as much as a log may hold, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..client.redaction import HIDDEN, SAFE_PARAMETERS, clean_text, is_credential, is_safe_header
from ..client.shapes import is_mapping, is_sequence
from ..errors import HTTPError
from .contents import contains_secret

if TYPE_CHECKING:
    from ..options import Timeout
    from ..retry import Retry

__all__ = [
    "form_text",
    "hide_values",
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
_MIB = 1024 * 1024


def is_private(name: str, value: Any) -> bool:
    """Return whether a value of the path is a secret: by its type, or by its name."""
    return is_credential(name) or contains_secret(value)


def show_header(name: str, value: str, *, is_public: bool = False) -> str:
    """Return the value of a field as it may be shown.

    Args:
        name: The name of the field.
        value: Its value.
        is_public: Whether that is no secret, whatever the name.
    """
    # The key of a call that was given one by hand may be anything.
    is_safe = is_safe_header(name) and not is_credential(name)
    return clean_text(value) if is_public or is_safe else HIDDEN


def show_parameter(name: str, value: str, *, is_public: bool = False) -> str:
    """Return the value of a parameter as it may be shown; see `show_header`."""
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
