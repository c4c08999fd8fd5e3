"""How servers take a file in chunks, and say how much of it they have."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from .client.shapes import is_mapping, is_sequence
from .errors import ConfigurationError, UploadError
from .options import shown, strict

if TYPE_CHECKING:
    from .client.response import RawResponse

__all__ = ["Ask", "NextExpectedRanges", "RangeProtocol", "UploadProtocol"]

_TAKEN = re.compile(r"(?:bytes[= ])?0-(\d{1,18})(?:/(?:\d+|\*))?")


class Ask(NamedTuple):
    """The request that asks how much of a file a server has.

    Attributes:
        method: Its method.
        headers: What it carries beside the headers of the call.
    """

    method: str
    headers: Mapping[str, str] = {}


class UploadProtocol(ABC):
    """How a server takes a file in chunks with `Content-Range`; `RangeProtocol` is the usual one.

    Subclass it for a server that tells in another way how much it has, or give a function that does
    what `offset` does.

    Example:
        >>> class Blocks(UploadProtocol):
        ...     def offset(self, response: RawResponse) -> int | None:
        ...         found = response.headers.get("X-Received")
        ...         return None if found is None else int(found)
    """

    @abstractmethod
    def offset(self, response: RawResponse) -> int | None:
        """Return how many bytes the server has, from the start of the file on.

        `None` where the answer does not say so: then it has all that was sent, and where that is
        the whole file, the answer is the last one.
        """

    def ask(self, method: str, total: int | None) -> Ask | None:
        """Return the request that asks for the offset; `None` where the server cannot be asked.

        Then a chunk that failed is sent again from its start.

        Args:
            method: The method of the chunks.
            total: The length of the file, where it is known.
        """
        return None


@strict
@shown
class RangeProtocol(UploadProtocol):
    """What is taken is told by `308` and `Range: bytes=0-524287`, as Google's APIs do.

    A success for a chunk in the middle is taken for all of it, as of servers that just take `PUT`
    with `Content-Range`.

    Args:
        asks: Whether the server answers an empty request with `Content-Range: bytes */1000`.
    """

    def __init__(self, *, asks: bool = True) -> None:
        self._asks = asks

    @override
    def offset(self, response: RawResponse) -> int | None:
        taken = response.headers.get("Range")
        if taken is None:
            return 0 if response.status == 308 else None
        found = _TAKEN.fullmatch(taken.strip())
        if found is None:
            raise UploadError(
                "the server says in no way that can be read what it has taken; Range must be like "
                "'bytes=0-524287'"
            )
        return int(found[1]) + 1

    @override
    def ask(self, method: str, total: int | None) -> Ask | None:
        if not self._asks:
            return None
        return Ask(method, {"Content-Range": f"bytes */{'*' if total is None else total}"})


@strict
@shown
class NextExpectedRanges(UploadProtocol):
    """What is missing is told in JSON, as `{"nextExpectedRanges": ["26-"]}` of Microsoft Graph.

    Args:
        at: The name of the list.
    """

    def __init__(self, at: str = "nextExpectedRanges") -> None:
        name: object = at
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"at must be text that is not empty, got {at!r}")
        self._at = at

    @override
    def offset(self, response: RawResponse) -> int | None:
        # The answer to the last chunk is the file itself.
        if "json" not in response.headers.get("Content-Type", "json"):
            return None
        body: Any = response.json() if response.content else None
        ranges = body.get(self._at) if is_mapping(body) else None
        if ranges is None:
            return None
        first = ranges[0] if is_sequence(ranges) and ranges else None
        start = first.partition("-")[0] if isinstance(first, str) else ""
        if not (start.isascii() and start.isdigit() and len(start) < 19):
            raise UploadError(
                f"the server says in no way that can be read what it is missing; {self._at!r} must "
                "be like ['524288-']"
            )
        return int(start)

    @override
    def ask(self, method: str, total: int | None) -> Ask:
        return Ask("GET")
