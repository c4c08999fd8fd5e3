"""`UsualShapes`: how well-known APIs tell whether a long-running operation is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from ..operations import (
    DoneFlag,
    Poll,
    Polling,
    StatusField,
    Verdict,
    as_word,
    body_of,
    what_came,
)
from .redaction import clean_text
from .shapes import is_mapping

__all__ = ["UsualShapes"]

RUNNING = (
    *("accepted", "created", "creating", "deleting", "in progress", "initializing", "not started"),
    *("pending", "processing", "provisioning", "queued", "running", "scheduled", "started"),
    *("starting", "submitted", "updating", "validating", "waiting", "canceling", "cancelling"),
)
"""What services call an operation that goes on."""

_PLACES = ("status", "state", "properties.provisioningState", "provisioningState")
_ACCEPTED = 202
_SHOWN = 100


class UsualShapes(Polling):
    """What is done where no strategy is given.

    A flag `done`, a text at `status` or `state` (or Azure's `provisioningState`) with a word that
    is known, and else the status of HTTP.
    """

    @override
    def judge(self, poll: Poll) -> Verdict:
        body = body_of(poll)
        verdict = _read(poll, body) if is_mapping(body) else None
        if verdict is not None:
            return verdict
        if poll.response.status == _ACCEPTED:
            return Verdict("running")
        if poll.found == "monitor":
            _ = poll.body  # What is no JSON says so.
            raise poll.error(f"the answer must be an object with 'status', {what_came(poll, None)}")
        return Verdict("done")


def _read(poll: Poll, body: Mapping[str, Any]) -> Verdict | None:
    """Return what an object says of the operation, `None` where that is left to its status."""
    if isinstance(body.get("done"), bool) or _is_google(body):
        return _GOOGLE.judge(poll) if "response" in body else _FLAG.judge(poll)
    is_accepted = poll.response.status == _ACCEPTED
    place = next((one for one in _PLACES if isinstance(poll.find(one), str)), None)
    if place is None:
        if poll.found in ("monitor", "given") and not is_accepted:
            raise poll.error(f"nothing tells how the operation stands; {_SAY}")
        return None
    verdict, word = _FIELD[place].judge(poll), poll.find(place)
    is_known = verdict.outcome != "running" or as_word(word) in _KNOWN_RUNNING
    if is_known or is_accepted or poll.found == "monitor":
        return verdict
    if poll.found == "location":
        return None  # The resource itself, which has a status of its own.
    raise poll.error(
        f"{place!r} must be a word that is known, such as 'running', 'succeeded' or 'failed', got "
        f"{clean_text(word, _SHOWN)!r}; {_SAY}"
    )


_SAY = (
    "say what does: `done=lambda answer: ...`, `polling=StatusField(...)`, or "
    "`polling=StatusCode()` where any success but 202 is the result"
)


def _is_google(body: Mapping[str, Any]) -> bool:
    """Return whether an object is a `google.longrunning.Operation`, which leaves out false."""
    name = body.get("name")
    return isinstance(name, str) and "operations/" in name and "done" not in body


_GOOGLE = DoneFlag()
_FLAG = DoneFlag(result=None)
_FIELD = {place: StatusField(place, result_url="resourceLocation") for place in _PLACES}
_KNOWN_RUNNING = frozenset(map(as_word, RUNNING))
