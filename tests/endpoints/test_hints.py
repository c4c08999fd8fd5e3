"""Annotations that are texts, and types that are defined elsewhere, or nowhere."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import TypeAliasType

from arya_api_framework import AsyncClient, Response, SubClient, SyncClient, endpoint
from arya_api_framework.errors import ConfigurationError, SubClientError
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

    Ids = Sequence[Id]

    @endpoint.get("/users")
    def alias(self, id: Ids) -> Any: ...

    @endpoint.get("/users/{id}")
    def nowhere(self, id: int) -> Received: ...

    @endpoint.get("/users/{id}")
    def no_argument(self, id: Decimal) -> None: ...


class Wrong(SyncClient):
    """Wrong, which is known later."""

    @endpoint.get("/wrong/{id}")
    def wrong(self, di: Later) -> Later: ...


class OfOdd(SyncClient):
    """Of a type that cannot be sent, which is known later."""

    @endpoint.get("/users")
    def odd(self, a: Odd) -> None: ...


class Misplaced(AsyncClient):
    """Of the wrong kind, which is known later."""

    @endpoint.get("/users/{id}")
    def one(self, id: int) -> Later: ...


class Twice(Misplaced):
    """No better."""


class OfOneKind(SubClient):
    """Fits one kind of client, which is known later."""

    @endpoint.get("/users/{id}")
    def one(self, id: int) -> Later: ...


class Again(SyncClient):
    """Uses an endpoint of another class."""

    inner = Client.inner


class Parent(AsyncClient):
    """Of the other kind than its part."""

    part = OfOneKind()


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
        assert client.alias([1])[0]["id"] == 1
    assert server.log[-1].target == "/users?id=1"
    with Again(server.url) as again:
        assert again.inner(1) == Client.Inner(id=1)
        assert Again.inner.declaration.owner is Client


class AwaitedNowhere(SubClient):
    """Fits the asynchronous kind, whatever its type is."""

    @endpoint.get("/users/{id}")
    async def one(self, id: int) -> Received: ...


class ParentOfNowhere(SyncClient):
    """Of the other kind than its part."""

    part = AwaitedNowhere()


def test_kinds_of_unknown_types() -> None:
    """What is written with `async def` is of one kind, though its type is not known."""
    with pytest.raises(SubClientError, match="AwaitedNowhere is typed for the other kind of"):
        ParentOfNowhere("https://h.test")


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


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (OfOdd, r"OfOdd\.odd: 'a' is of a type that cannot be checked"),
        (Wrong, r"Wrong\.wrong: the path '/wrong/\{id\}' has"),
        (Misplaced, r"Misplaced\.one: Misplaced is asynchronous: write `async def`"),
        (Twice, r"Misplaced\.one: Twice is asynchronous: write `async def`"),
        (Parent, r"OfOneKind is typed for the other kind .*, by its endpoint `one`"),
    ],
)
def test_errors_that_come_later(wrong: Any, said: str) -> None:
    """What could not be checked with the class is checked with each client, until it is right."""
    for _ in range(2):
        with pytest.raises((ConfigurationError, SubClientError), match=said):
            wrong("https://h.test")


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
