"""`carry_out` and `AsyncTusUpload`: uploads in several requests, each a call of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from ..errors import FrameworkException
from ..progress import open_bar
from ..tus import TusServer
from .async_pieces import read_piece
from .transfer import Transfer
from .tus_upload import TusTransfer

__all__ = ["AsyncTusUpload", "carry_out"]


async def carry_out(
    transfer: Transfer, target: Any, rest: Callable[[float], Awaitable[None]]
) -> Any:
    """Send what is left of a file, and return what came of it.

    Args:
        transfer: The file.
        target: The client or sub-client that sends.
        rest: Waits so many seconds.
    """
    with open_bar(transfer.progress, transfer.title, transfer.source.size) as bar:
        transfer.watch(bar.update)
        while not transfer.over:
            while (pieces := transfer.wants()) is not None:
                transfer.source.feed(await read_piece(pieces))
            request = transfer.step(target.build)
            try:
                try:
                    answer = await target.send(request, **transfer.options_for(request))
                except Exception as error:
                    answer = transfer.fail(error, request)
                    if answer is None:
                        raise
                wait = transfer.take(answer, request)
            except FrameworkException as error:
                transfer.name_request(error, request)
                raise
            if wait:
                await rest(wait)
    return transfer.result


class AsyncTusUpload:
    """A file that is uploaded by tus 1.0.0 through an `AsyncClient`, and goes on where it was cut.

    Made by `tus` of a client or sub-client.

    Example:
        ```python
        async def send(client: AsyncClient, film: Path) -> str:
            upload = client.tus(film, "/files")
            return await upload.send()
        ```
    """

    def __init__(
        self, transfer: TusTransfer, target: Any, rest: Callable[[float], Awaitable[None]]
    ) -> None:
        self._transfer = transfer
        self._target = target
        self._rest = rest

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._transfer.title!r}, {self.offset} of {self.size}>"

    @property
    def url(self) -> str | None:
        """Where the upload is, `None` as long as it is not created."""
        return self._transfer.url

    @property
    def size(self) -> int | None:
        """The length of the file, `None` as long as nobody knows it."""
        return self._transfer.source.size

    @property
    def offset(self) -> int:
        """How many bytes the server has, as far as it told."""
        return self._transfer.offset

    @property
    def done(self) -> bool:
        """Whether the server has all of it."""
        return self._transfer.over

    @property
    def expires(self) -> datetime | None:
        """When the server forgets the upload if nothing more is sent, if it said so."""
        return self._transfer.expires

    @property
    def server(self) -> TusServer:
        """What the server can do, as far as it was asked."""
        return self._transfer.server

    @property
    def state(self) -> dict[str, Any]:
        """Where to go on, to be kept as JSON and given as the option `state`."""
        return self._transfer.state

    async def send(self) -> str:
        """Create the upload, if there is none, and send what is left; return its URL.

        After an error it may be called again, and goes on where the server stands.

        Raises:
            UnreadableFile: The file cannot be read, or has changed.
            UploadError: What the server tells of the upload does not fit; or it cannot do what is
                asked for, or the file is larger than it takes.
            ConfigurationError: It puts the upload at another origin.
            UploadLost: The server no longer has it.
            FrameworkException: A request failed for good; see `request`.
        """
        self._transfer.begin()
        await carry_out(self._transfer, self._target, self._rest)
        return self._transfer.url or ""

    async def discover(self) -> TusServer:
        """Ask the server what it can do, and return that."""
        request = self._transfer.discovery(self._target.build)
        self._transfer.take_discovery(
            await self._target.send(request, **self._transfer.plain_options)
        )
        return self._transfer.server

    async def refresh(self) -> int:
        """Ask the server how many bytes it has, and return that.

        Raises:
            UploadLost: It no longer has the upload.
        """
        request = self._transfer.question(self._target.build)
        try:
            answer = await self._target.send(request, **self._transfer.plain_options)
        except FrameworkException as error:
            self._transfer.check_lost(error, request)
            raise
        self._transfer.take(answer, request)
        return self._transfer.offset

    async def terminate(self) -> None:
        """Let the server forget the upload; `send` then begins anew.

        Raises:
            UploadLost: It no longer has it.
        """
        request = self._transfer.termination(self._target.build)
        try:
            await self._target.send(request, **self._transfer.plain_options)
        except FrameworkException as error:
            self._transfer.check_lost(error, request)
            raise
        self._transfer.forget()
