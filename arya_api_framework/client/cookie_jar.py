"""`CookieJar`: the cookies that servers set, kept and sent back by RFC 6265."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

from typing_extensions import override

from ..errors import ConfigurationError
from ..options import CookiePolicy
from .encoding import is_field_value
from .set_cookie import BLANKS, FAR, attributes_of, cookie_path, expiry_of
from .url import Origin

__all__ = ["Cookie", "CookieJar", "CookieText"]

MAX_BYTES = 4096
"""The name and value of one cookie (RFC 6265 6.1)."""
MAX_PER_HOST = 50
MAX_COOKIES = 3000

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DOMAIN = re.compile(r"[a-z0-9._\-]+|[0-9a-f:.]*:[0-9a-f:.]*")


Key: TypeAlias = tuple[str, str]
Shelf: TypeAlias = Mapping[Key, "Cookie"]
"""The cookies of one domain by path and name, the oldest first."""


class CookieText(str):
    """The value of a `Cookie` header that `cookies=` and a jar made; any other was given by hand.

    Attributes:
        own: The part that `cookies=` of client and call made, which no jar changes.
    """

    __slots__ = ("own",)

    own: str

    @classmethod
    def of(cls, own: str, kept: Iterable[Cookie] = ()) -> CookieText:
        """Return the text of own cookies, with those of a jar that have other names."""
        parts = [own] if own else []
        names = {part.partition("=")[0] for part in own.split("; ")}
        parts += [f"{one.name}={one.value}" for one in kept if one.name not in names]
        text = cls("; ".join(parts))
        text.own = own
        return text


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie that a server set.

    Attributes:
        name: Its name.
        value: Its value as it came; no repr shows it.
        domain: The host that set it, or the domain that it is for.
        path: Where it is sent to: this path and what is below.
        expires: When it is over, in seconds since 1970; `None` where the server did not say.
        created: When it was first set.
        secure: Whether it is sent over https only.
        http_only: Whether it was to be kept from scripts of a page.
        host_only: Whether it is sent to `domain` alone, and to no host below.
    """

    name: str
    value: str = field(repr=False)
    domain: str
    path: str = "/"
    expires: float | None = None
    created: float = 0.0
    secure: bool = False
    http_only: bool = False
    host_only: bool = True

    def is_expired(self, now: float | None = None) -> bool:
        """Return whether it is over."""
        return self.expires is not None and self.expires <= (time.time() if now is None else now)


class CookieJar:
    """The cookies that servers set, for one client and its copies; any thread may use it.

    Each write swaps what is never changed, so that nobody who reads waits, or sees a half.

    Attributes:
        shelves: The cookies by domain, those among them that are over.
        mutex: What is held while the jar is written.
    """

    def __init__(self, policy: CookiePolicy = "strict") -> None:
        self._policy: CookiePolicy = policy
        self.mutex = threading.RLock()
        self.shelves: Mapping[str, Shelf] = {}

    @property
    def policy(self) -> CookiePolicy:
        """Which cookies are kept: the `cookie_policy` of the client."""
        return self._policy

    def __iter__(self) -> Iterator[Cookie]:
        return iter(self._living(time.time()))

    def __len__(self) -> int:
        return len(self._living(time.time()))

    def __contains__(self, one: object) -> bool:
        return any(one in (cookie, cookie.name) for cookie in self)

    def get(self, name: str) -> Cookie | None:
        """Return the cookie of a name, `None` where there is none.

        Of several, that with the longest path, then the oldest.
        """
        return next(iter(_in_order(one for one in self if one.name == name)), None)

    def clear(self) -> None:
        """Forget all cookies."""
        with self.mutex:
            self.shelves = {}

    def dump(self) -> str:
        """Return the cookies as JSON, their values among it."""
        names = [one.name for one in fields(Cookie)]
        cookies = [{name: getattr(one, name) for name in names} for one in self]
        return json.dumps({"version": 1, "cookies": cookies}, indent=1)

    def restore(self, text: str) -> None:
        """Put back what `dump` returned, over what is there; what the policy forbids is left out.

        Raises:
            ConfigurationError: It is nothing that `dump` returns. The jar is as it was.
        """
        try:
            told = json.loads(text)
            if told["version"] != 1:
                raise ValueError("version")
            cookies = [_check(Cookie(**one)) for one in told["cookies"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            # No cause: that could show a value.
            raise ConfigurationError(
                "a cookie jar is restored from the text that `dump` of one returned, with nothing "
                "changed; this is none"
            ) from None
        self._put([one for one in cookies if self._allows(one)])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the cookies to a file that only its owner can read (mode 0600), all or nothing.

        Raises:
            OSError: It cannot be written; the file that was there stays.
        """
        import tempfile

        folder, name = os.path.split(os.path.abspath(path))
        handle, made = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(self.dump())
                file.flush()
                os.fsync(file.fileno())
            os.replace(made, path)
        except BaseException:
            os.unlink(made)
            raise

    def load(self, path: str | os.PathLike[str]) -> None:
        """Restore the cookies of a file that `save` wrote.

        Raises:
            ConfigurationError: It is no such file.
            OSError: It cannot be read.
        """
        with open(path, encoding="ascii", errors="replace") as file:
            self.restore(file.read())

    def find(self, origin: Origin, target: str) -> list[Cookie]:
        """Return what is sent with a request: longest path first, then the oldest (5.4)."""
        host, now, path = origin.host, time.time(), target.partition("?")[0]
        shelves = self.shelves
        found = [
            one
            for domain in (host, *_above(host))
            if domain in shelves
            for one in shelves[domain].values()
            if (not one.host_only or domain == host)
            and (not one.secure or origin.scheme == "https")
            and _is_below(path, one.path)
            and not one.is_expired(now)
        ]
        return _in_order(found)

    def store(self, origin: Origin, target: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep the cookies of a response; nothing that a server sends makes it fail.

        Args:
            origin: Where the request went.
            target: Its path and query.
            headers: The fields of the response.
        """
        now = time.time()
        made = (
            self._parse(value, origin, target, now)
            for name, value in headers
            if name.lower() == b"set-cookie"
        )
        cookies = [one for one in made if one is not None]
        if cookies:
            self._put(cookies, is_secure=origin.scheme == "https")

    def _parse(self, line: bytes, origin: Origin, target: str, now: float) -> Cookie | None:
        """Return the cookie of a `Set-Cookie` field, `None` for one that is refused (5.2, 5.3)."""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return None
        if _CONTROLS.search(text):
            return None
        pair, _, rest = text.partition(";")
        name, equals, value = pair.partition("=")
        name, value = name.strip(BLANKS), value.strip(BLANKS)
        if not equals or not name or "\t" in name + value:
            return None
        if len(f"{name}{value}".encode()) > MAX_BYTES or not is_field_value(f"{name}={value}"):
            return None
        attributes = attributes_of(rest)
        secure = "secure" in attributes
        if secure and origin.scheme != "https":
            return None
        domain = attributes.get("domain", "").removeprefix(".").lower()
        cookie = Cookie(
            name,
            value,
            domain or origin.host,
            cookie_path(attributes, target),
            expiry_of(attributes, now),
            now,
            secure,
            "httponly" in attributes,
            not domain,
        )
        kept = self._for_domain(cookie, origin.host) if domain else cookie
        if kept is None or not self._allows(kept):
            return None
        return kept if _keeps_prefix(kept, has_domain=bool(domain)) else None

    def _for_domain(self, cookie: Cookie, host: str) -> Cookie | None:
        """Return a cookie with a `Domain`, as it is kept for a host; `None` if it is not."""
        domain = cookie.domain
        if domain != host and domain not in _above(host):
            return None
        if self._policy == "any" and "." in domain and not _is_address(host):
            return cookie
        # A single label may be a whole country's; of its own host it says nothing new (5.3, 5).
        if self._policy == "any" and domain != host:
            return None
        return _changed(cookie, domain=host, host_only=True)

    def _allows(self, cookie: Cookie) -> bool:
        """Return whether the policy lets a cookie be kept."""
        if self._policy == "strict":
            return cookie.host_only and not _is_address(cookie.domain)
        return self._policy == "any"

    def _put(self, cookies: Iterable[Cookie], *, is_secure: bool = True) -> None:
        """Lay cookies over those that are kept; those that are over delete theirs."""
        now = time.time()
        with self.mutex:
            shelves = dict(self.shelves)
            for one in cookies:
                shelf = dict(shelves.get(one.domain, {}))
                key = (one.path, one.name)
                old = shelf.get(key)
                if not is_secure and _covers_secure(shelves, one, now):
                    continue
                if old is not None and not old.is_expired(now):
                    one = _changed(one, created=old.created)
                else:
                    shelf.pop(key, None)
                shelf[key] = one
                shelves[one.domain] = shelf
                if one.is_expired(now) or len(shelf) > MAX_PER_HOST:
                    _tidy(shelves, one.domain, now)
            if sum(map(len, shelves.values())) > MAX_COOKIES:
                _limit(shelves, now)
            self.shelves = shelves

    def _living(self, now: float) -> list[Cookie]:
        shelves = self.shelves.values()
        return [one for shelf in shelves for one in shelf.values() if not one.is_expired(now)]

    @override
    def __repr__(self) -> str:
        return f"<CookieJar {self._policy} {sorted({one.name for one in self})}>"


def _covers_secure(shelves: Mapping[str, Shelf], cookie: Cookie, now: float) -> bool:
    """Return whether a cookie would be taken for a secure one, or replace it (6265bis 5.7).

    Whoever can change plain http must not be able to say what https sends.
    """
    domain = cookie.domain
    return any(
        old.secure
        and old.name == cookie.name
        and not old.is_expired(now)
        and _is_below(cookie.path, old.path)
        for other, shelf in shelves.items()
        if other == domain or other in _above(domain) or domain in _above(other)
        for old in shelf.values()
    )


def _tidy(shelves: dict[str, Shelf], domain: str, now: float) -> None:
    """Take from a shelf what is over, then the oldest of too many, secure ones last."""
    living = {key: one for key, one in shelves[domain].items() if not one.is_expired(now)}
    spare = len(living) - MAX_PER_HOST
    for key in sorted(living, key=lambda key: living[key].secure)[: max(spare, 0)]:
        del living[key]
    shelves[domain] = living
    if not living:
        del shelves[domain]


def _limit(shelves: dict[str, Shelf], now: float) -> None:
    """Take from all shelves what is over, then the oldest of too many, secure ones last."""
    for domain in list(shelves):
        _tidy(shelves, domain, now)
    every = [(one, domain, key) for domain, shelf in shelves.items() for key, one in shelf.items()]
    every.sort(key=lambda entry: (entry[0].secure, entry[0].created))
    gone = {(domain, key) for _, domain, key in every[: max(0, len(every) - MAX_COOKIES)]}
    for domain in {domain for domain, _ in gone}:
        left = {k: one for k, one in shelves[domain].items() if (domain, k) not in gone}
        shelves[domain] = left
        if not left:
            del shelves[domain]


def _changed(cookie: Cookie, **changes: Any) -> Cookie:
    return Cookie(**{one.name: getattr(cookie, one.name) for one in fields(Cookie)} | changes)


def _in_order(cookies: Iterable[Cookie]) -> list[Cookie]:
    return sorted(cookies, key=lambda one: (-len(one.path), one.created))


def _is_below(path: str, folder: str) -> bool:
    """Return whether a path matches that of a cookie (5.1.4)."""
    return path.startswith(folder) and (
        len(path) == len(folder) or folder.endswith("/") or path[len(folder)] == "/"
    )


def _keeps_prefix(cookie: Cookie, *, has_domain: bool) -> bool:
    """Return whether a cookie is what its name promises (RFC 6265bis 4.1.3)."""
    name = cookie.name.lower()
    if name.startswith("__host-"):
        return cookie.secure and cookie.path == "/" and not has_domain
    return cookie.secure or not name.startswith("__secure-")


def _is_address(host: str) -> bool:
    """Return whether the host of an origin is an IP address; no name ends in a number."""
    return ":" in host or host.rpartition(".")[2].isdigit()


def _above(host: str) -> list[str]:
    """Return the domains that a host lies in, the nearest first; an address lies in none."""
    if _is_address(host):
        return []
    labels = host.split(".")
    return [".".join(labels[index:]) for index in range(1, len(labels))]


def _check(cookie: Cookie) -> Cookie:
    """Check a cookie that was read from a text.

    Raises:
        ValueError: It is none that could have been kept.
        TypeError: A part is of a wrong kind.
    """
    texts = (cookie.name, cookie.value, cookie.domain, cookie.path)
    flags = (cookie.secure, cookie.http_only, cookie.host_only)
    times = (0.0 if cookie.expires is None else cookie.expires, cookie.created)
    if not all(type(one) is str for one in texts) or not all(type(one) is bool for one in flags):
        raise TypeError("kind")
    if not all(type(one) in (int, float) and abs(one) <= 100 * FAR for one in times):
        raise TypeError("time")
    if (
        not cookie.name
        or any(mark in cookie.name + cookie.value for mark in ";\t")
        or "=" in cookie.name
        or not is_field_value(f"{cookie.name}={cookie.value}")
        or len(f"{cookie.name}{cookie.value}".encode()) > MAX_BYTES
        or not _DOMAIN.fullmatch(cookie.domain)
        or not cookie.path.startswith("/")
        or _CONTROLS.search(cookie.path)
        or not _keeps_prefix(cookie, has_domain=not cookie.host_only)
    ):
        raise ValueError("cookie")
    return cookie
