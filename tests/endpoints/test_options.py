"""Every option of a call can be declared with an endpoint, and given over that."""

# mypy: disable-error-code="empty-body"

import io
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from typing_extensions import Unpack, override

from arya_api_framework import (
    BaseModel,
    CallOptions,
    Checksum,
    Cursor,
    Event,
    Events,
    Hedge,
    Hook,
    LinkHeader,
    PageNumber,
    Request,
    Retry,
    Timeout,
    endpoint,
    shared,
)
from arya_api_framework.auth import ApiKeyScheme
from arya_api_framework.endpoints import Items
from arya_api_framework.errors import ConfigurationError
from arya_api_framework.options import ItemOptions
from tests.conftest import Kind
from tests.endpoints.conftest import Mount
from tests.scripted import Read, Scripted, answer

OF_ARGUMENTS = frozenset({"method", "path_parameters", "body", "data", "files"})
"""What the arguments of an endpoint say."""


class First(BaseModel):
    """What an error holds."""


class Second(BaseModel):
    """The same of another."""


class Third(BaseModel):
    """The same of one call."""


class Note(Hook):
    """Adds its number to a field."""

    def __init__(self, number: int) -> None:
        self.number = number

    @override
    def before_call(self, request: Request) -> None:
        request.headers["X-Hooks"] = f"{request.headers.get('X-Hooks', '')}{self.number}"


class Traces(Events):
    """Keeps the trace of the last event."""

    last: Any = None

    @override
    def on_request_start(self, event: Event) -> None:
        self.last = event.trace


class Screen(io.StringIO):
    """A terminal."""

    @override
    def isatty(self) -> bool:
        return True


class Case(NamedTuple):
    """An option with three values: one declared, one of `with_options`, and one of the call.

    Attributes:
        values: They.
        seen: What is seen of them, the values themselves when not given.
        of_all: What is seen where all three are given, that of the call alone when not given.
        read: What is looked at in what the server read; the setting that `explain` shows, when not
            given.
    """

    values: tuple[Any, Any, Any]
    seen: tuple[Any, Any, Any] | None = None
    of_all: Any = None
    read: Callable[[Read], Any] | None = None


def field(name: str) -> Callable[[Read], Any]:
    """Return what looks at a field of a request."""
    return lambda read: read.headers.get(name)


def query(read: Read) -> str:
    """Return the query of a request."""
    return read.target.partition("?")[2]


CASES: dict[str, Case] = {
    "timeout": Case((11, 12, 13), tuple(Timeout(total=one, connect=30) for one in (11, 12, 13))),  # type: ignore[arg-type]
    "deadline": Case((11, 12, 13)),
    "deadline_header": Case(("X-A", "X-B", "X-C")),
    "retry": Case(tuple(Retry(attempts=one) for one in (2, 3, 4))),  # type: ignore[arg-type]
    "hedge": Case(tuple(Hedge(after=one) for one in (1, 2, 3))),  # type: ignore[arg-type]
    "cost": Case((2, 3, 4)),
    "priority": Case((1, 2, 3)),
    "allow_early_response": Case((True, False, True)),
    "follow_redirects": Case(("same-origin", False, "safe")),
    "max_redirects": Case((1, 2, 3)),
    "max_response_size": Case((1001, 1002, 1003)),
    "json_content_types": Case((("a/json",), ("b/json",), ("c/json",))),
    "encoding": Case(("latin-1", "utf-16", "ascii")),
    "checksum": Case(
        ("md5", "sha-256", "sha-512"),
        ((Checksum("md5"),), (Checksum("sha-256"),), (Checksum("sha-512"),)),
    ),
    "compress": Case(("gzip", "deflate", None)),
    "auth": Case(
        (("u", "1"), ("u", "2"), ("u", "3")),
        ("Basic dTox", "Basic dToy", "Basic dToz"),
        read=field("Authorization"),
    ),
    "security": Case(([{"a"}], [{"b"}], [{"c"}]), ("1", "2", "3"), read=field("X-Key")),
    "hooks": Case(
        ([Note(1)], [Note(2)], [Note(3)]), ("1", "12", "13"), "123", read=field("X-Hooks")
    ),
    "headers": Case(
        ({"X-A": "1", "X-B": "1"}, {"x-a": "2"}, [("X-A", "3")]),
        (("1", "1"), ("2", "1"), ("3", "1")),
        read=lambda read: (read.headers["X-A"], read.headers["X-B"]),
    ),
    "cookies": Case(
        ({"a": "1", "b": "1"}, {"a": "2"}, [("a", "3")]),
        (["a=1", "b=1"], ["a=2", "b=1"], ["a=3", "b=1"]),
        read=lambda read: sorted(read.headers["Cookie"].split("; ")),
    ),
    "parameters": Case(
        ({"a": 1, "b": 1}, {"a": 2}, [("a", 3)]),
        ("a=1&b=1", "b=1&a=2", "b=1&a=3"),
        read=query,
    ),
    "idempotency_key": Case(("a", "b", "c"), read=field("Idempotency-Key")),
}
"""Those that are seen in what is sent, or as they are told."""

OF_ITEMS: dict[str, Case] = {
    "pagination": Case(
        (LinkHeader(), PageNumber(), Cursor("a", at="b")), ("LinkHeader", "PageNumber", "Cursor")
    ),
    "at": Case(("a", "b", "c")),
    "max_pages": Case((1, 2, 3)),
    "max_items": Case((1, 2, 3)),
    "ahead": Case((1, 2, 3)),
}
"""Those of pages, as `explain` tells them."""

OTHERS = frozenset({"error_responses", "trace", "progress", "on_progress", "foreign", "state"})
"""Those that are seen elsewhere, each in a test of its own."""


def declaring(option: str, value: Any) -> Any:
    """Return a class with an endpoint that declares an option, and one that does not."""

    def call(self: Any, **options: Unpack[ItemOptions]) -> Any: ...

    post: Any = endpoint.post
    declared = {"declared": post("/x", **{option: value}), "plain": post("/x")}
    return type("Api", (), {name: shared(one(call)) for name, one in declared.items()})


def test_no_option_is_forgotten() -> None:
    """Each has a test here."""
    known = CASES.keys() | OF_ITEMS.keys() | OTHERS
    assert known == ItemOptions.__optional_keys__ - OF_ARGUMENTS


@pytest.mark.parametrize("option", CASES)
async def test_options_of_calls(kind: Kind, mount: Mount, scripted: Scripted, option: str) -> None:
    """What is declared counts, over that what `with_options` says, and over both the call."""
    case = CASES[option]
    first, second, third = case.values
    schemes = {one: ApiKeyScheme("X-Key") for one in "abc"}
    api = mount(declaring(option, first), scripted.url, security_schemes=schemes)
    api.authenticate(a="1", b="2", c="3")

    async def seen(call: Any, **given: Any) -> Any:
        if case.read is None:
            return call.explain(**given).settings[option].value
        await kind.call(call, **given)
        return case.read(scripted.log[-1])

    declared = api.declared
    over = declared.with_options(**{option: second})
    expected = case.seen or case.values
    assert await seen(declared) == expected[0]
    assert await seen(over) == expected[1]
    assert await seen(declared, **{option: third}) == expected[2]
    last = expected[2] if case.of_all is None else case.of_all
    assert await seen(over, **{option: third}) == last
    assert await seen(declared) == expected[0]


@pytest.mark.parametrize("option", OF_ITEMS)
def test_options_of_items(mount: Mount, option: str) -> None:
    """Those of pages, too."""
    case = OF_ITEMS[option]
    first, second, third = case.values

    def call(self: Any, **options: Unpack[ItemOptions]) -> Items[int]: ...

    get: Any = endpoint.get
    declared = get("/x", **{"pagination": LinkHeader(), option: first})(call)
    api = mount(type("Api", (), {"each": shared(declared)}), "https://h.test")

    def seen(call: Any, **given: Any) -> Any:
        paging = call.explain(**given).paging
        return paging.strategy if option == "pagination" else getattr(paging, option)

    over = api.each.with_options(**{option: second})
    expected = case.seen or case.values
    assert seen(api.each) == expected[0]
    assert seen(over) == expected[1]
    assert seen(api.each, **{option: third}) == seen(over, **{option: third}) == expected[2]


async def test_where_items_go_on(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """The state of earlier items is given with a call, and not declared."""

    class Api:
        @shared
        @endpoint.get("/x", pagination=PageNumber())
        def each(self, **options: Unpack[ItemOptions]) -> Items[int]: ...

    api = mount(Api, scripted.url)

    async def first(items: Any) -> Any:
        if kind.is_async:
            return await anext(items)
        return await kind.call(next, items)

    scripted.script = [answer(200, body=b"[1]"), answer(200, body=b"[2]")]
    items = api.each()
    assert [await first(items), await first(items)] == [1, 2]
    state = items.state
    for call, given in (
        (api.each, {"state": state}),
        (api.each.with_options(state=state), {}),
        (api.each.with_options(state={}), {"state": state}),
    ):
        scripted.script = [answer(200, body=b"[3]")]
        assert await first(call(**given)) == 3
        assert query(scripted.log[-1]) == "page=3"


async def test_error_responses(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """They are laid over one another status by status."""
    api = mount(declaring("error_responses", {410: First, 500: First}), scripted.url)

    async def seen(call: Any, **given: Any) -> list[type[Any]]:
        found: list[type[Any]] = []
        for status in (410, 500):
            scripted.script = [answer(status)]
            with pytest.raises(Exception, match=str(status)) as caught:
                await kind.call(call, **given)
            error: Any = caught.value
            found.append(type(error.response))
        return found

    over = api.declared.with_options(error_responses={410: Second})
    third = {"error_responses": {410: Third}}
    assert await seen(api.declared) == [First, First]
    assert await seen(over) == [Second, First]
    assert await seen(api.declared, **third) == await seen(over, **third) == [Third, First]


async def test_traces(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """Every event carries that of the call."""
    traces = Traces()
    api = mount(declaring("trace", "1"), scripted.url, events=traces)

    async def seen(call: Any, **given: Any) -> Any:
        await kind.call(call, **given)
        return traces.last

    over = api.declared.with_options(trace="2")
    assert await seen(api.declared) == "1"
    assert await seen(over) == "2"
    assert await seen(api.declared, trace="3") == await seen(over, trace="3") == "3"


async def test_progress(
    kind: Kind, mount: Mount, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text stands in front of the bar; a function is called."""
    told: list[int] = []

    def teller(number: int) -> Callable[[int, int | None], None]:
        return lambda _sent, _total: told.append(number)

    class Api:
        @shared
        @endpoint.post("/x", progress="first", on_progress=teller(1))
        def declared(self, body: list[int], **options: Unpack[CallOptions]) -> Any: ...

    api = mount(Api, scripted.url)

    async def seen(call: Any, **given: Any) -> tuple[list[str], list[int]]:
        told.clear()
        monkeypatch.setattr(sys, "stderr", screen := Screen())
        await kind.call(call, [1] * 100, **given)
        drawn = screen.getvalue()
        return [one for one in ("first", "second", "third") if one in drawn], sorted({*told})

    over = api.declared.with_options(progress="second", on_progress=teller(2))
    assert await seen(api.declared) == (["first"], [1])
    assert await seen(over) == (["second"], [2])
    over = over.with_options(on_progress=teller(3))
    assert await seen(over, progress="third") == (["third"], [3])


async def test_foreign(kind: Kind, mount: Mount, scripted: Scripted) -> None:
    """A path of the client is never foreign, wherever that is said."""
    api = mount(declaring("foreign", True), scripted.url)
    over = api.declared.with_options(foreign=False)
    refused: list[tuple[Any, dict[str, Any]]] = [
        (api.declared, {}),
        (api.plain, {"foreign": True}),
        (api.plain.with_options(foreign=True), {}),
        (over, {"foreign": True}),
    ]
    for call, given in refused:
        with pytest.raises(ConfigurationError, match="`foreign=True` needs an absolute URL"):
            await kind.call(call, **given)
    await kind.call(over)
    await kind.call(api.declared, foreign=False)
    assert len(scripted.log) == 2
