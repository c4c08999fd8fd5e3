"""One declaration on both kinds of client, and a server that keeps what was sent."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest

from tests.conftest import Kind
from tests.scripted import Scripted

Mount: TypeAlias = Callable[..., Any]


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    """A server that answers everything with 200 and `{}`, if its script does not say otherwise."""
    async with Scripted() as server:
        yield server


@pytest.fixture
def mount(kind: Kind) -> Mount:
    """Make a client of one kind of a class of shared endpoints."""

    def mounted(api: type[Any], uri: str, **options: Any) -> Any:
        made: Any = type(api.__name__, (api, kind.base), {})
        client = made(uri, **{"retry": None, **options})
        kind.wrap(client)
        return client

    return mounted
