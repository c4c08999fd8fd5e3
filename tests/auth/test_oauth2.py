"""Tokens and OAuth 2: one fetch for all who wait, and what a token endpoint may answer."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from arya_api_framework import AsyncClient, SyncClient, Timeout
from arya_api_framework.auth import (
    MemoryTokenStore,
    OAuth2ClientCredentials,
    OAuth2RefreshToken,
    Step,
    Token,
    TokenAuth,
)
from arya_api_framework.errors import (
    ConfigurationError,
    HTTPUnauthorized,
    RequestTimeout,
    TokenRefreshError,
)
from tests.client.conftest import Lane
from tests.conftest import Kind, needs_fork
from tests.forks import in_child
from tests.patience import LATE, until_async
from tests.redis_server import free_port
from tests.scripted import CLOSE, HANG, Held, Read, Scripted, answer
from tests.scripted import Step as Answer


def gives(token: str, **more: Any) -> bytes:
    """Return the answer of a token endpoint."""
    body = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, **more}
    return answer(200, body=json.dumps(body).encode())


def login(tokens: Scripted, **options: Any) -> OAuth2ClientCredentials:
    """Return an object that fetches its tokens there."""
    url = f"{tokens.url}/token"
    given = {"client_id": "shop", "client_secret": "s3cret", **options}
    return OAuth2ClientCredentials(token_url=url, **given)


def sent(server: Scripted) -> list[str | None]:
    """Return the tokens that a server read."""
    return [read.headers.get("Authorization") for read in server.log]


async def test_a_token_is_fetched_once_and_kept(lane: Lane) -> None:
    """With the secret in the field of RFC 6749 2.3.1, and nothing of the client of the API."""
    async with Scripted(gives("t")) as tokens, Scripted() as server:
        auth = login(tokens, client_secret="s: é", scopes=["a", "b"], parameters={"audience": "x"})
        client = lane.client(
            server.url, auth=auth, rate_limit=3, rate_limit_interval=60, headers={"X-Mine": "1"}
        )
        for _ in range(3):
            await client.get("/", deadline=5)
        assert sent(server) == ["Bearer t"] * 3
        (read,) = tokens.log
        assert (read.method, read.target) == ("POST", "/token")
        assert read.body == b"grant_type=client_credentials&audience=x&scope=a+b"
        assert read.headers["Authorization"] == "Basic c2hvcDpzJTNBKyVDMyVBOQ=="
        assert read.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert not {"X-Mine", "Cookie"} & set(read.headers)


@pytest.mark.parametrize(
    ("options", "form"),
    [
        (
            {"client_auth": "post"},
            b"grant_type=client_credentials&client_id=shop&client_secret=s3cret",
        ),
        ({"client_secret": None}, b"grant_type=client_credentials&client_id=shop"),
        (
            {"client_secret": None, "scopes": "all"},
            b"grant_type=client_credentials&scope=all&client_id=shop",
        ),
    ],
)
async def test_a_client_may_be_named_in_the_form(kind: Kind, options: Any, form: bytes) -> None:
    """With its secret, or without one."""
    async with Scripted(gives("t")) as tokens, Scripted() as server:
        await kind.client(server.url, auth=login(tokens, **options)).get("/")
        assert tokens.log[0].body == form
        assert "Authorization" not in tokens.log[0].headers


async def test_a_token_is_renewed_before_its_end(kind: Kind) -> None:
    """By as much as `skew`, or half of its life where that is less."""
    script = [gives("a"), gives("b", expires_in=10), gives("c", expires_in=None)]
    async with Scripted(*script) as tokens, Scripted() as server:
        auth = login(tokens)
        client = kind.client(server.url, auth=auth)
        now = time.time()
        for later in (0, 3569, 3571, 3575, 3577, 10**6):
            auth._clock = lambda at=now + later: at  # type: ignore[misc]
            await client.get("/")
        assert sent(server) == [f"Bearer {one}" for one in "aabbcc"]


async def test_a_token_that_is_refused_is_renewed_once(lane: Lane) -> None:
    """And the second refusal is the answer."""
    script = [answer(401), answer(200), answer(401), answer(401)]
    async with (
        Scripted(gives("a"), gives("b"), gives("c")) as tokens,
        Scripted(*script) as server,
    ):
        client = lane.client(server.url, auth=login(tokens))
        await client.post("/", body=1)
        with pytest.raises(HTTPUnauthorized):
            await client.get("/")
        assert sent(server) == ["Bearer a", "Bearer b", "Bearer b", "Bearer c"]
        assert [read.body for read in server.log[:2]] == [b"1", b"1"]


async def test_a_body_that_is_gone_is_not_sent_again(kind: Kind) -> None:
    """Its 401 is the answer."""
    async with Scripted(gives("a")) as tokens, Scripted(answer(401)) as server:
        client = kind.client(server.url, auth=login(tokens))
        with pytest.raises(HTTPUnauthorized):
            await client.post("/", data=iter([b"x"]))
        assert len(tokens.log) == len(server.log) == 1


async def test_many_that_are_refused_at_once_fetch_one(kind: Kind) -> None:
    """Who is told late that the old token is refused takes the new one."""
    refuse = [lambda read: answer(401 if "Bearer a" in read.headers["Authorization"] else 200)]
    async with Scripted(gives("a"), gives("b")) as tokens, Scripted(*refuse * 100) as server:
        client = kind.client(server.url, auth=login(tokens))
        await asyncio.gather(*(client.get("/") for _ in range(30)))
        assert len(tokens.log) == 2


async def test_fifty_threads_and_five_hundred_tasks_fetch_one() -> None:
    """Of one object, which clients of both kinds have."""
    held = Held(gives("new"))
    async with Scripted(held, gives("too many")) as tokens, Scripted() as server:
        store = MemoryTokenStore()
        auth = login(tokens, store=store)
        store.save(auth.key, Token("old", expires_at=time.time() - 1))
        with SyncClient(server.url, auth=auth) as client, ThreadPoolExecutor(50) as pool:
            async with AsyncClient(server.url, auth=auth) as both:
                loop = asyncio.get_running_loop()
                calls: list[Any] = [loop.run_in_executor(pool, client.get, "/") for _ in range(50)]
                calls += [asyncio.ensure_future(both.get("/")) for _ in range(500)]
                await until_async(lambda: len(tokens.log) == 1)
                await asyncio.sleep(0.3)  # So that the others wait, most likely.
                held.free()
                await asyncio.gather(*calls)
        assert len(tokens.log) == 1
        assert sent(server) == ["Bearer new"] * 550


PROCESS = """
import sys
from arya_api_framework import SyncClient
from arya_api_framework.auth import FileTokenStore, OAuth2ClientCredentials
api, tokens, path = sys.argv[1:]
auth = OAuth2ClientCredentials(
    token_url=tokens, client_id="shop", client_secret="s", store=FileTokenStore(path)
)
with SyncClient(api, auth=auth) as client:
    sys.stdin.readline()
    for _ in range(5):
        client.get("/")
"""


async def test_four_processes_with_one_file_fetch_one(tmp_path: Path) -> None:
    """And all of them use it."""
    path = tmp_path / "tokens.json"
    async with Scripted(gives("t")) as tokens, Scripted() as server:
        command = [sys.executable, "-c", PROCESS, server.url, f"{tokens.url}/token", str(path)]
        run = subprocess.run
        calls = [
            asyncio.to_thread(run, command, input=b"\n", capture_output=True, check=False)
            for _ in range(4)
        ]
        assert [done.stderr for done in await asyncio.gather(*calls)] == [b""] * 4
        assert len(tokens.log) == 1
        assert sent(server) == ["Bearer t"] * 20
        assert path.stat().st_mode & 0o777 == 0o600


async def test_a_leader_that_gives_up_hands_on(kind: Kind) -> None:
    """Its time is over; the next who waits fetches the token, and nobody hangs."""
    async with Scripted(HANG, gives("t")) as tokens, Scripted() as server:
        client = kind.client(server.url, auth=login(tokens))
        first = asyncio.ensure_future(client.get("/", timeout=0.3))
        await until_async(lambda: len(tokens.log) == 1)
        others = [asyncio.ensure_future(client.get("/")) for _ in range(5)]
        with pytest.raises(RequestTimeout) as caught:
            await first
        assert caught.value.url == f"{tokens.url}/token"
        await asyncio.gather(*others)
        assert sent(server) == ["Bearer t"] * 5
        assert len(tokens.log) == 2


async def test_a_leader_that_is_cancelled_hands_on() -> None:
    """As one whose time is over."""
    async with (
        Scripted(HANG, gives("t")) as tokens,
        Scripted() as server,
        AsyncClient(server.url, auth=login(tokens)) as client,
    ):
        first = asyncio.ensure_future(client.get("/"))
        await until_async(lambda: len(tokens.log) == 1)
        others = [asyncio.ensure_future(client.get("/")) for _ in range(5)]
        await asyncio.sleep(0.1)  # So that they wait, most likely.
        first.cancel()
        await asyncio.gather(*others)
        assert len(tokens.log) == 2


async def test_who_waits_has_a_time_of_its_own(kind: Kind) -> None:
    """It ends with that, and leaves the one who fetches alone."""
    held = Held(gives("t"))
    async with Scripted(held) as tokens, Scripted() as server:
        client = kind.client(server.url, auth=login(tokens))
        first = asyncio.ensure_future(client.get("/"))
        await until_async(lambda: len(tokens.log) == 1)
        start = time.monotonic()
        with pytest.raises(RequestTimeout) as caught:
            await client.get("/", timeout=0.2)
        assert caught.value.sent == "no"
        assert time.monotonic() - start < 0.2 + LATE
        held.free()
        await first


async def test_a_failure_is_told_to_all_and_does_not_storm(lane: Lane) -> None:
    """The same text, an error for each; a moment later it is tried anew."""
    held = Held(answer(400, body=b'{"error": "invalid_client", "error_description": "s3cret?"}'))
    async with Scripted(held, gives("t")) as tokens, Scripted() as server:
        client = lane.client(server.url, auth=login(tokens))
        calls = [asyncio.ensure_future(client.get("/")) for _ in range(20)]
        await until_async(lambda: len(tokens.log) == 1)
        await asyncio.sleep(0.1)  # So that the others wait, most likely.
        held.free()
        errors = await asyncio.gather(*calls, return_exceptions=True)
        with pytest.raises(TokenRefreshError):
            await client.get("/")
        assert {type(one) for one in errors} == {TokenRefreshError}
        assert len(set(map(id, errors))) == 20
        text = f"the token endpoint {tokens.url} answered 400, invalid_client: ***?"
        assert all(text in str(one) for one in errors)
        assert [one.sent for one in errors if isinstance(one, TokenRefreshError)] == ["no"] * 20
        assert len(tokens.log) == 1
        assert server.log == []
        await asyncio.sleep(1.1)
        await client.get("/")
        assert sent(server) == ["Bearer t"]


async def test_a_failure_after_a_refusal(kind: Kind) -> None:
    """The error says that the request was read."""
    async with Scripted(gives("a"), answer(403)) as tokens, Scripted(answer(401)) as server:
        client = kind.client(server.url, auth=login(tokens))
        with pytest.raises(TokenRefreshError, match=r"answered 403$") as caught:
            await client.get("/")
        assert caught.value.sent == "yes"


BAD_ANSWERS: list[tuple[Any, str]] = [
    (answer(200, body=b"<html>"), "gave no JSON object"),
    (answer(200, body=b"[1]"), "gave no JSON object"),
    (answer(200, body=b"[" * 100_000), "gave no JSON object"),
    (answer(200, body=b'{"a": "%s"}' % (b"x" * 70_000)), "gave no JSON object of at most 64 KiB"),
    (answer(200, body=b"{}"), "gave no access_token"),
    (gives(""), "gave no access_token"),
    (gives("a\nb"), "gave no access_token"),
    (gives("ключ"), "gave no access_token"),
    (gives("a b"), "gave no access_token"),
    (gives("a", access_token=5), "gave no access_token"),
    (gives("a", token_type="mac"), "of a type that is not Bearer"),
    (gives("a", token_type=5), "of a type that is not Bearer"),
    (gives("a", expires_in=-1), "no number of seconds"),
    (gives("a", expires_in="soon"), "no number of seconds"),
    (gives("a", expires_in=True), "no number of seconds"),
    (answer(200, body=b'{"access_token": "a", "expires_in": NaN}'), "no number of seconds"),
    (answer(302, "Location: /elsewhere"), "answered 302"),
    (answer(401, body=b'{"error": 5}'), "answered 401"),
    (answer(400, body=b"oops"), "answered 400"),
    (answer(503, "Retry-After: 3600"), "answered 503"),
]


@pytest.mark.parametrize(("reply", "words"), BAD_ANSWERS)
async def test_answers_that_give_no_token(kind: Kind, reply: bytes, words: str) -> None:
    """A clear error, nothing sent to the API, one request to the endpoint."""
    async with Scripted(reply) as tokens, Scripted() as server:
        client = kind.client(server.url, auth=login(tokens))
        with pytest.raises(TokenRefreshError, match=words) as caught:
            await client.get("/")
        assert "s3cret" not in str(caught.value)
        assert server.log == []
        assert len(tokens.log) == 1


@pytest.mark.parametrize(
    "reply",
    [
        gives("a", expires_in="3600"),
        gives("a", expires_in=10**20),
        answer(200, body=b'{"access_token": "a", "expires_in": Infinity}'),
        gives("a", token_type="bEARER", scope=5, refresh_token=5),
        answer(200, body=b'{"access_token": "a"}'),
    ],
)
async def test_answers_that_are_odd_and_will_do(kind: Kind, reply: bytes) -> None:
    """The token is used, and kept."""
    async with Scripted(reply) as tokens, Scripted() as server:
        client = kind.client(server.url, auth=login(tokens))
        for _ in range(2):
            await client.get("/")
        assert sent(server) == ["Bearer a"] * 2


async def test_a_token_that_is_over_at_once_is_used_by_all_who_waited(kind: Kind) -> None:
    """It is fetched for those, and not by each of them."""
    held = Held(gives("a", expires_in=0))
    async with Scripted(held) as tokens, Scripted() as server:
        client = kind.client(server.url, auth=login(tokens))
        calls = [asyncio.ensure_future(client.get("/")) for _ in range(20)]
        await until_async(lambda: len(tokens.log) == 1)
        await asyncio.sleep(0.2)  # So that the others wait, most likely.
        held.free()
        await asyncio.gather(*calls)
        assert sent(server) == ["Bearer a"] * 20
        assert len(tokens.log) == 1


@pytest.mark.parametrize("passing", [CLOSE, answer(503), answer(429, "Retry-After: 0")])
async def test_what_may_pass_is_tried_again(kind: Kind, passing: Any) -> None:
    """Twice, and then it is the error."""
    async with Scripted(passing, passing, gives("t")) as tokens, Scripted() as server:
        await kind.client(server.url, auth=login(tokens)).get("/")
        assert sent(server) == ["Bearer t"]
        assert len(tokens.log) == 3
    async with Scripted(*[passing] * 3) as tokens, Scripted() as server:
        with pytest.raises(TokenRefreshError):
            await kind.client(server.url, auth=login(tokens)).get("/")
        assert len(tokens.log) == 3


async def test_an_endpoint_that_is_down(kind: Kind) -> None:
    """The cause says why."""
    auth = OAuth2ClientCredentials(token_url=f"http://127.0.0.1:{free_port()}/", client_id="c")
    async with Scripted() as server:
        with pytest.raises(TokenRefreshError, match="no token could be fetched") as caught:
            await kind.client(server.url, auth=auth).get("/")
        assert type(caught.value.__cause__).__name__ == "ConnectError"


async def test_refresh_tokens_are_rotated(kind: Kind) -> None:
    """A new one takes the place of the old, also for another object with that store."""
    script = [gives("a", refresh_token="r2"), gives("b"), gives("c"), answer(400), gives("d")]
    async with Scripted(*script) as tokens, Scripted(*[answer(401), answer(200)] * 9) as server:
        store = MemoryTokenStore()
        options: Any = {"token_url": f"{tokens.url}/", "client_id": "c", "store": store}
        client = kind.client(server.url, auth=OAuth2RefreshToken("r1", **options))
        await client.get("/")
        other = kind.client(server.url, auth=OAuth2RefreshToken("r1", **options))
        await other.get("/")
        for _ in range(2):
            await client.get("/")
        used = [read.body.rpartition(b"refresh_token=")[2][:2] for read in tokens.log]
        assert used == [b"r1", b"r2", b"r2", b"r2", b"r1"]


@pytest.mark.parametrize(("status", "count"), [(400, 1), (403, 1)])
async def test_a_refresh_token_that_is_refused(kind: Kind, status: int, count: int) -> None:
    """Where there is no other one, the error is the end."""
    async with Scripted(*[answer(status)] * 3) as tokens, Scripted() as server:
        auth = OAuth2RefreshToken("r1", token_url=f"{tokens.url}/", client_id="c")
        with pytest.raises(TokenRefreshError, match=f"answered {status}"):
            await kind.client(server.url, auth=auth).get("/")
        assert len(tokens.log) == count


async def test_no_token_goes_to_another_origin(lane: Lane) -> None:
    """Along with a redirect."""
    async with Scripted(gives("t")) as tokens, Scripted() as server, Scripted() as other:
        server.script.append(answer(302, f"Location: {other.url}/"))
        await lane.client(server.url, auth=login(tokens)).get("/")
        assert (sent(server), sent(other)) == (["Bearer t"], [None])


async def test_a_token_endpoint_at_home_takes_a_slot(kind: Kind) -> None:
    """As any request there."""

    def both(read: Read) -> Answer:
        return gives("t") if read.target == "/token" else answer(200)

    async with Scripted(*[both] * 9) as server:
        client = kind.client(server.url, auth=login(server), rate_limit=2, rate_limit_interval=60)
        await client.get("/")
        assert client.target.forecast() > 30
        assert [read.target for read in server.log] == ["/token", "/"]


class Exchange(TokenAuth):
    """A grant of a user's own."""

    def __init__(self, tokens: list[Any], **options: Any) -> None:
        super().__init__(**options)
        self.tokens = tokens
        self.given: list[Token | None] = []

    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
        """Take the next one."""
        self.given.append(token)
        yield 0.01
        one = self.tokens.pop(0)
        if isinstance(one, Exception):
            raise one
        return one  # type: ignore[no-any-return]


async def test_an_exchange_of_a_users_own(kind: Kind) -> None:
    """It is given the token before."""
    async with Scripted(answer(200), answer(401)) as server:
        first, second = Token("a"), Token("b")
        auth = Exchange([first, second])
        client = kind.client(server.url, auth=auth)
        for _ in range(2):
            await client.get("/")
        assert sent(server) == ["Bearer a", "Bearer a", "Bearer b"]
        assert auth.given == [None, first]
        assert auth.key == "Exchange"


@needs_fork
async def test_a_child_that_is_forked_meanwhile_fetches_for_itself() -> None:
    """Neither the fetch nor the store of its parent makes it wait."""
    held = Held(gives("parent"))
    async with Scripted(held, gives("child")) as tokens, Scripted() as server:
        auth = login(tokens)
        async with AsyncClient(server.url, auth=auth) as client:
            first = asyncio.ensure_future(client.get("/"))
            await until_async(lambda: len(tokens.log) == 1)

            def child() -> None:
                with SyncClient(server.url, auth=auth) as own:
                    own.get("/")

            await asyncio.to_thread(in_child, child)
            held.free()
            await first
            assert sent(server) == ["Bearer child", "Bearer parent"]


def test_what_a_child_inherits_of_a_fetch_changes_nothing_there() -> None:
    """The generator of the parent is closed in the child, whose own fetch goes on."""
    auth = Exchange([Token("a"), Token("b")])
    of_parent = auth._find(None)
    assert next(of_parent) == 0.01
    auth.start_over()
    auth._store = MemoryTokenStore()
    own = auth._find(None)
    assert next(own) == 0.01
    of_parent.close()
    assert auth._fetching is not None
    with pytest.raises(StopIteration) as ended:
        next(own)
    assert ended.value.value == Token("a")


def key_of(**options: Any) -> str:
    """Return what the tokens of an object are for."""
    given: Any = {"token_url": "https://a.test/", "client_id": "c", **options}
    return OAuth2ClientCredentials(**given).key


async def test_two_users_with_one_store_have_their_own_tokens(kind: Kind) -> None:
    """Though they use one client of one server."""
    async with Scripted(gives("of-a"), gives("of-b")) as tokens, Scripted() as server:
        options: Any = {
            "token_url": f"{tokens.url}/",
            "client_id": "c",
            "store": MemoryTokenStore(),
        }
        for user in ("a", "b", "a"):
            auth = OAuth2RefreshToken(f"refresh-{user}", **options)
            await kind.client(server.url, auth=auth).get("/")
        assert sent(server) == ["Bearer of-a", "Bearer of-b", "Bearer of-a"]


async def test_what_the_endpoint_tells_back_is_hidden(kind: Kind) -> None:
    """Wherever it is cut, however it is written."""
    secret = "a b/" + "c" * 60
    told = "x" * 180 + secret + quote(secret, safe="") + "pass-word"
    body = json.dumps({"error": "invalid", "error_description": told}).encode()
    async with Scripted(answer(400, body=body)) as tokens, Scripted() as server:
        auth = login(tokens, client_secret=secret, parameters={"password": "pass-word"})
        with pytest.raises(TokenRefreshError, match=r"invalid: x+") as caught:
            await kind.client(server.url, auth=auth).get("/")
        assert "cc" not in str(caught.value)
        assert "pass-word" not in str(caught.value)


async def test_an_endpoint_that_hangs_fails_all_who_wait(kind: Kind) -> None:
    """They do not try it one after the other."""
    async with Scripted(*[HANG] * 9) as tokens, Scripted() as server:
        client = kind.client(server.url, auth=login(tokens), timeout=Timeout(read=0.2))
        calls = [client.get("/") for _ in range(5)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(one) for one in found} == {TokenRefreshError}
        assert len(tokens.log) == 3


async def test_a_refresh_token_is_not_shown_twice_when_the_answer_is_lost(kind: Kind) -> None:
    """It may be good once."""
    async with Scripted(CLOSE) as tokens, Scripted() as server:
        auth = OAuth2RefreshToken("r1", token_url=f"{tokens.url}/", client_id="c")
        with pytest.raises(TokenRefreshError):
            await kind.client(server.url, auth=auth).get("/")
        assert len(tokens.log) == 1


async def test_the_same_token_again_is_not_fetched_by_each(kind: Kind) -> None:
    """Who waited for it uses it, whatever it is."""
    same = [gives("same")] * 60
    async with Scripted(*same) as tokens, Scripted(*[answer(401)] * 200) as server:
        client = kind.client(server.url, auth=login(tokens))
        calls = [client.get("/") for _ in range(20)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(one) for one in found} == {HTTPUnauthorized}
        assert len(tokens.log) < 20


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "[::1]", "localhost"])
def test_this_machine_needs_no_tls(host: str) -> None:
    """What goes there is read by nobody on the way."""
    assert key_of(token_url=f"http://{host}:8080/token")


def test_keys_tell_apart_what_tokens_are_for() -> None:
    """And hold nothing in plain text."""
    others: list[dict[str, Any]] = [
        {},
        {"token_url": "https://b.test/"},
        {"client_id": "d"},
        {"scopes": ["s"]},
        {"parameters": {"audience": "x"}},
    ]
    assert len({key_of(**one) for one in others}) == 5
    assert key_of() == key_of(client_secret="other")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"token_url": 5}, "must be a URL"),
        ({"token_url": "/token"}, "must be an absolute"),
        ({"token_url": "http://["}, "must be an absolute"),
        ({"token_url": "http://a.test/"}, "must be https"),
        ({"token_url": "http://127.a.test/"}, "must be https"),
        ({"token_url": "https://u:hunter2@a.test/"}, "must hold no login"),
        ({"token_url": "https://a.test/#f"}, "must hold no login and no fragment"),
        ({"client_id": ""}, "client_id of OAuth2ClientCredentials is empty"),
        ({"client_id": None}, "client_id of OAuth2ClientCredentials must be text"),
        ({"client_secret": "hunter2\n"}, "holds a control character"),
        ({"client_auth": "none"}, "client_auth of OAuth2ClientCredentials must be"),
        ({"skew": 0}, "skew of OAuth2ClientCredentials must be a number"),
    ],
)
def test_what_can_never_work(options: Any, words: str) -> None:
    """It is refused when it is made."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        key_of(**options)
    assert "hunter2" not in str(caught.value)
