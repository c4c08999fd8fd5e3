"""`Layer`: which options a class, an instance, a copy or a write gave: names only, no values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from .mappings import status_key
from .shapes import is_mapping, is_sequence

if TYPE_CHECKING:
    from .config import ClientConfig

__all__ = ["MAPPINGS", "Layer", "LayerKind", "find_written", "layer_of"]

LayerKind: TypeAlias = Literal["class", "instance", "with_options", "assignment"]

MAPPINGS = frozenset({"headers", "cookies", "parameters", "error_responses"})
"""The options that are laid over one another name by name."""

_LIVE = ("headers", "cookies", "parameters", "error_responses")


class Layer(NamedTuple):
    """The options that were given in one place.

    Attributes:
        kind: The place.
        names: The options; for a mapping the names in it, for `hooks` how many there are with them.
    """

    kind: LayerKind
    names: Mapping[str, Any]


def layer_of(
    kind: LayerKind, options: Mapping[str, Any], before: ClientConfig, after: ClientConfig
) -> Layer:
    """Return the layer of options.

    Args:
        kind: Where they were given.
        options: The options.
        before: The configuration that they were laid over.
        after: The configuration that came of it.
    """
    names: dict[str, Any] = dict.fromkeys(options, ())
    if not MAPPINGS.isdisjoint(options):
        for option in MAPPINGS & options.keys():
            old, new = getattr(before, option), getattr(after, option)
            names[option] = _names(option, options[option], old, new)
    if "uri" in names and options["uri"] is None:
        del names["uri"]  # It gives nothing.
    if "hooks" in names:
        names["hooks"] = len(after.hooks)
    return Layer(kind, names)


def find_written(
    config: ClientConfig, values: Iterable[Mapping[Any, Any]], token: Any
) -> tuple[Layer, ...]:
    """Return the layer of what was written to the live mappings, none where nothing was.

    Args:
        config: The configuration that they began with.
        values: What they hold now: headers, cookies, parameters, error responses.
        token: The bearer token now.
    """
    names: dict[str, Any] = {}
    for option, now in zip(_LIVE, values, strict=True):
        was = getattr(config, option)
        if now is not was:
            names[option] = _changed(was, now)
    if token is not config.bearer_token:
        names["bearer_token"] = ()
    return (Layer("assignment", names),) if names else ()


def _names(option: str, value: Any, old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Any:
    """Return the names that a mapping, a model or pairs gave."""
    if is_mapping(value):
        given = tuple(value)
    elif is_sequence(value):
        given = tuple(pair[0] for pair in value)
    else:  # A model, `None`, or an iterator that is used up.
        return _changed(old, new)
    if option == "error_responses":
        return tuple(map(status_key, given))
    return tuple(name.value if isinstance(name, Enum) else name for name in given)


def _changed(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(name for name, value in new.items() if name not in old or old[name] != value)
