"""Spans and figures, recorded by OpenTelemetry itself in memory; and that nothing of it is there without a recorder."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from registry_api import telemetry
from registry_api.domain.drift import CHECK_INTERVAL
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource
from registry_api.opentelemetry import OpenTelemetry
from registry_api.service.ports import BackendError, Message
from registry_api.telemetry import span
from tests.service.world import World

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


class Recorded:
    """What was recorded."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.figures = InMemoryMetricReader()
        telemetry.record_with(OpenTelemetry(SimpleSpanProcessor(self.spans), self.figures))

    def of(self, name: str) -> list[ReadableSpan]:
        """Return the spans of a name that have ended."""
        return [one for one in self.spans.get_finished_spans() if one.name == name]

    def points(self, name: str) -> list[Any]:
        """Return what was counted or measured under a name."""
        data = self.figures.get_metrics_data()
        assert data is not None
        metrics = [metric for one in data.resource_metrics for scope in one.scope_metrics for metric in scope.metrics]
        return [point for metric in metrics if metric.name == name for point in metric.data.data_points]


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    """Record everything, until the end of the test."""
    yield Recorded()
    telemetry.record_with(None)


async def test_one_trace_spans_request_visits_and_calls(recorded: Recorded) -> None:
    """The trace goes through the message, and every call has the facts that tell it from others."""
    world = World()
    with span("request", CALLER):
        outcome = await world.put("eastus", "westus")
        trace = telemetry.traceparent()
    assert trace is not None
    with span("provision", trace):
        await world.settle()

    ended = recorded.spans.get_finished_spans()
    assert {one.name for one in ended} >= {"request", "announce", "commit", "provision", "visit", "observe", "start"}
    assert {f"{one.context.trace_id:032x}" for one in ended} == {CALLER.split("-")[1]}
    for call in recorded.of("start"):
        facts = {key.removeprefix("registry_api."): value for key, value in (call.attributes or {}).items()}
        assert facts["registry"] == "Demo1"
        assert facts["operation"] == outcome.registry.operation.id
        assert {"region", "resource", "epoch", "attempt"} <= facts.keys()
    (point,) = recorded.points("registry_api.operation.duration")
    assert dict(point.attributes) == {"kind": "Create", "outcome": "Succeeded"}
    assert recorded.points("registry_api.queue.age")[0].count == len(recorded.of("visit"))


async def test_a_failure_is_the_outcome_of_its_call_and_is_counted(recorded: Recorded) -> None:
    """The call that failed has the code as its status, and not the cloud's words."""
    refused = Failure(code="ProvisioningFailed", message="hunter2", kind=FailureKind.BLOCKED)

    def refuse(resource: Resource) -> BackendError | None:
        return BackendError(refused) if resource.key == (Kind.STORAGE_ACCOUNT, "westus", 0) else None

    world = World()
    world.backend.refuse = refuse
    await world.put("eastus", "westus")
    await world.settle()

    assert [one.status.description for one in recorded.of("start") if not one.status.is_ok] == ["ProvisioningFailed"]
    assert [dict(point.attributes) for point in recorded.points("registry_api.retries")] == [{"failure": "Blocked"}]
    assert all("hunter2" not in one.to_json() for one in recorded.spans.get_finished_spans())


async def test_drift_is_counted_when_it_is_found_and_when_it_is_repaired(recorded: Recorded) -> None:
    """The repair belongs to the trace of the check that found it."""
    world = World()
    await world.put("eastus", "westus")
    await world.settle()
    world.backend.lose("westus")
    world.clock.advance(CHECK_INTERVAL.total_seconds())
    await world.tick()
    await world.settle()

    assert [point.value for point in recorded.points("registry_api.drift.found")] == [2]
    assert [point.value for point in recorded.points("registry_api.drift.repaired")] == [1]
    check = recorded.of("check")[-1]
    assert recorded.of("visit")[-1].context.trace_id == check.context.trace_id


@pytest.mark.parametrize("given", [None, "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01", 7, {"a": []}])
def test_no_traceparent_can_poison_a_message(recorded: Recorded, given: object) -> None:
    """A message can be read whatever stands there, and its work is a trace of its own."""
    content = {"tenant": "t", "name": "n", "visit": "v", "serial": 1, "announced_at": "2026-01-01T00:00:00Z"}
    message = Message.model_validate({**content, "traceparent": given})
    with span("provision", message.traceparent):
        pass

    assert Message.model_validate(content).traceparent is None
    assert recorded.of("provision")[0].parent is None


def test_what_is_raised_is_named_and_not_quoted(recorded: Recorded) -> None:
    """An exception's text may have secrets in it; its class has none."""
    with pytest.raises(ValueError, match="hunter2"), span("visit"):
        raise ValueError("hunter2")
    (ended,) = recorded.of("visit")

    assert ended.status.description == "ValueError"
    assert "hunter2" not in ended.to_json()


def test_off_imports_nothing_of_it() -> None:
    """Neither the function app nor the app behind it imports OpenTelemetry without the setting."""
    code = (
        "import sys, function_app; from registry_api import bootstrap; bootstrap.app();"
        "print([name for name in sys.modules if 'opentelemetry' in name or name.startswith('azure.monitor')])"
    )
    environment = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
