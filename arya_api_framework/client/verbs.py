"""`Verbs`: the methods that send, written once.

`SyncVerbs` and `AsyncVerbs` say what they return; nothing here waits or sends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from yarl import URL

from ..errors import ConfigurationError
from ..options import UNSET, URLPath
from ..streaming.multipart import guess_type
from .body import file_name
from .redaction import redact_url
from .request import Request

__all__ = ["Verbs", "path_text"]


if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..bulk.batch import Batch
    from ..options import (
        CallOptions,
        ChunkSource,
        DownloadOptions,
        DownloadTarget,
        FileOptions,
        ItemOptions,
        MapOptions,
        Operation,
        PageOptions,
        RequestOptions,
        ResumableOptions,
        SendOptions,
        TusOptions,
        UploadFileOptions,
        UploadSource,
        WaitOptions,
    )
    from .paging import Walk
    from .transfer import Transfer
    from .tus_upload import TusTransfer
    from .waiting import Waiting

    class AnyRequestOptions(RequestOptions, total=False):
        """The options of a verb, with those that choose the result."""

        response_format: Any
        raw: bool

    class AnyFileOptions(FileOptions, total=False):
        """The options of `stream_file`, with those that choose the result."""

        response_format: Any
        raw: bool

    class AnyUploadFileOptions(UploadFileOptions, total=False):
        """The options of `upload_file`, with those that choose the result."""

        response_format: Any
        raw: bool

    class AnyMapOptions(MapOptions, total=False):
        """The options of `map`, with that which chooses what is given."""

        on_error: Literal["raise", "collect"]

    class AnyResumableOptions(ResumableOptions, total=False):
        """The options of `upload_resumable`, with those that choose the result."""

        response_format: Any
        raw: bool

    class AnySendOptions(SendOptions, total=False):
        """The options of `send`, with those that choose the result."""

        response_format: Any
        raw: bool

    class AnyWaitOptions(WaitOptions, total=False):
        """The options of `wait_for`, with those that look at the result."""

        done: Callable[[Any], object] | None
        failed: Callable[[Any], object] | None
        raw: bool


class Verbs(ABC):
    """The methods of clients and sub-clients that send a request.

    Of what kind the client is, is not known here, so every result is `Any`.
    """

    @abstractmethod
    def _request(self, method: str, path: URLPath, options: Any) -> Any:
        """Send what the options mean and return its result, or an awaitable of it."""

    @abstractmethod
    def _send(self, request: Request, options: Any) -> Any:
        """Send a built request and return its result, or an awaitable of it."""

    @abstractmethod
    def _streamed(self, method: str, path: URLPath, options: Any) -> Any:
        """Return the stream that sends what the options mean once its block is entered."""

    @abstractmethod
    def _downloaded(self, path: URLPath, to: Any, options: Any) -> Any:
        """Fetch a file and return what became of it, or an awaitable of that."""

    @abstractmethod
    def _paged(self, walk: Walk, request: Callable[..., Any]) -> Any:
        """Return the iterator that walks, one page for each request."""

    @abstractmethod
    def _waited(self, waiting: Waiting, request: Callable[..., Any]) -> Any:
        """Return the result of an operation when it is over, or an awaitable of it."""

    @abstractmethod
    def _mapped(self, batch: Batch) -> Any:
        """Return the results of many calls."""

    @abstractmethod
    def _carry_out(self, transfer: Transfer, target: Any) -> Any:
        """Send a file in several requests through `target`, and return what came of it."""

    @abstractmethod
    def _tus(self, transfer: TusTransfer, target: Any) -> Any:
        """Return the upload by tus of the kind of the client."""

    def request(
        self, method: str, path: URLPath = None, **options: Unpack[AnyRequestOptions]
    ) -> Any:
        """Send a request and return its result.

        Args:
            method: The method, such as `"GET"`.
            path: Relative to `uri`, or an absolute URL of the client's or a trusted origin. Holds
                `{names}` for `path_parameters`, and may hold a query.
            options: `response_format`, any type that pydantic validates; `raw=True` for the
                `RawResponse`; and the options of `RequestOptions`.

        Returns:
            The content as `response_format`: `str` for the text, `bytes` for the content, `None`
            for nothing; parsed JSON where no format is given.

        Raises:
            ConfigurationError: The request can never be sent; nothing was.
            ClientClosedError: The client is closed.
            TransportError: No whole response came.
            HTTPError: The status is no success.
            ResponseParseError: The content is not what was expected.
        """
        return self._request(method, path, options)

    def get(self, path: URLPath = None, **options: Unpack[AnyRequestOptions]) -> Any:
        """Send a GET; see `request`."""
        return self._request("GET", path, options)

    def post(self, path: URLPath = None, **options: Unpack[AnyRequestOptions]) -> Any:
        """Send a POST; see `request`."""
        return self._request("POST", path, options)

    def put(self, path: URLPath = None, **options: Unpack[AnyRequestOptions]) -> Any:
        """Send a PUT; see `request`."""
        return self._request("PUT", path, options)

    def patch(self, path: URLPath = None, **options: Unpack[AnyRequestOptions]) -> Any:
        """Send a PATCH; see `request`."""
        return self._request("PATCH", path, options)

    def delete(self, path: URLPath = None, **options: Unpack[AnyRequestOptions]) -> Any:
        """Send a DELETE; see `request`."""
        return self._request("DELETE", path, options)

    def options(self, path: URLPath = None, **options: Unpack[AnyRequestOptions]) -> Any:
        """Send an OPTIONS; see `request`."""
        return self._request("OPTIONS", path, options)

    def head(self, path: URLPath = None, **options: Unpack[CallOptions]) -> Any:
        """Send a HEAD and return the `RawResponse`, which has no content."""
        return self._request("HEAD", path, options)

    def upload_file(
        self,
        file: UploadSource,
        path: URLPath = None,
        *,
        field: str = "file",
        **options: Unpack[AnyUploadFileOptions],
    ) -> Any:
        """Send a file as `multipart/form-data`.

        Args:
            file: Its path, a `Path`, bytes or an open binary file, which is not closed.
            path: See `request`.
            field: The name of the form field.
            options: `response_format`, `raw`, and the options of `UploadFileOptions`.

        Raises:
            UnreadableFile: It cannot be read; nothing was sent.
        """
        shape, method, rest = _file_call(file, path, options, ("body", "files"))
        return self._request(method, path, {**rest, "files": {field: shape}})

    def stream_file(
        self, file: UploadSource, path: URLPath = None, **options: Unpack[AnyFileOptions]
    ) -> Any:
        """Send the bytes of a file as the body, piece by piece, never whole in memory.

        Args:
            file: Its path, a `Path`, bytes or an open binary file, which is not closed.
            path: See `request`.
            options: `response_format`, `raw`, and the options of `FileOptions`.

        Raises:
            UnreadableFile: It cannot be read; nothing was sent.
        """
        shape, method, rest = _file_call(file, path, options, ("body", "data", "files", "filename"))
        return self._request(method, path, {**rest, "data": shape})

    def upload_resumable(
        self, file: ChunkSource, path: URLPath, **options: Unpack[AnyResumableOptions]
    ) -> Any:
        """Send a file in chunks with `Content-Range`, going on from where the server stands.

        After a cut the server is asked how much it has, and what is missing is sent. The session
        that such APIs want is begun by a call before, which gives its URL.

        Args:
            file: Its path, a `Path`, bytes, an open binary file, which is not closed, or an
                iterator of bytes.
            path: The URL of the session, or the path; see `request`.
            options: `response_format` and `raw`, for the last answer, and the options of
                `ResumableOptions`.

        Raises:
            UnreadableFile: The file cannot be read, or has changed.
            ConfigurationError: See `request`.
            UploadError: What the server tells of the upload does not fit.
        """
        from .resumable_upload import RangeTransfer

        source = _chunk_source(file, path)
        return self._carry_out(RangeTransfer(source, path, options), self)

    def tus(self, file: ChunkSource, path: URLPath = None, **options: Unpack[TusOptions]) -> Any:
        """Return an upload by tus 1.0.0, which goes on where it was cut; nothing is sent yet.

        Args:
            file: See `upload_resumable`.
            path: Where uploads are created; see `request`.
            options: See `TusOptions`.

        Raises:
            UnreadableFile: The file cannot be read.
            ConfigurationError: An option can never work.
        """
        from .tus_upload import TusTransfer

        source = _chunk_source(file, path)
        return self._tus(TusTransfer(source, path, options), self)

    def send(self, request: Request, **options: Unpack[AnySendOptions]) -> Any:
        """Send a request that `build` made.

        Args:
            request: The request; its headers may have been changed.
            options: `response_format`, `raw`, and the options of `SendOptions`.

        Raises:
            ConfigurationError: A header cannot be sent, or an option belongs to `build`.
        """
        return self._send(request, options)

    def stream(self, method: str, path: URLPath = None, **options: Unpack[RequestOptions]) -> Any:
        """Return a context manager that sends a request and gives its body while it comes.

        An error status raises as it does elsewhere. Where no `timeout` is given, the total of the
        client ends with the head, and then each piece may take its `read` part, 60 seconds where
        that is `None`; a `timeout`, and a `deadline`, that is given bounds all. What is streamed
        is not bound by `max_response_size`, and not hedged. Hooks see the head.

        Args:
            method: The method, such as `"GET"`.
            path: See `request`.
            options: See `RequestOptions`.

        Raises:
            ConfigurationError: An option has no place here.
        """
        return self._streamed(method, path, options)

    def download(
        self, path: URLPath, to: DownloadTarget, **options: Unpack[DownloadOptions]
    ) -> Any:
        """Fetch a file, and put it in its place once it is whole.

        Until then it is `name.part`, in the same folder. Where the connection is cut, and where an
        earlier download of it left that file, only what is missing is asked for, if the server
        tells one state of the file from another; bytes of two states are never put together.
        Each request is a call of its own, for `retry`, the rate limit and hooks. As of a `stream`,
        a `timeout` that is given bounds all of it.

        Args:
            path: Where the file is; see `request`.
            to: The path of the file, a folder, where the name is that of the server made safe, or a
                file that is open for writing bytes, which is not closed.
            options: See `DownloadOptions`.

        Returns:
            A `Download`: its path, size and the last response.

        Raises:
            ConfigurationError: An option can never work; nothing was sent.
            TargetExists: There is a file in its place; give `overwrite=True` to replace it.
            FileError: It cannot be written.
            ChecksumMismatch: It came whole, but it is not what it should be.
            ContentChanged: It changed on the server, and again when it was fetched anew.
            ResponseTooLarge: It has more than `max_size` bytes.
            ResponseParseError: The answer is no file, or nobody could tell whether it is whole.
            TransportError: It did not come whole.
        """
        return self._downloaded(path, to, options)

    def pages(
        self, path: URLPath, response_format: Any = UNSET, **options: Unpack[PageOptions]
    ) -> Any:
        """Return an iterator over the pages of a list, each a call made when it is its turn.

        Args:
            path: Where the first page is; see `request`.
            response_format: What each page becomes; see `request`.
            options: See `PageOptions`; those of a call hold for each page.

        Raises:
            ConfigurationError: An option can never work. While iterating: the next page would be at
                another origin, and was not asked for.
            PaginationError: While iterating: the pages go in a circle, or one says nothing usable
                of the next.
            BodyNotReplayable: While iterating: the body was an iterator, and there is a next page.
        """
        from .paging import Walk

        return self._paged(Walk(path, response_format, options), self._request)

    def items(self, path: URLPath, item_format: Any = UNSET, **options: Unpack[ItemOptions]) -> Any:
        """Return an iterator over the items of all pages, which are asked for one by one.

        Args:
            path: Where the first page is; see `request`.
            item_format: What each item becomes; any type that pydantic validates.
            options: See `ItemOptions`; those of a call hold for each page.

        Raises:
            ConfigurationError: See `pages`.
            PaginationError: See `pages`.
            ResponseValidationError: While iterating: an item does not fit, or the page has no list.
        """
        from .paging import ItemWalk

        return self._paged(ItemWalk(path, item_format, options), self._request)

    def wait_for(
        self,
        operation: Operation,
        response_format: Any = UNSET,
        **options: Unpack[AnyWaitOptions],
    ) -> Any:
        """Ask how a long-running operation stands until it is over, and return its result.

        Args:
            operation: The response that began it, as a `Response` model or as `raw=True` returns
                it; or the path where it tells how it stands; or the `state` of an earlier wait.
            response_format: What the result becomes; that of a model which is given, when not
                given.
            options: `done` and `failed`, functions that are given each answer as the
                `response_format` and return whether it is that; `raw=True` for the `RawResponse`;
                and the options of `WaitOptions`.

        Raises:
            ConfigurationError: An option can never work, or the next URL is at another origin; it
                was not asked for.
            OperationFailed: The operation has failed, or was canceled.
            OperationTimeout: It was not over in time; its `state` waits for it further.
            OperationError: An answer says nothing usable of it.
        """
        from .waiting import Waiting

        return self._waited(Waiting(operation, response_format, options), self._request)

    def map(self, calls: Any, inputs: Any = UNSET, /, **options: Unpack[AnyMapOptions]) -> Any:
        """Make many calls, a bounded number of them at once, and return an iterator of the results.

        Args:
            calls: A function, which is called with each of the inputs; or, without inputs, the
                calls: functions without arguments. With an `AsyncClient` async functions, or what
                is to be awaited.
            inputs: A list or any other iterable, which may be endless; with an `AsyncClient` also
                one that is async. An input is taken when its call is begun.
            options: See `MapOptions`; `on_error="collect"` gives an `Outcome` for each call, and
                raises the error of none.

        Raises:
            ConfigurationError: These are no calls, or an option can never work. While iterating:
                one of them is no call.
            BudgetExhausted: While iterating: a budget around it is used up. The results of the
                calls that were under way come before it, as they do before an error of the inputs.
            ClientClosedError: While iterating: the client was closed meanwhile.
        """
        from ..bulk.batch import Batch

        return self._mapped(Batch(calls, inputs, options))


def _file_call(
    file: Any, path: URLPath, options: Mapping[str, Any], taken: tuple[str, ...]
) -> tuple[Any, str, dict[str, Any]]:
    """Return the shape that a file is given as, the method, and the options of the request."""
    rest: dict[str, Any] = {**options}
    method = rest.pop("method", "POST")
    source = Path(file) if isinstance(file, str) else file
    given = problem = None
    if not _is_source(source):
        problem = f"a file must be a path, bytes or an open binary file, got {type(file).__name__}"
    elif not rest.keys().isdisjoint(taken):
        name = next(name for name in taken if name in rest)
        problem = f"{name!r} has no place beside the file that is sent; use `post(files=...)`"
    else:
        given = rest.pop("filename", None)
        if not (given is None or (isinstance(given, str) and given)):
            problem = f"filename must be a name, or None, got {given!r}"
    if problem is not None:
        error = ConfigurationError(problem)
        error.method, error.url = method, redact_url(str(path or ""))
        raise error
    name = given or file_name(source) or "file"
    shape = (name, source, rest.pop("content_type", None) or guess_type(name))
    if rest.get("progress") is True:
        rest["progress"] = name  # Says more than the path.
    return shape, method, rest


def _chunk_source(file: Any, path: URLPath) -> Any:
    """Return a file to be sent in chunks; a text is a path, as for `upload_file`."""
    source = Path(file) if isinstance(file, str) else file
    if not (_is_source(source) or hasattr(source, "__iter__") or hasattr(source, "__aiter__")):
        error = ConfigurationError(
            "a file must be a path, bytes, an open binary file or an iterator of bytes, got "
            f"{type(file).__name__}"
        )
        error.url = redact_url(str(path or ""))
        raise error
    return source


def _is_source(value: object) -> bool:
    return isinstance(value, bytes | bytearray | memoryview | PathLike) or hasattr(value, "read")


def path_text(path: URLPath) -> str:
    """Return a path as text; the braces of a `yarl.URL` are those of a template again."""
    if path is None:
        return ""
    if isinstance(path, URL):
        return str(path).replace("%7B", "{").replace("%7D", "}")
    if isinstance(path, str):
        return path
    raise ConfigurationError(f"a path must be text or a URL, got {type(path).__name__}")
