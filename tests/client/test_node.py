"""What clients and sub-clients have in common: adding, removing, and hooks."""

import gc
import logging
import weakref
from typing import Any

import pytest

from arya_api_framework import (
    AsyncSubClient,
    SubClient,
    SyncClient,
    SyncSubClient,
)
from arya_api_framework.errors import (
    ConfigurationError,
    SubClientAlreadyLoaded,
    SubClientError,
    SubClientParentSet,
)
from tests.conftest import Kind


class Client(SyncClient, uri="https://h.test"):
    """Declares nothing."""


class Sub(SubClient, name="sub", relative_path="/sub"):
    """Writes down what happens to it."""

    def __init__(self, told: list[str] | None = None, failing: str = "") -> None:
        self.told = [] if told is None else told
        self.failing = failing

    def on_loaded(self) -> None:
        """Write it down."""
        self._tell("loaded")

    def on_unloaded(self) -> None:
        """Write it down."""
        self._tell("unloaded")

    def _tell(self, what: str) -> None:
        self.told.append(f"{self.name} {what}, root open: {not self.root.closed}")
        if what == self.failing:
            raise RuntimeError(what)


class Inner(Sub, name="inner"):
    """What is below a `Sub`."""


class Innermost(Sub, name="innermost"):
    """What is below an `Inner`."""


def nested(told: list[str], failing: str = "") -> Sub:
    """Return a `Sub` with an `Inner`, which has an `Innermost`, which may fail."""
    sub, inner = Sub(told), Inner(told)
    sub.add_subclient(inner)
    inner.add_subclient(Innermost(told, failing))
    return sub


LOADED = [f"{name} loaded, root open: True" for name in ("sub", "inner", "innermost")]
UNLOADED = [f"{name} unloaded, root open: True" for name in ("innermost", "inner", "sub")]


# Adding and removing


def test_add_and_remove() -> None:
    """An added sub-client is an attribute and in `subclients`; a removed one is neither."""
    client: Any = Client()
    sub = Sub()
    client.add_subclient(sub)
    assert client.sub is sub
    assert client.subclients == {"sub": sub}
    assert "sub" in dir(client)
    assert client.remove_subclient("sub") is sub
    assert not hasattr(client, "sub")
    assert client.subclients == {}
    assert sub.parent is None
    assert "sub" not in dir(client)
    Client().add_subclient(sub)
    assert sub.qualified_path is not None


def test_remove_what_is_no_attribute_any_more() -> None:
    """An attribute that was overwritten is left as it is."""
    client: Any = Client()
    client.add_subclient(Sub())
    client.sub = 5
    assert client.subclients["sub"].parent is client
    client.remove_subclient("sub")
    assert (client.sub, client.subclients) == (5, {})


def test_remove_unknown() -> None:
    """Removing what is not there returns `None`, as in 0.3.9."""
    assert Client().remove_subclient("sub") is None


def test_subclients_are_read_only() -> None:
    """`subclients` shows what is there and takes no changes."""
    client: Any = Client()
    with pytest.raises(TypeError):
        client.subclients["sub"] = Sub()
    with pytest.raises(AttributeError):
        client.subclients = {}


@pytest.mark.parametrize("value", [Sub, Client(), None, "sub", 5])
def test_add_what_is_no_subclient(value: Any) -> None:
    """Only an instance of a `SubClient` can be added; 0.3.9 raised a `ValueError` too."""
    with pytest.raises(ConfigurationError, match="takes an instance of a SubClient, got") as caught:
        Client().add_subclient(value)
    assert isinstance(caught.value, ValueError)


def test_add_twice() -> None:
    """A name is taken once, and a sub-client has one parent."""
    client, sub = Client(), Sub()
    client.add_subclient(sub)
    with pytest.raises(SubClientAlreadyLoaded, match="'sub' is already loaded") as caught:
        client.add_subclient(Sub())
    assert caught.value.name == "sub"
    with pytest.raises(SubClientParentSet):
        client.add_subclient(sub)
    with pytest.raises(SubClientParentSet):
        Client().add_subclient(sub)
    assert client.subclients == {"sub": sub}


def test_add_below_itself() -> None:
    """No sub-client can be below itself."""
    sub, inner = Sub(), Inner()
    sub.add_subclient(inner)
    for below in (sub, inner):
        with pytest.raises(SubClientError, match="cannot be below itself"):
            below.add_subclient(sub)
    assert inner.subclients == {}


@pytest.mark.parametrize("name", ["get", "headers", "uri", "close", "_own_config", "own", "given"])
def test_add_under_a_taken_name(name: str) -> None:
    """A name that an attribute of the class, or of the instance, has is refused."""
    named = type("Named", (SubClient,), {}, name=name)()

    class Own(Client):
        own = 1

    client: Any = Own()
    client.given = 1
    with pytest.raises(SubClientError, match=f"'{name}' is an attribute of Own"):
        client.add_subclient(named)
    assert named.parent is None


def test_add_under_a_name_that_only_classes_have() -> None:
    """Names of the metaclass are free: no instance has them."""
    client: Any = Client()
    client.add_subclient(type("Named", (SubClient,), {}, name="register")())
    assert client.register.root is client


def test_another_in_place_of_a_declared_one() -> None:
    """What was declared can be removed, and another added under its name."""

    class Declares(SyncClient, uri="https://h.test"):
        sub = Sub()

    client = Declares()
    client.remove_subclient("sub")
    with pytest.raises(AttributeError, match="'sub' of 'Declares' is not loaded: it was removed"):
        _ = client.sub
    other = Sub()
    client.add_subclient(other)
    assert client.sub is other


def test_add_to_a_client_whose_init_calls_no_super() -> None:
    """A client of 0.3.9 that adds its sub-clients in an `__init__` of its own keeps working."""

    class Old(SyncClient, uri="https://h.test"):
        def __init__(self) -> None:
            self.add_subclient(Sub())

    client: Any = Old()
    assert client.sub.root is client


async def test_kinds(kind: Kind) -> None:
    """A sub-client typed for the other kind of client is refused, however deep it is."""
    right, wrong = (
        (AsyncSubClient, SyncSubClient) if kind.is_async else (SyncSubClient, AsyncSubClient)
    )
    good, bad = type("Good", (right,), {}), type("Bad", (wrong,), {})
    client = kind.base("https://h.test")
    client.add_subclient(good())
    between = Sub()
    between.add_subclient(bad())
    for refused in (bad(), between):
        with pytest.raises(SubClientError, match="Bad is typed for the other kind of client"):
            client.add_subclient(refused)
        with pytest.raises(SubClientError, match="see `shared`"):
            client.Good.add_subclient(refused)
    assert list(client.subclients) == ["Good"]
    assert between.parent is None
    with pytest.raises(SubClientError):
        type("Declares", (kind.base,), {"bad": bad()}, uri="https://h.test")()


# Hooks


def test_hooks() -> None:
    """`on_loaded` is called parents first, `on_unloaded` children first, with the root there."""
    told: list[str] = []
    sub = nested(told)
    assert told == []
    client = Client()
    client.add_subclient(sub)
    assert told == LOADED
    client.remove_subclient("sub")
    assert told[3:] == UNLOADED
    sub.remove_subclient("inner")
    assert len(told) == 6


def test_hooks_of_what_is_added_later() -> None:
    """What is added below a loaded sub-client is loaded too, once, also by a hook."""
    told: list[str] = []

    class Adding(Sub, name="adding"):
        def on_loaded(self) -> None:
            super().on_loaded()
            self.add_subclient(Inner(told))

    client = Client()
    client.add_subclient(Adding(told))
    assert told == ["adding loaded, root open: True", LOADED[1]]
    client.remove_subclient("adding")
    assert told[2:] == [UNLOADED[1], "adding unloaded, root open: True"]


def test_hooks_of_declared_ones() -> None:
    """Declared sub-clients are loaded before `__post_init__`, and unloaded by `close`."""
    told: list[str] = []

    class Declares(SyncClient, uri="https://h.test"):
        sub = Sub(told)
        inner = Inner(told)

        def __post_init__(self) -> None:
            told.append("post_init")

    assert told == []
    client = Declares()
    assert told == [*LOADED[:2], "post_init"]
    client.close()
    client.close()
    assert told[3:] == UNLOADED[1:]


def test_failing_on_loaded() -> None:
    """What fails in `on_loaded` is not added, and what was loaded with it is unloaded."""
    told: list[str] = []
    sub = nested(told, failing="loaded")
    client: Any = Client()
    with pytest.raises(RuntimeError, match="loaded"):
        client.add_subclient(sub)
    assert told == [*LOADED, *UNLOADED[1:]]
    assert client.subclients == {}
    assert not hasattr(client, "sub")
    assert sub.parent is None


def test_failing_on_loaded_of_a_declared_one() -> None:
    """A client whose sub-client fails in `on_loaded` is not made; the others are unloaded."""
    told: list[str] = []

    class Declares(SyncClient, uri="https://h.test"):
        sub = Sub(told)
        inner = Inner(told, failing="loaded")

    with pytest.raises(RuntimeError, match="loaded"):
        Declares()
    assert told == [*LOADED[:2], UNLOADED[2]]


def test_failing_on_unloaded() -> None:
    """What fails in `on_unloaded` is removed all the same, and the others are told."""
    told: list[str] = []
    sub = nested(told, failing="unloaded")
    client: Any = Client()
    client.add_subclient(sub)
    with pytest.raises(RuntimeError, match="unloaded"):
        client.remove_subclient("sub")
    assert told[3:] == UNLOADED
    assert client.subclients == {}
    assert sub.parent is None


async def test_failing_on_unloaded_at_close(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    """`close` closes whatever `on_unloaded` raises, and logs it."""
    told: list[str] = []
    client = kind.client("https://h.test")
    client.target.add_subclient(Inner(told))
    client.target.add_subclient(Sub(told, failing="unloaded"))
    with caplog.at_level(logging.WARNING):
        await client.close()
    assert client.closed
    assert told[2:] == [UNLOADED[2], UNLOADED[1]]
    [record] = caplog.records
    assert record.getMessage() == "<Sub 'sub'> failed in on_unloaded"
    assert record.name == f"arya_api_framework.{kind.base.__name__}"
    assert record.exc_info is not None


def test_a_hook_that_removes_itself() -> None:
    """A sub-client may leave in its own hook."""

    class Leaving(SubClient, name="leaving"):
        def on_loaded(self) -> None:
            assert self.parent.remove_subclient("leaving") is self

        def on_unloaded(self) -> None:
            raise AssertionError("it was never loaded")

    client, leaving = Client(), Leaving()
    client.add_subclient(leaving)
    assert client.subclients == {}
    holder = Sub()
    holder.add_subclient(leaving)
    holder.remove_subclient("leaving")


def test_a_hook_that_removes_it_again() -> None:
    """A sub-client is removed before its hook is called."""

    class Leaving(SubClient, name="leaving"):
        def on_unloaded(self) -> None:
            assert self.parent.remove_subclient("leaving") is None

    client, leaving = Client(), Leaving()
    client.add_subclient(leaving)
    assert client.remove_subclient("leaving") is leaving


def test_hooks_and_copies() -> None:
    """A copy made by `with_options` shares what hooks did; they are not called for it."""
    told: list[str] = []
    client = Client()
    client.add_subclient(nested(told))
    copied = client.with_options(timeout=3)
    copied.add_subclient(type("Late", (Sub,), {}, name="late")(told))
    assert told[3:] == ["late loaded, root open: True"]
    copied.close()
    assert told[4:] == ["late unloaded, root open: True"]
    client.close()
    assert told[5:] == UNLOADED


def test_clients_are_freed() -> None:
    """A client with sub-clients is collected when nobody holds it."""

    class Declares(SyncClient, uri="https://h.test"):
        sub = Sub()

    client = Declares()
    gone = weakref.ref(client), weakref.ref(client.sub)
    del client
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
