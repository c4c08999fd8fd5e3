"""The strategies of pagination: what they take, and how the `Link` header is read."""

from functools import partial
from typing import Any

import pytest

from arya_api_framework import (
    Cursor,
    DoneFlag,
    LinkHeader,
    NextExpectedRanges,
    NextURL,
    Offset,
    PageNumber,
    RangeProtocol,
    StatusCode,
    StatusField,
)
from arya_api_framework.client.link_header import find_link
from arya_api_framework.errors import ConfigurationError

loose: Any = partial  # Type checkers know the arguments, too.

NEXT = [
    ([], None),
    ([""], None),
    ([" , "], None),
    (['</a>; rel="next"'], "/a"),
    (["</a>;rel=next"], "/a"),
    (["</a> ; REL = NEXT ;"], "/a"),
    (['<>; rel="next"'], ""),
    (["</a>"], None),
    (["</a>; rel"], None),
    (['</a>; rel="prev"'], None),
    (['</a>; rel="next"; rel="prev"'], "/a"),
    (['</a>; rel="prev"; rel="next"'], None),
    (['</a>; rel="last next"'], "/a"),
    (['</a>; rel="nextpage"'], None),
    (['</a>; rel="prev", </b?x=1,2;3>; rel="next"'], "/b?x=1,2;3"),
    (['</a>; rel="prev"', "</b>; rel=next"], "/b"),
    ([r'</a>; title="a, \"b\" <c>; rel=next"; rel="next"'], "/a"),
    (["</a>; title*=UTF-8''a%20b; rel=\"next\""], "/a"),
    (['</a>; rel="next"; anchor="/else", </b>; rel=next'], "/b"),
    (['</a>; rel="next", ,</b>; rel="next",'], "/a"),
    (['<https://api.test/a>; rel="next" , </b>'], "https://api.test/a"),
]


@pytest.mark.parametrize(("fields", "target"), NEXT)
def test_links(fields: list[str], target: str | None) -> None:
    """The next link is found in any spelling that the RFC allows."""
    assert find_link(fields, "next") == target


@pytest.mark.parametrize(
    "field",
    ["/a; rel=next", "</a", '</a>; rel="next', "</a> rel=next", "</a>; rel=next </b>", "x, </a>"],
)
def test_broken_links(field: str) -> None:
    """What is no list of links is said to be none."""
    with pytest.raises(ValueError, match="no"):
        find_link([field], "next")


@pytest.mark.parametrize(
    "make",
    [
        lambda: LinkHeader(total=""),
        lambda: NextURL(5),  # type: ignore[arg-type]
        lambda: NextURL(total=""),
        lambda: Cursor(""),
        lambda: Cursor(header=""),
        lambda: PageNumber(start=-1),
        lambda: PageNumber(start=True),
        lambda: PageNumber(size=0),
        lambda: PageNumber(size=5, size_parameter=""),
        lambda: Cursor(send_in="header"),  # type: ignore[arg-type]
        lambda: Cursor("a..b", send_in="body"),
        lambda: PageNumber(size_parameter=".", send_in="body"),
        lambda: Offset("", send_in="body"),
        lambda: Offset(limit="5"),  # type: ignore[arg-type]
        lambda: Offset(total_header=b"a"),  # type: ignore[arg-type]
    ],
)
def test_what_a_strategy_refuses(make: Any) -> None:
    """An argument that can never work is refused where it is given."""
    with pytest.raises(ConfigurationError, match="must be"):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (loose(PageNumber, page_size=5), "PageNumber .* 'page_size'; did you mean 'size'"),
        (loose(Offset, page_size=5), "did you mean 'limit'"),
        (loose(Cursor, att="a"), "did you mean 'at'"),
        (loose(NextURL, "a", "b"), "NextURL: too many positional"),
        (loose(LinkHeader, "X-Total"), "LinkHeader: too many positional"),
        (loose(StatusField, finished=["ok"]), "StatusField .* did you mean 'done'"),
        (loose(DoneFlag, "a", "b"), "DoneFlag: too many positional"),
        (loose(StatusCode, 404), "StatusCode: too many positional"),
        (loose(RangeProtocol, ask=False), "RangeProtocol .* did you mean 'asks'"),
        (loose(NextExpectedRanges, name="a"), "it takes at"),
    ],
)
def test_arguments_that_there_are_not(make: Any, text: str) -> None:
    """The error is one of the framework's, and says which there are."""
    with pytest.raises(ConfigurationError, match=text):
        make()


def test_their_texts() -> None:
    """They are shown as they were made."""

    class Own(Cursor):
        """One that takes arguments of its own."""

        def __init__(self, secret: str) -> None:
            super().__init__(secret)

    assert repr(Cursor("after", more="m")) == "Cursor('after', more='m')"
    assert repr(StatusCode(done=404)) == "StatusCode(done=404)"
    assert repr(RangeProtocol()) == "RangeProtocol()"
    assert "s3cret" not in repr(Own("s3cret"))
    assert "Own object" in repr(Own("s3cret"))
