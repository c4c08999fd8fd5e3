"""`Decoder`: what turns the pieces of a body into what they hold; nothing here waits or reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, AnyStr, Generic, Literal, TypeVar

from ..client.checks import check_whole
from ..client.formats import place
from ..errors import ResponseTooLarge

if TYPE_CHECKING:
    from ..client.response import ResponseInfo

__all__ = ["MOST", "Decoder", "OnInvalid", "Parts", "check_most", "place_of"]

T = TypeVar("T")
OnInvalid = Literal["raise", "skip"]
"""What is done with an item that does not fit its type."""

MOST = 16 * 1024 * 1024
"""How long one line, item or event may be, unless another limit is given."""


_MOST_PARTS = 1000


class Parts(Generic[AnyStr]):
    """What came of something that is not whole yet.

    Each piece of a body takes some 40 bytes besides its content, so that 16 MB in pieces of two
    bytes would take 600 MB; a thousand of them are made one, once.

    Args:
        empty: Text, or bytes, of which there is none.
    """

    __slots__ = ("_empty", "_joined", "_last")

    def __init__(self, empty: AnyStr) -> None:
        self._empty: Any = empty
        self._joined: list[Any] = []
        self._last: list[Any] = []

    def add(self, part: AnyStr) -> None:
        """Keep what comes next."""
        last = self._last
        last.append(part)
        if len(last) > _MOST_PARTS:
            self._joined.append(self._empty.join(last))
            last.clear()

    def take(self) -> AnyStr:
        """Return all of it, and have nothing."""
        whole: AnyStr = self._empty.join(self._joined + self._last if self._joined else self._last)
        self.clear()
        return whole

    def clear(self) -> None:
        """Forget it."""
        self._joined.clear()
        self._last.clear()


class Decoder(ABC, Generic[T]):
    """Turn the pieces of a body into what they hold, as soon as it is whole.

    Give what `feed` and `finish` return, then call `check`: what is wrong in a piece is raised
    after what came whole before it.

    Attributes:
        over: Whether nothing that follows counts, so that the rest need not be read.
        failure: What is wrong after all that was returned.
    """

    __slots__ = ("failure", "over")

    def __init__(self) -> None:
        self.over = False
        self.failure: Exception | None = None

    def feed(self, data: bytes) -> list[T]:
        """Return what became whole by the next piece of the body.

        Raises:
            FrameworkException: The piece, or what came before, is wrong, and nothing came whole
                before that.
        """
        self.check()
        found: list[T] = []
        if not self.over:
            try:
                self._feed(data, found)
            except Exception as error:
                self.failure = error
                if not found:
                    raise
        return found

    def finish(self) -> list[T]:
        """Return what is whole only now that the body has ended.

        Raises:
            FrameworkException: The body ended too soon, or what came before is wrong.
        """
        self.check()
        found: list[T] = []
        if not self.over:
            try:
                self._finish(found)
            except Exception as error:
                self.failure = error
                raise
        self.over = True
        return found

    def check(self) -> None:
        """Raise what is wrong after all that was returned, if something is."""
        if self.failure is not None:
            raise self.failure

    @abstractmethod
    def _feed(self, data: bytes, found: list[T]) -> None:
        """Add what became whole by a piece; what is added before an error counts."""

    @abstractmethod
    def _finish(self, found: list[T]) -> None:
        """Add what is whole only at the end."""


def check_most(name: str, value: int) -> int:
    """Return a limit.

    Raises:
        ConfigurationError: It is no whole number of 1 or more.
    """
    return check_whole(name, 1)(None, value)


def place_of(info: ResponseInfo | None) -> str:
    """Return what was asked for, as an error begins."""
    return "" if info is None else f"{place(info)}: "


def too_large(
    info: ResponseInfo | None, what: str, option: str, limit: int, size: int | None = None
) -> ResponseTooLarge:
    """Return the error for what passes its limit."""
    unit = "bytes" if option == "max_item_size" else "characters"
    return ResponseTooLarge(
        f"{place_of(info)}{what} is larger than {limit:,} {unit}; if that is right, give "
        f"`{option}` a higher limit",
        limit=limit,
        size=size,
    )
