"""Sub-clients: where their calls go, and how their classes are written."""

from typing import Any

import pytest
from yarl import URL

from arya_api_framework import Response, SubClient, SyncClient
from arya_api_framework.errors import (
    ClientClosedError,
    ConfigurationError,
    HTTPNotFound,
    SubClientNoParent,
)
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


class GitHub(SyncClient, uri="https://api.github.test/v3"):
    """Sends nothing."""

    repos = Repos()
    owners = Owners()


def declaring(kind: Kind, **subclients: SubClient) -> Any:
    """Return a client class that declares sub-clients."""
    return type("Client", (kind.base,), subclients)


def below(path: str) -> Any:
    """Return a sub-client with a path."""
    return type("Sub", (SubClient,), {}, relative_path=path)()


# Calls


async def test_calls_go_below_the_path(kind: Kind, server: Server) -> None:
    """A method of a sub-client sends through the client at the root and returns the result."""
    client_class = declaring(kind, repos=Repos())
    client = kind.wrap(client_class(server.url, headers={"X-Of": "a"}, parameters={"page": 2}))
    repo = await client.repos.of("psf", "requests")
    assert repo == Repo(full_name="psf/requests")
    assert server.log[-1].target == "/repos/psf/requests?page=2"
    assert server.log[-1].headers["X-Of"] == "a"


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "options"])
async def test_every_verb(kind: Kind, server: Server, verb: str) -> None:
    """Each verb of a sub-client sends its method."""
    client = kind.wrap(declaring(kind, statuses=below("/status"))(server.url))
    raw = await getattr(client.statuses, verb)("/200", raw=True)
    assert (raw.status, server.log[-1].method) == (200, verb.upper())
    assert server.log[-1].target == "/status/200"


async def test_head_request_and_files(kind: Kind, server: Server) -> None:
    """`head`, `request`, `upload_file` and `stream_file` work below a sub-client too."""
    echoes = kind.wrap(declaring(kind, echoes=below("/echo"))(server.url)).echoes
    assert (await echoes.head()).status == 200
    assert (await echoes.request("PATCH", "?a=1"))["target"] == "/echo?a=1"
    told = await echoes.upload_file(b"one", field="part", content_type="text/x-one")
    [file] = told["files"]
    assert (file["name"], file["content_type"], file["size"]) == ("part", "text/x-one", 3)
    told = await echoes.stream_file(b"two", method="PUT")
    assert (told["method"], told["text"]) == ("PUT", "two")


async def test_build_and_send(kind: Kind, server: Server) -> None:
    """A request built by a sub-client has its path, and can be changed before it is sent."""
    repos = kind.wrap(declaring(kind, repos=Repos())(server.url)).repos
    request = repos.build("GET", "/{owner}/yarl", path_parameters={"owner": "aio-libs"})
    request.headers["X-Changed"] = "yes"
    repo = await repos.send(request, response_format=Repo)
    assert repo.full_name == "aio-libs/yarl"
    assert server.log[-1].headers["X-Changed"] == "yes"


async def test_errors_are_those_of_the_client(kind: Kind, server: Server) -> None:
    """An error status raises the same through a sub-client, with method and URL."""
    client = kind.wrap(declaring(kind, repos=Repos())(server.url))
    with pytest.raises(HTTPNotFound) as caught:
        await client.repos.of("nobody", "nothing")
    assert caught.value.method == "GET"
    assert caught.value.url == f"{server.url}/repos/nobody/nothing"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (None, "/v3/owners/o/n/issues"),
        ("", "/v3/owners/o/n/issues"),
        ("/", "/v3/owners/o/n/issues/"),
        ("7", "/v3/owners/o/n/issues/7"),
        ("/7", "/v3/owners/o/n/issues/7"),
        ("7/", "/v3/owners/o/n/issues/7/"),
        (URL("/7"), "/v3/owners/o/n/issues/7"),
        ("?state=open", "/v3/owners/o/n/issues?state=open"),
        ("7?state=open", "/v3/owners/o/n/issues/7?state=open"),
        ("ä b", "/v3/owners/o/n/issues/%C3%A4%20b"),
        ("/at/http://elsewhere", "/v3/owners/o/n/issues/at/http://elsewhere"),
        ("https://api.github.test/root", "/root"),
        ("HTTPS://API.GitHub.test/root?a=1", "/root?a=1"),
        (URL("https://api.github.test/root"), "/root"),
    ],
)
def test_paths_are_joined(path: Any, target: str) -> None:
    """A path is below the sub-client however it is written; an absolute URL stays what it is."""
    values = {} if target.startswith("/root") else {"owner": "o", "name": "n"}
    request = GitHub().owners.issues.build("GET", path, path_parameters=values)
    assert request.target == target
    assert request.url == f"https://api.github.test{target}"


@pytest.mark.parametrize(
    "path",
    [
        "https://elsewhere.test/x",
        "//elsewhere.test/x",
        "/\\elsewhere.test",
        "\\\\elsewhere.test",
        " /x",
        "\t//elsewhere.test",
        "user@elsewhere.test",
        "ftp://elsewhere.test",
        "javascript:x",
        "../secrets",
        "/..%2fsecrets",
        "/x#fragment",
        "{name",
        5,
    ],
)
def test_paths_that_lead_elsewhere(path: Any) -> None:
    """A sub-client refuses what the client refuses, in the same words."""
    client = GitHub()
    with pytest.raises(ConfigurationError) as ours:
        client.repos.build("GET", path)
    with pytest.raises(ConfigurationError) as theirs:
        client.build("GET", path)
    assert str(ours.value) == str(theirs.value)
    assert (ours.value.method, ours.value.url) == (theirs.value.method, theirs.value.url)
    assert ours.value.method == "GET"


async def test_no_parent() -> None:
    """A sub-client that belongs to nobody, or whose topmost one does, says how to change that."""
    owners = Owners()
    for lost in (owners, owners.issues, GitHub.repos):
        with pytest.raises(SubClientNoParent, match="add_subclient"):
            lost.get("/x")
        with pytest.raises(SubClientNoParent):
            lost.build("GET")
    request = GitHub().build("GET")
    with pytest.raises(SubClientNoParent):
        owners.send(request)


async def test_calls_after_close(kind: Kind, server: Server) -> None:
    """A sub-client of a closed client says so, whether it is held or asked for anew."""
    client = kind.wrap(declaring(kind, repos=Repos())(server.url))
    client.target.add_subclient(Owners())
    held = client.target.repos
    await client.close()
    for repos in (held, client.target.repos, client.target.Owners.issues):
        with pytest.raises(ClientClosedError):
            await kind.call(repos.get, "/psf/requests")
    assert server.log == []
    assert client.subclients == {}
    assert held.parent is None
    other = kind.base("https://other.test")
    other.add_subclient(held)
    other.remove_subclient("repos")
    with pytest.raises(SubClientNoParent):
        held.get("/psf/requests")


# Class keywords


def test_names_and_paths() -> None:
    """Every sub-client knows its name and path, its parent and the client at the root."""
    client = GitHub()
    issues = client.owners.issues
    assert issues.name == "issues"
    assert issues.qualified_name == "owners.issues"
    assert issues.relative_path == URL("/{name}/issues", encoded=True)
    assert issues.full_relative_path == URL("/owners/{owner}/{name}/issues", encoded=True)
    expected = "https://api.github.test/v3/owners/{owner}/{name}/issues"
    assert str(issues.qualified_path) == expected
    assert issues.parent is client.owners
    assert issues.root is client
    assert issues.parents == [client.owners, client]
    assert repr(issues) == "<Issues 'owners.issues'>"


def test_names_and_paths_without_a_client() -> None:
    """What belongs to no client has no absolute URL, and is the root of what is below."""
    owners = Owners()
    assert owners.name == "Owners"
    assert owners.parent is None
    assert owners.parents == []
    assert owners.root is owners
    assert owners.issues.root is owners
    assert owners.qualified_path is None
    assert owners.issues.qualified_name == "Owners.issues"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("repos", "/repos"),
        ("/repos/", "/repos"),
        ("/", ""),
        ("", ""),
        (None, ""),
        (URL("repos/{owner}"), "/repos/{owner}"),
        ("/ä b", "/%C3%A4%20b"),
    ],
)
def test_relative_path(path: Any, expected: str) -> None:
    """`relative_path` is taken with or without slashes, and encoded once."""

    class Sub(SubClient, relative_path=path): ...

    assert str(Sub().relative_path) == expected


@pytest.mark.parametrize(
    "path",
    ["https://h.test/x", URL("https://h.test"), "//h.test", "../x", "/x?y", "/x?", "/x#y", "{a", 5],
)
def test_relative_path_that_is_none(path: Any) -> None:
    """A `relative_path` that could lead elsewhere is refused when the class is made."""
    with pytest.raises(ConfigurationError):
        type("Sub", (SubClient,), {}, relative_path=path)


@pytest.mark.parametrize("name", ["", "with space", "a.b", "1st", 5])
def test_name_that_is_none(name: Any) -> None:
    """A name must be usable as an attribute."""
    with pytest.raises(ConfigurationError, match=r"`name` must be an identifier, got"):
        type("Sub", (SubClient,), {}, name=name)


def test_unknown_class_keyword() -> None:
    """A misspelt class keyword is refused and the near miss named."""
    with pytest.raises(ConfigurationError, match=r"'relativ_path'; did you mean 'relative_path'\?"):
        type("Sub", (SubClient,), {}, relativ_path="/x")


def test_class_keywords_are_inherited() -> None:
    """A subclass has name and path of its base unless it gives, or removes, them."""

    class Base(SubClient, name="things", relative_path="/things"): ...

    class Same(Base): ...

    class Other(Base, name="others", relative_path="/others"): ...

    class Bare(Base, name=None, relative_path=None): ...

    seen = [(sub.name, str(sub.relative_path)) for sub in (Base(), Same(), Other(), Bare())]
    assert seen == [
        ("things", "/things"),
        ("things", "/things"),
        ("others", "/others"),
        ("Bare", ""),
    ]


def test_arguments_nobody_takes() -> None:
    """Arguments are for the `__init__` of a user's class; without one they are an error."""
    with pytest.raises(TypeError, match="argument"):
        Repos("psf")  # type: ignore[call-arg]
