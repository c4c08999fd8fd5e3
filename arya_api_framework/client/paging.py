"""`Walk`: which page comes next, and when it is enough; nothing here waits or sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from typing_extensions import override
from yarl import URL

from ..errors import BodyNotReplayable, ConfigurationError
from ..models import PaginatedResponse
from ..options import UNSET, ItemOptions, PageOptions, URLPath
from ..pagination import NextPage, Page, Pagination
from .checks import check_at, check_sends_body, check_whole
from .encoding import as_pairs
from .formats import Format, find_format
from .links import absolute, check_stays
from .page_position import Position, read_state, with_placed
from .prepare import check_options, path_secrets
from .redaction import redact_url
from .response import RawResponse
from .shapes import is_mapping
from .typed_format import PartFormat, binding
from .verbs import path_text

__all__ = ["ItemWalk", "Walk"]

_WHOLE = "a page with a list"


class Walk:
    """The way through the pages, one at a time.

    Whoever walks asks `goes_on`, sends the `call` of the `position` and gives the response to
    `take`. Meanwhile it may send those of `look_ahead`.

    Attributes:
        position: Where the next page is.
        total: How many items there are, as far as the pages told.
    """

    _known = PageOptions.__optional_keys__

    def __init__(self, path: URLPath, target: Any, options: Mapping[str, Any]) -> None:
        """Check what can be checked before something is sent.

        Args:
            path: Where the first page is.
            target: What each page becomes, or each item.
            options: Those of `PageOptions` or `ItemOptions`.

        Raises:
            ConfigurationError: One can never work.
        """
        check_options(options, also=self._known)
        self._path = path
        rest: dict[str, Any] = {**options}
        self._options = rest
        check_sends_body(rest, "count what comes, of which `total` tells how many there are")
        self._method: str = rest.pop("method", "GET")
        self._pagination = _as_pagination(rest.pop("pagination", None), target)
        if self._pagination.send_in == "body" and "method" not in options:
            raise ConfigurationError(
                "what leads to the next page is sent in the body, so the method must be one that "
                'has one: give `method="POST"`'
            )
        self._at: str | None = check_at(rest.pop("at", None))
        self._pages_left = _check_most("max_pages", rest.pop("max_pages", None))
        self._most_ahead = check_whole("ahead")(None, rest.pop("ahead", 0))
        state = rest.pop("state", None)
        self._take_options(rest)
        if "raw" in rest:
            raise ConfigurationError(
                "'raw' has no place where pages are asked for: whoever wants responses asks for "
                "each page with `get`"
            )
        if "response_format" in rest:
            raise ConfigurationError(
                "'response_format' has no place where pages are asked for; give the type as the "
                "second argument, after the path"
            )
        if self._pagination.send_in == "body" and rest.get("body") is not None:
            rest["body"] = with_placed(rest["body"], {})  # To be read again, as these are.
        if rest.get("parameters") is not None:
            rest["parameters"] = as_pairs("`parameters`", rest["parameters"])
        self._format = self._compile(target)
        self.total: int | None = None
        self._seen: set[int] = set()
        self._content = 0
        self._last: tuple[Page, Position] | None = None
        self._skip = 0
        self._over = False
        self._failure: Exception | None = None
        if state is None:
            self.position = Position(None, self._pagination.first())
        else:
            self.position, self._skip, self._over = read_state(state)

    def _take_options(self, options: dict[str, Any]) -> None:
        """Take the options out that a subclass knows."""

    def _compile(self, target: Any) -> Format:
        return find_format(target)

    def goes_on(self) -> bool:
        """Return whether another page is to be asked for.

        Raises:
            PaginationError: The page before says nothing usable of the next one.
        """
        if self._pages_left == 0:
            return False
        self._decide()
        return not self._over

    @property
    def state(self) -> dict[str, Any]:
        """Where to go on, in values that JSON has."""
        self._decide()
        return self.position.written(self._skip, over=self._over)

    @property
    def title(self) -> str:
        """What is asked for, as it may be shown."""
        return f"{self._method} {redact_url(path_text(self._path))}"

    def call(self, position: Position) -> tuple[str, URLPath, dict[str, Any]]:
        """Return method, path and options of the call for a page.

        Raises:
            ConfigurationError: A call that is foreign to the client would lead to another origin.
        """
        options: dict[str, Any] = {**self._options}
        options["response_format"] = _PageFormat(self, self._format)
        if position.url is not None:
            # The URL holds it all; parameters of the client are still added.
            options.pop("parameters", None)
            # The server may have written them into it.
            options["path_secrets"] = path_secrets(options.pop("path_parameters", None))
            if options.get("foreign"):
                check_stays(path_text(self._path), position.url, self._method, "the next page")
            return self._method, position.url, options
        if position.parameters and self._pagination.send_in == "body":
            options["body"] = with_placed(options.get("body"), position.parameters)
        elif position.parameters:
            given = options.get("parameters") or ()
            kept = [(name, value) for name, value in given if name not in position.parameters]
            options["parameters"] = [*kept, *position.parameters.items()]
        return self._method, self._path, options

    def take(self, page: Page) -> Any:
        """Return what the next page became, now that it has come."""
        position = self.position
        page.parameters, page.before = position.parameters, position.before
        response = page.response
        asked = response.history[0] if response.history else response
        self._seen.add(hash(asked.request.url))
        total = self._pagination.total(page)
        self.total = self.total if total is None else total
        self._last = page, position
        self._skip = 0
        if self._pages_left is not None:
            self._pages_left -= 1
        return page.result

    def look_ahead(self) -> list[Position]:
        """Return where the pages are that may be asked for before it is their turn.

        The first is the next one; those after it are guessed from the total. If a guess is wrong,
        the page is not taken for another: what counts is always what the page before it says.
        """
        page = None if self._last is None else self._last[0]
        most = self._most_ahead and self._bound(page)
        if page is None or most <= 0:
            return []
        places: list[Position] = []
        try:
            self._decide()
            if not self._over:
                places.append(self.position)
            while places and len(places) < most:
                further = self._pagination.further(page, len(places) + 1)
                if further is None:
                    break
                places.append(Position(None, {**page.parameters, **further}))
        except Exception as error:  # noqa: BLE001 - raised when it is the turn of the next page
            self._failure = error
        return places

    def _bound(self, page: Page | None) -> int:
        """Return how many of the pages after one are needed at most."""
        left = self._pages_left
        return self._most_ahead if left is None else min(left, self._most_ahead)

    def read(self, response: RawResponse, result: Any) -> Page:
        """Return the page that a response holds.

        Args:
            response: The response.
            result: What it became.
        """
        return Page(response, result, at=self._at)

    def _decide(self) -> None:
        """Find out what comes after the page that came last."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._last is None:
            return
        (page, position), self._last = self._last, None
        self._over = True  # Whatever goes wrong here: it is not asked for again.
        step = self._pagination.next(page)
        if step is None:
            return
        asked = page.response.history[0] if page.response.history else page.response
        if not asked.request.replayable:
            error = BodyNotReplayable("the next page wants the body again, but it is an iterator")
            error.method, error.url = self._method, asked.request.shown_url
            raise error
        before = position.before + vars(page).get("count", 0)
        if isinstance(step, str | URL):
            self.position = Position(_absolute(page, str(step)), {}, before)
        elif is_mapping(step):
            self._check_content(page)
            self.position = Position(None, {**position.parameters, **step}, before)
        else:
            raise page.error(
                f"the next page must be a URL or parameters, got {type(step).__name__}"
            )
        key = hash(self.position.url or repr(self.position.parameters))
        if key in self._seen:
            raise page.error("the next page is one that came before, which would go on for ever")
        self._seen.add(key)
        self._over = False

    def _check_content(self, page: Page) -> None:
        """Refuse a page that is the one before again: the server takes no notice of parameters."""
        content = hash(page.response.content) if vars(page).get("count") else 0
        if content and content == self._content:
            raise page.error(
                "the page is the one before again; does the server know the parameters?"
            )
        self._content = content


class ItemWalk(Walk):
    """The way through the items of all pages."""

    _known = ItemOptions.__optional_keys__

    def __init__(self, path: URLPath, target: Any, options: Mapping[str, Any]) -> None:
        super().__init__(path, target, options)
        self._ready: list[Any] = []
        self._given = 0
        self._current = self.position

    @override
    def _take_options(self, options: dict[str, Any]) -> None:
        self._items_left = _check_most("max_items", options.pop("max_items", None))

    @override
    def _compile(self, target: Any) -> Format:
        items: Any = list
        items = items[Any if target is UNSET else target]
        if self._at is None:
            return find_format(items)
        try:
            return _list_format(self._at, items, repr(items))
        except TypeError:  # It has no hash, so it is not kept.
            return binding(PartFormat(self._at, items, _WHOLE))

    @override
    def goes_on(self) -> bool:
        return self._items_left != 0 and super().goes_on()

    @property
    @override
    def state(self) -> dict[str, Any]:
        if not self._ready:
            return super().state
        return self._current.written(self._given, over=False)

    def has_item(self) -> bool:
        """Return whether there is an item to be given before the next page is asked for."""
        return bool(self._ready) and self._items_left != 0

    def pop(self) -> Any:
        """Return the next item."""
        item = self._ready.pop()
        self._given += 1
        if self._items_left is not None:
            self._items_left -= 1
        return item

    @override
    def take(self, page: Page) -> Any:
        self._current, self._given = self.position, self._skip
        items = super().take(page)
        self._ready = items[self._given :][::-1]
        return items

    @override
    def _bound(self, page: Page | None) -> int:
        most = super()._bound(page)
        if self._items_left is None or page is None:
            return most
        missing = self._items_left - len(self._ready)
        return min(most, -(-missing // max(page.count, 1)))

    @override
    def read(self, response: RawResponse, result: Any) -> Page:
        page = super().read(response, result)
        page.count = len(result)
        return page


class _PageFormat(Format):
    """What the call for a page returns: the `Page`, which has the response with it."""

    def __init__(self, walk: Walk, target: Format) -> None:
        self.name = target.name
        self.is_json = target.is_json
        self._walk = walk
        self._target = target

    @override
    def parse(self, response: RawResponse) -> Page:
        return self._walk.read(response, self._target.parse(response))


@lru_cache(maxsize=256)
def _list_format(at: str, items: Any, _: str) -> Format:
    """Return the format of a list, compiled once; the text tells unions apart, as their order."""
    return binding(PartFormat(at, items, _WHOLE))


class _Function(Pagination):
    """A function of the user's."""

    def __init__(self, function: Callable[[Page], NextPage]) -> None:
        self._function = function

    @override
    def next(self, page: Page) -> NextPage:
        return self._function(page)


class _Model(Pagination):
    """A model that knows the next page."""

    def __init__(self, model: type[PaginatedResponse]) -> None:
        self._model = model

    @override
    def next(self, page: Page) -> NextPage:
        result = page.result
        if not isinstance(result, self._model):
            result = page.response.parse(self._model)
        step: NextPage = result.next() if result.is_paginating() else None
        return step


def _as_pagination(value: Any, target: Any) -> Pagination:
    """Return the strategy that is meant."""
    if isinstance(value, Pagination):
        return value
    model = target if value is None else value
    if isinstance(model, type):
        if issubclass(model, PaginatedResponse):
            return _Model(model)
    elif callable(value):
        function: Any = value
        return _Function(function)
    raise ConfigurationError(
        "pagination must be a strategy such as LinkHeader(), a PaginatedResponse class or a "
        f"function, got {value!r}"
    )


def _check_most(name: str, value: Any) -> int | None:
    return None if value is None else check_whole(name)(None, value)


def _absolute(page: Page, link: str) -> str:
    try:
        return absolute(page.response, link)
    except ValueError as error:
        raise page.error(f"the next page is no http URL: {redact_url(link)!r}") from error
