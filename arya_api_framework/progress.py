"""`open_bar`: what `progress=True` shows, drawn by tqdm or rich, whichever is installed."""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from typing_extensions import override

from .client.body import BytesBody
from .client.checks import check_progress
from .client.redaction import clean_text
from .errors import ConfigurationError
from .fork import start_over_in_child
from .hooks import Hook
from .options import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from .client.request import Request
    from .client.response import RawResponse

__all__ = ["Bar", "ProgressHook", "Unit", "open_bar"]

Unit = Literal["B", "it"]
"""What is counted: bytes, or things."""

_LONGEST = 60
"""The most characters of a description; the rest of the line is the bar's."""


class Bar(ABC):
    """A bar on a terminal, whose methods may be called from any thread.

    Args:
        total: How much there is, `None` where it is not known.
    """

    def __init__(self, total: int | None = None) -> None:
        self._total = total
        self._mutex = threading.Lock()
        self._closed = False

    def update(self, done: int, total: int | None = None) -> None:
        """Show how much is done, which may be less than before.

        Args:
            done: How much.
            total: Of how much, where that was not known before, or has changed.
        """
        with self._mutex:
            if not self._closed:
                self._total = self._total if total is None else total
                self._draw(done, self._total)

    def close(self) -> None:
        """Draw it for the last time and leave it; a second time does nothing."""
        with self._mutex:
            if not self._closed:
                self._closed = True
                self._leave()

    @abstractmethod
    def _draw(self, done: int, total: int | None) -> None: ...

    @abstractmethod
    def _leave(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_bar(
    progress: bool | str | None, what: str, total: int | None = None, unit: Unit = "B"
) -> Bar:
    """Return a bar, to be closed whatever happens.

    It is drawn on standard error by tqdm, or by rich where there is no tqdm. Nothing is drawn where
    that is no terminal, unless the library is told to: by `TQDM_DISABLE=` with nothing behind it,
    or by `FORCE_COLOR=1` for rich.

    Args:
        progress: The option as it was given: `True`, or a text to put in front of the bar. For
            `False` and `None` nothing is drawn.
        what: The text where the option has none.
        total: How much there is, `None` where it is not known.
        unit: What is counted.

    Raises:
        ConfigurationError: Neither of the libraries is installed, or the option is neither.
    """
    if not check_progress(progress):
        return _NoBar(total)
    text = progress if isinstance(progress, str) else what
    # A file name of another system need not be valid text.
    text = text.encode("utf-8", "replace").decode()
    return _find_library(progress)(clean_text(text, _LONGEST), total, unit)


def _find_library(progress: bool | str | None) -> Callable[[str, int | None, Unit], Bar]:
    for library, make in (("tqdm.auto", _make_tqdm_bar), ("rich.progress", _make_rich_bar)):
        try:
            import_module(library)
        except ImportError:
            continue
        return make
    raise ConfigurationError(
        f"progress={progress!r} needs tqdm or rich; install the extra: "
        "pip install 'arya-api-framework[progress]'"
    )


class _NoBar(Bar):
    """Nothing to be seen."""

    @override
    def _draw(self, done: int, total: int | None) -> None:
        pass

    @override
    def _leave(self) -> None:
        pass


class _TqdmBar(Bar):
    """A bar of tqdm, which finds a line for itself beside others."""

    def __init__(self, bar: Any, total: int | None) -> None:
        super().__init__(total)
        self._bar = bar

    @override
    def _draw(self, done: int, total: int | None) -> None:
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    @override
    def _leave(self) -> None:
        self._bar.close()


def _make_tqdm_bar(text: str, total: int | None, unit: Unit) -> Bar:
    import os

    tqdm: Any = import_module("tqdm.auto").tqdm
    if sys.stderr is None:
        return _NoBar(total)
    options: dict[str, Any] = {"unit_divisor": 1024} if unit == "B" else {}
    if "ipykernel" in sys.modules:
        options["disable"] = False  # A notebook shows bars, though it is no terminal.
    elif "TQDM_DISABLE" not in os.environ:
        options["disable"] = None
    # Without a thread that watches the bar: each update sees for itself whether it is time to draw.
    kind = type("tqdm", (tqdm,), {"monitor_interval": 0})
    bar = kind(
        desc=text,
        total=total,
        unit=unit,
        unit_scale=unit == "B",
        miniters=1,
        dynamic_ncols=True,
        **options,
    )
    return _NoBar(total) if bar.disable else _TqdmBar(bar, total)


class _RichBar(Bar):
    """A line in the one display that all bars of rich share: a terminal has room for one."""

    def __init__(self, display: _Display, task: TaskID, total: int | None) -> None:
        super().__init__(total)
        self._display = display
        self._task = task

    @override
    def _draw(self, done: int, total: int | None) -> None:
        self._display.progress.update(self._task, completed=done, total=total)

    @override
    def _leave(self) -> None:
        self._display.remove(self._task)


class _Display:
    """The display of rich, which is there while there are bars.

    Attributes:
        progress: What draws them.
    """

    _mutex: ClassVar[threading.Lock] = threading.Lock()
    _current: ClassVar[_Display | None] = None

    def __init__(self, progress: RichProgress) -> None:
        self.progress = progress
        self._open: set[TaskID] = set()
        start_over_in_child(self)

    def start_over(self) -> None:
        """Forget a display whose thread has stayed with the parent."""
        _Display._mutex = threading.Lock()
        _Display._current = None

    @classmethod
    def add(cls, text: str, total: int | None, unit: Unit) -> Bar:
        """Return a new bar in the display, which is begun with the first one."""
        with cls._mutex:
            display = cls._current
            if display is None:
                display = cls(_rich_progress())
                if display.progress.disable:
                    return _NoBar(total)
                display.progress.start()
                cls._current = display
            task = display.progress.add_task(text, total=total, unit=unit)
            display._open.add(task)
            return _RichBar(display, task, total)

    def remove(self, task: TaskID) -> None:
        """Leave a bar as it is; the display ends with the last one."""
        with self._mutex:
            self._open.discard(task)
            progress = self.progress
            if self._open:
                # Above those that go on, so that thousands of them do not fill the screen.
                one = [known for known in progress.tasks if known.id == task]
                progress.console.print(progress.make_tasks_table(one))
                progress.remove_task(task)
            else:
                _Display._current = None
                progress.stop()


def _make_rich_bar(text: str, total: int | None, unit: Unit) -> Bar:
    return _Display.add(text, total, unit)


def _rich_progress() -> RichProgress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    size, speed, count = (
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        MofNCompleteColumn(),
    )

    class Amount(ProgressColumn):
        def render(self, task: Task) -> Text:
            return (size if task.fields["unit"] == "B" else count).render(task)

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return speed.render(task) if task.fields["unit"] == "B" else Text("")

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        Amount(),
        Speed(),
        TimeRemainingColumn(),
        console=console,
        disable=not (console.is_terminal or console.is_jupyter),
    )


class ProgressHook(Hook):
    """Shows a bar while the body of a call is sent.

    Args:
        progress: The option of the call.
        what: The text for the bar where the option has none.

    Raises:
        ConfigurationError: Neither tqdm nor rich is installed.
    """

    def __init__(self, progress: bool | str, what: str) -> None:
        _find_library(progress)
        self._progress = progress
        self._what = what
        self._bar: Bar | None = None

    @override
    def before_call(self, request: Request) -> None:
        if isinstance(request.body, bytes):
            request.body = BytesBody(request.body)
        body = request.body
        if body is not None:
            bar = self._bar = open_bar(self._progress, self._what, body.length)
            body.on_progress = _both(body.on_progress, bar.update)

    @override
    def after_call(self, request: Request, response: RawResponse) -> None:
        self._close()

    @override
    def call_failed(self, request: Request, error: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _both(one: Progress | None, other: Progress) -> Progress:
    if one is None:
        return other
    own = one

    def tell(sent: int, total: int | None) -> None:
        other(sent, total)
        own(sent, total)

    return tell
