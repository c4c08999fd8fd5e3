"""What a call of a map is, and what is said of what is none."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from contextlib import suppress
from operator import call
from typing import Any, TypeAlias, TypeVar

from ..errors import ConfigurationError
from ..options import Unset

__all__ = [
    "AsyncCall",
    "AsyncCalls",
    "AsyncInputs",
    "SyncCall",
    "SyncCalls",
    "SyncInputs",
    "check_calls",
    "check_concurrency",
    "check_on_error",
    "check_ordered",
    "has_method",
    "length_of",
    "no_call",
    "not_awaitable",
    "not_awaited",
    "not_iterable",
]

In = TypeVar("In")
T = TypeVar("T")

SyncInputs: TypeAlias = Iterable[In]
"""Where the inputs of a function come from."""

SyncCall: TypeAlias = Callable[[], T]
SyncCalls: TypeAlias = Iterable[Callable[[], T]]
"""Calls without inputs."""

AsyncInputs: TypeAlias = Iterable[In] | AsyncIterable[In]
"""Where the inputs of a function come from."""

AsyncCall: TypeAlias = Callable[[], Awaitable[T]] | Awaitable[T]
AsyncCalls: TypeAlias = (
    Iterable[Callable[[], Awaitable[T]] | Awaitable[T]]
    | AsyncIterable[Callable[[], Awaitable[T]] | Awaitable[T]]
)
"""Calls without inputs, or what is to be awaited."""


def check_calls(calls: Any, inputs: Any) -> tuple[Callable[[Any], Any], Any]:
    """Return a function and its inputs; of calls without inputs, the calls are the inputs.

    Raises:
        ConfigurationError: It is neither.
    """
    function, name = calls, "inputs"
    if isinstance(inputs, Unset):
        function, inputs, name = call, calls, "calls"
        if callable(calls) and not _is_iterable(calls):
            raise ConfigurationError(
                "map needs the inputs of a function, as `map(client.user, ids)`; functions without "
                "arguments are given as a list"
            )
    elif not callable(function):
        raise ConfigurationError(
            "map takes a function and then its inputs, as `map(client.user, ids)`, got "
            f"{type(function).__name__} as the function"
        )
    if isinstance(inputs, str | bytes) or not _is_iterable(inputs):
        raise ConfigurationError(
            f"the {name} of map must be a list, or something else that gives them one after the "
            f"other, got {type(inputs).__name__}"
        )
    return function, inputs


def no_call(value: Any) -> ConfigurationError:
    """Return the error for what was given as a call and is none."""
    text = f"a call must be a function without arguments, got {type(value).__name__}"
    if has_method(value, "__await__"):
        return ConfigurationError(
            f"{text}, which threads cannot await; use `map` of an AsyncClient, or `async for`"
        )
    return ConfigurationError(
        f"{text}; give a function and its inputs, as `map(client.user, ids)`"
        ", so that it is `map` that calls"
    )


def not_awaited(coroutine: Any) -> ConfigurationError:
    """Return the error for a function of threads that returned a coroutine."""
    coroutine.close()
    return ConfigurationError(
        "a call returned a coroutine, which threads cannot await; use `map` of an AsyncClient, or "
        "`async for`"
    )


def not_awaitable(result: Any) -> ConfigurationError:
    """Return the error for a function of tasks that returned its result at once."""
    return ConfigurationError(
        f"a call returned {type(result).__name__}, which cannot be awaited; give an async "
        "function, or use `map` of a SyncClient, or `for`"
    )


def not_iterable(inputs: Any) -> ConfigurationError:
    """Return the error for inputs of threads that must be awaited."""
    return ConfigurationError(
        f"threads cannot await their inputs, got {type(inputs).__name__}; use `map` of an "
        "AsyncClient, or `async for`"
    )


def check_concurrency(value: Any) -> int:
    """Return how many calls may be under way at once."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(
            f"concurrency of map must be a whole number above 0, got {value!r}"
        )
    return value


def check_ordered(value: Any) -> bool:
    """Return whether results are given in the order of the inputs."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"ordered of map must be True or False, got {value!r}")
    return value


def check_on_error(value: Any) -> bool:
    """Return whether errors are collected."""
    if value not in ("raise", "collect"):
        raise ConfigurationError(f"on_error of map must be 'raise' or 'collect', got {value!r}")
    return bool(value == "collect")


def length_of(inputs: Any) -> int | None:
    """Return how many inputs there are, `None` where they do not tell."""
    if has_method(inputs, "__len__"):
        with suppress(OverflowError, TypeError):  # A range may be longer than any list.
            return len(inputs)
    return None


def has_method(value: object, name: str) -> bool:
    """Return whether the type of a value has a method such as `__aiter__`."""
    return hasattr(type(value), name)


def _is_iterable(value: Any) -> bool:
    return any(has_method(value, name) for name in ("__iter__", "__aiter__", "__getitem__"))
