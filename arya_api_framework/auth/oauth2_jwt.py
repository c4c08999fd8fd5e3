"""Signed JWTs: as grants (RFC 7523 2.1), in place of a client's secret (2.2), and as tokens."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from importlib.util import find_spec
from typing import Any, NoReturn, Self

from typing_extensions import Unpack, override

from ..client.encoding import reveal
from ..client.shapes import is_mapping
from ..errors import ConfigurationError, MissingCredentials
from ..options import check_number
from .base import Step
from .oauth2 import OAuth2, OAuth2Options
from .secret import Secret, SecretSource
from .token import Token

__all__ = ["OAuth2JWTBearer", "signed_jwt"]

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ALGORITHMS = (
    "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA HS256 HS384 HS512".split()
)


class OAuth2JWTBearer(OAuth2):
    """A signed assertion that is exchanged for a token (RFC 7523 2.1), as service accounts do.

    Args:
        assertion: The assertion, or a function that makes one, such as `signed_jwt` returns.
        subject: For whom its tokens are, where one store holds those of several: needed with a
            `store` and a function of your own, which does not tell.
        options: See `OAuth2`; `client_id=None` where the assertion says enough.

    Raises:
        ConfigurationError: A value can never work.

    Example:
        ```python
        login = OAuth2JWTBearer(
            signed_jwt(
                key.read_text(), issuer="bot@shop.test", audience="https://login.test/token"
            ),
            token_url="https://login.test/token",
            client_id=None,
        )
        ```
    """

    _needs_client = False

    def __init__(
        self, assertion: Secret, *, subject: str = "", **options: Unpack[OAuth2Options]
    ) -> None:
        super().__init__(**options)
        me = type(self).__name__
        self._assertion = SecretSource(f"assertion of {me}", assertion)
        if isinstance(assertion, _SignedJWT):
            self._person = [subject, assertion.name]
        elif not self._assertion.is_read_late:
            self._person = [subject, self._assertion.get()]
        elif options.get("store") is None or subject:
            self._person = [subject]
        else:
            raise ConfigurationError(
                f"{me} with a store needs `subject`, for whom its tokens are: its function does "
                "not tell"
            )

    @override
    def _subject(self) -> str:
        return json.dumps(self._person)

    @override
    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
        return (yield from self.ask({"grant_type": _GRANT, "assertion": self._assertion.get()}))


class _SignedJWT:
    __slots__ = ("_algorithm", "_claims", "_headers", "_key", "_lifetime")

    def __init__(
        self,
        key: Secret,
        algorithm: str,
        headers: Mapping[str, Any],
        claims: Mapping[str, Any],
        lifetime: float,
    ) -> None:
        self._key = key
        self._algorithm = algorithm
        self._headers = dict(headers)
        self._claims = dict(claims)
        self._lifetime = lifetime

    def __repr__(self) -> str:
        return f"<signed_jwt {self._algorithm}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    @property
    def name(self) -> str:
        """For whom it speaks, and which key signs it."""
        return json.dumps([self._headers, self._claims], sort_keys=True, default=repr)

    def __reduce_ex__(self, protocol: Any, /) -> NoReturn:
        raise TypeError("what signed_jwt returns holds a key and cannot be pickled")

    def __call__(self) -> str:
        return self.make(MissingCredentials)

    def make(self, error: type[ConfigurationError | MissingCredentials]) -> str:
        import jwt

        key = reveal(self._key() if callable(self._key) else self._key)
        now = int(time.time())
        claims = {"iat": now, "exp": now + int(self._lifetime), "jti": str(uuid.uuid4())}
        if isinstance(key, str) and key:
            try:
                return jwt.encode(
                    {**claims, **self._claims}, key, self._algorithm, headers=self._headers
                )
            except (jwt.PyJWTError, AttributeError, TypeError, ValueError):
                pass  # Its text could show what it was given.
        del key  # What reports errors may show the variables of a frame.
        raise error(
            f"signed_jwt cannot sign with {self._algorithm} and this key: it takes a private key "
            "in PEM without a password, or text for an HS algorithm, and claims that JSON can hold"
        )


def signed_jwt(
    key: Secret,
    *,
    issuer: str,
    audience: str,
    subject: str | None = None,
    algorithm: str = "RS256",
    key_id: str | None = None,
    claims: Mapping[str, Any] | None = None,
    lifetime: float = 300.0,
) -> Callable[[], str]:
    """Return a function that makes a signed JWT each time it is called: a secret for any `Auth`.

    The package PyJWT signs it: `pip install arya-api-framework[jwt]`.

    Args:
        key: The private key in PEM, or the shared secret of an `HS` algorithm.
        issuer: The claim `iss`.
        audience: The claim `aud`, such as the URL of the token endpoint.
        subject: The claim `sub`; by default the issuer.
        algorithm: How it is signed (RFC 7518 3.1), such as `"RS256"` or `"ES256"`.
        key_id: The `kid` in its header.
        claims: Further claims, or others in place of these.
        lifetime: How long one is good, in seconds.

    Raises:
        ConfigurationError: PyJWT is not there, or it cannot sign with this key. When it is called:
            `MissingCredentials`, if the key was read then.
    """
    if find_spec("jwt") is None:
        raise ConfigurationError(
            "signed_jwt needs the package PyJWT: pip install arya-api-framework[jwt]"
        )
    if algorithm not in _ALGORITHMS:
        raise ConfigurationError(
            f"algorithm of signed_jwt must be one of {', '.join(_ALGORITHMS)}, got {algorithm!r}"
        )
    if check_number("lifetime of signed_jwt", lifetime) < 1:
        raise ConfigurationError(f"lifetime of signed_jwt must be 1 s at least, got {lifetime!r}")
    if claims is not None and not is_mapping(claims):
        raise ConfigurationError(
            f"claims of signed_jwt must be a mapping, got {type(claims).__name__}"
        )
    headers = {} if key_id is None else {"kid": key_id}
    named = {"iss": issuer, "sub": issuer if subject is None else subject, "aud": audience}
    made = _SignedJWT(key, algorithm, headers, {**named, **(claims or {})}, lifetime)
    if not callable(key):
        made.make(ConfigurationError)
    return made
