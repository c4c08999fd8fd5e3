"""The live mappings of a client: `headers`, `cookies`, `parameters`, `error_responses`.

A write swaps an immutable snapshot under the client's lock, so a call in another thread sees the
old values or the new ones, never half of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any

from typing_extensions import override

from .config import merge_cookies, merge_error_responses, merge_headers, merge_parameters
from .redaction import HIDDEN, SAFE_PARAMETERS, is_safe_header

__all__ = ["Live", "LiveCookies", "LiveErrorResponses", "LiveHeaders", "LiveParameters"]


class Live(MutableMapping[Any, Any]):
    """A mapping whose writes are checked, merged and told to the client."""

    __slots__ = ("_changed", "_lock", "_values")

    merge: Callable[[Mapping[Any, Any], Any], dict[Any, Any]]

    def __init__(
        self,
        values: Mapping[Any, Any],
        lock: AbstractContextManager[Any],
        changed: Callable[[], None],
    ) -> None:
        self._values = values
        self._lock = lock
        self._changed = changed

    @property
    def snapshot(self) -> Mapping[Any, Any]:
        """The values as they are now; never changed in place."""
        return self._values

    def replace(self, values: Any) -> None:
        """Put other values in place of all."""
        merged = type(self).merge({}, values if values is not None else {})
        with self._lock:
            self._values = merged
            self._changed()

    @override
    def update(self, values: Any = (), /, **more: Any) -> None:
        """Lay values over these at once; `None` removes."""
        with self._lock:
            merged = type(self).merge(self._values, values)
            self._values = type(self).merge(merged, more)
            self._changed()

    def _key(self, key: Any) -> Any:
        return key

    @override
    def __getitem__(self, key: Any) -> Any:
        return self._values[self._key(key)]

    @override
    def __setitem__(self, key: Any, value: Any) -> None:
        self.update({key: value})

    @override
    def __delitem__(self, key: Any) -> None:
        with self._lock:
            found = self._key(key)
            self._values[found]
            self._values = {name: value for name, value in self._values.items() if name != found}
            self._changed()

    @override
    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    @override
    def __len__(self) -> int:
        return len(self._values)

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return dict(self._values) == dict(other)  # pyright: ignore[reportUnknownArgumentType]

    __hash__ = None  # type: ignore[assignment]

    def _is_shown(self, key: Any) -> bool:
        return True

    @override
    def __repr__(self) -> str:
        return repr({k: v if self._is_shown(k) else HIDDEN for k, v in self._values.items()})


class LiveHeaders(Live):
    """Header fields; names ignore case."""

    __slots__ = ()
    merge = staticmethod(merge_headers)

    @override
    def _key(self, key: Any) -> Any:
        if isinstance(key, str) and key not in self._values:
            lower = key.lower()
            return next((name for name in self._values if name.lower() == lower), key)
        return key

    @override
    def __contains__(self, key: object) -> bool:
        return self._key(key) in self._values

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return _lowered(self._values) == _lowered(other)  # pyright: ignore[reportUnknownArgumentType]

    __hash__ = None

    @override
    def _is_shown(self, key: Any) -> bool:
        return is_safe_header(key)


class LiveCookies(Live):
    """Cookies; no value is ever shown."""

    __slots__ = ()
    merge = staticmethod(merge_cookies)

    @override
    def _is_shown(self, key: Any) -> bool:
        return False


class LiveParameters(Live):
    """Query parameters; only the values of well-known names are shown."""

    __slots__ = ()
    merge = staticmethod(merge_parameters)

    @override
    def _is_shown(self, key: Any) -> bool:
        return key in SAFE_PARAMETERS


class LiveErrorResponses(Live):
    """What error statuses are turned into."""

    __slots__ = ()
    merge = staticmethod(merge_error_responses)


def _lowered(values: Mapping[Any, Any]) -> dict[Any, Any]:
    return {k.lower() if isinstance(k, str) else k: v for k, v in values.items()}
