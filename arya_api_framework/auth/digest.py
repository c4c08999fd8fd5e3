"""`DigestAuth`: user and password that are proved, not sent (RFC 7616)."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from typing_extensions import override

from ..errors import AuthError, ConfigurationError
from ..fork import start_over_in_child
from .base import Auth, Flow
from .challenges import read_challenges, read_parameters
from .secret import Secret, SecretSource

if TYPE_CHECKING:
    from ..client.request import Request
    from ..client.response import RawResponse
    from ..client.url import Origin

__all__ = ["DigestAuth"]

_HASHES = {"SHA-512": "sha512", "SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
"""What is known, the strongest first."""

_MOST_ORIGINS = 100
_LONGEST = 4096


class DigestAuth(Auth):
    """User and password that are proved to the server and never sent (RFC 7616).

    The first request to an origin is sent without them, and again with the answer to its
    challenge. The nonce is kept, so that later requests need no challenge. Of several challenges
    the strongest is answered; Basic never is. One that cannot be answered ends in the 401 itself,
    as does a body that cannot be sent twice; the nonce is kept for the next call all the same.

    Args:
        user: The user.
        password: The password.
        algorithms: Which of `"SHA-512"`, `"SHA-512-256"`, `"SHA-256"` and `"MD5"` are answered,
            each with its `-sess`. `SHA-512-256` is left out where the OpenSSL of Python has none.

    Raises:
        ConfigurationError: One of them can never be used.
        AuthError: In a call: the server asks for `auth-int` alone, and the body is no bytes.
    """

    def __init__(
        self, user: Secret, password: Secret, *, algorithms: Iterable[str] = tuple(_HASHES)
    ) -> None:
        self._user = SecretSource("user of a DigestAuth", user, may_be_empty=True)
        self._password = SecretSource("password of a DigestAuth", password, may_be_empty=True)
        given = [algorithms] if isinstance(algorithms, str) else list(algorithms)
        if not given or not set(given) <= set(_HASHES):
            raise ConfigurationError(
                f"algorithms of a DigestAuth must be some of {', '.join(_HASHES)}, got {given!r}"
            )
        self._algorithms = [one for one in _HASHES if one in given]
        self._lock = threading.RLock()
        start_over_in_child(self._lock, "_at_fork_reinit")
        self._sessions: OrderedDict[Origin, _Session] = OrderedDict()

    @override
    def flow(self, request: Request) -> Flow:
        session = self._known(request.origin)
        # One request that is challenged, one that answers, and one more where the nonce was stale.
        for attempt in range(3):
            if session is not None:
                request.headers["Authorization"] = self._sign(session, request)
            response = yield request
            if response.status != 401:
                self._take_next(request.origin, session, response)
                return
            fresh, stale = self._challenged(response)
            if fresh is None or (attempt and not stale):
                self._forget(request.origin)
                return
            session = self._keep(request.origin, fresh)
            if not request.replayable:
                return

    def _challenged(self, response: RawResponse) -> tuple[_Session | None, bool]:
        best: tuple[int, dict[str, str]] | None = None
        for scheme, given in read_challenges(response.headers.getall("WWW-Authenticate", [])):
            rank = self._rank(given) if scheme == "digest" else None
            if rank is not None and (best is None or rank < best[0]):
                best = rank, given
        if best is None:
            return None, False
        return _Session(best[1]), best[1].get("stale", "").lower() == "true"

    def _rank(self, given: dict[str, str]) -> int | None:
        name = _plain(given.get("algorithm", "MD5"))
        if not given.get("algorithm", "").isascii():
            return None  # Some letters beyond ASCII are ASCII in capitals.
        if name not in self._algorithms or _HASHES[name] not in hashlib.algorithms_available:
            return None
        if "realm" not in given or not given.get("nonce"):
            return None
        for key in ("realm", "nonce", "opaque", "algorithm"):
            if len(given.get(key, "")) > _LONGEST or not given.get(key, "").isprintable():
                return None
        if not (given["nonce"] + given.get("opaque", "")).isascii():
            return None
        if any(character > "\xff" for character in given["realm"]):
            return None  # It has to be told back, and no header can.
        if "qop" in given and not _qops(given):
            return None
        return self._algorithms.index(name)

    def _sign(self, session: _Session, request: Request) -> str:
        user, password = self._user.get(), self._password.get()
        with self._lock:
            session.count += 1
            count = session.count
        return session.answer(user, password, request, count)

    def _known(self, origin: Origin) -> _Session | None:
        with self._lock:
            return self._sessions.get(origin)

    def _keep(self, origin: Origin, session: _Session) -> _Session:
        with self._lock:
            kept = self._sessions.get(origin)
            if kept is not None and {**kept.given, "stale": ""} == {**session.given, "stale": ""}:
                return kept  # Several calls were given one nonce: its count goes on.
            self._sessions[origin] = session
            self._sessions.move_to_end(origin)
            if len(self._sessions) > _MOST_ORIGINS:
                self._sessions.popitem(last=False)
            return session

    def _forget(self, origin: Origin) -> None:
        with self._lock:
            self._sessions.pop(origin, None)

    def _take_next(self, origin: Origin, session: _Session | None, response: RawResponse) -> None:
        if session is None:
            return
        nonce = read_parameters(response.headers.get("Authentication-Info", "")).get("nextnonce")
        if nonce and len(nonce) <= _LONGEST and nonce.isascii() and nonce.isprintable():
            self._keep(origin, _Session({**session.given, "nonce": nonce}))


class _Session:
    """A nonce of a server, and how often it was used; all text is UTF-8, as it is sent."""

    __slots__ = ("cnonce", "count", "given")

    def __init__(self, given: dict[str, str], cnonce: str | None = None) -> None:
        self.given = given
        self.count = 0
        # One for each nonce, so that a `-sess` has one key (RFC 7616 3.4.2); `nc` differs.
        self.cnonce = cnonce or secrets.token_urlsafe(24)

    def answer(self, user: str, password: str, request: Request, count: int) -> str:
        """Return the field `Authorization` (RFC 7616 3.4)."""
        given = self.given
        realm, nonce = given["realm"], given["nonce"]
        algorithm = given.get("algorithm", "MD5")

        def digest(text: str | bytes) -> str:
            data = text if isinstance(text, bytes) else text.encode()
            name = _HASHES[_plain(algorithm)]
            return hashlib.new(name, data, usedforsecurity=False).hexdigest()

        key = digest(f"{user}:{realm}:{password}")
        if algorithm.lower().endswith("-sess"):
            key = digest(f"{key}:{nonce}:{self.cnonce}")
        act = f"{request.method}:{request.target}"
        qop = _choose(given, request)
        if qop == "auth-int":
            body = request.body or b""
            assert isinstance(body, bytes)
            act += f":{digest(body)}"
        middle = f"{nonce}:{count:08x}:{self.cnonce}:{qop}" if qop else nonce
        fields = [
            *_name_fields(user, digest(f"{user}:{realm}"), given),
            f"realm={_quote(realm)}",
            f"uri={_quote(request.target)}",
            f"nonce={_quote(nonce)}",
            f'response="{digest(f"{key}:{middle}:{digest(act)}")}"',
        ]
        if "algorithm" in given:
            fields.append(f"algorithm={algorithm}")
        if qop:
            fields += [f"nc={count:08x}", f"qop={qop}"]
        if qop or algorithm.lower().endswith("-sess"):
            fields.append(f'cnonce="{self.cnonce}"')
        if "opaque" in given:
            fields.append(f"opaque={_quote(given['opaque'])}")
        return f"Digest {', '.join(fields)}"


def _plain(algorithm: str) -> str:
    return algorithm.upper().removesuffix("-SESS")


def _qops(given: dict[str, str]) -> set[str]:
    return {one.strip().lower() for one in given["qop"].split(",")} & {"auth", "auth-int"}


def _choose(given: dict[str, str], request: Request) -> str | None:
    if "qop" not in given:
        return None  # RFC 2069.
    offered = _qops(given)
    if "auth" in offered:
        return "auth"
    if not isinstance(request.body, bytes | None):
        raise AuthError(
            "the server asks for Digest with qop=auth-int, which needs the body as bytes, got "
            f"{type(request.body).__name__}"
        )
    return "auth-int"


def _name_fields(user: str, hashed: str, given: dict[str, str]) -> list[str]:
    if given.get("userhash", "").lower() == "true":
        return [f'username="{hashed}"', "userhash=true"]
    if user.isascii():
        return [f"username={_quote(user)}"]
    return [f"username*=UTF-8''{quote(user, safe='')}"]  # RFC 7616 3.4.


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
