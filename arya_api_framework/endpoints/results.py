"""What the return annotation of a declared endpoint says that its response becomes."""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Coroutine,
    Iterator,
    Mapping,
)
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from typing_extensions import TypeAliasType, override

from ..client.formats import Format, find_format
from ..client.response import RawResponse
from ..options import UNSET
from .kinds import UNIONS, may_be, members_of
from .markers import ByStatus, Marker

if TYPE_CHECKING:
    from .declaration import Declaration

__all__ = [
    "Items",
    "Pages",
    "Result",
    "StatusFormat",
    "Stream",
    "find_how",
    "find_result",
    "is_for_both",
]

T_co = TypeVar("T_co", covariant=True)


class Items(Generic[T_co]):
    """The items of all pages, of an endpoint that is shared by both kinds of client.

    With `@shared` over the endpoint it is `SyncItems` on one kind and `AsyncItems` on the other.
    """


class Pages(Generic[T_co]):
    """The pages of a list, as `Items` are its items."""


class Stream:
    """A streamed response, of an endpoint that is shared by both kinds of client; see `Items`."""


How = Literal["call", "items", "pages", "stream"]

_AWAITED = (Awaitable, Coroutine)
_ITERATORS = {AsyncIterable: True, AsyncIterator: True, Iterator: False}
_CLIENT = "arya_api_framework.client."
_OWN: dict[tuple[str, str], tuple[How, bool | None]] = {
    (_CLIENT + "sync_pages", "SyncItems"): ("items", False),
    (_CLIENT + "async_pages", "AsyncItems"): ("items", True),
    (_CLIENT + "sync_pages", "SyncPages"): ("pages", False),
    (_CLIENT + "async_pages", "AsyncPages"): ("pages", True),
    (_CLIENT + "sync_stream", "SyncStream"): ("stream", False),
    (_CLIENT + "async_stream", "AsyncStream"): ("stream", True),
    (__name__, "Items"): ("items", None),
    (__name__, "Pages"): ("pages", None),
    (__name__, "Stream"): ("stream", None),
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
            return {"response_format": StatusFormat(self.by_status, self.form)}
        return {} if self.form is UNSET else {"response_format": self.form}

    def errors(self) -> dict[int, Any]:
        """Return what the bodies of the error statuses are that are returned."""
        # What is not read must not be refused, nor raised as the client says of this status.
        return {
            status: bytes if is_nothing(form) else form
            for status, form in (self.by_status or {}).items()
            if status >= 300
        }


def is_nothing(form: Any) -> bool:
    """Return whether a response of a type is not read at all."""
    return form is None or form is type(None)


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
    def of(self, status: int) -> Format:
        return self._formats.get(status, self._other)

    @override
    def parse(self, response: RawResponse) -> Any:
        return self.of(response.status).parse(response)


def find_result(declaration: Declaration, hints: Mapping[str, Any]) -> Result:
    """Return what the annotations of an endpoint say of its result.

    Raises:
        ConfigurationError: They say what no call can give.
    """
    name = declaration.result_name or "return"
    if name not in hints:
        what = "it does not say what it returns" if name == "return" else "`result` has no type"
        raise declaration.error(f"{what}; `Any` is the JSON as it is")
    _check_notes(declaration, hints[name])
    result = _find(hints[name])
    if declaration.is_async:
        if result.how != "call" and declaration.result_name is None:
            raise declaration.error(
                f"{result.how} are asked for while they are read: write `def`, not `async def`"
            )
        if result.is_async is False:
            raise declaration.error(
                "it is written with `async def`, and its result is of the other kind: name the "
                "Async... kind"
            )
        result = result._replace(is_async=True)
    _check_pages(declaration, result)
    if declaration.method == "HEAD" and not (result.is_raw or is_nothing(result.form)):
        raise declaration.error(
            "a HEAD is answered without content: let it return RawResponse or None"
        )
    for status in (result.by_status or {}).keys() & (
        declaration.options.get("error_responses") or {}
    ):
        raise declaration.error(
            f"ByStatus and `error_responses` both say what status {status} becomes"
        )
    if result.by_status is not None:
        _check_statuses(declaration, result.by_status, hints[name])
    return result


def _check_notes(declaration: Declaration, annotation: Any) -> None:
    """Refuse markers of arguments, and a `ByStatus` that is not around the whole type."""
    inner = get_args(annotation)
    notes: tuple[Any, ...] = ()
    if get_origin(annotation) is Annotated:
        inner, notes = inner[:1], inner[1:]
    for note in notes:
        kind = note if isinstance(note, type) else type(note)
        if issubclass(kind, Marker):
            raise declaration.error(f"what it returns is marked as {kind.__name__}")
    if any(_holds_statuses(one) for one in inner):
        raise declaration.error(
            "ByStatus is inside of the type; write Annotated[..., ByStatus(...)] around the whole "
            "of it"
        )


def _holds_statuses(annotation: Any) -> bool:
    return any(isinstance(one, ByStatus) or _holds_statuses(one) for one in get_args(annotation))


def _check_statuses(
    declaration: Declaration, by_status: Mapping[int, Any], annotation: Any
) -> None:
    """Refuse types of statuses that no type checker would expect."""
    expected = get_args(annotation)[0]
    for status, form in by_status.items():
        if form is RawResponse:
            raise declaration.error("RawResponse is what all statuses become, or none")
        if not may_be(expected, form):
            name = getattr(form, "__name__", form)
            raise declaration.error(
                f"a response of status {status} becomes {name}, which the type beside ByStatus "
                "does not hold"
            )


def _parts(annotation: Any) -> tuple[Any, ...]:
    """Return the types of a union with what is noted on them, of any other the type itself."""
    if isinstance(annotation, TypeAliasType):
        return _parts(annotation.__value__)
    if get_origin(annotation) in UNIONS:
        return tuple(one for part in get_args(annotation) for one in _parts(part))
    return (annotation,)


def find_how(annotation: Any) -> How:
    """Return in which way a call gives what an annotation says."""
    return _find(annotation).how


def is_for_both(annotation: Any) -> bool:
    """Return whether an annotation says what each kind of client has a class of its own for."""
    found = _find(annotation)
    return found.how != "call" and found.is_async is None


def _check_pages(declaration: Declaration, result: Result) -> None:
    if result.how == "pages" and "max_items" in declaration.options:
        raise declaration.error("`max_items` is an option of items: let it return SyncItems")
    if result.how in ("call", "stream"):
        for name in declaration.options:
            if name in _OF_PAGES:
                raise declaration.error(
                    f"`{name}` is an option of pages: let it return SyncItems, SyncPages, "
                    "AsyncItems or AsyncPages, written with `def`"
                )
    elif declaration.options.get("pagination") is None and not (
        result.how == "pages" and _leads_on(result.form)
    ):
        raise declaration.error("`pagination` must say what leads from page to page")


def _leads_on(form: Any) -> bool:
    from ..models import PaginatedResponse

    return isinstance(form, type) and issubclass(form, PaginatedResponse)


def _find(annotation: Any) -> Result:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in _AWAITED:
        return _one_call(arguments[-1])._replace(is_async=True)
    kind: Any = origin or annotation
    if kind in _ITERATORS:
        how: How = "items"
        is_async: bool | None = _ITERATORS[kind]
    else:
        place = getattr(kind, "__module__", ""), getattr(kind, "__name__", "")
        if place not in _OWN:
            return _one_call(annotation)
        how, is_async = _OWN[place]
    form = arguments[0] if arguments else UNSET
    return Result(how, UNSET if form is Any else form, is_async=is_async)


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
                return Result("call", _of_others(form, note.types), by_status=note.types)
    return Result("call", annotation)


def _of_others(form: Any, by_status: Mapping[int, Any]) -> Any:
    """Return what a success of a status that is not named becomes: no type of errors alone."""
    of_success = [one for status, one in by_status.items() if status < 300]
    of_errors = [one for status, one in by_status.items() if status >= 300]
    only = [type(None) if one is None else one for one in of_errors if one not in of_success]
    parts = _parts(form)
    left = tuple(one for one in parts if any(inner not in only for inner in members_of(one)))
    return Union[left] if left and left != parts else form  # noqa: UP007 - as many as there are
