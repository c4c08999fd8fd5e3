"""`Security`: which of the declared schemes authenticate a call, and what for them is known."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from typing_extensions import override

from ..auth.base import Auth
from ..auth.schemes import ApiKeyScheme, Scheme
from ..errors import ConfigurationError, MissingCredentials
from ..fork import start_over_in_child
from ..tls import TLS
from .checks import CHECKS, near_miss
from .shapes import is_iterable

if TYPE_CHECKING:
    from .config import ClientConfig
    from .request import Request

__all__ = [
    "Found",
    "Incomplete",
    "Requirements",
    "Security",
    "check_requirements",
    "with_certificate",
]

Requirements: TypeAlias = tuple[tuple[str, ...], ...]
"""Alternatives, each of them the names of schemes that must hold together."""


class Found(NamedTuple):
    """What authenticates a call.

    Attributes:
        auth: What is put into its requests.
        tls: The certificate it shows.
        names: The schemes that these are of.
    """

    auth: tuple[Auth, ...]
    tls: TLS | None
    names: tuple[str, ...] = ()


NOTHING = Found((), None)


class Incomplete(Auth):
    """Stands for credentials that are not known: a request may be built, and is not sent.

    Attributes:
        missing: Which these are.
    """

    header = None

    def __init__(self, missing: str) -> None:
        self.missing = missing

    @override
    def apply(self, request: Request) -> None:
        raise MissingCredentials(self.missing)


class Security:
    """The schemes of a client and the credentials that `authenticate` was given for them.

    Attributes:
        schemes: The schemes by name.
    """

    __slots__ = ("_config", "_lock", "_values", "schemes")

    def __init__(self, config: ClientConfig) -> None:
        self.schemes = config.security_schemes
        self._config = config
        self._lock = threading.RLock()
        start_over_in_child(self._lock, "_at_fork_reinit")
        self._values: Mapping[str, Auth | TLS] = {}

    def __repr__(self) -> str:
        return f"<Security {', '.join(self.schemes)}>"

    def take(self, other: Security) -> None:
        """Take the credentials of another client, for schemes that are the same.

        Raises:
            ConfigurationError: The connections of this client cannot show a certificate of it.
        """
        taken = {
            name: value
            for name, value in other._values.items()
            if self.schemes.get(name) == other.schemes[name]
        }
        for value in taken.values():
            if isinstance(value, TLS):
                with_certificate(self._config, value)
        self._values = taken

    def forget(self) -> None:
        """Forget all credentials."""
        with self._lock:
            self._values = {}

    def authenticate(self, values: Mapping[str, Any]) -> None:
        """Keep credentials, each for its scheme; `None` forgets one. All are taken, or none.

        Raises:
            ConfigurationError: There is no such scheme, a value is no credential of it, or the
                connections of the client cannot show a certificate.
        """
        made: dict[str, Auth | TLS | None] = {}
        for name, value in values.items():
            scheme = self.schemes.get(name)
            if scheme is None:
                raise ConfigurationError(_unknown(name, self.schemes))
            one = made[name] = None if value is None else scheme.make(name, value)
            if isinstance(one, TLS):
                CHECKS["tls"](None, with_certificate(self._config, one).tls)
        with self._lock:
            laid = {**self._values, **made}
            self._values = {name: value for name, value in laid.items() if value is not None}

    def find(self, required: Requirements, given: Iterable[str]) -> Found:
        """Return what authenticates a call: the first alternative whose credentials are complete.

        Args:
            required: The alternatives; none, or an empty one, asks for nothing.
            given: The header fields that the call brings along: schemes that fill one of these
                need no credentials.

        Returns:
            What it is; where none is complete, an `Auth` that says so when it is asked.
        """
        values, fields = self._values, {name.lower() for name in given}
        for names in required:
            needed = [name for name in names if not self._is_given(name, fields)]
            if all(name in values for name in needed):
                return _found([values[name] for name in needed], tuple(needed))
        if not required:
            return NOTHING
        return Found((Incomplete(self._describe(required, values, fields)),), None)

    def credential(self, name: str) -> Auth | TLS | None:
        """Return the credential of a scheme, `None` where there is none."""
        return self._values.get(name)

    def _is_given(self, name: str, fields: set[str]) -> bool:
        return (self.schemes[name].header or "").lower() in fields

    def _describe(self, required: Requirements, values: Mapping[str, Any], fields: set[str]) -> str:
        parts: list[str] = []
        for names in required:
            missing = [
                repr(name)
                for name in names
                if name not in values and not self._is_given(name, fields)
            ]
            known = [repr(name) for name in names if name in values]
            part = " and ".join(missing)
            parts.append(f"{part} (beside {' and '.join(known)})" if known else part)
        return (
            f"there are no credentials for this call; it lacks {', or '.join(parts)}: give them to "
            "`authenticate`"
        )


def check_requirements(value: Any, schemes: Mapping[str, Scheme]) -> Requirements:
    """Return what `security` means: alternatives of names, each declared in `security_schemes`.

    Raises:
        ConfigurationError: It is no list of sets, a name is unknown, or two schemes of one
            alternative fill the same place.
    """
    if isinstance(value, str | Mapping) or not is_iterable(value):
        raise ConfigurationError(
            "`security` must be a list of alternatives, each a set of names, such as "
            f"[{{'basicAuth'}}, {{'user', 'password'}}], got {value!r}"
        )
    required: list[tuple[str, ...]] = []
    for alternative in value:
        if isinstance(alternative, str) or not is_iterable(alternative):
            raise ConfigurationError(
                f"an alternative of `security` must be a set of names, got {alternative!r}"
            )
        names = tuple(alternative)
        if isinstance(alternative, set | frozenset):
            names = tuple(sorted(names, key=str))
        filled: dict[str, str] = {}
        for name in names:
            if not isinstance(name, str) or name not in schemes:
                raise ConfigurationError(_unknown(name, schemes))
            place = _place(schemes[name])
            if place in filled:
                raise ConfigurationError(
                    f"{filled[place]!r} and {name!r} fill the same {place}, so that they cannot "
                    "hold together in one alternative of `security`"
                )
            filled[place] = name
        required.append(names)
    return tuple(required)


def _place(scheme: Scheme) -> str:
    if scheme.header is not None:
        return f"header {scheme.header.title()}"
    if isinstance(scheme, ApiKeyScheme):
        what = "parameter of the query" if scheme.location == "query" else "cookie"
        return f"{what} {scheme.name!r}"
    return "certificate of a connection"


def _found(values: list[Auth | TLS], names: tuple[str, ...]) -> Found:
    # The first is the innermost: what signs the request, or answers for its target, sees it whole.
    ordered = sorted(values, key=lambda one: isinstance(one, Auth) and type(one).flow is Auth.flow)
    auth = tuple(one for one in ordered if isinstance(one, Auth))
    tls = [one for one in values if isinstance(one, TLS)]
    return Found(auth, tls[0] if tls else None, names)


def with_certificate(config: ClientConfig, shown: TLS) -> ClientConfig:
    """Return the configuration of connections that show a certificate given to `authenticate`.

    What its `TLS` says beside the certificate goes before what that of the client says.

    Raises:
        ConfigurationError: The connections of this client cannot show it.
    """
    own = config.tls
    if config.session is not None:
        raise ConfigurationError(
            "a certificate given to `authenticate` does not reach the connections of a `session` "
            "of yours; set it up there, or use `session_factory`"
        )
    if own is None:
        laid = shown
    elif shown.context is not None:
        if own.pins:
            raise ConfigurationError(
                "a TLS with a `context` takes the place of the client's `tls`, whose `pins` would "
                "no longer hold; give `authenticate` a certificate alone"
            )
        laid = dataclasses.replace(shown, server_name=shown.server_name or own.server_name)
    elif own.context is not None:
        raise ConfigurationError(
            "a certificate given to `authenticate` cannot be laid over the `context` in the "
            "client's `tls`; give it as a TLS with a `context` that holds the certificate"
        )
    else:
        changes: dict[str, Any] = {"cert": shown.cert, "key": shown.key, "password": shown.password}
        for spec in dataclasses.fields(TLS):
            value = getattr(shown, spec.name)
            if value != spec.default:
                changes[spec.name] = value
        laid = dataclasses.replace(own, **changes)
    return dataclasses.replace(config, tls=laid)


def _unknown(name: object, schemes: Mapping[str, Scheme]) -> str:
    hint = near_miss(name, schemes) if isinstance(name, str) else ""
    known = ", ".join(map(repr, schemes)) or "none"
    return f"there is no security scheme {name!r}{hint}; `security_schemes` has {known}"
