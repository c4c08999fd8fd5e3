"""The configuration of a client: what it takes, refuses and shows, and how classes inherit it."""

import dataclasses
import functools
import math
import warnings
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pydantic
import pytest
import requests
from pydantic import SecretStr
from yarl import URL

from arya_api_framework import (
    TLS,
    AdaptiveConcurrency,
    AsyncClient,
    Dns,
    Events,
    Hedge,
    Hook,
    Pool,
    RawResponse,
    Retry,
    SyncClient,
    Timeout,
)
from arya_api_framework.client.checks import near_miss
from arya_api_framework.client.config import ClientConfig, merge_config
from arya_api_framework.client.proxies import Proxy
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import ConfigurationError, HTTPNotFound
from arya_api_framework.tls import InsecureTLSWarning

URI = "https://api.test/v1"
HOOK = Hook()
EVENTS = Events()


def make_error(response: RawResponse) -> Exception:
    """Make the exception of an error response."""
    return HTTPNotFound(raw=response)


NO_NUMBERS: list[Any] = ["five", 0, -1, math.nan, math.inf, True, False, 10**400, 2e9, [1], b"1"]
NO_WHOLES: list[Any] = [-1, True, 1.5, None, "3", math.nan]
NO_LISTS: list[Any] = [5, "https://a.test", b"x", {"https://a.test": 1}]
NO_NAMES: list[Any] = ["", "a b", "a:", "ä", "a\r\nb"]
NO_VALUES: list[Any] = ["b\r\nc", "b\x00c", "日本", math.nan, {"b": "c"}, {"b"}, object()]

BAD_VALUES: dict[str, list[Any]] = {
    "rate_limit": NO_NUMBERS,
    "rate_limit_interval": [*NO_NUMBERS, None],
    "timeout": NO_NUMBERS,
    "deadline": [*NO_NUMBERS, 6e8],
    "max_redirects": NO_WHOLES,
    "max_response_size": NO_WHOLES,
    "retry": [3, True, "3"],
    "hedge": [0.2, True, "0.2", {"after": 1}],
    "follow_redirects": [None, 1, 0, "SAFE", "all", []],
    "trusted_origins": [
        *NO_LISTS,
        [5],
        [None],
        ["//x"],
        ["a.test"],
        ["ftp://x"],
        ["https://"],
        ["https://x/y"],
        ["https://x?y"],
    ],
    "json_content_types": [*NO_LISTS, ["json"], [5]],
    "encoding": ["", "no-such", "base64", 5, b"utf-8"],
    "extensions": [*NO_LISTS, [5], [("a",)], [("a", 5)], [["a", "b"]]],
    "uri": [5, b"https://a.test", True, ["https://a.test"]],
    "bearer_token": ["", 5, b"x", SecretStr(""), "a\nb", "a\x00b", "a ", "日本"],
    "tls": [5, True, "/ca.pem", TLS],
    "compress": ["zip", "GZIP", True, 5, b"gzip"],
    "proxy": [
        *["a b:1", "http://a\0b", "http://é b:3128"],
        *[5, b"http://p", "", "ftp://p", "http://", "http://p:99999", "http://p/x", "http://p?x"],
        *["http://a%00b:c@p", "http://p#x", {"ftp": "p"}, {5: "p"}, {"https://a.test/x": "p"}],
        *[{"https": 5}, {"all": ""}],
    ],
    "no_proxy": [
        *[5, b"a", {"a": 1}, [5], [""], [" "], ["a b"], "http://a.test", "a@b.test", "\0"],
        "a.test?b",
    ],
    "trust_env": [None, 1, "yes", 0],
    "pool": [5, Pool, True],
    "dns": [5, Dns, print],
    "unix_socket": [5, "", b"/x", "/a\0b", True],
    "socket_options": [5, "x", [5], [(1, 2)], [(1, 2, "x")], [("a", 2, 3)], [(1, 2, 3, 4)]],
    "deadline_header": [5, "", "a b", "Host"],
    "allow_early_response": [None, 1, "yes"],
    "circuit_breaker": [5, True, "on"],
    "concurrency": [5, True, "auto", AdaptiveConcurrency],
    "local_address": [5, "", "host.test", ("127.0.0.1",), ("127.0.0.1", -1), ["127.0.0.1", 1]],
    "egress": [None, True, "private", 5, ["any"]],
    "cookie_policy": [None, True, "lax", 5],
    "hooks": [5, "x", [5], [Hook], [print]],
    "events": [5, print, Events, object()],
    "session_factory": [5, "x"],
    "headers": [
        *[5, "a", [5], [("a",)], {5: "a"}, {"a": [{}]}, {"a": " b"}, {"a": "b "}],
        *[{name: "b"} for name in [*NO_NAMES, "Host", "expect"]],
        *[{name: None} for name in [*NO_NAMES, "Host"]],
        *[{"a": value} for value in NO_VALUES],
    ],
    "cookies": [
        *[5, "a", [5], {5: "a"}, {"a": ["b"]}, {"a": "b; admin=1"}, {"a": 'b"'}, {"a": "b c"}],
        *[{name: "b"} for name in [*NO_NAMES, "a=", "a;"]],
        *[{"a": value} for value in NO_VALUES],
    ],
    "parameters": [5, "a", [5], {5: "a"}, {"a": math.nan}, {"a": object()}, {"a": b"\xff"}],
    "error_responses": [
        *[5, [(404, dict)], {404: 5}, {404: "x"}],
        *[{404: kind} for kind in [ValueError, ValueError("x"), SystemExit]],
        *[{key: dict} for key in ["abc", "7XX", "2XX", 200, 600, True, 404.0]],
    ],
    "server_variables": [5, "a", {"a": 5}, {"a": ""}, {5: "a"}],
}
BAD = [(name, value) for name, values in BAD_VALUES.items() for value in values]


@pytest.mark.parametrize("base", [SyncClient, AsyncClient])
@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_refused_where_it_is_given(base: type[Any], name: str, value: Any) -> None:
    """A value that can never work is a `ConfigurationError` of the class and of the instance."""
    options: dict[str, Any] = {name: value}
    with pytest.raises(ConfigurationError) as of_class:
        type("Client", (base,), {}, **options)
    with pytest.raises(ConfigurationError) as of_instance:
        base(**{"uri": URI, **options})
    assert str(of_class.value) == str(of_instance.value)
    with pytest.raises(ConfigurationError):
        base(URI).with_options(**options)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_an_error_names_the_option_and_shows_no_value_that_may_be_secret(
    name: str, value: Any
) -> None:
    """The message names what is wrong; header and cookie values and tokens are not in it."""
    with pytest.raises(ConfigurationError) as error:
        merge_config(ClientConfig(), {name: value}, "option")
    text = str(error.value)
    assert name.removesuffix("s").replace("_", " ") in text.replace("_", " ")
    assert "admin=1" not in text
    assert "\r" not in text


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("uri", URL("https://api.test"), "https://api.test"),
        ("rate_limit", 2.5, 2.5),
        ("rate_limit", None, None),
        ("timeout", 5, Timeout(total=5)),
        ("timeout", None, Timeout(total=None)),
        ("timeout", Timeout(connect=1), Timeout(connect=1)),
        ("deadline", None, None),
        ("retry", None, None),
        ("hedge", None, None),
        ("hedge", Hedge(after=0.2), Hedge(after=0.2)),
        ("retry", Retry(attempts=1), Retry(attempts=1)),
        ("follow_redirects", True, "safe"),
        ("follow_redirects", False, False),
        ("follow_redirects", "same-origin", "same-origin"),
        ("max_redirects", 0, 0),
        ("trusted_origins", None, frozenset()),
        ("trusted_origins", {"HTTPS://A.test:443/"}, {Origin("https", "a.test", 443)}),
        ("trusted_origins", [URL("http://a.test:8080")], {Origin("http", "a.test", 8080)}),
        ("json_content_types", ["Application/JSON"], ("application/json",)),
        ("json_content_types", None, None),
        ("encoding", "latin-1", "latin-1"),
        ("encoding", None, None),
        ("bearer_token", "secret", SecretStr("secret")),
        ("bearer_token", SecretStr("secret"), SecretStr("secret")),
        ("bearer_token", None, None),
        ("tls", None, None),
        ("compress", None, None),
        ("compress", "gzip", "gzip"),
        ("proxy", None, {}),
        ("proxy", " p.test ", {"all": Proxy("http", "p.test", 80)}),
        ("proxy", URL("socks5h://p.test"), {"all": Proxy("socks5h", "p.test", 1080)}),
        ("proxy", "https://:b%40c@[::1]:1", {"all": Proxy("https", "::1", 1, "", "b@c")}),
        (
            "proxy",
            {"https": "http://p.test:8080", "HTTP://a.test:80/": None},
            {"https": Proxy("http", "p.test", 8080), "http://a.test": None},
        ),
        ("no_proxy", None, ()),
        ("no_proxy", "a.test, b.test 10.0.0.0/8", ("a.test", "b.test", "10.0.0.0/8")),
        ("no_proxy", ["a.test"], ("a.test",)),
        ("trust_env", False, False),
        ("pool", None, Pool()),
        ("pool", Pool(total=3), Pool(total=3)),
        ("dns", Dns(ttl=0), Dns(ttl=0)),
        ("unix_socket", None, None),
        ("unix_socket", Path("/run/x.sock"), "/run/x.sock"),
        ("unix_socket", "\0abstract", "\0abstract"),
        ("socket_options", None, ()),
        ("socket_options", [[1, 2, b"x"], (1, 2, 3)], ((1, 2, b"x"), (1, 2, 3))),
        ("local_address", None, None),
        ("deadline_header", None, None),
        ("deadline_header", "X-Time-Left-Ms", "X-Time-Left-Ms"),
        ("circuit_breaker", None, None),
        ("concurrency", None, None),
        ("local_address", "127.0.0.1", ("127.0.0.1", 0)),
        ("local_address", ("::1", 99), ("::1", 99)),
        ("egress", "public", "public"),
        ("cookie_policy", "off", "off"),
        ("hooks", None, ()),
        ("hooks", [HOOK], (HOOK,)),
        ("events", None, None),
        ("events", EVENTS, EVENTS),
        ("session_factory", None, None),
        ("extensions", ["a", ("b", "c"), "a"], ("a", ("b", "c"))),
        ("headers", [("A", "1"), ("a", 2), ("B", "3")], {"A": ["1", 2], "B": "3"}),
        ("headers", [("A", None), ("A", "1"), ("A", None), ("A", "2")], {"A": ["1", "2"]}),
        ("cookies", [("a", "1"), ("a", "2")], {"a": "2"}),
        ("parameters", [("a", 1), ("a", [2, 3]), ("a", None), ("a", 4)], {"a": [1, 2, 3, 4]}),
        ("error_responses", {"404": dict, "4xx": list}, {404: dict, "4XX": list}),
        ("error_responses", {" Default ": HTTPNotFound}, {"default": HTTPNotFound}),
        ("error_responses", {HTTPStatus.CONFLICT: list[int]}, {409: list[int]}),
        ("error_responses", {404: None, 405: make_error}, {405: make_error}),
    ],
)
def test_a_good_value_is_kept_as_calls_need_it(name: str, value: Any, kept: Any) -> None:
    """Every form an option may be given in is kept in one form."""
    assert getattr(merge_config(ClientConfig(), {name: value}, "option"), name) == kept


def test_unset_keywords_have_the_documented_defaults() -> None:
    """A client that says nothing gets the defaults of the documentation."""
    config = SyncClient.config
    assert (config.rate_limit, config.rate_limit_interval) == (None, 1)
    assert (config.timeout.total, config.deadline) == (300, None)
    assert (config.retry, config.follow_redirects, config.max_redirects) == (Retry(), "safe", 10)
    assert (config.max_response_size, config.json_content_types) == (64 * 1024 * 1024, None)
    assert (config.compress, config.cookie_policy, config.egress) == (None, "strict", "any")
    assert (config.pool, config.dns) == (Pool(100, 0, 15, None), Dns(10, 1000, None))
    assert (config.proxy, config.no_proxy, config.trust_env) == ({}, (), True)
    assert (config.unix_socket, config.local_address, config.socket_options) == (None, None, ())
    assert (config.hooks, config.events) == ((), None)


@pytest.mark.parametrize("base", [SyncClient, AsyncClient])
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("url", "uri"),
        ("header", "headers"),
        ("ratelimit", "rate_limit"),
        ("time_out", "timeout"),
        ("limit", r"pool=Pool\(total=\.\.\.\)"),
        ("transport", "session_factory"),
    ],
)
def test_an_unknown_keyword_names_the_near_miss(base: type[Any], wrong: str, right: str) -> None:
    """A misspelt keyword of a class, instance or copy says which one was meant."""
    expected = rf"unknown .*'{wrong}'; did you mean '{right}'\?"
    with pytest.raises(ConfigurationError, match=f"class keyword.*{expected[8:]}"):
        type("Client", (base,), {}, **{wrong: 1})
    with pytest.raises(ConfigurationError, match=expected):
        base(URI, **{wrong: 1})
    with pytest.raises(ConfigurationError, match=expected):
        base(URI).with_options(**{wrong: 1})


def test_nothing_is_suggested_where_nothing_is_similar() -> None:
    """A keyword like no other gets no suggestion."""
    assert near_miss("zzz", ["uri", "headers"]) == ""


class Parent(
    SyncClient,
    uri=URI,
    headers={"X-Kept": "parent", "X-Changed": "parent", "X-Gone": "parent"},
    cookies={"kept": "parent", "gone": "parent"},
    parameters={"kept": "parent", "gone": "parent"},
    error_responses={404: dict, "5XX": list, 409: dict},
    bearer_token="parent",
    rate_limit=5,
    timeout=Timeout(total=20, connect=3),
):
    """A client to inherit from."""


class Child(
    Parent,
    headers={"x-changed": "child", "x-gone": None, "X-New": "child"},
    cookies={"gone": None},
    parameters={"gone": None, "new": "child"},
    error_responses={"404": list, "409": None},
    timeout=30,
):
    """A client that changes some of what it inherits."""


def test_a_subclass_is_merged_over_its_parent_key_by_key() -> None:
    """Mappings merge by key, `None` removes one, header names ignore case, the rest stays."""
    config = Child.config
    assert config.headers == {"X-Kept": "parent", "x-changed": "child", "X-New": "child"}
    assert config.cookies == {"kept": "parent"}
    assert config.parameters == {"kept": "parent", "new": "child"}
    assert config.error_responses == {404: list, "5XX": list}
    assert (config.uri, config.rate_limit) == (URI, 5)
    assert config.timeout == Timeout(total=30, connect=3)


def test_a_subclass_never_changes_its_parent() -> None:
    """The parent is as it was declared after a subclass and instances changed what they got."""
    child = Child(headers={"X-Kept": "instance"}, parameters={"kept": None}, rate_limit=9)
    child.headers["X-Changed"] = "instance"
    assert Parent.config.headers == {"X-Kept": "parent", "X-Changed": "parent", "X-Gone": "parent"}
    assert Parent.config.parameters == {"kept": "parent", "gone": "parent"}
    assert Child.config.headers["X-Kept"] == "parent"
    assert Child.config.rate_limit == 5
    assert dict(Child().headers) == dict(Child.config.headers)


def test_none_takes_away_what_a_parent_set() -> None:
    """`None` for a value removes it, for a whole mapping and for `uri` it says nothing."""

    class Bare(Parent, bearer_token=None, rate_limit=None, headers=None, uri=None):
        pass

    assert Bare.config.bearer_token is None
    assert Bare.config.rate_limit is None
    assert Bare.config.uri == URI
    assert Bare.config.headers == Parent.config.headers


def test_a_diamond_is_merged_along_the_method_resolution_order() -> None:
    """Each class counts once, nearer ones over farther ones, and no cousin is forgotten."""

    class Left(Parent, headers={"X-Kept": "left", "X-Left": "left"}, timeout=1):
        pass

    class Right(Parent, headers={"X-Kept": "right", "X-Right": "right"}, rate_limit=7):
        pass

    class Both(Left, Right, headers={"X-Gone": None}):
        pass

    headers = {"X-Changed": "parent", "X-Kept": "left", "X-Left": "left", "X-Right": "right"}
    assert Both.config.headers == headers
    assert (Both.config.rate_limit, Both.config.timeout.total) == (7, 1)


def test_a_mixin_that_is_no_client_changes_nothing() -> None:
    """Plain classes among the bases carry no configuration."""

    class Mixin:
        headers_of_mine = ("X", "y")

    class Mixed(Mixin, Parent):
        pass

    assert Mixed.config == Parent.config


def test_a_configuration_is_frozen() -> None:
    """Neither the configuration of a class nor a mapping in it can be changed."""
    config: Any = Parent.config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.uri = "https://evil.test"
    for name in ("headers", "cookies", "parameters", "error_responses", "server_variables"):
        with pytest.raises(TypeError):
            getattr(config, name)["x"] = "y"


def test_what_was_given_is_copied() -> None:
    """A dict, list or model that its owner changes later changes no client."""

    class Filter(pydantic.BaseModel):
        tag: str

    headers: dict[str, Any] = {"X-A": ["1", "2"]}
    tags, ids, chosen = ["a"], {1}, Filter(tag="a")
    parameters: dict[str, Any] = {"tags": tags, "nested": {"tags": tags}, "ids": ids, "f": chosen}

    class Client(SyncClient, uri=URI, headers=headers, parameters=parameters):
        pass

    instance = SyncClient(URI, headers=headers, parameters=parameters)
    headers["X-A"].append("3")
    headers["X-B"] = "b"
    tags.append("b")
    ids.add(2)
    chosen.tag = "b"
    kept = {"tags": ["a"], "nested": {"tags": ["a"]}, "ids": {1}, "f": Filter(tag="a")}
    assert Client.config.headers == instance.headers == {"X-A": ["1", "2"]}
    assert Client.config.parameters == instance.parameters == kept


def test_an_error_response_must_be_an_http_error() -> None:
    """Another exception class is refused with the way to raise it nevertheless."""
    with pytest.raises(ConfigurationError, match=r"\[404\] is ValueError, which is no HTTPError"):
        SyncClient(URI, error_responses={404: ValueError})


def test_a_model_gives_the_fields_that_are_set() -> None:
    """A model of headers counts by its aliases, without unset fields."""

    class Headers(pydantic.BaseModel):
        version: str = pydantic.Field(alias="X-Version")
        trace: str = pydantic.Field("off", alias="X-Trace")

    class Client(SyncClient, uri=URI, headers=Headers.model_validate({"X-Version": "2"})):
        pass

    assert Client.config.headers == {"X-Version": "2"}


def test_the_repr_shows_no_secret() -> None:
    """Neither tokens nor sensitive values nor credentials in a `uri` are shown, names are."""

    class Client(
        SyncClient,
        uri="https://user:hunter2@api.test",
        bearer_token="hunter2",
        headers={"X-Api-Key": "hunter2", "Accept": "text/csv"},
        cookies={"session": "hunter2"},
        parameters={"key": "hunter2", "page": 7},
        session_factory=functools.partial(requests.Session, password="hunter2"),  # type: ignore[call-arg]
        error_responses={404: HTTPNotFound},
        tls=TLS(),
    ):
        pass

    shown = repr(Client.config)
    assert "hunter2" not in shown
    for part in ("uri='https://api.test'", "'X-Api-Key': '***'", "'Accept': 'text/csv'"):
        assert part in shown
    for part in ("'session': '***'", "'key': '***'", "'page': 7", "session_factory='partial'"):
        assert part in shown
    assert "uri=None" in repr(ClientConfig())


def test_extensions_add_up() -> None:
    """A subclass adds to the extensions of its parent, each of them once."""

    class First(SyncClient, extensions=["a", ("b", "c")]):
        pass

    class Second(First, extensions=["d", "a"]):
        pass

    assert Second.config.extensions == ("a", ("b", "c"), "d")


def test_a_class_that_trusts_everyone_warns_where_it_is_declared() -> None:
    """`verify=False` warns once, and the warning points at the line that asked for it."""
    with pytest.warns(InsecureTLSWarning, match="does not verify") as caught:

        class Insecure(SyncClient, uri=URI, tls=TLS(verify=False)):
            pass

    assert [one.filename for one in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Insecure()


def test_an_instance_that_trusts_everyone_warns_where_it_is_made() -> None:
    """The warning of an instance points at the call that makes it."""
    with pytest.warns(InsecureTLSWarning) as caught:
        AsyncClient(URI, tls=TLS(verify=False))
    assert [one.filename for one in caught] == [__file__]
