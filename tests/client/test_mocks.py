"""The clients under what users mock and record HTTP with: `responses`, requests-mock and vcrpy.

None of these tests could pass by chance: the mocked hosts do not exist, and the recorded server is
gone when its answers are replayed.
"""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock
import responses
import vcr
from pydantic import BaseModel

from arya_api_framework import AsyncClient, SyncClient
from arya_api_framework.errors import (
    ConnectionLost,
    ContentEncodingError,
    HTTPNotFound,
    ReadTimeout,
    ResponseTooLarge,
)
from tests.conftest import Kind
from tests.faults import GZIPPED, Faults

URL = "http://api.invalid/v1"


class Item(BaseModel):
    """What the mocks give."""

    id: int


@pytest.fixture
def client() -> Any:
    """A client of a host that does not exist."""
    with SyncClient(URL, headers={"X-Key": "k"}) as client:
        yield client


# responses


def test_responses(client: SyncClient) -> None:
    """Answers of `responses` come typed, and it sees what was sent."""
    with responses.RequestsMock() as mock:
        mock.get(f"{URL}/items/1", json={"id": 1}, headers={"ETag": "e"})
        mock.post(f"{URL}/items", json={"id": 2}, status=201)
        response = client.get("/items/1", raw=True)
        assert response.parse(Item) == Item(id=1)
        assert response.headers["ETag"] == "e"
        assert client.post("/items", body={"a": "b"}, response_format=Item) == Item(id=2)
        first, second = mock.calls
        assert first.request.headers["X-Key"] == "k"
        assert second.request.body == b'{"a":"b"}'
        assert second.request.headers["Content-Type"] == "application/json"


@responses.activate
def test_responses_as_decorator() -> None:
    """A client made and used for the first time under the decorator is mocked."""
    responses.get(f"{URL}/items/1", json={"id": 1})
    with SyncClient(URL) as client:
        assert client.get("/items/1", response_format=Item) == Item(id=1)


@responses.activate
def test_responses_errors(client: SyncClient) -> None:
    """Errors, faults and redirects of mocks are treated as those of servers."""
    responses.get(f"{URL}/missing", json={"message": "no"}, status=404)
    responses.get(f"{URL}/lost", body=requests.ConnectionError("secret text"))
    responses.get(f"{URL}/slow", body=requests.ReadTimeout("secret text"))
    responses.get(f"{URL}/old", status=302, headers={"Location": "/v1/new"})
    responses.get(f"{URL}/new", json={"id": 3})
    responses.get(f"{URL}/large", body=b"1" * 100)
    with pytest.raises(HTTPNotFound, match="no"):
        client.get("/missing")
    with pytest.raises(ConnectionLost) as caught:
        client.get("/lost")
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, requests.ConnectionError)
    with pytest.raises(ReadTimeout):
        client.get("/slow", timeout=5)
    assert client.get("/old", response_format=Item) == Item(id=3)
    with pytest.raises(ResponseTooLarge):
        client.get("/large", max_response_size=50)
    with pytest.raises(ConnectionLost):
        client.get("/not-registered")


@responses.activate
def test_responses_codings(client: SyncClient) -> None:
    """A coded body of a mock is decoded once."""
    coded = {"Content-Encoding": "gzip"}
    responses.get(f"{URL}/gzip", body=GZIPPED, headers=coded)
    responses.get(f"{URL}/broken", body=b"broken", headers=coded)
    assert client.get("/gzip") == {"ok": True}
    with pytest.raises(ContentEncodingError):
        client.get("/broken")


@responses.activate
def test_responses_repeated_headers(client: SyncClient) -> None:
    """A header that a mock repeats is repeated."""
    responses.get(f"{URL}/", json={}, headers={"Set-Cookie": "a=1"})
    assert client.get("/", raw=True).headers["Set-Cookie"] == "a=1"
    sent = client.get("/", headers=[("X-A", "1"), ("X-A", "2")], raw=True)
    assert sent.status == 200
    assert responses.calls[1].request.headers["X-A"] == "1, 2"


def test_responses_callback_raises(client: SyncClient) -> None:
    """What the callback of a mock raises, such as a failed assertion, comes out."""
    with responses.RequestsMock() as mock:

        def fail(_: Any) -> Any:
            raise AssertionError("not as expected")

        mock.add_callback("GET", f"{URL}/", callback=fail)
        with pytest.raises(AssertionError, match="not as expected"):
            client.get("/")


def test_responses_body_of_an_upload(client: SyncClient, tmp_path: Path) -> None:
    """A mock can read an upload."""
    (tmp_path / "file").write_bytes(b"content")
    seen: list[bytes] = []
    progress: list[tuple[int, int | None]] = []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        seen.extend(request.body)
        return 200, {}, "{}"

    with responses.RequestsMock() as mock:
        mock.add_callback("POST", f"{URL}/", callback=answer)
        client.stream_file(tmp_path / "file", "/", on_progress=lambda *told: progress.append(told))
    assert seen == [b"content"]
    assert progress == [(7, 7)]


# requests-mock


def test_requests_mock_global(client: SyncClient) -> None:
    """requests-mock for all sessions."""
    with requests_mock.Mocker() as mock:
        mock.get(f"{URL}/items/1", json={"id": 1}, headers={"ETag": "e"})
        assert client.get("/items/1", response_format=Item) == Item(id=1)
        assert mock.last_request is not None
        assert mock.last_request.headers["X-Key"] == "k"
        with pytest.raises(requests_mock.NoMockAddress):
            client.get("/items/2")


def test_requests_mock_session(faults: Faults) -> None:
    """requests-mock for one session, and that session when it is over."""
    with requests.Session() as session:
        client = SyncClient(faults.url, session=session)
        assert client.get("/ok") == {"ok": True}
        with requests_mock.Mocker(session=session) as mock:
            mock.get(f"{faults.url}/ok", json={"id": 1})
            assert client.get("/ok") == {"id": 1}
        assert client.get("/ok") == {"ok": True}
    assert len(faults.log) == 2


def test_requests_mock_mounted() -> None:
    """requests-mock as an adapter."""
    adapter = requests_mock.Adapter()
    adapter.register_uri("GET", f"{URL}/items/1", json={"id": 1}, status_code=200)
    with requests.Session() as session:
        session.mount("http://", adapter)
        client = SyncClient(URL, session=session)
        assert client.get("/items/1", response_format=Item) == Item(id=1)
    with SyncClient(URL, session_factory=lambda **_: session) as client:
        session.mount("http://", adapter)
        assert client.get("/items/1", response_format=Item) == Item(id=1)


def test_requests_mock_errors(client: SyncClient) -> None:
    """Errors and faults of requests-mock are treated as those of servers."""
    with requests_mock.Mocker() as mock:
        mock.get(f"{URL}/missing", json={"message": "no"}, status_code=404)
        mock.get(f"{URL}/slow", exc=requests.exceptions.ReadTimeout)
        mock.get(f"{URL}/gzip", content=GZIPPED, headers={"Content-Encoding": "gzip"})
        with pytest.raises(HTTPNotFound, match="no"):
            client.get("/missing")
        with pytest.raises(ReadTimeout):
            client.get("/slow")
        assert client.get("/gzip") == {"ok": True}


def test_mocks_leave_nothing_behind(faults: Faults) -> None:
    """After a mock the same client talks to the server again."""
    with SyncClient(faults.url) as client:
        for _ in range(2):
            assert client.get("/ok") == {"ok": True}
            with responses.RequestsMock() as mock:
                mock.get(f"{faults.url}/ok", json={"id": 1})
                assert client.get("/ok") == {"id": 1}
            with requests_mock.Mocker() as other:
                other.get(f"{faults.url}/ok", json={"id": 2})
                assert client.get("/ok") == {"id": 2}
    assert len(faults.log) == 2


# vcrpy

PATHS = ["/ok", "/gzip", "/gzip-chunked", "/chunk-trailer", "/no-content"]


async def use(client: Any) -> list[Any]:
    """Make the calls that are recorded."""
    results = [await client.get(path) for path in PATHS]
    results.append(await client.post("/ok", body={"a": 1}))
    results.append(await client.post("/ok", data=iter([b"a", b"b"])))
    with pytest.raises(HTTPNotFound) as caught:
        await client.get("/not-found")
    return [*results, caught.value.response]


EXPECTED = [{"ok": True}] * 4 + [None] + [{"ok": True}] * 2 + [{"message": "no"}]


@pytest.mark.parametrize("warm", [False, True])
async def test_vcr(kind: Kind, tmp_path: Path, warm: bool) -> None:
    """What is recorded is replayed without the server, by clients with open connections too."""
    recorder = vcr.VCR(match_on=["method", "path", "body"])
    cassette = str(tmp_path / "cassette.yaml")
    with Faults() as server:
        url = server.url
        client = kind.client(url, timeout=5)
        if warm:
            await use(client)
            server.reset()
        with recorder.use_cassette(cassette):
            assert await use(client) == EXPECTED
        assert len(server.log) == len(EXPECTED)
    with recorder.use_cassette(cassette, record_mode=vcr.mode.NONE) as tape:
        assert await use(kind.client(url, timeout=5)) == EXPECTED
        assert tape.play_count == len(EXPECTED)
    with recorder.use_cassette(cassette, record_mode=vcr.mode.NONE):
        assert await use(client) == EXPECTED


async def test_vcr_and_the_server_afterwards(kind: Kind, faults: Faults, tmp_path: Path) -> None:
    """After a cassette the same client talks to the server again, and only then."""
    cassette = str(tmp_path / "cassette.yaml")
    client = kind.client(faults.url, timeout=5)
    with vcr.use_cassette(cassette):
        assert await client.get("/ok") == {"ok": True}
    with vcr.use_cassette(cassette, record_mode=vcr.mode.NONE):
        assert await client.get("/ok") == {"ok": True}
    assert len(faults.log) == 1
    assert await client.get("/ok") == {"ok": True}
    assert await client.get("/hints") == {"ok": True}
    assert len(faults.log) == 3


async def test_vcr_refuses(kind: Kind, faults: Faults, tmp_path: Path) -> None:
    """What is not on a cassette that may not be written is refused in vcrpy's own words."""
    client = kind.client(faults.url, timeout=5)
    with (
        vcr.use_cassette(str(tmp_path / "empty.yaml"), record_mode=vcr.mode.NONE),
        pytest.raises(vcr.errors.CannotOverwriteExistingCassetteException),
    ):
        await client.get("/ok")
    assert faults.log == []


async def test_vcr_decoded(kind: Kind, faults: Faults, tmp_path: Path) -> None:
    """A cassette that keeps bodies decoded is replayed right."""
    recorder = vcr.VCR(decode_compressed_response=True)
    client = kind.client(faults.url, timeout=5)
    for _ in range(2):
        with recorder.use_cassette(str(tmp_path / "cassette.yaml")):
            assert await client.get("/gzip") == {"ok": True}
    assert len(faults.log) == 1


async def test_vcr_upload(kind: Kind, faults: Faults, tmp_path: Path) -> None:
    """A file that is uploaded while recording arrives, and the answer is replayed."""
    content = bytes(range(256)) * 4096
    (tmp_path / "file").write_bytes(content)
    client = kind.client(faults.url, timeout=5)
    for _ in range(2):
        with vcr.use_cassette(str(tmp_path / "cassette.yaml")):
            assert await client.stream_file(tmp_path / "file", "/ok") == {"ok": True}
    assert [bytes(read.body) for read in faults.log] == [content]


FIRST_USE = """
import asyncio, sys, vcr
cassette, url = sys.argv[1:]
from arya_api_framework import AsyncClient, SyncClient

async def call():
    async with AsyncClient(url) as client:
        assert await client.get("/gzip") == {"ok": True}

with vcr.use_cassette(cassette, record_mode=vcr.mode.NEW_EPISODES):
    client = SyncClient(url)
    assert client.get("/ok") == {"ok": True}
    asyncio.run(call())
print(client.get("/ok", raw=True).native.raw is None)
"""


def test_first_use_of_all_under_a_cassette(faults: Faults, tmp_path: Path) -> None:
    """A process whose first call of all is recorded is neither live nor slow for ever."""
    command = [sys.executable, "-c", FIRST_USE, str(tmp_path / "cassette.yaml"), faults.url]
    for _ in range(2):
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (result.returncode, result.stdout, result.stderr) == (0, "True\n", "")
    assert [read.target for read in faults.log] == ["/ok", "/gzip", "/ok", "/ok"]


def test_vcr_over_two_loops(faults: Faults, tmp_path: Path) -> None:
    """A cassette serves one client in two event loops, one after the other."""
    client = AsyncClient(faults.url)

    async def call() -> Any:
        return await client.get("/ok")

    with vcr.use_cassette(str(tmp_path / "cassette.yaml"), allow_playback_repeats=True):
        assert asyncio.run(call()) == {"ok": True}
        assert asyncio.run(call()) == {"ok": True}
    asyncio.run(client.close())
    assert len(faults.log) == 1
