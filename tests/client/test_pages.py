"""`pages` and `items`: lists that come in pages, on both clients."""

import asyncio
import json
import threading
from concurrent.futures import Future
from typing import Any, cast

import pytest
from annotated_types import Gt
from typing_extensions import override
from yarl import URL

from arya_api_framework import (
    BaseModel,
    Cursor,
    LinkHeader,
    NextURL,
    Offset,
    PageNumber,
    PaginatedResponse,
    Pagination,
    Response,
    Retry,
    SubClient,
)
from arya_api_framework.client.sync_page_tasks import SyncPageTask
from arya_api_framework.errors import (
    BodyNotReplayable,
    BudgetExhausted,
    ConfigurationError,
    HTTPNotFound,
    HTTPNotModified,
    PaginationError,
    ResponseParseError,
    ResponseValidationError,
)
from tests.app import Server
from tests.conftest import Kind, enter_wrongly
from tests.patience import PATIENCE
from tests.scripted import HANG, Held, Read, Scripted, Step, answer


class Thing(Response):
    """One item."""

    id: int


async def collect(kind: Kind, pages: Any) -> list[Any]:
    """Return all that is left."""
    if kind.is_async:
        return [one async for one in pages]
    found: list[Any] = await kind.call(list, pages)
    return found


async def one_of(kind: Kind, pages: Any) -> Any:
    """Return the next one."""
    return await kind.call(anext if kind.is_async else next, pages)


def page(value: Any, *fields: str) -> bytes:
    """Return a response with this as its JSON."""
    return answer(200, *fields, body=json.dumps(value).encode())


def things(*ids: int) -> list[dict[str, int]]:
    """Return items."""
    return [{"id": number} for number in ids]


def targets(server: Scripted) -> list[str]:
    """Return what was asked for."""
    return [read.target for read in server.log]


NEXT = 'Link: </v1/things?page={}>; rel="next"'


async def test_link_header(kind: Kind) -> None:
    """The next link is followed; it holds all but what the client sends with every request."""
    steps = page(things(1, 2), 'Link: <?page=2&q=%7Ba%7D>; rel="next"'), page(things(3))
    async with Scripted(*steps) as server:
        client = kind.client(server.url + "/v1", parameters={"key": "k"}, headers={"X-A": "b"})
        pages = client.pages(
            "/{name}",
            list[Thing],
            pagination=LinkHeader(),
            path_parameters={"name": "things"},
            parameters={"q": "{a}"},
            headers={"X-C": "d"},
        )
        assert server.log == []
        found = await collect(kind, pages)
        assert targets(server) == [
            "/v1/things?key=k&q=%7Ba%7D",
            "/v1/things?key=k&page=2&q=%7Ba%7D",
        ]
        assert [(read.headers["X-A"], read.headers["X-C"]) for read in server.log] == [
            ("b", "d")
        ] * 2
    assert [[one.id for one in some] for some in found] == [[1, 2], [3]]
    assert [some[0].model_response.url.query["key"] for some in found] == ["k", "k"]


async def test_items(kind: Kind) -> None:
    """Items are given one by one, and a page is asked for when it is its turn."""
    body = {"data": {"list": things(1, 2)}}
    async with Scripted(page(body, NEXT.format(2)), page({"data": {"list": things(3)}})) as server:
        client = kind.client(server.url)
        items = client.items("/v1/things", Thing, at="data.list", pagination=LinkHeader())
        first = await one_of(kind, items), await one_of(kind, items)
        assert [one.id for one in first] == [1, 2]
        assert targets(server) == ["/v1/things"]
        assert [one.id for one in await collect(kind, items)] == [3]
        assert await collect(kind, items) == []
        assert len(server.log) == 2
    assert first[0].model_response.status == 200


@pytest.mark.parametrize("name", ["items", "pages"])
async def test_read_in_the_wrong_way(kind: Kind, name: str) -> None:
    """`for`, `with` and their twins say which of them is meant."""
    found: Any = getattr(kind.client("http://127.0.0.1:9"), name)("/", pagination=LinkHeader())
    text = f"`{type(found).__name__}` is read in " + ("tasks" if kind.is_async else "threads")
    with pytest.raises(TypeError, match=text):
        iter(found) if kind.is_async else aiter(found)
    with pytest.raises(TypeError, match=text):
        await enter_wrongly(kind, found)


async def test_entered(kind: Kind) -> None:
    """Leaving the block breaks off what was asked for ahead."""
    async with Scripted(page([1], NEXT.format(2)), HANG) as server:
        items = kind.client(server.url).items("/", int, pagination=LinkHeader(), ahead=1)
        enter, leave = ("__aenter__", "__aexit__") if kind.is_async else ("__enter__", "__exit__")
        assert await kind.call(getattr(items, enter)) is items
        assert await one_of(kind, items) == 1
        await server.has_read(2)
        await kind.call(getattr(items, leave), None, None, None)
        await server.has_ended(server.connections[1])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"on_progress": print}, "'on_progress' tells how much .* `total` tells"),
        ({"progress": True}, "'progress' tells how much"),
        ({"raw": True}, "asks for each page with `get`"),
        ({"concurrency": 3}, "did you mean 'ahead'"),
    ],
)
async def test_options_without_effect(kind: Kind, options: dict[str, Any], text: str) -> None:
    """They are refused, and the error says what to use in their place."""
    client = kind.client("http://127.0.0.1:9")
    for name in ("items", "pages"):
        with pytest.raises(ConfigurationError, match=text):
            getattr(client, name)("/", pagination=LinkHeader(), **options)
    with pytest.raises(ConfigurationError, match="give the type as the second argument"):
        client.items("/", pagination=LinkHeader(), response_format=int)


async def test_progress_of_bodies(kind: Kind) -> None:
    """How much of a body is sent is told for each page."""
    told: list[tuple[int, int | None]] = []
    async with Scripted(page([1], NEXT.format(2)), page([])) as server:
        items = kind.client(server.url).items(
            "/",
            method="POST",
            body={},
            pagination=LinkHeader(),
            on_progress=lambda *done: told.append(done),
        )
        assert await collect(kind, items) == [1]
    assert told.count((2, 2)) == 2


async def test_its_text(kind: Kind) -> None:
    """It says what is asked for, and no secret."""
    client = kind.client("http://127.0.0.1:9")
    items = client.items("/things?key=s3cret", pagination=LinkHeader())
    assert repr(items) == f"<{type(items).__name__} of GET /things?key=***>"


async def test_names_with_dots(kind: Kind) -> None:
    """A name with a dot in it is found as it is, or as one with its dots escaped."""
    first = {"a.list": [1], "@odata.nextLink": "/next?page=2"}
    async with Scripted(page(first), page({"a.list": [2]})) as server:
        client = kind.client(server.url)
        items = client.items("/", at=r"a\.list", pagination=NextURL("@odata.nextLink"))
        assert await collect(kind, items) == [1, 2]
        assert targets(server) == ["/", "/next?page=2"]
    async with Scripted(page([1]), page([])) as server:
        client = kind.client(server.url)
        pagination = PageNumber(r"page\.number", send_in="body")
        items = client.items("/", method="POST", pagination=pagination, body={})
        assert await collect(kind, items) == [1]
        assert [json.loads(read.body) for read in server.log] == [
            {"page.number": 1},
            {"page.number": 2},
        ]


async def test_items_without_a_type(kind: Kind) -> None:
    """Items that nobody gave a type are what JSON has; an empty page is none that ends it."""
    async with Scripted(page([], NEXT.format(2)), page([1, "a", None])) as server:
        client = kind.client(server.url)
        assert await collect(kind, client.items("/", pagination=LinkHeader())) == [1, "a", None]
        assert [one async for one in _each(kind, client.pages("/", pagination=LinkHeader()))] == [
            {}
        ]


async def _each(kind: Kind, pages: Any) -> Any:
    for one in await collect(kind, pages):
        yield one


async def test_unhashable_types(kind: Kind) -> None:
    """A type that cannot be kept for the next time works as well."""
    from typing import Annotated

    kept = Annotated[int, Gt(0), []]
    async with Scripted(page({"a": [1]})) as server:
        items = kind.client(server.url).items("/", kept, at="a", pagination=LinkHeader())
        assert await collect(kind, items) == [1]


FOLLOWED = [
    (
        PageNumber(),
        [things(1), things(2), []],
        ["/?a=b&page=1", "/?a=b&page=2", "/?a=b&page=3"],
    ),
    (
        PageNumber("_page", start=0, size=2, size_parameter="_limit", total="total"),
        [{"data": things(1, 2), "total": 3}, {"data": things(3), "total": "x"}, {"data": []}],
        ["/?a=b&_page=0&_limit=2", "/?a=b&_page=1&_limit=2", "/?a=b&_page=2&_limit=2"],
    ),
    (
        PageNumber(total="total"),
        [{"data": things(1, 2), "total": 3}, {"data": things(3), "total": 3}],
        ["/?a=b&page=1", "/?a=b&page=2"],
    ),
    (
        PageNumber(start=5, total_pages="meta.pages"),
        [{"data": things(1), "meta": {"pages": 2}}, {"data": things(2), "meta": {"pages": 2}}],
        ["/?a=b&page=5", "/?a=b&page=6"],
    ),
    (
        PageNumber(total_pages="meta.pages"),
        [{"data": things(1), "meta": True}, {"data": things(2), "meta": {"pages": True}}, []],
        ["/?a=b&page=1", "/?a=b&page=2", "/?a=b&page=3"],
    ),
    (
        Offset(limit=3),
        [things(1, 2), things(3), []],
        ["/?a=b&offset=0&limit=3", "/?a=b&offset=2&limit=3", "/?a=b&offset=3&limit=3"],
    ),
    (
        Offset("skip", total="n"),
        [{"data": things(1, 2), "n": 3}, {"data": things(3), "n": 3}],
        ["/?a=b&skip=0", "/?a=b&skip=2"],
    ),
    (
        Cursor(),
        [
            {"data": things(1), "next_cursor": "x/y"},
            {"data": things(2), "next_cursor": 7},
            {"data": []},
        ],
        ["/?a=b", "/?a=b&cursor=x%2Fy", "/?a=b&cursor=7"],
    ),
    (
        Cursor("$skiptoken", at="@odata.next", more=r"meta.a\.b.more"),
        [
            {"data": things(1), "@odata.next": 5, "meta": {"a.b": {"more": True}}},
            {"data": things(2), "@odata": {"next": 6}, "meta": {"a": {"b": {"more": True}}}},
        ],
        ["/?a=b", "/?a=b&%24skiptoken=5"],
    ),
    (
        Cursor("after", at="meta.end", more="more"),
        [
            {"data": things(1), "more": True, "meta": {"end": 1}},
            {"data": things(2), "meta": {"end": 2}},
        ],
        ["/?a=b", "/?a=b&after=1"],
    ),
    (
        NextURL(),
        [{"data": things(1), "next": "/else?n=2"}, {"data": things(2), "next": ""}],
        ["/?a=b", "/else?n=2"],
    ),
    (
        NextURL("links.next"),
        [{"data": things(1), "links": {"next": "?n=2"}}, {"data": things(2)}],
        ["/?a=b", "/?n=2"],
    ),
    (
        lambda page: URL("?n=2") if page.count == 1 else None,
        [things(1), things(2, 3)],
        ["/?a=b", "/?n=2"],
    ),
    (
        lambda page: {"after": page.result[-1].id} if page.result else None,
        [things(1, 2), things(3), []],
        ["/?a=b", "/?a=b&after=2", "/?a=b&after=3"],
    ),
]


@pytest.mark.parametrize(("pagination", "bodies", "asked"), FOLLOWED)
async def test_strategies(kind: Kind, pagination: Any, bodies: list[Any], asked: list[str]) -> None:
    """Each strategy asks for the pages there are, and for no others."""
    at = "data" if isinstance(bodies[0], dict) else None
    bodies = [{"data": body} if at and isinstance(body, list) else body for body in bodies]
    for name in ("items", "pages"):
        async with Scripted(*map(page, bodies)) as server:
            target: Any = Thing if name == "items" else (Any if at else list[Thing])
            found = await collect(
                kind,
                getattr(kind.client(server.url), name)(
                    "/", target, at=at, pagination=pagination, parameters={"a": "b"}
                ),
            )
            assert targets(server) == asked
        assert len(found) == (
            len(bodies) if name == "pages" else sum("id" in str(one) for one in found)
        )


async def test_a_cursor_in_a_header(kind: Kind) -> None:
    """A cursor may stand in a header field."""
    async with Scripted(page([1], "X-Next: b"), page([2], "X-Next:")) as server:
        items = kind.client(server.url).items("/", int, pagination=Cursor("c", header="X-Next"))
        assert await collect(kind, items) == [1, 2]
        assert targets(server) == ["/", "/?c=b"]


async def test_parameters_of_the_call_are_laid_under(kind: Kind) -> None:
    """What a strategy sends goes before what the call, the path and the client say."""
    async with Scripted(page([1]), page([])) as server:
        client = kind.client(server.url, parameters={"page": 8, "key": "k"})
        items = client.items(
            "/?page=7&x=y", int, pagination=PageNumber(), parameters=[("page", 9), ("key", None)]
        )
        assert await collect(kind, items) == [1]
        assert targets(server) == ["/?x=y&page=1", "/?x=y&page=2"]


class People(PaginatedResponse):
    """A page that knows the next one."""

    people: list[Thing]
    more: str | None = None

    @override
    def is_paginating(self) -> bool:
        return self.more != "no"

    @override
    def next(self) -> str | None:
        return self.more

    @override
    def previous(self) -> None: ...

    @override
    def start(self) -> None: ...

    @override
    def end(self) -> None: ...


@pytest.mark.parametrize("last", [None, "no"])
async def test_models(kind: Kind, last: str | None) -> None:
    """A `PaginatedResponse` leads to the next page, as the format or as the strategy."""
    bodies = {"people": things(1), "more": "?n=2"}, {"people": things(2), "more": last}
    async with Scripted(*map(page, bodies * 2)) as server:
        client = kind.client(server.url)
        assert [one.people[0].id for one in await collect(kind, client.pages("/", People))] == [
            1,
            2,
        ]
        items = client.items("/", Thing, at="people", pagination=People)
        assert [one.id for one in await collect(kind, items)] == [1, 2]
        assert targets(server) == ["/", "/?n=2"] * 2


async def test_most(kind: Kind) -> None:
    """`max_pages` and `max_items` bound what is asked for and given."""
    async with Scripted(*[page([1, 2], NEXT.format(number)) for number in range(9)]) as server:
        client = kind.client(server.url)
        link = LinkHeader()
        assert await collect(kind, client.items("/", int, pagination=link, max_items=3)) == [
            1,
            2,
            1,
        ]
        assert await collect(kind, client.items("/", int, pagination=link, max_pages=1)) == [1, 2]
        assert await collect(kind, client.pages("/", pagination=link, max_pages=2)) == [[1, 2]] * 2
        assert len(server.log) == 5
        assert await collect(kind, client.items("/", int, pagination=link, max_items=2)) == [1, 2]
        assert await collect(kind, client.items("/", int, pagination=link, max_items=0)) == []
        assert await collect(kind, client.pages("/", pagination=link, max_pages=0)) == []
        assert len(server.log) == 6


@pytest.mark.parametrize("link", ["", "/v1/a", "/v1/a#x", "?", "HTTP://127.0.0.1:{port}/v1/a"])
async def test_a_page_that_leads_to_itself(kind: Kind, link: str) -> None:
    """It is given, and then an error, without a further request."""
    async with Scripted() as server:
        link = link.format(port=URL(server.url).port)
        server.script = [page([1], f"Link: <{link}>; rel=next")] * 3
        items = kind.client(server.url).items("/v1/a", int, pagination=LinkHeader())
        assert await one_of(kind, items) == 1
        with pytest.raises(PaginationError, match="one that came before") as caught:
            await one_of(kind, items)
        assert await collect(kind, items) == []
        assert len(server.log) == 1
    assert (caught.value.method, caught.value.url) == ("GET", server.url + "/v1/a")
    assert (caught.value.sent, caught.value.retryable) == ("yes", False)


async def test_circles(kind: Kind) -> None:
    """A circle is found however the URLs are written, and whatever the strategy."""
    steps = [page([1], f"Link: </b?x={x}>; rel=next") for x in ("{", "}", "{")]
    async with Scripted(*steps) as server:
        items = kind.client(server.url).items("/a", int, pagination=LinkHeader())
        with pytest.raises(PaginationError, match="came before"):
            await collect(kind, items)
        assert len(server.log) == 3
    async with Scripted(
        *[page({"a": [number], "next_cursor": "x"}) for number in range(5)]
    ) as server:
        items = kind.client(server.url).items("/a", int, at="a", pagination=Cursor())
        with pytest.raises(PaginationError, match="came before"):
            await collect(kind, items)
        assert len(server.log) == 2


async def test_a_server_that_knows_no_pages(kind: Kind) -> None:
    """The same page over and over is told from a list without end."""
    async with Scripted(*[page([1, 2])] * 5) as server:
        items = kind.client(server.url).items("/a", int, pagination=PageNumber())
        with pytest.raises(PaginationError, match="does the server know the parameters"):
            await collect(kind, items)
        assert len(server.log) == 2


@pytest.mark.parametrize(
    "link", ["http://localhost:{port}/a", "//localhost:{port}/a", "https://127.0.0.1:{port}/a"]
)
@pytest.mark.parametrize("pagination", [LinkHeader(), NextURL()])
async def test_a_link_to_another_origin(
    kind: Kind, server: Server, link: str, pagination: Pagination
) -> None:
    """It is refused, and nothing is sent there."""
    link = link.format(port=server.port)
    steps = [page({"a": [1], "next": link}, f"Link: <{link}>; rel=next")]
    async with Scripted(*steps) as scripted:
        client = kind.client(scripted.url, bearer_token="s3cret")
        items = client.items("/", int, at="a", pagination=pagination)
        assert await one_of(kind, items) == 1
        with pytest.raises(ConfigurationError, match="leaves the client's origin"):
            await one_of(kind, items)
        assert len(scripted.log) == 1
    assert server.log == []


async def test_a_link_to_a_trusted_origin(kind: Kind) -> None:
    """It gets what the client sends."""
    async with Scripted(page([2])) as other, Scripted() as server:
        server.script = [page([1], f"Link: <{other.url}/a?b=c>; rel=next")]
        client = kind.client(server.url, trusted_origins=[other.url], bearer_token="t0ken")
        assert await collect(kind, client.items("/", int, pagination=LinkHeader())) == [1, 2]
        assert targets(other) == ["/a?b=c"]
        assert other.log[0].headers["Authorization"] == "Bearer t0ken"


async def test_foreign_pages(kind: Kind) -> None:
    """A foreign server leads to its own pages, and never back to the client's origin."""
    async with Scripted(page([])) as own, Scripted() as foreign:
        link = f"Link: <{own.url}/delete>; rel=next"
        foreign.script = [page([1], NEXT.format(2)), page([2], link)]
        client = kind.client(own.url, bearer_token="s3cret")
        items = client.items(foreign.url + "/a", int, pagination=LinkHeader(), foreign=True)
        assert [await one_of(kind, items), await one_of(kind, items)] == [1, 2]
        with pytest.raises(ConfigurationError, match="leaves the origin of the first") as caught:
            await one_of(kind, items)
        assert caught.value.url == own.url + "/delete"
        assert own.log == []
        assert "Authorization" not in foreign.log[1].headers


@pytest.mark.parametrize(
    ("fields", "body", "pagination", "text"),
    [
        (["Link: nonsense"], [1], LinkHeader(), "Link header cannot be read"),
        (['Link: <http://[>; rel="next"'], [1], LinkHeader(), "no http URL"),
        (['Link: <mailto:a@b>; rel="next"'], [1], LinkHeader(), "no http URL"),
        ([], {"next": 5}, NextURL(), "'next' must be a URL, got int"),
        ([], {"next_cursor": {}}, Cursor(), "a cursor must be text or a number, got dict"),
        ([], {"next_cursor": True}, Cursor(), "a cursor must be text or a number, got bool"),
        ([], {"more": True}, Cursor(more="more"), "more pages, but it has no cursor"),
        ([], {"a": 1}, PageNumber(), "no list as the whole of it"),
        ([], {"a": 1}, lambda _: 5, "must be a URL or parameters, got int"),
    ],
)
async def test_pages_that_say_nonsense(
    kind: Kind, fields: list[str], body: Any, pagination: Any, text: str
) -> None:
    """What a page says of the next one, and what cannot be used, is an error after the page."""
    async with Scripted(page(body, *fields)) as server:
        pages = kind.client(server.url).pages("/", pagination=pagination)
        assert await one_of(kind, pages) == body
        with pytest.raises(PaginationError, match=text):
            await one_of(kind, pages)
        assert len(server.log) == 1


async def test_no_list_where_it_should_be(kind: Kind) -> None:
    """A page without the list is an error, as is an item that does not fit."""
    bodies = [{"b": []}, {"a": {"b": {}}}, {"a": {"b": [{"id": "x"}]}}, []]
    texts = [
        "a: Field required",
        "a.b: Input should be a valid array",
        "a.b.0.id: Input should",
        "fit a page with a list at 'a.b': the whole: Input should be an object$",
    ]
    async with Scripted(*map(page, bodies), page({"a": 1}), answer(204), page(b"".hex())) as server:
        client = kind.client(server.url)
        for text in texts:
            with pytest.raises(ResponseValidationError, match=text):
                await collect(kind, client.items("/", Thing, at="a.b", pagination=LinkHeader()))
        pages = client.pages("/", at="a", pagination=Offset())
        await one_of(kind, pages)
        with pytest.raises(PaginationError, match="no list at 'a'"):
            await one_of(kind, pages)
        for _ in range(2):
            with pytest.raises(ResponseParseError):
                await collect(kind, client.items("/", Thing, pagination=LinkHeader()))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pagination": LinkHeader},
        {"pagination": 5},
        {"pagination": LinkHeader(), "at": ""},
        {"pagination": LinkHeader(), "at": "a..b"},
        {"pagination": LinkHeader(), "at": 5},
        {"pagination": LinkHeader(), "max_pages": -1},
        {"pagination": LinkHeader(), "ahead": -1},
        {"pagination": LinkHeader(), "max_items": "5"},
        {"pagination": LinkHeader(), "raw": True},
        {"pagination": LinkHeader(), "response_format": int},
        {"pagination": LinkHeader(), "timeoutt": 5},
        {"pagination": LinkHeader(), "state": 5},
        {"pagination": LinkHeader(), "state": {"url": None}},
    ],
)
async def test_what_is_refused(kind: Kind, options: dict[str, Any]) -> None:
    """What can never work is refused where it is asked for."""
    client = kind.client("http://127.0.0.1:9")
    with pytest.raises(ConfigurationError):
        client.items("/", int, **options)
    with pytest.raises((ConfigurationError, TypeError)):
        client.pages("/", int, **options)


async def test_each_page_is_a_call(kind: Kind) -> None:
    """Limits, retries, error responses and budgets hold for each page."""

    class Problem(BaseModel):
        message: str

    steps = page([1], NEXT.format(2)), answer(503), page([2], NEXT.format(3)), answer(404)
    async with Scripted(*steps) as server:
        client = kind.client(
            server.url, retry=Retry(backoff=0.001), rate_limit=2, rate_limit_interval=0.2
        )
        items = client.items("/", int, pagination=LinkHeader(), error_responses={404: Problem})
        assert [await one_of(kind, items), await one_of(kind, items)] == [1, 2]
        with pytest.raises(HTTPNotFound):
            await one_of(kind, items)
        assert len(server.log) == 4
        assert server.log[2].at - server.log[0].at > 0.15
        server.script = [page([3])]
        assert await collect(kind, items) == [3]  # What failed is asked for again.
        server.script = [page([1], NEXT.format(2)), page([2], NEXT.format(3))]
        with client.target.budget(requests=2), pytest.raises(BudgetExhausted):
            await collect(kind, client.items("/", int, pagination=LinkHeader()))
        assert targets(server)[3:] == ["/v1/things?page=3"] * 2 + ["/", "/v1/things?page=2"]


async def test_redirected_pages(kind: Kind) -> None:
    """A relative link is seen from where the page was, after redirects."""
    moved = answer(302, "Location: /new/a")
    async with Scripted(moved, page([1], "Link: <b>; rel=next"), page([2])) as server:
        items = kind.client(server.url).items("/old/a", int, pagination=LinkHeader())
        assert await collect(kind, items) == [1, 2]
        assert targets(server) == ["/old/a", "/new/a", "/new/b"]


async def test_other_methods(kind: Kind) -> None:
    """A list may be asked for by another method, with a body."""
    async with Scripted(page([1]), page([])) as server:
        items = kind.client(server.url).items(
            "/", int, method="POST", body={"q": 1}, pagination=PageNumber()
        )
        assert await collect(kind, items) == [1]
        assert [(read.method, read.body) for read in server.log] == [("POST", b'{"q":1}')] * 2


class Search(BaseModel):
    """What is sent."""

    query: str
    variables: dict[str, Any]


IN_BODY: list[tuple[Pagination, str, list[Any], Any, list[Any]]] = [
    (
        Cursor("start_cursor", more="has_more", send_in="body"),
        "results",
        [
            {"results": things(1), "has_more": True, "next_cursor": "x"},
            {"results": things(2), "has_more": False, "next_cursor": None},
        ],
        {"filter": {"a": 1}},
        [{"filter": {"a": 1}}, {"filter": {"a": 1}, "start_cursor": "x"}],
    ),
    (
        Cursor("search_after", at="hits.hits.-1.sort", send_in="body"),
        "hits.hits",
        [
            {"hits": {"hits": [{"id": 1, "sort": [1, "a"]}, {"id": 2, "sort": [2, "b"]}]}},
            {"hits": {"hits": []}},
        ],
        None,
        [None, {"search_after": [2, "b"]}],
    ),
    (
        Cursor("ExclusiveStartKey", at="LastEvaluatedKey", send_in="body"),
        "Items",
        [
            {"Items": things(1), "LastEvaluatedKey": {"id": {"N": "1"}}},
            {"Items": things(2), "LastEvaluatedKey": {}},
        ],
        {"ExclusiveStartKey": "mine"},
        [{"ExclusiveStartKey": "mine"}, {"ExclusiveStartKey": {"id": {"N": "1"}}}],
    ),
    (
        Cursor("variables.page.after", at="data.end", send_in="body"),
        "data.nodes",
        [{"data": {"nodes": things(1), "end": "x"}}, {"data": {"nodes": things(2)}}],
        Search(query="{ a }", variables={"b": 1}),
        [
            {"query": "{ a }", "variables": {"b": 1}},
            {"query": "{ a }", "variables": {"b": 1, "page": {"after": "x"}}},
        ],
    ),
    (
        PageNumber("page.number", size=2, size_parameter="page.size", send_in="body"),
        "data",
        [{"data": things(1, 2)}, {"data": []}],
        {"q": 1},
        [{"q": 1, "page": {"number": number, "size": 2}} for number in (1, 2)],
    ),
    (
        Offset("from", limit=2, limit_parameter="size", send_in="body"),
        "data",
        [{"data": things(1, 2)}, {"data": []}],
        {},
        [{"from": 0, "size": 2}, {"from": 2, "size": 2}],
    ),
]


@pytest.mark.parametrize(("pagination", "at", "bodies", "body", "sent"), IN_BODY)
async def test_what_is_sent_in_the_body(
    kind: Kind, pagination: Pagination, at: str, bodies: list[Any], body: Any, sent: list[Any]
) -> None:
    """Cursors and numbers go into the JSON body, and nothing of them into the query."""
    for is_resumed in (False, True):
        async with Scripted(*map(page, bodies)) as server:
            client = kind.client(server.url)
            options: dict[str, Any] = {"at": at, "pagination": pagination, "method": "POST"}
            if body is not None:
                options["body"] = body
            items = client.items("/search", Thing, **options)
            first = 0
            if is_resumed:
                await one_of(kind, items)
                state = json.loads(json.dumps(items.state))
                first = 0 if state["skip"] else 1
                server.script[:] = list(map(page, bodies[first:]))
                items = client.items("/search", Thing, state=state, **options)
                server.log.clear()
            await collect(kind, items)
            found = [json.loads(read.body) if read.body else None for read in server.log]
            assert found == sent[first:]
            assert set(targets(server)) == {"/search"}


async def test_a_body_that_is_read_once_for_all_pages(kind: Kind) -> None:
    """What pydantic reads from an iterator is read once, and nothing of the user's is changed."""
    given: dict[str, Any] = {"ids": iter([1, 2]), "page": {}}
    async with Scripted(page([1]), page([])) as server:
        items = kind.client(server.url).items(
            "/", method="POST", body=given, pagination=PageNumber("page.n", send_in="body")
        )
        assert await collect(kind, items) == [1]
        assert [json.loads(read.body) for read in server.log] == [
            {"ids": [1, 2], "page": {"n": number}} for number in (1, 2)
        ]
    assert given["page"] == {}


@pytest.mark.parametrize(
    ("body", "text"), [([1], "at 'a.b' .*, got list"), ({"a": 5}, "at 'a.b' .*, got int")]
)
async def test_bodies_with_no_place_for_it(kind: Kind, body: Any, text: str) -> None:
    """It is an error before anything is sent."""
    client = kind.client("http://127.0.0.1:9")
    pagination = PageNumber("a.b", send_in="body")
    with pytest.raises(ConfigurationError, match=text):
        await collect(kind, client.items("/", method="POST", body=body, pagination=pagination))
    with pytest.raises(ConfigurationError, match='give `method="POST"`'):
        client.items("/", body={}, pagination=pagination)


async def test_cursors_that_no_body_takes(kind: Kind) -> None:
    """A flag is no cursor."""
    async with Scripted(page({"data": [1], "next_cursor": True})) as server:
        items = kind.client(server.url).items(
            "/", at="data", method="POST", pagination=Cursor(send_in="body")
        )
        with pytest.raises(PaginationError, match="got bool"):
            await collect(kind, items)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("paginaton", "pagination"), ("max_page", "max_pages"), ("max_item", "max_items")],
)
async def test_options_that_are_misspelt(kind: Kind, name: str, meant: str) -> None:
    """The error names what was probably meant."""
    client = kind.client("http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=f"{name!r}; did you mean {meant!r}"):
        client.items("/", **{name: LinkHeader()})


async def test_what_can_be_read_once(kind: Kind) -> None:
    """Parameters are read once for all pages; a body that is gone is not sent as none."""
    async with Scripted(page([1]), page([]), page([1])) as server:
        client = kind.client(server.url)
        pairs = iter([("a", "b")])
        items = client.items("/", int, parameters=pairs, pagination=PageNumber())
        assert await collect(kind, items) == [1]
        assert targets(server) == ["/?a=b&page=1", "/?a=b&page=2"]
        items = client.items("/", method="POST", data=iter([b"a"]), pagination=PageNumber())
        assert await one_of(kind, items) == 1
        with pytest.raises(BodyNotReplayable) as caught:
            await one_of(kind, items)
        assert (caught.value.method, len(server.log)) == ("POST", 3)


async def test_pages_of_a_subclient(kind: Kind) -> None:
    """A sub-client asks below its path."""

    class Things(SubClient, relative_path="/v1"):
        def all(self) -> Any:
            return self.items("/things", Thing, pagination=LinkHeader())

    class Client(kind.base):  # type: ignore[name-defined, misc]
        things = Things()

    async with Scripted(page(things(1), NEXT.format(2)), page(things(2))) as server:
        client = kind.wrap(Client(server.url)).target
        assert [one.id for one in await collect(kind, client.things.all())] == [1, 2]
        assert targets(server) == ["/v1/things", "/v1/things?page=2"]


async def test_totals(kind: Kind) -> None:
    """The total is known as soon as a page has told it."""
    for pagination, body in (
        (LinkHeader(total="X-Total"), [1, 2]),
        (Cursor(total_header="X-Total"), {"a": [1, 2]}),
        (NextURL(total="meta.total"), {"a": [1, 2], "meta": {"total": 7}}),
    ):
        async with Scripted(page(body, "X-Total: 7")) as server:
            at = "a" if isinstance(body, dict) else None
            client = kind.client(server.url)
            for pages in (
                client.items("/", at=at, pagination=pagination),
                client.pages("/", at=at, pagination=pagination),
            ):
                assert pages.total is None
                server.script = [page(body, "X-Total: 7")]
                await collect(kind, pages)
                assert pages.total == 7


@pytest.mark.parametrize("pagination", [LinkHeader(), Offset(), PageNumber()])
async def test_going_on(kind: Kind, pagination: Pagination) -> None:
    """The state, kept as JSON, leads on from the very next item or page, and to the end."""
    steps = [page([1, 2, 3], NEXT.format(2)), page([4, 5], NEXT.format(3)), page([])]
    for name, whole in (("items", [1, 2, 3, 4, 5]), ("pages", [[1, 2, 3], [4, 5], []])):
        for count in range(len(whole) + 1):
            async with Scripted(*steps) as server:
                client = kind.client(server.url)
                pages = getattr(client, name)("/v1/things", pagination=pagination)
                found = [await one_of(kind, pages) for _ in range(count)]
                state = json.loads(json.dumps(pages.state))
                asked = len(server.log)
                again = name == "items" and state["skip"]
                server.script[:] = steps[asked - 1 if again else asked :]
                pages = getattr(client, name)("/v1/things", pagination=pagination, state=state)
                assert found + await collect(kind, pages) == whole
                assert len(server.log) == (4 if again else 3)
                state = pages.state
                assert (
                    await collect(
                        kind, getattr(client, name)("/", pagination=pagination, state=state)
                    )
                    == []
                )


@pytest.mark.parametrize(
    "change",
    [{"url": 5}, {"parameters": 5}, {"before": "x"}, {"skip": -1}],
)
async def test_states_that_are_none(kind: Kind, change: dict[str, Any]) -> None:
    """What was no state is refused at once."""
    client = kind.client("http://127.0.0.1:9")
    state = {**client.items("/", int, pagination=PageNumber()).state, **change}
    with pytest.raises(ConfigurationError, match="state"):
        client.items("/", int, pagination=PageNumber(), state=state)


async def test_the_state_of_another_pagination(kind: Kind) -> None:
    """It is found out when it is needed, and says so."""
    async with Scripted(page([1])) as server:
        client = kind.client(server.url)
        state = client.items("/", int, pagination=LinkHeader()).state
        with pytest.raises(ConfigurationError, match="no number for 'page'"):
            await collect(kind, client.items("/", int, pagination=PageNumber(), state=state))


async def test_a_state_obeys_the_rule_of_origins(kind: Kind, server: Server) -> None:
    """A state that was tampered with leads nowhere else."""
    client = kind.client("http://127.0.0.1:9")
    state = {**client.items("/", int, pagination=LinkHeader()).state, "url": server.url}
    with pytest.raises(ConfigurationError, match="leaves the client's origin"):
        await collect(kind, client.items("/", int, pagination=LinkHeader(), state=state))
    assert server.log == []


async def test_the_next_page_is_asked_for_ahead(kind: Kind) -> None:
    """While the items of a page are worked on, the next one is under way, and no other."""
    steps = [page([1, 2], NEXT.format(2)), page([3], NEXT.format(3)), page([4])]
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        items = client.items("/", int, pagination=LinkHeader(), ahead=5)
        assert await one_of(kind, items) == 1
        await server.has_read(2)
        assert items.state["skip"] == 1
        assert await one_of(kind, items) == 2
        assert len(server.log) == 2
        assert await collect(kind, items) == [3, 4]
        assert targets(server) == ["/", "/v1/things?page=2", "/v1/things?page=3"]


def test_a_machine_that_has_no_thread_left() -> None:
    """The page is asked for at once, by who would have gone on."""
    size = threading.stack_size(1 << 46)  # More than any machine has.
    try:
        task = SyncPageTask(lambda watch: threading.get_ident())
    finally:
        threading.stack_size(size)
    assert task.result() == threading.get_ident()


def numbered(request: Read) -> Step:
    """Return two of ten items, as `page` or `offset` says."""
    query = URL(request.target).query
    first = int(query["offset"]) if "offset" in query else 2 * int(query["page"]) - 2
    items = list(range(first, min(first + 2, 10)))
    return page({"items": items, "total": 10, "pages": 5})


SHARED = [PageNumber(total="total"), PageNumber(total_pages="pages"), Offset(total="total")]


@pytest.mark.parametrize("pagination", SHARED)
async def test_pages_at_once(kind: Kind, pagination: Pagination) -> None:
    """Where the total is known, pages are asked for at once, and come in order all the same."""
    held: dict[str, Held] = {}

    def hold(request: Read) -> Step:
        whole = cast("bytes", numbered(request))
        held[request.target] = Held(whole)
        return held[request.target]

    async with Scripted(numbered, hold, hold, hold, hold) as server:
        client = kind.client(server.url)
        items = client.items("/", int, at="items", pagination=pagination, ahead=9)
        assert [await one_of(kind, items), await one_of(kind, items)] == [0, 1]
        await server.has_read(5)
        for target in sorted(held, reverse=True):
            held[target].free()
        assert await collect(kind, items) == list(range(2, 10))
        assert sorted(targets(server)) == sorted(set(targets(server)))
        assert len(server.log) == 5


@pytest.mark.parametrize("pagination", SHARED)
@pytest.mark.parametrize(
    ("bounds", "count"),
    [({"max_pages": 2}, 2), ({"max_items": 3}, 2), ({"max_items": 2}, 1), ({"max_items": 5}, 3)],
)
async def test_no_page_too_many(
    kind: Kind, pagination: Pagination, bounds: dict[str, int], count: int
) -> None:
    """What is bounded is not asked for ahead either."""
    async with Scripted(*[numbered] * 9) as server:
        client = kind.client(server.url)
        options = {"at": "items", "pagination": pagination, "ahead": 9}
        found = await collect(kind, client.items("/", int, **options, **bounds))
        assert found == list(range(bounds.get("max_items", 4)))
        assert len(server.log) == count
        if "max_pages" in bounds:
            assert len(await collect(kind, client.pages("/", **options, **bounds))) == 2
            assert len(server.log) == 2 * count


async def test_a_wrong_guess(kind: Kind) -> None:
    """A page that is shorter than was guessed leads on from where it ends."""

    def short(request: Read) -> Step:
        first = int(URL(request.target).query["offset"])
        return page({"a": list(range(10))[first : first + (1 if first else 3)], "n": 10})

    async with Scripted(*[short] * 20) as server:
        client = kind.client(server.url)
        items = client.items("/", int, at="a", pagination=Offset(total="n"), ahead=3)
        assert await collect(kind, items) == list(range(10))


async def test_a_wrong_guess_is_left(kind: Kind) -> None:
    """Nobody waits for what was asked for in vain; a task breaks it off."""

    def short(request: Read) -> Step:
        first = int(URL(request.target).query["offset"])
        items = {0: [0, 1, 2], 3: [3], 4: [4]}.get(first, [])
        return HANG if first == 6 else page({"a": items, "n": 5 if first == 4 else 9})

    async with Scripted(*[short] * 20) as server:
        client = kind.client(server.url)
        items = client.items("/", int, at="a", pagination=Offset(total="n"), ahead=2)
        assert [await one_of(kind, items) for _ in range(3)] == [0, 1, 2]
        await server.has_read(3)
        assert await collect(kind, items) == [3, 4]
        if kind.is_async:
            await server.has_ended(next(r.connection for r in server.log if "=6" in r.target))


async def test_errors_ahead(kind: Kind) -> None:
    """An error comes when it is its turn; then the page can be asked for again."""
    steps = [page([1, 2], NEXT.format(2)), answer(404), page([3], "Link: x")]
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        items = client.items("/", int, pagination=LinkHeader(), ahead=1)
        assert [await one_of(kind, items), await one_of(kind, items)] == [1, 2]
        await server.has_read(2)
        with pytest.raises(HTTPNotFound):
            await one_of(kind, items)
        assert await one_of(kind, items) == 3
        with pytest.raises(PaginationError, match="Link header"):
            await one_of(kind, items)
        assert await collect(kind, items) == []


async def test_leaving_what_is_ahead(kind: Kind) -> None:
    """Who closes the iterator, or forgets it, is left alone; who goes on asks again."""
    steps: list[Step] = [page([1], NEXT.format(2)), HANG, page([2], NEXT.format(3)), answer(404)]
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        items = client.items("/", int, pagination=LinkHeader(), ahead=1)
        assert await one_of(kind, items) == 1
        await server.has_read(2)
        await kind.call(items.aclose if kind.is_async else items.close)
        await server.has_ended(server.connections[1])
        assert await one_of(kind, items) == 2
        await server.has_read(4)
        await kind.call(client.target.close)


@pytest.mark.parametrize("kind", ["sync"], indirect=True)
async def test_leaving_what_waits_ahead(kind: Kind) -> None:
    """A call that was left while it waited for the rate limit is never sent."""
    before = set(threading.enumerate())
    async with Scripted(page([1], NEXT.format(2))) as server:
        client = kind.client(server.url, rate_limit=1, rate_limit_interval=0.3)
        items = client.items("/", int, pagination=LinkHeader(), ahead=1)
        assert await one_of(kind, items) == 1
        threads = [one for one in set(threading.enumerate()) - before if "ahead" in one.name]
        await kind.call(items.close)
        for thread in threads:
            await kind.call(thread.join, PATIENCE)
        assert len(server.log) == len(threads) == 1


@pytest.mark.parametrize("kind", ["sync"], indirect=True)
async def test_leaving_what_has_just_begun(kind: Kind) -> None:
    """A call that was left before it could be known is broken off when it is."""
    begun, left, ended = threading.Event(), threading.Event(), threading.Event()
    async with Scripted() as server:
        client = kind.client(server.url)

        def ask(watch: Any) -> None:
            begun.set()
            left.wait(PATIENCE)
            try:
                client.target.get("/", watch=watch)
            finally:
                ended.set()

        task = SyncPageTask(ask)
        await kind.call(begun.wait, PATIENCE)
        task.cancel()
        left.set()
        await kind.call(ended.wait, PATIENCE)
        assert server.log == []


async def test_being_cancelled_ahead() -> None:
    """A task that is cancelled while it waits for a page leaves no other behind."""
    kind = Kind("async")
    async with Scripted(numbered, HANG, HANG, HANG) as scripted:
        client = kind.client(scripted.url)
        items = client.items("/", int, at="items", pagination=SHARED[0], ahead=3)
        assert [await one_of(kind, items), await one_of(kind, items)] == [0, 1]
        await scripted.has_read(4)
        before = asyncio.all_tasks()
        waiting = asyncio.create_task(one_of(kind, items))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        names = [task.get_coro().__qualname__ for task in asyncio.all_tasks() & before]  # type: ignore[union-attr]
        assert not [name for name in names if "_ask" in name]
    await kind.close()


def test_a_call_that_is_left_before_it_began() -> None:
    """It is never made."""
    called: list[int] = []
    task = SyncPageTask.__new__(SyncPageTask)
    task._future = Future()  # pyright: ignore[reportPrivateUsage]
    task.cancel()
    task._do(called.append, (1,))  # pyright: ignore[reportPrivateUsage]
    assert called == []


async def test_an_error_of_a_page_is_one_of_its_call(kind: Kind) -> None:
    """It tells of the call and hides what that was not to show, as any; media types count, too."""
    told = page([{"s3cret": 1}], "Content-Type: text/x-s3cret")
    async with Scripted(told, told, told, answer(304)) as server:
        client = kind.client(server.url, bearer_token="s3cret")
        link = LinkHeader()
        with pytest.raises(ResponseValidationError) as caught:
            await collect(kind, client.items("/", Thing, pagination=link))
        assert (caught.value.attempts, caught.value.method) == (1, "GET")
        only = ("application/json",)
        with pytest.raises(ResponseParseError, match="is none of") as other:
            await collect(kind, client.items("/", pagination=link, json_content_types=only))
        assert "s3cret" not in str(other.value)
        pages = client.pages("/", str, pagination=link, json_content_types=only)
        assert await collect(kind, pages) == ['[{"s3cret": 1}]']
        with pytest.raises(HTTPNotModified):
            await collect(kind, client.items("/", pagination=link))


async def test_a_budget_holds_ahead(kind: Kind) -> None:
    """A page that is asked for ahead counts, and is refused when it is its turn."""
    async with Scripted(page([1], NEXT.format(2)), page([2], NEXT.format(3))) as server:
        client = kind.client(server.url)
        with client.target.budget(requests=2):
            items = client.items("/", int, pagination=LinkHeader(), ahead=1)
            assert [await one_of(kind, items), await one_of(kind, items)] == [1, 2]
            with pytest.raises(BudgetExhausted):
                await one_of(kind, items)
        assert len(server.log) == 2
