"""Response hooks of a session: what they see, what they may do, and what they cannot break."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from arya_api_framework import SyncClient
from arya_api_framework.errors import (
    FrameworkException,
    HTTPInternalServerError,
    HTTPNotFound,
    IncompleteResponse,
    ProtocolError,
    ResponseTooLarge,
)
from tests.client.conftest import hooked_session
from tests.faults import Faults


def hooked(*hooks: Callable[..., Any]) -> Callable[..., requests.Session]:
    """Return a session factory with response hooks."""

    def make(**_: Any) -> requests.Session:
        session = requests.Session()
        session.hooks["response"].extend(hooks)
        return session

    return make


def test_hook_reads(faults: Faults) -> None:
    """A hook may read the body; it is still there for the call, decoded once."""
    seen: list[Any] = []
    with SyncClient(
        faults.url, session_factory=hooked(lambda r, **_: seen.append(r.json()))
    ) as client:
        for path in ("/ok", "/gzip", "/gzip-chunked", "/chunk-trailer"):
            assert client.get(path) == {"ok": True}
    assert seen == [{"ok": True}] * 4
    assert {read.connection for read in faults.log} == {faults.log[0].connection}


def test_hook_gives_too_much(faults: Faults) -> None:
    """A response of a hook's own is held to the limit all the same."""
    other: Any = requests.Response()
    other.status_code = 200
    other._content = b"[1,2,3,4,5,6,7,8,9]"
    with (
        SyncClient(
            faults.url, max_response_size=15, session_factory=hooked(lambda r, **_: other)
        ) as client,
        pytest.raises(ResponseTooLarge),
    ):
        client.get("/ok")


def test_hook_streams(faults: Faults) -> None:
    """A hook may read the body in pieces, and take nothing away by it."""

    def stream(response: requests.Response, **_: Any) -> None:
        assert b"".join(response.iter_content(4)) == b'{"ok":true}'

    with SyncClient(faults.url, session_factory=hooked(stream)) as client:
        assert client.get("/ok") == {"ok": True}


def test_hook_gives_an_empty_shell(faults: Faults) -> None:
    """A response of a hook's own whose body it has read away is named as such."""

    def drain(response: requests.Response, **_: Any) -> requests.Response:
        other = requests.get(f"{faults.url}/ok", stream=True)
        for _piece in other.iter_content(4):
            pass
        return other

    with (
        SyncClient(faults.url, session_factory=hooked(drain)) as client,
        pytest.raises(IncompleteResponse, match="hook"),
    ):
        client.get("/ok")


@pytest.mark.parametrize("status", [100, 700])
def test_hook_gives_no_status(faults: Faults, status: int) -> None:
    """A response of a hook's own must have a status."""

    def replace(response: requests.Response, **_: Any) -> requests.Response:
        other = requests.Response()
        other.status_code = status
        return other

    with (
        SyncClient(faults.url, session_factory=hooked(replace)) as client,
        pytest.raises(ProtocolError, match="status from 200"),
    ):
        client.get("/ok")


def test_hook_replaces(faults: Faults) -> None:
    """A hook may give another response."""

    def replace(response: requests.Response, **_: Any) -> requests.Response:
        other = requests.Response()
        other.status_code = 404
        other._content = b'{"message":"replaced"}'
        return other

    with (
        SyncClient(faults.url, session_factory=hooked(replace)) as client,
        pytest.raises(HTTPNotFound, match="replaced"),
    ):
        client.get("/ok")


def test_hook_sees_redirects(faults: Faults) -> None:
    """A hook sees every response of a call, its Location too, and the call follows by our rules."""
    seen: list[Any] = []
    factory = hooked(lambda r, **_: seen.append((r.status_code, r.headers.get("Location"))))
    with SyncClient(faults.url, session_factory=factory) as client:
        response = client.get("/redirect-cut", raw=True)
    assert seen == [(302, "/ok"), (200, None)]
    assert [one.headers["Location"] for one in response.history] == ["/ok"]


@pytest.mark.parametrize(
    "error", [ValueError("mine"), requests.HTTPError("mine"), OSError("mine"), KeyError("mine")]
)
def test_hook_raises(faults: Faults, error: Exception) -> None:
    """What a hook raises comes out unchanged."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with SyncClient(faults.url, session_factory=hooked(fail)) as client:
        with pytest.raises(type(error)) as caught:
            client.get("/ok")
        assert caught.value is error
        assert caught.value.__cause__ is None


def test_hook_is_not_called_for_half_a_response(faults: Faults) -> None:
    """A hook sees whole responses only, decoded and in bounds."""
    seen: list[int] = []
    factory = hooked(lambda r, **_: seen.append(r.status_code))
    options: Any = {"session_factory": factory, "max_response_size": 100, "retry": None}
    with SyncClient(faults.url, **options) as client:
        for path in ("/close-in-body", "/reset-in-chunk", "/gzip-broken", "/body-large"):
            with pytest.raises(FrameworkException):
                client.get(path)
        with pytest.raises(HTTPInternalServerError) as caught:
            client.get("/error-cut")
    assert caught.value.body_error is not None
    assert seen == [500]


def test_hook_calls(faults: Faults) -> None:
    """A hook may make calls of its own, with the client whose hook it is."""
    inner: list[Any] = []

    def call(response: requests.Response, **_: Any) -> None:
        if response.request.url and response.request.url.endswith("/ok"):
            inner.append(client.get("/gzip"))

    with SyncClient(faults.url, session_factory=hooked(call)) as client:
        assert client.get("/ok") == {"ok": True}
        assert client.get("/hints") == {"ok": True}
    assert inner == [{"ok": True}]


def test_session_used_by_others(faults: Faults) -> None:
    """The client's session works for who uses it directly, too."""
    with SyncClient(faults.url, session_factory=hooked_session) as client:
        assert client.session.get(f"{faults.url}/ok").json() == {"ok": True}
        assert client.get("/ok") == {"ok": True}
        assert client.session.post(f"{faults.url}/ok", data=b"x").json() == {"ok": True}
    assert faults.log[2].body == b"x"
