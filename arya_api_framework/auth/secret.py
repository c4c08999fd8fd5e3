"""Where secrets come from: given as they are, or read when a request is sent."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from ..client.encoding import reveal
from ..errors import ConfigurationError, MissingCredentials

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["Secret", "SecretSource", "from_env", "from_keyring"]

Secret: TypeAlias = "str | SecretStr | Callable[[], str | SecretStr]"
"""Text, a `SecretStr`, or a function that returns one, called for each request that is sent."""


class SecretSource:
    """A secret that is checked when it is given, or when it is read.

    Args:
        what: What to call it in errors.
        secret: The secret.
        may_be_empty: Whether empty text is one, as for a password.

    Raises:
        ConfigurationError: It is none, or empty, is read by a coroutine function, or holds a CR,
            LF, NUL or other control character or half of a pair of surrogates.
    """

    __slots__ = ("_may_be_empty", "_read", "_text", "what")

    def __init__(self, what: str, secret: Secret, *, may_be_empty: bool = False) -> None:
        self.what = what
        self._may_be_empty = may_be_empty
        self._text: str | None = None
        self._read: Callable[[], object] | None = None
        if callable(secret) and not isinstance(secret, str):
            if is_async(secret):
                raise ConfigurationError(
                    f"{what} is read by a plain function, written with `def`, got a coroutine "
                    "function"
                )
            self._read = secret
        else:
            self._text = self._check(secret, ConfigurationError)

    def __repr__(self) -> str:
        return f"<{self.what}>"

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        raise TypeError(f"{self.what} cannot be pickled or copied; make it anew")

    @property
    def is_read_late(self) -> bool:
        """Whether it is read for each request."""
        return self._read is not None

    def get(self) -> str:
        """Return the secret.

        Raises:
            MissingCredentials: What was read is none; whatever the function raises goes on.
        """
        if self._text is not None:
            return self._text
        assert self._read is not None
        return self._check(self._read(), MissingCredentials)

    def _check(self, secret: object, error: type[ConfigurationError | MissingCredentials]) -> str:
        text = reveal(secret)
        if not isinstance(text, str):
            close = getattr(text, "close", None)
            if type(text).__name__ == "coroutine" and close is not None:
                close()
            # Not the value, which may be a secret of another kind.
            raise error(
                f"{self.what} must be text, a SecretStr, or a function that returns one, got "
                f"{type(secret).__name__}"
            )
        if not text and not self._may_be_empty:
            raise error(f"{self.what} is empty")
        if any(character < " " or character == "\x7f" for character in text):
            raise error(f"{self.what} holds a control character, such as a line break")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise error(f"{self.what} holds half of a pair of surrogates, which is no character")
        return text


def is_async(function: Callable[..., object]) -> bool:
    """Return whether a function is a coroutine function, or an object that is called as one."""
    return any(map(inspect.iscoroutinefunction, (function, type(function).__call__)))


class _FromEnv:
    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self) -> str:
        text = os.environ.get(self._name)
        if not text:
            state = "not set" if text is None else "empty"
            raise MissingCredentials(f"the environment variable {self._name} is {state}")
        return text

    def __repr__(self) -> str:
        return f"from_env({self._name!r})"


class _FromKeyring:
    __slots__ = ("_service", "_user")

    def __init__(self, service: str, user: str) -> None:
        self._service = service
        self._user = user

    def __call__(self) -> str:
        try:
            import keyring
            import keyring.errors
        except ImportError:
            raise MissingCredentials(
                "from_keyring needs the package keyring: pip install arya-api-framework[keyring]"
            ) from None
        try:
            text: str | None = keyring.get_password(self._service, self._user)
        except keyring.errors.KeyringError as error:
            raise MissingCredentials(
                f"the keyring of the system could not be asked for {self._user!r} of "
                f"{self._service!r} ({type(error).__name__}); it needs a backend that is unlocked"
            ) from error
        if not text:
            raise MissingCredentials(
                f"the keyring has no entry for {self._user!r} of {self._service!r}"
            )
        return text

    def __repr__(self) -> str:
        return f"from_keyring({self._service!r}, {self._user!r})"


def from_env(name: str) -> Callable[[], str]:
    """Return a secret that is read from an environment variable for each request.

    Example:
        >>> from_env("GITHUB_TOKEN")
        from_env('GITHUB_TOKEN')

    Raises:
        ConfigurationError: It is no name. When it is read: `MissingCredentials`, if the variable is
            not set, or empty.
    """
    given: object = name
    if not isinstance(given, str) or not given or "=" in given or "\0" in given:
        raise ConfigurationError(f"from_env takes the name of a variable, got {given!r}")
    return _FromEnv(name)


def from_keyring(service: str, user: str) -> Callable[[], str]:
    """Return a secret that is read from the keyring of the system for each request.

    The package `keyring` reads it: `pip install arya-api-framework[keyring]`.

    Raises:
        ConfigurationError: The names are no text. When it is read: `MissingCredentials`, if there
            is no such entry, or no keyring that can be read.
    """
    for given in (service, user):
        one: object = given
        if not isinstance(one, str) or not one:
            raise ConfigurationError(
                f"from_keyring takes the names of a service and a user, got {one!r}"
            )
    return _FromKeyring(service, user)
