"""Which arguments and results of endpoints are refused, and which look alike and are fine."""

# ruff: noqa: D103
# mypy: disable-error-code="empty-body"

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Annotated, Any, Generic, NewType, TypeVar

import pytest
from pydantic import Field

from arya_api_framework import (
    BaseModel,
    LinkHeader,
    SubClient,
    SyncClient,
    SyncPages,
    SyncSubClient,
    endpoint,
    shared,
)
from arya_api_framework.endpoints import Body, ByStatus, Cookie, Form, Header, Part, Path, Query
from arya_api_framework.endpoints.markers import Marker
from arya_api_framework.errors import ConfigurationError
from tests.endpoints.test_declarations import Declare, client

M = TypeVar("M", bound=BaseModel)

Lists = NewType("Lists", list[list[int]])


class User(BaseModel):
    """A model."""

    name: str


class Problem(BaseModel):
    """Another."""


class Odd:
    """What pydantic knows nothing of."""


def plain(self: Any) -> int: ...
def piped(self: Any, a: Annotated[int, Query(style="pipeDelimited")]) -> int: ...
def whole_form(self: Any, a: Annotated[User, Form(alias="x")]) -> int: ...
def header_of_objects(self: Any, a: Annotated[list[User], Header]) -> int: ...
def header_of_lists(self: Any, a: Annotated[list[list[int]], Header]) -> int: ...
def object_header(self: Any, a: Annotated[User, Header(alias="X Y")]) -> int: ...
def path_of_objects(self: Any, id: list[User]) -> int: ...
def path_of_lists(self: Any, id: list[list[int]]) -> int: ...
def with_id(self: Any, id: int) -> int: ...
def set_of_objects(self: Any, a: AbstractSet[User]) -> int: ...
def named_lists(self: Any, a: Lists) -> int: ...
def bytes_or_none(self: Any, body: bytes | None) -> int: ...
def bytes_that_change(self: Any, body: bytearray) -> int: ...
def either(self: Any, a: list[User] | int) -> int: ...
def marker_itself(self: Any, a: Annotated[int, Marker]) -> int: ...
def marker_made(self: Any, a: Annotated[int, Marker()]) -> int: ...
def least_length(self: Any, a: Annotated[int, Query(min_length=1)]) -> int: ...
def least(self: Any, a: Annotated[str, Query(ge=1)]) -> int: ...
def greater(self: Any, a: Annotated[str, Query(gt=1)]) -> int: ...
def own_and_ours(
    self: Any, a: Annotated[str, Field(discriminator="kind"), Query(max_length=5)]
) -> int: ...
def odd_values(self: Any, a: Annotated[dict[str, Odd], Body]) -> int: ...
def a_class(self: Any, a: type[int]) -> int: ...
def an_iterator(self: Any, a: Iterator[int]) -> int: ...
def odd_status(self: Any) -> Annotated[Any, ByStatus({404: Odd})]: ...
def marked(self: Any) -> Annotated[User, Query(le=3)]: ...
def far_inside(
    self: Any,
) -> list[Annotated[list[Annotated[User | Problem, ByStatus({404: Problem})]], "x"]]: ...
def no_page(self: Any) -> SyncPages[User]: ...


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: client()(piped), "piped: 'a' has style='pipeDelimited', which is for lists and o"),
        (
            lambda: client(method="post")(whole_form),
            "whole_form: the fields of 'a' are sent under their own names; leave out alias='x'",
        ),
        (
            lambda: client()(header_of_objects),
            r"header_of_objects: 'a' is a list of objects, which no header can hold",
        ),
        (
            lambda: client()(header_of_lists),
            "header_of_lists: 'a' is a list of lists, which no header can hold",
        ),
        (lambda: client()(object_header), "object_header: header name 'X Y' is no token"),
        (
            lambda: client(path="/{id}")(path_of_objects),
            "path_of_objects: 'id' is a list of objects, which no path can hold",
        ),
        (
            lambda: client(path="/{id}")(path_of_lists),
            "path_of_lists: 'id' is a list of lists, which no path can hold",
        ),
        (lambda: client(path="/:id/x")(with_id), "with_id: the path '/:id/x' has ':id'; write"),
        (lambda: client()(set_of_objects), "set_of_objects: 'a' is a list of objects, which no qu"),
        (lambda: client()(named_lists), "named_lists: 'a' is a list of lists, which no query"),
        (lambda: client(method="post")(bytes_or_none), "bytes_or_none: 'body' is bytes, which"),
        (
            lambda: client(method="post")(bytes_that_change),
            "bytes_that_change: 'body' is bytes, which",
        ),
        (lambda: client(method="post")(either), "either: 'a' may be the body or a part of the q"),
        (lambda: client()(marker_itself), "marker_itself: 'a' is marked as Marker, which says no"),
        (lambda: client()(marker_made), "marker_made: 'a' is marked as Marker, which says no"),
        (lambda: client()(least_length), "least_length: 'a' has min_length=1, which is for text"),
        (lambda: client()(least), "least: 'a' has ge=1, which is for numbers"),
        (lambda: client()(greater), "greater: 'a' has gt=1, which is for numbers"),
        (lambda: client()(own_and_ours), "own_and_ours: 'a' is of a type that cannot be checked"),
        (lambda: client(method="post")(odd_values), "odd_values: 'a' is of a type that cannot be"),
        (lambda: client()(a_class), "a_class: 'a' is of a type that no request or response can"),
        (lambda: client()(an_iterator), "an_iterator: 'a' is of a type that no request or respo"),
        (lambda: client()(odd_status), "odd_status: what it returns is of a type that cannot be"),
        (lambda: client()(marked), "marked: what it returns is marked as Query"),
        (lambda: client()(far_inside), "far_inside: ByStatus is inside of the type"),
        (lambda: client()(no_page), "no_page: `pagination` must say what leads from page to page"),
        *[
            (
                lambda name=name, value=value: client(**{name: value})(plain),
                f"plain: `{name}` is an option of pages: let it return SyncItems",
            )
            for name, value in {
                "pagination": LinkHeader(),
                "at": "data",
                "max_items": 3,
                "max_pages": 3,
                "ahead": 1,
            }.items()
        ],
    ],
)
def test_what_is_refused(declare: Declare, said: str) -> None:
    """The error comes with the class, and names the method."""
    with pytest.raises(ConfigurationError, match=f"^endpoint {said}"):
        declare()


def test_what_is_fine() -> None:
    """None of these is refused."""

    class Api(SyncClient):
        @endpoint.get("/:idle/{id}")
        def colons(self, id: int) -> int: ...

        @endpoint.get("/a")
        def anything(
            self,
            a: Annotated[Any, Query(style="deepObject")],
            b: Annotated[Any, Cookie],
            c: Annotated[Any, Query(le=3)],
            d: Annotated[Decimal, Query(le=3)],
            e: Annotated[list[int], Query(style="pipeDelimited")],
        ) -> int: ...

        @endpoint.post("/a")
        def as_it_is(self, a: Annotated[Odd, Body(raw=True)]) -> int: ...

        @endpoint.post("/a")
        def of_parts(self, a: Annotated[Odd, Part]) -> int: ...

        @endpoint.post("/a")
        def bytes_as_they_are(self, body: Annotated[bytes, Body(raw=True)]) -> int: ...

        @endpoint.get("/a")
        def sequence(self, a: Sequence[int] | None = None) -> int: ...

    assert len(Api.endpoints) == 6


def test_bounds_of_type_variables() -> None:
    """An argument of a type that must be a model is one, in a class that leaves it open."""
    with pytest.raises(ConfigurationError, match="replace: 'old' and 'new' are both the body"):

        class Crud(SubClient, Generic[M]):
            @shared
            @endpoint.post("/")
            def replace(self, old: M, new: M) -> M: ...


def test_paths_above() -> None:
    """Only above a sub-client may there be a field for an argument of the path."""

    class Mixin:
        @endpoint.get("/{id}")
        def one(self, org: Annotated[str, Path], id: int) -> Any: ...

    class Part(Mixin, SyncSubClient):
        """Its path may stand below `/{org}`."""

    assert list(Part.endpoints) == ["one"]
    with pytest.raises(ConfigurationError, match=r"'org' is marked as Path, and '/\{id\}' has no"):
        type("Made", (Mixin, SyncClient), {})
