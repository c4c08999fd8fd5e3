"""Spans and metrics of requests, after the semantic conventions of OpenTelemetry."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import arya_api_framework.otel
from arya_api_framework import Hedge, Hook, Request
from arya_api_framework.errors import ConnectionLost, HTTPNotFound
from arya_api_framework.otel import OpenTelemetryHook
from tests.app import Server
from tests.conftest import Kind
from tests.faults import Faults
from tests.patience import until_async
from tests.scripted import HANG, Held, Scripted, answer


class Telemetry:
    """A hook, and what an SDK has got from it."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._meters = MeterProvider([self._reader])
        self.hook = OpenTelemetryHook(self.provider, self._meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in that order."""
        return list(self._exporter.get_finished_spans())

    def points(self) -> list[Any]:
        """Return the measurements, one for each set of attributes."""
        data: Any = self._reader.get_metrics_data()
        (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
        assert (metric.name, metric.unit) == ("http.client.request.duration", "s")
        return list(metric.data.data_points)

    def close(self) -> None:
        """Shut the SDK down."""
        self.provider.shutdown()
        self._meters.shutdown()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """A new SDK."""
    telemetry = Telemetry()
    yield telemetry
    telemetry.close()


async def test_a_span_for_a_request(kind: Kind, server: Server, telemetry: Telemetry) -> None:
    """It is named by the template, a child of the current one, and goes along as `traceparent`."""
    client = kind.client(server.url, hooks=[telemetry.hook])
    with telemetry.provider.get_tracer("test").start_as_current_span("outer"):
        await client.get("/bytes/{n}?token=secret", path_parameters={"n": 10}, raw=True)
    span, outer = telemetry.spans
    assert (span.name, span.kind, span.status.status_code) == (
        "GET /bytes/{n}",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    port = int(server.url.rpartition(":")[2])
    measured = {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": port,
        "url.template": "/bytes/{n}",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
    }
    assert span.attributes == measured | {"url.full": f"{server.url}/bytes/10?token=***"}
    assert span.context is not None
    assert outer.context is not None
    assert span.parent is not None
    assert span.parent.span_id == outer.context.span_id
    ids = f"{span.context.trace_id:032x}-{span.context.span_id:016x}"
    assert server.log[0].headers["traceparent"].startswith(f"00-{ids}-")
    (point,) = telemetry.points()
    assert (dict(point.attributes), point.count) == (measured, 1)
    assert point.explicit_bounds[:3] == (0.005, 0.01, 0.025)
    assert 0 < point.sum < 60


async def test_a_hook_that_is_there_twice(kind: Kind, server: Server, telemetry: Telemetry) -> None:
    """Each time it has a span of its own, the one within the other."""
    client = kind.client(server.url, hooks=[telemetry.hook, telemetry.hook])
    await client.get("/users/1")
    found = [(span.attributes or {})["http.response.status_code"] for span in telemetry.spans]
    assert found == [200, 200]


async def test_requests_that_are_under_way_at_once(kind: Kind, telemetry: Telemetry) -> None:
    """Each has a span of its own, whichever ends first."""
    held = Held(answer(200))
    async with Scripted(held, HANG) as server:
        client = kind.client(server.url, hooks=[telemetry.hook], hedge=Hedge(after=0.05))
        call = asyncio.ensure_future(client.get("/"))
        await server.has_read(2)
        held.free()
        await call
        async with asyncio.timeout(10):
            while len(telemetry.spans) < 2:  # noqa: ASYNC110 - a thread may be at its end
                await asyncio.sleep(0.01)
        of_id = {f"{span.context.span_id:016x}": span for span in telemetry.spans if span.context}
        first, second = (of_id[read.headers["traceparent"].split("-")[2]] for read in server.log)
        assert first.attributes is not None
        assert second.attributes is not None
        assert first.attributes["http.response.status_code"] == 200
        assert second.attributes["error.type"] == "CancelledError"
        assert second.attributes["http.request.resend_count"] == 1


async def test_redirects_and_error_statuses(
    kind: Kind, server: Server, telemetry: Telemetry
) -> None:
    """Each request is a span, those after the first are counted; an error status is an error."""
    client = kind.client(server.url, hooks=[telemetry.hook])
    with pytest.raises(HTTPNotFound):
        await client.get(f"/redirect-to?url={server.url}/status/404")
    first, second = telemetry.spans
    assert (first.name, second.name) == ("GET /redirect-to", "GET")
    assert first.attributes is not None
    assert second.attributes is not None
    assert first.attributes["http.response.status_code"] == 302
    assert "http.request.resend_count" not in first.attributes
    assert second.attributes["http.request.resend_count"] == 1
    assert second.attributes["error.type"] == "404"
    assert (second.status.status_code, second.status.description) == (StatusCode.ERROR, None)
    assert len(telemetry.points()) == 2


async def test_failures(kind: Kind, faults: Faults, telemetry: Telemetry) -> None:
    """The class of an error tells it, and its text says what happened."""
    client = kind.client(faults.url, hooks=[telemetry.hook])
    with pytest.raises(ConnectionLost) as caught:
        await client.get("/close-in-head?token=secret")
    (span,) = telemetry.spans
    assert span.attributes is not None
    assert span.attributes["error.type"] == "ConnectionLost"
    assert (span.status.status_code, span.status.description) == (
        StatusCode.ERROR,
        str(caught.value),
    )
    assert "secret" not in span.to_json()
    assert telemetry.points()[0].attributes["error.type"] == "ConnectionLost"


async def test_errors_of_others_tell_their_class_only(
    kind: Kind, server: Server, telemetry: Telemetry
) -> None:
    """What another hook says may be a secret."""

    class Failing(Hook):
        def before_attempt(self, request: Request) -> None:
            raise KeyError("secret")

    client = kind.client(server.url, hooks=[telemetry.hook, Failing()])
    with pytest.raises(KeyError):
        await client.get("/echo")
    (span,) = telemetry.spans
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert "secret" not in span.to_json()


async def test_unusual_methods(kind: Kind, server: Server, telemetry: Telemetry) -> None:
    """A method that the conventions do not know is one of many."""
    client = kind.client(server.url, hooks=[telemetry.hook])
    await client.request("PURGE", "/echo")
    (span,) = telemetry.spans
    assert span.name == "HTTP /echo"
    assert span.attributes is not None
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == "PURGE"


async def test_calls_at_once_do_not_mix(kind: Kind, server: Server, telemetry: Telemetry) -> None:
    """Each span has the parent, the path and the header field of its own call."""
    client = kind.client(server.url, hooks=[telemetry.hook])
    tracer = telemetry.provider.get_tracer("test")

    async def one(number: int) -> None:
        with tracer.start_as_current_span(f"outer {number}"):
            await client.get("/redirect/1?n={n}", path_parameters={"n": number})

    await asyncio.gather(*(one(number) for number in range(20)))
    outer = {span.context.span_id: span for span in telemetry.spans if span.context is not None}
    inner = [span for span in telemetry.spans if span.kind is SpanKind.CLIENT]
    assert len(inner) == 40
    parents = {span.parent.span_id for span in inner if span.parent is not None}
    assert len(parents) == 20
    assert all(outer[parent].name.startswith("outer") for parent in parents)
    sent = {one.headers["traceparent"].split("-")[2] for one in server.log}
    assert sent == {f"{span.context.span_id:016x}" for span in inner if span.context is not None}


async def test_cancelled_calls_end_their_spans(server: Server, telemetry: Telemetry) -> None:
    """No span stays open."""
    kind = Kind("async")
    client = kind.client(server.url, hooks=[telemetry.hook])
    task = asyncio.ensure_future(client.get("/delay/30"))
    await until_async(lambda: server.log)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (span,) = telemetry.spans
    assert span.attributes is not None
    assert span.attributes["error.type"] == "CancelledError"
    await kind.close()


async def test_other_hosts_see_the_trace_and_no_baggage(
    kind: Kind, server: Server, telemetry: Telemetry
) -> None:
    """`traceparent` tells nothing of who calls; baggage is the application's own."""
    client = kind.client(server.url, hooks=[telemetry.hook])
    token = context.attach(baggage.set_baggage("user", "secret"))
    try:
        await client.get(f"/redirect-to?url={server.at('localhost')}/echo")
    finally:
        context.detach(token)
    first, second = server.log
    assert first.headers["baggage"] == "user=secret"
    assert "baggage" not in second.headers
    assert "traceparent" in second.headers


async def test_metrics_tell_so_many_templates_apart(
    kind: Kind, server: Server, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that writes ids into its paths fills no memory; spans have them all."""
    monkeypatch.setattr(arya_api_framework.otel, "_MAX_TEMPLATES", 2)
    client = kind.client(server.url, hooks=[telemetry.hook])
    for number in (1, 2, 3, 4, 1):
        await client.get(f"/bytes/{number}", raw=True)
    found = sorted(str(one.attributes.get("url.template")) for one in telemetry.points())
    assert found == ["/bytes/1", "/bytes/2", "None"]
    assert telemetry.spans[3].name == "GET /bytes/4"


async def test_without_an_sdk_nothing_is_recorded(kind: Kind, server: Server) -> None:
    """The API alone does nothing, and no header field is sent."""
    assert isinstance(trace.get_current_span(), trace.NonRecordingSpan)
    client = kind.client(server.url, hooks=[OpenTelemetryHook()])
    await client.get("/echo")
    assert "traceparent" not in server.log[0].headers


def test_the_extra_is_named_where_it_is_missing() -> None:
    """And the package itself does not import OpenTelemetry."""
    code = """
import sys, arya_api_framework
assert not any(name.startswith("opentelemetry") for name in sys.modules)
sys.modules["opentelemetry"] = None
try:
    import arya_api_framework.otel
except ImportError as error:
    assert "arya-api-framework[otel]" in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)
