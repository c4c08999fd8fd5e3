"""`AsyncStream`: a response whose body is read while it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from os import PathLike
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar, overload

from typing_extensions import TypeForm, Unpack

from ..errors import FrameworkException
from ..options import EventOptions, StreamItemOptions, StreamLineOptions
from ..rate_limit.async_wait import sleep
from ..streaming.decoder import MOST, Decoder
from ..streaming.events import EventDecoder, ServerSentEvent
from ..streaming.lines import LineDecoder
from ..streaming.text import TextDecoder
from .async_download_tasks import AsyncDownloadTasks
from .async_wait import rest
from .hints import AsyncHint
from .reconnection import Reconnection
from .stream import SAVED_AT_ONCE, Sized, Stream

__all__ = ["AsyncStream"]

T = TypeVar("T")


class AsyncStream(Stream, AsyncHint):
    """A response whose head is there, and whose body is read while it comes.

    Made by `stream` of a client or sub-client, and used in one `async with` block, which sends the
    request. Where the block is left before the end of the body, the connection is closed, unless
    the rest of it is here already.

    Example:
        ```python
        async with client.stream("GET", "/logs") as body:
            async for line in body.iter_lines():
                print(line)
        ```
    """

    _with = "async with"

    async def __aenter__(self) -> Self:
        self._enter()
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _open(self, last_event_id: str = "") -> None:
        """Send the request, and take the body of its answer."""
        options = self._call_options(last_event_id)
        try:
            response = await self._request(self._method, self._path, options)
            self._take(response)
            self._check_open()
        except BaseException:
            self._let_go()
            raise

    async def close(self) -> None:
        """Give the connection back; what is left of the body is not read any more."""
        self._is_closed = True
        await self._leave()

    async def _leave(self) -> None:
        while self._opened:
            await self._opened.pop().close()

    async def iter_raw(self, size: int | None = None) -> AsyncIterator[bytes]:
        """Yield the body as it comes, with any content coding it has.

        Args:
            size: How many bytes each piece has, the last one may have fewer; as they come when not
                given.

        Raises:
            TransportError: The body does not come whole.
        """
        sized = None if size is None else Sized(size)
        self._begin()
        while piece := await self._read():
            if sized is None:
                yield piece
            else:
                for part in sized.feed(piece):
                    yield part
        if sized is not None:
            for part in sized.finish():
                yield part

    async def iter_bytes(self, size: int | None = None) -> AsyncIterator[bytes]:
        """Yield the content of the body as it comes, without its content coding.

        Args:
            size: See `iter_raw`.

        Raises:
            TransportError: The body does not come whole.
            ContentEncodingError: Its content coding cannot be read.
        """
        sized = None if size is None else Sized(size)
        self._begin()
        while piece := await self._read():
            for part in self._decoded(piece):
                if self._is_long(part):
                    await rest()
                if sized is None:
                    yield part
                else:
                    for one in sized.feed(part):
                        yield one
        self._finish_decoding()
        if sized is not None:
            for one in sized.finish():
                yield one

    async def read(self) -> bytes:
        """Return the whole content, of at most `max_response_size` bytes.

        Raises:
            ResponseTooLarge: It is larger.
            TransportError: The body does not come whole.
            ContentEncodingError: Its content coding cannot be read.
        """
        content = bytearray()
        async for piece in self.iter_bytes():
            content += piece
            self._check_size(len(content))
        return bytes(content)

    def iter_text(self) -> AsyncIterator[str]:
        """Yield the text of the body as it comes; bytes that do not fit its charset become U+FFFD.

        Raises:
            TransportError: The body does not come whole.
            ContentEncodingError: Its content coding cannot be read.
        """
        return self._give(TextDecoder(self.encoding))

    def iter_lines(self, *, max_line: int = MOST) -> AsyncIterator[str]:
        """Yield the lines of the text, without their ends.

        Args:
            max_line: How many characters a line may have.

        Raises:
            ResponseTooLarge: A line has more.
            TransportError: The body does not come whole.
            ContentEncodingError: Its content coding cannot be read.
        """
        return self._give(LineDecoder(self.encoding, max_line=max_line, info=self.response.info))

    @overload
    def iter_items(
        self, item_format: type[T], **options: Unpack[StreamItemOptions]
    ) -> AsyncIterator[T]: ...
    @overload
    def iter_items(
        self, item_format: TypeForm[T], **options: Unpack[StreamItemOptions]
    ) -> AsyncIterator[T]: ...
    @overload
    def iter_items(self, **options: Unpack[StreamItemOptions]) -> AsyncIterator[Any]: ...
    def iter_items(
        self, item_format: Any = Any, **options: Unpack[StreamItemOptions]
    ) -> AsyncIterator[Any]:
        """Yield the elements of one array of a JSON body as models, while they come.

        Nothing else of the body is kept in memory.

        Args:
            item_format: What each element becomes; any type that pydantic validates, parsed JSON
                when not given.
            options: See `StreamItemOptions`.

        Raises:
            ResponseValidationError: An element does not fit, or there is no array. What came before
                it was given.
            ResponseParseError: The body is no JSON, or is cut within an element.
            ResponseTooLarge: An element is larger than `max_item_size`.
            TransportError: The body does not come whole.
        """
        return self._give(self._open_items(item_format, options))

    @overload
    def iter_json_lines(
        self, item_format: type[T], **options: Unpack[StreamLineOptions]
    ) -> AsyncIterator[T]: ...
    @overload
    def iter_json_lines(
        self, item_format: TypeForm[T], **options: Unpack[StreamLineOptions]
    ) -> AsyncIterator[T]: ...
    @overload
    def iter_json_lines(self, **options: Unpack[StreamLineOptions]) -> AsyncIterator[Any]: ...
    def iter_json_lines(
        self, item_format: Any = Any, **options: Unpack[StreamLineOptions]
    ) -> AsyncIterator[Any]:
        """Yield one model for each line of JSON, or for each text of a JSON text sequence.

        Args:
            item_format: What each becomes; any type that pydantic validates, parsed JSON when not
                given.
            options: See `StreamLineOptions`.

        Raises:
            ResponseValidationError: A line does not fit. What came before it was given.
            ResponseParseError: A line is no JSON, or the last one is cut.
            ResponseTooLarge: A line is larger than `max_item_size`.
            TransportError: The body does not come whole.
        """
        return self._give(self._open_json_lines(item_format, options))

    @overload
    def iter_events(
        self, data_format: type[T], **options: Unpack[EventOptions]
    ) -> AsyncIterator[ServerSentEvent[T]]: ...
    @overload
    def iter_events(
        self, data_format: Mapping[str, type[T]], **options: Unpack[EventOptions]
    ) -> AsyncIterator[ServerSentEvent[T]]: ...
    @overload
    def iter_events(
        self, data_format: TypeForm[T], **options: Unpack[EventOptions]
    ) -> AsyncIterator[ServerSentEvent[T]]: ...
    @overload
    def iter_events(
        self, **options: Unpack[EventOptions]
    ) -> AsyncIterator[ServerSentEvent[str]]: ...
    def iter_events(
        self, data_format: Any = str, **options: Unpack[EventOptions]
    ) -> AsyncIterator[ServerSentEvent[Any]]:
        """Yield the events of a stream of Server-Sent Events (HTML 9.2), each with typed data.

        Args:
            data_format: What the data of each becomes: any type that pydantic validates, from JSON;
                the text when not given. A mapping from names of events to types leaves events of
                other names out, unless it has a type for `"*"`.
            options: See `EventOptions`.

        Raises:
            ResponseParseError: The response is no stream of events, or data is no JSON.
            ResponseValidationError: Data does not fit. What came before it was given.
            ResponseTooLarge: An event is larger than `max_event_size`.
            TransportError: The stream broke off, and is not asked for again.
            HTTPError: The stream was asked for again, and refused.
        """
        reconnection = self._open_reconnection(options.get("reconnect", False))
        decoder = self._open_events(data_format, "", options)
        if not reconnection.is_wanted:
            return self._give(decoder)
        return self._follow(decoder, reconnection, data_format, options)

    async def _follow(
        self,
        decoder: EventDecoder[Any],
        reconnection: Reconnection,
        data_format: Any,
        options: EventOptions,
    ) -> AsyncIterator[ServerSentEvent[Any]]:
        """Yield events, and ask for the stream again where it ends."""
        is_open = True
        while True:
            ended: FrameworkException | None = None
            try:
                if not is_open:
                    await self._open(decoder.last_event_id)
                    decoder = self._open_events(data_format, decoder.last_event_id, options)
                async for event in self._give(decoder):
                    reconnection.succeed()
                    yield event
                if self._is_over:
                    return
            except FrameworkException as error:
                ended = error
            self._check_open()
            wait = reconnection.wait_after(ended, self.status, decoder.retry)
            if wait is None:
                return
            self._check_wait(wait)
            await self._leave()
            is_open = False
            await sleep(wait)
            self._check_open()

    async def _give(self, decoder: Decoder[T]) -> AsyncIterator[T]:
        """Yield what a decoder makes of the content."""
        self._begin()
        while piece := await self._read():
            for part in self._decoded(piece):
                if self._is_long(part):
                    await rest()
                for one in self._feed(decoder, part):
                    yield one
                self._check(decoder)
                if decoder.over:
                    self._is_over = True
                    return
        self._finish_decoding()
        for one in self._finish(decoder):
            yield one
        self._check(decoder)

    async def save(
        self,
        to: str | PathLike[str] | BinaryIO,
        *,
        overwrite: bool = False,
        allow_unframed: bool = False,
    ) -> int:
        """Write the content to a file, which has its name only once it is whole.

        `download` of a client does more: it goes on where it was cut, and checks digests.

        Args:
            to: The path of the file; a folder, where the server tells the name; or an open binary
                file.
            overwrite: Whether the file may take the place of another one.
            allow_unframed: Whether a body that ends where its connection does is taken for whole.

        Returns:
            How many bytes it has.

        Raises:
            TargetExists: There is a file of that name.
            FileError: The file cannot be written.
            ResponseParseError: Nobody could tell whether all of it came.
            TransportError: The body does not come whole.
            ContentEncodingError: Its content coding cannot be read.
        """
        wish = self._open_save(to, overwrite, allow_unframed)
        call = AsyncDownloadTasks().call
        try:
            await call(wish.open, str(self.url))
            if wish.needs_name:
                await call(wish.settle, self._save_name())
            size = 0
            pieces: list[bytes] = []
            kept = 0
            async for piece in self.iter_bytes():
                pieces.append(piece)
                kept += len(piece)
                if kept >= SAVED_AT_ONCE:
                    await call(wish.sink.write, size, pieces)
                    size, kept, pieces = size + kept, 0, []
            await call(wish.sink.write, size, pieces)
            await call(wish.sink.finish, wish.target, overwrite)
        except BaseException:
            await call(wish.leave, None)
            raise
        return size + kept

    async def _read(self) -> bytes:
        """Return what came next of the body, empty at its end."""
        if not self._opened:
            return self._take_left()
        try:
            piece: bytes = await self._opened[0].read()
        except FrameworkException as error:
            raise self._conclude(error) from error.__cause__
        return piece
