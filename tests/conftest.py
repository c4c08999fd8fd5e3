"""Fixtures for every test: servers to talk to, and both clients behind one awaitable face."""

import asyncio
import contextvars
import functools
import gc
import importlib
import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, cast

import pytest
import trustme

from tests.app import Server
from tests.servers import Certificate, httpbin

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

# Methods of a client that send nothing. They are called as they are, on both clients.
PURE = frozenset(
    "budget build explain forecast items map openapi pages stream tree tus with_options".split()
)

# asyncio.to_thread() has a handful of threads only, and a test may well start a hundred calls.
THREADS = ThreadPoolExecutor(max_workers=256, thread_name_prefix="sync client")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name long bytes by their length: compressed ones hold the time, and names must last."""
    return f"{len(val)} bytes" if isinstance(val, bytes) and len(val) > 40 else None


def pytest_collection_finish() -> None:
    """Leave thousands of tests out of each collection, which would fall into a time measured."""
    gc.collect()
    gc.freeze()


class Kind:
    """One of the two clients, for test bodies that are written once and run on both.

    async def test_user(kind: Kind, server: Server) -> None:
        client = kind.client(server.url)
        assert await client.get("/users/1", response_format=User) == ADA
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_async = name == "async"
        self._clients: list[Any] = []

    def __repr__(self) -> str:
        return f"Kind({self.name!r})"

    @property
    def base(self) -> type[Any]:
        """The client class, to subclass or to construct."""
        # Imported here so that tests of the pure modules run without either client.
        package: Any = importlib.import_module("arya_api_framework")
        return cast("type[Any]", package.AsyncClient if self.is_async else package.SyncClient)

    def client(self, *arguments: Any, **options: Any) -> Any:
        """Construct a client that sends each call once, if not told otherwise, and wrap it."""
        return self.wrap(self.base(*arguments, **{"retry": None, **options}))

    def wrap(self, client: Any) -> Any:
        """Make every method of a client awaitable; the client is closed when the test ends."""
        self._clients.append(client)
        return Wrapped(client, self)

    async def call(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Any:
        """Await an async function, or run a sync one in a thread, where it may block."""
        if self.is_async:
            result = function(*arguments, **options)
            return await result if inspect.isawaitable(result) else result
        bound = functools.partial(function, *arguments, **options)
        run = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(THREADS, run, bound)

    async def close(self) -> None:
        """Close the clients that the test left open."""
        for client in self._clients:
            if not client.closed:
                await self.call(client.close)


class Wrapped:
    """A client or sub-client whose methods are all awaited; `target` is the client itself."""

    def __init__(self, target: Any, kind: Kind) -> None:
        self.__dict__.update(target=target, _kind=kind)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.target, name)
        if _is_subclient(value):
            return Wrapped(value, self._kind)
        if not inspect.isroutine(value):
            return value
        if name not in PURE:
            return functools.partial(self._kind.call, value)
        return functools.partial(self._pure, value)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.target, name, value)

    async def __aenter__(self) -> Self:
        enter = self.target.__aenter__ if self._kind.is_async else self.target.__enter__
        await self._kind.call(enter)
        return self

    async def __aexit__(self, *exception: object) -> None:
        leave = self.target.__aexit__ if self._kind.is_async else self.target.__exit__
        await self._kind.call(leave, *exception)

    def _pure(self, method: Callable[..., Any], /, *arguments: Any, **options: Any) -> Any:
        result = method(*arguments, **options)
        return self._kind.wrap(result) if isinstance(result, self._kind.base) else result


async def enter_wrongly(kind: Kind, value: Any) -> None:
    """Enter a context by the statement that is for the other kind."""
    if kind.is_async:
        with value:
            pass
    else:
        async with value:
            pass


def _is_subclient(value: Any) -> bool:
    return hasattr(cast("object", value).__class__, "request")


@pytest.fixture(params=["sync", "async"])
async def kind(request: pytest.FixtureRequest) -> AsyncIterator[Kind]:
    """Each of the two clients in turn."""
    kind = Kind(request.param)
    yield kind
    await kind.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for this machine, signed by an authority that nobody else knows."""
    folder = tmp_path_factory.mktemp("certificate")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    certificate = Certificate(folder / "chain.pem", folder / "key.pem", folder / "ca.pem")
    certificate.chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    certificate.key.write_bytes(issued.private_key_pem.bytes())
    certificate.authority.write_bytes(authority.cert_pem.bytes())
    return certificate


@pytest.fixture(scope="session")
def ca_pem(certificate: Certificate) -> Path:
    """The file to trust when talking to the TLS servers."""
    return certificate.authority


@pytest.fixture(scope="session")
def _running_server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def _running_tls_server(certificate: Certificate) -> Iterator[Server]:
    with Server(tls=certificate.server_context()) as server:
        yield server


@pytest.fixture
def server(_running_server: Server) -> Server:
    """The test application, as new."""
    _running_server.reset()
    return _running_server


@pytest.fixture
def tls_server(_running_tls_server: Server) -> Server:
    """The test application over TLS, as new."""
    _running_tls_server.reset()
    return _running_tls_server


@pytest.fixture(scope="session")
def httpbin_url() -> Iterator[str]:
    """The origin of an httpbin."""
    with httpbin() as url:
        yield url


@pytest.fixture(scope="session")
def httpbin_tls_url(certificate: Certificate) -> Iterator[str]:
    """The origin of an httpbin over TLS."""
    with httpbin(certificate) as url:
        yield url
