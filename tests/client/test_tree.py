"""`tree`: classes show what they declare, instances what they hold."""

import json
from typing import Any

import pytest
from yarl import URL

from arya_api_framework import (
    AsyncClient,
    ServerVariable,
    SubClient,
    SyncClient,
    SyncSubClient,
    shared,
)
from arya_api_framework.constants import HTTPMethod
from arya_api_framework.errors import ConfigurationError
from arya_api_framework.utils import apiclient, endpoint
from tests.conftest import Kind


class Issues(SubClient, relative_path="/{name}/issues"):
    """The innermost."""

    @endpoint("/", methods=["GET", HTTPMethod.POST], href="https://docs.test")
    @shared
    def all(self) -> Any:
        """Describe itself."""


class Repos(SubClient, name="repositories", relative_path="/repos"):
    """Declares one below."""

    issues = Issues()

    @shared
    @endpoint("/{name}", name="One", description="Get one.", method="get")
    def one(self) -> Any:
        """Describe itself."""

    def bare(self) -> Any:
        """Is not described."""


@apiclient
class GitHub(SyncClient, uri="https://api.github.test/v3/"):
    """Declares one."""

    repos = Repos()

    @endpoint("/zen")
    def zen(self) -> Any:
        """Describe itself."""


ISSUES = {
    "__info__": {
        "qualified_name": "repositories.issues",
        "qualified_path": "https://api.github.test/v3/repos/{name}/issues",
        "full_relative_path": "/repos/{name}/issues",
        "relative_path": "/{name}/issues",
    },
    "__endpoints__": {
        "all": {
            "path": "/",
            "name": "all",
            "description": None,
            "href": "https://docs.test",
            "methods": ["GET", "POST"],
        }
    },
    "__subclients__": {},
}
REPOS = {
    "__info__": {
        "qualified_name": "repositories",
        "qualified_path": "https://api.github.test/v3/repos",
        "full_relative_path": "/repos",
        "relative_path": "/repos",
    },
    "__endpoints__": {
        "one": {
            "path": "/{name}",
            "name": "One",
            "description": "Get one.",
            "href": None,
            "methods": ["GET"],
        }
    },
    "__subclients__": {"issues": ISSUES},
}
TREE = {
    "root": {
        "__info__": {
            "uri": "https://api.github.test/v3",
            "uri_root": "https://api.github.test",
        },
        "__endpoints__": {
            "zen": {
                "path": "/zen",
                "name": "zen",
                "description": None,
                "href": None,
                "methods": ["ANY"],
            }
        },
        "__subclients__": {"repositories": REPOS},
    }
}


def test_tree_of_classes_and_instances() -> None:
    """A class shows the same as an instance that nothing was added to."""
    assert GitHub.tree() == TREE
    assert GitHub().tree() == TREE


def test_tree_of_a_subclient() -> None:
    """A sub-client shows itself and what is below; without a client it has no absolute URL."""
    client = GitHub()
    assert client.repos.tree() == REPOS
    assert client.repos.issues.tree() == ISSUES
    alone = Issues.tree()
    assert alone == Issues().tree()
    assert alone["__endpoints__"] == ISSUES["__endpoints__"]
    assert alone["__info__"] == {
        "qualified_name": "Issues",
        "qualified_path": None,
        "full_relative_path": "/{name}/issues",
        "relative_path": "/{name}/issues",
    }


def test_tree_shows_what_was_added_and_removed() -> None:
    """The tree of an instance follows it; that of the class, and of other instances, does not."""
    client = GitHub()
    client.repos.remove_subclient("issues")
    client.repos.add_subclient(type("Stars", (SubClient,), {}, relative_path="/stars")())
    client.add_subclient(Issues())
    subclients = client.tree()["root"]["__subclients__"]
    assert list(subclients) == ["repositories", "Issues"]
    [stars] = subclients["repositories"]["__subclients__"].values()
    assert stars["__info__"]["qualified_path"] == "https://api.github.test/v3/repos/stars"
    assert GitHub.tree() == GitHub().tree() == TREE
    client.close()
    assert client.tree()["root"]["__subclients__"] == {}


def test_serialized() -> None:
    """`serialized=True` gives JSON text, on one line or indented."""
    for owner in (GitHub, GitHub()):
        text = owner.tree(serialized=True)
        assert json.loads(text) == TREE
        assert "\n" not in text
        assert owner.tree(True, 2).startswith('{\n  "root": {\n    "__info__"')
    assert json.loads(GitHub().repos.tree(True)) == REPOS


def test_serialized_values() -> None:
    """What JSON has no form for is shown as its text."""

    class Client(SyncClient, uri="https://h.test"):
        @endpoint("/", href=URL("https://docs.test"))  # type: ignore[arg-type]
        def one(self) -> None: ...

    tree = json.loads(Client.tree(True))
    assert tree["root"]["__endpoints__"]["one"]["href"] == "https://docs.test"


def test_endpoints_are_inherited() -> None:
    """A subclass shows the endpoints of its bases, but for those it overrides."""

    class Mixin:
        @endpoint("/mixed")
        def mixed(self) -> None: ...

    class Client(Mixin, GitHub):
        @endpoint("/more", method=HTTPMethod.PUT)
        def more(self) -> None: ...

    class Silent(Client):
        def more(self) -> None: ...

    assert set(Client.tree()["root"]["__endpoints__"]) == {"zen", "mixed", "more"}
    assert set(Silent().tree()["root"]["__endpoints__"]) == {"zen", "mixed"}
    assert set(GitHub.tree()["root"]["__endpoints__"]) == {"zen"}


def test_the_tree_is_a_copy() -> None:
    """Changing what `tree` returned changes nothing else."""
    GitHub.tree()["root"]["__endpoints__"]["zen"]["path"] = "/changed"
    assert GitHub.tree() == TREE


async def test_tree_of_the_instance_configuration(kind: Kind) -> None:
    """The tree shows the `uri` that is in force, of an instance and of a class."""
    variables = {"region": ServerVariable(default="eu", enum=["eu", "us"])}

    def declaring(**options: Any) -> Any:
        return type("Client", (kind.base,), {"repos": Repos()}, **options)

    uri = "https://{region}.api.test/v1"
    regional = declaring(uri=uri, server_variables=variables)
    unknown = declaring(uri="https://user:pw@{region}.api.test/v1")

    def places(tree: Any) -> tuple[Any, ...]:
        root = tree["root"]
        path = root["__subclients__"]["repositories"]["__info__"]["qualified_path"]
        return root["__info__"]["uri"], root["__info__"]["uri_root"], path

    def below(root: str) -> tuple[Any, ...]:
        return f"{root}/v1", root, f"{root}/v1/repos"

    assert places(regional.tree()) == below("https://eu.api.test")
    client = kind.wrap(regional(server_variables={"region": "us"}))
    assert places(client.tree()) == below("https://us.api.test")
    assert places(client.with_options(uri="https://h.test/v1").tree()) == below("https://h.test")
    assert places(unknown.tree()) == (uri, None, f"{uri}/repos")
    assert places(declaring().tree()) == (None, None, None)


def test_endpoint_of_no_method() -> None:
    """A request method that does not exist is refused where it is written."""
    with pytest.raises(ConfigurationError, match=r"endpoint '/x': 'FETCH' is not a valid"):
        endpoint("/x", method="FETCH")
    with pytest.raises(ConfigurationError, match=r"endpoint '/x': 'FETCH' is not a valid"):
        endpoint("/x", methods=["GET", "FETCH"])
    assert GitHub.zen.__endpoint__["methods"] == ["ANY"]  # type: ignore[attr-defined]


def test_endpoint_of_one_method_among_methods() -> None:
    """`methods` may be one text, which is not taken letter by letter."""

    class Sub(SyncSubClient):
        @endpoint("/x", methods="put")
        def put_it(self) -> None: ...

    assert Sub.tree()["__endpoints__"]["put_it"]["methods"] == ["PUT"]


def test_what_is_no_endpoint() -> None:
    """Class attributes of any kind are looked over."""

    class Anything:
        def __getattr__(self, name: str) -> Any:
            return 5

    class Client(AsyncClient, uri="https://h.test"):
        anything = Anything()
        something = 5

        @endpoint("/made")
        def made(self) -> None: ...

    assert list(Client.tree()["root"]["__endpoints__"]) == ["made"]
