"""What a client sends with every request, and what a call lays over it."""

from typing import Any

import pydantic
import pytest
from pydantic import SecretStr

from arya_api_framework import SyncClient
from arya_api_framework.errors import ConfigurationError
from tests.app import Server
from tests.conftest import Kind

URI = "https://api.test/v1"


def built(client_options: dict[str, Any], path: str = "/x", **options: Any) -> Any:
    """Build the request of a client with these options."""
    make: type[Any] = SyncClient
    return make(URI, **client_options).build("GET", path, **options)


def query_of(request: Any) -> str:
    """Give the query as it is sent."""
    return str(request.target.partition("?")[2])


@pytest.mark.parametrize(
    ("path", "given", "query"),
    [
        ("/x", None, "a=1&l=1&l=2&n.m=1"),
        ("/x", {}, "a=1&l=1&l=2&n.m=1"),
        ("/x", {"a": 2}, "l=1&l=2&n.m=1&a=2"),
        ("/x", {"a": None, "l": None, "n": None}, ""),
        ("/x", {"l": [3]}, "a=1&n.m=1&l=3"),
        ("/x", {"n": {"o": 2}}, "a=1&l=1&l=2&n.o=2"),
        ("/x", {"b": None}, "a=1&l=1&l=2&n.m=1"),
        ("/x", [("b", 1), ("b", 2)], "a=1&l=1&l=2&n.m=1&b=1&b=2"),
        ("/x?a=7", None, "l=1&l=2&n.m=1&a=7"),
        ("/x?b=7&b=8", None, "a=1&l=1&l=2&n.m=1&b=7&b=8"),
        ("/x?a=7&b=8", {"a": 9}, "l=1&l=2&n.m=1&b=8&a=9"),
        ("/x?a=7", {"a": None}, "l=1&l=2&n.m=1"),
        ("/x?flag&e=", {"a": None, "l": None, "n": None}, "flag&e="),
        ("/x?%61=7", None, "l=1&l=2&n.m=1&%61=7"),
        ("/x?%61=7", {"a": 1}, "l=1&l=2&n.m=1&a=1"),
        ("/x?", None, "a=1&l=1&l=2&n.m=1"),
    ],
)
def test_a_later_place_of_a_parameter_removes_the_earlier_ones(
    path: str, given: Any, query: str
) -> None:
    """The call counts over the path, the path over the client, name by name."""
    parameters = {"a": 1, "l": [1, 2], "n": {"m": 1}, "none": None, "empty": []}
    request = built({"parameters": parameters}, path, parameters=given)
    assert query_of(request) == query


@pytest.mark.parametrize(
    ("given", "cookie"),
    [
        (None, "a=1; b=2"),
        ({}, "a=1; b=2"),
        ({"b": 3, "c": True}, "a=1; b=3; c=true"),
        ({"a": None}, "b=2"),
        ({"a": None, "b": None}, None),
        ([("b", SecretStr("x"))], "a=1; b=x"),
    ],
)
def test_cookies_of_a_call_are_laid_over_those_of_the_client(given: Any, cookie: Any) -> None:
    """Name by name, `None` removes one, and without any there is no header."""
    request = built({"cookies": {"a": 1, "b": SecretStr("2")}}, cookies=given)
    assert request.headers.get("Cookie") == cookie


def test_headers_of_a_call_are_laid_over_those_of_the_client() -> None:
    """In any case of their names, with all their values; `None` removes one."""
    client = {"headers": {"X-A": ["1", "2"], "X-B": "3", "X-C": "4"}}
    request = built(client, headers={"x-a": ["5", "6"], "X-B": None, "X-D": 7})
    assert request.headers.getall("X-A") == ["5", "6"]
    assert "X-B" not in request.headers
    assert (request.headers["X-C"], request.headers["X-D"]) == ("4", "7")
    pairs = [("X-C", None), ("X-C", "8"), ("X-C", "9")]
    assert built(client, headers=pairs).headers.getall("X-C") == ["8", "9"]
    with pytest.raises(ConfigurationError, match="token"):
        built(client, headers={"a b": None})


def test_automatic_headers_can_be_changed_and_removed() -> None:
    """A client or call gives others in their place, a call sends none at all."""
    automatic = {"Accept", "Accept-Encoding", "User-Agent"}
    assert automatic <= built({}).headers.keys()
    headers = built({"headers": {"user-agent": "mine/1"}}, headers={"accept": "text/csv"}).headers
    assert headers.getall("User-Agent") == ["mine/1"]
    assert headers.getall("Accept") == ["text/csv"]
    assert not automatic & built({}, headers=dict.fromkeys(automatic)).headers.keys()


def test_a_token_is_sent_as_its_value_and_counts_over_the_header() -> None:
    """`bearer_token` is the `Authorization` of every request unless the call gives one."""
    client = {"bearer_token": SecretStr("hunter2"), "headers": {"authorization": "Basic x"}}
    assert built(client).headers.getall("Authorization") == ["Bearer hunter2"]
    assert built(client, headers={"Authorization": "Basic y"}).headers["Authorization"] == "Basic y"
    assert "Authorization" not in built(client, headers={"authorization": None}).headers


def test_a_cookie_header_of_the_users_stays() -> None:
    """A `Cookie` header given by hand is not overwritten by the client's cookies."""
    client = {"headers": {"Cookie": "by=hand"}, "cookies": {"a": 1}}
    assert built(client).headers.getall("Cookie") == ["by=hand"]


def test_models_are_defaults_too() -> None:
    """Models count by their aliases, secrets as their values, without unset fields."""

    class Key(pydantic.BaseModel):
        key: SecretStr = pydantic.Field(alias="X-Key")
        unset: str = "x"

    class Nested(pydantic.BaseModel):
        city: str
        inner: Key | None = None

    key = Key.model_validate({"X-Key": "hunter2"})
    request = built({"headers": key, "parameters": {"at": Nested(city="Rome", inner=key)}})
    assert request.headers["X-Key"] == "hunter2"
    assert query_of(request) == "at.city=Rome&at.inner.X-Key=hunter2"


def test_a_change_of_one_request_changes_no_other() -> None:
    """Each request has headers of its own."""
    make: type[Any] = SyncClient
    client = make(URI, headers={"X-A": "1"}, cookies={"a": 1})
    first = client.build("GET", "/x")
    first.headers["X-A"] = "2"
    first.headers["Cookie"] = "b=2"
    second = client.build("GET", "/x")
    assert (second.headers["X-A"], second.headers["Cookie"]) == ("1", "a=1")


async def test_the_server_reads_the_defaults_of_class_and_instance(
    kind: Kind, server: Server
) -> None:
    """Class, instance and call add up, on the wire."""
    options: dict[str, Any] = {
        "headers": {"X-Class": "class", "X-Both": "class"},
        "cookies": {"class": "1"},
        "parameters": {"class": 1},
        "bearer_token": "class",
    }
    cls: Any = type("Client", (kind.base,), {}, **options)
    client = kind.wrap(
        cls(server.url, headers={"x-both": "instance"}, cookies={"instance": 2}, parameters=None)
    )
    await client.get("/echo", parameters={"call": 3}, cookies={"call": 4}, headers={"X-Call": "c"})
    received = server.log[0]
    assert received.query == [("class", "1"), ("call", "3")]
    assert received.headers["Cookie"] == "class=1; instance=2; call=4"
    assert received.headers["Authorization"] == "Bearer class"
    assert received.headers.getall("X-Both") == ["instance"]
    assert (received.headers["X-Class"], received.headers["X-Call"]) == ("class", "c")
