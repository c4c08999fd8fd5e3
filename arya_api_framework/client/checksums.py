"""What computes the checksums of a body before it is sent, without holding it."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Generator, Sequence
from typing import Any, Protocol

from multidict import CIMultiDict
from typing_extensions import override

from ..checksum import Checksum
from ..errors import ConfigurationError
from ..hooks import Hook
from .body import Body, BytesBody
from .request import Request
from .shapes import is_sequence

__all__ = ["ChecksumHook", "Summing", "as_checksums", "check_replayable"]


def as_checksums(value: Any) -> tuple[Checksum, ...]:
    """Return what `checksum` of a call means.

    Raises:
        ConfigurationError: It is none.
    """
    if value is None:
        return ()
    given = value if is_sequence(value) else (value,)
    sums = tuple(one if isinstance(one, Checksum) else Checksum(one) for one in given)
    fields = [one.header.lower() for one in sums]
    if len(set(zip(fields, (one.algorithm for one in sums), strict=True))) < len(sums):
        raise ConfigurationError(f"checksum names one twice: {value!r}")
    return sums


def check_replayable(sums: Sequence[Checksum], body: bytes | Body | None) -> None:
    """Refuse a body that cannot be read once more.

    Raises:
        ConfigurationError: It is an iterator, or a file that cannot be sought in.
    """
    if isinstance(body, Body) and not body.replayable:
        names = ", ".join(one.header for one in sums)
        raise ConfigurationError(
            f"{names} goes before the body, which can be read only once: give bytes or a file, or "
            "the header itself"
        )


class _Hash(Protocol):
    def update(self, data: bytes, /) -> object: ...
    def digest(self) -> bytes: ...


class _CRC32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


def _make_hash(algorithm: str) -> _Hash:
    if algorithm == "crc32":
        return _CRC32()
    return hashlib.new(algorithm.replace("-", ""), usedforsecurity=False)


class Summing:
    """The digests of one body, while it is read for them.

    Args:
        sums: What is asked for.
        body: The body.

    Raises:
        ConfigurationError: It can be read only once.
    """

    def __init__(self, sums: Sequence[Checksum], body: bytes | Body) -> None:
        check_replayable(sums, body)
        body = BytesBody(body) if isinstance(body, bytes) else body
        self._sums = sums
        self._hashes = {one.algorithm: _make_hash(one.algorithm) for one in sums}
        self._body = body

    def steps(self) -> Generator[int, None, None]:
        """Read the body piece by piece."""
        for chunk in self._body.chunks():
            for one in self._hashes.values():
                one.update(chunk)
            yield len(chunk)

    def write(self, request: Request) -> None:
        """Put the digests into the header of a request."""
        fields: CIMultiDict[list[str]] = CIMultiDict()
        for one in self._sums:
            digest = base64.b64encode(self._hashes[one.algorithm].digest()).decode()
            fields.setdefault(one.header, []).append(one.write(digest))
        for name, values in fields.items():
            request.headers[name] = ", ".join(values)  # In the place of all there are.


class ChecksumHook(Hook):
    """Reads the body of a call for its checksums; of an `AsyncClient` piece by piece in a thread.

    Args:
        sums: What is sent along.
    """

    def __init__(self, sums: Sequence[Checksum]) -> None:
        self._sums = sums

    @override
    def before_call(self, request: Request) -> None:
        if request.body is not None:
            summing = Summing(self._sums, request.body)
            for _ in summing.steps():
                pass
            summing.write(request)

    @property
    def async_twin(self) -> Hook:
        """The same for an `AsyncClient`."""
        return _AsyncChecksumHook(self._sums)


class _AsyncChecksumHook(Hook):
    def __init__(self, sums: Sequence[Checksum]) -> None:
        self._sums = sums

    @override
    async def before_call(self, request: Request) -> None:
        from .async_reader import ThreadReader

        if request.body is not None:
            summing = Summing(self._sums, request.body)
            reader = ThreadReader(summing.steps())
            try:
                while await reader.read() is not None:
                    pass
            finally:
                reader.leave()
            summing.write(request)
