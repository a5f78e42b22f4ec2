"""What is recorded of traces and figures, by OpenTelemetry itself in memory."""

from typing import Any

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from registry_api import telemetry
from registry_api.opentelemetry import OpenTelemetry, tracers_of_our_own

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


class Recorded:
    """What was recorded."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.figures = InMemoryMetricReader()
        tracers = tracers_of_our_own()
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        telemetry.record_with(OpenTelemetry(tracers, self.figures))

    def of(self, name: str) -> list[ReadableSpan]:
        """Return the spans of a name that have ended."""
        return [one for one in self.spans.get_finished_spans() if one.name == name]

    def points(self, name: str) -> list[Any]:
        """Return what was counted or measured under a name."""
        data = self.figures.get_metrics_data()
        assert data is not None
        metrics = [metric for one in data.resource_metrics for scope in one.scope_metrics for metric in scope.metrics]
        return [point for metric in metrics if metric.name == name for point in metric.data.data_points]
