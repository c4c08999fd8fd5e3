"""Hooks of clients: when they run, what they may change, and what they cannot break."""

import asyncio
import copy
import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from arya_api_framework import Events, Hook, RawResponse, Request, SubClient, SyncClient
from arya_api_framework.client.async_hooks import AsyncHooks
from arya_api_framework.client.call import Call
from arya_api_framework.client.sync_hooks import SyncHooks
from arya_api_framework.errors import (
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    FrameworkException,
    HTTPNotFound,
    TooManyRedirects,
)
from tests.app import Server
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.faults import Faults, listener
from tests.patience import until_async


async def test_each_attempt_hears_what_was_sent_of_it(
    lane: Lane, server: Server, refusing: str
) -> None:
    """A redirect was read by the server, what follows it perhaps not."""
    seen: list[tuple[str, str]] = []

    class Note(Hook):
        def attempt_failed(self, request: Request, error: BaseException) -> None:
            seen.append(("attempt", getattr(error, "sent", "")))

        def call_failed(self, request: Request, error: BaseException) -> None:
            seen.append(("call", getattr(error, "sent", "")))

    client = lane.client(server.url, hooks=[Note()], trusted_origins=[refusing])
    with pytest.raises(ConnectError) as caught:
        await client.get("/redirect-to", parameters={"url": refusing})
    assert seen == [("attempt", "no"), ("call", "yes")]
    assert caught.value.sent == "yes"


@pytest.fixture
def refusing() -> Iterator[str]:
    """The origin of a port that takes no connections."""
    with listener(backlog=None) as origin:
        yield origin


class Spy(Hook):
    """Writes down what it sees."""

    def __init__(self, label: str, log: list[str]) -> None:
        self.label = label
        self.log = log

    @property
    def name(self) -> str:
        """Its label."""
        return self.label

    def before_call(self, request: Request) -> None:
        """Write down that a call begins."""
        self.log.append(f"{self.label} before_call")

    def after_call(self, request: Request, response: RawResponse) -> None:
        """Write down the status of a call."""
        self.log.append(f"{self.label} after_call {response.status}")

    def call_failed(self, request: Request, error: BaseException) -> None:
        """Write down why a call failed."""
        self.log.append(f"{self.label} call_failed {type(error).__name__}")

    def before_attempt(self, request: Request) -> None:
        """Write down what is sent."""
        self.log.append(f"{self.label} before_attempt {request.target}")

    def after_attempt(self, request: Request, response: RawResponse) -> None:
        """Write down what came."""
        self.log.append(f"{self.label} after_attempt {response.status}")

    def attempt_failed(self, request: Request, error: BaseException) -> None:
        """Write down why nothing came."""
        self.log.append(f"{self.label} attempt_failed {type(error).__name__}")


class Slow(Spy):
    """A spy whose methods are coroutine functions."""

    async def before_call(self, request: Request) -> None:  # type: ignore[override]
        """Write it down, later."""
        await asyncio.sleep(0)
        super().before_call(request)

    async def after_attempt(  # type: ignore[override]
        self, request: Request, response: RawResponse
    ) -> None:
        """Write it down, later."""
        await asyncio.sleep(0)
        super().after_attempt(request, response)

    async def call_failed(self, request: Request, error: BaseException) -> None:  # type: ignore[override]
        """Write it down, later."""
        await asyncio.sleep(0)
        super().call_failed(request, error)


def doing(**methods: Callable[..., Any]) -> Hook:
    """Return a hook with these methods."""
    made: Hook = type("Doing", (Hook,), {k: staticmethod(v) for k, v in methods.items()})()
    return made


async def test_hooks_are_laid_around_calls_and_attempts(lane: Lane, server: Server) -> None:
    """Each redirect is an attempt; the first hook given is the outermost, those of a call last."""
    log: list[str] = []
    client = lane.client(server.url, hooks=[Spy("a", log)])
    raw = await client.get("/redirect/1", raw=True, hooks=[Spy("b", log)])
    assert [one.status for one in raw.history] == [302]
    assert log == [
        "a before_call",
        "b before_call",
        "a before_attempt /redirect/1",
        "b before_attempt /redirect/1",
        "b after_attempt 302",
        "a after_attempt 302",
        "a before_attempt /redirect/0",
        "b before_attempt /redirect/0",
        "b after_attempt 200",
        "a after_attempt 200",
        "b after_call 200",
        "a after_call 200",
    ]


async def test_hooks_see_failures_in_reverse(lane: Lane, faults: Faults) -> None:
    """An error is whole when hooks see it, and goes on as it is."""
    log: list[str] = []
    seen: list[Any] = []
    last = doing(call_failed=lambda _, error: seen.append((error, error.attempts, error.url)))
    client = lane.client(faults.url, hooks=[Spy("a", log), Spy("b", log), last])
    with pytest.raises(ConnectionLost) as caught:
        await client.get("/close-in-head")
    assert log[4:] == [
        "b attempt_failed ConnectionLost",
        "a attempt_failed ConnectionLost",
        "b call_failed ConnectionLost",
        "a call_failed ConnectionLost",
    ]
    assert seen == [(caught.value, 1, f"{faults.url}/close-in-head")]
    assert str(caught.value).count("/close-in-head") == 1


async def test_an_error_status_is_a_response_to_hooks(lane: Lane, server: Server) -> None:
    """`after_call` sees it, and may make it a success; else its error comes after the hooks."""
    log: list[str] = []
    client = lane.client(server.url, hooks=[Spy("a", log)])
    with pytest.raises(HTTPNotFound):
        await client.get("/status/404")
    assert log[-1] == "a after_call 404"
    mend = doing(
        after_call=lambda request, response: RawResponse.make(
            request, body={"was": response.status}
        )
    )
    assert await client.get("/status/404", hooks=[mend]) == {"was": 404}
    assert log[-1] == "a after_call 200"


async def test_errors_between_the_requests_end_the_call(lane: Lane, server: Server) -> None:
    """What goes wrong between two attempts fails the call, and no attempt."""
    log: list[str] = []
    client = lane.client(server.url, hooks=[Spy("a", log)], max_redirects=0)
    with pytest.raises(TooManyRedirects):
        await client.get("/redirect/1")
    assert log[-2:] == ["a after_attempt 302", "a call_failed TooManyRedirects"]


async def test_a_hook_changes_a_request(lane: Lane, server: Server) -> None:
    """Headers, target, method and body of what is sent, and nothing of a request that was built."""

    def change(request: Request) -> None:
        request.headers["X-Count"] = str(len(request.headers))
        request.target = "/echo?changed=1"
        request.method = "PUT"
        request.body = b"changed"

    client = lane.client(server.url)
    request = client.build("POST", "/nothing", data="x")
    for hook in (doing(before_call=change), doing(before_attempt=change)):
        seen = await client.send(request, hooks=[hook])
        assert (seen["method"], seen["target"]) == ("PUT", "/echo?changed=1")
        assert server.log[-1].body == b"changed"
    assert server.log[0].headers["X-Count"] == server.log[1].headers["X-Count"]
    assert (request.method, request.target, "X-Count" in request.headers) == (
        "POST",
        "/nothing",
        False,
    )


def _set(name: str, value: Any) -> Callable[[Request], None]:
    return lambda request: setattr(request, name, value)


def _header(name: str, value: str) -> Callable[[Request], None]:
    return lambda request: request.headers.add(name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_header("Content-Length", "5"), "set by the transport"),
        (_header("Transfer-Encoding", "chunked"), "set by the transport"),
        (_header("X-Split", "a\r\nB: c"), "control character"),
        (_set("target", "/a b"), "must be encoded"),
        (_set("method", "GET / HTTP/1.1\r\nX: y"), "in capitals"),
        (_set("method", "CONNECT"), "CONNECT"),
        (_set("origin", "https://evil.test"), "trusted_origins"),
        (_set("body", "text"), "must be bytes, got str"),
    ],
)
@pytest.mark.parametrize("method", ["before_call", "before_attempt"])
async def test_what_a_hook_may_not_change(
    lane: Lane, server: Server, change: Callable[[Request], None], message: str, method: str
) -> None:
    """What cannot be sent is refused, and nothing is sent."""
    client = lane.client(server.url)
    with pytest.raises(ConfigurationError, match=message) as caught:
        await client.get("/echo", hooks=[doing(**{method: change})])
    assert caught.value.sent == "no"
    assert caught.value.method == "GET"
    assert server.log == []


async def test_a_hook_may_lead_to_a_trusted_origin_only(lane: Lane, server: Server) -> None:
    """A request with the client's credentials goes nowhere else."""
    other = lane.client(server.at("localhost")).build("GET", "/echo").origin
    hook = doing(before_call=_set("origin", other))
    client = lane.client(server.url, bearer_token="secret")
    with pytest.raises(ConfigurationError, match="trusted_origins"):
        await client.get("/echo", hooks=[hook])
    assert server.log == []
    client = lane.client(server.url, trusted_origins=[server.at("localhost")], hooks=[hook])
    await client.get("/echo")
    assert server.log[0].headers["Host"].startswith("localhost")


async def test_what_hooks_add_stays_with_the_client_s_own_hosts(lane: Lane, server: Server) -> None:
    """A credential that a hook adds to each request does not follow a redirect to elsewhere."""

    def sign(request: Request) -> None:
        request.headers["Authorization"] = "Bearer secret"
        request.headers["traceparent"] = "00-1-1-01"
        request.headers["Accept-Language"] = "de"

    client = lane.client(server.url, hooks=[doing(before_attempt=sign)])
    await client.get(f"/redirect-to?url={server.at('localhost')}/echo")
    first, second = server.log
    assert first.headers["Authorization"] == "Bearer secret"
    assert "Authorization" not in second.headers
    assert (second.headers["traceparent"], second.headers["Accept-Language"]) == ("00-1-1-01", "de")


@pytest.mark.parametrize("method", ["before_call", "before_attempt"])
async def test_a_hook_answers(lane: Lane, server: Server, method: str) -> None:
    """Nothing is sent; the hooks that were begun see the answer, those further in nothing."""
    log: list[str] = []
    answer = doing(**{method: lambda request: RawResponse.make(request, body={"cached": True})})
    client = lane.client(server.url, hooks=[Spy("a", log), answer, Spy("b", log)])
    assert await client.get("/echo") == {"cached": True}
    assert server.log == []
    level = method.removeprefix("before_")
    assert [line for line in log if level in line] == [
        line.format(level=level)
        for line in (
            ("a before_call", "a after_call 200")
            if level == "call"
            else ("a before_attempt /echo", "a after_attempt 200")
        )
    ]


async def test_an_answer_of_before_call_takes_no_slot(lane: Lane, server: Server) -> None:
    """The rate limit counts what is sent."""
    answer = doing(before_call=lambda request: RawResponse.make(request, content="null"))
    client = lane.client(server.url, rate_limit=1, rate_limit_interval=60, deadline=30)
    for _ in range(3):
        await client.get("/echo", hooks=[answer])
    await client.get("/echo")
    log: list[str] = []
    with pytest.raises(FrameworkException) as caught:
        await client.get("/echo", hooks=[Spy("a", log)])
    assert log == ["a before_call", f"a call_failed {type(caught.value).__name__}"]


async def test_one_response_may_answer_many_calls(lane: Lane, server: Server) -> None:
    """Each call has a copy: what a hook keeps is not written to."""
    kept: list[RawResponse] = []

    def remember(request: Request, response: RawResponse) -> None:
        kept.append(response)

    client = lane.client(server.url)
    first = await client.get("/echo?a=1", raw=True, hooks=[doing(after_call=remember)])
    elapsed, url = first.elapsed, first.url
    again = await client.get("/echo?b=2", raw=True, hooks=[doing(before_call=lambda _: kept[0])])
    assert again is not first
    assert (first.elapsed, first.url, str(again.url)) == (elapsed, url, f"{server.url}/echo?b=2")
    assert again.content == first.content
    assert len(server.log) == 1


@pytest.mark.parametrize("method", ["before_call", "after_call", "before_attempt", "after_attempt"])
async def test_what_a_hook_raises_leaves_unchanged(lane: Lane, server: Server, method: str) -> None:
    """It has a note of where it came from; the hooks around see it, and no connection is lost."""
    error = ConnectionLost("mine")

    def fail(*_: Any) -> None:
        raise error

    log: list[str] = []
    client = lane.client(server.url, hooks=[Spy("a", log)])
    await client.get("/echo")
    with pytest.raises(ConnectionLost) as caught:
        await client.get("/echo", hooks=[doing(**{method: fail})])
    assert caught.value is error
    assert (error.url, str(error)) == (None, "mine")
    assert error.__notes__ == [f"raised by the hook 'Doing' in {method}"]
    assert log[-1] == "a call_failed ConnectionLost"
    assert ("a attempt_failed ConnectionLost" in log) == ("attempt" in method)
    await client.get("/echo")
    assert len({one.connection for one in server.log}) == 1


async def test_a_failed_hook_neither_swallows_nor_replaces(
    lane: Lane, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """Its own error is logged and noted; the others see the first one."""

    def fail(*_: Any) -> None:
        raise KeyError("mine")

    log: list[str] = []
    client = lane.client(faults.url, hooks=[Spy("a", log), doing(attempt_failed=fail)])
    with pytest.raises(ConnectionLost) as caught:
        await client.get("/close-in-head")
    note = "the hook 'Doing' raised KeyError in attempt_failed"
    assert caught.value.__notes__ == [note]
    assert "a attempt_failed ConnectionLost" in log
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.getMessage() == note
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError


class Halt(BaseException):
    """What is no error, such as the end of a program."""


async def test_what_is_no_error_of_a_hook_has_no_note(lane: Lane, faults: Faults) -> None:
    """It ends the call, wherever it comes from, and the hooks around see it."""

    def halt(*_: Any) -> None:
        raise Halt

    log: list[str] = []
    client = lane.client(faults.url, hooks=[Spy("a", log)])
    with pytest.raises(Halt) as caught:
        await client.get("/ok", hooks=[doing(before_attempt=halt)])
    assert not hasattr(caught.value, "__notes__")
    assert log[-2:] == ["a attempt_failed Halt", "a call_failed Halt"]
    with pytest.raises(Halt) as caught:
        await client.get("/close-in-head", hooks=[doing(attempt_failed=halt)])
    assert isinstance(caught.value.__context__, ConnectionLost)
    assert log[-1] == "a call_failed Halt"


@pytest.mark.parametrize("method", ["before_call", "after_attempt"])
async def test_a_hook_must_return_a_response(lane: Lane, server: Server, method: str) -> None:
    """Anything else is named."""
    client = lane.client(server.url)
    with pytest.raises(ConfigurationError, match=r"'Doing' must return a RawResponse .* got int"):
        await client.get("/echo", hooks=[doing(**{method: lambda *_: 200})])


async def test_state_is_of_one_call(lane: Lane, server: Server) -> None:
    """A hook that many calls share at once keeps what is of each in the state of its request."""

    class Keeper(Hook):
        def before_call(self, request: Request) -> None:
            request.state[self] = [request.state["number"]]

        def before_attempt(self, request: Request) -> None:
            request.state[self].append(request.target)

        def after_call(self, request: Request, response: RawResponse) -> RawResponse:
            return RawResponse.make(request, body=request.state[self])

    client = lane.client(server.url, hooks=[Keeper()])
    request = client.build("GET", "/redirect/1")
    requests = [copy.copy(request) for _ in range(20)]
    for number, one in enumerate(requests):
        one.state["number"] = number
    found = await asyncio.gather(*(client.send(one) for one in requests))
    assert found == [[number, "/redirect/1", "/redirect/0"] for number in range(20)]
    assert requests[0].state == {"number": 0}


async def test_hooks_of_sub_clients_and_of_what_was_built(lane: Lane, server: Server) -> None:
    """They run the same for every way to make a call."""
    log: list[str] = []

    class Part(SubClient, name="part", relative_path="/parts/{part}"):
        pass

    api = lane.client(server.url, hooks=[Spy("a", log)])
    api.target.add_subclient(Part())
    seen: list[Any] = []
    hook = doing(before_call=lambda request: seen.append(request.template))
    with pytest.raises(HTTPNotFound):
        await api.part.get("/{id}", path_parameters={"part": 1, "id": 2}, hooks=[hook])
    await api.send(api.build("GET", "/echo"), hooks=[hook])
    assert seen == ["/parts/{part}/{id}", "/echo"]
    assert log.count("a before_call") == 2


async def test_templates_of_requests(kind: Kind) -> None:
    """The path with its fields not filled, without a query."""
    client = kind.client("https://api.test/v1", trusted_origins=["https://b.test"])
    build = client.build
    assert build("GET", "/users/{id}?x={x}", path_parameters={"id": 1, "x": 2}).template == (
        "/v1/users/{id}"
    )
    assert build("GET", "https://b.test/{a}", path_parameters={"a": 1}).template == "/{a}"
    assert build("GET").template == "/v1"
    assert build("GET", "https://b.test").template == "/"
    assert copy.copy(build("GET")).template == "/v1"


async def test_what_is_sent_again_is_changed_anew(kind: Kind) -> None:
    """What hooks add for one attempt is not there twice in the next one of the same request."""
    seen: list[list[str]] = []

    def add(request: Request) -> None:
        request.headers.add("X-Attempt", str(len(seen)))

    def answer(request: Request, _: Call) -> RawResponse:
        seen.append(request.headers.getall("X-Attempt"))
        return RawResponse.make(request)

    async def answer_later(request: Request, call: Call) -> RawResponse:
        return answer(request, call)

    client = kind.client("https://api.test", hooks=[doing(before_attempt=add)]).target
    call = client._prepare("GET", "/a", {})
    logger = logging.getLogger("test")
    hooks: Any = (
        AsyncHooks(call, answer_later, logger) if kind.is_async else SyncHooks(call, answer, logger)
    )
    await kind.call(hooks.before_call)
    for _ in range(2):
        await kind.call(hooks.send, call.request, call)
    assert seen == [["0"], ["1"]]


async def test_hooks_of_coroutines(server: Server) -> None:
    """An async client awaits what is to be awaited, and calls the rest."""
    kind = Kind("async")
    log: list[str] = []
    client = kind.client(server.url, hooks=[Slow("a", log), Spy("b", log)])
    await client.get("/echo")
    assert log == [
        "a before_call",
        "b before_call",
        "a before_attempt /echo",
        "b before_attempt /echo",
        "b after_attempt 200",
        "a after_attempt 200",
        "b after_call 200",
        "a after_call 200",
    ]
    await kind.close()


async def test_a_coroutine_answers(server: Server) -> None:
    """What is awaited may be a response."""

    class Answer(Hook):
        async def before_attempt(self, request: Request) -> RawResponse | None:
            await asyncio.sleep(0)
            return RawResponse.make(request, body="early")

        async def after_call(self, request: Request, response: RawResponse) -> RawResponse:
            await asyncio.sleep(0)
            return RawResponse.make(request, body=[response.json()])

        async def call_failed(self, request: Request, error: BaseException) -> None:
            raise AssertionError

    kind = Kind("async")
    assert await kind.client(server.url, hooks=[Answer()]).get("/echo") == ["early"]
    assert server.log == []
    await kind.close()


async def test_cancelled_calls_are_seen_and_stay_cancelled(server: Server) -> None:
    """Hooks see a cancellation, may await, and cannot stop it."""
    kind = Kind("async")
    log: list[str] = []
    client = kind.client(server.url, hooks=[Slow("a", log)])
    task = asyncio.ensure_future(client.get("/delay/30"))
    await until_async(lambda: server.log)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log[-2:] == ["a attempt_failed CancelledError", "a call_failed CancelledError"]
    await kind.close()


def test_a_sync_client_refuses_coroutines(server: Server) -> None:
    """As soon as a client is made, or a call; a coroutine that comes out all the same is closed."""
    slow = Slow("a", [])
    with pytest.raises(ConfigurationError, match="before_call of the hook 'a' is a coroutine"):
        SyncClient(server.url, hooks=[slow])

    class API(SyncClient, hooks=[slow]):
        pass

    with pytest.raises(ConfigurationError, match="coroutine function"):
        API(server.url)
    with SyncClient(server.url) as client:
        with pytest.raises(ConfigurationError, match="coroutine function"):
            client.with_options(hooks=[slow])
        with pytest.raises(ConfigurationError, match="coroutine function") as caught:
            client.get("/echo", hooks=[slow])
        assert caught.value.url == f"{server.url}/echo"
        hidden = doing(before_call=lambda request: Slow.before_call(slow, request))
        with pytest.raises(ConfigurationError, match="got coroutine"):
            client.get("/echo", hooks=[hidden])
    gc.collect()  # A coroutine that was never awaited would warn.
    assert server.log == []


def test_responses_made_by_hand() -> None:
    """They are as those of a server, and refuse what none can be."""
    request = SyncClient("https://api.test").build("GET", "/a")
    made = RawResponse.make(request, 201, headers={"ETag": '"1"'}, body=[1], reason="Created")
    assert (made.status, made.json(), made.reason) == (201, [1], "Created")
    assert list(made.headers) == ["Content-Type", "ETag"]
    assert RawResponse.make(request, content="ü").content == "ü".encode()
    assert RawResponse.make(request, headers=[("A", "1"), ("A", "2")]).headers.getall("a") == [
        "1",
        "2",
    ]
    for options in (
        {"status": 101},
        {"body": 1, "content": b"1"},
        {"headers": {"A": "b\r\nc"}},
        {"headers": {"ä": "b"}},
        {"headers": {"a\n": "b"}},
    ):
        with pytest.raises(ConfigurationError):
            RawResponse.make(request, **options)


@pytest.mark.parametrize(
    ("base", "wrong", "right"),
    [
        (Hook, "before_cal", "before_call"),
        (Hook, "attempts_failed", "attempt_failed"),
        (Events, "on_request_strat", "on_request_start"),
    ],
)
def test_a_method_that_would_never_be_called(base: type[Any], wrong: str, right: str) -> None:
    """A slip in a name is told when the class is made; names of other things are the user's."""
    with pytest.raises(ConfigurationError, match=f"Mine.{wrong} .* did you mean '{right}'"):
        type("Mine", (base,), {wrong: lambda self, *_: None})
    type("Mine", (base,), {"_before_cal": None, "count": 1, "on_error": print})
