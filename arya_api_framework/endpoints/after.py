"""`After`: what follows the call of an endpoint, before its result is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import HTTPError

if TYPE_CHECKING:
    from .declare import Declaration
    from .results import Result

__all__ = ["After"]


class After:
    """What follows a call: statuses that are no errors here, and the body of the method.

    Args:
        declaration: That of the endpoint.
        result: What the response becomes.
        node: The client or sub-client.
        args: The arguments that were given by position.
        named: Those that were given by name.

    Attributes:
        is_awaited: Whether the method is to be awaited.
    """

    __slots__ = ("_args", "_declaration", "_named", "_node", "_result", "is_awaited")

    def __init__(
        self,
        declaration: Declaration,
        result: Result,
        node: Any,
        args: tuple[Any, ...],
        named: dict[str, Any],
    ) -> None:
        self._declaration = declaration
        self._result = result
        self._node = node
        self._args = args
        self._named = named
        self.is_awaited = declaration.is_async

    @property
    def runs_function(self) -> bool:
        """Whether the method has a body of its own."""
        return self._declaration.result_name is not None

    def of_error(self, error: HTTPError) -> Any:
        """Return what an error status becomes, if it is one that is returned.

        Raises:
            HTTPError: It is an error here, too, or its body is not of the type.
        """
        by_status = self._result.by_status or {}
        if error.status_code not in by_status or error.body_error is not None:
            raise error
        return error.response

    def run_function(self, result: Any) -> Any:
        """Run the body of the method, and return what it returns, or an awaitable of it."""
        name = self._declaration.result_name
        return self._declaration.function(
            self._node, *self._args, **{**self._named, str(name): result}
        )
