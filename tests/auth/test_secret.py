"""Secrets that are read when a request is sent: functions, the environment, a keyring."""

import functools
import pickle
import sys
from collections.abc import Iterator
from typing import Any

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.errors
import pytest

from arya_api_framework.auth import BearerAuth, from_env, from_keyring
from arya_api_framework.auth.secret import SecretSource
from arya_api_framework.errors import ConfigurationError, MissingCredentials
from tests.conftest import Kind
from tests.scripted import Scripted

NAME = "ARYA_TEST_TOKEN"


class Memory(keyring.backend.KeyringBackend):
    """A backend as users plug one in."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        """Return what is kept."""
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Forget it."""
        del self.kept[service, username]


@pytest.fixture
def memory() -> Iterator[Memory]:
    """The keyring of the system."""
    before = keyring.get_keyring()
    memory = Memory()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


async def test_a_variable_is_read_for_each_request(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not set, or empty, is a clear error before anything is sent."""
    async with Scripted() as server:
        client = kind.client(server.url, auth=BearerAuth(from_env(NAME)))
        monkeypatch.delenv(NAME, raising=False)
        with pytest.raises(MissingCredentials, match=f"{NAME} is not set"):
            await client.get("/")
        monkeypatch.setenv(NAME, "")
        with pytest.raises(MissingCredentials, match=f"{NAME} is empty"):
            await client.get("/")
        for token in ("one", "two"):
            monkeypatch.setenv(NAME, token)
            await client.get("/")
        assert [read.headers["Authorization"] for read in server.log] == [
            "Bearer one",
            "Bearer two",
        ]


async def test_an_entry_of_the_keyring_is_read_for_each_request(kind: Kind, memory: Memory) -> None:
    """One that is not there is a clear error before anything is sent."""
    async with Scripted() as server:
        client = kind.client(server.url, auth=BearerAuth(from_keyring("api", "ann")))
        with pytest.raises(MissingCredentials, match="no entry for 'ann' of 'api'"):
            await client.get("/")
        keyring.set_password("api", "ann", "kept")
        await client.get("/")
        assert [read.headers["Authorization"] for read in server.log] == ["Bearer kept"]


@pytest.mark.usefixtures("memory")
async def test_a_keyring_that_cannot_be_read(kind: Kind) -> None:
    """A system without a backend, or one that is locked, is a clear error too."""

    class Locked(Memory):
        def get_password(self, service: str, username: str) -> str | None:
            raise keyring.errors.KeyringLocked("hunter2")

    fail: Any = keyring.backends.fail
    async with Scripted() as server:
        client = kind.client(server.url, auth=BearerAuth(from_keyring("api", "ann")))
        for backend, cause in (
            (fail.Keyring(), keyring.errors.NoKeyringError),
            (Locked(), keyring.errors.KeyringLocked),
        ):
            keyring.set_keyring(backend)
            words = rf"could not be asked for 'ann' of 'api' \({cause.__name__}\)"
            with pytest.raises(MissingCredentials, match=words) as caught:
                await client.get("/")
            assert isinstance(caught.value.__cause__, cause)
            assert "hunter2" not in str(caught.value)
        assert server.log == []


def test_without_the_package_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingCredentials, match=r"pip install arya-api-framework\[keyring\]"):
        from_keyring("api", "ann")()


@pytest.mark.parametrize("name", ["", "A=B", "A\0", 5, None])
def test_names_that_no_variable_has(name: str) -> None:
    """They are refused at once."""
    with pytest.raises(ConfigurationError, match="from_env takes the name of a variable"):
        from_env(name)


@pytest.mark.parametrize("names", [("", "ann"), ("api", ""), ("api", None)])
def test_names_that_no_entry_has(names: tuple[str, str]) -> None:
    """They are refused at once."""
    with pytest.raises(ConfigurationError, match="from_keyring takes the names"):
        from_keyring(*names)


def test_reprs() -> None:
    """They name the place, and show no secret."""
    assert repr(from_keyring("api", "ann")) == "from_keyring('api', 'ann')"
    assert repr(SecretSource("the key", "hunter2")) == "<the key>"


async def read() -> str:
    """Read a secret as nobody waits for it."""
    return "never"


class Reader:
    """An object that reads as the function does."""

    async def __call__(self) -> str:
        """Return it."""
        return await read()


@pytest.mark.parametrize("given", [read, Reader(), functools.partial(read)])
def test_a_coroutine_function_is_no_secret(given: Any) -> None:
    """The error says at once what is expected."""
    with pytest.raises(ConfigurationError, match="the key is read by a plain function, written"):
        SecretSource("the key", given)


def test_a_coroutine_is_no_secret() -> None:
    """The error says what is expected; nothing is left that was never awaited."""
    made: Any = read()
    source = SecretSource("the key", lambda: made)
    with pytest.raises(MissingCredentials, match="a function that returns one, got coroutine"):
        source.get()


def test_half_a_pair_of_surrogates_is_no_character() -> None:
    """It is refused, whether it is given or read."""
    for half in ("hunter2\ud83d", "\udfff"):
        with pytest.raises(ConfigurationError, match="half of a pair of surrogates") as caught:
            SecretSource("the key", half)
        assert "hunter2" not in str(caught.value)
        with pytest.raises(MissingCredentials, match="half of a pair of surrogates"):
            SecretSource("the key", lambda half=half: half).get()  # type: ignore[misc]
    assert SecretSource("the key", "\ud7ff\ue000🔑").get() == "\ud7ff\ue000🔑"


def test_secrets_are_not_pickled() -> None:
    """Neither by themselves nor within another object."""
    source = SecretSource("the key", "hunter2")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="the key cannot be pickled"):
            pickle.dumps([source], protocol)


def test_what_a_function_raises_goes_on() -> None:
    """Unchanged."""

    def read() -> str:
        raise KeyError("vault")

    with pytest.raises(KeyError, match="vault"):
        SecretSource("the key", read).get()
