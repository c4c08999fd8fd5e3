"""Declared sub-clients: each client has its own, and so has each copy of one."""

import copy
import pickle
from dataclasses import dataclass, field
from typing import Any

import pytest

from arya_api_framework import AsyncClient, Response, SubClient, SyncClient
from arya_api_framework.errors import ConfigurationError
from tests.app import Server
from tests.conftest import Kind


class Repo(Response):
    """What the test application knows of a repository."""

    full_name: str


class Repos(SubClient, relative_path="/repos"):
    """Serves both kinds."""

    def of(self, owner: str, name: str) -> Any:
        """Get one."""
        return self.get(
            "/{owner}/{name}",
            path_parameters={"owner": owner, "name": name},
            response_format=Repo,
        )


class Issues(SubClient, relative_path="/{name}/issues"):
    """The innermost."""


class Owners(SubClient, relative_path="owners/{owner}"):
    """Has one below."""

    issues = Issues()


class Detached(SubClient, relative_path="/detached"):
    """Declared nowhere."""


class GitHub(SyncClient, uri="https://api.github.test/v3"):
    """Sends nothing."""

    repos = Repos()
    owners = Owners()


def declaring(kind: Kind, **subclients: SubClient) -> Any:
    """Return a client class that declares sub-clients."""
    return type("Client", (kind.base,), subclients)


# In class bodies


class Scoped(SubClient, relative_path="/scoped"):
    """Has arguments and state of its own, and its `__init__` calls no `super()`."""

    def __init__(self, owner: str, *, limit: int = 10) -> None:
        self.owner = owner
        self.limit = limit
        self.seen: list[str] = []


def test_each_client_has_its_own() -> None:
    """Instances of a client share neither their sub-clients nor what these hold."""

    class Client(SyncClient, uri="https://h.test"):
        scoped = Scoped("psf", limit=3)
        owners = Owners()

    first, second = Client(), Client("https://other.test")
    first.scoped.seen.append("x")
    assert second.scoped.seen == []
    assert Client.scoped.seen == []
    assert (second.scoped.owner, second.scoped.limit) == ("psf", 3)
    assert first.owners.issues is not second.owners.issues
    assert str(first.owners.issues.qualified_path).startswith("https://h.test/")
    assert str(second.owners.issues.qualified_path).startswith("https://other.test/")
    first.owners.remove_subclient("issues")
    assert "issues" in second.owners.subclients
    assert Client.owners.parent is None


def test_what_a_class_body_adds() -> None:
    """What is done to a sub-client in the class body is there in every client."""

    class Client(SyncClient, uri="https://h.test"):
        scoped = Scoped("psf")
        scoped.note = "set later"  # type: ignore[attr-defined]
        scoped.add_subclient(Detached())
        owners = Owners()
        owners.remove_subclient("issues")

    for client in (Client(), Client()):
        assert client.scoped.note == "set later"  # type: ignore[attr-defined]
        assert list(client.scoped.subclients) == ["Detached"]
        assert client.scoped.subclients["Detached"].parent is client.scoped
        assert list(client.owners.subclients) == []


def test_inherited_overridden_and_removed() -> None:
    """A subclass of a client inherits declared sub-clients, replaces them, or removes them."""

    class Archive(Repos, relative_path="/archive"): ...

    class Same(GitHub): ...

    class Replaced(GitHub):
        repos = Archive()

    class Removed(GitHub):
        repos = None  # type: ignore[assignment]

    class Restored(Removed):
        repos = Repos()  # type: ignore[assignment]

    assert str(Same().repos.relative_path) == "/repos"
    assert str(Replaced().repos.relative_path) == "/archive"
    assert list(Removed().subclients) == ["owners"]
    assert Removed().repos is None
    assert set(Restored().subclients) == {"owners", "repos"}
    assert set(GitHub().subclients) == {"owners", "repos"}


def test_declared_through_a_mixin() -> None:
    """Sub-clients that a plain mixin declares are those of the client too."""

    class Mixin:
        repos = Repos()

    class Client(Mixin, AsyncClient, uri="https://h.test"): ...

    client = Client()
    assert client.repos.root is client
    assert Client().repos is not client.repos


def test_one_object_under_several_names() -> None:
    """One object declared twice, or in two classes, is a sub-client of its own in each place."""
    one = Repos()

    class First(SyncClient, uri="https://h.test"):
        left = right = one

    class Second(SyncClient, uri="https://h.test"):
        other = one

    client = First()
    assert client.left is not client.right
    assert list(client.subclients) == ["left", "right"]
    assert Second().other.name == "other"
    assert Mapped.once is Mapped().once


class Mapped:
    """No client: what is declared here is a plain attribute."""

    once = Repos()


def test_name_differs_from_the_attribute() -> None:
    """A sub-client with a name of its own is found under it and under its attribute."""

    class Named(SubClient, name="named"): ...

    class Client(SyncClient, uri="https://h.test"):
        attribute = Named()

    client: Any = Client()
    assert client.named is client.attribute
    assert list(client.subclients) == ["named"]
    removed = client.remove_subclient("named")
    assert not hasattr(client, "attribute")
    client.add_subclient(removed)
    assert client.named is client.attribute is removed


@pytest.mark.parametrize("options", [{}, {"frozen": True}, {"slots": True}])
async def test_dataclasses(kind: Kind, server: Server, options: dict[str, bool]) -> None:
    """A sub-client may be a dataclass, also a frozen one."""

    class Owner(SubClient, name="owner", relative_path="/repos"):
        owner: str
        seen: list[str] = field(default_factory=list)

        def of(self, name: str) -> Any:
            path = "/{owner}/{name}"
            return self.get(path, path_parameters={"owner": self.owner, "name": name})

    made: Any = dataclass(**options)(Owner)
    client_class = declaring(kind, psf=made("psf"))
    client, other = kind.wrap(client_class(server.url)), client_class(server.url)
    assert (await client.psf.of("requests"))["name"] == "requests"
    assert server.log[-1].target == "/repos/psf/requests"
    assert client.target.psf == other.psf
    assert client.psf.seen is not other.psf.seen
    assert client.target.remove_subclient("owner").parent is None
    added = made("pydantic")
    client.target.add_subclient(added)
    assert client.target.owner is added


async def test_methods_of_any_name(kind: Kind, server: Server) -> None:
    """Methods of users may be named as those that the framework does without."""
    mine = {name: lambda self: None for name in ("build", "root", "parent", "get", "attach")}
    outer: Any = type("Outer", (SubClient,), {**mine, "repos": Repos()})
    client = kind.wrap(declaring(kind, outer=outer())(server.url))
    repo = await client.outer.repos.of("psf", "requests")
    assert repo.full_name == "psf/requests"
    assert client.target.outer.repos.build("GET").target == "/repos"
    assert str(client.target.outer.repos.qualified_path) == f"{server.url}/repos"
    assert client.target.tree()["root"]["__subclients__"]["outer"]["__subclients__"]
    assert client.target.remove_subclient("outer") is not None


# Copies


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_of_a_sub_client(copied: Any) -> None:
    """A copy belongs to nobody and has copies of what is below."""

    class Client(SyncClient, uri="https://h.test"):
        scoped = Scoped("psf")

    client = Client()
    client.scoped.add_subclient(Owners())
    twin = copied(client.scoped)
    assert (twin.parent, twin.owner, twin.name) == (None, "psf", "scoped")
    assert twin.Owners.parent is twin
    assert twin.Owners.issues is not client.scoped.subclients["Owners"].subclients["issues"]
    assert client.scoped.parent is client
    twin.remove_subclient("Owners")
    assert "Owners" in client.scoped.subclients
    assert (twin.seen is client.scoped.seen) is (copied is copy.copy)
    other = Client()
    other.remove_subclient("scoped")
    other.add_subclient(twin)
    assert other.scoped is twin


def test_deep_copy_of_what_refers_to_itself() -> None:
    """References between a sub-client and what is below are those of the copy."""
    owners: Any = Owners()
    owners.itself, owners.first = owners, owners.issues
    twin = copy.deepcopy([owners, owners])[1]
    assert twin is not owners
    assert twin.itself is twin
    assert twin.first is twin.issues


def test_pickle() -> None:
    """A sub-client without a client can be pickled, with what is below."""
    twin = pickle.loads(pickle.dumps(Owners()))
    assert twin.issues.parent is twin
    assert twin.issues.qualified_name == "Owners.issues"


async def test_with_options(kind: Kind, server: Server) -> None:
    """Sub-clients of a copy made by `with_options` send with its options, in their own state."""
    client = kind.wrap(declaring(kind, scoped=Scoped("psf"), repos=Repos())(server.url))
    client.favourite = client.target.repos
    client.target.add_subclient(Owners())
    client.target.remove_subclient("scoped")
    client.target.add_subclient(Scoped("first"))
    client.target.Scoped.owner = "changed"
    copied = client.with_options(headers={"X-Copy": "yes"})
    assert set(copied.subclients) == {"repos", "Owners", "Scoped"}
    assert copied.Scoped.owner == "changed"
    assert copied.target.Scoped.root is copied.target
    assert copied.target.favourite is copied.target.repos
    await copied.repos.of("psf", "requests")
    assert server.log[-1].headers["X-Copy"] == "yes"
    await client.repos.of("psf", "requests")
    assert "X-Copy" not in server.log[-1].headers
    await copied.close()
    assert (await client.repos.of("psf", "requests")).full_name == "psf/requests"


# Asked for early


@pytest.mark.parametrize("base", [SyncClient, AsyncClient])
def test_an_init_without_super_may_use_them(base: Any) -> None:
    """What the class declares is there for an `__init__` that knows nothing of ours."""

    class Old(base, uri="https://h.test"):  # type: ignore[call-arg,misc]
        """A client as they were written for 0.3.9."""

        repos = Repos()

        def __init__(self) -> None:
            self.path = str(self.repos.qualified_path)

    client = Old()
    assert client.path == "https://h.test/repos"
    assert list(client.subclients) == ["repos"]
    with pytest.raises(AttributeError, match="nothing"):
        client.nothing  # noqa: B018


@pytest.mark.parametrize("base", [SyncClient, AsyncClient])
def test_an_init_may_use_them_before_super(base: Any) -> None:
    """What is given afterwards still counts, and nothing is there twice."""

    class Early(base, uri="https://h.test"):  # type: ignore[call-arg,misc]
        """Looks before it leaps."""

        repos = Repos()

        def __init__(self, **options: Any) -> None:
            self.first = self.repos
            super().__init__(**options)

    client = Early(uri="https://other.test", timeout=5)
    assert client.repos is client.first
    assert str(client.repos.qualified_path) == "https://other.test/repos"
    with pytest.raises(ConfigurationError, match="not both"):
        Early(session=object(), session_factory=object)


@pytest.mark.parametrize("name", ["close", "get", "headers", "config", "uri", "_mutex"])
def test_names_of_a_client_cannot_be_declared(name: str) -> None:
    """A sub-client may not take the place of what every client has."""
    for base in (SyncClient, AsyncClient):
        with pytest.raises(ConfigurationError, match=f"'{name}', which is an attribute of every"):
            type("Taken", (base,), {name: Repos()})
