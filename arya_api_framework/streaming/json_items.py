"""`JsonItems`: the elements of one array of a JSON body, as they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError
from typing_extensions import TypeForm, override

from ..client.checks import check_at
from ..client.json_place import split_place
from ..client.typed_format import items_format
from ..errors import ResponseValidationError
from .decoder import MOST, OnInvalid, Parts, place_of
from .item_decoder import ANYTHING, ItemDecoder, is_no_json
from .json_scan import ElementScan, end_of_space, end_of_whole, split_elements
from .json_walk import ARRAY, BadJson, NoArray, Walk

if TYPE_CHECKING:
    from ..client.response import ResponseInfo

__all__ = ["JsonItems"]

T = TypeVar("T")

_LARGEST_PIECE = 64 * 1024
"""How much is validated at once at most: its elements are all in memory together."""

_COMMA, _CLOSE = b",]"
_BEFORE, _FIRST, _NEXT, _VALUE, _AFTER = range(5)
"""Where a piece ended: before the array, or where its first element, a comma, or an element after
one may come; after the array."""


class JsonItems(ItemDecoder[T]):
    """The elements of one array of a JSON body, each validated once it is whole.

    Nothing else of the body is kept. What stands around the array must be JSON too, though the
    text in its strings is not looked at. Where an object has a name twice, the first counts.

    Args:
        target: What each element becomes; parsed JSON if left out.
        at: Where the array stands: names joined by dots; the whole body if left out.
        on_invalid: Whether an element that does not fit is an error, or skipped and counted.
        max_item_size: How many bytes an element may have.
        charset: What the response declares. UTF-8 counts where it fits, as JSON must be that.
        info: The response, for errors and for `Response` models.

    Example:
        >>> decoder = JsonItems(int, at="data.items")
        >>> decoder.feed(b'{"data": {"items": [1, 2'), decoder.feed(b"3]}}"), decoder.finish()
        ([1], [23], [])
    """

    __slots__ = (
        "_at",
        "_format",
        "_largest",
        "_names",
        "_parts",
        "_scan",
        "_size",
        "_state",
        "_walk",
    )

    def __init__(
        self,
        target: type[T] | TypeForm[T] = ANYTHING,
        *,
        at: str | None = None,
        on_invalid: OnInvalid = "raise",
        max_item_size: int = MOST,
        charset: str = "utf-8",
        info: ResponseInfo | None = None,
    ) -> None:
        super().__init__(on_invalid, "max_item_size", max_item_size, charset, info)
        self._at = check_at(at)
        self._names = [] if at is None else split_place(at)
        self._format = items_format(target, info)
        # What is whole in a piece is within the limit, too.
        self._largest = min(_LARGEST_PIECE, self._most)
        self._walk = Walk(self._names)
        self._scan = ElementScan()
        self._state = _BEFORE
        self._parts = Parts(b"")  # Of the element that is not whole yet.
        self._size = 0

    @override
    def _feed(self, data: bytes, found: list[T]) -> None:
        data = self._as_utf8(data)
        for start in range(0, len(data), self._largest):
            self._read(data[start : start + self._largest], found)

    def _read(self, data: bytes, found: list[T]) -> None:
        pos = 0
        if self._state == _BEFORE:
            pos = self._search(data)
        if self._state not in (_BEFORE, _AFTER):
            pos = self._read_array(data, pos, found)
        if self._state == _AFTER:
            try:
                self._walk.feed(data, pos)
            except BadJson as why:
                raise self._broken(f"what follows the array is no valid JSON{why}", data) from None

    def _search(self, data: bytes) -> int:
        """Read up to the array, and return where its first element may stand."""
        try:
            pos = self._walk.feed(data)
        except BadJson as why:
            raise self._broken(
                f"a list of {self._format.name} was expected{self._place}, but the content is no "
                f"valid JSON{why}",
                data,
            ) from None
        except NoArray as wrong:
            raise self._not_found(wrong, data) from None
        if self._walk.expects == ARRAY:
            self._state = _FIRST
            pos += 1
        return pos

    def _read_array(self, data: bytes, pos: int, found: list[T]) -> int:
        """Take the elements of a piece; return where the array ended, or else the piece."""
        scan, size, state = self._scan, len(data), self._state
        start = 0 if scan.is_inside else -1  # Of all that is to be validated.
        begin, end = 0, -1  # Of the element that is not whole; of the last one that is.
        is_wrong = False
        while pos < size:
            if scan.is_inside:
                pos = scan.read(data, pos)
                if not scan.is_inside:
                    state, end = _NEXT, pos
                    if self._size + end - begin > self._most:
                        raise self._too_large(f"item {self.count}")
                continue
            pos = end_of_space(data, pos)
            if pos == size:
                break
            byte = data[pos]
            if byte == _CLOSE and state != _VALUE:
                state = _AFTER
                self._walk.leave()
                pos += 1
                break
            if state == _NEXT and byte == _COMMA:
                state = _VALUE
                pos += 1
            elif state == _NEXT or byte in b",:]}":
                is_wrong = True
                break
            else:
                start = pos if start < 0 else start
                whole = end_of_whole(data, pos)
                if whole > pos:
                    state, pos, end = _VALUE, whole, whole - 1
                else:
                    begin = pos
                    scan.begin(byte)
                    pos += byte in b'"[{'
        self._state = state
        if end >= 0:
            self._parts.add(data[start:end])
            content = self._parts.take()
            self._size = 0
            self._take(b"[%b]" % content, found)
        if scan.is_inside:
            part = data[begin:]
            self._parts.add(part)
            self._size += len(part)
            if self._size > self._most:
                raise self._too_large(f"item {self.count}")
        if is_wrong:
            raise self._broken(
                f"{'what follows ' if state == _NEXT else ''}item "
                f"{self.count - (state == _NEXT)} is no valid JSON",
                data[pos:],
            )
        return pos

    def _take(self, content: bytes, found: list[T]) -> None:
        """Add the elements of an array that holds what came whole."""
        try:
            items = self._format.validate(content)
        except Exception:  # noqa: BLE001 - whatever a validator raises, it is about one element
            for element in split_elements(content[1:-1]):
                self._take_one(b"[%b]" % element, found)
            return
        self.count += len(items)
        if self._info is not None:
            self._format.attach(items, self._info)
        found += items

    def _take_one(self, content: bytes, found: list[T]) -> None:
        try:
            items = self._validate(self._format, content)
        except ValidationError as error:
            self._take_invalid(
                error, self._format, content, f"item {self.count}", is_torn=is_no_json(error)
            )
            return
        self.count += 1
        if self._info is not None:
            self._format.attach(items, self._info)
        found += items

    @override
    def _finish(self, found: list[T]) -> None:
        if self._state == _BEFORE:
            try:
                self._walk.finish()
            except BadJson:
                pass
            except NoArray as wrong:
                raise self._not_found(wrong) from None
            what = f"a list of {self._format.name} was expected{self._place}"
            if self.is_empty:
                raise self._broken(f"{what}, but the response has no content")
            raise self._broken(f"{what}, but the body ends before it")
        if self._scan.is_inside:
            raise self._broken(
                f"the body ends in the middle of item {self.count}", self._parts.take()
            )
        if self._state != _AFTER:
            raise self._broken(f"the body ends before the array does, after {self.count:,} items")
        if not self._walk.is_over or self._held():
            raise self._broken("the body ends after the array, before the JSON does")

    @property
    def _place(self) -> str:
        return "" if self._at is None else f" at {self._at!r}"

    def _not_found(self, wrong: NoArray, content: bytes = b"") -> ResponseValidationError:
        """Return the error that tells what was found in the place of the array."""
        names = self._names[: wrong.depth]
        what = f"what stands at {'.'.join(names)!r}" if names else "the body"
        if wrong.found is None:
            name = self._names[wrong.depth]
            text, kind = f"{what} has no {name!r}", ("missing", "Field required")
            names = [*names, name]
        elif wrong.depth == len(self._names):
            text, kind = f"{what} is {wrong.found}", ("list_type", "Input should be a valid array")
        else:
            text, kind = (
                f"{what} is {wrong.found}, not an object",
                ("dict_type", "Input should be an object"),
            )
        hint = "; `at` says where the list stands" if wrong.depth == 0 and not self._names else ""
        return ResponseValidationError(
            f"{place_of(self._info)}a list of {self._format.name} was expected{self._place}, but "
            f"{text}{hint}",
            status=None if self._info is None else self._info.status,
            body=content,
            errors=[{"type": kind[0], "loc": tuple(names), "msg": kind[1]}],
        )
