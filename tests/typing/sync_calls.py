"""What the verbs of a `SyncClient` return, and which options they take; read by type checkers.

An error is expected where a line says so, for both checkers: an ignore that nothing needs is an
error itself.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO, assert_type

from annotated_types import Gt
from yarl import URL

from arya_api_framework import (
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
    SyncClient,
    Timeout,
    TusServer,
    map_calls,
)
from arya_api_framework.bulk.calls import SyncCall
from arya_api_framework.bulk.sync_results import SyncResults
from arya_api_framework.client.sync_pages import SyncItems, SyncPages
from arya_api_framework.client.sync_stream import SyncStream
from arya_api_framework.client.sync_transfers import SyncTusUpload


class User(Response):
    """One."""

    name: str


class Cat(BaseModel):
    """Another."""

    name: str


def request(client: SyncClient) -> None:
    """Every kind of result."""
    assert_type(client.request("GET", "/users", response_format=User), User)
    assert_type(client.request("GET", "/users", response_format=list[User]), list[User])
    assert_type(client.request("GET", "/users", response_format=dict[str, User]), dict[str, User])
    assert_type(client.request("GET", "/users", response_format=User | Cat), User | Cat)
    assert_type(client.request("GET", "/users", response_format=User | None), User | None)
    assert_type(client.request("GET", "/users", response_format=None), None)
    assert_type(client.request("GET", "/users", response_format=str), str)
    assert_type(client.request("GET", "/users", response_format=bytes), bytes)
    assert_type(client.request("GET", "/users", response_format=datetime), datetime)
    assert_type(client.request("GET", "/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(client.request("GET", "/users"), Any)
    assert_type(client.request("GET", "/users", raw=False), Any)
    assert_type(client.request("GET", "/users", raw=True), RawResponse)


def get(client: SyncClient) -> None:
    """Every kind of result."""
    assert_type(client.get("/users", response_format=User), User)
    assert_type(client.get("/users", response_format=list[User]), list[User])
    assert_type(client.get("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(client.get("/users", response_format=User | Cat), User | Cat)
    assert_type(client.get("/users", response_format=User | None), User | None)
    assert_type(client.get("/users", response_format=None), None)
    assert_type(client.get("/users", response_format=str), str)
    assert_type(client.get("/users", response_format=bytes), bytes)
    assert_type(client.get("/users", response_format=datetime), datetime)
    assert_type(client.get("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(client.get("/users"), Any)
    assert_type(client.get("/users", raw=False), Any)
    assert_type(client.get("/users", raw=True), RawResponse)


def post(client: SyncClient) -> None:
    """Every kind of result."""
    assert_type(client.post("/users", response_format=User), User)
    assert_type(client.post("/users", response_format=list[User]), list[User])
    assert_type(client.post("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(client.post("/users", response_format=User | Cat), User | Cat)
    assert_type(client.post("/users", response_format=User | None), User | None)
    assert_type(client.post("/users", response_format=None), None)
    assert_type(client.post("/users", response_format=str), str)
    assert_type(client.post("/users", response_format=bytes), bytes)
    assert_type(client.post("/users", response_format=datetime), datetime)
    assert_type(client.post("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(client.post("/users"), Any)
    assert_type(client.post("/users", raw=False), Any)
    assert_type(client.post("/users", raw=True), RawResponse)


def put(client: SyncClient) -> None:
    """Every kind of result."""
    assert_type(client.put("/users", response_format=User), User)
    assert_type(client.put("/users", response_format=list[User]), list[User])
    assert_type(client.put("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(client.put("/users", response_format=User | Cat), User | Cat)
    assert_type(client.put("/users", response_format=User | None), User | None)
    assert_type(client.put("/users", response_format=None), None)
    assert_type(client.put("/users", response_format=str), str)
    assert_type(client.put("/users", response_format=bytes), bytes)
    assert_type(client.put("/users", response_format=datetime), datetime)
    assert_type(client.put("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(client.put("/users"), Any)
    assert_type(client.put("/users", raw=False), Any)
    assert_type(client.put("/users", raw=True), RawResponse)


def patch(client: SyncClient) -> None:
    """Every kind of result."""
    assert_type(client.patch("/users", response_format=User), User)
    assert_type(client.patch("/users", response_format=list[User]), list[User])
    assert_type(client.patch("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(client.patch("/users", response_format=User | Cat), User | Cat)
    assert_type(client.patch("/users", response_format=User | None), User | None)
    assert_type(client.patch("/users", response_format=None), None)
    assert_type(client.patch("/users", response_format=str), str)
    assert_type(client.patch("/users", response_format=bytes), bytes)
    assert_type(client.patch("/users", response_format=datetime), datetime)
    assert_type(client.patch("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(client.patch("/users"), Any)
    assert_type(client.patch("/users", raw=False), Any)
    assert_type(client.patch("/users", raw=True), RawResponse)


def delete(client: SyncClient) -> None:
    """Every kind of result."""
    assert_type(client.delete("/users", response_format=User), User)
    assert_type(client.delete("/users", response_format=list[User]), list[User])
    assert_type(client.delete("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(client.delete("/users", response_format=User | Cat), User | Cat)
    assert_type(client.delete("/users", response_format=User | None), User | None)
    assert_type(client.delete("/users", response_format=None), None)
    assert_type(client.delete("/users", response_format=str), str)
    assert_type(client.delete("/users", response_format=bytes), bytes)
    assert_type(client.delete("/users", response_format=datetime), datetime)
    assert_type(client.delete("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(client.delete("/users"), Any)
    assert_type(client.delete("/users", raw=False), Any)
    assert_type(client.delete("/users", raw=True), RawResponse)


def options(client: SyncClient) -> None:
    """Every kind of result."""
    assert_type(client.options("/users", response_format=User), User)
    assert_type(client.options("/users", response_format=list[User]), list[User])
    assert_type(client.options("/users", response_format=dict[str, User]), dict[str, User])
    assert_type(client.options("/users", response_format=User | Cat), User | Cat)
    assert_type(client.options("/users", response_format=User | None), User | None)
    assert_type(client.options("/users", response_format=None), None)
    assert_type(client.options("/users", response_format=str), str)
    assert_type(client.options("/users", response_format=bytes), bytes)
    assert_type(client.options("/users", response_format=datetime), datetime)
    assert_type(client.options("/users", response_format=Annotated[int, Gt(0)]), int)
    assert_type(client.options("/users"), Any)
    assert_type(client.options("/users", raw=False), Any)
    assert_type(client.options("/users", raw=True), RawResponse)


def upload_file(client: SyncClient) -> None:
    """Every kind of result."""
    assert_type(client.upload_file("file.txt", "/users", response_format=User), User)
    assert_type(client.upload_file("file.txt", "/users", response_format=list[User]), list[User])
    assert_type(
        client.upload_file("file.txt", "/users", response_format=dict[str, User]), dict[str, User]
    )
    assert_type(client.upload_file("file.txt", "/users", response_format=User | Cat), User | Cat)
    assert_type(client.upload_file("file.txt", "/users", response_format=User | None), User | None)
    assert_type(client.upload_file("file.txt", "/users", response_format=None), None)
    assert_type(client.upload_file("file.txt", "/users", response_format=str), str)
    assert_type(client.upload_file("file.txt", "/users", response_format=bytes), bytes)
    assert_type(client.upload_file("file.txt", "/users", response_format=datetime), datetime)
    assert_type(
        client.upload_file("file.txt", "/users", response_format=Annotated[int, Gt(0)]), int
    )
    assert_type(client.upload_file("file.txt", "/users"), Any)
    assert_type(client.upload_file("file.txt", "/users", raw=False), Any)
    assert_type(client.upload_file("file.txt", "/users", raw=True), RawResponse)


def upload_resumable(client: SyncClient) -> None:
    """Every kind of result, and the options."""
    path = Path("file.txt")
    assert_type(client.upload_resumable(path, "/users", response_format=User), User)
    assert_type(
        client.upload_resumable(
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
    assert_type(client.upload_resumable(path, "/users", protocol=NextExpectedRanges()), Any)
    assert_type(client.upload_resumable(path, "/users", raw=True), RawResponse)


def tus(client: SyncClient) -> None:
    """What an upload tells."""
    upload = client.tus("file.txt", "/files", metadata={"a": "b"}, state=None, checksum="sha1")
    assert_type(upload, SyncTusUpload)
    assert_type(upload.send(), str)
    assert_type(upload.url, str | None)
    assert_type(upload.discover(), TusServer)
    assert_type(upload.refresh(), int)
    assert_type(upload.terminate(), None)


def stream_file(client: SyncClient) -> None:
    """Every kind of result."""
    assert_type(client.stream_file(Path("file.txt"), "/users", response_format=User), User)
    assert_type(
        client.stream_file(Path("file.txt"), "/users", response_format=list[User]), list[User]
    )
    assert_type(
        client.stream_file(Path("file.txt"), "/users", response_format=dict[str, User]),
        dict[str, User],
    )
    assert_type(
        client.stream_file(Path("file.txt"), "/users", response_format=User | Cat), User | Cat
    )
    assert_type(
        client.stream_file(Path("file.txt"), "/users", response_format=User | None), User | None
    )
    assert_type(client.stream_file(Path("file.txt"), "/users", response_format=None), None)
    assert_type(client.stream_file(Path("file.txt"), "/users", response_format=str), str)
    assert_type(client.stream_file(Path("file.txt"), "/users", response_format=bytes), bytes)
    assert_type(client.stream_file(Path("file.txt"), "/users", response_format=datetime), datetime)
    assert_type(
        client.stream_file(Path("file.txt"), "/users", response_format=Annotated[int, Gt(0)]), int
    )
    assert_type(client.stream_file(Path("file.txt"), "/users"), Any)
    assert_type(client.stream_file(Path("file.txt"), "/users", raw=False), Any)
    assert_type(client.stream_file(Path("file.txt"), "/users", raw=True), RawResponse)


def send(client: SyncClient, request: Request) -> None:
    """Every kind of result."""
    assert_type(client.send(request, response_format=User), User)
    assert_type(client.send(request, response_format=list[User]), list[User])
    assert_type(client.send(request, response_format=dict[str, User]), dict[str, User])
    assert_type(client.send(request, response_format=User | Cat), User | Cat)
    assert_type(client.send(request, response_format=User | None), User | None)
    assert_type(client.send(request, response_format=None), None)
    assert_type(client.send(request, response_format=str), str)
    assert_type(client.send(request, response_format=bytes), bytes)
    assert_type(client.send(request, response_format=datetime), datetime)
    assert_type(client.send(request, response_format=Annotated[int, Gt(0)]), int)
    assert_type(client.send(request), Any)
    assert_type(client.send(request, raw=False), Any)
    assert_type(client.send(request, raw=True), RawResponse)


def head(client: SyncClient) -> None:
    """Has no content, so no format."""
    assert_type(client.head("/users"), RawResponse)
    client.head("/", response_format=User)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def options_of_a_call(client: SyncClient, request: Request, raw: bool) -> None:
    """Options are known by name and type."""
    client.get()
    client.get(URL("/users"))
    client.get("/", raw=raw)
    client.get(
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
    client.post("/", body=Cat(name="x"))
    client.post("/", data={"a": "b"}, files={"f": ("name", b"content", "text/plain")})
    form = Form(Cat(name="x"), {"name": Encoding(style="comma", headers={"X-A": 1})}, lists="index")
    client.post("/", data=form, files={"f": [b"x", Path("y"), ("z", b"z")]})
    client.post("/", data=[("f", ("r.gif", b"", "image/gif", {})), ("path", "media/r.gif")])
    client.post("/", files=[("f", (None, {"a": 1}, "application/json")), ("g", iter([b""]))])
    Form({}, lists="indices")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Encoding(style="deep")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Encoding(contentType="a/b")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.post("/", files=5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.post("/", data=Path("file"), on_progress=lambda sent, total: (sent, total))
    client.get("/", timeot=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.get("/", timeout="3")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.get("/", follow_redirects="never")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.get(5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.post("/", bdy={}, response_format=User)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.upload_file(5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.send(request, headers={})  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.build("GET", "/", bdy={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    # A format says what becomes of the content, which `raw` leaves as it is.
    client.get("/", response_format=User, raw=True)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


class Upload(BaseModel):
    """A form with files."""

    photo: FormFile
    more: list[FormFile] | None = None


def a_model_holds_files() -> None:
    """As they are given to `files`."""
    Upload(photo=b"x", more=["text", Path("y"), ("z", b"z", None)])
    Upload(photo=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def results_are_checked(client: SyncClient) -> int:
    """A result of the wrong type is found."""
    user = client.get("/", response_format=User)
    assert user.nam  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    texts = [client.get("/", response_format=str)]
    return texts[0]  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def nothing_is_awaited(client: SyncClient) -> None:
    """A sync client returns results."""
    with client as same:
        assert_type(same, SyncClient)
    assert_type(client.close(), None)
    assert_type(client.build("GET", "/"), Request)
    assert_type(client.with_options(timeout=3), SyncClient)


async def awaiting(client: SyncClient) -> None:
    """Awaiting one is an error."""
    await client.get("/", response_format=User)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]


def pages(client: SyncClient) -> None:
    """Every kind of page and item."""
    link = LinkHeader()
    assert_type(client.pages("/users", list[User], pagination=link), SyncPages[list[User]])
    assert_type(client.pages("/users", User | Cat, pagination=link), SyncPages[User | Cat])
    assert_type(client.pages("/users", pagination=lambda page: page.find("next")), SyncPages[Any])
    assert_type(client.items("/users", User, at="data", pagination=link), SyncItems[User])
    assert_type(client.items("/users", int | None, pagination=link), SyncItems[int | None])
    assert_type(client.items("/users", pagination=link, max_items=5), SyncItems[Any])
    client.items("/users", User, pagination=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    client.pages("/users", User, pagination=link, max_items=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def streams(client: SyncClient) -> None:
    """What comes while the body does."""
    with client.stream("GET", "/users", parameters={"a": 1}) as body:
        assert_type(body, SyncStream)
        assert_type(body.status, int)
        assert_type(body.read(), bytes)
        assert_type(body.iter_bytes(), Iterator[bytes])
        assert_type(body.iter_text(), Iterator[str])
        assert_type(body.iter_lines(max_line=5), Iterator[str])
        assert_type(body.iter_items(User, at="data"), Iterator[User])
        assert_type(body.iter_items(User | Cat), Iterator[User | Cat])
        assert_type(body.iter_items(on_invalid="skip"), Iterator[Any])
        assert_type(body.iter_json_lines(User), Iterator[User])
        assert_type(body.iter_json_lines(int | None), Iterator[int | None])
        assert_type(body.iter_json_lines(), Iterator[Any])
        assert_type(body.iter_events(), Iterator[ServerSentEvent[str]])
        assert_type(body.iter_events(User, until="[DONE]"), Iterator[ServerSentEvent[User]])
        assert_type(body.iter_events(User | Cat), Iterator[ServerSentEvent[User | Cat]])
        assert_type(body.iter_events({"user": User}), Iterator[ServerSentEvent[User]])
        for event in body.iter_events({"user": User, "cat": Cat}, reconnect=True):
            assert_type(event.id, str)
        body.iter_items(User, on_invalid="drop")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
        body.iter_lines(5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.stream("GET", raw=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def waits(client: SyncClient, started: RawResponse, user: User) -> None:
    """What an operation becomes is typed, and so is what its functions are given."""
    assert_type(client.wait_for(started, User), User)
    assert_type(client.wait_for("/ops/1", User | Cat, interval=2, timeout=60), User | Cat)
    assert_type(client.wait_for("/ops/1", polling=DoneFlag()), Any)
    assert_type(client.wait_for({"url": "/"}, raw=True), RawResponse)
    assert_type(client.wait_for(user), User)
    assert_type(client.wait_for(user, done=lambda user: user.name == "a"), User)
    assert_type(client.wait_for("/ops/1", User, done=lambda user: user.name == "a"), User)
    client.wait_for(5, User)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    client.wait_for("/ops/1", User, pagination=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


class Users(SyncClient):
    """A client with typed methods."""

    def user(self, number: int, *, full: bool = False) -> User:
        """Get a user."""
        return self.get(f"/{number}/{full}", response_format=User)

    def me(self) -> User:
        """Get the user whose token it is."""
        return self.get("/me", response_format=User)

    def remove(self, number: int) -> None:
        """Remove a user."""


def maps(client: Users, clients: list[Users]) -> None:
    """Calls by function and inputs, and calls without inputs."""
    users = client.map(client.user, range(5))
    assert_type(users, SyncResults[User])
    assert_type(client.map(client.remove, [1, 2], ordered=False), SyncResults[None])
    assert_type(client.map(client.get, ["/users"]), SyncResults[Any])
    assert_type(
        client.map(client.user, range(5), on_error="collect", concurrency=5),
        SyncResults[Outcome[int, User]],
    )
    assert_type(client.map([partial(client.user, 1)]), SyncResults[User])
    assert_type(client.map(partial(client.user, n) for n in range(5)), SyncResults[User])
    assert_type(
        client.map([partial(client.user, 1)], on_error="collect"),
        SyncResults[Outcome[SyncCall[User], User]],
    )
    assert_type(map_calls(client.user, range(5)), SyncResults[User])
    assert_type(
        map_calls(Users.me, clients, on_error="collect", progress=True),
        SyncResults[Outcome[Users, User]],
    )
    assert_type(map_calls([partial(client.user, 1)]), SyncResults[User])
    assert_type(
        map_calls([partial(client.user, 1)], on_error="collect"),
        SyncResults[Outcome[SyncCall[User], User]],
    )
    client.map(client.user, ["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.map(client.user)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.map(client.user, [1], concurrently=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def read_maps(client: Users) -> None:
    """What is given has its type, too."""
    assert_type(list(client.map(client.user, [1])), list[User])
    with map_calls(client.user, [1], on_error="collect") as outcomes:
        for outcome in outcomes:
            assert_type(outcome.input, int)
            assert_type(outcome.result, User)
            assert_type(outcome.error, Exception | None)


def downloads(client: SyncClient, file: BinaryIO) -> None:
    """A file that came."""
    found = client.download("/file", Path("file"), checksum="md5:...", connections=4)
    assert_type(found, Download)
    assert_type(found.path, Path | None)
    assert_type(client.download("/file", "folder", foreign=True, progress=True), Download)
    assert_type(client.download("/file", file, on_progress=lambda done, total: None), Download)
    client.download("/file", 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.download("/file", "a", body={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.download("/file", "a", resume="no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
