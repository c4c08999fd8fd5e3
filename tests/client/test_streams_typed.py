"""What a stream gives: text, lines, typed items, typed events, on both clients."""

import asyncio
import gzip
import json
from typing import Any

import pytest
from typing_extensions import TypedDict

from arya_api_framework import BaseModel, Response, Retry
from arya_api_framework.errors import (
    BudgetExhausted,
    ConfigurationError,
    ContentEncodingError,
    DeadlineExceeded,
    HTTPForbidden,
    HTTPServiceUnavailable,
    IncompleteResponse,
    ResponseParseError,
    ResponseTooLarge,
    ResponseValidationError,
)
from arya_api_framework.streaming.events import ServerSentEvent
from tests.client.test_streams import chunked
from tests.conftest import Kind
from tests.scripted import CLOSE, HANG, RESET, Scripted, Step, answer
from tests.streams import each, one_of, streaming


class User(Response):
    """One item."""

    id: int


class Price(BaseModel):
    """What an event carries."""

    amount: float


def events(text: str, *fields: str) -> bytes:
    """Return a response with a stream of events."""
    return answer(200, "Content-Type: text/event-stream", *fields, body=text.encode())


async def test_text(kind: Kind) -> None:
    """Text is decoded by its charset, also where a piece ends within a character."""
    text = "grün, 日本"
    utf8, latin = text.encode(), "grün".encode("latin-1")
    steps = (
        chunked(utf8[:3], utf8[3:9], utf8[9:]),
        chunked(latin, fields=("Content-Type: text/plain; charset=latin-1",)),
        chunked(b"a\xff"),
        answer(200, body=b"\xff"),
    )
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        for expected in (text, "grün", "a\ufffd"):
            async with streaming(kind, client.stream("GET")) as body:
                assert "".join(await each(kind, body.iter_text())) == expected
        async with streaming(kind, client.stream("GET", encoding="latin-1")) as body:
            assert "".join(await each(kind, body.iter_text())) == "ÿ"


async def test_lines(kind: Kind) -> None:
    """Lines come when they are whole, whatever ends them."""
    steps = chunked(b"one\r", b"\ntw", b"o\rthree\n\nfo", b"ur"), chunked(b"12345", b"6\n")
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            assert await each(kind, body.iter_lines()) == ["one", "two", "three", "", "four"]
        async with streaming(kind, client.stream("GET", "/log")) as body:
            with pytest.raises(
                ResponseTooLarge, match=r"GET .*/log: a line is larger than 5 characters; "
            ):
                await each(kind, body.iter_lines(max_line=5))


async def test_items(kind: Kind) -> None:
    """The elements of an array are models, which know their response."""
    whole = {"took": 1, "data": {"items": [{"id": number} for number in range(1000)]}}
    content = json.dumps(whole).encode()
    steps = chunked(content[:50], content[50:]), chunked(gzip_of(content), fields=(GZIP,))
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        for _ in steps:
            async with streaming(kind, client.stream("GET", "/users")) as body:
                first = await one_of(kind, items := body.iter_items(User, at="data.items"))
                assert first == User(id=0)
                assert first.model_response.url.path == "/users"
                rest = await each(kind, items)
                assert [user.id for user in rest] == list(range(1, 1000))
                assert body.skipped == 0


GZIP = "Content-Encoding: gzip"


def gzip_of(content: bytes) -> bytes:
    """Return content, compressed."""
    return gzip.compress(content)


async def test_items_of_any_type(kind: Kind) -> None:
    """Without a type an element is parsed JSON; a type may be anything."""

    class Pair(TypedDict):
        a: int

    steps = [answer(200, body=body) for body in (b'[1, "a", null, [2]]', b'[{"a": 1}]', b"[1, 2]")]
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        for form, expected in (([], [1, "a", None, [2]]), ([Pair], [{"a": 1}]), ([int], [1, 2])):
            async with streaming(kind, client.stream("GET")) as body:
                assert await each(kind, body.iter_items(*form)) == expected


async def test_items_in_another_charset(kind: Kind) -> None:
    """JSON that is no UTF-8 is read in the declared charset, as that of a plain call is."""
    head = "Content-Type: application/json; charset=latin-1"
    bodies = ['["é"]'.encode("latin-1"), '["é"]'.encode(), '"é"\n'.encode("latin-1")]
    async with Scripted(*(answer(200, head, body=body) for body in bodies)) as server:
        client = kind.client(server.url)
        for name in ("iter_items", "iter_items", "iter_json_lines"):
            async with streaming(kind, client.stream("GET")) as body:
                assert await each(kind, getattr(body, name)(str)) == ["é"]


async def test_item_that_does_not_fit(kind: Kind) -> None:
    """What came before it is given; by choice it is skipped and counted."""
    content = b'[{"id": 1}, {"id": "secret"}, {"id": 3}]'
    async with Scripted(*[answer(200, body=content)] * 2) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET", "/users")) as body:
            items = body.iter_items(User)
            assert await one_of(kind, items) == User(id=1)
            with pytest.raises(ResponseValidationError) as caught:
                await one_of(kind, items)
        error = caught.value
        assert error.errors()[0]["loc"] == (1, "id")
        assert "secret" not in str(error)
        assert (error.url, error.method, error.attempts) == (server.url + "/users", "GET", 1)
        async with streaming(kind, client.stream("GET")) as body:
            items = body.iter_items(User, on_invalid="skip")
            assert await each(kind, items) == [User(id=1), User(id=3)]
            assert body.skipped == 1


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (
            answer(200, body=b'[{"id": 1}, {"id"'),
            ResponseParseError,
            "ends in the middle of item 1",
        ),
        ((answer(200, body=b'[{"id": 1}, ', length=99), CLOSE), IncompleteResponse, "was cut"),
        (answer(200, body=b'{"data": []}'), ResponseValidationError, "list of"),
        (answer(200, body=b"<html>"), ResponseParseError, "no valid JSON"),
        (answer(200, body=b'[{"id": 1}] 2'), ResponseParseError, "follows the array"),
        (answer(200, GZIP, body=b"[1]"), ContentEncodingError, "gzip"),
    ],
)
async def test_no_items(kind: Kind, step: Step, error: type[Exception], message: str) -> None:
    """What is wrong with a body is an error that says of which call it is."""
    async with Scripted(step) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET", "/users")) as body:
            with pytest.raises(error, match=message) as caught:
                await each(kind, body.iter_items(User))
    assert f"GET {server.url}/users" in str(caught.value)


async def test_media_type_of_items(kind: Kind) -> None:
    """Where a client takes some media types for JSON only, a stream keeps to that."""
    async with Scripted(answer(200, "Content-Type: text/html", body=b"[]")) as server:
        client = kind.client(server.url, json_content_types=["application/json"])
        async with streaming(kind, client.stream("GET")) as body:
            with pytest.raises(ResponseParseError, match="text/html"):
                body.iter_items(User)


async def test_json_lines(kind: Kind) -> None:
    """Each line is a model; the last one needs no end, and is not cut."""
    steps = (
        chunked(b'{"id": 1}\n{"i', b'd": 2}\n\n{"id": 3}'),
        chunked(b'{"id": 1}\n{"id": 2'),
        answer(200, body=b'{"id": 1}\n{}\n{"id": 3}\n'),
    )
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            users = await each(kind, body.iter_json_lines(User))
            assert users == [User(id=1), User(id=2), User(id=3)]
            assert users[2].model_response.status == 200
        async with streaming(kind, client.stream("GET")) as body:
            lines = body.iter_json_lines()
            assert await one_of(kind, lines) == {"id": 1}
            with pytest.raises(ResponseParseError, match="in the middle of item 1"):
                await one_of(kind, lines)
        async with streaming(kind, client.stream("GET")) as body:
            users = await each(kind, body.iter_json_lines(User, on_invalid="skip"))
            assert users == [User(id=1), User(id=3)]
            assert body.skipped == 1


async def test_json_line_that_does_not_fit_in_its_charset(kind: Kind) -> None:
    """A line of another charset than UTF-8 is looked at in that, and skipped where it is wrong."""
    content = '{"id": 1, "name": "ü"}\n{"id": "ü"}\n{"id": 3}\n'.encode("latin-1")
    field = "Content-Type: application/x-ndjson; charset=latin-1"
    async with Scripted(answer(200, field, body=content)) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            users = await each(kind, body.iter_json_lines(User, on_invalid="skip"))
            assert [user.id for user in users] == [1, 3]
            assert body.skipped == 1


async def test_json_text_sequence(kind: Kind) -> None:
    """The media type says that texts are told apart by record separators (RFC 7464)."""
    content = b'\x1e{"id":\n1}\n\x1e{"id": 2}\n'
    fields = ("Content-Type: application/json-seq",)
    async with Scripted(chunked(content, fields=fields)) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            assert await each(kind, body.iter_json_lines(User)) == [User(id=1), User(id=2)]


async def test_events(kind: Kind) -> None:
    """Events are typed, all alike or each by its name."""
    text = (
        'retry: 5\n\nid: 7\ndata: {"amount":\ndata: 1.5}\n\n: comment\nevent: end\ndata: bye\n\n'
        "data: cut"
    )
    async with Scripted(*[events(text)] * 3) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            assert body.last_event_id == ""
            assert await each(kind, body.iter_events()) == [
                ServerSentEvent("message", '{"amount":\n1.5}', "7", None),
                ServerSentEvent("end", "bye", "7", None),
            ]
            assert body.last_event_id == "7"
        async with streaming(kind, client.stream("GET")) as body:
            found = await each(kind, body.iter_events({"message": Price}))
            assert [event.data for event in found] == [Price(amount=1.5)]
        async with streaming(kind, client.stream("GET", "/prices")) as body:
            iterator = body.iter_events(Price)
            assert (await one_of(kind, iterator)).data.amount == 1.5
            with pytest.raises(ResponseParseError, match=r"GET .*/prices: .*event 1"):
                await one_of(kind, iterator)


async def test_events_until(kind: Kind) -> None:
    """Data that ends the stream ends it, and the connection is used again if nothing follows."""
    text = 'data: {"amount": 1}\n\ndata: [DONE]\n\n'
    async with Scripted(events(text), answer(200)) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("POST", body={})) as body:
            found = await each(kind, body.iter_events(Price, until="[DONE]"))
            assert [event.data.amount for event in found] == [1]
        assert await client.get() == {}
        assert server.connections == [1, 1]


async def test_no_events(kind: Kind) -> None:
    """A page of a proxy is no stream of events, and is not taken for an empty one."""
    steps = answer(200, "Content-Type: text/html", body=b"<html>"), answer(200, body=b"data: 1\n\n")
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET", "/x")) as body:
            with pytest.raises(ResponseParseError, match=r"text/event-stream, not 'text/html'"):
                body.iter_events(Price)
        async with streaming(kind, client.stream("GET", "/x")) as body:
            assert [event.data for event in await each(kind, body.iter_events(int))] == [1]


async def test_reconnect(kind: Kind) -> None:
    """Whatever ends a stream, it goes on behind the last event, until a 204."""
    steps: list[Step] = [
        events("retry: 1\n\nid: a\ndata: 1\n\n"),
        (
            answer(200, "Content-Type: text/event-stream", body=b"id: b\ndata: 2\n\n", length=99),
            RESET,
        ),
        CLOSE,
        answer(503, "Retry-After: 0"),
        events("data: 3\n\nid\ndata: 4\n\n"),
        events("data: 5\n\n"),
        answer(204, body=b""),
    ]
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        headers = {"Last-Event-ID": "0", "X-A": "a"}
        async with streaming(kind, client.stream("GET", "/e", headers=headers)) as body:
            found = await each(kind, body.iter_events(int, reconnect=True))
        # A reset may overtake what was sent before it.
        numbers = [event.data for event in found]
        assert [one for one in numbers if one != 2] == [1, 3, 4, 5]
        sent = [read.headers.get("Last-Event-ID") for read in server.log]
        assert sent[:2] == ["0", "a"]
        last = "b" if 2 in numbers else "a"
        assert sent[2:5] == [last] * 3
        # An empty ID takes back what was there.
        assert sent[5:] == ["0", "0"]
        assert {read.headers["X-A"] for read in server.log} == {"a"}


async def test_reconnect_until(kind: Kind) -> None:
    """The data that ends the stream ends reconnecting, too."""
    steps = events("retry: 1\n\ndata: 1\n\n"), events("data: end\n\n")
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            found = await each(kind, body.iter_events(until="end", reconnect=True))
        assert [event.data for event in found] == ["1"]
        assert len(server.log) == 2


async def test_reconnect_so_many_times(kind: Kind) -> None:
    """The number counts failures in a row; an event begins anew."""
    first, empty = events("retry: 1\n\ndata: 1\n\n"), events(":\n\n")
    async with Scripted(first, empty, first, empty, empty, first) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            found = await each(kind, body.iter_events(reconnect=2))
        assert [event.data for event in found] == ["1", "1"]
        assert len(server.log) == 5
    async with Scripted(first, answer(503), answer(503), first) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            with pytest.raises(HTTPServiceUnavailable):
                await each(kind, body.iter_events(reconnect=2))
        assert len(server.log) == 3


async def test_reconnect_refused(kind: Kind) -> None:
    """A status that does not pass, and data that does not fit, end it."""
    first = events("retry: 1\n\ndata: 1\n\n")
    bad = events("data: x\n\n")
    html = answer(200, "Content-Type: text/html", body=b"<html>")
    async with Scripted(first, answer(403), first, bad, first, html) as server:
        client = kind.client(server.url, retry=Retry())
        for error in (HTTPForbidden, ResponseParseError, ResponseParseError):
            async with streaming(kind, client.stream("GET")) as body:
                with pytest.raises(error):
                    await each(kind, body.iter_events(int, reconnect=True))
        assert len(server.log) == 6


@pytest.mark.parametrize("options", [{"deadline": 0.5}, {"timeout": 0.5}])
async def test_reconnect_within_the_time(kind: Kind, options: Any) -> None:
    """What bounds the stream bounds it over all its connections."""
    again = events("retry: 200\n\ndata: 1\n\n")
    async with Scripted(*[again] * 50) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET", **options)) as body:
            with pytest.raises(DeadlineExceeded, match="before the stream can be asked for again"):
                await each(kind, body.iter_events(reconnect=True))
        assert 1 < len(server.log) < 5


async def test_reconnect_within_a_budget(kind: Kind) -> None:
    """A budget ends it at once where the wait goes beyond it."""
    async with Scripted(events("retry: 60000\n\ndata: 1\n\n")) as server:
        client = kind.client(server.url)
        with client.target.budget(seconds=5) as budget:
            async with streaming(kind, client.stream("GET")) as body:
                with pytest.raises(BudgetExhausted):
                    await each(kind, body.iter_events(reconnect=True))
        assert budget.exhausted
        assert len(server.log) == 1


async def test_reconnect_that_sends_again(kind: Kind) -> None:
    """What has effects is not sent again, unless the server can tell that it has seen it."""
    async with Scripted(*[events("data: 1\n\n")] * 2, answer(204, body=b"")) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("POST", body={})) as body:
            with pytest.raises(ConfigurationError, match="would send the POST again"):
                body.iter_events(reconnect=True)
        stream = client.stream("POST", body={}, idempotency_key="k")
        async with streaming(kind, stream) as body:
            assert len(await each(kind, body.iter_events(reconnect=1))) == 1
        assert {read.headers["Idempotency-Key"] for read in server.log[1:]} == {"k"}


async def test_skipped_over_connections(kind: Kind) -> None:
    """What was skipped is counted over all connections."""
    steps = events("retry: 1\n\ndata: x\n\n"), events("data: y\n\ndata: 1\n\n")
    async with Scripted(*steps, answer(204, body=b"")) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            found = await each(kind, body.iter_events(int, reconnect=True, on_invalid="skip"))
            assert [event.data for event in found] == [1]
            assert body.skipped == 2


@pytest.mark.parametrize("until", [b"[DONE]", print, 5])
async def test_end_that_is_no_text(kind: Kind, until: Any) -> None:
    """What can never match is refused."""
    async with Scripted(events("")) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            with pytest.raises(ConfigurationError, match="until must be text"):
                body.iter_events(until=until)


@pytest.mark.parametrize("number", ["a\x01", "日本", "x" * 9000])
async def test_id_that_cannot_be_sent(kind: Kind, number: str) -> None:
    """Where no header may hold the ID, the stream does not begin anew without a word."""
    steps = events(f"retry: 1\nid: {number}\ndata: 1\n\n"), answer(204, body=b"")
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET", "/e")) as body:
            iterator = body.iter_events(reconnect=True)
            assert (await one_of(kind, iterator)).data == "1"
            with pytest.raises(ResponseParseError, match="whose ID no header can hold"):
                await one_of(kind, iterator)
        assert len(server.log) == 1


async def test_closed_while_it_is_followed(kind: Kind) -> None:
    """Who closes the stream from outside ends it: it is not asked for again."""
    first = events("retry: 50\n\nid: a\ndata: 1\n\n")
    async with Scripted(first, first) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            iterator = body.iter_events(reconnect=True)
            assert (await one_of(kind, iterator)).data == "1"
            waiting = asyncio.ensure_future(one_of(kind, iterator))
            await asyncio.sleep(0)
            await kind.call(body.close)
            with pytest.raises(ConfigurationError, match="this stream is closed"):
                await waiting
        assert len(server.log) == 1


async def test_cancelled_while_reconnecting() -> None:
    """Who is cancelled while a reconnection is waited for sends nothing any more."""
    kind = Kind("async")
    async with Scripted(events("retry: 100000\n\ndata: 1\n\n")) as server:
        client = kind.client(server.url)
        got = asyncio.Event()

        async def follow() -> None:
            async with client.target.stream("GET") as body:
                async for _ in body.iter_events(reconnect=True):
                    got.set()

        task = asyncio.create_task(follow())
        await got.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(server.log) == 1
        await kind.close()


@pytest.mark.parametrize("reconnect", [-1, 1.5, "yes", None])
async def test_no_number_of_reconnections(kind: Kind, reconnect: Any) -> None:
    """What is no number of reconnections is refused."""
    async with Scripted(events("")) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            with pytest.raises(ConfigurationError, match="reconnect must be True, False or"):
                body.iter_events(reconnect=reconnect)


async def test_unknown_options(kind: Kind) -> None:
    """A near miss is named."""
    async with Scripted(events("")) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            for method, name, near in (
                (body.iter_items, "on_invald", "on_invalid"),
                (body.iter_json_lines, "max_item_sise", "max_item_size"),
                (body.iter_events, "reconect", "reconnect"),
            ):
                with pytest.raises(ConfigurationError, match=f"'{name}'.*'{near}'"):
                    method(int, **{name: "skip"})


async def test_event_that_never_ends(kind: Kind) -> None:
    """A stream without an end of line is broken off."""
    step = chunked(
        b"data: " + b"x" * 100_000, end=False, fields=("Content-Type: text/event-stream",)
    )
    async with Scripted((step, HANG)) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            with pytest.raises(ResponseTooLarge, match="max_event_size"):
                await each(kind, body.iter_events(max_event_size=50_000))


async def test_left_within_a_piece(kind: Kind) -> None:
    """Who stops at an item leaves the rest, and the next call is not delayed."""
    content = json.dumps([{"id": number} for number in range(10)]).encode()
    async with Scripted((answer(200, body=content, length=10**6), HANG), answer(200)) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            assert await each(kind, body.iter_items(User), most=3) == [
                User(id=0),
                User(id=1),
                User(id=2),
            ]
        assert await client.get() == {}


async def test_real_servers(kind: Kind, httpbin_url: str) -> None:
    """A server that nobody here wrote is streamed."""
    client = kind.client(httpbin_url)
    async with streaming(kind, client.stream("GET", "/stream/20")) as body:
        lines = await each(kind, body.iter_json_lines(User))
        assert [line.id for line in lines] == list(range(20))
    async with streaming(kind, client.stream("GET", "/stream-bytes/100000")) as body:
        assert len(await kind.call(body.read)) == 100_000
    drip = client.stream("GET", "/drip", parameters={"numbytes": 5, "duration": 0.5, "delay": 0})
    async with streaming(kind, drip) as body:
        assert await each(kind, body.iter_bytes()) == [b"*"] * 5
    async with streaming(kind, client.stream("GET", "/range/1000")) as body:
        assert body.headers["Accept-Ranges"] == "bytes"
        assert body.length == 1000
