"""`stream`: bodies that are read while they come, on each way to a socket."""

import asyncio
import gc
import gzip
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from typing_extensions import override

from arya_api_framework import (
    TLS,
    Event,
    Events,
    Hook,
    Pool,
    RawResponse,
    Request,
    Retry,
    SubClient,
    SyncClient,
    Timeout,
)
from arya_api_framework.auth import Auth
from arya_api_framework.errors import (
    BudgetExhausted,
    ClientClosedError,
    ConfigurationError,
    ContentEncodingError,
    DeadlineExceeded,
    FileError,
    HTTPNotFound,
    HTTPNotModified,
    IncompleteResponse,
    PoolTimeout,
    ProtocolError,
    ReadTimeout,
    RequestTimeout,
    ResponseParseError,
    ResponseTooLarge,
    TargetExists,
    UploadIncomplete,
)
from tests.app import Server
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.scripted import CLOSE, HANG, RESET, Early, Held, Scripted, answer
from tests.streams import each, one_of, streaming


def chunked(*chunks: bytes, end: bool = True, fields: tuple[str, ...] = ()) -> bytes:
    """Return a response with a body in chunks."""
    head = "".join(
        f"{line}\r\n" for line in ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *fields)
    )
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head.encode() + b"\r\n" + body + (b"0\r\n\r\n" if end else b"")


async def test_head_first(lane: Lane) -> None:
    """The head is there while the body is still on its way."""
    rest = Held(b"world")
    first = answer(200, "Content-Type: text/plain", "Set-Cookie: a=b", body=b"hello ", length=11)
    async with Scripted((first, rest)) as server:
        client = lane.client(server.url)
        async with streaming(lane, client.stream("GET", "/x", parameters={"q": 1})) as body:
            assert (body.status, body.headers["content-type"]) == (200, "text/plain")
            assert (body.length, body.encoding, body.history) == (11, "utf-8", ())
            assert str(body.url) == server.url + "/x?q=1"
            assert body.request.target == "/x?q=1"
            assert body.cookies["a"].value == "b"
            assert body.response.content == b""
            assert repr(body) == (
                f"<{type(body).__name__} <RawResponse 200 GET {server.url}/x?q=***>>"
            )
            pieces = body.iter_bytes()
            assert await one_of(lane, pieces) == b"hello "
            rest.free()
            assert b"".join(await each(lane, pieces)) == b"world"


@pytest.mark.parametrize(
    ("response", "content"),
    [
        (answer(200, body=b"abc"), b"abc"),
        (answer(200, body=b""), b""),
        (answer(204, body=b""), b""),
        (chunked(b"a", b"bc", b"d" * 100_000), b"abc" + b"d" * 100_000),
        (chunked(), b""),
        ((b"HTTP/1.1 200 OK\r\n\r\nuntil the end", CLOSE), b"until the end"),
    ],
)
async def test_whole(lane: Lane, response: Any, content: bytes) -> None:
    """A body is given whole, however it is framed; the connection serves the next call."""
    async with Scripted(response, answer(200)) as server:
        client = lane.client(server.url)
        async with streaming(lane, client.stream("GET")) as body:
            assert b"".join(await each(lane, body.iter_bytes())) == content
        assert await client.get() == {}
        keeps = not isinstance(response, tuple)
        assert server.connections == [1, 1 if keeps else 2]


async def test_cookies(lane: Lane) -> None:
    """What the head of a stream sets is kept."""
    async with Scripted(answer(200, "Set-Cookie: a=b"), answer(200)) as server:
        # An address keeps no cookies by the strict policy.
        client = lane.client(server.url, cookie_policy="any")
        async with streaming(lane, client.stream("GET")):
            await client.get()
        assert server.log[1].headers["Cookie"] == "a=b"


@pytest.mark.parametrize("size", [1, 3, 7, 100])
async def test_pieces_of_one_size(kind: Kind, size: int) -> None:
    """Pieces have the size that is asked for, whatever the server sent at once."""
    content = bytes(range(50)) * 2
    expected = [content[start : start + size] for start in range(0, 100, size)]
    async with Scripted(*[chunked(content[:5], content[5:6], content[6:])] * 2) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            assert await each(kind, body.iter_bytes(size)) == expected
        async with streaming(kind, client.stream("GET")) as body:
            assert await each(kind, body.iter_raw(size)) == expected


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "5"])
async def test_no_size(kind: Kind, size: Any) -> None:
    """What is no size is refused, and the body is not touched."""
    async with Scripted(answer(200, body=b"abc")) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            with pytest.raises(ConfigurationError, match="size must be a whole number above 0"):
                await one_of(kind, body.iter_bytes(size))
            assert await kind.call(body.read) == b"abc"


async def test_content_coding(lane: Lane) -> None:
    """The content is decoded piece by piece; `iter_raw` gives what came."""
    content = b"0123456789" * 100_000
    packed = gzip.compress(content)
    response = chunked(packed[:10], packed[10:], fields=("Content-Encoding: gzip",))
    async with Scripted(response, response, response) as server:
        client = lane.client(server.url, max_response_size=5000)
        async with streaming(lane, client.stream("GET")) as body:
            pieces = await each(lane, body.iter_bytes())
            assert b"".join(pieces) == content
            assert max(map(len, pieces)) <= 64 * 1024
        async with streaming(lane, client.stream("GET")) as body:
            assert b"".join(await each(lane, body.iter_raw())) == packed
        async with streaming(lane, client.stream("GET")) as body:
            parts = await each(lane, body.iter_bytes(300_000))
            assert [len(part) for part in parts] == [300_000, 300_000, 300_000, 100_000]


@pytest.mark.parametrize(
    "packed", [gzip.compress(b"x" * 99, mtime=0)[:-3], b"no gzip", b"\x1f\x8b\x08"]
)
async def test_broken_coding(lane: Lane, packed: bytes) -> None:
    """A coded body that is cut or broken is an error, with what is known of the call."""
    async with Scripted(answer(200, "Content-Encoding: gzip", body=packed)) as server:
        client = lane.client(server.url)
        async with streaming(lane, client.stream("GET", "/x")) as body:
            with pytest.raises(ContentEncodingError) as caught:
                await each(lane, body.iter_bytes())
    assert caught.value.status == 200
    assert caught.value.url == server.url + "/x"


async def test_unknown_coding(lane: Lane) -> None:
    """A coding that nobody knows is an error when the head is there."""
    async with Scripted(answer(200, "Content-Encoding: rot13", body=b"x"), answer(200)) as server:
        client = lane.client(server.url)
        with pytest.raises(ContentEncodingError, match="rot13") as caught:
            async with streaming(lane, client.stream("GET", "/x")):
                pass
        assert caught.value.method == "GET"
        assert await client.get() == {}


async def test_read(lane: Lane) -> None:
    """`read` returns all of it, if that is not too much."""
    async with Scripted(answer(200, body=b"abc"), answer(200, body=b"x" * 101)) as server:
        client = lane.client(server.url, max_response_size=100)
        async with streaming(lane, client.stream("POST", body={"a": 1})) as body:
            assert await lane.call(body.read) == b"abc"
        assert (server.log[0].method, server.log[0].body) == ("POST", b'{"a":1}')
        async with streaming(lane, client.stream("GET")) as body:
            with pytest.raises(ResponseTooLarge, match="100 bytes"):
                await lane.call(body.read)


async def test_status(lane: Lane) -> None:
    """An error status raises, with its body, before the block is entered; a 304 does, too."""
    steps = answer(404, body=b'{"message": "no"}'), answer(304, body=b""), answer(200)
    async with Scripted(*steps) as server:
        client = lane.client(server.url)
        with pytest.raises(HTTPNotFound, match="no") as caught:
            async with streaming(lane, client.stream("GET", "/x")):
                pass
        assert caught.value.response == {"message": "no"}
        with pytest.raises(HTTPNotModified):
            async with streaming(lane, client.stream("GET", "/x")):
                pass
        assert await client.get() == {}
        assert server.connections == [1, 1, 1]


async def test_redirects_and_retries(lane: Lane) -> None:
    """The way to the head is that of any other call."""
    steps = (
        answer(503, "Retry-After: 0"),
        answer(302, "Location: /there"),
        answer(200, body=b"here"),
    )
    async with Scripted(*steps) as server:
        client = lane.client(server.url, retry=Retry())
        async with streaming(lane, client.stream("GET", "/x")) as body:
            assert await lane.call(body.read) == b"here"
            assert [one.status for one in body.history] == [302]
            assert body.response.request.target == "/there"


async def test_left_early(lane: Lane) -> None:
    """A body that is left early never blocks the next call, and its connection is not used."""
    more = answer(200, body=b"some", length=10**9), HANG
    async with Scripted(more, more, answer(200)) as server:
        client = lane.client(server.url, pool=Pool(total=1))
        for _ in range(2):
            async with streaming(lane, client.stream("GET")) as body:
                assert await one_of(lane, body.iter_bytes()) == b"some"
        assert await client.get() == {}
        assert server.connections == [1, 2, 3]
        await server.has_ended(1)
        await server.has_ended(2)


async def test_over_tls(lane: Lane, origin: Server, tls: TLS) -> None:
    """A large body comes whole, one that is left early delays nobody, and a small one is reused."""
    client = lane.client(origin.url, tls=tls, pool=Pool(total=1))
    async with streaming(lane, client.stream("GET", "/bytes/3000000")) as body:
        assert sum(map(len, await each(lane, body.iter_bytes()))) == 3_000_000
    async with streaming(lane, client.stream("GET", "/bytes/50000000")) as body:
        assert await one_of(lane, body.iter_bytes())
    drip = client.stream("GET", "/drip", parameters={"numbytes": 100, "duration": 100})
    async with streaming(lane, drip) as body:
        assert await one_of(lane, body.iter_bytes()) == b"*"
    async with streaming(lane, client.stream("GET", "/bytes/1000")):
        pass
    assert (await client.get("/bytes/10", response_format=bytes))[:1]


async def test_unread(lane: Lane) -> None:
    """A body that is here already is taken along, so that the connection can be used again."""
    async with Scripted(answer(200, body=b"some"), chunked(b"more"), answer(200)) as server:
        client = lane.client(server.url)
        for _ in range(2):
            async with streaming(lane, client.stream("GET")):
                pass
        assert await client.get() == {}
        assert server.connections == [1, 1, 1]


async def test_unread_and_long(lane: Lane) -> None:
    """Nobody reads on for a body that goes on and on, though it comes fast."""
    size = 50_000_000
    async with Scripted((answer(200, body=b"x" * size), HANG), answer(200)) as server:
        client = lane.client(server.url)
        async with streaming(lane, client.stream("GET")):
            pass
        assert await client.get() == {}
        assert server.connections == [1, 2]


async def test_error_in_the_block(lane: Lane) -> None:
    """An error of the user's goes through, and the connection is let go."""
    async with Scripted((answer(200, body=b"some", length=99), HANG), answer(200)) as server:
        client = lane.client(server.url, pool=Pool(total=1))
        with pytest.raises(ZeroDivisionError):
            async with streaming(lane, client.stream("GET")):
                raise ZeroDivisionError
        assert await client.get() == {}


@pytest.mark.parametrize(
    ("steps", "kind_of_error"),
    [
        ((answer(200, body=b"some", length=99), CLOSE), IncompleteResponse),
        ((answer(200, body=b"some", length=99), RESET), IncompleteResponse),
        ((chunked(b"some", end=False), CLOSE), IncompleteResponse),
        ((chunked(b"some", end=False), b"nonsense\r\n"), ProtocolError),
    ],
)
async def test_cut(lane: Lane, steps: Any, kind_of_error: type[Exception]) -> None:
    """A body that is cut is an error, after what came of it."""
    async with Scripted(steps, answer(200)) as server:
        client = lane.client(server.url, retry=Retry())
        async with streaming(lane, client.stream("GET", "/x?key=secret")) as body:
            pieces = body.iter_bytes()
            with pytest.raises(kind_of_error) as caught:
                await each(lane, pieces)
        error: Any = caught.value
        assert (error.sent, error.method, error.attempts) == ("yes", "GET", 1)
        assert error.url == server.url + "/x?key=***"
        assert "secret" not in str(error)
        assert await client.get() == {}
        assert server.connections == [1, 2]


async def test_silence(lane: Lane) -> None:
    """A piece may take as long as the `read` part says; the time before it does not count."""
    steps = answer(200, body=b"some", length=99), HANG
    async with Scripted(steps, steps) as server:
        client = lane.client(server.url, timeout=Timeout(total=60, read=0.2))
        async with streaming(lane, client.stream("GET", "/x")) as body:
            pieces = body.iter_bytes()
            assert await one_of(lane, pieces) == b"some"
            await asyncio.sleep(0.4)
            with pytest.raises(ReadTimeout, match=r"timed out after 0\.2 s") as caught:
                await one_of(lane, pieces)
        assert caught.value.sent == "yes"
        async with streaming(lane, client.stream("GET", timeout=Timeout(total=0.3))) as body:
            with pytest.raises(RequestTimeout, match=r"the call took over 0\.3 s"):
                await each(lane, body.iter_bytes())


async def test_total_ends_with_the_head(lane: Lane) -> None:
    """The total of the client is for the head; a deadline, or a total of the call, is for all."""
    held = Held(b"x")
    slow = answer(200, body=b"", length=1), held
    drip = answer(200, body=b"x" * 10, length=99), HANG
    async with Scripted(slow, drip, drip) as server:
        client = lane.client(server.url, timeout=0.3)
        async with streaming(lane, client.stream("GET")) as body:
            asyncio.get_running_loop().call_later(0.5, held.free)
            assert await lane.call(body.read) == b"x"
        async with streaming(lane, client.stream("GET", deadline=0.3)) as body:
            with pytest.raises(DeadlineExceeded):
                await each(lane, body.iter_bytes())
        with pytest.raises(RequestTimeout):
            await client.get(timeout=0.2)


async def test_total_is_over_without_a_wait(lane: Lane) -> None:
    """A total of the call holds, too, where every piece is here at once."""
    async with Scripted(answer(200, body=b"x" * 10_000_000)) as server:
        client = lane.client(server.url)
        async with streaming(lane, client.stream("GET", timeout=0.3)) as body:
            pieces = body.iter_bytes()
            assert await one_of(lane, pieces)
            await asyncio.sleep(0.4)
            with pytest.raises(RequestTimeout):
                await one_of(lane, pieces)


async def test_budget(lane: Lane) -> None:
    """The budget around a stream bounds its body, too."""
    async with Scripted((answer(200, body=b"some", length=99), HANG)) as server:
        client = lane.client(server.url)
        with client.target.budget(seconds=0.3) as budget:
            async with streaming(lane, client.stream("GET")) as body:
                with pytest.raises(BudgetExhausted):
                    await each(lane, body.iter_bytes())
        assert budget.exhausted


async def test_read_twice(kind: Kind) -> None:
    """A body comes once, and within its block."""
    async with Scripted(answer(200, body=b"abc")) as server:
        client = kind.client(server.url)
        stream = client.stream("GET")
        assert repr(stream) == f"<{type(stream).__name__} not sent>"
        with pytest.raises(ConfigurationError, match=r"opened by its `with` block: `(async )?with"):
            _ = stream.status
        with pytest.raises(ConfigurationError, match="opened by its `with` block"):
            await kind.call(stream.read)
        async with streaming(kind, stream) as body:
            assert await kind.call(body.read) == b"abc"
            with pytest.raises(ConfigurationError, match="it comes once"):
                await kind.call(body.read)
        with pytest.raises(ConfigurationError, match="this stream is closed"):
            await kind.call(body.read)
        with pytest.raises(ConfigurationError, match="make another one"):
            async with streaming(kind, stream):
                pass


@pytest.mark.parametrize("method", ["iter_bytes", "iter_lines", "iter_json_lines"])
async def test_iterator_that_outlives_its_block(lane: Lane, method: str) -> None:
    """What is read after the block is no end of the body, but an error."""
    steps = (answer(200, body=b'{"a": 1}\n' * 9, length=10**6), HANG)
    async with Scripted(steps) as server:
        client = lane.client(server.url)
        async with streaming(lane, client.stream("GET")) as body:
            rows = getattr(body, method)()
            assert await one_of(lane, rows)
        with pytest.raises(ConfigurationError, match="this stream is closed"):
            await each(lane, rows)


@pytest.mark.parametrize(
    ("options", "read"),
    [
        ({}, 60.0),
        ({"timeout": 600}, 60.0),
        ({"timeout": Timeout(total=5)}, None),
        ({"timeout": None}, None),
    ],
)
async def test_silence_unless_told(kind: Kind, options: Any, read: float | None) -> None:
    """Each piece may take a minute, unless a whole `Timeout`, or none, was asked for."""
    async with Scripted(answer(200, body=b"abc")) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET", **options)) as body:
            assert body._call.policy.timeout.read == read


async def test_names_of_others(kind: Kind) -> None:
    """Who is used to another library is told what it is called here."""
    async with Scripted(answer(200, body=b"abc")) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            with pytest.raises(AttributeError, match="'iter_content'; use `iter_bytes`"):
                body.iter_content  # noqa: B018
            with pytest.raises(AttributeError, match=r"no attribute 'nonsense'$"):
                body.nonsense  # noqa: B018


async def test_read_in_the_wrong_way(kind: Kind) -> None:
    """Who forgets the block, or takes the one of the other kind, is told which it is."""
    stream = kind.client("http://127.0.0.1:1").stream("GET")
    word = "async with" if kind.is_async else "with"
    told = rf"`iter_lines\(\)` of the `body` in `{word} client"
    with pytest.raises(TypeError, match=told):
        for _ in stream:
            pass
    with pytest.raises(TypeError, match=told):
        async for _ in stream:
            pass
    enter = stream.__enter__ if kind.is_async else stream.__aenter__
    with pytest.raises(TypeError, match=f"use `{word}`"):
        enter()


@pytest.mark.parametrize("option", ["progress", "on_progress"])
async def test_progress_of_nothing(kind: Kind, option: str) -> None:
    """What tells how much was sent is refused where nothing is."""
    client = kind.client("http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=f"'{option}' tells how much of a body is sent"):
        client.stream("GET", **{option: print})
    client.stream("POST", data=b"x", **{option: print})


@pytest.mark.parametrize("option", ["raw", "response_format"])
async def test_options_without_place(kind: Kind, option: str) -> None:
    """What the body becomes is not said by an option."""
    client = kind.client("http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=f"'{option}' has no place in a stream"):
        client.stream("GET", **{option: True})


async def test_no_option(kind: Kind) -> None:
    """Who is used to `stream=True` is told what to do."""
    client = kind.client("http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=r"use `with client\.stream"):
        await client.get(stream=True)


async def test_early_answer(lane: Lane) -> None:
    """A success that came before the upload was through is none."""
    async with Scripted(Early(answer(200, body=b"some"))) as server:
        client = lane.client(server.url)
        with pytest.raises(UploadIncomplete):
            async with streaming(lane, client.stream("POST", data=b"x" * 50_000_000)):
                pass


async def test_hooks(lane: Lane) -> None:
    """Hooks see the head; what one gives in place of a response is read as any other body."""

    class Give(Hook):
        @override
        def after_call(self, request: Request, response: RawResponse) -> RawResponse | None:
            assert response.content == b""
            if request.target == "/replaced":
                return RawResponse.make(request, content=b"given")
            if request.target == "/bad":
                raise ZeroDivisionError
            return None

    steps = answer(200, body=b"some", length=99), HANG
    async with Scripted(steps, steps, answer(200, body=b"own"), answer(200)) as server:
        client = lane.client(server.url, hooks=[Give()], pool=Pool(total=1))
        async with streaming(lane, client.stream("GET", "/replaced")) as body:
            assert await each(lane, body.iter_bytes()) == [b"given"]
        with pytest.raises(ZeroDivisionError):
            async with streaming(lane, client.stream("GET", "/bad")):
                pass
        async with streaming(lane, client.stream("GET", "/own")) as body:
            assert await each(lane, body.iter_bytes()) == [b"own"]
        await server.has_ended(1)
        await server.has_ended(2)


async def test_answer_of_a_hook_that_is_no_stream(kind: Kind) -> None:
    """What is wrong with an answer that nobody sent is told, too."""

    class Give(Hook):
        @override
        def before_call(self, request: Request) -> RawResponse:
            return RawResponse.make(request, headers={"Content-Type": "text/html"}, content="x")

    client = kind.client("http://127.0.0.1:1", hooks=[Give()])
    async with streaming(kind, client.stream("GET")) as body:
        with pytest.raises(ResponseParseError, match="text/event-stream"):
            body.iter_events()


async def test_answer_of_a_hook(kind: Kind) -> None:
    """Nothing is sent where a hook gives the answer."""

    class Give(Hook):
        @override
        def before_call(self, request: Request) -> RawResponse:
            return RawResponse.make(request, content=b"x" * 100_000)

    client = kind.client("http://127.0.0.1:1", hooks=[Give()])
    async with streaming(kind, client.stream("GET")) as body:
        assert [len(one) for one in await each(kind, body.iter_bytes())] == [65_536, 34_464]


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("fails", [True, False])
async def test_flow_sends_again(lane: Lane, is_whole: bool, fails: bool) -> None:
    """A body that a flow leaves for another request is closed, whatever becomes of that."""

    class Twice(Auth):
        @override
        def flow(self, request: Request) -> Any:
            yield request
            yield request
            if fails:
                raise ZeroDivisionError

    first: Any = (answer(200, body=b"some", length=99), HANG)
    if is_whole:
        first = answer(200, body=b"some")
    async with Scripted(first, answer(200, body=b"own"), answer(200)) as server:
        client = lane.client(server.url, auth=Twice(), pool=Pool(total=2))
        if fails:
            with pytest.raises(ZeroDivisionError):
                async with streaming(lane, client.stream("GET")):
                    pass
        else:
            async with streaming(lane, client.stream("GET")) as body:
                assert await lane.call(body.read) == b"own"
        if not is_whole:
            await server.has_ended(1)
        assert await client.get(auth=None) == {}


async def test_subclient(kind: Kind, httpbin_url: str) -> None:
    """A sub-client streams below its path."""

    class Streams(SubClient, name="streams", relative_path="/stream-bytes"):
        pass

    client = kind.client(httpbin_url)
    client.target.add_subclient(Streams())
    async with streaming(kind, client.target.streams.stream("GET", "/100000")) as body:
        assert sum(map(len, await each(kind, body.iter_bytes()))) == 100_000


@pytest.mark.parametrize(
    "step",
    [
        (answer(200, body=b"some", length=99), HANG),
        (chunked(b"some", end=False), HANG),
        (b"HTTP/1.1 200 OK\r\n\r\nsome", HANG),
    ],
)
@pytest.mark.parametrize("waits", [True, False])
async def test_closed_client(step: Any, waits: bool) -> None:
    """A body that is streamed ends with its asynchronous client, and is not taken for whole."""
    kind = Kind("async")
    async with Scripted(step) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            pieces = body.iter_bytes()
            assert await one_of(kind, pieces) == b"some"
            waiting = asyncio.ensure_future(one_of(kind, pieces)) if waits else None
            closing = asyncio.ensure_future(client.close())
            if waiting is None:
                await closing
            with pytest.raises(ClientClosedError, match="while a body was read"):
                await (waiting or one_of(kind, pieces))
            await closing
        with pytest.raises(ClientClosedError):
            async with streaming(kind, client.stream("GET")):
                pass


async def test_closed_synchronous_client() -> None:
    """A body that is streamed comes to its end, and nothing else is sent."""
    kind = Kind("sync")
    async with Scripted((answer(200, body=b"some", length=8), rest := Held(b"more"))) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            pieces = body.iter_bytes()
            assert await one_of(kind, pieces) == b"some"
            await client.close()
            rest.free()
            assert await each(kind, pieces) == [b"more"]
        with pytest.raises(ClientClosedError):
            async with streaming(kind, client.stream("GET")):
                pass


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip"])
async def test_time_of_a_bomb(kind: Kind, coding: str) -> None:
    """The time holds within what a few bytes decode to, and others have their turn meanwhile."""
    packed = gzip.compress(bytes(10_000_000)) * 500
    for _ in coding.split(",")[1:]:
        packed = gzip.compress(packed)
    async with Scripted(answer(200, f"Content-Encoding: {coding}", body=packed)) as server:
        client = kind.client(server.url)
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.ensure_future(count())
        async with streaming(kind, client.stream("GET", timeout=0.1)) as body:
            with pytest.raises(RequestTimeout):
                await kind.call(exhaust_async if kind.is_async else exhaust, body.iter_text())
        counting.cancel()
        assert turns > 10  # Of 256 KiB each, while this one never waited.


def exhaust(iterator: Any) -> None:
    """Read all of it."""
    for _ in iterator:
        pass


async def exhaust_async(iterator: Any) -> None:
    """Read all of it, with nothing else to wait for."""
    async for _ in iterator:
        pass


async def test_pool_is_full(kind: Kind) -> None:
    """A stream has its connection while it is open, and no longer than its body comes."""
    async with Scripted((answer(200, body=b"some", length=8), Held(b"more"))) as server:
        client = kind.client(server.url, pool=Pool(total=1), timeout=Timeout(pool=0.2))
        async with streaming(kind, client.stream("GET")) as body:
            pieces = body.iter_bytes()
            assert await one_of(kind, pieces) == b"some"
            with pytest.raises(PoolTimeout):
                await client.get()
            server._held[0].free()
            assert await each(kind, pieces) == [b"more"]
            assert await client.get() == {}


async def test_cancelled() -> None:
    """Who is cancelled while a piece is waited for leaves nothing behind."""
    kind = Kind("async")
    async with Scripted((answer(200, body=b"some", length=99), HANG), answer(200)) as server:
        client = kind.client(server.url, pool=Pool(total=1))

        async def read() -> None:
            async with client.target.stream("GET") as body:
                async for _ in body.iter_bytes():
                    got.set()

        got = asyncio.Event()
        task = asyncio.create_task(read())
        await got.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.has_ended(1)
        assert await client.get() == {}
        await kind.close()


async def test_forgotten() -> None:
    """A stream that nobody closes gives its connection back when nobody knows it any more."""
    kind = Kind("sync")
    async with Scripted((answer(200, body=b"some", length=99), HANG), answer(200)) as server:
        client = kind.client(server.url, pool=Pool(total=1))
        stream = client.stream("GET")
        await kind.call(stream.__enter__)
        del stream
        await kind.call(gc.collect)  # The thread that opened it knows it until its next task.
        await server.has_ended(1)
        assert await client.get() == {}
        await kind.close()


async def test_events_are_told(lane: Lane) -> None:
    """Each piece is told; what a method raises ends the reading."""

    class Told(Events):
        def __init__(self) -> None:
            self.sizes: list[int] = []
            self.fails = False

        @override
        def on_response_chunk_received(self, event: Event) -> None:
            if self.fails:
                raise ZeroDivisionError
            self.sizes.append(event.size or 0)

    told = Told()
    async with Scripted(*[chunked(b"x" * 10)] * 2, answer(200)) as server:
        client = lane.client(server.url, events=told)
        async with streaming(lane, client.stream("GET")) as body:
            assert len(await lane.call(body.read)) == sum(told.sizes) == 10
        told.fails = True
        async with streaming(lane, client.stream("GET")) as body:
            with pytest.raises(ZeroDivisionError):
                await lane.call(body.read)
        told.fails = False
        assert await client.get() == {}


async def test_not_hedged(kind: Kind) -> None:
    """A stream is sent once, however slow it is."""
    from arya_api_framework import Hedge

    held = Held(answer(200, body=b"x"))
    async with Scripted(held) as server:
        client = kind.client(server.url, hedge=Hedge(after=0.05))
        asyncio.get_running_loop().call_later(0.3, held.free)
        async with streaming(kind, client.stream("GET")) as body:
            assert await kind.call(body.read) == b"x"
        assert len(server.log) == 1


def test_mocks() -> None:
    """A stream of a mock is what the mock says."""
    packed = gzip.compress(b"packed")
    with responses.RequestsMock() as mock, SyncClient("https://api.test") as client:
        mock.get("https://api.test/plain", body=b"plain")
        mock.get("https://api.test/coded", body=packed, headers={"Content-Encoding": "gzip"})
        with client.stream("GET", "/plain") as body:
            assert body.read() == b"plain"
        with client.stream("GET", "/coded") as body:
            assert body.read() == b"packed"


async def test_hooks_of_a_session() -> None:
    """A hook of a session may read the body, or raise; nothing stays open."""
    kind = Kind("sync")

    def read(response: requests.Response, **_: Any) -> None:
        if response.request.path_url == "/read":
            assert response.content == b"abc"
        if response.request.path_url == "/raise":
            raise ZeroDivisionError

    def factory(**_: Any) -> requests.Session:
        session = requests.Session()
        session.hooks["response"].append(read)
        return session

    steps = answer(200, body=b"abc"), (answer(200, body=b"abc", length=99), HANG), answer(200)
    async with Scripted(*steps) as server:
        client = kind.client(server.url, session_factory=factory)
        async with streaming(kind, client.stream("GET", "/read")) as body:
            assert await kind.call(body.read) == b"abc"
        with pytest.raises(ZeroDivisionError):
            async with streaming(kind, client.stream("GET", "/raise")):
                pass
        await server.has_ended(1)
        assert await client.get() == {}
        await kind.close()


async def test_pickled_response(kind: Kind) -> None:
    """The head of a stream pickles, without what reads the body."""
    async with Scripted(answer(200, body=b"abc")) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            assert pickle.loads(pickle.dumps(body.response)).status == 200


async def test_large_pieces_of_a_bomb(kind: Kind) -> None:
    """A body of zeros is decoded in pieces of 64 KiB, and nothing else of it is kept."""
    packed = zlib.compress(bytes(30_000_000))
    async with Scripted(answer(200, "Content-Encoding: deflate", body=packed)) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            pieces = await each(kind, body.iter_bytes())
    assert sum(map(len, pieces)) == 30_000_000
    assert max(map(len, pieces)) <= 64 * 1024


def sizes(folder: Path) -> dict[str, int]:
    """Return the size of each file in a folder."""
    return {file.name: file.stat().st_size for file in folder.iterdir()}


async def test_save(lane: Lane, tmp_path: Path) -> None:
    """The content is written without its coding, under its name only once it is whole."""
    content = b"0123456789" * 100_000
    coded = chunked(gzip.compress(content), fields=("Content-Encoding: gzip",))
    named = answer(200, 'Content-Disposition: attachment; filename="../b.bin"', body=b"b")
    steps = (coded, named, answer(302, "Location: /elsewhere"), answer(200, body=b"c"), named)
    async with Scripted(*steps) as server:
        client = lane.client(server.url)
        async with streaming(lane, client.stream("GET", "/a")) as body:
            assert await lane.call(body.save, tmp_path / "a.bin") == len(content)
        assert (tmp_path / "a.bin").read_bytes() == content
        # Into a folder, by the name that the server tells, or that the URL has.
        for path in ("/b", "/c.bin"):
            async with streaming(lane, client.stream("GET", path)) as body:
                assert await lane.call(body.save, tmp_path) == 1
        async with streaming(lane, client.stream("GET", "/b")) as body:
            with (tmp_path / "d.bin").open("wb") as file:
                assert await lane.call(body.save, file) == 1
    assert sizes(tmp_path) == {
        "a.bin": len(content),
        "b.bin": 1,
        "c.bin": 1,
        "d.bin": 1,
    }


async def test_save_over_another(kind: Kind, tmp_path: Path) -> None:
    """A file that is there is left, unless it may be replaced."""
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    async with Scripted(*[answer(200, body=b"new")] * 2) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            with pytest.raises(TargetExists):
                await kind.call(body.save, target)
            assert target.read_bytes() == b"old"
        async with streaming(kind, client.stream("GET")) as body:
            await kind.call(body.save, str(target), overwrite=True)
    assert target.read_bytes() == b"new"
    assert sizes(tmp_path) == {"a.bin": 3}


async def test_save_what_is_cut(lane: Lane, tmp_path: Path) -> None:
    """Nothing is left of a body that does not come whole, or of which nobody can tell."""
    cut = (answer(200, body=b"x" * 300_000, length=400_000), CLOSE)
    unframed = (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", CLOSE)
    async with Scripted(cut, unframed, unframed) as server:
        client = lane.client(server.url)
        async with streaming(lane, client.stream("GET")) as body:
            with pytest.raises(IncompleteResponse):
                await lane.call(body.save, tmp_path / "a.bin")
        async with streaming(lane, client.stream("GET", "/u")) as body:
            with pytest.raises(ResponseParseError, match=r"GET .*/u: .*allow_unframed=True"):
                await lane.call(body.save, tmp_path / "a.bin")
        assert sizes(tmp_path) == {}
        async with streaming(lane, client.stream("GET", "/u")) as body:
            assert await lane.call(body.save, tmp_path / "a.bin", allow_unframed=True) == 13


async def test_save_nowhere(kind: Kind, tmp_path: Path) -> None:
    """A folder that is not there, and what is no place, are told; the body can still be read."""
    async with Scripted(*[answer(200, body=b"abc")] * 2) as server:
        client = kind.client(server.url)
        async with streaming(kind, client.stream("GET")) as body:
            with pytest.raises(FileError):
                await kind.call(body.save, tmp_path / "missing" / "a.bin")
            with pytest.raises(ConfigurationError):
                await kind.call(body.save, 5)
            with pytest.raises(ConfigurationError):
                await kind.call(body.save, tmp_path / "a.bin", overwrite="yes")
            assert await kind.call(body.read) == b"abc"
    assert sizes(tmp_path) == {}
