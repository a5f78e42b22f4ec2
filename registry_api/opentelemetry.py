"""Spans and figures by OpenTelemetry, sent to Application Insights. Imported only where they are recorded."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from threading import Timer, main_thread
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.metrics import Counter as SdkCounter
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from registry_api.telemetry import Counter, Duration

_RESOURCE = Resource({SERVICE_NAME: "registry-api"})
_SCOPE = "registry_api"
_EXPORTER = "azure.monitor.opentelemetry.exporter"
_IMPORT_AFTER = 2.0  # seconds


class OpenTelemetry:
    """Records spans and figures; what takes them on is its own, not the process's.

    Args:
        tracers: Makes the spans, and knows who takes those that have ended.
        figures: Reads the figures.
    """

    def __init__(self, tracers: TracerProvider, figures: MetricReader) -> None:
        self._tracer = tracers.get_tracer(_SCOPE)
        meter = MeterProvider([figures], resource=_RESOURCE).get_meter(_SCOPE)
        self._counters = {counter: meter.create_counter(counter) for counter in Counter}
        self._durations = {duration: meter.create_histogram(duration, unit="s") for duration in Duration}
        self._contexts = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, parent: str | None, facts: Mapping[str, Any]) -> Iterator["_Span"]:
        """Begin a span; an exception that passes through is its outcome."""
        context = None
        if parent is not None and not trace.get_current_span().get_span_context().is_valid:
            context = self._contexts.extract({"traceparent": parent})
        attributes = {f"registry_api.{key}": _plain(value) for key, value in facts.items()}
        with self._tracer.start_as_current_span(
            name, context, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            begun = _Span(span)
            try:
                yield begun
            except BaseException as error:  # its text may say what is nobody's business
                begun.ended(type(error).__name__, failed=True)
                raise

    def traceparent(self) -> str | None:
        """Return the traceparent of the span that is under way."""
        carrier: dict[str, str] = {}
        self._contexts.inject(carrier)
        return carrier.get("traceparent")

    def count(self, counter: Counter, number: int, attributes: Mapping[str, str]) -> None:
        """Add to what is counted."""
        self._counters[counter].add(number, attributes)

    def measure(self, duration: Duration, seconds: float, attributes: Mapping[str, str]) -> None:
        """Note a duration."""
        self._durations[duration].record(seconds, attributes)


class _Span:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def ended(self, outcome: str, *, failed: bool = False) -> None:
        self._span.set_attribute("registry_api.outcome", outcome)
        if failed:
            self._span.set_status(StatusCode.ERROR, outcome)


def _plain(value: object) -> str | bool | int | float:
    return value if isinstance(value, str | bool | int | float) else json.dumps(value, default=str)


def tracers_of_our_own() -> TracerProvider:
    """Return who makes spans, all of which are recorded; nobody takes them yet."""
    return TracerProvider(sampler=ALWAYS_ON, resource=_RESOURCE)


def to_application_insights(connection_string: str) -> OpenTelemetry:
    """Return who records for an Application Insights. Threads of its own send; nothing is kept on disk.

    The exporter reads by itself as whom it sends: APPLICATIONINSIGHTS_AUTHENTICATION_STRING. Its import takes a while,
    and begins when the first request is likely to be answered. What a process records that ends before is lost.
    """
    tracers = tracers_of_our_own()
    importing = Timer(_IMPORT_AFTER, import_module, [_EXPORTER])
    importing.daemon = True
    importing.start()
    tracers.add_span_processor(BatchSpanProcessor(_Spans(connection_string, tracers)))
    return OpenTelemetry(tracers, PeriodicExportingMetricReader(_Figures(connection_string)))


def _is_too_early() -> bool:
    """Tell whether the process ends before the exporter was imported, which cannot be done any more then."""
    return _EXPORTER not in sys.modules and not main_thread().is_alive()


class _Spans(SpanExporter):
    """Sends spans by an exporter that is made when there are some."""

    def __init__(self, connection_string: str, tracers: TracerProvider) -> None:
        self._connection_string, self._tracers = connection_string, tracers

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE if _is_too_early() else self._exporter.export(spans)

    def shutdown(self) -> None:
        if "_exporter" in vars(self):
            self._exporter.shutdown()

    @cached_property
    def _exporter(self) -> SpanExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter  # noqa: PLC0415 - off the start's way

        return AzureMonitorTraceExporter(
            connection_string=self._connection_string,
            disable_offline_storage=True,
            tracer_provider=self._tracers,  # the process's own has no resource, and each batch would log an error
        )


class _Figures(MetricExporter):
    """Sends figures in the same way, each time what has come since."""

    def __init__(self, connection_string: str) -> None:
        instruments: tuple[type, ...] = (SdkCounter, Histogram)
        super().__init__(preferred_temporality=dict.fromkeys(instruments, AggregationTemporality.DELTA))
        self._connection_string = connection_string

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **others: Any) -> MetricExportResult:
        if _is_too_early():
            return MetricExportResult.FAILURE
        return self._exporter.export(metrics_data, timeout_millis, **others)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return "_exporter" not in vars(self) or self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **others: Any) -> None:
        if "_exporter" in vars(self):
            self._exporter.shutdown(timeout_millis, **others)

    @cached_property
    def _exporter(self) -> MetricExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter  # noqa: PLC0415 - the same

        return AzureMonitorMetricExporter(connection_string=self._connection_string, disable_offline_storage=True)
