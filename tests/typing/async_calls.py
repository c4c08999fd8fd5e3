"""What the verbs of an `AsyncClient` return, and which options they take; read by type checkers.

An error is expected where a line says so, for both checkers: an ignore that nothing needs is an
error itself.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO, assert_type

from annotated_types import Gt
from yarl import URL

from arya_api_framework import (
    AsyncClient,
    BaseModel,
    Checksum,
    DoneFlag,
    Download,
    Encoding,
    Form,
    FormFile,
    Hedge,
    LinkHeader,
    NextExpectedRanges,
    Outcome,
    RawResponse,
    Request,
    Response,
    Retry,
    ServerSentEvent,
    Timeout,
    TusServer,
    map_calls,
)
from arya_api_framework.bulk.async_results import AsyncResults
from arya_api_framework.bulk.calls import AsyncCall
from arya_api_framework.client.async_pages import AsyncItems, AsyncPages
from arya_api_framework.client.async_stream import AsyncStream
from arya_api_framework.client.async_transfers import AsyncTusUpload


class User(Response):
    """One."""

    name: str


class Cat(BaseModel):
    """Another."""

    name: str


async def request(client: AsyncClient) -> None:
    """Every kind of result."""
    assert_type(await client.request("GET", "/users", response_format=User), User)
    assert_type(await client.request("GET", "/users", response_format=list[User]), list[User])
    assert_type(
        await client.request("GET", "/users", response_format=dict[str, User]), dict[str, User]
    )
    assert_type(await client.request("GET", "/users", response_format=User | Cat), User | Cat)
    assert_type(await client.request("GET", "/users", response_format=User | None), User | None)
    assert_type(await client.request("GET", "/users", response_format=None), None)
    assert_type(await client.request("GET", "/users", response_format=str), str)
    assert_type(await client.request("GET", "/users", response_format=bytes), bytes)
    assert_type(await client.request("GET", "/users", response_format=datetime), datetime)
    assert_type(await client.request("GET", "/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(await client.request("GET", "/users"), Any)
    assert_type(await client.request("GET", "/users", raw=False), Any)
    assert_type(await client.request("GET", "/users", raw=True), RawResponse)


async def get(client: AsyncClient) -> None:
    """Every kind of result."""
    assert_type(await client.get("/users", response_format=User), User)
    assert_type(await client.get("/users", response_format=list[User]), list[User])
    assert_type(await client.get("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(await client.get("/users", response_format=User | Cat), User | Cat)
    assert_type(await client.get("/users", response_format=User | None), User | None)
    assert_type(await client.get("/users", response_format=None), None)
    assert_type(await client.get("/users", response_format=str), str)
    assert_type(await client.get("/users", response_format=bytes), bytes)
    assert_type(await client.get("/users", response_format=datetime), datetime)
    assert_type(await client.get("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(await client.get("/users"), Any)
    assert_type(await client.get("/users", raw=False), Any)
    assert_type(await client.get("/users", raw=True), RawResponse)


async def post(client: AsyncClient) -> None:
    """Every kind of result."""
    assert_type(await client.post("/users", response_format=User), User)
    assert_type(await client.post("/users", response_format=list[User]), list[User])
    assert_type(await client.post("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(await client.post("/users", response_format=User | Cat), User | Cat)
    assert_type(await client.post("/users", response_format=User | None), User | None)
    assert_type(await client.post("/users", response_format=None), None)
    assert_type(await client.post("/users", response_format=str), str)
    assert_type(await client.post("/users", response_format=bytes), bytes)
    assert_type(await client.post("/users", response_format=datetime), datetime)
    assert_type(await client.post("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(await client.post("/users"), Any)
    assert_type(await client.post("/users", raw=False), Any)
    assert_type(await client.post("/users", raw=True), RawResponse)


async def put(client: AsyncClient) -> None:
    """Every kind of result."""
    assert_type(await client.put("/users", response_format=User), User)
    assert_type(await client.put("/users", response_format=list[User]), list[User])
    assert_type(await client.put("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(await client.put("/users", response_format=User | Cat), User | Cat)
    assert_type(await client.put("/users", response_format=User | None), User | None)
    assert_type(await client.put("/users", response_format=None), None)
    assert_type(await client.put("/users", response_format=str), str)
    assert_type(await client.put("/users", response_format=bytes), bytes)
    assert_type(await client.put("/users", response_format=datetime), datetime)
    assert_type(await client.put("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(await client.put("/users"), Any)
    assert_type(await client.put("/users", raw=False), Any)
    assert_type(await client.put("/users", raw=True), RawResponse)


async def patch(client: AsyncClient) -> None:
    """Every kind of result."""
    assert_type(await client.patch("/users", response_format=User), User)
    assert_type(await client.patch("/users", response_format=list[User]), list[User])
    assert_type(await client.patch("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(await client.patch("/users", response_format=User | Cat), User | Cat)
    assert_type(await client.patch("/users", response_format=User | None), User | None)
    assert_type(await client.patch("/users", response_format=None), None)
    assert_type(await client.patch("/users", response_format=str), str)
    assert_type(await client.patch("/users", response_format=bytes), bytes)
    assert_type(await client.patch("/users", response_format=datetime), datetime)
    assert_type(await client.patch("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(await client.patch("/users"), Any)
    assert_type(await client.patch("/users", raw=False), Any)
    assert_type(await client.patch("/users", raw=True), RawResponse)


async def delete(client: AsyncClient) -> None:
    """Every kind of result."""
    assert_type(await client.delete("/users", response_format=User), User)
    assert_type(await client.delete("/users", response_format=list[User]), list[User])
    assert_type(await client.delete("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(await client.delete("/users", response_format=User | Cat), User | Cat)
    assert_type(await client.delete("/users", response_format=User | None), User | None)
    assert_type(await client.delete("/users", response_format=None), None)
    assert_type(await client.delete("/users", response_format=str), str)
    assert_type(await client.delete("/users", response_format=bytes), bytes)
    assert_type(await client.delete("/users", response_format=datetime), datetime)
    assert_type(await client.delete("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(await client.delete("/users"), Any)
    assert_type(await client.delete("/users", raw=False), Any)
    assert_type(await client.delete("/users", raw=True), RawResponse)


async def options(client: AsyncClient) -> None:
    """Every kind of result."""
    assert_type(await client.options("/users", response_format=User), User)
    assert_type(await client.options("/users", response_format=list[User]), list[User])
    assert_type(await client.options("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(await client.options("/users", response_format=User | Cat), User | Cat)
    assert_type(await client.options("/users", response_format=User | None), User | None)
    assert_type(await client.options("/users", response_format=None), None)
    assert_type(await client.options("/users", response_format=str), str)
    assert_type(await client.options("/users", response_format=bytes), bytes)
    assert_type(await client.options("/users", response_format=datetime), datetime)
    assert_type(await client.options("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(await client.options("/users"), Any)
    assert_type(await client.options("/users", raw=False), Any)
    assert_type(await client.options("/users", raw=True), RawResponse)


async def upload_file(client: AsyncClient) -> None:
    """Every kind of result."""
    assert_type(await client.upload_file("file.txt", "/users", response_format=User), User)
    assert_type(
        await client.upload_file("file.txt", "/users", response_format=list[User]), list[User]
    )
    assert_type(
        await client.upload_file("file.txt", "/users", response_format=dict[str, User]),
        dict[str, User],
    )
    assert_type(
        await client.upload_file("file.txt", "/users", response_format=User | Cat), User | Cat
    )
    assert_type(
        await client.upload_file("file.txt", "/users", response_format=User | None), User | None
    )
    assert_type(await client.upload_file("file.txt", "/users", response_format=None), None)
    assert_type(await client.upload_file("file.txt", "/users", response_format=str), str)
    assert_type(await client.upload_file("file.txt", "/users", response_format=bytes), bytes)
    assert_type(await client.upload_file("file.txt", "/users", response_format=datetime), datetime)
    assert_type(
        await client.upload_file("file.txt", "/users", response_format=Annotated[int, Gt(0)]), int
    )
    assert_type(await client.upload_file("file.txt", "/users"), Any)
    assert_type(await client.upload_file("file.txt", "/users", raw=False), Any)
    assert_type(await client.upload_file("file.txt", "/users", raw=True), RawResponse)


async def upload_resumable(client: AsyncClient) -> None:
    """Every kind of result, and the options."""
    path = Path("file.txt")
    assert_type(await client.upload_resumable(path, "/users", response_format=User), User)
    assert_type(
        await client.upload_resumable(
            [b"a", b"b"],
            "/users",
            response_format=list[User],
            chunk_size=None,
            protocol=lambda response: int(response.headers["X-Offset"]),
            resume=True,
            checksum=[Checksum("sha-256", header="Content-Digest"), "md5"],
            progress="The file",
        ),
        list[User],
    )
    assert_type(await client.upload_resumable(path, "/users", protocol=NextExpectedRanges()), Any)
    assert_type(await client.upload_resumable(path, "/users", raw=True), RawResponse)


async def tus(client: AsyncClient) -> None:
    """What an upload tells."""
    upload = client.tus("file.txt", "/files", metadata={"a": "b"}, state=None, checksum="sha1")
    assert_type(upload, AsyncTusUpload)
    assert_type(await upload.send(), str)
    assert_type(upload.url, str | None)
    assert_type(await upload.discover(), TusServer)
    assert_type(await upload.refresh(), int)
    assert_type(await upload.terminate(), None)


async def stream_file(client: AsyncClient) -> None:
    """Every kind of result."""
    assert_type(await client.stream_file(Path("file.txt"), "/users", response_format=User), User)
    assert_type(
        await client.stream_file(Path("file.txt"), "/users", response_format=list[User]), list[User]
    )
    assert_type(
        await client.stream_file(Path("file.txt"), "/users", response_format=dict[str, User]),
        dict[str, User],
    )
    assert_type(
        await client.stream_file(Path("file.txt"), "/users", response_format=User | Cat), User | Cat
    )
    assert_type(
        await client.stream_file(Path("file.txt"), "/users", response_format=User | None),
        User | None,
    )
    assert_type(await client.stream_file(Path("file.txt"), "/users", response_format=None), None)
    assert_type(await client.stream_file(Path("file.txt"), "/users", response_format=str), str)
    assert_type(await client.stream_file(Path("file.txt"), "/users", response_format=bytes), bytes)
    assert_type(
        await client.stream_file(Path("file.txt"), "/users", response_format=datetime), datetime
    )
    assert_type(
        await client.stream_file(Path("file.txt"), "/users", response_format=Annotated[int, Gt(0)]),
        int,
    )
    assert_type(await client.stream_file(Path("file.txt"), "/users"), Any)
    assert_type(await client.stream_file(Path("file.txt"), "/users", raw=False), Any)
    assert_type(await client.stream_file(Path("file.txt"), "/users", raw=True), RawResponse)


async def send(client: AsyncClient, request: Request) -> None:
    """Every kind of result."""
    assert_type(await client.send(request, response_format=User), User)
    assert_type(await client.send(request, response_format=list[User]), list[User])
    assert_type(await client.send(request, response_format=dict[str, User]), dict[str, User])
    assert_type(await client.send(request, response_format=User | Cat), User | Cat)
    assert_type(await client.send(request, response_format=User | None), User | None)
    assert_type(await client.send(request, response_format=None), None)
    assert_type(await client.send(request, response_format=str), str)
    assert_type(await client.send(request, response_format=bytes), bytes)
    assert_type(await client.send(request, response_format=datetime), datetime)
    assert_type(await client.send(request, response_format=Annotated[int, Gt(0)]), int)
    assert_type(await client.send(request), Any)
    assert_type(await client.send(request, raw=False), Any)
    assert_type(await client.send(request, raw=True), RawResponse)


async def head(client: AsyncClient) -> None:
    """Has no content, so no format."""
    assert_type(await client.head("/users"), RawResponse)
    await client.head("/", response_format=User)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def options_of_a_call(client: AsyncClient, request: Request, raw: bool) -> None:
    """Options are known by name and type."""
    await client.get()
    await client.get(URL("/users"))
    await client.get("/", raw=raw)
    await client.get(
        "/{id}",
        path_parameters={"id": 1},
        headers={"X-One": "1"},
        cookies=[("a", "b")],
        parameters=Cat(name="x"),
        error_responses={404: Cat, "5XX": ValueError, "default": lambda raw: ValueError()},
        timeout=Timeout(total=3),
        deadline=3,
        retry=Retry(),
        hedge=Hedge(),
        follow_redirects="same-origin",
        max_redirects=3,
        max_response_size=3,
        json_content_types=["application/json"],
        foreign=True,
        idempotency_key="x",
    )
    await client.post("/", body=Cat(name="x"))
    await client.post("/", data={"a": "b"}, files={"f": ("name", b"content", "text/plain")})
    form = Form(Cat(name="x"), {"name": Encoding(style="comma", headers={"X-A": 1})}, lists="index")
    await client.post("/", data=form, files={"f": [b"x", Path("y"), ("z", b"z")]})
    await client.post("/", data=[("f", ("r.gif", b"", "image/gif", {})), ("path", "media/r.gif")])
    await client.post("/", files=[("f", (None, {"a": 1}, "application/json")), ("g", iter([b""]))])
    Form({}, lists="indices")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Encoding(style="deep")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Encoding(contentType="a/b")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.post("/", files=5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await client.post("/", data=Path("file"), on_progress=lambda sent, total: (sent, total))
    await client.get("/", timeot=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await client.get("/", timeout="3")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await client.get("/", follow_redirects="never")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await client.get(5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await client.post("/", bdy={}, response_format=User)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await client.upload_file(5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await client.send(request, headers={})  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.build("GET", "/", bdy={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    # A format says what becomes of the content, which `raw` leaves as it is.
    await client.get("/", response_format=User, raw=True)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


class Upload(BaseModel):
    """A form with files."""

    photo: FormFile
    more: list[FormFile] | None = None


def a_model_holds_files() -> None:
    """As they are given to `files`."""
    Upload(photo=b"x", more=["text", Path("y"), ("z", b"z", None)])
    Upload(photo=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def results_are_checked(client: AsyncClient) -> int:
    """A result of the wrong type is found."""
    user = await client.get("/", response_format=User)
    assert user.nam  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    texts = [await client.get("/", response_format=str)]
    return texts[0]  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


async def everything_is_awaited(client: AsyncClient) -> None:
    """An async client returns coroutines."""
    async with client as same:
        assert_type(same, AsyncClient)
    started: Coroutine[Any, Any, User] = client.get("/", response_format=User)
    assert_type(await started, User)
    assert_type(await client.close(), None)
    assert_type(client.build("GET", "/"), Request)
    assert_type(client.with_options(timeout=3), AsyncClient)
    assert_type(await asyncio.gather(client.get("/", response_format=User)), tuple[User])


async def not_awaiting(client: AsyncClient) -> None:
    """Not awaiting one is an error."""
    client.get("/", response_format=User)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    assert client.get("/", response_format=User).name  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def pages(client: AsyncClient) -> None:
    """Every kind of page and item."""
    link = LinkHeader()
    assert_type(client.pages("/users", list[User], pagination=link), AsyncPages[list[User]])
    assert_type(client.pages("/users", User | Cat, pagination=link), AsyncPages[User | Cat])
    assert_type(client.pages("/users", pagination=lambda page: page.find("next")), AsyncPages[Any])
    assert_type(client.items("/users", User, at="data", pagination=link), AsyncItems[User])
    assert_type(client.items("/users", int | None, pagination=link), AsyncItems[int | None])
    assert_type(client.items("/users", pagination=link, max_items=5), AsyncItems[Any])
    client.items("/users", User, pagination=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    client.pages("/users", User, pagination=link, max_items=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


async def streams(client: AsyncClient) -> None:
    """What comes while the body does."""
    async with client.stream("GET", "/users", parameters={"a": 1}) as body:
        assert_type(body, AsyncStream)
        assert_type(body.status, int)
        assert_type(await body.read(), bytes)
        assert_type(body.iter_bytes(), AsyncIterator[bytes])
        assert_type(body.iter_text(), AsyncIterator[str])
        assert_type(body.iter_lines(max_line=5), AsyncIterator[str])
        assert_type(body.iter_items(User, at="data"), AsyncIterator[User])
        assert_type(body.iter_items(User | Cat), AsyncIterator[User | Cat])
        assert_type(body.iter_items(on_invalid="skip"), AsyncIterator[Any])
        assert_type(body.iter_json_lines(User), AsyncIterator[User])
        assert_type(body.iter_json_lines(int | None), AsyncIterator[int | None])
        assert_type(body.iter_json_lines(), AsyncIterator[Any])
        assert_type(body.iter_events(), AsyncIterator[ServerSentEvent[str]])
        assert_type(body.iter_events(User, until="[DONE]"), AsyncIterator[ServerSentEvent[User]])
        assert_type(body.iter_events(User | Cat), AsyncIterator[ServerSentEvent[User | Cat]])
        assert_type(body.iter_events({"user": User}), AsyncIterator[ServerSentEvent[User]])
        async for event in body.iter_events({"user": User, "cat": Cat}, reconnect=True):
            assert_type(event.id, str)
        body.iter_items(User, on_invalid="drop")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
        body.iter_lines(5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.stream("GET", raw=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def waits(client: AsyncClient, started: RawResponse, user: User) -> None:
    """What an operation becomes is typed, and so is what its functions are given."""
    assert_type(await client.wait_for(started, User), User)
    assert_type(await client.wait_for("/ops/1", User | Cat, interval=2, timeout=60), User | Cat)
    assert_type(await client.wait_for("/ops/1", polling=DoneFlag()), Any)
    assert_type(await client.wait_for({"url": "/"}, raw=True), RawResponse)
    assert_type(await client.wait_for(user), User)
    assert_type(await client.wait_for(user, done=lambda user: user.name == "a"), User)
    assert_type(await client.wait_for("/ops/1", User, done=lambda user: user.name == "a"), User)
    await client.wait_for(5, User)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    await client.wait_for("/ops/1", User, pagination=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


class Users(AsyncClient):
    """A client with typed methods."""

    async def user(self, number: int, *, full: bool = False) -> User:
        """Get a user."""
        return await self.get(f"/{number}/{full}", response_format=User)

    async def me(self) -> User:
        """Get the user whose token it is."""
        return await self.get("/me", response_format=User)

    async def remove(self, number: int) -> None:
        """Remove a user."""


def maps(client: Users, clients: list[Users]) -> None:
    """Calls by function and inputs, and calls without inputs."""
    users = client.map(client.user, range(5))
    assert_type(users, AsyncResults[User])
    assert_type(client.map(client.remove, [1, 2], ordered=False), AsyncResults[None])
    assert_type(client.map(client.get, ["/users"]), AsyncResults[Any])
    assert_type(
        client.map(client.user, range(5), on_error="collect", concurrency=5),
        AsyncResults[Outcome[int, User]],
    )
    assert_type(client.map([partial(client.user, 1)]), AsyncResults[User])
    assert_type(client.map(partial(client.user, n) for n in range(5)), AsyncResults[User])
    assert_type(
        client.map([partial(client.user, 1)], on_error="collect"),
        AsyncResults[Outcome[AsyncCall[User], User]],
    )
    assert_type(map_calls(client.user, range(5)), AsyncResults[User])
    assert_type(
        map_calls(Users.me, clients, on_error="collect", progress=True),
        AsyncResults[Outcome[Users, User]],
    )
    assert_type(map_calls([partial(client.user, 1)]), AsyncResults[User])
    assert_type(
        map_calls([partial(client.user, 1)], on_error="collect"),
        AsyncResults[Outcome[AsyncCall[User], User]],
    )
    client.map(client.user, ["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.map(client.user)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.map(client.user, [1], concurrently=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


async def awaited_maps(client: Users, numbers: AsyncIterator[int]) -> None:
    """Coroutines are calls too, and inputs may be awaited."""
    assert_type(client.map(client.user, numbers), AsyncResults[User])
    assert_type(client.map(client.user(number) for number in range(5)), AsyncResults[User])
    assert_type(map_calls(client.user, numbers), AsyncResults[User])
    assert_type([user async for user in client.map(client.user, numbers)], list[User])
    async with map_calls(client.user, [1], on_error="collect") as outcomes:
        async for outcome in outcomes:
            assert_type(outcome.input, int)
            assert_type(outcome.result, User)
            assert_type(outcome.error, Exception | None)
    iter(client.map(client.user, [1]))  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


async def downloads(client: AsyncClient, file: BinaryIO) -> None:
    """A file that came."""
    found = await client.download("/file", Path("file"), checksum="md5:...", connections=4)
    assert_type(found, Download)
    assert_type(found.path, Path | None)
    assert_type(await client.download("/file", "folder", foreign=True, progress=True), Download)
    assert_type(
        await client.download("/file", file, on_progress=lambda done, total: None), Download
    )
    await client.download("/file", 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.download("/file", "a", body={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.download("/file", "a", resume="no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
