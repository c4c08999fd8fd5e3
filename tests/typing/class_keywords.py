"""What classes and instances of clients and sub-clients are configured with."""

from typing import Any, assert_type

from pydantic import SecretStr
from yarl import URL

from arya_api_framework import (
    TLS,
    AsyncClient,
    BaseModel,
    Dns,
    Events,
    Hedge,
    Hook,
    Pool,
    RateLimit,
    Request,
    Retry,
    ServerVariable,
    SubClient,
    SyncClient,
    SyncSubClient,
    Timeout,
)


class Problem(BaseModel):
    """What errors look like."""

    message: str


class Sync(
    SyncClient,
    uri="https://{region}.h.test",
    server_variables={"region": ServerVariable(default="eu", enum=["eu", "us"])},
    headers={"X-One": "1"},
    cookies=[("a", "b")],
    parameters=Problem(message="x"),
    error_responses={404: Problem, "5XX": ValueError},
    bearer_token=SecretStr("secret"),
    rate_limit=10,
    rate_limit_interval=0.5,
    timeout=Timeout(total=3, connect=1),
    deadline=None,
    retry=Retry(),
    hedge=Hedge(),
    follow_redirects=False,
    max_redirects=3,
    trusted_origins=["https://other.test", URL("https://h.test")],
    max_response_size=3,
    json_content_types=["application/json"],
    compress="gzip",
    tls=TLS(),
    proxy={"https": "http://p.test:3128", "https://h.test": URL("socks5h://p.test")},
    no_proxy=["localhost", "10.0.0.0/8"],
    trust_env=False,
    pool=Pool(total=10, per_host=2),
    dns=Dns(ttl=60, resolver=lambda host, port: ["127.0.0.1"]),
    unix_socket=None,
    socket_options=[(1, 2, 3), (1, 2, b"x")],
    local_address=("127.0.0.1", 0),
    egress="public",
    cookie_policy="off",
    hooks=[Hook()],
    events=Events(),
    session=None,
    session_factory=None,
    extensions=["plugins.one", (".two", "plugins")],
):
    """Gives every keyword."""


class Async(AsyncClient, uri=URL("https://h.test")):
    """Inherits the rest."""


class Narrower(Sync, rate_limit=None, headers={"X-One": None}):
    """Keywords of a subclass are checked too."""


class Misspelt(SyncClient, url="https://h.test"):  # type: ignore[call-arg]  # pyright: ignore[reportGeneralTypeIssues, reportCallIssue]
    """Has an unknown keyword."""


class MisspeltBelow(Async, ratelimit=3):  # type: ignore[call-arg]  # pyright: ignore[reportGeneralTypeIssues, reportCallIssue]
    """Has an unknown keyword."""


class WrongType(AsyncClient, rate_limit="five"):  # type: ignore[arg-type]  # pyright: ignore[reportGeneralTypeIssues, reportArgumentType]
    """Has a value of the wrong type."""


class WrongUri(SyncClient, uri=5):  # type: ignore[arg-type]  # pyright: ignore[reportGeneralTypeIssues, reportArgumentType]
    """Has a value of the wrong type."""


class Repos(SubClient, name="repos", relative_path=URL("/repos")):
    """Gives every keyword."""


class MisspeltRepos(SyncSubClient, relativ_path="/repos"):  # type: ignore[call-arg]  # pyright: ignore[reportGeneralTypeIssues, reportCallIssue]
    """Has an unknown keyword."""


class WrongRepos(SubClient, name=5):  # type: ignore[arg-type]  # pyright: ignore[reportGeneralTypeIssues, reportArgumentType]
    """Has a value of the wrong type."""


def instances() -> None:
    """Instances take the same, `uri` also as the first argument."""
    assert_type(Sync("https://h.test", headers={"X-One": "1"}), Sync)
    assert_type(Async(URL("https://h.test"), timeout=3), Async)
    Sync(uri="https://h.test", server_variables={"region": "us"})
    Sync(heders={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Sync(timeout="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Async(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Repos("argument")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class WithInit(SyncClient, uri="https://h.test"):
    """Has a signature of its own."""

    def __init__(self, token: str, *, page: int = 1) -> None:
        super().__init__(bearer_token=token, parameters={"page": page})


def instances_of_a_user() -> None:
    """The signature of a user's `__init__` is checked."""
    WithInit("secret", page=2)
    WithInit(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    WithInit("secret", headers={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def properties(client: Sync, sub: Repos, name: str) -> None:
    """What is known of a client, and what of it can be changed."""
    assert_type(client.uri, URL)
    assert_type(client.bearer_token, SecretStr | None)
    assert_type(client.rate_limit, float | tuple[RateLimit, ...] | None)
    assert_type(client.closed, bool)
    assert_type(Sync.config.uri, str | None)
    client.bearer_token = "secret"
    client.headers = {"X-One": "1"}
    client.headers["X-Two"] = "2"
    client.uri = URL()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    client.closed = True  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    assert_type(client.subclients[name], SubClient)
    assert_type(client.remove_subclient("repos"), SubClient | None)
    client.add_subclient(sub)
    client.add_subclient(Repos)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert client.mising  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    assert sub.mising  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    client.load_extension(".repos", package="plugins")
    assert_type(sub.name, str)
    assert_type(sub.qualified_path, URL | None)
    assert_type(sub.build("GET", "/"), Request)
    sub.build("GET", "/", bdy={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def trees(client: Sync, sub: Repos) -> None:
    """A tree is a dict, or its text; classes have one too."""
    for node in (client, sub):
        assert_type(node.tree(), dict[str, Any])
        assert_type(node.tree(serialized=True), str)
        assert_type(node.tree(True, indent=2), str)
    assert_type(Sync.tree(), dict[str, Any])
    assert_type(Repos.tree(serialized=True), str)


def copies(client: Sync) -> None:
    """`with_options` takes the same options and gives the same class."""
    assert_type(client.with_options(timeout=3), Sync)
    client.with_options(timeot=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
