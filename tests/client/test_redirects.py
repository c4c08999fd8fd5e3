"""Redirects: where they lead, what goes along, and what is never followed."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from arya_api_framework.errors import (
    BodyNotReplayable,
    HTTPFound,
    HTTPMultipleChoices,
    HTTPNotFound,
    HTTPRedirect,
    HTTPTemporaryRedirect,
    TooManyRedirects,
)
from tests.app import Server
from tests.conftest import Kind

CREDENTIALS: dict[str, Any] = {
    "bearer_token": "token-of-mine",
    "headers": {"X-Api-Key": "key-of-mine", "User-Agent": "agent/1", "Accept-Language": "de"},
    "cookies": {"session": "cookie-of-mine"},
    "parameters": {"key": "parameter-of-mine"},
}


@pytest.fixture
def other() -> Iterator[Server]:
    """A second server: another port is another origin."""
    with Server() as server:
        yield server


def to(url: str, status: int = 302) -> str:
    """Return the path that redirects to a URL."""
    return f"/redirect-to?url={quote(url, safe='')}&status={status}"


# Methods and bodies


@pytest.mark.parametrize(
    ("status", "method", "becomes", "keeps_body"),
    [
        (301, "GET", "GET", True),
        (302, "GET", "GET", True),
        (303, "GET", "GET", False),
        (307, "GET", "GET", True),
        (308, "GET", "GET", True),
        (301, "POST", "GET", False),
        (302, "POST", "GET", False),
        (303, "POST", "GET", False),
        (307, "POST", "POST", True),
        (308, "POST", "POST", True),
        (301, "PUT", "PUT", True),
        (302, "PATCH", "PATCH", True),
        (303, "PUT", "GET", False),
        (303, "DELETE", "GET", False),
        (307, "PATCH", "PATCH", True),
        (308, "DELETE", "DELETE", True),
        (302, "OPTIONS", "OPTIONS", True),
    ],
)
async def test_method_and_body_follow_the_status(
    kind: Kind, server: Server, status: int, method: str, becomes: str, keeps_body: bool
) -> None:
    """Only where the status says so a request becomes a GET without a body (RFC 9110 15.4)."""
    client = kind.client(server.url)
    answer = await client.request(
        method, to("/echo", status), body={"a": 1}, headers={"Content-Language": "de", "X-A": "b"}
    )
    assert answer["method"] == becomes
    assert answer["text"] == ('{"a":1}' if keeps_body else "")
    headers = server.log[-1].headers
    assert ("Content-Type" in headers) is keeps_body
    assert ("Content-Language" in headers) is keeps_body
    assert headers.get("Content-Length", "0") == ("7" if keeps_body else "0")
    assert headers["X-A"] == "b"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_head_stays_a_head(kind: Kind, server: Server, status: int) -> None:
    """Nothing makes a HEAD ask for content."""
    client = kind.client(server.url)
    raw = await client.head(to("/echo", status))
    assert raw.status == 200
    assert [received.method for received in server.log] == ["HEAD", "HEAD"]


@pytest.mark.parametrize("status", [307, 308])
async def test_a_body_that_can_be_read_again_is_sent_whole_again(
    kind: Kind, server: Server, tmp_path: Path, status: int
) -> None:
    """Text, files, forms: the second server reads what the first one read."""
    path = tmp_path / "file.txt"
    path.write_bytes(b"from a path")
    client = kind.client(server.url)

    def half() -> io.BytesIO:
        file = io.BytesIO(b"skipped, from a file")
        file.seek(9)
        return file

    shapes: list[dict[str, Any]] = [
        {"data": "text"},
        {"data": path},
        {"data": half()},
        {"data": {"a": "form"}},
        {"files": {"f": half()}, "data": {"a": 1}},
        {"data": b"x" * 600_000, "on_progress": lambda sent, total: None},
    ]
    for options in shapes:
        server.reset()
        await client.post(to("/echo", status), **options, response_format=None)
        first, second = server.log
        assert first.body
        assert second.body == first.body
        for name in ("Content-Type", "Content-Length"):
            assert second.headers[name] == first.headers[name]


@pytest.mark.parametrize("status", [307, 308])
async def test_an_iterator_is_not_sent_twice(kind: Kind, server: Server, status: int) -> None:
    """It was read already: an error, not an empty body that looks like success."""
    client = kind.client(server.url)
    for options in ({"data": iter([b"a"])}, {"files": {"f": iter([b"a"])}}):
        server.reset()
        with pytest.raises(BodyNotReplayable, match="once") as caught:
            await client.post(to("/echo", status), **options)
        assert [received.path for received in server.log] == ["/redirect-to"]
        assert (caught.value.method, caught.value.sent) == ("POST", "yes")


async def test_an_iterator_may_become_a_get(kind: Kind, server: Server) -> None:
    """Where no body is wanted again, there is nothing to read twice."""
    client = kind.client(server.url)
    answer = await client.post(to("/echo", 303), data=iter([b"a"]))
    assert (answer["method"], answer["text"]) == ("GET", "")


# The same origin


async def test_a_redirect_in_the_same_origin_keeps_everything(kind: Kind, server: Server) -> None:
    """Credentials go where they belong, and the query is what the server asked for."""
    client = kind.client(server.url, **CREDENTIALS)
    await client.get(to("/echo?a=%2F&b=%2e"), headers={"X-Call": "1"})
    first, second = server.log
    assert second.target == "/echo?a=%2F&b=%2e"
    for name in ("Authorization", "X-Api-Key", "Cookie", "X-Call", "User-Agent"):
        assert second.headers[name] == first.headers[name]


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/echo", "/echo"),
        ("echo", "/echo"),
        ("/x/../echo", "/echo"),
        ("{origin}/x/./../echo", "/echo"),
        ("//{host}/echo", "/echo"),
        ("\\\\{host}\\echo", "/echo"),
        ("{origin}/echo#fragment", "/echo"),
        ("/echo?q=a b&ü=\\", "/echo?q=a%20b&%C3%BC=%5C"),
        ("http://user:pw@{host}/echo", "/echo"),
        ("/echo?sig=%2f%2B+~%7E", "/echo?sig=%2f%2B+~%7E"),
    ],
)
async def test_a_location_is_resolved_and_sent_as_it_is(
    kind: Kind, server: Server, location: str, target: str
) -> None:
    """Relative, without a scheme, with blanks: as browsers read it, and nothing is rewritten."""
    host = server.url.removeprefix("http://")
    client = kind.client(server.url, bearer_token="token-of-mine")
    await client.get(to(location.format(origin=server.url, host=host)))
    assert server.log[-1].target == target
    assert server.log[-1].headers["Authorization"] == "Bearer token-of-mine"


# Policies


async def test_same_origin_follows_only_there(kind: Kind, server: Server, other: Server) -> None:
    """`"same-origin"` follows at home and raises the redirect that leads away."""
    client = kind.client(server.url, follow_redirects="same-origin")
    assert (await client.get(to("/echo")))["path"] == "/echo"
    with pytest.raises(HTTPFound) as caught:
        await client.get(to(f"{other.url}/echo"))
    assert caught.value.raw is not None
    assert caught.value.raw.headers["Location"] == f"{other.url}/echo"
    raw = await client.get(to(f"{other.url}/echo"), raw=True)
    assert raw.status == 302
    assert other.log == []


async def test_redirects_can_be_left_alone(kind: Kind, server: Server) -> None:
    """`False` raises the redirect, or returns it with `raw=True`."""
    client = kind.client(server.url, follow_redirects=False)
    with pytest.raises(HTTPTemporaryRedirect):
        await client.get(to("/echo", 307))
    raw = await client.get(to("/echo", 307), raw=True)
    assert (raw.status, raw.headers["location"], raw.history) == (307, "/echo", ())
    with pytest.raises(HTTPRedirect):
        await client.get(to("", 302))
    assert (await client.get(to("/echo"), follow_redirects=True))["path"] == "/echo"
    assert (await client.get(to("/echo"), follow_redirects="safe"))["path"] == "/echo"


@pytest.mark.parametrize("status", [300, 304])
async def test_other_3xx_are_not_followed(kind: Kind, server: Server, status: int) -> None:
    """A choice is the user's to make."""
    client = kind.client(server.url)
    raw = await client.get(to("/echo", status), raw=True)
    assert raw.status == status
    if status == 300:
        with pytest.raises(HTTPMultipleChoices):
            await client.get(to("/echo", status))


async def test_an_error_behind_a_redirect_is_that_error(kind: Kind, server: Server) -> None:
    """URL and history are those of the last response."""
    client = kind.client(server.url)
    with pytest.raises(HTTPNotFound) as caught:
        await client.get(to("/users/99"))
    assert caught.value.url == f"{server.url}/users/99"
    assert caught.value.attempts == 1
    assert caught.value.raw is not None
    assert [hop.status for hop in caught.value.raw.history] == [302]


async def test_the_history_tells_every_hop(kind: Kind, server: Server) -> None:
    """Statuses, URLs and times of what led to the result, the first one first."""
    client = kind.client(server.url)
    raw = await client.get("/redirect/3", raw=True)
    assert str(raw.url) == f"{server.url}/redirect/0"
    assert [(hop.status, hop.url.path) for hop in raw.history] == [
        (302, "/redirect/3"),
        (302, "/redirect/2"),
        (302, "/redirect/1"),
    ]
    assert raw.request.url == str(raw.url)
    times = [hop.elapsed for hop in raw.history] + [raw.elapsed]
    assert times == sorted(times)
    assert times[0] > 0


# Limits


@pytest.mark.parametrize(("limit", "hops"), [(10, 10), (3, 3), (0, 0)])
async def test_so_many_redirects_are_followed_and_no_more(
    kind: Kind, server: Server, limit: int, hops: int
) -> None:
    """The limit is exact: ten unless told otherwise."""
    options = {} if limit == 10 else {"max_redirects": limit}
    client = kind.client(server.url, **options)
    assert (await client.get(f"/redirect/{hops}"))["path"] == f"/redirect/{0}"
    server.reset()
    with pytest.raises(TooManyRedirects, match=f"more than {limit} redirects") as caught:
        await client.get(f"/redirect/{hops + 1}")
    assert len(server.log) == hops + 1
    assert caught.value.url == f"{server.url}/redirect/1"


async def test_a_loop_ends(kind: Kind, server: Server) -> None:
    """A redirect to itself is followed as often as any other."""
    client = kind.client(server.url)
    with pytest.raises(TooManyRedirects):
        await client.get(to("#again"))
    assert len(server.log) == 11
