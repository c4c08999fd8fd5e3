"""The live mappings of a client: `headers`, `cookies`, `parameters`, `error_responses`.

A write swaps an immutable snapshot under the client's lock, so a call in another thread sees the
old values or the new ones, never half of them.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    ItemsView,
    Iterator,
    Mapping,
    MutableMapping,
    ValuesView,
)
from contextlib import AbstractContextManager
from typing import Any, Self

from typing_extensions import override

from ..errors import ConfigurationError
from .mappings import (
    merge_cookies,
    merge_error_responses,
    merge_headers,
    merge_parameters,
    own_value,
    status_key,
)
from .redaction import HIDDEN, SAFE_PARAMETERS, is_safe_header
from .shapes import is_mapping

__all__ = ["Live", "LiveCookies", "LiveErrorResponses", "LiveHeaders", "LiveParameters"]


class Live(MutableMapping[Any, Any]):
    """A mapping whose writes are checked, merged and told to the client.

    Values that could be changed in place, such as lists, are given out as copies.
    """

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

    @property
    def _shown(self) -> Mapping[Any, Any]:
        """The values that are there for who reads; a snapshot may hold more."""
        return self._values

    def copy(self) -> dict[Any, Any]:
        """Return the values as they are now as a dict of its own."""
        return {key: own_value(value) for key, value in self._shown.items()}

    __copy__ = copy

    def __deepcopy__(self, memo: object) -> dict[Any, Any]:
        return self.copy()

    # Writing

    def restore(self, snapshot: Mapping[Any, Any]) -> None:
        """Put back an earlier snapshot."""
        self._values = snapshot

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

    @override
    def __setitem__(self, key: Any, value: Any) -> None:
        self.update({key: value})

    @override
    def __delitem__(self, key: Any) -> None:
        with self._lock:
            values = dict(self._values)
            del values[self._key(key, self._shown)]
            self._values = values
            self._changed()

    def __ior__(self, values: Any) -> Self:
        self.update(values)
        return self

    # What the base class does in two steps must be one for other threads.

    @override
    def pop(self, key: Any, *default: Any) -> Any:
        """Remove a value and return it, or `default`."""
        with self._lock:
            return super().pop(key, *default)

    @override
    def popitem(self) -> tuple[Any, Any]:
        """Remove an item and return it."""
        with self._lock:
            return super().popitem()

    @override
    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return a value, which is `default` from now on where there is none."""
        with self._lock:
            return super().setdefault(key, default)

    @override
    def clear(self) -> None:
        """Remove all values."""
        self.replace(None)

    # Reading

    def _key(self, key: Any, values: Mapping[Any, Any]) -> Any:
        """Return a key as it is kept in `values`."""
        return key

    @override
    def __getitem__(self, key: Any) -> Any:
        values = self._shown
        return own_value(values[self._key(key, values)])

    @override
    def __contains__(self, key: object) -> bool:
        values = self._shown
        return self._key(key, values) in values

    @override
    def __iter__(self) -> Iterator[Any]:
        return iter(self._shown)

    @override
    def __len__(self) -> int:
        return len(self._shown)

    @override
    def items(self) -> ItemsView[Any, Any]:
        """Return the items as they are now."""
        return ItemsView(self._detached())

    @override
    def values(self) -> ValuesView[Any]:
        """Return the values as they are now."""
        return ValuesView(self._detached())

    def _detached(self) -> Self:
        """Return a copy that no write reaches, and that shows as little as this one."""
        return type(self)(self._values, self._lock, self._changed)

    @override
    def __eq__(self, other: object) -> bool:
        if not is_mapping(other):
            return NotImplemented
        return self._comparable(self._shown) == self._comparable(other)

    def _comparable(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        return dict(values)

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, values: Any) -> dict[Any, Any]:
        return self._merged(self.copy(), values)

    def __ror__(self, values: Any) -> dict[Any, Any]:
        return self._merged(type(self).merge({}, values), self)

    def _merged(self, values: Mapping[Any, Any], others: Any) -> dict[Any, Any]:
        merged = type(self).merge(values, others)
        return {key: value for key, value in merged.items() if value is not None}

    def _is_shown(self, key: Any) -> bool:
        return True

    @override
    def __repr__(self) -> str:
        return repr({k: v if self._is_shown(k) else HIDDEN for k, v in self._shown.items()})


class LiveHeaders(Live):
    """Header fields; names ignore case."""

    __slots__ = ()
    merge = staticmethod(merge_headers)

    @property
    @override
    def _shown(self) -> Mapping[Any, Any]:
        # `None` keeps an automatic field, such as `Accept`, from being sent.
        values = self._values
        if None not in values.values():
            return values
        return {name: value for name, value in values.items() if value is not None}

    @override
    def _key(self, key: Any, values: Mapping[Any, Any]) -> Any:
        if isinstance(key, str) and key not in values:
            lower = key.lower()
            return next((name for name in values if name.lower() == lower), key)
        return key

    @override
    def _comparable(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        return {k.lower() if isinstance(k, str) else k: v for k, v in values.items()}

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
    """What error statuses are turned into; `"404"` and `404` are one key."""

    __slots__ = ()
    merge = staticmethod(merge_error_responses)

    @override
    def _key(self, key: Any, values: Mapping[Any, Any]) -> Any:
        try:
            return status_key(key)
        except ConfigurationError:
            return key

    @override
    def _comparable(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        return {self._key(key, values): value for key, value in values.items()}
