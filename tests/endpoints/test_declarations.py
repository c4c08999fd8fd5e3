"""Declarations that make no request are refused when the class is made, by the method's name."""

# ruff: noqa: D102, D103, PIE790
# mypy: disable-error-code="empty-body"

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NewType

import pytest
from typing_extensions import TypeAliasType, TypedDict

from arya_api_framework import (
    AsyncClient,
    AsyncItems,
    AsyncStream,
    BaseModel,
    LinkHeader,
    PaginatedResponse,
    RawResponse,
    SubClient,
    SyncClient,
    SyncItems,
    SyncPages,
    SyncStream,
    SyncSubClient,
    endpoint,
    shared,
)
from arya_api_framework.endpoints import (
    UNSET,
    Body,
    ByStatus,
    Cookie,
    File,
    Form,
    Header,
    Items,
    Path,
    Query,
    Unset,
)
from arya_api_framework.endpoints.declaration import is_empty
from arya_api_framework.errors import ConfigurationError


class User(BaseModel):
    """A model."""

    name: str


class Odd:
    """What pydantic knows nothing of."""


# What a type checker would refuse.
a_path: Any = Path
a_query: Any = Query
a_header: Any = Header
a_cookie: Any = Cookie
by: Any = ByStatus

Declare = Callable[[], Any]


def client(*, path: str = "/x", method: str = "get", **options: Any) -> Callable[[Any], Any]:
    """Declare a function as a method of a synchronous client."""

    def made(function: Any) -> Any:
        declared = getattr(endpoint, method)(path, **options)(function)
        return type("Made", (SyncClient,), {function.__name__: declared})

    return made


@dataclass
class Node:
    """Names what is defined nowhere yet."""

    next: "Unheard"  # type: ignore[name-defined]  # noqa: F821


Number = NewType("Number", int)


class Page(PaginatedResponse):
    """A page that says which is the next one."""

    items: list[User]

    def next_page(self) -> Any:
        return None


def no_self() -> int: ...
def only_named(*, self: Any) -> int: ...
def surplus(self: Any, *ids: int) -> int: ...
def plain(self: Any) -> int: ...
def with_id(self: Any, id: int) -> int: ...
def two_bodies(self: Any, a: User, b: User) -> int: ...
def half_embedded(self: Any, a: Annotated[User, Body(embed=True)], b: User) -> int: ...
def body_and_form(self: Any, a: User, b: Annotated[str, Form]) -> int: ...
def two_markers(self: Any, a: Annotated[str, Path(), Query]) -> int: ...
def marked_otherwise(self: Any, id: Annotated[str, Header]) -> int: ...
def marked_as_path(self: Any, id: Annotated[str, Path], b: Annotated[int, Path]) -> int: ...
def unset_path(self: Any, id: int | Unset = UNSET) -> int: ...
def none_path(self: Any, id: int | None = None) -> int: ...
def same_query(self: Any, a: int, b: Annotated[int, Query(alias="a")]) -> int: ...
def same_header(
    self: Any, x_a: Annotated[int, Header], b: Annotated[int, Header(alias="X-A")]
) -> int: ...
def same_field(self: Any, a: Annotated[str, Form], b: Annotated[bytes, File(alias="a")]) -> int: ...
def mapping(self: Any, a: dict[str, int]) -> int: ...
def many_in_query(self: Any, a: list[User]) -> int: ...
def inside(self: Any, a: Annotated[int, Query] | None = None) -> int: ...
def list_cookie(self: Any, a: Annotated[list[str], Cookie]) -> int: ...
def exploded_cookie(self: Any, a: Annotated[list[str], Cookie(explode=True)]) -> int: ...
def objects_cookie(self: Any, a: Annotated[list[User], Cookie(explode=False)]) -> int: ...
def deep_list(self: Any, a: Annotated[list[str], Query(style="deepObject")]) -> int: ...
def spaced(self: Any, a: Annotated[str, Query(style="spaceDelimited")]) -> int: ...
def whole_alias(self: Any, a: Annotated[User, Query(alias="b")]) -> int: ...
def odd(self: Any, a: Odd) -> int: ...
def odd_result(self: Any) -> Odd: ...
def function(self: Any, a: Callable[[], int]) -> int: ...
def function_result(self: Any) -> Callable[[], int]: ...
def constraint(self: Any, a: Annotated[str | None, Query(le=3)]) -> int: ...
def constrained_list(self: Any, a: Annotated[list[int], Query(multiple_of=3)]) -> int: ...
def pattern(self: Any, a: Annotated[int, Query(pattern="x")]) -> int: ...
def length(self: Any, a: Annotated[int | float, Query(max_length=3)]) -> int: ...
def own_constraint(self: Any, a: Annotated[list[Odd], Query]) -> int: ...
def iterates(self: Any) -> Iterator[User]: ...
def items(self: Any) -> SyncItems[User]: ...
def pages(self: Any) -> SyncPages[list[User]]: ...
def stream(self: Any) -> SyncStream: ...
def awaited_items(self: Any) -> AsyncItems[User]: ...
async def awaited(self: Any) -> int: ...
def by_status(self: Any) -> Annotated[int, ByStatus({404: User})]: ...
def raw_by_status(self: Any) -> Annotated[Any, ByStatus({404: RawResponse})]: ...
def returns(self: Any, id: int) -> str:
    return str(id)


def positional_result(self: Any, result: int) -> str:
    return str(result)


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: client()(no_self), "no_self: it is a method, and needs `self`"),
        (lambda: client()(only_named), "only_named: it is a method, and needs `self`"),
        (lambda: client()(surplus), r"surplus: the argument \*ids has no place .* take a list"),
        (
            lambda: client(path="/{id}")(plain),
            r"plain: the path '/\{id\}' has \{id\}, and no argum",
        ),
        (lambda: client(path="/{")(plain), "plain: path part '/{' has a brace without its pair"),
        (lambda: client(path="//h/x")(plain), "plain: path '//h/x' looks like another host"),
        (
            lambda: client(path="/a/../b")(plain),
            "plain: path '/a/../b' holds a '.' or '..' s",
        ),
        (
            lambda: client(method="post")(two_bodies),
            r"two_bodies: 'a' and 'b' are both the body; mark them as Body\(embed=True\)",
        ),
        (
            lambda: client(method="put")(half_embedded),
            "half_embedded: 'a' and 'b' are both the body",
        ),
        (
            lambda: client(method="post")(body_and_form),
            "body_and_form: 'a' is the body, and 'b' a part of a form",
        ),
        (lambda: client()(two_markers), "two_markers: 'a' is marked as Path and as Query"),
        (
            lambda: client(path="/{id}")(marked_otherwise),
            r"marked_otherwise: 'id' is in the path '/\{id\}', and marked as Header",
        ),
        (
            lambda: client(path="/{id}")(marked_as_path),
            r"marked_as_path: 'b' is marked as Path, and '/\{id\}' has no \{b\}",
        ),
        (lambda: client(path="/{id}")(unset_path), "unset_path: 'id' is in the path and cannot be"),
        (lambda: client(path="/{id}")(none_path), "none_path: 'id' is in the path and cannot be"),
        (lambda: client()(same_query), "same_query: 'a' and 'b' are both sent as 'a' in the query"),
        (
            lambda: client()(same_header),
            "same_header: 'x_a' and 'b' are both sent as 'X-A' in the h",
        ),
        (
            lambda: client(method="post")(same_field),
            "same_field: 'a' and 'b' are both sent as 'a' in the form",
        ),
        (
            lambda: client(method="post")(mapping),
            r"mapping: 'a' may be the body or a part of the query; mark it as Body\(\) or Q",
        ),
        (
            lambda: client()(many_in_query),
            "many_in_query: 'a' is a list of objects, which no query",
        ),
        (lambda: client()(inside), "inside: 'a' has its marker inside of its type; write Annot"),
        (lambda: client()(list_cookie), "list_cookie: 'a' is a cookie, which holds a single value"),
        (
            lambda: client()(exploded_cookie),
            r"exploded_cookie: 'a' is a cookie, .*; Cookie\(explode=False\) joins items by commas",
        ),
        (
            lambda: client()(objects_cookie),
            "objects_cookie: 'a' is a list of objects, which no cookie",
        ),
        (
            lambda: client()(deep_list),
            "deep_list: 'a' has style='deepObject', which is for objects",
        ),
        (lambda: client()(spaced), "spaced: 'a' has style='spaceDelimited', which is for lists"),
        (
            lambda: client()(whole_alias),
            "whole_alias: the fields of 'a' are sent under their own na",
        ),
        (lambda: client()(odd), "odd: 'a' is of a type that cannot be checked: Unable to generate"),
        (
            lambda: client()(odd_result),
            "odd_result: what it returns is of a type that cannot be ch",
        ),
        (
            lambda: client()(function),
            "function: 'a' is of a type that no request or response can ho",
        ),
        (
            lambda: client()(function_result),
            "function_result: what it returns is of a type that no",
        ),
        (lambda: client()(constraint), "constraint: 'a' has le=3, which is for numbers"),
        (lambda: client()(constrained_list), "constrained_list: 'a' has multiple_of=3, which"),
        (lambda: client()(pattern), "pattern: 'a' has pattern='x', which is for text"),
        (lambda: client()(length), "length: 'a' has max_length=3, which is for text and lists"),
        (lambda: client()(own_constraint), "own_constraint: 'a' is of a type that cannot be check"),
        (
            lambda: client()(iterates),
            "iterates: `pagination` must say what leads from page to page",
        ),
        (lambda: client()(items), "items: `pagination` must say what leads from page to page"),
        (lambda: client()(pages), "pages: `pagination` must say what leads from page to page"),
        (
            lambda: client(pagination=None)(items),
            "items: `pagination` must say what leads from pag",
        ),
        (
            lambda: client(pagination=LinkHeader())(plain),
            "plain: `pagination` is an option of pages: let it return SyncItems",
        ),
        (lambda: client(at="data")(stream), "stream: `at` is an option of pages"),
        (
            lambda: client(pagination=LinkHeader(), at=5)(items),
            "items: `?at`? must be",
        ),
        (
            lambda: client(pagination=LinkHeader(), max_items=-1)(items),
            "items: .*max_items",
        ),
        (
            lambda: client(pagination=LinkHeader())(awaited_items),
            "awaited_items: Made is synchronous: write `def`, and the Sync... kind",
        ),
        (lambda: client()(awaited), "awaited: Made is synchronous: write `def`"),
        (lambda: client(method="head")(plain), "plain: a HEAD is answered without content"),
        (
            lambda: client(error_responses={404: User})(by_status),
            "by_status: ByStatus and `error_responses` both say what status 404 becomes",
        ),
        (lambda: client()(raw_by_status), "raw_by_status: RawResponse is what all statuses become"),
        (
            lambda: client(path="/{id}")(returns),
            r"returns: it has a body, which is run after the call, and needs .* endpoint\.result",
        ),
        (lambda: client()(positional_result), "positional_result: it has a body"),
        (
            lambda: client(tiemout=3)(plain),
            "plain: got an unknown option 'tiemout'; did you mean 'tim",
        ),
        (
            lambda: client(hreff="x")(plain),
            "plain: got an unknown option 'hreff'; did you mean 'href'",
        ),
        (
            lambda: client(state={})(plain),
            "plain: `state` is said by the arguments, or by each call",
        ),
        (lambda: client(body={})(plain), "plain: `body` is said by the arguments"),
        (
            lambda: client(raw=True)(plain),
            "plain: `raw` is said by the annotation of what it return",
        ),
        (lambda: client(timeout=-1)(plain), "plain: timeout must be a number above 0"),
        (lambda: client(retry=3)(plain), "plain: .*retry"),
        (lambda: client(error_responses=5)(plain), "plain: `error_responses` must be a mapping"),
        (lambda: client(headers={"a b": 1})(plain), "plain: header name 'a b' is no token"),
        (lambda: client(headers=5)(plain), "plain: `headers` must be a mapping"),
        (
            lambda: client(parameters={"a": object()})(plain),
            "plain: 'a' of `parameters` is a object",
        ),
        (lambda: client(cookies={"a": "b;c"})(plain), "plain: the value of cookie 'a' holds"),
    ],
)
def test_declarations_that_make_no_request(declare: Declare, said: str) -> None:
    """The error comes with the class, and names the method."""
    with pytest.raises(ConfigurationError, match=f"^endpoint {said}"):
        declare()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: a_path(style="lable"),
            "style of Path must be one of simple, label, matrix, got 'labl",
        ),
        (lambda: a_path(style=5), "style of Path must be one of simple, label, matrix, got 5"),
        (lambda: a_query(style="deepobject"), "; did you mean 'deepObject'"),
        (lambda: a_query(style="deep"), "; did you mean 'deepObject'"),
        (lambda: a_query(style="space"), "; did you mean 'spaceDelimited'"),
        (lambda: a_query(style="pipe"), "; did you mean 'pipeDelimited'"),
        (lambda: a_query(style=""), "deepObject, got ''$"),
        (lambda: a_cookie(style="simple"), "style of Cookie must be one of form, got 'simple'"),
        (lambda: a_header(style="form"), "style of Header must be one of simple, got 'form'"),
        (
            lambda: a_query(style="pipeDelimited", explode=True),
            "joins the items, and explode=True doe",
        ),
        (
            lambda: a_query(style="deepObject", explode=False),
            "is always exploded; leave `explode` out",
        ),
        (lambda: a_query(alias=""), "alias must be the name that is sent, got ''"),
        (lambda: a_query(alias=5), "alias must be the name that is sent, got 5"),
        (lambda: a_query(pattern="("), r"pattern must be a regular expression, got '\('"),
        (lambda: a_query(le=3, gte=2), "gte"),
        (lambda: Body(embed=True, raw=True), "one name of an object, or sent as it is, not both"),
        (lambda: by({}), "ByStatus takes a mapping from statuses to types, got {}"),
        (lambda: by(5), "ByStatus takes a mapping from statuses to types, got 5"),
        (lambda: by({99: int}), "ByStatus must name statuses from 200 to 599, got 99"),
        (lambda: by({True: int}), "ByStatus must name statuses from 200 to 599, got True"),
        (lambda: by({"404": int}), "ByStatus must name statuses from 200 to 599, got '404'"),
    ],
)
def test_markers_that_are_refused(make: Declare, said: str) -> None:
    """A marker says itself what is wrong with it."""
    with pytest.raises(ConfigurationError, match=said):
        make()


def test_what_stands_under_the_decorator() -> None:
    """It is for functions, and the form of 0.3.9 is for methods that are written by hand."""
    get: Any = endpoint.get("/x")
    with pytest.raises(
        ConfigurationError, match=r"@endpoint.get\('/x'\) stands over a method, not"
    ):
        get(staticmethod(plain))
    declared = get(plain)
    with pytest.raises(ConfigurationError, match=r"give its arguments to @endpoint.get\(\.\.\.\)"):
        endpoint("/x")(declared)


class Both(SubClient):
    """Serves both kinds, and forgets to say so."""

    @endpoint.get("/x")
    def one(self) -> int: ...


class OnlyAwaited:
    """A mixin for one kind."""

    @endpoint.get("/x")
    async def one(self) -> int: ...


def test_kinds_of_clients() -> None:
    """What is awaited, and what is not, is the same for a type checker and at run time."""
    with pytest.raises(
        ConfigurationError, match=r"Both\.one: Mounted is asynchronous: write `async"
    ):
        type("Mounted", (Both, AsyncClient), {})
    with pytest.raises(
        ConfigurationError, match=r"OnlyAwaited\.one: Mounted is synchronous: write"
    ):
        type("Mounted", (OnlyAwaited, SyncSubClient), {})

    async def items_later(self: Any) -> AsyncItems[int]: ...

    with pytest.raises(
        ConfigurationError, match="items are asked for while they are read: write `d"
    ):
        type(
            "Made", (AsyncClient,), {"x": endpoint.get("/x", pagination=LinkHeader())(items_later)}
        )

    async def of_the_other(self: Any, *, result: SyncStream) -> int:
        return len(str(result))

    with pytest.raises(ConfigurationError, match="its result is of the other kind: name the Async"):
        type("Made", (AsyncClient,), {"x": endpoint.get("/x")(of_the_other)})


def test_declarations_that_are_fine() -> None:
    """None of these is refused."""

    class Options(TypedDict):
        """Names."""

        a: int

    class Api:
        @shared
        @endpoint.get("/x", pagination=LinkHeader(), at="data")
        def all(self, options: Options) -> Items[User]: ...

        @shared
        @endpoint.post("/x/{a}/{b}")
        def named(
            self,
            a: Annotated[int, Path(ge=1)],
            bee: Annotated[str, Path(alias="b")],
            users: list[User] | list[dict[str, int]] | None,
            c: Annotated[Any, Query] = None,
        ) -> None: ...

        @shared
        @endpoint.head("/x")
        def there(self) -> None: ...

        @shared
        @endpoint.post("/x", timeout=3, headers=[("a", "b")], parameters=User(name="x"))
        def files(
            self,
            one: Annotated[Odd, File],
        ) -> None: ...

        @shared
        @endpoint.get("/x")
        def later(self, node: Node, number: Number) -> Node: ...

        @shared
        @endpoint.put("/x", validate=False)
        def any_body(self, a: Annotated[Odd, Body(raw=True)], b: Odd) -> str: ...

    for kind in (SyncClient, AsyncClient):
        made: Any = type("Made", (Api, kind), {})
        assert list(made.endpoints) == [
            "all",
            "named",
            "there",
            "files",
            "later",
            "any_body",
        ]

    class Events(AsyncClient):
        @endpoint.get("/x")
        def events(self) -> AsyncStream: ...

    class Numbered(SyncClient):
        @endpoint.get("/x")
        def numbered(self) -> SyncPages[Page]: ...

    assert Events.endpoints.keys() | Numbered.endpoints.keys() == {"events", "numbered"}


def test_bodies_that_are_empty() -> None:
    """They do nothing, or say that they are not implemented."""
    declared = object()

    def documented() -> None:
        """Say something."""
        ...

    def passes() -> None:
        pass

    def refuses() -> None:
        raise NotImplementedError

    def explains() -> None:
        raise NotImplementedError("declared")

    def constant() -> int:
        return 5

    def text() -> str:
        return "x"

    def same(x: int) -> int:
        return x

    def closed_over() -> object:
        return declared

    def names_and_counts() -> Any:
        return NotImplementedError, 5

    def calls() -> object:
        return id(calls)

    def yields() -> Iterator[None]:
        yield

    assert all(is_empty(one) for one in (documented, passes, refuses, explains))
    others: Any = (constant, text, same, closed_over, names_and_counts, calls, yields)
    assert not any(is_empty(one) for one in others)


def test_types_by_status_that_the_annotation_does_not_hold() -> None:
    """A type checker would believe that the call never returns them."""

    class Size(TypedDict):
        width: int

    alias = TypeAliasType("alias", int | str)
    wrong: list[tuple[Any, Any]] = [
        (int, User),
        (User, None),
        (int | str, User | int),
        (Size, dict[str, Any]),
        (Literal["x"], int),
    ]
    right: list[tuple[Any, Any]] = [
        (Any, User),
        (object, User),
        (User | None, None),
        (int | str | User, User | int),
        (Size | int, Size),
        (dict[str, Any], Size),
        (Sequence[int], list[int]),
        (str, Literal["x"]),
        (alias, int),
        (int | str, alias),
        (User, Any),
    ]
    for whole, one in wrong:
        with pytest.raises(ConfigurationError, match=r"call: a response of status 404 becomes "):
            by_status_of(whole, one)
    for whole, one in right:
        assert list(by_status_of(whole, one).endpoints) == ["call"]


def by_status_of(whole: Any, one: Any) -> Any:
    """Return a class with an endpoint of a type, and one of a status."""

    def call(self: Any) -> Any: ...

    call.__annotations__["return"] = Annotated[whole, ByStatus({404: one})]
    return type("Made", (SyncClient,), {"call": endpoint.get("/x")(call)})
