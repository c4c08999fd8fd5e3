"""A call with a secret in every place that has one: nothing that is said about it tells any."""

import copy
import gc
import logging
import pickle
import re
import traceback
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr

from arya_api_framework import Hook, LinkHeader, RawResponse, Request, SyncClient
from arya_api_framework.errors import FrameworkException, HTTPError, RedirectError
from arya_api_framework.log import RedactingFilter
from arya_api_framework.otel import OpenTelemetryHook
from tests.app import Server
from tests.client.conftest import Lane
from tests.conftest import Kind
from tests.faults import Faults
from tests.scripted import Scripted, answer

SECRETS = (
    "header-of-mine",
    "query-of-mine",
    "cookie-of-mine",
    "body-of-mine",
    "token-of-mine",
    "hook-of-mine",
    "login-of-mine",
)


class Watch(Hook):
    """Adds a secret to each request, and keeps the texts of all that hooks see."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def before_call(self, request: Request) -> None:
        """See the request."""
        self.seen.append(request)

    def before_attempt(self, request: Request) -> None:
        """Add a secret."""
        request.headers["X-Signature"] = "hook-of-mine"
        self.seen.append(request)

    def after_attempt(self, request: Request, response: RawResponse) -> None:
        """See the response."""
        self.seen.append(response)

    def attempt_failed(self, request: Request, error: BaseException) -> None:
        """See the error."""
        self.seen.append(error)

    def call_failed(self, request: Request, error: BaseException) -> None:
        """See the error."""
        self.seen.append(error)


class Formats(logging.Handler):
    """Keeps the text and the fields of each record of any logger, as a handler would show them."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.addFilter(RedactingFilter())
        self.texts: list[str] = []
        self.loggers: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Format the record."""
        self.loggers.add(record.name)
        self.texts.append(self.format(record))
        self.texts.append(str(vars(record)))


@pytest.fixture
def formats() -> Iterator[Formats]:
    """A handler for every logger at every level, the third parties' included."""
    root = logging.getLogger()
    handler = Formats()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.NOTSET)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def texts_of(thing: Any) -> Iterator[str]:
    """Yield whatever is said of an object."""
    yield repr(thing)
    yield str(thing)
    yield pickle.dumps(thing).decode("latin-1")
    yield repr(copy.copy(thing))
    if isinstance(thing, Request):
        yield thing.to_curl()
    if isinstance(thing, RawResponse):
        yield repr(thing.info)
        yield from texts_of(thing.request)
        for one in thing.history:
            yield repr(one)
    if isinstance(thing, BaseException):
        yield repr(thing.args)
        yield "".join(traceback.format_exception(thing))
        yield str(getattr(thing, "__notes__", ""))
        for other in (thing.__cause__, thing.__context__):
            if other is not None:
                yield from (repr(other), str(other), repr(other.args))


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("/ok", {}),
    ("/redirect-cut", {"method": "GET"}),
    ("/close-in-head", {}),
    ("/reset-in-body", {}),
    ("/close-in-body", {}),
    ("/gzip-broken", {}),
    ("/error-cut", {}),
    ("/ok", {"max_response_size": 1}),
    ("/ok", {"response_format": list[int]}),
    ("/ok", {"headers": {"X-Bad": "header-of-mine\n"}}),
    ("http://login-of-mine:login-of-mine@evil.test/", {}),
    ("http://127.0.0.1:1/?key=query-of-mine", {"foreign": True}),
    ("/hang-before-head", {"timeout": 0.05}),
]


@pytest.mark.parametrize(("path", "options"), CALLS)
async def test_no_secret_is_told(
    lane: Lane, faults: Faults, formats: Formats, path: str, options: dict[str, Any]
) -> None:
    """Of objects, errors, logs, spans, measurements, curl commands and pickles."""
    watch = Watch()
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([reader])
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    client = lane.client(
        faults.url,
        bearer_token="token-of-mine",
        headers={"X-Api-Key": "header-of-mine"},
        cookies={"session": "cookie-of-mine"},
        parameters={"signature": "query-of-mine"},
        hooks=[watch, OpenTelemetryHook(tracers, meters)],
    )
    options = dict(options)
    method = options.pop("method", "POST")
    if method == "POST":
        options["body"] = {"password": "body-of-mine"}
    seen: list[Any] = watch.seen
    try:
        seen.append(await client.request(method, path, raw=True, **options))
    except FrameworkException as error:
        seen.append(error)
    texts = [text for one in seen for text in texts_of(one)]
    texts += formats.texts
    texts += [span.to_json() for span in exporter.get_finished_spans()]
    data = reader.get_metrics_data()
    texts.append("" if data is None else data.to_json())
    texts += [repr(client.target), repr(client.target.config), repr(client.headers)]
    meters.shutdown()
    tracers.shutdown()
    gc.collect()
    for text in texts:
        assert not [secret for secret in SECRETS if secret in text], text[:2000]
    if faults.log:
        head = faults.log[0].head
        assert all(secret.encode() in head for secret in SECRETS[:3])
        assert b"hook-of-mine" in head
        assert f"arya_api_framework.{lane.base.__name__}" in formats.loggers


async def test_the_sweep_would_find_one(lane: Lane, server: Server, formats: Formats) -> None:
    """What is looked for is there: a server that tells a secret back has it in its content."""
    client = lane.client(server.url, bearer_token="token-of-mine")
    raw = await client.get("/echo", raw=True)
    assert "token-of-mine" in raw.text
    assert any("token-of-mine" in text for text in texts_of({"content": raw.text}))
    assert formats.texts


async def test_a_secret_in_the_path_is_not_told(
    lane: Lane, server: Server, formats: Formats
) -> None:
    """One that its type says to be a secret, and that the server tells back, is hidden as well."""
    watch = Watch()
    exporter = InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    client = lane.client(server.url, hooks=[watch, OpenTelemetryHook(tracers)])
    secret = SecretStr("path of/mine")
    seen = watch.seen
    for path, options in (
        ("/echo/{key}", {"error_responses": {404: lambda raw: LookupError(raw.status)}}),
        ("/users/{key}", {}),
        ("/{key}", {"max_response_size": 1}),
        ("/{key}?x=1", {"timeout": 1e-9}),
    ):
        request = client.build("GET", path, path_parameters={"key": secret})
        assert request.target.partition("?")[0].endswith("path%20of%2Fmine")
        seen += [request, copy.deepcopy(request)]
        with pytest.raises((FrameworkException, LookupError)) as caught:
            await client.send(request, raw=True, **options)
        seen.append(caught.value)
        assert "/***" in getattr(caught.value, "url", "/***")
    tracers.shutdown()
    texts = [text for one in seen for text in texts_of(one)]
    texts += [span.to_json() for span in exporter.get_finished_spans()]
    # urllib3 logs the request line by itself, of whose values it knows no type.
    texts += [text for text in formats.texts if "urllib3.connectionpool" not in text]
    texts = [text for text in texts if '"GET /' not in text]
    for text in texts:
        assert not re.search("path.{1,3}of.{1,3}mine", text), text[:2000]


async def test_a_secret_in_the_path_that_a_redirect_or_page_repeats(kind: Kind) -> None:
    """The server writes it into the URL that comes next, and that is not told either."""
    steps = [
        answer(307, "Location: /next/of-mine"),
        answer(500),
        answer(200, 'Link: </2/of-mine?page=2>; rel="next"', body=b"[1]"),
        answer(500),
        answer(307, "Location: http://of-mine.test/of-mine"),
    ]
    path, values = "/x/{key}", {"key": SecretStr("of-mine")}
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        with pytest.raises(HTTPError) as caught:
            await client.get(path, path_parameters=values)
        assert (caught.value.url or "").endswith("/next/***")
        assert "of-mine" not in str(caught.value)
        items = client.items(path, int, path_parameters=values, pagination=LinkHeader())
        following = anext if kind.is_async else next
        assert await kind.call(following, items) == 1
        with pytest.raises(HTTPError) as caught:
            await kind.call(following, items)
        assert (caught.value.url or "").endswith("/2/***?page=2")
        assert "of-mine" not in str(caught.value)
        with pytest.raises(RedirectError) as refused:
            await client.post(path, path_parameters=values, body=1)
        assert "of-mine" not in str(refused.value)


async def test_a_secret_in_the_path_that_an_operation_or_upload_repeats(kind: Kind) -> None:
    """So is the URL that a server gives to an operation, or to an upload."""
    path, values = "/x/{key}", {"key": SecretStr("of-mine")}
    steps = [answer(202, "Location: /ops/of-mine"), answer(500), answer(202, "Location: /of-mine")]
    steps += [answer(500), answer(201, "Location: /files/of-mine"), answer(500)]
    async with Scripted(*steps) as server:
        client = kind.client(server.url)
        started = await client.post(path, path_parameters=values, raw=True)
        upload: Any = client.target.tus(b"abc", path, path_parameters=values, discover=False)
        for calls_on, given in (
            (client.wait_for, (started, None)),
            (client.wait_for, (path, None)),
            (partial(kind.call, upload.send), ()),
        ):
            options = {"path_parameters": values} if given[:1] == (path,) else {}
            with pytest.raises(FrameworkException) as caught:
                await calls_on(*given, **options)
            assert "***" in (caught.value.url or "")
            assert "of-mine" not in f"{caught.value}{caught.value.url}"


@pytest.mark.parametrize("key", [SecretStr("of-mine"), "of-mine", 17])
def test_what_is_shown_of_a_path(key: Any) -> None:
    """Only what its type says to be a secret is hidden."""
    with SyncClient("https://api.test/v1") as client:
        request = client.build("GET", "/x/{key}/y", path_parameters={"key": key})
    shown = "***" if isinstance(key, SecretStr) else key
    assert request.shown_url == f"https://api.test/v1/x/{shown}/y"
    assert repr(request) == f"<Request GET {request.shown_url}>"
    assert copy.copy(request).shown_url == request.shown_url
    again = pickle.loads(pickle.dumps(request))
    assert again.shown_url == again.url == request.shown_url
    assert f" {request.shown_url} " in request.to_curl().replace("'", "") + " "
