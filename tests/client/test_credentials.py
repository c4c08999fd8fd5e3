"""The keys of a `CredentialPool`: which one a server reads, and what becomes of the others."""

import asyncio
import contextlib
import logging
import math
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from arya_api_framework import (
    AsyncClient,
    CircuitBreaker,
    CredentialPool,
    Hook,
    RateLimit,
    RawResponse,
    Request,
    Retry,
    SubClient,
    SyncClient,
)
from arya_api_framework.client.credentials import Credentials
from arya_api_framework.client.placed import KeyText
from arya_api_framework.errors import (
    CircuitOpenError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    CredentialsExhausted,
    HTTPClientError,
    HTTPNotFound,
    HTTPPaymentRequired,
    HTTPServiceUnavailable,
    HTTPTooManyRequests,
    HTTPUnauthorized,
    RateLimitTimeout,
)
from arya_api_framework.retry import when
from tests.app import Server
from tests.client.conftest import Lane
from tests.client.test_no_secret_is_told import texts_of
from tests.conftest import Kind, needs_fork
from tests.forks import in_child
from tests.patience import LATE, until_async
from tests.scripted import CLOSE, HANG, OK, Read, Scripted, Step, answer

POOL = CredentialPool(["key-a", "key-b", "key-c"])
TWO = CredentialPool(["key-a", "key-b"])
ONE = CredentialPool(["key-a"])
LIMITED = answer(429, "Retry-After: 60")

# Between the choice of a key and the server's reading of it lie a thread switch and a socket, which
# take their time on a busy machine; a burst over the limit would come within 0.
SLACK = 0.2


def check(times: list[float], limit: int, per: float) -> None:
    """Check that no window holds more requests than the limit."""
    for first, over in zip(times, times[limit:], strict=False):
        assert over - first > per - SLACK


def keys(server: Scripted, header: str = "Authorization") -> list[str | None]:
    """Return the key of each request that was read, in order."""
    values = [read.headers.get(header) for read in server.log]
    return [value and value.removeprefix("Bearer key-") for value in values]


def unless(*good: str, otherwise: bytes) -> Callable[[Read], Step]:
    """Return a step that refuses other keys than these."""

    def step(read: Read) -> Step:
        key = read.headers["Authorization"].removeprefix("Bearer key-")
        return OK if key in good else otherwise

    return step


def state_of(client: Any) -> Credentials:
    """Return the state of the keys of a client."""
    state = client.credentials
    assert isinstance(state, Credentials)
    return state


async def test_keys_take_turns(lane: Lane) -> None:
    """Each request carries the next one, in the field of the pool."""
    named = CredentialPool(["key-a", "key-b"], header="X-Custom", scheme=None)
    async with Scripted() as server:
        client = lane.client(server.url, credentials=POOL)
        for _ in range(4):
            assert await client.get("/") == {}
        assert keys(server) == ["a", "b", "c", "a"]
        server.log.clear()
        client = lane.client(server.url, credentials=named, bearer_token="other")
        for _ in range(3):
            await client.get("/")
        assert keys(server, "X-Custom") == ["key-a", "key-b", "key-a"]
        assert {read.headers["Authorization"] for read in server.log} == {"Bearer other"}


async def test_the_class_gives_the_pool(kind: Kind) -> None:
    """As a keyword, which an instance can take back; sub-clients send with the same keys."""

    class Users(SubClient):
        def one(self) -> Any:
            return self.get("/")

    meta: Any = type(kind.base)
    cls = meta("API", (kind.base,), {"users": Users()}, credentials=TWO)
    async with Scripted() as server:
        client = kind.wrap(cls(server.url, retry=None))
        await client.get("/")
        await client.users.one()
        assert keys(server) == ["a", "b"]
        other = kind.wrap(cls(server.url, credentials=None, bearer_token="key-x"))
        await other.get("/")
        assert keys(server) == ["a", "b", "x"]
        assert other.credentials is None


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_401_goes_on_with_the_next_key(lane: Lane, method: str) -> None:
    """By any method, since nothing was done; and the key is not used again."""
    async with Scripted(answer(401), answer(401)) as server:
        client = lane.client(server.url, credentials=POOL)
        assert await client.request(method, "/", data=b"body") == {}
        assert await client.get("/") == {}
        assert keys(server) == ["a", "b", "c", "c"]
        assert [read.body for read in server.log[:3]] == [b"body"] * 3


async def test_402_goes_on_where_that_is_safe(lane: Lane) -> None:
    """A method that may be sent twice, a call with a key, or an API of which it is known."""
    async with Scripted() as server:
        cases: list[tuple[dict[str, Any], int]] = [
            ({"method": "PUT"}, 2),
            ({"method": "POST"}, 1),
            ({"method": "POST", "idempotency_key": "one"}, 2),
            ({"method": "POST", "retry": Retry(1, rejects_unprocessed=True)}, 2),
            ({"method": "POST", "retry": Retry(1, methods={"POST"})}, 2),
        ]
        for options, many in cases:
            client = lane.client(server.url, credentials=TWO)
            server.script[:] = [answer(402)]
            server.log.clear()
            expected = contextlib.nullcontext() if many > 1 else pytest.raises(HTTPPaymentRequired)
            with expected:
                await client.request(path="/", **options)
            assert keys(server) == ["a", "b"][:many]
            assert state_of(client).choose().key == 1, "the other one is not used any more"
        pool = CredentialPool(["key-a", "key-b", "key-c"], rejects_unprocessed=True)
        client = lane.client(server.url, credentials=pool)
        server.log.clear()
        server.script[:] = [answer(402), OK, LIMITED]
        for _ in range(2):
            await client.post("/", body={})
        assert keys(server) == ["a", "b", "c", "b"]


async def test_a_body_that_is_gone_is_not_sent_again(lane: Lane) -> None:
    """What the server said is then what the call raises."""
    async with Scripted(answer(401)) as server:
        client = lane.client(server.url, credentials=TWO)
        with pytest.raises(HTTPUnauthorized):
            await client.post("/", data=iter([b"once"]))
        assert await client.post("/", data=iter([b"twice"])) == {}
        assert keys(server) == ["a", "b"]


async def test_429_rests_the_key(lane: Lane) -> None:
    """The call goes on with the next one at once, and other calls do not wait either."""
    async with Scripted(LIMITED) as server:
        client = lane.client(server.url, credentials=TWO, rate_limit=RateLimit(99, per=0.01))
        start = time.monotonic()
        for _ in range(3):
            assert await client.get("/", retry=Retry()) == {}
        assert keys(server) == ["a", "b", "b", "b"]
        assert time.monotonic() - start < 30
        state = state_of(client)
        state.revoke(1)
        assert 50 < state.wait() <= 60


async def test_429_after_a_post(lane: Lane) -> None:
    """Is the end of the call; the key rests all the same, and the origin is not paused."""
    async with Scripted(LIMITED) as server:
        client = lane.client(server.url, credentials=TWO)
        for retry in (None, Retry()):
            server.script[:] = [LIMITED]
            with pytest.raises(HTTPTooManyRequests) as caught:
                await client.post("/", body={}, retry=retry)
            assert caught.value.retry_after == 60
            assert caught.value.attempts == 1
            state_of(client).restore(0)
        assert await client.get("/") == {}
        assert client.forecast() == 0


@pytest.mark.parametrize("field", [(), ("Retry-After: soon",)])
async def test_429_without_a_time(lane: Lane, field: tuple[str, ...]) -> None:
    """The key rests for as long as the pool says."""
    pool = CredentialPool(["key-a", "key-b"], rest_for=40)
    async with Scripted(answer(429, *field)) as server:
        client = lane.client(server.url, credentials=pool)
        await client.get("/")
        state_of(client).revoke(1)
        assert 30 < state_of(client).wait() <= 40


async def test_a_hostile_time_is_cut(lane: Lane) -> None:
    """No server has a key left alone for longer than the pool allows."""
    pool = CredentialPool(["key-a", "key-b"], max_rest=50)
    steps = [answer(429, "Retry-After: 99999999"), OK, answer(402, "Retry-After: 99999999")]
    async with Scripted(*steps) as server:
        client = lane.client(server.url, credentials=pool)
        await client.get("/")
        state = state_of(client)
        assert state.choose() == (1, 0)
        state.revoke(1)
        assert 40 < state.wait() <= 50
        state.restore(1)
        state.revoke(0)
        with pytest.raises(HTTPPaymentRequired):
            await client.get("/")
        with pytest.raises(CredentialsExhausted) as caught:
            await client.get("/")
        assert 40 < (caught.value.retry_after or 0) <= 50


async def test_all_keys_are_limited(lane: Lane) -> None:
    """Each is tried once; then the call ends, or tries again when the first may be used."""
    soon = answer(429, "Retry-After: 0.2", "retry-after-ms: 300")
    async with Scripted(LIMITED, LIMITED) as server:
        client = lane.client(server.url, credentials=TWO)
        with pytest.raises(HTTPTooManyRequests) as caught:
            await client.get("/")
        assert keys(server) == ["a", "b"]
        assert (caught.value.attempts, caught.value.earlier) == (1, ())
        server.script[:] = [soon, LIMITED]
        server.log.clear()
        client = lane.client(server.url, credentials=TWO, retry=Retry(2, backoff=0.001))
        assert await client.get("/") == {}
        assert keys(server) == ["a", "b", "a"]
        assert server.gaps[-1] > 0.3 - SLACK
        assert server.gaps[-1] < 30, "it is not the time of the key that was limited last"


async def test_each_key_is_tried_once(lane: Lane) -> None:
    """Though a server says that it may be used again at once."""
    async with Scripted(*[answer(429, "Retry-After: 0")] * 9) as server:
        client = lane.client(server.url, credentials=TWO)
        with pytest.raises(HTTPTooManyRequests):
            await client.get("/")
        assert keys(server) == ["a", "b"]


async def test_a_wait_for_another_attempt_holds_up_no_other_call(
    lane: Lane, caplog: pytest.LogCaptureFixture
) -> None:
    """It is for the keys, not for the origin."""
    async with Scripted(answer(429, "Retry-After: 3")) as server:
        client = lane.client(server.url, credentials=ONE)
        with caplog.at_level(logging.INFO):
            waiting = asyncio.ensure_future(client.get("/", retry=Retry(2, backoff=0.001)))
            async with asyncio.timeout(10):
                while "attempt 2 of 2 in" not in caplog.text:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
        state_of(client).restore(0)
        assert await client.get("/", deadline=1) == {}
        assert len(server.log) == 2
        assert await waiting == {}
        assert keys(server) == ["a", "a", "a"]


async def test_a_call_waits_for_the_first_key(lane: Lane) -> None:
    """Its `timeout` does not count that; a `deadline` does, and ends it before it begins."""
    async with Scripted() as server:
        client = lane.client(server.url, credentials=TWO)
        state = state_of(client)
        state.rest(0, 60)
        state.rest(1, 0.5)
        start = time.monotonic()
        for retry in (None, Retry()):
            with pytest.raises(RateLimitTimeout, match="no key of the pool can be") as caught:
                await client.get("/", deadline=0.1, retry=retry)
            assert 0 < (caught.value.retry_after or 0) <= 0.5
            assert (caught.value.sent, caught.value.retryable) == ("no", True)
        assert time.monotonic() - start < 0.5
        assert server.log == []
        assert await client.get("/", timeout=0.4) == {}
        assert time.monotonic() - start >= 0.5
        assert keys(server) == ["b"]


async def test_all_keys_are_revoked(lane: Lane) -> None:
    """Nothing is sent, without end or until the first is back; the last refusal is raised."""
    pool = CredentialPool(["key-a", "key-b"], revoke_for=None)
    async with Scripted(answer(401), answer(402)) as server:
        client = lane.client(server.url, credentials=pool)
        with pytest.raises(HTTPPaymentRequired):
            await client.get("/")
        for retry in (None, Retry(on=when(lambda _: True))):
            with pytest.raises(CredentialsExhausted, match="all 2 keys of the pool") as caught:
                await client.get("/", retry=retry)
            assert (caught.value.sent, caught.value.attempts) == ("no", 1)
            assert (caught.value.method, caught.value.retry_after) == ("GET", None)
        assert keys(server) == ["a", "b"]
        assert client.forecast() == float("inf")
        state_of(client).restore(1)
        assert await client.get("/") == {}
        assert keys(server) == ["a", "b", "b"]


async def test_a_revoked_key_comes_back(lane: Lane) -> None:
    """After the time of the pool."""
    pool = CredentialPool(["key-a"], revoke_for=0.3)
    async with Scripted(answer(401)) as server:
        client = lane.client(server.url, credentials=pool)
        with pytest.raises(HTTPUnauthorized):
            await client.get("/")
        with pytest.raises(CredentialsExhausted) as caught:
            await client.get("/")
        await asyncio.sleep(caught.value.retry_after or 0)
        assert await client.get("/") == {}


async def test_401_waits_for_the_next_key(lane: Lane) -> None:
    """Unlike 429, which says to wait either way; one of both is not tried twice."""
    async with Scripted(answer(401), LIMITED) as server:
        client = lane.client(server.url, credentials=POOL)
        state_of(client).rest(1, 0.4)
        state_of(client).rest(2, 60)
        with pytest.raises(HTTPTooManyRequests):
            await client.get("/")
        assert keys(server) == ["a", "b"]
        assert server.gaps[0] > 0.4 - SLACK


async def test_attempts_are_not_used_up(lane: Lane) -> None:
    """By going on with another key; tokens of the budget are, after 402 and 429."""
    async with Scripted(answer(401), LIMITED, answer(503), LIMITED) as server:
        client = lane.client(server.url, credentials=POOL, retry=Retry(2, backoff=0.001, budget=10))
        state = state_of(client)
        server.script.append(lambda _: answer(404))
        state.rest(1, 0)
        with pytest.raises(HTTPTooManyRequests) as caught:
            await client.get("/", deadline=5)
        # a is revoked, b rests, c fails; then c is limited, and so is the whole call.
        assert keys(server) == ["a", "b", "c", "c"]
        assert caught.value.attempts == 2
        assert caught.value.retry_stopped_by == "attempts"
        assert [type(one) for one in caught.value.earlier] == [HTTPServiceUnavailable]
        state.restore(1)
        with pytest.raises(HTTPNotFound) as missing:
            await client.get("/")
        assert missing.value.attempts == 1
        assert keys(server)[-1] == "b"


async def test_503_is_about_the_origin(lane: Lane) -> None:
    """So no key rests for it, and the pause is for all of them."""
    async with Scripted(answer(503, "Retry-After: 1")) as server:
        client = lane.client(server.url, credentials=TWO, retry=Retry(2, backoff=0.001))
        assert await client.get("/") == {}
        assert keys(server) == ["a", "b"]
        assert server.gaps[0] > 1 - SLACK


@pytest.mark.parametrize("follow", [True, False])
async def test_what_a_response_says_is_left(lane: Lane, follow: bool) -> None:
    """Nothing: then the key rests. It is not the limit of the client that is told of."""
    pool = CredentialPool(["key-a", "key-b"], follow_headers=follow)
    none = answer(200, "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 60")
    some = answer(200, "X-RateLimit-Remaining: 5", "X-RateLimit-Reset: 60")
    async with Scripted(none, some) as server:
        limit = RateLimit(1000, per=0.01)
        client = lane.client(server.url, credentials=pool, rate_limit=limit)
        for _ in range(4):
            await client.get("/")
        assert keys(server) == (["a", "b", "b", "b"] if follow else ["a", "b", "a", "b"])


async def test_each_key_has_its_limit(lane: Lane) -> None:
    """Many calls at once: no key is used more often than it allows, and none is left out."""
    pool = CredentialPool(["key-a", "key-b"], rate_limit=2, rate_limit_interval=0.5)
    async with Scripted() as server:
        client = lane.client(server.url, credentials=pool)
        # So that connections are there.
        await asyncio.gather(*(client.with_options(credentials=None).get("/") for _ in range(12)))
        server.log.clear()
        assert client.forecast(4) == 0
        assert client.forecast(5) > 0
        await asyncio.gather(*(client.get("/") for _ in range(12)))
        assert Counter(keys(server)) == {"a": 6, "b": 6}
        for key in ("a", "b"):
            own = [r.at for r, k in zip(server.log, keys(server), strict=True) if k == key]
            check(own, 2, 0.5)


async def test_nobody_keeps_a_slot_without_a_key(lane: Lane) -> None:
    """Whoever had to wait for a slot, and finds the key taken then, gives the slot to the next."""
    pool = CredentialPool(["key-a"], rate_limit=1, rate_limit_interval=2)
    limit = RateLimit(1, per=0.001, exact="server")
    by_hand = {"headers": {"Authorization": "Bearer key-x"}}
    async with Scripted(HANG) as server:
        client = lane.client(server.url, credentials=pool, rate_limit=limit)
        first = asyncio.ensure_future(client.get("/", **by_hand))
        await server.has_read(1)
        calls = [asyncio.ensure_future(client.get("/")) for _ in range(2)]
        async with asyncio.timeout(10):
            while limit.find_window(None).waiting < 2:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        server.close_connections()
        with pytest.raises(ConnectionLost):
            await first
        await client.get("/", **by_hand)
        assert keys(server) == ["x", "a", "x"]
        await asyncio.gather(*calls)
        assert keys(server) == ["x", "a", "x", "a"]
        assert server.log[-1].at - server.log[1].at > 2 - SLACK


async def test_limits_of_keys_and_of_the_client(lane: Lane) -> None:
    """Both hold, and who waits for a key keeps no slot of the client's."""
    pool = CredentialPool(["key-a", "key-b"], rate_limit=5, rate_limit_interval=0.5)
    limit = RateLimit(2, per=0.3)
    async with Scripted() as server:
        client = lane.client(server.url, credentials=pool, rate_limit=limit)
        for key in (0, 1):
            state_of(client).rest(key, 0.7)
        start = time.monotonic()
        await asyncio.gather(*(client.get("/") for _ in range(6)))
        assert server.log[0].at - start > 0.7 - SLACK
        check([read.at for read in server.log], 2, 0.3)
        assert Counter(keys(server)) == {"a": 3, "b": 3}


async def test_every_request_takes_a_slot(lane: Lane) -> None:
    """Of the client's limit and of a budget: that with the next key too."""
    async with Scripted(answer(401)) as server:
        client = lane.client(server.url, credentials=TWO, rate_limit=2, rate_limit_interval=60)
        with client.budget(requests=3) as budget:
            await client.get("/")
        assert budget.used == 2
        with pytest.raises(RateLimitTimeout):
            await client.get("/", deadline=0.1)
        client = lane.client(server.url, credentials=TWO)
        server.script[:] = [answer(401)]
        with client.budget(requests=1) as budget:
            await client.get("/")
        assert budget.exhausted
        state_of(client).revoke(1)
        with pytest.raises(CredentialsExhausted), client.budget(requests=1):
            await client.get("/")
        assert keys(server) == ["a", "b", "a"]


async def test_a_circuit_is_told_of_each_key(kind: Kind) -> None:
    """And whoever finds it open takes no key."""
    breaker = CircuitBreaker(failure_rate=0.5, minimum_calls=2)
    async with Scripted(answer(401), CLOSE) as server:
        client = kind.client(server.url, credentials=POOL, circuit_breaker=breaker)
        with pytest.raises(Exception, match="closed"):
            await client.get("/")
        for _ in range(3):
            with pytest.raises(CircuitOpenError):
                await client.get("/")
        assert keys(server) == ["a", "b"]
        assert state_of(client).choose().key == 2


async def test_a_header_of_the_call_wins(lane: Lane) -> None:
    """No key is taken for it, and what becomes of it is nothing to the pool."""
    async with Scripted(answer(401), answer(401)) as server:
        client = lane.client(server.url, credentials=TWO)
        for value in ("Bearer key-x", None):
            with pytest.raises(HTTPUnauthorized):
                await client.get("/", headers={"authorization": value})
        assert await client.get("/") == {}
        request = client.build("GET", "/")
        request.headers["Authorization"] = "Bearer key-y"
        await client.send(request)
        await client.send(client.build("GET", "/"))
        assert keys(server) == ["x", None, "a", "y", "b"]


async def test_hooks_see_the_key(lane: Lane) -> None:
    """Each attempt's; what one puts in its place is none of the pool."""

    class Other(Hook):
        seen: list[str]

        def __init__(self) -> None:
            self.seen = []

        def before_call(self, request: Request) -> None:
            self.seen.append(request.headers["Authorization"])

        def before_attempt(self, request: Request) -> None:
            self.seen.append(request.headers["Authorization"])
            request.headers["X-More"] = str(len(self.seen))
            if len(self.seen) == 4:
                request.headers["Authorization"] = "Bearer key-x"

        def after_attempt(self, request: Request, response: RawResponse) -> None:
            assert response.request.headers["Authorization"] == request.headers["Authorization"]

    hook = Other()
    async with Scripted(answer(401), OK, answer(401)) as server:
        client = lane.client(server.url, credentials=POOL, hooks=[hook])
        await client.get("/")
        assert hook.seen == ["***", "Bearer key-a", "Bearer key-b"]
        hook.seen.pop()
        with pytest.raises(HTTPUnauthorized):
            await client.get("/")
        assert keys(server) == ["a", "b", "x"]
        await client.get("/")
        assert keys(server)[-1] == "b", "nothing was held against the key that was not sent"


async def test_redirects_at_home(lane: Lane) -> None:
    """Each hop takes the next key, as each takes a slot; one that a hook gave goes along."""
    async with Scripted(answer(302, "Location: /there")) as server:
        client = lane.client(server.url, credentials=POOL)
        assert await client.get("/") == {}
        server.script[:] = [answer(307, "Location: /there")]
        await client.get("/", headers={"Authorization": "Bearer key-x"})
        assert keys(server) == ["a", "b", "x", "x"]
        server.script[:] = [answer(307, "Location: /there"), answer(401)]
        server.log.clear()
        assert await client.put("/", data=b"body") == {}
        assert keys(server) == ["c", "a", "b"]
        assert [read.target for read in server.log] == ["/", "/there", "/there"]


async def test_no_key_goes_to_another_origin(lane: Lane) -> None:
    """Nor comes back home with a redirect; a trusted origin gets one."""
    async with Scripted() as server, Scripted() as other:
        client = lane.client(server.url, credentials=POOL)
        home = answer(302, f"Location: {server.url}/home")
        server.script[:] = [answer(302, f"Location: {other.url}/"), OK]
        other.script[:] = [home]
        assert await client.get("/") == {}
        assert (keys(server), keys(other)) == (["a", None], [None])
        await client.get(f"{other.url}/", foreign=True)
        assert keys(other) == [None, None]
        # A refusal there is about no key.
        other.script[:] = [answer(401), LIMITED]
        for error in (HTTPUnauthorized, HTTPTooManyRequests):
            server.script[:] = [answer(302, f"Location: {other.url}/")]
            with pytest.raises(error):
                await client.get("/")
        assert keys(server)[2:] == ["b", "c"]
        trusting = client.with_options(trusted_origins=[other.url])
        server.script[:] = [answer(302, f"Location: {other.url}/")]
        other.log.clear()
        await trusting.get("/")
        await trusting.get(f"{other.url}/")
        assert keys(other) == ["b", "c"]


async def test_a_request_led_elsewhere_by_hand(lane: Lane) -> None:
    """Carries the mark that stands for a key, and no key."""
    async with Scripted() as server, Scripted() as other:
        client = lane.client(server.url, credentials=POOL)
        elsewhere = lane.client(other.url)
        request = client.build("GET", "/")
        request.origin = elsewhere.build("GET", "/").origin
        await client.send(request)
        await elsewhere.send(client.build("GET", f"{server.url}/"))
        assert keys(other) == ["***"]


async def test_copies_share_the_keys(kind: Kind) -> None:
    """Unless they bring their own; with other limits and breakers too."""
    breaker = CircuitBreaker()
    async with Scripted(answer(401)) as server:
        client = kind.client(server.url, credentials=POOL, circuit_breaker=breaker)
        await client.get("/")
        state = client.credentials
        for options in (
            {"timeout": 5},
            {"rate_limit": 100},
            {"rate_limit": RateLimit(100)},
            {"circuit_breaker": None},
            {"uri": "https://other.test", "trusted_origins": ["https://other.test"]},
        ):
            assert client.with_options(**options).credentials is state
        await client.with_options(rate_limit=100).get("/")
        assert keys(server) == ["a", "b", "c"]
        own = client.with_options(credentials=TWO)
        assert own.credentials is not state
        await own.get("/")
        assert keys(server)[-1] == "a"
        none = client.with_options(credentials=None)
        await none.get("/")
        assert keys(server)[-1] is None
        token = client.with_options(credentials=None, bearer_token="key-x")
        await token.get("/")
        assert keys(server)[-1] == "x"
        # All else is still shared.
        circuit = client.target._controls.find_circuit(server.url)
        for copy in (own, none, token):
            assert copy.target._controls.find_circuit(server.url) is circuit
        await client.get("/")
        assert keys(server)[-1] == "b"


async def test_a_copy_for_another_origin_has_no_keys(kind: Kind) -> None:
    """It may be given some of its own."""
    async with Scripted() as server, Scripted() as other:
        client = kind.client(server.url, credentials=POOL)
        await client.with_options(uri=other.url).get("/")
        await client.with_options(uri=other.url, bearer_token="key-x").get("/")
        await client.with_options(uri=other.url, credentials=TWO).get("/")
        assert keys(other) == [None, "x", "a"]
        state = state_of(client.with_options(uri=other.url, credentials=POOL))
        assert state is not client.credentials


BOTH = [
    {"bearer_token": "secret-1"},
    {"headers": {"authorization": "secret-1"}},
    {"headers": [("Authorization", "secret-1")]},
]


@pytest.mark.parametrize("options", BOTH)
def test_two_credentials_in_one_field(options: dict[str, Any]) -> None:
    """They are refused wherever they meet, and None is the way out."""
    match = r"credentials and (bearer_token|the header \w+) are both for the field Authorization"
    with pytest.raises(ConfigurationError, match=match) as caught:
        SyncClient("https://api.test", credentials=ONE, **options)
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=match):

        class Both(AsyncClient, credentials=ONE, **options):
            pass

    class API(SyncClient, credentials=ONE):
        pass

    with pytest.raises(ConfigurationError, match=match):
        API("https://api.test", **options)
    client = API("https://api.test")
    with pytest.raises(ConfigurationError, match=match):
        client.with_options(**options)
    SyncClient("https://api.test", credentials=CredentialPool(["a"], header="X-Key"), **options)
    API("https://api.test", credentials=None, **options).close()
    client.close()


def test_two_credentials_in_one_field_later() -> None:
    """What is written to a client that has a pool."""
    client = SyncClient("https://api.test", credentials=ONE)
    with pytest.raises(ConfigurationError, match="credentials and bearer_token"):
        client.bearer_token = "other"
    assert client.bearer_token is None
    client.bearer_token = None
    client.headers["Authorization"] = "other"
    with pytest.raises(ConfigurationError, match="credentials and the header Authorization"):
        client.build("GET", "/")
    del client.headers["Authorization"]
    assert isinstance(client.build("GET", "/").headers["Authorization"], KeyText)
    with pytest.raises(AttributeError):
        client.credentials = None  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    client.close()


@pytest.mark.parametrize("value", [True, "key-of-mine", ["key-of-mine"], {"a": "key-of-mine"}])
def test_what_is_no_pool(value: Any) -> None:
    """It is refused when the client is made, and not shown."""
    for make in (SyncClient, AsyncClient):
        with pytest.raises(ConfigurationError, match="credentials must be None or a C") as caught:
            make("https://api.test", credentials=value)
        assert "of-mine" not in str(caught.value)


@pytest.mark.parametrize("header", ["Authorization", "X-Strange"])
async def test_keys_are_told_nowhere(
    lane: Lane, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Though the server says them back."""
    pool = CredentialPool(["key-of-mine", "other-of-mine"], header=header, scheme=None)

    class Watch(Hook):
        def before_attempt(self, request: Request) -> None:
            seen.append(request)

        def after_attempt(self, request: Request, response: RawResponse) -> None:
            seen.append(response)

        def attempt_failed(self, request: Request, error: BaseException) -> None:
            seen.append(error)

    def echo(status: int) -> Callable[[Read], Step]:
        def step(read: Read) -> Step:
            text = f'{{"message": "no such key as {read.headers[header]}"}}'
            return answer(status, f"X-Echo: {read.headers[header]}", body=text.encode())

        return step

    def broken(read: Read) -> Step:
        return f"HTTP/1.1 200 OK\r\nContent-Length: {read.headers[header]}\r\n\r\n".encode()

    def strange(read: Read) -> Step:
        return answer(200, f"Content-Type: {read.headers[header]}")

    seen: list[Any] = []
    async with Scripted() as server:
        for steps in ([echo(401), echo(402)], [echo(429), broken], [echo(404)], [CLOSE], [strange]):
            # The log of requests is a hook.
            for hooks, level in (
                ([], logging.INFO),
                ([], logging.DEBUG),
                ([Watch()], logging.INFO),
            ):
                server.script[:] = steps
                client = lane.client(server.url, credentials=pool, hooks=hooks)
                with caplog.at_level(level), pytest.raises(Exception) as caught:  # noqa: PT011
                    await client.get("/", json_content_types=["application/json"])
                seen.append(caught.value)
                with caplog.at_level(level), contextlib.suppress(CredentialsExhausted):
                    await client.get("/", raw=True)
                seen.append(client.target)
                texts = [repr(client.target), repr(client.target.config), repr(client.credentials)]
                texts += [text for one in seen[:-1] for text in texts_of(one)]
                assert not [text for text in texts if "of-mine" in text]
                seen.clear()
    assert "of-mine" not in caplog.text
    assert "of-mine" not in "".join(str(vars(record)) for record in caplog.records)
    assert "key 0 of 2 is not used for 300.000 s, after 401" in caplog.text
    assert "key 0 of 2 rests for 5.000 s, after 429" in caplog.text


async def test_a_cancelled_wait(server: Server) -> None:
    """It ends at once, nothing is sent, and the next call is right."""
    async with AsyncClient(server.url, credentials=ONE, rate_limit=RateLimit(1, per=60)) as client:
        state = state_of(client)
        state.rest(0, 60)
        calls = [asyncio.create_task(client.get("/ok")) for _ in range(3)]
        for _ in range(20):
            await asyncio.sleep(0)
        start = time.monotonic()
        for call in calls:
            call.cancel()
        assert all(
            isinstance(one, asyncio.CancelledError)
            for one in await asyncio.gather(*calls, return_exceptions=True)
        )
        assert time.monotonic() - start < 30
        assert server.log == []
        state.restore(0)
        await client.get("/echo", deadline=30)
        assert len(server.log) == 1


class Interrupted(Exception):
    """What the handler of a signal raises."""


@pytest.fixture
def interrupted() -> Iterator[None]:
    """A signal that comes soon and raises `Interrupted`."""

    def handler(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="this system has no such signal")
def test_an_interrupted_wait(server: Server, interrupted: None) -> None:
    """A thread that waits for a key ends at once, too."""
    with SyncClient(server.url, credentials=ONE, rate_limit=RateLimit(1, per=60)) as client:
        state = state_of(client)
        state.rest(0, 60)
        start = time.monotonic()
        with pytest.raises(Interrupted):
            client.get("/echo")
        assert time.monotonic() - start < 30
        assert server.log == []
        state.restore(0)
        client.get("/echo", deadline=30)
        assert len(server.log) == 1


async def test_threads_and_tasks_at_once(lane: Lane) -> None:
    """Whatever comes of the keys, no call is lost and no dead key is used for long."""
    pool = CredentialPool([f"key-{name}" for name in "abcdefgh"])
    async with Scripted() as server:
        server.script[:] = [unless("c", "d", "e", otherwise=answer(401))] * 500
        client = lane.client(server.url, credentials=pool)
        answers = await asyncio.gather(*(client.get("/") for _ in range(100)))
        assert answers == [{}] * 100
        server.log.clear()
        await asyncio.gather(*(client.get("/") for _ in range(30)))
        assert Counter(keys(server)) == {"c": 10, "d": 10, "e": 10}


async def test_an_error_before_it_is_sent(kind: Kind) -> None:
    """It is no word about the key."""
    async with Scripted(listening=False) as server:
        client = kind.client(server.url, credentials=ONE, retry=Retry(2, backoff=0.001))
        with pytest.raises(ConnectError):
            await client.get("/")
        assert state_of(client).wait() == 0
        server.listen()
        assert await client.get("/") == {}


def test_one_client_in_two_event_loops(server: Server) -> None:
    """The keys take turns across them."""
    client = AsyncClient(server.url, credentials=TWO)

    async def call() -> Any:
        echo: Any = await client.get("/echo")
        return dict(echo["headers"])["Authorization"]

    assert asyncio.run(call()) == "Bearer key-a"
    state_of(client).rest(1, 0.3)
    assert asyncio.run(call()) == "Bearer key-a"
    state_of(client).rest(0, 30)
    assert asyncio.run(call()) == "Bearer key-b"
    asyncio.run(client.close())


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child(server: Server) -> None:
    """It starts with every slot taken, and with no lock held; the parent's are untouched."""
    pool = CredentialPool(["key-a", "key-b"], rate_limit=1, rate_limit_interval=60)
    with SyncClient(server.url, credentials=pool) as client:
        free = client.with_options(credentials=TWO)
        states = [state_of(client), state_of(free)]
        held, release = threading.Event(), threading.Event()

        def hold() -> None:
            with states[0]._lock, states[1]._lock:
                held.set()
                release.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(30)

        def child() -> None:
            with pytest.raises(RateLimitTimeout):
                client.get("/echo", deadline=1)
            free.get("/echo")

        try:
            assert in_child(child) == ""
        finally:
            release.set()
            thread.join()
        client.get("/echo", deadline=1)
        assert len(server.log) == 2


@pytest.mark.parametrize("status", [402, 429])
async def test_going_on_is_bounded_by_the_retry_budget(lane: Lane, status: int) -> None:
    """However many keys there are, and whatever the server asks for; a success gives it back."""
    refusal = answer(status, "Retry-After: 0")
    async with Scripted(*[refusal] * 60) as server:
        pool = CredentialPool(map(str, range(50)))
        client = lane.client(server.url, credentials=pool, retry=Retry(1, budget=20))
        with pytest.raises(HTTPClientError):
            await client.get("/")
        assert len(server.log) == 5
        with pytest.raises(HTTPClientError):
            await client.get("/")
        assert len(server.log) == 6, "nothing is left"
        unbounded = lane.client(server.url, credentials=pool, retry=Retry(1, budget=None))
        with pytest.raises(HTTPClientError):
            await unbounded.get("/")
        assert len(server.log) == 56
        server.script[:] = [refusal]
        again = lane.client(server.url, credentials=pool, retry=Retry(1, budget=5))
        for _ in range(3):
            server.script[:] = [refusal]
            assert await again.get("/") == {}


async def test_a_key_is_refused_once_in_a_call(lane: Lane) -> None:
    """After a redirect those that were refused before are the last to be tried."""

    def moved(_: Read) -> Step:
        time.sleep(0.01)  # The others can be used again.
        return answer(307, "Location: /there")

    async with Scripted(answer(401), answer(401), moved, OK) as server:
        pool = CredentialPool(["key-a", "key-b", "key-c"], revoke_for=0.001)
        client = lane.client(server.url, credentials=pool)
        state = state_of(client)
        assert await client.get("/") == {}
        assert keys(server) == ["a", "b", "c", "c"]
        assert state.wait() == 0


async def test_a_path_that_refuses_every_key(lane: Lane) -> None:
    """It is not the keys that are wrong: all can be used again soon."""
    async with Scripted(*[answer(401)] * 3) as server:
        pool = CredentialPool(["key-a", "key-b", "key-c"], rest_for=0.2)
        client = lane.client(server.url, credentials=pool)
        with pytest.raises(HTTPUnauthorized):
            await client.post("/strange")
        with pytest.raises(CredentialsExhausted) as caught:
            await client.get("/")
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 0.2
        await until_async(lambda: client.target.forecast() == 0)
        assert await client.get("/") == {}


async def test_a_key_that_is_restored_before_all_are_refused(lane: Lane) -> None:
    """Then only the others are used again after a rest; that one is at once."""

    def restored(read: Read) -> Step:
        state.restore(0)
        return answer(401)

    async with Scripted(answer(401), restored) as server:
        client = lane.client(server.url, credentials=CredentialPool(["key-a", "key-b"]))
        state = state_of(client)
        with pytest.raises(HTTPUnauthorized):
            await client.get("/")
        assert await client.get("/") == {}
        assert keys(server) == ["a", "b", "a"]


async def test_a_key_that_is_restored_is_used_at_once(kind: Kind) -> None:
    """By those who wait for one, within a second or two."""
    async with Scripted() as server:
        client = kind.client(server.url, credentials=CredentialPool(["a"]))
        state = state_of(client)
        state.rest(0, 3600)
        waiting = asyncio.ensure_future(client.get("/"))
        await asyncio.sleep(0.3)  # So that it waits, most likely.
        state.restore(0)
        start = time.monotonic()
        assert await waiting == {}
        assert time.monotonic() - start < 2 + LATE


async def test_a_key_that_rests_does_not_hide_one_that_is_back_sooner(lane: Lane) -> None:
    """One that is revoked for a second is waited for, not one that rests for an hour."""
    async with Scripted() as server:
        client = lane.client(server.url, credentials=TWO)
        state = state_of(client)
        state.rest(0, 3600)
        state.revoke(1, 0.3)
        assert 0 < client.target.forecast() <= 0.3
        assert await client.get("/", deadline=30) == {}
        assert keys(server) == ["b"]


@pytest.mark.parametrize("key", [2, -1, True, 0.0, "a", None])
def test_keys_that_are_none(key: Any) -> None:
    """They are refused by their number."""
    state = SyncClient("http://api.test", credentials=TWO).credentials
    assert state is not None
    for change in (state.restore, lambda one: state.rest(one, 1), state.revoke):
        with pytest.raises(ConfigurationError, match="whole number from 0 to 1, got"):
            change(key)


@pytest.mark.parametrize("seconds", [-1, math.nan, True, "5", None])
def test_times_of_keys_that_are_none(seconds: Any) -> None:
    """They are refused, too."""
    state = SyncClient("http://api.test", credentials=TWO).credentials
    assert state is not None
    for change in (state.rest, state.revoke):
        with pytest.raises(ConfigurationError, match="number of at least 0"):
            change(0, seconds)


async def test_a_request_that_was_built_has_no_key(lane: Lane) -> None:
    """Sending it puts none into it: each time it takes one of its own."""
    async with Scripted() as server:
        client = lane.client(server.url, credentials=TWO)
        request = client.target.build("GET", "/")
        for _ in range(2):
            await client.send(request)
            assert "key-" not in repr(list(request.headers.items()))
        assert keys(server) == ["a", "b"]


async def test_no_server_has_a_key_left_alone_for_longer_than_is_allowed(lane: Lane) -> None:
    """Whichever field it says so in."""
    fields = ("RateLimit-Remaining: 0", "RateLimit-Reset: 99999999")
    async with Scripted(answer(200, *fields)) as server:
        pool = CredentialPool(["key-a"], max_rest=0.2)
        client = lane.client(server.url, credentials=pool)
        await client.get("/")
        assert 0 < client.target.forecast() <= 0.2
        assert await client.get("/", deadline=30) == {}
