"""`Reconnection`: when a stream of events is asked for again."""

import pytest

from arya_api_framework.client.reconnection import LONGEST, SHORTEST, USUAL, Reconnection
from arya_api_framework.errors import (
    ConnectionLost,
    DeadlineExceeded,
    FrameworkException,
    HTTPForbidden,
    HTTPServiceUnavailable,
    ReadTimeout,
)


def waits(reconnection: Reconnection, retry: float | None = None) -> tuple[float, float]:
    """Return the least and the most of many waits after a first end."""
    found: list[float] = []
    for _ in range(300):
        reconnection.succeed()
        wait = reconnection.wait_after(None, 200, retry)
        assert wait is not None
        found.append(wait)
    return min(found), max(found)


@pytest.mark.parametrize(
    ("retry", "least"),
    [(None, USUAL), (2.0, 2.0), (0.0, SHORTEST), (10**9, LONGEST), (100.0, 100.0)],
)
def test_first_wait(retry: float | None, least: float) -> None:
    """It is what the server asked for, within bounds, and up to half as much again by chance."""
    found = waits(Reconnection(True), retry)
    assert least <= found[0] < 1.1 * least
    assert 1.4 * least < found[1] <= 1.5 * least


def test_longer_each_time() -> None:
    """Where nothing comes the wait doubles, up to a minute."""
    reconnection = Reconnection(True)
    found = [reconnection.wait_after(None, 200, None) or 0 for _ in range(8)]
    for wait, least in zip(found, (3, 6, 12, 24, 48, 60, 60, 60), strict=True):
        assert least <= wait <= 1.5 * least
    reconnection.succeed()
    assert (reconnection.wait_after(None, 200, None) or 0) <= 1.5 * USUAL


def test_retry_is_kept() -> None:
    """What the server asked for once holds from there on."""
    reconnection = Reconnection(True)
    assert (reconnection.wait_after(None, 200, 20.0) or 0) >= 20
    reconnection.succeed()
    assert (reconnection.wait_after(None, 200, None) or 0) >= 20


def unavailable(retry_after: float | None) -> HTTPServiceUnavailable:
    """Return an error that passes."""
    error = HTTPServiceUnavailable()
    error.method, error.retry_after = "GET", retry_after
    return error


@pytest.mark.parametrize(("asked", "least"), [(50.0, 50.0), (10**6, LONGEST), (None, USUAL)])
def test_retry_after(asked: float | None, least: float) -> None:
    """A refusal that says how long is obeyed, within bounds."""
    wait = Reconnection(True).wait_after(unavailable(asked), 503, None)
    assert wait is not None
    assert least <= wait <= 1.5 * least


@pytest.mark.parametrize("error", [ConnectionLost("x"), ReadTimeout("x"), unavailable(None), None])
def test_passes(error: FrameworkException | None) -> None:
    """These are no reason to end."""
    assert Reconnection(1).wait_after(error, 200, None) is not None


@pytest.mark.parametrize("error", [HTTPForbidden(), DeadlineExceeded("x")])
def test_does_not_pass(error: FrameworkException) -> None:
    """These are."""
    with pytest.raises(type(error)):
        Reconnection(True).wait_after(error, 200, None)


def test_204() -> None:
    """It says that there is nothing more."""
    assert Reconnection(True).wait_after(None, 204, None) is None
    assert Reconnection(True).wait_after(ConnectionLost("x"), 204, None) is not None


def test_most() -> None:
    """So many times in a row; then an end is the end, and an error is raised."""
    reconnection = Reconnection(2)
    assert reconnection.is_wanted
    assert not Reconnection(False).is_wanted
    for _ in range(2):
        assert reconnection.wait_after(None, 200, None) is not None
    assert reconnection.wait_after(None, 200, None) is None
    with pytest.raises(ConnectionLost):
        reconnection.wait_after(ConnectionLost("x"), 200, None)
