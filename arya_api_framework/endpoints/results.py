"""What the return annotation of a declared endpoint says that its response becomes."""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args, get_origin

from typing_extensions import override

from ..client.formats import Format, find_format
from ..client.response import RawResponse
from ..options import UNSET
from .markers import ByStatus

if TYPE_CHECKING:
    from .declare import Declaration

__all__ = ["Result", "find_result"]

How = Literal["call", "items", "pages", "stream"]

_AWAITED = (Awaitable, Coroutine)
_ITERATORS = {AsyncIterable: True, AsyncIterator: True, Iterable: False, Iterator: False}
_OWN: dict[str, tuple[How, bool]] = {
    "SyncItems": ("items", False),
    "AsyncItems": ("items", True),
    "SyncPages": ("pages", False),
    "AsyncPages": ("pages", True),
    "SyncStream": ("stream", False),
    "AsyncStream": ("stream", True),
}
_OF_PAGES = frozenset({"pagination", "at", "max_items", "max_pages", "ahead"})


class Result(NamedTuple):
    """What a call gives.

    Attributes:
        how: The way: one `"call"`, or `"items"`, `"pages"` or `"stream"`.
        form: What the content, a page or an item becomes; `UNSET` for parsed JSON.
        is_raw: Whether the `RawResponse` is the result.
        by_status: What a response of each status becomes, in place of `form`.
        is_async: Whether it fits clients of the asynchronous kind only, or of the synchronous one;
            `None` where it fits both.
    """

    how: How
    form: Any = UNSET
    is_raw: bool = False
    by_status: Mapping[int, Any] | None = None
    is_async: bool | None = None

    def options(self) -> dict[str, Any]:
        """Return the options of a call that gives it."""
        if self.how != "call":
            return {}
        if self.is_raw:
            return {"raw": True}
        if self.by_status is not None:
            errors = {status: one for status, one in self.by_status.items() if status >= 300}
            return {
                "response_format": StatusFormat(self.by_status, self.form),
                "error_responses": errors,
            }
        return {} if self.form is UNSET else {"response_format": self.form}


class StatusFormat(Format):
    """What the content becomes, by the status.

    Args:
        types: Types by status.
        other: What that of any other status becomes.
    """

    def __init__(self, types: Mapping[int, Any], other: Any) -> None:
        self._formats = {status: find_format(one) for status, one in types.items()}
        self._other = find_format(other)
        self.name = self._other.name
        self.is_json = any(one.is_json for one in (*self._formats.values(), self._other))

    @override
    def parse(self, response: RawResponse) -> Any:
        return self._formats.get(response.status, self._other).parse(response)


def find_result(declaration: Declaration, hints: Mapping[str, Any]) -> Result:
    """Return what the annotations of an endpoint say of its result.

    Raises:
        ConfigurationError: They say what no call can give.
    """
    result = _find(declaration, hints)
    if result.is_async is None and declaration.is_async:
        result = result._replace(is_async=True)
    if result.how in ("call", "stream"):
        for name in declaration.options:
            if name in _OF_PAGES:
                raise declaration.error(
                    f"`{name}` is an option of pages: let it return SyncItems, SyncPages, "
                    "AsyncItems or AsyncPages, written with `def`"
                )
    elif "pagination" not in declaration.options and not (
        result.how == "pages" and _leads_on(result.form)
    ):
        raise declaration.error("`pagination` must say what leads from page to page")
    if declaration.is_async and result.how != "call":
        raise declaration.error(
            f"{result.how} are asked for while they are read: write `def`, not `async def`"
        )
    return result


def _leads_on(form: Any) -> bool:
    from ..models import PaginatedResponse

    return isinstance(form, type) and issubclass(form, PaginatedResponse)


def _find(declaration: Declaration, hints: Mapping[str, Any]) -> Result:
    annotation: Any = hints.get("return", UNSET)
    if declaration.result_name is not None:
        annotation = hints.get(declaration.result_name, UNSET)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in _AWAITED:
        return _one_call(arguments[-1])._replace(is_async=True)
    kind: Any = origin or annotation
    if getattr(kind, "__module__", "").startswith("arya_api_framework.client."):
        own = _OWN.get(getattr(kind, "__name__", ""))
        if own is not None:
            form = arguments[0] if arguments else UNSET
            return Result(own[0], UNSET if form is Any else form, is_async=own[1])
    if kind in _ITERATORS and "pagination" in declaration.options:
        return Result("items", arguments[0] if arguments else UNSET, is_async=_ITERATORS[kind])
    return _one_call(annotation)


def _one_call(annotation: Any) -> Result:
    """Return what one call gives that returns a type."""
    if annotation is UNSET or annotation is Any:
        return Result("call")
    if annotation is RawResponse:
        return Result("call", is_raw=True)
    if get_origin(annotation) is Annotated:
        form, *notes = get_args(annotation)
        for note in notes:
            if isinstance(note, ByStatus):
                return Result("call", form, by_status=note.types)
    return Result("call", annotation)
