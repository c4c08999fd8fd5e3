"""What people write by mistake is refused with the class, and the text says what to write."""

# ruff: noqa: D101, D102, D103
# mypy: disable-error-code="empty-body"

import pathlib
from abc import abstractmethod
from io import BytesIO
from typing import IO, Annotated, Any, BinaryIO

import pytest
from pydantic import AfterValidator
from typing_extensions import TypedDict, Unpack

import arya_api_framework
from arya_api_framework import (
    AsyncClient,
    BaseModel,
    CallOptions,
    Cursor,
    Hook,
    LinkHeader,
    RawResponse,
    SubClient,
    SyncClient,
    SyncItems,
    SyncPages,
    SyncSubClient,
    Timeout,
    endpoint,
    shared,
)
from arya_api_framework.endpoints import (
    Body,
    ByStatus,
    Cookie,
    Header,
    Part,
    Query,
    Unset,
)
from arya_api_framework.errors import ConfigurationError
from tests.endpoints.test_declarations import Declare, client

a_body: Any = Body


class User(BaseModel):
    name: str


class Problem(BaseModel):
    message: str


class Words(TypedDict):
    a: int


def plain(self: Any) -> int: ...
def with_id(self: Any, id: int) -> int: ...
def untyped(self: Any): ...  # type: ignore[no-untyped-def]
def untyped_result(self: Any, *, result=endpoint.result) -> str:  # type: ignore[no-untyped-def]
    return str(result)


def marker(self: Any, a: int = Query(le=3)) -> int: ...  # type: ignore[assignment]
def marker_class(self: Any, a: int = Query) -> int: ...  # type: ignore[assignment]
def unset_class(self: Any, a: int | Unset = Unset) -> int: ...  # type: ignore[assignment]
def no_body(self: Any, *, result: int = endpoint.result) -> str: ...
def misspelt(self: Any, *, result: int, results: int = endpoint.result) -> str:
    return str(result)


def words(self: Any, **kw: str) -> int: ...
def whole(self: Any, **kw: CallOptions) -> int: ...
def other_words(self: Any, **kw: Unpack[Words]) -> int: ...
def bytes_body(self: Any, body: bytes) -> int: ...
def header_name(self: Any, a: Annotated[str, Header(alias="X Y")]) -> int: ...
def header_of_ours(self: Any, a: Annotated[str, Header(alias="Host")]) -> int: ...
def cookie_name(self: Any, a: Annotated[str, Cookie(alias="a b;")]) -> int: ...
def lists_of_lists(self: Any, a: list[list[int]] | None = None) -> int: ...
def other_cookie(self: Any, a: Annotated[str, arya_api_framework.Cookie]) -> int: ...
def other_form(self: Any, a: Annotated[str, arya_api_framework.Form({})]) -> int: ...
def other_path(self: Any, a: Annotated[str, pathlib.Path]) -> int: ...
def stream(self: Any, a: BinaryIO) -> int: ...
def stream_of_text(self: Any, a: IO[str]) -> int: ...
def buffer(self: Any, a: BytesIO) -> int: ...
def too_much(self: Any, size: Annotated[int, Query(le=100)] = 200) -> int: ...
def no_number(self: Any, size: int = "x") -> int: ...  # type: ignore[assignment]
def two_types(
    self: Any,
    a: Annotated[int, Body(embed=True, content_type="application/json")],
    b: Annotated[int, Body(embed=True, content_type="application/x-json")],
) -> int: ...
def outside(self: Any) -> Annotated[User | Problem, ByStatus({404: int})]: ...
def no_none(self: Any) -> Annotated[User, ByStatus({404: None})]: ...
def other_list(self: Any) -> Annotated[list[User] | Problem, ByStatus({404: User})]: ...
def nested(self: Any) -> list[Annotated[User | Problem, ByStatus({404: Problem})]]: ...
def deeper(self: Any) -> Annotated[list[Annotated[Any, ByStatus({404: User})]], "x"]: ...
def marked(self: Any) -> Annotated[User, Query]: ...
def half_marked(self: Any, a: Annotated[User, Part(content_type="a/json")] | None) -> int: ...
def pages(self: Any) -> SyncPages[list[User]]: ...
def by_status(self: Any) -> Annotated[User | Problem, ByStatus({404: Problem})]: ...


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: client()(untyped), "untyped: it does not say what it returns; `Any` is the JSON"),
        (lambda: client()(untyped_result), "untyped_result: `result` has no type; `Any` is the J"),
        (
            lambda: client()(marker),
            r"marker: 'a' has its marker as its default; write `a: Annotated\[..., Query\(\.\.\.\)",
        ),
        (lambda: client()(marker_class), r"marker_class: 'a' has its .* Annotated\[..., Query\]`"),
        (lambda: client()(unset_class), "unset_class: 'a' has a type as its .*; write `= UNSET`"),
        (lambda: client()(no_body), r"no_body: 'result' has the default `endpoint\.result`, which"),
        (lambda: client()(misspelt), r"misspelt: 'results' has the default `endpoint\.result`"),
        (
            lambda: client()(words),
            r"words: \*\*kw are the options of a call: write `\*\*kw: Unpack\[CallOptions\]`",
        ),
        (lambda: client()(whole), r"whole: \*\*kw are the options of a call: write"),
        (lambda: client()(other_words), r"other_words: \*\*kw are the options of a call"),
        (
            lambda: client(method="post")(bytes_body),
            r"bytes_body: 'body' is bytes, .* mark it as Body\(raw=True\)",
        ),
        (lambda: client()(header_name), "header_name: header name 'X Y' is no token"),
        (lambda: client()(header_of_ours), "header_of_ours: header 'Host' is set by the transport"),
        (lambda: client()(cookie_name), "cookie_name: cookie name 'a b;' is no token"),
        (lambda: client()(lists_of_lists), "lists_of_lists: 'a' is a list of lists, which no qu"),
        (
            lambda: client()(other_cookie),
            r"other_cookie: 'a' is marked as arya_\S*\.Cookie, which is no marker; import Cookie f",
        ),
        (lambda: client()(other_form), "other_form: 'a' is marked as .*Form, which is no marker"),
        (lambda: client()(other_path), r"other_path: 'a' is marked as pathlib\S*\.Path, which is"),
        (
            lambda: client()(stream),
            r"stream: 'a' is a file; mark it as File\(\), or as Body\(raw=True\)",
        ),
        (lambda: client()(stream_of_text), "stream_of_text: 'a' is a file; mark it"),
        (lambda: client()(buffer), "buffer: 'a' is a file; mark it"),
        (
            lambda: client()(too_much),
            "too_much: the default of 'size': Input should be less than or equal to 100",
        ),
        (lambda: client()(no_number), "no_number: the default of 'size': Input should be a valid"),
        (
            lambda: client(method="post")(two_types),
            "two_types: the body has several content types: application/",
        ),
        (lambda: client(path="/x/:id")(with_id), "with_id: the path '/x/:id' has ':id'; write {id"),
        (
            lambda: client()(outside),
            "outside: a response of status 404 becomes int, which the type beside",
        ),
        (lambda: client()(no_none), "no_none: a response of status 404 becomes None"),
        (lambda: client()(other_list), "other_list: a response of status 404 becomes User"),
        (lambda: client()(nested), "nested: ByStatus is inside of the type; write Annotated"),
        (lambda: client()(deeper), "deeper: ByStatus is inside of the type"),
        (lambda: client()(marked), "marked: what it returns is marked as Query"),
        (lambda: client()(half_marked), "half_marked: 'a' has its marker inside of its type"),
        (
            lambda: client(pagination=LinkHeader(), max_items=3)(pages),
            "pages: `max_items` is an option of items: let it return SyncItems",
        ),
        (lambda: client(name=5)(plain), "plain: `name` must be text, got 5"),
        (lambda: client(validate="no")(plain), "plain: `validate` must be True or False, got 'no'"),
        (lambda: client(deprecated=1)(plain), "plain: `deprecated` must be True or False, got 1"),
        (lambda: client(compress="zz")(plain), "plain: compress must be None, 'gzip'"),
        (lambda: client(security=5)(plain), "plain: `security` must be a list of sets of names"),
        (lambda: client(security={"a": 1})(plain), "plain: `security` must be a list of sets of"),
        (lambda: client(foreign=1)(plain), "plain: `foreign` must be True or False, got 1"),
        (lambda: client(idempotency_key=5)(plain), "plain: `idempotency_key` must be text that is"),
        (lambda: client(on_progress=5)(plain), "plain: `on_progress` must be a function, got 5"),
        (lambda: client(hooks=[5])(plain), "plain: hooks must hold objects of a subclass of Hook"),
    ],
)
def test_declarations_that_are_refused(declare: Declare, said: str) -> None:
    """The error comes with the class, and names the method."""
    with pytest.raises(ConfigurationError, match=f"^endpoint {said}"):
        declare()


def odd(value: int) -> int:
    """Refuse what is odd in a way that pydantic does not know."""
    raise TypeError("odd")


def test_declarations_that_are_fine() -> None:
    """None of these is refused."""

    class Base(BaseModel):
        """What others are."""

    class Narrow(Base):
        """One of them."""

    class Api(SyncClient):
        @endpoint.get("/a", error_responses=None, hooks=None, security=None, idempotency_key="a")
        def by_status(self) -> Annotated[User | Problem, ByStatus({404: Problem})]: ...

        @endpoint.get("/a", hooks=[Hook()], security=[{"a"}], on_progress=print, foreign=False)
        def hooked(self) -> Annotated[Base, ByStatus({404: Narrow})]: ...

        @endpoint.get("/a", name=None, href=None, cookies={"a": None, "b": "1"})
        def anything(self) -> Annotated[Any, ByStatus({404: User, 200: list[User]})]: ...

        @endpoint.get("/a")
        def lists(self) -> Annotated[list[Any] | None, ByStatus({200: list[User], 404: None})]: ...

        @endpoint.post("/a", pagination=Cursor("start", at="next", send_in="body"), at="data")
        def in_body(self, body: User) -> SyncItems[User]: ...

        @endpoint.get("/a:id/{id}")
        def colons(self, id: int, **options: Unpack[CallOptions]) -> int: ...

        @endpoint.get("/a")
        def any_options(self, /, **options: Any) -> int: ...

        @endpoint.get("/a")
        def defaults(
            self,
            a: Annotated[list[int], Query(min_length=1)] = [1],  # noqa: B006
            b: float = 1,
            c: Annotated[int, AfterValidator(odd)] = 1,
        ) -> int: ...

        @endpoint.put("/a")
        def json(
            self, body: Annotated[User, Body(content_type="application/x-amz-json-1.1")]
        ) -> int: ...

    assert len(Api.endpoints) == 9


def test_bodies_that_are_no_json() -> None:
    """A media type that is none of JSON's is for what is sent as it is."""
    with pytest.raises(ConfigurationError, match=r"made JSON, which content_type='text/plain' is"):
        Body(content_type="text/plain")
    with pytest.raises(ConfigurationError, match="content_type must be a media type, got 5"):
        a_body(content_type=5)
    assert Body(content_type="text/plain", raw=True).content_type == "text/plain"


def test_markers_are_values() -> None:
    """They can be looked up, also with a dict in them."""
    part = Part(content_type="a/b", headers={"X-A": "1"})
    assert len({part, Part(content_type="a/b", headers={"X-A": "1"})}) == 1
    assert len({ByStatus({404: User}), ByStatus({404: User})}) == 1


def test_decorators_without_a_path() -> None:
    """The path stands in brackets."""
    get: Any = endpoint.get
    with pytest.raises(ConfigurationError, match=r"as in `@endpoint\.get\('/users'\)`, got functi"):
        get(plain)
    post: Any = endpoint.post
    with pytest.raises(ConfigurationError, match=r"@endpoint\.post takes the path .* got int"):
        post(5)


def test_notes_over_nothing() -> None:
    """The form of 0.3.9 over a body of `...` would return `None`, whatever it promises."""
    with pytest.raises(ConfigurationError, match=r"plain has no body, .* mean @endpoint.get\('/x'"):
        endpoint("/x")(plain)

    class Api:
        @endpoint("/x")
        def nothing(self) -> None: ...

        @endpoint("/x")
        def anything(self) -> Any: ...

        @endpoint("/x")
        @abstractmethod
        def template(self) -> User: ...

    assert vars(Api)["nothing"].__endpoint__["path"] == "/x"


@pytest.mark.parametrize("wrap", [property, staticmethod, classmethod])
def test_other_decorators(wrap: Any) -> None:
    """What stands over an endpoint would hide it."""
    declared = endpoint.get("/x")(plain)
    with pytest.raises(
        ConfigurationError, match=f"plain: @{wrap.__name__} stands over it in Made.one; only @sha"
    ):
        type("Made", (SyncClient,), {"one": wrap(declared)})


@pytest.mark.parametrize("name", ["close", "closed", "headers", "tree", "explain", "with_options"])
def test_names_of_clients(name: str) -> None:
    """What every client has is used for it."""
    with pytest.raises(ConfigurationError, match=f"declares an endpoint '{name}', which is an att"):
        type("Made", (SyncClient,), {name: endpoint.get("/x")(plain)})


@pytest.mark.parametrize("name", ["name", "qualified_name", "subclients", "relative_path"])
def test_names_of_sub_clients(name: str) -> None:
    """What every sub-client has is used for it."""
    with pytest.raises(ConfigurationError, match=f"declares an endpoint '{name}', which is an att"):
        type("Made", (SyncSubClient,), {name: endpoint.get("/x")(plain)})


@pytest.mark.parametrize("name", ["get", "delete", "items", "pages", "options", "download"])
def test_names_of_calls(name: str) -> None:
    """A call of the framework may be put out of sight: resources have a `get`."""
    made: Any = type("Made", (SyncSubClient,), {name: endpoint.get("/x")(plain)})
    assert list(made.endpoints) == [name]


def test_shared_is_not_awaited() -> None:
    """`@shared` makes the awaitable itself."""

    async def one(self: Any) -> int: ...

    declared: Any = endpoint.get("/x")(one)
    with pytest.raises(
        ConfigurationError, match="one: it serves both kinds of client, by `@shared`"
    ):
        type("Made", (AsyncClient,), {"one": shared(declared)})


def test_calls_on_the_class() -> None:
    """An endpoint is called on an instance."""

    class Api(SyncClient):
        @endpoint.get("/x/{id}")
        def one(self, id: int) -> Any: ...

    call: Any = Api.one
    for args, named in (((), {"id": 3}), ((3,), {}), ((), {})):
        with pytest.raises(
            ConfigurationError, match=r"one: it was called on the class; .* `Api\(...\).one\(...\)`"
        ):
            call(*args, **named)


def test_options_of_an_endpoint_are_checked() -> None:
    """What `with_options` is given is looked at at once, and the text names the method."""

    class Api(SyncClient, uri="https://h.test"):
        @endpoint.get("/x")
        def one(self) -> Any: ...

    with pytest.raises(ConfigurationError, match=r"^endpoint .*Api\.one: timeout must be a number"):
        Api().one.with_options(timeout=-1)


class Crud(SubClient):
    @shared
    @endpoint.get("/{id}")
    def one(self, id: int) -> Any: ...


def test_fields_that_no_argument_fills() -> None:
    """A field in the path of a class below is filled by an argument, or the class is refused."""
    with pytest.raises(
        ConfigurationError, match=r"Crud\.one: the path '/t/{tenant}/{id}' has {tenant}, and no arg"
    ):

        class Users(Crud, SyncSubClient, relative_path="/t/{tenant}"):
            """Its endpoint has no tenant."""

    class Mixin:
        @endpoint.get("/{id}")
        def one(self, id: int) -> Any: ...

    with pytest.raises(ConfigurationError, match=r"Mixin\.one: the path '/t/{tenant}/{id}' has"):

        class Mixed(Mixin, SyncSubClient, relative_path="/t/{tenant}"):
            """Its endpoint has no tenant."""


def test_what_is_given_later_changes_nothing() -> None:
    """A mapping of options is read when it is given."""
    headers = {"X-A": "1"}

    class Api(SyncClient, uri="https://h.test"):
        @endpoint.get("/x", headers=headers)
        def one(self) -> RawResponse: ...

    headers["X-A"] = "2"
    with Api() as api:
        assert api.one.explain().request.headers["X-A"] == "1"
        bound = api.one.with_options(headers=headers)
        headers["X-A"] = "3"
        assert bound.explain().request.headers["X-A"] == "2"


def test_parts_of_options() -> None:
    """Options of a call are laid over those of the endpoint as over those of a client."""

    class Named(Hook):
        def __init__(self, about: str) -> None:
            self.about = about

        def before_call(self, call: Any) -> None: ...

    class Api(SyncClient, uri="https://h.test"):
        @endpoint.get("/x", timeout=Timeout(connect=1.5), hooks=[Named("declared")])
        def one(self, **options: Unpack[CallOptions]) -> Any: ...

    with Api() as api:
        bound = api.one.with_options(hooks=[Named("bound")])
        found = bound.explain(timeout=5, hooks=[Named("call")])
        timeout = found.settings["timeout"].value
        assert (timeout.total, timeout.connect) == (5, 1.5)
        assert len(found.hooks) == 3
        assert api.one.explain(timeout=Timeout(read=3)).settings["timeout"].value.connect == 30
