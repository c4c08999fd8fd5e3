"""Bodies fed to decoders in pieces of every size."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from multidict import CIMultiDict

from arya_api_framework.client.request import Request
from arya_api_framework.client.response import ResponseInfo
from arya_api_framework.client.url import Origin
from arya_api_framework.streaming.decoder import Decoder

__all__ = ["Outcome", "decode", "outcome", "outcomes", "response_info"]

T = TypeVar("T")


class Outcome(NamedTuple):
    """What a decoder gave, and the error that came after it."""

    found: list[object]
    error: str = ""
    text: str = ""


def cut(body: bytes, size: int) -> Iterator[bytes]:
    """Yield a body in pieces of one size."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def decode(decoder: Decoder[T], pieces: Iterable[bytes]) -> list[T]:
    """Return all that a decoder makes of pieces."""
    found: list[T] = []
    for piece in pieces:
        found += decoder.feed(piece)
        decoder.check()
    found += decoder.finish()
    decoder.check()
    return found


def outcome(decoder: Decoder[T], pieces: Iterable[bytes]) -> Outcome:
    """Return what a decoder makes of pieces, or what it gives before its error."""
    found: list[object] = []
    try:
        for piece in pieces:
            found += decoder.feed(piece)
            decoder.check()
        found += decoder.finish()
        decoder.check()
    except Exception as error:  # noqa: BLE001 - it is what is compared
        return Outcome(found, type(error).__name__, str(error))
    return Outcome(found)


def outcomes(
    make: Callable[[], Decoder[T]], body: bytes, sizes: Iterable[int] = (1, 2, 3, 5)
) -> Outcome:
    """Return what comes of a body, which must be the same for pieces of any size."""
    whole = outcome(make(), [body])
    for size in sizes:
        pieces = outcome(make(), cut(body, size))
        assert pieces == whole, f"pieces of {size} make a difference"
    return whole


def response_info() -> ResponseInfo:
    """Return the head of a response whose URL holds a secret."""
    request = Request(
        "GET", Origin("https", "api.test", 443), "/users?token=hush", CIMultiDict[str]()
    )
    return ResponseInfo(200, ((b"Content-Type", b"application/json"),), request)
