"""`OpenTelemetryHook`: a span and a measurement for each request, named by the template of its URL.

They follow the stable semantic conventions for HTTP clients of OpenTelemetry. Needs the extra
`otel`, which brings `opentelemetry-api`; which SDK records them is the application's to choose.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from .errors import FrameworkException
from .hooks import Hook
from .version import __version__

try:
    from opentelemetry import metrics, propagate, trace
    from opentelemetry.trace import Span, SpanKind, Status, StatusCode
except ImportError as error:
    raise ImportError(
        "OpenTelemetryHook needs opentelemetry-api; install arya-api-framework[otel]"
    ) from error

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from .client.request import Request
    from .client.response import RawResponse

__all__ = ["OpenTelemetryHook"]

_SCHEMA = "https://opentelemetry.io/schemas/1.28.0"
_KNOWN_METHODS = frozenset("CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE".split())
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""What the conventions recommend for `http.client.request.duration`, in seconds."""
_MAX_TEMPLATES = 1000
"""How many templates are told apart in metrics: code that writes ids into paths has no end of
them, and an SDK keeps each one."""


class _Attempt(NamedTuple):
    span: Span
    started: float
    measured: dict[str, Any]


class OpenTelemetryHook(Hook):
    """Makes a CLIENT span for each request that is sent, and measures how long it took.

    The span is a child of the current one, is called `GET /users/{id}`, and its context goes along
    in the header fields of the request. Redirects are requests of their own. The metric is the
    histogram `http.client.request.duration`.

    One hook may serve any number of clients. Place it last, to measure what is sent and nothing
    that other hooks do.

    Args:
        tracer_provider: Where spans go; the global provider when not given.
        meter_provider: Where measurements go; the global provider when not given.

    Example:
        ```python
        client = SyncClient("https://api.example.com", hooks=[OpenTelemetryHook()])
        ```
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(
            "arya_api_framework", __version__, tracer_provider, schema_url=_SCHEMA
        )
        meter = metrics.get_meter(
            "arya_api_framework", __version__, meter_provider, schema_url=_SCHEMA
        )
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._templates: set[str] = set()

    @override
    def before_attempt(self, request: Request) -> None:
        # By the identity of a request: several of a call may be under way at once.
        attempts: list[_Attempt] = request.state.setdefault((self, id(request)), [])
        count: int = request.state.get((self, "sent"), 0)
        request.state[self, "sent"] = count + 1
        known = request.method in _KNOWN_METHODS
        measured: dict[str, Any] = {
            "http.request.method": request.method if known else "_OTHER",
            "server.address": request.origin.host,
            "server.port": request.origin.port,
        }
        attributes = {**measured, "url.full": request.shown_url}
        if not known:
            attributes["http.request.method_original"] = request.method
        if count:
            attributes["http.request.resend_count"] = count
        name = request.method if known else "HTTP"
        template = request.template
        if template is not None:
            name = f"{name} {template}"
            attributes["url.template"] = template
            if template in self._templates or len(self._templates) < _MAX_TEMPLATES:
                self._templates.add(template)
                measured["url.template"] = template
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        attempts.append(_Attempt(span, time.perf_counter(), measured))
        fields: dict[str, str] = {}
        propagate.inject(fields, trace.set_span_in_context(span))
        for field, value in fields.items():
            request.headers[field] = value

    @override
    def after_attempt(self, request: Request, response: RawResponse) -> None:
        status = response.status
        found: dict[str, Any] = {
            "http.response.status_code": status,
            "network.protocol.version": "1.1",
        }
        if status >= 400:
            found["error.type"] = str(status)
        self._end(request, found, Status(StatusCode.ERROR) if status >= 400 else None)

    @override
    def attempt_failed(self, request: Request, error: BaseException) -> None:
        # Only the text of an error of ours is known to hold no secret.
        text = str(error) if isinstance(error, FrameworkException) else None
        self._end(request, {"error.type": type(error).__qualname__}, Status(StatusCode.ERROR, text))

    def _end(self, request: Request, found: dict[str, Any], status: Status | None) -> None:
        attempts: list[_Attempt] = request.state[self, id(request)]
        span, started, measured = attempts.pop()
        if not attempts:
            del request.state[self, id(request)]
        elapsed = time.perf_counter() - started
        span.set_attributes(found)
        if status is not None:
            span.set_status(status)
        context = trace.set_span_in_context(span)
        self._duration.record(elapsed, {**measured, **found}, context)
        span.end()
