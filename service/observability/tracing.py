"""OpenTelemetry spans, where the extra `tracing` is installed and OTEL_EXPORTER_OTLP_ENDPOINT is set; else nothing.

A span says route, status and versions. Like a log line it holds no signal, key or reference. It continues the caller's
trace and has the span id that the log line and the header `traceparent` name.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from models.cli.missing_extras import how_to_install
from service.observability.logs import Trace
from service.settings import SettingsError

_QUEUE: Final = 8192


class Tracer(Protocol):
    """Takes a finished request."""

    def record(self, trace: Trace, name: str, seconds: float, attributes: Mapping[str, Any]) -> None:
        """Export a span that ended now."""


class OpenTelemetry:
    """Spans to an exporter; started at the first request, in the worker, because threads do not outlive a fork."""

    def __init__(self, exporter: Any = None) -> None:  # noqa: ANN401  (a SpanExporter; by default OTLP over HTTP)
        self._exporter = exporter
        self._processor: Any = None
        self._resource: Any = None

    def record(self, trace: Trace, name: str, seconds: float, attributes: Mapping[str, Any]) -> None:
        """Export a span that ended now, if the caller's trace is sampled or it began here."""
        if trace.parent_id is not None and not int(trace.flags, 16) & 1:
            return
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415  (an extra)
        from opentelemetry.trace import SpanContext, SpanKind, TraceFlags  # noqa: PLC0415

        if self._processor is None:
            self._start()
        sampled = TraceFlags(TraceFlags.SAMPLED)
        trace_id = int(trace.trace_id, 16)
        parent = (
            SpanContext(trace_id, int(trace.parent_id, 16), is_remote=True, trace_flags=sampled)
            if trace.parent_id
            else None
        )
        ended = time.time_ns()
        span = ReadableSpan(
            name=name,
            context=SpanContext(trace_id, int(trace.span_id, 16), is_remote=False, trace_flags=sampled),
            parent=parent,
            resource=self._resource,
            attributes=dict(attributes),
            kind=SpanKind.SERVER,
            start_time=ended - int(seconds * 1e9),
            end_time=ended,
        )
        self._processor.on_end(span)

    def _start(self) -> None:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        if self._exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

            self._exporter = OTLPSpanExporter()
        self._resource = Resource.create({"service.name": "arki"})
        self._processor = BatchSpanProcessor(
            self._exporter, max_queue_size=_QUEUE, schedule_delay_millis=1000
        )
        atexit.register(self._processor.shutdown)  # sends what waits

    def flush(self) -> None:
        """Send what waits to be sent."""
        if self._processor is not None:
            self._processor.force_flush()


def tracer_for(endpoint: str | None) -> Tracer | None:
    """A tracer where an endpoint is set. Raises `SettingsError` if the extra is not installed."""
    if not endpoint:
        return None
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: F401, PLC0415
    except ImportError:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra `tracing` is not installed. "
            + how_to_install("tracing")
            + " Or unset OTEL_EXPORTER_OTLP_ENDPOINT."
        ) from None
    return OpenTelemetry()
