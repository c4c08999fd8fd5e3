"""`Batch`: the calls of a map: which of them may be begun, and whose result is given next.

Nothing here calls, waits or takes an input: that is done by the workers, in threads or in tasks.
There is no lock: only the thread that reads the results comes here.
"""

from __future__ import annotations

import warnings
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ..client.checks import check_callback, check_progress, near_miss
from ..client.forgotten import find_caller
from ..errors import BudgetExhausted, ClientClosedError, ConfigurationError
from ..options import UNSET, MapOptions, Unset
from .calls import (
    check_calls,
    check_concurrency,
    check_on_error,
    check_ordered,
    length_of,
)
from .outcome import Outcome

if TYPE_CHECKING:
    from ..client.base import BaseClient
    from ..progress import Bar

__all__ = ["Batch"]

_CONCURRENCY = 10
"""A tenth of the connections that a client has; threads and servers bear it."""

_AHEAD = 2
"""How many times `concurrency` calls are begun at most before the result of the first is taken."""

_OPTIONS = MapOptions.__optional_keys__ | {"on_error"}


class _Ended(NamedTuple):
    """A call that has ended.

    Attributes:
        number: Its place among the calls.
        given: What the function was given.
        result: What it returned.
        error: What it raised.
        raises: Whether the error is raised, not collected.
    """

    number: int
    given: Any
    result: Any
    error: BaseException | None
    raises: bool


class Batch:
    """The state of a map.

    Args:
        calls: The function, or the calls where there are no inputs.
        inputs: The inputs of the function.
        options: See `MapOptions`.

    Attributes:
        function: What is called with each input.
        takes_calls: Whether the inputs are calls themselves.
        inputs: Where the inputs come from.
        begun: How many calls were begun.
        ended: How many of them have ended.
        is_over: Whether no further call is begun.
        is_read: Whether somebody has read the results, or closed them.
        client: The client whose map it is.
    """

    def __init__(self, calls: Any, inputs: Any, options: Mapping[str, Any]) -> None:
        for name in options:
            if name not in _OPTIONS:
                raise ConfigurationError(
                    f"map got an unknown option {name!r}{near_miss(name, _OPTIONS)}"
                )
        self.function, self.inputs = check_calls(calls, inputs)
        self.takes_calls = isinstance(inputs, Unset)
        self._concurrency = check_concurrency(options.get("concurrency", _CONCURRENCY))
        self._is_ordered = check_ordered(options.get("ordered", True))
        self._collects = check_on_error(options.get("on_error", "raise"))
        self._on_progress = check_callback("on_progress of map", options.get("on_progress"))
        self._progress = check_progress(options.get("progress"))
        self._made_at = find_caller()
        self._finalizers: list[weakref.finalize[..., Any]] = []
        self._bar: Bar | None = None
        self._reported = 0
        self._total: int | Unset | None = UNSET
        self.begun = 0
        self.ended = 0
        self._taken = 0
        self._ready: deque[_Ended] = deque()
        self._early: dict[int, _Ended] = {}
        self._failure: BaseException | None = None
        self.is_over = False
        self.is_read = False
        self.client: BaseClient | None = None

    @property
    def total(self) -> int | None:
        """How many calls there are, `None` where nobody knows."""
        total = self._total
        if isinstance(total, Unset):  # Asked for no sooner: a query may be made for it.
            total = self._total = length_of(self.inputs)
        return total

    def open(self) -> None:
        """Begin to be read."""
        self.is_read = True
        if self._progress:
            from ..progress import open_bar

            self._bar = open_bar(self._progress, "calls", self.total, "it")

    def wants_call(self) -> bool:
        """Return whether one more call may be begun."""
        return (
            not self.is_over
            and self.begun - self.ended < self._concurrency
            and self.begun - self._taken < self._concurrency * _AHEAD
        )

    def begin(self) -> int:
        """Count a call that is begun, and return its number."""
        number = self.begun
        self.begun += 1
        return number

    def exhaust(self, failure: BaseException | None = None) -> None:
        """Begin no further call: there is no input, or asking for one has failed."""
        self.is_over = True
        self._failure = self._failure or failure

    def end(
        self,
        number: int,
        given: Any,
        result: Any,
        error: BaseException | None,
        is_misused: bool = False,
    ) -> None:
        """Take what became of a call.

        Args:
            number: The number of the call.
            given: What the function was given.
            result: What it returned.
            error: What it raised.
            is_misused: Whether the error is that it is no call.
        """
        self.ended += 1
        raises = False
        if error is not None:
            ends_all = self._ends_all(error)
            raises = ends_all or is_misused or not self._collects
            raises = raises or not isinstance(error, Exception)
            self.is_over = self.is_over or raises
            if ends_all and not self._is_ordered:
                # What those bring that are under way comes before it.
                self._taken += 1
                self.exhaust(error)
                return
        ended = _Ended(number, given, result, error, raises)
        if self._is_ordered and number != self._taken:
            self._early[number] = ended
        else:
            self._ready.append(ended)

    def has_result(self) -> bool:
        """Return whether there is something to be given."""
        return bool(self._ready)

    def pop(self) -> Any:
        """Return the next result, or what became of it, or raise what ends the map."""
        number, given, result, error, raises = self._ready.popleft()
        self._taken += 1
        following = self._early.pop(self._taken, None)
        if following is not None:
            self._ready.append(following)
        if raises:
            assert error is not None
            try:
                raise error
            finally:
                del error  # It holds this frame, which would hold it.
        if self._collects:
            failure: Any = error  # An Exception: anything else is raised.
            return Outcome[Any, Any](number, given, result, failure)
        return result

    def is_done(self) -> bool:
        """Return whether every result was given, and there will be no other."""
        return self.is_over and self.begun == self._taken

    def finish(self) -> None:
        """Raise what ended the map too soon, if anything did."""
        failure, self._failure = self._failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure

    def report(self) -> None:
        """Tell how many calls have ended, if that has changed."""
        if self.ended == self._reported:
            return
        self._reported = self.ended
        if self._bar is not None:
            self._bar.update(self.ended, self.total)
        if self._on_progress is not None:
            self._on_progress(self.ended, self.total)

    def close(self) -> None:
        """Begin nothing more, and let go of what nobody will read."""
        self.is_over = self.is_read = True
        self._ready.clear()
        self._early.clear()
        self._failure = None
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()

    def watch(self, owner: object) -> None:
        """Warn when the results are collected, or exist at exit, and nobody has read them."""
        self._finalizers.append(weakref.finalize(owner, self._warn_unread))

    def hand_over(self) -> None:
        """Watch no object any more of those that were watched: another one is read now."""
        while self._finalizers:
            self._finalizers.pop().detach()

    def _warn_unread(self) -> None:
        if self.is_read:
            return
        self.is_read = True
        place = self._made_at
        text = "the results of `map` made at {}:{} were never read, so nothing was called"
        try:
            warnings.warn_explicit(text.format(*place), RuntimeWarning, *place)
        except RuntimeWarning as error:
            # With `-W error`: nobody can catch what is raised here, Python would print a traceback.
            with suppress(Exception):
                warnings.showwarning(error, RuntimeWarning, *place)

    def _ends_all(self, error: BaseException) -> bool:
        """Return whether an error is that of all calls: none would fare better."""
        if isinstance(error, ClientClosedError):
            return self.client is not None and self.client.closed
        return isinstance(error, BudgetExhausted)
