"""`TokenAuth`: what all who wait are told, what ends one call alone, and keys of a shared store."""

import asyncio
import pickle
import signal
import threading
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError
from dataclasses import asdict
from typing import Any

import pytest

from arya_api_framework.auth import (
    FileTokenStore,
    MemoryTokenStore,
    OAuth2RefreshToken,
    Step,
    Token,
    TokenAuth,
    TokenStore,
)
from arya_api_framework.errors import (
    BudgetExhausted,
    ClientClosedError,
    ConfigurationError,
    DeadlineExceeded,
    MissingCredentials,
    PoolTimeout,
    RateLimitTimeout,
    RequestTimeout,
    TokenRefreshError,
)
from tests.auth.test_oauth2 import Exchange, gives, login, sent
from tests.conftest import Kind, needs_fork
from tests.forks import in_child
from tests.patience import until_async
from tests.scripted import HANG, Held, Scripted, answer


class Asked(TokenAuth):
    """Asks a server, and raises what a test says before it takes its answer for a token."""

    def __init__(self, ask: Callable[[], Any], failures: list[Any]) -> None:
        super().__init__()
        self._ask = ask
        self._failures = failures

    def fetch(self, token: Token | None) -> Generator[Step, Any, Token]:
        """Fail, or return a token."""
        answer = yield self._ask()
        if self._failures:
            raise self._failures.pop(0)
        return Token(answer.json()["access_token"])


async def gather_after(held: Held, tokens: Scripted, client: Any, count: int = 20) -> list[Any]:
    """Make so many calls, of which one fetches, and free the answer when the others wait."""
    calls = [asyncio.ensure_future(client.get("/")) for _ in range(count)]
    await until_async(lambda: len(tokens.log) == 1)
    await asyncio.sleep(0.2)  # So that the others wait, most likely.
    held.free()
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_what_fetch_raises_is_told_to_all_and_does_not_storm(kind: Kind) -> None:
    """As the cause of an error for each; the text shows nothing of it."""
    held = Held(gives("a"))
    async with Scripted(held, gives("b")) as tokens, Scripted() as server:
        own = kind.client(tokens.url)
        mine = KeyError("hunter2")
        auth = Asked(lambda: own.build("GET", "/"), [mine])
        client = kind.client(server.url, auth=auth)
        errors = await gather_after(held, tokens, client)
        with pytest.raises(TokenRefreshError, match=r"no token could be fetched: KeyError$"):
            await client.get("/")
        assert {type(one) for one in errors} == {TokenRefreshError}
        assert len(set(map(id, errors))) == 20
        assert all(one.__cause__ is mine for one in errors)
        assert "hunter2" not in "".join(map(str, errors))
        assert len(tokens.log) == 1
        await asyncio.sleep(1.1)
        await client.get("/")
        assert sent(server) == ["Bearer b"]


OWN_ENDS = [
    BudgetExhausted(),
    CancelledError(),
    ClientClosedError("closed"),
    DeadlineExceeded("over"),
    PoolTimeout("none free"),
    RateLimitTimeout("no slot"),
    RequestTimeout("over"),
]


@pytest.mark.parametrize("end", OWN_ENDS, ids=lambda end: type(end).__name__)
async def test_what_ends_one_call_alone_is_told_to_nobody_else(kind: Kind, end: Exception) -> None:
    """The next one fetches the token."""
    held = Held(gives("a"))
    async with Scripted(held, gives("b")) as tokens, Scripted() as server:
        own = kind.client(tokens.url)
        client = kind.client(server.url, auth=Asked(lambda: own.build("GET", "/"), [end]))
        found = await gather_after(held, tokens, client)
        # A loop makes its own error of the cancellation of a thread.
        assert [type(one).__name__ for one in found if one != {}] == [type(end).__name__]
        assert sent(server) == ["Bearer b"] * 19


async def test_credentials_that_are_missing_are_told_to_all_as_they_are(kind: Kind) -> None:
    """Nobody looks for them again for a second."""
    held, reads = Held(gives("a")), list[int]()

    def read() -> str:
        reads.append(1)
        raise MissingCredentials("SHOP_SECRET is not set")

    async with Scripted(held) as tokens, Scripted() as server:
        own = kind.client(tokens.url)
        missing = Asked(lambda: own.build("GET", "/"), [MissingCredentials("not set")])
        errors = await gather_after(held, tokens, kind.client(server.url, auth=missing))
        assert {type(one) for one in errors} == {MissingCredentials}
        assert len(set(map(id, errors))) == 20
        client = kind.client(server.url, auth=login(tokens, client_secret=read))
        for _ in range(3):
            with pytest.raises(MissingCredentials, match="SHOP_SECRET is not set"):
                await client.get("/")
        assert len(reads) == len(tokens.log) == 1


async def test_all_are_told_whether_it_was_refused(kind: Kind) -> None:
    """Not the one who asked alone."""
    held = Held(answer(401))
    async with Scripted(held) as tokens, Scripted() as server:
        client = kind.client(server.url, auth=login(tokens))
        errors = await gather_after(held, tokens, client, 5)
        assert [one.refused for one in errors] == [True] * 5


async def test_a_fetch_that_returns_no_token(kind: Kind) -> None:
    """It is named."""
    async with Scripted() as server:
        client = kind.client(server.url, auth=Exchange(["hunter2"]))
        with pytest.raises(ConfigurationError, match="fetch of Exchange must return a Token, got"):
            await client.get("/")


@pytest.mark.parametrize("make", [MemoryTokenStore, lambda: FileTokenStore("tokens.json")])
def test_a_store_wants_a_key(make: Callable[[], TokenStore]) -> None:
    """By which the tokens of one object are told from those of another one of its class."""
    with pytest.raises(ConfigurationError, match="Exchange with a store must override `key`"):
        Exchange([], store=make())

    class Named(Exchange):
        key = "mine"

    assert Named([], store=make()).key == "mine"


async def test_an_endpoint_that_hangs_holds_up_no_other(kind: Kind) -> None:
    """Though both keep their tokens in one store."""
    store = MemoryTokenStore()
    async with Scripted(HANG) as stuck, Scripted(gives("t")) as tokens, Scripted() as server:
        first = kind.client(server.url, auth=login(stuck, store=store))
        hangs = asyncio.ensure_future(first.get("/", timeout=5))
        await until_async(lambda: len(stuck.log) == 1)
        await kind.client(server.url, auth=login(tokens, store=store)).get("/", timeout=4)
        assert not hangs.done()
        assert sent(server) == ["Bearer t"]
        stuck.close_connections()
        await asyncio.gather(hangs, return_exceptions=True)


class Full(MemoryTokenStore):
    """Has no room."""

    def save(self, key: str, token: Token) -> None:
        """Fail."""
        raise TokenRefreshError("no room")


async def test_a_token_that_cannot_be_kept_is_used_on(kind: Kind) -> None:
    """The error tells of it once; a refresh token that came with it is the next one shown."""
    script = [gives("a", refresh_token="r2"), gives("b")]
    async with (
        Scripted(*script) as tokens,
        Scripted(answer(200), answer(401), answer(200)) as server,
    ):
        store = Full()
        options: Any = {"token_url": f"{tokens.url}/", "client_id": "c", "store": store}
        auth = OAuth2RefreshToken("r1", **options)
        MemoryTokenStore.save(store, auth.key, Token("old", 1.0, "r0", 0.0))
        client = kind.client(server.url, auth=auth)
        with pytest.raises(TokenRefreshError, match="no room"):
            await client.get("/")
        await client.get("/")
        await asyncio.sleep(1.1)  # So that the failure is over.
        with pytest.raises(TokenRefreshError, match="no room"):
            await client.get("/")
        await client.get("/")
        used = [read.body.rpartition(b"refresh_token=")[2][:2] for read in tokens.log]
        assert used == [b"r0", b"r2"]
        assert sent(server) == ["Bearer a", "Bearer a", "Bearer b"]


@needs_fork
def test_a_child_ends_what_it_has_of_a_fetch_whatever_was_locked() -> None:
    """A thread of the parent may have been looking at the future just then."""
    auth = Exchange([Token("a")])
    flow = auth._find(None)
    assert next(flow) == 0.01
    future = auth._fetching
    assert future is not None
    locked, done = threading.Event(), threading.Event()

    def look() -> None:
        with future._condition:
            locked.set()
            done.wait()

    thread = threading.Thread(target=look)
    thread.start()
    locked.wait()

    def too_late(*_: object) -> None:
        raise TimeoutError

    def child() -> None:
        # Not in a thread, which may have the name of the one that is gone.
        signal.signal(signal.SIGALRM, too_late)
        signal.alarm(5)
        flow.close()

    try:
        assert in_child(child) == ""
    finally:
        done.set()
        thread.join()


def test_a_token_shows_nothing() -> None:
    """Neither itself nor what renews it."""
    token = Token("hunter2", refresh_token="hunter2", scope="s")
    assert "hunter2" not in repr(token) + str(token)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(token)
    assert asdict(token)["access_token"] == "hunter2"
