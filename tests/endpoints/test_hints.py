"""Annotations that are texts, and types that are defined elsewhere, or nowhere."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import TypeAliasType

from arya_api_framework import Response, SyncClient, endpoint
from arya_api_framework.errors import ConfigurationError
from tests.app import Server

if TYPE_CHECKING:
    from decimal import Decimal

    from tests.app import Received

Id = TypeAliasType("Id", int)


class Client(SyncClient):
    """Of types that come later."""

    class Inner(Response):
        """A type of the class."""

        id: int

    @endpoint.get("/users/{id}")
    def later(self, id: Id) -> Later: ...

    @endpoint.get("/users/{id}")
    def inner(self, id: int) -> Client.Inner | Inner: ...

    @endpoint.get("/users")
    def list(self) -> list[Later]: ...

    @endpoint.get("/users/{id}")
    def nowhere(self, id: int) -> Received: ...

    @endpoint.get("/users/{id}")
    def no_argument(self, id: Decimal) -> None: ...

    @endpoint.get("/wrong/{id}")
    def wrong(self, di: Later) -> Later: ...

    @endpoint.get("/users")
    def odd(self, a: Odd) -> None: ...


class Odd:
    """What pydantic knows nothing of."""


class Later(Response):
    """Comes later."""

    id: int
    next: Later | None = None


def test_types_that_come_later(server: Server) -> None:
    """They are looked for when the endpoint is used first; a method called `list` hides nothing."""
    with Client(server.url) as client:
        assert client.later(1) == Later(id=1)
        assert client.inner(1) == Client.Inner(id=1)
        assert client.list()[0] == Later(id=1)


@pytest.mark.parametrize(
    ("name", "type_name"), [("nowhere", "Received"), ("no_argument", "Decimal")]
)
def test_types_for_type_checkers_only(name: str, type_name: str) -> None:
    """What is not there at run time is named, with the method."""
    said = (
        rf"endpoint Client\.{name}: name '{type_name}' is not defined, where .* `if TYPE_CHECKING`"
    )
    with pytest.raises(ConfigurationError, match=said):
        getattr(Client("https://h.test"), name)(1)


def test_errors_that_come_later() -> None:
    """What could not be checked with the class is checked at the first call."""
    with pytest.raises(
        ConfigurationError, match=r"Client\.odd: an argument has a type that cannot"
    ):
        Client("https://h.test").odd(Odd())
    with pytest.raises(ConfigurationError, match=r"Client\.wrong: the path '/wrong/\{id\}' has"):
        Client("https://h.test").wrong(Later(id=1))


def test_types_of_a_function(server: Server) -> None:
    """They are known to a class that is made in the function, and to one in that."""

    class Local(Response):
        id: int

    class Client(SyncClient):
        @endpoint.get("/users/{id}")
        def one(self, id: int) -> Local: ...

        class Deeper(SyncClient):
            @endpoint.get("/users/{id}")
            def one(self, id: int) -> Local: ...

    class LocalLater(SyncClient):
        @endpoint.get("/users/{id}")
        def one(self, id: int) -> Unheard: ...

    class Unheard(Response):
        id: int

    with Client(server.url) as client, Client.Deeper(server.url) as deeper:
        assert client.one(1) == deeper.one(1) == Local(id=1)
    assert Client.one.declaration.names is None
    with pytest.raises(ConfigurationError, match=r"LocalLater\.one: name 'Unheard' is not defined"):
        LocalLater(server.url).one(1)


def test_endpoints_outside_of_classes(server: Server) -> None:
    """An endpoint can be called with a client that it is no part of."""

    class Local(Response):
        id: int

    @endpoint.get("/users/{id}")
    def one(self: Any, id: int) -> Local: ...

    with SyncClient(server.url) as client:
        assert one(client, 1) == Local(id=1)


def test_annotations_that_are_no_types() -> None:
    """They are refused with the class."""
    with pytest.raises(
        ConfigurationError, match=r"\.one: its annotations cannot be evaluated: Syn"
    ):

        class Client(SyncClient):
            @endpoint.get("/x")
            def one(self, a: "1 +") -> Any: ...  # type: ignore[valid-type]  # noqa: F722
