"""`Outcome`: what became of one of many calls, told with its input."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Outcome"]

Input_co = TypeVar("Input_co", covariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class Outcome(Generic[Input_co, Result_co]):
    """What became of a call of `map` with `on_error="collect"`.

    Its text shows neither input nor result, which may hold what is secret.

    Example:
        >>> Outcome(0, "ann", {"id": 1}).result
        {'id': 1}
    """

    __slots__ = ("_error", "_index", "_input", "_result")
    __match_args__ = ("input", "error")

    def __init__(
        self, index: int, input: Input_co, result: Result_co, error: Exception | None = None
    ) -> None:
        self._index = index
        self._input = input
        self._result = result
        self._error = error

    @property
    def index(self) -> int:
        """The place of its input among the inputs, from 0."""
        return self._index

    @property
    def input(self) -> Input_co:
        """What the function was given; where there is no function, the call itself."""
        return self._input

    @property
    def error(self) -> Exception | None:
        """What the call raised; `None` where it has a result, which may be `None` too."""
        return self._error

    @property
    def result(self) -> Result_co:
        """What the call returned.

        Raises:
            Exception: The error of the call, where it has one.
        """
        if self._error is not None:
            raise self._error
        return self._result

    def __repr__(self) -> str:
        state = "done" if self._error is None else type(self._error).__name__
        return f"<Outcome {self._index} {state}>"
