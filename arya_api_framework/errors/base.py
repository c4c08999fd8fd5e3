"""The root of the tree, and the errors that come from using the framework, not from a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

__all__ = [
    "AsyncClientError",
    "ClientClosedError",
    "ClientError",
    "ConfigurationError",
    "ExtensionAlreadyLoaded",
    "ExtensionEntryPointError",
    "ExtensionError",
    "ExtensionFailed",
    "ExtensionNotFound",
    "ExtensionNotLoaded",
    "FrameworkException",
    "SubClientAlreadyLoaded",
    "SubClientError",
    "SubClientNoParent",
    "SubClientNotLoaded",
    "SubClientParentSet",
    "SyncClientError",
    "ValidationError",
]

Sent = Literal["no", "maybe", "yes"]
RetryStop = Literal["attempts", "method", "retry_after", "timeout", "budget"]

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods that may be sent twice with the effect of once (RFC 9110 9.2.2)."""


class FrameworkException(Exception):
    """Every error of the framework is one of these.

    An error of a call also tells about the call; the values are the defaults below where there
    was none.

    Attributes:
        method: The method of the request, `None` outside a call.
        url: The URL of the request, query values redacted.
        attempts: How many times the call was sent, or tried to be; redirects do not count.
        elapsed: Seconds from the start of the call to the error.
        sent: Whether the server may have read the request: `"no"`, `"maybe"` or `"yes"`.
        retry_after: Seconds the server, or the rate limit, asked to wait, if it did.
        earlier: The errors of the attempts before the last one, in order.
        retry_stopped_by: Why the call was not sent again, though the failure is one that its
            `Retry` is for: `"attempts"`, `"method"` (not safe to repeat), `"retry_after"` (too long
            a wait), `"timeout"` (no time left), `"budget"`; `None` for any other error.
    """

    method: str | None = None
    url: str | None = None
    attempts: int = 0
    elapsed: float = 0.0
    sent: Sent = "no"
    retry_after: float | None = None
    earlier: tuple[FrameworkException, ...] = ()
    retry_stopped_by: RetryStop | None = None

    _transient: ClassVar[bool] = False
    _hide: Callable[[Any], Any] | None = None
    """Hides in a value what the call was not to show; a pickle goes who knows where."""

    @property
    def retryable(self) -> bool:
        """Whether the same call could succeed later and is safe to repeat.

        The fault must be one that passes, and the server either read nothing or the method is
        idempotent (RFC 9110 9.2.2).
        """
        return self._transient and (self.sent == "no" or self.method in IDEMPOTENT_METHODS)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy without calling `__init__`, whose signature subclasses may change."""
        return _restore, (type(self), self.args), self.__dict__.copy()

    def __reduce_ex__(self, protocol: Any, /) -> tuple[Any, ...]:
        function, arguments, state = self.__reduce__()
        hide = state.pop("_hide", None) or _as_it_is
        sent = {key: _portable(hide(value), protocol) for key, value in state.items()}
        return function, arguments, sent

    def __copy__(self) -> Self:
        twin: Self = _restore(type(self), self.args)
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin: Self = _restore(type(self), self.args)
        memo[id(self)] = twin
        for key, value in self.__dict__.items():
            twin.__dict__[key] = _deep_copied(value, memo)
        return twin


def _as_it_is(value: object) -> object:
    return value


def _restore(cls: type[Any], args: tuple[Any, ...]) -> Any:
    error = cls.__new__(cls, *args)
    error.args = args  # `OSError`, a base of the timeouts, leaves them to `__init__`.
    return error


def _deep_copied(value: object, memo: dict[int, Any]) -> object:
    """Return a deep copy, or the value itself where there is none: a copy must not fail."""
    import copy

    try:
        return copy.deepcopy(value, memo)
    except Exception:  # noqa: BLE001 - any object may refuse in any way
        return value


def _portable(value: object, protocol: int) -> object:
    """Return the value, or its text where it cannot be pickled: an error must always travel."""
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    import pickle

    try:
        pickle.dumps(value, protocol)
    except Exception:  # noqa: BLE001 - any object may refuse in any way
        return repr(value)
    return value


class ValidationError(FrameworkException):
    """A value has the wrong type: the name 0.3.9 gave to what `ConfigurationError` now is."""


class ClientError(FrameworkException):
    """The client is made or used in a way it cannot work."""


class SyncClientError(ClientError):
    """A `SyncClient` has no absolute `uri`."""


class AsyncClientError(ClientError):
    """An `AsyncClient` has no absolute `uri`."""


class ConfigurationError(ClientError, ValidationError, ValueError):
    """A keyword, option or value that can never work: raised before a byte is sent."""


class ClientClosedError(ClientError, RuntimeError):
    """The client was closed before this call."""


class SubClientError(ClientError):
    """Something about a sub-client is wrong.

    Attributes:
        name: The name of the sub-client.
    """

    def __init__(self, message: str | None = None, *args: Any, name: str) -> None:
        super().__init__(message or f"sub-client {name!r} has an error", *args)
        self.name = name


class SubClientAlreadyLoaded(SubClientError):
    """The parent has a sub-client of this name already."""

    def __init__(self, name: str, message: str | None = None) -> None:
        super().__init__(
            message or f"a sub-client named {name!r} is already loaded; remove it first", name=name
        )


class SubClientParentSet(SubClientAlreadyLoaded):
    """The sub-client belongs to another parent already."""

    def __init__(self, name: str) -> None:
        super().__init__(
            name, f"sub-client {name!r} has a parent already; remove it there, or make a new one"
        )


class SubClientNotLoaded(SubClientError):
    """The parent has no sub-client of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no sub-client named {name!r} is loaded", name=name)


class SubClientNoParent(SubClientError):
    """The sub-client belongs to no client, so it cannot send."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"sub-client {name!r} has no parent; declare it in a client's class body or give it to "
            "`add_subclient`",
            name=name,
        )


class ExtensionError(FrameworkException):
    """Something about an extension is wrong.

    Attributes:
        name: The dotted module name of the extension.
    """

    def __init__(self, message: str | None = None, *args: Any, name: str) -> None:
        super().__init__(message or f"extension {name!r} has an error", *args)
        self.name = name


class ExtensionNotFound(ExtensionError):
    """No module of this name can be found."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no module named {name!r} can be found to load as an extension", name=name
        )


class ExtensionAlreadyLoaded(ExtensionError):
    """The extension is loaded already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"extension {name!r} is already loaded", name=name)


class ExtensionNotLoaded(ExtensionError):
    """The extension is not loaded."""

    def __init__(self, name: str) -> None:
        super().__init__(f"extension {name!r} is not loaded", name=name)


class ExtensionEntryPointError(ExtensionError):
    """The module has no `setup(client)` function."""

    def __init__(self, name: str) -> None:
        super().__init__(f"extension {name!r} has no function `setup(client)`", name=name)


class ExtensionFailed(ExtensionError):
    """The extension raised while it was loaded or unloaded.

    Attributes:
        original: What it raised, also the `__cause__`.
    """

    def __init__(self, name: str, original: BaseException) -> None:
        super().__init__(f"extension {name!r} raised {type(original).__name__}", name=name)
        self.original = original
