"""`DigestAuth`: user and password that are proved, not sent (RFC 7616)."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from typing_extensions import override
from yarl import URL

from ..client.shapes import is_iterable
from ..client.url import Origin
from ..errors import AuthError, ConfigurationError
from ..fork import start_over_in_child
from .base import Auth, Flow
from .challenges import read_challenges, read_parameters
from .secret import Secret, SecretSource

if TYPE_CHECKING:
    from ..client.request import Request
    from ..client.response import RawResponse

__all__ = ["DigestAuth"]

_HASHES = {"SHA-512": "sha512", "SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
"""What is known, the strongest first."""

_MOST_ORIGINS = 100
_LONGEST = 4096


class DigestAuth(Auth):
    """User and password that are proved to the server and never sent (RFC 7616).

    The first request to an origin is sent without them, and again with the answer to its
    challenge. The nonce is kept, so that later requests need no challenge, save those outside of
    the paths that `domain` of the challenge names. Of several challenges the strongest is
    answered; Basic never is. One that cannot be answered ends in the 401 itself, as does a body
    that cannot be sent twice; the nonce is kept for the next call all the same.

    Args:
        user: The user.
        password: The password.
        algorithms: Which of `"SHA-512"`, `"SHA-512-256"`, `"SHA-256"` and `"MD5"` are answered,
            each with its `-sess`. `SHA-512-256` is left out where the OpenSSL of Python has none.

    Raises:
        ConfigurationError: One of them can never be used.
        AuthError: In a call: the server asks for `auth-int` alone, and the body is no bytes; or
            its `rspauth` does not prove that it knows the password.
    """

    def __init__(
        self, user: Secret, password: Secret, *, algorithms: Iterable[str] = tuple(_HASHES)
    ) -> None:
        self._user = SecretSource("user of a DigestAuth", user, may_be_empty=True)
        self._password = SecretSource("password of a DigestAuth", password, may_be_empty=True)
        self._algorithms = _check_algorithms(algorithms)
        self._start_over()
        # A nonce that the child went on with would be counted twice.
        start_over_in_child(self, "_start_over")

    def _start_over(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[Origin, _Session] = {}

    @override
    def flow(self, request: Request) -> Flow:
        session = self.session_of(request)
        # One request that is challenged, one that answers, and one more where the nonce was stale.
        for attempt in range(3):
            answer = None
            if session is not None:
                answer = session.answer(self._user.get(), self._password.get(), request)
                request.headers["Authorization"] = answer.field
            response = yield request
            if response.status != 401:
                if answer is not None:
                    self._take_info(request.origin, answer, response)
                return
            fresh, stale = self._challenged(request, response)
            if fresh is None or (attempt and not stale):
                self._sessions.pop(request.origin, None)
                return
            session = self._keep(request.origin, fresh)
            if not request.replayable:
                return

    def session_of(self, request: Request) -> _Session | None:
        """Return the nonce that a request is sent with, `None` where a server has to ask first."""
        session = self._sessions.get(request.origin)
        return session if session and request.target.startswith(session.space) else None

    def _challenged(self, request: Request, response: RawResponse) -> tuple[_Session | None, bool]:
        best: tuple[int, dict[str, str]] | None = None
        for scheme, given in read_challenges(response.headers.getall("WWW-Authenticate", [])):
            rank = self._rank(given) if scheme == "digest" else None
            if rank is not None and (best is None or rank < best[0]):
                best = rank, given
        if best is None:
            return None, False
        given = best[1]
        space = _space(given.get("domain", ""), request)
        return _Session(given, space=space), given.get("stale", "").lower() == "true"

    def _rank(self, given: dict[str, str]) -> int | None:
        name = _plain(given.get("algorithm", "MD5"))
        if not given.get("algorithm", "").isascii():
            return None  # Some letters beyond ASCII are ASCII in capitals.
        if name not in self._algorithms or _HASHES[name] not in hashlib.algorithms_available:
            return None
        if "realm" not in given or not given.get("nonce"):
            return None
        for key in ("realm", "nonce", "opaque", "algorithm", "domain"):
            if len(given.get(key, "")) > _LONGEST or not given.get(key, "").isprintable():
                return None
        if not (given["nonce"] + given.get("opaque", "")).isascii():
            return None
        if any(character > "\xff" for character in given["realm"]):
            return None  # It has to be told back, and no header can.
        if "qop" in given and not _qops(given):
            return None
        return self._algorithms.index(name)

    def _keep(self, origin: Origin, session: _Session) -> _Session:
        with self._lock:
            kept = self._sessions.get(origin)
            if kept is not None and {**kept.given, "stale": ""} == {**session.given, "stale": ""}:
                return kept  # Several calls were given one nonce: its count goes on.
            self._sessions.pop(origin, None)  # So that it is the last.
            self._sessions[origin] = session
            if len(self._sessions) > _MOST_ORIGINS:
                self._sessions.pop(next(iter(self._sessions)), None)
            return session

    def _take_info(self, origin: Origin, answer: _Answer, response: RawResponse) -> None:
        info = read_parameters(response.headers.get("Authentication-Info", ""))
        if not answer.is_proved(info, response):
            raise AuthError(
                "the `rspauth` of the server is wrong: it does not know the password, or what it "
                "sent was changed on the way"
            )
        nonce = info.get("nextnonce")
        if nonce and len(nonce) <= _LONGEST and nonce.isascii() and nonce.isprintable():
            session = answer.session
            self._keep(origin, _Session({**session.given, "nonce": nonce}, space=session.space))


class _Session:
    """A nonce of a server, and how often it was used; all text is UTF-8, as it is sent."""

    __slots__ = ("cnonce", "counts", "given", "space")

    def __init__(
        self,
        given: dict[str, str],
        cnonce: str | None = None,
        space: tuple[str, ...] = ("",),
    ) -> None:
        self.given = given
        self.counts = count(1)
        # One for each nonce, so that a `-sess` has one key (RFC 7616 3.4.2); `nc` differs.
        self.cnonce = cnonce or secrets.token_urlsafe(24)
        self.space = space

    def answer(self, user: str, password: str, request: Request) -> _Answer:
        """Return the answer for a request, with the next count (RFC 7616 3.4)."""
        return _Answer(self, user, password, request)


class _Answer:
    """What a request says of the password, and what its response must say, if anything.

    Attributes:
        session: The nonce.
        field: The field `Authorization`.
    """

    __slots__ = ("_key", "_nc", "_qop", "_target", "field", "session")

    def __init__(self, session: _Session, user: str, password: str, request: Request) -> None:
        self.session = session
        given = session.given
        realm, nonce = given["realm"], given["nonce"]
        is_sess = given.get("algorithm", "").lower().endswith("-sess")
        self._key = self._hash(f"{user}:{realm}:{password}")
        if is_sess:
            self._key = self._hash(f"{self._key}:{nonce}:{session.cnonce}")
        self._nc = f"{next(session.counts):08x}"
        self._target = request.target
        self._qop = _choose(given, request)
        body = request.body if isinstance(request.body, bytes) else b""
        fields = [
            *_name_fields(user, self._hash(f"{user}:{realm}"), given),
            f"realm={_quote(realm)}",
            f"uri={_quote(request.target)}",
            f"nonce={_quote(nonce)}",
            f'response="{self._digest(request.method, self._qop, body)}"',
        ]
        if "algorithm" in given:
            fields.append(f"algorithm={given['algorithm']}")
        if self._qop:
            fields += [f"nc={self._nc}", f"qop={self._qop}"]
        if self._qop or is_sess:
            fields.append(f'cnonce="{session.cnonce}"')
        if "opaque" in given:
            fields.append(f"opaque={_quote(given['opaque'])}")
        self.field = f"Digest {', '.join(fields)}"

    def is_proved(self, info: dict[str, str], response: RawResponse) -> bool:
        """Return whether `rspauth` is right (RFC 7616 3.5), or there is none that can be checked.

        A body that was compressed is there no more as it was sent.
        """
        qop = info.get("qop", self._qop or "").lower()
        if "rspauth" not in info or self._qop is None:
            return True
        if qop == "auth-int" and "Content-Encoding" in response.headers:
            return True
        return info["rspauth"].lower() == self._digest("", qop, response.content)

    def _digest(self, method: str, qop: str | None, body: bytes) -> str:
        act = f"{method}:{self._target}"
        if qop == "auth-int":
            act += f":{self._hash(body)}"
        nonce = self.session.given["nonce"]
        middle = f"{nonce}:{self._nc}:{self.session.cnonce}:{qop}" if qop else nonce
        return self._hash(f"{self._key}:{middle}:{self._hash(act)}")

    def _hash(self, text: str | bytes) -> str:
        data = text if isinstance(text, bytes) else text.encode()
        name = _HASHES[_plain(self.session.given.get("algorithm", "MD5"))]
        return hashlib.new(name, data, usedforsecurity=False).hexdigest()


def _check_algorithms(algorithms: object) -> list[str]:
    """Return the known ones that are given, the strongest first."""
    given = [algorithms] if isinstance(algorithms, str) else algorithms
    names: list[Any] = list(given) if is_iterable(given) else []
    known = list(_HASHES)
    if not names or not all(one in known for one in names):
        from ..client.checks import near_miss

        odd = next((one for one in names if isinstance(one, str) and one not in known), "")
        raise ConfigurationError(
            f"algorithms of a DigestAuth must be some of {', '.join(known)}, got "
            f"{algorithms!r}{near_miss(odd.upper(), known)}"
        )
    return [one for one in known if one in names]


def _space(domain: str, request: Request) -> tuple[str, ...]:
    """Return how the targets begin that `domain` of a challenge holds (RFC 7616 3.3).

    All of them, where it says nothing that holds the request which was challenged.
    """
    found: list[str] = []
    root = URL(request.origin.prefix)
    for one in domain.split():
        with contextlib.suppress(ValueError):
            url = root.join(URL(one))
            if Origin.of(url) == request.origin:
                found.append(url.raw_path_qs)
    space = tuple(found)
    return space if request.target.startswith(space) else ("",)


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
