"""Arguments become path, query, headers, cookies and body, as the server reads them."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import Field, SecretStr
from typing_extensions import TypedDict, Unpack

from arya_api_framework import (
    BaseModel,
    CallOptions,
    Request,
    endpoint,
    shared,
)
from arya_api_framework.endpoints import Body, Cookie, Header, Path, Query
from arya_api_framework.errors import ConfigurationError, HTTPNotFound
from arya_api_framework.options import UNSET, Unset
from tests.conftest import Kind
from tests.endpoints.conftest import Mount
from tests.scripted import Scripted, answer


class Sort(Enum):
    """An order."""

    NEWEST = "newest"


class City(BaseModel):
    """A model in a model."""

    name: str


class Filters(BaseModel):
    """Parameters in a model."""

    page: int = 1
    city: City | None = None
    kind_of: str = Field("any", alias="kindOf")


class NewUser(BaseModel):
    """A body."""

    name: str
    nick: str | None = None
    token: SecretStr | None = None


@dataclass
class Size:
    """A body in a dataclass."""

    width: int


class Cat(BaseModel):
    """A body of two kinds."""

    kind: Literal["cat"]


class Dog(BaseModel):
    """The other one."""

    kind: Literal["dog"]


class Options(TypedDict, total=False):
    """A dict with names."""

    one: int
    two: str


class Api:
    """Endpoints of all kinds."""

    @shared
    @endpoint.get("/users/{id}/{name}")
    def path(self, id: int, name: str) -> None: ...

    @shared
    @endpoint.get("/x/{user_id}/{day}")
    def named(self, user: Annotated[UUID, Path(alias="user_id")], day: date) -> None: ...

    @shared
    @endpoint.get("/simple/{a}/label/{b}/matrix/{c}")
    def styled(
        self,
        a: list[str],
        b: Annotated[list[int], Path(style="label", explode=True)],
        c: Annotated[Size | str, Path(style="matrix", explode=True)],
    ) -> None: ...

    @shared
    @endpoint.get("/q")
    def query(
        self,
        q: str | None = None,
        *,
        tags: list[str] | Unset = UNSET,
        sort: Sort = Sort.NEWEST,
        since: datetime | None = None,
        exact: bool = False,
        per_page: Annotated[int | Unset, Query(alias="perPage", le=100)] = UNSET,
    ) -> None: ...

    @shared
    @endpoint.get("/q")
    def filtered(self, filters: Filters, more: Options = {}, q: str = "x") -> None: ...  # noqa: B006

    @shared
    @endpoint.get("/q")
    def query_styles(
        self,
        a: Annotated[list[str], Query(style="form", explode=False)] = [],  # noqa: B006
        b: Annotated[list[str], Query(style="spaceDelimited")] = [],  # noqa: B006
        c: Annotated[list[int], Query(style="pipeDelimited")] = [],  # noqa: B006
        d: Annotated[Filters | Unset, Query(style="deepObject")] = UNSET,
        e: Annotated[Any, Query] = None,
    ) -> None: ...

    @shared
    @endpoint.get("/h", headers={"X-Trace": "declared", "X-Other": "1"}, cookies={"a": "1"})
    def headers(
        self,
        x_trace: Annotated[str | Unset, Header] = UNSET,
        ids: Annotated[list[int] | None, Header(alias="X-Ids")] = None,
        size: Annotated[Size | Unset, Header(alias="X-Size", explode=True)] = UNSET,
        session: Annotated[str | Unset, Cookie] = UNSET,
        a: Annotated[int | Unset, Cookie] = UNSET,
    ) -> None: ...

    @shared
    @endpoint.post("/b/{id}", parameters={"v": 1, "w": [1, 2]})
    def body(self, id: int, user: NewUser, notify: bool = True) -> None: ...

    @shared
    @endpoint.put("/b")
    def bodies(self, users: list[NewUser], w: int = 3) -> None: ...

    @shared
    @endpoint.patch("/b")
    def maybe(self, body: NewUser | None = None) -> None: ...

    @shared
    @endpoint.patch("/b")
    def nothing(self, body: NewUser | None) -> None: ...

    @shared
    @endpoint.patch("/b")
    def optional(self, size: Size | Unset = UNSET) -> None: ...

    @shared
    @endpoint.delete("/b")
    def anything(self, body: Any) -> None: ...

    @shared
    @endpoint.get("/b")
    def body_of_get(self, body: Annotated[Options, Body]) -> None: ...

    @shared
    @endpoint.post("/b")
    def embedded(
        self,
        user: Annotated[NewUser, Body(embed=True)],
        count: Annotated[int | Unset | None, Body(embed=True, alias="theCount")] = UNSET,
        q: str | Unset = UNSET,
    ) -> None: ...

    @shared
    @endpoint.post("/b", headers={"x-a": "1"})
    def raw(self, data: Annotated[Any, Body(raw=True, content_type="text/csv")]) -> None: ...

    @shared
    @endpoint.patch("/b")
    def merge(
        self, patch: Annotated[dict[str, Any], Body(content_type="application/merge-patch+json")]
    ) -> None: ...

    @shared
    @endpoint.post("/b")
    def embedded_as(
        self,
        a: Annotated[int, Body(embed=True, content_type="application/vnd.x+json")],
        b: Annotated[int | Unset, Body(embed=True)] = UNSET,
    ) -> None: ...

    @shared
    @endpoint.get("/unchecked/{id}", validate=False)
    def unchecked(self, id: int, /, q: int = 1, *, r: int | Unset = UNSET, s: str) -> None: ...

    @shared
    @endpoint.get("/checked/{id}")
    def by_position(self, id: int, /, q: int = 1) -> None: ...

    @shared
    @endpoint.post("/scores")
    def scores(self, body: dict[str, int]) -> None: ...

    @shared
    @endpoint.get("/plain", validate=False)
    def plain(self, q: int = 1) -> None: ...

    @shared
    @endpoint.get("/odd")
    def odd(self, q: Annotated[str, Field(le=3)]) -> None: ...

    @shared
    @endpoint.post("/pets")
    def pet(self, body: Annotated[Cat | Dog, Field(discriminator="kind")]) -> None: ...

    @shared
    @endpoint.get("/c/{id}", error_responses={404: City}, headers={"X-A": "1"}, timeout=30)
    def with_more(self, id: int, **options: Unpack[CallOptions]) -> Any: ...


Send = Callable[..., Any]


async def sent(kind: Kind, scripted: Scripted, call: Send, *args: Any, **named: Any) -> Any:
    """Make a call, and return what the server read."""
    await kind.call(call, *args, **named)
    return scripted.log[-1]


async def test_path(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """Values of the path are encoded whole, and checked."""
    api = mount(Api, scripted.url)
    read = await sent(kind, scripted, api.path, 5, "a/b c")
    assert (read.method, read.target) == ("GET", "/users/5/a%2Fb%20c")
    user = UUID(int=3)
    assert (await sent(kind, scripted, api.named, day="2026-01-02", user=str(user))).target == (
        f"/x/{user}/2026-01-02"
    )
    read = await sent(kind, scripted, api.styled, ["a,b", "/"], [1, 2], Size(3))
    assert read.target == "/simple/a%2Cb,%2F/label/.1.2/matrix/;width=3"
    read = await sent(kind, scripted, api.styled, ["x"], (1,), "y")
    assert read.target == "/simple/x/label/.1/matrix/;c=y"
    for value in ("..", "", "%2e"):
        with pytest.raises(ConfigurationError, match=r"path parameter 'name' (is|holds)"):
            await kind.call(api.path, 5, value)
        with pytest.raises(ConfigurationError, match=r"path parameter 'a' (is|holds)"):
            await kind.call(api.styled, ["x", value], [1], "y")


async def test_query(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """What is left out or `UNSET` is not sent, nor is `None`; defaults are."""
    api = mount(Api, scripted.url)

    async def query(*args: Any, **named: Any) -> str:
        target: str = (await sent(kind, scripted, api.query, *args, **named)).target
        return target

    assert await query() == "/q?sort=newest&exact=false"
    assert await query(None, tags=UNSET) == "/q?sort=newest&exact=false"
    assert await query("a b", tags=["x", "y"], exact=True, per_page=50) == (
        "/q?q=a%20b&tags=x&tags=y&sort=newest&exact=true&perPage=50"
    )
    assert await query(since=datetime(2026, 1, 2, tzinfo=UTC), sort="newest", per_page=UNSET) == (
        "/q?sort=newest&since=2026-01-02T00%3A00%3A00%2B00%3A00&exact=false"
    )


async def test_models_in_the_query(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """Fields of an object are parameters; those that are unset are left out."""
    api = mount(Api, scripted.url)
    filters = Filters.model_validate({"page": 2, "city": {"name": "Ulm"}, "kindOf": "b"})
    read = await sent(kind, scripted, api.filtered, filters, {"one": 1})
    assert read.target == "/q?q=x&page=2&city.name=Ulm&kindOf=b&one=1"
    assert (await sent(kind, scripted, api.filtered, {}, q="y")).target == "/q?q=y"


async def test_styles_of_the_query(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """Lists and objects are written as the marker says; items are encoded one by one."""
    api = mount(Api, scripted.url)
    lists = {"a": ["1,2", "3"], "b": ["x", "y"], "c": [1, 2]}
    read = await sent(kind, scripted, api.query_styles, **lists, d={"page": 3}, e={"f": 1})
    assert read.target == "/q?a=1%2C2,3&b=x%20y&c=1%7C2&d%5Bpage%5D=3&f=1"
    assert (await sent(kind, scripted, api.query_styles)).target == "/q"
    assert (await sent(kind, scripted, api.query_styles, e=[1, 2])).target == "/q?e=1&e=2"


async def test_headers_and_cookies(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """They are laid over those that are declared."""
    api = mount(Api, scripted.url)
    read = await sent(kind, scripted, api.headers)
    assert read.headers["X-Trace"] == "declared"
    assert read.headers["Cookie"] == "a=1"
    read = await sent(kind, scripted, api.headers, "given", [1, 2], Size(3), session="s", a=2)
    assert read.headers.getall("X-Trace") == ["given"]
    assert read.headers["X-Ids"] == "1,2"
    assert read.headers["X-Size"] == "width=3"
    assert read.headers["X-Other"] == "1"
    assert sorted(read.headers["Cookie"].split("; ")) == ["a=2", "session=s"]


async def test_bodies(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """A model is the body, and the rest the query; `None` is null, unset fields are left out."""
    api = mount(Api, scripted.url)

    async def body(call: Send, *args: Any, **named: Any) -> Any:
        read = await sent(kind, scripted, call, *args, **named)
        assert read.headers["Content-Type"] == "application/json"
        return json.loads(read.body)

    user = NewUser(name="Ada", nick=None, token=SecretStr("s"))
    assert await body(api.body, 5, user) == {"name": "Ada", "nick": None, "token": "s"}
    assert scripted.log[-1].target == "/b/5?v=1&w=1&w=2&notify=true"
    assert await body(api.bodies, [user, {"name": "Bob"}]) == [
        {"name": "Ada", "nick": None, "token": "s"},
        {"name": "Bob"},
    ]
    assert scripted.log[-1].target == "/b?w=3"
    assert await body(api.nothing, None) is None
    assert await body(api.maybe, {"name": "x"}) == {"name": "x"}
    assert await body(api.optional, Size(3)) == {"width": 3}
    assert await body(api.anything, [1]) == [1]
    assert await body(api.body_of_get, {"one": 1}) == {"one": 1}
    assert await body(api.embedded, NewUser(name="x")) == {"user": {"name": "x"}}
    assert await body(api.embedded, NewUser(name="x"), None, "q") == {
        "user": {"name": "x"},
        "theCount": None,
    }
    for left_out in (api.optional, api.maybe):
        read = await sent(kind, scripted, left_out)
        assert (read.body, read.headers.get("Content-Type")) == (b"", None)


async def test_bodies_of_other_types(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """A body is sent as it is where the marker says so, and under the media type that it names."""
    api = mount(Api, scripted.url)
    read = await sent(kind, scripted, api.raw, b"a;b")
    assert (read.body, read.headers["Content-Type"], read.headers["X-A"]) == (
        b"a;b",
        "text/csv",
        "1",
    )
    read = await sent(kind, scripted, api.merge, {"a": None})
    assert (read.body, read.headers["Content-Type"]) == (
        b'{"a":null}',
        "application/merge-patch+json",
    )
    read = await sent(kind, scripted, api.embedded_as, 1)
    assert (read.body, read.headers["Content-Type"]) == (b'{"a":1}', "application/vnd.x+json")


async def test_arguments_as_they_are(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """Without validation nothing is looked at but what there is."""
    api = mount(Api, scripted.url)
    read = await sent(kind, scripted, api.unchecked, "a", "b", s=5)
    assert read.target == "/unchecked/a?q=b&s=5"
    read = await sent(kind, scripted, api.unchecked, "a", r=1, s=5)
    assert read.target == "/unchecked/a?q=1&r=1&s=5"
    for args, named, said in (
        (("a", "b", "c"), {}, r"takes 2 arguments by position, got 3"),
        (("a", "b"), {"q": 1}, "q: given twice"),
        ((), {"id": 1}, "id: taken by position only"),
        (("secret",), {}, "s: missing, and needed"),
        (("a",), {"ss": 1}, "got an unknown argument 'ss'"),
    ):
        with pytest.raises(ConfigurationError, match=f"^endpoint Api.unchecked: {said}"):
            await kind.call(api.unchecked, *args, **named)
    assert (await sent(kind, scripted, api.plain)).target == "/plain?q=1"
    assert (await sent(kind, scripted, api.by_position, "5", "6")).target == "/checked/5?q=6"


@pytest.mark.parametrize(
    ("name", "args", "named", "said"),
    [
        ("path", (5,), {}, "Api.path: name: Missing required argument"),
        ("path", ("secret", "x"), {}, "Api.path: id: Input should be a valid integer, unable to p"),
        ("path", (1, "x", "secret"), {}, r"Api.path: 2: Unexpected positional argument"),
        ("path", (1, "x"), {"id": 3}, "Api.path: id: Got multiple values for argument"),
        (
            "path",
            (1,),
            {"nmae": 3},
            "Api.path: got an unknown argument 'nmae'; did you mean 'name'",
        ),
        ("path", (1, "x"), {"result": 3}, "Api.path: got an unknown argument 'result'"),
        (
            "path",
            (1, "x"),
            {"timeout": 3},
            r"Api.path: `timeout` is an option of a call, and the method declares no `\*\*options",
        ),
        (
            "with_more",
            (1,),
            {"timeot": 3},
            "Api.with_more: got an unknown argument 'timeot'; did y",
        ),
        ("with_more", (1,), {"body": 3}, "Api.with_more: got an unknown argument 'body'"),
        ("query", (), {"per_page": 101}, "Api.query: per_page: Input should be less than or equal"),
        ("query", (), {"sort": "secret"}, "Api.query: sort: Input should be 'newest'"),
        (
            "body",
            ("secret", {"secret": 1}, "secret"),
            {},
            "Api.body: id: Input .*; user.name: Field required; notify: Input",
        ),
        (
            "merge",
            ({5: "secret"},),
            {},
            r"Api.merge: patch\.5\.\[key\]|patch.*: Input should be a va",
        ),
        (
            "scores",
            ({"secret": "x"},),
            {},
            r"Api.scores: body\.\*: Input should be a valid integer",
        ),
        ("odd", ("secret",), {}, "Api.odd: a constraint or validator does not fit its type"),
        ("pet", ({"kind": "secret"},), {}, "Api.pet: body: The tag in 'kind' is none of 'cat', 'd"),
        (
            "bodies",
            ([{}, {}, {}, {"nick": 5}],),
            {},
            r"users\.0\.name: Field required; users\.1\.name.*; and 2 more$",
        ),
    ],
)
async def test_arguments_that_are_refused(
    kind: Kind,
    mount: Mount,
    scripted: Scripted,
    name: str,
    args: tuple[Any, ...],
    named: dict[str, Any],
    said: str,
) -> None:
    """Nothing is sent; the error names method and argument, and shows no value."""
    api = mount(Api, scripted.url)
    with pytest.raises(ConfigurationError, match=said) as caught:
        await kind.call(getattr(api, name), *args, **named)
    error = caught.value
    assert "secret" not in f"{error} {error.__cause__} {error.__context__}"
    assert scripted.log == []


async def test_options_of_a_call(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """They are laid over those that are declared, key by key where they have keys."""
    scripted.script = [answer(404, body=b'{"name":"x"}'), answer(410, body=b'{"name":"y"}')]
    api = mount(Api, scripted.url)
    with pytest.raises(HTTPNotFound) as caught:
        await kind.call(api.with_more, 1)
    assert caught.value.response == City(name="x")
    error_responses = {410: City}
    with pytest.raises(Exception, match="410") as gone:
        await kind.call(api.with_more, 1, error_responses=error_responses)
    assert gone.value.response == City(name="y")  # type: ignore[attr-defined]
    more = api.with_more.with_options(headers={"x-a": "2", "X-B": "3"}, parameters={"q": 1})
    read = await sent(kind, scripted, more, 1)
    assert (read.target, read.headers.getall("X-A"), read.headers["X-B"]) == (
        "/c/1?q=1",
        ["2"],
        "3",
    )
    read = await sent(
        kind, scripted, more, 1, headers={"X-B": "4"}, parameters=[("q", 2), ("q", 3)]
    )
    assert (read.target, read.headers["X-A"], read.headers["X-B"]) == ("/c/1?q=2&q=3", "2", "4")
    read = await sent(kind, scripted, more.with_options(headers=None), 1)
    assert read.headers["X-B"] == "3"
    with pytest.raises(
        ConfigurationError, match=r"with_more: got an unknown option 'timeot'; did y"
    ):
        api.with_more.with_options(timeot=3)
    with pytest.raises(
        ConfigurationError, match=r"with_more: `path_parameters` is said by the argum"
    ):
        api.with_more.with_options(path_parameters={})


async def test_what_of_a_call_an_endpoint_is(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """Options of single endpoints need no `**options`; the client's own count too."""
    api = mount(Api, scripted.url, headers={"X-Client": "1"}, parameters={"key": "k"})
    read = await sent(kind, scripted, api.path.with_options(idempotency_key="i"), 1, "x")
    assert read.target == "/users/1/x?key=k"
    assert (read.headers["X-Client"], read.headers["Idempotency-Key"]) == ("1", "i")
    request: Request = api.build("GET", "/users/{id}", path_parameters={"id": 1})
    assert request.template == "/users/{id}"


class Vault:
    """Secrets in the path."""

    @shared
    @endpoint.get("/x/{key}")
    def one(self, key: SecretStr) -> None: ...

    @shared
    @endpoint.get("/x/{keys}")
    def several(self, keys: Annotated[list[SecretStr | int], Path(style="label")]) -> None: ...


async def test_secrets_in_the_path_are_not_shown(mount: Mount, kind: Kind) -> None:
    """Their type says it, in any style."""
    async with Scripted(answer(404), answer(404)) as server:
        client = mount(Vault, server.url)
        for call, shown in (
            (client.one, (SecretStr("s3cr/t"), "***")),
            (client.several, ([SecretStr("s3cr/t"), 7], ".***,7")),
        ):
            given, written = shown
            with pytest.raises(HTTPNotFound) as caught:
                await kind.call(call, given)
            assert caught.value.url == f"{server.url}/x/{written}"
            assert "s3cr" not in f"{caught.value}{caught.value.raw!r}"
    assert [one.target for one in server.log] == ["/x/s3cr%2Ft", "/x/.s3cr%2Ft,7"]
