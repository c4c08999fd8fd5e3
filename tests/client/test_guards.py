"""Mistakes that would otherwise pass in silence are named where they are made."""

from typing import Any

import aiohttp
import pytest
import requests

from arya_api_framework import (
    TLS,
    AsyncClient,
    PaginatedResponse,
    SubClient,
    SyncClient,
    Timeout,
)
from arya_api_framework.errors import ClientClosedError, ConfigurationError
from tests.app import Server
from tests.conftest import Kind

URI = "https://api.test"

each_base = pytest.mark.parametrize("base", [SyncClient, AsyncClient])


@each_base
@pytest.mark.parametrize("name", ["rate_limit", "timeout", "headers", "bearer_token", "uri"])
def test_an_option_as_class_attribute_is_refused(base: type[Any], name: str) -> None:
    """It would be ignored, while the class looks as if it held."""
    with pytest.raises(ConfigurationError, match=f"{name}' is a class keyword"):
        type("Api", (base,), {name: "x"}, uri=URI)


@each_base
def test_methods_and_properties_may_have_the_name_of_an_option(base: type[Any]) -> None:
    """What Python calls itself is no forgotten keyword."""
    cls: Any = type("Api", (base,), {"timeout": lambda self: "mine"}, uri=URI)
    assert cls().timeout() == "mine"


@each_base
def test_a_sub_client_class_is_no_sub_client(base: type[Any]) -> None:
    """The parentheses were forgotten."""

    class Pets(SubClient):
        pass

    with pytest.raises(ConfigurationError, match=r"Pets\(\)"):
        type("Api", (base,), {"pets": Pets}, uri=URI)


@each_base
@pytest.mark.parametrize(
    ("name", "here"), [("base_url", "uri"), ("verify", "tls=TLS(...)"), ("token", "bearer_token")]
)
def test_names_of_other_libraries_are_known(base: type[Any], name: str, here: str) -> None:
    """Whoever comes from another library is told the name here."""
    with pytest.raises(ConfigurationError) as caught:
        base(URI, **{name: "x"})
    assert f"did you mean {here!r}?" in str(caught.value)


@each_base
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"bearer_token": "Bearer abc"}, "starts with 'Bearer '"),
        ({"bearer_token": "Token abc"}, "bearer_token holds a blank"),
        ({"bearer_token": ""}, "is empty"),
        ({"timeout": (3, 5)}, "Timeout(connect=..., read=...)"),
        ({"tls": "ca.pem"}, "TLS(ca='ca.pem')"),
        ({"trusted_origins": ["https://x.test/path"]}, "must be origins"),
    ],
)
def test_values_that_were_meant_otherwise(
    base: type[Any], options: dict[str, Any], text: str
) -> None:
    """The text says what the value should have been."""
    with pytest.raises(ConfigurationError) as caught:
        base(URI, **options)
    assert text in str(caught.value)


async def test_a_session_leaves_no_room_for_its_rivals(kind: Kind) -> None:
    """`tls` and `session_factory` would be ignored beside a session."""
    session: Any = aiohttp.ClientSession() if kind.is_async else requests.Session()
    try:
        for rival in ({"tls": TLS()}, {"session_factory": lambda **_: session}):
            with pytest.raises(ConfigurationError, match="session"):
                kind.base(URI, session=session, **rival)
    finally:
        if kind.is_async:
            await session.close()
        else:
            session.close()


async def test_no_session_appears_after_close(kind: Kind) -> None:
    """Nobody would close it."""
    client = kind.client(URI)
    await client.close()
    with pytest.raises(ClientClosedError):
        _ = client.target.session


@each_base
@pytest.mark.parametrize("body", [{"a": float("nan")}, [float("inf")], b"abc", bytearray(b"x")])
def test_what_json_cannot_hold_is_refused(base: type[Any], body: Any) -> None:
    """No number of JSON is NaN, and bytes are no text."""
    with pytest.raises(ConfigurationError, match="`body`"):
        base(URI).build("POST", "/", body=body)


@each_base
def test_text_like_a_number_is_text(base: type[Any]) -> None:
    """The words for what is no number are plain text inside a string."""
    assert base(URI).build("POST", "/", body=["NaN", "Infinity"]).body == b'["NaN","Infinity"]'


@each_base
def test_an_abstract_page_is_no_format(base: type[Any]) -> None:
    """A model that cannot be made is refused before anything is sent."""

    class Page(PaginatedResponse):
        pass

    client = base(URI)
    with pytest.raises(ConfigurationError, match="abstract"):
        client._prepare("GET", "/", {"response_format": Page})


async def test_an_automatic_header_can_be_switched_off(kind: Kind, server: Server) -> None:
    """`None` on class, instance or written later keeps it off the wire, as in one call."""
    cls: Any = type("Api", (kind.base,), {}, uri=server.url, headers={"user-agent": None})
    client = kind.wrap(cls(headers={"Accept": None}))
    client.target.headers["Accept-Encoding"] = None
    await client.get("/echo")
    await client.get("/echo", headers={"Accept": "text/csv"})
    first, second = server.log
    assert not {"User-Agent", "Accept", "Accept-Encoding"} & set(first.headers)
    assert second.headers["Accept"] == "text/csv"


def test_a_timeout_of_parts_is_kept() -> None:
    """`Timeout` itself is what the hint asks for."""
    assert SyncClient(URI, timeout=Timeout(connect=3, read=5)).config.timeout.read == 5
