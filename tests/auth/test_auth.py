"""`auth=`: what the server reads, whose credentials go before whose, and where none goes."""

import asyncio
import copy
import pickle
import time
from concurrent.futures import Future
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

from arya_api_framework import (
    CredentialPool,
    Hedge,
    Hook,
    RateLimit,
    RawResponse,
    Request,
    Retry,
    SyncClient,
)
from arya_api_framework.auth import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    DigestAuth,
    Flow,
    HMACAuth,
)
from arya_api_framework.client.url import Origin
from arya_api_framework.errors import (
    ConfigurationError,
    ConnectError,
    HTTPUnauthorized,
    MissingCredentials,
    RateLimitTimeout,
    ReadTimeout,
    RequestTimeout,
    ResponseParseError,
)
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.patience import LATE
from tests.redis_server import free_port
from tests.scripted import CLOSE, HANG, Scripted, answer

LOGIN = BasicAuth("ann", "secret")
BASIC = "Basic YW5uOnNlY3JldA=="


class Challenge(Auth):
    """Answers a 401 with what it holds."""

    def flow(self, request: Request) -> Flow:
        """Send the request, and again after a challenge."""
        response = yield request
        if response.status == 401:
            request.headers["Authorization"] = f"Answer {response.headers['X-Nonce']}"
            yield request


def sent(server: Scripted, name: str = "Authorization") -> list[str | None]:
    """Return the field of each request that a server read."""
    return [read.headers.get(name) for read in server.log]


async def test_every_request_carries_it(lane: Lane) -> None:
    """Attempts, redirects and copies too."""
    async with Scripted(answer(503), answer(302, "Location: /there")) as server:
        client = lane.client(server.url, auth=LOGIN, retry=Retry(3, backoff=0))
        await client.get("/")
        await client.with_options(timeout=5).get("/")
        assert sent(server) == [BASIC] * 4
        assert client.auth is LOGIN


async def test_whose_credentials_go_before_whose(lane: Lane) -> None:
    """A field of the call, `auth` of the call, `auth` of the client, a field of the client."""
    async with Scripted() as server:
        client = lane.client(server.url, auth=LOGIN, headers={"Authorization": "field"})
        await client.get("/", headers={"authorization": "mine"}, auth=BearerAuth("t"))
        await client.get("/", headers={"Authorization": "mine"})
        await client.get("/", headers={"Authorization": None})
        await client.get("/", auth=BearerAuth("t"))
        await client.get("/", auth=("b", "c"))
        await client.get("/", auth=None)
        await client.get("/")
        assert sent(server) == ["mine", "mine", None, "Bearer t", "Basic Yjpj", None, BASIC]


@pytest.mark.parametrize(
    "own",
    [
        {"bearer_token": "token"},
        {"headers": {"Authorization": "field"}},
        {"credentials": CredentialPool(["key"])},
    ],
)
async def test_auth_of_a_call_takes_the_place_of_any_credential(kind: Kind, own: Any) -> None:
    """And `None` sends none of them."""
    async with Scripted() as server:
        client = kind.client(server.url, **own)
        await client.get("/", auth=BearerAuth("t"))
        await client.get("/", auth=None)
        await client.get("/", auth=ApiKeyAuth("k", name="X-Key"))
        assert sent(server) == ["Bearer t", None, None]
        assert sent(server, "X-Key") == [None, None, "k"]


async def test_a_field_of_the_client_gives_way_to_auth_of_a_call(kind: Kind) -> None:
    """Of any name."""
    async with Scripted() as server:
        client = kind.client(server.url, headers={"X-Key": "of the client"})
        await client.get("/", auth=ApiKeyAuth("of the call", name="x-key"))
        assert server.log[0].headers.getall("X-Key") == ["of the call"]


async def test_a_request_that_was_built(kind: Kind) -> None:
    """It holds no secret, may be sent often, and by a client with other credentials, or none."""
    async with Scripted() as server:
        client = kind.client(server.url, auth=LOGIN)
        request = client.build("GET", "/")
        assert request.headers["Authorization"] == "***"
        for options in ({}, {"auth": BearerAuth("t")}, {"auth": None}, {}):
            await client.send(request, **options)
        await kind.client(server.url).send(request)
        await kind.client(server.url, auth=ApiKeyAuth("k", name="X-Key")).send(request)
        assert sent(server) == [BASIC, "Bearer t", None, BASIC, None, None]
        assert sent(server, "X-Key") == [None] * 5 + ["k"]
        request.headers["Authorization"] = "by hand"
        await client.send(request)
        await client.send(request, auth=BearerAuth("t"))
        assert sent(server)[-2:] == ["by hand"] * 2


async def test_a_request_without_auth_is_sent_by_a_client_with_one(kind: Kind) -> None:
    """It gets the credentials of who sends it."""
    async with Scripted() as server:
        request = kind.client(server.url).build("GET", "/")
        await kind.client(server.url, auth=LOGIN).send(request)
        assert sent(server) == [BASIC]


@pytest.mark.parametrize(
    "auth",
    [LOGIN, ApiKeyAuth("secret", name="k", location="query"), Challenge()],
)
async def test_nothing_goes_to_another_origin(lane: Lane, auth: Auth) -> None:
    """Not along with a redirect, not after one home again, not with `foreign=True`."""
    async with Scripted() as home, Scripted() as other:
        home.script.append(answer(302, f"Location: {other.url}/away"))
        other.script.append(answer(302, f"Location: {home.url}/back"))
        client = lane.client(home.url, auth=auth)
        await client.get("/")
        await client.get(f"{other.url}/foreign", foreign=True)
        assert [read.target for read in other.log] == ["/away", "/foreign"]
        assert home.log[1].target == "/back"
        assert sent(other) == [None, None]
        assert sent(home)[1] is None


async def test_an_empty_security_of_a_client_without_schemes(kind: Kind) -> None:
    """Takes all credentials off a call."""
    async with Scripted() as server:
        client = kind.client(server.url, auth=LOGIN)
        await client.get("/", security=[])
        assert sent(server) == [None]


async def test_auth_of_a_call_to_a_foreign_origin_goes_there_alone(lane: Lane) -> None:
    """It was meant for that, and not for where that leads."""
    async with Scripted() as home, Scripted() as other:
        other.script.append(answer(302, f"Location: {home.url}/"))
        client = lane.client(home.url, auth=LOGIN)
        await client.get(f"{other.url}/", foreign=True, auth=BearerAuth("t"))
        assert (sent(other), sent(home)) == (["Bearer t"], [None])


async def test_trusted_origins_have_it_too(lane: Lane) -> None:
    """By a redirect and by an absolute URL."""
    async with Scripted() as home, Scripted() as other:
        home.script.append(answer(307, f"Location: {other.url}/"))
        client = lane.client(home.url, auth=LOGIN, trusted_origins=[other.url])
        await client.post("/", body={})
        await client.get(f"{other.url}/")
        assert sent(other) == [BASIC] * 2


async def test_a_copy_for_another_origin_has_none(kind: Kind) -> None:
    """If it is not given one."""
    async with Scripted() as home, Scripted() as other:
        client = kind.client(home.url, auth=LOGIN)
        await client.with_options(uri=other.url).get("/")
        await client.with_options(uri=other.url, auth=BearerAuth("t")).get("/")
        assert sent(other) == [None, "Bearer t"]


async def test_a_conversation(lane: Lane) -> None:
    """Each request of it takes a slot, hooks see all of them, the last response counts."""
    seen: list[tuple[str | None, int]] = []

    class See(Hook):
        def after_attempt(self, request: Request, response: RawResponse) -> None:
            seen.append((request.headers.get("Authorization"), response.status))

        def after_call(self, request: Request, response: RawResponse) -> None:
            seen.append(("call", response.status))

    async with Scripted(answer(401, "X-Nonce: 7")) as server:
        limit = RateLimit(5, per=60)
        client = lane.client(server.url, auth=Challenge(), rate_limit=limit, hooks=[See()])
        assert await client.post("/", body={"a": 1}) == {}
        assert sent(server) == [None, "Answer 7"]
        assert [read.body for read in server.log] == [b'{"a":1}'] * 2
        assert seen == [(None, 401), ("Answer 7", 200), ("call", 200)]
        assert limit.eta(3) == 0
        assert limit.eta(4) > 0


async def test_a_conversation_under_a_simple_limit(kind: Kind) -> None:
    """Its second request waits for a slot as any other."""
    async with Scripted(answer(401, "X-Nonce: 7")) as server:
        client = kind.client(
            server.url, auth=Challenge(), rate_limit=1, rate_limit_interval=60, deadline=5
        )
        with pytest.raises(RateLimitTimeout):
            await client.get("/")
        assert len(server.log) == 1


async def test_the_last_response_is_that_of_the_call(kind: Kind) -> None:
    """A second 401 is the answer."""
    async with Scripted(*[answer(401, "X-Nonce: 7")] * 2) as server:
        client = kind.client(server.url, auth=Challenge())
        with pytest.raises(HTTPUnauthorized):
            await client.get("/")
        assert len(server.log) == 2


async def test_a_conversation_begins_again_at_each_hop_and_attempt(lane: Lane) -> None:
    """With the request of that hop."""
    script = [
        answer(401, "X-Nonce: 1"),
        answer(302, "Location: /b"),
        answer(401, "X-Nonce: 2"),
        answer(503),
        answer(401, "X-Nonce: 3"),
    ]
    async with Scripted(*script) as server:
        client = lane.client(server.url, auth=Challenge(), retry=Retry(2, backoff=0))
        await client.get("/a")
        assert list(zip([read.target for read in server.log], sent(server), strict=True)) == [
            ("/a", None),
            ("/a", "Answer 1"),
            ("/b", None),
            ("/b", "Answer 2"),
            ("/b", None),
            ("/b", "Answer 3"),
        ]


async def test_a_conversation_with_another_origin(lane: Lane) -> None:
    """A request to it takes no slot, carries nothing of the client, and the call goes on."""
    async with Scripted(answer(200, body=b'{"token": "t"}')) as tokens, Scripted() as server:

        class Fetch(Auth):
            def flow(self, request: Request) -> Flow:
                response = yield bare.build("POST", "/token", data={"grant": "x"})
                request.headers["Authorization"] = f"Bearer {response.json()['token']}"
                yield request

        bare = SyncClient(tokens.url, timeout=5)
        client = lane.client(
            server.url,
            auth=Fetch(),
            rate_limit=1,
            rate_limit_interval=60,
            headers={"X-Api": "mine"},
            cookies={"c": "1"},
        )
        await client.get("/")
        assert sent(server) == ["Bearer t"]
        assert tokens.log[0].body == b"grant=x"
        assert not {"X-Api", "Cookie", "Authorization"} & set(tokens.log[0].headers)
        bare.close()


async def test_hedged_calls_carry_it(kind: Kind) -> None:
    """Each of the requests."""
    async with Scripted(HANG) as server:
        client = kind.client(server.url, auth=LOGIN, hedge=Hedge(after=0.05))
        await client.get("/")
        assert sent(server) == [BASIC] * 2


@pytest.mark.parametrize(
    "auth", [DigestAuth("ann", "secret"), HMACAuth("k" * 32, canonical="{timestamp}")]
)
async def test_proofs_for_one_request_are_not_hedged(kind: Kind, auth: Auth) -> None:
    """The second of two could be refused, and its 401 be the answer."""
    async with Scripted(HANG) as server:
        client = kind.client(server.url, auth=auth, hedge=Hedge(after=0.02))
        with pytest.raises(RequestTimeout):
            await client.get("/", timeout=0.5)
        assert len(server.log) == 1


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        (ApiKeyAuth("hunter2 hunter3", name="appid", location="query"), "hunter2+hunter3"),
        (ApiKeyAuth("hunter2 hunter3", name="appid", location="query"), "hunter2%20hunter3"),
        (ApiKeyAuth("hunter2hunter3", name="appid", location="query"), "hunter2hunter3"),
        (BasicAuth("hunter2hunter3", ""), "hunter2hunter3"),
    ],
)
async def test_a_key_that_a_server_tells_back_is_hidden(kind: Kind, auth: Auth, told: str) -> None:
    """In whatever place an error quotes; a parameter of the caller is not."""
    async with Scripted(answer(200, f"Content-Type: text/{told}; q=connect", body=b"x")) as server:
        client = kind.client(server.url, auth=auth)
        with pytest.raises(ResponseParseError, match=r"text/\*\*\*; q=connect") as caught:
            await client.get("/", parameters={"q": "connect"}, response_format=int)
        assert "hunter" not in f"{caught.value} {caught.value!r}"
        copied = pickle.loads(pickle.dumps(caught.value))
        assert "hunter" not in f"{copied} {vars(copied)}"


async def test_a_deep_copy_of_a_request_keeps_its_credentials(kind: Kind) -> None:
    """As any copy does."""
    async with Scripted() as server:
        client = kind.client(server.url, auth=LOGIN, headers={"X-Key": "k"})
        request = client.build("POST", "/", body=[1])
        copied = copy.deepcopy(request)
        del request.headers["X-Key"]
        await client.send(copied)
        assert sent(server) == [BASIC]
        assert server.log[0].headers["X-Key"] == "k"
        assert server.log[0].body == b"[1]"


async def test_a_response_keeps_the_request_that_was_sent(kind: Kind) -> None:
    """Whatever a flow makes of its own afterwards."""

    class Steps(Auth):
        def flow(self, request: Request) -> Flow:
            request.headers["X-Step"] = "1"
            first = yield request
            request.headers["X-Step"] = "2"
            assert first.request.headers["X-Step"] == "1"
            yield request
            request.headers["X-Step"] = "3"

    async with Scripted() as server:
        response = await kind.client(server.url, auth=Steps()).get("/", raw=True)
        assert response.request.headers["X-Step"] == "2"
        assert [read.headers["X-Step"] for read in server.log] == ["1", "2"]


async def test_waits(kind: Kind) -> None:
    """A flow may let time pass, and wait for what others do."""
    future: Future[str] = Future()

    class Wait(Auth):
        def flow(self, request: Request) -> Flow:
            yield 0.2
            yield future
            request.headers["Authorization"] = future.result()
            yield request

    async with Scripted() as server:
        client = kind.client(server.url, auth=Wait())
        start = time.monotonic()
        calls = [asyncio.ensure_future(client.get("/")) for _ in range(3)]
        await asyncio.sleep(0.3)  # So that they wait, most likely.
        assert server.log == []
        future.set_result("now")
        await asyncio.gather(*calls)
        assert sent(server) == ["now"] * 3
        assert 0.2 <= time.monotonic() - start < 0.3 + LATE


@pytest.mark.parametrize("step", [60.0, 60, Future()])
async def test_waits_end_with_the_time_of_the_call(kind: Kind, step: Any) -> None:
    """Nothing was sent by then."""

    class Wait(Auth):
        def flow(self, request: Request) -> Flow:
            while True:
                yield step

    async with Scripted() as server:
        client = kind.client(server.url, auth=Wait())
        start = time.monotonic()
        with pytest.raises(RequestTimeout) as caught:
            await client.get("/", timeout=0.2)
        assert caught.value.sent == "no"
        assert time.monotonic() - start < 0.2 + LATE
        assert server.log == []


async def test_a_call_without_any_limit_of_time_waits(kind: Kind) -> None:
    """As long as it takes."""

    class Wait(Auth):
        def flow(self, request: Request) -> Flow:
            yield 0.01
            yield request

    async with Scripted() as server:
        await kind.client(server.url, auth=Wait(), timeout=None).get("/")
        assert len(server.log) == 1


async def test_a_task_that_is_cancelled_leaves_the_future_alone() -> None:
    """Others wait for it still."""
    future: Future[None] = Future()

    class Wait(Auth):
        def flow(self, request: Request) -> Flow:
            yield future
            yield request

    kind = Kind("async")
    async with Scripted() as server:
        client = kind.client(server.url, auth=Wait())
        tasks = [asyncio.ensure_future(client.get("/")) for _ in range(2)]
        await asyncio.sleep(0.1)  # So that they wait, most likely.
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        assert not future.cancelled()
        future.set_result(None)
        assert await tasks[1] == {}
    await kind.close()


async def test_a_flow_hears_of_what_cannot_be_sent(kind: Kind) -> None:
    """And may go on; it is closed in any case."""
    heard: list[str] = []

    class Hear(Auth):
        def __init__(self, *, goes_on: bool) -> None:
            self._goes_on = goes_on

        def flow(self, request: Request) -> Flow:
            try:
                yield request
            except ReadTimeout:
                heard.append("timeout")
                raise
            except Exception as error:
                heard.append(type(error).__name__)
                if not self._goes_on:
                    raise
                yield request
            finally:
                heard.append("closed")

    async with Scripted(CLOSE, CLOSE) as server:
        assert (
            await kind.client(server.url, auth=Hear(goes_on=False), retry=Retry(3)).get("/") == {}
        )
        assert len(server.log) == 3
    assert heard == ["ConnectionLost", "closed", "ConnectionLost", "closed", "closed"]
    heard.clear()
    with pytest.raises(ConnectError):
        await kind.client(f"http://127.0.0.1:{free_port()}", auth=Hear(goes_on=True)).get("/")
    assert heard == ["ConnectError", "closed"]
    heard.clear()
    async with Scripted(CLOSE) as server:
        assert await kind.client(server.url, auth=Hear(goes_on=True)).get("/") == {}
    assert heard == ["ConnectionLost", "closed"]


async def test_an_error_of_an_auth_ends_the_call(kind: Kind) -> None:
    """Of any class, unchanged, and nothing is sent or tried again."""
    calls: list[int] = []

    class Broken(Auth):
        def __init__(self, error: Exception) -> None:
            self._error = error

        def apply(self, request: Request) -> None:
            calls.append(1)
            raise self._error

    async with Scripted() as server:
        for error in (KeyError("mine"), MissingCredentials("none here")):
            with pytest.raises(type(error)) as caught:
                await kind.client(server.url, auth=Broken(error), retry=Retry(3)).get("/")
            assert caught.value is error
        assert isinstance(error, MissingCredentials)
        assert (error.sent, error.method, error.url) == ("no", "GET", f"{server.url}/")
        assert len(calls) == 2
        assert server.log == []


async def test_a_flow_that_yields_what_it_must_not(kind: Kind) -> None:
    """Or nothing at all: the error names the class."""

    class Odd(Auth):
        def __init__(self, step: Any = "request") -> None:
            self._step = step

        def flow(self, request: Request) -> Flow:
            yield self._step

    class Empty(Auth):
        def flow(self, request: Request) -> Flow:
            yield from ()

    async with Scripted() as server:
        with pytest.raises(ConfigurationError, match=r"the flow of Odd yields a Request.* got str"):
            await kind.client(server.url, auth=Odd()).get("/")
        for seconds in (-1, float("nan"), float("inf"), 1e10, True):
            with pytest.raises(ConfigurationError, match=r"the flow of Odd yields a Request"):
                await kind.client(server.url, auth=Odd(seconds)).get("/")
        with pytest.raises(ConfigurationError, match="the flow of Empty ended without a response"):
            await kind.client(server.url, auth=Empty()).get("/")
        assert server.log == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"auth": "token"}, "`auth` must be an Auth.* got builtins.str"),
        ({"auth": BasicAuth}, "got the class BasicAuth"),
        ({"auth": ("a", "b", "c")}, "got builtins.tuple"),
        ({"auth": ["ann", "secret"]}, "got a list; write user and password as a tuple"),
        ({"auth": LOGIN, "bearer_token": "t"}, "auth and bearer_token are given together"),
        ({"auth": LOGIN, "credentials": CredentialPool(["k"])}, "credentials and auth are both"),
    ],
)
def test_what_auth_cannot_be(options: Any, words: str) -> None:
    """It is refused when the class is defined, and a call's when it is made."""

    class API(SyncClient, uri="http://api.test"):
        pass

    with pytest.raises(ConfigurationError, match=words):
        API(**options)
    with SyncClient("http://api.test") as client, pytest.raises(ConfigurationError):
        client.get("/", auth="token")  # type: ignore[call-overload]


def test_a_token_cannot_be_set_beside_an_auth() -> None:
    """The client stays as it was."""
    with SyncClient("http://api.test", auth=LOGIN) as client:
        with pytest.raises(ConfigurationError, match="auth and bearer_token"):
            client.bearer_token = "t"
        assert client.bearer_token is None


def test_subclasses_and_instances_replace_it() -> None:
    """As any other option."""

    class API(SyncClient, uri="http://api.test", auth=LOGIN):
        pass

    class Other(API, auth=None, bearer_token="t"):
        pass

    with API() as api, API(auth=BearerAuth("t")) as own, Other() as other:
        assert api.auth is LOGIN
        assert isinstance(own.auth, BearerAuth)
        assert other.auth is None


def test_an_auth_is_one_object_and_never_pickled() -> None:
    """It holds secrets and, maybe, what was found out."""
    assert copy.copy(LOGIN) is LOGIN
    assert copy.deepcopy({"auth": LOGIN})["auth"] is LOGIN
    with pytest.raises(TypeError, match="holds credentials"):
        pickle.dumps(LOGIN)
    assert repr(LOGIN) == "<BasicAuth>"
    assert "secret" not in repr(SyncClient("http://api.test", auth=LOGIN).config)


async def test_it_is_logged_and_exported_as_nothing(kind: Kind, caplog: Any) -> None:
    """Names of what authenticates may be seen, values not."""
    caplog.set_level("DEBUG")
    async with Scripted(answer(500)) as server:
        auth = ApiKeyAuth("hunter2-secret", name="k", location="query")
        client = kind.client(server.url, auth=auth)
        with pytest.raises(Exception, match=r"k=\*\*\*") as caught:
            await client.get("/")
        assert server.log[0].target == "/?k=hunter2-secret"
        assert "hunter2" not in caplog.text + str(caught.value) + repr(caught.value)
        assert isinstance(caught.value.raw, RawResponse)  # type: ignore[attr-defined]
        assert "hunter2" not in caught.value.raw.request.to_curl()  # type: ignore[attr-defined]


async def test_a_request_of_a_client_with_a_pool_is_sent_by_another(kind: Kind) -> None:
    """What stood there for a key is not sent."""
    async with Scripted() as server:
        pool = kind.client(server.url, credentials=CredentialPool(["key"]))
        request = pool.build("GET", "/")
        await pool.send(request)
        await kind.client(server.url).send(request)
        await kind.client(server.url, auth=LOGIN).send(request)
        assert sent(server) == ["Bearer key", None, BASIC]


def test_methods_that_are_coroutine_functions_are_refused() -> None:
    """They would never be awaited, and the request go out without credentials."""

    class Late(Auth):
        async def apply(self, request: Request) -> None:  # type: ignore[override]
            request.headers["Authorization"] = "never"

    with pytest.raises(ConfigurationError, match=r"apply and flow of Late .* written with `def`"):
        SyncClient("http://api.test", auth=Late())


async def test_a_flow_that_is_no_generator(kind: Kind) -> None:
    """The error says so."""

    class Plain(Auth):
        def flow(self, request: Request) -> Flow:
            return None  # type: ignore[return-value]

    async with Scripted() as server:
        with pytest.raises(ConfigurationError, match="flow of Plain must be a generator"):
            await kind.client(server.url, auth=Plain()).get("/")


def test_hops_are_judged_one_by_one() -> None:
    """As it is decided what a redirect takes along: from http to https of a trusted host, too."""
    with SyncClient("http://h.test", trusted_origins=["http://t.test"], auth=LOGIN) as client:
        call = client._prepare("GET", "/", {})
        for place in ("http://h.test", "http://t.test"):
            call.history += (RawResponse(302, (), Request("GET", at(place), "/", CIMultiDict())),)
        assert call.may_authenticate(at("https://t.test"))
        assert not call.may_authenticate(at("https://other.test"))


def at(url: str) -> Origin:
    """Return an origin."""
    return Origin.of(URL(url))
