"""`Position`: where a page is, and how that is kept for later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic_core import from_json

from ..errors import ConfigurationError
from .checks import check_whole
from .encoding import encode_json
from .json_place import split_place
from .shapes import is_mapping

__all__ = ["Position", "read_state", "with_placed"]

_STATE = {"url", "parameters", "before", "skip", "over"}


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page is: at the path, or at a URL that the page before named.

    Attributes:
        url: That URL.
        parameters: What the strategy puts into the query, or into the body.
        before: How many items come before it, as far as they were counted.
    """

    url: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    before: int = field(default=0, compare=False)

    def written(self, skip: int, *, over: bool) -> dict[str, Any]:
        """Return it in values that JSON has.

        Args:
            skip: How many of the items of the page were given already.
            over: Whether there is no page left.
        """
        return {
            "url": self.url,
            "parameters": {**self.parameters},
            "before": self.before,
            "skip": skip,
            "over": over,
        }


def read_state(state: Any) -> tuple[Position, int, bool]:
    """Return what was written: the position, `skip` and `over`.

    Raises:
        ConfigurationError: It was not.
    """
    values: Mapping[str, Any] = state if is_mapping(state) else {}
    if set(values) != _STATE:
        raise ConfigurationError("state must be what `state` of pages or items was")
    url, parameters, over = values["url"], values["parameters"], values["over"]
    if not (url is None or isinstance(url, str)) or not is_mapping(parameters):
        raise ConfigurationError("state must be what `state` of pages or items was")
    count = check_whole("a number of the state")
    position = Position(url, {**parameters}, count(None, values["before"]))
    return position, count(None, values["skip"]), bool(over)


def with_placed(body: Any, values: Mapping[str, Any]) -> Any:
    """Return a body with values at places of it, such as `"page.after"`.

    Args:
        body: What is sent as JSON, `None` for nothing.
        values: The values by place.

    Raises:
        ConfigurationError: It is no object, or has something else on the way to a place.
    """
    whole: Any = {} if body is None else from_json(encode_json(body))
    for place, value in values.items():
        *way, last = split_place(place)
        part = _object_at(whole, place)
        for name in way:
            part = _object_at(part.setdefault(name, {}), place)
        part[last] = value
    return whole


def _object_at(part: Any, place: str) -> dict[str, Any]:
    if isinstance(part, dict):
        return cast("dict[str, Any]", part)
    raise ConfigurationError(
        f"what leads to the next page is sent at {place!r} of the body, where all before the last "
        f"name must be objects, got {type(part).__name__}"
    )
