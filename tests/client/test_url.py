"""Where calls go: what a path may hold, and that the server reads exactly what was meant."""

import contextlib
import re
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from arya_api_framework.client.encoding import encode_scalar
from arya_api_framework.client.url import Origin, compile_path, encode_value, parse_uri
from arya_api_framework.errors import ConfigurationError, HTTPNotFound
from tests.app import Server
from tests.conftest import Kind

NASTY_VALUES = [
    "a/b",
    "a\\b",
    "a?b#c",
    "100%",
    "%2F",
    "a;b=c",
    "...",
    ".hidden",
    "a..b",
    "v1.2",
    "file.tar.gz",
    "a/...",
    "a/.b/c..",
    "..a/b;..",
    "a b",
    " ",
    "~-._!$&'()*+,;=:@",
    "Grüße €  𝄞",
    "{id}",
    '"<>|^`[]',
    "http://evil.test/",
    "//evil.test",
    "user@evil.test",
]
DOT_VALUES = [".", "..", "%2e", "%2E%2e", ".%2e", "%252e", "%252e%252E", "%25252e."]
# One behind a proxy that decodes the path, as nginx does before `proxy_pass http://backend/`.
WALKING_VALUES = [
    "../x",
    "..%2fx",
    "..%252Fx",
    "./x",
    "a/..",
    "a/.",
    "a/../../admin",
    "a\\..\\x",
    "..\\x",
    "..;x",
    "a/..;x=1/b",
    "a/..%3Bx",
    "../admin?x",
    "..?x",
    "a/..#x",
]


@pytest.mark.parametrize("value", NASTY_VALUES)
async def test_the_server_reads_one_segment_that_decodes_to_the_value(
    kind: Kind, server: Server, value: str
) -> None:
    """Whatever a path value holds, it stays one segment and arrives unchanged."""
    client = kind.client(f"{server.url}/v1")
    with pytest.raises(HTTPNotFound):
        await client.get("/things/{value}/end", path_parameters={"value": value})
    root, version, things, segment, end = server.log[-1].target.split("/")
    assert (root, version, things, end) == ("", "v1", "things", "end")
    assert unquote(segment, errors="strict") == value


# Values that are refused: those that hold a dot segment, and what holds controls.
segments = st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters=[*map(chr, (*range(32), *range(127, 160)))]
    ),
    min_size=1,
).filter(lambda value: not {".", ".."} & {*re.split(r"[/\\;?#]", unquote(unquote(unquote(value))))})


@given(value=segments)
def test_an_encoded_value_is_plain_ascii_and_decodes_to_the_value(value: str) -> None:
    """Encoding keeps every character and leaves only unreserved ones and escapes."""
    encoded = encode_value("value", value)
    assert unquote(encoded, errors="strict") == value
    assert re.fullmatch(r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+", encoded)


@pytest.mark.parametrize(
    "value", [*DOT_VALUES, *WALKING_VALUES, "", "a\0b", "a\nb", "\r", "\x7f", "\x85", "\ud800"]
)
async def test_a_path_value_that_could_lead_elsewhere_is_refused(
    kind: Kind, server: Server, value: str
) -> None:
    """Empty values, dot segments wherever and however encoded, and controls never leave."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="'value'"):
        await client.get("/a/{value}/b", path_parameters={"value": value})
    assert server.log == []


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/x/{a}{b}", {"a": "%", "b": "2e"}),
        ("/x/%2{a}", {"a": "e"}),
        ("/x/%2{a}%2{a}/y", {"a": "e"}),
        ("/x/.%2{a}", {"a": "E"}),
        ("/x/.{a}", {"a": "/y"}),
        ("/x/{a}.", {"a": "y/"}),
    ],
)
def test_values_and_literals_cannot_make_a_dot_segment_together(
    path: str, values: dict[str, str]
) -> None:
    """A segment of several parts is looked at as a whole."""
    with pytest.raises(ConfigurationError, match="segment"):
        compile_path(path).fill(values, str)


def test_values_beside_literals_in_a_segment_are_filled() -> None:
    """A segment may be a field and more."""
    filled = compile_path("/files/{name}.{kind}?page={page}").fill(
        {"name": "a/b", "kind": "tar.gz", "page": 2}, encode_scalar
    )
    assert filled == ("/files/a%2Fb.tar.gz", "page=2")


def test_a_value_of_a_query_in_the_path_may_hold_dots() -> None:
    """Nobody walks there, so that only controls and empty values are refused."""
    template = compile_path("/files?of={of}")
    assert template.fill({"of": "../x"}, str) == ("/files", "of=..%2Fx")
    assert template.fill({"of": "."}, str) == ("/files", "of=.")
    for value in ("", "a\n"):
        with pytest.raises(ConfigurationError, match="'of'"):
            template.fill({"of": value}, str)


def test_a_value_encoded_over_and_over_is_refused() -> None:
    """Looking for dots ends after some rounds, and what is not known to be safe is refused."""
    with pytest.raises(ConfigurationError, match="too many times"):
        encode_value("value", "%" + "25" * 50 + "2e")


@pytest.mark.parametrize(
    ("value", "segment"),
    [(5, "5"), (-5, "-5"), (True, "true"), (1.5, "1.5"), (10**30, f"{10**30}")],
)
async def test_a_path_value_may_be_any_single_value(
    kind: Kind, server: Server, value: Any, segment: str
) -> None:
    """Numbers and the like have one text, in paths as anywhere."""
    client = kind.client(server.url)
    request = client.build("GET", "/users/{id}", path_parameters={"id": value})
    assert request.target == f"/users/{segment}"
    with pytest.raises(ConfigurationError, match="None"):
        client.build("GET", "/users/{id}", path_parameters={"id": None})
    with pytest.raises(ConfigurationError, match="path parameter"):
        client.build("GET", "/users/{id}", path_parameters={"id": [value]})


@pytest.mark.parametrize("values", [{}, {"id": 1, "more": 2}, {"more": 2}, None])
async def test_missing_and_surplus_path_parameters_are_refused(
    kind: Kind, server: Server, values: Any
) -> None:
    """The names in the path and the values given must be the same set."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match=r"needs path_parameters \['id'\]"):
        await client.get("/users/{id}", path_parameters=values)
    assert server.log == []


@pytest.mark.parametrize(
    ("base", "path", "target"),
    [
        ("", "/users", "/users"),
        ("", "users", "/users"),
        ("", "", "/"),
        ("", None, "/"),
        ("/", "users/", "/users/"),
        ("/api/v1", "/users", "/api/v1/users"),
        ("/api/v1/", "users", "/api/v1/users"),
        ("/api/v1/", "", "/api/v1"),
        ("/api/v1", "?q=1", "/api/v1?q=1"),
        ("/a%2Fb", "/c%2fd", "/a%2Fb/c%2fd"),
        ("/a b", "/ü/x y", "/a%20b/%C3%BC/x%20y"),
        ("", "/%2e%2ehidden/%7E/~/a%41", "/%2e%2ehidden/%7E/~/a%41"),
        ("", "/100%/50%zz", "/100%25/50%25zz"),
        ("", "/a:b@c!$&'()*+,;=", "/a:b@c!$&'()*+,;="),
        ("", '/"<>|^`\\[]', "/%22%3C%3E%7C%5E%60%5C%5B%5D"),
        ("", "/q?a=1&b=x y&c=%2F&d=/?+é", "/q?a=1&b=x%20y&c=%2F&d=/?+%C3%A9"),
        ("", "/q?", "/q"),
        ("", "/v1/users:batch", "/v1/users:batch"),
        ("", "/user@example.test", "/user@example.test"),
        ("", "/a//b", "/a//b"),
        ("", "/...", "/..."),
        ("", URL("/a/ü?x=1"), "/a/%C3%BC?x=1"),
        ("", URL("users"), "/users"),
    ],
)
async def test_a_path_is_joined_and_sent_byte_for_byte(
    kind: Kind, server: Server, base: str, path: Any, target: str
) -> None:
    """The base keeps its path, and nobody on the way rewrites what was built."""
    client = kind.client(server.url + base, error_responses={404: lambda raw: LookupError()})
    with contextlib.suppress(LookupError):
        await client.get(path)
    assert server.log[-1].target == target


async def test_a_path_is_sent_byte_for_byte_through_a_session_of_the_users(
    server: Server,
) -> None:
    """The way through requests, which likes to rewrite URLs, leaves it alone too."""
    kind = Kind("sync")
    session = requests.Session()
    session.hooks["response"] = [lambda answer, **options: None]
    client = kind.client(server.url, session=session)
    with pytest.raises(HTTPNotFound):
        await client.get("/%2E%2Ehidden/%7E/{a}", path_parameters={"a": "x/y~"})
    session.close()
    await kind.close()
    assert server.log[-1].target == "/%2E%2Ehidden/%7E/x%2Fy~"


@pytest.mark.parametrize(
    "path",
    [
        "/a/../b",
        "..",
        ".",
        "./a",
        "/a/..",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/.%2E/b",
        "/a/%252e%252e/b",
        "/a%2f..%2fb",
        "/a/..\\b",
        "\\..\\a",
        "/a/..;/b",
        "/a/..%3Bx=1/b",
        "/%2e",
        "//evil.test/x",
        "///evil.test/x",
        "/\\evil.test/x",
        "\\\\evil.test/x",
        " //evil.test",
        "\t//evil.test",
        "\u00a0//evil.test",
        "/\t/evil.test",
        "/a\r\nX: y",
        "/a\0",
        "evil.test:80/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http:/evil.test",
        "https:evil.test",
        "user@evil.test/x",
        "user:pw@evil.test",
        "/a#fragment",
        "http://evil.test/#x",
        "/{a",
        "/a}",
        "/{}",
        "/{a}/{",
        "/\ud800",
        "http://[::1/x",
        "http://evil.test:99999/",
        "http://evil.test:0/",
        "http://",
        "http:///x",
        "http://user@evil.test/",
        "http://evil test/",
        "http://{host}/x",
        "http://a\\@evil.test/",
        "http://user%40evil.test/",
        5,
        b"/users",
        ["users"],
    ],
)
async def test_a_path_that_could_lead_elsewhere_is_refused(
    kind: Kind, server: Server, path: Any
) -> None:
    """Dot segments, other hosts in disguise and broken text are refused before a byte is sent."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError) as caught:
        await client.get(path, path_parameters={"a": "x"} if "{a}" in str(path) else None)
    assert server.log == []
    assert caught.value.sent == "no"


@pytest.mark.parametrize("path", ["//u:hunter2@h/", "u:hunter2@h", "https:/u:hunter2@h"])
def test_a_refused_path_does_not_show_credentials(path: str) -> None:
    """The text of the error is as safe as any."""
    with pytest.raises(ConfigurationError) as caught:
        compile_path(path)
    assert "hunter2" not in str(caught.value)


async def test_an_absolute_url_of_the_own_origin_is_sent_with_what_the_client_has(
    kind: Kind, server: Server
) -> None:
    """An absolute URL replaces the base path, and credentials go along."""
    client = kind.client(f"{server.url}/v1", bearer_token="token-of-mine", parameters={"key": "k1"})
    await client.get(
        f"{server.url.replace('http', 'HTTP')}/echo?a={{a}}", path_parameters={"a": "x"}
    )
    assert server.log[-1].target == "/echo?key=k1&a=x"
    assert server.log[-1].headers["Authorization"] == "Bearer token-of-mine"


async def test_an_absolute_url_of_a_foreign_origin_is_refused(kind: Kind, server: Server) -> None:
    """No credential leaves by a URL that somebody slipped in."""
    client = kind.client("https://api.test", bearer_token="token-of-mine")
    with pytest.raises(ConfigurationError, match="leaves the client's origin"):
        await client.get(f"{server.url}/echo")
    assert server.log == []


async def test_a_trusted_origin_gets_the_clients_credentials(kind: Kind, server: Server) -> None:
    """`trusted_origins` are as good as the client's own."""
    client = kind.client(
        "https://api.test", bearer_token="token-of-mine", trusted_origins=[server.url]
    )
    await client.get(f"{server.url}/echo")
    assert server.log[-1].headers["Authorization"] == "Bearer token-of-mine"


async def test_a_foreign_call_carries_nothing_of_the_client(kind: Kind, server: Server) -> None:
    """With `foreign=True` only what the call itself gives is sent."""
    client = kind.client(
        "https://api.test",
        bearer_token="token-of-mine",
        headers={"X-Api-Key": "key-of-mine", "User-Agent": "mine/1"},
        cookies={"session": "cookie-of-mine"},
        parameters={"key": "parameter-of-mine"},
    )
    await client.get(f"{server.url}/echo?a=1", foreign=True, headers={"X-Own": "call"})
    received = server.log[-1]
    assert "of-mine" not in str(received)
    assert "mine/1" not in str(received)
    assert received.headers["X-Own"] == "call"
    assert received.target == "/echo?a=1"


async def test_foreign_needs_an_absolute_url(kind: Kind, server: Server) -> None:
    """`foreign=True` on a path of the client's own is a mistake."""
    client = kind.client(server.url)
    with pytest.raises(ConfigurationError, match="absolute URL"):
        await client.get("/echo", foreign=True)


@pytest.mark.parametrize(
    ("uri", "prefix", "path"),
    [
        ("https://api.test", "https://api.test", ""),
        ("https://api.test/", "https://api.test", ""),
        ("HTTPS://API.test:443/V1/", "https://api.test", "/V1"),
        ("http://api.test:443", "http://api.test:443", ""),
        ("http://127.0.0.1:8080//a//b//", "http://127.0.0.1:8080", "/a//b"),
        ("https://[::1]:8080/x", "https://[::1]:8080", "/x"),
        ("https://[2001:DB8::1]/", "https://[2001:db8::1]", ""),
        ("https://bücher.test/ü", "https://xn--bcher-kva.test", "/%C3%BC"),
        ("https://a_b.test", "https://a_b.test", ""),
    ],
)
def test_a_uri_is_taken_apart(uri: str, prefix: str, path: str) -> None:
    """Scheme and host are normalised, default ports left out, the path encoded."""
    origin, found = parse_uri(uri)
    assert (origin.prefix, found) == (prefix, path)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "api.test/v1",
        "//api.test",
        "/v1",
        "ftp://api.test",
        "https://",
        "https:///v1",
        "https://user@api.test",
        "https://:password@api.test",
        "https://api.test?q",
        "https://api.test/?",
        "https://api.test/#",
        "https://api.test/../v1",
        "https://api.test/%2e%2E",
        "https://api.test/{v}",
        "https://api test/",
        "https://api\n.evil.test/",
        "https://api.test\\.evil.test/",
        "https://[::1",
        "https://a%2fb/",
        "https://\ud800/",
    ],
)
def test_a_uri_that_is_no_base_is_refused(uri: str) -> None:
    """A base is an origin and a path, and nothing else."""
    with pytest.raises(ConfigurationError):
        parse_uri(uri)


def test_origins_compare_by_scheme_host_and_port() -> None:
    """Origins are values; default ports are the same as none (RFC 6454 4)."""
    origin = Origin.of(URL("https://API.test:443/x"))
    assert origin == Origin.of(URL("https://api.test"))
    assert hash(origin) == hash(Origin.of(URL("https://api.test")))
    assert origin != Origin.of(URL("http://api.test"))
    assert origin != Origin.of(URL("https://api.test:444"))
    assert origin != "https://api.test"
    assert repr(origin) == "Origin('https://api.test')"
