"""Wait for a long-running operation: a call for each time that it is asked how it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ..errors import FrameworkException
from ..rate_limit.async_wait import sleep

if TYPE_CHECKING:
    from .origins import Origins
    from .waiting import Waiting

__all__ = ["wait"]


async def wait(
    waiting: Waiting,
    request: Callable[..., Awaitable[Any]],
    origins: Origins,
    limit: float | None,
    own_names: set[str],
) -> Any:
    """Return the result of an operation when it is over.

    Args:
        waiting: What is waited for.
        request: Makes a call.
        origins: Those of the client, with the budgets around it.
        limit: The `deadline` of the client.
        own_names: The parameters that it sends with every request.
    """
    waiting.begin(limit, own_names)
    while not waiting.over:
        seconds = waiting.pause(origins)
        if seconds > 0:
            await sleep(seconds)
        try:
            poll = await request(*waiting.call())
        except FrameworkException as error:
            reason = waiting.explain(error)
            if reason is error:
                raise
            if reason is not None:
                raise reason from error
        else:
            waiting.take(poll)
    return waiting.result
