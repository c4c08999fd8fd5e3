"""`HookChain`: the hooks of a call, with what each of them overrides found once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

from multidict import CIMultiDict

from ..errors import ConfigurationError
from ..hooks import Hook
from .body import Body
from .redaction import is_safe_header
from .request import Request
from .response import RawResponse
from .url import Origin

__all__ = [
    "NO_HOOKS",
    "HookChain",
    "Layer",
    "Plan",
    "check_answer",
    "check_changes",
    "make_async_layer",
    "make_sync_layer",
    "overridden_by",
]

Level: TypeAlias = Literal["call", "attempt"]

_NAMES: dict[Level, tuple[str, str, str]] = {
    "call": ("before_call", "after_call", "call_failed"),
    "attempt": ("before_attempt", "after_attempt", "attempt_failed"),
}

TRACE_CONTEXT = frozenset({"traceparent", "tracestate"})
"""Names of a request in a trace, which tell nothing of who sends it (W3C Trace Context 3)."""


class Layer(NamedTuple):
    """What one hook does at one level; `None` for a method that it does not override."""

    hook: Hook
    level: Level
    before: Callable[..., Any] | None
    after: Callable[..., Any] | None
    failed: Callable[..., Any] | None

    def blame(self, error: Exception, part: Literal["before", "after"]) -> None:
        """Note on an error which hook raised it, and where."""
        error.add_note(f"raised by the hook {self.hook.name!r} in {part}_{self.level}")


class Plan(NamedTuple):
    """What is run, by level, in the order given."""

    call: tuple[Layer, ...]
    attempt: tuple[Layer, ...]


class HookChain(tuple[Hook, ...]):  # noqa: SLOT001 - the plans are kept in its dict
    """Hooks in their order; each client asks for the plan of its own kind."""

    @cached_property
    def sync_plan(self) -> Plan:
        """The plan of a `SyncClient`.

        Raises:
            ConfigurationError: A method is a coroutine function.
        """
        return self._plan(make_sync_layer)

    @cached_property
    def async_plan(self) -> Plan:
        """The plan of an `AsyncClient`, whose methods are all to be awaited."""
        return self._plan(make_async_layer)

    def _plan(self, make_layer: Callable[[Hook, Level], Layer]) -> Plan:
        calls = [make_layer(hook, "call") for hook in self]
        attempts = [make_layer(hook, "attempt") for hook in self]
        return Plan(
            tuple(layer for layer in calls if any(layer[2:])),
            tuple(layer for layer in attempts if any(layer[2:])),
        )


def make_sync_layer(hook: Hook, level: Level) -> Layer:
    """Return what a hook does at a level of a `SyncClient`.

    Raises:
        ConfigurationError: A method is a coroutine function.
    """
    methods = _overridden(hook, level)
    for name, method in zip(_NAMES[level], methods, strict=True):
        if inspect.iscoroutinefunction(method):
            raise ConfigurationError(
                f"{name} of the hook {hook.name!r} is a coroutine function, which a SyncClient "
                "cannot await; write it with `def`"
            )
    return Layer(hook, level, *methods)


def make_async_layer(hook: Hook, level: Level) -> Layer:
    """Return what a hook does at a level of an `AsyncClient`.

    A hook of ours that would block has an `async_twin`, which does not.
    """
    methods = _overridden(getattr(hook, "async_twin", hook), level)
    return Layer(hook, level, *(method and _awaitable(method) for method in methods))


def overridden_by(hook: Hook) -> tuple[str, ...]:
    """Return the names of the methods that a hook overrides, those of a call first."""
    return tuple(
        name
        for level, names in _NAMES.items()
        for name, method in zip(names, _overridden(hook, level), strict=True)
        if method is not None
    )


def _overridden(hook: Hook, level: Level) -> list[Callable[..., Any] | None]:
    return [
        None if getattr(method, "__func__", None) is getattr(Hook, name) else method
        for name in _NAMES[level]
        for method in (getattr(hook, name),)
    ]


def _awaitable(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        answer = method(*arguments)
        return answer if inspect.isawaitable(answer) else _Ready(answer)

    return call


class _Ready:
    """What is awaited without waiting."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._value
        yield  # Makes it a generator.


def check_answer(answer: Any, request: Request, layer: Layer) -> RawResponse:
    """Return the response of a hook as that of this request; the hook's own stays as it is.

    Raises:
        ConfigurationError: It is no response.
    """
    if not isinstance(answer, RawResponse):
        if inspect.iscoroutine(answer):
            answer.close()
        raise ConfigurationError(
            f"the hook {layer.hook.name!r} must return a RawResponse or None for each "
            f"{layer.level}, got {type(answer).__name__}"
        )
    return answer.answering(request)


def check_changes(
    request: Request,
    original: Request,
    trusted: frozenset[Origin],
    check_body: Callable[[bytes | Body], None],
) -> None:
    """Check a request that hooks may have changed, and keep what they added from other hosts.

    Args:
        request: The request as it is now.
        original: The request as it was before.
        trusted: Origins that may be shown what identifies the client.
        check_body: Refuses a body that the client cannot send.

    Raises:
        ConfigurationError: It cannot, or must not, be sent.
    """
    if (
        request.headers == original.headers
        and request.target == original.target
        and request.body is original.body
        and request.origin is original.origin
        and request.method == original.method
    ):
        return
    if request.origin != original.origin and request.origin not in trusted:
        shown = getattr(request.origin, "prefix", None)
        request.origin = original.origin  # It stays in logs and errors.
        raise ConfigurationError(
            f"a hook sends the request to {shown!r}; add that to trusted_origins if it is meant to "
            "go there"
        )
    request.validate()
    if request.body is not None and request.body is not original.body:
        if not isinstance(request.body, bytes | Body):
            raise ConfigurationError(
                f"the body of a request must be bytes, got {type(request.body).__name__}"
            )
        check_body(request.body)
    if request.origin not in trusted:
        # A hook that adds a credential does so for the client's own host, not for every host that
        # a redirect leads to.
        known = set(original.headers.items())
        request.headers = CIMultiDict(
            (name, value)
            for name, value in request.headers.items()
            if (name, value) in known or is_safe_header(name) or name.lower() in TRACE_CONTEXT
        )


NO_HOOKS = HookChain()
