"""Pages of json-server, whose way with `Link` many APIs have."""

from collections.abc import Iterator

import pytest

from arya_api_framework import LinkHeader, PageNumber, Pagination, Response
from tests.conftest import Kind
from tests.counterparts import json_server
from tests.resources import make_post


class Post(Response):
    """What json-server is given."""

    id: int
    title: str


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """The origin of a json-server with a hundred posts."""
    with json_server([make_post(number) for number in range(1, 101)]) as url:
        yield url


@pytest.mark.parametrize("ahead", [0, 4])
@pytest.mark.parametrize(
    "pagination",
    [
        LinkHeader(total="X-Total-Count"),
        PageNumber("_page", size=30, size_parameter="_limit", total_header="X-Total-Count"),
    ],
)
async def test_pages(kind: Kind, origin: str, pagination: Pagination, ahead: int) -> None:
    """All its items come, in order, whichever of its ways is taken."""
    posts = kind.client(origin).items(
        "/posts",
        Post,
        pagination=pagination,
        parameters={"_page": 1, "_limit": 30},
        ahead=ahead,
    )
    if kind.is_async:
        found = [post async for post in posts]
    else:
        found = await kind.call(list, posts)
    assert [post.id for post in found] == list(range(1, 101))
    assert posts.total == 100
    # Of the last page, json-server says where the ones before are.
    assert [post.model_response.url.query["_page"] for post in found[::30]] == ["1", "2", "3", "4"]
