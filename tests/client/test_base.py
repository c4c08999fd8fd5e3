"""How a client is made: what it takes, what it refuses, what its instances share."""

import copy
import inspect
import logging
import pickle
import threading
from typing import Any

import pytest
from pydantic import SecretStr
from yarl import URL

from arya_api_framework import AsyncClient, BaseModel, SubClient, SyncClient
from arya_api_framework.client.base import BaseClient
from arya_api_framework.errors import AsyncClientError, ClientError, ConfigurationError
from arya_api_framework.errors import SyncClientError as NoURI
from arya_api_framework.options import ClientOptions, RequestOptions
from tests.app import Server
from tests.conftest import Kind

URI = "https://api.test/v1"

each_base = pytest.mark.parametrize("base", [SyncClient, AsyncClient])


def subclass(base: type[Any], namespace: dict[str, Any] | None = None, **options: Any) -> Any:
    """Make a client class as a class statement does."""
    made: Any = type("Pets", (base,), namespace or {}, **options)
    return made


class Problem(BaseModel):
    """The model of an error body."""

    message: str


@pytest.mark.parametrize(("base", "error"), [(SyncClient, NoURI), (AsyncClient, AsyncClientError)])
@pytest.mark.parametrize(
    "uri", [None, "", "/v1", "//api.test/v1", "api.test/v1", "localhost:8080", "/go?to=https://x"]
)
def test_a_client_needs_an_absolute_uri(
    base: type[Any], error: type[ClientError], uri: Any
) -> None:
    """Without one, or with a relative one, there is no client; the text says what to do."""
    shown = str(uri).partition("?")[0].strip() if uri else "None"
    with pytest.raises(error, match="needs an absolute `uri`") as of_argument:
        base(uri)
    assert shown in str(of_argument.value)
    with pytest.raises(error, match=r"^Pets needs an absolute `uri`"):
        subclass(base, uri=uri)()
    with pytest.raises(error):
        subclass(base, {"__init__": lambda self: None}, uri=uri)()


@each_base
@pytest.mark.parametrize(
    "uri",
    [
        *[
            "ftp://api.test",
            "https://",
            "https:///v1",
            "https://u:p@api.test",
            "https://u@api.test",
        ],
        *["https://api.test/?a=1", "https://api.test/#a", "https://api.test/a/../b"],
        *["https://api.test/%2e%2e/b", "https://api.test:0", "https://api.test:99999"],
        *[
            "https://api.test/\r\nX: y",
            "https://api.test\x00",
            "https://api.test/{x",
            "https://a b",
        ],
        "https://api.test\\@evil.test",
    ],
)
def test_a_uri_that_can_never_work_is_refused(base: type[Any], uri: str) -> None:
    """Credentials, queries, dot segments, controls and nonsense are told when a client is made."""
    with pytest.raises(ConfigurationError) as error:
        base(uri)
    assert ":p@" not in str(error.value)


@each_base
@pytest.mark.parametrize(
    ("uri", "kept"),
    [
        ("https://api.test", "https://api.test"),
        ("https://api.test/", "https://api.test"),
        ("HTTPS://API.Test:443/V1/", "https://api.test/V1"),
        (URL("http://api.test:8080/v1"), "http://api.test:8080/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("https://bücher.test/ä", "https://xn--bcher-kva.test/%C3%A4"),
        ("https://api.test/a%2Fb", "https://api.test/a%2Fb"),
    ],
)
def test_a_uri_is_normalised(base: type[Any], uri: Any, kept: str) -> None:
    """Given as keyword, positional argument or class keyword, it is the same absolute URL."""
    for client in (base(uri), base(uri=uri), subclass(base, uri=uri)()):
        assert str(client.uri) == kept
        assert client.uri_root == URL(kept).origin()
        assert client.uri_root.join(client.uri_path) == client.uri


@each_base
def test_arguments_of_an_instance_are_laid_over_the_class(base: type[Any]) -> None:
    """Mappings merge by key, the rest is replaced; the class stays as it is."""
    cls = subclass(
        base,
        uri=URI,
        headers={"X-A": "class", "X-B": "class"},
        cookies={"a": "class"},
        parameters={"a": "class"},
        error_responses={404: dict},
        bearer_token="class",
        rate_limit=5,
    )
    options = {
        "headers": {"x-a": "instance", "X-B": None},
        "cookies": {"b": "instance"},
        "parameters": [("a", 1), ("a", 2)],
        "error_responses": {"4XX": Problem},
        "bearer_token": SecretStr("instance"),
        "rate_limit_interval": 2,
    }
    client = cls("http://other.test", **options)
    assert str(client.uri) == "http://other.test"
    assert client.headers == {"X-A": "instance"}
    assert client.cookies == {"a": "class", "b": "instance"}
    assert client.parameters == {"a": [1, 2]}
    assert client.error_responses == {404: dict, "4XX": Problem}
    assert client.bearer_token == SecretStr("instance")
    assert (client.rate_limit, client.rate_limit_interval, client.rate_limited) == (5, 2, True)
    plain = cls()
    assert plain.headers == {"X-A": "class", "X-B": "class"}
    assert plain.bearer_token == SecretStr("class")
    assert subclass(base, uri=URI)().rate_limited is False


@each_base
def test_positional_and_keyword_uri_contradict(base: type[Any]) -> None:
    """Two values for one option are refused, as Python does it."""
    with pytest.raises(ConfigurationError, match="`uri` twice"):
        base(URI, uri="https://other.test")


@each_base
def test_instances_share_nothing(base: type[Any]) -> None:
    """What one instance changes, neither its class nor another instance sees."""
    cls = subclass(base, {"pets": SubClient()}, uri=URI, headers={"A": "1"}, rate_limit=1)
    one, other = cls(), cls()
    one.headers["A"] = "2"
    one.cookies["a"] = "1"
    one.parameters["a"] = "1"
    one.error_responses[404] = dict
    one.bearer_token = "hunter2"
    one.add_subclient(type("Extra", (SubClient,), {}, name="extra")())
    assert one._limiter.try_acquire()
    assert other.headers == {"A": "1"} == cls.config.headers
    assert (other.cookies, other.parameters, other.error_responses) == ({}, {}, {})
    assert other.bearer_token is None
    assert list(other.subclients) == ["pets"]
    assert one.pets is not other.pets
    assert other._limiter.try_acquire()


@each_base
def test_what_the_client_does_not_know_goes_to_post_init(base: type[Any]) -> None:
    """Other arguments are the user's, once everything else is in place."""
    seen: list[Any] = []

    def post_init(self: Any, *args: Any, **kwargs: Any) -> None:
        seen.append((args, kwargs, str(self.uri), dict(self.headers), list(self.subclients)))

    cls = subclass(base, {"__post_init__": post_init, "pets": SubClient()})
    cls(URI, 1, 2, tenant="acme", headers={"A": "1"})
    assert seen == [((1, 2), {"tenant": "acme"}, URI, {"A": "1"}, ["pets"])]
    cls(None, 1, uri=URI)
    assert seen[1][0] == (1,)


@each_base
def test_nobody_takes_an_argument_without_post_init(base: type[Any]) -> None:
    """An argument that nobody takes is an error, with the near miss where there is one."""
    with pytest.raises(ConfigurationError, match=r"'tenant'$"):
        base(URI, tenant="acme")
    with pytest.raises(ConfigurationError, match=r"'header'; did you mean 'headers'\?"):
        base(URI, header={})
    with pytest.raises(ConfigurationError, match=r"one positional argument.*1 more"):
        base(URI, "acme")


@each_base
def test_an_init_without_super_is_enough(base: type[Any]) -> None:
    """A client that overrides `__init__` alone is whole, with its class keywords."""

    def init(self: Any, tenant: str) -> None:
        self.tenant = tenant
        self.headers["X-Tenant"] = tenant
        self.seen = (str(self.uri), self.build("GET", "/x").url)

    cls = subclass(base, {"__init__": init, "pets": SubClient()}, uri=URI, headers={"A": "1"})
    client = cls("acme")
    assert (client.tenant, client.seen) == ("acme", (URI, f"{URI}/x"))
    assert client.headers == {"A": "1", "X-Tenant": "acme"}
    assert str(client.pets.qualified_path) == URI
    assert not client.closed


@each_base
def test_an_init_with_super_keeps_what_it_wrote_before(base: type[Any]) -> None:
    """Whichever side of `super().__init__()` a write stands on, it counts."""

    def init(self: Any, tenant: str, **options: Any) -> None:
        self.headers["X-Before"] = tenant
        self.parameters["before"] = tenant
        self.bearer_token = "before"
        BaseClient.__init__(self, f"https://{tenant}.test", headers={"A": "1"}, **options)
        self.headers["X-After"] = tenant

    client = subclass(base, {"__init__": init})("acme", timeout=5)
    assert client.headers == {"X-Before": "acme", "A": "1", "X-After": "acme"}
    assert client.parameters == {"before": "acme"}
    assert client.bearer_token == SecretStr("before")
    assert str(client.uri) == "https://acme.test"
    with pytest.raises(ConfigurationError, match="unknown option 'time_out'"):
        subclass(base, {"__init__": init})("acme", time_out=5)


@each_base
def test_an_error_in_init_is_the_users(base: type[Any]) -> None:
    """What a user's `__init__` or `__post_init__` raises comes out as it is."""

    def fail(self: Any, *args: Any) -> None:
        raise LookupError("mine")

    for name in ("__init__", "__post_init__"):
        with pytest.raises(LookupError, match="mine"):
            subclass(base, {name: fail}, uri=URI)()


def test_a_class_keyword_that_changes_later_is_inherited_as_it_was() -> None:
    """A dict that is changed, or an iterator that is used up, is the same for every subclass."""
    headers = {"A": "1"}
    media_types = ["application/json"]
    parent = subclass(
        SyncClient,
        uri=URI,
        headers=headers,
        cookies=iter([("b", "2")]),
        trusted_origins=iter(["https://a.test"]),
        json_content_types=media_types,
    )
    headers["A"] = "changed"
    media_types.append("text/json")
    child = subclass(parent)
    assert child.config == parent.config
    assert (child.config.headers, child.config.cookies) == ({"A": "1"}, {"b": "2"})
    assert len(child.config.trusted_origins) == len(child.config.json_content_types) == 1


@each_base
def test_an_instance_shows_its_own_configuration(base: type[Any]) -> None:
    """`config` of a class is the class's, of an instance the instance's, and neither is written."""
    cls = subclass(base, uri=URI, headers={"A": "1"})
    client = cls(timeout=5, headers={"B": "2"})
    assert cls.config.timeout.total == 300
    assert client.config.timeout.total == 5
    assert client.config.headers == {"A": "1", "B": "2"}
    with pytest.raises(AttributeError):
        client.config = cls.config


@each_base
@pytest.mark.parametrize(
    "name",
    [
        *["closed", "uri", "uri_root", "uri_path", "rate_limit", "rate_limit_interval"],
        *["rate_limited", "extensions", "subclients", "logger"],
    ],
)
def test_a_property_is_read_only(base: type[Any], name: str) -> None:
    """What would have no effect, or a bad one, cannot be assigned, deleted or written into."""
    client = base(URI)
    with pytest.raises(AttributeError):
        setattr(client, name, getattr(client, name))
    with pytest.raises(AttributeError):
        delattr(client, name)
    if name in ("extensions", "subclients"):
        with pytest.raises(TypeError):
            getattr(client, name)["x"] = None


@each_base
def test_the_bearer_token_is_a_secret(base: type[Any]) -> None:
    """Text or secret, it is read as a `SecretStr`, and `None` takes it away."""
    client = base(URI, bearer_token="hunter2")
    assert client.bearer_token == SecretStr("hunter2")
    for token in ("a", SecretStr("a")):
        client.bearer_token = token
        assert client.bearer_token == SecretStr("a")
    with pytest.raises(ConfigurationError):
        client.bearer_token = "a\r\nb"
    assert client.bearer_token == SecretStr("a")
    client.bearer_token = None
    assert client.bearer_token is None


@each_base
def test_the_repr_shows_no_secret(base: type[Any]) -> None:
    """A client shows its class, where it goes, and whether it is open."""
    client = subclass(base)(
        "https://api.test/v1",
        bearer_token="hunter2",
        headers={"X-Key": "hunter2"},
        cookies={"s": "hunter2"},
        parameters={"k": "hunter2"},
    )
    assert repr(client) == str(client) == "<Pets https://api.test/v1 open>"
    for part in (client.headers, client.cookies, client.parameters, client.config):
        assert "hunter2" not in f"{part!r} {part}"
    assert "hunter2" not in repr(client.build("GET", "/x"))


@each_base
def test_a_client_does_not_pickle_or_copy(base: type[Any]) -> None:
    """The error names the way, and no byte of a secret gets out."""
    client = base(URI, bearer_token="hunter2")
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"pickle its class and arguments.*with_options\(\)"):
            way(client)


@each_base
def test_a_logger_is_named_after_the_kind(base: type[Any]) -> None:
    """Users find the log under one name for each kind of client."""
    logger = logging.getLogger(f"arya_api_framework.{base.__name__}")
    assert base(URI).logger is logger
    assert subclass(base, uri=URI)().logger is logger


def test_every_option_is_typed_and_taken() -> None:
    """The options that type checkers know are those that a configuration has."""
    fields = set(inspect.signature(type(SyncClient.config)).parameters)
    assert fields == set(ClientOptions.__optional_keys__)


async def test_an_async_client_can_be_made_without_a_loop(server: Server) -> None:
    """Nothing of asyncio is needed before the first call."""
    made: list[Any] = []
    thread = threading.Thread(target=lambda: made.append(AsyncClient(server.url)))
    thread.start()
    thread.join()
    async with made[0] as client:
        assert (await client.get("/echo"))["method"] == "GET"


async def test_a_base_path_is_part_of_every_call(kind: Kind, server: Server) -> None:
    """Paths are below the path of the `uri`, with or without a slash at their start."""
    client = kind.client(f"{server.url}/status/")
    for path in ("/200", "200", URL("200"), URL("/200")):
        await client.get(path)
    assert {received.path for received in server.log} == {"/status/200"}
    await kind.client(f"{server.url}/echo").get()
    await kind.client(f"{server.url}/echo/").get("?a=1")
    assert [received.target for received in server.log[4:]] == ["/echo", "/echo?a=1"]


@pytest.mark.parametrize("base", [SyncClient, AsyncClient])
def test_an_option_cannot_be_assigned(base: type[Any]) -> None:
    """It would do nothing; the error names the way that does."""
    client = base("https://h.test")
    with pytest.raises(AttributeError, match=r"use `with_options\(timeout=...\)`"):
        client.timeout = 5
    client.own = 5
    assert client.own == 5


async def test_a_token_that_is_written_counts_from_the_next_call_on(
    kind: Kind, server: Server
) -> None:
    """Calls that were made before do not keep the old one."""
    client = kind.client(server.url, bearer_token="one")
    await client.get("/echo")
    client.bearer_token = "two"
    await client.get("/echo")
    client.bearer_token = None
    await client.get("/echo")
    sent = [received.headers.get("Authorization") for received in server.log]
    assert sent == ["Bearer one", "Bearer two", None]


def test_options_can_be_used_as_the_typed_dicts_they_are() -> None:
    """Made, and subclassed, as users do who pass them on."""

    class More(RequestOptions):
        extra: int

    assert RequestOptions(timeout=5) == {"timeout": 5}
    assert More(timeout=5, extra=1) == {"timeout": 5, "extra": 1}
