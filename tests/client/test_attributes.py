"""Attributes of clients and sub-clients: unknown, failing, and reserved ones."""

from typing import Any

import pytest

from arya_api_framework import (
    AsyncClient,
    SubClient,
    SyncClient,
)
from arya_api_framework.errors import (
    ConfigurationError,
)


class Client(SyncClient, uri="https://h.test"):
    """Declares nothing."""


class Sub(SubClient, name="sub", relative_path="/sub"):
    """Does nothing."""

    def _tell(self, what: str) -> None: ...


class Broken(SubClient, name="broken"):
    """Its properties fail."""

    calls = 0

    @property
    def asking(self) -> Any:
        """Ask for what is not there."""
        self.calls += 1
        return self.mising  # type: ignore[attr-defined]

    @property
    def raising(self) -> Any:
        """Raise."""
        raise AttributeError("the cause")

    @property
    def failing(self) -> Any:
        """Fail otherwise."""
        raise KeyError("other")

    missing = 1


class BrokenClient(SyncClient, uri="https://h.test"):
    """Its properties fail."""

    broken = Broken()
    asking = Broken.asking
    raising = Broken.raising
    failing = Broken.failing
    calls = 0
    missing = 1


@pytest.mark.parametrize("of", ["client", "sub-client"])
def test_unknown_attributes(of: str) -> None:
    """An unknown name is an `AttributeError` that names the near miss, if there is one."""
    client: Any = BrokenClient()
    client.add_subclient(Sub())
    client.broken.add_subclient(Sub())
    node = client if of == "client" else client.broken
    shown = type(node).__name__
    cases = {
        "sup": f"'{shown}' object has no attribute 'sup'; did you mean 'sub'?",
        "gett": f"'{shown}' object has no attribute 'gett'; did you mean 'get'?",
        "qwxyzzy": f"'{shown}' object has no attribute 'qwxyzzy'",
        "_headrs": f"'{shown}' object has no attribute '_headrs'",
        "__wrapped__": f"'{shown}' object has no attribute '__wrapped__'",
    }
    for name, message in cases.items():
        with pytest.raises(AttributeError) as caught:
            getattr(node, name)
        assert str(caught.value) == message
        assert not hasattr(node, name)
        assert getattr(node, name, 7) == 7


@pytest.mark.parametrize("of", ["client", "sub-client"])
def test_properties_that_raise(of: str) -> None:
    """What a property raises is what its reader sees, not that there is no such property."""
    client = BrokenClient()
    node: Any = client if of == "client" else client.broken
    with pytest.raises(AttributeError, match=r"no attribute 'mising'; did you mean 'missing'\?"):
        _ = node.asking
    with pytest.raises(AttributeError, match=r"^the cause$"):
        _ = node.raising
    with pytest.raises(KeyError, match="other"):
        _ = node.failing


def test_a_property_that_fails_once() -> None:
    """A property that Python dropped the first error of may work when it is asked again."""

    class Flaky(SubClient):
        calls = 0

        @property
        def flaky(self) -> int:
            self.calls += 1
            if self.calls == 1:
                raise AttributeError("not yet")
            return self.calls

    assert Flaky().flaky == 2


def test_declared_ones_before_init() -> None:
    """Asking for a declared sub-client too early says what is wrong."""

    class Early(SyncClient):
        sub = Sub()

        def __init__(self) -> None:
            with pytest.raises(AttributeError, match="asked for before `__init__` of the client"):
                _ = self.sub
            super().__init__("https://h.test")

    assert Early().sub.parent is not None


@pytest.mark.parametrize("base", [SyncClient, AsyncClient, SubClient, Sub])
@pytest.mark.parametrize("name", ["_request", "_send", "_parent", "_describe"])
def test_private_names_of_the_framework(base: Any, name: str) -> None:
    """A class that would replace a private part by accident is refused, and told which."""
    with pytest.raises(ConfigurationError, match=f"Mine defines '{name}', which the framework"):
        type("Mine", (base,), {name: lambda self: None})


@pytest.mark.parametrize("base", [SyncClient, AsyncClient, SubClient])
def test_a_class_in_place_of_an_instance(base: Any) -> None:
    """A sub-client that lacks its parentheses is found when the class is made."""
    with pytest.raises(
        ConfigurationError, match=r"class Sub, not a sub-client; write `sub = Sub\(\)`"
    ):
        type("Mine", (base,), {"sub": Sub})
    mine: Any = type("Mine", (base,), {"Sub": Sub, "client": Client})
    assert mine.Sub is Sub


def test_private_names_of_users() -> None:
    """Private names of a user's own, and overriding those of a user's base, are fine."""

    class Mine(Sub, name="mine"):
        _own = 1

        def _tell(self, what: str) -> None: ...

        def __repr__(self) -> str:
            return "mine"

    client: Any = Client()
    client.add_subclient(Mine())
    assert repr(client.mine) == "mine"
    assert client.mine._own == 1
