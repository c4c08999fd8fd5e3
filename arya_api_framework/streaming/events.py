"""`EventDecoder`: Server-Sent Events (HTML 9.2.6), as they arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError
from typing_extensions import TypeForm, override

from ..client.shapes import is_mapping
from ..client.typed_format import ItemFormat, item_format
from ..errors import ConfigurationError
from .decoder import MOST, OnInvalid
from .item_decoder import ItemDecoder
from .lines import TextLines

if TYPE_CHECKING:
    from ..client.response import ResponseInfo

__all__ = ["EventDecoder", "ServerSentEvent"]

T = TypeVar("T")

_TEXT: Any = str
_LONGEST_NUMBER = 15


@dataclass(slots=True)
class ServerSentEvent(Generic[T]):
    """One event of a stream.

    Attributes:
        event: Its name, `"message"` where the server gives none.
        data: What it carries: the text, or what that became.
        id: The last ID that the server gave, with this event or before it; empty if there was none.
        retry: Seconds to wait before a reconnection, if they came with this event.
    """

    event: str
    data: T
    id: str = ""
    retry: float | None = None


class EventDecoder(ItemDecoder[ServerSentEvent[T]]):
    r"""The events of a stream of Server-Sent Events, each as soon as the blank line ends it.

    What follows the last blank line is no event, as the standard has it.

    Args:
        target: What the data becomes. `str` is the text; of any other type it is the JSON.
            A mapping from names of events to types leaves events of other names out, unless it has
            a type for `"*"`.
        until: The data that ends the stream, such as `"[DONE]"`: `over` is true from there on.
        on_invalid: Whether data that does not fit is an error, or skipped and counted.
        max_event_size: How many characters a line, or the data of an event, may have.
        last_event_id: The ID of the last event that came before.
        info: The response, for errors and for `Response` models.

    Attributes:
        last_event_id: Where to go on: what `Last-Event-ID` is on a reconnection.
        retry: Seconds to wait before a reconnection, `None` where the server did not say.

    Example:
        >>> decoder = EventDecoder(dict[str, int])
        >>> decoder.feed(b'id: 7\ndata: {"n": 1}\n\n')
        [ServerSentEvent(event='message', data={'n': 1}, id='7', retry=None)]
    """

    __slots__ = (
        "_data",
        "_event",
        "_event_retry",
        "_format",
        "_formats",
        "_id",
        "_length",
        "_lines",
        "_until",
        "last_event_id",
        "retry",
    )

    def __init__(
        self,
        target: type[T] | TypeForm[T] | Mapping[str, type[T]] = _TEXT,
        *,
        until: str | None = None,
        on_invalid: OnInvalid = "raise",
        max_event_size: int = MOST,
        last_event_id: str = "",
        info: ResponseInfo | None = None,
    ) -> None:
        super().__init__(on_invalid, "max_event_size", max_event_size, "utf-8", info)
        self._formats: dict[str, ItemFormat | None] = {}
        self._format: ItemFormat | bool | None = False  # `None` is text, `False` none of these.
        if is_mapping(target):
            self._formats = {name: _format_of(one, info) for name, one in target.items()}
            self._format = self._formats.pop("*", False)
        else:
            self._format = _format_of(target, info)
        given: Any = until
        if given is not None and not isinstance(given, str):
            raise ConfigurationError(f"until must be text, as data is, or None, got {given!r}")
        self._until = until
        self._lines = TextLines("utf-8", self._most)
        self.last_event_id = self._id = last_event_id
        self.retry: float | None = None
        self._event = ""
        self._event_retry: float | None = None
        self._data: list[str] = []
        self._length = -1

    @override
    def _feed(self, data: bytes, found: list[ServerSentEvent[T]]) -> None:
        lines = self._lines.split(self._as_utf8(data))
        fields = self._data
        for line in lines:
            if line:
                name, _, value = line.partition(":")
                if value[:1] == " ":
                    value = value[1:]
                if name == "data":
                    fields.append(value)
                    self._length += len(value) + 1
                    if self._length > self._most:
                        raise self._too_large(f"event {self.count}")
                elif name:
                    self._set(name, value)
                continue
            self.last_event_id = self._id
            if fields:
                text = fields[0] if len(fields) == 1 else "\n".join(fields)
                if text == self._until:
                    self.over = True
                    return
                self._dispatch(text, found)
                fields.clear()
                self._length = -1
            self._event = ""
            self._event_retry = None
        if self._lines.splitter.is_too_long:
            raise self._too_large(f"a line of event {self.count}")

    def _set(self, name: str, value: str) -> None:
        if name == "event":
            self._event = value
        elif name == "id":
            if "\0" not in value:
                self._id = value
        elif (
            name == "retry"
            and value.isascii()
            and value.isdigit()
            and len(value) <= _LONGEST_NUMBER
        ):
            self.retry = self._event_retry = int(value) / 1000

    def _dispatch(self, text: str, found: list[ServerSentEvent[Any]]) -> None:
        name = self._event or "message"
        target = self._formats.get(name, self._format)
        if target is None:
            value: Any = text
        elif isinstance(target, bool):
            return
        else:
            try:
                value = target.validate(text)
            except ValidationError as error:
                what = f"event {self.count}"
                if name in self._formats:
                    what += f" ({name!r})"
                self._take_invalid(error, target, text.encode(), what)
                return
            if self._info is not None and target.is_attached:
                target.attach([value], self._info)
        self.count += 1
        found.append(ServerSentEvent(name, value, self.last_event_id, self._event_retry))

    @override
    def _finish(self, found: list[ServerSentEvent[T]]) -> None:
        """Leave out what no blank line ended, as it may be cut."""


def _format_of(target: Any, info: ResponseInfo | None) -> ItemFormat | None:
    return None if target is str else item_format(target, info)
