"""The variables of a `uri`: where their values come from, and what no value may do."""

from typing import Any

import pytest

from arya_api_framework import AsyncClient, ServerVariable, SyncClient
from arya_api_framework.errors import ConfigurationError
from tests.app import Server
from tests.conftest import Kind

URI = "https://{region}.api.test/{version}"
REGION = ServerVariable(default="eu", enum=["eu", "us"], description="Where the data is")


class Regional(
    SyncClient, uri=URI, server_variables={"region": REGION, "version": ServerVariable("v1")}
):
    """A client of an API that is in several places."""


def made(base: type[Any], *arguments: Any, **options: Any) -> str:
    """Make a client and give its `uri`."""
    return str(base(*arguments, **options).uri)


@pytest.mark.parametrize(
    ("values", "uri"),
    [
        ({}, "https://eu.api.test/v1"),
        ({"region": "us"}, "https://us.api.test/v1"),
        ({"version": "v2/beta"}, "https://eu.api.test/v2/beta"),
        ({"region": "us", "version": "2.0~rc_1"}, "https://us.api.test/2.0~rc_1"),
        ([("region", "us")], "https://us.api.test/v1"),
        ({"region": ServerVariable("asia")}, "https://asia.api.test/v1"),
    ],
)
def test_an_instance_fills_the_variables_of_its_class(values: Any, uri: str) -> None:
    """The value of the instance counts, else the default of the variable."""
    assert made(Regional, server_variables=values) == uri
    assert made(Regional) == "https://eu.api.test/v1"


def test_a_value_may_be_given_without_a_declaration() -> None:
    """Plain values are enough where nothing is to be said about a variable."""
    assert made(AsyncClient, URI, server_variables={"region": "x", "version": "y"}) == (
        "https://x.api.test/y"
    )


@pytest.mark.parametrize("host", ["localhost:8080", "10.0.0.1", "api.test"])
def test_a_variable_may_be_the_whole_host(host: str) -> None:
    """Host and port together are one value, as tests and on-premise servers need it."""
    assert made(SyncClient, "http://{host}/v1", server_variables={"host": host}) == (
        f"http://{host}/v1"
    )


def test_a_value_must_be_one_of_the_enum() -> None:
    """A value that is not allowed is refused with those that are."""
    with pytest.raises(ConfigurationError, match=r"'region' must be one of \['eu', 'us'\].*'xx'"):
        Regional(server_variables={"region": "xx"})
    with pytest.raises(ConfigurationError, match="'region'"):

        class Wrong(Regional, server_variables={"region": "xx"}):
            pass


def test_a_subclass_changes_the_default_and_keeps_the_rest() -> None:
    """A plain value over a declared variable is its new default; the enum still holds."""

    class American(Regional, server_variables={"region": "us"}):
        pass

    assert made(American) == "https://us.api.test/v1"
    assert American.config.server_variables["region"] == ServerVariable(
        "us", REGION.enum, REGION.description
    )
    assert made(Regional) == "https://eu.api.test/v1"
    with pytest.raises(ConfigurationError, match="one of"):
        American(server_variables={"region": "xx"})


def test_a_subclass_may_need_more_variables() -> None:
    """A `uri` with another variable, and that variable, may be given together."""

    class More(
        Regional, uri="https://{region}.api.test/{tenant}", server_variables={"tenant": "acme"}
    ):
        pass

    assert made(More) == "https://eu.api.test/acme"


def test_a_mixin_may_declare_variables_before_there_is_a_uri() -> None:
    """A class without a `uri` declares what the `uri` of its subclasses needs."""

    class Declares(SyncClient, server_variables={"region": REGION}):
        pass

    class Plain(SyncClient, uri="https://api.test"):
        pass

    class Uses(Declares, uri="https://{region}.test"):
        pass

    class Mixed(Declares, Plain):
        pass

    assert made(Uses) == "https://eu.test"
    assert made(Mixed) == "https://api.test"


def test_a_uri_without_variables_leaves_those_of_the_class_alone() -> None:
    """An instance can point elsewhere, at a test server for one."""
    assert made(Regional, "http://127.0.0.1:8080/v1") == "http://127.0.0.1:8080/v1"
    copy = Regional().with_options(uri="http://127.0.0.1:8080")
    assert str(copy.uri) == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"server_variables": {"regoin": "us"}}, r"no server variable 'regoin'; did.*'region'"),
        ({"server_variables": {"zone": "us"}}, r"no server variable 'zone'$"),
        ({"uri": "https://api.test", "server_variables": {"region": "us"}}, "no server variable"),
    ],
)
def test_a_value_for_no_variable_is_refused(options: dict[str, Any], text: str) -> None:
    """A misspelt variable would silently leave the default in place."""
    with pytest.raises(ConfigurationError, match=text):
        Regional(**options)
    with pytest.raises(ConfigurationError, match=text):
        Regional().with_options(**options)


def test_a_misspelt_declaration_is_refused_with_its_uri() -> None:
    """Where class keywords give both, they must fit."""
    with pytest.raises(ConfigurationError, match="'regoin'; did you mean 'region'"):

        class Wrong(SyncClient, uri=URI, server_variables={"regoin": "eu"}):
            pass


@pytest.mark.parametrize("base", [SyncClient, AsyncClient])
def test_a_variable_needs_a_value_at_construction(base: type[Any]) -> None:
    """A variable without default or value is named when a client is made, not before."""
    cls: Any = type("Client", (base,), {}, uri=URI, server_variables={"version": "v1"})
    with pytest.raises(ConfigurationError, match="'region'"):
        cls()
    assert made(cls, server_variables={"region": "us"}) == "https://us.api.test/v1"


def test_none_takes_a_variable_away() -> None:
    """Without its declaration a variable has no default any more."""
    with pytest.raises(ConfigurationError, match="needs the server variable 'region'"):
        Regional(server_variables={"region": None})
    assert made(Regional, server_variables={"zone": None}) == "https://eu.api.test/v1"


@pytest.mark.parametrize(
    "value",
    [
        *["evil.test/", "evil.test/x", "evil.test#", "evil.test?", "user@evil.test", "a:b@c"],
        *["a b", "a\r\nb", "a\x00", "a\\b", "a%2fb", "ä", "a:", ":80", "a:123456", "{x}", "a,b"],
    ],
)
def test_a_value_in_the_host_leads_to_no_other_host(value: str) -> None:
    """What is not part of a host name, or its port, is refused."""
    with pytest.raises(ConfigurationError, match="'region'"):
        SyncClient(URI, server_variables={"region": value, "version": "v1"})


@pytest.mark.parametrize(
    "value",
    ["..", ".", "a/../b", "a//b", "/a", "a/", "a?b", "a#b", "%2e%2e", "a b", "a\x00", "a\\b", "ä"],
)
def test_a_value_in_the_path_leads_to_no_other_path(value: str) -> None:
    """Dot segments, queries, fragments and whatever is encoded are refused."""
    with pytest.raises(ConfigurationError):
        SyncClient(URI, server_variables={"region": "eu", "version": value})


async def test_a_call_goes_to_the_filled_uri(kind: Kind, server: Server) -> None:
    """The server reads the filled path, of a client and of a copy with another value."""
    uri = f"http://{{host}}:{server.port}/{{prefix}}"
    client = kind.client(uri, server_variables={"host": "127.0.0.1", "prefix": "echo"})
    await client.get()
    copy = client.with_options(server_variables={"prefix": "status/200"})
    await copy.get()
    assert [received.path for received in server.log] == ["/echo", "/status/200"]
