"""Six kinds of secret, given to everything that takes one: no text of anything tells it."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from arya_api_framework.auth import (
    ApiKeyAuth,
    ApiKeyScheme,
    Auth,
    BasicAuth,
    BasicScheme,
    BearerAuth,
    BearerScheme,
    DigestAuth,
    DigestScheme,
)
from arya_api_framework.errors import FrameworkException
from tests.client.conftest import Lane
from tests.client.test_no_secret_is_told import Formats, Watch, texts_of
from tests.scripted import CLOSE, Scripted, Step, answer

SECRET = "hunter2-canary"
"""Goes through base64 in Basic, and through a hash in Digest."""

MAKERS: list[tuple[str, Any]] = [
    ("basic", lambda secret: BasicAuth("ann", secret)),
    ("bearer", BearerAuth),
    ("header", lambda secret: ApiKeyAuth(secret, name="X-Key")),
    ("query", lambda secret: ApiKeyAuth(secret, name="sig", location="query")),
    ("cookie", lambda secret: ApiKeyAuth(secret, name="sid", location="cookie")),
    ("digest", lambda secret: DigestAuth("ann", secret)),
]
SCHEMES: dict[str, Any] = {
    "basic": BasicScheme(),
    "bearer": BearerScheme(),
    "header": ApiKeyScheme("X-Key"),
    "query": ApiKeyScheme("sig", location="query"),
    "cookie": ApiKeyScheme("sid", location="cookie"),
    "digest": DigestScheme(),
}
FORMS: list[Any] = [SECRET, SecretStr(SECRET), lambda: SECRET]
CANARIES = (SECRET, "YW5uOmh1bnRlcjItY2FuYXJ5")

CHALLENGE = answer(401, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
ANSWERS: list[Step] = [answer(200), answer(500), CLOSE, b"garbage\r\n\r\n"]
TOLD_BACK = answer(500, body=b'{"message": "you sent hunter2-canary"}')
"""A server can tell back what it read, which of a digest is no secret."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("by", ["auth", "call", "scheme"])
@pytest.mark.parametrize(("name", "make"), MAKERS)
async def test_no_text_tells_it(
    lane: Lane, formats: Formats, name: str, make: Any, by: str, form: Any
) -> None:
    """Of clients, configurations, requests, responses, errors and logs, while it is sent."""
    watch, seen = Watch(), list[Any]()
    schemes = {"one": SCHEMES[name]}
    async with Scripted() as server:
        options: dict[str, Any] = {"auth": make(form)} if by == "auth" else {}
        client = lane.client(
            server.url, hooks=[watch], security_schemes=schemes, retry=None, **options
        )
        if by == "scheme":
            value = ("ann", form) if name in ("basic", "digest") else form
            client.target.authenticate(one=value)
            seen.append(client.target._security)
        call = {"auth": {}, "call": {"auth": make(form)}, "scheme": {"security": [{"one"}]}}[by]
        for step in [*ANSWERS, TOLD_BACK] if name != "digest" else ANSWERS:
            if name == "digest" and not server.log:
                server.script.append(CHALLENGE)
            server.script.append(step)
            try:
                seen.append(await client.get("/", raw=True, **call))
            except FrameworkException as error:
                seen.append(error)
        carried = [f"{read.target} {read.headers}" for read in server.log]
        if name != "digest":
            assert all(any(canary in one for canary in CANARIES) for one in carried), carried
        assert len(carried) >= len(ANSWERS)
        target = client.target
        seen += [target.config, target.headers, target.auth, client.build("GET", "/"), *watch.seen]
        told = "".join(text for thing in seen for text in _texts(thing)) + repr(target)
        told += "".join(formats.texts)
        for canary in CANARIES:
            assert canary not in told
        assert formats.texts, "there was something to tell"


def _texts(thing: Any) -> Iterator[str]:
    if isinstance(thing, Auth) or not isinstance(thing, FrameworkException):
        yield repr(thing)
        yield str(thing)
    with contextlib.suppress(TypeError):  # What cannot be pickled tells nothing that way.
        yield from texts_of(thing)
