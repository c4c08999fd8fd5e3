"""The strategies of `wait_for`: what they take, what they say, and when it is asked again."""

import json
import random
import time
from typing import Any

import pytest
from multidict import CIMultiDict

from arya_api_framework import (
    DoneFlag,
    Poll,
    Polling,
    RawResponse,
    Request,
    StatusCode,
    StatusField,
    Timeout,
)
from arya_api_framework.client.pace import Pace
from arya_api_framework.client.url import Origin
from arya_api_framework.client.usual_shapes import UsualShapes
from arya_api_framework.errors import ConfigurationError, OperationFailed


def poll(body: Any, status: int = 200, *, found: Any = "given", **fields: str) -> Poll:
    """Return an answer with this as its JSON; text is what it is."""
    request = Request("GET", Origin("https", "api.test", 443), "/ops/1", CIMultiDict(), None)
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    response = RawResponse.make(request, status, headers=headers, content=content)
    return Poll(response, found=found)


WORDS = [
    ("running", ["running", "IN_PROGRESS", "In Progress", "inProgress", "not-started", "Updating"]),
    ("done", ["succeeded", "SUCCESS", "Completed", "done", "finished"]),
    ("failed", ["failed", "ERROR", "Cancelled", "canceled", "TIMED_OUT", "expired"]),
]


@pytest.mark.parametrize(("outcome", "words"), WORDS)
def test_words(outcome: str, words: list[str]) -> None:
    """The words that services use are known, however they are written."""
    for word in words:
        for place in ({"status": word}, {"state": word}, {"provisioningState": word}):
            verdict = UsualShapes().judge(poll(place))
            assert (verdict.outcome, verdict.status) == (outcome, word)
        assert StatusField("a.b").judge(poll({"a": {"b": word}})).outcome == outcome


def test_places() -> None:
    """A name may have dots, as it is or escaped, and a number is a place in a list."""
    answer = poll({"@odata.status": "done", "a": {"b.c": {"d": 1}, "b": {"c": 2}}, "l": [{"x": 3}]})
    assert StatusField("@odata.status").judge(answer).outcome == "done"
    places = [
        r"a.b\.c.d",
        "a.b.c.d",
        r"@odata\.status",
        "l.-1.x",
        "l.5.x",
        "l.x",
        "a.b.x",
        "l.0.x.y",
    ]
    assert [answer.find(place) for place in places] == [1, None, "done", 3, None, None, None, None]
    for place in (r"a\..", "", ".a", 5):
        with pytest.raises(ConfigurationError, match="at must be a name, or names joined by dots"):
            StatusField(place)  # type: ignore[arg-type]


USUAL = [
    ({"done": False}, 200, "given", "running"),
    ({"done": True}, 200, "given", "done"),
    ({"name": "projects/p/operations/1"}, 200, "given", "running"),
    ({"properties": {"provisioningState": "Succeeded"}}, 200, "location", "done"),
    ({"status": 200, "state": "running"}, 200, "given", "running"),
    ({"status": "done"}, 202, "given", "done"),
    ({"status": "warm"}, 202, "given", "running"),
    ({"status": "warm"}, 200, "monitor", "running"),
    ({"status": "active"}, 200, "location", "done"),
    ({"id": 1}, 200, "location", "done"),
    ({"id": 1}, 201, "start", "done"),
    ({"id": 1}, 202, "given", "running"),
    ([1], 200, "given", "done"),
    ("text", 200, "given", "done"),
    ("<p>Wait</p>", 202, "given", "running"),
    ("", 202, "monitor", "running"),
]


@pytest.mark.parametrize(("body", "status", "found", "outcome"), USUAL)
def test_usual_shapes(body: Any, status: int, found: str, outcome: str) -> None:
    """What services do is known without a word."""
    assert UsualShapes().judge(poll(body, status, found=found)).outcome == outcome


@pytest.mark.parametrize(
    ("body", "percent"),
    [
        ({"percentComplete": 50}, 50.0),
        ({"percentComplete": True, "progress": 0.5}, 0.5),
        ({"metadata": {"progressPercent": 7}}, 7.0),
        ({"progress": "half"}, None),
        ([], None),
        ("no JSON", None),
    ],
)
def test_percent(body: Any, percent: float | None) -> None:
    """How far it is may stand at several places."""
    assert poll(body).percent == percent


def test_flags_without_a_body() -> None:
    """A 202 need not say more."""
    assert DoneFlag().judge(poll("", 202)).outcome == "running"
    assert StatusField().judge(poll("<p>", 202)).outcome == "running"


def test_status_codes() -> None:
    """Those that are errors are answers as well."""
    polling = StatusCode(running=[202, 404], done=410)
    assert polling.answers == {404, 410}
    assert [polling.judge(poll("", status)).outcome for status in (202, 404, 200, 410)] == [
        "running",
        "running",
        "done",
        "done",
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: StatusField(""),
        lambda: StatusField("a..b"),
        lambda: StatusField(done="done"),
        lambda: StatusField(done=[]),
        lambda: StatusField(done=5),  # type: ignore[arg-type]
        lambda: StatusField(failed=["_"]),
        lambda: StatusField(result=5),  # type: ignore[arg-type]
        lambda: DoneFlag(result_url=""),
        lambda: StatusCode(running=[True]),
        lambda: StatusCode(done=[99]),
        lambda: StatusCode(done=["404"]),  # type: ignore[list-item]
    ],
)
def test_what_a_strategy_refuses(make: Any) -> None:
    """An argument that can never work is refused where it is given."""
    with pytest.raises(ConfigurationError, match="must"):
        make()


def test_no_word_need_mean_failure() -> None:
    """A service may have none."""
    assert StatusField(failed=[]).judge(poll({"status": "failed"})).outcome == "running"


def test_a_strategy_must_judge() -> None:
    """The base alone decides nothing."""
    with pytest.raises(TypeError):
        Polling()  # type: ignore[abstract]


def test_pauses_grow() -> None:
    """They grow by half, up to the most, and no two clients keep step."""
    random.seed(1)
    pace = Pace({"interval": 2.0, "max_interval": 10.0, "timeout": None})
    response = poll({}).response
    response.received = time.time()
    for own in (2, 3, 4.5, 6.75, 10, 10):
        seconds = pace.after(response).seconds
        assert 0.79 * own < seconds <= own
    for _ in range(2000):
        assert pace.after(response).seconds <= 10


def test_time_that_has_gone_by() -> None:
    """What went by since the response came is no pause any more, and a clock set back is none."""
    pace = Pace({"interval": 5})
    response = poll({}, Retry_After="10").response
    response.received = time.time() - 4
    rest = pace.after(response)
    assert rest.asked == 10
    assert 5 < rest.seconds <= 6.1
    response.received = time.time() - 60
    assert pace.after(response).seconds == 0
    response.received = time.time() + 60
    assert pace.after(response).seconds == 10


def test_the_last_chance() -> None:
    """Where the pause would be too long, there is one more call before the end."""
    response = poll({}).response
    response.received = time.time() + 60
    pace = Pace({"interval": 20, "timeout": 10})
    rest = pace.after(response)
    assert (4.9 < rest.seconds <= 5, rest.is_late) == (True, False)
    assert pace.after(response).is_late
    pace = Pace({"interval": 1, "max_interval": 1, "timeout": 0.5, "deadline": 5})
    assert pace.seconds == 0.5
    pace.started -= 60
    assert pace.after(response).is_late


def test_how_long_all_may_take() -> None:
    """15 minutes where nothing is said; the parts of a `Timeout` are for each call."""
    assert Pace({}).seconds == 900
    assert Pace({"timeout": None}).left is None
    assert Pace({"timeout": None, "deadline": 5}).seconds == 5
    options: dict[str, Any] = {"timeout": Timeout(total=7, read=1)}
    assert Pace(options).seconds == 7
    assert options == {"timeout": Timeout(total=7, read=1)}


def test_errors_of_operations_are_bounded() -> None:
    """An error keeps no more of a content than any other does, and changes no response."""
    answer = poll("x" * 100_000).response
    error = OperationFailed("failed", raw=answer)
    assert error.raw is not None
    assert (len(error.raw.content), len(answer.content)) == (65536, 100_000)
