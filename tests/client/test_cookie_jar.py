"""The jar by itself: what it keeps of what servers write, and what it sends back (RFC 6265)."""

import calendar
import json
import stat
import threading
import time
import urllib.request
from email.message import Message
from http.cookiejar import CookieJar as StandardJar
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arya_api_framework import Cookie, CookieJar
from arya_api_framework.client.cookie_jar import (
    MAX_COOKIES,
    MAX_PER_HOST,
    CookieText,
)
from arya_api_framework.client.set_cookie import parse_date
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import ConfigurationError
from arya_api_framework.options import CookiePolicy

HTTPS = Origin("https", "api.example.com", 443)
HTTP = Origin("http", "api.example.com", 80)
POLICIES: list[CookiePolicy] = ["strict", "any", "off"]


def store(jar: CookieJar, *lines: str | bytes, origin: Origin = HTTPS, target: str = "/") -> None:
    """Give a jar the `Set-Cookie` fields of one response."""
    fields = [(b"Set-Cookie", line if isinstance(line, bytes) else line.encode()) for line in lines]
    jar.store(origin, target, [(b"Server", b"x=y"), *fields])


def sent(jar: CookieJar, origin: Origin = HTTPS, target: str = "/") -> str:
    """Return what would be sent with a request."""
    return CookieText.of("", jar.find(origin, target))


def kept(*lines: str | bytes, policy: CookiePolicy = "any", **where: Any) -> list[Cookie]:
    """Return what a new jar keeps."""
    jar = CookieJar(policy)
    store(jar, *lines, **where)
    return list(jar)


# Names and values


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        ("a=1", ("a", "1")),
        (" a\t = 1 \t; Path=/", ("a", "1")),
        ("a=", ("a", "")),
        ("a=b=c", ("a", "b=c")),
        ('a="x y"', ("a", '"x y"')),
        ("a b=c,d", ("a b", "c,d")),
        ("a=\u00fc", ("a", "\u00fc")),
        ("a=1;;; =; HttpOnly=yes", ("a", "1")),
        ("a=" + "x" * 4095, ("a", "x" * 4095)),
    ],
)
def test_a_pair_is_kept_as_it_came(line: str, pair: tuple[str, str]) -> None:
    """Blanks around are none of it; all else is (RFC 6265 5.2)."""
    (cookie,) = kept(line)
    assert (cookie.name, cookie.value) == pair
    assert cookie.http_only is ("HttpOnly" in line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a",
        "=1",
        " =1",
        ";a=1",
        "a=1\x00",
        "a=1; Path=/\x7f",
        "a\tb=1",
        "a=1\t2",
        "a=" + "x" * 4096,
        b"a=\xff",
        "a=\u4e2d",
    ],
)
def test_what_is_refused(line: str | bytes) -> None:
    """No name, a control character, too many bytes, or nothing that can be sent back."""
    assert [one.name for one in kept(line, "b=2")] == ["b"]


# Dates


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", (1994, 11, 6, 8, 49, 37)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", (1994, 11, 6, 8, 49, 37)),
        ("Sun Nov  6 08:49:37 1994", (1994, 11, 6, 8, 49, 37)),
        ("6 november 2069 8:9:7", (2069, 11, 6, 8, 9, 7)),
        ("1-Jan-70 0:0:0", (1970, 1, 1, 0, 0, 0)),
        ("1-Jan-69 0:0:0", (2069, 1, 1, 0, 0, 0)),
        ("29 Feb 2024 23:59:59zone", (2024, 2, 29, 23, 59, 59)),
        ("31 Dec 9999 23:59:59", (9999, 12, 31, 23, 59, 59)),
        ("1 Jan 1601 00:00:00", (1601, 1, 1, 0, 0, 0)),
        ("10:10:10 11th Mar 2020 5 12:12:12", (2020, 3, 11, 10, 10, 10)),
    ],
)
def test_dates(text: str, moment: tuple[int, ...]) -> None:
    """Dates are found in whatever order their parts come (5.1.1)."""
    assert parse_date(text) == calendar.timegm(moment)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "now", "Nov 1994 08:49:37", "6 1994 08:49:37", "6 Nov 08:49:37", "6 Nov 1994"),
        *("6 Nov 1600 08:49:37", "6 Nov 1994 24:00:00", "6 Nov 1994 00:60:00"),
        *("6 Nov 1994 00:00:60", "30 Feb 2024 00:00:00", "0 Feb 2024 00:00:00"),
        *("6 Nov 19944 00:00:00", "6 Nov 1994 00:00:000", "29 Feb 2023 00:00:00"),
    ],
)
def test_what_is_no_date(text: str) -> None:
    """It counts as if it were not there: the cookie stays until the client is gone."""
    assert parse_date(text) is None
    assert kept(f"a=1; Expires={text}")[0].expires is None


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [
        ("Max-Age=60", 60),
        ("max-age=060; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 60),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT; MAX-AGE=60", 60),
        ("Max-Age=5; Max-Age=60", 60),
        ("Max-Age=60; Max-Age=soon", 60),
        ("Max-Age=9999999999", 9999999999),
        ("Max-Age=99999999999", 10**10),
        ("Max-Age=" + "9" * 1000, 10**10),
    ],
)
def test_max_age_counts_before_expires(attributes: str, seconds: float) -> None:
    """The last that can be read counts, and none is for ever (5.3)."""
    before = time.time()
    (cookie,) = kept(f"a=1; {attributes}")
    assert cookie.expires is not None
    assert before + seconds <= cookie.expires <= time.time() + seconds


@pytest.mark.parametrize("age", ["", "1.5", "+60", "\u0661", "9" * 1025])
def test_an_age_that_is_no_number(age: str) -> None:
    """It counts as if it were not there (5.2.2)."""
    assert kept(f"a=1; Max-Age={age}")[0].expires is None


@pytest.mark.parametrize(
    "attributes",
    ["Max-Age=0", "Max-Age=-1", "Max-Age=-" + "9" * 900, "Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
)
def test_a_cookie_that_is_over_deletes(attributes: str) -> None:
    """That of the same name and path alone, also where it comes with others."""
    jar = CookieJar()
    store(jar, "a=1", "b=2", "a=3; Path=/deep")
    store(jar, f"a=; {attributes}", "c=3")
    assert sent(jar, target="/deep") == "a=3; b=2; c=3"
    store(jar, *(f"{name}=; Path={path}; {attributes}" for name, path in PATHS))
    assert (len(jar), dict(jar.shelves)) == (0, {})


PATHS = [("a", "/deep"), ("b", "/"), ("c", "/")]


def test_what_ends_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither sent nor shown when its time is over, and makes room for a new one."""
    jar = CookieJar()
    store(jar, "a=1; Max-Age=60", "b=2")
    first = jar.get("a")
    assert first is not None
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert (sent(jar), len(jar), jar.get("a"), first.is_expired()) == ("b=2", 1, None, True)
    store(jar, "a=3")
    assert sent(jar) == "b=2; a=3"


# Where they go


@pytest.mark.parametrize(
    ("target", "path", "expected"),
    [
        ("/a/b?c=/d", "", "/a"),
        ("/a", "", "/"),
        ("/a/", "", "/a"),
        ("/", "", "/"),
        ("/a/b", "; Path=x", "/a"),
        ("/a/b", "; Path=", "/a"),
        ("/a/b", "; Path=/c", "/c"),
        ("/a/b", "; Path=/c; path=/d/", "/d/"),
        ("/a/b", "; Path=/" + "x" * 1024, "/a"),
    ],
)
def test_path(target: str, path: str, expected: str) -> None:
    """Its own, or the folder of what was asked for (5.1.4)."""
    assert [one.path for one in kept(f"a=1{path}", target=target)] == [expected]


@pytest.mark.parametrize(
    ("path", "target", "is_sent"),
    [
        ("/", "/any/where", True),
        ("/a", "/a", True),
        ("/a", "/a?b", True),
        ("/a", "/a/b", True),
        ("/a", "/ab", False),
        ("/a/", "/a", False),
        ("/a/", "/a/b", True),
        ("/a/b", "/a", False),
    ],
)
def test_path_match(path: str, target: str, is_sent: bool) -> None:
    """A cookie is for its path and what is below (5.1.4)."""
    jar = CookieJar()
    store(jar, f"a=1; Path={path}")
    assert (sent(jar, target=target) == "a=1") is is_sent


def test_order() -> None:
    """The longest path first, then the oldest, which a new value leaves as old as it was (5.4)."""
    jar = CookieJar()
    for line in ("a=1", "b=2; Path=/x", "c=3", "d=4; Path=/x/y", "a=5"):
        store(jar, line)
    assert sent(jar, target="/x/y") == "d=4; b=2; a=5; c=3"
    store(jar, "a=6; Path=/x")
    assert cast("Cookie", jar.get("a")).value == "6"
    assert jar.get("z") is None


@pytest.mark.parametrize(
    ("line", "strict", "any_"),
    [
        ("a=1", "api.example.com!", "api.example.com!"),
        ("a=1; Domain=", "api.example.com!", "api.example.com!"),
        ("a=1; Domain=api.example.com", "api.example.com!", "api.example.com"),
        ("a=1; Domain=.API.example.com", "api.example.com!", "api.example.com"),
        ("a=1; Domain=example.com", "api.example.com!", "example.com"),
        ("a=1; Domain=com", "api.example.com!", None),
        ("a=1; Domain=ple.com", None, None),
        ("a=1; Domain=other.test", None, None),
        ("a=1; Domain=deep.api.example.com", None, None),
        ("a=1; Domain=example.com; Domain=other.test", None, None),
    ],
)
def test_domain(line: str, strict: str | None, any_: str | None) -> None:
    """Strict keeps a cookie with the host that set it, `!`, whatever it says (5.1.3)."""
    for policy, expected in (("strict", strict), ("any", any_), ("off", None)):
        found = kept(line, policy=cast("CookiePolicy", policy))
        shown = [one.domain + "!" * one.host_only for one in found]
        assert shown == ([] if expected is None else [expected])


def test_a_cookie_of_a_domain_goes_to_its_hosts() -> None:
    """Where `cookie_policy` is "any"; one without a Domain does not."""
    jar = CookieJar("any")
    store(jar, "a=1; Domain=example.com", "b=2")
    assert set(sent(jar).split("; ")) == {"a=1", "b=2"}
    assert sent(jar, Origin("https", "example.com", 443)) == "a=1"
    assert sent(jar, Origin("https", "x.y.example.com", 443)) == "a=1"
    assert sent(jar, Origin("https", "badexample.com", 443)) == ""
    store(jar, "c=3", origin=Origin("https", "example.com", 443))
    assert "c=3" not in sent(jar)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_addresses(host: str) -> None:
    """They have cookies where `cookie_policy` is "any", for themselves alone."""
    origin = Origin("https", host, 443)
    assert kept("a=1", policy="strict", origin=origin) == []
    assert kept(f"a=1; Domain={host}", policy="strict", origin=origin) == []
    jar = CookieJar("any")
    store(jar, "a=1", f"b=2; Domain={host}", "c=3; Domain=0.0.1", "d=4; Domain=1", origin=origin)
    assert sent(jar, origin) == "a=1; b=2"
    assert all(one.host_only for one in jar)


@pytest.mark.parametrize("policy", ["strict", "any"])
def test_a_name_of_one_label(policy: CookiePolicy) -> None:
    """It may name itself, which says nothing new (5.3)."""
    (cookie,) = kept("a=1; Domain=localhost", policy=policy, origin=Origin("http", "localhost", 80))
    assert (cookie.domain, cookie.host_only) == ("localhost", True)


def test_secure_cookies_keep_to_https() -> None:
    """Over http they are neither taken, nor sent, nor replaced."""
    jar = CookieJar()
    store(jar, "a=1; Secure", "b=2")
    assert (sent(jar, HTTPS), sent(jar, HTTP)) == ("a=1; b=2", "b=2")
    store(jar, "a=3; Secure", "a=4", "a=; Max-Age=0", "b=5", origin=HTTP)
    assert (sent(jar, HTTPS), sent(jar, HTTP)) == ("a=1; b=5", "b=5")


@pytest.mark.parametrize("path", ["/", "/account", "/account/of"])
@pytest.mark.parametrize("domain", ["", "; Domain=example.com"])
def test_what_comes_over_http_is_not_taken_for_a_secure_cookie(path: str, domain: str) -> None:
    """Not at a longer path or another domain either, which would be sent first (6265bis 5.7)."""
    jar = CookieJar("any")
    store(jar, f"sid=good; Secure; Path=/{domain}", "old=1; Secure; Max-Age=0")
    store(jar, f"sid=evil; Path={path}", f"old=2; Path={path}", origin=HTTP)
    assert sent(jar, HTTPS, path) == "sid=good; old=2" if path == "/" else "old=2; sid=good"
    assert "evil" not in sent(jar, HTTPS, path)
    store(jar, f"sid=new; Path={path}")
    assert "new" in sent(jar, HTTPS, path)


def test_a_secure_cookie_beside_one_of_http() -> None:
    """Where the path of the secure one is not reached, both have their place."""
    jar = CookieJar()
    store(jar, "sid=good; Secure; Path=/account")
    store(jar, "sid=other; Path=/", origin=HTTP)
    assert (sent(jar, HTTPS, "/account"), sent(jar, HTTP)) == ("sid=good; sid=other", "sid=other")


@pytest.mark.parametrize("hosts", [1, MAX_COOKIES // MAX_PER_HOST + 2])
def test_secure_cookies_are_the_last_to_go(hosts: int) -> None:
    """Whoever can write plain http cannot push them out."""
    jar = CookieJar("any")
    store(jar, "sid=good; Secure")
    for host in range(hosts):
        origin = HTTP if not host else Origin("http", f"h{host}.example.com", 80)
        store(jar, *(f"a{number}=1" for number in range(MAX_PER_HOST + 10)), origin=origin)
    assert "sid=good" in sent(jar, HTTPS)
    assert len(jar) <= MAX_COOKIES


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        ("__Host-a=1; Secure; Path=/", True),
        ("__hOST-a=1; Secure", True),
        ("__Host-a=1; Path=/", False),
        ("__Host-a=1; Secure; Path=/b", False),
        ("__Host-a=1; Secure; Path=/; Domain=api.example.com", False),
        ("__Secure-a=1; Secure; Domain=example.com", True),
        ("__Secure-a=1", False),
        ("__secure-a=1; Path=/", False),
    ],
)
@pytest.mark.parametrize("policy", ["strict", "any"])
def test_prefixes(line: str, is_kept: bool, policy: CookiePolicy) -> None:
    """A cookie is what its name promises, or is none."""
    assert bool(kept(line, policy=policy)) is is_kept


# Limits


def test_fifty_of_a_host() -> None:
    """The oldest goes first; what is over goes before."""
    jar = CookieJar()
    store(jar, *(f"a{number}=1" for number in range(MAX_PER_HOST + 2)))
    assert [one.name for one in jar] == [f"a{number}" for number in range(2, MAX_PER_HOST + 2)]
    store(jar, "b=1", origin=Origin("https", "other.test", 443))
    assert len(jar) == MAX_PER_HOST + 1


def test_three_thousand_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of all hosts goes first."""
    jar = CookieJar()
    now = time.time()
    for host in range(MAX_COOKIES // 30 + 1):
        monkeypatch.setattr(time, "time", lambda host=host: now + host)
        lines = [f"a{number}=1" + "; Max-Age=1" * (host == 50) for number in range(30)]
        store(jar, *lines, origin=Origin("https", f"h{host}.test", 443))
    # One host's were over, which made the room.
    assert sum(map(len, jar.shelves.values())) == len(jar) == MAX_COOKIES
    assert ("h0.test" in jar.shelves, "h50.test" in jar.shelves) == (True, False)
    lines = [f"b{number}=1" for number in range(31)]
    store(jar, *lines, origin=Origin("https", "new.test", 443))
    assert len(jar) == MAX_COOKIES
    assert "h0.test" not in jar.shelves
    assert len(jar.shelves["h1.test"]) == 29


# Nothing that comes makes it fail

PARTS = st.sampled_from(
    [
        *("a", "=", ";", " ", "\t", ",", '"', "\x00", "\u00fc", "Expires", "Max-Age", "Domain"),
        *("Path", "Secure", "HttpOnly", "/", ".", "example.com", "1", "-", "9" * 30),
        *("1 Jan 2030 1:2:3", "__Host-", "api.example.com", "99:99:99", "feb", "\udcff", "\u0661"),
    ]
)
LINES = st.one_of(
    st.binary(max_size=60),
    st.lists(PARTS, max_size=14).map(lambda p: "".join(p).encode("utf-8", "surrogateescape")),
)


@given(lines=st.lists(LINES, max_size=4), policy=st.sampled_from(POLICIES), secure=st.booleans())
def test_nothing_that_a_server_sends_makes_it_fail(
    lines: list[bytes], policy: CookiePolicy, secure: bool
) -> None:
    """What is kept can be sent as one field, reads back as it was, and survives a file."""
    jar, origin = CookieJar(policy), HTTPS if secure else HTTP
    store(jar, *lines, origin=origin, target="/a/b?c")
    for one in jar:
        assert one.name
        assert one.value == one.value.strip(" \t")
        assert not {";", "\r", "\n", "\t", "\0"} & set(one.name + one.value)
        assert one.path.startswith("/")
        assert one.domain in {"api.example.com", "example.com"}
        again = CookieJar("any")
        store(again, f"{one.name}={one.value}")
        assert [(two.name, two.value) for two in again] == [(one.name, one.value)] or (
            one.name.startswith("__")
        )
    twin = CookieJar(policy)
    twin.restore(jar.dump())
    assert list(twin) == list(jar)


@given(st.text(max_size=40))
def test_no_text_makes_the_reader_of_dates_fail(text: str) -> None:
    """It is a moment or none."""
    moment = parse_date(text)
    assert moment is None or isinstance(moment, float)


class Answer:
    """A response, as `http.cookiejar` reads it."""

    def __init__(self, lines: list[str]) -> None:
        self._message = Message()
        for line in lines:
            self._message["Set-Cookie"] = line

    def info(self) -> Message:
        """Return the fields."""
        return self._message


@given(
    lines=st.lists(
        st.builds(
            "{}={}{}{}{}".format,
            st.sampled_from("abc"),
            st.sampled_from(["", "1", "x=y", "2"]),
            st.sampled_from(["", "; Path=/", "; Path=/a", "; path=/a/b"]),
            st.sampled_from(["", "; Max-Age=60", "; Max-Age=0", "; Secure"]),
            st.sampled_from(["", "; HttpOnly", "; Expires=Fri, 01 Jan 2100 00:00:00 GMT"]),
        ),
        max_size=6,
    ),
    target=st.sampled_from(["/", "/a", "/a/b", "/a/b/c", "/b?a"]),
)
def test_the_standard_library_agrees(lines: list[str], target: str) -> None:
    """On plain fields of a host over https, it sends the same cookies."""
    jar, standard = CookieJar("any"), StandardJar()
    store(jar, *lines, target="/a/b")
    for line in lines:
        request = urllib.request.Request("https://api.example.com/a/b")
        standard.extract_cookies(cast("Any", Answer([line])), request)
    request = urllib.request.Request(f"https://api.example.com{target}")
    standard.add_cookie_header(request)
    theirs = request.get_header("Cookie")
    ours = sent(jar, target=target)
    assert sorted(ours.split("; ")) == sorted((theirs or "").split("; "))


# Keeping


def full() -> CookieJar:
    """Return a jar with several cookies."""
    jar = CookieJar("any")
    store(jar, "a=hunter2; Secure; HttpOnly; Max-Age=60", "b=2; Domain=example.com", "c=\u00fc")
    store(jar, "d=4", origin=Origin("https", "::1", 443))
    return jar


def test_a_jar_is_saved_for_its_owner_alone(tmp_path: Path) -> None:
    """What is there is replaced as a whole, whatever could be read of it before."""
    path = tmp_path / "jar.json"
    path.write_text("old")
    path.chmod(0o644)
    jar = full()
    jar.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    twin = CookieJar("any")
    twin.load(str(path))
    assert list(twin) == list(jar)
    assert twin.dump() == jar.dump() == path.read_text()


@pytest.mark.parametrize("year", [2038, 5138, 9999])
def test_a_cookie_of_a_far_year_is_restored(year: int) -> None:
    """Servers write the year 9999 for what is never over; the jar is restored with it."""
    jar, later = CookieJar(), CookieJar()
    line = f"a=1; Expires=Fri, 31 Dec {year} 23:59:59 GMT".encode()
    jar.store(HTTPS, "/", [(b"Set-Cookie", line)])
    later.restore(jar.dump())
    assert [*later] == [*jar]
    assert len(later) == 1


def test_a_jar_that_cannot_be_saved_leaves_nothing(tmp_path: Path) -> None:
    """The error is Python's own, and no file with cookies is left behind."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="directory"):
        full().save(folder)
    assert list(tmp_path.iterdir()) == [folder]
    with pytest.raises(FileNotFoundError):
        full().load(tmp_path / "missing")


def test_a_jar_keeps_what_its_policy_allows() -> None:
    """Also of what another jar kept; what was there stays."""
    strict, off = CookieJar(), CookieJar("off")
    store(strict, "z=1")
    for jar in (strict, off):
        jar.restore(full().dump())
    assert [one.name for one in strict] == ["z", "a", "c"]
    assert list(off) == []
    assert [jar.policy for jar in (strict, off)] == ["strict", "off"]


ONE: dict[str, Any] = json.loads(full().dump())["cookies"][0]
BROKEN: list[dict[str, Any]] = [
    *({"name": ""}, {"name": "a;b"}, {"name": "a=b"}, {"name": 1}, {"value": "1; b=hunter2"}),
    *({"value": "1\r\nX: hunter2"}, {"value": "1\t2"}, {"value": None}, {"value": "x" * 4096}),
    *({"domain": ""}, {"domain": "a b"}, {"domain": "A.test"}, {"path": "a"}, {"path": "/\n"}),
    *({"expires": "never"}, {"expires": True}, {"created": 1e400}, {"created": float("nan")}),
    *({"secure": 1}, {"http_only": None}, {"host_only": "x"}, {"more": 1}, {"created": None}),
    *({"name": "__Secure-a", "secure": False}, {"name": "__Host-a", "host_only": False}),
]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[", "null", "[]", "{}", '{"version": 2, "cookies": []}', '{"version": 1}', "5"),
        *('{"version": 1, "cookies": [5]}', '{"version": 1, "cookies": 5}', "[" * 100_000),
        *(json.dumps({"version": 1, "cookies": [ONE, {**ONE, **change}]}) for change in BROKEN),
    ],
)
def test_what_is_no_dump_changes_nothing(text: str, tmp_path: Path) -> None:
    """It is refused as a whole, and not shown."""
    jar = CookieJar()
    store(jar, "z=1")
    path = tmp_path / "jar.json"
    path.write_text(text)
    for read, given_ in ((jar.restore, text), (jar.load, path)):
        with pytest.raises(ConfigurationError, match="dump") as caught:
            cast("Any", read)(given_)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None
    assert [one.name for one in jar] == ["z"]


def test_no_repr_shows_a_value() -> None:
    """Names alone."""
    jar = full()
    assert repr(jar) == "<CookieJar any ['a', 'b', 'c', 'd']>"
    assert "hunter2" not in repr(list(jar))
    jar.clear()
    assert (repr(jar), len(jar)) == ("<CookieJar any []>", 0)


def test_threads_lose_no_cookie() -> None:
    """Writers do not undo each other's; who reads meanwhile sees whole pairs."""
    jar = CookieJar()
    start = threading.Barrier(9)
    seen: set[str] = set()

    def write(number: int) -> None:
        origin = Origin("https", "both.test", 443)
        start.wait()
        for turn in range(200):
            store(jar, f"x{number}={turn}", f"y{number}={turn}", origin=origin)

    def read() -> None:
        start.wait()
        while any(thread.is_alive() for thread in writers):
            found = {
                one.name: one.value for one in jar.find(Origin("https", "both.test", 443), "/")
            }
            seen.update(f"{found[f'x{n}']} {found[f'y{n}']}" for n in range(8) if f"x{n}" in found)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in writers:
        thread.start()
    read()
    for thread in writers:
        thread.join()
    assert {one.split()[0] == one.split()[1] for one in seen} <= {True}
    assert {one.value for one in jar} == {"199"}
    assert len(jar) == 16


def test_a_jar_is_asked_for_a_name() -> None:
    """Or for a cookie of it."""
    jar = CookieJar()
    jar.store(Origin("http", "api.test", 80), "/", [(b"Set-Cookie", b"id=1")])
    assert "id" in jar
    assert next(iter(jar)) in jar
    assert "other" not in jar
