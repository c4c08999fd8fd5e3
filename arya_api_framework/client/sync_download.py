"""`SyncDownload`: a file, fetched by as many calls as it takes."""

# A download, its streams and its client are friends.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any

from ..errors import FrameworkException
from ..streaming.open_file import Sink
from .download import Download, Wish
from .download_pieces import Batch, Piece, StartOver
from .downloading import DownloadState
from .sync_download_tasks import SyncDownloadTasks
from .sync_stream import SyncStream

__all__ = ["SyncDownload"]


class SyncDownload:
    """A download, from its options to the file in its place."""

    def __init__(self, client: Any, wish: Wish) -> None:
        self._client = client
        self._wish = wish
        self._tasks = SyncDownloadTasks()

    def run(self) -> Download:
        """Fetch the file and put it in its place."""
        client, wish = self._client, self._wish
        wish.accepts_anything = "Accept" not in client.headers
        call = client._prepare("GET", wish.path, wish.options())
        self._state = DownloadState(wish, call)
        try:
            self._tasks.call(wish.open, call.request.url)
            digest = self._fill(wish.sink)
            self._tasks.call(wish.sink.finish, wish.target, wish.overwrite)
        except BaseException as error:
            self._tasks.call(wish.leave, self._state.left(error))
            if isinstance(error, FrameworkException):
                self._state.failed(error)
            raise
        finally:
            self._state.bar.close()
        return self._state.result(digest)

    def _fill(self, sink: Sink) -> str | None:
        """Fetch all bytes; return their digest, if that was to be checked."""
        kept = self._tasks.call(sink.load)
        if kept is None:
            self._tasks.call(sink.restart)
        self._state.begin(kept, sink.size)
        while True:
            try:
                SyncFetch(self._client, self._wish, self._state, sink).run()
                break
            except StartOver as reason:
                self._state = self._state.anew(reason)
                self._tasks.call(sink.restart)
        if self._wish.needs_name:
            self._tasks.call(self._wish.settle, self._state.propose_name())
        expected = self._state.expected
        if expected is None:
            return None
        while (found := self._tasks.call(sink.digest, expected)) is None:
            pass
        return self._state.check_digest(found)


class SyncFetch:
    """The calls of a download, while the file stays the same on the server."""

    def __init__(self, client: Any, wish: Wish, state: DownloadState, sink: Sink) -> None:
        self._client = client
        self._wish = wish
        self._state = state
        self._sink = sink
        self._tasks = SyncDownloadTasks()

    def run(self) -> None:
        """Fetch all pieces.

        Raises:
            StartOver: The file does not stay the same.
        """
        self._tasks.run(self._work)

    def _work(self) -> None:
        """Fetch pieces until there is none left."""
        while (piece := self._state.take()) is not None:
            while not piece.is_full:
                wait = self._receive(piece)
                if wait:
                    self._tasks.rest(wait)

    def _receive(self, piece: Piece) -> float:
        """Make a call for what is missing of a piece; return the seconds to rest before another."""
        options = self._state.options(piece)
        if self._wish.connections > 1:
            self._tasks.watch(options)
        stream = self._client._streamed("GET", self._wish.path, options)
        try:
            with stream as body:
                self._begin(piece, body)
                self._read(piece, body)
                self._state.ended(piece)
        except FrameworkException as error:
            self._tasks.check()
            wait = self._state.after_error(piece, stream, error, self._client)
            if wait is None:
                raise
            return wait
        return 0.0

    def _begin(self, piece: Piece, body: SyncStream) -> None:
        """Take the head of an answer, and let others fetch what it is not for."""
        call, state, sink, wish = self._tasks.call, self._state, self._sink, self._wish
        is_anew = state.accept(piece, body)
        if wish.needs_name:
            call(wish.settle, state.propose_name())
        if is_anew:
            call(sink.restart)
        if state.expected is not None and piece.position == 0 and not state.is_split:
            call(sink.watch, state.expected)
        others = state.split(piece)
        # What is noted is true of what is written, from the first byte on.
        call(sink.note, state.kept())
        for _ in range(others):
            self._tasks.start(self._work)
        state.tell()

    def _read(self, piece: Piece, body: SyncStream) -> None:
        """Write the body, as far as it is wanted."""
        batch = Batch(self._tasks.batch)
        body._begin()
        try:
            while data := body._read():
                for part in self._state.content(body, data):
                    if batch.add(self._state.fit(piece, batch.size, part)):
                        self._write(piece, batch)
                if self._state.is_enough(piece, batch.size):
                    return
            if self._state.is_decoded:
                body._finish_decoding()
        finally:
            self._write(piece, batch)

    def _write(self, piece: Piece, batch: Batch) -> None:
        if batch.size:
            pieces, size = batch.take()
            self._tasks.call(self._sink.write, piece.position, pieces)
            self._state.wrote(piece, size)
            if self._state.is_to_be_noted():
                self._tasks.call(self._sink.note, self._state.kept())
