"""The verbs as an `AsyncClient` has them: what each returns, for type checkers."""

# The verbs of one kind are typed narrower than those of a sub-client that serves both.
# mypy: disable-error-code="override"
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from typing_extensions import TypeForm, Unpack
from yarl import URL

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
    URLPath,
    WaitOptions,
)
from .request import Request
from .response import RawResponse
from .verbs import Verbs

if TYPE_CHECKING:
    from ..bulk.async_results import AsyncResults
    from ..bulk.calls import AsyncCall, AsyncCalls, AsyncInputs
    from ..bulk.outcome import Outcome
    from ..models import Response
    from .async_pages import AsyncItems, AsyncPages
    from .async_stream import AsyncStream
    from .async_transfers import AsyncTusUpload
    from .download import Download

__all__ = ["AsyncVerbs"]

In = TypeVar("In")
T = TypeVar("T")
R = TypeVar("R", bound="Response")


class AsyncVerbs(Verbs):
    """The verbs with their types; they are written in `Verbs`."""

    if TYPE_CHECKING:

        @overload
        async def request(
            self,
            method: str,
            path: URLPath = None,
            *,
            raw: Literal[True],
            **options: Unpack[RequestOptions],
        ) -> RawResponse: ...
        @overload
        async def request(
            self,
            method: str,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def request(
            self,
            method: str,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def request(
            self,
            method: str,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def request(self, *args: Any, **options: Any) -> Any: ...

        @overload
        async def get(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        async def get(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def get(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def get(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def get(self, *args: Any, **options: Any) -> Any: ...

        @overload
        async def post(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        async def post(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def post(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def post(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def post(self, *args: Any, **options: Any) -> Any: ...

        @overload
        async def put(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        async def put(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def put(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def put(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def put(self, *args: Any, **options: Any) -> Any: ...

        @overload
        async def patch(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        async def patch(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def patch(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def patch(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def patch(self, *args: Any, **options: Any) -> Any: ...

        @overload
        async def delete(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        async def delete(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def delete(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def delete(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def delete(self, *args: Any, **options: Any) -> Any: ...

        @overload
        async def options(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        async def options(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def options(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        async def options(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def options(self, *args: Any, **options: Any) -> Any: ...

        async def head(
            self, path: URLPath = None, **options: Unpack[CallOptions]
        ) -> RawResponse: ...

        @overload
        async def upload_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            field: str = ...,
            raw: Literal[True],
            **options: Unpack[UploadFileOptions],
        ) -> RawResponse: ...
        @overload
        async def upload_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            field: str = ...,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[UploadFileOptions],
        ) -> T: ...
        @overload
        async def upload_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            field: str = ...,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[UploadFileOptions],
        ) -> T: ...
        @overload
        async def upload_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            field: str = ...,
            raw: bool = ...,
            **options: Unpack[UploadFileOptions],
        ) -> Any: ...
        def upload_file(self, *args: Any, **options: Any) -> Any: ...

        @overload
        async def stream_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            raw: Literal[True],
            **options: Unpack[FileOptions],
        ) -> RawResponse: ...
        @overload
        async def stream_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[FileOptions],
        ) -> T: ...
        @overload
        async def stream_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[FileOptions],
        ) -> T: ...
        @overload
        async def stream_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[FileOptions],
        ) -> Any: ...
        def stream_file(self, *args: Any, **options: Any) -> Any: ...

        @overload
        async def upload_resumable(
            self,
            file: ChunkSource,
            path: URLPath,
            *,
            raw: Literal[True],
            **options: Unpack[ResumableOptions],
        ) -> RawResponse: ...
        @overload
        async def upload_resumable(
            self,
            file: ChunkSource,
            path: URLPath,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[ResumableOptions],
        ) -> T: ...
        @overload
        async def upload_resumable(
            self,
            file: ChunkSource,
            path: URLPath,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[ResumableOptions],
        ) -> T: ...
        @overload
        async def upload_resumable(
            self,
            file: ChunkSource,
            path: URLPath,
            *,
            raw: bool = ...,
            **options: Unpack[ResumableOptions],
        ) -> Any: ...
        def upload_resumable(self, *args: Any, **options: Any) -> Any: ...

        def tus(
            self, file: ChunkSource, path: URLPath = None, **options: Unpack[TusOptions]
        ) -> AsyncTusUpload: ...

        @overload
        async def send(
            self, request: Request, *, raw: Literal[True], **options: Unpack[SendOptions]
        ) -> RawResponse: ...
        @overload
        async def send(
            self,
            request: Request,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[SendOptions],
        ) -> T: ...
        @overload
        async def send(
            self,
            request: Request,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[SendOptions],
        ) -> T: ...
        @overload
        async def send(
            self, request: Request, *, raw: bool = ..., **options: Unpack[SendOptions]
        ) -> Any: ...
        def send(self, *args: Any, **options: Any) -> Any: ...

        def stream(
            self, method: str, path: URLPath = None, **options: Unpack[RequestOptions]
        ) -> AsyncStream: ...

        async def download(
            self, path: URLPath, to: DownloadTarget, **options: Unpack[DownloadOptions]
        ) -> Download: ...

        @overload
        def pages(
            self, path: URLPath, response_format: type[T], **options: Unpack[PageOptions]
        ) -> AsyncPages[T]: ...
        @overload
        def pages(
            self, path: URLPath, response_format: TypeForm[T], **options: Unpack[PageOptions]
        ) -> AsyncPages[T]: ...
        @overload
        def pages(self, path: URLPath, **options: Unpack[PageOptions]) -> AsyncPages[Any]: ...
        def pages(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def items(
            self, path: URLPath, item_format: type[T], **options: Unpack[ItemOptions]
        ) -> AsyncItems[T]: ...
        @overload
        def items(
            self, path: URLPath, item_format: TypeForm[T], **options: Unpack[ItemOptions]
        ) -> AsyncItems[T]: ...
        @overload
        def items(self, path: URLPath, **options: Unpack[ItemOptions]) -> AsyncItems[Any]: ...
        def items(self, *args: Any, **options: Any) -> Any: ...

        @overload
        async def wait_for(
            self,
            operation: Operation,
            response_format: Any = ...,
            *,
            raw: Literal[True],
            **options: Unpack[WaitOptions],
        ) -> RawResponse: ...
        @overload
        async def wait_for(
            self,
            operation: Operation,
            response_format: type[T],
            *,
            done: Callable[[T], object] | None = ...,
            failed: Callable[[T], object] | None = ...,
            raw: Literal[False] = ...,
            **options: Unpack[WaitOptions],
        ) -> T: ...
        @overload
        async def wait_for(
            self,
            operation: Operation,
            response_format: TypeForm[T],
            *,
            done: Callable[[T], object] | None = ...,
            failed: Callable[[T], object] | None = ...,
            raw: Literal[False] = ...,
            **options: Unpack[WaitOptions],
        ) -> T: ...
        @overload
        async def wait_for(
            self,
            operation: R,
            *,
            done: Callable[[R], object] | None = ...,
            failed: Callable[[R], object] | None = ...,
            raw: Literal[False] = ...,
            **options: Unpack[WaitOptions],
        ) -> R: ...
        @overload
        async def wait_for(
            self,
            operation: str | URL | RawResponse | Mapping[str, Any],
            *,
            done: Callable[[Any], object] | None = ...,
            failed: Callable[[Any], object] | None = ...,
            raw: bool = ...,
            **options: Unpack[WaitOptions],
        ) -> Any: ...
        async def wait_for(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def map(
            self,
            function: Callable[[In], Awaitable[T]],
            inputs: AsyncInputs[In],
            /,
            *,
            on_error: Literal["collect"],
            **options: Unpack[MapOptions],
        ) -> AsyncResults[Outcome[In, T]]: ...
        @overload
        def map(
            self,
            function: Callable[[In], Awaitable[T]],
            inputs: AsyncInputs[In],
            /,
            *,
            on_error: Literal["raise"] = ...,
            **options: Unpack[MapOptions],
        ) -> AsyncResults[T]: ...
        @overload
        def map(
            self,
            calls: AsyncCalls[T],
            /,
            *,
            on_error: Literal["collect"],
            **options: Unpack[MapOptions],
        ) -> AsyncResults[Outcome[AsyncCall[T], T]]: ...
        @overload
        def map(
            self,
            calls: AsyncCalls[T],
            /,
            *,
            on_error: Literal["raise"] = ...,
            **options: Unpack[MapOptions],
        ) -> AsyncResults[T]: ...
        def map(self, *args: Any, **options: Any) -> Any: ...
