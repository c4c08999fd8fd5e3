"""The verbs as a `SyncClient` has them: what each returns, for type checkers."""

# The verbs of one kind are typed narrower than those of a sub-client that serves both.
# mypy: disable-error-code="override"
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    from ..bulk.calls import SyncCall, SyncCalls, SyncInputs
    from ..bulk.outcome import Outcome
    from ..bulk.sync_results import SyncResults
    from ..models import Response
    from .download import Download
    from .sync_pages import SyncItems, SyncPages
    from .sync_stream import SyncStream
    from .sync_transfers import SyncTusUpload

__all__ = ["SyncVerbs"]

In = TypeVar("In")
T = TypeVar("T")
R = TypeVar("R", bound="Response")


class SyncVerbs(Verbs):
    """The verbs with their types; they are written in `Verbs`."""

    if TYPE_CHECKING:

        @overload
        def request(
            self,
            method: str,
            path: URLPath = None,
            *,
            raw: Literal[True],
            **options: Unpack[RequestOptions],
        ) -> RawResponse: ...
        @overload
        def request(
            self,
            method: str,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def request(
            self,
            method: str,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def request(
            self,
            method: str,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def request(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def get(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        def get(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def get(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def get(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def get(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def post(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        def post(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def post(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def post(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def post(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def put(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        def put(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def put(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def put(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def put(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def patch(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        def patch(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def patch(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def patch(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def patch(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def delete(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        def delete(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def delete(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def delete(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def delete(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def options(
            self, path: URLPath = None, *, raw: Literal[True], **options: Unpack[RequestOptions]
        ) -> RawResponse: ...
        @overload
        def options(
            self,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def options(
            self,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[RequestOptions],
        ) -> T: ...
        @overload
        def options(
            self,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[RequestOptions],
        ) -> Any: ...
        def options(self, *args: Any, **options: Any) -> Any: ...

        def head(self, path: URLPath = None, **options: Unpack[CallOptions]) -> RawResponse: ...

        @overload
        def upload_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            field: str = ...,
            raw: Literal[True],
            **options: Unpack[UploadFileOptions],
        ) -> RawResponse: ...
        @overload
        def upload_file(
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
        def upload_file(
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
        def upload_file(
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
        def stream_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            raw: Literal[True],
            **options: Unpack[FileOptions],
        ) -> RawResponse: ...
        @overload
        def stream_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[FileOptions],
        ) -> T: ...
        @overload
        def stream_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[FileOptions],
        ) -> T: ...
        @overload
        def stream_file(
            self,
            file: UploadSource,
            path: URLPath = None,
            *,
            raw: bool = ...,
            **options: Unpack[FileOptions],
        ) -> Any: ...
        def stream_file(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def upload_resumable(
            self,
            file: ChunkSource,
            path: URLPath,
            *,
            raw: Literal[True],
            **options: Unpack[ResumableOptions],
        ) -> RawResponse: ...
        @overload
        def upload_resumable(
            self,
            file: ChunkSource,
            path: URLPath,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[ResumableOptions],
        ) -> T: ...
        @overload
        def upload_resumable(
            self,
            file: ChunkSource,
            path: URLPath,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[ResumableOptions],
        ) -> T: ...
        @overload
        def upload_resumable(
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
        ) -> SyncTusUpload: ...

        @overload
        def send(
            self, request: Request, *, raw: Literal[True], **options: Unpack[SendOptions]
        ) -> RawResponse: ...
        @overload
        def send(
            self,
            request: Request,
            *,
            response_format: type[T],
            raw: Literal[False] = ...,
            **options: Unpack[SendOptions],
        ) -> T: ...
        @overload
        def send(
            self,
            request: Request,
            *,
            response_format: TypeForm[T],
            raw: Literal[False] = ...,
            **options: Unpack[SendOptions],
        ) -> T: ...
        @overload
        def send(
            self, request: Request, *, raw: bool = ..., **options: Unpack[SendOptions]
        ) -> Any: ...
        def send(self, *args: Any, **options: Any) -> Any: ...

        def stream(
            self, method: str, path: URLPath = None, **options: Unpack[RequestOptions]
        ) -> SyncStream: ...

        def download(
            self, path: URLPath, to: DownloadTarget, **options: Unpack[DownloadOptions]
        ) -> Download: ...

        @overload
        def pages(
            self, path: URLPath, response_format: type[T], **options: Unpack[PageOptions]
        ) -> SyncPages[T]: ...
        @overload
        def pages(
            self, path: URLPath, response_format: TypeForm[T], **options: Unpack[PageOptions]
        ) -> SyncPages[T]: ...
        @overload
        def pages(self, path: URLPath, **options: Unpack[PageOptions]) -> SyncPages[Any]: ...
        def pages(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def items(
            self, path: URLPath, item_format: type[T], **options: Unpack[ItemOptions]
        ) -> SyncItems[T]: ...
        @overload
        def items(
            self, path: URLPath, item_format: TypeForm[T], **options: Unpack[ItemOptions]
        ) -> SyncItems[T]: ...
        @overload
        def items(self, path: URLPath, **options: Unpack[ItemOptions]) -> SyncItems[Any]: ...
        def items(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def wait_for(
            self,
            operation: Operation,
            response_format: Any = ...,
            *,
            raw: Literal[True],
            **options: Unpack[WaitOptions],
        ) -> RawResponse: ...
        @overload
        def wait_for(
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
        def wait_for(
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
        def wait_for(
            self,
            operation: R,
            *,
            done: Callable[[R], object] | None = ...,
            failed: Callable[[R], object] | None = ...,
            raw: Literal[False] = ...,
            **options: Unpack[WaitOptions],
        ) -> R: ...
        @overload
        def wait_for(
            self,
            operation: str | URL | RawResponse | Mapping[str, Any],
            *,
            done: Callable[[Any], object] | None = ...,
            failed: Callable[[Any], object] | None = ...,
            raw: bool = ...,
            **options: Unpack[WaitOptions],
        ) -> Any: ...
        def wait_for(self, *args: Any, **options: Any) -> Any: ...

        @overload
        def map(
            self,
            function: Callable[[In], T],
            inputs: SyncInputs[In],
            /,
            *,
            on_error: Literal["collect"],
            **options: Unpack[MapOptions],
        ) -> SyncResults[Outcome[In, T]]: ...
        @overload
        def map(
            self,
            function: Callable[[In], T],
            inputs: SyncInputs[In],
            /,
            *,
            on_error: Literal["raise"] = ...,
            **options: Unpack[MapOptions],
        ) -> SyncResults[T]: ...
        @overload
        def map(
            self,
            calls: SyncCalls[T],
            /,
            *,
            on_error: Literal["collect"],
            **options: Unpack[MapOptions],
        ) -> SyncResults[Outcome[SyncCall[T], T]]: ...
        @overload
        def map(
            self,
            calls: SyncCalls[T],
            /,
            *,
            on_error: Literal["raise"] = ...,
            **options: Unpack[MapOptions],
        ) -> SyncResults[T]: ...
        def map(self, *args: Any, **options: Any) -> Any: ...
