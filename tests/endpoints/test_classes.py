"""Endpoints in classes: sub-clients, mixins, bases, generic classes, and what a class tells."""

# ruff: noqa: D102, PIE790
# mypy: disable-error-code="empty-body"

import copy
import inspect
import pickle
import pydoc
from collections.abc import Awaitable, Iterator
from typing import Annotated, Any, Generic, Literal
from unittest.mock import MagicMock

import pytest
from typing_extensions import TypeVar

from arya_api_framework import (
    AsyncClient,
    AsyncSubClient,
    BaseModel,
    Endpoint,
    Hook,
    LinkHeader,
    RateLimit,
    Request,
    Response,
    SubClient,
    SyncClient,
    SyncItems,
    SyncSubClient,
    endpoint,
    shared,
    utils,
)
from arya_api_framework.endpoints import ByStatus, Items, Pages, Path, Stream
from arya_api_framework.errors import ConfigurationError, SubClientError, SubClientNoParent
from tests.app import Server
from tests.conftest import Kind
from tests.endpoints.conftest import Mount
from tests.scripted import Scripted

T = TypeVar("T")
S = TypeVar("S")


class User(Response):
    """A result."""

    id: int
    name: str


class Post(Response):
    """Another result."""

    id: int


class Wrapped(BaseModel, Generic[T]):
    """A generic model."""

    name: T


class Users(SubClient, relative_path="/users"):
    """A part of an API."""

    @shared
    @endpoint.get("/{id}", description="Get one.", href="https://docs.test", name="One")
    def one(self, id: int) -> User: ...

    @shared
    @endpoint.get("/{id}")
    def name_of(self, id: int, *, result: User = endpoint.result) -> str:
        return result.name


class Api:
    """A client of either kind."""

    users = Users()

    @shared
    @endpoint.get("/posts/{id}")
    def article(self, id: int) -> Post:
        """Get a post.

        And say so.
        """
        ...

    @endpoint("/zen", method="GET")
    def zen(self) -> Any:
        return self.get("/zen")  # type: ignore[attr-defined]


class Documented(SyncClient, uri="https://h.test"):
    """Tells what it is."""

    @endpoint.get("/posts/{id}", deprecated=True)
    def article(self, id: int, *, q: str = "x") -> Post:
        """Get a post."""
        ...


class Awaited(AsyncClient, uri="https://h.test"):
    """Tells what it is."""

    @endpoint.get("/posts/{id}")
    async def article(self, id: int) -> Post: ...


async def test_sub_clients(kind: Kind, mount: Mount, server: Server) -> None:
    """Endpoints of a sub-client are below its path, on a client of either kind."""
    api = mount(Api, server.url)
    assert await kind.call(api.users.one, 1) == User(id=1, name="Ada")
    assert await kind.call(api.users.name_of, 1) == "Ada"
    assert [one.target for one in server.log] == ["/users/1", "/users/1"]
    assert (await kind.call(api.article, 1)).id == 1
    for name in ("one", "name_of"):
        with pytest.raises(SubClientNoParent):
            await kind.call(getattr(Users(), name), 1)


def test_a_class_knows_its_endpoints() -> None:
    """By attribute, those of its bases too, and those it overrides are gone."""

    class Base(SyncClient):
        @endpoint.get("/a")
        def a(self) -> int: ...

        @endpoint.get("/b")
        def b(self) -> int: ...

    class Derived(Base):
        @endpoint.get("/a2")
        def a(self) -> int: ...

        def b(self) -> int:  # type: ignore[override]
            return 3

        @endpoint.get("/c")
        def c(self) -> int: ...

    assert {name: one.declaration.path for name, one in Derived.endpoints.items()} == {
        "a": "/a2",
        "c": "/c",
    }
    assert list(Base.endpoints) == ["a", "b"]
    assert Derived("https://h.test").endpoints == Derived.endpoints
    assert isinstance(Derived.endpoints["a"], Endpoint)
    with pytest.raises(TypeError):
        Derived.endpoints["x"] = Derived.endpoints["a"]  # type: ignore[index]
    assert list(Users.endpoints) == ["one", "name_of"]


def test_tree(kind: Kind) -> None:
    """Declared endpoints and those that are noted stand side by side."""
    made: Any = type("Made", (Api, kind.base), {})
    tree = made.tree()["root"]
    assert tree["__endpoints__"] == {
        "article": {
            "path": "/posts/{id}",
            "name": "article",
            "description": "Get a post.\n\nAnd say so.",
            "href": None,
            "methods": ["GET"],
        },
        "zen": {
            "path": "/zen",
            "name": "zen",
            "description": None,
            "href": None,
            "methods": ["GET"],
        },
    }
    assert tree["__subclients__"]["users"]["__endpoints__"]["one"] == {
        "path": "/{id}",
        "name": "One",
        "description": "Get one.",
        "href": "https://docs.test",
        "methods": ["GET"],
    }
    assert '"https://docs.test"' in made.tree(serialized=True, indent=2)


def test_the_form_of_0_3_9() -> None:
    """It is the same object, under its old name too."""
    assert utils.endpoint is endpoint

    @utils.apiclient
    class Old(SyncClient):
        @utils.endpoint(path="/x", name="X", description="d", href="h", methods=["GET", "PUT"])
        def x(self) -> Any: ...

    assert Old.tree()["root"]["__endpoints__"]["x"]["methods"] == ["GET", "PUT"]
    assert dict(Old.endpoints) == {}


def test_introspection() -> None:
    """An endpoint looks like the method it was written as."""
    client = Documented()
    signature = inspect.signature(client.article)
    assert str(signature).startswith("(id: int, *, q: str = 'x') -> ")
    assert signature.return_annotation is Post
    assert list(inspect.signature(Documented.article).parameters) == ["self", "id", "q"]
    assert client.article.__doc__ == Documented.article.__doc__ == "Get a post."
    assert client.article.__name__ == Documented.article.__name__ == "article"  # type: ignore[attr-defined]
    assert client.article.__qualname__ == "Documented.article"  # type: ignore[attr-defined]
    assert not inspect.iscoroutinefunction(client.article)
    assert not inspect.iscoroutinefunction(Documented.article)
    assert inspect.iscoroutinefunction(Awaited().article)
    assert inspect.iscoroutinefunction(Awaited.article)
    assert repr(Documented.article) == "<endpoint Documented.article GET /posts/{id}>"
    assert repr(client.article) == f"<bound {Documented.article!r} of {client!r}>"
    assert "article(self, id: int, *, q: str = 'x')" in pydoc.plain(pydoc.render_doc(Documented))
    shown = pydoc.plain(pydoc.render_doc(client.article))
    assert "article(id: int, *, q: str = 'x')" in shown
    assert "Get a post." in shown
    assert inspect.isroutine(client.article)
    assert Documented.article.declaration.deprecated
    assert type("Holder", (), {"article": client.article})().article == client.article
    with pytest.raises(AttributeError):
        _ = client.article.nothing


def test_signatures_of_callers() -> None:
    """The result is given by the call, and so is in no signature that callers see."""

    class Named(SyncClient, uri="https://h.test"):
        @endpoint.get("/{id}")
        def name_of(self, id: int, *, upper: bool = False, result: Any = endpoint.result) -> str:
            return str(result)

    assert list(inspect.signature(Named.name_of).parameters) == ["self", "id", "upper"]
    assert list(inspect.signature(Named().name_of).parameters) == ["id", "upper"]


def test_endpoints_are_values() -> None:
    """They compare, hash, copy and pickle as methods do."""
    client, other = Documented(), Documented()
    assert client.article == client.article != other.article
    assert client.article != client.article.with_options(timeout=3)
    assert client.article != 5
    assert len({client.article, client.article, other.article}) == 2
    assert copy.copy(client.article) == client.article
    assert copy.copy(Documented.article) is copy.deepcopy(Documented.article) is Documented.article
    assert pickle.loads(pickle.dumps(Documented.article)) is Documented.article
    assert pickle.loads(pickle.dumps(Documented)) is Documented


def test_plans() -> None:
    """A plan is compiled once, and tells what a call would be."""
    plan = Documented.article.compile()
    assert Documented.article.compile(Documented) is not plan
    assert Documented.article.compile(Documented) is Documented.article.compile()
    assert plan.options((1,), {"q": "y"}, {"timeout": 3}) == {
        "response_format": Post,
        "path_parameters": {"id": 1},
        "parameters": {"q": "y"},
        "timeout": 3,
    }


def test_attributes_that_are_missing(server: Server) -> None:
    """An error of the body of a method stays what it is."""

    class Broken(SyncClient):
        @endpoint.get("/posts/1")
        def one(self, *, result: Post = endpoint.result) -> Any:
            return result.nothing  # type: ignore[attr-defined]

    with Broken(server.url) as client, pytest.raises(AttributeError, match="nothing"):
        client.one()


def test_calls_by_the_class(server: Server) -> None:
    """`Class.endpoint(client)` and `super()` make the call as well."""

    class Derived(Documented):
        @endpoint.get("/users/{id}")
        def article(self, id: int, *, q: str = "x") -> Post:
            """Get it elsewhere."""
            ...

        def both(self) -> list[Post]:
            return [self.article(1), super().article(2)]

    with Derived(server.url) as client:
        assert [one.id for one in client.both()] == [1, 2]
        assert Documented.article(client, 3).id == 3
    assert [one.path for one in server.log] == ["/users/1", "/posts/2", "/posts/3"]


def test_what_looks_like_an_endpoint() -> None:
    """Attributes that answer to any name are left alone."""
    made: Any = type("Made", (SyncClient,), {"mock": MagicMock()})
    assert dict(made.endpoints) == {}


class Seen(Hook):
    """Keeps the templates of requests."""

    def __init__(self) -> None:
        self.templates: list[str | None] = []

    def before_call(self, request: Request) -> None:
        self.templates.append(request.template)


async def test_hooks_and_limits_see_the_template(kind: Kind, mount: Mount, server: Server) -> None:
    """What is declared is what an endpoint is called, whatever its values."""
    seen = Seen()
    api = mount(Api, server.url, hooks=[seen], rate_limit=RateLimit(50, per=60, by="endpoint"))
    await kind.call(api.users.one, 1)
    await kind.call(api.users.one, 2)
    await kind.call(api.article, 1)
    assert seen.templates == ["/users/{id}", "/users/{id}", "/posts/{id}"]


# Generic classes.


class Crud(SubClient, Generic[T]):
    """What all resources have."""

    @shared
    @endpoint.get("/{id}")
    def one(self, id: int) -> T: ...

    @shared
    @endpoint.get("/", pagination=LinkHeader())
    def all(self) -> Items[T]: ...

    @shared
    @endpoint.get("/{id}")
    def wrapped(self, id: int) -> Wrapped[T] | dict[str, T]: ...

    @shared
    @endpoint.get("/{id}")
    def by_status(
        self, id: int, kind: Literal["x"] = "x"
    ) -> Annotated[T | None, ByStatus({404: None, 200: T})]: ...

    @shared
    @endpoint.post("/echo")
    def create(self, item: T) -> Any: ...

    @shared
    @endpoint.get("/{id}")
    def fixed(self, id: int, fields: list[str] | None = None) -> User: ...

    @shared
    @endpoint.get("/{id}")
    def beside(self, id: int, fields: list[str] | None = None) -> T: ...


class OfUsers(Crud[User], relative_path="/users"):
    """Of users."""


Held = TypeVar("Held", default=User)


class Defaulted(SubClient, Generic[Held]):
    """A part whose type is known where nobody says another."""

    @shared
    @endpoint.get("/users/{id}")
    def one(self, id: int, mode: Literal["a"] = "a") -> Held: ...


class Undecided(Defaulted):
    """Says none."""


class OfPosts(Defaulted[Post]):
    """Says one."""


class Defaults:
    """Two parts."""

    undecided = Undecided()
    of_posts = OfPosts()


async def test_defaults_of_type_variables(kind: Kind, mount: Mount, server: Server) -> None:
    """A type variable that nobody fills is its default."""
    api = mount(Defaults, server.url)
    assert await kind.call(api.undecided.one, 1) == User(id=1, name="Ada")
    assert await kind.call(api.of_posts.one, 1) == Post(id=1)


class Listed(Crud[list[S]], Generic[S]):
    """Of lists."""


class OfLists(Listed[str], relative_path="/lists"):
    """Of lists of texts."""


class Unsaid(Crud, relative_path="/users"):  # type: ignore[type-arg]
    """Of nobody knows what."""


class Resources:
    """One of each."""

    users = OfUsers()
    lists = OfLists()
    unsaid = Unsaid()


async def test_generic_classes(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """Type variables are what the class says that is used."""
    from tests.scripted import answer

    user = b'{"id":1,"name":"Ada"}'
    scripted.script = [
        answer(200, body=user),
        answer(200, body=b'["a"]'),
        answer(200, body=b'{"name":{"id":1,"name":"Ada"}}'),
        answer(404),
        answer(200, body=user),
        answer(200, body=user),
        answer(200, body=user),
        answer(200, body=user),
        answer(200, body=user),
    ]
    api = mount(Resources, scripted.url)
    assert await kind.call(api.users.one, 1) == User(id=1, name="Ada")
    assert await kind.call(api.lists.one, 1) == ["a"]
    assert await kind.call(api.users.wrapped, 1) == Wrapped[User](name=User(id=1, name="Ada"))
    assert await kind.call(api.users.by_status, 1) is None
    assert await kind.call(api.users.by_status, 1) == User(id=1, name="Ada")
    await kind.call(api.users.create, {"id": 1, "name": "x"})
    assert scripted.log[-1].body == b'{"id":1,"name":"x"}'
    assert await kind.call(api.unsaid.fixed, 1) == User(id=1, name="Ada")
    with pytest.raises(ConfigurationError, match=r"Crud.one: ~T is not known here; derive a class"):
        await kind.call(api.unsaid.one, 1)
    await kind.call(api.users.beside, 1, ["a"])
    assert scripted.log[-1].target == "/users/1?fields=a"
    assert api.users.all() is not None
    assert Crud.one.compile().result.form is T
    assert OfUsers.one.compile(OfUsers).result.form is User


def test_generic_endpoints_elsewhere() -> None:
    """A class that says nothing of the variable is told so."""

    class Other(SyncClient, Generic[T]):
        borrowed = Crud.one

    with pytest.raises(ConfigurationError, match=r"Crud\.one: ~T is not known here"):
        Other("https://h.test").borrowed(1)


def test_a_type_that_cannot_be_checked() -> None:
    """What a type variable is filled with is known at the first call only."""

    class Odd:
        """What pydantic knows nothing of."""

    class Finder(SyncClient, Generic[T]):
        @endpoint.get("/{what}")
        def find(self, what: T) -> Any: ...

    class Odds(Finder[Odd]):
        """Finds what cannot be sent."""

    with pytest.raises(ConfigurationError, match=r"find: an argument has a type that cannot be ch"):
        Odds("https://h.test").find(Odd())


def test_generic_clients(server: Server) -> None:
    """A client may be generic, and be made by what it is of."""

    class Client(SyncClient, Generic[T]):
        @endpoint.get("/users/{id}")
        def one(self, id: int) -> T: ...

    with Client[User](server.url) as users, Client[Post](server.url) as posts:
        assert users.one(1) == User(id=1, name="Ada")
        assert posts.one(1) == Post(id=1)
        assert users.one.endpoint.compile(users) is users.one.endpoint.compile(users)


def test_one_kind_of_sub_client(server: Server) -> None:
    """An endpoint of a sub-client for one kind needs no `@shared`."""

    class Only(SyncSubClient, relative_path="/users"):
        @endpoint.get("/{id}")
        def one(self, id: int) -> User: ...

    class Client(SyncClient):
        only = Only()

    with Client(server.url) as client:
        assert client.only.one(1).name == "Ada"


async def test_fields_in_the_path_of_a_sub_client(
    kind: Kind, mount: Mount, scripted: Scripted
) -> None:
    """They are filled by arguments as well, those of a parent by arguments marked as `Path`."""

    class Issues(SubClient, relative_path="/issues/{state}"):
        @shared
        @endpoint.get("/{id}")
        def one(self, owner: Annotated[str, Path], state: str, id: int) -> Any: ...

        @shared
        @endpoint.get("/{id}")
        def incomplete(self, state: str, id: int) -> Any: ...

    class Repos(SubClient, relative_path="/repos/{owner}"):
        issues = Issues()

    class Api:
        repos = Repos()

    api = mount(Api, scripted.url)
    await kind.call(api.repos.issues.one, "psf", "open", 3)
    assert scripted.log[-1].target == "/repos/psf/issues/open/3"
    with pytest.raises(
        ConfigurationError, match=r"needs path_parameters \['owner', 'state', 'id'\]"
    ):
        await kind.call(api.repos.issues.incomplete, "open", 3)
    with pytest.raises(ConfigurationError, match=r"one: the path '/\{a\}/x' has \{a\}, and no arg"):

        class Wrong(SubClient, relative_path="/{a}"):
            @shared
            @endpoint.get("/x")
            def one(self) -> Any: ...


def test_mixins_that_are_not_mounted() -> None:
    """A plain class with endpoints is no client."""
    with pytest.raises(ConfigurationError, match=r"Api.article: Api is no client; derive a class"):
        Api().article(1)


def test_what_is_overridden_is_not_checked() -> None:
    """A class may put an endpoint of its kind in the place of one that serves both by mistake."""

    class Both(SubClient):
        @endpoint.get("/x")
        def one(self) -> int: ...

    class Awaited(Both, AsyncSubClient):
        @endpoint.get("/x")
        async def one(self) -> int: ...  # type: ignore[override]

    assert Awaited.endpoints["one"].declaration.is_async


def test_kinds_of_sub_clients() -> None:
    """Endpoints of a plain `SubClient` that fit one kind only are not put below the other."""

    class Waits(SubClient):
        @endpoint.get("/x")
        async def one(self) -> int: ...

    class Derived(Waits):
        """Of the same kind."""

    class Reads(SubClient):
        @endpoint.get("/x", pagination=LinkHeader())
        def all(self) -> SyncItems[int]: ...

    class Plain(SubClient):
        @shared
        @endpoint.get("/x")
        def both(self) -> int: ...

        @endpoint.get("/x")
        def one(self) -> int: ...

    class Mended(Plain):
        @shared
        @endpoint.get("/x")
        def one(self) -> int: ...

    class Mixin:
        @endpoint.get("/x")
        def plain(self) -> int: ...

    class Mixed(Mixin, SubClient):
        """A part with endpoints from elsewhere."""

    class Only(Plain, SyncSubClient):
        """Says its kind."""

    class Client(SyncClient, uri="https://h.test"):
        reads = Reads()

    class Other(AsyncClient, uri="https://h.test"):
        waits = Derived()

    assert list(Client().reads.endpoints) == ["all"]
    assert list(Other().waits.endpoints) == ["one"]
    for client, part, said in (
        (Client(), Derived(), r"Derived is .* kind of client than Client, by its endpoint `one`: "),
        (Other(), Reads(), r"Reads is .* kind of client than Other, by its endpoint `all`: "),
        (Other(), Plain(), r"than Other, by its endpoint `one`: write that .* put `@shared` over"),
        (Other(), Mixed(), r"Mixed is typed .* than Other, by its endpoint `plain`"),
        (Other(), Only(), r"Only is typed .* than Other; see `shared` for a sub-client that"),
    ):
        with pytest.raises(SubClientError, match=said):
            client.add_subclient(part)
    Client().add_subclient(Plain())
    Other().add_subclient(Mended())
    with pytest.raises(
        ConfigurationError, match="OfBoth has endpoints for an AsyncClient and for a"
    ):

        class OfBoth(Waits, Reads):
            """Of both."""


def test_mixins_of_one_kind() -> None:
    """Without `@shared`, `def` of a plain class fits a synchronous client only."""

    class Mixin:
        @endpoint.get("/x")
        def one(self) -> int: ...

    class Client(Mixin, SyncClient):
        """Of the kind that it fits."""

    assert list(Client.endpoints) == ["one"]
    with pytest.raises(
        ConfigurationError, match=r"one: Wrong is asynchronous: .* or put `@shared`"
    ):

        class Wrong(Mixin, AsyncClient):
            """Of the other kind."""


def _names(self: Any, *, result: Items[User] = endpoint.result) -> list[str]:
    return [str(result)]


def _odd(self: Any, *, result: User = endpoint.result) -> Items[User]:
    return result  # type: ignore[return-value]


def _same(self: Any, *, result: Items[User] = endpoint.result) -> Items[User]:
    return result


async def _awaited(self: Any) -> int: ...


@pytest.mark.parametrize("base", [SyncClient, AsyncClient, SyncSubClient, SubClient])
@pytest.mark.parametrize("result", [Items[User], Items, Pages[list[User]], Stream], ids=str)
def test_results_that_each_kind_has_of_its_own(base: Any, result: Any) -> None:
    """`Items` and the like are nothing on one kind alone, and are refused without `@shared`."""

    def one(self: Any) -> Any: ...

    one.__annotations__["return"] = result
    options: dict[str, Any] = {} if result is Stream else {"pagination": LinkHeader()}
    with pytest.raises(ConfigurationError, match=r"one: Items, Pages and Stream are .* `@shared`"):
        type("Made", (base,), {"one": endpoint.get("/x", **options)(one)})
    made = type("Made", (base,), {"one": shared(endpoint.get("/x", **options)(one))})
    assert list(made.endpoints) == ["one"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("base", [SyncClient, AsyncClient, SubClient])
@pytest.mark.parametrize("function", [_names, _odd, _same])
def test_bodies_of_shared_pages(base: Any, function: Any) -> None:
    """What a body makes of pages is there at once, on both kinds, and is typed as an awaitable."""
    options: dict[str, Any] = {} if function is _odd else {"pagination": LinkHeader()}

    def made() -> Any:
        return type("Made", (base,), {"one": shared(endpoint.get("/x", **options)(function))})

    if function is _same:
        assert list(made().endpoints) == ["one"]
    else:
        with pytest.raises(ConfigurationError, match="annotate `result` and what it returns alike"):
            made()
    if function is not _odd:
        with pytest.raises(ConfigurationError, match=r"Items, Pages and Stream are for endpoints"):
            type("Made", (base,), {"one": endpoint.get("/x", **options)(function)})


@pytest.mark.parametrize("base", [SyncClient, AsyncClient, SubClient])
def test_shared_endpoints_of_one_kind(base: Any) -> None:
    """What is written for one kind serves no other, whatever stands over it."""

    def items(self: Any) -> SyncItems[int]: ...

    def each(self: Any) -> Iterator[int]: ...

    def promised(self: Any) -> Awaitable[int]: ...

    for function in (items, each, promised, _awaited):
        options: dict[str, Any] = {"pagination": LinkHeader()} if function in (items, each) else {}
        with pytest.raises(ConfigurationError, match=r"it serves both kinds of client, by `@shar"):
            type("Made", (base,), {"one": shared(endpoint.get("/x", **options)(function))})
