"""How one page of a list leads to the next: the strategies of `client.pages` and `client.items`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from typing_extensions import override
from yarl import URL

from .client.json_place import find_at, is_place
from .client.link_header import find_link
from .client.shapes import is_sequence
from .errors import ConfigurationError, PaginationError
from .options import shown, strict

if TYPE_CHECKING:
    from .client.response import RawResponse

__all__ = [
    "Cursor",
    "LinkHeader",
    "NextPage",
    "NextURL",
    "Offset",
    "Page",
    "PageNumber",
    "Pagination",
]

NextPage: TypeAlias = str | URL | Mapping[str, Any] | None
"""What leads to the next page: its URL, or parameters of the query; `None` after the last page."""

SendIn: TypeAlias = Literal["query", "body"]
"""Where parameters are sent: in the query, or in the JSON body, at places such as `"page.after"`.

A place of the body is made where it is not there."""


class Page:
    """One page, as a strategy sees it.

    Attributes:
        response: The page as it came.
        result: What it became: that of `pages`, or the list of `items`.
        parameters: What the strategy put into the query, or into the body, for it.
        before: How many items came before it, as far as they were counted.
    """

    def __init__(
        self,
        response: RawResponse,
        result: Any = None,
        *,
        at: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        before: int = 0,
    ) -> None:
        self.response = response
        self.result = result
        self.parameters = parameters or {}
        self.before = before
        self._at = at

    @cached_property
    def body(self) -> Any:
        """The content, parsed from JSON."""
        return self.response.json()

    def find(self, place: str) -> Any:
        r"""Return what stands at a place of the body, such as `"meta.next"`, `None` for nothing.

        A number is a place in a list, as in `"hits.-1.sort"`. A dot that is part of a name is
        written `\.`, which is needed only where the name is not the whole of the rest.
        """
        return find_at(self.body, place)

    @cached_property
    def count(self) -> int:
        """How many items it holds.

        Raises:
            PaginationError: There is no list where `at` says.
        """
        items = self.body if self._at is None else self.find(self._at)
        if not is_sequence(items):
            where = "as the whole of it" if self._at is None else f"at {self._at!r}"
            raise self.error(f"the page has no list {where}; `at` says where it stands")
        return len(items)

    def error(self, text: str) -> PaginationError:
        """Return the error that says what is wrong with this page."""
        request = self.response.request
        error = PaginationError(f"{request.method} {request.shown_url}: {text}")
        error.method, error.url = request.method, request.shown_url
        return error


class Pagination(ABC):
    """How one page leads to the next.

    Subclass it, or give a function that does what `next` does.

    Attributes:
        send_in: Where parameters are sent: `"query"` or `"body"`.

    Example:
        >>> class Token(Pagination):
        ...     def next(self, page: Page) -> NextPage:
        ...         token = page.find("next_token")
        ...         return None if token is None else {"token": token}
    """

    send_in: SendIn = "query"

    def first(self) -> Mapping[str, Any]:
        """Return the parameters that ask for the first page."""
        return {}

    @abstractmethod
    def next(self, page: Page) -> NextPage:
        """Return what leads to the page after this one, `None` where it is the last."""

    def total(self, page: Page) -> int | None:
        """Return how many items all pages hold together, `None` where the page does not say."""
        return None

    def further(self, page: Page, steps: int) -> Mapping[str, Any] | None:
        """Return what leads so many pages on, as `next` does one.

        It may be a guess, by which pages are asked for ahead; `None` is none, or past the end.
        """
        return None


@strict
@shown
class LinkHeader(Pagination):
    """The next page is the link `rel="next"` of the `Link` header (RFC 8288).

    A page without one is the last.

    Args:
        total: The header field that tells how many items there are, such as `"X-Total-Count"`.
    """

    def __init__(self, *, total: str | None = None) -> None:
        self._total = _check_name("total", total)

    @override
    def next(self, page: Page) -> NextPage:
        try:
            return find_link(page.response.headers.getall("Link", ()), "next")
        except ValueError as error:
            raise page.error("the Link header cannot be read (RFC 8288)") from error

    @override
    def total(self, page: Page) -> int | None:
        return None if self._total is None else _number(page.response.headers.get(self._total))


class _InBody(Pagination):
    """A strategy whose total stands in the body, or in a header field."""

    def __init__(self, total: str | None, total_header: str | None) -> None:
        self._total = _check_name("total", total)
        self._total_header = _check_name("total_header", total_header)

    @override
    def total(self, page: Page) -> int | None:
        if self._total_header is not None:
            return _number(page.response.headers.get(self._total_header))
        return None if self._total is None else _number(page.find(self._total))

    def _is_last(self, page: Page) -> bool:
        """Return whether there is nothing after a page: it is empty, or the total is reached."""
        total = self.total(page)
        return not page.count or (total is not None and page.before + page.count >= total)

    def _reaches(self, page: Page, steps: int) -> bool:
        """Return whether there is a page so many steps on, if all are as long as this one."""
        return page.before + steps * page.count < (self.total(page) or 0)


@strict
@shown
class NextURL(_InBody):
    """The next page is a URL in the body.

    Args:
        at: Where it stands, such as `"links.next"`; there is none on the last page.
        total: Where in the body it says how many items there are.
        total_header: Or which header field does.
    """

    def __init__(
        self, at: str = "next", *, total: str | None = None, total_header: str | None = None
    ) -> None:
        super().__init__(total, total_header)
        self._at = _check_name("at", at)

    @override
    def next(self, page: Page) -> NextPage:
        url = page.find(self._at or "")
        if url is not None and not isinstance(url, str):
            raise page.error(f"{self._at!r} must be a URL, got {type(url).__name__}")
        return url or None


@strict
@shown
class Cursor(_InBody):
    """The next page is asked for by a value that this one gives.

    Args:
        parameter: The parameter of the query that takes it, or the place of the body.
        at: Where in the body it stands; there is none on the last page.
        header: Or in which header field.
        more: Where in the body it says whether there are more pages.
        send_in: `"body"` to send it in the JSON body, where it may be any JSON but true or false.
        total: Where in the body it says how many items there are.
        total_header: Or which header field does.

    Example:
        >>> notion = Cursor("start_cursor", more="has_more", send_in="body")
        >>> elasticsearch = Cursor("search_after", at="hits.hits.-1.sort", send_in="body")
    """

    def __init__(
        self,
        parameter: str = "cursor",
        *,
        at: str = "next_cursor",
        header: str | None = None,
        more: str | None = None,
        send_in: SendIn = "query",
        total: str | None = None,
        total_header: str | None = None,
    ) -> None:
        super().__init__(total, total_header)
        self.send_in: SendIn = _check_send_in(send_in, parameter)
        self._parameter = _check_name("parameter", parameter) or ""
        self._at = _check_name("at", at) or ""
        self._header = _check_name("header", header)
        self._more = _check_name("more", more)

    @override
    def next(self, page: Page) -> NextPage:
        if self._more is not None and not page.find(self._more):
            return None
        if self._header is not None:
            cursor: Any = page.response.headers.get(self._header)
        else:
            cursor = page.find(self._at)
        if cursor is None or cursor == "" or (self.send_in == "body" and cursor in ([], {})):
            if self._more is None:
                return None
            raise page.error("there are more pages, but it has no cursor to the next one")
        is_sent_as_text = self.send_in == "query" and not isinstance(cursor, str | int)
        if is_sent_as_text or isinstance(cursor, bool):
            raise page.error(f"a cursor must be text or a number, got {type(cursor).__name__}")
        return {self._parameter: cursor}


@strict
@shown
class PageNumber(_InBody):
    """Pages have numbers.

    The last one is that which reaches the total; where no total is told, it is the one before the
    first empty one.

    Args:
        parameter: The parameter of the query that takes the number, or the place of the body.
        start: The number of the first page.
        size: How many items to ask for with each page.
        size_parameter: The parameter that takes the size.
        send_in: `"body"` to send both in the JSON body.
        total: Where in the body it says how many items there are.
        total_header: Or which header field does.
        total_pages: Or where in the body it says how many pages there are.
    """

    def __init__(
        self,
        parameter: str = "page",
        *,
        start: int = 1,
        size: int | None = None,
        size_parameter: str = "per_page",
        send_in: SendIn = "query",
        total: str | None = None,
        total_header: str | None = None,
        total_pages: str | None = None,
    ) -> None:
        super().__init__(total, total_header)
        self.send_in: SendIn = _check_send_in(send_in, parameter, size_parameter)
        self._parameter = _check_name("parameter", parameter) or ""
        self._start = _check_whole("start", start)
        self._size = _sized(size_parameter, size)
        self._total_pages = _check_name("total_pages", total_pages)

    @override
    def first(self) -> Mapping[str, Any]:
        return {self._parameter: self._start, **self._size}

    @override
    def next(self, page: Page) -> NextPage:
        number = _sent(page, self._parameter)
        if self._total_pages is not None:
            pages = _number(page.find(self._total_pages))
            if pages is not None and number - self._start + 1 >= pages:
                return None
        return None if self._is_last(page) else {self._parameter: number + 1}

    @override
    def further(self, page: Page, steps: int) -> Mapping[str, Any] | None:
        number = _sent(page, self._parameter) + steps
        if self._total_pages is not None:
            pages = _number(page.find(self._total_pages))
            return None if number - self._start >= (pages or 0) else {self._parameter: number}
        return {self._parameter: number} if self._reaches(page, steps) else None


@strict
@shown
class Offset(_InBody):
    """A page begins after so many items.

    The next page begins after the items that came, however many were asked for. The last one is
    that which reaches the total; where no total is told, it is the one before the first empty one.

    Args:
        parameter: The parameter of the query that takes how many items come before, or the place of
            the body.
        limit: How many items to ask for with each page.
        limit_parameter: The parameter that takes the limit.
        send_in: `"body"` to send both in the JSON body.
        total: Where in the body it says how many items there are.
        total_header: Or which header field does.
    """

    def __init__(
        self,
        parameter: str = "offset",
        *,
        limit: int | None = None,
        limit_parameter: str = "limit",
        send_in: SendIn = "query",
        total: str | None = None,
        total_header: str | None = None,
    ) -> None:
        super().__init__(total, total_header)
        self.send_in: SendIn = _check_send_in(send_in, parameter, limit_parameter)
        self._parameter = _check_name("parameter", parameter) or ""
        self._size = _sized(limit_parameter, limit)

    @override
    def first(self) -> Mapping[str, Any]:
        return {self._parameter: 0, **self._size}

    @override
    def next(self, page: Page) -> NextPage:
        if self._is_last(page):
            return None
        return {self._parameter: _sent(page, self._parameter) + page.count}

    @override
    def further(self, page: Page, steps: int) -> Mapping[str, Any] | None:
        offset = _sent(page, self._parameter) + steps * page.count
        return {self._parameter: offset} if self._reaches(page, steps) else None


def _sent(page: Page, parameter: str) -> int:
    """Return the number that was sent for a page."""
    number = page.parameters.get(parameter)
    if isinstance(number, int):
        return number
    raise ConfigurationError(f"the state to go on from has no number for {parameter!r}")


def _number(value: object) -> int | None:
    """Return a total, `None` for what is none."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value


def _check_name(what: str, name: Any) -> str | None:
    if name is not None and not (isinstance(name, str) and name):
        raise ConfigurationError(f"{what} must be text that is not empty, got {name!r}")
    return name


def _check_send_in(send_in: Any, *parameters: Any) -> SendIn:
    if send_in not in ("query", "body"):
        raise ConfigurationError(f"send_in must be 'query' or 'body', got {send_in!r}")
    for name in parameters:
        if send_in == "body" and not is_place(name):
            raise ConfigurationError(
                f"a place of the body must be a name, or names joined by dots, got {name!r}"
            )
    found: SendIn = send_in
    return found


def _check_whole(what: str, value: Any, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{what} must be a whole number of {least} or more, got {value!r}")
    return value


def _sized(parameter: str, size: int | None) -> dict[str, int]:
    if size is None:
        return {}
    return {
        _check_name("the parameter of the size", parameter) or "": _check_whole("size", size, 1)
    }
