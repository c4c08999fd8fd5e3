"""What is explained of a call is what a server reads, and each value is told its source."""

# ruff: noqa: D102
# mypy: disable-error-code="empty-body"
# pyright: reportPrivateUsage=false

import asyncio
import contextlib
import copy
import gzip
import io
import json
import math
import pickle
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from enum import Enum, IntFlag
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WrapValidator
from typing_extensions import Unpack

from arya_api_framework import (
    AdaptiveConcurrency,
    AsyncClient,
    BaseModel,
    CallOptions,
    Checksum,
    CircuitBreaker,
    CredentialPool,
    Explanation,
    Hedge,
    Hook,
    ItemOptions,
    PageNumber,
    Pool,
    RateLimit,
    RawResponse,
    RedisShare,
    Request,
    Response,
    Retry,
    SubClient,
    SyncClient,
    Timeout,
    endpoint,
    shared,
)
from arya_api_framework.auth import (
    ApiKeyAuth,
    ApiKeyScheme,
    Auth,
    BasicAuth,
    BearerScheme,
    MutualTLSScheme,
)
from arya_api_framework.client.request import Request as BuiltRequest
from arya_api_framework.constants import HTTPMethod
from arya_api_framework.endpoints import (
    Body,
    ByStatus,
    Cookie,
    File,
    Form,
    Header,
    Items,
    Pages,
    Query,
    Stream,
)
from arya_api_framework.errors import (
    ClientClosedError,
    ConfigurationError,
    FrameworkException,
    HTTPConflict,
    HTTPError,
    SubClientNoParent,
)
from arya_api_framework.explanation import Source
from arya_api_framework.explanation.contents import is_closed
from tests.app import Received, Server
from tests.client.conftest import hooked_session
from tests.conftest import Kind
from tests.endpoints.explained import CANARY, shown, sources, tells_nothing
from tests.servers import Certificate

RUNNER = asyncio.Runner()


class User(Response):
    """A result."""

    id: int
    name: str = ""


class NewUser(BaseModel):
    """A body."""

    name: str
    password: str = "x"
    tags: Sequence[str] = ()
    admin: bool | None = None


class Problem(BaseModel):
    """What an error says."""

    message: str


class Sort(Enum):
    """What can be asked for."""

    NAME = "name"


class Loose(Enum):
    """What makes a member of anything."""

    NAME = "name"

    @classmethod
    def _missing_(cls, value: object) -> Any:
        return cls.NAME


class Parsed(Enum):
    """What pydantic checks in its own way."""

    NAME = "name"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler(str)


class Bits(IntFlag):
    """What can be put together."""

    ONE = 1


class Seen(Hook):
    """Sees calls."""

    def before_call(self, request: Request) -> None:
        """See one."""


class Signed(Hook):
    """Sees attempts."""

    def before_attempt(self, request: Request) -> None:
        """See one."""

    def attempt_failed(self, request: Request, error: BaseException) -> None:
        """See an error."""


class Other(Seen):
    """Sees calls, too."""


class Idle(Hook):
    """Overrides nothing."""


class Issues(SubClient, name="issues", relative_path="/issues"):
    """A part of the API."""

    @shared
    @endpoint.get("/{id}")
    def one(self, id: int, state: bool = True) -> User: ...


class Methods:
    """The endpoints of clients of both kinds."""

    issues = Issues()

    @shared
    @endpoint.get("/users/{id}")
    def user(self, id: int) -> User: ...

    @shared
    @endpoint.get("/search", headers={"Accept": "text/csv"}, parameters={"fixed": "1"}, timeout=9)
    def search(
        self,
        q: str,
        *,
        per_page: Annotated[int, Query(le=100)] = 30,
        sort: Sort | None = None,
        order: Annotated[Literal["up", "down"], Query(alias="by")] = "up",
        number: int = 1,
        mark: Annotated[str, Header(alias="X-Trace")] = "t",
        mode: Annotated[Literal["fast", "slow"], Header] = "fast",
        theme: Annotated[str, Cookie] = "dark",
        **options: Unpack[CallOptions],
    ) -> list[User]: ...

    @shared
    @endpoint.post("/users", error_responses={409: HTTPConflict}, retry=None)
    def create(
        self, user: NewUser, *, dry: bool = False, **options: Unpack[CallOptions]
    ) -> User: ...

    @shared
    @endpoint.put("/pairs")
    def pair(
        self,
        first: Annotated[NewUser, Body(embed=True)],
        second: Annotated[int, Body(embed=True)],
    ) -> None: ...

    @shared
    @endpoint.put("/raw/{name}")
    def raw(self, name: str, content: Annotated[bytes, Body(raw=True)]) -> None: ...

    @shared
    @endpoint.get("/posts?fixed=1", at="items", pagination=PageNumber(size=3), max_items=7, ahead=1)
    def posts(self, **options: Unpack[ItemOptions]) -> Items[User]: ...

    @shared
    @endpoint.get("/posts", pagination=PageNumber(size=3), max_pages=2)
    def listing(self) -> Pages[list[User]]: ...

    @shared
    @endpoint.get("/logs")
    def logs(self, **options: Unpack[CallOptions]) -> Stream: ...

    @shared
    @endpoint.get("/maybe/{id}")
    def maybe(self, id: int) -> Annotated[User | Problem, ByStatus({200: User, 404: Problem})]: ...

    def by_hand(self) -> Any:
        """Call without a declaration."""
        return cast("Any", self).get("/users")


class SyncBase(SyncClient, uri="http://api.test/v1", headers={"X-Team": "a"}, timeout=20):
    """A parent."""


class AsyncBase(AsyncClient, uri="http://api.test/v1", headers={"X-Team": "a"}, timeout=20):
    """A parent."""


OPTIONS: dict[str, Any] = {
    "headers": {"X-App": "b"},
    "parameters": {"page": 1},
    "error_responses": {404: Problem},
    "hooks": [Seen(), Idle()],
}


class SyncAPI(Methods, SyncBase, **OPTIONS):
    """A client."""


class AsyncAPI(Methods, AsyncBase, **OPTIONS):
    """A client."""


def api(kind: Kind, *args: Any, **options: Any) -> Any:
    """Return a client of either kind, closed when the test ends."""
    return kind.wrap((AsyncAPI if kind.is_async else SyncAPI)(*args, **options)).target


# Where values come from


async def test_headers_are_told_from_class_to_call(kind: Kind) -> None:
    """Each field by the last place that gave it, whatever the case of its name."""
    client = api(kind, headers={"X-Instance": "1", "x-team": "mine"}, bearer_token="t")
    client.headers["X-Live"] = "1"
    copy = client.with_options(headers=[("X-Copy", "1"), ("X-Copy", "2")])
    copy.headers["X-Later"] = "1"
    explained = copy.explain("GET", "/", headers={"X-Call": "1", "X-App": "c"})
    assert sources(explained.headers) == {
        "Host": "connection",
        "Accept": "default",
        "Accept-Encoding": "default",
        "User-Agent": "default",
        "X-Instance": "instance",
        "x-team": "instance",
        "Authorization": "instance: bearer_token",
        "X-Live": "assignment",
        "X-Copy": "with_options",
        "X-Later": "assignment",
        "X-Call": "call",
        "X-App": "call",
    }
    plain = sources(client.explain("GET", "/").headers)
    assert plain["X-App"] == f"class {type(client).__name__}"
    assert "X-Copy" not in plain
    assert "X-Later" not in plain
    base = type(client).__mro__[2].__name__
    assert sources(api(kind).explain("GET").headers)["X-Team"] == f"parent class {base}"


async def test_models_pairs_and_iterators_are_layers_too(kind: Kind) -> None:
    """Whatever form a mapping of headers or errors was given in."""

    class Fields(BaseModel):
        accept: str = "a/b"

    client = api(
        kind,
        headers=Fields(accept="c/d"),
        cookies=iter([("one", "1")]),
        parameters=[("two", 2)],
        error_responses={"404": None, "5xx": Problem},
    )
    explained = client.explain("GET", "/", error_responses={429: Problem})
    assert sources(explained.headers)["accept"] == "instance"
    assert sources(explained.cookies) == {"one": "instance"}
    assert sources(explained.query) == {"page": f"class {type(client).__name__}", "two": "instance"}
    assert {one.status: str(one.source) for one in explained.responses} == {
        "2XX": "call",
        "5XX": "instance",
        429: "call",
    }


async def test_what_is_assigned_whole_is_told(kind: Kind) -> None:
    """Mappings and the token, where what is assigned is something new."""
    client = api(kind)
    client.headers = {"X-App": "b", "X-New": "1"}
    client.cookies = {"a": "1"}
    client.parameters = {"page": 2}
    client.error_responses[410] = Problem
    client.bearer_token = "t"
    explained = client.explain("GET", "/")
    told = sources(explained.headers)
    assert told["X-New"] == "assignment"
    assert told["Authorization"] == "assignment: bearer_token"
    assert "X-Team" not in told
    assert sources(explained.query) == {"page": "assignment"}
    assert sources(explained.cookies) == {"a": "assignment"}
    assert {one.status: str(one.source) for one in explained.responses}[410] == "assignment"
    copy = client.with_options(timeout=1)
    assert sources(copy.explain("GET", "/").headers)["X-New"] == "assignment"
    assert str(copy.explain("GET", "/").auth[0].source) == "assignment"


async def test_options_are_told_from_class_to_call(kind: Kind) -> None:
    """The last place that gave an option counts, `None` among what is given."""
    client = api(kind, deadline=5, retry=Retry(attempts=2))
    copy = client.with_options(retry=None, follow_redirects=False)
    settings = copy.explain("GET", "/", max_redirects=3).settings
    base = type(client).__mro__[2].__name__
    assert {name: str(one.source) for name, one in settings.items()} | {} == {
        "timeout": f"parent class {base}",
        "deadline": "instance",
        "deadline_header": "default",
        "retry": "with_options",
        "hedge": "with_options",
        "follow_redirects": "with_options",
        "max_redirects": "call",
        "max_response_size": "default",
        "json_content_types": "default",
        "encoding": "default",
        "allow_early_response": "default",
        "checksum": "default",
        "cost": "default",
        "priority": "default",
        "compress": "default",
        "cookie_policy": "default",
    }
    assert settings["timeout"].value == Timeout(total=20)
    assert settings["retry"].value is None
    assert settings["max_redirects"].value == 3


async def test_an_endpoint_says_where_its_values_come_from(kind: Kind) -> None:
    """Its declaration, its arguments, its own `with_options`, and the options of the call."""
    client = api(kind)
    name = "Methods.search"
    bound = client.search.with_options(max_redirects=2, deadline=8)
    explained = bound.explain("cats", per_page=5, sort="name", deadline=7, headers={"X-Mine": "1"})
    assert explained.endpoint == name
    assert sources(explained.query) == {
        "page": f"class {type(client).__name__}",
        "fixed": f"endpoint {name}",
        "q": "argument q",
        "per_page": "argument per_page",
        "sort": "argument sort",
        "by": f"endpoint {name}",
        "number": f"endpoint {name}",
    }
    fields = sources(explained.headers)
    assert fields["X-Trace"] == f"endpoint {name}"
    assert fields["X-Mine"] == "call"
    assert sources(explained.cookies) == {"theme": f"endpoint {name}"}
    assert str(explained.settings["timeout"].source) == f"endpoint {name}"
    assert str(explained.settings["max_redirects"].source) == "with_options of the endpoint"
    assert str(explained.settings["deadline"].source) == "call"
    assert explained.settings["deadline"].value == 7
    plain = client.explain("search", "cats", mark="x")
    assert sources(plain.headers)["Accept"] == f"endpoint {name}"
    assert sources(plain.headers)["X-Trace"] == "argument mark"
    other = client.search.with_options(headers={"X-Bound": "1"}).explain("cats")
    assert sources(other.headers)["X-Bound"] == "with_options of the endpoint"


class Filters(BaseModel):
    """Fields of a query."""

    city: str
    page: int = 1


class More(SubClient, name="more"):
    """Arguments of other kinds."""

    @shared
    @endpoint.get("/whole", parameters={"fixed": "1"})
    def whole(self, filters: Filters, also: str = "x") -> None: ...

    @shared
    @endpoint.get("/deep")
    def deep(self, d: Annotated[Filters, Query(style="deepObject")]) -> None: ...

    @shared
    @endpoint.get("/two")
    def two(self, first: Filters, second: Filters) -> None: ...

    @shared
    @endpoint.get("/keys/{key}/{items}")
    def secret(self, key: SecretStr | None, items: list[str]) -> None: ...

    @shared
    @endpoint.head("/head")
    def head_of(self, *, mark: Annotated[str, Header(alias="X-Mark")] = "a") -> None: ...

    @shared
    @endpoint.head("/head")
    def raw_head(self) -> RawResponse: ...

    @shared
    @endpoint.post("/null")
    def null(self, body: User | None) -> None: ...


async def test_fields_of_models_are_told_by_their_argument(kind: Kind, server: Server) -> None:
    """Under their own names, or within that of the argument."""
    client = api(kind, server.url)
    client.add_subclient(More())
    more = client.more
    explained = client.explain("more.whole", Filters(city="Ulm", page=2), "y")
    assert sources(explained.query) == {
        "fixed": "endpoint More.whole",
        "city": "argument filters",
        "page": "argument filters",
        "also": "argument also",
    }
    deep = more.deep.explain(Filters(city="Ulm"))
    assert sources(deep.query) == {
        "page": f"class {type(client).__name__}",
        "d[city]": "argument d",
    }
    two = more.two.explain(Filters(city="Ulm"), Filters(city="Bonn", page=1))
    assert sources(two.query)["city"] == "argument second"
    secret = more.secret.explain(SecretStr(CANARY), ["a", "b/c"])
    assert secret.url == f"{server.url}/keys/***/a,b%2Fc?page=1"
    tells_nothing(secret)
    calls: list[tuple[Any, tuple[Any, ...]]] = [
        (more.whole, (Filters(city="Ulm", page=2), "y")),
        (more.deep, (Filters(city="Ulm"),)),
        (more.secret, ("k", ["a", "b/c"])),
        (more.null, (None,)),
        (more.head_of, ()),
    ]
    for bound, args in calls:
        explained = bound.explain(*args)
        with contextlib.suppress(HTTPError):
            await kind.call(bound, *args)
        compare(explained, server.log[-1])
    assert more.head_of.explain().responses[0].text == "None"
    assert more.raw_head.explain().responses[0].text == "RawResponse"


async def test_options_of_an_endpoint_lie_over_its_arguments(kind: Kind) -> None:
    """And the value that counts is told from where it comes."""
    client = api(kind)
    client.add_subclient(More())
    bound = client.more.head_of.with_options(headers={"x-mark": "b"}, retry=None)
    explained = bound.explain(mark="c")
    assert explained.request.headers.getall("X-Mark") == ["b"]
    assert sources(explained.headers)["x-mark"] == "with_options of the endpoint"
    assert str(explained.settings["retry"].source) == "with_options of the endpoint"


async def test_the_path_is_told_piece_by_piece(kind: Kind) -> None:
    """The `uri`, each sub-client, the path of the endpoint, and its values."""
    client = api(kind)
    explained = client.explain("issues.one", 3)
    base = type(client).__mro__[2].__name__
    name = "Issues.one"
    assert [(one.name, one.value, str(one.source)) for one in explained.path] == [
        ("uri", "http://api.test/v1", f"parent class {base}"),
        ("relative_path", "/issues", "sub-client issues"),
        ("path", "/{id}", f"endpoint {name}"),
        ("{id}", "3", "argument id"),
    ]
    assert explained.url == "http://api.test/v1/issues/3?page=1&state=true"
    assert client.issues.one.explain(3) == client.issues.explain("one", id=3) == explained
    by_hand = client.issues.explain("GET", "/{id}", path_parameters={"id": "a/b"})
    assert by_hand.url == "http://api.test/v1/issues/a%2Fb?page=1"
    assert sources(by_hand.path)["{id}"] == "call"
    assert by_hand.endpoint is None


async def test_what_is_shown_keeps_its_line(kind: Kind) -> None:
    """Names and values that break lines, or are as long as a book."""
    client = api(kind)
    values = {"id": "a\u2028b"}
    named = {"x\ny": 1}
    explained = client.explain("GET", "/{id}", path_parameters=values, parameters=named)
    assert shown(explained.path)["{id}"] == "a b"
    assert shown(explained.query) == {"page": "1", "x y": "***"}
    body = client.explain("POST", "/", body={"a\nb": 1, "c" * 200: 2}).body
    assert body is not None
    assert list(body.structure) == ["a b", "c" * 99 + "…"]


async def test_options_that_can_be_read_once_are_told(kind: Kind) -> None:
    """They are read once, and then hold for all that is asked."""
    client = api(kind)
    given = {"X-Mine": "1"}
    explained = client.explain(
        "GET",
        "/{id}",
        headers=iter(given.items()),
        parameters=iter([("q", 1)]),
        path_parameters=iter([("id", 1)]),
        hooks=iter([Signed()]),
    )
    assert sources(explained.headers)["X-Mine"] == "call"
    assert sources(explained.query)["q"] == "call"
    assert explained.url.startswith("http://api.test/v1/1?")
    assert sources(explained.hooks)["Signed"] == "call"


async def test_a_uri_of_none_is_none(kind: Kind) -> None:
    """That of the class holds."""
    client = api(kind, uri=None, timeout=3)
    base = type(client).__mro__[2].__name__
    assert sources(client.explain("GET").path)["uri"] == f"parent class {base}"


async def test_a_class_for_both_kinds_is_explained_under_either(kind: Kind) -> None:
    """A sub-client that serves both knows its client only where it is mounted."""

    class Parts(SubClient, relative_path="/parts"):
        @shared
        def hand(self) -> Any:
            """Call by hand."""
            return self.get("/")

    client = api(kind)
    client.add_subclient(Parts())
    assert client.explain("GET", "/x").url == "http://api.test/v1/x?page=1"
    assert client.Parts.explain("GET", "/x").url == "http://api.test/v1/parts/x?page=1"
    with pytest.raises(SubClientNoParent):
        Parts().explain("GET", "/x")


async def test_another_host_is_told_apart(kind: Kind) -> None:
    """A copy for it has nothing that may be a credential, nor has a foreign call."""
    client = api(
        kind, bearer_token="t", headers={"Accept": "a/b", "X-Key": "k"}, cookies={"a": "1"}
    )
    copy = client.with_options(uri="http://other.test")
    explained = copy.explain("GET", "/x")
    assert sources(explained.headers) == {
        "Host": "connection",
        "Accept": "instance",
        "Accept-Encoding": "default",
        "User-Agent": "default",
    }
    assert explained.auth == ()
    assert sources(explained.path)["uri"] == "with_options"
    foreign = client.explain("GET", "http://other.test/y?z=1", foreign=True, headers={"X-A": "1"})
    assert sources(foreign.headers) == {
        "Host": "connection",
        "Accept": "default",
        "Accept-Encoding": "default",
        "User-Agent": "default",
        "X-A": "call",
    }
    assert sources(foreign.path) == {"path": "call"}
    assert foreign.url == "http://other.test/y?z=***"


async def test_hooks_are_told_from_class_to_call(kind: Kind) -> None:
    """Those that see the call, in their order, with the methods that are run."""
    client = api(kind, hooks=[Signed()]).with_options(hooks=[Seen()])
    hooks = client.explain("GET", "/", hooks=[Seen()]).hooks
    assert [(one.name, one.methods, str(one.source)) for one in hooks] == [
        ("Seen", ("before_call",), f"class {type(client).__name__}"),
        ("Signed", ("before_attempt", "attempt_failed"), "instance"),
        ("Seen", ("before_call",), "with_options"),
        ("Seen", ("before_call",), "call"),
    ]


async def test_hooks_of_an_endpoint_are_told_apart(kind: Kind) -> None:
    """Those of its `with_options`, and those of the call, as far as each of them runs."""
    client = api(kind)
    bound = client.logs.with_options(hooks=[Signed()])
    assert sources(bound.explain().hooks) == {
        "Seen": f"class {type(client).__name__}",
        "Signed": "with_options of the endpoint",
    }
    told = sources(bound.explain(hooks=[Other()]).hooks)
    assert told.get("Signed", "with_options of the endpoint") == "with_options of the endpoint"
    assert told["Other"] == "call"


async def test_hooks_of_mixins_are_told_apart(kind: Kind) -> None:
    """Each class of the line gives its own."""
    base: Any = kind.base

    class One(base, hooks=[Seen()]):  # type: ignore[misc,call-arg]
        pass

    class Two(base, hooks=[Signed()]):  # type: ignore[misc,call-arg]
        pass

    class Both(One, Two, uri="http://x.test"):  # type: ignore[call-arg]
        pass

    hooks = kind.wrap(Both()).target.explain("GET", "/").hooks
    assert [one.name for one in hooks] == ["Signed", "Seen"]
    assert [str(one.source).rpartition(" ")[2] for one in hooks] == ["Two", "One"]


async def test_results_are_told_by_status(kind: Kind) -> None:
    """What is returned, what is raised, and where that was said."""
    client = api(kind)
    cls = type(client).__name__
    found = client.explain("create", {"name": "a"}, error_responses={"5XX": fault}).responses
    assert [(one.status, one.text, one.is_error, str(one.source)) for one in found] == [
        ("2XX", "User", False, "endpoint Methods.create"),
        (404, "Problem", True, f"class {cls}"),
        (409, "raises HTTPConflict", True, "endpoint Methods.create"),
        ("5XX", "raises what fault() makes", True, "call"),
    ]
    found = client.explain("create", {"name": "a"}).responses
    assert found[-1].text == "raises HTTPConflict"
    assert str(found[-1].source) == "endpoint Methods.create"
    found = client.explain("maybe", 1).responses
    assert [(one.status, one.text, one.is_error) for one in found] == [
        (200, "User", False),
        (404, "Problem", False),
        ("2XX", "User", False),
    ]
    assert client.explain("GET", "/", raw=True).responses[0].text == "RawResponse"
    assert client.explain("HEAD", "/").responses[0].text == "RawResponse"
    assert client.explain("GET", "/", response_format=list[User]).responses[0].text == "list[User]"


def fault(response: RawResponse) -> Exception:
    """Make an error."""
    return HTTPError("no")


async def test_pages_and_streams_are_explained(kind: Kind) -> None:
    """By the request for the first page; the total of a stream is for its head."""
    client = api(kind)
    items = client.explain("posts", max_items=5)
    assert items.url == "http://api.test/v1/posts?fixed=***&page=1&per_page=3"
    assert sources(items.query) == {
        "fixed": "endpoint Methods.posts",
        "page": "pagination",
        "per_page": "pagination",
    }
    paging = items.paging
    assert paging is not None
    assert (paging.gives, paging.strategy, paging.at) == ("items", "PageNumber", "items")
    assert (paging.max_items, paging.max_pages, paging.ahead) == (5, None, 1)
    assert str(paging.source) == "endpoint Methods.posts"
    assert items.responses[0].text == "items of User"
    pages = client.listing.explain()
    assert pages.responses[0].text == "pages of list[User]"
    assert pages.paging is not None
    assert pages.paging.max_pages == 2
    stream = client.explain("logs")
    assert stream.settings["timeout"].value == Timeout(total=20, read=60)
    assert stream.settings["timeout"].text.endswith("the total is for the head")
    assert stream.responses[0].text == "a stream"
    bounded = client.explain("logs", timeout=3).settings["timeout"]
    assert bounded.value == Timeout(total=3, read=60)
    assert bounded.text == "total 3 s, connect 30 s, read 60 s"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"timeout": None},
        {"timeout": 300},
        {"timeout": Timeout(total=5)},
        {"timeout": Timeout(read=7)},
    ],
    ids=str,
)
async def test_the_timeout_of_a_stream_is_that_it_is_read_with(
    kind: Kind, server: Server, options: dict[str, Any]
) -> None:
    """Whatever was given as `timeout`."""

    class Part(SubClient, name="part"):
        @shared
        @endpoint.get("/echo")
        def read(self, **options: Unpack[CallOptions]) -> Stream: ...

    client = api(kind, server.url)
    client.add_subclient(Part())
    explained = client.part.read.explain(**options)
    stream = client.part.read(**options)
    await kind.call(stream.__aenter__ if kind.is_async else stream.__enter__)
    assert stream._call.policy.timeout == explained.settings["timeout"].value
    await kind.call(stream.close)


async def test_a_stream_is_not_hedged(kind: Kind) -> None:
    """Of two bodies one would be left unread."""
    client = api(kind, hedge=Hedge(after=1))
    assert client.explain("user", 1).settings["hedge"].value == Hedge(after=1)
    assert client.explain("logs").settings["hedge"].value is None


# What is explained is what is sent


NAMES = ["Accept", "X-Team", "x-team", "X-App", "X-Other", "User-Agent", "Content-Type"]
VALUES = st.text("abc", min_size=1, max_size=3)
# A write of what was there before is none, so these are others.
WRITTEN = st.dictionaries(st.sampled_from(NAMES[:6]), st.text("xyz", min_size=1), max_size=3)
FIELDS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.none() | VALUES),
    max_size=3,
    unique_by=lambda one: one[0].lower(),
).map(dict)
QUERY = st.dictionaries(
    st.sampled_from(["page", "q", "a b", "é"]),
    st.none()
    | VALUES
    | st.integers()
    | st.booleans()
    | st.lists(VALUES, max_size=2)
    | st.dictionaries(st.sampled_from(["x", "y"]), VALUES, min_size=1),
    max_size=3,
)
COOKIES = st.dictionaries(st.sampled_from(["one", "two"]), st.none() | VALUES, max_size=2)
LAID = st.fixed_dictionaries(
    {},
    optional={
        "headers": FIELDS,
        "parameters": QUERY,
        "cookies": COOKIES,
        "timeout": st.integers(5, 9),
        "retry": st.just(Retry(idempotency_keys=True)) | st.none(),
        "compress": st.sampled_from([None, "gzip"]),
        "bearer_token": VALUES,
    },
)
CONTENTS: list[Callable[[str], dict[str, Any]]] = [
    lambda _: {},
    lambda one: {"body": {"name": one, "list": [one]}},
    lambda one: {"data": {"a": one, "b": [one, one]}},
    lambda one: {"data": one},
    lambda one: {"data": one.encode() * 2000},
    lambda one: {"files": {"f": ("n.txt", one.encode())}, "data": {"a": 1}},
    lambda one: {"data": io.BytesIO(one.encode())},
    lambda one: {"data": iter([one.encode()])},
]
CALL = st.fixed_dictionaries(
    {},
    optional={
        "headers": FIELDS,
        "parameters": QUERY,
        "cookies": COOKIES,
        "timeout": st.integers(5, 9),
        "retry": st.just(Retry(idempotency_keys=True)) | st.none(),
        "compress": st.sampled_from([None, "gzip"]),
        "idempotency_key": VALUES,
        "deadline_header": st.just("X-Left"),
    },
)
PLACES = ("parent class Parent", "class Child", "instance", "with_options", "assignment")


@pytest.fixture(params=["sync", "compatible", "async"])
def way(request: pytest.FixtureRequest) -> str:
    """Each way to a socket in turn."""
    return str(request.param)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    layers=st.tuples(LAID, LAID, LAID, LAID),
    written=WRITTEN,
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
    call=CALL,
    make=st.sampled_from(CONTENTS),
    value=VALUES,
)
def test_what_is_explained_is_what_a_server_reads(
    way: str,
    server: Server,
    layers: tuple[dict[str, Any], ...],
    written: dict[str, Any],
    method: str,
    call: dict[str, Any],
    make: Callable[[str], dict[str, Any]],
    value: str,
) -> None:
    """Method, target, fields and body, whatever is laid over whatever; and each field's source."""
    server.reset()
    base: Any = AsyncClient if way == "async" else SyncClient
    above, below, own, copied = layers
    given_session = {"session_factory": hooked_session} if way == "compatible" else {}

    class Parent(base, uri=server.url, **above):  # type: ignore[misc,call-arg]
        pass

    class Child(Parent, **below):
        pass

    original: Any = Child(**own, **given_session)
    client = original.with_options(**copied)
    client.headers.update(written)
    if method not in ("GET", "OPTIONS"):
        call = {**call, **make(value)}
    try:
        explained: Explanation = client.explain(method, "/echo?page=0", **call)
    except ConfigurationError as refused:
        text = str(refused)
        with pytest.raises(ConfigurationError, match=re.escape(text)):
            send(client, method, "/echo?page=0", call)
        return
    assert server.log == []
    send(client, method, "/echo?page=0", call)
    close(original)
    [read] = server.log
    compare(explained, read)
    told = {one.name.lower(): str(one.source) for one in explained.headers}
    for name in NAMES[:6]:
        wanted = source_of(name, [*(one.get("headers") for one in layers), written], call)
        if name.lower() in told:
            assert (
                told[name.lower()]
                .replace(Parent.__qualname__, "Parent")
                .replace(Child.__qualname__, "Child")
                == wanted
            ), name


def source_of(name: str, layers: list[Any], call: dict[str, Any]) -> str:
    """Return where a field comes from, found in the simplest way."""
    found = "default"
    for place, fields in zip(PLACES, layers, strict=True):
        if name.lower() in lowered(fields):
            found = place
    return "call" if name.lower() in lowered(call.get("headers")) else found


def lowered(fields: dict[str, Any] | None) -> set[str]:
    """Return the names of fields in small letters."""
    return {one.lower() for one in fields or {}}


def send(client: Any, method: str, path: str, options: dict[str, Any]) -> None:
    """Make a call with a client of either kind; what the server makes of it does not count."""
    with contextlib.suppress(HTTPError):
        made = client.request(method, path, **options)
        if isinstance(client, AsyncClient):
            RUNNER.run(made)


def close(client: Any) -> None:
    """Close a client of either kind."""
    made = client.close()
    if isinstance(client, AsyncClient):
        RUNNER.run(made)


def compare(explained: Explanation, read: Received) -> None:
    """Compare an explanation with what a server read."""
    request = explained.request
    assert read.method == explained.method == request.method
    assert read.target == request.target
    assert [one.name for one in explained.query] == [name for name, _ in read.query]
    fields = sorted((name.lower(), value) for name, value in read.headers.items())
    names = sorted(one.name.lower() for one in explained.headers)
    assert names == [name for name, _ in fields]
    carried = dict(fields)
    made_anew = {"x-left"}
    if "boundary=" in carried.get("content-type", ""):
        made_anew.add("content-type")
    if str(sources(explained.headers).get("Idempotency-Key")) == "retry":
        made_anew.add("idempotency-key")
    for one in explained.headers:
        name = one.name.lower()
        if name in made_anew or one.value == "known when it is sent":
            continue
        if one.value != "***":
            assert one.value in read.headers.getall(name)
        if name in request.headers:
            assert request.headers.getall(name) == read.headers.getall(name)
    if explained.body is not None and explained.body.length is not None:
        assert explained.body.length == len(read.body)
    if isinstance(request.body, bytes):
        assert request.body == read.body
    if explained.body is None:
        assert read.body == b""


async def test_what_an_endpoint_explains_is_what_it_sends(kind: Kind, server: Server) -> None:
    """Paths, queries, fields, cookies and bodies by arguments."""
    client = api(kind, server.url, bearer_token="t", parameters={"page": None})
    client.cookie_jar.restore(
        json.dumps(
            {
                "version": 1,
                "cookies": [
                    {"name": "sid", "value": "1", "domain": "127.0.0.1"},
                ],
            }
        )
    )
    calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
        (client.user, (1,), {}),
        (client.search, ("a b&c",), {"sort": Sort.NAME, "theme": "x", "mark": "y"}),
        (client.create, (NewUser(name="a"),), {"dry": True, "headers": {"Accept": "a/b"}}),
        (client.pair, (), {"first": NewUser(name="a"), "second": 2}),
        (client.raw, ("a/b", b"123"), {}),
        (client.issues.one, (4,), {"state": False}),
    ]
    for bound, args, named in calls:
        explained: Explanation = bound.explain(*args, **named)
        with contextlib.suppress(HTTPError):
            await kind.call(bound, *args, **named)
        compare(explained, server.log[-1])
    first = client.posts.explain()
    items = client.posts()
    with contextlib.suppress(FrameworkException):
        if kind.is_async:
            await anext(items)
        else:
            await kind.call(next, items)
    compare(first, server.log[-1])


async def test_cookies_of_servers_are_told_apart(kind: Kind, server: Server) -> None:
    """Those of a jar, those of client and call, and a field given by hand."""
    client = api(kind, server.at("localhost"), cookies={"own": "1"})
    await kind.call(client.get, "/set-cookie?theirs=2", parameters={"page": None})
    explained = client.explain("GET", "/echo", cookies={"mine": "3"})
    assert sources(explained.cookies) == {
        "own": "instance",
        "mine": "call",
        "theirs": "cookie jar",
    }
    assert set(shown(explained.cookies).values()) == {"***"}
    assert sources(explained.headers)["Cookie"] == "cookies"
    await kind.call(client.get, "/echo", cookies={"mine": "3"})
    compare(explained, server.log[-1])
    by_hand = client.explain("GET", "/echo", headers={"Cookie": "a=1"})
    assert by_hand.cookies == ()
    assert sources(by_hand.headers)["Cookie"] == "call"


async def test_what_is_computed_of_a_body_is_told(kind: Kind, server: Server) -> None:
    """The fields of checksums, and the hooks that compute them and draw a bar."""
    client = api(kind, server.url)
    sums = ["sha-256", Checksum("sha-512"), "md5"]
    options: dict[str, Any] = {"checksum": sums, "data": b"123", "hooks": [Signed()]}
    explained = client.explain("POST", "/echo", **options)
    assert sources(explained.headers)["Repr-Digest"] == "call: checksum"
    assert shown(explained.headers)["Content-MD5"] == "known when it is sent"
    assert explained.settings["checksum"].text.startswith("sha-256 in Repr-Digest, ")
    assert sources(explained.hooks) == {
        "Seen": f"class {type(client).__name__}",
        "Signed": "call",
        "ChecksumHook": "call",
    }
    await kind.call(client.post, "/echo", **options)
    compare(explained, server.log[-1])
    given = client.explain("POST", "/echo", data=b"1", checksum="md5", headers={"Content-MD5": "x"})
    assert sources(given.headers)["Content-MD5"] == "call: checksum"
    none = client.explain("GET", "/echo", checksum="md5", progress=True)
    assert [one.name for one in none.hooks] == ["Seen"]
    assert "Content-MD5" not in shown(none.headers)
    bar = client.explain("POST", "/", data=b"1", progress="sending")
    assert [one.name for one in bar.hooks] == ["Seen", "ProgressHook"]


# Nothing is done


class Never(Auth):
    """May not be asked."""

    def flow(self, request: BuiltRequest) -> Any:
        """Fail."""
        raise AssertionError("an Auth was asked")


class Unread(io.BytesIO):
    """A file that may not be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Fail."""
        raise AssertionError("a file was read")


async def test_nothing_is_sent_taken_or_asked_for(kind: Kind, server: Server) -> None:
    """Slots, tokens, keys, cookies, circuits and connections stay as they are."""
    limits = [RateLimit(2, per=60), RateLimit(2, per=60, by="endpoint")]
    client = api(
        kind,
        server.url,
        rate_limit=limits,
        circuit_breaker=CircuitBreaker(),
        concurrency=AdaptiveConcurrency(),
        auth=Never(),
    )
    jar = client.cookie_jar.shelves
    for _ in range(5):
        explained = client.explain("user", 1)
        assert explained.wait == 0
        assert [limit.wait for limit in explained.limits] == [0, 0]
        assert client.forecast() == 0
    assert server.log == []
    assert client.cookie_jar.shelves is jar
    assert limits[1]._windows == {}
    assert client._controls.look_up(server.url) == (None, None)
    assert client._transport is None
    numbered = api(kind, server.url, rate_limit=1, rate_limit_interval=60)
    for _ in range(3):
        assert numbered.explain("user", 1).wait == 0
    pool = CredentialPool(["key-one"], header="X-Key", rate_limit=1, rate_limit_interval=60)
    keyed = api(kind, server.url, credentials=pool)
    for _ in range(3):
        assert keyed.explain("user", 1).wait == 0


async def test_bodies_are_neither_read_nor_moved(kind: Kind, tmp_path: Path) -> None:
    """Open files stay where they are, iterators are not begun, and callbacks not called."""
    client = api(kind)
    file = Unread(b"0123456789")
    file.seek(3)
    told: list[Any] = []

    def pieces() -> Iterator[bytes]:
        told.append("begun")
        yield b"1"

    def progress(sent: int, total: int | None) -> None:
        told.append(sent)

    explained = client.explain("POST", "/", data=file, on_progress=progress)
    assert file.tell() == 3
    assert explained.body is not None
    assert (explained.body.kind, explained.body.length, explained.body.replayable) == (
        "file",
        7,
        True,
    )
    explained = client.explain("POST", "/", data=pieces())
    assert explained.body is not None
    assert (explained.body.kind, explained.body.length, explained.body.replayable) == (
        "iterator",
        None,
        False,
    )
    assert shown(explained.headers)["Transfer-Encoding"] == "chunked"
    assert explained.settings["retry"].text.startswith("sent once: the body can be read once")
    path = tmp_path / "report.txt"
    path.write_bytes(b"12345")
    for options in ({"data": ("n", path)}, {"files": {"f": file}, "data": {"a": 1}}):
        found = client.explain("POST", "/", **options).body
        assert found is not None
    assert found.structure == {"a": "***", "f": "***"}
    assert file.tell() == 3
    assert told == []


class Numbers(BaseModel):
    """A body that pydantic reads item by item."""

    numbers: Iterable[int]


class Listed(BaseModel):
    """A body that pydantic reads at once."""

    numbers: list[int]


class Bodies(SubClient, name="bodies"):
    """Bodies that can be read once."""

    @shared
    @endpoint.post("/echo")
    def listed(self, body: list[int], kind: Literal["a"] = "a") -> Any:
        """Send a list."""

    @shared
    @endpoint.post("/echo", validate=False)
    def unchecked(self, body: Any) -> Any:
        """Send anything."""

    @shared
    @endpoint.post("/echo")
    def model(self, body: Listed) -> Any:
        """Send a model."""

    @shared
    @endpoint.post("/echo")
    def embedded(
        self,
        numbers: Annotated[list[int], Body(embed=True)],
        also: Annotated[int, Body(embed=True)],
    ) -> Any:
        """Send one of two names."""


async def test_an_iterator_in_json_is_left_for_the_call(kind: Kind, server: Server) -> None:
    """What it holds is not known, and sent later."""
    client = api(kind, server.url)
    client.add_subclient(Bodies())
    bodies = client.bodies
    fields = {"numbers": iter([1, 2])}
    model = Numbers(numbers=iter([1, 2]))
    lazy: Any = (one for one in (1, 2))
    inner: Any = {"numbers": (one for one in (1, 2))}
    calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = [
        (client, ("POST", "/echo"), {"body": iter([1, 2])}, [1, 2]),
        (client, ("POST", "/echo"), {"body": fields, "compress": "gzip"}, {"numbers": [1, 2]}),
        (client, ("POST", "/echo"), {"body": model}, {"numbers": [1, 2]}),
        (bodies.listed, (lazy,), {"kind": "a"}, [1, 2]),
        (bodies.unchecked, (iter([1, 2]),), {}, [1, 2]),
        (bodies.model, (inner,), {}, {"numbers": [1, 2]}),
        (
            bodies.embedded,
            (),
            {"numbers": iter([1, 2]), "also": "3"},
            {"numbers": [1, 2], "also": 3},
        ),
    ]
    for bound, args, named, sent in calls:
        explained: Explanation = bound.explain(*args, **named)
        for _ in range(2):
            explained = bound.explain(*args, **named)
            assert explained.body is not None
            assert (explained.body.kind, explained.body.structure) == ("JSON", None)
            assert (explained.body.length, explained.body.media_type) == (None, "application/json")
            assert shown(explained.headers)["Content-Length"] == "known when it is sent"
            body = explained.request.body
            assert not isinstance(body, bytes | None)
            with pytest.raises(ConfigurationError, match="read no iterator"):
                next(iter(body.chunks()))
        assert server.log == []
        await kind.call(client.request if bound is client else bound, *args, **named)
        read = server.log.pop()
        coding = read.headers.get("Content-Encoding")
        assert shown(explained.headers).get("Content-Encoding") == coding
        assert json.loads(gzip.decompress(read.body) if coding else read.body) == sent


async def test_a_file_is_no_json(kind: Kind) -> None:
    """As a call says it."""
    with pytest.raises(ConfigurationError, match="is made JSON, which a BytesIO is not"):
        api(kind).explain("POST", "/", body=io.BytesIO(b"1"))


async def test_a_key_of_a_retry_and_the_time_left_are_told(kind: Kind) -> None:
    """What a call adds when it begins."""
    client = api(kind, retry=Retry(idempotency_keys=True), deadline_header="X-Left")
    explained = client.explain("POST", "/", compress="gzip", body={"a": "b" * 10_000})
    told = sources(explained.headers)
    assert told["Idempotency-Key"] == "retry"
    assert told["X-Left"] == "instance: deadline_header"
    assert told["Content-Encoding"] == "call"
    assert explained.body is not None
    assert explained.body.structure == {"a": "***"}
    large = client.explain("POST", "/", compress="gzip", body={"a": "b" * 2**20})
    assert shown(large.headers)["Content-Length"] == "known when it is sent"
    own = client.explain("POST", "/", idempotency_key="1", deadline_header="X-Rest")
    assert sources(own.headers)["Idempotency-Key"] == "call: idempotency_key"
    assert sources(own.headers)["X-Rest"] == "call: deadline_header"
    given = client.explain("POST", "/", headers={"Idempotency-Key": "1"})
    assert sources(given.headers)["Idempotency-Key"] == "call"
    closing = api(kind, pool=Pool(keepalive=0)).explain("GET", "/")
    assert shown(closing.headers)["Connection"] == "close"
    typed = api(kind, headers={"Content-Type": "a/b"}).explain("POST", "/", data=b"1")
    assert sources(typed.headers)["Content-Type"] == "instance"
    assert sources(client.explain("POST", "/", data=b"1").headers)["Content-Type"] == "body"


async def test_a_budget_bounds_what_is_explained(kind: Kind) -> None:
    """As it bounds the call."""
    client = api(kind, deadline_header="X-Left-Ms")
    with client.budget(seconds=2):
        assert 0 < int(client.explain("GET", "/").request.headers["X-Left-Ms"]) <= 2000


# Limits


async def test_limits_are_told_with_their_buckets(kind: Kind, server: Server) -> None:
    """Each that applies: what it counts, and in how many seconds there is a slot."""
    limits = [
        RateLimit(1, per=60, by="endpoint"),
        RateLimit(5, per=60, only=["/never"]),
        RateLimit(100, per=1, by=lambda request: request.headers["X-Team"]),
        RateLimit(100, per=1, by=lambda request: request.headers["X-None"]),
        RateLimit(9, per=1, cost=lambda request: 3),
    ]
    client = api(kind, server.url, rate_limit=limits)
    before = client.explain("GET", "/echo")
    assert [(one.limit, one.bucket, one.cost) for one in before.limits] == [
        (1, "GET /echo", 1),
        (100, "***", 1),
        (100, "***", 1),
        (9, "client", 3),
    ]
    assert [one.wait for one in before.limits] == [0, 0, None, 0]
    assert before.wait is None
    assert {str(one.source) for one in before.limits} == {"instance"}
    client = api(kind, server.url, rate_limit=limits[:2])
    await kind.call(client.get, "/echo")
    after = client.explain("GET", "/echo")
    assert after.wait is not None
    assert 0 < after.wait <= 60
    assert after.limits[0].wait == pytest.approx(after.wait, abs=1)
    assert client.explain("GET", "/other").wait == 0
    assert client.explain("GET", "/other", cost=2).wait == math.inf
    assert "never free" in str(client.explain("GET", "/other", cost=2))
    assert client.explain("GET", "/other", cost=2).as_dict()["wait"] == "never"


async def test_what_a_limit_does_to_a_request_changes_nothing(kind: Kind) -> None:
    """It is asked about a request of its own."""

    def spoil(request: BuiltRequest) -> str:
        request.headers["X-Team"] = "spoiled"
        return "all"

    limits = [RateLimit(1, by=spoil), RateLimit(1, by=lambda one: one.headers["X-Team"])]
    explained = api(kind, rate_limit=limits).explain("GET", "/")
    assert explained.request.headers["X-Team"] == "a"


async def test_a_number_as_limit_is_told(kind: Kind, server: Server) -> None:
    """Where it comes from, and the wait for the next slot."""
    client = api(kind, server.url, rate_limit=1, rate_limit_interval=60)
    await kind.call(client.get, "/echo")
    explained = client.explain("GET", "/echo")
    [limit] = explained.limits
    assert (limit.limit, limit.per, limit.bucket, str(limit.source)) == (
        1,
        60,
        "client",
        "instance",
    )
    assert explained.wait == pytest.approx(client.forecast(), abs=1)
    assert client.explain("GET", "/echo", cost=2).limits[0].wait == math.inf


async def test_the_wait_for_a_shared_limit_is_not_known(kind: Kind) -> None:
    """Only Redis knows, which is not asked."""
    limit = RateLimit(1, share=RedisShare("redis://127.0.0.1:1", name="api"))
    explained = api(kind, rate_limit=limit).explain("GET", "/")
    assert explained.wait is None
    assert explained.limits[0].wait is None
    assert "when it is free is not known here" in str(explained)
    assert "expected wait" in str(explained)


async def test_circuit_and_concurrency_are_told(kind: Kind, server: Server) -> None:
    """As they are before the first call, and as they have become."""
    client = api(
        kind,
        server.url,
        retry=None,
        circuit_breaker=CircuitBreaker(minimum_calls=1),
        concurrency=AdaptiveConcurrency(start=7),
    )
    explained = client.explain("GET", "/echo")
    assert explained.circuit is not None
    assert explained.concurrency is not None
    assert (explained.circuit.state, explained.circuit.retry_after) == ("closed", None)
    assert (explained.concurrency.limit, explained.concurrency.in_flight) == (7, 0)
    assert str(explained.concurrency.source) == str(explained.circuit.source) == "instance"
    with pytest.raises(HTTPError):
        await kind.call(client.get, "/status/503")
    explained = client.explain("GET", "/echo")
    assert explained.circuit is not None
    assert explained.circuit.state == "open"
    assert "open for" in str(explained)
    assert "calls in flight" in str(explained)
    assert api(kind, rate_limit=[RateLimit(1)]).explain("GET", "/").circuit is None


async def test_a_pause_and_resting_keys_are_waited_for(kind: Kind, server: Server) -> None:
    """What a server asked for is a wait too."""
    client = api(kind, server.url)
    client._origins.pause(server.url, 50)
    wait = client.explain("GET", "/echo").wait
    assert wait is not None
    assert 0 < wait <= 50
    pool = CredentialPool(["key-one"], header="X-Key")
    keyed = api(kind, server.url, credentials=pool)
    keyed.credentials.revoke(0)
    assert keyed.explain("GET", "/echo").wait == math.inf
    assert keyed.explain("GET", "http://other.test/", foreign=True).wait == 0


# Credentials


AUTHS: dict[str, tuple[Any, str | None]] = {
    "basic": (BasicAuth("ann", CANARY), "header Authorization"),
    "header": (ApiKeyAuth(CANARY, name="X-Key"), "header X-Key"),
    "query": (ApiKeyAuth(CANARY, name="sig", location="query"), "query sig"),
    "cookie": (ApiKeyAuth(CANARY, name="sid", location="cookie"), "cookie sid"),
}


@pytest.mark.parametrize("by", ["client", "call", "scheme"])
@pytest.mark.parametrize("name", AUTHS)
async def test_an_auth_is_told_by_its_place(kind: Kind, server: Server, name: str, by: str) -> None:
    """Its kind and its place, where it comes from, and nothing of the secret."""
    auth, place = AUTHS[name]
    options: dict[str, Any] = {"auth": auth} if by == "client" else {}
    call: dict[str, Any] = {"auth": auth} if by == "call" else {}
    client = api(kind, server.at("localhost"), security_schemes={"one": BearerScheme()}, **options)
    if by == "scheme":
        client.authenticate(one=auth)
        call = {"security": [{"one"}]}
    explained = client.explain("GET", "/echo", **call)
    [found] = explained.auth
    scheme = "BearerScheme" if by == "scheme" else type(auth).__name__
    assert (found.scheme, found.place, found.missing) == (scheme, place, None)
    assert found.requirement == (("one",) if by == "scheme" else ())
    told = {"client": "instance", "call": "call", "scheme": "authenticate one"}
    assert str(found.source) == told[by]
    tells_nothing(explained)
    await kind.call(client.get, "/echo", **call)
    read = server.log[-1]
    assert [one.name for one in explained.query] == [one for one, _ in read.query]
    names = sorted(one.lower() for one in read.headers)
    assert names == sorted(one.name.lower() for one in explained.headers)
    kinds = {str(one.source) for one in (*explained.headers, *explained.query)}
    assert f"auth {scheme}" in kinds
    other = client.explain("GET", "http://other.test/", foreign=True)
    assert other.auth == ()
    if place == "header X-Key":
        given = client.explain("GET", "/echo", **{**call, "headers": {"X-Key": CANARY}})
        assert given.auth == ()
        tells_nothing(given)


async def test_a_key_takes_the_place_of_its_name(kind: Kind) -> None:
    """As it does when it is sent."""
    query, cookie = AUTHS["query"][0], AUTHS["cookie"][0]
    client = api(kind, auth=query, cookies={"sid": CANARY})
    explained = client.explain("GET", "/?sig=1&page=2")
    assert sources(explained.query) == {"page": "call", "sig": "auth ApiKeyAuth"}
    assert explained.url == "http://api.test/v1/?page=2&sig=***"
    explained = client.explain("GET", "/", auth=cookie)
    assert sources(explained.cookies) == {"sid": "auth ApiKeyAuth"}


async def test_the_place_of_an_auth_may_be_known_to_it_alone(kind: Kind) -> None:
    """Where it names no field."""

    class Nowhere(Auth):
        header = None

    [found] = api(kind, auth=Nowhere()).explain("GET", "/").auth
    assert (found.scheme, found.place) == ("Nowhere", None)


async def test_an_auth_of_the_call_stands_for_no_scheme(kind: Kind) -> None:
    """Even where it is the one that was given for one."""
    auth = BasicAuth("ann", CANARY)
    client = api(kind, security_schemes={"one": BearerScheme()}, security=[{"one"}])
    client.authenticate(one=auth)
    [found] = client.explain("GET", "/", auth=auth).auth
    assert (found.scheme, found.requirement, str(found.source)) == ("BasicAuth", (), "call")


async def test_requirements_that_are_not_met_are_told(kind: Kind) -> None:
    """Which schemes are missing, as the call would say it."""
    schemes = {"user": BearerScheme(), "key": ApiKeyScheme("X-Key")}
    client = api(kind, security_schemes=schemes, security=[{"user", "key"}])
    [found] = client.explain("GET", "/").auth
    assert found.scheme == "none"
    assert found.missing is not None
    assert "'key' and 'user'" in found.missing
    assert str(found.source) == "instance"
    client.authenticate(user=CANARY, key=CANARY)
    explained = client.explain("GET", "/")
    assert {one.place for one in explained.auth} == {"header Authorization", "header X-Key"}
    assert {(one.scheme, one.requirement, str(one.source)) for one in explained.auth} == {
        ("BearerScheme", ("user",), "authenticate user"),
        ("ApiKeyScheme", ("key",), "authenticate key"),
    }
    assert sources(explained.headers)["Authorization"] == "auth BearerScheme"
    assert "header X-Key, for key" in str(explained)
    tells_nothing(explained)
    [found] = client.explain("GET", "/", headers={"X-Key": "mine"}).auth
    assert found.requirement == ("user",)
    assert client.explain("GET", "/", security=None).auth == ()


async def test_a_certificate_is_told(kind: Kind, certificate: Certificate) -> None:
    """As what the connection shows."""
    schemes = {"cert": MutualTLSScheme()}
    client = api(kind, security_schemes=schemes, security=[{"cert"}])
    client.authenticate(cert=(certificate.chain, certificate.key))
    [found] = client.explain("GET", "/").auth
    assert (found.scheme, found.place, found.requirement) == (
        "MutualTLSScheme",
        "connection",
        ("cert",),
    )
    assert str(found.source) == "authenticate cert"


async def test_keys_of_a_pool_and_tokens_are_told(kind: Kind) -> None:
    """As long as the call carries them."""
    pool = CredentialPool([CANARY], header="X-Key")
    client = api(kind, credentials=pool)
    explained = client.explain("GET", "/")
    assert [(one.scheme, one.place) for one in explained.auth] == [
        ("CredentialPool", "header X-Key")
    ]
    assert sources(explained.headers)["X-Key"] == "credentials CredentialPool"
    tells_nothing(explained)
    client = api(kind, bearer_token=CANARY)
    explained = client.explain("GET", "/")
    assert explained.auth[0].scheme == "bearer_token"
    tells_nothing(explained)
    assert client.explain("GET", "/", headers={"Authorization": "x"}).auth == ()
    assert client.explain("GET", "/", auth=None).auth == ()


async def test_no_secret_is_told_of_any_place(kind: Kind) -> None:
    """Headers, cookies, queries, paths, bodies, arguments and functions of limits."""
    client = api(
        kind,
        headers={"X-Key": CANARY},
        cookies={"sid": CANARY},
        parameters={"sig": CANARY},
        rate_limit=[RateLimit(1, by=lambda request: request.headers["X-Key"])],
    )
    explanations = [
        client.explain("GET", f"/?q={CANARY}&page={CANARY};x", headers={"X-Other": CANARY}),
        client.explain("POST", "/", body={"password": CANARY, "list": [CANARY, {"a": CANARY}]}),
        client.explain("POST", "/", data={"password": CANARY}),
        client.explain("POST", "/", data=CANARY),
        client.explain("POST", "/", files={"f": (None, CANARY.encode())}),
        client.explain("GET", "/x/{key}", path_parameters={"key": SecretStr(CANARY)}),
        client.explain("GET", "/bot{token}/me", path_parameters={"token": CANARY}),
        client.explain("search", CANARY, mark=CANARY, theme=CANARY),
        client.explain("create", NewUser(name=CANARY, password=CANARY)),
        client.explain("raw", "n", CANARY.encode()),
    ]
    for explained in explanations:
        tells_nothing(explained)
    assert explanations[5].url.startswith("http://api.test/v1/x/***?")
    assert explanations[6].url.startswith("http://api.test/v1/bot***/me?")
    foreign = client.explain(
        "GET", "http://o.test/{token}", path_parameters={"token": CANARY}, foreign=True
    )
    assert foreign.url == "http://o.test/***"
    tells_nothing(foreign)


async def test_what_can_be_no_secret_is_shown(kind: Kind) -> None:
    """Safe names, and arguments whose values are all written down in code."""
    client = api(kind)
    explained = client.explain("search", "cats", per_page=7, sort="name", number=5)
    assert shown(explained.query) == {
        "page": "1",
        "fixed": "***",
        "q": "***",
        "per_page": "7",
        "sort": "name",
        "by": "up",
        "number": "***",
    }
    assert shown(explained.headers)["mode"] == "fast"
    assert shown(explained.headers)["X-Trace"] == "***"
    body = client.explain("create", NewUser(name="a", tags=list("abcde"), admin=True)).body
    assert body is not None
    assert body.structure == {
        "name": "***",
        "tags": ["***", "***", "***", "... and 2 more"],
        "admin": True,
    }


async def test_unchecked_arguments_are_not_shown(kind: Kind) -> None:
    """A value may then be anything, whatever its type says."""

    class Part(SubClient):
        @shared
        @endpoint.get("/", validate=False)
        def one(self, what: Literal["a"]) -> Any:
            """Return one."""

    client = api(kind)
    client.add_subclient(Part())
    value: Any = CANARY
    tells_nothing(client.explain("Part.one", value))


@pytest.mark.parametrize(
    ("annotation", "closed"),
    [
        (bool, True),
        (bool | None, True),
        (None, True),
        (list[Literal["a"]], True),
        (tuple[Sort, ...], True),
        (Annotated[bool, "x"], True),
        (Annotated[int, Ge(0), Lt(1000)], True),
        (Annotated[int, Field(gt=-5, le=5)], True),
        (Annotated[int, Interval(ge=0, le=9)], True),
        (Annotated[int, Lt(1000)], False),
        (Annotated[int, Ge(-1001), Le(1)], False),
        (Annotated[int, Ge(0), Le(date(2000, 1, 1))], False),
        (Annotated[int, Ge(0), Le(math.nan)], False),
        (Annotated[int, Ge(0), Le(9), AfterValidator(abs)], False),
        (Annotated[bool, AfterValidator(str)], False),
        (Annotated[bool, BeforeValidator(str)], False),
        (Annotated[list[bool], WrapValidator(lambda value, check: value)], False),
        (Annotated[bool, Field(default_factory=bool)], False),
        (Annotated[bool, Field(strict=True)], True),
        (Loose, False),
        (Parsed, False),
        (Bits, False),
        (Annotated[int, Le(1001)], False),
        (Annotated[int, Gt(1)], False),
        (Annotated[str, Le(1)], False),
        (str | bool, False),
        (Any, False),
        (int, False),
    ],
)
def test_which_types_have_all_their_values_in_code(annotation: Any, closed: bool) -> None:
    """A bound that is declared keeps a number small."""
    assert is_closed(annotation) is closed


# Bodies


async def test_bodies_are_told_by_their_shape(kind: Kind) -> None:
    """Kind, type, length, names and where they come from."""
    client = api(kind)
    cases: list[tuple[dict[str, Any], str, Any]] = [
        ({"body": None}, "", None),
        ({"body": [1, "a", None]}, "JSON", ["***", "***", None]),
        ({"data": {"a": 1}}, "form", {"a": "***"}),
        ({"data": [("a", 1), ("b", 2)]}, "form", {"a": "***", "b": "***"}),
        ({"data": "text"}, "text", None),
        ({"data": b"1"}, "bytes", None),
        ({"data": [b"1"]}, "bytes", None),
        ({"data": {"f": io.BytesIO(b"1")}}, "multipart", {"f": "***"}),
    ]
    for options, what, structure in cases:
        found = client.explain("POST", "/", **options).body
        assert (found is None) is (what == "")
        if found is not None:
            assert (found.kind, found.structure) == (what, structure)
            assert str(found.source) == "call"
    found = client.explain("POST", "/", body={"a": 1}, on_progress=print).body
    assert found is not None
    assert found.structure == {"a": "***"}
    found = client.explain("pair", {"name": "a"}, 2).body
    assert found is not None
    assert found.structure == {"first": {"name": "***"}, "second": "***"}
    assert sources(found.fields) == {"first": "argument first", "second": "argument second"}
    assert str(client.explain("create", {"name": "a"}).body.source) == "argument user"
    assert "argument second" in str(client.explain("pair", {"name": "a"}, 2))


async def test_forms_are_told_by_their_fields(kind: Kind, server: Server) -> None:
    """Each with the argument that gave it, and none of the values."""
    forms = pytest.importorskip("arya_api_framework.forms")

    class Forms(SubClient, name="forms"):
        @shared
        @endpoint.post("/echo")
        def attach(
            self,
            title: Annotated[str, Form],
            size: Annotated[int, Form],
            file: Annotated[Any, File],
        ) -> None: ...

    client = api(kind, server.url)
    client.add_subclient(Forms())
    given = (CANARY, 7, ("n.txt", CANARY.encode()))
    explained = client.explain("forms.attach", *given)
    tells_nothing(explained)
    assert explained.body is not None
    assert (explained.body.kind, explained.body.structure) == (
        "multipart",
        {"title": "***", "size": "***", "file": "***"},
    )
    assert sources(explained.body.fields) == {
        "title": "argument title",
        "size": "argument size",
        "file": "argument file",
    }
    await kind.call(client.forms.attach, *given)
    compare(explained, server.log[-1])
    by_hand = client.explain("POST", "/", data=forms.Form({"a": CANARY, "b": [1, 2]}))
    assert by_hand.body is not None
    assert (by_hand.body.kind, by_hand.body.structure) == ("form", {"a": "***", "b": "***"})
    tells_nothing(by_hand)


# Names and values


async def test_an_endpoint_may_be_called_like_a_method(kind: Kind) -> None:
    """What the class declares goes first; an `HTTPMethod` is always one."""

    class Part(SubClient, name="part"):
        @shared
        @endpoint.get("/me")
        def ME(self) -> None: ...  # noqa: N802

        @shared
        @endpoint.get("/got")
        def GET(self) -> None: ...  # noqa: N802

    client = api(kind)
    client.add_subclient(Part())
    assert client.part.explain("ME").endpoint == "Part.ME"
    assert client.explain("part.GET").endpoint == "Part.GET"
    assert client.part.explain("GET").endpoint == "Part.GET"
    assert client.part.explain(HTTPMethod.GET, "/x").endpoint is None
    assert client.explain("ME").method == "ME"


async def test_an_explanation_is_a_value_that_is_kept_to_oneself(kind: Kind) -> None:
    """Equal to another one, and copied, but neither hashed nor pickled."""
    client = api(kind, bearer_token=CANARY)
    explained = client.explain("user", 1)
    assert explained == client.user.explain(1)
    for copied in (copy.copy(explained), copy.deepcopy(explained)):
        assert copied == explained
        assert copied.request is not explained.request
        assert copied.request.headers == explained.request.headers
    with pytest.raises(TypeError, match="unhashable type: 'Explanation'"):
        hash(explained)
    with pytest.raises(TypeError, match=r"cannot be pickled; `as_dict\(\)` is plain data"):
        pickle.dumps(explained)


# Mistakes


async def test_mistakes_are_told(kind: Kind) -> None:
    """What there is no endpoint of, and what a call would refuse, too."""
    client = api(kind)
    cases: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        (("usr",), {}, "declares no endpoint 'usr'; did you mean 'user'?"),
        (("issue.one",), {}, "has no sub-client 'issue'; did you mean 'issues'?"),
        (("issues.won",), {}, "declares no endpoint 'won'; did you mean 'one'?"),
        (("get", "/"), {}, "declares no endpoint 'get'|is written by hand.*explain\\('GET'"),
        (("by_hand",), {}, "by_hand is written by hand, and only its calls know"),
        ((1,), {}, "takes the name of an endpoint.*got int"),
        (("GET", "/", "/"), {}, "takes a method and one path, got 2 positional"),
        (("GET", "/"), {"tiemout": 1}, "unknown option 'tiemout'; did you mean 'timeout'?"),
        (("user",), {"idd": 1}, "unknown argument 'idd'"),
        (("user", "x"), {}, "endpoint .*user: id: "),
        (("CONNECT", "/"), {}, "asks a proxy for a tunnel"),
    ]
    for args, named, text in cases:
        with pytest.raises(ConfigurationError, match=text.replace("?", "[?]")):
            client.explain(*args, **named)
    assert client.explain(HTTPMethod.POST, "/").method == "POST"
    assert client.explain("PURGE").url == "http://api.test/v1?page=1"
    await kind.call(client.close)
    with pytest.raises(ClientClosedError):
        client.explain("user", 1)


# The table


async def test_the_table_is_aligned_and_at_most_100_columns_wide(kind: Kind) -> None:
    """Whatever is in it; each value stands with its source."""
    client = api(
        kind,
        headers={"Accept": "text/" + "x" * 200},
        hedge=Hedge(),
        json_content_types=("a/b", "c/d"),
        max_response_size=1024 * 1024,
        deadline=1.5,
    )
    explained = client.explain("GET", "/" + "long/" * 60, cost=2, parameters={"q" * 40: 1})
    lines = str(explained).splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line == line.rstrip() for line in lines)
    text = str(explained)
    assert "none, as the call is hedged" in text
    assert "a/b, c/d" in text
    assert "1 MiB" in text
    assert "1.5 s" in text
    assert repr(explained).startswith("<Explanation GET http://api.test/v1/long/")
    posts = str(client.explain("posts", hedge=None))
    assert "Pages" in posts
    assert "max_items 7" in posts
    once = client.explain("POST", "/", data=iter([b""]), hedge=None, retry=Retry())
    assert "can be sent once" in str(once)
    assert "length not known" in str(once)


def test_the_table_as_a_whole() -> None:
    """Sections, names, values and sources, each in a column of its own."""
    fields = {"User-Agent": "api/1", "Accept-Encoding": "gzip"}
    with SyncAPI(headers=fields, rate_limit=RateLimit(10, by="origin")) as client:
        text = str(client.explain("create", NewUser(name="a"), dry=True))
    assert text == TABLE.strip("\n")


TABLE = """
POST http://api.test/v1/users?page=1&dry=true

Endpoint                    Methods.create

Path      uri               http://api.test/v1                               parent class SyncBase
          path              /users                                           endpoint Methods.create

Query     page              1                                                class SyncAPI
          dry               true                                             argument dry

Headers   Host              api.test                                         connection
          Accept            application/json, */*;q=0.5                      default
          X-Team            ***                                              parent class SyncBase
          X-App             ***                                              class SyncAPI
          User-Agent        api/1                                            instance
          Accept-Encoding   gzip                                             instance
          Content-Type      application/json                                 body
          Content-Length    12                                               connection

Body      JSON              12 bytes                                         argument user
                            {"name": "***"}

Options   timeout           total 20 s, connect 30 s                         parent class SyncBase
          retry             sent once                                        endpoint Methods.create
          follow_redirects  safe                                             default

Limits    rate limit        10 in 1 s for http://api.test, free in 0 s       instance
          expected wait     0 s

Hooks     Seen              before_call                                      class SyncAPI

Result    2XX               User                                             endpoint Methods.create
          404               Problem                                          class SyncAPI
          409               raises HTTPConflict                              endpoint Methods.create
"""


async def test_plain_data_is_what_json_has(kind: Kind) -> None:
    """All but the request."""
    data = api(kind, auth=AUTHS["basic"][0]).explain("create", NewUser(name="a")).as_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["headers"][0]["source"] == {"kind": "connection", "name": None, "option": None}
    assert "request" not in data
    assert data["settings"]["timeout"]["text"] == "total 20 s, connect 30 s"


def test_a_source_is_a_value() -> None:
    """Equal to another one of the same place, and its own text."""
    assert Source("class", "A") == Source("class", "A")
    assert str(Source("instance", option="bearer_token")) == "instance: bearer_token"
